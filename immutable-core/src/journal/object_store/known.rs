//! What this process knows of a stream without asking.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::id::{StreamId, WriteId};

/// How many of its own writes it remembers of a stream.
const WRITES: usize = 32;
/// How many objects are repeated in one.
const BUNDLE: usize = 32;
/// What would be larger than this, in bytes, is not worth a bundle.
const BUNDLE_BYTES: usize = 1 << 18;

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
    /// What it wrote last, without a gap.
    tail: Bundle,
}

/// Objects that follow each other.
#[derive(Debug, Default)]
pub(super) struct Bundle {
    pub(super) from: u64,
    pub(super) end: u64,
    pub(super) bytes: Vec<u8>,
    objects: usize,
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

    /// Notes an object that it has written. Now and then there are enough of them for a bundle.
    pub(super) fn wrote(&self, stream: &StreamId, from: u64, end: u64, bytes: Vec<u8>) -> Option<Bundle> {
        let mut known = self.lock();
        let tail = &mut known.entry(stream.clone()).or_default().tail;
        if tail.end != from || tail.bytes.len() + bytes.len() > BUNDLE_BYTES {
            *tail = Bundle { from, ..Bundle::default() };
        }
        tail.bytes.extend(bytes);
        (tail.end, tail.objects) = (end, tail.objects + 1);
        (tail.objects == BUNDLE).then(|| std::mem::replace(tail, Bundle { from: end, end, ..Bundle::default() }))
    }

    /// At which version a write was sent, if it was sent from here.
    pub(super) fn sent_at(&self, stream: &StreamId, write: WriteId) -> Option<u64> {
        self.lock().get(stream)?.writes.iter().rev().find_map(|(sent, at)| (*sent == write).then_some(*at))
    }
}
