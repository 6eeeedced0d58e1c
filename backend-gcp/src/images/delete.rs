//! Deletes.

use std::time::Duration;

use google_cloud_compute_v1::model::Image;
use immutable_core::fleet::Coverage;
use immutable_core::provider::{Deleted, ImageStage, ImageUses};
use immutable_core::{ErrorKind, ImageRef, Result};

use super::names::Name;
use super::settle::Change;
use super::{changeable, describe, uses};
use crate::client::Gcp;

pub(super) async fn delete(gcp: &Gcp, image: &ImageRef, name: &Name, lag: Duration) -> Result<Deleted> {
    let found = match changeable(gcp, image, name).await {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Deleted::Gone),
        found => found?,
    };
    let ImageUses { by, coverage } = uses::uses(gcp, name, lag).await?;
    match coverage {
        _ if !by.is_empty() => return Ok(Deleted::InUse(by)),
        Coverage::Part(why) => return Ok(Deleted::Unsure(why)),
        Coverage::Whole => {}
    }
    let change = Change { method: "images.delete", image: name, id: found.id, wish: "gone".to_owned() };
    let call = gcp.clients().images.delete().set_project(&name.project).set_image(&name.name);
    // Another of its name is another: it stays.
    let is = |now: Option<&Image>| now.is_none_or(|now| now.id != found.id || describe::stage(now) == ImageStage::Gone);
    match change.settle(gcp, |id| call.clone().set_request_id(id).send(), is).await {
        // Somebody else was there first.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Deleted::Gone),
        answer => answer.map(|_| Deleted::Gone),
    }
}
