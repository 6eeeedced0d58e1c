//! Rule 6: one thing after the other.

use super::truth::Change;
use super::{Scene, Verdict};
use crate::memory::{Cause, What};
use crate::rollout::{Amount, Event, Phase, Recorded, Step};

/// Only what the phase moves to is raised, and never beyond its goal.
pub(super) fn moves(scene: &Scene, change: &Change<'_>) -> Verdict {
    let (Cause::Call(op), What::Sized { from, to }) = (change.effect.by, &change.effect.what) else { return Ok(()) };
    let Some(journaled) = scene.book.ops.get(&op).filter(|_| to > from) else { return Ok(()) };
    let generation = change.group.generation;
    if journaled.moves_to != Some(generation) {
        return Err(format!("generation {generation} is raised, and wanted was {:?}", journaled.moves_to));
    }
    let Some(chapter) = &scene.book.chapter else { return Err("no rollout runs".to_owned()) };
    let desired = chapter.desired;
    let goal = match &chapter.phase {
        Phase::Stepping { step, .. } => {
            let until_now = chapter.plan.strategy().steps().iter().take(usize::from(step.0) + 1);
            let mut scales = until_now.filter_map(|step| if let Step::Scale { to, .. } = step { Some(*to) } else { None });
            scales.next_back().map_or(0, |to| Amount::up(to, desired).min(desired))
        }
        _ => desired,
    };
    let others = scene.truth.added_since(journaled.whole);
    let (size, most) = (scene.truth.size(generation), goal.max(1).saturating_add(others));
    if size <= most { Ok(()) } else { Err(format!("it has {size}, the step's goal is {goal}")) }
}

/// Steps are taken one after the other, and what went back does not go forth again.
pub(super) fn steps(scene: &Scene, recorded: &Recorded) -> Verdict {
    let (Event::Moved { to }, Some(chapter)) = (&recorded.event, &scene.book.chapter) else { return Ok(()) };
    let step = |phase: &Phase| match phase {
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
