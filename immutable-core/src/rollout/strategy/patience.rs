//! What it does about whoever keeps it waiting: slow boots, zones without machines, those that do not leave, and a rollout that takes too long.

use std::time::Duration;

use super::Strategy;
use crate::error::{Error, Result};
use crate::rollout::budget::Amount;
use crate::time::{Human, human};

/// Spares beside those that boot for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hedge {
    pub(crate) spares: Amount,
    #[serde(with = "human")]
    pub(crate) after: Duration,
}

/// What becomes of instances that a zone has no machines for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shortage {
    /// Others have them, as long as there is room, and the zone gets none until nowhere else is. The fleet is as large as it should be, and less evenly spread.
    #[default]
    Elsewhere,
    /// They are waited for where they belong, until the progress deadline: no zone gets more than its share. The fleet stays evenly spread.
    Wait,
}

impl Shortage {
    pub(super) fn is_elsewhere(&self) -> bool {
        *self == Self::Elsewhere
    }
}

pub(super) const LEAVE_DEADLINE: Duration = Duration::from_secs(15 * 60);

pub(super) const fn leave_deadline() -> Duration {
    LEAVE_DEADLINE
}

pub(super) fn is_leave_deadline(duration: &Duration) -> bool {
    *duration == LEAVE_DEADLINE
}

impl Strategy {
    /// Launches a spare beside each instance of the release that is moved to that was never healthy and boots for longer than `after`, at most so many at a
    /// time, on top of `max_surge`. Whoever is ready first counts; what is too many once all are ready is terminated, and charged to nobody. A percentage of the fleet's size
    /// rounds up. Default: no spares.
    ///
    /// A release that was never ready in this fleet gets none: its first instance is tried alone. `after` is longer than most boots take, and shorter than the fleet's boot
    /// deadline, after which an instance has failed.
    ///
    /// ```
    /// use immutable_core::Strategy;
    /// use std::time::Duration;
    ///
    /// // Most boot within a minute, and one in fifty hangs: no rollout waits for that one's boot deadline.
    /// let rolling = Strategy::rolling().hedge(2, Duration::from_secs(90));
    /// ```
    #[must_use]
    pub fn hedge(mut self, spares: impl Into<Amount>, after: Duration) -> Self {
        self.hedge = Some(Hedge { spares: spares.into(), after });
        self
    }

    /// What becomes of instances that a zone has no machines for. Default: others have them.
    #[must_use]
    pub fn on_shortage(mut self, then: Shortage) -> Self {
        self.on_shortage = then;
        self
    }

    /// How long an instance that was named to leave may still be there before a person is asked, who is told which. Default 15 min; more than the drain deadline. Those that
    /// something [holds](crate::fleet::Held) are not named: a person is asked about them once nothing else has moved for as long.
    #[must_use]
    pub fn leave_deadline(mut self, at_most: Duration) -> Self {
        self.leave_deadline = at_most;
        self
    }

    /// How long the whole rollout may take, gates included, until the release is proven: one that has not been by then goes back. Time in which it is paused, or a
    /// person is asked, does not count. Default: as long as its steps may.
    #[must_use]
    pub fn rollout_deadline(mut self, at_most: impl Into<Option<Duration>>) -> Self {
        self.rollout_deadline = at_most.into();
        self
    }

    /// How many spares there may be in a fleet of this size.
    pub(crate) fn spares(&self, desired: u32) -> u32 {
        self.hedge.map_or(0, |hedge| hedge.spares.up(desired))
    }

    /// Whether it waits no longer than it can, and no shorter than it must. One instance can be ready after `needed`.
    pub(super) fn is_patient(&self, desired: u32, boot_deadline: Duration, needed: Duration) -> Result<()> {
        let refuse = |why: String| Err(Error::invalid(why));
        if let Some(Hedge { spares, after }) = self.hedge {
            if spares.up(desired.max(1)) == 0 {
                return refuse(format!("a hedge of {spares} spares launches none; allow at least 1, or leave the hedge out"));
            }
            if after.is_zero() {
                return refuse("a hedge after 0s launches a spare beside every instance; say what a slow boot is".to_owned());
            }
            if after >= boot_deadline {
                return refuse(format!(
                    "a hedge after {} comes too late: by the boot deadline, {}, an instance has failed; launch spares earlier",
                    Human(after),
                    Human(boot_deadline)
                ));
            }
        }
        if self.leave_deadline <= self.drain_deadline {
            return refuse(format!(
                "a leave deadline of {} passes before an instance has finished its requests (drain deadline: {}); allow more than that",
                Human(self.leave_deadline),
                Human(self.drain_deadline)
            ));
        }
        match self.rollout_deadline {
            Some(deadline) if deadline <= needed => refuse(format!(
                "a rollout deadline of {} passes before one instance can be ready (boot deadline and min_ready: {}); allow more than that",
                Human(deadline),
                Human(needed)
            )),
            _ => Ok(()),
        }
    }
}
