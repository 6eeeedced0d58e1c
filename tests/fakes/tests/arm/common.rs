//! What is the same for all resources.

use serde_json::json;

use crate::wire::{COMPUTE, GROUP, Wire};

/// "MissingApiVersionParameter", "InvalidApiVersionParameter".
#[test]
fn every_call_says_its_version() {
    let wire = Wire::new();
    let path = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets");
    assert_eq!(wire.get(&format!("{path}?api-version=2015-06-15")).error(), (400, "InvalidApiVersionParameter"));
    let mut request = wire.request("GET", &path, &[], &json!(null));
    request.uri = path.clone();
    let immutable_fakes::arm::Outcome::Reply(reply) = wire.send(&request) else { panic!("it answers") };
    assert_eq!(crate::wire::Said::of(reply).error(), (400, "MissingApiVersionParameter"));
    assert_eq!(wire.get(&format!("{path}?api-version={COMPUTE}&$top=3")).error(), (400, "InvalidQueryParameter"));
    wire.unlawful.set(true);
}

#[test]
fn what_there_is_not_is_refused_and_kept() {
    let wire = Wire::new();
    assert_eq!(wire.get(&format!("{GROUP}/Microsoft.Compute/teapots/web")).error(), (404, "InvalidResourceType"));
    assert_eq!(wire.ask("PUT", &format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets"), json!({})).status, 404);
    assert_eq!(wire.fake.violations().len(), 2);
    wire.unlawful.set(true);
}

#[test]
fn subscriptions_and_resource_groups_are_looked_for_first() {
    let wire = Wire::new();
    let other = GROUP.replace("acme", "other");
    let path = |group: &str| format!("{group}/Microsoft.Compute/virtualMachineScaleSets");
    assert_eq!(wire.get(&path(&other)).error(), (404, "ResourceGroupNotFound"));
    wire.fake.resource_group("Other");
    assert_eq!(wire.get(&path(&other)).status, 200);
    let stranger = path(GROUP).replace("0001", "0002");
    assert_eq!(wire.get(&stranger).error(), (404, "SubscriptionNotFound"));
}

/// "Resource names and ids are case-insensitive": azure-docs, "Naming rules and restrictions for Azure resources".
#[test]
fn ids_are_compared_without_case_and_shown_as_they_were_written() {
    let wire = Wire::new();
    let id = wire.scale_set("Web-0001", 0, &[]);
    let said = wire.get(&id.to_uppercase()).ok();
    assert_eq!(said["id"], id);
    assert_eq!(said["name"], "Web-0001");
    assert_eq!(said["type"], "Microsoft.Compute/virtualMachineScaleSets");
    let again = wire.with("PUT", &id.to_lowercase(), &[("if-none-match", "*")], wire.model(0, &[]));
    assert_eq!(again.error(), (412, "PreconditionFailed"));
}

/// autoscaler#9783: what was read before is written over nobody's change.
#[test]
fn etags_change_with_every_write() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    let first = wire.get(&id);
    let etag = first.header("etag").unwrap().to_owned();
    assert_eq!(first.body["etag"], etag.as_str());
    let patch = |etag: &str, size: u64| wire.with("PATCH", &id, &[("if-match", etag)], json!({ "sku": { "capacity": size } }));
    let said = patch(&etag, 1);
    assert_eq!(said.status, 200);
    assert_eq!(patch(&etag, 2).error(), (412, "PreconditionFailed"));
    assert_eq!(wire.capacity(&id), 1);
    assert_eq!(patch(said.header("etag").unwrap(), 2).status, 200);
    assert_eq!(patch("*", 3).status, 200);
    // What is not there matches nothing.
    let none = wire.with("PUT", &format!("{id}-2"), &[("if-match", "*")], wire.model(0, &[]));
    assert_eq!(none.error(), (412, "PreconditionFailed"));
}

/// By default the end of an operation leaves the etag; a service may see it otherwise.
#[test]
fn the_end_of_an_operation_may_change_the_etag() {
    for restless in [false, true] {
        let wire = Wire::new();
        wire.fake.restless_etags(restless);
        let id = wire.scale_set("web", 0, &[]);
        let said = wire.patch_capacity(&id, 1);
        let before = said.header("etag").unwrap().to_owned();
        wire.done(&said);
        assert_eq!(wire.get(&id).header("etag").unwrap() != before, restless);
    }
}

#[test]
fn answers_are_numbered() {
    let wire = Wire::new();
    let path = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets");
    let number = |said: &crate::wire::Said| said.header("x-ms-request-id").unwrap().to_owned();
    assert_ne!(number(&wire.get(&path)), number(&wire.get(&path)));
    assert!(wire.get(&format!("{path}/none")).header("x-ms-request-id").is_some());
}
