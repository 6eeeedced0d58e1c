//! Calls made by hand, as an engine makes them, and rollouts over a fake.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use backend_aws::{AsgFleet, AsgTemplate, Ec2Fleet, Machine};
use immutable_core::artifact::{Built, Provenance};
use immutable_core::fleet::{
    FleetId, GenerationId, GenerationSpec, GroupId, GroupSpec, Op, Placement, Release, Resize, Resized, Upkeep,
};
use immutable_core::id::{Epoch, InstanceKey, OpId};
use immutable_core::provider::FleetProvider;
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Artifact, Digest, ImageRef, LaunchTemplate, Result};
use immutable_fakes::aws::FakeAws;

use crate::account::{Account, START};

/// Plays with a fresh account, in virtual time.
pub(crate) fn play<T>(with: impl AsyncFnOnce(Account) -> T) -> T {
    let clock = VirtualClock::new(START);
    let fake = FakeAws::new("123456789012", "us-east-1");
    clock.run(async { with(Account::of(fake, clock.clone()).await.unwrap()).await })
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
    pub(crate) fn groups(account: &Account) -> Self {
        let template = account.template();
        Self { account: account.clone(), fleets: Arc::new(AsgFleet::new(&account.aws)), template, name: "web", ops: Cell::new(0) }
    }

    pub(crate) fn plain(account: &Account) -> Self {
        let template = LaunchTemplate::of(&account.machine()).unwrap();
        Self { account: account.clone(), fleets: Arc::new(Ec2Fleet::new(&account.aws)), template, name: "web", ops: Cell::new(0) }
    }

    /// Both, each over an account of its own.
    pub(crate) fn both(with: impl AsyncFn(Self)) {
        play(async |account: Account| with(Self::groups(&account)).await);
        play(async |account: Account| with(Self::plain(&account)).await);
    }

    /// Of a fleet of another name.
    pub(crate) fn named(mut self, name: &str) -> Self {
        self.name = String::from(name).leak();
        self
    }

    /// With machines that differ so.
    pub(crate) fn with(mut self, change: impl FnOnce(Machine) -> Machine) -> Self {
        let machine = change(self.account.machine());
        self.template = match self.is_of_groups() {
            true => LaunchTemplate::of(&AsgTemplate::new(machine)).unwrap(),
            false => LaunchTemplate::of(&machine).unwrap(),
        };
        self
    }

    pub(crate) fn is_of_groups(&self) -> bool {
        self.template.read::<AsgTemplate>().is_ok()
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
        self.spec(self.account.image("web-1.0.0"))
    }

    pub(crate) async fn ensure(&self, spec: &GenerationSpec) -> Result<()> {
        self.fleets.ensure_generation(&self.op(), spec).await.map(drop)
    }

    pub(crate) async fn raise(&self, from: u32, to: u32) -> Result<Resized> {
        self.fleets.resize(&self.op(), &Resize::Raise { group: GROUP, from, to }).await
    }

    pub(crate) async fn lower(&self, from: u32, leave: &[InstanceKey]) -> Result<Resized> {
        let leave = leave.iter().cloned().collect();
        self.fleets.resize(&self.op(), &Resize::Lower { group: GROUP, from, leave }).await
    }

    /// Everybody of generation 1 who is there.
    pub(crate) async fn members(&self) -> Result<Vec<InstanceKey>> {
        let seen = self.fleets.observe(&self.fleet(), &[GROUP].into()).await?;
        Ok(seen.groups[0].instances.iter().map(|instance| instance.key.clone()).collect())
    }

    pub(crate) async fn pass(&self, seconds: u64) {
        let clock = &self.account.clock;
        clock.sleep_until(clock.now() + Duration::from_secs(seconds)).await;
    }
}

pub(crate) const GENERATION: GenerationId = GenerationId(1);
pub(crate) const GROUP: GroupId = GroupId { generation: GENERATION, cell: 0 };

/// What a build would have left.
pub(crate) fn artifact(version: &str, image: ImageRef) -> Artifact {
    let built = Built::new(Provenance::new("amazon-ebs", version)).image(image);
    Artifact::new("acmeinc/web".parse().unwrap(), version.parse().unwrap(), built).unwrap()
}
