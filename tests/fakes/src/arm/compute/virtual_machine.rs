//! Virtual machines, as they are shown: on their own, and as members of a scale set.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::asked::{Asked, at, key, put, text};
use super::super::error::{Result, bad, missing};
use super::super::operation::{Next, Operation, Work};
use super::super::table::Row;
use super::super::world::{World, time};
use super::VERSIONS;
use super::converge::gone_at;
use super::machine::Machine;
use super::model::secretive;
use super::scale_set::is_flexible;

const ALL: &str = "G/Microsoft.Compute/virtualMachines";
const EVERYWHERE: &str = "S/Microsoft.Compute/virtualMachines";
const ONE: &str = "G/Microsoft.Compute/virtualMachines/*";
const MEMBERS: &str = "G/Microsoft.Compute/virtualMachineScaleSets/*/virtualMachines";

pub(crate) const CALLS: &[Row] = &[
    Row::new("virtualMachines.list", "GET", ALL, VERSIONS, list).query(&["$filter", "$expand"]),
    Row::new("virtualMachines.listAll", "GET", EVERYWHERE, VERSIONS, list_all).query(&["statusOnly", "$filter", "$expand"]),
    Row::new("virtualMachines.get", "GET", ONE, VERSIONS, get).query(&["$expand"]),
    Row::new("virtualMachines.delete", "DELETE", ONE, VERSIONS, delete).query(&["forceDeletion"]),
    Row::new("virtualMachineScaleSetVMs.list", "GET", MEMBERS, VERSIONS, members).query(&["$filter", "$select", "$expand"]),
];

fn expanded(asked: &Asked) -> Result<bool> {
    match asked.query.get("$expand").map(String::as_str) {
        None => Ok(false),
        Some(word) if word.eq_ignore_ascii_case("instanceView") => Ok(true),
        Some(word) => Err(bad(
            "InvalidParameter",
            format!("The value '{word}' of $expand is not supported. The supported value is 'instanceView'."),
        )),
    }
}

/// "The system query option to filter VMs returned in the response. Allowed value is 'virtualMachineScaleSet/id' eq …"; "The expand expression to
/// apply on operation. 'instanceView' enables fetching run time status of all Virtual Machines, this can only be specified if a valid $filter option
/// is specified".
fn list(world: &mut World, asked: &Asked) -> Result<Answer> {
    let expanded = expanded(asked)?;
    let set = match asked.query.get("$filter") {
        None if expanded => {
            return Err(bad("InvalidParameter", "$expand can only be specified together with a valid $filter."));
        }
        None => None,
        Some(filter) => Some(filtered(filter)?),
    };
    let below = format!("{}/", key(asked.target()));
    let all = world
        .visible()
        .into_iter()
        .filter(|machine| key(&machine.id).starts_with(&below) && set.as_ref().is_none_or(|set| key(&machine.set) == *set));
    let all = all.map(|machine| (key(&machine.id), alone(world, machine, expanded))).collect();
    Ok(world.page(asked, all))
}

/// "Lists all of the virtual machines in the specified subscription": those of scale sets only if they are Flexible, as members have no ids of machines otherwise.
fn list_all(world: &mut World, asked: &Asked) -> Result<Answer> {
    if let Some(odd) = ["statusOnly", "$filter", "$expand"].into_iter().find(|name| asked.query.contains_key(*name)) {
        return Err(bad("InvalidParameter", format!("The fake knows no {odd} here.")));
    }
    let alone_in = |id: &str| id.split('/').nth(7).is_some_and(|kind| kind.eq_ignore_ascii_case("virtualMachines"));
    let all = world.visible().into_iter().filter(|machine| alone_in(&machine.id));
    let all = all.map(|machine| (key(&machine.id), alone(world, machine, false))).collect();
    Ok(world.page(asked, all))
}

/// The key of the scale set that a filter asks for.
fn filtered(filter: &str) -> Result<String> {
    let refused = || bad("InvalidParameter", format!("The $filter '{filter}' is not supported."));
    let (field, id) = filter.split_once(" eq ").ok_or_else(refused)?;
    if field.trim().trim_matches('\'') != "virtualMachineScaleSet/id" {
        return Err(refused());
    }
    // The docstring has the id without its first quotation mark; callers write both.
    let id = id.trim().trim_matches('\'');
    if id.starts_with('/') { Ok(key(id)) } else { Err(refused()) }
}

fn get(world: &mut World, asked: &Asked) -> Result<Answer> {
    let expanded = expanded(asked)?;
    let found = world.visible().into_iter().find(|machine| key(&machine.id) == asked.key());
    found.map(|machine| Answer::ok(alone(world, machine, expanded))).ok_or_else(|| missing(asked.target()))
}

/// The capacity of its scale set drops with it.
fn delete(world: &mut World, asked: &Asked) -> Result<Answer> {
    let there = world.compute.machines.values().find(|machine| machine.there(world.now) && key(&machine.id) == asked.key());
    let Some((number, id)) = there.map(|machine| (machine.number, machine.id.clone())) else { return Ok(Answer::empty(204)) };
    let force = asked.query.get("forceDeletion").is_some_and(|force| force == "true");
    world.take_out(number, force);
    let work = Work { target: id, doing: "Deleting", takes: 1, step: gone, data: json!(number) };
    let operation = world.start(asked, work);
    Ok(world.accepted(asked, Answer::empty(202), &operation))
}

fn gone(world: &mut World, operation: &Operation) -> Next {
    let numbers: Vec<u64> = operation.data.as_u64().into_iter().collect();
    gone_at(world, &numbers).map_or(Next::Done, Next::Again)
}

/// Members of a scale set. Those of a flexible one come without their tags and their view: azure-sdk-for-go#19707, azure-rest-api-specs#27441.
fn members(world: &mut World, asked: &Asked) -> Result<Answer> {
    let set = asked.target().rsplit_once('/').map_or("", |(set, _)| set).to_owned();
    let found = world.find(&set).cloned().ok_or_else(|| missing(&set))?;
    let (expanded, flexible) = (expanded(asked)?, is_flexible(&found));
    let model = at(&found.body, "properties.virtualMachineProfile");
    let all = world.visible().into_iter().filter(|machine| key(&machine.set) == key(&set)).map(|machine| {
        let mut body = world.common(machine);
        put(&mut body, "id", format!("{}/virtualMachines/{}", found.id, machine.instance).into());
        put(&mut body, "type", "Microsoft.Compute/virtualMachineScaleSets/virtualMachines".into());
        put(&mut body, "instanceId", machine.instance.clone().into());
        put(&mut body, "sku", json!({ "name": machine.size }));
        put(&mut body, "properties.latestModelApplied", (Some(&machine.profile) == model).into());
        if flexible {
            put(&mut body, "properties.virtualMachineResourceId", machine.id.clone().into());
        } else {
            put(&mut body, "tags", machine.tags.clone());
            if expanded {
                put(&mut body, "properties.instanceView", world.view(machine));
            }
        }
        if !machine.protection.is_null() {
            put(&mut body, "properties.protectionPolicy", machine.protection.clone());
        }
        (key(text(&body, "id")), body)
    });
    let all = all.collect();
    Ok(world.page(asked, all))
}

/// A machine on its own.
fn alone(world: &World, machine: &Machine, expanded: bool) -> Value {
    let mut body = world.common(machine);
    put(&mut body, "id", machine.id.clone().into());
    put(&mut body, "type", "Microsoft.Compute/virtualMachines".into());
    put(&mut body, "tags", machine.tags.clone());
    put(&mut body, "properties.virtualMachineScaleSet", json!({ "id": machine.set }));
    if let Some(applications) = machine.profile.get("applicationProfile") {
        put(&mut body, "properties.applicationProfile", applications.clone());
    }
    if expanded {
        put(&mut body, "properties.instanceView", world.view(machine));
    }
    body
}

impl World {
    /// What a reader is shown: who is new is missing at first, who is gone is shown for a while.
    fn visible(&self) -> Vec<&Machine> {
        let (now, lag) = (self.now, self.settings.lag);
        let old = |machine: &&Machine| machine.created.saturating_add(lag) <= now;
        let shown = |machine: &&Machine| machine.leaving.is_none_or(|(_, gone)| gone.saturating_add(lag) > now);
        self.compute.machines.values().filter(old).filter(shown).collect()
    }

    /// What a machine and a member have in common.
    fn common(&self, machine: &Machine) -> Value {
        let mut profile = machine.profile.clone();
        secretive(&mut profile);
        let mut storage = profile.get("storageProfile").cloned().unwrap_or_else(|| json!({}));
        if let Some(exact) = &machine.exact {
            // "Specifies in decimal numbers, the version of platform image or marketplace image used to create the virtual machine. This readonly
            // field differs from 'version', only if the value specified in 'version' field is 'latest'."
            put(&mut storage, "imageReference.exactVersion", exact.clone().into());
        }
        // The models require it, and images leave no choice.
        put(&mut storage, "osDisk.createOption", "FromImage".into());
        put(&mut storage, "osDisk.name", format!("{}_disk1", machine.name).into());
        let mut body = json!({
            "name": machine.name,
            "location": self.location,
            "properties": {
                "vmId": machine.vm_id,
                "provisioningState": machine.state(self.now),
                "timeCreated": time(machine.created),
                "hardwareProfile": { "vmSize": machine.size },
                "storageProfile": storage,
                "osProfile": { "computerName": machine.name },
                "networkProfile": { "networkInterfaces": [{ "id": machine.nic, "properties": { "primary": true } }] },
            },
        });
        if let Some(zone) = &machine.zone {
            put(&mut body, "zones", json!([zone]));
        }
        body
    }

    /// `instanceView`.
    fn view(&self, machine: &Machine) -> Value {
        let (now, check) = (self.now, self.compute.check);
        let status = |code: String, level: &str, words: &str, at: u64| json!({ "code": code, "level": level, "displayStatus": words, "time": time(at) });
        let state = machine.state(now).to_ascii_lowercase();
        let since = machine.leaving.map_or(machine.created, |(at, _)| at);
        let mut statuses = Vec::new();
        match &machine.settled {
            (at, Some(why)) if state == "failed" => {
                let mut failed = status(format!("ProvisioningState/failed/{}", why.code), "Error", "Provisioning failed", *at);
                put(&mut failed, "message", why.message.as_ref().into());
                statuses.push(failed);
            }
            _ => statuses.push(status(format!("ProvisioningState/{state}"), "Info", &format!("Provisioning {state}"), since)),
        }
        let power = machine.power(now);
        // The power state has no time of its own.
        statuses.push(json!({ "code": format!("PowerState/{power}"), "level": "Info", "displayStatus": format!("VM {power}") }));
        let mut view = json!({ "computerName": machine.name, "statuses": statuses });
        if let Some((at, code)) = machine.reported(now, check) {
            let level = if matches!(code, "healthy" | "initializing") { "Info" } else { "Warning" };
            let words = format!("The VM is reporting itself as {code} or is {code}.");
            put(&mut view, "vmHealth.status", status(format!("HealthState/{code}"), level, &words, at));
        }
        if machine.running(now) {
            put(&mut view, "vmAgent.vmAgentVersion", "2.11.1.4".into());
            let ready = status("ProvisioningState/succeeded".into(), "Info", "Ready", machine.runs_at.unwrap_or(now));
            put(&mut view, "vmAgent.statuses", json!([ready]));
        }
        view
    }
}
