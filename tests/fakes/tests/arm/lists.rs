//! Lists, pages, and readers who are behind the times.

use std::time::Duration;

use serde_json::Value;

use crate::wire::{GROUP, Wire, each};

/// "nextLink": to be followed as it was given.
#[test]
fn lists_come_in_pages() {
    let wire = Wire::new();
    for number in 0..5 {
        wire.scale_set(&format!("web-{number}"), 0, &[]);
    }
    wire.fake.page_size(2);
    let mut path = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets");
    let mut names = Vec::new();
    for page in 0.. {
        let said = wire.get(&path).ok();
        names.extend(each(said["value"].as_array().unwrap(), "/name").into_iter().map(str::to_owned));
        let Some(next) = said["nextLink"].as_str() else {
            assert_eq!(page, 2);
            break;
        };
        path = Wire::path_of(next);
    }
    assert_eq!(names, ["web-0", "web-1", "web-2", "web-3", "web-4"]);
}

#[test]
fn a_page_is_not_lost_when_what_was_on_the_one_before_is_deleted() {
    let wire = Wire::new();
    let ids: Vec<String> = (0..3).map(|number| wire.scale_set(&format!("web-{number}"), 0, &[])).collect();
    wire.fake.page_size(1);
    let first = wire.get(&format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets")).ok();
    wire.done(&wire.ask("DELETE", &ids[0], Value::Null));
    let second = wire.get(&Wire::path_of(first["nextLink"].as_str().unwrap())).ok();
    assert_eq!(second["value"][0]["name"], "web-1");
}

/// azurerm#18268, #25758.
#[test]
fn what_is_new_is_missing_at_first_and_by_turns() {
    let wire = Wire::new();
    wire.fake.lag(Duration::from_secs(30));
    let id = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web");
    wire.ask("PUT", &id, wire.model(1, &[]));
    let seen: Vec<u16> = (0..4).map(|_| wire.get(&id).status).collect();
    assert_eq!(seen, [404, 200, 404, 200]);
    let list = || wire.get(&format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets")).ok()["value"].as_array().unwrap().len();
    assert_eq!(list(), 0);
    wire.wait(25);
    // The machine is newer than its scale set.
    assert_eq!(wire.machines(&id).len(), 0);
    wire.wait(5);
    assert_eq!(((0..3).map(|_| wire.get(&id).status).collect::<Vec<_>>(), list()), (vec![200; 3], 1));
    wire.wait(10);
    assert_eq!(wire.machines(&id).len(), 1);
}

/// azurerm#32331.
#[test]
fn what_is_gone_is_shown_for_a_while_by_turns() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    wire.fake.lag(Duration::from_secs(30));
    wire.done(&wire.ask("DELETE", &id, Value::Null));
    let seen: Vec<u16> = (0..4).map(|_| wire.get(&id).status).collect();
    assert_eq!(seen, [200, 404, 200, 404]);
    let list = || wire.get(&format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets")).ok()["value"].as_array().unwrap().len();
    assert_eq!(list(), 1);
    wire.wait(30);
    assert_eq!(((0..3).map(|_| wire.get(&id).status).collect::<Vec<_>>(), list()), (vec![404; 3], 0));
}

/// cloud-provider-azure#9728: an etag that was read may be one of before, and what it is sent with is refused.
#[test]
fn what_was_before_a_change_is_shown_for_a_while_by_turns() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    wire.wait(60);
    let before = wire.get(&id).header("etag").unwrap().to_owned();
    wire.fake.stale_reads(Duration::from_secs(30));
    wire.patch_capacity(&id, 2);
    let mut seen: Vec<u64> = (0..4).map(|_| wire.capacity(&id)).collect();
    seen.dedup();
    assert!(seen == [0, 2, 0, 2] || seen == [2, 0, 2, 0], "{seen:?}");
    let etags: Vec<String> = (0..2).map(|_| wire.get(&id).header("etag").unwrap().to_owned()).collect();
    assert_eq!(etags.iter().filter(|etag| **etag == before).count(), 1);
    wire.wait(30);
    assert_eq!((0..3).map(|_| wire.capacity(&id)).collect::<Vec<_>>(), [2; 3]);
}

/// "Gets a list of all VM Scale Sets in the subscription, regardless of the associated resource group": virtualMachineScaleSets.listAll. "Lists all of the virtual machines in the
/// specified subscription": virtualMachines.listAll; members of Uniform scale sets are in the list of theirs alone.
#[test]
fn a_subscription_lists_what_all_its_resource_groups_have() {
    let wire = Wire::new();
    wire.fake.resource_group("others");
    let id = wire.scale_set("web", 1, &[]);
    let theirs = id.replace("/acme/", "/others/");
    assert!(wire.fake.meddle_scale_set(&theirs, &wire.image, 1));
    let uniform = id.replace("/web", "/old");
    assert!(wire.fake.meddle_uniform(&uniform, &wire.image, 1));
    wire.wait(120);
    let all = |kind: &str| {
        let everything = GROUP.replace("/resourceGroups/acme", "");
        let said = wire.get(&format!("{everything}/Microsoft.Compute/{kind}")).ok();
        let found = said["value"].as_array().unwrap().clone();
        found.iter().map(|one| one["id"].as_str().unwrap().to_lowercase()).collect::<Vec<_>>()
    };
    let sets: Vec<String> = [&uniform, &id, &theirs].map(|id| id.to_lowercase()).into();
    assert_eq!(all("virtualMachineScaleSets"), sets);
    let machines = all("virtualMachines");
    assert!(matches!(&machines[..], [one, two] if one.contains("/acme/") && two.contains("/others/")), "{machines:?}");
}
