//! What the location offers: images of the marketplace, sizes of machines, and how much of them one may have.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answer::Answer;
use super::asked::{Asked, put};
use super::compute;
use super::error::{Result, error, invalid};
use super::gallery::replication::region_key;
use super::table::Row;
use super::world::World;

const VERSIONS: &str = "S/Microsoft.Compute/locations/*/publishers/*/artifacttypes/vmimage/offers/*/skus/*/versions";
const VERSION: &str = "S/Microsoft.Compute/locations/*/publishers/*/artifacttypes/vmimage/offers/*/skus/*/versions/*";

pub(crate) const CALLS: &[Row] = &[
    Row::new("virtualMachineImages.list", "GET", VERSIONS, compute::VERSIONS, list).query(&["$expand", "$top", "$orderby"]),
    Row::new("virtualMachineImages.get", "GET", VERSION, compute::VERSIONS, get),
    Row::new("resourceSkus.list", "GET", "S/Microsoft.Compute/skus", &["2021-07-01"], skus)
        .query(&["$filter", "includeExtendedLocations"]),
    Row::new("usage.list", "GET", "S/Microsoft.Compute/locations/*/usages", compute::VERSIONS, usages),
];

/// What is offered.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    /// In the order of their publication.
    pub(crate) images: Vec<Offered>,
    /// By size: zones in which it cannot be had. All of them: not in the location.
    pub(crate) withheld: BTreeMap<String, Vec<String>>,
    /// By the name of a usage: limits that are not 100.
    pub(crate) limits: BTreeMap<String, u64>,
    /// By the name of a usage: what others use.
    pub(crate) used: BTreeMap<String, u64>,
}

/// A version of an image of the marketplace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offered {
    pub(crate) publisher: String,
    pub(crate) offer: String,
    pub(crate) sku: String,
    pub(crate) version: String,
    /// Whether it has a plan, whose terms are to be accepted.
    pub(crate) plan: bool,
    /// `Active`, `ScheduledForDeprecation`, `Deprecated`: ImageDeprecationStatus.
    pub(crate) state: &'static str,
}

/// A size of machines, its family and its processors: "Sizes for virtual machines in Azure".
const SIZES: [(&str, &str, u32, &str); 5] = [
    ("Standard_B1s", "standardBSFamily", 1, "1"),
    ("Standard_B2s", "standardBSFamily", 2, "4"),
    ("Standard_D2s_v5", "standardDSv5Family", 2, "8"),
    ("Standard_D4s_v5", "standardDSv5Family", 4, "16"),
    ("Standard_D2ps_v5", "standardDPSv5Family", 2, "8"),
];

impl Default for Market {
    /// `Canonical:ubuntu-24_04-lts:server`, in versions that are not in the order of their letters.
    fn default() -> Self {
        let ubuntu = |version: &str| Offered {
            publisher: "Canonical".into(),
            offer: "ubuntu-24_04-lts".into(),
            sku: "server".into(),
            version: version.into(),
            plan: false,
            state: "Active",
        };
        let images = ["24.04.202404230", "24.04.202409120", "24.04.20241002", "24.04.202511130"].map(ubuntu).into();
        Self { images, withheld: BTreeMap::new(), limits: BTreeMap::new(), used: BTreeMap::new() }
    }
}

impl Offered {
    fn id(&self, subscription: &str, location: &str) -> String {
        let Self { publisher, offer, sku, version, .. } = self;
        format!(
            "/Subscriptions/{subscription}/Providers/Microsoft.Compute/Locations/{location}/Publishers/{publisher}/ArtifactTypes/VMImage/Offers/{offer}/Skus/{sku}/Versions/{version}"
        )
    }

    fn properties(&self) -> Value {
        let mut properties = json!({
            "osDiskImage": { "operatingSystem": "Linux" },
            "dataDiskImages": [],
            "automaticOSUpgradeProperties": { "automaticOSUpgradeSupported": false },
            "hyperVGeneration": "V2",
            "architecture": "x64",
            "features": [{ "name": "SecurityType", "value": "TrustedLaunchSupported" }],
            "imageDeprecationStatus": { "imageState": self.state },
        });
        if self.plan {
            put(&mut properties, "plan", json!({ "publisher": self.publisher, "name": self.sku, "product": self.offer }));
        }
        properties
    }
}

fn here(world: &World, location: &str) -> Result<()> {
    if region_key(location) == region_key(&world.location) {
        return Ok(());
    }
    // "NoRegisteredProviderFound … for location": no other is known here.
    Err(error(400, "NoRegisteredProviderFound", format!("No registered resource provider found for location '{location}'.")))
}

fn of<'a>(world: &'a World, asked: &'a Asked) -> impl Iterator<Item = &'a Offered> {
    world.market.images.iter().filter(|image| {
        image.publisher.eq_ignore_ascii_case(asked.name(1))
            && image.offer.eq_ignore_ascii_case(asked.name(2))
            && image.sku.eq_ignore_ascii_case(asked.name(3))
    })
}

/// A bare list, sorted as text if it is sorted at all: "Formatted as, for example, `name desc`" (`$orderby`).
fn list(world: &mut World, asked: &Asked) -> Result<Answer> {
    here(world, asked.name(0))?;
    let mut found: Vec<&Offered> = of(world, asked).collect();
    if found.is_empty() {
        return Err(error(404, "NotFound", "Artifact: VMImage was not found."));
    }
    match asked.query.get("$orderby").map(String::as_str) {
        None => {}
        Some("name" | "name asc") => found.sort_by(|one, other| one.version.cmp(&other.version)),
        Some("name desc") => found.sort_by(|one, other| other.version.cmp(&one.version)),
        Some(other) => return Err(invalid("$orderby", format!("The value '{other}' of parameter '$orderby' is invalid."))),
    }
    if let Some(top) = asked.query.get("$top") {
        found.truncate(top.parse().map_err(|_| invalid("$top", format!("The value '{top}' of parameter '$top' is invalid.")))?);
    }
    let expand = asked.query.get("$expand").is_some_and(|expand| expand == "properties");
    let shown: Vec<Value> = found
        .into_iter()
        .map(|image| {
            let mut body = json!({ "location": world.location, "name": image.version, "id": image.id(&world.subscription, &world.location) });
            if expand {
                put(&mut body, "properties", image.properties());
            }
            body
        })
        .collect();
    Ok(Answer::ok(shown.into()))
}

/// `latest` is no version here: it is one in an image reference only.
fn get(world: &mut World, asked: &Asked) -> Result<Answer> {
    here(world, asked.name(0))?;
    let found = of(world, asked).find(|image| image.version == asked.name(4));
    let image = found.ok_or_else(|| error(404, "NotFound", "Artifact: VMImage was not found."))?;
    Ok(Answer::ok(json!({
        "location": world.location,
        "name": image.version,
        "id": image.id(&world.subscription, &world.location),
        "properties": image.properties(),
    })))
}

/// "The filter to apply on the operation. Only **location** filter is supported currently": resourceSkus.list.
fn skus(world: &mut World, asked: &Asked) -> Result<Answer> {
    let wanted = match asked.query.get("$filter") {
        None => None,
        Some(filter) => {
            let value = filter.strip_prefix("location eq '").and_then(|rest| rest.strip_suffix('\''));
            Some(value.ok_or_else(|| error(400, "BadRequest", format!("The filter '{filter}' is not supported.")))?)
        }
    };
    if wanted.is_some_and(|location| region_key(location) != region_key(&world.location)) {
        return Ok(Answer::ok(json!({ "value": [] })));
    }
    let all = SIZES.iter().map(|(name, family, processors, memory)| {
        let withheld = world.market.withheld.get(*name).cloned().unwrap_or_default();
        let everywhere = world.zones.iter().all(|zone| withheld.contains(zone));
        let mut restrictions = Vec::new();
        if everywhere {
            // "NotAvailableForSubscription": "Resolve errors for SKU not available".
            restrictions.push(json!({ "type": "Location", "values": [world.location], "restrictionInfo": { "locations": [world.location] }, "reasonCode": "NotAvailableForSubscription" }));
        }
        if !withheld.is_empty() {
            restrictions.push(json!({ "type": "Zone", "values": [world.location], "restrictionInfo": { "locations": [world.location], "zones": withheld }, "reasonCode": "NotAvailableForSubscription" }));
        }
        let body = json!({
            "resourceType": "virtualMachines",
            "name": name,
            "tier": "Standard",
            "size": name.trim_start_matches("Standard_"),
            "family": family,
            "locations": [world.location],
            "locationInfo": [{ "location": world.location, "zones": world.zones, "zoneDetails": [] }],
            "capabilities": [
                { "name": "vCPUs", "value": processors.to_string() },
                { "name": "MemoryGB", "value": memory },
                { "name": "HyperVGenerations", "value": "V1,V2" },
                { "name": "CpuArchitectureType", "value": if name.contains("ps_") { "Arm64" } else { "x64" } },
            ],
            "restrictions": restrictions,
        });
        ((*name).to_owned(), body)
    });
    Ok(world.page(asked, all.collect()))
}

/// The family and the processors of a size; nothing of what is not sold.
pub(crate) fn size(name: &str) -> Option<(&'static str, u32)> {
    let known = SIZES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
    known.map(|(_, family, processors, _)| (*family, *processors))
}

/// "Standard quota: Increase limits by VM series": cores in all, and by family.
fn usages(world: &mut World, asked: &Asked) -> Result<Answer> {
    here(world, asked.name(0))?;
    let mut used: BTreeMap<&str, u64> = [("cores", 0), ("virtualMachines", 0)].into();
    used.extend(SIZES.iter().map(|(_, family, ..)| (*family, 0)));
    for machine in world.sizes() {
        if let Some((family, processors)) = size(&machine) {
            *used.entry(family).or_default() += u64::from(processors);
            *used.entry("cores").or_default() += u64::from(processors);
        }
        *used.entry("virtualMachines").or_default() += 1;
    }
    let all = used.into_iter().map(|(name, ours)| {
        let others = world.market.used.get(name).copied().unwrap_or(0);
        let limit = world.market.limits.get(name).copied().unwrap_or(100);
        let body = json!({ "unit": "Count", "currentValue": ours + others, "limit": limit, "name": { "value": name, "localizedValue": name } });
        (name.to_owned(), body)
    });
    Ok(world.page(asked, all.collect()))
}
