//! Deletes, and what stands in their way.

use super::trial::Trial;
use crate::conformance::fleets::Made;
use crate::conformance::suite::{Failure, Verdict, require};
use crate::fleet::GroupId;
use crate::provider::{Availability, Deleted, ImageUse};

pub(super) async fn a_delete_of_the_unused_ends_gone(trial: &Trial) -> Verdict {
    let gone = trial.gone().await?;
    trial.is_gone(gone).await
}

pub(super) async fn a_delete_again_is_gone(trial: &Trial) -> Verdict {
    let gone = trial.gone().await?;
    for _ in 0..2 {
        let again = trial.delete(gone).await?;
        require!(again == Deleted::Gone, "what is not there is Gone, not {again:?}");
        trial.is_gone(gone).await?;
    }
    Ok(())
}

pub(super) async fn a_delete_leaves_other_images_alone(trial: &Trial) -> Verdict {
    let before = trial.look(trial.image()).await?;
    trial.gone().await?;
    trial.unchanged(&[before], "a delete of another image").await?;
    trial.made(1).await?;
    Ok(())
}

/// Whether a delete is refused, says by whom, and does nothing: more can be launched.
async fn is_kept(trial: &Trial, made: &Made) -> Verdict {
    let before = trial.look(trial.image()).await?;
    for _ in 0..2 {
        let by = match trial.delete(trial.image()).await? {
            Deleted::InUse(by) => by,
            other => return Err(Failure::new(format!("a delete of what is used must answer InUse, not {other:?}"))),
        };
        let uses = trial.uses(trial.image()).await?;
        let of_these = !by.is_empty() && by.iter().all(|one| uses.contains(one));
        require!(of_these, "{uses:?} use it, and the delete named {by:?}");
        trial.unchanged(std::slice::from_ref(&before), "a delete of what is used").await?;
    }
    let group = GroupId { generation: made.spec.id, cell: 0 };
    let size = made.members.len() as u32;
    trial.machines.raise(&made.spec.fleet, group, size, size + 1).await?;
    let members = trial.machines.running(&made.spec.fleet, group, size + 1).await?;
    let stayed = made.members.iter().all(|key| members.contains(key));
    require!(stayed, "a delete that was refused took {:?} away, of which {members:?} are left", made.members);
    Ok(())
}

pub(super) async fn a_delete_of_what_runs_does_nothing(trial: &Trial) -> Verdict {
    let made = trial.made(2).await?;
    is_kept(trial, &made).await
}

pub(super) async fn a_delete_of_what_an_empty_generation_uses_does_nothing(trial: &Trial) -> Verdict {
    let made = trial.made(0).await?;
    is_kept(trial, &made).await
}

pub(super) async fn a_delete_of_what_is_used_no_more_ends_gone(trial: &Trial) -> Verdict {
    let made = trial.made(1).await?;
    let first = trial.delete(trial.image()).await?;
    require!(matches!(first, Deleted::InUse(_)), "a delete of what is used must answer InUse, not {first:?}");
    trial.machines.retire(&made).await?;
    trial.until_used(trial.image(), "be used by nobody", <[ImageUse]>::is_empty).await?;
    let then = trial.delete(trial.image()).await?;
    require!(then == Deleted::Gone, "nobody uses it any more, and a delete answers {then:?}");
    trial.is_gone(trial.image()).await
}

pub(super) async fn a_delete_of_what_is_disabled_ends_gone(trial: &Trial) -> Verdict {
    trial.disabled().await?;
    let gone = trial.gone().await?;
    trial.is_gone(gone).await?;
    trial.is_of(trial.image(), Availability::Active).await
}

pub(super) async fn a_dropped_delete_sent_again_ends_gone(trial: &Trial) -> Verdict {
    for (image, way) in [(trial.image(), 1), (trial.other(), 4)] {
        trial.patience().abandon(0, trial.images.delete(image)).await;
        trial.patience().abandon(way, trial.images.delete(image)).await;
        let deleted = trial.delete(image).await?;
        require!(deleted == Deleted::Gone, "dropped and sent again, a delete of what nobody uses answers {deleted:?}");
        trial.is_gone(image).await?;
    }
    Ok(())
}
