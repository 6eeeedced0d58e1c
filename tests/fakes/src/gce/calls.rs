//! The log of what was asked, and how that ended.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fault::Ended;

/// A call, as the fake saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Milliseconds.
    pub at: u64,
    /// By its id in the discovery document, without `compute.`: `regionInstanceGroupManagers.resize`.
    pub method: String,
    /// What it was about: `projects/P/regions/R/instanceGroupManagers/N`.
    pub path: String,
    /// What stood in the query.
    pub query: BTreeMap<String, String>,
    /// What it said; null without a body.
    pub body: Value,
    /// The operation that it was answered with, by name.
    pub operation: Option<String>,
    /// Whether it was accepted, as far as it can be told by now, and what its sender learned. What comes of an operation is told by the operation.
    pub ended: Ended,
}

impl Call {
    /// The UUID that makes it safe to send again.
    pub fn request_id(&self) -> Option<&str> {
        self.query.get("requestId").map(String::as_str)
    }
}
