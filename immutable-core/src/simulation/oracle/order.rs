//! Rule 6: one thing after the other.

use super::capacity::spares;
use super::truth::Change;
use super::{Scene, Verdict};
use crate::fleet::Life;
use crate::memory::{Cause, What};
use crate::rollout::{Event, Old, Phase, Recorded, Step};

/// Only what the phase moves to is raised, and never beyond its goal.
pub(super) fn moves(scene: &Scene, change: &Change<'_>) -> Verdict {
    let (Cause::Call(op), What::Sized { from, to }) = (change.effect.by, &change.effect.what) else { return Ok(()) };
    let Some(journaled) = scene.book.ops.get(&op).filter(|_| to > from) else { return Ok(()) };
    let generation = change.group.generation;
    if journaled.moves_to != Some(generation) {
        return Err(format!("generation {generation} is raised, and wanted was {:?}", journaled.moves_to));
    }
    let Some(chapter) = &scene.book.chapter else { return Err("no rollout runs".to_owned()) };
    // What was accepted is done, wherever the rollout has gone since; and another call may rest on a size that was set since.
    let goal = journaled.most.max(chapter.goal().map_or(chapter.desired, |(wanted, _)| wanted));
    let others = scene.truth.added_since(journaled.whole);
    // Another takes the place of each that runs another image.
    let beside = scene.truth.foreign_since(generation, journaled.whole);
    let (size, most) = (scene.truth.size(generation), goal.max(1).saturating_add(others).saturating_add(beside));
    let most = most.saturating_add(spares(scene, journaled, change.effect.at));
    if size <= most { Ok(()) } else { Err(format!("it has {size}, the step's goal is {goal}")) }
}

/// Where the others leave first nothing is raised while one of them is there.
pub(super) fn first(scene: &Scene, change: &Change<'_>) -> Verdict {
    let (Cause::Call(op), What::Sized { from, to }) = (change.effect.by, &change.effect.what) else { return Ok(()) };
    let (Some(journaled), Some(chapter)) = (scene.book.ops.get(&op).filter(|_| to > from), &scene.book.chapter) else {
        return Ok(());
    };
    let mut steps = chapter.plan.strategy().steps().iter();
    if !steps.any(|step| matches!(step, Step::Scale { old: Old::First, .. })) {
        return Ok(());
    }
    let is_there =
        |machine: &&super::truth::Machine| machine.life != Life::Gone && machine.group.generation != change.group.generation;
    let there = u32::try_from(scene.truth.machines.values().filter(is_there).count()).unwrap_or(u32::MAX);
    let others = scene.truth.added_since(journaled.whole);
    if there <= others { Ok(()) } else { Err(format!("{there} of the others are there still")) }
}

/// The others shrink only as the goal lets them. Who drains is told to leave, and serves nobody whatever comes.
pub(super) fn shrinks(scene: &Scene, change: &Change<'_>) -> Verdict {
    let drains = |machine: &super::truth::Machine| machine.draining.is_some();
    let goes = matches!(change.effect.what, What::Draining(..)) || (change.left() && !change.was.as_ref().is_some_and(drains));
    let (Cause::Call(op), true) = (change.effect.by, goes) else { return Ok(()) };
    let Some(journaled) = scene.book.ops.get(&op) else { return Ok(()) };
    let (Some((_, goal)), Some(wanted)) = (journaled.goal, journaled.moves_to) else { return Ok(()) };
    if change.group.generation == wanted {
        return Ok(());
    }
    let stays = |machine: &&super::truth::Machine| machine.member() && !drains(machine) && machine.group.generation != wanted;
    let others = scene.truth.machines.values().filter(stays).count();
    let others = u32::try_from(others).unwrap_or(u32::MAX);
    let lost = scene.truth.added_since(journaled.fresh);
    if others.saturating_add(lost) >= goal {
        return Ok(());
    }
    Err(format!("{others} of the others stay, the step's goal is {goal}, and others have taken {lost} since"))
}

/// Steps are taken one after the other, and what went back does not go forth again.
pub(super) fn steps(scene: &Scene, recorded: &Recorded) -> Verdict {
    let (Event::Moved { to }, Some(chapter)) = (&recorded.event, &scene.book.chapter) else { return Ok(()) };
    let step = |phase: &Phase| match phase.under() {
        Phase::Preparing { .. } => Some(0),
        Phase::Stepping { step, .. } => Some(usize::from(step.0) + 1),
        _ => None,
    };
    match (step(&chapter.phase), step(to)) {
        (_, None) => Ok(()),
        (Some(now), Some(next)) if next == now || next == now + 1 => Ok(()),
        (_, Some(next)) => Err(format!("step {next} follows {:?}", chapter.phase)),
    }
}
