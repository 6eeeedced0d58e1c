//! What is seen of a fleet: its groups, who they manage, and what went wrong in them.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use google_cloud_compute_v1::model::managed_instance::CurrentAction;
use google_cloud_compute_v1::model::managed_instance_instance_health::DetailedHealthState;
use google_cloud_compute_v1::model::{InstanceManagedByIgmError, ManagedInstance};
use immutable_core::fleet::{
    Coverage, Evidence, FleetId, GroupId, GroupSeen, GroupState, Health, Incident, Instance, Life, Observation, Stranger, Upkeep,
    Verdict, Working,
};
use immutable_core::id::{ImageId, InstanceKey, NativeRef, SourceId, Zone};
use immutable_core::{ErrorKind, Result};

use super::seen::{self, Group};
use super::{MigFleet, key};
use crate::marks::{self, last};
use crate::{errors, template, templates};

/// The health source that is a group's own word on a member: it runs, and the group has nothing to do about it.
pub const MANAGED: &str = "managed-instance-group";
/// The health source that is the [health check](crate::HealthCheck) of the fleet's template.
pub const HEALTH_CHECK: &str = "health-check";

impl MigFleet {
    pub(super) async fn look(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation> {
        let (found, _) = self.gcp.groups_named(&format!("{}-", fleet.name())).await?;
        let mut groups: Vec<Group> = found.into_iter().map(|(at, group)| Group::read(at, &group)).collect();
        let mut seen = Observation::default();
        for id in known {
            let mark = |group: &Group| group.id(fleet) == Some(*id);
            let (found, coverage) = match groups.iter().position(mark) {
                Some(at) => (Some(groups.remove(at)), Coverage::Whole),
                // A list may be late.
                None => self.find(fleet, *id).await?,
            };
            if found.as_ref().is_none_or(|found| !mark(found)) {
                // Whoever has its name is told of by the call that would make it.
                let name = marks::name(fleet, *id);
                groups.retain(|group| group.at.name != name);
            }
            let there = match found.filter(mark) {
                Some(found) => {
                    self.remember(&found.at);
                    match self.look_at(*id, &found, &mut seen.incidents).await {
                        // It went while it was looked at.
                        Err(error) if error.kind() == ErrorKind::NotFound => None,
                        other => Some(other?),
                    }
                }
                None => None,
            };
            let group = match there {
                Some(group) => group,
                None => {
                    let state = self.absent(fleet, *id).await?;
                    GroupSeen { group: *id, age: self.lag, coverage, state, instances: Arc::default() }
                }
            };
            seen.groups.push(group);
        }
        let others = groups.into_iter().filter_map(|group| stranger(fleet, &group));
        seen.strangers.extend(others);
        Ok(seen)
    }

    /// Of a group that is not there: its template is made before it and deleted after it, so a part of it may be.
    async fn absent(&self, fleet: &FleetId, id: GroupId) -> Result<GroupState> {
        let left = templates::marked(&self.gcp, &format!("{}-", marks::name(fleet, id)), |_, mark| mark.group(fleet) == Some(id))
            .await?;
        Ok(match left.first() {
            Some((_, mark)) => GroupState::Present { size: 0, working: Working::Busy, spec: Some(mark.spec), upkeep: None },
            None => GroupState::Absent,
        })
    }

    async fn look_at(&self, id: GroupId, group: &Group, incidents: &mut Vec<Incident>) -> Result<GroupSeen> {
        let members = self.gcp.members(&group.at).await?;
        let missing =
            usize::try_from(group.target).unwrap_or(usize::MAX) > members.iter().filter(|member| settled(member)).count();
        if missing || members.iter().any(|member| !seen::errors(member).is_empty()) {
            let errors = self.gcp.group_errors(&group.at).await?;
            incidents.extend(errors.iter().filter_map(|error| incident(id, &members, error)));
        }
        let autoscale = match &group.autoscaler {
            Some(url) => self.gcp.autoscales(&group.at, url).await?,
            None => false,
        };
        let mut instances = Vec::with_capacity(members.len());
        for member in &members {
            instances.extend(self.instance(group, member).await?);
        }
        instances.sort_by(|one: &Instance, other| one.key.cmp(&other.key));
        let upkeep = Upkeep { heal: group.heal, rebalance: group.rebalance, autoscale };
        let state = GroupState::Present {
            size: group.target,
            working: working(group, &members),
            spec: group.mark().map(|mark| mark.spec),
            upkeep: Some(upkeep),
        };
        Ok(GroupSeen { group: id, age: self.lag, coverage: Coverage::Whole, state, instances: Arc::new(instances) })
    }

    /// A member that is there.
    async fn instance(&self, group: &Group, member: &ManagedInstance) -> Result<Option<Instance>> {
        let Some(key) = key(member) else { return Ok(None) };
        let of = member.version.as_ref().and_then(|version| version.instance_template.as_deref()).or(group.template.as_deref());
        let runs = match of {
            Some(template) => {
                self.launches(template).await?.map_or(Evidence::None, |image| Evidence::Template(ImageId::new(image)))
            }
            None => Evidence::None,
        };
        let life = seen::life(member);
        let first = seen::errors(member).into_iter().next();
        let mut health = vec![Health { source: SourceId::new(MANAGED), verdict: managed(member, life) }];
        if !member.instance_health.is_empty() {
            health.push(Health { source: SourceId::new(HEALTH_CHECK), verdict: checked(member) });
        }
        Ok(Some(Instance {
            key,
            zone: member.instance.as_deref().and_then(seen::zone).map(Zone::new),
            runs,
            life,
            held: None,
            health: health.into(),
            trouble: first.map(|(code, message)| Arc::new(errors::trouble(code, message))),
        }))
    }

    /// The image that a template launches, by its URL or its name. Templates never change, so each is read once.
    async fn launches(&self, template: &str) -> Result<Option<Arc<str>>> {
        let known = self.known.images.lock().unwrap_or_else(PoisonError::into_inner).get(template).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        // One of all regions is not ours: somebody has set it.
        if template.contains("/global/") {
            return Ok(None);
        }
        let found = templates::find(&self.gcp, last(template)).await?;
        let image: Option<Arc<str>> = found.and_then(|found| template::image(found.properties.as_ref()?).map(Arc::from));
        if image.is_some() {
            self.known.images.lock().unwrap_or_else(PoisonError::into_inner).insert(template.to_owned(), image.clone());
        }
        Ok(image)
    }
}

/// Whether a member is there, and nothing is to be done about it.
fn settled(member: &ManagedInstance) -> bool {
    member.id.is_some() && matches!(&member.current_action, None | Some(CurrentAction::None))
}

/// What a group has still to do. "InstanceGroupManagerStatus", `isStable`, is false for ever where an instance cannot be made; that the last try of all that are missing has
/// failed is told of each of them. And "the instance group manager will not be identified as stable till each managed instance reaches its targetStatus" ("ManagedInstance"):
/// one that has stopped never does, where nobody repairs it.
pub(super) fn working(group: &Group, members: &[ManagedInstance]) -> Working {
    let stuck = members.iter().any(|member| seen::stuck(group, member));
    let stopped = !group.heal && members.iter().any(|member| seen::life(member) == Life::Stopped);
    let rest = members.iter().all(|member| seen::stuck(group, member) || settled(member));
    let idle = members.len() == usize::try_from(group.target).unwrap_or(usize::MAX) && rest;
    if idle && (group.stable || stuck || stopped) { Working::Idle } else { Working::Busy }
}

/// A group's own word on a member.
fn managed(member: &ManagedInstance, life: Life) -> Verdict {
    match (&member.current_action, life) {
        (None | Some(CurrentAction::None), Life::Running) => Verdict::Healthy,
        (Some(CurrentAction::Verifying), Life::Running) | (_, Life::Booting) => Verdict::Starting,
        _ => Verdict::Unknown,
    }
}

/// What the health checks say of a member: the worst that is certain. "ManagedInstanceInstanceHealth": TIMEOUT and UNKNOWN are no word on the application.
fn checked(member: &ManagedInstance) -> Verdict {
    let states = || member.instance_health.iter().filter_map(|health| health.detailed_health_state.as_ref());
    let all = states().count() == member.instance_health.len();
    match () {
        () if matches!(&member.current_action, Some(CurrentAction::Verifying)) => Verdict::Starting,
        () if states().any(|state| *state == DetailedHealthState::Unhealthy) => Verdict::Unhealthy,
        () if all && states().all(|state| *state == DetailedHealthState::Healthy) => Verdict::Healthy,
        () => Verdict::Unknown,
    }
}

/// What went wrong: known again by its time, whom it was about, and its code, as Google gives it no id.
fn incident(group: GroupId, members: &[ManagedInstance], error: &InstanceManagedByIgmError) -> Option<Incident> {
    let what = error.error.as_ref()?;
    let (code, message) = (what.code.as_deref().unwrap_or_default(), what.message.as_deref().unwrap_or_default());
    let name = error.instance_action_details.as_ref().and_then(|details| details.instance.as_deref()).map(last);
    let id = format!("{group} {} {} {code}", error.timestamp.as_deref().unwrap_or_default(), name.unwrap_or_default());
    let instance: Option<InstanceKey> = members.iter().find(|member| Some(seen::name(member).as_str()) == name).and_then(key);
    Some(Incident { id: id.into(), group, instance, trouble: errors::trouble(code, message) })
}

/// Whoever bears a fleet's mark, or a name that it would use.
fn stranger(fleet: &FleetId, group: &Group) -> Option<Stranger> {
    let orphan = group.id(fleet);
    let named = marks::group(fleet, &group.at.name);
    let claims = orphan.or(named).map(|id| id.generation);
    (claims.is_some() || orphan.is_some()).then(|| Stranger { what: NativeRef::new(&*group.at.name), claims, orphan })
}
