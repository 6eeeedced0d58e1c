//! Url maps, global and regional: by what weights requests are divided.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::asked::{Asked, Place, list, project_of, resolve, text};
use super::error::{Result, bad, exists, invalid, missing, required, stale};
use super::operation::{Ending, Stage};
use super::world::{World, check_name, fingerprint, link, merge, said, time};

/// A url map.
#[derive(Clone, Debug)]
pub(crate) struct UrlMap {
    pub(crate) id: u64,
    pub(crate) path: String,
    pub(crate) created: u64,
    pub(crate) said: Map<String, Value>,
    /// What was said, and from when on it is in force; the newest last.
    pub(crate) history: Vec<(u64, Map<String, Value>)>,
}

/// Weights by the path of the backend service.
pub(crate) type Weights = BTreeMap<String, u32>;

impl UrlMap {
    /// What is new is in force at once.
    pub(crate) fn new(id: u64, path: String, created: u64, said: Map<String, Value>) -> Self {
        Self { id, path, created, history: vec![(created, said.clone())], said }
    }

    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(&json!(self.said))
    }

    pub(crate) fn json(&self) -> Value {
        let mut body = self.said.clone();
        let mut set = |field: &str, value: Value| drop(body.insert(field.into(), value));
        set("kind", "compute#urlMap".into());
        set("id", self.id.to_string().into());
        set("creationTimestamp", time(self.created).into());
        set("selfLink", link(&self.path).into());
        set("fingerprint", self.fingerprint().into());
        if let Place::Region(region) = Place::of(&self.path) {
            set("region", link(&format!("projects/{}/regions/{region}", project_of(&self.path))).into());
        }
        body.into()
    }

    /// Whether it names a backend service, as a path.
    pub(crate) fn names(&self, service: &str) -> bool {
        let project = project_of(&self.path);
        services(&json!(self.said)).iter().any(|(_, url)| resolve(project, url) == service)
    }

    /// The weights of each of its routes, said and in force: its own under its path, and those of its path matchers behind a `#`.
    pub(crate) fn weights(&self, now: u64) -> Vec<(String, Weights, Weights)> {
        let in_force = self.history.iter().rev().find(|(from, _)| *from <= now).map_or(&self.said, |(_, said)| said);
        let (said, in_force) = (self.routes(&self.said), self.routes(in_force));
        said.into_iter()
            .map(|(name, weights)| {
                let force = in_force.get(&name).cloned().unwrap_or_default();
                (name, weights, force)
            })
            .collect()
    }

    fn routes(&self, said: &Map<String, Value>) -> BTreeMap<String, Weights> {
        let said = json!(said);
        let mut routes = BTreeMap::new();
        routes.insert(self.path.clone(), self.divided(&said));
        for matcher in list(&said, "pathMatchers") {
            routes.insert(format!("{}#{}", self.path, text(matcher, "name")), self.divided(matcher));
        }
        routes
    }

    fn divided(&self, route: &Value) -> Weights {
        let project = project_of(&self.path);
        let service = text(route, "defaultService");
        if !service.is_empty() {
            return [(resolve(project, service), 1)].into();
        }
        let weighted = list(route, "defaultRouteAction.weightedBackendServices").iter();
        let weight =
            |each: &Value| each.get("weight").and_then(Value::as_u64).and_then(|weight| u32::try_from(weight).ok()).unwrap_or(0);
        weighted.map(|each| (resolve(project, text(each, "backendService")), weight(each))).collect()
    }
}

/// All URLs of backend services in a body, with the fields that they stand in.
fn services(body: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut stack = vec![(String::from("resource"), body)];
    while let Some((at, value)) = stack.pop() {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let field = format!("{at}.{name}");
                    match value {
                        Value::String(url) if matches!(name.as_str(), "defaultService" | "service" | "backendService") => {
                            found.push((field, url.clone()));
                        }
                        _ => stack.push((field, value)),
                    }
                }
            }
            Value::Array(items) => stack.extend(items.iter().enumerate().map(|(index, item)| (format!("{at}[{index}]"), item))),
            _ => {}
        }
    }
    found
}

/// "Only one of defaultUrlRedirect, defaultService or defaultRouteAction.weightedBackendService can be set": UrlMap and PathMatcher, and one must be.
fn check_route(route: &Value, field: &str) -> Result<()> {
    let weighted = list(route, "defaultRouteAction.weightedBackendServices");
    let set = [!text(route, "defaultService").is_empty(), !weighted.is_empty(), route.get("defaultUrlRedirect").is_some()];
    match set.iter().filter(|set| **set).count() {
        1 => {}
        0 => return Err(required(&format!("{field}.defaultService"))),
        _ => {
            return Err(bad(
                "invalid",
                format!(
                    "Invalid value for field '{field}': only one of defaultService, defaultRouteAction.weightedBackendServices and defaultUrlRedirect can be set."
                ),
            ));
        }
    }
    let mut sum = 0;
    for (at, each) in weighted.iter().enumerate() {
        // "The value must be from 0 to 1000": WeightedBackendService, `weight`.
        let weight = each.get("weight").and_then(Value::as_u64).unwrap_or(0);
        if weight > 1000 {
            let field = format!("{field}.defaultRouteAction.weightedBackendServices[{at}].weight");
            return Err(invalid(&field, &weight.to_string(), "The value must be from 0 to 1000."));
        }
        sum += weight;
    }
    // "If all traffic needs to go to a single backend service, there must be one weightedBackendService with weight set to a non-zero number":
    // HttpRouteAction, `weightedBackendServices`.
    if !weighted.is_empty() && sum == 0 {
        return Err(invalid(
            &format!("{field}.defaultRouteAction.weightedBackendServices"),
            "0",
            "One of the weights must not be 0.",
        ));
    }
    Ok(())
}

fn check(world: &World, asked: &Asked, said: &Map<String, Value>) -> Result<()> {
    let body = json!(said);
    check_route(&body, "resource")?;
    for (at, matcher) in list(&body, "pathMatchers").iter().enumerate() {
        check_route(matcher, &format!("resource.pathMatchers[{at}]"))?;
    }
    for (field, url) in services(&body) {
        let path = asked.resolve(&url);
        if !world.services.contains_key(&path) {
            return Err(missing(&path));
        }
        // Global url maps have global backend services, regional ones those of their region: "URL maps overview".
        if Place::of(&path) != asked.place {
            return Err(invalid(&field, &url, "The backend service is in another place."));
        }
    }
    Ok(())
}

pub(crate) fn insert(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    check_name(text(&asked.body, "name"))?;
    let path = asked.path();
    if world.url_maps.contains_key(&path) {
        return Err(exists(&path));
    }
    let fields = said(&asked.body, &[]);
    check(world, asked, &fields)?;
    if stage == Stage::Due {
        world.url_maps.insert(path.clone(), UrlMap::new(asked.id, path, world.now, fields));
    }
    Ok(Ending::Usual)
}

/// "An up-to-date fingerprint must be provided in order to update the UrlMap, otherwise the request will fail with error 412 conditionNotMet": UrlMap.
/// PUT replaces all of it, PATCH merges.
pub(crate) fn change(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    let path = asked.path();
    let map = world.url_maps.get(&path).ok_or_else(|| missing(&path))?;
    let given = text(&asked.body, "fingerprint");
    if given.is_empty() {
        return Err(required("resource.fingerprint"));
    }
    if given != map.fingerprint() {
        return Err(stale());
    }
    let new = said(&asked.body, &[]);
    let mut fields = map.said.clone();
    if asked.verb == "patch" {
        merge(&mut fields, &new);
    } else {
        fields = new;
    }
    fields.insert("name".into(), asked.name.as_str().into());
    check(world, asked, &fields)?;
    if stage == Stage::Due {
        world.route(&path, fields);
    }
    Ok(Ending::Usual)
}

pub(crate) fn delete(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    let path = asked.path();
    if !world.url_maps.contains_key(&path) {
        return Err(missing(&path));
    }
    if stage == Stage::Due {
        world.url_maps.remove(&path);
    }
    Ok(Ending::Usual)
}

pub(crate) fn get(world: &World, asked: &Asked) -> Result<Value> {
    let path = asked.path();
    world.url_maps.get(&path).map(UrlMap::json).ok_or_else(|| missing(&path))
}

impl World {
    /// What a url map says is changed, and comes into force by and by: load balancers are told of it after the operation is done.
    pub(crate) fn route(&mut self, path: &str, fields: Map<String, Value>) {
        let (now, settle) = (self.now, self.settings.settle);
        if let Some(map) = self.url_maps.get_mut(path) {
            let old = map.history.iter().rposition(|(from, _)| *from <= now).unwrap_or(0);
            map.history.drain(..old);
            map.history.push((now.saturating_add(settle), fields.clone()));
            map.said = fields;
        }
    }
}
