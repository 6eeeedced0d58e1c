//! Setting a route: who is new is attached first, at weight 0; then the weights; then who is no longer named goes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use immutable_core::fleet::{FleetId, GenerationId, Op, Route, Routed, Split, TargetState};
use immutable_core::id::InstanceKey;
use immutable_core::{Error, ErrorKind, Result};

use super::slots::{LESS_SINCE, ROUTE, Slot, Slots};
use super::{AlbTraffic, Pool};
use crate::{AsgFleet, instances, marks};

impl AlbTraffic {
    pub(super) async fn set_route(&self, op: &Op, route: &Route) -> Result<Routed> {
        let pool = self.known(route.pool())?;
        self.within(route)?;
        let slots = self.slots(pool).await?;
        slots.ours(route.pool(), &op.fleet)?;
        let groups = AsgFleet::new(&self.aws).attachments(&op.fleet).await?;
        if let Some(absent) =
            route.weights().keys().find(|generation| !groups.iter().any(|group| group.generation == **generation))
        {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no Auto Scaling group of {}", absent.name(&op.fleet))));
        }
        let begun = slots.slots.iter().all(|slot| slot.route.as_deref() == Some(&op.uuid()));
        let ends = |slot: &&Slot| slot.generation.is_some_and(|generation| !route.weights().contains_key(&generation));
        if slots.weights() == *route.weights() && !self.loose(&slots, &groups) {
            return Ok(Routed { tag: slots.tag(), echo_until: None });
        }
        // A copy of this call may have begun it, and then what is here now is partly its work.
        if slots.tag() != *route.seen() && !begun {
            let what = format!("pool {} has changed since it was looked at; look again", route.pool());
            return Err(Error::new(ErrorKind::Conflict, what));
        }
        let places = place(route, &slots)?;
        self.begin(op, pool, route, &slots, begun).await?;
        for (generation, arn) in &places {
            self.attach(&op.fleet, *generation, arn, &slots, &groups).await?;
        }
        let weight = |slot: &Slot| {
            let generation = places.iter().find_map(|(generation, arn)| (*arn == slot.arn).then_some(generation));
            generation.and_then(|generation| route.weights().get(generation)).copied().unwrap_or(0)
        };
        let weights: BTreeMap<&str, u16> = slots.slots.iter().map(|slot| (&*slot.arn, weight(slot))).collect();
        self.set_weights(pool, &weights).await?;
        for slot in slots.slots.iter().filter(ends) {
            self.detach(slot, &groups).await?;
        }
        Ok(Routed { tag: self.slots(pool).await?.tag(), echo_until: None })
    }

    /// Whether a route is one that a load balancer can have.
    fn within(&self, route: &Route) -> Result<()> {
        let Split::Weighted { generations, parts } = self.capabilities.split else { return Ok(()) };
        let beyond = |why: String| Err(Error::invalid(format!("the route of pool {} {why}", route.pool())));
        if route.weights().len() > usize::from(generations) {
            return beyond(format!("names {} generations; at most {generations} are possible", route.weights().len()));
        }
        match route.weights().values().find(|weight| **weight > parts) {
            Some(weight) => beyond(format!("has the weight {weight}; at most {parts} is possible")),
            None => Ok(()),
        }
    }

    /// Whether somebody has detached a generation's groups from its target group.
    fn loose(&self, slots: &Slots, groups: &[Attachment]) -> bool {
        let of = |slot: &Slot| {
            groups
                .iter()
                .filter(|group| Some(group.generation) == slot.generation)
                .any(|group| !group.target_groups.contains(&slot.arn))
        };
        slots.slots.iter().any(of)
    }

    /// Marks the pool as this fleet's, and this call as the one that changes it.
    async fn begin(&self, op: &Op, pool: &Pool, route: &Route, slots: &Slots, begun: bool) -> Result<()> {
        if begun {
            return Ok(());
        }
        // Since when clients may be where they no longer belong: before the weights change, since afterwards nobody could tell any more.
        let share = |weight: u16, all: u64| if all == 0 { 0.0 } else { f64::from(weight) / all as f64 };
        let sum = |weights: &mut dyn Iterator<Item = u16>| weights.map(u64::from).sum::<u64>();
        let before = sum(&mut slots.slots.iter().map(|slot| slot.weight));
        let after = sum(&mut route.weights().values().copied());
        for slot in &slots.slots {
            let Some(generation) = slot.generation else { continue };
            let wanted = route.weights().get(&generation).copied().unwrap_or(0);
            match share(wanted, after) < share(slot.weight, before) {
                true => self.tag_slots(vec![slot.arn.clone()], &[(LESS_SINCE, self.aws.now().as_millis().to_string())]).await?,
                false if slot.less_since.is_some() && share(wanted, after) > share(slot.weight, before) => {
                    self.untag_slot(&slot.arn, &[LESS_SINCE]).await?
                }
                false => {}
            }
        }
        let tags = [(ROUTE, op.uuid()), (marks::FLEET, op.fleet.name().to_owned())];
        self.tag_slots(pool.slots.clone(), &tags).await
    }

    /// Gives a generation its target group, and has those who were told to drain leave it again.
    async fn attach(
        &self,
        fleet: &FleetId,
        generation: GenerationId,
        arn: &str,
        slots: &Slots,
        groups: &[Attachment],
    ) -> Result<()> {
        if slots.of(generation).is_none() {
            self.tag_slots(vec![arn.to_owned()], &[(marks::GENERATION, generation.to_string())]).await?;
        }
        let mut wanted: BTreeSet<InstanceKey> = BTreeSet::new();
        for group in
            groups.iter().filter(|group| group.generation == generation && !group.target_groups.iter().any(|known| known == arn))
        {
            let call = self
                .aws
                .once()
                .asg
                .attach_load_balancer_target_groups()
                .auto_scaling_group_name(&group.name)
                .target_group_arns(arn);
            self.aws.order("autoscaling:AttachLoadBalancerTargetGroups", call.send()).await?;
            wanted.extend(group.in_service.iter().map(|id| InstanceKey::named(id.as_str())));
        }
        self.registered(arn, &wanted, &instances::told_to_drain(&self.aws, fleet, generation).await?).await
    }

    /// Waits until those who are in service are registered with their group's target group, which Auto Scaling does in its own time, so that no weight comes before them;
    /// and has those who were told to drain leave again.
    async fn registered(&self, arn: &str, wanted: &BTreeSet<InstanceKey>, told: &BTreeSet<InstanceKey>) -> Result<()> {
        let deadline = self.aws.now() + Duration::from_secs(15);
        loop {
            let targets = self.targets(arn).await?;
            let back = targets.iter().filter(|target| target.state == TargetState::Attached && told.contains(&target.key));
            self.deregister(arn, &back.map(|target| target.key.clone()).collect::<Vec<_>>()).await?;
            let all = wanted.iter().all(|key| targets.iter().any(|target| target.key == *key));
            if all || self.aws.now() >= deadline {
                return Ok(());
            }
            self.aws.pause(Duration::from_secs(1)).await;
        }
    }

    /// Lets all targets of a target group finish, and frees it.
    async fn detach(&self, slot: &Slot, groups: &[Attachment]) -> Result<()> {
        for group in groups.iter().filter(|group| group.target_groups.contains(&slot.arn)) {
            let call = self.aws.once().asg.detach_load_balancer_target_groups().auto_scaling_group_name(&group.name);
            let call = call.target_group_arns(&slot.arn);
            match self.aws.order("autoscaling:DetachLoadBalancerTargetGroups", call.send()).await {
                // It, or the attachment, is not there any more.
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        // Auto Scaling does it too, in its own time: until then they would be given requests, should the target group get a weight again.
        let attached = self.targets(&slot.arn).await?.into_iter().filter(|target| target.state == TargetState::Attached);
        self.deregister(&slot.arn, &attached.map(|target| target.key).collect::<Vec<_>>()).await?;
        // Since when it has less stays: clients who stick to it are whoever's it is next.
        self.untag_slot(&slot.arn, &[marks::GENERATION]).await
    }

    /// Lets targets finish what they have. Who is no target any more is passed over.
    pub(super) async fn deregister(&self, arn: &str, keys: &[InstanceKey]) -> Result<()> {
        // No limit is documented; the controllers that do this in bulk take 200.
        for keys in keys.chunks(200) {
            match self.deregister_all(arn, keys).await {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                other => {
                    other?;
                    continue;
                }
            }
            // One of them has the whole call refused.
            for key in keys {
                match self.deregister_all(arn, std::slice::from_ref(key)).await {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    async fn deregister_all(&self, arn: &str, keys: &[InstanceKey]) -> Result<()> {
        let targets = keys.iter().map(|key| TargetDescription::builder().id(key.name.as_str()).build()).collect();
        let call = self.aws.once().elb.deregister_targets().target_group_arn(arn).set_targets(Some(targets));
        self.aws.order("elasticloadbalancing:DeregisterTargets", call.send()).await.map(drop)
    }
}

/// An Auto Scaling group of a fleet, and the target groups that it registers its machines with.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    pub(crate) name: String,
    pub(crate) generation: GenerationId,
    pub(crate) target_groups: Vec<String>,
    /// Its machines that are in service.
    pub(crate) in_service: Vec<String>,
}

/// Which target group each generation gets: the one it has, or one that is nobody's.
fn place(route: &Route, slots: &Slots) -> Result<Vec<(GenerationId, String)>> {
    let mut places: Vec<(GenerationId, String)> =
        route.weights().keys().filter_map(|generation| Some((*generation, slots.of(*generation)?.arn.clone()))).collect();
    for generation in route.weights().keys().filter(|generation| slots.of(**generation).is_none()) {
        let free = slots.slots.iter().filter(|slot| slot.generation.is_none() && !places.iter().any(|(_, arn)| *arn == slot.arn));
        // Of those that are free, the one that was left first: whoever stuck to it may have gone elsewhere.
        let free = free.min_by_key(|slot| slot.less_since);
        let Some(free) = free else {
            let what = format!(
                "all {} target groups of pool {} are in use; take a generation out first, or give the pool one more",
                slots.slots.len(),
                route.pool()
            );
            return Err(Error::new(ErrorKind::Quota, what));
        };
        places.push((*generation, free.arn.clone()));
    }
    Ok(places)
}
