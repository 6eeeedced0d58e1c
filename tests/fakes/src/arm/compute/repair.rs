//! "Automatic instance repairs for Azure Virtual Machine Scale Sets": who is ill is replaced, with nobody asking.

use serde_json::Value;

use super::super::asked::{at, key, text};
use super::super::world::{Event, MINUTE, SECOND, World};
use super::machine::Launch;

/// How often a scale set that repairs looks at its members.
const LOOKS: u64 = 30 * SECOND;

/// A scale set that is to repair its members looks at them from now on.
pub(crate) fn watch(world: &mut World, set: &str) {
    if repairs(world, set) && world.compute.watched.insert(key(set)) {
        let at = world.now + LOOKS;
        world.schedule(at, Event::Act(look, set.into()));
    }
}

fn repairs(world: &World, set: &str) -> bool {
    let policy = world.find(set).and_then(|found| at(&found.body, "properties.automaticRepairsPolicy.enabled"));
    policy == Some(&Value::Bool(true))
}

fn look(world: &mut World, set: &str) {
    if !repairs(world, set) {
        world.compute.watched.remove(&key(set));
        return;
    }
    let Some(found) = world.find(set).cloned() else { return };
    // "The time duration should be specified in ISO 8601 format. The minimum allowed grace period is 10 minutes (PT10M), which is also the default value."
    let minutes = text(&found.body, "properties.automaticRepairsPolicy.gracePeriod");
    let minutes = minutes.strip_prefix("PT").and_then(|rest| rest.strip_suffix('M')).and_then(|minutes| minutes.parse().ok());
    let grace = minutes.unwrap_or(10u64) * MINUTE;
    let (now, check) = (world.now, world.compute.check);
    let ill = world
        .members(set)
        .filter(|machine| machine.active())
        .filter(|machine| machine.reported(now, check).is_some_and(|(since, code)| code == "unhealthy" && since + grace <= now));
    // "at any given time, no more than 5% of the instances in the scale set are repaired".
    let most = world.members(set).count().div_ceil(20);
    let ill: Vec<(u64, Option<String>)> = ill.take(most).map(|machine| (machine.number, machine.zone.clone())).collect();
    for (number, zone) in ill {
        world.dismiss(number, false);
        let reference = at(&found.body, "properties.virtualMachineProfile.storageProfile.imageReference");
        if let Some(Ok(image)) = reference.map(|reference| world.image_of(reference)) {
            world.launch(Launch { set: set.into(), zone, image });
        }
    }
    let again = world.now + LOOKS;
    world.schedule(again, Event::Act(look, set.into()));
}
