//! What is told must be so: of one answer that something is not there, and of a read that fails after a write.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use immutable_core::fleet::{Destroyed, Resize};
use immutable_core::id::NativeRef;
use immutable_core::{Applied, ErrorKind, ImageRef};
use serde_json::Value;

use crate::account::Account;
use crate::hand::{GENERATION, GROUP, Hand, play};

pub(crate) fn scale_set(account: &Account) -> String {
    account.fake.id("Microsoft.Compute/virtualMachineScaleSets", "web-0001-0")
}

/// Acts as soon as a call has arrived.
pub(crate) async fn after(account: &Account, call: &str, act: impl FnOnce()) {
    let before = account.fake.count(call);
    while account.fake.count(call) == before {
        account.wait(Duration::from_millis(1)).await;
    }
    act();
}

#[test]
fn what_was_done_may_be_done_though_nothing_can_be_read_after_it() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        let blind = || account.fake.deny("virtualMachineScaleSets.get");
        let (raised, ()) = futures_util::join!(hand.raise(0, 2), after(&account, "virtualMachineScaleSets.update", blind));
        let error = raised.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Denied, Applied::Unknown), "{error}");
        account.fake.allow("virtualMachineScaleSets.get");
        hand.pass(300).await;
        let members = hand.members().await.unwrap();
        assert_eq!(members.len(), 2);
        let lower = hand.lower(2, &members[..1]);
        let (lowered, ()) = futures_util::join!(lower, after(&account, "virtualMachineScaleSets.deleteInstances", blind));
        let error = lowered.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Denied, Applied::Unknown), "{error}");
        account.fake.allow("virtualMachineScaleSets.get");
        assert_eq!(hand.lower(2, &members[..1]).await.unwrap().size, 1, "a copy of it finds it done");
        hand.pass(300).await;
        assert_eq!(hand.members().await.unwrap(), members[1..]);
    });
}

#[test]
fn what_is_there_by_turns_is_not_gone() {
    for looks in 0..2 {
        play(async |account| {
            let hand = Hand::new(&account);
            account.fake.lag(Duration::from_secs(60));
            hand.ensure(&hand.good()).await.unwrap();
            for _ in 0..looks {
                account.fake.meddle("GET", &scale_set(&account), &Value::Null);
            }
            let destroyed = hand.fleets.destroy_generation(&hand.op(), GENERATION).await;
            let gone = destroyed.is_ok_and(|destroyed| destroyed == Destroyed::Gone);
            assert!(!gone || account.fake.count("virtualMachineScaleSets.delete") > 0, "{looks}: it was not there once");
        });
    }
}

#[test]
fn who_is_not_listed_yet_is_not_given_up() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.boot(Duration::from_secs(1));
        account.fake.reaction(Duration::ZERO);
        account.fake.lag(Duration::from_secs(5));
        hand.raise(0, 2).await.unwrap();
        let mut tries = 0;
        loop {
            let error = hand.fleets.resize(&hand.op(), &Resize::GiveUp { group: GROUP, from: 2, to: 0 }).await.unwrap_err();
            if error.kind() != ErrorKind::Busy {
                assert_eq!((error.kind(), error.applied()), (ErrorKind::Conflict, Applied::No), "{error}");
                break;
            }
            tries += 1;
            assert!(tries < 600, "{error}");
            account.wait(Duration::from_millis(100)).await;
        }
        assert_eq!(account.fake.count("virtualMachineScaleSets.update"), 1);
        hand.pass(60).await;
        assert_eq!(hand.members().await.unwrap().len(), 2);
    });
}

#[test]
fn a_failure_that_its_machine_has_told_is_not_told_again_once_that_is_gone() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.leaves_wrecks(true);
        account.fake.capacity("", Some(0));
        hand.raise(0, 1).await.unwrap();
        let mut told = BTreeSet::new();
        let mut look = async || {
            let seen = hand.fleets.observe(&hand.fleet(), &[GROUP].into()).await.unwrap();
            told.extend(seen.incidents.iter().map(|one| one.id.to_string()));
            let wrecks = seen.groups[0].instances.iter().filter(|one| one.trouble.is_some());
            told.extend(wrecks.map(|one| one.key.to_string()));
            told.len()
        };
        hand.pass(300).await;
        assert_eq!(look().await, 1);
        let members = hand.members().await.unwrap();
        assert_eq!(members.len(), 1, "a wreck");
        hand.lower(1, &members).await.unwrap();
        hand.pass(120).await;
        assert!(hand.members().await.unwrap().is_empty());
        assert_eq!(look().await, 1);
    });
}

#[test]
fn a_scale_set_elsewhere_is_not_read_as_the_one_of_its_name_here() {
    play(async |account| {
        let (id, image) = (scale_set(&account), account.image("1.0.0"));
        assert!(account.fake.meddle_scale_set(&id, image.id().as_str(), 1));
        let hand = Hand::new(&account);
        let inspect = async |id: &str| hand.fleets.inspect(&NativeRef::new(id)).await;
        for ours in ["web-0001-0", &id, &id.to_uppercase()] {
            assert_eq!(inspect(ours).await.unwrap().image, image, "{ours}");
        }
        let error = inspect(&id.replace("/acme/", "/other/")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    });
}

#[test]
fn an_application_that_is_there_by_turns_is_there() {
    for looks in 0..2 {
        play(async |account| {
            account.fake.lag(Duration::from_secs(60));
            let agent = account.fake.application("agent", "1.0.0");
            for _ in 0..looks {
                account.fake.meddle("GET", &agent, &Value::Null);
            }
            let hand = Hand::new(&account).with(|template| template.application(&agent));
            let found = hand.fleets.preflight(&hand.good(), 1).await.unwrap();
            assert!(found.is_empty(), "{looks}: {found:?}");
        });
    }
}

#[test]
fn what_no_tag_has_room_for_is_refused_before_anything_is_made() {
    play(async |account| {
        let base = account.fake.gallery_image("debian", "12.0.0");
        let hand = Hand::new(&account).with(|template| template.base_image(base));
        let long = |gallery: usize| {
            let id = account.fake.application("web-app", "1.0.0").replace("web-app", &"a".repeat(gallery));
            ImageRef::new(account.place(), id)
        };
        let found = hand.fleets.preflight(&hand.spec(long(200)), 1).await.unwrap();
        assert!(found.iter().any(|one| one.blocks && one.what.contains("too long for the tag")), "{found:?}");
        let error = hand.ensure(&hand.spec(long(200))).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Invalid, Applied::No), "{error}");
        // One tag more is ours where an application is released.
        let mut spec = hand.spec(long(20));
        spec.labels = (0..45).map(|number| (format!("label-{number}").as_str().into(), "x".into())).collect::<BTreeMap<_, _>>();
        let error = hand.ensure(&spec).await.unwrap_err();
        assert!(error.to_string().contains("6 of them ours"), "{error}");
        assert_eq!(account.fake.count("virtualMachineScaleSets.createOrUpdate"), 0);
    });
}
