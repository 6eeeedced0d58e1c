//! What is really there, for those who judge: nothing late, nothing hidden.

use std::collections::BTreeMap;

use serde_json::Value;

use super::FakeGce;
use super::asked::{project_of, resolve, text};
use super::group::Action;
use super::world::World;
use super::world::instance::Status;

/// The world, as it is. Paths are keys: `projects/P/zones/Z/instanceGroupManagers/N`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Truth {
    /// Milliseconds.
    pub at: u64,
    /// By numeric id; all that there ever were, those that are gone, too.
    pub instances: BTreeMap<String, Machine>,
    /// By path.
    pub groups: BTreeMap<String, GroupTruth>,
    /// By path.
    pub templates: BTreeMap<String, TemplateTruth>,
    /// By path.
    pub images: BTreeMap<String, ImageTruth>,
    /// By the path of a url map; behind a `#`, by that of one of its path matchers.
    pub routes: BTreeMap<String, RouteTruth>,
    /// By path.
    pub services: BTreeMap<String, ServiceTruth>,
}

/// A virtual machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its name, which another may have after it.
    pub name: String,
    /// Its path.
    pub path: String,
    /// `us-central1-a`.
    pub zone: String,
    /// The path of the template that it was made from.
    pub template: String,
    /// The path of the image that it booted.
    pub image: String,
    /// The path of its group.
    pub group: String,
    /// What its group does with it, while it is a member.
    pub action: Option<Action>,
    /// Its status.
    pub status: Status,
    /// Whether its application is well.
    pub well: bool,
    /// What load balancers think of it, by the path of the backend service.
    pub services: BTreeMap<String, bool>,
    /// Milliseconds.
    pub made_at: u64,
    /// When its deletion began.
    pub leaves_at: Option<u64>,
    /// When it was, or will be, gone.
    pub gone_at: Option<u64>,
}

/// A managed instance group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupTruth {
    /// Its numeric id.
    pub id: u64,
    /// targetSize.
    pub target: usize,
    /// The path of the template of which it makes instances.
    pub template: String,
    /// What was said when it was made and since.
    pub said: Value,
    /// Its members by name, and what it does with each.
    pub members: BTreeMap<String, Action>,
    /// Whether it is being deleted.
    pub deleting: bool,
}

/// An instance template.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateTruth {
    /// The path of what is booted: an image, or a family.
    pub image: Option<String>,
    /// What was said when it was made.
    pub said: Value,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageTruth {
    /// `PENDING`, `READY`, `FAILED`.
    pub status: &'static str,
    /// Its family, or nothing.
    pub family: String,
    /// `DEPRECATED`, `OBSOLETE`, `DELETED`, or nothing.
    pub state: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// How a url map, or one of its path matchers, divides requests. By the path of the backend service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTruth {
    /// What was said last, and is shown.
    pub said: BTreeMap<String, u32>,
    /// What requests are divided by.
    pub in_force: BTreeMap<String, u32>,
    /// The url map's description.
    pub description: String,
}

/// A backend service.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceTruth {
    /// The paths of its instance groups, each with its `capacityScaler`.
    pub backends: BTreeMap<String, f64>,
}

impl Truth {
    /// Instances that are there and have not begun to leave.
    pub fn live(&self) -> impl Iterator<Item = (&str, &Machine)> {
        self.instances.iter().filter(|(_, machine)| machine.status <= Status::Running).map(|(id, machine)| (id.as_str(), machine))
    }
}

impl FakeGce {
    /// What is really there, at the time of the latest call.
    pub fn truth(&self) -> Truth {
        truth(&self.lock())
    }
}

fn truth(world: &World) -> Truth {
    let now = world.now;
    let services = world.services.values().map(|service| {
        let backends = service.backends().iter().map(|backend| {
            let scaler = backend.get("capacityScaler").and_then(Value::as_f64).unwrap_or(1.0);
            (resolve(project_of(&service.path), text(backend, "group")), scaler)
        });
        (service.path.clone(), ServiceTruth { backends: backends.collect() })
    });
    let services: BTreeMap<String, ServiceTruth> = services.collect();
    let mut checked: BTreeMap<u64, BTreeMap<String, bool>> = BTreeMap::new();
    for (path, service) in &services {
        for group in service.backends.keys() {
            for (id, _, well) in world.checked(group) {
                checked.entry(id).or_default().insert(path.clone(), well);
            }
        }
    }
    let machines = world.instances.values().map(|machine| {
        let member = world.groups.get(&machine.group).and_then(|group| group.members.get(&machine.name));
        let truth = Machine {
            name: machine.name.clone(),
            path: machine.path.clone(),
            zone: machine.zone.clone(),
            template: machine.template.clone(),
            image: machine.image.clone(),
            group: machine.group.clone(),
            action: member.filter(|member| member.instance == Some(machine.id)).map(|member| member.action),
            status: machine.status(now),
            well: machine.well(now),
            services: checked.remove(&machine.id).unwrap_or_default(),
            made_at: machine.created,
            leaves_at: machine.leaving.map(|(at, _)| at),
            gone_at: machine.leaving.map(|(_, at)| at),
        };
        (machine.id.to_string(), truth)
    });
    let instances = machines.collect();
    let groups = world.groups.values().map(|group| {
        let truth = GroupTruth {
            id: group.id,
            target: group.target,
            template: group.template.clone(),
            said: group.said.clone().into(),
            members: group.members.values().map(|member| (member.name.clone(), member.action)).collect(),
            deleting: group.deleting,
        };
        (group.path.clone(), truth)
    });
    let templates = world
        .templates
        .values()
        .map(|template| (template.path.clone(), TemplateTruth { image: template.image(), said: template.said.clone().into() }));
    let images = world.images.values().map(|image| {
        let truth = ImageTruth {
            status: image.status(),
            family: image.family().into(),
            state: image.state().into(),
            labels: image.labels.clone(),
        };
        (image.path.clone(), truth)
    });
    let routes = world.url_maps.values().flat_map(|map| {
        let description = map.said.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
        let route = move |(name, said, in_force)| (name, RouteTruth { said, in_force, description: description.clone() });
        map.weights(now).into_iter().map(route)
    });
    Truth {
        at: now,
        instances,
        groups: groups.collect(),
        templates: templates.collect(),
        images: images.collect(),
        routes: routes.collect(),
        services,
    }
}
