//! What an image may be used for.

use google_cloud_compute_v1::model::deprecation_status::State;
use google_cloud_compute_v1::model::{DeprecationStatus, Image};
use immutable_core::provider::{Availability, ImageStage};
use immutable_core::{Error, ErrorKind, ImageRef, Result};

use super::names::Name;
use super::settle::Change;
use super::{changeable, describe};
use crate::client::Gcp;

pub(super) async fn set(gcp: &Gcp, image: &ImageRef, name: &Name, stage: Availability) -> Result<()> {
    let found = changeable(gcp, image, name).await?;
    let now = describe::stage(&found);
    if now == ImageStage::Failed {
        let why = describe::unlaunchable(&found).unwrap_or_default();
        let what = format!("the making of {image} failed ({why}); all that it can be is deleted");
        return Err(Error::new(ErrorKind::Conflict, what));
    }
    let wanted = ImageStage::from(stage);
    if now == wanted {
        return Ok(());
    }
    let body = status(&found, stage);
    let wish = format!("{:?} to {stage:?}", describe::state(&found));
    let change = Change { method: "images.deprecate", image: name, id: found.id, wish };
    let call = gcp.clients().images.deprecate().set_project(&name.project).set_image(&name.name).set_body(body);
    let is = |found: Option<&Image>| found.is_some_and(|found| describe::stage(found) == wanted);
    change.settle(gcp, |id| call.clone().set_request_id(id).send(), is).await.map(drop)
}

/// "images.deprecate" replaces all that is said of a deprecation: what somebody has said of it besides, such as a replacement, stays as long as there is one.
fn status(image: &Image, stage: Availability) -> DeprecationStatus {
    let said = image.deprecated.clone().unwrap_or_default();
    match stage {
        Availability::Active => DeprecationStatus::new().set_state(State::Active),
        Availability::Deprecated => said.set_state(State::Deprecated),
        Availability::Disabled => said.set_state(State::Obsolete),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_its_place_is_said_on() {
        let said = DeprecationStatus::new().set_state(State::Deprecated).set_replacement("web-2");
        let image = Image::new().set_deprecated(said);
        let then = status(&image, Availability::Disabled);
        assert_eq!((then.state, then.replacement.as_deref()), (Some(State::Obsolete), Some("web-2")));
        let active = status(&image, Availability::Active);
        assert_eq!((active.state, active.replacement), (Some(State::Active), None));
    }
}
