//! What HashiCorp Packer built, as an [`Artifact`]: from the manifest of its `manifest` post-processor, or from its
//! `-machine-readable` output.
//!
//! ```
//! use immutable_core::pipeline::packer;
//!
//! # let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/packer-1.6.6-acmeinc-web-1.0.0.json");
//! let web = packer::read(manifest).expect(["amazon-ebs"]).aws_account("123456789012").artifact()?;
//! assert_eq!(web.to_string(), "acmeinc/web 1.0.0");
//! assert_eq!(web.images().count(), 2);
//! # Ok::<(), immutable_core::Error>(())
//! ```
//!
//! Name and version are `name` and `version` of the manifest's `custom_data`, or given with [`name`](Import::name) and
//! [`version`](Import::version). Its other keys become labels.
//!
//! **A run must be shown to be whole.** A run of which one build failed still writes the builds that succeeded, and nothing in the
//! manifest tells it from a whole one. So either name the builds that there must be, [`expect`](Import::expect), or vouch for
//! Packer's exit status, [`succeeded`](Import::succeeded); without either nothing is imported.
//!
//! | builder | becomes |
//! |---|---|
//! | `amazon-ebs`, `amazon-ebssurrogate`, `amazon-chroot`, `amazon-instance` | an image in each region of [`aws_account`](Import::aws_account) |
//! | `azure-arm` | a managed image or gallery version in [`azure_regions`](Import::azure_regions) of its subscription |
//! | `googlecompute` | an image in region `global` of [`gcp_project`](Import::gcp_project) |
//! | `file` | files |
//! | `null` | nothing: a run of only these is an artifact without images, which can be recorded and not launched |
//!
//! Formats: Packer 1.6.6, <https://developer.hashicorp.com/packer/docs/post-processors/manifest>.

mod builder;
mod manifest;
mod rows;
mod run;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::artifact::{Artifact, ArtifactName, Digest, Version};
use crate::error::{Error, ErrorKind, Result};

/// Reads a manifest from a file, when [`artifact`](Import::artifact) is called.
pub fn read(path: impl AsRef<Path>) -> Import {
    Import::new(Input::File(path.as_ref().to_owned()))
}

/// Reads a manifest from a text. Messages call it `the manifest`.
pub fn parse(manifest: impl Into<String>) -> Import {
    Import::new(Input::Manifest(manifest.into()))
}

/// Reads the output of `packer build -machine-readable`. Messages call it `the output`.
///
/// Only its typed rows are believed, never messages: those are lossy. A row of type `error` refuses the run. It has no custom data, so
/// the caller gives name and version; no sizes of files; and no id of the run, for which the digest of the whole output stands unless
/// [`build_id`](Import::build_id) is given.
pub fn machine_readable(output: impl Into<String>) -> Import {
    Import::new(Input::Rows(output.into()))
}

/// What to read, and what is known besides. Nothing is read before [`artifact`](Import::artifact).
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `artifact` is called"]
pub struct Import {
    input: Input,
    expected: Vec<String>,
    succeeded: bool,
    name: Option<ArtifactName>,
    version: Option<Version>,
    build_id: Option<String>,
    base: Option<Digest>,
    irreversible: Option<Arc<str>>,
    places: Places,
}

#[derive(Clone, Debug)]
enum Input {
    File(PathBuf),
    Manifest(String),
    Rows(String),
}

/// What ids don't say of where they are.
#[derive(Clone, Debug, Default)]
struct Places {
    aws_account: Option<String>,
    azure_regions: Vec<String>,
    gcp_project: Option<String>,
}

impl Import {
    fn new(input: Input) -> Self {
        Self {
            input,
            expected: Vec::new(),
            succeeded: false,
            name: None,
            version: None,
            build_id: None,
            base: None,
            irreversible: None,
            places: Places::default(),
        }
    }

    /// The builds that the run must have, each by its name or, where that is unique, its builder's type. Each stands for a build of its
    /// own; more builds than these are imported too.
    pub fn expect<B: Into<String>>(mut self, builds: impl IntoIterator<Item = B>) -> Self {
        self.expected.extend(builds.into_iter().map(Into::into));
        self
    }

    /// Vouches that `packer build` exited with 0, so that every build of the run is there.
    pub fn succeeded(mut self) -> Self {
        self.succeeded = true;
        self
    }

    /// The artifact's name, in place of `custom_data`'s.
    pub fn name(mut self, name: ArtifactName) -> Self {
        self.name = Some(name);
        self
    }

    /// The artifact's version, in place of `custom_data`'s.
    pub fn version(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }

    /// The id of the run, in place of Packer's.
    pub fn build_id(mut self, id: impl Into<String>) -> Self {
        self.build_id = Some(id.into());
        self
    }

    /// The artifact that it was built on.
    pub fn base(mut self, base: Digest) -> Self {
        self.base = Some(base);
        self
    }

    /// Marks the artifact as one from which there is [no way back](crate::artifact::Built::irreversible) without a person, and says why.
    pub fn irreversible(mut self, why: impl Into<Arc<str>>) -> Self {
        self.irreversible = Some(why.into());
        self
    }

    /// The account that owns the AMIs: their ids don't say.
    pub fn aws_account(mut self, account: impl Into<String>) -> Self {
        self.places.aws_account = Some(account.into());
        self
    }

    /// The regions of Azure images, whose ids name the subscription only: one of a managed image, all those that a gallery version was
    /// replicated to.
    pub fn azure_regions<R: Into<String>>(mut self, regions: impl IntoIterator<Item = R>) -> Self {
        self.places.azure_regions.extend(regions.into_iter().map(Into::into));
        self
    }

    /// The project that owns the GCP images, of which Packer gives only the names.
    pub fn gcp_project(mut self, project: impl Into<String>) -> Self {
        self.places.gcp_project = Some(project.into());
        self
    }

    /// Reads it.
    ///
    /// # Errors
    /// One line that names the file and what is wrong. [`NotFound`](crate::ErrorKind::NotFound) if there is no such file; otherwise
    /// [`Invalid`](crate::ErrorKind::Invalid).
    pub fn artifact(&self) -> Result<Artifact> {
        let (source, run) = match &self.input {
            Input::File(path) => {
                let source = path.display().to_string();
                let text = std::fs::read_to_string(path).map_err(|why| match why.kind() {
                    std::io::ErrorKind::NotFound => Error::new(
                        ErrorKind::NotFound,
                        format!("there is no file {source}; give the `output` of Packer's manifest post-processor"),
                    ),
                    _ => Error::invalid(format!("{source} cannot be read: {why}")),
                })?;
                let run = manifest::parse(&source, &text)?;
                (source, run)
            }
            Input::Manifest(text) => ("the manifest".to_owned(), manifest::parse("the manifest", text)?),
            Input::Rows(text) => ("the output".to_owned(), rows::parse("the output", text)?),
        };
        run::artifact(self, &source, run)
    }
}
