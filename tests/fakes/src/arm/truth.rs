//! What is really there, for those who judge: nothing late, nothing hidden.

use std::collections::BTreeMap;

use serde_json::Value;

use super::FakeArm;
use super::asked::key;
use super::compute::model::capacity;
use super::world::World;

/// The world, as it is. Ids are in lower case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Truth {
    /// Milliseconds.
    pub at: u64,
    /// By vmId; all that there ever were, those that are gone, too.
    pub machines: BTreeMap<String, Machine>,
    /// By id.
    pub scale_sets: BTreeMap<String, ScaleSet>,
    /// Operations that go on: their ids, and what each is about.
    pub operations: BTreeMap<String, String>,
}

/// A virtual machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// `1`; nothing for a regional one.
    pub zone: Option<String>,
    /// The id of its scale set.
    pub scale_set: String,
    /// The id of the image, or of the image version, that it booted.
    pub image: String,
    /// The ids of the versions of its applications.
    pub applications: Vec<String>,
    /// `Creating`, `Succeeded`, `Failed`, `Deleting`.
    pub state: &'static str,
    /// Whether it runs.
    pub running: bool,
    /// Whether its application is well.
    pub well: bool,
    /// The ids of the pools of load balancers that it is in.
    pub pools: Vec<String>,
    /// The tags that it was made with.
    pub tags: Value,
    /// Milliseconds.
    pub made_at: u64,
    /// When its deletion began.
    pub leaves_at: Option<u64>,
    /// When it was, or will be, gone.
    pub gone_at: Option<u64>,
}

/// A scale set.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaleSet {
    /// `sku.capacity`.
    pub capacity: usize,
    /// What was said of it, without what only the service says.
    pub said: Value,
    /// The vmIds of its members, those that leave, too.
    pub members: Vec<String>,
    /// `provisioningState`.
    pub state: &'static str,
    /// Its etag.
    pub etag: String,
}

impl Truth {
    /// Machines that are there and have not begun to leave.
    pub fn live(&self) -> impl Iterator<Item = (&str, &Machine)> {
        let live = self.machines.iter().filter(|(_, machine)| machine.leaves_at.is_none());
        live.map(|(id, machine)| (id.as_str(), machine))
    }
}

impl FakeArm {
    /// What is really there, at the time of the latest call.
    pub fn truth(&self) -> Truth {
        truth(&self.lock())
    }
}

fn truth(world: &World) -> Truth {
    let now = world.now;
    let machines = world.compute.machines.values().map(|machine| {
        let truth = Machine {
            name: machine.name.clone(),
            id: key(&machine.id),
            zone: machine.zone.clone(),
            scale_set: key(&machine.set),
            image: machine.image.clone(),
            applications: machine.applications(),
            state: machine.state(now),
            running: machine.running(now),
            well: machine.well(now),
            pools: machine.pools(),
            tags: machine.tags.clone(),
            made_at: machine.created,
            leaves_at: machine.leaving.map(|(at, _)| at),
            gone_at: machine.leaving.map(|(_, at)| at),
        };
        (machine.vm_id.clone(), truth)
    });
    let sets =
        world.resources.iter().filter(|(_, found)| found.kind.eq_ignore_ascii_case("Microsoft.Compute/virtualMachineScaleSets"));
    let scale_sets = sets.map(|(id, found)| {
        let truth = ScaleSet {
            capacity: capacity(&found.body),
            said: found.body.clone(),
            members: world.members(id).map(|machine| machine.vm_id.clone()).collect(),
            state: found.state,
            etag: found.etag(),
        };
        (id.clone(), truth)
    });
    let open = world.operations.values().filter(|known| known.ended.is_none());
    Truth {
        at: now,
        machines: machines.collect(),
        scale_sets: scale_sets.collect(),
        operations: open.map(|known| (known.id.clone(), known.target.clone())).collect(),
    }
}
