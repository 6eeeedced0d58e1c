//! What every call goes through: the dice, the script, and the queue of what is on its way.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::dice::Dice;
use super::echo::{Answer, Echo};
use super::{Call, Fault, Faults, Faulty, Happened};
use crate::error::{Applied, Error, ErrorKind, Result};
use crate::fleet::{FleetId, GroupId, GroupSeen, TrafficSeen};
use crate::id::PoolId;
use crate::time::Timestamp;

/// What was seen, and when it was asked for.
pub(super) struct History<T>(VecDeque<(Timestamp, T)>);

impl<T> Default for History<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

/// How many older views of one thing are kept.
const REMEMBERED: usize = 8;

/// Why a view is but a part.
pub(super) const PAGE_LOST: &str = "a page of the answer did not arrive";

pub(super) struct Wire {
    dice: Dice,
    script: BTreeMap<Call, VecDeque<Fault>>,
    copies: BTreeMap<(Timestamp, u64), BoxFuture<'static, ()>>,
    sent: u64,
    pub(super) calm_from: Option<Timestamp>,
    pub(super) happened: Vec<Happened>,
    pub(super) groups: BTreeMap<FleetId, BTreeMap<GroupId, History<GroupSeen>>>,
    pub(super) pools: BTreeMap<PoolId, History<TrafficSeen>>,
}

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fate {
    pub(super) slow: Option<Duration>,
    pub(super) fault: Fault,
    /// How often each thing in the answer is an older one, or a part.
    pub(super) stale: f64,
    pub(super) partial: f64,
}

impl Fate {
    const NOTHING: Self = Self { slow: None, fault: Fault::Nothing, stale: 0.0, partial: 0.0 };
}

impl Wire {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            dice: Dice(seed),
            script: BTreeMap::new(),
            copies: BTreeMap::new(),
            sent: 0,
            calm_from: None,
            happened: Vec::new(),
            groups: BTreeMap::new(),
            pools: BTreeMap::new(),
        }
    }

    pub(super) fn script(&mut self, call: Call, fault: Fault) {
        self.script.entry(call).or_default().push_back(fault);
    }

    pub(super) fn on_their_way(&self) -> usize {
        self.copies.len()
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.copies.first_key_value().map(|((due, _), _)| *due)
    }

    fn post(&mut self, due: Timestamp, copy: BoxFuture<'static, ()>) {
        self.sent += 1;
        self.copies.insert((due, self.sent), copy);
    }

    pub(super) fn note(&mut self, at: Timestamp, call: Call, fault: Fault) {
        self.happened.push(Happened { at, call, fault });
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.dice.chance(probability)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.dice.below(limit)
    }

    /// Leaves out at least one of what a view shows.
    pub(super) fn leave_out<T>(&mut self, shown: &mut Vec<T>) {
        let missing = self.below(shown.len());
        let mut nth = 0..;
        shown.retain(|_| nth.next() != Some(missing) && !self.chance(0.25));
    }

    pub(super) fn draw(&mut self, call: Call, now: Timestamp, faults: &Faults) -> Fate {
        if self.calm_from.is_some_and(|from| now >= from) {
            return Fate::NOTHING;
        }
        if let Some(fault) = self.script.get_mut(&call).and_then(VecDeque::pop_front) {
            return match fault {
                Fault::Slow(by) => Fate { slow: Some(by), ..Fate::NOTHING },
                Fault::Stale => Fate { stale: 1.0, ..Fate::NOTHING },
                Fault::Partial => Fate { partial: 1.0, ..Fate::NOTHING },
                fault => Fate { fault, ..Fate::NOTHING },
            };
        }
        let slow = self.dice.chance(faults.slow).then(|| self.dice.up_to(faults.slow_by));
        let (mut at, later) = (self.dice.unit(), self.dice.up_to(faults.late_by));
        let choices = [
            (faults.error, Fault::Error(ErrorKind::Internal)),
            (faults.throttled, Fault::Throttled),
            (faults.lost_request, Fault::LostRequest),
            (faults.lost_reply, Fault::LostReply),
            (faults.late, Fault::Late(later)),
            (faults.doubled, Fault::Doubled(later)),
        ];
        let drawn = choices.into_iter().find(|(probability, _)| {
            at -= probability;
            at < 0.0
        });
        let fault = drawn.map_or(Fault::Nothing, |(_, fault)| fault);
        Fate { slow, fault, stale: faults.stale, partial: faults.partial }
    }
}

/// A copy that is being delivered. Dropped before its end, it is on its way again.
pub(super) struct Delivery<'a> {
    wire: &'a Mutex<Wire>,
    key: (Timestamp, u64),
    copy: Option<BoxFuture<'static, ()>>,
}

impl<'a> Delivery<'a> {
    /// The first one due.
    pub(super) fn next(wire: &'a Mutex<Wire>, now: Timestamp) -> Option<Self> {
        let mut locked = wire.lock().unwrap_or_else(PoisonError::into_inner);
        let first = locked.copies.first_entry().filter(|first| first.key().0 <= now)?;
        let (key, copy) = first.remove_entry();
        Some(Self { wire, key, copy: Some(copy) })
    }

    pub(super) async fn run(mut self) {
        if let Some(copy) = &mut self.copy {
            copy.await;
        }
        self.copy = None;
    }
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        if let Some(copy) = self.copy.take() {
            self.wire.lock().unwrap_or_else(PoisonError::into_inner).copies.insert(self.key, copy);
        }
    }
}

impl<P: ?Sized + Send + Sync + 'static> Faulty<P> {
    /// What happens to a call before it is sent on.
    pub(super) async fn set_out(&self, call: Call) -> Fate {
        self.deliver_due().await;
        let now = self.0.clock.now();
        let fate = self.wire().draw(call, now, &self.0.faults);
        if let Some(by) = fate.slow {
            self.wire().note(now, call, Fault::Slow(by));
            self.0.clock.sleep_until(now + by).await;
            // What was due meanwhile arrives before it is answered, too.
            self.deliver_due().await;
        }
        fate
    }

    /// A call that changes something.
    pub(super) async fn change<T, S>(&self, call: Call, name: &'static str, send: S) -> Result<T>
    where
        T: Answer,
        S: Fn(Arc<P>) -> BoxFuture<'static, Result<T>> + Send + Sync,
    {
        let fate = self.set_out(call).await;
        let now = self.0.clock.now();
        let copy = || -> BoxFuture<'static, ()> {
            let sent = send(self.0.inner.clone());
            Box::pin(async move { drop(sent.await) })
        };
        let bound = now + self.0.faults.late_by;
        if !matches!(fate.fault, Fault::Nothing | Fault::Doubled(_)) {
            self.wire().note(now, call, fate.fault);
        }
        match fate.fault {
            Fault::Error(_) | Fault::Throttled => Err(refusal(fate.fault, name)),
            Fault::LostRequest => Err(unknown(name, bound)),
            Fault::LostReply => {
                let told = match send(self.0.inner.clone()).await {
                    Ok(mut answer) => match answer.echo() {
                        Echo::Said(until) => *until,
                        Echo::Unsaid | Echo::Harmless => None,
                    },
                    Err(error) => error.echo_until(),
                };
                Err(unknown(name, told.map_or(bound, |until| until.max(bound))))
            }
            Fault::Late(by) => {
                self.wire().post(now + by, copy());
                Err(unknown(name, bound.max(now + by)))
            }
            Fault::Doubled(by) => {
                let mut answer = send(self.0.inner.clone()).await?;
                let due = (now + by).max(self.0.clock.now());
                match answer.echo() {
                    Echo::Said(until) => *until = (*until).max(Some(due)),
                    Echo::Harmless => {}
                    Echo::Unsaid => return Ok(answer),
                }
                let mut wire = self.wire();
                wire.note(now, call, fate.fault);
                wire.post(due, copy());
                drop(wire);
                Ok(answer)
            }
            Fault::Nothing | Fault::Slow(_) | Fault::Stale | Fault::Partial => send(self.0.inner.clone()).await,
        }
    }

    /// What happens to a call that only reads.
    pub(super) async fn look(&self, call: Call, name: &'static str) -> Result<Fate> {
        let fate = self.set_out(call).await;
        let error = match fate.fault {
            Fault::Error(_) | Fault::Throttled => refusal(fate.fault, name),
            Fault::LostRequest | Fault::LostReply | Fault::Late(_) => {
                Error::new(ErrorKind::Unreachable, "no answer").with_applied(Applied::No).with_operation(name)
            }
            _ => return Ok(fate),
        };
        self.wire().note(self.0.clock.now(), call, fate.fault);
        Err(error)
    }
}

/// Certain: it was not sent on.
fn refusal(fault: Fault, name: &'static str) -> Error {
    let kind = if let Fault::Error(kind) = fault { kind } else { ErrorKind::Throttled };
    Error::new(kind, "refused on the wire").with_applied(Applied::No).with_operation(name)
}

fn unknown(name: &'static str, echo_until: Timestamp) -> Error {
    Error::new(ErrorKind::Unreachable, "no answer").with_operation(name).with_echo_until(echo_until)
}

impl<T: Clone> History<T> {
    /// Remembers what was seen. How many older ones there are, asked for not longer ago than `at_most`; if that is no time at all, nothing is
    /// remembered.
    pub(super) fn remember(&mut self, asked: Timestamp, seen: &T, at_most: Duration) -> usize {
        if at_most.is_zero() {
            return 0;
        }
        self.0.retain(|(then, _)| asked.since(*then) <= at_most);
        if self.0.len() > REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((asked, seen.clone()));
        self.0.len() - 1
    }

    /// One of them, and when it was asked for.
    pub(super) fn older(&self, at: usize) -> Option<(Timestamp, T)> {
        self.0.get(at).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_as_frequent_as_said_and_the_same_for_the_same_seed() {
        let faults = Faults::none().lost_reply(0.25).late(0.25).slow(0.5);
        let draw = |seed| {
            let mut wire = Wire::new(seed);
            (0..4000).map(|_| wire.draw(Call::Resize, Timestamp::default(), &faults)).collect::<Vec<_>>()
        };
        let fates = draw(3);
        assert_eq!(fates, draw(3));
        assert_ne!(fates, draw(4));
        let count = |is: fn(&Fate) -> bool| fates.iter().filter(|fate| is(fate)).count();
        assert!((900..1100).contains(&count(|fate| fate.fault == Fault::LostReply)));
        assert!((900..1100).contains(&count(|fate| matches!(fate.fault, Fault::Late(by) if by <= Duration::from_secs(60)))));
        assert!((1900..2100).contains(&count(|fate| fate.fault == Fault::Nothing)));
        assert!((1900..2100).contains(&count(|fate| fate.slow.is_some())));
    }

    #[test]
    fn older_views_are_found_within_their_bound() {
        let at = |seconds| Timestamp::default() + Duration::from_secs(seconds);
        let mut history = History::default();
        let mut found = |now, seen| {
            let older = history.remember(at(now), &seen, Duration::from_secs(60));
            (0..older).filter_map(|at| history.older(at)).collect::<Vec<_>>()
        };
        assert!(found(0, 'a').is_empty());
        assert_eq!(found(50, 'b'), [(at(0), 'a')]);
        assert_eq!(found(70, 'c'), [(at(50), 'b')]);
        assert_eq!(history.remember(at(71), &'d', Duration::ZERO), 0);
    }
}
