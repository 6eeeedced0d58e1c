//! What Resource Manager and its providers refuse with, and how it is written down: "Troubleshoot common Azure deployment errors", and what bug
//! reports quote.

use serde_json::{Value, json};

use super::asked::{kind_of, names_of, part};
use crate::wire::Reply;

/// An error, of a request or of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArmError {
    pub(crate) status: u16,
    /// `ResourceNotFound`.
    pub(crate) code: String,
    pub(crate) message: Box<str>,
    /// What it was about, where the service says so.
    pub(crate) target: Option<String>,
    /// Each with its code, its message and its target.
    pub(crate) details: Vec<(String, String, Option<String>)>,
    /// Beside the body.
    pub(crate) headers: Vec<(String, String)>,
    /// Whether it stands at the top of the body, and not behind `error`.
    pub(crate) bare: bool,
}

pub(crate) type Result<T> = std::result::Result<T, ArmError>;

pub(crate) fn error(status: u16, code: &str, message: impl Into<String>) -> ArmError {
    ArmError {
        status,
        code: code.into(),
        message: message.into().into(),
        target: None,
        details: Vec::new(),
        headers: Vec::new(),
        bare: false,
    }
}

/// The client's fault, HTTP 400.
pub(crate) fn bad(code: &str, message: impl Into<String>) -> ArmError {
    error(400, code, message)
}

/// A field's value is refused: onefuzz#2547 quotes one, with its target.
pub(crate) fn invalid(target: &str, message: impl Into<String>) -> ArmError {
    ArmError { target: Some(target.into()), ..bad("InvalidParameter", message) }
}

/// Another state than the one that is asked for: onefuzz#511, autoscaler#3284.
pub(crate) fn conflict(code: &str, message: impl Into<String>) -> ArmError {
    error(409, code, message)
}

/// What is not there: azurerm#18268 quotes it.
pub(crate) fn missing(id: &str) -> ArmError {
    let (kind, names, group) = (kind_of(id), names_of(id), part(id, "resourceGroups"));
    error(
        404,
        "ResourceNotFound",
        format!(
            "The Resource '{kind}/{names}' under resource group '{group}' was not found. \
             For more details please go to https://aka.ms/ARMResourceNotFoundFix"
        ),
    )
}

/// Another etag than the one that is there, or one where none should be: autoscaler#9783.
pub(crate) fn stale(path: &str) -> ArmError {
    error(
        412,
        "PreconditionFailed",
        format!("The precondition given in one of the request headers evaluated to false for '{path}'."),
    )
}

impl ArmError {
    /// "Understand how Azure Resource Manager throttles requests".
    pub(crate) fn throttled() -> Self {
        error(429, "TooManyRequests", "Number of requests exceeded the limit. Please try again after some time.")
    }

    pub(crate) fn internal(status: u16) -> Self {
        match status {
            503 => error(503, "ServerTimeout", "The request timed out. Diagnostic information: the service is unavailable."),
            _ => error(status, "InternalServerError", "Encountered an internal server error. Diagnostic information: none."),
        }
    }

    /// "Troubleshoot Azure RBAC".
    pub(crate) fn denied(action: &str, scope: &str) -> Self {
        error(
            403,
            "AuthorizationFailed",
            format!(
                "The client 'deployer' with object id 'deployer' does not have authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
            ),
        )
    }

    /// The script of faults wants it.
    pub(crate) fn scripted(status: u16, code: &str) -> Self {
        error(status, code, format!("{code} (as the script of faults wants it)"))
    }

    /// What stands behind `error`, in an answer and in an operation.
    pub(crate) fn json(&self) -> Value {
        let mut body = json!({ "code": self.code, "message": self.message });
        let mut set = |field: &str, value: Value| drop(body.as_object_mut().map(|body| body.insert(field.into(), value)));
        if let Some(target) = &self.target {
            set("target", target.clone().into());
        }
        if !self.details.is_empty() {
            let detail = |(code, message, target): &(String, String, Option<String>)| match target {
                Some(target) => json!({ "code": code, "message": message, "target": target }),
                None => json!({ "code": code, "message": message }),
            };
            set("details", self.details.iter().map(detail).collect::<Vec<_>>().into());
        }
        body
    }

    pub(crate) fn reply(&self) -> Reply {
        let body = if self.bare { self.json() } else { json!({ "error": self.json() }) };
        let mut reply = super::answer::json_reply(self.status, &body);
        reply.headers.extend(self.headers.iter().cloned());
        reply
    }
}
