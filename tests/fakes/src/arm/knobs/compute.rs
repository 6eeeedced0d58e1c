//! How machines fare, what runs out, and what breaks.

use std::time::Duration;

use super::super::FakeArm;
use super::super::asked::key;
use super::super::compute::{Compute, Fate};
use super::super::world::{World, millis};

/// How long things take.
impl FakeArm {
    /// From the making of a machine until it runs; 20 s.
    pub fn boot(&self, takes: Duration) {
        self.boot_between(takes, takes);
    }

    /// The same, of each machine another: at least so long, and at the most so much.
    pub fn boot_between(&self, least: Duration, most: Duration) {
        self.compute(|compute| {
            compute.boot = millis(least);
            compute.boot_spread = millis(most.saturating_sub(least));
        });
    }

    /// How long each application takes to be installed in a machine that runs; 10 s.
    pub fn installing(&self, takes: Duration) {
        self.compute(|compute| compute.install = millis(takes));
    }

    /// From the deletion of a machine until it is gone; 30 s.
    pub fn shutdown(&self, takes: Duration) {
        self.compute(|compute| compute.shutdown = millis(takes));
    }

    /// How long after a request a scale set begins with it; 2 s.
    pub fn reaction(&self, takes: Duration) {
        self.compute(|compute| compute.reaction = millis(takes));
    }

    /// How long the service waits for a machine to boot, before its provisioning has failed; 20 min.
    pub fn boot_patience(&self, takes: Duration) {
        self.compute(|compute| compute.patience = millis(takes));
    }

    /// How long until the health extension has seen what is; 10 s.
    pub fn check(&self, takes: Duration) {
        self.compute(|compute| compute.check = millis(takes));
    }
}

/// What runs out.
impl FakeArm {
    /// A zone has room for so many machines; without a number for any. The zone of regional ones is "".
    pub fn capacity(&self, zone: &str, machines: Option<usize>) {
        self.compute(|compute| {
            match machines {
                Some(machines) => compute.room.insert(zone.into(), machines),
                None => compute.room.remove(zone),
            };
        });
    }

    /// What the operation fails with where there is no room: `OverconstrainedZonalAllocationRequest`, `SkuNotAvailable`. Without one,
    /// `ZonalAllocationFailed` or `AllocationFailed`.
    pub fn shortage(&self, code: Option<&str>) {
        self.compute(|compute| compute.shortage = code.map(str::to_owned));
    }

    /// Whether an operation succeeds where there is no room, with fewer machines.
    pub fn content_with_fewer(&self, content: bool) {
        self.compute(|compute| compute.content_with_fewer = content);
    }

    /// Whether a machine that there was no room for is left behind, `Failed` (azurerm#7516), instead of nothing.
    pub fn leaves_wrecks(&self, wrecks: bool) {
        self.compute(|compute| compute.wrecks = wrecks);
    }

    /// There may be so many machines in the location. An operation that comes upon it fails with `QuotaExceeded`.
    pub fn quota(&self, machines: Option<usize>) {
        self.compute(|compute| compute.quota = machines);
    }

    /// Whether too much for the quota is refused as soon as it is asked for, with 409 `OperationNotAllowed`.
    pub fn strict_quota(&self, strict: bool) {
        self.compute(|compute| compute.strict_quota = strict);
    }

    /// Whether a scale set's capacity stays what it was when members are deleted by name. It drops, as far as is known.
    pub fn capacity_stays(&self, stays: bool) {
        self.compute(|compute| compute.capacity_stays = stays);
    }

    /// Whether the numbers of a uniform scale set's members that are gone are given again. They may be.
    pub fn numbers_again(&self, again: bool) {
        self.compute(|compute| compute.numbers_again = again);
    }

    /// Whether members cannot be deleted while others are: 409 `Conflict`.
    pub fn one_deletion(&self, one: bool) {
        self.compute(|compute| compute.one_deletion = one);
    }
}

/// What breaks. Machines are named by their vmId, their id or their name.
impl FakeArm {
    /// What becomes of machines from now on that are made of this version of an image, or of any of this image, or have
    /// this version of an application, or any of this application.
    pub fn fate(&self, version: &str, fate: Fate) {
        self.compute(|compute| _ = compute.fates.insert(key(version), fate));
    }

    /// A machine's host fails: it stops, at once and by nobody.
    pub fn kill(&self, machine: &str) {
        self.with_machine(machine, |world, number| {
            let now = world.now;
            if let Some(machine) = world.compute.machines.get_mut(&number) {
                machine.stopped_at = Some(now);
            }
        });
    }

    /// From now on the application of a machine is well or is not; who looks finds out by and by.
    pub fn application_is(&self, machine: &str, well: bool) {
        self.with_machine(machine, |world, number| {
            let now = world.now;
            if let Some(machine) = world.compute.machines.get_mut(&number) {
                machine.health.retain(|(at, _)| *at <= now);
                machine.health.push((now, well));
            }
        });
    }

    /// A machine that hangs runs after all.
    pub fn boots_now(&self, machine: &str) {
        self.with_machine(machine, |world, number| {
            let now = world.now;
            if let Some(machine) = world.compute.machines.get_mut(&number) {
                machine.runs_at = Some(now);
                machine.settled = (now, None);
                machine.health = vec![(now, true)];
            }
        });
    }

    fn compute(&self, act: impl FnOnce(&mut Compute)) {
        act(&mut self.lock().compute);
    }

    pub(super) fn with_machine(&self, named: &str, act: impl FnOnce(&mut World, u64)) {
        let mut world = self.lock();
        let now = world.now;
        let mut named = world.compute.machines.values().filter(|machine| {
            let id = key(named);
            machine.there(now) && (machine.vm_id == id || key(&machine.name) == id || key(&machine.id) == id)
        });
        let Some(number) = named.next().map(|machine| machine.number) else { return };
        act(&mut world, number);
    }
}
