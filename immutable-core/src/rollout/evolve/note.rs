//! What was seen, and could not be read again.

use std::collections::BTreeMap;

use super::{IllegalEvent, Legal, ensure};
use crate::fleet::GroupId;
use crate::id::InstanceKey;
use crate::rollout::event::Noted;
use crate::rollout::phase::{Phase, StepState};
use crate::rollout::state::{Exit, FleetState, Member};
use crate::time::Timestamp;

impl FleetState {
    pub(super) fn note(&mut self, noted: &Noted, at: Timestamp) -> Legal {
        self.check_note(noted)?;
        // Who was there before, and how they were, says nothing against the new release.
        let witness = !matches!(self.rollout.as_ref().map(|rollout| &rollout.phase), Some(Phase::Preparing { .. }));
        for (group, keys) in &noted.appeared {
            let fresh = Member { charged: !witness, ..Member::new(at) };
            if let Some(slots) = self.slots_mut(*group) {
                slots.short = false;
                slots.members.extend(keys.iter().map(|key| (key.clone(), fresh)));
            }
            if let Some(generation) = self.generations.get_mut(&group.generation).filter(|_| witness) {
                generation.appeared = generation.appeared.saturating_add(u32::try_from(keys.len()).unwrap_or(u32::MAX));
            }
        }
        self.each_member(&noted.healthy, |member| (member.healthy, member.ill, member.once) = (Some(at), None, true));
        self.each_member(&noted.unhealthy, |member| {
            (member.healthy, member.ill, member.once) = (None, Some(at), member.once && witness);
        });
        self.each_member(&noted.gone, |member| member.exit = Exit::Gone);
        let held = self.rollout().is_some_and(|rollout| matches!(rollout.phase, Phase::Held { .. }));
        for (group, size) in &noted.sizes {
            self.unread.remove(group);
            if let Some(slots) = self.slots_mut(*group) {
                slots.size = *size;
            }
        }
        if let (Some(weights), Some(pool)) = (&noted.weights, &mut self.pool) {
            pool.set(weights.clone(), at);
            // Nobody knows when it was: perhaps before what was set last was in force.
            pool.before_at = at;
        }
        for (id, upkeep) in &noted.upkeep {
            if let Some(generation) = self.generations.get_mut(id) {
                generation.upkeep = *upkeep;
                // Who is held may not have taken in yet how far a size had fallen by then.
                let groups = generation.spec.group_ids().filter(|group| upkeep.heal && !noted.sizes.contains_key(group));
                self.unread.extend(groups.filter(|_| held));
            }
        }
        for (id, incidents) in &noted.told {
            if let Some(generation) = self.generations.get_mut(id) {
                generation.incidents.extend(incidents.iter().cloned());
            }
        }
        for charge in &noted.charged {
            let Some(generation) = self.generations.get_mut(&charge.group.generation) else {
                continue;
            };
            *generation.charged.entry(charge.class).or_default() += 1;
            generation.incidents.extend(charge.incident.clone());
            let member = charge.instance.as_ref().zip(generation.groups.get_mut(&charge.group.cell));
            if let Some(member) = member.and_then(|(key, slots)| slots.members.get_mut(key)) {
                member.charged = true;
            }
        }
        for id in &noted.exercised {
            if let Some(generation) = self.generations.get_mut(id) {
                generation.first_ready = generation.first_ready.or(Some(at));
            }
        }
        for id in &noted.absent {
            self.generations.remove(id);
            self.unread.retain(|group| group.generation != *id);
            if let Some(pool) = &mut self.pool {
                pool.weights.remove(id);
                pool.before.remove(id);
                pool.earlier.remove(id);
            }
        }
        if let (Some(best), Some(rollout)) = (noted.progress, &mut self.rollout) {
            rollout.best = rollout.best.max(best);
            let progress_deadline = rollout.plan.strategy().progress_deadline;
            if let Phase::Stepping { at: StepState::Moving { give_up_at } | StepState::Lost { give_up_at }, .. } =
                &mut rollout.phase
            {
                *give_up_at = at + progress_deadline;
            }
        }
        Ok(())
    }

    fn check_note(&self, noted: &Noted) -> Legal {
        let unknown = |group: &GroupId| format!("group {group} is noted and unknown");
        for (group, keys) in &noted.appeared {
            let slots = self.slots(*group).ok_or_else(|| IllegalEvent { why: unknown(group) })?;
            for key in keys {
                ensure(!slots.members.contains_key(key), || format!("{key} of group {group} appears again"))?;
            }
        }
        for (group, keys) in noted.healthy.iter().chain(&noted.unhealthy).chain(&noted.gone) {
            let slots = self.slots(*group).ok_or_else(|| IllegalEvent { why: unknown(group) })?;
            let appears = noted.appeared.get(group).map_or(&[][..], Vec::as_slice);
            for key in keys {
                let here = match slots.members.get(key) {
                    Some(member) => member.exit != Exit::Gone,
                    None => appears.binary_search(key).is_ok(),
                };
                ensure(here, || format!("{key} of group {group} is noted and not there"))?;
            }
        }
        for group in noted.sizes.keys() {
            ensure(self.slots(*group).is_some(), || unknown(group))?;
            ensure(!self.busy(*group), || format!("the size of group {group} is noted while it is busy"))?;
        }
        for generation in noted.exercised.iter().chain(&noted.absent).chain(noted.told.keys()).chain(noted.upkeep.keys()) {
            ensure(self.generations.contains_key(generation), || format!("generation {generation} is noted and unknown"))?;
        }
        if noted.weights.is_some() {
            ensure(self.pool.is_some(), || "weights are noted of a fleet without a pool".to_owned())?;
            ensure(self.route_owed().is_none(), || "weights are noted while a route is owed".to_owned())?;
        }
        for generation in noted.upkeep.keys() {
            ensure(!self.generation_busy(*generation), || {
                format!("the upkeep of generation {generation} is noted while it is busy")
            })?;
        }
        for generation in &noted.absent {
            ensure(!self.generation_busy(*generation), || format!("generation {generation} is absent and busy"))?;
        }
        Ok(())
    }

    fn each_member(&mut self, keys: &BTreeMap<GroupId, Vec<InstanceKey>>, change: impl Fn(&mut Member)) {
        for (group, keys) in keys {
            let Some(slots) = self.slots_mut(*group) else {
                continue;
            };
            for key in keys {
                if let Some(member) = slots.members.get_mut(key) {
                    change(member);
                }
            }
        }
    }
}
