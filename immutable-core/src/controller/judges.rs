//! Asking the judge of the gate that is waited for.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::analysis::Judgement;
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::GenerationId;
use crate::id::{InstanceKey, StepIx};
use crate::provider::{Judge, Side, Trial};
use crate::rollout::{Analyse, Check, Exit, FleetState, Hold, Phase, Step, StepState};
use crate::time::{Clock, Timestamp};

/// A question to a judge.
pub(super) struct Question {
    /// Who is asked.
    pub(super) judge: Arc<str>,
    pub(super) trial: Trial,
    /// When it is asked next, if it has answered by then.
    pub(super) next: Timestamp,
    /// How long its answer is waited for.
    patience: Timestamp,
}

impl Question {
    /// The same, by a clock that is so far behind the fleet's time.
    pub(super) fn by(mut self, ahead: Duration) -> Self {
        self.trial.since = self.trial.since - ahead;
        self.trial.until = self.trial.until - ahead;
        self.patience = self.patience - ahead;
        self
    }
}

/// A gate that a judge opens: of which step, and since when it is waited for. Tried again, it is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gate {
    pub(super) step: StepIx,
    pub(super) since: Timestamp,
}

/// The gate that is waited for, if a judge opens it.
pub(super) fn gate(state: &FleetState) -> Option<Gate> {
    let rollout = state.rollout()?;
    let Phase::Stepping { step, at: StepState::Gating { since, .. } } = rollout.phase else {
        return None;
    };
    rollout.plan.strategy().steps().get(usize::from(step.0))?.judge().map(|_| Gate { step, since })
}

/// The judges that may still be asked: those of the steps from here on, while it goes forward by itself.
pub(super) fn ahead(state: &FleetState) -> impl Iterator<Item = &Arc<str>> {
    let from = state.rollout().and_then(|rollout| match &rollout.phase {
        Phase::Held { why: Hold::Needs(_), .. } => None,
        phase => match phase.under() {
            Phase::Preparing { .. } => Some((rollout, 0)),
            Phase::Stepping { step, .. } => Some((rollout, usize::from(step.0))),
            _ => None,
        },
    });
    from.into_iter().flat_map(|(rollout, step)| rollout.plan.strategy().steps().iter().skip(step).filter_map(Step::judge))
}

/// When the judge of the gate that is waited for is asked first: of an analysis once there is something to analyse.
pub(super) fn first(state: &FleetState, gate: Option<Gate>, now: Timestamp) -> Timestamp {
    let step = gate.zip(state.rollout()).and_then(|(gate, rollout)| {
        let step = rollout.plan.strategy().steps().get(usize::from(gate.step.0))?;
        Some((gate.since, step))
    });
    match step {
        Some((since, Step::Analyse(analyse))) => now.max(since + analyse.every),
        _ => now,
    }
}

/// What is to be asked now, if a gate with a judge is waited for; at least `poll` is between two questions.
pub(super) fn question(state: &FleetState, poll: Duration, now: Timestamp) -> Option<Question> {
    let rollout = state.rollout()?;
    let Phase::Stepping { step, at: StepState::Gating { since, until } } = rollout.phase else {
        return None;
    };
    let (judge, next, patience) = match rollout.plan.strategy().steps().get(usize::from(step.0))? {
        // It may take all the time there is.
        Step::Check(Check { judge, timeout, .. }) => (judge, now + poll, until.unwrap_or(now + *timeout)),
        Step::Analyse(analyse) => {
            let Analyse { judge, every, extend, .. } = analyse;
            let next = now + (*every).max(poll);
            let end = until.unwrap_or(now);
            // Of the whole time it is asked when that is over: who is still busy with a part of it is not waited for any longer.
            match [end, end + *extend].into_iter().find(|end| *end > now) {
                Some(end) => (judge, next.min(end), end),
                None => (judge, next, analyse.last(end).max(now + *every)),
            }
        }
        _ => return None,
    };
    let mut trial = Trial::new(state.fleet().clone(), rollout.id, step, side(state, rollout.wanted)?, since, now);
    let others = rollout.baseline.as_ref().and_then(|proven| {
        let of_it = state
            .generations()
            .iter()
            .filter(|(id, generation)| **id != rollout.wanted && generation.release() == proven.spec.release);
        of_it.max_by_key(|(id, generation)| (generation.size(), **id)).map(|(id, _)| *id)
    });
    if let Some(old) = others.and_then(|id| side(state, id)) {
        trial = trial.old(old);
    }
    Some(Question { judge: judge.clone(), trial, next, patience })
}

/// A generation with those of its instances that serve.
fn side(state: &FleetState, id: GenerationId) -> Option<Side> {
    let generation = state.generations().get(&id)?;
    let members = generation.groups.values().flat_map(|slots| &slots.members);
    let serve = members.filter(|(_, member)| member.healthy.is_some() && member.draining.is_none() && member.exit == Exit::None);
    let keys: Vec<InstanceKey> = serve.map(|(key, _)| key.clone()).collect();
    Some(Side::of(&generation.spec).instances(keys))
}

/// Asks it.
pub(super) async fn ask(question: Question, judge: Arc<dyn Judge>, clock: Arc<dyn Clock>) -> Result<Judgement> {
    match select(judge.judge(&question.trial), clock.sleep_until(question.patience)).await {
        Either::Left((judgement, _)) => judgement,
        Either::Right(_) => Err(Error::new(ErrorKind::Unreachable, format!("no answer of judge `{}` in time", question.judge))),
    }
}
