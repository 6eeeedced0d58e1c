//! What Google's errors mean: of which kind, whether the call may have taken effect, and whether to try again.

use std::fmt::Write as _;
use std::time::Duration;

use google_cloud_compute_v1::model::Operation;
use google_cloud_gax::error::Error as CallError;
use google_cloud_gax::error::rpc::StatusDetails;
use immutable_core::error::Retry;
use immutable_core::fleet::{FailureClass, Trouble};
use immutable_core::{Applied, Error, ErrorKind};

use ErrorKind::{Busy, Capacity, Conflict, Denied, Internal, Invalid, NotFound, Quota, Taken, Throttled, Unreachable};

/// Reasons of refused calls, by kind; as `errors[].reason`, or as an ErrorInfo's. Those of status 403 are told apart by what other clients found: hashicorp's
/// `error_retry_predicates.go`; "Troubleshoot Compute Engine API errors".
const REASONS: &[(ErrorKind, &[&str])] = &[
    (
        Throttled,
        &[
            "rateLimitExceeded",
            "userRateLimitExceeded",
            "RATE_LIMIT_EXCEEDED",
            "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED",
            "concurrentLimitExceeded",
            "resourceOperationRateExceeded",
        ],
    ),
    (Quota, &["quotaExceeded", "QUOTA_EXCEEDED", "limitExceeded"]),
    (Busy, &["operationInProgress", "resourceNotReady", "resourceInUseByAnotherResource", "resourceInUse"]),
    (Taken, &["alreadyExists"]),
    (Conflict, &["conditionNotMet"]),
    (NotFound, &["notFound"]),
    (Denied, &["forbidden", "accessNotConfigured", "SERVICE_DISABLED", "IAM_PERMISSION_DENIED", "required_permission"]),
];

/// Codes of operations that failed and of instances that could not be made, by their beginnings: Google adds to them, as in `_WITH_DETAILS`. "Troubleshoot resource
/// availability errors", "Troubleshoot creating and updating VMs".
const CODES: &[(ErrorKind, &[&str])] = &[
    (
        Capacity,
        &["ZONE_RESOURCE_POOL_EXHAUSTED", "RESOURCE_POOL_EXHAUSTED", "STOCKOUT", "INSUFFICIENT_CAPACITY", "IP_SPACE_EXHAUSTED"],
    ),
    (Quota, &["QUOTA_EXCEEDED", "LIMIT_EXCEEDED", "REGION_QUOTA"]),
    (Throttled, &["RATE_LIMIT_EXCEEDED", "RESOURCE_OPERATION_RATE_EXCEEDED", "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED"]),
    (Taken, &["RESOURCE_ALREADY_EXISTS"]),
    (NotFound, &["RESOURCE_NOT_FOUND"]),
    (Busy, &["RESOURCE_IN_USE", "RESOURCE_NOT_READY", "OPERATION_IN_PROGRESS"]),
    (Conflict, &["CONDITION_NOT_MET"]),
    (Denied, &["PERMISSIONS_ERROR", "FORBIDDEN", "SERVICE_ACCOUNT_ACCESS_DENIED"]),
    (Internal, &["INTERNAL_ERROR", "BACKEND_ERROR", "SERVICE_UNAVAILABLE"]),
];

fn kind_of_reason(reason: &str) -> Option<ErrorKind> {
    REASONS.iter().find(|(_, reasons)| reasons.contains(&reason)).map(|(kind, _)| *kind)
}

fn kind_of_code(code: &str) -> Option<ErrorKind> {
    CODES.iter().find(|(_, begins)| begins.iter().any(|begin| code.starts_with(begin))).map(|(kind, _)| *kind)
}

fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 => Denied,
        404 => NotFound,
        408 | 504 => Unreachable,
        409 | 412 => Conflict,
        429 => Throttled,
        500.. => Internal,
        _ => Invalid,
    }
}

/// What a refusal means. Google says 403 of those who are too quick, too.
fn kind(status: u16, reasons: &[String], message: &str) -> ErrorKind {
    if status >= 500 {
        return kind_of_status(status);
    }
    let per_minute = message.contains("Quota exceeded for quota metric") && message.contains("per minute");
    match reasons.iter().find_map(|reason| kind_of_reason(reason)) {
        _ if per_minute => Throttled,
        Some(kind) => kind,
        None => kind_of_status(status),
    }
}

/// Whether a call is to be sent again by itself: what passes, and is nobody's to decide.
pub(crate) fn passes(error: &Error) -> bool {
    matches!(error.kind(), Throttled | Unreachable | Internal) || error.kind() == Busy && error.message().contains(NOT_READY)
}

const NOT_READY: &str = "it is being changed by another call";

/// What the caller can do about it.
fn advice(kind: ErrorKind, status: u16, reasons: &[String], method: &str) -> Option<String> {
    let is = |reason: &str| reasons.iter().any(|known| known == reason);
    Some(match kind {
        Busy if is("operationInProgress") || is("resourceNotReady") => NOT_READY.to_owned(),
        Denied if status == 401 => "the credentials are not valid, or have expired; sign in again".to_owned(),
        Denied if is("accessNotConfigured") || is("SERVICE_DISABLED") => {
            "the Compute Engine API is not enabled in this project; enable it".to_owned()
        }
        Denied => format!("the credentials may not call compute.{method} here; allow it in their role"),
        _ => return None,
    })
}

/// Of what went wrong with a call of a method, as in `instanceGroupManagers.resize`.
pub(crate) fn of_call(method: &'static str, error: CallError) -> Error {
    if let Some(status) = error.http_status_code() {
        return answered(method, status, error);
    }
    let unanswered = |what: &str| Error::new(Unreachable, format!("{method} {what}"));
    if error.is_authentication() {
        let what = format!("{method} was not sent, for want of credentials; sign in again");
        return Error::new(Denied, what).with_source(error);
    }
    if error.is_binding() || error.is_serialization() {
        return Error::invalid(format!("{method} could not be made")).with_source(error);
    }
    if error.is_connect() {
        // Nobody was there to hear it.
        return unanswered("was not sent: there is no connection").with_applied(Applied::No).with_source(error);
    }
    if error.is_timeout() || error.is_exhausted() {
        return unanswered("was not answered in time").with_source(error);
    }
    if error.is_deserialization() {
        return Error::new(Internal, format!("{method} was answered, and the answer could not be read")).with_source(error);
    }
    unanswered("was not answered").with_source(error)
}

/// Of a call that was answered with an error.
fn answered(method: &'static str, status: u16, error: CallError) -> Error {
    let said = error.status();
    let message = said.map(|status| status.message.clone()).unwrap_or_default();
    let reasons: Vec<String> = said.into_iter().flat_map(|status| &status.details).filter_map(reason).collect();
    let after = error.http_headers().and_then(|headers| headers.get("retry-after")?.to_str().ok()?.trim().parse().ok());
    let kind = kind(status, &reasons, &message);
    let mut text = match advice(kind, status, &reasons, method) {
        Some(advice) => format!("{method} was refused: {advice}"),
        None => format!("{method} failed"),
    };
    let code = reasons.first().cloned().unwrap_or_else(|| format!("HTTP {status}"));
    let _ = if message.is_empty() { write!(text, " ({code})") } else { write!(text, " ({code}: {message})") };
    // A refusal was decided before anything was done. A server that failed may have failed at any moment.
    let applied = if status >= 500 || status == 408 { Applied::Unknown } else { Applied::No };
    let made = Error::new(kind, text).with_applied(applied).with_source(error);
    match after {
        Some(seconds) if passes(&made) => made.with_retry(Retry::After(Duration::from_secs(seconds))),
        _ => made,
    }
}

fn reason(detail: &StatusDetails) -> Option<String> {
    match detail {
        StatusDetails::ErrorInfo(info) => Some(info.reason.clone()),
        _ => None,
    }
}

/// Of a client that could not be made.
pub(crate) fn of_builder(error: google_cloud_gax::client_builder::Error) -> Error {
    let kind = if error.is_default_credentials() { Denied } else { Invalid };
    Error::new(kind, format!("Google's client could not be made: {error}")).with_source(error)
}

/// What an operation that is done came to: all of its causes, if it failed. It changed nothing then.
pub(crate) fn of_operation(method: &str, operation: &Operation) -> Option<Error> {
    let errors = operation.error.as_ref().map(|error| error.errors.as_slice()).unwrap_or_default();
    let status = operation.http_error_status_code.and_then(|status| u16::try_from(status).ok()).filter(|status| *status >= 400);
    if errors.is_empty() && status.is_none() && operation.error.is_none() {
        return None;
    }
    let code = |code: &Option<String>| code.clone().unwrap_or_else(|| "no code".to_owned());
    let mut causes: Vec<String> =
        errors.iter().map(|cause| format!("{}: {}", code(&cause.code), cause.message.as_deref().unwrap_or("no word"))).collect();
    if causes.is_empty() {
        causes.push(format!(
            "HTTP {}: {}",
            status.unwrap_or_default(),
            operation.http_error_message.as_deref().unwrap_or("no word")
        ));
    }
    let kind = errors.iter().find_map(|cause| kind_of_code(cause.code.as_deref()?));
    let kind = kind.or_else(|| status.map(kind_of_status)).unwrap_or(Invalid);
    let what = format!("{method} was accepted, and its operation failed ({})", causes.join("; "));
    Some(Error::new(kind, what).with_applied(Applied::No))
}

/// Why an instance could not be made, or went.
pub(crate) fn trouble(code: &str, message: &str) -> Trouble {
    let image = ["RESOURCE_NOT_FOUND", "INVALID_FIELD_VALUE", "UNSUPPORTED_OPERATION", "CONDITION_NOT_MET"];
    let class = match kind_of_code(code) {
        Some(Capacity) => FailureClass::Capacity,
        Some(Quota) => FailureClass::Quota,
        _ if image.iter().any(|begin| code.starts_with(begin)) && message.contains("/images/") => FailureClass::Image,
        Some(Internal) => FailureClass::Platform,
        _ => FailureClass::Unknown,
    };
    Trouble { class, code: code.into(), message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use google_cloud_compute_v1::model::operation;

    fn refused(status: u16, reason: &str, message: &str) -> ErrorKind {
        kind(status, &[reason.to_owned()], message)
    }

    #[test]
    fn no_reason_and_no_code_stands_twice() {
        for table in [REASONS, CODES] {
            let mut all: Vec<&str> = table.iter().flat_map(|(_, known)| known.iter().copied()).collect();
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), count);
        }
    }

    #[test]
    fn a_403_is_told_apart() {
        assert_eq!(refused(403, "rateLimitExceeded", ""), Throttled);
        assert_eq!(refused(403, "quotaExceeded", "Quota 'INSTANCES' exceeded"), Quota);
        let minute = "Quota exceeded for quota metric 'Heavy-weight mutation requests' and limit '… per minute' of service";
        assert_eq!(refused(403, "quotaExceeded", minute), Throttled);
        assert_eq!(refused(403, "forbidden", ""), Denied);
    }

    #[test]
    fn conflicts_are_of_three_kinds() {
        assert_eq!(refused(409, "alreadyExists", ""), Taken);
        assert_eq!(refused(409, "operationInProgress", ""), Busy);
        assert_eq!(refused(412, "conditionNotMet", ""), Conflict);
        assert_eq!(refused(400, "resourceInUseByAnotherResource", ""), Busy);
        assert_eq!(refused(503, "backendError", ""), Internal);
    }

    #[test]
    fn an_operation_that_failed_tells_all_of_its_causes() {
        let cause = |code: &str| operation::error::Errors::new().set_code(code).set_message("no room");
        let failed =
            operation::Error::new().set_errors([cause("SOMETHING_NEW"), cause("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS")]);
        let error = of_operation("instanceGroupManagers.insert", &Operation::new().set_error(failed)).unwrap();
        assert_eq!((error.kind(), error.applied()), (Capacity, Applied::No));
        assert!(error.to_string().contains("SOMETHING_NEW") && error.to_string().contains("WITH_DETAILS"), "{error}");
        assert!(of_operation("x", &Operation::new()).is_none());
        let bare = Operation::new().set_http_error_status_code(404).set_http_error_message("NOT FOUND");
        assert_eq!(of_operation("x", &bare).unwrap().kind(), NotFound);
    }

    #[test]
    fn what_was_never_sent_did_nothing() {
        let error = of_call("images.get", CallError::connect("refused"));
        assert_eq!((error.kind(), error.applied()), (Unreachable, Applied::No));
        assert_eq!(of_call("images.get", CallError::io("reset")).applied(), Applied::Unknown);
        assert_eq!(of_call("images.get", CallError::timeout("slow")).applied(), Applied::Unknown);
    }
}
