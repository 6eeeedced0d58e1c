//! What may be asked of members: that they leave, are protected, stand by.

use super::super::error::{Result, invalid, refused};
use super::super::params::Params;
use super::super::world::Region;
use super::super::world::group::{Group, Lifecycle};
use super::super::xml::Xml;
use super::settings::at_most;
use super::{activities, living};

fn not_found(id: &str) -> super::super::error::AwsError {
    invalid(format!("Instance Id not found - No managed instance found for instance ID {id}"))
}

/// "This call simply makes a termination request. The instance is not terminated immediately": Auto Scaling API. One instance by its id, or up to
/// 100 of a group; with no regard to protection from scale-in.
pub(super) fn terminate(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let one = params.text("InstanceId");
    let many = params.list("InstanceIds")?;
    let name = params.text("AutoScalingGroupName");
    let decrement =
        params.flag("ShouldDecrementDesiredCapacity")?.ok_or_else(|| invalid("ShouldDecrementDesiredCapacity is required"))?;
    params.finish()?;
    let (name, ids) = match (&one, name) {
        (Some(id), None) if many.is_empty() => {
            let of = region.groups.values().find(|group| group.members.contains_key(id)).ok_or_else(|| not_found(id))?;
            (of.name.clone(), vec![id.clone()])
        }
        // "InstanceIds … requires that you also specify AutoScalingGroupName."
        (None, Some(name)) if !many.is_empty() => (name, many),
        _ => return Err(invalid("Either InstanceId, or InstanceIds and AutoScalingGroupName must be specified")),
    };
    at_most(&ids, 100)?;
    let group = living(region, &name)?;
    for id in &ids {
        let member = group.members.get(id).ok_or_else(|| not_found(id))?;
        if member.state == Lifecycle::Terminating {
            return Err(refused("ScalingActivityInProgress", format!("Instance {id} is already being terminated")));
        }
    }
    let counted = ids.iter().filter(|id| group.members.get(*id).is_some_and(|member| member.state.counts())).count();
    if decrement {
        shrink(group, counted, "Terminating instance")?;
    }
    let mut group = region.groups.remove(&name).ok_or_else(|| super::no_such_group(&name))?;
    let begun: Vec<_> = ids
        .iter()
        .filter_map(|id| {
            region.leave(&mut group, id, &format!("instance {id} was taken out of service in response to a user request."))
        })
        .collect();
    let mut xml = Xml::new();
    let begun: Vec<_> = begun.iter().filter_map(|at| group.activities.get(*at)).collect();
    if one.is_some() {
        begun.iter().for_each(|activity| xml.node("Activity", |xml| activities::write(xml, activity)));
    } else {
        xml.members("Activities", begun, activities::write);
    }
    region.groups.insert(name.clone(), group);
    region.changed(&name);
    Ok(xml)
}

fn shrink(group: &mut Group, by: usize, doing: &str) -> Result<()> {
    let left = group.desired.checked_sub(by).filter(|left| *left >= group.min);
    group.desired = left.ok_or_else(|| {
        invalid(format!(
            "Currently, desiredSize is {} and minSize is {}. {doing} without replacement will violate group's min size constraint. Either set \
             shouldDecrementDesiredCapacity flag to false or lower group's min size.",
            group.desired, group.min
        ))
    })?;
    Ok(())
}

fn named(params: &mut Params) -> Result<(String, Vec<String>)> {
    let name = params.required("AutoScalingGroupName")?;
    Ok((name, params.list("InstanceIds")?))
}

fn members_of(group: &Group, ids: &[String]) -> Result<()> {
    match ids.iter().find(|id| !group.members.contains_key(*id)) {
        // All or none.
        Some(id) => Err(invalid(format!("The instance {id} is not part of Auto Scaling group {}.", group.name))),
        None => Ok(()),
    }
}

pub(super) fn protect(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let (name, ids) = named(params)?;
    let protected = params.flag("ProtectedFromScaleIn")?.ok_or_else(|| invalid("ProtectedFromScaleIn is required"))?;
    params.finish()?;
    at_most(&ids, 50)?;
    let group = living(region, &name)?;
    members_of(group, &ids)?;
    for id in &ids {
        if let Some(member) = group.members.get_mut(id) {
            member.protected = protected;
        }
    }
    region.changed(&name);
    Ok(Xml::new())
}

pub(super) fn set_health(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let id = params.required("InstanceId")?;
    let health = params.required("HealthStatus")?;
    let respect = params.flag("ShouldRespectGracePeriod")?.unwrap_or(true);
    params.finish()?;
    let now = region.now;
    let group = region.groups.values_mut().find(|group| group.members.contains_key(&id)).ok_or_else(|| not_found(&id))?;
    let (grace, name) = (group.grace, group.name.clone());
    if let Some(member) = group.members.get_mut(&id) {
        let in_grace = respect && now < member.in_service.unwrap_or(now).saturating_add(grace);
        match health.as_str() {
            "Healthy" => member.unhealthy = false,
            "Unhealthy" => member.unhealthy |= !in_grace,
            other => return Err(invalid(format!("Valid instance health states are: [Healthy, Unhealthy], not {other}"))),
        }
    }
    region.changed(&name);
    Ok(Xml::new())
}

/// "Temporarily remove instances from your Auto Scaling group": with no decrement another is launched in its place.
pub(super) fn enter_standby(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let (name, ids) = named(params)?;
    let decrement =
        params.flag("ShouldDecrementDesiredCapacity")?.ok_or_else(|| invalid("ShouldDecrementDesiredCapacity is required"))?;
    params.finish()?;
    at_most(&ids, 20)?;
    let group = living(region, &name)?;
    members_of(group, &ids)?;
    if let Some(id) = ids.iter().find(|id| group.members.get(*id).is_none_or(|member| member.state != Lifecycle::InService)) {
        return Err(invalid(format!("The instance {id} is not in InService.")));
    }
    if decrement {
        shrink(group, ids.len(), "Putting instances to standby")?;
    }
    let mut xml = Xml::new();
    move_members(region, &name, &ids, Lifecycle::EnteringStandby, "Moving EC2 instance to Standby", &mut xml);
    Ok(xml)
}

/// "When you put instances back, the desired capacity is incremented": it may not pass the maximum.
pub(super) fn exit_standby(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let (name, ids) = named(params)?;
    params.finish()?;
    at_most(&ids, 20)?;
    let group = living(region, &name)?;
    members_of(group, &ids)?;
    if let Some(id) = ids.iter().find(|id| group.members.get(*id).is_none_or(|member| member.state != Lifecycle::Standby)) {
        return Err(invalid(format!("The instance {id} is not in Standby.")));
    }
    let desired = group.desired + ids.len();
    if desired > group.max {
        return Err(invalid(format!(
            "AutoScalingGroup {name} has max-size={}, and {desired} instances would be in service.",
            group.max
        )));
    }
    group.desired = desired;
    let mut xml = Xml::new();
    move_members(region, &name, &ids, Lifecycle::Pending, "Moving EC2 instance out of Standby", &mut xml);
    Ok(xml)
}

fn move_members(region: &mut Region, name: &str, ids: &[String], to: Lifecycle, what: &str, xml: &mut Xml) {
    let Some(mut group) = region.groups.remove(name) else { return };
    let mut begun = Vec::new();
    for id in ids {
        let (now, activity_id) = (region.now, region.hex());
        let cause = format!("instance {id} was moved in response to a user request.");
        let activity = group.begin(now, activity_id, format!("{what}: {id}"), cause, "{}".into());
        begun.push(activity);
        if let Some(member) = group.members.get_mut(id) {
            (member.state, member.activity) = (to, Some(activity));
        }
        if to == Lifecycle::EnteringStandby {
            group.target_groups.iter().for_each(|arn| region.deregister(arn, id));
        }
    }
    xml.members("Activities", begun.iter().filter_map(|at| group.activities.get(*at)), activities::write);
    region.groups.insert(name.into(), group);
    region.changed(name);
}
