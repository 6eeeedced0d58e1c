//! The one place that calls a port on behalf of the engine.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, select};
use tracing::Instrument as _;

use crate::error::{Applied, Error, ErrorKind, Retry};
use crate::fleet::{Destroyed, Ensured, FailureClass, Op, Resize, Resized, Ticket, TicketState, Trouble};
use crate::provider::{FleetProvider, Provider};
use crate::rollout::{Call, OpResult, Refused};
use crate::time::{Clock, Timestamp};

/// Sends an owed call, or follows it if the provider has accepted it. `None`: it goes on, or was not sent since the lease is over.
pub(super) async fn execute(
    provider: Provider,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    may_send: impl Fn(Timestamp) -> bool,
    op: Op,
    call: Call,
    ticket: Option<Ticket>,
) -> Option<OpResult> {
    // What was accepted is only followed.
    let may_go_on = |now| ticket.is_some() || may_send(now);
    // The last thing before it leaves: whoever slept meanwhile may have lost the fleet.
    if !may_go_on(clock.now()) {
        return None;
    }
    let generation = call.generation().map(tracing::field::display);
    let span = tracing::debug_span!("call", fleet = %op.fleet, generation, op = %op.id, what = %call);
    let lifetime = match (&call, &provider.traffic) {
        (Call::Route(_) | Call::Drain { .. }, Some(traffic)) => traffic.capabilities().request_lifetime,
        _ => provider.fleets.capabilities().request_lifetime,
    };
    let deadline = clock.now() + timeout;
    let answer = async {
        match &ticket {
            Some(ticket) => follow(&*provider.fleets, ticket, &call).await,
            None => Some(send(&provider, &op, &call).await),
        }
    };
    let mut answer = Box::pin(answer.instrument(span));
    // Any step of it may be the one in which it leaves, and whoever takes it may have slept since the last.
    let in_time = poll_fn(|context| {
        let now = clock.now();
        if now < deadline && may_go_on(now) { answer.as_mut().poll(context).map(Some) } else { Poll::Ready(None) }
    });
    let answer = match select(pin!(in_time), clock.sleep_until(deadline)).await {
        Either::Left((Some(answer), _)) => answer?,
        Either::Left((None, _)) | Either::Right(_) => Err(Error::new(ErrorKind::Unreachable, "no answer in time")),
    };
    Some(answer.unwrap_or_else(|error| {
        tracing::debug!(%error, op = %op.id, "a call failed");
        judged(&error, clock.now(), lifetime, ticket.is_some())
    }))
}

type Answer = crate::error::Result<OpResult>;

async fn send(provider: &Provider, op: &Op, call: &Call) -> Answer {
    let fleets = &*provider.fleets;
    let traffic = || {
        let missing = || Error::invalid(format!("this controller has no traffic switch for {}; add one", provider.place));
        provider.traffic.as_deref().ok_or_else(missing)
    };
    let done = |size, echo_until| OpResult::Done { size, refused: Vec::new(), echo_until, removed: None };
    match call {
        Call::Ensure(spec) => Ok(match fleets.ensure_generation(op, spec).await? {
            Ensured::AlreadyOurs => done(None, None),
            Ensured::Created { echo_until, ticket: Some(ticket) } => OpResult::Accepted { ticket, echo_until },
            Ensured::Created { echo_until, ticket: None } => done(None, echo_until),
        }),
        Call::Resize(resize) => Ok(match fleets.resize(op, resize).await? {
            Resized { ticket: Some(ticket), echo_until, .. } => OpResult::Accepted { ticket, echo_until },
            Resized { size, refused, echo_until, ticket: None } => {
                OpResult::Done { size: Some(sane(size, resize)), refused, echo_until, removed: None }
            }
        }),
        Call::Upkeep(generation, upkeep) => {
            fleets.set_upkeep(op, *generation, *upkeep).await?;
            Ok(done(None, None))
        }
        Call::Destroy(generation) => {
            let removed = match fleets.destroy_generation(op, *generation).await? {
                Destroyed::Gone | Destroyed::Going => true,
                Destroyed::StillHas(_) => false,
            };
            Ok(OpResult::Done { size: None, refused: Vec::new(), echo_until: None, removed: Some(removed) })
        }
        Call::Route(route) => {
            let routed = traffic()?.route(op, route).await?;
            Ok(done(None, routed.echo_until))
        }
        Call::Drain { pool, leaving, .. } => {
            traffic()?.drain(op, pool, leaving).await?;
            Ok(done(None, None))
        }
    }
}

/// A raise that came short is believed; what never could be is not.
fn sane(size: u32, resize: &Resize) -> u32 {
    match resize {
        Resize::Raise { from, to, .. } => size.clamp(*from, *to),
        Resize::Lower { .. } | Resize::GiveUp { .. } => size,
    }
}

async fn follow(provider: &dyn FleetProvider, ticket: &Ticket, call: &Call) -> Option<Answer> {
    let removed = matches!(call, Call::Destroy(_)).then_some(true);
    Some(Ok(match provider.follow(ticket).await {
        Ok(TicketState::Running) => return None,
        Ok(TicketState::Done) => OpResult::Done { size: None, refused: Vec::new(), echo_until: None, removed },
        Ok(TicketState::Failed(trouble)) => OpResult::Failed(refused(&trouble)),
        Ok(TicketState::Lost) => OpResult::Unknown { echo_until: None },
        // Only the question failed; the operation goes on.
        Err(_) => return None,
    }))
}

fn refused(trouble: &Trouble) -> Refused {
    let kind = match trouble.class {
        FailureClass::Capacity => ErrorKind::Capacity,
        FailureClass::Quota => ErrorKind::Quota,
        _ => ErrorKind::Internal,
    };
    let what = format!("{}: {}", trouble.code, trouble.message).into();
    Refused { kind, retry: Retry::Backoff, what, found: None, echo_until: None }
}

/// What an error means for the call: not done, or nobody knows.
fn judged(error: &Error, now: Timestamp, lifetime: Duration, following: bool) -> OpResult {
    let echo = error.echo_until().or((!lifetime.is_zero()).then(|| now + lifetime));
    match error.applied() {
        _ if following => OpResult::Unknown { echo_until: echo },
        Applied::No => OpResult::Failed(Refused {
            kind: error.kind(),
            retry: error.retry(),
            what: error.to_string().into(),
            found: error.found(),
            echo_until: error.echo_until(),
        }),
        // Done, and what came of it is not known: sent again it says so.
        Applied::Yes | Applied::Unknown => OpResult::Unknown { echo_until: echo },
    }
}
