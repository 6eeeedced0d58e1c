//! The rules, each weakened on purpose: the oracle that judges whole rollouts must see it.
//!
//! A closed loop over `decide_by`, `settle` and `evolve`, and a cloud in memory; what the driver adds is not needed for it.

#[path = "../../../tests/rollout/oracle.rs"]
mod oracle;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use immutable_core::Artifact;
use immutable_core::memory::{Delay, MemoryCloud, MemoryOptions};
use immutable_core::provider::FleetProvider;

use super::proposal::Proposal;
use super::view::{GroupView, View};
use super::{RULES, Rule, decide_by, refill, retire};
use crate::fleet::{Ensured, Fleet, FleetId, GroupId, Resize};
use crate::id::{Epoch, OpId, OwnerId};
use crate::rollout::{Call, Event, Facts, FleetState, OpResult, Outcome, Plan, PlanFor, Recorded, Seen, Strategy, settle};
use crate::time::{Clock, Timestamp, VirtualClock};
use oracle::{Promise, Truth};

const TICK: Duration = Duration::from_secs(5);

/// A fleet that is driven tick by tick under a table of rules.
struct Loop {
    rules: Vec<(&'static str, Rule)>,
    clock: VirtualClock,
    cloud: MemoryCloud,
    fleet: Fleet,
    state: FleetState,
    earlier: BTreeMap<GroupId, u32>,
    facts: Facts,
    truth: Truth,
    promise: Promise,
}

impl Loop {
    fn new(rules: Vec<(&'static str, Rule)>, seed: u64, size: u32) -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_000_000));
        let boot = Delay::Uniform(Duration::from_secs(20), Duration::from_secs(90));
        let cloud = MemoryCloud::with(MemoryOptions::seeded(seed).clock(clock.clone()).boot(boot).effects(100_000));
        let fleet = Fleet::new("web", cloud.place()).size(size).boot_deadline(Duration::from_secs(300));
        let promise = Promise {
            fleet: fleet.id().clone(),
            floor: 0,
            ceiling: 0,
            min_ready: fleet.health().min_ready,
            probe_attempts: 1,
            exercised: Default::default(),
            runs: Default::default(),
        };
        let (earlier, facts, truth) = Default::default();
        Self { rules, clock, cloud, state: FleetState::new(fleet.id().clone()), fleet, earlier, facts, truth, promise }
    }

    fn apply(&mut self, event: Event) {
        let claims = u64::from(matches!(event, Event::Claimed { .. }));
        let epoch = Epoch(self.state.epoch().0 + claims);
        let recorded = Recorded { v: 1, at: self.clock.now(), epoch, event };
        self.state.evolve(&recorded).unwrap_or_else(|illegal| panic!("{illegal}: {recorded:?}"));
    }

    fn open(&mut self, artifact: &Artifact, strategy: &Strategy) {
        let capabilities = self.cloud.capabilities();
        let plan = Plan::new(&self.state, PlanFor { fleet: &self.fleet, artifact, strategy, capabilities }).unwrap();
        let budget = plan.budget();
        (self.promise.floor, self.promise.ceiling) = (budget.floor, budget.ceiling);
        self.promise.runs.insert(plan.wanted().id(), artifact.digest());
        self.facts.good.insert(artifact.digest());
        self.apply(Event::Opened { rollout: self.state.next_rollout(), plan: Box::new(plan) });
        self.apply(Event::Claimed { owner: OwnerId::new("loop"), echo_until: self.clock.now() });
    }

    /// One look, what follows from it, and what the oracle says of that.
    fn tick(&mut self) -> Result<(), String> {
        let clock = self.clock.clone();
        clock.run(clock.sleep_until(clock.now() + TICK));
        let (cloud, now) = (self.cloud.clone(), clock.now());
        let known = self.state.known_groups();
        let seen = clock.run(FleetProvider::observe(&cloud, self.fleet.id(), &known)).unwrap();
        let facts = Facts { as_of: now, ..self.facts.clone() };
        for _ in 0..16 {
            let look = Seen::new(&seen, now).facts(&facts).earlier(&self.earlier);
            let events = decide_by(&self.rules, &self.state, &look, now).events;
            let moved = events.iter().any(|event| matches!(event, Event::Moved { .. }));
            events.into_iter().for_each(|event| self.apply(event));
            if !moved {
                break;
            }
        }
        let whole = seen.groups.iter().filter(|group| group.coverage == crate::fleet::Coverage::Whole);
        self.earlier.extend(whole.map(|group| (group.group, group.instances.len() as u32)));
        let owed: Vec<(OpId, Call)> = self.state.owed().map(|(op, owed)| (op, owed.call.clone())).collect();
        for (op, call) in owed {
            let result = clock.run(send(&cloud, self.fleet.id(), op, &call));
            settle(&self.state, op, result).into_iter().for_each(|event| self.apply(event));
        }
        self.truth.follow(&self.cloud.take_effects(), &mut self.promise)
    }

    /// Until the rollout is over; `meanwhile` is told how many ticks have passed.
    fn run(&mut self, meanwhile: impl Fn(&MemoryCloud, u32)) -> Result<Option<Outcome>, String> {
        for tick in 0..720 {
            meanwhile(&self.cloud, tick);
            self.tick()?;
            if self.state.rollout().is_none() {
                return Ok(self.state.last().map(|(_, outcome)| outcome.clone()));
            }
        }
        Ok(None)
    }
}

async fn send(cloud: &MemoryCloud, fleet: &FleetId, op: OpId, call: &Call) -> OpResult {
    let op = crate::fleet::Op::new(fleet, op, Epoch(1));
    let done = |size| OpResult::Done { size, refused: Vec::new(), echo_until: None, removed: None };
    let failed = |error: crate::error::Error| {
        OpResult::Failed(crate::rollout::Refused {
            kind: error.kind(),
            retry: error.retry(),
            what: error.to_string().into(),
            found: error.found(),
            echo_until: None,
        })
    };
    match call {
        Call::Ensure(spec) => match cloud.ensure_generation(&op, spec).await {
            Ok(Ensured::AlreadyOurs | Ensured::Created { .. }) => done(None),
            Err(error) => failed(error),
        },
        Call::Resize(resize) => match cloud.resize(&op, resize).await {
            Ok(resized) => done(Some(resized.size)),
            Err(error) => failed(error),
        },
        Call::Upkeep(generation, upkeep) => {
            cloud.set_upkeep(&op, *generation, *upkeep).await.map_or_else(failed, |()| done(None))
        }
        Call::Destroy(generation) => match cloud.destroy_generation(&op, *generation).await {
            Ok(_) => OpResult::Done { size: None, refused: Vec::new(), echo_until: None, removed: Some(true) },
            Err(error) => failed(error),
        },
    }
}

/// The table, with one rule replaced.
fn with(name: &str, rule: Rule) -> Vec<(&'static str, Rule)> {
    assert!(RULES.iter().any(|(known, _)| *known == name), "there is no rule {name}");
    RULES.iter().map(|(known, sound)| (*known, if *known == name { rule } else { *sound })).collect()
}

/// Two rollouts, the second under these rules, with what goes wrong in it.
fn play(rules: Vec<(&'static str, Rule)>, seed: u64) -> Result<Option<Outcome>, String> {
    let size = 2 + (seed % 4) as u32;
    let mut driven = Loop::new(RULES.to_vec(), seed, size);
    let (one, two) = (driven.cloud.bake("acmeinc/web", "1.0.0").unwrap(), driven.cloud.bake("acmeinc/web", "1.1.0").unwrap());
    let surge = 1 + (seed / 4 % 2) as u32;
    let strategy = Strategy::rolling().max_surge(surge).max_unavailable((seed / 8 % 2) as u32);
    driven.open(&one, &strategy);
    assert_eq!(driven.run(|_, _| {}), Ok(Some(Outcome::Succeeded)));
    driven.rules = rules;
    driven.open(&two, &strategy);
    let end = driven.run(|cloud, tick| match tick {
        12 => cloud.black_out(Duration::from_secs(60)),
        30 => cloud.launches_come_short(1),
        _ => {}
    })?;
    match driven.truth.ops().find(|(_, [_, _, sized])| *sized > 1) {
        Some((op, _)) => Err(format!("op {op} took effect twice")),
        None => Ok(end),
    }
}

const SEEDS: std::ops::Range<u64> = 0..16;

#[test]
fn as_they_are_they_break_nothing() {
    for seed in SEEDS {
        assert_eq!(play(RULES.to_vec(), seed), Ok(Some(Outcome::Succeeded)), "seed {seed}");
    }
}

/// The weakened table is caught in one of the seeds, by the oracle that is meant to.
#[track_caller]
fn caught(rules: Vec<(&'static str, Rule)>, by: &str) {
    let breaches: Vec<String> = SEEDS.filter_map(|seed| play(rules.clone(), seed).err()).collect();
    assert!(breaches.iter().any(|why| why.starts_with(by)), "nothing of {by} in {breaches:?}");
}

/// Raises the wanted group by as much as `more` says.
fn raise(view: &View<'_>, proposal: &mut Proposal, more: impl Fn(u32) -> u32, counted: fn(&GroupView<'_>) -> u32) {
    let Some((aim, wanted)) = proposal.aim.and_then(|aim| Some((aim, aim.wanted?))) else { return };
    let group = GroupId { generation: wanted, cell: 0 };
    let missing = aim.goal.saturating_sub(view.sum(wanted, counted)).min(proposal.probe.unwrap_or(u32::MAX));
    let from = view.groups.get(&group).map_or(0, |group| group.size);
    let to = from + more(missing);
    if to > from && proposal.may_write(view, group) {
        proposal.call(view, Call::Resize(Arc::new(Resize::Raise { group, from, to })));
    }
}

#[test]
fn a_refill_without_the_ceiling_is_caught() {
    fn rule(view: &View<'_>, proposal: &mut Proposal) {
        raise(view, proposal, |missing| missing, |group| group.promised());
    }
    caught(with("refill", rule), "ceiling");
}

#[test]
fn a_refill_that_does_not_count_what_was_promised_is_caught() {
    fn rule(view: &View<'_>, proposal: &mut Proposal) {
        let seen: u32 = view.groups.values().map(|group| group.members() + group.leavers).sum();
        let room = view.budget.ceiling.saturating_sub(seen);
        raise(view, proposal, |missing| missing.min(room), |group| group.members());
    }
    caught(with("refill", rule), "ceiling");
}

#[test]
fn a_retirement_without_the_floor_is_caught() {
    fn rule(view: &View<'_>, proposal: &mut Proposal) {
        let aim = proposal.aim;
        if let Some(aim) = &mut proposal.aim {
            aim.floor = 0;
        }
        retire::rule(view, proposal);
        proposal.aim = aim;
    }
    caught(with("retire", rule), "floor");
}

#[test]
fn a_retirement_that_takes_unknown_for_down_is_caught() {
    fn rule(view: &View<'_>, proposal: &mut Proposal) {
        let others: Vec<_> =
            view.groups.iter().filter(|(id, _)| Some(id.generation) != proposal.aim.and_then(|aim| aim.wanted)).collect();
        for (id, group) in others {
            if proposal.aim.is_some() && proposal.probe.is_none() && !group.doubt.is_empty() && proposal.may_write(view, *id) {
                let leave = group.doubt.iter().map(|key| (*key).clone()).collect();
                proposal.call(view, Call::Resize(Arc::new(Resize::Lower { group: *id, from: group.size, leave })));
            }
        }
        retire::rule(view, proposal);
    }
    caught(with("retire", rule), "floor");
}

#[test]
fn a_launch_without_a_probe_is_caught() {
    fn rule(_: &View<'_>, _: &mut Proposal) {}
    caught(with("probe", rule), "probe");
    fn again(view: &View<'_>, proposal: &mut Proposal) {
        refill::rule(view, proposal);
    }
    assert!(SEEDS.into_iter().all(|seed| play(with("refill", again), seed).is_ok()), "the same rule, wrapped, breaks nothing");
}
