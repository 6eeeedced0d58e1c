//! The log of what was asked, and how that ended.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fault::Ended;

/// A call, as the fake saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Milliseconds.
    pub at: u64,
    /// `virtualMachineScaleSets.update`: the group of operations and the method of Microsoft's clients, without `begin_`.
    pub method: String,
    /// What it was about: a resource id, as it was written.
    pub path: String,
    /// What stood in the query.
    pub query: BTreeMap<String, String>,
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `If-None-Match`.
    pub if_none_match: Option<String>,
    /// What it said; null without a body.
    pub body: Value,
    /// The operation that it began, by its id.
    pub operation: Option<String>,
    /// Whether it was accepted, as far as it can be told by now, and what its sender learned. What comes of an operation is told by the operation.
    pub ended: Ended,
}
