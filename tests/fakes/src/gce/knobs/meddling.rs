//! What other people do.

use serde_json::{Value, json};

use super::super::FakeGce;
use super::super::asked::Asked;
use super::super::operation::Stage;
use super::super::world::link;
use crate::wire::Request;

/// A route action of weights.
pub(super) fn weighted(weights: &[(&str, u32)]) -> Value {
    let services: Vec<Value> =
        weights.iter().map(|(service, weight)| json!({ "backendService": link(service), "weight": weight })).collect();
    json!({ "weightedBackendServices": services })
}

/// What other people do, in the console or by their own tools. It is done at once.
impl FakeGce {
    /// Somebody makes a group of this path, of one instance of an image, with this description. `false`: it could not be made.
    pub fn meddle_group(&self, path: &str, image: &str, description: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or_default();
        let template = format!("projects/{}/global/instanceTemplates/{name}-by-hand", self.project);
        let body = json!({ "name": format!("{name}-by-hand"), "properties": {
            "machineType": "e2-small",
            "disks": [{ "boot": true, "initializeParams": { "sourceImage": self.image_path(image) } }],
            "networkInterfaces": [{ "network": "global/networks/default" }],
        } });
        let group = json!({ "name": name, "targetSize": 1, "description": description, "versions": [{ "instanceTemplate": link(&template) }] });
        let collection = |path: &str| path.rsplit_once('/').map_or(String::new(), |(collection, _)| collection.to_owned());
        self.meddle("POST", &collection(&template), &body) && self.meddle("POST", &collection(path), &group)
    }

    /// Somebody sets a group's target size.
    pub fn meddle_size(&self, group: &str, size: usize) {
        let mut world = self.lock();
        world.set_target(group, size);
        world.changed(group);
    }

    /// Somebody patches a group: a JSON merge patch of its fields. `false`: it was refused.
    pub fn meddle_patch(&self, group: &str, patch: &Value) -> bool {
        self.meddle("PATCH", group, patch)
    }

    /// Somebody deletes a group, and all that is in it. `false`: it is in use, or is not there.
    pub fn meddle_delete_group(&self, group: &str) -> bool {
        self.meddle("DELETE", group, &Value::Null)
    }

    /// Somebody deletes a virtual machine by itself; its group finds out.
    pub fn meddle_delete(&self, instance: &str) {
        self.with_instance(instance, |world, id| world.delete_instance(id, 0));
    }

    /// Somebody recreates a member of a group, from the group's template of now: the same name, another machine.
    pub fn meddle_recreate(&self, instance: &str) {
        self.with_instance(instance, |world, id| {
            let Some((path, name)) = world.instances.get(&id).map(|machine| (machine.group.clone(), machine.name.clone())) else {
                return;
            };
            if let Some(mut group) = world.groups.remove(&path) {
                if let Some(mut member) = group.members.remove(&name) {
                    member.template = group.template.clone();
                    world.recreate_member(&mut group, &mut member);
                    group.members.insert(name, member);
                }
                world.groups.insert(path, group);
            }
        });
    }

    /// Somebody deletes an image.
    pub fn meddle_delete_image(&self, image: &str) {
        let path = self.image_path(image);
        self.lock().images.remove(&path);
    }

    /// Somebody deprecates an image: `DEPRECATED`, `OBSOLETE`, `DELETED`, or `ACTIVE` again.
    pub fn meddle_deprecate(&self, image: &str, state: &str) {
        let path = self.image_path(image);
        if let Some(image) = self.lock().images.get_mut(&path) {
            image.deprecated = json!({ "state": state }).as_object().cloned();
        }
    }

    /// Somebody labels an image, or takes a label away.
    pub fn meddle_label(&self, image: &str, key: &str, value: Option<&str>) {
        let path = self.image_path(image);
        if let Some(image) = self.lock().images.get_mut(&path) {
            match value {
                Some(value) => drop(image.labels.insert(key.into(), value.into())),
                None => drop(image.labels.remove(key)),
            }
        }
    }

    /// Somebody sets the weights of a url map's default.
    pub fn meddle_route(&self, url_map: &str, weights: &[(&str, u32)]) {
        let mut world = self.lock();
        let Some(mut said) = world.url_maps.get(url_map).map(|map| map.said.clone()) else { return };
        said.insert("defaultRouteAction".into(), weighted(weights));
        said.remove("defaultService");
        world.route(url_map, said);
    }

    /// Somebody writes something else into a url map's description.
    pub fn meddle_description(&self, url_map: &str, description: &str) {
        let mut world = self.lock();
        let Some(mut said) = world.url_maps.get(url_map).map(|map| map.said.clone()) else { return };
        said.insert("description".into(), description.into());
        world.route(url_map, said);
    }

    /// Somebody sets the backends of a backend service: the paths of groups, each with its `capacityScaler`.
    pub fn meddle_backends(&self, service: &str, groups: &[(&str, f64)]) {
        let backends: Vec<Value> = groups
            .iter()
            .map(|(group, scaler)| {
                let group = group.replace("/instanceGroupManagers/", "/instanceGroups/");
                json!({ "group": link(&group), "balancingMode": "UTILIZATION", "capacityScaler": scaler })
            })
            .collect();
        if let Some(found) = self.lock().services.get_mut(service) {
            found.said.insert("backends".into(), backends.into());
        }
    }

    fn meddle(&self, method: &str, path: &str, body: &Value) -> bool {
        let request = Request {
            method: method.into(),
            uri: format!("/compute/v1/{path}"),
            headers: Vec::new(),
            body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
        };
        let mut world = self.lock();
        let Ok(mut asked) = Asked::read(&request) else { return false };
        asked.id = world.id();
        super::super::dispatch::act(&mut world, &asked, Stage::Due).is_ok()
    }
}
