//! A stage for whole rollouts: a resource group, and a fleet of groups in it, in a pool or not.

use std::sync::Arc;
use std::time::Duration;

use backend_azure::{APPLICATION_HEALTH, ApplicationHealth, LoadBalancerTraffic, Pool, SCALE_SET, VmssFleet, VmssTemplate};
use immutable_core::time::Clock;
use immutable_core::{Fleet, LaunchTemplate, Provider, Result};
use immutable_fakes::arm::{FakeArm, Fate, Faults};
use immutable_fakes::play::{Dice, Live, Script, Stage, World};

use crate::account::{Account, GROUP, REGION, SUBSCRIPTION};
use crate::hand::artifact;

pub(crate) struct Microsoft {
    pub(crate) account: Account,
    size: u32,
    pooled: bool,
}

/// A world of a fleet, on the runtime of who asks.
pub(crate) async fn world(pooled: bool, size: u32, script: Script) -> Result<World<Microsoft>> {
    let account = Account::scripted(FakeArm::new(SUBSCRIPTION, GROUP, REGION), script.clone()).await?;
    let artifacts = ["1.0.0", "1.1.0"].map(|version| artifact(version, account.image(version)));
    if pooled {
        account.fake.load_balancer("front", &["http"]);
    }
    Ok(World::new(Microsoft { account, size, pooled }, size, script, artifacts))
}

impl Stage for Microsoft {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.account.clock.clone())
    }

    async fn provider(&self) -> Result<Provider> {
        let azure = &self.account.azure;
        let provider = Provider::new(self.account.place(), Arc::new(VmssFleet::new(azure)));
        Ok(match self.pooled {
            true => {
                provider.traffic(Arc::new(LoadBalancerTraffic::new(azure).pool("web", Pool::load_balancer("front", ["http"]))?))
            }
            false => provider,
        })
    }

    fn fleet(&self, _: bool) -> Fleet {
        let template = VmssTemplate::new(self.account.machine()).health(ApplicationHealth::http(8080, "/health"));
        let fleet = Fleet::new("web", self.account.place())
            .size(self.size)
            .required_sources([SCALE_SET.into(), APPLICATION_HEALTH.into()]);
        let of = |template: &VmssTemplate| LaunchTemplate::of(template).unwrap();
        match self.pooled {
            false => fleet.template(of(&template)),
            true => fleet.template(of(&template.load_balancer("front"))).pool("web"),
        }
    }

    fn live(&self) -> Vec<Live> {
        self.account.fake.advance(self.account.now_ms());
        let live = |(id, machine): (&str, &immutable_fakes::arm::truth::Machine)| Live {
            image: machine.image.clone(),
            serves: machine.running && machine.well,
            what: format!(
                "{id} {}: {} {} running {} well {}",
                machine.name, machine.image, machine.state, machine.running, machine.well
            ),
        };
        self.account.fake.truth().live().map(live).collect()
    }

    fn launches(&self) -> usize {
        self.account.fake.truth().machines.len()
    }

    fn left_over(&self, _: &str) -> Option<String> {
        let truth = self.account.fake.truth();
        if truth.scale_sets.len() != 1 {
            return Some(format!("{} scale sets are left", truth.scale_sets.len()));
        }
        if let Some(stray) = truth.scale_sets.values().find(|set| set.capacity != self.size as usize) {
            return Some(format!("a scale set wants {}", stray.capacity));
        }
        None
    }

    fn calls(&self) -> Vec<String> {
        let reads = |call: &str| {
            let name = call.rsplit('.').next().unwrap_or(call);
            name.starts_with("get") || name.starts_with("list") || name == "health" || call == "token"
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
        fake.lag(Duration::from_secs(dice.roll(5)));
    }

    fn spoil(&self, image: &str) {
        self.account.fake.fate(image, Fate::Sick);
    }
}
