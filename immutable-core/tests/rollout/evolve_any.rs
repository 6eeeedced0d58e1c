//! Whatever events come, in whatever order: `evolve` never panics, changes nothing when it refuses, and what it makes survives JSON.

use std::collections::BTreeSet;
use std::sync::Arc;

use immutable_core::Digest;
use immutable_core::error::{ErrorKind, Retry};
use immutable_core::fleet::{FailureClass, GenerationId, GroupId, Refusal, Resize, Ticket, Upkeep};
use immutable_core::id::{InstanceKey, OpId, OwnerId, StepIx, StreamVersion};
use immutable_core::rollout::{
    Call, Charge, CommandId, Ending, Event, FleetState, Hold, Need, Noted, OpResult, Outcome, Phase, Recorded, Refused,
    RevertCause, StepState, Strategy as Rolling,
};
use proptest::prelude::*;

use super::kit::{MINUTE, Stage, key};

/// An event in the small: what it is about is resolved against the state, so that many are legal.
#[derive(Clone, Debug)]
enum Any {
    Claim,
    Open(bool),
    Hear,
    Make,
    Resize(u8, u32, u32, u32, Vec<u8>),
    Upkeep(u32),
    Destroy(u32),
    Renew(u64),
    Settle(u64, u8, u32),
    Appear(u32, Vec<u8>),
    Health(u32, Vec<u8>, bool),
    Gone(u32, Vec<u8>),
    Size(u32, u32),
    Charge(u32, u8),
    Note(u32, u8, u32),
    Move(u8, u32),
    Prove(u32, u32),
    End(u8),
    Wrong(u8),
}

fn any_event() -> impl Strategy<Value = Any> {
    let id = 1..5u32;
    let names = proptest::collection::vec(0..6u8, 0..4);
    prop_oneof![
        1 => Just(Any::Claim),
        1 => any::<bool>().prop_map(Any::Open),
        1 => Just(Any::Hear),
        3 => Just(Any::Make),
        4 => (0..3u8, id.clone(), 0..4u32, 0..4u32, names.clone()).prop_map(|(kind, id, from, to, names)| Any::Resize(kind, id, from, to, names)),
        1 => id.clone().prop_map(Any::Upkeep),
        1 => id.clone().prop_map(Any::Destroy),
        1 => (0..8u64).prop_map(Any::Renew),
        6 => (0..8u64, 0..6u8, 0..4u32).prop_map(|(op, kind, size)| Any::Settle(op, kind, size)),
        3 => (id.clone(), names.clone()).prop_map(|(id, names)| Any::Appear(id, names)),
        3 => (id.clone(), names.clone(), any::<bool>()).prop_map(|(id, names, healthy)| Any::Health(id, names, healthy)),
        2 => (id.clone(), names).prop_map(|(id, names)| Any::Gone(id, names)),
        1 => (id.clone(), 0..4u32).prop_map(|(id, size)| Any::Size(id, size)),
        1 => (id.clone(), 0..6u8).prop_map(|(id, name)| Any::Charge(id, name)),
        1 => (id.clone(), 0..3u8, 0..4u32).prop_map(|(id, kind, number)| Any::Note(id, kind, number)),
        4 => (0..10u8, id.clone()).prop_map(|(kind, id)| Any::Move(kind, id)),
        1 => (id, 0..3u32).prop_map(|(id, instances)| Any::Prove(id, instances)),
        2 => (0..7u8).prop_map(Any::End),
        1 => (0..4u8).prop_map(Any::Wrong),
    ]
}

fn names_of(names: &[u8]) -> BTreeSet<InstanceKey> {
    names.iter().map(|name| key(["a", "b", "c", "d", "e", "f"][usize::from(*name)])).collect()
}

fn group(id: u32) -> GroupId {
    GroupId { generation: GenerationId(id), cell: u16::from(id == 4) }
}

impl Any {
    fn resolve(&self, stage: &Stage) -> Option<Event> {
        let next_op =
            OpId(1 + stage.records.iter().filter(|recorded| matches!(recorded.event, Event::Owed { .. })).count() as u64);
        let owe = |call| Event::Owed { op: next_op, call, basis: stage.now };
        let noted = |with: &dyn Fn(&mut Noted)| {
            let mut noted = Noted::default();
            with(&mut noted);
            Event::Noted(Box::new(noted))
        };
        let op = |back: u64| OpId((next_op.0 + 1).saturating_sub(back));
        let keys = |names: &[u8]| names_of(names).into_iter().collect::<Vec<_>>();
        Some(match self {
            Self::Claim => Event::Claimed { owner: OwnerId::new("any"), echo_until: stage.now + MINUTE },
            Self::Open(old) if stage.state.rollout().is_none() => {
                let plan = Box::new(stage.plan(if *old { "1.0.0" } else { "1.1.0" }));
                Event::Opened { rollout: stage.state.next_rollout(), plan }
            }
            Self::Open(_) => {
                let plan = Box::new((*stage.state.rollout()?.plan).clone());
                Event::Opened { rollout: stage.state.next_rollout(), plan }
            }
            Self::Hear => {
                let inbox = StreamVersion(stage.state.inbox_read().0 + 1);
                Event::Heard { command: CommandId::of("x"), by: "sam".into(), inbox, refused: None }
            }
            Self::Make => {
                let next = stage.basis().next_generation;
                let known = stage.state.generations().values().next().map(|known| (*known.spec).clone())?;
                owe(Call::Ensure(Arc::new(immutable_core::fleet::GenerationSpec { id: next, ..known })))
            }
            Self::Resize(kind, id, from, to, names) => {
                let from = stage.state.slots(group(*id)).map_or(*from, |slots| slots.size);
                let group = group(*id);
                owe(Call::Resize(Arc::new(match kind {
                    0 => Resize::Raise { group, from, to: from + to },
                    1 => Resize::Lower { group, from, leave: names_of(names) },
                    _ => Resize::GiveUp { group, from, to: from.saturating_sub(*to) },
                })))
            }
            Self::Upkeep(id) => owe(Call::Upkeep(GenerationId(*id), Upkeep::default())),
            Self::Destroy(id) => owe(Call::Destroy(GenerationId(*id))),
            Self::Renew(back) => Event::Renewed { op: op(*back), basis: stage.now },
            Self::Settle(back, kind, size) => Event::Settled { op: op(*back), result: result(*kind, *size, stage) },
            Self::Appear(id, names) => noted(&|noted| drop(noted.appeared.insert(group(*id), keys(names)))),
            Self::Health(id, names, true) => noted(&|noted| drop(noted.healthy.insert(group(*id), keys(names)))),
            Self::Health(id, names, false) => noted(&|noted| drop(noted.unhealthy.insert(group(*id), keys(names)))),
            Self::Gone(id, names) => noted(&|noted| drop(noted.gone.insert(group(*id), keys(names)))),
            Self::Size(id, size) => noted(&|noted| _ = noted.sizes.insert(group(*id), *size)),
            Self::Charge(id, name) => noted(&|noted| {
                let instance = names_of(&[*name]).pop_first();
                let class = FailureClass::Health;
                noted.charged.push(Charge { group: group(*id), instance, incident: Some("i".into()), class, what: "x".into() });
            }),
            Self::Note(id, kind, number) => noted(&|noted| match kind {
                0 => noted.exercised.push(GenerationId(*id)),
                1 => noted.absent.push(GenerationId(*id)),
                _ => noted.progress = Some(*number),
            }),
            Self::Move(kind, id) => Event::Moved { to: phase(*kind, *id, stage) },
            Self::Prove(id, instances) => {
                Event::Proven { generation: GenerationId(*id), instances: *instances, evidence: Digest::of(b"x") }
            }
            Self::End(kind) => Event::Ended {
                outcome: match kind {
                    0 => Outcome::Succeeded,
                    1 => Outcome::Unexercised,
                    2 => Outcome::RolledBack,
                    3 => Outcome::LeftMixed,
                    4 => Outcome::TornDown,
                    5 => Outcome::Refused("why".into()),
                    _ => Outcome::Needs(Need::StuckLeaving { why: "it is protected".into() }),
                },
            },
            Self::Wrong(_) => Event::Renewed { op: OpId(u64::MAX), basis: stage.now },
        })
    }
}

fn result(kind: u8, size: u32, stage: &Stage) -> OpResult {
    let echo_until = (size > 1).then(|| stage.now + MINUTE);
    let why = Refused { kind: ErrorKind::Conflict, retry: Retry::Never, what: "x".into(), found: None, echo_until };
    match kind {
        0 => OpResult::Done { size: Some(size), refused: vec![(key("a"), Refusal::Held)], echo_until, removed: Some(true) },
        1 => OpResult::Done { size: None, refused: vec![(key("b"), Refusal::NotMember)], echo_until: None, removed: None },
        2 => OpResult::Accepted { ticket: Ticket("t".into()), echo_until },
        3 => OpResult::Unknown { echo_until },
        4 => OpResult::Failed(Refused { found: Some(size), ..why }),
        _ => OpResult::Failed(Refused { retry: Retry::Backoff, ..why }),
    }
}

fn phase(kind: u8, id: u32, stage: &Stage) -> Phase {
    let give_up_at = stage.now + MINUTE;
    let at = StepState::Moving { give_up_at };
    let finishing = |ending| Phase::Finishing { ending, give_up_at };
    match kind {
        0 => Phase::Preparing { give_up_at },
        1 | 2 => Phase::Stepping { step: StepIx(u16::from(kind) - 1), at },
        3 => Phase::Reverting { why: RevertCause::Deadline, to: GenerationId(id), at },
        4 => finishing(Ending::Forward),
        5 => finishing(Ending::Back { to: GenerationId(id) }),
        6 => finishing(Ending::Mixed),
        7 => finishing(Ending::Nothing),
        8 => finishing(Ending::Refused { why: "why".into() }),
        _ => {
            let resume = Box::new(finishing(Ending::Forward));
            Phase::Held { why: Hold::Needs(Need::StuckLeaving { why: "it is protected".into() }), resume, since: stage.now }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_refuses_without_a_trace_and_survives_json(events in proptest::collection::vec(any_event(), 1..60)) {
        let mut stage = Stage::rolling(Rolling::rolling().max_surge(2));
        let mut legal = 0;
        for any in events {
            stage.now = stage.now + MINUTE / 10;
            let Some(event) = any.resolve(&stage) else { continue };
            let mut recorded = stage.recorded(event);
            match any {
                Any::Wrong(0) => recorded.v = 0,
                Any::Wrong(1) => recorded.at = Default::default(),
                Any::Wrong(2) => recorded.epoch.0 += 7,
                _ => {}
            }
            let mut state = stage.state.clone();
            match state.evolve(&recorded) {
                Err(_) => prop_assert_eq!(&state, &stage.state, "refused, and changed: {:?}", recorded),
                Ok(()) => {
                    legal += 1;
                    let json = serde_json::to_vec(&state).unwrap();
                    let read: FleetState = serde_json::from_slice(&json).unwrap();
                    prop_assert_eq!(&read, &state, "after {:?}", recorded);
                    let record = serde_json::to_vec(&recorded).unwrap();
                    prop_assert_eq!(&serde_json::from_slice::<Recorded>(&record).unwrap(), &recorded);
                    stage.state = state;
                    stage.records.push(recorded);
                }
            }
        }
        let mut folded = FleetState::new(stage.fleet.id().clone());
        for recorded in &stage.records {
            folded.evolve(recorded).unwrap();
        }
        prop_assert_eq!(&folded, &stage.state, "{} legal events, folded", legal);
    }
}
