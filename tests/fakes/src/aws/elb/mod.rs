//! Elastic Load Balancing v2: application load balancers, listeners and rules with weights, target groups.

mod actions;
mod balancers;
mod listeners;
mod rules;
mod target_groups;
mod targets;

use super::error::{AwsError, Result, invalid, refused};
use super::params::Params;
use super::request::{Answer, Body};
use super::world::{Region, Tags};
use super::xml::Xml;

pub(crate) fn perform(region: &mut Region, action: &str, params: Params) -> Option<Answer> {
    let act: fn(&mut Region, &mut Params) -> Result<Xml> = match action {
        "CreateLoadBalancer" => balancers::create,
        "DescribeLoadBalancers" => balancers::describe,
        "DeleteLoadBalancer" => balancers::delete,
        "CreateListener" => listeners::create,
        "DescribeListeners" => listeners::describe,
        "ModifyListener" => listeners::modify,
        "DeleteListener" => listeners::delete,
        "CreateRule" => rules::create,
        "DescribeRules" => rules::describe,
        "ModifyRule" => rules::modify,
        "DeleteRule" => rules::delete,
        "CreateTargetGroup" => target_groups::create,
        "DescribeTargetGroups" => target_groups::describe,
        "DescribeTargetGroupAttributes" => target_groups::attributes,
        "ModifyTargetGroupAttributes" => target_groups::modify_attributes,
        "DeleteTargetGroup" => target_groups::delete,
        "RegisterTargets" => targets::register,
        "DeregisterTargets" => targets::deregister,
        "DescribeTargetHealth" => targets::health,
        "AddTags" => add_tags,
        "DescribeTags" => describe_tags,
        "RemoveTags" => remove_tags,
        _ => return None,
    };
    let answer = act(region, &mut { params });
    region.note_use();
    Some(answer.map(Body::Xml))
}

fn paging(params: &mut Params) -> Result<(usize, Option<String>)> {
    let size = params.number::<usize>("PageSize")?;
    match size {
        // "PageSize: Valid Range: Minimum value of 1. Maximum value of 400."
        Some(size) if !(1..=400).contains(&size) => Err(invalid(format!("Page size {size} is not between 1 and 400"))),
        _ => Ok((size.unwrap_or(400), params.text("Marker"))),
    }
}

fn not_found(kind: &str, message: &str) -> AwsError {
    refused(&format!("{kind}NotFound"), message.into())
}

impl Region {
    fn elb_tags(&mut self, arn: &str) -> Option<&mut Tags> {
        let balancer = self.balancers.get_mut(arn).map(|found| &mut found.tags);
        let listener = self.listeners.get_mut(arn).map(|found| &mut found.tags);
        let rule = self.rules.get_mut(arn).map(|found| &mut found.tags);
        balancer.or(listener).or(rule).or(self.target_groups.get_mut(arn).map(|found| &mut found.tags))
    }
}

fn missing(arn: &str) -> AwsError {
    let kind = if arn.contains(":targetgroup/") { "TargetGroup" } else { "LoadBalancer" };
    not_found(kind, &format!("'{arn}' was not found"))
}

fn add_tags(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let arns = params.list("ResourceArns")?;
    let tags = params.tags("Tags")?;
    params.finish()?;
    if let Some(arn) = arns.iter().find(|arn| region.elb_tags(arn).is_none()) {
        return Err(missing(arn));
    }
    for arn in &arns {
        if let Some(found) = region.elb_tags(arn) {
            tags.iter().for_each(|(key, value)| found.set(key.clone(), value.clone(), 0));
        }
    }
    Ok(Xml::new())
}

/// A key that is not there is passed over: ELBv2 API, RemoveTags.
fn remove_tags(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let arns = params.list("ResourceArns")?;
    let keys = params.list("TagKeys")?;
    params.finish()?;
    if let Some(arn) = arns.iter().find(|arn| region.elb_tags(arn).is_none()) {
        return Err(missing(arn));
    }
    for arn in &arns {
        if let Some(found) = region.elb_tags(arn) {
            keys.iter().for_each(|key| found.remove(key));
        }
    }
    Ok(Xml::new())
}

/// "Specify up to 20 resources in a single call": ELBv2 API, DescribeTags.
fn describe_tags(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let arns = params.list("ResourceArns")?;
    params.finish()?;
    if arns.is_empty() || arns.len() > 20 {
        return Err(invalid(format!("{} resources were named; 1 to 20 are possible", arns.len())));
    }
    let mut found = Vec::new();
    for arn in &arns {
        found.push((arn, region.elb_tags(arn).cloned().ok_or_else(|| missing(arn))?));
    }
    let mut xml = Xml::new();
    xml.members("TagDescriptions", found, |xml, (arn, tags)| {
        xml.text("ResourceArn", arn);
        xml.members("Tags", tags.all(), |xml, (key, value)| {
            xml.text("Key", key);
            xml.text("Value", value);
        });
    });
    Ok(xml)
}
