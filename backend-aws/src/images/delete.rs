//! Deletes.

use std::time::Duration;

use aws_sdk_ec2::types::SnapshotReturnCodes;
use immutable_core::fleet::Coverage;
use immutable_core::provider::{Deleted, ImageUses};
use immutable_core::{Applied, Error, ErrorKind, ImageRef, Result};

use super::{changeable, describe, uses};
use crate::client::Aws;

pub(super) async fn delete(aws: &Aws, image: &ImageRef, lag: Duration) -> Result<Deleted> {
    let found = match changeable(aws, image).await {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Deleted::Gone),
        found => found?,
    };
    if let Some(protection) = found.deregistration_protection().filter(|said| is_protected(said)) {
        let what = format!(
            "{image} is protected from being deregistered ({protection}); lift that first, with ec2:DisableImageDeregistrationProtection"
        );
        return Err(Error::new(ErrorKind::Denied, what));
    }
    let ImageUses { by, coverage } = uses::uses(aws, image, lag).await?;
    match coverage {
        _ if !by.is_empty() => return Ok(Deleted::InUse(by)),
        Coverage::Part(why) => return Ok(Deleted::Unsure(why)),
        Coverage::Whole => {}
    }
    let call = aws.once().ec2.deregister_image().image_id(image.id().as_str()).delete_associated_snapshots(true);
    let answer = match aws.order("ec2:DeregisterImage", call.send()).await {
        // Somebody else was there first.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Deleted::Gone),
        answer => answer?,
    };
    for snapshot in answer.delete_snapshot_results() {
        if let (Some(id), Some(code)) = (snapshot.snapshot_id(), snapshot.return_code()) {
            snapshots(aws, image, id, code).await?;
        }
    }
    describe::until(aws, image.id(), "deregistered", |found| found.is_none()).await?;
    Ok(Deleted::Gone)
}

/// "Image": `disabled`, or enabled in one of several ways.
fn is_protected(said: &str) -> bool {
    said.starts_with("enabled")
}

/// Deletes a snapshot that was not deleted with its image, unless another image has it too.
async fn snapshots(aws: &Aws, image: &ImageRef, id: &str, code: &SnapshotReturnCodes) -> Result<()> {
    if matches!(code, SnapshotReturnCodes::Success | SnapshotReturnCodes::WarnSkipped) {
        return Ok(());
    }
    match aws.ask("ec2:DeleteSnapshot", aws.again().ec2.delete_snapshot().snapshot_id(id).send()).await {
        Ok(_) => Ok(()),
        // Gone after all, or of another image.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Busy) => Ok(()),
        Err(error) => {
            let what =
                format!("{image} was deregistered, and its snapshot {id} stays, to be deleted by hand: {}", error.message());
            Err(Error::new(error.kind(), what).with_applied(Applied::Yes).with_source(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protection_is_told_from_its_absence() {
        assert!(is_protected("enabled-without-cooldown") && is_protected("enabled-with-cooldown"));
        assert!(!is_protected("disabled"));
    }
}
