//! What is known of one fleet: the sum of its journal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::artifact::Digest;
use crate::fleet::{FailureClass, FleetId, GenerationId, GenerationSpec, GroupId, Op, Release, Ticket, Upkeep};
use crate::id::{Epoch, InstanceKey, OpId, OwnerId, RolloutId, StepIx, StreamVersion};
use crate::rollout::event::Call;
use crate::rollout::plan::Plan;
use crate::time::Timestamp;

/// What is known of one fleet: the sum of its journal. Only [`evolve`](FleetState::evolve) changes it.
///
/// What can be read again from the provider is not in it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FleetState {
    pub(crate) fleet: FleetId,
    pub(crate) at: Timestamp,
    pub(crate) epoch: Epoch,
    pub(crate) owner: Option<OwnerId>,
    pub(crate) inbox: StreamVersion,
    pub(crate) desired: u32,
    pub(crate) proven: Option<Proven>,
    pub(crate) generations: BTreeMap<GenerationId, GenerationState>,
    pub(crate) owed: BTreeMap<OpId, Owed>,
    pub(crate) rollout: Option<RolloutState>,
    pub(crate) last: Option<(RolloutId, Outcome)>,
    pub(crate) next_op: OpId,
    pub(crate) next_generation: u32,
    pub(crate) next_rollout: u32,
}

/// The release that a fleet can always go back to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Proven {
    /// How the generation that proved it was made.
    pub spec: Arc<GenerationSpec>,
    /// When.
    pub at: Timestamp,
    /// How many instances were read, every one of them ready and of its image.
    pub instances: u32,
    /// SHA-256 over their keys and images: see [`Event::Proven`](crate::rollout::Event::Proven).
    pub evidence: Digest,
}

/// One generation.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GenerationState {
    /// How it was made.
    pub spec: Arc<GenerationSpec>,
    /// Whether it exists.
    pub life: GenerationLife,
    /// What the provider may do to it by itself, as last settled.
    pub upkeep: Upkeep,
    /// Why it can never be made, if the provider said so.
    pub refused: Option<Arc<str>>,
    /// When its first instance was ready.
    pub first_ready: Option<Timestamp>,
    /// How many launches were asked for, and granted, in the rollout that runs; those given up do not count.
    #[serde(default)]
    pub asked: u32,
    /// How many instances were seen for the first time in the rollout that runs.
    #[serde(default)]
    pub appeared: u32,
    /// Its groups, by cell.
    pub groups: BTreeMap<u16, Slots>,
    /// Incidents that have been charged.
    pub incidents: BTreeSet<Arc<str>>,
    /// How many failures of each class have been charged in the rollout that runs.
    pub charged: BTreeMap<FailureClass, u32>,
}

/// Whether a generation exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GenerationLife {
    /// Its making is owed.
    Making,
    /// It exists.
    Present,
    /// Its removal was answered; it is not confirmed absent yet.
    Going,
}

/// What is known of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Slots {
    /// Its size, as last settled or read.
    pub size: u32,
    /// When the last write to it was settled: an older view does not show it.
    pub settled_at: Timestamp,
    /// When it was last raised.
    pub raised_at: Timestamp,
    /// Before this nothing different may be written to it.
    pub quiet_until: Timestamp,
    /// How many writes in a row failed, or came short.
    pub failures: u32,
    /// Whether what was last asked for did not come: others are asked first.
    pub short: bool,
    /// Every instance seen in it, the gone ones for as long as an old view may still show them.
    pub members: BTreeMap<InstanceKey, Member>,
}

/// What is known of one instance, and could not be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Member {
    /// When it was first seen.
    #[serde(rename = "s")]
    pub seen: Timestamp,
    /// Since when it is healthy, as far as anyone knows.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub healthy: Option<Timestamp>,
    /// When it was last seen to be unhealthy after health, until it is healthy again.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub ill: Option<Timestamp>,
    /// Whether it was ever healthy in this rollout, or when it began.
    #[serde(rename = "o", default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
    /// Where it is on its way out.
    #[serde(rename = "e", default, skip_serializing_if = "Exit::is_none")]
    pub exit: Exit,
    /// Whether its failure has been charged, or would be nobody's fault: it was there before the rollout.
    #[serde(rename = "c", default, skip_serializing_if = "std::ops::Not::not")]
    pub charged: bool,
}

/// Where an instance is on its way out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// Nowhere.
    #[default]
    None,
    /// We named it to leave.
    Named,
    /// It is gone, for ever.
    Gone,
}

impl Exit {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// A call that is owed to the provider.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Owed {
    /// The call.
    pub call: Call,
    /// The time of the view it was last judged on.
    pub basis: Timestamp,
    /// Until when a copy of it may still arrive.
    pub echo_until: Timestamp,
    /// Whether a copy of it was sent, or may have been, whose result nobody knows.
    pub uncertain: bool,
    /// Set once the provider has accepted it.
    pub ticket: Option<Ticket>,
}

/// The rollout that runs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RolloutState {
    /// Its number.
    pub id: RolloutId,
    /// All of its plan.
    pub plan: Arc<Plan>,
    /// The generation that the plan makes or uses.
    pub wanted: GenerationId,
    /// The release proven when it began.
    pub baseline: Option<Proven>,
    /// Where it is.
    pub phase: Phase,
    /// The most ready instances that this step has had.
    pub best: u32,
    /// How many rollbacks have begun.
    pub reverts: u32,
}

/// Where a rollout is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// When this phase takes too long, if it can.
    pub fn give_up_at(&self) -> Option<Timestamp> {
        match self {
            Self::Preparing { give_up_at } | Self::Finishing { give_up_at, .. } => Some(*give_up_at),
            Self::Stepping { at: StepState::Moving { give_up_at }, .. }
            | Self::Reverting { at: StepState::Moving { give_up_at }, .. } => Some(*give_up_at),
            Self::Held { .. } => None,
        }
    }

    pub(crate) fn give_up_at_mut(&mut self) -> Option<&mut Timestamp> {
        match self {
            Self::Preparing { give_up_at } | Self::Finishing { give_up_at, .. } => Some(give_up_at),
            Self::Stepping { at: StepState::Moving { give_up_at }, .. }
            | Self::Reverting { at: StepState::Moving { give_up_at }, .. } => Some(give_up_at),
            Self::Held { .. } => None,
        }
    }
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepState {
    /// Sizes are on their way to the goal.
    Moving {
        /// When that takes too long.
        give_up_at: Timestamp,
    },
}

/// Why a rollout goes back.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RevertCause {
    /// Too many instances failed by the release's fault.
    Failed(Arc<str>),
    /// No progress for too long.
    Deadline,
    /// The release was revoked.
    Revoked(Arc<str>),
    /// Somebody asked for it.
    Asked,
}

impl fmt::Display for RevertCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) => f.write_str(why),
            Self::Deadline => f.write_str("no progress within the deadline"),
            Self::Revoked(why) => write!(f, "the release was revoked: {why}"),
            Self::Asked => f.write_str("asked for"),
        }
    }
}

/// To which end a rollout finishes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ending {
    /// The wanted release has the fleet.
    Forward,
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
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Hold {
    /// A person must decide; until then nothing is sent, and what is owed stays owed.
    Needs(Need),
}

/// What a person is asked for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
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
    RollbackDeadline,
    /// What should leave does not.
    StuckLeaving,
    /// Nothing can be decided: for too long no whole view, or no word on anybody's health.
    ProviderSilent,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBaseline { why } => write!(f, "the release failed ({why}) and no release is proven to go back to"),
            Self::BaselineUnlaunchable { why } => write!(f, "the proven release cannot be launched: {why}"),
            Self::RollbackDeadline => f.write_str("the rollback has taken longer than its deadline"),
            Self::StuckLeaving => f.write_str("what should be removed does not go"),
            Self::ProviderSilent => f.write_str("for too long nothing was heard of the fleet's health"),
        }
    }
}

/// How a rollout ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// It has not ended: nothing moves until a person decides. [Abort](crate::controller::Rollout::abort) it, back or to what there is; to go on after the
    /// cause is gone, leave it mixed and plan the same artifact again: what is there is used. Never journaled as an end.
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
            Self::Needs(need) => write!(f, "needs a decision: {need}"),
        }
    }
}

impl FleetState {
    /// A fleet of which nothing is known.
    pub fn new(fleet: FleetId) -> Self {
        Self {
            fleet,
            at: Timestamp::default(),
            epoch: Epoch(0),
            owner: None,
            inbox: StreamVersion(0),
            desired: 0,
            proven: None,
            generations: BTreeMap::new(),
            owed: BTreeMap::new(),
            rollout: None,
            last: None,
            next_op: OpId(1),
            next_generation: 1,
            next_rollout: 1,
        }
    }

    /// Which fleet.
    pub fn fleet(&self) -> &FleetId {
        &self.fleet
    }

    /// The time of its last event.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// How often it has been claimed.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Who claimed it last.
    pub fn owner(&self) -> Option<&OwnerId> {
        self.owner.as_ref()
    }

    /// How far its inbox has been read.
    pub fn inbox_read(&self) -> StreamVersion {
        self.inbox
    }

    /// How many instances it should have.
    pub fn desired(&self) -> u32 {
        self.desired
    }

    /// The release it can go back to.
    pub fn proven(&self) -> Option<&Proven> {
        self.proven.as_ref()
    }

    /// Its generations.
    pub fn generations(&self) -> &BTreeMap<GenerationId, GenerationState> {
        &self.generations
    }

    /// The rollout that runs.
    pub fn rollout(&self) -> Option<&RolloutState> {
        self.rollout.as_ref()
    }

    /// How the last rollout ended.
    pub fn last(&self) -> Option<&(RolloutId, Outcome)> {
        self.last.as_ref()
    }

    /// The number of the rollout that can begin next.
    pub fn next_rollout(&self) -> RolloutId {
        RolloutId(self.next_rollout)
    }

    /// The calls that are owed: the state is the outbox.
    pub fn owed(&self) -> impl Iterator<Item = (OpId, &Owed)> {
        self.owed.iter().map(|(id, owed)| (*id, owed))
    }

    /// Under what name an owed call is sent.
    pub fn op(&self, id: OpId) -> Op {
        Op::new(&self.fleet, id, self.epoch)
    }

    /// The groups to look at: those of every generation that may exist.
    pub fn known_groups(&self) -> BTreeSet<GroupId> {
        self.generations.values().flat_map(|generation| generation.spec.group_ids()).collect()
    }

    /// What is known of a group.
    pub fn slots(&self, group: GroupId) -> Option<&Slots> {
        self.generations.get(&group.generation)?.groups.get(&group.cell)
    }

    pub(crate) fn slots_mut(&mut self, group: GroupId) -> Option<&mut Slots> {
        self.generations.get_mut(&group.generation)?.groups.get_mut(&group.cell)
    }

    /// Whether no other call may be made about this group now: one about it, or about its whole generation, is owed.
    pub(crate) fn busy(&self, group: GroupId) -> bool {
        self.owed
            .values()
            .any(|owed| owed.call.generation() == group.generation && owed.call.group().is_none_or(|other| other == group))
    }

    /// Whether any call about this generation or one of its groups is owed.
    pub(crate) fn generation_busy(&self, generation: GenerationId) -> bool {
        self.owed.values().any(|owed| owed.call.generation() == generation)
    }
}

impl GenerationState {
    /// What it runs.
    pub fn release(&self) -> Release {
        self.spec.release
    }

    /// The sum of its groups' sizes.
    pub fn size(&self) -> u32 {
        self.groups.values().map(|slots| slots.size).sum()
    }
}
