use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::error::Result;
use crate::fleet::{Op, Route, Routed, TrafficCapabilities, TrafficSeen};
use crate::id::{InstanceKey, PoolId};

/// A load balancer's pool, whose traffic is divided between generations.
///
/// # Contract
/// As of [`FleetProvider`](super::FleetProvider): tokens, errors and dropped futures mean the same.
#[async_trait]
pub trait TrafficSwitch: Send + Sync {
    /// What it can do. The same for as long as the process lives.
    fn capabilities(&self) -> &TrafficCapabilities;

    /// Sets a pool's whole route.
    ///
    /// # Contract
    /// - Absolute: generations that are not named are detached, and drain. What is in the pool and not ours stays as it is.
    /// - [`Conflict`](crate::ErrorKind::Conflict) if the pool's tag is not the route's `seen`, unless its weights are the route's
    ///   already: then done.
    /// - [`Invalid`](crate::ErrorKind::Invalid) if the route is beyond the [split](TrafficCapabilities::split).
    async fn route(&self, op: &Op, route: &Route) -> Result<Routed>;

    /// Lets instances finish the requests they have, and gives them no new ones.
    ///
    /// # Contract
    /// Returns when draining has begun. `leaving` is never empty; those that are no targets are passed over.
    async fn drain(&self, op: &Op, pool: &PoolId, leaving: &BTreeSet<InstanceKey>) -> Result<()>;

    /// Looks at a pool.
    ///
    /// # Contract
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none.
    async fn observe(&self, pool: &PoolId) -> Result<TrafficSeen>;
}
