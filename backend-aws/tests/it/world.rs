//! A world: an account, a fleet, a journal that outlives processes, and who watches that no promise is broken.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backend_aws::{AUTO_SCALING, AlbTraffic, AsgFleet, Aws, Ec2Fleet, Pool};
use futures_util::future::{Either, select};
use immutable_core::artifact::{Built, Provenance};
use immutable_core::fleet::POOL_CHECK;
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{
    Artifact, Controller, Error, Fleet, ImageRef, LaunchTemplate, MemoryJournal, Outcome, Provider, Result, Strategy,
};
use immutable_fakes::aws::http::Http;
use immutable_fakes::aws::{FakeAws, State};

use crate::account::{Account, START};
use crate::wire::{Script, Wire};

/// What a fleet is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Groups,
    GroupsInPool,
    Plain,
}

pub(crate) struct World {
    kind: Kind,
    pub(crate) size: u32,
    pub(crate) fake: FakeAws,
    pub(crate) clock: VirtualClock,
    script: Script,
    journal: MemoryJournal,
    pool: Option<Pool>,
    pub(crate) first: Artifact,
    pub(crate) next: Artifact,
    /// From when on nobody may be missing.
    served: bool,
}

/// How long a process that died is missed.
const DOWN: Duration = Duration::from_secs(30);

impl World {
    pub(crate) async fn new(kind: Kind, size: u32, script: Script) -> Result<Self> {
        let account = Account::of(FakeAws::new("123456789012", "us-east-1"), VirtualClock::new(START)).await?;
        let artifact = |version: &str| {
            let image: ImageRef = account.image(&format!("web-{version}"));
            Artifact::new("acmeinc/web".parse()?, version.parse()?, Built::new(Provenance::new("packer", version)).image(image))
        };
        let (first, next) = (artifact("1.0.0")?, artifact("1.1.0")?);
        let pool = (kind == Kind::GroupsInPool).then(|| account.pool("web", 2).0);
        let Account { fake, clock, .. } = account;
        Ok(Self { kind, size, fake, clock, script, journal: MemoryJournal::new(), pool, first, next, served: false })
    }

    async fn aws(&self) -> Result<Aws> {
        let inner = Http::new(self.fake.clone(), Arc::new(self.clock.clone()));
        let wire = Wire { inner, fake: self.fake.clone(), script: self.script.clone() };
        let aws = Aws::builder().region("us-east-1").account("123456789012").keys("AKIDEXAMPLE", "secret");
        aws.endpoint("http://aws.test").http_client(wire).clock(self.clock.clone()).connect().await
    }

    /// A process.
    async fn controller(&self) -> Result<Controller> {
        let aws = self.aws().await?;
        let mut provider = Provider::from(&aws);
        match (&self.pool, self.kind) {
            (_, Kind::Plain) => provider.fleets = Arc::new(Ec2Fleet::new(&aws)),
            (Some(pool), _) => provider = provider.traffic(Arc::new(AlbTraffic::new(&aws).pool("web", pool.clone())?)),
            (None, _) => provider.fleets = Arc::new(AsgFleet::new(&aws)),
        }
        Ok(Controller::new(provider, self.journal.clone()).with_clock(Arc::new(self.clock.clone())).poll(Duration::from_secs(15)))
    }

    fn fleet(&self) -> Fleet {
        let account = |machine| match self.kind {
            Kind::Plain => LaunchTemplate::of(&machine),
            _ => LaunchTemplate::of(&backend_aws::AsgTemplate::new(machine)),
        };
        let subnets = self.fake.subnets().into_iter().map(|(id, _)| id);
        let place = self.first.images().next().unwrap().place().clone();
        let fleet =
            Fleet::new("web", place).size(self.size).template(account(backend_aws::Machine::new("t3.micro", subnets)).unwrap());
        match &self.pool {
            None => fleet,
            Some(_) if !self.served => fleet.pool("web"),
            // The first are attached when they are ready, and the others are ready when their pool says so.
            Some(_) => fleet.pool("web").required_sources([AUTO_SCALING.into(), POOL_CHECK.into()]),
        }
    }

    /// Deploys an artifact, by as many processes as it takes, under everybody's eyes.
    pub(crate) async fn deploy(&mut self, artifact: &Artifact, strategy: Strategy) -> Result<Outcome> {
        let fleet = self.fleet();
        let plan = self.controller().await?.plan(&fleet, artifact, strategy).await?;
        let ceiling = plan.budget().ceiling;
        self.controller().await?.start(plan).await?;
        let deadline = self.clock.now() + Duration::from_secs(24 * 3600);
        let outcome = loop {
            let controller = self.controller().await?;
            let Some(rollout) = controller.rollout(fleet.id()).await? else { return Err(Error::invalid("there is no rollout")) };
            let drive = std::pin::pin!(rollout.drive());
            let death = std::pin::pin!(self.script.death());
            let eyes = std::pin::pin!(self.watch(ceiling));
            let late = std::pin::pin!(self.clock.sleep_until(deadline));
            match select(select(drive, death), select(eyes, late)).await {
                Either::Left((Either::Left((outcome, _)), _)) => break outcome?,
                Either::Left((Either::Right(_), _)) => self.clock.sleep_until(self.clock.now() + DOWN).await,
                Either::Right((Either::Left((breach, _)), _)) => return Err(Error::invalid(breach)),
                Either::Right((Either::Right(_), _)) => {
                    let why = controller.explain(fleet.id()).await?;
                    return Err(Error::invalid(format!("it never ends: {why}")));
                }
            }
        };
        self.served |= outcome == Outcome::Succeeded;
        Ok(outcome)
    }

    /// Looks every five seconds, and returns with what is wrong.
    async fn watch(&self, ceiling: u32) -> String {
        loop {
            self.fake.advance(u64::try_from(self.clock.now().as_millis()).unwrap());
            if let Some(breach) = self.breach(ceiling) {
                return format!("at {}: {breach}", self.clock.now());
            }
            self.clock.sleep_until(self.clock.now() + Duration::from_secs(5)).await;
        }
    }

    fn breach(&self, ceiling: u32) -> Option<String> {
        let truth = self.fake.truth();
        let live: Vec<_> = truth.live().collect();
        if live.len() > ceiling as usize {
            return Some(format!("{} exist, and at most {ceiling} may: {:?}", live.len(), states(&live)));
        }
        if !self.served {
            return None;
        }
        let serves = |machine: &&(&str, &immutable_fakes::aws::truth::Machine)| match self.kind {
            Kind::GroupsInPool => machine.1.targets.values().any(|state| *state == "healthy"),
            _ => machine.1.state == State::Running,
        };
        let serving = live.iter().filter(serves).count();
        (serving < self.size as usize).then(|| format!("{serving} serve, and {} must: {:?}", self.size, states(&live)))
    }

    /// In the end: as many as there must be, all of one image, with nothing left over.
    pub(crate) fn end(&self, artifact: &Artifact) -> Result<()> {
        let truth = self.fake.truth();
        let image = artifact.images().next().unwrap().id().as_str().to_owned();
        let live: Vec<_> = truth.live().collect();
        let wrong = |what: String| Err(Error::invalid(what));
        if live.len() != self.size as usize || live.iter().any(|(_, machine)| machine.image != image) {
            return wrong(format!("{} of {image} must run: {:?}", self.size, states(&live)));
        }
        let groups = if self.kind == Kind::Plain { 0 } else { 1 };
        if truth.groups.len() != groups || truth.templates.len() != 1 {
            return wrong(format!("{} groups and {} templates are left", truth.groups.len(), truth.templates.len()));
        }
        if let Some(stray) = truth.groups.values().find(|group| group.desired != self.size as usize) {
            return wrong(format!("a group wants {}", stray.desired));
        }
        let route = truth.routes.values().next();
        let of_others = |arn: &String| !truth.groups.values().any(|group| group.target_groups.contains(arn));
        if let Some((arn, weight)) =
            route.into_iter().flat_map(|route| &route.said).find(|(arn, weight)| **weight > 0 && of_others(arn))
        {
            return wrong(format!("{arn} is nobody's, and has the weight {weight}"));
        }
        Ok(())
    }

    /// What the journal tells, and what was asked of Amazon, for people.
    pub(crate) async fn story(&self) -> Result<String> {
        let history = self.controller().await?.history(self.fleet().id()).await?;
        let calls = self.fake.calls().into_iter().filter(|call| !call.action.contains(":Describe"));
        let calls: Vec<String> = calls.map(|call| format!("{call:?}")).collect();
        Ok(format!("{}\n{}", immutable_core::rollout::Story::of(&history), calls.join("\n")))
    }

    /// How many machines were ever launched.
    pub(crate) fn launches(&self) -> usize {
        self.fake.truth().instances.len()
    }
}

fn states(live: &[(&str, &immutable_fakes::aws::truth::Machine)]) -> BTreeMap<String, String> {
    let of = |machine: &immutable_fakes::aws::truth::Machine| {
        format!("{} {:?} {:?} {:?}", machine.image, machine.state, machine.lifecycle, machine.targets.values())
    };
    live.iter().map(|(id, machine)| ((*id).to_owned(), of(machine))).collect()
}
