//! Autoscalers.

use serde_json::{Value, json};

use crate::wire::{Wire, ZONE};

#[test]
fn while_it_is_on_an_autoscaler_has_the_last_word() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 1, Value::Null);
    let autoscaler = wire.fake.autoscaler(&group, "ON", 3);
    let target = || wire.fake.truth().groups[&group].target;
    wire.wait(10);
    assert_eq!(target(), 3);
    assert!(wire.get(&group).ok()["status"]["autoscaler"].as_str().unwrap().ends_with(&autoscaler));
    wire.change("POST", &format!("{group}/resize?size=1"), Value::Null);
    wire.wait(10);
    assert_eq!(target(), 3);
    let patch = |mode: &str| {
        let path = format!("{ZONE}/autoscalers?autoscaler=web");
        wire.change("PATCH", &path, json!({ "autoscalingPolicy": { "mode": mode } }))
    };
    patch("OFF");
    let shown = wire.get(&autoscaler).ok();
    assert_eq!((&shown["autoscalingPolicy"]["mode"], &shown["recommendedSize"]), (&json!("OFF"), &json!(3)));
    // A patch is merged: its other settings are as they were.
    assert_eq!(shown["autoscalingPolicy"]["maxNumReplicas"], 100);
    wire.change("POST", &format!("{group}/resize?size=1"), Value::Null);
    wire.wait(60);
    assert_eq!(target(), 1);
    patch("ONLY_SCALE_OUT");
    wire.wait(10);
    assert_eq!(target(), 3);
    wire.fake.recommend(&autoscaler, 2);
    wire.wait(10);
    assert_eq!(target(), 3);
}

#[test]
fn a_group_has_one_autoscaler_at_the_most() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 1, Value::Null);
    let policy = json!({ "mode": "ON", "minNumReplicas": 2, "maxNumReplicas": 4 });
    let body = |name: &str| json!({ "name": name, "target": format!("https://www.googleapis.com/compute/v1/{group}"), "autoscalingPolicy": policy });
    let path = format!("{ZONE}/autoscalers");
    assert_eq!(wire.change("POST", &path, body("web")).get("error"), None);
    wire.wait(10);
    assert_eq!(wire.fake.truth().groups[&group].target, 2);
    assert_eq!(wire.ask("POST", &path, body("web")).error(), (409, "alreadyExists"));
    assert_eq!(wire.ask("POST", &path, body("other")).error(), (400, "resourceInUseByAnotherResource"));
    wire.change("DELETE", &group, Value::Null);
    assert_eq!(wire.get(&format!("{path}/web")).error(), (404, "notFound"));
}
