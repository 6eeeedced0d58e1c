//! The images: the suite that every catalog must pass, and what is of Amazon's alone.

use std::sync::Arc;
use std::time::Duration;

use backend_aws::{AmiCatalog, AsgFleet, Ec2Fleet};
use immutable_core::conformance::{Time, catalog, fleets};
use immutable_core::fleet::Coverage;
use immutable_core::id::BaseQuery;
use immutable_core::provider::{Availability, Deleted, FleetProvider, ImageCatalog, ImageStage, ImageUse, Replica};
use immutable_core::time::Clock;
use immutable_core::{Applied, ErrorKind, ImageRef, LaunchTemplate, Place, Result};
use immutable_fakes::aws::Fault;
use immutable_fakes::aws::knobs::Lag;

use crate::account::Account;

const BASE: &str = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";

fn subject(account: &Account, provider: Arc<dyn FleetProvider>, template: LaunchTemplate) -> Result<catalog::Subject> {
    let images = ["web-1.0.0", "web-1.1.0"].map(|name| account.image(name));
    for image in &images {
        account.fake.meddle_tag(image.id().as_str(), "version", Some("1"));
    }
    account.fake.parameter(BASE, &account.fake.foreign_image("al2023", "137112412989", true));
    account.fake.region("eu-west-1").copying(Duration::from_secs(40));
    let there = account.aws.in_region("eu-west-1")?;
    let machines = fleets::Subject::new(provider, Time::Virtual(account.clock.clone()), account.place(), images);
    let subject = catalog::Subject::new(Arc::new(AmiCatalog::new(&account.aws)), machines.template(template), BASE);
    Ok(subject.beside(there.place(), Arc::new(AmiCatalog::new(&there))))
}

mod of_groups {
    use super::*;

    async fn fresh() -> Result<catalog::Subject> {
        let account = Account::new().await?;
        subject(&account, Arc::new(AsgFleet::new(&account.aws)), account.template())
    }

    immutable_core::image_catalog_conformance!(fresh, cannot: { "a_stage_it_cannot_set_is_invalid": "it can set all" });
}

mod of_plain_instances_shown_late {
    use super::*;

    async fn fresh() -> Result<catalog::Subject> {
        let account = Account::new().await?;
        for of in [Lag::Instances, Lag::Groups, Lag::Templates, Lag::Tags] {
            account.fake.lag(of, Duration::from_secs(4));
            account.fake.region("eu-west-1").lag(of, Duration::from_secs(4));
        }
        subject(&account, Arc::new(Ec2Fleet::new(&account.aws)), LaunchTemplate::of(&account.machine()).unwrap())
    }

    immutable_core::image_catalog_conformance!(fresh, cannot: { "a_stage_it_cannot_set_is_invalid": "it can set all" });
}

/// An account with one image, and its catalog.
fn with_image<T>(test: impl AsyncFnOnce(&Account, AmiCatalog, ImageRef) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let account = runtime.block_on(Account::new()).unwrap();
    let image = account.image("web-1.0.0");
    account.clock.run(test(&account, AmiCatalog::new(&account.aws), image))
}

/// Lets time pass.
async fn later(account: &Account, seconds: u64) {
    account.clock.sleep_until(account.clock.now() + Duration::from_secs(seconds)).await;
    account.fake.advance(account.now_ms());
}

fn query(text: &str) -> BaseQuery {
    BaseQuery::new(text)
}

#[test]
fn of_those_of_a_name_the_newest_for_use_is_the_base() {
    with_image(async |account, images, first| {
        let resolve = async |text: &str| images.resolve_base(&query(text)).await;
        let of_self = "name:web-*@self";
        assert_eq!(resolve(of_self).await.unwrap().image, first);
        later(account, 60).await;
        let second = account.image("web-1.1.0");
        assert_eq!(resolve(of_self).await.unwrap().image, second);
        images.set_stage(&second, Availability::Deprecated).await.unwrap();
        assert_eq!(resolve(of_self).await.unwrap().image, first, "what is deprecated is passed over");
        assert_eq!(resolve(second.id().as_str()).await.unwrap().image, second, "but not by its own id");
        let unknown = resolve("name:api-*@self").await.unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::NotFound);
        let theirs = account.fake.foreign_image("web-9", "999999999999", true);
        assert_eq!(resolve(of_self).await.unwrap().image, first, "nobody else's, however new");
        assert_eq!(resolve("name:web-*@999999999999").await.unwrap().image.id().as_str(), theirs);
    });
}

#[test]
fn a_parameter_that_holds_no_image_for_use_says_so() {
    with_image(async |account, images, image| {
        account.fake.parameter("/aws/service/ecs/recommended", "{\"image_id\":\"ami-1\"}");
        let error = images.resolve_base(&query("/aws/service/ecs/recommended")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().contains("/image_id"), "{error}");
        account.fake.parameter("/golden/web", image.id().as_str());
        assert_eq!(images.resolve_base(&query("ssm:/golden/web")).await.unwrap().image, image);
        images.set_stage(&image, Availability::Deprecated).await.unwrap();
        let error = images.resolve_base(&query("ssm:/golden/web")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.message().contains("is deprecated"), "{error}");
        account.fake.deny("ssm:GetParameter");
        let error = images.resolve_base(&query("ssm:/golden/web")).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Denied && error.message().contains("ssm:GetParameter"), "{error}");
    });
}

#[test]
fn a_deprecation_comes_to_be_by_itself_and_is_shown_from_the_first() {
    with_image(async |account, images, image| {
        images.set_stage(&image, Availability::Deprecated).await.unwrap();
        let seen = async || images.describe(std::slice::from_ref(&image)).await.unwrap().remove(0);
        assert_eq!(seen().await.stage, ImageStage::Deprecated);
        later(account, 600).await;
        assert_eq!(seen().await.stage, ImageStage::Deprecated);
        images.set_stage(&image, Availability::Disabled).await.unwrap();
        images.set_stage(&image, Availability::Active).await.unwrap();
        assert_eq!(seen().await.stage, ImageStage::Active);
    });
}

#[test]
fn a_copy_that_failed_stays_so_until_it_is_deleted() {
    with_image(async |account, images, image| {
        let there = account.aws.in_region("eu-west-1").unwrap();
        let Replica::Copying { image: copy, .. } = images.replicate(&image, &there.place()).await.unwrap() else {
            panic!("a copy takes its time")
        };
        account.fake.region("eu-west-1").image_failed(copy.id().as_str());
        later(account, 600).await;
        for _ in 0..2 {
            let failed = images.replicate(&image, &there.place()).await.unwrap();
            assert!(matches!(&failed, Replica::Failed { image, .. } if *image == copy), "{failed:?}");
        }
        assert_eq!(AmiCatalog::new(&there).delete(&copy).await.unwrap(), Deleted::Gone);
        let another = images.replicate(&image, &there.place()).await.unwrap();
        assert_ne!(*another.image(), copy);
    });
}

#[test]
fn a_copy_whose_answer_was_lost_is_found_again() {
    with_image(async |account, images, image| {
        let there = account.aws.in_region("eu-west-1").unwrap().place();
        account.fake.faults().next("CopyImage", Fault::LostReply);
        let lost = images.replicate(&image, &there).await.unwrap_err();
        assert_eq!(lost.applied(), Applied::Unknown);
        assert!(lost.echo_until().is_some(), "until when it may still come is said");
        images.replicate(&image, &there).await.unwrap();
        assert_eq!(account.fake.region("eu-west-1").truth().images.len(), 1);
    });
}

#[test]
fn a_copy_of_a_copy_is_of_the_copy_and_bears_its_labels() {
    with_image(async |account, images, image| {
        account.fake.meddle_tag(image.id().as_str(), "version", Some("1"));
        let (two, three) = (account.aws.in_region("eu-west-1").unwrap(), account.aws.in_region("ap-south-1").unwrap());
        for region in ["eu-west-1", "ap-south-1"] {
            account.fake.region(region).copying(Duration::ZERO);
        }
        let copy = images.replicate(&image, &two.place()).await.unwrap().image().clone();
        let copied = AmiCatalog::new(&two).replicate(&copy, &three.place()).await.unwrap().image().clone();
        let seen = AmiCatalog::new(&three).describe(std::slice::from_ref(&copied)).await.unwrap().remove(0);
        assert_eq!(seen.labels.get("version").map(|version| &**version), Some("1"));
        // Their names would be the same.
        let error = images.replicate(&image, &three.place()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Taken, "{error}");
        assert!(error.message().contains("another image named web-1.0.0"), "{error}");
    });
}

#[test]
fn a_place_that_cannot_be_copied_to_is_told_apart() {
    with_image(async |account, images, image| {
        for (place, words) in [
            (Place::new("aws", "999999999999", "eu-west-1"), "not of the account"),
            (Place::new("aws", "123456789012", "global"), "no region"),
            (Place::new("gcp", "123456789012", "eu-west-1"), "not of the account"),
        ] {
            let error = images.replicate(&image, &place.unwrap()).await.unwrap_err();
            assert!(error.kind() == ErrorKind::Invalid && error.message().contains(words), "{error}");
        }
        assert_eq!(account.fake.count("CopyImage"), 0);
        account.fake.image_pending(image.id().as_str(), Duration::from_secs(60));
        let there = account.aws.in_region("eu-west-1").unwrap().place();
        assert_eq!(images.replicate(&image, &there).await.unwrap_err().kind(), ErrorKind::Busy);
    });
}

#[test]
fn what_may_not_be_looked_at_is_not_taken_for_unused() {
    for action in [
        "ec2:DescribeLaunchTemplateVersions",
        "autoscaling:DescribeLaunchConfigurations",
        "autoscaling:DescribeAutoScalingGroups",
        "ec2:DescribeInstances",
    ] {
        with_image(async |account, images, image| {
            account.fake.deny(action);
            let uses = images.uses(&image).await.unwrap();
            assert!(matches!(&uses.coverage, Coverage::Part(why) if why.contains(action)), "{uses:?}");
            let deleted = images.delete(&image).await.unwrap();
            assert!(matches!(&deleted, Deleted::Unsure(why) if why.contains(action)), "{deleted:?}");
            account.fake.allow(action);
            assert_eq!(images.delete(&image).await.unwrap(), Deleted::Gone);
        });
    }
}

#[test]
fn a_machine_that_somebody_else_launched_is_a_use() {
    with_image(async |account, images, image| {
        let (subnet, _) = account.fake.subnets().remove(0);
        let id = account.fake.meddle_launch(image.id().as_str(), &subnet, &[]).unwrap();
        let by = match images.delete(&image).await.unwrap() {
            Deleted::InUse(by) => by,
            other => panic!("{other:?}"),
        };
        assert!(matches!(&by[..], [ImageUse::Instance(name)] if name.as_str() == id), "{by:?}");
        account.fake.meddle_terminate(&id);
        assert!(matches!(images.delete(&image).await.unwrap(), Deleted::InUse(_)), "on its way out it is there");
        later(account, 120).await;
        assert_eq!(images.delete(&image).await.unwrap(), Deleted::Gone);
    });
}

#[test]
fn whoever_may_not_is_told_by_the_action() {
    with_image(async |account, images, image| {
        for action in
            ["ec2:DisableImage", "ec2:DeregisterImage", "ec2:EnableImageDeprecation", "ec2:CopyImage", "ec2:DescribeImages"]
        {
            account.fake.deny(action);
            let there = account.aws.in_region("eu-west-1").unwrap().place();
            let error = match action {
                "ec2:DisableImage" => images.set_stage(&image, Availability::Disabled).await.unwrap_err(),
                "ec2:EnableImageDeprecation" => images.set_stage(&image, Availability::Deprecated).await.unwrap_err(),
                "ec2:CopyImage" => images.replicate(&image, &there).await.unwrap_err(),
                _ => images.delete(&image).await.unwrap_err(),
            };
            assert!(error.kind() == ErrorKind::Denied && error.to_string().contains(action), "{error}");
            account.fake.allow(action);
        }
        let theirs = ImageRef::new(account.place(), account.fake.foreign_image("base", "999999999999", true));
        let error = images.delete(&theirs).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Denied && error.message().contains("999999999999"), "{error}");
    });
}

#[test]
fn what_was_sent_and_not_answered_may_still_be_done() {
    with_image(async |account, images, image| {
        account.fake.faults().next("DeregisterImage", Fault::LostReply);
        let lost = images.delete(&image).await.unwrap_err();
        assert!(lost.applied() == Applied::Unknown && lost.echo_until().is_some(), "{lost:?}");
        assert_eq!(images.delete(&image).await.unwrap(), Deleted::Gone);
        assert_eq!(account.fake.count("DeregisterImage"), 1, "an order is sent once");
    });
}
