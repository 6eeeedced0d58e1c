//! What goes wrong between a caller and the service.

use std::time::Duration;

use immutable_fakes::arm::{Ended, Fault, Outcome};
use serde_json::{Value, json};

use crate::wire::{GROUP, Wire};

/// kubernetes#93796 quotes the answer whole; azurerm#7694: who is refused counts; azurerm#19146: it may be without Retry-After.
#[test]
fn scale_sets_may_be_read_so_often() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    wire.fake.scale_set_reads(Some((2, 100)));
    let left = wire.get(&id);
    let remaining = left.header("x-ms-ratelimit-remaining-resource").unwrap();
    assert_eq!(remaining, "Microsoft.Compute/HighCostGetVMScaleSet3Min;1,Microsoft.Compute/HighCostGetVMScaleSet30Min;99");
    assert_eq!(wire.get(&id).status, 200);
    let refused = wire.get(&format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets"));
    assert_eq!((refused.error(), refused.header("retry-after")), ((429, "OperationNotAllowed"), None));
    let detail = &refused.body["error"]["details"][0];
    assert_eq!(
        (detail["code"].as_str(), detail["target"].as_str()),
        (Some("TooManyRequests"), Some("HighCostGetVMScaleSet3Min"))
    );
    let counted: Value = serde_json::from_str(detail["message"].as_str().unwrap()).unwrap();
    assert_eq!((&counted["allowedRequestCount"], &counted["measuredRequestCount"]), (&json!(2), &json!(3)));
    // Lists of machines and writes are counted elsewhere.
    assert_eq!(wire.patch_capacity(&id, 0).status, 200);
    assert_eq!(wire.machines(&id).len(), 0);
    wire.fake.retry_after(Some(Duration::from_secs(5)));
    let after: u64 = wire.get(&id).header("retry-after").unwrap().parse().unwrap();
    assert!((1..=180).contains(&after), "{after}");
    wire.wait(after);
    assert_eq!(wire.get(&id).status, 200);
}

#[test]
fn throttling_may_say_for_how_long() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    wire.fake.faults().next("virtualMachineScaleSets.update", Fault::Throttled);
    let said = wire.patch_capacity(&id, 1);
    assert_eq!((said.error(), said.header("retry-after")), ((429, "TooManyRequests"), None));
    wire.fake.retry_after(Some(Duration::from_secs(17)));
    wire.fake.faults().next("virtualMachineScaleSets.update", Fault::Throttled);
    assert_eq!(wire.patch_capacity(&id, 1).header("retry-after"), Some("17"));
    assert_eq!(wire.capacity(&id), 0);
}

#[test]
fn a_call_may_be_denied() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    wire.fake.deny("virtualMachineScaleSets.update");
    assert_eq!(wire.patch_capacity(&id, 1).error(), (403, "AuthorizationFailed"));
    wire.fake.allow("virtualMachineScaleSets.update");
    assert_eq!(wire.patch_capacity(&id, 1).status, 200);
    wire.fake.allow_only(["virtualMachineScaleSets.get"]);
    assert_eq!(wire.patch_capacity(&id, 1).error(), (403, "AuthorizationFailed"));
    assert_eq!(wire.get(&id).status, 200);
}

#[test]
fn a_reply_may_be_lost_and_the_log_knows() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    let patch = |size: u64| wire.send(&wire.request("PATCH", &id, &[("if-match", "*")], &json!({ "sku": { "capacity": size } })));
    for (fault, outcome, ended, capacity) in [
        (Fault::LostReply, Outcome::Reset, Ended::Unheard(None), 1),
        (Fault::SilentReply, Outcome::Silent, Ended::Unheard(None), 2),
        (Fault::Refused, Outcome::Refused, Ended::Lost, 2),
    ] {
        wire.fake.faults().next("virtualMachineScaleSets.update", fault);
        assert_eq!(patch(capacity), outcome);
        let calls = wire.fake.calls();
        let last = calls.last().unwrap();
        assert_eq!((last.method.as_str(), &last.ended), ("virtualMachineScaleSets.update", &ended));
        assert_eq!((last.path.as_str(), last.if_match.as_deref()), (id.as_str(), Some("*")));
        assert_eq!(wire.capacity(&id), capacity);
    }
    assert_eq!(wire.fake.count("virtualMachineScaleSets.update"), 3);
}

#[test]
fn what_was_broken_off_may_arrive_later() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    wire.fake.faults().next("virtualMachineScaleSets.*", Fault::LateEffect { after: Duration::from_secs(30) });
    let request = wire.request("PATCH", &id, &[], &json!({ "sku": { "capacity": 2 } }));
    assert_eq!(wire.send(&request), Outcome::Reset);
    wire.wait(29);
    assert_eq!(wire.capacity(&id), 0);
    wire.wait(1);
    assert_eq!(wire.capacity(&id), 2);
}

#[test]
fn errors_of_the_server_may_have_had_an_effect() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 0, &[]);
    wire.fake.faults().next("virtualMachineScaleSets.update", Fault::ServerErrorBefore(503));
    assert_eq!(wire.patch_capacity(&id, 1).error(), (503, "ServerTimeout"));
    assert_eq!(wire.capacity(&id), 0);
    wire.fake.faults().next("virtualMachineScaleSets.update", Fault::ServerErrorAfter(500));
    assert_eq!(wire.patch_capacity(&id, 1).error(), (500, "InternalServerError"));
    assert_eq!(wire.capacity(&id), 1);
    let conflict = Fault::Error { code: "AnotherOperationInProgress".into(), status: 429 };
    wire.fake.faults().next("virtualMachineScaleSets.update", conflict);
    assert_eq!(wire.patch_capacity(&id, 1).error(), (429, "AnotherOperationInProgress"));
}

#[test]
fn what_other_people_do_is_not_in_the_log() {
    let wire = Wire::new();
    let id = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web");
    assert!(wire.fake.meddle_scale_set(&id, &wire.image, 1));
    assert!(wire.fake.meddle_capacity(&id, 2));
    assert!(wire.fake.meddle_tag(&id, "by", Some("hand")));
    wire.wait(60);
    assert_eq!(wire.fake.calls().len(), 0);
    let shown = wire.get(&id).ok();
    assert_eq!((shown["tags"].clone(), shown["sku"]["capacity"].as_u64()), (json!({ "by": "hand" }), Some(2)));
    assert_eq!(wire.machines(&id).len(), 2);
    assert!(wire.fake.meddle("DELETE", &id, &Value::Null));
    assert!(!wire.fake.meddle_capacity(&id, 3));
}
