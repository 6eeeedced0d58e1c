//! Images and families, and the boot disks made of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::asked::{Asked, list, text};
use super::error::{Result, bad, error, exists, invalid, missing, stale};
use super::operation::{Ending, Stage};
use super::world::instance::Status;
use super::world::{World, check_name, fingerprint, link, said, time};

/// An image.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) id: u64,
    pub(crate) path: String,
    pub(crate) created: u64,
    /// When it is READY, or FAILED.
    pub(crate) ready_at: u64,
    pub(crate) failed: bool,
    pub(crate) now: u64,
    pub(crate) said: Map<String, Value>,
    pub(crate) labels: BTreeMap<String, String>,
    /// DeprecationStatus, or nothing.
    pub(crate) deprecated: Option<Map<String, Value>>,
    pub(crate) source_id: Option<u64>,
    pub(crate) fate: Fate,
    /// Whether its operation has been told.
    pub(crate) told: bool,
}

/// What becomes of an image's instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// They boot, and pass health checks.
    #[default]
    Sound,
    /// They boot, and fail every health check.
    Sick,
    /// They boot, are well for so long, and then fail every health check.
    Sickens(Duration),
    /// They boot, and fail health checks for so long.
    Slow(Duration),
    /// They stay in `STAGING`.
    Hangs,
    /// They boot, and stop at once: `TERMINATED`.
    Dies,
}

/// What comes of a look at what a template names.
pub(crate) enum Resolved {
    Usable(String),
    Missing,
    NotReady,
    Obsolete,
}

impl Image {
    /// `PENDING`, `READY`, `FAILED`.
    pub(crate) fn status(&self) -> &'static str {
        match self {
            Self { ready_at, now, .. } if now < ready_at => "PENDING",
            Self { failed: true, .. } => "FAILED",
            _ => "READY",
        }
    }

    /// `DEPRECATED`, or nothing; ACTIVE is nothing.
    pub(crate) fn state(&self) -> &str {
        let state = self.deprecated.as_ref().and_then(|status| status.get("state")).and_then(Value::as_str);
        state.filter(|state| *state != "ACTIVE").unwrap_or_default()
    }

    pub(crate) fn family(&self) -> &str {
        self.said.get("family").and_then(Value::as_str).unwrap_or_default()
    }

    /// When its status changes next.
    pub(crate) fn due(&self) -> Option<u64> {
        (!self.told).then_some(self.ready_at)
    }

    fn label_fingerprint(&self) -> String {
        fingerprint(&json!(self.labels))
    }

    pub(crate) fn json(&self) -> Value {
        let mut body = self.said.clone();
        let mut set = |field: &str, value: Value| drop(body.insert(field.into(), value));
        set("kind", "compute#image".into());
        set("id", self.id.to_string().into());
        set("creationTimestamp", time(self.created).into());
        set("selfLink", link(&self.path).into());
        set("status", self.status().into());
        set("sourceType", "RAW".into());
        set("architecture", "X86_64".into());
        set("diskSizeGb", "10".into());
        set("labelFingerprint", self.label_fingerprint().into());
        if !self.labels.is_empty() {
            set("labels", json!(self.labels));
        }
        if self.status() == "READY" {
            set("archiveSizeBytes", "1073741824".into());
        }
        if let Some(status) = &self.deprecated {
            set("deprecated", status.clone().into());
        }
        if let Some(id) = self.source_id {
            let field = if self.said.contains_key("sourceDisk") { "sourceDiskId" } else { "sourceImageId" };
            set(field, id.to_string().into());
        }
        body.into()
    }
}

impl World {
    /// What can be booted of what a template names.
    pub(crate) fn usable_image(&self, named: &str) -> Resolved {
        let found = match named.split_once("/global/images/family/") {
            Some((project, family)) => self.newest(project, family),
            None => self.images.get(named),
        };
        match found {
            None => Resolved::Missing,
            Some(image) if image.status() != "READY" => Resolved::NotReady,
            Some(image) if matches!(image.state(), "OBSOLETE" | "DELETED") => Resolved::Obsolete,
            Some(image) => Resolved::Usable(image.path.clone()),
        }
    }

    /// "Returns the latest image that is part of an image family and is not deprecated": getFromFamily.
    fn newest(&self, project: &str, family: &str) -> Option<&Image> {
        let start = format!("{project}/global/images/");
        let able = self.images.values().filter(|image| {
            image.path.starts_with(&start) && image.family() == family && image.status() == "READY" && image.state().is_empty()
        });
        able.max_by_key(|image| (image.created, image.id))
    }

    /// Images whose time has come are READY or FAILED, and so their operations are done.
    pub(crate) fn finish_images(&mut self) {
        let now = self.now;
        let mut done = Vec::new();
        for image in self.images.values_mut() {
            image.now = now;
            if !image.told && image.ready_at <= now {
                image.told = true;
                done.push((image.path.clone(), image.failed));
            }
        }
        for (path, failed) in done {
            let failure = error(500, "internalError", format!("The image '{path}' could not be made."));
            self.finish(&path, "insert", failed.then_some(&failure));
        }
    }
}

pub(crate) fn get(world: &World, asked: &Asked) -> Result<Value> {
    let path = asked.path();
    world.images.get(&path).map(Image::json).ok_or_else(|| missing(&path))
}

pub(crate) fn newest(world: &World, asked: &Asked) -> Result<Value> {
    let found = world.newest(&format!("projects/{}", asked.project), &asked.name);
    let path = || format!("projects/{}/global/images/family/{}", asked.project, asked.name);
    found.map(Image::json).ok_or_else(|| missing(&path()))
}

const OUTPUT: [&str; 9] = [
    "deprecated",
    "labelFingerprint",
    "labels",
    "sourceImageId",
    "sourceDiskId",
    "sourceSnapshotId",
    "archiveSizeBytes",
    "satisfiesPzi",
    "satisfiesPzs",
];

pub(crate) fn insert(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    check_name(text(&asked.body, "name"))?;
    let path = asked.path();
    if world.images.contains_key(&path) {
        return Err(exists(&path));
    }
    let (image, disk) = (text(&asked.body, "sourceImage"), text(&asked.body, "sourceDisk"));
    let raw = text(&asked.body, "rawDisk.source");
    let sources = [image, disk, raw, text(&asked.body, "sourceSnapshot")];
    if sources.iter().filter(|source| !source.is_empty()).count() != 1 {
        // ansible-collections/google.cloud#378 quotes it.
        return Err(bad("invalid", "Invalid resource usage: 'Must specify exactly one source for an image.'."));
    }
    let mut source_id = None;
    if !image.is_empty() {
        let from = asked.resolve(image);
        source_id = match world.usable_image(&from) {
            Resolved::Usable(from) => world.images.get(&from).map(|image| image.id),
            Resolved::Missing => return Err(missing(&from)),
            Resolved::NotReady => return Err(bad("resourceNotReady", format!("The resource '{from}' is not ready"))),
            Resolved::Obsolete => return Err(invalid("resource.sourceImage", image, "The image is obsolete or deleted.")),
        };
    } else if !disk.is_empty() {
        let from = asked.resolve(disk);
        let found = disks(world).into_iter().find(|(path, _)| *path == from).ok_or_else(|| missing(&from))?;
        // "Create custom images": a disk that is attached to a running instance needs `forceCreate`.
        if !list(&found.1, "users").is_empty() && asked.query.get("forceCreate").is_none_or(|force| force != "true") {
            let by = list(&found.1, "users").first().and_then(Value::as_str).unwrap_or_default().to_owned();
            return Err(super::error::in_use("disk", &from, &by));
        }
        source_id = text(&found.1, "id").parse().ok();
    }
    if stage == Stage::Asked {
        return Ok(Ending::Open);
    }
    let ready_at = world.now + world.settings.imaging;
    let image = Image {
        id: asked.id,
        path: path.clone(),
        created: world.now,
        ready_at,
        failed: false,
        now: world.now,
        labels: labels_of(&asked.body),
        said: said(&asked.body, &OUTPUT),
        deprecated: None,
        source_id,
        fate: Fate::Sound,
        told: false,
    };
    world.images.insert(path, image);
    Ok(Ending::Open)
}

fn labels_of(body: &Value) -> BTreeMap<String, String> {
    let labels = body.get("labels").and_then(Value::as_object);
    labels.into_iter().flatten().map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn known<'a>(world: &'a mut World, path: &str) -> Result<&'a mut Image> {
    world.images.get_mut(path).ok_or_else(|| missing(path))
}

/// "Only the following fields can be modified: family, description, deprecation status": images.patch. Labels, too, with their fingerprint, as
/// `gcloud compute images update` does it.
pub(crate) fn patch(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    let image = known(world, &asked.path())?;
    let body = asked.body.as_object().cloned().unwrap_or_default();
    if let Some(field) = body
        .keys()
        .find(|field| !["family", "description", "deprecated", "labels", "labelFingerprint", "name"].contains(&field.as_str()))
    {
        return Err(invalid(&format!("resource.{field}"), "", "The field cannot be modified."));
    }
    if body.contains_key("labels") && text(&asked.body, "labelFingerprint") != image.label_fingerprint() {
        return Err(stale());
    }
    if stage == Stage::Due {
        for field in ["family", "description"] {
            match body.get(field) {
                Some(Value::Null) => drop(image.said.remove(field)),
                Some(value) if value.as_str() == Some("") => drop(image.said.remove(field)),
                Some(value) => drop(image.said.insert(field.into(), value.clone())),
                None => {}
            }
        }
        if body.contains_key("labels") {
            image.labels = labels_of(&asked.body);
        }
        if let Some(Value::Object(status)) = body.get("deprecated") {
            image.deprecated = (!status.is_empty()).then(|| status.clone());
        }
    }
    Ok(Ending::Usual)
}

/// "If an empty request body is given, clears the deprecation status instead": images.deprecate.
pub(crate) fn deprecate(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    let image = known(world, &asked.path())?;
    let mut status = asked.body.as_object().cloned().unwrap_or_default();
    let state = text(&asked.body, "state");
    if !status.is_empty() && !["ACTIVE", "DEPRECATED", "OBSOLETE", "DELETED"].contains(&state) {
        return Err(invalid("resource.state", state, "It is none of ACTIVE, DEPRECATED, OBSOLETE and DELETED."));
    }
    if stage == Stage::Due {
        if let Some(Value::String(replacement)) = status.get("replacement").cloned() {
            status.insert("replacement".into(), link(&asked.resolve(&replacement)).into());
        }
        image.deprecated = (!status.is_empty()).then_some(status);
    }
    Ok(Ending::Usual)
}

/// Nothing keeps an image that templates name, and who has booted it has a disk of its own: images.delete tells of no such condition.
pub(crate) fn delete(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    known(world, &asked.path())?;
    if stage == Stage::Due {
        world.images.remove(&asked.path());
    }
    Ok(Ending::Usual)
}

/// The boot disks of what there is. They have the name of their instance: AttachedDiskInitializeParams, `diskName`.
pub(crate) fn disks(world: &World) -> Vec<(String, Value)> {
    let there = world.instances.values().filter(|machine| machine.status(world.now) != Status::Gone);
    let disk = |machine: &super::world::instance::Instance| {
        let zone = format!("projects/{}/zones/{}", machine.project, machine.zone);
        let path = format!("{zone}/disks/{}", machine.name);
        let body = json!({
            "kind": "compute#disk",
            "id": machine.disk_id.to_string(),
            "creationTimestamp": time(machine.created),
            "name": machine.name,
            "sizeGb": "10",
            "zone": link(&zone),
            "status": "READY",
            "selfLink": link(&path),
            "sourceImage": link(&machine.image),
            "sourceImageId": machine.image_id.to_string(),
            "type": link(&format!("{zone}/diskTypes/pd-balanced")),
            "users": [link(&machine.path)],
        });
        (path, body)
    };
    there.map(disk).collect()
}
