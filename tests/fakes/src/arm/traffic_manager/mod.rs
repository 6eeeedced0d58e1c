//! Traffic Manager profiles: "How Traffic Manager works", and the docstrings of azure-mgmt-trafficmanager. There are no etags and no operations: what
//! is answered is said, and resolvers learn of it by and by.

mod answers;
mod profile;
pub(crate) mod truth;

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::asked::{Asked, key, list, name_of, put, text};
use super::error::{Result, bad, missing};
use super::table::Row;
use super::world::World;
pub(crate) use profile::{Profile, Profiles};

const VERSIONS: &[&str] = &["2026-09-01"];

pub(crate) const CALLS: &[Row] = &[
    Row::new("profiles.get", "GET", "G/Microsoft.Network/trafficManagerProfiles/*", VERSIONS, get),
    Row::new("profiles.createOrUpdate", "PUT", "G/Microsoft.Network/trafficManagerProfiles/*", VERSIONS, create),
    Row::new("profiles.update", "PATCH", "G/Microsoft.Network/trafficManagerProfiles/*", VERSIONS, update),
    Row::new("endpoints.get", "GET", "G/Microsoft.Network/trafficManagerProfiles/*/*/*", VERSIONS, get_endpoint),
    Row::new("endpoints.update", "PATCH", "G/Microsoft.Network/trafficManagerProfiles/*/*/*", VERSIONS, update_endpoint),
];

fn found<'a>(world: &'a World, asked: &Asked) -> Result<&'a Profile> {
    let id = profile_id(asked);
    world.profiles.known.get(&key(&id)).ok_or_else(|| missing(&asked.path))
}

/// Of the profile that a request is about, or whose endpoint it is.
fn profile_id(asked: &Asked) -> String {
    let segments = asked.path.split('/').take(9);
    segments.collect::<Vec<_>>().join("/")
}

fn get(world: &mut World, asked: &Asked) -> Result<Answer> {
    let profile = found(world, asked)?;
    Ok(Answer::ok(profile.json(world)))
}

/// What is not said is not there any more: a PUT has all endpoints.
fn create(world: &mut World, asked: &Asked) -> Result<Answer> {
    let id = profile_id(asked);
    let mut said = asked.body.clone();
    for field in ["location", "properties.trafficRoutingMethod", "properties.dnsConfig.relativeName"] {
        if text(&said, field).is_empty() {
            return Err(bad("BadRequest", format!("The '{field}' property of the profile is missing.")));
        }
    }
    for (field, value) in [
        ("properties.profileStatus", json!("Enabled")),
        ("properties.dnsConfig.ttl", json!(60)),
        ("properties.monitorConfig.protocol", json!("HTTP")),
        ("properties.monitorConfig.port", json!(80)),
        ("properties.monitorConfig.intervalInSeconds", json!(30)),
        ("properties.monitorConfig.timeoutInSeconds", json!(10)),
        ("properties.monitorConfig.toleratedNumberOfFailures", json!(3)),
    ] {
        if super::asked::at(&said, field).is_none_or(Value::is_null) {
            put(&mut said, field, value);
        }
    }
    let known = world.profiles.known.contains_key(&key(&id));
    keep(world, &id, said)?;
    let profile = found(world, asked)?;
    Ok(Answer::new(if known { 200 } else { 201 }, profile.json(world)))
}

/// What is said is changed, and the rest stays. A list is said whole.
fn update(world: &mut World, asked: &Asked) -> Result<Answer> {
    let profile = found(world, asked)?;
    let (id, mut said) = (profile.id.clone(), profile.said.clone());
    merge(&mut said, &asked.body);
    keep(world, &id, said)?;
    get(world, asked)
}

fn get_endpoint(world: &mut World, asked: &Asked) -> Result<Answer> {
    let profile = found(world, asked)?;
    let shown = profile.json(world);
    let named = |endpoint: &&Value| key(text(endpoint, "id")) == key(&asked.path);
    let endpoint = list(&shown, "properties.endpoints").iter().find(named);
    endpoint.cloned().map(Answer::ok).ok_or_else(|| missing(&asked.path))
}

fn update_endpoint(world: &mut World, asked: &Asked) -> Result<Answer> {
    let profile = found(world, asked)?;
    let (id, mut said) = (profile.id.clone(), profile.said.clone());
    let endpoints = said.pointer_mut("/properties/endpoints").and_then(Value::as_array_mut);
    let named = |endpoint: &&mut Value| {
        text(endpoint, "name").eq_ignore_ascii_case(asked.name(2))
            && name_of(text(endpoint, "type")).eq_ignore_ascii_case(asked.name(1))
    };
    let Some(endpoint) = endpoints.and_then(|endpoints| endpoints.iter_mut().find(named)) else {
        return Err(missing(&asked.path));
    };
    merge(endpoint, &asked.body);
    keep(world, &id, said)?;
    get_endpoint(world, asked)
}

/// A merge of objects; what is no object is replaced. Names, ids and types are the path's.
fn merge(said: &mut Value, patch: &Value) {
    match (said.as_object_mut(), patch.as_object()) {
        (Some(said), Some(patch)) => {
            for (field, value) in patch.iter().filter(|(field, _)| !matches!(field.as_str(), "id" | "name" | "type")) {
                merge(said.entry(field.as_str()).or_insert(Value::Null), value);
            }
        }
        _ => *said = patch.clone(),
    }
}

/// A profile is as it is said from now on.
fn keep(world: &mut World, id: &str, mut said: Value) -> Result<()> {
    super::network::check_tags(&said)?;
    let endpoints: Vec<Value> =
        list(&said, "properties.endpoints").iter().map(|endpoint| told(world, id, endpoint)).collect::<Result<_>>()?;
    if let Some(double) = double(&endpoints) {
        return Err(bad("BadRequest", format!("The endpoint '{double}' is there twice.")));
    }
    put(&mut said, "properties.endpoints", endpoints.into());
    let ttl = super::asked::at(&said, "properties.dnsConfig.ttl").and_then(Value::as_u64);
    if ttl.is_none_or(|ttl| ttl > 2_147_483_647) {
        // "Traffic Manager FAQs": from 0 to 2,147,483,647 seconds.
        return Err(bad("BadRequest", "The 'ttl' property of the profile must be between 0 and 2147483647."));
    }
    let now = world.now;
    world.profiles.keep(id, said, now);
    Ok(())
}

fn double(endpoints: &[Value]) -> Option<&str> {
    let mut names: Vec<&str> = endpoints.iter().map(|endpoint| text(endpoint, "name")).collect();
    names.sort_unstable();
    names.windows(2).find_map(|pair| match pair {
        [one, other] if one.eq_ignore_ascii_case(other) => Some(*one),
        _ => None,
    })
}

/// An endpoint, with what is not said of it, and without what the service says.
fn told(world: &World, profile: &str, endpoint: &Value) -> Result<Value> {
    let kind = name_of(text(endpoint, "type"));
    let Some(kind) = ["azureEndpoints", "externalEndpoints"].into_iter().find(|known| known.eq_ignore_ascii_case(kind)) else {
        return Err(bad("BadRequest", format!("The fake does not know endpoints of the type '{}'.", text(endpoint, "type"))));
    };
    let name = text(endpoint, "name");
    if name.is_empty() {
        return Err(bad("BadRequest", "The 'name' property of an endpoint is missing."));
    }
    let mut properties = endpoint.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    properties.remove("endpointMonitorStatus");
    // "The weight of this endpoint when using the 'Weighted' traffic routing method. Possible values are from 1 to 1000": EndpointProperties.
    let weight = properties.get("weight").filter(|weight| !weight.is_null()).map_or(Some(1), Value::as_u64);
    let Some(weight) = weight.filter(|weight| (1..=1000).contains(weight)) else {
        return Err(bad("BadRequest", format!("The 'weight' property of endpoint '{name}' must be between 1 and 1000.")));
    };
    properties.insert("weight".into(), weight.into());
    let status = properties.get("endpointStatus").and_then(Value::as_str).unwrap_or("Enabled");
    let Some(status) = ["Enabled", "Disabled"].into_iter().find(|known| known.eq_ignore_ascii_case(status)) else {
        return Err(bad(
            "BadRequest",
            format!("The 'endpointStatus' property of endpoint '{name}' is neither Enabled nor Disabled."),
        ));
    };
    properties.insert("endpointStatus".into(), status.into());
    if kind == "azureEndpoints" {
        let target = properties.get("targetResourceId").and_then(Value::as_str).unwrap_or_default();
        let Some(address) = world.network.addresses.get(&key(target)) else {
            return Err(bad(
                "BadRequest",
                format!("The 'targetResourceId' property of endpoint '{name}' is invalid or missing."),
            ));
        };
        properties.insert("target".into(), address.host.as_str().into());
    } else if properties.get("target").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(bad("BadRequest", format!("The 'target' property of endpoint '{name}' is invalid or missing.")));
    }
    let mut told = Map::new();
    told.insert("id".into(), format!("{profile}/{kind}/{name}").into());
    told.insert("name".into(), name.into());
    told.insert("type".into(), format!("Microsoft.Network/trafficManagerProfiles/{kind}").into());
    told.insert("properties".into(), properties.into());
    Ok(told.into())
}
