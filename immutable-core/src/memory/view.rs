//! What a look at a fleet shows: the truth, unless a script distorts it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::group::{Group, Slot};
use super::world::World;
use crate::artifact::Digest;
use crate::fleet::{Coverage, FleetId, GroupId, GroupSeen, GroupState, Instance, Life, Observation, Stranger, Verdict, Working};
use crate::id::{NativeRef, Zone};
use crate::time::Timestamp;

/// How far a replica lags behind.
pub(super) const LAG: Duration = Duration::from_secs(40);

/// What is wrong with views, and until when.
#[derive(Debug, Default)]
pub(super) struct Distortions {
    pub(super) health: Vec<Lie>,
    pub(super) partial: Vec<Partial>,
    /// Until when a replica lags behind, and how many looks there were.
    pub(super) flickers_until: Timestamp,
    pub(super) looks: u64,
    /// The same of looks at pools, which count by themselves.
    pub(super) partial_pools: Vec<Partial>,
    pub(super) pools_flicker_until: Timestamp,
    pub(super) pool_looks: u64,
}

impl Distortions {
    /// Whether a replica that lags behind answers this look at a pool.
    pub(super) fn pools_lag(&self, now: Timestamp) -> bool {
        now < self.pools_flicker_until && self.pool_looks % 2 == 1
    }

    /// Why views of pools lack a part now, if they do.
    pub(super) fn missing_of_pools(&self, now: Timestamp) -> Option<Arc<str>> {
        let why: Vec<&str> = self.partial_pools.iter().filter(|one| one.until > now).map(|one| &*one.why).collect();
        (!why.is_empty()).then(|| why.join("; ").into())
    }
}

/// A false word on health: of an artifact's instances or of all.
#[derive(Debug)]
pub(super) struct Lie {
    pub(super) until: Timestamp,
    pub(super) of: Whose,
    pub(super) says: Verdict,
}

/// Whose health is not told.
#[derive(Debug)]
pub(super) enum Whose {
    All,
    Of(Digest),
    But(Digest),
}

impl Whose {
    fn is(&self, artifact: Option<Digest>) -> bool {
        match self {
            Self::All => true,
            Self::Of(one) => artifact == Some(*one),
            Self::But(one) => artifact != Some(*one),
        }
    }
}

/// A part that is not shown: a zone, or the second half of each group.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) until: Timestamp,
    pub(super) zone: Option<Zone>,
    pub(super) why: Arc<str>,
}

impl World {
    pub(super) fn observe(&mut self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Observation {
        self.distortions.looks += 1;
        let handles = self.handles.get(fleet);
        let group = |id| self.groups.get(*handles?.get(id)?)?.as_ref();
        let groups = known.iter().map(|id| self.see(fleet, *id, group(id))).collect();
        let told = known.iter().filter_map(group).flat_map(|group| &group.incidents);
        let incidents = told.map(|(_, incident)| incident.clone()).collect();
        let unknown = self.groups_of(fleet).filter(|group| !known.contains(&group.id));
        let foreign = self.strangers.iter().filter(|((of, _), _)| of == fleet);
        let strangers = foreign
            .map(|((_, claims), what)| Stranger { what: what.clone(), claims: Some(*claims), orphan: None })
            .chain(unknown.map(|Group { name, id, handle, .. }| {
                let what = NativeRef::new(name.clone());
                let ours = !self.others.values().any(|other| other == handle);
                Stranger { what, claims: Some(id.generation), orphan: ours.then_some(*id) }
            }))
            .collect();
        Observation { groups, incidents, strangers }
    }

    fn see(&self, fleet: &FleetId, id: GroupId, group: Option<&Group>) -> GroupSeen {
        if let Some(group) = group.filter(|_| self.lags()) {
            return self.lagging(group);
        }
        let partial = self.missing_parts(group);
        let why: Vec<&str> = partial.iter().map(|partial| &*partial.why).collect();
        let coverage = if why.is_empty() { Coverage::Whole } else { Coverage::Part(why.join("; ").into()) };
        let seen = |state, instances| GroupSeen { group: id, age: Duration::ZERO, coverage, state, instances };
        let Some(group) = group else {
            let stranger = self.strangers.contains_key(&(fleet.clone(), id.generation));
            let foreign = GroupState::Present { size: 0, working: Working::Unsaid, spec: None, upkeep: None };
            return seen(if stranger { foreign } else { GroupState::Absent }, Arc::default());
        };
        let state = if group.deleting {
            GroupState::Deleting
        } else {
            GroupState::Present { size: group.size, working: group.working(), spec: Some(group.mark), upkeep: Some(group.upkeep) }
        };
        seen(state, self.instances(group, &partial))
    }

    pub(super) fn looks(&self) -> u64 {
        self.distortions.looks
    }

    /// Whether a replica that lags behind answers this look.
    fn lags(&self) -> bool {
        self.env.now < self.distortions.flickers_until && self.distortions.looks % 2 == 1
    }

    /// A group as a replica shows it that knows nothing of what is new, and of those sent away not that they are gone.
    fn lagging(&self, group: &Group) -> GroupSeen {
        let seen = |state, instances| {
            let coverage = Coverage::Part("a replica lags behind".into());
            GroupSeen { group: group.id, age: Duration::ZERO, coverage, state, instances: Arc::new(instances) }
        };
        if self.env.now < group.since + LAG {
            return seen(GroupState::Absent, Vec::new());
        }
        let half = group.instances.len().div_ceil(2);
        let back = |instance: &Instance, slot: &Slot| {
            instance.life == Life::Gone && slot.sent_away && slot.last == Verdict::Healthy && self.env.now < slot.since + LAG
        };
        let shown = group.instances.iter().zip(&group.slots).enumerate();
        let shown = shown.filter(|(at, (instance, slot))| *at < half || back(instance, slot));
        let shown = shown.map(|(_, (instance, slot))| match instance.life {
            Life::Gone if back(instance, slot) => {
                Instance { life: Life::Running, health: self.env.words.of(Verdict::Healthy), trouble: None, ..instance.clone() }
            }
            _ => instance.clone(),
        });
        let state = GroupState::Present {
            size: group.size,
            working: group.working(),
            spec: Some(group.mark),
            upkeep: Some(group.upkeep),
        };
        seen(if group.deleting { GroupState::Deleting } else { state }, shown.collect())
    }

    /// What views of a group lack now; a zone that it never uses is none of it.
    fn missing_parts(&self, group: Option<&Group>) -> Vec<&Partial> {
        let uses = |zone: &Zone| {
            let mut zones = group.iter().flat_map(|group| &group.zones);
            zones.any(|(at, _)| self.env.settings.zones.get(*at) == Some(zone))
        };
        let concerns = |partial: &&Partial| partial.until > self.env.now && partial.zone.as_ref().is_none_or(uses);
        self.distortions.partial.iter().filter(concerns).collect()
    }

    /// What views of a group show of its instances now.
    pub(super) fn shown(&self, group: &Group) -> Arc<Vec<Instance>> {
        self.instances(group, &self.missing_parts(Some(group)))
    }

    /// The group's own list where nothing distorts it, which costs nothing.
    fn instances(&self, group: &Group, partial: &[&Partial]) -> Arc<Vec<Instance>> {
        let says = self.word_on(group);
        if partial.is_empty() && says.is_none() {
            return group.instances.clone();
        }
        let half = group.instances.len() / 2;
        let shown = |at: usize, instance: &Instance| {
            partial.iter().all(|partial| match &partial.zone {
                None => at < half,
                zone => instance.zone != *zone,
            })
        };
        let instances = group.instances.iter().enumerate().filter(|(at, instance)| shown(*at, instance));
        let said = |(_, instance): (usize, &Instance)| match says {
            // Silence is about all; a verdict only about what runs.
            Some(verdict) if instance.life == Life::Running || verdict == Verdict::Unknown => {
                Instance { health: self.env.words.of(verdict), trouble: None, ..instance.clone() }
            }
            _ => instance.clone(),
        };
        Arc::new(instances.map(said).collect())
    }

    /// What is falsely said of the health of a group's instances now, if anything.
    pub(super) fn word_on(&self, group: &Group) -> Option<Verdict> {
        let artifact = self.env.images.artifact(group.spec.image.id());
        let lies = self.distortions.health.iter().rev();
        let mut told = lies.filter(|lie| lie.until > self.env.now && lie.of.is(artifact));
        told.next().map(|lie| lie.says)
    }
}
