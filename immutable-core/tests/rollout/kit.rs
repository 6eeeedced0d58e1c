//! A fleet's state, made by folding events, and the times and specs that the tables share.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use immutable_core::artifact::{Built, Provenance};
use immutable_core::error::{ErrorKind, Retry};
use immutable_core::fleet::{
    Drains, Fleet, FleetCapabilities, GenerationId, GenerationSpec, GroupId, Heals, Refusal, Release, Resize, Route, RouteTag,
    Split, TrafficCapabilities, Upkeep,
};
use immutable_core::id::{Actor, Epoch, InstanceKey, OpId, OwnerId, RolloutId, StepIx};
use immutable_core::rollout::{
    Basis, Call, Ending, Event, FleetState, Hold, Noted, OpResult, Outcome, Phase, Plan, PlanFor, Recorded, Refused, StepState,
    Strategy, Wanted,
};
use immutable_core::{Artifact, Digest, ImageRef, Place, Timestamp};

pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// The moment at which every table begins.
pub(super) fn start() -> Timestamp {
    "2026-11-21T09:00:00Z".parse().unwrap()
}

pub(super) fn place() -> Place {
    Place::new("memory", "local", "local").unwrap()
}

pub(super) fn image(version: &str) -> String {
    format!("img-{version}")
}

fn built(version: &str) -> Built {
    Built::new(Provenance::new("test", version)).image(ImageRef::new(place(), &*image(version)))
}

pub(super) fn artifact(version: &str) -> Artifact {
    Artifact::new("acmeinc/web".parse().unwrap(), version.parse().unwrap(), built(version)).unwrap()
}

/// The same, marked: there is no way back from it.
pub(super) fn irreversible(version: &str, mark: &str) -> Artifact {
    Artifact::new("acmeinc/web".parse().unwrap(), version.parse().unwrap(), built(version).irreversible(mark)).unwrap()
}

pub(super) fn key(name: &str) -> InstanceKey {
    InstanceKey::named(name)
}

pub(super) fn keys(names: &str) -> BTreeSet<InstanceKey> {
    names.split_whitespace().map(key).collect()
}

pub(super) fn group(generation: u32) -> GroupId {
    GroupId { generation: GenerationId(generation), cell: 0 }
}

pub(super) fn capabilities(heals: Heals) -> FleetCapabilities {
    FleetCapabilities { group_size_max: 100, zonal: true, heals, request_lifetime: Duration::ZERO, adopt: false }
}

pub(super) fn done(size: impl Into<Option<u32>>) -> OpResult {
    OpResult::Done { size: size.into(), refused: Vec::new(), echo_until: None, removed: None }
}

pub(super) fn removed() -> OpResult {
    OpResult::Done { size: None, refused: Vec::new(), echo_until: None, removed: Some(true) }
}

pub(super) fn held_back(size: u32, names: &str) -> OpResult {
    let refused = keys(names).into_iter().map(|key| (key, Refusal::Held)).collect();
    OpResult::Done { size: Some(size), refused, echo_until: None, removed: None }
}

pub(super) fn raise(generation: u32, from: u32, to: u32) -> Call {
    Call::Resize(Arc::new(Resize::Raise { group: group(generation), from, to }))
}

pub(super) fn lower(generation: u32, from: u32, leave: &str) -> Call {
    Call::Resize(Arc::new(Resize::Lower { group: group(generation), from, leave: keys(leave) }))
}

pub(super) fn give_up(generation: u32, from: u32, to: u32) -> Call {
    Call::Resize(Arc::new(Resize::GiveUp { group: group(generation), from, to }))
}

/// The same, with a stop at the half.
pub(super) fn in_two_steps(strategy: &Strategy) -> Strategy {
    let mut json = serde_json::to_value(strategy).unwrap();
    json["steps"] = serde_json::json!([{ "scale": { "to": "50%" } }, { "scale": { "to": "100%" } }]);
    serde_json::from_value(json).unwrap()
}

/// A fleet's state at a moment, and every record it was made from.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) state: FleetState,
    pub(super) records: Vec<Recorded>,
    pub(super) now: Timestamp,
    pub(super) fleet: Fleet,
    pub(super) strategy: Strategy,
    pub(super) heals: Heals,
    pub(super) switch: Option<TrafficCapabilities>,
}

/// A pool that divides traffic so: a route is in force everywhere after 10 s, and instances can finish their requests.
pub(super) fn switch(split: Split) -> TrafficCapabilities {
    let settle = Duration::from_secs(10);
    TrafficCapabilities { split, settle, probes_unrouted: true, drains: Drains::Named, request_lifetime: Duration::ZERO }
}

pub(super) fn route(weights: &[(u32, u16)]) -> Call {
    let weights = weights.iter().map(|(id, weight)| (GenerationId(*id), *weight)).collect();
    Call::Route(Arc::new(Route::new("web".into(), RouteTag("old".into()), weights).unwrap()))
}

pub(super) fn upkeep(generation: u32) -> Call {
    Call::Upkeep(GenerationId(generation), Upkeep::default())
}

pub(super) fn paused() -> Hold {
    Hold::Paused { by: Actor::new("sam") }
}

pub(super) fn drain(generation: u32, names: &str) -> Call {
    Call::Drain { pool: "web".into(), group: group(generation), leaving: Arc::new(keys(names)) }
}

impl Stage {
    /// A fleet that never was.
    pub(super) fn empty(fleet: Fleet, strategy: Strategy) -> Self {
        let state = FleetState::new(fleet.id().clone());
        Self { state, records: Vec::new(), now: start(), fleet, strategy, heals: Heals::Switchable, switch: None }
    }

    /// Of this size, ready after 10 s, down after 10 min.
    pub(super) fn fleet(size: u32) -> Fleet {
        Fleet::new("web", place()).size(size)
    }

    /// On the way to 1.1.0 as generation 2, which is made and has nothing yet: generation 1, of 1.0.0, is proven and has `a b c`, all
    /// of them ready.
    pub(super) fn rolling(strategy: Strategy) -> Self {
        Self::rolling_of(Self::fleet(3), strategy)
    }

    pub(super) fn rolling_of(fleet: Fleet, strategy: Strategy) -> Self {
        let mut stage = Self::proven_of(fleet, strategy);
        stage.open("1.1.0");
        stage.claim();
        stage.make(2);
        stage.step();
        stage
    }

    /// Generation 1, of 1.0.0, is proven and has as many of `a b c d e` as the fleet is to have, all ready; no rollout runs.
    pub(super) fn proven_of(fleet: Fleet, strategy: Strategy) -> Self {
        let size = fleet.desired();
        let mut stage = Self::empty(fleet, strategy);
        stage.open("1.0.0");
        stage.claim();
        stage.make(1);
        stage.step();
        let names: Vec<_> = "a b c d e".split(' ').take(size as usize).collect();
        if size > 0 {
            stage.owe(raise(1, 0, size));
            stage.settle(done(size));
        }
        stage.appear(1, &names.join(" "));
        stage.healthy(1, &names.join(" "));
        stage.pass(30);
        stage.note(|noted| noted.exercised.push(GenerationId(1)));
        stage.owe(Call::Upkeep(GenerationId(1), Upkeep::default()));
        stage.settle(done(None));
        stage.apply(Event::Proven { generation: GenerationId(1), instances: size.max(1), evidence: Digest::of(b"as read") });
        stage.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: stage.now + 60 * MINUTE });
        stage.apply(Event::Ended { outcome: Outcome::Succeeded });
        stage
    }

    /// As [`rolling_of`](Self::rolling_of), behind a pool that gives generation 1 all its traffic.
    pub(super) fn routed(size: u32, strategy: Strategy, split: Split) -> Self {
        let mut stage = Self::proven_of(Self::fleet(size), Strategy::rolling());
        (stage.strategy, stage.switch) = (strategy, Some(switch(split)));
        stage.fleet = stage.fleet.pool("web");
        stage.open("1.1.0");
        stage.claim();
        let all = if let Split::Weighted { parts, .. } = split { parts } else { 1 };
        stage.owe(route(&[(1, all)]));
        stage.settle(done(None));
        stage.pass(20);
        stage.make(2);
        stage.step();
        stage
    }

    /// As [`rolling`](Self::rolling), to a release from which there is no way back.
    pub(super) fn irreversible(mark: &str) -> Self {
        let mut stage = Self::proven_of(Self::fleet(3), Strategy::rolling());
        let artifact = irreversible("1.1.0", mark);
        let capabilities = capabilities(stage.heals);
        let (fleet, strategy) = (&stage.fleet, &stage.strategy);
        let wish = PlanFor { fleet, artifact: &artifact, strategy, capabilities: &capabilities, switch: None };
        let plan = Box::new(Plan::new(&stage.state, wish).unwrap());
        assert_eq!(plan.rollback().to_string(), format!("impossible: there is no way back from it, {mark}"));
        stage.apply(Event::Opened { rollout: stage.state.next_rollout(), plan });
        stage.claim();
        stage.make(2);
        stage.step();
        stage
    }

    /// On the way to a first release, 1.0.0 as generation 1, which is made and has nothing yet.
    pub(super) fn first(fleet: Fleet, strategy: Strategy) -> Self {
        let mut stage = Self::empty(fleet, strategy);
        stage.open("1.0.0");
        stage.claim();
        stage.make(1);
        stage.step();
        stage
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    pub(super) fn recorded(&self, event: Event) -> Recorded {
        let claims = u64::from(matches!(event, Event::Claimed { .. }));
        Recorded { v: 1, at: self.now, epoch: Epoch(self.state.epoch().0 + claims), event }
    }

    #[track_caller]
    pub(super) fn apply(&mut self, event: Event) {
        let recorded = self.recorded(event);
        self.state.evolve(&recorded).unwrap_or_else(|illegal| panic!("{illegal}: {recorded:?}"));
        self.records.push(recorded);
    }

    pub(super) fn plan(&self, version: &str) -> Plan {
        self.planned(version).unwrap()
    }

    pub(super) fn planned(&self, version: &str) -> immutable_core::Result<Plan> {
        let capabilities = capabilities(self.heals);
        let artifact = artifact(version);
        let wish = PlanFor {
            fleet: &self.fleet,
            artifact: &artifact,
            strategy: &self.strategy,
            capabilities: &capabilities,
            switch: self.switch.as_ref(),
        };
        Plan::new(&self.state, wish)
    }

    /// The release of a version, with this fleet's template.
    pub(super) fn plan_of(&self, version: &str) -> Release {
        Release { artifact: artifact(version).digest(), template: self.fleet.launch_template().digest() }
    }

    #[track_caller]
    pub(super) fn open(&mut self, version: &str) {
        let plan = Box::new(self.plan(version));
        self.apply(Event::Opened { rollout: self.state.next_rollout(), plan });
    }

    pub(super) fn claim(&mut self) {
        self.apply(Event::Claimed { owner: OwnerId::new("one"), echo_until: self.now });
    }

    /// Makes the generation of the rollout's plan.
    #[track_caller]
    pub(super) fn make(&mut self, id: u32) {
        let plan = self.state.rollout().unwrap().plan.clone();
        let Wanted::New(spec) = plan.wanted() else { panic!("the plan makes nothing") };
        let heal = self.heals == Heals::Always && spec.upkeep.heal;
        let spec = GenerationSpec { upkeep: Upkeep { heal, ..Upkeep::NONE }, ..(**spec).clone() };
        assert_eq!(spec.id, GenerationId(id));
        self.owe(Call::Ensure(Arc::new(spec)));
        self.settle(done(None));
    }

    pub(super) fn step(&mut self) {
        let give_up_at = self.now + 20 * MINUTE;
        self.moved(Phase::Stepping { step: StepIx(0), at: StepState::Moving { give_up_at } });
    }

    #[track_caller]
    pub(super) fn moved(&mut self, to: Phase) {
        self.apply(Event::Moved { to });
    }

    pub(super) fn next_op(&self) -> OpId {
        let owed = self.records.iter().filter(|recorded| matches!(recorded.event, Event::Owed { .. }));
        OpId(1 + owed.count() as u64)
    }

    #[track_caller]
    pub(super) fn owe(&mut self, call: Call) -> OpId {
        let op = self.next_op();
        self.apply(Event::Owed { op, call, basis: self.now });
        op
    }

    /// Answers the call of the newest number.
    #[track_caller]
    pub(super) fn settle_last(&mut self, result: OpResult) {
        let op = self.state.owed().map(|(id, _)| id).last().unwrap();
        self.apply(Event::Settled { op, result });
    }

    /// Answers the last call.
    #[track_caller]
    pub(super) fn settle(&mut self, result: OpResult) {
        let op = OpId(self.next_op().0 - 1);
        self.apply(Event::Settled { op, result });
    }

    #[track_caller]
    pub(super) fn note(&mut self, with: impl FnOnce(&mut Noted)) {
        let mut noted = Noted::default();
        with(&mut noted);
        self.apply(Event::Noted(Box::new(noted)));
    }

    #[track_caller]
    pub(super) fn appear(&mut self, generation: u32, names: &str) {
        self.note(|noted| drop(noted.appeared.insert(group(generation), keys(names).into_iter().collect())));
    }

    #[track_caller]
    pub(super) fn healthy(&mut self, generation: u32, names: &str) {
        self.note(|noted| drop(noted.healthy.insert(group(generation), keys(names).into_iter().collect())));
    }

    #[track_caller]
    pub(super) fn gone(&mut self, generation: u32, names: &str) {
        self.note(|noted| drop(noted.gone.insert(group(generation), keys(names).into_iter().collect())));
    }

    /// Raises a group and lets the named appear in it.
    #[track_caller]
    pub(super) fn launch(&mut self, generation: u32, names: &str) {
        let size = self.state.slots(group(generation)).unwrap().size;
        let to = size + keys(names).len() as u32;
        self.owe(raise(generation, size, to));
        self.settle(done(to));
        self.appear(generation, names);
    }

    /// Launches the named, which are ready 10 s later.
    #[track_caller]
    pub(super) fn ready(&mut self, generation: u32, names: &str) {
        self.launch(generation, names);
        self.healthy(generation, names);
        self.note(|noted| noted.exercised.push(GenerationId(generation)));
        self.pass(10);
    }

    /// Names some to leave, and the provider does it.
    #[track_caller]
    pub(super) fn retire(&mut self, generation: u32, names: &str) {
        let size = self.state.slots(group(generation)).unwrap().size;
        self.owe(lower(generation, size, names));
        self.settle(done(size - keys(names).len() as u32));
    }

    /// What of a generation was deleted its provider would not make again: half a minute ago.
    #[track_caller]
    pub(super) fn not_mended(&mut self, generation: u32) {
        let spec = self.state.generations()[&GenerationId(generation)].spec.clone();
        self.owe(Call::Ensure(spec));
        let (kind, retry) = (ErrorKind::Taken, Retry::Never);
        self.settle(OpResult::Failed(Refused { kind, retry, what: "taken".into(), found: None, echo_until: None }));
        self.pass(30);
    }

    pub(super) fn rollout(&self) -> RolloutId {
        self.state.rollout().unwrap().id
    }

    pub(super) fn basis(&self) -> Basis {
        Basis::of(&self.state)
    }
}
