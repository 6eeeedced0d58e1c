//! Rules 5, 10 and 13: whereto it goes back, and what may be launched at all.

use super::truth::Change;
use super::{Scene, Verdict};
use crate::memory::{Cause, What};
use crate::rollout::{Event, MAX_VIEW_AGE, Phase, Recorded, RevertCause};

/// The baseline's groups stay until the wanted release is proven, unless others removed them.
pub(super) fn kept(scene: &Scene, change: &Change<'_>) -> Verdict {
    let (What::Deleting, true) = (&change.effect.what, change.ours()) else { return Ok(()) };
    let Some(chapter) = scene.book.chapter.as_ref().filter(|chapter| !chapter.proven) else { return Ok(()) };
    let generation = change.group.generation;
    if chapter.moves_to() == Some(generation) {
        return Err("it is the one that is wanted".to_owned());
    }
    let release = scene.book.release(generation);
    let forward = matches!(chapter.phase, Phase::Preparing { .. } | Phase::Stepping { .. });
    if forward && release.is_some() && release == chapter.baseline {
        return Err("it is the baseline, and nothing else is proven".to_owned());
    }
    let here = scene.truth.members(change.group);
    if here > 0 { Err(format!("{here} are in it")) } else { Ok(()) }
}

/// A rollback goes to the proven release, and to no other.
pub(super) fn to_the_proven(scene: &Scene, recorded: &Recorded) -> Verdict {
    let Some(chapter) = &scene.book.chapter else { return Ok(()) };
    let (to, why) = match &recorded.event {
        Event::Moved { to: Phase::Reverting { to, why, .. } } => (*to, why),
        _ => return Ok(()),
    };
    let Some(baseline) = chapter.baseline else { return Err("there is no proven release to go back to".to_owned()) };
    match scene.book.release(to) {
        Some(release) if release != baseline => return Err(format!("generation {to} is not of the proven release")),
        // One that is still to be made is judged when it is.
        _ => {}
    }
    let failing = scene.book.release(chapter.wanted) == Some(baseline);
    if failing && !matches!(why, RevertCause::Asked | RevertCause::Deadline | RevertCause::Overdue) {
        return Err(format!("it goes back to the very release that failed: {why}"));
    }
    Ok(())
}

/// Nothing is raised of an artifact that was revoked before the registry was asked last.
pub(super) fn evidenced(scene: &Scene, change: &Change<'_>) -> Verdict {
    let (Cause::Call(op), What::Sized { from, to }) = (change.effect.by, &change.effect.what) else { return Ok(()) };
    let Some(journaled) = scene.book.ops.get(&op).filter(|_| to > from) else { return Ok(()) };
    let release = scene.book.release(change.group.generation);
    let revoked = release.and_then(|release| scene.revoked.get(&release.artifact));
    match revoked {
        Some(at) if *at + MAX_VIEW_AGE < journaled.basis => Err(format!("its artifact was revoked at {at}")),
        _ => Ok(()),
    }
}
