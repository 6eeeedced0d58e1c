//! Pools as they are.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use google_cloud_compute_v1::model::health_status::HealthState;
use google_cloud_compute_v1::model::{Backend, BackendService, ManagedInstance};
use immutable_core::fleet::{Coverage, FleetId, GenerationId, Life, TargetSeen, TargetState, TrafficSeen, Verdict};
use immutable_core::id::{InstanceKey, NativeRef, PoolId};
use immutable_core::{ErrorKind, Result};

use super::backends::{self, BackendMark, group};
use super::slots::Read;
use super::{Known, Pool, UrlMapTraffic};
use crate::marks::relative;
use crate::mig::{At, key, life};
use crate::operations::Scope;

/// What could be seen of targets, and what could not.
#[derive(Default)]
struct Targets {
    seen: BTreeMap<InstanceKey, TargetSeen>,
    missing: Vec<String>,
}

impl UrlMapTraffic {
    pub(super) async fn look(&self, id: &PoolId) -> Result<TrafficSeen> {
        let pool = self.known(id)?;
        let read = self.read(pool).await?;
        let mut targets = self.targets(pool, &read).await?;
        self.remember(id, &mut targets.seen);
        let ours = self.urls(pool);
        let foreign = read.weights.0.iter().filter(|(url, _)| !ours.contains(url));
        let coverage = match targets.missing.as_slice() {
            [] => Coverage::Whole,
            missing => Coverage::Part(missing.join("; ").into()),
        };
        Ok(TrafficSeen {
            pool: id.clone(),
            age: self.lag,
            coverage,
            tag: read.tag()?,
            weights: self.weights(pool, &read),
            foreign: foreign.map(|(url, weight)| (NativeRef::new(url.as_str()), *weight)).collect(),
            targets: targets.seen.into_values().collect(),
            // "If you do, the weighted traffic splitting configuration takes precedence": no affinity keeps a client where there is no weight.
            residue: None,
        })
    }

    /// The members of all generations that are attached, and of those that still drain.
    async fn targets(&self, pool: &Pool, read: &Read) -> Result<Targets> {
        let mut targets = Targets::default();
        if read.whose.slots.is_empty() {
            return Ok(targets);
        }
        let place = self.gcp.place();
        let Some(fleet) = read.whose.name_in(&place).map(|name| FleetId::new(place.clone(), name)) else {
            targets.missing.push("it is a fleet's of another region, whose machines are not seen here".to_owned());
            return Ok(targets);
        };
        for (slot, known) in read.whose.slots.iter().filter(|(slot, _)| pool.slots.contains(slot)) {
            let service = match self.gcp.service(&pool.scope(), slot).await {
                Ok(service) => service,
                Err(error) if error.kind() == ErrorKind::Denied => return Err(error),
                Err(error) => {
                    targets.missing.push(format!("backend service {slot}: {error}"));
                    continue;
                }
            };
            let state = match known.left {
                None => TargetState::Attached,
                Some(left) if self.gcp.now() < left + self.capabilities.settle + backends::ends_within(&service) => {
                    TargetState::Draining
                }
                Some(_) => continue,
            };
            for backend in of_generation(&service, &fleet, known.generation) {
                self.members(pool, slot, backend, state, &mut targets).await?;
            }
        }
        Ok(targets)
    }

    /// The members of one backend.
    async fn members(&self, pool: &Pool, slot: &str, backend: &Backend, state: TargetState, targets: &mut Targets) -> Result<()> {
        let Some(at) = at(group(backend)) else { return Ok(()) };
        let members = match self.gcp.members(&at).await {
            Ok(members) => members,
            // Its group goes, or is gone.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Denied => return Err(error),
            Err(error) => {
                targets.missing.push(format!("group {}: {error}", at.name));
                return Ok(());
            }
        };
        let mut health = BTreeMap::new();
        if !members.is_empty() && state == TargetState::Attached {
            match self.health(pool, slot, backend).await {
                Ok(said) => health = said,
                Err(error) if error.kind() == ErrorKind::Denied => return Err(error),
                Err(error) => targets.missing.push(format!("the health of group {}: {error}", at.name)),
            }
        }
        for member in &members {
            let Some(key) = key(member) else { continue };
            let state = match life(member) {
                Life::Running => state,
                // It finishes what it has before it goes.
                Life::Leaving | Life::Stopped if member.instance_status.is_some() => TargetState::Draining,
                _ => continue,
            };
            let health = health.get(url(member)).copied().unwrap_or(Verdict::Unknown);
            targets.seen.insert(key.clone(), TargetSeen { key, state, health });
        }
        Ok(())
    }

    /// What a service's check says of a group's machines, by their URLs.
    async fn health(&self, pool: &Pool, slot: &str, backend: &Backend) -> Result<BTreeMap<String, Verdict>> {
        let group = backend.group.as_deref().unwrap_or_default();
        let answer = self.gcp.group_health(&pool.scope(), slot, group).await?;
        let mut said: BTreeMap<String, Verdict> = BTreeMap::new();
        for one in answer.health_status {
            let verdict = match one.health_state {
                Some(HealthState::Healthy) => Verdict::Healthy,
                Some(HealthState::Unhealthy) => Verdict::Unhealthy,
                _ => Verdict::Unknown,
            };
            // One with several ports is listed once for each.
            let known = said.entry(relative(one.instance.as_deref().unwrap_or_default()).to_owned()).or_insert(verdict);
            if *known == Verdict::Healthy {
                *known = verdict;
            }
        }
        Ok(said)
    }

    /// Tells who starts from who is ill: Google says `UNHEALTHY` of both.
    fn remember(&self, id: &PoolId, targets: &mut BTreeMap<InstanceKey, TargetSeen>) {
        let now = self.gcp.now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(id.clone()).or_default();
        known.retain(|key, _| targets.contains_key(key));
        for target in targets.values_mut() {
            let of = known.entry(target.key.clone()).or_insert(Known { since: now, was_healthy: false });
            of.was_healthy |= target.health == Verdict::Healthy;
            if target.health == Verdict::Unhealthy && !of.was_healthy && now < of.since + self.warm_up {
                target.health = Verdict::Starting;
            }
        }
    }
}

/// The backends of a service that are a generation's.
fn of_generation<'a>(
    service: &'a BackendService,
    fleet: &FleetId,
    generation: GenerationId,
) -> impl Iterator<Item = &'a Backend> {
    let fleet = fleet.to_string();
    service.backends.iter().filter(move |backend| {
        BackendMark::read(backend).is_some_and(|mark| mark.fleet == fleet && mark.generation == generation)
    })
}

/// Which group an instance group's URL is of: `projects/acme/zones/europe-west1-b/instanceGroups/web-0001-0`.
pub(super) fn at(group: &str) -> Option<At> {
    match relative(group).split('/').collect::<Vec<_>>()[..] {
        ["projects", _, "zones", zone, "instanceGroups", name] => {
            Some(At { scope: Scope::Zone(zone.to_owned()), name: name.to_owned() })
        }
        ["projects", _, "regions", _, "instanceGroups", name] => Some(At { scope: Scope::Region, name: name.to_owned() }),
        _ => None,
    }
}

fn url(member: &ManagedInstance) -> &str {
    member.instance.as_deref().map(relative).unwrap_or_default()
}
