//! What is known of the artifacts of one name, at one moment.

use std::fmt;
use std::sync::Arc;

use crate::artifact::{Artifact, ArtifactName, Digest, Requirement, Version};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{Actor, StreamVersion};
use crate::time::Timestamp;

use super::state::State;
use super::{ChannelName, Selector};

/// The artifacts of one name as they were at [`as_of`](RegistryView::as_of): immutable, answered without waiting, cheap to clone.
#[derive(Clone)]
pub struct RegistryView {
    state: Arc<State>,
    as_of: Timestamp,
}

/// One published artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The artifact, with the copies recorded for it.
    pub artifact: Artifact,
    /// When it was published.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// Whether it may still be launched, and why not.
    pub revoked: Option<Revocation>,
}

/// Why an artifact may no longer be launched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revocation {
    /// When it was revoked.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// Why.
    pub why: Arc<str>,
}

/// `revoked by ann at 2026-11-21T09:30:00.000Z: it leaks`
impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "revoked by {} at {}: {}", self.by, self.at, self.why)
    }
}

/// A name for whichever version is current in some sense, with everything it ever pointed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    pub(super) current: Version,
    pub(super) history: Vec<ChannelMove>,
}

impl Channel {
    /// The version it points to.
    pub fn current(&self) -> &Version {
        &self.current
    }

    /// Every move, the oldest first; never empty.
    pub fn history(&self) -> &[ChannelMove] {
        &self.history
    }
}

/// One move of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelMove {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// Why.
    pub why: Arc<str>,
    /// The version it pointed to before; `None` if this made it.
    pub from: Option<Version>,
    /// The version it points to since.
    pub to: Version,
}

/// What a registry knows of a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was never published under this name.
    Unknown,
    /// It was published.
    Known {
        /// Whether it may still be launched, and why not.
        revoked: Option<Revocation>,
    },
}

impl RegistryView {
    pub(super) fn new(state: Arc<State>, as_of: Timestamp) -> Self {
        Self { state, as_of }
    }

    /// The name.
    pub fn name(&self) -> &ArtifactName {
        &self.state.name
    }

    /// When the read was begun: everything acknowledged before is in it.
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// The version of the stream that it amounts to; 0 if nothing was ever published under the name.
    pub fn stream_version(&self) -> StreamVersion {
        self.state.head
    }

    /// Every version, revoked ones too, in ascending order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.state.versions.values()
    }

    /// The entry of a version, revoked or not.
    pub fn version(&self, version: &Version) -> Option<&Entry> {
        self.state.versions.get(version)
    }

    /// The entries of a digest, revoked or not, in ascending order: a release candidate and the release it became may be one build.
    pub fn digest(&self, digest: Digest) -> impl DoubleEndedIterator<Item = &Entry> {
        self.state.of_digest(digest)
    }

    /// The highest version that meets a requirement and is not revoked.
    pub fn highest(&self, requirement: &Requirement) -> Option<&Entry> {
        self.entries().rev().find(|entry| entry.revoked.is_none() && entry.artifact.version().matches(requirement))
    }

    /// A channel, by its name.
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.state.channels.get(name)
    }

    /// Every channel, in the order of their names.
    pub fn channels(&self) -> impl Iterator<Item = (&ChannelName, &Channel)> {
        self.state.channels.iter()
    }

    /// Whether a digest was published under this name, and whether it may still be launched.
    pub fn status(&self, digest: Digest) -> Status {
        match self.digest(digest).next() {
            None => Status::Unknown,
            Some(entry) => Status::Known { revoked: entry.revoked.clone() },
        }
    }

    /// An artifact's digest, its base's, that one's base's and so on, as far as this name knows them; the last may be the digest of
    /// something published elsewhere or nowhere. Empty if the first is unknown. Across names:
    /// [`ancestry`](super::ImageRegistry::ancestry).
    pub fn ancestry(&self, digest: Digest) -> Vec<Digest> {
        let base = |digest: &Digest| self.digest(*digest).next().and_then(|entry| entry.artifact.provenance().base);
        // A digest covers its base's, so the chain cannot close on itself.
        let known = self.digest(digest).next().map(|_| digest);
        std::iter::successors(known, base).collect()
    }

    /// The artifact to launch. A map look-up; nothing is copied.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none, saying what there is;
    /// [`Denied`](crate::ErrorKind::Denied) if it is revoked, saying why and which is the highest version that is not.
    pub fn resolve(&self, selector: &Selector) -> Result<&Artifact> {
        let name = self.name();
        let entry = match selector {
            Selector::Version(version) => self.version(version),
            Selector::Requirement(requirement) => self.highest(requirement),
            Selector::Digest(digest) => self.digest(*digest).next_back(),
            Selector::Channel(channel) => self.channel(channel.as_str()).and_then(|channel| self.version(channel.current())),
        };
        let Some(entry) = entry else {
            return Err(Error::new(
                ErrorKind::NotFound,
                match selector {
                    Selector::Version(version) => format!("{name} has no version {version}; {}", self.state.offers()),
                    Selector::Requirement(requirement) => {
                        format!("{name} has no version that meets {requirement} and is not revoked; {}", self.state.offers())
                    }
                    Selector::Digest(digest) => format!("{name} has no artifact {digest}; {}", self.state.offers()),
                    Selector::Channel(channel) => format!("{name} has no channel {channel}; {}", self.state.offers_channels()),
                },
            ));
        };
        let Some(revocation) = &entry.revoked else {
            return Ok(&entry.artifact);
        };
        let way = match selector {
            Selector::Channel(channel) => format!("channel {channel} of {name} points to {},", entry.artifact.version()),
            _ => format!("{}", entry.artifact),
        };
        let linked = if matches!(selector, Selector::Channel(_)) { "which is" } else { "is" };
        Err(Error::new(ErrorKind::Denied, format!("{way} {linked} {revocation}; {}", self.state.instead())))
    }
}

impl fmt::Debug for RegistryView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryView")
            .field("name", self.name())
            .field("as_of", &self.as_of)
            .field("stream_version", &self.stream_version())
            .field("versions", &self.state.versions.keys())
            .field("channels", &self.state.channels)
            .finish_non_exhaustive()
    }
}
