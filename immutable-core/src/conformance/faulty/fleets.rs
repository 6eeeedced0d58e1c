use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;

use super::echo::Set;
use super::wire::{Fate, PAGE_LOST};
use super::{Call, Fault, Faulty};
use crate::error::Result;
use crate::fleet::{
    Coverage, Destroyed, Ensured, Finding, FleetCapabilities, FleetId, GenerationId, GenerationSpec, GroupId, GroupSeen,
    Observation, Op, Resize, Resized, Ticket, TicketState, Upkeep,
};
use crate::id::NativeRef;
use crate::provider::FleetProvider;
use crate::time::Timestamp;

#[async_trait]
impl<P: FleetProvider + ?Sized + 'static> FleetProvider for Faulty<P> {
    fn capabilities(&self) -> &FleetCapabilities {
        self.0.fleet_capabilities.get_or_init(|| {
            let inner = self.0.inner.capabilities().clone();
            FleetCapabilities { request_lifetime: inner.request_lifetime.max(self.0.faults.lifetime()), ..inner }
        })
    }

    async fn preflight(&self, spec: &GenerationSpec, most_live: u32) -> Result<Vec<Finding>> {
        self.look(Call::Preflight, "preflight").await?;
        self.0.inner.preflight(spec, most_live).await
    }

    async fn inspect(&self, native: &NativeRef) -> Result<GenerationSpec> {
        self.look(Call::Inspect, "inspect").await?;
        self.0.inner.inspect(native).await
    }

    async fn adopt(&self, op: &Op, native: &NativeRef, spec: &GenerationSpec) -> Result<()> {
        self.change(Call::Adopt, "adopt", |inner: Arc<P>| {
            let (op, native, spec) = (op.clone(), native.clone(), spec.clone());
            async move { inner.adopt(&op, &native, &spec).await.map(|()| Set) }.boxed()
        })
        .await
        .map(|Set| ())
    }

    async fn ensure_generation(&self, op: &Op, spec: &GenerationSpec) -> Result<Ensured> {
        self.change(Call::EnsureGeneration, "ensure_generation", |inner: Arc<P>| {
            let (op, spec) = (op.clone(), spec.clone());
            async move { inner.ensure_generation(&op, &spec).await }.boxed()
        })
        .await
    }

    async fn resize(&self, op: &Op, resize: &Resize) -> Result<Resized> {
        self.change(Call::Resize, "resize", |inner: Arc<P>| {
            let (op, resize) = (op.clone(), resize.clone());
            async move { inner.resize(&op, &resize).await }.boxed()
        })
        .await
    }

    async fn set_upkeep(&self, op: &Op, generation: GenerationId, upkeep: Upkeep) -> Result<()> {
        self.change(Call::SetUpkeep, "set_upkeep", |inner: Arc<P>| {
            let op = op.clone();
            async move { inner.set_upkeep(&op, generation, upkeep).await.map(|()| Set) }.boxed()
        })
        .await
        .map(|Set| ())
    }

    async fn destroy_generation(&self, op: &Op, generation: GenerationId) -> Result<Destroyed> {
        self.change(Call::DestroyGeneration, "destroy_generation", |inner: Arc<P>| {
            let op = op.clone();
            async move { inner.destroy_generation(&op, generation).await }.boxed()
        })
        .await
    }

    async fn follow(&self, ticket: &Ticket) -> Result<TicketState> {
        self.look(Call::Follow, "follow").await?;
        self.0.inner.follow(ticket).await
    }

    async fn observe(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation> {
        let asked = self.0.clock.now();
        let fate = self.look(Call::Observe, "observe").await?;
        let sent = self.0.clock.now();
        let mut seen = self.0.inner.observe(fleet, known).await?;
        for group in &mut seen.groups {
            self.age(fleet, group, (asked, sent), &fate);
            self.part(group, sent, &fate);
        }
        Ok(seen)
    }
}

impl<P: ?Sized> Faulty<P> {
    /// Shows an older view of a group, perhaps. Ages count from when the caller asked, also if the call was slow to be sent on.
    fn age(&self, fleet: &FleetId, group: &mut GroupSeen, (asked, sent): (Timestamp, Timestamp), fate: &Fate) {
        if self.0.faults.stale_by.is_zero() {
            return;
        }
        let mut wire = self.wire();
        let history = wire.groups.entry(fleet.clone()).or_default().entry(group.group).or_default();
        let older = history.remember(sent, group, self.0.faults.stale_by);
        if older > 0 && wire.chance(fate.stale) {
            let pick = wire.below(older);
            let before = wire.groups.get(fleet).and_then(|groups| groups.get(&group.group)?.older(pick));
            if let Some((then, seen)) = before {
                wire.note(sent, Call::Observe, Fault::Stale);
                // What happened in the very millisecond of the older view may have happened after it.
                *group = GroupSeen { age: seen.age + asked.since(then) + Duration::from_millis(1), ..seen };
            }
        }
    }

    /// Leaves instances out of a group, perhaps.
    fn part(&self, group: &mut GroupSeen, now: Timestamp, fate: &Fate) {
        let mut wire = self.wire();
        if group.instances.is_empty() || !wire.chance(fate.partial) {
            return;
        }
        let mut instances = group.instances.to_vec();
        wire.leave_out(&mut instances);
        wire.note(now, Call::Observe, Fault::Partial);
        group.instances = Arc::new(instances);
        group.coverage = Coverage::Part(PAGE_LOST.into());
    }
}
