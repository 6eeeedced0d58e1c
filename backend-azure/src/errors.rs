//! What Azure's errors mean: of which kind, whether the call may have taken effect, and whether to try again.

use std::fmt::Write as _;
use std::time::Duration;

use azure_core::error::ErrorKind as Cause;
use immutable_core::error::Retry;
use immutable_core::fleet::{FailureClass, Trouble};
use immutable_core::{Applied, Error, ErrorKind};
use serde_json::Value;

use crate::client::Answer;
use ErrorKind::{Busy, Capacity, Conflict, Denied, Internal, Invalid, NotFound, Quota, Taken, Throttled, Unreachable};

/// Codes of refused calls and of failed operations, by kind; "Common error codes for Azure Resource Manager", "Allocation failed errors for VMs", and karpenter-provider-azure#892
/// for what is capacity and what is quota.
const CODES: &[(ErrorKind, &[&str])] = &[
    (
        Throttled,
        &["TooManyRequests", "SubscriptionRequestsThrottled", "ResourceRequestsThrottled", "RetryableErrorDueToAnotherThrottle"],
    ),
    (
        Capacity,
        &[
            "AllocationFailed",
            "ZonalAllocationFailed",
            "OverconstrainedAllocationRequest",
            "OverconstrainedZonalAllocationRequest",
            "SkuNotAvailable",
            "SpotCapacityNotAvailable",
            "CapacityNotAvailable",
        ],
    ),
    (Quota, &["QuotaExceeded", "ResourceQuotaExceeded", "SpotQuotaExceeded", "VMScaleSetVMLimitExceeded"]),
    (
        Busy,
        &[
            "AnotherOperationInProgress",
            "RetryableError",
            "ResourceBeingDeleted",
            "ScaleSetMarkedForDeletion",
            "InUse",
            "InUseBackendAddressPoolCannotBeDeleted",
            "OperationInProgress",
        ],
    ),
    (
        Conflict,
        &[
            "PreconditionFailed",
            "ConditionNotMet",
            "CanceledAndSupersededDueToAnotherOperation",
            "OperationPreempted",
            "Canceled",
        ],
    ),
    (
        NotFound,
        &[
            "ResourceNotFound",
            "NotFound",
            "ResourceGroupNotFound",
            "SubscriptionNotFound",
            "ParentResourceNotFound",
            "GalleryImageNotFound",
            "PlatformImageNotFound",
            "ImageNotFound",
        ],
    ),
    (
        Denied,
        &[
            "AuthorizationFailed",
            "LinkedAuthorizationFailed",
            "AuthenticationFailed",
            "InvalidAuthenticationToken",
            "InvalidAuthenticationTokenTenant",
            "ExpiredAuthenticationToken",
            "MissingSubscriptionRegistration",
            "RequestDisallowedByPolicy",
            "ScopeLocked",
        ],
    ),
    (
        Internal,
        &[
            "InternalServerError",
            "InternalExecutionError",
            "InternalOperationError",
            "NetworkingInternalOperationError",
            "ServerTimeout",
            "ServiceUnavailable",
            "GatewayTimeout",
        ],
    ),
];

fn kind_of_code(code: &str) -> Option<ErrorKind> {
    CODES.iter().find(|(_, codes)| codes.iter().any(|known| known.eq_ignore_ascii_case(code))).map(|(kind, _)| *kind)
}

fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 => Denied,
        404 => NotFound,
        408 | 504 => Unreachable,
        409 => Busy,
        412 => Conflict,
        429 => Throttled,
        500.. => Internal,
        _ => Invalid,
    }
}

/// What a cause means. `OperationNotAllowed` is said of a quota that is used up, of who is too quick, and of what is not allowed.
fn kind_of(code: &str, message: &str, status: Option<u16>) -> ErrorKind {
    if status == Some(429) && kind_of_code(code) != Some(Busy) {
        return Throttled;
    }
    if code == "OperationNotAllowed" && ["quota", "exceed"].iter().any(|word| message.to_ascii_lowercase().contains(word)) {
        return Quota;
    }
    if code.ends_with("Conflict") && message.contains("marked for deletion") {
        return Busy;
    }
    kind_of_code(code).or(status.map(kind_of_status)).unwrap_or(Invalid)
}

/// What the service says went wrong: the outermost first, then each of its details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// Azure Resource Manager, "Error response": `{"error": {"code", "message", "details": […]}}`; some services leave the `error` out, and some write their names large
/// (cloud-provider-azure#792).
pub(crate) fn faults(body: &Value) -> Vec<Fault> {
    fn at<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
        of.as_object()?.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
    fn walk(of: &Value, out: &mut Vec<Fault>) {
        let text = |name: &str| at(of, name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let fault = Fault { code: text("code"), message: text("message") };
        if (!fault.code.is_empty() || !fault.message.is_empty()) && !out.contains(&fault) {
            out.push(fault);
        }
        at(of, "details").and_then(Value::as_array).into_iter().flatten().for_each(|detail| walk(detail, out));
    }
    let mut out = Vec::new();
    walk(at(body, "error").unwrap_or(body), &mut out);
    out
}

/// The kind of the first cause that has one of its own; details say more than what they are details of.
fn kind_of_all(faults: &[Fault], status: Option<u16>) -> ErrorKind {
    let known = |fault: &Fault| kind_of_code(&fault.code).is_some() || fault.code == "OperationNotAllowed";
    let telling = faults.iter().skip(1).find(|fault| known(fault)).or_else(|| faults.first());
    telling.map_or_else(|| status.map_or(Invalid, kind_of_status), |fault| kind_of(&fault.code, &fault.message, status))
}

fn told(faults: &[Fault]) -> String {
    let mut text = String::new();
    for fault in faults {
        let _ = match (text.is_empty(), fault.message.is_empty()) {
            (true, true) => write!(text, "{}", fault.code),
            (true, false) => write!(text, "{}: {}", fault.code, fault.message),
            (false, true) => write!(text, "; {}", fault.code),
            (false, false) => write!(text, "; {}: {}", fault.code, fault.message),
        };
    }
    text
}

/// Whether a call is to be sent again by itself: what passes, and is nobody's to decide.
pub(crate) fn passes(error: &Error) -> bool {
    matches!(error.kind(), Throttled | Unreachable | Internal) || error.kind() == Busy && error.message().contains(BEING_CHANGED)
}

const BEING_CHANGED: &str = "it is being changed by another call";

/// What the caller can do about it.
fn advice(kind: ErrorKind, status: u16, faults: &[Fault], id: &str) -> Option<String> {
    let is = |code: &str| faults.iter().any(|fault| fault.code == code);
    Some(match kind {
        Busy if is("AnotherOperationInProgress") || is("RetryableError") => BEING_CHANGED.to_owned(),
        Denied if status == 401 => "the token is not valid, or has expired; sign in again".to_owned(),
        Denied if is("MissingSubscriptionRegistration") => {
            "the subscription is not registered for this kind of resource; register its provider".to_owned()
        }
        Denied => format!("the credentials may not make the call {id} here; allow it in their role"),
        _ => return None,
    })
}

/// Of a call that was not answered.
pub(crate) fn of_call(id: &'static str, error: azure_core::Error) -> Error {
    let cause = error.kind();
    let (kind, what, applied) = match cause {
        // Who gives tokens was not to be had, which passes.
        Cause::Credential if was_away(&error) => (Unreachable, "was not sent, since no token could be had", Applied::No),
        Cause::Credential => (Denied, "was not sent, for want of credentials; sign in again", Applied::No),
        // Nobody was there to hear it.
        Cause::Connection => (Unreachable, "was not sent: there is no connection", Applied::No),
        Cause::Io => (Unreachable, "was not answered", Applied::Unknown),
        Cause::DataConversion => (Internal, "was answered, and the answer could not be read", Applied::Unknown),
        Cause::HttpResponse { .. } => (Denied, "was not sent, since no token was given", Applied::No),
        _ => (Unreachable, "was not answered", Applied::Unknown),
    };
    let made = Error::new(kind, format!("{id} {what}")).with_applied(applied);
    if kind != Denied {
        return made.with_source(error);
    }
    // Why nobody could sign in is one text, told thrice by who tells it: by itself, and by its causes.
    let said = error.to_string();
    Error::new(kind, format!("{id} {what} ({})", said.lines().next().unwrap_or_default())).with_applied(applied)
}

/// Whether a credential has failed of the way to who gives tokens, of their server, or of an answer that is none of theirs: a gateway's.
fn was_away(error: &azure_core::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let away = match cause.downcast_ref::<azure_core::Error>().map(azure_core::Error::kind) {
            Some(Cause::Connection | Cause::Io | Cause::DataConversion) => true,
            Some(Cause::HttpResponse { status, .. }) => matches!(u16::from(*status), 408 | 429 | 500..),
            _ => false,
        };
        if away {
            return true;
        }
        source = cause.source();
    }
    false
}

/// Of a call that was answered with an error.
pub(crate) fn answered(id: &'static str, answer: &Answer) -> Error {
    let (status, faults) = (answer.status, faults(&answer.body));
    let kind = kind_of_all(&faults, Some(status));
    let mut text = match advice(kind, status, &faults, id) {
        Some(advice) => format!("{id} was refused: {advice}"),
        None => format!("{id} failed"),
    };
    let _ = if faults.is_empty() { write!(text, " (HTTP {status})") } else { write!(text, " ({})", told(&faults)) };
    // A refusal was decided before anything was done. A server that failed may have failed at any moment.
    let applied = if status >= 500 || status == 408 { Applied::Unknown } else { Applied::No };
    let made = Error::new(kind, text).with_applied(applied);
    match answer.retry_after() {
        Some(wait) if passes(&made) => made.with_retry(Retry::After(wait.max(Duration::from_secs(1)))),
        _ => made,
    }
}

/// What an operation came to that was accepted and has failed: all of its causes. A part of it may have been done.
pub(crate) fn of_operation(id: &str, faults: &[Fault]) -> Error {
    let kind = kind_of_all(faults, None);
    let told = if faults.is_empty() { "no word".to_owned() } else { told(faults) };
    Error::new(kind, format!("{id} was accepted, and its operation failed ({told})")).with_applied(Applied::Unknown)
}

/// Why a machine could not be made, or an operation failed, of these causes.
pub(crate) fn trouble(faults: &[Fault]) -> Trouble {
    let (code, message) = match faults.first() {
        Some(first) => (first.code.clone(), told(faults)),
        None => ("OperationFailed".to_owned(), "no word".to_owned()),
    };
    Trouble { class: class(faults), code: code.into(), message: message.into() }
}

/// Codes that blame what boots. "Troubleshoot provisioning errors for VMs"; VM applications are installed by an extension.
const IMAGE: &[&str] = &[
    "GalleryImageNotFound",
    "PlatformImageNotFound",
    "ImageNotFound",
    "OSProvisioningTimedOut",
    "OSProvisioningClientError",
    "OSProvisioningInternalError",
    "VMExtensionProvisioningError",
    "VMExtensionHandlerNonTransientError",
    "VMApplicationInstallError",
];

fn class(faults: &[Fault]) -> FailureClass {
    if faults.iter().any(|fault| IMAGE.iter().any(|code| fault.code.eq_ignore_ascii_case(code))) {
        return FailureClass::Image;
    }
    match kind_of_all(faults, None) {
        Capacity => FailureClass::Capacity,
        Quota => FailureClass::Quota,
        Internal => FailureClass::Platform,
        _ => FailureClass::Unknown,
    }
}

/// That a name is somebody else's.
pub(crate) fn taken(name: &str, why: &str) -> Error {
    let what = format!("the name {name} belongs to something else: {why}; delete it, or name the fleet otherwise");
    Error::new(Taken, what).with_resource(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fault(code: &str, message: &str) -> Fault {
        Fault { code: code.into(), message: message.into() }
    }

    #[test]
    fn no_code_stands_twice() {
        let mut all: Vec<String> =
            CODES.iter().flat_map(|(_, known)| known.iter().map(|code| code.to_ascii_lowercase())).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn operation_not_allowed_is_told_apart() {
        let quota = "Operation could not be completed as it results in exceeding approved Total Regional Cores quota.";
        assert_eq!(kind_of("OperationNotAllowed", quota, Some(409)), Quota);
        assert_eq!(
            kind_of(
                "OperationNotAllowed",
                "The server rejected the request because too many requests have been received",
                Some(429)
            ),
            Throttled
        );
        let exceeded = "The request exceeds the limit of calls of this subscription";
        assert_eq!(kind_of("OperationNotAllowed", exceeded, Some(429)), Throttled, "no quota is used up by calls");
        assert_eq!(kind_of("UpdateConflict", "it is marked for deletion", None), Busy);
        assert_eq!(kind_of("OperationNotAllowed", "Managed disks cannot be used here", Some(409)), Busy);
        assert_eq!(kind_of("RetryableError", "", Some(429)), Busy, "somebody else changes it: azure-cli#21156");
    }

    #[test]
    fn details_say_more() {
        let body = json!({"error": {"code": "DeploymentFailed", "message": "see details", "details": [
            {"code": "ZonalAllocationFailed", "message": "no room in zone 2"},
        ]}});
        let found = faults(&body);
        assert_eq!(found, [fault("DeploymentFailed", "see details"), fault("ZonalAllocationFailed", "no room in zone 2")]);
        let error = of_operation("virtualMachineScaleSets.update", &found);
        assert_eq!((error.kind(), error.applied()), (Capacity, Applied::Unknown));
        assert!(error.to_string().contains("no room in zone 2"), "{error}");
        assert_eq!(trouble(&found).class, FailureClass::Capacity);
        assert_eq!(faults(&json!({"code": "NotFound", "message": "gone"})), [fault("NotFound", "gone")]);
        let large = json!({"Error": {"Code": "RetryableError", "Message": "", "Details": [{"code": "AnotherOperationInProgress", "message": "wait"}]}});
        assert_eq!(faults(&large), [fault("RetryableError", ""), fault("AnotherOperationInProgress", "wait")]);
        assert_eq!(faults(&Value::Null), []);
        let outer = [fault("Canceled", "see details"), fault("QuotaExceeded", "no more cores")];
        assert_eq!(of_operation("virtualMachineScaleSets.update", &outer).kind(), Quota, "also where both are known");
        let twice = json!({"code": "A", "message": "a", "details": [{"code": "A", "message": "a"}]});
        assert_eq!(faults(&twice), [fault("A", "a")]);
    }

    #[test]
    fn who_is_to_blame() {
        assert_eq!(trouble(&[fault("VMExtensionProvisioningError", "the application exited with 1")]).class, FailureClass::Image);
        assert_eq!(trouble(&[fault("InternalExecutionError", "")]).class, FailureClass::Platform);
        assert_eq!(trouble(&[fault("QuotaExceeded", "")]).class, FailureClass::Quota);
        assert_eq!(trouble(&[fault("Novel", "")]).class, FailureClass::Unknown);
        assert_eq!(trouble(&[]).code.as_ref(), "OperationFailed");
    }
}
