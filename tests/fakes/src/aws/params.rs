//! A form's parameters, each of which somebody must ask for: what is left over is an error, so that nobody comes to rely on what is not understood.

use std::collections::BTreeMap;

use super::error::{Result, refused};
use super::world::Tags;

/// Parameters not yet asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    pub(crate) fn new(form: BTreeMap<String, String>) -> Self {
        Self(form)
    }

    pub(crate) fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.into(), value.into());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    pub(crate) fn required(&mut self, name: &str) -> Result<String> {
        let found = self.text(name).filter(|value| !value.is_empty());
        found.ok_or_else(|| refused("MissingParameter", format!("The request must contain the parameter {name}")))
    }

    pub(crate) fn number<N: std::str::FromStr>(&mut self, name: &str) -> Result<Option<N>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse()
            .map(Some)
            .map_err(|_| refused("InvalidParameterValue", format!("Value ({text}) for parameter {name} is invalid.")))
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>> {
        self.number(name)
    }

    /// Everything below `name.`, with that taken off.
    pub(crate) fn below(&mut self, name: &str) -> Self {
        let prefix = format!("{name}.");
        let keys: Vec<_> =
            self.0.range(prefix.clone()..).map(|(key, _)| key.clone()).take_while(|key| key.starts_with(&prefix)).collect();
        let mut found = BTreeMap::new();
        for key in keys {
            if let (Some(value), Some(rest)) = (self.0.remove(&key), key.strip_prefix(&prefix)) {
                found.insert(rest.to_owned(), value);
            }
        }
        Self(found)
    }

    /// `name.1`, `name.2` (EC2) or `name.member.1`, … (query), in their order.
    pub(crate) fn list(&mut self, name: &str) -> Result<Vec<String>> {
        let mut of = self.list_scope(name);
        let mut found = BTreeMap::new();
        for (key, value) in std::mem::take(&mut of.0) {
            found.insert(index(&key)?, value);
        }
        Ok(found.into_values().collect())
    }

    /// The same of structures: `name.1.Key`, `name.1.Value`, …
    pub(crate) fn structs(&mut self, name: &str) -> Result<Vec<Self>> {
        let of = self.list_scope(name);
        let mut found: BTreeMap<usize, Self> = BTreeMap::new();
        for (key, value) in of.0 {
            let (at, rest) = key.split_once('.').unwrap_or((&key, ""));
            found.entry(index(at)?).or_default().0.insert(rest.to_owned(), value);
        }
        Ok(found.into_values().collect())
    }

    fn list_scope(&mut self, name: &str) -> Self {
        // An empty list is sent as `name=`.
        if self.0.get(name).is_some_and(String::is_empty) {
            self.0.remove(name);
        }
        let mut of = self.below(name);
        let members = of.below("member");
        of.0.extend(members.0);
        of
    }

    /// `Key` and `Value` pairs.
    pub(crate) fn tags(&mut self, name: &str) -> Result<Vec<(String, String)>> {
        let mut tags = Vec::new();
        for mut tag in self.structs(name)? {
            tags.push((tag.required("Key")?, tag.text("Value").unwrap_or_default()));
            tag.finish()?;
        }
        // "Tag your Amazon EC2 resources": 50 tags a resource, keys up to 128 characters, values up to 256, `aws:` is reserved.
        if tags.len() > 50 {
            return Err(refused(
                "TagLimitExceeded",
                format!("{} tags are more than the 50 that a resource can have", tags.len()),
            ));
        }
        for (key, value) in &tags {
            if key.starts_with("aws:") || key.chars().count() > 128 || value.chars().count() > 256 {
                return Err(refused("InvalidParameterValue", format!("Value ( {key} ) for parameter key is invalid.")));
            }
        }
        Ok(tags)
    }

    /// `Filter.N.Name` and `.Value.M`.
    pub(crate) fn filters(&mut self) -> Result<Vec<Filter>> {
        let mut filters = Vec::new();
        let (list, values) =
            if self.0.keys().any(|key| key.starts_with("Filters.")) { ("Filters", "Values") } else { ("Filter", "Value") };
        for mut filter in self.structs(list)? {
            filters.push(Filter { name: filter.required("Name")?, values: filter.list(values)? });
            filter.finish()?;
        }
        Ok(filters)
    }

    /// Nobody asked for what is left.
    pub(crate) fn finish(&self) -> Result<()> {
        match self.0.first_key_value() {
            None => Ok(()),
            Some((name, _)) => Err(refused("UnknownParameter", format!("The parameter {name} is not recognized"))),
        }
    }
}

fn index(text: &str) -> Result<usize> {
    text.parse().map_err(|_| refused("UnknownParameter", format!("The parameter {text} is not recognized")))
}

/// A filter: any of its values; `*` and `?` are wildcards ("List and filter using the CLI and API", EC2 guide).
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
}

impl Filter {
    pub(crate) fn admits(&self, value: &str) -> bool {
        self.values.iter().any(|pattern| wild(pattern.as_bytes(), value.as_bytes()))
    }

    /// `tag:KEY` and `tag-key`; `None` if it is about something else.
    pub(crate) fn admits_tags(&self, tags: &Tags, now: u64) -> Option<bool> {
        if let Some(key) = self.name.strip_prefix("tag:") {
            return Some(tags.shown(now).any(|(known, value)| known == key && self.admits(value)));
        }
        (self.name == "tag-key").then(|| tags.shown(now).any(|(key, _)| self.admits(key)))
    }

    /// A filter that nobody knows is refused, never ignored.
    pub(crate) fn unknown(&self) -> super::error::AwsError {
        refused("InvalidParameterValue", format!("The filter '{}' is invalid", self.name))
    }
}

fn wild(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => wild(rest, text) || text.split_first().is_some_and(|(_, text)| wild(pattern, text)),
        (Some((b'?', rest)), Some((_, text))) => wild(rest, text),
        (Some((a, rest)), Some((b, text))) => a == b && wild(rest, text),
        _ => false,
    }
}

/// One page of what there is, and the token of the next: tokens are offsets.
pub(crate) fn page<T>(all: Vec<T>, size: usize, token: Option<String>, code: &str) -> Result<(Vec<T>, Option<String>)> {
    let from: usize = match token {
        None => 0,
        Some(token) => token
            .strip_prefix("next-")
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| refused(code, "The token for the next page is not valid.".into()))?,
    };
    let more = all.len() > from.saturating_add(size);
    let part = all.into_iter().skip(from).take(size).collect();
    Ok((part, more.then(|| format!("next-{}", from.saturating_add(size)))))
}
