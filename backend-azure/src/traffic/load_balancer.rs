//! Load balancers: a pool is one or more rules of one, which send to the backend pool of one generation.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use immutable_core::fleet::{Drains, Finding, Op, Route, Routed, Split, TrafficCapabilities, TrafficSeen};
use immutable_core::id::{InstanceKey, PoolId};
use immutable_core::provider::TrafficSwitch;
use immutable_core::{Error, ErrorKind, Result};

use super::members::Members;
use super::unknown;
use crate::client::Azure;

/// Standard load balancers, for fleets of [scale sets](crate::VmssFleet) whose template [names](crate::VmssTemplate::load_balancer) theirs.
///
/// A generation has a backend pool of its own in the load balancer, which its fleet makes and removes. The rules of a pool send to that of one generation: a route is one write of the
/// load balancer. Who is attached stands in its tags.
///
/// ```no_run
/// # async fn example() -> immutable_core::Result<()> {
/// use backend_azure::{Azure, LoadBalancerTraffic, Pool};
///
/// let azure = Azure::connect("8f6c1b7e-0000-4000-8000-6d1c2d3e4f50", "web-prod", "westeurope").await?;
/// let traffic = LoadBalancerTraffic::new(&azure).pool("web", Pool::load_balancer("front", ["http", "https"]))?;
/// # Ok(())
/// # }
/// ```
///
/// # Guarantees
/// - What the load balancer has besides stays as it is: other rules and pools, probes, outbound rules, tags.
/// - It compares: the rules, and who is attached, are written together, under the etag of what was read. Of two who change a load balancer at the same time one is refused, and a request
///   that arrives late changes nothing. One process makes its writes to a load balancer one after the other, since Azure cancels one that is going on when the next comes.
/// - A rule that sends to a backend pool with machines which are not the fleet's is not taken from it.
///
/// # Caveats
/// - A load balancer has no weights: one generation gets all, and others are attached at weight 0. Those are behind no rule, and nobody probes them.
/// - Who is named to drain is set to `adminState: Down`. "TCP: Established TCP connections to the backend instance persists", says Azure ("Administrative State (Admin State) in Azure Load
///   Balancer"), and that UDP flows move; the reference of its API says that connections are reset. Nobody tells when the last has ended: that is taken to be so after a
///   [while](LoadBalancerTraffic::drains_for).
/// - What becomes of connections when a rule sends elsewhere Azure does not say. Who has left has the same while.
/// - Azure says `Down` of what its probe has not yet found up. As long as a target was never seen healthy it is [starting](immutable_core::fleet::Verdict::Starting), for a
///   [while](LoadBalancerTraffic::warm_up).
/// - What a probe has found takes Azure some seconds to tell, and so does each view.
/// - A tag has at most 256 characters, and a load balancer 50 tags; a pool takes one or two.
#[derive(Clone, Debug)]
pub struct LoadBalancerTraffic {
    pub(super) members: Members,
    pools: BTreeMap<PoolId, Pool>,
    pub(super) capabilities: TrafficCapabilities,
    pub(super) lag: Duration,
}

/// Where the requests of a fleet come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    pub(super) balancer: String,
    /// The first is what the pool is known by.
    pub(super) rules: Vec<String>,
}

impl Pool {
    /// These load-balancing rules of a load balancer of the resource group, by their names. The pool is known by its first: keep that.
    pub fn load_balancer(name: impl Into<String>, rules: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { balancer: name.into(), rules: rules.into_iter().map(Into::into).collect() }
    }

    /// The rule that it is known by.
    pub(super) fn first(&self) -> &str {
        self.rules.first().map(String::as_str).unwrap_or_default()
    }

    fn check(&self, name: &PoolId) -> Result<()> {
        plain(name, self.rules.iter().chain([&self.balancer]))?;
        if self.rules.is_empty() {
            return Err(Error::invalid(format!("pool {name} has no rule; name at least one of load balancer {}", self.balancer)));
        }
        different(name, "rule", &self.rules)
    }
}

/// Whether all these are names.
pub(super) fn plain<'a>(pool: &PoolId, mut names: impl Iterator<Item = &'a String>) -> Result<()> {
    match names.find(|name| name.is_empty() || name.contains('/')) {
        Some(odd) => Err(Error::invalid(format!("pool {pool} names `{odd}`; write the name alone, as in front, and no id"))),
        None => Ok(()),
    }
}

/// Whether none of these names is there twice.
pub(super) fn different(pool: &PoolId, what: &str, names: &[String]) -> Result<()> {
    let all: BTreeSet<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    if all.len() < names.len() {
        return Err(Error::invalid(format!("pool {pool} names a {what} twice; name each once")));
    }
    Ok(())
}

impl LoadBalancerTraffic {
    /// The load balancers of a resource group, without a pool. A route is in force after a minute at the latest.
    pub fn new(azure: &Azure) -> Self {
        let capabilities = TrafficCapabilities {
            split: Split::Binary,
            settle: Duration::from_secs(60),
            probes_unrouted: false,
            drains: Drains::Named,
            // It compares.
            request_lifetime: Duration::ZERO,
        };
        Self { members: Members::new(azure), pools: BTreeMap::new(), capabilities, lag: Duration::from_secs(5) }
    }

    /// With this pool, which fleets [name](immutable_core::Fleet::pool).
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if it has no rule, or if its name or one of its rules is another pool's.
    pub fn pool(mut self, name: impl Into<PoolId>, pool: Pool) -> Result<Self> {
        let name = name.into();
        pool.check(&name)?;
        if self.pools.contains_key(&name) {
            return Err(Error::invalid(format!("there is a pool {name} already; name this one otherwise")));
        }
        for (other, known) in self.pools.iter().filter(|(_, known)| known.balancer.eq_ignore_ascii_case(&pool.balancer)) {
            let shared = |rule: &&String| known.rules.iter().any(|theirs| theirs.eq_ignore_ascii_case(rule));
            if let Some(shared) = pool.rules.iter().find(shared) {
                return Err(Error::invalid(format!("rule {shared} is pool {other}'s already; give pool {name} its own")));
            }
        }
        self.pools.insert(name, pool);
        Ok(self)
    }

    /// How long after it was answered a route may still not be in force everywhere; 60 s if nothing is said, and Azure names no limit.
    #[must_use]
    pub fn settle(mut self, within: Duration) -> Self {
        self.capabilities.settle = within;
        self
    }

    /// How long Azure may take to show what it has done; 5 s if nothing is said. Views are told to be [so old](TrafficSeen::age).
    #[must_use]
    pub fn lag(mut self, at_most: Duration) -> Self {
        self.lag = at_most;
        self
    }

    /// How long a target that was never seen healthy is taken to be starting while Azure says that it is down; 300 s if nothing is said. It counts from when this process first saw the
    /// target.
    #[must_use]
    pub fn warm_up(mut self, at_most: Duration) -> Self {
        self.members.warm_up = at_most;
        self
    }

    /// How long the connections of who drains may go on; 120 s if nothing is said, and less than a [strategy](immutable_core::Strategy::drain_deadline) waits for. It counts from when this process first saw that it drains.
    #[must_use]
    pub fn drains_for(mut self, at_most: Duration) -> Self {
        self.members.drains_for = at_most;
        self
    }

    pub(super) fn azure(&self) -> &Azure {
        &self.members.azure
    }

    pub(super) fn known(&self, id: &PoolId) -> Result<&Pool> {
        self.pools.get(id).ok_or_else(|| unknown(id, self.pools.keys(), "LoadBalancerTraffic::pool"))
    }

    /// Looks at the load balancer, and at each rule.
    async fn lacks(&self, id: &PoolId) -> Result<Vec<Finding>> {
        let blocks = |what: String| Finding { what: format!("pool {id}: {what}"), blocks: true };
        let pool = match self.known(id) {
            Err(error) => return Ok(vec![blocks(error.to_string())]),
            Ok(pool) => pool,
        };
        let balancer = match self.azure().balancer(&pool.balancer).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![blocks(error.to_string())]),
            found => found?,
        };
        let mut wrong: Vec<String> = pool.rules.iter().flat_map(|rule| balancer.unfit(self.azure(), rule)).collect();
        wrong.dedup();
        let mut findings: Vec<Finding> = wrong.into_iter().map(blocks).collect();
        if findings.is_empty() {
            let whose = super::whose::Whose::read(&balancer.tags(), pool.first())?;
            findings.extend(self.of_others(pool, &balancer, &whose, None)?.into_iter().map(|(_, what)| blocks(what)));
        }
        if balancer.failed() {
            let what = format!("pool {id}: the last change of load balancer {} has failed; the next one mends it", balancer.name);
            findings.push(Finding { what, blocks: false });
        }
        Ok(findings)
    }

    async fn begin_drain(&self, op: &Op, id: &PoolId, leaving: &BTreeSet<InstanceKey>) -> Result<()> {
        let pool = self.known(id)?;
        let attached = |balancer: &super::balancer::Balancer| {
            let whose = super::whose::Whose::read(&balancer.tags(), pool.first())?;
            whose.ours(id, &op.fleet, pool.first())?;
            Ok(whose.now.keys().copied().collect())
        };
        self.members.drain(&pool.balancer, &op.fleet, leaving, attached).await
    }
}

#[async_trait]
impl TrafficSwitch for LoadBalancerTraffic {
    fn capabilities(&self) -> &TrafficCapabilities {
        &self.capabilities
    }

    async fn preflight(&self, pool: &PoolId) -> Result<Vec<Finding>> {
        self.lacks(pool).await.map_err(|error| error.with_operation("preflight").with_resource(pool.as_str()))
    }

    async fn route(&self, op: &Op, route: &Route) -> Result<Routed> {
        self.set_route(op, route).await.map_err(|error| error.with_operation("route").with_resource(route.pool().as_str()))
    }

    async fn drain(&self, op: &Op, pool: &PoolId, leaving: &BTreeSet<InstanceKey>) -> Result<()> {
        self.begin_drain(op, pool, leaving).await.map_err(|error| error.with_operation("drain").with_resource(pool.as_str()))
    }

    async fn observe(&self, pool: &PoolId) -> Result<TrafficSeen> {
        self.look(pool).await.map_err(|error| error.with_operation("observe").with_resource(pool.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_that_cannot_work_is_refused() {
        let no = |pool: Pool| pool.check(&PoolId::new("web")).unwrap_err().to_string();
        assert!(no(Pool::load_balancer("front", [""; 0])).contains("at least one"));
        assert!(no(Pool::load_balancer("front", ["http", "HTTP"])).contains("twice"));
        assert!(no(Pool::load_balancer("front", ["a/b"])).contains("the name alone"));
        assert!(no(Pool::load_balancer("", ["http"])).contains("the name alone"));
    }
}
