//! Copies in another place.

use super::trial::{There, Trial};
use crate::artifact::ImageRef;
use crate::conformance::patience::Busy;
use crate::conformance::suite::{Failure, Verdict, refused, require};
use crate::error::ErrorKind;
use crate::provider::{Deleted, ImageSeen, ImageStage, Replica};

/// Ways to drop a call: before it began, where it first waits, and later.
const WAYS: [u32; 5] = [0, 1, 2, 3, 4];

/// Whether a copy is there, can be launched, and stays so.
async fn is_there(there: There<'_>, copy: &ImageRef) -> Verdict<ImageSeen> {
    require!(copy.place().serves(there.place), "a copy in {} must be of use there, not {copy}", there.place);
    let seen = there.look(copy).await?;
    require!(seen.stage == ImageStage::Active, "{copy} is Ready, and {:?}", seen.stage);
    require!(seen.unlaunchable.is_none(), "{copy} is Ready, and cannot be launched: {:?}", seen.unlaunchable);
    Ok(seen)
}

pub(super) async fn a_copy_can_be_launched_where_it_was_sent(trial: &Trial) -> Verdict {
    let there = trial.there()?;
    let copy = trial.copied(trial.image(), there.place).await?;
    is_there(there, &copy).await?;
    trial.patience().linger().await;
    is_there(there, &copy).await?;
    Ok(())
}

pub(super) async fn a_copy_is_ours(trial: &Trial) -> Verdict {
    let there = trial.there()?;
    let copy = trial.copied(trial.image(), there.place).await?;
    let seen = is_there(there, &copy).await?;
    require!(seen.ours, "we made {copy}, and it is not ours");
    Ok(())
}

pub(super) async fn labels_come_along(trial: &Trial) -> Verdict {
    let there = trial.there()?;
    let source = trial.look(trial.image()).await?;
    if source.labels.is_empty() {
        return Err(Failure::inapplicable("the image has no labels"));
    }
    let all = |copy: &ImageSeen| source.labels.iter().all(|(key, value)| copy.labels.get(key) == Some(value));
    let begun = trial.replicate(trial.image(), there.place).await?;
    let seen = there.look(begun.image()).await?;
    require!(all(&seen), "as soon as it is begun, a copy of {:?} must bear its labels, not {:?}", source.labels, seen.labels);
    let copy = trial.copied(trial.image(), there.place).await?;
    let seen = there.look(&copy).await?;
    require!(all(&seen), "a copy of {:?} must bear its labels, not {:?}", source.labels, seen.labels);
    Ok(())
}

pub(super) async fn a_copy_leaves_its_source_as_it_is(trial: &Trial) -> Verdict {
    let there = trial.there()?;
    let before = trial.describe(&[trial.image().clone(), trial.other().clone()]).await?;
    trial.copied(trial.image(), there.place).await?;
    trial.unchanged(&before, "a copy").await?;
    let uses = trial.uses(trial.image()).await?;
    require!(uses.is_empty(), "a copy that is there uses its source no more: {uses:?}");
    Ok(())
}

pub(super) async fn a_copy_sent_again_is_one_copy(trial: &Trial) -> Verdict {
    let there = trial.there()?;
    let begun = trial.replicate(trial.image(), there.place).await?;
    let again = trial.replicate(trial.image(), there.place).await?;
    require!(begun.image() == again.image(), "sent twice, it began {begun:?} and {again:?}");
    let copy = trial.copied(trial.image(), there.place).await?;
    require!(copy == *begun.image(), "{begun:?} was begun, and {copy} is there");
    trial.patience().linger().await;
    let later = trial.replicate(trial.image(), there.place).await?;
    require!(later == Replica::Ready(copy.clone()), "{copy} is there; asked again, it must be told of, not {later:?}");
    Ok(())
}

pub(super) async fn two_calls_for_a_copy_at_once_are_one_copy(trial: &Trial) -> Verdict {
    let there = trial.there()?;
    let call = || trial.replicate_now(Busy::Wait, trial.image(), there.place);
    let (one, two) = futures_util::join!(call(), call());
    let (one, two) = (one?, two?);
    require!(one.image() == two.image(), "sent twice at once, it began {one:?} and {two:?}");
    let copy = trial.copied(trial.image(), there.place).await?;
    require!(copy == *one.image(), "{one:?} was begun, and {copy} is there");
    Ok(())
}

pub(super) async fn a_dropped_copy_sent_again_is_one_copy(trial: &Trial) -> Verdict {
    let there = trial.there()?;
    for image in [trial.image(), trial.other()] {
        let mut ways = WAYS;
        if image == trial.other() {
            ways.reverse();
        }
        let mut begun: Option<ImageRef> = None;
        for way in ways {
            trial.patience().abandon(way, trial.images.replicate(image, there.place)).await;
            let replica = trial.replicate_now(Busy::Wait, image, there.place).await?;
            let same = begun.as_ref().is_none_or(|begun| begun == replica.image());
            require!(same, "dropped and sent again, it began {begun:?} and {replica:?}");
            begun = Some(replica.image().clone());
        }
        let copy = trial.copied(image, there.place).await?;
        require!(begun.as_ref() == Some(&copy), "{begun:?} was begun, and {copy} is there");
        is_there(there, &copy).await?;
    }
    Ok(())
}

pub(super) async fn copies_of_two_images_differ(trial: &Trial) -> Verdict {
    let there = trial.there()?;
    let copy = trial.copied(trial.image(), there.place).await?;
    let other = trial.copied(trial.other(), there.place).await?;
    require!(copy != other, "two images have the one copy {copy}");
    is_there(there, &copy).await?;
    is_there(there, &other).await?;
    Ok(())
}

pub(super) async fn a_copy_to_its_own_place_is_itself(trial: &Trial) -> Verdict {
    let before = trial.look(trial.image()).await?;
    let replica = trial.replicate(trial.image(), trial.image().place()).await?;
    let itself = replica == Replica::Ready(trial.image().clone());
    require!(itself, "in its own place {} is its own copy, not {replica:?}", trial.image());
    trial.unchanged(&[before], "a copy to its own place").await
}

pub(super) async fn a_copy_to_nowhere_is_invalid(trial: &Trial) -> Verdict {
    let before = trial.look(trial.image()).await?;
    let answer = trial.replicate(trial.image(), trial.nowhere()).await;
    refused("a copy to a place that is not", answer, &[ErrorKind::Invalid])?;
    trial.unchanged(&[before], "a copy to nowhere").await
}

pub(super) async fn a_copy_of_what_is_gone_is_not_found(trial: &Trial) -> Verdict {
    let there = trial.there()?;
    let gone = trial.gone().await?;
    refused("a copy of what is gone", trial.replicate(gone, there.place).await, &[ErrorKind::NotFound])?;
    Ok(())
}

pub(super) async fn a_copy_of_what_is_disabled_conflicts(trial: &Trial) -> Verdict {
    let there = trial.there()?;
    let disabled = trial.disabled().await?;
    refused("a copy of what is disabled", trial.replicate(disabled, there.place).await, &[ErrorKind::Conflict])?;
    Ok(())
}

pub(super) async fn a_copy_outlives_its_source(trial: &Trial) -> Verdict {
    let there = trial.there()?;
    let source = trial.other();
    let copy = trial.copied(source, there.place).await?;
    if copy == *source {
        return Err(Failure::inapplicable("an image is of use in both places, and has no copies"));
    }
    let deleted = trial.delete(source).await?;
    require!(deleted == Deleted::Gone, "what was copied to its end is used by nobody: {deleted:?}");
    trial.patience().linger().await;
    is_there(there, &copy).await?;
    let replica = trial.replicate(source, there.place).await?;
    require!(replica == Replica::Ready(copy.clone()), "{copy} is there, also if its source is not: {replica:?}");
    Ok(())
}

pub(super) async fn a_copy_that_was_deleted_is_made_anew(trial: &Trial) -> Verdict {
    let there = trial.there()?;
    let copy = trial.copied(trial.image(), there.place).await?;
    if copy == *trial.image() {
        return Err(Failure::inapplicable("an image is of use in both places, and has no copies"));
    }
    there.delete(&copy).await?;
    there.is_gone(&copy).await?;
    let another = trial.copied(trial.image(), there.place).await?;
    is_there(there, &another).await?;
    require!(
        trial.look(trial.image()).await?.stage == ImageStage::Active,
        "a copy was deleted, and its source is no more Active"
    );
    Ok(())
}
