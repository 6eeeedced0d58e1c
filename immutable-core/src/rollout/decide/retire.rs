//! Who is named to leave: of the others as the goal lets them and the floor holds without them, of the wanted what failed or is too many.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::proposal::{Aim, Proposal};
use super::view::{View, count};
use crate::fleet::{GenerationId, GroupId, Resize};
use crate::id::InstanceKey;
use crate::rollout::event::Call;

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let Some(aim) = proposal.aim else {
        return;
    };
    let (making_room, probation) = (making_room(view, &aim, proposal.probe), proposal.probe.is_some());
    let mut names = Names { view, ready: view.ready, floor: aim.floor, making_room, probation, leave: BTreeMap::new() };
    let writable = |id: &GroupId| view.groups.get(id).is_some_and(|group| group.fresh) && proposal.may_write(view, *id);
    let groups = |which: &dyn Fn(GenerationId) -> bool| -> Vec<GroupId> {
        view.groups.keys().filter(|id| which(id.generation) && writable(id)).copied().collect()
    };
    let (others, ours) = (groups(&|id| aim.leaves(id)), groups(&|id| Some(id) == aim.wanted));
    // Those named before by a call that came to nothing are named again. They are counted as leaving already; but while the floor is
    // broken without them, those that may still serve stay.
    let spared = view.environment || view.ready < aim.floor;
    for id in others.iter().chain(&ours) {
        if let Some(group) = view.groups.get(id) {
            let stray = group.stray.iter().filter(|_| !spared);
            stray.chain(&group.stray_down).for_each(|key| names.name(*id, key));
        }
    }
    if !view.environment {
        let mut may_leave = view.sum_where(|id| aim.leaves(id), |group| group.members()).saturating_sub(aim.others);
        if let Some(spare) = proposal.spare_for_probe {
            may_leave = may_leave.min(spare);
        }
        names.take(&others, Class::Down, &mut may_leave);
        names.take(&others, Class::Doubt, &mut may_leave);
        names.take(&others, Class::Ready, &mut may_leave);
        let members = aim.wanted.map_or(0, |wanted| view.sum(wanted, |group| group.members()));
        let mut failed = members;
        names.take(&ours, Class::Failed, &mut failed);
        let mut surplus = members.saturating_sub(aim.goal).saturating_sub(members - failed);
        names.take(&ours, Class::Doubt, &mut surplus);
        names.take(&ours, Class::Ready, &mut surplus);
    }
    for (group, leave) in names.leave {
        let from = view.groups.get(&group).map_or(0, |group| group.size);
        proposal.call(view, Call::Resize(Arc::new(Resize::Lower { group, from, leave })));
    }
}

/// How many that are down may be named while the floor is broken: what is under way to replace them bounds it.
fn making_room(view: &View<'_>, aim: &Aim, probe: Option<u32>) -> u32 {
    let on_the_way = aim.wanted.map_or(0, |wanted| {
        view.sum(wanted, |group| group.promised().saturating_sub(group.ready_count() + count(group.failed.len())))
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
    Doubt,
    Ready,
}

struct Names<'v, 'a> {
    view: &'v View<'a>,
    ready: u32,
    floor: u32,
    making_room: u32,
    probation: bool,
    leave: BTreeMap<GroupId, BTreeSet<InstanceKey>>,
}

impl Names<'_, '_> {
    /// Whether one that has failed stays for now: on probation, and nobody is charged with it, since nobody's health can be told. Another
    /// would fare no better.
    fn spared(&self, group: GroupId, key: &InstanceKey) -> bool {
        self.probation && self.view.untold && !self.view.charged(group, key)
    }

    fn name(&mut self, group: GroupId, key: &InstanceKey) {
        self.leave.entry(group).or_default().insert(key.clone());
    }

    /// Names up to `most` of a class, from the groups that have most members first, as far as the floor allows.
    fn take(&mut self, groups: &[GroupId], class: Class, most: &mut u32) {
        let allowed = match class {
            // While the floor is broken only what is down may go, and no faster than it is replaced.
            Class::Down | Class::Failed if self.ready < self.floor => self.making_room,
            Class::Down | Class::Failed => u32::MAX,
            Class::Doubt if self.ready < self.floor => 0,
            Class::Doubt => u32::MAX,
            Class::Ready => self.ready.saturating_sub(self.floor),
        };
        let mut allowed = allowed.min(*most);
        if allowed == 0 {
            return;
        }
        let view = self.view;
        let mut left: Vec<(u32, GroupId, std::slice::Iter<'_, &InstanceKey>)> = Vec::new();
        for id in groups {
            if let Some(group) = view.groups.get(id) {
                let keys = match class {
                    Class::Down => &group.down,
                    Class::Failed => &group.failed,
                    Class::Doubt => &group.doubt,
                    Class::Ready => &group.ready,
                };
                let named = self.leave.get(id).map_or(0, |leave| count(leave.len()));
                left.push((group.members().saturating_sub(named), *id, keys.iter()));
            }
        }
        while allowed > 0 {
            let Some((members, id, keys)) =
                left.iter_mut().filter(|(_, _, keys)| keys.len() > 0).max_by_key(|(members, id, _)| (*members, *id))
            else {
                return;
            };
            if let Some(key) = keys.next().filter(|key| class != Class::Failed || !self.spared(*id, key)) {
                *members = members.saturating_sub(1);
                self.leave.entry(*id).or_default().insert((*key).clone());
                allowed -= 1;
                *most -= 1;
                match class {
                    Class::Ready => self.ready -= 1,
                    Class::Down | Class::Failed => self.making_room = self.making_room.saturating_sub(1),
                    Class::Doubt => {}
                }
            }
        }
    }
}
