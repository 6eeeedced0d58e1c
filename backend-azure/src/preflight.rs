//! What would keep a generation from being launched, as far as it can be read.

use std::collections::BTreeSet;
use std::time::Duration;

use immutable_core::fleet::{Finding, GenerationSpec, Placement};
use immutable_core::{ErrorKind, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::client::{Azure, Call, read};
use crate::ids::Source;
use crate::marks;
use crate::scale_sets::{COMPUTE, LOOKS};
use crate::template::VmssTemplate;

/// The version of the API of sizes.
const SKUS: &str = "2021-07-01";
/// The version of the API of galleries.
pub(crate) const GALLERY: &str = "2026-03-03";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sku {
    #[serde(default)]
    name: String,
    #[serde(default)]
    family: String,
    #[serde(default)]
    location_info: Vec<LocationInfo>,
    #[serde(default)]
    restrictions: Vec<Restriction>,
    #[serde(default)]
    capabilities: Vec<Capability>,
}

#[derive(Deserialize)]
struct LocationInfo {
    #[serde(default)]
    zones: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Restriction {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    restriction_info: Option<LocationInfo>,
}

#[derive(Deserialize)]
struct Capability {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    current_value: i64,
    limit: i64,
    name: UsageName,
}

#[derive(Deserialize)]
struct UsageName {
    #[serde(default)]
    value: String,
}

/// Looks at the size, its zones, the quota of cores, and at what is installed or booted besides the artifact; of that, plans ask the catalog.
pub(crate) async fn findings(
    azure: &Azure,
    spec: &GenerationSpec,
    template: &VmssTemplate,
    most_live: u32,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut find = |what: String, blocks| findings.push(Finding { what, blocks });
    for id in template.base_image.iter().chain(&template.applications) {
        if !is_there(azure, id).await? {
            find(format!("there is no {id}, which the template names"), true);
        }
    }
    for wrong in [template.sources(spec).err(), marks::check(spec).err()].into_iter().flatten() {
        find(wrong.to_string(), true);
    }
    let Some(sku) = size(azure, &template.machine.size).await? else {
        find(format!("there is no size {} in {}; name one that is there", template.machine.size, azure.region()), true);
        return Ok(findings);
    };
    let mut used: BTreeSet<&str> = template.zones.iter().map(String::as_str).collect();
    used.extend(spec.groups.iter().filter_map(|group| match &group.placement {
        Placement::Zone(zone) => Some(zone.as_str()),
        Placement::Region => None,
    }));
    let offered: BTreeSet<&str> = sku.location_info.iter().flat_map(|info| &info.zones).map(String::as_str).collect();
    for zone in used.iter().filter(|zone| !offered.contains(**zone)) {
        let known = if offered.is_empty() { "none".to_owned() } else { offered.iter().copied().collect::<Vec<_>>().join(", ") };
        find(format!("there is no size {} in zone {zone} of {}; zones with it: {known}", sku.name, azure.region()), true);
    }
    for restriction in &sku.restrictions {
        let zones: Vec<&str> = restriction.restriction_info.iter().flat_map(|info| &info.zones).map(String::as_str).collect();
        if restriction.kind.eq_ignore_ascii_case("Location") {
            find(
                format!(
                    "the subscription may not launch size {} in {}; ask Azure for it, or name another",
                    sku.name,
                    azure.region()
                ),
                true,
            );
        } else if let Some(zone) = used.iter().find(|zone| zones.contains(zone)) {
            find(format!("the subscription may not launch size {} in zone {zone} of {}", sku.name, azure.region()), true);
        }
    }
    let cores = sku.capabilities.iter().find(|known| known.name == "vCPUs").and_then(|known| known.value.parse::<i64>().ok());
    if let Some(cores) = cores {
        let needed = cores.saturating_mul(most_live.into());
        for usage in usages(azure).await? {
            let free = usage.limit.saturating_sub(usage.current_value).max(0);
            if [sku.family.as_str(), "cores"].iter().any(|name| usage.name.value.eq_ignore_ascii_case(name)) && free < needed {
                let what = format!(
                    "{} has room for {free} more cores (quota {}: {}), and up to {needed} are needed besides what is there",
                    azure.region(),
                    usage.name.value,
                    usage.limit
                );
                find(what, false);
            }
        }
    }
    Ok(findings)
}

/// "Resource Skus - List": all of a region's at once, of all kinds.
async fn size(azure: &Azure, name: &str) -> Result<Option<Sku>> {
    let id = "resourceSkus.list";
    let path = format!("/subscriptions/{}/providers/Microsoft.Compute/skus", azure.subscription());
    let call = Call::get(id, &path, SKUS).query("$filter", &format!("location eq '{}'", azure.region()));
    for body in azure.list(&call).await? {
        let of = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        if of("resourceType") == "virtualMachines" && of("name").eq_ignore_ascii_case(name) {
            return read(id, &body).map(Some);
        }
    }
    Ok(None)
}

async fn usages(azure: &Azure) -> Result<Vec<Usage>> {
    let id = "usage.list";
    let path = format!("/subscriptions/{}/providers/Microsoft.Compute/locations/{}/usages", azure.subscription(), azure.region());
    azure.list(&Call::get(id, &path, COMPUTE)).await?.iter().map(|body| read(id, body)).collect()
}

/// Whether an image or an application is there. What the marketplace has, no call here asks.
async fn is_there(azure: &Azure, id: &str) -> Result<bool> {
    let call = match Source::parse(id)? {
        Source::Managed(id) => Call::get("images.get", &id, COMPUTE),
        Source::Version(id) => Call::get("galleryImageVersions.get", &id, GALLERY),
        Source::Application(id) => Call::get("galleryApplicationVersions.get", &id, GALLERY),
        Source::Market { .. } => return Ok(true),
    };
    // What is new is there and missing by turns.
    for turn in 0..LOOKS {
        if turn > 0 {
            azure.pause(Duration::from_secs(1)).await;
        }
        match azure.ask(&call).await {
            Ok(_) => return Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
