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

immutable_core::image_catalog_conformance!(fresh, cannot: { "a_stage_it_cannot_set_is_invalid": "it can set all" });
