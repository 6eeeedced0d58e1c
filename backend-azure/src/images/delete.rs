//! Deletes.

use std::collections::BTreeSet;
use std::time::Duration;

use immutable_core::fleet::Coverage;
use immutable_core::provider::{Deleted, ImageStage, ImageUses};
use immutable_core::{Error, ErrorKind, ImageRef, Result};
use serde_json::{Map, Value};

use super::describe::{self, Found, Verb};
use super::names::{Kind, Name, region};
use super::version::{Standing, Version};
use super::{stage, uses};
use crate::client::{Azure, Call};
use crate::preflight::GALLERY;
use crate::scale_sets::COMPUTE;

pub(super) async fn delete(azure: &Azure, image: &ImageRef, name: &Name, lag: Duration) -> Result<Deleted> {
    let Some(found) = describe::one(azure, name).await? else { return Ok(Deleted::Gone) };
    if !name.is_ours(azure) {
        let what = format!("{image} is not ours; only its own subscription, or its publisher, deletes it");
        return Err(Error::new(ErrorKind::Denied, what));
    }
    match describe::stage(&found, azure.region(), azure.now()) {
        (ImageStage::Gone, _) if is_deleting(&found) => {
            let what = format!("{image} is being deleted; ask again when it is gone");
            return Err(Error::new(ErrorKind::Busy, what));
        }
        (ImageStage::Gone, _) => return Ok(Deleted::Gone),
        (ImageStage::Pending, _) => {
            return Err(Error::new(ErrorKind::Busy, format!("{image} is being made; wait until it is there")));
        }
        _ => {}
    }
    if let Some(why) = protected(azure, &found) {
        return Err(Error::new(ErrorKind::Denied, format!("{image} is protected: {why}")));
    }
    let looked_for = regions(&found);
    let ImageUses { by, coverage } = uses::uses(azure, name, lag).await?;
    match coverage {
        _ if !by.is_empty() => return Ok(Deleted::InUse(by)),
        Coverage::Part(why) => return Ok(Deleted::Unsure(why)),
        Coverage::Whole => {}
    }
    // To look for uses takes long: what it is by now decides, and not what it was.
    let Some(found) = describe::one(azure, name).await? else { return Ok(Deleted::Gone) };
    if let Some(why) = protected(azure, &found) {
        return Err(Error::new(ErrorKind::Denied, format!("{image} is protected: {why}")));
    }
    if regions(&found) != looked_for {
        return Err(Error::new(ErrorKind::Busy, format!("{image} was copied while it was looked at; ask again")));
    }
    let gone = match &found {
        Found::Version(version) if elsewhere(azure, version).next().is_some() => withdraw(azure, name, version).await?,
        _ => {
            match azure.complete(&whole(azure, name), true).await {
                // Somebody was quicker.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                other => other?,
            }
            describe::is_gone(azure, name).await.map_err(|error| azure.half_done(true, error))?
        }
    };
    if gone {
        return Ok(Deleted::Gone);
    }
    let what = format!("{image} was deleted, and is still shown; ask again");
    Err(azure.half_done(true, Error::new(ErrorKind::Busy, what)))
}

/// Where it is.
fn regions(found: &Found) -> BTreeSet<String> {
    if let Found::Version(version) = found { version.regions().collect() } else { BTreeSet::new() }
}

fn is_deleting(found: &Found) -> bool {
    match found {
        Found::Version(version) => version.is("Deleting"),
        Found::Managed(body) => {
            let state = body.pointer("/properties/provisioningState").and_then(Value::as_str);
            state.is_some_and(|state| state.eq_ignore_ascii_case("Deleting"))
        }
        Found::Market(_) => false,
    }
}

/// The other regions that a version is in.
fn elsewhere<'a>(azure: &'a Azure, version: &'a Version) -> impl Iterator<Item = String> {
    version.regions().filter(|there| there != azure.region())
}

/// What stands in the way of a delete, by Azure's own rules.
fn protected(azure: &Azure, found: &Found) -> Option<String> {
    let Found::Version(version) = found else { return None };
    let others: Vec<String> = elsewhere(azure, version).collect();
    if !others.is_empty() {
        if version.kind == Kind::Image && version.home() == azure.region() {
            // "Gallery image version publishing profile regions … must contain the location of image version": packer#8895.
            let others = others.join(", ");
            return Some(format!(
                "it was made in {}, and its copies in {others} need it there; delete them first",
                azure.region()
            ));
        }
        if version.safety("allowDeletionOfReplicatedLocations") == Some(false) {
            return Some("its safety profile forbids to take it from a region (allowDeletionOfReplicatedLocations)".to_owned());
        }
        return None;
    }
    let blocked = version.safety("blockDeletionBeforeEndOfLife") == Some(true) && !version.is_past(azure.now());
    blocked.then(|| match version.end_of_life() {
        Some(end) => format!("it may not be deleted before {end} (blockDeletionBeforeEndOfLife)"),
        None => "it may not be deleted before its end of life, and has none (blockDeletionBeforeEndOfLife)".to_owned(),
    })
}

/// Takes a version from this region. It stays in the others.
async fn withdraw(azure: &Azure, name: &Name, version: &Version) -> Result<bool> {
    let is_here = |target: &&Value| target.get("name").and_then(Value::as_str).is_some_and(|name| region(name) == azure.region());
    let others: Vec<Value> = version.targets().iter().filter(|target| !is_here(target)).cloned().collect();
    let body = version.change(Map::from_iter([("targetRegions".to_owned(), others.into())]));
    stage::patch(azure, name, version, &body).await?;
    let looked = describe::one(azure, name).await.map_err(|error| azure.half_done(true, error))?;
    Ok(match looked {
        Some(Found::Version(now)) => now.standing(azure.region()) == Standing::Missing,
        _ => true,
    })
}

fn whole(azure: &Azure, name: &Name) -> Call {
    let path = name.path(azure);
    match name {
        Name::Version { of, .. } => {
            let call = Call::delete(describe::call(of.kind, Verb::Delete), &path, GALLERY);
            // "Specifies whether to bypass the gallery's soft-delete policy and permanently delete the gallery image version": what is kept can be launched.
            if of.kind == Kind::Image { call.query("bypassSoftDelete", "true") } else { call }
        }
        _ => Call::delete("images.delete", &path, COMPUTE),
    }
}
