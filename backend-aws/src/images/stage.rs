//! What an image may be used for.

use std::time::Duration;

use aws_sdk_ec2::types::{Image, ImageState};
use aws_smithy_types::DateTime;
use immutable_core::provider::{Availability, ImageStage};
use immutable_core::{Error, ErrorKind, ImageRef, Result, Timestamp};

use super::{changeable, describe};
use crate::client::Aws;

pub(super) async fn set(aws: &Aws, image: &ImageRef, stage: Availability) -> Result<()> {
    let found = changeable(aws, image).await?;
    if describe::stage(&found, aws.now()) == ImageStage::Failed {
        let why = describe::unlaunchable(&found, aws.now()).unwrap_or_default();
        let what = format!("the making of {image} failed ({why}); all that it can be is deleted");
        return Err(Error::new(ErrorKind::Conflict, what));
    }
    match stage {
        // What is deprecated stays so below: whoever enables it says what it is to be then.
        Availability::Disabled => disabled(aws, image, &found, true).await,
        Availability::Active => {
            disabled(aws, image, &found, false).await?;
            deprecated(aws, image, &found, false).await
        }
        Availability::Deprecated => {
            disabled(aws, image, &found, false).await?;
            deprecated(aws, image, &found, true).await
        }
    }
}

fn is_disabled(image: &Image) -> bool {
    image.state() == Some(&ImageState::Disabled)
}

async fn disabled(aws: &Aws, image: &ImageRef, found: &Image, wanted: bool) -> Result<()> {
    if is_disabled(found) == wanted {
        return Ok(());
    }
    let (ec2, id) = (&aws.once().ec2, image.id().as_str());
    match wanted {
        true => aws.order("ec2:DisableImage", ec2.disable_image().image_id(id).send()).await.map(drop)?,
        false => aws.order("ec2:EnableImage", ec2.enable_image().image_id(id).send()).await.map(drop)?,
    }
    let done = if wanted { "disabled" } else { "enabled" };
    describe::until(aws, image.id(), done, |found| found.is_some_and(|found| is_disabled(found) == wanted)).await
}

async fn deprecated(aws: &Aws, image: &ImageRef, found: &Image, wanted: bool) -> Result<()> {
    let is = |found: &Image| describe::is_deprecated(found, aws.now());
    // What somebody plans to deprecate later is for use until then.
    if is(found) == wanted {
        return Ok(());
    }
    let (ec2, id) = (&aws.once().ec2, image.id().as_str());
    match wanted {
        true => {
            let call = ec2.enable_image_deprecation().image_id(id).deprecate_at(next_minute(aws.now()));
            aws.order("ec2:EnableImageDeprecation", call.send()).await.map(drop)?;
        }
        false => {
            let call = ec2.disable_image_deprecation().image_id(id);
            aws.order("ec2:DisableImageDeprecation", call.send()).await.map(drop)?;
        }
    }
    let done = if wanted { "deprecated" } else { "put to use again" };
    describe::until(aws, image.id(), done, |found| found.is_some_and(|found| is(found) == wanted)).await
}

/// The first full minute that is at least another one ahead, so that it is not past when the call arrives.
fn next_minute(now: Timestamp) -> DateTime {
    let minute = Duration::from_secs(60);
    let ahead = (now + minute).as_millis();
    let rest = ahead.rem_euclid(60_000);
    DateTime::from_millis(if rest == 0 { ahead } else { ahead - rest + 60_000 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deprecation_is_at_a_full_minute_ahead_and_shows_at_once() {
        for (now, at) in [("09:30:00", "09:31:00"), ("09:30:01", "09:32:00"), ("09:30:59", "09:32:00")] {
            let [now, at] = [now, at].map(|time| format!("2026-11-21T{time}Z").parse::<Timestamp>().unwrap());
            let next = next_minute(now);
            assert_eq!(next, DateTime::from_millis(at.as_millis()));
            let image = Image::builder().deprecation_time(at.to_string()).build();
            assert!(describe::is_deprecated(&image, now));
        }
    }
}
