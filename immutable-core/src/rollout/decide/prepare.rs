//! The wanted generation is made before anything is launched, and nothing is launched before it is there. A group of it that somebody deletes is made
//! again.

use super::gates::begun;
use super::proposal::Proposal;
use super::view::View;
use crate::fleet::{GenerationId, GenerationSpec};
use crate::id::StepIx;
use crate::rollout::event::Call;
use crate::rollout::phase::{Ending, Hold, Need, Phase};
use crate::rollout::plan::Wanted;
use crate::rollout::state::{GenerationLife, RolloutState};
use std::sync::Arc;

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let Some(rollout) = view.rollout() else {
        return;
    };
    match &rollout.phase {
        Phase::Preparing { .. } => {
            let spec = match rollout.plan.wanted() {
                Wanted::New(spec) => Some(spec.clone()),
                Wanted::Existing(id) => view.state.generations.get(id).map(|generation| generation.spec.clone()),
            };
            match made(view, rollout.wanted, spec) {
                Made::Yes => {
                    let step = StepIx(0);
                    proposal.move_to(Phase::Stepping { step, at: begun(rollout.plan.strategy(), step, view.now) });
                }
                Made::Owe(spec) => proposal.call(view, Call::Ensure(spec)),
                Made::Waits => {}
                Made::Never(why) => {
                    let give_up_at = view.now + rollout.plan.strategy().rollback_deadline;
                    proposal.move_to(Phase::Finishing { ending: Ending::Refused { why: why.into() }, give_up_at });
                }
            }
        }
        Phase::Reverting { why, to, at } => {
            // Deleted by someone else: the same release is made anew, within the same time.
            let next = GenerationId(view.state.next_generation);
            let known = view.state.generations.contains_key(to) || *to == next;
            if !known || view.noted.absent.contains(to) {
                return proposal.move_to(Phase::Reverting { why: why.clone(), to: next, at: *at });
            }
            // Made anew, it is made for the fleet as it is now.
            let spec = rollout.baseline.as_ref().map(|proven| {
                let groups = match rollout.plan.wanted() {
                    Wanted::New(wanted) => wanted.groups.clone(),
                    Wanted::Existing(_) => proven.spec.groups.clone(),
                };
                GenerationSpec { id: *to, groups, ..(*proven.spec).clone() }
            });
            match made(view, *to, spec.map(Arc::new)) {
                Made::Yes => mend(view, proposal, *to),
                Made::Waits => {}
                Made::Owe(spec) => proposal.call(view, Call::Ensure(spec)),
                Made::Never(why) => proposal.move_to(unlaunchable(rollout, &why, view)),
            }
        }
        _ => {
            if let Some(wanted) = proposal.aim.and_then(|aim| aim.wanted) {
                mend(view, proposal, wanted);
            }
        }
    }
}

/// Makes again what of a generation was deleted.
fn mend(view: &View<'_>, proposal: &mut Proposal, id: GenerationId) {
    let Some(generation) = view.mends(id) else {
        return;
    };
    let deleted = view.generation(id).any(|(_, group)| group.absent);
    if deleted && view.generation(id).all(|(group, _)| proposal.may_write(view, *group)) {
        // As what is left of it may be kept.
        let spec = GenerationSpec { upkeep: generation.upkeep, ..(*generation.spec).clone() };
        proposal.call(view, Call::Ensure(Arc::new(spec)));
    }
}

enum Made {
    Yes,
    Owe(Arc<GenerationSpec>),
    Waits,
    Never(String),
}

fn made(view: &View<'_>, id: GenerationId, spec: Option<Arc<GenerationSpec>>) -> Made {
    let Some(generation) = view.state.generations.get(&id) else {
        return match spec {
            Some(spec) if id.0 == view.state.next_generation => Made::Owe(Arc::new(view.quiet(&spec))),
            _ => Made::Never(format!("generation {id} was deleted by someone else")),
        };
    };
    match (&generation.refused, generation.life) {
        (Some(why), GenerationLife::Making) => Made::Never(why.to_string()),
        _ if view.noted.absent.contains(&id) => Made::Never(format!("generation {id} was deleted by someone else")),
        (_, GenerationLife::Present) => Made::Yes,
        (_, GenerationLife::Going) => Made::Never(format!("generation {id} is being removed")),
        (None, GenerationLife::Making) => {
            let free = !view.state.generation_busy(id) && generation.groups.values().all(|slots| view.now >= slots.quiet_until);
            // As it was first asked for, whatever its provider can do by now.
            if free { Made::Owe(generation.spec.clone()) } else { Made::Waits }
        }
    }
}

fn unlaunchable(rollout: &RolloutState, why: &str, view: &View<'_>) -> Phase {
    Phase::Held {
        why: Hold::Needs(Need::BaselineUnlaunchable { why: why.into() }),
        resume: Box::new(rollout.phase.clone()),
        since: view.now,
    }
}
