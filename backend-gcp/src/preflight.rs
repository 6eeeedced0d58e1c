//! What would keep a generation from being launched, as far as it can be read.

use std::collections::BTreeSet;

use google_cloud_compute_v1::model::quota::Metric;
use google_cloud_compute_v1::model::region::Status;
use immutable_core::fleet::{Finding, GenerationSpec, Placement};
use immutable_core::{Error, ErrorKind, Result};

use crate::client::Gcp;
use crate::marks::last;
use crate::template::MigTemplate;

/// Looks at the region, its zones and quotas, and the machine type; of the image, plans ask the catalog.
pub(crate) async fn findings(gcp: &Gcp, spec: &GenerationSpec, template: &MigTemplate, most_live: u32) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut find = |what: String, blocks| findings.push(Finding { what, blocks });
    let call = gcp.clients().regions.get().set_project(gcp.project()).set_region(gcp.region());
    let region = match gcp.ask("regions.get", || call.clone().send()).await {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::invalid(format!("there is no region {}; name one as in europe-west1", gcp.region())));
        }
        other => other?,
    };
    if region.status == Some(Status::Down) {
        find(format!("region {} is down, as Google says", gcp.region()), true);
    }
    let zones: BTreeSet<&str> = region.zones.iter().map(|url| last(url)).collect();
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for group in &spec.groups {
        match &group.placement {
            Placement::Zone(zone) => used.extend([zone.as_str()]),
            Placement::Region if template.zones.is_empty() => used.extend(zones.iter().copied()),
            Placement::Region => used.extend(template.zones.iter().map(String::as_str)),
        }
    }
    for zone in used.iter().filter(|zone| !zones.contains(**zone)) {
        let known = zones.iter().copied().collect::<Vec<_>>().join(", ");
        find(format!("there is no zone {zone} in region {}; there are {known}", gcp.region()), true);
    }
    let (mut with, mut without) = (0_usize, Vec::new());
    for zone in used.iter().filter(|zone| zones.contains(**zone)) {
        let call = gcp.clients().machine_types.get().set_project(gcp.project()).set_zone(*zone);
        let call = call.set_machine_type(&template.machine.machine_type);
        match gcp.ask("machineTypes.get", || call.clone().send()).await {
            Ok(_) => with += 1,
            Err(error) if error.kind() == ErrorKind::NotFound => without.push(*zone),
            Err(error) => return Err(error),
        }
    }
    if !without.is_empty() {
        // A group of the region goes where there is one; one of a zone cannot.
        let zonal =
            spec.groups.iter().any(|group| matches!(&group.placement, Placement::Zone(zone) if without.contains(&zone.as_str())));
        let what = format!(
            "there is no machine type {} in {}; name one that is there",
            template.machine.machine_type,
            without.join(", ")
        );
        find(what, zonal || with == 0);
    }
    let instances = region.quotas.iter().find(|quota| quota.metric == Some(Metric::Instances));
    if let Some((limit, usage)) = instances.and_then(|quota| Some((quota.limit?, quota.usage?)))
        && limit - usage < f64::from(most_live)
    {
        let free = (limit - usage).max(0.0);
        let what = format!(
            "the region has room for {free} more instances (quota INSTANCES: {limit}), and up to {most_live} are needed besides what is there"
        );
        find(what, false);
    }
    Ok(findings)
}
