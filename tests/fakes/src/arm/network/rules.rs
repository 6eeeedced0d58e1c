//! What a load balancer must be.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::asked::{at, key, list, name_of, put, text};
use super::super::error::{Result, bad, invalid};
use super::super::world::World;
use super::reference;

/// The collections of a load balancer: what is in them has a name, and an id below it.
pub(super) const PARTS: [&str; 7] = [
    "frontendIPConfigurations",
    "backendAddressPools",
    "loadBalancingRules",
    "probes",
    "inboundNatRules",
    "inboundNatPools",
    "outboundRules",
];

/// What the service says of a part, which is not taken from who asks.
const OUTPUT: [&str; 7] = [
    "provisioningState",
    "backendIPConfigurations",
    "loadBalancingRules",
    "inboundNatRules",
    "inboundNatPools",
    "outboundRules",
    "outboundRule",
];

/// A load balancer as it is kept: without what the service says itself, and with what it adds.
pub(super) fn kept(said: &Value) -> Result<Value> {
    let mut body = Map::new();
    for field in ["location", "tags", "sku", "extendedLocation"] {
        if let Some(value) = said.get(field).filter(|value| !value.is_null()) {
            body.insert(field.into(), value.clone());
        }
    }
    let mut body = Value::Object(body);
    if text(&body, "sku.name").is_empty() {
        // "Basic" until it was retired on 30 September 2025: "Azure Basic Load Balancer overview".
        put(&mut body, "sku", json!({ "name": "Standard", "tier": "Regional" }));
    }
    for part in PARTS {
        let mut items = Vec::new();
        for item in list(said, &format!("properties.{part}")) {
            items.push(kept_part(part, item)?);
        }
        put(&mut body, &format!("properties.{part}"), items.into());
    }
    Ok(body)
}

pub(super) fn kept_part(part: &str, item: &Value) -> Result<Value> {
    let name = text(item, "name");
    if name.is_empty() {
        return Err(bad("InvalidRequestFormat", format!("Cannot parse the request: a resource in {part} has no name.")));
    }
    let mut properties = item.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    for field in OUTPUT {
        properties.remove(field);
    }
    if part == "backendAddressPools" {
        let addresses = properties.remove("loadBalancerBackendAddresses");
        let addresses: Vec<Value> = addresses.as_ref().and_then(Value::as_array).into_iter().flatten().cloned().collect();
        let addresses = addresses.into_iter().map(|address| address_kept(name, address)).collect::<Result<Vec<_>>>()?;
        properties.insert("loadBalancerBackendAddresses".into(), addresses.into());
    }
    if part == "loadBalancingRules" {
        rule_kept(name, &mut properties)?;
    }
    if part == "probes" && properties.get("intervalInSeconds").is_none_or(Value::is_null) {
        properties.insert("intervalInSeconds".into(), 15.into());
    }
    let mut kept = json!({ "name": name, "properties": properties });
    if let Some(zones) = item.get("zones").filter(|zones| !zones.is_null()) {
        put(&mut kept, "zones", zones.clone());
    }
    Ok(kept)
}

/// Who is in a pool by its network interface is in it whatever is said here. An address that is echoed without its name is taken for another
/// (azurerm#7691, azure-rest-api-specs#10104).
fn address_kept(pool: &str, mut address: Value) -> Result<Value> {
    if text(&address, "name").is_empty() {
        let id = text(&address, "properties.networkInterfaceIPConfiguration.id");
        let message = format!("Found duplicate ipConfiguration reference {id} on backend pool addresses of {pool}.");
        return Err(bad("DuplicateIpConfigurationReferenceOnBackendAddressPool", message));
    }
    let state = text(&address, "properties.adminState").to_owned();
    if !["", "None", "Up", "Down"].contains(&state.as_str()) {
        return Err(invalid("adminState", format!("'{state}' is none of None, Up and Down.")));
    }
    if let Some(properties) = address.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove("networkInterfaceIPConfiguration");
        properties.remove("inboundNatRulesPortMapping");
        properties.remove("provisioningState");
    }
    if let Some(address) = address.as_object_mut() {
        address.retain(|field, _| ["name", "properties"].contains(&field.as_str()));
    }
    Ok(address)
}

/// "BackendAddressPool and BackendAddressPools[] … cannot be set at the same time with different value": spinnaker#6736. Whichever is said is shown
/// in both.
fn rule_kept(name: &str, properties: &mut Map<String, Value>) -> Result<()> {
    let rule = Value::Object(properties.clone());
    let one = at(&rule, "backendAddressPool.id").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned);
    let many: Vec<String> = list(&rule, "backendAddressPools").iter().map(|pool| text(pool, "id").to_owned()).collect();
    let both = !many.is_empty() && one.is_some();
    if both && !(many.len() == 1 && many.iter().any(|pool| one.as_deref().is_some_and(|one| key(one) == key(pool)))) {
        return Err(bad(
            "LoadBalancingRuleBackendAdressPoolAndBackendAddressPoolsCannotBeSetAtTheSameTimeWithDifferentValue",
            format!(
                "BackendAddressPool and BackendAddressPools[] in LoadBalancingRule {name} cannot be set at the same time with different value."
            ),
        ));
    }
    if many.len() > 1 {
        // "Gateway load balancer": no other has two pools in a rule.
        return Err(bad(
            "MultipleBackendPoolsNotSupported",
            format!("LoadBalancingRule {name} has more than one backend address pool."),
        ));
    }
    let Some(pool) = one.or_else(|| many.into_iter().next()) else {
        properties.remove("backendAddressPool");
        properties.insert("backendAddressPools".into(), json!([]));
        return Ok(());
    };
    properties.insert("backendAddressPool".into(), json!({ "id": pool }));
    properties.insert("backendAddressPools".into(), json!([{ "id": pool }]));
    Ok(())
}

/// What is named must be there.
pub(super) fn check(world: &World, id: &str, body: &Value) -> Result<()> {
    super::check_tags(body)?;
    let mut there = BTreeSet::new();
    for part in PARTS {
        let mut names = BTreeSet::new();
        for item in list(body, &format!("properties.{part}")) {
            let name = text(item, "name").to_ascii_lowercase();
            there.insert(key(&format!("{id}/{part}/{name}")));
            if !names.insert(name) {
                let message = format!("Resource names have to be unique: {part} has '{}' twice.", text(item, "name"));
                return Err(bad("InvalidRequestFormat", message));
            }
        }
    }
    for rule in list(body, "properties.loadBalancingRules") {
        if reference(rule, "properties.frontendIPConfiguration").is_none() {
            return Err(bad(
                "InvalidRequestFormat",
                format!("LoadBalancingRule {} has no frontend IP configuration.", text(rule, "name")),
            ));
        }
        let fields = ["properties.frontendIPConfiguration", "properties.backendAddressPool", "properties.probe"];
        if let Some(wanted) = fields.iter().filter_map(|field| reference(rule, field)).find(|wanted| !there.contains(wanted)) {
            // pulumi-azure-native#3601 quotes it.
            return Err(bad(
                "InvalidResourceReference",
                format!(
                    "Resource {wanted} referenced by resource {id}/loadBalancingRules/{} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.",
                    text(rule, "name")
                ),
            ));
        }
    }
    for frontend in list(body, "properties.frontendIPConfigurations") {
        if let Some(address) =
            reference(frontend, "properties.publicIPAddress").filter(|address| !world.network.addresses.contains_key(address))
        {
            return Err(bad(
                "InvalidResourceReference",
                format!("Resource {address} referenced by resource {id} was not found."),
            ));
        }
    }
    distinct(body)
}

/// Two rules cannot lead to the same port of the same pool (MicrosoftDocs/azure-docs#94673 quotes it), or from the same port of the same frontend.
fn distinct(body: &Value) -> Result<()> {
    let rules = list(body, "properties.loadBalancingRules");
    for (number, one) in rules.iter().enumerate() {
        for other in rules.iter().skip(number + 1) {
            let same = |field: &str| at(one, field) == at(other, field);
            let names = format!("{} and {}", text(one, "name"), text(other, "name"));
            let protocol = same("properties.protocol");
            if protocol
                && same("properties.frontendPort")
                && reference(one, "properties.frontendIPConfiguration") == reference(other, "properties.frontendIPConfiguration")
            {
                let message = format!("Load balancing rules {names} use the same frontend, protocol and port.");
                return Err(bad("RulesUseSameFrontendPortProtocolAndFrontendIPConfig", message));
            }
            let floating = [one, other].iter().any(|rule| at(rule, "properties.enableFloatingIP") == Some(&Value::Bool(true)));
            let pool = reference(one, "properties.backendAddressPool");
            if protocol
                && !floating
                && pool.is_some()
                && same("properties.backendPort")
                && pool == reference(other, "properties.backendAddressPool")
            {
                let message = format!(
                    "Load balancing rules {names} with floating IP disabled use the same protocol {} and backend port {}, and must not be used with the same backend address pool {}.",
                    text(one, "properties.protocol"),
                    at(one, "properties.backendPort").map(Value::to_string).unwrap_or_default(),
                    name_of(pool.as_deref().unwrap_or_default()),
                );
                return Err(bad("RulesUseSameBackendPortProtocolAndPool", message));
            }
        }
    }
    Ok(())
}

/// A pool that somebody is in cannot be taken away: vm-scale-sets#53 quotes it; HTTP 400 as in azure-powershell#4698. The code is in neither.
pub(super) fn unused(world: &World, pool: &str, name: &str) -> Result<()> {
    let refuse = |what: &str, by: &str| {
        let message = format!("Cannot remove backend address pool {name} from load balancer since it is in use by {what} {by}.");
        Err(bad("CannotRemoveBackendAddressPoolInUse", message))
    };
    let pool = key(pool);
    if let Some(set) = world.pool_users(&pool).into_iter().next() {
        return refuse("virtual machine scale set", &set);
    }
    match world.members_at(&pool, world.now).first() {
        Some(machine) => refuse("network interface", &machine.nic),
        None => Ok(()),
    }
}
