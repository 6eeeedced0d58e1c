//! Engines that believe what is nearly always true. Each is one sentence that a person might write; a scenario shows what it costs.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::proposal::Proposal;
use super::view::View;
use super::{Decision, RULES, decide, decide_by, retire, route};
use crate::fleet::{Coverage, FailureClass, GroupState, Health, Instance, Life, Observation, Resize, Route, Verdict};
use crate::rollout::event::{Call, Charge, Event};
use crate::rollout::phase::Phase;
use crate::rollout::seen::Seen;
use crate::rollout::state::{Exit, FleetState};
use crate::time::Timestamp;

/// An answered call is over: no copy of it can be on its way.
pub(crate) fn answered_is_over(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    let mut state = state.clone();
    let groups = state.generations.values_mut().flat_map(|generation| generation.groups.values_mut());
    groups.for_each(|slots| slots.quiet_until = Timestamp::default());
    decide(&state, seen, now)
}

fn seeing(state: &FleetState, seen: &Seen<'_>, now: Timestamp, change: impl Fn(&mut Observation)) -> Decision {
    let mut fleet = seen.fleet.clone();
    change(&mut fleet);
    decide(state, &Seen { fleet: &fleet, ..*seen }, now)
}

fn each(fleet: &mut Observation, change: impl Fn(&mut Instance)) {
    fleet.groups.iter_mut().for_each(|group| Arc::make_mut(&mut group.instances).iter_mut().for_each(&change));
}

fn say(instance: &mut Instance, verdict: Verdict) {
    instance.health = [Health { source: "belief".into(), verdict }].into();
}

/// Who is not known to be healthy is not available.
pub(crate) fn unknown_is_ill(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    seeing(state, seen, now, |fleet| {
        each(fleet, |instance| {
            if instance.life == Life::Running && instance.health.iter().all(|health| health.verdict == Verdict::Unknown) {
                say(instance, Verdict::Unhealthy);
            }
        });
    })
}

/// What fails while a release is rolled out fails because of it.
pub(crate) fn the_new_is_to_blame(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    deciding(state, seen, now, |view| {
        let Some(wanted) = view.state.wanted_now() else { return };
        let failed: Vec<_> = view
            .generation(wanted)
            .flat_map(|(id, group)| group.failed.iter().map(|key| (*id, (*key).clone())))
            .filter(|(id, key)| !view.charged(*id, key))
            .collect();
        view.noted.charged.extend(failed.into_iter().map(|(group, key)| Charge {
            group,
            instance: Some(key),
            incident: None,
            class: FailureClass::Health,
            what: "it is not healthy".into(),
        }));
    })
}

fn deciding(state: &FleetState, seen: &Seen<'_>, now: Timestamp, change: impl Fn(&mut View<'_>)) -> Decision {
    let mut view = View::of(state, seen, now.max(state.at));
    change(&mut view);
    let mut proposal = Proposal::new(&view);
    for (_, rule) in RULES {
        if !proposal.moves() {
            rule(&view, &mut proposal);
        }
    }
    proposal.into_decision(view)
}

/// What was accepted will come.
pub(crate) fn accepted_is_done(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    let rules: Vec<_> = RULES.iter().copied().filter(|(name, _)| *name != "give_up").collect();
    decide_by(&rules, |_| {}, state, seen, now)
}

/// A provider that replaces what is ill helps.
pub(crate) fn who_heals_helps(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    let rules: Vec<_> = RULES.iter().copied().filter(|(name, _)| *name != "unheal").collect();
    decide_by(&rules, |_| {}, state, seen, now)
}

/// A group that is too large is made as large as it is: whoever goes for that, goes.
pub(crate) fn a_size_is_a_size(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    let rules: Vec<_> = RULES.iter().copied().map(|(name, rule)| (name, if name == "give_up" { shrink } else { rule })).collect();
    decide_by(&rules, |_| {}, state, seen, now)
}

fn shrink(view: &View<'_>, proposal: &mut Proposal) {
    for (id, group) in view.groups.iter() {
        let late = view.state.slots(*id).is_some_and(|slots| view.now.since(slots.raised_at).as_secs() > 120);
        if late && group.size > group.members() && proposal.may_write(view, *id) {
            let leave: BTreeSet<_> = group.ready.first().map(|key| (*key).clone()).into_iter().collect();
            let lower = Resize::Lower { group: *id, from: group.size, leave };
            proposal.call(view, Call::Resize(Arc::new(lower)));
        }
    }
}

/// A machine is its name, and was ready when the journal says so.
pub(crate) fn a_name_is_a_machine(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    seeing(state, seen, now, |fleet| {
        for group in &mut fleet.groups {
            let Some(slots) = state.slots(group.group) else { continue };
            let noted = |instance: &Instance| {
                let mut of_name = slots.members.iter().filter(|(key, _)| key.name == instance.key.name);
                of_name.find(|(_, member)| member.exit == Exit::None && member.healthy.is_some()).map(|(key, _)| key.clone())
            };
            for instance in Arc::make_mut(&mut group.instances) {
                if let Some(key) = noted(instance) {
                    instance.key = key;
                    instance.life = Life::Running;
                    say(instance, Verdict::Healthy);
                }
            }
        }
    })
}

/// What an answer does not show is not there.
pub(crate) fn a_part_is_the_whole(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    seeing(state, seen, now, |fleet| fleet.groups.iter_mut().for_each(|group| group.coverage = Coverage::Whole))
}

/// Going back is one switch.
pub(crate) fn back_is_one_switch(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    let rules: Vec<_> =
        RULES.iter().copied().map(|(name, rule)| (name, if name == "route" { switch_back } else { rule })).collect();
    decide_by(&rules, |_| {}, state, seen, now)
}

fn switch_back(view: &View<'_>, proposal: &mut Proposal) {
    let back = match view.rollout().map(|rollout| &rollout.phase) {
        Some(Phase::Reverting { to, .. }) => Some(*to),
        _ => None,
    };
    let (Some(to), Some(traffic)) = (back, &view.traffic) else { return route::rule(view, proposal) };
    let Some(seen) = traffic.seen.filter(|_| view.state.route_owed().is_none()) else { return };
    let all: u16 = traffic.current().values().sum();
    let weights = traffic.current().keys().map(|id| (*id, if *id == to { all } else { 0 })).collect();
    if weights != *traffic.current()
        && let Ok(route) = Route::new(traffic.state.id.clone(), seen.tag.clone(), weights)
    {
        proposal.call(view, Call::Route(Arc::new(route)));
    }
}

/// What is acknowledged is in force.
pub(crate) fn acknowledged_is_in_force(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    let mut state = state.clone();
    if let Some(pool) = &mut state.pool {
        pool.before.clear();
        pool.earlier.clear();
    }
    decide(&state, seen, now)
}

/// What is not found was deleted.
pub(crate) fn not_found_is_deleted(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    seeing(state, seen, now, |fleet| {
        let not_found = fleet.groups.iter_mut().filter(|group| group.state == GroupState::Absent);
        not_found.for_each(|group| group.coverage = Coverage::Whole);
    })
}

/// Who is seen running runs.
pub(crate) fn seen_is_there(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    deciding(state, seen, now, |view| {
        for group in &seen.fleet.groups {
            let Some(slots) = state.slots(group.group) else { continue };
            let gone = |instance: &&Instance| {
                let left = slots.members.get(&instance.key).is_some_and(|member| member.exit != Exit::None);
                let healthy = instance.health.iter().all(|health| health.verdict == Verdict::Healthy);
                left && healthy && instance.life == Life::Running
            };
            view.ready += u32::try_from(group.instances.iter().filter(gone).count()).unwrap_or(0);
        }
    })
}

/// What ran before is what is gone back to.
pub(crate) fn back_is_to_the_last(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    let mut decision = decide(state, seen, now);
    let wanted = state.rollout.as_ref().map(|rollout| rollout.wanted);
    let last = state.generations.keys().rev().find(|id| Some(**id) != wanted);
    for event in &mut decision.events {
        if let (Event::Moved { to: Phase::Reverting { to, .. } }, Some(last)) = (event, last) {
            *to = *last;
        }
    }
    decision
}

/// What was made is there.
pub(crate) fn made_is_there(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    deciding(state, seen, now, |view| view.noted.absent.clear())
}

/// What was given up goes at once.
pub(crate) fn given_up_goes(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    let rules: Vec<_> = RULES.iter().copied().map(|(name, rule)| (name, if name == "retire" { clear } else { rule })).collect();
    decide_by(&rules, |_| {}, state, seen, now)
}

fn clear(view: &View<'_>, proposal: &mut Proposal) {
    let rollout = view.rollout().filter(|rollout| matches!(rollout.phase, Phase::Reverting { .. }));
    let Some(proven) = rollout.and_then(|rollout| rollout.baseline.as_ref()) else { return retire::rule(view, proposal) };
    for (id, group) in view.groups.iter() {
        let given_up = view.state.generations.get(&id.generation).is_some_and(|one| one.release() != proven.spec.release);
        let leave: BTreeSet<_> = group.ready.iter().chain(&group.down).map(|key| (*key).clone()).collect();
        if given_up && !leave.is_empty() && proposal.may_write(view, *id) {
            let lower = Resize::Lower { group: *id, from: group.size, leave };
            proposal.call(view, Call::Resize(Arc::new(lower)));
        }
    }
}
