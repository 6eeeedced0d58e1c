//! No room for the new: what never came is given up by name, and the old stays.

use std::time::Duration;

use immutable_core::fleet::{Resize, Working};
use immutable_core::{ErrorKind, Outcome, Strategy};
use immutable_fakes::play::{Script, Stage};

use crate::hand::{GROUP, Hand, play};
use crate::world::{Google, world};

fn room(stage: &Google, instances: Option<usize>) {
    let fake = &stage.account.fake;
    fake.zones().iter().for_each(|zone| fake.capacity(zone, instances));
}

fn no_room(pooled: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = world(pooled, 3, Script::default()).await.unwrap();
        let (first, next) = (world.first.clone(), world.next.clone());
        assert_eq!(world.deploy(&first, Strategy::rolling()).await.unwrap(), Outcome::Succeeded);
        let launched = world.stage.launches();
        room(&world.stage, Some(0));
        assert_eq!(world.deploy(&next, Strategy::rolling()).await.unwrap(), Outcome::RolledBack);
        world.end(&first).unwrap();
        assert_eq!(world.stage.launches(), launched, "there was no room for any");
        // As soon as there is, the same works.
        room(&world.stage, None);
        assert_eq!(world.deploy(&next, Strategy::rolling().force()).await.unwrap(), Outcome::Succeeded);
        world.end(&next).unwrap();
    });
}

#[test]
fn for_groups() {
    no_room(false);
}

#[test]
fn for_groups_in_a_pool() {
    no_room(true);
}

#[test]
fn only_who_could_not_be_made_is_given_up() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        let zones = account.fake.zones();
        zones.iter().for_each(|zone| account.fake.capacity(zone, Some(0)));
        account.fake.capacity(&zones[0], Some(1));
        hand.raise(0, 3).await.unwrap();
        let give_up = async |from, to| hand.fleets.resize(&hand.op(), &Resize::GiveUp { group: GROUP, from, to }).await;
        let early = give_up(3, 1).await.unwrap_err();
        assert_eq!(early.kind(), ErrorKind::Busy, "as long as it is tried for the first time: {early}");
        hand.pass(300).await;
        let seen = hand.look().await.unwrap();
        assert_eq!((seen.instances.len(), state(&seen)), (1, (3, Working::Idle)));
        let members = hand.members().await.unwrap();
        assert_eq!(give_up(3, 0).await.unwrap_err().kind(), ErrorKind::Conflict, "one is there");
        assert_eq!(give_up(3, 1).await.unwrap().size, 1);
        hand.pass(60).await;
        let seen = hand.look().await.unwrap();
        assert_eq!((hand.members().await.unwrap(), state(&seen)), (members, (1, Working::Idle)));
        let observed = hand.fleets.observe(&hand.fleet(), &[GROUP].into()).await.unwrap();
        assert!(observed.incidents.is_empty(), "nobody is missing any more, so nobody asks why");
    });
}

fn state(seen: &immutable_core::fleet::GroupSeen) -> (u32, Working) {
    match &seen.state {
        immutable_core::fleet::GroupState::Present { size, working, .. } => (*size, *working),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_failed_try_is_told_once_with_its_cause() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.zones().iter().for_each(|zone| account.fake.capacity(zone, Some(0)));
        hand.raise(0, 1).await.unwrap();
        let mut ids = std::collections::BTreeSet::new();
        for _ in 0..20 {
            account.wait(Duration::from_secs(30)).await;
            let seen = hand.fleets.observe(&hand.fleet(), &[GROUP].into()).await.unwrap();
            for incident in seen.incidents {
                assert_eq!(incident.trouble.class, immutable_core::fleet::FailureClass::Capacity, "{:?}", incident.trouble);
                assert_eq!(&*incident.trouble.code, "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS");
                ids.insert(incident.id);
            }
        }
        assert!(ids.len() > 2 && ids.len() == account.errors("web-0001-0"), "{} are told of", ids.len());
    });
}
