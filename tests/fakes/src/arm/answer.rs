//! What a call is answered with.

use std::time::Duration;

use serde_json::Value;

use crate::wire::Reply;

/// An answer that is no error.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
    /// The operation that it began, by its id.
    pub(crate) operation: Option<String>,
}

impl Answer {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body), operation: None }
    }

    pub(crate) fn ok(body: Value) -> Self {
        Self::new(200, body)
    }

    /// Without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None, operation: None }
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn reply(self) -> Reply {
        let mut reply = match &self.body {
            Some(body) => json_reply(self.status, body),
            None => Reply { status: self.status, ..Reply::default() },
        };
        reply.headers.extend(self.headers);
        reply
    }
}

pub(crate) fn json_reply(status: u16, body: &Value) -> Reply {
    let headers = vec![("content-type".into(), "application/json; charset=utf-8".into())];
    Reply { status, headers, body: body.to_string().into_bytes(), takes: Duration::ZERO }
}
