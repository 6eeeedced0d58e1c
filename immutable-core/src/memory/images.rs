//! The port to the images: what is asked of them, and who uses them.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::MemoryCloud;
use super::calls::{Answer, Asked, Calls};
use super::fleets::misanswered;
use super::group::Group;
use super::random::Random;
use super::view::LAG;
use super::world::World;
use crate::artifact::{ImageRef, Place};
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::{Coverage, Life};
use crate::id::{BaseQuery, NativeRef};
use crate::provider::{
    Availability, CatalogCapabilities, Deleted, ImageCatalog, ImageSeen, ImageStage, ImageUse, ImageUses, Replica,
};

/// What can be asked of an image that changes something.
#[derive(Clone, Debug)]
pub(super) enum ImageRequest {
    Replicate(ImageRef, Place),
    SetStage(ImageRef, Availability),
    Delete(ImageRef),
}

impl ImageRequest {
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Replicate(..) => "replicate",
            Self::SetStage(..) => "set_stage",
            Self::Delete(_) => "delete",
        }
    }

    pub(super) fn image(&self) -> &ImageRef {
        match self {
            Self::Replicate(image, _) | Self::SetStage(image, _) | Self::Delete(image) => image,
        }
    }

    pub(super) fn count(&self, calls: &mut Calls) {
        *match self {
            Self::Replicate(..) => &mut calls.replicate,
            Self::SetStage(..) => &mut calls.set_stage,
            Self::Delete(_) => &mut calls.delete,
        } += 1;
    }
}

impl World {
    pub(super) fn answer_of_image(&mut self, request: &ImageRequest) -> Result<Answer> {
        self.is_here(request.image())?;
        match request {
            ImageRequest::Replicate(image, to) => self.replicate(image, to).map(Answer::Copied),
            ImageRequest::SetStage(image, stage) => self.set_stage(image, *stage).map(|()| Answer::Done),
            ImageRequest::Delete(image) => self.delete_image(image).map(Answer::Deleted),
        }
    }

    fn is_here(&self, image: &ImageRef) -> Result<()> {
        let place = &self.env.settings.place;
        if image.place() == place {
            return Ok(());
        }
        Err(Error::invalid(format!("{image} is not in {place}; ask the catalog of its own place")))
    }

    fn replicate(&mut self, image: &ImageRef, to: &Place) -> Result<Replica> {
        let (now, itself) = (self.env.now, image.place() == to);
        let elsewhere =
            || Error::invalid(format!("there is no {to} beside {}, to which an image could be copied", image.place()));
        if let Some(copy) = self.env.images.copy_in(image, to, now).ok_or_else(elsewhere)?.filter(|_| !itself) {
            return Ok(copy);
        }
        match self.env.images.stage(image.id(), now) {
            ImageStage::Active | ImageStage::Deprecated => {}
            ImageStage::Gone => return Err(missing(image)),
            ImageStage::Pending => return Err(busy(image)),
            stage @ (ImageStage::Disabled | ImageStage::Failed) => {
                let is = format!("{stage:?}").to_lowercase();
                return Err(Error::new(ErrorKind::Conflict, format!("{image} is {is}; only what can be launched is copied")));
            }
        }
        if itself {
            return Ok(Replica::Ready(image.clone()));
        }
        let (settings, fails) = (&self.env.settings, self.env.copies_fail > 0);
        let takes = settings.copies_take.draw(&mut Random::named(settings.seed, &format!("copy/{image}/{to}/{now}")));
        let copy = self.env.images.copy(image, to, now, now + takes, fails).ok_or_else(|| missing(image))?;
        self.env.copies_fail = self.env.copies_fail.saturating_sub(1);
        Ok(copy)
    }

    fn set_stage(&mut self, image: &ImageRef, stage: Availability) -> Result<()> {
        if !self.env.settings.catalog_capabilities().can_be(stage) {
            let stage = format!("{stage:?}").to_lowercase();
            return Err(Error::invalid(format!("no image of {} can be {stage}; see what its catalog can", image.place())));
        }
        match self.env.images.stage(image.id(), self.env.now) {
            ImageStage::Gone => Err(missing(image)),
            _ if !self.env.images.is_ours(image.id()) => Err(denied(image)),
            ImageStage::Pending => Err(busy(image)),
            ImageStage::Failed => {
                Err(Error::new(ErrorKind::Conflict, format!("the making of {image} failed; all that it can be is deleted")))
            }
            ImageStage::Active | ImageStage::Deprecated | ImageStage::Disabled => {
                self.env.images.set_stage_of(image.id(), stage.into());
                Ok(())
            }
        }
    }

    fn delete_image(&mut self, image: &ImageRef) -> Result<Deleted> {
        match self.env.images.stage(image.id(), self.env.now) {
            ImageStage::Gone => return Ok(Deleted::Gone),
            _ if !self.env.images.is_ours(image.id()) => return Err(denied(image)),
            ImageStage::Pending => return Err(busy(image)),
            _ => {}
        }
        let ImageUses { by, coverage } = self.uses(image);
        match coverage {
            _ if !by.is_empty() => Ok(Deleted::InUse(by)),
            Coverage::Part(why) => Ok(Deleted::Unsure(why)),
            Coverage::Whole => {
                self.env.images.set_stage_of(image.id(), ImageStage::Gone);
                Ok(Deleted::Gone)
            }
        }
    }

    /// Who uses an image, as far as views show now.
    fn uses(&self, image: &ImageRef) -> ImageUses {
        let now = self.env.now;
        let lags = now < self.distortions.flickers_until;
        let shown = self.groups.iter().flatten().filter(|group| !lags || now >= group.since + LAG);
        let mut by: BTreeSet<ImageUse> = shown.flat_map(|group| self.uses_of(group, image)).collect();
        by.extend(self.env.images.copies_being_made(image, now).into_iter().map(ImageUse::Copy));
        let missing = self.distortions.partial.iter().filter(|partial| partial.until > now);
        let why: Vec<&str> = missing.map(|partial| &*partial.why).chain(lags.then_some("a replica lags behind")).collect();
        let coverage = if why.is_empty() { Coverage::Whole } else { Coverage::Part(why.join("; ").into()) };
        ImageUses { by: by.into_iter().collect(), coverage }
    }

    /// A group, if it would launch an image, and its machines that run it.
    fn uses_of(&self, group: &Group, image: &ImageRef) -> Vec<ImageUse> {
        let itself = (group.spec.image == *image).then(|| ImageUse::Group(NativeRef::new(group.name.clone())));
        let instances = self.shown(group);
        let runs = instances.iter().filter(|one| one.life != Life::Gone && one.runs.image() == Some(image.id()));
        itself.into_iter().chain(runs.map(|one| ImageUse::Instance(one.key.name.clone()))).collect()
    }
}

fn missing(image: &ImageRef) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no {image}"))
}

fn busy(image: &ImageRef) -> Error {
    Error::new(ErrorKind::Busy, format!("{image} is being made; wait until it is there"))
}

fn denied(image: &ImageRef) -> Error {
    Error::new(ErrorKind::Denied, format!("{image} is not ours; only its owner changes it"))
}

#[async_trait]
impl ImageCatalog for MemoryCloud {
    fn capabilities(&self) -> &CatalogCapabilities {
        &self.0.images
    }

    async fn resolve_base(&self, query: &BaseQuery) -> Result<ImageSeen> {
        self.read_latency().await;
        let world = self.world();
        let found = match query.as_str().trim() {
            "" => Err(Error::invalid("a base image needs a name, or an image's id")),
            _ => world.env.images.resolve(query, world.env.now).ok_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    "there is no image of this name that can be launched; release one, or take another name",
                )
            }),
        };
        found.map_err(|error| error.with_operation("resolve_base").with_resource(query.as_str()).with_place(&self.0.place))
    }

    async fn describe(&self, images: &[ImageRef]) -> Result<Vec<ImageSeen>> {
        self.read_latency().await;
        let world = self.world();
        Ok(images.iter().map(|image| world.env.images.seen(image, world.env.now)).collect())
    }

    async fn replicate(&self, image: &ImageRef, to: &Place) -> Result<Replica> {
        match self.send(Asked::Image(ImageRequest::Replicate(image.clone(), to.clone()))).await? {
            Answer::Copied(replica) => Ok(replica),
            other => Err(misanswered(&other)),
        }
    }

    async fn set_stage(&self, image: &ImageRef, stage: Availability) -> Result<()> {
        self.send(Asked::Image(ImageRequest::SetStage(image.clone(), stage))).await.map(drop)
    }

    async fn uses(&self, image: &ImageRef) -> Result<ImageUses> {
        self.read_latency().await;
        let world = self.world();
        let named = |error: Error| error.with_operation("uses").with_resource(image.id().as_str()).with_place(&self.0.place);
        world.is_here(image).map_err(named)?;
        Ok(world.uses(image))
    }

    async fn delete(&self, image: &ImageRef) -> Result<Deleted> {
        match self.send(Asked::Image(ImageRequest::Delete(image.clone()))).await? {
            Answer::Deleted(deleted) => Ok(deleted),
            other => Err(misanswered(&other)),
        }
    }
}
