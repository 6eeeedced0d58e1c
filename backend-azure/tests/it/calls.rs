//! What a rollout costs in calls. A test and not a bench of `benches/`, where Microsoft's libraries would be compiled once more to measure what is the same in every profile.
//! `cargo test -p backend-azure --test azure calls -- --nocapture` prints it.

use std::collections::BTreeMap;
use std::time::Duration;

use immutable_core::rollout::Percent;
use immutable_core::{Outcome, Strategy};
use immutable_fakes::play::{Script, Stage, cost};

use crate::world::{Requests, world};

/// The calls of one replacement, by name, and how long it took.
fn replaced(size: u32, requests: Requests, strategy: Strategy) -> (BTreeMap<String, usize>, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = world(requests, size, Script::default()).await.unwrap();
        let (first, next) = (world.first.clone(), world.next.clone());
        // All at once: what is counted is the replacement.
        assert_eq!(world.deploy(&first, Strategy::rolling().max_surge(size)).await.unwrap(), Outcome::Succeeded);
        let account = world.stage.account.clone();
        let (before, begun) = (account.fake.calls().len(), account.now_ms());
        assert_eq!(world.deploy(&next, strategy).await.unwrap(), Outcome::Succeeded);
        let mut counts = BTreeMap::new();
        for call in account.fake.calls().iter().skip(before) {
            *counts.entry(call.method.clone()).or_insert(0) += 1;
        }
        let took = (account.now_ms() - begun) / 1000;
        world.end(&next).unwrap();
        assert!(world.stage.launches() >= 2 * size as usize);
        (counts, took)
    })
}

/// How many calls that change something one replaced instance takes, and how many that read one look takes.
fn counted(name: &str, size: u32, requests: Requests, strategy: Strategy) -> (f64, f64) {
    let (counts, seconds) = replaced(size, requests, strategy);
    let reads = |call: &str| {
        let name = call.rsplit('.').next().unwrap_or(call);
        ["get", "list", "health", "token"].iter().any(|begin| name.starts_with(begin))
    };
    // Each look lists the scale sets of the resource group once; besides, only few calls that change something do.
    cost(&format!("{name} in {seconds} s"), size, &counts, reads, "virtualMachineScaleSets.list")
}

/// The old ones stay for five minutes: for as long as they do, only looks are taken.
fn blue_green() -> Strategy {
    Strategy::blue_green().keep_old(Duration::from_secs(300))
}

fn canary() -> Strategy {
    Strategy::canary([Percent::new(25).unwrap()])
}

#[test]
fn a_rolling_replacement_of_twelve_takes_few() {
    let (writes, look) = counted("rolling", 12, Requests::Somewhere, Strategy::rolling().max_surge(3));
    assert!(writes < 3.0 && look < 7.0, "{writes} a replaced instance, {look} a look");
}

#[test]
fn a_rolling_replacement_of_a_hundred_takes_fewer_each() {
    let (writes, look) = counted("rolling", 100, Requests::Somewhere, Strategy::rolling().max_surge(25));
    assert!(writes < 2.0 && look < 8.0, "{writes} a replaced instance, {look} a look");
}

#[test]
fn blue_and_green_of_twelve_behind_a_rule_take_few() {
    let (writes, look) = counted("blue/green", 12, Requests::Rule, blue_green());
    assert!(writes < 2.0 && look < 7.0, "{writes} a replaced instance, {look} a look");
}

#[test]
fn blue_and_green_of_a_hundred_behind_a_rule_take_fewer_each() {
    let (writes, look) = counted("blue/green", 100, Requests::Rule, blue_green());
    assert!(writes < 1.0 && look < 8.0, "{writes} a replaced instance, {look} a look");
}

#[test]
fn canaries_of_twelve_behind_a_profile_take_few() {
    let (writes, look) = counted("canary", 12, Requests::Profile, canary());
    assert!(writes < 5.0 && look < 9.0, "{writes} a replaced instance, {look} a look");
}

#[test]
fn canaries_of_a_hundred_behind_a_profile_take_fewer_each() {
    let (writes, look) = counted("canary", 100, Requests::Profile, canary());
    assert!(writes < 2.0 && look < 10.0, "{writes} a replaced instance, {look} a look");
}
