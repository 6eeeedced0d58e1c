//! Virtual machines, and how they fare.

use super::super::image::Fate;
use super::{SECOND, World, millis};
use crate::fault::scramble;

/// Where a virtual machine stands: "VM instance lifecycle".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// `PROVISIONING`
    Provisioning,
    /// `STAGING`
    Staging,
    /// `RUNNING`
    Running,
    /// `STOPPING`, on its way to be gone.
    Stopping,
    /// `TERMINATED`: stopped, or its host has failed.
    Terminated,
    /// Deleted.
    Gone,
}

impl Status {
    /// As the API writes it; nothing of what is gone.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Provisioning => Some("PROVISIONING"),
            Self::Staging => Some("STAGING"),
            Self::Running => Some("RUNNING"),
            Self::Stopping => Some("STOPPING"),
            Self::Terminated => Some("TERMINATED"),
            Self::Gone => None,
        }
    }
}

/// A virtual machine, with its boot disk of the same name.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) id: u64,
    /// `projects/P/zones/Z/instances/N`.
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) project: String,
    pub(crate) zone: String,
    pub(crate) template: String,
    /// Of its boot disk, as the disk says it, and that image's id then.
    pub(crate) image: String,
    pub(crate) image_id: u64,
    pub(crate) disk_id: u64,
    pub(crate) group: String,
    pub(crate) created: u64,
    /// When it runs, unless it hangs.
    pub(crate) runs_at: Option<u64>,
    /// When it stopped by itself.
    pub(crate) failed_at: Option<u64>,
    /// When its deletion began, and when it is gone.
    pub(crate) leaving: Option<(u64, u64)>,
    /// From when on its application is well or is not.
    pub(crate) health: Vec<(u64, bool)>,
}

impl Instance {
    pub(crate) fn status(&self, now: u64) -> Status {
        if let Some((_, gone)) = self.leaving {
            return if gone <= now { Status::Gone } else { Status::Stopping };
        }
        if self.failed_at.is_some_and(|at| at <= now) {
            return Status::Terminated;
        }
        match self.runs_at {
            Some(at) if at <= now => Status::Running,
            _ if now < self.created + SECOND => Status::Provisioning,
            _ => Status::Staging,
        }
    }

    /// Whether its application is well.
    pub(crate) fn well(&self, now: u64) -> bool {
        self.status(now) == Status::Running && self.health.iter().rev().find(|(at, _)| *at <= now).is_some_and(|(_, well)| *well)
    }

    /// What a health check that takes so long knows; nothing before the first has come.
    pub(crate) fn seen(&self, now: u64, check: u64) -> Option<bool> {
        let running = self.status(now) == Status::Running;
        // Whoever does not answer any more is ill as soon as that is noticed.
        let stopped = self.failed_at.or(self.leaving.map(|(at, _)| at)).filter(|_| !running);
        if let Some(at) = stopped {
            return (at + check <= now).then_some(false);
        }
        let ran = self.runs_at.filter(|at| at + check <= now)?;
        let known = self.health.iter().rev().find(|(at, _)| at.max(&ran) + check <= now);
        known.map(|(_, well)| *well)
    }

    /// When next a health check of so long would see something else.
    pub(crate) fn next_seen(&self, now: u64, check: u64) -> Option<u64> {
        self.health.iter().map(|(at, _)| at + check).filter(|at| *at > now).min()
    }
}

/// What an instance is made of.
pub(crate) struct Launch {
    pub(crate) name: String,
    pub(crate) project: String,
    pub(crate) zone: String,
    pub(crate) template: String,
    pub(crate) image: String,
    pub(crate) group: String,
}

impl World {
    pub(crate) fn launch(&mut self, launch: Launch) -> u64 {
        let (id, disk_id, now) = (self.id(), self.id(), self.now);
        let (fate, image_id) = self.images.get(&launch.image).map_or((Fate::Sound, 0), |image| (image.fate, image.id));
        let spread = scramble(id) % (self.settings.boot_spread + 1);
        let boots = now + self.settings.boot + spread;
        let (runs_at, failed_at) = match fate {
            Fate::Hangs => (None, None),
            Fate::Dies => (Some(boots), Some(boots)),
            _ => (Some(boots), None),
        };
        let health = match fate {
            Fate::Sound => vec![(boots, true)],
            Fate::Sick => vec![(boots, false)],
            Fate::Sickens(after) => vec![(boots, true), (boots + millis(after), false)],
            Fate::Slow(after) => vec![(boots, false), (boots + millis(after), true)],
            Fate::Hangs | Fate::Dies => Vec::new(),
        };
        let Launch { name, project, zone, template, image, group } = launch;
        let path = format!("projects/{project}/zones/{zone}/instances/{name}");
        let instance = Instance {
            id,
            path,
            name,
            project,
            zone,
            template,
            image,
            image_id,
            disk_id,
            group,
            created: now,
            runs_at,
            failed_at,
            leaving: None,
            health,
        };
        self.instances.insert(id, instance);
        id
    }

    /// An instance is deleted, after it has drained.
    pub(crate) fn delete_instance(&mut self, id: u64, drains: u64) {
        let gone = self.now.saturating_add(drains).saturating_add(self.settings.shutdown);
        let now = self.now;
        if let Some(instance) = self.instances.get_mut(&id).filter(|instance| instance.leaving.is_none()) {
            instance.leaving = Some((now, gone));
        }
    }

    /// How many there are in a zone, or everywhere.
    pub(crate) fn live(&self, zone: Option<&str>) -> usize {
        let there = self.instances.values().filter(|instance| instance.status(self.now) != Status::Gone);
        there.filter(|instance| zone.is_none_or(|zone| instance.zone == zone)).count()
    }
}
