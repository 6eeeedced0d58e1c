//! No room for the new: what never came is given up, and the old stays.

use immutable_core::time::VirtualClock;
use immutable_core::{Outcome, Strategy};
use immutable_fakes::play::{Script, Stage};

use crate::world::{Kind, world};

fn no_room(kind: Kind) {
    let mut world = VirtualClock::default().run(world(kind, 3, Script::default())).unwrap();
    let clock = world.stage.clock.clone();
    clock.run(async {
        let (first, next) = (world.first.clone(), world.next.clone());
        assert_eq!(world.deploy(&first, Strategy::rolling()).await.unwrap(), Outcome::Succeeded);
        let launched = world.stage.launches();
        for (_, zone) in world.stage.fake.subnets() {
            world.stage.fake.capacity(&zone, Some(0));
        }
        let outcome = world.deploy(&next, Strategy::rolling()).await.unwrap();
        assert_eq!(outcome, Outcome::RolledBack);
        world.end(&first).unwrap();
        assert_eq!(world.stage.launches(), launched, "there was no room for any");
        // As soon as there is, the same works.
        for (_, zone) in world.stage.fake.subnets() {
            world.stage.fake.capacity(&zone, None);
        }
        assert_eq!(world.deploy(&next, Strategy::rolling().force()).await.unwrap(), Outcome::Succeeded);
        world.end(&next).unwrap();
    });
}

#[test]
fn for_groups() {
    no_room(Kind::Groups);
}

#[test]
fn for_groups_in_a_pool() {
    no_room(Kind::GroupsInPool);
}

#[test]
fn for_plain_instances() {
    no_room(Kind::Plain);
}
