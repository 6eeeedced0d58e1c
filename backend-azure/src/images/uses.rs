//! Who uses an image.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use immutable_core::fleet::Coverage;
use immutable_core::id::{InstanceName, NativeRef};
use immutable_core::provider::{ImageUse, ImageUses, Replica};
use immutable_core::{ErrorKind, ImageRef, Place, Result};
use serde_json::Value;

use super::base;
use super::describe::{self, Found};
use super::names::{Kind, Name, Source, region};
use super::replicate::stands;
use crate::client::{Azure, Call};
use crate::marks::same;
use crate::scale_sets::COMPUTE;

/// Whoever uses it, as far as it was seen.
struct Seen<'a> {
    azure: &'a Azure,
    image: &'a Name,
    by: BTreeSet<ImageUse>,
    unseen: BTreeSet<String>,
    /// What names that move stand for, by their ids: nothing if no version is for use.
    moving: BTreeMap<String, Option<String>>,
}

/// In the order in which things are made, machines last: what is made while this looks is seen, or what it is made of.
pub(super) async fn uses(azure: &Azure, image: &Name, lag: Duration) -> Result<ImageUses> {
    azure.pause(lag).await;
    let (by, unseen, moving) = Default::default();
    let mut seen = Seen { azure, image, by, unseen, moving };
    seen.copies().await?;
    let uniform = seen.scale_sets().await?;
    seen.machines("virtualMachines.listAll", &all(azure, "virtualMachines"), None).await?;
    for set in uniform {
        let path = format!("{set}/virtualMachines");
        seen.machines("virtualMachineScaleSetVMs.list", &path, Some(&set)).await?;
    }
    let unseen: Vec<String> = seen.unseen.into_iter().collect();
    let coverage = if unseen.is_empty() { Coverage::Whole } else { Coverage::Part(unseen.join("; ").into()) };
    Ok(ImageUses { by: seen.by.into_iter().collect(), coverage })
}

fn is_here(azure: &Azure, resource: &Value) -> bool {
    // One that does not say where it is might be here.
    resource.get("location").and_then(Value::as_str).is_none_or(|location| region(location) == azure.region())
}

/// The path of all of a kind in the subscription.
fn all(azure: &Azure, kind: &str) -> String {
    format!("/subscriptions/{}/providers/Microsoft.Compute/{kind}", azure.subscription())
}

impl Seen<'_> {
    /// What may not be looked at is not seen. Any other failure passes, and is the caller's to wait for.
    fn shown<T>(&mut self, shown: Result<T>) -> Result<Option<T>> {
        match shown {
            Err(error) if error.kind() == ErrorKind::Denied => {
                self.unseen.insert(error.message().to_owned());
                Ok(None)
            }
            shown => shown.map(Some),
        }
    }

    /// A version is copied from the region that it was made in.
    async fn copies(&mut self) -> Result<()> {
        let found = self.shown(describe::one(self.azure, self.image).await)?.flatten();
        let Some(Found::Version(version)) = found else { return Ok(()) };
        if version.home() != self.azure.region() {
            return Ok(());
        }
        for there in version.regions().filter(|there| *there != self.azure.region()) {
            let place = Place::new("azure", self.azure.subscription(), &there)?;
            if let Some(Replica::Copying { image, .. }) = stands(&version, &ImageRef::new(place, self.image.to_string())) {
                self.by.insert(ImageUse::Copy(image));
            }
        }
        Ok(())
    }

    /// Looks at the models of all scale sets of the region; answered with those whose machines are in no other list.
    async fn scale_sets(&mut self) -> Result<Vec<String>> {
        let call = Call::get("virtualMachineScaleSets.listAll", &all(self.azure, "virtualMachineScaleSets"), COMPUTE);
        let azure = self.azure;
        let found = azure.list(&call).await;
        let mut uniform = Vec::new();
        for set in self.shown(found)?.into_iter().flatten().filter(|set| is_here(azure, set)) {
            let Some(id) = set.get("id").and_then(Value::as_str) else { continue };
            let profile = set.pointer("/properties/virtualMachineProfile").unwrap_or(&Value::Null);
            if self.launches(profile).await? {
                self.by.insert(ImageUse::Group(NativeRef::new(self.called(id, None))));
            }
            let mode = set.pointer("/properties/orchestrationMode").and_then(Value::as_str).unwrap_or_default();
            if !mode.eq_ignore_ascii_case("Flexible") {
                uniform.push(id.to_owned());
            }
        }
        Ok(uniform)
    }

    async fn machines(&mut self, call: &'static str, path: &str, of: Option<&str>) -> Result<()> {
        let azure = self.azure;
        let found = azure.list(&Call::get(call, path, COMPUTE)).await;
        // A scale set that went since it was listed has no machines.
        let found = match found {
            Err(error) if of.is_some() && error.kind() == ErrorKind::NotFound => return Ok(()),
            found => self.shown(found)?,
        };
        for machine in found.into_iter().flatten().filter(|machine| is_here(azure, machine)) {
            let Some(id) = machine.get("id").and_then(Value::as_str) else { continue };
            if self.launches(machine.get("properties").unwrap_or(&Value::Null)).await? {
                let name = machine.get("name").and_then(Value::as_str);
                self.by.insert(ImageUse::Instance(InstanceName::new(self.called(id, name))));
            }
        }
        Ok(())
    }

    /// By its name; in another resource group, where the same name may be again, with that before it.
    fn called(&self, id: &str, name: Option<&str>) -> String {
        let name = name.unwrap_or_else(|| crate::marks::last(id));
        let group = id.split('/').skip_while(|part| !part.eq_ignore_ascii_case("resourceGroups")).nth(1).unwrap_or_default();
        if same(group, self.azure.resource_group()) { name.to_owned() } else { format!("{group}/{name}") }
    }

    /// Whether this is the profile of a machine that boots the image, or has the application.
    async fn launches(&mut self, profile: &Value) -> Result<bool> {
        let mut launches = false;
        for named in named(profile) {
            launches |= match named {
                Named::By(id) => self.is(&id).await?,
                Named::Foreign(id) => {
                    // A gallery that is shared has other ids, by which the same image can be named in its own subscription.
                    if self.may_be(&id) {
                        self.unseen.insert(format!("somebody names {id}, which may be it"));
                    }
                    false
                }
            };
        }
        Ok(launches)
    }

    /// Whether what is named so is this image.
    async fn is(&mut self, id: &str) -> Result<bool> {
        let key = self.image.key();
        match Source::read(id) {
            Some(Source::One(name)) => Ok(name.key() == key),
            Some(Source::Newest(of)) => {
                if !matches!(self.image, Name::Version { of: ours, .. } if *ours == of) {
                    return Ok(false);
                }
                if !self.moving.contains_key(&of.path()) {
                    let newest = base::candidates(self.azure, &of).await;
                    let newest = match newest {
                        Err(error) if error.kind() == ErrorKind::NotFound => None,
                        newest => self.shown(newest)?.and_then(|found| Some(of.version(found.first()?.name()).key())),
                    };
                    self.moving.insert(of.path(), newest);
                }
                Ok(self.moving.get(&of.path()).and_then(Option::as_ref) == Some(&key))
            }
            Some(Source::NewestOffered(of)) => {
                let Name::Market { of: ours, .. } = self.image else { return Ok(false) };
                if !same(&ours.to_string(), &of.to_string()) {
                    return Ok(false);
                }
                let newest = base::offered(self.azure, &of).await;
                let newest = self.shown(newest)?.and_then(|found| Some(of.version(found.first()?).key()));
                Ok(newest == Some(key))
            }
            None => Ok(false),
        }
    }

    fn may_be(&self, id: &str) -> bool {
        let Name::Version { of, version } = self.image else { return false };
        let kind = if of.kind == Kind::Image { "images" } else { "applications" };
        let id = id.to_ascii_lowercase();
        let definition = format!("/{kind}/{}", of.name);
        id.ends_with(&definition)
            || id.ends_with(&format!("{definition}/versions/{version}"))
            || id.ends_with(&format!("{definition}/versions/latest"))
    }
}

/// What a profile names.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    /// By an id, or as the marketplace does.
    By(String),
    /// By the id of a gallery that is shared with everybody, or directly.
    Foreign(String),
}

/// "ImageReference": of a machine that was made of the latest, `exactVersion` says which that was. "VMGalleryApplication": `packageReferenceId`.
fn named(profile: &Value) -> Vec<Named> {
    let mut found = Vec::new();
    if let Some(reference) = profile.pointer("/storageProfile/imageReference") {
        let text = |name: &str| reference.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let exact = text("exactVersion");
        if let Some(id) = text("sharedGalleryImageId").or_else(|| text("communityGalleryImageId")) {
            found.push(Named::Foreign(id.to_owned()));
        } else if let Some(id) = text("id") {
            found.push(Named::By(match (Source::read(id), exact) {
                (Some(Source::Newest(of)), Some(exact)) => of.version(exact).to_string(),
                _ => id.to_owned(),
            }));
        } else if let (Some(publisher), Some(offer), Some(sku)) = (text("publisher"), text("offer"), text("sku")) {
            let version = exact.or_else(|| text("version")).unwrap_or("latest");
            found.push(Named::By(format!("{publisher}:{offer}:{sku}:{version}")));
        }
    }
    let applications = profile.pointer("/applicationProfile/galleryApplications").and_then(Value::as_array);
    let packages = applications.into_iter().flatten().filter_map(|one| one.get("packageReferenceId")?.as_str());
    found.extend(packages.map(|id| Named::By(id.to_owned())));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const WEB: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/acme/images/web";

    #[test]
    fn a_machine_of_the_latest_is_of_the_version_that_it_was() {
        let of = |reference: Value| named(&json!({ "storageProfile": { "imageReference": reference } }));
        let exact = Named::By(format!("{WEB}/versions/1.2.0").to_ascii_lowercase());
        assert_eq!(of(json!({ "id": WEB, "exactVersion": "1.2.0" })), [exact]);
        assert_eq!(of(json!({ "id": WEB })), [Named::By(WEB.to_owned())]);
        let market =
            json!({ "publisher": "Canonical", "offer": "ubuntu", "sku": "server", "version": "latest", "exactVersion": "24.4" });
        assert_eq!(of(market), [Named::By("Canonical:ubuntu:server:24.4".into())]);
        let shared = "/sharedGalleries/s-acme/images/web/versions/1.2.0";
        assert_eq!(of(json!({ "sharedGalleryImageId": shared })), [Named::Foreign(shared.into())]);
        assert_eq!(of(json!({})), []);
    }

    #[test]
    fn what_is_installed_is_named_too() {
        let profile = json!({ "applicationProfile": { "galleryApplications": [{ "packageReferenceId": "/a" }, { "packageReferenceId": "/b" }] } });
        assert_eq!(named(&profile), [Named::By("/a".into()), Named::By("/b".into())]);
    }
}
