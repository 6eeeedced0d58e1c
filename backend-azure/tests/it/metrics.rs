//! Azure Monitor's metrics, and a judge over them.

use std::sync::Arc;
use std::time::Duration;

use backend_azure::{Aggregate, AzureMetrics, Dimension, Interval, Measure};
use immutable_core::analysis::{Limit, Reading, Says, Thresholds};
use immutable_core::fleet::{FleetId, GenerationId};
use immutable_core::id::{InstanceKey, RolloutId, StepIx};
use immutable_core::provider::{Judge, Metrics, Side, ThresholdJudge, Trial};
use immutable_core::time::Clock;
use immutable_core::{Digest, ErrorKind, Result, Timestamp};
use serde_json::json;

use crate::account::Account;
use crate::lost::not_found;

const CPU: &str = "Percentage CPU";
const GATEWAY: &str = "Microsoft.Network/applicationGateways";

/// An account with two generations of a fleet, each with a scale set of two machines that measure something.
fn with_sides<T>(test: impl AsyncFnOnce(&Account, Trial) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let account = Account::new().await.unwrap();
        let image = account.image("1.0.0");
        let side = |generation: u32| {
            let name = format!("web-{generation:04}-0");
            let id = account.fake.id("Microsoft.Compute/virtualMachineScaleSets", &name);
            assert!(account.fake.meddle_scale_set(&id, image.id().as_str(), 0));
            for (tag, value) in [
                ("immutable-fleet", "web".to_owned()),
                ("immutable-generation", generation.to_string()),
                ("immutable-cell", "0".to_owned()),
            ] {
                assert!(account.fake.meddle_tag(&id, tag, Some(&value)));
            }
            account.fake.metric(&id, CPU, "Percent", &["VMName"]);
            let side =
                Side::new(GenerationId(generation), "acmeinc/web".parse().unwrap(), "1.2.0".parse().unwrap(), Digest::of(b"web"));
            side.instances(["a", "b"].map(|machine| InstanceKey::named(format!("{name}_{machine}"))))
        };
        let (old, new) = (side(1), side(2));
        account.wait(Duration::from_secs(30)).await;
        let since = minute(&account, 1);
        let trial = Trial::new(
            FleetId::new(account.place(), "web"),
            RolloutId(1),
            StepIx(0),
            new,
            since,
            since + Duration::from_secs(300),
        );
        let answer = test(&account, trial.old(old)).await;
        assert_eq!(account.fake.violations(), Vec::<String>::new());
        answer
    })
}

/// The beginning of a minute from now.
fn minute(account: &Account, ahead: i64) -> Timestamp {
    Timestamp::from_millis((account.clock.now().as_millis().div_euclid(60_000) + ahead) * 60_000)
}

fn set(account: &Account, generation: u32) -> String {
    account.fake.id("Microsoft.Compute/virtualMachineScaleSets", &format!("web-{generation:04}-0"))
}

/// Something is measured so many seconds after the window's beginning.
fn measured(account: &Account, trial: &Trial, generation: u32, machine: &str, second: u64, value: f64) {
    let at = u64::try_from((trial.since + Duration::from_secs(second)).as_millis()).unwrap();
    let machine = format!("web-{generation:04}-0_{machine}");
    account.fake.sample(&set(account, generation), CPU, &[("VMName", &machine)], at, value);
}

async fn until_all_is_there(account: &Account, trial: &Trial) {
    account.clock.sleep_until(trial.until + Duration::from_secs(181)).await;
}

fn cpu(account: &Account) -> AzureMetrics {
    AzureMetrics::new(&account.azure).metric("cpu", Measure::of_scale_sets(CPU, Aggregate::Average))
}

async fn read(metrics: &AzureMetrics, trial: &Trial, side: &Side) -> Result<Option<Reading>> {
    metrics.read(&trial.query("cpu", side)).await
}

#[test]
fn a_reading_is_of_one_side_its_instances_and_its_window() {
    with_sides(async |account, trial| {
        for (second, value) in [(0, 10.0), (59, 20.0), (60, 40.0), (299, 50.0), (300, 99.0)] {
            measured(account, &trial, 2, "a", second, value);
        }
        measured(account, &trial, 2, "b", 70, 60.0);
        measured(account, &trial, 2, "c", 80, 99.0);
        measured(account, &trial, 1, "a", 80, 7.0);
        until_all_is_there(account, &trial).await;
        let metrics = cpu(account);
        let new = read(&metrics, &trial, &trial.new).await.unwrap().unwrap();
        // 10 and 20 in the first minute, 40 and 60 in the second, 50 in the last; what `c` says does not count, nor what came at the end.
        assert!((new.value - 36.0).abs() < 1e-9, "{new}");
        assert_eq!((new.samples, new.newest), (4, trial.until), "points, not samples: one machine has two in a minute");
        let old = read(&metrics, &trial, trial.old.as_ref().unwrap()).await.unwrap().unwrap();
        assert_eq!((old.value, old.samples, old.newest), (7.0, 1, trial.since + Duration::from_secs(120)));
        let all =
            AzureMetrics::new(&account.azure).metric("cpu", Measure::of_scale_sets(CPU, Aggregate::Maximum).of_all_machines());
        assert_eq!(read(&all, &trial, &trial.new).await.unwrap().unwrap().value, 99.0);
    });
}

#[test]
fn what_has_no_data_is_none_and_no_zero() {
    with_sides(async |account, trial| {
        let metrics = cpu(account);
        measured(account, &trial, 2, "c", 80, 99.0);
        until_all_is_there(account, &trial).await;
        assert_eq!(read(&metrics, &trial, &trial.new).await.unwrap(), None, "nobody that counts has measured anything");
        let empty = trial.new.clone().instances([]);
        assert_eq!(read(&metrics, &trial, &empty).await.unwrap(), None);
        let mut unknown = trial.new.clone();
        unknown.generation = GenerationId(9);
        assert_eq!(read(&metrics, &trial, &unknown).await.unwrap(), None);
        let error = metrics.read(&trial.query("latency", &trial.new)).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.message().contains("known are: cpu"), "{error}");
        let wrong =
            AzureMetrics::new(&account.azure).metric("cpu", Measure::of_scale_sets("Percentage Luck", Aggregate::Average));
        assert_eq!(read(&wrong, &trial, &trial.new).await.unwrap_err().kind(), ErrorKind::Invalid);
    });
}

#[test]
fn who_is_in_no_scale_set_that_is_there_makes_it_no_reading() {
    with_sides(async |account, trial| {
        measured(account, &trial, 2, "a", 80, 7.0);
        until_all_is_there(account, &trial).await;
        let metrics = cpu(account);
        let all = ["web-0002-0_a", "web-0002-1_a"].map(InstanceKey::named);
        let error = read(&metrics, &trial, &trial.new.clone().instances(all)).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Unreachable && error.message().contains("of 2 instances 1"), "{error}");
        let one = trial.new.clone().instances([InstanceKey::named("web-0002-0_a")]);
        assert_eq!(read(&metrics, &trial, &one).await.unwrap().unwrap().value, 7.0);
        // Azure does not know it yet, or no more.
        account.fake.faults().next("metrics.list", not_found());
        assert_eq!(read(&metrics, &trial, &one).await.unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn what_may_still_come_is_not_read() {
    with_sides(async |account, trial| {
        account.fake.metrics_lag(Duration::from_secs(120));
        for second in [30, 90, 150, 210, 270] {
            measured(account, &trial, 2, "a", second, second as f64);
        }
        let metrics = cpu(account);
        account.clock.sleep_until(trial.until).await;
        let early = read(&metrics, &trial, &trial.new).await.unwrap().unwrap();
        assert_eq!((early.value, early.newest), (60.0, trial.since + Duration::from_secs(120)), "three minutes are still out");
        until_all_is_there(account, &trial).await;
        let late = read(&metrics, &trial, &trial.new).await.unwrap().unwrap();
        assert_eq!((late.value, late.newest), (150.0, trial.until));
        let mut young = trial.clone();
        young.since = account.clock.now() - Duration::from_secs(120);
        young.until = account.clock.now();
        assert_eq!(read(&metrics, &young, &young.new).await.unwrap(), None);
    });
}

#[test]
fn a_part_of_the_data_is_an_error() {
    with_sides(async |account, trial| {
        measured(account, &trial, 2, "a", 30, 1.0);
        until_all_is_there(account, &trial).await;
        let metrics = cpu(account);
        account.fake.metric_fails(&set(account, 2), CPU, Some(("Throttled", "query less")));
        let error = read(&metrics, &trial, &trial.new).await.unwrap_err();
        assert!(error.message().contains("Throttled: query less"), "{error}");
        account.fake.metric_fails(&set(account, 2), CPU, None);
        account.fake.deny("metrics.list");
        assert_eq!(read(&metrics, &trial, &trial.new).await.unwrap_err().kind(), ErrorKind::Denied);
        account.fake.allow("metrics.list");
        assert_eq!(read(&metrics, &trial, &trial.new).await.unwrap().unwrap().value, 1.0);
    });
}

#[test]
fn a_resource_tells_generations_apart_by_a_dimension() {
    with_sides(async |account, trial| {
        let front = account.fake.id(GATEWAY, "front");
        account.fake.resource(&front, &json!({ "location": "westeurope", "properties": {} }));
        for metric in ["TotalRequests", "FailedRequests"] {
            account.fake.metric(&front, metric, "Count", &["BackendPool"]);
        }
        let sample = |metric: &str, pool: &str, second: u64, value: f64| {
            let at = u64::try_from((trial.since + Duration::from_secs(second)).as_millis()).unwrap();
            account.fake.sample(&front, metric, &[("BackendPool", pool)], at, value);
        };
        for second in [10, 70, 130] {
            sample("TotalRequests", "web-0002", second, 20.0);
            sample("TotalRequests", "web-0001", second, 1000.0);
        }
        sample("FailedRequests", "web-0002", 70, 3.0);
        sample("FailedRequests", "web-0001", 70, 1.0);
        until_all_is_there(account, &trial).await;
        let gateway = |metric: &str| {
            Measure::of_resource(format!("{GATEWAY}/front"), metric, Aggregate::Total)
                .dimension("BackendPool", Dimension::Generation)
                .interval(Interval::FiveMinutes)
        };
        let metrics = AzureMetrics::new(&account.azure)
            .metric("requests", gateway("TotalRequests").interval(Interval::Minute))
            .metric(
                "error_rate",
                gateway("FailedRequests").interval(Interval::Minute).per(gateway("TotalRequests").interval(Interval::Minute)),
            )
            .metric("of_all", Measure::of_resource(front.clone(), "TotalRequests", Aggregate::Total));
        let requests = metrics.read(&trial.query("requests", &trial.new)).await.unwrap().unwrap();
        assert_eq!((requests.value, requests.samples), (60.0, 3));
        let rate = metrics.read(&trial.query("error_rate", &trial.new)).await.unwrap().unwrap();
        assert_eq!((rate.value, rate.samples), (0.05, 60), "of so many requests");
        assert_eq!(metrics.read(&trial.query("of_all", &trial.new)).await.unwrap_err().kind(), ErrorKind::Invalid);

        let limits = [Limit::at_most("error_rate", 0.02)];
        let judge = ThresholdJudge::new(Thresholds::new(limits).unwrap().least_samples(20), Arc::new(metrics));
        let judgement = judge.judge(&trial).await.unwrap();
        assert_eq!((judgement.says, judgement.to_string().contains("0.05")), (Says::Fail, true), "{judgement}");
        let mut turned = trial.clone();
        turned.new = trial.old.clone().unwrap();
        assert_eq!(judge.judge(&turned).await.unwrap().says, Says::Pass);
    });
}

#[test]
fn many_instances_are_asked_for_in_turns() {
    with_sides(async |account, trial| {
        let names: Vec<String> = (0..45).map(|number| format!("m{number}")).collect();
        for (number, name) in names.iter().enumerate() {
            measured(account, &trial, 2, name, 30, number as f64);
        }
        until_all_is_there(account, &trial).await;
        let keys = names.iter().map(|name| InstanceKey::named(format!("web-0002-0_{name}")));
        let many = trial.new.clone().instances(keys);
        let reading = read(&cpu(account), &trial, &many).await.unwrap().unwrap();
        assert_eq!((reading.value, reading.samples), (22.0, 45), "all of them, each once");
        assert_eq!(account.fake.count("metrics.list"), 3);
    });
}
