//! A phase that takes too long ends, or asks.

use super::proposal::{Aim, Proposal};
use super::rollback::{give_up, held};
use super::route::refused;
use super::view::{View, count};
use crate::rollout::phase::{Ending, Need, Phase, RevertCause};
use crate::rollout::report::Blocker;
use crate::time::Human;

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let Some(rollout) = view.rollout() else {
        return;
    };
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
    let next = match &rollout.phase {
        Phase::Preparing { .. } => {
            let why = format!("the provider has not made the generation within {}", Human(strategy.progress_deadline)).into();
            Phase::Finishing { ending: Ending::Refused { why }, give_up_at: view.now + strategy.rollback_deadline }
        }
        Phase::Finishing { ending: Ending::Keep, .. } => {
            Phase::Finishing { ending: Ending::Forward, give_up_at: view.now + strategy.rollback_deadline }
        }
        _ if let Some(why) = refused(view, proposal.aim) => held(rollout, Need::PoolRefuses { why }, view.now),
        Phase::Stepping { .. } if dark(view) => held(rollout, Need::ProviderSilent, view.now),
        // All of the wanted are ready, and only the others don't leave: no fault of the release.
        Phase::Stepping { .. } if all_ready(view, proposal.aim) => held(rollout, Need::StuckLeaving, view.now),
        Phase::Stepping { .. } => give_up(view, rollout, RevertCause::Deadline),
        Phase::Reverting { .. } => held(rollout, Need::RollbackDeadline, view.now),
        Phase::Finishing { .. } => held(rollout, Need::StuckLeaving, view.now),
        Phase::Held { .. } => return,
    };
    proposal.move_to(next);
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
