//! Looks at images.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ec2::types::{Filter, Image, ImageState};
use immutable_core::id::ImageId;
use immutable_core::provider::{ImageSeen, ImageStage};
use immutable_core::{Applied, Error, ErrorKind, ImageRef, Place, Result, Timestamp};

use crate::client::Aws;
use crate::marks;

/// "EnableImageDeprecation" takes no time that is past, rounded to the minute: what is about to be deprecated is, by then.
pub(super) const SOON: Duration = Duration::from_secs(180);

pub(super) async fn describe(aws: &Aws, images: &[ImageRef]) -> Result<Vec<ImageSeen>> {
    let place = aws.place();
    let here: BTreeSet<&str> = images.iter().filter(|image| *image.place() == place).map(|image| image.id().as_str()).collect();
    let ids: Vec<String> = here.into_iter().map(str::to_owned).collect();
    let mut found = BTreeMap::new();
    // A filter passes over an id that is not there, where a list of ids would fail. At most 200 values.
    for ids in ids.chunks(200) {
        let filter = Filter::builder().name("image-id").set_values(Some(ids.to_vec())).build();
        let images = find(aws, vec![filter], None).await?;
        found.extend(images.into_iter().filter_map(|image| Some((image.image_id.clone()?, image))));
    }
    let now = aws.now();
    let of = |image: &ImageRef| found.get(image.id().as_str()).filter(|_| *image.place() == place);
    Ok(images.iter().map(|image| seen(image, of(image), &place, now)).collect())
}

/// The images that pass these filters, of one owner if one is named, deprecated and disabled ones too.
pub(super) async fn find(aws: &Aws, filters: Vec<Filter>, owner: Option<&str>) -> Result<Vec<Image>> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = aws.again().ec2.describe_images().set_filters(Some(filters.clone())).include_deprecated(true);
        let owners = owner.map(|owner| vec![owner.to_owned()]);
        let call = call.include_disabled(true).set_owners(owners).max_results(1000).set_next_token(next);
        let answer = aws.ask("ec2:DescribeImages", call.send()).await?;
        found.extend(answer.images.unwrap_or_default());
        next = answer.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// An image by its id, if it is there.
pub(super) async fn one(aws: &Aws, id: &ImageId) -> Result<Option<Image>> {
    let filter = Filter::builder().name("image-id").values(id.as_str()).build();
    let found = find(aws, vec![filter], None).await?.into_iter();
    Ok(found.into_iter().find(|found| found.image_id() == Some(id.as_str()) && found.state() != Some(&ImageState::Deregistered)))
}

/// Looks until what was done to an image is shown: whoever looks after it was answered must see it.
pub(super) async fn until(aws: &Aws, id: &ImageId, done: &str, is: impl Fn(Option<&Image>) -> bool) -> Result<()> {
    for pause in [1, 2, 4] {
        // It was done, whatever becomes of the look.
        let found = one(aws, id).await.map_err(|error| error.with_applied(Applied::Yes))?;
        if is(found.as_ref()) {
            return Ok(());
        }
        aws.pause(Duration::from_secs(pause)).await;
    }
    let what = format!("{id} was {done}, and is not shown so yet; ask again");
    Err(Error::new(ErrorKind::NotYetVisible, what).with_applied(Applied::Yes))
}

pub(super) fn is_ours(image: &Image, place: &Place) -> bool {
    image.owner_id() == Some(place.scope())
}

pub(super) fn stage(image: &Image, now: Timestamp) -> ImageStage {
    match image.state() {
        Some(ImageState::Available) if is_deprecated(image, now) => ImageStage::Deprecated,
        Some(ImageState::Available) => ImageStage::Active,
        Some(ImageState::Pending | ImageState::Transient) => ImageStage::Pending,
        Some(ImageState::Disabled) => ImageStage::Disabled,
        Some(ImageState::Deregistered) => ImageStage::Gone,
        _ => ImageStage::Failed,
    }
}

/// Whether its deprecation is past, or soon is.
pub(super) fn is_deprecated(image: &Image, now: Timestamp) -> bool {
    let at = image.deprecation_time().and_then(|at| at.parse::<Timestamp>().ok());
    at.is_some_and(|at| at <= now + SOON)
}

/// Why an image that is there cannot be launched, if it cannot.
pub(super) fn unlaunchable(image: &Image, now: Timestamp) -> Option<String> {
    let state = || image.state().map_or("of no state", ImageState::as_str);
    let why = image.state_reason().and_then(|reason| reason.message()).map(|why| format!(": {why}")).unwrap_or_default();
    match stage(image, now) {
        ImageStage::Active | ImageStage::Deprecated => None,
        ImageStage::Pending => Some("it is still being made".to_owned()),
        ImageStage::Disabled => Some("it is disabled".to_owned()),
        ImageStage::Gone => Some("it was deregistered".to_owned()),
        _ => Some(format!("it is {}{why}", state())),
    }
}

/// What is seen of an image of a place, whether it was found or not.
pub(super) fn seen(image: &ImageRef, found: Option<&Image>, place: &Place, now: Timestamp) -> ImageSeen {
    let found = found.filter(|found| stage(found, now) != ImageStage::Gone);
    let Some(found) = found else {
        let why = match image.place() == place {
            true => "it does not exist here, or is not shared with this account".to_owned(),
            false => format!("it is not in {place}"),
        };
        let unlaunchable = Some(why.into());
        return ImageSeen { image: image.clone(), stage: ImageStage::Gone, unlaunchable, ours: false, labels: BTreeMap::new() };
    };
    ImageSeen {
        image: image.clone(),
        stage: stage(found, now),
        unlaunchable: unlaunchable(found, now).map(Arc::from),
        ours: is_ours(found, place),
        labels: labels(found),
    }
}

/// Its tags, but for Amazon's and what only says that it is a copy.
pub(super) fn labels(image: &Image) -> BTreeMap<Arc<str>, Arc<str>> {
    let tags = image.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())));
    tags.filter(|(key, _)| !key.starts_with("aws:") && *key != marks::COPY_OF)
        .map(|(key, value)| (key.into(), value.into()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::Tag;

    fn image(state: ImageState) -> aws_sdk_ec2::types::builders::ImageBuilder {
        Image::builder().image_id("ami-1").owner_id("123456789012").state(state)
    }

    #[test]
    fn what_is_about_to_be_deprecated_is() {
        let now: Timestamp = "2026-11-21T09:30:00Z".parse().unwrap();
        let of = |at: &str| stage(&image(ImageState::Available).deprecation_time(at).build(), now);
        assert_eq!(of("2026-11-21T09:29:00.000Z"), ImageStage::Deprecated);
        assert_eq!(of("2026-11-21T09:32:00.000Z"), ImageStage::Deprecated);
        assert_eq!(of("2026-11-21T09:34:00.000Z"), ImageStage::Active, "somebody's plan for later");
        let disabled = image(ImageState::Disabled).deprecation_time("2026-11-21T09:29:00.000Z").build();
        assert_eq!(stage(&disabled, now), ImageStage::Disabled);
    }

    #[test]
    fn only_what_is_available_can_be_launched() {
        use ImageState::{Available, Deregistered, Disabled, Error, Failed, Invalid, Pending, Transient};
        let now = Timestamp::default();
        for state in [Deregistered, Disabled, Error, Failed, Invalid, Pending, Transient] {
            assert!(unlaunchable(&image(state.clone()).build(), now).is_some(), "{state}");
        }
        assert_eq!(unlaunchable(&image(Available).build(), now), None);
        let reason = aws_sdk_ec2::types::StateReason::builder().message("no key").build();
        let failed = image(Failed).state_reason(reason).build();
        assert_eq!(unlaunchable(&failed, now).as_deref(), Some("it is failed: no key"));
    }

    #[test]
    fn what_is_gone_is_nobodys_and_what_is_there_is_its_owners() {
        let place = Place::new("aws", "123456789012", "us-east-1").unwrap();
        let tag = |key: &str| Tag::builder().key(key).value("x").build();
        let found = image(ImageState::Available).tags(tag("version")).tags(tag("aws:x")).tags(tag(marks::COPY_OF)).build();
        let here = ImageRef::new(place.clone(), "ami-1");
        let now = Timestamp::default();
        let there = seen(&here, Some(&found), &place, now);
        assert!(there.ours && there.unlaunchable.is_none());
        assert_eq!(there.labels.keys().map(|key| &**key).collect::<Vec<_>>(), ["version"]);
        let gone = seen(&here, Some(&image(ImageState::Deregistered).build()), &place, now);
        assert_eq!((gone.stage, gone.ours, gone.unlaunchable.is_some()), (ImageStage::Gone, false, true));
        let theirs = Place::new("aws", "999999999999", "us-east-1").unwrap();
        assert!(!is_ours(&found, &theirs));
    }
}
