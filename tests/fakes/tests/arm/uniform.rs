//! Uniform scale sets, and what they do that flexible ones do not.

use std::time::Duration;

use immutable_fakes::arm::truth::Machine;
use serde_json::{Value, json};

use crate::wire::{GROUP, Wire, each};

/// Somebody's, of so many machines, with these properties.
fn uniform(wire: &Wire, capacity: usize, more: &[(&str, Value)]) -> String {
    let id = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/old");
    let mut properties = json!({
        "orchestrationMode": "Uniform",
        "upgradePolicy": { "mode": "Manual" },
        "virtualMachineProfile": { "storageProfile": { "imageReference": { "id": wire.image } } },
    });
    more.iter().for_each(|(name, value)| properties[*name] = value.clone());
    let sku = json!({ "name": "Standard_B2s", "tier": "Standard", "capacity": capacity });
    assert!(wire.fake.meddle("PUT", &id, &json!({ "location": "westeurope", "sku": sku, "properties": properties })));
    id
}

fn numbers(wire: &Wire, id: &str) -> Vec<String> {
    let members = wire.get(&format!("{id}/virtualMachines")).ok()["value"].as_array().unwrap().clone();
    each(&members, "/instanceId").into_iter().map(str::to_owned).collect()
}

/// "Design considerations for scale sets": "spins up more VMs than you asked for, then deletes the extra VMs once the requested number of VMs are successfully provisioned".
#[test]
fn more_are_made_than_are_kept() {
    let wire = Wire::new();
    let id = uniform(&wire, 5, &[]);
    wire.wait(10);
    assert_eq!((wire.fake.truth().live().count(), wire.capacity(&id)), (6, 5));
    wire.wait(120);
    assert_eq!((wire.fake.truth().live().count(), wire.capacity(&id)), (5, 5));
    assert!(wire.fake.meddle("PATCH", &id, &json!({ "properties": { "overprovision": false } })));
    assert!(wire.fake.meddle_capacity(&id, 10));
    wire.wait(10);
    assert_eq!(wire.fake.truth().live().count(), 10);
}

/// "Understand names and instance IDs": "The instance IDs may be reused for new instances once old instances are deleted".
#[test]
fn numbers_may_be_given_again() {
    for (again, wanted) in [(false, ["1", "2", "3"]), (true, ["0", "1", "2"])] {
        let wire = Wire::new();
        wire.fake.numbers_again(again);
        let id = uniform(&wire, 3, &[("overprovision", json!(false))]);
        wire.wait(60);
        let ids = |wire: &Wire| -> Vec<String> { wire.fake.truth().live().map(|(id, _)| id.to_owned()).collect() };
        let before = ids(&wire);
        wire.done(&wire.ask("POST", &format!("{id}/delete"), json!({ "instanceIds": ["0"] })));
        wire.wait(60);
        assert_eq!((numbers(&wire, &id), wire.capacity(&id)), (vec!["1".to_owned(), "2".to_owned()], 2));
        assert!(wire.fake.meddle_capacity(&id, 3));
        wire.wait(60);
        assert_eq!(numbers(&wire, &id), wanted);
        assert_eq!(ids(&wire).iter().filter(|id| !before.contains(id)).count(), 1, "its vmId is another");
    }
}

/// "Instance Protection for Azure Virtual Machine Scale Set instances".
#[test]
fn who_is_protected_is_spared_by_a_smaller_capacity_and_goes_when_named() {
    let wire = Wire::new();
    let id = uniform(&wire, 3, &[("overprovision", json!(false))]);
    wire.wait(60);
    wire.fake.meddle_protect("old_2");
    let members = wire.get(&format!("{id}/virtualMachines")).ok()["value"].as_array().unwrap().clone();
    let protected = each(&members, "/name").into_iter().zip(&members).find(|(name, _)| *name == "old_2").unwrap().1;
    assert_eq!(protected["properties"]["protectionPolicy"]["protectFromScaleSetActions"], true);
    assert!(wire.fake.meddle_capacity(&id, 2));
    wire.wait(60);
    assert_eq!(numbers(&wire, &id), ["0", "2"], "the highest number that is not protected");
    wire.done(&wire.ask("POST", &format!("{id}/delete"), json!({ "instanceIds": ["2"] })));
    assert_eq!(numbers(&wire, &id), ["0"]);
}

/// "UpgradePolicy", "mode".
#[test]
fn another_model_is_in_force_in_place_where_that_is_automatic() {
    for mode in ["Automatic", "Manual"] {
        let wire = Wire::new();
        let policy = json!({ "mode": mode });
        let id = uniform(&wire, 2, &[("overprovision", json!(false)), ("upgradePolicy", policy)]);
        wire.wait(60);
        let before = wire.fake.truth().machines;
        let model = json!({ "storageProfile": { "imageReference": { "id": wire.next } } });
        assert!(wire.fake.meddle("PATCH", &id, &json!({ "properties": { "virtualMachineProfile": model } })));
        wire.wait(60);
        let after = wire.fake.truth().machines;
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "they are the same machines");
        let newer = |machine: &Machine| machine.image.ends_with("/versions/1.1.0");
        assert_eq!(after.values().filter(|machine| newer(machine)).count(), if mode == "Automatic" { 2 } else { 0 });
    }
}

#[test]
fn lists_may_be_behind_what_is_read() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    let tag = || wire.get(&id.replace("/web", "")).ok()["value"][0]["tags"]["team"].as_str().map(str::to_owned);
    wire.fake.late_lists(Duration::from_secs(60));
    assert!(wire.fake.meddle("PATCH", &id, &json!({ "tags": { "team": "shop" } })));
    assert_eq!((tag(), wire.get(&id).ok()["tags"]["team"].as_str()), (None, Some("shop")));
    wire.wait(60);
    assert_eq!(tag().as_deref(), Some("shop"));
    wire.fake.lists_take_turns(Duration::from_secs(60));
    assert!(wire.fake.meddle("PATCH", &id, &json!({ "tags": { "team": "ops" } })));
    let two: std::collections::BTreeSet<Option<String>> = [tag(), tag()].into();
    assert_eq!(two.len(), 2, "by turns: {two:?}");
}
