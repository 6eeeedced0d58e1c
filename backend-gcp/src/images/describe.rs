//! Looks at images.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use google_cloud_compute_v1::model::Image;
use google_cloud_compute_v1::model::deprecation_status::State;
use google_cloud_compute_v1::model::image::Status;
use immutable_core::provider::{ImageSeen, ImageStage};
use immutable_core::{ErrorKind, ImageRef, Result};

use super::names::Name;
use super::place;
use crate::client::Gcp;
use crate::marks;

/// How many are asked about at a time: Google has no call for several images of several projects.
const AT_ONCE: usize = 8;

pub(super) async fn describe(gcp: &Gcp, images: &[ImageRef]) -> Result<Vec<ImageSeen>> {
    let here = place(gcp.project())?;
    let of = |image: &ImageRef| Name::of(image).filter(|_| *image.place() == here);
    let names: BTreeSet<Name> = images.iter().filter_map(of).collect();
    let looks = names.into_iter().map(|name| async move { one(gcp, &name).await.map(|found| (found, name)) });
    let found: Vec<(Option<Image>, Name)> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
    let found: BTreeMap<Name, Image> = found.into_iter().filter_map(|(found, name)| Some((name, found?))).collect();
    Ok(images.iter().map(|image| seen(image, of(image).and_then(|name| found.get(&name)), gcp.project())).collect())
}

/// An image, if it is there.
pub(super) async fn one(gcp: &Gcp, name: &Name) -> Result<Option<Image>> {
    let call = gcp.clients().images.get().set_project(&name.project).set_image(&name.name);
    match gcp.ask("images.get", || call.clone().send()).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// "Deprecate a custom image": what is obsolete or deleted can be used no more, and can be made active again.
pub(super) fn stage(image: &Image) -> ImageStage {
    match image.status {
        Some(Status::Ready) => {}
        Some(Status::Pending) => return ImageStage::Pending,
        Some(Status::Deleting) => return ImageStage::Gone,
        _ => return ImageStage::Failed,
    }
    match state(image) {
        State::Active => ImageStage::Active,
        State::Deprecated => ImageStage::Deprecated,
        _ => ImageStage::Disabled,
    }
}

pub(super) fn state(image: &Image) -> State {
    image.deprecated.as_ref().and_then(|deprecated| deprecated.state.clone()).unwrap_or(State::Active)
}

/// Why an image that is there cannot be launched, if it cannot.
pub(super) fn unlaunchable(image: &Image) -> Option<String> {
    match stage(image) {
        ImageStage::Active | ImageStage::Deprecated => None,
        ImageStage::Pending => Some("it is still being made".to_owned()),
        ImageStage::Gone => Some("it is being deleted".to_owned()),
        ImageStage::Disabled => Some(format!("it is marked {}", state(image).name().unwrap_or("as unknown"))),
        _ => Some(format!("it is {}", image.status.as_ref().and_then(Status::name).unwrap_or("of no status"))),
    }
}

/// What a project sees of an image, whether it was found or not.
pub(super) fn seen(image: &ImageRef, found: Option<&Image>, project: &str) -> ImageSeen {
    let Some(found) = found.filter(|found| stage(found) != ImageStage::Gone) else {
        let why = format!("it is no image in projects/{project}/global, nor one that other projects share with it");
        let unlaunchable = Some(why.into());
        return ImageSeen { image: image.clone(), stage: ImageStage::Gone, unlaunchable, ours: false, labels: BTreeMap::new() };
    };
    ImageSeen {
        image: image.clone(),
        stage: stage(found),
        unlaunchable: unlaunchable(found).map(Arc::from),
        ours: Name::of(image).is_some_and(|name| name.project == project),
        labels: labels(found),
    }
}

/// Its labels, but for what only says that it is a copy.
pub(super) fn labels(image: &Image) -> BTreeMap<Arc<str>, Arc<str>> {
    let labels = image.labels.iter().filter(|(key, _)| *key != marks::COPY_OF);
    labels.map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use google_cloud_compute_v1::model::DeprecationStatus;

    fn image(status: Status, state: Option<State>) -> Image {
        let deprecated = state.map(|state| DeprecationStatus::new().set_state(state));
        Image::new().set_name("web-1").set_status(status).set_or_clear_deprecated(deprecated)
    }

    #[test]
    fn a_stage_is_of_its_making_first_and_then_of_its_deprecation() {
        let of = |status, state| stage(&image(status, state));
        assert_eq!(of(Status::Ready, None), ImageStage::Active);
        assert_eq!(of(Status::Ready, Some(State::Active)), ImageStage::Active);
        assert_eq!(of(Status::Ready, Some(State::Deprecated)), ImageStage::Deprecated);
        assert_eq!(of(Status::Pending, Some(State::Deprecated)), ImageStage::Pending);
        assert_eq!(of(Status::Failed, None), ImageStage::Failed);
        assert_eq!(of(Status::Deleting, None), ImageStage::Gone);
        for state in [State::Obsolete, State::Deleted, State::from("WITHDRAWN")] {
            assert_eq!(of(Status::Ready, Some(state.clone())), ImageStage::Disabled, "{state:?}");
            assert!(unlaunchable(&image(Status::Ready, Some(state))).is_some());
        }
        assert_eq!(of(Status::from("ARCHIVED"), None), ImageStage::Failed, "what is not known is not launched");
        assert_eq!(unlaunchable(&image(Status::from("ARCHIVED"), None)).as_deref(), Some("it is ARCHIVED"));
    }

    #[test]
    fn ours_is_what_is_in_the_project() {
        let found = image(Status::Ready, None).set_labels([("version", "1"), (marks::COPY_OF, "x")]);
        let seen = |id: &str, found| seen(&ImageRef::new(place("acme").unwrap(), id), found, "acme");
        let here = seen("projects/acme/global/images/web-1", Some(&found));
        assert!(here.ours && here.unlaunchable.is_none());
        assert_eq!(here.labels.keys().map(|key| &**key).collect::<Vec<_>>(), ["version"]);
        assert!(!seen("projects/debian-cloud/global/images/web-1", Some(&found)).ours);
        let gone = seen("projects/acme/global/images/web-1", Some(&image(Status::Deleting, None)));
        assert_eq!((gone.stage, gone.ours, gone.unlaunchable.is_some()), (ImageStage::Gone, false, true));
    }
}
