//! Virtual machines, and how they fare.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::asked::{key, list, text};
use super::super::error::{ArmError, error};
use super::super::world::{World, millis};
use super::health::Probe;
use crate::fault::scramble;

/// What becomes of machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// They boot, and their application is well.
    #[default]
    Sound,
    /// Their application is never well.
    Sick,
    /// Their application is well, and so long after that it is not.
    Sickens(Duration),
    /// Their application answers only so long after they run.
    Slow(Duration),
    /// They never boot.
    Hangs,
    /// They stop as soon as they run.
    Dies,
    /// An application cannot be installed in them.
    FailsToInstall,
}

/// A virtual machine, with its disk and its network interface.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) number: u64,
    /// Its resource id: of a uniform scale set's, below that.
    pub(crate) id: String,
    pub(crate) name: String,
    /// How its scale set names it: by its name, or by a number.
    pub(crate) instance: String,
    pub(crate) vm_id: String,
    pub(crate) zone: Option<String>,
    /// The id of its scale set.
    pub(crate) set: String,
    /// `protectionPolicy`, if it has one.
    pub(crate) protection: Value,
    pub(crate) size: String,
    /// What its scale set's model was when it was made: `virtualMachineProfile`.
    pub(crate) profile: Value,
    pub(crate) tags: Value,
    /// The key of the image, as exactly as it is known.
    pub(crate) image: String,
    /// Of an image version.
    pub(crate) exact: Option<String>,
    /// The id of its network interface.
    pub(crate) nic: String,
    pub(crate) probe: Option<Probe>,
    pub(crate) created: u64,
    /// When it runs, unless it hangs.
    pub(crate) runs_at: Option<u64>,
    /// When its provisioning has succeeded, or failed with this.
    pub(crate) settled: (u64, Option<ArmError>),
    /// When it stopped by itself.
    pub(crate) stopped_at: Option<u64>,
    /// When its deletion began, and when it is gone.
    pub(crate) leaving: Option<(u64, u64)>,
    /// From when on its application is well or is not.
    pub(crate) health: Vec<(u64, bool)>,
}

impl Machine {
    /// Whether it is there still.
    pub(crate) fn there(&self, now: u64) -> bool {
        self.leaving.is_none_or(|(_, gone)| gone > now)
    }

    /// Whether it is a member that is not about to leave.
    pub(crate) fn active(&self) -> bool {
        self.leaving.is_none()
    }

    /// `provisioningState`.
    pub(crate) fn state(&self, now: u64) -> &'static str {
        match &self.settled {
            _ if self.leaving.is_some() => "Deleting",
            (at, _) if *at > now => "Creating",
            (_, Some(_)) => "Failed",
            (_, None) => "Succeeded",
        }
    }

    pub(crate) fn running(&self, now: u64) -> bool {
        let stopped = self.stopped_at.is_some_and(|at| at <= now) || self.leaving.is_some();
        !stopped && self.runs_at.is_some_and(|at| at <= now)
    }

    /// `PowerState/…`: "States and billing status of Azure Virtual Machines".
    pub(crate) fn power(&self, now: u64) -> &'static str {
        if self.leaving.is_some() {
            "stopping"
        } else if self.stopped_at.is_some_and(|at| at <= now) {
            "stopped"
        } else if self.running(now) {
            "running"
        } else {
            "starting"
        }
    }

    /// Whether its application is well.
    pub(crate) fn well(&self, now: u64) -> bool {
        self.running(now) && self.health.iter().rev().find(|(at, _)| *at <= now).is_some_and(|(_, well)| *well)
    }

    /// The keys of the pools of load balancers that its network interface is in.
    pub(crate) fn pools(&self) -> Vec<String> {
        let interfaces = list(&self.profile, "networkProfile.networkInterfaceConfigurations");
        let addresses = interfaces.iter().flat_map(|interface| list(interface, "properties.ipConfigurations"));
        let pools = addresses.flat_map(|address| list(address, "properties.loadBalancerBackendAddressPools"));
        pools.map(|pool| key(text(pool, "id"))).collect()
    }

    /// The keys of its applications' versions.
    pub(crate) fn applications(&self) -> Vec<String> {
        let all = list(&self.profile, "applicationProfile.galleryApplications");
        all.iter().map(|application| key(text(application, "packageReferenceId"))).collect()
    }
}

/// What a machine is made of.
#[derive(Debug)]
pub(crate) struct Launch {
    /// The id of its scale set.
    pub(crate) set: String,
    pub(crate) zone: Option<String>,
    /// The key of the image, as exactly as it is known, and its version.
    pub(crate) image: (String, Option<String>),
}

impl World {
    /// A member of a scale set is made, as its model is now: its number.
    pub(crate) fn launch(&mut self, launch: Launch) -> Option<u64> {
        let Launch { set, zone, image: (image, exact) } = launch;
        let set = self.find(&set)?.clone();
        let number = u64::try_from(self.compute.machines.len()).unwrap_or(u64::MAX);
        let flexible = text(&set.body, "properties.orchestrationMode") == "Flexible";
        let (name, instance, id) = if flexible {
            // "{vmssName}_{8 hex digits}": "Virtual Machine instance names in Virtual Machine Scale Sets".
            let name = format!("{}_{:08x}", set.name(), scramble(number) >> 32);
            let place = set.id.rsplit_once('/').and_then(|(before, _)| before.rsplit_once('/'));
            let id = format!("{}/virtualMachines/{name}", place.map_or("", |(provider, _)| provider));
            (name.clone(), name, id)
        } else {
            let number = self.next_number(&set.id);
            (format!("{}_{number}", set.name()), number.to_string(), format!("{}/virtualMachines/{number}", set.id))
        };
        let profile = set.body.pointer("/properties/virtualMachineProfile").cloned().unwrap_or(Value::Null);
        let applications = list(&profile, "applicationProfile.galleryApplications");
        let now = self.now;
        let boots = now + self.compute.boot + scramble(number) % (self.compute.boot_spread + 1);
        let installs = u64::try_from(applications.len()).unwrap_or(0).saturating_mul(self.compute.install);
        let ready = boots + installs;
        let fate_of = |id: &str| {
            let (id, fates) = (key(id), &self.compute.fates);
            let whole = id.split("/versions/").next().and_then(|whole| fates.get(whole));
            fates.get(&id).or(whole).copied().unwrap_or_default()
        };
        let mut fates = applications.iter().map(|application| fate_of(text(application, "packageReferenceId")));
        let fate = Some(fate_of(&image)).filter(|fate| *fate != Fate::Sound).or_else(|| fates.find(|fate| *fate != Fate::Sound));
        let fate = fate.unwrap_or_default();
        let refused =
            applications.iter().find(|application| fate_of(text(application, "packageReferenceId")) == Fate::FailsToInstall);
        // "treatFailureAsDeploymentFailure": without it the deployment of the machine succeeds all the same (VMGalleryApplication).
        let matters = refused.is_some_and(|application| application["treatFailureAsDeploymentFailure"] == true);
        let (runs_at, stopped_at) = match fate {
            Fate::Hangs => (None, None),
            Fate::Dies => (Some(boots), Some(boots)),
            _ => (Some(boots), None),
        };
        let settled = match fate {
            Fate::Hangs => (now + self.compute.patience, Some(timed_out(&name))),
            Fate::FailsToInstall if matters => (ready, Some(not_installed(&name))),
            _ => (ready, None),
        };
        let health = match fate {
            Fate::Sound => vec![(ready, true)],
            Fate::Sick | Fate::FailsToInstall => vec![(ready, false)],
            Fate::Sickens(after) => vec![(ready, true), (ready + millis(after), false)],
            Fate::Slow(after) => vec![(ready + millis(after), true)],
            Fate::Hangs | Fate::Dies => Vec::new(),
        };
        let nic = list(&profile, "networkProfile.networkInterfaceConfigurations").first().map_or("nic", |nic| text(nic, "name"));
        let nic = if flexible {
            let place = id.split("/providers/").next().unwrap_or_default();
            format!("{place}/providers/Microsoft.Network/networkInterfaces/{name}-{nic}")
        } else {
            format!("{id}/networkInterfaces/{nic}")
        };
        let machine = Machine {
            number,
            id,
            name,
            instance,
            vm_id: self.uuid(number + (1 << 40)),
            zone,
            set: set.id.clone(),
            protection: Value::Null,
            size: text(&set.body, "sku.name").into(),
            probe: Probe::of(&profile),
            profile,
            tags: set.body.get("tags").cloned().unwrap_or_else(|| json!({})),
            image,
            exact,
            nic,
            created: now,
            runs_at,
            settled,
            stopped_at,
            leaving: None,
            health,
        };
        self.compute.machines.insert(number, machine);
        Some(number)
    }

    /// The number of a new member of a uniform scale set. "The instance IDs may be reused for new instances once old instances are deleted": "Understand names and instance IDs for Azure Virtual Machine
    /// Scale Set VMs".
    fn next_number(&self, set: &str) -> usize {
        let of = || self.compute.machines.values().filter(|known| known.set.eq_ignore_ascii_case(set));
        let free = |number: &usize| !of().any(|known| known.there(self.now) && known.instance == number.to_string());
        let ever = of().count();
        let again = (0..ever).find(|number| self.compute.numbers_again && free(number));
        again.unwrap_or(ever)
    }

    /// There was no room for a machine after all: its resource is there, and it never runs.
    pub(crate) fn wreck(&mut self, number: u64, why: &ArmError) {
        let now = self.now;
        if let Some(machine) = self.compute.machines.get_mut(&number) {
            machine.runs_at = None;
            machine.stopped_at = None;
            machine.settled = (now, Some(why.clone()));
            machine.health.clear();
        }
    }

    /// A machine is deleted; by force it is gone sooner.
    pub(crate) fn dismiss(&mut self, number: u64, force: bool) {
        let (now, takes) = (self.now, if force { self.compute.shutdown / 4 } else { self.compute.shutdown });
        if let Some(machine) = self.compute.machines.get_mut(&number).filter(|machine| machine.active()) {
            machine.leaving = Some((now, now.saturating_add(takes)));
        }
    }

    /// The members of a scale set that are there, those that leave, too.
    pub(crate) fn members(&self, set: &str) -> impl Iterator<Item = &Machine> {
        let set = key(set);
        self.compute.machines.values().filter(move |machine| machine.there(self.now) && key(&machine.set) == set)
    }
}

/// "OSProvisioningTimedOut": "Troubleshoot common error messages when you manage Azure virtual machines".
fn timed_out(name: &str) -> ArmError {
    let why = format!(
        "OS Provisioning for VM '{name}' did not finish in the allotted time. The VM may still finish provisioning successfully."
    );
    error(409, "OSProvisioningTimedOut", why)
}

/// "VMExtensionProvisioningError": applications are installed by an extension ("Overview of VM Applications in the Azure Compute Gallery").
fn not_installed(name: &str) -> ArmError {
    let why = format!(
        "VM '{name}' has reported a failure when processing extension 'VMAppExtension'. Error message: the install command failed."
    );
    error(409, "VMExtensionProvisioningError", why)
}
