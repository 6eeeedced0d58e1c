//! A load balancer as Azure has it: read whole, changed in what is ours, and written whole, under the etag of what was read.

use std::collections::{BTreeMap, BTreeSet};

use immutable_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use crate::client::{Azure, Call, lacks};
use crate::marks::{last, same};

/// Of the API of networks.
pub(super) const VERSION: &str = "2026-03-01";
pub(super) const KIND: &str = "Microsoft.Network/loadBalancers";

/// What only Azure says of the parts of a load balancer: `visibility=["read"]` in the models of azure-mgmt-network.
const SAID: &[(&str, &[&str])] = &[
    ("frontendIPConfigurations", &["inboundNatRules", "inboundNatPools", "outboundRules", "loadBalancingRules"]),
    (
        "backendAddressPools",
        &["backendIPConfigurations", "loadBalancingRules", "outboundRule", "outboundRules", "inboundNatRules"],
    ),
    ("loadBalancingRules", &[]),
    ("probes", &["loadBalancingRules"]),
    ("inboundNatRules", &["backendIPConfiguration"]),
    ("inboundNatPools", &[]),
    ("outboundRules", &[]),
];

/// A load balancer, as it was read.
#[derive(Clone, Debug)]
pub(super) struct Balancer {
    pub(super) name: String,
    id: String,
    body: Value,
    etag: String,
}

/// A machine in a backend pool, by its network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The id of the network interface, in lower case.
    pub(super) nic: String,
    /// Whether it gets no new connections, by `adminState`.
    pub(super) down: bool,
}

impl Azure {
    pub(super) async fn balancer(&self, name: &str) -> Result<Balancer> {
        let id = self.of(KIND, name);
        let answer = match self.ask(&Call::get("loadBalancers.get", &id, VERSION)).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let what = format!("there is no load balancer {name} in resource group {}; make it first", self.resource_group());
                return Err(Error::new(ErrorKind::NotFound, what).with_source(error));
            }
            answer => answer?,
        };
        let etag = answer.etag().ok_or_else(|| lacks("loadBalancers.get", "etag"))?;
        Ok(Balancer { name: name.to_owned(), id, body: answer.body, etag })
    }
}

impl Balancer {
    fn part(&self, part: &str) -> &[Value] {
        let found = self.body.get("properties").and_then(|properties| properties.get(part)).and_then(Value::as_array);
        found.map(Vec::as_slice).unwrap_or_default()
    }

    fn part_mut(&mut self, part: &str) -> Option<&mut Vec<Value>> {
        let properties = self.body.get_mut("properties")?.as_object_mut()?;
        properties.entry(part).or_insert_with(|| json!([])).as_array_mut()
    }

    /// `Succeeded`, `Updating`, `Failed`.
    pub(super) fn state(&self) -> &str {
        self.body.pointer("/properties/provisioningState").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether what was last asked of it was given up, and may be in force in part.
    pub(super) fn failed(&self) -> bool {
        ["Failed", "Canceled", "Cancelled"].iter().any(|state| self.state().eq_ignore_ascii_case(state))
    }

    fn rule(&self, name: &str) -> Result<&Value> {
        self.part("loadBalancingRules").iter().find(|rule| named(rule, name)).ok_or_else(|| {
            let all: Vec<&str> = self.part("loadBalancingRules").iter().map(name_of).collect();
            let what = format!("load balancer {} has no rule {name} (it has: {}); make it first", self.name, all.join(", "));
            Error::new(ErrorKind::NotFound, what)
        })
    }

    /// The ids of the backend pools that a rule sends to, in lower case: none, or one.
    pub(super) fn sends_to(&self, rule: &str) -> Result<BTreeSet<String>> {
        let properties = self.rule(rule)?.get("properties");
        let one = properties.and_then(|known| known.pointer("/backendAddressPool/id"));
        let many = properties.and_then(|known| known.get("backendAddressPools")).and_then(Value::as_array);
        let many = many.into_iter().flatten().filter_map(|pool| pool.get("id"));
        Ok(one.into_iter().chain(many).filter_map(Value::as_str).map(str::to_ascii_lowercase).collect())
    }

    /// Rules that send to a backend pool.
    pub(super) fn rules_to(&self, pool: &str) -> Vec<String> {
        let rules = self.part("loadBalancingRules").iter().map(name_of);
        let there = |rule: &&str| self.sends_to(rule).is_ok_and(|pools| pools.iter().any(|known| same(known, pool)));
        rules.filter(there).map(str::to_owned).collect()
    }

    /// Has a rule send to this backend pool, and to no other. Both fields say so: they are refused if they differ (spinnaker#6736).
    pub(super) fn send(&mut self, rule: &str, pool: Option<&str>) {
        let rules = self.part_mut("loadBalancingRules");
        let found = rules.and_then(|rules| rules.iter_mut().find(|known| named(known, rule)));
        if let Some(properties) = found.and_then(|rule| rule.get_mut("properties")).and_then(Value::as_object_mut) {
            properties.remove("backendAddressPool");
            if let Some(pool) = pool {
                properties.insert("backendAddressPool".to_owned(), json!({ "id": pool }));
            }
            let many: Vec<Value> = pool.iter().map(|pool| json!({ "id": pool })).collect();
            properties.insert("backendAddressPools".to_owned(), many.into());
        }
    }

    /// The id of the public address in front of a rule, in lower case, if it has one.
    pub(super) fn address_of(&self, rule: &str) -> Option<String> {
        let frontend = self.rule(rule).ok()?.pointer("/properties/frontendIPConfiguration/id")?.as_str()?;
        let frontends = self.part("frontendIPConfigurations").iter();
        let frontend = frontends.into_iter().find(|known| named(known, last(frontend)))?;
        Some(frontend.pointer("/properties/publicIPAddress/id")?.as_str()?.to_ascii_lowercase())
    }

    /// The id that a backend pool of this name has.
    pub(super) fn pool_id(&self, name: &str) -> String {
        format!("{}/backendAddressPools/{name}", self.id)
    }

    fn pool(&self, id: &str) -> Option<&Value> {
        self.part("backendAddressPools").iter().find(|pool| same(&self.pool_id(name_of(pool)), id))
    }

    pub(super) fn has_pool(&self, name: &str) -> bool {
        self.pool(&self.pool_id(name)).is_some()
    }

    pub(super) fn add_pool(&mut self, name: &str) {
        if let Some(pools) = self.part_mut("backendAddressPools") {
            pools.push(json!({ "name": name, "properties": {} }));
        }
    }

    /// Whether somebody is in a backend pool, by its id. Of another load balancer's nobody is known.
    pub(super) fn is_inhabited(&self, pool: &str) -> bool {
        let some = |field: &str| {
            let found = self.pool(pool).and_then(|pool| pool.get("properties")).and_then(|properties| properties.get(field));
            found.and_then(Value::as_array).is_some_and(|found| !found.is_empty())
        };
        some("backendIPConfigurations") || some("loadBalancerBackendAddresses")
    }

    /// Who is in a backend pool by its network interface.
    pub(super) fn addresses(&self, pool: &str) -> Vec<Address> {
        let of = |pool: &Value| {
            let states = addresses_of(pool).filter_map(|address| Some((nic_of(address)?, is_down(address))));
            let states: BTreeMap<String, bool> = states.collect();
            let all = pool.pointer("/properties/backendIPConfigurations").and_then(Value::as_array).into_iter().flatten();
            let all = all.filter_map(|configuration| nic(configuration.get("id")?.as_str()?));
            let all: BTreeSet<String> = all.chain(states.keys().cloned()).collect();
            all.into_iter().map(|nic| Address { down: states.get(&nic).copied().unwrap_or(false), nic }).collect()
        };
        self.pool(&self.pool_id(pool)).map(of).unwrap_or_default()
    }

    /// A backend pool in which these network interfaces get no new connections, as it is written; nothing if it is so already.
    pub(super) fn pool_without(&self, pool: &str, leaving: &BTreeSet<String>) -> Option<Value> {
        let mut body = self.pool(&self.pool_id(pool))?.clone();
        let mut changed = false;
        let addresses = body.pointer_mut("/properties/loadBalancerBackendAddresses").and_then(Value::as_array_mut)?;
        for address in addresses {
            if is_down(address) || !nic_of(address).is_some_and(|nic| leaving.contains(&nic)) {
                continue;
            }
            if let Some(properties) = address.get_mut("properties").and_then(Value::as_object_mut) {
                properties.insert("adminState".to_owned(), json!("Down"));
                changed = true;
            }
        }
        writable_part("backendAddressPools", &mut body);
        changed.then_some(body)
    }

    /// Writes one of its backend pools, under the etag of what was read: each part has that of the whole. Answered when it is accepted.
    pub(super) async fn put_pool(&self, azure: &Azure, name: &str, body: &Value) -> Result<()> {
        let call = Call::put("loadBalancerBackendAddressPools.createOrUpdate", &self.pool_id(name), VERSION, body);
        azure.order(&call.if_match(&self.etag)).await.map(drop)
    }

    /// Takes one of its backend pools away. Azure refuses one that a rule sends to, or that somebody is in.
    pub(super) async fn delete_pool(&self, azure: &Azure, name: &str) -> Result<()> {
        let call = Call::delete("loadBalancerBackendAddressPools.delete", &self.pool_id(name), VERSION);
        azure.complete(&call, true).await
    }

    pub(super) fn tags(&self) -> BTreeMap<String, String> {
        let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        self.body.get("tags").and_then(Value::as_object).into_iter().flatten().filter_map(text).collect()
    }

    pub(super) fn set_tags(&mut self, tags: &BTreeMap<String, String>) {
        if let Some(body) = self.body.as_object_mut() {
            body.insert("tags".to_owned(), json!(tags));
        }
    }

    /// Writes the whole of it, under the etag of what was read, and waits a while until that is done.
    pub(super) async fn put(&self, azure: &Azure) -> Result<()> {
        let call = Call::put("loadBalancers.createOrUpdate", &self.id, VERSION, &writable(&self.body));
        azure.complete(&call.if_match(&self.etag), false).await
    }

    /// What keeps a rule from being given to generations: all that is wrong.
    pub(super) fn unfit(&self, azure: &Azure, rule: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let text = |pointer: &str| self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if !text("/sku/name").eq_ignore_ascii_case("Standard") {
            // "Azure Load Balancer SKUs": a Basic one has no machines of several scale sets.
            let sku = text("/sku/name");
            wrong.push(format!("load balancer {} is {sku}, and has to be Standard; make another", self.name));
        }
        let location: String = text("/location").chars().filter(|c| !c.is_whitespace()).collect();
        if !location.eq_ignore_ascii_case(azure.region()) {
            wrong.push(format!("load balancer {} is in {location}, and the machines are in {}", self.name, azure.region()));
        }
        match self.rule(rule) {
            Err(error) => wrong.push(error.to_string()),
            Ok(found) if found.pointer("/properties/probe/id").and_then(Value::as_str).is_none() => {
                // "Administrative State (Admin State) in Azure Load Balancer": it only takes effect with a health probe.
                wrong.push(format!(
                    "rule {rule} of load balancer {} has no probe: who is ill would get requests, and nobody could be told to drain; give it one",
                    self.name
                ));
            }
            Ok(_) => {}
        }
        wrong
    }
}

pub(super) fn name_of(part: &Value) -> &str {
    part.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn named(part: &Value, name: &str) -> bool {
    name_of(part).eq_ignore_ascii_case(name)
}

fn addresses_of(pool: &Value) -> impl Iterator<Item = &Value> {
    pool.pointer("/properties/loadBalancerBackendAddresses").and_then(Value::as_array).into_iter().flatten()
}

fn is_down(address: &Value) -> bool {
    let state = address.pointer("/properties/adminState").and_then(Value::as_str);
    state.is_some_and(|state| state.eq_ignore_ascii_case("Down"))
}

fn nic_of(address: &Value) -> Option<String> {
    nic(address.pointer("/properties/networkInterfaceIPConfiguration/id")?.as_str()?)
}

/// The id of the network interface of an IP configuration, in lower case.
pub(super) fn nic(configuration: &str) -> Option<String> {
    let lower = configuration.to_ascii_lowercase();
    lower.split_once("/ipconfigurations/").map(|(nic, _)| nic.to_owned())
}

/// A load balancer without what only Azure says of it. All else stays, known or not.
fn writable(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(whole) = body.as_object_mut() {
        ["etag", "name", "type"].iter().for_each(|field| drop(whole.remove(*field)));
    }
    let Some(properties) = body.get_mut("properties").and_then(Value::as_object_mut) else { return body };
    ["provisioningState", "resourceGuid"].iter().for_each(|field| drop(properties.remove(*field)));
    for (part, _) in SAID {
        let items = properties.get_mut(*part).and_then(Value::as_array_mut);
        items.into_iter().flatten().for_each(|item| writable_part(part, item));
    }
    body
}

fn writable_part(part: &str, item: &mut Value) {
    if let Some(item) = item.as_object_mut() {
        ["etag", "type"].iter().for_each(|field| drop(item.remove(*field)));
    }
    let Some(properties) = item.get_mut("properties").and_then(Value::as_object_mut) else { return };
    properties.remove("provisioningState");
    let said = SAID.iter().filter(|(known, _)| *known == part).flat_map(|(_, fields)| *fields);
    said.for_each(|field| drop(properties.remove(*field)));
    let addresses = properties.get_mut("loadBalancerBackendAddresses").and_then(Value::as_array_mut);
    for address in addresses.into_iter().flatten() {
        // Its name is what it is known by (azurerm#7691).
        if let Some(address) = address.as_object_mut() {
            ["etag", "type", "id"].iter().for_each(|field| drop(address.remove(*field)));
        }
        if let Some(properties) = address.get_mut("properties").and_then(Value::as_object_mut) {
            let said = ["networkInterfaceIPConfiguration", "inboundNatRulesPortMapping", "provisioningState"];
            said.iter().for_each(|field| drop(properties.remove(*field)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/loadBalancers/front";

    fn balancer() -> Balancer {
        let pool = |name: &str| format!("{ID}/backendAddressPools/{name}");
        let nic = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/nic-1";
        let body = json!({
            "id": ID, "name": "front", "type": KIND, "etag": "W/\"1\"", "location": "westeurope", "sku": {"name": "Standard"},
            "tags": {"team": "shop"},
            "newer": 1,
            "properties": {
                "provisioningState": "Succeeded",
                "resourceGuid": "x",
                "scope": "Public",
                "backendAddressPools": [
                    {"name": "web-0001", "etag": "W/\"1\"", "properties": {
                        "provisioningState": "Succeeded",
                        "drainPeriodInSeconds": 30,
                        "backendIPConfigurations": [{"id": format!("{nic}/ipConfigurations/ip")}],
                        "loadBalancingRules": [{"id": "r"}],
                        "loadBalancerBackendAddresses": [{"name": "g_nic-1ip", "properties": {
                            "networkInterfaceIPConfiguration": {"id": format!("{nic}/ipConfigurations/ip")}, "adminState": "None",
                        }}],
                    }},
                    {"name": "web-0002", "properties": {}},
                ],
                "loadBalancingRules": [{"name": "http", "etag": "W/\"1\"", "properties": {
                    "frontendPort": 80, "probe": {"id": "p"}, "backendAddressPool": {"id": pool("web-0001")},
                    "backendAddressPools": [{"id": pool("web-0001")}], "newest": true,
                }}],
            },
        });
        Balancer { name: "front".into(), id: ID.into(), body, etag: "W/\"1\"".into() }
    }

    #[test]
    fn a_rule_sends_to_one_pool_in_both_fields() {
        let mut front = balancer();
        let (one, two) = (front.pool_id("web-0001"), front.pool_id("web-0002"));
        assert_eq!(front.sends_to("HTTP").unwrap(), [one.to_ascii_lowercase()].into());
        assert_eq!(front.rules_to(&one.to_uppercase()), ["http"]);
        front.send("http", Some(&two));
        assert_eq!(front.sends_to("http").unwrap(), [two.to_ascii_lowercase()].into());
        assert!(front.rules_to(&one).is_empty());
        front.send("http", None);
        assert!(front.sends_to("http").unwrap().is_empty());
        let absent = front.sends_to("https").unwrap_err();
        assert_eq!(absent.kind(), ErrorKind::NotFound);
        assert!(absent.to_string().contains("it has: http"), "{absent}");
    }

    #[test]
    fn what_is_written_back_is_what_others_have_said() {
        let written = writable(&balancer().body);
        for gone in [
            "/etag",
            "/name",
            "/type",
            "/properties/provisioningState",
            "/properties/resourceGuid",
            "/properties/backendAddressPools/0/etag",
            "/properties/backendAddressPools/0/properties/provisioningState",
            "/properties/backendAddressPools/0/properties/backendIPConfigurations",
            "/properties/backendAddressPools/0/properties/loadBalancingRules",
            "/properties/backendAddressPools/0/properties/loadBalancerBackendAddresses/0/properties/networkInterfaceIPConfiguration",
            "/properties/loadBalancingRules/0/etag",
        ] {
            assert_eq!(written.pointer(gone), None, "{gone}");
        }
        for kept in [
            "/id",
            "/newer",
            "/tags/team",
            "/sku/name",
            "/properties/scope",
            "/properties/backendAddressPools/0/properties/drainPeriodInSeconds",
            "/properties/backendAddressPools/0/properties/loadBalancerBackendAddresses/0/name",
            "/properties/backendAddressPools/0/properties/loadBalancerBackendAddresses/0/properties/adminState",
            "/properties/loadBalancingRules/0/properties/newest",
        ] {
            assert_eq!(written.pointer(kept), balancer().body.pointer(kept), "{kept}");
            assert!(written.pointer(kept).is_some(), "{kept}");
        }
    }

    #[test]
    fn who_is_told_to_drain_is_named_once() {
        let front = balancer();
        let nic = front.addresses("web-0001").first().unwrap().nic.clone();
        assert_eq!(front.addresses("web-0001"), [Address { nic: nic.clone(), down: false }]);
        assert!(front.addresses("web-0002").is_empty() && front.addresses("web-0003").is_empty());
        let body = front.pool_without("web-0001", &[nic.clone()].into()).unwrap();
        let state = "/properties/loadBalancerBackendAddresses/0/properties/adminState";
        assert_eq!(body.pointer(state), Some(&json!("Down")));
        let mut after = front.clone();
        *after
            .body
            .pointer_mut("/properties/backendAddressPools/0/properties/loadBalancerBackendAddresses/0/properties/adminState")
            .unwrap() = json!("down");
        assert_eq!(after.addresses("web-0001"), [Address { nic: nic.clone(), down: true }]);
        assert_eq!(after.pool_without("web-0001", &[nic].into()), None);
        assert_eq!(front.pool_without("web-0001", &["other".to_owned()].into()), None);
    }

    #[test]
    fn who_is_in_a_pool() {
        let mut front = balancer();
        assert!(front.is_inhabited(&front.pool_id("WEB-0001")) && !front.is_inhabited(&front.pool_id("web-0002")));
        assert!(!front.is_inhabited("/subscriptions/s/other"));
        front.add_pool("web-0003");
        assert!(front.has_pool("web-0003") && front.has_pool("WEB-0001") && !front.has_pool("web-0004"));
    }
}
