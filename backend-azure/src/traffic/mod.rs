//! Load balancers.

pub(crate) mod pools;

/// The version of the network API that this speaks.
pub(crate) const NETWORK: &str = "2026-03-01";
