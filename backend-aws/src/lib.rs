//! Immutable fleets on AWS.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::todo)]
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]

mod alarms;
mod asg;
mod budget;
mod client;
mod ec2;
mod errors;
mod images;
mod instances;
mod marks;
mod preflight;
mod template;
mod templates;
mod traffic;
mod trouble;

pub use alarms::CloudWatchAlarms;
pub use asg::{AUTO_SCALING, AsgFleet, EC2_CHECKS, Terminate};
pub use budget::Rate;
pub use client::{Aws, Builder, http_client};
pub use ec2::{Ec2Fleet, Short};
pub use images::AmiCatalog;
pub use template::{AsgTemplate, Machine, Volume};
pub use traffic::{AlbTraffic, Pool};
