//! A group that others made becomes a fleet's first generation.

use std::sync::Arc;

use super::{IllegalEvent, Legal, ensure};
use crate::artifact::Digest;
use crate::fleet::{GenerationId, GenerationSpec};
use crate::id::{NativeRef, OpId};
use crate::rollout::state::{Adopting, FleetState, GenerationLife, GenerationState, Proven};
use crate::time::Timestamp;

impl FleetState {
    /// Its number is taken from here on, whatever becomes of it: it may bear our marks.
    pub(super) fn adopt(&mut self, op: OpId, native: &NativeRef, spec: &Arc<GenerationSpec>) -> Legal {
        ensure(self.rollout.is_none(), || format!("{native} is to be adopted while a rollout runs"))?;
        ensure(self.generations.is_empty(), || format!("{native} is to be adopted by a fleet that has generations"))?;
        ensure(op == self.next_op, || format!("op {op} adopts {native}, the next is {}", self.next_op))?;
        ensure(spec.fleet == self.fleet, || format!("{native} is adopted for fleet {}, this is {}", spec.fleet, self.fleet))?;
        ensure(spec.id.0 == self.next_generation, || {
            format!("{native} is adopted as generation {}, the next is {}", spec.id, GenerationId(self.next_generation))
        })?;
        ensure(spec.groups.len() == 1, || format!("{native} is one group, and is adopted as {}", spec.groups.len()))?;
        self.next_op = OpId(op.0 + 1);
        self.next_generation += 1;
        self.adopting = Some(Adopting { op, native: native.clone(), spec: spec.clone() });
        Ok(())
    }

    pub(super) fn adopted(&mut self, op: OpId, instances: u32, evidence: Digest, at: Timestamp) -> Legal {
        ensure(instances > 0, || format!("op {op} has adopted nobody"))?;
        let adopting = self.adopting.take_if(|adopting| adopting.op == op);
        let Some(Adopting { spec, .. }) = adopting else {
            return Err(IllegalEvent { why: format!("op {op} has adopted what nobody asked for") });
        };
        let mut generation = GenerationState::new(&spec, GenerationLife::Present);
        generation.first_ready = Some(at);
        for slots in generation.groups.values_mut() {
            (slots.size, slots.settled_at) = (instances, at);
        }
        self.generations.insert(spec.id, generation);
        self.desired = instances;
        self.failed.retain(|failed| failed.release != spec.release);
        self.proven = Some(Proven { spec, at, instances, evidence });
        Ok(())
    }
}
