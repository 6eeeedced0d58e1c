//! A scale set and its machines, as they were read.

use std::collections::BTreeMap;

use immutable_core::Result;
use immutable_core::fleet::{FleetId, GroupId, Life, Verdict};
use immutable_core::id::InstanceKey;
use serde::Deserialize;
use serde_json::Value;

use crate::client::read;
use crate::errors::Fault;
use crate::ids::of_reference;
use crate::marks::{Mark, RUNS, last, same, tag};

/// A scale set, as far as it matters here.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Its path, as Azure spells it.
    pub(crate) resource: String,
    pub(crate) name: String,
    mark: Option<Mark>,
    pub(super) tags: BTreeMap<String, String>,
    /// The id of the image or the application that it was made to run.
    pub(super) runs: Option<String>,
    pub(crate) capacity: u32,
    pub(super) size: String,
    pub(super) etag: Option<String>,
    pub(super) flexible: bool,
    pub(super) state: String,
    pub(super) repairs: bool,
    pub(super) rebalances: bool,
    pub(super) zones: Vec<String>,
    /// All of it.
    pub(super) body: Value,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    name: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    zones: Vec<String>,
    #[serde(default)]
    sku: Sku,
}

#[derive(Default, Deserialize)]
struct Sku {
    #[serde(default)]
    name: String,
    #[serde(default)]
    capacity: u32,
}

impl Group {
    pub(crate) fn read(id: &str, body: Value, etag: Option<String>) -> Result<Self> {
        let named: Named = read(id, &body)?;
        let enabled = |pointer: &str| body.pointer(pointer).and_then(Value::as_bool) == Some(true);
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let image = body.pointer("/properties/virtualMachineProfile/storageProfile/imageReference").and_then(of_reference);
        let mark = Mark::read(&named.tags);
        // On a scale set of others it says nothing.
        let runs = mark.as_ref().and_then(|_| tag(&named.tags, RUNS)).map(str::to_owned).or(image);
        Ok(Self {
            mark,
            runs,
            tags: named.tags,
            capacity: named.sku.capacity,
            size: named.sku.name,
            etag: etag.or_else(|| body.get("etag").and_then(Value::as_str).map(str::to_owned)),
            // "orchestrationMode": what was made before there were two is Uniform.
            flexible: text("/properties/orchestrationMode").eq_ignore_ascii_case("Flexible"),
            state: text("/properties/provisioningState"),
            repairs: enabled("/properties/automaticRepairsPolicy/enabled"),
            rebalances: enabled("/properties/resiliencyPolicy/automaticZoneRebalancingPolicy/enabled"),
            zones: named.zones,
            resource: named.id,
            name: named.name,
            body,
        })
    }

    /// Which of a fleet's groups it is, by its tags and its name.
    pub(crate) fn id(&self, fleet: &FleetId) -> Option<GroupId> {
        let id = self.mark.as_ref()?.group(fleet)?;
        (self.is_adopted() || crate::marks::name(fleet, id).eq_ignore_ascii_case(&self.name)).then_some(id)
    }

    /// Whether others made it, and its tags say that it was adopted. Copied to another scale set they do not.
    pub(crate) fn is_adopted(&self) -> bool {
        self.mark.as_ref().and_then(|mark| mark.adopted.as_ref()).is_some_and(|name| name.eq_ignore_ascii_case(&self.name))
    }

    pub(super) fn mark(&self) -> Option<&Mark> {
        self.mark.as_ref()
    }

    /// Whether Azure works on it. What nobody has heard of is work.
    pub(super) fn is_at_work(&self) -> bool {
        !["Succeeded", "Failed", "Canceled"].iter().any(|state| self.state.eq_ignore_ascii_case(state))
    }
}

/// A machine of a scale set.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) name: String,
    /// Whether its scale set has another model by now than it was made of.
    pub(super) outdated: bool,
    /// How its scale set calls it: by a number, if that is Uniform, and else by its name.
    pub(super) instance: String,
    /// The unique id of the machine, whatever its name: `vmId`.
    incarnation: String,
    pub(super) zone: Option<String>,
    state: String,
    statuses: Vec<Status>,
    health: Option<String>,
    image: Option<String>,
    applications: Vec<String>,
    /// The ids of its network interfaces.
    pub(crate) interfaces: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Status {
    #[serde(default)]
    code: String,
    #[serde(default)]
    level: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

impl Machine {
    /// "Virtual Machines - List" or "Virtual Machine Scale Set VMs - List", with its instance view.
    pub(crate) fn read(id: &str, body: &Value) -> Result<Self> {
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let each = |pointer: &str| body.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
        let ids = |pointer: &str, name: &str| {
            each(pointer).filter_map(|one| one.get(name)?.as_str().map(str::to_owned)).collect::<Vec<String>>()
        };
        let statuses = body.pointer("/properties/instanceView/statuses").unwrap_or(&Value::Null);
        let statuses: Vec<Status> = if statuses.is_null() { Vec::new() } else { read(id, statuses)? };
        let said = Some(text("/properties/instanceView/vmHealth/status/code")).filter(|code| !code.is_empty());
        // Where the view has no word on health, its extension has.
        let extensions = each("/properties/instanceView/extensions")
            .flat_map(|one| one.get("substatuses").and_then(Value::as_array).into_iter().flatten());
        let told =
            extensions.filter_map(|status| status.get("code").and_then(Value::as_str)).find(|code| code.contains("HealthState/"));
        let name = text("/name");
        Ok(Self {
            outdated: body.pointer("/properties/latestModelApplied").and_then(Value::as_bool) == Some(false),
            instance: Some(text("/instanceId")).filter(|id| !id.is_empty()).unwrap_or_else(|| name.clone()),
            name,
            incarnation: text("/properties/vmId"),
            zone: each("/zones").next().and_then(Value::as_str).map(str::to_owned),
            state: text("/properties/provisioningState"),
            statuses,
            health: said.or(told.map(str::to_owned)),
            image: body.pointer("/properties/storageProfile/imageReference").and_then(of_reference),
            applications: ids("/properties/applicationProfile/galleryApplications", "packageReferenceId"),
            interfaces: ids("/properties/networkProfile/networkInterfaces", "id"),
        })
    }

    /// Name and incarnation; nothing of one that is nobody yet.
    pub(crate) fn key(&self) -> Option<InstanceKey> {
        (!self.incarnation.is_empty())
            .then(|| InstanceKey::named(self.name.as_str()).incarnation(self.incarnation.to_ascii_lowercase()))
    }

    /// What follows a word in one of its statuses: `PowerState/running`.
    fn status(&self, of: &str) -> Option<&str> {
        self.statuses.iter().find_map(|status| status.code.strip_prefix(of)?.strip_prefix('/'))
    }

    /// Where it is in its life. "States and billing status of Azure Virtual Machines"; what is done to it comes first.
    pub(crate) fn life(&self) -> Life {
        let is = |state: &str| self.state.eq_ignore_ascii_case(state);
        match self.status("PowerState").unwrap_or_default() {
            _ if is("Deleting") => Life::Leaving,
            "running" if is("Creating") => Life::Booting,
            "running" => Life::Running,
            "starting" | "creating" => Life::Booting,
            "stopping" | "stopped" | "deallocating" | "deallocated" | "hibernating" | "hibernated" => Life::Stopped,
            _ if is("Creating") => Life::Booting,
            _ => Life::Other,
        }
    }

    /// Whether Azure works on it.
    pub(super) fn is_at_work(&self) -> bool {
        !["Succeeded", "Failed", "Canceled"].iter().any(|state| self.state.eq_ignore_ascii_case(state))
    }

    pub(crate) fn leaves(&self) -> bool {
        self.life() == Life::Leaving
    }

    /// The scale set's word: it was made, and runs.
    pub(super) fn managed(&self) -> Verdict {
        match self.life() {
            Life::Running if self.state.eq_ignore_ascii_case("Succeeded") => Verdict::Healthy,
            Life::Booting => Verdict::Starting,
            _ => Verdict::Unknown,
        }
    }

    /// What its health extension says: `HealthState/healthy`. That it runs is not that it works, and no word is none.
    pub(super) fn health(&self) -> Verdict {
        match self.health.as_deref().and_then(|code| code.rsplit('/').next()).unwrap_or_default().to_ascii_lowercase().as_str() {
            "healthy" => Verdict::Healthy,
            "unhealthy" => Verdict::Unhealthy,
            "initializing" => Verdict::Starting,
            _ => Verdict::Unknown,
        }
    }

    /// What it runs of what its scale set was made for: the image that it booted, or the application that was installed on it.
    pub(super) fn runs(&self, wanted: Option<&str>) -> Option<String> {
        match wanted {
            Some(wanted) if self.applications.iter().chain(&self.image).any(|id| same(id, wanted)) => Some(wanted.to_owned()),
            // What is released is an application, and this one has another, or none.
            Some(wanted) if wanted.to_ascii_lowercase().contains("/applications/") => {
                let definition = |id: &str| id.to_ascii_lowercase().rsplit_once("/versions/").map(|(of, _)| of.to_owned());
                self.applications.iter().find(|id| definition(id) == definition(wanted)).map(|id| id.to_ascii_lowercase())
            }
            _ => self.image.clone(),
        }
    }

    /// What went wrong when it was made: `ProvisioningState/failed/AllocationFailed`.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let failed = |status: &&Status| {
            status.level.as_deref().is_some_and(|level| level.eq_ignore_ascii_case("Error"))
                || status.code.to_ascii_lowercase().starts_with("provisioningstate/failed")
        };
        let fault =
            |status: &Status| Fault { code: last(&status.code).to_owned(), message: status.message.clone().unwrap_or_default() };
        self.statuses.iter().filter(failed).map(fault).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn machine(state: &str, power: &str) -> Machine {
        let body = json!({
            "name": "web-0001-0_1a2b3c4d",
            "zones": ["1"],
            "properties": {
                "vmId": "8F6C", "provisioningState": state,
                "instanceView": {"statuses": [{"code": format!("ProvisioningState/{}", state.to_lowercase())}, {"code": format!("PowerState/{power}")}]},
            },
        });
        Machine::read("virtualMachines.list", &body).unwrap()
    }

    #[test]
    fn a_life_is_read_from_two_states() {
        assert_eq!(machine("Creating", "running").life(), Life::Booting);
        assert_eq!(machine("Succeeded", "running").life(), Life::Running);
        assert_eq!(machine("Failed", "running").life(), Life::Running);
        assert_eq!(machine("Deleting", "running").life(), Life::Leaving);
        assert_eq!(machine("Succeeded", "deallocated").life(), Life::Stopped);
        assert_eq!(machine("Failed", "").life(), Life::Other);
        assert_eq!(
            (machine("Failed", "running").managed(), machine("Succeeded", "running").managed()),
            (Verdict::Unknown, Verdict::Healthy)
        );
        assert_eq!(machine("Succeeded", "running").key().unwrap(), InstanceKey::named("web-0001-0_1a2b3c4d").incarnation("8f6c"));
    }

    #[test]
    fn what_a_scale_set_runs_is_in_a_tag_whatever_its_case() {
        let runs = |tags: Value| {
            let body = json!({"id": "/x", "name": "x", "tags": tags, "properties": {
                "virtualMachineProfile": {"storageProfile": {"imageReference": {"id": "/base"}}},
            }});
            Group::read("virtualMachineScaleSets.get", body, None).unwrap().runs.unwrap()
        };
        let ours = json!({"Immutable-Runs": "/application", "immutable-fleet": "web", "immutable-generation": "1", "immutable-cell": "0"});
        assert_eq!(runs(ours), "/application");
        assert_eq!(runs(json!({"immutable-runs": "/application"})), "/base", "a stranger's");
    }

    #[test]
    fn an_adopted_one_is_a_group_under_its_own_name_alone() {
        use immutable_core::Place;
        use immutable_core::fleet::GenerationId;
        let fleet = FleetId::new(Place::new("azure", "s", "westeurope").unwrap(), "web");
        let id = |name: &str, adopted: &str| {
            let tags = json!({"immutable-fleet": "web", "immutable-generation": "1", "immutable-cell": "0", "immutable-adopted": adopted});
            Group::read("virtualMachineScaleSets.get", json!({"id": "/x", "name": name, "tags": tags}), None).unwrap().id(&fleet)
        };
        let first = Some(GroupId { generation: GenerationId(1), cell: 0 });
        assert_eq!((id("legacy", "Legacy"), id("legacy-2", "legacy"), id("web-0001-0", "legacy")), (first, None, first));
    }

    #[test]
    fn no_word_on_health_is_none() {
        assert_eq!(machine("Succeeded", "running").health(), Verdict::Unknown);
        for (code, verdict) in [
            ("healthy", Verdict::Healthy),
            ("unhealthy", Verdict::Unhealthy),
            ("initializing", Verdict::Starting),
            ("odd", Verdict::Unknown),
        ] {
            let body = json!({"name": "x", "properties": {"instanceView": {"vmHealth": {"status": {"code": format!("HealthState/{code}")}}}}});
            assert_eq!(Machine::read("virtualMachines.list", &body).unwrap().health(), verdict, "{code}");
        }
    }

    #[test]
    fn what_went_wrong_is_in_the_statuses() {
        let status = json!({"code": "ProvisioningState/failed/AllocationFailed", "level": "Error", "message": "no room"});
        let body = json!({"name": "x", "properties": {"vmId": "1", "provisioningState": "Failed", "instanceView": {"statuses": [status]}}});
        let faults = Machine::read("virtualMachines.list", &body).unwrap().faults();
        assert_eq!(faults, [Fault { code: "AllocationFailed".into(), message: "no room".into() }]);
    }

    #[test]
    fn what_runs_is_the_application_where_that_is_released() {
        let of = |version: &str| {
            format!(
                "/subscriptions/s/resourcegroups/g/providers/microsoft.compute/galleries/a/applications/web/versions/{version}"
            )
        };
        let body = json!({"name": "x", "properties": {
            "storageProfile": {"imageReference": {"id": "/IMAGE"}},
            "applicationProfile": {"galleryApplications": [{"packageReferenceId": of("1.0.0").to_uppercase()}]},
        }});
        let machine = Machine::read("virtualMachines.list", &body).unwrap();
        assert_eq!(machine.runs(Some(&of("1.0.0"))), Some(of("1.0.0")));
        assert_eq!(machine.runs(Some(&of("1.1.0"))), Some(of("1.0.0")));
        assert_eq!(machine.runs(Some("/image")).as_deref(), Some("/image"));
        assert_eq!(machine.runs(Some("/other")).as_deref(), Some("/image"));
    }
}
