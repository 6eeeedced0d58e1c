//! Immutable fleets on Google Cloud: managed instance groups, Application Load Balancers and images, each behind one of [`immutable_core::provider`]'s ports.
//!
//! A [`Gcp`] is a project in a region, and how it is called; [`Provider::from`](immutable_core::Provider) makes of it what a controller takes.
//!
//! ```no_run
//! use backend_gcp::{Gcp, MANAGED, Machine, MigTemplate, Pool, UrlMapTraffic};
//! use immutable_core::{Artifact, Controller, Fleet, LaunchTemplate, MemoryJournal, Provider, Strategy};
//! use std::sync::Arc;
//!
//! # async fn deploy(artifact: Artifact) -> immutable_core::Result<()> {
//! let gcp = Gcp::connect("acme-prod", "europe-west1").await?;
//! let traffic = UrlMapTraffic::new(&gcp).pool("web", Pool::url_map("web", ["web-blue", "web-green"]))?;
//! let controller = Controller::new(Provider::from(&gcp).traffic(Arc::new(traffic)), MemoryJournal::new());
//!
//! let machine = Machine::new("e2-small").subnetwork("web").tags(["web"]);
//! let fleet = Fleet::new("web", gcp.place())
//!     .size(12)
//!     .template(LaunchTemplate::of(&MigTemplate::new(machine).named_port("http", 8080))?)
//!     .required_sources([MANAGED.into()])
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
//! | [`Place`](immutable_core::Place) | a project and a region: `gcp/acme-prod/europe-west1`; of images `gcp/acme-prod/global` |
//! | a group of a generation | a managed instance group of a zone or of the region, and an instance template ([`MigFleet`]) |
//! | [`LaunchTemplate`](immutable_core::LaunchTemplate) | [`MigTemplate`] |
//! | an instance | a managed instance, by its name and its id |
//! | [`Upkeep`](immutable_core::fleet::Upkeep) | the group's `defaultActionOnFailure`, the region's `instanceRedistributionType`, and the mode of the group's autoscaler |
//! | health | [`MANAGED`], [`HEALTH_CHECK`], and the targets of a pool |
//! | an incident | one of the group's `listErrors` |
//! | a [ticket](immutable_core::fleet::Ticket) | operations, by their names |
//! | a pool, its weights | a url map or one of its path matchers, and the weights of its backend services ([`UrlMapTraffic`]) |
//! | draining | connection draining of who is deleted from its group |
//! | an image, its stages, its copies | an image, `DEPRECATED` or `OBSOLETE`; copied to other projects ([`GceCatalog`]) |
//!
//! `docs/gcp` in the repository says what is made in the project, what a load balancer needs, which permissions are needed, and what calls cost.
//!
//! # Errors
//!
//! All are [`immutable_core::Error`]s: of what [kind](immutable_core::ErrorKind), and whether the call may have [taken effect](immutable_core::Applied). Messages have Google's reason and words, and what to
//! do. An operation that was accepted and failed is an error with all of its causes.
//!
//! # Features
//!
//! - `https` (by default): TLS, by rustls and ring. Without it only emulators can be reached, unless the program installs a provider of rustls itself.

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

#[cfg(doctest)]
#[doc = include_str!("../../docs/gcp/README.md")]
struct Readme;
