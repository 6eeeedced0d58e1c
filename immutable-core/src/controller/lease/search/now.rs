//! What there is at a moment of a search, and what becomes of it when something arrives.

use super::fold::{Answer, Id};
use super::*;

/// All there is at one moment.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Now {
    pub(super) tick: u8,
    pub(super) mishaps: u8,
    /// What the journal amounts to.
    pub(super) journal: Id,
    /// The calls that were ever journaled, in order.
    pub(super) owed: Vec<u32>,
    /// The group: its size, the last call that arrived, and those that have changed anything.
    pub(super) size: u32,
    pub(super) last: u64,
    pub(super) changed: u64,
    /// What is on its way: calls, and an append that nobody waits for.
    pub(super) calls: Vec<Sent>,
    pub(super) stray: Option<Written>,
    pub(super) sides: [Side; 2],
}

/// A copy of a call on its way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Sent {
    pub(super) op: u64,
    pub(super) to: u32,
    pub(super) at: u8,
    /// Who waits for the answer.
    pub(super) by: Option<usize>,
}

/// An append: whether it goes on from what the journal is now, what it makes of that, and the call that is owed by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Written {
    pub(super) fresh: bool,
    pub(super) journal: Id,
    pub(super) owes: Option<u32>,
}

/// A controller.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Side {
    /// Until when it may send by its signs, and by its last append; and whether what it drives was begun in an earlier term.
    pub(super) until: i64,
    pub(super) wrote: i64,
    pub(super) lost: bool,
    /// The sign that it has given then, and has not heard of.
    pub(super) sign: Option<u8>,
    /// Since when the other's signs, or the stream, are as they were read last, if they are.
    pub(super) watches: Option<Timestamp>,
    pub(super) does: Does,
    pub(super) call: Option<UnderWay>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Does {
    Rests,
    /// It has found that it may take the fleet: whether the journal is as it was then.
    Takes(bool),
    Drives {
        journal: Id,
        fresh: bool,
    },
    /// It waits for its journal since then: whether it has done it.
    Appends {
        written: Written,
        since: u8,
        done: Option<bool>,
    },
}

/// A call that a controller has in hand: when it was sent, once it was, and what was answered.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct UnderWay {
    pub(super) sent: Option<u8>,
    pub(super) answer: Option<Answer>,
}

impl Now {
    /// A copy of a call arrives, at a provider that compares nothing.
    pub(super) fn arrives(&self, at: usize, call: Sent) -> Result<Self, &'static str> {
        let mut next = self.clone();
        next.calls.remove(at);
        let changes = self.size != call.to;
        // The first two were journaled before it all began.
        if self.owed.get(call.op as usize - 3) != Some(&call.to) {
            return Err("a call that nobody journaled takes effect");
        }
        if changes && call.op < self.last {
            return Err("a call takes effect after another was written to its group");
        }
        if changes && self.changed & (1 << call.op) != 0 {
            return Err("a call takes effect twice");
        }
        next.changed |= u64::from(changes) << call.op;
        next.last = next.last.max(call.op);
        next.size = call.to;
        if let Some(by) = call.by {
            next.answers(by, Answer::Done(call.to));
        }
        Ok(next)
    }

    pub(super) fn answers(&mut self, by: usize, answer: Answer) {
        if let Some(call) = &mut self.sides[by].call {
            call.answer = Some(answer);
        }
    }

    /// Whether it is written: nobody else has.
    pub(super) fn writes(&mut self, written: &Written, works: [bool; 2]) -> bool {
        if written.fresh {
            self.journal = written.journal;
            self.owed.extend(written.owes);
            // Whoever goes on from what it was before comes too late.
            self.stray = None;
            for (side, other_works) in self.sides.iter_mut().zip([works[1], works[0]]) {
                side.watches = side.watches.filter(|_| other_works);
                match &mut side.does {
                    Does::Takes(fresh) | Does::Drives { fresh, .. } | Does::Appends { written: Written { fresh, .. }, .. } => {
                        *fresh = false;
                    }
                    Does::Rests => {}
                }
            }
        }
        written.fresh
    }

    /// It waits for no answer any more.
    pub(super) fn hangs_up(&mut self, side: usize) {
        self.calls.iter_mut().filter(|call| call.by == Some(side)).for_each(|call| call.by = None);
        self.calls.sort();
        self.sides[side].call = None;
    }

    pub(super) fn rests(&mut self, side: usize) {
        self.hangs_up(side);
        let me = &mut self.sides[side];
        (me.does, me.lost, me.wrote) = (Does::Rests, false, i64::MIN);
    }
}

impl Side {
    pub(super) fn lease(&self) -> Lease {
        let (until, term) = (AtomicI64::new(self.until), AtomicU64::new(u64::from(self.lost)));
        Lease { shared: Arc::new(Shared { until, term }), term: 0 }
    }

    pub(super) fn wrote(&self) -> Lease {
        let lease = Lease::default();
        lease.lasts(Timestamp::from_millis(self.wrote));
        lease
    }

    pub(super) fn has(&mut self, lease: &Lease) {
        self.until = lease.shared.until.load(Ordering::Relaxed);
        // Who has nothing in hand has nothing to lose.
        self.lost = lease.is_lost() && self.does != Does::Rests;
    }

    pub(super) fn appends(&mut self, written: Written, since: u8) {
        self.does = Does::Appends { written, since, done: None };
    }
}
