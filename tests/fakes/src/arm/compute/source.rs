//! What machines are made of: images and applications, which have to be there, and in the location.

use serde_json::Value;

use super::super::asked::{at, key, list, name_of, text};
use super::super::error::{ArmError, Result, error, invalid};
use super::super::resource::Resource;
use super::super::world::World;

impl World {
    /// The image of an `imageReference`: its key, as exactly as it is known, and its version.
    pub(crate) fn image_of(&self, reference: &Value) -> Result<(String, Option<String>)> {
        let id = text(reference, "id");
        if id.is_empty() {
            let said = |field: &str| text(reference, field);
            if ["publisher", "offer", "sku", "version"].iter().any(|field| said(field).is_empty()) {
                return Err(invalid("imageReference", "Required parameter 'imageReference.id' is missing (null)."));
            }
            let whole = format!("{}:{}:{}:{}", said("publisher"), said("offer"), said("sku"), said("version"));
            return Ok((whole.to_ascii_lowercase(), Some(said("version").into())));
        }
        let kind = super::super::asked::kind_of(id).to_ascii_lowercase();
        match kind.as_str() {
            "microsoft.compute/images" => match self.find(id) {
                Some(found) if found.state == "Succeeded" => Ok((key(id), None)),
                Some(found) => Err(super::super::error::conflict(
                    "ResourceNotReady",
                    format!("The image '{}' is not ready: it is {}.", found.name(), found.state),
                )),
                None => Err(image_missing(id)),
            },
            "microsoft.compute/galleries/images/versions" => {
                let found = self.find(id).filter(|found| self.is_in_location(found)).ok_or_else(|| image_missing(id))?;
                Ok((key(id), Some(found.name().into())))
            }
            // The newest that there is, whichever that may be by then: azurerm#2284.
            "microsoft.compute/galleries/images" => {
                let newest = self.below(&format!("{id}/versions")).filter(|found| self.is_in_location(found));
                let newest = newest.filter(|found| {
                    at(&found.body, "properties.publishingProfile.excludeFromLatest") != Some(&Value::Bool(true))
                });
                let newest = newest.max_by_key(|found| numbers(found.name())).ok_or_else(|| image_missing(id))?;
                Ok((key(&newest.id), Some(newest.name().into())))
            }
            _ => Err(invalid("imageReference.id", format!("'{id}' is not the id of an image."))),
        }
    }

    /// The applications of an `applicationProfile`.
    pub(crate) fn has_applications(&self, profile: &Value) -> Result<()> {
        for application in list(profile, "applicationProfile.galleryApplications") {
            let id = text(application, "packageReferenceId");
            if self.find(id).is_none_or(|found| !self.is_in_location(found)) {
                return Err(error(
                    404,
                    "GalleryApplicationVersionNotFound",
                    format!("The gallery application version {id} is not available in {} region.", self.location),
                ));
            }
        }
        Ok(())
    }

    /// Whether machines can be made here of a version of a gallery: it has been replicated, and the location has learned of it (AgentBaker#8373).
    pub(crate) fn is_in_location(&self, version: &Resource) -> bool {
        if version.state == "Creating" {
            return false;
        }
        match self.shelf.replications.get(&key(&version.id)) {
            Some(copies) => copies.usable_in(&self.location, self.now),
            // Made by hand: it is where it says that it is.
            None => {
                let regions = list(&version.body, "properties.publishingProfile.targetRegions");
                regions.iter().any(|region| plain(text(region, "name")) == plain(&self.location))
            }
        }
    }
}

/// AgentBaker#9228 quotes it.
fn image_missing(id: &str) -> ArmError {
    error(
        404,
        "GalleryImageNotFound",
        format!(
            "The gallery image {id} is not available in the location's region. Please contact image owner to replicate to this region, or change your requested region. ({})",
            name_of(id)
        ),
    )
}

/// `West Europe` and `westeurope` are one.
pub(crate) fn plain(location: &str) -> String {
    location.chars().filter(|letter| !letter.is_whitespace()).collect::<String>().to_ascii_lowercase()
}

/// Versions are three numbers, and are compared as such: "Azure Compute Gallery", image versions.
fn numbers(version: &str) -> Vec<u64> {
    version.split('.').map(|number| number.parse().unwrap_or(0)).collect()
}
