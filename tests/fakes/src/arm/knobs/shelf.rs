//! Galleries, images and what the location offers.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::FakeArm;
use super::super::asked::{key, put};
use super::super::gallery::replication::{Copying, region_key};
use super::super::gallery::{GALLERY, Shelf};
use super::super::image;
use super::super::market::Offered;
use super::super::world::{World, millis, time};

/// Images and applications that there are. Each id is as the rest of the library writes it: in lower case.
impl FakeArm {
    /// A version of an image in the gallery `images`, in this location; the gallery and the definition are made, if they are not there. Its id.
    pub fn gallery_image(&self, name: &str, version: &str) -> String {
        let source = self.id(image::KIND, &format!("{name}-{version}"));
        let properties = json!({ "storageProfile": { "source": { "id": source }, "osDiskImage": { "sizeInGB": 30, "hostCaching": "ReadWrite" } }, "safetyProfile": {} });
        let definition = json!({
            "osType": "Linux",
            "osState": "Generalized",
            "hyperVGeneration": "V2",
            "architecture": "x64",
            "identifier": { "publisher": "acme", "offer": name, "sku": name },
        });
        self.shelve(("images", name, version), definition, properties)
    }

    /// A version of an application in the gallery `images`, in this location; the gallery and the definition are made, if they are not there. Its id.
    pub fn application(&self, name: &str, version: &str) -> String {
        let properties = json!({ "publishingProfile": {
            "source": { "mediaLink": format!("https://acme.blob.core.windows.net/packages/{name}-{version}") },
            "manageActions": { "install": format!("./{name} install"), "remove": format!("./{name} remove") },
        } });
        self.shelve(("applications", name, version), json!({ "supportedOSType": "Linux" }), properties)
    }

    fn shelve(&self, (part, name, version): (&str, &str, &str), definition: Value, mut properties: Value) -> String {
        let gallery = self.id(GALLERY, "images");
        let above = format!("{gallery}/{part}/{name}");
        let id = format!("{above}/versions/{version}");
        let mut world = self.lock();
        let location = world.location.clone();
        let body = |properties: Value| json!({ "location": location, "tags": {}, "properties": properties });
        if world.find(&gallery).is_none() {
            world.keep(&gallery, false, body(json!({ "identifier": { "uniqueName": "acme-images" } })));
        }
        if world.find(&above).is_none() {
            world.keep(&above, false, body(definition));
        }
        put(&mut properties, "publishingProfile.targetRegions", json!([{ "name": location, "regionalReplicaCount": 1 }]));
        put(&mut properties, "publishingProfile.excludeFromLatest", false.into());
        put(&mut properties, "publishingProfile.publishedDate", time(world.now).into());
        world.keep(&id, false, body(properties));
        let now = world.now;
        world.shelf.replications.entry(key(&id)).or_default().aim(&[location], now, |_| Copying::default());
        key(&id)
    }

    /// A managed image. Its id.
    pub fn managed_image(&self, name: &str) -> String {
        let id = self.id(image::KIND, name);
        let mut world = self.lock();
        let disk = json!({ "osType": "Linux", "osState": "Generalized", "diskSizeGB": 30, "caching": "ReadWrite", "storageAccountType": "Standard_LRS" });
        let body = json!({
            "location": world.location,
            "tags": {},
            "properties": { "storageProfile": { "osDisk": disk, "zoneResilient": false }, "hyperVGeneration": "V2" },
        });
        world.keep(&id, false, body);
        key(&id)
    }

    /// A virtual machine was generalized, and images can be made of it. It is named by its id, and need not be of this world.
    pub fn generalized(&self, machine: &str) {
        self.shelf(|shelf| _ = shelf.generalized.insert(key(machine)));
    }
}

/// How long copies take, and what goes wrong with them.
impl FakeArm {
    /// From a request for a version in new regions until they have it, and its operation is over; 10 min.
    pub fn copies_take(&self, takes: Duration) {
        self.shelf(|shelf| shelf.copying = millis(takes));
    }

    /// A region takes longer than the operation, by so much (AgentBaker#8373).
    pub fn region_is_late(&self, region: &str, by: Duration) {
        self.shelf(|shelf| _ = shelf.late.insert(region_key(region), millis(by)));
    }

    /// For so long after a copy is there no machine can be made of it yet (AgentBaker#8373); at once.
    pub fn copies_settle(&self, takes: Duration) {
        self.shelf(|shelf| shelf.unusable = millis(takes));
    }

    /// Copies to a region that begin from now on fail, with these words; or do not any more.
    pub fn copies_fail(&self, region: &str, why: Option<&str>) {
        self.shelf(|shelf| match why {
            Some(why) => drop(shelf.failing.insert(region_key(region), why.into())),
            None => drop(shelf.failing.remove(&region_key(region))),
        });
    }

    /// How long a managed image takes to be made; 2 min.
    pub fn imaging(&self, takes: Duration) {
        self.shelf(|shelf| shelf.imaging = millis(takes));
    }

    /// By region, where the copies of a version stand: `Replicating`, `Completed`, `Failed`. Nothing of what is no version.
    pub fn copies(&self, version: &str) -> std::collections::BTreeMap<String, &'static str> {
        let world = self.lock();
        world.shelf.replications.get(&key(version)).map(|copies| copies.states(world.now)).unwrap_or_default()
    }

    fn shelf(&self, act: impl FnOnce(&mut Shelf)) {
        act(&mut self.lock().shelf);
    }
}

/// What the location offers.
impl FakeArm {
    /// A version of an image of the marketplace: `publisher:offer:sku:version`. `plan`: whether it has one. `false`: that is no name of one.
    pub fn marketplace_image(&self, urn: &str, plan: bool) -> bool {
        let [publisher, offer, sku, version] =
            urn.split(':').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap_or_default();
        if version.is_empty() {
            return false;
        }
        let mut world = self.lock();
        world.market.images.push(Offered { publisher, offer, sku, version, plan, state: "Active" });
        true
    }

    /// A version of an image of the marketplace is deprecated.
    pub fn marketplace_deprecates(&self, urn: &str) {
        let named = |image: &&mut Offered| format!("{}:{}:{}:{}", image.publisher, image.offer, image.sku, image.version) == urn;
        if let Some(image) = self.lock().market.images.iter_mut().find(named) {
            image.state = "Deprecated";
        }
    }

    /// A size is not to be had in these zones: `NotAvailableForSubscription`. In all of them: not in the location.
    pub fn size_withheld(&self, size: &str, zones: &[&str]) {
        let zones = zones.iter().map(|zone| (*zone).to_owned()).collect();
        self.lock().market.withheld.insert(size.into(), zones);
    }

    /// Of a usage (`cores`, `standardDSv5Family`): how much others use, and how much there may be in all; 0 and 100. It is told, and nothing else.
    pub fn usage(&self, name: &str, others: u64, limit: u64) {
        let mut world = self.lock();
        world.market.used.insert(name.into(), others);
        world.market.limits.insert(name.into(), limit);
    }
}

impl World {
    /// Somebody has changed a version: its regions are those that it says from now on.
    pub(super) fn reshelved(&mut self, id: &str) {
        let Some(found) = self.find(id).filter(|found| found.kind.to_ascii_lowercase().ends_with("/versions")).cloned() else {
            return;
        };
        let regions = super::super::asked::list(&found.body, "properties.publishingProfile.targetRegions");
        let regions: Vec<String> = regions.iter().map(|region| super::super::asked::text(region, "name").to_owned()).collect();
        let (key, now) = (key(&found.id), self.now);
        let mut copies = self.shelf.replications.remove(&key).unwrap_or_default();
        copies.aim(&regions, now, |region| self.shelf.copying_to(region));
        self.shelf.replications.insert(key, copies);
    }
}
