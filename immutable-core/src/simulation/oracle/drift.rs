//! What somebody else has changed, where a person is to be asked about it.

use super::Verdict;
use crate::fleet::{Drift, GenerationId, OnDrift};
use crate::rollout::{Ending, Event, FleetState, GenerationLife, Hold, Need, Phase, Recorded};

/// What the record before this one noted is asked about, in the same breath.
pub(super) fn asked(unasked: Option<String>, recorded: &Recorded) -> Verdict {
    match (unasked, &recorded.event) {
        (None, _) | (_, Event::Moved { to: Phase::Held { why: Hold::Needs(Need::Drift { .. }), .. } }) => Ok(()),
        (Some(what), event) => Err(format!("{what} was changed by somebody else, and before a person is asked comes {event:?}")),
    }
}

/// What of that which is noted a person is to be asked about, if anything is: only what nobody can take for the trace of an own call. The state is
/// that before the record.
pub(super) fn to_ask(state: &FleetState, recorded: &Recorded) -> Option<String> {
    let (Event::Noted(noted), Some(rollout)) = (&recorded.event, state.rollout()) else { return None };
    let forward = match &rollout.phase {
        Phase::Preparing { .. } | Phase::Stepping { .. } => true,
        Phase::Finishing { ending, .. } => matches!(ending, Ending::Forward | Ending::Keep),
        _ => false,
    };
    let pauses = |drift| forward && rollout.plan.fleet().drift(drift) == OnDrift::Pause;
    let generation = |id: &GenerationId| state.generations().get(id).filter(|known| known.life == GenerationLife::Present);
    let untouched = |id: &GenerationId| {
        generation(id).is_some_and(|known| known.groups.values().all(|slots| slots.failures == 0)) && !state.generation_busy(*id)
    };
    let larger = noted
        .sizes
        .iter()
        .find(|(group, size)| untouched(&group.generation) && state.slots(**group).is_some_and(|slots| slots.size < **size));
    if let Some((group, _)) = larger.filter(|_| pauses(Drift::Size)) {
        return Some(format!("the size of group {group}"));
    }
    let allowed = noted.upkeep.keys().find(|id| untouched(id) && !noted.absent.contains(id));
    if let Some(id) = allowed.filter(|_| pauses(Drift::Upkeep)) {
        return Some(format!("the upkeep of generation {id}"));
    }
    let deleted = noted.absent.iter().find(|id| untouched(id)).filter(|_| pauses(Drift::Generation));
    deleted.map(|id| format!("generation {id}"))
}
