//! How the suites wait and send again, as the engine does: what is passing is sent again, and what could still be on its way is
//! waited for.

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::error::{Applied, Error, ErrorKind, Result};
use crate::time::{Clock, Timestamp};

/// What becomes of a call that is answered [`Busy`](ErrorKind::Busy).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Busy {
    /// It is sent again.
    Wait,
    /// The case wants to see it.
    Tell,
}

pub(super) struct Patience {
    pub(super) clock: Arc<dyn Clock>,
    limit: Duration,
    /// Until when a copy of a call that was sent may still arrive.
    echo: Cell<Timestamp>,
    resent: Cell<bool>,
}

impl Patience {
    pub(super) fn new(clock: Arc<dyn Clock>, limit: Duration) -> Self {
        let echo = Cell::new(clock.now());
        Self { clock, limit, echo, resent: Cell::new(false) }
    }

    /// When whoever begins to wait now gives up.
    pub(super) fn deadline(&self) -> Timestamp {
        self.clock.now() + self.limit
    }

    /// Between two looks: a hundredth of all patience.
    pub(super) async fn pause(&self) {
        let pause = (self.limit / 100).max(Duration::from_millis(5));
        self.clock.sleep_until(self.clock.now() + pause).await;
    }

    /// Long enough for another to have its turn.
    pub(super) async fn moment(&self) {
        self.clock.sleep_until(self.clock.now() + Duration::from_millis(1)).await;
    }

    /// Long enough for what should not happen to be seen, if it happens soon.
    pub(super) async fn linger(&self) {
        for _ in 0..5 {
            self.pause().await;
        }
    }

    /// Notes that a copy of a call may still arrive.
    pub(super) fn echo_until(&self, until: Option<Timestamp>) {
        self.echo.set(self.echo.get().max(until.unwrap_or_default()));
    }

    /// Waits until no copy of an earlier call can arrive any more.
    pub(super) async fn quiet(&self) {
        while self.clock.now() < self.echo.get() {
            self.clock.sleep_until(self.echo.get()).await;
        }
    }

    /// Whether any call of this case had to be sent again: then an earlier copy may have done the work of a later.
    pub(super) fn resent(&self) -> bool {
        self.resent.get()
    }

    /// Makes a call and drops it before its end, as one does who stops waiting: the 0th time before it began, the 1st where it first
    /// waits, and then after 1 ms, 10 ms, 100 ms.
    pub(super) async fn abandon<T>(&self, nth: u32, call: impl Future<Output = Result<T>> + Unpin) {
        let until = match nth {
            0 => return drop(call),
            1 => self.clock.now(),
            later => self.clock.now() + Duration::from_millis(10_u64.saturating_pow(later - 2)),
        };
        if let Either::Left((Err(error), _)) = select(call, self.clock.sleep_until(until)).await {
            self.echo_until(error.echo_until());
        }
    }

    /// Sends a call until it is answered, again whenever what is in its way will pass.
    pub(super) async fn drive<T>(&self, busy: Busy, send: impl AsyncFn() -> Result<T>) -> Result<T> {
        let deadline = self.deadline();
        loop {
            match send().await {
                Ok(value) => return Ok(value),
                Err(error) => {
                    self.echo_until(error.echo_until());
                    if !passing(&error, busy) || self.clock.now() >= deadline {
                        return Err(error);
                    }
                }
            }
            self.resent.set(true);
            self.pause().await;
        }
    }
}

fn passing(error: &Error, busy: Busy) -> bool {
    use ErrorKind::*;
    error.applied() == Applied::Unknown
        || matches!(error.kind(), Throttled | NotYetVisible | Unreachable | Internal)
        || (error.kind() == Busy && busy == self::Busy::Wait)
}
