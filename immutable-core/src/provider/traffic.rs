use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::error::{ErrorKind, Result};
use crate::fleet::{Finding, Op, Route, Routed, TrafficCapabilities, TrafficSeen};
use crate::id::{InstanceKey, PoolId};

/// A load balancer's pool, whose traffic is divided between generations.
///
/// # Contract
/// As of [`FleetProvider`](super::FleetProvider): tokens, errors and dropped futures mean the same.
#[async_trait]
pub trait TrafficSwitch: Send + Sync {
    /// What it can do. The same for as long as the process lives.
    fn capabilities(&self) -> &TrafficCapabilities;

    /// Finds what would keep a pool from being routed, for whoever makes a plan, as far as can be said without changing anything.
    ///
    /// As it comes, it looks at the pool.
    ///
    /// # Contract
    /// - Changes nothing. That there is no such pool is found, and [blocks](Finding::blocks).
    async fn preflight(&self, pool: &PoolId) -> Result<Vec<Finding>> {
        match self.observe(pool).await {
            Ok(_) => Ok(Vec::new()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(vec![Finding { what: error.to_string(), blocks: true }]),
            Err(error) => Err(error),
        }
    }

    /// Sets a pool's whole route.
    ///
    /// # Contract
    /// - Absolute: generations that are not named are detached, and drain. What is in the pool and not ours stays as it is.
    /// - [`Conflict`](crate::ErrorKind::Conflict) if the pool's tag is not the route's `seen`, unless its weights are the route's
    ///   already: then done.
    /// - [`Invalid`](crate::ErrorKind::Invalid) if the route is beyond the [split](TrafficCapabilities::split).
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such pool, or no generation of this fleet that is named;
    ///   [`Taken`](crate::ErrorKind::Taken) if the pool is another fleet's.
    /// - What is refused changes nothing. Once answered, every view that is asked for shows it; it is in force
    ///   [within](TrafficCapabilities::settle) a time that is known.
    /// - Where a call's [lifetime](TrafficCapabilities::request_lifetime) is zero, a tag never comes back: a copy that arrives late, under an old tag,
    ///   conflicts, though the weights be again what they were.
    async fn route(&self, op: &Op, route: &Route) -> Result<Routed>;

    /// Lets instances finish the requests they have, and gives them no new ones.
    ///
    /// # Contract
    /// - Returns when draining has begun: who is named is not [`Attached`](crate::fleet::TargetState::Attached) in any later view, whatever
    ///   is routed to its generation. Done again, nothing changes. The other targets, and the weights, stay as they are.
    /// - [`Invalid`](crate::ErrorKind::Invalid) if `leaving` is empty; those in it that are no targets are passed over.
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such pool; [`Taken`](crate::ErrorKind::Taken) if it is another fleet's.
    /// - Where who leaves [drains by itself](crate::fleet::Drains::Leaving): `Invalid`, and nothing changes.
    async fn drain(&self, op: &Op, pool: &PoolId, leaving: &BTreeSet<InstanceKey>) -> Result<()>;

    /// Looks at a pool.
    ///
    /// # Contract
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is none.
    /// - A view of [age](TrafficSeen::age) zero shows every effect of calls that were answered before it was asked for.
    /// - Targets come in ascending order of their keys, each once: the members that run of every generation that is named, and those that drain.
    async fn observe(&self, pool: &PoolId) -> Result<TrafficSeen>;
}
