//! What is amiss with a fleet in which no rollout runs: it should have its size, all of its proven release, and the traffic and upkeep that were
//! settled. What is amiss is set right by a rollout of that release; so nothing is that a rollout would leave as it is. Zones, for one, are balanced by
//! launches only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::decide::MAX_VIEW_AGE;
use super::decide::drift::stranger;
use super::decide::sight::{is_foreign, is_heard, leaves, stands_by, verdict};
use super::decide::view::{is_taken, is_whole, is_worked_on};
use super::plan::Plan;
use super::seen::Seen;
use super::since::{Cause, Short, Unsure};
use super::state::{Exit, FleetState, GenerationState, Member, Slots};
use crate::fleet::{
    Coverage, Drift, Fleet, GenerationId, GenerationSpec, GroupId, GroupSeen, GroupState, Heals, Instance, Life, OnDrift, Verdict,
};
use crate::id::InstanceKey;
use crate::time::Timestamp;

/// How a fleet stands in which no rollout runs, by one look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// All of it is as it should be.
    Well,
    /// It is neither: what is seen for certain is as it should be, and not all is. So it is too where a rollout runs, and of a fleet that is
    /// [kept](FleetState::kept) at nothing.
    Unknown,
    /// Something is amiss for certain, whatever is not seen.
    Amiss(Box<Amiss>),
}

/// What is amiss with a fleet in which no rollout runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Amiss {
    /// What, each in words; never empty.
    pub what: Vec<Arc<str>>,
    /// How long it may be so before something is done about it: the time that a provider which heals by itself has for it, and an instance to boot. The
    /// least of all that is amiss.
    pub patience: Duration,
    /// What the fleet should be: the terms that it is kept by, with what is absorbed.
    pub fleet: Fleet,
    /// Generations of which certainly no group is there.
    pub(super) gone: BTreeSet<GenerationId>,
}

/// What is amiss, if anything is, by a look at a fleet in which no rollout runs. Pure.
///
/// Who is protected or on standby is left as they are, whatever they run. A group at which its provider is at work, or of which not all is seen, is
/// unknown, and hides nothing of the others. ([`Controller::keep`](crate::Controller::keep) has a provider that works on one for ever asked about.)
pub fn amiss(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Standing {
    let found = found(state, seen, now);
    let works = |cause: &Cause| matches!(cause, Cause::Works(_));
    match found.amiss.filter(|_| !found.short.is_empty() || !found.causes.keys().all(works)) {
        Some(amiss) => Standing::Amiss(Box::new(amiss)),
        None if found.unsure == Unsure::default() => Standing::Well,
        None => Standing::Unknown,
    }
}

/// What one look shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) amiss: Option<Amiss>,
    /// Why, and how long each may be so.
    pub(crate) causes: BTreeMap<Cause, Duration>,
    /// The groups that lack somebody.
    pub(crate) short: BTreeMap<GroupId, Short>,
    /// Of what nothing can be told.
    pub(crate) unsure: Unsure,
}

pub(crate) fn found(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Found {
    let (None, Some(kept), Some(proven)) = (&state.rollout, &state.kept, &state.proven) else {
        return Found { unsure: Unsure { all: true, ..Unsure::default() }, ..Found::default() };
    };
    let (what, gone, found, fleet) = (Vec::new(), BTreeSet::new(), Found::default(), terms(state, kept, seen));
    let mut look = Look { kept, seen, now, what, gone, found, fleet };
    look.gone = state.generations.iter().filter(|(id, generation)| look.is_gone(**id, generation)).map(|(id, _)| *id).collect();
    let home = state.generation_of(proven.spec.release, |id, _| !look.gone.contains(&id));
    match home {
        Some((id, generation)) => {
            look.groups(id, generation);
            look.size(state, generation);
            look.weights(state, id);
        }
        None => {
            let was = state.generation_of(proven.spec.release, |_, _| true);
            let none = || format!("no generation of {} {} is there", proven.spec.name, proven.spec.version);
            look.found(
                Cause::Generation,
                was.map_or_else(none, |(id, _)| format!("generation {id} was deleted by someone else")),
            );
        }
    }
    look.others(state, home.map(|(id, _)| id));
    look.strangers(state);
    let Look { what, mut found, fleet, gone, .. } = look;
    let patience = found.causes.values().chain(found.short.values().map(|short| &short.patience)).min().copied();
    found.amiss = patience.map(|patience| Amiss { what, patience, fleet, gone });
    found
}

/// By which terms it is kept: at the size that is desired, or what the source that it follows says.
fn terms(state: &FleetState, kept: &Plan, seen: &Seen<'_>) -> Fleet {
    let follows = kept.fleet().follows_whom().zip(seen.size);
    kept.fleet().clone().size(follows.map_or(state.desired, |(follows, says)| follows.size(says)))
}

struct Look<'a> {
    kept: &'a Plan,
    seen: &'a Seen<'a>,
    now: Timestamp,
    what: Vec<Arc<str>>,
    gone: BTreeSet<GenerationId>,
    found: Found,
    fleet: Fleet,
}

/// What an instance is to a fleet that is kept.
enum Class {
    /// As it should be, or as somebody has said that it stays.
    Sound,
    /// On standby: sound, and perhaps not counted in its group's size.
    StandsBy,
    /// Nobody knows.
    Unsure,
    /// It runs another image.
    Foreign,
    /// It was never healthy, and has not had the time to be.
    Boots,
    Ill,
}

impl<'a> Look<'a> {
    /// Something that nobody else would set right.
    fn found(&mut self, cause: Cause, what: String) {
        self.found.causes.insert(cause, Duration::ZERO);
        self.what.push(what.into());
    }

    /// What of a group is seen for certain: all of it, after the last write, and when no copy of one can arrive any more.
    fn whole(&self, id: GroupId, slots: &Slots) -> Option<&'a GroupSeen> {
        let seen = self.seen.fleet.groups.iter().rfind(|seen| seen.group == id)?;
        let as_of = self.seen.as_of - seen.age;
        let certain = is_whole(seen, as_of, slots) && as_of >= slots.quiet_until;
        Some(seen).filter(|_| certain && self.now.since(as_of) <= MAX_VIEW_AGE)
    }

    /// Whether of a generation certainly no group is there.
    fn is_gone(&self, id: GenerationId, generation: &GenerationState) -> bool {
        generation.groups.iter().all(|(cell, slots)| {
            let seen = self.whole(GroupId { generation: id, cell: *cell }, slots);
            seen.is_some_and(|seen| seen.state == GroupState::Absent)
        })
    }

    fn groups(&mut self, id: GenerationId, generation: &GenerationState) {
        let heals = match self.seen.heals {
            Heals::Always => true,
            Heals::Switchable => generation.upkeep.heal,
            Heals::Never => false,
        };
        for (cell, slots) in &generation.groups {
            let group = GroupId { generation: id, cell: *cell };
            let seen = self.whole(group, slots);
            if seen.is_some_and(|seen| is_worked_on(&seen.state)) {
                // A rollout asks about what never ends.
                let patience = self.kept.strategy().rollback_deadline;
                self.found.causes.insert(Cause::Works(group), patience);
                self.what.push(format!("the provider works on group {group}").into());
            }
            let Some(seen) = seen.filter(|seen| !is_worked_on(&seen.state)) else {
                self.found.unsure.groups.insert(group);
                continue;
            };
            match &seen.state {
                GroupState::Present { size, upkeep, .. } => {
                    if let Some(upkeep) = upkeep.filter(|upkeep| *upkeep != generation.upkeep) {
                        let what = format!("the upkeep of group {group} is {upkeep:?}, not {:?}", generation.upkeep);
                        self.found(Cause::Upkeep(group), what);
                        if self.kept.fleet().drift(Drift::Upkeep) == OnDrift::Absorb {
                            self.fleet = self.fleet.clone().upkeep(upkeep);
                        }
                    }
                    // Where nothing heals a size falls with its members.
                    let held = heals && upkeep.is_none_or(|upkeep| upkeep == generation.upkeep);
                    self.members(group, generation, slots, seen, heals, (*size, held));
                }
                // What its provider would not make again the other groups make up for.
                GroupState::Absent if generation.refused.is_some() => {}
                GroupState::Absent => self.found(Cause::Deleted(group), format!("group {group} was deleted by someone else")),
                GroupState::Deleting => {}
            }
        }
    }

    fn members(
        &mut self,
        group: GroupId,
        generation: &GenerationState,
        slots: &Slots,
        seen: &GroupSeen,
        heals: bool,
        (size, held): (u32, bool),
    ) {
        let pool = self.seen.pool.filter(|pool| self.now.since(self.seen.as_of - pool.age) <= MAX_VIEW_AGE);
        let says = |key: &_| pool.and_then(|pool| pool.health(key)).unwrap_or(Verdict::Unknown);
        let policy = self.kept.fleet().health();
        let healed_in = if heals { policy.boot_deadline + policy.min_ready } else { Duration::ZERO };
        let (mut there, mut ill, mut boots, mut standing_by) = (BTreeSet::<InstanceKey>::new(), Vec::new(), Vec::new(), 0_u32);
        let mut foreign = Vec::new();
        for instance in seen.instances.iter() {
            let (key, member) = (&instance.key, slots.members.get(&instance.key));
            if !is_there(instance, member) {
                continue;
            }
            there.insert(key.clone());
            let verdict = verdict(instance, policy, || says(key));
            match class(instance, member, &generation.spec, verdict) {
                Class::Sound => {}
                Class::StandsBy => standing_by += 1,
                Class::Unsure => drop(self.found.unsure.instances.insert(key.clone())),
                Class::Foreign => foreign.push(key),
                Class::Boots => boots.push(key),
                Class::Ill => ill.push(key),
            }
        }
        let boot_deadline = policy.boot_deadline;
        // Who is on standby may not be counted in it.
        if size > slots.size || (size.saturating_add(standing_by) < slots.size && held) {
            self.found(Cause::Size(group), format!("group {group} has size {size}, not {}", slots.size));
            if self.kept.fleet().drift(Drift::Size) == OnDrift::Absorb {
                let desired = self.fleet.desired().saturating_add(size).saturating_sub(slots.size);
                self.fleet = self.fleet.clone().size(desired);
            }
        }
        if let Some(key) = foreign.first() {
            self.what.push(format!("{key} runs another image than its generation's").into());
        }
        let replaced = foreign.into_iter().map(|key| (Cause::Image(group, key.clone()), Duration::ZERO));
        self.found.causes.extend(replaced);
        let sound = count(there.len() - boots.len() - ill.len());
        let lacking = slots.size.saturating_sub(sound);
        let boot = count(boots.len()).min(lacking);
        if lacking > boot {
            let missing = lacking - boot;
            self.what.push(format!("of group {group} {missing} of {} are missing or ill", slots.size).into());
            self.found.causes.extend(ill.into_iter().map(|key| (Cause::Ill(group, key.clone()), healed_in)));
            let missing = slots.size.saturating_sub(count(there.len()));
            if missing > 0 {
                self.found.short.insert(group, Short { missing, there, patience: healed_in });
            }
        }
        if boot > 0 {
            self.what.push(format!("of group {group} {boot} of {} are not up yet", slots.size).into());
            let late = boots.into_iter().map(|key| (Cause::Boots(group, key.clone()), boot_deadline + healed_in));
            self.found.causes.extend(late);
        }
    }

    /// The size may be another than the groups': it was changed for the time after the last rollout, or by the source that it follows.
    fn size(&mut self, state: &FleetState, generation: &GenerationState) {
        let (size, desired) = (generation.size(), self.fleet.desired());
        let follows = self.kept.fleet().follows_whom().is_some();
        self.found.unsure.size = follows && self.seen.size.is_none();
        if desired != state.desired {
            // What was absorbed is said already.
            if follows {
                self.found(Cause::Desired, format!("its size should be {desired}, and is {}", state.desired));
            }
        } else if size != desired {
            self.found(Cause::Desired, format!("its size should be {desired}, and is {size}"));
        }
    }

    /// Of other generations nothing runs that could be removed.
    fn others(&mut self, state: &FleetState, home: Option<GenerationId>) {
        for (other, generation) in state.generations.iter().filter(|(other, _)| Some(**other) != home) {
            let mut first = None;
            for (cell, slots) in &generation.groups {
                let group = GroupId { generation: *other, cell: *cell };
                let Some(seen) = self.whole(group, slots) else {
                    self.found.unsure.groups.insert(group);
                    continue;
                };
                let runs = |instance: &&Instance| instance.held.is_none() && is_there(instance, slots.members.get(&instance.key));
                let instance = seen.instances.iter().find(runs).filter(|_| !is_taken(generation, Some(&seen.state)));
                if let Some(instance) = instance {
                    self.found.causes.insert(Cause::Leftover(group), Duration::ZERO);
                    first = first.or(Some(&instance.key));
                }
            }
            if let Some(key) = first {
                self.what.push(format!("{key} of generation {other} runs, which has nothing to run").into());
            }
        }
    }

    /// All requests go to the one generation.
    fn weights(&mut self, state: &FleetState, id: GenerationId) {
        let Some(pool) = state.pool.as_ref().filter(|_| self.kept.fleet().traffic_pool().is_some()) else {
            return;
        };
        let certain = self.seen.pool.filter(|seen| {
            let as_of = self.seen.as_of - seen.age;
            let fresh = as_of >= pool.settled_at && as_of >= pool.quiet_until && self.now.since(as_of) <= MAX_VIEW_AGE;
            fresh && seen.coverage == Coverage::Whole
        });
        let Some(seen) = certain else {
            self.found.unsure.pool = true;
            return;
        };
        let whole = seen.weights.iter().all(|(other, weight)| (*weight > 0) == (*other == id));
        let some = seen.weights.contains_key(&id) || self.fleet.desired() == 0;
        if !(whole && some) {
            self.found(Cause::Weights, format!("pool {} divides its requests as {:?}", pool.id, seen.weights));
        }
    }

    /// What only looks like ours is nobody's to remove: it is amiss where a person is to be asked about it.
    fn strangers(&mut self, state: &FleetState) {
        if self.kept.fleet().drift(Drift::Stranger) == OnDrift::Pause {
            for seen in &self.seen.fleet.strangers {
                let asked = stranger(seen);
                if !state.strangers.contains(&asked) {
                    self.found(Cause::Stranger(seen.what.clone()), asked.to_string());
                }
            }
        }
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Whether an instance is there, and stays.
fn is_there(instance: &Instance, member: Option<&Member>) -> bool {
    let gone = instance.life == Life::Gone || member.is_some_and(|member| member.exit == Exit::Gone);
    !gone && !leaves(instance, member)
}

fn class(instance: &Instance, member: Option<&Member>, spec: &GenerationSpec, verdict: Verdict) -> Class {
    // Who was not there when the last rollout ended was never seen healthy, as far as anybody has said.
    let once = member.is_some_and(|member| member.once);
    match verdict {
        _ if stands_by(instance) => Class::StandsBy,
        _ if is_foreign(instance, spec) => Class::Foreign,
        _ if instance.held.is_some() => Class::Sound,
        _ if instance.life == Life::Stopped || member.is_some_and(|member| member.draining.is_some()) => Class::Ill,
        Verdict::Healthy => Class::Sound,
        Verdict::Unhealthy if once => Class::Ill,
        verdict if !once && is_heard(instance, verdict) => Class::Boots,
        _ => Class::Unsure,
    }
}
