//! The images: the suite that every catalog must pass, and what is of Azure's alone.

use std::sync::Arc;
use std::time::Duration;

use backend_azure::{Azure, GalleryCatalog, NewVersion};
use immutable_core::conformance::catalog;
use immutable_core::id::BaseQuery;
use immutable_core::provider::{Availability, Deleted, ImageCatalog, ImageSeen, ImageStage, Replica};
use immutable_core::{Applied, ErrorKind, ImageRef, Place, Result};
use immutable_fakes::arm::Fault;
use immutable_fakes::arm::https::Server;
use serde_json::{Value, json};

use crate::account::{AUTHORITY, Account, GROUP, REGION, SUBSCRIPTION};
use crate::suites::{groups_of, slow};

const BASE: &str = "Canonical:ubuntu-24_04-lts:server:latest";
pub(crate) const ELSEWHERE: &str = "northeurope";

/// The same subscription, called in another region.
pub(crate) async fn in_region(account: &Account, region: &str) -> Result<Azure> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let server = Server::new(account.fake.clone(), Arc::new(account.clock.clone()));
    tokio::spawn(server.serve_tls(listener, AUTHORITY.server.clone().into()));
    let client = account.fake.client();
    let azure = Azure::builder(SUBSCRIPTION, GROUP, region).endpoint(&endpoint).authority(&endpoint);
    let azure = azure.certificate_authority(&AUTHORITY.ca_pem).client_secret(client.tenant, client.id, client.secret);
    azure.clock(account.clock.clone()).connect().await
}

async fn subject(account: &Account) -> Result<catalog::Subject> {
    account.fake.copies_take(Duration::from_secs(40));
    let machines = groups_of(account);
    for image in &machines.images {
        assert!(account.fake.meddle_tag(image.id().as_str(), "commit", Some("4f2a")));
    }
    let there = in_region(account, ELSEWHERE).await?;
    let subject = catalog::Subject::new(Arc::new(GalleryCatalog::new(&account.azure)), machines, BASE);
    Ok(subject.beside(there.place(), Arc::new(GalleryCatalog::new(&there))))
}

mod of_versions {
    use super::*;

    async fn fresh() -> Result<catalog::Subject> {
        subject(&Account::new().await?).await
    }

    immutable_core::image_catalog_conformance!(
        fresh,
        known: { "a_copy_outlives_its_source": "the region that a version was made in is its last (packer#8895)" },
        cannot: {
            "a_moving_name_passes_over_what_is_disabled": "Azure has no such stage",
            "a_copy_of_what_is_disabled_conflicts": "Azure has no such stage",
            "a_delete_of_what_is_disabled_ends_gone": "Azure has no such stage",
        }
    );
}

/// Made in one region, and replicated to the one of the fleet: so all copies can be deleted, and in any order.
mod of_copies {
    use super::*;

    async fn fresh() -> Result<catalog::Subject> {
        let account = Account::new().await?;
        let subject = subject(&account).await?;
        for image in &subject.machines.images {
            account.fake.by_hand(image.id().as_str(), |body| {
                body["location"] = "germanywestcentral".into();
                let regions = body["properties"]["publishingProfile"]["targetRegions"].as_array_mut().unwrap();
                regions.push(json!({ "name": "Germany West Central", "regionalReplicaCount": 1 }));
            });
        }
        account.fake.advance(account.now_ms() + 60_000);
        account.wait(Duration::from_secs(60)).await;
        Ok(subject)
    }

    immutable_core::image_catalog_conformance!(
        fresh,
        cannot: {
            "a_moving_name_passes_over_what_is_disabled": "Azure has no such stage",
            "a_copy_of_what_is_disabled_conflicts": "Azure has no such stage",
            "a_delete_of_what_is_disabled_ends_gone": "Azure has no such stage",
        }
    );
}

/// What takes long goes on after its call is answered: it is followed by asking again. What was made and what is gone is there and missing by turns.
mod of_versions_done_and_agreed_on_late {
    use super::*;

    async fn fresh() -> Result<catalog::Subject> {
        subject(&slow(Account::new().await?)).await
    }

    immutable_core::image_catalog_conformance!(
        fresh,
        known: { "a_copy_outlives_its_source": "the region that a version was made in is its last (packer#8895)" },
        cannot: {
            "a_moving_name_passes_over_what_is_disabled": "Azure has no such stage",
            "a_copy_of_what_is_disabled_conflicts": "Azure has no such stage",
            "a_delete_of_what_is_disabled_ends_gone": "Azure has no such stage",
        }
    );
}

/// A subscription with one version, and its catalog.
pub(crate) fn with_image<T>(test: impl AsyncFnOnce(&Account, GalleryCatalog, ImageRef) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let account = Account::new().await.unwrap();
        account.fake.copies_take(Duration::from_secs(60));
        let image = account.image("1.0.0");
        let answer = test(&account, GalleryCatalog::new(&account.azure), image).await;
        assert_eq!(account.fake.violations(), Vec::<String>::new());
        answer
    })
}

fn query(text: &str) -> BaseQuery {
    BaseQuery::new(text)
}

pub(crate) fn place(region: &str) -> Place {
    Place::new("azure", SUBSCRIPTION, region).unwrap()
}

/// The id of what a version is of.
pub(crate) fn definition(image: &ImageRef) -> String {
    image.id().as_str().split("/versions/").next().unwrap().to_owned()
}

/// Lets time pass, in the world too.
pub(crate) async fn later(account: &Account, seconds: u64) {
    account.wait(Duration::from_secs(seconds)).await;
    account.fake.advance(account.now_ms());
}

pub(crate) async fn look(images: &GalleryCatalog, image: &ImageRef) -> ImageSeen {
    images.describe(std::slice::from_ref(image)).await.unwrap().remove(0)
}

/// Somebody changes what a version says of how it is published.
pub(crate) fn publishing(account: &Account, image: &ImageRef, field: &str, value: Value) {
    let changed = account.fake.by_hand(image.id().as_str(), |body| body["properties"]["publishingProfile"][field] = value);
    assert!(changed, "{image}");
}

#[test]
fn of_a_definition_the_highest_number_that_is_promoted_is_the_base() {
    with_image(async |account, images, image| {
        let of = definition(&image);
        let resolve = async || images.resolve_base(&query(&of)).await.map(|seen| seen.image);
        let (ninth, tenth) = (account.image("1.9.0"), account.image("1.10.0"));
        assert_eq!(resolve().await.unwrap(), tenth, "by its numbers, not by its letters");
        publishing(account, &tenth, "excludeFromLatest", true.into());
        assert_eq!(resolve().await.unwrap(), ninth);
        publishing(account, &ninth, "endOfLifeDate", "2020-01-01T00:00:00Z".into());
        assert_eq!(resolve().await.unwrap(), image);
        publishing(account, &image, "targetRegions", json!([{ "name": "West Europe", "excludeFromLatest": true }]));
        let error = resolve().await.unwrap_err();
        assert!(error.kind() == ErrorKind::NotFound && error.message().contains("promote one"), "{error}");
        assert_eq!(images.promote(&tenth).await.unwrap().image, tenth);
        assert_eq!(images.promote(&image).await.unwrap().image, tenth, "the highest, whichever was promoted last");
        assert_eq!(resolve().await.unwrap(), tenth);
        publishing(account, &tenth, "targetRegions", json!([{ "name": ELSEWHERE }]));
        assert_eq!(resolve().await.unwrap(), image, "the other is not in this region");
    });
}

#[test]
fn a_version_that_is_on_its_way_is_not_yet_the_base() {
    with_image(async |account, images, image| {
        account.fake.managed_image("web");
        account.fake.region_is_late(REGION, Duration::from_secs(600));
        let source = account.fake.id("Microsoft.Compute/images", "web");
        let made = images.publish(&NewVersion::new("images", "web", "2.0.0"), &source).await.unwrap();
        later(account, 120).await;
        publishing(account, &made, "excludeFromLatest", false.into());
        assert_eq!(look(&images, &made).await.stage, ImageStage::Pending, "its operation is over, and it is not there");
        assert_eq!(images.resolve_base(&query(&definition(&image))).await.unwrap().image, image);
        later(account, 900).await;
        assert_eq!(images.resolve_base(&query(&definition(&image))).await.unwrap().image, made);
    });
}

#[test]
fn the_marketplace_has_newest_versions_by_number() {
    with_image(async |account, images, _| {
        let resolve = async |text: &str| images.resolve_base(&query(text)).await;
        let newest = "Canonical:ubuntu-24_04-lts:server:24.04.202511130";
        let seen = resolve(BASE).await.unwrap();
        assert_eq!((seen.image.id().as_str(), seen.ours, seen.image.place().region()), (newest, false, REGION));
        assert_eq!(resolve(newest).await.unwrap().image, seen.image);
        account.fake.marketplace_deprecates(newest);
        assert_eq!(resolve(BASE).await.unwrap().image.id().as_str(), "Canonical:ubuntu-24_04-lts:server:24.04.202409120");
        assert_eq!(look(&images, &seen.image).await.stage, ImageStage::Disabled);
        assert_eq!(resolve(newest).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert!(account.fake.marketplace_image("acme:firewall:pro:1.0.0", true));
        let error = resolve("acme:firewall:pro:latest").await.unwrap_err();
        assert!(error.kind() == ErrorKind::NotFound && error.message().contains("has a plan"), "{error}");
        assert_eq!(resolve("Canonical:nothing:server:latest").await.unwrap_err().kind(), ErrorKind::NotFound);
        for wrong in ["ubuntu", "Canonical:ubuntu:latest", "/subscriptions/s/disks/x", "a:b:c:"] {
            let error = resolve(wrong).await.unwrap_err();
            assert!(error.kind() == ErrorKind::Invalid && error.message().contains("publisher:offer:sku:latest"), "{error}");
        }
        let there = images.replicate(&seen.image, &place(REGION)).await;
        assert_eq!(there.unwrap_err().kind(), ErrorKind::Conflict, "it is deprecated");
        for stage in [Availability::Active, Availability::Deprecated] {
            assert_eq!(images.set_stage(&seen.image, stage).await.unwrap_err().kind(), ErrorKind::Denied);
        }
    });
}

#[test]
fn a_managed_image_is_of_its_own_region_and_has_no_stages() {
    with_image(async |account, images, _| {
        let image = ImageRef::new(account.place(), account.fake.managed_image("web"));
        assert_eq!(look(&images, &image).await.stage, ImageStage::Active);
        assert_eq!(images.resolve_base(&query(image.id().as_str())).await.unwrap().image, image);
        let there = GalleryCatalog::new(&in_region(account, ELSEWHERE).await.unwrap());
        let elsewhere = ImageRef::new(place(ELSEWHERE), image.id().as_str());
        let seen = look(&there, &elsewhere).await;
        assert!(seen.stage == ImageStage::Gone && seen.unlaunchable.unwrap().contains("its own region"));
        for error in [
            images.replicate(&image, &place(ELSEWHERE)).await.unwrap_err(),
            images.set_stage(&image, Availability::Deprecated).await.unwrap_err(),
            images.promote(&image).await.unwrap_err(),
            images.replicated(&image).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        }
        images.set_stage(&image, Availability::Active).await.unwrap();
        assert_eq!(images.delete(&image).await.unwrap(), Deleted::Gone);
        assert_eq!(look(&images, &image).await.stage, ImageStage::Gone);
    });
}

#[test]
fn what_is_published_is_nobodys_latest_until_it_is_promoted() {
    with_image(async |account, images, image| {
        let source = account.fake.managed_image("builder-7");
        let version = NewVersion::new("images", "web", "2.0.0").region("North Europe").label("commit", "4f2a").replicas(2);
        let made = images.publish(&version, &source).await.unwrap();
        assert_eq!(made.id().as_str(), image.id().as_str().replace("1.0.0", "2.0.0"));
        let standing = images.replicated(&made).await.unwrap();
        assert!(matches!(&standing[..], [Replica::Copying { .. }, Replica::Copying { .. }]), "{standing:?}");
        assert_eq!(look(&images, &made).await.stage, ImageStage::Pending);
        assert_eq!(images.promote(&made).await.unwrap_err().kind(), ErrorKind::Busy);
        later(account, 120).await;
        let there = ImageRef::new(place(ELSEWHERE), made.id().as_str());
        assert_eq!(images.replicated(&made).await.unwrap(), [Replica::Ready(there), Replica::Ready(made.clone())]);
        let seen = look(&images, &made).await;
        assert!(
            seen.stage == ImageStage::Active && seen.ours && seen.labels.get("commit").is_some_and(|value| &**value == "4f2a")
        );
        let latest = async || images.resolve_base(&query(&definition(&image))).await.unwrap().image;
        assert_eq!(latest().await, image);
        assert_eq!(images.promote(&made).await.unwrap().image, made);
        assert_eq!(latest().await, made);
        let calls = account.fake.count("galleryImageVersions.update");
        assert_eq!(images.promote(&made).await.unwrap().image, made);
        assert_eq!(images.publish(&version, &source).await.unwrap(), made, "published again, it stays promoted");
        assert_eq!(account.fake.count("galleryImageVersions.update"), calls);
        assert_eq!(account.fake.count("galleryImageVersions.createOrUpdate"), 1);
        assert_eq!(latest().await, made);
    });
}

#[test]
fn a_version_is_made_of_one_thing_for_ever() {
    with_image(async |account, images, image| {
        let (one, other) = (account.fake.managed_image("one"), account.fake.managed_image("other"));
        let version = NewVersion::new("images", "web", "2.0.0");
        let (first, second) = futures_util::join!(images.publish(&version, &one), images.publish(&version, &one));
        assert_eq!(first.unwrap(), second.unwrap());
        let error = images.publish(&version, &other).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Taken && error.message().contains("publish another"), "{error}");
        let machine = account.fake.id("Microsoft.Compute/virtualMachines", "builder");
        account.fake.generalized(&machine);
        images.publish(&NewVersion::new("images", "web", "2.1.0"), &machine).await.unwrap();
        images.publish(&NewVersion::new("images", "web", "2.2.0"), image.id().as_str()).await.unwrap();
        let gallery = account.fake.id("Microsoft.Compute/galleries", "images");
        images.publish(&NewVersion::new(gallery, "web", "2.3.0"), &one).await.unwrap();
        for (version, source, kind) in [
            (NewVersion::new("images", "web", "2.4"), one.as_str(), ErrorKind::Invalid),
            (NewVersion::new("images", "web", "2.4.x"), &one, ErrorKind::Invalid),
            (NewVersion::new("images", "w/b", "2.4.0"), &one, ErrorKind::Invalid),
            (NewVersion::new("images", "web", "2.4.0"), "builder", ErrorKind::Invalid),
            (NewVersion::new("images", "nothing", "2.4.0"), &one, ErrorKind::NotFound),
            (NewVersion::new("images", "web", "2.4.0"), &one.replace("one", "none"), ErrorKind::NotFound),
        ] {
            let error = images.publish(&version, source).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
        }
    });
}

#[test]
fn a_publication_whose_answer_was_lost_is_one_version() {
    with_image(async |account, images, _| {
        let source = account.fake.managed_image("one");
        account.fake.faults().next("galleryImageVersions.createOrUpdate", Fault::LostReply);
        let version = NewVersion::new("images", "web", "2.0.0");
        let lost = images.publish(&version, &source).await.unwrap_err();
        assert!(lost.applied() == Applied::Unknown && lost.echo_until().is_some(), "{lost:?}");
        images.publish(&version, &source).await.unwrap();
        assert_eq!(account.fake.count("galleryImageVersions.createOrUpdate"), 1, "it is there");
    });
}

#[test]
fn a_version_is_its_own_copy_and_is_followed_by_asking_again() {
    with_image(async |account, images, image| {
        account.fake.region_is_late(ELSEWHERE, Duration::from_secs(300));
        let replicate = async || images.replicate(&image, &place(ELSEWHERE)).await.unwrap();
        let Replica::Copying { image: copy, .. } = replicate().await else { panic!("it takes its time") };
        assert_eq!((copy.id(), copy.place().region()), (image.id(), ELSEWHERE));
        later(account, 120).await;
        let there = GalleryCatalog::new(&in_region(account, ELSEWHERE).await.unwrap());
        let half = replicate().await;
        assert!(matches!(half, Replica::Copying { progress: Some(1..=99), .. }), "its operation is over: {half:?}");
        assert_eq!(look(&there, &copy).await.stage, ImageStage::Pending);
        assert_eq!(look(&images, &image).await.stage, ImageStage::Active, "here it is as it was");
        later(account, 300).await;
        assert_eq!(replicate().await, Replica::Ready(copy.clone()));
        assert_eq!(look(&there, &copy).await.stage, ImageStage::Active);
        assert_eq!(account.fake.count("galleryImageVersions.update"), 1);
    });
}

#[test]
fn regions_that_are_there_stay_whoever_adds_one() {
    with_image(async |account, images, image| {
        let (one, two) = (place(ELSEWHERE), place("eastus"));
        let (first, second) = futures_util::join!(images.replicate(&image, &one), images.replicate(&image, &two));
        let busy = [first, second].into_iter().filter_map(Result::err).collect::<Vec<_>>();
        assert!(busy.len() <= 1 && busy.iter().all(|error| error.kind() == ErrorKind::Busy), "{busy:?}");
        later(account, 120).await;
        for place in [&one, &two] {
            drop(images.replicate(&image, place).await.unwrap());
            later(account, 120).await;
        }
        let regions: Vec<String> = account.fake.copies(image.id().as_str()).into_keys().collect();
        assert_eq!(regions, ["eastus", ELSEWHERE, REGION]);
    });
}

#[test]
fn a_copy_that_failed_stays_so_until_it_is_deleted() {
    with_image(async |account, images, image| {
        account.fake.copies_fail(ELSEWHERE, Some("there is no room"));
        drop(images.replicate(&image, &place(ELSEWHERE)).await);
        later(account, 120).await;
        for _ in 0..2 {
            let failed = images.replicate(&image, &place(ELSEWHERE)).await.unwrap();
            assert!(matches!(&failed, Replica::Failed { trouble, .. } if trouble.message.contains("no room")), "{failed:?}");
        }
        assert_eq!(look(&images, &image).await.stage, ImageStage::Active, "it is none of this region's business");
        let (there, copy) = (in_region(account, ELSEWHERE).await.unwrap(), ImageRef::new(place(ELSEWHERE), image.id().as_str()));
        let there = GalleryCatalog::new(&there);
        assert_eq!(look(&there, &copy).await.stage, ImageStage::Failed);
        assert_eq!(there.set_stage(&copy, Availability::Deprecated).await.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(there.delete(&copy).await.unwrap(), Deleted::Gone);
        account.fake.copies_fail(ELSEWHERE, None);
        drop(images.replicate(&image, &place(ELSEWHERE)).await.unwrap());
        later(account, 120).await;
        assert_eq!(images.replicate(&image, &place(ELSEWHERE)).await.unwrap(), Replica::Ready(copy));
    });
}

#[test]
fn what_cannot_be_copied_is_told_apart() {
    with_image(async |account, images, image| {
        for (to, words) in [
            (Place::new("aws", "123456789012", "eu-west-1"), "no region of"),
            (Place::new("azure", "somebody", ELSEWHERE), "share its gallery"),
        ] {
            let error = images.replicate(&image, &to.unwrap()).await.unwrap_err();
            assert!(error.kind() == ErrorKind::Invalid && error.message().contains(words), "{error}");
        }
        publishing(account, &image, "replicationMode", "Shallow".into());
        assert!(images.replicate(&image, &place(ELSEWHERE)).await.unwrap_err().message().contains("Shallow"));
        publishing(account, &image, "replicationMode", "Full".into());
        let encrypted = json!([{ "name": REGION, "encryption": { "osDiskImage": { "diskEncryptionSetId": "/x" } } }]);
        publishing(account, &image, "targetRegions", encrypted);
        let error = images.replicate(&image, &place(ELSEWHERE)).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.message().contains("with a key of yours"), "{error}");
        assert_eq!(account.fake.count("galleryImageVersions.update"), 0);
    });
}

#[test]
fn what_is_deprecated_is_nobodys_latest_and_is_so_again_when_it_is_active() {
    with_image(async |account, images, image| {
        account.fake.meddle_tag(image.id().as_str(), "commit", Some("4f2a"));
        publishing(account, &image, "endOfLifeDate", "2030-01-01T00:00:00Z".into());
        let before = account.fake.body(image.id().as_str());
        images.set_stage(&image, Availability::Deprecated).await.unwrap();
        let seen = look(&images, &image).await;
        assert!(seen.stage == ImageStage::Deprecated && seen.unlaunchable.is_none(), "{seen:?}");
        assert_eq!(seen.labels.keys().map(|key| &**key).collect::<Vec<_>>(), ["commit"]);
        let now = account.fake.body(image.id().as_str());
        assert_eq!(now["properties"]["publishingProfile"]["excludeFromLatest"], true);
        assert_eq!(now["tags"]["immutable-deprecated"], "latest 2030-01-01T00:00:00Z");
        assert_eq!(images.promote(&image).await.unwrap_err().kind(), ErrorKind::Conflict);
        images.set_stage(&image, Availability::Active).await.unwrap();
        let after = account.fake.body(image.id().as_str());
        assert_eq!(after["tags"], before["tags"]);
        for field in ["excludeFromLatest", "endOfLifeDate", "publishedDate"] {
            let of = |body: &Value| body["properties"]["publishingProfile"][field].clone();
            assert_eq!(of(&after), of(&before), "{field}");
        }
        let refused = images.set_stage(&image, Availability::Disabled).await.unwrap_err();
        assert!(refused.kind() == ErrorKind::Invalid && refused.message().contains("no such stage"), "{refused}");
    });
}

#[test]
fn what_is_past_its_end_may_still_be_the_latest_until_it_is_deprecated() {
    with_image(async |account, images, image| {
        publishing(account, &image, "endOfLifeDate", "2020-01-01T00:00:00Z".into());
        assert_eq!(look(&images, &image).await.stage, ImageStage::Deprecated);
        let unlisted = || account.fake.body(image.id().as_str())["properties"]["publishingProfile"]["excludeFromLatest"] == true;
        assert!(!unlisted());
        images.set_stage(&image, Availability::Deprecated).await.unwrap();
        assert!(unlisted());
    });
}

#[test]
fn an_image_is_known_by_its_own_place_alone() {
    with_image(async |_, images, image| {
        for (elsewhere, kind) in [
            (ImageRef::new(place(ELSEWHERE), image.id().as_str()), "ask the catalog of its own place"),
            (ImageRef::new(image.place().clone(), "web-1"), "no image's id"),
        ] {
            assert_eq!(look(&images, &elsewhere).await.stage, ImageStage::Gone);
            let error = images.delete(&elsewhere).await.unwrap_err();
            assert!(error.kind() == ErrorKind::Invalid && error.message().contains(kind), "{error}");
        }
        let shouted = ImageRef::new(image.place().clone(), image.id().as_str().to_ascii_uppercase());
        assert_eq!(look(&images, &shouted).await.stage, ImageStage::Active, "ids have no case");
    });
}

#[test]
fn whoever_may_not_is_told_by_the_call() {
    with_image(async |account, images, image| {
        for method in [
            "galleryImageVersions.update",
            "galleryImageVersions.delete",
            "galleryImageVersions.get",
            "galleryImageVersions.createOrUpdate",
        ] {
            account.fake.deny(method);
            let source = account.fake.managed_image("one");
            let error = match method {
                "galleryImageVersions.update" => images.set_stage(&image, Availability::Deprecated).await.unwrap_err(),
                "galleryImageVersions.createOrUpdate" => {
                    images.publish(&NewVersion::new("images", "web", "2.0.0"), &source).await.unwrap_err()
                }
                _ => images.delete(&image).await.unwrap_err(),
            };
            assert!(error.kind() == ErrorKind::Denied && error.to_string().contains(method), "{error}");
            account.fake.allow(method);
        }
    });
}
