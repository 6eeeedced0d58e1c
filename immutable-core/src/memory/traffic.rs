//! Pools: who gets which share of the requests, set and in force.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::MemoryCloud;
use super::calls::{Answer, Request};
use super::effects::{Cause, What};
use super::fleets::misanswered;
use super::world::{Event, World};
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::{
    Coverage, FleetId, GenerationId, Life, Op, Route, RouteTag, Routed, Split, TargetSeen, TargetState, TrafficCapabilities,
    TrafficSeen, Verdict,
};
use crate::id::{InstanceKey, NativeRef, PoolId};
use crate::provider::TrafficSwitch;
use crate::time::Timestamp;

/// Pools by name; their places in the list never change.
#[derive(Debug, Default)]
pub(super) struct Pools {
    names: BTreeMap<PoolId, usize>,
    pools: Vec<Pool>,
}

#[derive(Debug)]
struct Pool {
    id: PoolId,
    /// Whose it is: the fleet that first set a route.
    fleet: Option<FleetId>,
    /// Counts every change, ours or not; the tag.
    version: u64,
    /// Counts routes alone, so that only the last comes into force.
    routes: u64,
    set: BTreeMap<GenerationId, u16>,
    in_force: BTreeMap<GenerationId, u16>,
    /// Generations that were detached, and when.
    detached: BTreeMap<GenerationId, Timestamp>,
    /// Targets that were told to drain, and when they have.
    draining: BTreeMap<InstanceKey, Timestamp>,
    foreign: Vec<(NativeRef, u16)>,
}

impl Pool {
    fn tag(&self) -> RouteTag {
        RouteTag(format!("{}-{}", self.id, self.version).into())
    }
}

impl Pools {
    fn get(&self, id: &PoolId) -> Result<&Pool> {
        let missing = || Error::new(ErrorKind::NotFound, format!("there is no pool {id}; make it first"));
        self.names.get(id).and_then(|at| self.pools.get(*at)).ok_or_else(missing)
    }

    fn get_mut(&mut self, id: &PoolId) -> Result<(usize, &mut Pool)> {
        let missing = || Error::new(ErrorKind::NotFound, format!("there is no pool {id}; make it first"));
        let at = self.names.get(id).copied().ok_or_else(missing)?;
        self.pools.get_mut(at).map(|pool| (at, pool)).ok_or_else(missing)
    }
}

impl World {
    pub(super) fn route(&mut self, op: &Op, route: &Route) -> Result<Routed> {
        let pool = self.pools.get(route.pool())?;
        if pool.fleet.as_ref().is_some_and(|fleet| *fleet != op.fleet) {
            return Err(Error::new(ErrorKind::Taken, format!("pool {} is another fleet's", pool.id)));
        }
        if pool.set == *route.weights() {
            return Ok(Routed { tag: pool.tag(), echo_until: None });
        }
        if pool.tag() != *route.seen() {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("pool {} has changed since it was looked at; look again", pool.id),
            ));
        }
        within(self.env.settings.split, route)?;
        if let Some(absent) = route.weights().keys().find(|id| self.generation(&op.fleet, **id).is_empty()) {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no generation {}", absent.name(&op.fleet))));
        }
        let now = self.env.now;
        let (at, pool) = self.pools.get_mut(route.pool())?;
        pool.fleet = Some(op.fleet.clone());
        pool.version += 1;
        pool.routes += 1;
        let before = std::mem::replace(&mut pool.set, route.weights().clone());
        let left = before.into_keys().filter(|id| !route.weights().contains_key(id));
        pool.detached.extend(left.map(|id| (id, now)));
        pool.detached.retain(|id, _| !route.weights().contains_key(id));
        let (tag, route_number) = (pool.tag(), pool.routes);
        let what = || What::Routed(route.pool().clone(), route.weights().clone());
        self.env.note(Cause::Call(op.id), &op.fleet, None, what);
        self.env.after(self.env.settings.settle, Event::Settle { pool: at, route: route_number });
        Ok(Routed { tag, echo_until: None })
    }

    pub(super) fn settle(&mut self, at: usize, route: u64) {
        if let Some(pool) = self.pools.pools.get_mut(at).filter(|pool| pool.routes == route) {
            pool.in_force.clone_from(&pool.set);
            if let Some(fleet) = &pool.fleet {
                self.env.note(Cause::Provider, fleet, None, || What::InForce(pool.id.clone(), pool.in_force.clone()));
            }
        }
    }

    pub(super) fn drain(&mut self, op: &Op, pool: &PoolId, leaving: &BTreeSet<InstanceKey>) -> Result<()> {
        if leaving.is_empty() {
            return Err(Error::invalid("nobody is named to drain"));
        }
        let targets = self.targets(self.pools.get(pool)?);
        let attached = |target: &TargetSeen| target.state == TargetState::Attached && leaving.contains(&target.key);
        let begin: Vec<InstanceKey> = targets.into_iter().filter(attached).map(|target| target.key).collect();
        let (now, shown) = (self.env.now, self.env.settings.gone_shown);
        self.pools.get_mut(pool)?.1.draining.retain(|_, until| *until + shown > now);
        for key in begin {
            self.sent += 1;
            let mut random = super::random::Random::named(self.env.settings.seed, "drain").fork(self.sent);
            let until = self.env.now + self.env.settings.drain.draw(&mut random);
            self.env.note(Cause::Call(op.id), &op.fleet, None, || What::Draining(pool.clone(), key.clone()));
            self.pools.get_mut(pool)?.1.draining.insert(key, until);
        }
        Ok(())
    }

    /// Takes a generation that is gone out of all pools.
    pub(super) fn detach(&mut self, fleet: &FleetId, generation: GenerationId) {
        for pool in self.pools.pools.iter_mut().filter(|pool| pool.fleet.as_ref() == Some(fleet)) {
            pool.in_force.remove(&generation);
            pool.detached.remove(&generation);
            if pool.set.remove(&generation).is_some() {
                pool.version += 1;
            }
        }
    }

    fn targets(&self, pool: &Pool) -> Vec<TargetSeen> {
        let Some(fleet) = &pool.fleet else {
            return Vec::new();
        };
        let mut targets = Vec::new();
        for group in self.groups_of(fleet) {
            let weight = pool.set.get(&group.id.generation);
            let drained = pool.detached.get(&group.id.generation).map(|at| *at + self.detaching());
            if weight.is_none() && drained.is_none_or(|at| at + self.env.settings.gone_shown <= self.env.now) {
                continue;
            }
            let probed = weight.is_some_and(|weight| *weight > 0) || self.env.settings.probes_unrouted;
            let word = self.word_on(group);
            for (slot, instance) in group.slots.iter().zip(group.instances.iter()) {
                let told = pool.draining.get(&instance.key).copied().or(drained);
                let state = match (instance.life, told) {
                    (Life::Running | Life::Leaving, Some(until)) if until <= self.env.now => TargetState::Drained,
                    (Life::Running, None) => TargetState::Attached,
                    (Life::Running | Life::Leaving, _) => TargetState::Draining,
                    _ => continue,
                };
                let health = if probed { word.unwrap_or(slot.verdict) } else { Verdict::Unknown };
                targets.push(TargetSeen { key: instance.key.clone(), state, health });
            }
        }
        targets.sort_by(|one, other| one.key.cmp(&other.key));
        targets
    }

    /// How long a detached generation drains: the same for all of it.
    fn detaching(&self) -> std::time::Duration {
        self.env.settings.drain.draw(&mut super::random::Random::named(self.env.settings.seed, "detach"))
    }
}

/// Whether a route can be set by a switch that divides traffic so.
fn within(split: Split, route: &Route) -> Result<()> {
    let weights = || route.weights().values().copied();
    let beyond = |why: String| Err(Error::invalid(format!("the route of pool {} {why}", route.pool())));
    match split {
        Split::Pooled if weights().any(|weight| Some(weight) != weights().next()) => {
            beyond("has different weights; in this pool all attached get the same".to_owned())
        }
        Split::Binary if weights().filter(|weight| *weight > 0).count() != 1 => {
            beyond("divides traffic; in this pool one generation gets all".to_owned())
        }
        Split::Weighted { generations, .. } if weights().count() > usize::from(generations) => {
            beyond(format!("names {} generations; at most {generations} are possible", weights().count()))
        }
        Split::Weighted { parts, .. } if weights().any(|weight| weight > parts) => {
            beyond(format!("has a weight above {parts}, the largest"))
        }
        _ => Ok(()),
    }
}

impl MemoryCloud {
    /// Makes a pool, if there is none of this name.
    pub fn pool(&self, name: &str) -> PoolId {
        let id = PoolId::from(name);
        let pools = &mut self.world().pools;
        if !pools.names.contains_key(&id) {
            pools.names.insert(id.clone(), pools.pools.len());
            pools.pools.push(Pool {
                id: id.clone(),
                fleet: None,
                version: 0,
                routes: 0,
                set: BTreeMap::new(),
                in_force: BTreeMap::new(),
                detached: BTreeMap::new(),
                draining: BTreeMap::new(),
                foreign: Vec::new(),
            });
        }
        id
    }

    /// Puts something that is not ours into a pool. The pool's tag changes with it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no such pool.
    pub fn join(&self, pool: &PoolId, what: &str, weight: u16) -> Result<()> {
        let mut world = self.world();
        let (_, pool) = world.pools.get_mut(pool)?;
        pool.foreign.push((NativeRef::from(what), weight));
        pool.version += 1;
        Ok(())
    }

    /// The weights by which a pool divides requests now, which may not yet be those that were set.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no such pool.
    pub fn in_force(&self, pool: &PoolId) -> Result<BTreeMap<GenerationId, u16>> {
        Ok(self.world().pools.get(pool)?.in_force.clone())
    }
}

#[async_trait]
impl TrafficSwitch for MemoryCloud {
    fn capabilities(&self) -> &TrafficCapabilities {
        &self.0.traffic
    }

    async fn route(&self, op: &Op, route: &Route) -> Result<Routed> {
        match self.call(op, Request::Route(route.clone())).await? {
            Answer::Routed(routed) => Ok(routed),
            other => Err(misanswered(&other)),
        }
    }

    async fn drain(&self, op: &Op, pool: &PoolId, leaving: &BTreeSet<InstanceKey>) -> Result<()> {
        self.call(op, Request::Drain(pool.clone(), leaving.clone())).await.map(drop)
    }

    async fn observe(&self, pool: &PoolId) -> Result<TrafficSeen> {
        self.read_latency().await;
        let world = self.world();
        let found = world.pools.get(pool).map_err(|error| error.with_operation("observe").with_place(&self.0.place))?;
        Ok(TrafficSeen {
            pool: pool.clone(),
            age: std::time::Duration::ZERO,
            coverage: Coverage::Whole,
            tag: found.tag(),
            weights: found.set.clone(),
            foreign: found.foreign.clone(),
            targets: world.targets(found),
        })
    }
}
