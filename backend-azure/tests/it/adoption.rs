//! Scale sets that others made, taken over as baselines: what is checked, what is changed, and what they are from then on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use immutable_core::fleet::{GenerationId, GenerationSpec, Upkeep};
use immutable_core::id::NativeRef;
use immutable_core::{Applied, Error, ErrorKind, Result};
use immutable_fakes::arm::Fault;
use serde_json::{Value, json};

use crate::account::Account;
use crate::hand::{GENERATION, Hand, play};

pub(crate) const LEGACY: &str = "legacy";
const MODES: [&str; 2] = ["Uniform", "Flexible"];

pub(crate) fn id(account: &Account, name: &str) -> String {
    account.fake.id("Microsoft.Compute/virtualMachineScaleSets", name)
}

/// Somebody's scale set of three machines, that has been there for long.
pub(crate) async fn theirs(account: &Account, mode: &str, name: &str) {
    let (id, image) = (id(account, name), account.image("1.0.0"));
    let made = match mode {
        "Uniform" => account.fake.meddle_uniform(&id, image.id().as_str(), 3),
        _ => account.fake.meddle_scale_set(&id, image.id().as_str(), 3),
    };
    assert!(made && account.fake.meddle_tag(&id, "team", Some("shop")));
    account.wait(Duration::from_secs(120)).await;
    account.fake.advance(account.now_ms());
}

/// What a controller makes of what was read.
pub(crate) async fn read(hand: &Hand) -> GenerationSpec {
    let read = hand.fleets.inspect(&NativeRef::new(LEGACY)).await.unwrap();
    GenerationSpec { fleet: hand.fleet(), id: GENERATION, upkeep: Upkeep::NONE, ..read }
}

pub(crate) async fn adopt(hand: &Hand, spec: &GenerationSpec) -> Result<()> {
    hand.fleets.adopt(&hand.op(), &NativeRef::new(LEGACY), spec).await
}

/// A fleet whose baseline is somebody's scale set.
pub(crate) async fn adopted(account: &Account, mode: &str) -> Hand {
    theirs(account, mode, LEGACY).await;
    let hand = Hand::new(account);
    let spec = read(&hand).await;
    adopt(&hand, &spec).await.unwrap();
    hand
}

/// The same fleet, in a process that has just begun.
pub(crate) async fn another(account: &Account) -> Hand {
    Hand::new(&account.by(account.another().await.unwrap()))
}

pub(crate) fn refused(error: &Error, kind: ErrorKind, words: &[&str]) {
    let text = error.to_string();
    assert_eq!((error.kind(), error.applied()), (kind, Applied::No), "{text}");
    words.iter().for_each(|words| assert!(text.contains(words), "`{words}` is not in: {text}"));
}

pub(crate) fn live(account: &Account) -> BTreeSet<String> {
    account.fake.advance(account.now_ms());
    account.fake.truth().live().map(|(_, machine)| machine.name.clone()).collect()
}

fn tags(account: &Account, name: &str) -> BTreeMap<String, String> {
    serde_json::from_value(account.fake.body(&id(account, name))["tags"].clone()).unwrap()
}

pub(crate) fn each(with: impl AsyncFn(Account, &'static str)) {
    for mode in MODES {
        play(async |account: Account| {
            let fake = account.fake.clone();
            with(account, mode).await;
            assert_eq!(fake.violations(), Vec::<String>::new(), "{mode}");
        });
    }
}

#[test]
fn nothing_is_changed_but_tags_and_what_azure_does_alone() {
    each(async |account, mode| {
        theirs(&account, mode, LEGACY).await;
        let legacy = id(&account, LEGACY);
        account.fake.by_hand(&legacy, |body| {
            let properties = &mut body["properties"];
            properties["automaticRepairsPolicy"] = json!({"enabled": true, "gracePeriod": "PT30M"});
            properties["resiliencyPolicy"] = json!({
                "resilientVMCreationPolicy": {"enabled": true}, "automaticZoneRebalancingPolicy": {"enabled": true},
            });
            if mode == "Uniform" {
                properties.as_object_mut().unwrap().remove("overprovision");
            }
            body["zones"] = json!(["1", "2"]);
            body["tags"] = json!({"team": "shop", "Immutable-Artifact": "somebody's"});
        });
        let (before, said) = (account.fake.truth(), account.fake.body(&legacy));
        let hand = Hand::new(&account);
        let spec = read(&hand).await;
        assert_eq!(spec.groups[0].max, if mode == "Uniform" { 100 } else { 1000 });
        let begun = account.now_ms();
        adopt(&hand, &spec).await.unwrap();
        assert!(account.now_ms() - begun >= 5000, "others may be shown an older list for as long");
        assert_eq!(before.machines, account.fake.truth().machines, "{mode}: no machine is another");
        let mut wanted = said.clone();
        let properties = &mut wanted["properties"];
        properties["automaticRepairsPolicy"]["enabled"] = false.into();
        properties["resiliencyPolicy"]["resilientVMCreationPolicy"]["enabled"] = false.into();
        properties["resiliencyPolicy"]["automaticZoneRebalancingPolicy"]["enabled"] = false.into();
        if mode == "Uniform" {
            properties["overprovision"] = false.into();
        }
        hand.pass(30).await;
        account.fake.advance(account.now_ms());
        let now = account.fake.body(&legacy);
        for field in ["sku", "zones", "properties"] {
            assert_eq!(now[field], wanted[field], "{mode}: {field}");
        }
        let tags = tags(&account, LEGACY);
        let ours =
            ["fleet", "generation", "cell", "spec", "artifact", "adopted"].map(|tag| tags[&format!("immutable-{tag}")].as_str());
        let (spec_digest, artifact) = (spec.digest().to_string(), format!("{}@1.0.0", spec.name));
        assert_eq!(ours, ["web", "1", "0", &spec_digest, &artifact, LEGACY]);
        assert_eq!(tags["immutable-model"], spec.template.digest().to_string());
        assert_eq!((tags.len(), tags["team"].as_str()), (8, "shop"), "those of others are kept: {tags:?}");
        assert_eq!(account.fake.count("virtualMachineScaleSets.update"), 1);
    });
}

#[test]
fn what_was_switched_on_again_is_switched_off_again() {
    each(async |account, mode| {
        let hand = adopted(&account, mode).await;
        let legacy = id(&account, LEGACY);
        let spec = read(&hand).await;
        adopt(&hand, &spec).await.unwrap();
        assert_eq!(account.fake.count("virtualMachineScaleSets.update"), 1, "there is nothing to do");
        account.fake.by_hand(&legacy, |body| body["properties"]["automaticRepairsPolicy"] = json!({"enabled": true}));
        adopt(&hand, &spec).await.unwrap();
        assert_eq!(account.fake.body(&legacy)["properties"]["automaticRepairsPolicy"]["enabled"], false, "{mode}");
    });
}

#[test]
fn who_is_of_an_older_model_is_no_baseline() {
    play(async |account: Account| {
        theirs(&account, "Uniform", LEGACY).await;
        account.fake.by_hand(&id(&account, LEGACY), |body| {
            body["properties"]["virtualMachineProfile"]["priority"] = json!("Regular");
        });
        let hand = Hand::new(&account);
        let error = adopt(&hand, &read(&hand).await).await.unwrap_err();
        refused(&error, ErrorKind::Invalid, &["legacy_0 was made of an older model"]);
        assert_eq!(account.fake.count("virtualMachineScaleSets.update"), 0);
    });
}

#[test]
fn what_needs_no_switching_off_is_not_written() {
    play(async |account: Account| {
        adopted(&account, "Flexible").await;
        let calls = account.fake.calls();
        let patch = calls.iter().find(|call| call.method == "virtualMachineScaleSets.update").unwrap();
        assert_eq!(patch.body.as_object().unwrap().keys().collect::<Vec<_>>(), ["tags"]);
    });
}

#[test]
fn the_same_again_is_done() {
    each(async |account, mode| {
        let hand = adopted(&account, mode).await;
        let (spec, before) = (read(&hand).await, account.fake.truth());
        adopt(&hand, &spec).await.unwrap();
        adopt(&another(&account).await, &spec).await.unwrap();
        hand.fleets.adopt(&hand.op(), &NativeRef::new(id(&account, "LEGACY")), &spec).await.unwrap();
        assert_eq!(account.fake.count("virtualMachineScaleSets.update"), 1, "{mode}");
        assert_eq!(before.scale_sets, account.fake.truth().scale_sets);
    });
}

#[test]
fn an_answer_that_is_lost_is_no_second_adoption() {
    play(async |account: Account| {
        theirs(&account, "Uniform", LEGACY).await;
        let hand = Hand::new(&account);
        let spec = read(&hand).await;
        account.fake.faults().next("virtualMachineScaleSets.update", Fault::LostReply);
        let error = adopt(&hand, &spec).await.unwrap_err();
        assert_eq!(error.applied(), Applied::Unknown, "{error}");
        hand.pass(30).await;
        adopt(&hand, &spec).await.unwrap();
        assert_eq!((account.fake.count("virtualMachineScaleSets.update"), hand.members().await.unwrap().len()), (1, 3));
    });
}

#[test]
fn two_who_adopt_the_same_at_once_have_both_done_it() {
    each(async |account, mode| {
        theirs(&account, mode, LEGACY).await;
        let (one, other) = (Hand::new(&account), another(&account).await);
        let spec = read(&one).await;
        read(&other).await;
        let (first, second) = futures_util::join!(adopt(&one, &spec), adopt(&other, &spec));
        first.unwrap();
        second.unwrap();
        assert_eq!(account.fake.count("virtualMachineScaleSets.update"), 2, "{mode}: one of them was refused");
        assert_eq!(one.members().await.unwrap().len(), 3);
    });
}

#[test]
fn what_is_somebody_elses_or_not_there_is_not_taken_over() {
    each(async |account, mode| {
        let hand = adopted(&account, mode).await;
        let spec = read(&hand).await;
        let said = account.fake.body(&id(&account, LEGACY));
        let other = Hand::new(&account).named("shop");
        let fleet = GenerationSpec { fleet: other.fleet(), ..spec.clone() };
        refused(&adopt(&other, &fleet).await.unwrap_err(), ErrorKind::Taken, &[LEGACY, "than shop-0001"]);
        let second = GenerationSpec { id: GenerationId(2), ..spec.clone() };
        refused(&adopt(&hand, &second).await.unwrap_err(), ErrorKind::Taken, &[LEGACY, "than web-0002"]);
        let labelled = GenerationSpec { labels: [("team".into(), "ops".into())].into(), ..spec.clone() };
        refused(&adopt(&hand, &labelled).await.unwrap_err(), ErrorKind::Taken, &[LEGACY, "another spec"]);
        // The generation is there already, and is not this.
        theirs(&account, mode, "older").await;
        let older = hand.fleets.inspect(&NativeRef::new("older")).await.unwrap();
        let older = GenerationSpec { fleet: hand.fleet(), id: GENERATION, ..older };
        let error = hand.fleets.adopt(&hand.op(), &NativeRef::new("older"), &older).await.unwrap_err();
        refused(&error, ErrorKind::Taken, &["web-0001", "legacy is of that generation"]);
        let error = hand.fleets.adopt(&hand.op(), &NativeRef::new("nothing"), &spec).await.unwrap_err();
        refused(&error, ErrorKind::NotFound, &["no scale set nothing"]);
        let elsewhere = id(&account, LEGACY).replace("/acme/", "/other/");
        let error = hand.fleets.adopt(&hand.op(), &NativeRef::new(elsewhere), &spec).await.unwrap_err();
        refused(&error, ErrorKind::Invalid, &["of this resource group"]);
        assert_eq!(said, account.fake.body(&id(&account, LEGACY)));
    });
}

#[test]
fn what_is_no_single_group_is_no_scale_set() {
    play(async |account: Account| {
        theirs(&account, "Uniform", LEGACY).await;
        let hand = Hand::new(&account);
        let spec = read(&hand).await;
        let behind = GenerationSpec { pool: Some("web".into()), ..spec.clone() };
        refused(&adopt(&hand, &behind).await.unwrap_err(), ErrorKind::Invalid, &["without a pool"]);
        let mut two = spec.clone();
        two.groups.push(two.groups[0].clone());
        refused(&adopt(&hand, &two).await.unwrap_err(), ErrorKind::Invalid, &["is one group"]);
        account.fake.by_hand(&id(&account, LEGACY), |body| {
            body["tags"] = (0..45).map(|number| (format!("tag-{number}"), json!("x"))).collect::<serde_json::Map<_, _>>().into();
        });
        refused(
            &adopt(&hand, &spec).await.unwrap_err(),
            ErrorKind::Invalid,
            &["at most 50 tags", "7 of them ours and 45 of others"],
        );
        assert_eq!(account.fake.count("virtualMachineScaleSets.update"), 0);
    });
}

/// Each changes what decides what is launched, or where.
#[test]
fn what_is_not_what_was_read_is_not_taken_over() {
    let profile = "/properties/virtualMachineProfile";
    each(async |account, mode| {
        theirs(&account, mode, LEGACY).await;
        let (hand, legacy) = (Hand::new(&account), id(&account, LEGACY));
        let (spec, said) = (read(&hand).await, account.fake.body(&legacy));
        let newer = account.image("1.1.0").id().as_str().to_owned();
        let image = said.pointer(&format!("{profile}/storageProfile/imageReference"));
        let storage = json!({"imageReference": image, "osDisk": {"createOption": "FromImage", "diskSizeGB": 64}});
        for (at, value, what) in [
            (format!("{profile}/storageProfile/imageReference/id"), json!(newer), "image"),
            (format!("{profile}/storageProfile"), storage, "scale_set/virtualMachineProfile/storageProfile/osDisk"),
            ("/sku/name".to_owned(), json!("Standard_B2s"), "scale_set/size"),
            ("/zones".to_owned(), json!(["2"]), "placement"),
            ("/zones".to_owned(), json!(["1", "2"]), "scale_set/zones"),
        ] {
            account.fake.by_hand(&legacy, |body| match body.pointer_mut(&at) {
                Some(known) => *known = value.clone(),
                None => body["zones"] = value.clone(),
            });
            let words = [LEGACY, "is not what was read", &format!("its {what} is another")];
            refused(&adopt(&hand, &spec).await.unwrap_err(), ErrorKind::Conflict, &words);
            account.fake.by_hand(&legacy, |body| *body = said.clone());
        }
        assert_eq!(account.fake.count("virtualMachineScaleSets.update"), 0);
        // What is not of the template may be another.
        assert!(account.fake.meddle_tag(&legacy, "team", Some("ops")) && account.fake.meddle_capacity(&legacy, 4));
        hand.pass(120).await;
        adopt(&hand, &spec).await.unwrap();
        assert_eq!(hand.members().await.unwrap().len(), 4);
    });
}

#[test]
fn somebody_who_changes_it_meanwhile_is_not_undone() {
    play(async |account: Account| {
        theirs(&account, "Uniform", LEGACY).await;
        let hand = Hand::new(&account);
        let spec = read(&hand).await;
        let meddle = async {
            account.wait(Duration::from_millis(25)).await;
            assert!(account.fake.meddle_tag(&id(&account, LEGACY), "team", Some("ops")));
        };
        let (error, ()) = futures_util::join!(adopt(&hand, &spec), meddle);
        refused(&error.unwrap_err(), ErrorKind::Conflict, &[]);
        assert_eq!(tags(&account, LEGACY), BTreeMap::from([("team".to_owned(), "ops".to_owned())]));
        adopt(&hand, &spec).await.unwrap();
        assert_eq!(tags(&account, LEGACY)["team"], "ops");
    });
}

/// What Azure would do to machines alone: both reading and taking over say which, and what would be right.
#[test]
fn what_azure_changes_or_takes_away_is_no_baseline() {
    play(async |account: Account| {
        theirs(&account, "Uniform", LEGACY).await;
        let (hand, legacy) = (Hand::new(&account), id(&account, LEGACY));
        let (spec, said) = (read(&hand).await, account.fake.body(&legacy));
        let moving = account.image("1.0.0").id().as_str().replace("/versions/1.0.0", "");
        let application = account.fake.application("agent", "1.0.0");
        let profile = "virtualMachineProfile";
        let cases: Vec<(&str, Value, &[&str])> = vec![
            ("upgradePolicy", json!({"mode": "Automatic"}), &["upgrade policy is Automatic", "set it to Manual"]),
            ("upgradePolicy", json!({"mode": "Rolling"}), &["upgrade policy is Rolling"]),
            (
                "upgradePolicy",
                json!({"mode": "Manual", "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": true}}),
                &["upgrades the images", "enableAutomaticOSUpgrade to false"],
            ),
            ("priorityMixPolicy", json!({"baseRegularPriorityCount": 1}), &["partly Spot", "the priority Regular"]),
            (profile, json!({"priority": "Spot"}), &["are Spot", "evicts"]),
            (profile, json!({"priority": "Low"}), &["are Low"]),
            (profile, json!({"storageProfile": {"imageReference": {"id": moving}}}), &["is not one image", "name a version"]),
            (
                profile,
                json!({"osProfile": {"linuxConfiguration": {"patchSettings": {"patchMode": "AutomaticByPlatform"}}}}),
                &["patches its machines", "patchMode of its linuxConfiguration"],
            ),
            (
                profile,
                json!({"osProfile": {"windowsConfiguration": {"patchSettings": {"patchMode": "AutomaticByPlatform"}}}}),
                &["windowsConfiguration"],
            ),
            (
                profile,
                json!({"extensionProfile": {"extensions": [{"name": "monitor", "properties": {"enableAutomaticUpgrade": true}}]}}),
                &["its extension monitor", "enableAutomaticUpgrade to false"],
            ),
            (
                profile,
                json!({"applicationProfile": {"galleryApplications": [{"packageReferenceId": application, "enableAutomaticUpgrade": true}]}}),
                &["its application", "agent", "enableAutomaticUpgrade to false"],
            ),
            (
                profile,
                json!({"applicationProfile": {"galleryApplications": [{"packageReferenceId": application.replace("1.0.0", "latest")}]}}),
                &["agent", "name a version"],
            ),
            (
                profile,
                json!({"securityPostureReference": {"id": "/CommunityGalleries/g/securityPostures/p/versions/latest"}}),
                &["security posture", "name a version"],
            ),
        ];
        for (at, value, words) in cases {
            account.fake.by_hand(&legacy, |body| match &mut body["properties"][at] {
                Value::Object(known) if at == profile => known.extend(value.as_object().unwrap().clone()),
                known => *known = value.clone(),
            });
            let words: Vec<&str> = words.iter().copied().chain(["legacy cannot be a baseline"]).collect();
            refused(&hand.fleets.inspect(&NativeRef::new(LEGACY)).await.unwrap_err(), ErrorKind::Invalid, &words);
            refused(&adopt(&hand, &spec).await.unwrap_err(), ErrorKind::Invalid, &words);
            account.fake.by_hand(&legacy, |body| *body = said.clone());
        }
        account.fake.by_hand(&legacy, |body| body["location"] = json!("northeurope"));
        refused(&adopt(&hand, &spec).await.unwrap_err(), ErrorKind::Invalid, &["it is in northeurope"]);
        assert_eq!(account.fake.count("virtualMachineScaleSets.update"), 0);
    });
}

#[test]
fn one_that_launches_more_than_it_keeps_is_waited_for() {
    play(async |account: Account| {
        theirs(&account, "Uniform", LEGACY).await;
        let (hand, legacy) = (Hand::new(&account), id(&account, LEGACY));
        account.fake.by_hand(&legacy, |body| body["properties"]["overprovision"] = true.into());
        let spec = read(&hand).await;
        assert!(account.fake.meddle_capacity(&legacy, 8));
        hand.pass(10).await;
        account.fake.advance(account.now_ms());
        assert_eq!(live(&account).len(), 9, "one of them goes again");
        refused(&adopt(&hand, &spec).await.unwrap_err(), ErrorKind::Busy, &["is being changed"]);
        hand.pass(120).await;
        assert_eq!(live(&account).len(), 8);
        adopt(&hand, &spec).await.unwrap();
        // From here on there are as many as are asked for.
        hand.raise(8, 12).await.unwrap();
        hand.pass(10).await;
        assert_eq!(live(&account).len(), 12);
    });
}
