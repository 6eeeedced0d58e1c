//! What a schema says.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde::Deserialize;
use serde_json::Value;

/// Of a parameter, of a field or of a whole object.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(crate) struct Schema {
    #[serde(rename = "$ref")]
    pub(crate) reference: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<Kind>,
    pub(crate) format: Option<Format>,
    pub(crate) pattern: Option<Pattern>,
    #[serde(rename = "enum")]
    pub(crate) values: Option<Vec<String>>,
    pub(crate) default: Option<Value>,
    #[serde(deserialize_with = "number")]
    pub(crate) minimum: Option<i64>,
    #[serde(deserialize_with = "number")]
    pub(crate) maximum: Option<i64>,
    pub(crate) items: Option<Box<Schema>>,
    pub(crate) properties: BTreeMap<String, Schema>,
    pub(crate) additional_properties: Option<Box<Schema>>,
    /// It is only ever in an answer.
    pub(crate) output: bool,
    /// The methods whose requests must have it.
    pub(crate) required_by: Vec<String>,
    pub(crate) location: Option<Location>,
    /// Wherever the object is, be it asked or answered, or whenever the method is called.
    pub(crate) required: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Any,
    Array,
    Boolean,
    Integer,
    Number,
    Object,
    String,
}

/// Discovery document reference, "Type and format summary"; JSON Schema, "Defined formats"; `uuid` is a reduction's word for what is said in the text alone.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    #[serde(rename = "google.protobuf.Any")]
    Any,
    Byte,
    Double,
    Float,
    #[serde(rename = "date-time", alias = "google-datetime")]
    DateTime,
    Duration,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Uuid,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Location {
    Form,
    Path,
    Query,
}

/// The whole of a value is to be of it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pattern {
    pub(crate) text: String,
    whole: Regex,
}

impl TryFrom<String> for Pattern {
    type Error = regex_lite::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self { whole: Regex::new(&format!("^(?:{text})$"))?, text })
    }
}

impl Pattern {
    pub(crate) fn fits(&self, value: &str) -> bool {
        self.whole.is_match(value)
    }
}

fn number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    String::deserialize(from)?.parse().map(Some).map_err(serde::de::Error::custom)
}

impl Schema {
    pub(crate) fn references<'a>(&'a self, into: &mut Vec<&'a str>) {
        into.extend(self.reference.as_deref());
        let below = self.properties.values().chain(self.items.as_deref()).chain(self.additional_properties.as_deref());
        below.for_each(|schema| schema.references(into));
    }
}

impl Kind {
    pub(crate) fn article(self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Array => "a list",
            Self::Boolean => "true or false",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Object => "an object",
            Self::String => "a text",
        }
    }
}

impl Format {
    /// What a text of this format is; `None` if it is.
    pub(crate) fn asks_of(self, text: &str) -> Option<&'static str> {
        let (right, is) = match self {
            Self::Int64 => {
                ("a whole number of 64 bits as a text", text.parse::<i64>().is_ok_and(|number| number.to_string() == text))
            }
            Self::Uint64 => (
                "a whole number of 64 bits, not below 0, as a text",
                text.parse::<u64>().is_ok_and(|number| number.to_string() == text),
            ),
            Self::Byte => ("base64 in the alphabet for URLs, with its padding", is_base64(text)),
            Self::DateTime => ("a time as RFC 3339 has it", text.parse::<jiff::Timestamp>().is_ok()),
            Self::Duration => ("a span as ISO 8601 has it", text.parse::<jiff::Span>().is_ok()),
            Self::Uuid => ("a UUID other than that of zeros alone", is_uuid(text)),
            Self::Any => ("an object", false),
            Self::Double | Self::Float | Self::Int32 | Self::Uint32 => ("a number", false),
        };
        (!is).then_some(right)
    }
}

/// RFC 4648 in its alphabet for URLs: "Type and format summary" of the discovery document's reference.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    text.len().is_multiple_of(4) && text.len() - digits.len() <= 2 && digits.bytes().all(is_digit)
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12]
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte != b'-' && byte != b'0')
}
