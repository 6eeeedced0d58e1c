//! Pools: who gets which share of the requests, set and in force.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use async_trait::async_trait;

use super::MemoryCloud;
use super::calls::{Answer, Request};
use super::effects::{Cause, What};
use super::fleets::misanswered;
use super::view::LAG;
use super::world::{Event, World};
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::{
    Coverage, FleetId, GenerationId, Instance, Life, Op, Route, RouteTag, Routed, Split, TargetSeen, TargetState,
    TrafficCapabilities, TrafficSeen, Verdict,
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
    /// Whom clients stick to.
    stuck: BTreeMap<GenerationId, Stuck>,
    /// What it was, and until when, for as long as a replica may still show it.
    past: VecDeque<(Timestamp, Shown)>,
}

/// What a pool's tag stands for.
#[derive(Clone, Debug)]
struct Shown {
    tag: RouteTag,
    set: BTreeMap<GenerationId, u16>,
    foreign: Vec<(NativeRef, u16)>,
}

/// Clients that came when their generation had a larger share.
#[derive(Debug)]
struct Stuck {
    until: Timestamp,
    /// Which it was: a weight of all.
    share: (u64, u64),
}

impl Pool {
    fn tag(&self) -> RouteTag {
        RouteTag(format!("{}-{}", self.id, self.version).into())
    }

    fn route(&self) -> Shown {
        Shown { tag: self.tag(), set: self.set.clone(), foreign: self.foreign.clone() }
    }

    /// Before anything about it is changed.
    fn touch(&mut self, now: Timestamp) {
        self.past.retain(|(until, _)| now < *until + LAG);
        self.past.push_back((now, self.route()));
        self.version += 1;
    }

    /// What it was when a replica last heard of it.
    fn lagging(&self, now: Timestamp) -> Shown {
        let past = self.past.iter().find(|(until, _)| now < *until + LAG);
        past.map_or_else(|| self.route(), |(_, route)| route.clone())
    }

    /// Weights come into force: of whom they take a share, clients stay.
    fn enforce(&mut self, until: Timestamp) {
        let before = std::mem::replace(&mut self.in_force, self.set.clone());
        for id in self.set.keys() {
            let (was, is) = (share(&before, *id), share(&self.in_force, *id));
            if less(is, was) {
                let stuck = self.stuck.entry(*id).or_insert(Stuck { until, share: was });
                stuck.until = until;
                if less(stuck.share, was) {
                    stuck.share = was;
                }
            }
        }
        let in_force = &self.in_force;
        self.stuck.retain(|id, stuck| in_force.contains_key(id) && less(share(in_force, *id), stuck.share));
    }
}

fn share(weights: &BTreeMap<GenerationId, u16>, of: GenerationId) -> (u64, u64) {
    let all: u64 = weights.values().map(|weight| u64::from(*weight)).sum();
    (weights.get(&of).copied().unwrap_or(0).into(), all.max(1))
}

fn less(one: (u64, u64), other: (u64, u64)) -> bool {
    one.0 * other.1 < other.0 * one.1
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
        ours(pool, op)?;
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
        let tag = self.set_weights(&op.fleet, route.pool(), route.weights(), Cause::Call(op.id))?;
        Ok(Routed { tag, echo_until: None })
    }

    /// Sets a pool's weights, whoever does it.
    fn set_weights(
        &mut self,
        fleet: &FleetId,
        pool: &PoolId,
        weights: &BTreeMap<GenerationId, u16>,
        by: Cause,
    ) -> Result<RouteTag> {
        if let Some(absent) = weights.keys().find(|id| self.generation(fleet, **id).is_empty()) {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no generation {}", absent.name(fleet))));
        }
        let now = self.env.now;
        let (at, found) = self.pools.get_mut(pool)?;
        found.fleet = Some(fleet.clone());
        found.touch(now);
        // The same once more delays nothing.
        let changed = found.set != *weights;
        found.routes += u64::from(changed);
        let before = std::mem::replace(&mut found.set, weights.clone());
        let left = before.into_keys().filter(|id| !weights.contains_key(id));
        found.detached.extend(left.map(|id| (id, now)));
        found.detached.retain(|id, _| !weights.contains_key(id));
        let (tag, route) = (found.tag(), found.routes);
        self.env.note(by, fleet, None, || What::Routed(pool.clone(), weights.clone()));
        if changed {
            self.env.after(self.env.settings.settle, Event::Settle { pool: at, route });
        }
        Ok(tag)
    }

    pub(super) fn settle(&mut self, at: usize, route: u64) {
        if let Some(pool) = self.pools.pools.get_mut(at).filter(|pool| pool.routes == route) {
            pool.enforce(self.env.now + self.env.settings.sticky);
            if let Some(fleet) = &pool.fleet {
                self.env.note(Cause::Provider, fleet, None, || What::InForce(pool.id.clone(), pool.in_force.clone()));
            }
        }
    }

    pub(super) fn drain(&mut self, op: &Op, pool: &PoolId, leaving: &BTreeSet<InstanceKey>) -> Result<()> {
        if leaving.is_empty() {
            return Err(Error::invalid("nobody is named to drain"));
        }
        let found = self.pools.get(pool)?;
        ours(found, op)?;
        let targets = self.targets(found);
        let attached = |target: &TargetSeen| target.state == TargetState::Attached && leaving.contains(&target.key);
        let begin: Vec<InstanceKey> = targets.into_iter().filter(attached).map(|target| target.key).collect();
        // As long as they are there: who was told once gets no new requests, however long ago it was.
        let exists = |instance: &&Instance| instance.life != Life::Gone;
        let there = self.groups_of(&op.fleet).flat_map(|group| group.instances.iter().filter(exists));
        let there: BTreeSet<InstanceKey> = there.map(|instance| instance.key.clone()).collect();
        self.pools.get_mut(pool)?.1.draining.retain(|key, _| there.contains(key));
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
            pool.stuck.remove(&generation);
            if pool.set.contains_key(&generation) {
                pool.touch(self.env.now);
                pool.set.remove(&generation);
            }
        }
    }

    /// A look at a pool: the truth, unless a script distorts it.
    fn look_at(&mut self, id: &PoolId) -> Result<TrafficSeen> {
        self.distortions.pool_looks += 1;
        let pool = self.pools.get(id)?;
        let now = self.env.now;
        let mut targets = self.targets(pool);
        if self.distortions.pools_lag(now) {
            let Shown { tag, set, foreign } = pool.lagging(now);
            targets.truncate(targets.len().div_ceil(2));
            let coverage = Coverage::Part("a replica lags behind".into());
            return Ok(TrafficSeen { pool: id.clone(), age: LAG, coverage, tag, weights: set, foreign, targets, residue: None });
        }
        let why = self.distortions.missing_of_pools(now);
        if why.is_some() {
            targets.truncate(targets.len() / 2);
        }
        let Shown { tag, set, foreign } = pool.route();
        let stick = pool.stuck.iter().filter(|(_, stuck)| stuck.until > now);
        let stick = stick.map(|(id, stuck)| format!("clients stick to generation {id} until {}", stuck.until));
        let stick: Vec<String> = stick.collect();
        Ok(TrafficSeen {
            pool: id.clone(),
            age: Duration::ZERO,
            coverage: why.map_or(Coverage::Whole, Coverage::Part),
            tag,
            weights: set,
            foreign,
            targets,
            residue: (!stick.is_empty()).then(|| stick.join("; ").into()),
        })
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
    fn detaching(&self) -> Duration {
        self.env.settings.drain.draw(&mut super::random::Random::named(self.env.settings.seed, "detach"))
    }
}

/// Whether a pool may be changed by a fleet's call.
fn ours(pool: &Pool, op: &Op) -> Result<()> {
    match &pool.fleet {
        Some(fleet) if *fleet != op.fleet => {
            Err(Error::new(ErrorKind::Taken, format!("pool {} is fleet {fleet}'s; give each fleet a pool of its own", pool.id)))
        }
        _ => Ok(()),
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
                stuck: BTreeMap::new(),
                past: VecDeque::new(),
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
        let now = world.env.now;
        let (_, pool) = world.pools.get_mut(pool)?;
        pool.touch(now);
        pool.foreign.push((NativeRef::from(what), weight));
        Ok(())
    }

    /// Somebody else sets a pool's weights, within the split or not, and be it all to 0. The pool's tag changes with it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no such pool, no fleet has a route of it, or that fleet has no such generation.
    pub fn set_weights(&self, pool: &PoolId, weights: impl IntoIterator<Item = (GenerationId, u16)>) -> Result<()> {
        let mut world = self.world();
        let unrouted = || Error::new(ErrorKind::NotFound, format!("no fleet has a route of pool {pool}; set one first"));
        let fleet = world.pools.get(pool)?.fleet.clone().ok_or_else(unrouted)?;
        world.set_weights(&fleet, pool, &weights.into_iter().collect(), Cause::Script).map(drop)
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
        let seen = self.world().look_at(pool);
        seen.map_err(|error| error.with_operation("observe").with_resource(pool.as_str()).with_place(&self.0.place))
    }
}
