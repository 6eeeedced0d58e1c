//! Immutable fleets on Azure: scale sets, load balancers, galleries and VM applications, each behind one of [`immutable_core::provider`]'s ports.
//!
//! An [`Azure`] is a resource group of a subscription in a region, and how it is called; [`Provider::from`](immutable_core::Provider) makes of it what a controller takes.
//!
//! ```no_run
//! use backend_azure::{ApplicationHealth, Azure, LoadBalancerTraffic, Machine, Pool, SCALE_SET, VmssTemplate};
//! use immutable_core::{Artifact, Controller, Fleet, LaunchTemplate, MemoryJournal, Provider, Strategy};
//! use std::sync::Arc;
//!
//! # async fn deploy(artifact: Artifact) -> immutable_core::Result<()> {
//! let azure = Azure::connect("8f6c1b7e-0000-4000-8000-6d1c2d3e4f50", "web-prod", "westeurope").await?;
//! let traffic = LoadBalancerTraffic::new(&azure).pool("web", Pool::load_balancer("front", ["http"]))?;
//! let controller = Controller::new(Provider::from(&azure).traffic(Arc::new(traffic)), MemoryJournal::new());
//!
//! let machine = Machine::linux("Standard_B2s", "net/web", "azureuser", "ssh-ed25519 AAAAC3… ops@acme");
//! let template = VmssTemplate::new(machine).health(ApplicationHealth::http(8080, "/health")).load_balancer("front");
//! let fleet = Fleet::new("web", azure.place())
//!     .size(12)
//!     .template(LaunchTemplate::of(&template)?)
//!     .required_sources([SCALE_SET.into()])
//!     .pool("web");
//! let plan = controller.plan(&fleet, &artifact, Strategy::blue_green()).await?;
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
//! | [`Place`](immutable_core::Place) | a subscription and a region: `azure/8f6c…/westeurope`; one controller's resource group is the [`Azure`]'s |
//! | a group of a generation | a scale set of Flexible orchestration ([`VmssFleet`]) |
//! | [`LaunchTemplate`](immutable_core::LaunchTemplate) | [`VmssTemplate`] |
//! | an instance | a virtual machine, by its name and its `vmId` |
//! | [`Upkeep`](immutable_core::fleet::Upkeep) | automatic repairs, which are off, and the rebalancing of zones |
//! | health | [`SCALE_SET`], [`APPLICATION_HEALTH`], and the targets of a pool |
//! | an incident | an operation that failed: no room, no quota |
//! | a [ticket](immutable_core::fleet::Ticket) | long-running operations, by their URLs and resources |
//! | a pool | the rules of a load balancer ([`LoadBalancerTraffic`]), or a profile of Traffic Manager in front of several ([`TrafficManagerTraffic`]) |
//! | an image, its copies | a version in a gallery and its regions, or a managed image ([`GalleryCatalog`]) |
//! | an application | a version of a VM application: an artifact of its own, installed on the image that the template names |
//! | a metric | Azure Monitor's ([`AzureMetrics`]) |
//!
//! `docs/azure` in the repository says what is made in the resource group, what load balancers need, which permissions are needed, and what calls cost.
//!
//! # Why not `azure_mgmt_compute`
//!
//! Its last version, 0.21, is of 2024, unofficial, and no more are to come. Its `create_or_update(…).await` sends the whole PUT again to learn how far it is, follows neither
//! `Azure-AsyncOperation` nor `Location`, and takes an answer whose `provisioningState` is `Creating` for the end. So this crate speaks to Azure Resource Manager by itself, over the official
//! `azure_core` and `azure_identity`; the models of `azure_mgmt_compute` judge in the tests what it sends.
//!
//! # Errors
//!
//! All are [`immutable_core::Error`]s: of what [kind](immutable_core::ErrorKind), and whether the call may have [taken effect](immutable_core::Applied). Messages have Azure's codes and words, and
//! what to do. An operation that was accepted and failed is an error with all of its causes.
//!
//! # Features
//!
//! - `https` (by default): TLS, by rustls and ring. Without it the program installs a provider of rustls itself.

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

#[cfg(doctest)]
#[doc = include_str!("../../docs/azure/README.md")]
struct Readme;
