//! Change running fleets only by replacement: images, their registry, fleets, and rollouts that can be proven, resumed and undone.
//!
//! A new immutable image is published, a [`Plan`] is made and reviewed, a new generation of machines is launched from that image beside the
//! old one and judged, and the old one is retired; or the new one, if it is worse. Nothing that runs is ever modified.
//!
//! ```
//! use immutable_core::{Fleet, MemoryCloud, Outcome, Result, Strategy};
//! # use immutable_core::memory::MemoryOptions;
//! # use immutable_core::time::VirtualClock;
//!
//! # fn main() -> Result<()> {
//! # let clock = VirtualClock::default();
//! # let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()));
//! # clock.run(replace(cloud))
//! # }
//! # async fn replace(cloud: MemoryCloud) -> Result<()> {
//! let controller = cloud.controller();
//! let fleet = Fleet::new("web", cloud.place()).size(3);
//! for version in ["1.0.0", "1.1.0"] {
//!     let artifact = cloud.bake("acmeinc/web", version)?;
//!     let plan = controller.plan(&fleet, &artifact, Strategy::rolling()).await?;
//!     println!("{plan}");
//!     assert_eq!(controller.run(plan).await?, Outcome::Succeeded);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! | you want to | go to |
//! |---|---|
//! | make an artifact of what Packer built | [`pipeline::packer`] |
//! | record, promote and revoke artifacts | [`registry`] |
//! | say what a service should be | [`Fleet`], [`Strategy`] |
//! | plan, run, watch and stop rollouts | [`Controller`], [`Rollout`] |
//! | let rollouts outlive their process | `SqliteJournal`, `ObjectStoreJournal`: [`journal`] |
//! | judge a release by metrics, or by a function | [`analysis`], [`provider::Judge`] |
//! | test your own pipeline | [`MemoryCloud`] |
//! | drive rollouts with a loop of your own | [`rollout`], pure functions |
//! | support another cloud or store | [`provider`], [`journal`], and the suites of `conformance` |
//! | see whether your strategy or provider keeps its promises | `simulation` |
//!
//! # Features
//!
//! - `conformance`: suites for those who implement a provider, a traffic switch, a catalog of images or a journal, and `Faulty`, which breaks any of them on purpose.
//! - `object-store`: [`ObjectStoreJournal`](journal), a journal in S3, Azure Blob or Google Cloud Storage, by the crate of that name.
//! - `sqlite`: [`SqliteJournal`](journal), a journal in one file. Compiles SQLite.
//! - `simulation`: whole rollouts from one seed each, judged by what really happened.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo, clippy::unimplemented, clippy::indexing_slicing)]
// What it has to say goes to whoever embeds it.
#![warn(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]

// What tests share says `immutable_core`, wherever it is.
#[cfg(test)]
extern crate self as immutable_core;

pub mod analysis;
pub mod artifact;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod controller;
pub mod error;
pub mod fleet;
pub mod id;
pub mod journal;
pub mod memory;
pub mod pipeline;
pub mod provider;
pub mod registry;
pub mod rollout;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod time;

pub use artifact::{Artifact, ArtifactName, Digest, ImageRef, Place, Version};
pub use controller::{Controller, Rollout};
pub use error::{Applied, Error, ErrorKind, Result};
pub use fleet::{Fleet, LaunchTemplate};
pub use journal::MemoryJournal;
#[cfg(feature = "object-store")]
pub use journal::ObjectStoreJournal;
#[cfg(feature = "sqlite")]
pub use journal::SqliteJournal;
pub use memory::MemoryCloud;
pub use provider::Provider;
pub use rollout::{Outcome, Plan, Step, Strategy};
pub use time::Timestamp;

#[cfg(all(doctest, feature = "simulation", feature = "sqlite", feature = "object-store"))]
#[doc = include_str!("../../README.md")]
struct Readme;
