//! The fold of a name's events. It checks them again: a stream that contradicts itself is corrupt, and nothing may be launched from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::artifact::{ArtifactName, Digest, Version};
use crate::id::StreamVersion;
use crate::time::Timestamp;

use super::ChannelName;
use super::event::Event;
use super::view::{Channel, ChannelMove, Entry, Revocation};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) name: ArtifactName,
    pub(super) head: StreamVersion,
    /// When the last record was written.
    pub(super) last: Timestamp,
    pub(super) versions: BTreeMap<Version, Entry>,
    pub(super) channels: BTreeMap<ChannelName, Channel>,
    digests: BTreeMap<Digest, BTreeSet<Version>>,
}

impl State {
    pub(super) fn new(name: ArtifactName) -> Self {
        Self {
            name,
            head: StreamVersion(0),
            last: Timestamp::default(),
            versions: BTreeMap::new(),
            channels: BTreeMap::new(),
            digests: BTreeMap::new(),
        }
    }

    /// The entries of a digest, in ascending order of their versions.
    pub(super) fn of_digest(&self, digest: Digest) -> impl DoubleEndedIterator<Item = &Entry> {
        self.digests.get(&digest).into_iter().flatten().filter_map(|version| self.versions.get(version))
    }

    /// Adds one record's event, or says why it cannot follow the others.
    pub(super) fn apply(&mut self, at: Timestamp, event: Event) -> Result<(), String> {
        match event {
            Event::Published { artifact, by } => {
                let (version, digest) = (artifact.version().clone(), artifact.digest());
                if *artifact.name() != self.name {
                    return Err(format!("publishes {artifact}, which is of another name"));
                }
                if self.versions.contains_key(&version) {
                    return Err(format!("publishes {version} a second time"));
                }
                if self.of_digest(digest).any(|entry| entry.revoked.is_some()) {
                    return Err(format!("publishes {version}, whose digest is revoked"));
                }
                self.digests.entry(digest).or_default().insert(version.clone());
                self.versions.insert(version, Entry { artifact, at, by, revoked: None });
            }
            Event::Copied { version, copies, .. } => {
                let entry = self.versions.get_mut(&version).ok_or_else(|| format!("copies {version}, which is not published"))?;
                let mut artifact = entry.artifact.clone();
                for copy in copies {
                    artifact = artifact.with_copy(copy).map_err(|why| why.to_string())?;
                }
                entry.artifact = artifact;
            }
            Event::ChannelMoved { channel, from, to, by, why } => {
                let current = self.channels.get(&channel).map(|channel| &channel.current);
                if current != from.as_ref() {
                    return Err(format!("moves channel {channel} from where it was not"));
                }
                if self.versions.get(&to).is_none_or(|entry| entry.revoked.is_some()) {
                    return Err(format!("moves channel {channel} to {to}, which is unknown or revoked"));
                }
                let moved = ChannelMove { at, by, why, from, to: to.clone() };
                let channel =
                    self.channels.entry(channel).or_insert_with(|| Channel { current: to.clone(), history: Vec::new() });
                channel.current = to;
                channel.history.push(moved);
            }
            Event::Revoked { digest, by, why } => {
                if self.of_digest(digest).next().is_none() {
                    return Err(format!("revokes {digest}, which is not published"));
                }
                if self.of_digest(digest).any(|entry| entry.revoked.is_some()) {
                    return Err(format!("revokes {digest} a second time"));
                }
                let revocation = Revocation { at, by, why };
                for version in self.digests.get(&digest).into_iter().flatten() {
                    if let Some(entry) = self.versions.get_mut(version) {
                        entry.revoked = Some(revocation.clone());
                    }
                }
            }
        }
        self.head = StreamVersion(self.head.0 + 1);
        self.last = self.last.max(at);
        Ok(())
    }

    /// The versions there are, for a message: the five highest, and how many more.
    pub(super) fn offers(&self) -> String {
        const NAMED: usize = 5;
        if self.versions.is_empty() {
            return "nothing is published under that name".to_owned();
        }
        let mut text = "it has ".to_owned();
        for (index, (version, entry)) in self.versions.iter().rev().take(NAMED).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let mark = if entry.revoked.is_some() { " (revoked)" } else { "" };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}{version}{mark}");
        }
        let more = self.versions.len().saturating_sub(NAMED);
        if more > 0 {
            let _ = write!(text, " and {more} older");
        }
        text
    }

    /// The channels there are, for a message.
    pub(super) fn offers_channels(&self) -> String {
        if self.channels.is_empty() {
            return "it has none".to_owned();
        }
        format!("it has {}", self.channels.keys().map(ChannelName::as_str).collect::<Vec<_>>().join(", "))
    }

    /// What to use in place of something revoked, for a message. A release, if there is one.
    pub(super) fn instead(&self) -> String {
        let usable = || self.versions.iter().rev().filter(|(_, entry)| entry.revoked.is_none()).map(|(version, _)| version);
        match usable().find(|version| !version.is_prerelease()).or_else(|| usable().next()) {
            Some(version) => format!("the highest version that is not revoked is {version}"),
            None => "no version of it is left; publish another".to_owned(),
        }
    }
}
