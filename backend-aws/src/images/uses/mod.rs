//! Who uses an image.

mod launchers;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_ec2::types::Filter;
use immutable_core::fleet::{Coverage, Life};
use immutable_core::id::{InstanceName, NativeRef};
use immutable_core::provider::{ImageUse, ImageUses};
use immutable_core::{ErrorKind, ImageRef, Result};

use super::{base, describe};
use crate::client::Aws;
use crate::instances;

/// How a template or a group names an image that a parameter holds: EC2 User Guide, "Use a Systems Manager parameter instead of an AMI ID".
const ALIAS: &str = "resolve:ssm:";

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
}

/// In the order in which things are made, machines last: what is made while this looks is seen, or what it is made of.
pub(super) async fn uses(aws: &Aws, image: &ImageRef, lag: Duration) -> Result<ImageUses> {
    aws.pause(lag).await;
    let mut found = Found::default();
    let mut aliases = Aliases::default();
    let templates = launchers::versions(aws).await;
    let templates = found.shown(templates)?;
    for version in templates.iter().flatten() {
        if launches(aws, version.image.as_deref(), image, &mut aliases, &mut found).await? {
            found.by.insert(ImageUse::Template(NativeRef::new(version.name.as_str())));
        }
    }
    let configurations = launchers::configurations(aws).await;
    let configurations = found.shown(configurations)?;
    for (name, of) in configurations.iter().flatten() {
        if of == image.id().as_str() {
            found.by.insert(ImageUse::Template(NativeRef::new(name.as_str())));
        }
    }
    let groups = launchers::groups(aws).await;
    for group in found.shown(groups)?.unwrap_or_default() {
        let mut images: Vec<Option<String>> = group.images.into_iter().map(Some).collect();
        if let Some(versions) = &templates {
            for template in &group.templates {
                match template.find(versions) {
                    Some(version) => images.push(version.image.clone()),
                    None => {
                        found.unseen.insert(format!("group {} launches from {template}, which is not shown", group.name));
                    }
                }
            }
        }
        if let (Some(name), Some(configurations)) = (&group.configuration, &configurations) {
            match configurations.get(name) {
                Some(of) => images.push(Some(of.clone())),
                None => {
                    found.unseen.insert(format!("group {} launches from {name}, which is not shown", group.name));
                }
            }
        }
        for of in images {
            if launches(aws, of.as_deref(), image, &mut aliases, &mut found).await? {
                found.by.insert(ImageUse::Group(NativeRef::new(group.name.as_str())));
            }
        }
    }
    let copies = copies(aws, image).await;
    let copies = found.shown(copies)?;
    found.by.extend(copies.into_iter().flatten().map(ImageUse::Copy));
    let of_image = Filter::builder().name("image-id").values(image.id().as_str()).build();
    let machines = instances::described(aws, vec![of_image]).await;
    let machines = found.shown(machines)?.into_iter().flatten().filter(|machine| machine.life != Life::Gone);
    found.by.extend(machines.map(|machine| ImageUse::Instance(InstanceName::new(machine.id))));
    let unseen: Vec<String> = found.unseen.into_iter().collect();
    let coverage = if unseen.is_empty() { Coverage::Whole } else { Coverage::Part(unseen.join("; ").into()) };
    Ok(ImageUses { by: found.by.into_iter().collect(), coverage })
}

/// What parameters hold: nothing if they are not there.
type Aliases = BTreeMap<String, Option<String>>;

/// Whether what is named so is this image.
async fn launches(aws: &Aws, named: Option<&str>, image: &ImageRef, aliases: &mut Aliases, found: &mut Found) -> Result<bool> {
    let Some(named) = named else { return Ok(false) };
    let Some(alias) = named.strip_prefix(ALIAS) else { return Ok(named == image.id().as_str()) };
    if !aliases.contains_key(alias) {
        let value = match base::parameter(aws, alias).await {
            // Nothing is launched from what stands for nothing.
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            value => found.shown(value)?,
        };
        aliases.insert(alias.to_owned(), value);
    }
    Ok(aliases.get(alias).and_then(Option::as_deref) == Some(image.id().as_str()))
}

/// The copies that are being made of it in its own region: of others it is not known here.
async fn copies(aws: &Aws, image: &ImageRef) -> Result<Vec<ImageRef>> {
    let (region, place) = (image.place().region(), aws.place());
    let pending = Filter::builder().name("state").values("pending").build();
    let found = describe::find(aws, vec![pending], Some("self")).await?;
    let of_it = found.iter().filter(|copy| copy.source_image_id() == Some(image.id().as_str()));
    let of_here = of_it.filter(|copy| copy.source_image_region().is_none_or(|from| from == region));
    Ok(of_here.filter_map(|copy| Some(ImageRef::new(place.clone(), copy.image_id()?))).collect())
}
