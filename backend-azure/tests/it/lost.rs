//! What is lost is told as lost, and nothing else is: URLs of operations, the machines of a scale set that goes, and states that are told too early.

use std::time::Duration;

use immutable_core::fleet::{Destroyed, Ensured, FailureClass, GroupSpec, GroupState, Placement, TicketState};
use immutable_core::id::Zone;
use immutable_core::{Applied, ErrorKind};
use immutable_fakes::arm::{Fault, Tracking};

use crate::account::Account;
use crate::doubt::{after, scale_set};
use crate::hand::{GENERATION, Hand, play};

pub(crate) fn not_found() -> Fault {
    Fault::Error { code: "NotFound".to_owned(), status: 404 }
}

fn deletes(account: &Account) -> usize {
    account.fake.count("virtualMachineScaleSets.delete")
}

#[test]
fn a_deletion_that_nobody_knows_any_more_is_not_done_as_long_as_what_it_deletes_is_there() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.reaction(Duration::from_secs(60));
        let (id, said) = (scale_set(&account), account.fake.body(&scale_set(&account)));
        let destroy = async || hand.fleets.destroy_generation(&hand.op(), GENERATION).await;
        let forgotten = after(&account, "virtualMachineScaleSets.delete", || {
            account.fake.forget_operations();
            // As it was before.
            account.fake.resource(&id, &said);
        });
        let (destroyed, ()) = futures_util::join!(destroy(), forgotten);
        let error = destroyed.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Busy, Applied::Unknown), "{error}");
        assert!(error.to_string().contains("what it deletes is there"), "{error}");
        assert!(error.echo_until().is_some());
        account.fake.reaction(Duration::ZERO);
        assert_eq!(destroy().await.unwrap(), Destroyed::Gone, "asked for again");
        assert_eq!(deletes(&account), 2);
    });
}

#[test]
fn an_operation_is_lost_if_it_is_not_known_three_times() {
    for (times, state) in [(1, TicketState::Running), (2, TicketState::Running), (3, TicketState::Lost)] {
        play(async |account| {
            let hand = Hand::new(&account);
            account.fake.operations_take(Duration::from_secs(60));
            account.fake.reaction(Duration::from_secs(60));
            let Ensured::Created { ticket: Some(ticket), .. } = hand.ensure(&hand.good()).await.unwrap() else { panic!() };
            // What is lost is told by what is left of it.
            assert!(account.fake.delete_by_hand(&scale_set(&account)));
            account.fake.faults().times("operations.get", times, not_found());
            let before = account.fake.count("operations.get");
            assert_eq!(hand.fleets.follow(&ticket).await.unwrap(), state, "{times}");
            assert_eq!(account.fake.count("operations.get") - before, 3.min(times as usize + 1), "{times}");
        });
    }
}

#[test]
fn what_is_told_by_its_resource_is_not_lost_because_that_is_not_there_once() {
    play(async |account| {
        account.fake.tracking(Tracking::State);
        account.fake.lag(Duration::from_secs(600));
        account.fake.operations_take(Duration::from_secs(60));
        account.fake.reaction(Duration::from_secs(60));
        let hand = Hand::new(&account);
        let made = hand.ensure(&hand.good()).await.unwrap();
        let Ensured::Created { ticket: Some(ticket), .. } = made else { panic!("it goes on: {made:?}") };
        for _ in 0..4 {
            assert_eq!(hand.fleets.follow(&ticket).await.unwrap(), TicketState::Running);
        }
        hand.pass(60).await;
        assert_eq!(hand.fleets.follow(&ticket).await.unwrap(), TicketState::Done);
    });
}

#[test]
fn who_is_told_of_an_operation_goes_by_it_whatever_the_resource_says() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.hasty_state(true);
        account.fake.capacity("", Some(0));
        hand.raise(0, 1).await.unwrap();
        hand.pass(120).await;
        let seen = hand.fleets.observe(&hand.fleet(), &[crate::hand::GROUP].into()).await.unwrap();
        let told: Vec<_> = seen.incidents.iter().map(|one| one.trouble.class).collect();
        assert_eq!(told, [FailureClass::Capacity], "the operation alone tells of it");
    });
}

#[test]
fn machines_that_are_not_found_are_those_of_a_scale_set_that_has_gone_or_the_look_fails() {
    for lag in [0, 600] {
        play(async |account| {
            let hand = Hand::new(&account);
            account.fake.lag(Duration::from_secs(lag));
            hand.ensure(&hand.good()).await.unwrap();
            account.fake.faults().next("virtualMachines.list", not_found());
            let error = hand.look().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            assert!(matches!(hand.look().await.unwrap().state, GroupState::Present { .. }), "{lag}");
        });
    }
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.faults().next("virtualMachines.list", not_found());
        let goes = after(&account, "virtualMachineScaleSets.list", || assert!(account.fake.delete_by_hand(&scale_set(&account))));
        let (seen, ()) = futures_util::join!(hand.look(), goes);
        assert_eq!(seen.unwrap().state, GroupState::Absent);
        assert_eq!(account.fake.count("virtualMachines.list"), 1, "it was there when it was listed");
    });
}

#[test]
fn the_scale_sets_of_a_generation_are_deleted_at_once() {
    play(async |account| {
        let hand = Hand::new(&account);
        let zone = |cell: u16| Placement::Zone(Zone::new((cell + 1).to_string()));
        let mut spec = hand.good();
        spec.groups = (0..3).map(|cell| GroupSpec { cell, placement: zone(cell), max: 2 }).collect();
        hand.ensure(&spec).await.unwrap();
        account.fake.reaction(Duration::from_secs(6));
        let (before, begun) = (account.fake.calls().len(), account.now_ms());
        assert_eq!(hand.fleets.destroy_generation(&hand.op(), GENERATION).await.unwrap(), Destroyed::Gone);
        let took = account.now_ms() - begun;
        assert!(took < 15_000, "{took} ms");
        let calls: Vec<String> = account.fake.calls().into_iter().skip(before).map(|call| call.method).collect();
        let waits = calls.iter().position(|call| call == "operations.get").unwrap();
        let sent = calls.iter().take(waits).filter(|call| *call == "virtualMachineScaleSets.delete").count();
        assert_eq!((sent, deletes(&account)), (3, 3), "all are sent before any is waited for: {calls:?}");
    });
}

#[test]
fn what_is_being_deleted_is_not_gone() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.reaction(Duration::from_secs(60));
        let destroy = async || hand.fleets.destroy_generation(&hand.op(), GENERATION).await;
        let error = destroy().await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Busy, Applied::Unknown), "{error}");
        assert!(error.to_string().contains("its operation goes on"), "{error}");
        hand.pass(60).await;
        assert_eq!(destroy().await.unwrap(), Destroyed::Gone);
        assert!(account.fake.truth().scale_sets.is_empty());
    });
}

#[test]
fn what_was_accepted_may_be_done_though_nobody_may_ask_for_it() {
    play(async |account| {
        let hand = Hand::new(&account);
        account.fake.deny("operations.get");
        let error = hand.ensure(&hand.good()).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Denied, Applied::Unknown), "{error}");
        assert!(error.echo_until().is_some());
    });
}

#[test]
fn an_operation_that_failed_and_says_nothing_has_failed() {
    play(async |account| {
        let hand = Hand::new(&account);
        account.fake.operation_fails("virtualMachineScaleSets.createOrUpdate", "", "");
        let error = hand.ensure(&hand.good()).await.unwrap_err();
        assert!(error.to_string().contains("its operation failed (Failed)"), "{error}");
    });
}

#[test]
fn what_only_reads_has_changed_nothing_whatever_fails() {
    play(async |account| {
        let hand = Hand::new(&account);
        account.fake.faults().always("virtualMachineScaleSets.list", Fault::ServerErrorBefore(500));
        let error = hand.look().await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Internal, Applied::No), "{error}");
    });
}

#[test]
fn what_another_call_changes_is_asked_for_again_and_never_at_once() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        let busy = Fault::Error { code: "AnotherOperationInProgress".to_owned(), status: 409 };
        account.fake.faults().times("virtualMachineScaleSets.update", 2, busy);
        assert_eq!(hand.raise(0, 1).await.unwrap().size, 1);
        assert_eq!(account.fake.count("virtualMachineScaleSets.update"), 3);
        // "Retry-After: 0" is no leave to call without end.
        account.fake.retry_after(Some(Duration::ZERO));
        account.fake.faults().times("virtualMachineScaleSets.update", 3, Fault::Throttled);
        let before = account.now_ms();
        assert_eq!(hand.raise(1, 2).await.unwrap().size, 2);
        let took = account.now_ms() - before;
        assert!((3_000..6_000).contains(&took), "{took} ms");
        // Who gave up waiting may have done it.
        account.fake.faults().next("virtualMachineScaleSets.update", Fault::Error { code: "Slow".to_owned(), status: 408 });
        let error = hand.raise(2, 3).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Unreachable, Applied::Unknown), "{error}");
    });
}

#[test]
fn who_was_promised_is_there_though_nobody_has_come_yet() {
    play(async |account| {
        let hand = Hand::new(&account);
        hand.ensure(&hand.good()).await.unwrap();
        account.fake.reaction(Duration::from_secs(60));
        hand.raise(0, 2).await.unwrap();
        assert!(hand.members().await.unwrap().is_empty());
        assert_eq!(hand.fleets.destroy_generation(&hand.op(), GENERATION).await.unwrap(), Destroyed::StillHas(2));
        assert_eq!(deletes(&account), 0);
    });
}
