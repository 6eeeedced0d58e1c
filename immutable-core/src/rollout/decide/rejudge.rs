//! A call that was decided on a view now old is not sent again blindly: it is judged on this view, and stands, or is withdrawn once
//! it is certain whether it took effect.

use std::collections::BTreeMap;

use super::MAX_VIEW_AGE;
use super::probe::on_probation;
use super::proposal::{Aim, Proposal};
use super::route;
use super::view::{GroupView, View, count};
use super::zones::Floors;
use crate::error::{ErrorKind, Retry};
use crate::fleet::{Drains, GroupId, GroupState, Life, Resize, TargetState, Working};
use crate::id::InstanceKey;
use crate::rollout::event::{Call, Event, OpResult, Refused};
use crate::rollout::phase::{Hold, Phase};
use crate::rollout::report::Blocker;
use crate::rollout::state::Owed;

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    if matches!(view.rollout().map(|rollout| &rollout.phase), Some(Phase::Held { why: Hold::Needs(_), .. })) {
        return; // nothing is sent, so nothing need stand
    }
    for (op, owed) in view.state.owed() {
        let due = owed.basis + MAX_VIEW_AGE;
        if view.now < due || owed.ticket.is_some() {
            proposal.wake_at(view, due);
            continue;
        }
        let under_way = view.seen.in_flight.is_some_and(|in_flight| in_flight.contains(&op));
        let stands = stands(view, proposal.promised, owed);
        let came = stands.filter(|_| !under_way).and_then(|_| came_to(view, owed));
        let event = match (stands, came) {
            // Each copy may be refused from now on, and what an earlier one has done is there to be seen.
            (Some(true), Some(result @ OpResult::Done { .. })) if owed.uncertain => Some(Event::Settled { op, result }),
            (Some(true), _) => Some(Event::Renewed { op, basis: view.seen.as_of }),
            (_, came) => came.map(|result| Event::Settled { op, result }),
        };
        match event {
            Some(event) => proposal.judged.push(event),
            None => {
                proposal.wake_at(view, owed.echo_until);
                proposal.wait(Blocker::Call { op });
            }
        }
    }
}

/// Whether it may still happen; `None` if this view does not tell.
fn stands(view: &View<'_>, aim: Option<Aim>, owed: &Owed) -> Option<bool> {
    let resize = match &owed.call {
        Call::Resize(resize) => resize,
        Call::Route(route) => {
            let traffic = view.traffic.as_ref().filter(|traffic| traffic.seen.is_some())?;
            // Where nothing moves no share does.
            let Some(aim) = aim else { return Some(false) };
            return Some(route::target(view, traffic, &aim).as_ref() == Some(route.weights()));
        }
        Call::Drain { group, .. } => return Some(holds(view, *group, aim) && stay(view, *group, aim)),
        // Making, removing and upkeep are absolute, and harmless on any view.
        Call::Ensure(_) | Call::Upkeep(..) | Call::Destroy(_) => return Some(true),
    };
    let id = resize.group();
    let group = view.groups.get(&id).filter(|group| group.fresh)?;
    Some(match &**resize {
        // What somebody else has made larger than that it would make smaller, and nobody would have named who leaves.
        Resize::Raise { to, .. } if group.reported > *to => false,
        Resize::Raise { .. } => {
            if view.blind.is_some() {
                return None;
            }
            // What it asks for is counted as promised already: others may have brought the goal meanwhile.
            let wanted = aim.is_some_and(|aim| {
                // Another may be asked for in the place of who runs another image.
                let goal = aim.goal.saturating_add(view.spares(&aim)).saturating_add(view.replaced(id.generation));
                aim.wanted == Some(id.generation)
                    && aim.is_open(group.zone)
                    && view.sum(id.generation, |group| group.promised()) <= goal
            });
            let spares = aim.map_or(0, |aim| view.spares(&aim));
            let release = view.state.generations.get(&id.generation)?.release();
            let good = view.seen.facts?.good.contains(&release.artifact);
            // What it asks for is counted as live already.
            wanted && good && view.live <= view.budget.ceiling.saturating_add(spares)
        }
        Resize::Lower { .. } if !holds(view, id, aim) || !stay(view, id, aim) || !leaves_enough(view, aim) => false,
        Resize::Lower { leave, .. } => {
            let serve = leave.iter().map(|key| serves(view, id, key)).collect::<Option<Vec<_>>>()?;
            !serve.contains(&true)
        }
        Resize::GiveUp { to, .. } => group.idle && group.members() <= *to,
    })
}

/// Whether the floor holds without those named to leave a group, who are not counted as ready already.
fn holds(view: &View<'_>, group: GroupId, aim: Option<Aim>) -> bool {
    let floor = aim.map_or(view.budget.floor, |aim| aim.floor);
    let pot = view.pot(group.generation, None);
    let zone = view.groups.get(&group).and_then(|group| group.zone);
    let zone_holds = aim.is_none_or(|aim| !Floors::of(view, &aim, None).is_broken(zone, group.generation));
    !view.environment && view.ready_in(pot) >= view.needed_in(pot, floor, None) && zone_holds
}

/// Whether without those named to leave as many of the others are there as are to stay: those may be more by now.
fn stay(view: &View<'_>, group: GroupId, aim: Option<Aim>) -> bool {
    let left = |group: &GroupView<'_>| group.members().saturating_sub(count(group.draining.len()));
    aim.is_none_or(|aim| !aim.leaves(group.generation) || view.sum_where(|id| aim.leaves(id), left) >= aim.others)
}

/// Whether those named to leave, who are not counted as members already, leave what a release is tried beside: all but the one that it needs room for.
fn leaves_enough(view: &View<'_>, aim: Option<Aim>) -> bool {
    // Where nothing moves yet nobody knows what will be tried.
    let Some(aim) = aim else { return false };
    let others = || view.sum_where(|id| aim.leaves(id), GroupView::members);
    aim.first || on_probation(view, &aim).is_none() || others().saturating_add(1) >= view.budget.desired
}

/// Whether one that was named to leave at once, since it served nobody, gets requests by now; `None` if it may, and the pool is not seen.
fn serves(view: &View<'_>, group: GroupId, key: &InstanceKey) -> Option<bool> {
    let Some(traffic) = view.traffic.as_ref().filter(|traffic| traffic.capabilities.drains == Drains::Named) else {
        return Some(false);
    };
    let noted = |noted: &BTreeMap<GroupId, Vec<InstanceKey>>| noted.get(&group).is_some_and(|keys| keys.contains(key));
    let member = view.state.slots(group).and_then(|slots| slots.members.get(key)).filter(|member| member.draining.is_none());
    let well =
        member.is_some_and(|member| member.healthy.is_some() || noted(&view.noted.healthy)) && !noted(&view.noted.unhealthy);
    if well { traffic.seen.map(|seen| seen.target(key) == Some(TargetState::Attached)) } else { Some(false) }
}

/// What a call came to, once no copy of it can arrive any more, and none that was accepted is still being done. What was not done is withdrawn.
fn came_to(view: &View<'_>, owed: &Owed) -> Option<OpResult> {
    let resize = match &owed.call {
        Call::Resize(resize) => resize,
        Call::Route(route) => {
            let seen = view.traffic.as_ref().filter(|traffic| traffic.as_of >= owed.echo_until)?.seen?;
            return Some(if seen.weights == *route.weights() { done(None) } else { stale(None) });
        }
        Call::Drain { .. } => return (view.seen.as_of >= owed.echo_until).then(|| stale(None)),
        _ => return None,
    };
    view.groups.get(&resize.group()).filter(|group| group.whole)?;
    // It may have been accepted, and nobody heard of it: as long as the provider works on the group it may still be done.
    if view.seen.as_of < owed.echo_until || works_on(view, resize) {
        return None;
    }
    let reported = reported(view, resize)?;
    if reported == resize.to() && left(view, resize) {
        return Some(done(Some(reported)));
    }
    Some(stale(Some(reported)))
}

fn done(size: Option<u32>) -> OpResult {
    OpResult::Done { size, refused: Vec::new(), echo_until: None, removed: None }
}

fn stale(found: Option<u32>) -> OpResult {
    let what = "withdrawn: it was decided on a view that no longer holds".into();
    OpResult::Failed(Refused { kind: ErrorKind::Stale, retry: Retry::Backoff, what, found, echo_until: None })
}

/// Whether the provider has work left on the group, perhaps this very call: accepted, and the answer lost.
fn works_on(view: &View<'_>, resize: &Resize) -> bool {
    let busy = |state: &GroupState| matches!(state, GroupState::Present { working: Working::Busy, .. });
    view.seen.fleet.groups.iter().any(|seen| seen.group == resize.group() && busy(&seen.state))
}

fn reported(view: &View<'_>, resize: &Resize) -> Option<u32> {
    view.seen.fleet.groups.iter().find(|seen| seen.group == resize.group()).map(|seen| match seen.state {
        GroupState::Present { size, .. } => size,
        _ => 0,
    })
}

/// Whether none of those named to leave is a member any more.
fn left(view: &View<'_>, resize: &Resize) -> bool {
    let Resize::Lower { group, leave, .. } = resize else {
        return true;
    };
    let instances = view.seen.fleet.groups.iter().filter(|seen| seen.group == *group).flat_map(|seen| seen.instances.iter());
    !instances.into_iter().any(|instance| leave.contains(&instance.key) && !matches!(instance.life, Life::Leaving | Life::Gone))
}
