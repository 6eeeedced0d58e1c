//! The fleet's zones: how many serve in each, how many must, and how many one may lose before its turn has come.

use std::collections::BTreeMap;

use super::proposal::{Aim, Proposal};
use super::traffic::Weights;
use super::view::{GroupView, View, count};
use crate::fleet::{GenerationId, GroupId};
use crate::rollout::phase::{Phase, StepState};
use crate::rollout::strategy::part_of_first;

/// The floors of the zones: of each one, for every route that may be in force.
#[derive(Default)]
pub(super) struct Floors {
    /// How many must be ready in a zone.
    needed: u32,
    serve: Vec<Serve>,
}

/// Who serves in a zone by one route.
struct Serve {
    zone: u16,
    /// Those who get requests by it; `None` if there is none, and everybody counts.
    by: Option<Vec<GenerationId>>,
    ready: u32,
}

impl Serve {
    fn counts(&self, id: GenerationId) -> bool {
        self.by.as_ref().is_none_or(|by| by.contains(&id))
    }
}

impl Floors {
    /// By a route that is proposed too. A zone in which what is wanted has no group, and gets none, has no floor: nobody could ever make up for those
    /// who leave it.
    pub(super) fn of(view: &View<'_>, aim: &Aim, proposed: Option<&Weights>) -> Self {
        let needed = aim.zone_floor;
        let Some(wanted) = aim.wanted.filter(|_| needed > 0) else { return Self::default() };
        // One that somebody has deleted is made again.
        let again = view.mends(wanted).is_some();
        let mut zones: Vec<u16> =
            view.generation(wanted).filter(|(_, group)| !group.absent || again).filter_map(|(_, group)| group.zone).collect();
        zones.sort_unstable();
        zones.dedup();
        let maps = view.traffic.iter().flat_map(|traffic| &traffic.maps).copied();
        let gets = |map: &Weights| map.iter().filter(|(_, weight)| **weight > 0).map(|(id, _)| *id).collect();
        let mut routes: Vec<Option<Vec<GenerationId>>> = maps.map(|map| Some(gets(map))).collect();
        match (routes.is_empty(), proposed) {
            // Nobody gets requests by a route yet: whoever is there is meant to.
            (true, _) => routes.push(None),
            (false, proposed) => routes.extend(proposed.map(|map| Some(gets(map)))),
        }
        let serve = routes.iter().flat_map(|by| {
            zones.iter().map(|zone| {
                let mut serve = Serve { zone: *zone, by: by.clone(), ready: 0 };
                serve.ready = ready_in(view, *zone, |id| serve.counts(id));
                serve
            })
        });
        Self { needed, serve: serve.collect() }
    }

    fn around(&self, zone: Option<u16>, id: GenerationId) -> impl Iterator<Item = &Serve> {
        self.serve.iter().filter(move |serve| Some(serve.zone) == zone && serve.counts(id))
    }

    /// Whether too few serve in a zone beside this generation.
    pub(super) fn is_broken(&self, zone: Option<u16>, id: GenerationId) -> bool {
        self.missing(zone, id) > 0
    }

    /// How many more must serve in a zone beside a generation than are ready there.
    pub(super) fn missing(&self, zone: Option<u16>, id: GenerationId) -> u32 {
        self.around(zone, id).map(|serve| self.needed.saturating_sub(serve.ready)).max().unwrap_or(0)
    }

    /// How many of a generation that are ready a zone can do without.
    pub(super) fn spare(&self, zone: Option<u16>, id: GenerationId) -> u32 {
        self.around(zone, id).map(|serve| serve.ready.saturating_sub(self.needed)).min().unwrap_or(u32::MAX)
    }

    /// One who was ready is named.
    pub(super) fn leaves(&mut self, zone: Option<u16>, id: GenerationId) {
        let gone = self.serve.iter_mut().filter(|serve| Some(serve.zone) == zone && serve.counts(id));
        gone.for_each(|serve| serve.ready = serve.ready.saturating_sub(1));
    }
}

pub(super) fn ready_in(view: &View<'_>, zone: u16, of: impl Fn(GenerationId) -> bool) -> u32 {
    let there = view.groups.iter().filter(|(id, group)| group.zone == Some(zone) && of(id.generation));
    there.fold(0, |sum, (_, group)| sum.saturating_add(group.ready_count()))
}

/// Whether a route leaves each zone enough of those who are ready; who had requests and gets none may do without only then. A zone that has too
/// few loses nobody who may serve.
pub(super) fn carries(view: &View<'_>, aim: &Aim, current: &Weights, weights: &Weights) -> bool {
    let gets = |map: &Weights, id: GenerationId| map.get(&id).is_some_and(|weight| *weight > 0);
    let floors = Floors::of(view, aim, None);
    let mut zones: Vec<u16> = floors.serve.iter().map(|serve| serve.zone).collect();
    zones.dedup();
    zones.into_iter().all(|zone| {
        let may_serve = |of: &dyn Fn(GenerationId) -> bool| {
            let there = view.groups.iter().filter(|(id, group)| group.zone == Some(zone) && of(id.generation));
            there.fold(0_u32, |sum, (_, group)| sum.saturating_add(group.may_serve()))
        };
        let loses = may_serve(&|id| gets(current, id) && !gets(weights, id));
        let needed = floors.needed.min(may_serve(&|id| gets(current, id)));
        loses == 0 || ready_in(view, zone, |id| gets(weights, id)) >= needed
    })
}

/// Of each zone whose turn has not come, how many it has beyond its part: so many of the others may leave it before.
pub(super) fn beyond_their_part(view: &View<'_>, aim: &Aim) -> BTreeMap<u16, u32> {
    let closed = (0..view.zones()).filter(|zone| !aim.is_open(Some(*zone)));
    let beyond = closed.map(|zone| {
        let there = view.groups.values().filter(|group| group.zone == Some(zone));
        // Who was replaced, or is gone, unseen counts as a member still.
        let certain = |group: &GroupView<'_>| group.members().saturating_sub(group.unseen.0).min(group.size);
        let members = there.map(|group| certain(group).saturating_sub(count(group.draining.len())));
        (zone, members.fold(0, u32::saturating_add).saturating_sub(view.part(zone)))
    });
    beyond.collect()
}

impl View<'_> {
    /// How many zones the fleet has.
    fn zones(&self) -> u16 {
        let zones = self.rollout().map_or(0, |rollout| rollout.plan.fleet().zone_names().len());
        u16::try_from(zones).unwrap_or(u16::MAX)
    }

    /// How many of the fleet are in a zone if it is spread evenly.
    fn part(&self, zone: u16) -> u32 {
        let until = |nth| part_of_first(self.budget.desired, nth, self.zones());
        until(zone.saturating_add(1)) - until(zone)
    }

    /// Whether others are asked before a group, since the last one did not come there. Where zones are to have their part it is asked again after a while.
    pub(super) fn is_short(&self, aim: &Aim, id: GroupId) -> bool {
        let Some((rollout, slots)) = self.rollout().zip(self.state.slots(id)) else { return false };
        slots.short && !(aim.counts_zones() && self.now >= slots.settled_at + rollout.plan.fleet().health().boot_deadline)
    }
}

/// How much room the zones of what is wanted have for more of it: the part of one that cannot be asked now waits for it, and goes nowhere else.
pub(super) struct Room {
    /// How many wait for a zone that cannot be asked now.
    pub(super) kept: u32,
    /// How many more may be launched in each, where none may have more than its part.
    pub(super) left: BTreeMap<u16, u32>,
}

impl Room {
    /// Whatever there is, where nothing is said of zones.
    pub(super) fn of(view: &View<'_>, proposal: &Proposal, aim: &Aim, wanted: GenerationId) -> Self {
        let mut room = Self { kept: 0, left: BTreeMap::new() };
        // Of an empty fleet no zone has a part.
        if !aim.counts_zones() || view.budget.desired == 0 {
            return room;
        }
        let by_turns = aim.open.is_some();
        for zone in (0..view.zones()).filter(|zone| aim.is_open(Some(*zone))) {
            let there = || view.generation(wanted).filter(|(_, group)| group.zone == Some(zone) && !group.absent);
            // Where nothing can ever come its part is everybody's.
            if there().next().is_none() {
                return Self { kept: 0, left: BTreeMap::new() };
            }
            // On top of its part, another in the place of who runs another image, and beside who boots for too long.
            let beside = there().fold(proposal.spares, |sum, (_, group)| sum.saturating_add(count(group.replaced.len())));
            let promised = there().fold(0_u32, |sum, (_, group)| sum.saturating_add(group.promised()));
            let left = view.part(zone).saturating_add(beside).saturating_sub(promised);
            let askable = |(id, group): (&GroupId, &GroupView<'_>)| group.whole && proposal.may_write(view, *id);
            let short = there().all(|(id, _)| view.is_short(aim, *id));
            if !there().any(askable) && (by_turns || !short) {
                room.kept = room.kept.saturating_add(left);
            }
            if by_turns {
                room.left.insert(zone, left);
            }
        }
        room
    }
}

/// The groups of the zone that has most of what is wanted, if one of those has to make room. Only while nothing else is to be done.
pub(super) fn too_full(view: &View<'_>, proposal: &Proposal, aim: &Aim) -> Vec<GroupId> {
    let routed = proposal.route.is_none() && view.traffic.as_ref().is_none_or(|traffic| traffic.is_settled(view));
    let whole = view.groups.iter().all(|(id, group)| Some(id.generation) != aim.wanted || group.absent || group.whole);
    let writable = |id: &GroupId| proposal.may_write(view, *id);
    match crowded(view, aim, writable) {
        Some(full) if routed && whole && proposal.probe.is_none() => {
            let there = view.groups.iter().filter(|(id, group)| Some(id.generation) == aim.wanted && group.zone == Some(full));
            there.map(|(id, _)| *id).filter(writable).collect()
        }
        _ => Vec::new(),
    }
}

/// The zone that has most of what is wanted, if one of those has to make room for one in a zone that has fewer than its floor without the others: those would
/// never leave. Only while nobody is waited for, and where the groups of the other zone may be asked.
pub(super) fn crowded(view: &View<'_>, aim: &Aim, may_ask: impl Fn(&GroupId) -> bool) -> Option<u16> {
    let moves = match view.rollout().map(|rollout| &rollout.phase) {
        Some(Phase::Stepping { at, .. }) => matches!(at, StepState::Moving { .. }),
        phase => phase.is_some(),
    };
    let others = view.sum_where(|id| aim.leaves(id), GroupView::members);
    let leavers = view.groups.values().any(|group| group.leavers > 0 || !group.draining.is_empty());
    let wanted = aim.wanted.filter(|_| moves && others != 0 && !leavers)?;
    let of = |zone: u16| view.generation(wanted).filter(move |(_, group)| group.zone == Some(zone));
    let size = |zone: u16| of(zone).fold(0, |sum, (_, group)| group.size.saturating_add(sum));
    let done = view
        .generation(wanted)
        .all(|(_, group)| group.absent || (group.promised() == group.size && group.ready_count() == group.size));
    // Nobody more is missing, or there is no room for them.
    let stands = view.sum(wanted, GroupView::promised) == aim.goal || view.live >= view.budget.ceiling;
    let open = || (0..view.zones()).filter(|zone| aim.is_open(Some(*zone)));
    let lacks = |zone: &u16| {
        let asked = |(id, group): (&GroupId, &GroupView<'_>)| !group.absent && !view.is_short(aim, *id) && may_ask(id);
        // Where requests are not divided it is the zone's floor that keeps the others there, if they are no more than that.
        let keeps = view.traffic.is_some() || ready_in(view, *zone, |_| true) <= aim.zone_floor;
        size(*zone) < aim.zone_floor && keeps && of(*zone).any(asked)
    };
    let full = open().max_by_key(|zone| size(*zone)).filter(|zone| size(*zone) > aim.zone_floor)?;
    let goes = of(full).any(|(_, group)| !group.ready.is_empty());
    (done && stands && goes && open().any(|zone| lacks(&zone))).then_some(full)
}
