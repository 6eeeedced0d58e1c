//! Images, families, and the disks made of them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::wire::{GLOBAL, Wire, ZONE, each};

fn family(wire: &Wire) -> Option<String> {
    let said = wire.get(&format!("{GLOBAL}/images/family/web"));
    (said.status == 200).then(|| said.body["name"].as_str().unwrap().to_owned())
}

#[test]
fn an_image_is_pending_until_it_is_made_and_so_is_its_operation() {
    let wire = Wire::new();
    let body = json!({ "name": "web-2", "sourceImage": wire.image, "labels": { "version": "2" } });
    let operation = wire.ask("POST", &format!("{GLOBAL}/images"), body).ok();
    wire.wait(5);
    let path = format!("{GLOBAL}/images/web-2");
    assert_eq!(wire.get(&path).ok()["status"], "PENDING");
    // What is not READY is in no family, and can be used for nothing.
    let early = json!({ "name": "web-3", "sourceImage": path });
    assert_eq!(wire.ask("POST", &format!("{GLOBAL}/images"), early).error(), (400, "resourceNotReady"));
    assert_eq!(wire.done(&operation).get("error"), None);
    let made = wire.get(&path).ok();
    assert_eq!((&made["status"], &made["labels"]["version"]), (&json!("READY"), &json!("2")));
    assert_eq!(made["sourceImageId"], wire.get(&wire.image).ok()["id"]);
}

#[test]
fn an_image_that_cannot_be_made_is_failed() {
    let wire = Wire::new();
    let body = json!({ "name": "web-2", "sourceImage": wire.image });
    let operation = wire.ask("POST", &format!("{GLOBAL}/images"), body).ok();
    wire.wait(5);
    wire.fake.image_failed("web-2");
    assert_eq!(wire.done(&operation)["error"]["errors"].as_array().unwrap().len(), 1);
    assert_eq!(wire.fake.truth().images["projects/acme/global/images/web-2"].status, "FAILED");
}

#[test]
fn a_family_is_its_newest_that_is_ready_and_not_deprecated() {
    let wire = Wire::new();
    assert_eq!(family(&wire), None);
    wire.fake.image_in_family("web-2", "web");
    wire.wait(1);
    wire.fake.image_in_family("web-3", "web");
    assert_eq!(family(&wire).as_deref(), Some("web-3"));
    wire.fake.image_pending("web-3", Duration::from_secs(60));
    assert_eq!(family(&wire).as_deref(), Some("web-2"));
    wire.wait(60);
    assert_eq!(family(&wire).as_deref(), Some("web-3"));
    let deprecate = |body: Value| wire.change("POST", &format!("{GLOBAL}/images/web-3/deprecate"), body);
    for state in ["DEPRECATED", "OBSOLETE", "DELETED"] {
        deprecate(json!({ "state": state, "replacement": "global/images/web-2" }));
        assert_eq!(family(&wire).as_deref(), Some("web-2"));
    }
    let replacement = wire.get(&format!("{GLOBAL}/images/web-3")).ok()["deprecated"]["replacement"].clone();
    assert_eq!(replacement, "https://www.googleapis.com/compute/v1/projects/acme/global/images/web-2");
    deprecate(json!({ "state": "ACTIVE" }));
    assert_eq!(family(&wire).as_deref(), Some("web-3"));
    deprecate(json!({ "state": "DEPRECATED" }));
    // "If an empty request body is given, clears the deprecation status instead."
    deprecate(json!({}));
    assert_eq!(wire.get(&format!("{GLOBAL}/images/web-3")).ok().get("deprecated"), None);
}

#[test]
fn a_family_is_attached_by_a_patch_and_little_else_is() {
    let wire = Wire::new();
    wire.change("PATCH", &wire.image, json!({ "family": "web", "description": "good" }));
    assert_eq!(family(&wire).as_deref(), Some("web-1"));
    assert_eq!(wire.ask("PATCH", &wire.image, json!({ "diskSizeGb": "20" })).error(), (400, "invalid"));
    wire.change("PATCH", &wire.image, json!({ "family": "" }));
    assert_eq!(family(&wire), None);
}

#[test]
fn labels_are_patched_by_their_fingerprint() {
    let wire = Wire::new();
    let old = wire.get(&wire.image).ok()["labelFingerprint"].clone();
    let patch = |value: &str| json!({ "labels": { "channel": value }, "labelFingerprint": old });
    assert_eq!(wire.change("PATCH", &wire.image, patch("stable")).get("error"), None);
    assert_eq!(wire.fake.truth().images[&wire.image].labels["channel"], "stable");
    assert_eq!(wire.ask("PATCH", &wire.image, patch("beta")).error(), (412, "conditionNotMet"));
}

#[test]
fn another_projects_images_can_be_copied_and_booted() {
    let wire = Wire::new();
    let theirs = wire.fake.project("golden").image("base-1");
    assert_eq!(theirs, "projects/golden/global/images/base-1");
    wire.get(&theirs).ok();
    let done = wire.change("POST", &format!("{GLOBAL}/images"), json!({ "name": "web-2", "sourceImage": theirs }));
    assert_eq!(done.get("error"), None);
    assert_eq!(wire.get("projects/nobody/global/images/base-1").error(), (404, "notFound"));
}

#[test]
fn exactly_one_source() {
    let wire = Wire::new();
    assert_eq!(wire.ask("POST", &format!("{GLOBAL}/images"), json!({ "name": "web-2" })).error(), (400, "invalid"));
    let both =
        json!({ "name": "web-2", "sourceImage": wire.image, "rawDisk": { "source": "https://storage.googleapis.com/b/o" } });
    assert_eq!(wire.ask("POST", &format!("{GLOBAL}/images"), both).error(), (400, "invalid"));
    let gone = json!({ "name": "web-2", "sourceImage": format!("{GLOBAL}/images/none") });
    assert_eq!(wire.ask("POST", &format!("{GLOBAL}/images"), gone).error(), (404, "notFound"));
}

#[test]
fn who_runs_has_a_disk_that_says_of_what_it_is() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 2, Value::Null);
    wire.wait(60);
    let link = format!("https://www.googleapis.com/compute/v1/{}", wire.image);
    let path = format!("projects/acme/aggregated/disks?filter=sourceImage%20%3D%20%22{link}%22");
    let found = wire.get(&path).ok();
    let disks = found["items"]["zones/us-central1-a"]["disks"].as_array().unwrap().clone();
    assert_eq!(each(&disks, "sourceImage"), [&link; 2]);
    let users: Vec<_> = disks.iter().map(|disk| disk["users"][0].as_str().unwrap().to_owned()).collect();
    let members = wire.members(&group);
    assert_eq!(users, each(&members, "instance"));
    // A disk in use is imaged only by force.
    let source = disks[0]["selfLink"].as_str().unwrap();
    let body = json!({ "name": "web-2", "sourceDisk": source });
    assert_eq!(wire.ask("POST", &format!("{GLOBAL}/images"), body.clone()).error(), (400, "resourceInUseByAnotherResource"));
    assert_eq!(wire.change("POST", &format!("{GLOBAL}/images?forceCreate=true"), body).get("error"), None);
    // The image may go, and they run on.
    wire.change("DELETE", &wire.image, Value::Null);
    assert_eq!(wire.get(&wire.image).error(), (404, "notFound"));
    assert_eq!(wire.fake.truth().live().count(), 2);
}
