//! Images.

mod base;
mod delete;
mod describe;
mod family;
mod names;
mod replicate;
mod settle;
mod stage;
mod uses;

use std::time::Duration;

use async_trait::async_trait;
use google_cloud_compute_v1::model::Image;
use immutable_core::provider::{
    Availability, CatalogCapabilities, Deleted, ImageCatalog, ImageSeen, ImageStage, ImageUses, Replica,
};
use immutable_core::{Error, ErrorKind, ImageRef, Place, Result, id::BaseQuery};

use crate::client::Gcp;
use names::Name;

/// The images of a project. They are of use in all of its regions, so their place is the region `global` of it, and their ids are as in
/// `projects/acme-prod/global/images/web-1`.
///
/// # Base images
/// What [`resolve_base`](ImageCatalog::resolve_base) understands:
/// - `projects/debian-cloud/global/images/family/debian-12`: the newest image of a family that is for use; without `projects/PROJECT/`, of this project's;
/// - `projects/debian-cloud/global/images/debian-12-bookworm-v20261110`: itself. That is also what every answer is called;
/// - the same with `https://www.googleapis.com/compute/v1/` before it.
///
/// # Families
/// Whoever launches from a family gets its newest image at once. So an image is made without one, and joins it when it has proven itself:
/// [`promote`](Self::promote). Made in a family, it would be everybody's before it was tried (coreos-assembler#1444).
///
/// # Guarantees
/// - Ours is what is in this project. What other projects publish or share can be launched and copied, if they allow it, and is never changed.
/// - There is one copy of an image in another project: it has its source's name, labels and description, the label `immutable-copy-of`, and no family. It is encrypted
///   with the key that its source is, if Google keeps that.
/// - An image that is disabled is `OBSOLETE`: what names it stays as it is, and what would launch it fails.
///
/// # Caveats
/// - Names are all that images are known by, so what is deleted and made again under its name is the same image here; a copy of the former is not taken for one of the
///   latter.
/// - Images of one name from two projects cannot both be copied to a third: the second is [`Taken`](ErrorKind::Taken).
/// - A project does not know who in others launches from its images: these are no [uses](ImageCatalog::uses). Nor are disks that no machine has, which outlive their image.
/// - To copy an image out of this project, whoever calls needs `compute.images.useReadOnly` here and `compute.images.create` there.
#[derive(Clone, Debug)]
pub struct GceCatalog {
    gcp: Gcp,
    lag: Duration,
}

/// What images can be given.
const CAPABILITIES: CatalogCapabilities = CatalogCapabilities { deprecates: true, disables: true };

impl GceCatalog {
    /// The images of a project.
    pub fn new(gcp: &Gcp) -> Self {
        Self { gcp: gcp.clone(), lag: Duration::from_secs(5) }
    }

    /// How long Google may take to show in its lists what it has done, of which it promises nothing; 5 s if nothing is said. So long a look for
    /// [uses](ImageCatalog::uses) waits before it begins, and with it a delete: who came to use an image before it was asked for is seen.
    #[must_use]
    pub fn lag(mut self, at_most: Duration) -> Self {
        self.lag = at_most;
        self
    }

    /// Has an image join a family, of which all others stay, and tells what the family stands for then: of those for use the newest. If that is another, the other was made
    /// later; [deprecated](Availability::Deprecated), it is passed over. So to take a promotion back, deprecate the image: no image can leave its family for none
    /// (coreos-assembler#1444).
    ///
    /// Absolute: sent again, nothing changes.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if it is no family's name, or no image of this project; [`NotFound`](ErrorKind::NotFound) if there is no such image;
    /// [`Denied`](ErrorKind::Denied) if it is not ours; [`Busy`](ErrorKind::Busy) while it is being made; [`Conflict`](ErrorKind::Conflict) if it is not for use.
    pub async fn promote(&self, image: &ImageRef, family: &str) -> Result<ImageSeen> {
        let named = |error: Error| named(error, "promote", image);
        family::promote(&self.gcp, image, &self.of(image).map_err(named)?, family).await.map_err(named)
    }

    /// The name of an image, if it is in this project's place.
    fn of(&self, image: &ImageRef) -> Result<Name> {
        let place = place(self.gcp.project())?;
        if *image.place() != place {
            return Err(Error::invalid(format!(
                "{image} is not in {place}, where the images of this project are; ask the catalog of its own place"
            )));
        }
        Name::of(image).ok_or_else(|| {
            Error::invalid(format!(
                "`{}` is no image's id; it is as in projects/{}/global/images/web-1",
                image.id(),
                self.gcp.project()
            ))
        })
    }
}

/// Where the images of a project are.
fn place(project: &str) -> Result<Place> {
    Ok(Place::new("gcp", project, "global")?)
}

/// An image that is there and can be changed: it is ours, and not being made.
async fn changeable(gcp: &Gcp, image: &ImageRef, name: &Name) -> Result<Image> {
    let found = describe::one(gcp, name).await?;
    match found.filter(|found| describe::stage(found) != ImageStage::Gone) {
        None => Err(missing(image)),
        Some(_) if name.project != gcp.project() => {
            Err(Error::new(ErrorKind::Denied, format!("{image} is not ours; only its own project, {}, changes it", name.project)))
        }
        Some(found) if describe::stage(&found) == ImageStage::Pending => {
            Err(Error::new(ErrorKind::Busy, format!("{image} is being made; wait until it is there")))
        }
        Some(found) => Ok(found),
    }
}

fn missing(image: &ImageRef) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no {image}; it was deleted, or never was there"))
}

#[async_trait]
impl ImageCatalog for GceCatalog {
    fn capabilities(&self) -> &CatalogCapabilities {
        &CAPABILITIES
    }

    async fn resolve_base(&self, query: &BaseQuery) -> Result<ImageSeen> {
        let named =
            |error: Error| error.with_operation("resolve_base").with_resource(query.as_str()).with_place(self.gcp.place());
        base::resolve(&self.gcp, query).await.map_err(named)
    }

    async fn describe(&self, images: &[ImageRef]) -> Result<Vec<ImageSeen>> {
        describe::describe(&self.gcp, images).await.map_err(|error| error.with_operation("describe"))
    }

    async fn replicate(&self, image: &ImageRef, to: &Place) -> Result<Replica> {
        let named = |error: Error| named(error, "replicate", image);
        replicate::replicate(&self.gcp, image, &self.of(image).map_err(named)?, to).await.map_err(named)
    }

    async fn set_stage(&self, image: &ImageRef, stage: Availability) -> Result<()> {
        let named = |error: Error| named(error, "set_stage", image);
        stage::set(&self.gcp, image, &self.of(image).map_err(named)?, stage).await.map_err(named)
    }

    async fn uses(&self, image: &ImageRef) -> Result<ImageUses> {
        let named = |error: Error| named(error, "uses", image);
        uses::uses(&self.gcp, &self.of(image).map_err(named)?, self.lag).await.map_err(named)
    }

    async fn delete(&self, image: &ImageRef) -> Result<Deleted> {
        let named = |error: Error| named(error, "delete", image);
        delete::delete(&self.gcp, image, &self.of(image).map_err(named)?, self.lag).await.map_err(named)
    }
}

fn named(error: Error, operation: &'static str, image: &ImageRef) -> Error {
    error.with_operation(operation).with_resource(image.id().as_str())
}
