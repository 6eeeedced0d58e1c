//! What a rollout costs in calls. A test and not a bench of `benches/`, where Google's client would be compiled once more to measure what is the same in every profile.
//! `cargo test -p backend-gcp --test gcp calls -- --nocapture` prints it.

use std::collections::BTreeMap;
use std::sync::Arc;

use backend_gcp::{MANAGED, UrlMapTraffic};
use immutable_core::fleet::POOL_CHECK;
use immutable_core::rollout::Percent;
use immutable_core::{Controller, Fleet, MemoryJournal, Outcome, Provider, Strategy};
use immutable_fakes::play::cost;

use crate::account::Account;
use crate::hand::{artifact, play};
use crate::pools;

/// The calls of one replacement, by method, and how long it took.
fn replaced(size: u32, pooled: bool, strategy: Strategy) -> (BTreeMap<String, usize>, u64) {
    play(async |account: Account| {
        let mut provider = Provider::from(&account.gcp);
        let mut fleet = Fleet::new("web", account.place()).size(size).template(account.template());
        fleet = fleet.required_sources([MANAGED.into()]);
        if pooled {
            let (pool, _) = pools::pool(&account, "front", 2, true);
            provider = provider.traffic(Arc::new(UrlMapTraffic::new(&account.gcp).pool("web", pool).unwrap()));
            fleet = fleet.pool("web");
        }
        let controller = Controller::new(provider, MemoryJournal::new()).with_clock(Arc::new(account.clock.clone()));
        let run = async |fleet: &Fleet, version: &str, strategy: Strategy| {
            let artifact = artifact(version, account.image(&format!("web-{}", version.replace('.', "-"))));
            let plan = controller.plan(fleet, &artifact, strategy).await.unwrap();
            assert_eq!(controller.run(plan).await.unwrap(), Outcome::Succeeded);
        };
        // All at once: what is counted is the replacement.
        run(&fleet, "1.0.0", Strategy::rolling().max_surge(size)).await;
        if pooled {
            fleet = fleet.clone().required_sources([MANAGED.into(), POOL_CHECK.into()]);
        }
        let (before, begun) = (account.fake.calls().len(), account.now_ms());
        run(&fleet, "1.1.0", strategy).await;
        let mut counts = BTreeMap::new();
        for call in account.fake.calls().iter().skip(before) {
            *counts.entry(call.method.clone()).or_insert(0) += 1;
        }
        (counts, (account.now_ms() - begun) / 1000)
    })
}

/// How many calls that change something one replaced instance takes, and how many that read one look takes.
fn counted(name: &str, size: u32, pooled: bool, strategy: Strategy) -> (f64, f64) {
    let (counts, seconds) = replaced(size, pooled, strategy);
    let reads = |method: &str| {
        let name = method.rsplit('.').next().unwrap_or(method);
        ["get", "list", "aggregatedList"].iter().any(|begin| name.starts_with(begin))
    };
    // Each look lists the groups of the fleet once; besides, only few calls that change something do.
    cost(&format!("{name} in {seconds} s"), size, &counts, reads, "instanceGroupManagers.aggregatedList")
}

fn canary() -> Strategy {
    Strategy::canary([Percent::new(25).unwrap()])
}

#[test]
fn a_rolling_replacement_of_twelve_takes_few() {
    let (writes, look) = counted("rolling", 12, false, Strategy::rolling().max_surge(3));
    assert!(writes < 3.0 && look < 7.0, "{writes} a replaced instance, {look} a look");
}

#[test]
fn a_rolling_replacement_of_a_hundred_takes_fewer_each() {
    let (writes, look) = counted("rolling", 100, false, Strategy::rolling().max_surge(25));
    assert!(writes < 2.0 && look < 8.0, "{writes} a replaced instance, {look} a look");
}

#[test]
fn canaries_of_twelve_in_a_pool_take_few() {
    let (writes, look) = counted("canary", 12, true, canary());
    assert!(writes < 7.0 && look < 11.0, "{writes} a replaced instance, {look} a look");
}

#[test]
fn canaries_of_a_hundred_in_a_pool_take_fewer_each() {
    let (writes, look) = counted("canary", 100, true, canary());
    assert!(writes < 4.0 && look < 12.0, "{writes} a replaced instance, {look} a look");
}
