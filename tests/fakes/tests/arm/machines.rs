//! Virtual machines: how they come, what becomes of them, and what is shown of them.

use std::time::Duration;

use immutable_fakes::arm::Fate;
use serde_json::{Value, json};

use crate::wire::{GROUP, Wire, each};

#[test]
fn machines_are_made_after_a_while_and_boot() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[("zones", json!(["1", "2"]))]);
    let said = wire.patch_capacity(&id, 2);
    assert_eq!(wire.machines(&id).len(), 0);
    wire.wait(2);
    let machines = wire.machines(&id);
    assert_eq!(each(&machines, "/properties/provisioningState"), ["Creating"; 2]);
    assert_eq!(each(&machines, "/properties/instanceView/statuses/1/code"), ["PowerState/starting"; 2]);
    assert_eq!(wire.done(&said)["status"], "Succeeded");
    let machines = wire.machines(&id);
    assert_eq!(each(&machines, "/properties/instanceView/statuses/0/code"), ["ProvisioningState/succeeded"; 2]);
    assert_eq!(each(&machines, "/properties/instanceView/statuses/1/code"), ["PowerState/running"; 2]);
    let mut zones = each(&machines, "/zones/0");
    zones.sort_unstable();
    assert_eq!(zones, ["1", "2"]);
    for machine in &machines {
        let name = machine["name"].as_str().unwrap();
        let digits = name.strip_prefix("web_").unwrap();
        assert!(digits.len() == 8 && digits.chars().all(|digit| digit.is_ascii_hexdigit()), "{name}");
        assert_eq!(machine["id"], format!("{GROUP}/Microsoft.Compute/virtualMachines/{name}"));
        assert_eq!(machine["tags"], json!({ "immutable-fleet": "web" }));
        let inside = &machine["properties"];
        assert_eq!(inside["virtualMachineScaleSet"]["id"], id);
        assert_eq!(inside["storageProfile"]["imageReference"], json!({ "id": wire.image, "exactVersion": "1.0.0" }));
        assert_eq!(inside["hardwareProfile"]["vmSize"], "Standard_D2s_v5");
        assert!(inside["timeCreated"].is_string() && inside["vmId"].as_str().unwrap().len() == 36);
        let nic = inside["networkProfile"]["networkInterfaces"][0]["id"].as_str().unwrap();
        assert_eq!(nic, format!("{GROUP}/Microsoft.Network/networkInterfaces/{name}-nic"));
        assert_eq!(inside["instanceView"].get("vmHealth"), None);
    }
    assert_ne!(machines[0]["properties"]["vmId"], machines[1]["properties"]["vmId"]);
}

/// virtualMachines.list: "'instanceView' enables fetching run time status of all Virtual Machines, this can only be specified if a valid $filter
/// option is specified".
#[test]
fn machines_are_listed_by_their_scale_set() {
    let wire = Wire::new();
    let one = wire.scale_set("one", 1, &[]);
    wire.scale_set("two", 2, &[]);
    assert_eq!(wire.machines(&one.to_uppercase()).len(), 1);
    let all = format!("{GROUP}/Microsoft.Compute/virtualMachines");
    let said = wire.get(&all).ok();
    assert_eq!(said["value"].as_array().unwrap().len(), 3);
    assert_eq!(said["value"][0]["properties"].get("instanceView"), None);
    assert_eq!(wire.get(&format!("{all}?$expand=instanceView")).error(), (400, "InvalidParameter"));
    assert_eq!(wire.get(&format!("{all}?$filter=name%20eq%20%27a%27")).error(), (400, "InvalidParameter"));
    let machine = said["value"][0]["id"].as_str().unwrap();
    let alone = wire.get(&format!("{machine}?$expand=instanceView")).ok();
    assert_eq!(alone["properties"]["instanceView"]["statuses"][1]["code"], "PowerState/running");
    assert_eq!(wire.get(&format!("{machine}0")).error(), (404, "ResourceNotFound"));
}

/// "OSProvisioningTimedOut": the operation waits as long as the service does.
#[test]
fn who_never_boots_fails_in_the_end() {
    let wire = Wire::new();
    wire.fake.fate(&wire.image, Fate::Hangs);
    wire.fake.boot_patience(Duration::from_secs(300));
    let id = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web");
    let said = wire.ask("PUT", &id, wire.model(1, &[]));
    wire.wait(290);
    assert_eq!(each(&wire.machines(&id), "/properties/provisioningState"), ["Creating"]);
    let over = wire.done(&said);
    assert_eq!((over["status"].as_str(), over["error"]["code"].as_str()), (Some("Failed"), Some("OSProvisioningTimedOut")));
    let machines = wire.machines(&id);
    assert_eq!(each(&machines, "/properties/instanceView/statuses/0/code"), ["ProvisioningState/failed/OSProvisioningTimedOut"]);
    assert_eq!(each(&machines, "/properties/instanceView/statuses/1/code"), ["PowerState/starting"]);
    wire.fake.boots_now(machines[0]["name"].as_str().unwrap());
    assert_eq!(each(&wire.machines(&id), "/properties/provisioningState"), ["Succeeded"]);
}

#[test]
fn who_dies_is_stopped() {
    let wire = Wire::new();
    wire.fake.fate(&wire.image, Fate::Dies);
    let id = wire.scale_set("web", 1, &[]);
    assert_eq!(each(&wire.machines(&id), "/properties/instanceView/statuses/1/code"), ["PowerState/stopped"]);
    wire.fake.fate(&wire.image, Fate::Sound);
    wire.done(&wire.patch_capacity(&id, 2));
    let well: Vec<String> = wire.fake.truth().live().filter(|(_, machine)| machine.well).map(|(id, _)| id.to_owned()).collect();
    let [well] = well.as_slice() else { panic!("{well:?}") };
    wire.fake.kill(well);
    assert!(wire.fake.truth().live().all(|(_, machine)| !machine.running && !machine.well));
    // A scale set does nothing about it.
    wire.wait(3600);
    assert_eq!((wire.machines(&id).len(), wire.capacity(&id)), (2, 2));
}

/// What is said of an image is said of its versions, unless something is said of one.
#[test]
fn fates_are_of_versions_or_of_all_of_an_image() {
    let wire = Wire::new();
    wire.fake.fate(wire.image.split("/versions/").next().unwrap(), Fate::Sick);
    wire.fake.fate(&wire.next, Fate::Sound);
    let image = "properties.virtualMachineProfile.storageProfile.imageReference.id";
    wire.scale_set("one", 1, &[]);
    wire.scale_set("two", 1, &[(image, wire.next.clone().into())]);
    let truth = wire.fake.truth();
    let well: Vec<&str> = truth.live().filter(|(_, machine)| machine.well).map(|(_, machine)| machine.image.as_str()).collect();
    assert_eq!(well, [wire.next.to_lowercase()]);
}

/// Chance is seeded, and time is told.
#[test]
fn the_same_is_the_same_again() {
    let played = || {
        let wire = Wire::new();
        wire.fake.boot_between(Duration::from_secs(5), Duration::from_secs(90));
        wire.fake.faults().seed(7).sometimes("virtualMachineScaleSets.*", 300, immutable_fakes::arm::Fault::Throttled);
        let id = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web");
        for size in 0..20 {
            wire.ask("PUT", &id, wire.model(size, &[]));
            wire.wait(3);
        }
        (format!("{:?}", wire.fake.truth()), format!("{:?}", wire.fake.calls()))
    };
    assert_eq!(played(), played());
}

#[test]
fn machines_boot_in_their_own_time() {
    let wire = Wire::new();
    wire.fake.boot_between(Duration::from_secs(10), Duration::from_secs(60));
    let id = wire.scale_set("web", 0, &[]);
    wire.patch_capacity(&id, 8);
    wire.wait(30);
    let running = wire.fake.truth().live().filter(|(_, machine)| machine.running).count();
    assert!((1..8).contains(&running), "{running}");
}

/// "Overview of VM Applications in the Azure Compute Gallery".
#[test]
fn applications_take_their_time_and_may_fail() {
    let wire = Wire::new();
    wire.fake.installing(Duration::from_secs(100));
    let (field, applications) = Wire::application(true);
    let id = wire.scale_set("web", 0, &[(field, applications.clone())]);
    let said = wire.patch_capacity(&id, 1);
    wire.wait(60);
    let machines = wire.machines(&id);
    assert_eq!(each(&machines, "/properties/provisioningState"), ["Creating"]);
    assert_eq!(each(&machines, "/properties/instanceView/statuses/1/code"), ["PowerState/running"]);
    assert_eq!(machines[0]["properties"]["applicationProfile"], applications);
    assert!(!wire.fake.truth().live().any(|(_, machine)| machine.well));
    assert_eq!(wire.done(&said)["status"], "Succeeded");
    let version = applications["galleryApplications"][0]["packageReferenceId"].as_str().unwrap();
    let truth = wire.fake.truth();
    assert!(truth.live().all(|(_, machine)| machine.well && machine.applications == [version.to_lowercase()]));
    wire.fake.fate(version, Fate::FailsToInstall);
    let over = wire.done(&wire.patch_capacity(&id, 2));
    assert_eq!((over["status"].as_str(), over["error"]["code"].as_str()), (Some("Failed"), Some("VMExtensionProvisioningError")));
    let mut states =
        each(&wire.machines(&id), "/properties/provisioningState").into_iter().map(str::to_owned).collect::<Vec<_>>();
    states.sort_unstable();
    assert_eq!(states, ["Failed", "Succeeded"]);
}

/// "treatFailureAsDeploymentFailure": without it nobody hears of it.
#[test]
fn an_application_that_does_not_matter_fails_in_silence() {
    let wire = Wire::new();
    let (field, applications) = Wire::application(false);
    wire.fake.fate(applications["galleryApplications"][0]["packageReferenceId"].as_str().unwrap(), Fate::FailsToInstall);
    let id = wire.scale_set("web", 1, &[(field, applications)]);
    assert_eq!(each(&wire.machines(&id), "/properties/provisioningState"), ["Succeeded"]);
    assert!(!wire.fake.truth().live().any(|(_, machine)| machine.well));
}

#[test]
fn machines_know_the_pools_that_they_are_in() {
    let wire = Wire::new();
    let pool = format!("{GROUP}/Microsoft.Network/loadBalancers/front/backendAddressPools/web-0001");
    let mut model = wire.model(1, &[]);
    let nic = &mut model["properties"]["virtualMachineProfile"]["networkProfile"]["networkInterfaceConfigurations"][0];
    nic["properties"]["ipConfigurations"][0]["properties"]["loadBalancerBackendAddressPools"] = json!([{ "id": pool }]);
    let network = model["properties"]["virtualMachineProfile"]["networkProfile"].clone();
    wire.scale_set("web", 1, &[("properties.virtualMachineProfile.networkProfile", network)]);
    assert!(wire.fake.truth().live().all(|(_, machine)| machine.pools == [pool.to_lowercase()]));
}

#[test]
fn a_machine_may_be_deleted_by_itself_and_the_capacity_drops() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 2, &[]);
    let machines = wire.machines(&id);
    let machine = machines[0]["id"].as_str().unwrap();
    let said = wire.ask("DELETE", machine, Value::Null);
    assert_eq!(said.status, 202);
    assert_eq!(wire.get(machine).ok()["properties"]["provisioningState"], "Deleting");
    wire.done(&said);
    assert_eq!(wire.get(machine).error(), (404, "ResourceNotFound"));
    assert_eq!((wire.machines(&id).len(), wire.capacity(&id)), (1, 1));
    assert_eq!(wire.ask("DELETE", machine, Value::Null).status, 204);
    let before = wire.get(&id).header("etag").unwrap().to_owned();
    wire.fake.meddle_delete(machines[1]["properties"]["vmId"].as_str().unwrap());
    assert_eq!(wire.capacity(&id), 0);
    assert_ne!(wire.get(&id).header("etag").unwrap(), before);
}
