//! A stage for whole rollouts: a project, and a fleet of groups in it, in a pool or not.

use std::sync::Arc;
use std::time::Duration;

use backend_gcp::{Gcp, MANAGED, MigFleet, Pool, UrlMapTraffic};
use immutable_core::fleet::POOL_CHECK;
use immutable_core::time::Clock;
use immutable_core::{Fleet, Provider, Result};
use immutable_fakes::gce::knobs::Lag;
use immutable_fakes::gce::{FakeGce, Fate, Faults, Status};
use immutable_fakes::play::{Dice, Live, Script, Stage, World};

use crate::account::{Account, PROJECT, REGION};
use crate::hand::artifact;

pub(crate) struct Google {
    pub(crate) account: Account,
    size: u32,
    pooled: bool,
}

/// A world of a fleet, on the runtime of who asks.
pub(crate) async fn world(pooled: bool, size: u32, script: Script) -> Result<World<Google>> {
    let account = Account::scripted(FakeGce::new(PROJECT, REGION), script.clone()).await?;
    let artifacts =
        ["1.0.0", "1.1.0"].map(|version| artifact(version, account.image(&format!("web-{}", version.replace('.', "-")))));
    if pooled {
        account.fake.pool("web");
    }
    Ok(World::new(Google { account, size, pooled }, size, script, artifacts))
}

impl Google {
    /// What a process calls: it has no more of an earlier one's than the connections.
    fn gcp(&self) -> &Gcp {
        &self.account.gcp
    }
}

impl Stage for Google {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.account.clock.clone())
    }

    async fn provider(&self) -> Result<Provider> {
        let provider = Provider::new(self.account.place(), Arc::new(MigFleet::new(self.gcp())));
        Ok(match self.pooled {
            true => provider
                .traffic(Arc::new(UrlMapTraffic::new(self.gcp()).pool("web", Pool::url_map("web", ["web-blue", "web-green"]))?)),
            false => provider,
        })
    }

    fn fleet(&self, served: bool) -> Fleet {
        let fleet = Fleet::new("web", self.account.place()).size(self.size).template(self.account.template());
        match (self.pooled, served) {
            (false, _) => fleet.required_sources([MANAGED.into()]),
            (true, false) => fleet.pool("web").required_sources([MANAGED.into()]),
            // The first are attached when they are ready, and the others are ready when their pool says so.
            (true, true) => fleet.pool("web").required_sources([MANAGED.into(), POOL_CHECK.into()]),
        }
    }

    fn live(&self) -> Vec<Live> {
        self.account.fake.advance(self.account.now_ms());
        let live = |(id, machine): (&str, &immutable_fakes::gce::truth::Machine)| Live {
            image: machine.image.clone(),
            serves: match self.pooled {
                true => machine.services.values().any(|healthy| *healthy),
                false => machine.status == Status::Running,
            },
            what: format!(
                "{id} {}: {} {:?} {:?} {:?}",
                machine.name, machine.image, machine.status, machine.action, machine.services
            ),
        };
        self.account.fake.truth().live().map(live).collect()
    }

    fn launches(&self) -> usize {
        self.account.fake.truth().instances.len()
    }

    fn left_over(&self, _: &str) -> Option<String> {
        let truth = self.account.fake.truth();
        if truth.groups.len() != 1 || truth.templates.len() != 1 {
            return Some(format!("{} groups and {} templates are left", truth.groups.len(), truth.templates.len()));
        }
        if let Some(stray) = truth.groups.values().find(|group| group.target != self.size as usize) {
            return Some(format!("a group wants {}", stray.target));
        }
        let empty = |service: &String| truth.services.get(service).is_none_or(|service| service.backends.is_empty());
        let mut routes = truth.routes.values().flat_map(|route| &route.said);
        let stray = routes.find(|(service, weight)| **weight > 0 && empty(service));
        stray.map(|(service, weight)| format!("{service} is nobody's, and has the weight {weight}"))
    }

    fn calls(&self) -> Vec<String> {
        let reads = |method: &str| {
            ["get", "list", "aggregatedList", "wait"]
                .iter()
                .any(|begin| method.rsplit('.').next().is_some_and(|name| name.starts_with(begin)))
        };
        let calls = self.account.fake.calls().into_iter().filter(|call| !reads(&call.method));
        calls.map(|call| format!("{call:?}")).collect()
    }

    fn faults(&self) -> Faults {
        self.account.fake.faults()
    }

    fn weather(&self, dice: &mut Dice) {
        let fake = &self.account.fake;
        fake.reaction(Duration::from_secs(1 + dice.roll(15)));
        fake.boot_between(Duration::from_secs(5), Duration::from_secs(20 + dice.roll(60)));
        fake.operations_take(Duration::from_secs(dice.roll(16)));
        for of in [Lag::Groups, Lag::Templates, Lag::Sizes, Lag::Members] {
            fake.lag(of, Duration::from_secs(dice.roll(5)));
        }
    }

    fn spoil(&self, image: &str) {
        self.account.fake.fate(image, Fate::Sick);
    }
}
