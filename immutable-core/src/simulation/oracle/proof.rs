//! Rule 11: what is said to be done is done.

use super::{Scene, Verdict};
use crate::fleet::{GenerationId, Heals, Life};
use crate::rollout::{Ending, Event, MAX_VIEW_AGE, Outcome, Phase, Recorded};
use crate::time::Timestamp;

/// A release is proven at the end of the last step, by a whole fleet that is ready.
pub(super) fn proven(scene: &Scene, recorded: &Recorded) -> Verdict {
    let (Event::Proven { generation, instances, .. }, Some(chapter)) = (&recorded.event, &scene.book.chapter) else {
        return Ok(());
    };
    let last = chapter.plan.strategy().steps().len();
    match &chapter.phase {
        Phase::Stepping { step, .. } if usize::from(step.0) + 1 == last && *generation == chapter.wanted => {}
        // Who is back has proven itself again, perhaps in a new generation.
        Phase::Finishing { ending: Ending::Back { to }, .. }
            if to == generation && scene.book.release(*to) == chapter.baseline => {}
        phase => return Err(format!("generation {generation} is proven in {phase:?}")),
    }
    if *instances == 0 {
        return Err("of an empty fleet nothing is proven".to_owned());
    }
    let desired = chapter.desired;
    if *instances < desired {
        return Err(format!("{instances} of {desired} are proven"));
    }
    ready(scene, *generation, desired, recorded)?;
    read_back(scene, *generation)
}

/// Every group that there is was wholly seen after the last answer about it.
fn read_back(scene: &Scene, generation: GenerationId) -> Verdict {
    let mut groups = scene.truth.groups.keys().filter(|group| group.generation == generation);
    match groups.find(|group| !scene.book.read_back(**group)) {
        Some(group) => Err(format!("group {group} was not read back after the last call")),
        None => Ok(()),
    }
}

/// So many of a generation are ready, but for whom others took since it was looked at.
fn ready(scene: &Scene, generation: GenerationId, least: u32, recorded: &Recorded) -> Verdict {
    let ready = scene.truth.of(generation).filter(|(_, machine)| machine.ready()).count();
    let ready = u32::try_from(ready).unwrap_or(u32::MAX);
    let taken = scene.truth.lost_since(recorded.at - MAX_VIEW_AGE);
    if ready.saturating_add(taken) >= least { Ok(()) } else { Err(format!("{ready} of {least} are ready")) }
}

/// Whoever says that a rollout has succeeded, or is rolled back, leaves nothing owed and nothing behind.
pub(super) fn ended(scene: &Scene, recorded: &Recorded) -> Verdict {
    let (Event::Ended { outcome }, Some(chapter)) = (&recorded.event, &scene.book.chapter) else { return Ok(()) };
    // What another takes the place of goes on.
    if let Outcome::Superseded { .. } = outcome {
        return Ok(());
    }
    if let Some((op, _)) = scene.book.owed().next() {
        return Err(format!("op {op} is still owed"));
    }
    let stays = match outcome {
        Outcome::Succeeded if !chapter.proven && scene.book.release(chapter.wanted) != scene.proven() => {
            return Err("it has succeeded, and is not proven".to_owned());
        }
        Outcome::Succeeded | Outcome::RolledBack => chapter.moves_to(),
        Outcome::TornDown => {
            let left = scene.truth.of(chapter.wanted).count();
            return if left == 0 { Ok(()) } else { Err(format!("{left} of it are left")) };
        }
        _ => return Ok(()),
    };
    let Some(stays) = stays else { return Err(format!("it ends as {outcome} in {:?}", chapter.phase)) };
    let since = recorded.at - MAX_VIEW_AGE;
    let others = scene.truth.groups.iter().find(|(group, state)| group.generation != stays && !state.deleting);
    if let Some((group, _)) = others {
        return Err(format!("group {group} is left over"));
    }
    let desired = chapter.desired;
    ready(scene, stays, desired, recorded)?;
    read_back(scene, stays)?;
    let there = scene.truth.machines.values().filter(|machine| machine.life != Life::Gone).count();
    let there = u32::try_from(there).unwrap_or(u32::MAX);
    if there > desired.saturating_add(scene.truth.added_since(since)) {
        return Err(format!("{there} are there, {desired} should be"));
    }
    let specified = chapter.plan.fleet().specified_upkeep();
    let made = scene.book.specs.get(&stays).map(|spec| spec.upkeep);
    let untouched = |touched: Option<Timestamp>| touched.is_none_or(|touched| touched < since);
    let kept = scene.truth.groups.iter().filter(|(group, state)| group.generation == stays && untouched(state.touched));
    for (group, state) in kept {
        let upkeep = state.upkeep.or(made);
        if scene.heals == Heals::Switchable && upkeep != Some(specified) {
            return Err(format!("group {group} is left with {upkeep:?}, specified is {specified:?}"));
        }
    }
    if *outcome == Outcome::RolledBack && scene.book.release(stays) != chapter.baseline {
        return Err(format!("generation {stays} is not of the proven release"));
    }
    Ok(())
}
