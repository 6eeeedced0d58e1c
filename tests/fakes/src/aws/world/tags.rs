//! Tags, which are shown some time after they were set.

use std::collections::BTreeMap;

/// A resource's tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags(BTreeMap<String, Tag>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Tag {
    value: String,
    since: u64,
    before: Option<String>,
}

impl Tags {
    pub(crate) fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut tags = Self::default();
        pairs.into_iter().for_each(|(key, value)| tags.set(key, value, 0));
        tags
    }

    pub(crate) fn set(&mut self, key: String, value: String, since: u64) {
        let before = self.0.get(&key).map(|tag| tag.value.clone());
        self.0.insert(key, Tag { value, since, before });
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// What Describe calls show.
    pub(crate) fn shown(&self, now: u64) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(move |(key, tag)| {
            let value = if tag.since <= now { Some(&tag.value) } else { tag.before.as_ref() };
            value.map(|value| (key.as_str(), value.as_str()))
        })
    }

    /// What is set.
    pub(crate) fn all(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(key, tag)| (key.clone(), tag.value.clone())).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn xml(&self, xml: &mut super::super::xml::Xml, now: u64) {
        xml.items("tagSet", self.shown(now), |xml, (key, value)| {
            xml.text("key", key);
            xml.text("value", value);
        });
    }
}
