//! How a fleet is replaced: a budget, and a list of steps.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::rollout::budget::{Amount, Budget, Percent};
use crate::time::{Human, human};

/// A budget and a list of steps.
///
/// ```
/// use immutable_core::Strategy;
/// use immutable_core::rollout::Percent;
///
/// let strategy = Strategy::rolling().max_surge(3).max_unavailable(Percent::new(10)?);
/// # Ok::<(), immutable_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Strategy {
    pub(crate) max_surge: Amount,
    pub(crate) max_unavailable: Amount,
    pub(crate) max_failed: Amount,
    pub(crate) probe_attempts: u32,
    #[serde(with = "human")]
    pub(crate) progress_deadline: Duration,
    #[serde(with = "human")]
    pub(crate) rollback_deadline: Duration,
    pub(crate) on_first_failure: OnFirstFailure,
    pub(crate) steps: Vec<Step>,
}

/// One step: a goal, and (later) what must hold before it is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// The wanted release has this share of the fleet's size, the others shrink as it becomes ready.
    Scale {
        /// That share; rounded up to whole instances.
        to: Amount,
    },
}

/// What becomes of a fleet whose first release fails: there is nothing to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFirstFailure {
    /// What was launched is removed.
    TearDown,
    /// It stays as it is, and a person is asked.
    Hold,
}

impl Strategy {
    /// Replaces instances as room allows: a quarter more while it lasts, none fewer, refilled as soon as one is ready.
    pub fn rolling() -> Self {
        Self {
            max_surge: Amount::percent(25),
            max_unavailable: Amount::Count(0),
            max_failed: Amount::percent(5),
            probe_attempts: 1,
            progress_deadline: Duration::from_secs(20 * 60),
            rollback_deadline: Duration::from_secs(60 * 60),
            on_first_failure: OnFirstFailure::TearDown,
            steps: vec![Step::Scale { to: Amount::percent(100) }],
        }
    }

    /// How many more than its size the fleet may have, starting and leaving instances included. A percentage rounds up. Default 25 %.
    #[must_use]
    pub fn max_surge(mut self, instances: impl Into<Amount>) -> Self {
        self.max_surge = instances.into();
        self
    }

    /// How many fewer than its size may be ready. A percentage rounds down. Default 0.
    #[must_use]
    pub fn max_unavailable(mut self, instances: impl Into<Amount>) -> Self {
        self.max_unavailable = instances.into();
        self
    }

    /// How many instances may fail by the release's fault before the rollout is given up; each is replaced. A percentage rounds down.
    /// Default 5 %. Capacity, quota and platform failures don't count.
    #[must_use]
    pub fn max_failed(mut self, instances: impl Into<Amount>) -> Self {
        self.max_failed = instances.into();
        self
    }

    /// How many instances of a release that never was ready in this fleet are tried, one after the other. Default 1, at least 1.
    #[must_use]
    pub fn probe_attempts(mut self, attempts: u32) -> Self {
        self.probe_attempts = attempts;
        self
    }

    /// How long the number of ready instances of the wanted release may go without a new maximum. Default 20 min; more than the
    /// fleet's boot deadline and `min_ready` together.
    #[must_use]
    pub fn progress_deadline(mut self, at_most: Duration) -> Self {
        self.progress_deadline = at_most;
        self
    }

    /// How long a rollback, or the removal of what is left over, may take before a person is asked. Default 1 h; more than the fleet's
    /// boot deadline and `min_ready` together.
    #[must_use]
    pub fn rollback_deadline(mut self, at_most: Duration) -> Self {
        self.rollback_deadline = at_most;
        self
    }

    /// What becomes of a fleet whose first release fails. Default: what was launched is removed.
    #[must_use]
    pub fn on_first_failure(mut self, then: OnFirstFailure) -> Self {
        self.on_first_failure = then;
        self
    }

    /// Its steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Its budget for a fleet of this size.
    pub fn budget(&self, desired: u32) -> Budget {
        Budget::of(desired, self.max_surge, self.max_unavailable)
    }

    /// Whether it can work for a fleet of this size whose instances take `boot_deadline` and `min_ready`.
    pub(crate) fn check(&self, desired: u32, boot_deadline: Duration, min_ready: Duration) -> Result<()> {
        Budget::check(desired, self.max_surge, self.max_unavailable)?;
        if self.probe_attempts == 0 {
            return Err(Error::invalid("probe_attempts 0 never launches anything; allow at least 1"));
        }
        let needed = boot_deadline.saturating_add(min_ready);
        if self.progress_deadline <= needed {
            return Err(Error::invalid(format!(
                "a progress deadline of {} passes before one instance can be ready (boot deadline and min_ready: {}); allow more than that",
                Human(self.progress_deadline),
                Human(needed)
            )));
        }
        if self.rollback_deadline <= needed {
            return Err(Error::invalid(format!(
                "a rollback deadline of {} passes before one instance can be ready (boot deadline and min_ready: {}); allow more than that",
                Human(self.rollback_deadline),
                Human(needed)
            )));
        }
        match self.steps.last() {
            Some(Step::Scale { to: Amount::Percent(all) }) if *all == Percent::new(100)? => Ok(()),
            _ => Err(Error::invalid("a strategy whose last step does not scale to 100% never ends; add `Scale { to: 100% }`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_cannot_work_is_refused_with_what_would() {
        let check = |strategy: Strategy| strategy.check(12, 10 * MINUTE, MINUTE).map_err(|error| error.to_string());
        assert!(check(Strategy::rolling()).is_ok());
        assert!(check(Strategy::rolling().max_surge(0)).unwrap_err().contains("allow one of them at least 1"));
        assert!(check(Strategy::rolling().probe_attempts(0)).unwrap_err().contains("at least 1"));
        assert_eq!(
            check(Strategy::rolling().progress_deadline(11 * MINUTE)).unwrap_err(),
            "a progress deadline of 11m passes before one instance can be ready (boot deadline and min_ready: 11m); allow more than that"
        );
        let mut half = Strategy::rolling();
        half.steps = vec![Step::Scale { to: Amount::percent(50) }];
        assert!(check(half).unwrap_err().contains("never ends"));
    }
}
