//! Long-running operations: "Track asynchronous Azure operations".

use std::time::Duration;

use immutable_fakes::arm::Tracking;
use serde_json::{Value, json};

use crate::wire::{GROUP, Wire};

#[test]
fn an_operation_is_tracked_until_it_is_over() {
    let wire = Wire::new();
    let id = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web");
    let said = wire.ask("PUT", &id, wire.model(2, &[]));
    assert_eq!((said.status, said.body["properties"]["provisioningState"].as_str()), (201, Some("Creating")));
    assert_eq!(said.header("retry-after"), Some("10"));
    let status = Wire::path_of(said.header("azure-asyncoperation").unwrap());
    let result = Wire::path_of(said.header("location").unwrap());
    let now = wire.get(&status);
    assert_eq!((now.status, now.body["status"].as_str(), now.body.get("endTime")), (200, Some("InProgress"), None));
    assert_eq!(now.header("retry-after"), Some("10"));
    let now = wire.get(&result);
    assert_eq!((now.status, &now.body), (202, &Value::Null));
    assert_eq!(now.header("location"), said.header("location"));
    let over = wire.done(&said);
    assert_eq!(over["status"], "Succeeded");
    assert!(status.contains(over["name"].as_str().unwrap()));
    assert_eq!(wire.get(&result).ok()["name"], "web");
    assert_eq!(wire.get(&id).ok()["properties"]["provisioningState"], "Succeeded");
}

/// What is gone has nothing to show.
#[test]
fn a_deletion_is_answered_without_a_body() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 1, &[]);
    let said = wire.ask("DELETE", &id, Value::Null);
    assert_eq!((said.status, &said.body), (202, &Value::Null));
    assert_eq!(wire.get(&id).ok()["properties"]["provisioningState"], "Deleting");
    assert_eq!(wire.done(&said)["status"], "Succeeded");
    assert_eq!(wire.get(&Wire::path_of(said.header("location").unwrap())).status, 204);
    assert_eq!(wire.get(&id).error(), (404, "ResourceNotFound"));
    assert_eq!(wire.ask("DELETE", &id, Value::Null).status, 204);
}

/// "All other values indicate the operation is still running."
#[test]
fn what_goes_on_may_have_any_name() {
    let wire = Wire::new();
    wire.fake.running_status("Provisioning");
    let id = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web");
    let said = wire.ask("PUT", &id, wire.model(0, &[]));
    let status = Wire::path_of(said.header("azure-asyncoperation").unwrap());
    assert_eq!(wire.get(&status).ok()["status"], "Provisioning");
    assert_eq!(wire.done(&said)["status"], "Succeeded");
}

#[test]
fn which_headers_there_are_differs() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    for (tracking, status, result) in [
        (Tracking::Both, true, true),
        (Tracking::Async, true, false),
        (Tracking::Location, false, true),
        (Tracking::State, false, false),
    ] {
        wire.fake.tracking(tracking);
        let said = wire.patch_capacity(&id, 0);
        assert_eq!(
            (said.header("azure-asyncoperation").is_some(), said.header("location").is_some()),
            (status, result),
            "{tracking:?}"
        );
    }
    wire.fake.poll_after(None);
    assert_eq!(wire.patch_capacity(&id, 0).header("retry-after"), None);
    // A deletion has no body that could tell.
    assert!(wire.ask("DELETE", &id, Value::Null).header("location").is_some());
}

#[test]
fn operations_are_forgotten() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    wire.fake.operations_last(Duration::from_secs(60));
    let said = wire.patch_capacity(&id, 1);
    let status = Wire::path_of(said.header("azure-asyncoperation").unwrap());
    wire.done(&said);
    wire.wait(59);
    assert_eq!(wire.get(&status).status, 200);
    wire.wait(2);
    assert_eq!(wire.get(&status).error(), (404, "NotFound"));
    // And sooner, while they go on.
    let said = wire.patch_capacity(&id, 2);
    wire.fake.forget_operations();
    assert_eq!(wire.get(&Wire::path_of(said.header("location").unwrap())).error(), (404, "NotFound"));
    wire.wait(60);
    assert_eq!(wire.machines(&id).len(), 2);
}

/// Their URLs are followed as they were given, the version included.
#[test]
fn the_address_of_an_operation_has_its_own_version() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    let said = wire.patch_capacity(&id, 0);
    let status = Wire::path_of(said.header("azure-asyncoperation").unwrap());
    let (path, _) = status.split_once('?').unwrap();
    assert_eq!(wire.get(&format!("{path}?api-version=2024-11-01")).error(), (400, "InvalidApiVersionParameter"));
}

/// autoscaler#3018; code and words in azure-rest-api-specs#22434.
#[test]
fn a_later_update_preempts_the_one_that_goes_on() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    let first = wire.patch_capacity(&id, 3);
    let second = wire.patch_capacity(&id, 1);
    let over = wire.done(&first);
    assert_eq!((over["status"].as_str(), over["error"]["code"].as_str()), (Some("Canceled"), Some("OperationPreempted")));
    assert_eq!(wire.get(&Wire::path_of(first.header("location").unwrap())).error(), (409, "OperationPreempted"));
    assert_eq!(wire.get(&id).ok()["properties"]["provisioningState"], "Updating");
    assert_eq!(wire.done(&second)["status"], "Succeeded");
    assert_eq!((wire.machines(&id).len(), wire.capacity(&id)), (1, 1));
}

/// Deletions that have not begun, too: autoscaler#9505.
#[test]
fn a_later_update_preempts_a_deletion_of_members() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 2, &[]);
    let name = wire.machines(&id)[0]["name"].clone();
    let deletion = wire.ask("POST", &format!("{id}/delete"), json!({ "instanceIds": [name] }));
    assert_eq!(deletion.status, 202);
    wire.patch_capacity(&id, 3);
    assert_eq!(wire.done(&deletion)["error"]["code"], "OperationPreempted");
    wire.wait(60);
    assert_eq!(wire.machines(&id).len(), 3);
}

#[test]
fn an_operation_may_fail_by_the_script() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    wire.fake.operation_fails(
        "virtualMachineScaleSets.update",
        "InternalExecutionError",
        "An internal execution error occurred.",
    );
    let said = wire.patch_capacity(&id, 2);
    let over = wire.done(&said);
    assert_eq!((over["status"].as_str(), over["error"]["code"].as_str()), (Some("Failed"), Some("InternalExecutionError")));
    assert_eq!(wire.get(&id).ok()["properties"]["provisioningState"], "Failed");
    assert_eq!(wire.get(&Wire::path_of(said.header("location").unwrap())).error(), (409, "InternalExecutionError"));
    // What was said stays said.
    assert_eq!((wire.capacity(&id), wire.machines(&id).len()), (2, 0));
}
