//! Which call a request is, by the table of calls.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::error::{Result, bad, error};
use super::table::{self, Row};
use crate::wire::Request;

/// A request that was understood.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) row: &'static Row,
    /// `https://management.azure.com`, as the caller calls it.
    pub(crate) origin: String,
    /// The path, decoded, as it was written, and without a `/` at its end.
    pub(crate) path: String,
    /// What stood where the table has a `*`, in its order, as it was written.
    pub(crate) names: Vec<String>,
    /// Keys are as they were written.
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
    /// What stood behind `Bearer`.
    pub(crate) bearer: Option<String>,
    /// Null without one.
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn read(request: &Request) -> Result<Self> {
        let path = percent_decode_str(request.path().trim_end_matches('/')).decode_utf8_lossy().into_owned();
        let Some((row, names)) = table::find(&request.method, &path) else {
            // "Resolve errors for invalid resource type": there is no such type, or it does not know the verb.
            return Err(error(404, "InvalidResourceType", format!("the fake does not know {} {path}", request.method)));
        };
        let mut query = BTreeMap::new();
        for (key, value) in form_urlencoded::parse(request.query().as_bytes()) {
            query.insert(key.into_owned(), value.into_owned());
        }
        let body = match request.body.as_slice() {
            [] => Value::Null,
            bytes if row.form => Value::String(String::from_utf8_lossy(bytes).into_owned()),
            bytes => serde_json::from_slice(bytes).map_err(|error| {
                bad("InvalidRequestContent", format!("The request content was invalid and could not be deserialized: '{error}'."))
            })?,
        };
        let header = |name| request.header(name).map(str::to_owned);
        let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
        let whole = request.uri.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
        let host = request.header("host").or(whole).unwrap_or("management.azure.com");
        Ok(Self {
            row,
            origin: format!("https://{host}"),
            path,
            names,
            query,
            if_match: header("if-match"),
            if_none_match: header("if-none-match"),
            bearer,
            body,
        })
    }

    /// What stood in the place of a `*`, counted from nothing, or nothing.
    pub(crate) fn name(&self, at: usize) -> &str {
        self.names.get(at).map(String::as_str).unwrap_or_default()
    }

    /// The id of the resource that it is about, as it was written: without the action of a POST.
    pub(crate) fn target(&self) -> &str {
        match self.row.method {
            "POST" => self.path.rsplit_once('/').map_or(self.path.as_str(), |(before, _)| before),
            _ => &self.path,
        }
    }

    /// The same, as a key of the world.
    pub(crate) fn key(&self) -> String {
        key(self.target())
    }

    /// Whether it changes anything.
    pub(crate) fn changes(&self) -> bool {
        self.row.method != "GET" && !self.row.form && !self.row.reads
    }

    /// Its subscription, or nothing.
    pub(crate) fn subscription(&self) -> &str {
        part(&self.path, "subscriptions")
    }

    /// Its resource group, or nothing.
    pub(crate) fn group(&self) -> &str {
        part(&self.path, "resourceGroups")
    }
}

/// An id, as the world's keys are written: case does not matter ("Naming rules and restrictions for Azure resources").
pub(crate) fn key(id: &str) -> String {
    id.trim_end_matches('/').to_ascii_lowercase()
}

/// What follows a segment of a path, or nothing: `part(id, "resourceGroups")`.
pub(crate) fn part<'a>(path: &'a str, segment: &str) -> &'a str {
    let mut parts = path.split('/').skip_while(|part| !part.eq_ignore_ascii_case(segment));
    parts.nth(1).unwrap_or_default()
}

/// The last segment of an id.
pub(crate) fn name_of(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// What an id is of: `Microsoft.Compute/galleries/images`.
pub(crate) fn kind_of(id: &str) -> String {
    let mut parts = behind_providers(id);
    let mut kind = parts.next().unwrap_or_default().to_owned();
    for part in parts.step_by(2) {
        kind.push('/');
        kind.push_str(part);
    }
    kind
}

/// Its names, outermost first: `G/I`.
pub(crate) fn names_of(id: &str) -> String {
    behind_providers(id).skip(2).step_by(2).collect::<Vec<_>>().join("/")
}

fn behind_providers(id: &str) -> impl Iterator<Item = &str> {
    let at = id.to_ascii_lowercase().rfind("/providers/").map_or(id.len(), |at| at + "/providers/".len());
    id.get(at..).unwrap_or_default().split('/')
}

/// A field's text, or nothing: `text(&body, "properties.vmId")`.
pub(crate) fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    at(body, field).and_then(Value::as_str).unwrap_or_default()
}

/// A field of a field.
pub(crate) fn at<'a>(body: &'a Value, field: &str) -> Option<&'a Value> {
    field.split('.').try_fold(body, |value, part| value.get(part))
}

/// A field that is a list; without it, nothing.
pub(crate) fn list<'a>(body: &'a Value, field: &str) -> &'a [Value] {
    at(body, field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Sets a field of a field.
pub(crate) fn put(body: &mut Value, field: &str, value: Value) {
    let (first, rest) = field.split_once('.').map_or((field, None), |(first, rest)| (first, Some(rest)));
    if !body.is_object() {
        *body = Value::Object(Default::default());
    }
    let Some(inside) = body.as_object_mut() else { return };
    match rest {
        None => drop(inside.insert(first.into(), value)),
        Some(rest) => put(inside.entry(first).or_insert(Value::Null), rest, value),
    }
}
