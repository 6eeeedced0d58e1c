//! Long-running operations: followed over a restart and by whatever is left of them, failed with what went wrong, and never taken for what they only promise.

use std::time::Duration;

use backend_azure::VmssFleet;
use immutable_core::fleet::{
    Destroyed, Ensured, FailureClass, GenerationSpec, GroupState, Op, Resize, Ticket, TicketState, Upkeep, Working,
};
use immutable_core::id::{Epoch, OpId};
use immutable_core::provider::FleetProvider;
use immutable_core::{Applied, ErrorKind};
use immutable_fakes::arm::{Fault, Tracking};

use crate::account::Account;
use crate::hand::{GENERATION, GROUP, Hand, play};

/// Begins to make a generation, which takes a minute.
async fn begun(hand: &Hand, spec: &GenerationSpec) -> Ticket {
    hand.account.fake.operations_take(Duration::from_secs(60));
    hand.account.fake.reaction(Duration::from_secs(60));
    match hand.ensure(spec).await.unwrap() {
        Ensured::Created { ticket: Some(ticket), .. } => ticket,
        other => panic!("{other:?}"),
    }
}

fn scale_set(account: &Account) -> String {
    account.fake.id("Microsoft.Compute/virtualMachineScaleSets", "web-0001-0")
}

#[test]
fn one_that_takes_long_is_followed_by_another_process() {
    play(async |account| {
        let hand = Hand::new(&account);
        let ticket = begun(&hand, &hand.good()).await;
        let restarted = VmssFleet::new(&account.another().await.unwrap());
        assert_eq!(restarted.follow(&ticket).await.unwrap(), TicketState::Running);
        // Sent again by the new owner, it is there already.
        let again = Op::new(&hand.fleet(), OpId(1), Epoch(2));
        assert_eq!(restarted.ensure_generation(&again, &hand.good()).await.unwrap(), Ensured::AlreadyOurs);
        assert_eq!(account.fake.count("virtualMachineScaleSets.createOrUpdate"), 1);
        hand.pass(60).await;
        assert_eq!(restarted.follow(&ticket).await.unwrap(), TicketState::Done);
    });
}

#[test]
fn one_whose_url_has_expired_is_told_by_its_resource() {
    play(async |account| {
        let hand = Hand::new(&account);
        let ticket = begun(&hand, &hand.good()).await;
        account.fake.forget_operations();
        assert_eq!(hand.fleets.follow(&ticket).await.unwrap(), TicketState::Running);
        hand.pass(60).await;
        assert_eq!(hand.fleets.follow(&ticket).await.unwrap(), TicketState::Done);
        assert!(account.fake.delete_by_hand(&scale_set(&account)));
        assert_eq!(hand.fleets.follow(&ticket).await.unwrap(), TicketState::Lost, "nor is what it made there");
    });
}

#[test]
fn what_has_failed_is_known_after_its_url_has_expired() {
    play(async |account| {
        let hand = Hand::new(&account);
        account.fake.operation_fails("virtualMachineScaleSets.createOrUpdate", "QuotaExceeded", "no room");
        let ticket = begun(&hand, &hand.good()).await;
        account.fake.operations_last(Duration::from_secs(1));
        hand.pass(120).await;
        assert!(matches!(hand.fleets.follow(&ticket).await.unwrap(), TicketState::Failed(_)));
    });
}

#[test]
fn whatever_a_service_calls_it_goes_on_until_it_says_that_it_ended() {
    play(async |account| {
        let hand = Hand::new(&account);
        account.fake.running_status("Contemplating");
        let ticket = begun(&hand, &hand.good()).await;
        assert_eq!(hand.fleets.follow(&ticket).await.unwrap(), TicketState::Running);
        hand.pass(60).await;
        assert_eq!(hand.fleets.follow(&ticket).await.unwrap(), TicketState::Done);
    });
}

#[test]
fn it_is_followed_by_what_its_answer_names() {
    for tracking in [Tracking::Both, Tracking::Async, Tracking::Location, Tracking::State] {
        play(async |account| {
            account.fake.tracking(tracking);
            let hand = Hand::new(&account);
            let ticket = begun(&hand, &hand.good()).await;
            assert_eq!(hand.fleets.follow(&ticket).await.unwrap(), TicketState::Running, "{tracking:?}");
            hand.pass(60).await;
            assert_eq!(hand.fleets.follow(&ticket).await.unwrap(), TicketState::Done, "{tracking:?}");
            // One of which the next call waits.
            account.fake.reaction(Duration::from_secs(5));
            assert_eq!(hand.fleets.destroy_generation(&hand.op(), GENERATION).await.unwrap(), Destroyed::Gone, "{tracking:?}");
            assert!(account.fake.truth().scale_sets.is_empty(), "{tracking:?}");
            assert_eq!(account.fake.violations(), Vec::<String>::new());
        });
    }
}

#[test]
fn one_that_fails_soon_is_told_with_its_cause() {
    play(async |account| {
        let hand = Hand::new(&account);
        account.fake.operation_fails("virtualMachineScaleSets.createOrUpdate", "QuotaExceeded", "no more cores");
        let error = hand.ensure(&hand.good()).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Quota, Applied::Unknown), "{error}");
        assert!(error.to_string().contains("QuotaExceeded: no more cores"), "{error}");
    });
}

#[test]
fn one_that_is_followed_and_fails_is_told_with_its_cause() {
    play(async |account| {
        let hand = Hand::new(&account);
        account.fake.operation_fails("virtualMachineScaleSets.createOrUpdate", "QuotaExceeded", "no more cores");
        let ticket = begun(&hand, &hand.good()).await;
        hand.pass(60).await;
        match hand.fleets.follow(&ticket).await.unwrap() {
            TicketState::Failed(why) => assert_eq!((why.class, &*why.code), (FailureClass::Quota, "QuotaExceeded")),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn no_url_of_somebody_else_is_followed() {
    play(async |account| {
        let hand = Hand::new(&account);
        let ticket = begun(&hand, &hand.good()).await;
        let here = ticket.0.split("https://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        let before = account.fake.calls().len();
        for other in ["attacker.example".to_owned(), format!("{here}.attacker.example"), "127.0.0.1:1".to_owned()] {
            let theirs = Ticket(ticket.0.replace(&here, &other).into());
            let error = hand.fleets.follow(&theirs).await.unwrap_err();
            assert!(error.kind() == ErrorKind::Internal && error.to_string().contains("somebody else"), "{error}");
        }
        let plain = Ticket(ticket.0.replace("https://", "http://").into());
        assert_eq!(hand.fleets.follow(&plain).await.unwrap_err().kind(), ErrorKind::Internal);
        assert_eq!(account.fake.calls().len(), before, "nobody was sent a token");
        let nonsense = hand.fleets.follow(&Ticket("operation-1".into())).await.unwrap_err();
        assert_eq!(nonsense.kind(), ErrorKind::Invalid, "{nonsense}");
    });
}

#[test]
fn what_is_accepted_is_not_yet_what_was_asked_for() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.boot(Duration::from_secs(90));
        hand.raise(0, 2).await.unwrap();
        let state = hand.look().await.unwrap().state;
        assert!(matches!(state, GroupState::Present { size: 2, working: Working::Busy, .. }), "{state:?}");
        hand.pass(240).await;
        let state = hand.look().await.unwrap().state;
        assert!(matches!(state, GroupState::Present { size: 2, working: Working::Idle, .. }), "{state:?}");
    });
}

#[test]
fn who_is_too_quick_waits_as_long_as_azure_says() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.retry_after(Some(Duration::from_secs(7)));
        account.fake.faults().times("virtualMachineScaleSets.update", 1, Fault::Throttled);
        let before = account.now_ms();
        hand.raise(0, 1).await.unwrap();
        let took = account.now_ms() - before;
        assert!((7_000..14_000).contains(&took), "{took} ms");
        // What is not allowed is not tried again.
        account.fake.deny("virtualMachineScaleSets.update");
        let calls = account.fake.count("virtualMachineScaleSets.update");
        let error = hand.raise(1, 2).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Denied, Applied::No), "{error}");
        assert_eq!(account.fake.count("virtualMachineScaleSets.update"), calls + 1);
    });
}

#[test]
fn a_lost_answer_is_found_out_and_the_call_is_not_made_twice() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        for (at, fault) in [Fault::LostReply, Fault::SilentReply].into_iter().enumerate() {
            let (from, to) = (2 * at as u32, 2 * at as u32 + 2);
            let (op, raise) = (hand.op(), Resize::Raise { group: GROUP, from, to });
            account.fake.faults().next("virtualMachineScaleSets.update", fault);
            let error = hand.fleets.resize(&op, &raise).await.unwrap_err();
            assert_eq!((error.kind(), error.applied()), (ErrorKind::Unreachable, Applied::Unknown), "{error}");
            assert!(error.echo_until().is_some());
            assert_eq!(hand.fleets.resize(&op, &raise).await.unwrap().size, to);
        }
        assert_eq!(account.fake.count("virtualMachineScaleSets.update"), 2);
        hand.pass(120).await;
        assert_eq!(account.fake.truth().machines.len(), 4);
    });
}

#[test]
fn upkeep_never_repairs_and_never_changes_what_is_launched() {
    play(async |account| {
        let hand = Hand::new(&account).with(|template| template.zones(["1", "2"]));
        hand.ensure(&hand.good()).await.unwrap();
        let said = || account.fake.body(&scale_set(&account))["properties"].clone();
        let model = said()["virtualMachineProfile"].clone();
        for upkeep in [Upkeep { heal: true, rebalance: true, autoscale: false }, Upkeep::NONE] {
            hand.fleets.set_upkeep(&hand.op(), GENERATION, upkeep).await.unwrap();
            hand.pass(30).await;
            let rebalances = &said()["resiliencyPolicy"]["automaticZoneRebalancingPolicy"]["enabled"];
            assert_eq!(rebalances.as_bool(), Some(upkeep.rebalance));
            assert_eq!(
                said()["automaticRepairsPolicy"]["enabled"].as_bool(),
                Some(false),
                "Azure's repairs make other machines of old names"
            );
            assert_eq!(said()["virtualMachineProfile"], model);
        }
    });
}
