//! Images. Moto copies one anew whenever it is asked, without its tags, and knows no deprecation.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ec2::types::Tag;
use backend_aws::{AmiCatalog, AsgFleet, AsgTemplate};
use immutable_core::conformance::catalog::Subject;
use immutable_core::{LaunchTemplate, Result};

use crate::account::{Account, failed};

const BASE: &str = "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2";

async fn fresh() -> Result<Subject> {
    let account = Account::new().await?;
    let template = LaunchTemplate::of(&AsgTemplate::new(account.machine().await?))?;
    let machines = account.subject(Arc::new(AsgFleet::new(&account.aws).lag(Duration::ZERO)), template).await?;
    let ec2 = aws_sdk_ec2::Client::new(&account.config);
    for image in &machines.images {
        let tag = Tag::builder().key("name").value(&account.name).build();
        ec2.create_tags().resources(image.id().as_str()).tags(tag).send().await.map_err(failed)?;
    }
    let there = account.aws.in_region("eu-west-1")?;
    let catalog = |aws| Arc::new(AmiCatalog::new(aws).lag(Duration::ZERO));
    Ok(Subject::new(catalog(&account.aws), machines, BASE).beside(there.place(), catalog(&there)))
}

immutable_core::image_catalog_conformance!(fresh, known: {
    "a_copy_sent_again_is_one_copy": "CopyImage takes no notice of its token and of its tags",
    "a_dropped_copy_sent_again_is_one_copy": "CopyImage takes no notice of its token and of its tags",
    "two_calls_for_a_copy_at_once_are_one_copy": "CopyImage takes no notice of its token and of its tags",
    "a_copy_outlives_its_source": "CopyImage takes no notice of its tags, by which the copy would be found",
    "labels_come_along": "CopyImage takes no notice of CopyImageTags",
    "a_stage_is_what_was_set_last": "EnableImageDeprecation is not there",
    "a_stage_again_changes_nothing": "EnableImageDeprecation is not there",
    "a_stage_keeps_labels_and_other_images": "EnableImageDeprecation is not there",
    "a_stage_leaves_who_runs_alone": "EnableImageDeprecation is not there",
    "a_dropped_stage_sent_again_is_set": "EnableImageDeprecation is not there",
}, cannot: { "a_stage_it_cannot_set_is_invalid": "it can set all" });
