//! Backend services: who is behind them, and how they are.

use std::time::Duration;

use immutable_fakes::gce::Status;
use serde_json::{Value, json};

use crate::wire::{Wire, ZONE, each};

fn link(path: &str) -> String {
    format!("https://www.googleapis.com/compute/v1/{}", path.replace("/instanceGroupManagers/", "/instanceGroups/"))
}

/// A patch of the backends, by the fingerprint of now.
fn backends(wire: &Wire, service: &str, groups: &[(&str, f64)]) -> Value {
    let backends: Vec<_> = groups
        .iter()
        .map(|(group, scaler)| json!({ "group": link(group), "balancingMode": "UTILIZATION", "capacityScaler": scaler }))
        .collect();
    json!({ "backends": backends, "fingerprint": wire.get(service).ok()["fingerprint"] })
}

#[test]
fn backends_are_replaced_whole_by_the_fingerprint_of_now() {
    let wire = Wire::new();
    let service = wire.fake.backend_service("slot-a", true, 0);
    let (one, other) = (wire.group(ZONE, "one", 0, Value::Null), wire.group(ZONE, "other", 0, Value::Null));
    let patch = backends(&wire, &service, &[(&one, 1.0)]);
    wire.change("PATCH", &service, patch.clone());
    assert_eq!(wire.ask("PATCH", &service, patch).error(), (412, "conditionNotMet"));
    let said = wire.ask("PATCH", &service, json!({ "backends": [] }));
    assert_eq!((said.error(), said.message()), ((400, "required"), "Required field 'resource.fingerprint' not specified"));
    wire.change("PATCH", &service, backends(&wire, &service, &[(&other, 1.0)]));
    let names: Vec<_> = wire.fake.truth().services[&service].backends.keys().cloned().collect();
    assert_eq!(names, [wire.fake.instance_group(&other)]);
    assert_eq!(wire.get(&service).ok()["timeoutSec"], 30);
}

#[test]
fn put_replaces_all_of_a_service() {
    let wire = Wire::new();
    let service = wire.fake.backend_service("slot-a", true, 30);
    let group = wire.group(ZONE, "one", 0, Value::Null);
    wire.change("PATCH", &service, backends(&wire, &service, &[(&group, 1.0)]));
    let fingerprint = wire.get(&service).ok()["fingerprint"].clone();
    let body = |fingerprint: &Value| json!({ "name": "slot-a", "protocol": "HTTP", "fingerprint": fingerprint });
    wire.change("PUT", &service, body(&fingerprint));
    assert_eq!(wire.ask("PUT", &service, body(&fingerprint)).error(), (412, "conditionNotMet"));
    assert!(wire.fake.truth().services[&service].backends.is_empty());
    assert_eq!(wire.get(&service).ok()["connectionDraining"], Value::Null);
}

#[test]
fn a_scaler_is_0_or_from_a_tenth_to_1_and_not_0_of_the_only_one() {
    let wire = Wire::new();
    let service = wire.fake.backend_service("slot-a", true, 0);
    let (one, other) = (wire.group(ZONE, "one", 0, Value::Null), wire.group(ZONE, "other", 0, Value::Null));
    let patch = |groups: &[(&str, f64)]| wire.ask("PATCH", &service, backends(&wire, &service, groups));
    assert_eq!(patch(&[(&one, 0.0)]).error(), (400, "invalid"));
    assert_eq!(patch(&[(&one, 0.05), (&other, 1.0)]).error(), (400, "invalid"));
    assert_eq!(patch(&[(&one, 1.5), (&other, 1.0)]).error(), (400, "invalid"));
    assert_eq!(patch(&[(&one, 1.0), (&one, 1.0)]).error(), (400, "invalid"));
    wire.change("PATCH", &service, backends(&wire, &service, &[(&one, 0.0), (&other, 0.1)]));
    assert_eq!(wire.fake.truth().services[&service].backends[&wire.fake.instance_group(&one)], 0.0);
}

#[test]
fn a_backend_is_there_and_named_by_its_whole_url() {
    let wire = Wire::new();
    let service = wire.fake.backend_service("slot-a", true, 0);
    let fingerprint = wire.get(&service).ok()["fingerprint"].clone();
    let named = |group: &str| json!({ "backends": [{ "group": group }], "fingerprint": fingerprint });
    assert_eq!(wire.ask("PATCH", &service, named(&format!("{ZONE}/instanceGroups/one"))).error(), (400, "invalid"));
    assert_eq!(wire.ask("PATCH", &service, named(&link(&format!("{ZONE}/instanceGroups/one")))).error(), (404, "notFound"));
}

#[test]
fn health_is_what_the_checks_have_seen() {
    let wire = Wire::new();
    let service = wire.fake.backend_service("slot-a", true, 0);
    let group = wire.group(ZONE, "web", 2, Value::Null);
    wire.change("PATCH", &service, backends(&wire, &service, &[(&group, 1.0)]));
    let health = || {
        let said = wire.ask("POST", &format!("{service}/getHealth"), json!({ "group": link(&group) })).ok();
        let states = said["healthStatus"].as_array().cloned().unwrap_or_default();
        each(&states, "healthState").iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    wire.wait(20);
    assert_eq!(health(), ["UNHEALTHY"; 2]);
    wire.wait(20);
    assert_eq!(health(), ["HEALTHY"; 2]);
    let name = wire.members(&group)[0]["name"].as_str().unwrap().to_owned();
    wire.fake.application(&name, false);
    assert_eq!(health(), ["HEALTHY"; 2]);
    wire.wait(10);
    assert_eq!(health(), ["UNHEALTHY", "HEALTHY"]);
    let truth = wire.fake.truth();
    assert_eq!(truth.live().filter(|(_, machine)| machine.services[&service]).count(), 1);
    let other = wire.group(ZONE, "other", 0, Value::Null);
    assert_eq!(wire.ask("POST", &format!("{service}/getHealth"), json!({ "group": link(&other) })).error(), (400, "invalid"));
}

#[test]
fn who_is_behind_a_service_cannot_be_deleted_and_drains_before_it_leaves() {
    let wire = Wire::new();
    let service = wire.fake.backend_service("slot-a", true, 45);
    let (group, other) = (wire.group(ZONE, "web", 1, Value::Null), wire.group(ZONE, "other", 0, Value::Null));
    wire.change("PATCH", &service, backends(&wire, &service, &[(&group, 1.0)]));
    wire.fake.shutdown(Duration::from_secs(5));
    wire.wait(60);
    let said = wire.ask("DELETE", &group, Value::Null);
    assert_eq!(said.error(), (400, "resourceInUseByAnotherResource"));
    assert_eq!(said.message(), format!("The instance_group_manager resource '{group}' is already being used by '{service}'"));
    let named = json!({ "instances": [wire.members(&group)[0]["instance"]] });
    wire.change("POST", &format!("{group}/deleteInstances"), named);
    wire.wait(40);
    let machine = |wire: &Wire| wire.fake.truth().instances.into_values().next().unwrap();
    assert_eq!(machine(&wire).status, Status::Stopping);
    wire.wait(10);
    assert_eq!(machine(&wire).status, Status::Gone);
    wire.change("PATCH", &service, backends(&wire, &service, &[(&other, 1.0)]));
    assert_eq!(wire.change("DELETE", &group, Value::Null).get("error"), None);
}
