//! What may be changed of a group: sizes, processes, tags, target groups.

use super::super::error::{Result, invalid, refused};
use super::super::params::Params;
use super::super::world::Region;
use super::super::world::SECOND;
use super::super::world::group::{Lifecycle, PROCESSES};
use super::super::xml::Xml;
use super::{groups, living};

pub(super) fn update(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let name = params.required("AutoScalingGroupName")?;
    let mut template = params.below("LaunchTemplate");
    let min: Option<usize> = params.number("MinSize")?;
    let max: Option<usize> = params.number("MaxSize")?;
    let desired: Option<usize> = params.number("DesiredCapacity")?;
    let cooldown = params.number("DefaultCooldown")?;
    let check = params.text("HealthCheckType");
    let grace: Option<u64> = params.number("HealthCheckGracePeriod")?;
    let subnets = params.text("VPCZoneIdentifier").map(|text| groups::split(&text));
    let protect_new = params.flag("NewInstancesProtectedFromScaleIn")?;
    let warmup = params.number("DefaultInstanceWarmup")?;
    let policies = params.list("TerminationPolicies")?;
    params.finish()?;
    groups::check_policies(&policies)?;
    living(region, &name)?;
    let template = if template.is_empty() { None } else { Some(groups::resolve(region, &mut template)?) };
    if let Some(subnets) = &subnets {
        groups::check_subnets(region, subnets, &[])?;
    }
    let check_elb = check.as_deref().map(groups::check_type).transpose()?;
    let group = living(region, &name)?;
    let (new_min, new_max) = (min.unwrap_or(group.min), max.unwrap_or(group.max));
    if new_min > new_max {
        return Err(invalid(format!("Min bound, {new_min}, must be less than or equal to max bound, {new_max}")));
    }
    // "If a new value for MinSize (MaxSize) is specified without setting a value for DesiredCapacity, and the new one is larger (smaller) than the
    // current size of the group, this sets the group's DesiredCapacity to it": Auto Scaling API, UpdateAutoScalingGroup.
    let new_desired = desired.unwrap_or_else(|| group.desired.clamp(new_min, new_max));
    groups::check_sizes(new_min, new_desired, new_max)?;
    (group.min, group.max, group.desired) = (new_min, new_max, new_desired);
    if let Some(template) = template {
        group.template = template;
    }
    if let Some(subnets) = subnets {
        group.subnets = subnets;
    }
    if let (Some(check), Some(elb)) = (check, check_elb) {
        (group.health_check_type, group.check_elb) = (check, elb);
    }
    if let Some(grace) = grace {
        group.grace = grace.saturating_mul(SECOND);
    }
    group.cooldown = cooldown.unwrap_or(group.cooldown);
    group.protect_new = protect_new.unwrap_or(group.protect_new);
    group.warmup = warmup.or(group.warmup);
    region.changed(&name);
    Ok(Xml::new())
}

pub(super) fn set_desired(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let name = params.required("AutoScalingGroupName")?;
    let desired: usize = params.number("DesiredCapacity")?.ok_or_else(|| invalid("DesiredCapacity is required"))?;
    let honor = params.flag("HonorCooldown")?.unwrap_or(false);
    params.finish()?;
    if honor {
        return Err(invalid("Cooldowns are not understood here"));
    }
    let group = living(region, &name)?;
    if desired > group.max {
        let message =
            format!("New SetDesiredCapacity value {desired} is above max value {} for the AutoScalingGroup.", group.max);
        return Err(invalid(message));
    }
    if desired < group.min {
        let message =
            format!("New SetDesiredCapacity value {desired} is below min value {} for the AutoScalingGroup.", group.min);
        return Err(invalid(message));
    }
    group.desired = desired;
    region.changed(&name);
    Ok(Xml::new())
}

/// "If you omit this property, all processes are specified": Auto Scaling API, SuspendProcesses.
fn processes(params: &mut Params) -> Result<(String, Vec<String>)> {
    let name = params.required("AutoScalingGroupName")?;
    let mut processes = params.list("ScalingProcesses")?;
    params.finish()?;
    if processes.is_empty() {
        processes = PROCESSES.map(str::to_owned).to_vec();
    }
    match processes.iter().find(|process| !PROCESSES.contains(&process.as_str())) {
        Some(process) => Err(invalid(format!("Process type '{process}' is not valid"))),
        None => Ok((name, processes)),
    }
}

pub(super) fn suspend(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let (name, processes) = processes(params)?;
    let at = super::super::world::time(region.now);
    let group = living(region, &name)?;
    for process in processes {
        group.suspended.entry(process).or_insert_with(|| format!("User suspended at {at}"));
    }
    Ok(Xml::new())
}

pub(super) fn resume(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let (name, processes) = processes(params)?;
    let group = living(region, &name)?;
    for process in &processes {
        group.suspended.remove(process);
    }
    region.changed(&name);
    Ok(Xml::new())
}

/// A tag of a group: its key, its value, and whether instances get it.
pub(super) fn read_tag(mut tag: Params, group: &str) -> Result<(String, String, bool)> {
    let key = tag.required("Key")?;
    let value = tag.text("Value").unwrap_or_default();
    let propagate = tag.flag("PropagateAtLaunch")?.unwrap_or(false);
    let (of, kind) = (tag.text("ResourceId"), tag.text("ResourceType"));
    tag.finish()?;
    if of.is_some_and(|of| of != group) || kind.is_some_and(|kind| kind != "auto-scaling-group") {
        return Err(invalid(format!("The tag {key} is of another resource than the group {group}")));
    }
    if key.starts_with("aws:") || key.len() > 128 || value.len() > 256 {
        return Err(invalid(format!("The tag key {key} is not valid")));
    }
    Ok((key, value, propagate))
}

/// Tags of a group; instances that are there already do not get them.
pub(super) fn tag(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let mut tags = Vec::new();
    for tag in params.structs("Tags")? {
        let name = tag.all().get("ResourceId").cloned().unwrap_or_default();
        super::group(region, &name)?;
        tags.push((name.clone(), read_tag(tag, &name)?));
    }
    params.finish()?;
    let since = region.now.saturating_add(region.settings.lag_tags);
    for (name, (key, value, propagate)) in tags {
        let group = living(region, &name)?;
        group.propagated.retain(|known| *known != key);
        if propagate {
            group.propagated.push(key.clone());
        }
        group.tags.set(key, value, since);
    }
    Ok(Xml::new())
}

fn named(params: &mut Params) -> Result<(String, Vec<String>)> {
    let name = params.required("AutoScalingGroupName")?;
    let arns = params.list("TargetGroupARNs")?;
    params.finish()?;
    // "You can specify up to 10 target groups": Auto Scaling API, AttachLoadBalancerTargetGroups.
    if arns.is_empty() || arns.len() > 10 {
        return Err(invalid(format!("{} target groups were named; 1 to 10 are possible", arns.len())));
    }
    Ok((name, arns))
}

/// Attaching registers the members that are in service: "Attach an Elastic Load Balancing load balancer to your Auto Scaling group".
pub(super) fn attach(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let (name, arns) = named(params)?;
    living(region, &name)?;
    groups::check_target_groups(region, &arns)?;
    let group = living(region, &name)?;
    for arn in arns {
        if !group.target_groups.contains(&arn) {
            group.target_groups.push(arn);
        }
    }
    let adds = group.runs("AddToLoadBalancer");
    let arns = group.target_groups.clone();
    let serving: Vec<_> =
        group.members.iter().filter(|(_, member)| member.state == Lifecycle::InService).map(|(id, _)| id.clone()).collect();
    for id in serving.iter().filter(|_| adds) {
        arns.iter().for_each(|arn| region.register(arn, id, None));
    }
    region.changed(&name);
    Ok(Xml::new())
}

/// Detaching deregisters the members, which drain: same guide.
pub(super) fn detach(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let (name, arns) = named(params)?;
    let group = living(region, &name)?;
    if let Some(arn) = arns.iter().find(|arn| !group.target_groups.contains(arn)) {
        return Err(invalid(format!("Trying to remove Target Groups that are not part of the group: {arn}")));
    }
    group.target_groups.retain(|arn| !arns.contains(arn));
    let members: Vec<_> = group.members.keys().cloned().collect();
    for id in &members {
        arns.iter().for_each(|arn| region.deregister(arn, id));
    }
    Ok(Xml::new())
}

impl Region {
    /// A group's orders have changed: it looks at itself soon, and tries again what it had put off.
    pub(crate) fn changed(&mut self, name: &str) {
        let at = self.now.saturating_add(self.settings.tick);
        if let Some(group) = self.groups.get_mut(name) {
            group.hold_launch = 0;
            group.stir(at);
        }
    }
}

/// At most so many instances in one call: "20 instances" to standby, "50" of protection, Auto Scaling quotas and API.
pub(super) fn at_most(ids: &[String], most: usize) -> Result<()> {
    if ids.is_empty() || ids.len() > most {
        return Err(refused("ValidationError", format!("{} instances were named; 1 to {most} are possible", ids.len())));
    }
    Ok(())
}
