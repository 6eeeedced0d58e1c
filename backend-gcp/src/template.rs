//! How machines are made, as Google understands it.

use std::collections::BTreeMap;

use google_cloud_compute_v1::model::attached_disk::{Mode, Type as DiskType};
use google_cloud_compute_v1::model::{
    AccessConfig, AttachedDisk, AttachedDiskInitializeParams, InstanceProperties, Metadata, NetworkInterface, ServiceAccount,
    ShieldedInstanceConfig, Tags, access_config, metadata,
};
use immutable_core::{Error, ImageRef, LaunchTemplate, Result};

use crate::marks::{last, relative};

/// How the machines of a managed instance group are made. A fleet gets it as `LaunchTemplate::of(&template)?`.
///
/// ```
/// use backend_gcp::{Machine, MigTemplate};
/// use immutable_core::LaunchTemplate;
///
/// let machine = Machine::new("e2-small").subnetwork("default").tags(["web"]);
/// let template = LaunchTemplate::of(&MigTemplate::new(machine).named_port("http", 8080))?;
/// # Ok::<(), immutable_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MigTemplate {
    /// The machine.
    pub machine: Machine,
    /// What says whether a machine works; without it, only that it runs is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// The ports that load balancers call by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub named_ports: BTreeMap<String, u16>,
    /// The zones that a group of the region spreads over, as in `europe-west1-b`; those that Google chooses without any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
}

/// A health check that a group asks about its machines.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HealthCheck {
    /// By its URL in the project: `global/healthChecks/web`.
    pub url: String,
    /// For how many seconds after it was made a machine is not yet judged.
    pub initial_delay: u32,
}

impl HealthCheck {
    /// This one, after so many seconds.
    pub fn new(url: impl Into<String>, initial_delay: u32) -> Self {
        Self { url: url.into(), initial_delay }
    }
}

impl MigTemplate {
    /// Machines like this.
    pub fn new(machine: Machine) -> Self {
        Self { machine, health_check: None, named_ports: BTreeMap::new(), zones: Vec::new() }
    }

    /// Asks this check about each machine.
    #[must_use]
    pub fn health_check(mut self, check: HealthCheck) -> Self {
        self.health_check = Some(check);
        self
    }

    /// Has load balancers find a port by this name.
    #[must_use]
    pub fn named_port(mut self, name: impl Into<String>, port: u16) -> Self {
        self.named_ports.insert(name.into(), port);
        self
    }

    /// Spreads a group of the region over these zones.
    #[must_use]
    pub fn zones(mut self, zones: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.zones = zones.into_iter().map(Into::into).collect();
        self
    }
}

/// One machine. What is not here is as Compute Engine has it by default, but that it boots what is signed only where [`secure_boot`](Self::secure_boot) says so, and that
/// its disks go with it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Machine {
    /// The machine type: `e2-small`.
    pub machine_type: String,
    /// The subnetwork, by its name in the fleet's region, or by its URL. Without it, the project's default network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnetwork: Option<String>,
    /// The network tags, which firewall rules go by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The service account, by its address, with the scope `cloud-platform`. Without it, the machine has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    /// The metadata, among it `startup-script`. It is journaled and shown: put no secret in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The boot disk; as large as the image, of the standard kind, without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_disk: Option<Disk>,
    /// Whether it has a public address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public_address: bool,
    /// Whether only what is signed boots.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secure_boot: bool,
}

/// A boot disk.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Disk {
    /// Its size in GB; the image's without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gb: Option<u32>,
    /// Its kind: `pd-balanced`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

impl Disk {
    /// So large, in GB, and of this kind.
    pub fn new(gb: u32, kind: impl Into<String>) -> Self {
        Self { gb: Some(gb), kind: Some(kind.into()) }
    }
}

/// "Metadata limits": 256 KB a value, 512 KB in all.
const METADATA_MAX: usize = 512 * 1024;
const VALUE_MAX: usize = 256 * 1024;

impl Machine {
    /// A machine of this type.
    pub fn new(machine_type: impl Into<String>) -> Self {
        Self {
            machine_type: machine_type.into(),
            subnetwork: None,
            tags: Vec::new(),
            service_account: None,
            metadata: BTreeMap::new(),
            boot_disk: None,
            public_address: false,
            secure_boot: false,
        }
    }

    /// In this subnetwork.
    #[must_use]
    pub fn subnetwork(mut self, name: impl Into<String>) -> Self {
        self.subnetwork = Some(name.into());
        self
    }

    /// With these network tags.
    #[must_use]
    pub fn tags(mut self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// As this service account.
    #[must_use]
    pub fn service_account(mut self, address: impl Into<String>) -> Self {
        self.service_account = Some(address.into());
        self
    }

    /// With this in its metadata.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Runs this when it boots.
    #[must_use]
    pub fn startup_script(self, text: impl Into<String>) -> Self {
        self.metadata("startup-script", text)
    }

    /// With this boot disk.
    #[must_use]
    pub fn boot_disk(mut self, disk: Disk) -> Self {
        self.boot_disk = Some(disk);
        self
    }

    /// With a public address.
    #[must_use]
    pub fn public_address(mut self) -> Self {
        self.public_address = true;
        self
    }

    /// Whether it can work, as far as that can be said without asking anybody.
    pub(crate) fn check(&self) -> Result<()> {
        let kind = self.machine_type.trim();
        if kind.is_empty() || kind.contains('/') {
            return Err(Error::invalid(format!(
                "the launch template's machine type is `{kind}`; name one without its zone, as in `e2-small`"
            )));
        }
        let size: usize = self.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
        if let Some((key, value)) = self.metadata.iter().find(|(_, value)| value.len() > VALUE_MAX) {
            let length = value.len();
            return Err(Error::invalid(format!(
                "the launch template's metadata `{key}` has {length} bytes, and Compute Engine takes {VALUE_MAX}; have it fetch the rest, or bake it into the image"
            )));
        }
        if size > METADATA_MAX {
            return Err(Error::invalid(format!(
                "the launch template's metadata has {size} bytes, and Compute Engine takes {METADATA_MAX}; bake it into the image"
            )));
        }
        Ok(())
    }

    /// What Google is told of it.
    pub(crate) fn properties(
        &self,
        project: &str,
        region: &str,
        image: &ImageRef,
        labels: BTreeMap<String, String>,
    ) -> InstanceProperties {
        let disk = self.boot_disk.as_ref();
        let params = AttachedDiskInitializeParams::new()
            .set_source_image(image.id().as_str())
            .set_or_clear_disk_size_gb(disk.and_then(|disk| disk.gb))
            .set_or_clear_disk_type(disk.and_then(|disk| disk.kind.clone()));
        let boot = AttachedDisk::new()
            .set_boot(true)
            .set_auto_delete(true)
            .set_mode(Mode::ReadWrite)
            .set_type(DiskType::Persistent)
            .set_initialize_params(params);
        let mut interface = NetworkInterface::new();
        interface = match &self.subnetwork {
            Some(url) if url.contains('/') => interface.set_subnetwork(url),
            Some(name) => interface.set_subnetwork(format!("projects/{project}/regions/{region}/subnetworks/{name}")),
            None => interface.set_network("global/networks/default"),
        };
        if self.public_address {
            let nat = AccessConfig::new().set_name("External NAT").set_type(access_config::Type::OneToOneNat);
            interface = interface.set_access_configs([nat]);
        }
        let mut properties = InstanceProperties::new()
            .set_machine_type(&self.machine_type)
            .set_disks([boot])
            .set_network_interfaces([interface])
            .set_labels(labels);
        if !self.tags.is_empty() {
            properties = properties.set_tags(Tags::new().set_items(self.tags.clone()));
        }
        if !self.metadata.is_empty() {
            let item = |(key, value): (&String, &String)| metadata::Items::new().set_key(key).set_value(value);
            properties = properties.set_metadata(Metadata::new().set_items(self.metadata.iter().map(item)));
        }
        if let Some(address) = &self.service_account {
            let scope = "https://www.googleapis.com/auth/cloud-platform";
            properties = properties.set_service_accounts([ServiceAccount::new().set_email(address).set_scopes([scope])]);
        }
        if self.secure_boot {
            let shielded = ShieldedInstanceConfig::new()
                .set_enable_secure_boot(true)
                .set_enable_vtpm(true)
                .set_enable_integrity_monitoring(true);
            properties = properties.set_shielded_instance_config(shielded);
        }
        properties
    }
}

/// The image that a template launches: `projects/acme/global/images/web-1`.
pub(crate) fn image(properties: &InstanceProperties) -> Option<&str> {
    let boot = properties.disks.iter().find(|disk| disk.boot == Some(true))?;
    boot.initialize_params.as_ref()?.source_image.as_deref().map(relative)
}

/// What of a template that is there differs from what would be made: of what decides what is launched, the first.
pub(crate) fn difference(wanted: &InstanceProperties, found: &InstanceProperties) -> Option<&'static str> {
    let items = |of: &InstanceProperties| -> BTreeMap<Option<String>, Option<String>> {
        of.metadata.iter().flat_map(|metadata| &metadata.items).map(|item| (item.key.clone(), item.value.clone())).collect()
    };
    let tags = |of: &InstanceProperties| of.tags.as_ref().map(|tags| tags.items.clone()).unwrap_or_default();
    let accounts = |of: &InstanceProperties| of.service_accounts.iter().map(|account| account.email.clone()).collect::<Vec<_>>();
    let public = |of: &InstanceProperties| of.network_interfaces.iter().any(|interface| !interface.access_configs.is_empty());
    let disk = |of: &InstanceProperties| {
        of.disks.iter().map(|disk| disk.initialize_params.as_ref().and_then(|params| params.disk_size_gb)).collect::<Vec<_>>()
    };
    let kinds = |of: &InstanceProperties| {
        let kind = |disk: &AttachedDisk| {
            disk.initialize_params.as_ref().and_then(|params| params.disk_type.as_deref().map(last).map(str::to_owned))
        };
        of.disks.iter().map(kind).collect::<Vec<_>>()
    };
    let subnetworks = |of: &InstanceProperties| {
        of.network_interfaces
            .iter()
            .map(|interface| interface.subnetwork.as_deref().map(last).map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let secure =
        |of: &InstanceProperties| of.shielded_instance_config.as_ref().and_then(|config| config.enable_secure_boot) == Some(true);
    let checks = [
        ("image", image(wanted) == image(found)),
        ("machine type", wanted.machine_type == found.machine_type),
        ("metadata", items(wanted) == items(found)),
        ("network tags", tags(wanted) == tags(found)),
        ("service account", accounts(wanted) == accounts(found)),
        ("subnetwork", all_said(&subnetworks(wanted), &subnetworks(found))),
        ("disk kind", all_said(&kinds(wanted), &kinds(found))),
        ("secure boot", secure(wanted) == secure(found)),
        ("public address", public(wanted) == public(found)),
        (
            "disks",
            wanted.disks.len() == found.disks.len()
                && disk(wanted).iter().zip(disk(found)).all(|(wanted, found)| wanted.is_none() || *wanted == found),
        ),
    ];
    checks.into_iter().find_map(|(what, same)| (!same).then_some(what))
}

/// Whether what is said is so; of the rest Google decides.
fn all_said<T: PartialEq>(wanted: &[Option<T>], found: &[Option<T>]) -> bool {
    wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| wanted.is_none() || wanted == found)
}

/// Reads a template as that of a managed instance group.
pub(crate) fn read(template: &LaunchTemplate) -> Result<MigTemplate> {
    let template: MigTemplate = template.read()?;
    template.machine.check()?;
    Ok(template)
}

#[cfg(test)]
mod tests {
    use super::*;
    use immutable_core::Place;

    fn properties(machine: &Machine) -> InstanceProperties {
        let image = ImageRef::new(Place::new("gcp", "acme", "global").unwrap(), "projects/acme/global/images/web-1");
        machine.properties("acme", "europe-west1", &image, BTreeMap::from([("a".to_owned(), "b".to_owned())]))
    }

    #[test]
    fn it_is_told_as_it_was_said() {
        let machine = Machine::new("e2-small")
            .subnetwork("web")
            .tags(["http"])
            .startup_script("echo hello")
            .boot_disk(Disk::new(20, "pd-balanced"));
        let told = properties(&machine);
        assert_eq!(image(&told), Some("projects/acme/global/images/web-1"));
        assert_eq!(told.network_interfaces[0].subnetwork.as_deref(), Some("projects/acme/regions/europe-west1/subnetworks/web"));
        assert!(told.network_interfaces[0].access_configs.is_empty(), "no public address unless it is asked for");
        assert_eq!(told.disks[0].initialize_params.as_ref().and_then(|params| params.disk_size_gb), Some(20));
        assert_eq!(told.disks[0].auto_delete, Some(true));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let no = |machine: Machine| machine.check().unwrap_err().to_string();
        assert!(no(Machine::new(" ")).contains("machine type"));
        assert!(no(Machine::new("zones/a/machineTypes/e2-small")).contains("without its zone"));
        assert!(no(Machine::new("e2-small").startup_script("x".repeat(300_000))).contains("300000 bytes"));
        let template = LaunchTemplate::of(&serde_json::json!({"machine": {"machine_typ": "e2-small"}})).unwrap();
        assert!(read(&template).unwrap_err().to_string().contains("machine_typ"));
    }

    #[test]
    fn a_template_that_is_another_is_told_apart() {
        let machine = Machine::new("e2-small").startup_script("a");
        let wanted = properties(&machine);
        assert_eq!(difference(&wanted, &wanted.clone()), None);
        assert_eq!(difference(&wanted, &properties(&machine.clone().startup_script("b"))), Some("metadata"));
        assert_eq!(difference(&wanted, &properties(&machine.clone().tags(["x"]))), Some("network tags"));
        assert_eq!(difference(&wanted, &properties(&Machine::new("e2-medium").startup_script("a"))), Some("machine type"));
        assert_eq!(
            difference(&wanted, &properties(&machine.clone().subnetwork("web"))),
            None,
            "of what is not said Google decides"
        );
        let said = properties(&machine.clone().subnetwork("web").boot_disk(Disk::new(20, "pd-ssd")));
        assert_eq!(
            difference(&said, &properties(&machine.clone().subnetwork("api").boot_disk(Disk::new(20, "pd-ssd")))),
            Some("subnetwork")
        );
        assert_eq!(
            difference(&said, &properties(&machine.clone().subnetwork("web").boot_disk(Disk::new(20, "pd-hdd")))),
            Some("disk kind")
        );
        let mut secure = machine.clone();
        secure.secure_boot = true;
        assert_eq!(difference(&properties(&secure), &wanted), Some("secure boot"));
        let mut full = wanted.clone();
        if let Some(params) = &mut full.disks[0].initialize_params {
            params.source_image = Some("https://www.googleapis.com/compute/v1/projects/acme/global/images/web-1".into());
        }
        assert_eq!(difference(&wanted, &full), None, "Google answers with whole URLs");
    }
}
