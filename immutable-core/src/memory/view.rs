//! What a look at a fleet shows: the truth, unless a script distorts it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::group::Group;
use super::world::World;
use crate::artifact::Digest;
use crate::fleet::{Coverage, FleetId, GroupId, GroupSeen, GroupState, Instance, Life, Observation, Stranger, Verdict, Working};
use crate::id::{NativeRef, Zone};
use crate::time::Timestamp;

/// What is wrong with views, and until when.
#[derive(Debug, Default)]
pub(super) struct Distortions {
    pub(super) health: Vec<Lie>,
    pub(super) partial: Vec<Partial>,
}

/// A false word on health: of an artifact's instances or of all.
#[derive(Debug)]
pub(super) struct Lie {
    pub(super) until: Timestamp,
    pub(super) of: Option<Digest>,
    pub(super) says: Verdict,
}

/// A part that is not shown: a zone, or the second half of each group.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) until: Timestamp,
    pub(super) zone: Option<Zone>,
    pub(super) why: Arc<str>,
}

impl World {
    pub(super) fn observe(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Observation {
        let groups = known.iter().map(|id| self.see(fleet, *id)).collect();
        let incidents = known
            .iter()
            .filter_map(|id| self.group(fleet, *id))
            .flat_map(|group| group.incidents.iter().map(|(_, incident)| incident.clone()))
            .collect();
        let unknown = self.groups_of(fleet).filter(|group| !known.contains(&group.id));
        let foreign = self.strangers.iter().filter(|((of, _), _)| of == fleet);
        let strangers = foreign
            .map(|((_, claims), what)| Stranger { what: what.clone(), claims: Some(*claims) })
            .chain(unknown.map(|group| Stranger { what: NativeRef::new(group.name.clone()), claims: Some(group.id.generation) }))
            .collect();
        Observation { groups, incidents, strangers }
    }

    fn see(&self, fleet: &FleetId, id: GroupId) -> GroupSeen {
        let group = self.group(fleet, id);
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

    /// What views of a group lack now; a zone that it never uses is none of it.
    fn missing_parts(&self, group: Option<&Group>) -> Vec<&Partial> {
        let uses = |zone: &Zone| {
            let mut zones = group.iter().flat_map(|group| &group.zones);
            zones.any(|(at, _)| self.env.settings.zones.get(*at) == Some(zone))
        };
        let concerns = |partial: &&Partial| partial.until > self.env.now && partial.zone.as_ref().is_none_or(uses);
        self.distortions.partial.iter().filter(concerns).collect()
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
        let mut told = lies.filter(|lie| lie.until > self.env.now && (lie.of.is_none() || lie.of == artifact));
        told.next().map(|lie| lie.says)
    }
}
