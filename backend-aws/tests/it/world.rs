//! A stage for whole rollouts: an account, and a fleet of one kind in it.

use std::sync::Arc;
use std::time::Duration;

use backend_aws::{AUTO_SCALING, AlbTraffic, AsgFleet, AsgTemplate, Aws, Ec2Fleet, Machine, Pool};
use immutable_core::fleet::POOL_CHECK;
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Fleet, LaunchTemplate, Provider, Result};
use immutable_fakes::aws::http::Http;
use immutable_fakes::aws::knobs::Lag;
use immutable_fakes::aws::{FakeAws, Fate, Faults, State};
use immutable_fakes::play::{Dice, Live, Script, Stage, World};

use crate::account::{Account, START};
use crate::hand::artifact;
use crate::wire::Wire;

/// What a fleet is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Groups,
    GroupsInPool,
    Plain,
}

pub(crate) struct Amazon {
    kind: Kind,
    size: u32,
    pub(crate) fake: FakeAws,
    pub(crate) clock: VirtualClock,
    script: Script,
    pool: Option<Pool>,
}

/// A world of a fleet of a kind.
pub(crate) async fn world(kind: Kind, size: u32, script: Script) -> Result<World<Amazon>> {
    let account = Account::of(FakeAws::new("123456789012", "us-east-1"), VirtualClock::new(START)).await?;
    let artifacts = ["1.0.0", "1.1.0"].map(|version| artifact(version, account.image(&format!("web-{version}"))));
    let pool = (kind == Kind::GroupsInPool).then(|| account.pool("web", 2).0);
    let Account { fake, clock, .. } = account;
    let stage = Amazon { kind, size, fake, clock, script: script.clone(), pool };
    Ok(World::new(stage, size, script, artifacts))
}

impl Stage for Amazon {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    async fn provider(&self) -> Result<Provider> {
        let inner = Http::new(self.fake.clone(), self.clock());
        let wire = Wire { inner, fake: self.fake.clone(), script: self.script.clone() };
        let aws = Aws::builder().region("us-east-1").account("123456789012").keys("AKIDEXAMPLE", "secret");
        let aws = aws.endpoint("http://aws.test").http_client(wire).clock(self.clock.clone()).connect().await?;
        let mut provider = Provider::from(&aws);
        match (&self.pool, self.kind) {
            (_, Kind::Plain) => provider.fleets = Arc::new(Ec2Fleet::new(&aws)),
            (Some(pool), _) => provider = provider.traffic(Arc::new(AlbTraffic::new(&aws).pool("web", pool.clone())?)),
            (None, _) => provider.fleets = Arc::new(AsgFleet::new(&aws)),
        }
        Ok(provider)
    }

    fn fleet(&self, served: bool) -> Fleet {
        let machine = Machine::new("t3.micro", self.fake.subnets().into_iter().map(|(id, _)| id));
        let template = match self.kind {
            Kind::Plain => LaunchTemplate::of(&machine),
            _ => LaunchTemplate::of(&AsgTemplate::new(machine)),
        };
        let place = "aws/123456789012/us-east-1".parse().unwrap();
        let fleet = Fleet::new("web", place).size(self.size).template(template.unwrap());
        match &self.pool {
            None => fleet,
            Some(_) if !served => fleet.pool("web"),
            // The first are attached when they are ready, and the others are ready when their pool says so.
            Some(_) => fleet.pool("web").required_sources([AUTO_SCALING.into(), POOL_CHECK.into()]),
        }
    }

    fn live(&self) -> Vec<Live> {
        self.fake.advance(u64::try_from(self.clock.now().as_millis()).unwrap());
        let live = |(id, machine): (&str, &immutable_fakes::aws::truth::Machine)| Live {
            image: machine.image.clone(),
            serves: match self.kind {
                Kind::GroupsInPool => machine.targets.values().any(|state| *state == "healthy"),
                _ => machine.state == State::Running,
            },
            what: format!("{id}: {} {:?} {:?} {:?}", machine.image, machine.state, machine.lifecycle, machine.targets.values()),
        };
        self.fake.truth().live().map(live).collect()
    }

    fn launches(&self) -> usize {
        self.fake.truth().instances.len()
    }

    fn left_over(&self, _: &str) -> Option<String> {
        let truth = self.fake.truth();
        let groups = if self.kind == Kind::Plain { 0 } else { 1 };
        if truth.groups.len() != groups || truth.templates.len() != 1 {
            return Some(format!("{} groups and {} templates are left", truth.groups.len(), truth.templates.len()));
        }
        if let Some(stray) = truth.groups.values().find(|group| group.desired != self.size as usize) {
            return Some(format!("a group wants {}", stray.desired));
        }
        let route = truth.routes.values().next();
        let of_others = |arn: &String| !truth.groups.values().any(|group| group.target_groups.contains(arn));
        let stray = route.into_iter().flat_map(|route| &route.said).find(|(arn, weight)| **weight > 0 && of_others(arn));
        stray.map(|(arn, weight)| format!("{arn} is nobody's, and has the weight {weight}"))
    }

    fn calls(&self) -> Vec<String> {
        let calls = self.fake.calls().into_iter().filter(|call| !call.action.contains(":Describe"));
        calls.map(|call| format!("{call:?}")).collect()
    }

    fn faults(&self) -> Faults {
        self.fake.faults()
    }

    fn weather(&self, dice: &mut Dice) {
        self.fake.reaction(Duration::from_secs(1 + dice.roll(15)));
        self.fake.boot_between(Duration::from_secs(5), Duration::from_secs(20 + dice.roll(60)));
        for of in [Lag::Instances, Lag::Groups, Lag::Templates, Lag::Tags] {
            self.fake.lag(of, Duration::from_secs(dice.roll(5)));
        }
    }

    fn spoil(&self, image: &str) {
        self.fake.fate(image, Fate::Sick);
    }
}
