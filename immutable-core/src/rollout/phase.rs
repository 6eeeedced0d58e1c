//! Where a rollout is, why it goes back or stands still, and how it ends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::fleet::{Drifted, GenerationId};
use crate::id::{Actor, RolloutId, StepIx};
use crate::time::Timestamp;

/// Where a rollout is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Phase {
    /// The wanted generation is being made; nothing is launched.
    Preparing {
        /// When that takes too long.
        give_up_at: Timestamp,
    },
    /// On the way to a step's goal.
    Stepping {
        /// Which step.
        step: StepIx,
        /// How far.
        at: StepState,
    },
    /// On the way back to the baseline.
    Reverting {
        /// Why.
        why: RevertCause,
        /// The generation that is wanted instead.
        to: GenerationId,
        /// How far.
        at: StepState,
    },
    /// What is left over is removed, and the end is proven.
    Finishing {
        /// Which end.
        ending: Ending,
        /// When that takes too long.
        give_up_at: Timestamp,
    },
    /// Nothing moves.
    Held {
        /// Why.
        why: Hold,
        /// What goes on when it ends.
        resume: Box<Phase>,
        /// Since when.
        since: Timestamp,
    },
}

impl Phase {
    /// When this phase takes too long, if it can. A gate has an end of its own.
    pub fn give_up_at(&self) -> Option<Timestamp> {
        match self {
            Self::Preparing { give_up_at } | Self::Finishing { give_up_at, .. } => Some(*give_up_at),
            Self::Stepping { at: StepState::Moving { give_up_at } | StepState::Lost { give_up_at }, .. }
            | Self::Reverting { at: StepState::Moving { give_up_at }, .. } => Some(*give_up_at),
            Self::Stepping { .. } | Self::Reverting { .. } | Self::Held { .. } => None,
        }
    }

    /// When time alone ends it, in whatever way.
    pub(crate) fn ends_at_mut(&mut self) -> Option<&mut Timestamp> {
        match self {
            Self::Preparing { give_up_at } | Self::Finishing { give_up_at, .. } => Some(give_up_at),
            Self::Stepping { at, .. } | Self::Reverting { at, .. } => match at {
                StepState::Moving { give_up_at } | StepState::Lost { give_up_at } => Some(give_up_at),
                StepState::Gating { until, .. } => until.as_mut(),
            },
            Self::Held { .. } => None,
        }
    }

    /// What it is, or what goes on after it.
    pub(crate) fn under(&self) -> &Self {
        match self {
            Self::Held { resume, .. } => resume.under(),
            phase => phase,
        }
    }

    /// The same, and everything that time ends so much later.
    pub(crate) fn later(mut self, by: Duration) -> Self {
        if let Some(ends_at) = self.ends_at_mut() {
            *ends_at = *ends_at + by;
        }
        self
    }
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum StepState {
    /// Sizes are on their way to the goal.
    Moving {
        /// When that takes too long.
        give_up_at: Timestamp,
    },
    /// A gate is waited for, and nothing moves but what is lost and replaced.
    Gating {
        /// Since when.
        since: Timestamp,
        /// Until when: the end of a bake or an analysis, and of the patience of others; without it as long as it takes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// While a bake or an analysis was waited for, an instance was lost. All of them are waited for, and then it begins anew.
    Lost {
        /// When that takes too long.
        give_up_at: Timestamp,
    },
}

/// Why a rollout goes back.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum RevertCause {
    /// Too many instances failed by the release's fault.
    Failed(Arc<str>),
    /// Somebody else has removed what was launched.
    Gone(Arc<str>),
    /// No progress for too long.
    Deadline,
    /// A gate said no.
    Judged(Arc<str>),
    /// Too few had approved in time, or nobody could say yes or no.
    Unanswered(Arc<str>),
    /// The release was revoked.
    Revoked(Arc<str>),
    /// Somebody asked for it.
    Asked,
    /// The rollout had not succeeded by its own deadline.
    Overdue,
}

impl fmt::Display for RevertCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) | Self::Gone(why) | Self::Judged(why) | Self::Unanswered(why) => f.write_str(why),
            Self::Deadline => f.write_str("no progress within the deadline"),
            Self::Revoked(why) => write!(f, "the release was revoked: {why}"),
            Self::Asked => f.write_str("asked for"),
            Self::Overdue => f.write_str("the rollout has not succeeded within its deadline"),
        }
    }
}

/// To which end a rollout finishes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Ending {
    /// The wanted release has the fleet.
    Forward,
    /// It has, and what is kept of the old stays until the phase is given up: then it is [`Forward`](Self::Forward).
    Keep,
    /// The baseline has it again.
    Back {
        /// In this generation.
        to: GenerationId,
    },
    /// Everything stays as it is.
    Mixed,
    /// What the rollout launched goes.
    Nothing,
    /// Nothing was launched, and nothing will be.
    Refused {
        /// Why.
        why: Arc<str>,
    },
}

/// Why nothing moves.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Hold {
    /// A person must decide; until then nothing is sent, and what is owed stays owed.
    Needs(Need),
    /// Somebody has paused it: nothing new is begun, what is owed is carried on.
    Paused {
        /// Who.
        by: Actor,
    },
}

/// What a person is asked for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Need {
    /// The release failed and there is no proven one to go back to.
    NoBaseline {
        /// Why it failed.
        why: Arc<str>,
    },
    /// The proven release cannot be launched.
    BaselineUnlaunchable {
        /// Why.
        why: Arc<str>,
    },
    /// The rollback took too long.
    RollbackDeadline {
        /// Who is in its way, and what nobody answers.
        why: Arc<str>,
    },
    /// What should leave does not.
    StuckLeaving {
        /// Who, of which group, and what keeps them: something that holds them, or a call that nobody answers.
        why: Arc<str>,
    },
    /// The pool refuses the route that is wanted.
    PoolRefuses {
        /// Why, in its words.
        why: Arc<str>,
    },
    /// Nothing can be decided: for too long no whole view, or no word on anybody's health.
    ProviderSilent,
    /// The same, and the last look at the fleet failed.
    Unseen {
        /// Why, in the provider's words.
        why: Arc<str>,
    },
    /// Whether to go back across what cannot be undone.
    Irreversible {
        /// What cannot.
        mark: Arc<str>,
        /// Why it would go back.
        why: Arc<str>,
    },
    /// A gate that nobody has opened in time.
    Gate {
        /// Of which step.
        step: StepIx,
        /// What is missing.
        why: Arc<str>,
    },
    /// Somebody else has changed something, and the fleet [pauses](crate::fleet::OnDrift::Pause) then. Whoever has it tried again has it set back or
    /// replaced, and is not asked about the same again while the rollout runs.
    Drift {
        /// All that was found at once; never empty.
        found: Vec<Drifted>,
    },
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBaseline { why } => write!(f, "the release failed ({why}) and no release is proven to go back to"),
            Self::BaselineUnlaunchable { why } => write!(f, "the proven release cannot be launched: {why}"),
            Self::RollbackDeadline { why } => write!(f, "the rollback has taken longer than its deadline: {why}"),
            Self::StuckLeaving { why } => write!(f, "what should be removed does not go: {why}"),
            Self::Irreversible { mark, why } => write!(f, "going back is not possible ({mark}), and there is cause to: {why}"),
            Self::Gate { step, why } => write!(f, "the gate of step {} was not opened: {why}", u32::from(step.0) + 1),
            Self::Drift { found } => {
                f.write_str("somebody else has changed it")?;
                found.iter().enumerate().try_for_each(|(nth, what)| write!(f, "{} {what}", if nth == 0 { ":" } else { ";" }))
            }
            Self::PoolRefuses { why } => write!(f, "the pool refuses its route: {why}"),
            Self::Unseen { why } => write!(f, "the fleet cannot be seen: {why}"),
            Self::ProviderSilent => f.write_str("for too long nothing was heard of the fleet's health"),
        }
    }
}

/// How a rollout ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[must_use]
#[non_exhaustive]
pub enum Outcome {
    /// Every instance runs the wanted release, and it is proven.
    Succeeded,
    /// The fleet has size 0 and no instance could be tried: the template is in place, nothing is proven.
    Unexercised,
    /// Every instance runs the release that was proven before.
    RolledBack,
    /// Stopped where it was, on request.
    LeftMixed,
    /// The first release failed, or was given up, and what it launched is gone.
    TornDown,
    /// Nothing was launched.
    Refused(Arc<str>),
    /// Another rollout took its place, and goes on from what there is. Nothing was proven but what is.
    Superseded {
        /// Which.
        by: RolloutId,
    },
    /// It has not ended: nothing moves until a person decides. [Retry](crate::controller::Rollout::retry) once the cause is gone, or
    /// [abort](crate::controller::Rollout::abort), back or to what there is; a gate may also be [opened](crate::controller::Rollout::promote).
    /// Then [drive](crate::controller::Rollout::drive) it again. Never journaled as an end.
    Needs(Need),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Unexercised => f.write_str("unexercised: the fleet is empty, nothing is proven"),
            Self::RolledBack => f.write_str("rolled back"),
            Self::LeftMixed => f.write_str("left mixed"),
            Self::TornDown => f.write_str("torn down"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Superseded { by } => write!(f, "superseded by rollout {by}"),
            Self::Needs(need) => write!(f, "needs a decision: {need}"),
        }
    }
}
