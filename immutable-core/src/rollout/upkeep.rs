//! What a rollout that nobody drives any more has taken from the provider, and left taken.

use std::collections::BTreeMap;

use crate::fleet::{GenerationId, Heals, Upkeep};
use crate::rollout::event::Call;
use crate::rollout::phase::{Ending, Phase};
use crate::rollout::state::{FleetState, GenerationLife, RolloutState};

/// What the provider should be let do again to each generation to which it may do less than it should while nobody drives the rollout that runs: all that is
/// specified to one of the proven release; to what is wanted, if it was ready once and is not gone back from, to replace who fails. Where a
/// call about it is owed nobody knows what it may do. [`Controller::restore_upkeep`](crate::Controller::restore_upkeep) gives it back.
pub fn upkeep_taken(state: &FleetState, heals: Heals) -> BTreeMap<GenerationId, Upkeep> {
    let Some(rollout) = state.rollout() else {
        return BTreeMap::new();
    };
    let specified = rollout.plan.fleet().specified_upkeep();
    let serves = state.generations().iter().filter(|(_, generation)| generation.life == GenerationLife::Present);
    let taken = serves.filter_map(|(id, generation)| {
        let (release, now) = (generation.release(), generation.upkeep);
        let wanted = if state.proven().is_some_and(|proven| proven.spec.release == release) {
            specified
        } else if *id == rollout.wanted && generation.first_ready.is_some() && !goes_back(rollout) {
            Upkeep { heal: specified.heal, ..now }
        } else {
            return None;
        };
        let wanted = if heals == Heals::Switchable { wanted } else { Upkeep { heal: now.heal, ..wanted } };
        let owed = state.owed().any(|(_, owed)| matches!(owed.call, Call::Upkeep(of, _) if of == *id));
        (now != wanted || owed).then_some((*id, wanted))
    });
    taken.collect()
}

/// Whether what was wanted is not wanted any more.
fn goes_back(rollout: &RolloutState) -> bool {
    let phase = match &rollout.phase {
        Phase::Held { resume, .. } => &**resume,
        phase => phase,
    };
    let ending = match phase {
        Phase::Finishing { ending, .. } => ending,
        Phase::Reverting { .. } => return true,
        _ => return false,
    };
    matches!(ending, Ending::Back { .. } | Ending::Nothing | Ending::Refused { .. })
}
