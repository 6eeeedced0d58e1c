//! Journals that misbehave within their contract.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use immutable_core::id::{StreamId, StreamVersion, WriteId};
use immutable_core::journal::{After, Append, Appended, Compact, Journal, Loaded};
use immutable_core::{Applied, Error, ErrorKind, MemoryJournal, Result};

/// What becomes of one append.
pub(crate) enum Fate {
    /// It is written and the reply is lost.
    ReplyLost,
    /// It is lost on the way.
    RequestLost,
    /// It is refused: too many requests.
    Throttled,
    /// Others write first, then it arrives.
    Overtaken(Vec<Append>),
    /// It is lost on the way, and then others write.
    LostThenOvertaken(Vec<Append>),
}

/// A journal whose next appends meet these fates, and, if it is `deaf`, that cannot be asked what became of them.
#[derive(Default)]
pub(crate) struct Fated {
    pub(crate) inner: MemoryJournal,
    pub(crate) fates: Mutex<VecDeque<Fate>>,
    pub(crate) sent: Mutex<Vec<WriteId>>,
    pub(crate) deaf: bool,
}

impl Fated {
    pub(crate) fn new(fates: impl IntoIterator<Item = Fate>) -> Self {
        Self { fates: Mutex::new(fates.into_iter().collect()), ..Self::default() }
    }
}

fn unreachable() -> Error {
    Error::new(ErrorKind::Unreachable, "the connection was reset")
}

#[async_trait]
impl Journal for Shared {
    async fn load(&self, stream: &StreamId, after: After) -> Result<Loaded> {
        self.0.inner.load(stream, after).await
    }

    async fn append(&self, append: Append) -> Result<Appended> {
        let journal = &self.0;
        journal.sent.lock().unwrap().push(append.write);
        let fate = journal.fates.lock().unwrap().pop_front();
        let overtake = async |others: Vec<Append>| {
            for other in others {
                assert!(matches!(journal.inner.append(other).await.unwrap(), Appended::Done(_)));
            }
        };
        match fate {
            None => journal.inner.append(append).await,
            Some(Fate::ReplyLost) => {
                journal.inner.append(append).await?;
                Err(unreachable())
            }
            Some(Fate::RequestLost) => Err(unreachable()),
            Some(Fate::Throttled) => Err(Error::new(ErrorKind::Throttled, "too many requests").with_applied(Applied::No)),
            Some(Fate::Overtaken(others)) => {
                overtake(others).await;
                journal.inner.append(append).await
            }
            Some(Fate::LostThenOvertaken(others)) => {
                overtake(others).await;
                Err(unreachable())
            }
        }
    }

    async fn wrote(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        if self.0.deaf { Err(unreachable()) } else { self.0.inner.wrote(stream, write).await }
    }

    async fn compact(&self, compact: Compact) -> Result<()> {
        self.0.inner.compact(compact).await
    }

    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        self.0.inner.list(prefix, after, limit).await
    }
}

/// Lets a test look into the journal that a registry holds.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<Fated>);
