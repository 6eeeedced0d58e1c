use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{After, Append, Appended, Compact, Journal, Keep, Loaded, Record};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{StreamId, StreamVersion, WriteId};

/// A journal that ends with the process. Clones share one store.
#[derive(Clone, Default)]
pub struct MemoryJournal(Arc<Mutex<BTreeMap<StreamId, Stream>>>);

#[derive(Default)]
struct Stream {
    dropped: usize,
    records: Vec<Record>,
    writes: BTreeMap<WriteId, StreamVersion>,
    snapshot: Option<(StreamVersion, Record)>,
}

impl Stream {
    fn head(&self) -> StreamVersion {
        StreamVersion((self.dropped + self.records.len()) as u64)
    }

    /// The records after a version, if they are still held.
    fn after(&self, version: StreamVersion) -> Option<Vec<Record>> {
        let from = usize::try_from(version.0).unwrap_or(usize::MAX).checked_sub(self.dropped)?;
        Some(self.records.get(from..).unwrap_or_default().to_vec())
    }
}

impl MemoryJournal {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StreamId, Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.lock().iter().map(|(id, stream)| (id.clone(), stream.head()))).finish()
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn load(&self, id: &StreamId, after: After) -> Result<Loaded> {
        let streams = self.lock();
        let Some(stream) = streams.get(id) else {
            return Ok(Loaded::default());
        };
        let snapshot = match after {
            After::Snapshot => stream.snapshot.clone(),
            After::Version(_) => None,
        };
        let from = match (after, &snapshot) {
            (After::Version(version), _) => version.min(stream.head()),
            (After::Snapshot, Some((version, _))) => *version,
            (After::Snapshot, None) => StreamVersion(0),
        };
        let records = stream.after(from).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("the records of {id} after {from} are dropped; it begins after {}", stream.dropped),
            )
            .with_operation("load")
        })?;
        Ok(Loaded { snapshot, records, head: stream.head() })
    }

    async fn append(&self, append: Append) -> Result<Appended> {
        if append.records.is_empty() {
            return Err(Error::invalid("an append needs at least one record")
                .with_operation("append")
                .with_resource(append.stream.as_str()));
        }
        let mut streams = self.lock();
        let head = streams.get(&append.stream).map_or_else(StreamVersion::default, Stream::head);
        if let Some(version) = streams.get(&append.stream).and_then(|stream| stream.writes.get(&append.write)) {
            return Ok(Appended::Done(*version));
        }
        if head != append.expected {
            return Ok(Appended::Conflict(head));
        }
        let stream = streams.entry(append.stream).or_default();
        stream.records.extend(append.records);
        let head = stream.head();
        stream.writes.insert(append.write, head);
        Ok(Appended::Done(head))
    }

    async fn wrote(&self, id: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        Ok(self.lock().get(id).and_then(|stream| stream.writes.get(&write).copied()))
    }

    async fn compact(&self, compact: Compact) -> Result<()> {
        let mut streams = self.lock();
        let Some(stream) = streams.get_mut(&compact.stream) else {
            return Ok(());
        };
        let older = stream.snapshot.as_ref().is_some_and(|(at, _)| *at > compact.at);
        if older || compact.at > stream.head() {
            return Ok(());
        }
        stream.snapshot = Some((compact.at, compact.snapshot));
        if compact.keep == Keep::Nothing {
            let drop =
                usize::try_from(compact.at.0).unwrap_or(usize::MAX).saturating_sub(stream.dropped).min(stream.records.len());
            stream.records.drain(..drop);
            stream.dropped += drop;
            let dropped = StreamVersion(stream.dropped as u64);
            stream.writes.retain(|_, version| *version > dropped);
        }
        Ok(())
    }

    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        let streams = self.lock();
        let begins = |id: &&StreamId| id.as_str().starts_with(prefix) && after.is_none_or(|after| *id > after);
        Ok(streams.keys().filter(begins).take(limit).cloned().collect())
    }
}
