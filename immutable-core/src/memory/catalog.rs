//! The images of the place, and what becomes of machines launched from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::MemoryCloud;
use crate::artifact::{Artifact, Built, Digest, ImageRef, Place, Provenance, sha256};
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::{FailureClass, Trouble};
use crate::id::{BaseQuery, ImageId, write_hex};
use crate::provider::{ImageSeen, ImageStage, Replica};
use crate::time::Timestamp;

/// The images of all regions of an account, whose clouds share them. Locked only while they are looked at, after a world and never before one.
#[derive(Clone, Debug, Default)]
pub(super) struct Account(Arc<Mutex<BTreeMap<Place, Region>>>);

/// The images of one region.
#[derive(Debug, Default)]
struct Region {
    images: BTreeMap<ImageId, Image>,
    /// What each name has stood for, the newest last.
    bases: BTreeMap<BaseQuery, Vec<ImageId>>,
}

/// The images of the world's own region, and what becomes of what is launched from them.
#[derive(Debug)]
pub(super) struct Catalog {
    account: Account,
    place: Place,
    baked: u64,
    released: u64,
    never_healthy: BTreeSet<Digest>,
    never_boots: BTreeSet<Digest>,
}

#[derive(Clone, Debug)]
struct Image {
    artifact: Digest,
    stage: ImageStage,
    ours: bool,
    labels: Labels,
    /// What it is a copy of, if it is one.
    copy: Option<Copied>,
}

#[derive(Clone, Debug)]
struct Copied {
    of: ImageRef,
    since: Timestamp,
    until: Timestamp,
    fails: bool,
}

type Labels = BTreeMap<Arc<str>, Arc<str>>;

impl Image {
    fn of(artifact: Digest, labels: Labels) -> Self {
        Self { artifact, stage: ImageStage::Active, ours: true, labels, copy: None }
    }

    fn stage(&self, now: Timestamp) -> ImageStage {
        match &self.copy {
            _ if self.stage == ImageStage::Gone => ImageStage::Gone,
            Some(copy) if now < copy.until => ImageStage::Pending,
            Some(copy) if copy.fails => ImageStage::Failed,
            _ => self.stage,
        }
    }

    fn seen(&self, image: ImageRef, now: Timestamp) -> ImageSeen {
        let stage = self.stage(now);
        let (ours, labels) = if stage == ImageStage::Gone { (false, Labels::new()) } else { (self.ours, self.labels.clone()) };
        ImageSeen { unlaunchable: unlaunchable(image.id(), stage), image, stage, ours, labels }
    }

    /// How it stands as a copy.
    fn replica(&self, image: ImageRef, now: Timestamp) -> Replica {
        match (self.stage(now), &self.copy) {
            (ImageStage::Pending, Some(copy)) => {
                let (done, all) = (now.since(copy.since).as_millis(), copy.until.since(copy.since).as_millis().max(1));
                Replica::Copying { image, progress: u8::try_from(done * 100 / all).ok() }
            }
            (ImageStage::Failed, _) => {
                let trouble = Trouble {
                    class: FailureClass::Platform,
                    code: "CopyFailed".into(),
                    message: format!("the copy {image} failed; delete it to try again").into(),
                };
                Replica::Failed { image, trouble }
            }
            _ => Replica::Ready(image),
        }
    }
}

/// Why what is at this stage cannot be launched, if it cannot.
fn unlaunchable(image: &ImageId, stage: ImageStage) -> Option<Arc<str>> {
    let why = match stage {
        ImageStage::Active | ImageStage::Deprecated => return None,
        ImageStage::Disabled => "is disabled",
        ImageStage::Gone => "does not exist",
        ImageStage::Pending | ImageStage::Failed => "is not available",
    };
    Some(format!("image {image} {why}").into())
}

impl Account {
    fn regions(&self) -> MutexGuard<'_, BTreeMap<Place, Region>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Catalog {
    pub(super) fn new(account: Account, place: &Place) -> Self {
        account.regions().entry(place.clone()).or_default();
        Self {
            account,
            place: place.clone(),
            baked: 0,
            released: 0,
            never_healthy: BTreeSet::new(),
            never_boots: BTreeSet::new(),
        }
    }

    pub(super) fn account(&self) -> Account {
        self.account.clone()
    }

    /// Does something with the images of the world's own region.
    fn here<T>(&self, act: impl FnOnce(&mut Region) -> T) -> T {
        act(self.account.regions().entry(self.place.clone()).or_default())
    }

    fn find<T>(&self, image: &ImageId, look: impl FnOnce(&Image) -> T) -> Option<T> {
        self.account.regions().get(&self.place)?.images.get(image).map(look)
    }

    /// Enters an image of an artifact; the same again is accepted.
    fn enter(&self, image: &ImageRef, artifact: &Artifact) -> Result<()> {
        self.here(|region| match region.images.get(image.id()) {
            Some(found) if found.artifact != artifact.digest() => Err(Error::new(
                ErrorKind::Conflict,
                format!("{image} is of {:#}, not of {artifact} ({:#})", found.artifact, artifact.digest()),
            )),
            Some(_) => Ok(()),
            None => {
                let labels = [("artifact", artifact.name().to_string()), ("version", artifact.version().to_string())];
                let labels = labels.map(|(key, value)| (key.into(), value.into())).into();
                region.images.insert(image.id().clone(), Image::of(artifact.digest(), labels));
                Ok(())
            }
        })
    }

    /// Enters what a vendor released under a name.
    fn release(&mut self, name: BaseQuery, seed: u64) -> ImageRef {
        self.released += 1;
        let id = image_id(&format!("{}/{seed}/{name}/{}", self.place, self.released));
        let image = ImageRef::new(self.place.clone(), id);
        self.here(|region| {
            let released = Image { ours: false, ..Image::of(Digest::of(image.to_string().as_bytes()), Labels::new()) };
            region.images.insert(image.id().clone(), released);
            region.bases.entry(name).or_default().push(image.id().clone());
        });
        image
    }

    /// What an image is of, also after it was deleted.
    pub(super) fn artifact(&self, image: &ImageId) -> Option<Digest> {
        self.find(image, |image| image.artifact)
    }

    pub(super) fn stage(&self, image: &ImageId, now: Timestamp) -> ImageStage {
        self.find(image, |image| image.stage(now)).unwrap_or(ImageStage::Gone)
    }

    pub(super) fn is_ours(&self, image: &ImageId) -> bool {
        self.find(image, |image| image.ours).unwrap_or(false)
    }

    pub(super) fn seen(&self, image: &ImageRef, now: Timestamp) -> ImageSeen {
        let gone = |why| ImageSeen {
            image: image.clone(),
            stage: ImageStage::Gone,
            unlaunchable: why,
            ours: false,
            labels: Labels::new(),
        };
        if *image.place() != self.place {
            return gone(Some(format!("{image} is not in {}", self.place).into()));
        }
        let found = self.find(image.id(), |found| found.seen(image.clone(), now));
        found.unwrap_or_else(|| gone(unlaunchable(image.id(), ImageStage::Gone)))
    }

    /// Why an image cannot be launched, if it cannot.
    pub(super) fn unlaunchable(&self, image: &ImageId, now: Timestamp) -> Option<Trouble> {
        let message = unlaunchable(image, self.stage(image, now))?;
        Some(Trouble { class: FailureClass::Image, code: "ImageUnavailable".into(), message })
    }

    /// What a name stands for: the image of this id, or the newest for use that was released under it.
    pub(super) fn resolve(&self, query: &BaseQuery, now: Timestamp) -> Option<ImageSeen> {
        let here = |id: &ImageId| self.seen(&ImageRef::new(self.place.clone(), id.as_str()), now);
        let itself = here(&ImageId::new(query.as_str()));
        if itself.unlaunchable.is_none() {
            return Some(itself);
        }
        let named = self.here(|region| region.bases.get(query).cloned()).unwrap_or_default();
        named.iter().rev().map(here).find(|seen| seen.stage == ImageStage::Active)
    }

    /// The copy of an image in a place, if there is one; `None` if there is no such place in this account.
    pub(super) fn copy_in(&self, image: &ImageRef, to: &Place, now: Timestamp) -> Option<Option<Replica>> {
        let regions = self.account.regions();
        let copies = regions.get(to)?.images.iter().filter(|(_, one)| one.copy.as_ref().is_some_and(|copy| copy.of == *image));
        let mut there = copies.filter(|(_, one)| one.stage(now) != ImageStage::Gone);
        Some(there.next().map(|(id, one)| one.replica(ImageRef::new(to.clone(), id.as_str()), now)))
    }

    /// Begins a copy of an image that is here.
    pub(super) fn copy(&self, image: &ImageRef, to: &Place, since: Timestamp, until: Timestamp, fails: bool) -> Option<Replica> {
        let source = self.find(image.id(), Image::clone)?;
        let mut regions = self.account.regions();
        let images = &mut regions.get_mut(to)?.images;
        let before = images.values().filter(|one| one.copy.as_ref().is_some_and(|copy| copy.of == *image)).count();
        let copy = ImageRef::new(to.clone(), image_id(&format!("{to}/{image}/{before}")));
        let copied = Some(Copied { of: image.clone(), since, until, fails });
        let made = Image { copy: copied, ..Image::of(source.artifact, source.labels) };
        let replica = made.replica(copy.clone(), since);
        images.insert(copy.id().clone(), made);
        Some(replica)
    }

    /// The copies of an image that are being made, in all regions.
    pub(super) fn copies_being_made(&self, image: &ImageRef, now: Timestamp) -> Vec<ImageRef> {
        let regions = self.account.regions();
        let all = regions.iter().flat_map(|(place, region)| region.images.iter().map(move |found| (place, found)));
        let being_made = all.filter(|(_, (_, one))| {
            one.copy.as_ref().is_some_and(|copy| copy.of == *image) && one.stage(now) == ImageStage::Pending
        });
        being_made.map(|(place, (id, _))| ImageRef::new(place.clone(), id.as_str())).collect()
    }

    pub(super) fn set_stage_of(&self, image: &ImageId, stage: ImageStage) {
        self.here(|region| {
            if let Some(image) = region.images.get_mut(image) {
                image.stage = stage;
            }
        });
    }

    fn set_stage(&self, artifact: &Artifact, stage: ImageStage) {
        self.here(|region| {
            let images = region.images.values_mut().filter(|image| image.artifact == artifact.digest());
            images.for_each(|image| image.stage = stage);
        });
    }

    pub(super) fn is_never_healthy(&self, image: &ImageId) -> bool {
        self.artifact(image).is_some_and(|artifact| self.never_healthy.contains(&artifact))
    }

    pub(super) fn never_boots(&self, image: &ImageId) -> bool {
        self.artifact(image).is_some_and(|artifact| self.never_boots.contains(&artifact))
    }

    pub(super) fn doom_health(&mut self, artifact: Digest) {
        self.never_healthy.insert(artifact);
    }

    pub(super) fn doom_boot(&mut self, artifact: Digest) {
        self.never_boots.insert(artifact);
    }

    pub(super) fn absolve(&mut self, artifact: Digest) {
        self.never_healthy.remove(&artifact);
        self.never_boots.remove(&artifact);
    }
}

impl MemoryCloud {
    /// Builds an image here, as an image builder would: an artifact of the builder `memory` with its one image in this place.
    ///
    /// Each call is another build, with another digest, also under the same name and version.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if the name or the version is not one.
    pub fn bake(&self, name: &str, version: &str) -> Result<Artifact> {
        let (name, version) = (name.parse()?, version.parse()?);
        let mut world = self.world();
        let catalog = &mut world.env.images;
        catalog.baked += 1;
        let build = format!("{}-{}", world.env.settings.seed, world.env.images.baked);
        let image = ImageRef::new(self.place(), image_id(&format!("{}/{build}", self.place())));
        let artifact = Artifact::new(name, version, Built::new(Provenance::new("memory", build)).image(image.clone()))?;
        world.env.images.enter(&image, &artifact)?;
        Ok(artifact)
    }

    /// Copies an artifact's image here, and returns the artifact with that copy: the same one, of the same digest.
    ///
    /// The same artifact again is accepted, also with its copy. An image that the artifact says it has in this place is taken
    /// at its word.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if the image's id is another artifact's here.
    pub fn import(&self, artifact: &Artifact) -> Result<Artifact> {
        let image = match artifact.image_in(&self.place()) {
            Some(image) => image.clone(),
            None => ImageRef::new(self.place(), image_id(&format!("{}/{}", self.place(), artifact.digest()))),
        };
        self.world().env.images.enter(&image, artifact)?;
        artifact.clone().with_copy(image)
    }

    /// Its vendor releases a base image: from now on the name stands for it, and no more for what it stood for. It is not ours.
    pub fn release_base(&self, name: impl Into<BaseQuery>) -> ImageRef {
        let mut world = self.world();
        let seed = world.env.settings.seed;
        world.env.images.release(name.into(), seed)
    }

    /// Its vendor withdraws a base image: what runs runs on, and nothing more is launched from it. Its name stands again for what it stood for before.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if it is no base image of here.
    pub fn withdraw_base(&self, image: &ImageRef) -> Result<()> {
        let world = self.world();
        let seen = world.env.images.seen(image, world.env.now);
        if seen.stage == ImageStage::Gone || seen.ours {
            return Err(Error::new(ErrorKind::NotFound, format!("{image} is no base image of {}", world.env.settings.place)));
        }
        world.env.images.set_stage_of(image.id(), ImageStage::Gone);
        Ok(())
    }

    /// Disables an artifact's image here: what runs runs on, and nothing more is launched from it.
    pub fn disable_image(&self, artifact: &Artifact) {
        self.world().env.images.set_stage(artifact, ImageStage::Disabled);
    }

    /// Deletes an artifact's image here: what runs runs on, and nothing more is launched from it.
    pub fn delete_image(&self, artifact: &Artifact) {
        self.world().env.images.set_stage(artifact, ImageStage::Gone);
    }

    /// Brings back an artifact's image that was disabled or deleted.
    pub fn restore_image(&self, artifact: &Artifact) {
        self.world().env.images.set_stage(artifact, ImageStage::Active);
    }
}

/// `img-` and twelve hexadecimal digits.
fn image_id(of: &str) -> Arc<str> {
    struct Hex<'a>(&'a [u8]);
    impl std::fmt::Display for Hex<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write_hex(f, self.0)
        }
    }
    let digest = sha256(of.as_bytes());
    let (short, _) = digest.split_at(6);
    format!("img-{}", Hex(short)).into()
}
