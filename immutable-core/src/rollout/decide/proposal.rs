//! What the rules have proposed so far, and what becomes of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Decision;
use super::drift::withhold;
use super::rollback::irreversible;
use super::traffic::Weights;
use super::view::View;
use crate::fleet::{GenerationId, GroupId};
use crate::id::{OpId, StepIx};
use crate::rollout::event::{Call, Event};
use crate::rollout::phase::{Ending, Hold, Outcome, Phase};
use crate::rollout::report::{Blocker, Counts, Feasibility, Report};
use crate::rollout::state::RolloutState;
use crate::rollout::strategy::Goal;
use crate::time::Timestamp;

/// Where the phase goes: how many instances of which generation, and how many of all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Aim {
    /// The generation that is wanted; `None` if all are to go.
    pub(super) wanted: Option<GenerationId>,
    /// How many instances it has in the end.
    pub(super) goal: u32,
    /// How many the others have in the end.
    pub(super) others: u32,
    /// How many must stay ready on the way.
    pub(super) floor: u32,
    /// Whether the others leave before anything is launched.
    pub(super) first: bool,
    /// Which part of which whole of the traffic the wanted generation is to have.
    pub(super) share: (u32, u32),
    /// Set if only one generation is to go.
    only: Option<GenerationId>,
    /// How many must stay ready in each zone.
    pub(super) zone_floor: u32,
    /// In how many of the fleet's zones, the first of them, instances are replaced; `None` if in all.
    pub(super) open: Option<u16>,
}

impl Aim {
    /// Whether a generation is one of those that are to shrink.
    pub(super) fn leaves(&self, id: GenerationId) -> bool {
        self.only.map_or(Some(id) != self.wanted, |only| id == only)
    }

    /// Whether zones have a floor each, or a turn.
    pub(super) fn counts_zones(&self) -> bool {
        self.zone_floor > 0 || self.open.is_some()
    }

    /// Whether it is a zone's turn. What is in none of the fleet's zones need not wait for one.
    pub(super) fn is_open(&self, zone: Option<u16>) -> bool {
        self.open.zip(zone).is_none_or(|(open, zone)| zone < open)
    }
}

pub(super) struct Proposal {
    /// What the phase moves towards; `None` if nothing moves.
    pub(super) aim: Option<Aim>,
    /// What it moves towards, or will when a pause is over: by this what is owed is judged.
    pub(super) promised: Option<Aim>,
    /// Events about calls that are owed already.
    pub(super) judged: Vec<Event>,
    /// How many the wanted generation may be raised by, if it is on probation.
    pub(super) probe: Option<u32>,
    /// How many of the others may be named to leave, if the wanted generation is on probation.
    pub(super) spare_for_probe: Option<u32>,
    /// How many spares there may be, beside those that boot for too long.
    pub(super) spares: u32,
    /// Whether the gate that is waited for is open.
    pub(super) gate_open: bool,
    /// The route that is proposed.
    pub(super) route: Option<Weights>,
    /// What somebody else has changed.
    pub(super) drift: Vec<Arc<str>>,
    /// Another size.
    resized: Option<Event>,
    /// Calls to owe.
    calls: Vec<Call>,
    taken: BTreeSet<GroupId>,
    to: Option<Phase>,
    proven: Option<Event>,
    ended: Option<Outcome>,
    waits: Vec<Blocker>,
    wake: Option<Timestamp>,
}

impl Proposal {
    pub(super) fn new(view: &View<'_>) -> Self {
        Self {
            aim: view.rollout().and_then(|rollout| aim(view, rollout, &rollout.phase)),
            promised: view.rollout().and_then(|rollout| aim(view, rollout, rollout.phase.under())),
            judged: Vec::new(),
            probe: None,
            spare_for_probe: None,
            spares: 0,
            gate_open: false,
            route: None,
            drift: Vec::new(),
            resized: None,
            calls: Vec::new(),
            taken: BTreeSet::new(),
            to: None,
            proven: None,
            ended: None,
            waits: Vec::new(),
            wake: view.wake,
        }
    }

    /// Whether another phase, another size or an end is proposed: the rules that follow wait for it.
    pub(super) fn moves(&self) -> bool {
        self.to.is_some() || self.ended.is_some() || self.resized.is_some()
    }

    pub(super) fn resize(&mut self, resized: Event) {
        self.resized = Some(resized);
    }

    pub(super) fn open_gate(&mut self) {
        self.gate_open = true;
    }

    pub(super) fn move_to(&mut self, phase: Phase) {
        self.to = Some(phase);
    }

    pub(super) fn end(&mut self, outcome: Outcome) {
        self.ended = Some(outcome);
    }

    pub(super) fn prove(&mut self, proven: Event) {
        self.proven = Some(proven);
    }

    pub(super) fn wait(&mut self, blocker: Blocker) {
        if !self.waits.contains(&blocker) {
            self.waits.push(blocker);
        }
    }

    pub(super) fn wake_at(&mut self, view: &View<'_>, at: Timestamp) {
        if at > view.now {
            self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
        }
    }

    /// Whether a call about this group is proposed.
    pub(super) fn takes(&self, id: GroupId) -> bool {
        self.taken.contains(&id)
    }

    /// Whether a call about this group may be proposed.
    pub(super) fn may_write(&self, view: &View<'_>, id: GroupId) -> bool {
        view.groups.get(&id).is_some_and(|group| group.free) && !self.takes(id)
    }

    pub(super) fn call(&mut self, view: &View<'_>, call: Call) {
        match (&call, call.group(), call.generation()) {
            (Call::Route(route), ..) => self.route = Some(route.weights().clone()),
            (_, Some(group), _) => drop(self.taken.insert(group)),
            (_, None, generation) => {
                self.taken.extend(generation.into_iter().flat_map(|id| view.generation(id)).map(|(id, _)| *id));
            }
        }
        self.calls.push(call);
    }

    /// Whether nothing is owed and nothing will be.
    pub(super) fn quiet(&self, view: &View<'_>) -> bool {
        self.calls.is_empty() && view.state.owed.is_empty()
    }

    pub(super) fn into_decision(mut self, view: View<'_>) -> Decision {
        let report = self.report(&view);
        let mut events = Vec::new();
        let basis = view.seen.as_of;
        let whole = view.groups.values().all(|group| group.whole);
        let mut noted = view.noted;
        if let Some(rollout) = &view.state.rollout {
            withhold(rollout, whole, &mut noted);
        }
        if !noted.is_empty() {
            events.push(Event::Noted(Box::new(noted)));
        }
        events.append(&mut self.judged);
        for (op, call) in (view.state.next_op.0..).map(OpId).zip(self.calls) {
            events.push(Event::Owed { op, call, basis });
        }
        events.extend(self.proven);
        events.extend(self.resized);
        events.extend(self.to.map(|to| Event::Moved { to }));
        events.extend(self.ended.map(|outcome| Event::Ended { outcome }));
        Decision { events, wake_at: self.wake, report }
    }

    fn report(&mut self, view: &View<'_>) -> Report {
        let aim = self.promised;
        let wanted = aim.and_then(|aim| aim.wanted);
        let of_wanted = |of: fn(&super::view::GroupView<'_>) -> u32| wanted.map_or(0, |wanted| view.sum(wanted, of));
        let counts = Counts {
            launched: of_wanted(|group| group.promised()),
            ready: of_wanted(|group| group.ready_count()),
            goal: aim.map_or(0, |aim| aim.goal),
            leaving: aim.map_or(0, |aim| view.sum_where(|id| aim.leaves(id), |group| group.live)),
            available: view.ready,
            live: view.live,
        };
        let rollout = view.rollout();
        let phase = rollout.map(|rollout| rollout.phase.under());
        let back = match phase {
            Some(Phase::Reverting { why, .. }) => Some(why.to_string().into()),
            Some(Phase::Finishing { ending: Ending::Back { .. }, .. }) => Some("it has the fleet again".into()),
            _ => None,
        };
        if self.moves() || !self.calls.is_empty() {
            self.waits.clear();
        } else {
            self.waits_of(view, counts);
        }
        let moves = wanted.is_some() || matches!(phase, Some(Phase::Preparing { .. }));
        let toward = rollout.filter(|_| moves).and_then(|rollout| {
            if back.is_some() {
                rollout.baseline.as_ref().map(|proven| crate::rollout::plan::Subject::of(&proven.spec))
            } else {
                Some(rollout.plan.to().clone())
            }
        });
        Report {
            at: view.now,
            toward,
            back,
            counts,
            budget: view.budget,
            waits: std::mem::take(&mut self.waits),
            rollback: rollout.map_or_else(Feasibility::no_baseline, |rollout| feasibility(view, rollout)),
            share: wanted.and_then(|wanted| share(view, wanted)),
            residue: view.traffic.as_ref().and_then(|traffic| traffic.seen?.residue.clone()),
            drift: std::mem::take(&mut self.drift),
        }
    }

    /// What is waited for, beyond what the rules said.
    fn waits_of(&mut self, view: &View<'_>, counts: Counts) {
        if let Some(Phase::Held { why, .. }) = view.rollout().map(|rollout| &rollout.phase) {
            self.waits.clear();
            return self.wait(match why {
                Hold::Needs(need) => Blocker::Person(need.clone()),
                Hold::Paused { by } => Blocker::Paused { by: by.clone() },
            });
        }
        if let Some(aim) = self.aim {
            if counts.ready < counts.goal && self.probe.is_none() {
                let groups = aim.wanted.into_iter().flat_map(|wanted| view.generation(wanted));
                let next = groups.filter_map(|(_, group)| group.booting).min().map(|(until, key)| (key.clone(), until));
                self.wait(Blocker::Ready { ready: counts.ready, of: counts.goal, next });
            } else if counts.leaving > aim.others && self.probe.is_none() {
                self.wait(Blocker::Leaving { instances: counts.leaving - aim.others });
            }
        }
        // Room comes with what is waited for already; where nothing but room is, it is said.
        let else_waited = self.waits.iter().any(|blocker| !matches!(blocker, Blocker::Ready { .. } | Blocker::Room { .. }));
        let comes = else_waited || counts.launched > counts.ready || view.state.owed().next().is_some();
        if comes && self.probe.is_none() {
            self.waits.retain(|blocker| !matches!(blocker, Blocker::Room { .. }));
        }
        for (op, _) in view.state.owed() {
            self.wait(Blocker::Call { op });
        }
        if view.environment {
            self.wait(Blocker::Environment);
        }
        let paused = view.state.generations.values().flat_map(|generation| generation.groups.values());
        if let Some(until) =
            paused.filter(|slots| slots.failures > 0 && slots.quiet_until > view.now).map(|slots| slots.quiet_until).min()
        {
            self.wait(Blocker::Backoff { until });
        }
        // Of a look that failed its words are told, and not what is missing from it.
        if let Some(why) = view.seen.unseen {
            self.waits.retain(|blocker| !matches!(blocker, Blocker::View { .. }));
            self.wait(Blocker::View { why: why.into() });
        }
        // What is not wholly seen is not over.
        if let Some((id, _)) = view.groups.iter().find(|(_, group)| self.waits.is_empty() && !group.whole) {
            let why = view
                .blind
                .clone()
                .unwrap_or_else(|| format!("of group {id}: it is seen in part, or from before the last call").into());
            self.wait(Blocker::View { why });
        }
    }
}

fn aim(view: &View<'_>, rollout: &RolloutState, phase: &Phase) -> Option<Aim> {
    let desired = view.budget.desired;
    let floor = view.budget.floor;
    let strategy = rollout.plan.strategy();
    let first = !strategy.overlaps();
    let zone_floor = view.zone_floor;
    let whole = |wanted| {
        let (share, only, open) = ((1, 1), None, None);
        Some(Aim { wanted: Some(wanted), goal: desired, others: 0, floor, first, share, only, zone_floor, open })
    };
    match phase {
        Phase::Preparing { .. } | Phase::Held { .. } => None,
        Phase::Stepping { step: StepIx(step), .. } => {
            let Goal { wanted: goal, others, first, share } =
                strategy.goal_of(usize::from(*step), rollout.plan.fleet().desired(), desired);
            let goal = if goal == 0 && share.0 == 0 { goal } else { goal.max(exercise(view, rollout)) };
            let open = strategy.open_zones(usize::from(*step)).map(|open| open.max(first_zone(view, rollout.wanted)));
            Some(Aim { wanted: Some(rollout.wanted), goal, others, floor, first, share, only: None, zone_floor, open })
        }
        Phase::Reverting { to, .. } => whole(*to),
        Phase::Finishing { ending: Ending::Keep, .. } => {
            let Goal { others, .. } = strategy.goal_of(strategy.steps().len(), rollout.plan.fleet().desired(), desired);
            whole(rollout.wanted).map(|aim| Aim { others, ..aim })
        }
        Phase::Finishing { ending: Ending::Forward, .. } => whole(rollout.wanted),
        Phase::Finishing { ending: Ending::Back { to }, .. } => whole(*to),
        Phase::Finishing { ending: Ending::Nothing, .. } => {
            let (only, open) = (Some(rollout.wanted), None);
            Some(Aim { wanted: None, goal: 0, others: 0, floor: 0, first: false, share: (0, 1), only, zone_floor: 0, open })
        }
        Phase::Finishing { ending: Ending::Mixed | Ending::Refused { .. }, .. } => None,
    }
}

/// How many zones it takes until one has a group in which something can be launched: others may have deleted those of the first.
fn first_zone(view: &View<'_>, wanted: GenerationId) -> u16 {
    let there = view.generation(wanted).filter(|(_, group)| !group.absent);
    there.filter_map(|(_, group)| group.zone).min().map_or(0, |zone| zone.saturating_add(1))
}

/// Of an empty fleet one instance is tried, if there is room for it.
fn exercise(view: &View<'_>, rollout: &RolloutState) -> u32 {
    u32::from(view.budget.desired == 0 && view.budget.ceiling > 0 && !proves(view, rollout))
}

/// Whether what is wanted is proven already.
fn proves(view: &View<'_>, rollout: &RolloutState) -> bool {
    let proven = view.state.proven.as_ref().map(|proven| proven.spec.release);
    proven.is_some() && proven == wanted_release(view, rollout)
}

fn wanted_release(view: &View<'_>, rollout: &RolloutState) -> Option<crate::fleet::Release> {
    view.state.generations.get(&rollout.wanted).map(|generation| generation.release())
}

/// Which part of the traffic a generation has, as far as it is known.
fn share(view: &View<'_>, id: GenerationId) -> Option<(u32, u32)> {
    let current = view.traffic.as_ref()?.current();
    let total = current.values().map(|weight| u32::from(*weight)).sum();
    (total > 0).then(|| (current.get(&id).map_or(0, |weight| u32::from(*weight)), total))
}

fn feasibility(view: &View<'_>, rollout: &RolloutState) -> Feasibility {
    let Some(baseline) = &rollout.baseline else {
        return Feasibility::no_baseline();
    };
    let release = baseline.spec.release;
    if let Some(mark) = irreversible(view.state, rollout) {
        return Feasibility::irreversible(&mark);
    }
    let of_it = view.state.generations.iter().filter(|(_, generation)| generation.release() == release);
    let running = of_it.map(|(id, _)| view.sum(*id, |group| group.ready_count())).max();
    match (Feasibility::of(running.unwrap_or(0), view.budget.desired), view.lost(release)) {
        // What runs can be gone back to, what does not cannot be launched.
        (Feasibility::Partial { .. } | Feasibility::Replace, Some(why)) => {
            Feasibility::Impossible(format!("of the proven release, {why}").into())
        }
        (feasibility, _) => feasibility,
    }
}
