//! What is journaled: facts about one fleet, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::analysis::Judgement;
use crate::artifact::Digest;
use crate::error::{ErrorKind, Retry};
use crate::fleet::{FailureClass, GenerationId, GenerationSpec, GroupId, Refusal, Resize, Route, Ticket, Upkeep};
use crate::id::{Actor, Epoch, InstanceKey, NativeRef, OpId, OwnerId, PoolId, RolloutId, StepIx, StreamVersion};
use crate::rollout::command::CommandId;
use crate::rollout::phase::{Outcome, Phase};
use crate::rollout::plan::Plan;
use crate::time::Timestamp;

/// An event with its time and its owner's epoch: one record of a fleet's journal, as one JSON object.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The format of the record: [`FORMAT`](Self::FORMAT).
    pub v: u32,
    /// When it was decided, by its owner's clock and never before the record before it.
    pub at: Timestamp,
    /// The claim it was written under.
    pub epoch: Epoch,
    /// The fact.
    pub event: Event,
}

/// A fact about a fleet.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Event {
    /// An owner drives the fleet from here on; whatever an earlier one writes later is illegal.
    Claimed {
        /// By what name.
        owner: OwnerId,
        /// Until when calls of an earlier owner may still take effect.
        echo_until: Timestamp,
    },
    /// Whoever has claimed the fleet lets it go: they cannot drive it, and others may.
    Released,
    /// A rollout began.
    Opened {
        /// Its number.
        rollout: RolloutId,
        /// All of it.
        plan: Box<Plan>,
    },
    /// A command was read from the inbox.
    Heard {
        /// Which.
        command: CommandId,
        /// Who gave it.
        by: Actor,
        /// Up to where the inbox has been read.
        inbox: StreamVersion,
        /// Why nothing follows from it, if so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<Arc<str>>,
    },
    /// The fleet is to have another size from here on, or, where its rollout holds the size, from that one's end on.
    Resized {
        /// How many instances.
        desired: u32,
    },
    /// A call is owed to the provider.
    Owed {
        /// Its id.
        op: OpId,
        /// The call, with every parameter.
        call: Call,
        /// The time of the view it was decided on.
        basis: Timestamp,
    },
    /// An owed call was judged again on a fresh view, and stands.
    Renewed {
        /// Which.
        op: OpId,
        /// The time of that view.
        basis: Timestamp,
    },
    /// A call was answered.
    Settled {
        /// Which.
        op: OpId,
        /// The answer.
        result: OpResult,
    },
    /// What was seen and could not be read again.
    Noted(Box<Noted>),
    /// Nothing was new for a minute, and somebody watched: by this a successor tells for how long nobody did.
    Watched,
    /// Somebody has asked for something to be removed that is marked as the fleet's and that its journal does not know. The call is sent once this is journaled,
    /// and is not owed: nothing of the fleet rests on what comes of it.
    Condemned {
        /// Its id.
        op: OpId,
        /// The call: members are named to leave, slots given up, or the generation is removed.
        call: Call,
        /// Who has asked for it.
        by: Actor,
    },
    /// Somebody has asked for a group that others made to become the fleet's first generation. It gets our marks once this is journaled, and is nobody's baseline before
    /// it is [`Adopted`](Self::Adopted).
    Adopting {
        /// Under which id it is marked.
        op: OpId,
        /// What the provider calls it.
        native: NativeRef,
        /// What it is as a generation: what was read of it, and which artifact that is.
        spec: Arc<GenerationSpec>,
        /// Who has asked for it.
        by: Actor,
    },
    /// It bears our marks, and was read back: it is the fleet's generation from here on, and its release is proven.
    Adopted {
        /// Under which id it was marked.
        op: OpId,
        /// How many instances it has, every one of them ready and of its image.
        instances: u32,
        /// SHA-256 over the keys of those instances and the image of each, as a JSON array.
        evidence: Digest,
    },
    /// A gate's judge has spoken.
    Judged {
        /// Of which step's gate.
        step: StepIx,
        /// When it was asked.
        asked: Timestamp,
        /// What it said.
        judgement: Judgement,
    },
    /// Somebody who is named has approved.
    Approved {
        /// Which step's gate.
        step: StepIx,
        /// Who.
        by: Actor,
    },
    /// The rollout is in another phase.
    Moved {
        /// Which.
        to: Phase,
    },
    /// A release is proven in this fleet: the baseline from here on.
    Proven {
        /// The generation that was read.
        generation: GenerationId,
        /// How many instances it has, every one of them ready and of its image.
        instances: u32,
        /// SHA-256 over the keys of those instances and the image of each, as a JSON array.
        evidence: Digest,
    },
    /// The rollout ended.
    Ended {
        /// How.
        outcome: Outcome,
    },
}

/// What was seen and cannot be read again, at most once a tick.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Noted {
    /// Instances seen for the first time.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub appeared: BTreeMap<GroupId, Vec<InstanceKey>>,
    /// Instances that are healthy and were not, or not known to be.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub healthy: BTreeMap<GroupId, Vec<InstanceKey>>,
    /// Instances that were healthy and are freshly unhealthy.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unhealthy: BTreeMap<GroupId, Vec<InstanceKey>>,
    /// Instances that are gone for ever.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub gone: BTreeMap<GroupId, Vec<InstanceKey>>,
    /// Sizes that are not what was last settled.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sizes: BTreeMap<GroupId, u32>,
    /// The weights that the pool has and that are not what was last settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<BTreeMap<GenerationId, u16>>,
    /// What generations may do by themselves, where that is not what was last settled.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub upkeep: BTreeMap<GenerationId, Upkeep>,
    /// Incidents that the provider told of before anything was launched, by generation: nobody is charged with them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub told: BTreeMap<GenerationId, Vec<Arc<str>>>,
    /// Failures, each charged once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub charged: Vec<Charge>,
    /// Generations that have had their first ready instance.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exercised: Vec<GenerationId>,
    /// Generations that no longer exist.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<GenerationId>,
    /// There is progress: a new maximum of ready instances of the wanted generation in this step, or somebody who left. The maximum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<u32>,
}

impl Noted {
    /// Whether there is nothing to note.
    pub fn is_empty(&self) -> bool {
        let Self { appeared, healthy, unhealthy, gone, sizes, weights, upkeep, told, charged, exercised, absent, progress } =
            self;
        [appeared, healthy, unhealthy, gone].into_iter().all(BTreeMap::is_empty)
            && sizes.is_empty()
            && weights.is_none()
            && upkeep.is_empty()
            && told.is_empty()
            && charged.is_empty()
            && exercised.is_empty()
            && absent.is_empty()
            && progress.is_none()
    }
}

/// One failure.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// In which group.
    pub group: GroupId,
    /// The instance, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceKey>,
    /// The provider's incident, if it told of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Arc<str>>,
    /// Whose fault.
    pub class: FailureClass,
    /// What happened.
    pub what: Arc<str>,
}

/// A call to a provider, with every parameter: what is sent again after a crash is this.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Call {
    /// Make a generation.
    Ensure(Arc<GenerationSpec>),
    /// Change a group's size.
    Resize(Arc<Resize>),
    /// Set what the provider may do by itself.
    Upkeep(GenerationId, Upkeep),
    /// Remove an empty generation.
    Destroy(GenerationId),
    /// Divide a pool's traffic.
    Route(Arc<Route>),
    /// Let members of a group finish the requests they have: they are to leave.
    Drain {
        /// Targets of which pool.
        pool: PoolId,
        /// Of which group.
        group: GroupId,
        /// Who; never empty.
        leaving: Arc<BTreeSet<InstanceKey>>,
    },
}

impl Call {
    /// The generation it is about; none of a route, which is about the pool.
    pub fn generation(&self) -> Option<GenerationId> {
        match self {
            Self::Ensure(spec) => Some(spec.id),
            Self::Resize(resize) => Some(resize.group().generation),
            Self::Drain { group, .. } => Some(group.generation),
            Self::Upkeep(generation, _) | Self::Destroy(generation) => Some(*generation),
            Self::Route(_) => None,
        }
    }

    /// The group it is about, if it is about one alone.
    pub fn group(&self) -> Option<GroupId> {
        match self {
            Self::Resize(resize) => Some(resize.group()),
            Self::Drain { group, .. } => Some(*group),
            _ => None,
        }
    }
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OpResult {
    /// It was done.
    Done {
        /// The group's size after it, of a resize.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u32>,
        /// Of those named to leave, who stays.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        refused: Vec<(InstanceKey, Refusal)>,
        /// Until when a copy of it may still arrive.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        echo_until: Option<Timestamp>,
        /// Of a removal: whether nothing is left, or on its way; otherwise it had members and nothing was done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        removed: Option<bool>,
    },
    /// The provider accepted it, and works on it. The call stays owed.
    Accepted {
        /// What to follow.
        ticket: Ticket,
        /// Until when a copy of it may still arrive.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        echo_until: Option<Timestamp>,
    },
    /// It was not done and will not be.
    Failed(Refused),
    /// Nobody knows. The call stays owed.
    Unknown {
        /// Until when a copy of it may still arrive.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        echo_until: Option<Timestamp>,
    },
}

impl OpResult {
    /// The same, by a clock that is so far ahead of whoever answered.
    pub(crate) fn later(mut self, ahead: Duration) -> Self {
        let (Self::Done { echo_until, .. }
        | Self::Accepted { echo_until, .. }
        | Self::Failed(Refused { echo_until, .. })
        | Self::Unknown { echo_until }) = &mut self;
        if let Some(until) = echo_until {
            *until = *until + ahead;
        }
        self
    }
}

/// Why a call was not done.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// What kind of error.
    pub kind: ErrorKind,
    /// Whether the same could work later.
    pub retry: Retry,
    /// In words.
    pub what: Arc<str>,
    /// Of a conflict over a size: the size found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<u32>,
    /// Until when a copy of it may still arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo_until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_when_a_copy_may_arrive_is_told_by_the_clock_that_is_ahead() {
        let said = |echo_until: Option<Timestamp>| {
            let refused = Refused { kind: ErrorKind::Taken, retry: Retry::Never, what: "taken".into(), found: None, echo_until };
            [
                OpResult::Done { size: None, refused: Vec::new(), echo_until, removed: None },
                OpResult::Accepted { ticket: Ticket("one".into()), echo_until },
                OpResult::Failed(refused),
                OpResult::Unknown { echo_until },
            ]
        };
        let at = |minute: i64| Some(Timestamp::from_millis(minute * 60_000));
        let ahead = Duration::from_secs(5 * 60);
        assert_eq!(said(at(1)).map(|result| result.later(ahead)), said(at(6)));
        assert_eq!(said(None).map(|result| result.later(ahead)), said(None));
    }
}
