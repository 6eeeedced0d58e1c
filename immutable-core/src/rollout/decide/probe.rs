//! A release that never had a ready instance in this fleet is on probation: one instance at a time, a few attempts, and of the others
//! at most the one that it needs room for, and what a smaller size leaves over.

use super::proposal::{Aim, Proposal};
use super::view::{GroupView, View};
use crate::fleet::GenerationId;
use crate::rollout::report::Blocker;

/// What is on probation, if anything is.
pub(super) fn on_probation(view: &View<'_>, aim: &Aim) -> Option<GenerationId> {
    let wanted = aim.wanted?;
    let release = view.state.generations.get(&wanted)?.release();
    // What launches nothing has nothing to show.
    (!view.exercised(release) && aim.goal > 0).then_some(wanted)
}

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let Some(aim) = proposal.aim else {
        return;
    };
    let Some(wanted) = on_probation(view, &aim) else {
        return;
    };
    let live = view.sum(wanted, |group| group.live);
    // Who has used up its attempts is given up already.
    let probe = u32::from(live == 0);
    let others = |of: fn(&GroupView<'_>) -> u32| view.sum_where(|id| aim.leaves(id), of);
    // Who leaves already makes room, also while no view shows it yet.
    let room = others(|group| group.members()).saturating_add(probe) <= view.budget.ceiling;
    let needs_room = probe > 0 && !room && others(|group| group.leavers) == 0;
    proposal.probe = Some(probe);
    // What a smaller size leaves over may go besides, but not by a view in which those that serve cannot be told from the others.
    let whole = view.groups.iter().all(|(id, group)| group.whole || !aim.leaves(id.generation));
    // Nor by one that does not show yet who has set a size.
    let over = if whole { others(|group| group.members().min(group.size)).saturating_sub(view.budget.desired) } else { 0 };
    // Where nothing may run beside them all of them go first.
    proposal.spare_for_probe = (!aim.first).then(|| over.max(u32::from(needs_room)));
    let until = view.generation(wanted).filter_map(|(_, group)| group.booting).map(|(until, _)| until).min();
    proposal.wait(Blocker::Probe { launched: view.sum(wanted, GroupView::members) > 0, until });
}
