//! What somebody else has changed about the fleet is told; where its terms say so, nothing moves until a person has decided. What is to be set back is: by
//! the rules that look after sizes, routes and upkeep, since that is what they would do anyway.

use std::sync::Arc;

use super::proposal::Proposal;
use super::rollback::held;
use super::traffic::Weights;
use super::view::View;
use crate::fleet::{Drift, GenerationId, GroupId, Heals, OnDrift};
use crate::rollout::phase::{Ending, Need, Phase};
use crate::rollout::state::{GenerationLife, GenerationState};

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let Some(rollout) = view.rollout() else {
        return;
    };
    let found = found(view);
    // Who is on the way back does not wait for anybody.
    let forward = match &rollout.phase {
        Phase::Preparing { .. } | Phase::Stepping { .. } => true,
        Phase::Finishing { ending, .. } => matches!(ending, Ending::Forward | Ending::Keep),
        _ => false,
    };
    let terms = rollout.plan.fleet();
    if let Some((drift, what)) = found.iter().find(|(drift, _)| forward && terms.drift(*drift) == OnDrift::Pause) {
        proposal.move_to(held(rollout, Need::Drift { drift: *drift, what: what.clone() }, view.now));
    }
    proposal.drift = found.into_iter().map(|(_, what)| what).collect();
}

/// Whether a generation's provider heals it, and holds its size whoever dies: where nothing heals a size falls with its members.
fn healed(view: &View<'_>, id: GenerationId) -> bool {
    let settled = view.state.generations.get(&id).is_some_and(|generation| generation.upkeep.heal);
    let changed = view.differs(id) || view.noted.upkeep.contains_key(&id);
    view.seen.heals == Heals::Always || (view.seen.heals == Heals::Switchable && settled && !changed)
}

/// What this look shows for the first time, and what it shows each time anew: who runs another image, and who is a stranger.
fn found(view: &View<'_>) -> Vec<(Drift, Arc<str>)> {
    let mut found: Vec<(Drift, Arc<str>)> = Vec::new();
    let mut told = |drift, what: String| found.push((drift, what.into()));
    // After a call that failed nobody can tell whose change it is.
    let ours = |generation: &GenerationState| {
        generation.life == GenerationLife::Present && generation.groups.values().all(|slots| slots.failures == 0)
    };
    let quiet = |id: GenerationId| !view.state.generation_busy(id);
    for (id, generation) in view.state.generations.iter().filter(|(id, generation)| ours(generation) && quiet(**id)) {
        if view.noted.absent.contains(id) {
            told(Drift::Generation, format!("generation {id} was deleted"));
        } else if generation.refused.is_none() {
            for (group, _) in view.generation(*id).filter(|(_, group)| group.absent) {
                told(Drift::Generation, format!("group {group} was deleted"));
            }
        }
        let deleted = |group: &GroupId| view.groups.get(group).is_some_and(|group| group.absent);
        let sizes = view.noted.sizes.iter().filter(|(group, _)| group.generation == *id && !deleted(group));
        for (group, size) in sizes {
            let known = view.state.slots(*group).map_or(0, |slots| slots.size);
            if *size > known || healed(view, *id) {
                told(Drift::Size, format!("group {group} has size {size}, not {known}"));
            }
        }
        if let Some(upkeep) = view.noted.upkeep.get(id) {
            told(Drift::Upkeep, format!("the upkeep of generation {id} is {upkeep:?}, not {:?}", generation.upkeep));
        }
        if view.differs(*id) {
            told(Drift::Upkeep, format!("the upkeep of a group of generation {id} is not {:?}", generation.upkeep));
        }
    }
    if let Some(wanted) = view.state.wanted_now() {
        for key in view.generation(wanted).flat_map(|(_, group)| &group.drifted) {
            told(Drift::Image, format!("{key} runs another image than its generation's"));
        }
    }
    // Who gets no requests may be detached with its generation, and whose group is gone gets none.
    let serve = |weights: &Weights| -> Weights {
        weights.iter().filter(|(_, weight)| **weight > 0).map(|(id, weight)| (*id, *weight)).collect()
    };
    let whole = !view.groups.values().any(|group| group.absent);
    let pool = view.state.pool.as_ref().filter(|pool| whole && pool.failures == 0);
    if let (Some(weights), Some(pool)) = (&view.noted.weights, pool)
        && serve(weights) != serve(&pool.weights)
    {
        told(Drift::Weights, format!("pool {} divides its requests as {weights:?}, not as {:?}", pool.id, pool.weights));
    }
    for stranger in &view.seen.fleet.strangers {
        told(Drift::Stranger, format!("{:?} bears the fleet's mark and is not ours", stranger.what));
    }
    found
}
