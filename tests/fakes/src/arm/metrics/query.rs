//! What is asked for: times, aggregations and dimensions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::super::asked::Asked;
use super::super::error::Result;
use super::{Metric, Sample, namespace, refused};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// "supported ones are: 00:01:00,00:05:00,00:15:00,00:30:00,01:00:00,06:00:00,12:00:00,1.00:00:00": azure-libraries-for-net#495.
const GRAINS: [(&str, u64); 8] = [
    ("PT1M", MINUTE),
    ("PT5M", 5 * MINUTE),
    ("PT15M", 15 * MINUTE),
    ("PT30M", 30 * MINUTE),
    ("PT1H", HOUR),
    ("PT6H", 6 * HOUR),
    ("PT12H", 12 * HOUR),
    ("P1D", 24 * HOUR),
];
/// As a query names them. "Examples: average, minimum, maximum".
const AGGREGATIONS: [&str; 5] = ["average", "minimum", "maximum", "total", "count"];

/// A query that was understood.
#[derive(Debug)]
pub(super) struct Query<'a> {
    pub(super) metrics: Vec<&'a Metric>,
    /// Milliseconds; the end is not in it.
    from: u64,
    to: u64,
    /// Nothing is one point for all of it.
    grain: Option<u64>,
    pub(super) interval_said: String,
    aggregations: Vec<&'static str>,
    /// By dimension, what is allowed; nothing is anything.
    filter: BTreeMap<String, Option<BTreeSet<String>>>,
    /// Dimensions that do not split.
    rolled: BTreeSet<String>,
    pub(super) top: usize,
}

impl<'a> Query<'a> {
    pub(super) fn read(asked: &Asked, known: &'a [Metric], now: u64) -> Result<Self> {
        let said = |name: &str| asked.query.get(name).map(String::as_str);
        let (from, to) = match said("timespan") {
            Some(span) => timespan(span)?,
            // "Get metrics … without a timespan are of the last hour": what `az monitor metrics list` says of `--start-time`.
            None => (now.saturating_sub(HOUR), now),
        };
        let interval = said("interval").unwrap_or("PT1M");
        let grain = match GRAINS.iter().find(|(name, _)| name.eq_ignore_ascii_case(interval)) {
            Some((_, grain)) => Some(*grain),
            // "'FULL' value that returns single datapoint for entire time span requested": `interval`.
            None if interval.eq_ignore_ascii_case("FULL") => None,
            None => {
                return Err(refused(format!(
                    "Invalid time grain duration: {interval}, supported ones are: 00:01:00,00:05:00,00:15:00,00:30:00,01:00:00,06:00:00,12:00:00,1.00:00:00"
                )));
            }
        };
        let metrics = named(asked, said("metricnames"), known)?;
        let mut aggregations = Vec::new();
        for name in said("aggregation").unwrap_or("average").split(',').map(str::trim) {
            let known = AGGREGATIONS.iter().find(|known| known.eq_ignore_ascii_case(name));
            aggregations.push(*known.ok_or_else(|| refused(format!("Invalid aggregation type: {name}")))?);
        }
        let filter = said("$filter").map(filter).transpose()?.unwrap_or_default();
        // "When set to true, an error is returned for invalid filter parameters. Defaults to true": `ValidateDimensions`.
        if !said("ValidateDimensions").is_some_and(|value| value.eq_ignore_ascii_case("false"))
            && let Some(name) = filter.keys().find(|name| !metrics.iter().all(|metric| metric.dimensions.contains(name)))
        {
            return Err(refused(format!("Metric does not support requested dimension combination: {name}")));
        }
        if said("resultType").is_some_and(|kind| !kind.eq_ignore_ascii_case("Data")) {
            return Err(refused("the fake answers with data only"));
        }
        // "Valid only if filter is specified. Defaults to 10": `top`.
        let top = said("top").and_then(|top| top.parse().ok()).unwrap_or(10);
        let rolled = said("rollupby").into_iter().flat_map(|names| names.split(',')).map(|name| name.trim().to_owned()).collect();
        Ok(Self { metrics, from, to, grain, interval_said: interval.into(), aggregations, filter, rolled, top })
    }

    /// The dimensions that split, in their order.
    pub(super) fn split(&self) -> impl Iterator<Item = &str> {
        self.filter.keys().filter(|name| !self.rolled.contains(*name)).map(String::as_str)
    }

    pub(super) fn wants(&self, dimensions: &BTreeMap<String, String>) -> bool {
        self.filter.iter().all(|(name, allowed)| {
            let value = dimensions.get(name);
            allowed.as_ref().is_none_or(|allowed| value.is_some_and(|value| allowed.contains(value)))
        })
    }

    /// As it was asked for, to the second.
    pub(super) fn timespan(&self) -> String {
        format!("{}/{}", written(self.from), written(self.to))
    }

    /// From and to, each, in milliseconds. The first begins with the minute.
    pub(super) fn buckets(&self) -> Vec<(u64, u64)> {
        let Some(grain) = self.grain else { return vec![(self.from, self.to)] };
        let first = self.from - self.from % MINUTE;
        let count = self.to.saturating_sub(first).div_ceil(grain);
        (0..count).map(|at| (first + at * grain, (first + (at + 1) * grain).min(self.to.max(first)))).collect()
    }

    /// A point; where there is no sample, only its time ("Metrics - List" has such points in its example, and so have the docstrings' optional fields).
    pub(super) fn point(&self, samples: &[&Sample], from: u64, to: u64) -> Value {
        let mut point = Map::new();
        point.insert("timeStamp".into(), written(from).into());
        let values: Vec<f64> =
            samples.iter().filter(|sample| from <= sample.at && sample.at < to).map(|sample| sample.value).collect();
        if values.is_empty() {
            return point.into();
        }
        let (total, count) = (values.iter().sum::<f64>(), values.iter().map(|_| 1.0).sum::<f64>());
        for name in &self.aggregations {
            let value = match *name {
                "average" => total / count,
                "minimum" => values.iter().copied().fold(f64::INFINITY, f64::min),
                "maximum" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                "total" => total,
                _ => count,
            };
            point.insert((*name).into(), value.into());
        }
        point.into()
    }
}

/// "The names of the metrics (comma separated) to retrieve. Limit 20 metrics": `metricnames`.
fn named<'a>(asked: &Asked, names: Option<&str>, known: &'a [Metric]) -> Result<Vec<&'a Metric>> {
    let Some(names) = names else { return Ok(known.iter().take(1).collect()) };
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    if names.len() > 20 {
        return Err(refused("Requested metrics count exceeds the limit of 20."));
    }
    let find = |name: &&str| {
        let found = known.iter().find(|metric| metric.name.eq_ignore_ascii_case(name));
        // azure-sdk-for-net#29584 quotes it.
        found.ok_or_else(|| {
            let space = namespace(asked.name(0));
            let (provider, kind) = space.split_once('/').unwrap_or((&space, ""));
            let valid: Vec<&str> = known.iter().map(|metric| metric.name.as_str()).collect();
            refused(format!(
                "Failed to find metric configuration for provider: {provider}, resource Type: {kind}, metric: {name}, Valid metrics: {}",
                valid.join(",")
            ))
        })
    };
    names.iter().map(find).collect()
}

/// "It is a string with the following format 'startDateTime_ISO/endDateTime_ISO'": `timespan`.
fn timespan(span: &str) -> Result<(u64, u64)> {
    let wrong = || refused(format!("Detected invalid time interval input: {span}"));
    let (from, to) = span.split_once('/').ok_or_else(wrong)?;
    let read = |time: &str| {
        let time: Option<jiff::Timestamp> = time.parse().ok();
        time.and_then(|time| u64::try_from(time.as_millisecond()).ok()).ok_or_else(wrong)
    };
    let (from, to) = (read(from)?, read(to)?);
    if from < to { Ok((from, to)) } else { Err(refused("StartTime must be before EndTime.")) }
}

/// `A eq 'a1' and B eq 'b1' or B eq 'b2'`: "the logical or operator cannot separate two different metadata names" (`$filter`). `*` is anything.
fn filter(said: &str) -> Result<BTreeMap<String, Option<BTreeSet<String>>>> {
    let wrong = || refused(format!("Invalid filter: {said}"));
    let mut found: BTreeMap<String, Option<BTreeSet<String>>> = BTreeMap::new();
    for clause in said.split(" and ") {
        let mut name = None;
        let mut values = Some(BTreeSet::new());
        for term in clause.split(" or ") {
            let (dimension, value) = term.trim().split_once(" eq ").ok_or_else(wrong)?;
            let value = value.trim().strip_prefix('\'').and_then(|value| value.strip_suffix('\'')).ok_or_else(wrong)?;
            if name.replace(dimension).is_some_and(|before| before != dimension) {
                return Err(wrong());
            }
            match &mut values {
                Some(values) if value != "*" => drop(values.insert(value.to_owned())),
                values => *values = None,
            }
        }
        found.insert(name.ok_or_else(wrong)?.trim().to_owned(), values);
    }
    Ok(found)
}

fn written(at: u64) -> String {
    let time = i64::try_from(at / 1000).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
    time.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}
