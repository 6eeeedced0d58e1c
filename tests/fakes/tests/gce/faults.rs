//! What goes wrong between a caller and the service.

use std::time::Duration;

use immutable_fakes::discovery::Discovery;
use immutable_fakes::gce::{Ended, Fault, Outcome, Status};
use serde_json::{Value, json};

use crate::wire::{GLOBAL, REGION, Wire, ZONE};

#[test]
fn a_lost_reply_has_had_its_effect_and_the_request_id_finds_it_again() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 0, Value::Null);
    let request = Wire::request("POST", &format!("{group}/resize?size=2&requestId={}", wire.uuid()), Value::Null);
    wire.fake
        .faults()
        .next("instanceGroupManagers.resize", Fault::Refused)
        .next("instanceGroupManagers.resize", Fault::LostReply);
    assert_eq!(wire.send(&request), Outcome::Refused);
    wire.wait(5);
    assert_eq!(wire.fake.truth().groups[&group].target, 0);
    assert_eq!(wire.send(&request), Outcome::Reset);
    wire.wait(5);
    assert_eq!(wire.fake.truth().groups[&group].target, 2);
    assert!(matches!(wire.send(&request), Outcome::Reply(reply) if reply.status == 200));
    let calls: Vec<_> = wire.fake.calls().into_iter().filter(|call| call.method == "instanceGroupManagers.resize").collect();
    let ended: Vec<_> = calls.iter().map(|call| call.ended.clone()).collect();
    assert_eq!(ended, [Ended::Lost, Ended::Unheard(None), Ended::Done]);
    assert_eq!((calls[1].operation.clone(), calls[0].operation.clone()), (calls[2].operation.clone(), None));
    assert!(calls.iter().all(|call| call.request_id() == calls[0].request_id()));
    assert_eq!(wire.fake.count("instanceGroupManagers.resize"), 3);
}

#[test]
fn a_late_effect_comes_at_its_time() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 0, Value::Null);
    wire.fake.faults().next("instanceGroupManagers.*", Fault::LateEffect { after: Duration::from_secs(60) });
    let request = Wire::request("POST", &format!("{group}/resize?size=2"), Value::Null);
    assert_eq!(wire.send(&request), Outcome::Reset);
    wire.wait(59);
    assert_eq!(wire.fake.truth().groups[&group].target, 0);
    wire.wait(5);
    assert_eq!(wire.fake.truth().groups[&group].target, 2);
}

#[test]
fn too_fast_is_403_and_may_say_when_to_come_again() {
    let wire = Wire::new();
    wire.fake.faults().always("images.*", Fault::Throttled);
    let said = wire.get(&wire.image);
    assert_eq!((said.error(), said.body["error"]["status"].as_str()), ((403, "rateLimitExceeded"), Some("RESOURCE_EXHAUSTED")));
    wire.fake.retry_after(Some(Duration::from_secs(7)));
    let Outcome::Reply(reply) = wire.send(&Wire::request("GET", &wire.image, Value::Null)) else { panic!("an answer") };
    assert!(reply.headers.contains(&("retry-after".into(), "7".into())));
    wire.fake.faults().clear();
    wire.get(&wire.image).ok();
}

#[test]
fn other_errors() {
    let wire = Wire::new();
    let error = |code: &str, status: u16| Fault::Error { code: code.into(), status };
    wire.fake.faults().next("images.get", Fault::ServerErrorBefore(503)).nth("images.get", 1, error("rateLimitExceeded", 429));
    wire.fake.faults().nth("images.get", 1, Fault::ServerErrorAfter(500));
    assert_eq!(wire.get(&wire.image).error(), (503, "backendError"));
    assert_eq!(wire.get(&wire.image).error(), (429, "rateLimitExceeded"));
    assert_eq!(wire.get(&wire.image).error(), (500, "internalError"));
    wire.get(&wire.image).ok();
}

#[test]
fn who_may_not_is_told_what_it_may_not() {
    let wire = Wire::new();
    wire.fake.deny("images.get");
    let said = wire.get(&wire.image);
    assert_eq!((said.error(), said.message().contains("compute.images.get")), ((403, "forbidden"), true));
    wire.fake.allow("images.get");
    wire.get(&wire.image).ok();
    wire.fake.allow_only(["images.list"]);
    assert_eq!(wire.get(&wire.image).error(), (403, "forbidden"));
    wire.get(&format!("{GLOBAL}/images")).ok();
}

#[test]
fn what_is_not_spoken_here_is_refused_and_kept() {
    let wire = Wire::new();
    wire.unlawful.set(true);
    assert_eq!(wire.get(&format!("{GLOBAL}/firewalls/x/y/z")).status, 404);
    assert_eq!(wire.get(&format!("{GLOBAL}/images?colour=red")).status, 400);
    let group = wire.group(ZONE, "web", 0, Value::Null);
    assert_eq!(wire.ask("PATCH", &group, json!({ "colour": "red" })).status, 400);
    assert_eq!(wire.ask("PATCH", &group, json!({ "id": "7" })).status, 400);
    assert_eq!(wire.ask("PATCH", &group, json!({ "updatePolicy": { "type": "SOMETIMES" } })).status, 400);
    assert_eq!(wire.fake.violations().len(), 5, "{:#?}", wire.fake.violations());
}

/// The path that a method is for, as its name tells.
fn path(id: &str) -> (&'static str, String) {
    let (resource, verb) = id.split_once('.').unwrap();
    let lower = |name: &str| format!("{}{}", name[..1].to_lowercase(), &name[1..]);
    let (place, kind) = match resource {
        "regions" => return ("GET", REGION.into()),
        _ if verb == "aggregatedList" => return ("GET", format!("projects/acme/aggregated/{resource}")),
        _ if resource.starts_with("region") => (REGION, lower(&resource[6..])),
        _ if resource.starts_with("zone") => (ZONE, lower(&resource[4..])),
        "globalOperations" => (GLOBAL, "operations".into()),
        "instanceGroupManagers" | "autoscalers" | "machineTypes" => (ZONE, resource.into()),
        _ => (GLOBAL, resource.into()),
    };
    let collection = format!("{place}/{kind}");
    match verb {
        "insert" => ("POST", collection),
        "list" => ("GET", collection),
        "patch" if kind == "autoscalers" => ("PATCH", format!("{collection}?autoscaler=x")),
        "get" => ("GET", format!("{collection}/x")),
        "delete" => ("DELETE", format!("{collection}/x")),
        "patch" => ("PATCH", format!("{collection}/x")),
        "update" => ("PUT", format!("{collection}/x")),
        "getFromFamily" => ("GET", format!("{collection}/family/x")),
        "listErrors" => ("GET", format!("{collection}/x/listErrors")),
        "resize" => ("POST", format!("{collection}/x/resize?size=1")),
        verb => ("POST", format!("{collection}/x/{verb}")),
    }
}

#[test]
fn every_method_of_the_schema_is_spoken() {
    let wire = Wire::new();
    for id in Discovery::compute().methods() {
        let (method, path) = path(id);
        // What has no body in the schema takes `{}` with POST and PUT.
        let body = if matches!(method, "GET" | "DELETE") { Value::Null } else { json!({}) };
        let said = wire.ask(method, &path, body);
        assert!(!said.body.to_string().contains("does not know"), "{id}: {}", said.body);
        assert_eq!(wire.fake.calls().last().unwrap().method, id);
    }
    // Some of them want more than nothing.
    wire.unlawful.set(!wire.fake.violations().is_empty());
}

#[test]
fn the_same_calls_and_the_same_seed_make_the_same_world() {
    let play = |seed| {
        let wire = Wire::new();
        wire.fake.boot_between(Duration::from_secs(10), Duration::from_secs(60));
        let group = wire.group(REGION, "web", 6, Value::Null);
        wire.fake.faults().seed(seed).sometimes("*", 300, Fault::Throttled);
        let heard: Vec<_> = (0..100).map(|_| wire.ask("GET", &group, Value::Null).status == 200).collect();
        wire.wait(40);
        (heard, wire.fake.truth())
    };
    let ((heard, truth), again, other) = (play(1), play(1), play(2));
    assert_eq!((&heard, &truth), (&again.0, &again.1));
    assert_ne!(heard, other.0);
    let good = heard.iter().filter(|good| **good).count();
    assert!((50..90).contains(&good), "{good}");
    let running = truth.live().filter(|(_, machine)| machine.status == Status::Running).count();
    assert!((1..6).contains(&running), "{running}");
}
