//! What Amazon's errors mean: of which kind, whether the call may have taken effect, and whether to try again.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use immutable_core::id::NativeRef;
use immutable_core::{Applied, Error, ErrorKind};
use std::fmt::Write as _;

use ErrorKind::{
    Busy, Capacity, Denied, Internal, Invalid, NotFound, NotYetVisible, Quota, Taken, Throttled, TokenMismatch, TokenSpent,
};

/// Codes whose meaning does not follow from their form, by kind. A code that ends in `*` is a beginning. Sources: "Error codes for the Amazon EC2 API", and the "Errors"
/// of each action in the references of EC2, Auto Scaling and Elastic Load Balancing.
const CODES: &[(ErrorKind, &[&str])] = &[
    (
        Throttled,
        &[
            "RequestLimitExceeded",
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "EC2ThrottledException",
            "TooManyRequestsException",
        ],
    ),
    (
        Capacity,
        &[
            "InsufficientInstanceCapacity",
            "InsufficientHostCapacity",
            "InsufficientReservedInstanceCapacity",
            "InsufficientCapacityOnHost",
            "ReservationCapacityExceeded",
            "UnfulfillableCapacity",
            "InsufficientFreeAddressesInSubnet",
            "SpotMaxPriceTooLow",
        ],
    ),
    (
        Quota,
        &[
            "MaxSpotInstanceCountExceeded",
            "MaxFleetCountExceeded",
            "TooManyTargets",
            "TooManyTargetGroups",
            "TooManyUniqueTargetGroupsPerLoadBalancer",
        ],
    ),
    (
        Taken,
        &[
            "AlreadyExists",
            "AlreadyExistsFault",
            "InvalidLaunchTemplateName.AlreadyExistsException",
            "InvalidAMIName.Duplicate",
            "DuplicateTargetGroupName",
        ],
    ),
    (TokenMismatch, &["IdempotentParameterMismatch"]),
    (TokenSpent, &["IdempotentInstanceTerminated"]),
    (
        Busy,
        &[
            "ScalingActivityInProgress",
            "ResourceInUse",
            "ResourceContention",
            "IncorrectInstanceState",
            "DependencyViolation",
            "IncorrectState",
            "InvalidSnapshot.InUse",
        ],
    ),
    (
        Denied,
        &[
            "UnauthorizedOperation",
            "AuthFailure",
            "AccessDenied",
            "AccessDeniedException",
            "OptInRequired",
            "OperationNotPermitted",
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "MissingAuthenticationToken",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "InvalidSignatureException",
            "ExpiredToken",
            "ExpiredTokenException",
            "RequestExpired",
            "RequestTimeTooSkewed",
        ],
    ),
    (
        NotFound,
        &[
            "InvalidInstanceID.NotFound",
            "InvalidAMIID.NotFound",
            "InvalidAMIID.Unavailable",
            "InvalidLaunchTemplateId.NotFound*",
            "InvalidLaunchTemplateName.NotFound*",
            "InvalidSubnetID.NotFound",
            "InvalidGroup.NotFound",
            "TargetGroupNotFound",
            "InvalidTarget",
            "ListenerNotFound",
            "RuleNotFound",
            "LoadBalancerNotFound",
            "ParameterNotFound",
            "ParameterVersionNotFound",
            "ParameterVersionLabelNotFound",
            "InvalidSnapshot.NotFound",
        ],
    ),
    (
        Internal,
        &[
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "Unavailable",
            "ServiceUnavailable",
            "ServiceUnavailableException",
        ],
    ),
];

/// What a code means; one of no form that is known is a request that can never work.
fn kind(code: &str, message: &str, status: u16) -> ErrorKind {
    let means = |known: &str| known.strip_suffix('*').map_or(known == code, |begin| code.starts_with(begin));
    match CODES.iter().find(|(_, codes)| codes.iter().any(|known| means(known))) {
        Some((kind, _)) => *kind,
        // Auto Scaling has one code for what is wrong with a request: its words tell.
        None if code == "ValidationError" && invisible(message) => NotYetVisible,
        None if code == "ValidationError"
            && ["not found", "not part of the group"].iter().any(|words| message.contains(words)) =>
        {
            NotFound
        }
        // `InstanceLimitExceeded`, `VcpuLimitExceeded`, `VolumeLimitExceeded` and their like.
        None if code.ends_with("LimitExceeded") => Quota,
        // `Unsupported`: another zone may have that type.
        None if message.contains("not supported in your requested Availability Zone") => Capacity,
        None if status >= 500 => Internal,
        None => Invalid,
    }
}

/// What was just made is not known everywhere at once: these words are said of templates and profiles that are there. Of an image in a template the same is said in
/// earnest.
fn invisible(message: &str) -> bool {
    let of_template = message.split_once("valid fully-formed launch template").is_some_and(|(_, what)| {
        what.contains("does not exist")
            && ["launch template", "template ID", "template name"].iter().any(|one| what.contains(one))
    });
    of_template || message.contains("Invalid IAM Instance Profile")
}

/// The permission that is lacking, which need not be the action that was called: to launch with tags is to tag, too.
fn lacking<'a>(message: &'a str, action: &'a str) -> &'a str {
    let named = message.split_once("not authorized to perform: ").and_then(|(_, rest)| rest.split_whitespace().next());
    named.map_or(action, |named| named.trim_end_matches(['.', ',']))
}

/// What the caller can do about it.
fn advice(code: &str, message: &str, action: &str) -> Option<String> {
    Some(match code {
        // EC2 Auto Scaling User Guide, "Control Amazon EC2 launch template usage in Auto Scaling groups": which of them it is, is not said.
        "UnauthorizedOperation" | "AccessDenied" if message.contains("not authorized to use launch template") => {
            "the credentials may not call ec2:RunInstances with this template, or ec2:CreateTags, or iam:PassRole for its instance profile; allow it in their policy"
                .to_owned()
        }
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => {
            format!("the credentials may not call {}; allow it in their policy", lacking(message, action))
        }
        "ExpiredToken" | "ExpiredTokenException" => "the credentials have expired; sign in again".to_owned(),
        // "Error codes for the Amazon EC2 API": it is said of temporary credentials whose time is over, too.
        "RequestExpired" => format!("the credentials have expired, and are to be renewed (sign in again); or {CLOCK}"),
        "RequestTimeTooSkewed" => CLOCK.to_owned(),
        "AuthFailure" if message.contains("Not authorized for images") => {
            "the image is not shared with this account; have its owner share it, or copy it".to_owned()
        }
        "AuthFailure" | "InvalidClientTokenId" | "UnrecognizedClientException" | "MissingAuthenticationToken" => {
            "the credentials are not valid here; check which account and region they are of, and this machine's clock".to_owned()
        }
        "OptInRequired" => "the account has not opted into this region, or this service".to_owned(),
        "OperationNotPermitted" => "it is protected; lift the protection first".to_owned(),
        _ => return None,
    })
}

const CLOCK: &str = "the request was signed with a time that Amazon does not accept; set this machine's clock";

/// Of what went wrong with a call of an action, as in `ec2:RunInstances`.
pub(crate) fn error<E>(action: &'static str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let service = |failed: &aws_smithy_runtime_api::client::result::ServiceError<E, HttpResponse>| {
        let (code, message) = (failed.err().code().unwrap_or_default(), failed.err().message().unwrap_or_default());
        answered(action, code, message, failed.raw().status().as_u16())
    };
    match &error {
        SdkError::ServiceError(failed) => service(failed).with_source(error.into_source().unwrap_or_else(|error| error.into())),
        SdkError::ConstructionFailure(_) => Error::invalid(format!("{action} could not be made")).with_source(error),
        SdkError::TimeoutError(_) => {
            Error::new(ErrorKind::Unreachable, format!("{action} was not answered in time")).with_source(error)
        }
        SdkError::DispatchFailure(failed) => {
            let chain = chain(&error);
            // What has no credentials was never sent.
            if failed.is_other() && (chain.contains("credential") || chain.contains("identity")) {
                let what = format!("{action} was not sent, for want of credentials; set them as the AWS command line has them");
                return Error::new(Denied, what).with_source(error);
            }
            Error::new(ErrorKind::Unreachable, format!("{action} was not answered")).with_source(error)
        }
        _ => Error::new(Internal, format!("{action} was answered, and the answer could not be read")).with_source(error),
    }
}

/// Of an error that a service answered.
fn answered(action: &'static str, code: &str, message: &str, status: u16) -> Error {
    let kind = kind(code, message, status);
    let mut text = match advice(code, message, action) {
        Some(advice) => format!("{action} was refused: {advice}"),
        // Auto Scaling and Elastic Load Balancing say of a clock that is off that the signature is.
        None if code.starts_with("Signature") || code == "InvalidSignatureException" => {
            match message.contains("expired") || message.contains("not yet current") {
                true => format!("{action} was refused: {CLOCK}"),
                false => format!("{action} was refused: the credentials' secret is not the one that goes with their id"),
            }
        }
        None => format!("{action} failed"),
    };
    let _ = match (code, message) {
        ("", "") => write!(text, " (HTTP {status})"),
        (code, "") => write!(text, " ({code})"),
        (code, message) => write!(text, " ({code}: {message})"),
    };
    // A refusal with a name was decided before anything was done. A server that failed may have failed at any moment.
    let applied = if kind == Internal { Applied::Unknown } else { Applied::No };
    Error::new(kind, text).with_applied(applied)
}

/// Of what others made nothing is taken over.
pub(crate) fn not_ours(native: &NativeRef) -> Error {
    Error::invalid(format!("{native} was not made by this library, and cannot be taken over; let a new generation replace it"))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_stands_twice() {
        let mut all: Vec<&str> = CODES.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn only_a_server_that_failed_leaves_it_open_what_was_done() {
        let of = |code, status| answered("ec2:RunInstances", code, "", status);
        assert_eq!(of("RequestLimitExceeded", 503).applied(), Applied::No, "a throttle is 503 too");
        assert_eq!(of("RequestLimitExceeded", 503).kind(), Throttled);
        assert_eq!((of("InternalError", 500).applied(), of("", 502).applied()), (Applied::Unknown, Applied::Unknown));
        assert_eq!((of("", 502).kind(), of("Nonsense", 400).kind()), (Internal, Invalid));
        assert_eq!(of("InvalidLaunchTemplateId.NotFoundException", 400).kind(), NotFound);
    }

    #[test]
    fn the_words_of_a_validation_error_tell_its_kind() {
        let of = |message| answered("autoscaling:X", "ValidationError", message, 400).kind();
        assert_eq!(of("AutoScalingGroup name not found - no such group: web-0001-0"), NotFound);
        assert_eq!(of("You must use a valid fully-formed launch template. The launch template ID does not exist"), NotYetVisible);
        assert_eq!(of("DesiredCapacity must be at most MaxSize"), Invalid);
        let earnest = "You must use a valid fully-formed launch template. The image id '[ami-1]' does not exist";
        assert_eq!(of(earnest), Invalid, "an image does not appear by waiting");
    }

    #[test]
    fn what_the_caller_can_mend_is_said() {
        let text = |code, message| answered("ec2:RunInstances", code, message, 400).to_string();
        assert!(text("UnauthorizedOperation", "no").contains("may not call ec2:RunInstances; allow it"));
        let tags = "User: ann is not authorized to perform: ec2:CreateTags on resource: *";
        assert!(text("UnauthorizedOperation", tags).contains("may not call ec2:CreateTags; allow it"));
        assert!(text("AuthFailure", "Not authorized for images: [ami-1]").contains("not shared with this account"));
        assert!(text("ExpiredToken", "").contains("credentials have expired"));
        assert!(text("RequestExpired", "").contains("clock"));
        assert!(text("SignatureDoesNotMatch", "Signature expired: 2026 is now earlier than 2027").contains("clock"));
        assert!(text("SignatureDoesNotMatch", "does not match").contains("secret"));
    }
}
