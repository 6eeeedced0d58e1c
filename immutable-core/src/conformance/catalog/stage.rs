//! What an image may be used for.

use super::trial::{ALL, Trial};
use crate::conformance::suite::{Failure, Verdict, refused, require};
use crate::error::ErrorKind;
use crate::id::BaseQuery;
use crate::provider::{Availability, ImageStage};

pub(super) async fn a_stage_is_what_was_set_last(trial: &Trial) -> Verdict {
    let stages: Vec<_> = trial.stages().collect();
    for from in &stages {
        for to in &stages {
            trial.set(trial.image(), *from).await?;
            trial.set(trial.image(), *to).await?;
        }
    }
    trial.set(trial.image(), Availability::Active).await
}

pub(super) async fn a_stage_again_changes_nothing(trial: &Trial) -> Verdict {
    for stage in trial.stages() {
        trial.set(trial.image(), stage).await?;
        let before = trial.look(trial.image()).await?;
        trial.set_stage(trial.image(), stage).await?;
        trial.unchanged(&[before], "the same stage again").await?;
    }
    Ok(())
}

pub(super) async fn a_stage_keeps_labels_and_other_images(trial: &Trial) -> Verdict {
    let (before, other) = (trial.look(trial.image()).await?, trial.look(trial.other()).await?);
    for stage in trial.stages().chain([Availability::Active]) {
        trial.set(trial.image(), stage).await?;
        let seen = trial.look(trial.image()).await?;
        let kept = seen.labels == before.labels && seen.ours == before.ours;
        require!(kept, "a stage changed more: {before:?} became {seen:?}");
        trial.unchanged(std::slice::from_ref(&other), "a stage of another image").await?;
    }
    trial.unchanged(&[before], "there and back").await
}

pub(super) async fn a_stage_it_cannot_set_is_invalid(trial: &Trial) -> Verdict {
    let mut beyond = ALL.into_iter().filter(|stage| !trial.images.capabilities().can_be(*stage)).peekable();
    if beyond.peek().is_none() {
        return Err(Failure::inapplicable("it can set every stage (CatalogCapabilities)"));
    }
    let before = trial.look(trial.image()).await?;
    for stage in beyond {
        refused("a stage that it cannot set", trial.set_stage(trial.image(), stage).await, &[ErrorKind::Invalid])?;
    }
    trial.unchanged(&[before], "a stage that was refused").await
}

pub(super) async fn a_stage_of_what_is_gone_is_not_found(trial: &Trial) -> Verdict {
    let gone = trial.gone().await?;
    for stage in trial.stages() {
        refused("a stage of what is gone", trial.set_stage(gone, stage).await, &[ErrorKind::NotFound])?;
    }
    trial.is_gone(gone).await
}

pub(super) async fn a_stage_leaves_who_runs_alone(trial: &Trial) -> Verdict {
    let made = trial.made(2).await?;
    for stage in trial.stages() {
        trial.set(trial.image(), stage).await?;
        trial.machines.stays(&made.spec.fleet, made.group, &made.members).await?;
    }
    Ok(())
}

pub(super) async fn a_moving_name_passes_over_what_is_disabled(trial: &Trial) -> Verdict {
    let disabled = BaseQuery::new(trial.disabled().await?.id().as_str());
    refused("the id of what is disabled", trial.resolve(&disabled).await, &[ErrorKind::NotFound])?;
    trial.set(trial.other(), Availability::Active).await?;
    let seen = trial.resolve(&disabled).await?;
    require!(seen.stage == ImageStage::Active, "it is for use again, and {:?}", seen.stage);
    Ok(())
}

pub(super) async fn a_dropped_stage_sent_again_is_set(trial: &Trial) -> Verdict {
    let stages: Vec<_> = trial.stages().collect();
    for (way, stage) in (0..5).zip(stages.iter().rev().cycle()) {
        trial.patience().quiet().await;
        trial.patience().abandon(way, trial.images.set_stage(trial.image(), *stage)).await;
        trial.set(trial.image(), *stage).await?;
    }
    Ok(())
}
