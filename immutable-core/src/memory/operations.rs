//! Calls that are only accepted, and done later.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::calls::{Answer, Request};
use super::resize::{Removal, Todo};
use super::world::{Event, World};
use crate::error::Result;
use crate::fleet::{Destroyed, Ensured, FailureClass, Op, Resized, Ticket, TicketState, Trouble};
use crate::time::Timestamp;

/// Operations that were accepted, and how they stand.
#[derive(Debug, Default)]
pub(super) struct Operations {
    last: u64,
    running: BTreeMap<u64, Running>,
    ended: BTreeMap<u64, (Timestamp, TicketState)>,
}

#[derive(Debug)]
struct Running {
    op: Op,
    request: Arc<Request>,
    groups: Vec<usize>,
}

impl World {
    /// Accepts what takes long, to do it later. What is refused, or needs no doing, is answered at once.
    pub(super) fn accept(&mut self, op: &Op, request: &Arc<Request>, duration: Duration) -> Result<Answer> {
        Ok(match &**request {
            Request::Ensure(spec) => match self.ensure(op, spec)? {
                Ensured::AlreadyOurs => Answer::Ensured(Ensured::AlreadyOurs),
                Ensured::Created { echo_until, .. } => {
                    let ticket = self.begin(op, request, self.generation(&op.fleet, spec.id), duration);
                    Answer::Ensured(Ensured::Created { echo_until, ticket: Some(ticket) })
                }
            },
            Request::Resize(resize) => {
                let (handle, size, todo) = self.judge(op, resize)?;
                let refused = match &todo {
                    Todo::Nothing => return self.perform(op, request),
                    Todo::Lower { refused, .. } => refused.clone(),
                    Todo::Raise | Todo::GiveUp => Vec::new(),
                };
                let ticket = self.begin(op, request, vec![handle], duration);
                Answer::Resized(Resized { size, refused, ticket: Some(ticket), echo_until: None })
            }
            Request::Destroy(generation) => match self.removal(op, *generation) {
                Removal::Answered(destroyed) => Answer::Destroyed(destroyed),
                Removal::Possible(groups) => {
                    self.begin(op, request, groups.clone(), duration);
                    self.delete(&groups, super::Cause::Call(op.id));
                    Answer::Destroyed(Destroyed::Going)
                }
            },
            _ => return self.perform(op, request),
        })
    }

    fn begin(&mut self, op: &Op, request: &Arc<Request>, groups: Vec<usize>, duration: Duration) -> Ticket {
        self.operations.last += 1;
        let id = self.operations.last;
        for handle in &groups {
            self.with(*handle, |group, _| group.operations += 1);
        }
        self.operations.running.insert(id, Running { op: op.clone(), request: request.clone(), groups });
        let (hang, long) = self.env.operations_hang;
        self.env.operations_hang.0 = hang.saturating_sub(1);
        self.env.after(if hang > 0 { duration.max(long) } else { duration }, Event::OperationEnds(id));
        Ticket(format!("operation-{id}").into())
    }

    pub(super) fn operation_ends(&mut self, id: u64) {
        let Some(Running { op, request, groups }) = self.operations.running.remove(&id) else {
            return;
        };
        for handle in groups {
            self.with(handle, |group, _| group.operations -= 1);
        }
        let state = match &*request {
            Request::Resize(resize) => match self.resize(&op, resize) {
                Ok(Resized { size, .. }) if size == resize.to() => TicketState::Done,
                Ok(Resized { size, .. }) => failed("Partial", format!("the size is {size}, asked for was {}", resize.to())),
                Err(error) => failed("Conflict", error.to_string()),
            },
            _ => TicketState::Done,
        };
        let (now, remember) = (self.env.now, self.env.settings.remember);
        self.operations.ended.retain(|_, (at, _)| *at + remember > now);
        self.operations.ended.insert(id, (now, state));
    }

    /// How an accepted operation stands.
    pub(super) fn follow(&self, ticket: &Ticket) -> TicketState {
        let Some(id) = ticket.0.strip_prefix("operation-").and_then(|id| id.parse().ok()) else {
            return TicketState::Lost;
        };
        if self.operations.running.contains_key(&id) {
            return TicketState::Running;
        }
        self.operations.ended.get(&id).map_or(TicketState::Lost, |(_, state)| state.clone())
    }
}

fn failed(code: &str, message: String) -> TicketState {
    TicketState::Failed(Trouble { class: FailureClass::Unknown, code: code.into(), message: message.into() })
}
