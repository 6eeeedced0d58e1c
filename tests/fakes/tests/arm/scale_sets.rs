//! Scale sets: what may be said of them, and what is shown.

use serde_json::{Value, json};

use crate::wire::{GROUP, Wire, each};

/// By the service, and not by the judge.
fn refused(field: &str, value: Value) -> (u16, String) {
    refused_by(&Wire::new(), field, value)
}

fn refused_by(wire: &Wire, field: &str, value: Value) -> (u16, String) {
    let id = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web");
    let said = wire.ask("PUT", &id, wire.model(1, &[(field, value)]));
    let (status, code) = said.error();
    assert_eq!(wire.fake.truth().scale_sets.len(), 0);
    (status, code.to_owned())
}

#[test]
fn what_there_is_not_is_refused() {
    for field in ["bogus", "properties.bogus", "properties.virtualMachineProfile.bogus", "properties.orchestrationMode"] {
        let wire = Wire::new();
        assert_eq!(refused_by(&wire, field, 1.into()), (400, "InvalidRequestContent".into()), "{field}");
        wire.unlawful.set(true);
    }
}

/// "Orchestration modes for Virtual Machine Scale Sets".
#[test]
fn flexible_scale_sets_have_rules_of_their_own() {
    let parameter = (400, "InvalidParameter".to_owned());
    assert_eq!(refused("properties.platformFaultDomainCount", Value::Null), parameter);
    assert_eq!(refused("properties.singlePlacementGroup", true.into()), parameter);
    assert_eq!(refused("properties.overprovision", true.into()), parameter);
    assert_eq!(refused("properties.virtualMachineProfile.networkProfile.networkApiVersion", Value::Null), parameter);
    assert_eq!(refused("identity", json!({ "type": "SystemAssigned" })), parameter);
    assert_eq!(refused("properties.zoneBalance", false.into()), parameter);
    // "upgradePolicy" is asked for of the others.
    assert_eq!(refused("properties.orchestrationMode", "Uniform".into()), parameter);
    assert_eq!(refused("sku.capacity", Value::Null), parameter);
    assert_eq!(refused("sku.capacity", 1001.into()), parameter);
    assert_eq!(refused("sku.name", Value::Null), parameter);
}

#[test]
fn where_it_is_has_to_be() {
    assert_eq!(refused("location", "eastus".into()), (400, "LocationNotAvailableForResourceType".into()));
    let wire = Wire::new();
    assert_eq!(refused_by(&wire, "location", Value::Null), (400, "InvalidRequestContent".into()));
    wire.unlawful.set(true);
    assert_eq!(refused("zones", json!(["4"])), (400, "InvalidAvailabilityZone".into()));
}

/// "Use tags to organize your Azure resources", limitations.
#[test]
fn tags_have_limits() {
    let many: serde_json::Map<String, Value> = (0..51).map(|number| (format!("tag-{number}"), "x".into())).collect();
    assert_eq!(refused("tags", many.into()), (400, "TooManyTags".into()));
    assert_eq!(refused("tags", json!({ "a/b": "x" })), (400, "InvalidTagNameCharacters".into()));
    assert_eq!(refused("tags", json!({ "long": "x".repeat(257) })), (400, "InvalidTagValueLength".into()));
    Wire::new().scale_set("web", 0, &[("tags", json!({ "long": "x".repeat(256) }))]);
}

/// Machines are made of a profile.
#[test]
fn machines_need_a_profile() {
    assert_eq!(refused("properties.virtualMachineProfile", Value::Null), (400, "InvalidParameter".into()));
    Wire::new().scale_set("web", 0, &[("properties.virtualMachineProfile", Value::Null)]);
}

/// AgentBaker#9228: an image version has to be there, and replicated.
#[test]
fn images_and_applications_have_to_be_there() {
    let image = |id: &str| refused("properties.virtualMachineProfile.storageProfile.imageReference.id", id.into());
    let missing = format!("{GROUP}/Microsoft.Compute/galleries/base/images/web/versions/9.9.9");
    assert_eq!(image(&missing), (404, "GalleryImageNotFound".into()));
    assert_eq!(image(&format!("{GROUP}/Microsoft.Compute/images/none")), (404, "GalleryImageNotFound".into()));
    assert_eq!(image("nonsense"), (400, "InvalidParameter".into()));
    let application = json!([{ "packageReferenceId": format!("{GROUP}/Microsoft.Compute/galleries/base/applications/web-app/versions/9.9.9") }]);
    let refusal = refused("properties.virtualMachineProfile.applicationProfile.galleryApplications", application);
    assert_eq!(refusal, (404, "GalleryApplicationVersionNotFound".into()));
    let wire = Wire::new();
    wire.fake
        .by_hand(&wire.image, |body| body["properties"]["publishingProfile"]["targetRegions"] = json!([{ "name": "East US" }]));
    let id = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web");
    assert_eq!(wire.ask("PUT", &id, wire.model(0, &[])).error(), (404, "GalleryImageNotFound"));
}

/// "Naming rules and restrictions for Azure resources".
#[test]
fn names_have_rules() {
    let wire = Wire::new();
    for name in ["_web", "web-", "web.", "w%20eb"] {
        let id = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/{name}");
        assert_eq!(wire.ask("PUT", &id, wire.model(0, &[])).error(), (400, "InvalidResourceName"), "{name}");
    }
}

#[test]
fn it_is_shown_as_it_was_said_but_for_secrets() {
    let wire = Wire::new();
    let profile = "properties.virtualMachineProfile";
    let os =
        json!({ "computerNamePrefix": "web", "adminUsername": "azure", "adminPassword": "secret", "customData": "c2VjcmV0" });
    let more = [(format!("{profile}.osProfile"), os), (format!("{profile}.userData"), "aGVsbG8=".into())];
    let more: Vec<(&str, Value)> = more.iter().map(|(field, value)| (field.as_str(), value.clone())).collect();
    let id = wire.scale_set("web", 0, &more);
    let shown = wire.get(&id).ok();
    let inside = &shown["properties"]["virtualMachineProfile"];
    assert_eq!(inside["osProfile"], json!({ "computerNamePrefix": "web", "adminUsername": "azure" }));
    assert_eq!(inside.get("userData"), None);
    assert_eq!(inside["storageProfile"]["imageReference"]["id"], wire.image.as_str());
    assert_eq!((&shown["tags"], &shown["sku"]["capacity"]), (&json!({ "immutable-fleet": "web" }), &json!(0)));
    assert!(shown["properties"]["timeCreated"].is_string() && shown["properties"]["uniqueId"].is_string());
    // It is returned to who asks for it.
    let expanded = wire.get(&format!("{id}?$expand=userData")).ok();
    assert_eq!(expanded["properties"]["virtualMachineProfile"]["userData"], "aGVsbG8=");
}

/// "Update tags": a PATCH of tags replaces them all; of properties, it merges.
#[test]
fn a_patch_merges_but_replaces_tags() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    wire.ask("PATCH", &id, json!({ "tags": { "a": "b" }, "properties": { "automaticRepairsPolicy": { "enabled": false } } }))
        .ok();
    let shown = wire.get(&id).ok();
    assert_eq!(shown["tags"], json!({ "a": "b" }));
    assert_eq!(shown["properties"]["platformFaultDomainCount"], 1);
    assert_eq!(shown["properties"]["automaticRepairsPolicy"]["enabled"], false);
    assert_eq!(shown["sku"]["name"], "Standard_D2s_v5");
    // VirtualMachineScaleSetUpdateVMProfile has no applications; VirtualMachineScaleSetUpdateProperties has no mode.
    let (_, applications) = Wire::application(true);
    let patch = json!({ "properties": { "virtualMachineProfile": { "applicationProfile": applications } } });
    assert_eq!(wire.ask("PATCH", &id, patch).error(), (400, "InvalidRequestContent"));
    let patch = json!({ "properties": { "orchestrationMode": "Uniform" } });
    assert_eq!(wire.ask("PATCH", &id, patch).error(), (400, "InvalidRequestContent"));
    wire.unlawful.set(true);
    assert_eq!(wire.patch_capacity(&format!("{id}-none"), 1).error(), (404, "ResourceNotFound"));
}

/// bicep-registry-modules#2088.
#[test]
fn uniform_scale_sets_have_no_version_of_the_network() {
    let wire = Wire::new();
    let more = [("properties.orchestrationMode", "Uniform".into()), ("properties.upgradePolicy", json!({ "mode": "Manual" }))];
    let id = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web");
    let mut model = wire.model(0, &more);
    assert_eq!(wire.ask("PUT", &id, model.clone()).error(), (400, "InvalidJson"));
    model["properties"]["virtualMachineProfile"]["networkProfile"].as_object_mut().unwrap().remove("networkApiVersion");
    assert_eq!(wire.ask("PUT", &id, model).status, 201);
}

/// "PropertyChangeNotAllowed".
#[test]
fn the_mode_stays() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    let uniform = wire.model(
        0,
        &[("properties.orchestrationMode", "Uniform".into()), ("properties.upgradePolicy", json!({ "mode": "Manual" }))],
    );
    assert_eq!(wire.ask("PUT", &id, uniform).error(), (409, "PropertyChangeNotAllowed"));
}

/// A model that changes is for those who come later.
#[test]
fn another_image_is_booted_by_new_members_alone() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 1, &[]);
    let image = "properties.virtualMachineProfile.storageProfile.imageReference.id";
    let said = wire.ask("PUT", &id, wire.model(2, &[(image, wire.next.clone().into())]));
    assert_eq!(said.status, 200);
    wire.done(&said);
    let machines = wire.machines(&id);
    let mut images = each(&machines, "/properties/storageProfile/imageReference/id");
    images.sort_unstable();
    assert_eq!(images, [&wire.image, &wire.next]);
}

/// azurerm#2284: an image without a version is whichever is the newest by then, but for those that are excluded.
#[test]
fn an_image_without_a_version_is_the_newest() {
    let wire = Wire::new();
    let definition = wire.image.split("/versions/").next().unwrap().to_owned();
    let reference = ("properties.virtualMachineProfile.storageProfile.imageReference", json!({ "id": definition }));
    let id = wire.scale_set("web", 1, &[reference]);
    let version = |number: &str| format!("{definition}/versions/{number}");
    let mut body = json!({ "properties": { "publishingProfile": { "targetRegions": [{ "name": "westeurope" }] } } });
    wire.fake.resource(&version("1.10.0"), &body);
    body["properties"]["publishingProfile"]["excludeFromLatest"] = true.into();
    wire.fake.resource(&version("2.0.0"), &body);
    wire.done(&wire.patch_capacity(&id, 2));
    let machines = wire.machines(&id);
    let mut versions = each(&machines, "/properties/storageProfile/imageReference/exactVersion");
    versions.sort_unstable();
    assert_eq!(versions, ["1.1.0", "1.10.0"]);
    assert!(wire.fake.truth().machines.values().any(|machine| machine.image == version("1.10.0").to_lowercase()));
}

/// onefuzz#511.
#[test]
fn who_is_marked_for_deletion_is_left_alone() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 2, &[]);
    let deletion = wire.ask("DELETE", &id, Value::Null);
    let said = wire.patch_capacity(&id, 3);
    assert_eq!(said.error(), (409, "OperationNotAllowed"));
    assert!(said.body["error"]["message"].as_str().unwrap().contains("marked for deletion"));
    assert_eq!(wire.ask("PUT", &id, wire.model(1, &[])).error(), (409, "OperationNotAllowed"));
    assert_eq!(wire.ask("POST", &format!("{id}/delete"), json!({ "instanceIds": ["a"] })).error(), (409, "OperationNotAllowed"));
    // To ask again is the same operation.
    let again = wire.ask("DELETE", &id, Value::Null);
    assert_eq!((again.status, again.header("location")), (202, deletion.header("location")));
    wire.done(&deletion);
    assert_eq!(wire.fake.truth().live().count(), 0);
    // The name is free.
    assert_eq!(wire.ask("PUT", &id, wire.model(0, &[])).status, 201);
}
