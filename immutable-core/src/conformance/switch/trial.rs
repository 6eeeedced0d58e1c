use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Console, Subject};
use crate::conformance::fleets::{Machines, Made};
use crate::conformance::patience::{Busy, Patience};
use crate::conformance::suite::{Failure, Time, Verdict, require};
use crate::error::Result;
use crate::fleet::{
    Coverage, Drains, GenerationId, GenerationSpec, Op, Route, RouteTag, Routed, Split, TargetState, TrafficSeen,
};
use crate::id::{InstanceKey, NativeRef, PoolId};
use crate::provider::TrafficSwitch;
use crate::time::Timestamp;

/// Weights of a route.
pub(super) type Weights = BTreeMap<GenerationId, u16>;

/// What a case holds in its hands.
pub(super) struct Trial {
    traffic: Arc<dyn TrafficSwitch>,
    pools: [PoolId; 2],
    console: Option<Arc<dyn Console>>,
    sticky: Option<Duration>,
    pub(super) machines: Machines,
    /// When the last change was answered: views are waited for that are not older.
    answered: Cell<Timestamp>,
}

impl Trial {
    pub(super) fn new(subject: Subject) -> Self {
        let Subject { traffic, machines, pools, console, sticky } = subject;
        let machines = Machines::new(machines);
        let answered = Cell::new(machines.patience.clock.now());
        Self { traffic, pools, console, sticky, machines, answered }
    }

    pub(super) fn time(&self) -> &Time {
        &self.machines.subject.time
    }

    pub(super) fn traffic(&self) -> &Arc<dyn TrafficSwitch> {
        &self.traffic
    }

    pub(super) fn patience(&self) -> &Patience {
        &self.machines.patience
    }

    /// Whether instances can be told to drain.
    pub(super) fn names_who_drains(&self) -> bool {
        self.traffic.capabilities().drains != Drains::Leaving
    }

    /// The pool that most cases use.
    pub(super) fn pool(&self) -> &PoolId {
        let [pool, _] = &self.pools;
        pool
    }

    pub(super) fn other_pool(&self) -> &PoolId {
        let [_, other] = &self.pools;
        other
    }

    pub(super) fn sticky(&self) -> Verdict<Duration> {
        self.sticky.ok_or_else(|| Failure::inapplicable("no client sticks to where it was (Subject::sticky)"))
    }

    /// An op that was never used.
    pub(super) fn op(&self) -> Op {
        self.machines.op_of(&self.machines.fleet())
    }

    pub(super) fn now(&self) -> Timestamp {
        self.patience().clock.now()
    }

    pub(super) async fn wait(&self, duration: Duration) {
        self.patience().clock.sleep_until(self.now() + duration).await;
    }

    fn note(&self) {
        self.answered.set(self.now());
    }

    /// Lets somebody else put something into the pool.
    pub(super) async fn join(&self) -> Verdict<NativeRef> {
        let cannot = || Failure::inapplicable("nobody can put something else into the pool (Subject::console)");
        let console = self.console.as_ref().ok_or_else(cannot)?;
        let joined = console.join(self.pool()).await?.ok_or_else(cannot)?;
        self.note();
        Ok(joined)
    }

    pub(super) async fn in_force(&self) -> Verdict<Weights> {
        let cannot = || Failure::inapplicable("nobody can tell what is in force (Subject::console)");
        let console = self.console.as_ref().ok_or_else(cannot)?;
        console.in_force(self.pool()).await?.ok_or_else(cannot)
    }

    /// A spec with one group, of the image of this number, for a pool.
    pub(super) fn spec(&self, pool: &PoolId, ordinal: u32, image: usize) -> Verdict<GenerationSpec> {
        Ok(GenerationSpec { pool: Some(pool.clone()), ..self.machines.spec_of(ordinal, image, 1)? })
    }

    /// Generation 1, of so many machines.
    pub(super) async fn first(&self, size: u32) -> Verdict<Made> {
        self.machines.make_of(self.spec(self.pool(), 1, 0)?, size).await
    }

    /// Generation 2, of so many machines.
    pub(super) async fn second(&self, size: u32) -> Verdict<Made> {
        self.machines.make_of(self.spec(self.pool(), 2, 1)?, size).await
    }

    /// Generations 1 and 2, of two machines each.
    pub(super) async fn two(&self) -> Verdict<(Made, Made)> {
        Ok((self.first(2).await?, self.second(2).await?))
    }

    /// Two generations, the first alone in the pool, with its members attached.
    pub(super) async fn first_of_two(&self) -> Verdict<(Made, Made)> {
        let (first, second) = self.two().await?;
        self.set(&self.alone(&first)).await?;
        self.attached(&first.members).await?;
        Ok((first, second))
    }

    /// A generation of so many machines, alone in the pool, attached.
    pub(super) async fn attached_of(&self, size: u32) -> Verdict<Made> {
        let made = self.first(size).await?;
        self.set(&self.alone(&made)).await?;
        self.attached(&made.members).await?;
        Ok(made)
    }

    /// The weight of who gets all.
    pub(super) fn top(&self) -> u16 {
        match self.traffic.capabilities().split {
            Split::Weighted { parts, .. } => parts,
            Split::Pooled | Split::Binary => 1,
        }
    }

    /// Everything to one.
    pub(super) fn alone(&self, made: &Made) -> Weights {
        [(made.spec.id, self.top())].into()
    }

    /// Everything to one, while another is attached.
    pub(super) fn beside(&self, made: &Made, other: &Made) -> Verdict<Weights> {
        match self.traffic.capabilities().split {
            Split::Pooled => Err(Failure::inapplicable("a pool in which all get the same has no weight of 0")),
            Split::Weighted { generations: ..=1, .. } => Err(Failure::inapplicable("only one generation can be attached")),
            Split::Binary | Split::Weighted { .. } => Ok([(made.spec.id, self.top()), (other.spec.id, 0)].into()),
        }
    }

    /// A route in which one that had everything is named and has less.
    pub(super) fn less_of(&self, made: &Made, other: &Made) -> Verdict<Weights> {
        match self.traffic.capabilities().split {
            Split::Pooled => Ok([(made.spec.id, 1), (other.spec.id, 1)].into()),
            Split::Binary | Split::Weighted { .. } => self.beside(other, made),
        }
    }

    pub(super) fn to(&self, seen: &RouteTag, weights: &Weights) -> Verdict<Route> {
        Ok(Route::new(self.pool().clone(), seen.clone(), weights.clone())?)
    }

    /// Routes as an engine does: again when in doubt.
    pub(super) async fn route(&self, op: &Op, route: &Route) -> Result<Routed> {
        self.patience().quiet().await;
        self.route_now(op, route).await
    }

    /// Without waiting for what may still be on its way.
    pub(super) async fn route_now(&self, op: &Op, route: &Route) -> Result<Routed> {
        let answer = self.patience().drive(Busy::Wait, async || self.traffic.route(op, route).await).await;
        self.note();
        if let Ok(routed) = &answer {
            self.patience().echo_until(routed.echo_until);
        }
        answer
    }

    /// Sets weights, decided on what is seen now.
    pub(super) async fn set(&self, weights: &Weights) -> Verdict<RouteTag> {
        let seen = self.look().await?;
        Ok(self.route(&self.op(), &self.to(&seen.tag, weights)?).await?.tag)
    }

    pub(super) async fn drain(&self, op: &Op, pool: &PoolId, leaving: &BTreeSet<InstanceKey>) -> Result<()> {
        self.patience().quiet().await;
        self.drain_now(op, pool, leaving).await
    }

    pub(super) async fn drain_now(&self, op: &Op, pool: &PoolId, leaving: &BTreeSet<InstanceKey>) -> Result<()> {
        let answer = self.patience().drive(Busy::Wait, async || self.traffic.drain(op, pool, leaving).await).await;
        self.note();
        answer
    }

    pub(super) async fn drain_of(&self, leaving: impl IntoIterator<Item = &InstanceKey>) -> Verdict {
        let leaving = leaving.into_iter().cloned().collect();
        Ok(self.drain(&self.op(), self.pool(), &leaving).await?)
    }

    pub(super) async fn look(&self) -> Verdict<TrafficSeen> {
        self.look_at(self.pool()).await
    }

    /// Looks until the pool was seen whole, and not from before the last change.
    pub(super) async fn look_at(&self, pool: &PoolId) -> Verdict<TrafficSeen> {
        let deadline = self.patience().deadline();
        loop {
            let asked = self.now();
            let seen = self.patience().drive(Busy::Wait, async || self.traffic.observe(pool).await).await?;
            require!(seen.pool == *pool, "asked about pool {pool}, it shows {}", seen.pool);
            if asked >= self.answered.get() + seen.age && seen.coverage == Coverage::Whole {
                return Ok(seen);
            }
            require!(self.now() < deadline, "no view was whole and new enough within all patience: {seen:?}");
            self.patience().pause().await;
        }
    }

    /// Looks until the pool is as it must become.
    pub(super) async fn until(&self, becomes: &str, is: impl Fn(&TrafficSeen) -> bool) -> Verdict<TrafficSeen> {
        let deadline = self.patience().deadline();
        loop {
            let seen = self.look().await?;
            if is(&seen) {
                return Ok(seen);
            }
            require!(self.now() < deadline, "within all patience the pool must {becomes}; it is {seen:?}");
            self.patience().pause().await;
        }
    }

    /// Waits until these are all that is attached, and sees that it stays so.
    pub(super) async fn attached(&self, members: &[InstanceKey]) -> Verdict {
        let mut members = members.to_vec();
        members.sort();
        self.until(&format!("have {members:?} attached, and no other"), |seen| attached(seen) == members).await?;
        self.patience().linger().await;
        let seen = self.look().await?;
        require!(attached(&seen) == members, "{members:?} must stay attached, and no other: {:?}", seen.targets);
        Ok(())
    }

    /// Whether the pool is as it was, but for who drains.
    pub(super) async fn unchanged(&self, before: &TrafficSeen, what: &str) -> Verdict {
        for _ in 0..2 {
            let seen = self.look().await?;
            let same = (&seen.tag, &seen.weights, &seen.foreign) == (&before.tag, &before.weights, &before.foreign);
            require!(same, "{what} changed the pool: {} became {}", text(before), text(&seen));
            let stay = attached(&seen) == attached(before);
            require!(stay, "{what} changed who is attached: {:?} became {:?}", before.targets, seen.targets);
            self.patience().linger().await;
        }
        Ok(())
    }

    /// Follows targets that must drain: none goes back, and in the end all are drained, or no targets any more.
    pub(super) async fn drained(&self, leaving: &[InstanceKey]) -> Verdict {
        let deadline = self.patience().deadline();
        let mut stages = vec![Stage::Draining; leaving.len()];
        loop {
            let seen = self.look().await?;
            for (key, before) in leaving.iter().zip(&mut stages) {
                let stage = stage(&seen, key);
                require!(stage >= *before, "{key} must drain to its end; it was {before:?}, and is {stage:?}");
                *before = stage;
            }
            if stages.iter().all(|stage| *stage >= Stage::Drained) {
                return Ok(());
            }
            require!(self.now() < deadline, "within all patience {leaving:?} must be drained: {:?}", seen.targets);
            self.patience().pause().await;
        }
    }
}

/// How far a target has come, in the only order there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Attached,
    Draining,
    Drained,
    NoTarget,
}

pub(super) fn stage(seen: &TrafficSeen, key: &InstanceKey) -> Stage {
    match seen.targets.iter().find(|target| target.key == *key).map(|target| target.state) {
        Some(TargetState::Attached) => Stage::Attached,
        Some(TargetState::Draining) => Stage::Draining,
        Some(TargetState::Drained) => Stage::Drained,
        None => Stage::NoTarget,
    }
}

pub(super) fn attached(seen: &TrafficSeen) -> Vec<InstanceKey> {
    let attached = seen.targets.iter().filter(|target| target.state == TargetState::Attached);
    attached.map(|target| target.key.clone()).collect()
}

/// What a route decides.
pub(super) fn text(seen: &TrafficSeen) -> String {
    format!("{:?} of {:?} and {:?}", seen.tag, seen.weights, seen.foreign)
}
