//! The images: the suite that every catalog must pass, and what is of Google's alone.

use std::sync::Arc;
use std::time::Duration;

use backend_gcp::GceCatalog;
use immutable_core::conformance::catalog;
use immutable_core::fleet::Coverage;
use immutable_core::id::BaseQuery;
use immutable_core::provider::{Availability, Deleted, ImageCatalog, ImageSeen, ImageStage, ImageUse, Replica};
use immutable_core::{Applied, ErrorKind, ImageRef, Place, Result};
use immutable_fakes::gce::knobs::{Busy, Lag};
use immutable_fakes::gce::{Fault, Outcome, Request};
use serde_json::json;

use crate::account::{Account, PROJECT, REGION};
use crate::suites::groups_of;

const BASE: &str = "projects/debian-cloud/global/images/family/debian-12";
const ELSEWHERE: &str = "acme-test";

fn subject(account: &Account) -> Result<catalog::Subject> {
    account.fake.project("debian-cloud").image_in_family("debian-12-bookworm-v20261110", "debian-12");
    let _ = account.fake.project(ELSEWHERE);
    account.fake.imaging(Duration::from_secs(40));
    let machines = groups_of(account);
    for image in &machines.images {
        account.fake.meddle_label(image.id().as_str(), "version", Some("1"));
    }
    let there = account.gcp.in_project(ELSEWHERE)?;
    let subject = catalog::Subject::new(Arc::new(GceCatalog::new(&account.gcp)), machines, BASE);
    Ok(subject.beside(there.place(), Arc::new(GceCatalog::new(&there))))
}

mod of_groups {
    use super::*;

    async fn fresh() -> Result<catalog::Subject> {
        subject(&Account::new().await?)
    }

    immutable_core::image_catalog_conformance!(fresh, cannot: { "a_stage_it_cannot_set_is_invalid": "it can set all" });
}

/// What takes long goes on after its call is answered: it is followed by asking again.
mod of_groups_done_and_shown_late {
    use super::*;

    async fn fresh() -> Result<catalog::Subject> {
        let account = Account::new().await?;
        account.fake.operations_take(Duration::from_secs(15));
        account.fake.busy(Busy::InProgress);
        for of in [Lag::Groups, Lag::Templates, Lag::Members] {
            account.fake.lag(of, Duration::from_secs(4));
        }
        subject(&account)
    }

    immutable_core::image_catalog_conformance!(fresh, cannot: { "a_stage_it_cannot_set_is_invalid": "it can set all" });
}

/// A project with one image, and its catalog.
fn with_image<T>(test: impl AsyncFnOnce(&Account, GceCatalog, ImageRef) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let account = Account::new().await.unwrap();
        let _ = account.fake.project(ELSEWHERE);
        account.fake.imaging(Duration::ZERO);
        let image = account.image("web-1");
        let answer = test(&account, GceCatalog::new(&account.gcp), image).await;
        assert_eq!(account.fake.violations(), Vec::<String>::new());
        answer
    })
}

fn query(text: &str) -> BaseQuery {
    BaseQuery::new(text)
}

fn project(name: &str) -> Place {
    Place::new("gcp", name, "europe-west4").unwrap()
}

/// Lets time pass, in the world too.
async fn later(account: &Account, seconds: u64) {
    account.wait(Duration::from_secs(seconds)).await;
    account.fake.advance(account.now_ms());
}

async fn look(images: &GceCatalog, image: &ImageRef) -> ImageSeen {
    images.describe(std::slice::from_ref(image)).await.unwrap().remove(0)
}

/// What somebody else asks for, and is given.
fn by_hand(account: &Account, method: &str, path: &str, body: &serde_json::Value) {
    let uri = format!("/compute/v1/projects/{PROJECT}/{path}");
    let request = Request { method: method.into(), uri, headers: Vec::new(), body: body.to_string().into_bytes() };
    match account.fake.answer(&request, account.now_ms()) {
        Outcome::Reply(reply) => assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_a_family_the_newest_for_use_is_the_base() {
    with_image(async |account, images, _| {
        let resolve = async |text: &str| images.resolve_base(&query(text)).await;
        account.fake.image_in_family("web-2", "web");
        later(account, 60).await;
        account.fake.image_in_family("web-3", "web");
        let family = resolve("global/images/family/web").await.unwrap();
        assert_eq!(family.image.id().as_str(), "projects/acme/global/images/web-3");
        assert!(family.ours);
        images.set_stage(&family.image, Availability::Deprecated).await.unwrap();
        let whole = "https://www.googleapis.com/compute/v1/projects/acme/global/images/family/web";
        assert_eq!(resolve(whole).await.unwrap().image.id().as_str(), "projects/acme/global/images/web-2");
        assert_eq!(resolve(family.image.id().as_str()).await.unwrap().image, family.image, "but not by its own name");
        for (text, kind) in [
            ("projects/acme/global/images/family/api", ErrorKind::NotFound),
            ("projects/nobodys/global/images/family/web", ErrorKind::NotFound),
            ("debian-cloud/debian-12", ErrorKind::Invalid),
            ("debian-12", ErrorKind::Invalid),
        ] {
            let error = resolve(text).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
        }
        images.set_stage(&family.image, Availability::Disabled).await.unwrap();
        let error = resolve(family.image.id().as_str()).await.unwrap_err();
        assert!(error.kind() == ErrorKind::NotFound && error.message().contains("OBSOLETE"), "{error}");
    });
}

#[test]
fn an_image_joins_its_family_when_it_is_promoted() {
    with_image(async |account, images, image| {
        assert_eq!(account.fake.truth().images[image.id().as_str()].family, "", "it was made without one");
        let stands_for = images.promote(&image, "web").await.unwrap();
        assert_eq!(stands_for.image, image);
        images.promote(&image, "web").await.unwrap();
        assert_eq!(account.fake.count("images.patch"), 1, "sent again, nothing changes");
        later(account, 60).await;
        let next = account.image("web-2");
        assert_eq!(images.promote(&next, "web").await.unwrap().image, next);
        assert_eq!(account.fake.truth().images[image.id().as_str()].family, "web", "who was there stays");
        images.set_stage(&next, Availability::Deprecated).await.unwrap();
        let back = images.resolve_base(&query("global/images/family/web")).await.unwrap();
        assert_eq!(back.image, image, "so it is taken back");
        assert_eq!(images.promote(&next, "web").await.unwrap_err().kind(), ErrorKind::Conflict);
        images.set_stage(&next, Availability::Active).await.unwrap();
        assert_eq!(images.promote(&image, "web").await.unwrap().image, next, "a family goes by age");
    });
}

#[test]
fn what_cannot_be_promoted_is_told_apart() {
    with_image(async |account, images, image| {
        for family in ["", "Web", "web-", "1web"] {
            assert_eq!(images.promote(&image, family).await.unwrap_err().kind(), ErrorKind::Invalid, "{family}");
        }
        account.fake.project("debian-cloud").image("debian-12-v1");
        let theirs = ImageRef::new(image.place().clone(), "projects/debian-cloud/global/images/debian-12-v1");
        assert_eq!(images.promote(&theirs, "web").await.unwrap_err().kind(), ErrorKind::Denied);
        let missing = ImageRef::new(image.place().clone(), "projects/acme/global/images/api");
        assert_eq!(images.promote(&missing, "web").await.unwrap_err().kind(), ErrorKind::NotFound);
        account.fake.image_pending(image.id().as_str(), Duration::from_secs(60));
        assert_eq!(images.promote(&image, "web").await.unwrap_err().kind(), ErrorKind::Busy);
        assert_eq!(account.fake.count("images.patch"), 0);
    });
}

#[test]
fn what_others_undo_is_done_again_within_the_hour() {
    with_image(async |account, images, image| {
        for _ in 0..4 {
            images.set_stage(&image, Availability::Disabled).await.unwrap();
            assert_eq!(account.fake.truth().images[image.id().as_str()].state, "OBSOLETE");
            // By the same request Google would answer what was done before, and do nothing.
            account.fake.meddle_deprecate(image.id().as_str(), "ACTIVE");
            assert_eq!(look(&images, &image).await.stage, ImageStage::Active);
        }
        later(account, 3601).await;
        let before = account.fake.count("images.deprecate");
        images.set_stage(&image, Availability::Disabled).await.unwrap();
        assert_eq!(account.fake.count("images.deprecate"), before + 1, "what is long past is forgotten");
    });
}

#[test]
fn two_who_want_the_same_stage_at_once_send_one_request() {
    with_image(async |account, images, image| {
        let other = images.clone();
        let set = |images: GceCatalog| {
            let image = image.clone();
            async move { images.set_stage(&image, Availability::Deprecated).await }
        };
        let (one, two) = futures_util::join!(set(images), set(other));
        one.and(two).unwrap();
        let ids: std::collections::BTreeSet<String> = account
            .fake
            .calls()
            .iter()
            .filter(|call| call.method == "images.deprecate")
            .filter_map(|call| call.query.get("requestId").cloned())
            .collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
    });
}

#[test]
fn an_image_of_the_same_name_is_deleted_too() {
    with_image(async |account, images, image| {
        for _ in 0..3 {
            assert_eq!(images.delete(&image).await.unwrap(), Deleted::Gone);
            assert!(account.fake.truth().images.is_empty());
            account.image("web-1");
            assert_eq!(look(&images, &image).await.stage, ImageStage::Active);
        }
    });
}

#[test]
fn a_copy_that_failed_stays_so_until_it_is_deleted() {
    with_image(async |account, images, image| {
        account.fake.imaging(Duration::from_secs(60));
        let (there, fake) = (account.gcp.in_project(ELSEWHERE).unwrap(), account.fake.project(ELSEWHERE));
        let Replica::Copying { image: copy, .. } = images.replicate(&image, &there.place()).await.unwrap() else {
            panic!("a copy takes its time")
        };
        fake.image_failed(copy.id().as_str());
        later(account, 600).await;
        for _ in 0..2 {
            let failed = images.replicate(&image, &there.place()).await.unwrap();
            assert!(matches!(&failed, Replica::Failed { image, .. } if *image == copy), "{failed:?}");
        }
        let of_there = GceCatalog::new(&there);
        assert_eq!(of_there.set_stage(&copy, Availability::Deprecated).await.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(of_there.delete(&copy).await.unwrap(), Deleted::Gone);
        account.fake.imaging(Duration::ZERO);
        let another = images.replicate(&image, &there.place()).await.unwrap();
        assert_eq!(another, Replica::Ready(copy), "its name is its source's");
    });
}

#[test]
fn a_copy_that_failed_at_once_says_why() {
    with_image(async |account, images, image| {
        account.fake.operation_fails("images.insert", 403, &[("QUOTA_EXCEEDED", "Quota 'IMAGES' exceeded.")]);
        let error = images.replicate(&image, &project(ELSEWHERE)).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Quota && error.message().contains("'IMAGES' exceeded"), "{error}");
        assert!(matches!(images.replicate(&image, &project(ELSEWHERE)).await.unwrap(), Replica::Ready(_)));
    });
}

#[test]
fn a_copy_whose_answer_was_lost_is_one_copy() {
    with_image(async |account, images, image| {
        account.fake.faults().next("images.insert", Fault::LostReply);
        let copy = images.replicate(&image, &project(ELSEWHERE)).await.unwrap();
        assert_eq!(copy.image().id().as_str(), "projects/acme-test/global/images/web-1");
        assert_eq!(account.fake.count("images.insert"), 2, "sent again under the same id");
        assert_eq!(account.fake.truth().images.len(), 2);
    });
}

#[test]
fn a_copy_is_in_no_family_and_bears_the_labels() {
    with_image(async |account, images, image| {
        account.fake.meddle_label(image.id().as_str(), "version", Some("1"));
        images.promote(&image, "web").await.unwrap();
        let _ = account.fake.project("acme-live");
        let copy = images.replicate(&image, &project(ELSEWHERE)).await.unwrap().image().clone();
        let there = GceCatalog::new(&account.gcp.in_project(ELSEWHERE).unwrap());
        let copied = there.replicate(&copy, &project("acme-live")).await.unwrap().image().clone();
        let truth = account.fake.truth().images;
        for id in [copy.id(), copied.id()] {
            let truth = &truth[id.as_str()];
            assert_eq!((&*truth.family, truth.labels.get("version").map(String::as_str)), ("", Some("1")));
            assert_eq!(truth.labels.len(), 2, "{:?}", truth.labels);
        }
        let mark = |id: &str| truth[id].labels["immutable-copy-of"].clone();
        assert_ne!(mark(copy.id().as_str()), mark(copied.id().as_str()), "each is of its own source");
        assert_eq!(look(&there, &copy).await.labels.len(), 1, "that it is a copy is no label of its own");
    });
}

#[test]
fn what_has_the_name_and_is_no_copy_is_taken() {
    with_image(async |account, images, image| {
        let (there, fake) = (account.gcp.in_project(ELSEWHERE).unwrap(), account.fake.project(ELSEWHERE));
        let replicate = async || images.replicate(&image, &there.place()).await;
        fake.image("web-1");
        let error = replicate().await.unwrap_err();
        assert!(error.kind() == ErrorKind::Taken && error.message().contains("no copy of"), "{error}");
        fake.meddle_delete_image("web-1");
        let copy = replicate().await.unwrap().image().clone();
        // Deleted, and made anew under its name.
        account.fake.meddle_delete_image("web-1");
        assert_eq!(replicate().await.unwrap(), Replica::Ready(copy.clone()));
        account.image("web-1");
        let error = replicate().await.unwrap_err();
        assert!(error.kind() == ErrorKind::Taken && error.message().contains("before this one"), "{error}");
        assert_eq!(GceCatalog::new(&there).delete(&copy).await.unwrap(), Deleted::Gone);
        assert_eq!(replicate().await.unwrap(), Replica::Ready(copy));
    });
}

#[test]
fn within_its_project_and_in_the_one_that_it_is_of_an_image_is_its_own_copy() {
    with_image(async |account, images, image| {
        let own = images.replicate(&image, &project(PROJECT)).await.unwrap();
        assert_eq!(own, Replica::Ready(image.clone()));
        account.fake.project(ELSEWHERE).image("base-1");
        let theirs = ImageRef::new(image.place().clone(), "projects/acme-test/global/images/base-1");
        assert_eq!(images.replicate(&theirs, &account.place()).await.unwrap(), Replica::Ready(theirs.clone()));
        let Replica::Ready(there) = images.replicate(&theirs, &project(ELSEWHERE)).await.unwrap() else { panic!() };
        assert_eq!((there.place().scope(), there.id()), (ELSEWHERE, theirs.id()));
        assert_eq!(account.fake.count("images.insert"), 0);
    });
}

#[test]
fn a_place_that_cannot_be_copied_to_is_told_apart() {
    with_image(async |account, images, image| {
        for (place, words) in [
            (Place::new("aws", "123456789012", "eu-west-1"), "no place of Google's"),
            (Place::new("gcp", "Acme", "europe-west1"), "no project's id"),
        ] {
            let error = images.replicate(&image, &place.unwrap()).await.unwrap_err();
            assert!(error.kind() == ErrorKind::Invalid && error.message().contains(words), "{error}");
        }
        account.fake.image_pending(image.id().as_str(), Duration::from_secs(60));
        assert_eq!(images.replicate(&image, &project(ELSEWHERE)).await.unwrap_err().kind(), ErrorKind::Busy);
        assert_eq!(account.fake.count("images.insert"), 0);
    });
}

#[test]
fn an_image_is_known_by_its_own_place_alone() {
    with_image(async |_, images, image| {
        let regional = ImageRef::new(Place::new("gcp", PROJECT, REGION).unwrap(), image.id().as_str());
        assert_eq!(look(&images, &regional).await.stage, ImageStage::Gone);
        let error = images.delete(&regional).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.message().contains("gcp/acme/global"), "{error}");
        let nameless = ImageRef::new(image.place().clone(), "web-1");
        assert_eq!(look(&images, &nameless).await.stage, ImageStage::Gone);
        assert_eq!(images.delete(&nameless).await.unwrap_err().kind(), ErrorKind::Invalid);
    });
}

#[test]
fn what_may_not_be_looked_at_is_not_taken_for_unused() {
    for method in
        ["instanceTemplates.aggregatedList", "instanceGroupManagers.aggregatedList", "images.list", "disks.aggregatedList"]
    {
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
fn a_zone_that_is_not_shown_is_not_taken_for_empty() {
    with_image(async |account, images, image| {
        let zone = account.fake.zones().remove(0);
        let group = format!("projects/{PROJECT}/zones/{zone}/instanceGroupManagers/by-hand");
        assert!(account.fake.meddle_group(&group, "web-1", ""));
        later(account, 60).await;
        account.fake.unreachable(&zone, true);
        let uses = images.uses(&image).await.unwrap();
        assert!(matches!(&uses.coverage, Coverage::Part(why) if why.contains(&zone)), "{uses:?}");
        assert!(!uses.none());
        account.fake.unreachable(&zone, false);
        assert_eq!(images.uses(&image).await.unwrap().coverage, Coverage::Whole);
    });
}

#[test]
fn what_somebody_else_made_is_a_use() {
    with_image(async |account, images, image| {
        let zone = account.fake.zones().remove(0);
        let group = format!("projects/{PROJECT}/zones/{zone}/instanceGroupManagers/by-hand");
        assert!(account.fake.meddle_group(&group, "web-1", ""));
        later(account, 60).await;
        let Deleted::InUse(by) = images.delete(&image).await.unwrap() else { panic!("it is used") };
        let kinds: Vec<&str> = by
            .iter()
            .map(|one| match one {
                ImageUse::Template(_) => "template",
                ImageUse::Group(_) => "group",
                ImageUse::Instance(_) => "instance",
                _ => "another",
            })
            .collect();
        assert_eq!(kinds, ["template", "group", "instance"], "{by:?}");
        assert!(account.fake.meddle_delete_group(&group));
        let by = images.uses(&image).await.unwrap().by;
        assert!(by.iter().any(|one| matches!(one, ImageUse::Instance(_))), "on its way out it is there: {by:?}");
        later(account, 300).await;
        let by = images.uses(&image).await.unwrap().by;
        assert!(matches!(&by[..], [ImageUse::Template(_)]), "{by:?}");
    });
}

#[test]
fn a_template_that_names_a_family_uses_what_it_stands_for() {
    with_image(async |account, images, image| {
        let other = account.image("web-0");
        images.promote(&image, "web").await.unwrap();
        let body = json!({ "name": "moving", "properties": {
            "machineType": "e2-small",
            "disks": [{ "boot": true, "initializeParams": { "sourceImage": "global/images/family/web" } }],
            "networkInterfaces": [{ "network": "global/networks/default" }],
        } });
        by_hand(account, "POST", "global/instanceTemplates", &body);
        later(account, 10).await;
        let by = images.uses(&image).await.unwrap().by;
        assert!(matches!(&by[..], [ImageUse::Template(name)] if name.as_str() == "moving"), "{by:?}");
        assert!(images.uses(&other).await.unwrap().none());
        images.set_stage(&image, Availability::Deprecated).await.unwrap();
        assert!(images.uses(&image).await.unwrap().none(), "it stands for nothing now");
        images.set_stage(&image, Availability::Active).await.unwrap();
        account.fake.deny("images.getFromFamily");
        let uses = images.uses(&image).await.unwrap();
        assert!(matches!(&uses.coverage, Coverage::Part(why) if why.contains("getFromFamily")), "{uses:?}");
    });
}

#[test]
fn a_copy_that_somebody_makes_within_the_project_is_a_use() {
    with_image(async |account, images, image| {
        account.fake.imaging(Duration::from_secs(60));
        let body = json!({ "name": "web-1-b", "sourceImage": image.id().as_str() });
        by_hand(account, "POST", "global/images", &body);
        later(account, 10).await;
        let by = images.uses(&image).await.unwrap().by;
        assert!(matches!(&by[..], [ImageUse::Copy(copy)] if copy.id().as_str().ends_with("/web-1-b")), "{by:?}");
        later(account, 60).await;
        assert!(images.uses(&image).await.unwrap().none());
    });
}

#[test]
fn whoever_may_not_is_told_by_the_method() {
    with_image(async |account, images, image| {
        for method in ["images.deprecate", "images.delete", "images.insert", "images.patch", "images.get"] {
            account.fake.deny(method);
            let error = match method {
                "images.deprecate" => images.set_stage(&image, Availability::Disabled).await.unwrap_err(),
                "images.insert" => images.replicate(&image, &project(ELSEWHERE)).await.unwrap_err(),
                "images.patch" => images.promote(&image, "web").await.unwrap_err(),
                _ => images.delete(&image).await.unwrap_err(),
            };
            assert!(error.kind() == ErrorKind::Denied && error.to_string().contains(method), "{error}");
            account.fake.allow(method);
        }
    });
}

#[test]
fn what_was_sent_and_not_answered_may_still_be_done() {
    with_image(async |account, images, image| {
        for _ in 0..8 {
            account.fake.faults().next("images.delete", Fault::LateEffect { after: Duration::from_secs(60) });
        }
        let lost = images.delete(&image).await.unwrap_err();
        assert!(lost.applied() == Applied::Unknown && lost.echo_until().is_some(), "{lost:?}");
        later(account, 120).await;
        assert_eq!(images.delete(&image).await.unwrap(), Deleted::Gone);
    });
}
