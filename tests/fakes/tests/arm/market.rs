//! What a location offers.

use serde_json::{Value, json};

use crate::wire::{GROUP, Wire, each};

fn subscription(rest: &str) -> String {
    format!("{}/Microsoft.Compute/{rest}", GROUP.replace("/resourceGroups/acme", ""))
}

fn ubuntu(rest: &str) -> String {
    subscription(&format!(
        "locations/westeurope/publishers/Canonical/artifacttypes/vmimage/offers/ubuntu-24_04-lts/skus/server/versions{rest}"
    ))
}

/// virtualMachineImages.list: a bare list, whose order is that of no number.
#[test]
fn the_marketplace_sorts_versions_as_text_or_not_at_all() {
    let wire = Wire::new();
    wire.fake.marketplace_image("Canonical:ubuntu-24_04-lts:server:24.04.9", false);
    let list = |query: &str| wire.get(&ubuntu(query)).ok().as_array().unwrap().clone();
    let sorted = ["24.04.202404230", "24.04.202409120", "24.04.20241002", "24.04.202511130", "24.04.9"];
    assert_eq!(each(&list("?$orderby=name"), "/name"), sorted);
    // The greatest text is not the newest version.
    assert_eq!(each(&list("?$orderby=name%20desc&$top=1"), "/name"), ["24.04.9"]);
    assert!(list("")[0].get("properties").is_none());
    assert_eq!(list("?$expand=properties")[0]["properties"]["hyperVGeneration"], "V2");
    assert!(list("")[0]["id"].as_str().unwrap().ends_with("/Versions/24.04.202404230"));
    assert_eq!(wire.get(&ubuntu("?$orderby=age")).error(), (400, "InvalidParameter"));
    assert_eq!(wire.get(&ubuntu("").replace("server", "client")).error(), (404, "NotFound"));
}

/// VirtualMachineImageProperties: `plan`, `imageDeprecationStatus`. `latest` is no version of this call's.
#[test]
fn a_version_says_what_it_needs() {
    let wire = Wire::new();
    assert!(wire.fake.marketplace_image("acme:router:pro:1.0.0", true));
    assert!(!wire.fake.marketplace_image("acme:router", true));
    let router = ubuntu("/1.0.0").replace("Canonical", "acme").replace("ubuntu-24_04-lts", "router").replace("server", "pro");
    let properties = wire.get(&router).ok()["properties"].clone();
    assert_eq!(properties["plan"], json!({ "publisher": "acme", "name": "pro", "product": "router" }));
    assert_eq!(properties["imageDeprecationStatus"]["imageState"], "Active");
    wire.fake.marketplace_deprecates("acme:router:pro:1.0.0");
    assert_eq!(wire.get(&router).ok()["properties"]["imageDeprecationStatus"]["imageState"], "Deprecated");
    assert!(wire.get(&ubuntu("/24.04.20241002")).ok()["properties"].get("plan").is_none());
    assert_eq!(wire.get(&ubuntu("/latest")).error(), (404, "NotFound"));
    assert_eq!(wire.get(&ubuntu("").replace("westeurope", "mars")).error(), (400, "NoRegisteredProviderFound"));
}

/// "Resolve errors for SKU not available": `NotAvailableForSubscription`, in a location or in zones.
#[test]
fn sizes_are_withheld_from_zones_and_from_the_location() {
    let wire = Wire::new();
    wire.fake.size_withheld("Standard_B1s", &["1", "2", "3"]);
    wire.fake.size_withheld("Standard_D2s_v5", &["3"]);
    let filter = "?$filter=location%20eq%20%27West%20Europe%27";
    let found = wire.read(&subscription(&format!("skus{filter}")));
    let of =
        |name: &str| found["value"].as_array().unwrap().iter().find(|sku| sku["name"] == name).unwrap()["restrictions"].clone();
    assert_eq!(of("Standard_D4s_v5"), json!([]));
    assert_eq!(
        (&of("Standard_D2s_v5")[0]["type"], &of("Standard_D2s_v5")[0]["restrictionInfo"]["zones"]),
        (&json!("Zone"), &json!(["3"]))
    );
    let nowhere = of("Standard_B1s");
    assert_eq!(each(nowhere.as_array().unwrap(), "/type"), ["Location", "Zone"]);
    assert_eq!(each(nowhere.as_array().unwrap(), "/reasonCode"), ["NotAvailableForSubscription"; 2]);
    assert_eq!(wire.read(&subscription("skus?$filter=location%20eq%20%27eastus%27"))["value"], json!([]));
    assert_eq!(wire.call("GET", &subscription("skus?$filter=name%20eq%20%27x%27"), Value::Null).error(), (400, "BadRequest"));
}

/// usage.list: cores in all and by family.
#[test]
fn usages_count_the_cores_that_are_used() {
    let wire = Wire::new();
    let of = |name: &str| {
        let found = wire.get(&subscription("locations/westeurope/usages")).ok();
        let known = found["value"].as_array().unwrap().iter().find(|usage| usage["name"]["value"] == name).unwrap().clone();
        (known["currentValue"].as_u64().unwrap(), known["limit"].as_u64().unwrap())
    };
    wire.fake.usage("cores", 7, 20);
    assert_eq!((of("cores"), of("standardDSv5Family")), ((7, 20), (0, 100)));
    wire.scale_set("web", 3, &[]);
    assert_eq!((of("cores"), of("standardDSv5Family"), of("virtualMachines")), ((13, 20), (6, 100), (3, 100)));
}
