//! Listeners.

use super::super::error::{Result, refused};
use super::super::params::{Params, page};
use super::super::world::balancer::{Listener, Route};
use super::super::world::{Region, Tags};
use super::super::xml::Xml;
use super::actions;

pub(super) fn create(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let balancer = params.required("LoadBalancerArn")?;
    let protocol = params.text("Protocol").unwrap_or_else(|| "HTTP".into());
    let port: u16 = params.number("Port")?.unwrap_or(80);
    let tags = params.tags("Tags")?;
    let action = actions::read(region, &balancer, params, "DefaultActions")?;
    params.finish()?;
    let Some(name) = region.balancers.get(&balancer).map(|found| found.name.clone()) else {
        return Err(super::not_found("LoadBalancer", &format!("Load balancers '[{balancer}]' not found")));
    };
    let action = action.ok_or_else(|| super::invalid("A listener must have a default action"))?;
    // "This operation is idempotent, which means that it completes at most one time": with the same settings it succeeds.
    if let Some(known) = region.listeners.values().find(|known| known.balancer == balancer && known.port == port) {
        if known.protocol == protocol && known.route.said == action {
            return Ok(list(&[known], None));
        }
        return Err(refused(
            "DuplicateListener",
            format!("A listener already exists on this port for this load balancer '{balancer}'"),
        ));
    }
    let unique = region.hex();
    let of = balancer.rsplit('/').next().unwrap_or_default();
    let arn = region.arn("elasticloadbalancing", &format!("listener/app/{name}/{of}/{unique}"));
    let listener =
        Listener { arn: arn.clone(), balancer, port, protocol, route: Route::new(action, region.now), tags: Tags::of(tags) };
    region.listeners.insert(arn, listener.clone());
    Ok(list(&[&listener], None))
}

fn list(found: &[&Listener], next: Option<String>) -> Xml {
    let mut xml = Xml::new();
    xml.members("Listeners", found, |xml, listener| {
        xml.text("ListenerArn", &listener.arn);
        xml.text("LoadBalancerArn", &listener.balancer);
        xml.text("Port", listener.port);
        xml.text("Protocol", &listener.protocol);
        actions::write(xml, "DefaultActions", &listener.route.said);
    });
    xml.maybe("NextMarker", next);
    xml
}

pub(super) fn describe(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let balancer = params.text("LoadBalancerArn");
    let arns = params.list("ListenerArns")?;
    let (size, token) = super::paging(params)?;
    params.finish()?;
    if balancer.is_none() == arns.is_empty() {
        return Err(super::invalid("Either listener ARNs or a load balancer ARN must be specified"));
    }
    if let Some(arn) = balancer.as_ref().filter(|arn| !region.balancers.contains_key(*arn)) {
        return Err(super::not_found("LoadBalancer", &format!("Load balancers '[{arn}]' not found")));
    }
    if let Some(arn) = arns.iter().find(|arn| !region.listeners.contains_key(*arn)) {
        return Err(missing(arn));
    }
    let wanted = |listener: &&Listener| arns.contains(&listener.arn) || balancer.as_ref() == Some(&listener.balancer);
    let found: Vec<_> = region.listeners.values().filter(wanted).collect();
    let (found, next) = page(found, size, token, "ValidationError")?;
    Ok(list(&found, next))
}

pub(super) fn missing(arn: &str) -> super::AwsError {
    super::not_found("Listener", &format!("Listeners '[{arn}]' not found"))
}

/// It returns before the data plane follows: argoproj/argo-rollouts#4595, #3926.
pub(super) fn modify(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let arn = params.required("ListenerArn")?;
    let balancer = region.listeners.get(&arn).map(|listener| listener.balancer.clone()).ok_or_else(|| missing(&arn))?;
    let action = actions::read(region, &balancer, params, "DefaultActions")?;
    let port: Option<u16> = params.number("Port")?;
    let protocol = params.text("Protocol");
    params.finish()?;
    let (now, settle) = (region.now, region.settings.settle);
    let listener = region.listeners.get_mut(&arn).ok_or_else(|| missing(&arn))?;
    if let Some(action) = action {
        listener.route.change(action, now, settle);
    }
    listener.port = port.unwrap_or(listener.port);
    listener.protocol = protocol.unwrap_or_else(|| listener.protocol.clone());
    Ok(list(&[listener], None))
}

pub(super) fn delete(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let arn = params.required("ListenerArn")?;
    params.finish()?;
    region.listeners.remove(&arn).ok_or_else(|| missing(&arn))?;
    region.rules.retain(|_, rule| rule.listener != arn);
    Ok(Xml::new())
}
