//! A profile of Traffic Manager. It has no etag: what is written last counts.

use std::collections::BTreeMap;

use immutable_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::balancer::name_of;
use crate::client::{Azure, Call};

const VERSION: &str = "2026-09-01";
const KIND: &str = "Microsoft.Network/trafficManagerProfiles";

/// A profile, as it was read.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) name: String,
    body: Value,
}

impl Azure {
    pub(super) async fn profile(&self, name: &str) -> Result<Profile> {
        match self.ask(&Call::get("profiles.get", &self.of(KIND, name), VERSION)).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let what = format!(
                    "there is no Traffic Manager profile {name} in resource group {}; make it first",
                    self.resource_group()
                );
                Err(Error::new(ErrorKind::NotFound, what).with_source(error))
            }
            answer => Ok(Profile { name: name.to_owned(), body: answer?.body }),
        }
    }
}

impl Profile {
    fn endpoints(&self) -> &[Value] {
        let found = self.body.pointer("/properties/endpoints").and_then(Value::as_array);
        found.map(Vec::as_slice).unwrap_or_default()
    }

    fn endpoint(&self, name: &str) -> Option<&Value> {
        self.endpoints().iter().find(|known| name_of(known).eq_ignore_ascii_case(name))
    }

    /// The weight of an endpoint; 0 of one that is disabled, or is not there.
    pub(super) fn weight(&self, endpoint: &str) -> u16 {
        self.endpoint(endpoint).map_or(0, weight)
    }

    /// The ids of all endpoints but these, and their weights.
    pub(super) fn others(&self, slots: &[&str]) -> Vec<(String, u16)> {
        let theirs = |one: &&Value| !slots.iter().any(|slot| name_of(one).eq_ignore_ascii_case(slot));
        let of = |one: &Value| {
            let id = one.get("id").and_then(Value::as_str).unwrap_or_else(|| name_of(one));
            (id.to_owned(), weight(one))
        };
        self.endpoints().iter().filter(theirs).map(of).collect()
    }

    /// The id of the public address that an endpoint is of, in lower case, if it is of one.
    pub(super) fn address_of(&self, endpoint: &str) -> Option<String> {
        let id = self.endpoint(endpoint)?.pointer("/properties/targetResourceId")?.as_str()?;
        (!id.is_empty()).then(|| id.to_ascii_lowercase())
    }

    /// How long a DNS answer may be believed, in seconds.
    pub(super) fn ttl(&self) -> u64 {
        self.body.pointer("/properties/dnsConfig/ttl").and_then(Value::as_u64).unwrap_or(60)
    }

    /// What keeps it from dividing requests between these endpoints.
    pub(super) fn unfit(&self, endpoints: &[&str]) -> Vec<String> {
        let text = |pointer: &str| self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let mut wrong = Vec::new();
        let method = text("/properties/trafficRoutingMethod");
        if !method.eq_ignore_ascii_case("Weighted") {
            wrong.push(format!("Traffic Manager profile {} routes by {method}; have it route by Weighted", self.name));
        }
        if text("/properties/profileStatus").eq_ignore_ascii_case("Disabled") {
            wrong.push(format!("Traffic Manager profile {} is disabled; enable it", self.name));
        }
        for missing in endpoints.iter().filter(|name| self.endpoint(name).is_none()) {
            let all: Vec<&str> = self.endpoints().iter().map(name_of).collect();
            let has = all.join(", ");
            wrong.push(format!("Traffic Manager profile {} has no endpoint {missing} (it has: {has}); make it first", self.name));
        }
        wrong
    }

    /// The same with these weights. One of 0 is an endpoint that is disabled: "Possible values are from 1 to 1000".
    pub(super) fn with(&self, weights: &BTreeMap<&str, u16>) -> Self {
        let mut after = self.clone();
        let endpoints = after.body.pointer_mut("/properties/endpoints").and_then(Value::as_array_mut);
        for endpoint in endpoints.into_iter().flatten() {
            let named = |(name, _): &(&&str, &u16)| name_of(endpoint).eq_ignore_ascii_case(name);
            let Some(weight) = weights.iter().find(named).map(|(_, weight)| *weight) else { continue };
            let Some(properties) = endpoint.get_mut("properties").and_then(Value::as_object_mut) else { continue };
            if weight > 0 {
                properties.insert("weight".to_owned(), json!(weight));
            }
            properties.insert("endpointStatus".to_owned(), json!(if weight > 0 { "Enabled" } else { "Disabled" }));
        }
        after
    }

    /// Writes all endpoints, in one call: a list is replaced by a patch.
    pub(super) async fn write(&self, azure: &Azure) -> Result<()> {
        let mut endpoints = self.endpoints().to_vec();
        for endpoint in &mut endpoints {
            // Azure's own word.
            if let Some(properties) = endpoint.get_mut("properties").and_then(Value::as_object_mut) {
                properties.remove("endpointMonitorStatus");
            }
        }
        let body = json!({ "properties": { "endpoints": endpoints } });
        azure.order(&Call::patch("profiles.update", &azure.of(KIND, &self.name), VERSION, &body)).await.map(drop)
    }
}

fn weight(endpoint: &Value) -> u16 {
    let status = endpoint.pointer("/properties/endpointStatus").and_then(Value::as_str).unwrap_or("Enabled");
    let weight = endpoint.pointer("/properties/weight").and_then(Value::as_u64).unwrap_or(1);
    if status.eq_ignore_ascii_case("Disabled") { 0 } else { u16::try_from(weight).unwrap_or(u16::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> Profile {
        let endpoint = |name: &str, status: &str, weight: u16| {
            json!({"id": format!("/p/{name}"), "name": name, "type": "t", "newer": 1, "properties": {
                "endpointStatus": status, "weight": weight, "endpointMonitorStatus": "Online", "newest": 2, "targetResourceId": "/A",
            }})
        };
        let endpoints = [endpoint("blue", "Enabled", 1000), endpoint("green", "Disabled", 7), endpoint("theirs", "Enabled", 3)];
        let body = json!({"properties": {"trafficRoutingMethod": "Weighted", "dnsConfig": {"ttl": 30}, "endpoints": endpoints}});
        Profile { name: "web-tm".into(), body }
    }

    #[test]
    fn only_the_weights_that_are_named_change() {
        let profile = profile();
        let weights = |of: &Profile| ["blue", "GREEN", "theirs", "nothing"].map(|name| of.weight(name));
        assert_eq!(weights(&profile), [1000, 0, 3, 0]);
        let after = profile.with(&[("blue", 0), ("Green", 5)].into());
        assert_eq!(weights(&after), [0, 5, 3, 0]);
        assert_eq!(after.endpoints()[2], profile.endpoints()[2]);
        assert_eq!((&after.endpoints()[0]["newer"], &after.endpoints()[0]["properties"]["newest"]), (&json!(1), &json!(2)));
        assert_eq!(after.endpoints()[0]["properties"]["weight"], 1000, "0 is no weight");
        assert_eq!(after.others(&["BLUE", "green"]), [("/p/theirs".to_owned(), 3)]);
    }

    #[test]
    fn what_keeps_it_from_dividing_is_named() {
        let mut profile = profile();
        assert_eq!((profile.unfit(&["blue", "green"]), profile.ttl()), (Vec::new(), 30));
        assert_eq!(profile.address_of("blue").as_deref(), Some("/a"));
        profile.body["properties"]["trafficRoutingMethod"] = json!("Priority");
        profile.body["properties"]["profileStatus"] = json!("Disabled");
        let wrong = profile.unfit(&["blue", "red"]).join("\n");
        for what in ["routes by Priority", "is disabled", "no endpoint red (it has: blue, green, theirs)"] {
            assert!(wrong.contains(what), "{wrong}");
        }
    }
}
