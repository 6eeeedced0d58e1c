//! Versions of a gallery, of images as of applications: "GalleryImageVersion" and "GalleryApplicationVersion". What is not known of them stays as it is.

use std::collections::BTreeMap;

use immutable_core::Timestamp;
use serde_json::{Map, Value, json};

use super::names::{Kind, region};

/// What a version's own tag says that was deprecated by us: how it was before.
pub(super) const DEPRECATED: &str = "immutable-deprecated";

/// A version, as it was read.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) kind: Kind,
    body: Value,
}

/// How a version stands in a region. "RegionalReplicationStatus".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is not to be there.
    Missing,
    /// It is on its way, so many percent of it; that is also all that is known as long as Azure says nothing of it.
    Copying(Option<u8>),
    There,
    /// Its copy failed, and why.
    Failed(String),
}

impl Version {
    pub(super) fn new(kind: Kind, body: Value) -> Self {
        Self { kind, body }
    }

    fn at(&self, path: &str) -> Option<&Value> {
        self.body.pointer(path).filter(|value| !value.is_null())
    }

    fn text(&self, path: &str) -> &str {
        self.at(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// What follows the last `/` of its id.
    pub(super) fn name(&self) -> &str {
        self.text("/name")
    }

    /// "GalleryProvisioningState": `Creating`, `Updating`, `Succeeded`, `Failed`, `Deleting`, `Migrating`.
    pub(super) fn state(&self) -> &str {
        self.text("/properties/provisioningState")
    }

    pub(super) fn is(&self, state: &str) -> bool {
        self.state().eq_ignore_ascii_case(state)
    }

    /// The region that it was made in, which is always one of its regions: packer#8895 quotes the refusal.
    pub(super) fn home(&self) -> String {
        region(self.text("/location"))
    }

    /// Where it is to be: the entries of its regions, as they are.
    pub(super) fn targets(&self) -> &[Value] {
        self.at("/properties/publishingProfile/targetRegions").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The names of its regions.
    pub(super) fn regions(&self) -> impl Iterator<Item = String> {
        self.targets().iter().filter_map(|target| Some(region(target.get("name")?.as_str()?)))
    }

    pub(super) fn target(&self, wanted: &str) -> Option<&Value> {
        self.targets().iter().find(|target| is_of(target, "name", wanted))
    }

    /// How it stands in a region, as far as it was asked for with its replication.
    pub(super) fn standing(&self, wanted: &str) -> Standing {
        if self.target(wanted).is_none() {
            return Standing::Missing;
        }
        let all = self.at("/properties/replicationStatus/summary").and_then(Value::as_array);
        let Some(said) = all.into_iter().flatten().find(|said| is_of(said, "region", wanted)) else {
            return Standing::Copying(None);
        };
        let text = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default();
        let progress = said.get("progress").and_then(Value::as_u64).and_then(|progress| u8::try_from(progress.min(100)).ok());
        match text("state").to_ascii_lowercase().as_str() {
            "completed" => Standing::There,
            "failed" => Standing::Failed(text("details").to_owned()),
            // Whatever it may be called: it is not there yet.
            _ => Standing::Copying(progress),
        }
    }

    /// Whether the latest is another, in a region. "excludeFromLatest", of all regions and of one.
    pub(super) fn is_excluded(&self, wanted: &str) -> bool {
        let of = |value: Option<&Value>| value.and_then(Value::as_bool).unwrap_or(false);
        of(self.at("/properties/publishingProfile/excludeFromLatest"))
            || of(self.target(wanted).and_then(|target| target.get("excludeFromLatest")))
    }

    /// Whether it is excluded in all regions.
    pub(super) fn is_unlisted(&self) -> bool {
        self.at("/properties/publishingProfile/excludeFromLatest").and_then(Value::as_bool).unwrap_or(false)
    }

    /// "endOfLifeDate": informational, machines can be made of it after it.
    pub(super) fn end_of_life(&self) -> Option<Timestamp> {
        self.end().parse().ok()
    }

    /// The same, as Azure writes it; empty without one.
    pub(super) fn end(&self) -> &str {
        self.text("/properties/publishingProfile/endOfLifeDate")
    }

    pub(super) fn is_past(&self, now: Timestamp) -> bool {
        self.end_of_life().is_some_and(|end| end <= now)
    }

    /// "blockDeletionBeforeEndOfLife", "allowDeletionOfReplicatedLocations".
    pub(super) fn safety(&self, name: &str) -> Option<bool> {
        self.at("/properties/safetyProfile")?.get(name)?.as_bool()
    }

    /// Whether it is in its first region only, and not replicated. "replicationMode": `Shallow` is for tests.
    pub(super) fn is_shallow(&self) -> bool {
        self.text("/properties/publishingProfile/replicationMode").eq_ignore_ascii_case("Shallow")
    }

    pub(super) fn tags(&self) -> BTreeMap<String, String> {
        tags(&self.body)
    }

    /// What it was made of: the id of an image, of a machine or of a disk, or where a package is.
    pub(super) fn source(&self) -> Option<&str> {
        let of_image = [
            "/properties/storageProfile/source/id",
            "/properties/storageProfile/source/virtualMachineId",
            "/properties/storageProfile/source/communityGalleryImageId",
            "/properties/storageProfile/osDiskImage/source/id",
            "/properties/storageProfile/osDiskImage/source/uri",
        ];
        let of_application = ["/properties/publishingProfile/source/mediaLink"];
        let paths: &[&str] = if self.kind == Kind::Image { &of_image } else { &of_application };
        paths.iter().map(|path| self.text(path)).find(|source| !source.is_empty())
    }

    /// What an application does: `install`, `remove`, `update`.
    pub(super) fn action(&self, name: &str) -> &str {
        let actions = self.at("/properties/publishingProfile/manageActions");
        actions.and_then(|actions| actions.get(name)?.as_str()).unwrap_or_default()
    }

    /// What has to be sent to change its publishing profile: all that the model requires is said again, and nothing else.
    pub(super) fn change(&self, profile: Map<String, Value>) -> Value {
        match self.kind {
            // `storageProfile` is required, its `source` is what does not change.
            Kind::Image => {
                let source = self.at("/properties/storageProfile/source").cloned();
                let storage: Map<String, Value> = source.map(|source| ("source".to_owned(), source)).into_iter().collect();
                json!({ "properties": { "publishingProfile": profile, "storageProfile": storage } })
            }
            Kind::Application => {
                let mut profile = profile;
                if let Some(source) = self.at("/properties/publishingProfile/source") {
                    profile.insert("source".to_owned(), source.clone());
                }
                json!({ "properties": { "publishingProfile": profile } })
            }
        }
    }
}

fn is_of(entry: &Value, field: &str, wanted: &str) -> bool {
    entry.get(field).and_then(Value::as_str).is_some_and(|name| region(name) == wanted)
}

/// The tags of a resource.
pub(super) fn tags(body: &Value) -> BTreeMap<String, String> {
    let all = body.get("tags").and_then(Value::as_object).into_iter().flatten();
    all.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(body: Value) -> Version {
        Version::new(Kind::Image, body)
    }

    #[test]
    fn a_region_says_how_it_stands() {
        let found = version(json!({ "location": "West Europe", "properties": {
            "publishingProfile": { "targetRegions": [
                { "name": "West Europe" }, { "name": "northeurope", "excludeFromLatest": true }, { "name": "East US" },
                { "name": "East US 2" }, { "name": "UK South" },
            ] },
            "replicationStatus": { "summary": [
                { "region": "West Europe", "state": "Completed", "progress": 100 },
                { "region": "North Europe", "state": "Replicating", "progress": 40 },
                { "region": "East US", "state": "Failed", "details": "no room" },
                { "region": "UK South", "state": "Resting" },
            ] },
        } }));
        assert_eq!(found.home(), "westeurope");
        assert_eq!(found.standing("westeurope"), Standing::There);
        assert_eq!(found.standing("northeurope"), Standing::Copying(Some(40)));
        assert_eq!(found.standing("eastus"), Standing::Failed("no room".into()));
        assert_eq!(found.standing("eastus2"), Standing::Copying(None), "nothing is said of it");
        assert_eq!(found.standing("uksouth"), Standing::Copying(None), "nobody knows what that is");
        assert_eq!(found.standing("westus"), Standing::Missing);
        assert!(found.is_excluded("northeurope") && !found.is_excluded("westeurope") && !found.is_unlisted());
    }

    #[test]
    fn what_the_model_requires_is_sent_with_a_change() {
        let profile = || Map::from_iter([("excludeFromLatest".to_owned(), json!(true))]);
        let image = version(
            json!({ "properties": { "storageProfile": { "source": { "id": "/x" }, "osDiskImage": { "sizeInGB": 30 } } } }),
        );
        let sent = json!({ "properties": { "publishingProfile": { "excludeFromLatest": true }, "storageProfile": { "source": { "id": "/x" } } } });
        assert_eq!(image.change(profile()), sent);
        let body =
            json!({ "properties": { "publishingProfile": { "source": { "mediaLink": "https://x/y" }, "publishedDate": "…" } } });
        let application = Version::new(Kind::Application, body);
        let sent = json!({ "properties": { "publishingProfile": { "excludeFromLatest": true, "source": { "mediaLink": "https://x/y" } } } });
        assert_eq!(application.change(profile()), sent);
        assert_eq!(application.source(), Some("https://x/y"));
    }

    #[test]
    fn an_end_of_life_is_read_as_azure_writes_it() {
        let at = |text: &str| version(json!({ "properties": { "publishingProfile": { "endOfLifeDate": text } } })).end_of_life();
        let noon: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        for text in ["2026-11-22T12:00:00Z", "2026-11-22T12:00:00+00:00", "2026-11-22T12:00:00.0000000Z"] {
            assert_eq!(at(text), Some(noon), "{text}");
        }
        assert_eq!(at(""), None);
    }
}
