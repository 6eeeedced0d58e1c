//! A journal that answers in time, or is said not to: one call that hangs must not hold up a fleet for ever.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, FutureExt, select};

use crate::error::{Applied, Error, ErrorKind, Result};
use crate::id::{StreamId, StreamVersion, WriteId};
use crate::journal::{After, Append, Appended, Compact, Journal, Loaded};
use crate::time::{Clock, Timestamp};

/// For how long a call is waited for.
const CALL: Duration = Duration::from_secs(60);

/// And one that only saves time: it may have much to remove.
const COMPACT: Duration = Duration::from_secs(300);

/// What takes longer than until then is given up: whether it was done nobody knows.
pub(super) async fn in_time<T>(clock: &dyn Clock, until: Timestamp, done: impl Future<Output = Result<T>>) -> Result<T> {
    let mut done = pin!(done);
    // Most of what is in this process, or in a file, is there at once.
    if let Some(done) = done.as_mut().now_or_never() {
        return done;
    }
    match select(done, clock.sleep_until(until)).await {
        Either::Left((done, _)) => done,
        Either::Right(_) => Err(Error::new(ErrorKind::Unreachable, "no answer in time").with_applied(Applied::Unknown)),
    }
}

/// A journal, and a clock to time it by.
#[derive(Clone)]
pub(super) struct Timely {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Timely {
    async fn timed<T>(&self, within: Duration, call: impl Future<Output = Result<T>>) -> Result<T> {
        in_time(&*self.clock, self.clock.now() + within, call).await.map_err(|error| match error.kind() {
            ErrorKind::Unreachable if error.operation().is_none() => error.with_operation("journal"),
            _ => error,
        })
    }
}

#[async_trait]
impl Journal for Timely {
    async fn load(&self, stream: &StreamId, after: After) -> Result<Loaded> {
        self.timed(CALL, self.journal.load(stream, after)).await
    }

    async fn append(&self, append: Append) -> Result<Appended> {
        self.timed(CALL, self.journal.append(append)).await
    }

    async fn wrote(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        self.timed(CALL, self.journal.wrote(stream, write)).await
    }

    async fn compact(&self, compact: Compact) -> Result<()> {
        self.timed(COMPACT, self.journal.compact(compact)).await
    }

    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        self.timed(CALL, self.journal.list(prefix, after, limit)).await
    }
}
