//! A walk over the real AWS, with machines that are paid for. `docs/aws/README.md` says how it is run and what it leaves: nothing.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use backend_aws::{AsgFleet, AsgTemplate, Aws, Ec2Fleet, Machine};
use immutable_core::fleet::{
    Destroyed, FleetId, GenerationId, GenerationSpec, GroupId, GroupSpec, GroupState, Life, Op, Placement, Release, Resize,
    Upkeep,
};
use immutable_core::id::{Epoch, InstanceKey, OpId};
use immutable_core::provider::FleetProvider;
use immutable_core::time::{Clock, SystemClock};
use immutable_core::{Digest, Error, ImageRef, LaunchTemplate, Result};

const GROUP: GroupId = GroupId { generation: GenerationId(1), cell: 0 };
/// Longer than any machine takes to boot or to go.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

struct Live {
    fleets: Arc<dyn FleetProvider>,
    spec: GenerationSpec,
    clock: SystemClock,
    ops: std::cell::Cell<u64>,
}

/// What the environment says, which must be said.
fn said(name: &str) -> Result<String> {
    std::env::var(name).map_err(|_| Error::invalid(format!("{name} is not set; docs/aws/README.md says what it is to be")))
}

impl Live {
    fn new(aws: &Aws, fleets: Arc<dyn FleetProvider>, template: LaunchTemplate) -> Result<Self> {
        let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
        let image = ImageRef::new(aws.place(), said("IMMUTABLE_LIVE_IMAGE")?);
        let spec = GenerationSpec {
            fleet: FleetId::new(aws.place(), format!("live-{:08x}", random & 0xffff_ffff)),
            id: GROUP.generation,
            name: "live/web".parse()?,
            version: "1.0.0".parse()?,
            release: Release { artifact: Digest::of(image.to_string().as_bytes()), template: template.digest() },
            image,
            template,
            groups: vec![GroupSpec { cell: 0, placement: Placement::Region, max: 2 }],
            pool: None,
            upkeep: Upkeep::NONE,
            labels: [("purpose".into(), "live test".into())].into(),
        };
        Ok(Self { fleets, spec, clock: SystemClock::new(), ops: std::cell::Cell::new(0) })
    }

    fn op(&self) -> Op {
        self.ops.set(self.ops.get() + 1);
        Op::new(&self.spec.fleet, OpId(self.ops.get()), Epoch(1))
    }

    /// Its size, and who is there.
    async fn look(&self) -> Result<(Option<u32>, Vec<(InstanceKey, Life)>)> {
        let seen = self.fleets.observe(&self.spec.fleet, &[GROUP].into()).await?;
        let group = seen.groups.into_iter().next().ok_or_else(|| Error::invalid("a group that was asked for is not told of"))?;
        let size = if let GroupState::Present { size, .. } = group.state { Some(size) } else { None };
        Ok((size, group.instances.iter().map(|one| (one.key.clone(), one.life)).collect()))
    }

    async fn until(&self, what: &str, is: impl Fn(Option<u32>, &[(InstanceKey, Life)]) -> bool) -> Result<Vec<InstanceKey>> {
        let deadline = self.clock.now() + PATIENCE;
        loop {
            let (size, all) = self.look().await?;
            if is(size, &all) {
                return Ok(all.into_iter().filter(|(_, life)| *life == Life::Running).map(|(key, _)| key).collect());
            }
            if self.clock.now() > deadline {
                return Err(Error::invalid(format!(
                    "{} is not {what} after {PATIENCE:?}: {size:?}, {all:?}",
                    self.spec.full_name()
                )));
            }
            self.clock.sleep_until(self.clock.now() + Duration::from_secs(5)).await;
        }
    }

    async fn walk(&self) -> Result<()> {
        let findings = self.fleets.preflight(&self.spec, 2).await?;
        if let Some(found) = findings.iter().find(|found| found.blocks) {
            return Err(Error::invalid(found.what.clone()));
        }
        let op = self.op();
        self.fleets.ensure_generation(&op, &self.spec).await?;
        // The same call once more finds what it made.
        self.fleets.ensure_generation(&op, &self.spec).await?;
        let raise = Resize::Raise { group: GROUP, from: 0, to: 2 };
        let op = self.op();
        self.fleets.resize(&op, &raise).await?;
        self.fleets.resize(&op, &raise).await?;
        let two =
            |_: Option<u32>, all: &[(InstanceKey, Life)]| all.iter().filter(|(_, life)| *life == Life::Running).count() == 2;
        let members = self.until("two that run", two).await?;
        let lower = Resize::Lower { group: GROUP, from: 2, leave: members.iter().take(1).cloned().collect() };
        let op = self.op();
        self.fleets.resize(&op, &lower).await?;
        self.fleets.resize(&op, &lower).await?;
        let left = self.until("one that runs", |size, all| size == Some(1) && running(all) == 1).await?;
        if left != members[1..] {
            return Err(Error::invalid(format!("{left:?} is left, and {:?} was to be", &members[1..])));
        }
        Ok(())
    }

    /// Sends everybody away and removes the generation, whatever the walk has left of it.
    async fn clean(&self) -> Result<()> {
        let deadline = self.clock.now() + PATIENCE;
        loop {
            let (size, all) = self.look().await?;
            let leave: std::collections::BTreeSet<InstanceKey> =
                all.iter().filter(|(_, life)| !matches!(life, Life::Leaving | Life::Gone)).map(|(key, _)| key.clone()).collect();
            if let (Some(from), false) = (size, leave.is_empty()) {
                self.fleets.resize(&self.op(), &Resize::Lower { group: GROUP, from, leave }).await.map(drop).or_else(passing)?;
            } else if let (Some(from), true) = (size.filter(|size| *size > 0), leave.is_empty()) {
                self.fleets.resize(&self.op(), &Resize::GiveUp { group: GROUP, from, to: 0 }).await.map(drop).or_else(passing)?;
            }
            match self.fleets.destroy_generation(&self.op(), GROUP.generation).await {
                Ok(Destroyed::Gone) => return Ok(()),
                Ok(_) => {}
                Err(error) => passing(error)?,
            }
            if self.clock.now() > deadline {
                return Err(Error::invalid(format!("{} is still there; remove what bears its tag", self.spec.full_name())));
            }
            self.clock.sleep_until(self.clock.now() + Duration::from_secs(10)).await;
        }
    }

    /// Both ends of it are told, whichever fails.
    async fn run(self) -> Result<()> {
        match (self.walk().await, self.clean().await) {
            (Err(walked), Err(cleaned)) => {
                Err(Error::invalid(format!("{walked}; and {} was not removed: {cleaned}", self.spec.full_name())))
            }
            (walked, cleaned) => walked.and(cleaned),
        }
    }
}

fn running(all: &[(InstanceKey, Life)]) -> usize {
    all.iter().filter(|(_, life)| *life == Life::Running).count()
}

/// What another try may mend.
fn passing(error: Error) -> Result<()> {
    match error.retry() {
        immutable_core::error::Retry::Never if error.kind() != immutable_core::ErrorKind::Conflict => Err(error),
        _ => Ok(()),
    }
}

fn live(fleets: impl Fn(&Aws, Machine) -> Result<(Arc<dyn FleetProvider>, LaunchTemplate)>) {
    if std::env::var("IMMUTABLE_LIVE_AWS").as_deref() != Ok("1") {
        panic!("this launches machines that are paid for; set IMMUTABLE_LIVE_AWS=1 if that is meant");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let walked = runtime.block_on(async {
        let aws = Aws::from_env().await?;
        let subnets = said("IMMUTABLE_LIVE_SUBNETS")?;
        let kind = std::env::var("IMMUTABLE_LIVE_TYPE").unwrap_or_else(|_| "t3.micro".to_owned());
        let (fleets, template) = fleets(&aws, Machine::new(kind, subnets.split(',').map(str::trim)))?;
        Live::new(&aws, fleets, template)?.run().await
    });
    walked.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
#[ignore = "launches machines on AWS; see docs/aws/README.md"]
fn groups() {
    live(|aws, machine| Ok((Arc::new(AsgFleet::new(aws)), LaunchTemplate::of(&AsgTemplate::new(machine))?)));
}

#[test]
#[ignore = "launches machines on AWS; see docs/aws/README.md"]
fn plain() {
    live(|aws, machine| Ok((Arc::new(Ec2Fleet::new(aws)), LaunchTemplate::of(&machine)?)));
}
