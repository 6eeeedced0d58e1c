//! Rule 12: nothing takes for ever, and nothing is said twice.

use std::time::Duration;

use super::{Scene, Verdict};
use crate::rollout::{Event, Recorded};
use crate::time::Timestamp;

/// How much later than its deadline a phase may end: a look that fails is taken again, and so is an append.
const AFTER: Duration = Duration::from_secs(300);

/// Whoever looks, and is past the deadline of a phase, ends it or asks.
pub(super) fn in_time(scene: &Scene, asked: Timestamp) -> Verdict {
    let Some(chapter) = &scene.book.chapter else { return Ok(()) };
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
