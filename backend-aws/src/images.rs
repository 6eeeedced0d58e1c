//! Machine images.

use std::sync::Arc;

use async_trait::async_trait;
use immutable_core::provider::{ImageCatalog, ImageSeen, ImageStage};
use immutable_core::{ImageRef, Result};

use crate::client::Aws;

/// The machine images (AMIs) of an account's region.
#[derive(Clone, Debug)]
pub struct AmiCatalog {
    aws: Aws,
}

impl AmiCatalog {
    /// The images of an account's region.
    pub fn new(aws: &Aws) -> Self {
        Self { aws: aws.clone() }
    }
}

#[async_trait]
impl ImageCatalog for AmiCatalog {
    async fn describe(&self, images: &[ImageRef]) -> Result<Vec<ImageSeen>> {
        use aws_sdk_ec2::types::{Filter, ImageState};
        let here: Vec<String> = images
            .iter()
            .filter(|image| *image.place() == self.aws.place())
            .map(|image| image.id().as_str().to_owned())
            .collect();
        let mut found = Vec::new();
        // A filter passes over an id that is not there, where a list of ids would fail. At most 200 values.
        for ids in here.chunks(200) {
            let filter = Filter::builder().name("image-id").set_values(Some(ids.to_vec())).build();
            let call = self.aws.again().ec2.describe_images().filters(filter).include_deprecated(true).include_disabled(true);
            found.extend(self.aws.ask("ec2:DescribeImages", call.send()).await?.images.unwrap_or_default());
        }
        let seen = |image: &ImageRef| {
            let found =
                found.iter().find(|found| found.image_id() == Some(image.id().as_str()) && *image.place() == self.aws.place());
            let state = found.and_then(|found| found.state());
            let (stage, why): (_, Option<String>) = match (found, state) {
                (None, _) if *image.place() != self.aws.place() => {
                    (ImageStage::Gone, Some(format!("it is not in {}", self.aws.place())))
                }
                (None, _) => (ImageStage::Gone, Some("it does not exist here, or is not shared with this account".to_owned())),
                (Some(_), Some(ImageState::Available)) => (ImageStage::Active, None),
                (Some(_), Some(ImageState::Pending | ImageState::Transient)) => {
                    (ImageStage::Pending, Some("it is still being made".to_owned()))
                }
                (Some(_), Some(ImageState::Disabled)) => (ImageStage::Disabled, Some("it is disabled".to_owned())),
                (Some(_), Some(ImageState::Deregistered)) => (ImageStage::Gone, Some("it was deregistered".to_owned())),
                (Some(_), state) => {
                    (ImageStage::Failed, Some(format!("it is {}", state.map_or("of no state", |state| state.as_str()))))
                }
            };
            ImageSeen { image: image.clone(), stage, unlaunchable: why.map(Arc::from) }
        };
        Ok(images.iter().map(seen).collect())
    }
}
