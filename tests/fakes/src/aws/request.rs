//! Which service a request is meant for, and what it asks.

use std::collections::BTreeMap;

pub use crate::wire::{Outcome, Reply, Request};

use super::error::{AwsError, Result, refused};

impl Request {
    /// A request of the query protocol, from its form: `Action=DescribeInstances&InstanceId.1=i-0`. The service's `Version` is added.
    pub fn form(service: Service, form: &str) -> Self {
        let version = service.version();
        Self {
            method: "POST".into(),
            uri: "/".into(),
            headers: Vec::new(),
            body: format!("{form}&Version={version}").into_bytes(),
        }
    }

    /// A request to SSM, whose body is JSON.
    pub fn ssm(action: &str, body: &serde_json::Value) -> Self {
        let headers = vec![("x-amz-target".into(), format!("AmazonSSM.{action}"))];
        Self { method: "POST".into(), uri: "/".into(), headers, body: body.to_string().into_bytes() }
    }

    /// The region that a request was signed for: `Credential=AKID/20261121/eu-west-1/ec2/aws4_request`.
    pub(crate) fn signed_region(&self) -> Option<&str> {
        self.header("authorization")?.split("Credential=").nth(1)?.split('/').nth(2)
    }

    /// When it says that it was signed: `20261121T093000Z`.
    pub(crate) fn signed_at(&self) -> Option<u64> {
        let stamp = self.header("x-amz-date")?;
        let part = |from: usize, to: usize| stamp.get(from..to);
        let text =
            format!("{}-{}-{}T{}:{}:{}Z", part(0, 4)?, part(4, 6)?, part(6, 8)?, part(9, 11)?, part(11, 13)?, part(13, 15)?);
        let time: immutable_core::time::Timestamp = text.parse().ok()?;
        u64::try_from(time.as_millis()).ok()
    }

    pub(crate) fn understand(&self) -> std::result::Result<Asked, (Service, AwsError)> {
        if let Some(action) = self.header("x-amz-target") {
            // Another service's keeps its prefix, and is not known by it.
            let action = action.strip_prefix("AmazonSSM.").unwrap_or(action).to_owned();
            let body = serde_json::from_slice(&self.body)
                .map_err(|error| (Service::Ssm, refused("SerializationException", error.to_string())))?;
            return Ok(Asked { service: Service::Ssm, action, input: Input::Tree(body) });
        }
        if let Some(action) = self.path().strip_prefix("/service/GraniteServiceVersion20100801/operation/") {
            let body = super::cloudwatch::read(&self.body)
                .map_err(|error| (Service::CloudWatch, refused("SerializationException", error)))?;
            return Ok(Asked { service: Service::CloudWatch, action: action.to_owned(), input: Input::Tree(body) });
        }
        let mut form: BTreeMap<String, String> = form_urlencoded::parse(&self.body).into_owned().collect();
        let version = form.remove("Version").unwrap_or_default();
        let Some(service) = Service::QUERY.into_iter().find(|service| service.version() == version) else {
            return Err((Service::Ec2, refused("NoSuchVersion", format!("The requested version ({version}) is not valid."))));
        };
        match form.remove("Action") {
            Some(action) => Ok(Asked { service, action, input: Input::Form(form) }),
            None => Err((service, refused("MissingAction", "The request must contain the parameter Action".into()))),
        }
    }
}

/// A request that was understood.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) service: Service,
    pub(crate) action: String,
    pub(crate) input: Input,
}

/// A form, or what JSON and CBOR carry.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Form(BTreeMap<String, String>),
    Tree(serde_json::Value),
}

/// A service of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// EC2: the `ec2` protocol, near to `query`.
    Ec2,
    /// Auto Scaling.
    AutoScaling,
    /// Elastic Load Balancing v2.
    Elb,
    /// Security Token Service.
    Sts,
    /// Systems Manager: JSON.
    Ssm,
    /// CloudWatch: CBOR.
    CloudWatch,
}

impl Service {
    const QUERY: [Self; 4] = [Self::Ec2, Self::AutoScaling, Self::Elb, Self::Sts];

    /// What its actions are prefixed with in a policy: `ec2:RunInstances`.
    pub fn policy_prefix(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::AutoScaling => "autoscaling",
            Self::Elb => "elasticloadbalancing",
            Self::Sts => "sts",
            Self::Ssm => "ssm",
            Self::CloudWatch => "cloudwatch",
        }
    }

    /// The version of its API; empty where none is sent.
    pub fn version(self) -> &'static str {
        match self {
            Self::Ec2 => "2016-11-15",
            Self::AutoScaling => "2011-01-01",
            Self::Elb => "2015-12-01",
            Self::Sts => "2011-06-15",
            Self::Ssm | Self::CloudWatch => "",
        }
    }

    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
            Self::AutoScaling => "http://autoscaling.amazonaws.com/doc/2011-01-01/",
            Self::Elb => "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::Ssm | Self::CloudWatch => "",
        }
    }
}

/// What a handler answers with, before it is put in its service's envelope.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Xml(super::xml::Xml),
    Json(serde_json::Value),
    Cbor(ciborium::Value),
}

pub(crate) type Answer = Result<Body>;
