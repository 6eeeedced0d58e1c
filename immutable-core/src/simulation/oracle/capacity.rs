//! Rules 2, 3 and 4: never too many, never too few, and nothing but what a generation is of.

use super::truth::Change;
use super::{Scene, Verdict};
use crate::fleet::Life;
use crate::memory::{Cause, What};

/// Rule 2: what one of our calls adds finds room, but for what others added since the views that it rests on.
pub(super) fn ceiling(scene: &Scene, change: &Change<'_>) -> Verdict {
    let Cause::Call(op) = change.effect.by else { return Ok(()) };
    let adds = match change.effect.what {
        What::Sized { from, to } => to > from,
        What::Launched(_) => true,
        _ => false,
    };
    let Some(journaled) = scene.book.ops.get(&op).filter(|_| adds) else { return Ok(()) };
    let live = scene.truth.live();
    let others = scene.truth.added_since(journaled.whole);
    if live <= journaled.ceiling.saturating_add(others) {
        return Ok(());
    }
    Err(format!("{live} live, {} may be, and others have added {others} since", journaled.ceiling))
}

/// Rule 3: whoever was ready when a call was decided, and leaves because of it, leaves enough behind, but for whom others took since.
pub(super) fn floor(scene: &Scene, change: &Change<'_>) -> Verdict {
    let (What::Lives(_, Life::Leaving | Life::Gone), true) = (&change.effect.what, change.left()) else { return Ok(()) };
    let was_ready =
        |since| change.was.as_ref().is_some_and(|was| was.ready() && was.healthy.is_some_and(|healthy| healthy < since));
    let op = match change.effect.by {
        Cause::Call(op) => op,
        // Whom nobody named.
        Cause::Provider if change.lost_ready() && scene.truth.groups.get(&change.group).is_some_and(|group| group.ours) => {
            return Err("the provider chose who leaves".to_owned());
        }
        _ => return Ok(()),
    };
    let Some(journaled) = scene.book.ops.get(&op).filter(|journaled| was_ready(journaled.fresh)) else { return Ok(()) };
    let (ready, others) = (scene.truth.ready(), scene.truth.lost_since(journaled.fresh));
    // A lie cannot be told from an illness if it is about few, or if nobody else has served yet who could be ill of the same, or if only an old
    // view of some group still shows it.
    let alone = !journaled
        .moves_to
        .and_then(|wanted| scene.book.release(wanted))
        .is_some_and(|wanted| scene.book.exercised.contains(&wanted));
    let lied = (ready <= 1 || alone || scene.stale) && scene.lied_within(journaled.fresh, journaled.basis);
    if ready.saturating_add(others) >= journaled.floor || lied {
        return Ok(());
    }
    Err(format!("{ready} ready, {} must be, and others have taken {others} since", journaled.floor))
}

/// Rule 4: nobody launches anything for a generation but what it is of; what is put in its place by others is theirs.
pub(super) fn same(_: &Scene, change: &Change<'_>) -> Verdict {
    match (&change.effect.what, change.effect.by) {
        (What::Runs(..), Cause::Script) => Ok(()),
        (What::Runs(..), _) => Err("a machine runs another image".to_owned()),
        _ => Ok(()),
    }
}
