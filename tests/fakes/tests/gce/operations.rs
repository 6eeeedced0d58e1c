//! Operations, and what makes a request safe to send again.

use std::time::Duration;

use immutable_fakes::gce::knobs::Busy;
use serde_json::{Value, json};

use crate::wire::{REGION, Wire, ZONE};

#[test]
fn an_operation_is_pending_then_runs_then_is_done() {
    let wire = Wire::new();
    wire.fake.operations_take(Duration::from_secs(8));
    let group = wire.group(ZONE, "web", 0, Value::Null);
    let id = wire.uuid();
    let first = wire.ask("POST", &format!("{group}/resize?size=1&requestId={id}"), Value::Null).ok();
    let path = first["selfLink"].as_str().unwrap().split_once("/compute/v1/").unwrap().1.to_owned();
    assert!(path.starts_with(&format!("{ZONE}/operations/operation-")));
    assert_eq!((&first["status"], first["clientOperationId"].as_str()), (&json!("PENDING"), Some(id.as_str())));
    assert_eq!(first["targetId"], wire.get(&group).ok()["id"]);
    assert!(first["targetLink"].as_str().unwrap().ends_with(&group));
    wire.wait(3);
    assert_eq!(wire.get(&path).ok()["status"], "RUNNING");
    wire.wait(2);
    // What it is for may be there before it says so.
    assert_eq!((&wire.get(&path).ok()["status"], &wire.get(&group).ok()["targetSize"]), (&json!("RUNNING"), &json!(1)));
    wire.wait(3);
    let last = wire.get(&path).ok();
    assert_eq!((&last["status"], &last["progress"]), (&json!("DONE"), &json!(100)));
    assert!(last.get("error").is_none() && last["endTime"].is_string());
}

#[test]
fn regional_operations_are_the_regions() {
    let wire = Wire::new();
    wire.template("web");
    let body = json!({ "name": "web", "targetSize": 0, "versions": [{ "instanceTemplate": format!("{REGION}/instanceTemplates/web") }] });
    let said = wire.ask("POST", &format!("{REGION}/instanceGroupManagers"), body).ok();
    assert!(said["region"].as_str().unwrap().ends_with(REGION) && said.get("zone").is_none());
    assert!(said.get("clientOperationId").is_none());
}

#[test]
fn the_same_request_id_is_the_same_operation_and_nothing_is_done_twice() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 3, Value::Null);
    wire.wait(60);
    let named = json!({ "instances": [wire.members(&group)[0]["instance"]] });
    let path = format!("{group}/deleteInstances?requestId={}", wire.uuid());
    let first = wire.ask("POST", &path, named.clone()).ok();
    let again = wire.ask("POST", &path, named.clone()).ok();
    assert_eq!(first["name"], again["name"]);
    wire.wait(600);
    // The instance is gone, and yet it is no error.
    assert_eq!(wire.ask("POST", &path, named.clone()).ok()["status"], "DONE");
    assert_eq!(wire.fake.truth().groups[&group].target, 2);
    // After an hour it is another request.
    wire.wait(3600);
    assert_eq!(wire.ask("POST", &path, named).error(), (400, "invalid"));
}

#[test]
fn a_request_id_is_for_one_request_and_a_uuid() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 0, Value::Null);
    let id = wire.uuid();
    wire.ask("POST", &format!("{group}/resize?size=1&requestId={id}"), Value::Null).ok();
    assert_eq!(wire.ask("DELETE", &format!("{group}?requestId={id}"), Value::Null).error(), (400, "invalid"));
    for wrong in ["x", "00000000-0000-0000-0000-000000000000"] {
        let said = wire.ask("POST", &format!("{group}/resize?size=1&requestId={wrong}"), Value::Null);
        assert_eq!(said.error(), (400, "badRequest"));
    }
    wire.unlawful.set(true);
}

#[test]
fn an_operation_may_fail_after_it_was_accepted_and_says_all_causes() {
    let wire = Wire::new();
    let causes = [("QUOTA_EXCEEDED", "no more groups"), ("LIMIT_EXCEEDED", "nor anything else")];
    wire.fake.operation_fails("instanceGroupManagers.insert", 403, &causes);
    wire.template("web");
    let body = json!({ "name": "web", "targetSize": 0, "versions": [{ "instanceTemplate": format!("{REGION}/instanceTemplates/web") }] });
    let done = wire.change("POST", &format!("{ZONE}/instanceGroupManagers"), body.clone());
    assert_eq!((&done["httpErrorStatusCode"], &done["httpErrorMessage"]), (&json!(403), &json!("FORBIDDEN")));
    assert_eq!(done["error"]["errors"][1], json!({ "code": "LIMIT_EXCEEDED", "message": "nor anything else" }));
    assert!(wire.fake.truth().groups.is_empty());
    assert_eq!(wire.change("POST", &format!("{ZONE}/instanceGroupManagers"), body).get("error"), None);
}

#[test]
fn operations_are_forgotten() {
    let wire = Wire::new();
    wire.fake.operations_last(Duration::from_secs(60));
    let group = wire.group(ZONE, "web", 0, Value::Null);
    let done = wire.change("POST", &format!("{group}/resize?size=1"), Value::Null);
    let path = done["selfLink"].as_str().unwrap().split_once("/compute/v1/").unwrap().1.to_owned();
    wire.wait(61);
    assert_eq!(wire.get(&path).error(), (404, "notFound"));
}

#[test]
fn to_wait_is_to_be_answered_with_what_is() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 0, Value::Null);
    let said = wire.ask("POST", &format!("{group}/resize?size=1"), Value::Null).ok();
    let path = format!("{ZONE}/operations/{}/wait", said["name"].as_str().unwrap());
    let request = Wire::request("POST", &path, Value::Null);
    assert!(wire.fake.waits(&request, wire.now()));
    assert_ne!(wire.ask("POST", &path, Value::Null).ok()["status"], "DONE");
    wire.wait(2);
    assert!(!wire.fake.waits(&request, wire.now()));
    assert_eq!(wire.ask("POST", &path, Value::Null).ok()["status"], "DONE");
}

#[test]
fn two_of_a_kind_come_one_after_the_other_or_are_refused() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 0, Value::Null);
    let resize = |size: u32| wire.ask("POST", &format!("{group}/resize?size={size}"), Value::Null);
    resize(1).ok();
    resize(2).ok();
    wire.wait(5);
    assert_eq!(wire.fake.truth().groups[&group].target, 2);
    for (busy, error) in [(Busy::InProgress, (409, "operationInProgress")), (Busy::NotReady, (400, "resourceNotReady"))] {
        wire.fake.busy(busy);
        resize(1).ok();
        assert_eq!(resize(3).error(), error);
        wire.wait(5);
    }
}

#[test]
fn who_comes_second_with_a_fingerprint_fails_when_it_is_carried_out() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 0, Value::Null);
    let fingerprint = wire.get(&group).ok()["fingerprint"].clone();
    let patch = |text: &str| wire.ask("PATCH", &group, json!({ "description": text, "fingerprint": fingerprint })).ok();
    let (mine, theirs) = (patch("mine"), patch("theirs"));
    assert_eq!(wire.done(&mine).get("error"), None);
    let failed = wire.done(&theirs);
    assert_eq!(failed["error"]["errors"][0]["code"], "CONDITION_NOT_MET");
    assert_eq!((&failed["httpErrorStatusCode"], &wire.get(&group).ok()["description"]), (&json!(412), &json!("mine")));
}

#[test]
fn a_name_is_taken_from_the_first_moment_on() {
    let wire = Wire::new();
    wire.template("web");
    let body = json!({ "name": "web", "targetSize": 0, "versions": [{ "instanceTemplate": format!("{REGION}/instanceTemplates/web") }] });
    let insert = || wire.ask("POST", &format!("{ZONE}/instanceGroupManagers"), body.clone());
    insert().ok();
    assert_eq!(insert().error(), (409, "alreadyExists"));
    assert_eq!(wire.get(&format!("{ZONE}/instanceGroupManagers/web")).error(), (404, "notFound"));
    wire.wait(5);
    assert_eq!(insert().error(), (409, "alreadyExists"));
}
