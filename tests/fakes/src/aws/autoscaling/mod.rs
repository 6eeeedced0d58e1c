//! Auto Scaling: groups, and what they do by themselves.

mod activities;
mod converge;
mod groups;
mod members;
mod settings;

use super::error::{AwsError, Result, invalid, refused};
use super::params::Params;
use super::request::{Answer, Body};
use super::world::Region;
use super::world::group::Group;
use super::xml::Xml;

pub(crate) fn perform(region: &mut Region, action: &str, params: Params) -> Option<Answer> {
    let act: fn(&mut Region, &mut Params) -> Result<Xml> = match action {
        "CreateAutoScalingGroup" => groups::create,
        "DescribeAutoScalingGroups" => groups::describe,
        "UpdateAutoScalingGroup" => settings::update,
        "DeleteAutoScalingGroup" => groups::delete,
        "SetDesiredCapacity" => settings::set_desired,
        "SuspendProcesses" => settings::suspend,
        "ResumeProcesses" => settings::resume,
        "CreateOrUpdateTags" => settings::tag,
        "AttachLoadBalancerTargetGroups" => settings::attach,
        "DetachLoadBalancerTargetGroups" => settings::detach,
        "TerminateInstanceInAutoScalingGroup" => members::terminate,
        "SetInstanceProtection" => members::protect,
        "SetInstanceHealth" => members::set_health,
        "EnterStandby" => members::enter_standby,
        "ExitStandby" => members::exit_standby,
        "DescribeScalingActivities" => activities::describe,
        "DescribeLaunchConfigurations" => configurations,
        _ => return None,
    };
    Some(act(region, &mut { params }).map(Body::Xml))
}

/// There are none: a new account cannot make any. "Auto Scaling launch configurations", EC2 Auto Scaling guide.
fn configurations(_: &mut Region, params: &mut Params) -> Result<Xml> {
    params.list("LaunchConfigurationNames")?;
    paging(params, 50)?;
    params.finish()?;
    let mut xml = Xml::new();
    xml.members("LaunchConfigurations", [(); 0], |_, ()| {});
    Ok(xml)
}

/// A group by its name, for those who change it.
fn group<'a>(region: &'a mut Region, name: &str) -> Result<&'a mut Group> {
    region.groups.get_mut(name).ok_or_else(|| no_such_group(name))
}

fn no_such_group(name: &str) -> AwsError {
    invalid(format!("AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"))
}

/// A group on its way out takes no more orders. The words are not documented; that it is refused is.
fn living<'a>(region: &'a mut Region, name: &str) -> Result<&'a mut Group> {
    let group = group(region, name)?;
    if group.deleting.is_some() {
        return Err(refused("ScalingActivityInProgress", format!("AutoScalingGroup '{name}' is pending delete")));
    }
    Ok(group)
}

/// DescribeAutoScalingGroups and DescribeScalingActivities: "The default value is 50 and the maximum value is 100".
fn paging(params: &mut Params, default: usize) -> Result<(usize, Option<String>)> {
    let size = params.number::<usize>("MaxRecords")?;
    match size {
        Some(size) if !(1..=100).contains(&size) => Err(invalid(format!(
            "1 validation error detected: Value '{size}' at 'maxRecords' failed to satisfy constraint: Member must have value less than or equal to 100"
        ))),
        _ => Ok((size.unwrap_or(default), params.text("NextToken"))),
    }
}
