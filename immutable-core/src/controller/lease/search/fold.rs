//! What the journal of a fleet can amount to, each state once: what follows on what is folded by the engine's own functions, and remembered.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::artifact::{Artifact, Built, ImageRef, Place, Provenance};
use crate::error::{ErrorKind, Retry};
use crate::fleet::{Fleet, FleetCapabilities, GenerationId, GroupId, Heals, Resize};
use crate::id::{OpId, OwnerId};
use crate::rollout::{
    Call, Event, FleetState, OpResult, Owed, Phase, Plan, PlanFor, Recorded, Refused, Strategy, Wanted, settle,
};
use crate::time::Timestamp;

/// The one resource.
pub(super) const GROUP: GroupId = GroupId { generation: GenerationId(1), cell: 0 };

/// What is journaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fact {
    /// By whom, and until when calls of others may arrive.
    Claimed(usize, Timestamp),
    /// The group is to have another size.
    Owed(u32),
    Answered(Answer),
    Renewed,
    Watched,
}

/// What became of the call that is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    Done(u32),
    Refused,
    /// Until when a copy of it may arrive.
    Unknown(Timestamp),
    /// It was decided on an old view, and is not sent any more: the size is this.
    Withdrawn(u32),
}

/// A state, by its number.
pub(super) type Id = u32;

#[derive(Default)]
pub(super) struct Fold {
    states: Vec<FleetState>,
    known: HashMap<Vec<u8>, Id>,
    then: HashMap<(Id, Fact, Timestamp), Id>,
    aged: HashMap<(Id, Timestamp), Id>,
    /// Whether nobody asks for the time of its last event.
    timeless: bool,
}

impl Fold {
    pub(super) fn new(timeless: bool) -> Self {
        Self { timeless, ..Self::default() }
    }

    pub(super) fn state(&self, id: Id) -> &FleetState {
        &self.states[id as usize]
    }

    /// The call that is owed.
    pub(super) fn owed(&self, id: Id) -> Option<(OpId, &Owed)> {
        self.state(id).owed().next()
    }

    fn known(&mut self, state: FleetState, at: Timestamp) -> Id {
        let next = Id::try_from(self.states.len()).unwrap();
        let id = *self.known.entry(serde_json::to_vec(&alike(&state, at, self.timeless)).unwrap()).or_insert(next);
        if id == next {
            self.states.push(state);
        }
        id
    }

    /// The same state, at a time at which more of it is over.
    pub(super) fn aged(&mut self, id: Id, at: Timestamp) -> Id {
        if let Some(aged) = self.aged.get(&(id, at)) {
            return *aged;
        }
        let aged = self.known(self.state(id).clone(), at);
        self.aged.insert((id, at), aged);
        aged
    }

    /// The state after a fact: the same, if nothing needs to be journaled.
    pub(super) fn then(&mut self, id: Id, fact: Fact, at: Timestamp) -> Id {
        if let Some(then) = self.then.get(&(id, fact, at)) {
            return *then;
        }
        let mut state = self.state(id).clone();
        for event in self.events(id, fact, at) {
            evolve(&mut state, event, at);
        }
        let then = self.known(state, at);
        self.then.insert((id, fact, at), then);
        then
    }

    fn events(&self, id: Id, fact: Fact, at: Timestamp) -> Vec<Event> {
        let state = self.state(id);
        let owed = || self.owed(id).unwrap();
        match fact {
            Fact::Claimed(by, echo_until) => vec![Event::Claimed { owner: owner(by), echo_until }],
            Fact::Owed(to) => {
                let from = state.slots(GROUP).unwrap().size;
                let raise = Resize::Raise { group: GROUP, from, to };
                let resize = if to > from { raise } else { Resize::GiveUp { group: GROUP, from, to } };
                vec![Event::Owed { op: state.next_op, call: Call::Resize(Arc::new(resize)), basis: at }]
            }
            Fact::Answered(answer) => settle(state, owed().0, result(answer, owed().1), at),
            Fact::Renewed => vec![Event::Renewed { op: owed().0, basis: at }],
            Fact::Watched => vec![Event::Watched],
        }
    }

    /// A fleet whose rollout has just been claimed by the first, with a group of one instance.
    pub(super) fn begun(&mut self, at: Timestamp) -> Id {
        let place = Place::new("memory", "local", "local").unwrap();
        let (fleet, strategy) = (Fleet::new("web", place.clone()).size(1), Strategy::rolling());
        let built = Built::new(Provenance::new("test", "1")).image(ImageRef::new(place, "img-1"));
        let artifact = Artifact::new("acmeinc/web".parse().unwrap(), "1.0.0".parse().unwrap(), built).unwrap();
        let capabilities = FleetCapabilities {
            group_size_max: 100,
            zonal: true,
            heals: Heals::Never,
            request_lifetime: Duration::ZERO,
            adopt: false,
        };
        let mut state = FleetState::new(fleet.id().clone());
        let terms =
            PlanFor { fleet: &fleet, artifact: &artifact, strategy: &strategy, capabilities: &capabilities, switch: None };
        let plan = Plan::new(&state, terms).unwrap();
        let Wanted::New(spec) = plan.wanted().clone() else { panic!("it is the first") };
        let done = |size| OpResult::Done { size, refused: Vec::new(), echo_until: None, removed: None };
        let raise = Resize::Raise { group: GROUP, from: 0, to: 1 };
        for event in [
            Event::Opened { rollout: state.next_rollout(), plan: Box::new(plan) },
            Event::Claimed { owner: owner(0), echo_until: at },
            Event::Owed { op: OpId(1), call: Call::Ensure(spec), basis: at },
            Event::Settled { op: OpId(1), result: done(None) },
            Event::Owed { op: OpId(2), call: Call::Resize(Arc::new(raise)), basis: at },
            Event::Settled { op: OpId(2), result: done(Some(1)) },
        ] {
            evolve(&mut state, event, at);
        }
        self.known(state, at)
    }
}

/// A state without what nobody asks for here: when things were settled, and times that are over.
fn alike(state: &FleetState, now: Timestamp, timeless: bool) -> FleetState {
    let mut alike = state.clone();
    let over = |time: &mut Timestamp| *time = if *time > now { *time } else { Timestamp::default() };
    for slots in alike.generations.values_mut().flat_map(|generation| generation.groups.values_mut()) {
        (slots.settled_at, slots.raised_at) = Default::default();
        over(&mut slots.quiet_until);
    }
    if timeless {
        alike.at = Timestamp::default();
    }
    alike.owed.values_mut().for_each(|owed| over(&mut owed.echo_until));
    alike.owed.values_mut().for_each(|owed| owed.since = Timestamp::default());
    if let Some(rollout) = &mut alike.rollout {
        rollout.phase = Phase::Preparing { give_up_at: Timestamp::default() };
    }
    alike
}

/// The size that an owed call sets.
pub(super) fn to(owed: &Owed) -> u32 {
    let Call::Resize(resize) = &owed.call else { panic!("there are no others") };
    resize.to()
}

pub(super) fn owner(who: usize) -> OwnerId {
    OwnerId::new(["a", "b"][who])
}

fn evolve(state: &mut FleetState, event: Event, at: Timestamp) {
    let mut epoch = state.epoch();
    epoch.0 += u64::from(matches!(event, Event::Claimed { .. }));
    state.evolve(&Recorded { v: Recorded::FORMAT, at, epoch, event }).unwrap();
}

fn result(answer: Answer, owed: &Owed) -> OpResult {
    let done = |size| OpResult::Done { size: Some(size), refused: Vec::new(), echo_until: None, removed: None };
    let failed =
        |kind, found| OpResult::Failed(Refused { kind, retry: Retry::Backoff, what: "refused".into(), found, echo_until: None });
    match answer {
        Answer::Done(size) => done(size),
        Answer::Refused => failed(ErrorKind::Throttled, None),
        Answer::Unknown(echo_until) => OpResult::Unknown { echo_until: Some(echo_until) },
        Answer::Withdrawn(size) if size == to(owed) => done(size),
        Answer::Withdrawn(size) => failed(ErrorKind::Stale, Some(size)),
    }
}
