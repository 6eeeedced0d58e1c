//! Managed instance groups, and what they do by themselves.

use std::time::Duration;

use immutable_fakes::gce::knobs::Lag;
use immutable_fakes::gce::{Action, Fate, Status};
use serde_json::{Value, json};

use crate::wire::{REGION, Wire, ZONE, each};

fn zones(wire: &Wire) -> Vec<usize> {
    let truth = wire.fake.truth();
    wire.fake.zones().iter().map(|zone| truth.live().filter(|(_, machine)| machine.zone == *zone).count()).collect()
}

fn healing(delay: u64) -> Value {
    json!({ "autoHealingPolicies": [{ "healthCheck": "projects/acme/global/healthChecks/web", "initialDelaySec": delay }] })
}

#[test]
fn a_group_makes_what_is_missing_and_its_operation_is_done_long_before() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 0, Value::Null);
    assert_eq!(wire.get(&group).ok()["status"]["isStable"], json!(true));
    let done = wire.change("POST", &format!("{group}/resize?size=2"), Value::Null);
    assert_eq!((done["status"].as_str(), done.get("error")), (Some("DONE"), None));
    wire.wait(2);
    let shown = wire.get(&group).ok();
    assert_eq!((&shown["targetSize"], &shown["currentActions"]["creating"]), (&json!(2), &json!(2)));
    assert_eq!(shown["status"]["isStable"], json!(false));
    let members = wire.members(&group);
    assert_eq!(each(&members, "currentAction"), ["CREATING"; 2]);
    assert!(each(&members, "name").iter().all(|name| name.len() == "web-0000".len() && name.starts_with("web-")));
    wire.wait(30);
    assert_eq!(each(&wire.members(&group), "currentAction"), ["NONE"; 2]);
    assert_eq!(each(&wire.members(&group), "instanceStatus"), ["RUNNING"; 2]);
    assert_eq!(wire.get(&group).ok()["status"]["isStable"], json!(true));
}

#[test]
fn a_regional_group_spreads_evenly() {
    let wire = Wire::new();
    wire.group(REGION, "web", 7, Value::Null);
    wire.wait(60);
    let mut zones = zones(&wire);
    zones.sort_unstable();
    assert_eq!(zones, [2, 2, 3]);
}

#[test]
fn without_room_it_tries_for_ever_in_that_zone_and_says_why() {
    let wire = Wire::new();
    wire.fake.capacity("us-central1-a", Some(0));
    let group = wire.group(REGION, "web", 3, Value::Null);
    wire.wait(60);
    assert_eq!(zones(&wire), [0, 1, 1]);
    let members = wire.members(&group);
    let stuck = members.iter().find(|member| member.get("lastAttempt").is_some()).unwrap();
    assert_eq!((stuck.get("id"), stuck.get("instanceStatus")), (None, None));
    let error = &stuck["lastAttempt"]["errors"]["errors"][0];
    assert_eq!(error["code"], "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS");
    let metadata = &error["errorDetails"][0]["errorInfo"]["metadatas"];
    assert_eq!(metadata["zonesAvailable"], "us-central1-b,us-central1-c");
    wire.wait(200);
    let errors = wire.get(&format!("{group}/listErrors")).ok();
    assert!(errors["items"].as_array().unwrap().len() >= 3);
    wire.fake.capacity("us-central1-a", None);
    wire.wait(120);
    assert_eq!(zones(&wire), [1, 1, 1]);
    assert!(wire.members(&group).iter().all(|member| member.get("lastAttempt").is_none()));
}

#[test]
fn a_quota_is_an_error_of_the_group_not_of_the_call() {
    let wire = Wire::new();
    wire.fake.quota(Some(1));
    let group = wire.group(ZONE, "web", 2, Value::Null);
    wire.wait(60);
    let errors = wire.get(&format!("{group}/listErrors")).ok();
    assert_eq!(errors["items"][0]["error"]["code"], "QUOTA_EXCEEDED");
    assert_eq!(wire.fake.truth().live().count(), 1);
}

#[test]
fn who_is_named_leaves_and_the_size_goes_down_by_it() {
    let wire = Wire::new();
    let group = wire.group(REGION, "web", 3, Value::Null);
    wire.wait(60);
    let members = wire.members(&group);
    let leaves = members[1]["instance"].as_str().unwrap().to_owned();
    let done = wire.change("POST", &format!("{group}/deleteInstances"), json!({ "instances": [leaves] }));
    assert_eq!(done.get("error"), None);
    let shown = wire.get(&group).ok();
    assert_eq!((&shown["targetSize"], &shown["currentActions"]["deleting"]), (&json!(2), &json!(1)));
    wire.wait(60);
    let left = wire.members(&group);
    assert_eq!(each(&left, "name"), [members[0]["name"].as_str().unwrap(), members[2]["name"].as_str().unwrap()]);
}

#[test]
fn who_is_no_member_fails_the_call_unless_it_skips() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 2, Value::Null);
    wire.wait(60);
    let member = wire.members(&group)[0]["instance"].as_str().unwrap().to_owned();
    let stranger = format!("{ZONE}/instances/web-9999");
    let path = format!("{group}/deleteInstances");
    let both = json!({ "instances": [member, stranger] });
    assert_eq!(wire.ask("POST", &path, both.clone()).error(), (400, "invalid"));
    let elsewhere = json!({ "instances": ["zones/us-central1-b/instances/web-9999"], "skipInstancesOnValidationError": true });
    assert_eq!(wire.ask("POST", &path, elsewhere).error(), (400, "invalid"));
    assert_eq!(wire.fake.truth().groups[&group].target, 2);
    let skipping = json!({ "instances": [member, stranger], "skipInstancesOnValidationError": true });
    wire.change("POST", &path, skipping.clone());
    assert_eq!(wire.fake.truth().groups[&group].target, 1);
    // It is leaving; to name it again lowers nothing.
    wire.change("POST", &path, skipping);
    assert_eq!(wire.fake.truth().groups[&group].target, 1);
    assert_eq!(wire.ask("POST", &path, json!({ "instances": [member] })).error(), (400, "invalid"));
}

#[test]
fn many_more_than_a_thousand_cannot_be_named() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 0, Value::Null);
    let names: Vec<_> = (0..1001).map(|at| format!("{ZONE}/instances/web-{at:04}")).collect();
    assert_eq!(wire.ask("POST", &format!("{group}/deleteInstances"), json!({ "instances": names })).error(), (400, "invalid"));
}

#[test]
fn a_smaller_size_is_met_by_whom_the_group_chooses() {
    let wire = Wire::new();
    let group = wire.group(REGION, "web", 3, Value::Null);
    wire.wait(60);
    wire.change("POST", &format!("{group}/resize?size=1"), Value::Null);
    wire.wait(60);
    assert_eq!(wire.members(&group).len(), 1);
}

#[test]
fn who_fails_is_made_again_under_its_name_with_another_id() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 1, Value::Null);
    wire.wait(60);
    let before = wire.members(&group);
    wire.fake.kill(before[0]["name"].as_str().unwrap());
    wire.wait(3);
    assert_eq!(each(&wire.members(&group), "currentAction"), ["RECREATING"]);
    wire.wait(90);
    let after = wire.members(&group);
    assert_eq!((each(&after, "name"), each(&after, "currentAction")), (each(&before, "name"), vec!["NONE"]));
    assert_ne!(after[0]["id"], before[0]["id"]);
}

#[test]
fn with_do_nothing_who_fails_is_left_as_it_is() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 1, json!({ "instanceLifecyclePolicy": { "defaultActionOnFailure": "DO_NOTHING" } }));
    wire.wait(60);
    let before = wire.members(&group);
    wire.fake.kill(before[0]["name"].as_str().unwrap());
    wire.wait(600);
    let after = wire.members(&group);
    assert_eq!((&after[0]["id"], each(&after, "instanceStatus")), (&before[0]["id"], vec!["TERMINATED"]));
    assert_eq!(wire.get(&group).ok()["status"]["isStable"], json!(false));
}

#[test]
fn a_health_check_verifies_first_and_heals_after_the_delay() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 1, healing(120));
    wire.wait(25);
    let member = |field: &str| wire.members(&group)[0][field].clone();
    let health = || wire.members(&group)[0]["instanceHealth"][0]["detailedHealthState"].clone();
    assert_eq!((member("currentAction"), health()), (json!("VERIFYING"), json!("UNKNOWN")));
    wire.wait(20);
    assert_eq!((member("currentAction"), health()), (json!("NONE"), json!("HEALTHY")));
    let (id, name) = (member("id"), member("name"));
    wire.fake.application(name.as_str().unwrap(), false);
    wire.wait(15);
    // The delay is not over.
    assert_eq!((member("id"), health()), (id.clone(), json!("UNHEALTHY")));
    wire.wait(300);
    assert_eq!((member("name"), health()), (name, json!("HEALTHY")));
    assert_ne!(member("id"), id);
}

#[test]
fn who_is_never_well_is_made_again_and_again() {
    let wire = Wire::new();
    wire.fake.fate("web-1", Fate::Sick);
    let group = wire.group(ZONE, "web", 1, healing(60));
    wire.wait(600);
    assert!(wire.fake.truth().instances.len() > 3);
    assert_eq!(wire.members(&group).len(), 1);
    let wire = Wire::new();
    wire.fake.fate("web-1", Fate::Hangs);
    let group = wire.group(ZONE, "web", 1, healing(60));
    wire.wait(600);
    assert_eq!(each(&wire.members(&group), "instanceStatus"), ["STAGING"]);
}

#[test]
fn a_group_that_is_deleted_takes_its_instances_along_and_only_then_is_the_operation_done() {
    let wire = Wire::new();
    let group = wire.group(REGION, "web", 3, Value::Null);
    wire.wait(60);
    let operation = wire.ask("DELETE", &group, Value::Null).ok();
    wire.wait(10);
    let now = wire.get(operation["selfLink"].as_str().unwrap().split_once("/v1/").unwrap().1).ok();
    assert_eq!(now["status"], "RUNNING");
    assert_eq!(wire.ask("POST", &format!("{group}/resize?size=1"), Value::Null).error(), (400, "resourceNotReady"));
    wire.done(&operation);
    assert_eq!(wire.get(&group).error(), (404, "notFound"));
    assert!(wire.fake.truth().instances.values().all(|machine| machine.status == Status::Gone));
}

#[test]
fn pages_are_kept_to_only_where_the_group_says_so() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 5, Value::Null);
    wire.wait(60);
    let page = |token: &str| {
        let path = format!("{group}/listManagedInstances?maxResults=2&pageToken={token}");
        wire.ask("POST", &path, json!({})).ok()
    };
    let (mut token, mut names) = (String::new(), Vec::new());
    let mut pages = 0;
    loop {
        let said = page(&token);
        names.extend(each(said["managedInstances"].as_array().unwrap(), "name").iter().map(ToString::to_string));
        pages += 1;
        match said["nextPageToken"].as_str() {
            Some(next) => token = next.into(),
            None => break,
        }
    }
    assert_eq!((pages, names.len()), (3, 5));
    assert!(wire.fake.meddle_patch(&group, &json!({ "listManagedInstancesResults": "PAGELESS" })));
    assert_eq!(page("")["managedInstances"].as_array().unwrap().len(), 5);
}

#[test]
fn a_group_may_be_shown_late_and_its_size_too() {
    let wire = Wire::new();
    wire.fake.lag(Lag::Groups, Duration::from_secs(20));
    wire.fake.lag(Lag::Sizes, Duration::from_secs(20));
    let group = wire.group(ZONE, "web", 1, Value::Null);
    assert_eq!(wire.get(&group).error(), (404, "notFound"));
    wire.wait(30);
    assert_eq!(wire.get(&group).ok()["targetSize"], 1);
    wire.change("POST", &format!("{group}/resize?size=3"), Value::Null);
    assert_eq!((&wire.get(&group).ok()["targetSize"], wire.fake.truth().groups[&group].target), (&json!(1), 3));
    wire.wait(30);
    assert_eq!(wire.get(&group).ok()["targetSize"], 3);
}

#[test]
fn a_patch_may_have_a_fingerprint_and_then_it_counts() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 0, json!({ "description": "as it was" }));
    let before = wire.get(&group).ok()["fingerprint"].clone();
    wire.change("PATCH", &group, json!({ "description": "mine" }));
    let stale = json!({ "description": "theirs", "fingerprint": before });
    assert_eq!(wire.ask("PATCH", &group, stale.clone()).error(), (412, "conditionNotMet"));
    wire.change("PATCH", &group, json!({ "description": "as it was" }));
    // A fingerprint is a hash of what is there, so it has come back.
    wire.change("PATCH", &group, stale);
    assert_eq!(wire.get(&group).ok()["description"], "theirs");
}

#[test]
fn a_group_of_an_image_that_cannot_be_used_says_so() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 0, Value::Null);
    wire.fake.meddle_deprecate("web-1", "OBSOLETE");
    wire.change("POST", &format!("{group}/resize?size=1"), Value::Null);
    wire.wait(10);
    let code = || wire.members(&group)[0]["lastAttempt"]["errors"]["errors"][0]["code"].clone();
    assert_eq!(code(), "INVALID_USAGE");
    wire.fake.meddle_delete_image("web-1");
    wire.wait(60);
    assert_eq!(code(), "RESOURCE_NOT_FOUND");
    assert_eq!(wire.fake.truth().groups[&group].members.values().collect::<Vec<_>>(), [&Action::Creating]);
}

#[test]
fn proactive_redistribution_deletes_where_there_are_most() {
    let wire = Wire::new();
    wire.fake.capacity("us-central1-a", Some(0));
    let group = wire.group(
        REGION,
        "web",
        6,
        json!({ "updatePolicy": { "type": "OPPORTUNISTIC", "instanceRedistributionType": "PROACTIVE" } }),
    );
    wire.wait(60);
    // The group gives up two that it could not make, and then those are made elsewhere.
    let stuck: Vec<_> = wire.members(&group).into_iter().filter(|member| member.get("id").is_none()).collect();
    assert_eq!(stuck.len(), 2);
    wire.fake.capacity("us-central1-a", None);
    wire.wait(300);
    assert_eq!(zones(&wire), [2, 2, 2]);
    let names: Vec<_> = wire
        .fake
        .truth()
        .live()
        .filter(|(_, machine)| machine.zone.ends_with("-b"))
        .map(|(_, machine)| machine.path.clone())
        .collect();
    wire.change("POST", &format!("{group}/deleteInstances"), json!({ "instances": names }));
    wire.wait(300);
    let mut zones = zones(&wire);
    zones.sort_unstable();
    assert_eq!(zones, [1, 1, 2]);
}

#[test]
fn what_others_do_to_instances_is_seen() {
    let wire = Wire::new();
    let group = wire.group(ZONE, "web", 2, Value::Null);
    wire.wait(60);
    let before = wire.members(&group);
    wire.fake.meddle_delete(before[0]["name"].as_str().unwrap());
    wire.fake.meddle_recreate(before[1]["name"].as_str().unwrap());
    wire.wait(120);
    let after = wire.members(&group);
    assert_eq!((each(&after, "name"), each(&after, "instanceStatus")), (each(&before, "name"), vec!["RUNNING"; 2]));
    assert!(each(&after, "id").iter().all(|id| !each(&before, "id").contains(id)));
    wire.fake.meddle_size(&group, 1);
    wire.wait(60);
    assert_eq!(wire.members(&group).len(), 1);
    let other = format!("{ZONE}/instanceGroupManagers/other");
    assert!(wire.fake.meddle_group(&other, "web-1", "theirs"));
    assert!(!wire.fake.meddle_group(&other, "web-1", "theirs"));
    wire.wait(60);
    assert_eq!((wire.members(&other).len(), &wire.get(&other).ok()["description"]), (1, &json!("theirs")));
    assert!(wire.fake.meddle_delete_group(&other));
    wire.wait(60);
    assert_eq!(wire.get(&other).error(), (404, "notFound"));
}
