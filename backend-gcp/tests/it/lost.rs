//! What is lost and not made again, and what is easily overlooked: a machine that somebody deletes, one that stops, a zone that does not answer, a name that two bear, a second
//! page.

use immutable_core::fleet::{Coverage, GroupId, GroupSpec, GroupState, Life, Placement, Resize, Resized, Upkeep, Working};
use immutable_core::id::Zone;
use immutable_core::provider::FleetProvider;
use immutable_core::{Applied, ErrorKind, Result};

use crate::account::REGION;
use crate::hand::{GENERATION, GROUP, Hand, play};

async fn give_up(hand: &Hand, from: u32, to: u32) -> Result<Resized> {
    hand.fleets.resize(&hand.op(), &Resize::GiveUp { group: GROUP, from, to }).await
}

async fn state(hand: &Hand) -> (usize, u32, Working) {
    let seen = hand.look().await.unwrap();
    match seen.state {
        GroupState::Present { size, working, .. } => (seen.instances.len(), size, working),
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_was_deleted_where_nobody_repairs_is_given_up() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        hand.raise(0, 2).await.unwrap();
        hand.pass(120).await;
        let members = hand.members().await.unwrap();
        account.fake.meddle_delete(members[0].name.as_str());
        hand.pass(300).await;
        assert_eq!(state(&hand).await, (1, 2, Working::Idle), "nobody makes it again");
        assert_eq!(give_up(&hand, 2, 1).await.unwrap().size, 1);
        hand.pass(60).await;
        assert_eq!(state(&hand).await, (1, 1, Working::Idle));
        assert_eq!(hand.members().await.unwrap(), members[1..]);
    });
}

#[test]
fn who_was_deleted_where_it_is_repaired_is_not() {
    play(async |account| {
        let hand = Hand::new(&account);
        let mut spec = hand.good();
        spec.upkeep = Upkeep { heal: true, ..Upkeep::NONE };
        hand.ensure(&spec).await.unwrap();
        hand.raise(0, 2).await.unwrap();
        hand.pass(120).await;
        let members = hand.members().await.unwrap();
        account.fake.meddle_delete(members[0].name.as_str());
        for _ in 0..60 {
            hand.pass(5).await;
            let (there, size, working) = state(&hand).await;
            assert_eq!(size, 2);
            assert!(there == 2 || working == Working::Busy, "its successor is to come");
            if there < 2 {
                assert!(matches!(give_up(&hand, 2, 1).await.unwrap_err().kind(), ErrorKind::Busy | ErrorKind::Conflict));
            }
        }
        let after = hand.members().await.unwrap();
        assert_eq!(after[0].name, members[0].name);
        assert_ne!(after[0], members[0], "the same name, another machine");
        let seen = hand.lower(2, &members[..1]).await.unwrap();
        assert_eq!((seen.size, seen.refused.len()), (2, 1), "the one that was named is gone");
        assert_eq!(hand.members().await.unwrap(), after);
    });
}

#[test]
fn one_that_has_stopped_is_nothing_to_wait_for() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        hand.raise(0, 2).await.unwrap();
        hand.pass(120).await;
        let members = hand.members().await.unwrap();
        account.fake.kill(members[0].name.as_str());
        hand.pass(300).await;
        assert_eq!(state(&hand).await, (2, 2, Working::Idle), "nobody starts it again");
        let seen = hand.look().await.unwrap();
        assert_eq!((seen.instances[0].life, seen.instances[1].life), (Life::Stopped, Life::Running));
        assert_eq!(hand.lower(2, &members[..1]).await.unwrap().size, 1);
        hand.pass(60).await;
        assert_eq!(hand.members().await.unwrap(), members[1..]);
    });
}

#[test]
fn what_is_said_of_all_groups_is_not_done_to_some() {
    play(async |account| {
        let hand = Hand::new(&account);
        let mut spec = hand.good();
        let zone = |letter: &str| Placement::Zone(Zone::new(format!("{REGION}-{letter}")));
        spec.groups = [(0, "b"), (1, "c")].map(|(cell, letter)| GroupSpec { cell, placement: zone(letter), max: 8 }).into();
        hand.ensure(&spec).await.unwrap();
        let before = account.fake.truth();
        account.fake.unreachable(&format!("{REGION}-c"), true);
        let heal = Upkeep { heal: true, ..Upkeep::NONE };
        // Another process, which has not seen where they are.
        let fleets = backend_gcp::MigFleet::new(&account.gcp);
        let group = GroupId { generation: GENERATION, cell: 1 };
        let raised = fleets.resize(&hand.op(), &Resize::Raise { group, from: 0, to: 1 }).await.map(|_| ());
        let kept = fleets.set_upkeep(&hand.op(), GENERATION, heal).await;
        let gone = fleets.destroy_generation(&hand.op(), GENERATION).await.map(|_| ());
        for refused in [raised, kept, gone] {
            let error = refused.unwrap_err();
            assert_eq!((error.kind(), error.applied()), (ErrorKind::Unreachable, Applied::No), "{error}");
            assert!(error.to_string().contains(&format!("{REGION}-c does not answer")), "{error}");
        }
        let seen = fleets.observe(&hand.fleet(), &[GROUP, group].into()).await.unwrap();
        assert_eq!(seen.groups[0].coverage, Coverage::Whole);
        assert!(matches!(seen.groups[1].coverage, Coverage::Part(_)), "its absence is not certain");
        let after = account.fake.truth();
        assert_eq!((before.groups, before.templates), (after.groups, after.templates), "nothing was done");
        account.fake.unreachable(&format!("{REGION}-c"), false);
        fleets.set_upkeep(&hand.op(), GENERATION, heal).await.unwrap();
        fleets.destroy_generation(&hand.op(), GENERATION).await.unwrap();
        assert!(account.fake.truth().groups.is_empty());
    });
}

#[test]
fn of_two_of_a_name_ours_is_meant() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.image("theirs");
        let path = format!("projects/acme/zones/{REGION}-b/instanceGroupManagers/web-0001-0");
        assert!(account.fake.meddle_group(&path, "projects/acme/global/images/theirs", "made by hand"));
        hand.raise(0, 1).await.unwrap();
        hand.pass(120).await;
        // Lists come in any order.
        for _ in 0..8 {
            let fleets = backend_gcp::MigFleet::new(&account.gcp);
            let seen = fleets.observe(&hand.fleet(), &[GROUP].into()).await.unwrap();
            assert!(matches!(seen.groups[0].state, GroupState::Present { size: 1, .. }), "{:?}", seen.groups[0].state);
            let claims: Vec<_> = seen.strangers.iter().map(|stranger| (stranger.claims, stranger.orphan)).collect();
            assert_eq!(claims, [(Some(GENERATION), None)], "the other is a stranger");
        }
        let fleets = backend_gcp::MigFleet::new(&account.gcp);
        let raise = Resize::Raise { group: GROUP, from: 1, to: 2 };
        assert_eq!(fleets.resize(&hand.op(), &raise).await.unwrap().size, 2);
    });
}

#[test]
fn of_more_than_a_page_all_are_seen() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        hand.raise(0, 501).await.unwrap();
        hand.pass(300).await;
        assert_eq!(state(&hand).await, (501, 501, Working::Idle));
    });
}

#[test]
fn who_was_launched_before_somebody_changed_the_group_runs_what_it_was_launched_from() {
    play(async |account| {
        let hand = Hand::new(&account);
        let spec = hand.good();
        hand.ensure(&spec).await.unwrap();
        hand.raise(0, 1).await.unwrap();
        hand.pass(120).await;
        account.fake.image("theirs");
        let path = |name: &str| format!("projects/acme/regions/{REGION}/instanceGroupManagers/{name}");
        assert!(account.fake.meddle_group(&path("theirs"), "projects/acme/global/images/theirs", ""));
        let other =
            serde_json::json!({"versions": [{"instanceTemplate": "projects/acme/global/instanceTemplates/theirs-by-hand"}]});
        assert!(account.fake.meddle_patch(&path("web-0001-0"), &other));
        hand.pass(60).await;
        let runs = &hand.look().await.unwrap().instances[0].runs;
        assert_eq!(runs.image().map(ToString::to_string), Some(spec.image.id().to_string()), "{runs:?}");
    });
}
