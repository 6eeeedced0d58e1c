//! Rule 3 by shares: who gets requests has as many to serve them as its share says, and who serves finishes what it has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::truth::{Change, Machine, Truth};
use super::{Scene, Verdict};
use crate::fleet::{Coverage, GenerationId, Life, TrafficSeen};
use crate::id::InstanceKey;
use crate::memory::{Cause, Effect, What};
use crate::rollout::{Call, Event, MAX_VIEW_AGE, Outcome, Recorded};
use crate::simulation::script::Divides;
use crate::time::Timestamp;

type Weights = BTreeMap<GenerationId, u16>;

/// The pool as it is.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// How it divides requests, if there is one.
    pub(super) divides: Option<Divides>,
    /// How long a target needs to finish what it has.
    drain: Duration,
    /// How long what is set may not be in force.
    settle: Duration,
    /// What is set, and what is in force.
    pub(super) set: Weights,
    pub(super) in_force: Weights,
    /// What is set, as far as anybody can know, and by when it would be in force if nobody had set it again.
    known: Weights,
    due: Timestamp,
    /// When a generation was given requests, and when it was sent the last, if it gets none any more.
    given: BTreeMap<GenerationId, Timestamp>,
    left: BTreeMap<GenerationId, Timestamp>,
    /// When a generation was taken out of the pool, which has it drained from then on.
    detached: BTreeMap<GenerationId, Timestamp>,
    /// When a generation was last given a larger part than before.
    grown: BTreeMap<GenerationId, Timestamp>,
    /// When others set weights.
    foreign: Vec<Timestamp>,
    /// When a generation that got requests of its own was last gone: others have deleted it, since we may not, but where there is nobody else.
    deleted: Option<Timestamp>,
}

/// What a route changed.
pub(super) struct Rerouted<'a> {
    pub(super) effect: &'a Effect,
    /// What was set before.
    was: Weights,
}

impl Rerouted<'_> {
    pub(super) fn was(&self) -> &Weights {
        &self.was
    }
}

fn all(weights: &Weights) -> u64 {
    weights.values().map(|weight| u64::from(*weight)).sum()
}

fn weight(weights: &Weights, of: GenerationId) -> u64 {
    weights.get(&of).map_or(0, |weight| u64::from(*weight))
}

impl Traffic {
    pub(super) fn behind(divides: Option<Divides>, drain: Duration, settle: Duration) -> Self {
        Self { divides, drain, settle, ..Self::default() }
    }

    /// Takes in what is seen of it: what others have set is known from then on. A view that is older than what is known tells nothing.
    pub(super) fn shown(&mut self, seen: &TrafficSeen, as_of: Timestamp) {
        let newer = seen.coverage == Coverage::Whole && as_of + self.settle >= self.due;
        if newer && seen.weights != self.known {
            self.learn(seen.weights.clone(), as_of);
        }
    }

    fn learn(&mut self, weights: Weights, at: Timestamp) {
        (self.known, self.due) = (weights, at + self.settle);
    }

    /// Takes in what happened to the pool.
    pub(super) fn follow<'a>(&mut self, effect: &'a Effect) -> Rerouted<'a> {
        let was = self.set.clone();
        match &effect.what {
            What::Routed(_, weights) => {
                let detached = self.set.keys().filter(|id| !weights.contains_key(id)).map(|id| (*id, effect.at));
                self.detached.extend(detached);
                // Who is attached again, and gets nothing, has nothing.
                self.detached.retain(|id, _| weight(weights, *id) == 0);
                let more = |id: &GenerationId| weight(weights, *id) * all(&was) > weight(&was, *id) * all(weights);
                self.grown.extend(weights.keys().filter(|id| more(id)).map(|id| (*id, effect.at)));
                self.set.clone_from(weights);
                match effect.by {
                    Cause::Script => self.foreign.push(effect.at),
                    _ => self.learn(weights.clone(), effect.at),
                }
            }
            What::InForce(_, weights) => self.in_force.clone_from(weights),
            _ => {}
        }
        let gets: BTreeSet<_> = self.maps().flatten().filter(|(_, weight)| **weight > 0).map(|(id, _)| *id).collect();
        for id in self.given.keys().copied().filter(|id| !gets.contains(id)).collect::<Vec<_>>() {
            self.given.remove(&id);
            self.left.insert(id, effect.at);
        }
        for id in gets {
            self.left.remove(&id);
            self.given.entry(id).or_insert(effect.at);
        }
        Rerouted { effect, was }
    }

    /// Whether each generation has requests of its own.
    pub(super) fn is_divided(&self) -> bool {
        matches!(self.divides, Some(Divides::Binary | Divides::Weighted(_))) && self.maps().next().is_some()
    }

    fn is_pooled(&self) -> bool {
        self.divides == Some(Divides::Pooled)
    }

    /// Of a generation that is gone nothing is left in the pool: what it got the others get.
    pub(super) fn gone(&mut self, generation: GenerationId, at: Timestamp) {
        if self.is_divided() && self.maps().any(|map| weight(map, generation) > 0) {
            self.deleted = Some(at);
        }
        self.set.remove(&generation);
        self.in_force.remove(&generation);
        self.known.remove(&generation);
        self.given.remove(&generation);
        self.left.remove(&generation);
        self.detached.remove(&generation);
        self.grown.remove(&generation);
    }

    /// Whether a generation was given a larger part after that.
    pub(super) fn grown_since(&self, generation: GenerationId, then: Timestamp) -> bool {
        self.grown.get(&generation).is_some_and(|at| *at > then)
    }

    /// How often others have set weights since then.
    pub(super) fn foreign_since(&self, then: Timestamp) -> u32 {
        u32::try_from(self.foreign.iter().filter(|at| **at >= then).count()).unwrap_or(u32::MAX)
    }

    /// Whether others have changed since then who gets which share: they have set it, or deleted who had some.
    pub(super) fn divided_anew_since(&self, then: Timestamp) -> bool {
        self.foreign_since(then) > 0 || self.deleted >= Some(then)
    }

    /// The weights by which a request may be sent now; none if there is no pool, or nobody gets any.
    pub(super) fn maps(&self) -> impl Iterator<Item = &Weights> {
        [&self.set, &self.in_force].into_iter().filter(|weights| all(weights) > 0)
    }

    /// Those of them that whoever decided then could know of: where others have set something else and set it back before anybody looked, no weights show
    /// that what was in force before is so for longer.
    pub(super) fn maps_by(&self, decided: Timestamp) -> impl Iterator<Item = &Weights> {
        let settled = decided >= self.due && self.set == self.known;
        self.maps().take(if settled { 1 } else { 2 })
    }

    /// How many are ready for what a generation gets by these weights, and how many must be; `None` if it gets nothing.
    pub(super) fn carried(&self, truth: &Truth, weights: &Weights, of: GenerationId, floor: u32) -> Option<(u32, u32)> {
        let share = weight(weights, of);
        if share == 0 || floor == 0 {
            return None;
        }
        let (part, whole) = match self.divides {
            // Whoever is attached serves with the others.
            Some(Divides::Pooled) | None => {
                let ready = weights.iter().filter(|(_, weight)| **weight > 0).map(|(id, _)| truth.ready_of(*id)).sum();
                return Some((ready, floor));
            }
            Some(Divides::Binary) => (share, all(weights)),
            Some(Divides::Weighted(parts)) => {
                let parts = u64::from(parts);
                ((share * parts).saturating_sub(all(weights)), all(weights) * parts)
            }
        };
        let needed = u32::try_from((part * u64::from(floor)).div_ceil(whole)).unwrap_or(u32::MAX);
        Some((truth.ready_of(of), needed.max(1)))
    }
}

/// A route that is set gives nobody more than there are ready to serve it; where nobody has enough, no more than its part of those who are.
pub(super) fn shares(scene: &Scene, route: &Rerouted<'_>) -> Verdict {
    let Cause::Call(op) = route.effect.by else { return Ok(()) };
    let Some(journaled) = scene.book.ops.get(&op) else { return Ok(()) };
    let (traffic, truth) = (&scene.traffic, &scene.truth);
    let (new, was) = (&traffic.set, &route.was);
    // Of the others those count who could be known to be ready.
    let known = |(key, machine): &(&InstanceKey, &Machine)| scene.known_ready(journaled, key, machine);
    let serve = |of: GenerationId| truth.of(of).filter(known).count() as u64;
    let chapter = scene.book.chapter.as_ref();
    let (proven, wanted) = (chapter.and_then(|chapter| chapter.baseline), chapter.map(|chapter| chapter.wanted));
    for id in new.keys() {
        let Some((ready, needed)) = traffic.carried(truth, new, *id, journaled.floor) else { continue };
        let lost = truth.lost_of(*id, journaled.fresh);
        let less = weight(new, *id) * all(was).max(1) <= weight(was, *id) * all(new);
        let part = match traffic.divides {
            // One part, as near as weights can come to it.
            Some(Divides::Weighted(parts)) => (weight(new, *id) * u64::from(parts)).saturating_sub(all(new)),
            _ => weight(new, *id),
        };
        let whole = if let Some(Divides::Weighted(parts)) = traffic.divides { all(new) * u64::from(parts) } else { all(new) };
        // Whoever joins a pool takes nothing from those who are in it.
        let joins = traffic.is_pooled() && was.keys().map(|id| truth.ready_of(*id)).sum::<u32>() <= ready;
        let counts = |other: GenerationId| match (proven, traffic.divides) {
            (Some(_), _) => scene.book.release(other) == proven,
            // Where nothing is proven any that was there before is as good, and what is wanted is on trial. One of those has it all: the one that has most.
            (None, Some(Divides::Binary)) if Some(*id) != wanted => {
                Some(other) != wanted && serve(other) > u64::from(ready + lost)
            }
            (None, _) => true,
        };
        let others: u64 = new
            .keys()
            .chain(was.keys())
            .collect::<BTreeSet<_>>()
            .into_iter()
            // Who was given nothing, and cannot be gone back to, was not found good: whoever is left has it all.
            .filter(|other| *other != id && (weight(was, **other) > 0 || counts(**other)))
            .map(|id| serve(*id))
            .sum();
        let in_proportion = ready + lost > 0 && part * (others + u64::from(ready + lost)) <= u64::from(ready + lost) * whole;
        let lied = scene.lied_to(journaled);
        if ready.saturating_add(lost) < needed && !less && !joins && !in_proportion && !lied {
            return Err(format!("generation {id} gets {} of {}: {ready} ready, {needed} must be", weight(new, *id), all(new)));
        }
    }
    Ok(())
}

/// Rule 9: a route that is set was journaled, is not over, and rests on what was seen not long ago.
pub(super) fn journaled(scene: &Scene, route: &Rerouted<'_>) -> Verdict {
    let Cause::Call(op) = route.effect.by else { return Ok(()) };
    let Some(journaled) = scene.book.ops.get(&op) else { return Err("it was never journaled".to_owned()) };
    match &journaled.call {
        Call::Route(call) if *call.weights() == scene.traffic.set => {}
        _ => return Err("its call says otherwise".to_owned()),
    }
    if journaled.settled {
        return Err("its call was settled already".to_owned());
    }
    let late = route.effect.at.since(journaled.basis);
    if late > MAX_VIEW_AGE + scene.under_way + super::once::SENDING {
        return Err(format!("it was decided on what was seen {} s ago", late.as_secs()));
    }
    Ok(())
}

/// Whoever serves is not terminated before it has finished what it has, or has had the time to.
pub(super) fn drained(scene: &Scene, change: &Change<'_>) -> Verdict {
    let (What::Lives(key, _), Cause::Call(op), true) = (&change.effect.what, change.effect.by, change.left()) else {
        return Ok(());
    };
    let (traffic, now, generation) = (&scene.traffic, change.effect.at, change.group.generation);
    let Some(journaled) = scene.book.ops.get(&op).filter(|_| traffic.divides.is_some() && !traffic.drain.is_zero()) else {
        return Ok(());
    };
    let Some(was) = change.was.as_ref().filter(|was| was.life == Life::Running) else { return Ok(()) };
    // What the call rests on showed it healthy, and where it gets requests.
    let known = |since: Option<Timestamp>| since.is_some_and(|since| since < journaled.fresh.min(journaled.pool));
    if !known(was.healthy) || traffic.foreign_since(journaled.pool) > 0 {
        return Ok(());
    }
    let deadline = scene.book.chapter.as_ref().map(|chapter| chapter.plan.strategy().drain_deadline).unwrap_or_default();
    let done = |since: Timestamp| now >= since + traffic.drain.min(deadline);
    let told = scene.book.drains.get(key).is_some_and(|told| now >= *told + deadline);
    let out = traffic.detached.get(&generation).copied().is_some_and(done);
    let has = !out
        && match (traffic.given.get(&generation), traffic.left.get(&generation)) {
            (since @ Some(_), _) if known(since.copied()) => !was.draining.is_some_and(done),
            (None, Some(since)) if *since > was.running.unwrap_or(*since) => !done(*since) && !was.draining.is_some_and(done),
            _ => false,
        };
    let lied = scene.lied_to(journaled);
    if has && !told && !lied { Err(format!("{key} has requests still")) } else { Ok(()) }
}

/// Rule 9: whoever drains was named to.
pub(super) fn named(scene: &Scene, change: &Change<'_>) -> Verdict {
    let (What::Draining(_, key), Cause::Call(op)) = (&change.effect.what, change.effect.by) else { return Ok(()) };
    match scene.book.ops.get(&op).map(|journaled| &journaled.call) {
        Some(Call::Drain { leaving, .. }) if leaving.contains(key) => Ok(()),
        _ => Err("nobody named it".to_owned()),
    }
}

/// What gets requests is not removed.
pub(super) fn routed(scene: &Scene, change: &Change<'_>) -> Verdict {
    let (What::Deleting, true) = (&change.effect.what, change.ours()) else { return Ok(()) };
    let generation = change.group.generation;
    let op = if let Cause::Call(op) = change.effect.by { scene.book.ops.get(&op) } else { None };
    let (decided, basis) = op.map(|journaled| (journaled.decided, journaled.pool)).unwrap_or_default();
    let gets = scene.traffic.maps_by(decided).any(|map| weight(map, generation) > 0);
    let foreign = scene.traffic.foreign_since(basis);
    // A first release that failed goes with all it has: there is nobody else.
    let alone = scene.book.chapter.as_ref().is_none_or(|chapter| chapter.moves_to().is_none());
    if gets && foreign == 0 && !alone { Err("it gets requests still".to_owned()) } else { Ok(()) }
}

/// At the end all requests go to who stays, and nobody else is in the pool.
pub(super) fn ended(scene: &Scene, recorded: &Recorded) -> Verdict {
    let (Event::Ended { outcome }, Some(chapter)) = (&recorded.event, &scene.book.chapter) else { return Ok(()) };
    let (traffic, desired) = (&scene.traffic, chapter.desired);
    if traffic.divides.is_none() || traffic.foreign_since(recorded.at - MAX_VIEW_AGE) > 0 {
        return Ok(());
    }
    let stays = match outcome {
        Outcome::TornDown if traffic.set.contains_key(&chapter.wanted) => {
            return Err("what is torn down is in the pool still".to_owned());
        }
        Outcome::Succeeded | Outcome::RolledBack => chapter.moves_to(),
        _ => None,
    };
    let Some(stays) = stays else { return Ok(()) };
    for (what, map) in [("set", &traffic.set), ("in force", &traffic.in_force)] {
        if let Some(other) = map.keys().find(|id| **id != stays) {
            return Err(format!("generation {other} is left in the pool, {map:?} is {what}"));
        }
        if desired > 0 && all(map) == 0 {
            return Err(format!("nobody gets requests, {map:?} is {what}"));
        }
    }
    Ok(())
}
