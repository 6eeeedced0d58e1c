//! Rules 2, 3 and 4: never too many, never too few, and nothing but what a generation is of.

use super::truth::Change;
use super::{Scene, Verdict};
use crate::fleet::Life;
use crate::memory::{Cause, What};
use crate::rollout::MAX_VIEW_AGE;

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
    // Another call may rest on a size that was set since.
    let ceiling = scene.book.chapter.as_ref().map_or(0, |chapter| chapter.budget().ceiling).max(journaled.ceiling);
    if live <= ceiling.saturating_add(others) {
        return Ok(());
    }
    Err(format!("{live} live, {ceiling} may be, and others have added {others} since"))
}

/// Rule 3: whoever was ready when a call was decided, and leaves because of it, leaves enough behind, but for whom others took since.
pub(super) fn floor(scene: &Scene, change: &Change<'_>) -> Verdict {
    match change.effect.what {
        What::Lives(_, Life::Leaving | Life::Gone) if change.left() => {}
        What::Draining(..) => {}
        _ => return Ok(()),
    }
    let was_ready =
        |since| change.was.as_ref().is_some_and(|was| was.ready() && was.healthy.is_some_and(|healthy| healthy < since));
    let op = match change.effect.by {
        Cause::Call(op) => op,
        // Whom nobody named.
        Cause::Provider if change.lost_ready() && scene.truth.groups.get(&change.group).is_some_and(|group| group.ours) => {
            // Where nothing compares, a raise decided before somebody else has set a size takes that back, and whom it likes.
            let since = change.effect.at - MAX_VIEW_AGE;
            let sized = scene.truth.groups.get(&change.group).and_then(|group| group.sized_by_others);
            if scene.unguarded && sized.is_some_and(|sized| sized >= since) {
                return Ok(());
            }
            return Err("the provider chose who leaves".to_owned());
        }
        _ => return Ok(()),
    };
    let Some(journaled) = scene.book.ops.get(&op).filter(|journaled| was_ready(journaled.fresh)) else { return Ok(()) };
    let generation = change.group.generation;
    let shares: Vec<_> = scene.traffic.maps().collect();
    // Who gets which share now is not what this call rests on, if others have set it since.
    if !shares.is_empty() && scene.traffic.foreign_since(journaled.pool) > 0 {
        return Ok(());
    }
    // Who was told to finish what it has, by a pool that had it out already, is named to leave: that others give it requests again keeps it no
    // longer than its deadline.
    if let What::Lives(key, _) = &change.effect.what
        && let Some(told) = scene.book.drains.get(key)
        && scene.traffic.foreign_since(*told) > 0
    {
        return Ok(());
    }
    let carried = shares.iter().filter_map(|map| scene.traffic.carried(&scene.truth, map, generation, journaled.floor));
    let lost = scene.truth.lost_since(journaled.fresh);
    let short = carried.max_by_key(|(ready, needed)| needed.saturating_sub(*ready));
    let Some((ready, needed)) = short.or(shares.is_empty().then(|| (scene.truth.ready(), journaled.floor))) else {
        return Ok(());
    };
    let others = if scene.traffic.is_divided() { scene.truth.lost_of(generation, journaled.fresh) } else { lost };
    // A lie cannot be told from an illness if it is about few, or if nobody else has served yet who could be ill of the same, or if only an old
    // view of some group still shows it.
    let alone = !journaled
        .moves_to
        .and_then(|wanted| scene.book.release(wanted))
        .is_some_and(|wanted| scene.book.exercised.contains(&wanted));
    // Nor if nobody else is there any more.
    let others_served = |machine: &super::truth::Machine| {
        machine.group.generation != generation && machine.member() && (machine.healthy.is_some() || machine.was_healthy.is_some())
    };
    let alone = alone || !scene.truth.machines.values().any(others_served);
    let lied = (ready <= 1 || alone || scene.stale) && scene.lied_within(journaled.fresh, journaled.basis);
    if ready.saturating_add(others) >= needed || lied {
        return Ok(());
    }
    Err(format!("{ready} ready, {needed} must be, and others have taken {others} since"))
}

/// Rule 4: nobody launches anything for a generation but what it is of; what is put in its place by others is theirs.
pub(super) fn same(_: &Scene, change: &Change<'_>) -> Verdict {
    match (&change.effect.what, change.effect.by) {
        (What::Runs(..), Cause::Script) => Ok(()),
        (What::Runs(..), _) => Err("a machine runs another image".to_owned()),
        _ => Ok(()),
    }
}
