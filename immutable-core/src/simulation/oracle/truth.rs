//! What is really so, followed effect by effect.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fleet::{GenerationId, GroupId, Life, Upkeep, Verdict};
use crate::id::{InstanceKey, OpId};
use crate::memory::{Cause, Effect, What};
use crate::rollout::MAX_VIEW_AGE;
use crate::time::Timestamp;

/// A machine, from its launch on; one that is gone is remembered.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) group: GroupId,
    pub(super) life: Life,
    /// Since when it is healthy, if it is.
    pub(super) healthy: Option<Timestamp>,
    /// The same, but for illness that no look has shown.
    steady: Option<Timestamp>,
    /// When it was healthy last, of one that is not.
    pub(super) was_healthy: Option<Timestamp>,
    /// When a look first showed that it is healthy, if any did since it is and since the last one that showed it ill, and if any ever did.
    shown: Option<Timestamp>,
    pub(super) first_shown: Option<Timestamp>,
    /// Since when it runs, and since when it was told to finish the requests it has.
    pub(super) running: Option<Timestamp>,
    pub(super) draining: Option<Timestamp>,
    /// When it was gone.
    pub(super) gone: Option<Timestamp>,
    /// Whether it runs what its generation does.
    pub(super) own_image: bool,
    pub(super) launched: Timestamp,
    /// When that it is healthy was journaled for the first time.
    pub(super) heard: Option<Timestamp>,
}

impl Machine {
    pub(super) fn member(&self) -> bool {
        !matches!(self.life, Life::Leaving | Life::Gone)
    }

    pub(super) fn ready(&self) -> bool {
        self.well() && self.draining.is_none()
    }

    /// Whether it could serve, told to leave or not.
    fn well(&self) -> bool {
        self.life == Life::Running && self.healthy.is_some() && self.own_image
    }

    /// Whether it is ready, has been healthy since before `then`, and was shown so by a look no later than `by`.
    pub(super) fn ready_since(&self, then: Timestamp, by: Timestamp) -> bool {
        let long = self.healthy.is_some_and(|since| since < then);
        self.ready() && long && self.shown.is_some_and(|first| first <= by)
    }

    /// Whether it has been healthy for so long by now, as far as anybody who looked could know.
    pub(super) fn long_healthy(&self, long: Duration, now: Timestamp) -> bool {
        self.steady.is_some_and(|since| now.since(since) >= long) && self.healthy_within(now - MAX_VIEW_AGE, now)
    }

    /// Whether it was healthy at some moment of that time.
    pub(super) fn healthy_within(&self, from: Timestamp, to: Timestamp) -> bool {
        self.healthy.is_some_and(|since| since <= to) || self.was_healthy.is_some_and(|last| last >= from)
    }

    /// Whether it was healthy at every moment of that time.
    pub(super) fn healthy_throughout(&self, from: Timestamp) -> bool {
        self.well() && self.healthy.is_some_and(|since| since < from)
    }
}

/// A group that exists.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) size: u32,
    /// When it was made.
    pub(super) made: Timestamp,
    /// By which call of ours it was set, if it was last, and when by somebody else.
    pub(super) sized_by: Option<OpId>,
    pub(super) sized_by_others: Option<Timestamp>,
    /// What the provider may do to it, if that was set since it was made.
    pub(super) upkeep: Option<Upkeep>,
    /// When somebody else has set that last.
    pub(super) touched: Option<Timestamp>,
    pub(super) deleting: bool,
}

/// Everything there is.
#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) machines: BTreeMap<InstanceKey, Machine>,
    pub(super) groups: BTreeMap<GroupId, Group>,
    /// When something was launched, or began to leave, by nobody's call of ours.
    added: Vec<Timestamp>,
    /// When somebody ready was lost by nobody's call of ours.
    lost: Vec<(Timestamp, GroupId)>,
}

/// What an effect changed.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub(super) effect: &'a Effect,
    pub(super) group: GroupId,
    /// The machine as it was before, if the effect is about one.
    pub(super) was: Option<Machine>,
    /// And as it is.
    pub(super) is: Option<Machine>,
}

impl Change<'_> {
    pub(super) fn ours(&self) -> bool {
        matches!(self.effect.by, Cause::Call(_))
    }

    /// Whether a member began to leave, or was gone at once.
    pub(super) fn left(&self) -> bool {
        self.was.as_ref().is_some_and(Machine::member) && !self.is.as_ref().is_some_and(Machine::member)
    }

    /// Whether somebody who was ready is not any more.
    pub(super) fn lost_ready(&self) -> bool {
        self.was.as_ref().is_some_and(Machine::ready) && !self.is.as_ref().is_some_and(Machine::ready)
    }
}

impl Truth {
    /// Takes in what happened.
    pub(super) fn follow<'a>(&mut self, effect: &'a Effect, group: GroupId) -> Change<'a> {
        let (at, ours) = (effect.at, matches!(effect.by, Cause::Call(_)));
        let key = match &effect.what {
            What::Launched(key) | What::Lives(key, _) | What::Judged(key, _) | What::Runs(key, _) | What::Draining(_, key) => {
                Some(key)
            }
            _ => None,
        };
        let was = key.and_then(|key| self.machines.get(key)).cloned();
        match &effect.what {
            What::Made => {
                self.groups.entry(group).or_insert_with(|| Group { made: at, ..Group::default() });
            }
            What::Upkeep(upkeep) => {
                let kept = self.groups.entry(group).or_default();
                kept.upkeep = Some(*upkeep);
                kept.touched = if ours { None } else { Some(at) };
            }
            What::Sized { from, to } => {
                let sized = self.groups.entry(group).or_default();
                sized.size = *to;
                sized.sized_by = if let Cause::Call(op) = effect.by { Some(op) } else { None };
                if !ours {
                    sized.sized_by_others = Some(at);
                    self.added.extend((*from..*to).map(|_| at));
                }
            }
            What::Launched(key) => {
                let new = Machine {
                    group,
                    life: Life::Requested,
                    healthy: None,
                    steady: None,
                    was_healthy: None,
                    shown: None,
                    first_shown: None,
                    running: None,
                    draining: None,
                    gone: None,
                    own_image: true,
                    launched: at,
                    heard: None,
                };
                self.machines.insert(key.clone(), new);
                let size = self.groups.get(&group).map_or(0, |group| group.size);
                if !ours && self.members(group) > size {
                    self.added.push(at);
                }
            }
            What::Lives(key, life) => {
                if let Some(machine) = self.machines.get_mut(key) {
                    machine.life = *life;
                    if *life == Life::Running {
                        machine.running = machine.running.or(Some(at));
                    }
                    if *life == Life::Gone {
                        ill(machine, at);
                        machine.gone = Some(at);
                    }
                }
            }
            What::Judged(key, verdict) => {
                if let Some(machine) = self.machines.get_mut(key) {
                    match verdict {
                        Verdict::Healthy => {
                            machine.healthy = machine.healthy.or(Some(at));
                            machine.steady = machine.steady.or(Some(at));
                        }
                        _ => ill(machine, at),
                    }
                }
            }
            What::Runs(key, _) => {
                if let Some(machine) = self.machines.get_mut(key) {
                    machine.own_image = false;
                }
            }
            What::Draining(_, key) => {
                if let Some(machine) = self.machines.get_mut(key) {
                    machine.draining = Some(at);
                }
            }
            What::Deleting => self.groups.entry(group).or_default().deleting = true,
            What::Deleted => {
                self.groups.remove(&group);
            }
            _ => {}
        }
        let is = key.and_then(|key| self.machines.get(key)).cloned();
        let change = Change { effect, group, was, is };
        if !ours && change.left() {
            self.added.push(at);
        }
        if !ours && change.lost_ready() {
            self.lost.push((at, group));
        }
        change
    }

    /// Machines of a group that are neither leaving nor gone.
    pub(super) fn members(&self, group: GroupId) -> u32 {
        count(self.machines.values().filter(|machine| machine.group == group && machine.member()))
    }

    /// Everything that exists and everything promised, those on their way out on top.
    pub(super) fn live(&self) -> u32 {
        let mut groups: BTreeMap<GroupId, (u32, u32)> = self.groups.keys().map(|group| (*group, (0, 0))).collect();
        for machine in self.machines.values() {
            let (members, leaving) = groups.entry(machine.group).or_default();
            *members += u32::from(machine.member());
            *leaving += u32::from(machine.life == Life::Leaving);
        }
        let size = |group| self.groups.get(group).map_or(0, |group: &Group| group.size);
        groups.iter().map(|(group, (members, leaving))| size(group).max(*members) + leaving).sum()
    }

    pub(super) fn ready(&self) -> u32 {
        count(self.machines.values().filter(|machine| machine.ready()))
    }

    /// Machines of a generation that are not gone.
    pub(super) fn of(&self, generation: GenerationId) -> impl Iterator<Item = (&InstanceKey, &Machine)> {
        self.machines.iter().filter(move |(_, machine)| machine.group.generation == generation && machine.life != Life::Gone)
    }

    /// How many of a generation run another image, or did when somebody looked then.
    pub(super) fn foreign_since(&self, generation: GenerationId, since: Timestamp) -> u32 {
        self.foreign(since, |group| group.generation == generation)
    }

    /// The same of a group.
    pub(super) fn foreign_in(&self, group: GroupId, since: Timestamp) -> u32 {
        self.foreign(since, |other| other == group)
    }

    fn foreign(&self, since: Timestamp, of: impl Fn(GroupId) -> bool) -> u32 {
        let there = self.machines.values().filter(|machine| of(machine.group) && machine.gone.is_none_or(|gone| gone >= since));
        u32::try_from(there.filter(|machine| !machine.own_image).count()).unwrap_or(u32::MAX)
    }

    /// The sizes of a generation's groups together.
    pub(super) fn size(&self, generation: GenerationId) -> u32 {
        self.groups.iter().filter(|(group, _)| group.generation == generation).map(|(_, group)| group.size).sum()
    }

    /// How many of a generation were launched before `launched`, and were there and not healthy at some moment since `then`.
    pub(super) fn unwell_since(&self, generation: GenerationId, launched: Timestamp, then: Timestamp) -> u32 {
        let slow = |machine: &&Machine| {
            let was_well = machine.healthy.is_some_and(|since| since < then);
            machine.group.generation == generation
                && machine.launched <= launched
                && !was_well
                && machine.gone.is_none_or(|gone| gone >= then)
        };
        count(self.machines.values().filter(slow))
    }

    /// That these are healthy was journaled then.
    pub(super) fn heard<'a>(&mut self, healthy: impl Iterator<Item = &'a InstanceKey>, at: Timestamp) {
        for key in healthy {
            if let Some(machine) = self.machines.get_mut(key) {
                machine.heard = machine.heard.or(Some(at));
            }
        }
    }

    /// Of how many that were launched since then nobody had heard for so long that they are healthy, or ever.
    pub(super) fn slow_since(&self, then: Timestamp, long: Duration) -> u32 {
        let slow = |machine: &&Machine| machine.heard.is_none_or(|heard| heard.since(machine.launched) >= long);
        count(self.machines.values().filter(|machine| machine.launched >= then).filter(slow))
    }

    /// How often others have added to what exists since then.
    pub(super) fn added_since(&self, then: Timestamp) -> u32 {
        since(&self.added, then)
    }

    /// How many that were ready others have taken since then.
    pub(super) fn lost_since(&self, then: Timestamp) -> u32 {
        count(self.lost.iter().rev().take_while(|(at, _)| *at >= then))
    }

    /// How many of a generation that were ready others have taken since then.
    pub(super) fn lost_of(&self, generation: GenerationId, then: Timestamp) -> u32 {
        count(self.lost.iter().rev().take_while(|(at, _)| *at >= then).filter(|(_, of)| of.generation == generation))
    }

    /// How many that were ready others have taken from these groups since then.
    pub(super) fn lost_in(&self, of: impl Fn(GroupId) -> bool, then: Timestamp) -> u32 {
        count(self.lost.iter().rev().take_while(|(at, _)| *at >= then).filter(|(_, group)| of(*group)))
    }

    /// A look showed somebody healthy as of then.
    pub(super) fn shown(&mut self, key: &InstanceKey, as_of: Timestamp) {
        let machine = self.machines.get_mut(key).filter(|machine| machine.healthy.is_some_and(|since| since <= as_of));
        if let Some(machine) = machine {
            machine.shown = machine.shown.or(Some(as_of));
            machine.first_shown = machine.first_shown.or(Some(as_of));
        }
    }

    /// A look showed somebody ill as of then: that is what is known, also if it was a lie, until a newer one shows otherwise.
    pub(super) fn shown_ill(&mut self, key: &InstanceKey, as_of: Timestamp) {
        if let Some(machine) = self.machines.get_mut(key) {
            machine.steady = machine.healthy;
            machine.shown = machine.shown.filter(|first| *first > as_of);
        }
    }

    pub(super) fn ready_of(&self, generation: GenerationId) -> u32 {
        count(self.of(generation).filter(|(_, machine)| machine.ready()))
    }

    /// Whether an instance of this generation has been healthy for long enough by now.
    pub(super) fn was_ready(&self, generation: GenerationId, min_ready: Duration, now: Timestamp) -> bool {
        self.of(generation).any(|(_, machine)| machine.long_healthy(min_ready, now))
    }
}

fn ill(machine: &mut Machine, at: Timestamp) {
    if machine.healthy.take().is_some() {
        (machine.was_healthy, machine.shown) = (Some(at), None);
    }
}

fn since(times: &[Timestamp], then: Timestamp) -> u32 {
    count(times.iter().rev().take_while(|at| **at >= then))
}

fn count(of: impl Iterator) -> u32 {
    u32::try_from(of.count()).unwrap_or(u32::MAX)
}
