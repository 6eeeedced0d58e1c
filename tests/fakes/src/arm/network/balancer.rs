//! Load balancers: what is asked of them. A PUT is the whole of one: what it does not say is not there any more.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::asked::{self, Asked, key, text};
use super::super::error::{Result, error};
use super::super::operation::{Next, Operation, Work};
use super::super::resource::Resource;
use super::super::world::World;
use super::{rivals, rules, view};

pub(super) fn get(world: &mut World, asked: &Asked) -> Result<Answer> {
    let found = world.look(asked)?;
    Ok(shown(world, &found, 200))
}

pub(super) fn list(world: &mut World, asked: &Asked) -> Result<Answer> {
    let all = world.look_below(&asked.path).into_iter().map(|(id, found)| (id, view::json(world, &found))).collect();
    Ok(world.page(asked, all))
}

/// With its etag, in the header too.
fn shown(world: &World, found: &Resource, status: u16) -> Answer {
    Answer::new(status, view::json(world, found)).header("etag", view::etag(world, found))
}

pub(super) fn create(world: &mut World, asked: &Asked) -> Result<Answer> {
    view::precondition(world, asked, &asked.path)?;
    if text(&asked.body, "location").is_empty() {
        return Err(error(400, "LocationRequired", "The location property is required for this definition."));
    }
    let body = rules::kept(&asked.body)?;
    rules::check(world, &asked.path, &body)?;
    let before = world.find(&asked.path).cloned();
    for pool in before.iter().flat_map(|before| asked::list(&before.body, "properties.backendAddressPools")) {
        let name = text(pool, "name");
        let stays = |kept: &Value| text(kept, "name").eq_ignore_ascii_case(name);
        if !asked::list(&body, "properties.backendAddressPools").iter().any(stays) {
            rules::unused(world, &format!("{}/backendAddressPools/{name}", asked.path), name)?;
        }
    }
    rivals(world, asked, &asked.path, "PutLoadBalancerOperation")?;
    let made = world.keep(&asked.path, true, body);
    let operation = begin(world, asked, &made.id, if before.is_some() { "Updating" } else { "Creating" }, written, Value::Null);
    let status = if before.is_some() { 200 } else { 201 };
    let answer = world.find(&made.id).map_or(Answer::empty(status), |made| shown(world, made, status));
    Ok(world.accepted(asked, answer, &operation))
}

/// Begins a write to a load balancer.
pub(super) fn begin(
    world: &mut World,
    asked: &Asked,
    balancer: &str,
    doing: &'static str,
    step: fn(&mut World, &Operation) -> Next,
    data: Value,
) -> String {
    let takes = world.settings.operation;
    world.start(asked, Work { target: balancer.into(), doing, takes, step, data })
}

/// It is done: what is said is on its way to the data path.
fn written(world: &mut World, operation: &Operation) -> Next {
    world.programmed(&operation.target);
    let Some(found) = world.find(&operation.target) else { return Next::Done };
    let mut shown = view::json(world, found);
    super::super::asked::put(&mut shown, "properties.provisioningState", json!("Succeeded"));
    Next::Output(shown)
}

impl World {
    /// What somebody has made of a load balancer by hand is kept as if it had been PUT, if it can be.
    pub(crate) fn straighten(&mut self, balancer: &str) {
        if let Some(found) = self.find_mut(balancer)
            && let Ok(body) = rules::kept(&found.body)
        {
            found.body = body;
        }
    }

    /// What is said of a load balancer now will be in force.
    pub(crate) fn programmed(&mut self, balancer: &str) {
        let from = self.now.saturating_add(self.network.settle);
        self.in_force(balancer, from);
    }

    /// What is said of a load balancer now is in force from a time on.
    pub(crate) fn in_force(&mut self, balancer: &str, from: u64) {
        if let Some(body) = self.find(balancer).map(|found| found.body.clone()) {
            self.network.history.entry(key(balancer)).or_default().push((from, body));
        }
    }
}
