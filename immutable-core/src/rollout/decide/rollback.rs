//! When the wanted release is to blame, and what happens then: back to the baseline, or, of a first release, away with it.

use std::sync::Arc;

use super::proposal::Proposal;
use super::view::View;
use crate::fleet::{GenerationId, Release};
use crate::rollout::phase::{Ending, Hold, Need, Phase, RevertCause, StepState};
use crate::rollout::plan::Wanted;
use crate::rollout::state::{FleetState, RolloutState};
use crate::rollout::strategy::OnFirstFailure;
use crate::time::Timestamp;

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let Some(rollout) = view.rollout() else {
        return;
    };
    match &rollout.phase {
        Phase::Stepping { .. } => {
            if let Some(why) = verdict(view, rollout) {
                proposal.move_to(give_up(view, rollout, why));
            }
        }
        Phase::Reverting { to, .. } => {
            let release = rollout.baseline.as_ref().map(|proven| proven.spec.release);
            if let Some(why) = unlaunchable(view, *to, release).or_else(|| exhausted(view, rollout, *to)) {
                proposal.move_to(held(rollout, Need::BaselineUnlaunchable { why }, view.now));
            }
        }
        // The one that is proven now.
        Phase::Finishing { ending, .. } => {
            let stays = match ending {
                Ending::Forward | Ending::Keep => rollout.wanted,
                Ending::Back { to } => *to,
                _ => return,
            };
            let there = view.state.generations.get(&stays).filter(|_| !view.noted.absent.contains(&stays));
            let why = match there {
                None => Some(format!("generation {stays} was deleted by someone else").into()),
                Some(generation) => unlaunchable(view, stays, Some(generation.release())),
            };
            if let Some(why) = why {
                proposal.move_to(held(rollout, Need::BaselineUnlaunchable { why }, view.now));
            }
        }
        _ => {}
    }
}

/// Why what a generation lacks cannot be launched, if it lacks anything: what still runs of a revoked release is kept.
fn unlaunchable(view: &View<'_>, id: GenerationId, release: Option<Release>) -> Option<Arc<str>> {
    let why = view.lost(release?)?;
    let short = view.sum(id, |group| group.ready_count()) < view.budget.desired;
    short.then_some(why)
}

/// Why nothing more of what is gone back to is launched: too many of those that were have failed.
fn exhausted(view: &View<'_>, rollout: &RolloutState, to: GenerationId) -> Option<Arc<str>> {
    let (failures, allowed) = (view.failures(to), rollout.plan.strategy().rollback_attempts);
    (failures >= allowed).then(|| {
        let last = view.last_failure();
        format!("{failures} of its instances failed on the way back, {allowed} are tried; the last: {last}").into()
    })
}

/// What the wanted release is given up for, if it is.
fn verdict(view: &View<'_>, rollout: &RolloutState) -> Option<RevertCause> {
    let deleted = || RevertCause::Gone(format!("generation {} was deleted by someone else", rollout.wanted).into());
    let Some(generation) = view.state.generations.get(&rollout.wanted) else {
        return Some(deleted());
    };
    if view.noted.absent.contains(&rollout.wanted) {
        return Some(deleted());
    }
    let release = generation.release();
    if let Some(why) = view.seen.facts.and_then(|facts| facts.revoked.get(&release.artifact)) {
        return Some(RevertCause::Revoked(why.clone()));
    }
    let failures = view.failures(rollout.wanted);
    let strategy = rollout.plan.strategy();
    let last = view.last_failure();
    if !view.exercised(release) {
        let tried = view.tried(rollout.wanted);
        let first = if strategy.probe_attempts == 1 {
            "its first instance".to_owned()
        } else {
            format!("its first {} instances", strategy.probe_attempts)
        };
        let last = if tried > failures { "it came and went between two looks".into() } else { last };
        return (tried >= strategy.probe_attempts).then(|| RevertCause::Failed(format!("{first} failed: {last}").into()));
    }
    let allowed = strategy.max_failed.down(view.budget.desired);
    // The probe's own failures were allowed for.
    let allowed = allowed.max(strategy.probe_attempts.saturating_sub(1));
    (failures > allowed)
        .then(|| RevertCause::Failed(format!("{failures} instances failed, {allowed} may; the last: {last}").into()))
}

/// What follows when the wanted release is given up.
pub(super) fn give_up(view: &View<'_>, rollout: &RolloutState, why: RevertCause) -> Phase {
    match (&rollout.baseline, rollout.plan.strategy().on_first_failure) {
        (Some(_), _) if let Some(mark) = irreversible(view.state, rollout) => {
            held(rollout, Need::Irreversible { mark, why: why.to_string().into() }, view.now)
        }
        (Some(_), _) => revert(view.state, &view.noted.absent, rollout, why, view.now),
        // What was there before the rollout is not its to remove.
        (None, OnFirstFailure::TearDown) if matches!(rollout.plan.wanted(), Wanted::New(_)) => tear_down(rollout, view.now),
        (None, _) => held(rollout, Need::NoBaseline { why: why.to_string().into() }, view.now),
    }
}

/// Why there is no way back from what the rollout has launched, if there is none: by then it may have done what cannot be undone.
pub(crate) fn irreversible(state: &FleetState, rollout: &RolloutState) -> Option<Arc<str>> {
    let other = rollout.baseline.as_ref().is_some_and(|baseline| baseline.spec.release.artifact != rollout.plan.to().digest);
    // Somebody else may have launched some.
    let there = state.generations.get(&rollout.wanted).is_some_and(|wanted| wanted.appeared > 0 || wanted.size() > 0);
    rollout.plan.to().irreversible.clone().filter(|_| other && (rollout.launched || there))
}

/// Back to the baseline: to a generation of it that is there, and not among the `absent`, or to one that is made.
pub(crate) fn revert(
    state: &FleetState,
    absent: &[GenerationId],
    rollout: &RolloutState,
    why: RevertCause,
    now: Timestamp,
) -> Phase {
    let Some(baseline) = &rollout.baseline else {
        return held(rollout, Need::NoBaseline { why: why.to_string().into() }, now);
    };
    // By the plan: of a generation that somebody has deleted nothing is known any more.
    let (artifact, template) = (rollout.plan.to().digest, rollout.plan.fleet().launch_template().digest());
    let same = baseline.spec.release == (Release { artifact, template });
    if same && !matches!(why, RevertCause::Asked | RevertCause::Deadline | RevertCause::Overdue) {
        let why = format!("it is the very release that is given up: {why}").into();
        return held(rollout, Need::BaselineUnlaunchable { why }, now);
    }
    let there = state.generation_of(baseline.spec.release, |id, generation| {
        // It must hold the fleet at its size now, unless going back takes back the size.
        let holds = generation.holds(state.desired);
        !absent.contains(&id) && if id == rollout.wanted { same } else { holds }
    });
    let there = there.map(|(id, _)| id);
    Phase::Reverting {
        why,
        to: there.unwrap_or(GenerationId(state.next_generation)),
        at: StepState::Moving { give_up_at: now + rollout.plan.strategy().rollback_deadline },
    }
}

/// What the rollout launched goes.
pub(crate) fn tear_down(rollout: &RolloutState, now: Timestamp) -> Phase {
    Phase::Finishing { ending: Ending::Nothing, give_up_at: now + rollout.plan.strategy().rollback_deadline }
}

pub(super) fn held(rollout: &RolloutState, need: Need, now: Timestamp) -> Phase {
    Phase::Held { why: Hold::Needs(need), resume: Box::new(rollout.phase.clone()), since: now }
}
