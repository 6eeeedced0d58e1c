//! What would keep a generation from being launched, as far as it can be read.

use std::collections::BTreeMap;

use immutable_core::fleet::{Finding, GenerationSpec, Placement};
use immutable_core::id::Zone;
use immutable_core::provider::ImageCatalog;
use immutable_core::{Error, ErrorKind, Result};

use crate::client::Aws;
use crate::images::AmiCatalog;
use crate::template::Machine;

/// Where a subnet is, and how many addresses are free in it.
struct Subnet {
    zone: String,
    free: u32,
}

/// Looks at the image and the subnets of a spec.
pub(crate) async fn findings(aws: &Aws, spec: &GenerationSpec, machine: &Machine, most_live: u32) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut find = |what: String, blocks| findings.push(Finding { what, blocks });
    let images = AmiCatalog::new(aws).describe(std::slice::from_ref(&spec.image)).await?;
    if let Some(why) = images.first().and_then(|image| image.unlaunchable.as_ref()) {
        find(format!("{} cannot be launched: {why}", spec.image), true);
    }
    match subnets(aws, &machine.subnets).await {
        Ok(found) => {
            for subnet in machine.subnets.iter().filter(|subnet| !found.contains_key(*subnet)) {
                find(format!("there is no subnet {subnet} in {}; name one that is there", aws.place()), true);
            }
            for group in &spec.groups {
                if let Placement::Zone(zone) = &group.placement
                    && !found.values().any(|subnet| subnet.zone == zone.as_str())
                {
                    find(format!("no subnet of the launch template is in zone {zone}; name one that is"), true);
                }
            }
            let free: u32 = found.values().map(|subnet| subnet.free).fold(0, u32::saturating_add);
            if free < most_live {
                find(
                    format!(
                        "the subnets have {free} free addresses, and up to {most_live} machines are needed besides what is there"
                    ),
                    false,
                );
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            find(format!("a subnet of the launch template is not there: {}", error.message()), true)
        }
        Err(error) => return Err(error),
    }
    Ok(findings)
}

async fn subnets(aws: &Aws, ids: &[String]) -> Result<BTreeMap<String, Subnet>> {
    let call = aws.again().ec2.describe_subnets().set_subnet_ids(Some(ids.to_vec()));
    let answer = aws.ask("ec2:DescribeSubnets", call.send()).await?;
    let subnet = |subnet: &aws_sdk_ec2::types::Subnet| {
        let free = subnet.available_ip_address_count().and_then(|free| u32::try_from(free).ok()).unwrap_or(0);
        Some((subnet.subnet_id()?.to_owned(), Subnet { zone: subnet.availability_zone()?.to_owned(), free }))
    };
    Ok(answer.subnets().iter().filter_map(subnet).collect())
}

/// Of these subnets, those in a zone; at least one.
pub(crate) async fn subnets_in(aws: &Aws, ids: &[String], zone: &Zone) -> Result<Vec<String>> {
    let found = subnets(aws, ids).await?;
    let here: Vec<String> = found.into_iter().filter(|(_, subnet)| subnet.zone == zone.as_str()).map(|(id, _)| id).collect();
    match here.is_empty() {
        true => Err(Error::invalid(format!("no subnet of the launch template is in zone {zone}; name one that is"))),
        false => Ok(here),
    }
}
