//! CloudWatch: alarms, their states and their history, in CBOR (Smithy's RPC v2).

use std::collections::BTreeMap;

use ciborium::Value;
use serde_json::Value as Json;

use super::error::{Result, refused};
use super::params::page;
use super::request::{Answer, Body};
use super::world::{Region, time};

/// All alarms of a region, and what they did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alarms {
    pub(crate) known: BTreeMap<String, Alarm>,
    pub(crate) history: Vec<Change>,
}

/// An alarm.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    pub(crate) state: String,
    pub(crate) reason: String,
    pub(crate) since: u64,
    pub(crate) composite: bool,
}

/// A change of an alarm's state.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) alarm: String,
    pub(crate) at: u64,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) composite: bool,
}

pub(crate) fn perform(region: &Region, action: &str, body: &Json) -> Option<Answer> {
    match action {
        "DescribeAlarms" => Some(describe(region, body)),
        "DescribeAlarmHistory" => Some(history(region, body)),
        _ => None,
    }
}

fn only(body: &Json, known: &[&str]) -> Result<()> {
    match body.as_object().into_iter().flatten().find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => Err(refused("UnknownParameter", format!("The parameter {name} is not recognized"))),
        None => Ok(()),
    }
}

fn texts(body: &Json, name: &str) -> Option<Vec<String>> {
    let list = body.get(name)?.as_array()?;
    Some(list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
}

fn size(body: &Json) -> Result<usize> {
    let asked = body.get("MaxRecords").and_then(Json::as_u64);
    // "Valid Range: Minimum value of 1. Maximum value of 100": CloudWatch API.
    match asked {
        Some(size) if !(1..=100).contains(&size) => {
            Err(refused("ValidationError", format!("MaxRecords {size} is not between 1 and 100")))
        }
        Some(size) => Ok(usize::try_from(size).unwrap_or(100)),
        None => Ok(50),
    }
}

fn kinds(body: &Json) -> (bool, bool) {
    // "If you omit this parameter, only metric alarms are returned": CloudWatch API, AlarmTypes.
    match texts(body, "AlarmTypes") {
        Some(kinds) => (kinds.iter().any(|kind| kind == "MetricAlarm"), kinds.iter().any(|kind| kind == "CompositeAlarm")),
        None => (true, false),
    }
}

fn describe(region: &Region, body: &Json) -> Answer {
    only(body, &["AlarmNames", "AlarmNamePrefix", "AlarmTypes", "StateValue", "MaxRecords", "NextToken"])?;
    let (names, prefix) = (texts(body, "AlarmNames"), body.get("AlarmNamePrefix").and_then(Json::as_str));
    if names.is_some() && prefix.is_some() {
        return Err(refused("ValidationError", "AlarmNames and AlarmNamePrefix cannot both be specified".into()));
    }
    let state = body.get("StateValue").and_then(Json::as_str);
    let (metric, composite) = kinds(body);
    let found: Vec<_> = region
        .alarms
        .known
        .iter()
        .filter(|(name, _)| names.as_ref().is_none_or(|names| names.contains(name)))
        .filter(|(name, _)| prefix.is_none_or(|prefix| name.starts_with(prefix)))
        .filter(|(_, alarm)| state.is_none_or(|state| alarm.state == state))
        .filter(|(_, alarm)| if alarm.composite { composite } else { metric })
        .collect();
    let token = body.get("NextToken").and_then(Json::as_str).map(str::to_owned);
    let (found, next) = page(found, size(body)?, token, "InvalidNextToken")?;
    let list = |composite: bool| {
        Value::Array(
            found
                .iter()
                .filter(|(_, alarm)| alarm.composite == composite)
                .map(|(name, alarm)| one(region, name, alarm))
                .collect(),
        )
    };
    let mut fields = vec![("MetricAlarms", list(false)), ("CompositeAlarms", list(true))];
    fields.extend(next.map(|token| ("NextToken", token.into())));
    Ok(Body::Cbor(map(fields)))
}

fn one(region: &Region, name: &str, alarm: &Alarm) -> Value {
    map([
        ("AlarmName", name.into()),
        ("AlarmArn", region.arn("cloudwatch", &format!("alarm:{name}")).into()),
        ("ActionsEnabled", true.into()),
        ("StateValue", alarm.state.as_str().into()),
        ("StateReason", alarm.reason.as_str().into()),
        ("StateUpdatedTimestamp", stamp(alarm.since)),
        ("StateTransitionedTimestamp", stamp(alarm.since)),
    ])
}

fn history(region: &Region, body: &Json) -> Answer {
    only(body, &["AlarmName", "AlarmTypes", "HistoryItemType", "StartDate", "EndDate", "MaxRecords", "NextToken", "ScanBy"])?;
    let name = body.get("AlarmName").and_then(Json::as_str);
    let moment = |field: &str| body.get(field).and_then(Json::as_f64).map(|seconds| seconds * 1000.0);
    let (start, end) = (moment("StartDate"), moment("EndDate"));
    let kind = body.get("HistoryItemType").and_then(Json::as_str).unwrap_or("StateUpdate");
    let (metric, composite) = kinds(body);
    let mut found: Vec<_> = region.alarms.history.iter().filter(|_| kind == "StateUpdate").collect();
    found.retain(|change| name.is_none_or(|name| change.alarm == name) && if change.composite { composite } else { metric });
    found.retain(|change| {
        let at = change.at as f64;
        start.is_none_or(|start| at >= start) && end.is_none_or(|end| at <= end)
    });
    // "TimestampDescending": newest first is the default.
    if body.get("ScanBy").and_then(Json::as_str) != Some("TimestampAscending") {
        found.reverse();
    }
    let token = body.get("NextToken").and_then(Json::as_str).map(str::to_owned);
    let (found, next) = page(found, size(body)?, token, "InvalidNextToken")?;
    let items = found.into_iter().map(|change| {
        let state = |value: &str| serde_json::json!({ "stateValue": value, "stateReason": "" });
        let data = serde_json::json!({ "version": "1.0", "oldState": state(&change.from), "newState": state(&change.to) });
        map([
            ("AlarmName", change.alarm.as_str().into()),
            ("AlarmType", if change.composite { "CompositeAlarm" } else { "MetricAlarm" }.into()),
            ("Timestamp", stamp(change.at)),
            ("HistoryItemType", "StateUpdate".into()),
            ("HistorySummary", format!("Alarm updated from {} to {}", change.from, change.to).into()),
            ("HistoryData", data.to_string().into()),
        ])
    });
    let mut fields = vec![("AlarmHistoryItems", Value::Array(items.collect()))];
    fields.extend(next.map(|token| ("NextToken", token.into())));
    Ok(Body::Cbor(map(fields)))
}

impl Region {
    pub(crate) fn set_alarm(&mut self, name: &str, state: &str, composite: bool) {
        let (at, to) = (self.now, state.to_owned());
        let before = self.alarms.known.get(name).map(|alarm| alarm.state.clone());
        if let Some(from) = before.filter(|from| *from != to) {
            self.alarms.history.push(Change { alarm: name.into(), at, from, to, composite });
        }
        let reason = format!("set to {state} at {}", time(at));
        self.alarms.known.insert(name.into(), Alarm { state: state.into(), reason, since: at, composite });
    }
}

/// Timestamps are tag 1, "epoch-based date/time", of a float: Smithy RPC v2 CBOR.
fn stamp(at: u64) -> Value {
    Value::Tag(1, Box::new(Value::Float(at as f64 / 1000.0)))
}

pub(crate) fn map<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::Map(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

pub(crate) fn write(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = ciborium::into_writer(value, &mut bytes);
    bytes
}

/// A request's CBOR as JSON has it; a timestamp is its seconds.
pub(crate) fn read(bytes: &[u8]) -> std::result::Result<Json, String> {
    let value: Value = ciborium::from_reader(bytes).map_err(|error| error.to_string())?;
    plain(value)
}

fn plain(value: Value) -> std::result::Result<Json, String> {
    Ok(match value {
        Value::Integer(number) => Json::from(i64::try_from(number).map_err(|error| error.to_string())?),
        Value::Text(text) => text.into(),
        Value::Bool(flag) => flag.into(),
        Value::Float(number) => number.into(),
        Value::Null => Json::Null,
        Value::Tag(_, inside) => plain(*inside)?,
        Value::Array(items) => Json::Array(items.into_iter().map(plain).collect::<std::result::Result<_, _>>()?),
        Value::Map(fields) => {
            let mut object = serde_json::Map::new();
            for (name, value) in fields {
                object.insert(name.into_text().map_err(|_| "a name that is no text".to_owned())?, plain(value)?);
            }
            Json::Object(object)
        }
        other => return Err(format!("{other:?} has no place in a request")),
    })
}
