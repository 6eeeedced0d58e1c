//! What is really so, whatever views show: for users' tests, and for oracles. None of it takes time.

use std::collections::BTreeMap;

use super::MemoryCloud;
use super::calls::Calls;
use super::effects::Effect;
use super::group::{Group, Slot};
use super::world::World;
use crate::artifact::Digest;
use crate::fleet::{FleetId, GroupId, Instance, Life, Verdict};
use crate::id::{InstanceKey, NativeRef, Zone};

/// The truth about a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Machine {
    /// Its name and incarnation.
    pub key: InstanceKey,
    /// Its group.
    pub group: GroupId,
    /// What it runs.
    pub artifact: Digest,
    /// Where it is.
    pub zone: Option<Zone>,
    /// Where it is in its life; never [`Life::Gone`].
    pub life: Life,
    /// How it is; [`Verdict::Starting`] until its first check.
    pub health: Verdict,
    /// Whether it is protected from termination.
    pub protected: bool,
}

impl MemoryCloud {
    /// How many healthy instances run of each artifact, in all fleets: running, healthy in truth, and not on their way out.
    /// An artifact that has none is not in it.
    pub fn running(&self) -> BTreeMap<Digest, usize> {
        let world = self.world();
        let mut running = BTreeMap::new();
        for group in world.groups.iter().flatten() {
            let serves = |slot: &Slot, seen: &Instance| seen.life == Life::Running && slot.verdict == Verdict::Healthy;
            for (seen, _) in group.instances.iter().zip(&group.slots).filter(|(seen, slot)| serves(slot, seen)) {
                *running.entry(world.runs(group, seen)).or_default() += 1;
            }
        }
        running
    }

    /// Every machine of a fleet that exists, those on their way out included, by group and name.
    pub fn instances(&self, fleet: &FleetId) -> Vec<Machine> {
        let world = self.world();
        world.groups_of(fleet).flat_map(|group| world.machines(group)).collect()
    }

    /// Every machine that exists of a group that others made, adopted or not, by name; none if there is no such group.
    pub fn instances_of_others(&self, native: &NativeRef) -> Vec<Machine> {
        let world = self.world();
        world.other(native).into_iter().flat_map(|group| world.machines(group)).collect()
    }

    /// The sizes of a fleet's groups.
    pub fn sizes(&self, fleet: &FleetId) -> BTreeMap<GroupId, u32> {
        self.world().groups_of(fleet).map(|group| (group.id, group.size)).collect()
    }

    /// How many times a fleet was looked at: with [`observe`](crate::provider::FleetProvider::observe).
    pub fn looks(&self) -> u64 {
        self.world().looks()
    }

    /// How many calls that change something have reached it.
    pub fn calls(&self) -> Calls {
        self.world().calls
    }

    /// How many machines it has launched in all.
    pub fn launched(&self) -> u64 {
        self.world().env.launched
    }

    /// The last things that happened, in order, as many as [`MemoryOptions::effects`](super::MemoryOptions::effects) keeps.
    pub fn effects(&self) -> Vec<Effect> {
        self.world().env.log.all()
    }

    /// As [`effects`](Self::effects), and forgets them.
    pub fn take_effects(&self) -> Vec<Effect> {
        self.world().env.log.take()
    }
}

impl World {
    fn machines(&self, group: &Group) -> impl Iterator<Item = Machine> {
        let exist = group.instances.iter().zip(&group.slots).filter(|(seen, _)| seen.life != Life::Gone);
        exist.map(|(seen, slot)| Machine {
            key: seen.key.clone(),
            group: group.id,
            artifact: self.runs(group, seen),
            zone: seen.zone.clone(),
            life: seen.life,
            health: slot.verdict,
            protected: seen.held.is_some(),
        })
    }

    /// The artifact that an instance runs.
    fn runs(&self, group: &Group, instance: &Instance) -> Digest {
        let artifact = instance.runs.image().and_then(|image| self.env.images.artifact(image));
        artifact.unwrap_or(group.spec.release.artifact)
    }
}
