//! What Compute Engine refuses with, and how it writes that down: "Troubleshooting API errors", and what bug reports quote.

use std::time::Duration;

use serde_json::{Value, json};

use crate::wire::Reply;

/// An error, of a request or of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GceError {
    pub(crate) status: u16,
    /// `notFound`.
    pub(crate) reason: String,
    pub(crate) message: String,
    /// For operations: all causes, as code and message. Without any, the reason and the message are the one.
    pub(crate) causes: Vec<(String, String)>,
}

pub(crate) type Result<T> = std::result::Result<T, GceError>;

pub(crate) fn error(status: u16, reason: &str, message: impl Into<String>) -> GceError {
    GceError { status, reason: reason.into(), message: message.into(), causes: Vec::new() }
}

/// The client's fault, HTTP 400.
pub(crate) fn bad(reason: &str, message: impl Into<String>) -> GceError {
    error(400, reason, message)
}

/// A field's value is refused.
pub(crate) fn invalid(field: &str, value: &str, why: &str) -> GceError {
    bad("invalid", format!("Invalid value for field '{field}': '{value}'. {why}"))
}

/// A field is missing: ansible-collections/google.cloud#342 quotes it.
pub(crate) fn required(field: &str) -> GceError {
    bad("required", format!("Required field '{field}' not specified"))
}

pub(crate) fn not_found(message: impl Into<String>) -> GceError {
    error(404, "notFound", message)
}

/// What is not there: mattes/gce-deploy-action#1 quotes it.
pub(crate) fn missing(path: &str) -> GceError {
    not_found(format!("The resource '{path}' was not found"))
}

pub(crate) fn exists(path: &str) -> GceError {
    error(409, "alreadyExists", format!("The resource '{path}' already exists"))
}

/// terraform-google-vm#45 quotes it: `what` is `instance_template`.
pub(crate) fn in_use(what: &str, path: &str, by: &str) -> GceError {
    bad("resourceInUseByAnotherResource", format!("The {what} resource '{path}' is already being used by '{by}'"))
}

/// A fingerprint of what was before: "Invalid fingerprint." in ansible-collections/google.cloud#327 and terraform-provider-google#9207.
pub(crate) fn stale() -> GceError {
    error(412, "conditionNotMet", "Invalid fingerprint.")
}

impl GceError {
    /// GCE answers with 403 where others say 429 ("API rate quotas").
    pub(crate) fn throttled() -> Self {
        error(
            403,
            "rateLimitExceeded",
            "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service 'compute.googleapis.com' for consumer \
             'project_number:1'.",
        )
    }

    pub(crate) fn internal(status: u16) -> Self {
        match status {
            503 => error(503, "backendError", "Backend Error"),
            _ => error(status, "internalError", "Internal Error"),
        }
    }

    pub(crate) fn denied(method: &str, path: &str) -> Self {
        error(403, "forbidden", format!("Required 'compute.{method}' permission for '{path}'"))
    }

    /// The script of faults wants it.
    pub(crate) fn scripted(status: u16, reason: &str) -> Self {
        error(status, reason, format!("{reason} (as the script of faults wants it)"))
    }

    /// An operation's codes are another spelling of the same: `RESOURCE_NOT_FOUND`.
    fn code(&self) -> String {
        match self.reason.as_str() {
            "notFound" => "RESOURCE_NOT_FOUND".into(),
            "alreadyExists" => "RESOURCE_ALREADY_EXISTS".into(),
            "invalid" | "required" => "INVALID_USAGE".into(),
            reason => reason.chars().fold(String::new(), |mut code, letter| {
                if letter.is_ascii_uppercase() {
                    code.push('_');
                }
                code.push(letter.to_ascii_uppercase());
                code
            }),
        }
    }

    /// As in an operation: `error.errors[]`.
    pub(crate) fn in_operation(&self) -> Value {
        if self.causes.is_empty() {
            return json!({ "errors": [{ "code": self.code(), "message": self.message }] });
        }
        let errors: Vec<_> = self.causes.iter().map(|(code, message)| json!({ "code": code, "message": message })).collect();
        json!({ "errors": errors })
    }

    /// What HTTP calls the status: "BAD REQUEST".
    pub(crate) fn http_message(&self) -> &'static str {
        match self.status {
            400 => "BAD REQUEST",
            403 => "FORBIDDEN",
            404 => "NOT FOUND",
            409 => "CONFLICT",
            412 => "PRECONDITION FAILED",
            429 => "TOO MANY REQUESTS",
            503 => "SERVICE UNAVAILABLE",
            _ => "INTERNAL SERVER ERROR",
        }
    }

    /// The words of google.rpc.Code that newer errors carry beside the number.
    fn rpc(&self) -> Option<&'static str> {
        match (self.status, self.reason.as_str()) {
            (403, "rateLimitExceeded") | (429, _) => Some("RESOURCE_EXHAUSTED"),
            (403, _) => Some("PERMISSION_DENIED"),
            (503, _) => Some("UNAVAILABLE"),
            _ => None,
        }
    }

    pub(crate) fn reply(&self, retry_after: Option<Duration>) -> Reply {
        let mut inside = json!({
            "code": self.status,
            "message": self.message,
            "errors": [{ "message": self.message, "domain": "global", "reason": self.reason }],
        });
        if let (Some(status), Some(inside)) = (self.rpc(), inside.as_object_mut()) {
            inside.insert("status".into(), status.into());
        }
        let mut reply = super::dispatch::json_reply(self.status, &json!({ "error": inside }));
        if let Some(after) = retry_after.filter(|_| matches!(self.status, 429 | 503) || self.reason == "rateLimitExceeded") {
            reply.headers.push(("retry-after".into(), after.as_secs().to_string()));
        }
        reply
    }
}
