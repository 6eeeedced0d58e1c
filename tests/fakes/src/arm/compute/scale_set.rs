//! Scale sets: `Microsoft.Compute/virtualMachineScaleSets`.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::asked::{Asked, text};
use super::super::error::{ArmError, Result, bad, conflict, error, invalid, missing};
use super::super::operation::Work;
use super::super::resource::Resource;
use super::super::table::Row;
use super::super::world::World;
use super::model::{self, capacity};
use super::{VERSIONS, converge, repair};

const ALL: &str = "G/Microsoft.Compute/virtualMachineScaleSets";
const EVERYWHERE: &str = "S/Microsoft.Compute/virtualMachineScaleSets";
const ONE: &str = "G/Microsoft.Compute/virtualMachineScaleSets/*";
const DELETE: &str = "G/Microsoft.Compute/virtualMachineScaleSets/*/delete";

pub(crate) const CALLS: &[Row] = &[
    Row::new("virtualMachineScaleSets.createOrUpdate", "PUT", ONE, VERSIONS, create_or_update),
    Row::new("virtualMachineScaleSets.update", "PATCH", ONE, VERSIONS, update),
    Row::new("virtualMachineScaleSets.get", "GET", ONE, VERSIONS, get).query(&["$expand"]),
    Row::new("virtualMachineScaleSets.list", "GET", ALL, VERSIONS, list),
    Row::new("virtualMachineScaleSets.listAll", "GET", EVERYWHERE, VERSIONS, list_all),
    Row::new("virtualMachineScaleSets.delete", "DELETE", ONE, VERSIONS, delete).query(&["forceDeletion"]),
    Row::new("virtualMachineScaleSets.deleteInstances", "POST", DELETE, VERSIONS, delete_instances).query(&["forceDeletion"]),
];

fn get(world: &mut World, asked: &Asked) -> Result<Answer> {
    let found = world.look(asked)?;
    Ok(answer(&found, asked, 200))
}

fn list(world: &mut World, asked: &Asked) -> Result<Answer> {
    let all = world.look_below(asked.target()).into_iter().map(|(id, found)| (id, model::shown(&found, asked)));
    Ok(world.page(asked, all.collect()))
}

/// "Gets a list of all VM Scale Sets in the subscription, regardless of the associated resource group."
fn list_all(world: &mut World, asked: &Asked) -> Result<Answer> {
    let groups = world.groups.clone();
    let all = groups.iter().flat_map(|group| {
        let place = format!(
            "/subscriptions/{}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachineScaleSets",
            world.subscription
        );
        world.look_below(&place)
    });
    let shown = all.map(|(id, found)| (id, model::shown(&found, asked))).collect();
    Ok(world.page(asked, shown))
}

fn answer(found: &Resource, asked: &Asked, status: u16) -> Answer {
    Answer::new(status, model::shown(found, asked)).header("etag", found.etag())
}

fn create_or_update(world: &mut World, asked: &Asked) -> Result<Answer> {
    world.check_etag(asked)?;
    is_not_leaving(world, asked, "Create or Update Virtual Machine Scale Set")?;
    let body = model::whole(world, asked)?;
    within_quota(world, asked, &body)?;
    let new = world.find(asked.target()).is_none();
    check_name(asked)?;
    let target = world.keep(asked.target(), true, body).id;
    begin(world, asked, &target, if new { (201, "Creating") } else { (200, "Updating") })
}

fn update(world: &mut World, asked: &Asked) -> Result<Answer> {
    let found = world.find(asked.target()).cloned().ok_or_else(|| missing(asked.target()))?;
    world.check_etag(asked)?;
    is_not_leaving(world, asked, "Update Virtual Machine Scale Set")?;
    let body = model::patched(world, asked, &found)?;
    within_quota(world, asked, &body)?;
    let target = world.keep(asked.target(), true, body).id;
    begin(world, asked, &target, (200, "Updating"))
}

/// The model is kept at once; machines follow. A later request for the same scale set preempts the one that goes on (autoscaler#3018), deletions of
/// members that have not begun included (autoscaler#9505).
fn begin(world: &mut World, asked: &Asked, target: &str, (status, doing): (u16, &'static str)) -> Result<Answer> {
    let why = error(409, "OperationPreempted", "Operation execution has been preempted by a more recent operation.");
    world.supersede(target, &why);
    repair::watch(world, target);
    let takes = world.compute.reaction.min(world.settings.operation);
    let work = Work { target: target.into(), doing, takes, step: converge::settle, data: Value::Null };
    let operation = world.start(asked, work);
    let found = world.find(target).cloned().ok_or_else(|| missing(target))?;
    Ok(world.accepted(asked, answer(&found, asked, status), &operation))
}

/// At most 64 letters, digits, underscores, periods and hyphens, with no underscore first, and neither a period nor a hyphen last ("Naming rules and
/// restrictions for Azure resources").
fn check_name(asked: &Asked) -> Result<()> {
    let name = asked.name(0);
    let letters = name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-'));
    if letters && name.len() <= 64 && !name.starts_with('_') && !name.ends_with(['.', '-']) {
        return Ok(());
    }
    Err(bad("InvalidResourceName", format!("The name '{name}' of a virtual machine scale set is invalid.")))
}

/// onefuzz#511, cloud-provider-azure#481.
fn is_not_leaving(world: &World, asked: &Asked, operation: &str) -> Result<()> {
    match world.find(asked.target()) {
        Some(found) if found.state == "Deleting" => Err(conflict(
            "OperationNotAllowed",
            format!(
                "Operation '{operation}' is not allowed on Virtual Machine Scale Set '{}' since it is marked for deletion. For more information on your operations, please refer to https://aka.ms/activitylog.",
                found.name()
            ),
        )),
        _ => Ok(()),
    }
}

/// Where it is found at once that there may not be so many: "Error codes: OperationNotAllowed" of "Resolve errors for resource quotas".
fn within_quota(world: &World, asked: &Asked, body: &Value) -> Result<()> {
    let Some(quota) = world.compute.quota.filter(|_| world.compute.strict_quota) else { return Ok(()) };
    let more = capacity(body).saturating_sub(world.members(asked.target()).count());
    if more == 0 || world.machines_there(None) + more <= quota { Ok(()) } else { Err(converge::over_quota(quota)) }
}

fn delete(world: &mut World, asked: &Asked) -> Result<Answer> {
    world.check_etag(asked)?;
    // What does not exist is deleted: 204.
    let Some(found) = world.find(asked.target()).cloned() else { return Ok(Answer::empty(204)) };
    let target = found.id.clone();
    if let Some(going) = world.open_of(&target).pop().filter(|_| found.state == "Deleting") {
        return Ok(world.accepted(asked, Answer::empty(202), &going));
    }
    let why: ArmError = error(409, "OperationPreempted", "Operation execution has been preempted by a more recent operation.");
    world.supersede(&target, &why);
    let data = json!({ "force": asked.query.get("forceDeletion").is_some_and(|force| force == "true") });
    let work = Work { target, doing: "Deleting", takes: world.compute.reaction, step: converge::clear, data };
    let operation = world.start(asked, work);
    Ok(world.accepted(asked, Answer::empty(202), &operation))
}

/// "Deletes virtual machines in a VM scale set." The models ask for names; without any it is all of them: azure-powershell#21162.
fn delete_instances(world: &mut World, asked: &Asked) -> Result<Answer> {
    let target = world.find(asked.target()).map(|found| found.id.clone()).ok_or_else(|| missing(asked.target()))?;
    is_not_leaving(world, asked, "Delete Virtual Machine Scale Set VMs")?;
    let going = world.open_of(&target).into_iter().filter_map(|id| world.operations.get(&id));
    let mut going = going.filter(|known| known.asked.row.call == asked.row.call);
    // "concurrent deletion requests (possibly for different VMs)": autoscaler#3284.
    if world.compute.one_deletion && going.next().is_some() {
        return Err(conflict("Conflict", "The request failed due to conflict with a concurrent request."));
    }
    let named = super::super::asked::list(&asked.body, "instanceIds");
    let known =
        asked.body.is_null() || asked.body.as_object().is_some_and(|body| body.keys().all(|field| field == "instanceIds"));
    if !known || named.iter().any(|name| !name.is_string()) {
        return Err(bad(
            "InvalidRequestContent",
            "Could not find member on object of type 'VirtualMachineScaleSetVMInstanceRequiredIDs'.",
        ));
    }
    let all = named.is_empty() || named.iter().any(|name| name == "*");
    let mut numbers = Vec::new();
    for machine in world.members(&target).filter(|machine| machine.active() && all) {
        numbers.push(machine.number);
    }
    for name in named.iter().filter_map(Value::as_str).filter(|_| !all) {
        let mut active = world.members(&target).filter(|machine| machine.active());
        // The ids of a flexible scale set's machines are their names: azure-sdk-for-go#19588.
        let found = active.find(|machine| machine.instance.eq_ignore_ascii_case(name)).map(|machine| machine.number);
        // onefuzz#2547; one that is being deleted is not active any more: cloud-provider-azure#2356.
        let why = format!("The provided instanceId {name} is not an active Virtual Machine Scale Set VM instanceId.");
        numbers.push(found.ok_or_else(|| invalid("instanceIds", why))?);
    }
    let force = asked.query.get("forceDeletion").is_some_and(|force| force == "true");
    let data = json!({ "numbers": numbers, "force": force });
    let work = Work { target, doing: "Updating", takes: world.compute.reaction, step: converge::dismiss, data };
    let operation = world.start(asked, work);
    Ok(world.accepted(asked, Answer::empty(202), &operation))
}

/// Whether a scale set is of this mode.
pub(crate) fn is_flexible(found: &Resource) -> bool {
    text(&found.body, "properties.orchestrationMode") == "Flexible"
}
