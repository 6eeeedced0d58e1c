//! Beside each that boots for too long a spare, on top of the ceiling: for what has had a ready instance here, as many as the strategy allows, and none once
//! all are ready.

use super::proposal::{Aim, Proposal};
use super::view::{GroupView, View};
use crate::rollout::report::Blocker;

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let Some(aim) = proposal.aim else {
        return;
    };
    proposal.spares = view.spares(&aim);
    let slow = aim.wanted.map_or(0, |wanted| view.sum(wanted, |group| group.slow));
    if proposal.spares > 0 {
        proposal.wait(Blocker::Slow { booting: slow, spares: proposal.spares, most: view.budget.spares });
    }
}

impl View<'_> {
    /// How many spares may be there by what boots too long: this much the goal and the ceiling are higher.
    pub(super) fn spares(&self, aim: &Aim) -> u32 {
        let slow = |wanted| self.sum(wanted, |group| group.slow);
        aim.wanted.filter(|_| self.awaits(aim)).map_or(0, |wanted| slow(wanted).min(self.budget.spares))
    }

    /// How many more than the goal stay: spares whose place nobody has taken yet.
    pub(super) fn spared(&self, aim: &Aim) -> u32 {
        if self.awaits(aim) { self.budget.spares } else { 0 }
    }

    /// Whether what is wanted was ready here, and not all of it is now.
    fn awaits(&self, aim: &Aim) -> bool {
        let Some((wanted, generation)) = aim.wanted.and_then(|id| Some((id, self.state.generations.get(&id)?))) else {
            return false;
        };
        self.exercised(generation.release()) && self.sum(wanted, GroupView::ready_count) < aim.goal
    }
}
