//! Who uses an image.

use super::trial::Trial;
use crate::conformance::fleets::Made;
use crate::conformance::suite::{Verdict, require};
use crate::provider::ImageUse;

pub(super) async fn the_unused_has_no_uses(trial: &Trial) -> Verdict {
    for image in [trial.image(), trial.other()] {
        let uses = trial.uses(image).await?;
        require!(uses.is_empty(), "nothing was made of {image}, and it is used by {uses:?}");
    }
    let uses = trial.uses(trial.gone().await?).await?;
    require!(uses.is_empty(), "nobody uses what is gone: {uses:?}");
    Ok(())
}

/// Whether these are among the uses, by their names.
fn names(uses: &[ImageUse], made: &Made) -> bool {
    made.members.iter().all(|key| uses.contains(&ImageUse::Instance(key.name.clone())))
}

fn launchers(uses: &[ImageUse]) -> usize {
    uses.iter().filter(|one| matches!(one, ImageUse::Group(_) | ImageUse::Template(_))).count()
}

pub(super) async fn uses_name_who_runs(trial: &Trial) -> Verdict {
    let made = trial.made(2).await?;
    let uses = trial.uses(trial.image()).await?;
    require!(names(&uses, &made), "{:?} run it, and must be among its uses: {uses:?}", made.members);
    let instances = uses.iter().filter(|one| matches!(one, ImageUse::Instance(_))).count();
    require!(instances == 2, "two machines run it, and {instances} are told of: {uses:?}");
    Ok(())
}

pub(super) async fn uses_name_an_empty_generation(trial: &Trial) -> Verdict {
    trial.made(0).await?;
    let uses = trial.uses(trial.image()).await?;
    require!(launchers(&uses) > 0, "a generation without machines would launch it; its groups or templates use it: {uses:?}");
    require!(launchers(&uses) == uses.len(), "nothing was launched, and nothing else can use it: {uses:?}");
    Ok(())
}

pub(super) async fn uses_are_of_one_image_alone(trial: &Trial) -> Verdict {
    let first = trial.made(1).await?;
    let uses = trial.uses(trial.other()).await?;
    require!(uses.is_empty(), "all that was made is of another image: {uses:?}");
    let second = trial.machines.make_of(trial.machines.spec_of(2, 1, 1)?, 2).await?;
    let (ours, theirs) = (trial.uses(trial.image()).await?, trial.uses(trial.other()).await?);
    require!(names(&ours, &first) && names(&theirs, &second), "each must be told with its image: {ours:?}, {theirs:?}");
    let shared: Vec<_> = ours.iter().filter(|one| theirs.contains(one)).collect();
    require!(shared.is_empty(), "these use one image each, and are told with both: {shared:?}");
    Ok(())
}

pub(super) async fn uses_come_in_ascending_order(trial: &Trial) -> Verdict {
    trial.made(4).await?;
    trial.machines.make(&trial.machines.spec_of(2, 0, 2)?).await?;
    for _ in 0..2 {
        let uses = trial.uses(trial.image()).await?;
        require!(uses.len() > 4, "four machines and two generations use it: {uses:?}");
        let ascends = uses.is_sorted_by(|one, next| one < next);
        require!(ascends, "uses must come in ascending order, each once: {uses:?}");
        trial.patience().linger().await;
    }
    Ok(())
}

pub(super) async fn uses_end(trial: &Trial) -> Verdict {
    let made = trial.made(2).await?;
    let uses = trial.uses(trial.image()).await?;
    require!(!uses.is_empty(), "a generation of it runs, and nobody uses it");
    trial.machines.retire(&made).await?;
    trial.until_used(trial.image(), "be used by nobody", <[_]>::is_empty).await?;
    trial.patience().linger().await;
    let uses = trial.uses(trial.image()).await?;
    require!(uses.is_empty(), "nobody used it, and nothing was made since: {uses:?}");
    Ok(())
}
