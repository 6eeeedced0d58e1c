//! Azure Monitor: `MetricsOperations.list` of azure-mgmt-monitor.

use std::time::Duration;

use serde_json::{Value, json};

use crate::wire::{GROUP, Said, Wire, each};

const MINUTE: u64 = 60_000;
/// 2023-11-14T22:14:00Z.
const START: u64 = 1_700_000_040_000;

fn set() -> String {
    format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web")
}

fn ask(wire: &Wire, query: &str) -> Said {
    wire.call("GET", &format!("{}/providers/Microsoft.Insights/metrics?{query}", set()), Value::Null)
}

/// A metric in two dimensions, with samples in the first, second and fourth of its minutes.
fn measured() -> Wire {
    let wire = Wire::new();
    wire.fake.metric(&set(), "Errors", "Count", &["VMName", "Path"]);
    wire.fake.metric(&set(), "Percentage CPU", "Percent", &["VMName"]);
    for (minute, machine, path, value) in [(0, "a", "/", 1.0), (0, "b", "/", 3.0), (1, "a", "/login", 5.0), (3, "b", "/", 2.0)] {
        wire.fake.sample(&set(), "Errors", &[("VMName", machine), ("Path", path)], START + minute * MINUTE + 1, value);
    }
    wire.wait(3600);
    wire.sign(&wire.fake.token());
    wire
}

const SPAN: &str = "timespan=2023-11-14T22:14:00Z/2023-11-14T22:18:00Z&metricnames=Errors";

/// MetricValue: "timeStamp" is required, and nothing else; where there is no data, there is nothing else.
#[test]
fn a_point_without_data_has_only_its_time() {
    let wire = measured();
    let said = ask(&wire, &format!("{SPAN}&aggregation=total,count,average,minimum,maximum&interval=PT1M")).ok();
    assert_eq!((&said["interval"], &said["timespan"]), (&json!("PT1M"), &json!("2023-11-14T22:14:00Z/2023-11-14T22:18:00Z")));
    assert_eq!(
        (&said["namespace"], &said["resourceregion"]),
        (&json!("Microsoft.Compute/virtualMachineScaleSets"), &json!("westeurope"))
    );
    let metric = &said["value"][0];
    assert_eq!(
        (&metric["name"]["value"], &metric["unit"], &metric["errorCode"]),
        (&json!("Errors"), &json!("Count"), &json!("Success"))
    );
    let points = metric["timeseries"][0]["data"].as_array().unwrap();
    assert_eq!(points.len(), 4);
    assert_eq!(
        points[0],
        json!({ "timeStamp": "2023-11-14T22:14:00Z", "total": 4.0, "count": 2.0, "average": 2.0, "minimum": 1.0, "maximum": 3.0 })
    );
    assert_eq!(points[2], json!({ "timeStamp": "2023-11-14T22:16:00Z" }));
    // What was not asked for is not said.
    let said = ask(&wire, &format!("{SPAN}&aggregation=Total")).ok();
    assert_eq!(said["value"][0]["timeseries"][0]["data"][1], json!({ "timeStamp": "2023-11-14T22:15:00Z", "total": 5.0 }));
    // Of what was never measured there is no series at all.
    let said = ask(&wire, &SPAN.replace("Errors", "Percentage%20CPU")).ok();
    assert_eq!(said["value"][0]["timeseries"], json!([]));
}

/// `interval`, `timespan`: azure-libraries-for-net#495 quotes the error.
#[test]
fn intervals_are_of_certain_lengths() {
    let wire = measured();
    let totals = |interval: &str| -> Vec<Option<f64>> {
        let said = ask(&wire, &format!("{SPAN}&aggregation=total&interval={interval}")).ok();
        said["value"][0]["timeseries"][0]["data"].as_array().unwrap().iter().map(|point| point["total"].as_f64()).collect()
    };
    assert_eq!(totals("PT5M"), [Some(11.0)]);
    assert_eq!(totals("FULL"), [Some(11.0)]);
    let error = |query: &str| {
        let said = ask(&wire, query);
        // At the top of the body: azure-sdk-for-net#29584.
        (said.status, said.body["code"].as_str().unwrap_or_default().to_owned())
    };
    let bad = (400, "BadRequest".to_owned());
    assert_eq!(error(&format!("{SPAN}&interval=PT3M")), bad);
    assert_eq!(error("timespan=yesterday&metricnames=Errors"), bad);
    assert_eq!(error("timespan=2023-11-14T22:18:00Z/2023-11-14T22:14:00Z&metricnames=Errors"), bad);
    assert_eq!(error(&format!("{SPAN}&aggregation=median")), bad);
    let many = vec!["Errors"; 21].join(",");
    assert_eq!(error(&format!("timespan=2023-11-14T22:14:00Z/2023-11-14T22:18:00Z&metricnames={many}")), bad);
}

/// azure-sdk-for-net#29584 quotes it whole.
#[test]
fn a_metric_that_is_not_known_is_refused_with_those_that_are() {
    let wire = measured();
    let said = ask(&wire, "metricnames=Latency");
    assert_eq!((said.status, said.body["code"].as_str()), (400, Some("BadRequest")));
    assert_eq!(
        said.body["message"],
        "Failed to find metric configuration for provider: Microsoft.Compute, resource Type: virtualMachineScaleSets, metric: Latency, Valid metrics: Errors,Percentage CPU"
    );
    let none = wire.call("GET", &format!("{}-2/providers/Microsoft.Insights/metrics?metricnames=Errors", set()), Value::Null);
    assert_eq!(none.error(), (404, "ResourceNotFound"));
}

/// `$filter`, `top`, `rollupby`, `ValidateDimensions`.
#[test]
fn a_filter_splits_by_the_dimensions_that_it_names() {
    let wire = measured();
    let ask = |filter: &str, more: &str| {
        ask(
            &wire,
            &format!("{SPAN}&aggregation=total&interval=FULL&$filter={}{more}", filter.replace(' ', "%20").replace('\'', "%27")),
        )
    };
    let series = |said: Said| -> Vec<(Vec<String>, f64)> {
        let all = said.ok()["value"][0]["timeseries"].as_array().unwrap().clone();
        all.iter()
            .map(|one| {
                let values = each(one["metadatavalues"].as_array().unwrap(), "/value").into_iter().map(str::to_owned).collect();
                (values, one["data"][0]["total"].as_f64().unwrap())
            })
            .collect()
    };
    let of = |values: &[&str], total: f64| (values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>(), total);
    assert_eq!(series(ask("VMName eq '*'", "")), [of(&["a"], 6.0), of(&["b"], 5.0)]);
    assert_eq!(series(ask("VMName eq 'a' and Path eq '*'", "")), [of(&["/", "a"], 1.0), of(&["/login", "a"], 5.0)]);
    assert_eq!(series(ask("Path eq '/' or Path eq '/login'", "&rollupby=Path")), [of(&[], 11.0)]);
    assert_eq!(series(ask("VMName eq '*'", "&top=1")), [of(&["a"], 6.0)]);
    let status = |said: Said| (said.status, said.body["code"].as_str().unwrap_or_default().to_owned());
    // "the logical or operator cannot separate two different metadata names".
    assert_eq!(status(ask("VMName eq 'a' or Path eq '/'", "")), (400, "BadRequest".into()));
    assert_eq!(status(ask("Zone eq '1'", "")), (400, "BadRequest".into()));
    assert_eq!(ask("Zone eq '1'", "&ValidateDimensions=false").status, 200);
}

/// "'Success' or the error details on query failures for this metric": errorCode of Metric. The others are answered.
#[test]
fn one_of_several_metrics_may_fail() {
    let wire = measured();
    wire.fake.metric_fails(&set(), "percentage cpu", Some(("InternalServerError", "try again")));
    let both = SPAN.replace("Errors", "Percentage%20CPU,Errors");
    let said = ask(&wire, &format!("{both}&aggregation=total&interval=FULL")).ok();
    assert_eq!(each(said["value"].as_array().unwrap(), "/errorCode"), ["InternalServerError", "Success"]);
    assert_eq!(
        (&said["value"][0]["timeseries"], &said["value"][1]["timeseries"][0]["data"][0]["total"]),
        (&json!([]), &json!(11.0))
    );
    wire.fake.metric_fails(&set(), "Percentage CPU", None);
    assert_eq!(ask(&wire, &both).ok()["value"][0]["errorCode"], "Success");
}

/// "Azure Monitor Metrics overview": what is measured is shown some minutes later.
#[test]
fn samples_are_shown_late() {
    let wire = Wire::new();
    wire.fake.metric(&set(), "Errors", "Count", &[]);
    wire.fake.metrics_lag(Duration::from_secs(180));
    wire.fake.sample(&set(), "Errors", &[], START, 1.0);
    let series = |wire: &Wire| ask(wire, SPAN).ok()["value"][0]["timeseries"].as_array().unwrap().len();
    wire.wait(200);
    assert_eq!(series(&wire), 0);
    wire.wait(20);
    assert_eq!(series(&wire), 1);
}

#[test]
fn a_resource_has_the_metrics_of_its_kind() {
    let wire = Wire::new();
    wire.fake.usual_metric("Microsoft.Compute/virtualMachineScaleSets", "Percentage CPU", "Percent", 12.5);
    wire.wait(45);
    assert_eq!(ask(&wire, "metricnames=Percentage%20CPU").error(), (404, "ResourceNotFound"));
    wire.scale_set("web", 0, &[]);
    wire.wait(150);
    let said = ask(&wire, "metricnames=Percentage%20CPU&timespan=2023-11-14T22:13:00Z/2023-11-14T22:17:00Z").ok();
    let points = said["value"][0]["timeseries"][0]["data"].as_array().unwrap().clone();
    let values: Vec<_> = points.iter().map(|point| point["average"].as_f64()).collect();
    assert_eq!(values, [None, None, Some(12.5), Some(12.5)]);
    // It is one that is known like any other.
    assert_eq!(ask(&wire, "metricnames=Errors").status, 400);
}
