//! A profile, as it is said and was.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::asked::{at, key, list, name_of, text};
use super::super::world::World;
use super::answers::Probes;

/// All profiles.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profiles {
    /// By id.
    pub(crate) known: BTreeMap<String, Profile>,
    /// External endpoints that are ill, by target.
    pub(crate) ill: BTreeMap<String, Vec<(u64, bool)>>,
}

/// A profile.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) id: String,
    pub(crate) said: Value,
    /// What was said, and from when on; the newest last.
    pub(super) history: Vec<(u64, Value)>,
}

/// An endpoint of a profile at a time.
#[derive(Clone, Debug)]
pub(super) struct Endpoint<'a> {
    pub(super) name: &'a str,
    pub(super) weight: u64,
    pub(super) enabled: bool,
    pub(super) always: bool,
    /// Of a public address, or nothing.
    pub(super) resource: &'a str,
    pub(super) target: &'a str,
}

impl<'a> Endpoint<'a> {
    fn of(endpoint: &'a Value) -> Self {
        Self {
            name: text(endpoint, "name"),
            weight: at(endpoint, "properties.weight").and_then(Value::as_u64).unwrap_or(1),
            enabled: text(endpoint, "properties.endpointStatus").eq_ignore_ascii_case("Enabled"),
            always: text(endpoint, "properties.alwaysServe").eq_ignore_ascii_case("Enabled"),
            resource: text(endpoint, "properties.targetResourceId"),
            target: text(endpoint, "properties.target"),
        }
    }
}

impl Profiles {
    pub(crate) fn keep(&mut self, id: &str, said: Value, now: u64) {
        let profile =
            self.known.entry(key(id)).or_insert_with(|| Profile { id: id.into(), said: Value::Null, history: Vec::new() });
        profile.history.push((now, said.clone()));
        profile.said = said;
    }
}

pub(super) fn endpoints(said: &Value) -> impl Iterator<Item = Endpoint<'_>> {
    list(said, "properties.endpoints").iter().map(Endpoint::of)
}

pub(super) fn enabled(said: &Value) -> bool {
    text(said, "properties.profileStatus").eq_ignore_ascii_case("Enabled")
}

/// In milliseconds.
pub(super) fn ttl(said: &Value) -> u64 {
    number(said, "properties.dnsConfig.ttl", 60).saturating_mul(1000)
}

pub(super) fn number(said: &Value, field: &str, or: u64) -> u64 {
    at(said, field).and_then(Value::as_u64).unwrap_or(or)
}

impl Profile {
    /// What was said at a time; nothing before the first.
    pub(super) fn at(&self, time: u64) -> Option<&Value> {
        self.history.iter().rev().find(|(from, _)| *from <= time).map(|(_, said)| said)
    }

    /// Since when an endpoint has been enabled without a break, at a time; nothing if it is not.
    pub(super) fn since(&self, name: &str, time: u64) -> Option<u64> {
        let past = self.history.iter().rev().filter(|(from, _)| *from <= time);
        let on = |said: &Value| enabled(said) && endpoints(said).any(|endpoint| endpoint.name == name && endpoint.enabled);
        past.take_while(|(_, said)| on(said)).last().map(|(from, _)| *from)
    }

    pub(super) fn json(&self, world: &World) -> Value {
        let (now, probes) = (world.now, Probes::new(world));
        let mut body = self.said.clone();
        let relative = text(&body, "properties.dnsConfig.relativeName").to_owned();
        let statuses: Vec<&str> = endpoints(&self.said).map(|endpoint| self.status(&probes, &endpoint, now)).collect();
        let overall = overall(&self.said, &statuses);
        super::put(&mut body, "properties.dnsConfig.fqdn", format!("{relative}.trafficmanager.net").into());
        super::put(&mut body, "properties.monitorConfig.profileMonitorStatus", overall.into());
        if let Some(shown) = body.pointer_mut("/properties/endpoints").and_then(Value::as_array_mut) {
            for (endpoint, status) in shown.iter_mut().zip(statuses) {
                super::put(endpoint, "properties.endpointMonitorStatus", status.into());
            }
        }
        for (field, value) in [
            ("id", json!(self.id)),
            ("name", json!(name_of(&self.id))),
            ("type", json!("Microsoft.Network/trafficManagerProfiles")),
            ("location", json!("global")),
        ] {
            super::put(&mut body, field, value);
        }
        if at(&body, "tags").is_none_or(Value::is_null) {
            super::put(&mut body, "tags", json!({}));
        }
        body
    }
}

/// "Traffic Manager endpoint monitoring", profile monitor status.
fn overall(said: &Value, statuses: &[&str]) -> &'static str {
    if !enabled(said) {
        "Disabled"
    } else if statuses.contains(&"Degraded") {
        "Degraded"
    } else if statuses.contains(&"Online") || statuses.contains(&"Unmonitored") {
        "Online"
    } else if statuses.contains(&"CheckingEndpoint") {
        "CheckingEndpoints"
    } else {
        "Inactive"
    }
}
