//! From a request to an outcome: what goes wrong, who may, which service's action, and in which envelope the answer goes.

use std::time::Duration;

use super::calls::{Call, Ended};
use super::error::{AwsError, refused};
use super::params::Params;
use super::request::{Answer, Asked, Body, Input, Outcome, Reply, Request, Service};
use super::world::{World, millis};
use super::xml::Xml;
use super::{access, autoscaling, cloudwatch, ec2, elb, ssm, sts};
use crate::fault::Fault;

pub(crate) fn answer(world: &mut World, region: &str, request: &Request) -> Outcome {
    world.requests += 1;
    let request_id = format!("{:08x}-0000-4000-8000-{:012x}", world.requests, world.requests);
    let region = request.signed_region().unwrap_or(region).to_owned();
    let asked = match request.understand() {
        Ok(asked) => asked,
        Err((service, error)) => return Outcome::Reply(error.reply(service, &request_id)),
    };
    let service = asked.service;
    let form = match &asked.input {
        Input::Form(form) => form.clone(),
        Input::Tree(_) => Default::default(),
    };
    let fault = world.faults.draw(&asked.action, world.now);
    let action = asked.action.clone();
    let (outcome, ended) = match fault {
        Some(Fault::Refused) => (Outcome::Refused, Ended::Lost),
        Some(Fault::LateEffect { after }) => {
            world.late.insert((world.now.saturating_add(millis(after)), world.requests), (region.clone(), request.clone()));
            (Outcome::Reset, Ended::Later)
        }
        Some(Fault::Throttled) => failed(AwsError::throttled(service), service, &request_id),
        Some(Fault::ServerErrorBefore(status)) => failed(AwsError::internal(service, status), service, &request_id),
        Some(Fault::Error { code, status }) => {
            let error = AwsError { message: format!("{code} (as the script of faults wants it)"), code, status };
            failed(error, service, &request_id)
        }
        after => {
            let result = access::permitted(world, &region, &asked, request).and_then(|()| perform(world, &region, asked));
            match (after, result) {
                (Some(Fault::ServerErrorAfter(status)), result) => {
                    let ended = result.err().map_or(Ended::Mistold, |error| Ended::Unheard(Some(error.code)));
                    (Outcome::Reply(AwsError::internal(service, status).reply(service, &request_id)), ended)
                }
                (Some(Fault::LostReply), result) => (Outcome::Reset, Ended::Unheard(result.err().map(|error| error.code))),
                (Some(Fault::SilentReply), result) => (Outcome::Silent, Ended::Unheard(result.err().map(|error| error.code))),
                (Some(Fault::SlowReply { takes }), Ok(body)) => {
                    let reply = Reply { takes, ..envelope(service, &action, body, &request_id) };
                    (Outcome::Reply(reply), Ended::Done)
                }
                (_, Ok(body)) => (Outcome::Reply(envelope(service, &action, body, &request_id)), Ended::Done),
                (_, Err(error)) => failed(error, service, &request_id),
            }
        }
    };
    world.calls.push(Call { at: world.now, service, action, region, form, ended });
    outcome
}

fn failed(error: AwsError, service: Service, request_id: &str) -> (Outcome, Ended) {
    (Outcome::Reply(error.reply(service, request_id)), Ended::Failed(error.code))
}

/// A request that took its time. Nobody is there any more to hear how it ends.
pub(crate) fn arrive_late(world: &mut World, region: &str, request: &Request) {
    let Ok(asked) = request.understand() else { return };
    let (service, action) = (asked.service, asked.action.clone());
    let form = match &asked.input {
        Input::Form(form) => form.clone(),
        Input::Tree(_) => Default::default(),
    };
    let result = access::permitted(world, region, &asked, request).and_then(|()| perform(world, region, asked));
    let ended = Ended::Unheard(result.err().map(|error| error.code));
    world.calls.push(Call { at: world.now, service, action, region: region.into(), form, ended });
}

fn perform(world: &mut World, region: &str, asked: Asked) -> Answer {
    // The one action that looks into another region.
    if let (Service::Ec2, "CopyImage", Input::Form(form)) = (asked.service, asked.action.as_str(), &asked.input) {
        let source = form.get("SourceRegion").and_then(|from| world.regions.get(from));
        let source = source.and_then(|from| from.images.get(form.get("SourceImageId")?)).cloned();
        return ec2::copies::copy(world.region(region), Params::new(form.clone()), source);
    }
    let region = world.region(region);
    let known = match (asked.service, asked.input) {
        (Service::Ec2, Input::Form(form)) => ec2::perform(region, &asked.action, Params::new(form)),
        (Service::AutoScaling, Input::Form(form)) => autoscaling::perform(region, &asked.action, Params::new(form)),
        (Service::Elb, Input::Form(form)) => elb::perform(region, &asked.action, Params::new(form)),
        (Service::Sts, Input::Form(form)) => sts::perform(region, &asked.action, Params::new(form)),
        (Service::Ssm, Input::Tree(body)) => ssm::perform(region, &asked.action, &body),
        (Service::CloudWatch, Input::Tree(body)) => cloudwatch::perform(region, &asked.action, &body),
        _ => None,
    };
    known.unwrap_or_else(|| {
        let message = format!("The action {} is not valid for this web service.", asked.action);
        Err(refused("InvalidAction", message))
    })
}

fn envelope(service: Service, action: &str, body: Body, request_id: &str) -> Reply {
    let mut headers = vec![("x-amzn-requestid".to_owned(), request_id.to_owned())];
    let mut kind = |value: &str| headers.push(("content-type".into(), value.into()));
    let body = match body {
        Body::Xml(inside) => {
            let mut xml = Xml::document();
            xml.node_with(&format!("{action}Response"), service.namespace(), |xml| {
                if service == Service::Ec2 {
                    xml.text("requestId", request_id);
                    xml.append(&inside);
                } else {
                    xml.node(&format!("{action}Result"), |xml| xml.append(&inside));
                    xml.node("ResponseMetadata", |xml| xml.text("RequestId", request_id));
                }
            });
            kind("text/xml;charset=UTF-8");
            xml.into_bytes()
        }
        Body::Json(value) => {
            kind("application/x-amz-json-1.1");
            value.to_string().into_bytes()
        }
        Body::Cbor(value) => {
            kind("application/cbor");
            headers.push(("smithy-protocol".into(), "rpc-v2-cbor".into()));
            cloudwatch::write(&value)
        }
    };
    Reply { status: 200, headers, body, takes: Duration::ZERO }
}
