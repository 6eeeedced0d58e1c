//! What goes wrong between a caller and a service, as a script.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The service's own code for "too fast"; not applied.
    Throttled,
    /// The connection is refused; not applied.
    Refused,
    /// Applied, and the connection breaks before the answer.
    LostReply,
    /// Applied, and no answer ever comes.
    SilentReply,
    /// Applied, and the answer takes so much longer.
    SlowReply {
        /// By how much.
        takes: Duration,
    },
    /// The connection breaks, and the request is applied all the same, later.
    LateEffect {
        /// By how much.
        after: Duration,
    },
    /// An error of the service, instead of anything else.
    Error {
        /// Its code.
        code: String,
        /// HTTP status.
        status: u16,
    },
    /// HTTP 500 or 503; not applied.
    ServerErrorBefore(u16),
    /// HTTP 500 or 503; applied.
    ServerErrorAfter(u16),
}

#[derive(Debug, Default)]
struct Script {
    rules: Vec<Rule>,
    state: u64,
}

#[derive(Debug)]
struct Rule {
    action: String,
    when: When,
    fault: Fault,
}

#[derive(Debug)]
enum When {
    /// After so many calls, for so many.
    Nth { skip: u64, count: u64 },
    /// In a thousand.
    Chance(u32),
    /// Whenever there is nothing left in the bucket. Tokens are counted in thousandths.
    Empty { left: u64, burst: u64, per_second: u64, at: u64 },
}

impl Script {
    fn next(&mut self, action: &str, now: u64) -> Option<Fault> {
        for rule in &mut self.rules {
            let concerned = rule.action.strip_suffix('*').map_or(rule.action == action, |prefix| action.starts_with(prefix));
            if !concerned {
                continue;
            }
            match &mut rule.when {
                When::Nth { skip: 0, count } if *count > 0 => {
                    *count = count.saturating_sub(1);
                    return Some(rule.fault.clone());
                }
                When::Nth { skip, .. } => *skip = skip.saturating_sub(1),
                When::Empty { left, burst, per_second, at } => {
                    let filled = now.saturating_sub(*at).saturating_mul(*per_second);
                    *left = left.saturating_add(filled).min(*burst);
                    *at = now;
                    match left.checked_sub(1000) {
                        Some(rest) => *left = rest,
                        None => return Some(rule.fault.clone()),
                    }
                }
                When::Chance(permille) => {
                    self.state = self.state.wrapping_add(1);
                    if scramble(self.state) % 1000 < u64::from(*permille) {
                        return Some(rule.fault.clone());
                    }
                }
            }
        }
        None
    }
}

/// The script of faults: `fake.faults().next("RunInstances", Fault::LostReply)`. An action may end in `*`; the first rule that applies is taken.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Script>>);

impl Faults {
    /// The next call of this action.
    pub fn next(&self, action: &str, fault: Fault) -> &Self {
        self.nth(action, 1, fault)
    }

    /// The `nth` call from now on, counted from 1.
    pub fn nth(&self, action: &str, nth: u64, fault: Fault) -> &Self {
        self.add(action, When::Nth { skip: nth.saturating_sub(1), count: 1 }, fault)
    }

    /// The next `count` calls.
    pub fn times(&self, action: &str, count: u64, fault: Fault) -> &Self {
        self.add(action, When::Nth { skip: 0, count }, fault)
    }

    /// Every call.
    pub fn always(&self, action: &str, fault: Fault) -> &Self {
        self.times(action, u64::MAX, fault)
    }

    /// So many in a thousand, by the seed.
    pub fn sometimes(&self, action: &str, permille: u32, fault: Fault) -> &Self {
        self.add(action, When::Chance(permille), fault)
    }

    /// A bucket of tokens for each call of an action, as EC2 has them for each account, region and action ("Request throttling for the Amazon EC2
    /// API") and Compute Engine for each project and group of methods ("Rate quotas"). It begins full.
    pub fn bucket(&self, action: &str, burst: u64, per_second: u64) -> &Self {
        let burst = burst.saturating_mul(1000);
        self.add(action, When::Empty { left: burst, burst, per_second, at: 0 }, Fault::Throttled)
    }

    /// What chance is drawn from.
    pub fn seed(&self, seed: u64) -> &Self {
        self.lock().state = scramble(seed);
        self
    }

    /// Nothing goes wrong any more.
    pub fn clear(&self) -> &Self {
        self.lock().rules.clear();
        self
    }

    fn add(&self, action: &str, when: When, fault: Fault) -> &Self {
        self.lock().rules.push(Rule { action: action.into(), when, fault });
        self
    }

    /// What goes wrong with a call that comes now.
    pub(crate) fn draw(&self, action: &str, now: u64) -> Option<Fault> {
        self.lock().next(action, now)
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Done, and answered.
    Done,
    /// Refused by the service, with this code; nothing was done.
    Failed(String),
    /// Done (or refused with this code), but its sender does not know.
    Unheard(Option<String>),
    /// Done, but its sender was told of an error of the server.
    Mistold,
    /// It never came to be looked at.
    Lost,
    /// Its sender was told of a broken connection, and it arrives later.
    Later,
}

/// Splitmix64: one number into another, without collisions.
pub(crate) fn scramble(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
