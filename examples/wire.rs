//! What crosses the wire between a cloud and other processes (`served.rs`): one question a connection, a line of JSON each way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use immutable_core::fleet::{
    Coverage, Destroyed, Ensured, Evidence, FleetCapabilities, FleetId, GenerationId, GenerationSpec, GroupId, GroupSeen,
    GroupState, Heals, Health, Held, Incident, Instance, Life, Observation, Refusal, Resize, Resized, Stranger, Ticket,
    TicketState, Trouble, Upkeep, Verdict, Working,
};
use immutable_core::id::{Epoch, InstanceKey, NativeRef, OpId, SourceId, Zone};
use immutable_core::{Applied, Digest, Error, ErrorKind, Timestamp};
use serde::{Deserialize, Serialize};

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    Hello,
    Ensure(Sent, Box<GenerationSpec>),
    Resize(Sent, Resize),
    Upkeep(Sent, GenerationId, Upkeep),
    Destroy(Sent, GenerationId),
    Follow(Ticket),
    Observe(FleetId, BTreeSet<GroupId>),
}

impl Ask {
    /// Of what changes something: which op it is, and when it was sent.
    pub(crate) fn sent(&self) -> Option<&Sent> {
        match self {
            Self::Ensure(sent, _) | Self::Resize(sent, _) | Self::Upkeep(sent, ..) | Self::Destroy(sent, _) => Some(sent),
            Self::Hello | Self::Follow(_) | Self::Observe(..) => None,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub(crate) fleet: FleetId,
    pub(crate) op: OpId,
    pub(crate) epoch: Epoch,
    pub(crate) at: Timestamp,
}

/// What whoever comes is told first: the cloud's time, and what it can.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) now: Timestamp,
    group_size_max: u32,
    zonal: bool,
    heals: Heals,
    request_lifetime: Duration,
}

impl Hello {
    pub(crate) fn new(now: Timestamp, of: &FleetCapabilities) -> Self {
        let FleetCapabilities { group_size_max, zonal, heals, request_lifetime, .. } = *of;
        Self { now, group_size_max, zonal, heals, request_lifetime }
    }

    pub(crate) fn capabilities(&self) -> FleetCapabilities {
        let Self { group_size_max, zonal, heals, request_lifetime, .. } = *self;
        FleetCapabilities { group_size_max, zonal, heals, request_lifetime, adopt: false }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failed {
    kind: ErrorKind,
    applied: Applied,
    found: Option<u32>,
    message: String,
}

impl From<&Error> for Failed {
    fn from(error: &Error) -> Self {
        let message = error.message().to_owned();
        Self { kind: error.kind(), applied: error.applied(), found: error.found(), message }
    }
}

impl From<Failed> for Error {
    fn from(Failed { kind, applied, found, message }: Failed) -> Self {
        let error = Self::new(kind, message).with_applied(applied);
        match found {
            Some(size) => error.with_found(size),
            None => error,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(remote = "Ensured")]
pub(crate) enum TheEnsured {
    Created { echo_until: Option<Timestamp>, ticket: Option<Ticket> },
    AlreadyOurs,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(remote = "Resized")]
pub(crate) struct TheResized {
    size: u32,
    refused: Vec<(InstanceKey, Refusal)>,
    ticket: Option<Ticket>,
    echo_until: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(remote = "Destroyed")]
pub(crate) enum TheDestroyed {
    Gone,
    Going,
    StillHas(u32),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(remote = "TicketState")]
pub(crate) enum TheTicketState {
    Running,
    Done,
    Failed(Trouble),
    Lost,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(remote = "Coverage")]
enum TheCoverage {
    Whole,
    Part(Arc<str>),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(remote = "Working")]
enum TheWorking {
    Idle,
    Busy,
    Unsaid,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(remote = "GroupState")]
enum TheGroupState {
    Present {
        size: u32,
        #[serde(with = "TheWorking")]
        working: Working,
        spec: Option<Digest>,
        upkeep: Option<Upkeep>,
    },
    Deleting,
    Absent,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(remote = "Evidence")]
enum TheEvidence {
    Instance(immutable_core::id::ImageId),
    Template(immutable_core::id::ImageId),
    None,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(remote = "Verdict")]
enum TheVerdict {
    Healthy,
    Unhealthy,
    Starting,
    Unknown,
}

/// [`Observation`]
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Look {
    groups: Vec<Group>,
    incidents: Vec<(Arc<str>, GroupId, Option<InstanceKey>, Trouble)>,
    strangers: Vec<(NativeRef, Option<GenerationId>, Option<GroupId>)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Group {
    group: GroupId,
    age: Duration,
    #[serde(with = "TheCoverage")]
    coverage: Coverage,
    #[serde(with = "TheGroupState")]
    state: GroupState,
    instances: Vec<Member>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Member {
    key: InstanceKey,
    zone: Option<Zone>,
    #[serde(with = "TheEvidence")]
    runs: Evidence,
    life: Life,
    held: Option<Held>,
    health: Vec<Word>,
    trouble: Option<Arc<Trouble>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Word {
    source: SourceId,
    #[serde(with = "TheVerdict")]
    verdict: Verdict,
}

impl From<Observation> for Look {
    fn from(seen: Observation) -> Self {
        let group = |GroupSeen { group, age, coverage, state, instances }: GroupSeen| {
            let instances = instances.iter().cloned().map(Member::from).collect();
            Group { group, age, coverage, state, instances }
        };
        let incident = |Incident { id, group, instance, trouble }| (id, group, instance, trouble);
        Self {
            groups: seen.groups.into_iter().map(group).collect(),
            incidents: seen.incidents.into_iter().map(incident).collect(),
            strangers: seen.strangers.into_iter().map(|Stranger { what, claims, orphan }| (what, claims, orphan)).collect(),
        }
    }
}

impl From<Look> for Observation {
    fn from(look: Look) -> Self {
        let group = |Group { group, age, coverage, state, instances }| {
            let instances: Vec<Instance> = instances.into_iter().map(Instance::from).collect();
            GroupSeen { group, age, coverage, state, instances: Arc::new(instances) }
        };
        let incident = |(id, group, instance, trouble)| Incident { id, group, instance, trouble };
        Self {
            groups: look.groups.into_iter().map(group).collect(),
            incidents: look.incidents.into_iter().map(incident).collect(),
            strangers: look.strangers.into_iter().map(|(what, claims, orphan)| Stranger { what, claims, orphan }).collect(),
        }
    }
}

impl From<Instance> for Member {
    fn from(Instance { key, zone, runs, life, held, health, trouble }: Instance) -> Self {
        let word = |Health { source, verdict }: &Health| Word { source: source.clone(), verdict: *verdict };
        Self { key, zone, runs, life, held, health: health.iter().map(word).collect(), trouble }
    }
}

impl From<Member> for Instance {
    fn from(Member { key, zone, runs, life, held, health, trouble }: Member) -> Self {
        let health = health.into_iter().map(|Word { source, verdict }| Health { source, verdict }).collect();
        Self { key, zone, runs, life, held, health, trouble }
    }
}
