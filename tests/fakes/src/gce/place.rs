//! The region and its machine types.

use serde_json::{Value, json};

use super::asked::Asked;
use super::error::{Result, missing};
use super::world::{World, link, time};

/// A few of Google's, with their processors and memory: "General-purpose machine family".
const MACHINE_TYPES: [(&str, u32, u32); 6] = [
    ("e2-micro", 2, 1024),
    ("e2-small", 2, 2048),
    ("e2-medium", 2, 4096),
    ("e2-standard-2", 2, 8192),
    ("n2-standard-2", 2, 8192),
    ("n2-standard-4", 4, 16384),
];

pub(crate) fn has_machine_type(name: &str) -> bool {
    MACHINE_TYPES.iter().any(|(known, _, _)| *known == name)
}

pub(crate) fn region(world: &World, asked: &Asked) -> Result<Value> {
    let path = format!("projects/{}/regions/{}", asked.project, world.region);
    let zones: Vec<_> = world.zones.iter().map(|zone| link(&format!("projects/{}/zones/{zone}", asked.project))).collect();
    let limit = world.settings.quota.unwrap_or(1000);
    let quotas = json!([
        { "metric": "INSTANCES", "limit": limit, "usage": world.live(None) },
        { "metric": "INSTANCE_GROUP_MANAGERS", "limit": 1000, "usage": world.groups.len() },
    ]);
    Ok(json!({
        "kind": "compute#region",
        "id": "1210",
        "creationTimestamp": time(0),
        "name": world.region,
        "description": world.region,
        "status": "UP",
        "zones": zones,
        "quotas": quotas,
        "selfLink": link(&path),
    }))
}

pub(crate) fn machine_type(asked: &Asked) -> Result<Value> {
    let path = asked.path();
    let Some((name, cpus, memory)) = MACHINE_TYPES.iter().find(|(name, _, _)| *name == asked.name) else {
        return Err(missing(&path));
    };
    let zone = asked.place.path().replace("zones/", "");
    Ok(json!({
        "kind": "compute#machineType",
        "id": "801002",
        "creationTimestamp": time(0),
        "name": name,
        "description": format!("{cpus} vCPUs, {memory} MB RAM"),
        "guestCpus": cpus,
        "memoryMb": memory,
        "maximumPersistentDisks": 128,
        "maximumPersistentDisksSizeGb": "263168",
        "isSharedCpu": name.starts_with("e2-m") || name.starts_with("e2-sm"),
        "architecture": "X86_64",
        "zone": zone,
        "selfLink": link(&path),
    }))
}
