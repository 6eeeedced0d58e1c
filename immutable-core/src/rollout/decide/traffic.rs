//! Which shares of the requests may be in force, and who must be ready for them.
//!
//! Every generation must have `ready ≥ ⌈(share − one weight part) × floor⌉`, and one if it has a share at all, where its share is the largest that may be in force: set, asked for,
//! and not yet settled. From that follow: shift before retire, flip only when full, and a way back that is as fast as instances come.

use std::collections::BTreeMap;

use super::MAX_VIEW_AGE;
use super::view::View;
use crate::fleet::{Coverage, Drains, GenerationId, Route, Split, TargetState, TrafficCapabilities, TrafficSeen, Verdict};
use crate::id::InstanceKey;
use crate::rollout::pool::PoolState;
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
    /// Whether anybody in it gets no more requests.
    drains: bool,
    /// When it was seen.
    pub(super) as_of: Timestamp,
    /// Each of these may be in force, for some requests.
    pub(super) maps: Vec<&'a Weights>,
    /// Until when the last route may not be in force everywhere.
    pub(super) settles: Timestamp,
    /// The pool as it was seen, if only in part or before the last write to it, and not too long ago.
    recent: Option<&'a TrafficSeen>,
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
        let others = recent.is_some_and(|seen| seen.weights != state.weights);
        if others || view.now < settles {
            // Others may have set theirs before ours was in force.
            maps.push(&state.before);
            // One was set before the other was in force.
            if others || state.settled_at < state.before_at + capabilities.settle {
                maps.push(&state.earlier);
            }
        }
        maps.retain(|map| map.values().any(|weight| *weight > 0));
        let whole = recent.filter(|seen| seen.coverage == Coverage::Whole && as_of >= state.settled_at);
        let drained = |seen: &TrafficSeen| seen.targets.iter().any(|target| target.state != TargetState::Attached);
        let drains = capabilities.drains == Drains::Named && whole.is_some_and(drained);
        Some(Self { mode, state, capabilities, seen: whole, drains, as_of, maps, settles, recent })
    }

    /// What the pool's own check says of an instance.
    pub(super) fn says(&self, key: &InstanceKey) -> Verdict {
        self.recent.and_then(|seen| seen.health(key)).unwrap_or(Verdict::Unknown)
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
        let seen = self.seen.filter(|_| self.drains && self.current().contains_key(&id))?;
        (seen.target(key)? != TargetState::Attached).then_some(self.as_of)
    }

    /// Whether it may be in force anywhere that a generation gets requests, or is attached: of a pool that is not seen anything may be.
    pub(super) fn may_send_to(&self, id: GenerationId) -> bool {
        self.seen.is_none_or(|seen| seen.weights.contains_key(&id))
            || self.maps.iter().any(|map| map.get(&id).is_some_and(|weight| *weight > 0))
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

/// The weight of a generation, and that of all.
pub(super) fn share(map: &Weights, id: GenerationId) -> (u64, u64) {
    let weight = map.get(&id).map_or(0, |weight| u64::from(*weight));
    (weight, map.values().map(|weight| u64::from(*weight)).sum())
}

/// How many of a generation must be ready for its share.
pub(super) fn needed(mode: Mode, map: &Weights, id: GenerationId, floor: u32) -> u32 {
    let (weight, total) = share(map, id);
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
