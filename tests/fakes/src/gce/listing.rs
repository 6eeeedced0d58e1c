//! Lists: filtered, in order, in pages; of one place, or of all.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::asked::{Asked, Place, text};
use super::error::{Result, invalid};
use super::filter::Filter;
use super::world::World;
use super::world::link;
use super::{group, image};

type Query = BTreeMap<String, String>;

/// An item, with its path.
type Keyed = (String, Value);

/// What of a list stands on its page, and where the next begins. Items have keys in their order; a token is the last key that was shown.
pub(crate) fn page(items: Vec<Keyed>, query: &Query) -> Result<(Vec<Value>, Option<String>)> {
    let (found, token) = keyed_page(items, query)?;
    Ok((found.into_iter().map(|(_, item)| item).collect(), token))
}

fn keyed_page(items: Vec<Keyed>, query: &Query) -> Result<(Vec<Keyed>, Option<String>)> {
    // "Acceptable values are 0 to 500, inclusive. (Default: 500)": `maxResults`.
    let most = query.get("maxResults").map_or(Ok(500), |text| {
        text.parse::<usize>()
            .ok()
            .filter(|most| *most <= 500)
            .ok_or_else(|| invalid("maxResults", text, "It must be between 0 and 500."))
    })?;
    let most = if most == 0 { 500 } else { most };
    let filter = query.get("filter").filter(|text| !text.is_empty()).map(|text| Filter::read(text)).transpose()?;
    let mut items: Vec<_> =
        items.into_iter().filter(|(_, item)| filter.as_ref().is_none_or(|filter| filter.passes(item))).collect();
    items.sort_by(|(one, _), (other, _)| one.cmp(other));
    // "Currently, only sorting by `name` or `creationTimestamp desc` is supported": `orderBy`.
    match query.get("orderBy").map_or("", String::as_str) {
        "" | "name" => {}
        "creationTimestamp desc" => {
            items.sort_by(|(_, one), (_, other)| text(other, "creationTimestamp").cmp(text(one, "creationTimestamp")));
        }
        other => return Err(invalid("orderBy", other, "Only name and creationTimestamp desc are supported.")),
    }
    let after = query.get("pageToken").map_or("", String::as_str);
    if !after.is_empty() {
        match items.iter().position(|(key, _)| key == after) {
            Some(at) => drop(items.drain(..=at)),
            None => items.retain(|(key, _)| key.as_str() > after),
        }
    }
    let more = items.len() > most;
    items.truncate(most);
    let token = items.last().filter(|_| more).map(|(key, _)| key.clone());
    Ok((items, token))
}

/// Puts a page into an answer. Fields without anything in them are not there.
pub(crate) fn put(body: &mut Value, field: &str, found: Vec<Value>, token: Option<String>) {
    if let Some(body) = body.as_object_mut() {
        if !found.is_empty() {
            body.insert(field.into(), found.into());
        }
        if let Some(token) = token {
            body.insert("nextPageToken".into(), token.into());
        }
    }
}

/// The kind of a resource in lists: `compute#instanceTemplateList`.
fn singular(kind: &str) -> &str {
    kind.strip_suffix('s').unwrap_or(kind)
}

pub(crate) fn list(world: &World, asked: &Asked) -> Result<Value> {
    let items = items(world, asked);
    let path = asked.collection();
    if asked.place != Place::Aggregated {
        let (found, token) = page(items, &asked.query)?;
        let mut body = json!({ "kind": format!("compute#{}List", singular(&asked.kind)), "id": path, "selfLink": link(&path) });
        put(&mut body, "items", found, token);
        return Ok(body);
    }
    let (found, token) = keyed_page(items, &asked.query)?;
    let mut scopes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (key, item) in found {
        scopes.entry(Place::of(&key).path()).or_default().push(item);
    }
    let mut places: Vec<String> = world.zones.iter().map(|zone| format!("zones/{zone}")).collect();
    places.push(format!("regions/{}", world.region));
    places.push("global".into());
    let mut body = Map::new();
    let mut unreachable = Vec::new();
    for place in places {
        let gone = world.settings.unreachable.contains(place.rsplit('/').next().unwrap_or_default());
        let entry = match scopes.remove(&place) {
            // Partial success: what can be reached is there, and a warning stands in the place of what cannot.
            _ if gone => {
                unreachable.push(place.clone());
                json!({ "warning": warning("UNREACHABLE", &format!("The scope '{place}' is unreachable."), &place) })
            }
            Some(found) => json!({ asked.kind.as_str(): found }),
            None => {
                json!({ "warning": warning("NO_RESULTS_ON_PAGE", &format!("There are no results for scope '{place}' on this page."), &place) })
            }
        };
        body.insert(place, entry);
    }
    let mut answer = json!({
        "kind": format!("compute#{}AggregatedList", singular(&asked.kind)),
        "id": path,
        "items": body,
        "selfLink": link(&path),
    });
    if let Some(answer) = answer.as_object_mut() {
        if let Some(first) = unreachable.first() {
            answer.insert("warning".into(), warning("UNREACHABLE", "Some scopes are unreachable.", first));
        }
        if let Some(token) = token {
            answer.insert("nextPageToken".into(), token.into());
        }
    }
    Ok(answer)
}

fn warning(code: &str, message: &str, scope: &str) -> Value {
    json!({ "code": code, "message": message, "data": [{ "key": "scope", "value": scope }] })
}

/// All of a kind in a place, by path.
fn items(world: &World, asked: &Asked) -> Vec<Keyed> {
    let start = match asked.place {
        Place::Aggregated => format!("projects/{}/", asked.project),
        _ => format!("{}/", asked.collection()),
    };
    let away = |path: &str| {
        let place = Place::of(path).path();
        world.settings.unreachable.contains(place.rsplit('/').next().unwrap_or_default())
    };
    let here = |path: &String| path.starts_with(&start) && !away(path);
    let now = world.now;
    let mut found: Vec<Keyed> = Vec::new();
    match asked.kind.as_str() {
        "instanceTemplates" => {
            let shown = world.templates.values().filter(|template| template.shown_at <= now && here(&template.path));
            found.extend(shown.map(|template| (template.path.clone(), template.json())));
        }
        "instanceGroupManagers" => {
            let shown = world.groups.values().filter(|group| group.shown_at <= now && here(&group.path));
            found.extend(shown.map(|group| (group.path.clone(), group::view::json(world, group))));
        }
        "backendServices" => {
            let shown = world.services.values().filter(|service| here(&service.path));
            found.extend(shown.map(|service| (service.path.clone(), service.json())));
        }
        "urlMaps" => {
            let shown = world.url_maps.values().filter(|map| here(&map.path));
            found.extend(shown.map(|map| (map.path.clone(), map.json())));
        }
        "images" => {
            let shown = world.images.values().filter(|image| here(&image.path));
            found.extend(shown.map(|image| (image.path.clone(), image.json())));
        }
        _ => found.extend(image::disks(world).into_iter().filter(|(path, _)| here(path))),
    }
    found
}
