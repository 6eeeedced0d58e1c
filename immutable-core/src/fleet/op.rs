//! What a provider is asked to do, and what it answers.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::artifact::sha256;
use crate::fleet::{FleetId, GroupId};
use crate::id::{Epoch, InstanceKey, OpId};
use crate::time::Timestamp;

/// Under what name a call is made. Each call that changes anything carries one, journaled before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Whose call.
    pub fleet: FleetId,
    /// Which of that fleet's calls.
    pub id: OpId,
    /// Whether two calls are one: a function of the fleet and the id alone. The same token always comes with the same parameters.
    pub token: [u8; 16],
    /// The sender's claim, for logs. Providers cannot fence by it.
    pub epoch: Epoch,
}

impl Op {
    /// The op of this id.
    pub fn new(fleet: &FleetId, id: OpId, epoch: Epoch) -> Self {
        let mut token = [0; 16];
        let digest = sha256([&*fleet.to_string(), "\0", &id.to_string()].concat().as_bytes());
        token.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self { fleet: fleet.clone(), id, token, epoch }
    }

    /// The token as a UUID of version 8 (RFC 9562), which clouds take as a client token or request id.
    pub fn uuid(&self) -> String {
        let mut bits = u128::from_be_bytes(self.token);
        bits = bits & !(0xf << 76) | (0x8 << 76);
        bits = bits & !(0x3 << 62) | (0x2 << 62);
        let hex = format!("{bits:032x}");
        let mut out = String::with_capacity(36);
        for (at, digit) in hex.chars().enumerate() {
            if [8, 12, 16, 20].contains(&at) {
                out.push('-');
            }
            out.push(digit);
        }
        out
    }
}

/// The only three things that may happen to a size. Lowering always names who leaves; a provider never chooses.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Resize {
    /// Launch `to - from` more.
    Raise {
        /// Which group.
        group: GroupId,
        /// The size it must have.
        from: u32,
        /// The size it gets.
        to: u32,
    },
    /// Terminate exactly the named, and lower the size by as many.
    Lower {
        /// Which group.
        group: GroupId,
        /// The size it must have.
        from: u32,
        /// Who leaves; never empty.
        leave: BTreeSet<InstanceKey>,
    },
    /// Forget slots that were asked for and never came. Only while the group is idle and has at most `to` members.
    GiveUp {
        /// Which group.
        group: GroupId,
        /// The size it must have.
        from: u32,
        /// The size it gets.
        to: u32,
    },
}

impl Resize {
    /// Which group.
    pub fn group(&self) -> GroupId {
        match self {
            Self::Raise { group, .. } | Self::Lower { group, .. } | Self::GiveUp { group, .. } => *group,
        }
    }

    /// The size the group must have.
    pub fn from(&self) -> u32 {
        match self {
            Self::Raise { from, .. } | Self::Lower { from, .. } | Self::GiveUp { from, .. } => *from,
        }
    }

    /// The size the group gets.
    pub fn to(&self) -> u32 {
        match self {
            Self::Raise { to, .. } | Self::GiveUp { to, .. } => *to,
            Self::Lower { from, leave, .. } => from.saturating_sub(u32::try_from(leave.len()).unwrap_or(u32::MAX)),
        }
    }
}

/// What a [`Resize`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resized {
    /// The size the group has now. Less than asked for by a raise is a final answer, unless a ticket says that it goes on: the rest is
    /// a new call.
    pub size: u32,
    /// Of those named to leave, who stays, and why.
    pub refused: Vec<(InstanceKey, Refusal)>,
    /// Set if the provider only accepted the call: what to follow to its end.
    pub ticket: Option<Ticket>,
    /// Until when a copy of this call may still arrive and take effect; `None` if none can, or none could do harm.
    pub echo_until: Option<Timestamp>,
}

/// Why an instance that was named to leave stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Something holds it.
    Held,
    /// It is not, or no longer, a member of the group.
    NotMember,
}

/// A provider's handle of an operation that it accepted and has not ended; can be followed by any process.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Ticket(pub Arc<str>);

/// How an accepted operation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TicketState {
    /// It goes on.
    Running,
    /// It did what was asked.
    Done,
    /// It ended, and did not do, or not wholly do, what was asked.
    Failed(Trouble),
    /// The provider no longer knows it.
    Lost,
}

/// What [`ensure_generation`](crate::provider::FleetProvider::ensure_generation) did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ensured {
    /// It made it.
    Created {
        /// Until when a copy of this call may still arrive and take effect.
        echo_until: Option<Timestamp>,
        /// Set if the provider only accepted the call.
        ticket: Option<Ticket>,
    },
    /// It was there, and equal.
    AlreadyOurs,
}

/// What [`destroy_generation`](crate::provider::FleetProvider::destroy_generation) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destroyed {
    /// Nothing is left.
    Gone,
    /// It is going, and needs no further call.
    Going,
    /// Nothing was done: it still has this many members.
    StillHas(u32),
}

/// Something that a preflight found, of [machines](crate::provider::FleetProvider::preflight) or of a [pool](crate::provider::TrafficSwitch::preflight).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What, as a sentence.
    pub what: String,
    /// Whether the plan cannot work because of it.
    pub blocks: bool,
}

/// Why something failed, so that the right one is charged for it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// Whose fault.
    pub class: FailureClass,
    /// The provider's code.
    pub code: Arc<str>,
    /// The provider's words.
    pub message: Arc<str>,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureClass {
    /// The provider had no machine to give.
    Capacity,
    /// The account may not have more.
    Quota,
    /// The provider's machine or network failed.
    Platform,
    /// The image does not boot.
    Image,
    /// It runs and is not healthy.
    Health,
    /// Nobody knows.
    Unknown,
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capacity => "capacity",
            Self::Quota => "quota",
            Self::Platform => "platform",
            Self::Image => "image",
            Self::Health => "health",
            Self::Unknown => "unknown",
        })
    }
}

/// What a fleet provider can do. A plan that needs what it cannot is refused when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetCapabilities {
    /// How many instances a group may have.
    pub group_size_max: u32,
    /// Whether groups can be placed in a zone; if not, only in the region.
    pub zonal: bool,
    /// Whether the provider replaces failed instances by itself.
    pub heals: Heals,
    /// How long after it was sent a call may still take effect, if the provider neither compares sizes nor remembers tokens.
    /// Zero if it does either. A new owner of a fleet waits this long before it writes otherwise to what a former one wrote to.
    pub request_lifetime: std::time::Duration,
    /// Whether [`inspect`](crate::provider::FleetProvider::inspect) can read what others made.
    pub adopt: bool,
}

/// Whether a provider replaces failed instances by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heals {
    /// It never does.
    Never,
    /// It always does.
    Always,
    /// It does if [`Upkeep::heal`](crate::fleet::Upkeep) says so.
    Switchable,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Place;

    #[test]
    fn a_token_is_a_function_of_fleet_and_op_and_a_valid_uuid() {
        let fleet = FleetId::new(Place::new("memory", "local", "local").unwrap(), "web");
        let op = Op::new(&fleet, OpId(7), Epoch(1));
        assert_eq!(op.token, Op::new(&fleet, OpId(7), Epoch(9)).token, "a new owner sends the same token");
        assert_ne!(op.token, Op::new(&fleet, OpId(8), Epoch(1)).token);
        let uuid = op.uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "8");
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
    }
}
