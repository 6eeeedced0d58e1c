//! Reading and writing a fleet's stream.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Controller;
use crate::artifact::sha256;
use crate::error::{Applied, Error, ErrorKind, Result, Retry};
use crate::fleet::FleetId;
use crate::id::{Epoch, OwnerId, StreamId, StreamVersion, WriteId};
use crate::journal::{After, Append, Appended, Compact, Journal, Keep, Record};
use crate::rollout::{Event, FleetState, Recorded, Unreadable};
use crate::time::Clock;

/// How often a lost race is run again.
pub(super) const TRIES: usize = 16;

/// How long a journal may fail before its error is returned.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

/// A snapshot is taken once so many records have come since the last.
const SNAPSHOT_EVERY: u64 = 512;

/// A fleet's state, as it was read.
#[derive(Clone)]
pub(super) struct LoadedState {
    pub(super) state: FleetState,
    pub(super) head: StreamVersion,
    /// The version of the newest snapshot that is known of.
    pub(super) snapshot: StreamVersion,
}

/// The fleets that were read: of them only what is new is read again.
#[derive(Clone, Default)]
pub(super) struct Known(Arc<Mutex<BTreeMap<FleetId, Arc<LoadedState>>>>);

impl Known {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<FleetId, Arc<LoadedState>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep(&self, read: &Arc<LoadedState>) {
        let mut known = self.lock();
        if known.get(read.state.fleet()).is_none_or(|known| known.head <= read.head) {
            known.insert(read.state.fleet().clone(), read.clone());
        }
    }
}

/// The format of snapshots that this version writes and reads.
const SNAPSHOT: u32 = 1;

#[derive(serde::Serialize, serde::Deserialize)]
struct Snapshot {
    v: u32,
    state: FleetState,
}

/// A fleet's state: what is known of it, or else its newest snapshot, and every record after that.
pub(super) async fn state(journal: &dyn Journal, known: &Known, fleet: &FleetId) -> Result<Arc<LoadedState>> {
    let stream = fleet.stream();
    let before = known.lock().get(fleet).cloned();
    let after = before.as_ref().map_or(After::Snapshot, |before| After::Version(before.head));
    let (before, loaded) = match journal.load(&stream, after).await {
        // Not all that came since is still held.
        Err(error) if before.is_some() && error.kind() == ErrorKind::NotFound => {
            (None, journal.load(&stream, After::Snapshot).await?)
        }
        loaded => (before, loaded?),
    };
    let mut read = match (before, loaded.snapshot) {
        (Some(before), _) => before,
        (None, None) => {
            let (head, snapshot) = Default::default();
            Arc::new(LoadedState { state: FleetState::new(fleet.clone()), head, snapshot })
        }
        (None, Some((version, bytes))) => {
            let state = restore(fleet, &bytes).map_err(|why| {
                let what = format!("snapshot at record {version} of {stream}: {why}");
                Error::new(ErrorKind::Corrupt, what).with_source(why)
            })?;
            Arc::new(LoadedState { state, head: version, snapshot: version })
        }
    };
    if !loaded.records.is_empty() {
        let LoadedState { state, head, .. } = Arc::make_mut(&mut read);
        for record in &loaded.records {
            head.0 += 1;
            let recorded = recorded(&stream, *head, record)?;
            state
                .evolve(&recorded)
                .map_err(|illegal| corrupt(&stream, *head, "it cannot follow the record before it").with_source(illegal))?;
        }
    }
    known.keep(&read);
    Ok(read)
}

/// The records of a stream after a version, each with the version after it.
pub(super) async fn records(
    journal: &dyn Journal,
    stream: &StreamId,
    after: StreamVersion,
) -> Result<Vec<(StreamVersion, Recorded)>> {
    let loaded = journal.load(stream, After::Version(after)).await?;
    let numbered = (after.0 + 1..).map(StreamVersion).zip(&loaded.records);
    numbered.map(|(version, record)| Ok((version, recorded(stream, version, record)?))).collect()
}

fn recorded(stream: &StreamId, version: StreamVersion, record: &[u8]) -> Result<Recorded> {
    Recorded::read(record).map_err(|why| corrupt(stream, version, &why.to_string()).with_source(why))
}

/// The state that a snapshot holds.
fn restore(fleet: &FleetId, bytes: &[u8]) -> Result<FleetState, Unreadable> {
    #[derive(serde::Deserialize)]
    struct Format {
        v: u64,
    }
    match serde_json::from_slice::<Snapshot>(bytes) {
        Ok(Snapshot { v: SNAPSHOT, state }) if state.fleet() == fleet => Ok(state),
        Ok(Snapshot { v: SNAPSHOT, state }) => Err(Unreadable::damaged(format!("it is of fleet {}", state.fleet()))),
        // What a later format means by the same fields is not known here.
        read => match (serde_json::from_slice(bytes), read) {
            (Ok(Format { v }), _) if v > u64::from(SNAPSHOT) => Err(Unreadable::newer(v, SNAPSHOT)),
            (Ok(Format { v: 1.. }), Err(why)) => Err(Unreadable::unknown(SNAPSHOT, why)),
            (Ok(_), _) => Err(Unreadable::damaged("it says no format")),
            (Err(why), _) => Err(Unreadable::damaged(why)),
        },
    }
}

pub(super) fn corrupt(stream: &StreamId, version: StreamVersion, what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("record {version} of {stream}: {what}"))
}

pub(super) fn encode(value: &impl serde::Serialize) -> Result<Record> {
    let bytes =
        serde_json::to_vec(value).map_err(|why| Error::new(ErrorKind::Internal, "a record has no JSON form").with_source(why))?;
    Ok(bytes.into())
}

/// The id of a write: of whoever writes, where, after what, and what.
pub(super) fn write_id(owner: &OwnerId, stream: &StreamId, expected: StreamVersion, records: &[Record]) -> WriteId {
    let expected = expected.to_string();
    let head = [owner.as_str(), stream.as_str(), &expected, ""].join("\0");
    let text: Vec<&[u8]> = std::iter::once(head.as_bytes()).chain(records.iter().map(|record| &**record)).collect();
    let mut id = [0; 16];
    id.iter_mut().zip(sha256(&text.concat())).for_each(|(to, from)| *to = from);
    WriteId(id)
}

/// Appends until it is certain whether it was written: an unknown result is read back, a refused one tried again.
pub(super) async fn append(journal: &dyn Journal, clock: &dyn Clock, append: Append) -> Result<Appended> {
    let give_up_at = clock.now() + PATIENCE;
    let mut pause = Duration::from_millis(100);
    loop {
        let error = match journal.append(append.clone()).await {
            Ok(Appended::Done(version)) => return Ok(Appended::Done(version)),
            Ok(Appended::Conflict(head)) => match journal.wrote(&append.stream, append.write).await {
                // A conflict with our own earlier copy is no conflict.
                Ok(Some(version)) => return Ok(Appended::Done(version)),
                Ok(None) => return Ok(Appended::Conflict(head)),
                Err(error) => error,
            },
            Err(error) => error,
        };
        let hopeless = error.applied() == Applied::No && error.retry() == Retry::Never;
        if hopeless || clock.now() >= give_up_at {
            return Err(error);
        }
        // The same write id again is the same write: if the first copy arrived, this one only says so.
        clock.sleep_until(clock.now() + pause).await;
        pause = (pause * 2).min(Duration::from_secs(10));
    }
}

/// Writes events after what was read of a fleet, whose time is so far ahead of this clock, and says how it is then; nothing if somebody else has written since.
pub(super) async fn write(
    controller: &Controller,
    read: &LoadedState,
    ahead: Duration,
    events: Vec<Event>,
) -> Result<Option<Arc<LoadedState>>> {
    let Controller { clock, journal, known, news, owner, .. } = controller;
    let mut state = read.state.clone();
    let at = (clock.now() + ahead).max(state.at());
    let mut records = Vec::with_capacity(events.len());
    for event in events {
        let epoch = Epoch(state.epoch().0 + u64::from(matches!(event, Event::Claimed { .. })));
        let recorded = Recorded { v: Recorded::FORMAT, at, epoch, event };
        state.evolve(&recorded)?;
        records.push(encode(&recorded)?);
    }
    let stream = state.fleet().stream();
    let write = write_id(owner, &stream, read.head, &records);
    let append = self::append(journal, &**clock, Append { stream, expected: read.head, write, records });
    let Appended::Done(head) = append.await? else {
        return Ok(None);
    };
    let written = Arc::new(LoadedState { state, head, snapshot: read.snapshot });
    known.keep(&written);
    news.post(written.state.fleet(), head);
    Ok(Some(written))
}

/// Stores a snapshot if enough has happened since the last. The records stay: they are the audit trail.
pub(super) async fn snapshot(journal: &dyn Journal, known: &Known, now: LoadedState) -> Result<()> {
    let LoadedState { state, head, snapshot: last } = now;
    if head.0.saturating_sub(last.0) < SNAPSHOT_EVERY {
        return Ok(());
    }
    let stream = state.fleet().stream();
    let snapshot = Snapshot { v: SNAPSHOT, state };
    let record = encode(&snapshot)?;
    journal.compact(Compact { stream, at: head, snapshot: record, keep: Keep::Everything }).await?;
    known.keep(&Arc::new(LoadedState { state: snapshot.state, head, snapshot: head }));
    Ok(())
}
