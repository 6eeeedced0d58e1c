//! How a fleet's machines are made, as the provider understands it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::artifact::{Digest, canonical_json};
use crate::error::{Error, Result};

/// Canonical JSON made from one typed struct per backend: digested, compared by path, and read back by the backend.
///
/// Put no secret in it: it is journaled and shown in plans. Name a secret by where the machine finds it.
///
/// ```
/// use immutable_core::LaunchTemplate;
///
/// #[derive(serde::Serialize)]
/// struct Rack { slots: u8 }
///
/// let template = LaunchTemplate::of(&Rack { slots: 2 })?;
/// assert_eq!(template.as_json(), r#"{"slots":2}"#);
/// # Ok::<(), immutable_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct LaunchTemplate {
    json: Arc<str>,
    digest: Digest,
}

impl LaunchTemplate {
    /// Makes a template of a backend's struct.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if its JSON is not an object, or nested more than 64 deep.
    pub fn of(template: &impl serde::Serialize) -> Result<Self> {
        let json = canonical_json(template)?;
        if !json.starts_with('{') {
            return Err(Error::invalid(format!("a launch template must be a JSON object, not {json}")));
        }
        // It is journaled inside of other values, and no reader goes deeper than 128.
        if !serde_json::from_str(&json).is_ok_and(|value| depth(&value) <= 64) {
            return Err(Error::invalid("a launch template is nested too deeply to be journaled; allow at most 64 levels"));
        }
        Ok(Self { digest: Digest::of(json.as_bytes()), json: json.into() })
    }

    /// Reads it back as the backend's struct.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if it is not one.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.json)
            .map_err(|why| Error::invalid(format!("the launch template does not fit this provider: {why}")))
    }

    /// The canonical JSON.
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// SHA-256 of the canonical JSON.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What changes from this to another, by path (RFC 6901), in order of the paths.
    pub fn changes_to(&self, other: &Self) -> Vec<TemplateChange> {
        let (from, to) = (self.leaves(), other.leaves());
        let paths: std::collections::BTreeSet<&String> = from.keys().chain(to.keys()).collect();
        paths
            .into_iter()
            .filter(|path| from.get(*path) != to.get(*path))
            .map(|path| TemplateChange { path: path.clone(), from: from.get(path).cloned(), to: to.get(path).cloned() })
            .collect()
    }

    fn leaves(&self) -> BTreeMap<String, Value> {
        fn walk(path: &str, value: Value, out: &mut BTreeMap<String, Value>) {
            let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
            match value {
                Value::Object(map) if !map.is_empty() => {
                    map.into_iter().for_each(|(key, value)| walk(&format!("{path}/{}", escape(&key)), value, out));
                }
                Value::Array(items) if !items.is_empty() => {
                    items.into_iter().enumerate().for_each(|(index, value)| walk(&format!("{path}/{index}"), value, out));
                }
                leaf => {
                    out.insert(path.to_owned(), leaf);
                }
            }
        }
        let mut out = BTreeMap::new();
        if let Ok(Value::Object(map)) = serde_json::from_str(&self.json) {
            map.into_iter()
                .for_each(|(key, value)| walk(&format!("/{}", key.replace('~', "~0").replace('/', "~1")), value, &mut out));
        }
        out
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// `{}`
impl Default for LaunchTemplate {
    fn default() -> Self {
        Self { json: "{}".into(), digest: Digest::of(b"{}") }
    }
}

impl fmt::Debug for LaunchTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.json)
    }
}

impl serde::Serialize for LaunchTemplate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: Value = serde_json::from_str(&self.json).map_err(serde::ser::Error::custom)?;
        value.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for LaunchTemplate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::of(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// One value of a template that changes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TemplateChange {
    /// Where, as a JSON pointer: `/network/subnets/0`.
    pub path: String,
    /// What it was; `None` if it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// What it becomes; `None` if it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// `/shape: "small" → "large"`
impl fmt::Display for TemplateChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
        write!(f, "{}: {} → {}", self.path, side(&self.from), side(&self.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_named_by_path() {
        let from = LaunchTemplate::of(&json!({"shape": "small", "net": {"subnets": ["a", "b"]}, "gone/x": 1})).unwrap();
        let to = LaunchTemplate::of(&json!({"net": {"subnets": ["a", "c"]}, "shape": "small", "new": {}})).unwrap();
        let changes: Vec<_> = from.changes_to(&to).iter().map(ToString::to_string).collect();
        assert_eq!(changes, ["/gone~1x: 1 → nothing", "/net/subnets/1: \"b\" → \"c\"", "/new: nothing → {}"]);
        assert!(from.changes_to(&from).is_empty());
    }

    #[test]
    fn it_is_the_same_to_the_last_digit_after_its_json() {
        let template: LaunchTemplate = serde_json::from_str(r#"{"load":55.393536131272924}"#).unwrap();
        assert_eq!(template.as_json(), r#"{"load":55.393536131272924}"#);
        let read: LaunchTemplate = serde_json::from_str(&serde_json::to_string(&template).unwrap()).unwrap();
        assert_eq!(read.digest(), template.digest());
    }

    #[test]
    fn what_no_journal_could_hold_is_no_template() {
        let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        let read = |levels| serde_json::from_str::<LaunchTemplate>(&nested(levels)).map_err(|why| why.to_string());
        assert!(read(64).is_ok());
        assert!(read(65).unwrap_err().starts_with("a launch template is nested too deeply to be journaled; allow at most 64"));
    }

    #[test]
    fn only_objects_are_templates_and_unknown_fields_are_refused_when_read() {
        #[derive(Debug, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Rack {
            slots: u8,
        }
        assert!(LaunchTemplate::of(&3).is_err());
        assert_eq!(LaunchTemplate::of(&Rack { slots: 2 }).unwrap().read::<Rack>().unwrap().slots, 2);
        let error = LaunchTemplate::of(&json!({"slots": 2, "slot": 3})).unwrap().read::<Rack>().unwrap_err();
        assert!(error.to_string().contains("unknown field `slot`"), "{error}");
    }
}
