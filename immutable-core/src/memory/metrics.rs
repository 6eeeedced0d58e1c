//! Metrics that say what they are told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::analysis::Reading;
use crate::artifact::{Artifact, Digest};
use crate::error::{Applied, Error, ErrorKind, Result};
use crate::provider::{Metrics, Query};
use crate::time::Timestamp;

/// Every instance gives a sample of every metric this often, on the full ten seconds.
const PERIOD_MS: i64 = 10_000;

/// A source of metrics in memory, with a script: what each artifact's instances measure, and from when on. Clones are one source.
///
/// Every instance gives a sample each ten seconds; a reading is the mean of those in the window, its beginning left out. What is not
/// scripted has no data, and neither has a side without instances.
///
/// ```
/// use immutable_core::MemoryCloud;
/// use immutable_core::memory::MemoryMetrics;
/// use immutable_core::Timestamp;
///
/// let (good, bad) = (MemoryCloud::new().bake("acmeinc/web", "1.0.0")?, MemoryCloud::seeded(1).bake("acmeinc/web", "1.1.0")?);
/// let noon: Timestamp = "2026-11-21T12:00:00Z".parse()?;
/// let metrics = MemoryMetrics::new();
/// metrics.set(&good, "error_rate", 0.001);
/// metrics.set(&bad, "error_rate", 0.001);
/// metrics.set_from(noon, &bad, "error_rate", 0.2);
/// # Ok::<(), immutable_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryMetrics(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    values: BTreeMap<Digest, BTreeMap<Arc<str>, Values>>,
    unreachable: Vec<(Timestamp, Timestamp)>,
}

/// From when on a metric has which value; `None` is silence.
type Values = BTreeMap<Timestamp, Option<f64>>;

impl MemoryMetrics {
    /// A source that has no data.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a metric of an artifact's instances is, at all times; whatever was scripted of it before is forgotten.
    pub fn set(&self, artifact: &Artifact, metric: &str, value: f64) {
        self.script().values_of(artifact, metric).clear();
        self.set_from(Timestamp::from_millis(i64::MIN), artifact, metric, value);
    }

    /// What a metric of an artifact's instances is from a time on, until the next that is scripted.
    pub fn set_from(&self, at: Timestamp, artifact: &Artifact, metric: &str, value: f64) {
        self.script().values_of(artifact, metric).insert(at, Some(value));
    }

    /// From a time on, there are no samples of a metric of an artifact's instances, until the next value that is scripted.
    pub fn silence_from(&self, at: Timestamp, artifact: &Artifact, metric: &str) {
        self.script().values_of(artifact, metric).insert(at, None);
    }

    /// Every read of a window that ends in this time, its end left out, fails: [`Unreachable`](ErrorKind::Unreachable).
    pub fn unreachable_between(&self, since: Timestamp, until: Timestamp) {
        self.script().unreachable.push((since, until));
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Script {
    fn values_of(&mut self, artifact: &Artifact, metric: &str) -> &mut Values {
        self.values.entry(artifact.digest()).or_default().entry(metric.into()).or_default()
    }
}

#[async_trait]
impl Metrics for MemoryMetrics {
    async fn read(&self, query: &Query<'_>) -> Result<Option<Reading>> {
        let script = self.script();
        if script.unreachable.iter().any(|(since, until)| (*since..*until).contains(&query.until)) {
            let error =
                Error::new(ErrorKind::Unreachable, format!("{} cannot be read: the source does not answer", query.metric));
            return Err(error.with_operation("read").with_applied(Applied::No));
        }
        let values = script.values.get(&query.side.digest).and_then(|metrics| metrics.get(query.metric));
        Ok(values.and_then(|values| mean(values, query.since, query.until, query.side.instances.len())))
    }
}

/// The mean of the samples after `since` and not after `until`.
fn mean(values: &Values, since: Timestamp, until: Timestamp, instances: usize) -> Option<Reading> {
    let instances = u64::try_from(instances).unwrap_or(u64::MAX);
    let moment = Duration::from_millis(1);
    let ends = values.keys().skip(1).map(|next| *next - moment).chain([until]);
    let (mut mean, mut total, mut newest) = (0.0, 0_u64, None);
    for ((at, value), end) in values.iter().zip(ends) {
        // The samples of this value are after `before` and not after `last`.
        let (before, last) = ((*at - moment).max(since), end.min(until));
        let tick = last.as_millis().div_euclid(PERIOD_MS);
        let samples = u64::try_from(tick - before.as_millis().div_euclid(PERIOD_MS)).unwrap_or(0).saturating_mul(instances);
        if let Some(value) = value.filter(|_| samples > 0) {
            total = total.saturating_add(samples);
            // Taken step by step, the mean of equal values is that value, to the last bit.
            mean += (value - mean) * (samples as f64 / total as f64);
            newest = Some(Timestamp::from_millis(tick * PERIOD_MS));
        }
    }
    newest.map(|newest| Reading::new(mean, total, newest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::default() + Duration::from_secs(seconds)
    }

    #[test]
    fn a_reading_is_the_mean_of_the_samples_in_its_window() {
        let values: Values = [(at(100), Some(1.0)), (at(200), Some(4.0)), (at(300), None), (at(400), Some(9.0))].into();
        let cases = [
            ((0, 100), Some((1.0, 1, 100)), "the end counts"),
            ((0, 99), None, "before anything is scripted"),
            ((100, 109), None, "no sample in it"),
            ((100, 110), Some((1.0, 1, 110)), "the beginning does not count"),
            ((100, 190), Some((1.0, 9, 190)), "one value"),
            ((180, 210), Some((3.0, 3, 210)), "1, 4, 4"),
            ((280, 350), Some((4.0, 1, 290)), "what comes after is silence, and the newest sample is of before"),
            ((300, 399), None, "silence"),
            ((250, 405), Some((5.0, 5, 400)), "across the silence"),
            ((500, 400), None, "a window that ends before it begins"),
        ];
        for ((since, until), expected, why) in cases {
            let expected = expected.map(|(value, samples, newest)| Reading::new(value, samples, at(newest)));
            assert_eq!(mean(&values, at(since), at(until), 1), expected, "{why}");
        }
        assert_eq!(mean(&values, at(100), at(190), 3), Some(Reading::new(1.0, 27, at(190))), "each instance gives samples");
        assert_eq!(mean(&values, at(100), at(190), 0), None);
        assert_eq!(mean(&Values::new(), at(0), at(900), 3), None);
        let steady = (0..50).map(|n| (at(n * 70), Some(0.1))).collect();
        assert_eq!(mean(&steady, at(0), at(3500), 7).unwrap().value, 0.1, "to the last bit");
        let ever = Timestamp::from_millis(i64::MIN);
        let reading = mean(&[(ever, Some(2.0))].into(), ever, Timestamp::from_millis(i64::MAX), 5).unwrap();
        assert_eq!(reading.value, 2.0);
    }
}
