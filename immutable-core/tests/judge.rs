//! Judges: thresholds over metrics, and functions.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use immutable_core::analysis::{Judgement, Limit, Reading, Says, Thresholds};
use immutable_core::fleet::{FleetId, GenerationId};
use immutable_core::id::{InstanceKey, RolloutId, StepIx};
use immutable_core::memory::MemoryMetrics;
use immutable_core::provider::{Judge, Metrics, Query, Side, ThresholdJudge, Trial, judge_fn};
use immutable_core::{Applied, Artifact, Error, ErrorKind, MemoryCloud, Result, Timestamp};

fn at(seconds: u64) -> Timestamp {
    Timestamp::default() + Duration::from_secs(seconds)
}

/// The artifacts of both sides, old and new.
fn artifacts() -> (Artifact, Artifact) {
    let cloud = MemoryCloud::new();
    (cloud.bake("acmeinc/web", "1.0.0").unwrap(), cloud.bake("acmeinc/web", "1.1.0").unwrap())
}

fn side(generation: u32, artifact: &Artifact, instances: u32) -> Side {
    let side = Side::new(GenerationId(generation), artifact.name().clone(), artifact.version().clone(), artifact.digest());
    side.instances((0..instances).rev().map(|n| InstanceKey::named(format!("i-{n}"))))
}

/// Five minutes of one new instance beside nine old ones.
fn trial(old: &Artifact, new: &Artifact) -> Trial {
    let fleet = FleetId::new(MemoryCloud::new().place(), "web");
    Trial::new(fleet, RolloutId(3), StepIx(0), side(2, new, 1), at(600), at(900)).old(side(1, old, 9))
}

fn judge(limits: impl IntoIterator<Item = Limit>, metrics: impl Metrics + 'static) -> ThresholdJudge {
    ThresholdJudge::new(Thresholds::new(limits).unwrap(), Arc::new(metrics))
}

#[tokio::test]
async fn thresholds_judge_what_was_measured_in_the_window() {
    let (old, new) = artifacts();
    let metrics = MemoryMetrics::new();
    metrics.set(&old, "p99", 300.0);
    metrics.set(&new, "p99", 300.0);
    let judge = judge([Limit::at_most_times_old("p99", 1.2)], metrics.clone());
    let trial = trial(&old, &new);
    let judgement = judge.judge(&trial).await.unwrap();
    assert_eq!(judgement.to_string(), "pass: within its limits: p99 at most 1.2 times the old generation's");
    assert_eq!(&*judgement.evidence["p99"], "300 of 30 samples, the old generation's 300 of 270 samples");

    // What was before the window, and what comes after it, is nothing to this trial, however often and late it is judged.
    metrics.set_from(at(0), &new, "p99", 9000.0);
    metrics.set_from(at(601), &new, "p99", 300.0);
    metrics.set_from(at(901), &new, "p99", 9000.0);
    for _ in 0..2 {
        assert_eq!(judge.judge(&trial).await.unwrap(), judgement);
    }

    metrics.set_from(at(700), &new, "p99", 900.0);
    let judgement = judge.judge(&trial).await.unwrap();
    assert_eq!(judgement.says, Says::Fail, "{judgement}");
    assert!(judgement.why.ends_with("more than 1.2 times the old generation's 300"), "{judgement}");
}

#[tokio::test]
async fn without_data_of_either_side_nothing_can_be_told() {
    let (old, new) = artifacts();
    let metrics = MemoryMetrics::new();
    let judge = judge([Limit::at_most_times_old("p99", 1.2)], metrics.clone());
    let whole = trial(&old, &new);
    let says = |trial: Trial| {
        let judge = &judge;
        async move { judge.judge(&trial).await.unwrap().to_string() }
    };
    assert_eq!(says(whole.clone()).await, "inconclusive: p99 has no data");
    metrics.set(&new, "p99", 300.0);
    assert_eq!(says(whole.clone()).await, "inconclusive: the old generation's p99 has no data");
    metrics.set(&old, "p99", 300.0);
    assert!(says(whole.clone()).await.starts_with("pass: "));

    let mut first = whole.clone();
    first.old = None;
    assert_eq!(says(first).await, "inconclusive: the old generation's p99 has no data");
    let mut nobody = whole.clone();
    nobody.new = side(2, &new, 0);
    assert_eq!(says(nobody).await, "inconclusive: p99 has no data");
    let mut no_time = whole.clone();
    no_time.until = no_time.since;
    assert_eq!(says(no_time).await, "inconclusive: p99 has no data");
    metrics.silence_from(at(0), &new, "p99");
    assert_eq!(says(whole).await, "inconclusive: p99 has no data");
}

/// Writes down what it is asked, and answers what its function says.
struct Asked<F> {
    log: Arc<Mutex<Vec<String>>>,
    answer: F,
}

#[async_trait]
impl<F: Fn(&Query<'_>) -> Result<Option<Reading>> + Send + Sync> Metrics for Asked<F> {
    async fn read(&self, query: &Query<'_>) -> Result<Option<Reading>> {
        let generation = query.side.generation.name(query.fleet);
        let (instances, since, until) = (query.side.instances.len(), query.since, query.until);
        self.log.lock().unwrap().push(format!("{} {generation} ({instances}) {since}..{until}", query.metric));
        (self.answer)(query)
    }
}

#[tokio::test]
async fn each_metric_is_read_once_and_the_old_one_only_where_it_is_compared() {
    let (old, new) = artifacts();
    let log = Arc::new(Mutex::new(Vec::new()));
    let answer = |query: &Query<'_>| Ok(Some(Reading::new(1.0, 10, query.until)));
    let limits = [
        Limit::at_most("errors", 1.0),
        Limit::at_most_times_old("p99", 1.2),
        Limit::at_most("p99", 500.0),
        Limit::at_least_times_old("p99", 0.5),
    ];
    let judge = judge(limits, Asked { log: log.clone(), answer });
    assert_eq!(judge.judge(&trial(&old, &new)).await.unwrap().says, Says::Pass);
    let window = format!("{}..{}", at(600), at(900));
    assert_eq!(
        *log.lock().unwrap(),
        [format!("errors web-0002 (1) {window}"), format!("p99 web-0002 (1) {window}"), format!("p99 web-0001 (9) {window}")]
    );
}

#[tokio::test]
async fn a_source_that_fails_gives_no_judgement() {
    let (old, new) = artifacts();
    let trial = trial(&old, &new);
    let limits = [Limit::at_most("errors", 0.5), Limit::at_most_times_old("p99", 1.2)];
    // Of either side and either metric; also beside one that is breached, which may be what broke the source.
    for (metric, generation) in [("errors", 2), ("p99", 2), ("p99", 1)] {
        let answer = move |query: &Query<'_>| {
            if (query.metric, query.side.generation.0) == (metric, generation) {
                Err(Error::new(ErrorKind::Throttled, "too many queries"))
            } else {
                Ok(Some(Reading::new(1.0, 10, query.until)))
            }
        };
        let error = judge(limits.clone(), Asked { log: Arc::default(), answer }).judge(&trial).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Throttled, "too many queries"), "{metric} {generation}");
    }

    let metrics = MemoryMetrics::new();
    metrics.set(&new, "errors", 0.0);
    metrics.unreachable_between(at(900), at(901));
    let judge = judge([Limit::at_most("errors", 0.5)], metrics);
    let error = judge.judge(&trial).await.unwrap_err();
    assert_eq!((error.kind(), error.applied()), (ErrorKind::Unreachable, Applied::No));
    assert_eq!(error.to_string(), "read: errors cannot be read: the source does not answer");
    for until in [at(899), at(901)] {
        let mut other = trial.clone();
        other.until = until;
        assert_eq!(judge.judge(&other).await.unwrap().says, Says::Pass);
    }
}

#[tokio::test]
async fn a_function_is_a_judge() {
    let (old, new) = artifacts();
    let asked = Arc::new(Mutex::new(0));
    let count = asked.clone();
    let judges: Vec<Arc<dyn Judge>> = vec![
        Arc::new(judge_fn(move |trial: Trial| {
            let count = count.clone();
            async move {
                tokio::task::yield_now().await;
                *count.lock().unwrap() += 1;
                Ok(Judgement::pass(format!("{} {} is fine", trial.new.name, trial.new.version)))
            }
        })),
        Arc::new(judge_fn(|_| async { Err(Error::new(ErrorKind::Unreachable, "nobody is there")) })),
    ];
    let trial = trial(&old, &new);
    assert_eq!(judges[0].judge(&trial).await.unwrap(), Judgement::pass("acmeinc/web 1.1.0 is fine"));
    assert_eq!(judges[0].judge(&trial).await.unwrap().says, Says::Pass);
    assert_eq!(*asked.lock().unwrap(), 2);
    assert_eq!(judges[1].judge(&trial).await.unwrap_err().kind(), ErrorKind::Unreachable);
}

#[test]
fn instances_of_a_side_are_in_order() {
    let (_, new) = artifacts();
    let names: Vec<String> = side(2, &new, 3).instances.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["i-0", "i-1", "i-2"]);
}
