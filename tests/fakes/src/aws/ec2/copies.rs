//! CopyImage: called in the region that the copy is made in.

use super::super::error::refused;
use super::super::params::Params;
use super::super::request::{Answer, Body};
use super::super::world::image::Image;
use super::super::world::{Region, Tags};
use super::super::xml::Xml;

/// `source` is the image that is named, if there is one.
pub(crate) fn copy(region: &mut Region, mut params: Params, source: Option<Image>) -> Answer {
    let params = &mut params;
    let token = params.text("ClientToken");
    let asked = params.all().clone();
    let name = params.required("Name")?;
    let from = params.required("SourceRegion")?;
    let id = params.required("SourceImageId")?;
    let description = params.text("Description").unwrap_or_default();
    let with_tags = params.flag("CopyImageTags")?.unwrap_or(false);
    params.flag("Encrypted")?;
    params.text("KmsKeyId");
    let mut tags = Tags::default();
    for mut spec in params.structs("TagSpecification")? {
        let of = spec.required("ResourceType")?;
        if !["image", "snapshot"].contains(&of.as_str()) {
            return Err(refused(
                "InvalidParameterValue",
                format!("'{of}' is not a valid taggable resource type for this operation."),
            ));
        }
        let given = spec.tags("Tag")?;
        spec.finish()?;
        if of == "image" {
            given.into_iter().for_each(|(key, value)| tags.set(key, value, 0));
        }
    }
    super::ready(params)?;
    // "CopyImage … ClientToken": "Ensuring idempotency in Amazon EC2 API requests" lists it.
    if let Some(made) = region.replayed("CopyImage", token.as_deref(), &asked)? {
        return Ok(answer(&made));
    }
    let Some(source) = source.filter(|image| !image.deregistered && (image.public || image.owner == region.account)) else {
        return Err(refused("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")));
    };
    // "You can't copy an AMI that is pending": EC2 guide, "Copy an AMI".
    if source.state(region.now) != "available" {
        return Err(refused("InvalidAMIID.Unavailable", format!("The image ID '{id}' is not available")));
    }
    // AMI names need not be unique in copies, but are in an account's own images: InvalidAMIName.Duplicate.
    if region.images.values().any(|image| image.name == name && image.owner == region.account && !image.deregistered) {
        return Err(refused("InvalidAMIName.Duplicate", format!("AMI name {name} is already in use by AMI")));
    }
    let made = region.make_image(&name);
    let available_at = region.now.saturating_add(region.settings.copy);
    if let Some(image) = region.images.get_mut(&made) {
        image.available_at = available_at;
        image.description = description;
        image.architecture = source.architecture.clone();
        image.fate = source.fate;
        // "CopyImageTags: Indicates whether to include your user-defined AMI tags when copying the AMI"; without it none come along.
        if with_tags && source.owner == image.owner {
            source
                .tags
                .all()
                .into_iter()
                .filter(|(key, _)| !key.starts_with("aws:"))
                .for_each(|(key, value)| image.tags.set(key, value, 0));
        }
        tags.all().into_iter().for_each(|(key, value)| image.tags.set(key, value, 0));
        image.source = Some((id, from));
    }
    if let Some(token) = token.filter(|token| !token.is_empty()) {
        region.remember("CopyImage", "", &token, asked, &made);
    }
    Ok(answer(&made))
}

fn answer(id: &str) -> Body {
    let mut xml = Xml::new();
    xml.text("imageId", id);
    Body::Xml(xml)
}
