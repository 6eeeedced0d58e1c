//! Where instances did not come, and where they are instead.

use std::collections::BTreeSet;

use super::proposal::{Aim, Proposal};
use super::view::{View, count};
use crate::fleet::{GenerationId, GroupId};
use crate::rollout::report::Blocker;
use crate::rollout::state::Slots;
use crate::rollout::strategy::Shortage;

/// Says where instances did not come, and where they are instead.
pub(super) fn lacks(view: &View<'_>, proposal: &mut Proposal, aim: &Aim, wanted: GenerationId, shortage: Shortage) {
    let Some(generation) = view.state.generations.get(&wanted) else {
        return;
    };
    let placement =
        |id: &GroupId| generation.spec.groups.iter().find(|group| group.cell == id.cell).map(|group| &group.placement);
    let open = view.generation(wanted).filter(|(_, group)| aim.is_open(group.zone));
    let groups: Vec<_> = open.filter_map(|(id, group)| Some((id, placement(id)?, group.promised()))).collect();
    let share = |at: usize| {
        let (all, goal) = (groups.len().max(1), usize::try_from(aim.goal).unwrap_or(usize::MAX));
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
