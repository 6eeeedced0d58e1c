//! The images of the place, and what becomes of machines launched from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryCloud;
use crate::artifact::{Artifact, Built, Digest, ImageRef, Provenance, sha256};
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::{FailureClass, Trouble};
use crate::id::{ImageId, write_hex};
use crate::provider::{ImageCatalog, ImageSeen, ImageStage};

#[derive(Debug, Default)]
pub(super) struct Catalog {
    images: BTreeMap<ImageId, Image>,
    baked: u64,
    never_healthy: BTreeSet<Digest>,
    never_boots: BTreeSet<Digest>,
}

#[derive(Debug)]
struct Image {
    artifact: Digest,
    stage: ImageStage,
}

impl Catalog {
    /// Enters an image of an artifact; the same again is accepted.
    fn enter(&mut self, image: &ImageRef, artifact: &Artifact) -> Result<()> {
        match self.images.get(image.id()) {
            Some(found) if found.artifact != artifact.digest() => Err(Error::new(
                ErrorKind::Conflict,
                format!("{image} is of {:#}, not of {artifact} ({:#})", found.artifact, artifact.digest()),
            )),
            Some(_) => Ok(()),
            None => {
                self.images.insert(image.id().clone(), Image { artifact: artifact.digest(), stage: ImageStage::Active });
                Ok(())
            }
        }
    }

    /// What an image is of, also after it was deleted.
    pub(super) fn artifact(&self, image: &ImageId) -> Option<Digest> {
        self.images.get(image).map(|image| image.artifact)
    }

    pub(super) fn stage(&self, image: &ImageId) -> ImageStage {
        self.images.get(image).map_or(ImageStage::Gone, |image| image.stage)
    }

    /// Why an image cannot be launched, if it cannot.
    pub(super) fn unlaunchable(&self, image: &ImageId) -> Option<Trouble> {
        let why = match self.stage(image) {
            ImageStage::Active | ImageStage::Deprecated => return None,
            ImageStage::Disabled => "is disabled",
            ImageStage::Gone => "does not exist",
            ImageStage::Pending | ImageStage::Failed => "is not available",
        };
        Some(Trouble {
            class: FailureClass::Image,
            code: "ImageUnavailable".into(),
            message: format!("image {image} {why}").into(),
        })
    }

    fn set_stage(&mut self, artifact: &Artifact, stage: ImageStage) {
        self.images.values_mut().filter(|image| image.artifact == artifact.digest()).for_each(|image| image.stage = stage);
    }

    pub(super) fn is_never_healthy(&self, image: &ImageId) -> bool {
        self.artifact(image).is_some_and(|artifact| self.never_healthy.contains(&artifact))
    }

    pub(super) fn never_boots(&self, image: &ImageId) -> bool {
        self.artifact(image).is_some_and(|artifact| self.never_boots.contains(&artifact))
    }

    pub(super) fn doom_health(&mut self, artifact: Digest) {
        self.never_healthy.insert(artifact);
    }

    pub(super) fn doom_boot(&mut self, artifact: Digest) {
        self.never_boots.insert(artifact);
    }

    pub(super) fn absolve(&mut self, artifact: Digest) {
        self.never_healthy.remove(&artifact);
        self.never_boots.remove(&artifact);
    }
}

impl MemoryCloud {
    /// Builds an image here, as an image builder would: an artifact of the builder `memory` with its one image in this place.
    ///
    /// Each call is another build, with another digest, also under the same name and version.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if the name or the version is not one.
    pub fn bake(&self, name: &str, version: &str) -> Result<Artifact> {
        let (name, version) = (name.parse()?, version.parse()?);
        let mut world = self.world();
        let catalog = &mut world.env.images;
        catalog.baked += 1;
        let build = format!("{}-{}", world.env.settings.seed, world.env.images.baked);
        let image = ImageRef::new(self.place(), image_id(&format!("{}/{build}", self.place())));
        let artifact = Artifact::new(name, version, Built::new(Provenance::new("memory", build)).image(image.clone()))?;
        world.env.images.enter(&image, &artifact)?;
        Ok(artifact)
    }

    /// Copies an artifact's image here, and returns the artifact with that copy: the same one, of the same digest.
    ///
    /// The same artifact again is accepted, also with its copy. An image that the artifact says it has in this place is taken
    /// at its word.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if the image's id is another artifact's here.
    pub fn import(&self, artifact: &Artifact) -> Result<Artifact> {
        let image = match artifact.image_in(&self.place()) {
            Some(image) => image.clone(),
            None => ImageRef::new(self.place(), image_id(&format!("{}/{}", self.place(), artifact.digest()))),
        };
        self.world().env.images.enter(&image, artifact)?;
        artifact.clone().with_copy(image)
    }

    /// Disables an artifact's image here: what runs runs on, and nothing more is launched from it.
    pub fn disable_image(&self, artifact: &Artifact) {
        self.world().env.images.set_stage(artifact, ImageStage::Disabled);
    }

    /// Deletes an artifact's image here: what runs runs on, and nothing more is launched from it.
    pub fn delete_image(&self, artifact: &Artifact) {
        self.world().env.images.set_stage(artifact, ImageStage::Gone);
    }

    /// Brings back an artifact's image that was disabled or deleted.
    pub fn restore_image(&self, artifact: &Artifact) {
        self.world().env.images.set_stage(artifact, ImageStage::Active);
    }
}

/// `img-` and twelve hexadecimal digits.
fn image_id(of: &str) -> Arc<str> {
    struct Hex<'a>(&'a [u8]);
    impl std::fmt::Display for Hex<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write_hex(f, self.0)
        }
    }
    let digest = sha256(of.as_bytes());
    let (short, _) = digest.split_at(6);
    format!("img-{}", Hex(short)).into()
}

#[async_trait]
impl ImageCatalog for MemoryCloud {
    async fn describe(&self, images: &[ImageRef]) -> Result<Vec<ImageSeen>> {
        self.read_latency().await;
        let world = self.world();
        let here = |image: &&ImageRef| *image.place() == world.env.settings.place;
        let seen = |image: &ImageRef| match Some(image).filter(here) {
            Some(image) => ImageSeen {
                image: image.clone(),
                stage: world.env.images.stage(image.id()),
                unlaunchable: world.env.images.unlaunchable(image.id()).map(|trouble| trouble.message),
            },
            None => ImageSeen {
                image: image.clone(),
                stage: ImageStage::Gone,
                unlaunchable: Some(format!("{image} is not in {}", world.env.settings.place).into()),
            },
        };
        Ok(images.iter().map(seen).collect())
    }
}
