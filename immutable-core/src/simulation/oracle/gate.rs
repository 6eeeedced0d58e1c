//! Rule 6, in part: a gate is left when what it says is so, counted from when it was reached.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Scene, Verdict};
use crate::analysis::Says;
use crate::id::{Actor, InstanceKey, StepIx};
use crate::rollout::{Ending, Event, Hold, MAX_VIEW_AGE, Phase, Recorded, Step, StepState};
use crate::time::Timestamp;

/// How much of a silence nobody watched at the least: whoever watches writes something every so often.
pub(super) fn unwatched(silent: Duration) -> Duration {
    if silent > MAX_VIEW_AGE * 2 { silent - MAX_VIEW_AGE } else { Duration::ZERO }
}

/// A gate that is waited for.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    step: StepIx,
    /// When it was reached, and later for as long as nobody waited.
    since: Timestamp,
    paused: Option<Timestamp>,
    /// Whether somebody has opened it.
    pub(super) promoted: bool,
    pub(super) approved: BTreeSet<Actor>,
    /// When its judge was asked last, and what it said.
    pub(super) word: Option<(Timestamp, Says)>,
    /// When it began, whoever waited since.
    begun: Timestamp,
    /// Which instances of the new release have come since then, and were not sent away again.
    pub(super) came: BTreeSet<InstanceKey>,
}

/// The step whose gate a phase waits for.
fn waits(phase: &Phase) -> Option<StepIx> {
    match phase.under() {
        Phase::Stepping { step, at: StepState::Gating { .. } | StepState::Lost { .. } } => Some(*step),
        _ => None,
    }
}

impl Gate {
    /// What of a gate remains when a phase follows on another.
    pub(super) fn follow(gate: Option<Self>, from: &Phase, to: &Phase, at: Timestamp) -> Option<Self> {
        let step = waits(to)?;
        let (paused, promoted, approved, word, came) = Default::default();
        let anew = Self { step, since: at, paused, promoted, approved, word, begun: at, came };
        let gate = match gate.filter(|gate| gate.step == step) {
            None => anew,
            Some(gate) => match (from, to) {
                (Phase::Held { why: Hold::Paused { .. }, .. }, Phase::Stepping { .. }) => {
                    let paused = gate.paused.map_or(Duration::ZERO, |paused| at.since(paused));
                    Self { since: gate.since + paused, paused: None, ..gate }
                }
                // Who tries again waits again; who has approved has approved.
                (Phase::Held { .. }, Phase::Stepping { .. }) => Self { approved: gate.approved, ..anew },
                (_, Phase::Held { .. }) => Self { paused: Some(at), ..gate },
                // What was lost is there again.
                (Phase::Stepping { at: StepState::Lost { .. }, .. }, _) => Self { approved: gate.approved, ..anew },
                _ => gate,
            },
        };
        Some(gate)
    }

    /// Nobody was there to watch for so long.
    pub(super) fn unwatched(&mut self, silent: Duration) {
        if self.paused.is_none() {
            self.since = self.since + silent;
        }
    }

    /// Why it may not be left now.
    fn is_shut(&self, gate: &Step, at: Timestamp) -> Option<String> {
        let said =
            || self.word.map_or_else(|| "its judge has said nothing".to_owned(), |(_, says)| format!("its judge says {says:?}"));
        match gate {
            _ if self.promoted => None,
            _ if self.word.is_some_and(|(asked, _)| asked < self.begun) => Some("its judge was asked before it began".to_owned()),
            Step::Bake { .. } | Step::Analyse(_) if !self.came.is_empty() => {
                Some(format!("{:?} came meanwhile, and was not watched for all of its time", self.came))
            }
            Step::Bake { lasting } if at < self.since + *lasting => Some(format!("it bakes until {}", self.since + *lasting)),
            Step::Check(_) if !matches!(self.word, Some((_, Says::Pass))) => Some(said()),
            Step::Analyse(analyse) => match self.word {
                Some((asked, Says::Pass)) if asked >= self.since + analyse.lasting => None,
                Some((asked, Says::Pass)) => Some(format!("what its judge said at {asked} is not of all the time")),
                _ => Some(said()),
            },
            Step::Approve(approve) => {
                let have = self.approved.intersection(&approve.by).count();
                (have < usize::try_from(approve.least).unwrap_or(usize::MAX)).then(|| format!("{have} have approved"))
            }
            _ => None,
        }
    }
}

/// Who goes on past a gate has found it open.
pub(super) fn left(scene: &Scene, recorded: &Recorded) -> Verdict {
    let Some(chapter) = &scene.book.chapter else { return Ok(()) };
    let Some(gate) = chapter.gate.as_ref().filter(|_| waits(&chapter.phase).is_some()) else { return Ok(()) };
    let on = match &recorded.event {
        Event::Moved { to } => match to {
            Phase::Stepping { .. } => waits(to) != Some(gate.step),
            Phase::Finishing { ending, .. } => matches!(ending, Ending::Forward | Ending::Keep),
            _ => false,
        },
        Event::Proven { .. } => true,
        _ => false,
    };
    let lost = matches!(chapter.phase.under(), Phase::Stepping { at: StepState::Lost { .. }, .. }) && !gate.promoted;
    let step = chapter.plan.strategy().steps().get(usize::from(gate.step.0));
    let shut = match step.filter(|_| !lost) {
        Some(step) => gate.is_shut(step, recorded.at),
        None => lost.then(|| "whom it watches was lost".to_owned()),
    };
    match shut.filter(|_| on) {
        Some(why) => Err(format!("the gate of step {} is left, and {why}", gate.step)),
        None => Ok(()),
    }
}
