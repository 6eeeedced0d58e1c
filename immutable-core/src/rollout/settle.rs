//! What follows from the answer to a call.

use crate::id::OpId;
use crate::rollout::event::{Event, OpResult};
use crate::rollout::state::FleetState;
use crate::time::Timestamp;

/// Turns the answer to an owed call into events. An answer to a call that is not owed any more, and one that says nothing new,
/// has none.
pub fn settle(state: &FleetState, op: OpId, result: OpResult) -> Vec<Event> {
    let Some(owed) = state.owed.get(&op) else {
        return Vec::new();
    };
    let echo = |until: &Option<Timestamp>| until.is_none_or(|until| until <= owed.echo_until);
    let news = match &result {
        OpResult::Done { .. } | OpResult::Failed(_) => true,
        OpResult::Accepted { ticket, echo_until } => owed.ticket.as_ref() != Some(ticket) || !echo(echo_until),
        OpResult::Unknown { echo_until } => owed.ticket.is_some() || !echo(echo_until),
    };
    if news { vec![Event::Settled { op, result }] } else { Vec::new() }
}
