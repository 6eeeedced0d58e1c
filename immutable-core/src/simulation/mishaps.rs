//! What goes wrong between a process and what it calls, and with the process itself.

use std::time::Duration;

use crate::conformance::Faults;

/// What goes wrong on a wire: how often, of a thousand calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Wire {
    /// How long after the beginning of the first disturbed rollout it is calm for good.
    pub until: u64,
    /// Refused, not applied.
    pub error: u32,
    /// Refused as too many, not applied.
    pub throttled: u32,
    /// Never arrives, and nobody knows.
    pub lost_request: u32,
    /// Is done, and nobody knows.
    pub lost_reply: u32,
    /// Arrives long after it was given up.
    pub late: u32,
    /// Arrives once more, later.
    pub doubled: u32,
    /// Is sent on only after a while.
    pub slow: u32,
    /// Shows what was seen before.
    pub stale: u32,
    /// Lacks something.
    pub partial: u32,
    /// How late a late copy is at most.
    pub late_by: u64,
    /// How old a stale view is at most.
    pub stale_by: u64,
}

impl Wire {
    pub(super) fn faults(&self) -> Faults {
        let of_a_thousand = |often: u32| f64::from(often) / 1000.0;
        Faults::none()
            .error(of_a_thousand(self.error))
            .throttled(of_a_thousand(self.throttled))
            .lost_request(of_a_thousand(self.lost_request))
            .lost_reply(of_a_thousand(self.lost_reply))
            .late(of_a_thousand(self.late))
            .doubled(of_a_thousand(self.doubled))
            .slow(of_a_thousand(self.slow))
            .stale(of_a_thousand(self.stale))
            .partial(of_a_thousand(self.partial))
            .late_by(Duration::from_secs(self.late_by))
            // What is never shown again need not be remembered.
            .stale_by(Duration::from_secs(if self.stale > 0 { self.stale_by } else { 0 }))
    }
}

/// The process that drives a rollout dies, or is frozen, and after a while another carries on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Crash {
    /// During which rollout.
    pub rollout: usize,
    /// When.
    pub at: Moment,
    /// How long nobody drives it.
    pub down: u64,
    /// After how many seconds it wakes up, if it was frozen: it does not know that another has carried on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sleeps: Option<u64>,
}

impl Crash {
    /// During a rollout at a moment; nobody drives it for so many seconds.
    pub const fn new(rollout: usize, at: Moment, down: u64) -> Self {
        Self { rollout, at, down, sleeps: None }
    }

    /// It is frozen, and wakes up after so many seconds; at a call it dies all the same.
    pub const fn sleeps(mut self, seconds: u64) -> Self {
        self.sleeps = Some(seconds);
        self
    }
}

/// When a process dies. Calls are numbered from the beginning of their rollout, over all processes that drive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Moment {
    /// Before its nth call is sent: to the journal, or to the provider, looks included.
    Before(u32),
    /// After its nth call was done, and before it hears of that.
    After(u32),
    /// So many seconds after the rollout's beginning.
    Seconds(u64),
    /// At the nth await of a process at which it has to wait, whatever it was about to do.
    Await(u32),
}

/// What happens to the nth call of a rollout, besides what its wire does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Fate {
    /// During which rollout.
    pub rollout: usize,
    /// Which call.
    pub call: u32,
    /// What.
    pub what: Mishap,
}

impl Fate {
    /// This happens to the nth call of a rollout.
    pub const fn new(rollout: usize, call: u32, what: Mishap) -> Self {
        Self { rollout, call, what }
    }
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mishap {
    /// It never arrives; nobody hears of it.
    LostRequest,
    /// It is done; nobody hears of it.
    LostReply,
    /// It arrives so many seconds after it was given up.
    Late(u64),
    /// It arrives twice, the second so many seconds later.
    Twice(u64),
}

impl Mishap {
    /// For how long a copy is under way.
    pub(super) fn lasts(&self) -> u64 {
        match *self {
            Self::LostRequest | Self::LostReply => 0,
            Self::Late(seconds) | Self::Twice(seconds) => seconds,
        }
    }
}
