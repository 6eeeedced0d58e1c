use std::sync::Arc;

use super::Subject;
use crate::artifact::{ImageRef, Place};
use crate::conformance::fleets::{Machines, Made};
use crate::conformance::patience::{Busy, Patience};
use crate::conformance::suite::{Failure, Time, Verdict, require};
use crate::error::Result;
use crate::fleet::Coverage;
use crate::id::BaseQuery;
use crate::provider::{Availability, Deleted, ImageCatalog, ImageSeen, ImageStage, ImageUse, Replica};

/// Every stage that there is to be set.
pub(super) const ALL: [Availability; 3] = [Availability::Active, Availability::Deprecated, Availability::Disabled];

/// What a case holds in its hands.
pub(super) struct Trial {
    pub(super) images: Arc<dyn ImageCatalog>,
    pub(super) machines: Machines,
    pub(super) base: BaseQuery,
    beside: Option<(Place, Arc<dyn ImageCatalog>)>,
    nowhere: Place,
}

/// Where images are copied to.
#[derive(Clone, Copy)]
pub(super) struct There<'a> {
    trial: &'a Trial,
    pub(super) place: &'a Place,
    pub(super) images: &'a Arc<dyn ImageCatalog>,
}

impl Trial {
    pub(super) fn new(subject: Subject) -> Verdict<Self> {
        let Subject { images, machines, base, beside } = subject;
        let nowhere = Place::new("nowhere", "nowhere", "nowhere").map_err(|why| Failure::new(why.to_string()))?;
        Ok(Self { images, machines: Machines::new(machines), base, beside, nowhere })
    }

    pub(super) fn time(&self) -> &Time {
        &self.machines.subject.time
    }

    pub(super) fn patience(&self) -> &Patience {
        &self.machines.patience
    }

    /// The image that most cases use.
    pub(super) fn image(&self) -> &ImageRef {
        let [image, _] = &self.machines.subject.images;
        image
    }

    pub(super) fn other(&self) -> &ImageRef {
        let [_, other] = &self.machines.subject.images;
        other
    }

    /// A place of which no catalog knows.
    pub(super) fn nowhere(&self) -> &Place {
        &self.nowhere
    }

    pub(super) fn there(&self) -> Verdict<There<'_>> {
        let (place, images) =
            self.beside.as_ref().ok_or_else(|| Failure::inapplicable("there is no other place to copy to (Subject::beside)"))?;
        Ok(There { trial: self, place, images })
    }

    /// The stages that can be set.
    pub(super) fn stages(&self) -> impl Iterator<Item = Availability> {
        ALL.into_iter().filter(|stage| self.images.capabilities().can_be(*stage))
    }

    /// The second image, once it was disabled.
    pub(super) async fn disabled(&self) -> Verdict<&ImageRef> {
        if !self.images.capabilities().disables {
            return Err(Failure::inapplicable("no image can be disabled (CatalogCapabilities::disables)"));
        }
        self.set(self.other(), Availability::Disabled).await?;
        Ok(self.other())
    }

    /// The second image, once it was deleted.
    pub(super) async fn gone(&self) -> Verdict<&ImageRef> {
        let deleted = self.delete(self.other()).await?;
        require!(deleted == Deleted::Gone, "a delete of what nobody uses must answer Gone, not {deleted:?}");
        Ok(self.other())
    }

    /// A generation of the first image, of so many machines.
    pub(super) async fn made(&self, size: u32) -> Verdict<Made> {
        self.machines.make_of(self.machines.spec(1)?, size).await
    }

    pub(super) async fn resolve(&self, query: &BaseQuery) -> Result<ImageSeen> {
        self.patience().drive(Busy::Wait, async || self.images.resolve_base(query).await).await
    }

    pub(super) async fn describe(&self, images: &[ImageRef]) -> Verdict<Vec<ImageSeen>> {
        described(self.patience(), &self.images, images).await
    }

    pub(super) async fn look(&self, image: &ImageRef) -> Verdict<ImageSeen> {
        one(self.describe(std::slice::from_ref(image)).await?)
    }

    /// Whether images are as they were, and stay so.
    pub(super) async fn unchanged(&self, before: &[ImageSeen], what: &str) -> Verdict {
        let images: Vec<_> = before.iter().map(|seen| seen.image.clone()).collect();
        for _ in 0..2 {
            let seen = self.describe(&images).await?;
            require!(seen == before, "{what} changed images: {before:?} became {seen:?}");
            self.patience().linger().await;
        }
        Ok(())
    }

    /// Asks for a copy as one does who follows it: again when in doubt.
    pub(super) async fn replicate(&self, image: &ImageRef, to: &Place) -> Result<Replica> {
        self.patience().quiet().await;
        self.replicate_now(Busy::Wait, image, to).await
    }

    /// Without waiting for what may still be on its way.
    pub(super) async fn replicate_now(&self, busy: Busy, image: &ImageRef, to: &Place) -> Result<Replica> {
        self.patience().drive(busy, async || self.images.replicate(image, to).await).await
    }

    /// Follows a copy to its end.
    pub(super) async fn copied(&self, image: &ImageRef, to: &Place) -> Verdict<ImageRef> {
        let deadline = self.patience().deadline();
        let mut first: Option<ImageRef> = None;
        loop {
            let replica = self.replicate(image, to).await?;
            let same = first.as_ref().is_none_or(|first| first == replica.image());
            require!(same, "asked for the same copy again, {first:?} became {replica:?}");
            match replica {
                Replica::Ready(copy) => return Ok(copy),
                Replica::Failed { trouble, .. } => return Err(Failure::new(format!("a copy must become Ready: {trouble:?}"))),
                Replica::Copying { image, progress } => {
                    let percent = progress.is_none_or(|progress| progress <= 100);
                    require!(percent, "a progress in percent is at most 100, not {progress:?}");
                    first = Some(image);
                }
            }
            require!(self.patience().clock.now() < deadline, "within all patience {image} must be copied to {to}");
            self.patience().pause().await;
        }
    }

    pub(super) async fn set_stage(&self, image: &ImageRef, stage: Availability) -> Result<()> {
        self.patience().quiet().await;
        self.patience().drive(Busy::Wait, async || self.images.set_stage(image, stage).await).await
    }

    /// Sets a stage, and sees that it is set and stays so.
    pub(super) async fn set(&self, image: &ImageRef, stage: Availability) -> Verdict {
        self.set_stage(image, stage).await?;
        self.is_of(image, stage).await
    }

    pub(super) async fn is_of(&self, image: &ImageRef, stage: Availability) -> Verdict {
        for _ in 0..2 {
            let seen = self.look(image).await?;
            require!(seen.stage == ImageStage::from(stage), "{image} was set {stage:?}, and is {:?}", seen.stage);
            let launchable = stage != Availability::Disabled;
            require!(seen.unlaunchable.is_none() == launchable, "{image} is {stage:?}; unlaunchable: {:?}", seen.unlaunchable);
            self.patience().linger().await;
        }
        Ok(())
    }

    /// Looks until all was seen that could use an image.
    pub(super) async fn uses(&self, image: &ImageRef) -> Verdict<Vec<ImageUse>> {
        let deadline = self.patience().deadline();
        loop {
            let uses = self.patience().drive(Busy::Wait, async || self.images.uses(image).await).await?;
            if uses.coverage == Coverage::Whole {
                return Ok(uses.by);
            }
            require!(!uses.none(), "of what was seen in part nobody can say that there are none: {uses:?}");
            require!(self.patience().clock.now() < deadline, "no answer was whole within all patience: {uses:?}");
            self.patience().pause().await;
        }
    }

    /// Looks until the uses are as they must become.
    pub(super) async fn until_used(
        &self,
        image: &ImageRef,
        becomes: &str,
        is: impl Fn(&[ImageUse]) -> bool,
    ) -> Verdict<Vec<ImageUse>> {
        let deadline = self.patience().deadline();
        loop {
            let uses = self.uses(image).await?;
            if is(&uses) {
                return Ok(uses);
            }
            require!(self.patience().clock.now() < deadline, "within all patience {image} must {becomes}; its uses are {uses:?}");
            self.patience().pause().await;
        }
    }

    /// Deletes as one does who may: again when in doubt, and when not all was seen.
    pub(super) async fn delete(&self, image: &ImageRef) -> Result<Deleted> {
        self.patience().quiet().await;
        deleted(self.patience(), &self.images, image).await
    }

    /// Whether an image is gone, and stays so.
    pub(super) async fn is_gone(&self, image: &ImageRef) -> Verdict {
        stays_gone(self.patience(), &self.images, image).await
    }
}

impl There<'_> {
    pub(super) async fn look(&self, image: &ImageRef) -> Verdict<ImageSeen> {
        one(described(self.trial.patience(), self.images, std::slice::from_ref(image)).await?)
    }

    pub(super) async fn delete(&self, image: &ImageRef) -> Verdict {
        self.trial.patience().quiet().await;
        let answer = deleted(self.trial.patience(), self.images, image).await?;
        require!(answer == Deleted::Gone, "a delete of a copy that nobody uses must answer Gone, not {answer:?}");
        Ok(())
    }

    pub(super) async fn is_gone(&self, image: &ImageRef) -> Verdict {
        stays_gone(self.trial.patience(), self.images, image).await
    }
}

async fn described(patience: &Patience, catalog: &Arc<dyn ImageCatalog>, images: &[ImageRef]) -> Verdict<Vec<ImageSeen>> {
    let seen = patience.drive(Busy::Wait, async || catalog.describe(images).await).await?;
    let asked = seen.iter().map(|seen| &seen.image).eq(images);
    require!(asked, "asked about {images:?}, it must tell of each in this order, not {seen:?}");
    Ok(seen)
}

fn one(seen: Vec<ImageSeen>) -> Verdict<ImageSeen> {
    seen.into_iter().next().ok_or_else(|| Failure::new("asked about one image, it told of none"))
}

async fn deleted(patience: &Patience, catalog: &Arc<dyn ImageCatalog>, image: &ImageRef) -> Result<Deleted> {
    let deadline = patience.deadline();
    loop {
        let answer = patience.drive(Busy::Wait, async || catalog.delete(image).await).await?;
        if !matches!(answer, Deleted::Unsure(_)) || patience.clock.now() >= deadline {
            return Ok(answer);
        }
        patience.pause().await;
    }
}

async fn stays_gone(patience: &Patience, catalog: &Arc<dyn ImageCatalog>, image: &ImageRef) -> Verdict {
    for _ in 0..2 {
        let seen = one(described(patience, catalog, std::slice::from_ref(image)).await?)?;
        require!(seen.stage == ImageStage::Gone, "{image} was deleted, and is {:?}", seen.stage);
        require!(seen.unlaunchable.is_some(), "{image} is gone, and said to be launchable");
        patience.linger().await;
    }
    Ok(())
}
