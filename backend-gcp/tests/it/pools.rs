//! The suite for load balancers over the fake, global and of the region, and what a person could see and do there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend_gcp::{Pool, UrlMapTraffic};
use immutable_core::Result;
use immutable_core::conformance::switch;
use immutable_core::fleet::GenerationId;
use immutable_core::id::{NativeRef, PoolId};

use crate::account::Account;
use crate::suites::{groups_of, slow};

/// How long the requests of a machine may take to end, in seconds.
pub(crate) const DRAINS: u64 = 10;

/// What a person could see and do to a pool.
#[derive(Clone)]
pub(crate) struct Console {
    account: Account,
    /// The path of the url map.
    pub(crate) map: String,
    /// The paths of the backend services.
    pub(crate) services: Vec<String>,
    global: bool,
}

/// A url map of this name over so many services, of which the first has all.
pub(crate) fn pool(account: &Account, name: &str, slots: usize, global: bool) -> (Pool, Console) {
    let names: Vec<String> = (0..slots).map(|slot| format!("{name}-{slot}")).collect();
    let services: Vec<String> = names.iter().map(|name| account.fake.backend_service(name, global, DRAINS)).collect();
    let weights: Vec<(&str, u32)> = services.iter().map(|path| (path.as_str(), u32::from(*path == services[0]))).collect();
    let map = account.fake.url_map(name, &weights);
    let pool = Pool::url_map(name, names);
    let pool = if global { pool } else { pool.regional() };
    (pool, Console { account: account.clone(), map, services, global })
}

impl Console {
    /// By what requests are divided at this moment.
    pub(crate) fn divided(&self) -> BTreeMap<GenerationId, u16> {
        self.account.fake.advance(self.account.now_ms());
        let truth = self.account.fake.truth();
        let of = |service: &String| {
            let group = truth.services[service].backends.keys().next()?.replace("/instanceGroups/", "/instanceGroupManagers/");
            let mark: serde_json::Value = serde_json::from_str(truth.groups[&group].said["description"].as_str()?).ok()?;
            Some(GenerationId(mark["immutable"]["generation"].as_u64()?.try_into().ok()?))
        };
        let weights = truth.routes[&self.map].in_force.iter().filter(|(_, weight)| **weight > 0);
        weights.filter_map(|(service, weight)| Some((of(service)?, u16::try_from(*weight).ok()?))).collect()
    }

    /// Somebody gives a service of theirs this weight; its path.
    pub(crate) fn add(&self, name: &str, weight: u32) -> String {
        let path = self.account.fake.backend_service(name, self.global, DRAINS);
        let truth = self.account.fake.truth();
        let mut weights: Vec<(&str, u32)> =
            truth.routes[&self.map].said.iter().map(|(path, weight)| (path.as_str(), *weight)).collect();
        weights.push((&path, weight));
        self.account.fake.meddle_route(&self.map, &weights);
        path
    }
}

#[async_trait]
impl switch::Console for Console {
    async fn join(&self, _: &PoolId) -> Result<Option<NativeRef>> {
        self.account.fake.advance(self.account.now_ms());
        let count = self.account.fake.truth().services.len();
        Ok(Some(NativeRef::new(self.add(&format!("theirs-{count}"), 7))))
    }

    async fn in_force(&self, _: &PoolId) -> Result<Option<BTreeMap<GenerationId, u16>>> {
        Ok(Some(self.divided()))
    }
}

async fn pools_of(account: Account, slots: usize, global: bool) -> Result<switch::Subject> {
    let (pool, console) = self::pool(&account, "front", slots, global);
    let (other, _) = self::pool(&account, "back", slots, global);
    let traffic = UrlMapTraffic::new(&account.gcp).pool("web", pool)?.pool("web-2", other)?.settle(Duration::from_secs(30));
    let subject = switch::Subject::new(Arc::new(traffic), groups_of(&account), ["web".into(), "web-2".into()]);
    Ok(subject.console(Arc::new(console)))
}

macro_rules! suite {
    ($fresh:ident) => {
        immutable_core::traffic_switch_conformance!($fresh, cannot: {
            "a_residue_is_told": "no client sticks",
            "a_drain_takes_exactly_the_named": "nobody can be named",
            "a_drain_is_answered_when_it_has_begun": "nobody can be named",
            "a_drain_passes_over_who_is_no_target": "nobody can be named",
            "a_drain_ends_in_order": "nobody can be named",
            "a_drain_again_changes_nothing": "nobody can be named",
            "who_was_told_to_drain_gets_nothing_new": "nobody can be named",
            "two_copies_of_a_drain_at_once_are_one_drain": "nobody can be named",
            "a_dropped_drain_sent_again_drains": "nobody can be named",
        });
    };
}

mod global {
    use super::*;

    async fn fresh() -> Result<switch::Subject> {
        pools_of(Account::new().await?, 2, true).await
    }

    suite!(fresh);
}

mod of_the_region {
    use super::*;

    async fn fresh() -> Result<switch::Subject> {
        pools_of(Account::new().await?, 3, false).await
    }

    suite!(fresh);
}

mod that_take_their_time {
    use super::*;

    async fn fresh() -> Result<switch::Subject> {
        pools_of(slow(Account::new().await?), 2, true).await
    }

    suite!(fresh);
}

/// Two pools of one url map: what it does by default, and what one of its path matchers does.
mod of_one_map {
    use super::*;

    async fn fresh() -> Result<switch::Subject> {
        let account = Account::new().await?;
        let (pool, console) = self::pool(&account, "front", 2, true);
        let others = ["back-0", "back-1"].map(|name| account.fake.backend_service(name, true, DRAINS));
        account.by_hand(&console.map, |map| {
            map["hostRules"] = serde_json::json!([{"hosts": ["back.example"], "pathMatcher": "back"}]);
            map["pathMatchers"] = serde_json::json!([{"name": "back", "defaultService": account.fake.link(&others[0])}]);
        });
        let other = Pool::url_map("front", ["back-0", "back-1"]).path_matcher("back");
        let traffic = UrlMapTraffic::new(&account.gcp).pool("web", pool)?.pool("web-2", other)?.settle(Duration::from_secs(30));
        let subject = switch::Subject::new(Arc::new(traffic), groups_of(&account), ["web".into(), "web-2".into()]);
        Ok(subject.console(Arc::new(console)))
    }

    suite!(fresh);
}
