//! The contracts of the ports and the scripted faults, one by one, in virtual time.

mod contract;
mod faults;
mod healing;
mod images;
mod pools;
mod rollout;
mod routes;
mod wire;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{MemoryCloud, MemoryOptions};
use crate::artifact::Artifact;
use crate::error::Result;
use crate::fleet::{
    Ensured, FleetId, GenerationId, GenerationSpec, GroupId, GroupSeen, GroupSpec, GroupState, Instance, LaunchTemplate, Life,
    Op, Placement, Release, Resize, Resized, Upkeep, Verdict, Working,
};
use crate::id::{Epoch, InstanceKey, InstanceName, OpId};
use crate::provider::FleetProvider;
use crate::time::{Clock, VirtualClock};

/// One fleet, `web`, in a cloud whose boots take exactly 60 s, checks 5 s and leaving 10 s.
struct Lab {
    clock: VirtualClock,
    cloud: MemoryCloud,
    good: Artifact,
    fleet: FleetId,
    ops: AtomicU64,
}

/// The group of generation 1 that most tests use.
const GROUP: GroupId = GroupId { generation: GenerationId(1), cell: 0 };

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn options() -> MemoryOptions {
    MemoryOptions::seeded(7).boot(seconds(60)).effects(100_000)
}

fn lab() -> Lab {
    lab_with(options())
}

fn lab_with(options: MemoryOptions) -> Lab {
    let clock = VirtualClock::default();
    let cloud = MemoryCloud::with(options.clock(clock.clone()));
    let good = cloud.bake("acmeinc/web", "1.0.0").unwrap();
    let fleet = FleetId::new(cloud.place(), "web");
    Lab { clock, cloud, good, fleet, ops: AtomicU64::new(0) }
}

impl Lab {
    fn op(&self) -> Op {
        Op::new(&self.fleet, OpId(self.ops.fetch_add(1, Ordering::Relaxed)), Epoch(1))
    }

    fn spec_of(&self, artifact: &Artifact, ordinal: u32) -> GenerationSpec {
        let template = LaunchTemplate::default();
        GenerationSpec {
            fleet: self.fleet.clone(),
            id: GenerationId(ordinal),
            name: artifact.name().clone(),
            version: artifact.version().clone(),
            release: Release { artifact: artifact.digest(), template: template.digest() },
            image: artifact.image_in(&self.cloud.place()).unwrap().clone(),
            template,
            groups: vec![GroupSpec { cell: 0, placement: Placement::Region, max: 20_000 }],
            pool: None,
            upkeep: Upkeep::NONE,
            labels: Default::default(),
        }
    }

    fn spec(&self) -> GenerationSpec {
        self.spec_of(&self.good, 1)
    }

    fn ensure(&self, spec: &GenerationSpec) -> Result<Ensured> {
        self.clock.run(self.cloud.ensure_generation(&self.op(), spec))
    }

    fn resize(&self, resize: Resize) -> Result<Resized> {
        self.clock.run(self.cloud.resize(&self.op(), &resize))
    }

    fn raise(&self, from: u32, to: u32) -> Result<Resized> {
        self.resize(Resize::Raise { group: GROUP, from, to })
    }

    fn lower<'a>(&self, from: u32, leave: impl IntoIterator<Item = &'a InstanceKey>) -> Result<Resized> {
        self.resize(Resize::Lower { group: GROUP, from, leave: leave.into_iter().cloned().collect() })
    }

    fn give_up(&self, from: u32, to: u32) -> Result<Resized> {
        self.resize(Resize::GiveUp { group: GROUP, from, to })
    }

    fn keep(&self, upkeep: Upkeep) {
        self.clock.run(self.cloud.set_upkeep(&self.op(), GROUP.generation, upkeep)).unwrap();
    }

    fn observe(&self, known: impl IntoIterator<Item = GroupId>) -> crate::fleet::Observation {
        let known: BTreeSet<_> = known.into_iter().collect();
        self.clock.run(FleetProvider::observe(&self.cloud, &self.fleet, &known)).unwrap()
    }

    fn see(&self) -> GroupSeen {
        self.observe([GROUP]).groups.remove(0)
    }

    fn seen(&self) -> Vec<Instance> {
        self.see().instances.to_vec()
    }

    fn keys(&self) -> Vec<InstanceKey> {
        self.seen().into_iter().filter(|seen| seen.life != Life::Gone).map(|seen| seen.key).collect()
    }

    fn size(&self) -> u32 {
        match self.see().state {
            GroupState::Present { size, .. } => size,
            other => panic!("{other:?}"),
        }
    }

    fn working(&self) -> Working {
        match self.see().state {
            GroupState::Present { working, .. } => working,
            other => panic!("{other:?}"),
        }
    }

    fn pass(&self, duration: Duration) {
        self.clock.run(self.clock.sleep_until(self.clock.now() + duration));
    }

    fn running(&self) -> usize {
        self.cloud.running().values().sum()
    }

    /// A generation 1 of so many healthy instances.
    fn stand(self, size: u32) -> Self {
        self.ensure(&self.spec()).unwrap();
        self.raise(0, size).unwrap();
        self.pass(seconds(120));
        self
    }

    fn name(&self, at: usize) -> InstanceName {
        self.keys()[at].name.clone()
    }

    /// Life and verdict of the instance at a place in the view.
    fn state(&self, at: usize) -> (Life, Verdict) {
        let seen = self.seen();
        (seen[at].life, seen[at].health[0].verdict)
    }
}
