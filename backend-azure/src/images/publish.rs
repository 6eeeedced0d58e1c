//! Versions that are made, and become the latest.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use immutable_core::provider::{ImageSeen, ImageStage, Replica};
use immutable_core::{Applied, Error, ErrorKind, ImageRef, Place, Result};
use serde_json::{Map, Value, json};

use super::describe::{self, Found, Verb};
use super::names::{Definition, Kind, Name, is_plain, region};
use super::replicate::stands;
use super::stage::patch;
use super::version::Version;
use super::{base, changeable, missing};
use crate::client::{Azure, Call};
use crate::marks::same;
use crate::preflight::GALLERY;

/// A version of an image definition, or of a VM application, that is to be published.
///
/// ```
/// use backend_azure::NewVersion;
///
/// let version = NewVersion::new("acme", "web", "1.2.0").region("northeurope").label("commit", "4f2a");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    gallery: String,
    name: String,
    version: String,
    regions: BTreeSet<String>,
    labels: BTreeMap<String, String>,
    replicas: Option<u32>,
}

impl NewVersion {
    /// A version of what has this name in a gallery of the resource group, or in one by its id. It has three numbers, as in `1.2.0`. It is made in the region of the catalog.
    pub fn new(gallery: impl Into<String>, name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            gallery: gallery.into(),
            name: name.into(),
            version: version.into(),
            regions: BTreeSet::new(),
            labels: BTreeMap::new(),
            replicas: None,
        }
    }

    /// To be in this region too.
    #[must_use]
    pub fn region(mut self, name: impl AsRef<str>) -> Self {
        self.regions.insert(region(name.as_ref()));
        self
    }

    /// With this label, which Azure calls a tag.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// With so many replicas in each region; 1 if nothing is said. "Store and share images in an Azure Compute Gallery": one for each 20 machines that are made at a time.
    #[must_use]
    pub fn replicas(mut self, in_each_region: u32) -> Self {
        self.replicas = Some(in_each_region);
        self
    }

    fn named(&self, azure: &Azure, kind: Kind) -> Result<Name> {
        let gallery = match self.gallery.starts_with('/') {
            true => self.gallery.trim_end_matches('/').to_owned(),
            false => azure.of("Microsoft.Compute/galleries", &self.gallery),
        };
        let plural = if kind == Kind::Image { "images" } else { "applications" };
        let id = format!("{gallery}/{plural}/{}/versions/{}", self.name, self.version);
        let named = Name::read(&id)
            .ok_or_else(|| Error::invalid(format!("`{id}` is no version's id; name its gallery, and what it is of")))?;
        // "The allowed characters are digit and period. Digits must be within the range of a 32-bit integer."
        let numbers: Vec<&str> = self.version.split('.').collect();
        let number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse::<i32>().is_ok();
        if numbers.len() != 3 || !numbers.iter().all(number) {
            return Err(Error::invalid(format!(
                "`{}` is no version in a gallery; it has three numbers, as in 1.2.0",
                self.version
            )));
        }
        if let Some(odd) = self.regions.iter().find(|name| !is_plain(name)) {
            return Err(Error::invalid(format!("`{odd}` is no region; it is as in westeurope")));
        }
        match named.is_ours(azure) {
            true => Ok(named),
            false => Err(Error::new(ErrorKind::Denied, format!("{named} is not ours; its own subscription publishes it"))),
        }
    }

    /// All but what it is made of.
    fn body(&self, azure: &Azure) -> (Value, Map<String, Value>) {
        let regions: BTreeSet<&str> = self.regions.iter().map(String::as_str).chain([azure.region()]).collect();
        let target = |name: &str| match self.replicas {
            Some(replicas) => json!({ "name": name, "regionalReplicaCount": replicas }),
            None => json!({ "name": name }),
        };
        let targets: Vec<Value> = regions.into_iter().map(target).collect();
        let profile = Map::from_iter([
            ("targetRegions".to_owned(), targets.into()),
            // It is nobody's latest before it was tried.
            ("excludeFromLatest".to_owned(), true.into()),
        ]);
        // A copy can be deleted where nobody uses it.
        let safety = json!({ "allowDeletionOfReplicatedLocations": true });
        let body = json!({ "location": azure.region(), "tags": self.labels, "properties": { "safetyProfile": safety } });
        (body, profile)
    }
}

/// `acme/web/1.2.0`
impl fmt::Display for NewVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.gallery, self.name, self.version)
    }
}

/// What a version of a VM application is made of: a file in a storage account, and what is run to install it.
///
/// ```
/// use backend_azure::Package;
///
/// let package = Package::new("https://acme.blob.core.windows.net/releases/web-1.2.0.tar.gz", "tar xf web && ./install", "./remove").file("web");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    link: String,
    install: String,
    remove: String,
    update: Option<String>,
    file: Option<String>,
    configuration: Option<String>,
}

impl Package {
    /// The blob at this address, which Azure can read, installed and removed by these commands, of at most 4096 characters each.
    pub fn new(link: impl Into<String>, install: impl Into<String>, remove: impl Into<String>) -> Self {
        Self { link: link.into(), install: install.into(), remove: remove.into(), update: None, file: None, configuration: None }
    }

    /// With this command for those who update what is installed. Machines of this library never do.
    #[must_use]
    pub fn update(mut self, command: impl Into<String>) -> Self {
        self.update = Some(command.into());
        self
    }

    /// Named so on the machine; as the application if nothing is said.
    #[must_use]
    pub fn file(mut self, name: impl Into<String>) -> Self {
        self.file = Some(name.into());
        self
    }

    /// With the blob at this address as its configuration.
    #[must_use]
    pub fn configuration(mut self, link: impl Into<String>) -> Self {
        self.configuration = Some(link.into());
        self
    }

    fn source(&self) -> Value {
        let mut source = Map::from_iter([("mediaLink".to_owned(), self.link.as_str().into())]);
        source.extend(self.configuration.as_ref().map(|link| ("defaultConfigurationLink".to_owned(), link.as_str().into())));
        source.into()
    }

    fn actions(&self) -> Value {
        let mut actions = Map::from_iter([
            ("install".to_owned(), self.install.as_str().into()),
            ("remove".to_owned(), self.remove.as_str().into()),
        ]);
        actions.extend(self.update.as_ref().map(|command| ("update".to_owned(), command.as_str().into())));
        actions.into()
    }
}

pub(super) async fn image(azure: &Azure, version: &NewVersion, source: &str) -> Result<ImageRef> {
    let name = version.named(azure, Kind::Image)?;
    let (mut body, profile) = version.body(azure);
    let storage = json!({ "source": source_of(source)? });
    set(&mut body, "publishingProfile", profile.into());
    set(&mut body, "storageProfile", storage);
    let is = |found: &Version| found.source().is_some_and(|said| same(said, source));
    make(azure, &name, &body, source, is).await
}

/// "GalleryArtifactVersionFullSource": machines are named otherwise than what is an image already.
fn source_of(id: &str) -> Result<Value> {
    match Name::read(id) {
        Some(Name::Managed { .. }) => return Ok(json!({ "id": id })),
        Some(Name::Version { of, .. }) if of.kind == Kind::Image => return Ok(json!({ "id": id })),
        _ => {}
    }
    let lower = id.to_ascii_lowercase();
    match lower.split('/').collect::<Vec<_>>()[..] {
        ["", "subscriptions", _, "resourcegroups", _, "providers", "microsoft.compute", "virtualmachines", name]
            if is_plain(name) =>
        {
            Ok(json!({ "virtualMachineId": id }))
        }
        _ => Err(Error::invalid(format!(
            "a version can be made of a managed image, of a virtual machine, or of another version, by its id; `{id}` is none of these"
        ))),
    }
}

pub(super) async fn application(azure: &Azure, version: &NewVersion, package: &Package) -> Result<ImageRef> {
    let name = version.named(azure, Kind::Application)?;
    if !package.link.starts_with("https://") {
        return Err(Error::invalid("a package is at an address that begins with https://, in a storage account"));
    }
    for (what, command) in [("installed", &package.install), ("removed", &package.remove)] {
        if command.is_empty() || command.chars().count() > 4096 {
            return Err(Error::invalid(format!("an application is {what} by a command of 1 to 4096 characters")));
        }
    }
    let (mut body, mut profile) = version.body(azure);
    profile.insert("source".to_owned(), package.source());
    profile.insert("manageActions".to_owned(), package.actions());
    if let Some(file) = &package.file {
        profile.insert("settings".to_owned(), json!({ "packageFileName": file }));
    }
    set(&mut body, "publishingProfile", profile.into());
    let is = |found: &Version| {
        found.source().is_some_and(|said| unsigned(said) == unsigned(&package.link))
            && found.action("install") == package.install
            && found.action("remove") == package.remove
    };
    make(azure, &name, &body, unsigned(&package.link), is).await
}

/// An address without its signature, which is another each time and opens what is there.
fn unsigned(link: &str) -> &str {
    link.split('?').next().unwrap_or(link)
}

fn set(body: &mut Value, field: &str, value: Value) {
    if let Some(properties) = body.pointer_mut("/properties").and_then(Value::as_object_mut) {
        properties.insert(field.to_owned(), value);
    }
}

/// Makes a version, if there is none. Galleries do not compare etags, and a second PUT would be a change: so it is looked for first.
async fn make(azure: &Azure, name: &Name, body: &Value, of: &str, is: impl Fn(&Version) -> bool) -> Result<ImageRef> {
    let image = base::refer(azure, name);
    if there(azure, name, of, &is).await? {
        return Ok(image);
    }
    let Name::Version { of: Definition { kind, .. }, .. } = name else {
        return Err(Error::invalid(format!("{name} is no version")));
    };
    let call = Call::put(describe::call(*kind, Verb::Put), &name.path(azure), GALLERY, body);
    match azure.operate(&call, false).await {
        // What goes on is followed by looking.
        Ok(_) => Ok(image),
        // Somebody else may have been quicker.
        Err(error) if matches!(error.kind(), ErrorKind::Busy | ErrorKind::Conflict) => match there(azure, name, of, &is).await {
            Ok(true) => Ok(image),
            Ok(false) => Err(error),
            Err(other) if other.kind() == ErrorKind::Taken => Err(other),
            Err(_) => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// Whether the version is there and was made of this.
async fn there(azure: &Azure, name: &Name, of: &str, is: &impl Fn(&Version) -> bool) -> Result<bool> {
    let Some(Found::Version(found)) = describe::one(azure, name).await? else { return Ok(false) };
    if found.is("Deleting") {
        return Err(Error::new(ErrorKind::Busy, format!("{name} is being deleted; ask again when it is gone")));
    }
    if is(&found) {
        return Ok(true);
    }
    let what = format!(
        "there is another {name}, made of {}, and not of {of} in this way; a version never changes, so publish another",
        found.source().map_or("something else", unsigned)
    );
    Err(Error::new(ErrorKind::Taken, what))
}

pub(super) async fn promote(azure: &Azure, image: &ImageRef, name: &Name) -> Result<ImageSeen> {
    let Name::Version { of, .. } = name else {
        return Err(Error::invalid(format!("{image} is no version in a gallery; only these are promoted")));
    };
    let Found::Version(version) = changeable(azure, image, name).await? else { return Err(missing(image)) };
    let (stage, why) = describe::stage(&Found::Version(version.clone()), azure.region(), azure.now());
    if stage != ImageStage::Active {
        let why = why.unwrap_or_else(|| "it is deprecated".to_owned());
        return Err(Error::new(ErrorKind::Conflict, format!("{image} is not for use: {why}; make it active first")));
    }
    let excluded = version.is_excluded(azure.region());
    if excluded {
        let mut profile = Map::from_iter([("excludeFromLatest".to_owned(), false.into())]);
        let here = |target: &Value| target.get("name").and_then(Value::as_str).is_some_and(|name| region(name) == azure.region());
        let mut targets = version.targets().to_vec();
        let said = targets
            .iter_mut()
            .find(|target| here(target))
            .and_then(|target| target.as_object_mut()?.get_mut("excludeFromLatest"));
        if let Some(said) = said.filter(|said| said.as_bool() == Some(true)) {
            *said = false.into();
            profile.insert("targetRegions".to_owned(), targets.into());
        }
        patch(azure, name, &version, &version.change(profile)).await?;
    }
    let newest = base::newest(azure, of).await;
    // It was done, whatever becomes of the look.
    newest.map_err(|error| if excluded { error.with_applied(Applied::Yes) } else { error })
}

pub(super) async fn replicated(azure: &Azure, image: &ImageRef, name: &Name) -> Result<Vec<Replica>> {
    if !matches!(name, Name::Version { .. }) {
        return Err(Error::invalid(format!("{image} is no version in a gallery; only these are replicated")));
    }
    let Some(Found::Version(version)) = describe::one(azure, name).await? else { return Err(missing(image)) };
    let mut regions: Vec<String> = version.regions().collect();
    regions.sort_unstable();
    let mut all = Vec::new();
    for there in regions {
        let place = Place::new("azure", azure.subscription(), &there)?;
        all.extend(stands(&version, &ImageRef::new(place, name.to_string())));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_version_can_be_made_of() {
        let id = |rest: &str| format!("/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/{rest}");
        let (image, version, machine) =
            (id("images/web"), id("galleries/a/images/web/versions/1.0.0"), id("virtualMachines/builder"));
        assert_eq!(source_of(&image).unwrap(), json!({ "id": image }));
        assert_eq!(source_of(&version).unwrap(), json!({ "id": version }));
        assert_eq!(source_of(&machine).unwrap(), json!({ "virtualMachineId": machine }));
        for wrong in
            [id("galleries/a/images/web"), id("galleries/a/applications/web/versions/1.0.0"), "web".into(), "a:b:c:1".into()]
        {
            assert_eq!(source_of(&wrong).unwrap_err().kind(), ErrorKind::Invalid, "{wrong}");
        }
    }

    #[test]
    fn a_signature_is_not_part_of_an_address() {
        assert_eq!(unsigned("https://a.blob.core.windows.net/b/c?sv=1&sig=x"), "https://a.blob.core.windows.net/b/c");
    }
}
