//! What a scale set does to become what its model says. It does so for an operation, and never by itself.

use serde_json::Value;

use super::super::asked::{at, list, text};
use super::super::error::{ArmError, error};
use super::super::operation::{Next, Operation};
use super::super::resource::Resource;
use super::super::world::{SECOND, World};
use super::machine::Launch;
use super::model::{capacity, set_capacity};
use super::scale_set::is_flexible;

/// How often a scale set looks whether its machines are ready, at the least.
const LOOKS: u64 = 10 * SECOND;

/// createOrUpdate and update: as many machines as the capacity says, and then until each of them is ready.
pub(crate) fn settle(world: &mut World, operation: &Operation) -> Next {
    if operation.data.is_null() {
        let trouble = world.reconcile(&operation.target);
        if let Some(known) = world.operations.get_mut(&operation.id) {
            known.trouble = trouble;
            known.data = true.into();
        }
        let ready = world.ready_at(operation).unwrap_or(world.now);
        return Next::Again(ready.clamp(world.now + 1, world.now + LOOKS));
    }
    if let Some(ready) = world.ready_at(operation).filter(|ready| *ready > world.now) {
        return Next::Again(ready.min(world.now + LOOKS));
    }
    if let Some(trouble) = operation.trouble.clone().filter(|_| !world.compute.content_with_fewer) {
        return Next::Failed(trouble);
    }
    world.drop_extras(&operation.target);
    let failed = world.members(&operation.target).find_map(|machine| {
        let (at, why) = &machine.settled;
        why.clone().filter(|_| machine.active() && machine.created >= operation.started && *at <= world.now)
    });
    failed.map_or(Next::Done, Next::Failed)
}

/// delete: all machines, and then itself.
pub(crate) fn clear(world: &mut World, operation: &Operation) -> Next {
    let force = operation.data.get("force") == Some(&Value::Bool(true));
    let numbers: Vec<u64> = world.members(&operation.target).map(|machine| machine.number).collect();
    numbers.iter().for_each(|number| world.dismiss(*number, force));
    match gone_at(world, &numbers) {
        Some(at) => Next::Again(at),
        None => {
            world.remove(&operation.target);
            Next::Done
        }
    }
}

/// deleteInstances: these, and the capacity drops with them (typhoon#1567, kamino#27).
pub(crate) fn dismiss(world: &mut World, operation: &Operation) -> Next {
    let force = operation.data.get("force") == Some(&Value::Bool(true));
    let numbers: Vec<u64> = list(&operation.data, "numbers").iter().filter_map(Value::as_u64).collect();
    for number in &numbers {
        world.take_out(*number, force);
    }
    gone_at(world, &numbers).map_or(Next::Done, Next::Again)
}

/// When the last of these is gone, if one is there still.
pub(crate) fn gone_at(world: &World, numbers: &[u64]) -> Option<u64> {
    let there = numbers.iter().filter_map(|number| world.compute.machines.get(number)).filter(|machine| machine.there(world.now));
    there.filter_map(|machine| machine.leaving).map(|(_, gone)| gone).max()
}

impl World {
    /// A member is deleted by its name: its scale set's capacity drops, and so the etag is another.
    pub(crate) fn take_out(&mut self, number: u64, force: bool) {
        let Some(set) = self.compute.machines.get(&number).filter(|machine| machine.active()).map(|machine| machine.set.clone())
        else {
            return;
        };
        self.dismiss(number, force);
        if self.compute.capacity_stays {
            return;
        }
        if let Some(found) = self.find_mut(&set) {
            let left = capacity(&found.body).saturating_sub(1);
            set_capacity(&mut found.body, left);
        }
        self.touch(&set);
    }

    /// When every machine that an operation has made, or found being made, is ready or has failed.
    fn ready_at(&self, operation: &Operation) -> Option<u64> {
        let active = self.members(&operation.target).filter(|machine| machine.active());
        active.map(|machine| machine.settled.0).max()
    }

    /// Makes machines until there are as many as the capacity says, or deletes some: what went wrong.
    fn reconcile(&mut self, set: &str) -> Option<ArmError> {
        let found = self.find(set)?.clone();
        let wanted = capacity(&found.body);
        let rules = list(&found.body, "properties.scaleInPolicy.rules");
        let oldest = match rules.first().and_then(Value::as_str) {
            Some("OldestVM") => true,
            Some("NewestVM") => false,
            _ => is_flexible(&found),
        };
        let zones: Vec<Option<String>> = match list(&found.body, "zones") {
            [] => vec![None],
            zones => zones.iter().map(|zone| zone.as_str().map(str::to_owned)).collect(),
        };
        let per_zone = |world: &Self, zone: &Option<String>| {
            world.members(set).filter(|machine| machine.active() && machine.zone == *zone).count()
        };
        while self.members(set).filter(|machine| machine.active()).count() > wanted {
            // First zones are balanced; then the oldest of a flexible scale set leave, and those of a uniform one with the highest number, unless it
            // has a policy: "Use custom scale-in policies with Azure Virtual Machine Scale Sets".
            let fullest = zones.iter().rev().max_by_key(|zone| per_zone(self, zone))?.clone();
            let active = self.members(set).filter(|machine| machine.active());
            // "Protect from scale-in" and "from scale set actions": "Instance Protection for Azure Virtual Machine Scale Set instances". Who is named goes all the same.
            let numbers =
                active.filter(|machine| machine.zone == fullest && machine.protection.is_null()).map(|machine| machine.number);
            let victim = if oldest { numbers.min() } else { numbers.max() }?;
            self.dismiss(victim, false);
        }
        self.upgrade(&found);
        let mut trouble = None;
        let wanted = wanted + extras(&found, wanted.saturating_sub(self.members(set).filter(|machine| machine.active()).count()));
        while self.members(set).filter(|machine| machine.active()).count() < wanted {
            let reference = at(&found.body, "properties.virtualMachineProfile.storageProfile.imageReference");
            let image = match reference.map(|reference| self.image_of(reference)) {
                Some(Ok(image)) => image,
                Some(Err(missing)) => return Some(missing),
                None => (String::new(), None),
            };
            if let Some(quota) = self.compute.quota.filter(|quota| self.machines_there(None) >= *quota) {
                return Some(ArmError { code: "QuotaExceeded".into(), ..over_quota(quota) });
            }
            // At best effort another zone is taken, if one is full; a strict balance is kept: "Create a Virtual Machine Scale Set that uses Availability
            // Zones".
            let mut order = zones.clone();
            order.sort_by_key(|zone| per_zone(self, zone));
            let strict = at(&found.body, "properties.zoneBalance") == Some(&Value::Bool(true));
            let tried = if strict { 1 } else { order.len() };
            let first = order.first().cloned().flatten();
            let zone = order.into_iter().take(tried).find(|zone| self.has_room(zone.as_deref()));
            let Some(zone) = zone else {
                let why = self.shortage(zones.first().is_some_and(Option::is_some));
                trouble = Some(why.clone());
                if !self.compute.wrecks {
                    break;
                }
                // "Failed" means many things: azurerm#7516.
                let number = self.launch(Launch { set: set.into(), zone: first, image })?;
                self.wreck(number, &why);
                continue;
            };
            self.launch(Launch { set: set.into(), zone, image })?;
        }
        trouble
    }

    /// Who is too many goes, as soon as enough are ready: the slowest, and of those that are as fast the first.
    fn drop_extras(&mut self, set: &str) {
        let Some(found) = self.find(set).filter(|found| overprovisions(found)).cloned() else { return };
        while self.members(set).filter(|machine| machine.active()).count() > capacity(&found.body) {
            let active = self.members(set).filter(|machine| machine.active());
            let slowest = active.max_by_key(|machine| (machine.created, machine.settled.0, std::cmp::Reverse(machine.number)));
            let Some(number) = slowest.map(|machine| machine.number) else { return };
            self.dismiss(number, false);
        }
    }

    /// "UpgradePolicy", "mode": "All virtual machines in the scale set are automatically updated at the same time" to what the model is by now, in place.
    fn upgrade(&mut self, found: &Resource) {
        if is_flexible(found) || text(&found.body, "properties.upgradePolicy.mode") != "Automatic" {
            return;
        }
        let profile = at(&found.body, "properties.virtualMachineProfile").cloned().unwrap_or(Value::Null);
        let image = at(&profile, "storageProfile.imageReference").map(|reference| self.image_of(reference));
        let Some(Ok((image, exact))) = image else { return };
        let old: Vec<u64> =
            self.members(&found.id).filter(|one| one.active() && one.profile != profile).map(|one| one.number).collect();
        for number in old {
            if let Some(machine) = self.compute.machines.get_mut(&number) {
                (machine.profile, machine.image, machine.exact) = (profile.clone(), image.clone(), exact.clone());
            }
        }
    }

    fn has_room(&self, zone: Option<&str>) -> bool {
        let room = self.compute.room.get(zone.unwrap_or_default());
        room.is_none_or(|room| self.machines_there(Some(zone.unwrap_or_default())) < *room)
    }

    /// How many machines there are in a zone, or everywhere. The zone of regional ones is nothing.
    pub(crate) fn machines_there(&self, zone: Option<&str>) -> usize {
        let there = self.compute.machines.values().filter(|machine| machine.there(self.now));
        there.filter(|machine| zone.is_none_or(|zone| machine.zone.as_deref().unwrap_or_default() == zone)).count()
    }

    /// "Troubleshoot allocation failures when you create or resize VMs in Azure"; karpenter-provider-azure#892 has the codes.
    fn shortage(&self, zonal: bool) -> ArmError {
        let usual = if zonal { "ZonalAllocationFailed" } else { "AllocationFailed" };
        let code = self.compute.shortage.as_deref().unwrap_or(usual);
        error(
            409,
            code,
            "Allocation failed. We do not have sufficient capacity for the requested VM size in this region. Read more about improving likelihood of allocation success at https://aka.ms/allocation-guidance",
        )
    }
}

/// "overprovision": of uniform ones, which do unless they say that they do not.
fn overprovisions(found: &Resource) -> bool {
    !is_flexible(found) && at(&found.body, "properties.overprovision") != Some(&Value::Bool(false))
}

/// How many more are made than are missing: "the scale set spins up more VMs than you asked for, then deletes the extra VMs once the requested number of VMs are successfully provisioned" ("Design
/// considerations for scale sets"). How many is not said; here it is a fifth.
fn extras(found: &Resource, missing: usize) -> usize {
    if overprovisions(found) { missing.div_ceil(5) } else { 0 }
}

/// "Resolve errors for resource quotas".
pub(crate) fn over_quota(quota: usize) -> ArmError {
    error(
        409,
        "OperationNotAllowed",
        format!(
            "Operation could not be completed as it results in exceeding approved Total Regional Cores quota. Current Limit: {quota}."
        ),
    )
}
