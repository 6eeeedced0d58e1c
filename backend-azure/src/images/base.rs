//! Names that move, and what they stand for now.

use immutable_core::id::BaseQuery;
use immutable_core::provider::{ImageSeen, ImageStage};
use immutable_core::{Error, ErrorKind, ImageRef, Result};
use serde_json::Value;

use super::describe::{self, Verb};
use super::names::{Definition, Name, Offer, Source, rank};
use super::version::{Standing, Version};
use crate::client::{Azure, Call, lacks};
use crate::preflight::GALLERY;
use crate::scale_sets::COMPUTE;

const WAYS: &str = "name one of the marketplace as publisher:offer:sku:latest, or with its version; one of a gallery by the id of its definition, or of a version; or a managed image by its id";

pub(super) async fn resolve(azure: &Azure, query: &BaseQuery) -> Result<ImageSeen> {
    let text = query.as_str().trim();
    match Source::read(text) {
        Some(Source::One(name)) => itself(azure, &name).await,
        Some(Source::Newest(of)) => newest(azure, &of).await,
        Some(Source::NewestOffered(of)) => newest_offered(azure, &of).await,
        None => Err(Error::invalid(format!("`{text}` is no way to name an image of Azure's; {WAYS}"))),
    }
}

async fn itself(azure: &Azure, name: &Name) -> Result<ImageSeen> {
    let found = describe::one(azure, name).await?;
    let seen = describe::seen(azure, &refer(azure, name), Some(name), found.as_ref());
    match &seen.unlaunchable {
        None => Ok(seen),
        Some(why) => Err(Error::new(ErrorKind::NotFound, format!("{} cannot be launched: {why}", seen.image))),
    }
}

/// An image of this place, by its name.
pub(super) fn refer(azure: &Azure, name: &Name) -> ImageRef {
    ImageRef::new(azure.place(), name.to_string())
}

/// The newest version of a gallery that is for use, and can be launched here.
pub(super) async fn newest(azure: &Azure, of: &Definition) -> Result<ImageSeen> {
    for version in candidates(azure, of).await? {
        let name = of.version(version.name());
        // The list says nothing of regions.
        let found = describe::one(azure, &name).await?;
        let seen = describe::seen(azure, &refer(azure, &name), Some(&name), found.as_ref());
        if seen.stage == ImageStage::Active && seen.unlaunchable.is_none() {
            return Ok(seen);
        }
    }
    let what = format!("no version of {} is for use in {}; promote one, or name one exactly", of.path(), azure.region());
    Err(Error::new(ErrorKind::NotFound, what))
}

/// The versions of which one may be the latest here, the newest first: those that are not excluded, not past their end of life, and to be here.
pub(super) async fn candidates(azure: &Azure, of: &Definition) -> Result<Vec<Version>> {
    let call = Call::get(describe::call(of.kind, Verb::List), &format!("{}/versions", of.path()), GALLERY);
    let (here, now) = (azure.region(), azure.now());
    let all = azure.list(&call).await?.into_iter().map(|body| Version::new(of.kind, body));
    let fits = |version: &Version| {
        let usable = !["Creating", "Deleting", "Failed"].iter().any(|state| version.is(state));
        usable && !version.is_excluded(here) && !version.is_past(now) && version.standing(here) != Standing::Missing
    };
    let mut found: Vec<Version> = all.filter(fits).collect();
    found.sort_by_key(|version| std::cmp::Reverse(rank(version.name())));
    Ok(found)
}

/// "Virtual Machine Images - List": versions in no order that counts, and all at once.
async fn newest_offered(azure: &Azure, of: &Offer) -> Result<ImageSeen> {
    for version in offered(azure, of).await? {
        let name = of.version(&version);
        let found = describe::one(azure, &name).await?;
        let seen = describe::seen(azure, &refer(azure, &name), Some(&name), found.as_ref());
        match (&seen.stage, &seen.unlaunchable) {
            (ImageStage::Active, None) => return Ok(seen),
            // An older one has the same plan.
            (ImageStage::Active, Some(why)) => {
                return Err(Error::new(ErrorKind::NotFound, format!("{} cannot be launched: {why}", seen.image)));
            }
            _ => {}
        }
    }
    let what =
        format!("the marketplace has no image {of} for use in {}; `az vm image list-skus` tells what it has", azure.region());
    Err(Error::new(ErrorKind::NotFound, what))
}

/// The versions of an image of the marketplace, the newest first.
pub(super) async fn offered(azure: &Azure, of: &Offer) -> Result<Vec<String>> {
    const CALL: &str = "virtualMachineImages.list";
    let call = Call::get(CALL, &of.path(azure.subscription(), azure.region()), COMPUTE);
    let Value::Array(found) = azure.ask(&call).await?.body else { return Err(lacks(CALL, "list of versions")) };
    let mut versions: Vec<String> = found.iter().filter_map(|one| Some(one.get("name")?.as_str()?.to_owned())).collect();
    versions.sort_by_key(|version| std::cmp::Reverse(rank(version)));
    Ok(versions)
}
