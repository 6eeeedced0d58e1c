//! Google's own schema of Compute Engine as a judge: of what is asked, and of what a fake answers.
//!
//! The document is Google's discovery document, reduced to the methods that are used by `tests/gce/reduce.py`, which also tells whether it is current.
//! What it does not know is refused, but for what [`EXCEPTIONS`] says.

mod document;
mod exceptions;
mod failure;

use std::sync::OnceLock;

use serde_json::Value;

use document::{Document, Method};
pub use exceptions::{EXCEPTIONS, Exception, Shape};

use crate::schema::{Judge, Uri};
pub use crate::schema::{Match, Values};

/// What Google says of Compute Engine: every method that is used, and every schema that they reach.
#[derive(Debug)]
pub struct Discovery {
    /// Or why it cannot be read: then nothing passes.
    document: Result<Document, String>,
}

impl Discovery {
    /// Compute Engine's, version 1.
    pub fn compute() -> &'static Self {
        static COMPUTE: OnceLock<Discovery> = OnceLock::new();
        COMPUTE.get_or_init(|| Self::read(include_str!("../../discovery/compute.v1.json")))
    }

    /// What cannot be read lets nothing pass.
    pub(crate) fn read(text: &str) -> Self {
        let read = serde_json::from_str(text).map_err(|error| format!("the discovery document cannot be read: {error}"));
        Self { document: read.and_then(Document::whole) }
    }

    /// Which day the document is of, as `20261106`; `None` if it cannot be read.
    pub fn revision(&self) -> Option<&str> {
        self.document.as_ref().ok().map(|document| document.from.revision.as_str())
    }

    /// The names of all methods that are known, in order.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.document.iter().flat_map(|document| document.methods.keys().map(String::as_str))
    }

    /// Which method a request is for; or everything that is wrong with it, each with the place in it, and with what would be right.
    ///
    /// `uri` begins with the path. The headers are not looked at.
    ///
    /// # Errors
    ///
    /// When the method or a parameter is not known, a required one is missing, a value is of another type, format, pattern or enum, there is a body where none is expected,
    /// or a field in it that is unknown or only ever in an answer.
    pub fn request(&self, method: &str, uri: &str, body: &[u8]) -> Result<Match<'_>, Vec<String>> {
        let document = self.document()?;
        let uri = Uri::parse(uri);
        let (id, known, mut parameters) = document.find(method, &uri).map_err(|wrong| vec![wrong])?;
        let mut judge = Judge::of_request(&document.schemas, id, exceptions::PASSES);
        for (name, value) in &parameters {
            judge.parameter(&known.parameters, name, value);
        }
        for (name, value) in &uri.query {
            if let Some(common) = document.parameters.get(name) {
                judge.parameter_value(common, name, value);
            } else if !exceptions::query(name, value) {
                judge.parameter(&known.parameters, name, value);
                if parameters.insert(name.clone(), value.clone()).is_some() {
                    judge.wrong("", format!("the parameter {name} is there twice; once is right"));
                }
            }
        }
        for (name, _) in known.parameters.iter().filter(|(name, schema)| schema.required && !parameters.contains_key(*name)) {
            judge.wrong("", format!("the parameter {name} is missing, and required"));
        }
        judge_body(&mut judge, id, known, body);
        judge.verdict().map(|()| Match { id, parameters })
    }

    /// Everything that is wrong with what answers a request for the method `id`, each with the place in it, and with what would be right.
    ///
    /// # Errors
    ///
    /// When the method is not known, or the body is not of its schema; of any status but 2xx, when it is not of the form of Google's errors.
    pub fn response(&self, id: &str, status: u16, body: &[u8]) -> Result<(), Vec<String>> {
        self.response_with(id, status, body, Values::Known)
    }

    /// As [`response`](Self::response), with a say in which values may be there.
    ///
    /// # Errors
    ///
    /// As of [`response`](Self::response).
    pub fn response_with(&self, id: &str, status: u16, body: &[u8], values: Values) -> Result<(), Vec<String>> {
        let document = self.document()?;
        let Some(method) = document.methods.get(id) else { return Err(vec![format!("there is no method {id}")]) };
        let mut judge = Judge::of_answer(&document.schemas, id, values, exceptions::PASSES);
        match serde_json::from_slice::<Value>(body) {
            Err(error) => judge.wrong("body", format!("is not JSON: {error}")),
            Ok(body) if !(200..300).contains(&status) => failure::judge(&mut judge, status, &body),
            Ok(body) => match &method.response {
                Some(name) => judge.named(name, &body, "body"),
                None => judge.wrong("body", "is there, and none is expected".into()),
            },
        }
        judge.verdict()
    }

    fn document(&self) -> Result<&Document, Vec<String>> {
        self.document.as_ref().map_err(|wrong| vec![wrong.clone()])
    }
}

fn judge_body(judge: &mut Judge<'_>, id: &str, method: &Method, body: &[u8]) {
    match (&method.request, body) {
        (None, []) => {}
        (None, body) if exceptions::empty_object(&method.http_method, body) => {}
        (None, _) => judge.wrong("body", "is there, and none is expected".into()),
        (Some(name), []) => judge.wrong("body", format!("is missing; {id} takes a {name}")),
        (Some(name), body) => match serde_json::from_slice::<Value>(body) {
            Ok(body) => judge.named(name, &body, "body"),
            Err(error) => judge.wrong("body", format!("is not JSON: {error}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::Discovery;

    #[test]
    fn what_cannot_be_read_lets_nothing_pass() {
        let whole = include_str!("../../discovery/compute.v1.json");
        for (text, wrong) in [
            ("{}", "cannot be read"),
            (&whole.replace("\"uint32\"", "\"uint128\""), "uint128"),
            (&whole.replace("\"InstanceGroupManagerVersion\": {", "\"Version\": {"), "does not have it"),
        ] {
            let broken = Discovery::read(text);
            for judged in [
                broken.request("GET", "/compute/v1/projects/shop/global/images", b"").map(drop),
                broken.response("images.list", 200, b"{}"),
            ] {
                assert!(judged.unwrap_err()[0].contains(wrong), "{wrong}");
            }
            assert_eq!((broken.revision(), broken.methods().count()), (None, 0));
        }
    }
}
