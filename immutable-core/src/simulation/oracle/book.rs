//! What the journal says, read by itself: the oracles do not ask the engine what its records mean.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::gate::{Gate, unwatched};
use crate::fleet::{GenerationId, GenerationSpec, GroupId, Placement, Release, Resize};
use crate::id::{InstanceKey, OpId};
use crate::rollout::{
    Amount, Budget, Call, Command, CommandId, Ending, Event, Hold, Noted, Old, OnResize, OpResult, Outcome, Phase, Plan,
    Recorded, Step, StepState, What,
};
use crate::time::Timestamp;

/// A rollout that runs.
#[derive(Debug)]
pub(super) struct Chapter {
    pub(super) plan: Plan,
    pub(super) wanted: GenerationId,
    pub(super) baseline: Option<Release>,
    pub(super) phase: Phase,
    /// When that must be over, as far as anybody has watched.
    pub(super) give_up_at: Option<Timestamp>,
    /// How many instances the fleet is to have.
    pub(super) desired: u32,
    /// What that was changed to meanwhile, and how often.
    pub(super) resized: Option<u32>,
    pub(super) resizes: u32,
    /// Whether `wanted` is proven.
    pub(super) proven: bool,
    /// Whether it was when the rollout began: then there is nothing to be tried.
    pub(super) again: bool,
    /// When it began.
    pub(super) opened: Timestamp,
    /// How many were ready then.
    pub(super) ready_then: u32,
    /// How often somebody had it try again.
    pub(super) retries: u32,
    /// The gate that is waited for.
    pub(super) gate: Option<Gate>,
    /// When it goes back if it is not proven by then.
    pub(super) over_at: Option<Timestamp>,
}

impl Chapter {
    /// The generation that the phase moves to; `None` if it moves to none.
    pub(super) fn moves_to(&self) -> Option<GenerationId> {
        match self.phase.under() {
            Phase::Stepping { .. } | Phase::Finishing { ending: Ending::Forward | Ending::Keep, .. } => Some(self.wanted),
            Phase::Reverting { to, .. } | Phase::Finishing { ending: Ending::Back { to }, .. } => Some(*to),
            _ => None,
        }
    }

    /// How many of the wanted the steps ask for until now, and how many of all others; `None` where no step is on its way or kept.
    pub(super) fn goal(&self) -> Option<(u32, u32)> {
        let steps = self.plan.strategy().steps();
        let until_now = match self.phase.under() {
            Phase::Stepping { step, .. } => usize::from(step.0) + 1,
            Phase::Finishing { ending: Ending::Keep, .. } => steps.len(),
            Phase::Finishing { ending: Ending::Forward, .. } if !self.proven && self.desired > 0 => steps.len(),
            _ => return None,
        };
        if self.again {
            return Some((self.desired, 0));
        }
        if let Some((nth, of)) = self.turn(until_now) {
            let wanted = (0..nth).map(|zone| self.part(zone, of)).sum();
            return Some((wanted, self.desired - wanted));
        }
        let so_far = || {
            steps
                .iter()
                .take(until_now)
                .filter_map(|step| if let Step::Scale { to, old } = step { Some((*to, *old)) } else { None })
        };
        // What is added or taken since it began is the new release's, or the old one's, where it says so.
        let new_first = self.plan.strategy().on_resize == OnResize::NewFirst;
        let size = if new_first { self.plan.fleet().desired() } else { self.desired };
        let wanted = |to: Amount| to.up(size).min(size);
        let others = match so_far().rfind(|(_, old)| *old != Old::Keep) {
            None => size,
            Some((_, Old::First)) => 0,
            Some((to, _)) => size - wanted(to),
        };
        let asked = so_far().next_back().map_or(0, |(to, _)| wanted(to));
        let (more, less) = (self.desired.saturating_sub(size), size.saturating_sub(self.desired));
        Some(((asked + more).min(self.desired), others.saturating_sub(less)))
    }

    pub(super) fn budget(&self) -> Budget {
        self.plan.strategy().budget(self.desired)
    }

    /// How many must be ready in each zone: of an even part, rounded down, but so many.
    fn zone_floor(&self) -> u32 {
        let zones = self.plan.fleet().placements().iter().filter(|placement| matches!(placement, Placement::Zone(_))).count();
        let part = self.desired.checked_div(u32::try_from(zones).unwrap_or(u32::MAX)).unwrap_or(0);
        self.plan.strategy().max_unavailable_per_zone.map_or(0, |fewer| part.saturating_sub(fewer.down(part)))
    }

    /// How many zones have had their turn, or have it, if it is one after the other.
    fn open(&self) -> Option<u16> {
        let Phase::Stepping { step, .. } = self.phase.under() else { return None };
        self.turn(usize::from(step.0) + 1).map(|(nth, _)| nth)
    }

    /// The last zone, and how many there are, by so many steps.
    fn turn(&self, steps: usize) -> Option<(u16, u16)> {
        let steps = self.plan.strategy().steps().iter().take(steps);
        steps.rev().find_map(|step| if let Step::Zone { nth, of, .. } = step { Some((*nth, *of)) } else { None })
    }

    /// How many each zone has, if the fleet is spread evenly.
    pub(super) fn part(&self, zone: u16, of: u16) -> u32 {
        self.desired / u32::from(of) + u32::from(u32::from(zone) < self.desired % u32::from(of))
    }
}

/// A call that was journaled.
#[derive(Debug)]
pub(super) struct Journaled {
    pub(super) call: Call,
    /// The time of the view it was decided on last, and when that was.
    pub(super) basis: Timestamp,
    pub(super) decided: Timestamp,
    /// The oldest whole view of any group that it could rest on when it was decided first.
    pub(super) first: Timestamp,
    /// Whether an answer that ends it was journaled.
    pub(super) settled: bool,
    /// Whether it was accepted, and is being done.
    pub(super) accepted: bool,
    /// The oldest whole view of any group that it can rest on, and the oldest of any kind.
    pub(super) whole: Timestamp,
    pub(super) fresh: Timestamp,
    /// The view of the pool that it rests on.
    pub(super) pool: Timestamp,
    pub(super) floor: u32,
    pub(super) ceiling: u32,
    /// How many the fleet was to have then.
    pub(super) desired: u32,
    /// Where its rollout was moving when it was decided.
    pub(super) moves_to: Option<GenerationId>,
    /// What its steps asked for then, and of the others at the least since.
    pub(super) goal: Option<(u32, u32)>,
    /// How many of what is wanted were asked for then.
    pub(super) most: u32,
    /// How many it has launched, sent away and resized.
    pub(super) launched: u32,
    pub(super) left: u32,
    pub(super) sized: u32,
    /// How many had to be ready in each zone, and in how many zones instances were replaced then, if not in all.
    pub(super) zone_floor: u32,
    pub(super) open: Option<u16>,
}

impl Journaled {
    /// Whether it asks for a larger size.
    pub(super) fn raises(&self) -> bool {
        matches!(&self.call, Call::Resize(resize) if matches!(**resize, Resize::Raise { .. }))
    }
}

/// When the controller that drives now has seen a group.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sight {
    pub(super) whole: Option<Timestamp>,
    pub(super) any: Option<Timestamp>,
}

/// What was written so far.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) chapter: Option<Chapter>,
    pub(super) proven: Option<Release>,
    pub(super) specs: BTreeMap<GenerationId, Arc<GenerationSpec>>,
    pub(super) ops: BTreeMap<OpId, Journaled>,
    pub(super) sights: BTreeMap<GroupId, Sight>,
    /// Releases that have had a ready instance, in truth.
    pub(super) exercised: BTreeSet<Release>,
    pub(super) last: Option<Outcome>,
    /// How many rollouts began.
    pub(super) opened: usize,
    /// When the last answer about a generation, or about one of its groups, was journaled.
    pub(super) answered: BTreeMap<(GenerationId, Option<GroupId>), Timestamp>,
    /// What was noted last, if nothing else was written since.
    pub(super) noted: Option<Box<Noted>>,
    /// When the controller that drives now has seen the pool.
    pub(super) pool: Option<Timestamp>,
    /// When whom was first told to finish the requests it has.
    pub(super) drains: BTreeMap<InstanceKey, Timestamp>,
    /// Since when whom a call has named to leave, as far as anybody has watched.
    pub(super) told: BTreeMap<InstanceKey, Timestamp>,
    /// What people have asked for.
    pub(super) commands: BTreeMap<CommandId, Command>,
    /// What of that somebody has heard.
    pub(super) heard: BTreeSet<CommandId>,
    /// When something was written last.
    at: Timestamp,
}

impl Book {
    pub(super) fn release(&self, generation: GenerationId) -> Option<Release> {
        self.specs.get(&generation).map(|spec| spec.release)
    }

    /// In which zone a group is.
    pub(super) fn placed(&self, group: GroupId) -> Option<&Placement> {
        let mut groups = self.specs.get(&group.generation)?.groups.iter();
        groups.find(|spec| spec.cell == group.cell).map(|spec| &spec.placement)
    }

    /// Whether a group was wholly seen, by a look begun after the last answer about it.
    pub(super) fn read_back(&self, group: GroupId) -> bool {
        let answers = [None, Some(group)].map(|about| self.answered.get(&(group.generation, about)).copied());
        let last = answers.into_iter().flatten().max();
        let seen = self.sights.get(&group).and_then(|sight| sight.whole);
        last.is_none_or(|last| seen.is_some_and(|seen| seen >= last))
    }

    /// Calls that may still be sent.
    pub(super) fn owed(&self) -> impl Iterator<Item = (&OpId, &Journaled)> {
        self.ops.iter().filter(|(_, op)| !op.settled)
    }

    /// Takes in a record. So many are ready now.
    pub(super) fn follow(&mut self, recorded: &Recorded, ready_then: u32) {
        let silent = recorded.at.since(std::mem::replace(&mut self.at, recorded.at));
        self.noted = None;
        if let Event::Heard { command, .. } = &recorded.event {
            self.heard.insert(*command);
        }
        match &recorded.event {
            Event::Claimed { .. } => {
                let silent = unwatched(silent);
                self.gate(|gate| gate.unwatched(silent));
                // Nothing read before a claim is used after it.
                self.sights.clear();
                self.pool = None;
                self.told.values_mut().for_each(|told| *told = recorded.at);
                if let Some(chapter) = &mut self.chapter {
                    let held = matches!(chapter.phase, Phase::Held { .. });
                    chapter.give_up_at.iter_mut().for_each(|by| *by = *by + silent);
                    chapter.over_at.iter_mut().filter(|_| !held).for_each(|by| *by = *by + silent);
                }
            }
            Event::Opened { plan, .. } => {
                self.chapter = Some(Chapter {
                    wanted: plan.wanted().id(),
                    baseline: self.proven,
                    phase: Phase::Preparing { give_up_at: recorded.at },
                    give_up_at: Some(recorded.at + plan.strategy().progress_deadline),
                    desired: plan.fleet().desired(),
                    resized: None,
                    resizes: 0,
                    proven: false,
                    again: self.proven.is_some() && self.release(plan.wanted().id()) == self.proven,
                    opened: recorded.at,
                    ready_then,
                    retries: 0,
                    gate: None,
                    over_at: plan.strategy().rollout_deadline.map(|deadline| recorded.at + deadline),
                    plan: (**plan).clone(),
                });
                self.opened += 1;
                self.relax();
                self.told.values_mut().for_each(|told| *told = recorded.at);
            }
            Event::Owed { op, call, basis } => {
                match call {
                    Call::Ensure(spec) => drop(self.specs.insert(spec.id, spec.clone())),
                    Call::Resize(resize) => {
                        if let Resize::Lower { leave, .. } = &**resize {
                            self.gate(|gate| gate.came.retain(|key| !leave.contains(key)));
                            for key in leave {
                                self.told.entry(key.clone()).or_insert(recorded.at);
                            }
                        }
                    }
                    Call::Drain { leaving, .. } => {
                        for key in leaving.iter() {
                            self.drains.entry(key.clone()).or_insert(recorded.at);
                        }
                    }
                    _ => {}
                }
                let mut journaled = Journaled {
                    call: call.clone(),
                    basis: *basis,
                    decided: recorded.at,
                    first: *basis,
                    settled: false,
                    accepted: false,
                    whole: *basis,
                    fresh: *basis,
                    pool: *basis,
                    floor: 0,
                    ceiling: u32::MAX,
                    desired: u32::MAX,
                    moves_to: None,
                    goal: None,
                    most: 0,
                    launched: 0,
                    left: 0,
                    sized: 0,
                    zone_floor: 0,
                    open: None,
                };
                self.rest(&mut journaled, *basis);
                journaled.first = journaled.whole;
                self.ops.insert(*op, journaled);
            }
            Event::Renewed { op, basis } => {
                if let Some(mut journaled) = self.ops.remove(op) {
                    journaled.decided = recorded.at;
                    self.rest(&mut journaled, *basis);
                    // What was judged anew, and stands, may be done anew: what it did before is undone since, or it finds it done.
                    (journaled.launched, journaled.left, journaled.sized) = (0, 0, 0);
                    self.ops.insert(*op, journaled);
                }
            }
            Event::Settled { op, result } => {
                if let Some(journaled) = self.ops.get_mut(op) {
                    // Who was not taken is not told any more, or told anew.
                    match (&journaled.call, result) {
                        (_, OpResult::Done { refused, .. }) => {
                            self.told.retain(|key, _| !refused.iter().any(|(stays, _)| stays == key))
                        }
                        (Call::Resize(resize), OpResult::Failed(_)) => {
                            if let Resize::Lower { leave, .. } = &**resize {
                                self.told.retain(|key, _| !leave.contains(key));
                            }
                        }
                        _ => {}
                    }
                    match result {
                        OpResult::Done { .. } | OpResult::Failed(_) => {
                            journaled.settled = true;
                            // Who drains is a member as before.
                            let drains = matches!(journaled.call, Call::Drain { .. });
                            let about = journaled.call.generation().filter(|_| !drains).map(|id| (id, journaled.call.group()));
                            // A refusal changes nothing.
                            if let (OpResult::Done { .. }, Some(about)) = (result, about) {
                                self.answered.insert(about, recorded.at);
                            }
                        }
                        OpResult::Accepted { .. } => journaled.accepted = true,
                        OpResult::Unknown { .. } => {}
                    }
                }
            }
            Event::Moved { to } => {
                if let Some(chapter) = &mut self.chapter {
                    if let Phase::Held { why, since, .. } = &chapter.phase {
                        let deadline = chapter.plan.strategy().rollout_deadline;
                        let over_at = chapter.over_at.map(|by| by + recorded.at.since(*since));
                        let anew = matches!(why, Hold::Needs(_));
                        chapter.over_at = if anew { deadline.map(|deadline| recorded.at + deadline) } else { over_at };
                        self.told.values_mut().for_each(|told| *told = recorded.at);
                    }
                    // Of a plan that changes nothing but the size, the size is what is taken back.
                    let set_since = chapter.resized.is_some() || chapter.plan.fleet().follows_whom().is_some();
                    if matches!(to, Phase::Reverting { to, .. } if *to == chapter.wanted) && !set_since {
                        chapter.desired = chapter.plan.basis().desired;
                    }
                    chapter.gate = Gate::follow(chapter.gate.take(), &chapter.phase, to, recorded.at);
                    // What is torn down has no floor: who was named before, and leaves beside it, had theirs from those who are torn down.
                    if matches!(to, Phase::Finishing { ending: Ending::Nothing, .. }) {
                        self.ops.values_mut().for_each(|journaled| (journaled.floor, journaled.zone_floor) = (0, 0));
                    }
                    chapter.phase = to.clone();
                    chapter.give_up_at = to.give_up_at();
                }
            }
            Event::Proven { generation, .. } => {
                self.proven = self.release(*generation);
                if let Some(chapter) = &mut self.chapter {
                    chapter.proven = chapter.wanted == *generation;
                }
            }
            Event::Ended { outcome } => {
                self.last = Some(outcome.clone());
                // Who went back has the baseline again, and an empty fleet does not prove it once more.
                if let Some(chapter) = self.chapter.take().filter(|_| *outcome == Outcome::RolledBack) {
                    self.proven = chapter.baseline;
                }
            }
            Event::Noted(noted) => {
                let stepping = |chapter: &&mut Chapter| {
                    let at = if let Phase::Stepping { at, .. } = &chapter.phase { Some(at) } else { None };
                    matches!(at, Some(StepState::Moving { .. } | StepState::Lost { .. }))
                };
                if let Some((wanted, gate)) = self.chapter.as_mut().and_then(|it| Some((it.wanted, it.gate.as_mut()?))) {
                    let came = noted.appeared.iter().filter(|(group, _)| group.generation == wanted);
                    gate.came.extend(came.flat_map(|(_, keys)| keys.iter().cloned()));
                    gate.came.retain(|key| !noted.gone.values().flatten().any(|gone| gone == key));
                }
                if let (Some(_), Some(chapter)) = (noted.progress, self.chapter.as_mut().filter(stepping)) {
                    chapter.give_up_at = Some(recorded.at + chapter.plan.strategy().progress_deadline);
                }
                self.noted = Some(noted.clone());
            }
            Event::Heard { command, refused: None, .. } => match self.commands.get(command).map(|command| command.what) {
                Some(What::Promote(_)) => self.gate(|gate| gate.promoted = true),
                Some(What::Retry) => self.chapter.iter_mut().for_each(|chapter| chapter.retries += 1),
                _ => {}
            },
            Event::Judged { asked, judgement, .. } => self.gate(|gate| gate.word = Some((*asked, judgement.says))),
            Event::Approved { by, .. } => self.gate(|gate| gate.approved.extend([by.clone()])),
            Event::Resized { desired } => {
                if let Some(chapter) = &mut self.chapter {
                    chapter.resized = Some(*desired);
                    chapter.resizes += 1;
                    if chapter.plan.strategy().on_resize != OnResize::Freeze {
                        chapter.desired = *desired;
                    }
                    let strategy = chapter.plan.strategy();
                    let lasts = match &chapter.phase {
                        Phase::Reverting { .. } | Phase::Finishing { .. } => strategy.rollback_deadline,
                        _ => strategy.progress_deadline,
                    };
                    chapter.give_up_at.iter_mut().for_each(|by| *by = (*by).max(recorded.at + lasts));
                }
                self.relax();
            }
            Event::Heard { .. } | Event::Watched | Event::Condemned { .. } | Event::Released => {}
            // Of a fleet's beginning, and no simulated one's.
            Event::Adopting { .. } | Event::Adopted { .. } => {}
        }
        if matches!(recorded.event, Event::Moved { .. } | Event::Proven { .. } | Event::Resized { .. }) {
            self.fewer_stay();
        }
    }

    /// Who was named when more of the others were to stay leaves when fewer are.
    fn fewer_stay(&mut self) {
        let Some(chapter) = &self.chapter else { return };
        let forth = chapter.moves_to() == Some(chapter.wanted);
        let stay = chapter.goal().map_or(if forth { 0 } else { u32::MAX }, |(_, others)| others);
        for (_, others) in self.ops.values_mut().filter_map(|journaled| journaled.goal.as_mut()) {
            *others = (*others).min(stay);
        }
    }

    fn gate(&mut self, change: impl FnOnce(&mut Gate)) {
        if let Some(gate) = self.chapter.as_mut().and_then(|chapter| chapter.gate.as_mut()) {
            change(gate);
        }
    }

    /// What was named under a floor that was higher leaves under the one that holds now: others may have left under that before.
    fn relax(&mut self) {
        let Some(chapter) = &self.chapter else { return };
        let (floor, of_zone) = (chapter.budget().floor, chapter.zone_floor());
        for journaled in self.ops.values_mut() {
            journaled.floor = journaled.floor.min(floor);
            journaled.zone_floor = journaled.zone_floor.min(of_zone);
        }
    }

    /// Says on what a call rests that was decided, or judged again, on views of this time.
    fn rest(&self, journaled: &mut Journaled, basis: Timestamp) {
        let oldest = |of: fn(&Sight) -> Option<Timestamp>| self.sights.values().filter_map(of).fold(basis, Timestamp::min);
        journaled.basis = basis;
        journaled.pool = self.pool.unwrap_or(basis).min(basis);
        (journaled.whole, journaled.fresh) = (oldest(|sight| sight.whole), oldest(|sight| sight.any));
        if let Some(chapter) = &self.chapter {
            let budget = chapter.budget();
            let tear_down = matches!(chapter.phase, Phase::Finishing { ending: Ending::Nothing, .. });
            (journaled.floor, journaled.ceiling) = (if tear_down { 0 } else { budget.floor }, budget.ceiling);
            journaled.zone_floor = if tear_down { 0 } else { chapter.zone_floor() };
            journaled.open = chapter.open();
            journaled.desired = chapter.desired;
            (journaled.moves_to, journaled.goal) = (chapter.moves_to(), chapter.goal());
            let stepping = matches!(chapter.phase.under(), Phase::Stepping { .. });
            journaled.most = journaled.goal.filter(|_| stepping).map_or(chapter.desired, |(wanted, _)| wanted);
        }
    }
}
