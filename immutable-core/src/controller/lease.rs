//! Who may send. Only who has claimed a fleet can append to its stream; but a call that is journaled and not sent yet needs no append. So whoever drives
//! looks at a lease last of all before a call leaves, and whoever takes over waits until that is over.
//!
//! A [worker](Controller::work) says that it lives in a stream of its own, for all of its fleets at once. Others judge it by their own clocks: once they
//! have seen its last sign for as long as it said that it holds, it holds no more. Whoever drives one rollout alone says so by what it appends.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Controller;
use super::load::{self, LoadedState, corrupt, encode};
use super::timely::{Timely, in_time};
use crate::error::Result;
use crate::id::{OwnerId, StreamId, StreamVersion};
use crate::journal::{After, Append, Appended, Compact, Journal, Keep, Record};
use crate::rollout::{Event, FleetState, Hold, MAX_VIEW_AGE, Phase};
use crate::time::{Clock, Timestamp};

/// Whether a call may leave: [`Lease::holds`].
pub(crate) type MaySend = fn(&Lease, Timestamp) -> bool;

/// For how long after an append what is owed may be sent: by who drives alone, and by a worker, which its signs tell nothing of one fleet.
pub(super) const ALONE: Duration = Duration::from_secs(110);

/// Signs are forgotten once so many more have come.
const SIGNS: u64 = 64;

/// Until when somebody may send. Clones share it. Once it was over another may have what was driven by it, so what was begun before is not gone on with
/// when it holds again: that is another term.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    shared: Arc<Shared>,
    term: u64,
}

#[derive(Debug)]
struct Shared {
    until: AtomicI64,
    term: AtomicU64,
}

impl Default for Lease {
    /// One that is over.
    fn default() -> Self {
        Self { shared: Arc::new(Shared { until: AtomicI64::new(i64::MIN), term: AtomicU64::new(0) }), term: 0 }
    }
}

impl Lease {
    /// Whether it holds, without a break since this term began.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        !self.is_lost() && now.as_millis() < self.shared.until.load(Ordering::Acquire)
    }

    /// Whether it was over since this term began, and holds again.
    pub(super) fn is_lost(&self) -> bool {
        self.shared.term.load(Ordering::Acquire) != self.term
    }

    /// It holds until then, if it does not for longer. This one's term goes on: whoever says so has made sure that nobody else has what it is for.
    pub(super) fn lasts(&self, until: Timestamp) {
        self.shared.until.fetch_max(until.as_millis(), Ordering::AcqRel);
    }

    /// As [`lasts`](Self::lasts), said now: in another term, if it was over.
    fn renewed(&self, until: Timestamp, now: Timestamp) {
        if now.as_millis() >= self.shared.until.load(Ordering::Acquire) {
            self.shared.term.fetch_add(1, Ordering::AcqRel);
        }
        self.lasts(until);
    }

    /// The same, in the term that it is in now.
    pub(super) fn term(&self) -> Self {
        Self { shared: self.shared.clone(), term: self.shared.term.load(Ordering::Acquire) }
    }
}

/// What a worker says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sign {
    /// It lives, and may send for so long after this was written.
    Lives {
        /// Which sign of its this is: no two are the same.
        nth: u64,
        /// In milliseconds.
        for_ms: u64,
    },
    /// It sends nothing more.
    Left,
}

/// A worker that nobody has asked about for so long is not remembered: no lease is as long.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// What cannot be read a later version has written: it holds for as long as any may.
const UNREADABLE: Sign = Sign::Lives { nth: 0, for_ms: 600_000 };

fn stream(owner: &OwnerId) -> StreamId {
    StreamId::new(format!("worker/{owner}"))
}

/// A name that nobody else bears, and that begins with this one: who comes back under an old name is not who went.
pub(super) fn named(owner: &OwnerId) -> OwnerId {
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), owner.as_str());
    OwnerId::new(format!("{owner}.{random:016x}"))
}

/// The signs of life of a worker. Nobody else writes to its stream.
pub(super) struct Signs {
    owner: OwnerId,
    journal: Timely,
    clock: Arc<dyn Clock>,
    head: StreamVersion,
    nth: u64,
    lasts: Duration,
    lease: Lease,
}

impl Signs {
    pub(super) fn new(controller: &Controller, lasts: Duration) -> Self {
        let Controller { owner, journal, clock, .. } = controller.clone();
        Self { owner, journal, clock, head: StreamVersion(0), nth: 0, lasts, lease: Lease::default() }
    }

    pub(super) fn lease(&self) -> Lease {
        self.lease.clone()
    }

    /// Says that it lives. What it may do it may from when it began to say so: nobody has seen it before.
    async fn live(&mut self) -> Result<()> {
        let began = self.clock.now();
        self.nth += 1;
        let for_ms = u64::try_from(self.lasts.as_millis()).unwrap_or(u64::MAX);
        self.say(Sign::Lives { nth: self.nth, for_ms }).await?;
        // A tenth less than it said: clocks do not run alike.
        self.lease.renewed(began + self.lasts.mul_f64(0.9), self.clock.now());
        Ok(())
    }

    /// Says every third of the lease that it lives, for as long as this is polled.
    pub(super) async fn go_on(&mut self) -> Infallible {
        loop {
            let next = self.clock.now() + self.lasts / 3;
            let clock = self.clock.clone();
            // What takes longer is of no use: the next says more.
            if let Err(error) = in_time(&*clock, next, self.live()).await {
                tracing::warn!(%error, "a sign of life could not be given");
            }
            clock.sleep_until(next).await;
        }
    }

    /// Says that it sends nothing more.
    pub(super) async fn leave(&mut self) -> Result<()> {
        let clock = self.clock.clone();
        in_time(&*clock, clock.now() + TO_LEAVE, self.say(Sign::Left)).await
    }

    async fn say(&mut self, sign: Sign) -> Result<()> {
        let stream = stream(&self.owner);
        let record = encode(&sign)?;
        loop {
            let records = vec![record.clone()];
            let write = load::write_id(&self.owner, &stream, self.head, &records);
            let append = Append { stream: stream.clone(), expected: self.head, write, records };
            match load::append(&self.journal, &*self.clock, append).await? {
                Appended::Done(head) => {
                    self.head = head;
                    break;
                }
                // One that was given up has landed.
                Appended::Conflict(head) if head > self.head => self.head = head,
                Appended::Conflict(head) => return Err(corrupt(&stream, head, "it has fewer signs than were given")),
            }
        }
        if self.head.0.is_multiple_of(SIGNS) {
            let compact = Compact { stream, at: self.head, snapshot: record, keep: Keep::Nothing };
            // They only take room.
            if let Err(error) = self.journal.compact(compact).await {
                tracing::debug!(%error, "old signs of life were not removed");
            }
        }
        Ok(())
    }
}

/// How long a worker tries to say that it leaves.
const TO_LEAVE: Duration = Duration::from_secs(10);

/// How the signs of others were when they were read, and since when they are so by our own clock.
#[derive(Debug, Default)]
pub(super) struct Rivals(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    signs: BTreeMap<OwnerId, Read>,
    /// Of fleets that others drive alone: how far the stream was, and since when.
    heads: BTreeMap<StreamId, (StreamVersion, Timestamp)>,
    /// Something came while it was watched.
    moved: bool,
}

#[derive(Clone, Copy, Debug)]
struct Read {
    head: StreamVersion,
    sign: Option<Sign>,
    since: Timestamp,
    /// When it was read last.
    at: Timestamp,
}

impl Read {
    /// Whether by this the worker may send still.
    fn may_send(&self, now: Timestamp) -> bool {
        matches!(self.sign, Some(Sign::Lives { for_ms, .. }) if now.since(self.since) < Duration::from_millis(for_ms))
    }
}

impl Seen {
    /// Whether by its signs, read just now, and by the stream of a fleet that it has claimed, a rival has lost that: it sends nothing more of it.
    fn has_lost(&mut self, owner: &OwnerId, read: Read, state: &FleetState, head: StreamVersion) -> bool {
        let known = self.sees(owner, read);
        match known.sign {
            Some(_) => !known.may_send(read.at),
            None => self.is_silent(state, head, read.at),
        }
    }

    /// What is known of a worker's signs, with these, read just now.
    fn sees(&mut self, owner: &OwnerId, read: Read) -> Read {
        if !self.signs.contains_key(owner) {
            self.signs.retain(|_, known| read.at.since(known.at) < FORGOTTEN);
        }
        let known = self.signs.entry(owner.clone()).or_insert(read);
        let newer = known.head < read.head;
        if newer {
            *known = read;
        }
        known.at = read.at;
        let known = *known;
        self.moved |= newer && known.may_send(read.at);
        known
    }

    /// Whether nobody has written to a fleet's stream for as long as whoever drives its rollout alone would at the latest.
    fn is_silent(&mut self, state: &FleetState, head: StreamVersion, now: Timestamp) -> bool {
        let Some(running) = state.rollout() else { return true };
        let known = self.heads.entry(state.fleet().stream()).or_insert((head, now));
        let newer = known.0 != head;
        if newer {
            *known = (head, now);
        }
        let since = known.1;
        self.moved |= newer;
        now.since(since) >= silence(&running.phase)
    }
}

impl Rivals {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a fleet may be taken: nobody else drives it, as far as anybody can tell.
    pub(super) async fn leave(&self, controller: &Controller, loaded: &LoadedState) -> Result<bool> {
        let LoadedState { state, head, .. } = loaded;
        let Some(other) = state.owner().filter(|owner| **owner != controller.owner) else {
            return Ok(true);
        };
        if self.was_alive(controller, other) {
            return Ok(false);
        }
        let read = last_sign(controller, other).await?;
        Ok(self.lock().has_lost(other, read, state, *head))
    }

    /// Whether a worker may send still, by its signs.
    pub(super) async fn lives(&self, controller: &Controller, worker: &OwnerId) -> Result<bool> {
        if self.was_alive(controller, worker) {
            return Ok(true);
        }
        let read = last_sign(controller, worker).await?;
        Ok(self.lock().sees(worker, read).may_send(read.at))
    }

    /// Whether that was seen just now: of many fleets of one worker its signs are read once.
    fn was_alive(&self, controller: &Controller, worker: &OwnerId) -> bool {
        let (known, now) = (self.lock().signs.get(worker).copied(), controller.clock.steady());
        known.is_some_and(|known| known.may_send(now) && now.since(known.at) < controller.poll)
    }

    /// Whether anybody who was watched has given a sign of life since.
    pub(super) fn live(&self) -> bool {
        self.lock().moved
    }
}

/// The last sign of a worker, as it is now.
async fn last_sign(controller: &Controller, owner: &OwnerId) -> Result<Read> {
    let loaded = controller.journal.load(&stream(owner), After::Snapshot).await?;
    // What was written after this was asked for is not in it.
    let now = controller.clock.steady();
    let last: Option<&Record> = loaded.records.last().or(loaded.snapshot.as_ref().map(|(_, sign)| sign));
    let sign = last.map(|sign| serde_json::from_slice(sign).unwrap_or(UNREADABLE));
    Ok(Read { head: loaded.head, sign, since: now, at: now })
}

/// For how long nobody must have written to the stream of a fleet before a rollout that somebody drives alone is carried on: whoever does says so.
pub(super) fn silence(phase: &Phase) -> Duration {
    match phase {
        // Nobody drives what asks, once the calls that were under way are answered.
        Phase::Held { why: Hold::Needs(_), .. } => MAX_VIEW_AGE,
        Phase::Held { .. } => MAX_VIEW_AGE * 20,
        _ => MAX_VIEW_AGE * 2,
    }
}

/// How much longer whoever drove a fleet before may send, if another takes it at once.
pub(super) async fn left_of(controller: &Controller, state: &FleetState, now: Timestamp) -> Result<Duration> {
    let other = state.owner().filter(|owner| **owner != controller.owner);
    // Nothing is left that could be sent.
    let Some(other) = other.filter(|_| state.owed().next().is_some()) else {
        return Ok(Duration::ZERO);
    };
    Ok(left(state, last_sign(controller, other).await?.sign, now))
}

/// The same, of one whose last sign is this. A worker's may be as new as can be; of who drives alone the last record tells, by clocks that agree.
fn left(state: &FleetState, sign: Option<Sign>, now: Timestamp) -> Duration {
    // What it has written last it may go on with, whatever it says until it finds out.
    let alone = (state.at() + ALONE).since(now);
    match sign {
        Some(Sign::Left) => Duration::ZERO,
        Some(Sign::Lives { for_ms, .. }) => Duration::from_millis(for_ms).max(alone),
        None => alone,
    }
}

/// A fleet is claimed: whoever drove it before may send for so much longer, and what is sent may arrive for a lifetime.
pub(super) fn claimed(owner: &OwnerId, now: Timestamp, left: Duration, lifetime: Duration) -> Event {
    Event::Claimed { owner: owner.clone(), echo_until: now + left + lifetime }
}

#[cfg(test)]
mod search;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::Need;

    #[test]
    fn what_was_begun_before_a_lease_was_over_is_not_gone_on_with() {
        let at = Timestamp::from_millis;
        let (shared, now) = (Lease::default(), at(0));
        assert!(!shared.holds(now) && !shared.is_lost());
        shared.renewed(at(30), at(0));
        let first = shared.term();
        assert!(first.holds(at(29)) && !first.holds(at(30)));
        shared.renewed(at(50), at(20));
        assert!(first.holds(at(49)), "in time");
        shared.renewed(at(90), at(60));
        assert!(!first.holds(at(70)) && first.is_lost(), "another may have had it from 50 to 60");
        let second = shared.term();
        assert!(second.holds(at(70)) && !second.is_lost());
        shared.renewed(at(80), at(95));
        assert!(second.is_lost() && !shared.term().holds(at(95)), "a sign that took longer than it says");
    }

    #[test]
    fn whoever_drives_a_rollout_has_its_time() {
        let at = Timestamp::default();
        let moving = || Phase::Preparing { give_up_at: at };
        let held = |why| Phase::Held { why, resume: Box::new(moving()), since: at };
        let paused = held(Hold::Paused { by: crate::id::Actor::new("ann") });
        let asks = held(Hold::Needs(Need::ProviderSilent));
        assert_eq!(silence(&moving()), MAX_VIEW_AGE * 2);
        assert_eq!(silence(&paused), MAX_VIEW_AGE * 20, "they say something in every tenth");
        assert_eq!(silence(&asks), MAX_VIEW_AGE, "nobody drives what asks");
        assert!(ALONE < MAX_VIEW_AGE * 2, "its lease is over before anybody takes it for dead");
    }
}
