//! What one look at a fleet returned. Grouped, and shared rather than copied: a fleet may have 100,000 instances.

use std::sync::Arc;
use std::time::Duration;

use crate::artifact::Digest;
use crate::fleet::op::Trouble;
use crate::fleet::{GenerationId, GroupId, Upkeep};
use crate::id::{ImageId, InstanceKey, NativeRef, SourceId, Zone};

/// What one look at a fleet returned.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// One entry for each group that was asked about.
    pub groups: Vec<GroupSeen>,
    /// Failures that the provider tells of by themselves, each known again by its id.
    pub incidents: Vec<Incident>,
    /// Things that bear this fleet's mark, or a name it would use, and were not asked about.
    pub strangers: Vec<Stranger>,
}

/// What was seen of one group.
#[derive(Clone, Debug)]
pub struct GroupSeen {
    /// Which group.
    pub group: GroupId,
    /// How old the view may be at most, counted from when it was asked for: zero if it was read from the source, longer if
    /// from a copy that lags.
    pub age: Duration,
    /// Whether all of the group was seen.
    pub coverage: Coverage,
    /// The group itself.
    pub state: GroupState,
    /// Its instances, in ascending order of their keys; those that are on their way out, and those recently gone as long as the
    /// provider shows them, included.
    pub instances: Arc<Vec<Instance>>,
}

/// Whether all of a group was seen. Absence from a part is not absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All of it.
    Whole,
    /// Not all, and why: a page that failed, a zone that is silent, an absence not yet certain.
    Part(Arc<str>),
}

/// The group itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// It exists.
    Present {
        /// The size it is set to: its members, and what was promised and has not come. Where nothing heals it falls with its members.
        size: u32,
        /// Whether the provider still has work on it.
        working: Working,
        /// The mark it was made with, if it bears ours.
        spec: Option<Digest>,
        /// What the provider may do to it by itself, if it can say.
        upkeep: Option<Upkeep>,
    },
    /// It is being deleted.
    Deleting,
    /// It does not exist, for certain.
    Absent,
}

/// The provider's own word on whether it has work left on a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Working {
    /// None.
    Idle,
    /// Some.
    Busy,
    /// It does not say.
    Unsaid,
}

/// One machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its name and incarnation.
    pub key: InstanceKey,
    /// Where it is.
    pub zone: Option<Zone>,
    /// What it was launched from.
    pub runs: Evidence,
    /// Where it is in its life.
    pub life: Life,
    /// What keeps it from being replaced or counted, if anything.
    pub held: Option<Held>,
    /// What each source says of its health, as old as the view. A verdict that is older is [`Verdict::Unknown`].
    pub health: Arc<[Health]>,
    /// Why it failed, if it did.
    pub trouble: Option<Arc<Trouble>>,
}

/// How we know what an instance was launched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The instance itself says so.
    Instance(ImageId),
    /// The template it was made from says so.
    Template(ImageId),
    /// We don't.
    None,
}

impl Evidence {
    /// The image, however we know it.
    pub fn image(&self) -> Option<&ImageId> {
        match self {
            Self::Instance(image) | Self::Template(image) => Some(image),
            Self::None => None,
        }
    }
}

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// Asked for; the provider has nothing to show yet.
    Requested,
    /// Starting.
    Booting,
    /// Running.
    Running,
    /// On its way out.
    Leaving,
    /// Gone, for ever.
    Gone,
    /// Stopped, and not on its way out.
    Stopped,
    /// Something this crate has no word for.
    Other,
}

/// What keeps an instance from being replaced or counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Held {
    /// Protected from termination.
    Protected,
    /// Taken out of service by someone.
    Standby,
    /// Waiting for a lifecycle hook.
    Hook,
    /// Kept after its end.
    Retained,
}

/// What one source says of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Who says it.
    pub source: SourceId,
    /// What it says.
    pub verdict: Verdict,
}

/// A source's word on an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Healthy,
    /// It does not.
    Unhealthy,
    /// It is too early to say.
    Starting,
    /// No word, or an old one: neither health nor illness.
    Unknown,
}

/// A failure that the provider tells of by itself; its instance may never have been seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// The provider's id of it, by which it is counted once.
    pub id: Arc<str>,
    /// In which group.
    pub group: GroupId,
    /// The instance, if there was one.
    pub instance: Option<InstanceKey>,
    /// What happened.
    pub trouble: Trouble,
}

/// Something that is not ours and looks as if it were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// What it is.
    pub what: NativeRef,
    /// The generation that its name or mark claims.
    pub claims: Option<GenerationId>,
    /// Which of the fleet's groups it was made as, by the mark that is set on whatever is made; `None` of what somebody else has
    /// made, also if it was [adopted](crate::provider::FleetProvider::adopt).
    pub orphan: Option<GroupId>,
}
