//! What the rules look at: every group counted, every instance classed, upper bounds for what exists and lower bounds for what is
//! ready.

use std::sync::Arc;

use super::MAX_VIEW_AGE;
use super::traffic::Traffic;
use crate::fleet::{
    Coverage, GenerationId, GenerationSpec, GroupId, GroupSeen, GroupState, Held, Placement, Release, Upkeep, Working,
};
use crate::id::{InstanceKey, Zone};
use crate::rollout::budget::Budget;
use crate::rollout::event::{Call, Noted};
use crate::rollout::plan::quiet;
use crate::rollout::seen::Seen;
use crate::rollout::state::{FleetState, GenerationLife, GenerationState, RolloutState, Slots};
use crate::time::Timestamp;

pub(super) struct View<'a> {
    pub(super) state: &'a FleetState,
    pub(super) seen: &'a Seen<'a>,
    pub(super) now: Timestamp,
    pub(super) budget: Budget,
    pub(super) groups: Groups<'a>,
    /// What this look adds to what is known.
    pub(super) noted: Noted,
    /// Upper bound of what exists.
    pub(super) live: u32,
    /// Lower bound of what is ready.
    pub(super) ready: u32,
    /// Why nothing may be raised: some group is not wholly known.
    pub(super) blind: Option<Arc<str>>,
    /// Old and new lost their health together: neither is to blame.
    pub(super) environment: bool,
    /// The others have lost their health: nobody's failed checks are charged.
    pub(super) untold: bool,
    /// Whether there was any word on anybody's health.
    pub(super) heard: bool,
    /// Whether somebody who was named to leave has gone since the last look.
    pub(super) departed: bool,
    /// The upkeep of groups that is not as settled, if it is seen.
    pub(super) changed: Vec<(GenerationId, Upkeep)>,
    /// The pool that the fleet gets its requests from, if it does.
    pub(super) traffic: Option<Traffic<'a>>,
    /// When time alone would change this view.
    pub(super) wake: Option<Timestamp>,
    /// How many must be ready in each of the fleet's zones.
    pub(super) zone_floor: u32,
}

/// The groups that were counted, in ascending order of their ids. They are few, and gone over again and again.
#[derive(Default)]
pub(super) struct Groups<'a>(pub(super) Vec<(GroupId, GroupView<'a>)>);

impl<'a> Groups<'a> {
    pub(super) fn get(&self, id: &GroupId) -> Option<&GroupView<'a>> {
        self.iter().find(|(group, _)| *group == id).map(|(_, group)| group)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&GroupId, &GroupView<'a>)> {
        self.0.iter().map(|(id, group)| (id, group))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &GroupId> {
        self.0.iter().map(|(id, _)| id)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &GroupView<'a>> {
        self.0.iter().map(|(_, group)| group)
    }
}

/// One group, counted.
#[derive(Default)]
pub(super) struct GroupView<'a> {
    /// Members that are ready.
    pub(super) ready: Vec<&'a InstanceKey>,
    /// Members that are ready and protected: they would stay if named.
    pub(super) kept: Vec<&'a InstanceKey>,
    /// Members that are down: freshly unhealthy, stopped, or past their boot deadline.
    pub(super) down: Vec<&'a InstanceKey>,
    /// Of those, the ones that had their chance: ill after health, stopped, or past their boot deadline.
    pub(super) failed: Vec<&'a InstanceKey>,
    /// Members that are neither: booting, or of unknown health. Last those who may serve.
    pub(super) doubt: Vec<&'a InstanceKey>,
    /// Those of them, until all are counted, and how many they were.
    may: Vec<&'a InstanceKey>,
    pub(super) doubt_may: usize,
    /// Those that run another image than their generation's.
    pub(super) drifted: Vec<&'a InstanceKey>,
    /// Of those in doubt that may serve, the ones that run another image, and are to be replaced for it.
    pub(super) replaced: Vec<&'a InstanceKey>,
    /// Members that something holds: neither ready nor to be named, since they would stay.
    pub(super) held: u32,
    /// Named to leave by a call that is no longer owed, still there, and not down.
    pub(super) stray: Vec<&'a InstanceKey>,
    /// The same, of those that are down.
    pub(super) stray_down: Vec<&'a InstanceKey>,
    /// Of those two, how many are members still, as far as the group's size goes.
    pub(super) in_vain: u32,
    /// Members that finish the requests they have, and since when: once they have, they are named to leave.
    pub(super) draining: Vec<(&'a InstanceKey, Timestamp)>,
    /// Of those in doubt, the ones that were healthy when last heard of: they may serve.
    pub(super) suspended: u32,
    /// How many are on their way out, and how many of them by no call of ours.
    pub(super) leavers: u32,
    pub(super) unnamed: u32,
    /// Its size, as settled or as read now.
    pub(super) size: u32,
    /// The size that a call which is owed asks for, or may find still.
    pub(super) asked: u32,
    /// The size that this view reports, whoever set it.
    pub(super) reported: u32,
    /// Upper bound of what exists.
    pub(super) live: u32,
    /// The time of the view it was counted on.
    pub(super) as_of: Timestamp,
    /// Whether it was seen, wholly, after the last write to it.
    pub(super) whole: bool,
    /// Whether it was seen, if only in part, after the last write to it.
    pub(super) fresh: bool,
    /// Whether it is certain that it does not exist.
    pub(super) absent: bool,
    /// Whether the provider has no work left on it, by its own word.
    pub(super) idle: bool,
    /// Whether another call about it may be made now.
    pub(super) free: bool,
    /// The member that is booting longest, and its deadline.
    pub(super) booting: Option<(Timestamp, &'a InstanceKey)>,
    /// Members that were healthy once, and those of them that are now.
    pub(super) stood: (u32, u32),
    /// Members that are healthy, and that are unhealthy, in this view.
    pub(super) well: u32,
    pub(super) sick: u32,
    /// Members that are not in this view, and those of them that were healthy once.
    pub(super) unseen: (u32, u32),
    /// Of those that are down, the ones that still have their chance: they were never healthy, and their boot deadline has not passed.
    pub(super) unfit: Vec<&'a InstanceKey>,
    /// Members that were never healthy, and boot for longer than a spare is waited with.
    pub(super) slow: u32,
    /// Those that are still there though they were told to leave, and since when they are.
    pub(super) told: Vec<(&'a InstanceKey, Timestamp)>,
    /// Those that something holds.
    pub(super) holding: Vec<(&'a InstanceKey, Held)>,
    /// In which of the fleet's zones it is, by its place among them.
    pub(super) zone: Option<u16>,
}

impl<'a> GroupView<'a> {
    /// One in doubt, who may serve or does not.
    pub(super) fn doubts(&mut self, key: &'a InstanceKey, may_serve: bool) {
        if may_serve {
            self.suspended += 1;
            self.may.push(key);
        } else {
            self.doubt.push(key);
        }
    }

    /// Everything that is ready.
    pub(super) fn ready_count(&self) -> u32 {
        count(self.ready.len() + self.kept.len())
    }

    /// Everything that may serve, known to or not.
    pub(super) fn may_serve(&self) -> u32 {
        self.ready_count() + self.suspended
    }

    /// Everything that exists and is not on its way out.
    pub(super) fn members(&self) -> u32 {
        self.ready_count() + count(self.down.len() + self.doubt.len() + self.draining.len()) + self.held
    }

    /// Its members, there or promised.
    pub(super) fn promised(&self) -> u32 {
        self.members().max(self.size).max(self.asked).max(self.reported)
    }
}

/// Of a generation that was refused, a group that bears its name and not its mark: somebody else's.
pub(in crate::rollout) fn is_taken(generation: &GenerationState, state: Option<&GroupState>) -> bool {
    let refused = generation.life == GenerationLife::Making && generation.refused.is_some();
    refused && matches!(state, Some(GroupState::Present { spec, .. }) if *spec != Some(generation.spec.digest()))
}

/// Whether what is seen of a group is all of it, after the last write to it.
pub(in crate::rollout) fn is_whole(seen: &GroupSeen, as_of: Timestamp, slots: &Slots) -> bool {
    seen.coverage == Coverage::Whole && as_of >= slots.settled_at
}

/// Whether its provider is at work on a group: its size and its upkeep are not yet what they will be.
pub(in crate::rollout) fn is_worked_on(state: &GroupState) -> bool {
    matches!(state, GroupState::Present { working: Working::Busy, .. } | GroupState::Deleting)
}

/// In which of these zones a group is, by its place among them.
fn place(spec: &GenerationSpec, cell: u16, zones: &[Zone]) -> Option<u16> {
    let group = spec.groups.iter().find(|group| group.cell == cell)?;
    let Placement::Zone(zone) = &group.placement else { return None };
    zones.iter().position(|other| other == zone).and_then(|at| u16::try_from(at).ok())
}

pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl<'a> View<'a> {
    pub(super) fn of(state: &'a FleetState, seen: &'a Seen<'a>, now: Timestamp) -> Self {
        let mut view = Self {
            state,
            seen,
            now,
            budget: Budget { desired: state.desired, floor: 0, ceiling: state.desired, spares: 0 },
            groups: Groups::default(),
            noted: Noted::default(),
            live: 0,
            ready: 0,
            blind: None,
            environment: false,
            untold: false,
            heard: false,
            departed: false,
            changed: Vec::new(),
            traffic: None,
            wake: None,
            zone_floor: 0,
        };
        let Some(rollout) = &state.rollout else {
            return view;
        };
        view.budget = rollout.plan.strategy().budget(state.desired);
        view.zone_floor = rollout.plan.strategy().zone_floor(state.desired, rollout.plan.fleet().zone_names().len());
        view.traffic = Traffic::of(&view);
        let seen_of = |id| seen.fleet.groups.iter().rfind(|seen| seen.group == id);
        for (id, generation) in &state.generations {
            for (cell, slots) in &generation.groups {
                let group = GroupId { generation: *id, cell: *cell };
                view.count_group(group, generation, slots, seen_of(group), rollout);
            }
            view.note_upkeep(*id, generation);
            view.note_absent(*id, generation);
        }
        view.note_weights();
        view.blame(rollout);
        view
    }

    pub(super) fn rollout(&self) -> Option<&'a RolloutState> {
        self.state.rollout.as_ref()
    }

    /// Whether a generation exists, by this look too.
    pub(super) fn is_present(&self, id: GenerationId) -> bool {
        let life = self.state.generations.get(&id).map(|generation| generation.life);
        life == Some(GenerationLife::Present) && !self.noted.absent.contains(&id)
    }

    /// The generation, if what somebody deletes of it is made again: unless its provider would not have it, when the other groups do.
    pub(super) fn mends(&self, id: GenerationId) -> Option<&'a GenerationState> {
        self.state.generations.get(&id).filter(|generation| self.is_present(id) && generation.refused.is_none())
    }

    /// The groups of one generation.
    pub(super) fn generation(&self, id: GenerationId) -> impl Iterator<Item = (&GroupId, &GroupView<'a>)> {
        self.groups.iter().filter(move |(group, _)| group.generation == id)
    }

    /// A sum over one generation, or over those of which something holds. Saturates: a provider may report anything.
    pub(super) fn sum(&self, id: GenerationId, of: impl Fn(&GroupView<'a>) -> u32) -> u32 {
        self.generation(id).fold(0, |sum, (_, group)| sum.saturating_add(of(group)))
    }

    pub(super) fn sum_where(&self, which: impl Fn(GenerationId) -> bool, of: impl Fn(&GroupView<'a>) -> u32) -> u32 {
        self.groups.iter().filter(|(id, _)| which(id.generation)).fold(0, |sum, (_, group)| sum.saturating_add(of(group)))
    }

    /// How many of a generation run another image, serve all the same, and are to be replaced for it.
    pub(super) fn replaced(&self, id: GenerationId) -> u32 {
        self.sum(id, |group| count(group.replaced.len()))
    }

    /// Whether a release has had a ready instance in this fleet.
    pub(super) fn exercised(&self, release: Release) -> bool {
        let proven = self.state.proven.as_ref().is_some_and(|proven| proven.spec.release == release);
        let ready = |(id, generation): (&GenerationId, &GenerationState)| {
            generation.release() == release && (generation.first_ready.is_some() || self.noted.exercised.contains(id))
        };
        proven || self.state.generations.iter().any(ready)
    }

    /// What a generation may do by itself, whoever has said so; of one whose groups differ, what any of them may.
    pub(super) fn upkeep(&self, id: GenerationId) -> Option<Upkeep> {
        let settled = self.noted.upkeep.get(&id).copied().or_else(|| Some(self.state.generations.get(&id)?.upkeep))?;
        Some(self.changed.iter().filter(|(changed, _)| *changed == id).fold(settled, |all, (_, one)| Upkeep {
            heal: all.heal || one.heal,
            rebalance: all.rebalance || one.rebalance,
            autoscale: all.autoscale || one.autoscale,
        }))
    }

    /// Whether the groups of a generation differ in what they may do by themselves.
    pub(super) fn differs(&self, id: GenerationId) -> bool {
        self.changed.iter().any(|(changed, _)| *changed == id)
    }

    /// What all groups of a generation may do by themselves is noted, once no copy of a call can change it any more; where they differ nothing is,
    /// since no one word is true of all.
    fn note_upkeep(&mut self, id: GenerationId, generation: &GenerationState) {
        let quiet = |(cell, slots): (&u16, &Slots)| {
            self.groups.get(&GroupId { generation: id, cell: *cell }).is_some_and(|group| group.as_of >= slots.quiet_until)
        };
        if !generation.groups.iter().all(quiet) {
            return;
        }
        let mut changed = self.changed.iter().filter(|(changed, _)| *changed == id).map(|(_, upkeep)| *upkeep);
        let Some(first) = changed.next() else { return };
        if changed.clone().count() + 1 == generation.groups.len() && changed.all(|other| other == first) {
            self.changed.retain(|(changed, _)| *changed != id);
            self.noted.upkeep.insert(id, first);
        }
    }

    /// Whether a generation may do by itself what its spec says, or as near to it as its provider can.
    pub(super) fn upkeep_wanted(&self, id: GenerationId) -> Option<Upkeep> {
        let specified = self.rollout()?.plan.fleet().specified_upkeep();
        let upkeep = self.upkeep(id)?;
        let heal = match self.seen.heals {
            crate::fleet::Heals::Never => upkeep.heal,
            crate::fleet::Heals::Always | crate::fleet::Heals::Switchable => specified.heal,
        };
        let wanted = Upkeep { heal, ..specified };
        (upkeep != wanted || self.differs(id)).then_some(wanted)
    }

    pub(super) fn wake(&mut self, at: Timestamp) {
        if at > self.now {
            self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
        }
    }

    fn count_group(
        &mut self,
        id: GroupId,
        generation: &'a GenerationState,
        slots: &'a Slots,
        seen: Option<&'a GroupSeen>,
        rollout: &'a RolloutState,
    ) {
        let as_of = seen.map_or_else(Timestamp::default, |seen| self.seen.as_of - seen.age);
        let seen = seen.filter(|_| self.now.since(as_of) <= MAX_VIEW_AGE);
        let after = seen.is_some() && as_of >= slots.settled_at;
        let whole = seen.is_some_and(|seen| is_whole(seen, as_of, slots));
        let state = seen.map(|seen| &seen.state);
        let busy = self.state.busy(id);
        let mut group = GroupView {
            ready: Vec::with_capacity(slots.members.len()),
            size: slots.size,
            as_of,
            asked: self.asked(id),
            whole,
            fresh: after,
            absent: whole && (state == Some(&GroupState::Absent) || is_taken(generation, state)),
            idle: matches!(state, Some(GroupState::Present { working: Working::Idle, .. })),
            free: self.state.is_free(id, self.now),
            zone: place(&generation.spec, id.cell, rollout.plan.fleet().zone_names()),
            ..GroupView::default()
        };
        let reported = match state {
            Some(GroupState::Present { size, .. }) => *size,
            _ => 0,
        };
        group.reported = reported;
        let settled = !state.is_some_and(is_worked_on);
        // As long as a call is owed, or a copy of one may arrive, the size is not yet what it will be.
        if whole && settled && reported != slots.size && !busy && as_of >= slots.quiet_until {
            self.noted.sizes.insert(id, reported);
            group.size = reported;
        }
        // A copy of a call that failed later was done, or somebody else did it.
        if let Some(GroupState::Present { upkeep: Some(upkeep), .. }) = state
            && (whole && settled && !self.state.generation_busy(id.generation))
            && *upkeep != generation.upkeep
        {
            self.changed.push((id.generation, *upkeep));
        }
        self.wake(slots.quiet_until);
        if !group.absent || !slots.members.is_empty() {
            self.count_members(id, &generation.spec, slots, seen, rollout, &mut group);
            let mut may_serve = std::mem::take(&mut group.may);
            group.doubt_may = may_serve.len();
            group.doubt.append(&mut may_serve);
        }
        group.live = self.live_in(id, seen, &group, reported, generation.life);
        self.live = self.live.saturating_add(group.live);
        self.ready += group.ready_count();
        if group.ready_count() > 0 && generation.first_ready.is_none() && !self.noted.exercised.contains(&id.generation) {
            self.noted.exercised.push(id.generation);
        }
        self.groups.0.push((id, group));
    }

    /// The larger size that a resize which is owed goes to, or comes from; 0 without one.
    fn asked(&self, id: GroupId) -> u32 {
        let resizes = self.state.owed.values().filter_map(|owed| match &owed.call {
            Call::Resize(resize) if resize.group() == id => Some(resize.to().max(resize.from())),
            _ => None,
        });
        resizes.max().unwrap_or(0)
    }

    /// The largest of what is there, what was asked for, what was settled and what is reported, and on top what is leaving.
    fn live_in(
        &mut self,
        id: GroupId,
        seen: Option<&GroupSeen>,
        group: &GroupView<'_>,
        reported: u32,
        life: GenerationLife,
    ) -> u32 {
        if group.absent || life == GenerationLife::Making {
            return group.asked;
        }
        let there = group.members().saturating_add(group.in_vain);
        let now = group.promised().max(reported).max(there).saturating_add(group.leavers - group.in_vain);
        let part = match seen {
            Some(GroupSeen { coverage: Coverage::Part(why), .. }) => why.clone(),
            Some(_) if group.fresh => return now,
            Some(_) => "it is older than the last call".into(),
            None => "it is too old".into(),
        };
        match self.seen.earlier.and_then(|earlier| earlier.get(&id)) {
            // What was there then, and what was asked for since.
            Some((then, size)) => now.max(then.saturating_add(group.size.max(group.asked).saturating_sub(*size))),
            None => {
                self.blind = Some(format!("of group {id}: {part}").into());
                now
            }
        }
    }

    /// A generation of which no group exists any more is forgotten, unless a call about it may still make one.
    fn note_absent(&mut self, id: GenerationId, generation: &GenerationState) {
        let quiet = generation.groups.values().all(|slots| self.now >= slots.quiet_until);
        let making = generation.life == GenerationLife::Making && generation.refused.is_none();
        if quiet && !making && !self.state.generation_busy(id) && self.generation(id).all(|(_, group)| group.absent) {
            self.noted.absent.push(id);
            for cell in generation.groups.keys() {
                let group = GroupId { generation: id, cell: *cell };
                self.noted.sizes.remove(&group);
            }
            self.noted.upkeep.remove(&id);
        }
    }

    /// Why no more of a release can be launched, as far as anybody says.
    pub(super) fn lost(&self, release: Release) -> Option<Arc<str>> {
        let facts = self.seen.facts?;
        let revoked = facts.revoked.get(&release.artifact).map(|why| format!("it was revoked: {why}").into());
        revoked.or_else(|| facts.unlaunchable.get(&release.artifact).map(|why| format!("it cannot be launched: {why}").into()))
    }

    /// Weights that others have set are known from now on.
    fn note_weights(&mut self) {
        let Some(traffic) = &self.traffic else { return };
        let quiet = self.state.route_owed().is_none() && traffic.as_of >= traffic.state.quiet_until;
        let others = traffic.seen.filter(|seen| quiet && seen.weights != traffic.state.weights);
        self.noted.weights = others.map(|seen| seen.weights.clone());
        if let (Some(_), Some(traffic)) = (&self.noted.weights, &mut self.traffic) {
            traffic.settles_from(self.now);
        }
    }

    /// The spec of a generation as it is first made.
    pub(super) fn quiet(&self, spec: &GenerationSpec) -> GenerationSpec {
        quiet(spec, self.seen.heals)
    }
}

impl FleetState {
    /// Whether another call about this group may be owed: none is, and no copy of one can arrive any more.
    pub(crate) fn is_free(&self, id: GroupId, now: Timestamp) -> bool {
        let present = self.generations.get(&id.generation).is_some_and(|generation| generation.life == GenerationLife::Present);
        present && !self.busy(id) && self.slots(id).is_some_and(|slots| now >= slots.quiet_until)
    }
}
