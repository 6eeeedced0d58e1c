//! When a step's goal is reached, when a release is proven, what is removed then, and when it is over.

use super::gates::{begun, onward};
use super::proposal::{Aim, Proposal};
use super::route;
use super::view::{View, count};
use super::zones::Floors;
use crate::fleet::GenerationId;
use crate::id::{InstanceKey, StepIx};
use crate::rollout::baseline::evidence;
use crate::rollout::event::{Call, Event};
use crate::rollout::phase::{Ending, Outcome, Phase, StepState};
use crate::rollout::report::Blocker;
use crate::rollout::state::{GenerationLife, RolloutState};

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let Some(rollout) = view.rollout() else {
        return;
    };
    match (&rollout.phase, proposal.aim) {
        (Phase::Stepping { step, at }, Some(aim)) => match at {
            StepState::Lost { .. } => {
                if reached(view, aim, false) && route::reached(view, &aim, false) {
                    let at = begun(rollout.plan.strategy(), *step, view.now);
                    proposal.move_to(Phase::Stepping { step: *step, at });
                }
            }
            StepState::Gating { .. } if !proposal.gate_open => {}
            _ => stepping(view, proposal, rollout, *step, matches!(at, StepState::Gating { .. }), aim),
        },
        (Phase::Reverting { to, .. }, Some(aim)) => reverting(view, proposal, rollout, *to, aim),
        (Phase::Finishing { ending, .. }, aim) => finishing(view, proposal, rollout, ending, aim),
        _ => {}
    }
}

fn stepping(view: &View<'_>, proposal: &mut Proposal, rollout: &RolloutState, step: StepIx, waited: bool, aim: Aim) {
    let strategy = rollout.plan.strategy();
    let last = usize::from(step.0) + 1 == strategy.steps().len();
    let holds = reached(view, aim, last);
    if waited && (last || !holds || !route::reached(view, &aim, false)) {
        // The gate is open; what was lost while it was waited for comes back first, and the last step is proven, in the time that a step has.
        let give_up_at = view.now + strategy.progress_deadline;
        return proposal.move_to(Phase::Stepping { step, at: StepState::Moving { give_up_at } });
    }
    if !holds || !route::reached(view, &aim, false) {
        if holds && view.traffic.as_ref().is_some_and(|traffic| traffic.is_settled(view)) {
            proposal.wait(Blocker::Share);
        }
        return;
    }
    if !last {
        return proposal.move_to(onward(rollout, step, view.now));
    }
    if !restored(view, proposal, rollout.wanted) || !proposal.quiet(view) || !read_back(view) {
        return;
    }
    if aim.goal > 0 {
        proposal.prove(proof(view, rollout.wanted));
        let kept = view.sum_where(|id| aim.leaves(id), |group| group.members());
        if !strategy.keep_old.is_zero() && kept > 0 {
            let give_up_at = view.now + strategy.keep_old;
            return proposal.move_to(Phase::Finishing { ending: Ending::Keep, give_up_at });
        }
    }
    finish(view, proposal, rollout, Ending::Forward);
}

fn reverting(view: &View<'_>, proposal: &mut Proposal, rollout: &RolloutState, to: GenerationId, aim: Aim) {
    if reached(view, aim, true) && route::reached(view, &aim, false) && restored(view, proposal, to) && proposal.quiet(view) {
        finish(view, proposal, rollout, Ending::Back { to });
    }
}

fn finishing(view: &View<'_>, proposal: &mut Proposal, rollout: &RolloutState, ending: &Ending, aim: Option<Aim>) {
    let proven = view.state.proven.as_ref().map(|proven| proven.spec.release);
    let wanted = view.state.generations.get(&rollout.wanted).map(|generation| generation.release());
    let remove: Box<dyn Fn(GenerationId) -> bool> = match ending {
        // Of an empty fleet nothing is proven, so the baseline's shell stays.
        Ending::Forward => Box::new(move |id| id != rollout.wanted && proven == wanted),
        Ending::Back { to } => Box::new(move |id| id != *to),
        // What was there before stays, if anybody is in it.
        Ending::Nothing => Box::new(move |id| id == rollout.wanted || view.sum(id, |group| group.live) == 0),
        Ending::Refused { .. } => Box::new(move |id| id == rollout.wanted && rollout.plan.basis().next_generation == id),
        Ending::Mixed | Ending::Keep => Box::new(|_| false),
    };
    let mut left = false;
    for (id, generation) in view.state.generations.iter().filter(|(id, _)| remove(**id) && !view.noted.absent.contains(id)) {
        left = true;
        let empty =
            view.generation(*id).all(|(_, group)| group.whole && group.size == 0 && group.members() == 0 && group.leavers == 0);
        let free = view.generation(*id).all(|(group, _)| {
            let quiet = view.state.slots(*group).is_some_and(|slots| view.now >= slots.quiet_until);
            quiet && generation.life != GenerationLife::Going && !proposal.takes(*group)
        });
        // Who is not there gets no requests first.
        let routed = view.traffic.as_ref().is_some_and(|traffic| traffic.may_send_to(*id));
        if routed && aim.is_some_and(|aim| aim.wanted.is_some()) {
            continue;
        }
        if empty && free && !view.state.generation_busy(*id) {
            proposal.call(view, Call::Destroy(*id));
        }
    }
    if *ending == Ending::Mixed {
        for id in view.state.generations.keys().filter(|id| view.is_present(**id)) {
            left |= !restored(view, proposal, *id);
        }
    }
    if let (Ending::Forward | Ending::Back { .. }, Some(id)) = (ending, aim.and_then(|aim| aim.wanted)) {
        left |= !restored(view, proposal, id);
    }
    if left || !proposal.quiet(view) || *ending == Ending::Keep {
        return;
    }
    let holds = aim.is_none_or(|aim| reached(view, aim, true));
    let routed = aim.is_none_or(|aim| route::reached(view, &aim, true));
    if aim.is_some() && !(holds && routed && read_back(view)) {
        return;
    }
    let outcome = match ending {
        Ending::Forward if proven == wanted => Outcome::Succeeded,
        Ending::Forward => Outcome::Unexercised,
        Ending::Back { to } => {
            if aim.is_some_and(|aim| aim.goal > 0) {
                proposal.prove(proof(view, *to));
            }
            Outcome::RolledBack
        }
        Ending::Mixed | Ending::Keep => Outcome::LeftMixed,
        Ending::Nothing => Outcome::TornDown,
        Ending::Refused { why } => Outcome::Refused(why.clone()),
    };
    proposal.end(outcome);
}

/// Whether the goal is reached: exactly so many of the wanted, every one ready, and no more of the others than it says; at the end
/// also none on its way out.
fn reached(view: &View<'_>, aim: Aim, end: bool) -> bool {
    let wanted = aim.wanted.is_none_or(|wanted| {
        // More than the goal, made by others or spares, are not waited for where the floor does not let them go, or that of their zone.
        let pot = view.pot(wanted, None);
        let floors = Floors::of(view, &aim, None);
        let of_zone = || view.generation(wanted).all(|(_, group)| floors.spare(group.zone, wanted) == 0);
        let kept = !end && (view.ready_in(pot) <= view.needed_in(pot, aim.floor, None) || of_zone());
        let is_goal = |number: u32| if kept { number >= aim.goal } else { number == aim.goal };
        let sum = |of: fn(&super::view::GroupView<'_>) -> u32| view.sum(wanted, of);
        let leavers = if end { sum(|group| group.leavers) } else { 0 };
        let size = sum(|group| group.size);
        is_goal(size)
            && sum(|group| group.members()) == size
            && sum(|group| group.ready_count()) == size
            && leavers == 0
            && view.state.generations.contains_key(&wanted)
    });
    let others = view.sum_where(|id| aim.leaves(id), |group| if end { group.live } else { group.members().max(group.size) });
    wanted && others <= aim.others
}

/// Whether a generation may do by itself what it should; if not, that is owed.
fn restored(view: &View<'_>, proposal: &mut Proposal, id: GenerationId) -> bool {
    let Some(upkeep) = view.upkeep_wanted(id) else {
        return true;
    };
    if view.generation(id).all(|(group, _)| proposal.may_write(view, *group)) {
        proposal.call(view, Call::Upkeep(id, upkeep));
    }
    false
}

/// Whether every group was wholly seen after the last answer about it.
fn read_back(view: &View<'_>) -> bool {
    view.blind.is_none() && view.groups.values().all(|group| group.whole)
}

fn finish(view: &View<'_>, proposal: &mut Proposal, rollout: &RolloutState, ending: Ending) {
    let give_up_at = view.now + rollout.plan.strategy().rollback_deadline;
    proposal.move_to(Phase::Finishing { ending, give_up_at });
}

fn proof(view: &View<'_>, generation: GenerationId) -> Event {
    let image = view.state.generations.get(&generation).map(|generation| generation.spec.image.id());
    let keys: Vec<&InstanceKey> =
        view.generation(generation).flat_map(|(_, group)| group.ready.iter().chain(&group.kept)).copied().collect();
    Event::Proven { generation, instances: count(keys.len()), evidence: evidence(&keys, image) }
}
