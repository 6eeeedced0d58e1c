//! The policy in the documentation against the calls that are really made: all that is called is in it, and all that is in it is called.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use backend_aws::{AUTO_SCALING, AlbTraffic, AmiCatalog, CloudWatchAlarms, Ec2Fleet};
use immutable_core::fleet::POOL_CHECK;
use immutable_core::id::BaseQuery;
use immutable_core::provider::{Availability, ImageCatalog, Replica};
use immutable_core::rollout::{Check, Percent};
use immutable_core::time::Clock;
use immutable_core::{Controller, Fleet, LaunchTemplate, MemoryJournal, Outcome, Place, Provider, Result, Strategy};
use immutable_fakes::aws::{Ended, Fate};

use crate::account::Account;
use crate::hand::{Hand, artifact, play};
use crate::walk;

/// What is in the policy, and is called by no walk.
const BESIDES: &[(&str, &str)] = &[
    (
        "iam:PassRole",
        "asked by Amazon when a template has an instance profile: `refused::permissions` tells what happens without",
    ),
    ("iam:CreateServiceLinkedRole", "asked by Amazon with the first group of an account, whose role it makes"),
    ("ec2:DeleteSnapshot", "called when Amazon has deregistered an image and could not delete a snapshot of it"),
];

struct Policy(Vec<serde_json::Value>);

impl Policy {
    fn read() -> Self {
        let text = include_str!("../../../docs/aws/policy.json");
        let policy: serde_json::Value = serde_json::from_str(text).unwrap();
        Self(policy["Statement"].as_array().unwrap().clone())
    }

    fn actions(&self) -> BTreeSet<String> {
        self.0.iter().flat_map(|statement| texts(&statement["Action"])).collect()
    }
}

/// One text, or several.
fn texts(value: &serde_json::Value) -> Vec<String> {
    let all = value.as_array().map_or_else(|| vec![value.clone()], Clone::clone);
    all.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// Nothing was refused for want of a permission.
fn nothing_denied(account: &Account) {
    let denied = |ended: &Ended| matches!(ended, Ended::Failed(code) if code.contains("Denied") || code.contains("Unauthorized"));
    let denied: BTreeSet<String> =
        account.fake.calls().iter().filter(|call| denied(&call.ended)).map(|call| call.permission()).collect();
    assert_eq!(denied, BTreeSet::new(), "these are not in the policy");
}

/// The tags that a call sets or removes fulfil what the policy wants of them. What is there already, and its tags, is Amazon's to judge.
fn conditions_hold(account: &Account) {
    for call in account.fake.calls() {
        let keys: BTreeSet<&str> = call
            .form
            .iter()
            .filter(|(field, _)| field.starts_with("TagKeys.") || (field.contains("Tag") && field.ends_with(".Key")))
            .map(|(_, key)| key.as_str())
            .collect();
        let is_set = |key: &str, values: &[String]| {
            let field = call.form.iter().find(|(field, found)| field.ends_with(".Key") && *found == key).map(|(field, _)| field);
            field.and_then(|field| call.form.get(&field.replace(".Key", ".Value"))).is_some_and(|value| values.contains(value))
        };
        let of_call = |statement: &&serde_json::Value| texts(&statement["Action"]).contains(&call.permission());
        for statement in Policy::read().0.iter().filter(of_call) {
            let (sid, condition) = (&statement["Sid"], &statement["Condition"]);
            for (key, values) in condition["StringEquals"].as_object().into_iter().flatten() {
                if let Some(tag) = key.strip_prefix("aws:RequestTag/") {
                    assert!(is_set(tag, &texts(values)), "{sid} wants the tag {tag} of {call:?}");
                }
            }
            if let Some(allowed) = condition["ForAllValues:StringEquals"].get("aws:TagKeys").map(texts) {
                assert!(keys.iter().all(|key| allowed.iter().any(|one| one == key)), "{sid} does not allow {keys:?}");
                assert!(!keys.is_empty(), "{sid}: {call:?} names no tag");
            }
        }
    }
}

/// The calls that were made by who is bound by the policy, in an account whose furniture others have made.
fn bound(furnish_and_walk: impl AsyncFn(&Account) -> Result<()>) -> BTreeSet<String> {
    play(async |account: Account| {
        furnish_and_walk(&account).await.unwrap();
        nothing_denied(&account);
        conditions_hold(&account);
        let by_others = |action: &String| action.starts_with("elasticloadbalancing:Create");
        walk::called(&account).into_iter().filter(|action| !by_others(action)).collect()
    })
}

fn bind(account: &Account) {
    account.fake.allow_only(Policy::read().actions());
}

/// A first deployment, canaries that are watched by an alarm, and one whose image is bad and that is gone back from.
async fn rollouts(account: &Account, provider: Provider, fleet: Fleet) -> Result<()> {
    let controller = Controller::new(provider, MemoryJournal::new()).with_clock(Arc::new(account.clock.clone()));
    let controller = controller.judge("errors", CloudWatchAlarms::new(&account.aws, ["web-5xx"])?);
    let images = ["1.0.0", "1.1.0", "1.2.0"].map(|version| (version, account.image(version)));
    account.fake.fate(images[2].1.id().as_str(), Fate::Sick);
    let pooled = fleet.traffic_pool().is_some();
    for (at, (version, image)) in images.into_iter().enumerate() {
        let canary = Strategy::canary([Percent::new(25)?]).gate(Check::by("errors"));
        let strategy = if at == 0 { Strategy::rolling() } else { canary };
        // The first of all are ready before a pool has them.
        let fleet = if at > 0 && pooled {
            fleet.clone().required_sources([AUTO_SCALING.into(), POOL_CHECK.into()])
        } else {
            fleet.clone()
        };
        let outcome = controller.run(controller.plan(&fleet, &artifact(version, image), strategy).await?).await?;
        let wanted = if at == 2 && pooled { Outcome::RolledBack } else { Outcome::Succeeded };
        assert_eq!(outcome, wanted, "{version}");
    }
    controller.explain(fleet.id()).await.map(drop)
}

static FLEETS: LazyLock<BTreeSet<String>> = LazyLock::new(fleets);

fn fleets() -> BTreeSet<String> {
    let mut called = bound(async |account: &Account| {
        account.fake.alarm("web-5xx", "OK");
        let (pool, _) = account.pool("web", 3);
        bind(account);
        let provider = Provider::from(&account.aws).traffic(Arc::new(AlbTraffic::new(&account.aws).pool("web", pool)?));
        let fleet =
            Fleet::new("web", account.place()).size(4).template(account.template()).required_sources([AUTO_SCALING.into()]);
        rollouts(account, provider, fleet.pool("web")).await
    });
    called.extend(bound(async |account: &Account| {
        account.fake.alarm("web-5xx", "OK");
        bind(account);
        let provider =
            Provider::new(account.place(), Arc::new(Ec2Fleet::new(&account.aws))).images(Arc::new(AmiCatalog::new(&account.aws)));
        let fleet = Fleet::new("web", account.place()).size(2).template(LaunchTemplate::of(&account.machine())?);
        rollouts(account, provider, fleet).await
    }));
    called.extend(bound(async |account: &Account| {
        bind(account);
        walk::fleet(&Hand::groups(account).with(|machine| machine.instance_profile("web"))).await
    }));
    called.extend(bound(async |account: &Account| {
        bind(account);
        walk::fleet(&Hand::plain(account).with(|machine| machine.instance_profile("web"))).await
    }));
    called.extend(bound(async |account: &Account| {
        let (pool, _) = account.pool("web", 3);
        bind(account);
        walk::pool(&Hand::groups(account), "web", pool).await
    }));
    called.extend(bound(async |account: &Account| {
        let pool = walk::rule(account, "web");
        bind(account);
        walk::pool(&Hand::groups(account), "web", pool).await
    }));
    called
}

fn images() -> BTreeSet<String> {
    bound(async |account: &Account| {
        let image = account.image("web");
        account.fake.parameter("/aws/service/base", image.id().as_str());
        bind(account);
        let catalog = AmiCatalog::new(&account.aws);
        catalog.resolve_base(&BaseQuery::new("/aws/service/base")).await?;
        catalog.describe(std::slice::from_ref(&image)).await?;
        let to = Place::new("aws", "123456789012", "eu-west-1")?;
        while !matches!(catalog.replicate(&image, &to).await?, Replica::Ready(_)) {
            account.clock.sleep_until(account.clock.now() + Duration::from_secs(60)).await;
        }
        for stage in [Availability::Deprecated, Availability::Disabled, Availability::Active] {
            catalog.set_stage(&image, stage).await?;
        }
        catalog.uses(&image).await?;
        catalog.delete(&image).await.map(drop)
    })
}

#[test]
fn all_that_fleets_pools_and_alarms_call_is_in_the_policy() {
    let unknown: Vec<String> = FLEETS.difference(&Policy::read().actions()).cloned().collect();
    assert_eq!(unknown, Vec::<String>::new());
}

#[test]
fn all_that_is_in_the_policy_is_called() {
    let mut called = FLEETS.clone();
    called.extend(images());
    let called = called.iter().map(String::as_str).chain(BESIDES.iter().map(|(action, _)| *action)).collect::<BTreeSet<_>>();
    let policy = Policy::read().actions();
    let idle: Vec<&str> = policy.iter().map(String::as_str).filter(|action| !called.contains(action)).collect();
    assert_eq!(idle, Vec::<&str>::new(), "nobody needs these");
}

#[test]
fn what_changes_something_is_bounded_in_the_policy() {
    for statement in &Policy::read().0 {
        let reads = |action: &String| ["Describe", "Get"].iter().any(|word| action.split(':').nth(1).unwrap().starts_with(word));
        let sid = &statement["Sid"];
        for action in texts(&statement["Action"]) {
            assert!(!action.contains('*'), "{sid}: {action} is more than one");
            if !reads(&action) {
                let resources = texts(&statement["Resource"]);
                assert!(resources.iter().all(|resource| resource.starts_with("arn:aws:")), "{sid}: {action} of {resources:?}");
            }
        }
    }
}
