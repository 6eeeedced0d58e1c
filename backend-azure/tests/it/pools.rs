//! The suite for load balancers over the fake, and for Traffic Manager in front of one, and what a person could see and do there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend_azure::{LoadBalancerTraffic, Pool, TrafficManagerTraffic, VmssTemplate, WeightedPool};
use immutable_core::conformance::switch;
use immutable_core::fleet::GenerationId;
use immutable_core::id::{NativeRef, PoolId};
use immutable_core::{LaunchTemplate, Result};
use immutable_fakes::arm::{BalancerTruth, ProfileTruth, Rival};
use serde_json::json;

use crate::account::Account;
use crate::suites::{groups_of, slow};

pub(crate) const BALANCER: &str = "Microsoft.Network/loadBalancers";
pub(crate) const PROFILE: &str = "Microsoft.Network/trafficManagerProfiles";

/// How machines are made that are in `front`.
pub(crate) fn template(account: &Account) -> LaunchTemplate {
    LaunchTemplate::of(&VmssTemplate::new(account.machine()).load_balancer("front")).unwrap()
}

/// What `front` really does.
pub(crate) fn front(account: &Account) -> BalancerTruth {
    account.fake.advance(account.now_ms());
    account.fake.balancers()[&account.fake.id(BALANCER, "front").to_lowercase()].clone()
}

/// What a profile really does.
pub(crate) fn profile(account: &Account, name: &str) -> ProfileTruth {
    account.fake.advance(account.now_ms());
    account.fake.profiles()[&account.fake.id(PROFILE, name).to_lowercase()].clone()
}

/// Of the name of a backend pool.
fn generation(pool: &str) -> Option<GenerationId> {
    Some(GenerationId(pool.rsplit('-').next()?.parse().ok()?))
}

/// From now on, what is there was made long ago; what is done takes its time, and what was before is shown by turns.
async fn late(account: Account) {
    account.wait(Duration::from_secs(60)).await;
    slow(account).fake.stale_reads(Duration::from_secs(4));
}

/// Pools that are rules of one load balancer.
struct Rules(Account);

#[async_trait]
impl switch::Console for Rules {
    async fn join(&self, _: &PoolId) -> Result<Option<NativeRef>> {
        // A rule sends to one backend pool.
        Ok(None)
    }

    async fn in_force(&self, pool: &PoolId) -> Result<Option<BTreeMap<GenerationId, u16>>> {
        let rule = front(&self.0).rules[pool.as_str()].clone();
        Ok(Some(generation(&rule.in_force).map(|generation| (generation, 1)).into_iter().collect()))
    }
}

fn rules_of(account: Account) -> Result<switch::Subject> {
    account.fake.load_balancer("front", &["web", "web-2"]);
    let traffic = LoadBalancerTraffic::new(&account.azure)
        .pool("web", Pool::load_balancer("front", ["web"]))?
        .pool("web-2", Pool::load_balancer("front", ["web-2"]))?
        .drains_for(Duration::from_secs(30));
    let machines = groups_of(&account).template(template(&account));
    let subject = switch::Subject::new(Arc::new(traffic), machines, ["web".into(), "web-2".into()]);
    Ok(subject.console(Arc::new(Rules(account))))
}

macro_rules! rules {
    ($fresh:ident) => {
        immutable_core::traffic_switch_conformance!($fresh, cannot: {
            "a_residue_is_told": "no client sticks",
            "what_is_not_ours_stays_as_it_is": "a rule sends to one backend pool, and to nobody else beside it",
        });
    };
}

mod of_one_load_balancer {
    use super::*;

    async fn fresh() -> Result<switch::Subject> {
        rules_of(Account::new().await?)
    }

    rules!(fresh);
}

mod of_one_that_takes_its_time {
    use super::*;

    async fn fresh() -> Result<switch::Subject> {
        let account = Account::new().await?;
        let subject = rules_of(account.clone())?;
        late(account).await;
        Ok(subject)
    }

    rules!(fresh);
}

/// Where a second write is refused for as long as one goes on.
mod of_one_that_is_busy {
    use super::*;

    async fn fresh() -> Result<switch::Subject> {
        let account = Account::new().await?;
        account.fake.rivals(Rival::InProgress);
        rules_of(account)
    }

    rules!(fresh);
}

/// Pools that profiles divide, in front of one load balancer.
struct Profiles(Account);

/// The profile of a pool.
fn of(pool: &PoolId) -> String {
    format!("{}-tm", pool.as_str())
}

#[async_trait]
impl switch::Console for Profiles {
    async fn join(&self, pool: &PoolId) -> Result<Option<NativeRef>> {
        let id = self.0.fake.id(PROFILE, &of(pool));
        let count = profile(&self.0, &of(pool)).said.len();
        let (name, target) = (format!("theirs-{count}"), format!("theirs-{count}.example"));
        self.0.fake.by_hand(&id, |body| {
            body["properties"]["endpoints"].as_array_mut().unwrap().push(json!({
                "id": format!("{id}/externalEndpoints/{name}"),
                "name": name,
                "type": format!("{PROFILE}/externalEndpoints"),
                "properties": {"endpointStatus": "Enabled", "target": target, "weight": 7, "priority": count + 1},
            }));
        });
        Ok(Some(NativeRef::new(format!("{id}/externalEndpoints/{name}"))))
    }

    async fn in_force(&self, pool: &PoolId) -> Result<Option<BTreeMap<GenerationId, u16>>> {
        let (rules, profile) = (front(&self.0).rules, profile(&self.0, &of(pool)));
        let led = profile.believed.iter().filter(|(_, share)| **share > 0.0);
        let weights = led.filter_map(|(endpoint, _)| {
            let rule = &rules[&format!("{}-{endpoint}", pool.as_str())];
            Some((generation(&rule.in_force)?, u16::try_from(profile.said[endpoint]).ok()?))
        });
        Ok(Some(weights.collect()))
    }
}

/// A profile of a pool with two slots.
pub(crate) fn slots(account: &Account, pool: &str, names: &[&str]) -> WeightedPool {
    let rule = |slot: &str| format!("{pool}-{slot}");
    let addresses: Vec<(&str, String)> = names.iter().map(|slot| (*slot, account.fake.address("front", &rule(slot)))).collect();
    let targets: Vec<(&str, &str)> = addresses.iter().map(|(slot, address)| (*slot, address.as_str())).collect();
    account.fake.traffic_manager(&format!("{pool}-tm"), &targets);
    WeightedPool::traffic_manager(format!("{pool}-tm"), "front", names.iter().map(|slot| (*slot, rule(slot))))
}

fn profiles_of(account: Account, names: &[&str]) -> Result<switch::Subject> {
    let rules: Vec<String> =
        ["web", "web-2"].iter().flat_map(|pool| names.iter().map(move |slot| format!("{pool}-{slot}"))).collect();
    account.fake.load_balancer("front", &rules.iter().map(String::as_str).collect::<Vec<_>>());
    let traffic = TrafficManagerTraffic::new(&account.azure)
        .pool("web", slots(&account, "web", names))?
        .pool("web-2", slots(&account, "web-2", names))?
        .drains_for(Duration::from_secs(30));
    let machines = groups_of(&account).template(template(&account));
    let subject = switch::Subject::new(Arc::new(traffic), machines, ["web".into(), "web-2".into()]);
    // Some believe an answer for longer than it lives.
    Ok(subject.console(Arc::new(Profiles(account))).sticky(Duration::from_secs(60)))
}

macro_rules! profiles {
    ($fresh:ident) => {
        immutable_core::traffic_switch_conformance!($fresh, cannot: {
            "a_tag_never_comes_back": "a profile has no etag: a late call is waited for",
        });
    };
}

mod of_two_slots {
    use super::*;

    async fn fresh() -> Result<switch::Subject> {
        profiles_of(Account::new().await?, &["blue", "green"])
    }

    profiles!(fresh);
}

mod of_three_slots_that_take_their_time {
    use super::*;

    async fn fresh() -> Result<switch::Subject> {
        let account = Account::new().await?;
        let subject = profiles_of(account.clone(), &["blue", "green", "red"])?;
        late(account).await;
        Ok(subject)
    }

    profiles!(fresh);
}
