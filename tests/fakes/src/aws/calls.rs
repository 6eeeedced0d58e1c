//! The log of what was asked, and how that ended.

use std::collections::BTreeMap;

pub use crate::fault::Ended;

use super::request::Service;

/// A call, as the fake saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Milliseconds.
    pub at: u64,
    /// Whom it was for.
    pub service: Service,
    /// `RunInstances`.
    pub action: String,
    /// Where.
    pub region: String,
    /// What it said; empty for JSON and CBOR.
    pub form: BTreeMap<String, String>,
    /// Whether it has taken effect, as far as it can be told by now, and what its sender learned.
    pub ended: Ended,
}

impl Call {
    /// The action as a policy names it: `ec2:RunInstances`.
    pub fn permission(&self) -> String {
        format!("{}:{}", self.service.policy_prefix(), self.action)
    }
}
