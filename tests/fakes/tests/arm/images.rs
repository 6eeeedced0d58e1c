//! Managed images.

use std::time::Duration;

use serde_json::{Value, json};

use crate::wire::{GROUP, Wire, each};

fn path(name: &str) -> String {
    format!("{GROUP}/Microsoft.Compute/images/{name}")
}

/// "Create a managed image": the machine must be generalized; packer#3536 quotes the error.
#[test]
fn an_image_is_made_of_a_machine_that_was_generalized() {
    let wire = Wire::new();
    let machine = format!("{GROUP}/Microsoft.Compute/virtualMachines/build-7");
    let body = json!({ "location": "westeurope", "properties": { "sourceVirtualMachine": { "id": machine }, "hyperVGeneration": "V2" } });
    assert_eq!(wire.ask("PUT", &path("web"), body.clone()).error(), (409, "OperationNotAllowed"));
    wire.fake.generalized(&machine);
    let said = wire.ask("PUT", &path("web"), body.clone());
    assert_eq!((said.status, said.body["properties"]["provisioningState"].as_str()), (201, Some("Creating")));
    assert_eq!(wire.done(&said)["status"], "Succeeded");
    let made = wire.get(&path("web")).ok();
    assert_eq!(made["properties"]["storageProfile"]["osDisk"]["osState"], "Generalized");
    assert_eq!(made["properties"]["hyperVGeneration"], "V2");
    // What it is made of is fixed.
    let mut other = body;
    other["properties"]["sourceVirtualMachine"]["id"] = json!(format!("{machine}-2"));
    assert_eq!(wire.ask("PUT", &path("web"), other).error(), (409, "PropertyChangeNotAllowed"));
    assert_eq!(
        wire.ask("PUT", &path("api"), json!({ "location": "westeurope", "properties": {} })).error(),
        (400, "InvalidParameter")
    );
}

#[test]
fn an_image_is_of_use_when_it_is_made() {
    let wire = Wire::new();
    wire.fake.imaging(Duration::from_secs(120));
    let disk = json!({ "osType": "Linux", "osState": "Generalized", "managedDisk": { "id": format!("{GROUP}/Microsoft.Compute/disks/web") } });
    let body = json!({ "location": "westeurope", "properties": { "storageProfile": { "osDisk": disk } } });
    let said = wire.ask("PUT", &path("web"), body);
    let launch = |name: &str| {
        let image = ("properties.virtualMachineProfile.storageProfile.imageReference", json!({ "id": path("web") }));
        wire.ask("PUT", &format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/{name}"), wire.model(0, &[image])).status
    };
    assert!(launch("web-1") >= 400);
    wire.done(&said);
    assert_eq!(launch("web-2"), 201);
    // Nobody asks who uses it.
    assert_eq!(wire.over("DELETE", &path("web"), Value::Null)["status"], "Succeeded");
    assert_eq!(wire.get(&path("web")).error(), (404, "ResourceNotFound"));
    assert_eq!(wire.ask("DELETE", &path("web"), Value::Null).status, 204);
}

/// Of the subscription: images.list.
#[test]
fn images_are_listed_over_all_resource_groups() {
    let wire = Wire::new();
    wire.fake.resource_group("golden");
    wire.fake.managed_image("web");
    wire.fake.resource(&path("base").replace("/acme/", "/golden/"), &json!({ "location": "westeurope", "properties": {} }));
    wire.fake.page_size(1);
    let all = GROUP.replace("/resourceGroups/acme", "");
    let first = wire.get(&format!("{all}/Microsoft.Compute/images")).ok();
    let next = wire.get(&Wire::path_of(first["nextLink"].as_str().unwrap())).ok();
    let mut names = each(first["value"].as_array().unwrap(), "/name");
    names.extend(each(next["value"].as_array().unwrap(), "/name"));
    names.sort_unstable();
    assert_eq!(names, ["base", "web"]);
    let here = wire.get(&format!("{GROUP}/Microsoft.Compute/images")).ok();
    assert_eq!(each(here["value"].as_array().unwrap(), "/name"), ["web"]);
}
