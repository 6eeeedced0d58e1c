//! Immutable fleets on Google Cloud.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::todo)]
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]

mod client;
mod credentials;
mod errors;
mod images;
mod marks;
mod mig;
mod operations;
mod preflight;
mod rates;
mod template;
mod templates;
mod traffic;

pub use client::{Builder, Gcp};
pub use images::GceCatalog;
pub use immutable_core::provider::Rate;
pub use mig::{HEALTH_CHECK, MANAGED, MigFleet};
pub use template::{Disk, HealthCheck, Machine, MigTemplate};
pub use traffic::{Pool, UrlMapTraffic};
