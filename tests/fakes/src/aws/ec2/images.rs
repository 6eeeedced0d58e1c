//! Images: describing, disabling, deprecating and deregistering them.

use super::super::error::{Result, refused};
use super::super::params::Params;
use super::super::world::image::Image;
use super::super::world::{Region, time};
use super::super::xml::Xml;

pub(super) fn describe(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let ids = params.list("ImageId")?;
    let owners = params.list("Owner")?;
    let deprecated = params.flag("IncludeDeprecated")?.unwrap_or(false);
    let disabled = params.flag("IncludeDisabled")?.unwrap_or(false);
    let filters = params.filters()?;
    let paging = super::paging(params, 1, 1000)?;
    super::ready(params)?;
    for id in &ids {
        visible(region, id)?;
    }
    let mut found = Vec::new();
    for image in region.images.values() {
        let mine = image.owner == region.account;
        let state = image.state(region.now);
        if image.deregistered || !(mine || image.public) {
            continue;
        }
        // "Disabled AMIs are hidden unless IncludeDisabled", and hidden from others; "deprecated AMIs do not appear for others, unless asked for by
        // id or IncludeDeprecated; the owner always sees them": EC2 guide, "Disable an AMI" and "Deprecate an AMI".
        let over = image.deprecate_at.is_some_and(|at| region.now >= at);
        if (state == "disabled" && !(disabled && mine)) || (over && !mine && !deprecated && ids.is_empty()) {
            continue;
        }
        let mut wanted = ids.is_empty() || ids.contains(&image.id);
        wanted &= owners.is_empty()
            || owners.iter().any(|owner| *owner == image.owner || (owner == "self" && mine) || (owner == "amazon" && !mine));
        for filter in &filters {
            wanted &= match filter.name.as_str() {
                "name" => filter.admits(&image.name),
                "image-id" => filter.admits(&image.id),
                "state" => filter.admits(state),
                "architecture" => filter.admits(&image.architecture),
                "owner-id" => filter.admits(&image.owner),
                "is-public" => filter.admits(if image.public { "true" } else { "false" }),
                "root-device-type" => filter.admits("ebs"),
                "virtualization-type" => filter.admits("hvm"),
                "source-image-id" => filter.admits(image.source.as_ref().map_or("", |(id, _)| id)),
                "block-device-mapping.snapshot-id" => filter.admits(&image.snapshot),
                _ => filter.admits_tags(&image.tags, region.now).ok_or_else(|| filter.unknown())?,
            };
        }
        if wanted {
            found.push(image);
        }
    }
    let (found, next) = super::pages(found, paging)?;
    let mut xml = Xml::new();
    xml.items("imagesSet", found, |xml, image| write(region, xml, image));
    xml.maybe("nextToken", next);
    Ok(xml)
}

fn write(region: &Region, xml: &mut Xml, image: &Image) {
    xml.text("imageId", &image.id);
    xml.text("imageLocation", format!("{}/{}", image.owner, image.name));
    xml.text("imageState", image.state(region.now));
    xml.text("imageOwnerId", &image.owner);
    xml.text("creationDate", time(image.created));
    xml.text("isPublic", image.public);
    xml.text("architecture", &image.architecture);
    xml.text("imageType", "machine");
    xml.text("name", &image.name);
    xml.maybe("description", (!image.description.is_empty()).then_some(&image.description));
    xml.text("rootDeviceType", "ebs");
    xml.text("rootDeviceName", "/dev/xvda");
    xml.text("virtualizationType", "hvm");
    xml.text("hypervisor", "xen");
    xml.text("enaSupport", true);
    xml.items("blockDeviceMapping", [&image.snapshot], |xml, snapshot| {
        xml.text("deviceName", "/dev/xvda");
        xml.node("ebs", |xml| {
            xml.text("snapshotId", snapshot);
            xml.text("volumeSize", 8);
            xml.text("deleteOnTermination", true);
            xml.text("volumeType", "gp3");
            xml.text("encrypted", false);
        });
    });
    xml.maybe("deprecationTime", image.deprecate_at.map(time));
    if let Some((id, from)) = &image.source {
        xml.text("sourceImageId", id);
        xml.text("sourceImageRegion", from);
    }
    image.tags.xml(xml, region.now);
}

/// An image that may be described by its id.
fn visible<'a>(region: &'a Region, id: &str) -> Result<&'a Image> {
    if !super::well_formed(id, "ami") {
        return Err(refused("InvalidAMIID.Malformed", format!("Invalid id: \"{id}\" (expecting \"ami-...\")")));
    }
    let found = region.images.get(id).filter(|image| image.public || image.owner == region.account);
    let found = found.ok_or_else(|| refused("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")))?;
    if found.deregistered {
        // "The specified AMI has been deregistered or is no longer available": "Error codes for the Amazon EC2 API".
        return Err(refused("InvalidAMIID.Unavailable", format!("The image ID '{id}' is no longer available")));
    }
    Ok(found)
}

/// Only an image's owner may change it.
fn owned<'a>(region: &'a mut Region, params: &mut Params) -> Result<&'a mut Image> {
    let id = params.required("ImageId")?;
    super::ready(params)?;
    let account = region.account.clone();
    if visible(region, &id)?.owner != account {
        return Err(refused("AuthFailure", format!("Not authorized for image:{id}")));
    }
    region.images.get_mut(&id).ok_or_else(|| refused("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")))
}

/// EC2 API, DeregisterImage: instances are left as they are; snapshots too, unless `DeleteAssociatedSnapshots`.
pub(super) fn deregister(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let snapshots = params.flag("DeleteAssociatedSnapshots")?.unwrap_or(false);
    let image = owned(region, params)?;
    image.deregistered = true;
    let mut xml = super::yes();
    if snapshots {
        xml.items("deleteSnapshotResultSet", [&image.snapshot], |xml, id| {
            xml.text("snapshotId", id);
            xml.text("returnCode", "success");
        });
    }
    Ok(xml)
}

pub(super) fn disable(region: &mut Region, params: &mut Params) -> Result<Xml> {
    owned(region, params)?.disabled = true;
    Ok(super::yes())
}

pub(super) fn enable(region: &mut Region, params: &mut Params) -> Result<Xml> {
    owned(region, params)?.disabled = false;
    Ok(super::yes())
}

pub(super) fn deprecate(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let text = params.required("DeprecateAt")?;
    let at: immutable_core::time::Timestamp =
        text.parse().map_err(|_| refused("InvalidParameterValue", format!("'{text}' is not a time")))?;
    let at = u64::try_from(at.as_millis()).unwrap_or(0);
    // "The date must be in the future": EC2 API, EnableImageDeprecation; seconds are rounded to the nearest minute there.
    if at < region.now {
        return Err(refused("InvalidParameterValue", format!("The deprecation time {text} is in the past")));
    }
    owned(region, params)?.deprecate_at = Some(at);
    Ok(super::yes())
}

pub(super) fn undeprecate(region: &mut Region, params: &mut Params) -> Result<Xml> {
    owned(region, params)?.deprecate_at = None;
    Ok(super::yes())
}
