//! Application Load Balancers: a pool is a listener, or one of its rules, and the target groups that it forwards to by weight.

mod drain;
mod forward;
mod read;
mod route;
mod slots;

pub(crate) use route::Attachment;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use immutable_core::fleet::{Drains, Op, Route, Routed, Split, TrafficCapabilities, TrafficSeen};
use immutable_core::id::{InstanceKey, PoolId};
use immutable_core::provider::TrafficSwitch;
use immutable_core::{Error, ErrorKind, Result};

use crate::client::Aws;

/// The largest weight. ELBv2 API, "TargetGroupTuple".
const PARTS: u16 = 999;
/// How many target groups an action forwards to. Elastic Load Balancing, "Quotas for your Application Load Balancers".
const MOST: usize = 5;

/// Application Load Balancers, for fleets of [Auto Scaling groups](crate::AsgFleet).
///
/// A pool has a few target groups, made beforehand and alike, which its generations take turns in: one that is attached has one for itself for as long as it is. All of
/// them stay in the listener, at weight 0 where they are nobody's: a target group that no listener forwards to is not checked. Whose a target group is stands in its
/// tags.
///
/// # Guarantees
/// - What the listener does besides stays as it is: other actions, other target groups with their weights, stickiness.
/// - Whoever is told to drain is tagged, and is deregistered again should its generation come back.
///
/// # Caveats
/// - A load balancer does not compare. A call without an answer may still come for [six minutes](TrafficCapabilities::request_lifetime).
/// - Where target groups stick, clients stay with one that has lost its weight; that is told as a residue for as long as they may.
#[derive(Clone, Debug)]
pub struct AlbTraffic {
    aws: Aws,
    pools: BTreeMap<PoolId, Pool>,
    capabilities: TrafficCapabilities,
    lag: Duration,
}

/// Where the requests of a fleet come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    at: At,
    slots: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    Listener(String),
    Rule(String),
}

impl Pool {
    /// What a listener does by default, by its ARN; between these target groups, by their ARNs: from two to five.
    pub fn listener(arn: impl Into<String>, target_groups: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { at: At::Listener(arn.into()), slots: target_groups.into_iter().map(Into::into).collect() }
    }

    /// What one of a listener's rules does.
    pub fn rule(arn: impl Into<String>, target_groups: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { at: At::Rule(arn.into()), slots: target_groups.into_iter().map(Into::into).collect() }
    }

    fn check(&self, name: &PoolId) -> Result<()> {
        let count = self.slots.len();
        let different: BTreeSet<&String> = self.slots.iter().collect();
        match count {
            _ if different.len() < count => {
                Err(Error::invalid(format!("pool {name} names a target group twice; name each once")))
            }
            0 | 1 => Err(Error::invalid(format!(
                "pool {name} has {count} target groups; a new generation needs one beside the old one's, so name at least 2"
            ))),
            2..=MOST => Ok(()),
            _ => Err(Error::invalid(format!("pool {name} has {count} target groups, and a listener forwards to at most {MOST}"))),
        }
    }
}

impl AlbTraffic {
    /// The load balancers of an account's region, without a pool. A weight that was set is in force after a minute at the latest.
    pub fn new(aws: &Aws) -> Self {
        let capabilities = TrafficCapabilities {
            split: Split::Weighted { generations: MOST as u8, parts: PARTS },
            settle: Duration::from_secs(60),
            probes_unrouted: true,
            drains: Drains::Named,
            request_lifetime: aws.request_lifetime(),
        };
        Self { aws: aws.clone(), pools: BTreeMap::new(), capabilities, lag: Duration::from_secs(5) }
    }

    /// With this pool, which fleets [name](immutable_core::Fleet::pool).
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if it has not from two to five different target groups, or the name is another pool's.
    pub fn pool(mut self, name: impl Into<PoolId>, pool: Pool) -> Result<Self> {
        let name = name.into();
        pool.check(&name)?;
        if self.pools.contains_key(&name) {
            return Err(Error::invalid(format!("there is a pool {name} already; name this one otherwise")));
        }
        if let Some((other, shared)) =
            self.pools.iter().find_map(|(other, known)| Some((other, pool.slots.iter().find(|slot| known.slots.contains(slot))?)))
        {
            return Err(Error::invalid(format!("target group {shared} is pool {other}'s already; give pool {name} its own")));
        }
        // As many generations as the smallest pool has room for.
        let least = self.pools.values().chain([&pool]).map(|pool| pool.slots.len()).min().unwrap_or(MOST);
        self.capabilities.split = Split::Weighted { generations: u8::try_from(least).unwrap_or(u8::MAX), parts: PARTS };
        self.pools.insert(name, pool);
        Ok(self)
    }

    /// How long after it was answered a weight may still not be in force everywhere; 60 s if nothing is said.
    #[must_use]
    pub fn settle(mut self, within: Duration) -> Self {
        self.capabilities.settle = within;
        self
    }

    /// How long Amazon may take to show what it has done; 5 s if nothing is said. Views are told to be [so old](TrafficSeen::age).
    #[must_use]
    pub fn lag(mut self, at_most: Duration) -> Self {
        self.lag = at_most;
        self
    }

    fn known(&self, id: &PoolId) -> Result<&Pool> {
        let known = || self.pools.keys().map(PoolId::as_str).collect::<Vec<_>>().join(", ");
        self.pools.get(id).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("there is no pool {id} (known: {}); add it with `AlbTraffic::pool`", known()))
        })
    }
}

#[async_trait]
impl TrafficSwitch for AlbTraffic {
    fn capabilities(&self) -> &TrafficCapabilities {
        &self.capabilities
    }

    async fn route(&self, op: &Op, route: &Route) -> Result<Routed> {
        self.set_route(op, route).await.map_err(|error| error.with_operation("route").with_resource(route.pool().as_str()))
    }

    async fn drain(&self, op: &Op, pool: &PoolId, leaving: &BTreeSet<InstanceKey>) -> Result<()> {
        self.let_finish(op, pool, leaving).await.map_err(|error| error.with_operation("drain").with_resource(pool.as_str()))
    }

    async fn observe(&self, pool: &PoolId) -> Result<TrafficSeen> {
        self.look(pool).await.map_err(|error| error.with_operation("observe").with_resource(pool.as_str()))
    }
}
