//! Making, showing and deleting groups.

use std::collections::BTreeMap;

use super::super::error::{Result, invalid, refused};
use super::super::params::{Params, page};
use super::super::world::group::{Group, Lifecycle, Member};
use super::super::world::{Region, SECOND, Tags, time};
use super::super::xml::Xml;

pub(super) fn create(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let name = params.required("AutoScalingGroupName")?;
    let mut template = params.below("LaunchTemplate");
    let min: usize = params.number("MinSize")?.ok_or_else(|| invalid("MinSize is required"))?;
    let max: usize = params.number("MaxSize")?.ok_or_else(|| invalid("MaxSize is required"))?;
    let desired: Option<usize> = params.number("DesiredCapacity")?;
    let cooldown = params.number("DefaultCooldown")?.unwrap_or(300);
    let subnets: Vec<_> = split(&params.text("VPCZoneIdentifier").unwrap_or_default());
    let zones = params.list("AvailabilityZones")?;
    let target_groups = params.list("TargetGroupARNs")?;
    let check = params.text("HealthCheckType").unwrap_or_else(|| "EC2".into());
    let grace: u64 = params.number("HealthCheckGracePeriod")?.unwrap_or(0);
    let protect_new = params.flag("NewInstancesProtectedFromScaleIn")?.unwrap_or(false);
    let warmup = params.number("DefaultInstanceWarmup")?;
    let policies = params.list("TerminationPolicies")?;
    let mut tags = Tags::default();
    let mut propagated = Vec::new();
    for tag in params.structs("Tags")? {
        let (key, value, propagate) = super::settings::read_tag(tag, &name)?;
        tags.set(key.clone(), value, 0);
        if propagate {
            propagated.push(key);
        }
    }
    params.finish()?;

    if let Some(known) = region.groups.get(&name) {
        // AlreadyExists: "You already have an Auto Scaling group with this name"; so long as one is being deleted too.
        let why = if known.deleting.is_some() { "is pending delete" } else { "already exists" };
        return Err(refused(
            "AlreadyExists",
            format!("AutoScalingGroup by this name already exists - A group with the name {name} {why}"),
        ));
    }
    // "500 Auto Scaling groups per Region": quotas.
    if region.groups.len() >= 500 {
        return Err(refused("LimitExceeded", "You have reached the limit of 500 Auto Scaling groups".into()));
    }
    check_name(&name)?;
    let template = resolve(region, &mut template)?;
    check_policies(&policies)?;
    check_subnets(region, &subnets, &zones)?;
    check_target_groups(region, &target_groups)?;
    let check_elb = check_type(&check)?;
    // "DesiredCapacity … If you do not specify a desired capacity, the default is the minimum size of the group."
    let desired = desired.unwrap_or(min);
    check_sizes(min, desired, max)?;

    let arn = {
        let unique = region.hex();
        region.arn("autoscaling", &format!("autoScalingGroup:{unique}:autoScalingGroupName/{name}"))
    };
    let now = region.now;
    let subnets = if subnets.is_empty() { zones.iter().filter_map(|zone| of_zone(region, zone)).collect() } else { subnets };
    let mut group = Group {
        name: name.clone(),
        arn,
        template,
        min,
        max,
        desired,
        cooldown,
        subnets,
        check_elb,
        health_check_type: check,
        grace: grace.saturating_mul(SECOND),
        warmup,
        protect_new,
        target_groups,
        suspended: BTreeMap::new(),
        tags,
        propagated,
        created: now,
        shown_at: now.saturating_add(region.settings.lag_groups),
        deleting: None,
        gone_at: None,
        members: BTreeMap::new(),
        activities: Vec::new(),
        wake: None,
        hold_launch: 0,
        rebalancing: false,
        draws: 0,
    };
    group.stir(now.saturating_add(region.settings.tick));
    region.groups.insert(name, group);
    Ok(Xml::new())
}

fn of_zone(region: &Region, zone: &str) -> Option<String> {
    region.subnets.iter().find(|subnet| subnet.zone == zone).map(|subnet| subnet.id.clone())
}

pub(super) fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// "Length Constraints: Minimum length of 1. Maximum length of 255. You can't use a colon (:) in the name."
fn check_name(name: &str) -> Result<()> {
    if name.len() > 255 || name.contains(':') {
        return Err(invalid(format!("Group name '{name}' is not valid; it has at most 255 characters and no colon")));
    }
    Ok(())
}

/// Who leaves is drawn, as by the default policy in the end. Whoever wants to rely on the order of another has to have it made first.
pub(super) fn check_policies(policies: &[String]) -> Result<()> {
    match policies.iter().find(|policy| *policy != "Default") {
        Some(policy) => Err(invalid(format!("The termination policy '{policy}' is not understood here"))),
        None => Ok(()),
    }
}

pub(super) fn check_subnets(region: &Region, subnets: &[String], zones: &[String]) -> Result<()> {
    if subnets.is_empty() && zones.is_empty() {
        return Err(invalid("At least one Availability Zone or VPC Subnet is required."));
    }
    if let Some(id) = subnets.iter().find(|id| region.subnet(id).is_none()) {
        return Err(invalid(format!("The subnet ID '{id}' does not exist")));
    }
    if let Some(zone) = zones.iter().find(|zone| !region.subnets.iter().any(|subnet| subnet.zone == **zone)) {
        return Err(invalid(format!("Invalid availability zones: [{zone}]")));
    }
    Ok(())
}

pub(super) fn check_target_groups(region: &Region, arns: &[String]) -> Result<()> {
    // "50 target groups per Auto Scaling group": quotas.
    if arns.len() > 50 || arns.iter().any(|arn| !region.target_groups.contains_key(arn)) {
        return Err(invalid("Provided Target Groups may not be valid. Please ensure they exist and try again."));
    }
    Ok(())
}

/// Whether a load balancer's word counts. "The valid values are EC2, EBS, ELB, and VPC_LATTICE, a comma between them."
pub(super) fn check_type(text: &str) -> Result<bool> {
    match split(text).iter().find(|part| !["EC2", "ELB"].contains(&part.as_str())) {
        Some(other) => Err(invalid(format!("Invalid health check type: {other}"))),
        None => Ok(text.contains("ELB")),
    }
}

pub(super) fn check_sizes(min: usize, desired: usize, max: usize) -> Result<()> {
    if min > max {
        return Err(invalid(format!("Min bound, {min}, must be less than or equal to max bound, {max}")));
    }
    if !(min..=max).contains(&desired) {
        return Err(invalid(format!(
            "Desired capacity:{desired} must be between the specified min size:{min} and max size:{max}"
        )));
    }
    Ok(())
}

/// A template that is not visible yet is no template: hashicorp/terraform-provider-aws#5217, #24910.
pub(super) fn resolve(region: &Region, named: &mut Params) -> Result<(String, String, String)> {
    if named.is_empty() {
        return Err(invalid(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.",
        ));
    }
    let version = named.all().get("Version").cloned().unwrap_or_else(|| "$Default".into());
    let found = region.template(named).map_err(|error| {
        let unknown = error.code == "UnknownParameter";
        let message =
            if unknown { error.message } else { format!("You must use a valid fully-formed launch template. {}", error.message) };
        invalid(message)
    })?;
    if !found.data.all().contains_key("ImageId") {
        return Err(invalid("You must use a valid fully-formed launch template. The request must contain the parameter ImageId"));
    }
    // An image that cannot be launched now is found out here already, by a trial: the words come from EC2.
    let image = found.data.all().get("ImageId").cloned().unwrap_or_default();
    region
        .launchable(&image)
        .map_err(|error| invalid(format!("You must use a valid fully-formed launch template. {}", error.message)))?;
    Ok((found.id.clone(), found.name.clone(), version))
}

pub(super) fn describe(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let names = params.list("AutoScalingGroupNames")?;
    let filters = params.filters()?;
    let instances = params.flag("IncludeInstances")?.unwrap_or(true);
    let (size, token) = super::paging(params, 50)?;
    params.finish()?;
    // A name that nobody has is no error; it is just not there.
    let mut found = Vec::new();
    for group in region.groups.values().filter(|group| group.shown(region.now)) {
        let mut wanted = names.is_empty() || names.contains(&group.name);
        for filter in &filters {
            // "tag-key, tag-value and tag:<key>": Auto Scaling API, Filter.
            let admitted = match filter.name.as_str() {
                "tag-value" => {
                    Some(group.tags.shown(region.now).any(|(_, value)| filter.values.iter().any(|wanted| wanted == value)))
                }
                _ => filter.admits_tags(&group.tags, region.now),
            };
            wanted &= admitted.ok_or_else(|| invalid(format!("Filter type '{}' is not correct", filter.name)))?;
        }
        if wanted {
            found.push(group);
        }
    }
    let (found, next) = page(found, size, token, "InvalidNextToken")?;
    let mut xml = Xml::new();
    xml.members("AutoScalingGroups", found, |xml, group| write(region, xml, group, instances));
    xml.maybe("NextToken", next);
    Ok(xml)
}

fn write(region: &Region, xml: &mut Xml, group: &Group, instances: bool) {
    xml.text("AutoScalingGroupName", &group.name);
    xml.text("AutoScalingGroupARN", &group.arn);
    write_template(xml, group);
    xml.text("MinSize", group.min);
    xml.text("MaxSize", group.max);
    xml.text("DesiredCapacity", group.desired);
    xml.text("DefaultCooldown", group.cooldown);
    let mut zones: Vec<_> = group.subnets.iter().filter_map(|id| region.subnet(id)).map(|subnet| subnet.zone.as_str()).collect();
    zones.sort_unstable();
    zones.dedup();
    xml.texts("AvailabilityZones", zones);
    xml.texts::<&str>("LoadBalancerNames", []);
    xml.texts("TargetGroupARNs", &group.target_groups);
    xml.text("HealthCheckType", &group.health_check_type);
    xml.text("HealthCheckGracePeriod", group.grace / SECOND);
    xml.members("Instances", group.members.iter().filter(|_| instances), |xml, (id, member)| {
        write_member(region, xml, group, id, member)
    });
    xml.text("CreatedTime", time(group.created));
    xml.members("SuspendedProcesses", &group.suspended, |xml, (process, reason)| {
        xml.text("ProcessName", process);
        xml.text("SuspensionReason", reason);
    });
    xml.text("VPCZoneIdentifier", group.subnets.join(","));
    xml.maybe("Status", group.status());
    xml.members("Tags", group.tags.shown(region.now), |xml, (key, value)| {
        xml.text("ResourceId", &group.name);
        xml.text("ResourceType", "auto-scaling-group");
        xml.text("Key", key);
        xml.text("Value", value);
        xml.text("PropagateAtLaunch", group.propagated.iter().any(|known| known == key));
    });
    xml.texts("TerminationPolicies", ["Default"]);
    xml.text("NewInstancesProtectedFromScaleIn", group.protect_new);
    xml.maybe("DefaultInstanceWarmup", group.warmup);
}

pub(super) fn write_template(xml: &mut Xml, group: &Group) {
    let (id, name, version) = &group.template;
    xml.node("LaunchTemplate", |xml| {
        xml.text("LaunchTemplateId", id);
        xml.text("LaunchTemplateName", name);
        xml.text("Version", version);
    });
}

fn write_member(region: &Region, xml: &mut Xml, group: &Group, id: &str, member: &Member) {
    let instance = region.instances.get(id);
    xml.text("InstanceId", id);
    xml.maybe("InstanceType", instance.map(|instance| &instance.kind));
    xml.maybe("AvailabilityZone", instance.map(|instance| &instance.zone));
    xml.text("LifecycleState", member.state.name());
    xml.text("HealthStatus", if member.unhealthy { "Unhealthy" } else { "Healthy" });
    write_template(xml, group);
    xml.text("ProtectedFromScaleIn", member.protected);
}

/// Auto Scaling API, DeleteAutoScalingGroup: with instances or activities in progress only by force.
pub(super) fn delete(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let name = params.required("AutoScalingGroupName")?;
    let force = params.flag("ForceDelete")?.unwrap_or(false);
    params.finish()?;
    let (now, tick, last) = (region.now, region.settings.tick, region.settings.delete);
    let group = super::group(region, &name)?;
    if group.deleting.is_some() {
        return Err(refused("ScalingActivityInProgress", format!("AutoScalingGroup '{name}' is pending delete")));
    }
    if !force {
        let leaving = group.members.values().filter(|member| member.state == Lifecycle::Terminating).count();
        if leaving > 0 && leaving == group.members.len() {
            return Err(refused(
                "ScalingActivityInProgress",
                "You cannot delete an AutoScalingGroup while there are scaling activities in progress for that group.".into(),
            ));
        }
        if !group.members.is_empty() || group.desired > 0 {
            return Err(refused(
                "ResourceInUse",
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.".into(),
            ));
        }
    }
    group.deleting = Some(now);
    // By force it empties itself first: "deletes the group and its instances, without waiting for all instances to be terminated".
    (group.min, group.max, group.desired) = (0, 0, 0);
    group.gone_at = group.members.is_empty().then(|| now.saturating_add(last));
    group.stir(now.saturating_add(tick));
    Ok(Xml::new())
}
