//! Tags of what EC2 knows.

use super::super::error::{AwsError, Result, refused};
use super::super::params::Params;
use super::super::world::{Region, Tags};
use super::super::xml::Xml;

fn unknown(id: &str) -> AwsError {
    match id.split('-').next() {
        Some("i") => super::no_such_instance(&[id.to_owned()]),
        Some("ami") => refused("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")),
        Some("lt") => refused("InvalidLaunchTemplateId.NotFound", format!("The launch template ID '{id}' does not exist")),
        _ => refused("InvalidID", format!("The ID '{id}' is not valid")),
    }
}

/// EC2 API, CreateTags: all resources or none; a tag of the same key is overwritten.
pub(super) fn create(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let ids = params.list("ResourceId")?;
    let tags = params.tags("Tag")?;
    super::ready(params)?;
    for id in &ids {
        let found = region.tags_of(id).ok_or_else(|| unknown(id))?;
        if found.len() + tags.len() > 50 {
            return Err(refused("TagLimitExceeded", format!("The maximum number of tags for resource {id} has been reached")));
        }
    }
    let since = region.now.saturating_add(region.settings.lag_tags);
    for id in &ids {
        for (key, value) in &tags {
            if let Some(found) = region.tags_of(id) {
                found.set(key.clone(), value.clone(), since);
            }
        }
    }
    Ok(super::yes())
}

/// EC2 API, DeleteTags: "If you omit the value, any tag with this key is deleted; if it is an empty string, only one whose value is empty."
pub(super) fn delete(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let ids = params.list("ResourceId")?;
    let mut tags = Vec::new();
    for mut tag in params.structs("Tag")? {
        tags.push((tag.required("Key")?, tag.text("Value")));
        tag.finish()?;
    }
    super::ready(params)?;
    if let Some(id) = ids.iter().find(|id| region.tags_of(id).is_none()) {
        return Err(unknown(id));
    }
    for id in &ids {
        let Some(found) = region.tags_of(id) else { continue };
        let set = found.all();
        for (key, value) in &tags {
            if set.get(key).is_some_and(|known| value.as_ref().is_none_or(|value| value == known)) {
                found.remove(key);
            }
        }
    }
    Ok(super::yes())
}

impl Region {
    /// The tags of anything that EC2 or ELB knows.
    pub(crate) fn tags_of(&mut self, id: &str) -> Option<&mut Tags> {
        let now = self.now;
        // A snapshot's tags are not kept apart from its image's; a volume's are not kept.
        if let Some(image) = self.images.values_mut().find(|image| image.id == id || image.snapshot == id) {
            return Some(&mut image.tags);
        }
        if let Some(instance) = self.instances.get_mut(id).filter(|instance| instance.shown(now)) {
            return Some(&mut instance.tags);
        }
        if let Some(template) = self.templates.values_mut().find(|template| template.id == id) {
            return Some(&mut template.tags);
        }
        self.subnets.iter_mut().find(|subnet| subnet.id == id).map(|subnet| &mut subnet.tags)
    }
}
