//! Images between regions, and what stands in the way of a delete.

use super::*;
use crate::artifact::{ImageRef, Place};
use crate::error::ErrorKind;
use crate::id::{ImageId, NativeRef};
use crate::provider::{Availability, Deleted, ImageCatalog, ImageSeen, ImageStage, ImageUse, Replica};

/// Another region of the lab's account.
fn beside(lab: &Lab) -> MemoryCloud {
    MemoryCloud::with(options().place(Place::new("memory", "local", "there").unwrap()).beside(&lab.cloud))
}

impl Lab {
    fn image(&self) -> ImageRef {
        self.good.image_in(&self.cloud.place()).unwrap().clone()
    }

    fn replicate(&self, to: &MemoryCloud) -> Result<Replica> {
        self.clock.run(self.cloud.replicate(&self.image(), &to.place()))
    }

    fn look_at(&self, cloud: &MemoryCloud, image: &ImageRef) -> ImageSeen {
        self.clock.run(cloud.describe(std::slice::from_ref(image))).unwrap().remove(0)
    }

    fn delete(&self, cloud: &MemoryCloud, image: &ImageRef) -> Result<Deleted> {
        self.clock.run(cloud.delete(image))
    }
}

#[test]
fn a_copy_takes_its_time_and_is_launched_in_its_own_region() {
    let lab = lab();
    let there = beside(&lab);
    let Replica::Copying { image, progress: Some(0) } = lab.replicate(&there).unwrap() else { panic!("it is not begun") };
    lab.pass(seconds(90));
    assert_eq!(lab.replicate(&there).unwrap(), Replica::Copying { image: image.clone(), progress: Some(75) });
    let seen = lab.look_at(&there, &image);
    assert_eq!((seen.stage, seen.unlaunchable.is_some(), seen.ours), (ImageStage::Pending, true, true));
    assert_eq!(seen.labels.get("version").map(|version| &**version), Some("1.0.0"));
    lab.pass(seconds(30));
    assert_eq!(lab.replicate(&there).unwrap(), Replica::Ready(image.clone()));

    let fleet = FleetId::new(there.place(), "web");
    let spec = GenerationSpec { fleet: fleet.clone(), image: image.clone(), ..lab.spec() };
    lab.clock.run(there.ensure_generation(&Op::new(&fleet, OpId(1), Epoch(1)), &spec)).unwrap();
    let raise = Resize::Raise { group: GROUP, from: 0, to: 2 };
    lab.clock.run(there.resize(&Op::new(&fleet, OpId(2), Epoch(1)), &raise)).unwrap();
    lab.pass(seconds(100));
    assert_eq!(there.running(), [(lab.good.digest(), 2)].into(), "a copy is the same artifact");

    let Deleted::InUse(by) = lab.delete(&there, &image).unwrap() else { panic!("it is used") };
    assert_eq!(by[0], ImageUse::Group(NativeRef::from("web-0001-0")));
    assert_eq!(by.len(), 3, "{by:?}");
    assert_eq!(lab.delete(&lab.cloud, &lab.image()).unwrap(), Deleted::Gone, "whoever runs the copy does not use its source");
    assert_eq!(lab.look_at(&there, &image).stage, ImageStage::Active);
    assert_eq!(lab.replicate(&there).unwrap(), Replica::Ready(image.clone()));
    assert_eq!(lab.delete(&lab.cloud, &image).unwrap_err().kind(), ErrorKind::Invalid, "each region has a catalog of its own");
}

#[test]
fn a_copy_that_is_being_made_keeps_its_source_and_itself() {
    let lab = lab();
    let there = beside(&lab);
    let copy = lab.replicate(&there).unwrap().image().clone();
    let uses = lab.clock.run(lab.cloud.uses(&lab.image())).unwrap();
    assert_eq!(uses.by, [ImageUse::Copy(copy.clone())]);
    assert_eq!(lab.delete(&lab.cloud, &lab.image()).unwrap(), Deleted::InUse(vec![ImageUse::Copy(copy.clone())]));
    assert_eq!(lab.delete(&there, &copy).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(lab.clock.run(there.set_stage(&copy, Availability::Disabled)).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(lab.clock.run(there.replicate(&copy, &lab.cloud.place())).unwrap_err().kind(), ErrorKind::Busy);
    lab.pass(seconds(120));
    assert_eq!(lab.delete(&lab.cloud, &lab.image()).unwrap(), Deleted::Gone);
}

#[test]
fn a_copy_that_failed_stays_so_until_it_is_deleted() {
    let lab = lab();
    let there = beside(&lab);
    lab.cloud.copies_fail(1);
    let copy = lab.replicate(&there).unwrap().image().clone();
    lab.pass(seconds(120));
    for _ in 0..2 {
        let Replica::Failed { image, trouble } = lab.replicate(&there).unwrap() else { panic!("it has failed") };
        assert_eq!((&image, &*trouble.code), (&copy, "CopyFailed"));
    }
    assert_eq!(lab.look_at(&there, &copy).stage, ImageStage::Failed);
    let refused = lab.clock.run(there.set_stage(&copy, Availability::Active)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "what failed is no image");
    assert_eq!(lab.delete(&there, &copy).unwrap(), Deleted::Gone);
    let another = lab.replicate(&there).unwrap().image().clone();
    assert_ne!(another, copy);
    lab.pass(seconds(120));
    assert_eq!(lab.replicate(&there).unwrap(), Replica::Ready(another));
    assert_eq!(lab.look_at(&there, &copy).stage, ImageStage::Gone);
}

#[test]
fn who_was_not_seen_forbids_a_delete() {
    let lab = lab().stand(2);
    let other = lab.cloud.bake("acmeinc/web", "2.0.0").unwrap();
    let other = other.image_in(&lab.cloud.place()).unwrap();
    lab.cloud.partial_views("a page is missing", seconds(10));
    assert_eq!(lab.delete(&lab.cloud, other).unwrap(), Deleted::Unsure("a page is missing".into()));
    assert_eq!(lab.look_at(&lab.cloud, other).stage, ImageStage::Active);
    let uses = lab.clock.run(lab.cloud.uses(&lab.image())).unwrap();
    assert_eq!(uses.by.len(), 2, "the group, and half of its machines: {uses:?}");
    assert!(matches!(lab.delete(&lab.cloud, &lab.image()).unwrap(), Deleted::InUse(by) if by == uses.by));
    lab.pass(seconds(10));
    assert_eq!(lab.delete(&lab.cloud, other).unwrap(), Deleted::Gone);
    lab.cloud.flicker(seconds(60));
    let third = lab.cloud.bake("acmeinc/web", "3.0.0").unwrap();
    lab.ensure(&lab.spec_of(&third, 2)).unwrap();
    let third = third.image_in(&lab.cloud.place()).unwrap();
    let unsure = lab.delete(&lab.cloud, third).unwrap();
    assert!(matches!(unsure, Deleted::Unsure(_)), "its group is too new for the replica: {unsure:?}");
}

#[test]
fn who_was_made_to_run_another_image_uses_that() {
    let lab = lab().stand(1);
    let other = lab.cloud.bake("acmeinc/web", "2.0.0").unwrap();
    let swapped = lab.cloud.instances(&lab.fleet)[0].key.name.clone();
    lab.cloud.swap(&swapped, &other).unwrap();
    let uses = lab.clock.run(lab.cloud.uses(other.image_in(&lab.cloud.place()).unwrap())).unwrap();
    assert_eq!(uses.by, [ImageUse::Instance(swapped)]);
}

#[test]
fn a_name_stands_for_the_newest_that_was_not_withdrawn() {
    let lab = lab();
    let resolve = |name: &str| lab.clock.run(lab.cloud.resolve_base(&name.into()));
    assert_eq!(resolve("debian-12").unwrap_err().kind(), ErrorKind::NotFound);
    let [first, second] = [(); 2].map(|()| lab.cloud.release_base("debian-12"));
    assert_eq!(resolve("debian-12").unwrap().image, second);
    assert!(!resolve("debian-12").unwrap().ours);
    lab.cloud.withdraw_base(&second).unwrap();
    assert_eq!(resolve("debian-12").unwrap().image, first);
    assert_eq!(resolve(second.id().as_str()).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(lab.cloud.withdraw_base(&second).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(lab.cloud.withdraw_base(&lab.image()).unwrap_err().kind(), ErrorKind::NotFound, "it is ours");
    let error = lab.delete(&lab.cloud, &first).unwrap_err().to_string();
    let id: &ImageId = first.id();
    assert_eq!(error, format!("delete of {id} in memory/local/local: {first} is not ours; only its owner changes it"));
}

#[test]
fn a_base_that_is_copied_is_ours() {
    let lab = lab();
    let there = beside(&lab);
    let base = lab.cloud.release_base("debian-12");
    lab.clock.run(lab.cloud.replicate(&base, &there.place())).unwrap();
    lab.pass(seconds(120));
    let copy = lab.clock.run(lab.cloud.replicate(&base, &there.place())).unwrap().image().clone();
    assert!(lab.look_at(&there, &copy).ours);
    assert_eq!(lab.delete(&there, &copy).unwrap(), Deleted::Gone);
}

#[test]
fn regions_of_an_account_have_one_clock_and_bases_of_their_own() {
    let lab = lab();
    let there = beside(&lab);
    assert_eq!(there.clock().now(), lab.clock.now());
    lab.pass(seconds(5));
    assert_eq!(there.clock().now(), lab.clock.now(), "its clock is its neighbour's");
    lab.cloud.release_base("debian-12");
    assert_eq!(lab.clock.run(there.resolve_base(&"debian-12".into())).unwrap_err().kind(), ErrorKind::NotFound);
    let stranger = MemoryCloud::with(options().place(Place::new("memory", "other", "there").unwrap()));
    let error = lab.replicate(&stranger).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(
        error
            .to_string()
            .ends_with("there is no memory/other/there beside memory/local/local, to which an image could be copied")
    );
}
