//! Url maps: weights, and when they are in force.

use serde_json::{Value, json};

use crate::wire::{GLOBAL, Wire};

fn link(path: &str) -> String {
    format!("https://www.googleapis.com/compute/v1/{path}")
}

fn weighted(weights: &[(&str, u32)]) -> Value {
    let services: Vec<_> =
        weights.iter().map(|(path, weight)| json!({ "backendService": link(path), "weight": weight })).collect();
    json!({ "weightedBackendServices": services })
}

#[test]
fn weights_are_put_by_the_fingerprint_of_now_and_are_in_force_later() {
    let wire = Wire::new();
    let (map, one, other) = wire.fake.pool("front");
    let old = wire.get(&map).ok();
    let body = |weights: &[(&str, u32)], fingerprint: &Value| json!({ "name": "front", "description": "op 1", "defaultRouteAction": weighted(weights), "fingerprint": fingerprint });
    let new = body(&[(&one, 90), (&other, 10)], &old["fingerprint"]);
    assert_eq!(wire.change("PUT", &map, new.clone()).get("error"), None);
    let route = |wire: &Wire| wire.fake.truth().routes[&map].clone();
    assert_eq!(route(&wire).said, [(one.clone(), 90), (other.clone(), 10)].into());
    assert_eq!((route(&wire).in_force[&one], route(&wire).in_force[&other]), (1, 0));
    wire.wait(10);
    assert_eq!((route(&wire).in_force[&other], route(&wire).description.as_str()), (10, "op 1"));
    assert_eq!(wire.ask("PUT", &map, new).error(), (412, "conditionNotMet"));
    let without = json!({ "name": "front", "defaultRouteAction": weighted(&[(&one, 1)]) });
    assert_eq!(wire.ask("PUT", &map, without).error(), (400, "required"));
}

#[test]
fn what_is_put_is_all_that_there_is_and_what_is_patched_is_merged() {
    let wire = Wire::new();
    let (map, one, other) = wire.fake.pool("front");
    let now = || wire.get(&map).ok()["fingerprint"].clone();
    wire.change("PATCH", &map, json!({ "description": "mine", "fingerprint": now() }));
    assert_eq!(wire.fake.truth().routes[&map].said[&other], 0);
    wire.change("PUT", &map, json!({ "name": "front", "defaultService": link(&one), "fingerprint": now() }));
    let shown = wire.get(&map).ok();
    assert_eq!((shown.get("description"), shown.get("defaultRouteAction")), (None, None));
    assert_eq!(wire.fake.truth().routes[&map].said, [(one, 1)].into());
}

#[test]
fn a_path_matcher_has_weights_of_its_own() {
    let wire = Wire::new();
    let (map, one, other) = wire.fake.pool("front");
    let fingerprint = wire.get(&map).ok()["fingerprint"].clone();
    let matcher = json!({ "name": "api", "defaultRouteAction": weighted(&[(&one, 3), (&other, 1)]) });
    let hosts = json!([{ "hosts": ["api.example.com"], "pathMatcher": "api" }]);
    wire.change("PATCH", &map, json!({ "pathMatchers": [matcher], "hostRules": hosts, "fingerprint": fingerprint }));
    assert_eq!(wire.fake.truth().routes[&format!("{map}#api")].said[&other], 1);
    assert_eq!(wire.fake.truth().routes[&map].said[&other], 0);
}

#[test]
fn one_way_only_and_weights_within_bounds_to_services_that_are_there() {
    let wire = Wire::new();
    let (map, one, other) = wire.fake.pool("front");
    let regional = wire.fake.backend_service("slot-c", false, 0);
    let fingerprint = wire.get(&map).ok()["fingerprint"].clone();
    let put = |mut body: Value| {
        body["name"] = "front".into();
        body["fingerprint"] = fingerprint.clone();
        wire.ask("PUT", &map, body)
    };
    let both = json!({ "defaultService": link(&one), "defaultRouteAction": weighted(&[(&one, 1)]) });
    assert_eq!(put(both).error(), (400, "invalid"));
    assert_eq!(put(json!({})).error(), (400, "required"));
    assert_eq!(put(json!({ "defaultRouteAction": weighted(&[(&one, 1001), (&other, 1)]) })).error(), (400, "invalid"));
    assert_eq!(put(json!({ "defaultRouteAction": weighted(&[(&one, 0), (&other, 0)]) })).error(), (400, "invalid"));
    let none = format!("{GLOBAL}/backendServices/none");
    assert_eq!(put(json!({ "defaultService": link(&none) })).error(), (404, "notFound"));
    assert_eq!(put(json!({ "defaultService": link(&regional) })).error(), (400, "invalid"));
    assert_eq!(wire.ask("DELETE", &one, Value::Null).error(), (400, "resourceInUseByAnotherResource"));
}

#[test]
fn what_others_have_put_has_another_fingerprint() {
    let wire = Wire::new();
    let (map, one, other) = wire.fake.pool("front");
    let old = wire.get(&map).ok()["fingerprint"].clone();
    wire.fake.meddle_route(&map, &[(&one, 0), (&other, 5)]);
    assert_ne!(wire.get(&map).ok()["fingerprint"], old);
    // It is a hash of what is there: as it was, so is it.
    wire.fake.meddle_route(&map, &[(&one, 1), (&other, 0)]);
    assert_eq!(wire.get(&map).ok()["fingerprint"], old);
}

#[test]
fn each_comes_into_force_in_its_time_whatever_was_said_since() {
    let wire = Wire::new();
    let (map, one, other) = wire.fake.pool("front");
    let in_force = || wire.fake.truth().routes[&map].in_force[&other];
    wire.fake.meddle_route(&map, &[(&one, 9), (&other, 1)]);
    wire.wait(6);
    wire.fake.meddle_route(&map, &[(&one, 8), (&other, 2)]);
    assert_eq!((in_force(), wire.fake.truth().routes[&map].said[&other]), (0, 2));
    wire.wait(6);
    assert_eq!(in_force(), 1);
    wire.wait(6);
    assert_eq!(in_force(), 2);
}
