//! Calls made by hand, as an engine makes them, and rollouts over a fake.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use backend_gcp::{Machine, MigFleet, MigTemplate};
use immutable_core::artifact::{Built, Provenance};
use immutable_core::fleet::{
    Ensured, FleetId, GenerationId, GenerationSpec, GroupId, GroupSeen, GroupSpec, Op, Placement, Release, Resize, Resized,
    Upkeep,
};
use immutable_core::id::{Epoch, InstanceKey, OpId};
use immutable_core::provider::FleetProvider;
use immutable_core::{Artifact, Digest, ImageRef, LaunchTemplate, Result};

use crate::account::Account;

/// Plays with a fresh account, in virtual time.
pub(crate) fn play<T>(with: impl AsyncFnOnce(Account) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { with(Account::new().await.unwrap()).await })
}

/// One fleet, `web`, whose calls are made by hand.
pub(crate) struct Hand {
    pub(crate) account: Account,
    pub(crate) fleets: Arc<dyn FleetProvider>,
    pub(crate) template: LaunchTemplate,
    name: &'static str,
    ops: Cell<u64>,
}

impl Hand {
    pub(crate) fn new(account: &Account) -> Self {
        let fleets = Arc::new(MigFleet::new(&account.gcp));
        Self { account: account.clone(), fleets, template: account.template(), name: "web", ops: Cell::new(0) }
    }

    /// Of a fleet of another name.
    pub(crate) fn named(mut self, name: &str) -> Self {
        self.name = String::from(name).leak();
        self
    }

    /// With machines that differ so.
    pub(crate) fn with(mut self, change: impl FnOnce(Machine) -> Machine) -> Self {
        self.template = LaunchTemplate::of(&MigTemplate::new(change(self.account.machine()))).unwrap();
        self
    }

    pub(crate) fn fleet(&self) -> FleetId {
        FleetId::new(self.account.place(), self.name)
    }

    pub(crate) fn op(&self) -> Op {
        self.ops.set(self.ops.get() + 1);
        Op::new(&self.fleet(), OpId(self.ops.get()), Epoch(1))
    }

    /// Generation 1 of an image, in one group.
    pub(crate) fn spec(&self, image: ImageRef) -> GenerationSpec {
        GenerationSpec {
            fleet: self.fleet(),
            id: GenerationId(1),
            name: "acmeinc/web".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            release: Release { artifact: Digest::of(image.to_string().as_bytes()), template: self.template.digest() },
            image,
            template: self.template.clone(),
            groups: vec![GroupSpec { cell: 0, placement: Placement::Region, max: 8 }],
            pool: None,
            upkeep: Upkeep::NONE,
            labels: Default::default(),
        }
    }

    pub(crate) fn good(&self) -> GenerationSpec {
        self.spec(self.account.image("web-1-0-0"))
    }

    pub(crate) async fn ensure(&self, spec: &GenerationSpec) -> Result<Ensured> {
        self.fleets.ensure_generation(&self.op(), spec).await
    }

    pub(crate) async fn raise(&self, from: u32, to: u32) -> Result<Resized> {
        self.fleets.resize(&self.op(), &Resize::Raise { group: GROUP, from, to }).await
    }

    pub(crate) async fn lower(&self, from: u32, leave: &[InstanceKey]) -> Result<Resized> {
        let leave = leave.iter().cloned().collect();
        self.fleets.resize(&self.op(), &Resize::Lower { group: GROUP, from, leave }).await
    }

    /// Generation 1, as it is seen now.
    pub(crate) async fn look(&self) -> Result<GroupSeen> {
        let seen = self.fleets.observe(&self.fleet(), &[GROUP].into()).await?;
        Ok(seen.groups[0].clone())
    }

    /// Everybody of generation 1 who is there.
    pub(crate) async fn members(&self) -> Result<Vec<InstanceKey>> {
        Ok(self.look().await?.instances.iter().map(|instance| instance.key.clone()).collect())
    }

    pub(crate) async fn pass(&self, seconds: u64) {
        self.account.wait(Duration::from_secs(seconds)).await;
    }
}

pub(crate) const GENERATION: GenerationId = GenerationId(1);
pub(crate) const GROUP: GroupId = GroupId { generation: GENERATION, cell: 0 };

/// What a build would have left.
pub(crate) fn artifact(version: &str, image: ImageRef) -> Artifact {
    let built = Built::new(Provenance::new("googlecompute", version)).image(image);
    Artifact::new("acmeinc/web".parse().unwrap(), version.parse().unwrap(), built).unwrap()
}
