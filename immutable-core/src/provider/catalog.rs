use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::artifact::{ImageRef, Place};
use crate::error::Result;
use crate::fleet::{Coverage, Trouble};
use crate::id::{BaseQuery, InstanceName, NativeRef};

/// The images of a place.
///
/// # Contract
/// To ensure correctness, whatever implements this:
/// - **changes and deletes only what is [ours](ImageSeen::ours)**, and never an instance: whatever becomes of an image, what runs runs on;
/// - takes no [`Op`](crate::fleet::Op), since images belong to no fleet: each call names all that is to be, and is the same call whenever it is sent again,
///   also if the first copy is still under way. Where the cloud takes a token, those who ask for the same at once send the same one, and whoever asks again for what
///   was deleted another: some clouds answer an old token with what is gone;
/// - shows in every look what was answered before the look was asked for;
/// - of an image whose place does not [serve](Place::serves) its own changes and says nothing: [`Invalid`](crate::ErrorKind::Invalid), but for
///   [`describe`](Self::describe), to which it is gone;
/// - says in every error whether the call [may have taken effect](crate::Applied), and until when a copy of it
///   [may still arrive](crate::Error::echo_until): a different call about the same image waits for that;
/// - is safe to drop at any await: a call then may or may not take effect.
#[async_trait]
pub trait ImageCatalog: Send + Sync {
    /// What it can do. The same for as long as the process lives.
    fn capabilities(&self) -> &CatalogCapabilities;

    /// Finds the image that a moving name stands for now: to be asked once, and its answer recorded.
    ///
    /// # Contract
    /// - Reads only. The answer is one exact image that can be launched here, never another name that moves; of several the newest that is
    ///   [for use](ImageStage::Active).
    /// - Asked for by its own id, an image is the answer: so what was answered is answered again, wherever the name has moved.
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is none that can be launched; [`Invalid`](crate::ErrorKind::Invalid) if the text is none of this
    ///   cloud's ways to name one, saying which there are.
    async fn resolve_base(&self, query: &BaseQuery) -> Result<ImageSeen>;

    /// Looks at images.
    ///
    /// # Contract
    /// Reads only. One answer for each image, in the order asked; one that does not exist is [`ImageStage::Gone`].
    async fn describe(&self, images: &[ImageRef]) -> Result<Vec<ImageSeen>>;

    /// Copies an image to another place, and tells how that stands: asked again, it is followed.
    ///
    /// # Contract
    /// - There is one copy of an image in a place, whoever asks, how often, and at once: one that is there is told of, also if its source is gone by now. An image that
    ///   can be used in the other place as it is, is its own copy.
    /// - The copy is ours, has all labels of its source from its first moment on, and is [`Ready`](Replica::Ready) only if it can be launched or somebody
    ///   has [disabled](Availability::Disabled) it.
    /// - One that [failed](Replica::Failed) stays so until it is deleted; one that was deleted stays gone, and another call makes another.
    /// - [`NotFound`](crate::ErrorKind::NotFound) if there is no such image and no copy; [`Busy`](crate::ErrorKind::Busy) while the image itself is being made;
    ///   [`Conflict`](crate::ErrorKind::Conflict) if it cannot be launched; [`Invalid`](crate::ErrorKind::Invalid) if it can never be copied to that place.
    async fn replicate(&self, image: &ImageRef, to: &Place) -> Result<Replica>;

    /// Says for what an image may be used.
    ///
    /// # Contract
    /// - Absolute: from any of them to any other, and back. Set again, nothing changes. Labels, copies and what runs stay as they are.
    /// - What is [`Disabled`](Availability::Disabled) cannot be launched, by us or by others, and is [unlaunchable](ImageSeen::unlaunchable); the others can.
    /// - [`Invalid`](crate::ErrorKind::Invalid) if it is beyond the [capabilities](CatalogCapabilities); [`NotFound`](crate::ErrorKind::NotFound) if there is no
    ///   such image; [`Denied`](crate::ErrorKind::Denied) if it is not ours; [`Busy`](crate::ErrorKind::Busy) while it is being made;
    ///   [`Conflict`](crate::ErrorKind::Conflict) if its making failed. What is refused changes nothing.
    async fn set_stage(&self, image: &ImageRef, stage: Availability) -> Result<()>;

    /// Finds who uses an image, whether it is there or not, in all places that its own [serves](Place::serves).
    ///
    /// # Contract
    /// - Reads only, and looks at everything in the account there, ours or not: every instance that exists, on its way out or not; every group and template that would
    ///   launch it, at size 0 too, as that of a generation that is kept; and, where the place knows of it, every copy of it that is being made.
    /// - In ascending order, each once.
    /// - [`Part`](Coverage::Part) if anything of that was not seen: nobody may conclude then that an image is not used.
    async fn uses(&self, image: &ImageRef) -> Result<ImageUses>;

    /// Deletes an image that nobody [uses](Self::uses), with what is its alone, such as snapshots. Its copies stay.
    ///
    /// # Contract
    /// - Looks by itself, as late as it can. If somebody uses it, or not all who might were seen, nothing is done.
    /// - What is not there is [`Gone`](Deleted::Gone), and what was answered so can be launched no more.
    /// - [`Denied`](crate::ErrorKind::Denied) if it is there and not ours, or protected, saying by what; [`Busy`](crate::ErrorKind::Busy) while it is being made. What is
    ///   refused changes nothing.
    async fn delete(&self, image: &ImageRef) -> Result<Deleted>;
}

/// What a catalog can do. What it cannot is refused, never done in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogCapabilities {
    /// Whether images can be [deprecated](Availability::Deprecated).
    pub deprecates: bool,
    /// Whether images can be [disabled](Availability::Disabled); in Azure's galleries they cannot.
    pub disables: bool,
}

impl CatalogCapabilities {
    /// Whether images can be given this stage.
    pub fn can_be(&self, stage: Availability) -> bool {
        match stage {
            Availability::Active => true,
            Availability::Deprecated => self.deprecates,
            Availability::Disabled => self.disables,
        }
    }
}

/// What was seen of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSeen {
    /// Which image.
    pub image: ImageRef,
    /// Where it is in its life.
    pub stage: ImageStage,
    /// Why it cannot be launched, if it cannot.
    pub unlaunchable: Option<Arc<str>>,
    /// Whether it belongs to the place's own account, subscription or project: not a vendor's, and none that others share with us.
    pub ours: bool,
    /// Its labels, which some clouds call tags, as far as this account can see them.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
}

/// Where an image is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageStage {
    /// Being made or copied.
    Pending,
    /// For use.
    Active,
    /// Usable, and not for new use.
    Deprecated,
    /// There, and not launchable.
    Disabled,
    /// Not there.
    Gone,
    /// Its making failed.
    Failed,
}

/// For what an image that is there may be used: the stages that can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// For use.
    Active,
    /// Usable, and not for new use: moving names pass it over.
    Deprecated,
    /// Not launchable.
    Disabled,
}

impl From<Availability> for ImageStage {
    fn from(stage: Availability) -> Self {
        match stage {
            Availability::Active => Self::Active,
            Availability::Deprecated => Self::Deprecated,
            Availability::Disabled => Self::Disabled,
        }
    }
}

/// How a copy of an image stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replica {
    /// It is there.
    Ready(ImageRef),
    /// It is being made: ask again.
    Copying {
        /// What it will be.
        image: ImageRef,
        /// How much of it there is, in percent, if the provider says so.
        progress: Option<u8>,
    },
    /// Its making failed.
    Failed {
        /// What there is of it: delete it to try again.
        image: ImageRef,
        /// Why.
        trouble: Trouble,
    },
}

impl Replica {
    /// The copy, however it stands.
    pub fn image(&self) -> &ImageRef {
        match self {
            Self::Ready(image) | Self::Copying { image, .. } | Self::Failed { image, .. } => image,
        }
    }
}

/// Who was seen to use an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUses {
    /// Who, in ascending order.
    pub by: Vec<ImageUse>,
    /// Whether all was seen that could.
    pub coverage: Coverage,
}

impl ImageUses {
    /// Whether it is certain that nobody uses it.
    pub fn none(&self) -> bool {
        self.by.is_empty() && self.coverage == Coverage::Whole
    }
}

/// Who uses an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ImageUse {
    /// A template that a group or a person may launch from.
    Template(NativeRef),
    /// A group that would launch it.
    Group(NativeRef),
    /// A machine that was launched from it.
    Instance(InstanceName),
    /// A copy of it that is being made.
    Copy(ImageRef),
}

/// `group web-0007-0`
impl fmt::Display for ImageUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template(name) => write!(f, "template {name}"),
            Self::Group(name) => write!(f, "group {name}"),
            Self::Instance(name) => write!(f, "instance {name}"),
            Self::Copy(image) => write!(f, "copy {image}"),
        }
    }
}

/// What a [delete](ImageCatalog::delete) did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is not there.
    Gone,
    /// Nothing was done: these use it, and perhaps others.
    InUse(Vec<ImageUse>),
    /// Nothing was done: nobody was seen to use it, and not all who might were seen; why not.
    Unsure(Arc<str>),
}
