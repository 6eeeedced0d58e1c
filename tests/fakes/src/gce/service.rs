//! Backend services, global and regional, and the health of what is behind them.

use serde_json::{Map, Value, json};

use super::asked::{Asked, Place, project_of, resolve, text};
use super::error::{Result, exists, in_use, invalid, missing, required, stale};
use super::operation::{Ending, Stage};
use super::world::{World, check_name, fingerprint, link, merge, said, time};

/// A backend service.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) id: u64,
    pub(crate) path: String,
    pub(crate) created: u64,
    pub(crate) said: Map<String, Value>,
}

impl Service {
    pub(crate) fn backends(&self) -> &[Value] {
        self.said.get("backends").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Whether an instance group, as a path, is one of its backends.
    pub(crate) fn names(&self, instance_group: &str) -> bool {
        self.backends().iter().any(|backend| resolve(project_of(&self.path), text(backend, "group")) == instance_group)
    }

    /// `connectionDraining.drainingTimeoutSec`, in milliseconds.
    pub(crate) fn drain(&self) -> u64 {
        let draining = self.said.get("connectionDraining").and_then(|draining| draining.get("drainingTimeoutSec"));
        draining.and_then(Value::as_u64).unwrap_or(0).saturating_mul(1000)
    }

    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(&json!(self.said))
    }

    pub(crate) fn json(&self) -> Value {
        let mut body = self.said.clone();
        let mut set = |field: &str, value: Value| drop(body.insert(field.into(), value));
        set("kind", "compute#backendService".into());
        set("id", self.id.to_string().into());
        set("creationTimestamp", time(self.created).into());
        set("selfLink", link(&self.path).into());
        set("fingerprint", self.fingerprint().into());
        if let Place::Region(region) = Place::of(&self.path) {
            set("region", link(&format!("projects/{}/regions/{region}", project_of(&self.path))).into());
        }
        body.into()
    }
}

/// What the fields may say.
fn check(world: &World, said: &Map<String, Value>) -> Result<()> {
    let backends = said.get("backends").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut seen = std::collections::BTreeSet::new();
    for (at, backend) in backends.iter().enumerate() {
        let field = format!("resource.backends[{at}]");
        // "The fully-qualified URL of an instance group or network endpoint group (NEG) resource": Backend, `group`.
        let group = text(backend, "group");
        if !group.starts_with("https://") {
            return Err(invalid(&format!("{field}.group"), group, "The URL is malformed; it must be whole."));
        }
        let path = resolve("", group);
        if !world.groups.values().any(|known| known.instance_group() == path) {
            return Err(missing(&path));
        }
        if !seen.insert(path) {
            return Err(invalid(&format!("{field}.group"), group, "The group is there twice."));
        }
        // "The valid ranges are 0.0 and [0.1,1.0]. [..] You cannot configure a setting of 0 when there is only one backend attached to the backend
        // service": Backend, `capacityScaler`.
        if let Some(scaler) = backend.get("capacityScaler") {
            let value = scaler.as_f64().unwrap_or(-1.0);
            let valid = value == 0.0 || (0.1 - 1e-6..=1.0 + 1e-6).contains(&value);
            if !valid || (value == 0.0 && backends.len() == 1) {
                let why = if valid { "It cannot be 0 with only one backend." } else { "It must be 0, or from 0.1 to 1." };
                return Err(invalid(&format!("{field}.capacityScaler"), &scaler.to_string(), why));
            }
        }
    }
    Ok(())
}

pub(crate) fn insert(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    check_name(text(&asked.body, "name"))?;
    let path = asked.path();
    if world.services.contains_key(&path) {
        return Err(exists(&path));
    }
    let fields = said(&asked.body, &["usedBy"]);
    check(world, &fields)?;
    if stage == Stage::Due {
        world.services.insert(path.clone(), Service { id: asked.id, path, created: world.now, said: fields });
    }
    Ok(Ending::Usual)
}

/// It wants the fingerprint of now: without one it is 400 (ansible-collections/google.cloud#342), with an old one 412 (#327). PATCH merges, and replaces lists whole.
pub(crate) fn change(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    let path = asked.path();
    let service = world.services.get(&path).ok_or_else(|| missing(&path))?;
    let given = text(&asked.body, "fingerprint");
    if given.is_empty() {
        return Err(required("resource.fingerprint"));
    }
    if given != service.fingerprint() {
        return Err(stale());
    }
    // "Updates the specified BackendService resource with the data included in the request": backendServices.update replaces all of it.
    let mut fields = if asked.verb == "update" { Map::new() } else { service.said.clone() };
    merge(&mut fields, &said(&asked.body, &["usedBy"]));
    fields.insert("name".into(), asked.name.as_str().into());
    check(world, &fields)?;
    if stage == Stage::Due
        && let Some(service) = world.services.get_mut(&path)
    {
        service.said = fields;
    }
    Ok(Ending::Usual)
}

pub(crate) fn delete(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    let path = asked.path();
    if !world.services.contains_key(&path) {
        return Err(missing(&path));
    }
    if let Some(map) = world.url_maps.values().find(|map| map.names(&path)) {
        return Err(in_use("backend_service", &path, &map.path));
    }
    if stage == Stage::Due {
        world.services.remove(&path);
    }
    Ok(Ending::Usual)
}

pub(crate) fn get(world: &World, asked: &Asked) -> Result<Value> {
    let path = asked.path();
    world.services.get(&path).map(Service::json).ok_or_else(|| missing(&path))
}

/// "Gets the most recent health check results for this BackendService": getHealth, of one of its groups.
pub(crate) fn health(world: &World, asked: &Asked) -> Result<Value> {
    let path = asked.path();
    let service = world.services.get(&path).ok_or_else(|| missing(&path))?;
    let url = text(&asked.body, "group");
    if url.is_empty() {
        return Err(required("resource.group"));
    }
    let named = asked.resolve(url);
    if !service.names(&named) {
        return Err(invalid("resource.group", url, "The group is no backend of the backend service."));
    }
    let states: Vec<Value> = world
        .checked(&named)
        .into_iter()
        .map(|(_, instance, well)| {
            json!({ "instance": link(&instance), "ipAddress": "10.128.0.2", "port": 80, "healthState": if well { "HEALTHY" } else { "UNHEALTHY" } })
        })
        .collect();
    let mut body = json!({ "kind": "compute#backendServiceGroupHealth" });
    super::listing::put(&mut body, "healthStatus", states, None);
    Ok(body)
}

impl World {
    /// The running instances of an instance group, and whether the load balancer's checks have found each well: id, path, well.
    pub(crate) fn checked(&self, instance_group: &str) -> Vec<(u64, String, bool)> {
        let Some(group) = self.groups.values().find(|group| group.instance_group() == instance_group) else { return Vec::new() };
        let machines = group.members.values().filter_map(|member| self.instances.get(&member.instance?));
        let there = machines.filter(|machine| machine.status(self.now).word().is_some());
        there
            .map(|machine| (machine.id, machine.path.clone(), machine.seen(self.now, self.settings.check) == Some(true)))
            .collect()
    }
}
