//! HTTP, as far as a fake sees it: a request, and what comes of it.

use std::time::Duration;

/// An HTTP request, as a client sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `POST`, as a rule.
    pub method: String,
    /// A whole URI or only its path.
    pub uri: String,
    /// In the order they came; names are compared without case.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Its path, without the query.
    pub fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }

    /// Its path, with the query.
    pub fn target(&self) -> &str {
        let end = self.uri.find('?').unwrap_or(self.uri.len());
        match self.uri.find("://").filter(|at| *at < end) {
            Some(at) => self.uri[at + 3..].find('/').map_or("/", |slash| &self.uri[at + 3 + slash..]),
            None => &self.uri,
        }
    }

    /// What stands behind the `?`, or nothing.
    pub fn query(&self) -> &str {
        self.uri.split_once('?').map_or("", |(_, query)| query)
    }
}

/// What comes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer, perhaps an error.
    Reply(Reply),
    /// Nobody could be reached.
    Refused,
    /// The connection broke before an answer came.
    Reset,
    /// No answer will ever come.
    Silent,
}

/// An HTTP response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Names are in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
    /// By how much longer than others it is on its way.
    pub takes: Duration,
}

impl Reply {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
