//! Who uses an image, and deletes, which depend on it.

use std::time::Duration;

use backend_azure::GalleryCatalog;
use immutable_core::fleet::Coverage;
use immutable_core::provider::{Availability, Deleted, ImageCatalog, ImageStage, ImageUse, Replica};
use immutable_core::{Applied, ErrorKind, ImageRef};
use immutable_fakes::arm::Fault;
use serde_json::json;

use crate::account::{GROUP, REGION};
use crate::doubt::after;
use crate::images::{ELSEWHERE, definition, in_region, later, look, place, publishing, with_image};

#[test]
fn an_image_that_is_protected_stays() {
    with_image(async |account, images, image| {
        let safety = |field: &str, value: bool| {
            account.fake.by_hand(image.id().as_str(), |body| body["properties"]["safetyProfile"] = json!({ field: value }));
        };
        let delete = async |words: &str| {
            let error = images.delete(&image).await.unwrap_err();
            assert!(error.kind() == ErrorKind::Denied && error.message().contains(words), "{error}");
        };
        safety("blockDeletionBeforeEndOfLife", true);
        delete("before its end of life").await;
        publishing(account, &image, "endOfLifeDate", "2030-01-01T00:00:00Z".into());
        delete("before 2030-01-01").await;
        safety("allowDeletionOfReplicatedLocations", false);
        let twice = json!([{ "name": REGION }, { "name": ELSEWHERE }]);
        publishing(account, &image, "targetRegions", twice);
        later(account, 600).await;
        delete("delete them first").await;
        let (there, copy) = (in_region(account, ELSEWHERE).await.unwrap(), ImageRef::new(place(ELSEWHERE), image.id().as_str()));
        let there = GalleryCatalog::new(&there);
        let error = there.delete(&copy).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Denied && error.message().contains("allowDeletionOfReplicatedLocations"), "{error}");
        assert_eq!(account.fake.count("galleryImageVersions.update") + account.fake.count("galleryImageVersions.delete"), 0);
        safety("allowDeletionOfReplicatedLocations", true);
        assert_eq!(there.delete(&copy).await.unwrap(), Deleted::Gone);
        assert_eq!(images.delete(&image).await.unwrap(), Deleted::Gone);
        let bypass = |call: &immutable_fakes::arm::Call| call.query.get("bypassSoftDelete").is_some_and(|value| value == "true");
        assert!(account.fake.calls().iter().any(|call| call.method == "galleryImageVersions.delete" && bypass(call)));
    });
}

/// The look for uses takes long: what is copied meanwhile is not deleted with what was looked for.
#[test]
fn what_is_copied_while_it_is_looked_for_stays() {
    with_image(async |account, images, image| {
        let copied = || publishing(account, &image, "targetRegions", json!([{ "name": REGION }, { "name": ELSEWHERE }]));
        let (answer, ()) = futures_util::join!(images.delete(&image), after(account, "virtualMachines.listAll", copied));
        let error = answer.unwrap_err();
        assert!([ErrorKind::Busy, ErrorKind::Denied].contains(&error.kind()) && error.applied() == Applied::No, "{error}");
        assert_eq!(account.fake.count("galleryImageVersions.update") + account.fake.count("galleryImageVersions.delete"), 0);
    });
}

#[test]
fn what_may_not_be_looked_at_is_not_taken_for_unused() {
    for method in ["virtualMachineScaleSets.listAll", "virtualMachines.listAll"] {
        with_image(async |account, images, image| {
            account.fake.deny(method);
            let uses = images.uses(&image).await.unwrap();
            assert!(matches!(&uses.coverage, Coverage::Part(why) if why.contains(method)), "{uses:?}");
            let deleted = images.delete(&image).await.unwrap();
            assert!(matches!(&deleted, Deleted::Unsure(why) if why.contains(method)), "{deleted:?}");
            account.fake.allow(method);
            assert_eq!(images.delete(&image).await.unwrap(), Deleted::Gone);
        });
    }
}

#[test]
fn what_somebody_else_made_anywhere_in_the_subscription_is_a_use() {
    with_image(async |account, images, image| {
        account.fake.resource_group("others");
        let set = |group: &str, name: &str| {
            account
                .fake
                .id("Microsoft.Compute/virtualMachineScaleSets", name)
                .replace(&format!("/{GROUP}/"), &format!("/{group}/"))
        };
        assert!(account.fake.meddle_scale_set(&set("others", "by-hand"), image.id().as_str(), 1));
        assert!(account.fake.meddle_uniform(&set(GROUP, "old"), image.id().as_str(), 1));
        later(account, 120).await;
        let by = images.uses(&image).await.unwrap().by;
        let shown: Vec<String> = by.iter().map(ToString::to_string).collect();
        assert!(
            matches!(&shown[..], [a, b, c, d] if a == "group old" && b == "group others/by-hand" && c.starts_with("instance old_") && d.starts_with("instance others/by-hand_")),
            "{shown:?}"
        );
        account.fake.deny("virtualMachineScaleSetVMs.list");
        assert!(matches!(images.uses(&image).await.unwrap().coverage, Coverage::Part(_)));
        account.fake.allow("virtualMachineScaleSetVMs.list");
        // Another model, for machines that are made from now on.
        let other = account.image("1.1.0");
        account.fake.by_hand(&set(GROUP, "old"), |body| {
            body["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"]["id"] = other.id().as_str().into();
        });
        let by = images.uses(&image).await.unwrap().by;
        assert!(!by.iter().any(|one| matches!(one, ImageUse::Group(name) if name.as_str() == "old")), "{by:?}");
        assert!(by.iter().any(|one| matches!(one, ImageUse::Instance(name) if name.as_str().starts_with("old_"))), "{by:?}");
        let there = GalleryCatalog::new(&in_region(account, ELSEWHERE).await.unwrap());
        let elsewhere = ImageRef::new(place(ELSEWHERE), image.id().as_str());
        assert!(there.uses(&elsewhere).await.unwrap().none(), "they are all in the other region");
    });
}

#[test]
fn who_launches_the_latest_uses_what_that_is() {
    with_image(async |account, images, image| {
        let other = account.image("0.9.0");
        let set = account.fake.id("Microsoft.Compute/virtualMachineScaleSets", "moving");
        assert!(account.fake.meddle_scale_set(&set, image.id().as_str(), 0));
        let names = |id: &str| {
            account.fake.by_hand(&set, |body| {
                body["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"] = json!({ "id": id })
            })
        };
        assert!(names(&definition(&image)));
        later(account, 30).await;
        let shown = images.uses(&image).await.unwrap();
        assert!(matches!(&shown.by[..], [ImageUse::Group(name)] if name.as_str() == "moving"), "{shown:?}");
        assert!(images.uses(&other).await.unwrap().none());
        images.set_stage(&image, Availability::Deprecated).await.unwrap();
        assert!(images.uses(&image).await.unwrap().none(), "it is not the latest now");
        assert!(!images.uses(&other).await.unwrap().none(), "this one is");
        account.fake.deny("galleryImageVersions.listByGalleryImage");
        assert!(matches!(images.uses(&other).await.unwrap().coverage, Coverage::Part(_)));
        account.fake.by_hand(&set, |body| {
            let reference = json!({ "sharedGalleryImageId": "/sharedGalleries/1-IMAGES/images/web/versions/0.9.0" });
            body["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"] = reference;
        });
        let shared = images.uses(&other).await.unwrap();
        assert!(matches!(&shared.coverage, Coverage::Part(why) if why.contains("which may be it")), "{shared:?}");
        assert!(images.uses(&image).await.unwrap().none());
    });
}

#[test]
fn a_copy_that_is_being_made_is_a_use_where_it_is_made_from() {
    with_image(async |account, images, image| {
        let Replica::Copying { image: copy, .. } = images.replicate(&image, &place(ELSEWHERE)).await.unwrap() else { panic!() };
        let by = images.uses(&image).await.unwrap().by;
        assert!(matches!(&by[..], [ImageUse::Copy(found)] if *found == copy), "{by:?}");
        later(account, 120).await;
        assert!(images.uses(&image).await.unwrap().none());
    });
}

#[test]
fn what_was_sent_and_not_answered_may_still_be_done() {
    with_image(async |account, images, image| {
        account.fake.faults().next("galleryImageVersions.delete", Fault::LateEffect { after: Duration::from_secs(60) });
        let lost = images.delete(&image).await.unwrap_err();
        assert!(lost.applied() == Applied::Unknown && lost.echo_until().is_some(), "{lost:?}");
        later(account, 120).await;
        assert_eq!(images.delete(&image).await.unwrap(), Deleted::Gone);
    });
}

#[test]
fn a_delete_that_fails_after_it_was_accepted_is_not_told_as_done() {
    with_image(async |account, images, image| {
        account.fake.operation_fails("galleryImageVersions.delete", "InternalExecutionError", "try again later");
        let failed = images.delete(&image).await.unwrap_err();
        assert!(failed.applied() == Applied::Unknown && failed.message().contains("try again later"), "{failed:?}");
        assert_eq!(look(&images, &image).await.stage, ImageStage::Active);
        // It goes on, and nobody knows where it can be asked about.
        account.fake.operations_take(Duration::from_secs(60));
        let busy = images.delete(&image).await.unwrap_err();
        assert_eq!(busy.kind(), ErrorKind::Busy, "{busy}");
        account.fake.forget_operations();
        assert_eq!(images.delete(&image).await.unwrap_err().kind(), ErrorKind::Busy, "it is being deleted");
        later(account, 120).await;
        assert_eq!(images.delete(&image).await.unwrap(), Deleted::Gone);
    });
}
