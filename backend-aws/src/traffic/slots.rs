//! Whose a target group is: it stands in its tags.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::Tag;
use immutable_core::fleet::{FleetId, GenerationId, RouteTag};
use immutable_core::id::PoolId;
use immutable_core::{Digest, Error, ErrorKind, Result, Timestamp};

use super::forward::Forward;
use super::{AlbTraffic, Pool};
use crate::marks;

/// Under which call a pool's route was last begun.
pub(super) const ROUTE: &str = "immutable:route";
/// Since when a target group has had less than before, in milliseconds of the Unix epoch.
pub(super) const LESS_SINCE: &str = "immutable:less-since";

/// A target group of a pool.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    pub(super) arn: String,
    pub(super) fleet: Option<String>,
    pub(super) generation: Option<GenerationId>,
    pub(super) route: Option<String>,
    pub(super) less_since: Option<Timestamp>,
    pub(super) weight: u16,
}

/// A pool as it is.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    pub(super) slots: Vec<Slot>,
    pub(super) forward: Forward,
}

impl Slots {
    /// The generations that are attached, and their weights: not one whose target group the listener does not forward to, be it at weight 0, since nobody checks it.
    pub(super) fn weights(&self) -> BTreeMap<GenerationId, u16> {
        let attached = |slot: &&Slot| self.forward.weights.iter().any(|(arn, _)| *arn == slot.arn);
        self.slots.iter().filter(attached).filter_map(|slot| Some((slot.generation?, slot.weight))).collect()
    }

    pub(super) fn of(&self, generation: GenerationId) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.generation == Some(generation))
    }

    /// Stands for all that a route is decided on: weights, whose target groups are, and which call set them, so that it does not come back.
    pub(super) fn tag(&self) -> RouteTag {
        let mut text = String::new();
        for slot in &self.slots {
            let generation = slot.generation.map(|generation| generation.to_string()).unwrap_or_default();
            text.push_str(&format!("{} {generation} {}\n", slot.arn, slot.route.as_deref().unwrap_or_default()));
        }
        for (arn, weight) in &self.forward.weights {
            text.push_str(&format!("{arn}={weight}\n"));
        }
        let digest = Digest::of(text.as_bytes()).to_string();
        let hex = digest.rsplit(':').next().unwrap_or(&digest);
        RouteTag(hex.get(..16).unwrap_or(hex).into())
    }

    /// Whether a fleet may change it.
    pub(super) fn ours(&self, pool: &PoolId, fleet: &FleetId) -> Result<()> {
        let theirs = |slot: &&Slot| slot.generation.is_some() && slot.fleet.as_deref() != Some(fleet.name());
        match self.slots.iter().find(theirs) {
            None => Ok(()),
            Some(slot) => {
                let whose = slot.fleet.as_deref().unwrap_or("somebody");
                Err(Error::new(ErrorKind::Taken, format!("pool {pool} is fleet {whose}'s; give each fleet a pool of its own")))
            }
        }
    }
}

impl AlbTraffic {
    pub(super) async fn slots(&self, pool: &Pool) -> Result<Slots> {
        let forward = self.forward(pool).await?;
        let call = self.aws.again().elb.describe_tags().set_resource_arns(Some(pool.slots.clone()));
        let answer = self.aws.ask("elasticloadbalancing:DescribeTags", call.send()).await?;
        let read = |arn: &String| {
            let of_slot =
                answer.tag_descriptions().iter().filter(|one| one.resource_arn() == Some(arn)).flat_map(|one| one.tags());
            let tags: BTreeMap<&str, &str> = of_slot.filter_map(|tag| Some((tag.key()?, tag.value()?))).collect();
            let text = |key: &str| tags.get(key).map(|value| (*value).to_owned());
            Slot {
                arn: arn.clone(),
                fleet: text(marks::FLEET),
                generation: tags.get(marks::GENERATION).and_then(|text| text.parse().ok()).map(GenerationId),
                route: text(ROUTE),
                less_since: tags.get(LESS_SINCE).and_then(|text| text.parse().ok()).map(Timestamp::from_millis),
                weight: forward.weight(arn),
            }
        };
        Ok(Slots { slots: pool.slots.iter().map(read).collect(), forward: forward.clone() })
    }

    /// Tags target groups: the same twice is once.
    pub(super) async fn tag_slots(&self, arns: Vec<String>, tags: &[(&str, String)]) -> Result<()> {
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(value).build()).collect();
        let call = self.aws.once().elb.add_tags().set_resource_arns(Some(arns)).set_tags(Some(tags));
        self.aws.order("elasticloadbalancing:AddTags", call.send()).await.map(drop)
    }

    pub(super) async fn untag_slot(&self, arn: &str, keys: &[&str]) -> Result<()> {
        let keys = keys.iter().map(ToString::to_string).collect();
        let call = self.aws.once().elb.remove_tags().resource_arns(arn).set_tag_keys(Some(keys));
        self.aws.order("elasticloadbalancing:RemoveTags", call.send()).await.map(drop)
    }
}
