//! Generations: immutable sets of groups, each of one release.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::artifact::{ArtifactName, Digest, ImageRef, Version};
use crate::error::Result;
use crate::fleet::{FleetId, LaunchTemplate};
use crate::id::{PoolId, Zone, read_text};

/// What "the same", "proven" and "failing" are said of: what was built and how its machines are made, never the image alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The artifact's digest.
    pub artifact: Digest,
    /// The launch template's digest.
    pub template: Digest,
}

/// A generation's ordinal within its fleet: never reused, never derived from content, counted from 1.
///
/// The generation's full name, which providers mark it with, is [`GenerationId::name`]: `web-0007`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct GenerationId(pub u32);

impl GenerationId {
    /// `web-0007`: at most 61 characters of `a-z`, `0-9` and `-`.
    pub fn name(self, fleet: &FleetId) -> String {
        format!("{}-{self}", fleet.name())
    }
}

/// Four digits or more: `0007`.
impl fmt::Display for GenerationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

/// One provider group of a generation: one Auto Scaling group, scale set or managed instance group in one placement.
///
/// In text and JSON `0007.2`: cell 2 of generation 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId {
    /// Whose group.
    pub generation: GenerationId,
    /// Which of its groups, counted from 0.
    pub cell: u16,
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.generation, self.cell)
    }
}

impl serde::Serialize for GroupId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for GroupId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, |text| {
            let parse = || {
                let (generation, cell) = text.split_once('.')?;
                Some(Self { generation: GenerationId(generation.parse().ok()?), cell: cell.parse().ok()? })
            };
            parse().ok_or_else(|| format!("`{text}` is not a group; write it as 0007.0"))
        })
    }
}

/// Everything that is fixed about a generation when it is made.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationSpec {
    /// Whose generation.
    pub fleet: FleetId,
    /// Its ordinal.
    pub id: GenerationId,
    /// The name of the artifact it runs.
    pub name: ArtifactName,
    /// That artifact's version.
    pub version: Version,
    /// What it runs.
    pub release: Release,
    /// The image it launches: pinned, never a family or an alias.
    pub image: ImageRef,
    /// How its machines are made.
    pub template: LaunchTemplate,
    /// Its groups; at least one, their cells counted from 0.
    pub groups: Vec<GroupSpec>,
    /// The pool that its instances are to be targets of, once a route names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolId>,
    /// What the provider may do by itself from its creation on.
    pub upkeep: Upkeep,
    /// Marks for people. Identity (fleet, ordinal, [`digest`](Self::digest)) is marked by the provider besides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
}

impl GenerationSpec {
    /// The mark by which a generation is known again: SHA-256 of the spec's canonical JSON without its upkeep, which may change.
    pub fn digest(&self) -> Digest {
        let marked = Self { upkeep: Upkeep::default(), ..self.clone() };
        // A spec is text, numbers and maps keyed by text: it always has a JSON form.
        Digest::of_json(&marked).unwrap_or_else(|_| Digest::of(format!("{marked:?}").as_bytes()))
    }

    /// The generation's full name: `web-0007`.
    pub fn full_name(&self) -> String {
        self.id.name(&self.fleet)
    }

    /// The ids of its groups.
    pub fn group_ids(&self) -> impl Iterator<Item = GroupId> + '_ {
        self.groups.iter().map(|group| GroupId { generation: self.id, cell: group.cell })
    }
}

/// One group of a generation.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// Its number within the generation.
    pub cell: u16,
    /// Where its instances go.
    pub placement: Placement,
    /// How many instances it may ever have.
    pub max: u32,
}

/// Where a group's instances go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// One zone.
    Zone(Zone),
    /// Wherever the provider puts them in the region.
    Region,
}

/// What the provider may do to a generation's groups by itself. Always the whole wanted set, never a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upkeep {
    /// Replace instances that fail.
    pub heal: bool,
    /// Move instances between zones.
    pub rebalance: bool,
    /// Change sizes by a policy of its own.
    pub autoscale: bool,
}

/// Heal, and nothing else.
impl Default for Upkeep {
    fn default() -> Self {
        Self { heal: true, rebalance: false, autoscale: false }
    }
}

impl Upkeep {
    /// Nothing at all.
    pub const NONE: Self = Self { heal: false, rebalance: false, autoscale: false };
}
