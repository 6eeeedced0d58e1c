//! Each fault does what it says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use immutable_core::conformance::{Call, Fault, Faults, Faulty};
use immutable_core::fleet::*;
use immutable_core::id::{Epoch, OpId, StreamId, StreamVersion, WriteId};
use immutable_core::journal::{After, Append, Appended, Journal, MemoryJournal};
use immutable_core::provider::FleetProvider;
use immutable_core::time::{Clock, Timestamp, VirtualClock};
use immutable_core::{Applied, Digest, ErrorKind, ImageRef, Result};

use crate::racks::{Racks, place};

const MINUTE: Duration = Duration::from_secs(60);

/// A faulty wire to racks in which one group of size 0 is.
struct Wired {
    clock: VirtualClock,
    faulty: Faulty<Racks>,
    fleet: FleetId,
    group: GroupId,
    ops: std::cell::Cell<u64>,
}

impl Wired {
    fn new(faults: Faults) -> Self {
        let clock = crate::clock();
        let racks = Arc::new(Racks::new(clock.clone(), false));
        let fleet = FleetId::new(place(), "web");
        let spec = GenerationSpec {
            fleet: fleet.clone(),
            id: GenerationId(1),
            name: "acmeinc/web".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            release: Release { artifact: Digest::of(b"a"), template: Digest::of(b"t") },
            image: ImageRef::new(place(), "web-1"),
            template: LaunchTemplate::default(),
            groups: vec![GroupSpec { cell: 0, placement: Placement::Region, max: 10 }],
            pool: None,
            upkeep: Upkeep::NONE,
            labels: [].into(),
        };
        let op = Op::new(&fleet, OpId(0), Epoch(1));
        clock.run(racks.ensure_generation(&op, &spec)).unwrap();
        let faulty = Faulty::new(racks, Arc::new(clock.clone()), 1, faults);
        Self { clock, faulty, fleet, group: GroupId { generation: GenerationId(1), cell: 0 }, ops: Default::default() }
    }

    fn op(&self) -> Op {
        self.ops.set(self.ops.get() + 1);
        Op::new(&self.fleet, OpId(self.ops.get()), Epoch(1))
    }

    fn raise(&self, from: u32, to: u32) -> Result<Resized> {
        let op = self.op();
        self.clock.run(self.faulty.resize(&op, &Resize::Raise { group: self.group, from, to }))
    }

    fn look(&self, through: &dyn FleetProvider) -> GroupSeen {
        self.clock.run(through.observe(&self.fleet, &[self.group].into())).unwrap().groups.remove(0)
    }

    /// How many there are in truth.
    fn truth(&self) -> usize {
        self.look(&**self.faulty.inner()).instances.len()
    }

    fn wait(&self, long: Duration) {
        self.clock.run(self.clock.sleep_until(self.clock.now() + long));
    }
}

#[test]
fn an_error_and_a_throttle_are_certain_and_nothing_is_sent() {
    let wired = Wired::new(Faults::none());
    wired.faulty.next(Call::Resize, Fault::Error(ErrorKind::Capacity));
    wired.faulty.next(Call::Resize, Fault::Throttled);
    for kind in [ErrorKind::Capacity, ErrorKind::Throttled] {
        let error = wired.raise(0, 1).unwrap_err();
        assert_eq!((error.kind(), error.applied(), error.echo_until()), (kind, Applied::No, None));
    }
    wired.wait(MINUTE * 10);
    assert_eq!(wired.truth(), 0);
    assert_eq!(wired.raise(0, 1).unwrap().size, 1, "the script is at its end");
}

#[test]
fn of_a_lost_request_nothing_is_done_and_of_a_lost_reply_everything() {
    let wired = Wired::new(Faults::none());
    for (fault, done) in [(Fault::LostRequest, 0), (Fault::LostReply, 1)] {
        wired.faulty.next(Call::Resize, fault);
        let sent = wired.clock.now();
        let error = wired.raise(0, 1).unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Unreachable, Applied::Unknown));
        assert_eq!(error.echo_until(), Some(sent + MINUTE), "the two must not be told apart");
        wired.clock.run(wired.faulty.settle());
        assert_eq!(wired.truth(), done, "{fault:?}");
    }
}

#[test]
fn a_late_call_arrives_later_though_its_caller_is_gone() {
    let wired = Wired::new(Faults::none());
    wired.faulty.next(Call::Resize, Fault::Late(MINUTE / 2));
    let sent = wired.clock.now();
    let error = wired.raise(0, 1).unwrap_err();
    assert_eq!((error.applied(), error.echo_until()), (Applied::Unknown, Some(sent + MINUTE)));
    wired.wait(MINUTE / 4);
    assert!(wired.look(&wired.faulty).instances.is_empty(), "it is not due");
    assert_eq!(wired.faulty.on_their_way(), 1);
    wired.wait(MINUTE / 2);
    assert_eq!(wired.truth(), 0, "nobody carries it");
    assert_eq!(wired.look(&wired.faulty).instances.len(), 1, "whoever looks through the wire carries it first");
    assert_eq!((wired.truth(), wired.faulty.on_their_way()), (1, 0));
}

#[test]
fn what_is_due_while_a_call_is_slow_arrives_before_it() {
    let wired = Wired::new(Faults::none().slow(1.0).slow_by(MINUTE));
    wired.faulty.next(Call::Resize, Fault::Late(Duration::from_millis(1)));
    wired.raise(0, 1).unwrap_err();
    assert_eq!(wired.raise(1, 2).unwrap().size, 2, "it is one more than what the first has set");
}

#[test]
fn what_is_later_than_the_bound_says_so() {
    let wired = Wired::new(Faults::none());
    wired.faulty.next(Call::Resize, Fault::Late(MINUTE * 5));
    let sent = wired.clock.now();
    assert_eq!(wired.raise(0, 1).unwrap_err().echo_until(), Some(sent + MINUTE * 5));
    wired.clock.run(wired.faulty.settle());
    assert!(wired.clock.now() >= sent + MINUTE * 5);
    assert_eq!(wired.truth(), 1);
}

#[test]
fn a_doubled_call_is_answered_and_sent_again() {
    let wired = Wired::new(Faults::none());
    wired.faulty.next(Call::Resize, Fault::Doubled(MINUTE));
    let sent = wired.clock.now();
    let op = wired.op();
    let raise = Resize::Raise { group: wired.group, from: 0, to: 1 };
    let resized = wired.clock.run(wired.faulty.resize(&op, &raise)).unwrap();
    assert_eq!((resized.size, resized.echo_until), (1, Some(sent + MINUTE)));
    assert_eq!(wired.faulty.on_their_way(), 1);
    wired.clock.run(wired.faulty.settle());
    assert_eq!((wired.truth(), wired.faulty.on_their_way()), (1, 0), "racks know the token");
}

#[test]
fn what_cannot_say_that_a_copy_is_on_its_way_is_not_doubled() {
    let wired = Wired::new(Faults::none());
    wired.faulty.next(Call::SetUpkeep, Fault::Doubled(MINUTE));
    wired.clock.run(wired.faulty.set_upkeep(&wired.op(), wired.group.generation, Upkeep::default())).unwrap();
    assert_eq!((wired.faulty.on_their_way(), wired.faulty.happened().len()), (0, 0));
}

#[test]
fn a_delivery_whose_carrier_is_dropped_is_carried_by_the_next() {
    let wired = Wired::new(Faults::none());
    wired.faulty.next(Call::Resize, Fault::Late(Duration::ZERO));
    wired.raise(0, 1).unwrap_err();
    wired.clock.run(async {
        let known: BTreeSet<GroupId> = [wired.group].into();
        let mut carrier = wired.faulty.observe(&wired.fleet, &known);
        assert!(futures_util::poll!(&mut carrier).is_pending());
        drop(carrier);
    });
    assert_eq!((wired.truth(), wired.faulty.on_their_way()), (0, 1));
    assert_eq!(wired.look(&wired.faulty).instances.len(), 1);
}

#[test]
fn who_calls_while_another_delivers_waits_for_it() {
    let wired = Wired::new(Faults::none());
    wired.faulty.next(Call::Resize, Fault::Late(Duration::ZERO));
    wired.raise(0, 1).unwrap_err();
    let known: BTreeSet<GroupId> = [wired.group].into();
    let look = || wired.faulty.observe(&wired.fleet, &known);
    let (one, two) = wired.clock.run(async { futures_util::join!(look(), look()) });
    for seen in [one, two] {
        assert_eq!(seen.unwrap().groups[0].instances.len(), 1);
    }
}

#[test]
fn a_slow_call_is_sent_on_later() {
    let wired = Wired::new(Faults::none());
    wired.faulty.next(Call::Resize, Fault::Slow(MINUTE));
    let sent = wired.clock.now();
    assert_eq!(wired.raise(0, 1).unwrap().size, 1);
    assert!(wired.clock.now() >= sent + MINUTE);
}

#[test]
fn a_stale_view_is_an_older_one_and_says_how_old_at_most() {
    let wired = Wired::new(Faults::none().stale_by(MINUTE * 2));
    assert!(wired.look(&wired.faulty).instances.is_empty());
    let empty_at = wired.clock.now();
    wired.raise(0, 1).unwrap();
    wired.wait(MINUTE);
    wired.faulty.next(Call::Observe, Fault::Stale);
    let asked = wired.clock.now();
    let seen = wired.look(&wired.faulty);
    assert!(seen.instances.is_empty());
    assert!(seen.age >= asked.since(empty_at) && seen.age <= MINUTE * 2, "{:?}", seen.age);
    assert_eq!(wired.look(&wired.faulty).age, Duration::ZERO);
    wired.wait(MINUTE * 3);
    wired.faulty.next(Call::Observe, Fault::Stale);
    assert_eq!(wired.look(&wired.faulty).age, Duration::ZERO, "nothing is remembered for that long");
}

#[test]
fn a_partial_view_lacks_instances_and_says_so() {
    let wired = Wired::new(Faults::none());
    wired.raise(0, 4).unwrap();
    wired.faulty.next(Call::Observe, Fault::Partial);
    let seen = wired.look(&wired.faulty);
    assert!(seen.instances.len() < 4 && matches!(seen.coverage, Coverage::Part(_)));
    let whole = wired.look(&wired.faulty);
    assert_eq!((whole.instances.len(), whole.coverage), (4, Coverage::Whole));
}

#[test]
fn a_read_that_gets_no_answer_did_nothing() {
    let wired = Wired::new(Faults::none());
    for fault in [Fault::LostRequest, Fault::LostReply, Fault::Late(MINUTE)] {
        wired.faulty.next(Call::Observe, fault);
        let known = [wired.group].into();
        let error = wired.clock.run(wired.faulty.observe(&wired.fleet, &known)).unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Unreachable, Applied::No));
    }
    assert_eq!(wired.faulty.on_their_way(), 0);
}

#[test]
fn once_calm_nothing_happens_but_what_is_on_its_way() {
    let wired = Wired::new(Faults::none().late(1.0));
    wired.raise(0, 1).unwrap_err();
    wired.faulty.next(Call::Resize, Fault::Throttled);
    wired.faulty.calm_from(wired.clock.now() + MINUTE);
    wired.raise(0, 2).unwrap_err();
    wired.faulty.calm();
    assert_eq!(wired.raise(7, 8).unwrap_err().kind(), ErrorKind::Conflict, "it was sent on");
    wired.clock.run(wired.faulty.settle());
    assert_eq!(wired.truth(), 1);
    assert_eq!(wired.faulty.happened().len(), 2, "{:?}", wired.faulty.happened());
}

#[test]
fn capabilities_tell_how_long_a_call_may_live() {
    let lifetime = |faults| Wired::new(faults).faulty.capabilities().request_lifetime;
    assert_eq!(lifetime(Faults::none()), Duration::ZERO);
    assert_eq!(lifetime(Faults::none().late(0.1).late_by(MINUTE * 2)), MINUTE * 2);
    assert_eq!(lifetime(Faults::none().doubled(0.1).slow(0.1).slow_by(MINUTE)), MINUTE * 2);
}

#[test]
fn the_same_seed_and_calls_give_the_same_faults() {
    let run = |seed| {
        let clock = crate::clock();
        let faults = Faults::none().error(0.2).lost_reply(0.2).late(0.2).slow(0.5);
        let journal = Faulty::new(Arc::new(MemoryJournal::new()), Arc::new(clock.clone()), seed, faults);
        for nth in 0..50 {
            let _ = clock.run(journal.append(append(nth, nth as u8)));
        }
        (clock.now(), journal.happened())
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

fn append(expected: u64, write: u8) -> Append {
    let records = vec![[write].as_slice().into()];
    Append { stream: StreamId::new("web"), expected: StreamVersion(expected), write: WriteId([write; 16]), records }
}

#[test]
fn a_late_append_is_written_only_at_its_version() {
    let clock = VirtualClock::new(Timestamp::default());
    let journal = Faulty::new(Arc::new(MemoryJournal::new()), Arc::new(clock.clone()), 1, Faults::none());
    let web = StreamId::new("web");
    let load = || clock.run(journal.load(&web, After::Version(StreamVersion(0)))).unwrap().records;
    journal.next(Call::Append, Fault::Late(MINUTE));
    assert_eq!(clock.run(journal.append(append(0, 1))).unwrap_err().applied(), Applied::Unknown);
    assert!(load().is_empty());
    clock.run(journal.settle());
    assert_eq!(load().len(), 1);
    journal.next(Call::Append, Fault::Late(MINUTE));
    clock.run(journal.append(append(1, 2))).unwrap_err();
    assert_eq!(clock.run(journal.append(append(1, 3))).unwrap(), Appended::Done(StreamVersion(2)));
    clock.run(journal.settle());
    assert_eq!(load().iter().map(|record| record[0]).collect::<Vec<_>>(), [1, 3]);
}
