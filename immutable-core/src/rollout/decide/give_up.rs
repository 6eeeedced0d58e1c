//! Slots that were asked for and never came are given up, so that what they hold of the ceiling is free again.

use std::sync::Arc;

use super::proposal::Proposal;
use super::view::{View, count};
use crate::fleet::{GroupId, Resize};
use crate::rollout::event::Call;
use crate::rollout::report::Blocker;

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let (Some(rollout), Some(aim)) = (view.rollout(), proposal.aim) else {
        return;
    };
    let patience = rollout.plan.fleet().health().boot_deadline;
    let concerned = |id: &GroupId| aim.wanted == Some(id.generation) || aim.leaves(id.generation);
    for (id, group) in view.groups.iter().filter(|(id, _)| concerned(id)) {
        // Who was named in vain is a member still.
        let there = group.members() + count(group.stray.len() + group.stray_down.len());
        let missing = group.size.saturating_sub(there);
        let Some(slots) = view.state.slots(*id).filter(|_| missing > 0 && group.whole && proposal.may_write(view, *id)) else {
            continue;
        };
        // What is wanted is waited for; of what should leave nothing more is awaited.
        let due = if aim.wanted == Some(id.generation) { slots.raised_at + patience } else { view.now };
        if view.now < due {
            proposal.wake_at(view, due);
        } else if group.idle {
            let call = Resize::GiveUp { group: *id, from: group.size, to: there };
            proposal.call(view, Call::Resize(Arc::new(call)));
        }
        if !view.seen.fleet.incidents.is_empty() {
            proposal.wait(Blocker::Capacity { missing });
        }
    }
}
