//! What is known of one fleet: the sum of its journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::analysis::Judgement;
use crate::artifact::Digest;
use crate::fleet::{Drifted, FailureClass, FleetId, GenerationId, GenerationSpec, GroupId, Op, Release, Route, Ticket, Upkeep};
use crate::id::{Actor, Epoch, InstanceKey, NativeRef, OpId, OwnerId, RolloutId, StreamVersion};
use crate::rollout::command::{CommandId, Fate};
use crate::rollout::event::Call;
use crate::rollout::phase::{Outcome, Phase};
use crate::rollout::plan::Plan;
use crate::rollout::pool::PoolState;
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pool: Option<PoolState>,
    pub(crate) owed: BTreeMap<OpId, Owed>,
    pub(crate) rollout: Option<RolloutState>,
    pub(crate) last: Option<(RolloutId, Outcome)>,
    /// The plan by whose terms the proven release is kept while no rollout runs: that of the last one that left it whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kept: Option<Arc<Plan>>,
    /// The strangers that a person was asked about in the last rollout and has let be.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) strangers: BTreeSet<Drifted>,
    /// The groups that were let be healed, and of which nothing was written since: one fall of each may be that of a member who died before.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) unread: BTreeSet<GroupId>,
    /// Releases that were given up in this fleet by their own fault, and why: the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) failed: Vec<Failed>,
    /// The group that is to become the fleet's first generation, as long as it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) adopting: Option<Adopting>,
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

/// A group that others made, on its way to become a fleet's first generation.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Adopting {
    /// Under which id it is marked.
    pub op: OpId,
    /// What the provider calls it.
    pub native: NativeRef,
    /// What it is as a generation.
    pub spec: Arc<GenerationSpec>,
}

/// A release that was given up in a fleet by its own fault.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Failed {
    /// Which.
    pub release: Release,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub why: Arc<str>,
}

/// So many of them are remembered.
const FAILED: usize = 32;

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
    /// Since when it is told to finish the requests it has, if it is.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub draining: Option<Timestamp>,
    /// Where it is on its way out.
    #[serde(rename = "e", default, skip_serializing_if = "Exit::is_none")]
    pub exit: Exit,
    /// Whether its failure has been charged, or would be nobody's fault: it was there before the rollout.
    #[serde(rename = "c", default, skip_serializing_if = "std::ops::Not::not")]
    pub charged: bool,
    /// Since when it is named to leave, and may take as long as the leave deadline; of one that is not, when a call failed that may have taken it.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub named: Option<Timestamp>,
}

impl Member {
    /// One that is seen for the first time.
    pub(crate) fn new(seen: Timestamp) -> Self {
        let (healthy, ill, draining, named) = Default::default();
        Self { seen, healthy, ill, once: false, draining, exit: Exit::None, charged: false, named }
    }

    /// Whether nothing takes it though it was named: the operation that was to has failed, and no copy of the call can arrive any more.
    pub(crate) fn stays(&self, quiet: bool) -> bool {
        quiet && self.exit == Exit::Named && self.named.is_none()
    }

    /// Since when it is told to leave, if it is.
    pub(crate) fn told(&self) -> Option<Timestamp> {
        self.draining.or(self.named.filter(|_| self.exit == Exit::Named))
    }
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
    /// Of those it names to leave, who had been named before: they leave whatever comes of it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub again: BTreeSet<InstanceKey>,
    /// Since when.
    #[serde(default)]
    pub since: Timestamp,
}

/// The rollout that runs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RolloutState {
    /// Its number.
    pub id: RolloutId,
    /// When it began.
    #[serde(default)]
    pub begun: Timestamp,
    /// All of its plan.
    pub plan: Arc<Plan>,
    /// The generation that the plan makes or uses.
    pub wanted: GenerationId,
    /// The release proven when it began.
    pub baseline: Option<Proven>,
    /// Where it is.
    pub phase: Phase,
    /// Since when.
    #[serde(default)]
    pub moved: Timestamp,
    /// The most ready instances that this step has had.
    pub best: u32,
    /// Whether it has launched anything of what is wanted, or found it there.
    #[serde(default)]
    pub launched: bool,
    /// What the fleet's size was changed to meanwhile, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resized: Option<u32>,
    /// What is known of the gate that is waited for.
    #[serde(default, skip_serializing_if = "GateState::is_untouched")]
    pub gate: GateState,
    /// The commands that were heard while it runs, and what became of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub heard: BTreeMap<CommandId, Fate>,
    /// When it goes back if the release is not proven by then, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_at: Option<Timestamp>,
    /// What somebody else has changed and a person was asked about, who has decided that the rollout goes on.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub decided: BTreeSet<Drifted>,
}

/// What is known of the gate that is waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GateState {
    /// When its judge was asked last, and what it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<(Timestamp, Judgement)>,
    /// Who has approved.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub approved: BTreeSet<Actor>,
}

impl GateState {
    fn is_untouched(&self) -> bool {
        *self == Self::default()
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
            pool: None,
            owed: BTreeMap::new(),
            rollout: None,
            last: None,
            kept: None,
            strangers: BTreeSet::new(),
            unread: BTreeSet::new(),
            failed: Vec::new(),
            adopting: None,
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

    /// The pool that its requests come from.
    pub fn pool(&self) -> Option<&PoolState> {
        self.pool.as_ref()
    }

    /// The rollout that runs.
    pub fn rollout(&self) -> Option<&RolloutState> {
        self.rollout.as_ref()
    }

    /// How the last rollout ended.
    pub fn last(&self) -> Option<&(RolloutId, Outcome)> {
        self.last.as_ref()
    }

    /// The plan of the last rollout that left the proven release whole: by its terms the fleet is [kept](crate::Controller::keep) while none runs.
    /// `None` before the first, and of a fleet that was left mixed.
    pub fn kept(&self) -> Option<&Plan> {
        self.kept.as_deref()
    }

    /// Why a release was given up in this fleet by its own fault, if it was, and has not been proven since.
    pub fn given_up(&self, release: Release) -> Option<&Failed> {
        self.failed.iter().find(|failed| failed.release == release)
    }

    /// The group that is to become the fleet's first generation, if one is [being adopted](crate::Controller::adopt).
    pub fn adopting(&self) -> Option<&Adopting> {
        self.adopting.as_ref()
    }

    pub(crate) fn note_failed(&mut self, release: Release, at: Timestamp, why: Arc<str>) {
        self.failed.retain(|failed| failed.release != release);
        self.failed.push(Failed { release, at, why });
        let beyond = self.failed.len().saturating_sub(FAILED);
        self.failed.drain(..beyond);
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

    /// The generation of a release that is there and has the most to offer; of equals the newest.
    pub(crate) fn generation_of(
        &self,
        release: Release,
        may: impl Fn(GenerationId, &GenerationState) -> bool,
    ) -> Option<(GenerationId, &GenerationState)> {
        let there = self.generations.iter().map(|(id, generation)| (*id, generation)).filter(|(id, generation)| {
            may(*id, generation) && generation.life == GenerationLife::Present && generation.release() == release
        });
        there.max_by_key(|(id, generation)| (generation.size(), *id))
    }

    /// Whether no other call may be made about this group now: one about it, or about its whole generation, is owed.
    pub(crate) fn busy(&self, group: GroupId) -> bool {
        self.owed
            .values()
            .any(|owed| owed.call.generation() == Some(group.generation) && owed.call.group().is_none_or(|other| other == group))
    }

    /// Whether any call about this generation or one of its groups is owed.
    pub(crate) fn generation_busy(&self, generation: GenerationId) -> bool {
        self.owed.values().any(|owed| owed.call.generation() == Some(generation))
    }

    /// The route that is owed, if one is.
    pub(crate) fn route_owed(&self) -> Option<&Route> {
        self.owed.values().find_map(|owed| if let Call::Route(route) = &owed.call { Some(&**route) } else { None })
    }
}

impl GenerationState {
    /// One of which nothing is known but how it is made.
    pub(crate) fn new(spec: &Arc<GenerationSpec>, life: GenerationLife) -> Self {
        let (incidents, charged) = Default::default();
        Self {
            spec: spec.clone(),
            life,
            upkeep: spec.upkeep,
            first_ready: None,
            asked: 0,
            appeared: 0,
            refused: None,
            groups: spec.groups.iter().map(|group| (group.cell, Slots::default())).collect(),
            incidents,
            charged,
        }
    }

    /// What it runs.
    pub fn release(&self) -> Release {
        self.spec.release
    }

    /// Whether its groups can have so many in all.
    pub(crate) fn holds(&self, instances: u32) -> bool {
        self.spec.groups.iter().map(|group| u64::from(group.max)).sum::<u64>() >= u64::from(instances)
    }

    /// Nobody who is there now is charged with anything from here on, and nothing is held against their release.
    pub(crate) fn blame_nobody(&mut self) {
        self.charged.clear();
        let members = self.groups.values_mut().flat_map(|slots| slots.members.values_mut());
        members.for_each(|member| member.charged = true);
    }

    /// The sum of its groups' sizes. Saturates: a provider may report anything.
    pub fn size(&self) -> u32 {
        self.groups.values().fold(0, |sum, slots| sum.saturating_add(slots.size))
    }
}
