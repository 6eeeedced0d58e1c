use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::{Reopen, Subject};
use crate::conformance::patience::{Busy, Patience};
use crate::conformance::suite::{Failure, Time, Verdict, require};
use crate::error::Result;
use crate::id::{StreamId, StreamVersion, WriteId};
use crate::journal::{After, Append, Appended, Compact, Journal, Keep, Loaded, MemoryJournal, Record};

/// What a case holds in its hands: a journal, and how its store is opened again.
pub(super) struct Trial {
    journal: RefCell<Arc<dyn Journal>>,
    pub(super) patience: Rc<Patience>,
    reopen: Rc<Option<Reopen>>,
    writes: Rc<Cell<u64>>,
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
    /// Nobody else holds the journal, so that it can be closed; what is left of the subject.
    pub(super) fn new(subject: Subject) -> (Self, Time, Box<dyn Any + Send>) {
        let patience = Rc::new(Patience::new(subject.time.clock(), subject.patience));
        let (journal, reopen) = (RefCell::new(subject.journal), Rc::new(subject.reopen));
        (Self { journal, patience, reopen, writes: Rc::default() }, subject.time, subject.guard)
    }

    pub(super) fn journal(&self) -> Arc<dyn Journal> {
        self.journal.borrow().clone()
    }

    async fn opened_again(&self) -> Verdict<Arc<dyn Journal>> {
        match &*self.reopen {
            Some(reopen) => Ok(reopen().await?),
            None => Err(Failure::new("the subject does not say how its store is opened again; give it Subject::reopen")),
        }
    }

    /// Another one on the same store, as in another process.
    pub(super) async fn another(&self) -> Verdict<Self> {
        let journal = RefCell::new(self.opened_again().await?);
        Ok(Self { journal, patience: self.patience.clone(), reopen: self.reopen.clone(), writes: self.writes.clone() })
    }

    /// Closes it, and opens it again.
    pub(super) async fn open_again(&self) -> Verdict {
        self.journal.replace(Arc::new(MemoryJournal::new()));
        let journal = self.opened_again().await?;
        self.journal.replace(journal);
        Ok(())
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
        self.patience.drive(Busy::Wait, async || self.journal().append(append.clone()).await).await
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
        self.patience.drive(Busy::Wait, async || self.journal().load(stream, after).await).await
    }

    pub(super) async fn wrote(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        self.patience.drive(Busy::Wait, async || self.journal().wrote(stream, write).await).await
    }

    pub(super) async fn compact(&self, stream: &StreamId, at: u64, snapshot: &str, keep: Keep) -> Result<()> {
        let compact = Compact { stream: stream.clone(), at: version(at), snapshot: record(snapshot), keep };
        self.patience.drive(Busy::Wait, async || self.journal().compact(compact.clone()).await).await
    }

    pub(super) async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        self.patience.drive(Busy::Wait, async || self.journal().list(prefix, after, limit).await).await
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
