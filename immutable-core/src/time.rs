//! Time: [`Timestamp`]s as data, and the one thing in this crate that waits, a [`Clock`].
//!
//! Three clocks: [`SystemClock`] for programs, [`VirtualClock`] for simulations without a runtime, [`ScaledClock`] for
//! demonstrations that should not take as long as the real thing.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// A moment: milliseconds since 1970-01-01T00:00:00Z. In JSON and in text it is RFC 3339, `2026-11-21T09:30:00.000Z`; what that cannot
/// write, before the year -9999 or after 9999, is the first or the last moment that it can.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    const FIRST: i64 = -377_705_023_201_000;
    const LAST: i64 = 253_402_207_200_000;

    /// From milliseconds since 1970. Saturates.
    pub const fn from_millis(millis: i64) -> Self {
        match millis {
            ..Self::FIRST => Self(Self::FIRST),
            Self::FIRST..=Self::LAST => Self(millis),
            _ => Self(Self::LAST),
        }
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    /// Saturates.
    fn add(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    /// Saturates.
    fn sub(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text was not an RFC 3339 time.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{text}` is not a time; write it as 2026-11-21T09:30:00Z")]
pub struct TimestampError {
    text: String,
}

impl std::str::FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let time: jiff::Timestamp = text.parse().map_err(|_| TimestampError { text: text.to_owned() })?;
        Ok(Self::from_millis(time.as_millisecond()))
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::id::read_text(deserializer, str::parse)
    }
}

/// What tells the time and waits for it.
///
/// # Contract
/// - [`now`](Clock::now) never goes backwards.
/// - [`sleep_until`](Clock::sleep_until) completes when `now() >= until`, at once if that is already so, and may be dropped.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time.
    fn now(&self) -> Timestamp;

    /// Time to measure by how long something lasts: it does not jump when somebody sets a clock, and need not pass while the machine sleeps. By
    /// default it is [`now`](Clock::now).
    fn steady(&self) -> Timestamp {
        self.now()
    }

    /// Waits.
    fn sleep_until(&self, until: Timestamp) -> Sleep;
}

/// What [`Clock::sleep_until`] returns.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Real time, on tokio's timer. Under `#[tokio::test(start_paused = true)]` it is that test's virtual time.
#[derive(Clone, Debug)]
pub struct SystemClock {
    wall: Timestamp,
    start: tokio::time::Instant,
    /// By how many milliseconds the system's time has been ahead of that at the most.
    ahead: Arc<AtomicI64>,
}

impl SystemClock {
    /// Starts from the system's time.
    pub fn new() -> Self {
        Self { wall: wall(), start: tokio::time::Instant::now(), ahead: Arc::default() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn steady(&self) -> Timestamp {
        self.wall + self.start.elapsed()
    }

    fn now(&self) -> Timestamp {
        // The monotonic reading keeps it from going backwards; the wall's catches up after the machine slept, and is not followed back.
        let steady = self.steady();
        let ahead = i64::try_from(wall().since(steady).as_millis()).unwrap_or(0);
        let ahead = self.ahead.fetch_max(ahead, Ordering::AcqRel).max(ahead);
        steady + Duration::from_millis(u64::try_from(ahead).unwrap_or(0))
    }

    fn sleep_until(&self, until: Timestamp) -> Sleep {
        let clock = self.clone();
        Box::pin(async move {
            loop {
                let left = until.since(clock.now());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left).await;
            }
        })
    }
}

fn wall() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::default() + since
}

/// Real time, `factor` times as fast: an hour's rollout in seconds. For demonstrations.
#[derive(Clone, Debug)]
pub struct ScaledClock {
    origin: Timestamp,
    start: tokio::time::Instant,
    factor: u32,
}

impl ScaledClock {
    /// Starts at `origin`; a real second is `factor` seconds (at least 1).
    pub fn new(origin: Timestamp, factor: u32) -> Self {
        Self { origin, start: tokio::time::Instant::now(), factor: factor.max(1) }
    }
}

impl Clock for ScaledClock {
    fn now(&self) -> Timestamp {
        self.origin + self.start.elapsed().saturating_mul(self.factor)
    }

    fn sleep_until(&self, until: Timestamp) -> Sleep {
        let clock = self.clone();
        Box::pin(async move {
            loop {
                let left = until.since(clock.now());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left / clock.factor).await;
            }
        })
    }
}

/// Time that passes only when nothing else can happen: [`run`](VirtualClock::run) polls a future and, whenever it can make no
/// progress, jumps to the earliest sleeper. Deterministic, and needs no runtime.
///
/// ```
/// use immutable_core::time::{Clock, Timestamp, VirtualClock};
/// use std::time::Duration;
///
/// let clock = VirtualClock::new(Timestamp::default());
/// let woke = clock.run(async {
///     clock.sleep_until(clock.now() + Duration::from_secs(3600)).await;
///     clock.now()
/// });
/// assert_eq!(woke, Timestamp::from_millis(3_600_000));
/// ```
#[derive(Clone, Default)]
pub struct VirtualClock(Arc<Virtual>);

#[derive(Default)]
struct Virtual {
    /// Milliseconds since 1970. Written with the timers locked, read often and without.
    now: AtomicI64,
    timers: Mutex<Timers>,
}

#[derive(Default)]
struct Timers {
    next: u64,
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
}

impl VirtualClock {
    /// Starts at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(Virtual { now: AtomicI64::new(now.as_millis()), timers: Mutex::default() }))
    }

    /// Runs a future to its end, letting time pass when it waits.
    ///
    /// # Panics
    /// If the future waits for something other than this clock and nothing wakes it: it would wait for ever.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(woken.clone());
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            if !woken.0.swap(false, Ordering::Relaxed) {
                let awake = self.jump();
                assert!(awake, "the future waits for something that no clock will bring");
                woken.0.store(false, Ordering::Relaxed);
            }
        }
    }

    /// Moves to the earliest sleeper and wakes everyone due then; `false` if nobody sleeps.
    fn jump(&self) -> bool {
        let mut due = Vec::new();
        let mut timers = self.lock();
        let Some(((until, _), _)) = timers.sleepers.first_key_value() else {
            return false;
        };
        let now = self.now().max(*until);
        self.0.now.store(now.as_millis(), Ordering::Release);
        while let Some(entry) = timers.sleepers.first_entry().filter(|entry| entry.key().0 <= now) {
            due.push(entry.remove());
        }
        drop(timers);
        due.into_iter().for_each(Waker::wake);
        true
    }

    fn lock(&self) -> MutexGuard<'_, Timers> {
        self.0.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VirtualClock").field(&self.now()).finish()
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now.load(Ordering::Acquire))
    }

    fn sleep_until(&self, until: Timestamp) -> Sleep {
        Box::pin(Sleeper { clock: self.clone(), until, asleep: None })
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Sleeper {
    clock: VirtualClock,
    until: Timestamp,
    /// Under what number it sleeps, and who is to be woken.
    asleep: Option<(u64, Waker)>,
}

impl Future for Sleeper {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { clock, until, asleep } = &mut *self;
        if clock.now() >= *until {
            return Poll::Ready(());
        }
        // Whoever sleeps is polled again and again by others' wakers; most often nothing is new.
        if asleep.as_ref().is_some_and(|(_, waker)| waker.will_wake(context.waker())) {
            return Poll::Pending;
        }
        let mut timers = clock.lock();
        let ticket = match asleep {
            Some((ticket, _)) => *ticket,
            None => {
                timers.next += 1;
                timers.next
            }
        };
        timers.sleepers.insert((*until, ticket), context.waker().clone());
        *asleep = Some((ticket, context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        if let Some((ticket, _)) = self.asleep {
            self.clock.lock().sleepers.remove(&(self.until, ticket));
        }
    }
}

/// Durations as humans write them, `10m` or `1h 30m`, in JSON.
pub(crate) mod human {
    use std::time::Duration;

    pub(crate) fn serialize<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        jiff::fmt::serde::unsigned_duration::friendly::compact::required::serialize(duration, serializer)
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        jiff::fmt::serde::unsigned_duration::friendly::compact::required::deserialize(deserializer)
    }
}

/// The same, of a duration that may be missing.
pub(crate) mod human_option {
    use std::time::Duration;

    pub(crate) fn serialize<S: serde::Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        jiff::fmt::serde::unsigned_duration::friendly::compact::optional::serialize(duration, serializer)
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        jiff::fmt::serde::unsigned_duration::friendly::compact::optional::deserialize(deserializer)
    }
}

/// A duration as people write it: `10m`, `1h 30m`, `1.5s`.
pub(crate) struct Human(pub(crate) Duration);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printer = jiff::fmt::friendly::SpanPrinter::new();
        f.write_str(&printer.unsigned_duration_to_string(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_survives_its_text() {
        let time: Timestamp = "2026-11-21T09:30:00.250Z".parse().unwrap();
        assert_eq!(serde_json::to_string(&time).unwrap(), r#""2026-11-21T09:30:00.250Z""#);
        assert_eq!(time, serde_json::from_str(r#""2026-11-21T10:30:00.25+01:00""#).unwrap());
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn a_timestamp_beyond_what_can_be_written_is_the_last_that_can() {
        let (first, last) = (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
        assert_eq!(
            (first.to_string(), last.to_string()),
            ("-009999-01-02T01:59:59.000Z".into(), "9999-12-30T22:00:00.000Z".into())
        );
        for time in [first, last, last + Duration::MAX, first - Duration::MAX] {
            assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        }
    }

    #[test]
    fn virtual_time_wakes_sleepers_in_order_and_forgets_the_dropped() {
        let clock = VirtualClock::new(Timestamp::default());
        let at = |seconds| Timestamp::default() + Duration::from_secs(seconds);
        clock.run(async {
            let mut dropped = clock.sleep_until(at(1));
            futures_util::future::select(&mut dropped, Box::pin(async {})).await;
            drop(dropped);
            futures_util::join!(clock.sleep_until(at(9)), async {
                clock.sleep_until(at(5)).await;
                assert_eq!(clock.now(), at(5));
            });
            assert_eq!(clock.now(), at(9));
        });
        assert!(clock.lock().sleepers.is_empty());
    }

    #[test]
    #[should_panic(expected = "no clock will bring")]
    fn a_future_that_nothing_wakes_is_a_bug_and_says_so() {
        VirtualClock::default().run(std::future::pending::<()>());
    }

    #[tokio::test(start_paused = true)]
    async fn the_system_clock_follows_a_tests_paused_time() {
        let clock = SystemClock::new();
        let until = clock.now() + Duration::from_secs(86_400);
        clock.sleep_until(until).await;
        assert!(clock.now() >= until);
    }

    #[tokio::test]
    async fn a_scaled_clock_is_faster() {
        let real = std::time::Instant::now();
        let clock = ScaledClock::new(Timestamp::default(), 10_000);
        clock.sleep_until(Timestamp::default() + Duration::from_secs(100)).await;
        assert!(clock.now() >= Timestamp::from_millis(100_000));
        assert!(real.elapsed() < Duration::from_secs(50));
    }
}
