//! Changes of one image, which belong to no op: each names what is to be, and is sent until it is so.

use std::fmt;
use std::future::Future;

use google_cloud_compute_v1::model::{Image, Operation};
use immutable_core::{Applied, Error, ErrorKind, Result};

use super::describe;
use super::names::Name;
use crate::client::Gcp;
use crate::operations::{Scope, uuid};

/// How often the same was wished for and undone within the hour for which Google knows a request again, at most.
pub(super) const WISHES: u32 = 50;

/// A change of an image.
pub(super) struct Change<'a> {
    pub(super) method: &'static str,
    pub(super) image: &'a Name,
    /// The image as it was when that was decided, by the number that no other ever has.
    pub(super) id: Option<u64>,
    /// What is to be.
    pub(super) wish: String,
}

impl Change<'_> {
    /// The id of a request, when so many before it were undone. Those who want the same at once send the same one, and of theirs one takes effect; to whoever wants it again
    /// later, Google answers the old one with what was done before, and the next in the row is sent.
    pub(super) fn request_id(&self, undone: u32) -> String {
        uuid(&format!("{}/{}/{}/{}/{undone}", self.method, self.image, self.id.unwrap_or_default(), self.wish))
    }

    /// Sends a request until what it is for is shown.
    pub(super) async fn settle<F>(
        &self,
        gcp: &Gcp,
        send: impl Fn(String) -> F,
        is: impl Fn(Option<&Image>) -> bool,
    ) -> Result<Option<Image>>
    where
        F: Future<Output = google_cloud_gax::Result<Operation>>,
    {
        for undone in 0..WISHES {
            let sent = gcp.complete(self.method, &Scope::Global, self.request_id(undone), &send).await;
            sent.map_err(|error| gcp.half_done(undone > 0, error))?;
            // It was done, whatever becomes of the look.
            let found = describe::one(gcp, self.image).await.map_err(|error| error.with_applied(Applied::Yes))?;
            if is(found.as_ref()) {
                return Ok(found);
            }
        }
        Err(Error::new(
            ErrorKind::Busy,
            format!("{self} was done {WISHES} times, and is not so: somebody undoes it; find out who"),
        )
        .with_applied(Applied::Unknown)
        .with_echo_until(gcp.now()))
    }
}

/// `images.deprecate of projects/acme/global/images/web-1 (OBSOLETE)`
impl fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} ({})", self.method, self.image, self.wish)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_of_one_image_one_wish_and_one_time() {
        let (one, two) = (Name::new("acme", "web-1"), Name::new("acme", "web-2"));
        let of = |image, id, wish: &str, undone| {
            Change { method: "images.deprecate", image, id: Some(id), wish: wish.to_owned() }.request_id(undone)
        };
        let all = [
            of(&one, 7, "OBSOLETE", 0),
            of(&one, 7, "OBSOLETE", 1),
            of(&one, 7, "ACTIVE", 0),
            of(&one, 8, "OBSOLETE", 0),
            of(&two, 7, "OBSOLETE", 0),
        ];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
        assert_eq!(all[0], of(&one, 7, "OBSOLETE", 0), "every process sends the same");
    }
}
