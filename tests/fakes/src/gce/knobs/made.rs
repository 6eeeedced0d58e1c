//! What was made beforehand.

use serde_json::{Map, json};

use super::super::FakeGce;
use super::super::image::{Fate, Image};
use super::super::service::Service;
use super::super::url_map::UrlMap;
use super::super::world::link;

/// What there is.
impl FakeGce {
    /// An image of this project, READY at once. Its path, as the rest of the library names images: `projects/P/global/images/N`.
    pub fn image(&self, name: &str) -> String {
        self.image_in_family(name, "")
    }

    /// An image in a family.
    pub fn image_in_family(&self, name: &str, family: &str) -> String {
        let path = self.image_path(name);
        let mut world = self.lock();
        let (id, now) = (world.id(), world.now);
        let mut said = Map::new();
        said.insert("name".into(), name.into());
        if !family.is_empty() {
            said.insert("family".into(), family.into());
        }
        let image = Image {
            id,
            path: path.clone(),
            created: now,
            ready_at: now,
            failed: false,
            now,
            said,
            labels: Default::default(),
            deprecated: None,
            source_id: None,
            fate: Fate::Sound,
            told: true,
        };
        world.images.insert(path.clone(), image);
        path
    }

    /// An image is still being made, for so long.
    pub fn image_pending(&self, image: &str, takes: std::time::Duration) {
        let path = self.image_path(image);
        let mut world = self.lock();
        let now = world.now;
        if let Some(image) = world.images.get_mut(&path) {
            image.now = now;
            image.ready_at = now.saturating_add(super::millis(takes));
            image.told = false;
        }
    }

    /// An image cannot be made: it is FAILED where it would be READY.
    pub fn image_failed(&self, image: &str) {
        let path = self.image_path(image);
        if let Some(image) = self.lock().images.get_mut(&path) {
            image.failed = true;
        }
    }

    /// The region's zones.
    pub fn zones(&self) -> Vec<String> {
        self.lock().zones.clone()
    }

    /// A backend service without backends, global or of the region. Its path. `drains` is in seconds.
    pub fn backend_service(&self, name: &str, global: bool, drains: u64) -> String {
        let path = format!("projects/{}/{}/backendServices/{name}", self.project, self.scope(global));
        let mut world = self.lock();
        let (id, created) = (world.id(), world.now);
        let said = json!({
            "name": name,
            "protocol": "HTTP",
            "portName": "http",
            "loadBalancingScheme": if global { "EXTERNAL_MANAGED" } else { "INTERNAL_MANAGED" },
            "connectionDraining": { "drainingTimeoutSec": drains },
            "timeoutSec": 30,
            "sessionAffinity": "NONE",
            "backends": [],
        });
        let said = said.as_object().cloned().unwrap_or_default();
        world.services.insert(path.clone(), Service { id, path: path.clone(), created, said });
        path
    }

    /// A url map whose default divides by these weights, in the place of its backend services, which are named by their paths. Its path.
    pub fn url_map(&self, name: &str, weights: &[(&str, u32)]) -> String {
        let global = weights.first().is_none_or(|(service, _)| service.contains("/global/"));
        let path = format!("projects/{}/{}/urlMaps/{name}", self.project, self.scope(global));
        let mut world = self.lock();
        let (id, created) = (world.id(), world.now);
        let mut said = Map::new();
        said.insert("name".into(), name.into());
        said.insert("defaultRouteAction".into(), super::meddling::weighted(weights));
        world.url_maps.insert(path.clone(), UrlMap::new(id, path.clone(), created, said));
        path
    }

    /// A pool: a global url map of this name, over two backend services, `NAME-blue` and `NAME-green`, of which the first has all. The paths of all three.
    pub fn pool(&self, name: &str) -> (String, String, String) {
        let one = self.backend_service(&format!("{name}-blue"), true, 10);
        let other = self.backend_service(&format!("{name}-green"), true, 10);
        let map = self.url_map(name, &[(&one, 1), (&other, 0)]);
        (map, one, other)
    }

    /// An autoscaler of a group, of its name and in its place, which thinks a size best. Its path.
    pub fn autoscaler(&self, group: &str, mode: &str, size: usize) -> String {
        self.lock().attach_autoscaler(group, mode, size)
    }

    /// What an autoscaler thinks best now.
    pub fn recommend(&self, autoscaler: &str, size: usize) {
        let mut world = self.lock();
        if let Some(found) = world.autoscalers.get_mut(autoscaler) {
            found.recommended = size;
        }
        world.autoscale(autoscaler);
    }

    /// A whole URL of a path.
    pub fn link(&self, path: &str) -> String {
        link(path)
    }

    fn scope(&self, global: bool) -> String {
        if global { "global".into() } else { format!("regions/{}", self.lock().region) }
    }

    /// The path of the instance group that backends name, of a group's path.
    pub fn instance_group(&self, group: &str) -> String {
        group.replace("/instanceGroupManagers/", "/instanceGroups/")
    }
}
