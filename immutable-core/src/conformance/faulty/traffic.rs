use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;

use super::wire::PAGE_LOST;
use super::{Call, Fault, Faulty};
use crate::error::Result;
use crate::fleet::{Coverage, Finding, Op, Route, Routed, TrafficCapabilities, TrafficSeen};
use crate::id::{InstanceKey, PoolId};
use crate::provider::TrafficSwitch;

#[async_trait]
impl<P: TrafficSwitch + ?Sized + 'static> TrafficSwitch for Faulty<P> {
    fn capabilities(&self) -> &TrafficCapabilities {
        self.0.traffic_capabilities.get_or_init(|| {
            let inner = self.0.inner.capabilities().clone();
            TrafficCapabilities { request_lifetime: inner.request_lifetime.max(self.0.faults.lifetime()), ..inner }
        })
    }

    async fn preflight(&self, pool: &PoolId) -> Result<Vec<Finding>> {
        self.look(Call::PreflightPool, "preflight").await?;
        self.0.inner.preflight(pool).await
    }

    async fn route(&self, op: &Op, route: &Route) -> Result<Routed> {
        self.change(Call::Route, "route", |inner: Arc<P>| {
            let (op, route) = (op.clone(), route.clone());
            async move { inner.route(&op, &route).await }.boxed()
        })
        .await
    }

    async fn drain(&self, op: &Op, pool: &PoolId, leaving: &BTreeSet<InstanceKey>) -> Result<()> {
        self.change(Call::Drain, "drain", |inner: Arc<P>| {
            let (op, pool, leaving) = (op.clone(), pool.clone(), leaving.clone());
            async move { inner.drain(&op, &pool, &leaving).await }.boxed()
        })
        .await
    }

    async fn observe(&self, pool: &PoolId) -> Result<TrafficSeen> {
        let asked = self.0.clock.now();
        let fate = self.look(Call::ObservePool, "observe").await?;
        let sent = self.0.clock.now();
        let mut seen = self.0.inner.observe(pool).await?;
        let mut wire = self.wire();
        let history = wire.pools.entry(pool.clone()).or_default();
        let older = history.remember(sent, &seen, self.0.faults.stale_by);
        if older > 0 && wire.chance(fate.stale) {
            let pick = wire.below(older);
            if let Some((then, before)) = wire.pools.get(pool).and_then(|history| history.older(pick)) {
                wire.note(sent, Call::ObservePool, Fault::Stale);
                // What happened in the very millisecond of the older view may have happened after it.
                seen = TrafficSeen { age: before.age + asked.since(then) + Duration::from_millis(1), ..before };
            }
        }
        if !seen.targets.is_empty() && wire.chance(fate.partial) {
            wire.leave_out(&mut seen.targets);
            wire.note(sent, Call::ObservePool, Fault::Partial);
            seen.coverage = Coverage::Part(PAGE_LOST.into());
        }
        Ok(seen)
    }
}
