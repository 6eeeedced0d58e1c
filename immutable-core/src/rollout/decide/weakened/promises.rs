//! Rules 5, 6 and 9 to 12: engines that do things too early, twice, for ever, or not at all.

use std::sync::Arc;

use super::super::proposal::Proposal;
use super::super::view::View;
use super::super::{deadlines, gates, rejudge};
use super::{Engine, Row, SOUND, engine, owe};
use crate::fleet::{GenerationId, GenerationSpec, Upkeep};
use crate::rollout::event::{Call, Event, Noted};
use crate::rollout::phase::Phase;
use crate::rollout::state::{FleetState, Proven};

/// Weakened engines: the rule, the name, the oracle that must speak.
pub(super) const ENGINES: &[Row] = &[
    (5, "goes back to what was there last", "baseline", engine!(state: the_last_is_proven)),
    (5, "goes back to what failed", "baseline", engine!(events: back_to_the_failed)),
    (6, "removes the baseline before the proof", "baseline", engine!(events: remove_what_is_empty)),
    (6, "raises beyond the goal", "order", engine!(view: |view| view.budget.desired += 1)),
    (6, "proves before the goal", "proof", engine!(view: |view| view.budget.desired = 1.min(view.budget.desired))),
    (6, "bakes on whoever is lost", "order", engine!(rules: &[("gates", whoever_is_lost)])),
    (7, "heals on probation", "probe", engine!(rules: &[("unheal", |_, _| {})], events: heal_from_the_start)),
    (9, "sends again blindly", "floor", engine!(rules: &[("rejudge", renew_all)])),
    (9, "owes two calls on one group", "legal", engine!(events: twice)),
    (10, "goes back for as long as it takes", "deadline", engine!(rules: &[("deadlines", never_when_back)])),
    (11, "succeeds without reading back", "proof", engine!(state: settled_long_ago)),
    (11, "takes what was promised for done", "proof", engine!(view: promised_is_ready)),
    (11, "succeeds on a part", "proof", engine!(view: whole_at_the_end)),
    (11, "leaves upkeep off", "proof", engine!(state: upkeep_is_restored, view: unseen_upkeep)),
    (11, "leaves a generation over", "proof", engine!(state: others_are_gone)),
    (12, "lets corpses fill the ceiling", "outcome", engine!(rules: &[("unheal", |_, _| {})])),
    (12, "never gives up a slot", "convergence", engine!(rules: &[("give_up", |_, _| {})])),
    (12, "has no deadlines", "deadline", engine!(rules: &[("deadlines", |_, _| {})])),
    (12, "waits for who does not leave", "deadline", engine!(view: nobody_was_told)),
    (12, "takes as long as it takes", "deadline", engine!(state: it_is_never_over)),
    (12, "is never at rest", "rest", engine!(events: notes_again)),
];

fn unseen_upkeep(view: &mut View<'_>) {
    view.noted.upkeep.clear();
    view.changed.clear();
}

fn the_last_is_proven(state: &mut FleetState) {
    let Some(rollout) = &mut state.rollout else { return };
    let last = state.generations.iter().rev().find(|(id, _)| **id != rollout.wanted);
    if let (Some(baseline), Some((_, last))) = (&mut rollout.baseline, last) {
        *baseline = Proven { spec: last.spec.clone(), ..baseline.clone() };
    }
}

fn back_to_the_failed(state: &FleetState, events: &mut Vec<Event>) {
    let Some(wanted) = state.rollout.as_ref().map(|rollout| rollout.wanted) else { return };
    for event in events {
        if let Event::Moved { to: Phase::Reverting { to, .. } } = event {
            *to = wanted;
        }
    }
}

fn remove_what_is_empty(state: &FleetState, events: &mut Vec<Event>) {
    let Some(rollout) = state.rollout.as_ref().filter(|rollout| matches!(rollout.phase, Phase::Stepping { .. })) else { return };
    let empty = |id: &GenerationId| !state.generation_busy(*id) && state.generations.get(id).is_some_and(|one| one.size() == 0);
    if let Some(id) = state.generations.keys().find(|id| **id != rollout.wanted && empty(id)) {
        owe(state, events, Call::Destroy(*id), state.at);
    }
}

fn whoever_is_lost(view: &View<'_>, proposal: &mut Proposal) {
    let aim = proposal.aim.take();
    gates::rule(view, proposal);
    proposal.aim = aim;
}

fn heal_from_the_start(_: &FleetState, events: &mut Vec<Event>) {
    for event in events {
        if let Event::Owed { call: Call::Ensure(spec), .. } = event {
            let upkeep = Upkeep { heal: true, ..spec.upkeep };
            *spec = Arc::new(GenerationSpec { upkeep, ..(**spec).clone() });
        }
    }
}

fn renew_all(view: &View<'_>, proposal: &mut Proposal) {
    rejudge::rule(view, proposal);
    let old = view.state.owed().filter(|(_, owed)| view.now >= owed.basis + super::super::MAX_VIEW_AGE && owed.ticket.is_none());
    proposal.judged = old.map(|(op, _)| Event::Renewed { op, basis: view.seen.as_of }).collect();
}

fn twice(state: &FleetState, events: &mut Vec<Event>) {
    let owed = events.iter().find_map(|event| match event {
        Event::Owed { call: call @ Call::Resize(_), basis, .. } => Some((call.clone(), *basis)),
        _ => None,
    });
    if let Some((call, basis)) = owed {
        owe(state, events, call, basis);
    }
}

fn never_when_back(view: &View<'_>, proposal: &mut Proposal) {
    let back = matches!(view.rollout().map(|rollout| &rollout.phase), Some(Phase::Reverting { .. }));
    if !back {
        deadlines::rule(view, proposal);
    }
}

fn settled_long_ago(state: &mut FleetState) {
    let groups = state.generations.values_mut().flat_map(|generation| generation.groups.values_mut());
    groups.for_each(|slots| slots.settled_at = Default::default());
}

fn promised_is_ready(view: &mut View<'_>) {
    for group in view.groups.values_mut() {
        let booting = std::mem::take(&mut group.doubt);
        group.ready.extend(booting);
    }
}

fn whole_at_the_end(view: &mut View<'_>) {
    let others_left =
        view.rollout().is_some_and(|rollout| view.sum_where(|id| id != rollout.wanted, |group| group.members()) > 0);
    if !others_left {
        view.groups.values_mut().for_each(|group| group.whole = true);
        view.blind = None;
    }
}

fn upkeep_is_restored(state: &mut FleetState) {
    let Some(specified) = state.rollout.as_ref().map(|rollout| rollout.plan.fleet().specified_upkeep()) else { return };
    // What was never ready is to have it off.
    let ready = state.generations.values_mut().filter(|generation| generation.first_ready.is_some());
    ready.for_each(|generation| generation.upkeep = specified);
}

fn others_are_gone(state: &mut FleetState) {
    let Some(rollout) = state.rollout.as_ref().filter(|rollout| matches!(rollout.phase, Phase::Finishing { .. })) else { return };
    let stays = state.wanted_now().unwrap_or(rollout.wanted);
    state.generations.retain(|id, _| *id == stays);
}

fn notes_again(state: &FleetState, events: &mut Vec<Event>) {
    let exercised: Vec<_> = state.generations.iter().filter(|(_, one)| one.first_ready.is_some()).map(|(id, _)| *id).collect();
    if !exercised.is_empty() && events.is_empty() {
        events.push(Event::Noted(Box::new(Noted { exercised, ..Noted::default() })));
    }
}

fn nobody_was_told(view: &mut View<'_>) {
    view.groups.values_mut().for_each(|group| group.told.clear());
}

fn it_is_never_over(state: &mut FleetState) {
    state.rollout.iter_mut().for_each(|rollout| rollout.over_at = None);
}
