//! VM applications as images: what a fleet whose machines boot another image is released with.

use std::sync::Arc;
use std::time::Duration;

use backend_azure::{GalleryCatalog, NewVersion, Package, VmssFleet, VmssTemplate};
use immutable_core::conformance::{Time, catalog, fleets};
use immutable_core::id::BaseQuery;
use immutable_core::provider::{Availability, Deleted, ImageCatalog, ImageStage, ImageUse, Replica};
use immutable_core::{Applied, ErrorKind, ImageRef, LaunchTemplate, Result};

use crate::account::Account;
use crate::hand::{Hand, play};
use crate::images::{ELSEWHERE, in_region, later, look, with_image};

fn application(account: &Account, version: &str) -> ImageRef {
    ImageRef::new(account.place(), account.fake.application("web-app", version))
}

async fn fresh() -> Result<catalog::Subject> {
    let account = Account::new().await?;
    account.fake.copies_take(Duration::from_secs(40));
    let base = account.fake.gallery_image("debian", "12.0.0");
    let template = LaunchTemplate::of(&VmssTemplate::new(account.machine()).base_image(base))?;
    let images = ["1.0.0", "1.1.0"].map(|version| application(&account, version));
    for image in &images {
        assert!(account.fake.meddle_tag(image.id().as_str(), "commit", Some("4f2a")));
    }
    let time = Time::Runtime(Arc::new(account.clock.clone()));
    let machines = fleets::Subject::new(Arc::new(VmssFleet::new(&account.azure)), time, account.place(), images)
        .template(template)
        .patience(Duration::from_secs(1800));
    let there = in_region(&account, ELSEWHERE).await?;
    let subject = catalog::Subject::new(
        Arc::new(GalleryCatalog::new(&account.azure)),
        machines,
        "Canonical:ubuntu-24_04-lts:server:latest",
    );
    Ok(subject.beside(there.place(), Arc::new(GalleryCatalog::new(&there))))
}

immutable_core::image_catalog_conformance!(
    fresh,
    cannot: {
        "a_moving_name_passes_over_what_is_disabled": "Azure has no such stage",
        "a_copy_of_what_is_disabled_conflicts": "Azure has no such stage",
        "a_delete_of_what_is_disabled_ends_gone": "Azure has no such stage",
    }
);

fn package(link: &str) -> Package {
    Package::new(link, "tar xf web && ./install", "./remove")
        .update("./update")
        .file("web")
        .configuration("https://acme.blob.core.windows.net/c?sig=y")
}

#[test]
fn an_application_is_published_of_a_package_and_promoted() {
    with_image(async |account, images, _| {
        let first = application(account, "1.0.0");
        let version = NewVersion::new("images", "web-app", "2.0.0").region(ELSEWHERE).label("commit", "4f2a");
        let link = "https://acme.blob.core.windows.net/releases/web-2.0.0";
        let made = images.publish_application(&version, &package(&format!("{link}?sig=a"))).await.unwrap();
        assert!(made.id().as_str().ends_with("/applications/web-app/versions/2.0.0"));
        let profile = account.fake.body(made.id().as_str())["properties"]["publishingProfile"].clone();
        assert_eq!(profile["manageActions"]["update"], "./update");
        assert_eq!((&profile["settings"]["packageFileName"], &profile["excludeFromLatest"]), (&"web".into(), &true.into()));
        later(account, 120).await;
        assert_eq!(images.publish_application(&version, &package(&format!("{link}?sig=b"))).await.unwrap(), made, "signed anew");
        for other in
            [package("https://acme.blob.core.windows.net/releases/web-2.0.1"), Package::new(link, "./install", "./remove")]
        {
            assert_eq!(images.publish_application(&version, &other).await.unwrap_err().kind(), ErrorKind::Taken);
        }
        for wrong in
            [Package::new("http://x/y", "a", "b"), Package::new(link, "", "b"), Package::new(link, "a", "x".repeat(4097))]
        {
            assert_eq!(images.publish_application(&version, &wrong).await.unwrap_err().kind(), ErrorKind::Invalid);
        }
        assert_eq!(account.fake.count("galleryApplicationVersions.createOrUpdate"), 1);
        let definition = made.id().as_str().split("/versions/").next().unwrap();
        let latest = async || images.resolve_base(&BaseQuery::new(definition)).await.unwrap().image;
        assert_eq!(latest().await, first);
        assert_eq!(images.promote(&made).await.unwrap().image, made);
        assert_eq!(latest().await, made);
        images.set_stage(&made, Availability::Deprecated).await.unwrap();
        assert_eq!(latest().await, first);
        let there = images.replicated(&made).await.unwrap();
        assert!(there.iter().all(|one| matches!(one, Replica::Ready(_))) && there.len() == 2, "{there:?}");
        let kept = account.fake.body(made.id().as_str())["properties"]["publishingProfile"]["source"].clone();
        assert_eq!(kept, profile["source"], "a change leaves the package as it is");
    });
}

#[test]
fn who_has_it_installed_uses_it() {
    with_image(async |account, images, image| {
        let app = application(account, "1.0.0");
        let set = account.fake.id("Microsoft.Compute/virtualMachineScaleSets", "by-hand");
        assert!(account.fake.meddle_scale_set(&set, image.id().as_str(), 0));
        account.fake.by_hand(&set, |body| {
            let installed = serde_json::json!({ "galleryApplications": [{ "packageReferenceId": app.id().as_str() }] });
            body["properties"]["virtualMachineProfile"]["applicationProfile"] = installed;
        });
        let by = images.uses(&app).await.unwrap().by;
        assert!(matches!(&by[..], [ImageUse::Group(name)] if name.as_str() == "by-hand"), "{by:?}");
        assert!(matches!(images.delete(&app).await.unwrap(), Deleted::InUse(_)));
        assert!(account.fake.delete_by_hand(&set));
        assert_eq!(images.delete(&app).await.unwrap(), Deleted::Gone);
        assert_eq!(look(&images, &app).await.stage, ImageStage::Gone);
        assert_eq!(account.fake.calls().iter().filter(|call| call.query.contains_key("bypassSoftDelete")).count(), 0);
    });
}

#[test]
fn two_versions_of_one_application_are_refused() {
    play(async |account| {
        let base = account.fake.gallery_image("debian", "12.0.0");
        let [old, new] = ["1.0.0", "1.1.0"].map(|version| account.fake.application("agent", version));
        let other = account.fake.application("probe", "1.0.0");
        let released = |image: &str| ImageRef::new(account.place(), image);
        let by_template =
            Hand::new(&account).with(|template| template.application(&old).application(&other).application(new.to_uppercase()));
        let by_both = Hand::new(&account).with(|template| template.base_image(base).application(&old));
        for (hand, spec) in [
            (&by_template, by_template.good()),
            (&by_both, by_both.spec(released(&new))),
            (&by_both, by_both.spec(released(&old))),
        ] {
            let found = hand.fleets.preflight(&spec, 1).await.unwrap();
            let [one] = &found[..] else { panic!("it is told once: {found:?}") };
            assert!(one.blocks && one.what.contains("agent is installed twice"), "{}", one.what);
            let error = hand.ensure(&spec).await.unwrap_err();
            assert_eq!((error.kind(), error.applied()), (ErrorKind::Invalid, Applied::No), "{error}");
            assert!(error.to_string().contains("name one version of it"), "{error}");
        }
        assert_eq!(account.fake.count("virtualMachineScaleSets.createOrUpdate"), 0);
        let hand = Hand::new(&account).with(|template| template.application(&old).application(&other));
        assert!(hand.fleets.preflight(&hand.good(), 1).await.unwrap().is_empty());
    });
}
