//! Names that move, looks, and whose an image is.

use super::trial::{ALL, Trial};
use crate::artifact::ImageRef;
use crate::conformance::patience::Busy;
use crate::conformance::suite::{Failure, Verdict, refused, require};
use crate::error::ErrorKind;
use crate::id::BaseQuery;
use crate::provider::{Availability, ImageStage};

pub(super) async fn capabilities_stay(trial: &Trial) -> Verdict {
    let before = trial.images.capabilities().clone();
    trial.gone().await?;
    let after = trial.images.capabilities();
    require!(before == *after, "capabilities changed from {before:?} to {after:?}");
    Ok(())
}

pub(super) async fn a_base_is_one_exact_image(trial: &Trial) -> Verdict {
    let seen = trial.resolve(&trial.base).await?;
    let place = &trial.machines.subject.place;
    require!(seen.image.place().serves(place), "a base must be of use in {place}: {seen:?}");
    require!(seen.image.id().as_str() != trial.base.as_str(), "an exact image is not called by a name that moves: {seen:?}");
    require!(seen.stage == ImageStage::Active, "what a name stands for must be Active: {seen:?}");
    require!(seen.unlaunchable.is_none(), "what a name stands for must be launchable: {seen:?}");
    let again = trial.resolve(&trial.base).await?;
    require!(again == seen, "nothing was released, and {seen:?} became {again:?}");
    let looked = trial.look(&seen.image).await?;
    require!(looked == seen, "a look at what was resolved must show the same: {seen:?}, {looked:?}");
    Ok(())
}

pub(super) async fn a_base_resolved_is_resolved_to_itself(trial: &Trial) -> Verdict {
    let base = trial.resolve(&trial.base).await?;
    for image in [&base.image, trial.image(), trial.other()] {
        let itself = trial.resolve(&BaseQuery::new(image.id().as_str())).await?;
        require!(itself.image == *image, "asked for by its id, {image} must be the answer, not {}", itself.image);
    }
    Ok(())
}

pub(super) async fn an_unknown_base_is_not_found(trial: &Trial) -> Verdict {
    let unknown = BaseQuery::new(format!("{}-conformance-nothing", trial.base));
    refused("a name of nothing", trial.resolve(&unknown).await, &[ErrorKind::NotFound])?;
    let gone = BaseQuery::new(trial.gone().await?.id().as_str());
    refused("the id of what is gone", trial.resolve(&gone).await, &[ErrorKind::NotFound])?;
    Ok(())
}

pub(super) async fn a_base_of_no_name_is_invalid(trial: &Trial) -> Verdict {
    refused("no name at all", trial.resolve(&BaseQuery::new("")).await, &[ErrorKind::Invalid])?;
    Ok(())
}

pub(super) async fn images_are_described_in_the_order_asked(trial: &Trial) -> Verdict {
    let (here, gone) = (trial.image().clone(), trial.gone().await?.clone());
    let asked = [gone.clone(), here.clone(), gone.clone(), here.clone()];
    let seen = trial.describe(&asked).await?;
    for seen in &seen {
        let wanted = if seen.image == here { ImageStage::Active } else { ImageStage::Gone };
        require!(seen.stage == wanted, "{} must be {wanted:?}, not {:?}", seen.image, seen.stage);
        let ours = seen.image == here;
        require!(seen.ours == ours, "only what is there can be ours, and {here} is: {seen:?}");
        require!(seen.unlaunchable.is_none() == ours, "only what is there can be launched, and {here} can: {seen:?}");
    }
    require!(trial.describe(&[]).await?.is_empty(), "asked about nothing, it must tell of nothing");
    Ok(())
}

pub(super) async fn an_image_of_another_place_is_gone(trial: &Trial) -> Verdict {
    let elsewhere = ImageRef::new(trial.nowhere().clone(), trial.image().id().as_str());
    let seen = trial.look(&elsewhere).await?;
    require!(seen.stage == ImageStage::Gone, "{elsewhere} is nothing of this place; it is {:?}", seen.stage);
    require!(seen.unlaunchable.is_some(), "{elsewhere} is nothing of this place, and said to be launchable");
    Ok(())
}

pub(super) async fn an_image_of_another_place_is_left_alone(trial: &Trial) -> Verdict {
    let elsewhere = ImageRef::new(trial.nowhere().clone(), trial.image().id().as_str());
    let before = trial.describe(&[trial.image().clone(), trial.other().clone()]).await?;
    let invalid = &[ErrorKind::Invalid];
    refused("a delete of another place's image", trial.delete(&elsewhere).await, invalid)?;
    for stage in trial.stages() {
        refused("a stage of another place's image", trial.set_stage(&elsewhere, stage).await, invalid)?;
    }
    refused("a copy of another place's image", trial.replicate(&elsewhere, &trial.machines.subject.place).await, invalid)?;
    let look = async || trial.images.uses(&elsewhere).await;
    refused("a question for another place's image", trial.patience().drive(Busy::Wait, look).await, invalid)?;
    trial.unchanged(&before, "a call about another place's image of the same id").await
}

pub(super) async fn what_is_not_ours_is_left_alone(trial: &Trial) -> Verdict {
    let base = trial.resolve(&trial.base).await?;
    if base.ours {
        return Err(Failure::inapplicable("the base is ours, too (Subject::base)"));
    }
    for stage in ALL.into_iter().filter(|stage| *stage != Availability::Active && trial.images.capabilities().can_be(*stage)) {
        refused("a stage of what is not ours", trial.set_stage(&base.image, stage).await, &[ErrorKind::Denied])?;
    }
    refused("a delete of what is not ours", trial.delete(&base.image).await, &[ErrorKind::Denied])?;
    trial.unchanged(&[base], "what was refused").await
}
