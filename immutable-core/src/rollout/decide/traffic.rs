//! Who gets which share of the requests: as much as the step says, and never more than is ready to serve it.
//!
//! Every generation must have `ready ≥ ⌈(share − one weight part) × floor⌉`, and one if it has a share at all, where its share is the largest that may be in force: set, asked for,
//! and not yet settled. From that follow: shift before retire, flip only when full, and a way back that is as fast as instances come.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::MAX_VIEW_AGE;
use super::proposal::{Aim, Proposal};
use super::view::View;
use crate::fleet::{Coverage, GenerationId, Route, Split, TargetState, TrafficCapabilities, TrafficSeen};
use crate::id::InstanceKey;
use crate::rollout::event::Call;
use crate::rollout::phase::{Ending, Phase};
use crate::rollout::report::Blocker;
use crate::rollout::state::{GenerationLife, PoolState};
use crate::time::Timestamp;

pub(super) type Weights = BTreeMap<GenerationId, u16>;

/// How a pool is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Everybody in it gets the same.
    Together,
    /// One generation gets all; the others are attached besides, or are not.
    One {
        /// Whether they are.
        attached: bool,
    },
    /// By weights.
    Weights {
        /// Which add up to this.
        parts: u32,
        /// Among so many at the most.
        generations: usize,
    },
}

/// The pool, as it is known and seen.
pub(super) struct Traffic<'a> {
    pub(super) mode: Mode,
    pub(super) state: &'a PoolState,
    pub(super) capabilities: &'a TrafficCapabilities,
    /// The pool as it is seen, wholly, after the last write to it.
    pub(super) seen: Option<&'a TrafficSeen>,
    /// When it was seen.
    pub(super) as_of: Timestamp,
    /// Each of these may be in force, for some requests.
    pub(super) maps: Vec<&'a Weights>,
    /// Until when the last route may not be in force everywhere.
    pub(super) settles: Timestamp,
}

impl<'a> Traffic<'a> {
    pub(super) fn of(view: &View<'a>) -> Option<Self> {
        let rollout = view.rollout()?;
        let (state, capabilities) = (view.state.pool.as_ref()?, view.seen.switch?);
        rollout.plan.fleet().traffic_pool()?;
        let mode = match capabilities.split {
            Split::Pooled if rollout.plan.strategy().shifts() => Mode::One { attached: false },
            Split::Pooled => Mode::Together,
            Split::Binary => Mode::One { attached: true },
            Split::Weighted { generations, parts } => {
                Mode::Weights { parts: u32::from(parts.max(1)), generations: usize::from(generations) }
            }
        };
        let settles = state.settled_at + capabilities.settle;
        let as_of = view.seen.pool.map_or_else(Timestamp::default, |seen| view.seen.as_of - seen.age);
        let recent = view.seen.pool.filter(|_| view.now.since(as_of) <= MAX_VIEW_AGE);
        let mut maps = vec![&state.weights];
        maps.extend(view.state.route_owed().map(Route::weights));
        // What others have set counts from when it is seen.
        maps.extend(recent.map(|seen| &seen.weights));
        if view.now < settles {
            maps.push(&state.before);
            // One was set before the other was in force.
            if state.settled_at < state.before_at + capabilities.settle {
                maps.push(&state.earlier);
            }
        }
        maps.retain(|map| map.values().any(|weight| *weight > 0));
        let whole = recent.filter(|seen| seen.coverage == Coverage::Whole && as_of >= state.settled_at);
        Some(Self { mode, state, capabilities, seen: whole, as_of, maps, settles })
    }

    /// The weights as they are, whoever set them.
    pub(super) fn current(&self) -> &'a Weights {
        self.seen.map_or(&self.state.weights, |seen| &seen.weights)
    }

    /// Weights that others have set, seen only now, may not be in force for as long as a route of ours.
    pub(super) fn settles_from(&mut self, now: Timestamp) {
        self.settles = self.settles.max(now + self.capabilities.settle);
    }

    /// Since when an instance of a generation that is attached is seen to get no more requests, if it is.
    pub(super) fn drains(&self, id: GenerationId, key: &InstanceKey) -> Option<Timestamp> {
        let targets = &self.seen.filter(|_| self.capabilities.drains && self.current().contains_key(&id))?.targets;
        let at = targets.binary_search_by(|target| target.key.cmp(key)).ok()?;
        let served = targets.get(at).is_some_and(|target| target.state != TargetState::Attached);
        served.then_some(self.as_of)
    }

    /// Whether it may be in force anywhere that a generation gets requests, or is attached.
    pub(super) fn may_send_to(&self, id: GenerationId) -> bool {
        self.current().contains_key(&id) || self.maps.iter().any(|map| map.get(&id).is_some_and(|weight| *weight > 0))
    }

    /// Whether all that may be in force is one.
    pub(super) fn is_settled(&self, view: &View<'_>) -> bool {
        view.now >= self.settles && view.state.route_owed().is_none()
    }
}

/// A generation's share of the requests, or that of all that share a pool.
pub(super) type Pot = Option<GenerationId>;

impl View<'_> {
    /// With whom a generation shares its requests, by a route that is proposed too: `None` with all that are together.
    pub(super) fn pot(&self, id: GenerationId, proposed: Option<&Weights>) -> Pot {
        let traffic = self.traffic.as_ref().filter(|traffic| !traffic.maps.is_empty())?;
        let attached = traffic.maps.iter().copied().chain(proposed).any(|map| map.contains_key(&id));
        (traffic.mode != Mode::Together || !attached).then_some(id)
    }

    /// How many are ready to serve the requests of a pot.
    pub(super) fn ready_in(&self, pot: Pot) -> u32 {
        match (pot, self.traffic.as_ref().filter(|traffic| !traffic.maps.is_empty())) {
            (Some(id), _) => self.sum(id, |group| group.ready_count()),
            (None, None) => self.ready,
            (None, Some(traffic)) => {
                // Who may not be in it yet does not count, nor who may be out of it already.
                self.sum_where(|id| traffic.maps.iter().all(|map| map.contains_key(&id)), |group| group.ready_count())
            }
        }
    }

    /// How many must be, if a route that is proposed counts too.
    pub(super) fn needed_in(&self, pot: Pot, floor: u32, proposed: Option<&Weights>) -> u32 {
        let (Some(id), Some(traffic)) = (pot, &self.traffic) else {
            return floor;
        };
        let maps = traffic.maps.iter().copied().chain(proposed);
        maps.map(|map| needed(traffic.mode, map, id, floor)).max().unwrap_or(0)
    }
}

/// How many of a generation must be ready for its share.
fn needed(mode: Mode, map: &Weights, id: GenerationId, floor: u32) -> u32 {
    let weight = map.get(&id).map_or(0, |weight| u64::from(*weight));
    let total: u64 = map.values().map(|weight| u64::from(*weight)).sum();
    if weight == 0 {
        return 0;
    }
    let (part, whole) = match mode {
        Mode::Weights { parts, .. } => ((weight * u64::from(parts)).saturating_sub(total), total * u64::from(parts)),
        Mode::Together | Mode::One { .. } => (weight, total),
    };
    let many = u32::try_from((u128::from(part) * u128::from(floor)).div_ceil(u128::from(whole.max(1)))).unwrap_or(u32::MAX);
    // Whoever gets any requests has somebody to serve them.
    many.max(floor.min(1))
}

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
        return proposal.wait(Blocker::Settling { until: free });
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

/// Whether the wanted generation has the share that it is to have, in force everywhere; at the end also whether nobody else is attached.
pub(super) fn reached(view: &View<'_>, aim: &Aim, end: bool) -> bool {
    let (Some(traffic), Some(wanted)) = (&view.traffic, aim.wanted) else {
        return true;
    };
    let current = traffic.current();
    let (part, whole) = (u64::from(aim.share.0), u64::from(aim.share.1.max(1)));
    let total: u64 = current.values().map(|weight| u64::from(*weight)).sum();
    let has = current.get(&wanted).map_or(0, |weight| u64::from(*weight));
    let enough = match traffic.mode {
        // Nobody is to serve yet, or at all.
        _ if aim.goal == 0 && !end => true,
        // Whoever is the first gets everything, and that not before the end.
        _ if total == 0 => part < whole || aim.goal == 0,
        Mode::Together => current.contains_key(&wanted),
        Mode::One { .. } => part < whole || has == total,
        Mode::Weights { .. } if part == whole => has == total,
        // Within one part of it.
        Mode::Weights { .. } => (has + 1) * whole >= part * total,
    };
    let alone = !end || current.keys().all(|id| *id == wanted);
    // More than its share is as little what the step says as less.
    let meant = target(view, traffic, aim).is_none_or(|target| target == *current);
    enough && meant && alone && traffic.seen.is_some() && (traffic.is_settled(view) || traffic.state.weights.is_empty())
}

/// What the weights should be now; `None` if nothing is to be said of them.
pub(super) fn target(view: &View<'_>, traffic: &Traffic<'_>, aim: &Aim) -> Option<Weights> {
    let wanted = aim.wanted?;
    let present = |id: &GenerationId| {
        let generation = view.state.generations.get(id);
        generation.is_some_and(|generation| generation.life == GenerationLife::Present) && !view.noted.absent.contains(id)
    };
    if !present(&wanted) {
        return None;
    }
    let finishing =
        matches!(view.rollout().map(|rollout| &rollout.phase), Some(Phase::Finishing { ending, .. }) if *ending != Ending::Keep);
    let ready = |id: GenerationId| view.sum(id, |group| group.ready_count());
    let there = |id: &GenerationId| view.sum(*id, |group| group.promised()) > 0;
    let others = || view.state.generations.keys().copied().filter(|id| *id != wanted && present(id) && there(id));
    let whole = view.groups.values().all(|group| group.whole);
    let all = aim.share.0 >= aim.share.1;
    // Of a fleet that is to be empty the pool is left to whom it would be.
    let may_serve = |id: GenerationId| view.sum(id, |group| group.may_serve());
    let nobody = aim.goal == 0 && whole && others().all(|id| may_serve(id) == 0);
    let full = nobody || (ready(wanted) > 0 && ready(wanted) >= aim.floor.min(aim.goal));
    let current = traffic.current();
    match traffic.mode {
        Mode::Together => Some(std::iter::once(wanted).chain(others()).map(|id| (id, 1)).collect()),
        Mode::One { attached } => {
            let holds = current.iter().find(|(id, weight)| **weight > 0 && present(id)).map(|(id, _)| *id);
            let gets = match holds {
                // Who has nobody left keeps nothing.
                Some(holds) if (all && full) || (whole && may_serve(holds) == 0 && ready(wanted) > 0) => wanted,
                Some(holds) => holds,
                None if all && full => wanted,
                None => return None,
            };
            let beside = std::iter::once(wanted).chain(others().filter(|_| !finishing)).filter(|_| attached);
            let mut weights: Weights = beside.map(|id| (id, 0)).collect();
            weights.insert(gets, 1);
            Some(weights)
        }
        Mode::Weights { parts, generations } => {
            // Who has a share keeps it for as long as it may serve: not to be seen is not to be gone.
            let has = |id: GenerationId| current.get(&id).map_or(0, |weight| u32::from(*weight));
            let holds = |id: GenerationId| if has(id) > 0 { may_serve(id) } else { ready(id) };
            let others: Vec<_> = others().map(|id| (id, holds(id))).collect();
            let alone = others.iter().all(|(_, serve)| *serve == 0);
            if alone {
                // Nobody else could have it: what others had it takes if they are gone for certain, and if nobody had any, when it is all there.
                let theirs = current.iter().any(|(id, weight)| *id != wanted && *weight > 0);
                let takes = if theirs { whole && (nobody || ready(wanted) > 0) } else { has(wanted) > 0 || (all && full) };
                if !takes {
                    return None;
                }
            }
            let total = current.values().map(|weight| u32::from(*weight)).sum();
            let kept = parts_of(parts, (has(wanted), total)).min(carried(parts, holds(wanted), aim.floor));
            let carried = carried(parts, ready(wanted), aim.floor).max(kept);
            let share = if alone { parts } else { parts_of(parts, aim.share).min(carried) };
            // Beside those that get requests, those that may get some again are attached.
            let mut weights = spread(parts, parts - share, aim.floor, others, has);
            weights.retain(|_, weight| *weight > 0 || !finishing);
            weights.insert(wanted, share);
            let weights = narrowed(weights, wanted, generations);
            let weights: Weights =
                weights.into_iter().map(|(id, weight)| (id, u16::try_from(weight).unwrap_or(u16::MAX))).collect();
            allowed(view, traffic, aim, &weights).then_some(weights)
        }
    }
}

/// As many as a switch can divide between: those with least are not named, and what they had goes to the one of the others that has most.
fn narrowed(mut weights: BTreeMap<GenerationId, u32>, wanted: GenerationId, most: usize) -> BTreeMap<GenerationId, u32> {
    let mut others: Vec<_> = weights.iter().filter(|(id, _)| **id != wanted).map(|(id, weight)| (*weight, *id)).collect();
    others.sort_unstable();
    let beyond = weights.len().saturating_sub(most.max(2));
    for (weight, id) in others.iter().take(beyond) {
        weights.remove(id);
        if let Some(largest) = others.last().and_then(|(_, id)| weights.get_mut(id)) {
            *largest += weight;
        }
    }
    weights
}

/// A share in weight parts, at least one if it is any.
fn parts_of(parts: u32, (part, whole): (u32, u32)) -> u32 {
    let rounded = (u64::from(parts) * u64::from(part) + u64::from(whole) / 2) / u64::from(whole.max(1));
    let least = u64::from(part > 0);
    u32::try_from(rounded.max(least)).unwrap_or(u32::MAX).min(parts)
}

/// The largest share that so many may carry: within one part of ready ÷ floor.
fn carried(parts: u32, ready: u32, floor: u32) -> u32 {
    match (ready, floor) {
        (0, _) => 0,
        (_, 0) => parts,
        _ => u32::try_from((u64::from(ready) * u64::from(parts)).div_ceil(u64::from(floor))).unwrap_or(u32::MAX).min(parts),
    }
}

/// Divides the rest of the parts among generations of which so many serve, none lost: those that have most keep it as far as they carry it, and whoever is not
/// needed for that gets nothing and may leave.
fn spread(
    parts: u32,
    rest: u32,
    floor: u32,
    mut among: Vec<(GenerationId, u32)>,
    has: impl Fn(GenerationId) -> u32,
) -> BTreeMap<GenerationId, u32> {
    among.sort_by_key(|(id, serve)| (std::cmp::Reverse((has(*id), *serve)), *id));
    let (mut rest, mut weights) = (rest, BTreeMap::new());
    for (id, serve) in &among {
        let weight = rest.min(carried(parts, *serve, floor));
        rest -= weight;
        weights.insert(*id, weight);
    }
    // More than they can carry is theirs by how many serve.
    let mut left: u64 = among.iter().map(|(_, serve)| u64::from(*serve)).sum();
    for (id, serve) in &among {
        let more = u32::try_from((u64::from(rest) * u64::from(*serve)).checked_div(left).unwrap_or(0)).unwrap_or(0);
        (rest, left) = (rest - more, left - u64::from(*serve));
        *weights.entry(*id).or_default() += more;
    }
    weights
}

/// Whether each generation could carry its share; one that cannot may keep what it has, or get no more than its part of those who may be ready:
/// nobody loses what is theirs for not being seen.
fn allowed(view: &View<'_>, traffic: &Traffic<'_>, aim: &Aim, weights: &Weights) -> bool {
    let ready = |id: GenerationId| u64::from(view.sum(id, |group| group.ready_count()));
    let may_serve = |id: &GenerationId| u64::from(view.sum(*id, |group| group.may_serve()));
    let all: u64 = weights.keys().map(may_serve).sum();
    let of = |map: &Weights, id: &GenerationId| {
        let total: u64 = map.values().map(|weight| u64::from(*weight)).sum();
        (map.get(id).map_or(0, |weight| u64::from(*weight)), total.max(1))
    };
    weights.keys().all(|id| {
        let (new, total) = of(weights, id);
        let (old, old_total) = of(traffic.current(), id);
        let less = new * old_total <= old * total;
        let serve = ready(*id) + all.saturating_sub(may_serve(id));
        let in_proportion = ready(*id) > 0 && new.saturating_sub(1) * serve <= ready(*id) * total;
        less || in_proportion || ready(*id) >= u64::from(needed(traffic.mode, weights, *id, aim.floor))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(of: &[(u32, u32)]) -> BTreeMap<GenerationId, u32> {
        of.iter().map(|(id, weight)| (GenerationId(*id), *weight)).collect()
    }

    #[test]
    fn a_share_needs_its_part_of_the_floor_less_one_part_and_somebody() {
        let weighted = Mode::Weights { parts: 1000, generations: 5 };
        for (mode, of, floor, most) in [
            (weighted, [0, 1000], 10, [0, 10]),
            (weighted, [1, 999], 10, [1, 10]),
            (weighted, [101, 899], 10, [1, 9]),
            (weighted, [102, 898], 10, [2, 9]),
            (weighted, [500, 500], 10, [5, 5]),
            (weighted, [502, 498], 10, [6, 5]),
            // Others divide by a hundred: a part of ours is a thousandth all the same.
            (weighted, [50, 50], 10, [5, 5]),
            (weighted, [51, 49], 10, [6, 5]),
            (weighted, [500, 500], 0, [0, 0]),
            (Mode::One { attached: true }, [0, 1], 10, [0, 10]),
            (Mode::One { attached: true }, [0, 0], 10, [0, 0]),
        ] {
            let map: Weights = (1..).map(GenerationId).zip(of).collect();
            let needs = [1, 2].map(|id| needed(mode, &map, GenerationId(id), floor));
            assert_eq!(needs, most, "{of:?} of {floor}");
        }
    }

    #[test]
    fn a_share_is_rounded_to_parts_and_is_at_least_one() {
        for (parts, share, rounded) in [
            (1000, (1, 3), 333),
            (1000, (2, 3), 667),
            (10, (1, 100), 1),
            (10, (0, 100), 0),
            (10, (25, 100), 3),
            (999, (1, 1), 999),
        ] {
            assert_eq!(parts_of(parts, share), rounded, "{share:?} of {parts}");
        }
    }

    #[test]
    fn who_is_ready_carries_its_part_of_the_floor() {
        for (ready, floor, carries) in
            [(0, 10, 0), (0, 0, 0), (1, 0, 100), (1, 10, 10), (1, 3, 34), (2, 3, 67), (3, 3, 100), (4, 3, 100)]
        {
            assert_eq!(carried(100, ready, floor), carries, "{ready} of {floor}");
        }
    }

    #[test]
    fn nothing_is_lost_where_it_is_divided() {
        let of = |among: &[(u32, u32)]| among.iter().map(|(id, ready)| (GenerationId(*id), *ready)).collect::<Vec<_>>();
        let divided = |rest, floor, among: &[(u32, u32)], has: &[(u32, u32)]| {
            let had = of(has);
            spread(100, rest, floor, of(among), |id| had.iter().find(|(one, _)| *one == id).map_or(0, |(_, weight)| *weight))
        };
        let none = &[];
        assert_eq!(
            divided(100, 3, &[(1, 1), (2, 1), (3, 1)], none),
            weights(&[(1, 34), (2, 34), (3, 32)]),
            "each as far as it carries it"
        );
        assert_eq!(
            divided(100, 1, &[(1, 1), (2, 1)], &[(2, 50)]),
            weights(&[(1, 0), (2, 100)]),
            "who has it keeps it, the other may leave"
        );
        assert_eq!(
            divided(100, 8, &[(1, 3), (2, 0), (3, 1)], none),
            weights(&[(1, 74), (2, 0), (3, 26)]),
            "too few, by how many serve"
        );
    }

    #[test]
    fn those_with_least_are_not_named_where_not_all_can_be() {
        let four = || weights(&[(1, 20), (2, 30), (3, 10), (4, 40)]);
        let narrow = |most| narrowed(four(), GenerationId(3), most);
        assert_eq!(narrow(4), four());
        assert_eq!(narrow(3), weights(&[(2, 30), (3, 10), (4, 60)]));
        assert_eq!(narrow(2), weights(&[(3, 10), (4, 90)]));
        assert_eq!(narrow(0), narrow(2), "to go from one to another takes two");
    }
}
