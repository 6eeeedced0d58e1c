//! What the probes of a rule have found: "Manage Azure Load Balancer health status".

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::asked::{Asked, list, text};
use super::super::error::{Result, error, missing};
use super::super::operation::{Next, Operation, Work};
use super::super::world::{SECOND, World};
use super::flow::Turn;
use super::view;

/// Asked for by a POST, and answered later.
pub(super) fn health(world: &mut World, asked: &Asked) -> Result<Answer> {
    let id = asked.path.split('/').take(9).collect::<Vec<_>>().join("/");
    let found = world.find(&id).ok_or_else(|| missing(&id))?;
    let named = |rule: &Value| text(rule, "name").eq_ignore_ascii_case(asked.name(1));
    if !list(&found.body, "properties.loadBalancingRules").iter().any(named) {
        return Err(error(404, "NotFound", format!("Resource {} not found.", asked.target())));
    }
    let takes = world.settings.operation.min(2 * SECOND);
    let data = json!({ "balancer": found.id, "rule": asked.name(1) });
    let work = Work { target: asked.target().into(), doing: "Updating", takes, step: looked, data };
    let operation = world.start(asked, work);
    Ok(world.accepted(asked, Answer::empty(202), &operation))
}

/// Of the pool that the rule names, and of no other: who is in no rule's pool is not probed.
fn looked(world: &mut World, operation: &Operation) -> Next {
    let (balancer, rule) = (text(&operation.data, "balancer"), text(&operation.data, "rule"));
    let Some((pool, turns)) = world.probed(balancer, rule, world.now) else {
        return Next::Failed(error(404, "NotFound", format!("The rule {rule} of {balancer} is gone.")));
    };
    let up = turns.iter().filter(|(_, turn)| turn.up()).count();
    let addresses: Vec<Value> = turns
        .iter()
        .map(|(machine, turn)| {
            json!({
                "ipAddress": view::ip_address(machine),
                "networkInterfaceIPConfigurationId": view::configuration(machine, &pool),
                "state": if turn.up() { "Up" } else { "Down" },
                "reason": reason(*turn),
            })
        })
        .collect();
    Next::Output(json!({ "up": up, "down": turns.len() - up, "loadBalancerBackendAddresses": addresses }))
}

fn reason(turn: Turn) -> &'static str {
    match turn {
        Turn::Up => "Up_Probe_Success",
        Turn::AllDownIsUp => "Up_Probe_AllDownIsUp",
        Turn::Forced => "Up_Admin",
        Turn::Fresh => "Down_Probe_ApproachingHealthyThreshold",
        Turn::Down => "Down_Probe_HttpStatusCodeError",
        Turn::Silent => "Down_Probe_HttpEndpointUnreachable",
        Turn::Barred => "Down_Admin",
    }
}
