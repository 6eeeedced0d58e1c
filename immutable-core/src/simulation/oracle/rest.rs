//! Rule 12: nothing takes for ever, and nothing is said twice.

use std::time::Duration;

use super::{Scene, Verdict};
use crate::fleet::Life;
use crate::rollout::{Ending, Event, Phase, Recorded};
use crate::time::Timestamp;

/// How much later than its deadline a phase may end: a look that fails is taken again, and so is an append.
const AFTER: Duration = Duration::from_secs(300);

/// Whoever looks, and is past the deadline of a phase, ends it or asks.
pub(super) fn in_time(scene: &Scene, asked: Timestamp) -> Verdict {
    let Some(chapter) = &scene.book.chapter else { return Ok(()) };
    let strategy = chapter.plan.strategy();
    if let (Some(by), Phase::Preparing { .. } | Phase::Stepping { .. }) = (chapter.over_at, &chapter.phase)
        && asked > by + AFTER
    {
        return Err(format!("{:?} goes on, and the rollout was over by {by}", chapter.phase));
    }
    let moves = match &chapter.phase {
        Phase::Finishing { ending, .. } => !matches!(ending, Ending::Keep | Ending::Mixed | Ending::Refused { .. }),
        Phase::Stepping { .. } | Phase::Reverting { .. } => true,
        _ => false,
    };
    for (key, told) in scene.book.told.iter().filter(|_| moves) {
        let by = *told + strategy.leave_deadline;
        let machine = scene.truth.machines.get(key).filter(|machine| machine.life != Life::Gone && asked > by + AFTER);
        // It must have been seen to be there.
        let seen = |group: &_| scene.book.sights.get(group).and_then(|sight| sight.whole).is_some_and(|seen| seen >= by);
        if machine.is_some_and(|machine| seen(&machine.group)) {
            return Err(format!("{key} was told to leave at {told}, is still there, and nobody is asked"));
        }
    }
    match chapter.give_up_at {
        Some(by) if asked > by + AFTER => Err(format!("{:?} goes on, and should have ended by {by}", chapter.phase)),
        _ => Ok(()),
    }
}

/// What is noted twice in a row says nothing.
pub(super) fn once(scene: &Scene, recorded: &Recorded) -> Verdict {
    match (&recorded.event, &scene.book.noted) {
        (Event::Noted(now), Some(before)) if now == before => Err(format!("it notes again {now:?}")),
        _ => Ok(()),
    }
}
