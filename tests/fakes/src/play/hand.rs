//! Calls made by hand, as an engine makes them, and what a rollout's calls come to.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use immutable_core::artifact::{ArtifactName, Version};
use immutable_core::fleet::{
    Ensured, FleetId, GenerationId, GenerationSpec, GroupId, GroupSeen, GroupSpec, Op, Placement, Release, Resize, Resized,
    Upkeep,
};
use immutable_core::id::{Epoch, InstanceKey, OpId};
use immutable_core::provider::FleetProvider;
use immutable_core::time::Clock;
use immutable_core::{Digest, Error, ErrorKind, ImageRef, LaunchTemplate, Result};

/// The generation that calls by hand are about.
pub const GENERATION: GenerationId = GenerationId(1);
/// Its only group.
pub const GROUP: GroupId = GroupId { generation: GENERATION, cell: 0 };

/// A fleet whose calls are made by hand.
pub struct Hand {
    /// Who is called.
    pub fleets: Arc<dyn FleetProvider>,
    /// Which fleet.
    pub fleet: FleetId,
    /// How its machines are made.
    pub template: LaunchTemplate,
    clock: Arc<dyn Clock>,
    runs: (ArtifactName, Version),
    ops: Cell<u64>,
}

impl Hand {
    /// A fleet that runs this artifact, by its name and version.
    pub fn new(
        fleets: Arc<dyn FleetProvider>,
        clock: Arc<dyn Clock>,
        fleet: FleetId,
        template: LaunchTemplate,
        runs: (ArtifactName, Version),
    ) -> Self {
        Self { fleets, fleet, template, clock, runs, ops: Cell::new(0) }
    }

    /// Which fleet.
    pub fn fleet(&self) -> FleetId {
        self.fleet.clone()
    }

    /// A call that was never made.
    pub fn op(&self) -> Op {
        self.ops.set(self.ops.get() + 1);
        Op::new(&self.fleet, OpId(self.ops.get()), Epoch(1))
    }

    /// Generation 1 of an image, in one group of the region.
    pub fn spec(&self, image: ImageRef) -> GenerationSpec {
        GenerationSpec {
            fleet: self.fleet(),
            id: GENERATION,
            name: self.runs.0.clone(),
            version: self.runs.1.clone(),
            release: Release { artifact: Digest::of(image.to_string().as_bytes()), template: self.template.digest() },
            image,
            template: self.template.clone(),
            groups: vec![GroupSpec { cell: 0, placement: Placement::Region, max: 8 }],
            pool: None,
            upkeep: Upkeep::NONE,
            labels: BTreeMap::new(),
        }
    }

    /// Makes a generation.
    ///
    /// # Errors
    /// The provider's.
    pub async fn ensure(&self, spec: &GenerationSpec) -> Result<Ensured> {
        self.fleets.ensure_generation(&self.op(), spec).await
    }

    /// Raises the group.
    ///
    /// # Errors
    /// The provider's.
    pub async fn raise(&self, from: u32, to: u32) -> Result<Resized> {
        self.fleets.resize(&self.op(), &Resize::Raise { group: GROUP, from, to }).await
    }

    /// Has these leave the group.
    ///
    /// # Errors
    /// The provider's.
    pub async fn lower(&self, from: u32, leave: &[InstanceKey]) -> Result<Resized> {
        let leave = leave.iter().cloned().collect();
        self.fleets.resize(&self.op(), &Resize::Lower { group: GROUP, from, leave }).await
    }

    /// The group, as it is seen now.
    ///
    /// # Errors
    /// The provider's; [`NotFound`](ErrorKind::NotFound) if it says nothing of the group.
    pub async fn look(&self) -> Result<GroupSeen> {
        let seen = self.fleets.observe(&self.fleet, &[GROUP].into()).await?;
        seen.groups.into_iter().next().ok_or_else(|| Error::new(ErrorKind::NotFound, format!("nothing is said of {GROUP}")))
    }

    /// Everybody in the group who is there.
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub async fn members(&self) -> Result<Vec<InstanceKey>> {
        Ok(self.look().await?.instances.iter().map(|instance| instance.key.clone()).collect())
    }

    /// Lets time pass.
    pub async fn pass(&self, seconds: u64) {
        self.clock.sleep_until(self.clock.now() + Duration::from_secs(seconds)).await;
    }
}

impl fmt::Debug for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hand").field("fleet", &self.fleet).finish_non_exhaustive()
    }
}

/// What a replacement of so many came to in calls: how many that change something for each that was replaced, and how many that read for each look, of which
/// there is one for each call of `look`. Prints all of them.
pub fn cost(name: &str, size: u32, counts: &BTreeMap<String, usize>, reads: impl Fn(&str) -> bool, look: &str) -> (f64, f64) {
    let all: usize = counts.values().sum();
    let writes: usize = counts.iter().filter(|(call, _)| !reads(call)).map(|(_, count)| count).sum();
    let looks = counts.get(look).copied().unwrap_or_default();
    let (each, calls) = (writes as f64 / f64::from(size), (all - writes) as f64 / looks as f64);
    println!(
        "{name}, {size} instances: {all} calls, {:.1} a replaced instance; {writes} change something, {each:.1} a replaced instance; {looks} looks, {calls:.1} calls each",
        all as f64 / f64::from(size)
    );
    for (call, count) in counts {
        println!("    {count:5} {call}");
    }
    (each, calls)
}
