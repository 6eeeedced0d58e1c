//! Instance templates.

use std::time::Duration;

use immutable_fakes::gce::knobs::Lag;
use serde_json::{Value, json};

use crate::wire::{GLOBAL, REGION, Wire, ZONE};

#[test]
fn a_template_is_what_was_said() {
    let wire = Wire::new();
    let template = wire.template("web");
    let shown = wire.get(&template).ok();
    assert_eq!(shown["properties"]["machineType"], "e2-small");
    assert!(shown["region"].as_str().unwrap().ends_with(REGION));
    assert_eq!(wire.fake.truth().templates[&template].image.as_deref(), Some("projects/acme/global/images/web-1"));
    let again = json!({ "name": "web", "properties": shown["properties"] });
    assert_eq!(wire.ask("POST", &format!("{REGION}/instanceTemplates"), again.clone()).error(), (409, "alreadyExists"));
    // The global one of that name is another.
    assert_eq!(wire.change("POST", &format!("{GLOBAL}/instanceTemplates"), again).get("error"), None);
    assert_eq!(wire.fake.truth().templates.len(), 2);
}

#[test]
fn a_template_in_use_stays_and_is_found_out_at_once_or_later() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 0, Value::Null);
    let template = format!("{REGION}/instanceTemplates/web");
    let said = wire.ask("DELETE", &template, Value::Null);
    assert_eq!(said.error(), (400, "resourceInUseByAnotherResource"));
    assert_eq!(said.message(), format!("The instance_template resource '{template}' is already being used by '{group}'"));
    wire.fake.use_is_seen_late(true);
    let done = wire.change("DELETE", &template, Value::Null);
    assert_eq!(done["error"]["errors"][0]["code"], "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE");
    wire.change("DELETE", &group, Value::Null);
    assert_eq!(wire.change("DELETE", &template, Value::Null).get("error"), None);
    assert_eq!(wire.get(&template).error(), (404, "notFound"));
    assert_eq!(wire.ask("DELETE", &template, Value::Null).error(), (404, "notFound"));
}

#[test]
fn a_template_needs_what_an_instance_needs_but_not_yet_its_image() {
    let wire = Wire::new();
    let insert = |properties: Value| {
        wire.ask("POST", &format!("{REGION}/instanceTemplates"), json!({ "name": "web", "properties": properties }))
    };
    let disks = |image: &str| json!([{ "boot": true, "initializeParams": { "sourceImage": image } }]);
    let network = json!([{ "network": "global/networks/default" }]);
    assert_eq!(insert(json!({ "disks": disks("x"), "networkInterfaces": network })).error(), (400, "required"));
    let without = json!({ "machineType": "e2-small", "disks": disks("global/images/x") });
    assert_eq!(insert(without).error(), (400, "required"));
    let malformed = json!({ "machineType": "e2-small", "disks": disks("family/x"), "networkInterfaces": network });
    assert_eq!(insert(malformed).error(), (400, "invalid"));
    let url = format!("{ZONE}/machineTypes/e2-small");
    let whole = json!({ "machineType": url, "disks": disks("global/images/x"), "networkInterfaces": network });
    assert_eq!(insert(whole).status, 500);
    insert(json!({ "machineType": "e2-small", "disks": disks("global/images/x"), "networkInterfaces": network })).ok();
}

#[test]
fn names_are_of_rfc_1035() {
    let wire = Wire::new();
    for name in ["", "Web", "1web", "web-", &"w".repeat(64)] {
        let said = wire.ask("POST", &format!("{REGION}/instanceTemplates"), json!({ "name": name, "properties": {} }));
        assert_eq!(said.status, 400, "{name}");
    }
    wire.unlawful.set(!wire.fake.violations().is_empty());
}

#[test]
fn a_new_template_may_be_shown_late_and_be_used_at_once() {
    let wire = Wire::new();
    wire.fake.lag(Lag::Templates, Duration::from_secs(60));
    let template = wire.template("web");
    assert_eq!(wire.get(&template).error(), (404, "notFound"));
    wire.group(ZONE, "web", 0, Value::Null);
    wire.wait(60);
    wire.get(&template).ok();
}
