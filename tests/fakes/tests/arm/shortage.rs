//! What runs out. Capacity errors come late: autoscaler#8323.

use serde_json::{Value, json};

use crate::wire::{Wire, each};

/// The request is accepted, some machines are made, the operation fails, and the capacity stays at what was asked.
#[test]
fn a_shortage_shows_in_the_operation() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[("zones", json!(["1"]))]);
    wire.fake.capacity("1", Some(2));
    let said = wire.patch_capacity(&id, 5);
    assert_eq!(said.status, 200);
    let over = wire.done(&said);
    assert_eq!((over["status"].as_str(), over["error"]["code"].as_str()), (Some("Failed"), Some("ZonalAllocationFailed")));
    assert_eq!(each(&wire.machines(&id), "/properties/provisioningState"), ["Succeeded"; 2]);
    let shown = wire.get(&id).ok();
    assert_eq!((shown["sku"]["capacity"].as_u64(), shown["properties"]["provisioningState"].as_str()), (Some(5), Some("Failed")));
    // It does not try again by itself, and does when it is asked to.
    wire.fake.capacity("1", None);
    wire.wait(3600);
    assert_eq!(wire.machines(&id).len(), 2);
    wire.done(&wire.patch_capacity(&id, 5));
    assert_eq!(wire.machines(&id).len(), 5);
}

/// karpenter-provider-azure#892.
#[test]
fn a_shortage_has_many_names() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    wire.fake.capacity("", Some(0));
    let code = || wire.done(&wire.patch_capacity(&id, 1))["error"]["code"].clone();
    assert_eq!(code(), "AllocationFailed");
    for name in ["OverconstrainedZonalAllocationRequest", "SkuNotAvailable", "SpotCapacity"] {
        wire.fake.shortage(Some(name));
        assert_eq!(code(), name);
    }
}

/// "best-effort zone balance".
#[test]
fn another_zone_is_taken_unless_zones_are_balanced_strictly() {
    for (strict, machines, status) in [(false, 4, "Succeeded"), (true, 2, "Failed")] {
        let wire = Wire::new();
        let id = wire.scale_set("web", 0, &[("zones", json!(["1", "2"])), ("properties.zoneBalance", strict.into())]);
        wire.fake.capacity("2", Some(1));
        assert_eq!(wire.done(&wire.patch_capacity(&id, 4))["status"], status);
        let made = wire.machines(&id).len();
        assert!(made >= machines && (made < 4) == strict, "{made}");
    }
}

#[test]
fn an_operation_may_succeed_with_fewer() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    wire.fake.capacity("", Some(1));
    wire.fake.content_with_fewer(true);
    assert_eq!(wire.done(&wire.patch_capacity(&id, 3))["status"], "Succeeded");
    assert_eq!((wire.machines(&id).len(), wire.capacity(&id)), (1, 3));
}

/// azurerm#7516: what could not be allocated is there all the same, and never runs.
#[test]
fn a_shortage_may_leave_wrecks() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    wire.fake.capacity("", Some(1));
    wire.fake.leaves_wrecks(true);
    assert_eq!(wire.done(&wire.patch_capacity(&id, 3))["error"]["code"], "AllocationFailed");
    let machines = wire.machines(&id);
    let mut states = each(&machines, "/properties/provisioningState");
    states.sort_unstable();
    assert_eq!(states, ["Failed", "Failed", "Succeeded"]);
    let failed = "ProvisioningState/failed/AllocationFailed";
    assert_eq!(each(&machines, "/properties/instanceView/statuses/0/code").iter().filter(|code| **code == failed).count(), 2);
    assert_eq!(wire.fake.truth().live().filter(|(_, machine)| machine.running).count(), 1);
}

/// "Resolve errors for resource quotas".
#[test]
fn a_quota_is_found_late_or_at_once() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    wire.fake.quota(Some(2));
    assert_eq!(wire.done(&wire.patch_capacity(&id, 3))["error"]["code"], "QuotaExceeded");
    assert_eq!((wire.machines(&id).len(), wire.capacity(&id)), (2, 3));
    wire.fake.strict_quota(true);
    assert_eq!(wire.patch_capacity(&id, 4).error(), (409, "OperationNotAllowed"));
    assert_eq!(wire.capacity(&id), 3);
    assert_eq!(wire.patch_capacity(&id, 2).status, 200);
}

/// An image that goes while it is needed.
#[test]
fn an_image_that_is_gone_cannot_be_booted() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    let said = wire.patch_capacity(&id, 1);
    wire.fake.by_hand(&wire.image, |body| body["properties"]["publishingProfile"]["targetRegions"] = json!([]));
    let over = wire.done(&said);
    assert_eq!((over["error"]["code"].as_str(), wire.machines(&id).len()), (Some("GalleryImageNotFound"), 0));
    assert_eq!(wire.ask("DELETE", &id, Value::Null).status, 202);
}
