//! Rules 1, 9 and 14: nothing is modified, everything is journaled first and done once, and only to what is ours.

use std::time::Duration;

use super::book::Book;
use super::truth::Change;
use super::{Scene, Verdict};
use crate::fleet::{Life, Resize};
use crate::id::OpId;
use crate::memory::{Cause, What};
use crate::rollout::{Call, Event, Recorded};

/// How much later than its view allows a call may be sent: it is looked at, decided, journaled and sent in between.
pub(super) const SENDING: Duration = Duration::from_secs(1);

/// Counts what a call did.
pub(super) fn count(book: &mut Book, op: OpId, change: &Change<'_>) {
    let Some(journaled) = book.ops.get_mut(&op) else { return };
    match change.effect.what {
        What::Sized { .. } => journaled.sized += 1,
        What::Launched(_) => journaled.launched += 1,
        What::Lives(..) if change.left() => journaled.left += 1,
        _ => {}
    }
}

/// Rule 1: a call makes, sizes and removes; it never changes a machine that is there.
pub(super) fn replaces(_: &Scene, change: &Change<'_>) -> Verdict {
    let fine = match &change.effect.what {
        What::Launched(_) => change.was.is_none(),
        What::Lives(_, life) => matches!(life, Life::Leaving | Life::Gone) || !change.ours(),
        What::Judged(..) => !change.ours(),
        _ => true,
    };
    if fine { Ok(()) } else { Err("a machine was changed".to_owned()) }
}

/// Rule 9: what takes effect was journaled before, has these parameters, is not over, and does it once.
pub(super) fn journaled(scene: &Scene, change: &Change<'_>) -> Verdict {
    let Cause::Call(op) = change.effect.by else { return Ok(()) };
    let Some(journaled) = scene.book.ops.get(&op) else { return Err("it was never journaled".to_owned()) };
    let resize = match &journaled.call {
        Call::Resize(resize) => Some(&**resize),
        _ => None,
    };
    let most = |of: fn(&Resize) -> u32| resize.map_or(0, of);
    match &change.effect.what {
        What::Sized { .. } => {
            // Where nothing compares, a copy is done again on what others did since; never on what we did.
            if scene.unguarded && !written_since(scene, op, change) {
                return Ok(());
            }
            if journaled.settled {
                return Err("its call was settled already".to_owned());
            }
            let late = change.effect.at.since(journaled.basis);
            // Whether it was accepted, nobody may have lived to write.
            if late > scene.latest() {
                return Err(format!("it was decided on what was seen {} s ago", late.as_secs()));
            }
            if resize.is_none() || journaled.sized > 1 {
                return Err("it was done twice".to_owned());
            }
        }
        // A launch that found no room is made later, and a dead one's slot is filled again.
        What::Launched(_) if resize.is_none_or(|resize| !matches!(resize, Resize::Raise { .. })) => {
            return Err("its call raises nothing".to_owned());
        }
        What::Lives(key, _) if change.left() => {
            let named =
                most(
                    |resize| {
                        if let Resize::Lower { leave, .. } = resize { u32::try_from(leave.len()).unwrap_or(u32::MAX) } else { 0 }
                    },
                );
            let this = resize.is_some_and(|resize| matches!(resize, Resize::Lower { leave, .. } if leave.contains(key)));
            if !this || journaled.left > named {
                return Err("nobody named it".to_owned());
            }
        }
        _ => {}
    }
    Ok(())
}

/// Whether a later call of ours was answered about the same group.
fn written_since(scene: &Scene, op: OpId, change: &Change<'_>) -> bool {
    let later = scene.book.ops.iter().filter(|(other, _)| **other > op);
    later.into_iter().any(|(_, later)| later.call.group() == Some(change.group) && (later.settled || later.sized > 0))
}

/// Rule 9: of one resource one call is owed.
pub(super) fn one_a_resource(scene: &Scene, recorded: &Recorded) -> Verdict {
    let Event::Owed { op, call, .. } = &recorded.event else { return Ok(()) };
    let same = |other: &Call| {
        other.generation() == call.generation()
            && match (other.group(), call.group()) {
                (Some(one), Some(other)) => one == other,
                _ => true,
            }
    };
    match scene.book.owed().find(|(_, journaled)| same(&journaled.call)) {
        Some((other, _)) => Err(format!("op {op} is owed while op {other} is, about the same")),
        None if scene.book.ops.contains_key(op) => Err(format!("op {op} is owed twice")),
        None => Ok(()),
    }
}

/// Rule 14: only what the journal says is ours is touched.
pub(super) fn ours(scene: &Scene, change: &Change<'_>) -> Verdict {
    let known = scene.book.specs.contains_key(&change.group.generation);
    if change.ours() && !known { Err("the journal knows of no such generation".to_owned()) } else { Ok(()) }
}
