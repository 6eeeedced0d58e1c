//! The scale set that a template makes of a generation's group.

use immutable_core::fleet::{GenerationSpec, GroupId, GroupSpec, Placement};
use immutable_core::{Error, Result};
use serde_json::{Value, json};

use super::{Admin, ApplicationHealth, VmssTemplate};
use crate::client::Azure;
use crate::ids::Source;
use crate::marks;
use crate::traffic::pools;

impl VmssTemplate {
    /// What boots, and what is installed on it.
    pub(crate) fn sources(&self, spec: &GenerationSpec) -> Result<(Source, Vec<String>)> {
        let mut applications = self.applications.clone();
        let source = match (Source::parse(spec.image.id().as_str())?, &self.base_image) {
            (Source::Application(id), Some(base)) => {
                applications.push(id);
                Source::parse(base)?
            }
            (Source::Application(id), None) => {
                return Err(Error::invalid(format!(
                    "{id} is an application; name the image that it is installed on, with VmssTemplate::base_image"
                )));
            }
            (_, Some(base)) => {
                return Err(Error::invalid(format!(
                    "the artifact is an image, and the template boots {base}; leave one of them out"
                )));
            }
            (source, None) => source,
        };
        let definition = |id: &str| id.to_ascii_lowercase().rsplit_once("/versions/").map(|(of, _)| of.to_owned());
        let mut definitions: Vec<_> = applications.iter().map(|id| definition(id)).collect();
        definitions.sort();
        if let Some(Some(twice)) = definitions.iter().zip(definitions.iter().skip(1)).find(|(a, b)| a == b).map(|(a, _)| a) {
            return Err(Error::invalid(format!(
                "{twice} is installed twice; name one version of it, in the template or as the artifact"
            )));
        }
        Ok((source, applications))
    }

    /// The scale set of a group, at size 0.
    pub(crate) fn scale_set(
        &self,
        azure: &Azure,
        spec: &GenerationSpec,
        one: &GroupSpec,
        backend_pool: Option<&str>,
    ) -> Result<Value> {
        let group = GroupId { generation: spec.id, cell: one.cell };
        let name = marks::name(&spec.fleet, group);
        let (source, applications) = self.sources(spec)?;
        let machine = &self.machine;
        let zones: Vec<&str> = match &one.placement {
            Placement::Zone(zone) => vec![zone.as_str()],
            Placement::Region => self.zones.iter().map(String::as_str).collect(),
        };
        let network = |kind: &str, name: &str| if name.starts_with('/') { name.to_owned() } else { azure.of(kind, name) };
        let subnet = match machine.subnet.split_once('/') {
            Some((net, subnet)) if !net.is_empty() => {
                format!("{}/subnets/{subnet}", network("Microsoft.Network/virtualNetworks", net))
            }
            _ => machine.subnet.clone(),
        };
        let mut ip = json!({ "subnet": { "id": subnet }, "primary": true });
        let fixed = self.backend_pools.iter().map(|pool| match pool.split_once('/') {
            Some((of, pool)) if !of.is_empty() => pools::id(azure, of, pool),
            _ => pool.clone(),
        });
        let pools: Vec<Value> = fixed.chain(backend_pool.map(str::to_owned)).map(|id| json!({ "id": id })).collect();
        set(&mut ip, "loadBalancerBackendAddressPools", (!pools.is_empty()).then(|| pools.into()));
        set(
            &mut ip,
            "publicIPAddressConfiguration",
            machine
                .public_address
                .then(|| json!({ "name": "public", "sku": { "name": "Standard" }, "properties": { "deleteOption": "Delete" } })),
        );
        let mut nic = json!({
            "primary": true,
            // Machines and what was made for them go together.
            "deleteOption": "Delete",
            "ipConfigurations": [{ "name": "ip", "properties": ip }],
        });
        let security =
            machine.security_group.as_ref().map(|name| json!({ "id": network("Microsoft.Network/networkSecurityGroups", name) }));
        set(&mut nic, "networkSecurityGroup", security);

        let disk = machine.os_disk.as_ref();
        let mut os_disk = json!({ "createOption": "FromImage", "deleteOption": "Delete", "caching": "ReadWrite" });
        set(
            &mut os_disk,
            "managedDisk",
            disk.and_then(|disk| disk.kind.as_ref()).map(|kind| json!({ "storageAccountType": kind })),
        );
        set(&mut os_disk, "diskSizeGB", disk.and_then(|disk| disk.gb).map(Value::from));

        let mut profile = json!({
            "storageProfile": { "imageReference": source.reference()?, "osDisk": os_disk },
            "networkProfile": {
                // "specifies the Microsoft.Network API version used when creating networking resources": Flexible needs it.
                "networkApiVersion": "2022-11-01",
                "networkInterfaceConfigurations": [{ "name": "nic", "properties": nic }],
            },
        });
        set(
            &mut profile,
            "osProfile",
            machine.admin.as_ref().map(|admin| os_profile(&name, admin, machine.custom_data.as_deref())),
        );
        let trusted =
            || json!({ "securityType": "TrustedLaunch", "uefiSettings": { "secureBootEnabled": true, "vTpmEnabled": true } });
        set(&mut profile, "securityProfile", machine.trusted_launch.then(trusted));
        let health = self.health.as_ref().map(|health| json!({ "extensions": [health.extension(machine.windows)] }));
        set(&mut profile, "extensionProfile", health);
        set(&mut profile, "applicationProfile", (!applications.is_empty()).then(|| installed(&applications)));

        let mut properties = json!({
            "orchestrationMode": "Flexible",
            "singlePlacementGroup": false,
            // "Max spreading": of each zone, or of the region.
            "platformFaultDomainCount": 1,
            "automaticRepairsPolicy": { "enabled": false },
            "virtualMachineProfile": profile,
        });
        let balances = || json!({ "automaticZoneRebalancingPolicy": { "enabled": false } });
        set(&mut properties, "resiliencyPolicy", (zones.len() > 1).then(balances));
        let mut body = json!({
            "location": azure.region(),
            "tags": marks::tags(spec, group),
            "sku": { "name": machine.size, "tier": "Standard", "capacity": 0 },
            "properties": properties,
        });
        set(&mut body, "zones", (!zones.is_empty()).then(|| json!(zones)));
        let identities: serde_json::Map<String, Value> = machine.identities.iter().map(|id| (id.clone(), json!({}))).collect();
        let identity = (!identities.is_empty()).then(|| json!({ "type": "UserAssigned", "userAssignedIdentities": identities }));
        set(&mut body, "identity", identity);
        Ok(body)
    }
}

fn set(of: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(object), Some(value)) = (of.as_object_mut(), value) {
        object.insert(name.to_owned(), value);
    }
}

fn os_profile(name: &str, admin: &Admin, custom_data: Option<&str>) -> Value {
    let path = format!("/home/{}/.ssh/authorized_keys", admin.name);
    let mut profile = json!({
        "computerNamePrefix": marks::computer_name_prefix(name),
        "adminUsername": admin.name,
        "linuxConfiguration": {
            "disablePasswordAuthentication": true,
            "ssh": { "publicKeys": [{ "path": path, "keyData": admin.ssh_key }] },
        },
    });
    set(&mut profile, "customData", custom_data.map(|text| Value::from(base64(text.as_bytes()))));
    profile
}

/// "VMGalleryApplication": pinned, and a machine on which it fails has failed.
fn installed(applications: &[String]) -> Value {
    let one = |(order, id): (usize, &String)| json!({ "packageReferenceId": id, "order": order + 1, "treatFailureAsDeploymentFailure": true, "enableAutomaticUpgrade": false });
    json!({ "galleryApplications": applications.iter().enumerate().map(one).collect::<Vec<_>>() })
}

impl ApplicationHealth {
    /// "Application Health extension", "Rich health states": version 2 says `Initializing` of one that has still time.
    fn extension(&self, windows: bool) -> Value {
        let kind = if windows { "ApplicationHealthWindows" } else { "ApplicationHealthLinux" };
        let mut settings = json!({ "protocol": self.protocol, "port": self.port, "intervalInSeconds": 5, "numberOfProbes": 1 });
        set(&mut settings, "requestPath", self.path.as_ref().map(|path| Value::from(path.trim_start_matches('/'))));
        set(&mut settings, "gracePeriod", self.grace.map(Value::from));
        json!({
            "name": "health",
            "properties": {
                "publisher": "Microsoft.ManagedServices",
                "type": kind,
                "typeHandlerVersion": "2.0",
                "autoUpgradeMinorVersion": true,
                "settings": settings,
            },
        })
    }
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    azure_core::base64::encode(bytes)
}
