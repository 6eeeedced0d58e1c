//! Immutable fleets on AWS: Auto Scaling groups, EC2 instances, Application Load Balancers, machine images and alarms, each behind one of
//! [`immutable_core::provider`]'s ports.
//!
//! An [`Aws`] is an account in a region, and how it is called; [`Provider::from`](immutable_core::Provider) makes of it what a controller takes.
//!
//! ```no_run
//! use backend_aws::{AUTO_SCALING, AlbTraffic, AsgTemplate, Aws, Machine, Pool};
//! use immutable_core::{Artifact, Controller, Fleet, LaunchTemplate, MemoryJournal, Provider, Strategy};
//! use std::sync::Arc;
//!
//! # async fn deploy(artifact: Artifact, listener: &str, blue: &str, green: &str) -> immutable_core::Result<()> {
//! let aws = Aws::from_env().await?;
//! let traffic = AlbTraffic::new(&aws).pool("web", Pool::listener(listener, [blue, green]))?;
//! let controller = Controller::new(Provider::from(&aws).traffic(Arc::new(traffic)), MemoryJournal::new());
//!
//! let machine = Machine::new("t3.micro", ["subnet-0a1b2c3d", "subnet-4e5f6a7b"]).security_groups(["sg-0a1b2c3d"]);
//! let fleet = Fleet::new("web", aws.place())
//!     .size(12)
//!     .template(LaunchTemplate::of(&AsgTemplate::new(machine))?)
//!     .required_sources([AUTO_SCALING.into()])
//!     .pool("web");
//! let plan = controller.plan(&fleet, &artifact, Strategy::rolling()).await?;
//! println!("{plan}");
//! println!("{}", controller.run(plan).await?);
//! # Ok(())
//! # }
//! ```
//!
//! # What is what
//!
//! | there | here |
//! |---|---|
//! | [`Place`](immutable_core::Place) | an account and a region: `aws/123456789012/us-east-1` |
//! | a group of a generation | an Auto Scaling group and a launch template ([`AsgFleet`]), or a launch template and its instances ([`Ec2Fleet`]) |
//! | [`LaunchTemplate`](immutable_core::LaunchTemplate) | [`AsgTemplate`], or [`Machine`] |
//! | an instance | an EC2 instance, by its id |
//! | [`Upkeep`](immutable_core::fleet::Upkeep) | the group's processes: ReplaceUnhealthy, AZRebalance, AlarmNotification and ScheduledActions |
//! | health | [`AUTO_SCALING`], [`EC2_CHECKS`], and the targets of a pool |
//! | an incident | a scaling activity that failed |
//! | a pool, its weights | a listener or rule, and the weights of its target groups ([`AlbTraffic`]) |
//! | draining | deregistration from target groups, and their deregistration delay |
//! | an image, its stages, its copies | an AMI, deprecated or disabled; copied to other regions ([`AmiCatalog`]) |
//! | a judge | alarms of CloudWatch ([`CloudWatchAlarms`]) |
//!
//! `docs/aws` in the repository says what is made in the account, what a load balancer needs, which permissions are needed, and what calls cost.
//!
//! # Errors
//!
//! All are [`immutable_core::Error`]s: of what [kind](immutable_core::ErrorKind), and whether the call may have [taken effect](immutable_core::Applied). Messages have Amazon's code and words, and what to do.
//!
//! # Features
//!
//! - `https` (by default): TLS, by rustls and ring. Without it only emulators can be reached.
//! - `sso`: credentials of a developer's machine that is signed in by IAM Identity Center.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::todo)]
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]

mod alarms;
mod asg;
mod client;
mod ec2;
mod errors;
mod images;
mod instances;
mod marks;
mod preflight;
mod rates;
mod template;
mod templates;
mod traffic;
mod trouble;

pub use alarms::CloudWatchAlarms;
pub use asg::{AUTO_SCALING, AsgFleet, EC2_CHECKS, Terminate};
pub use client::{Aws, Builder, http_client};
pub use ec2::{Ec2Fleet, Short};
pub use images::AmiCatalog;
pub use immutable_core::provider::Rate;
pub use template::{AsgTemplate, Machine, Volume};
pub use traffic::{AlbTraffic, Pool};

#[cfg(doctest)]
#[doc = include_str!("../../docs/aws/README.md")]
struct Readme;
