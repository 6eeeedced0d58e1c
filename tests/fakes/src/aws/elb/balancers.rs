//! Load balancers.

use super::super::error::{Result, invalid, refused};
use super::super::params::{Params, page};
use super::super::world::balancer::Balancer;
use super::super::world::{Region, Tags, time};
use super::super::xml::Xml;

/// "If you attempt to create a load balancer that already exists … with the same settings, the call succeeds": ELBv2 API, CreateLoadBalancer.
pub(super) fn create(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let name = params.required("Name")?;
    let subnets = params.list("Subnets")?;
    let security_groups = params.list("SecurityGroups")?;
    let scheme = params.text("Scheme").unwrap_or_else(|| "internet-facing".into());
    let kind = params.text("Type").unwrap_or_else(|| "application".into());
    let tags = params.tags("Tags")?;
    params.finish()?;
    if kind != "application" {
        return Err(invalid(format!("Load balancers of the type '{kind}' are not understood here")));
    }
    super::target_groups::check_name(&name, "Load balancer")?;
    if let Some(id) = subnets.iter().find(|id| region.subnet(id).is_none()) {
        return Err(refused("SubnetNotFound", format!("The subnet ID '{id}' does not exist")));
    }
    if subnets.len() < 2 {
        return Err(invalid("At least two subnets in two different Availability Zones must be specified"));
    }
    if let Some(known) = region.balancers.values().find(|balancer| balancer.name == name) {
        let same = known.subnets == subnets && known.scheme == scheme && known.security_groups == security_groups;
        if !same {
            let message = format!("A load balancer with the same name '{name}' exists, but with different settings");
            return Err(refused("DuplicateLoadBalancerName", message));
        }
        return Ok(list(region, &[known], None));
    }
    let unique = region.hex();
    let arn = region.arn("elasticloadbalancing", &format!("loadbalancer/app/{name}/{unique}"));
    let balancer =
        Balancer { arn: arn.clone(), name, scheme, subnets, security_groups, created: region.now, tags: Tags::of(tags) };
    region.balancers.insert(arn, balancer.clone());
    Ok(list(region, &[&balancer], None))
}

fn list(region: &Region, found: &[&Balancer], next: Option<String>) -> Xml {
    let mut xml = Xml::new();
    xml.members("LoadBalancers", found, |xml, balancer| {
        xml.text("LoadBalancerArn", &balancer.arn);
        xml.text("DNSName", format!("{}.{}.elb.amazonaws.com", balancer.name, region.name));
        xml.text("CreatedTime", time(balancer.created));
        xml.text("LoadBalancerName", &balancer.name);
        xml.text("Scheme", &balancer.scheme);
        xml.text("VpcId", &region.vpc);
        xml.node("State", |xml| xml.text("Code", "active"));
        xml.text("Type", "application");
        xml.members("AvailabilityZones", balancer.subnets.iter().filter_map(|id| region.subnet(id)), |xml, subnet| {
            xml.text("ZoneName", &subnet.zone);
            xml.text("SubnetId", &subnet.id);
        });
        xml.texts("SecurityGroups", &balancer.security_groups);
        xml.text("IpAddressType", "ipv4");
    });
    xml.maybe("NextMarker", next);
    xml
}

pub(super) fn describe(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let arns = params.list("LoadBalancerArns")?;
    let names = params.list("Names")?;
    let (size, token) = super::paging(params)?;
    params.finish()?;
    if let Some(arn) = arns.iter().find(|arn| !region.balancers.contains_key(*arn)) {
        return Err(super::not_found("LoadBalancer", &format!("Load balancers '[{arn}]' not found")));
    }
    if let Some(name) = names.iter().find(|name| !region.balancers.values().any(|balancer| balancer.name == **name)) {
        return Err(super::not_found("LoadBalancer", &format!("Load balancers '[{name}]' not found")));
    }
    let all = arns.is_empty() && names.is_empty();
    let found: Vec<_> = region
        .balancers
        .values()
        .filter(|balancer| all || arns.contains(&balancer.arn) || names.contains(&balancer.name))
        .collect();
    let (found, next) = page(found, size, token, "ValidationError")?;
    Ok(list(region, &found, next))
}

/// "If the load balancer does not exist or has already been deleted, the call succeeds." Its listeners and rules go with it.
pub(super) fn delete(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let arn = params.required("LoadBalancerArn")?;
    params.finish()?;
    region.balancers.remove(&arn);
    region.listeners.retain(|_, listener| listener.balancer != arn);
    let listeners: Vec<_> = region.listeners.keys().cloned().collect();
    region.rules.retain(|_, rule| listeners.contains(&rule.listener));
    Ok(Xml::new())
}
