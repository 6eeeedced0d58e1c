//! Managed images: "Create a managed image". They have neither versions nor replicas.

use serde_json::{Value, json};

use super::answer::Answer;
use super::asked::{Asked, at, key, put, text};
use super::compute;
use super::error::{Result, conflict, error, invalid};
use super::operation::{Next, Operation, Work};
use super::table::Row;
use super::world::World;

pub(crate) const KIND: &str = "Microsoft.Compute/images";
const ONE: &str = "G/Microsoft.Compute/images/*";

pub(crate) const CALLS: &[Row] = &[
    Row::new("images.get", "GET", ONE, compute::VERSIONS, get).query(&["$expand"]),
    Row::new("images.list", "GET", "S/Microsoft.Compute/images", compute::VERSIONS, list),
    Row::new("images.listByResourceGroup", "GET", "G/Microsoft.Compute/images", compute::VERSIONS, list_of_group),
    Row::new("images.createOrUpdate", "PUT", ONE, compute::VERSIONS, create),
    Row::new("images.delete", "DELETE", ONE, compute::VERSIONS, delete),
];

fn get(world: &mut World, asked: &Asked) -> Result<Answer> {
    Ok(world.look(asked)?.answer(200))
}

fn list(world: &mut World, asked: &Asked) -> Result<Answer> {
    let groups = world.groups.clone();
    let all = groups.iter().flat_map(|group| {
        let place = format!("/subscriptions/{}/resourceGroups/{group}/providers/{KIND}", world.subscription);
        world.look_below(&place)
    });
    let shown = all.map(|(id, found)| (id, found.json())).collect();
    Ok(world.page(asked, shown))
}

fn list_of_group(world: &mut World, asked: &Asked) -> Result<Answer> {
    let shown = world.look_below(&asked.path).into_iter().map(|(id, found)| (id, found.json())).collect();
    Ok(world.page(asked, shown))
}

/// Made of a virtual machine or of a disk. What it is made of cannot be changed.
fn create(world: &mut World, asked: &Asked) -> Result<Answer> {
    if text(&asked.body, "location").is_empty() {
        return Err(error(400, "LocationRequired", "The location property is required for this definition."));
    }
    let machine = text(&asked.body, "properties.sourceVirtualMachine.id");
    let disk = at(&asked.body, "properties.storageProfile.osDisk").is_some_and(Value::is_object);
    let before = world.find(&asked.path).cloned();
    if let Some(before) = &before {
        let (old, new) = (text(&before.body, "properties.sourceVirtualMachine.id"), machine);
        if !old.eq_ignore_ascii_case(new) {
            let message = "Changing property 'sourceVirtualMachine.id' is not allowed.";
            return Err(conflict("PropertyChangeNotAllowed", message));
        }
    } else if machine.is_empty() && !disk {
        return Err(invalid("image", "Either 'sourceVirtualMachine' or 'storageProfile.osDisk' must be specified."));
    } else if !machine.is_empty() && !world.shelf.generalized.contains(&key(machine)) {
        // packer#3536 quotes it.
        let message = "The Virtual Machine cannot be used as a source for an image because it is not generalized.";
        return Err(conflict("OperationNotAllowed", message));
    }
    let mut body = asked.body.clone();
    if at(&body, "properties.hyperVGeneration").is_none_or(Value::is_null) {
        put(&mut body, "properties.hyperVGeneration", "V1".into());
    }
    if !disk && before.is_none() {
        let disk = json!({ "osType": "Linux", "osState": "Generalized", "diskSizeGB": 30, "caching": "ReadWrite", "storageAccountType": "Standard_LRS" });
        put(&mut body, "properties.storageProfile.osDisk", disk);
    }
    let made = world.keep(&asked.path, false, body);
    let (doing, takes) =
        if before.is_some() { ("Updating", world.settings.operation) } else { ("Creating", world.shelf.imaging) };
    let operation =
        world.start(asked, Work { target: made.id.clone(), doing, takes, step: |_, _| Next::Done, data: Value::Null });
    let shown = world.find(&made.id).map_or(Answer::empty(200), |made| made.answer(if before.is_some() { 200 } else { 201 }));
    Ok(world.accepted(asked, shown, &operation))
}

/// Nobody asks who uses it: who runs has a disk of its own.
fn delete(world: &mut World, asked: &Asked) -> Result<Answer> {
    let Some(found) = world.find(&asked.path).cloned() else { return Ok(Answer::empty(204)) };
    let takes = world.settings.operation;
    let work = Work { target: found.id.clone(), doing: "Deleting", takes, step: deleted, data: Value::Null };
    let operation = world.start(asked, work);
    Ok(world.accepted(asked, Answer::empty(202), &operation))
}

fn deleted(world: &mut World, operation: &Operation) -> Next {
    world.remove(&operation.target);
    Next::Done
}
