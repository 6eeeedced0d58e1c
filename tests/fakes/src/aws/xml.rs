//! XML, as far as answers need it.

/// A piece of XML that grows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn document() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".into())
    }

    pub(crate) fn text(&mut self, name: &str, value: impl std::fmt::Display) {
        self.0.push_str(&format!("<{name}>"));
        for character in value.to_string().chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                other => self.0.push(other),
            }
        }
        self.0.push_str(&format!("</{name}>"));
    }

    /// Nothing at all where there is no value.
    pub(crate) fn maybe(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    pub(crate) fn node(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.0.push_str(&format!("<{name}>"));
        inside(self);
        self.0.push_str(&format!("</{name}>"));
    }

    pub(crate) fn node_with(&mut self, name: &str, namespace: &str, inside: impl FnOnce(&mut Self)) {
        self.0.push_str(&format!("<{name} xmlns=\"{namespace}\">"));
        inside(self);
        self.0.push_str(&format!("</{name}>"));
    }

    /// EC2's lists: `<name><item>…</item></name>`.
    pub(crate) fn items<T>(&mut self, name: &str, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        self.node(name, |xml| items.into_iter().for_each(|item| xml.node("item", |xml| each(xml, item))));
    }

    /// The query protocol's lists: `<name><member>…</member></name>`.
    pub(crate) fn members<T>(&mut self, name: &str, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        self.node(name, |xml| items.into_iter().for_each(|item| xml.node("member", |xml| each(xml, item))));
    }

    /// The same of plain texts.
    pub(crate) fn texts<T: std::fmt::Display>(&mut self, name: &str, items: impl IntoIterator<Item = T>) {
        self.node(name, |xml| items.into_iter().for_each(|item| xml.text("member", item)));
    }

    pub(crate) fn append(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}
