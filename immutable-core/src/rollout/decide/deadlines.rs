//! A phase that takes too long ends, or asks.

use super::proposal::Proposal;
use super::rollback::{give_up, held};
use super::view::View;
use crate::rollout::state::{Ending, Need, Phase, RevertCause};
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
        return;
    }
    let strategy = rollout.plan.strategy();
    let next = match &rollout.phase {
        Phase::Preparing { .. } => {
            let why = format!("the provider has not made the generation within {}", Human(strategy.progress_deadline)).into();
            Phase::Finishing { ending: Ending::Refused { why }, give_up_at: view.now + strategy.rollback_deadline }
        }
        Phase::Stepping { .. } => give_up(view, rollout, RevertCause::Deadline),
        Phase::Reverting { .. } => held(rollout, Need::RollbackDeadline, view.now),
        Phase::Finishing { .. } => held(rollout, Need::StuckLeaving, view.now),
        Phase::Held { .. } => return,
    };
    proposal.move_to(next);
}
