use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryCloud;
use super::calls::{Answer, Request};
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::{
    Destroyed, Ensured, Finding, FleetCapabilities, FleetId, GenerationId, GenerationSpec, GroupId, Observation, Op, Resize,
    Resized, Ticket, TicketState, Upkeep,
};
use crate::id::NativeRef;
use crate::provider::FleetProvider;

#[async_trait]
impl FleetProvider for MemoryCloud {
    fn capabilities(&self) -> &FleetCapabilities {
        &self.0.fleets
    }

    async fn preflight(&self, spec: &GenerationSpec, most_live: u32) -> Result<Vec<Finding>> {
        self.read_latency().await;
        let world = self.world();
        let mut findings: Vec<Finding> = world.faults(spec).into_iter().map(|what| Finding { what, blocks: true }).collect();
        if *spec.image.place() == world.env.settings.place
            && let Some(trouble) = world.env.unlaunchable(spec.image.id())
        {
            findings.push(Finding { what: trouble.message.to_string(), blocks: true });
        }
        if let Some(most) = world.env.room.most.filter(|most| *most < most_live) {
            let what = format!("{} has room for {most} machines, {most_live} may be needed at once", self.0.place);
            findings.push(Finding { what, blocks: false });
        }
        Ok(findings)
    }

    async fn inspect(&self, native: &NativeRef) -> Result<GenerationSpec> {
        self.read_latency().await;
        let found = self.world().inspect(native);
        found.map_err(|error| error.with_operation("inspect").with_resource(native.as_str()).with_place(&self.0.place))
    }

    async fn adopt(&self, op: &Op, native: &NativeRef, spec: &GenerationSpec) -> Result<()> {
        self.call(op, Request::Adopt(native.clone(), Arc::new(spec.clone()))).await.map(drop)
    }

    async fn ensure_generation(&self, op: &Op, spec: &GenerationSpec) -> Result<Ensured> {
        match self.call(op, Request::Ensure(Arc::new(spec.clone()))).await? {
            Answer::Ensured(ensured) => Ok(ensured),
            other => Err(misanswered(&other)),
        }
    }

    async fn resize(&self, op: &Op, resize: &Resize) -> Result<Resized> {
        match self.call(op, Request::Resize(resize.clone())).await? {
            Answer::Resized(resized) => Ok(resized),
            other => Err(misanswered(&other)),
        }
    }

    async fn set_upkeep(&self, op: &Op, generation: GenerationId, upkeep: Upkeep) -> Result<()> {
        self.call(op, Request::Keep(generation, upkeep)).await.map(drop)
    }

    async fn destroy_generation(&self, op: &Op, generation: GenerationId) -> Result<Destroyed> {
        match self.call(op, Request::Destroy(generation)).await? {
            Answer::Destroyed(destroyed) => Ok(destroyed),
            other => Err(misanswered(&other)),
        }
    }

    async fn follow(&self, ticket: &Ticket) -> Result<TicketState> {
        self.read_latency().await;
        Ok(self.world().follow(ticket))
    }

    async fn observe(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation> {
        self.read_latency().await;
        Ok(self.world().observe(fleet, known))
    }
}

/// Cannot happen: each request has its own answer.
pub(super) fn misanswered(answer: &Answer) -> Error {
    Error::new(ErrorKind::Internal, format!("the world answered something else than it was asked: {answer:?}"))
}
