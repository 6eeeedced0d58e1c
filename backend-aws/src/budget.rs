//! How often each of Amazon's actions may be called: they are throttled by account, region and action, and whoever is throttled takes from everybody else in the
//! account.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use immutable_core::Timestamp;
use immutable_core::time::Clock;

/// How often one action may be called: so many at once, and so many a second thereafter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// So many at once.
    pub burst: u32,
    /// So many a second.
    pub per_second: f64,
}

impl Rate {
    /// Half of what Amazon allows an account, so that others in it can work too. EC2 User Guide, "Request throttling for the Amazon EC2 API".
    fn of(action: &str) -> Self {
        let name = action.rsplit(':').next().unwrap_or(action);
        let (burst, per_second) = match name {
            "RunInstances" => (3, 1.0),
            _ if name.starts_with("Describe") || name.starts_with("Get") => (50, 10.0),
            _ => (25, 2.5),
        };
        Self { burst, per_second }
    }
}

/// One bucket of tokens an action, filled by the clock. Shared by all that one [`Aws`](crate::Aws) and its clones call in a region.
pub(crate) struct Budget {
    clock: Arc<dyn Clock>,
    said: BTreeMap<String, Rate>,
    buckets: Mutex<BTreeMap<&'static str, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

impl Budget {
    pub(crate) fn new(clock: Arc<dyn Clock>, said: BTreeMap<String, Rate>) -> Self {
        Self { clock, said, buckets: Mutex::default() }
    }

    /// Waits for its turn to call an action.
    pub(crate) async fn turn(&self, action: &'static str) {
        let wait = self.take(action, self.clock.now());
        if !wait.is_zero() {
            self.clock.sleep_until(self.clock.now() + wait).await;
        }
    }

    /// Takes a token, which may be one that is still to come, and says how long until it does: who comes first is served first.
    fn take(&self, action: &'static str, now: Timestamp) -> Duration {
        let Rate { burst, per_second } = self.said.get(action).copied().unwrap_or_else(|| Rate::of(action));
        let (burst, per_second) = (f64::from(burst.max(1)), per_second.max(0.01));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(action).or_insert(Bucket { tokens: burst, at: now });
        bucket.tokens = (bucket.tokens + now.since(bucket.at).as_secs_f64() * per_second).min(burst) - 1.0;
        bucket.at = bucket.at.max(now);
        Duration::from_secs_f64((-bucket.tokens / per_second).max(0.0))
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("said", &self.said).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use immutable_core::time::VirtualClock;

    #[test]
    fn who_has_spent_the_burst_waits_for_the_next_token_and_the_next_for_the_one_after() {
        let clock = VirtualClock::default();
        let said = BTreeMap::from([("ec2:RunInstances".to_owned(), Rate { burst: 2, per_second: 2.0 })]);
        let budget = Budget::new(Arc::new(clock.clone()), said);
        let waits: Vec<_> = (0..4).map(|_| budget.take("ec2:RunInstances", clock.now()).as_millis()).collect();
        assert_eq!(waits, [0, 0, 500, 1000]);
        let later = clock.now() + Duration::from_secs(60);
        let waits: Vec<_> = (0..3).map(|_| budget.take("ec2:RunInstances", later).as_millis()).collect();
        assert_eq!(waits, [0, 0, 500], "a bucket fills to its burst and no further");
        assert_eq!(budget.take("ec2:DescribeInstances", later).as_millis(), 0, "each action has its own");
    }

    #[test]
    fn what_is_dearest_is_called_least() {
        let per_second = |action| Rate::of(action).per_second;
        assert!(per_second("ec2:RunInstances") < per_second("autoscaling:UpdateAutoScalingGroup"));
        assert!(per_second("autoscaling:UpdateAutoScalingGroup") < per_second("ec2:DescribeInstances"));
    }
}
