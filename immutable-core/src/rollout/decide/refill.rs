//! A freed slot is filled at once: as many of the wanted as the goal asks for and the ceiling has room for, and the spares besides.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use super::MAX_VIEW_AGE;
use super::proposal::Proposal;
use super::view::{GroupView, View, count};
use crate::fleet::{GenerationId, GroupId, Resize};
use crate::rollout::event::Call;
use crate::rollout::report::Blocker;
use crate::rollout::state::Slots;
use crate::rollout::strategy::Shortage;

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let shortage = view.rollout().map(|rollout| rollout.plan.strategy().on_shortage).unwrap_or_default();
    fill(view, proposal, shortage);
}

/// As the rule does, where machines that a zone does not have are sought by this policy.
pub(super) fn fill(view: &View<'_>, proposal: &mut Proposal, shortage: Shortage) {
    let Some((aim, wanted)) = proposal.aim.and_then(|aim| Some((aim, aim.wanted?))) else {
        return;
    };
    let Some(generation) = view.state.generations.get(&wanted) else {
        return;
    };
    let there = view.sum_where(|id| aim.leaves(id), |group| group.live);
    if aim.first && there > 0 {
        return proposal.wait(Blocker::Leaving { instances: there });
    }
    let asked = view.sum(wanted, GroupView::promised);
    lacks(view, proposal, wanted, aim.goal, shortage);
    // Another takes the place of who runs another image.
    let goal = aim.goal.saturating_add(proposal.spares).saturating_add(view.drifted(wanted));
    let missing = goal.saturating_sub(asked).min(proposal.probe.unwrap_or(u32::MAX));
    let unkept = if missing == 0 && proposal.probe.is_none() { unkept(view, proposal, wanted, aim.goal) } else { Vec::new() };
    if missing == 0 && unkept.is_empty() {
        return;
    }
    if let Some(why) = &view.blind {
        return proposal.wait(Blocker::View { why: why.clone() });
    }
    let facts = view.seen.facts.filter(|facts| view.now.since(facts.as_of) <= MAX_VIEW_AGE);
    if !facts.is_some_and(|facts| facts.good.contains(&generation.release().artifact)) {
        return proposal.wait(Blocker::Registry);
    }
    for resize in unkept {
        proposal.call(view, Call::Resize(Arc::new(resize)));
    }
    if missing == 0 {
        return;
    }
    let ceiling = view.budget.ceiling.saturating_add(proposal.spares);
    let room = ceiling.saturating_sub(view.live);
    if room == 0 {
        return proposal.wait(Blocker::Room { live: view.live, ceiling });
    }
    let groups = count(view.generation(wanted).filter(|(_, group)| !group.absent).count());
    let share = (shortage == Shortage::Wait).then(|| goal.div_ceil(groups.max(1)));
    for (group, (from, to)) in spread(view, proposal, wanted, missing.min(room), share) {
        proposal.call(view, Call::Resize(Arc::new(Resize::Raise { group, from, to })));
    }
}

/// Sizes to be set to what is there: members beyond the size, left behind by somebody who lowered it, are the provider's to remove.
fn unkept(view: &View<'_>, proposal: &Proposal, wanted: GenerationId, goal: u32) -> Vec<Resize> {
    let mut lacking = goal.saturating_sub(view.sum(wanted, |group| group.size.max(group.asked)));
    let still = view.generation(wanted).filter(|(id, group)| group.whole && group.idle && proposal.may_write(view, **id));
    let resizes = still.filter_map(|(id, group)| {
        // Who is on standby is no concern of its size.
        let more = (group.members() - group.held).saturating_sub(group.size).min(lacking);
        lacking -= more;
        (more > 0).then(|| Resize::Raise { group: *id, from: group.size, to: group.size + more })
    });
    resizes.collect()
}

/// Says where instances did not come, and where they are instead.
fn lacks(view: &View<'_>, proposal: &mut Proposal, wanted: GenerationId, goal: u32, shortage: Shortage) {
    let Some(generation) = view.state.generations.get(&wanted) else {
        return;
    };
    let placement =
        |id: &GroupId| generation.spec.groups.iter().find(|group| group.cell == id.cell).map(|group| &group.placement);
    let groups: Vec<_> = view.generation(wanted).filter_map(|(id, group)| Some((id, placement(id)?, group.promised()))).collect();
    let share = |at: usize| {
        let (all, goal) = (groups.len().max(1), usize::try_from(goal).unwrap_or(usize::MAX));
        count(goal / all + usize::from(at < goal % all))
    };
    let over = || groups.iter().enumerate().filter(|(at, (.., size))| *size > share(*at));
    for (at, (id, from, size)) in groups.iter().enumerate() {
        let missing = share(at).saturating_sub(*size);
        if missing == 0 || !view.state.slots(**id).is_some_and(is_short) {
            continue;
        }
        let to = match shortage {
            Shortage::Elsewhere => over().map(|(_, (_, placement, _))| (*placement).clone()).filter(|to| to != *from).collect(),
            Shortage::Wait => BTreeSet::new(),
        };
        if shortage == Shortage::Wait || !to.is_empty() {
            proposal.wait(Blocker::Shortage { from: (*from).clone(), missing, to: to.into_iter().collect() });
        }
    }
}

/// Whether what was asked for last did not come, or was refused.
fn is_short(slots: &Slots) -> bool {
    slots.short || slots.failures > 0
}

/// Fills the groups that have least first, none above its limit; where a shortage is waited out, none above its share either.
fn spread(
    view: &View<'_>,
    proposal: &Proposal,
    wanted: GenerationId,
    more: u32,
    share: Option<u32>,
) -> BTreeMap<GroupId, (u32, u32)> {
    let mut raised = BTreeMap::new();
    let Some(generation) = view.state.generations.get(&wanted) else {
        return raised;
    };
    let limit = |id: &GroupId| generation.spec.groups.iter().find(|group| group.cell == id.cell).map_or(0, |group| group.max);
    let open = view.generation(wanted).filter(|(id, group)| group.whole && !group.absent && proposal.may_write(view, **id));
    let mut heap: BinaryHeap<_> = open
        .map(|(id, group)| {
            // Where the last one did not come, only when nowhere else is room.
            let short = view.state.slots(*id).is_some_and(|slots| slots.short);
            Reverse((short, group.size, *id, limit(id).min(share.unwrap_or(u32::MAX))))
        })
        .collect();
    for _ in 0..more {
        while heap.peek().is_some_and(|Reverse((_, size, _, limit))| size >= limit) {
            heap.pop();
        }
        let Some(Reverse((short, size, id, limit))) = heap.pop() else {
            break;
        };
        raised.entry(id).or_insert((size, size)).1 = size + 1;
        heap.push(Reverse((short, size + 1, id, limit)));
    }
    raised
}
