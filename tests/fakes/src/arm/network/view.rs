//! A load balancer as it is shown: with ids, states, and who is in its pools.

use serde_json::{Value, json};

use super::super::asked::{Asked, key, list, name_of, part, put, text};
use super::super::compute::machine::Machine;
use super::super::error::{Result, stale};
use super::super::resource::Resource;
use super::super::world::World;
use super::reference;
use super::rules::PARTS;
use crate::fault::scramble;

/// `W/"…"`: azure-rest-api-specs#10104 shows one.
pub(super) fn etag(world: &World, found: &Resource) -> String {
    let own = found.etag();
    if !world.network.members_count {
        return format!("W/{own}");
    }
    let pools = list(&found.body, "properties.backendAddressPools").iter();
    let pools = pools.map(|pool| key(&format!("{}/backendAddressPools/{}", found.id, text(pool, "name"))));
    let members = pools.flat_map(|pool| world.members_at(&pool, world.now));
    let sum = members.fold(0, |sum, machine| scramble(sum ^ machine.number.wrapping_add(1)));
    format!("W/\"{}-{:08x}\"", own.trim_matches('"'), sum >> 32)
}

/// `If-Match` is none of the documented parameters, and is heeded (cloud-provider-azure#792).
pub(super) fn precondition(world: &World, asked: &Asked, balancer: &str) -> Result<()> {
    let bare = |etag: &str| etag.trim().trim_start_matches("W/").trim_matches('"').to_owned();
    let there = world.find(balancer).map(|found| bare(&etag(world, found)));
    let same = |wanted: &str| there.as_ref().is_some_and(|there| wanted.trim() == "*" || bare(wanted) == *there);
    let matches = asked.if_match.as_deref().is_none_or(same);
    let none = asked.if_none_match.as_deref().is_none_or(|wanted| !same(wanted));
    if matches && none { Ok(()) } else { Err(stale(&asked.path)) }
}

pub(super) fn json(world: &World, found: &Resource) -> Value {
    let mut body = found.json();
    let etag = etag(world, found);
    put(&mut body, "etag", etag.clone().into());
    put(&mut body, "properties.resourceGuid", world.uuid(found.created).into());
    for name in PARTS {
        let items: Vec<Value> =
            list(&found.body, &format!("properties.{name}")).iter().map(|item| shown(world, found, name, item)).collect();
        put(&mut body, &format!("properties.{name}"), items.into());
    }
    body
}

/// A pool by its name.
pub(super) fn pool(world: &World, found: &Resource, name: &str) -> Option<Value> {
    let pools = list(&found.body, "properties.backendAddressPools");
    pools
        .iter()
        .find(|pool| text(pool, "name").eq_ignore_ascii_case(name))
        .map(|pool| shown(world, found, "backendAddressPools", pool))
}

fn shown(world: &World, found: &Resource, part: &str, item: &Value) -> Value {
    let mut body = item.clone();
    let id = format!("{}/{part}/{}", found.id, text(item, "name"));
    put(&mut body, "id", id.clone().into());
    put(&mut body, "etag", etag(world, found).into());
    put(&mut body, "type", format!("{}/{part}", found.kind).into());
    put(&mut body, "properties.provisioningState", found.state.into());
    let users = |field: &str| -> Vec<Value> {
        let rules = list(&found.body, "properties.loadBalancingRules").iter();
        let naming = rules.filter(|rule| reference(rule, &format!("properties.{field}")).is_some_and(|named| named == key(&id)));
        naming.map(|rule| json!({ "id": format!("{}/loadBalancingRules/{}", found.id, text(rule, "name")) })).collect()
    };
    match part {
        "frontendIPConfigurations" => put(&mut body, "properties.loadBalancingRules", users("frontendIPConfiguration").into()),
        "probes" => put(&mut body, "properties.loadBalancingRules", users("probe").into()),
        "backendAddressPools" => {
            put(&mut body, "properties.loadBalancingRules", users("backendAddressPool").into());
            let members = world.members_at(&key(&id), world.now);
            let configurations: Vec<Value> =
                members.iter().map(|machine| json!({ "id": configuration(machine, &key(&id)) })).collect();
            put(&mut body, "properties.backendIPConfigurations", configurations.into());
            put(&mut body, "properties.loadBalancerBackendAddresses", addresses(item, &id, &members).into());
        }
        _ => {}
    }
    body
}

/// Those who are there by their network interfaces, and what else was said of each.
fn addresses(pool: &Value, id: &str, members: &[&Machine]) -> Vec<Value> {
    let said = list(pool, "properties.loadBalancerBackendAddresses");
    let mut shown: Vec<Value> = members
        .iter()
        .map(|machine| {
            let name = address_name(machine, &key(id));
            let state = admin_state(pool, &name);
            json!({
                "name": name,
                "properties": { "networkInterfaceIPConfiguration": { "id": configuration(machine, &key(id)) }, "adminState": state },
            })
        })
        .collect();
    // By their addresses: who has one.
    shown.extend(said.iter().filter(|address| !text(address, "properties.ipAddress").is_empty()).cloned());
    shown
}

/// `None`, `Up` or `Down`, as it was said of an address.
pub(super) fn admin_state<'a>(pool: &'a Value, name: &str) -> &'a str {
    let said = list(pool, "properties.loadBalancerBackendAddresses").iter();
    let state = said
        .filter(|address| text(address, "name").eq_ignore_ascii_case(name))
        .map(|address| text(address, "properties.adminState"));
    state.rev().find(|state| !state.is_empty()).unwrap_or("None")
}

/// `GROUP_NICCONFIGURATION`: azurerm#29775 shows one.
pub(super) fn address_name(machine: &Machine, pool: &str) -> String {
    let id = configuration(machine, pool);
    format!("{}_{}{}", part(&id, "resourceGroups"), name_of(&machine.nic), name_of(&id))
}

/// The id of the IP configuration by which a machine is in a pool.
pub(super) fn configuration(machine: &Machine, pool: &str) -> String {
    let interfaces = list(&machine.profile, "networkProfile.networkInterfaceConfigurations");
    let mut configurations = interfaces.iter().flat_map(|interface| list(interface, "properties.ipConfigurations"));
    let named = |configuration: &&Value| {
        list(configuration, "properties.loadBalancerBackendAddressPools").iter().any(|known| key(text(known, "id")) == pool)
    };
    let name = configurations.find(named).map_or("ipconfig", |configuration| text(configuration, "name"));
    format!("{}/ipConfigurations/{name}", machine.nic)
}

/// A private address of its own.
pub(super) fn ip_address(machine: &Machine) -> String {
    let [.., high, low] = (machine.number + 4).to_be_bytes();
    format!("10.0.{high}.{low}")
}
