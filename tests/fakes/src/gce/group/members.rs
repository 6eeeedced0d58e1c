//! Calls about a group's members.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::asked::{Asked, Place, list as strings, name_of, project_of};
use super::super::error::{Result, bad, invalid};
use super::super::listing::{self, page};
use super::super::operation::{Ending, Stage};
use super::super::world::{World, link, time};
use super::{Action, Group, Member};

pub(crate) fn list(world: &World, asked: &Asked) -> Result<Value> {
    let group = world.group(asked)?;
    let shown = group.members.values().filter(|member| member.shown_at <= world.now);
    let all: Vec<(String, Value)> = shown.map(|member| (member.name.clone(), managed(world, group, member))).collect();
    // "Pagination is disabled for the group's listManagedInstances API method. maxResults and pageToken query parameters are ignored":
    // `listManagedInstancesResults`.
    let mut query = asked.query.clone();
    if group.setting("listManagedInstancesResults") != "PAGINATED" {
        query.remove("maxResults");
        query.remove("pageToken");
    }
    let (found, token) = page(all, &query)?;
    let mut body = json!({});
    listing::put(&mut body, "managedInstances", found, token);
    Ok(body)
}

/// ManagedInstance.
fn managed(world: &World, group: &Group, member: &Member) -> Value {
    let now = world.now;
    let machine = member.instance.and_then(|id| world.instances.get(&id));
    let status = machine.and_then(|machine| Some((machine, machine.status(now).word()?)));
    let path = World::instance_path(group, member);
    let mut body = json!({
        "instance": link(&path),
        "name": member.name,
        "currentAction": member.action.word(),
        "targetStatus": if member.action == Action::Deleting { "DELETED" } else { "RUNNING" },
        // "This field is empty when current_action is one of { DELETING, ABANDONING }": ManagedInstanceVersion.
        "version": if member.action == Action::Deleting { json!({}) } else { json!({ "instanceTemplate": link(&member.template) }) },
    });
    let mut set = |field: &str, value: Value| drop(body.as_object_mut().map(|body| body.insert(field.into(), value)));
    // "This field is empty when instance does not exist": `id` and `instanceStatus`.
    if let Some((machine, word)) = status {
        set("id", machine.id.to_string().into());
        set("instanceStatus", word.into());
        if let Some((check, _)) = group.healing() {
            let state = if member.action == Action::Deleting {
                "DRAINING"
            } else if machine.failed_at.is_some_and(|at| at <= now) {
                "TIMEOUT"
            } else {
                match machine.seen(now, world.settings.check) {
                    Some(true) => "HEALTHY",
                    Some(false) => "UNHEALTHY",
                    None => "UNKNOWN",
                }
            };
            set("instanceHealth", json!([{ "healthCheck": check, "detailedHealthState": state }]));
        }
    }
    if let Some((code, message)) = &member.problem {
        set("lastAttempt", json!({ "errors": { "errors": [error(world, group, member, code, message)] } }));
    }
    body
}

/// With the details that kubernetes/k8s.io#9834 quotes.
fn error(world: &World, group: &Group, member: &Member, code: &str, message: &str) -> Value {
    if !code.starts_with("ZONE_RESOURCE_POOL_EXHAUSTED") {
        return json!({ "code": code, "message": message });
    }
    let free =
        group.zones.iter().filter(|zone| world.settings.capacity.get(*zone).is_none_or(|room| world.live(Some(zone)) < *room));
    let free: Vec<&str> = free.map(String::as_str).collect();
    let machine = world.templates.get(&member.template).map_or("", |template| template.machine_type());
    json!({
        "code": code,
        "message": message,
        "errorDetails": [{ "errorInfo": {
            "domain": "compute.googleapis.com",
            "reason": "resource_availability",
            "metadatas": { "vmType": machine, "attachment": "", "zone": member.zone, "zonesAvailable": free.join(",") },
        } }],
    })
}

pub(crate) fn errors(world: &World, asked: &Asked) -> Result<Value> {
    let group = world.group(asked)?;
    let mut all: Vec<(String, Value)> = Vec::new();
    for (at, trouble) in group.troubles.iter().rev().enumerate() {
        let body = json!({
            "timestamp": time(trouble.at),
            "error": { "code": trouble.code, "message": trouble.message },
            "instanceActionDetails": {
                "instance": link(&trouble.instance),
                "action": trouble.action.word(),
                "version": { "instanceTemplate": link(&trouble.template) },
            },
        });
        all.push((format!("{at:08}"), body));
    }
    // "The filter and orderBy query parameters are not supported": listErrors.
    let mut query = asked.query.clone();
    query.retain(|name, _| name == "maxResults" || name == "pageToken");
    let (found, token) = page(all, &query)?;
    let mut body = json!({});
    listing::put(&mut body, "items", found, token);
    Ok(body)
}

/// The members that a request names. "A malformed instance URL or a reference to an instance that exists in a zone or region other than the group's
/// zone or region" always fails (`skipInstancesOnValidationError`); who is none, or is leaving, fails unless `skipInstancesOnValidationError`.
fn named(world: &World, asked: &Asked, skips: bool) -> Result<Vec<String>> {
    let group = world.orders(asked)?;
    let urls: Vec<&str> = strings(&asked.body, "instances").iter().filter_map(Value::as_str).collect();
    if urls.is_empty() {
        return Err(bad("required", "Required field 'resource.instances' not specified"));
    }
    // "You can specify a maximum of 1000 instances with this method per request".
    if urls.len() > 1000 {
        return Err(invalid("resource.instances", &urls.len().to_string(), "There may be 1000 at the most."));
    }
    let mut seen = BTreeSet::new();
    for url in urls {
        let path = asked.resolve(url);
        let parts: Vec<&str> = path.split('/').collect();
        let name = match (parts.as_slice(), &asked.place) {
            // "Queued instances do not have URL and can be deleted only by name": zonal groups take names, too.
            ([name], Place::Zone(_)) => (*name).to_owned(),
            (["projects", project, "zones", zone, "instances", name], _) => {
                let here = group.zones.iter().any(|known| known == zone) && *project == project_of(&group.path);
                if !here {
                    return Err(invalid("resource.instances", url, "It is in another place than the group."));
                }
                (*name).to_owned()
            }
            _ => return Err(invalid("resource.instances", url, "The URL is malformed.")),
        };
        let zone = path.split('/').nth(3).filter(|_| parts.len() > 1);
        let member = group.members.get(&name).filter(|member| zone.is_none_or(|zone| zone == member.zone));
        match member {
            Some(member) if member.action != Action::Deleting => {
                seen.insert(name);
            }
            _ if skips => {}
            Some(_) => return Err(bad("invalid", format!("The instance '{path}' is already being deleted or abandoned."))),
            None => {
                let message =
                    format!("The instance '{path}' is not a member of the managed instance group '{}'.", name_of(&group.path));
                return Err(bad("invalid", message));
            }
        }
    }
    Ok(seen.into_iter().collect())
}

/// "This method reduces the targetSize of the managed instance group by the number of instances that you delete": deleteInstances.
pub(crate) fn delete(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    let skips = asked.body.get("skipInstancesOnValidationError") == Some(&json!(true));
    let names = named(world, asked, skips)?;
    if stage == Stage::Due {
        let path = asked.path();
        if let Some(mut group) = world.groups.remove(&path) {
            names.iter().for_each(|name| world.take_away(&mut group, name));
            let target = group.target.saturating_sub(names.len());
            world.groups.insert(path.clone(), group);
            world.set_target(&path, target);
        }
        world.changed(&path);
    }
    Ok(Ending::Usual)
}
