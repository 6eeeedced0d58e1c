//! Requests against the models.

use std::collections::BTreeMap;

use super::document::{Document, Known, Version, found};
use super::{exceptions, header, json};
use crate::schema::{Judge, Location, Match, Schema, Uri};

pub(super) fn judge<'a>(
    documents: &'a [Document],
    verb: &str,
    uri: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Result<Match<'a>, Vec<String>> {
    let mut uri = Uri::parse(uri);
    let (id, known, mut parameters) = found(documents, verb, &uri).map_err(|wrong| vec![wrong])?;
    let mut judge = Judge::of_request(&known.document.schemas, id, exceptions::PASSES);
    for (name, value) in &parameters {
        judge.parameter(&known.method.parameters, name, known.spelled(name, value));
    }
    version(&mut judge, known, &uri);
    uri.query.retain(|(name, _)| name != "api-version");
    given(&mut judge, id, known, Location::Query, uri.query, &mut parameters);
    for (name, _) in headers.iter().filter(|(name, _)| is_condition(name)) {
        if !known.method.headers.iter().any(|one| one.eq_ignore_ascii_case(name)) && !exceptions::condition(id, name) {
            judge.wrong("", format!("the header {name} is none of its conditions; there are {:?}", known.method.headers));
        }
    }
    if known.has_form() {
        let form = form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        given(&mut judge, id, known, Location::Form, form, &mut parameters);
        kind(&mut judge, headers, "application/x-www-form-urlencoded");
    } else {
        judge_body(&mut judge, id, known, headers, body);
    }
    let missing = |(name, schema): &(&String, &Schema)| schema.required && !parameters.contains_key(*name);
    for (name, _) in known.method.parameters.iter().filter(missing) {
        judge.wrong("", format!("the parameter {name} is missing, and required"));
    }
    judge.verdict().map(|()| Match { id, parameters })
}

impl<'a> Known<'a> {
    /// A segment of a path as its model spells it, since paths are compared without case.
    fn spelled<'v>(&self, name: &str, value: &'v str) -> &'v str
    where
        'a: 'v,
    {
        let listed = self.method.parameters.get(name).and_then(|schema| schema.values.as_ref());
        let same = listed.and_then(|listed| listed.iter().find(|one| one.eq_ignore_ascii_case(value)));
        same.map_or(value, String::as_str)
    }

    fn has_form(&self) -> bool {
        self.method.parameters.values().any(|schema| schema.location == Some(Location::Form))
    }
}

/// RFC 9110, section 13.1.
fn is_condition(name: &str) -> bool {
    ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"].iter().any(|one| name.eq_ignore_ascii_case(one))
}

/// The parameters of a query or of a form.
fn given(
    judge: &mut Judge<'_>,
    id: &str,
    known: Known<'_>,
    location: Location,
    given: Vec<(String, String)>,
    parameters: &mut BTreeMap<String, String>,
) {
    for (name, value) in given {
        match known.method.parameters.get(&name).filter(|schema| schema.location == Some(location)) {
            Some(schema) => judge.parameter_value(schema, &name, &value),
            None if location == Location::Query && exceptions::parameter(id, &name) => {}
            None => {
                let there = known.method.parameters.iter().filter(|(_, schema)| schema.location == Some(location));
                let there: Vec<_> = there.map(|(name, _)| name.as_str()).collect();
                judge.wrong("", format!("there is no parameter {name}; there may be {}", there.join(" ")));
            }
        }
        if parameters.insert(name.clone(), value).is_some() {
            judge.wrong("", format!("the parameter {name} is there twice; once is right"));
        }
    }
}

/// The version of the API that is asked for is the one whose models these are.
fn version(judge: &mut Judge<'_>, known: Known<'_>, uri: &Uri) {
    let all: Vec<_> = uri.query.iter().filter(|(name, _)| name == "api-version").map(|(_, value)| value.as_str()).collect();
    match (&known.method.api_version, known.method.version, all.as_slice()) {
        (Some(right), _, [one]) if right == one => {}
        (Some(right), _, [one]) => judge.wrong("", format!("api-version {one} is not the one that is judged; {right} is right")),
        (Some(right), _, []) => judge.wrong("", format!("api-version is missing; {right} is right")),
        (None, Version::Any, [one]) if one.parse::<jiff::civil::Date>().is_ok() => {}
        (None, Version::Any, [one]) => judge.wrong("", format!("api-version {one} is not a day, as 2026-04-01")),
        (None, Version::Any, []) => judge.wrong("", "api-version is missing; what began the operation tells it".into()),
        (None, Version::None, []) => {}
        (None, Version::None, _) => judge.wrong("", "api-version is there, and none is expected".into()),
        (_, _, [_, _, ..]) => judge.wrong("", "the parameter api-version is there twice; once is right".into()),
    }
}

fn judge_body(judge: &mut Judge<'_>, id: &str, known: Known<'_>, headers: &[(String, String)], body: &[u8]) {
    match (&known.method.request, body) {
        (None, []) => {}
        (None, _) => judge.wrong("body", "is there, and none is expected".into()),
        (Some(_), []) => judge.wrong("body", format!("is missing; {id} takes one")),
        (Some(schema), body) => {
            kind(judge, headers, "application/json");
            if let Some(body) = json(judge, body) {
                judge.value(schema, &body, "body");
            }
        }
    }
}

fn kind(judge: &mut Judge<'_>, headers: &[(String, String)], right: &str) {
    let given = header(headers, "content-type").unwrap_or("nothing");
    if !given.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(right)) {
        judge.wrong("", format!("the header content-type says {given}; {right} is right"));
    }
}
