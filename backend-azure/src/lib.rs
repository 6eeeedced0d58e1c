//! Immutable fleets on Azure: scale sets, load balancers, galleries and VM applications, each behind one of [`immutable_core::provider`]'s ports.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::todo)]
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]

mod client;
mod credentials;
mod errors;
mod ids;
mod images;
mod marks;
mod metrics;
mod operations;
mod preflight;
mod rates;
mod scale_sets;
mod template;
mod traffic;

pub use client::{Azure, Builder};
pub use images::{GalleryCatalog, NewVersion, Package};
pub use immutable_core::provider::Rate;
pub use metrics::{Aggregate, AzureMetrics, Dimension, Interval, Measure};
pub use scale_sets::{APPLICATION_HEALTH, SCALE_SET, VmssFleet};
pub use template::{Admin, ApplicationHealth, Disk, Machine, VmssTemplate};
pub use traffic::{LoadBalancerTraffic, Pool, TrafficManagerTraffic, WeightedPool};
