//! How machines are made, as Azure understands it.

mod scale_set;

use std::collections::BTreeSet;

use immutable_core::{Error, LaunchTemplate, Result};

use crate::ids::Source;

/// How the machines of a scale set are made. A fleet gets it as `LaunchTemplate::of(&template)?`.
///
/// ```
/// use backend_azure::{Machine, VmssTemplate};
/// use immutable_core::LaunchTemplate;
///
/// let machine = Machine::linux("Standard_B2s", "web-net/web", "azureuser", "ssh-ed25519 AAAAC3… ops@acme");
/// let template = LaunchTemplate::of(&VmssTemplate::new(machine).load_balancer("front"))?;
/// # Ok::<(), immutable_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VmssTemplate {
    /// The machine.
    pub machine: Machine,
    /// What each machine asks itself to say whether it works; without it, only that it runs is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<ApplicationHealth>,
    /// The load balancer of the resource group that sends the machines requests. A pool needs it: each generation is given a backend pool there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<String>,
    /// Backend pools that every machine is in from the first moment on to its last, whatever its generation: `balancer/pool` of the resource group, or its id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backend_pools: Vec<String>,
    /// The zones that a group of the region spreads over, as in `1`; none without any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// The image that machines boot, where what is released is an application that is installed on it: one exact version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_image: Option<String>,
    /// Versions of VM applications that are installed besides, by their ids, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<String>,
}

/// What a machine's health extension asks the application. "Application Health extension".
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ApplicationHealth {
    /// `http`, `https` or `tcp`.
    pub protocol: String,
    /// Where.
    pub port: u16,
    /// What is asked for; nothing of `tcp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many seconds a machine has to become healthy before it is said to be ill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<u32>,
}

impl ApplicationHealth {
    /// This path, by http.
    pub fn http(port: u16, path: impl Into<String>) -> Self {
        Self { protocol: "http".to_owned(), port, path: Some(path.into()), grace: None }
    }

    /// That somebody listens.
    pub fn tcp(port: u16) -> Self {
        Self { protocol: "tcp".to_owned(), port, path: None, grace: None }
    }

    /// With so many seconds to become healthy.
    #[must_use]
    pub fn grace(mut self, seconds: u32) -> Self {
        self.grace = Some(seconds);
        self
    }
}

impl VmssTemplate {
    /// Machines like this.
    pub fn new(machine: Machine) -> Self {
        let (backend_pools, zones, applications) = Default::default();
        Self { machine, health: None, load_balancer: None, backend_pools, zones, base_image: None, applications }
    }

    /// Has each machine ask itself this.
    #[must_use]
    pub fn health(mut self, health: ApplicationHealth) -> Self {
        self.health = Some(health);
        self
    }

    /// Gives each generation a backend pool in this load balancer of the resource group.
    #[must_use]
    pub fn load_balancer(mut self, name: impl Into<String>) -> Self {
        self.load_balancer = Some(name.into());
        self
    }

    /// Puts every machine into this backend pool too, which others have made: `balancer/pool` of the resource group, or its id. No switch shifts what it gets there: it gets requests as soon as
    /// the balancer's probe finds it well, and until it is deleted. So the fleet's health should be the [application's](Self::health).
    #[must_use]
    pub fn backend_pool(mut self, pool: impl Into<String>) -> Self {
        self.backend_pools.push(pool.into());
        self
    }

    /// Spreads a group of the region over these zones.
    #[must_use]
    pub fn zones(mut self, zones: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.zones = zones.into_iter().map(Into::into).collect();
        self
    }

    /// Boots this image, where what is released is an application.
    #[must_use]
    pub fn base_image(mut self, id: impl Into<String>) -> Self {
        self.base_image = Some(id.into());
        self
    }

    /// Installs this version of a VM application besides, after those that were named before.
    #[must_use]
    pub fn application(mut self, id: impl Into<String>) -> Self {
        self.applications.push(id.into());
        self
    }
}

/// One machine. What is not here is as Azure has it by default, but that its disks and network interfaces go with it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Machine {
    /// The size: `Standard_B2s`.
    pub size: String,
    /// The subnet: `network/subnet` of the resource group, or its id.
    pub subnet: String,
    /// Who may sign in; nobody on a specialized image, which has its own users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<Admin>,
    /// The network security group, by its name in the resource group or its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_group: Option<String>,
    /// The user-assigned identities of the machine, by their ids.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub identities: BTreeSet<String>,
    /// What cloud-init reads, as text. It is journaled and shown: put no secret in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_data: Option<String>,
    /// The disk that it boots from; as large as the image's without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_disk: Option<Disk>,
    /// Whether it has a public address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public_address: bool,
    /// Whether only what is signed boots. The image has to be made for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trusted_launch: bool,
    /// Whether it runs Windows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub windows: bool,
}

/// Who may sign in to a machine that runs Linux: by key only.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Admin {
    /// The name.
    pub name: String,
    /// The public key of ssh.
    pub ssh_key: String,
}

/// The disk that a machine boots from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Disk {
    /// Its size in GB; the image's without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gb: Option<u32>,
    /// Its kind: `Premium_LRS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

impl Disk {
    /// So large, in GB, and of this kind.
    pub fn new(gb: u32, kind: impl Into<String>) -> Self {
        Self { gb: Some(gb), kind: Some(kind.into()) }
    }
}

/// "VirtualMachineScaleSetOSProfile", `customData`: at most 65535 bytes.
const CUSTOM_DATA_MAX: usize = 65_535;
/// "VM Applications overview": at most 25 to a machine.
const APPLICATIONS_MAX: usize = 25;

impl Machine {
    /// A machine of this size in this subnet that runs Linux, to which this name signs in by key.
    pub fn linux(
        size: impl Into<String>,
        subnet: impl Into<String>,
        admin: impl Into<String>,
        ssh_key: impl Into<String>,
    ) -> Self {
        let admin = Admin { name: admin.into(), ssh_key: ssh_key.into() };
        Self { admin: Some(admin), ..Self::specialized(size, subnet) }
    }

    /// A machine of a specialized image, which has its own users and its own name. Windows is launched from such images only: what else there is takes a password, and a template has no place
    /// for one.
    pub fn specialized(size: impl Into<String>, subnet: impl Into<String>) -> Self {
        Self {
            size: size.into(),
            subnet: subnet.into(),
            admin: None,
            security_group: None,
            identities: BTreeSet::new(),
            custom_data: None,
            os_disk: None,
            public_address: false,
            trusted_launch: false,
            windows: false,
        }
    }

    /// Behind this network security group.
    #[must_use]
    pub fn security_group(mut self, name: impl Into<String>) -> Self {
        self.security_group = Some(name.into());
        self
    }

    /// As this user-assigned identity too, by its id.
    #[must_use]
    pub fn identity(mut self, id: impl Into<String>) -> Self {
        self.identities.insert(id.into());
        self
    }

    /// With this for cloud-init.
    #[must_use]
    pub fn custom_data(mut self, text: impl Into<String>) -> Self {
        self.custom_data = Some(text.into());
        self
    }

    /// Booting from this disk.
    #[must_use]
    pub fn os_disk(mut self, disk: Disk) -> Self {
        self.os_disk = Some(disk);
        self
    }

    /// With a public address.
    #[must_use]
    pub fn public_address(mut self) -> Self {
        self.public_address = true;
        self
    }

    /// Booting only what is signed.
    #[must_use]
    pub fn trusted_launch(mut self) -> Self {
        self.trusted_launch = true;
        self
    }

    /// Running Windows.
    #[must_use]
    pub fn windows(mut self) -> Self {
        self.windows = true;
        self
    }
}

/// Reads a fleet's template, and refuses what Azure would refuse, or what would not be the same for ever.
pub(crate) fn read(template: &LaunchTemplate) -> Result<VmssTemplate> {
    if template.as_json().starts_with("{\"scale_set\":") {
        let what = "the template was read from a scale set that others made, and nothing else is made of it; give the fleet a VmssTemplate";
        return Err(Error::invalid(what));
    }
    let read: VmssTemplate = template.read()?;
    let machine = &read.machine;
    if machine.size.is_empty() || machine.subnet.is_empty() {
        return Err(Error::invalid("a machine needs a size, as in Standard_B2s, and a subnet, as in network/subnet"));
    }
    if !machine.subnet.starts_with('/') && machine.subnet.split('/').filter(|part| !part.is_empty()).count() != 2 {
        return Err(Error::invalid(format!("`{}` is no subnet; write it as network/subnet, or as its id", machine.subnet)));
    }
    for pool in &read.backend_pools {
        let inside = pool.split('/').filter(|part| !part.is_empty()).count();
        let lower = pool.to_ascii_lowercase();
        let is_id = lower.starts_with("/subscriptions/") && lower.contains("/backendaddresspools/");
        let is_named = !pool.starts_with('/') && inside == 2;
        if !is_named && !is_id {
            return Err(Error::invalid(format!("`{pool}` is no backend pool; write it as balancer/pool, or as its id")));
        }
    }
    if machine.windows && machine.admin.is_some() {
        return Err(Error::invalid(
            "Windows takes a password to sign in, and a template has no place for one; launch a specialized image",
        ));
    }
    if machine.admin.is_none() && machine.custom_data.is_some() {
        return Err(Error::invalid("a specialized image reads no custom data; put it into the image"));
    }
    if let Some(admin) = machine.admin.as_ref().filter(|admin| admin.name.is_empty() || !admin.ssh_key.contains(' ')) {
        return Err(Error::invalid(format!(
            "{:?} cannot sign in; name them, and give a public key as in `ssh-ed25519 AAAA… name`",
            admin.name
        )));
    }
    if machine.custom_data.as_ref().is_some_and(|text| text.len() > CUSTOM_DATA_MAX) {
        return Err(Error::invalid(format!("the custom data is longer than {CUSTOM_DATA_MAX} bytes; have the image fetch it")));
    }
    if read.applications.len() >= APPLICATIONS_MAX {
        return Err(Error::invalid(format!(
            "there are {} applications; a machine takes at most {APPLICATIONS_MAX}",
            read.applications.len()
        )));
    }
    for id in &read.applications {
        if !matches!(Source::parse(id)?, Source::Application(_)) {
            return Err(Error::invalid(format!("{id} is no version of a VM application")));
        }
    }
    if let Some(id) = &read.base_image {
        Source::parse(id)?.reference()?;
    }
    if let Some(health) = &read.health
        && (!["http", "https", "tcp"].contains(&health.protocol.as_str()) || (health.protocol == "tcp") == health.path.is_some())
    {
        return Err(Error::invalid(format!(
            "health by `{}`: ask for a path by http or https, or for nothing by tcp",
            health.protocol
        )));
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(template: &VmssTemplate) -> String {
        read(&LaunchTemplate::of(template).unwrap()).unwrap_err().to_string()
    }

    fn machine() -> Machine {
        Machine::linux("Standard_B2s", "net/web", "azureuser", "ssh-ed25519 AAAA ops")
    }

    #[test]
    fn what_cannot_work_is_refused() {
        assert!(read(&LaunchTemplate::of(&VmssTemplate::new(machine())).unwrap()).is_ok());
        assert!(refused(&VmssTemplate::new(Machine::linux("", "net/web", "a", "k k"))).contains("needs a size"));
        assert!(refused(&VmssTemplate::new(Machine::linux("s", "web", "a", "k k"))).contains("no subnet"));
        assert!(refused(&VmssTemplate::new(Machine::linux("s", "net/web", "a", "nokey"))).contains("public key"));
        assert!(refused(&VmssTemplate::new(machine().windows())).contains("specialized"));
        assert!(refused(&VmssTemplate::new(machine().custom_data("x".repeat(65_536)))).contains("65535"));
        assert!(refused(&VmssTemplate::new(Machine::specialized("s", "net/web").custom_data("x"))).contains("custom data"));
        for pool in ["front", "front/", "/front/web", "a/b/c"] {
            assert!(refused(&VmssTemplate::new(machine()).backend_pool(pool)).contains("no backend pool"), "{pool}");
        }
        assert!(refused(&VmssTemplate::new(machine()).application("web")).contains("is no image"));
        let image = "/subscriptions/s/resourcegroups/g/providers/microsoft.compute/galleries/acme/images/web";
        assert!(refused(&VmssTemplate::new(machine()).base_image(image)).contains("name a version"));
        assert!(
            refused(&VmssTemplate::new(machine()).application(format!("{image}/versions/1.0.0")))
                .contains("no version of a VM application")
        );
        let odd = ApplicationHealth { protocol: "udp".into(), ..ApplicationHealth::tcp(80) };
        assert!(refused(&VmssTemplate::new(machine()).health(odd)).contains("`udp`"));
    }
}
