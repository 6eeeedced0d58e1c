//! What is amiss with a fleet in which no rollout runs: it should have its size, all of its proven release, and the traffic and upkeep that were
//! settled. What is amiss is set right by a rollout of that release.

use std::sync::Arc;
use std::time::Duration;

use super::decide::MAX_VIEW_AGE;
use super::decide::sight::verdict;
use super::plan::Plan;
use super::seen::Seen;
use super::state::{Exit, FleetState, GenerationLife, GenerationState, Slots};
use crate::fleet::{
    Coverage, Drift, Fleet, GenerationId, GroupId, GroupSeen, GroupState, Heals, Instance, Life, OnDrift, Verdict, Working,
};
use crate::time::Timestamp;

/// What is amiss with a fleet in which no rollout runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Amiss {
    /// What, each in words; never empty.
    pub what: Vec<Arc<str>>,
    /// How long it may be so before something is done about it: the time that a provider which heals by itself has for it.
    pub patience: Duration,
    /// What the fleet should be: the terms that it is kept by, with what is absorbed.
    pub fleet: Fleet,
}

/// What is amiss, if anything is, by a look at a fleet in which no rollout runs: nothing of one that is [kept](FleetState::kept) at nothing, and nothing
/// that this look does not show for certain. Pure.
pub fn amiss(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Option<Amiss> {
    let (None, Some(kept), Some(proven)) = (&state.rollout, &state.kept, &state.proven) else {
        return None;
    };
    let of_it = state
        .generations
        .iter()
        .filter(|(_, generation)| generation.release() == proven.spec.release && generation.life == GenerationLife::Present);
    let Some((id, generation)) = of_it.max_by_key(|(id, generation)| (generation.size(), **id)) else {
        let what = format!("no generation of {} {} is there", proven.spec.name, proven.spec.version);
        return Some(Amiss { what: vec![what.into()], patience: Duration::ZERO, fleet: terms(state, kept, seen) });
    };
    let mut look = Look { kept, seen, now, what: Vec::new(), patience: Duration::MAX, fleet: terms(state, kept, seen) };
    look.groups(*id, generation);
    look.size(state, generation);
    look.others(state, *id);
    look.weights(state, *id);
    look.strangers();
    let Look { what, patience, fleet, .. } = look;
    (!what.is_empty()).then_some(Amiss { what, patience, fleet })
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
    patience: Duration,
    fleet: Fleet,
}

impl Look<'_> {
    fn found(&mut self, what: String) {
        self.within(Duration::ZERO, what);
    }

    /// Something that the provider may set right within this time.
    fn within(&mut self, patience: Duration, what: String) {
        self.patience = self.patience.min(patience);
        self.what.push(what.into());
    }

    /// What of a group is seen for certain: all of it, after the last write, and when no copy of one can arrive any more.
    fn whole(&self, id: GroupId, slots: &Slots) -> Option<&GroupSeen> {
        let seen = self.seen.fleet.groups.iter().find(|seen| seen.group == id)?;
        let as_of = self.seen.as_of - seen.age;
        let certain = seen.coverage == Coverage::Whole && as_of >= slots.settled_at && as_of >= slots.quiet_until;
        Some(seen).filter(|_| certain && self.now.since(as_of) <= MAX_VIEW_AGE)
    }

    fn groups(&mut self, id: GenerationId, generation: &GenerationState) {
        let heals = match self.seen.heals {
            Heals::Always => true,
            Heals::Switchable => generation.upkeep.heal,
            Heals::Never => false,
        };
        let health = self.kept.fleet().health();
        let healed_in = if heals { health.boot_deadline + health.min_ready } else { Duration::ZERO };
        let pool = self.seen.pool.filter(|pool| self.now.since(self.seen.as_of - pool.age) <= MAX_VIEW_AGE);
        let says = |key: &_| pool.and_then(|pool| pool.health(key)).unwrap_or(Verdict::Unknown);
        for (cell, slots) in &generation.groups {
            let group = GroupId { generation: id, cell: *cell };
            let Some(GroupSeen { state, instances, .. }) = self.whole(group, slots) else {
                continue;
            };
            let instances = instances.clone();
            let (size, upkeep) = match state {
                GroupState::Present { size, upkeep, working, .. } if *working != Working::Busy => (*size, *upkeep),
                // What its provider would not make again the other groups make up for.
                GroupState::Absent if generation.refused.is_some() => continue,
                GroupState::Absent => {
                    self.found(format!("group {group} was deleted by someone else"));
                    continue;
                }
                _ => continue,
            };
            if let Some(upkeep) = upkeep.filter(|upkeep| *upkeep != generation.upkeep) {
                self.found(format!("the upkeep of group {group} is {upkeep:?}, not {:?}", generation.upkeep));
                if self.kept.fleet().drift(Drift::Upkeep) == OnDrift::Absorb {
                    self.fleet = self.fleet.clone().upkeep(upkeep);
                }
            }
            // Where nothing heals a size falls with its members.
            let held = heals && upkeep.is_none_or(|upkeep| upkeep == generation.upkeep);
            if size > slots.size || (size < slots.size && held) {
                self.found(format!("group {group} has size {size}, not {}", slots.size));
                if self.kept.fleet().drift(Drift::Size) == OnDrift::Absorb && self.kept.fleet().follows_whom().is_none() {
                    let desired = self.fleet.desired().saturating_add(size).saturating_sub(slots.size);
                    self.fleet = self.fleet.clone().size(desired);
                }
            }
            let foreign = |instance: &&Instance| instance.runs.image().is_some_and(|image| *image != *generation.spec.image.id());
            let there: Vec<_> = instances.iter().filter(|instance| there(instance, slots)).collect();
            if let Some(instance) = there.iter().copied().find(foreign) {
                self.found(format!("{} runs another image than its generation's", instance.key));
            }
            let sound = there.iter().filter(|instance| {
                instance.life != Life::Stopped && verdict(instance, health, || says(&instance.key)) != Verdict::Unhealthy
            });
            let missing = slots.size.saturating_sub(u32::try_from(sound.count()).unwrap_or(u32::MAX));
            if missing > 0 {
                self.within(healed_in, format!("of group {group} {missing} of {} are missing or ill", slots.size));
            }
        }
    }

    /// The size may be another than the groups': it was changed for the time after the last rollout, or by the source that it follows.
    fn size(&mut self, state: &FleetState, generation: &GenerationState) {
        let (size, desired) = (generation.size(), self.fleet.desired());
        if desired != state.desired {
            // What was absorbed is said already.
            if self.kept.fleet().follows_whom().is_some() {
                self.found(format!("its size should be {desired}, and is {}", state.desired));
            }
        } else if size != desired {
            self.found(format!("its size should be {desired}, and is {size}"));
        }
    }

    /// Of other generations nothing runs.
    fn others(&mut self, state: &FleetState, id: GenerationId) {
        for (other, generation) in state.generations.iter().filter(|(other, _)| **other != id) {
            let live = generation.groups.iter().filter_map(|(cell, slots)| {
                let seen = self.whole(GroupId { generation: *other, cell: *cell }, slots)?;
                seen.instances.iter().find(|instance| there(instance, slots))
            });
            let instance = live.into_iter().next().map(|instance| instance.key.clone());
            if let Some(key) = instance {
                self.found(format!("{key} of generation {other} runs, which has nothing to run"));
            }
        }
    }

    /// All requests go to the one generation.
    fn weights(&mut self, state: &FleetState, id: GenerationId) {
        let (Some(pool), Some(seen)) = (&state.pool, self.seen.pool) else {
            return;
        };
        let as_of = self.seen.as_of - seen.age;
        let certain = as_of >= pool.settled_at && as_of >= pool.quiet_until && self.now.since(as_of) <= MAX_VIEW_AGE;
        let whole = seen.weights.iter().all(|(other, weight)| (*weight > 0) == (*other == id));
        let some = seen.weights.contains_key(&id) || self.fleet.desired() == 0;
        if certain && seen.coverage == Coverage::Whole && !(whole && some) {
            self.found(format!("pool {} divides its requests as {:?}", pool.id, seen.weights));
        }
    }

    /// What only looks like ours is nobody's to remove: it is amiss where a person is to be asked about it.
    fn strangers(&mut self) {
        if self.kept.fleet().drift(Drift::Stranger) == OnDrift::Pause {
            for stranger in &self.seen.fleet.strangers {
                self.found(format!("{:?} bears the fleet's mark and is not ours", stranger.what));
            }
        }
    }
}

/// Whether an instance is there, and stays.
fn there(instance: &Instance, slots: &Slots) -> bool {
    let leaves = slots.members.get(&instance.key).is_some_and(|member| member.exit != Exit::None);
    !leaves && !matches!(instance.life, Life::Leaving | Life::Gone)
}
