//! What a build produced: a name, a version, a digest over what was built, where it came from, and its images.
//!
//! ```
//! use immutable_core::artifact::{Built, Provenance};
//! use immutable_core::{Artifact, ImageRef, Place};
//!
//! let built = Built::new(Provenance::new("amazon-ebs", "898ab81b"))
//!     .image(ImageRef::new(Place::new("aws", "123456789012", "us-east-1")?, "ami-87121651a2817ca72"));
//! let artifact = Artifact::new("acmeinc/web".parse()?, "1.0.0".parse()?, built)?;
//! assert_eq!(artifact.to_string(), "acmeinc/web 1.0.0");
//! # Ok::<(), immutable_core::Error>(())
//! ```

mod digest;
mod image;
mod name;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::time::Timestamp;

pub use digest::{Digest, DigestError};
pub(crate) use digest::{canonical_json, sha256};
pub use image::{ImageRef, Place, PlaceError};
pub use name::{ArtifactName, NameError, Requirement, RequirementError, Version, VersionError};

/// One build's product under a name and a version. It never changes; copies of its images may be added.
///
/// Two artifacts are the same when their [digests](Artifact::digest) are: the digest covers what was built and from what, and
/// not the name, the version or later copies.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Wire")]
pub struct Artifact {
    name: ArtifactName,
    version: Version,
    digest: Digest,
    #[serde(flatten)]
    built: Built,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    copies: Vec<ImageRef>,
}

/// What a build produced, and how.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Built {
    provenance: Provenance,
    #[serde(default)]
    images: Vec<ImageRef>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<BuiltFile>,
    /// Left out where there is none: the digests of what was built before artifacts could be marked stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    irreversible: Option<Arc<str>>,
}

/// A file that a build left behind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct BuiltFile {
    /// Its path, as the build tool gives it.
    pub name: String,
    /// In bytes, if the build tool says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// Who built it, when, and from what.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Provenance {
    /// What built it: `amazon-ebs`.
    pub builder: String,
    /// Which run of the builder: Packer's run UUID.
    pub build_id: String,
    /// When the build ended, if the builder says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_at: Option<Timestamp>,
    /// The artifact it was built on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Digest>,
    /// Whatever else the build says of itself: a commit, a branch.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Provenance {
    /// By a builder, in a run of it.
    pub fn new(builder: impl Into<String>, build_id: impl Into<String>) -> Self {
        Self { builder: builder.into(), build_id: build_id.into(), built_at: None, base: None, labels: BTreeMap::new() }
    }

    /// When the build ended.
    #[must_use]
    pub fn built_at(mut self, at: Timestamp) -> Self {
        self.built_at = Some(at);
        self
    }

    /// The artifact it was built on.
    #[must_use]
    pub fn base(mut self, base: Digest) -> Self {
        self.base = Some(base);
        self
    }

    /// Adds what the build says of itself.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }
}

impl Built {
    /// Nothing yet, of this provenance.
    pub fn new(provenance: Provenance) -> Self {
        Self { provenance, images: Vec::new(), files: Vec::new(), irreversible: None }
    }

    /// Adds an image that the build made.
    #[must_use]
    pub fn image(mut self, image: ImageRef) -> Self {
        self.images.push(image);
        self
    }

    /// Adds a file that the build made, and its size in bytes if that is known.
    #[must_use]
    pub fn file(mut self, name: impl Into<String>, size: Option<u64>) -> Self {
        self.files.push(BuiltFile { name: name.into(), size });
        self
    }

    /// Marks it: once it has run, what came before it must not run again by itself, for this reason. A migrated database is one.
    ///
    /// The mark is part of the digest: who takes it off has another artifact.
    #[must_use]
    pub fn irreversible(mut self, why: impl Into<Arc<str>>) -> Self {
        self.irreversible = Some(why.into());
        self
    }
}

impl Artifact {
    /// Names what was built.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if two images are in one place: nobody could say which to launch there. Also if it is
    /// marked [irreversible](Built::irreversible) without a reason.
    pub fn new(name: ArtifactName, version: Version, mut built: Built) -> Result<Self> {
        built.images.sort();
        built.files.sort();
        if let Some((one, other)) = built.images.iter().zip(built.images.iter().skip(1)).find(|(a, b)| a.place() == b.place()) {
            return Err(Error::invalid(format!(
                "{name} {version} has two images in {}: {} and {}; give each a name of its own",
                one.place(),
                one.id(),
                other.id()
            )));
        }
        if built.irreversible.as_ref().is_some_and(|why| why.trim().is_empty()) {
            return Err(Error::invalid(format!(
                "{name} {version} is marked irreversible and not why; say it, as in `schema 12: old versions cannot read it`"
            )));
        }
        let digest = Digest::of_json(&built)?;
        Ok(Self { name, version, digest, built, copies: Vec::new() })
    }

    /// Its name: `acmeinc/web`.
    pub fn name(&self) -> &ArtifactName {
        &self.name
    }

    /// Its version.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// SHA-256 over the canonical JSON (keys sorted, no white space) of its provenance, first images, files and, if it has one, its
    /// mark of being [irreversible](Self::irreversible).
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Who built it, when, and from what.
    pub fn provenance(&self) -> &Provenance {
        &self.built.provenance
    }

    /// The files that the build left.
    pub fn files(&self) -> &[BuiltFile] {
        &self.built.files
    }

    /// Why there is no way back from it to an earlier one without a person, if that is so.
    pub fn irreversible(&self) -> Option<&str> {
        self.built.irreversible.as_deref()
    }

    /// Its images, one a place: those that were built, then copies.
    pub fn images(&self) -> impl Iterator<Item = &ImageRef> {
        self.built.images.iter().chain(&self.copies)
    }

    /// Its image for a place: the one there, or one of region `global`, which serves every region of its account (as Google's do).
    pub fn image_in(&self, place: &Place) -> Option<&ImageRef> {
        let serves = |image: &&ImageRef| image.place().serves(place);
        self.images().find(|image| image.place() == place).or_else(|| self.images().find(serves))
    }

    /// The same artifact with a copy of its image in another place.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if it has another image in that place; the same one again is accepted.
    pub fn with_copy(mut self, copy: ImageRef) -> Result<Self> {
        let there = self.images().find(|image| image.place() == copy.place()).cloned();
        match there {
            Some(image) if image == copy => {}
            Some(image) => {
                return Err(Error::new(
                    crate::ErrorKind::Conflict,
                    format!("{self} is {} in {} already, it cannot be {} as well", image.id(), copy.place(), copy.id()),
                ));
            }
            None => {
                self.copies.push(copy);
                self.copies.sort();
            }
        }
        Ok(self)
    }
}

/// `acmeinc/web 1.0.0`
impl fmt::Display for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// What is read before it is believed.
#[derive(serde::Deserialize)]
struct Wire {
    name: ArtifactName,
    version: Version,
    digest: Digest,
    #[serde(flatten)]
    built: Built,
    #[serde(default)]
    copies: Vec<ImageRef>,
}

impl TryFrom<Wire> for Artifact {
    type Error = Error;

    fn try_from(wire: Wire) -> Result<Self> {
        let claimed = wire.digest;
        let mut artifact = Self::new(wire.name, wire.version, wire.built)?;
        if artifact.digest != claimed {
            return Err(Error::new(
                crate::ErrorKind::Corrupt,
                format!("{artifact} says that its digest is {claimed}, but its contents give {}", artifact.digest),
            ));
        }
        for copy in wire.copies {
            artifact = artifact.with_copy(copy)?;
        }
        Ok(artifact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(region: &str, id: &str) -> ImageRef {
        ImageRef::new(Place::new("aws", "123456789012", region).unwrap(), id)
    }

    fn web(built: Built) -> Result<Artifact> {
        Artifact::new("acmeinc/web".parse()?, "1.0.0".parse()?, built)
    }

    fn run() -> Built {
        Built::new(Provenance::new("amazon-ebs", "run-1").label("commit", "9fceb02"))
    }

    #[test]
    fn the_digest_is_over_what_was_built_and_nothing_else() {
        let one = web(run().image(image("a", "ami-1")).image(image("b", "ami-2"))).unwrap();
        let same = web(run().image(image("b", "ami-2")).image(image("a", "ami-1"))).unwrap();
        assert_eq!(one.digest(), same.digest(), "the order of images does not count");
        let copied = one.clone().with_copy(image("c", "ami-3")).unwrap();
        assert_eq!(one.digest(), copied.digest(), "a copy is the same artifact");
        let renamed = Artifact::new("acmeinc/api".parse().unwrap(), "2.0.0".parse().unwrap(), one.built.clone()).unwrap();
        assert_eq!(one.digest(), renamed.digest());
        for other in [
            run().image(image("a", "ami-1")),
            run().image(image("a", "ami-1")).image(image("b", "ami-2")).file("out.raw", Some(1)),
            run().image(image("a", "ami-1")).image(image("b", "ami-2")).irreversible("schema 12"),
            Built { provenance: run().provenance.label("branch", "x"), ..one.built.clone() },
            Built { provenance: Provenance::new("amazon-ebs", "run-2").label("commit", "9fceb02"), ..one.built.clone() },
        ] {
            assert_ne!(one.digest(), web(other).unwrap().digest());
        }
    }

    #[test]
    fn two_images_in_one_place_are_refused() {
        let error = web(run().image(image("a", "ami-1")).image(image("a", "ami-2"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "acmeinc/web 1.0.0 has two images in aws/123456789012/a: ami-1 and ami-2; give each a name of its own"
        );
        let artifact = web(run().image(image("a", "ami-1"))).unwrap();
        assert!(artifact.clone().with_copy(image("a", "ami-1")).is_ok());
        assert!(artifact.with_copy(image("a", "ami-9")).is_err());
    }

    #[test]
    fn the_mark_is_kept_and_leaves_no_trace_where_there_is_none() {
        let plain = web(run().image(image("a", "ami-1"))).unwrap();
        assert_eq!(plain.irreversible(), None);
        assert_eq!(
            plain.digest().to_string(),
            "sha256:b48a708d3305293442ebd19c5f1c8e59626360281e294449d54ee33d695029d6",
            "what was recorded before there was a mark has the digest that it had"
        );
        let json = serde_json::to_string(&plain).unwrap();
        assert!(!json.contains("irreversible"), "{json}");

        let marked = web(run().image(image("a", "ami-1")).irreversible("schema 12")).unwrap();
        assert_eq!(marked.irreversible(), Some("schema 12"));
        let json = serde_json::to_string(&marked).unwrap();
        assert!(json.contains(r#""irreversible":"schema 12""#), "{json}");
        assert_eq!(serde_json::from_str::<Artifact>(&json).unwrap(), marked);
        for other in [json.replace("schema 12", "schema 11"), json.replace(r#","irreversible":"schema 12""#, "")] {
            assert!(serde_json::from_str::<Artifact>(&other).is_err(), "nobody takes the mark off, or changes it: {other}");
        }
        for nothing in ["", " "] {
            let error = web(run().irreversible(nothing)).unwrap_err().to_string();
            assert!(error.starts_with("acmeinc/web 1.0.0 is marked irreversible and not why; say it"), "{error}");
        }
    }

    #[test]
    fn a_digest_that_does_not_fit_is_not_believed() {
        let artifact = web(run().image(image("a", "ami-1"))).unwrap().with_copy(image("b", "ami-2")).unwrap();
        let json = serde_json::to_string(&artifact).unwrap();
        assert_eq!(serde_json::from_str::<Artifact>(&json).unwrap(), artifact);
        let error = serde_json::from_str::<Artifact>(&json.replace("run-1", "run-2")).unwrap_err();
        assert!(error.to_string().contains("says that its digest is"), "{error}");
    }
}
