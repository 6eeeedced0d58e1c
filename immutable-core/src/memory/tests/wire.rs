//! Calls: tokens, latency, dropped futures, operations that are only accepted.

use std::task::{Context, Poll, Waker};

use super::*;
use crate::error::ErrorKind;
use crate::fleet::{Destroyed, Ticket, TicketState};
use crate::memory::Delay;

#[test]
fn the_same_token_again_is_the_same_call() {
    let lab = lab().stand(1);
    let op = lab.op();
    let raise = Resize::Raise { group: GROUP, from: 1, to: 3 };
    let send = |resize: &Resize| lab.clock.run(lab.cloud.resize(&op, resize));
    let first = send(&raise).unwrap();
    lab.lower(3, &lab.keys()[1..]).unwrap();
    assert_eq!(send(&raise).unwrap(), first, "the same answer");
    assert_eq!((lab.size(), lab.cloud.launched()), (1, 3), "and nothing is done again");
    let error = send(&Resize::Raise { group: GROUP, from: 1, to: 2 }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TokenMismatch, "{error}");
    lab.pass(seconds(3600));
    let error = send(&Resize::Raise { group: GROUP, from: 0, to: 3 }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "once forgotten, states are compared");
    assert_eq!(lab.cloud.calls().raise, 5);
}

#[test]
fn a_refused_call_may_be_sent_again() {
    let lab = lab();
    let op = lab.op();
    let raise = Resize::Raise { group: GROUP, from: 0, to: 1 };
    assert_eq!(lab.clock.run(lab.cloud.resize(&op, &raise)).unwrap_err().kind(), ErrorKind::NotFound);
    lab.ensure(&lab.spec()).unwrap();
    assert_eq!(lab.clock.run(lab.cloud.resize(&op, &raise)).unwrap().size, 1);
}

#[test]
fn fleets_of_other_places_and_other_fleets_ops_are_refused() {
    let lab = lab();
    let elsewhere = FleetId::new(crate::artifact::Place::new("aws", "1", "r").unwrap(), "web");
    let op = Op::new(&elsewhere, OpId(1), Epoch(1));
    let spec = lab.spec();
    assert_eq!(lab.clock.run(lab.cloud.ensure_generation(&op, &spec)).unwrap_err().kind(), ErrorKind::Invalid);
    let op = Op::new(&FleetId::new(lab.cloud.place(), "api"), OpId(1), Epoch(1));
    assert_eq!(lab.clock.run(lab.cloud.ensure_generation(&op, &spec)).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(lab.see().state, GroupState::Absent);
}

#[test]
fn a_call_takes_its_latency_and_its_effect_half_of_it() {
    let lab = lab_with(options().latency(seconds(4)));
    let start = lab.clock.now();
    lab.ensure(&lab.spec()).unwrap();
    assert_eq!(lab.clock.now().since(start), seconds(4));
    lab.see();
    assert_eq!(lab.clock.now().since(start), seconds(8), "to look takes as long");
    lab.raise(0, 1).unwrap();
    let effects: Vec<_> = lab.cloud.effects().iter().map(|effect| effect.at.since(start).as_secs()).collect();
    assert_eq!(effects, [2, 10, 10], "made, sized, launched");
}

#[test]
fn a_dropped_call_still_takes_effect_if_it_was_ever_polled() {
    let lab = lab_with(options().latency(seconds(4)));
    lab.ensure(&lab.spec()).unwrap();
    let op = lab.op();
    let raise = Resize::Raise { group: GROUP, from: 0, to: 2 };
    drop(lab.cloud.resize(&op, &raise));
    lab.pass(seconds(60));
    assert_eq!(lab.cloud.calls().raise, 0);

    let mut call = lab.cloud.resize(&op, &raise);
    assert!(matches!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
    drop(call);
    lab.pass(seconds(1));
    assert_eq!(lab.cloud.launched(), 0, "it is on its way");
    lab.pass(seconds(1));
    assert_eq!((lab.cloud.launched(), lab.cloud.sizes(&lab.fleet)), (2, [(GROUP, 2)].into()));
    assert_eq!(lab.clock.run(lab.cloud.resize(&op, &raise)).unwrap().size, 2, "and may be sent again");
    assert_eq!(lab.cloud.launched(), 2);
}

#[test]
fn a_copy_that_nothing_guards_against_says_how_long_it_may_be_on_its_way() {
    let lifetime = |options: MemoryOptions| lab_with(options).cloud.capabilities().request_lifetime;
    assert_eq!(lifetime(options().latency(seconds(4))), Duration::ZERO);
    assert_eq!(lifetime(options().latency(seconds(4)).unguarded()), seconds(2));
    assert_eq!(lifetime(options().latency(Delay::Uniform(seconds(6), seconds(2))).unguarded()), seconds(3));
    let tail = Delay::LogNormal { median: seconds(2), sigma: 0.5 };
    assert_eq!(lifetime(options().latency(tail).unguarded()), seconds(1).mul_f64(4_f64.exp()));
}

#[test]
fn operations_are_accepted_followed_and_ended() {
    let lab = lab_with(options().operations_take(seconds(20)));
    let follow = |ticket: &Ticket| lab.clock.run(lab.cloud.follow(ticket)).unwrap();
    let Ensured::Created { ticket: Some(ticket), .. } = lab.ensure(&lab.spec()).unwrap() else { panic!() };
    assert_eq!((follow(&ticket), lab.working()), (TicketState::Running, Working::Busy));
    assert_eq!(lab.raise(0, 1).unwrap_err().kind(), ErrorKind::Busy);
    lab.pass(seconds(20));
    assert_eq!((follow(&ticket), lab.working()), (TicketState::Done, Working::Idle));
    assert_eq!(lab.ensure(&lab.spec()).unwrap(), Ensured::AlreadyOurs, "what needs no doing is answered at once");

    let op = lab.op();
    let raise = Resize::Raise { group: GROUP, from: 0, to: 2 };
    let accepted = lab.clock.run(lab.cloud.resize(&op, &raise)).unwrap();
    assert_eq!((accepted.size, lab.size(), lab.cloud.launched()), (0, 0, 0));
    assert_eq!(lab.clock.run(lab.cloud.resize(&op, &raise)).unwrap(), accepted, "the same token, the same ticket");
    let ticket = accepted.ticket.unwrap();
    lab.pass(seconds(20));
    assert_eq!((follow(&ticket), lab.size(), lab.cloud.launched()), (TicketState::Done, 2, 2));

    let ticket = lab.lower(2, &lab.keys()).unwrap().ticket.unwrap();
    lab.cloud.protect(&lab.name(0)).unwrap();
    lab.pass(seconds(60));
    let TicketState::Failed(trouble) = follow(&ticket) else { panic!() };
    assert_eq!((&*trouble.code, lab.size()), ("Partial", 1), "one was held by the time it was done");
    lab.cloud.unprotect(&lab.name(0)).unwrap();
    lab.lower(1, &lab.keys()).unwrap();
    lab.pass(seconds(60));

    let destroy = || lab.clock.run(lab.cloud.destroy_generation(&lab.op(), GenerationId(1))).unwrap();
    assert_eq!((destroy(), lab.see().state), (Destroyed::Going, GroupState::Deleting));
    assert_eq!(destroy(), Destroyed::Going);
    lab.pass(seconds(20));
    assert_eq!((destroy(), lab.see().state), (Destroyed::Gone, GroupState::Absent));
    assert_eq!(follow(&Ticket("operation-99".into())), TicketState::Lost);
    lab.pass(seconds(7200));
    lab.ensure(&lab.spec()).unwrap();
    lab.pass(seconds(20));
    assert_eq!(follow(&ticket), TicketState::Lost, "what ended long ago is forgotten");
}

#[test]
fn an_operation_whose_group_has_changed_meanwhile_fails() {
    let lab = lab_with(options().operations_take(seconds(20)));
    lab.ensure(&lab.spec()).unwrap();
    lab.pass(seconds(20));
    let ticket = lab.raise(0, 2).unwrap().ticket.unwrap();
    lab.cloud.set_size(&lab.fleet, GROUP, 1).unwrap();
    lab.pass(seconds(20));
    let state = lab.clock.run(lab.cloud.follow(&ticket)).unwrap();
    let TicketState::Failed(trouble) = state else { panic!("{state:?}") };
    assert_eq!((&*trouble.code, lab.size()), ("Conflict", 1));
}

#[test]
fn nothing_happens_without_a_look_and_all_of_it_at_its_time() {
    let lab = lab();
    lab.ensure(&lab.spec()).unwrap();
    lab.raise(0, 1).unwrap();
    lab.pass(seconds(7200));
    let at: Vec<_> = lab.cloud.effects().iter().map(|effect| effect.at.as_millis() / 1000).collect();
    assert_eq!(at, [0, 0, 0, 3, 60, 65]);
}

#[tokio::test(start_paused = true)]
async fn without_a_clock_it_follows_the_systems() {
    let cloud = MemoryCloud::seeded(1);
    let artifact = cloud.bake("acmeinc/web", "1.0.0").unwrap();
    let fleet = FleetId::new(cloud.place(), "web");
    let lab = Lab { clock: VirtualClock::default(), cloud, good: artifact, fleet, ops: AtomicU64::new(0) };
    lab.cloud.ensure_generation(&lab.op(), &lab.spec()).await.unwrap();
    lab.cloud.resize(&lab.op(), &Resize::Raise { group: GROUP, from: 0, to: 3 }).await.unwrap();
    lab.cloud.clock().sleep_until(lab.cloud.clock().now() + seconds(600)).await;
    assert_eq!(lab.cloud.running(), [(lab.good.digest(), 3)].into());
}
