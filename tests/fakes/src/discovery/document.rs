//! The reduced document, as `tests/gce/reduce.py` writes it.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::uri::Uri;

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

/// Of a parameter, of a field or of a whole object.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(super) struct Schema {
    #[serde(rename = "$ref")]
    pub(super) reference: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<Kind>,
    pub(super) format: Option<Format>,
    pub(super) pattern: Option<Pattern>,
    #[serde(rename = "enum")]
    pub(super) values: Option<Vec<String>>,
    pub(super) default: Option<Value>,
    #[serde(deserialize_with = "number")]
    pub(super) minimum: Option<i64>,
    #[serde(deserialize_with = "number")]
    pub(super) maximum: Option<i64>,
    pub(super) items: Option<Box<Schema>>,
    pub(super) properties: BTreeMap<String, Schema>,
    pub(super) additional_properties: Option<Box<Schema>>,
    /// It is only ever in an answer.
    pub(super) output: bool,
    /// The methods whose requests must have it.
    pub(super) required_by: Vec<String>,
    pub(super) location: Option<Location>,
    pub(super) required: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Any,
    Array,
    Boolean,
    Integer,
    Number,
    Object,
    String,
}

/// Discovery document reference, "Type and format summary"; `uuid` is reduce.py's word for what is said in the text alone.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    #[serde(rename = "google.protobuf.Any")]
    Any,
    Byte,
    Double,
    Float,
    #[serde(rename = "google-datetime")]
    DateTime,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Uuid,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Location {
    Path,
    Query,
}

/// The whole of a value is to be of it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Pattern {
    pub(super) text: String,
    whole: Regex,
}

impl TryFrom<String> for Pattern {
    type Error = regex_lite::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self { whole: Regex::new(&format!("^(?:{text})$"))?, text })
    }
}

impl Pattern {
    pub(super) fn fits(&self, value: &str) -> bool {
        self.whole.is_match(value)
    }
}

fn number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    String::deserialize(from)?.parse().map(Some).map_err(serde::de::Error::custom)
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

    /// Of two methods whose paths fit, the one of more fixed words: `images/family/{family}` is no image of the name `family`.
    pub(super) fn find(&self, verb: &str, uri: &Uri) -> Result<Found<'_>, String> {
        let mut there: Vec<_> = self
            .methods
            .iter()
            .filter_map(|(id, method)| {
                uri.fits(&self.base_path, &method.path).map(|(literal, names)| (literal, id, method, names))
            })
            .collect();
        there.sort_by_key(|(literal, ..)| std::cmp::Reverse(*literal));
        let most = there.first().map_or(0, |(literal, ..)| *literal);
        there.retain(|(literal, ..)| *literal == most);
        let verbs: Vec<_> = there.iter().map(|(_, id, method, _)| format!("{} for {id}", method.http_method)).collect();
        match there.into_iter().find(|(_, _, method, _)| method.http_method == verb) {
            Some((_, id, method, names)) => {
                let names = names.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
                Ok((id, method, names.collect()))
            }
            None if verbs.is_empty() => {
                Err(format!("no method has the path /{}; tests/gce/reduce.py lists all", uri.segments.join("/")))
            }
            None => Err(format!("{verb} /{} is no method; there is {}", uri.segments.join("/"), verbs.join(", "))),
        }
    }
}

impl Schema {
    fn references<'a>(&'a self, into: &mut Vec<&'a str>) {
        into.extend(self.reference.as_deref());
        let below = self.properties.values().chain(self.items.as_deref()).chain(self.additional_properties.as_deref());
        below.for_each(|schema| schema.references(into));
    }
}
