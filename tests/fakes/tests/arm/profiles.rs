//! Traffic Manager.

use std::collections::BTreeMap;

use immutable_fakes::arm::ProfileTruth;
use serde_json::{Value, json};

use crate::balancers::{FRONT, front, lead, pool, put};
use crate::wire::{GROUP, Wire};

const PROFILE: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/acme/providers/Microsoft.Network/trafficManagerProfiles/acme";

fn endpoint(name: &str) -> String {
    format!("{PROFILE}/azureEndpoints/{name}")
}

fn truth(wire: &Wire) -> ProfileTruth {
    wire.fake.profiles()[&PROFILE.to_lowercase()].clone()
}

fn set(wire: &Wire, name: &str, weight: u64, status: &str) {
    let body = json!({ "properties": { "weight": weight, "endpointStatus": status } });
    assert_eq!(wire.call("PATCH", &endpoint(name), body).status, 200);
}

/// Two slots of a load balancer, each with a generation of its own behind it; all requests go to the first.
fn slots() -> (Wire, Vec<String>, Vec<String>) {
    let wire = front(&["one", "two"], &["web-0001", "web-0002"]);
    let (one, two) = (wire.fake.address("front", "one"), wire.fake.address("front", "two"));
    wire.fake.traffic_manager("acme", &[("one", &one), ("two", &two)]);
    let (_, old) = wire.behind("web-0001-0", 1, &pool("web-0001"));
    let (_, new) = wire.behind("web-0002-0", 1, &pool("web-0002"));
    wire.done(&put(&wire, |body| {
        lead(0, Some("web-0001"))(body);
        lead(1, Some("web-0002"))(body);
    }));
    wire.wait(120);
    (wire, old, new)
}

fn shares(all: &[(&str, f64)]) -> BTreeMap<String, f64> {
    all.iter().map(|(name, share)| ((*name).to_owned(), *share)).collect()
}

/// ProfileProperties, EndpointProperties: what is said and what the service adds. There is no etag, and nothing is long-running.
#[test]
fn a_profile_says_its_endpoints_and_what_is_known_of_them() {
    let (wire, _, _) = slots();
    let said = wire.read(PROFILE);
    assert_eq!((said.get("etag"), &said["location"]), (None, &json!("global")));
    let properties = &said["properties"];
    assert_eq!(properties["dnsConfig"], json!({ "relativeName": "acme", "fqdn": "acme.trafficmanager.net", "ttl": 60 }));
    assert_eq!(
        (properties.get("provisioningState"), &properties["monitorConfig"]["profileMonitorStatus"]),
        (None, &json!("Online"))
    );
    let statuses: Vec<_> = properties["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["properties"]["endpointMonitorStatus"].clone())
        .collect();
    assert_eq!(statuses, ["Online", "Disabled"]);
    let one = wire.read(&endpoint("one"));
    assert_eq!(
        (&one["type"], &one["properties"]["target"]),
        (&json!("Microsoft.Network/trafficManagerProfiles/azureEndpoints"), &json!("front-one.westeurope.cloudapp.azure.com"))
    );
    assert_eq!(wire.call("GET", &endpoint("three"), Value::Null).error(), (404, "ResourceNotFound"));
    assert_eq!(
        wire.call("GET", &PROFILE.replace("/acme", "/none").replace("resourceGroups/none", "resourceGroups/acme"), Value::Null)
            .error(),
        (404, "ResourceNotFound")
    );
}

/// "Possible values are from 1 to 1000": EndpointProperties, `weight`.
#[test]
fn weights_are_from_1_to_1000() {
    let (wire, _, _) = slots();
    let weight = |weight: Value| wire.call("PATCH", &endpoint("two"), json!({ "properties": { "weight": weight } }));
    for wrong in [json!(0), json!(1001)] {
        assert_eq!(weight(wrong).error(), (400, "BadRequest"));
    }
    assert_eq!(weight(json!(1000)).status, 200);
    assert_eq!(weight(json!("5")).error(), (400, "InvalidRequestContent"));
    wire.unlawful.set(true);
    let wrong = wire.call("PATCH", &endpoint("two"), json!({ "properties": { "endpointStatus": "Off" } }));
    assert_eq!(wrong.error(), (400, "InvalidRequestContent"));
    assert_eq!(truth(&wire).said, [("one".to_owned(), 1), ("two".to_owned(), 0)].into());
}

/// profiles.createOrUpdate: all of it; profiles.update: what is said; a list is said whole.
#[test]
fn a_put_is_the_whole_and_a_patch_what_is_said() {
    let (wire, _, _) = slots();
    let before = wire.read(PROFILE);
    let patched = wire.call("PATCH", PROFILE, json!({ "tags": { "op": "1" } })).ok();
    assert_eq!((&patched["tags"], patched["properties"]["endpoints"].as_array().unwrap().len()), (&json!({ "op": "1" }), 2));
    // What is shown can be said again; what only the service says is not heeded.
    let again = wire.call("PUT", PROFILE, before.clone());
    assert_eq!((again.status, &again.body["tags"]), (200, &json!({})));
    let mut one = before;
    one["properties"]["endpoints"].as_array_mut().unwrap().truncate(1);
    assert_eq!(wire.call("PUT", PROFILE, one.clone()).status, 200);
    assert_eq!(truth(&wire).said.len(), 1);
    let new = PROFILE.replace("trafficManagerProfiles/acme", "trafficManagerProfiles/other");
    assert_eq!(wire.call("PUT", &new, one.clone()).status, 201);
    one["properties"]["endpoints"][0]["properties"]["targetResourceId"] =
        json!(format!("{GROUP}/Microsoft.Network/publicIPAddresses/none"));
    assert_eq!(wire.call("PUT", &new, one.clone()).error(), (400, "BadRequest"));
    one["properties"]["dnsConfig"] = json!({});
    assert_eq!(wire.call("PUT", &new, one).error(), (400, "BadRequest"));
}

/// "Weighted traffic-routing method": an endpoint's part is its weight's of all. `dnsConfig.ttl`: an answer is believed for so long.
#[test]
fn weights_divide_answers_at_once_and_requests_when_the_old_answers_are_forgotten() {
    let (wire, old, new) = slots();
    assert_eq!((truth(&wire).answers, truth(&wire).believed), (shares(&[("one", 1.0)]), shares(&[("one", 1.0)])));
    set(&wire, "two", 1, "Enabled");
    set(&wire, "one", 3, "Enabled");
    assert_eq!(truth(&wire).answers, shares(&[("one", 0.75), ("two", 0.25)]));
    assert!(truth(&wire).believed["one"] > 0.95);
    wire.wait(30);
    let half = truth(&wire).believed["two"];
    assert!((0.1..0.15).contains(&half), "{half}");
    wire.wait(30);
    assert_eq!(truth(&wire).believed, shares(&[("one", 0.75), ("two", 0.25)]));
    assert_eq!(truth(&wire).serves, shares(&[(&old[0], 0.75), (&new[0], 0.25)]));
    // Who is disabled is believed in, too.
    set(&wire, "two", 1, "Disabled");
    assert_eq!(truth(&wire).answers, shares(&[("one", 1.0)]));
    wire.wait(30);
    assert!(truth(&wire).serves[&new[0]] > 0.1);
    wire.wait(31);
    assert_eq!(truth(&wire).serves, shares(&[(&old[0], 1.0)]));
}

/// "Traffic Manager endpoint monitoring": CheckingEndpoint gets traffic; Degraded does not, unless all are.
#[test]
fn who_is_degraded_is_no_answer_unless_all_are() {
    let (wire, old, new) = slots();
    set(&wire, "two", 1, "Enabled");
    assert_eq!((truth(&wire).monitored["two"], truth(&wire).answers["two"]), ("CheckingEndpoint", 0.5));
    wire.wait(10);
    assert_eq!(truth(&wire).monitored["two"], "Online");
    wire.wait(1);
    wire.fake.application_is(&new[0], false);
    wire.wait(12);
    // One failure is tolerated.
    assert_eq!(truth(&wire).monitored["two"], "Online");
    wire.wait(25);
    assert_eq!((truth(&wire).monitored["two"], truth(&wire).answers), ("Degraded", shares(&[("one", 1.0)])));
    assert_eq!(wire.read(PROFILE)["properties"]["monitorConfig"]["profileMonitorStatus"], "Degraded");
    wire.fake.application_is(&old[0], false);
    wire.wait(40);
    assert_eq!(truth(&wire).answers, shares(&[("one", 0.5), ("two", 0.5)]));
    wire.fake.application_is(&new[0], true);
    wire.wait(20);
    assert_eq!((truth(&wire).monitored["two"], truth(&wire).answers), ("Online", shares(&[("two", 1.0)])));
}

/// What is behind an address is what its rule leads to.
#[test]
fn an_address_with_nobody_behind_is_degraded() {
    let (wire, _, _) = slots();
    wire.done(&put(&wire, lead(0, None)));
    wire.wait(60);
    assert_eq!((truth(&wire).monitored["one"], truth(&wire).serves), ("Degraded", BTreeMap::new()));
    let rules = wire.fake.balancers()[&FRONT.to_lowercase()].rules.clone();
    assert_eq!((rules["one"].in_force.as_str(), rules["two"].in_force.as_str()), ("", "web-0002"));
    // A profile that is disabled answers nobody.
    wire.fake.by_hand(PROFILE, |body| body["properties"]["profileStatus"] = json!("Disabled"));
    assert_eq!(truth(&wire).answers, BTreeMap::new());
    assert_eq!(wire.read(PROFILE)["properties"]["monitorConfig"]["profileMonitorStatus"], "Disabled");
}

/// ExternalEndpoints; `alwaysServe`: "probing for endpoint health will be disabled and endpoints will be included".
#[test]
fn external_endpoints_are_probed_unless_they_always_serve() {
    let wire = Wire::new();
    let external = |name: &str, target: &str| json!({ "name": name, "type": "Microsoft.Network/trafficManagerProfiles/externalEndpoints", "properties": { "target": target } });
    let body = |endpoints: Value| {
        json!({ "location": "global", "properties": {
        "trafficRoutingMethod": "Weighted",
        "dnsConfig": { "relativeName": "acme", "ttl": 30 },
        "monitorConfig": { "protocol": "HTTPS", "port": 443, "path": "/", "intervalInSeconds": 10, "toleratedNumberOfFailures": 0 },
        "endpoints": endpoints,
    } })
    };
    assert_eq!(wire.call("PUT", PROFILE, body(json!([external("one", "")]))).error(), (400, "BadRequest"));
    assert_eq!(
        wire.call("PUT", PROFILE, body(json!([external("one", "a.example"), external("ONE", "b.example")]))).error(),
        (400, "BadRequest")
    );
    let both = json!([external("one", "one.example"), external("two", "two.example")]);
    assert_eq!(wire.call("PUT", PROFILE, body(both)).status, 201);
    wire.wait(20);
    assert_eq!(truth(&wire).monitored.values().copied().collect::<Vec<_>>(), ["Online", "Online"]);
    wire.fake.endpoint_is_ill("one.example", true);
    wire.wait(11);
    assert_eq!(truth(&wire).monitored["one"], "Degraded");
    let always = wire
        .call("PATCH", &format!("{PROFILE}/externalEndpoints/one"), json!({ "properties": { "alwaysServe": "Enabled" } }))
        .ok();
    assert_eq!(always["properties"]["endpointMonitorStatus"], "Unmonitored");
    assert_eq!(truth(&wire).answers, shares(&[("one", 0.5), ("two", 0.5)]));
    assert_eq!(wire.call("GET", &endpoint("one"), Value::Null).error(), (404, "ResourceNotFound"));
}
