//! Azure Compute Gallery: image definitions and VM applications, and the versions of both. "Store and share images in an Azure Compute Gallery", "VM
//! Applications overview", and the docstrings of GalleryImageVersion and GalleryApplicationVersion in azure-mgmt-compute.

pub(crate) mod replication;
mod rules;
mod version;

use std::collections::{BTreeMap, BTreeSet};

use super::answer::Answer;
use super::asked::Asked;
use super::error::Result;
use super::table::Row;
use super::world::{MINUTE, World};
use replication::{Copying, Replication};

/// Of everything in galleries.
const VERSIONS: &[&str] = &["2026-03-03"];

pub(crate) const GALLERY: &str = "Microsoft.Compute/galleries";
pub(crate) const IMAGE: &str = "Microsoft.Compute/galleries/images";
pub(crate) const APPLICATION: &str = "Microsoft.Compute/galleries/applications";

const OF_IMAGE: &str = "G/Microsoft.Compute/galleries/*/images/*/versions/*";
const OF_APPLICATION: &str = "G/Microsoft.Compute/galleries/*/applications/*/versions/*";

pub(crate) const CALLS: &[Row] = &[
    Row::new("galleries.get", "GET", "G/Microsoft.Compute/galleries/*", VERSIONS, get).query(&["$select", "$expand"]),
    Row::new("galleryImages.get", "GET", "G/Microsoft.Compute/galleries/*/images/*", VERSIONS, get),
    Row::new("galleryImageVersions.get", "GET", OF_IMAGE, VERSIONS, version::get).query(&["$expand"]),
    Row::new(
        "galleryImageVersions.listByGalleryImage",
        "GET",
        "G/Microsoft.Compute/galleries/*/images/*/versions",
        VERSIONS,
        version::list,
    ),
    Row::new("galleryImageVersions.createOrUpdate", "PUT", OF_IMAGE, VERSIONS, version::create),
    Row::new("galleryImageVersions.update", "PATCH", OF_IMAGE, VERSIONS, version::update),
    Row::new("galleryImageVersions.delete", "DELETE", OF_IMAGE, VERSIONS, version::delete).query(&["bypassSoftDelete"]),
    Row::new("galleryApplications.get", "GET", "G/Microsoft.Compute/galleries/*/applications/*", VERSIONS, get),
    Row::new("galleryApplicationVersions.get", "GET", OF_APPLICATION, VERSIONS, version::get).query(&["$expand"]),
    Row::new(
        "galleryApplicationVersions.listByGalleryApplication",
        "GET",
        "G/Microsoft.Compute/galleries/*/applications/*/versions",
        VERSIONS,
        version::list,
    ),
    Row::new("galleryApplicationVersions.createOrUpdate", "PUT", OF_APPLICATION, VERSIONS, version::create),
    Row::new("galleryApplicationVersions.update", "PATCH", OF_APPLICATION, VERSIONS, version::update),
    Row::new("galleryApplicationVersions.delete", "DELETE", OF_APPLICATION, VERSIONS, version::delete),
];

/// What is kept of galleries beside resources. Milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    /// By the key of a version.
    pub(crate) replications: BTreeMap<String, Replication>,
    /// How long a copy takes, and the operation that asked for it.
    pub(crate) copying: u64,
    /// How much longer a region takes, of which the operation knows nothing. By region.
    pub(crate) late: BTreeMap<String, u64>,
    /// How long a copy that is there cannot be used yet.
    pub(crate) unusable: u64,
    /// Regions in which copies fail, and why.
    pub(crate) failing: BTreeMap<String, String>,
    /// How long a managed image takes to be made.
    pub(crate) imaging: u64,
    /// Virtual machines, by key, of which images can be made: they are generalized.
    pub(crate) generalized: BTreeSet<String>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            replications: BTreeMap::new(),
            copying: 10 * MINUTE,
            late: BTreeMap::new(),
            unusable: 0,
            failing: BTreeMap::new(),
            imaging: 2 * MINUTE,
            generalized: BTreeSet::new(),
        }
    }
}

impl Shelf {
    /// What becomes of a copy to a region that begins now.
    pub(crate) fn copying_to(&self, region: &str) -> Copying {
        Copying {
            takes: self.copying.saturating_add(self.late.get(region).copied().unwrap_or(0)),
            lag: self.unusable,
            failure: self.failing.get(region).cloned(),
        }
    }
}

/// A gallery, or a definition.
fn get(world: &mut World, asked: &Asked) -> Result<Answer> {
    Ok(world.look(asked)?.answer(200))
}
