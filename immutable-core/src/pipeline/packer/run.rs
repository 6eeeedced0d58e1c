//! One run of Packer, and the artifact that it amounts to.

use std::collections::{BTreeMap, BTreeSet};

use super::Import;
use super::builder::{Builder, refused};
use crate::artifact::{Artifact, Built, BuiltFile, Provenance};
use crate::error::{Error, Result};
use crate::time::Timestamp;

/// One run.
pub(super) struct Run {
    /// Its id, or what stands for it.
    pub(super) id: String,
    pub(super) builds: Vec<Build>,
}

/// One build that succeeded.
pub(super) struct Build {
    pub(super) name: String,
    pub(super) builder: &'static Builder,
    pub(super) artifact_id: String,
    pub(super) files: Vec<BuiltFile>,
    pub(super) at: Option<Timestamp>,
    pub(super) custom_data: BTreeMap<String, String>,
}

impl Build {
    /// Its source's name: `a` of the target `web.null.a`. A manifest gives no more than that.
    fn source(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or_default()
    }
}

pub(super) fn artifact(import: &Import, source: &str, run: Run) -> Result<Artifact> {
    whole(import, source, &run)?;
    let name = match &import.name {
        Some(name) => name.clone(),
        None => said(source, &run, "name")?,
    };
    let version = match &import.version {
        Some(version) => version.clone(),
        None => said(source, &run, "version")?,
    };
    let builders: BTreeSet<&str> = run.builds.iter().map(|build| build.builder.kind).collect();
    let builder = builders.into_iter().collect::<Vec<_>>().join("+");
    let mut provenance = Provenance::new(builder, import.build_id.clone().unwrap_or_else(|| run.id.clone()));
    provenance.built_at = run.builds.iter().filter_map(|build| build.at).max();
    provenance.base = import.base;
    provenance.labels = labels(&run);

    // One build may be written twice, by two manifest post-processors.
    let mut images = BTreeSet::new();
    let mut files = BTreeSet::new();
    for build in run.builds {
        images.extend(build.builder.images(&build, &import.places).map_err(|why| refused(source, &build.name, &why))?);
        files.extend(build.files);
    }
    let built = images.into_iter().fold(Built::new(provenance), Built::image);
    let built = files.into_iter().fold(built, |built, file| built.file(file.name, file.size));
    let built = match &import.irreversible {
        Some(why) => built.irreversible(why.clone()),
        None => built,
    };
    Artifact::new(name, version, built)
}

/// Every expected build is there, each as another one.
fn whole(import: &Import, source: &str, run: &Run) -> Result<()> {
    if import.expected.is_empty() && !import.succeeded {
        return Err(Error::invalid(format!(
            "nothing says that {source} is of a whole run, since Packer writes what succeeded of a failed one too; name the builds with expect([..]), or say succeeded() if packer exited with 0"
        )));
    }
    let mut missing: Vec<&String> = import.expected.iter().collect();
    let mut builds: Vec<&Build> = run.builds.iter().collect();
    // The closest meaning first, so that a builder's type never uses up a build that another expectation names.
    let meanings: [fn(&Build) -> &str; 3] = [|build| &build.name, Build::source, |build| build.builder.kind];
    for meaning in meanings {
        missing.retain(|expected| match builds.iter().position(|build| meaning(build) == expected.as_str()) {
            Some(found) => {
                builds.remove(found);
                false
            }
            None => true,
        });
    }
    let Some(first) = missing.first() else {
        return Ok(());
    };
    let there: Vec<&str> = run.builds.iter().map(|build| build.name.as_str()).collect();
    Err(Error::invalid(format!(
        "build {first} is missing from run {} in {source}, which has {}; it failed or was not run, so nothing of the run is taken",
        run.id,
        there.join(", ")
    )))
}

/// What the builds' custom data say of a key, in agreement.
fn said<T>(source: &str, run: &Run, key: &str) -> Result<T>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let mut values = run.builds.iter().filter_map(|build| Some((build, build.custom_data.get(key)?)));
    let Some((first, value)) = values.next() else {
        return Err(Error::invalid(format!(
            "{source} gives the artifact no {key}; put `{key}` into the custom_data of Packer's manifest post-processor, or give {key}(..)"
        )));
    };
    if let Some((other, differs)) = values.find(|(_, other)| *other != value) {
        return Err(Error::invalid(format!(
            "the builds of {source} disagree on the {key}: {} says {value} and {} says {differs}; make them agree, or give {key}(..)",
            first.name, other.name
        )));
    }
    value.parse().map_err(|why| refused(source, &first.name, &format!("has a {key} in its custom_data that is none: {why}")))
}

/// What else the builds' custom data say: a key on which they disagree is kept for each of them, after its name.
fn labels(run: &Run) -> BTreeMap<String, String> {
    let mut keys: BTreeMap<&str, Vec<(&Build, &String)>> = BTreeMap::new();
    for build in &run.builds {
        for (key, value) in &build.custom_data {
            if !["name", "version"].contains(&key.as_str()) {
                keys.entry(key).or_default().push((build, value));
            }
        }
    }
    let mut labels = BTreeMap::new();
    for (key, values) in keys {
        let mut distinct = values.iter().map(|(_, value)| *value).collect::<BTreeSet<_>>().into_iter();
        if let (Some(value), None) = (distinct.next(), distinct.next()) {
            labels.insert(key.to_owned(), value.clone());
        } else {
            labels.extend(values.into_iter().map(|(build, value)| (format!("{}.{key}", build.name), value.clone())));
        }
    }
    labels
}
