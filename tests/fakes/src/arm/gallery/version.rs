//! Versions of images and of applications: what is asked of them.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::asked::{Asked, at, key, put, text};
use super::super::error::{Result, conflict, error, invalid};
use super::super::operation::{Next, Operation, Work};
use super::super::resource::Resource;
use super::super::world::World;
use super::rules::{self, Sort};

/// "The expand expression to apply on the operation": without it nothing is said of the regions (azure-libraries-for-net#998).
pub(super) fn get(world: &mut World, asked: &Asked) -> Result<Answer> {
    let found = world.look(asked)?;
    let mut answer = found.answer(200);
    match asked.query.get("$expand").map(String::as_str) {
        None => {}
        Some("ReplicationStatus") => {
            let status = world.shelf.replications.get(&asked.key()).map(|replication| replication.json(world.now));
            if let (Some(body), Some(status)) = (&mut answer.body, status) {
                put(body, "properties.replicationStatus", status);
            }
        }
        Some(other) => return Err(invalid("$expand", format!("The value '{other}' of parameter '$expand' is invalid."))),
    }
    Ok(answer)
}

/// In no order that numbers have.
pub(super) fn list(world: &mut World, asked: &Asked) -> Result<Answer> {
    rules::parent(world, Sort::of(asked), asked)?;
    let shown = world.look_below(&asked.path).into_iter().map(|(id, found)| (id, found.json()));
    Ok(world.page(asked, shown.collect()))
}

pub(super) fn create(world: &mut World, asked: &Asked) -> Result<Answer> {
    let sort = Sort::of(asked);
    rules::parent(world, sort, asked)?;
    rules::version_name(sort, asked.name(2))?;
    let location = text(&asked.body, "location");
    if location.is_empty() {
        return Err(error(400, "LocationRequired", "The location property is required for this definition."));
    }
    if at(&asked.body, "properties").is_none() {
        return Err(invalid("properties", "Required parameter 'properties' is missing (null)."));
    }
    let before = world.find(&asked.path).cloned();
    match &before {
        Some(before) => {
            idle(world, before)?;
            rules::unchanged(sort, &before.body, &asked.body)?;
        }
        None => rules::source(world, sort, &asked.body)?,
    }
    let body = rules::kept(world, &asked.body, before.as_ref().map(|before| &before.body));
    rules::home(sort, &body)?;
    Ok(publish(world, asked, body, before.is_some()))
}

/// What is said is changed, the list of regions whole; the rest stays.
pub(super) fn update(world: &mut World, asked: &Asked) -> Result<Answer> {
    let sort = Sort::of(asked);
    let before = world.look(asked)?;
    idle(world, &before)?;
    rules::unchanged(sort, &before.body, &asked.body)?;
    let mut body = before.body.clone();
    for field in [
        "tags",
        "properties.publishingProfile.targetRegions",
        "properties.publishingProfile.replicaCount",
        "properties.publishingProfile.excludeFromLatest",
        "properties.publishingProfile.endOfLifeDate",
        "properties.safetyProfile.allowDeletionOfReplicatedLocations",
        "properties.safetyProfile.blockDeletionBeforeEndOfLife",
    ] {
        if let Some(value) = at(&asked.body, field) {
            put(&mut body, field, value.clone());
        }
    }
    let body = rules::kept(world, &body, Some(&before.body));
    rules::home(sort, &body)?;
    Ok(publish(world, asked, body, true))
}

/// One change at a time: "Conflict", as "Troubleshoot shared images in Azure" has it.
fn idle(world: &World, found: &Resource) -> Result<()> {
    if world.open_of(&found.id).is_empty() {
        return Ok(());
    }
    Err(conflict(
        "Conflict",
        format!("The request failed due to conflict with a concurrent request. The resource '{}' is {}.", found.id, found.state),
    ))
}

fn publish(world: &mut World, asked: &Asked, body: Value, known: bool) -> Answer {
    let (id, now) = (key(&asked.path), world.now);
    let regions = rules::regions(&body);
    let made = world.keep(&asked.path, false, body);
    let mut replication = world.shelf.replications.remove(&id).unwrap_or_default();
    let before = replication.ends();
    replication.aim(&regions, now, |region| world.shelf.copying_to(region));
    // A copy that is there is there: only what is new takes its time.
    let new = replication.ends() > before.max(now);
    world.shelf.replications.insert(id, replication);
    let takes = if new { world.shelf.copying } else { world.settings.operation };
    let doing = if known { "Updating" } else { "Creating" };
    let work = Work { target: made.id.clone(), doing, takes, step: published, data: Value::Null };
    let operation = world.start(asked, work);
    let shown = world.find(&made.id).map_or(Answer::empty(200), |made| made.answer(if known { 200 } else { 201 }));
    world.accepted(asked, shown, &operation)
}

/// The operation is over when its own time is, whatever regions there are that are late: AgentBaker#8373. Who fails by then makes it fail.
fn published(world: &mut World, operation: &Operation) -> Next {
    let failure = world.shelf.replications.get(&operation.target).and_then(|replication| replication.failure(world.now));
    match failure {
        Some((region, why)) => {
            Next::Failed(error(409, "ReplicationFailed", format!("The replication to region '{region}' has failed: {why}")))
        }
        None => Next::Done,
    }
}

/// Nobody asks who uses it: scale sets that are there run on, and can make no more machines of it (MicrosoftDocs/azure-docs#123267).
pub(super) fn delete(world: &mut World, asked: &Asked) -> Result<Answer> {
    let Some(found) = world.find(&asked.path).cloned() else { return Ok(Answer::empty(204)) };
    if found.state == "Deleting" {
        return Ok(Answer::empty(202));
    }
    idle(world, &found)?;
    blocked(world, &found)?;
    let takes = world.settings.operation;
    let work = Work { target: found.id.clone(), doing: "Deleting", takes, step: deleted, data: json!(found.id) };
    let operation = world.start(asked, work);
    Ok(world.accepted(asked, Answer::empty(202), &operation))
}

fn deleted(world: &mut World, operation: &Operation) -> Next {
    world.shelf.replications.remove(&operation.target);
    world.remove(&operation.target);
    Next::Done
}

/// "Indicates whether or not the deletion is blocked for this Gallery Image Version if its End Of Life has not expired": GalleryImageVersionSafetyProfile.
fn blocked(world: &World, found: &Resource) -> Result<()> {
    let block = at(&found.body, "properties.safetyProfile.blockDeletionBeforeEndOfLife").and_then(Value::as_bool) == Some(true);
    let end: Option<jiff::Timestamp> = text(&found.body, "properties.publishingProfile.endOfLifeDate").parse().ok();
    let over = end.is_some_and(|end| u64::try_from(end.as_millisecond()).is_ok_and(|end| end <= world.now));
    if !block || over {
        return Ok(());
    }
    Err(conflict("OperationNotAllowed", format!("The deletion of '{}' is blocked until its end of life.", found.id)))
}
