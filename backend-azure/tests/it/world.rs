//! A stage for whole rollouts: a resource group, and a fleet of groups in it, in a pool of either kind or in none.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use backend_azure::{
    APPLICATION_HEALTH, ApplicationHealth, LoadBalancerTraffic, Pool, SCALE_SET, TrafficManagerTraffic, VmssFleet, VmssTemplate,
    WeightedPool,
};
use immutable_core::time::Clock;
use immutable_core::{Fleet, LaunchTemplate, Provider, Result};
use immutable_fakes::arm::{FakeArm, Fate, Faults};
use immutable_fakes::play::{Dice, Live, Script, Stage, World};

use crate::account::{Account, GROUP, REGION, START, SUBSCRIPTION};
use crate::hand::artifact;
use crate::pools::{front, profile};

/// Where a fleet's requests come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Requests {
    /// Nobody says.
    Somewhere,
    /// A rule of a load balancer.
    Rule,
    /// A profile of Traffic Manager, in front of two rules.
    Profile,
}

pub(crate) struct Microsoft {
    pub(crate) account: Account,
    size: u32,
    requests: Requests,
}

/// A world of a fleet, on the runtime of who asks.
pub(crate) async fn world(requests: Requests, size: u32, script: Script) -> Result<World<Microsoft>> {
    let fake = FakeArm::new(SUBSCRIPTION, GROUP, REGION);
    // What is made beforehand has been there for long.
    fake.advance(u64::try_from(START.as_millis()).unwrap() - 24 * 3600 * 1000);
    match requests {
        Requests::Somewhere => {}
        Requests::Rule => drop(fake.load_balancer("front", &["web"])),
        Requests::Profile => {
            fake.load_balancer("front", &["blue", "green"]);
            let [blue, green] = ["blue", "green"].map(|rule| fake.address("front", rule));
            fake.traffic_manager("web", &[("blue", &blue), ("green", &green)]);
        }
    }
    for version in ["1.0.0", "1.1.0"] {
        fake.gallery_image("web", version);
    }
    let account = Account::scripted(fake, script.clone()).await?;
    let artifacts = ["1.0.0", "1.1.0"].map(|version| artifact(version, account.image(version)));
    Ok(World::new(Microsoft { account, size, requests }, size, script, artifacts))
}

impl Stage for Microsoft {
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.account.clock.clone())
    }

    async fn provider(&self) -> Result<Provider> {
        let azure = &self.account.azure;
        let provider = Provider::new(self.account.place(), Arc::new(VmssFleet::new(azure)));
        Ok(match self.requests {
            Requests::Somewhere => provider,
            Requests::Rule => {
                provider.traffic(Arc::new(LoadBalancerTraffic::new(azure).pool("web", Pool::load_balancer("front", ["web"]))?))
            }
            Requests::Profile => {
                let pool = WeightedPool::traffic_manager("web", "front", [("blue", "blue"), ("green", "green")]);
                provider.traffic(Arc::new(TrafficManagerTraffic::new(azure).pool("web", pool)?))
            }
        })
    }

    fn fleet(&self, _: bool) -> Fleet {
        let template = VmssTemplate::new(self.account.machine()).health(ApplicationHealth::http(8080, "/health"));
        let fleet = Fleet::new("web", self.account.place())
            .size(self.size)
            .required_sources([SCALE_SET.into(), APPLICATION_HEALTH.into()]);
        let of = |template: &VmssTemplate| LaunchTemplate::of(template).unwrap();
        match self.requests {
            Requests::Somewhere => fleet.template(of(&template)),
            _ => fleet.template(of(&template.load_balancer("front"))).pool("web"),
        }
    }

    fn live(&self) -> Vec<Live> {
        self.account.fake.advance(self.account.now_ms());
        let served: Option<BTreeSet<String>> = match self.requests {
            Requests::Somewhere => None,
            Requests::Rule => Some(
                front(&self.account).rules["web"]
                    .serves
                    .iter()
                    .filter(|(_, part)| **part > 0.0)
                    .map(|(name, _)| name.clone())
                    .collect(),
            ),
            Requests::Profile => Some(
                profile(&self.account, "web")
                    .serves
                    .iter()
                    .filter(|(_, part)| **part > 0.0)
                    .map(|(name, _)| name.clone())
                    .collect(),
            ),
        };
        let live = |(id, machine): (&str, &immutable_fakes::arm::truth::Machine)| {
            let gets = served.as_ref().is_none_or(|served| served.contains(&machine.name));
            Live {
                image: machine.image.clone(),
                serves: machine.running && machine.well && gets,
                what: format!(
                    "{id} {}: {} {} running {} well {} gets {gets}",
                    machine.name, machine.image, machine.state, machine.running, machine.well
                ),
            }
        };
        self.account.fake.truth().live().map(live).collect()
    }

    fn divides(&self) -> bool {
        self.requests != Requests::Rule
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
        if self.requests != Requests::Somewhere {
            let pools = front(&self.account).pools;
            let ours: Vec<&String> = pools.keys().filter(|name| name.starts_with("web-0")).collect();
            if ours.len() != 1 {
                return Some(format!("the backend pools {ours:?} are left"));
            }
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
