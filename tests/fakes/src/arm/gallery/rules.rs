//! What a version must be, and what of it cannot be changed.

use serde_json::{Value, json};

use super::super::asked::{Asked, at, key, list, name_of, put, text};
use super::super::error::{ArmError, Result, conflict, error, invalid};
use super::super::world::{World, time};
use super::replication::{region_key, region_name};
use super::{APPLICATION, IMAGE};

/// Versions are of one of two sorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Image,
    Application,
}

impl Sort {
    pub(super) fn of(asked: &Asked) -> Self {
        if asked.row.call.starts_with("galleryApplicationVersions") { Self::Application } else { Self::Image }
    }

    /// As targets of errors call it.
    fn word(self) -> &'static str {
        match self {
            Self::Image => "galleryImageVersion",
            Self::Application => "galleryApplicationVersion",
        }
    }

    /// What is said once. Of images packer#9716 quotes one; the first is the name since 2018-06-01 of what that quote has. Of applications
    /// `azurerm_gallery_application_version` in Terraform's registry says so: "Changing this forces a new resource to be created".
    fn fixed(self) -> &'static [&'static str] {
        match self {
            Self::Image => &[
                "properties.storageProfile.source.id",
                "properties.storageProfile.source.virtualMachineId",
                "properties.storageProfile.source.communityGalleryImageId",
                "properties.storageProfile.osDiskImage.source.id",
                "properties.storageProfile.osDiskImage.source.uri",
                "properties.publishingProfile.replicationMode",
                "properties.publishingProfile.storageAccountType",
            ],
            Self::Application => &[
                "properties.publishingProfile.source.mediaLink",
                "properties.publishingProfile.source.defaultConfigurationLink",
                "properties.publishingProfile.manageActions.install",
                "properties.publishingProfile.manageActions.remove",
                "properties.publishingProfile.manageActions.update",
            ],
        }
    }
}

/// The definition that a version is of must be there: "ParentResourceNotFound".
pub(super) fn parent(world: &World, sort: Sort, asked: &Asked) -> Result<()> {
    let id = asked.path.split('/').take(11).collect::<Vec<_>>().join("/");
    let kind = if sort == Sort::Image { IMAGE } else { APPLICATION };
    if world.find(&id).is_some() {
        return Ok(());
    }
    let message = format!(
        "Can not perform requested operation on nested resource. Parent resource '{}' of type '{kind}' not found.",
        name_of(&id)
    );
    Err(error(404, "ParentResourceNotFound", message))
}

/// "Needs to follow semantic version name pattern: The allowed characters are digit and period. Digits must be within the range of a 32-bit integer.
/// Format: `MajorVersion.MinorVersion.Patch`": galleryImageVersions.createOrUpdate.
pub(super) fn version_name(sort: Sort, name: &str) -> Result<()> {
    let number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u32>().is_ok_and(|number| i32::try_from(number).is_ok())
    };
    if name.split('.').count() == 3 && name.split('.').all(number) {
        return Ok(());
    }
    let target = format!("{}Name", sort.word());
    Err(invalid(
        &target,
        format!("The entity name '{name}' is invalid according to its validation rule: ^[0-9]+\\.[0-9]+\\.[0-9]+$."),
    ))
}

/// What a new version is made of must be there.
pub(super) fn source(world: &World, sort: Sort, body: &Value) -> Result<()> {
    let required = |field: &str| {
        let target = format!("{}.{field}", sort.word());
        Err(invalid(&target, format!("Required parameter '{target}' is missing (null).")))
    };
    if sort == Sort::Application {
        for field in ["properties.publishingProfile.source.mediaLink"] {
            if text(body, field).is_empty() {
                return required(field);
            }
        }
        // "Required. The path and arguments to install the gallery application": UserArtifactManage, `install`, and `remove`.
        if let Some(actions) = at(body, "properties.publishingProfile.manageActions").filter(|actions| !actions.is_null()) {
            for field in ["install", "remove"] {
                if text(actions, field).is_empty() {
                    return required(&format!("properties.publishingProfile.manageActions.{field}"));
                }
            }
        }
        return Ok(());
    }
    let ids = ["id", "virtualMachineId", "communityGalleryImageId"]
        .map(|field| text(body, &format!("properties.storageProfile.source.{field}")));
    let disk = ["id", "uri"].map(|field| text(body, &format!("properties.storageProfile.osDiskImage.source.{field}")));
    let (whole, disks) = (ids.iter().any(|id| !id.is_empty()), disk.iter().any(|id| !id.is_empty()));
    if whole && disks {
        // azure-sdk-for-net#37760 quotes it.
        let message = "The gallery artifact version source can only be specified either directly under storageProfile or within individual OS or data disks";
        return Err(invalid("galleryImageVersion.properties.storageProfile", message));
    }
    if !whole && !disks {
        return required("properties.storageProfile.source");
    }
    for id in ids.into_iter().chain([disk[0]]).filter(|id| !id.is_empty()) {
        known(world, id)?;
    }
    Ok(())
}

/// A managed image, another version, or a generalized machine: "GalleryArtifactVersionFullSource". Snapshots and disks are nobody's here.
fn known(world: &World, id: &str) -> Result<()> {
    let foreign = ["snapshots", "disks"].iter().any(|kind| key(id).contains(&format!("/providers/microsoft.compute/{kind}/")));
    let there = world.find(id).is_some_and(|found| found.state != "Failed" && found.state != "Creating");
    if foreign || there || world.shelf.generalized.contains(&key(id)) {
        return Ok(());
    }
    Err(ArmError {
        target: Some("galleryImageVersion.properties.storageProfile.source".into()),
        ..error(404, "ResourceNotFound", format!("The Resource '{id}' was not found."))
    })
}

/// "Changing property '…' is not allowed.": packer#9716; HTTP 409 as in azure-sdk-for-java#28842. What is not said is not changed.
pub(super) fn unchanged(sort: Sort, before: &Value, said: &Value) -> Result<()> {
    for field in sort.fixed() {
        let (old, new) = (text(before, field), text(said, field));
        if !new.is_empty() && !old.eq_ignore_ascii_case(new) {
            let target = format!("{}.{field}", sort.word());
            let message = format!("Changing property '{target}' is not allowed.");
            return Err(ArmError { target: Some(target), ..conflict("PropertyChangeNotAllowed", message) });
        }
    }
    Ok(())
}

/// A version as it is kept: what the service says itself is not taken from who asks, regions have their whole names.
pub(super) fn kept(world: &World, said: &Value, before: Option<&Value>) -> Value {
    let mut body = said.clone();
    if let Some(properties) = body.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove("provisioningState");
        properties.remove("replicationStatus");
    }
    let published = before.map(|before| text(before, "properties.publishingProfile.publishedDate").to_owned());
    put(&mut body, "properties.publishingProfile.publishedDate", published.unwrap_or_else(|| time(world.now)).into());
    if at(&body, "properties.publishingProfile.excludeFromLatest").is_none_or(Value::is_null) {
        put(&mut body, "properties.publishingProfile.excludeFromLatest", false.into());
    }
    let mut regions = list(&body, "properties.publishingProfile.targetRegions").to_vec();
    if regions.is_empty() {
        // "Create an image definition and an image version": without regions, a version is in that of its gallery.
        regions.push(json!({ "name": text(&body, "location") }));
    }
    for region in &mut regions {
        let name = region_name(text(region, "name"));
        put(region, "name", name.into());
        if at(region, "regionalReplicaCount").is_none_or(Value::is_null) {
            put(region, "regionalReplicaCount", 1.into());
        }
    }
    put(&mut body, "properties.publishingProfile.targetRegions", regions.into());
    body
}

/// The names of its regions.
pub(super) fn regions(body: &Value) -> Vec<String> {
    list(body, "properties.publishingProfile.targetRegions").iter().map(|region| text(region, "name").to_owned()).collect()
}

/// "Gallery image version publishing profile regions 'northeurope' must contain the location of image version 'East US'.": packer#8895 quotes it.
pub(super) fn home(sort: Sort, body: &Value) -> Result<()> {
    let (location, regions) = (text(body, "location"), regions(body));
    if sort == Sort::Application || regions.iter().any(|region| region_key(region) == region_key(location)) {
        return Ok(());
    }
    let message = format!(
        "Gallery image version publishing profile regions '{}' must contain the location of image version '{location}'.",
        regions.join(",")
    );
    Err(invalid("galleryImageVersion.properties.publishingProfile.targetRegions", message))
}
