//! What is said of one service: by `tests/arm/reduce.py` of those that Microsoft publishes a client of, and by hand of Resource Manager itself.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::schema::{Case, Route, Schema, Uri, find};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    /// What it was made from.
    pub(super) from: BTreeMap<String, String>,
    pub(super) methods: BTreeMap<String, Method>,
    pub(super) schemas: BTreeMap<String, Schema>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Method {
    pub(super) http_method: String,
    path: String,
    /// Without one, `version` says which may be there.
    pub(super) api_version: Option<String>,
    #[serde(default)]
    pub(super) version: Version,
    pub(super) parameters: BTreeMap<String, Schema>,
    /// Those that are conditions.
    #[serde(default)]
    pub(super) headers: Vec<String>,
    pub(super) request: Option<Schema>,
    pub(super) response: Option<Schema>,
    /// Of a status that is an error; without one, Resource Manager's own form.
    pub(super) failure: Option<Schema>,
    /// Those that are none.
    pub(super) statuses: Vec<u16>,
    /// Whether its client polls.
    #[serde(default)]
    pub(super) long_running: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Version {
    /// A day, whichever.
    Any,
    /// No `api-version` at all.
    #[default]
    None,
}

/// A method, and the service whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) document: &'a Document,
    pub(super) method: &'a Method,
}

impl Route for Known<'_> {
    fn verb(&self) -> &str {
        &self.method.http_method
    }

    fn path(&self) -> &str {
        &self.method.path
    }
}

impl Document {
    /// What is read is whole, or not at all.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let read: Self =
            serde_json::from_str(text).map_err(|error| format!("what is said of a service cannot be read: {error}"))?;
        let mut spoken: Vec<&str> = Vec::new();
        for method in read.methods.values() {
            [&method.request, &method.response, &method.failure]
                .into_iter()
                .flatten()
                .for_each(|one| one.references(&mut spoken));
        }
        read.schemas.values().for_each(|schema| schema.references(&mut spoken));
        match spoken.into_iter().find(|name| !read.schemas.contains_key(*name)) {
            Some(name) => Err(format!("what is said of a service speaks of {name} and does not have it")),
            None => Ok(read),
        }
    }
}

/// Ids and names, and so paths, are compared without case: "Rules for resource IDs" of Azure Resource Manager.
pub(super) fn found<'a>(
    documents: &'a [Document],
    verb: &str,
    uri: &Uri,
) -> Result<(&'a str, Known<'a>, BTreeMap<String, String>), String> {
    find(all(documents), "", Case::Ignored, verb, uri).map_err(|lost| lost.told("tests/arm/reduce.py"))
}

pub(super) fn all(documents: &[Document]) -> impl Iterator<Item = (&str, Known<'_>)> {
    documents
        .iter()
        .flat_map(|document| document.methods.iter().map(move |(id, method)| (id.as_str(), Known { document, method })))
}
