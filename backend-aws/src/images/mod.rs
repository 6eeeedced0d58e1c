//! Machine images.

mod base;
mod delete;
mod describe;
mod replicate;
mod stage;
mod uses;

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::Image;
use immutable_core::provider::{
    Availability, CatalogCapabilities, Deleted, ImageCatalog, ImageSeen, ImageStage, ImageUses, Replica,
};
use immutable_core::{Error, ErrorKind, ImageRef, Place, Result, id::BaseQuery};

use crate::client::Aws;

/// The machine images (AMIs) of an account's region.
///
/// # Base images
/// What [`resolve_base`](ImageCatalog::resolve_base) understands:
/// - `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64`: the image that a public parameter of Systems Manager names;
/// - `ssm:/golden/debian-12`: the same of any parameter that holds an image's id, also of one version of it (`ssm:/golden/debian-12:7`);
/// - `name:debian-12-amd64-*@136693071363`: of the images of one owner whose names are like this, the newest. The owner is an account's number, `self`, `amazon` or
///   `aws-marketplace`, and must be said: anybody may publish an image of any name;
/// - `ami-0123456789abcdef0`: itself.
///
/// # Guarantees
/// - A copy is made once, in the region it is for: it bears the tag `immutable:copy-of`, and who asks for the same at once sends the same token. It has its source's
///   name and tags, and is encrypted if its source is.
/// - An image is deregistered with its snapshots, but for those that another image has too.
///
/// # Caveats
/// - A disabled image loses its launch permissions: who shared it shares it again.
/// - Amazon deprecates by the minute, and never at once: what will be within three minutes is said to be.
/// - A region does not know of copies that are made of its images in others, nor of Spot fleets that have a launch specification of their own: these are no
///   [uses](ImageCatalog::uses).
/// - A copy that was deleted, and whose id Amazon has forgotten before the token that it was made with, is waited for in vain, with
///   [`NotYetVisible`](ErrorKind::NotYetVisible), until that token is forgotten too.
#[derive(Clone, Debug)]
pub struct AmiCatalog {
    aws: Aws,
    lag: Duration,
}

/// What images can be given.
const CAPABILITIES: CatalogCapabilities = CatalogCapabilities { deprecates: true, disables: true };

impl AmiCatalog {
    /// The images of an account's region.
    pub fn new(aws: &Aws) -> Self {
        Self { aws: aws.clone(), lag: Duration::from_secs(5) }
    }

    /// How long Amazon may take to show what it has done; 5 s if nothing is said. So long a look for [uses](ImageCatalog::uses) waits before it begins, and with it a delete: who
    /// came to use an image before it was asked for is seen.
    #[must_use]
    pub fn lag(mut self, at_most: Duration) -> Self {
        self.lag = at_most;
        self
    }

    /// The account and region that an image is in, if they are these.
    fn of(&self, image: &ImageRef) -> Result<&Aws> {
        match *image.place() == self.aws.place() {
            true => Ok(&self.aws),
            false => {
                let place = self.aws.place();
                Err(Error::invalid(format!("{image} is not in {place}; ask the catalog of its own place")))
            }
        }
    }
}

/// An image that is there and can be changed: it is ours, and neither being made nor lost.
async fn changeable(aws: &Aws, image: &ImageRef) -> Result<Image> {
    let found = describe::one(aws, image.id()).await?.ok_or_else(|| missing(image))?;
    match describe::stage(&found, aws.now()) {
        ImageStage::Gone => Err(missing(image)),
        _ if !describe::is_ours(&found, &aws.place()) => {
            let owner = found.owner_id().unwrap_or("another account");
            Err(Error::new(ErrorKind::Denied, format!("{image} is not ours; only its owner, {owner}, changes it")))
        }
        ImageStage::Pending => Err(Error::new(ErrorKind::Busy, format!("{image} is being made; wait until it is there"))),
        _ => Ok(found),
    }
}

fn missing(image: &ImageRef) -> Error {
    let what = format!("there is no {image}; it was deregistered, or never was there, or is not shared with this account");
    Error::new(ErrorKind::NotFound, what)
}

#[async_trait]
impl ImageCatalog for AmiCatalog {
    fn capabilities(&self) -> &CatalogCapabilities {
        &CAPABILITIES
    }

    async fn resolve_base(&self, query: &BaseQuery) -> Result<ImageSeen> {
        let named =
            |error: Error| error.with_operation("resolve_base").with_resource(query.as_str()).with_place(self.aws.place());
        base::resolve(&self.aws, query).await.map_err(named)
    }

    async fn describe(&self, images: &[ImageRef]) -> Result<Vec<ImageSeen>> {
        describe::describe(&self.aws, images).await.map_err(|error| error.with_operation("describe"))
    }

    async fn replicate(&self, image: &ImageRef, to: &Place) -> Result<Replica> {
        let named = |error: Error| named(error, "replicate", image);
        replicate::replicate(self.of(image).map_err(named)?, image, to).await.map_err(named)
    }

    async fn set_stage(&self, image: &ImageRef, stage: Availability) -> Result<()> {
        let named = |error: Error| named(error, "set_stage", image);
        stage::set(self.of(image).map_err(named)?, image, stage).await.map_err(named)
    }

    async fn uses(&self, image: &ImageRef) -> Result<ImageUses> {
        let named = |error: Error| named(error, "uses", image);
        uses::uses(self.of(image).map_err(named)?, image, self.lag).await.map_err(named)
    }

    async fn delete(&self, image: &ImageRef) -> Result<Deleted> {
        let named = |error: Error| named(error, "delete", image);
        delete::delete(self.of(image).map_err(named)?, image, self.lag).await.map_err(named)
    }
}

fn named(error: Error, operation: &'static str, image: &ImageRef) -> Error {
    error.with_operation(operation).with_resource(image.id().as_str())
}
