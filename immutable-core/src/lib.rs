//! Embeddable building blocks for immutable infrastructure.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo, clippy::unimplemented, clippy::indexing_slicing)]

pub mod artifact;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
pub mod fleet;
pub mod id;
pub mod journal;
pub mod memory;
pub mod provider;
pub mod time;

pub use artifact::{Artifact, ArtifactName, Digest, ImageRef, Place, Version};
pub use error::{Applied, Error, ErrorKind, Result};
pub use fleet::{Fleet, LaunchTemplate};
pub use journal::MemoryJournal;
pub use memory::MemoryCloud;
pub use provider::Provider;
pub use time::Timestamp;
