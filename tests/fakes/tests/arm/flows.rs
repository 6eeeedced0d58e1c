//! Load balancers: who gets what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use immutable_fakes::arm::RuleTruth;
use serde_json::{Value, json};

use crate::balancers::{FRONT, front, lead, pool, put};
use crate::wire::{Said, Wire, each};

fn rule(wire: &Wire, name: &str) -> RuleTruth {
    wire.fake.balancers()[&FRONT.to_lowercase()].rules[name].clone()
}

fn half(names: &[String]) -> BTreeMap<String, f64> {
    names.iter().map(|name| (name.clone(), 0.5)).collect()
}

/// The answer of the probes of a rule.
fn health(wire: &Wire, name: &str) -> Value {
    let said: Said = wire.call("POST", &format!("{FRONT}/loadBalancingRules/{name}/health"), Value::Null);
    assert_eq!((said.status, &said.body), (202, &Value::Null));
    wire.done(&said);
    wire.get(&Wire::path_of(said.header("location").unwrap())).ok()
}

/// A rule that leads to the first of two generations, of two machines each.
fn two() -> (Wire, Vec<String>, Vec<String>) {
    let wire = front(&["web"], &["web-0001", "web-0002"]);
    let (_, old) = wire.behind("web-0001-0", 2, &pool("web-0001"));
    wire.done(&put(&wire, lead(0, Some("web-0001"))));
    let (_, new) = wire.behind("web-0002-0", 2, &pool("web-0002"));
    wire.wait(60);
    (wire, old, new)
}

#[test]
fn a_rule_is_in_force_some_time_after_it_was_said() {
    let (wire, old, new) = two();
    assert_eq!(rule(&wire, "web").serves, half(&old));
    wire.done(&put(&wire, lead(0, Some("web-0002"))));
    let now = rule(&wire, "web");
    assert_eq!((now.said.as_str(), now.in_force.as_str(), now.serves), ("web-0002", "web-0001", half(&old)));
    wire.wait(10);
    let now = rule(&wire, "web");
    assert_eq!((now.in_force.as_str(), now.serves), ("web-0002", half(&new)));
}

/// A write that was superseded is never in force: azurerm#10178.
#[test]
fn what_was_superseded_is_never_in_force() {
    let (wire, old, _) = two();
    put(&wire, lead(0, Some("web-0002")));
    wire.wait(2);
    put(&wire, lead(0, Some("web-0001")));
    for _ in 0..60 {
        wire.wait(1);
        assert_eq!(rule(&wire, "web").serves, half(&old));
    }
}

/// "What is Azure Load Balancer?": connections go on when their machine gets no new ones.
#[test]
fn former_connections_go_on_for_a_while() {
    let (wire, old, _) = two();
    let drains = || rule(&wire, "web").drains;
    let leavers: BTreeSet<String> = old.iter().cloned().collect();
    wire.fake.connections_last(Duration::from_secs(100));
    assert_eq!(drains(), BTreeSet::new());
    wire.done(&put(&wire, lead(0, Some("web-0002"))));
    wire.wait(30);
    assert_eq!(drains(), leavers);
    wire.wait(60);
    assert_eq!(drains(), leavers);
    wire.wait(30);
    assert_eq!(drains(), BTreeSet::new());
}

/// "Amount of seconds Load Balancer waits for before sending RESET to client and backend address": drainPeriodInSeconds.
#[test]
fn a_pool_may_have_a_shorter_patience() {
    let (wire, old, _) = two();
    wire.over("PUT", &pool("web-0001"), json!({ "properties": { "drainPeriodInSeconds": 20 } }));
    wire.done(&put(&wire, lead(0, Some("web-0002"))));
    wire.wait(15);
    assert_eq!(rule(&wire, "web").drains, old.into_iter().collect());
    wire.wait(20);
    assert_eq!(rule(&wire, "web").drains, BTreeSet::new());
}

/// ProbePropertiesFormat: `intervalInSeconds`, `probeThreshold`; "Azure Load Balancer health probes".
#[test]
fn who_is_ill_gets_nothing_when_the_probes_have_found_out() {
    let (wire, old, _) = two();
    let said = put(&wire, |body| {
        let probe = &mut body["properties"]["probes"][0]["properties"];
        probe["intervalInSeconds"] = json!(10);
        probe["probeThreshold"] = json!(3);
    });
    wire.done(&said);
    wire.wait(120);
    wire.fake.application_is(&old[0], false);
    wire.wait(15);
    assert_eq!(rule(&wire, "web").serves, half(&old));
    wire.wait(25);
    assert_eq!(rule(&wire, "web").serves, [(old[1].clone(), 1.0)].into());
    wire.fake.application_is(&old[0], true);
    wire.wait(15);
    assert_eq!(rule(&wire, "web").serves.len(), 1);
    wire.wait(25);
    assert_eq!(rule(&wire, "web").serves.len(), 2);
}

/// noHealthyBackendsBehavior: ProbeNoHealthyBackendsBehavior.
#[test]
fn if_all_are_ill_none_gets_anything_or_all_do() {
    let (wire, old, _) = two();
    for name in &old {
        wire.fake.application_is(name, false);
    }
    wire.wait(30);
    assert_eq!(rule(&wire, "web").serves, BTreeMap::new());
    wire.done(&put(&wire, |body| {
        body["properties"]["probes"][0]["properties"]["noHealthyBackendsBehavior"] = json!("AllProbedUp")
    }));
    wire.wait(30);
    assert_eq!(rule(&wire, "web").serves, half(&old));
    assert_eq!(
        each(health(&wire, "web")["loadBalancerBackendAddresses"].as_array().unwrap(), "/reason"),
        ["Up_Probe_AllDownIsUp"; 2]
    );
}

/// "Administrative State (Admin State) in Azure Load Balancer": `Up` and `Down` override the probe, and TCP connections persist. The docstring of
/// `adminState` says that they are reset: both are tried.
#[test]
fn a_person_may_bar_a_machine_or_force_it() {
    let (wire, old, _) = two();
    let set = |states: [&str; 2]| {
        let mut body = wire.read(&pool("web-0001"));
        let addresses = body["properties"]["loadBalancerBackendAddresses"].as_array_mut().unwrap();
        for (address, state) in addresses.iter_mut().zip(states) {
            address["properties"]["adminState"] = json!(state);
        }
        let names: Vec<String> =
            each(addresses, "/properties/networkInterfaceIPConfiguration/id").iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(wire.over("PUT", &pool("web-0001"), body)["status"], "Succeeded");
        wire.wait(20);
        names
    };
    let names = set(["Down", "None"]);
    let barred = old.iter().find(|name| names[0].contains(name.as_str())).unwrap().clone();
    let other = old.iter().find(|name| **name != barred).unwrap().clone();
    assert_eq!(rule(&wire, "web").serves, [(other.clone(), 1.0)].into());
    assert_eq!(rule(&wire, "web").drains, [barred.clone()].into());
    wire.fake.barring_resets(true);
    assert_eq!(rule(&wire, "web").drains, BTreeSet::new());
    let shown = wire.read(&pool("web-0001"))["properties"]["loadBalancerBackendAddresses"].clone();
    assert_eq!(each(shown.as_array().unwrap(), "/properties/adminState"), ["Down", "None"]);
    let reasons = health(&wire, "web")["loadBalancerBackendAddresses"].clone();
    assert_eq!(each(reasons.as_array().unwrap(), "/reason"), ["Down_Admin", "Up_Probe_Success"]);
    wire.fake.application_is(&barred, false);
    set(["Up", "None"]);
    assert_eq!(rule(&wire, "web").serves, half(&old));
    // A rule without a probe heeds nobody.
    set(["Down", "None"]);
    let without =
        |body: &mut Value| _ = body["properties"]["loadBalancingRules"][0]["properties"].as_object_mut().unwrap().remove("probe");
    wire.done(&put(&wire, without));
    wire.wait(10);
    assert_eq!(rule(&wire, "web").serves, half(&old));
    let wrong =
        json!({ "properties": { "loadBalancerBackendAddresses": [{ "name": "x", "properties": { "adminState": "Drain" } }] } });
    assert_eq!(wire.call("PUT", &pool("web-0001"), wrong).error(), (400, "InvalidRequestContent"));
    wire.unlawful.set(true);
}

/// LoadBalancerHealthPerRule: of the pool that the rule names. "Manage Azure Load Balancer health status" has the reasons.
#[test]
fn health_is_of_the_pool_that_a_rule_names() {
    let (wire, old, new) = two();
    wire.fake.application_is(&old[0], false);
    wire.wait(20);
    let found = health(&wire, "web");
    assert_eq!((&found["up"], &found["down"]), (&json!(1), &json!(1)));
    let addresses = found["loadBalancerBackendAddresses"].as_array().unwrap();
    let mut states: Vec<_> = each(addresses, "/state").into_iter().zip(each(addresses, "/reason")).collect();
    states.sort_unstable();
    assert_eq!(states, [("Down", "Down_Probe_HttpStatusCodeError"), ("Up", "Up_Probe_Success")]);
    let ids = each(addresses, "/networkInterfaceIPConfigurationId");
    assert!(ids.iter().all(|id| !new.iter().any(|name| id.contains(name.as_str()))));
    assert!(each(addresses, "/ipAddress").iter().all(|address| address.starts_with("10.0.")));
    wire.fake.kill(&old[0]);
    wire.wait(20);
    let reasons = health(&wire, "web");
    assert!(
        each(reasons["loadBalancerBackendAddresses"].as_array().unwrap(), "/reason")
            .contains(&"Down_Probe_HttpEndpointUnreachable")
    );
    let none = wire.call("POST", &format!("{FRONT}/loadBalancingRules/none/health"), Value::Null);
    assert_eq!(none.error(), (404, "NotFound"));
}

/// A pool in no rule is not probed: whoever was well in it for long is down until the probes of its new rule have found it well.
#[test]
fn a_pool_is_probed_from_when_a_rule_names_it() {
    let (wire, _, new) = two();
    wire.done(&put(&wire, |body| {
        body["properties"]["probes"][0]["properties"]["intervalInSeconds"] = json!(15);
        body["properties"]["probes"][0]["properties"]["probeThreshold"] = json!(2);
    }));
    wire.wait(120);
    wire.done(&put(&wire, lead(0, Some("web-0002"))));
    wire.wait(10);
    // It is in force, and the second probe is to come.
    assert_eq!((rule(&wire, "web").in_force.as_str(), rule(&wire, "web").serves), ("web-0002", BTreeMap::new()));
    wire.wait(10);
    assert_eq!(rule(&wire, "web").serves, BTreeMap::new());
    wire.wait(15);
    assert_eq!(rule(&wire, "web").serves, half(&new));
}

#[test]
fn what_others_say_is_in_force_at_once() {
    let (wire, _, new) = two();
    let etag = wire.read(FRONT)["etag"].clone();
    assert!(wire.fake.by_hand(FRONT, lead(0, Some("web-0002"))));
    assert_ne!(wire.read(FRONT)["etag"], etag);
    wire.wait(5);
    let now = rule(&wire, "web");
    assert_eq!(now.in_force, "web-0002");
    wire.wait(10);
    assert_eq!(rule(&wire, "web").serves, half(&new));
    assert!(!wire.fake.by_hand(&FRONT.replace("front", "none"), |_| {}));
    assert!(wire.fake.delete_by_hand(FRONT));
    assert_eq!(wire.call("GET", FRONT, Value::Null).error(), (404, "ResourceNotFound"));
}
