use std::cell::Cell;
use std::sync::Arc;

use super::Subject;
use crate::conformance::patience::{Busy, Patience};
use crate::conformance::suite::{Failure, Verdict, require};
use crate::error::Result;
use crate::id::{StreamId, StreamVersion, WriteId};
use crate::journal::{After, Append, Appended, Compact, Journal, Keep, Loaded, Record};

/// What a case holds in its hands.
pub(super) struct Trial {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) patience: Patience,
    writes: Cell<u64>,
}

pub(super) const WEB: &str = "fleet/aws/123456789012/us-east-1/web";

pub(super) fn web() -> StreamId {
    StreamId::new(WEB)
}

pub(super) fn record(text: &str) -> Record {
    text.as_bytes().into()
}

pub(super) fn records(texts: &[&str]) -> Vec<Record> {
    texts.iter().map(|text| record(text)).collect()
}

pub(super) fn version(records: u64) -> StreamVersion {
    StreamVersion(records)
}

impl Trial {
    pub(super) fn new(subject: &Subject) -> Self {
        let patience = Patience::new(subject.time.clock(), subject.patience);
        Self { journal: subject.journal.clone(), patience, writes: Cell::new(0) }
    }

    /// A write id that was never used.
    pub(super) fn write(&self) -> WriteId {
        self.writes.set(self.writes.get() + 1);
        WriteId((u128::MAX / 3 + u128::from(self.writes.get())).to_be_bytes())
    }

    pub(super) fn an_append(&self, stream: &StreamId, expected: u64, texts: &[&str]) -> Append {
        Append { stream: stream.clone(), expected: version(expected), write: self.write(), records: records(texts) }
    }

    /// Sends an append, again under the same id whenever its fate is not known.
    pub(super) async fn send(&self, append: &Append) -> Result<Appended> {
        self.patience.drive(Busy::Wait, async || self.journal.append(append.clone()).await).await
    }

    /// Appends what must be written.
    pub(super) async fn append(&self, stream: &StreamId, expected: u64, texts: &[&str]) -> Verdict {
        let append = self.an_append(stream, expected, texts);
        let done = self.send(&append).await?;
        let head = version(expected + texts.len() as u64);
        require!(done == Appended::Done(head), "an append of {} at {expected} must be Done({head}), not {done:?}", texts.len());
        Ok(())
    }

    pub(super) async fn load(&self, stream: &StreamId, after: After) -> Result<Loaded> {
        self.patience.drive(Busy::Wait, async || self.journal.load(stream, after).await).await
    }

    pub(super) async fn wrote(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        self.patience.drive(Busy::Wait, async || self.journal.wrote(stream, write).await).await
    }

    pub(super) async fn compact(&self, stream: &StreamId, at: u64, snapshot: &str, keep: Keep) -> Result<()> {
        let compact = Compact { stream: stream.clone(), at: version(at), snapshot: record(snapshot), keep };
        self.patience.drive(Busy::Wait, async || self.journal.compact(compact.clone()).await).await
    }

    pub(super) async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        self.patience.drive(Busy::Wait, async || self.journal.list(prefix, after, limit).await).await
    }

    /// The stream must hold exactly these records.
    pub(super) async fn holds(&self, stream: &StreamId, wanted: &[Record]) -> Verdict {
        let loaded = self.load(stream, After::Version(version(0))).await?;
        same(&loaded.records, wanted)?;
        let head = version(wanted.len() as u64);
        require!(loaded.head == head, "the head after {} records must be {head}, not {}", wanted.len(), loaded.head);
        Ok(())
    }
}

/// The records must be these, in this order.
pub(super) fn same(found: &[Record], wanted: &[Record]) -> Verdict {
    require!(found.len() == wanted.len(), "{} records are there, and {} must be", found.len(), wanted.len());
    match found.iter().zip(wanted).position(|(found, wanted)| found != wanted) {
        None => Ok(()),
        Some(at) => Err(Failure::new(format!("the record after version {at} is not what was written"))),
    }
}
