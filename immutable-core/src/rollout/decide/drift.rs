//! What somebody else has changed about the fleet is told; where its terms say so, nothing moves until a person has decided. What is to be set back is: by
//! the rules that look after sizes, routes and upkeep, since that is what they would do anyway.

use super::proposal::Proposal;
use super::rollback::held;
use super::traffic::Weights;
use super::view::View;
use crate::fleet::{Drift, Drifted, GenerationId, GroupId, Heals, OnDrift, Stranger};
use crate::id::InstanceKey;
use crate::rollout::event::Noted;
use crate::rollout::phase::{Ending, Need, Phase};
use crate::rollout::state::{GenerationLife, RolloutState};

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
    let asks = |found: &&Drifted| terms.drift(found.drift) == OnDrift::Pause && !rollout.decided.contains(*found);
    let asked: Vec<_> = found.iter().filter(asks).cloned().collect();
    if forward && !asked.is_empty() {
        proposal.move_to(held(rollout, Need::Drift { found: asked }, view.now));
    }
    // Who leaves anyway is told of, and no person is asked.
    let leaving = view.groups.iter().filter(|(id, _)| view.state.wanted_now() != Some(id.generation));
    let leaving = leaving.flat_map(|(_, group)| &group.drifted).map(|key| another_image(key).what);
    proposal.drift = found.into_iter().map(|found| found.what).chain(leaving).collect();
}

fn another_image(key: &InstanceKey) -> Drifted {
    Drifted { drift: Drift::Image, what: format!("{key} runs another image than its generation's").into() }
}

/// A stranger, as a person is asked about it.
pub(in crate::rollout) fn stranger(stranger: &Stranger) -> Drifted {
    Drifted { drift: Drift::Stranger, what: format!("{:?} bears the fleet's mark and is not ours", stranger.what).into() }
}

/// Whether another is to take the place of one that runs another image: a person who was asked, and had it tried again, has said so; and on the way back
/// nobody is asked.
pub(super) fn replaces(rollout: &RolloutState, key: &InstanceKey) -> bool {
    let back = matches!(rollout.phase.under(), Phase::Reverting { .. } | Phase::Finishing { ending: Ending::Back { .. }, .. });
    back || rollout.plan.fleet().drift(Drift::Image) == OnDrift::Replace || rollout.decided.contains(&another_image(key))
}

/// What is seen while nothing moves is not yet known, where a person is to be asked about it: once it goes on it is seen anew. Nor are weights while a
/// group is not seen: it may be gone, and they with it.
pub(super) fn withhold(rollout: &RolloutState, whole: bool, noted: &mut Noted) {
    let pauses = |drift| rollout.plan.fleet().drift(drift) == OnDrift::Pause;
    let asks = |drift| matches!(rollout.phase, Phase::Held { .. }) && pauses(drift);
    if asks(Drift::Size) {
        noted.sizes.clear();
    }
    if asks(Drift::Upkeep) {
        noted.upkeep.clear();
    }
    if asks(Drift::Weights) || (!whole && pauses(Drift::Weights)) {
        noted.weights = None;
    }
    if asks(Drift::Generation) {
        noted.absent.clear();
    }
}

/// Whether a group's provider has healed it ever since its size was known, and held that whoever died: where nothing heals a size falls with its members.
fn healed(view: &View<'_>, group: GroupId) -> bool {
    let id = group.generation;
    let settled = view.state.generations.get(&id).is_some_and(|generation| generation.upkeep.heal);
    let changed = view.differs(id) || view.noted.upkeep.contains_key(&id) || view.state.unread.contains(&group);
    view.seen.heals == Heals::Always || (view.seen.heals == Heals::Switchable && settled && !changed)
}

/// What this look shows for the first time, and what it shows each time anew: who runs another image, and who is a stranger.
fn found(view: &View<'_>) -> Vec<Drifted> {
    let mut found = Vec::new();
    let mut told = |drift, what: String| found.push(Drifted { drift, what: what.into() });
    // After a call that failed nobody can tell whose change it is.
    let theirs_in = |id: &GroupId| view.state.slots(*id).is_some_and(|slots| slots.failures == 0);
    let present = view.state.generations.iter().filter(|(_, generation)| generation.life == GenerationLife::Present);
    for (id, generation) in present.filter(|(id, _)| !view.state.generation_busy(**id)) {
        let all_theirs = view.generation(*id).all(|(group, _)| theirs_in(group));
        if view.noted.absent.contains(id) {
            if all_theirs {
                told(Drift::Generation, format!("generation {id} was deleted"));
            }
        } else if generation.refused.is_none() {
            for (group, _) in view.generation(*id).filter(|(id, group)| group.absent && theirs_in(id)) {
                told(Drift::Generation, format!("group {group} was deleted"));
            }
        }
        let deleted = |group: &GroupId| view.groups.get(group).is_some_and(|group| group.absent);
        let sizes = view.noted.sizes.iter().filter(|(group, _)| group.generation == *id && !deleted(group) && theirs_in(group));
        for (group, size) in sizes {
            let known = view.state.slots(*group).map_or(0, |slots| slots.size);
            if *size > known || healed(view, *group) {
                told(Drift::Size, format!("group {group} has size {size}, not {known}"));
            }
        }
        if !all_theirs {
            continue;
        }
        if let Some(upkeep) = view.noted.upkeep.get(id) {
            told(Drift::Upkeep, format!("the upkeep of generation {id} is {upkeep:?}, not {:?}", generation.upkeep));
        }
        if view.differs(*id) {
            told(Drift::Upkeep, format!("the upkeep of a group of generation {id} is not {:?}", generation.upkeep));
        }
    }
    // Who gets no requests may be detached with its generation, and whose group is gone gets none; so it is with a generation that is gone.
    let serve = |weights: &Weights| -> Weights {
        let known = |id: &GenerationId| view.state.generations.contains_key(id);
        weights.iter().filter(|(id, weight)| **weight > 0 && known(id)).map(|(id, weight)| (*id, *weight)).collect()
    };
    let whole = view.groups.values().all(|group| group.whole && !group.absent);
    let pool = view.state.pool.as_ref().filter(|pool| whole && pool.failures == 0);
    if let (Some(weights), Some(pool)) = (&view.noted.weights, pool)
        && serve(weights) != serve(&pool.weights)
    {
        told(Drift::Weights, format!("pool {} divides its requests as {weights:?}, not as {:?}", pool.id, pool.weights));
    }
    let wanted = view.state.wanted_now().into_iter().flat_map(|wanted| view.generation(wanted));
    found.extend(wanted.flat_map(|(_, group)| &group.drifted).map(|key| another_image(key)));
    found.extend(view.seen.fleet.strangers.iter().map(stranger));
    found
}
