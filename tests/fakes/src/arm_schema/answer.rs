//! Answers against the models.

use serde_json::Value;

use super::document::{Document, Known, Method};
use super::{exceptions, header, json};
use crate::schema::{Judge, Values};

/// The form of errors of Resource Manager itself.
const FORM: &str = "ErrorResponse";

/// An answer.
#[derive(Debug)]
pub(super) struct Answered<'a> {
    pub(super) status: u16,
    pub(super) headers: &'a [(String, String)],
    pub(super) body: &'a [u8],
    pub(super) values: Values,
}

/// `front` has the form of errors.
pub(super) fn judge<'a>(
    id: &'a str,
    known: Known<'a>,
    front: impl Fn() -> Option<&'a Document>,
    answer: &Answered<'_>,
) -> Result<(), Vec<String>> {
    let mut judge = Judge::of_answer(&known.document.schemas, id, answer.values, exceptions::PASSES);
    if let Some(after) = header(answer.headers, "retry-after")
        && after.parse::<u32>().is_err()
    {
        // RFC 9110 has dates too, but the clients read a number.
        judge.wrong("", format!("the header retry-after is {after:?}, and no whole number of seconds"));
    }
    if answer.status >= 400 {
        return failure(known, front, id, answer).and(judge.verdict());
    }
    if !known.method.statuses.contains(&answer.status) {
        judge.wrong("", format!("{} is no status of it; there are {:?}", answer.status, known.method.statuses));
    }
    let body = success(&mut judge, known.method, answer);
    if known.method.long_running {
        followed(&mut judge, known.method, answer, body.as_ref());
    }
    judge.verdict()
}

/// Errors are of Resource Manager's form, or of that of a service that has another: then both come, as it depends on who refuses.
fn failure<'a>(
    known: Known<'a>,
    front: impl Fn() -> Option<&'a Document>,
    id: &'a str,
    answer: &Answered<'_>,
) -> Result<(), Vec<String>> {
    let own = known.document.schemas.contains_key(FORM);
    let document = front().unwrap_or(known.document);
    let body = serde_json::from_slice(answer.body).unwrap_or(Value::Null);
    let enveloped = body.get("error").is_some_and(Value::is_object);
    let (schemas, schema) = match &known.method.failure {
        Some(schema) if own || !enveloped => (&known.document.schemas, Some(schema)),
        _ => (&document.schemas, None),
    };
    let mut judge = Judge::of_answer(schemas, id, answer.values, exceptions::PASSES);
    match schema {
        Some(schema) => judge.value(schema, &body, "body"),
        None => judge.named(FORM, &body, "body"),
    }
    judge.verdict()
}

/// The body of what is no error.
fn success(judge: &mut Judge<'_>, method: &Method, answer: &Answered<'_>) -> Option<Value> {
    match (&method.response, answer.body, answer.status) {
        // RFC 9110, section 15.3.5; and what is only accepted need not say more.
        (_, [], 202 | 204) | (None, [], _) => None,
        (_, _, 204) | (None, ..) => {
            judge.wrong("body", "is there, and none is expected".into());
            None
        }
        (Some(_), [], _) => {
            judge.wrong("body", "is missing".into());
            None
        }
        (Some(schema), text, _) => {
            let body = json(judge, text)?;
            judge.value(schema, &body, "body");
            Some(body)
        }
    }
}

/// What Microsoft's poller, azure-mgmt-core's `ARMPolling`, needs to see an operation through: a header that says where it is told of, or, of a PUT and a PATCH,
/// a resource that tells of itself.
fn followed(judge: &mut Judge<'_>, method: &Method, answer: &Answered<'_>, body: Option<&Value>) {
    let [operation, location] = ["azure-asyncoperation", "location"].map(|name| header(answer.headers, name));
    for (name, url) in [("azure-asyncoperation", operation), ("location", location)] {
        if let Some(url) = url.filter(|url| !url.starts_with("https://")) {
            judge.wrong("", format!("the header {name} is {url:?}, and no URL with https"));
        }
    }
    let of_resource = matches!(method.http_method.as_str(), "PUT" | "PATCH");
    let tells = body.and_then(|body| body.pointer("/properties/provisioningState")).and_then(Value::as_str);
    let told = operation.is_some() || location.is_some();
    let goes_on = match answer.status {
        202 => true,
        201 => of_resource && tells.is_none_or(|state| !ended(state)),
        _ => of_resource && tells.is_some_and(|state| !ended(state)),
    };
    if goes_on && !told && !(of_resource && tells.is_some()) {
        judge.wrong("", "it goes on, and neither Azure-AsyncOperation nor Location nor a provisioningState says how".into());
    }
    // The poller looks there for the result once the operation is over.
    if goes_on && !of_resource && method.response.is_some() && location.is_none() {
        judge.wrong("", "it goes on, and no Location says where its result will be".into());
    }
}

/// "Track asynchronous Azure operations": these three and no other.
fn ended(state: &str) -> bool {
    ["Succeeded", "Failed", "Canceled"].iter().any(|one| state.eq_ignore_ascii_case(one))
}
