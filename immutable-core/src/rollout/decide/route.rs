//! Who gets which share of the requests: as much as the step says, and never more than is ready to serve it.

use std::sync::Arc;

use super::divide::{carried, narrowed, parts_of, spread};
use super::proposal::{Aim, Proposal};
use super::traffic::{Mode, Traffic, Weights, needed, share};
use super::view::{View, count};
use super::zones;
use crate::fleet::{GenerationId, GroupId, Route};
use crate::rollout::event::Call;
use crate::rollout::phase::{Ending, Phase};
use crate::rollout::report::Blocker;

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let (Some(traffic), Some(aim)) = (&view.traffic, proposal.aim) else {
        return;
    };
    if view.state.route_owed().is_some() {
        return;
    }
    let Some(target) = target(view, traffic, &aim) else {
        return;
    };
    if target == *traffic.current() && traffic.seen.is_some() {
        if !traffic.is_settled(view) {
            proposal.wake_at(view, traffic.settles);
            proposal.wait(Blocker::Settling { until: traffic.settles });
        }
        return;
    }
    // One route after the other: what is not yet in force everywhere is not moved away from.
    let free = traffic.settles.max(traffic.state.quiet_until);
    if view.now < free {
        proposal.wake_at(view, free);
        return proposal.wait(match &traffic.state.refused {
            Some(why) if view.now >= traffic.settles => Blocker::Pool { why: why.clone(), until: free },
            _ => Blocker::Settling { until: free },
        });
    }
    let Some(seen) = traffic.seen.filter(|_| traffic.as_of >= traffic.state.quiet_until) else {
        return proposal.wait(Blocker::View { why: format!("of pool {}", traffic.state.id).into() });
    };
    if view.environment {
        return;
    }
    if let Ok(route) = Route::new(traffic.state.id.clone(), seen.tag.clone(), target) {
        proposal.call(view, Call::Route(Arc::new(route)));
    }
}

/// Why the pool does not take the route that is wanted, if that is so.
pub(super) fn refused(view: &View<'_>, aim: Option<Aim>) -> Option<Arc<str>> {
    let (traffic, aim) = view.traffic.as_ref().zip(aim)?;
    let why = traffic.state.refused.clone()?;
    target(view, traffic, &aim).is_some_and(|target| target != *traffic.current()).then_some(why)
}

/// Whether the wanted generation has the share that it is to have, in force everywhere; at the end also whether nobody else is attached.
pub(super) fn reached(view: &View<'_>, aim: &Aim, end: bool) -> bool {
    let (Some(traffic), Some(wanted)) = (&view.traffic, aim.wanted) else {
        return true;
    };
    let current = traffic.current();
    let (part, whole) = (u64::from(aim.share.0), u64::from(aim.share.1.max(1)));
    let (has, total) = share(current, wanted);
    let enough = match traffic.mode {
        // Nobody is to serve yet, or at all.
        _ if aim.goal == 0 && !end => true,
        Mode::Together => current.contains_key(&wanted),
        Mode::One { .. } => part < whole || has == total,
        Mode::Weights { .. } if part == whole => has == total,
        // Within one part of it.
        Mode::Weights { .. } => (has + 1) * whole >= part * total,
    };
    let alone = !end || current.keys().all(|id| *id == wanted);
    // More than its share is as little what the step says as less, and where nobody has any it is to have all.
    let meant = target(view, traffic, aim).is_none_or(|target| target == *current);
    enough && meant && alone && traffic.seen.is_some() && (traffic.is_settled(view) || traffic.state.weights.is_empty())
}

/// What the weights should be now; `None` if nothing is to be said of them.
pub(super) fn target(view: &View<'_>, traffic: &Traffic<'_>, aim: &Aim) -> Option<Weights> {
    let choice = Choice::of(view, traffic, aim)?;
    let weights = match traffic.mode {
        Mode::Together => Some(choice.together()),
        Mode::One { attached } => choice.one(attached),
        Mode::Weights { parts, generations } => choice.weighted(parts, generations),
    };
    weights.filter(|weights| zones::carries(view, aim, traffic.current(), weights))
}

/// Between whom it is to be divided.
struct Choice<'a> {
    view: &'a View<'a>,
    traffic: &'a Traffic<'a>,
    aim: &'a Aim,
    wanted: GenerationId,
    /// The others that are there, or are promised.
    others: Vec<GenerationId>,
    /// Whether every group was seen wholly: who was not seen then is not there.
    whole: bool,
    /// Whether the fleet is to be empty, and nobody but the wanted generation could serve: the pool is left to whom it would be.
    nobody: bool,
    /// Whether the wanted generation is to have everything, and can carry it.
    all: bool,
    /// Whether whoever gets nothing is not attached any more.
    finishing: bool,
}

impl<'a> Choice<'a> {
    fn of(view: &'a View<'a>, traffic: &'a Traffic<'a>, aim: &'a Aim) -> Option<Self> {
        let wanted = aim.wanted.filter(|id| view.is_present(*id))?;
        let there = |id: GenerationId| id != wanted && view.is_present(id) && view.sum(id, |group| group.promised()) > 0;
        let phase = view.rollout().map(|rollout| &rollout.phase);
        let mut choice = Self {
            view,
            traffic,
            aim,
            wanted,
            others: view.state.generations.keys().copied().filter(|id| there(*id)).collect(),
            whole: view.groups.values().all(|group| group.whole),
            nobody: false,
            all: false,
            finishing: matches!(phase, Some(Phase::Finishing { ending, .. }) if *ending != Ending::Keep),
        };
        let leaves = view.state.generation_busy(wanted);
        choice.nobody = aim.goal == 0 && !leaves && choice.whole && choice.others.iter().all(|id| choice.may_serve(*id) == 0);
        let ready = choice.ready(wanted);
        let full = choice.nobody || (ready > 0 && ready >= aim.floor.min(aim.goal));
        choice.all = full && aim.share.0 >= aim.share.1;
        Some(choice)
    }

    fn ready(&self, id: GenerationId) -> u32 {
        self.view.sum(id, |group| group.ready_count())
    }

    fn may_serve(&self, id: GenerationId) -> u32 {
        self.view.sum(id, |group| group.may_serve())
    }

    /// The weight that it has now, whoever gave it.
    fn has(&self, id: GenerationId) -> u32 {
        self.traffic.current().get(&id).map_or(0, |weight| u32::from(*weight))
    }

    /// How many of it may serve in zones whose turn has not come: they stay, and whoever is to go before them must be needed for no share.
    fn stay(&self, id: GenerationId) -> u32 {
        let closed = self.view.generation(id).filter(|(_, group)| !self.aim.is_open(group.zone));
        closed.fold(0, |sum, (_, group)| sum.saturating_add(group.may_serve()))
    }

    /// Whether an other may get requests: it has some, or it is of the release that can be gone back to. Whoever was given none was not found good.
    fn may_get(&self, id: GenerationId) -> bool {
        let release = self.view.state.generations.get(&id).map(|generation| generation.release());
        let baseline = self.view.rollout().and_then(|rollout| rollout.baseline.as_ref()).map(|proven| proven.spec.release);
        // Where nothing is proven any other is as good, once somebody gets requests.
        let anybody = self.traffic.current().values().any(|weight| *weight > 0);
        self.has(id) > 0 || if baseline.is_none() { anybody } else { release == baseline }
    }

    /// Everybody gets the same.
    fn together(&self) -> Weights {
        let others = self.others.iter().copied().filter(|id| self.may_get(*id));
        std::iter::once(self.wanted).chain(others).map(|id| (id, 1)).collect()
    }

    /// All to one: to the one that has it, until the wanted one can take it or the other has nobody left.
    fn one(&self, attached: bool) -> Option<Weights> {
        let current = self.traffic.current();
        let had: Weights = current
            .iter()
            .filter(|(id, weight)| **weight > 0 && self.view.is_present(**id))
            .map(|(id, weight)| (*id, *weight))
            .collect();
        if had.is_empty() && !self.all {
            return None;
        }
        let left = had.iter().filter(|(id, _)| !self.is_lost(**id)).map(|(id, weight)| (*id, *weight));
        let mut gets = match left.collect::<Weights>() {
            _ if self.all => Weights::from([(self.wanted, 1)]),
            // Where more than one has it, none has room for what the others carry.
            left => match self.instead_of(&left) {
                Some(other) => other,
                None if !left.is_empty() => left,
                None if self.ready(self.wanted) > 0 => Weights::from([(self.wanted, 1)]),
                None => had,
            },
        };
        let others = self.others.iter().copied().filter(|_| !self.finishing);
        for id in std::iter::once(self.wanted).chain(others).filter(|_| attached) {
            gets.entry(id).or_insert(0);
        }
        Some(gets)
    }

    /// Where somebody else has set it to those who cannot carry it: the one that was there before and can, or, if they have nobody left, that has anybody:
    /// what is wanted takes it all only when it is full, or nobody else can.
    fn instead_of(&self, holders: &Weights) -> Option<Weights> {
        let carry = if holders.is_empty() { 1 } else { self.aim.floor.min(self.aim.goal.max(self.aim.others)).max(1) };
        let serve = holders.keys().map(|id| self.may_serve(*id)).fold(0, u32::saturating_add);
        let full = self.others.iter().filter(|id| self.may_get(**id) && self.ready(**id) >= carry);
        full.max_by_key(|id| self.ready(**id)).filter(|_| serve < carry).map(|id| Weights::from([(*id, 1)]))
    }

    /// Whether a generation has nobody left, for certain.
    fn is_lost(&self, id: GenerationId) -> bool {
        self.whole && self.may_serve(id) == 0
    }

    /// To each the share that it can carry, and to the wanted one no more than the step says.
    fn weighted(&self, parts: u32, generations: usize) -> Option<Weights> {
        let (wanted, floor) = (self.wanted, self.aim.floor);
        // Who has a share keeps it for as long as it may serve: not to be seen is not to be gone.
        let holds = |id: GenerationId| match self.has(id) {
            0 if self.may_get(id) => self.ready(id),
            0 => 0,
            _ => self.may_serve(id),
        };
        let others: Vec<_> = self.others.iter().map(|id| (*id, holds(*id))).collect();
        let alone = others.iter().all(|(_, serve)| *serve == 0);
        if alone && !self.takes_all() {
            return None;
        }
        let share = if alone { parts } else { parts_of(parts, self.aim.share).min(self.could_carry(parts, floor, 0)) };
        // Beside those that get requests, those that may get some again are attached.
        let mut weights = spread(parts, parts - share, floor, others, |id| self.has(id), |id| self.stay(id));
        weights.retain(|_, weight| *weight > 0 || !self.finishing);
        weights.insert(wanted, share);
        let weights = narrowed(weights, wanted, generations).into_iter();
        let weights = weights.map(|(id, weight)| (id, u16::try_from(weight).unwrap_or(u16::MAX))).collect();
        let carries = zones::carries(self.view, self.aim, self.traffic.current(), &weights);
        // Who is to make room can be done without only by a smaller share.
        let lasts = !carries || zones::crowded(self.view, self.aim, |id| self.holds_theirs(id)).is_some();
        let lasting = lasts.then(|| self.lasting(parts, floor, share)).flatten().filter(|weights| self.allowed(weights));
        lasting.or_else(|| (carries && self.allowed(&weights)).then_some(weights))
    }

    /// The largest share that what is wanted could carry with so many fewer. What it has it keeps for as long as they may serve: not to be seen is not to be
    /// gone.
    fn could_carry(&self, parts: u32, floor: u32, fewer: u32) -> u32 {
        let by = |count: u32| carried(parts, count.saturating_sub(fewer), floor);
        let total = self.traffic.current().values().map(|weight| u32::from(*weight)).sum();
        let kept = parts_of(parts, (self.has(self.wanted), total)).min(by(self.may_serve(self.wanted)));
        by(self.ready(self.wanted)).max(kept)
    }

    /// Whether nobody can leave the zone of this group.
    fn holds_theirs(&self, id: &GroupId) -> bool {
        let zone = self.view.groups.get(id).and_then(|group| group.zone);
        zone.is_some_and(|zone| zones::ready_in(self.view, zone, |_| true) <= self.aim.zone_floor)
    }

    /// No more than this share, and a part at least for whoever has requests: as long as they do they are counted in their zones. What is wanted gets
    /// only what it could carry with one fewer, so that one may make room where a zone has too few. `None` if nobody else has any.
    fn lasting(&self, parts: u32, floor: u32, share: u32) -> Option<Weights> {
        let keep = |id: &&GenerationId| **id != self.wanted && self.has(**id) > 0 && !self.is_lost(**id);
        let others: Vec<_> = self.traffic.current().keys().filter(keep).map(|id| (*id, self.may_serve(*id))).collect();
        let each = count(others.len());
        let could = self.could_carry(parts, floor, 1).max(1);
        let share = share.min(could).min(parts.saturating_sub(each));
        let rest = parts.saturating_sub(share + each);
        let mut weights = spread(parts, rest, floor, others, |id| self.has(id), |id| self.stay(id));
        weights.values_mut().for_each(|weight| *weight += 1);
        weights.insert(self.wanted, share);
        let weights = weights.into_iter().map(|(id, weight)| (id, u16::try_from(weight).unwrap_or(u16::MAX)));
        (each > 0).then(|| weights.collect())
    }

    /// Whether the wanted generation takes what nobody else could have: what others had if they are gone for certain, and if nobody had any, when it is all there.
    fn takes_all(&self) -> bool {
        let theirs = self.traffic.current().iter().any(|(id, weight)| *id != self.wanted && *weight > 0);
        match theirs {
            true => self.whole && (self.nobody || self.ready(self.wanted) > 0),
            false => self.has(self.wanted) > 0 || self.all,
        }
    }

    /// Whether each generation could carry its share; one that cannot may keep what it has, or get no more than its part of those who may be ready:
    /// nobody loses what is theirs for not being seen.
    fn allowed(&self, weights: &Weights) -> bool {
        let may_serve = |id: GenerationId| u64::from(self.may_serve(id));
        let all: u64 = weights.keys().copied().map(may_serve).sum();
        weights.keys().copied().all(|id| {
            let ready = u64::from(self.ready(id));
            let (new, total) = share(weights, id);
            let (old, old_total) = share(self.traffic.current(), id);
            let less = new * old_total <= old * total;
            // All of the others may be ready, and of this one only those who are.
            let serve = ready + all - may_serve(id);
            let in_proportion = ready > 0 && new.saturating_sub(1) * serve <= ready * total;
            less || in_proportion || ready >= u64::from(needed(self.traffic.mode, weights, id, self.aim.floor))
        })
    }
}
