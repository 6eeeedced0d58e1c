//! What was made beforehand, and what other people do.

use serde_json::{Value, json};

use super::super::FakeArm;
use super::super::asked::{Asked, key, put};
use super::super::compute;
use crate::wire::Request;

/// What there is.
impl FakeArm {
    /// A resource of this id, as it would be shown without its id, name, type, etag and provisioningState. It is there at once.
    pub fn resource(&self, id: &str, body: &Value) {
        let mut world = self.lock();
        let etagged = world.find(id).is_some_and(|found| found.etagged);
        world.keep(id, etagged, body.clone());
    }
}

/// What other people do, in the portal or by their own tools.
impl FakeArm {
    /// Somebody makes a call, and nobody asks who: `meddle("PATCH", id, json)`. What takes time goes on from there. `false`: it was refused.
    pub fn meddle(&self, method: &str, path: &str, body: &Value) -> bool {
        let request = Request {
            method: method.into(),
            uri: format!("{path}?api-version={}", compute::VERSIONS.first().copied().unwrap_or_default()),
            headers: Vec::new(),
            body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
        };
        let mut world = self.lock();
        let Ok(asked) = Asked::read(&request) else { return false };
        (asked.row.act)(&mut world, &asked).is_ok()
    }

    /// Somebody changes what a resource says; it has another etag then, and it is in force at once. `false`: there is none.
    pub fn by_hand(&self, id: &str, change: impl FnOnce(&mut Value)) -> bool {
        let mut world = self.lock();
        if let Some(mut said) = world.profiles.known.get(&key(id)).map(|profile| profile.said.clone()) {
            change(&mut said);
            let now = world.now;
            world.profiles.keep(id, said, now);
            return true;
        }
        let Some(found) = world.find_mut(id) else { return false };
        change(&mut found.body);
        world.touch(id);
        world.meddled(id);
        true
    }

    /// Somebody deletes a resource, and what is below it; nobody asks who uses it. `false`: it is not there.
    pub fn delete_by_hand(&self, id: &str) -> bool {
        let mut world = self.lock();
        let profile = world.profiles.known.remove(&key(id)).is_some();
        let there = world.find(id).is_some();
        world.remove(id);
        world.shelf.replications.remove(&key(id));
        world.network.history.remove(&key(id));
        profile || there
    }

    /// Somebody sets a scale set's capacity.
    pub fn meddle_capacity(&self, scale_set: &str, capacity: usize) -> bool {
        self.meddle("PATCH", scale_set, &json!({ "sku": { "capacity": capacity } }))
    }

    /// Somebody tags a resource, or takes a tag away.
    pub fn meddle_tag(&self, id: &str, tag: &str, value: Option<&str>) -> bool {
        self.by_hand(id, |body| {
            let mut tags = body.get("tags").and_then(Value::as_object).cloned().unwrap_or_default();
            match value {
                Some(value) => drop(tags.insert(tag.into(), value.into())),
                None => drop(tags.remove(tag)),
            }
            put(body, "tags", tags.into());
        })
    }

    /// Somebody deletes a machine by itself: its scale set's capacity drops. Machines are named by their vmId, their id or their name.
    pub fn meddle_delete(&self, machine: &str) {
        self.with_machine(machine, |world, number| world.take_out(number, false));
    }

    /// Somebody protects a machine from what its scale set does. Machines are named by their vmId, their id or their name.
    pub fn meddle_protect(&self, machine: &str) {
        let protection = json!({ "protectFromScaleIn": true, "protectFromScaleSetActions": true });
        self.with_machine(machine, |world, number| {
            if let Some(machine) = world.compute.machines.get_mut(&number) {
                machine.protection = protection;
            }
        });
    }

    /// Somebody makes a scale set of this id, of so many machines of an image. `false`: it could not be made.
    pub fn meddle_scale_set(&self, id: &str, image: &str, capacity: usize) -> bool {
        let location = self.lock().location.clone();
        let body = json!({
            "location": location,
            "sku": { "name": "Standard_D2s_v5", "tier": "Standard", "capacity": capacity },
            "properties": {
                "orchestrationMode": "Flexible",
                "platformFaultDomainCount": 1,
                "upgradePolicy": { "mode": "Manual" },
                "virtualMachineProfile": { "storageProfile": { "imageReference": { "id": image } } },
            },
        });
        self.meddle("PUT", id, &body)
    }

    /// Somebody makes a scale set of another kind: "Uniform", whose machines are numbered.
    pub fn meddle_uniform(&self, id: &str, image: &str, capacity: usize) -> bool {
        let location = self.lock().location.clone();
        let body = json!({
            "location": location,
            "sku": { "name": "Standard_D2s_v5", "tier": "Standard", "capacity": capacity },
            "properties": {
                "orchestrationMode": "Uniform",
                "overprovision": false,
                "upgradePolicy": { "mode": "Manual" },
                "virtualMachineProfile": { "storageProfile": { "imageReference": { "id": image } } },
            },
        });
        self.meddle("PUT", id, &body)
    }

    /// What a resource says now; null without one.
    pub fn body(&self, id: &str) -> Value {
        self.lock().find(id).map_or(Value::Null, |found| found.json())
    }
}
