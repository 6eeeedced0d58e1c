//! Windows, series, and what one value is made of.

use std::fmt;
use std::time::Duration;

use immutable_core::analysis::Reading;
use immutable_core::{Error, ErrorKind, Result, Timestamp};
use serde::Deserialize;

use super::measure::{Aggregate, Measure};
use crate::client::read;

/// Whole intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    since: Timestamp,
    until: Timestamp,
    interval: Duration,
}

impl Window {
    /// The whole intervals of a time, if there is one.
    pub(super) fn within(since: Timestamp, until: Timestamp, interval: Duration) -> Option<Self> {
        let length = i64::try_from(interval.as_millis()).ok().filter(|length| *length > 0)?;
        let first = since.as_millis().checked_add(length - 1)?.div_euclid(length);
        let end = until.as_millis().div_euclid(length);
        let at = |number: i64| Some(Timestamp::from_millis(number.checked_mul(length)?));
        Some(Self { since: at(first)?, until: at(end)?, interval }).filter(|window| window.since < window.until)
    }

    /// When what begins so ends, if all of it lies in the window.
    fn end_of(&self, begins: Timestamp) -> Option<Timestamp> {
        let ends = begins + self.interval;
        (begins >= self.since && ends <= self.until).then_some(ends)
    }
}

/// As `timespan` has it.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.since, self.until)
    }
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    interval: Option<String>,
    value: Vec<Metric>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    #[serde(default)]
    error_code: Option<String>,
    #[serde(default)]
    error_message: Option<String>,
    timeseries: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    data: Vec<Sample>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sample {
    time_stamp: String,
    #[serde(default)]
    average: Option<f64>,
    #[serde(default)]
    minimum: Option<f64>,
    #[serde(default)]
    maximum: Option<f64>,
    #[serde(default)]
    total: Option<f64>,
    #[serde(default)]
    count: Option<f64>,
}

impl Sample {
    fn value(&self, aggregate: Aggregate) -> Option<f64> {
        match aggregate {
            Aggregate::Average => self.average,
            Aggregate::Minimum => self.minimum,
            Aggregate::Maximum => self.maximum,
            Aggregate::Total => self.total,
            Aggregate::Count => self.count,
        }
    }
}

/// What was measured: values, how many samples each is made of, and when the newest ended.
#[derive(Debug, Default)]
pub(super) struct Points {
    values: Vec<(f64, Option<f64>)>,
    newest: Option<Timestamp>,
}

impl Points {
    /// Adds what an answer has, of the window, and errs if it is not all of what was asked for.
    pub(super) fn add(
        &mut self,
        call: &str,
        body: &serde_json::Value,
        measure: &Measure,
        window: &Window,
        top: usize,
    ) -> Result<()> {
        let said: Said = read(call, body)?;
        let wrong = |what: String| Error::new(ErrorKind::Internal, format!("{call} was answered of {}, {what}", measure.metric));
        if let Some(other) = said.interval.filter(|said| !said.eq_ignore_ascii_case(measure.interval.name())) {
            return Err(wrong(format!("by {other}, and not by {}", measure.interval.name())));
        }
        for metric in said.value {
            if let Some(code) = metric.error_code.filter(|code| !code.eq_ignore_ascii_case("Success")) {
                return Err(wrong(format!("that it could not be read ({code}: {})", metric.error_message.unwrap_or_default())));
            }
            if metric.timeseries.len() >= top {
                return Err(wrong(format!("in {top} series and perhaps more; narrow it down by a dimension")));
            }
            for point in metric.timeseries.iter().flat_map(|series| &series.data) {
                self.point(point, measure.aggregate, window, wrong)?;
            }
        }
        Ok(())
    }

    fn point(&mut self, point: &Sample, aggregate: Aggregate, window: &Window, wrong: impl Fn(String) -> Error) -> Result<()> {
        let begins: Timestamp =
            point.time_stamp.parse().map_err(|_| wrong(format!("of `{}`, which is no time", point.time_stamp)))?;
        // One with only a time is no data.
        if let Some((value, ends)) = point.value(aggregate).zip(window.end_of(begins)) {
            self.values.push((value, point.count.filter(|count| *count > 0.0)));
            self.newest = self.newest.max(Some(ends));
        }
        Ok(())
    }

    /// One value of all.
    pub(super) fn reading(&self, aggregate: Aggregate) -> Option<Reading> {
        let newest = self.newest?;
        let values = || self.values.iter().map(|(value, _)| *value);
        let value = match aggregate {
            Aggregate::Average => mean(&self.values),
            Aggregate::Minimum => values().fold(f64::INFINITY, f64::min),
            Aggregate::Maximum => values().fold(f64::NEG_INFINITY, f64::max),
            Aggregate::Total | Aggregate::Count => values().sum(),
        };
        Some(Reading::new(value, self.values.len() as u64, newest))
    }
}

/// Weighted by the samples of each, if all of them are known. Taken step by step, the mean of equal values is that value, to the last bit.
fn mean(values: &[(f64, Option<f64>)]) -> f64 {
    let known = values.iter().all(|(_, count)| count.is_some());
    let (mut mean, mut all) = (0.0, 0.0);
    for (value, count) in values {
        let weight = count.filter(|_| known).unwrap_or(1.0);
        all += weight;
        mean += (value - mean) * (weight / all);
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_window_is_of_whole_intervals() {
        let window = |since, until| Window::within(at(since), at(until), MINUTE).map(|window| (window.since, window.until));
        assert_eq!(window(1, 239), Some((at(60), at(180))));
        assert_eq!(window(60, 180), Some((at(60), at(180))));
        assert_eq!(window(61, 179), None, "no whole minute");
        assert_eq!(window(200, 100), None);
        let shown = Window::within(at(0), at(120), MINUTE).unwrap();
        assert_eq!(shown.to_string(), "1970-01-01T00:00:00.000Z/1970-01-01T00:02:00.000Z");
    }

    fn points(aggregate: Aggregate, body: &Value) -> Result<Points> {
        let measure = Measure::of_resource("x", "m", aggregate);
        let mut points = Points::default();
        points.add("metrics.list", body, &measure, &Window::within(at(60), at(240), MINUTE).unwrap(), 3)?;
        Ok(points)
    }

    fn answer(series: &[Value]) -> Value {
        let series: Vec<Value> = series.iter().map(|data| json!({ "data": data })).collect();
        json!({ "interval": "PT1M", "value": [{ "errorCode": "Success", "timeseries": series }] })
    }

    fn point(second: i64, rest: Value) -> Value {
        let mut point = json!({ "timeStamp": at(second).to_string() });
        point.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        point
    }

    #[test]
    fn one_value_is_made_of_all_series() {
        let of = |value: f64, count: f64| json!({ "average": value, "count": count, "total": value * count, "minimum": value, "maximum": value });
        let body = answer(&[
            json!([point(60, of(1.0, 3.0)), point(120, json!({})), point(180, of(5.0, 1.0))]),
            json!([point(0, of(99.0, 9.0)), point(120, of(9.0, 1.0)), point(240, of(99.0, 9.0))]),
        ]);
        for (aggregate, value) in [
            (Aggregate::Average, 3.4),
            (Aggregate::Total, 17.0),
            (Aggregate::Count, 5.0),
            (Aggregate::Minimum, 1.0),
            (Aggregate::Maximum, 9.0),
        ] {
            let reading = points(aggregate, &body).unwrap().reading(aggregate).unwrap();
            assert!((reading.value - value).abs() < 1e-9, "{aggregate:?}: {reading}");
            assert_eq!((reading.samples, reading.newest), (3, at(240)), "points with a value, within the window");
        }
        let unweighted =
            answer(&[json!([point(60, json!({ "average": 1.0, "count": 3.0 })), point(120, json!({ "average": 2.0 }))])]);
        assert_eq!(points(Aggregate::Average, &unweighted).unwrap().reading(Aggregate::Average).unwrap().value, 1.5);
    }

    #[test]
    fn a_time_alone_is_no_data() {
        let empty = answer(&[json!([point(60, json!({})), point(120, json!({ "average": null }))])]);
        assert_eq!(points(Aggregate::Average, &empty).unwrap().reading(Aggregate::Average), None);
        assert_eq!(points(Aggregate::Average, &answer(&[])).unwrap().reading(Aggregate::Average), None);
    }

    #[test]
    fn a_part_of_the_data_is_an_error() {
        let failed = json!({ "value": [{ "errorCode": "Throttled", "errorMessage": "later", "timeseries": [] }] });
        let error = |body| points(Aggregate::Average, &body).unwrap_err().to_string();
        assert!(error(failed).contains("Throttled: later"));
        assert!(error(json!({ "interval": "PT5M", "value": [] })).contains("by PT5M"));
        assert!(error(answer(&[json!([]), json!([]), json!([])])).contains("3 series"));
        assert!(error(answer(&[json!([{ "timeStamp": "noon", "average": 1.0 }])])).contains("`noon`"));
        assert!(error(json!({ "value": "x" })).contains("could not be read"));
    }
}
