//! Application Load Balancers: a pool is what a url map does by default, or one of its path matchers, and the backend services between which it divides requests by weight.

mod backends;
mod calls;
mod look;
mod map;
mod release;
mod route;
mod slots;
mod whose;

pub(crate) use release::release;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use immutable_core::fleet::{Drains, Finding, Op, Route, Routed, Split, TrafficCapabilities, TrafficSeen};
use immutable_core::id::{InstanceKey, PoolId};
use immutable_core::provider::TrafficSwitch;
use immutable_core::{Error, ErrorKind, Result, Timestamp};

use crate::client::Gcp;
use crate::operations::Scope;

/// The largest weight. "WeightedBackendService", `weight`: "The value must be from 0 to 1000".
const PARTS: u16 = 1000;
/// How many services a pool may have: the description of a url map has room for no more.
const MOST: usize = 20;

/// Application Load Balancers, for fleets of [managed instance groups](crate::MigFleet).
///
/// A pool has a few backend services, made beforehand and alike, which its generations take turns in: one that is attached has one for itself for as long as it is. All of
/// them stay among the weights of the url map, at weight 0 where they are nobody's: a service that no url map names is not checked. Whose a service is stands in the url
/// map's description, beside what people have written there.
///
/// ```no_run
/// # async fn example() -> immutable_core::Result<()> {
/// use backend_gcp::{Gcp, Pool, UrlMapTraffic};
///
/// let gcp = Gcp::connect("acme-prod", "europe-west1").await?;
/// let pool = Pool::url_map("web-map", ["web-blue", "web-green"]);
/// let traffic = UrlMapTraffic::new(&gcp).pool("web", pool)?;
/// # Ok(())
/// # }
/// ```
///
/// # Guarantees
/// - What the url map does besides stays as it is: host rules, other path matchers, rewrites, the services of others with their weights. So do backends that somebody
///   else has put into a service.
/// - It compares: weights, and whose the services are, are written together, under the fingerprint of what was read. Of two who change a pool at the same time one is
///   refused, and a request that arrives late changes nothing.
/// - A generation gets a service that nobody uses any more: nobody's, or one whose former requests have had the time to end
///   (`connectionDraining.drainingTimeoutSec`), or whose former generation is of size 0 and is sent nothing any more.
///
/// # Caveats
/// - Nobody can be named to drain. Google lets a machine finish its requests when it is deleted from its group, for as long as its service's connection draining says:
///   set that in each service.
/// - Sessions do not stick: "Don't configure session affinity if you're using weighted traffic splitting", says Google of weights, and that these go first. A service
///   with an affinity gets no generation.
/// - Google's check says `UNHEALTHY` of what it has not yet found healthy. As long as a target was never seen healthy it is
///   [starting](immutable_core::fleet::Verdict::Starting), for a [while](UrlMapTraffic::warm_up).
/// - The groups of a fleet need the [port](crate::MigTemplate::named_port) that the services name.
/// - A classic Application Load Balancer has no weights, and refuses them.
/// - A description gets at most 2048 characters; a pool takes some 120 of them, and 70 more for each of its services.
#[derive(Clone, Debug)]
pub struct UrlMapTraffic {
    gcp: Gcp,
    pools: BTreeMap<PoolId, Pool>,
    capabilities: TrafficCapabilities,
    lag: Duration,
    warm_up: Duration,
    /// Since when this process has known the targets of each pool, and whether they have been healthy.
    known: Arc<Mutex<BTreeMap<PoolId, BTreeMap<InstanceKey, Known>>>>,
}

/// What this process remembers of a target.
#[derive(Clone, Copy, Debug)]
struct Known {
    since: Timestamp,
    was_healthy: bool,
}

/// Where the requests of a fleet come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    map: String,
    regional: bool,
    matcher: Option<String>,
    slots: Vec<String>,
}

impl Pool {
    /// What a url map does by default, by its name; between these backend services, by their names: two at least. Both are global.
    pub fn url_map(map: impl Into<String>, services: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let slots = services.into_iter().map(Into::into).collect();
        Self { map: map.into(), regional: false, matcher: None, slots }
    }

    /// A url map and backend services of the region.
    #[must_use]
    pub fn regional(mut self) -> Self {
        self.regional = true;
        self
    }

    /// What this path matcher of the url map does by default, instead of what the map does.
    #[must_use]
    pub fn path_matcher(mut self, name: impl Into<String>) -> Self {
        self.matcher = Some(name.into());
        self
    }

    fn scope(&self) -> Scope {
        if self.regional { Scope::Region } else { Scope::Global }
    }

    fn check(&self, name: &PoolId) -> Result<()> {
        let plain = |name: &&String| !name.is_empty() && !name.contains('/');
        if let Some(odd) = self.slots.iter().chain([&self.map]).chain(&self.matcher).find(|name| !plain(name)) {
            return Err(Error::invalid(format!("pool {name} names `{odd}`; write the name alone, as in web-blue, and no URL")));
        }
        let count = self.slots.len();
        let different: BTreeSet<&String> = self.slots.iter().collect();
        match count {
            _ if different.len() < count => {
                Err(Error::invalid(format!("pool {name} names a backend service twice; name each once")))
            }
            0 | 1 => Err(Error::invalid(format!(
                "pool {name} has {count} backend services; a new generation needs one beside the old one's, so name at least 2"
            ))),
            2..=MOST => Ok(()),
            _ => Err(Error::invalid(format!("pool {name} has {count} backend services; name at most {MOST}"))),
        }
    }
}

impl UrlMapTraffic {
    /// The load balancers of a project, global and of its region, without a pool. A weight that was set is in force after two minutes at the latest.
    pub fn new(gcp: &Gcp) -> Self {
        let capabilities = TrafficCapabilities {
            split: Split::Weighted { generations: u8::try_from(MOST).unwrap_or(u8::MAX), parts: PARTS },
            settle: Duration::from_secs(120),
            probes_unrouted: true,
            drains: Drains::Leaving,
            // It compares.
            request_lifetime: Duration::ZERO,
        };
        let (lag, warm_up) = (Duration::from_secs(5), Duration::from_secs(300));
        Self { gcp: gcp.clone(), pools: BTreeMap::new(), capabilities, lag, warm_up, known: Arc::default() }
    }

    /// With this pool, which fleets [name](immutable_core::Fleet::pool).
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if it has not at least two different services, or if the name, a service, or its place in a url map is another pool's.
    pub fn pool(mut self, name: impl Into<PoolId>, pool: Pool) -> Result<Self> {
        let name = name.into();
        pool.check(&name)?;
        if self.pools.contains_key(&name) {
            return Err(Error::invalid(format!("there is a pool {name} already; name this one otherwise")));
        }
        for (other, known) in self.pools.iter().filter(|(_, known)| known.regional == pool.regional) {
            if let Some(shared) = pool.slots.iter().find(|slot| known.slots.contains(slot)) {
                return Err(Error::invalid(format!(
                    "backend service {shared} is pool {other}'s already; give pool {name} its own"
                )));
            }
            if (&known.map, &known.matcher) == (&pool.map, &pool.matcher) {
                return Err(Error::invalid(format!(
                    "pool {other} is at the same place of url map {}; have one of them",
                    pool.map
                )));
            }
        }
        // As many generations as the smallest pool has room for.
        let least = self.pools.values().chain([&pool]).map(|pool| pool.slots.len()).min().unwrap_or(MOST);
        self.capabilities.split = Split::Weighted { generations: u8::try_from(least).unwrap_or(u8::MAX), parts: PARTS };
        self.pools.insert(name, pool);
        Ok(self)
    }

    /// How long after it was answered a weight may still not be in force everywhere; 120 s if nothing is said, and Google names no limit.
    #[must_use]
    pub fn settle(mut self, within: Duration) -> Self {
        self.capabilities.settle = within;
        self
    }

    /// How long Google may take to show what it has done; 5 s if nothing is said. Views are told to be [so old](TrafficSeen::age).
    #[must_use]
    pub fn lag(mut self, at_most: Duration) -> Self {
        self.lag = at_most;
        self
    }

    /// How long a target that was never seen healthy is taken to be starting while Google says that it is unhealthy; 300 s if nothing is said. It counts from when this
    /// process first saw the target.
    #[must_use]
    pub fn warm_up(mut self, at_most: Duration) -> Self {
        self.warm_up = at_most;
        self
    }

    fn known(&self, id: &PoolId) -> Result<&Pool> {
        let known = || self.pools.keys().map(PoolId::as_str).collect::<Vec<_>>().join(", ");
        self.pools.get(id).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("there is no pool {id} (known: {}); add it with `UrlMapTraffic::pool`", known()),
            )
        })
    }

    /// Looks at the url map and at each service, also at those that no generation is in yet.
    async fn lacks(&self, id: &PoolId) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        let mut find = |what: String| findings.push(Finding { what, blocks: true });
        let pool = match self.known(id) {
            Err(error) => {
                find(error.to_string());
                return Ok(findings);
            }
            Ok(pool) => pool,
        };
        match self.read(pool).await {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Invalid) => find(format!("pool {id}: {error}")),
            read => drop(read?),
        }
        for slot in &pool.slots {
            match self.gcp.service(&pool.scope(), slot).await {
                Err(error) if error.kind() == ErrorKind::NotFound => find(format!("pool {id}: {error}")),
                service => {
                    if let Some(affinity) = backends::affinity(&service?) {
                        find(backends::no_affinity(slot, affinity));
                    }
                }
            }
        }
        Ok(findings)
    }

    /// Nobody can be named: who leaves its group drains.
    async fn no_drain(&self, op: &Op, id: &PoolId) -> Result<()> {
        let pool = self.known(id)?;
        self.read(pool).await?.whose.ours(id, &op.fleet)?;
        Err(Error::invalid("nobody can be named to drain here: Google lets who is deleted from a group finish; delete them"))
    }
}

#[async_trait]
impl TrafficSwitch for UrlMapTraffic {
    fn capabilities(&self) -> &TrafficCapabilities {
        &self.capabilities
    }

    async fn preflight(&self, pool: &PoolId) -> Result<Vec<Finding>> {
        self.lacks(pool).await.map_err(|error| error.with_operation("preflight").with_resource(pool.as_str()))
    }

    async fn route(&self, op: &Op, route: &Route) -> Result<Routed> {
        self.set_route(op, route).await.map_err(|error| error.with_operation("route").with_resource(route.pool().as_str()))
    }

    async fn drain(&self, op: &Op, pool: &PoolId, _: &BTreeSet<InstanceKey>) -> Result<()> {
        self.no_drain(op, pool).await.map_err(|error| error.with_operation("drain").with_resource(pool.as_str()))
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
        assert!(no(Pool::url_map("m", ["a"])).contains("at least 2"));
        assert!(no(Pool::url_map("m", ["a", "a"])).contains("twice"));
        assert!(no(Pool::url_map("m", ["global/backendServices/a", "b"])).contains("the name alone"));
        assert!(no(Pool::url_map("m", ["a", "b"]).path_matcher("")).contains("the name alone"));
    }
}
