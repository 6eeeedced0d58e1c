//! Lists: filters, pages, and all places at once.

use serde_json::{Value, json};

use crate::wire::{GLOBAL, REGION, Wire, ZONE, each};

fn names(wire: &Wire, filter: &str) -> Vec<String> {
    let filter: String = filter.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let said = wire.get(&format!("{GLOBAL}/images?filter={filter}")).ok();
    let items = said["items"].as_array().cloned().unwrap_or_default();
    each(&items, "name").iter().map(ToString::to_string).collect()
}

#[test]
fn filters() {
    let wire = Wire::new();
    wire.fake.image_in_family("web-2", "web");
    wire.fake.image_in_family("db-1", "db");
    wire.fake.meddle_deprecate("web-1", "DEPRECATED");
    assert_eq!(names(&wire, "name = \"web-1\""), ["web-1"]);
    assert_eq!(names(&wire, "name=web-1"), ["web-1"]);
    assert_eq!(names(&wire, "name eq web-.*"), ["web-1", "web-2"]);
    assert_eq!(names(&wire, "name eq web"), [""; 0]);
    assert_eq!(names(&wire, "name eq (web-1|db-1)"), ["db-1", "web-1"]);
    assert_eq!(names(&wire, "(name eq web-.*) (name ne .*-1)"), ["web-2"]);
    assert_eq!(names(&wire, "(family = \"db\") OR (name = \"web-1\")"), ["db-1", "web-1"]);
    assert_eq!(names(&wire, "family:* AND name != \"db-1\""), ["web-2"]);
    assert_eq!(names(&wire, "deprecated.state != DEPRECATED"), ["db-1", "web-2"]);
    for wrong in
        ["name", "name =", "(name = \"web\"", "name eq [", "= x", "(name eq w.*) (status = READY)", "(name eq w.*) (family ne x)"]
    {
        let filter: String = wrong.bytes().map(|byte| format!("%{byte:02x}")).collect();
        assert_eq!(wire.get(&format!("{GLOBAL}/images?filter={filter}")).error(), (400, "invalid"), "{wrong}");
    }
}

#[test]
fn pages_and_orders() {
    let wire = Wire::new();
    wire.wait(1);
    wire.fake.image("alpha");
    wire.wait(1);
    wire.fake.image("beta");
    let page = |query: &str| wire.get(&format!("{GLOBAL}/images?{query}")).ok();
    let first = page("maxResults=2");
    assert_eq!(each(first["items"].as_array().unwrap(), "name"), ["alpha", "beta"]);
    // What is gone by then leaves no gap.
    wire.fake.meddle_delete_image("beta");
    let token: String = first["nextPageToken"].as_str().unwrap().bytes().map(|byte| format!("%{byte:02x}")).collect();
    let second = page(&format!("maxResults=2&pageToken={token}"));
    assert_eq!(each(second["items"].as_array().unwrap(), "name"), ["web-1"]);
    assert_eq!(second.get("nextPageToken"), None);
    let newest = page("orderBy=creationTimestamp%20desc");
    assert_eq!(each(newest["items"].as_array().unwrap(), "name"), ["alpha", "web-1"]);
    assert_eq!(wire.get(&format!("{GLOBAL}/images?orderBy=family")).error(), (400, "invalid"));
}

#[test]
fn a_list_over_all_places_has_zonal_and_regional_groups_and_says_where_there_is_nothing() {
    let wire = Wire::new();
    wire.group(ZONE, "one", 0, Value::Null);
    wire.group(REGION, "two", 0, Value::Null);
    let said = wire.get("projects/acme/aggregated/instanceGroupManagers").ok();
    let groups = |place: &str| said["items"][place]["instanceGroupManagers"].as_array().cloned().unwrap_or_default();
    assert_eq!(each(&groups("zones/us-central1-a"), "name"), ["one"]);
    assert_eq!(each(&groups("regions/us-central1"), "name"), ["two"]);
    assert_eq!(said["items"]["zones/us-central1-b"]["warning"]["code"], "NO_RESULTS_ON_PAGE");
    let templates = wire.get("projects/acme/aggregated/instanceTemplates?filter=name%20eq%20t.*").ok();
    assert_eq!(each(templates["items"]["regions/us-central1"]["instanceTemplates"].as_array().unwrap(), "name"), ["two"]);
}

#[test]
fn a_zone_that_cannot_be_reached_is_a_warning_and_the_others_are_there() {
    let wire = Wire::new();
    wire.group(ZONE, "one", 0, Value::Null);
    wire.group(REGION, "two", 0, Value::Null);
    wire.fake.unreachable("us-central1-a", true);
    let list = || wire.get("projects/acme/aggregated/instanceGroupManagers").ok();
    let said = list();
    assert_eq!(said["items"]["zones/us-central1-a"]["warning"]["code"], "UNREACHABLE");
    assert_eq!(said["warning"]["code"], "UNREACHABLE");
    assert_eq!(each(said["items"]["regions/us-central1"]["instanceGroupManagers"].as_array().unwrap(), "name"), ["two"]);
    wire.fake.unreachable("us-central1-a", false);
    assert_eq!(list().get("warning"), None);
}

#[test]
fn the_region_and_its_machine_types() {
    let wire = Wire::new();
    wire.fake.quota(Some(7));
    let region = wire.get(REGION).ok();
    assert_eq!(region["zones"].as_array().unwrap().len(), 3);
    assert_eq!(region["quotas"][0], json!({ "metric": "INSTANCES", "limit": 7, "usage": 0 }));
    assert_eq!(wire.get(&format!("{ZONE}/machineTypes/e2-small")).ok()["guestCpus"], 2);
    assert_eq!(wire.get(&format!("{ZONE}/machineTypes/e9-huge")).error(), (404, "notFound"));
    assert_eq!(wire.get("projects/acme/regions/mars-north1").error(), (404, "notFound"));
    assert_eq!(wire.get("projects/acme/zones/mars-north1-a/machineTypes/e2-small").error(), (404, "notFound"));
}
