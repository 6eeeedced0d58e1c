//! EC2: images, launch templates, instances, tags, subnets.

pub(crate) mod copies;
mod images;
mod instances;
mod run;
pub(crate) mod status;
mod tags;
mod templates;

use super::error::{AwsError, Result, refused, with_status};
use super::params::{Params, page};
use super::request::{Answer, Body};
use super::world::Region;
use super::xml::Xml;

pub(crate) fn perform(region: &mut Region, action: &str, params: Params) -> Option<Answer> {
    let act: fn(&mut Region, &mut Params) -> Result<Xml> = match action {
        "RunInstances" => run::run,
        "DescribeInstances" => instances::describe,
        "TerminateInstances" => instances::terminate,
        "ModifyInstanceAttribute" => instances::modify,
        "DescribeInstanceStatus" => status::describe,
        "CreateLaunchTemplate" => templates::create,
        "DescribeLaunchTemplates" => templates::describe,
        "DescribeLaunchTemplateVersions" => templates::versions,
        "DeleteLaunchTemplate" => templates::delete,
        "DescribeImages" => images::describe,
        "DeregisterImage" => images::deregister,
        "DisableImage" => images::disable,
        "EnableImage" => images::enable,
        "EnableImageDeprecation" => images::deprecate,
        "DisableImageDeprecation" => images::undeprecate,
        "CreateTags" => tags::create,
        "DeleteTags" => tags::delete,
        "DescribeSubnets" => subnets,
        _ => return None,
    };
    Some(act(region, &mut { params }).map(Body::Xml))
}

/// `DryRun` is the last word before anything is done: "DryRunOperation", EC2 API, "Common query parameters".
fn ready(params: &mut Params) -> Result<()> {
    let dry = params.flag("DryRun")?.unwrap_or(false);
    params.finish()?;
    if dry {
        return Err(with_status(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.".into()));
    }
    Ok(())
}

fn yes() -> Xml {
    let mut xml = Xml::new();
    xml.text("return", true);
    xml
}

fn no_such_instance(ids: &[String]) -> AwsError {
    match ids.iter().find(|id| !well_formed(id, "i")) {
        Some(id) => refused("InvalidInstanceID.Malformed", format!("Invalid id: \"{id}\"")),
        None if ids.len() == 1 => {
            refused("InvalidInstanceID.NotFound", format!("The instance ID '{}' does not exist", ids.concat()))
        }
        None => refused("InvalidInstanceID.NotFound", format!("The instance IDs '{}' do not exist", ids.join(", "))),
    }
}

/// Ids are eight or seventeen hexadecimal digits: "Resource IDs", EC2 guide.
fn well_formed(id: &str, kind: &str) -> bool {
    id.strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|rest| [8, 17].contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// How many a page may hold, and from where.
fn paging(params: &mut Params, least: usize, most: usize) -> Result<(Option<usize>, Option<String>)> {
    let size = params.number::<usize>("MaxResults")?;
    if size.is_some_and(|size| !(least..=most).contains(&size)) {
        let message = format!(
            "Value ( {} ) for parameter maxResults is invalid. Expecting a value between {least} and {most}.",
            size.unwrap_or(0)
        );
        return Err(refused("InvalidParameterValue", message));
    }
    Ok((size, params.text("NextToken")))
}

fn pages<T>(all: Vec<T>, (size, token): (Option<usize>, Option<String>)) -> Result<(Vec<T>, Option<String>)> {
    page(all, size.unwrap_or(1000), token, "InvalidNextToken")
}

fn subnets(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let ids = params.list("SubnetId")?;
    let filters = params.filters()?;
    let paging = paging(params, 5, 1000)?;
    ready(params)?;
    if let Some(id) = ids.iter().find(|id| region.subnet(id).is_none()) {
        return Err(refused("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist")));
    }
    let mut found = Vec::new();
    for subnet in region.subnets.iter().filter(|subnet| ids.is_empty() || ids.contains(&subnet.id)) {
        let mut wanted = true;
        for filter in &filters {
            wanted &= match filter.name.as_str() {
                "subnet-id" => filter.admits(&subnet.id),
                "vpc-id" => filter.admits(&region.vpc),
                "availability-zone" | "availabilityZone" => filter.admits(&subnet.zone),
                "default-for-az" | "defaultForAz" => filter.admits("true"),
                "state" => filter.admits("available"),
                _ => filter.admits_tags(&subnet.tags, region.now).ok_or_else(|| filter.unknown())?,
            };
        }
        if wanted {
            found.push(subnet.clone());
        }
    }
    let (found, next) = pages(found, paging)?;
    let mut xml = Xml::new();
    xml.items("subnetSet", found, |xml, subnet| {
        xml.text("subnetId", &subnet.id);
        xml.text("subnetArn", region.arn("ec2", &format!("subnet/{}", subnet.id)));
        xml.text("state", "available");
        xml.text("ownerId", &region.account);
        xml.text("vpcId", &region.vpc);
        xml.text("cidrBlock", &subnet.cidr);
        xml.text("availableIpAddressCount", 251usize.saturating_sub(region.live_in(&subnet.zone)));
        xml.text("availabilityZone", &subnet.zone);
        xml.text("defaultForAz", true);
        xml.text("mapPublicIpOnLaunch", true);
        subnet.tags.xml(xml, region.now);
    });
    xml.maybe("nextToken", next);
    Ok(xml)
}
