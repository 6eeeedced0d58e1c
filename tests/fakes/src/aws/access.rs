//! Who may do what, and whether a signature is still good.

use std::collections::BTreeSet;

use super::error::{AwsError, Result, with_status};
use super::request::{Asked, Input, Request, Service};
use super::world::{MINUTE, World, time};

/// An account's one user.
#[derive(Debug, Default)]
pub(crate) struct Access {
    /// `ec2:RunInstances`.
    pub(crate) denied: BTreeSet<String>,
    pub(crate) only: Option<BTreeSet<String>>,
    pub(crate) expired: bool,
    pub(crate) skewed: bool,
    pub(crate) check_clocks: bool,
}

impl Access {
    fn allows(&self, permission: &str) -> bool {
        !self.denied.contains(permission) && self.only.as_ref().is_none_or(|only| only.contains(permission))
    }
}

pub(crate) fn permitted(world: &World, region: &str, asked: &Asked, request: &Request) -> Result<()> {
    // "Signature Version 4": a request is good for five minutes either way; longer ago or ahead is refused before anything else is looked at.
    let off = request.signed_at().filter(|at| world.access.check_clocks && world.now.abs_diff(*at) > 5 * MINUTE);
    if world.access.skewed || off.is_some() {
        let signed = time(off.unwrap_or(world.now.saturating_sub(60 * MINUTE)));
        return Err(AwsError::skewed(asked.service, &signed, &time(world.now)));
    }
    if world.access.expired {
        return Err(AwsError::expired(asked.service));
    }
    // "No permissions are required to perform this operation": STS API, GetCallerIdentity.
    if asked.service == Service::Sts {
        return Ok(());
    }
    let name = format!("{}:{}", asked.service.policy_prefix(), asked.action);
    if !world.access.allows(&name) {
        return Err(AwsError::denied(asked.service, &world.account, &name));
    }
    for also in dependent(world, region, asked) {
        if !world.access.allows(also) {
            let launches = asked.service == Service::AutoScaling;
            return Err(if launches {
                let message = format!("You are not authorized to use launch template: the caller may not perform {also}");
                with_status(403, "AccessDenied", message)
            } else {
                AwsError::denied(asked.service, &world.account, also)
            });
        }
    }
    Ok(())
}

/// What a call needs beside its own permission: EC2 guide, "Grant permission to tag Amazon EC2 resources during creation" and "Granting permissions
/// to pass an IAM role"; EC2 Auto Scaling guide, "Control Amazon EC2 launch template usage in Auto Scaling groups"; ELB guide, "Tag resources
/// during creation".
fn dependent(world: &World, region: &str, asked: &Asked) -> Vec<&'static str> {
    let Input::Form(form) = &asked.input else { return Vec::new() };
    let says = |part: &str| form.keys().any(|key| key.starts_with(part));
    let named = form.get("LaunchTemplate.LaunchTemplateId").map(String::as_str);
    let by_name = form.get("LaunchTemplate.LaunchTemplateName").map(String::as_str);
    let template = world.regions.get(region).and_then(|region| region.find_template(named, by_name).ok());
    let template_says = |part: &str| template.is_some_and(|template| template.data.all().keys().any(|key| key.starts_with(part)));
    let (tags, role) = ("TagSpecification.", "IamInstanceProfile.");
    let mut needed = Vec::new();
    match (asked.service, asked.action.as_str()) {
        (Service::Ec2, "RunInstances") => {
            needed.extend((says(tags) || template_says(tags)).then_some("ec2:CreateTags"));
            needed.extend((says(role) || template_says(role)).then_some("iam:PassRole"));
        }
        (Service::Ec2, "CreateLaunchTemplate" | "CopyImage") => needed.extend(says(tags).then_some("ec2:CreateTags")),
        (Service::AutoScaling, "CreateAutoScalingGroup" | "UpdateAutoScalingGroup") if says("LaunchTemplate.") => {
            needed.push("ec2:RunInstances");
            needed.extend(template_says(tags).then_some("ec2:CreateTags"));
            needed.extend(template_says(role).then_some("iam:PassRole"));
        }
        (Service::Elb, action) if action.starts_with("Create") => {
            needed.extend(says("Tags.").then_some("elasticloadbalancing:AddTags"));
        }
        _ => {}
    }
    needed
}
