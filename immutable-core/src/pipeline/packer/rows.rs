//! The rows of `packer build -machine-readable`: `time,target,type,data…`.
//!
//! Packer escapes commas and line ends and not the backslash, so a text cannot be got back for certain; what is read here, ids and
//! paths, has neither. Each build announces how many artifacts it has, each artifact how many files, and ends with a row that says so:
//! that is how output that was cut short is known.

use std::collections::BTreeMap;

use super::builder::{Builder, refused};
use super::run::{Build, Run};
use crate::artifact::{BuiltFile, Digest};
use crate::error::{Error, Result};
use crate::time::Timestamp;

/// What was printed of one target.
#[derive(Default)]
struct Target {
    announced: Option<usize>,
    artifacts: BTreeMap<usize, Printed>,
    at: Timestamp,
}

/// What was printed of one artifact.
#[derive(Default)]
struct Printed {
    builder_id: Option<String>,
    id: Option<String>,
    announced: Option<usize>,
    files: BTreeMap<usize, String>,
    ended: bool,
}

impl Printed {
    fn is_whole(&self) -> bool {
        let files = self.announced == Some(self.files.len()) && self.files.keys().copied().eq(0..self.files.len());
        self.ended && self.builder_id.is_some() && self.id.is_some() && files
    }

    /// Whether a post-processor made it, and not the builder. Those of a manifest repeat the builder's.
    fn is_processed(&self) -> bool {
        self.builder_id.as_deref().is_some_and(|id| id.contains("post-processor"))
    }
}

pub(super) fn parse(source: &str, text: &str) -> Result<Run> {
    let mut targets: BTreeMap<String, Target> = BTreeMap::new();
    let mut failures: BTreeMap<String, String> = BTreeMap::new();
    let mut failed: u32 = 0;
    for line in text.lines() {
        let fields: Vec<String> = line.split(',').map(|field| field.replace("%!(PACKER_COMMA)", ",")).collect();
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        match fields.as_slice() {
            [_, _, "ui", ..] => {}
            [_, "", "error-count", count] => failed = count.parse().unwrap_or(1),
            [_, target, "error", why @ ..] => {
                failures.entry((*target).to_owned()).or_insert_with(|| why.join(","));
            }
            [_, target, "artifact-count", count] if !target.is_empty() => {
                targets.entry((*target).to_owned()).or_default().announced = count.parse().ok();
            }
            [time, target, "artifact", index, data @ ..] if !target.is_empty() => {
                let target = targets.entry((*target).to_owned()).or_default();
                let seconds: i64 = time.parse().unwrap_or_default();
                target.at = target.at.max(Timestamp::from_millis(seconds.saturating_mul(1000)));
                if let Ok(index) = index.parse() {
                    target.artifacts.entry(index).or_default().take(data);
                }
            }
            _ => {}
        }
    }
    if let Some((target, why)) = failures.into_iter().next() {
        let target = if target.is_empty() { "(unnamed)" } else { &target };
        return Err(refused(source, target, &format!("failed: {why}")));
    }
    if failed > 0 {
        return Err(Error::invalid(format!("{source} counts {failed} failed builds and does not name them; build again")));
    }
    if targets.is_empty() {
        return Err(Error::invalid(format!(
            "{source} has no artifacts; give the whole output of packer build -machine-readable"
        )));
    }
    let builds = targets.into_iter().map(|(name, target)| build(source, name, target)).collect::<Result<_>>()?;
    Ok(Run { id: Digest::of(text.as_bytes()).to_string(), builds })
}

impl Printed {
    fn take(&mut self, data: &[&str]) {
        match data {
            ["builder-id", id] => self.builder_id = Some((*id).to_owned()),
            ["id", id] => self.id = Some((*id).to_owned()),
            ["files-count", count] => self.announced = count.parse().ok(),
            ["file", index, path] => {
                if let Ok(index) = index.parse() {
                    self.files.insert(index, (*path).to_owned());
                }
            }
            ["end"] => self.ended = true,
            _ => {}
        }
    }
}

fn build(source: &str, name: String, target: Target) -> Result<Build> {
    let Some(announced) = target.announced else {
        return Err(refused(source, &name, "does not say how many artifacts it has; the output was cut"));
    };
    for index in 0..announced.max(target.artifacts.len()) {
        if index >= announced || !target.artifacts.get(&index).is_some_and(Printed::is_whole) {
            let why = format!("announces {announced} artifacts, and number {index} is not as announced; the output was cut");
            return Err(refused(source, &name, &why));
        }
    }
    let mut made = target.artifacts.into_values().filter(|artifact| !artifact.is_processed());
    let Some(first) = made.next() else {
        return Err(refused(
            source,
            &name,
            "has no artifact of its builder; keep it with keep_input_artifact in its post-processors",
        ));
    };
    if let Some(other) = made.find(|other| other.id != first.id) {
        let id = |id: Option<String>| id.unwrap_or_default();
        let why =
            format!("has two artifacts of its builder, `{}` and `{}`, of which only one can be it", id(first.id), id(other.id));
        return Err(refused(source, &name, &why));
    }
    let builder_id = first.builder_id.unwrap_or_default();
    let Some(builder) = Builder::of_id(&builder_id) else {
        let why =
            format!("is by the builder of id `{builder_id}`, which is not understood; these types are: {}", Builder::kinds());
        return Err(refused(source, &name, &why));
    };
    Ok(Build {
        name,
        builder,
        artifact_id: first.id.unwrap_or_default(),
        files: first.files.into_values().map(|name| BuiltFile { name, size: None }).collect(),
        at: Some(target.at),
        custom_data: BTreeMap::new(),
    })
}
