use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::try_join_all;

use super::{Judge, Side, Trial};
use crate::analysis::{Judgement, Limit, Reading, Readings, Thresholds};
use crate::error::Result;
use crate::fleet::FleetId;
use crate::time::Timestamp;

/// A source of metrics.
#[async_trait]
pub trait Metrics: Send + Sync {
    /// Reads one metric of one side of a trial, over a window.
    ///
    /// # Contract
    /// To ensure correctness, whatever implements this:
    /// - reads only, and answers of the window and the side that are asked for: never of the whole fleet, never of now;
    /// - says `None` if it has no data: an empty list, a point without a value, a metric or an instance that it does not know. It never
    ///   puts a 0 in the place of what it has not;
    /// - makes one value of what it has: if it has several series, it says how they become one, or fails;
    /// - errs if the source answers in part, or says that it left something out: part of the data is not the data;
    /// - counts as [samples](Reading::samples) what the value is made of (requests, probes, points in time), never what it might have
    ///   been made of;
    /// - is safe to drop at any await.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if it can never read such a metric; any other as it comes: the same is asked again, later.
    async fn read(&self, query: &Query<'_>) -> Result<Option<Reading>>;
}

/// What is read.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Query<'a> {
    /// The metric, by the name that its [`Limit`] has.
    pub metric: &'a str,
    /// Of which fleet.
    pub fleet: &'a FleetId,
    /// Of which of its generations, and of which instances.
    pub side: &'a Side,
    /// When the window begins.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
}

impl Trial {
    /// What to ask for a metric of one of its sides.
    pub fn query<'a>(&'a self, metric: &'a str, side: &'a Side) -> Query<'a> {
        Query { metric, fleet: &self.fleet, side, since: self.since, until: self.until }
    }
}

/// Judges by limits over metrics: [`Thresholds`] over a source of [`Metrics`].
///
/// All metrics are read at once, those of the old generation only where a limit is relative to it. If the source fails for one of them, so
/// does the judge: there is no judgement then, and no pass.
///
/// ```
/// use immutable_core::analysis::{Limit, Says, Thresholds};
/// use immutable_core::memory::MemoryMetrics;
/// use immutable_core::provider::{Judge, ThresholdJudge};
/// use std::sync::Arc;
///
/// let metrics = MemoryMetrics::new();
/// let thresholds = Thresholds::new([Limit::at_most("error_rate", 0.01)])?.least_samples(20);
/// let judge = ThresholdJudge::new(thresholds, Arc::new(metrics.clone()));
///
/// # use immutable_core::{MemoryCloud, Timestamp, fleet::{FleetId, GenerationId}};
/// # use immutable_core::{id::{InstanceKey, RolloutId, StepIx}, provider::{Side, Trial}};
/// # let cloud = MemoryCloud::new();
/// # let artifact = cloud.bake("acmeinc/web", "1.1.0")?;
/// # let new = Side::new(GenerationId(2), artifact.name().clone(), artifact.version().clone(), artifact.digest());
/// # let new = new.instances([InstanceKey::named("i-1")]);
/// # let until = Timestamp::default() + std::time::Duration::from_secs(300);
/// # let trial = Trial::new(FleetId::new(cloud.place(), "web"), RolloutId(1), StepIx(0), new, Timestamp::default(), until);
/// # immutable_core::time::VirtualClock::default().run(async {
/// assert_eq!(judge.judge(&trial).await?.to_string(), "inconclusive: error_rate has no data");
///
/// metrics.set(&artifact, "error_rate", 0.02);
/// assert_eq!(judge.judge(&trial).await?.to_string(), "fail: error_rate is 0.02, more than 0.01");
///
/// metrics.set(&artifact, "error_rate", 0.0);
/// assert_eq!(judge.judge(&trial).await?.says, Says::Pass);
/// # Ok::<(), immutable_core::Error>(())
/// # })?;
/// # Ok::<(), immutable_core::Error>(())
/// ```
#[derive(Clone)]
pub struct ThresholdJudge {
    thresholds: Thresholds,
    metrics: Arc<dyn Metrics>,
}

impl ThresholdJudge {
    /// These limits over this source.
    pub fn new(thresholds: Thresholds, metrics: Arc<dyn Metrics>) -> Self {
        Self { thresholds, metrics }
    }
}

impl fmt::Debug for ThresholdJudge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThresholdJudge").field("thresholds", &self.thresholds).finish_non_exhaustive()
    }
}

#[async_trait]
impl Judge for ThresholdJudge {
    async fn judge(&self, trial: &Trial) -> Result<Judgement> {
        let limits = self.thresholds.limits();
        let metrics: BTreeSet<&str> = limits.iter().map(Limit::metric).collect();
        let relative: BTreeSet<&str> = limits.iter().filter(|limit| limit.is_relative()).map(Limit::metric).collect();
        let new: Vec<Query<'_>> = metrics.into_iter().map(|metric| trial.query(metric, &trial.new)).collect();
        let compared = trial.old.iter().flat_map(|old| relative.iter().map(|metric| trial.query(metric, old)));
        let old: Vec<Query<'_>> = compared.collect();

        let reads: Vec<_> = new.iter().chain(&old).map(|query| self.metrics.read(query)).collect();
        let mut read = try_join_all(reads).await?.into_iter();
        let mut readings = Readings::between(trial.since, trial.until);
        for (query, reading) in new.iter().zip(read.by_ref()) {
            readings = readings.of_new(query.metric, reading);
        }
        for (query, reading) in old.iter().zip(read) {
            readings = readings.of_old(query.metric, reading);
        }
        Ok(self.thresholds.judge(&readings))
    }
}
