//! Images.

mod base;
mod delete;
mod describe;
mod names;
mod publish;
mod replicate;
mod stage;
mod uses;
mod version;

use std::time::Duration;

use async_trait::async_trait;
use immutable_core::provider::{
    Availability, CatalogCapabilities, Deleted, ImageCatalog, ImageSeen, ImageStage, ImageUses, Replica,
};
use immutable_core::{Error, ErrorKind, ImageRef, Place, Result, id::BaseQuery};

use crate::client::Azure;
use describe::Found;
use names::Name;
pub use publish::{NewVersion, Package};

/// The images of a subscription in a region: versions of image definitions in galleries, versions of VM applications, managed images, and what the marketplace has.
///
/// Their ids are those of their resources, in lower case, as in `/subscriptions/S/resourcegroups/images/providers/microsoft.compute/galleries/acme/images/web/versions/1.2.0`; of the
/// marketplace, `publisher:offer:sku:version`. Their place is the region that they can be launched in.
///
/// # Base images
/// What [`resolve_base`](ImageCatalog::resolve_base) understands:
/// - `Canonical:ubuntu-24_04-lts:server:latest`: the newest version that the marketplace has in the region, by its number; with a version, itself;
/// - `/subscriptions/…/galleries/acme/images/web`: the newest version, by its number, that is [promoted](Self::promote), has not reached its end of life, and is there in the region; the
///   same of `applications`;
/// - any image's own id. That is also what every answer is called.
///
/// # Promotion
/// Whoever launches the latest gets the highest number at once. So a version is [published](Self::publish) without being anybody's latest, and becomes it when it has proven itself:
/// [`promote`](Self::promote). Of those that are promoted the highest number is the latest, whichever was promoted last.
///
/// # Guarantees
/// - Ours is what is in this subscription. What others share can be launched, and is never changed.
/// - A version is in a region or not, under one id: a copy of it is the same version in another place. Deleted in one region, it stays in the others; deleted in the last, it is no more, also
///   in a gallery that keeps what is deleted, since that could still be launched.
/// - What is deprecated is nobody's latest, and past its end of life. How it was before is in the tag `immutable-deprecated`, which is no [label](ImageSeen::labels), and it is so again
///   when it is active; if it had no end of life, it has one in the year 9999, since an end that was set cannot be taken away.
///
/// # Caveats
/// - A version has one stage and one set of labels in all its regions.
/// - The region that a version of an image was made in is its last: Azure does not let it go before the others (packer#8895), and to delete it is [`Denied`](ErrorKind::Denied).
/// - Galleries know no etags. Azure refuses what comes while a change of a version is under way; two programs that read it at the same moment, and change its regions one after the other, undo
///   each other's. What was undone is [copied](ImageCatalog::replicate) again when it is asked for again.
/// - A subscription does not know who in others launches from its images: these are no [uses](ImageCatalog::uses). Nor are versions that are being made of an image, until they are there.
/// - Managed images are in one region, and have no stages.
/// - To change a version of an application, Azure has the address of its package said again: it must be one that can still be read.
#[derive(Clone, Debug)]
pub struct GalleryCatalog {
    azure: Azure,
    lag: Duration,
}

/// What images can be given. "Azure Compute Gallery": there is an end of life, and nothing that keeps an image from being launched.
const CAPABILITIES: CatalogCapabilities = CatalogCapabilities { deprecates: true, disables: false };

impl GalleryCatalog {
    /// The images of a subscription in a region.
    pub fn new(azure: &Azure) -> Self {
        Self { azure: azure.clone(), lag: Duration::from_secs(5) }
    }

    /// How long Azure may take to show in its lists what it has done, of which it promises nothing; 5 s if nothing is said. So long a look for [uses](ImageCatalog::uses) waits before it
    /// begins, and with it a delete: who came to use an image before it was asked for is seen.
    #[must_use]
    pub fn lag(mut self, at_most: Duration) -> Self {
        self.lag = at_most;
        self
    }

    /// Publishes a version of an image definition, made of a managed image, of a generalized virtual machine, or of another version, by their ids. It is nobody's latest until it is
    /// [promoted](Self::promote). It may be being made for long after this is answered: [`replicated`](Self::replicated) tells.
    ///
    /// There is one version of a name, and it never changes: sent again, it is answered again. Regions that are asked for only then are not added; [copy](ImageCatalog::replicate) it there.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if a name or a source can be none; [`NotFound`](ErrorKind::NotFound) if there is no such gallery, definition or source; [`Taken`](ErrorKind::Taken)
    /// if there is a version of this name that was made of something else.
    pub async fn publish(&self, version: &NewVersion, source: &str) -> Result<ImageRef> {
        let named = |error: Error| error.with_operation("publish").with_resource(version.to_string());
        publish::image(&self.azure, version, source).await.map_err(named)
    }

    /// Publishes a version of a VM application, made of a package. It is nobody's latest until it is [promoted](Self::promote), and otherwise as [`publish`](Self::publish).
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub async fn publish_application(&self, version: &NewVersion, package: &Package) -> Result<ImageRef> {
        let named = |error: Error| error.with_operation("publish_application").with_resource(version.to_string());
        publish::application(&self.azure, version, package).await.map_err(named)
    }

    /// Lets a version be the latest, and tells which is the latest now: of those that are promoted the one with the highest number. To take a promotion back,
    /// [deprecate](Availability::Deprecated) the version.
    ///
    /// Absolute: sent again, nothing changes.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if it is no version in a gallery; [`NotFound`](ErrorKind::NotFound) if there is no such version; [`Denied`](ErrorKind::Denied) if it is not ours;
    /// [`Busy`](ErrorKind::Busy) while it is being made, or changed by another call; [`Conflict`](ErrorKind::Conflict) if it is not for use.
    pub async fn promote(&self, image: &ImageRef) -> Result<ImageSeen> {
        let named = |error: Error| named(error, "promote", image);
        publish::promote(&self.azure, image, &self.of(image).map_err(named)?).await.map_err(named)
    }

    /// How a version stands in each of its regions, in ascending order of their names. Asked again, it is followed.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if it is no version in a gallery; [`NotFound`](ErrorKind::NotFound) if there is no such version in any region.
    pub async fn replicated(&self, image: &ImageRef) -> Result<Vec<Replica>> {
        let named = |error: Error| named(error, "replicated", image);
        publish::replicated(&self.azure, image, &self.of(image).map_err(named)?).await.map_err(named)
    }

    /// The name of an image, if it is in this place.
    fn of(&self, image: &ImageRef) -> Result<Name> {
        let place = self.azure.place();
        if *image.place() != place {
            return Err(Error::invalid(format!("{image} is not in {place}; ask the catalog of its own place")));
        }
        Name::of(image).ok_or_else(|| {
            Error::invalid(format!(
                "`{}` is no image's id; it is as in /subscriptions/…/resourcegroups/…/providers/microsoft.compute/galleries/acme/images/web/versions/1.2.0, a managed image's, or publisher:offer:sku:version",
                image.id()
            ))
        })
    }
}

/// An image that is there and can be changed: it is ours, and not being made.
async fn changeable(azure: &Azure, image: &ImageRef, name: &Name) -> Result<Found> {
    let found = describe::one(azure, name).await?.ok_or_else(|| missing(image))?;
    match describe::stage(&found, azure.region(), azure.now()).0 {
        ImageStage::Gone => Err(missing(image)),
        _ if !name.is_ours(azure) => {
            let what = format!("{image} is not ours; only its own subscription, or its publisher, changes it");
            Err(Error::new(ErrorKind::Denied, what))
        }
        ImageStage::Pending => Err(Error::new(ErrorKind::Busy, format!("{image} is being made; wait until it is there"))),
        _ => Ok(found),
    }
}

fn missing(image: &ImageRef) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no {image}; it was deleted there, or never was there"))
}

#[async_trait]
impl ImageCatalog for GalleryCatalog {
    fn capabilities(&self) -> &CatalogCapabilities {
        &CAPABILITIES
    }

    async fn resolve_base(&self, query: &BaseQuery) -> Result<ImageSeen> {
        let named =
            |error: Error| error.with_operation("resolve_base").with_resource(query.as_str()).with_place(self.azure.place());
        base::resolve(&self.azure, query).await.map_err(named)
    }

    async fn describe(&self, images: &[ImageRef]) -> Result<Vec<ImageSeen>> {
        describe::describe(&self.azure, images).await.map_err(|error| error.with_operation("describe"))
    }

    async fn replicate(&self, image: &ImageRef, to: &Place) -> Result<Replica> {
        let named = |error: Error| named(error, "replicate", image);
        replicate::replicate(&self.azure, image, &self.of(image).map_err(named)?, to).await.map_err(named)
    }

    async fn set_stage(&self, image: &ImageRef, stage: Availability) -> Result<()> {
        let named = |error: Error| named(error, "set_stage", image);
        stage::set(&self.azure, image, &self.of(image).map_err(named)?, stage).await.map_err(named)
    }

    async fn uses(&self, image: &ImageRef) -> Result<ImageUses> {
        let named = |error: Error| named(error, "uses", image);
        uses::uses(&self.azure, &self.of(image).map_err(named)?, self.lag).await.map_err(named)
    }

    async fn delete(&self, image: &ImageRef) -> Result<Deleted> {
        let named = |error: Error| named(error, "delete", image);
        delete::delete(&self.azure, image, &self.of(image).map_err(named)?, self.lag).await.map_err(named)
    }
}

fn named(error: Error, operation: &'static str, image: &ImageRef) -> Error {
    error.with_operation(operation).with_resource(image.id().as_str())
}
