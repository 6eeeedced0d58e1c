//! Which method of Compute Engine a request is meant for: "compute.v1" in the discovery document has the paths.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::{Result, bad, not_found};
use crate::wire::Request;

/// Where a resource is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Global,
    Region(String),
    Zone(String),
    /// Everywhere in a project.
    Aggregated,
}

impl Place {
    /// `zones/us-central1-a`.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Global => "global".into(),
            Self::Region(name) => format!("regions/{name}"),
            Self::Zone(name) => format!("zones/{name}"),
            Self::Aggregated => "aggregated".into(),
        }
    }

    /// Of a resource's path.
    pub(crate) fn of(path: &str) -> Self {
        let mut parts = path.split('/').skip(2);
        match (parts.next(), parts.next()) {
            (Some("zones"), Some(name)) => Self::Zone(name.into()),
            (Some("regions"), Some(name)) => Self::Region(name.into()),
            _ => Self::Global,
        }
    }
}

/// A request that was understood.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `regionInstanceGroupManagers.resize`.
    pub(crate) method: String,
    pub(crate) http: String,
    pub(crate) project: String,
    pub(crate) place: Place,
    /// `instanceGroupManagers`.
    pub(crate) kind: String,
    /// Of the resource, or nothing.
    pub(crate) name: String,
    /// `resize`.
    pub(crate) verb: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) body: Value,
    /// The id of what is to be made.
    pub(crate) id: u64,
}

impl Asked {
    pub(crate) fn read(request: &Request) -> Result<Self> {
        let path = request.path();
        let unknown = || not_found(format!("the fake does not know {} {path}", request.method));
        let rest = path.strip_prefix("/compute/v1/projects/").ok_or_else(unknown)?;
        let parts: Vec<&str> = rest.split('/').collect();
        let (project, place, kind, rest) = match parts.as_slice() {
            [project, "regions", region] => (project, Place::Region((*region).into()), "regions", [*region].to_vec()),
            [project, "global", kind, rest @ ..] => (project, Place::Global, *kind, rest.to_vec()),
            [project, "aggregated", kind] => (project, Place::Aggregated, *kind, Vec::new()),
            [project, "regions", region, kind, rest @ ..] => (project, Place::Region((*region).into()), *kind, rest.to_vec()),
            [project, "zones", zone, kind, rest @ ..] => (project, Place::Zone((*zone).into()), *kind, rest.to_vec()),
            _ => return Err(unknown()),
        };
        let (name, verb) = match (request.method.as_str(), rest.as_slice()) {
            ("GET", []) if place == Place::Aggregated => ("", "aggregatedList"),
            ("GET", []) => ("", "list"),
            ("POST", []) => ("", "insert"),
            // Autoscalers are named in the query.
            ("PATCH", []) => ("", "patch"),
            ("GET", ["family", family]) if kind == "images" => (*family, "getFromFamily"),
            ("GET", [name]) => (*name, "get"),
            ("DELETE", [name]) => (*name, "delete"),
            ("PATCH", [name]) => (*name, "patch"),
            ("PUT", [name]) => (*name, "update"),
            ("GET", [name, "listErrors"]) => (*name, "listErrors"),
            ("POST", [name, verb]) => (*name, *verb),
            _ => return Err(unknown()),
        };
        let mut query = BTreeMap::new();
        for (key, value) in form_urlencoded::parse(request.query().as_bytes()) {
            query.insert(key.into_owned(), value.into_owned());
        }
        let body = match request.body.as_slice() {
            [] => Value::Null,
            bytes => serde_json::from_slice(bytes).map_err(|error| bad("parseError", format!("Parse Error: {error}")))?,
        };
        let mut asked = Self {
            method: format!("{}.{verb}", resource(&place, kind)),
            http: request.method.clone(),
            project: (*project).to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            verb: verb.to_owned(),
            place,
            query,
            body,
            id: 0,
        };
        if asked.kind == "autoscalers" && verb == "patch" {
            asked.name = asked.query.get("autoscaler").cloned().unwrap_or_default();
        }
        Ok(asked)
    }

    /// `projects/P/zones/Z/instanceGroupManagers`.
    pub(crate) fn collection(&self) -> String {
        format!("projects/{}/{}/{}", self.project, self.place.path(), self.kind)
    }

    /// `projects/P/zones/Z/instanceGroupManagers/N`; of what is to be made, the body has the name.
    pub(crate) fn path(&self) -> String {
        let name = if self.verb == "insert" { text(&self.body, "name") } else { &self.name };
        format!("{}/{name}", self.collection())
    }

    /// Whether it changes anything.
    pub(crate) fn changes(&self) -> bool {
        !matches!(
            self.verb.as_str(),
            "get" | "list" | "aggregatedList" | "getFromFamily" | "listManagedInstances" | "listErrors" | "getHealth" | "wait"
        )
    }

    pub(crate) fn request_id(&self) -> Option<&str> {
        self.query.get("requestId").map(String::as_str)
    }

    /// A path of what a URL names, whole or in part, as seen from the request's project.
    pub(crate) fn resolve(&self, url: &str) -> String {
        resolve(&self.project, url)
    }
}

/// The discovery document's name of a collection somewhere.
fn resource(place: &Place, kind: &str) -> String {
    let (scope, kind) = match (place, kind) {
        (Place::Zone(_), "operations") => ("zone", kind),
        (Place::Region(_), "regions") | (Place::Zone(_) | Place::Aggregated, _) => return kind.into(),
        (Place::Region(_), _) => ("region", kind),
        (Place::Global, "operations") => ("global", kind),
        (Place::Global, _) => return kind.into(),
    };
    let mut letters = kind.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase()).unwrap_or_default();
    format!("{scope}{first}{}", letters.as_str())
}

/// A path of what a URL names: from `projects/` on. Partial URLs are of the project.
pub(crate) fn resolve(project: &str, url: &str) -> String {
    let rest = url.split_once("/compute/v1/").map_or(url, |(_, rest)| rest);
    if ["zones/", "regions/", "global/"].iter().any(|start| rest.starts_with(start)) {
        return format!("projects/{project}/{rest}");
    }
    rest.into()
}

/// The last part of a path or a URL.
pub(crate) fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A path's project.
pub(crate) fn project_of(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or_default()
}

/// A field's text, or nothing: `text(&body, "properties.machineType")`.
pub(crate) fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    at(body, field).and_then(Value::as_str).unwrap_or_default()
}

/// A field of a field.
pub(crate) fn at<'a>(body: &'a Value, field: &str) -> Option<&'a Value> {
    field.split('.').try_fold(body, |value, part| value.get(part))
}

/// A field that is a list; without it, nothing.
pub(crate) fn list<'a>(body: &'a Value, field: &str) -> &'a [Value] {
    at(body, field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
