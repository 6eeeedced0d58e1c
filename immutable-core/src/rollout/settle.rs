//! What follows from the answer to a call.

use crate::error::{ErrorKind, Retry};
use crate::id::OpId;
use crate::rollout::event::{Call, Event, OpResult, Refused};
use crate::rollout::state::{FleetState, Owed};
use crate::time::Timestamp;

/// Turns the answer to an owed call into events. An answer to a call that is not owed any more, and one that says nothing new,
/// has none.
///
/// A refusal speaks of one copy of the call alone. Of a resize that was sent before, with an unknown result, it closes the account only if it
/// tells the size, or that there is no such group, and no earlier copy can arrive any more; until then the result stays unknown. So does that of an upkeep, which no refusal
/// tells, until it is done, or refused for good. An accepted operation that ends as failed
/// is the end of all its copies.
pub fn settle(state: &FleetState, op: OpId, result: OpResult, now: Timestamp) -> Vec<Event> {
    let Some(owed) = state.owed.get(&op) else {
        return Vec::new();
    };
    let result = match result {
        OpResult::Failed(why) if open(owed, now, &why) => OpResult::Unknown { echo_until: why.echo_until },
        result => result,
    };
    let later = |until: &Option<Timestamp>| until.is_some_and(|until| until > owed.echo_until);
    let news = match &result {
        OpResult::Done { .. } | OpResult::Failed(_) => true,
        OpResult::Accepted { ticket, echo_until } => owed.ticket.as_ref() != Some(ticket) || later(echo_until),
        OpResult::Unknown { echo_until } => !owed.uncertain || owed.ticket.is_some() || later(echo_until),
    };
    if news { vec![Event::Settled { op, result }] } else { Vec::new() }
}

/// Whether a copy sent earlier may have done, or may yet do, what this one was refused.
fn open(owed: &Owed, now: Timestamp, why: &Refused) -> bool {
    let sent = owed.uncertain && owed.ticket.is_none();
    let another = match owed.call {
        Call::Resize(_) => sent,
        // Whoever refuses this copy refuses an earlier one too, unless that was there before it.
        Call::Route(_) | Call::Drain { .. } => return sent && now < owed.echo_until,
        // What an earlier copy has set would be taken for what somebody else has.
        Call::Upkeep(..) => return sent && why.retry != Retry::Never,
        _ => false,
    };
    // Of a group that is not there nothing needs to be told.
    let told = why.found.is_some() || why.kind == ErrorKind::NotFound;
    another && (now < owed.echo_until || !told)
}
