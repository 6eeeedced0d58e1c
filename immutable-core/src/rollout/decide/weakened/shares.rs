//! Rules 3 and 6 by shares and steps: engines that move requests too early, or to whoever cannot serve them, and that forget what a step says.

use std::sync::Arc;
use std::time::Duration;

use super::super::proposal::Proposal;
use super::super::view::View;
use super::super::{refill, retire, route};
use super::{Engine, Row, SOUND, engine};
use crate::fleet::{Drains, GenerationId, Route};
use crate::rollout::event::{Call, Event};
use crate::rollout::state::FleetState;

/// Weakened engines: the rule, the name, the oracle that must speak.
pub(super) const ENGINES: &[Row] = &[
    (3, "forgets the share that was in force", "floor", engine!(state: forget_what_was)),
    (3, "takes a route for settled", "floor", engine!(state: forget_what_was, switch: |switch| switch.settle = Duration::ZERO)),
    (
        3,
        "counts who is not attached",
        "floor",
        engine!(view: |view| view.traffic.iter_mut().for_each(|traffic| traffic.maps.clear())),
    ),
    (3, "gives some parts too many", "share", engine!(events: |state, events| reroute(state, events, some_more))),
    (3, "routes to one with none", "share", engine!(events: |state, events| reroute(state, events, all))),
    (
        3,
        "takes weights of others for its own",
        "share",
        engine!(pool: |state, pool| {
            pool.weights = state.pool.as_ref().map(|pool| pool.weights.clone()).unwrap_or_default();
        }),
    ),
    (3, "retires without a drain", "drain", engine!(switch: |switch| switch.drains = Drains::Never)),
    (6, "opens every gate at once", "order", engine!(rules: &[("gates", |_, proposal| proposal.open_gate())])),
    (6, "keeps nobody", "order", engine!(rules: &[("retire", keep_nobody)])),
    (6, "launches before the others have left", "order", engine!(rules: &[("refill", launch_first)])),
    (3, "routes whatever is left in a zone", "zone", engine!(rules: &[("route", whatever_is_left)])),
    (6, "launches in every zone at once", "order", engine!(rules: &[("refill", in_every_zone)])),
    (6, "retires before a zone's turn", "order", engine!(rules: &[("retire", from_every_zone)])),
];

fn forget_what_was(state: &mut FleetState) {
    if let Some(pool) = &mut state.pool {
        pool.before.clear();
        pool.earlier.clear();
    }
}

/// Changes the routes that it owes, for the generation that is wanted.
fn reroute(state: &FleetState, events: &mut [Event], change: fn(&mut super::super::traffic::Weights, GenerationId)) {
    let Some(wanted) = state.wanted_now() else { return };
    for event in events {
        let Event::Owed { call: Call::Route(route), .. } = event else { continue };
        let mut weights = route.weights().clone();
        change(&mut weights, wanted);
        if let Ok(changed) = Route::new(route.pool().clone(), route.seen().clone(), weights) {
            *route = Arc::new(changed);
        }
    }
}

/// A fifth of all on top.
fn some_more(weights: &mut super::super::traffic::Weights, wanted: GenerationId) {
    let fifth = weights.values().sum::<u16>() / 5;
    let Some((_, most)) = weights.iter_mut().filter(|(id, _)| **id != wanted).max_by_key(|(_, weight)| **weight) else { return };
    let moved = fifth.min(*most);
    *most -= moved;
    *weights.entry(wanted).or_default() += moved;
}

fn all(weights: &mut super::super::traffic::Weights, wanted: GenerationId) {
    let all = weights.values().sum();
    weights.values_mut().for_each(|weight| *weight = 0);
    weights.insert(wanted, all);
}

fn keep_nobody(view: &View<'_>, proposal: &mut Proposal) {
    let aim = proposal.aim;
    if let Some(aim) = &mut proposal.aim {
        aim.others = view.budget.desired.saturating_sub(aim.goal);
    }
    retire::rule(view, proposal);
    proposal.aim = aim;
}

fn launch_first(view: &View<'_>, proposal: &mut Proposal) {
    let aim = proposal.aim;
    if let Some(aim) = &mut proposal.aim {
        aim.first = false;
    }
    refill::rule(view, proposal);
    proposal.aim = aim;
}

fn whatever_is_left(view: &View<'_>, proposal: &mut Proposal) {
    let aim = proposal.aim;
    if let Some(aim) = &mut proposal.aim {
        aim.zone_floor = 0;
    }
    route::rule(view, proposal);
    proposal.aim = aim;
}

fn in_every_zone(view: &View<'_>, proposal: &mut Proposal) {
    let aim = proposal.aim;
    if let Some(aim) = &mut proposal.aim {
        aim.open = None;
    }
    refill::rule(view, proposal);
    proposal.aim = aim;
}

fn from_every_zone(view: &View<'_>, proposal: &mut Proposal) {
    let aim = proposal.aim;
    if let Some(aim) = &mut proposal.aim {
        aim.open = None;
    }
    retire::rule(view, proposal);
    proposal.aim = aim;
}
