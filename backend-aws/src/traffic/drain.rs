//! Letting machines finish what they have.

use std::collections::BTreeSet;
use std::time::Duration;

use immutable_core::fleet::{Op, TargetState};
use immutable_core::id::{InstanceKey, PoolId};
use immutable_core::{Error, Result};

use super::AlbTraffic;
use crate::instances;

impl AlbTraffic {
    pub(super) async fn let_finish(&self, op: &Op, id: &PoolId, leaving: &BTreeSet<InstanceKey>) -> Result<()> {
        let pool = self.known(id)?;
        if leaving.is_empty() {
            return Err(Error::invalid("nobody is named to drain; name who leaves"));
        }
        let slots = self.slots(pool).await?;
        slots.ours(id, &op.fleet)?;
        for slot in slots.slots.iter().filter(|slot| slot.generation.is_some()) {
            let attached = self.attached(&slot.arn, leaving).await?;
            if attached.is_empty() {
                continue;
            }
            // Before it begins: whoever attaches the generation again must know.
            instances::tell_to_drain(&self.aws, &attached).await?;
            self.deregister(&slot.arn, &attached).await?;
            let deadline = self.aws.now() + Duration::from_secs(10);
            while !self.attached(&slot.arn, leaving).await?.is_empty() && self.aws.now() < deadline {
                self.aws.pause(Duration::from_secs(1)).await;
            }
        }
        Ok(())
    }

    /// Of those who leave, who is attached.
    async fn attached(&self, arn: &str, leaving: &BTreeSet<InstanceKey>) -> Result<Vec<InstanceKey>> {
        let targets = self.targets(arn).await?.into_iter();
        let attached = targets.filter(|target| target.state == TargetState::Attached && leaving.contains(&target.key));
        Ok(attached.map(|target| target.key).collect())
    }
}
