//! Copies in other regions: of a version in a gallery, under its own id. No other image has any.

use immutable_core::fleet::{FailureClass, Trouble};
use immutable_core::provider::{ImageStage, Replica};
use immutable_core::{Error, ErrorKind, ImageRef, Place, Result};
use serde_json::{Map, Value, json};

use super::describe::{self, Found, Verb};
use super::missing;
use super::names::{Definition, Name, Offer};
use super::version::{Standing, Version};
use crate::client::{Azure, Call};
use crate::preflight::GALLERY;
use crate::scale_sets::COMPUTE;

pub(super) async fn replicate(azure: &Azure, image: &ImageRef, name: &Name, to: &Place) -> Result<Replica> {
    if to.provider() != image.place().provider() || !to.scope().eq_ignore_ascii_case(azure.subscription()) {
        return Err(Error::invalid(format!(
            "{to} is no region of {}; to have an image in another subscription, share its gallery, or publish it there",
            azure.subscription()
        )));
    }
    if image.place().serves(to) {
        let found = describe::one(azure, name).await?;
        launchable(azure, image, found.as_ref())?;
        return Ok(Replica::Ready(image.clone()));
    }
    match name {
        Name::Managed { .. } => Err(Error::invalid(format!(
            "{image} is a managed image, which is of use in its own region only; publish it in a gallery to have it in {}",
            to.region()
        ))),
        Name::Market { of, version } => offered(azure, of, version, to).await,
        Name::Version { of, version } => Wanted { azure, image, name, of, version, to }.replicate().await,
    }
}

/// An image that is there and can be launched here.
fn launchable(azure: &Azure, image: &ImageRef, found: Option<&Found>) -> Result<()> {
    let found = found.ok_or_else(|| missing(image))?;
    match describe::stage(found, azure.region(), azure.now()) {
        (ImageStage::Gone, _) => Err(missing(image)),
        (_, None) => Ok(()),
        (ImageStage::Pending, _) => Err(Error::new(ErrorKind::Busy, format!("{image} is being made; wait until it is there"))),
        (_, Some(why)) => {
            let what = format!("{image} cannot be launched: {why}; only what can be launched is copied");
            Err(Error::new(ErrorKind::Conflict, what))
        }
    }
}

/// What the marketplace has in a region is its own copy there.
async fn offered(azure: &Azure, of: &Offer, version: &str, to: &Place) -> Result<Replica> {
    let path = format!("{}/{version}", of.path(azure.subscription(), to.region()));
    match azure.ask(&Call::get("virtualMachineImages.get", &path, COMPUTE)).await {
        Ok(_) => Ok(Replica::Ready(ImageRef::new(to.clone(), of.version(version).to_string()))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(Error::new(ErrorKind::NotFound, format!("the marketplace has no {of}:{version} in {}", to.region())))
        }
        Err(error) => Err(error),
    }
}

/// A copy that is to be.
struct Wanted<'a> {
    azure: &'a Azure,
    image: &'a ImageRef,
    name: &'a Name,
    of: &'a Definition,
    version: &'a str,
    to: &'a Place,
}

impl Wanted<'_> {
    async fn replicate(&self) -> Result<Replica> {
        let version = self.look().await?.ok_or_else(|| missing(self.image))?;
        if let Some(replica) = self.stands(&version) {
            return Ok(replica);
        }
        launchable(self.azure, self.image, Some(&Found::Version(version.clone())))?;
        let change = self.change(&version)?;
        let call = Call::patch(describe::call(self.of.kind, Verb::Patch), &self.name.path(self.azure), GALLERY, &change);
        let sent = describe::order(self.azure, &call).await;
        // Whatever came of it is there to be seen: also that somebody else was quicker, and that it failed.
        let looked = self.look().await.map_err(|error| self.azure.half_done(sent.is_ok(), error));
        match (sent, looked) {
            (sent, Ok(Some(now))) => match (self.stands(&now), sent) {
                (Some(replica), _) => Ok(replica),
                (None, Err(error)) => Err(error),
                (None, Ok(_)) => {
                    let what = format!("{self} was begun, and somebody has undone it; ask again");
                    Err(self.azure.half_done(true, Error::new(ErrorKind::Busy, what)))
                }
            },
            (_, Ok(None)) => Err(missing(self.image)),
            (Err(error), Err(_)) | (Ok(_), Err(error)) => Err(error),
        }
    }

    async fn look(&self) -> Result<Option<Version>> {
        Ok(match describe::one(self.azure, self.name).await? {
            Some(Found::Version(version)) if !version.is("Deleting") => Some(version),
            _ => None,
        })
    }

    /// How the copy stands, if it is there or is to be.
    fn stands(&self, version: &Version) -> Option<Replica> {
        stands(version, &ImageRef::new(self.to.clone(), self.of.version(self.version).to_string()))
    }

    /// All regions that it has, as they are, and one more.
    fn change(&self, version: &Version) -> Result<Value> {
        if !self.name.is_ours(self.azure) {
            let what = format!("{} is not ours; its own subscription replicates it", self.image);
            return Err(Error::new(ErrorKind::Denied, what));
        }
        if version.is_shallow() {
            return Err(Error::invalid(format!("{} was published to be tried, in one region (Shallow)", self.image)));
        }
        let encrypted = |target: &&Value| target.get("encryption").is_some_and(|encryption| !encryption.is_null());
        if version.targets().iter().any(|target| encrypted(&target)) {
            return Err(Error::invalid(format!(
                "{} is encrypted with a key of yours in each region; add {} by hand, with its key",
                self.image,
                self.to.region()
            )));
        }
        let mut targets = version.targets().to_vec();
        targets.push(json!({ "name": self.to.region() }));
        Ok(version.change(Map::from_iter([("targetRegions".to_owned(), targets.into())])))
    }
}

/// How a version stands in a place, if it is to be there.
pub(super) fn stands(version: &Version, image: &ImageRef) -> Option<Replica> {
    let image = image.clone();
    match version.standing(image.place().region()) {
        Standing::Missing => None,
        Standing::There => Some(Replica::Ready(image)),
        Standing::Copying(progress) => Some(Replica::Copying { image, progress }),
        Standing::Failed(why) => {
            let message = format!("the replication to {} failed: {why}; delete it there to try again", image.place().region());
            let trouble = Trouble { class: FailureClass::Platform, code: "ReplicationFailed".into(), message: message.into() };
            Some(Replica::Failed { image, trouble })
        }
    }
}

/// `the copy of /subscriptions/… in azure/S/westeurope to northeurope`
impl std::fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the copy of {} to {}", self.image, self.to.region())
    }
}
