//! No room for the new: Azure tells late of what never came, it is given up, and the old stays.

use std::collections::BTreeSet;
use std::time::Duration;

use immutable_core::fleet::{FailureClass, GroupSeen, GroupState, Incident, Life, Resize, Working};
use immutable_core::{Applied, ErrorKind, Outcome, Strategy};
use immutable_fakes::play::{Script, Stage};

use crate::hand::{GROUP, Hand, play};
use crate::world::{Requests, world};

fn no_room(requests: Requests) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = world(requests, 3, Script::default()).await.unwrap();
        let (first, next) = (world.first.clone(), world.next.clone());
        assert_eq!(world.deploy(&first, Strategy::rolling()).await.unwrap(), Outcome::Succeeded);
        let launched = world.stage.launches();
        // The zone of what is in none.
        world.stage.account.fake.capacity("", Some(0));
        // A rule sends to one generation, so all of the next are there before it does.
        let strategy = if requests == Requests::Rule { Strategy::blue_green() } else { Strategy::rolling() };
        assert_eq!(world.deploy(&next, strategy.clone()).await.unwrap(), Outcome::RolledBack);
        world.end(&first).unwrap();
        assert_eq!(world.stage.launches(), launched, "there was no room for any");
        // As soon as there is, the same works.
        world.stage.account.fake.capacity("", None);
        assert_eq!(world.deploy(&next, strategy.force()).await.unwrap(), Outcome::Succeeded);
        world.end(&next).unwrap();
    });
}

#[test]
fn for_groups() {
    no_room(Requests::Somewhere);
}

#[test]
fn for_groups_behind_a_rule() {
    no_room(Requests::Rule);
}

#[test]
fn for_groups_behind_a_profile() {
    no_room(Requests::Profile);
}

fn state(seen: &GroupSeen) -> (u32, Working) {
    match &seen.state {
        GroupState::Present { size, working, .. } => (*size, *working),
        other => panic!("{other:?}"),
    }
}

async fn incidents(hand: &Hand) -> Vec<Incident> {
    hand.fleets.observe(&hand.fleet(), &[GROUP].into()).await.unwrap().incidents
}

#[test]
fn only_who_could_not_be_made_is_given_up() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.capacity("", Some(1));
        hand.raise(0, 3).await.unwrap();
        let give_up = async |from, to| hand.fleets.resize(&hand.op(), &Resize::GiveUp { group: GROUP, from, to }).await;
        let early = give_up(3, 1).await.unwrap_err();
        assert_eq!((early.kind(), early.applied()), (ErrorKind::Busy, Applied::No), "as long as it is worked on: {early}");
        hand.pass(300).await;
        let seen = hand.look().await.unwrap();
        assert_eq!((seen.instances.len(), state(&seen)), (1, (3, Working::Idle)));
        let members = hand.members().await.unwrap();
        assert_eq!(give_up(3, 0).await.unwrap_err().kind(), ErrorKind::Conflict, "one is there");
        assert_eq!(give_up(3, 1).await.unwrap().size, 1);
        hand.pass(60).await;
        let seen = hand.look().await.unwrap();
        assert_eq!((hand.members().await.unwrap(), state(&seen)), (members, (1, Working::Idle)));
        assert_eq!(give_up(3, 1).await.unwrap().size, 1, "a copy of the call finds it done");
    });
}

#[test]
fn each_failed_try_is_told_once_with_its_cause() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        let mut ids = BTreeSet::new();
        for (try_, code, class) in [
            (0, None, FailureClass::Capacity),
            (1, Some("OverconstrainedAllocationRequest"), FailureClass::Capacity),
            (2, Some("SkuNotAvailable"), FailureClass::Capacity),
        ] {
            account.fake.capacity("", Some(0));
            account.fake.shortage(code);
            hand.raise(0, 2).await.unwrap();
            let early = incidents(&hand).await;
            assert!(early.into_iter().all(|one| ids.contains(&(one.id, one.trouble.code))), "what is being tried has not failed");
            for _ in 0..5 {
                account.wait(Duration::from_secs(30)).await;
                for incident in incidents(&hand).await {
                    assert_eq!((incident.trouble.class, incident.instance), (class, None), "{:?}", incident.trouble);
                    ids.insert((incident.id, incident.trouble.code));
                }
            }
            assert_eq!(ids.len(), try_ + 1, "{ids:?}");
            assert!(ids.iter().any(|(_, known)| &**known == code.unwrap_or("AllocationFailed")), "{ids:?}");
            hand.fleets.resize(&hand.op(), &Resize::GiveUp { group: GROUP, from: 2, to: 0 }).await.unwrap();
            hand.pass(60).await;
        }
        assert_eq!(account.fake.truth().machines.len(), 0);
    });
}

#[test]
fn a_quota_is_told_when_it_is_met_or_at_once() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.quota(Some(1));
        hand.raise(0, 2).await.unwrap();
        hand.pass(120).await;
        let found = incidents(&hand).await;
        assert_eq!(found.iter().map(|one| one.trouble.class).collect::<Vec<_>>(), [FailureClass::Quota], "{found:?}");
        let there = u32::try_from(hand.members().await.unwrap().len()).unwrap();
        hand.fleets.resize(&hand.op(), &Resize::GiveUp { group: GROUP, from: 2, to: there }).await.unwrap();
        hand.pass(60).await;
        account.fake.strict_quota(true);
        let error = hand.raise(there, there + 2).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Quota, Applied::No), "{error}");
        assert!(error.to_string().contains("OperationNotAllowed"), "{error}");
    });
}

#[test]
fn fewer_than_were_asked_for_are_counted_though_the_operation_succeeds() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.content_with_fewer(true);
        account.fake.capacity("", Some(1));
        hand.raise(0, 3).await.unwrap();
        hand.pass(300).await;
        let seen = hand.look().await.unwrap();
        assert_eq!((seen.instances.len(), state(&seen)), (1, (3, Working::Idle)));
        assert!(incidents(&hand).await.is_empty(), "Azure has no word on it");
        let given_up = hand.fleets.resize(&hand.op(), &Resize::GiveUp { group: GROUP, from: 3, to: 1 }).await.unwrap();
        assert_eq!(given_up.size, 1);
    });
}

#[test]
fn a_machine_that_was_made_and_failed_tells_of_it_itself() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.leaves_wrecks(true);
        account.fake.capacity("", Some(1));
        hand.raise(0, 2).await.unwrap();
        hand.pass(300).await;
        // Another process knows of no operation.
        let other = backend_azure::VmssFleet::new(&account.another().await.unwrap());
        let seen = immutable_core::provider::FleetProvider::observe(&other, &hand.fleet(), &[GROUP].into()).await.unwrap();
        let instances = &seen.groups[0].instances;
        let troubles: Vec<_> = instances.iter().filter_map(|instance| instance.trouble.clone()).collect();
        assert_eq!((instances.len(), troubles.len()), (2, 1), "{instances:?}");
        assert_eq!(troubles[0].class, FailureClass::Capacity, "{troubles:?}");
        assert!(seen.incidents.is_empty(), "it is told once");
        let wreck = instances.iter().find(|instance| instance.trouble.is_some()).unwrap();
        assert_ne!(wreck.life, Life::Running);
        hand.lower(2, std::slice::from_ref(&wreck.key)).await.unwrap();
        hand.pass(120).await;
        assert_eq!(state(&hand.look().await.unwrap()), (1, Working::Idle));
    });
}
