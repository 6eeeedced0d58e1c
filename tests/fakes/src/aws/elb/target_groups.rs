//! Target groups and their attributes.

use std::collections::BTreeMap;

use super::super::error::{Result, refused};
use super::super::params::{Params, page};
use super::super::world::balancer::TargetGroup;
use super::super::world::{Region, Tags};
use super::super::xml::Xml;

/// What a target group may be made with, and what it has otherwise: ELBv2 API, CreateTargetGroup, for instances behind HTTP.
const MADE_WITH: [(&str, &str); 11] = [
    ("Protocol", "HTTP"),
    ("ProtocolVersion", "HTTP1"),
    ("Port", "80"),
    ("HealthCheckProtocol", "HTTP"),
    ("HealthCheckPort", "traffic-port"),
    ("HealthCheckEnabled", "true"),
    ("HealthCheckPath", "/"),
    ("HealthCheckIntervalSeconds", "30"),
    ("HealthCheckTimeoutSeconds", "5"),
    ("HealthyThresholdCount", "5"),
    ("UnhealthyThresholdCount", "2"),
];

/// ELBv2 API, TargetGroupAttribute.
const ATTRIBUTES: [(&str, &str); 8] = [
    ("deregistration_delay.timeout_seconds", "300"),
    ("stickiness.enabled", "false"),
    ("stickiness.type", "lb_cookie"),
    ("stickiness.lb_cookie.duration_seconds", "86400"),
    ("slow_start.duration_seconds", "0"),
    ("load_balancing.algorithm.type", "round_robin"),
    ("load_balancing.cross_zone.enabled", "use_load_balancer_configuration"),
    ("target_group_health.dns_failover.minimum_healthy_targets.count", "1"),
];

/// "At most 32 characters, only alphanumeric characters or hyphens, not at its beginning or end."
pub(super) fn check_name(name: &str, of: &str) -> Result<()> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if name.len() > 32 || !plain || name.starts_with('-') || name.ends_with('-') {
        return Err(super::invalid(format!(
            "{of} name '{name}' must have at most 32 characters, only alphanumeric characters or hyphens, and no hyphen at an end"
        )));
    }
    Ok(())
}

/// "This operation is idempotent": with the same settings the one that is there is shown, with others the name is a duplicate.
pub(super) fn create(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let name = params.required("Name")?;
    let mut made = BTreeMap::new();
    for (field, default) in MADE_WITH {
        made.insert(field.to_owned(), params.text(field).unwrap_or_else(|| default.into()));
    }
    made.insert("TargetType".into(), params.text("TargetType").unwrap_or_else(|| "instance".into()));
    made.insert("VpcId".into(), params.text("VpcId").unwrap_or_else(|| region.vpc.clone()));
    let mut matcher = params.below("Matcher");
    made.insert("Matcher".into(), matcher.text("HttpCode").unwrap_or_else(|| "200".into()));
    matcher.finish()?;
    let tags = params.tags("Tags")?;
    params.finish()?;
    check_name(&name, "Target group")?;
    if made.get("TargetType").is_some_and(|kind| kind != "instance") {
        return Err(super::invalid("Targets other than instances are not understood here"));
    }
    if made.get("VpcId") != Some(&region.vpc) {
        return Err(super::invalid("The VPC ID is not found"));
    }
    if let Some(known) = region.target_groups.values().find(|group| group.name == name) {
        if known.made != made {
            let message = format!("A target group with the same name '{name}' exists, but with different settings");
            return Err(refused("DuplicateTargetGroupName", message));
        }
        return Ok(list(region, &[known], None));
    }
    let unique = region.hex();
    let arn = region.arn("elasticloadbalancing", &format!("targetgroup/{name}/{unique}"));
    let group = TargetGroup {
        arn: arn.clone(),
        name,
        made,
        attributes: ATTRIBUTES.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        targets: BTreeMap::new(),
        used_since: None,
        tags: Tags::of(tags),
    };
    let answer = list(region, &[&group], None);
    region.target_groups.insert(arn, group);
    Ok(answer)
}

fn list(region: &Region, found: &[&TargetGroup], next: Option<String>) -> Xml {
    let mut xml = Xml::new();
    xml.members("TargetGroups", found, |xml, group| {
        xml.text("TargetGroupArn", &group.arn);
        xml.text("TargetGroupName", &group.name);
        for (field, value) in &group.made {
            match field.as_str() {
                "Matcher" => xml.node("Matcher", |xml| xml.text("HttpCode", value)),
                _ => xml.text(field, value),
            }
        }
        xml.texts("LoadBalancerArns", region.users_of(&group.arn));
        xml.text("IpAddressType", "ipv4");
    });
    xml.maybe("NextMarker", next);
    xml
}

pub(super) fn missing(arn: &str) -> super::AwsError {
    super::not_found("TargetGroup", &format!("Target groups '[{arn}]' not found"))
}

pub(super) fn describe(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let balancer = params.text("LoadBalancerArn");
    let arns = params.list("TargetGroupArns")?;
    let names = params.list("Names")?;
    let (size, token) = super::paging(params)?;
    params.finish()?;
    if let Some(arn) = arns.iter().find(|arn| !region.target_groups.contains_key(*arn)) {
        return Err(missing(arn));
    }
    if let Some(name) = names.iter().find(|name| !region.target_groups.values().any(|group| group.name == **name)) {
        return Err(missing(name));
    }
    if let Some(arn) = balancer.as_ref().filter(|arn| !region.balancers.contains_key(*arn)) {
        return Err(super::not_found("LoadBalancer", &format!("Load balancers '[{arn}]' not found")));
    }
    let all = arns.is_empty() && names.is_empty();
    let wanted = |group: &&TargetGroup| {
        (all || arns.contains(&group.arn) || names.contains(&group.name))
            && balancer.as_ref().is_none_or(|balancer| region.users_of(&group.arn).contains(balancer))
    };
    let found: Vec<_> = region.target_groups.values().filter(wanted).collect();
    let (found, next) = page(found, size, token, "ValidationError")?;
    Ok(list(region, &found, next))
}

fn write_attributes(group: &TargetGroup) -> Xml {
    let mut xml = Xml::new();
    xml.members("Attributes", &group.attributes, |xml, (key, value)| {
        xml.text("Key", key);
        xml.text("Value", value);
    });
    xml
}

pub(super) fn attributes(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let arn = params.required("TargetGroupArn")?;
    params.finish()?;
    region.target_groups.get(&arn).map(write_attributes).ok_or_else(|| missing(&arn))
}

pub(super) fn modify_attributes(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let arn = params.required("TargetGroupArn")?;
    let attributes = params.tags("Attributes")?;
    params.finish()?;
    let group = region.target_groups.get_mut(&arn).ok_or_else(|| missing(&arn))?;
    for (key, value) in &attributes {
        if !group.attributes.contains_key(key) {
            return Err(super::invalid(format!("Target group attribute key '{key}' is not recognized")));
        }
        // "The range is 0-3600 seconds."
        let seconds: Option<u64> = value.parse().ok();
        if key == "deregistration_delay.timeout_seconds" && seconds.is_none_or(|seconds| seconds > 3600) {
            return Err(super::invalid(format!("'{value}' is not between 0 and 3600 seconds")));
        }
    }
    group.attributes.extend(attributes);
    Ok(write_attributes(group))
}

/// "You can delete a target group if it is not referenced by any actions": ResourceInUse otherwise.
pub(super) fn delete(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let arn = params.required("TargetGroupArn")?;
    params.finish()?;
    if !region.users_of(&arn).is_empty() {
        return Err(refused("ResourceInUse", format!("Target group '{arn}' is currently in use by a listener or a rule")));
    }
    region.target_groups.remove(&arn);
    Ok(Xml::new())
}
