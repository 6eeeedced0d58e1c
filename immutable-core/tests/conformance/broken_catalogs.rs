//! Catalogs that break their contract, each in one way, and the case that must see it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use immutable_core::conformance::{Time, catalog};
use immutable_core::fleet::Coverage;
use immutable_core::id::BaseQuery;
use immutable_core::memory::{MemoryCloud, MemoryOptions};
use immutable_core::provider::{
    Availability, CatalogCapabilities, Deleted, ImageCatalog, ImageSeen, ImageStage, ImageUse, ImageUses, Replica,
};
use immutable_core::time::VirtualClock;
use immutable_core::{Applied, Error, ErrorKind, ImageRef, Place, Result};

use crate::clock;
use crate::memory_catalog::{beside, subject};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    AnswersBackwards,
    AnswersWithTheName,
    ChangesWhatItCan,
    CopiesAgainOnACopy,
    CopiesAllToOne,
    CopiesToNowhere,
    CopiesWhatIsDisabled,
    DeletesEverything,
    DeletesItWhileItSaysInUse,
    DeletesLater,
    DeletesNothing,
    DeletesTheOtherToo,
    DeletesWhatIsEmpty,
    DropsLabels,
    DropsLabelsOfAStage,
    ErrsOnWhatIsGone,
    FindsBasesThatAreNot,
    FindsOnlyNames,
    FindsSomethingForNoName,
    ForgetsCopiesWithoutASource,
    ForgetsEmptyGroups,
    ForgetsInstances,
    GivesOthersWhatIsOurs,
    KeepsDeletedCopies,
    KeepsUsesForEver,
    KnowsEveryPlace,
    LeavesItUnknownWhetherItRefused,
    MakesACopyOfItsOwn,
    MovesNamesAtEachLook,
    NamesUsesOfAll,
    NeverEnables,
    ReadyTooEarly,
    RefusesWhatIsDisabled,
    RemembersWhoUsedIt,
    ResolvesToDisabled,
    SetsOthersImages,
    SetsStagesBeyond,
    SetsTheOtherToo,
    ShowsThemBackwards,
    StagesOnce,
    StopsHalfwayForGood,
    TakesACopyForAUse,
    TakesIdsOfAnyPlace,
    TakesTheRunningAway,
}
use Flaw::*;

const CAUGHT: &[(Flaw, &str)] = &[
    (ChangesWhatItCan, "capabilities_stay"),
    (AnswersWithTheName, "a_base_is_one_exact_image"),
    (MovesNamesAtEachLook, "a_base_is_one_exact_image"),
    (FindsOnlyNames, "a_base_resolved_is_resolved_to_itself"),
    (FindsBasesThatAreNot, "an_unknown_base_is_not_found"),
    (LeavesItUnknownWhetherItRefused, "an_unknown_base_is_not_found"),
    (FindsSomethingForNoName, "a_base_of_no_name_is_invalid"),
    (AnswersBackwards, "images_are_described_in_the_order_asked"),
    (KnowsEveryPlace, "an_image_of_another_place_is_gone"),
    (TakesIdsOfAnyPlace, "an_image_of_another_place_is_left_alone"),
    (SetsOthersImages, "what_is_not_ours_is_left_alone"),
    (DeletesEverything, "what_is_not_ours_is_left_alone"),
    (ReadyTooEarly, "a_copy_can_be_launched_where_it_was_sent"),
    (GivesOthersWhatIsOurs, "a_copy_is_ours"),
    (DropsLabels, "labels_come_along"),
    (TakesACopyForAUse, "a_copy_leaves_its_source_as_it_is"),
    (CopiesAgainOnACopy, "a_copy_sent_again_is_one_copy"),
    (CopiesAgainOnACopy, "two_calls_for_a_copy_at_once_are_one_copy"),
    (StopsHalfwayForGood, "a_dropped_copy_sent_again_is_one_copy"),
    (CopiesAllToOne, "copies_of_two_images_differ"),
    (MakesACopyOfItsOwn, "a_copy_to_its_own_place_is_itself"),
    (CopiesToNowhere, "a_copy_to_nowhere_is_invalid"),
    (CopiesToNowhere, "a_copy_of_what_is_gone_is_not_found"),
    (CopiesWhatIsDisabled, "a_copy_of_what_is_disabled_conflicts"),
    (ForgetsCopiesWithoutASource, "a_copy_outlives_its_source"),
    (KeepsDeletedCopies, "a_copy_that_was_deleted_is_made_anew"),
    (NeverEnables, "a_stage_is_what_was_set_last"),
    (StagesOnce, "a_stage_is_what_was_set_last"),
    (DropsLabelsOfAStage, "a_stage_again_changes_nothing"),
    (DropsLabelsOfAStage, "a_stage_keeps_labels_and_other_images"),
    (SetsTheOtherToo, "a_stage_keeps_labels_and_other_images"),
    (SetsStagesBeyond, "a_stage_it_cannot_set_is_invalid"),
    (ErrsOnWhatIsGone, "a_stage_of_what_is_gone_is_not_found"),
    (TakesTheRunningAway, "a_stage_leaves_who_runs_alone"),
    (ResolvesToDisabled, "a_moving_name_passes_over_what_is_disabled"),
    (StopsHalfwayForGood, "a_dropped_stage_sent_again_is_set"),
    (NamesUsesOfAll, "the_unused_has_no_uses"),
    (ForgetsInstances, "uses_name_who_runs"),
    (ForgetsEmptyGroups, "uses_name_an_empty_generation"),
    (NamesUsesOfAll, "uses_are_of_one_image_alone"),
    (ShowsThemBackwards, "uses_come_in_ascending_order"),
    (KeepsUsesForEver, "uses_end"),
    (DeletesNothing, "a_delete_of_the_unused_ends_gone"),
    (DeletesLater, "a_delete_of_the_unused_ends_gone"),
    (ErrsOnWhatIsGone, "a_delete_again_is_gone"),
    (DeletesTheOtherToo, "a_delete_leaves_other_images_alone"),
    (DeletesEverything, "a_delete_of_what_runs_does_nothing"),
    (DeletesItWhileItSaysInUse, "a_delete_of_what_runs_does_nothing"),
    (DeletesWhatIsEmpty, "a_delete_of_what_an_empty_generation_uses_does_nothing"),
    (RemembersWhoUsedIt, "a_delete_of_what_is_used_no_more_ends_gone"),
    (RefusesWhatIsDisabled, "a_delete_of_what_is_disabled_ends_gone"),
    (StopsHalfwayForGood, "a_dropped_delete_sent_again_ends_gone"),
];

/// A catalog that keeps the contract, and something in between that does not.
struct Broken {
    cloud: MemoryCloud,
    artifacts: Vec<immutable_core::Artifact>,
    flaw: Option<Flaw>,
    capabilities: [CatalogCapabilities; 2],
    calls: AtomicU32,
    /// Calls that were begun and not ended.
    stuck: Mutex<Vec<ImageRef>>,
    seen: Mutex<BTreeMap<ImageRef, ImageUses>>,
    staged: Mutex<BTreeMap<ImageRef, Availability>>,
    gone: Mutex<Vec<ImageRef>>,
}

impl Broken {
    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn artifact(&self, image: &ImageRef) -> Option<&immutable_core::Artifact> {
        self.artifacts.iter().find(|artifact| artifact.image_in(image.place()) == Some(image))
    }

    fn other(&self, image: &ImageRef) -> Option<&immutable_core::Artifact> {
        self.artifacts.iter().find(|artifact| artifact.image_in(image.place()) != Some(image))
    }

    /// The way there: whoever goes away on it leaves something behind.
    async fn travel(&self, image: &ImageRef) -> Result<()> {
        if !self.is(StopsHalfwayForGood) {
            return Ok(());
        }
        if self.stuck.lock().unwrap().contains(image) {
            return Err(Error::new(ErrorKind::Busy, "it is being changed"));
        }
        self.stuck.lock().unwrap().push(image.clone());
        let clock = self.cloud.clock();
        clock.sleep_until(clock.now() + std::time::Duration::from_millis(20)).await;
        self.stuck.lock().unwrap().retain(|one| one != image);
        Ok(())
    }

    fn here(&self, image: &ImageRef) -> ImageRef {
        let any = self.is(TakesIdsOfAnyPlace) || self.is(KnowsEveryPlace);
        if any { ImageRef::new(self.cloud.place(), image.id().as_str()) } else { image.clone() }
    }
}

#[async_trait]
impl ImageCatalog for Broken {
    fn capabilities(&self) -> &CatalogCapabilities {
        let later = self.is(ChangesWhatItCan) && self.calls.load(Ordering::Relaxed) > 0;
        &self.capabilities[usize::from(later)]
    }

    async fn resolve_base(&self, query: &BaseQuery) -> Result<ImageSeen> {
        let named = query.as_str().starts_with("debian");
        if self.is(MovesNamesAtEachLook) && named {
            self.cloud.release_base(query.clone());
        }
        if self.is(FindsOnlyNames) && !named {
            return Err(Error::new(ErrorKind::NotFound, "there is no such name"));
        }
        match self.cloud.resolve_base(query).await {
            Ok(seen) if self.is(AnswersWithTheName) && named => {
                Ok(ImageSeen { image: ImageRef::new(self.cloud.place(), query.as_str()), ..seen })
            }
            Err(_) if self.is(FindsSomethingForNoName) => self.cloud.resolve_base(&"debian-12".into()).await,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let image = ImageRef::new(self.cloud.place(), query.as_str());
                match self.flaw {
                    Some(FindsBasesThatAreNot) => self.cloud.resolve_base(&"debian-12".into()).await,
                    Some(ResolvesToDisabled) => Ok(self.cloud.describe(&[image]).await?.remove(0)),
                    Some(LeavesItUnknownWhetherItRefused) => Err(error.with_applied(Applied::Unknown)),
                    _ => Err(error),
                }
            }
            answer => answer,
        }
    }

    async fn describe(&self, images: &[ImageRef]) -> Result<Vec<ImageSeen>> {
        let asked: Vec<_> = images.iter().map(|image| self.here(image)).collect();
        let mut seen = self.cloud.describe(&asked).await?;
        for (seen, image) in seen.iter_mut().zip(images) {
            seen.image = image.clone();
            if self.is(DropsLabelsOfAStage) {
                let set = self.staged.lock().unwrap().get(image).is_some();
                let calls = self.calls.load(Ordering::Relaxed);
                set.then(|| seen.labels.insert("calls".into(), calls.to_string().into()));
            }
            if self.is(DeletesLater) && self.gone.lock().unwrap().contains(image) {
                seen.stage = ImageStage::Active;
            }
        }
        if self.is(AnswersBackwards) {
            seen.reverse();
        }
        Ok(seen)
    }

    async fn replicate(&self, image: &ImageRef, to: &Place) -> Result<Replica> {
        self.travel(image).await?;
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        let (flaw, image) = (self.flaw, self.here(image));
        let copy = |id: String| ImageRef::new(to.clone(), id);
        let replica = match self.cloud.replicate(&image, to).await {
            Err(_) if flaw == Some(CopiesToNowhere) => Ok(Replica::Ready(copy(format!("img-{calls}")))),
            Err(error) if flaw == Some(CopiesWhatIsDisabled) && error.kind() == ErrorKind::Conflict => {
                Ok(Replica::Ready(copy("img-0".into())))
            }
            answer => answer,
        }?;
        Ok(match (flaw, replica) {
            (Some(CopiesAgainOnACopy), replica) if to != image.place() => match replica {
                Replica::Ready(_) => replica,
                _ => Replica::Copying { image: copy(format!("img-{calls}")), progress: None },
            },
            (Some(CopiesAllToOne), Replica::Copying { .. } | Replica::Ready(_)) => {
                let first = self.artifacts[0].image_in(&self.cloud.place()).unwrap();
                self.cloud.replicate(first, to).await?
            }
            (Some(MakesACopyOfItsOwn), _) if to == image.place() => Replica::Ready(copy("img-0".into())),
            (Some(ReadyTooEarly), replica) => Replica::Ready(replica.image().clone()),
            (Some(ForgetsCopiesWithoutASource), replica) => {
                let source = self.cloud.describe(std::slice::from_ref(&image)).await?;
                if source[0].stage == ImageStage::Gone {
                    return Err(Error::new(ErrorKind::NotFound, "there is no such image"));
                }
                replica
            }
            (Some(KeepsDeletedCopies), Replica::Ready(image)) => {
                self.gone.lock().unwrap().push(image.clone());
                Replica::Ready(image)
            }
            (Some(KeepsDeletedCopies), replica) => match self.gone.lock().unwrap().first() {
                Some(before) => Replica::Ready(before.clone()),
                None => replica,
            },
            (_, replica) => replica,
        })
    }

    async fn set_stage(&self, image: &ImageRef, stage: Availability) -> Result<()> {
        self.travel(image).await?;
        self.calls.fetch_add(1, Ordering::Relaxed);
        let image = self.here(image);
        let before = self.staged.lock().unwrap().insert(image.clone(), stage);
        match self.flaw {
            Some(StagesOnce) if before.is_some() => return Ok(()),
            Some(NeverEnables) if before == Some(Availability::Disabled) => return Ok(()),
            Some(SetsTheOtherToo) => self.other(&image).into_iter().for_each(|other| self.cloud.disable_image(other)),
            Some(TakesTheRunningAway) => {
                let fleet = immutable_core::fleet::FleetId::new(self.cloud.place(), "web");
                self.cloud.instances(&fleet).first().map(|one| self.cloud.kill(&one.key.name)).transpose()?;
            }
            _ => {}
        }
        match self.cloud.set_stage(&image, stage).await {
            Err(error) if self.is(SetsStagesBeyond) && error.kind() == ErrorKind::Invalid => {
                self.artifact(&image).into_iter().for_each(|artifact| self.cloud.disable_image(artifact));
                Ok(())
            }
            Err(error) if self.is(SetsOthersImages) && error.kind() == ErrorKind::Denied => Ok(()),
            Err(error) if self.is(ErrsOnWhatIsGone) && error.kind() == ErrorKind::NotFound => {
                Err(Error::invalid("it is not there"))
            }
            answer => answer,
        }
    }

    async fn uses(&self, image: &ImageRef) -> Result<ImageUses> {
        let image = self.here(image);
        let mut uses = self.cloud.uses(&image).await?;
        match self.flaw {
            Some(ShowsThemBackwards) => uses.by.reverse(),
            Some(ForgetsInstances) => uses.by.retain(|one| !matches!(one, ImageUse::Instance(_))),
            Some(ForgetsEmptyGroups) => uses.by.retain(|one| !matches!(one, ImageUse::Group(_))),
            Some(NamesUsesOfAll) => uses.by.push(ImageUse::Template("of-another".into())),
            Some(TakesACopyForAUse) if self.calls.load(Ordering::Relaxed) > 0 => uses.by.push(ImageUse::Copy(image)),
            Some(KeepsUsesForEver) => {
                let mut seen = self.seen.lock().unwrap();
                let first = seen.get(&image).filter(|uses| !uses.by.is_empty()).unwrap_or(&uses).clone();
                seen.insert(image, first.clone());
                return Ok(first);
            }
            _ => {}
        }
        Ok(uses)
    }

    async fn delete(&self, image: &ImageRef) -> Result<Deleted> {
        self.travel(image).await?;
        self.calls.fetch_add(1, Ordering::Relaxed);
        let image = self.here(image);
        if self.is(DeletesLater) {
            self.gone.lock().unwrap().push(image.clone());
        }
        let before = self.cloud.describe(std::slice::from_ref(&image)).await?.remove(0);
        let kill = || self.artifact(&image).into_iter().for_each(|artifact| self.cloud.delete_image(artifact));
        match self.flaw {
            Some(RemembersWhoUsedIt) => {
                let refused = self.seen.lock().unwrap().get(&image).map(|uses| uses.by.clone());
                if let Some(by) = refused {
                    return Ok(Deleted::InUse(by));
                }
            }
            Some(DeletesNothing) => return Ok(Deleted::Gone),
            Some(DeletesTheOtherToo) => self.other(&image).into_iter().for_each(|other| self.cloud.delete_image(other)),
            Some(ErrsOnWhatIsGone) if before.stage == ImageStage::Gone => {
                return Err(Error::new(ErrorKind::NotFound, "there is none"));
            }
            Some(RefusesWhatIsDisabled) if before.stage == ImageStage::Disabled => {
                return Err(Error::new(ErrorKind::Denied, "it is off"));
            }
            Some(DeletesEverything) => {
                kill();
                return Ok(Deleted::Gone);
            }
            _ => {}
        }
        let answer = self.cloud.delete(&image).await?;
        if let Deleted::InUse(by) = &answer {
            if self.is(RemembersWhoUsedIt) {
                self.seen.lock().unwrap().insert(image.clone(), ImageUses { by: by.clone(), coverage: Coverage::Whole });
            }
            let empty = !by.iter().any(|one| matches!(one, ImageUse::Instance(_)));
            if self.is(DeletesItWhileItSaysInUse) || self.is(DeletesWhatIsEmpty) && empty {
                kill();
            }
        }
        Ok(answer)
    }
}

/// Where the copies are, if it is they that are wrong.
struct There {
    cloud: MemoryCloud,
    flaw: Option<Flaw>,
}

#[async_trait]
impl ImageCatalog for There {
    fn capabilities(&self) -> &CatalogCapabilities {
        ImageCatalog::capabilities(&self.cloud)
    }

    async fn resolve_base(&self, query: &BaseQuery) -> Result<ImageSeen> {
        self.cloud.resolve_base(query).await
    }

    async fn describe(&self, images: &[ImageRef]) -> Result<Vec<ImageSeen>> {
        let mut seen = self.cloud.describe(images).await?;
        match self.flaw {
            Some(DropsLabels) => seen.iter_mut().for_each(|seen| seen.labels.clear()),
            Some(GivesOthersWhatIsOurs) => seen.iter_mut().for_each(|seen| seen.ours = false),
            _ => {}
        }
        Ok(seen)
    }

    async fn replicate(&self, image: &ImageRef, to: &Place) -> Result<Replica> {
        self.cloud.replicate(image, to).await
    }

    async fn set_stage(&self, image: &ImageRef, stage: Availability) -> Result<()> {
        self.cloud.set_stage(image, stage).await
    }

    async fn uses(&self, image: &ImageRef) -> Result<ImageUses> {
        self.cloud.uses(image).await
    }

    async fn delete(&self, image: &ImageRef) -> Result<Deleted> {
        self.cloud.delete(image).await
    }
}

fn broken(flaw: Option<Flaw>) -> Result<catalog::Subject> {
    let clock: VirtualClock = clock();
    let options = MemoryOptions::seeded(7).disables(flaw != Some(SetsStagesBeyond));
    let cloud = MemoryCloud::with(options.clone().clock(clock.clone()));
    let (place, there) = beside(&cloud, options)?;
    let fine = Arc::new(cloud.clone());
    let there = Arc::new(There { cloud: there, flaw });
    let mut subject = subject(&cloud, fine.clone(), fine, place, there, Time::Virtual(clock))?;
    // The artifacts that the subject's images are of.
    let again = MemoryCloud::with(MemoryOptions::seeded(7));
    let artifacts = vec![again.bake("acmeinc/web", "1.0.0")?, again.bake("acmeinc/web", "1.1.0")?];
    let can = ImageCatalog::capabilities(&cloud).clone();
    let capabilities = [can.clone(), CatalogCapabilities { deprecates: !can.deprecates, ..can }];
    subject.images = Arc::new(Broken {
        cloud,
        artifacts,
        flaw,
        capabilities,
        calls: AtomicU32::new(0),
        stuck: Mutex::default(),
        seen: Mutex::default(),
        staged: Mutex::default(),
        gone: Mutex::default(),
    });
    Ok(subject)
}

mod between_without_a_flaw {
    immutable_core::image_catalog_conformance!(async || super::broken(None), cannot: {
        "a_stage_it_cannot_set_is_invalid": "it can set all",
    });
}

#[test]
fn each_flaw_is_caught_by_its_case() {
    let passes = |flaw, case: &str| match catalog::run(case, async || broken(Some(flaw)), &[], &[]) {
        Ok(()) => true,
        Err(failure) => failure.to_string().contains("not applicable"),
    };
    let missed: Vec<_> = CAUGHT.iter().filter(|(flaw, case)| passes(*flaw, case)).collect();
    assert!(missed.is_empty(), "these cases pass over what is broken so: {missed:?}");
}

#[test]
fn each_case_catches_a_flaw() {
    let idle: Vec<_> = catalog::cases().filter(|case| CAUGHT.iter().all(|(_, by)| by != case)).collect();
    assert!(idle.is_empty(), "nothing is broken so that these cases see it: {idle:?}");
    let unknown: Vec<_> = CAUGHT.iter().filter(|(_, by)| catalog::cases().all(|case| case != *by)).collect();
    assert!(unknown.is_empty(), "there are no such cases: {unknown:?}");
}
