//! A walk over the real Azure, with machines that are paid for. `docs/azure/README.md` says how it is run and what it leaves: nothing, but for an empty backend
//! pool, and the rule that sends there, in the load balancer that it is given.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use backend_azure::{Azure, GalleryCatalog, LoadBalancerTraffic, Machine, Pool, VmssFleet, VmssTemplate};
use immutable_core::error::Retry;
use immutable_core::fleet::{
    Destroyed, FleetId, GenerationId, GenerationSpec, GroupId, GroupSpec, GroupState, Life, Op, Placement, Release, Resize,
    Route, Upkeep,
};
use immutable_core::id::{Epoch, InstanceKey, OpId, PoolId, Zone};
use immutable_core::provider::{FleetProvider, ImageCatalog, TrafficSwitch};
use immutable_core::time::{Clock, SystemClock};
use immutable_core::{Digest, Error, ErrorKind, ImageRef, LaunchTemplate, Result};

const GROUP: GroupId = GroupId { generation: GenerationId(1), cell: 0 };
/// Longer than any machine takes to boot or to go.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

struct Live {
    azure: Azure,
    fleets: Arc<dyn FleetProvider>,
    spec: GenerationSpec,
    clock: SystemClock,
    ops: std::cell::Cell<u64>,
}

/// What the environment says, which must be said.
fn said(name: &str) -> Result<String> {
    std::env::var(name).map_err(|_| Error::invalid(format!("{name} is not set; docs/azure/README.md says what it is to be")))
}

impl Live {
    fn new(azure: &Azure, placement: Placement, load_balancer: Option<&str>) -> Result<Self> {
        let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
        let size = std::env::var("IMMUTABLE_LIVE_SIZE").unwrap_or_else(|_| "Standard_B2s".to_owned());
        let key = said("IMMUTABLE_LIVE_SSH_KEY")?;
        let mut template = VmssTemplate::new(Machine::linux(size, said("IMMUTABLE_LIVE_SUBNET")?, "azureuser", key));
        if let Some(name) = load_balancer {
            template = template.load_balancer(name);
        }
        let template = LaunchTemplate::of(&template)?;
        let image = ImageRef::new(azure.place(), said("IMMUTABLE_LIVE_IMAGE")?);
        let spec = GenerationSpec {
            fleet: FleetId::new(azure.place(), format!("live-{:08x}", random & 0xffff_ffff)),
            id: GROUP.generation,
            name: "live/web".parse()?,
            version: "1.0.0".parse()?,
            release: Release { artifact: Digest::of(image.to_string().as_bytes()), template: template.digest() },
            image,
            template,
            groups: vec![GroupSpec { cell: 0, placement, max: 2 }],
            pool: load_balancer.map(|_| PoolId::new("live")),
            upkeep: Upkeep::NONE,
            labels: [("purpose".into(), "live-test".into())].into(),
        };
        let fleets = Arc::new(VmssFleet::new(azure));
        Ok(Self { azure: azure.clone(), fleets, spec, clock: SystemClock::new(), ops: std::cell::Cell::new(0) })
    }

    fn op(&self) -> Op {
        self.ops.set(self.ops.get() + 1);
        Op::new(&self.spec.fleet, OpId(self.ops.get()), Epoch(1))
    }

    async fn pass(&self, seconds: u64) {
        self.clock.sleep_until(self.clock.now() + Duration::from_secs(seconds)).await;
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
            self.pass(5).await;
        }
    }

    /// Made, and raised to two who run.
    async fn raised(&self) -> Result<Vec<InstanceKey>> {
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
        self.until("two that run", |_, all| running(all) == 2).await
    }

    async fn walk(&self) -> Result<()> {
        let members = self.raised().await?;
        let lower = Resize::Lower { group: GROUP, from: 2, leave: members.iter().take(1).cloned().collect() };
        let op = self.op();
        self.fleets.resize(&op, &lower).await?;
        self.fleets.resize(&op, &lower).await?;
        let left = self.until("one that runs", |size, all| size == Some(1) && running(all) == 1).await?;
        match left == members[1..] {
            true => Ok(()),
            false => Err(Error::invalid(format!("{left:?} is left, and {:?} was to be", &members[1..]))),
        }
    }

    /// Two who run, behind a rule, until the load balancer says that they are its targets.
    async fn served(&self) -> Result<()> {
        let pool = Pool::load_balancer(said("IMMUTABLE_LIVE_LOAD_BALANCER")?, [said("IMMUTABLE_LIVE_RULE")?]);
        let traffic = LoadBalancerTraffic::new(&self.azure).pool("live", pool)?;
        let members: BTreeSet<InstanceKey> = self.raised().await?.into_iter().collect();
        let id = PoolId::new("live");
        let before = traffic.observe(&id).await?;
        if !before.weights.is_empty() {
            return Err(Error::invalid(format!("the rule is somebody's: {:?}", before.weights)));
        }
        let weights: BTreeMap<GenerationId, u16> = [(GROUP.generation, 1)].into();
        let (op, route) = (self.op(), Route::new(id.clone(), before.tag, weights.clone())?);
        traffic.route(&op, &route).await?;
        traffic.route(&op, &route).await?;
        let deadline = self.clock.now() + PATIENCE;
        loop {
            let seen = traffic.observe(&id).await?;
            let targets: BTreeSet<InstanceKey> = seen.targets.iter().map(|target| target.key.clone()).collect();
            if seen.weights == weights && targets == members {
                return Ok(());
            }
            if self.clock.now() > deadline {
                return Err(Error::invalid(format!("{members:?} are not the rule's targets after {PATIENCE:?}: {seen:?}")));
            }
            self.pass(5).await;
        }
    }

    /// Sends everybody away and removes the generation, whatever the walk has left of it.
    async fn clean(&self) -> Result<()> {
        let deadline = self.clock.now() + PATIENCE;
        loop {
            let (size, all) = self.look().await?;
            let leave: BTreeSet<InstanceKey> =
                all.iter().filter(|(_, life)| !matches!(life, Life::Leaving | Life::Gone)).map(|(key, _)| key.clone()).collect();
            if let (Some(from), false) = (size, leave.is_empty()) {
                self.fleets.resize(&self.op(), &Resize::Lower { group: GROUP, from, leave }).await.map(drop).or_else(passing)?;
            } else if let (Some(from), true) = (size.filter(|size| *size > 0), leave.is_empty()) {
                self.fleets.resize(&self.op(), &Resize::GiveUp { group: GROUP, from, to: 0 }).await.map(drop).or_else(passing)?;
            }
            match self.fleets.destroy_generation(&self.op(), GROUP.generation).await {
                Ok(Destroyed::Gone) => return Ok(()),
                Ok(_) => {}
                // All that is left is its backend pool: a rule sends there, and to none it cannot.
                Err(error) if size.is_none() && self.spec.pool.is_some() && error.kind() == ErrorKind::Busy => return Ok(()),
                Err(error) => passing(error)?,
            }
            if self.clock.now() > deadline {
                return Err(Error::invalid(format!("{} is still there; remove what has its name", self.spec.full_name())));
            }
            self.pass(10).await;
        }
    }

    /// Both ends of it are told, whichever fails.
    async fn end(&self, walked: Result<()>) -> Result<()> {
        match (walked, self.clean().await) {
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
        Retry::Never if error.kind() != ErrorKind::Conflict => Err(error),
        _ => Ok(()),
    }
}

/// In the resource group that the environment names, or on an emulator.
fn live(walk: impl AsyncFnOnce(Azure) -> Result<()>) {
    let endpoint = std::env::var("IMMUTABLE_LIVE_AZURE_ENDPOINT").ok();
    if endpoint.is_none() && std::env::var("IMMUTABLE_LIVE_AZURE").as_deref() != Ok("1") {
        panic!("this launches machines that are paid for; set IMMUTABLE_LIVE_AZURE=1 if that is meant");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let walked = runtime.block_on(async {
        let group = said("IMMUTABLE_LIVE_GROUP")?;
        let azure = Azure::builder(said("IMMUTABLE_LIVE_SUBSCRIPTION")?, group, said("IMMUTABLE_LIVE_REGION")?);
        let azure = match endpoint {
            Some(endpoint) => {
                let ca = std::fs::read_to_string(said("IMMUTABLE_LIVE_AZURE_CA")?);
                let ca = ca.map_err(|why| Error::invalid(format!("the certificate authority cannot be read: {why}")))?;
                let [tenant, client, secret] =
                    ["TENANT", "CLIENT", "SECRET"].map(|of| said(&format!("IMMUTABLE_LIVE_AZURE_{of}")));
                let azure = azure.endpoint(&endpoint).authority(&endpoint).certificate_authority(ca);
                azure.client_secret(tenant?, client?, secret?)
            }
            None => azure,
        };
        walk(azure.connect().await?).await
    });
    walked.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
#[ignore = "launches machines on Azure; see docs/azure/README.md"]
fn groups() {
    live(async |azure| {
        let live = Live::new(&azure, Placement::Region, None)?;
        live.end(live.walk().await).await
    });
}

#[test]
#[ignore = "launches machines on Azure; see docs/azure/README.md"]
fn groups_of_a_zone() {
    live(async |azure| {
        let live = Live::new(&azure, Placement::Zone(Zone::new("1")), None)?;
        live.end(live.walk().await).await
    });
}

#[test]
#[ignore = "launches machines on Azure; see docs/azure/README.md"]
fn a_pool() {
    live(async |azure| {
        let load_balancer = said("IMMUTABLE_LIVE_LOAD_BALANCER")?;
        let live = Live::new(&azure, Placement::Region, Some(&load_balancer))?;
        live.end(live.served().await).await
    });
}

#[test]
#[ignore = "looks at images on Azure; see docs/azure/README.md"]
fn an_image() {
    live(async |azure| {
        let live = Live::new(&azure, Placement::Region, None)?;
        let catalog = GalleryCatalog::new(&azure);
        let seen = catalog.describe(std::slice::from_ref(&live.spec.image)).await?;
        let why = seen.first().map(|seen| seen.unlaunchable.clone());
        if why != Some(None) {
            return Err(Error::invalid(format!("{} cannot be launched: {why:?}", live.spec.image)));
        }
        catalog.uses(&live.spec.image).await.map(drop)
    });
}
