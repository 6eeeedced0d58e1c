//! Who uses an image.

mod lists;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use google_cloud_compute_v1::model::disk::Status;
use google_cloud_compute_v1::model::{InstanceGroupManager, InstanceTemplate};
use immutable_core::fleet::Coverage;
use immutable_core::id::{InstanceName, NativeRef};
use immutable_core::provider::{ImageStage, ImageUse, ImageUses};
use immutable_core::{ErrorKind, Result};

use super::names::{Name, Source};
use super::{base, describe};
use crate::client::Gcp;
use crate::marks::{last, relative};
use lists::Listed;

/// Whoever uses it, as far as it was seen.
#[derive(Debug, Default)]
struct Found {
    by: BTreeSet<ImageUse>,
    unseen: BTreeSet<String>,
}

impl Found {
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

    fn listed<T>(&mut self, listed: Result<Listed<T>>) -> Result<Option<Vec<T>>> {
        let Some(Listed { found, unseen }) = self.shown(listed)? else { return Ok(None) };
        self.unseen.extend(unseen);
        Ok(Some(found))
    }
}

/// In the order in which things are made, machines last: what is made while this looks is seen, or what it is made of.
pub(super) async fn uses(gcp: &Gcp, image: &Name, lag: Duration) -> Result<ImageUses> {
    gcp.pause(lag).await;
    let mut found = Found::default();
    let templates = lists::templates(gcp).await;
    let templates = found.listed(templates)?;
    let mut launching: BTreeMap<String, bool> = BTreeMap::new();
    let mut families = Families::default();
    for template in templates.iter().flatten() {
        let Some(name) = &template.name else { continue };
        let mut launches = false;
        for source in sources(template, gcp.project()) {
            launches |= is(gcp, &source, image, &mut families, &mut found).await?;
        }
        if launches {
            found.by.insert(ImageUse::Template(NativeRef::new(name.as_str())));
        }
        if let Some(url) = &template.self_link {
            launching.insert(relative(url).to_owned(), launches);
        }
    }
    let groups = lists::groups(gcp).await;
    for group in found.listed(groups)?.into_iter().flatten() {
        let Some(name) = &group.name else { continue };
        for template in launched_from(&group) {
            match launching.get(template) {
                Some(true) => {
                    found.by.insert(ImageUse::Group(NativeRef::new(name.as_str())));
                }
                Some(false) => {}
                // Said already, of all templates.
                None if templates.is_none() => {}
                None => {
                    found.unseen.insert(format!("group {name} launches from {template}, which is not shown"));
                }
            }
        }
    }
    let text = image.to_string();
    let copies = lists::images(gcp, &text).await;
    for copy in found.shown(copies)?.into_iter().flatten() {
        let of_it = copy.source_image.as_deref().map(relative) == Some(&*text);
        if let Some(name) = copy.name.as_deref().filter(|_| of_it && describe::stage(&copy) == ImageStage::Pending) {
            found.by.insert(ImageUse::Copy(Name::new(gcp.project(), name).seen_from(gcp.project())?));
        }
    }
    let disks = lists::disks(gcp, &text).await;
    for disk in found.listed(disks)?.into_iter().flatten() {
        if disk.source_image.as_deref().map(relative) != Some(&*text) {
            continue;
        }
        if disk.users.is_empty() && matches!(disk.status, Some(Status::Creating | Status::Restoring)) {
            let name = disk.name.as_deref().unwrap_or("without a name");
            found.unseen.insert(format!("the disk {name} is being made of it, and does not say for whom"));
        }
        found.by.extend(disk.users.iter().map(|user| ImageUse::Instance(InstanceName::new(last(user)))));
    }
    let unseen: Vec<String> = found.unseen.into_iter().collect();
    let coverage = if unseen.is_empty() { Coverage::Whole } else { Coverage::Part(unseen.join("; ").into()) };
    Ok(ImageUses { by: found.by.into_iter().collect(), coverage })
}

/// What a template's disks are made of. InstanceTemplate: of one that was made after an instance, `sourceInstanceParams` may say other images.
fn sources(template: &InstanceTemplate, project: &str) -> Vec<Source> {
    let disks = template.properties.iter().flat_map(|properties| &properties.disks);
    let made_of = disks.filter_map(|disk| disk.initialize_params.as_ref()?.source_image.as_deref());
    let configs = template.source_instance_params.iter().flat_map(|params| &params.disk_configs);
    let custom = configs.filter_map(|config| config.custom_image.as_deref());
    made_of.chain(custom).filter_map(|text| Source::read(text, project)).collect()
}

/// The templates of a group: also the one that it is changed from or to by canary.
fn launched_from(group: &InstanceGroupManager) -> BTreeSet<&str> {
    let versions = group.versions.iter().filter_map(|version| version.instance_template.as_deref());
    versions.chain(group.instance_template.as_deref()).filter(|url| !url.is_empty()).map(relative).collect()
}

/// What families stand for: nothing if there is no image for use in them.
type Families = BTreeMap<Name, Option<Name>>;

/// Whether what is named so is this image.
async fn is(gcp: &Gcp, source: &Source, image: &Name, families: &mut Families, found: &mut Found) -> Result<bool> {
    let family = match source {
        Source::Image(name) => return Ok(name == image),
        // A family has images of its own project alone.
        Source::Family(family) if family.project != image.project => return Ok(false),
        Source::Family(family) => family,
    };
    if let Some(known) = families.get(family) {
        return Ok(known.as_ref() == Some(image));
    }
    let newest = base::stands_for(gcp, family).await;
    let newest = found.shown(newest)?.flatten().map(|(name, _)| name);
    let is = newest.as_ref() == Some(image);
    families.insert(family.clone(), newest);
    Ok(is)
}

#[cfg(test)]
mod tests {
    use super::*;
    use google_cloud_compute_v1::model::{
        AttachedDisk, AttachedDiskInitializeParams, DiskInstantiationConfig, InstanceGroupManagerVersion, InstanceProperties,
        SourceInstanceParams,
    };

    #[test]
    fn all_that_a_template_launches_is_read() {
        let disk =
            |image: &str| AttachedDisk::new().set_initialize_params(AttachedDiskInitializeParams::new().set_source_image(image));
        let disks =
            [disk("projects/debian-cloud/global/images/family/debian-12"), AttachedDisk::new(), disk("global/images/data-1")];
        let config = DiskInstantiationConfig::new()
            .set_custom_image("https://compute.googleapis.com/compute/v1/projects/b/global/images/c");
        let template = InstanceTemplate::new()
            .set_properties(InstanceProperties::new().set_disks(disks))
            .set_source_instance_params(SourceInstanceParams::new().set_disk_configs([config]));
        let read = sources(&template, "acme");
        let image = |project, name| Source::Image(Name::new(project, name));
        assert_eq!(read, [Source::Family(Name::new("debian-cloud", "debian-12")), image("acme", "data-1"), image("b", "c")]);
    }

    #[test]
    fn a_group_launches_from_each_of_its_versions() {
        let url = |name: &str| format!("https://www.googleapis.com/compute/v1/projects/acme/global/instanceTemplates/{name}");
        let version = |name: &str| InstanceGroupManagerVersion::new().set_instance_template(url(name));
        let group = InstanceGroupManager::new().set_instance_template(url("a")).set_versions([version("a"), version("b")]);
        let names: Vec<&str> = launched_from(&group).into_iter().map(last).collect();
        assert_eq!(names, ["a", "b"]);
    }
}
