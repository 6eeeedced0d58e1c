//! Who is to blame for what failed: the wanted generation, nobody, or everything at once.

use std::sync::Arc;

use super::view::{View, count};
use crate::fleet::{FailureClass, GenerationId, GroupId};
use crate::id::InstanceKey;
use crate::rollout::event::Charge;
use crate::rollout::phase::{Hold, Phase};
use crate::rollout::report::burns;
use crate::rollout::state::RolloutState;

impl View<'_> {
    /// Who is to blame: what the provider tells of by itself is added, and a failure that old and new share is nobody's.
    pub(super) fn blame(&mut self, rollout: &RolloutState) {
        let wanted = self.state.wanted_now();
        let stood = |ours: bool| {
            let groups = self.groups.iter().filter(|(id, _)| (Some(id.generation) == wanted) == ours);
            groups.fold((0, 0), |sum, (_, group)| (sum.0 + group.stood.0, sum.1 + group.stood.1))
        };
        let (old, new) = (stood(false), stood(true));
        let old_fell = old.1 * 2 < old.0;
        let new_fell = new.0 > 0 && new.1 == 0;
        // Who is not in the view may have lost it too.
        let new_hidden = new.1 == 0 && wanted.is_some_and(|wanted| self.sum(wanted, |group| group.unseen.1) > 0);
        let unseen: u32 = self.groups.values().map(|group| group.unseen.0).sum();
        // All of a release that has worked here, and nobody else is any better.
        let works =
            wanted.and_then(|wanted| self.state.generations.get(&wanted)).is_some_and(|wanted| self.exercised(wanted.release()));
        let well: u32 = self.groups.values().map(|group| group.well).sum();
        let sick = wanted.map_or(0, |wanted| self.sum(wanted, |group| group.sick));
        let all_sick = works && well == 0 && sick > 0 && sick.saturating_add(unseen) > 1;
        let together = (new_fell || new_hidden) && old_fell;
        self.environment = all_sick || together || (new_fell && old.0 == 0 && new.0.saturating_add(unseen) > 1);
        self.untold = old_fell || self.environment;
        if self.untold {
            self.noted.charged.retain(|charge| charge.class != FailureClass::Health);
        }
        let accused = accused(rollout);
        for incident in &self.seen.fleet.incidents {
            let Some(generation) = self.state.generations.get(&incident.group.generation) else {
                continue;
            };
            let known = generation.incidents.contains(&incident.id);
            let charged = incident.instance.as_ref().is_some_and(|key| self.charged(incident.group, key));
            // What is nobody's fault now is nobody's later.
            if accused != Some(incident.group.generation) && !known {
                self.noted.told.entry(incident.group.generation).or_default().push(incident.id.clone());
            }
            if accused == Some(incident.group.generation) && !known && !charged {
                self.noted.charged.push(Charge {
                    group: incident.group,
                    instance: incident.instance.clone(),
                    incident: Some(incident.id.clone()),
                    class: incident.trouble.class,
                    what: incident.trouble.message.clone(),
                });
            }
        }
        if let (Some(wanted), Phase::Stepping { .. }) = (wanted, &rollout.phase) {
            let ready = self.sum(wanted, |group| group.ready_count());
            // Who has gone has made room.
            if ready > rollout.best || (self.departed && ready.max(rollout.best) > 0) {
                self.noted.progress = Some(ready.max(rollout.best));
            }
        }
    }
}

impl View<'_> {
    /// Whether somebody's failure is charged, now or before.
    pub(super) fn charged(&self, id: GroupId, key: &InstanceKey) -> bool {
        let before = self.state.slots(id).and_then(|slots| slots.members.get(key)).is_some_and(|member| member.charged);
        before || self.noted.charged.iter().any(|charge| charge.instance.as_ref() == Some(key))
    }

    /// How many of a generation's failures, now and before, are its release's.
    pub(super) fn failures(&self, id: GenerationId) -> u32 {
        let charged = self.state.generations.get(&id).into_iter().flat_map(|generation| &generation.charged);
        let before = charged.filter(|(class, _)| burns(**class)).map(|(_, failures)| *failures).fold(0, u32::saturating_add);
        let now = self.noted.charged.iter().filter(|charge| charge.group.generation == id && burns(charge.class));
        before.saturating_add(count(now.count()))
    }

    /// What the last of the failures that count was.
    pub(super) fn last_failure(&self) -> Arc<str> {
        let mut burning = self.noted.charged.iter().filter(|charge| burns(charge.class));
        burning.next_back().map_or_else(|| "as noted before".into(), |charge| charge.what.clone())
    }

    /// How many attempts a release on probation has used up: by failures of its own, and by an instance that came and went between two
    /// looks. One that was lost to the platform, or sent away while nothing could be told of anybody, does not count.
    pub(super) fn tried(&self, id: GenerationId) -> u32 {
        let Some(generation) = self.state.generations.get(&id).filter(|_| self.sum(id, |group| group.live) == 0) else {
            return self.failures(id);
        };
        let now = self.noted.appeared.iter().filter(|(group, _)| group.generation == id);
        let appeared = generation.appeared.saturating_add(count(now.map(|(_, keys)| keys.len()).sum()));
        self.failures(id).saturating_add(generation.asked.saturating_sub(appeared))
    }
}

/// Whose failures are charged now: a pause spares nobody.
pub(super) fn accused(rollout: &RolloutState) -> Option<GenerationId> {
    let phase = match &rollout.phase {
        Phase::Held { why: Hold::Paused { .. }, resume, .. } => resume,
        phase => phase,
    };
    match phase {
        Phase::Stepping { .. } => Some(rollout.wanted),
        Phase::Reverting { to, .. } => Some(*to),
        _ => None,
    }
}
