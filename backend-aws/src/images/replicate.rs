//! Copies in other regions.
//!
//! A copy is found by the tag that says of what it is one. Until that tag is shown, or if it never is, the token makes it one: it follows from source and destination, and
//! from how many copies made with such tokens are gone. That everybody finds out alike: Amazon answers a token with the image that was first made with it, also when that
//! was deregistered since.

use aws_sdk_ec2::types::{Image, ImageState, ResourceType, Tag, TagSpecification};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use immutable_core::fleet::{FailureClass, Trouble};
use immutable_core::id::ImageId;
use immutable_core::provider::{ImageStage, Replica};
use immutable_core::{Applied, Digest, Error, ErrorKind, ImageRef, Place, Result};

use super::{describe, missing};
use crate::client::Aws;
use crate::{marks, templates};

/// How many copies that are gone are passed over: Amazon forgets their tokens in a day.
const PASSED_OVER: u32 = 50;

pub(super) async fn replicate(aws: &Aws, image: &ImageRef, to: &Place) -> Result<Replica> {
    if image.place() == to {
        source(aws, image).await?;
        return Ok(Replica::Ready(image.clone()));
    }
    let there = beside(aws, to)?;
    if let Some(copy) = copy_of(&there, image).await? {
        return Ok(copy);
    }
    let source = source(aws, image).await?;
    for gone in 0..PASSED_OVER {
        let id = match begin(&there, image, &source, &token(image, to, gone)).await {
            Err(error) if error.kind() == ErrorKind::TokenSpent => continue,
            id => id?,
        };
        if let Some(copy) = begun(&there, &id).await? {
            return Ok(replica(&there, ImageRef::new(to.clone(), id.as_str()), &copy));
        }
    }
    let what = format!("{PASSED_OVER} copies of {image} in {to} were deleted within a day; wait until tomorrow to make another");
    Err(Error::new(ErrorKind::Busy, what))
}

/// Another region of the same account.
fn beside(aws: &Aws, to: &Place) -> Result<Aws> {
    let here = aws.place();
    if (to.provider(), to.scope()) != (here.provider(), here.scope()) {
        let what = format!("{to} is not of the account of {here}; copy to another region of it, or let the other account copy");
        return Err(Error::invalid(what));
    }
    if !is_region(to.region()) {
        return Err(Error::invalid(format!("{} is no region of Amazon's; name one as in eu-west-1", to.region())));
    }
    aws.in_region(to.region())
}

/// `eu-west-1`, `us-gov-east-1`.
fn is_region(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let number = parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let words: Vec<&str> = parts.collect();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    number && words.len() >= 2 && words.iter().all(word)
}

/// An image that is there and can be launched.
async fn source(aws: &Aws, image: &ImageRef) -> Result<Image> {
    let found = describe::one(aws, image.id()).await?.ok_or_else(|| missing(image))?;
    match (describe::stage(&found, aws.now()), describe::unlaunchable(&found, aws.now())) {
        (_, None) => Ok(found),
        (ImageStage::Gone, _) => Err(missing(image)),
        (ImageStage::Pending, _) => Err(Error::new(ErrorKind::Busy, format!("{image} is being made; wait until it is there"))),
        (_, Some(why)) => {
            let what = format!("{image} cannot be launched: {why}; only what can be launched is copied");
            Err(Error::new(ErrorKind::Conflict, what))
        }
    }
}

/// What a copy's tag says of its source.
fn origin(image: &ImageRef) -> String {
    format!("{}/{}", image.place().region(), image.id())
}

/// The copy that is there, the oldest if there are several.
async fn copy_of(there: &Aws, image: &ImageRef) -> Result<Option<Replica>> {
    let filter = templates::tag_filter(marks::COPY_OF, &origin(image));
    let found = describe::find(there, vec![filter], Some("self")).await?;
    let copies = found.iter().filter(|copy| is_copy(copy, image));
    let oldest =
        copies.filter_map(|copy| Some((copy.creation_date(), copy.image_id()?, copy))).min_by_key(|(at, id, _)| (*at, *id));
    Ok(oldest.map(|(_, id, copy)| replica(there, ImageRef::new(there.place(), id), copy)))
}

/// A tag may have been copied with an image that is a copy of the copy; Amazon says by itself of what it is one.
fn is_copy(copy: &Image, of: &ImageRef) -> bool {
    let says = |said: Option<&str>, is: &str| said.is_none_or(|said| said == is);
    let of_it = says(copy.source_image_id(), of.id().as_str()) && says(copy.source_image_region(), of.place().region());
    let marked = copy.tags().iter().any(|tag| tag.key() == Some(marks::COPY_OF) && tag.value() == Some(&*origin(of)));
    of_it && marked && copy.state() != Some(&ImageState::Deregistered)
}

fn replica(there: &Aws, image: ImageRef, copy: &Image) -> Replica {
    match describe::stage(copy, there.now()) {
        ImageStage::Pending => Replica::Copying { image, progress: None },
        ImageStage::Active | ImageStage::Deprecated | ImageStage::Disabled => Replica::Ready(image),
        _ => {
            let reason = copy.state_reason();
            let code = reason.and_then(|reason| reason.code()).unwrap_or("CopyFailed");
            let why = reason.and_then(|reason| reason.message()).unwrap_or("Amazon does not say why");
            let message = format!("the copy {image} failed: {why}; delete it to try again");
            let trouble = Trouble { class: FailureClass::Platform, code: code.into(), message: message.into() };
            Replica::Failed { image, trouble }
        }
    }
}

/// The token of a copy, when so many before it are gone: at most 64 characters.
fn token(image: &ImageRef, to: &Place, gone: u32) -> String {
    let digest = Digest::of(format!("copy {image} to {to}, {gone}").as_bytes()).to_string();
    let hex = digest.rsplit(':').next().unwrap_or(&digest);
    hex.get(..32).unwrap_or(hex).to_owned()
}

async fn begin(there: &Aws, image: &ImageRef, source: &Image, token: &str) -> Result<ImageId> {
    let (name, to) = (source.name().unwrap_or(image.id().as_str()), there.place());
    let mut tags = vec![Tag::builder().key(marks::COPY_OF).value(origin(image)).build()];
    let is_copy = source.tags().iter().any(|tag| tag.key() == Some(marks::COPY_OF));
    if is_copy {
        // Its own tag would stand against the one that says of what the new one is a copy.
        tags.extend(describe::labels(source).iter().map(|(key, value)| Tag::builder().key(&**key).value(&**value).build()));
    }
    let tags = TagSpecification::builder().resource_type(ResourceType::Image).set_tags(Some(tags)).build();
    let call = there.once().ec2.copy_image().name(name).source_image_id(image.id().as_str());
    let call = call.source_region(image.place().region()).client_token(token).copy_image_tags(!is_copy).tag_specifications(tags);
    let answer = there.order("ec2:CopyImage", call.send()).await.map_err(|error| match error.kind() {
        ErrorKind::Taken => {
            let what =
                format!("there is another image named {name} in {to}; rename or delete it, for a copy has its source's name");
            Error::new(ErrorKind::Taken, what).with_source(error)
        }
        // Only labels can differ: those of a copy, which are named one by one.
        ErrorKind::TokenMismatch => {
            let what = format!("{image} is being copied with the labels that it had before; ask again when that copy is shown");
            Error::new(ErrorKind::Busy, what).with_source(error)
        }
        _ => error,
    })?;
    let nameless =
        || Error::new(ErrorKind::Internal, format!("a copy of {image} was begun in {to}, and Amazon does not say its id"));
    answer.image_id.map(ImageId::new).ok_or_else(nameless)
}

/// The copy that a token stands for, or `None` if it is gone by now.
async fn begun(there: &Aws, id: &ImageId) -> Result<Option<Image>> {
    for pause in [1, 2, 4] {
        let found = describe::one(there, id).await.map_err(|error| error.with_applied(Applied::Yes))?;
        if found.is_some() {
            return Ok(found);
        }
        if is_gone(there, id).await.map_err(|error| error.with_applied(Applied::Yes))? {
            return Ok(None);
        }
        there.pause(std::time::Duration::from_secs(pause)).await;
    }
    let what = format!("the copy {id} was begun in {}, and is not shown yet; ask again", there.place());
    Err(Error::new(ErrorKind::NotYetVisible, what).with_applied(Applied::Yes))
}

/// Whether an image that was there is gone. "DescribeImages": asked for by its id, one that was deregistered is shown as such for a while, then its id is answered
/// with nothing; of one that it does not know, or not yet, the call fails.
async fn is_gone(aws: &Aws, id: &ImageId) -> Result<bool> {
    let call = aws.again().ec2.describe_images().image_ids(id.as_str()).include_deprecated(true).include_disabled(true);
    let look = async {
        match call.send().await {
            Err(SdkError::ServiceError(failed)) if failed.err().code() == Some("InvalidAMIID.Unavailable") => Ok(true),
            Err(SdkError::ServiceError(failed)) if failed.err().code() == Some("InvalidAMIID.NotFound") => Ok(false),
            answer => answer.map(|answer| answer.images().iter().all(|image| image.state() == Some(&ImageState::Deregistered))),
        }
    };
    aws.ask("ec2:DescribeImages", look).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: &str) -> ImageRef {
        ImageRef::new(Place::new("aws", "123456789012", "us-east-1").unwrap(), id)
    }

    #[test]
    fn a_token_is_of_one_source_one_destination_and_one_attempt() {
        let to = |region| Place::new("aws", "123456789012", region).unwrap();
        let all = [
            token(&image("ami-1"), &to("eu-west-1"), 0),
            token(&image("ami-1"), &to("eu-west-1"), 1),
            token(&image("ami-1"), &to("eu-west-2"), 0),
            token(&image("ami-2"), &to("eu-west-1"), 0),
        ];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
        assert_eq!(all[0], token(&image("ami-1"), &to("eu-west-1"), 0));
        assert!(all.iter().all(|token| token.len() == 32));
    }

    #[test]
    fn a_region_is_told_from_other_words() {
        assert!(["eu-west-1", "us-gov-east-1", "ap-southeast-2", "us-iso-west-10"].into_iter().all(is_region));
        assert!(!["global", "nowhere", "us-1", "eu-west", "eu-west-1a", "EU-west-1", "eu--1", ""].into_iter().any(is_region));
    }

    #[test]
    fn a_copy_of_a_copy_is_no_copy_of_the_first() {
        let tag = Tag::builder().key(marks::COPY_OF).value("us-east-1/ami-1").build();
        let copy = Image::builder().image_id("ami-9").tags(tag);
        assert!(is_copy(&copy.clone().build(), &image("ami-1")), "not everybody says what a copy is of");
        let of = |id: &str, region: &str| copy.clone().source_image_id(id).source_image_region(region).build();
        assert!(is_copy(&of("ami-1", "us-east-1"), &image("ami-1")));
        assert!(!is_copy(&of("ami-1", "eu-west-1"), &image("ami-1")));
        assert!(!is_copy(&of("ami-5", "us-east-1"), &image("ami-1")));
        assert!(!is_copy(&copy.build(), &image("ami-2")));
    }
}
