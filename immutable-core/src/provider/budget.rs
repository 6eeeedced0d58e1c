//! How often each of a cloud's calls may be made: a cloud throttles by account, and whoever is throttled takes from everybody else in the account.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::time::{Clock, Timestamp};

/// How often one call may be made: so many at once, and so many a second thereafter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// So many at once.
    pub burst: u32,
    /// So many a second.
    pub per_second: f64,
}

/// One bucket of tokens for each kind of call, filled by the clock: for those who implement a port, whose clients share one for an account's part of a region.
pub struct CallBudget {
    clock: Arc<dyn Clock>,
    said: BTreeMap<String, Rate>,
    otherwise: fn(&str) -> Rate,
    buckets: Mutex<BTreeMap<&'static str, Bucket>>,
}

/// Less than anybody waits for a call, so that whoever waits is served.
const LONGEST: Duration = Duration::from_secs(8);

/// A place in the queue.
struct Turn<'a> {
    budget: &'a CallBudget,
    action: &'static str,
    had: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.had {
            self.budget.give_back(self.action);
        }
    }
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

impl CallBudget {
    /// Full buckets, of the rates that are said, and for other calls of those that a function tells.
    pub fn new(clock: Arc<dyn Clock>, said: BTreeMap<String, Rate>, otherwise: fn(&str) -> Rate) -> Self {
        Self { clock, said, otherwise, buckets: Mutex::default() }
    }

    /// Waits for its turn to make a call, for 8 s at the most. Whoever goes away before it came has not had it.
    ///
    /// # Errors
    /// [`Throttled`](ErrorKind::Throttled) if that would be longer: nothing is to be sent.
    pub async fn turn(&self, action: &'static str) -> Result<()> {
        let wait = self.take(action, self.clock.now());
        let mut turn = Turn { budget: self, action, had: wait.is_zero() };
        if wait > LONGEST {
            let what = format!(
                "{action} is called too often from here: its turn would come in {} s; say a higher rate, or look less often",
                wait.as_secs()
            );
            return Err(Error::new(ErrorKind::Throttled, what));
        }
        if !turn.had {
            self.clock.sleep_until(self.clock.now() + wait).await;
            turn.had = true;
        }
        Ok(())
    }

    fn give_back(&self, action: &'static str) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.entry(action).and_modify(|bucket| bucket.tokens += 1.0);
    }

    /// Takes a token, which may be one that is still to come, and says how long until it does: who comes first is served first.
    fn take(&self, action: &'static str, now: Timestamp) -> Duration {
        let Rate { burst, per_second } = self.said.get(action).copied().unwrap_or_else(|| (self.otherwise)(action));
        let (burst, per_second) = (f64::from(burst.max(1)), per_second.max(0.01));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(action).or_insert(Bucket { tokens: burst, at: now });
        bucket.tokens = (bucket.tokens + now.since(bucket.at).as_secs_f64() * per_second).min(burst) - 1.0;
        bucket.at = bucket.at.max(now);
        Duration::from_secs_f64((-bucket.tokens / per_second).max(0.0))
    }
}

impl fmt::Debug for CallBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallBudget").field("said", &self.said).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::VirtualClock;

    #[test]
    fn who_has_spent_the_burst_waits_for_the_next_token_and_the_next_for_the_one_after() {
        let clock = VirtualClock::default();
        let said = BTreeMap::from([("ec2:RunInstances".to_owned(), Rate { burst: 2, per_second: 2.0 })]);
        let budget = CallBudget::new(Arc::new(clock.clone()), said, |_| Rate { burst: 50, per_second: 10.0 });
        let waits: Vec<_> = (0..4).map(|_| budget.take("ec2:RunInstances", clock.now()).as_millis()).collect();
        assert_eq!(waits, [0, 0, 500, 1000]);
        let later = clock.now() + Duration::from_secs(60);
        let waits: Vec<_> = (0..3).map(|_| budget.take("ec2:RunInstances", later).as_millis()).collect();
        assert_eq!(waits, [0, 0, 500], "a bucket fills to its burst and no further");
        assert_eq!(budget.take("ec2:DescribeInstances", later).as_millis(), 0, "each action has its own");
    }

    #[test]
    fn who_goes_away_gives_the_turn_back_and_who_would_wait_too_long_is_told() {
        let clock = VirtualClock::default();
        let said = BTreeMap::from([("ec2:RunInstances".to_owned(), Rate { burst: 1, per_second: 0.25 })]);
        let budget = CallBudget::new(Arc::new(clock.clone()), said, |_| Rate { burst: 50, per_second: 10.0 });
        clock.run(async {
            budget.turn("ec2:RunInstances").await.unwrap();
            let waits = budget.turn("ec2:RunInstances");
            let tired = clock.sleep_until(clock.now() + Duration::from_secs(1));
            futures_util::future::select(std::pin::pin!(waits), tired).await;
            let before = clock.now();
            budget.turn("ec2:RunInstances").await.unwrap();
            assert_eq!(clock.now().since(before), Duration::from_secs(3), "nobody is before it");
            budget.take("ec2:RunInstances", clock.now());
            budget.take("ec2:RunInstances", clock.now());
            assert_eq!(budget.turn("ec2:RunInstances").await.unwrap_err().kind(), ErrorKind::Throttled);
        });
    }
}
