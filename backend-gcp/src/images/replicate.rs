//! Copies in other projects: within its own an image is of use everywhere.

use std::collections::HashMap;

use google_cloud_compute_v1::model::{CustomerEncryptionKey, Image};
use immutable_core::fleet::{FailureClass, Trouble};
use immutable_core::provider::{ImageStage, Replica};
use immutable_core::{Digest, Error, ErrorKind, ImageRef, Place, Result};

use super::names::Name;
use super::settle::{Change, WISHES};
use super::{describe, missing, place};
use crate::client::Gcp;
use crate::marks::{self, relative};
use crate::operations::{Scope, Stands};

pub(super) async fn replicate(gcp: &Gcp, image: &ImageRef, name: &Name, to: &Place) -> Result<Replica> {
    if to.provider() != image.place().provider() {
        return Err(Error::invalid(format!("{to} is no place of Google's; copy to another project of theirs")));
    }
    let source = describe::one(gcp, name).await?.filter(|found| describe::stage(found) != ImageStage::Gone);
    if image.place().serves(to) {
        launchable(image, source.as_ref())?;
        return Ok(Replica::Ready(image.clone()));
    }
    let there = gcp.in_project(to.scope())?;
    if name.project == there.project() {
        launchable(image, source.as_ref())?;
        return Ok(Replica::Ready(name.seen_from(there.project())?));
    }
    let wanted = Wanted { image, of: name, source: source.as_ref(), copy: Name::new(there.project(), &name.name) };
    match wanted.look(&there).await? {
        Some(copy) => Ok(copy),
        None => wanted.make(&there, body(name, launchable(image, source.as_ref())?)?).await,
    }
}

/// An image that is there and can be launched.
fn launchable<'a>(image: &ImageRef, found: Option<&'a Image>) -> Result<&'a Image> {
    let found = found.ok_or_else(|| missing(image))?;
    match (describe::stage(found), describe::unlaunchable(found)) {
        (_, None) => Ok(found),
        (ImageStage::Pending, _) => Err(Error::new(ErrorKind::Busy, format!("{image} is being made; wait until it is there"))),
        (_, Some(why)) => {
            let what = format!("{image} cannot be launched: {why}; only what can be launched is copied");
            Err(Error::new(ErrorKind::Conflict, what))
        }
    }
}

/// A copy that is to be.
struct Wanted<'a> {
    image: &'a ImageRef,
    of: &'a Name,
    /// The image, if it is still there.
    source: Option<&'a Image>,
    copy: Name,
}

impl Wanted<'_> {
    /// The copy that is there.
    async fn look(&self, there: &Gcp) -> Result<Option<Replica>> {
        let Some(found) = describe::one(there, &self.copy).await? else { return Ok(None) };
        if !is_copy(&found, self.of) {
            let what = format!(
                "there is another image {}, which is no copy of {}; delete it, for a copy has its source's name",
                self.copy, self.of
            );
            return Err(Error::new(ErrorKind::Taken, what));
        }
        if !is_of(&found, self.source) {
            let what =
                format!("{} is a copy of an image that was {} before this one; delete it to make another", self.copy, self.of);
            return Err(Error::new(ErrorKind::Taken, what));
        }
        let image = self.as_ref()?;
        Ok(Some(match describe::stage(&found) {
            ImageStage::Pending => Replica::Copying { image, progress: None },
            ImageStage::Active | ImageStage::Deprecated | ImageStage::Disabled => Replica::Ready(image),
            ImageStage::Gone => {
                return Err(Error::new(ErrorKind::Busy, format!("the copy {image} is being deleted; ask again when it is gone")));
            }
            _ => self.failed(image, "Google does not say why"),
        }))
    }

    fn failed(&self, image: ImageRef, why: &str) -> Replica {
        let message = format!("the copy {image} failed: {why}; delete it to try again");
        Replica::Failed {
            image,
            trouble: Trouble { class: FailureClass::Platform, code: "FAILED".into(), message: message.into() },
        }
    }

    fn as_ref(&self) -> Result<ImageRef> {
        self.copy.seen_from(&self.copy.project)
    }

    async fn make(&self, there: &Gcp, body: Image) -> Result<Replica> {
        let id = self.source.and_then(|source| source.id);
        let change = Change { method: "images.insert", image: &self.copy, id, wish: format!("copy of {}", self.of) };
        let call = there.clients().images.insert().set_project(there.project()).set_body(body);
        for gone in 0..WISHES {
            let send = |id| call.clone().set_request_id(id).send();
            let stands = there.operate(change.method, &Scope::Global, change.request_id(gone), send).await;
            let begun = matches!(stands, Ok(Stands::Running(_)));
            match (self.look(there).await, stands) {
                // What came of it is there to be seen, and to be deleted.
                (Ok(Some(Replica::Failed { image, .. })), Err(error)) => return Ok(self.failed(image, error.message())),
                // Somebody else was quicker.
                (Ok(Some(copy)), Err(error)) if error.kind() == ErrorKind::Taken => return Ok(copy),
                (Err(other), Err(error)) if error.kind() == ErrorKind::Taken => return Err(other),
                (_, Err(error)) => return Err(there.half_done(gone > 0, error)),
                (Err(error), Ok(_)) => return Err(there.half_done(true, error)),
                (Ok(Some(copy)), Ok(_)) => return Ok(copy),
                (Ok(None), Ok(_)) if begun => return Ok(Replica::Copying { image: self.as_ref()?, progress: None }),
                // It was made, and deleted since.
                (Ok(None), Ok(_)) => {}
            }
        }
        let what = format!(
            "{WISHES} copies of {} in {} were deleted within the hour; wait until it is over",
            self.image,
            place(there.project())?
        );
        Err(Error::new(ErrorKind::Busy, what))
    }
}

/// What a copy's label says of its source: at most 63 characters of few kinds.
fn origin(of: &Name) -> String {
    let digest = Digest::of(of.to_string().as_bytes()).to_string();
    let hex = digest.rsplit(':').next().unwrap_or(&digest);
    hex.get(..32).unwrap_or(hex).to_owned()
}

/// Google says of what an image is a copy, perhaps for as long as that is there; the label says it longer, until somebody takes it away.
fn is_copy(found: &Image, of: &Name) -> bool {
    let says = found.source_image.as_deref().map(relative) == Some(&*of.to_string());
    says || found.labels.get(marks::COPY_OF).is_some_and(|said| *said == origin(of))
}

/// Whether it is of this very image, as far as it is known: another may have had its name before.
fn is_of(found: &Image, source: Option<&Image>) -> bool {
    let (said, is) = (found.source_image_id.as_deref(), source.and_then(|source| source.id));
    said.zip(is).is_none_or(|(said, is)| said == is.to_string())
}

/// What Google is told to make. What it does not take over from the source by itself is said again.
fn body(of: &Name, source: &Image) -> Result<Image> {
    let mut labels: HashMap<String, String> = source.labels.clone();
    labels.insert(marks::COPY_OF.to_owned(), origin(of));
    let copy = Image::new()
        .set_name(&of.name)
        .set_source_image(of.to_string())
        .set_labels(labels)
        .set_or_clear_description(source.description.clone());
    let Some(key) = &source.image_encryption_key else { return Ok(copy) };
    match key.kms_key_name.as_deref() {
        // As a version of a key, of which the newest is to be used.
        Some(name) => {
            let name = name.split("/cryptoKeyVersions/").next().unwrap_or(name);
            Ok(copy.set_image_encryption_key(CustomerEncryptionKey::new().set_kms_key_name(name)))
        }
        None => {
            let what = format!("{of} is encrypted with a key that Google does not keep; copy it by hand, with the key");
            Err(Error::invalid(what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(project: &str) -> Name {
        Name::new(project, "web-1")
    }

    #[test]
    fn a_copy_is_told_by_google_or_by_its_label() {
        let of = name("dev");
        let by_google = Image::new().set_source_image("https://www.googleapis.com/compute/v1/projects/dev/global/images/web-1");
        let by_label = Image::new().set_labels([(marks::COPY_OF, origin(&of))]);
        assert!(is_copy(&by_google, &of) && is_copy(&by_label, &of));
        assert!(!is_copy(&by_google, &name("test")) && !is_copy(&by_label, &name("test")));
        assert!(!is_copy(&Image::new(), &of));
        assert!(origin(&of).len() == 32 && origin(&of).chars().all(|c| c.is_ascii_hexdigit()));
    }

    #[test]
    fn an_image_that_had_the_name_before_is_told_apart() {
        let copy = Image::new().set_source_image_id("7");
        assert!(is_of(&copy, Some(&Image::new().set_id(7_u64))));
        assert!(!is_of(&copy, Some(&Image::new().set_id(8_u64))));
        assert!(
            is_of(&copy, None) && is_of(&Image::new(), Some(&Image::new().set_id(8_u64))),
            "what is not said stands against nothing"
        );
    }

    #[test]
    fn a_copy_has_labels_and_key_of_its_source_and_no_family() {
        let key =
            CustomerEncryptionKey::new().set_kms_key_name("projects/k/locations/l/keyRings/r/cryptoKeys/c/cryptoKeyVersions/3");
        let labels = [("version", "1"), (marks::COPY_OF, "of another")];
        let source = Image::new().set_family("web").set_description("web").set_labels(labels).set_image_encryption_key(key);
        let copy = body(&name("dev"), &source).unwrap();
        assert_eq!((copy.family.as_deref(), copy.description.as_deref()), (None, Some("web")));
        assert_eq!(copy.source_image.as_deref(), Some("projects/dev/global/images/web-1"));
        assert_eq!(copy.labels.get("version").map(String::as_str), Some("1"));
        assert_eq!(copy.labels.get(marks::COPY_OF), Some(&origin(&name("dev"))), "of its own source, not of its source's");
        let key = copy.image_encryption_key.and_then(|key| key.kms_key_name);
        assert_eq!(key.as_deref(), Some("projects/k/locations/l/keyRings/r/cryptoKeys/c"));
        let theirs = Image::new().set_image_encryption_key(CustomerEncryptionKey::new());
        assert_eq!(body(&name("dev"), &theirs).unwrap_err().kind(), ErrorKind::Invalid);
    }
}
