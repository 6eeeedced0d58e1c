//! A release that never had a ready instance in this fleet is on probation: one instance at a time, a few attempts, and of the others
//! at most the one that it needs room for.

use super::proposal::Proposal;
use super::view::{View, count};
use crate::rollout::report::Blocker;

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let (Some(rollout), Some(aim)) = (view.rollout(), proposal.aim) else {
        return;
    };
    let Some((wanted, generation)) = aim.wanted.and_then(|wanted| Some((wanted, view.state.generations.get(&wanted)?))) else {
        return;
    };
    if view.exercised(generation.release()) {
        return;
    }
    let live = view.sum(wanted, |group| group.live);
    let tried: usize = generation.groups.values().map(|slots| slots.members.len()).sum();
    let again = count(tried) < rollout.plan.strategy().probe_attempts;
    let probe = u32::from(live == 0 && again && aim.goal > 0);
    let leaving = view.sum_others(Some(wanted), |group| group.leavers);
    let needs_room = probe > 0 && view.live.saturating_add(probe) > view.budget.ceiling && leaving == 0;
    proposal.probe = Some(probe);
    proposal.spare_for_probe = Some(u32::from(needs_room));
    let until = view.generation(wanted).filter_map(|(_, group)| group.booting).map(|(until, _)| until).min();
    proposal.wait(Blocker::Probe { until });
}
