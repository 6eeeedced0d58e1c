//! The log of what was asked, and how that ended.

use std::collections::BTreeMap;

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

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Done, and answered.
    Done,
    /// Refused by the service, with this code; nothing was done.
    Failed(String),
    /// Done (or refused with this code), but its sender does not know.
    Unheard(Option<String>),
    /// Done, but its sender was told of an error of the server.
    Mistold,
    /// It never came to be looked at.
    Lost,
    /// Its sender was told of a broken connection, and it arrives later.
    Later,
}
