use std::sync::Arc;

use async_trait::async_trait;

use crate::artifact::ImageRef;
use crate::error::Result;

/// The images of a place.
#[async_trait]
pub trait ImageCatalog: Send + Sync {
    /// Looks at images.
    ///
    /// # Contract
    /// One answer for each image, in the order asked; one that does not exist is [`ImageStage::Gone`].
    async fn describe(&self, images: &[ImageRef]) -> Result<Vec<ImageSeen>>;
}

/// What was seen of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSeen {
    /// Which image.
    pub image: ImageRef,
    /// Where it is in its life.
    pub stage: ImageStage,
    /// Why it cannot be launched, if it cannot.
    pub unlaunchable: Option<Arc<str>>,
}

/// Where an image is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageStage {
    /// Being made or copied.
    Pending,
    /// For use.
    Active,
    /// Usable, and not for new use.
    Deprecated,
    /// There, and not launchable.
    Disabled,
    /// Not there.
    Gone,
    /// Its making failed.
    Failed,
}
