//! What a service refuses with, and how each writes it down.

use std::time::Duration;

use super::request::{Reply, Service};
use super::xml::Xml;

/// A service's error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AwsError {
    pub(crate) code: String,
    pub(crate) status: u16,
    pub(crate) message: String,
}

pub(crate) type Result<T> = std::result::Result<T, AwsError>;

/// The client's fault, HTTP 400.
pub(crate) fn refused(code: &str, message: String) -> AwsError {
    AwsError { code: code.into(), status: 400, message }
}

/// Auto Scaling's and ELB's word for a bad parameter.
pub(crate) fn invalid(message: impl Into<String>) -> AwsError {
    refused("ValidationError", message.into())
}

/// The same with another HTTP status.
pub(crate) fn with_status(status: u16, code: &str, message: String) -> AwsError {
    AwsError { code: code.into(), status, message }
}

impl AwsError {
    /// Codes of throttling differ: "Query API request rate" (EC2), "Common errors" (Auto Scaling, ELB, STS), SSM and CloudWatch.
    pub(crate) fn throttled(service: Service) -> Self {
        match service {
            Service::Ec2 => with_status(503, "RequestLimitExceeded", "Request limit exceeded.".into()),
            Service::AutoScaling | Service::Elb | Service::Sts | Service::CloudWatch => {
                refused("Throttling", "Rate exceeded".into())
            }
            Service::Ssm => refused("ThrottlingException", "Rate exceeded".into()),
        }
    }

    pub(crate) fn internal(service: Service, status: u16) -> Self {
        let code = match (service, status) {
            (Service::Ec2, 503) => "Unavailable",
            (Service::Ec2, _) => "InternalError",
            (Service::Ssm, _) => "InternalServerError",
            (_, 503) => "ServiceUnavailable",
            _ => "InternalFailure",
        };
        with_status(status, code, "An internal error has occurred".into())
    }

    /// "You are not authorized": EC2 API "Common client errors", IAM guide "Troubleshoot access denied error messages".
    pub(crate) fn denied(service: Service, account: &str, name: &str) -> Self {
        let why = format!(
            "User: arn:aws:iam::{account}:user/deployer is not authorized to perform: {name} on resource: * because no identity-based policy allows \
             the {name} action"
        );
        match service {
            Service::Ec2 => {
                with_status(403, "UnauthorizedOperation", format!("You are not authorized to perform this operation. {why}"))
            }
            Service::Ssm => refused("AccessDeniedException", why),
            _ => with_status(403, "AccessDenied", why),
        }
    }

    /// Temporary credentials whose time is over: "Common errors" of each API.
    pub(crate) fn expired(service: Service) -> Self {
        match service {
            Service::Ec2 => refused("RequestExpired", "Request has expired.".into()),
            Service::Ssm => refused("ExpiredTokenException", "The security token included in the request is expired".into()),
            _ => with_status(403, "ExpiredToken", "The security token included in the request is expired".into()),
        }
    }

    /// A signature whose date is off: IAM guide, "Troubleshoot AWS Signature Version 4".
    pub(crate) fn skewed(service: Service, signed: &str, now: &str) -> Self {
        match service {
            Service::Ec2 => refused("RequestExpired", "Request has expired.".into()),
            Service::Ssm => refused(
                "InvalidSignatureException",
                format!("Signature expired: {signed} is now earlier than {now} ({now} - 5 min.)"),
            ),
            _ => with_status(
                403,
                "SignatureDoesNotMatch",
                format!("Signature expired: {signed} is now earlier than {now} ({now} - 5 min.)"),
            ),
        }
    }

    pub(crate) fn reply(&self, service: Service, request_id: &str) -> Reply {
        let mut headers = vec![("x-amzn-requestid".to_owned(), request_id.to_owned())];
        let body = match service {
            Service::Ec2 => {
                let mut xml = Xml::document();
                xml.node("Response", |xml| {
                    xml.node("Errors", |xml| {
                        xml.node("Error", |xml| {
                            xml.text("Code", &self.code);
                            xml.text("Message", &self.message);
                        });
                    });
                    xml.text("RequestID", request_id);
                });
                headers.push(("content-type".into(), "text/xml;charset=UTF-8".into()));
                xml.into_bytes()
            }
            Service::AutoScaling | Service::Elb | Service::Sts => {
                let mut xml = Xml::document();
                xml.node_with("ErrorResponse", service.namespace(), |xml| {
                    xml.node("Error", |xml| {
                        xml.text("Type", if self.status < 500 { "Sender" } else { "Receiver" });
                        xml.text("Code", &self.code);
                        xml.text("Message", &self.message);
                    });
                    xml.text("RequestId", request_id);
                });
                headers.push(("content-type".into(), "text/xml".into()));
                xml.into_bytes()
            }
            Service::Ssm => {
                headers.push(("content-type".into(), "application/x-amz-json-1.1".into()));
                serde_json::json!({ "__type": self.code, "message": self.message }).to_string().into_bytes()
            }
            Service::CloudWatch => {
                headers.push(("content-type".into(), "application/cbor".into()));
                headers.push(("smithy-protocol".into(), "rpc-v2-cbor".into()));
                // Clients of the older query protocol knew shorter codes; the newer ones are told them here (Smithy, "awsQueryCompatible").
                let fault = if self.status < 500 { "Sender" } else { "Receiver" };
                headers.push(("x-amzn-query-error".into(), format!("{};{fault}", self.code)));
                super::cloudwatch::write(&super::cloudwatch::map([
                    ("__type", self.code.as_str().into()),
                    ("message", self.message.as_str().into()),
                ]))
            }
        };
        Reply { status: self.status, headers, body, takes: Duration::ZERO }
    }
}
