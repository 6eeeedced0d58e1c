//! Append-only streams: the only thing that outlives a controller.
//!
//! Every append is a compare-and-set on the stream's version, so that of two writers one fails and knows it. A claim is a record of
//! the stream itself, so the version alone fences a former owner.
//!
//! | journal | feature | who shares it | an append costs |
//! |---|---|---|---|
//! | [`MemoryJournal`] | | the tasks of one process, while it lives | nothing |
//! | `SqliteJournal` | `sqlite` | the processes of one machine, by one file | one sync of the disk, or a part of one |
//! | `ObjectStoreJournal` | `object-store` | any number of machines, by a bucket | one put |
//!
//! One's own implements [`Journal`], and runs `journal_conformance!` over it.

mod memory;
#[cfg(feature = "object-store")]
mod object_store;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "sqlite", feature = "object-store"))]
mod sum;

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::Result;
use crate::id::{StreamId, StreamVersion, WriteId};

pub use memory::MemoryJournal;
#[cfg(feature = "object-store")]
pub use object_store::ObjectStoreJournal;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteJournal;

/// One record: bytes, which this crate fills with one JSON object.
pub type Record = Arc<[u8]>;

/// Streams of records.
///
/// # Contract
/// To ensure correctness, whatever implements this:
/// - a record that was acknowledged, or read by anyone, is never lost and never changes;
/// - the records of one append become visible all at once;
/// - versions count records: a stream that never was has version 0, and each record raises it by one;
/// - every call may be dropped at any await: an append then may or may not take effect, now or later.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Reads a stream.
    ///
    /// # Contract
    /// A stream that never was is empty, not an error. Everything acknowledged before the call is in the answer.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if [`After::Version`] asks for records that [`compact`](Journal::compact) dropped;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if what is stored cannot be read.
    async fn load(&self, stream: &StreamId, after: After) -> Result<Loaded>;

    /// Adds records to the end of a stream, if it has the expected version.
    ///
    /// # Contract
    /// - The version is another: [`Appended::Conflict`] with the version found, and nothing is written, now or later; unless this very write id
    ///   has been written: then [`Appended::Done`] with the version after it.
    /// - An error that [may have been applied](crate::Applied::Unknown) may still be applied later, as long as the stream has the
    ///   expected version.
    async fn append(&self, append: Append) -> Result<Appended>;

    /// Whether a write has been written, and the version after it.
    ///
    /// # Contract
    /// `None` after an append of unknown result does not mean that it never will be: only another record at that version does.
    /// Write ids may be forgotten with the records they wrote.
    async fn wrote(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>>;

    /// Stores a snapshot of what a stream's records up to a version amount to.
    ///
    /// # Contract
    /// An older snapshot than the one stored, or one of a version that the stream has not reached, changes nothing.
    /// With [`Keep::Nothing`] the records up to the version may be dropped.
    async fn compact(&self, compact: Compact) -> Result<()>;

    /// The streams whose ids begin with `prefix`, in ascending order, after `after`, at most `limit`.
    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>>;
}

/// From where to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The newest snapshot, if there is one, and what came after it.
    Snapshot,
    /// What came after this version; 0 for everything.
    Version(StreamVersion),
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The newest snapshot and its version, if it was asked for.
    pub snapshot: Option<(StreamVersion, Record)>,
    /// The records after the snapshot, or after what was asked for, in order.
    pub records: Vec<Record>,
    /// The stream's version.
    pub head: StreamVersion,
}

/// One write.
#[derive(Clone, Debug)]
pub struct Append {
    /// To which stream.
    pub stream: StreamId,
    /// The version it must have.
    pub expected: StreamVersion,
    /// The id of this write, by which it is known again.
    pub write: WriteId,
    /// What to add; never empty.
    pub records: Vec<Record>,
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is written; the version after it.
    Done(StreamVersion),
    /// Nothing is written; the version found.
    Conflict(StreamVersion),
}

/// A snapshot to store.
#[derive(Clone, Debug)]
pub struct Compact {
    /// Of which stream.
    pub stream: StreamId,
    /// Of which version.
    pub at: StreamVersion,
    /// What the records up to it amount to.
    pub snapshot: Record,
    /// What becomes of those records.
    pub keep: Keep,
}

/// What becomes of the records that a snapshot covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// They stay, for the audit trail.
    Everything,
    /// They may go.
    Nothing,
}

#[async_trait]
impl<J: Journal + ?Sized> Journal for Arc<J> {
    async fn load(&self, stream: &StreamId, after: After) -> Result<Loaded> {
        (**self).load(stream, after).await
    }

    async fn append(&self, append: Append) -> Result<Appended> {
        (**self).append(append).await
    }

    async fn wrote(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        (**self).wrote(stream, write).await
    }

    async fn compact(&self, compact: Compact) -> Result<()> {
        (**self).compact(compact).await
    }

    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        (**self).list(prefix, after, limit).await
    }
}
