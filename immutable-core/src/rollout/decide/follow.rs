//! A fleet that follows somebody has the size that they say. As after any change of its size, all else is decided by the new one, at the next look.

use super::proposal::Proposal;
use super::view::View;
use crate::rollout::command::resizable;
use crate::rollout::event::Event;
use crate::rollout::report::Blocker;

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let Some(rollout) = view.rollout() else {
        return;
    };
    let Some((follows, says)) = rollout.plan.fleet().follows_whom().zip(view.seen.size) else {
        return;
    };
    let desired = follows.size(says);
    if desired == rollout.resized.unwrap_or(view.state.desired) {
        return;
    }
    match resizable(view.state, rollout, desired) {
        Ok(()) => proposal.resize(Event::Resized { desired }),
        Err(why) => proposal.wait(Blocker::Size { why: why.into() }),
    }
}
