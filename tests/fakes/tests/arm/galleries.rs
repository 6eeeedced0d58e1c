//! Galleries: versions of images and of applications.

use std::time::Duration;

use serde_json::{Value, json};

use crate::wire::{GROUP, Wire, each};

const GALLERY: &str = "Microsoft.Compute/galleries/images";

fn version(name: &str) -> String {
    format!("{GROUP}/{GALLERY}/images/web/versions/{name}")
}

/// A definition, a managed image to publish, and the fake.
fn gallery() -> (Wire, String) {
    let wire = Wire::new();
    wire.fake.gallery_image("web", "1.0.0");
    let source = wire.fake.managed_image("web-1-1-0");
    (wire, source)
}

fn body(source: &str, regions: &[&str]) -> Value {
    let regions: Vec<Value> = regions.iter().map(|name| json!({ "name": name, "regionalReplicaCount": 1 })).collect();
    json!({ "location": "westeurope", "properties": {
        "publishingProfile": { "targetRegions": regions, "excludeFromLatest": true },
        "storageProfile": { "source": { "id": source } },
    } })
}

fn copies(wire: &Wire, id: &str) -> (String, Vec<(String, String, u64)>) {
    let status = wire.read(&format!("{id}?$expand=ReplicationStatus"))["properties"]["replicationStatus"].clone();
    let each = status["summary"].as_array().unwrap().iter().map(|region| {
        let text = |field: &str| region[field].as_str().unwrap().to_owned();
        (text("region"), text("state"), region["progress"].as_u64().unwrap())
    });
    (status["aggregatedState"].as_str().unwrap().into(), each.collect())
}

/// "Format: MajorVersion.MinorVersion.Patch": galleryImageVersions.createOrUpdate. What it is made of must be there: GalleryArtifactVersionFullSource.
#[test]
fn a_version_is_published_of_an_image_that_is_there() {
    let (wire, source) = gallery();
    let put = |name: &str, body: Value| wire.call("PUT", &version(name), body);
    for wrong in ["1.1", "1.1.x", "1.1.4294967296", "v1.1.0"] {
        assert_eq!(put(wrong, body(&source, &[])).error(), (400, "InvalidParameter"), "{wrong}");
    }
    assert_eq!(put("1.1.0", body(&format!("{source}-none"), &[])).error(), (404, "ResourceNotFound"));
    assert_eq!(put("1.1.0", json!({ "properties": {} })).error(), (400, "InvalidRequestContent"));
    wire.unlawful.set(true);
    let mut without = body(&source, &[]);
    without["properties"]["storageProfile"] = json!({});
    assert_eq!(put("1.1.0", without).error(), (400, "InvalidParameter"));
    // azure-sdk-for-net#37760.
    let mut both = body(&source, &[]);
    both["properties"]["storageProfile"]["osDiskImage"] = json!({ "source": { "id": source } });
    assert_eq!(put("1.1.0", both).error(), (400, "InvalidParameter"));
    let elsewhere = version("1.1.0").replace("/images/web/", "/images/api/");
    assert_eq!(wire.call("PUT", &elsewhere, body(&source, &[])).error(), (404, "ParentResourceNotFound"));
    let said = put("1.1.0", body(&source, &[]));
    assert_eq!((said.status, said.body["properties"]["provisioningState"].as_str()), (201, Some("Creating")));
    assert_eq!(wire.done(&said)["status"], "Succeeded");
    let made = wire.read(&version("1.1.0"));
    assert_eq!(made["properties"]["storageProfile"]["source"]["id"], source.as_str());
    // Without regions it is in that of the gallery, under its whole name (ansible-collections/azure#2113).
    assert_eq!(made["properties"]["publishingProfile"]["targetRegions"][0]["name"], "West Europe");
    assert!(made["properties"]["publishingProfile"]["publishedDate"].is_string());
}

/// `$expand`: azure-libraries-for-net#998. RegionalReplicationStatus, AggregatedReplicationState.
#[test]
fn regions_are_told_only_to_who_asks_for_them() {
    let (wire, source) = gallery();
    wire.fake.copies_take(Duration::from_secs(100));
    let said = wire.call("PUT", &version("1.1.0"), body(&source, &["West Europe", "northeurope"]));
    assert!(said.body["properties"].get("replicationStatus").is_none());
    assert!(wire.read(&version("1.1.0"))["properties"].get("replicationStatus").is_none());
    wire.wait(25);
    let region = |name: &str, state: &str, progress: u64| (name.to_owned(), state.to_owned(), progress);
    let going = vec![region("North Europe", "Replicating", 25), region("West Europe", "Replicating", 25)];
    assert_eq!(copies(&wire, &version("1.1.0")), ("InProgress".into(), going));
    wire.done(&said);
    let there = vec![region("North Europe", "Completed", 100), region("West Europe", "Completed", 100)];
    assert_eq!(copies(&wire, &version("1.1.0")), ("Completed".into(), there));
    assert_eq!(
        wire.call("GET", &format!("{}?$expand=Everything", version("1.1.0")), Value::Null).error(),
        (400, "InvalidRequestContent")
    );
    wire.unlawful.set(true);
}

/// "Changing property … is not allowed": packer#9716; 409 as in azure-sdk-for-java#28842.
#[test]
fn what_a_version_is_made_of_is_never_changed() {
    let (wire, source) = gallery();
    wire.over("PUT", &version("1.1.0"), body(&source, &[]));
    let other = wire.fake.managed_image("other");
    for method in ["PUT", "PATCH"] {
        let mut body = body(&other, &[]);
        if method == "PATCH" {
            body.as_object_mut().unwrap().remove("location");
        }
        let said = wire.call(method, &version("1.1.0"), body);
        assert_eq!(said.error(), (409, "PropertyChangeNotAllowed"));
        assert_eq!(said.body["error"]["target"], "galleryImageVersion.properties.storageProfile.source.id");
    }
    // The same again changes nothing, whatever the case.
    let again = wire.call("PUT", &version("1.1.0"), body(&source.to_uppercase(), &[]));
    assert_eq!((again.status, again.body["properties"]["provisioningState"].as_str()), (200, Some("Updating")));
    assert_eq!(wire.done(&again)["status"], "Succeeded");
}

/// "This property is updatable": targetRegions, excludeFromLatest, endOfLifeDate of GalleryArtifactPublishingProfileBase.
#[test]
fn regions_and_the_end_of_life_are_changed_and_only_new_regions_take_time() {
    let (wire, source) = gallery();
    wire.over("PUT", &version("1.1.0"), body(&source, &["westeurope"]));
    let start = wire.now();
    let change = |profile: Value| json!({ "properties": { "publishingProfile": profile, "storageProfile": { "source": { "id": source } } } });
    let promote = change(json!({ "excludeFromLatest": false, "endOfLifeDate": "2030-01-01T00:00:00Z" }));
    let said = wire.call("PATCH", &version("1.1.0"), promote);
    assert_eq!(said.status, 200);
    // One change at a time: "Troubleshoot shared images in Azure", conflict.
    let more = change(json!({ "targetRegions": [{ "name": "westeurope" }, { "name": "uksouth" }] }));
    assert_eq!(wire.call("PATCH", &version("1.1.0"), more.clone()).error(), (409, "Conflict"));
    wire.done(&said);
    assert!(wire.now() - start < 60_000);
    let profile = wire.read(&version("1.1.0"))["properties"]["publishingProfile"].clone();
    assert_eq!((&profile["excludeFromLatest"], &profile["endOfLifeDate"]), (&json!(false), &json!("2030-01-01T00:00:00Z")));
    assert_eq!(profile["targetRegions"].as_array().unwrap().len(), 1);
    let said = wire.call("PATCH", &version("1.1.0"), more);
    wire.wait(60);
    let (state, regions) = copies(&wire, &version("1.1.0"));
    assert_eq!((state.as_str(), regions[0].1.as_str(), regions[1].1.as_str()), ("InProgress", "Replicating", "Completed"));
    wire.done(&said);
    assert_eq!(copies(&wire, &version("1.1.0")).0, "Completed");
    assert!(wire.now() - start > 600_000);
}

/// AgentBaker#8373: the operation and provisioningState know nothing of a region that is late, and a region that is done may be of no use yet.
#[test]
fn an_operation_that_is_over_says_nothing_of_a_region() {
    let (wire, source) = gallery();
    wire.fake.region_is_late("West Europe", Duration::from_secs(300));
    wire.fake.copies_settle(Duration::from_secs(60));
    assert_eq!(wire.over("PUT", &version("1.1.0"), body(&source, &["westeurope", "northeurope"]))["status"], "Succeeded");
    assert_eq!(wire.read(&version("1.1.0"))["properties"]["provisioningState"], "Succeeded");
    let launch = |name: &str| {
        let image = ("properties.virtualMachineProfile.storageProfile.imageReference.id", json!(version("1.1.0")));
        wire.ask("PUT", &format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/{name}"), wire.model(1, &[image]))
    };
    // pulumi-aws#5129.
    assert_eq!(
        (copies(&wire, &version("1.1.0")).0.as_str(), launch("web-1").error()),
        ("InProgress", (404, "GalleryImageNotFound"))
    );
    wire.wait(300);
    assert_eq!(
        (copies(&wire, &version("1.1.0")).0.as_str(), launch("web-2").error()),
        ("Completed", (404, "GalleryImageNotFound"))
    );
    wire.wait(60);
    assert_eq!(launch("web-3").status, 201);
}

#[test]
fn a_copy_that_fails_makes_its_operation_fail_and_is_tried_again() {
    let (wire, source) = gallery();
    wire.fake.copies_fail("uksouth", Some("the region is full"));
    let over = wire.over("PUT", &version("1.1.0"), body(&source, &["westeurope", "uksouth"]));
    assert_eq!((over["status"].as_str(), over["error"]["code"].as_str()), (Some("Failed"), Some("ReplicationFailed")));
    assert_eq!(wire.read(&version("1.1.0"))["properties"]["provisioningState"], "Failed");
    assert_eq!(copies(&wire, &version("1.1.0")).0, "Failed");
    assert_eq!(wire.fake.copies(&version("1.1.0"))["westeurope"], "Completed");
    wire.fake.copies_fail("uksouth", None);
    assert_eq!(wire.over("PUT", &version("1.1.0"), body(&source, &["westeurope", "uksouth"]))["status"], "Succeeded");
    assert_eq!(copies(&wire, &version("1.1.0")).0, "Completed");
}

/// blockDeletionBeforeEndOfLife: GalleryImageVersionSafetyProfile. Who uses it is not asked: MicrosoftDocs/azure-docs#123267.
#[test]
fn a_version_is_deleted_unless_it_is_kept_until_its_end() {
    let (wire, source) = gallery();
    let mut kept = body(&source, &[]);
    kept["properties"]["safetyProfile"] = json!({ "blockDeletionBeforeEndOfLife": true });
    kept["properties"]["publishingProfile"]["endOfLifeDate"] = json!("2023-11-15T00:00:00Z");
    wire.over("PUT", &version("1.1.0"), kept);
    assert_eq!(wire.call("DELETE", &version("1.1.0"), Value::Null).error(), (409, "OperationNotAllowed"));
    wire.wait(2 * 24 * 3600);
    wire.sign(&wire.fake.token());
    let image = ("properties.virtualMachineProfile.storageProfile.imageReference.id", json!(version("1.1.0")));
    let set = wire.scale_set("web", 1, &[image]);
    let said = wire.call("DELETE", &format!("{}?bypassSoftDelete=true", version("1.1.0")), Value::Null);
    assert_eq!((said.status, &said.body), (202, &Value::Null));
    assert_eq!(wire.read(&version("1.1.0"))["properties"]["provisioningState"], "Deleting");
    wire.done(&said);
    assert_eq!(wire.call("GET", &version("1.1.0"), Value::Null).error(), (404, "ResourceNotFound"));
    assert_eq!(wire.call("DELETE", &version("1.1.0"), Value::Null).status, 204);
    assert_eq!(wire.machines(&set).len(), 1);
    // And no more are made of it.
    let said = wire.patch_capacity(&set, 2);
    assert!(said.status >= 400 || wire.done(&said)["status"] == "Failed");
    assert_eq!(wire.machines(&set).len(), 1);
}

#[test]
fn versions_are_listed_in_the_order_of_their_letters_and_in_pages() {
    let (wire, _) = gallery();
    for name in ["1.10.0", "1.2.0", "1.9.0"] {
        wire.fake.gallery_image("web", name);
    }
    wire.fake.page_size(3);
    let list = version("").trim_end_matches('/').to_owned();
    let first = wire.read(&list);
    assert_eq!(each(first["value"].as_array().unwrap(), "/name"), ["1.0.0", "1.10.0", "1.2.0"]);
    let next = wire.get(&Wire::path_of(first["nextLink"].as_str().unwrap())).ok();
    assert_eq!((each(next["value"].as_array().unwrap(), "/name"), next.get("nextLink")), (vec!["1.9.0"], None));
    // Regions are in no list.
    assert!(first["value"][0]["properties"].get("replicationStatus").is_none());
    assert_eq!(wire.call("GET", &list.replace("/web/", "/api/"), Value::Null).error(), (404, "ParentResourceNotFound"));
    let definition = wire.read(&format!("{GROUP}/{GALLERY}/images/web"));
    assert_eq!((&definition["properties"]["osType"], &definition["name"]), (&json!("Linux"), &json!("web")));
}

/// UserArtifactSource, UserArtifactManage; what is fixed: `azurerm_gallery_application_version`.
#[test]
fn a_version_of_an_application_has_a_package_and_how_it_is_installed() {
    let wire = Wire::new();
    wire.fake.application("web-app", "1.0.0");
    let id = format!("{GROUP}/{GALLERY}/applications/web-app/versions/1.1.0");
    let body = |link: &str, install: &str| {
        json!({ "location": "westeurope", "properties": { "publishingProfile": {
            "source": { "mediaLink": link },
            "manageActions": { "install": install, "remove": "./remove" },
            "targetRegions": [{ "name": "westeurope" }, { "name": "westus2" }],
        } } })
    };
    assert_eq!(wire.call("PUT", &id, body("", "./install")).error(), (400, "InvalidParameter"));
    assert_eq!(wire.call("PUT", &id, body("https://acme/1", "")).error(), (400, "InvalidParameter"));
    let said = wire.call("PUT", &id, body("https://acme/1", "./install"));
    assert_eq!(said.status, 201);
    assert_eq!(copies(&wire, &id).0, "InProgress");
    assert_eq!(wire.done(&said)["status"], "Succeeded");
    assert_eq!(copies(&wire, &id).0, "Completed");
    assert_eq!(wire.call("PUT", &id, body("https://acme/2", "./install")).error(), (409, "PropertyChangeNotAllowed"));
    let fewer = json!({ "properties": { "publishingProfile": { "source": { "mediaLink": "https://acme/1" }, "targetRegions": [{ "name": "West US 2" }] } } });
    wire.over("PATCH", &id, fewer);
    assert_eq!(wire.fake.copies(&id).keys().collect::<Vec<_>>(), ["westus2"]);
    let said = wire.call("DELETE", &id, Value::Null);
    assert_eq!(said.status, 202);
    wire.done(&said);
    assert_eq!(wire.call("GET", &id, Value::Null).error(), (404, "ResourceNotFound"));
}

/// packer#8895 quotes it.
#[test]
fn a_version_stays_in_the_region_that_it_was_made_in() {
    let (wire, source) = gallery();
    let id = version("1.1.0");
    assert_eq!(wire.call("PUT", &id, body(&source, &["northeurope"])).error(), (400, "InvalidParameter"));
    wire.done(&wire.call("PUT", &id, body(&source, &["West Europe", "northeurope"])));
    let only = |region: &str| {
        let profile = json!({ "targetRegions": [{ "name": region }] });
        wire.call("PATCH", &id, json!({ "properties": { "publishingProfile": profile, "storageProfile": {} } }))
    };
    let said = only("northeurope");
    assert_eq!(said.error(), (400, "InvalidParameter"));
    assert!(said.body["error"]["message"].as_str().unwrap().contains("must contain the location"));
    wire.done(&only("westeurope"));
    assert_eq!(copies(&wire, &id).1.len(), 1);
}

#[test]
fn what_others_say_of_a_version_is_copied_too() {
    let (wire, source) = gallery();
    wire.over("PUT", &version("1.1.0"), body(&source, &["westeurope"]));
    assert!(wire.fake.by_hand(&version("1.1.0"), |body| {
        body["properties"]["publishingProfile"]["targetRegions"] = json!([{ "name": "UK South" }]);
    }));
    assert_eq!(wire.fake.copies(&version("1.1.0")), [("uksouth".to_owned(), "Replicating")].into());
    assert!(wire.fake.delete_by_hand(&version("1.1.0")));
    assert_eq!(wire.call("GET", &version("1.1.0"), Value::Null).error(), (404, "ResourceNotFound"));
}
