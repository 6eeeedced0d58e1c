//! Rules 2, 3 and 4: never too many, never too few, and nothing but what a generation is of.

use super::book::Journaled;
use super::truth::{Change, Machine};
use super::{Scene, Verdict};
use crate::fleet::Life;
use crate::memory::{Cause, What};
use crate::rollout::Shortage;
use crate::time::Timestamp;

/// Rule 2: what one of our calls adds finds room, but for what others added since the views that it rests on.
pub(super) fn ceiling(scene: &Scene, change: &Change<'_>) -> Verdict {
    let Cause::Call(op) = change.effect.by else { return Ok(()) };
    let adds = match change.effect.what {
        What::Sized { from, to } => to > from,
        What::Launched(_) => true,
        _ => false,
    };
    let Some(journaled) = scene.book.ops.get(&op).filter(|_| adds) else { return Ok(()) };
    // What was raised since was given room with this counted as done: so much may be there as the most of them found room for.
    let room = |raise: &Journaled| {
        let others = scene.truth.added_since(raise.whole);
        (raise.ceiling.saturating_add(others).saturating_add(spares(scene, raise, raise.decided)), raise.ceiling, others)
    };
    let since = scene.book.ops.values().filter(|raise| raise.raises() && raise.decided >= journaled.decided);
    let since = since.filter(|raise| !raise.settled || raise.sized > 0);
    let (most, ceiling, others) = since.map(room).fold(room(journaled), Ord::max);
    let live = scene.truth.live();
    if live <= most {
        return Ok(());
    }
    let spares = most - ceiling - others;
    Err(format!("{live} live, {ceiling} may be, {spares} spares besides, and others have added {others} since"))
}

/// How many spares there may be by then: for each that has booted for too long one, as far as the strategy goes, of a release that was ready here.
pub(super) fn spares(scene: &Scene, journaled: &Journaled, then: Timestamp) -> u32 {
    let Some(chapter) = &scene.book.chapter else { return 0 };
    let Some(hedge) = chapter.plan.strategy().hedge else { return 0 };
    let Some(wanted) = journaled.moves_to else { return 0 };
    if !scene.book.release(wanted).is_some_and(|release| scene.book.exercised.contains(&release)) {
        return 0;
    }
    // The fleet may have been larger when it was decided.
    let most = chapter.plan.strategy().spares(chapter.desired.max(journaled.desired.min(1_000_000)));
    if scene.lied_to(journaled) {
        return most;
    }
    scene.truth.unwell_since(wanted, then - hedge.after, journaled.fresh).min(most)
}

/// Where a shortage is waited out, no zone gets more than its share, but for what others have put there.
pub(super) fn balance(scene: &Scene, change: &Change<'_>) -> Verdict {
    let (Cause::Call(op), What::Sized { from, to }) = (change.effect.by, &change.effect.what) else { return Ok(()) };
    let (Some(journaled), Some(chapter)) = (scene.book.ops.get(&op).filter(|_| to > from), &scene.book.chapter) else {
        return Ok(());
    };
    // Zone by zone each has its part, and no other's.
    let strategy = chapter.plan.strategy();
    if strategy.on_shortage != Shortage::Wait || strategy.open_zones(0).is_some() {
        return Ok(());
    }
    let goal = journaled.most.max(chapter.goal().map_or(chapter.desired, |(wanted, _)| wanted)).max(1);
    let goal = goal.saturating_add(spares(scene, journaled, change.effect.at));
    // Another takes the place of each that runs another image, where that is.
    let beside = scene.truth.foreign_in(change.group, journaled.whole);
    let there = scene.truth.groups.iter().filter(|(id, group)| id.generation == change.group.generation && !group.deleting);
    let share = goal.div_ceil(u32::try_from(there.count()).unwrap_or(u32::MAX).max(1));
    let others = scene.truth.added_since(journaled.whole).saturating_add(beside);
    // Who is there already is kept, whoever has put them there.
    let members = scene.truth.members(change.group);
    if *to <= share.saturating_add(others).max(members) {
        return Ok(());
    }
    Err(format!("{to} in one zone, its share is {share} of {goal}"))
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
        Cause::Provider if change.lost_ready() => {
            let Some(group) = scene.truth.groups.get(&change.group) else { return Ok(()) };
            let Some(op) = group.sized_by else { return Ok(()) };
            // Where nothing compares, a raise decided before somebody else has set a size takes that back, and whom it likes.
            let raise = scene.book.ops.get(&op).filter(|journaled| group.sized_by_others >= Some(journaled.fresh));
            let timely = |journaled: &Journaled| change.effect.at.since(journaled.basis) <= scene.latest();
            if scene.unguarded && raise.is_some_and(timely) {
                return Ok(());
            }
            return Err("the provider chose who leaves".to_owned());
        }
        _ => return Ok(()),
    };
    let Some(journaled) = scene.book.ops.get(&op).filter(|journaled| was_ready(journaled.fresh)) else { return Ok(()) };
    let generation = change.group.generation;
    let shares: Vec<_> = scene.traffic.maps_by(journaled.decided).collect();
    // Who gets which share now is not what this call rests on, if others have changed it since.
    if !shares.is_empty() && scene.traffic.divided_anew_since(journaled.pool) {
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
    // What was lost elsewhere is missed here where the requests have come since.
    let here = scene.traffic.is_divided() && !scene.traffic.grown_since(generation, journaled.decided);
    let others = if here { scene.truth.lost_of(generation, journaled.fresh) } else { lost };
    // A lie cannot be told from an illness if it is about few, or if nobody else has served yet who could be ill of the same, as far as any look has
    // shown, or if only an old view of some group still shows it.
    let wanted = journaled.moves_to.and_then(|wanted| scene.book.release(wanted));
    let shown = |machine: &&Machine| machine.first_shown.is_some_and(|first| first <= journaled.basis);
    let mut served = scene.truth.machines.values().filter(shown);
    let works = wanted.is_some_and(|wanted| scene.book.exercised.contains(&wanted))
        && served.clone().any(|machine| scene.book.release(machine.group.generation) == wanted);
    // Nor if nobody of them is there any more.
    let alone = !works || !served.any(|machine| machine.group.generation != generation && machine.member());
    let lied = (ready <= 1 || alone || scene.stale) && scene.lied_to(journaled);
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
