//! Traffic Manager in front of a load balancer: a pool is a profile whose endpoints are divided between by weight, each in front of a rule that sends to one generation.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use immutable_core::fleet::{Drains, Finding, Op, Route, Routed, Split, TrafficCapabilities, TrafficSeen};
use immutable_core::id::{InstanceKey, PoolId};
use immutable_core::provider::TrafficSwitch;
use immutable_core::{Error, ErrorKind, Result};

use super::balancer::Balancer;
use super::load_balancer::{different, plain};
use super::members::Members;
use super::profile::Profile;
use super::slots::Slots;
use super::unknown;
use crate::client::Azure;

/// "EndpointProperties", `weight`: "Possible values are from 1 to 1000".
const PARTS: u16 = 1000;
/// How many slots a pool may have: each takes a tag of the load balancer, of its 50.
const MOST: usize = 10;

/// Traffic Manager, for fleets of [scale sets](crate::VmssFleet) whose template [names](crate::VmssTemplate::load_balancer) the load balancer behind it.
///
/// A pool has a few slots, made beforehand and alike, which its generations take turns in: an endpoint of a Traffic Manager profile that routes by `Weighted`, and a rule of the load balancer
/// behind the endpoint's address. A generation that is attached has one for itself for as long as it is. One of weight 0 is an endpoint that is disabled. Whose a slot is stands in the load
/// balancer's tags.
///
/// ```no_run
/// # async fn example() -> immutable_core::Result<()> {
/// use backend_azure::{Azure, TrafficManagerTraffic, WeightedPool};
///
/// let azure = Azure::connect("8f6c1b7e-0000-4000-8000-6d1c2d3e4f50", "web-prod", "westeurope").await?;
/// let pool = WeightedPool::traffic_manager("web-tm", "front", [("blue", "http-blue"), ("green", "http-green")]);
/// let traffic = TrafficManagerTraffic::new(&azure).pool("web", pool)?;
/// # Ok(())
/// # }
/// ```
///
/// # Guarantees
/// - What the profile and the load balancer have besides stays as it is: endpoints of others with their weights, other rules and pools, tags.
/// - Whose the slots are is written first, under the etag of what was read: of two who change a pool at the same time one is refused, and gives nobody a weight.
/// - A generation gets a slot that nobody uses any more: nobody's, or one whose former answers are believed by nobody and whose connections have had the time to end, or whose former generation
///   has no machine.
/// - Who gets no requests is probed all the same, by its rule.
///
/// # Caveats
/// - Weights divide DNS answers, not requests. Who has an answer keeps to it for as long as it lives, and some for longer: [`settle`](TrafficManagerTraffic::settle) covers the first, and
///   the second is told as a [residue](TrafficSeen::residue), for a [while](TrafficManagerTraffic::answers_outlive).
/// - A profile has no etag, and its endpoints are written all at once. A write that is on its way when nobody waits for it any more may come late, and undo a later one: it is seen, and put right
///   by the next route. So may one undo what somebody else changes in another endpoint between its read, before the load balancer is written, and its write after that: a profile in front of two
///   load balancers is not for two pools.
/// - Traffic Manager has probes of its own, and answers with no endpoint that it finds degraded, whatever its weight.
/// - Who drains: as in [`LoadBalancerTraffic`](crate::LoadBalancerTraffic), and so is who starts.
#[derive(Clone, Debug)]
pub struct TrafficManagerTraffic {
    pub(super) members: Members,
    pools: BTreeMap<PoolId, WeightedPool>,
    pub(super) capabilities: TrafficCapabilities,
    pub(super) lag: Duration,
    pub(super) outlive: Duration,
}

/// Where the requests of a fleet come from that are divided by weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightedPool {
    pub(super) profile: String,
    pub(super) balancer: String,
    /// Endpoints, and the rule behind each.
    pub(super) slots: Vec<(String, String)>,
}

impl WeightedPool {
    /// A Traffic Manager profile and a load balancer of the resource group, and its slots: endpoints of the one, each with the rule of the other that is behind it; two at least.
    pub fn traffic_manager(
        profile: impl Into<String>,
        load_balancer: impl Into<String>,
        slots: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        let slots = slots.into_iter().map(|(endpoint, rule)| (endpoint.into(), rule.into())).collect();
        Self { profile: profile.into(), balancer: load_balancer.into(), slots }
    }

    pub(super) fn endpoints(&self) -> Vec<&str> {
        self.slots.iter().map(|(endpoint, _)| endpoint.as_str()).collect()
    }

    pub(super) fn rules(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().map(|(_, rule)| rule.as_str())
    }

    /// The endpoint in front of a rule.
    pub(super) fn endpoint(&self, rule: &str) -> &str {
        self.slots.iter().find(|(_, known)| known == rule).map(|(endpoint, _)| endpoint.as_str()).unwrap_or_default()
    }

    fn check(&self, name: &PoolId) -> Result<()> {
        let names = self.slots.iter().flat_map(|(endpoint, rule)| [endpoint, rule]);
        plain(name, names.chain([&self.profile, &self.balancer]))?;
        different(name, "endpoint", &self.slots.iter().map(|(endpoint, _)| endpoint.clone()).collect::<Vec<_>>())?;
        different(name, "rule", &self.slots.iter().map(|(_, rule)| rule.clone()).collect::<Vec<_>>())?;
        match self.slots.len() {
            2..=MOST => Ok(()),
            count @ (0 | 1) => Err(Error::invalid(format!(
                "pool {name} has {count} slots; a new generation needs one beside the old one's, so name at least 2"
            ))),
            count => Err(Error::invalid(format!("pool {name} has {count} slots; name at most {MOST}"))),
        }
    }
}

/// What was read of a pool.
pub(super) struct Read {
    pub(super) balancer: Balancer,
    pub(super) profile: Profile,
    pub(super) slots: Slots,
}

impl TrafficManagerTraffic {
    /// The profiles of a resource group, without a pool. A weight is in force after two minutes at the latest.
    pub fn new(azure: &Azure) -> Self {
        let capabilities = TrafficCapabilities {
            split: Split::Weighted { generations: u8::try_from(MOST).unwrap_or(u8::MAX), parts: PARTS },
            settle: Duration::from_secs(120),
            // Each rule probes its generation, whatever leads there.
            probes_unrouted: true,
            drains: Drains::Named,
            // A profile has no etag. An attempt is given up after 10 s.
            request_lifetime: Duration::from_secs(60),
        };
        let (lag, outlive) = (Duration::from_secs(5), Duration::from_secs(60));
        Self { members: Members::new(azure), pools: BTreeMap::new(), capabilities, lag, outlive }
    }

    /// With this pool, which fleets [name](immutable_core::Fleet::pool).
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if it has not at least two slots, or if its name, its profile or one of its rules is another pool's.
    pub fn pool(mut self, name: impl Into<PoolId>, pool: WeightedPool) -> Result<Self> {
        let name = name.into();
        pool.check(&name)?;
        if self.pools.contains_key(&name) {
            return Err(Error::invalid(format!("there is a pool {name} already; name this one otherwise")));
        }
        let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        for (other, known) in &self.pools {
            if same(&known.profile, &pool.profile) {
                let profile = &pool.profile;
                return Err(Error::invalid(format!("profile {profile} is pool {other}'s already; give pool {name} its own")));
            }
            let shared = pool.rules().find(|rule| known.rules().any(|theirs| same(theirs, rule)));
            if let Some(shared) = shared.filter(|_| same(&known.balancer, &pool.balancer)) {
                return Err(Error::invalid(format!("rule {shared} is pool {other}'s already; give pool {name} its own")));
            }
        }
        // As many generations as the smallest pool has room for.
        let least = self.pools.values().chain([&pool]).map(|pool| pool.slots.len()).min().unwrap_or(MOST);
        self.capabilities.split = Split::Weighted { generations: u8::try_from(least).unwrap_or(u8::MAX), parts: PARTS };
        self.pools.insert(name, pool);
        Ok(self)
    }

    /// How long after it was answered a weight may still not be in force everywhere; 120 s if nothing is said. It has to cover how long DNS answers live (`dnsConfig.ttl`), and half a minute for
    /// Traffic Manager itself.
    #[must_use]
    pub fn settle(mut self, within: Duration) -> Self {
        self.capabilities.settle = within;
        self
    }

    /// How much longer than they live DNS answers may be believed; 60 s if nothing is said. It begins when a weight is [in force](Self::settle), and until it is over a residue is told of whoever
    /// has less than before.
    #[must_use]
    pub fn answers_outlive(mut self, by: Duration) -> Self {
        self.outlive = by;
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

    pub(super) fn known(&self, id: &PoolId) -> Result<&WeightedPool> {
        self.pools.get(id).ok_or_else(|| unknown(id, self.pools.keys(), "TrafficManagerTraffic::pool"))
    }

    pub(super) async fn read(&self, pool: &WeightedPool) -> Result<Read> {
        let azure = self.azure();
        let (balancer, profile) = futures_util::join!(azure.balancer(&pool.balancer), azure.profile(&pool.profile));
        let (balancer, profile) = (balancer?, profile?);
        let slots = Slots::read(&balancer.tags(), &pool.profile, pool.rules());
        Ok(Read { slots: slots.map_err(|error| error.with_resource(pool.balancer.as_str()))?, balancer, profile })
    }

    /// What keeps a pool from being routed: all that is wrong.
    pub(super) fn unfit(&self, pool: &WeightedPool, read: &Read) -> Vec<String> {
        let mut wrong = read.profile.unfit(&pool.endpoints());
        let settle = self.capabilities.settle.as_secs();
        if read.profile.ttl().saturating_add(30) > settle {
            wrong.push(format!(
                "DNS answers of Traffic Manager profile {} live for {} s, and weights are said to be in force after {settle} s; have them live shorter, or say \
                 `TrafficManagerTraffic::settle`",
                pool.profile,
                read.profile.ttl()
            ));
        }
        for (endpoint, rule) in &pool.slots {
            wrong.extend(read.balancer.unfit(self.azure(), rule));
            let (leads, is) = (read.profile.address_of(endpoint), read.balancer.address_of(rule));
            if let (Some(leads), Some(is)) = (&leads, &is)
                && !crate::marks::same(leads, is)
            {
                wrong.push(format!(
                    "endpoint {endpoint} of Traffic Manager profile {} leads to {leads}, and rule {rule} of load balancer {} is behind {is}",
                    pool.profile, pool.balancer
                ));
            }
        }
        let mut all = Vec::new();
        wrong.into_iter().for_each(|one| {
            if !all.contains(&one) {
                all.push(one)
            }
        });
        all
    }

    /// Looks at the profile, the load balancer, and each slot.
    async fn lacks(&self, id: &PoolId) -> Result<Vec<Finding>> {
        let blocks = |what: String| Finding { what: format!("pool {id}: {what}"), blocks: true };
        let read = match self.known(id) {
            Err(error) => Err(error),
            Ok(pool) => self.read(pool).await.map(|read| (pool, read)),
        };
        let (pool, read) = match read {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![blocks(error.to_string())]),
            read => read?,
        };
        let mut findings: Vec<Finding> = self.unfit(pool, &read).into_iter().map(blocks).collect();
        if read.balancer.failed() {
            let what = format!("pool {id}: the last change of load balancer {} has failed; the next one mends it", pool.balancer);
            findings.push(Finding { what, blocks: false });
        }
        Ok(findings)
    }

    async fn begin_drain(&self, op: &Op, id: &PoolId, leaving: &BTreeSet<InstanceKey>) -> Result<()> {
        let pool = self.known(id)?;
        let attached = |balancer: &Balancer| {
            let slots = Slots::read(&balancer.tags(), &pool.profile, pool.rules())?;
            slots.ours(id, &op.fleet, &pool.profile)?;
            // Also who has left: perhaps the weights say otherwise still.
            Ok(slots.of.values().map(|slot| slot.generation).collect())
        };
        self.members.drain(&pool.balancer, &op.fleet, leaving, attached).await
    }
}

#[async_trait]
impl TrafficSwitch for TrafficManagerTraffic {
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
        let no = |slots: &[(&str, &str)]| {
            let pool = WeightedPool::traffic_manager("tm", "front", slots.iter().copied());
            pool.check(&PoolId::new("web")).unwrap_err().to_string()
        };
        assert!(no(&[("blue", "b")]).contains("at least 2"));
        assert!(no(&[("blue", "b"), ("Blue", "g")]).contains("endpoint twice"));
        assert!(no(&[("blue", "b"), ("green", "B")]).contains("rule twice"));
        assert!(no(&[("blue", "a/b"), ("green", "g")]).contains("the name alone"));
    }
}
