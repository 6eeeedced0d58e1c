//! Instance templates, global and regional.

use serde_json::{Map, Value, json};

use super::asked::{Asked, Place, list, project_of, resolve, text};
use super::error::{Result, exists, in_use, invalid, missing, required};
use super::operation::{Ending, Stage};
use super::world::{World, check_name, link, said, time};

/// A template. Nothing ever changes in it: "You can't update instance templates after they're created" ("Instance templates").
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) id: u64,
    pub(crate) path: String,
    pub(crate) created: u64,
    pub(crate) shown_at: u64,
    pub(crate) said: Map<String, Value>,
}

impl Template {
    pub(crate) fn json(&self) -> Value {
        let mut body = self.said.clone();
        body.insert("kind".into(), "compute#instanceTemplate".into());
        body.insert("id".into(), self.id.to_string().into());
        body.insert("creationTimestamp".into(), time(self.created).into());
        body.insert("selfLink".into(), link(&self.path).into());
        if let Place::Region(region) = Place::of(&self.path) {
            body.insert("region".into(), link(&format!("projects/{}/regions/{region}", project_of(&self.path))).into());
        }
        body.into()
    }

    /// What its instances boot from, as a path: an image, or a family.
    pub(crate) fn image(&self) -> Option<String> {
        let properties = self.said.get("properties")?;
        let boot = list(properties, "disks").iter().find(|disk| disk.get("boot") == Some(&json!(true)))?;
        let image = text(boot, "initializeParams.sourceImage");
        (!image.is_empty()).then(|| resolve(project_of(&self.path), image))
    }

    pub(crate) fn machine_type(&self) -> &str {
        self.said.get("properties").map_or("", |properties| text(properties, "machineType"))
    }
}

pub(crate) fn insert(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    check_name(text(&asked.body, "name"))?;
    let path = asked.path();
    // "The name is taken": 409, terraform-provider-google#9207 and others.
    if world.templates.contains_key(&path) {
        return Err(exists(&path));
    }
    let Some(properties) = asked.body.get("properties") else { return Err(required("resource.properties")) };
    let machine_type = text(properties, "machineType");
    if machine_type.is_empty() {
        return Err(required("resource.properties.machineType"));
    }
    // "This field only accepts a machine type name [..]. If you use the machine type full or partial URL [..], the request will result in an
    // INTERNAL_ERROR": InstanceProperties, `machineType`.
    if machine_type.contains('/') {
        return Err(super::error::GceError::internal(500));
    }
    let disks = list(properties, "disks");
    if disks.is_empty() {
        return Err(required("resource.properties.disks"));
    }
    if list(properties, "networkInterfaces").is_empty() {
        return Err(required("resource.properties.networkInterfaces"));
    }
    // Whether the image is there, and may be used, is seen when an instance is made. That is the harder case; whether Google looks here already,
    // nothing that was found says. Its form is looked at here (cloud-foundation-toolkit#95).
    for (at, disk) in disks.iter().enumerate() {
        let image = text(disk, "initializeParams.sourceImage");
        if !image.is_empty() && !asked.resolve(image).starts_with("projects/") {
            let field = format!("resource.properties.disks[{at}].initializeParams.sourceImage");
            return Err(invalid(&field, image, "The URL is malformed."));
        }
    }
    if stage == Stage::Due {
        let template = Template {
            id: asked.id,
            path: path.clone(),
            created: world.now,
            shown_at: world.now + world.settings.lag_templates,
            said: said(&asked.body, &[]),
        };
        world.templates.insert(path, template);
    }
    Ok(Ending::Usual)
}

pub(crate) fn get(world: &World, asked: &Asked) -> Result<Value> {
    let path = asked.path();
    let template = world.templates.get(&path).filter(|template| template.shown_at <= world.now);
    template.map(Template::json).ok_or_else(|| missing(&path))
}

/// "It is not possible to delete templates that are already in use by a managed instance group": instanceTemplates.delete.
pub(crate) fn delete(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    let path = asked.path();
    if !world.templates.contains_key(&path) {
        return Err(missing(&path));
    }
    if (stage == Stage::Due || !world.settings.late_use)
        && let Some(group) = world.groups.values().find(|group| group.template == path)
    {
        return Err(in_use("instance_template", &path, &group.path));
    }
    if stage == Stage::Due {
        world.templates.remove(&path);
    }
    Ok(Ending::Usual)
}
