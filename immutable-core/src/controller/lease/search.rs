//! Every interleaving of two controllers of one fleet, in a world of one group, small times, and whatever may become of a call, an append or a sign of life.
//!
//! What is looked for (engine.md A2): no call that was journaled takes effect twice; none takes effect that was not journaled; and none once another was
//! written to its resource since. Calls arrive within their lifetime, or never; whoever has looked at its lease sends before its margin is over. Everything
//! else may take any time: to be frozen is to do nothing while time passes. The states are folded and claimed, the leases held and judged, by the functions
//! that controllers use; what is decided here is only which size the group is to have, any there is.

mod cases;
mod fold;
mod now;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use self::fold::{Answer, Fact, Fold, GROUP, owner, to};
use self::now::{Does, Now, Sent, Side, UnderWay, Written};
use super::*;

/// The unit of time: in two of them whoever drives alone has lost its lease, and in two what was decided is too old to be sent.
const TICK: Duration = Duration::from_secs(55);

/// How long a worker's sign says that it lives.
const LASTS: Duration = Duration::from_secs(110);

/// How two controllers may go about it.
#[derive(Clone, Copy)]
struct World {
    works: [bool; 2],
    rules: Rules,
    /// By how many ticks the clock of the second is ahead.
    ahead: u8,
    /// For how many ticks a call may be on its way, and after how many it is not waited for any more.
    lifetime: u8,
    timeout: u8,
    /// When it ends, and how many calls are owed until then.
    ticks: u8,
    calls: usize,
    /// How often the fleet is claimed.
    claims: u64,
    /// How often something goes wrong that nobody need wait for: a call is refused, an append is given up, or its answer is lost.
    mishaps: u8,
}

/// The rules that keep two apart, each of which may be left out.
#[derive(Clone, Copy)]
struct Rules {
    may_send: MaySend,
    has_lost: fn(&mut Seen, &OwnerId, Read, &FleetState, StreamVersion) -> bool,
    /// Whether a fleet is claimed that was judged: whether its journal is as it was then.
    as_judged: fn(bool) -> bool,
    claimed: fn(&OwnerId, Timestamp, Duration, Duration) -> Event,
    /// For how long after an append what is owed may be sent.
    lasts: Duration,
    /// Whether what was answered to an append means that it is written: whether there was no conflict.
    is_written: fn(bool) -> bool,
}

const SOUND: Rules = Rules {
    may_send: Lease::holds,
    has_lost: Seen::has_lost,
    as_judged: |fresh| fresh,
    claimed,
    lasts: ALONE,
    is_written: |done| done,
};

/// Who does what.
#[derive(Clone, Copy)]
struct Step(&'static str, &'static str);

/// What was found.
#[derive(Default)]
struct Searched {
    states: usize,
    steps: usize,
    /// The most that was reached: the epoch, and the calls that arrived.
    epoch: u64,
    arrived: u64,
    breach: Option<(&'static str, Vec<String>)>,
}

fn time(tick: u8) -> Timestamp {
    Timestamp::from_millis(1_000_000_000) + TICK * u32::from(tick)
}

fn name(side: usize) -> &'static str {
    ["A", "B"][side]
}

impl World {
    fn lifetime(&self) -> Duration {
        TICK * u32::from(self.lifetime)
    }

    fn begins(&self, fold: &mut Fold) -> Now {
        // The first has given its last sign, and made its last append, a tick ago, and the second knows.
        let before = time(0) - TICK;
        let journal = fold.begun(before);
        let side = |until: Timestamp, wrote: i64| {
            let until = (until + LASTS.mul_f64(0.9)).as_millis();
            Side { until, wrote, lost: false, sign: None, watches: None, does: Does::Rests, call: None }
        };
        let mut sides = [side(before, (before + ALONE).as_millis()), side(self.clock(1, 0), i64::MIN)];
        sides[1].watches = Some(before);
        sides[0].does = Does::Drives { journal, fresh: true };
        Now {
            tick: 0,
            mishaps: 0,
            journal,
            owed: Vec::new(),
            size: 1,
            last: 0,
            changed: 0,
            calls: Vec::new(),
            stray: None,
            sides,
        }
    }

    fn clock(&self, side: usize, tick: u8) -> Timestamp {
        time(tick) + TICK * u32::from(if side == 1 { self.ahead } else { 0 })
    }

    /// Tick by tick, and breadth first in each: time does not go back, so nothing before it is come to again.
    fn search(&self) -> Searched {
        let mut fold = Fold::new(self.ahead == 0 && self.works == [true; 2]);
        let mut from = vec![(0, Step("", ""))];
        let mut found = Searched::default();
        let mut tick = vec![(0, self.begins(&mut fold))];
        while !tick.is_empty() {
            let mut known: HashSet<Now> = tick.iter().map(|(_, now)| now.clone()).collect();
            let (mut next, mut later) = (VecDeque::from(tick), HashMap::new());
            while let Some((at, now)) = next.pop_front() {
                found.states += 1;
                found.epoch = found.epoch.max(fold.state(now.journal).epoch().0);
                found.arrived = found.arrived.max(now.last);
                for (step, then) in self.steps(&now, &mut fold) {
                    found.steps += 1;
                    let id = u32::try_from(from.len()).unwrap();
                    let then = match then {
                        Ok(then) => then,
                        Err(breach) => {
                            from.push((at, step));
                            found.breach = Some((breach, story(&from)));
                            return found;
                        }
                    };
                    let new = if then.tick > now.tick {
                        *later.entry(then).or_insert(id) == id
                    } else {
                        known.insert(then.clone()) && {
                            next.push_back((id, then));
                            true
                        }
                    };
                    if new {
                        from.push((at, step));
                    }
                }
            }
            tick = later.into_iter().map(|(now, id)| (id, now)).collect();
            tick.sort_by_key(|(id, _)| *id);
        }
        found
    }

    /// Everything that may happen next.
    fn steps(&self, now: &Now, fold: &mut Fold) -> Vec<(Step, Result<Now, &'static str>)> {
        let mut steps = Vec::new();
        for (at, call) in now.calls.iter().enumerate() {
            steps.push((Step("call", "arrives"), now.arrives(at, *call)));
            if let Some(by) = call.by.filter(|_| now.mishaps < self.mishaps) {
                let mut then = now.clone();
                then.calls.remove(at);
                then.mishaps += 1;
                then.answers(by, Answer::Refused);
                steps.push((Step("call", "is refused"), Ok(then)));
            }
        }
        if let Some(stray) = &now.stray {
            let mut then = now.clone();
            then.writes(stray, self.works);
            steps.push((Step("append", "arrives that nobody waits for"), Ok(then)));
        }
        for side in 0..2 {
            let mut then = |what, then: Now| steps.push((Step(name(side), what), Ok(then)));
            if self.works[side] {
                self.signs(now, side, &mut then);
            }
            self.acts(now, side, fold, &mut then);
        }
        if now.tick < self.ticks {
            let mut then = now.clone();
            then.tick += 1;
            // What has not arrived by now is lost.
            then.calls.retain(|call| call.at + self.lifetime > then.tick);
            self.ages(&mut then, fold);
            steps.push((Step("time", "passes"), Ok(then)));
        }
        steps
    }

    /// What is over by now is all the same.
    fn ages(&self, now: &mut Now, fold: &mut Fold) {
        let clock = time(now.tick);
        let stray = now.stray.iter_mut().map(|written| &mut written.journal);
        let held = now.sides.iter_mut().filter_map(|side| match &mut side.does {
            Does::Rests | Does::Takes(_) => None,
            Does::Drives { journal, .. } => Some(journal),
            Does::Appends { written, .. } => Some(&mut written.journal),
        });
        for journal in [&mut now.journal].into_iter().chain(stray).chain(held) {
            *journal = fold.aged(*journal, clock);
        }
    }

    /// What a worker's signs of life may come to.
    fn signs(&self, now: &Now, side: usize, then: &mut impl FnMut(&'static str, Now)) {
        let clock = self.clock(side, now.tick);
        let heard = |mut next: Now, began| {
            let lease = next.sides[side].lease();
            lease.renewed(self.clock(side, began) + LASTS.mul_f64(0.9), clock);
            next.sides[side].has(&lease);
            next.sides[side].sign = None;
            next
        };
        if let Some(began) = now.sides[side].sign {
            then("hears of its sign", heard(now.clone(), began));
        } else if (clock + LASTS.mul_f64(0.9)).as_millis() > now.sides[side].until {
            let mut next = now.clone();
            // What the other knows is no more.
            next.sides[1 - side].watches = None;
            then("gives a sign", heard(next.clone(), now.tick));
            if now.mishaps < self.mishaps {
                next.mishaps += 1;
                next.sides[side].sign = Some(now.tick);
                then("gives a sign, and does not hear of it yet", next);
            }
        }
    }

    /// What a controller may do with the fleet.
    fn acts(&self, now: &Now, side: usize, fold: &mut Fold, then: &mut impl FnMut(&'static str, Now)) {
        let me = &now.sides[side];
        let clock = self.clock(side, now.tick);
        let at = |state: &FleetState| clock.max(state.at());
        let rests = || {
            let mut next = now.clone();
            next.rests(side);
            next
        };
        match &me.does {
            Does::Rests if self.works[side] => {
                // It begins nothing without a lease, and what it begins is of this term.
                if me.lease().term().holds(clock) {
                    let mut next = now.clone();
                    next.sides[side].lost = false;
                    if self.may_take(&mut next, side, fold) {
                        next.sides[side].does = Does::Takes(true);
                    }
                    then("reads who has the fleet", next);
                }
            }
            Does::Rests | Does::Takes(_) if fold.state(now.journal).epoch().0 > self.claims => {}
            Does::Rests => then("claims", self.claims(now, side, fold)),
            Does::Takes(fresh) if (self.rules.as_judged)(*fresh) => then("claims", self.claims(now, side, fold)),
            Does::Takes(_) => then("finds that another has written", rests()),
            Does::Drives { journal, fresh } => {
                let (journal, fresh) = (*journal, *fresh);
                let state = fold.state(journal).clone();
                let owed = fold.owed(journal).map(|(op, owed)| (op.0, owed.clone()));
                let append = |fold: &mut Fold, fact, owes| {
                    let after = fold.then(journal, fact, at(&state));
                    let mut next = now.clone();
                    if after != journal {
                        next.sides[side].appends(Written { fresh, journal: after, owes }, now.tick);
                    }
                    next
                };
                let sends = self.rules.may_send;
                let may_send = sends(&me.wrote(), clock) && (!self.works[side] || sends(&me.lease(), clock));
                if me.lost {
                    then("has lost its lease", rests());
                }
                if let Some(call) = me.call {
                    let Some(sent) = call.sent else {
                        let mut next = now.clone();
                        next.sides[side].call = None;
                        let held = owed.filter(|_| may_send);
                        if let Some((op, owed)) = &held {
                            next.sides[side].call = Some(UnderWay { sent: Some(now.tick), answer: None });
                            next.calls.push(Sent { op: *op, to: to(owed), at: now.tick, by: Some(side) });
                            next.calls.sort();
                        }
                        then(if held.is_some() { "sends" } else { "does not send" }, next);
                        return;
                    };
                    let late = now.tick >= sent + self.timeout;
                    if let (Some(answer), Some(_)) = (call.answer, &owed) {
                        let mut next = append(fold, Fact::Answered(answer), None);
                        next.sides[side].call = None;
                        then("takes an answer", next);
                    }
                    if late && owed.is_some() {
                        let unknown = Answer::Unknown(at(&state) + self.lifetime());
                        let mut next = append(fold, Fact::Answered(unknown), None);
                        next.hangs_up(side);
                        then("waits no longer", next);
                    }
                    return;
                }
                let Some((_, owed)) = owed else {
                    let size = state.slots(GROUP).map_or(0, |slots| slots.size);
                    if state.is_free(GROUP, at(&state)) && now.owed.len() < self.calls {
                        let to = 3 - size;
                        then("owes a call", append(fold, Fact::Owed(to), Some(to)));
                    }
                    return;
                };
                if at(&state).since(owed.basis) >= MAX_VIEW_AGE {
                    then("lets a call stand", append(fold, Fact::Renewed, None));
                    if at(&state) >= owed.echo_until {
                        then("withdraws a call", append(fold, Fact::Answered(Answer::Withdrawn(now.size)), None));
                    }
                } else if may_send {
                    let mut next = now.clone();
                    next.sides[side].call = Some(UnderWay { sent: None, answer: None });
                    then("takes a call in hand", next);
                }
                if !me.wrote().holds(clock) && at(&state) > state.at() {
                    then("says that it watches", append(fold, Fact::Watched, None));
                }
            }
            Does::Appends { written, since, done: None } => {
                let mut next = now.clone();
                let done = Some(next.writes(written, self.works));
                next.sides[side].does = Does::Appends { written: *written, since: *since, done };
                then("has its append answered", next);
                if now.mishaps < self.mishaps {
                    let mut next = rests();
                    next.mishaps += 1;
                    next.stray = next.stray.or(Some(*written).filter(|written| written.fresh));
                    then("gives up an append", next);
                }
            }
            Does::Appends { written, since, done: Some(done) } => {
                let mut next = now.clone();
                if (self.rules.is_written)(*done) {
                    let me = &mut next.sides[side];
                    me.does = Does::Drives { journal: written.journal, fresh: written.fresh };
                    me.wrote = (self.clock(side, *since) + self.rules.lasts).as_millis();
                } else {
                    next.rests(side);
                }
                then("hears of its append", next);
                if now.mishaps < self.mishaps {
                    let mut next = rests();
                    next.mishaps += 1;
                    then("never hears of its append", next);
                }
            }
        }
    }

    /// Whether the fleet may be taken, as who works finds out.
    fn may_take(&self, next: &mut Now, side: usize, fold: &Fold) -> bool {
        let state = fold.state(next.journal);
        let other = owner(1 - side);
        if state.owner() != Some(&other) {
            return true;
        }
        let me = &mut next.sides[side];
        let clock = time(next.tick);
        let sign = self.works[1 - side].then(sign);
        // What is not as it was read was read long ago.
        let (before, head) = (StreamVersion(0), StreamVersion(u64::from(me.watches.is_none())));
        let mut seen = Seen::default();
        let since = me.watches.unwrap_or_default();
        seen.signs.extend(sign.map(|sign| (other.clone(), Read { head: before, sign: Some(sign), since, at: since })));
        seen.heads.insert(state.fleet().stream(), (before, since));
        let lost = (self.rules.has_lost)(&mut seen, &other, Read { head, sign, since: clock, at: clock }, state, head);
        let signs = seen.signs.get(&other).filter(|known| known.sign.is_some()).map(|known| known.since);
        me.watches = signs.or_else(|| seen.heads.values().next().map(|(_, since)| *since));
        lost
    }

    fn claims(&self, now: &Now, side: usize, fold: &mut Fold) -> Now {
        let state = fold.state(now.journal);
        let at = self.clock(side, now.tick).max(state.at());
        let others = state.owner() == Some(&owner(1 - side)) && state.owed().next().is_some();
        // A worker has waited for it.
        let waits = others && !self.works[side];
        let left = if waits { left(state, self.works[1 - side].then_some(sign()), at) } else { Duration::ZERO };
        let Event::Claimed { echo_until, .. } = (self.rules.claimed)(&owner(side), at, left, self.lifetime()) else {
            panic!("it claims")
        };
        let after = fold.then(now.journal, Fact::Claimed(side, echo_until), at);
        let mut next = now.clone();
        next.sides[side].appends(Written { fresh: true, journal: after, owes: None }, now.tick);
        next
    }
}

fn sign() -> Sign {
    Sign::Lives { nth: 0, for_ms: LASTS.as_millis() as u64 }
}

/// Who did what, up to the last step.
fn story(from: &[(u32, Step)]) -> Vec<String> {
    let mut story = Vec::new();
    let mut at = from.len() - 1;
    while at > 0 {
        let (before, Step(who, what)) = from[at];
        story.push(format!("{who} {what}"));
        at = before as usize;
    }
    story.reverse();
    story
}
