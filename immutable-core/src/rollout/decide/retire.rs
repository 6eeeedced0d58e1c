//! Who is named to leave: of the others as the goal lets them and the floor holds without them, of the wanted what failed or is too many.
//! Who serves behind a pool that can drain finishes the requests it has before it is terminated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::proposal::{Aim, Proposal};
use super::traffic::{Pot, Traffic, Weights};
use super::view::{GroupView, View, count};
use super::zones::{Floors, beyond_their_part, too_full};
use crate::fleet::{Drains, GenerationId, GroupId, Resize, TargetState};
use crate::id::InstanceKey;
use crate::rollout::event::Call;
use crate::rollout::report::Blocker;
use crate::time::Timestamp;

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let Some(aim) = proposal.aim else {
        return;
    };
    let (making_room, probation) = (making_room(view, &aim, proposal.probe), proposal.probe.is_some());
    let route = proposal.route.clone();
    let mut names = Names {
        view,
        aim,
        route: route.as_ref(),
        pots: pots(view, proposal, &aim),
        zones: Floors::of(view, &aim, route.as_ref()),
        beyond: beyond_their_part(view, &aim),
        making_room,
        probation,
        replaced: replaced_by_zone(view, &aim),
        leave: BTreeMap::new(),
    };
    let writable = |id: &GroupId| view.groups.get(id).is_some_and(|group| group.fresh) && proposal.may_write(view, *id);
    let groups = |which: &dyn Fn(GenerationId) -> bool| -> Vec<GroupId> {
        view.groups.keys().filter(|id| which(id.generation) && writable(id)).copied().collect()
    };
    let (others, ours) = (groups(&|id| aim.leaves(id)), groups(&|id| Some(id) == aim.wanted));
    let mut served = BTreeMap::new();
    for id in others.iter().chain(&ours) {
        let Some(group) = view.groups.get(id) else { continue };
        // Those named before by a call that came to nothing are named again. They are counted as leaving already; but while the floor is
        // broken without them, those that may still serve stay.
        let spared = view.environment || names.is_broken(*id);
        let stray = group.stray.iter().filter(|_| !spared);
        stray.chain(&group.stray_down).for_each(|key| names.name(*id, key));
        let drained: BTreeSet<_> = drained(view, proposal, group).cloned().collect();
        if !drained.is_empty() {
            served.insert(*id, drained);
        }
    }
    if !view.environment {
        let draining = view.sum_where(|id| aim.leaves(id), |group| count(group.draining.len()));
        // Who was replaced unseen counts as a member still, and who was seen leaving and is not seen now as well: of those that some are to stay of, no more
        // go than are certain.
        let certain = |group: &GroupView<'_>| match aim.others {
            0 => group.members(),
            _ => group.members().saturating_sub(group.unseen.0).min(group.size),
        };
        let there = view.sum_where(|id| aim.leaves(id), certain).saturating_sub(draining);
        let mut may_leave = there.saturating_sub(aim.others);
        if let Some(spare) = proposal.spare_for_probe {
            may_leave = may_leave.min(spare.saturating_sub(draining));
        }
        names.take(&others, Class::Down, &mut may_leave);
        names.take(&others, Class::Doubt, &mut may_leave);
        if proposal.spare_for_probe.is_some() {
            // Whoever serves nobody makes the room, once their group can be written to.
            let idle = |group: &GroupView<'_>| group.members().saturating_sub(group.may_serve());
            let waited = view.groups.iter().filter(|(id, _)| aim.leaves(id.generation) && !others.contains(id));
            may_leave = may_leave.saturating_sub(waited.map(|(_, group)| idle(group)).fold(0, u32::saturating_add));
            // So do those of too many whom a floor keeps for now.
            if there > view.budget.desired {
                may_leave = may_leave.saturating_sub(names.kept(&others));
            }
        }
        names.take(&others, Class::Suspended, &mut may_leave);
        names.take(&others, Class::Ready, &mut may_leave);
        let members = aim.wanted.map_or(0, |wanted| view.sum(wanted, |group| group.members()));
        let mut failed = members;
        names.take(&ours, Class::Failed, &mut failed);
        let replaced = aim.wanted.map_or(0, |wanted| view.replaced(wanted));
        names.take(&ours, Class::Replaced, &mut replaced.clone());
        let draining = aim.wanted.map_or(0, |wanted| view.sum(wanted, |group| count(group.draining.len())));
        // Who was replaced unseen is no surplus.
        let there = |group: &GroupView<'_>| group.members().min(if group.whole { u32::MAX } else { group.size });
        let there = aim.wanted.map_or(0, |wanted| view.sum(wanted, there));
        let goal = aim.goal.saturating_add(replaced);
        let mut surplus = there.saturating_sub(goal).saturating_sub(members - failed).saturating_sub(draining);
        // A spare is awaited until all are ready.
        surplus = surplus.saturating_sub(view.spared(&aim));
        names.take(&ours, Class::Unfit, &mut surplus);
        names.take(&ours, Class::Doubt, &mut surplus);
        names.take(&ours, Class::Suspended, &mut surplus);
        names.take(&ours, Class::Ready, &mut surplus);
        if names.leave.is_empty() && served.is_empty() {
            names.take(&too_full(view, proposal, &aim), Class::Ready, &mut 1);
        }
    }
    for (group, leave) in names.leave {
        retire(view, proposal, group, leave, served.remove(&group).unwrap_or_default());
    }
    for (group, served) in served {
        retire(view, proposal, group, Leave::default(), served);
    }
}

/// Terminates those who may go, and lets those who still serve finish first: one call a group at a time.
fn retire(view: &View<'_>, proposal: &mut Proposal, group: GroupId, leave: Leave, served: BTreeSet<InstanceKey>) {
    let mut go = served;
    let patience = view.rollout().map(|rollout| rollout.plan.strategy().drain_deadline).unwrap_or_default();
    // By others, only now: from when it is seen.
    let out = |traffic: &Traffic<'_>| if view.noted.weights.is_some() { view.now } else { traffic.state.settled_at };
    let detached = view.traffic.as_ref().map_or(view.now, |traffic| out(traffic) + patience);
    let mut drain = BTreeSet::new();
    let mut finish = 0;
    go.extend(leave.at_once);
    for key in leave.served_first {
        match target(view, &key) {
            Some(Some(TargetState::Attached)) => drop(drain.insert(key)),
            // Detached with all of its generation: it finishes what it has.
            Some(Some(TargetState::Draining)) if view.now < detached => finish += 1,
            Some(_) => drop(go.insert(key)),
            None => proposal.wait(Blocker::View { why: "of the pool".into() }),
        }
    }
    if finish > 0 {
        proposal.wake_at(view, detached);
        proposal.wait(Blocker::Draining { instances: finish, until: detached });
    }
    if !go.is_empty() {
        let from = view.groups.get(&group).map_or(0, |group| group.size);
        proposal.call(view, Call::Resize(Arc::new(Resize::Lower { group, from, leave: go })));
    } else if let Some(traffic) = view.traffic.as_ref().filter(|_| !drain.is_empty()) {
        let pool = traffic.state.id.clone();
        proposal.call(view, Call::Drain { pool, group, leaving: Arc::new(drain) });
    }
}

/// What an instance is to the pool, if that is seen; `Some(None)` if it is none of its targets, or that does not matter.
fn target(view: &View<'_>, key: &InstanceKey) -> Option<Option<TargetState>> {
    let Some(traffic) = &view.traffic else {
        return Some(None);
    };
    let seen = traffic.seen?;
    Some(seen.target(key).filter(|_| traffic.capabilities.drains == Drains::Named))
}

/// Those of a group who have finished their requests, or had the time to.
fn drained<'v>(view: &'v View<'_>, proposal: &mut Proposal, group: &'v GroupView<'_>) -> impl Iterator<Item = &'v InstanceKey> {
    let patience = view.rollout().map(|rollout| rollout.plan.strategy().drain_deadline).unwrap_or_default();
    let as_of = view.traffic.as_ref().map_or_else(Timestamp::default, |traffic| traffic.as_of);
    let done = move |(key, since): &(&InstanceKey, Timestamp)| {
        let over = view.now >= *since + patience;
        let known = if as_of >= *since { target(view, key) } else { None };
        over || known.is_some_and(|state| state.is_none_or(|state| state == TargetState::Drained))
    };
    let waited: Vec<_> = group.draining.iter().filter(|draining| !done(draining)).collect();
    if let Some(first) = waited.iter().map(|(_, since)| *since + patience).min() {
        proposal.wake_at(view, first);
        proposal.wait(Blocker::Draining { instances: count(waited.len()), until: first });
    }
    group.draining.iter().filter(move |draining| done(draining)).map(|(key, _)| *key)
}

/// For each that shares its requests with nobody, and for all that share them: how many are ready, and how many must be.
fn pots(view: &View<'_>, proposal: &Proposal, aim: &Aim) -> Vec<(Pot, u32, u32)> {
    let route = proposal.route.as_ref();
    let mut pots: Vec<Pot> = view.state.generations.keys().map(|id| view.pot(*id, route)).collect();
    // All that are together are one.
    pots.sort_unstable();
    pots.dedup();
    pots.into_iter().map(|pot| (pot, view.ready_in(pot), view.needed_in(pot, aim.floor, route))).collect()
}

/// How many of the wanted run another image, serve all the same, and are to be replaced: in each zone.
fn replaced_by_zone(view: &View<'_>, aim: &Aim) -> BTreeMap<Option<u16>, u32> {
    let mut by_zone = BTreeMap::new();
    for (_, group) in aim.wanted.into_iter().flat_map(|wanted| view.generation(wanted)) {
        *by_zone.entry(group.zone).or_default() += count(group.replaced.len());
    }
    by_zone
}

/// How many that are down may be named while the floor is broken: what is under way to replace them bounds it.
fn making_room(view: &View<'_>, aim: &Aim, probe: Option<u32>) -> u32 {
    let on_the_way = aim.wanted.map_or(0, |wanted| {
        let stay = |group: &GroupView<'_>| group.ready_count() + count(group.failed.len() + group.replaced.len());
        view.sum(wanted, |group| group.promised().saturating_sub(stay(group)))
    });
    // What finds room as it is needs nobody's.
    let room = view.budget.ceiling.saturating_sub(view.live);
    let missing = aim.wanted.map_or(0, |wanted| aim.goal.saturating_sub(view.sum(wanted, |group| group.promised())));
    let coming = missing.min(room).min(probe.unwrap_or(u32::MAX));
    let leavers = view.groups.values().map(|group| group.leavers).sum();
    view.budget.slack().saturating_sub(on_the_way).saturating_sub(coming).saturating_sub(leavers)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Down,
    Failed,
    Replaced,
    Unfit,
    /// In doubt; on probation those alone who serve nobody for certain.
    Doubt,
    /// On probation: in doubt, and healthy when last heard of.
    Suspended,
    Ready,
}

struct Names<'v, 'a> {
    view: &'v View<'a>,
    aim: Aim,
    /// The route that is proposed.
    route: Option<&'v Weights>,
    pots: Vec<(Pot, u32, u32)>,
    zones: Floors,
    /// How many of the others may leave each zone whose turn has not come.
    beyond: BTreeMap<u16, u32>,
    making_room: u32,
    probation: bool,
    /// How many of the wanted run another image, serve, are to be replaced, and are not named yet: in each zone.
    replaced: BTreeMap<Option<u16>, u32>,
    leave: BTreeMap<GroupId, Leave>,
}

/// Who leaves a group.
#[derive(Default)]
struct Leave {
    /// Who serves nobody, or is named already.
    at_once: BTreeSet<InstanceKey>,
    /// Who may still serve somebody.
    served_first: BTreeSet<InstanceKey>,
}

impl Leave {
    fn names(&self, key: &InstanceKey) -> bool {
        self.at_once.contains(key) || self.served_first.contains(key)
    }
}

impl Names<'_, '_> {
    /// Whether one that has failed stays for now: on probation, and nobody is charged with it, since nobody's health can be told. Another
    /// would fare no better.
    fn spared(&self, group: GroupId, key: &InstanceKey) -> bool {
        self.probation && self.view.untold && !self.view.charged(group, key)
    }

    fn name(&mut self, group: GroupId, key: &InstanceKey) {
        self.leave.entry(group).or_default().at_once.insert(key.clone());
    }

    fn pot_of(&self, id: GenerationId) -> Pot {
        self.view.pot(id, self.route)
    }

    /// How many are ready for the requests of a pot, and how many must be.
    fn ready_of(&self, pot: Pot) -> (u32, u32) {
        self.pots.iter().find(|(one, ..)| *one == pot).map_or((0, 0), |(_, ready, needed)| (*ready, *needed))
    }

    /// Whether too few are ready for the requests that a group serves, or in its zone.
    fn is_broken(&self, group: GroupId) -> bool {
        let (ready, needed) = self.ready_of(self.pot_of(group.generation));
        let zone = self.view.groups.get(&group).and_then(|group| group.zone);
        ready < needed || self.zones.is_broken(zone, group.generation)
    }

    /// How many of a class may be named in a group, as far as the floors go: that of those who serve the same requests, and that of its zone; and in a
    /// zone whose turn has not come, as many as it has beyond its part. Who is down is nobody's part.
    fn allows(&self, class: Class, left: &Left<'_>) -> u32 {
        let (id, zone) = (left.id.generation, left.zone);
        let (ready, needed) = self.ready_of(left.pot);
        let broken = ready < needed || self.zones.is_broken(zone, id);
        let turn = || if left.open { u32::MAX } else { zone.and_then(|zone| self.beyond.get(&zone)).copied().unwrap_or(0) };
        match class {
            // While a floor is broken only what is down may go, and no faster than it is replaced.
            Class::Down | Class::Failed | Class::Unfit if broken => self.making_room,
            Class::Down | Class::Failed | Class::Unfit => u32::MAX,
            // They are never ready, and serve all the same.
            Class::Replaced => {
                let serve = self.replaced.values().fold(0_u32, |sum, serve| sum.saturating_add(*serve));
                let here = self.replaced.get(&zone).copied().unwrap_or(0).saturating_sub(self.zones.missing(zone, id));
                here.min(serve.saturating_sub(needed.saturating_sub(ready)))
            }
            Class::Doubt | Class::Suspended if broken => 0,
            Class::Doubt | Class::Suspended => turn(),
            Class::Ready => ready.saturating_sub(needed).min(self.zones.spare(zone, id)).min(turn()),
        }
    }

    /// How many serve nobody and are not named.
    fn kept(&self, groups: &[GroupId]) -> u32 {
        let idle = groups.iter().filter_map(|id| Some((id, self.view.groups.get(id)?))).flat_map(|(id, group)| {
            let idle = group.doubt.iter().take(group.doubt.len().saturating_sub(group.doubt_may));
            idle.chain(&group.down).map(move |key| (id, *key))
        });
        count(idle.filter(|(id, key)| !self.leave.get(id).is_some_and(|leave| leave.names(key))).count())
    }

    /// Names up to `most` of a class, as far as the floors allow: of what is not proven first, then where it is a zone's turn, and then from the groups that have most
    /// members.
    fn take(&mut self, groups: &[GroupId], class: Class, most: &mut u32) {
        if *most == 0 {
            return;
        }
        let view = self.view;
        let baseline = view.rollout().and_then(|rollout| rollout.baseline.as_ref()).map(|proven| proven.spec.release);
        let mut left: Vec<Left<'_>> = Vec::new();
        for id in groups {
            if let Some(group) = view.groups.get(id) {
                let (idle, suspended) = group.doubt.split_at(group.doubt.len().saturating_sub(group.doubt_may));
                let keys: &[&InstanceKey] = match class {
                    Class::Down => &group.down,
                    Class::Failed => &group.failed,
                    Class::Replaced => &group.replaced,
                    Class::Unfit => &group.unfit,
                    Class::Doubt if self.probation => idle,
                    Class::Suspended if self.probation => suspended,
                    Class::Doubt => &group.doubt,
                    Class::Suspended => &[],
                    Class::Ready => &group.ready,
                };
                let named = self.leave.get(id).map_or(0, |leave| count(leave.at_once.len() + leave.served_first.len()));
                let release = view.state.generations.get(&id.generation).map(|generation| generation.release());
                left.push(Left {
                    unproven: release != baseline,
                    open: Some(id.generation) == self.aim.wanted || self.aim.is_open(group.zone),
                    members: group.members().saturating_sub(named),
                    id: *id,
                    zone: group.zone,
                    pot: self.pot_of(id.generation),
                    keys: keys.iter(),
                });
            }
        }
        while *most > 0 {
            let open = left.iter_mut().filter(|left| left.keys.len() > 0 && self.allows(class, left) > 0);
            let Some(from) = open.max_by_key(|left| (left.unproven, left.open, left.members, left.id)) else {
                return;
            };
            let (id, pot, zone) = (from.id, from.pot, from.zone);
            if let Some(key) = from.keys.next().filter(|key| class != Class::Failed || !self.spared(id, key)) {
                from.members = from.members.saturating_sub(1);
                let leave = self.leave.entry(id).or_default();
                match class {
                    Class::Down | Class::Failed | Class::Unfit => leave.at_once.insert((*key).clone()),
                    Class::Replaced | Class::Doubt | Class::Suspended | Class::Ready => leave.served_first.insert((*key).clone()),
                };
                *most -= 1;
                if let Some(beyond) = zone.and_then(|zone| self.beyond.get_mut(&zone)) {
                    *beyond = beyond.saturating_sub(1);
                }
                match class {
                    Class::Ready => {
                        if let Some((_, ready, _)) = self.pots.iter_mut().find(|(one, ..)| *one == pot) {
                            *ready -= 1;
                        }
                        self.zones.leaves(zone, id.generation);
                    }
                    Class::Down | Class::Failed | Class::Unfit => self.making_room = self.making_room.saturating_sub(1),
                    Class::Replaced => {
                        self.replaced.entry(zone).and_modify(|serve| *serve = serve.saturating_sub(1));
                    }
                    Class::Doubt | Class::Suspended => {}
                }
            }
        }
    }
}

/// Who of a group may still be named.
struct Left<'k> {
    /// Whether it is of another release than the one that is proven.
    unproven: bool,
    /// Whether it is the turn of its zone.
    open: bool,
    members: u32,
    id: GroupId,
    zone: Option<u16>,
    pot: Pot,
    keys: std::slice::Iter<'k, &'k InstanceKey>,
}
