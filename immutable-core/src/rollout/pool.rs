//! The pool that a fleet gets its requests from, as its journal knows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fleet::GenerationId;
use crate::id::PoolId;
use crate::time::Timestamp;

/// What is known of the pool that a fleet gets its requests from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PoolState {
    /// Which pool.
    pub id: PoolId,
    /// Who gets which weight, as last settled or read.
    pub weights: BTreeMap<GenerationId, u16>,
    /// Who had which before: it may be in force until the pool has settled.
    pub before: BTreeMap<GenerationId, u16>,
    /// Who had which before that: it may be in force still where one was set before the other had settled.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub earlier: BTreeMap<GenerationId, u16>,
    /// When the weights before these were set.
    #[serde(default)]
    pub before_at: Timestamp,
    /// When the weights were set.
    pub settled_at: Timestamp,
    /// Before this nothing different may be written to it.
    pub quiet_until: Timestamp,
    /// How many routes in a row failed.
    pub failures: u32,
    /// Why the last one did, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Arc<str>>,
}

impl PoolState {
    /// Others are set, and what was before may be in force for a while.
    pub(crate) fn set(&mut self, weights: BTreeMap<GenerationId, u16>, at: Timestamp) {
        if self.weights != weights {
            let replaced = std::mem::replace(&mut self.weights, weights);
            self.earlier = std::mem::replace(&mut self.before, replaced);
            self.before_at = self.settled_at;
        }
        self.settled_at = at;
    }

    /// One to which no route was set.
    pub(crate) fn new(id: PoolId) -> Self {
        let (weights, before, earlier) = Default::default();
        let never = Timestamp::default();
        Self { id, weights, before, earlier, before_at: never, settled_at: never, quiet_until: never, failures: 0, refused: None }
    }
}
