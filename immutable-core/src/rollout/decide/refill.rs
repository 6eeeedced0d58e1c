//! A freed slot is filled at once: as many of the wanted as the goal asks for and the ceiling has room for, and the spares besides.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use super::MAX_VIEW_AGE;
use super::proposal::{Aim, Proposal};
use super::shortage::lacks;
use super::view::{GroupView, View, count};
use super::zones::Room;
use crate::fleet::{GenerationId, GroupId, Resize};
use crate::rollout::event::Call;
use crate::rollout::report::Blocker;
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
    lacks(view, proposal, &aim, wanted, shortage);
    // Another takes the place of who runs another image.
    let stay = aim.goal.saturating_add(proposal.spares);
    let goal = stay.saturating_add(view.replaced(wanted));
    let zones = Room::of(view, proposal, &aim, wanted);
    let lacking = goal.saturating_sub(asked);
    let missing = lacking.saturating_sub(zones.kept).min(proposal.probe.unwrap_or(u32::MAX));
    if lacking > 0 && zones.kept > 0 {
        proposal.wait(Blocker::View { why: "of a zone whose part is missing".into() });
    }
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
    // Zone by zone each has its part, and no other's.
    let share = (shortage == Shortage::Wait && aim.open.is_none()).then(|| stay.div_ceil(groups.max(1)));
    for (group, (from, to)) in spread(view, proposal, &aim, zones, missing.min(room), share) {
        proposal.call(view, Call::Resize(Arc::new(Resize::Raise { group, from, to })));
    }
}

/// Sizes to be set to what is there: members beyond the size, left behind by somebody who lowered it, are the provider's to remove.
fn unkept(view: &View<'_>, proposal: &Proposal, wanted: GenerationId, goal: u32) -> Vec<Resize> {
    let mut lacking = goal.saturating_sub(view.sum(wanted, |group| group.size.max(group.asked)));
    let still = view
        .generation(wanted)
        .filter(|(id, group)| group.whole && group.idle && is_open(proposal, group) && proposal.may_write(view, **id));
    let resizes = still.filter_map(|(id, group)| {
        // Who is on standby is no concern of its size.
        let more = (group.members() - group.held).saturating_sub(group.size).min(lacking);
        lacking -= more;
        (more > 0).then(|| Resize::Raise { group: *id, from: group.size, to: group.size + more })
    });
    resizes.collect()
}

/// Whether it is the turn of the zone that a group is in.
fn is_open(proposal: &Proposal, group: &GroupView<'_>) -> bool {
    proposal.aim.is_none_or(|aim| aim.is_open(group.zone))
}

/// Fills the groups that have least first, none above its limit, or its share where a shortage is waited out, and no zone above its part where that is all
/// it may have.
fn spread(
    view: &View<'_>,
    proposal: &Proposal,
    aim: &Aim,
    mut zones: Room,
    more: u32,
    share: Option<u32>,
) -> BTreeMap<GroupId, (u32, u32)> {
    let mut raised = BTreeMap::new();
    let Some((wanted, generation)) = aim.wanted.and_then(|wanted| Some((wanted, view.state.generations.get(&wanted)?))) else {
        return raised;
    };
    let limit = |id: &GroupId| generation.spec.groups.iter().find(|group| group.cell == id.cell).map_or(0, |group| group.max);
    let open = view
        .generation(wanted)
        .filter(|(id, group)| group.whole && !group.absent && aim.is_open(group.zone) && proposal.may_write(view, **id));
    let mut heap: BinaryHeap<_> = open
        .map(|(id, group)| {
            // Where the last one did not come, only when nowhere else is room. Who is to be replaced is none of those who stay.
            let replaced = count(group.replaced.len());
            let limit = limit(id).min(share.unwrap_or(u32::MAX).saturating_add(replaced));
            // What somebody else has made larger a raise would make smaller, if it began from what is known.
            let size = group.size.max(group.reported);
            Reverse((view.is_short(aim, *id), size.saturating_sub(replaced), *id, size, limit, group.zone))
        })
        .collect();
    for _ in 0..more {
        let is_full =
            |size: u32, limit: u32, zone: Option<u16>| size >= limit || zone.and_then(|zone| zones.left.get(&zone)) == Some(&0);
        while heap.peek().is_some_and(|Reverse((_, _, _, size, limit, zone))| is_full(*size, *limit, *zone)) {
            heap.pop();
        }
        let Some(Reverse((short, stay, id, size, limit, zone))) = heap.pop() else {
            break;
        };
        raised.entry(id).or_insert_with(|| (view.groups.get(&id).map_or(0, |group| group.size), size)).1 = size + 1;
        if let Some(left) = zone.and_then(|zone| zones.left.get_mut(&zone)) {
            *left -= 1;
        }
        heap.push(Reverse((short, stay + 1, id, size + 1, limit, zone)));
    }
    raised
}
