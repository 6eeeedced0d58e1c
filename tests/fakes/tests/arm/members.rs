//! Members of scale sets: more, fewer, and by name.

use serde_json::{Value, json};

use crate::wire::{GROUP, Wire, each};

fn names(machines: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = each(machines, "/name").into_iter().map(str::to_owned).collect();
    names.sort_unstable();
    names
}

/// typhoon#1567, kamino#27: who is named leaves, nobody else does, and the capacity drops with them.
#[test]
fn those_who_are_named_leave() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 3, &[]);
    let before = wire.machines(&id);
    let etag = wire.get(&id).header("etag").unwrap().to_owned();
    let victim = before[1]["name"].as_str().unwrap().to_uppercase();
    let said = wire.ask("POST", &format!("{id}/delete"), json!({ "instanceIds": [victim] }));
    assert_eq!((said.status, &said.body), (202, &Value::Null));
    wire.wait(2);
    assert_eq!(wire.machines(&id)[1]["properties"]["provisioningState"], "Deleting");
    assert_eq!(wire.done(&said)["status"], "Succeeded");
    let after = names(&wire.machines(&id));
    assert_eq!(after, names(&[before[0].clone(), before[2].clone()]));
    assert_eq!(wire.capacity(&id), 2);
    assert_ne!(wire.get(&id).header("etag").unwrap(), etag);
}

#[test]
fn the_capacity_may_stay() {
    let wire = Wire::new();
    wire.fake.capacity_stays(true);
    let id = wire.scale_set("web", 2, &[]);
    let name = wire.machines(&id)[0]["name"].clone();
    wire.done(&wire.ask("POST", &format!("{id}/delete"), json!({ "instanceIds": [name] })));
    assert_eq!((wire.machines(&id).len(), wire.capacity(&id)), (1, 2));
}

/// onefuzz#2547, cloud-provider-azure#2356: one who is not there, or who leaves already, and nobody is deleted.
#[test]
fn who_is_not_there_cannot_be_named() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 2, &[]);
    let machines = wire.machines(&id);
    let delete = |names: Value| wire.ask("POST", &format!("{id}/delete"), json!({ "instanceIds": names }));
    let said = delete(json!([machines[0]["name"], "web_00000000"]));
    assert_eq!((said.error(), said.body["error"]["target"].as_str()), ((400, "InvalidParameter"), Some("instanceIds")));
    wire.wait(60);
    assert_eq!(wire.machines(&id).len(), 2);
    assert_eq!(delete(json!([machines[0]["name"]])).status, 202);
    wire.wait(2);
    assert_eq!(delete(json!([machines[0]["name"]])).error(), (400, "InvalidParameter"));
}

/// azure-powershell#21162: without a name it is all of them.
#[test]
fn without_a_name_all_leave() {
    for body in [json!({ "instanceIds": [] }), json!({ "instanceIds": ["*"] })] {
        let wire = Wire::new();
        let id = wire.scale_set("web", 3, &[]);
        wire.done(&wire.ask("POST", &format!("{id}/delete"), body.clone()));
        assert_eq!((wire.machines(&id).len(), wire.capacity(&id)), (0, 0), "{body}");
    }
    // The models require a list: the judge is between.
    for body in [Value::Null, json!({})] {
        let wire = Wire::new();
        let id = wire.scale_set("web", 3, &[]);
        assert_eq!(wire.ask("POST", &format!("{id}/delete"), body).error(), (400, "InvalidRequestContent"));
        wire.unlawful.set(true);
    }
}

/// autoscaler#3284.
#[test]
fn one_deletion_may_be_enough() {
    let wire = Wire::new();
    wire.fake.one_deletion(true);
    let id = wire.scale_set("web", 3, &[]);
    let machines = wire.machines(&id);
    let delete = |at: usize| wire.ask("POST", &format!("{id}/delete"), json!({ "instanceIds": [machines[at]["name"]] }));
    let first = delete(0);
    assert_eq!(delete(1).error(), (409, "Conflict"));
    wire.done(&first);
    assert_eq!(delete(1).status, 202);
    wire.fake.one_deletion(false);
    assert_eq!(delete(2).status, 202);
}

/// "Use custom scale-in policies with Azure Virtual Machine Scale Sets": a smaller capacity leaves it to the service who leaves. By default it is the
/// oldest of a flexible scale set.
#[test]
fn a_smaller_capacity_takes_whom_the_policy_likes() {
    for (policy, old_stay) in
        [(Value::Null, false), (json!({ "rules": ["OldestVM"] }), false), (json!({ "rules": ["NewestVM"] }), true)]
    {
        let wire = Wire::new();
        let id = wire.scale_set("web", 2, &[("properties.scaleInPolicy", policy.clone())]);
        let old = names(&wire.machines(&id));
        wire.wait(60);
        wire.done(&wire.patch_capacity(&id, 4));
        wire.patch_capacity(&id, 2);
        wire.wait(60);
        let left = names(&wire.machines(&id));
        assert_eq!((left.len(), left == old, left.iter().any(|name| old.contains(name))), (2, old_stay, old_stay), "{policy}");
    }
}

/// By force it is sooner: "forceDeletion".
#[test]
fn by_force_it_is_sooner() {
    let taken = |force: &str| {
        let wire = Wire::new();
        let id = wire.scale_set("web", 1, &[]);
        let from = wire.now();
        wire.done(&wire.ask("DELETE", &format!("{id}{force}"), Value::Null));
        wire.now() - from
    };
    assert!(taken("?forceDeletion=true") < taken(""));
}

/// "Automatic instance repairs for Azure Virtual Machine Scale Sets": who is ill for longer than the grace period is replaced, and another is in their place.
#[test]
fn repairs_replace_who_is_ill() {
    let wire = Wire::new();
    let policy = ("properties.automaticRepairsPolicy", json!({ "enabled": true, "gracePeriod": "PT10M" }));
    let id = wire.scale_set("web", 2, &[Wire::extension("2.0"), policy]);
    let machines = wire.machines(&id);
    let ill = machines[0]["name"].as_str().unwrap();
    wire.fake.application_is(ill, false);
    wire.wait(590);
    assert_eq!(names(&wire.machines(&id)), names(&machines));
    wire.wait(120);
    let after = names(&wire.machines(&id));
    assert!(after.len() == 2 && !after.contains(&ill.to_owned()), "{after:?}");
    assert_eq!(wire.capacity(&id), 2);
}

#[test]
fn without_repairs_who_is_ill_stays() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 1, &[Wire::extension("2.0")]);
    let before = names(&wire.machines(&id));
    wire.fake.application_is(&before[0], false);
    wire.wait(7200);
    assert_eq!(names(&wire.machines(&id)), before);
}

/// azure-sdk-for-go#19707: members of a flexible scale set come without tags and view; those of a uniform one are numbered, and have both.
#[test]
fn members_are_shown_by_the_mode_of_their_scale_set() {
    let wire = Wire::new();
    let flexible = wire.scale_set("flexible", 1, &[]);
    let uniform = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/uniform");
    assert!(wire.fake.meddle_uniform(&uniform, &wire.image, 2));
    wire.wait(60);
    let members =
        |id: &str| wire.get(&format!("{id}/virtualMachines?$expand=instanceView")).ok()["value"].as_array().unwrap().clone();
    let one = members(&flexible);
    assert_eq!((one.len(), one[0].get("tags"), one[0]["properties"].get("instanceView")), (1, None, None));
    assert_eq!(one[0]["instanceId"], one[0]["name"]);
    let two = members(&uniform);
    assert_eq!((each(&two, "/instanceId"), each(&two, "/name")), (vec!["0", "1"], vec!["uniform_0", "uniform_1"]));
    assert_eq!(each(&two, "/properties/instanceView/statuses/1/code"), ["PowerState/running"; 2]);
    assert!(two.iter().all(|member| member["properties"]["latestModelApplied"] == true));
    // The highest number leaves first.
    assert!(wire.fake.meddle_capacity(&uniform, 3));
    wire.wait(60);
    assert!(wire.fake.meddle_capacity(&uniform, 2));
    wire.wait(60);
    assert_eq!(each(&members(&uniform), "/instanceId"), ["0", "1"]);
    // They are not among the resource group's machines.
    assert_eq!(wire.machines(&uniform).len(), 0);
    wire.done(&wire.ask("POST", &format!("{uniform}/delete"), json!({ "instanceIds": ["0"] })));
    assert_eq!(each(&members(&uniform), "/instanceId"), ["1"]);
}
