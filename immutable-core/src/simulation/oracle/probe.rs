//! Rule 7: a release that never had a ready instance is tried with one at a time.

use std::time::Duration;

use super::book::Book;
use super::truth::{Change, Machine, Truth};
use super::{Scene, Verdict};
use crate::fleet::{Heals, Life};
use crate::memory::{Cause, What};
use crate::rollout::{MAX_VIEW_AGE, Old, Step};

/// Notes which releases have had a ready instance, before what happens now takes it away.
pub(super) fn exercise(truth: &Truth, book: &mut Book, change: &Change<'_>, min_ready: Duration) {
    let at = change.effect.at;
    let long = |was: &Machine| was.long_healthy(min_ready, at);
    let was = |generation| change.group.generation == generation && change.was.as_ref().is_some_and(long);
    for (generation, spec) in &book.specs {
        if !book.exercised.contains(&spec.release) && (was(*generation) || truth.was_ready(*generation, min_ready, at)) {
            book.exercised.insert(spec.release);
        }
    }
}

/// One at a time, and no more than the strategy allows; and nothing that serves makes room for more than one.
pub(super) fn one_at_a_time(scene: &Scene, change: &Change<'_>) -> Verdict {
    let Some(chapter) = &scene.book.chapter else { return Ok(()) };
    let wanted = chapter.moves_to().unwrap_or(chapter.wanted);
    let release = scene.book.release(wanted);
    if release.is_none_or(|release| scene.book.exercised.contains(&release)) {
        return Ok(());
    }
    let raised = matches!(change.effect.what, What::Sized { from, to } if to > from && change.ours());
    if change.group.generation == wanted && (raised || matches!(change.effect.what, What::Launched(_))) {
        if change.effect.by == Cause::Script {
            return Ok(());
        }
        if let (What::Launched(key), Cause::Provider, Heals::Switchable) = (&change.effect.what, change.effect.by, scene.heals) {
            let group = scene.truth.groups.get(&change.group);
            // In a group that was made again names begin again.
            let made = group.map_or(change.effect.at, |group| group.made);
            let mut others = scene.truth.machines.iter().filter(|(_, machine)| machine.launched >= made);
            let before = others.any(|(other, _)| other.name == key.name && other != key);
            let by_others = group.is_some_and(|group| group.touched.is_some());
            // Who leaves it as it is gives it back what it may do by itself; and so may somebody else.
            if before && chapter.moves_to().is_some() && !by_others {
                return Err("it is healed while nobody knows whether it works".to_owned());
            }
        }
        let there = u32::try_from(scene.truth.of(wanted).count()).unwrap_or(u32::MAX).max(scene.truth.size(wanted));
        let by_others = scene.truth.added_since(chapter.opened);
        if there > 1 + by_others {
            return Err(format!("{there} of a release that never was ready"));
        }
        // In whose place somebody has put another was not tried.
        let tried = scene.truth.machines.values().filter(|machine| machine.group.generation == wanted && machine.own_image);
        let launched = tried.count();
        let (launched, attempts) =
            (u32::try_from(launched).unwrap_or(u32::MAX), chapter.plan.strategy().probe_attempts * (1 + chapter.retries));
        // One that is sent away since the fleet is to be smaller was not tried.
        let attempts = attempts + chapter.resizes;
        if launched > attempts + by_others {
            return Err(format!("{launched} were launched, {attempts} may be tried"));
        }
    }
    // Where nothing may run beside the others they go first.
    if chapter.plan.strategy().steps().iter().any(|step| matches!(step, Step::Scale { old: Old::First, .. })) {
        return Ok(());
    }
    let goes = matches!(change.effect.what, What::Lives(_, Life::Leaving | Life::Gone) | What::Draining(..));
    let leaves = goes && change.ours() && change.lost_ready();
    if leaves && change.group.generation != wanted && chapter.desired > 0 {
        let ready = scene.truth.ready();
        // Who was named when the fleet was to be smaller leaves.
        let journaled = if let Cause::Call(op) = change.effect.by { scene.book.ops.get(&op) } else { None };
        // Who has come round since the call was decided served nobody then.
        let since = journaled.map_or(change.effect.at, |journaled| journaled.fresh);
        if change.was.as_ref().is_none_or(|was| was.healthy.is_none_or(|healthy| healthy >= since)) {
            return Ok(());
        }
        // What was accepted before this rollout began is done, whatever is wanted by now.
        if journaled.is_some_and(|journaled| journaled.accepted && journaled.basis < chapter.opened) {
            return Ok(());
        }
        let desired = chapter.desired.min(journaled.map_or(u32::MAX, |journaled| journaled.desired));
        let others = scene.truth.lost_since(chapter.opened);
        // As long as nothing else has served that could be ill of the same, a lie about the old cannot be told from an illness that is to be mended.
        let lied = scene.lied_within(change.effect.at - MAX_VIEW_AGE, change.effect.at);
        if ready.saturating_add(others).saturating_add(1) < desired.min(chapter.ready_then) && !lied {
            return Err(format!("{ready} are ready while nobody knows whether the new release works"));
        }
    }
    Ok(())
}
