//! A phase that takes too long ends, or asks.

use super::proposal::{Aim, Proposal};
use super::rollback::{give_up, held};
use super::route::refused;
use super::stuck::{late, stuck};
use super::view::{GroupView, View, count};
use crate::rollout::phase::{Ending, Need, Phase, RevertCause};
use crate::rollout::report::Blocker;
use crate::rollout::state::RolloutState;
use crate::time::Human;

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let Some(rollout) = view.rollout() else {
        return;
    };
    if overdue(view, proposal, rollout) || lingering(view, proposal, rollout) {
        return;
    }
    let Some(give_up_at) = rollout.phase.give_up_at() else {
        return;
    };
    // What this very look brings counts.
    if view.now < give_up_at || view.noted.progress.is_some() {
        proposal.wake_at(view, give_up_at);
        if let Phase::Finishing { ending: Ending::Keep, .. } = rollout.phase {
            proposal.wait(Blocker::KeepsOld { step: rollout.plan.strategy().kept(), until: give_up_at });
        }
        return;
    }
    let strategy = rollout.plan.strategy();
    let why = || stuck(view, proposal.aim);
    let asks = |need| held(rollout, need, view.now);
    let next = match &rollout.phase {
        Phase::Preparing { .. } => {
            let why = format!("the provider has not made the generation within {}", Human(strategy.progress_deadline)).into();
            Phase::Finishing { ending: Ending::Refused { why }, give_up_at: view.now + strategy.rollback_deadline }
        }
        Phase::Finishing { ending: Ending::Keep, .. } => {
            Phase::Finishing { ending: Ending::Forward, give_up_at: view.now + strategy.rollback_deadline }
        }
        _ if let Some(why) = refused(view, proposal.aim) => asks(Need::PoolRefuses { why }),
        Phase::Stepping { .. } if dark(view) => asks(match view.seen.unseen {
            Some(why) => Need::Unseen { why: why.into() },
            None => Need::ProviderSilent,
        }),
        // All of the wanted are ready, and only the others don't leave: no fault of the release.
        Phase::Stepping { .. } if all_ready(view, proposal.aim) => asks(Need::StuckLeaving { why: why() }),
        Phase::Stepping { .. } => give_up(view, rollout, RevertCause::Deadline),
        Phase::Reverting { .. } => asks(Need::RollbackDeadline { why: late(view, proposal.aim) }),
        Phase::Finishing { .. } => asks(Need::StuckLeaving { why: why() }),
        Phase::Held { .. } => return,
    };
    proposal.move_to(next);
}

/// Whether the whole rollout has taken too long, and its release is not proven: it goes back.
fn overdue(view: &View<'_>, proposal: &mut Proposal, rollout: &RolloutState) -> bool {
    let (Some(over_at), Phase::Preparing { .. } | Phase::Stepping { .. }) = (rollout.over_at, &rollout.phase) else {
        return false;
    };
    if view.now < over_at {
        proposal.wake_at(view, over_at);
        return false;
    }
    let strategy = rollout.plan.strategy();
    let next = match &rollout.phase {
        Phase::Preparing { .. } => {
            let why = format!(
                "nothing was launched within the {} that the rollout has",
                Human(strategy.rollout_deadline.unwrap_or_default())
            );
            Phase::Finishing { ending: Ending::Refused { why: why.into() }, give_up_at: view.now + strategy.rollback_deadline }
        }
        _ => give_up(view, rollout, RevertCause::Overdue),
    };
    proposal.move_to(next);
    true
}

/// Whether somebody who was told to leave is there for too long, or nothing but what something holds has been in the way for as long: then a person is asked at
/// once, and not only when the phase has taken too long.
fn lingering(view: &View<'_>, proposal: &mut Proposal, rollout: &RolloutState) -> bool {
    let Some(aim) = proposal.aim else {
        return false;
    };
    let strategy = rollout.plan.strategy();
    let phase_has = match rollout.phase {
        Phase::Stepping { .. } => strategy.progress_deadline,
        _ => strategy.rollback_deadline,
    };
    // Where there is room they are in nobody's way.
    let full = |aim: &Aim| {
        aim.wanted.is_none_or(|wanted| view.sum(wanted, GroupView::ready_count) >= aim.goal) || view.live >= view.budget.ceiling
    };
    let still = rollout.phase.give_up_at().filter(|_| view.only_held(&aim) && all_ready(view, Some(aim)) && full(&aim));
    let since = [view.told_first(), still.map(|give_up_at| give_up_at - phase_has)];
    let Some(due) = since.into_iter().flatten().min().map(|since| since + strategy.leave_deadline) else {
        return false;
    };
    if view.now < due {
        proposal.wake_at(view, due);
        return false;
    }
    proposal.move_to(held(rollout, Need::StuckLeaving { why: stuck(view, Some(aim)) }, view.now));
    true
}

/// Whether nothing of the wanted is amiss: all that there is of them is ready, and either that is the goal or it is the others who do not
/// make room.
fn all_ready(view: &View<'_>, aim: Option<Aim>) -> bool {
    let Some((aim, wanted)) = aim.and_then(|aim| Some((aim, aim.wanted?))) else {
        return false;
    };
    let ready = view.sum(wanted, |group| group.ready_count());
    let asked = view.sum(wanted, |group| group.promised());
    let in_the_way = view.sum_where(|id| aim.leaves(id), |group| group.leavers + group.held + count(group.kept.len()));
    ready >= aim.goal || (ready > 0 && ready == asked && in_the_way > 0)
}

/// Whether too little is seen for anybody to be blamed.
fn dark(view: &View<'_>) -> bool {
    let anybody = view.groups.values().any(|group| group.members() > 0);
    view.blind.is_some() || (anybody && !view.heard)
}
