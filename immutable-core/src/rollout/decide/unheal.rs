//! What is to leave is not replaced by its provider: not what was left over, and of what is proven not those whose corpses leave no room for
//! what is to come.

use super::proposal::Proposal;
use super::view::{GroupView, View};
use crate::fleet::{GenerationId, Heals, Upkeep};
use crate::rollout::event::Call;

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let (Some(aim), Heals::Switchable) = (proposal.aim, view.seen.heals) else {
        return;
    };
    let missing = aim.wanted.map_or(0, |wanted| aim.goal.saturating_sub(view.sum(wanted, |group| group.promised())));
    let full = missing > 0 && view.live >= view.budget.ceiling && view.ready < view.budget.floor;
    let baseline = view.rollout().and_then(|rollout| rollout.baseline.as_ref()).map(|proven| proven.spec.release);
    // Nor is what was never ready here: each that its provider would launch by itself is one that nobody has asked for. Of a fleet of none
    // somebody else may have launched some.
    let untried = |id, release| (aim.goal > 0 || view.sum(id, GroupView::promised) > 0) && !view.exercised(release);
    let concerned = |id, release| aim.leaves(id) || (aim.wanted == Some(id) && untried(id, release));
    let present = view.state.generations.iter().filter(|(id, _)| view.is_present(**id));
    for (id, generation) in present.filter(|(id, generation)| concerned(**id, generation.release())) {
        let corpses = view.sum(*id, |group| group.unnamed);
        let kept = aim.leaves(*id) && baseline == Some(generation.release()) && !(full && corpses > 0);
        // Where the provider would not have it, those that are there go first; where they do not, since each is replaced, it is asked again: by turns.
        let failures = generation.groups.values().map(|slots| slots.failures).max();
        let refused = failures.is_some_and(|failures| failures % 2 == 1);
        let heals = view.upkeep(*id).filter(|upkeep| upkeep.heal && !kept && !refused && writable(view, proposal, *id));
        if let Some(upkeep) = heals {
            proposal.call(view, Call::Upkeep(*id, Upkeep { heal: false, ..upkeep }));
        }
    }
}

fn writable(view: &View<'_>, proposal: &Proposal, id: GenerationId) -> bool {
    view.generation(id).all(|(group, _)| proposal.may_write(view, *group))
}
