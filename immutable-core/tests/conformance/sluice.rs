//! The smallest switch that keeps the contract, over any provider's machines, on a virtual clock: a route is in force after 10 s, draining takes
//! 15 s, clients stick for 100 s. And, one at a time, the ways in which it would not keep it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use immutable_core::conformance::switch::{Console, Subject};
use immutable_core::conformance::{Time, fleets};
use immutable_core::fleet::*;
use immutable_core::id::{Epoch, InstanceKey, NativeRef, PoolId};
use immutable_core::provider::{FleetProvider, TrafficSwitch};
use immutable_core::time::{Clock, Timestamp, VirtualClock};
use immutable_core::{Applied, Error, ErrorKind, ImageRef, Result};

use crate::broken_switches::Flaw::{self, *};
use crate::racks::{Racks, place};

const LATENCY: Duration = Duration::from_millis(20);
const SETTLE: Duration = Duration::from_secs(10);
const DRAIN: Duration = Duration::from_secs(15);
const SHOWN: Duration = Duration::from_secs(30);
pub(crate) const STICKY: Duration = Duration::from_secs(100);

type Weights = BTreeMap<GenerationId, u16>;

pub(crate) struct Sluice {
    clock: VirtualClock,
    machines: Arc<dyn FleetProvider>,
    capabilities: [TrafficCapabilities; 2],
    flaw: Option<Flaw>,
    world: Mutex<World>,
}

#[derive(Default)]
struct World {
    pools: BTreeMap<PoolId, Pool>,
    tokens: BTreeMap<[u8; 16], Epoch>,
    last: BTreeMap<PoolId, TrafficSeen>,
}

#[derive(Default)]
struct Pool {
    fleet: Option<FleetId>,
    version: u64,
    set: Weights,
    /// All that were set, and from when they are in force.
    routes: Vec<(Timestamp, Weights)>,
    detached: BTreeMap<GenerationId, Timestamp>,
    draining: BTreeMap<InstanceKey, Timestamp>,
    foreign: Vec<(NativeRef, u16)>,
    sticks_until: Option<Timestamp>,
}

impl Sluice {
    pub(crate) fn new(clock: VirtualClock, machines: Arc<dyn FleetProvider>, split: Split, flaw: Option<Flaw>) -> Self {
        let capabilities = TrafficCapabilities {
            split,
            settle: SETTLE,
            probes_unrouted: flaw != Some(GuessesWhoIsNotProbed),
            drains: Drains::Named,
            request_lifetime: Duration::ZERO,
        };
        let later = TrafficCapabilities { settle: SETTLE * 2, ..capabilities.clone() };
        let pools = ["web", "web-2"].map(|name| (PoolId::new(name), Pool::default())).into();
        let world = Mutex::new(World { pools, ..World::default() });
        Self { clock, machines, capabilities: [capabilities, later], flaw, world }
    }

    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// The way there, or back.
    async fn travel(&self) {
        self.clock.sleep_until(self.clock.now() + LATENCY).await;
    }

    /// Who runs of a generation; `None` if there is no such generation.
    async fn members(&self, fleet: &FleetId, generation: GenerationId) -> Result<Option<Vec<InstanceKey>>> {
        let seen = self.machines.observe(fleet, &[GroupId { generation, cell: 0 }].into()).await?;
        let group = &seen.groups[0];
        let run = group.instances.iter().filter(|one| one.life == Life::Running);
        Ok((group.state != GroupState::Absent).then(|| run.map(|one| one.key.clone()).collect()))
    }

    fn name(&self, pool: &PoolId) -> PoolId {
        if self.is(HasOnlyOnePool) { PoolId::new("web") } else { pool.clone() }
    }

    fn tag(&self, id: &PoolId, pool: &Pool) -> RouteTag {
        match self.flaw {
            Some(HashesWeightsIntoItsTag) => RouteTag(format!("{:?}{}", pool.set, pool.foreign.len()).into()),
            _ => RouteTag(format!("{id}/{}", pool.version).into()),
        }
    }

    fn beyond(&self, weights: &Weights) -> bool {
        let mut all = weights.values();
        match self.capabilities[0].split {
            Split::Pooled => all.any(|weight| Some(weight) != weights.values().next()),
            Split::Binary => all.filter(|weight| **weight > 0).count() != 1,
            Split::Weighted { generations, parts } => {
                let most = if self.is(RefusesTheLargestWeight) { parts - 1 } else { parts };
                weights.len() > generations.into() || all.any(|weight| *weight > most)
            }
        }
    }

    fn set(&self, id: &PoolId, pool: &mut Pool, fleet: &FleetId, mut weights: Weights) -> RouteTag {
        let now = self.clock.now();
        let before_tag = self.tag(id, pool);
        if self.is(KeepsWhoIsNotNamed) {
            weights = pool.set.clone().into_iter().chain(weights).collect();
        }
        if self.is(DetachesAtZero) {
            weights.retain(|_, weight| *weight > 0);
        }
        if self.is(RemovesWhatIsNotOurs) {
            pool.foreign.clear();
        }
        if self.is(TakesThemBackOnARoute) {
            pool.draining.clear();
        }
        let before = std::mem::replace(&mut pool.set, weights);
        let share =
            |of: &Weights, id| f64::from(of.get(id).copied().unwrap_or(0)) / of.values().map(|w| f64::from(*w)).sum::<f64>();
        let takes = pool.set.keys().any(|id| share(&before, id) > share(&pool.set, id));
        pool.sticks_until = (takes && !self.is(HidesWhatSticks)).then(|| now + SETTLE + STICKY);
        pool.fleet = Some(fleet.clone());
        pool.version += 1;
        let settle = if self.is(SettlesLater) { SETTLE * 2 } else { SETTLE };
        pool.routes.push((now + settle, pool.set.clone()));
        pool.detached.extend(before.into_keys().map(|id| (id, now)));
        pool.detached.retain(|id, _| !pool.set.contains_key(id));
        if self.is(AnswersTheTagBefore) { before_tag } else { self.tag(id, pool) }
    }

    fn try_route(&self, op: &Op, route: &Route, unborn: bool, came: Option<Epoch>) -> Result<RouteTag> {
        let id = self.name(route.pool());
        let mut world = self.world();
        if self.is(MakesPools) {
            world.pools.entry(id.clone()).or_default();
        }
        let pool = world.pools.get_mut(&id).ok_or_else(|| no_pool(&id))?;
        let mut weights = route.weights().clone();
        if pool.fleet.as_ref().is_some_and(|fleet| *fleet != op.fleet) && !self.is(SharesPools) {
            return Err(Error::new(ErrorKind::Taken, format!("pool {id} is another fleet's")));
        }
        match self.flaw {
            Some(RoutesAgainOnACopy) if came.is_some() => return Ok(self.set(&id, pool, &op.fleet, weights)),
            Some(RoutesAgainForANewOwner) if came.is_some_and(|epoch| epoch != op.epoch) => {
                return Ok(self.set(&id, pool, &op.fleet, weights));
            }
            Some(LetsLateCopiesWin) if came.is_some() && pool.set != weights => {
                return Ok(self.set(&id, pool, &op.fleet, weights));
            }
            Some(StopsHalfwayForGood) if came.is_some() => return Ok(self.tag(&id, pool)),
            Some(CutsDownToItsSplit) if self.beyond(&weights) => {
                weights = weights.into_keys().take(1).map(|id| (id, 1)).collect();
            }
            _ => {}
        }
        let old = self.tag(&id, pool) != *route.seen();
        if pool.set == weights && !(old && self.is(ComparesTagsFirst)) {
            pool.version += u64::from(self.is(CountsEveryRoute));
            return Ok(self.tag(&id, pool));
        }
        if old && !self.is(IgnoresTags) {
            if self.is(SetsItAndConflicts) {
                self.set(&id, pool, &op.fleet, weights);
            }
            let conflict = Error::new(ErrorKind::Conflict, format!("pool {id} has changed"));
            return Err(if self.is(LeavesItUnknownWhetherItConflicted) {
                conflict.with_applied(Applied::Unknown)
            } else {
                conflict
            });
        }
        if self.beyond(&weights) && !self.is(SetsWhatIsBeyondItsSplit) {
            return Err(Error::invalid(format!("{weights:?} is beyond what pool {id} can do")));
        }
        if unborn && !self.is(RoutesToNobody) {
            return Err(Error::new(ErrorKind::NotFound, "there is no such generation"));
        }
        Ok(self.set(&id, pool, &op.fleet, weights))
    }

    /// Whether a drain drains: the keys to begin with, of whom who is attached.
    fn try_drain(
        &self,
        op: &Op,
        pool: &PoolId,
        leaving: &BTreeSet<InstanceKey>,
        attached: &[InstanceKey],
        came: bool,
    ) -> Result<()> {
        let now = self.clock.now();
        let mut world = self.world();
        let pool = world.pools.get_mut(pool).ok_or_else(|| no_pool(pool))?;
        if pool.fleet.as_ref().is_some_and(|fleet| *fleet != op.fleet) && !self.is(SharesPools) {
            return Err(Error::new(ErrorKind::Taken, "the pool is another fleet's"));
        }
        if leaving.is_empty() {
            return match self.flaw {
                Some(DrainsNobodyGladly) => Ok(()),
                Some(DrainsAllForNobody) => {
                    pool.draining.extend(attached.iter().map(|key| (key.clone(), now)));
                    Err(Error::invalid("nobody is named"))
                }
                _ => Err(Error::invalid("nobody is named")),
            };
        }
        if self.is(RefusesStrangers) && leaving.iter().any(|key| !attached.contains(key) && !pool.draining.contains_key(key)) {
            return Err(Error::new(ErrorKind::NotFound, "some are no targets"));
        }
        if self.is(StopsHalfwayForGood) && came {
            return Ok(());
        }
        if self.is(UndoesADrainOnACopy) && came {
            pool.draining.retain(|key, _| !leaving.contains(key));
            return Ok(());
        }
        if self.is(DrainsAllAnew) {
            pool.draining.values_mut().for_each(|since| *since = now);
        }
        let more = attached.iter().filter(|key| self.is(DrainsOneMore) && !leaving.contains(key)).take(1);
        for key in leaving.iter().chain(more) {
            let target = attached.contains(key) || self.is(RemembersStrangers);
            if target || (self.is(DrainsAnew) && pool.draining.contains_key(key)) {
                let since = if self.is(BeginsToDrainLater) { now + DRAIN } else { now };
                pool.draining.insert(key.clone(), since);
            }
        }
        Ok(())
    }

    async fn see(&self, id: &PoolId) -> Result<TrafficSeen> {
        let name = self.name(id);
        let now = self.clock.now();
        let (fleet, named) = {
            let mut world = self.world();
            if self.is(MakesPools) {
                world.pools.entry(name.clone()).or_default();
            }
            let pool = world.pools.get(&name).ok_or_else(|| no_pool(id))?;
            let detached = pool.detached.iter().map(|(id, since)| (*id, 0, Some(*since)));
            let mut named: Vec<_> = pool.set.iter().map(|(id, weight)| (*id, *weight, None)).chain(detached).collect();
            if self.is(AttachesWithoutARoute) && named.is_empty() {
                named.push((GenerationId(1), 1, None));
            }
            (pool.fleet.clone().unwrap_or_else(|| FleetId::new(place(), "web")), named)
        };
        let mut there = Vec::new();
        for (generation, weight, detached) in named {
            let mut members = self.members(&fleet, generation).await?.unwrap_or_default();
            if self.is(AttachesTheFirstAlone) {
                members.truncate(1);
            }
            there.extend(members.into_iter().map(|key| (key, weight, detached)));
        }
        let world = self.world();
        let pool = world.pools.get(&name).ok_or_else(|| no_pool(id))?;
        let mut targets = Vec::new();
        for (key, weight, detached) in there {
            let told = pool.draining.get(&key).copied().filter(|since| *since <= now);
            let forgets = self.is(ForgetsWhoDrained);
            let told = told.filter(|since| !forgets || now < *since + DRAIN + SHOWN);
            let detached = detached.filter(|_| !self.is(KeepsTargetsOfTheDetached));
            if detached.is_some_and(|since| now >= since + DRAIN + SHOWN && !self.is(DrainsForEver)) {
                continue;
            }
            let state = match told.or(detached) {
                None => TargetState::Attached,
                Some(since) if now >= since + DRAIN && !self.is(DrainsForEver) => TargetState::Drained,
                Some(_) => TargetState::Draining,
            };
            let probed = weight > 0 || !self.is(ProbesOnlyWhoGetsRequests);
            targets.push(TargetSeen { key, state, health: if probed { Verdict::Healthy } else { Verdict::Unknown } });
        }
        targets.sort_by(|one, other| one.key.cmp(&other.key));
        if self.is(ShowsThemBackwards) {
            targets.reverse();
        }
        let sticks = match self.flaw {
            Some(FindsAResidueInEverything) => !pool.set.is_empty(),
            Some(SticksForEver) => pool.routes.len() > 1,
            _ => pool.sticks_until.is_some_and(|until| now < until),
        };
        Ok(TrafficSeen {
            pool: id.clone(),
            age: Duration::ZERO,
            coverage: Coverage::Whole,
            tag: self.tag(&name, pool),
            weights: pool.set.clone(),
            foreign: pool.foreign.clone(),
            targets,
            residue: sticks.then(|| "clients stick".into()),
        })
    }
}

fn no_pool(id: &PoolId) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no pool {id}"))
}

#[async_trait]
impl TrafficSwitch for Sluice {
    fn capabilities(&self) -> &TrafficCapabilities {
        let routed = self.world().pools.values().any(|pool| pool.fleet.is_some());
        &self.capabilities[usize::from(routed && self.is(ChangesWhatItCan))]
    }

    async fn preflight(&self, pool: &PoolId) -> Result<Vec<Finding>> {
        self.travel().await;
        let there = self.see(pool).await.is_ok();
        let blocks = self.is(BlocksAnyPool) || !there && !self.is(FindsNothingInTheWay);
        Ok(blocks.then(|| Finding { what: format!("there is no pool {pool}"), blocks }).into_iter().collect())
    }

    async fn route(&self, op: &Op, route: &Route) -> Result<Routed> {
        let came = self.world().tokens.insert(op.token, op.epoch);
        self.travel().await;
        let mut unborn = false;
        for generation in route.weights().keys() {
            unborn |= self.members(&op.fleet, *generation).await?.is_none();
        }
        let tag = self.try_route(op, route, unborn, came)?;
        self.travel().await;
        Ok(Routed { tag, echo_until: None })
    }

    async fn drain(&self, op: &Op, pool: &PoolId, leaving: &BTreeSet<InstanceKey>) -> Result<()> {
        let came = self.world().tokens.insert(op.token, op.epoch).is_some();
        self.travel().await;
        let pool = self.name(pool);
        let targets = self.see(&pool).await?.targets;
        let attached = targets.into_iter().filter(|target| target.state == TargetState::Attached);
        let attached: Vec<_> = attached.map(|target| target.key).collect();
        self.try_drain(op, &pool, leaving, &attached, came)?;
        if self.is(WaitsForTheEndOfADrain) && attached.iter().any(|key| leaving.contains(key)) {
            self.clock.sleep_until(self.clock.now() + DRAIN).await;
        }
        self.travel().await;
        Ok(())
    }

    async fn observe(&self, pool: &PoolId) -> Result<TrafficSeen> {
        self.travel().await;
        let seen = self.see(pool).await?;
        let last = self.world().last.insert(pool.clone(), seen.clone());
        Ok(last.filter(|_| self.is(ShowsOldViewsAsNew)).unwrap_or(seen))
    }
}

#[async_trait]
impl Console for Sluice {
    async fn join(&self, pool: &PoolId) -> Result<Option<NativeRef>> {
        let mut world = self.world();
        let pool = world.pools.get_mut(pool).ok_or_else(|| no_pool(pool))?;
        pool.foreign.push(("legacy-vm".into(), 3));
        pool.version += 1;
        Ok(Some("legacy-vm".into()))
    }

    async fn in_force(&self, pool: &PoolId) -> Result<Option<Weights>> {
        let now = self.clock.now();
        let world = self.world();
        let pool = world.pools.get(pool).ok_or_else(|| no_pool(pool))?;
        let settled = pool.routes.iter().rev().filter(|(from, _)| *from <= now);
        // The one before the last comes a little late, and stays.
        let late = pool.routes.iter().rev().nth(1).filter(|(from, _)| *from + SETTLE / 4 <= now);
        let late = late.filter(|_| self.is(BringsOvertakenRoutesIntoForce));
        Ok(Some(late.or(settled.take(1).next()).map(|(_, weights)| weights.clone()).unwrap_or_default()))
    }
}

/// A subject made of a switch over racks.
pub(crate) fn subject(split: Split, flaw: Option<Flaw>) -> Subject {
    let clock = crate::clock();
    let racks: Arc<dyn FleetProvider> = Arc::new(Racks::new(clock.clone(), false));
    let sluice = Arc::new(Sluice::new(clock.clone(), racks.clone(), split, flaw));
    let image = |id: &str| ImageRef::new(place(), id);
    let machines = fleets::Subject::new(racks, Time::Virtual(clock), place(), [image("web-1"), image("web-2")]);
    let pools = ["web", "web-2"].map(PoolId::new);
    Subject::new(sluice.clone(), machines, pools).console(sluice).sticky(STICKY)
}
