//! Families: which image whoever names none gets.

use google_cloud_compute_v1::model::Image;
use immutable_core::provider::{ImageSeen, ImageStage};
use immutable_core::{Applied, Error, ErrorKind, ImageRef, Result};

use super::names::{Name, is_name};
use super::settle::Change;
use super::{base, changeable, describe};
use crate::client::Gcp;

pub(super) async fn promote(gcp: &Gcp, image: &ImageRef, name: &Name, family: &str) -> Result<ImageSeen> {
    if !is_name(family) {
        return Err(Error::invalid(format!(
            "`{family}` is no family's name; it has 1 to 63 lower-case letters, digits and dashes, and begins with a letter"
        )));
    }
    let found = changeable(gcp, image, name).await?;
    if describe::stage(&found) != ImageStage::Active {
        let why = describe::unlaunchable(&found).unwrap_or_else(|| "it is deprecated".to_owned());
        return Err(Error::new(ErrorKind::Conflict, format!("{image} is not for use: {why}; make it active first")));
    }
    let is = |found: Option<&Image>| found.is_some_and(|found| found.family.as_deref() == Some(family));
    let joins = !is(Some(&found));
    if joins {
        let wish = format!("{} to {family}", found.family.as_deref().unwrap_or_default());
        let change = Change { method: "images.patch", image: name, id: found.id, wish };
        let body = Image::new().set_family(family);
        let call = gcp.clients().images.patch().set_project(&name.project).set_image(&name.name).set_body(body);
        change.settle(gcp, |id| call.clone().set_request_id(id).send(), is).await?;
    }
    let stands_for = base::newest(gcp, &Name::new(&name.project, family)).await;
    // It was done, whatever becomes of the look.
    stands_for.map_err(|error| if joins { error.with_applied(Applied::Yes) } else { error })
}
