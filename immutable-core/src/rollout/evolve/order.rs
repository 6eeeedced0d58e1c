//! Which phase can come after which.

use crate::fleet::GenerationId;
use crate::rollout::phase::{Ending, Hold, Need, Phase, StepState};

/// Whether a phase can come next. A generation that was lost while it was wanted again may be `made_anew`.
pub(super) fn follows(from: &Phase, to: &Phase, made_anew: &impl Fn(GenerationId, GenerationId) -> bool) -> bool {
    match (from, to) {
        (Phase::Held { resume, why, .. }, _) => {
            let out = matches!(why, Hold::Needs(_)) && matches!(to, Phase::Reverting { .. } | Phase::Finishing { .. });
            // A gate may be opened while a person is asked about it; nothing else is passed by.
            let opened = matches!(**resume, Phase::Stepping { at: StepState::Gating { .. } | StepState::Lost { .. }, .. })
                && follows(resume, to, made_anew);
            let onward = matches!(to, Phase::Reverting { .. } | Phase::Finishing { .. }) && follows(resume, to, made_anew);
            if let Phase::Held { why: asks, resume: other, .. } = to {
                // Who is asked about one thing is asked about another: whether to go back across what cannot be undone.
                return matches!((why, asks), (Hold::Needs(_), Hold::Needs(Need::Irreversible { .. }))) && resume == other;
            }
            out || onward || opened || same_place(resume, to)
        }
        (Phase::Finishing { ending: Ending::Keep, .. }, Phase::Finishing { ending, .. }) => {
            matches!(ending, Ending::Forward | Ending::Mixed)
        }
        (Phase::Finishing { ending, .. }, Phase::Reverting { .. }) => *ending == Ending::Keep,
        (_, Phase::Held { .. }) => true,
        (_, Phase::Preparing { .. }) | (Phase::Finishing { .. }, _) => false,
        (Phase::Preparing { .. }, Phase::Stepping { step, .. }) => step.0 == 0,
        (Phase::Stepping { step: from, at }, Phase::Stepping { step, at: next }) => {
            let again = match (at, next) {
                // A gate that is open, and what else must hold is awaited again.
                (StepState::Gating { .. } | StepState::Lost { .. }, StepState::Moving { .. }) => true,
                (StepState::Gating { .. }, StepState::Lost { .. }) | (StepState::Lost { .. }, StepState::Gating { .. }) => true,
                _ => false,
            };
            step.0 == from.0 + 1 || (step == from && again)
        }
        (Phase::Reverting { to: lost, .. }, Phase::Reverting { to, .. }) => made_anew(*lost, *to),
        (Phase::Reverting { .. }, Phase::Stepping { .. }) => false,
        (Phase::Preparing { .. } | Phase::Stepping { .. }, Phase::Reverting { .. }) => true,
        (_, Phase::Finishing { .. }) => true,
    }
}

/// Whether two phases are one, at other times.
pub(super) fn same_place(one: &Phase, other: &Phase) -> bool {
    match (one, other) {
        (Phase::Preparing { .. }, Phase::Preparing { .. }) => true,
        (Phase::Stepping { step: one, .. }, Phase::Stepping { step: other, .. }) => one == other,
        (Phase::Reverting { to: one, .. }, Phase::Reverting { to: other, .. }) => one == other,
        (Phase::Finishing { ending: one, .. }, Phase::Finishing { ending: other, .. }) => one == other,
        _ => false,
    }
}
