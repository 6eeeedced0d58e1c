//! The form of Google's errors.
//!
//! The discovery document does not have it. AIP-193, "HTTP/1.1+JSON representation", has `code`, `message`, `status` and `details`; Compute Engine answers the older `errors` besides, each
//! with `domain`, `reason` and `message`: "Troubleshooting API errors" of its documentation.

use serde_json::{Map, Value};

use crate::schema::Judge;

const STATUSES: [&str; 16] = [
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
];

/// Of a body that comes with a status that is not 2xx.
pub(super) fn judge(judge: &mut Judge<'_>, status: u16, body: &Value) {
    let Some(outer) = object(judge, body, "body", &["error"], &[]) else { return };
    let Some(error) = outer.get("error") else { return };
    let Some(error) = object(judge, error, "body.error", &["code", "message", "errors"], &["status", "details"]) else { return };
    if error.get("code").is_some_and(|code| code.as_u64() != Some(status.into())) {
        judge.wrong("body.error.code", format!("is not the answer's status; {status} is right"));
    }
    text(judge, error, "body.error", "message");
    if let Some(word) = text(judge, error, "body.error", "status")
        && !STATUSES.contains(&word)
    {
        judge.wrong("body.error.status", format!("{word:?} is no word of google.rpc.Code; there are {}", STATUSES.join(" ")));
    }
    for (place, one) in each(judge, error, "errors") {
        if let Some(one) =
            object(judge, one, &place, &["domain", "reason", "message"], &["location", "locationType", "debugInfo"])
        {
            for name in one.keys() {
                text(judge, one, &place, name);
            }
        }
    }
    for (place, one) in each(judge, error, "details") {
        if one.get("@type").and_then(Value::as_str).is_none_or(|name| !name.starts_with("type.googleapis.com/")) {
            judge.wrong(&place, "has no @type; `type.googleapis.com/google.rpc.ErrorInfo` would be one".into());
        }
    }
}

fn object<'v>(
    judge: &mut Judge<'_>,
    value: &'v Value,
    place: &str,
    needed: &[&str],
    more: &[&str],
) -> Option<&'v Map<String, Value>> {
    let Some(fields) = value.as_object() else {
        judge.wrong(place, "is not an object, as Google's errors are".into());
        return None;
    };
    for name in needed.iter().filter(|name| !fields.contains_key(**name)) {
        judge.wrong(place, format!("has no {name}, which Google's errors have"));
    }
    for name in fields.keys().filter(|name| !needed.contains(&name.as_str()) && !more.contains(&name.as_str())) {
        judge.wrong(
            &format!("{place}.{name}"),
            format!("there is no such field; there are {}", [needed, more].concat().join(" ")),
        );
    }
    Some(fields)
}

fn text<'v>(judge: &mut Judge<'_>, fields: &'v Map<String, Value>, place: &str, name: &str) -> Option<&'v str> {
    let value = fields.get(name)?;
    if value.as_str().is_none_or(str::is_empty) {
        judge.wrong(&format!("{place}.{name}"), format!("{value} is not a text"));
    }
    value.as_str()
}

fn each<'v>(judge: &mut Judge<'_>, fields: &'v Map<String, Value>, name: &str) -> Vec<(String, &'v Value)> {
    let place = format!("body.error.{name}");
    match fields.get(name).map(Value::as_array) {
        None => Vec::new(),
        Some(Some(all)) if !all.is_empty() => {
            all.iter().enumerate().map(|(index, one)| (format!("{place}[{index}]"), one)).collect()
        }
        Some(_) => {
            judge.wrong(&place, "is not a list of at least one".into());
            Vec::new()
        }
    }
}
