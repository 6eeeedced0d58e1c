//! Operations: followed over a restart, failed with all their causes, and never taken for what they only promise.

use std::time::Duration;

use backend_gcp::MigFleet;
use immutable_core::fleet::{Ensured, FailureClass, GroupState, Op, Resize, TicketState, Upkeep, Working};
use immutable_core::id::{Epoch, OpId};
use immutable_core::provider::FleetProvider;
use immutable_core::{Applied, ErrorKind};
use immutable_fakes::gce::Fault;

use crate::hand::{GENERATION, GROUP, Hand, play};

#[test]
fn one_that_takes_long_is_followed_by_another_process() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.operations_take(Duration::from_secs(60));
        let op = hand.op();
        let raise = Resize::Raise { group: GROUP, from: 0, to: 2 };
        let ticket = hand.fleets.resize(&op, &raise).await.unwrap().ticket.expect("it goes on");
        let restarted = MigFleet::new(&account.gcp);
        assert_eq!(restarted.follow(&ticket).await.unwrap(), TicketState::Running);
        // Sent again by the new owner, it is the same operation.
        let again = Op::new(&hand.fleet(), OpId(op.id.0), Epoch(2));
        let before = account.fake.count("regionInstanceGroupManagers.resize");
        restarted.resize(&again, &raise).await.unwrap();
        hand.pass(60).await;
        assert_eq!(restarted.follow(&ticket).await.unwrap(), TicketState::Done);
        assert!(account.fake.count("regionInstanceGroupManagers.resize") >= before);
        hand.pass(120).await;
        assert_eq!(account.fake.truth().instances.len(), 2, "launched once");
        // Google forgets them.
        account.fake.operations_last(Duration::from_secs(1));
        hand.pass(60).await;
        assert_eq!(restarted.follow(&ticket).await.unwrap(), TicketState::Lost);
    });
}

#[test]
fn of_one_that_failed_all_causes_are_told_and_nothing_was_done() {
    play(async |account| {
        let hand = Hand::new(&account);
        let causes = [("SOMETHING_NEW", "first word"), ("QUOTA_EXCEEDED", "second word")];
        account.fake.operation_fails("regionInstanceGroupManagers.insert", 403, &causes);
        let error = hand.ensure(&hand.good()).await.unwrap_err();
        assert!(error.to_string().contains("first word") && error.to_string().contains("second word"), "{error}");
        // The template is there by then, so the whole is half done, and sent again it goes on.
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Quota, Applied::Unknown));
        assert!(account.fake.truth().groups.is_empty());
    });
}

#[test]
fn one_that_is_followed_and_fails_is_told_with_its_cause() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.operations_take(Duration::from_secs(60));
        account.fake.operation_fails("regionInstanceGroupManagers.resize", 403, &[("QUOTA_EXCEEDED", "no room")]);
        let ticket = hand.raise(0, 2).await.unwrap().ticket.expect("it goes on");
        hand.pass(60).await;
        match hand.fleets.follow(&ticket).await.unwrap() {
            TicketState::Failed(why) => assert_eq!((why.class, &*why.code), (FailureClass::Quota, "QUOTA_EXCEEDED")),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn one_that_failed_before_does_not_keep_the_call_from_being_done() {
    play(async |account| {
        let hand = Hand::new(&account);
        account.fake.operation_fails("regionInstanceGroupManagers.insert", 403, &[("QUOTA_EXCEEDED", "no room")]);
        let (op, spec) = (hand.op(), hand.good());
        hand.fleets.ensure_generation(&op, &spec).await.unwrap_err();
        // Under the id it had, Google answers the old failure for an hour.
        let made = hand.fleets.ensure_generation(&op, &spec).await.unwrap();
        assert!(matches!(made, Ensured::Created { .. }));
        assert_eq!(account.fake.truth().groups.len(), 1);
    });
}

#[test]
fn what_is_done_is_not_yet_what_was_asked_for() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.boot(Duration::from_secs(90));
        let raised = hand.raise(0, 2).await.unwrap();
        assert!(raised.ticket.is_none(), "the operation is done");
        let state = hand.look().await.unwrap().state;
        assert!(matches!(state, GroupState::Present { size: 2, working: Working::Busy, .. }), "{state:?}");
        hand.pass(240).await;
        let state = hand.look().await.unwrap().state;
        assert!(matches!(state, GroupState::Present { size: 2, working: Working::Idle, .. }), "{state:?}");
    });
}

#[test]
fn who_is_too_quick_waits_as_long_as_google_says() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.retry_after(Some(Duration::from_secs(7)));
        account.fake.faults().times("regionInstanceGroupManagers.resize", 1, Fault::Throttled);
        let before = account.now_ms();
        hand.raise(0, 1).await.unwrap();
        let took = account.now_ms() - before;
        assert!((7_000..14_000).contains(&took), "{took} ms");
        // A throttle is 403 here, and so is what is not allowed: that is not tried again.
        account.fake.deny("regionInstanceGroupManagers.resize");
        let calls = account.fake.count("regionInstanceGroupManagers.resize");
        let error = hand.raise(1, 2).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Denied, Applied::No), "{error}");
        assert_eq!(account.fake.count("regionInstanceGroupManagers.resize"), calls + 1);
    });
}

#[test]
fn a_lost_answer_is_asked_for_again_under_the_same_id() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.faults().next("regionInstanceGroupManagers.resize", Fault::LostReply);
        assert_eq!(hand.raise(0, 2).await.unwrap().size, 2);
        let ids: Vec<_> = account
            .fake
            .calls()
            .into_iter()
            .filter(|call| call.method.ends_with(".resize"))
            .map(|call| call.query["requestId"].clone())
            .collect();
        assert_eq!((ids.len(), ids[0] == ids[1]), (2, true));
        // Without any answer nobody knows, and it may still come.
        account.fake.faults().always("regionInstanceGroupManagers.resize", Fault::SilentReply);
        let error = hand.raise(2, 3).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Unreachable, Applied::Unknown));
        assert!(error.echo_until().is_some());
    });
}

#[test]
fn a_group_that_rolls_is_not_made_and_upkeep_leaves_it_so() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        let said = || account.fake.truth().groups.values().next().unwrap().said.clone();
        let policy = |field: &str| said()["updatePolicy"][field].as_str().map(str::to_owned);
        for upkeep in [Upkeep { heal: true, rebalance: true, autoscale: false }, Upkeep::NONE] {
            hand.fleets.set_upkeep(&hand.op(), GENERATION, upkeep).await.unwrap();
            assert_eq!(policy("type").as_deref(), Some("OPPORTUNISTIC"));
            let moves = if upkeep.rebalance { "PROACTIVE" } else { "NONE" };
            assert_eq!(policy("instanceRedistributionType").as_deref(), Some(moves));
            let heals = if upkeep.heal { "REPAIR" } else { "DO_NOTHING" };
            assert_eq!(said()["instanceLifecyclePolicy"]["defaultActionOnFailure"].as_str(), Some(heals));
        }
        assert_eq!(said()["listManagedInstancesResults"].as_str(), Some("PAGINATED"));
        assert_eq!(account.fake.count("regionInstanceGroupManagers.recreateInstances"), 0);
    });
}
