//! Embeddable building blocks for immutable infrastructure.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo, clippy::unimplemented, clippy::indexing_slicing)]

pub mod artifact;
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
pub mod time;

pub use artifact::{Artifact, ArtifactName, Digest, ImageRef, Place, Version};
pub use controller::{Controller, Rollout};
pub use error::{Applied, Error, ErrorKind, Result};
pub use fleet::{Fleet, LaunchTemplate};
pub use journal::MemoryJournal;
pub use memory::MemoryCloud;
pub use provider::Provider;
pub use rollout::{Outcome, Plan, Strategy};
pub use time::Timestamp;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
