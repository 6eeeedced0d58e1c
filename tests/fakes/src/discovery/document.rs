//! The reduced document, as `tests/gce/reduce.py` writes it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::schema::{Case, Route, Schema, Uri, find};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Document {
    pub(super) from: From,
    base_path: String,
    /// Those that any method may have.
    pub(super) parameters: BTreeMap<String, Schema>,
    pub(super) methods: BTreeMap<String, Method>,
    pub(super) schemas: BTreeMap<String, Schema>,
}

/// What it was made from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct From {
    pub(super) revision: String,
    #[serde(rename = "document")]
    _document: String,
    #[serde(rename = "wheelSha256")]
    _wheel_sha256: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Method {
    pub(super) http_method: String,
    path: String,
    pub(super) parameters: BTreeMap<String, Schema>,
    pub(super) request: Option<String>,
    pub(super) response: Option<String>,
    #[serde(rename = "apiVersion")]
    _api_version: Option<String>,
}

type Found<'a> = (&'a str, &'a Method, BTreeMap<String, String>);

impl Document {
    /// Every schema that is spoken of is there: nothing may be let pass because it was not found.
    pub(super) fn whole(self) -> Result<Self, String> {
        let mut spoken: Vec<&str> = Vec::new();
        for method in self.methods.values() {
            spoken.extend([&method.request, &method.response].into_iter().flatten().map(String::as_str));
        }
        for schema in self.schemas.values() {
            schema.references(&mut spoken);
        }
        match spoken.into_iter().find(|name| !self.schemas.contains_key(*name)) {
            Some(name) => Err(format!("the discovery document speaks of {name} and does not have it")),
            None => Ok(self),
        }
    }

    pub(super) fn find(&self, verb: &str, uri: &Uri) -> Result<Found<'_>, String> {
        let methods = self.methods.iter().map(|(id, method)| (id.as_str(), method));
        find(methods, &self.base_path, Case::Matters, verb, uri).map_err(|lost| lost.told("tests/gce/reduce.py"))
    }
}

impl Route for &Method {
    fn verb(&self) -> &str {
        &self.http_method
    }

    fn path(&self) -> &str {
        &self.path
    }
}
