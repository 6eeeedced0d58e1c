//! Clouds on the wire: what a cloud's own SDK sends is understood, and what the cloud would answer comes back, in the same bytes.
//!
//! Time is an argument, chance is seeded, and no rule is here that the cloud's documentation, or those who were bitten by it, do not tell of.
#![forbid(unsafe_code)]

pub mod arm;
pub mod arm_schema;
pub mod aws;
pub mod discovery;
mod fault;
pub mod gce;
pub mod play;
mod schema;
pub mod serve;
mod wire;
