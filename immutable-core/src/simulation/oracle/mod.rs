//! What no run may break, judged by what really happened, at the moment it did. An oracle knows the truth, the journal and when the
//! controller has looked; it allows for what others did since the look that a call rests on, and for nothing else.

mod back;
mod book;
mod capacity;
mod drift;
mod gate;
mod health;
mod once;
mod order;
mod probe;
mod proof;
mod rest;
mod traffic;
mod truth;
mod work;
mod zone;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::artifact::Digest;
use crate::fleet::{Coverage, FleetId, GenerationId, Heals, Instance, Observation, Release, TrafficSeen, Verdict as Health};
use crate::id::InstanceKey;
use crate::memory::{Cause, Effect, What};
use crate::rollout::{Command, Event, FleetState, MAX_VIEW_AGE, Outcome, Recorded};
use crate::time::Timestamp;

use super::script::Cloud;
use book::{Book, Journaled};
use traffic::{Rerouted, Traffic};
use truth::{Change, Machine, Truth};

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which: a word that stays the same, `ceiling` or `floor`.
    pub rule: &'static str,
    /// When.
    pub at: Timestamp,
    /// How.
    pub why: String,
}

/// `ceiling: 5 live, 4 may be: 2026-11-21T09:30:00.000Z web 0002.0: size 2 to 3 (op 4)`
impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.why)
    }
}

type Verdict = Result<(), String>;

type OfEffects = fn(&Scene, &Change<'_>) -> Verdict;
type OfRoutes = fn(&Scene, &Rerouted<'_>) -> Verdict;
type OfRecords = fn(&Scene, &Recorded) -> Verdict;

/// Oracles that judge what happens in the world.
const OF_EFFECTS: &[(&str, OfEffects)] = &[
    ("replace", once::replaces),
    ("once", once::journaled),
    ("ours", once::ours),
    ("ceiling", capacity::ceiling),
    ("balance", capacity::balance),
    ("floor", capacity::floor),
    ("drain", traffic::drained),
    ("once", traffic::named),
    ("share", traffic::routed),
    ("same", capacity::same),
    ("order", order::moves),
    ("order", order::first),
    ("order", order::shrinks),
    ("baseline", back::kept),
    ("probe", probe::one_at_a_time),
    ("evidence", back::evidenced),
    ("zone", zone::floor),
    ("order", zone::turn),
];

/// Oracles that judge who is given which share of the requests.
const OF_ROUTES: &[(&str, OfRoutes)] = &[("once", traffic::journaled), ("share", traffic::shares), ("zone", zone::routed)];

/// Oracles that judge what is written.
const OF_RECORDS: &[(&str, OfRecords)] = &[
    ("once", once::one_a_resource),
    ("baseline", back::to_the_proven),
    ("unknown", health::noted),
    ("order", order::steps),
    ("order", gate::left),
    ("proof", proof::proven),
    ("proof", proof::ended),
    ("share", traffic::ended),
    ("rest", rest::once),
    ("work", work::bounded),
];

/// All that oracles know.
#[derive(Debug)]
pub(super) struct Scene {
    truth: Truth,
    traffic: Traffic,
    book: Book,
    done: work::Done,
    fleet: FleetId,
    min_ready: Duration,
    /// How long a call that is sent may be under way.
    under_way: Duration,
    /// How long an operation may hang, by what was done until now.
    hangs: Duration,
    heals: Heals,
    unguarded: bool,
    /// Whether views may be old.
    stale: bool,
    /// When health was lied about.
    lies: Vec<(Timestamp, Timestamp)>,
    /// When which artifact was revoked.
    revoked: BTreeMap<Digest, Timestamp>,
    /// What was noted last and a person is to be asked about.
    unasked: Option<String>,
    breach: Option<Breach>,
}

impl Scene {
    pub(super) fn new(fleet: FleetId, min_ready: Duration, under_way: Duration, heals: Heals, stale: bool) -> Self {
        let (truth, traffic, book, done) = Default::default();
        Self {
            truth,
            traffic,
            book,
            done,
            fleet,
            min_ready,
            under_way,
            hangs: Duration::ZERO,
            heals,
            unguarded: false,
            stale,
            lies: Vec::new(),
            revoked: BTreeMap::new(),
            unasked: None,
            breach: None,
        }
    }

    /// The first promise that was broken, if one was.
    pub(super) fn breach(&self) -> Option<&Breach> {
        self.breach.as_ref()
    }

    /// Something happened in the world.
    pub(super) fn happened(&mut self, effect: &Effect) {
        if effect.fleet != self.fleet {
            if matches!(effect.by, Cause::Call(_)) {
                self.broken("ours", effect.at, format!("another fleet was touched: {effect}"));
            }
            return;
        }
        let group = match &effect.what {
            What::Routed(..) | What::InForce(..) => return self.rerouted(effect),
            What::Draining(_, key) => self.truth.machines.get(key).map(|machine| machine.group),
            _ => effect.group,
        };
        let Some(group) = group else { return };
        let change = self.truth.follow(effect, group);
        let generation = group.generation;
        if effect.what == What::Deleted && !self.truth.groups.keys().any(|group| group.generation == generation) {
            self.traffic.gone(generation, effect.at);
        }
        if let Cause::Call(op) = effect.by {
            once::count(&mut self.book, op, &change);
        }
        let wanted = self.book.chapter.as_ref().and_then(|chapter| chapter.moves_to()) == Some(group.generation);
        // An operation that hangs, or a call that was judged again, and stands, takes who has come round since.
        let decided =
            if let Cause::Call(op) = effect.by { self.book.ops.get(&op).map(|journaled| journaled.first) } else { None };
        let from = decided.unwrap_or(effect.at).min(effect.at - MAX_VIEW_AGE);
        let lied = self.lied_within(from, effect.at);
        self.done.happened(&change, wanted, from.min(effect.at - MAX_VIEW_AGE - self.under_way), lied);
        probe::exercise(&self.truth, &mut self.book, &change, self.min_ready);
        for (rule, oracle) in OF_EFFECTS {
            if let Err(why) = oracle(self, &change) {
                return self.broken(rule, effect.at, format!("{why}: {effect}"));
            }
        }
    }

    fn rerouted(&mut self, effect: &Effect) {
        let route = self.traffic.follow(effect);
        if let What::Routed(..) = effect.what {
            self.done.rerouted(effect.by);
        }
        for (rule, oracle) in OF_ROUTES {
            if let Err(why) = oracle(self, &route) {
                return self.broken(rule, effect.at, format!("{why}: {effect}"));
            }
        }
    }

    /// A record was written, when this was known.
    pub(super) fn written(&mut self, state: &FleetState, recorded: &Recorded) {
        if let Err(why) = drift::asked(self.unasked.take(), recorded) {
            return self.broken("drift", recorded.at, why);
        }
        self.unasked = drift::to_ask(state, recorded);
        for (rule, oracle) in OF_RECORDS {
            if let Err(why) = oracle(self, recorded) {
                return self.broken(rule, recorded.at, why);
            }
        }
        let there = self.truth.machines.values().filter(|machine| machine.member()).count();
        self.done.written(recorded, u32::try_from(there).unwrap_or(u32::MAX));
        if let Event::Noted(noted) = &recorded.event {
            self.truth.heard(noted.healthy.values().flatten(), recorded.at);
        }
        self.book.follow(recorded, self.truth.ready());
    }

    /// The controller has seen this, having asked then.
    pub(super) fn seen(&mut self, observed: &Observation, asked: Timestamp) {
        if let Err(why) = rest::in_time(self, asked) {
            self.broken("deadline", asked, why);
        }
        let shown = |group: &_| observed.groups.iter().any(|seen| seen.group == *group);
        self.book.sights.retain(|group, _| shown(group));
        for seen in &observed.groups {
            let sight = self.book.sights.entry(seen.group).or_default();
            let as_of = Some(asked - seen.age);
            let says = |instance: &Instance, verdict| instance.health.iter().any(|health| health.verdict == verdict);
            for instance in seen.instances.iter() {
                if says(instance, Health::Healthy) {
                    self.truth.shown(&instance.key, asked - seen.age);
                }
                if says(instance, Health::Unhealthy) {
                    self.truth.shown_ill(&instance.key, asked - seen.age);
                }
            }
            sight.any = sight.any.max(as_of);
            if seen.coverage == Coverage::Whole {
                sight.whole = sight.whole.max(as_of);
            }
        }
    }

    /// Whether somebody has asked for something that nobody has heard yet.
    pub(super) fn is_answered(&self) -> bool {
        self.book.commands.keys().any(|id| !self.book.heard.contains(id))
    }

    /// Somebody has put this into the inbox.
    pub(super) fn asked_for(&mut self, command: Command) {
        self.book.commands.insert(command.id, command);
    }

    /// The controller has seen the pool, having asked then.
    pub(super) fn seen_pool(&mut self, seen: &TrafficSeen, asked: Timestamp) {
        self.book.pool = self.book.pool.max(Some(asked - seen.age));
        self.traffic.shown(seen, asked - seen.age);
    }

    /// Health is lied about from now on, for so long.
    pub(super) fn lied(&mut self, now: Timestamp, seconds: Duration) {
        self.lies.push((now, now + seconds));
    }

    /// Operations may hang from now on, each for so long.
    pub(super) fn hung(&mut self, lasting: Duration) {
        self.hangs = self.hangs.max(lasting);
    }

    pub(super) fn revoked(&mut self, artifact: Digest, now: Timestamp) {
        self.revoked.entry(artifact).or_insert(now);
    }

    /// The release that is proven, by the journal.
    pub(super) fn proven(&self) -> Option<Release> {
        self.book.proven
    }

    pub(super) fn broken(&mut self, rule: &'static str, at: Timestamp, why: String) {
        self.breach.get_or_insert(Breach { rule, at, why });
    }

    /// Whether one could be known to be ready, and to stay, by what a call rests on: of whose health nothing was heard yet, nothing is known, who was
    /// shown ill last is not, truly so or not, and whom a call names to leave may be gone any moment.
    fn known_ready(&self, journaled: &Journaled, key: &InstanceKey, machine: &Machine) -> bool {
        machine.ready_since(journaled.fresh - self.min_ready, journaled.fresh) && !self.book.told.contains_key(key)
    }

    /// Whether there was a lie that a call may rest on: who looked before it may have been answered by it.
    fn lied_to(&self, journaled: &Journaled) -> bool {
        self.lied_within(journaled.fresh, journaled.decided)
    }

    /// How much later than what it was decided on a call may be done.
    fn latest(&self) -> Duration {
        MAX_VIEW_AGE + self.under_way + self.hangs + once::SENDING
    }

    /// Whether there was a lie that what was seen in this time may rest on.
    fn lied_within(&self, from: Timestamp, to: Timestamp) -> bool {
        self.lies.iter().any(|(began, ended)| *began <= to && *ended + MAX_VIEW_AGE >= from)
    }
}

/// What is asked about a run.
impl Scene {
    /// Resizes are done whatever the size is by then.
    pub(super) fn unguarded(mut self, unguarded: bool) -> Self {
        self.unguarded = unguarded;
        self
    }

    /// With the pool of this cloud.
    pub(super) fn behind(mut self, cloud: &Cloud) -> Self {
        let (divides, settle) = cloud.pool.map(|pool| (pool.divides, pool.settle)).unzip();
        self.traffic =
            Traffic::behind(divides, Duration::from_secs(cloud.drain), Duration::from_secs(settle.unwrap_or_default()));
        self
    }

    /// Whether a rollout runs.
    pub(super) fn runs(&self) -> bool {
        self.book.chapter.is_some()
    }

    pub(super) fn opened(&self) -> usize {
        self.book.opened
    }

    pub(super) fn last(&self) -> Option<&Outcome> {
        self.book.last.as_ref()
    }

    pub(super) fn is_revoked(&self, artifact: Digest) -> bool {
        self.revoked.contains_key(&artifact)
    }

    /// Whether every group of a generation is on its way out.
    pub(super) fn is_deleting(&self, generation: GenerationId) -> bool {
        let groups = self.truth.groups.iter().filter(|(group, _)| group.generation == generation);
        groups.fold(true, |all, (_, group)| all && group.deleting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Place;
    use crate::fleet::{GroupId, Life};
    use crate::id::OpId;

    /// What nobody in our own cloud does is judged all the same: a fake of another may.
    #[test]
    fn a_machine_that_is_changed_is_noticed_whoever_changes_it() {
        let key = InstanceKey::named("web-0001-0-000000").incarnation("1");
        let (call, provider) = (Cause::Call(OpId(1)), Cause::Provider);
        for (by, what, rule) in [
            (call, What::Lives(key.clone(), Life::Running), "replace"),
            (call, What::Judged(key.clone(), Health::Healthy), "replace"),
            (provider, What::Launched(key.clone()), "replace"),
            (provider, What::Runs(key.clone(), "img-2".into()), "same"),
        ] {
            let fleet = FleetId::new(Place::memory(), "web");
            let mut scene = Scene::new(fleet.clone(), Duration::ZERO, Duration::ZERO, Heals::Never, false);
            let group = Some(GroupId { generation: GenerationId(1), cell: 0 });
            let effect = |by, what| Effect { at: Timestamp::default(), by, fleet: fleet.clone(), group, what };
            scene.happened(&effect(provider, What::Launched(key.clone())));
            assert_eq!(scene.breach(), None);
            scene.happened(&effect(by, what));
            assert_eq!(scene.breach().map(|breach| breach.rule), Some(rule));
        }
    }
}
