//! What this process knows of a stream without asking.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::id::{StreamId, WriteId};

/// How many of its own writes it remembers of a stream.
const WRITES: usize = 32;

/// A moment, by the clock that stands still while the machine sleeps, and by the one that may be set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(Instant, SystemTime);

impl Moment {
    pub(super) fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    /// Whether it is certainly not longer ago than this.
    pub(super) fn within(&self, time: Duration) -> bool {
        self.0.elapsed() < time && self.1.elapsed().is_ok_and(|elapsed| elapsed < time)
    }
}

/// A version that was the head, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) head: u64,
    pub(super) at: Moment,
}

#[derive(Debug, Default)]
struct Stream {
    seen: Option<Seen>,
    /// At which version each write was sent.
    writes: VecDeque<(WriteId, u64)>,
}

#[derive(Debug, Default)]
pub(super) struct Known(Mutex<BTreeMap<StreamId, Stream>>);

impl Known {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<StreamId, Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn seen(&self, stream: &StreamId) -> Option<Seen> {
        self.lock().get(stream).and_then(|known| known.seen)
    }

    /// Notes what was the head at a moment. It only grows, so the larger is the newer.
    pub(super) fn see(&self, stream: &StreamId, head: u64, at: Moment) {
        let mut known = self.lock();
        let known = known.entry(stream.clone()).or_default();
        if known.seen.is_none_or(|seen| seen.head <= head) {
            known.seen = Some(Seen { head, at });
        }
    }

    pub(super) fn sent(&self, stream: &StreamId, write: WriteId, at: u64) {
        let mut known = self.lock();
        let writes = &mut known.entry(stream.clone()).or_default().writes;
        if !writes.contains(&(write, at)) {
            writes.push_back((write, at));
        }
        if writes.len() > WRITES {
            writes.pop_front();
        }
    }

    /// At which version a write was sent, if it was sent from here.
    pub(super) fn sent_at(&self, stream: &StreamId, write: WriteId) -> Option<u64> {
        self.lock().get(stream)?.writes.iter().rev().find_map(|(sent, at)| (*sent == write).then_some(*at))
    }
}
