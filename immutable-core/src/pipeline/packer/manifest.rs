//! The file that the `manifest` post-processor writes. It grows with every run; only the last one counts.

use std::collections::BTreeMap;

use super::builder::{Builder, refused};
use super::run::{Build, Run};
use crate::artifact::BuiltFile;
use crate::error::{Error, Result};
use crate::time::Timestamp;

#[derive(serde::Deserialize)]
#[serde(expecting = "an object with builds and last_run_uuid")]
struct Manifest {
    builds: Vec<Written>,
    last_run_uuid: String,
}

#[derive(serde::Deserialize)]
#[serde(expecting = "a build")]
struct Written {
    name: String,
    builder_type: String,
    /// Seconds since 1970; absent with `strip_time`.
    build_time: Option<i64>,
    files: Option<Vec<WrittenFile>>,
    artifact_id: String,
    packer_run_uuid: String,
    custom_data: Option<BTreeMap<String, String>>,
}

#[derive(serde::Deserialize)]
#[serde(expecting = "a file")]
struct WrittenFile {
    name: String,
    size: u64,
}

pub(super) fn parse(source: &str, text: &str) -> Result<Run> {
    let manifest: Manifest =
        serde_json::from_str(text).map_err(|why| Error::invalid(format!("{source} is not a Packer manifest: {why}")))?;
    let id = manifest.last_run_uuid;
    if manifest.builds.is_empty() {
        return Err(Error::invalid(format!("{source} has no builds; run packer build with the manifest post-processor")));
    }
    let last = manifest.builds.into_iter().filter(|build| build.packer_run_uuid == id);
    let builds = last.map(|written| build(source, written)).collect::<Result<Vec<_>>>()?;
    if builds.is_empty() {
        return Err(Error::invalid(format!(
            "{source} has no build of its last run, `{id}`; delete it and run packer build again"
        )));
    }
    Ok(Run { id, builds })
}

fn build(source: &str, written: Written) -> Result<Build> {
    let Some(builder) = Builder::of_kind(&written.builder_type) else {
        let why =
            format!("is of builder type `{}`, which is not understood; these are: {}", written.builder_type, Builder::kinds());
        return Err(refused(source, &written.name, &why));
    };
    Ok(Build {
        name: written.name,
        builder,
        artifact_id: written.artifact_id,
        files: written.files.into_iter().flatten().map(|file| BuiltFile { name: file.name, size: Some(file.size) }).collect(),
        at: written.build_time.map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000))),
        custom_data: written.custom_data.unwrap_or_default(),
    })
}
