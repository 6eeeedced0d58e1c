//! Backend pools, each by itself. They are parts of their load balancer, and so are writes to them.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::asked::{Asked, list, put, text};
use super::super::error::{ArmError, Result, bad, error, missing};
use super::super::operation::{Next, Operation};
use super::super::world::World;
use super::balancer::begin;
use super::{reference, rivals, rules, view};

/// The id of the load balancer whose pool a request is about.
fn balancer(asked: &Asked) -> String {
    asked.path.split('/').take(9).collect::<Vec<_>>().join("/")
}

fn no_pool(asked: &Asked) -> ArmError {
    error(404, "NotFound", format!("Resource {} not found.", asked.path))
}

fn no_balancer(asked: &Asked) -> ArmError {
    missing(&balancer(asked))
}

pub(super) fn get(world: &mut World, asked: &Asked) -> Result<Answer> {
    let found = world.find(&balancer(asked)).ok_or_else(|| no_balancer(asked))?;
    let pool = view::pool(world, found, asked.name(1)).ok_or_else(|| no_pool(asked))?;
    Ok(Answer::ok(pool).header("etag", view::etag(world, found)))
}

pub(super) fn create(world: &mut World, asked: &Asked) -> Result<Answer> {
    let id = balancer(asked);
    let mut body = world.find(&id).ok_or_else(|| no_balancer(asked))?.body.clone();
    precondition(world, asked, &id)?;
    let mut said = asked.body.clone();
    put(&mut said, "name", asked.name(1).into());
    let pool = rules::kept_part("backendAddressPools", &said)?;
    let mut pools = list(&body, "properties.backendAddressPools").to_vec();
    let known = pools.iter_mut().find(|known| text(known, "name").eq_ignore_ascii_case(asked.name(1)));
    let status = match known {
        Some(known) => {
            *known = pool;
            200
        }
        None => {
            pools.push(pool);
            201
        }
    };
    rivals(world, asked, &id, "PutLoadBalancerBackendAddressPoolOperation")?;
    put(&mut body, "properties.backendAddressPools", pools.into());
    let kept = world.keep(&id, true, body);
    let operation = begin(world, asked, &kept.id, "Updating", written, json!(asked.name(1)));
    let found = world.find(&id).ok_or_else(|| no_balancer(asked))?;
    let shown = view::pool(world, found, asked.name(1)).ok_or_else(|| no_pool(asked))?;
    let answer = Answer::new(status, shown).header("etag", view::etag(world, found));
    Ok(world.accepted(asked, answer, &operation))
}

/// Its etag is that of the load balancer.
fn precondition(world: &World, asked: &Asked, balancer: &str) -> Result<()> {
    let known = world.find(balancer).filter(|found| view::pool(world, found, asked.name(1)).is_some());
    match known {
        Some(_) => view::precondition(world, asked, balancer),
        None if asked.if_match.is_some() => Err(super::super::error::stale(&asked.path)),
        None => Ok(()),
    }
}

fn written(world: &mut World, operation: &Operation) -> Next {
    world.programmed(&operation.target);
    let name = operation.data.as_str().unwrap_or_default();
    let shown = world.find(&operation.target).and_then(|found| view::pool(world, found, name));
    shown.map_or(Next::Done, |mut shown| {
        put(&mut shown, "properties.provisioningState", "Succeeded".into());
        Next::Output(shown)
    })
}

/// Refused while a rule names it, or somebody is in it.
pub(super) fn delete(world: &mut World, asked: &Asked) -> Result<Answer> {
    let id = balancer(asked);
    let Some(found) = world.find(&id).cloned() else { return Ok(Answer::empty(204)) };
    if view::pool(world, &found, asked.name(1)).is_none() {
        return Ok(Answer::empty(204));
    }
    precondition(world, asked, &id)?;
    let pool = asked.key();
    let naming = list(&found.body, "properties.loadBalancingRules")
        .iter()
        .find(|rule| reference(rule, "properties.backendAddressPool").is_some_and(|named| named == pool));
    if let Some(rule) = naming {
        // The words are those of a load balancer that is PUT without it: pulumi-azure-native#3601.
        let message = format!(
            "Resource {} referenced by resource {}/loadBalancingRules/{} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.",
            asked.path,
            found.id,
            text(rule, "name")
        );
        return Err(bad("InvalidResourceReference", message));
    }
    rules::unused(world, &pool, asked.name(1))?;
    rivals(world, asked, &id, "DeleteLoadBalancerBackendAddressPoolOperation")?;
    let mut body = found.body;
    let mut pools = list(&body, "properties.backendAddressPools").to_vec();
    pools.retain(|known| !text(known, "name").eq_ignore_ascii_case(asked.name(1)));
    put(&mut body, "properties.backendAddressPools", pools.into());
    let kept = world.keep(&id, true, body);
    let operation = begin(world, asked, &kept.id, "Updating", gone, Value::Null);
    Ok(world.accepted(asked, Answer::empty(202), &operation))
}

fn gone(world: &mut World, operation: &Operation) -> Next {
    world.programmed(&operation.target);
    Next::Done
}
