//! The record of artifacts: published once and never changed; channels that point to them; revocation; ancestry.
//!
//! ```
//! use immutable_core::artifact::{Built, Provenance};
//! use immutable_core::registry::{ImageRegistry, JournalRegistry, SetChannel};
//! use immutable_core::time::{Timestamp, VirtualClock};
//! use immutable_core::{Artifact, ImageRef, MemoryJournal, Place};
//! use std::sync::Arc;
//!
//! let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_027_000));
//! let registry = JournalRegistry::new(Arc::new(MemoryJournal::new()), Arc::new(clock.clone()));
//! # clock.run(async {
//! let image = ImageRef::new(Place::new("aws", "123456789012", "us-east-1")?, "ami-87121651a2817ca72");
//! let built = Built::new(Provenance::new("amazon-ebs", "898ab81b")).image(image);
//! let web = Artifact::new("acmeinc/web".parse()?, "1.0.0".parse()?, built)?;
//!
//! registry.publish(&web, &"ci".into()).await?;
//! registry
//!     .set_channel(SetChannel {
//!         name: "acmeinc/web".parse()?,
//!         channel: "production".parse()?,
//!         expected: None, // there is no such channel yet
//!         to: "1.0.0".parse()?,
//!         by: "ann".into(),
//!         why: "first release".into(),
//!     })
//!     .await?;
//!
//! let view = registry.view(web.name()).await?;
//! for selector in ["1.0.0", "^1", "@production", &web.digest().to_string()] {
//!     assert_eq!(view.resolve(&selector.parse()?)?, &web);
//! }
//! # Ok::<(), immutable_core::Error>(()) })?;
//! # Ok::<(), immutable_core::Error>(())
//! ```

mod event;
mod journal;
mod rules;
mod selector;
mod state;
mod view;

use std::sync::Arc;

use async_trait::async_trait;

use crate::artifact::{Artifact, ArtifactName, Digest, Version};
use crate::error::Result;
use crate::id::Actor;

pub use journal::JournalRegistry;
pub use selector::{ChannelName, ChannelNameError, Selector};
pub use view::{Channel, ChannelMove, Entry, RegistryView, Revocation, Status};

/// Where artifacts are recorded.
///
/// # Contract
/// To ensure correctness, whatever implements this:
/// - what is published never changes, but for copies of its images, and is never lost;
/// - writes under one name are in one order, the same for everyone, and each is checked against all before it;
/// - every call may be dropped at any await: a write then may or may not take effect, now or later;
/// - a write whose error says that it [may have been applied](crate::Applied::Unknown) may be made again.
#[async_trait]
pub trait ImageRegistry: Send + Sync {
    /// Records an artifact under its name and version.
    ///
    /// # Contract
    /// The same name, version and digest again is accepted; images that it has and the record lacks are recorded as copies. One digest
    /// may have several versions, so that a release candidate becomes the release unchanged.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if the version has another digest, naming both, or if a place has another image;
    /// [`Denied`](crate::ErrorKind::Denied) if it is a new version of a revoked digest.
    async fn publish(&self, artifact: &Artifact, by: &Actor) -> Result<Publication>;

    /// Points a channel to a version, if it points where the caller believes.
    ///
    /// # Contract
    /// Where it already points to that version, as expected, nothing is recorded. Every other move is, for ever.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if it points elsewhere than expected, naming both;
    /// [`NotFound`](crate::ErrorKind::NotFound) or [`Denied`](crate::ErrorKind::Denied) if the version is not published or is revoked.
    async fn set_channel(&self, request: SetChannel) -> Result<()>;

    /// Declares that nothing of a digest may be launched any more, under whichever version of this name. It cannot be taken back.
    ///
    /// # Contract
    /// Again is accepted and changes nothing: the first reason stands. Channels stay where they point, and no longer
    /// [resolve](RegistryView::resolve). The same digest under another name is revoked there.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the name has no such digest.
    async fn revoke(&self, request: Revoke) -> Result<()>;

    /// What is known of a name now.
    ///
    /// # Contract
    /// Everything acknowledged before the call is in it. A name that was never used gives an empty view, not an error.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if what is recorded cannot be read or contradicts itself, naming the record.
    async fn view(&self, name: &ArtifactName) -> Result<RegistryView>;

    /// Every name under which something was published, in ascending order.
    async fn names(&self) -> Result<Vec<ArtifactName>>;

    /// An artifact, what it was built on, and so on to the oldest, across names.
    ///
    /// # Contract
    /// The first is of the digest asked for. The last has no known base, or is itself not published here and has no
    /// [entries](Ancestor::entries). It reads every name, so it is for people and audits, not for each tick.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the digest is not published here.
    async fn ancestry(&self, digest: Digest) -> Result<Vec<Ancestor>>;
}

/// What publishing did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publication {
    /// The version is new.
    New,
    /// It was published already; copies of its images are new.
    Copied,
    /// It was published already, just so.
    Known,
}

/// A move of a channel.
#[derive(Clone, Debug)]
pub struct SetChannel {
    /// Of which artifact.
    pub name: ArtifactName,
    /// Which channel.
    pub channel: ChannelName,
    /// The version it points to now; `None` if there is no such channel.
    pub expected: Option<Version>,
    /// The version it shall point to.
    pub to: Version,
    /// Who moves it.
    pub by: Actor,
    /// Why.
    pub why: Arc<str>,
}

/// A revocation to be made.
#[derive(Clone, Debug)]
pub struct Revoke {
    /// Of which artifact.
    pub name: ArtifactName,
    /// Of which build.
    pub digest: Digest,
    /// Who revokes it.
    pub by: Actor,
    /// Why.
    pub why: Arc<str>,
}

/// One link of an ancestry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ancestor {
    /// What was built.
    pub digest: Digest,
    /// As what it is published here, in the order of names and versions; empty if it is not.
    pub entries: Vec<Entry>,
}
