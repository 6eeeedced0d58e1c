//! Pools as they are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::TargetHealthStateEnum;
use immutable_core::Result;
use immutable_core::fleet::{Coverage, TargetSeen, TargetState, TrafficSeen, Verdict};
use immutable_core::id::{InstanceKey, NativeRef, PoolId};

use super::AlbTraffic;
use super::slots::Slots;

impl AlbTraffic {
    pub(super) async fn look(&self, id: &PoolId) -> Result<TrafficSeen> {
        let pool = self.known(id)?;
        let slots = self.slots(pool).await?;
        let mut targets: BTreeMap<InstanceKey, TargetSeen> = BTreeMap::new();
        for slot in &slots.slots {
            // Also those of a generation that was detached, for as long as they drain.
            if slot.fleet.is_none() {
                continue;
            }
            for target in self.targets(&slot.arn).await? {
                // One that moves from one target group to another drains in the first.
                let attached = |known: &TargetSeen| known.state == TargetState::Attached;
                if !targets.get(&target.key).is_some_and(attached) {
                    targets.insert(target.key.clone(), target);
                }
            }
        }
        let foreign = slots.forward.weights.iter().filter(|(arn, _)| !pool.slots.contains(arn));
        Ok(TrafficSeen {
            pool: id.clone(),
            age: self.lag,
            coverage: Coverage::Whole,
            tag: slots.tag(),
            weights: slots.weights(),
            foreign: foreign.map(|(arn, weight)| (NativeRef::new(arn.as_str()), *weight)).collect(),
            targets: targets.into_values().collect(),
            residue: self.residue(&slots),
        })
    }

    /// The targets of a target group. ELBv2 API, "TargetHealth".
    pub(super) async fn targets(&self, arn: &str) -> Result<Vec<TargetSeen>> {
        use TargetHealthStateEnum::{Draining, Healthy, Initial, Unhealthy, UnhealthyDraining};
        let call = self.aws.again().elb.describe_target_health().target_group_arn(arn);
        let answer = self.aws.ask("elasticloadbalancing:DescribeTargetHealth", call.send()).await?;
        let seen = |one: &aws_sdk_elasticloadbalancingv2::types::TargetHealthDescription| {
            let state = one.target_health().and_then(|health| health.state());
            let (state, health) = match state {
                Some(Draining) => (TargetState::Draining, Verdict::Unknown),
                Some(UnhealthyDraining) => (TargetState::Draining, Verdict::Unhealthy),
                Some(Healthy) => (TargetState::Attached, Verdict::Healthy),
                Some(Unhealthy) => (TargetState::Attached, Verdict::Unhealthy),
                Some(Initial) => (TargetState::Attached, Verdict::Starting),
                // Unused, unavailable, and what is new: nobody has looked.
                _ => (TargetState::Attached, Verdict::Unknown),
            };
            Some(TargetSeen { key: InstanceKey::named(one.target()?.id()?), state, health })
        };
        Ok(answer.target_health_descriptions().iter().filter_map(seen).collect())
    }

    /// Clients who stay with a target group that has less than it had. One that is detached has nobody to stay with.
    fn residue(&self, slots: &Slots) -> Option<Arc<str>> {
        let sticks = Duration::from_secs(slots.forward.sticks?.into());
        let now = self.aws.now();
        let stay = slots.slots.iter().filter_map(|slot| {
            let (generation, until) = (slot.generation?, slot.less_since? + self.capabilities.settle + sticks);
            (until > now).then(|| format!("clients stick to generation {generation} until {until}"))
        });
        let stay: Vec<String> = stay.collect();
        (!stay.is_empty()).then(|| stay.join("; ").into())
    }
}
