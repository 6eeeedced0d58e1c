//! Events made up out of bytes, about what is there: many of them legal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use immutable_core::analysis::Judgement;
use immutable_core::error::{ErrorKind, Retry};
use immutable_core::fleet::{
    Coverage, FailureClass, FleetId, GenerationId, GenerationSpec, GroupId, Observation, Refusal, Resize, Route, RouteTag,
    Ticket, TrafficSeen, Upkeep,
};
use immutable_core::id::{Epoch, InstanceKey, OpId, OwnerId, RolloutId, StepIx, StreamVersion};
use immutable_core::rollout::{
    AbortTo, Call, Charge, Command, CommandId, Ending, Event, FleetState, Hold, Need, Noted, OpResult, Outcome, Phase, Recorded,
    Refused, RevertCause, Seen, StepState, Wanted, What, command, decide, settle,
};
use immutable_core::{Digest, Timestamp};

use super::draw::Draw;
use super::{place, step, survives};

/// A fleet's life out of bytes: each event is taken in whole or changes nothing, and of whatever has become of the fleet the engine
/// decides without a panic what is legal.
pub fn evolve(bytes: &[u8]) {
    let mut life = Life {
        draw: Draw(bytes),
        state: FleetState::new(FleetId::new(place(), "web")),
        at: Timestamp::from_millis(1_795_233_600_000),
        owed: 0,
    };
    for _ in 0..200 {
        if life.draw.is_empty() {
            break;
        }
        life.live();
    }
}

struct Life<'a> {
    draw: Draw<'a>,
    state: FleetState,
    at: Timestamp,
    owed: u64,
}

impl Life<'_> {
    fn live(&mut self) {
        self.at = match self.draw.byte() {
            255 => Timestamp::from_millis(i64::MAX),
            254 => self.at - Duration::from_secs(1),
            later => self.at + Duration::from_secs(u64::from(later % 64) * 5),
        };
        let event = self.event();
        let claims = u64::from(matches!(event, Event::Claimed { .. }));
        let recorded = Recorded { v: 1, at: self.at, epoch: Epoch(self.state.epoch().0 + claims), event };
        survives(&recorded);
        if step(&mut self.state, &recorded) {
            self.owed += u64::from(matches!(recorded.event, Event::Owed { .. }));
        }
        match self.draw.below(4) {
            0 => self.decides(),
            1 => {
                let (op, result) = (self.op(), self.result());
                self.follow(settle(&self.state, op, result, self.at));
            }
            2 => {
                let step = self.step();
                let what = match self.draw.below_or(3, 5) {
                    0 => What::Abort(AbortTo::Back),
                    1 => What::Abort(AbortTo::Mixed),
                    2 => What::Abort(AbortTo::Nothing),
                    3 => What::Pause,
                    4 => What::Resume,
                    5 => What::Promote(step),
                    6 => What::Approve(step),
                    _ => What::Retry,
                };
                let about = self.state.rollout().map_or(RolloutId(1), |rollout| rollout.id);
                let asked = Command { id: CommandId::of("x"), by: "ann".into(), about, what };
                let inbox = StreamVersion(self.state.inbox_read().0 + 1);
                self.follow(command(&self.state, &asked, inbox, self.at));
            }
            _ => {}
        }
    }

    fn decides(&mut self) {
        let observation = Observation::default();
        let mut seen = Seen::new(&observation, self.at);
        let looked = self.state.pool().map(|pool| (pool.id.clone(), pool.weights.clone())).map(|(id, known)| {
            let weights = if self.draw.flag() { known } else { self.weights() };
            let switch = super::plans::able_switch(&mut self.draw);
            let tag = RouteTag("tag".into());
            let (foreign, targets) = Default::default();
            let age = self.draw.duration();
            let coverage = Coverage::Whole;
            (switch, TrafficSeen { pool: id, age, coverage, tag, weights, foreign, targets, residue: None })
        });
        if let Some((switch, pool)) = &looked {
            seen = seen.switch(switch).pool(pool);
        }
        let events = decide(&self.state, &seen, self.at).events;
        self.follow(events);
    }

    /// The step that is waited at, or another.
    fn step(&self) -> StepIx {
        match self.state.rollout().map(|rollout| &rollout.phase) {
            Some(Phase::Stepping { step, .. }) => *step,
            _ => StepIx(1),
        }
    }

    fn weights(&mut self) -> BTreeMap<GenerationId, u16> {
        (0..self.draw.below(4)).map(|_| (self.generation(), u16::from(self.draw.byte()) * 257)).collect()
    }

    /// What the engine says is legal; the fleet lives on as if it had not been said.
    fn follow(&self, events: Vec<Event>) {
        let mut state = self.state.clone();
        for event in events {
            let recorded = Recorded { v: 1, at: self.at.max(state.at()), epoch: state.epoch(), event };
            state.evolve(&recorded).unwrap_or_else(|illegal| panic!("{illegal}: {recorded:?} on {state:?}"));
        }
    }

    fn event(&mut self) -> Event {
        match self.draw.below_or(16, 2) {
            16 => Event::Judged {
                step: self.step(),
                asked: self.at,
                judgement: self.draw.pick(&[
                    Judgement::pass("good"),
                    Judgement::fail("bad"),
                    Judgement::inconclusive("x").with("m", "1"),
                ]),
            },
            17 => Event::Approved { step: self.step(), by: self.draw.pick(&["ann", "bob"]).into() },
            0 => Event::Claimed { owner: OwnerId::new("one"), echo_until: self.at + self.draw.duration() },
            1 | 2 => self.opened(),
            3..=5 => Event::Owed { op: self.next_op(), call: self.call(), basis: self.at },
            6..=8 => Event::Settled { op: self.op(), result: self.result() },
            9..=11 => Event::Noted(Box::new(self.noted())),
            12 => Event::Moved { to: self.phase() },
            13 => Event::Proven { generation: self.generation(), instances: self.draw.number(), evidence: Digest::of(b"x") },
            14 => Event::Ended { outcome: self.outcome() },
            _ if self.draw.flag() => Event::Renewed { op: self.op(), basis: self.at },
            _ => Event::Heard {
                command: CommandId::of("x"),
                by: "sam".into(),
                inbox: StreamVersion(self.state.inbox_read().0 + u64::from(self.draw.below(8) > 0)),
                refused: self.draw.flag().then(|| "why".into()),
            },
        }
    }

    fn opened(&mut self) -> Event {
        let rollout = self.state.next_rollout();
        match (super::plans::plan(&mut self.draw, &self.state), self.state.rollout()) {
            (Ok(plan), _) => Event::Opened { rollout, plan: Box::new(plan) },
            (Err(_), Some(running)) => Event::Opened { rollout, plan: Box::new((*running.plan).clone()) },
            (Err(_), None) => Event::Renewed { op: OpId(0), basis: self.at },
        }
    }

    fn generation(&mut self) -> GenerationId {
        GenerationId(if self.draw.below(16) == 0 { self.draw.number() } else { u32::from(self.draw.below(3)) + 1 })
    }

    fn group(&mut self) -> GroupId {
        GroupId { generation: self.generation(), cell: self.draw.pick(&[0, 0, 0, 1, 2, u16::MAX]) }
    }

    fn key(&mut self) -> InstanceKey {
        let key = InstanceKey::named(self.draw.pick(&["a", "b", "c", "d", ""]));
        if self.draw.below(8) == 0 { key.incarnation("1") } else { key }
    }

    fn keys(&mut self) -> BTreeSet<InstanceKey> {
        (0..self.draw.below(4)).map(|_| self.key()).collect()
    }

    fn next_op(&mut self) -> OpId {
        OpId(if self.draw.below(16) == 0 { self.draw.number().into() } else { self.owed + 1 })
    }

    fn op(&mut self) -> OpId {
        let owed: Vec<_> = self.state.owed().map(|(op, _)| op).chain([OpId(0)]).collect();
        self.draw.pick(&owed)
    }

    fn call(&mut self) -> Call {
        match self.draw.below_or(6, 2) {
            6 => {
                let pool = self.draw.pick(&["web", "api"]).into();
                let weights = self.weights();
                match Route::new(pool, RouteTag("tag".into()), weights) {
                    Ok(route) => Call::Route(Arc::new(route)),
                    Err(_) => Call::Destroy(self.generation()),
                }
            }
            7 => Call::Drain { pool: "web".into(), group: self.group(), leaving: Arc::new(self.keys()) },
            0 => Call::Upkeep(self.generation(), Upkeep { heal: self.draw.flag(), ..Upkeep::NONE }),
            1 => Call::Destroy(self.generation()),
            2 => match self.state.rollout().map(|rollout| rollout.plan.wanted().clone()) {
                Some(Wanted::New(spec)) => Call::Ensure(if self.draw.flag() {
                    spec
                } else {
                    Arc::new(GenerationSpec { id: self.generation(), ..(*spec).clone() })
                }),
                _ => Call::Destroy(self.generation()),
            },
            kind => {
                let group = self.group();
                let from = self.state.slots(group).map_or(0, |slots| slots.size);
                Call::Resize(Arc::new(match kind {
                    3 => Resize::Raise { group, from, to: from.saturating_add(self.draw.number()) },
                    4 => Resize::GiveUp { group, from, to: from.saturating_sub(self.draw.number()) },
                    _ => Resize::Lower { group, from, leave: self.keys() },
                }))
            }
        }
    }

    fn result(&mut self) -> OpResult {
        let echo_until = self.draw.flag().then(|| self.at + self.draw.duration());
        let size = self.draw.flag().then(|| self.draw.number());
        match self.draw.below(6) {
            0 => OpResult::Accepted { ticket: Ticket("t".into()), echo_until },
            1 => OpResult::Unknown { echo_until },
            2 => {
                let retry = match self.draw.below(3) {
                    0 => Retry::Never,
                    1 => Retry::Backoff,
                    _ => Retry::After(self.draw.duration()),
                };
                OpResult::Failed(Refused { kind: ErrorKind::Conflict, retry, what: "why".into(), found: size, echo_until })
            }
            _ => {
                let refusals = [Refusal::Held, Refusal::NotMember];
                let refused = self.keys().into_iter().map(|key| (key, self.draw.pick(&refusals))).collect();
                OpResult::Done { size, refused, echo_until, removed: self.draw.pick(&[None, Some(true), Some(false)]) }
            }
        }
    }

    fn noted(&mut self) -> Noted {
        let mut noted = Noted::default();
        for _ in 0..=self.draw.below(4) {
            let group = self.group();
            // Not always in order, nor each once.
            let mut keys: Vec<_> = self.keys().into_iter().collect();
            if self.draw.below(8) == 0 {
                keys.reverse();
                keys.extend(keys.first().cloned());
            }
            match self.draw.below_or(10, 1) {
                10 => noted.weights = Some(self.weights()),
                0 | 1 => _ = noted.appeared.insert(group, keys),
                2 => _ = noted.healthy.insert(group, keys),
                3 => _ = noted.unhealthy.insert(group, keys),
                4 => _ = noted.gone.insert(group, keys),
                5 => _ = noted.sizes.insert(group, self.draw.number()),
                6 => noted.charged.push(Charge {
                    group,
                    instance: keys.pop(),
                    incident: self.draw.flag().then(|| "i".into()),
                    class: self.draw.pick(&[FailureClass::Health, FailureClass::Capacity, FailureClass::Unknown]),
                    what: "why".into(),
                }),
                7 => noted.exercised.push(group.generation),
                8 => noted.absent.push(group.generation),
                _ => noted.progress = Some(self.draw.number()),
            }
        }
        noted
    }

    fn phase(&mut self) -> Phase {
        let give_up_at = self.at + self.draw.duration();
        let at = StepState::Moving { give_up_at };
        match self.draw.below_or(8, 3) {
            8 => Phase::Stepping {
                step: StepIx(self.draw.pick(&[0, 1, 2, u16::MAX])),
                at: match self.draw.pick(&[0, 1, 2]) {
                    0 => StepState::Lost { give_up_at },
                    more => StepState::Gating { since: self.at, until: (more > 1).then_some(give_up_at) },
                },
            },
            9 => {
                let phase = self.state.rollout().map_or(Phase::Preparing { give_up_at }, |rollout| rollout.phase.clone());
                Phase::Held { why: Hold::Paused { by: "ann".into() }, resume: Box::new(phase), since: self.at }
            }
            10 => Phase::Finishing { ending: Ending::Keep, give_up_at },
            0 => Phase::Preparing { give_up_at },
            1 | 2 => Phase::Stepping { step: StepIx(self.draw.pick(&[0, 0, 1, u16::MAX])), at },
            3 => Phase::Reverting { why: RevertCause::Deadline, to: self.generation(), at },
            4 => Phase::Held {
                why: Hold::Needs(Need::StuckLeaving { why: "it is protected".into() }),
                resume: Box::new(Phase::Preparing { give_up_at }),
                since: self.at,
            },
            _ => Phase::Finishing { ending: self.ending(), give_up_at },
        }
    }

    fn ending(&mut self) -> Ending {
        match self.draw.below(5) {
            0 => Ending::Forward,
            1 => Ending::Back { to: self.generation() },
            2 => Ending::Mixed,
            3 => Ending::Nothing,
            _ => Ending::Refused { why: "why".into() },
        }
    }

    fn outcome(&mut self) -> Outcome {
        match self.draw.below(7) {
            0 => Outcome::Succeeded,
            1 => Outcome::Unexercised,
            2 => Outcome::RolledBack,
            3 => Outcome::LeftMixed,
            4 => Outcome::TornDown,
            5 => Outcome::Refused("why".into()),
            _ => Outcome::Needs(Need::StuckLeaving { why: "it is protected".into() }),
        }
    }
}
