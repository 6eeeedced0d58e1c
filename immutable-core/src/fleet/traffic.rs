//! Traffic: who gets which share of a pool.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::fleet::{Coverage, GenerationId, Verdict};
use crate::id::{InstanceKey, NativeRef, PoolId};
use crate::time::Timestamp;

/// What a traffic switch can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficCapabilities {
    /// How it divides traffic.
    pub split: Split,
    /// How long after its acknowledgement a route may still not be in force everywhere.
    pub settle: Duration,
    /// Whether health is checked of what is attached and gets no requests.
    pub probes_unrouted: bool,
    /// How requests in flight end.
    pub drains: Drains,
    /// How long after it was sent a call may still take effect; zero if the switch compares tags.
    pub request_lifetime: Duration,
}

/// How the requests end that an instance has when it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drains {
    /// They are cut off.
    Never,
    /// Who is [named](crate::provider::TrafficSwitch::drain) finishes them, while it is still there.
    Named,
    /// Who leaves its group finishes them before it goes, by the provider's own doing: nobody can be named.
    Leaving,
}

/// How a switch divides traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// All attached instances get the same.
    Pooled,
    /// One generation gets all.
    Binary,
    /// By weights.
    Weighted {
        /// Between how many generations.
        generations: u8,
        /// The largest weight.
        parts: u16,
    },
}

/// A whole route: a generation that is named is attached, and gets requests by its weight; one that is not is detached.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Wire")]
pub struct Route {
    pool: PoolId,
    seen: RouteTag,
    weights: BTreeMap<GenerationId, u16>,
}

impl Route {
    /// A route for a pool, decided on what bore this tag.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if no weight is above zero: nobody would get traffic.
    pub fn new(pool: PoolId, seen: RouteTag, weights: BTreeMap<GenerationId, u16>) -> Result<Self> {
        if weights.values().all(|weight| *weight == 0) {
            return Err(Error::invalid(format!(
                "a route of pool {pool} in which no generation has a weight above 0 would drop all traffic"
            )));
        }
        Ok(Self { pool, seen, weights })
    }

    /// Whose route.
    pub fn pool(&self) -> &PoolId {
        &self.pool
    }

    /// The state it was decided on; a switch that compares refuses another.
    pub fn seen(&self) -> &RouteTag {
        &self.seen
    }

    /// The weights; 0 means attached without requests.
    pub fn weights(&self) -> &BTreeMap<GenerationId, u16> {
        &self.weights
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    pool: PoolId,
    seen: RouteTag,
    weights: BTreeMap<GenerationId, u16>,
}

impl TryFrom<Wire> for Route {
    type Error = Error;

    fn try_from(Wire { pool, seen, weights }: Wire) -> Result<Self> {
        Self::new(pool, seen, weights)
    }
}

/// Which state of a pool was seen: an etag, a fingerprint.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct RouteTag(pub Arc<str>);

impl fmt::Debug for RouteTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a route did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed {
    /// The pool's tag now.
    pub tag: RouteTag,
    /// Until when a copy of this call may still arrive and take effect.
    pub echo_until: Option<Timestamp>,
}

/// What was seen of a pool.
#[derive(Clone, Debug)]
pub struct TrafficSeen {
    /// Which pool.
    pub pool: PoolId,
    /// How old the view may be at most, counted from when it was asked for.
    pub age: Duration,
    /// Whether all of it was seen.
    pub coverage: Coverage,
    /// Its tag.
    pub tag: RouteTag,
    /// The weights set; whether they are in force yet only [`TrafficCapabilities::settle`] tells.
    pub weights: BTreeMap<GenerationId, u16>,
    /// What else is in the pool, with its weight.
    pub foreign: Vec<(NativeRef, u16)>,
    /// Its targets, in ascending order of their keys.
    pub targets: Vec<TargetSeen>,
    /// What still sends requests to a generation though the weight in force says otherwise: clients that stick to where they were. `None` in a
    /// whole view: nothing does. Told at the latest when the route [must be in force](TrafficCapabilities::settle).
    pub residue: Option<Arc<str>>,
}

/// The health source that is the pool's own check: named among the [required sources](super::Fleet::required_sources), it says of each instance what
/// [the pool](TargetSeen::health) does. Of one that is not seen to be a target, or of a pool that is not seen, nothing is known.
pub const POOL_CHECK: &str = "pool";

impl TrafficSeen {
    /// What the pool's own check says of an instance, if it is one of its targets.
    pub fn health(&self, key: &InstanceKey) -> Option<Verdict> {
        let at = self.targets.binary_search_by(|target| target.key.cmp(key)).ok()?;
        self.targets.get(at).map(|target| target.health)
    }

    /// What an instance is to the pool, if it is one of its targets.
    pub fn target(&self, key: &InstanceKey) -> Option<TargetState> {
        let at = self.targets.binary_search_by(|target| target.key.cmp(key)).ok()?;
        self.targets.get(at).map(|target| target.state)
    }
}

/// One target of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSeen {
    /// Which instance.
    pub key: InstanceKey,
    /// Whether it gets requests.
    pub state: TargetState,
    /// What the pool's own check says.
    pub health: Verdict,
}

/// Whether a target gets requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetState {
    /// It does, by its generation's weight.
    Attached,
    /// It finishes those it has.
    Draining,
    /// It has none left.
    Drained,
}
