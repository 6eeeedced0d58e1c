//! Microsoft's own models of Azure as a judge: of what is asked, and of what a fake answers.
//!
//! The models are those of Microsoft's Python clients, reduced to the methods that are used by `tests/arm/reduce.py`, which also tells whether they are
//! current. What no client describes, which is where operations are polled, where tokens are from and what errors look like, is written by hand in
//! `tests/fakes/arm/front.json`, with its sources. What neither knows is refused, but for what [`EXCEPTIONS`] says.

mod answer;
mod asked;
mod document;
mod exceptions;

use std::sync::OnceLock;

use serde_json::Value;

use document::{Document, Known};
pub use exceptions::{EXCEPTIONS, Exception};

use crate::schema::Judge;
pub use crate::schema::{Match, Values};

/// What Microsoft says of Azure: every method that is used, and every model that they reach.
#[derive(Debug)]
pub struct ArmSchema {
    /// Or why one cannot be read: then nothing passes.
    documents: Result<Vec<Document>, String>,
}

impl ArmSchema {
    /// Of Microsoft.Compute, Microsoft.Network, Traffic Manager and Azure Monitor, and of Azure Resource Manager itself.
    pub fn azure() -> &'static Self {
        static AZURE: OnceLock<ArmSchema> = OnceLock::new();
        AZURE.get_or_init(|| {
            Self::read(&[
                include_str!("../../arm/compute.json"),
                include_str!("../../arm/front.json"),
                include_str!("../../arm/monitor.json"),
                include_str!("../../arm/network.json"),
                include_str!("../../arm/trafficmanager.json"),
            ])
        })
    }

    /// If one cannot be read, nothing passes.
    pub(crate) fn read(texts: &[&str]) -> Self {
        Self { documents: texts.iter().map(|text| Document::read(text)).collect() }
    }

    /// The packages that the models are from, each with its version; none if one cannot be read.
    pub fn packages(&self) -> impl Iterator<Item = (&str, &str)> {
        let from = self.documents.iter().flatten().map(|document| &document.from);
        from.filter_map(|from| Some((from.get("package")?.as_str(), from.get("version")?.as_str())))
    }

    /// The names of all methods that are known.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.documents.iter().flat_map(|documents| document::all(documents)).map(|(id, _)| id)
    }

    /// The version of the API that a method's client asks for, as `2026-04-01`; `None` if the method is not known, or is of no version.
    pub fn api_version(&self, id: &str) -> Option<&str> {
        self.known(id).ok().and_then(|(_, known)| known.method.api_version.as_deref())
    }

    /// Which method a request is for; or everything that is wrong with it, each with the place in it, and with what would be right.
    ///
    /// `uri` begins with the path, which is compared without case. Of the headers, those that are conditions are judged, and the kind of the body.
    ///
    /// # Errors
    ///
    /// When the method or a parameter is not known, or another version of the API is asked for; a required parameter or field is missing; a value is of
    /// another type, format, pattern or enum; there is a body where none is expected, or a field in it that is unknown or only ever in an answer; or
    /// there is a condition that the service does not know.
    pub fn request(&self, method: &str, uri: &str, headers: &[(String, String)], body: &[u8]) -> Result<Match<'_>, Vec<String>> {
        asked::judge(self.documents()?, method, uri, headers, body)
    }

    /// Everything that is wrong with what answers a request for the method `id`, each with the place in it, and with what would be right.
    ///
    /// # Errors
    ///
    /// When the method is not known, or does not answer this status; when the body is not of its model, or, of an error, not of Resource Manager's form;
    /// when a long-running operation has begun, and nothing says how to follow it.
    pub fn response(&self, id: &str, status: u16, headers: &[(String, String)], body: &[u8]) -> Result<(), Vec<String>> {
        self.response_with(id, status, headers, body, Values::Known)
    }

    /// As [`response`](Self::response), with a say in which values may be there.
    ///
    /// # Errors
    ///
    /// As of [`response`](Self::response).
    pub fn response_with(
        &self,
        id: &str,
        status: u16,
        headers: &[(String, String)],
        body: &[u8],
        values: Values,
    ) -> Result<(), Vec<String>> {
        let (id, known) = self.known(id)?;
        // Errors are of one form, whoever answers them: those of one service do not say what is required.
        let front = || self.documents.iter().flatten().find(|document| document.schemas.contains_key("ErrorResponse"));
        answer::judge(id, known, front, &answer::Answered { status, headers, body, values })
    }

    fn documents(&self) -> Result<&[Document], Vec<String>> {
        self.documents.as_deref().map_err(|wrong| vec![wrong.clone()])
    }

    fn known(&self, id: &str) -> Result<(&str, Known<'_>), Vec<String>> {
        let found = document::all(self.documents()?).find(|(known, _)| *known == id);
        found.ok_or_else(|| vec![format!("there is no method {id}; tests/arm/reduce.py lists all")])
    }
}

fn header<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// A body as what it is, or what is wrong with it.
fn json(judge: &mut Judge<'_>, body: &[u8]) -> Option<Value> {
    match serde_json::from_slice(body) {
        Ok(body) => Some(body),
        Err(error) => {
            judge.wrong("body", format!("is not JSON: {error}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ArmSchema;

    #[test]
    fn what_cannot_be_read_lets_nothing_pass() {
        let whole = include_str!("../../arm/compute.json");
        for (text, wrong) in [
            ("{}", "cannot be read"),
            (&whole.replace("\"date-time\"", "\"day\""), "day"),
            (&whole.replace("\"LinuxConfiguration\": {", "\"Linux\": {"), "does not have it"),
        ] {
            let broken = ArmSchema::read(&[include_str!("../../arm/front.json"), text]);
            let uri = "/subscriptions/s/providers/Microsoft.Compute/locations/l/operations/o?api-version=2026-04-01";
            for judged in [
                broken.request("GET", uri, &[], b"").map(drop),
                broken.response("operations.get", 200, &[], b"{\"status\":\"x\"}"),
            ] {
                assert!(judged.unwrap_err()[0].contains(wrong), "{wrong}");
            }
            assert_eq!((broken.packages().count(), broken.methods().count()), (0, 0));
        }
    }
}
