//! Calls that are journaled before they are sent.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Legal, ensure, illegal};
use crate::fleet::{GenerationId, GenerationSpec, GroupId, Resize};
use crate::id::{InstanceKey, OpId, PoolId};
use crate::rollout::event::Call;
use crate::rollout::state::{Exit, FleetState, GenerationLife, GenerationState, Owed};
use crate::time::Timestamp;

impl FleetState {
    pub(super) fn owe(&mut self, op: OpId, call: &Call, basis: Timestamp, at: Timestamp) -> Legal {
        ensure(self.rollout.is_some(), || format!("op {op} is owed without a rollout"))?;
        ensure(op == self.next_op, || format!("op {op} is owed, the next is {}", self.next_op))?;
        let mut again = BTreeSet::new();
        match call {
            Call::Ensure(spec) => self.owe_ensure(spec)?,
            Call::Resize(resize) => self.owe_resize(resize, &mut again, at)?,
            Call::Drain { pool, group, leaving } => self.owe_drain(pool, *group, leaving, at)?,
            Call::Route(route) => {
                let ours = self.pool.as_ref().is_some_and(|pool| pool.id == *route.pool());
                ensure(ours, || format!("op {op} is about pool {}, which is not the fleet's", route.pool()))?;
                ensure(self.route_owed().is_none(), || format!("op {op} is a route while another is owed"))?;
                let unknown = route.weights().keys().find(|id| !self.generations.contains_key(id));
                ensure(unknown.is_none(), || format!("op {op} routes to a generation that is unknown: {unknown:?}"))?;
            }
            Call::Upkeep(generation, _) | Call::Destroy(generation) => {
                let life = self.generations.get(generation).map(|generation| generation.life);
                ensure(life.is_some(), || format!("op {op} is about generation {generation}, which is unknown"))?;
                // What is owed of a size does not touch upkeep, and whoever gives that back carries on no size.
                let busy = match call {
                    Call::Upkeep(..) => self.wholly_busy(*generation),
                    _ => self.generation_busy(*generation),
                };
                ensure(!busy, || format!("op {op} is owed on generation {generation}, which is busy"))?;
            }
        }
        self.next_op = OpId(op.0 + 1);
        let about =
            |id: GenerationId, cell: u16| call.generation() == Some(id) && call.group().is_none_or(|group| group.cell == cell);
        self.unname_who_stay(at, about);
        let (echo_until, uncertain, ticket) = Default::default();
        self.owed.insert(op, Owed { call: call.clone(), basis, echo_until, uncertain, ticket, again, since: at });
        Ok(())
    }

    fn owe_ensure(&mut self, spec: &Arc<GenerationSpec>) -> Legal {
        if let Some(known) = self.generations.get(&spec.id) {
            // What was deleted of it is made as the rest is kept.
            let same = GenerationSpec { upkeep: known.spec.upkeep, ..(**spec).clone() } == *known.spec;
            ensure(same, || format!("generation {} is made again from another spec", spec.id))?;
            return ensure(!self.generation_busy(spec.id), || format!("generation {} is busy", spec.id));
        }
        ensure(spec.id.0 == self.next_generation, || {
            format!("generation {} is made, the next is {}", spec.id, GenerationId(self.next_generation))
        })?;
        self.next_generation += 1;
        self.generations.insert(spec.id, GenerationState::new(spec, GenerationLife::Making));
        Ok(())
    }

    fn owe_drain(&mut self, pool: &PoolId, group: GroupId, leaving: &BTreeSet<InstanceKey>, at: Timestamp) -> Legal {
        let ours = self.pool.as_ref().is_some_and(|known| known.id == *pool);
        ensure(ours, || format!("group {group} drains from pool {pool}, which is not the fleet's"))?;
        ensure(!self.busy(group), || format!("group {group} drains and is busy"))?;
        ensure(!leaving.is_empty(), || format!("group {group} drains and nobody is named"))?;
        let Some(slots) = self.slots_mut(group) else {
            return illegal(format!("group {group} drains and is unknown"));
        };
        for key in leaving {
            let here = slots.members.get(key).is_some_and(|member| member.exit == Exit::None && member.draining.is_none());
            ensure(here, || format!("{key} is to drain and is not in group {group}, or drains already"))?;
        }
        for key in leaving {
            if let Some(member) = slots.members.get_mut(key) {
                member.draining = Some(at);
            }
        }
        Ok(())
    }

    fn owe_resize(&mut self, resize: &Resize, again: &mut BTreeSet<InstanceKey>, at: Timestamp) -> Legal {
        let group = resize.group();
        let life = self.generations.get(&group.generation).map(|generation| generation.life);
        ensure(life == Some(GenerationLife::Present), || format!("group {group} is resized and not there"))?;
        ensure(!self.busy(group), || format!("group {group} is resized and busy"))?;
        let Some(slots) = self.slots_mut(group) else {
            return illegal(format!("group {group} is resized and unknown"));
        };
        ensure(resize.from() == slots.size, || {
            format!("group {group} is resized from {}, its size is {}", resize.from(), slots.size)
        })?;
        match resize {
            Resize::Raise { from, to, .. } => {
                ensure(to > from, || format!("group {group} is raised from {from} to {to}"))?;
                if let Some(rollout) = self.rollout.as_mut().filter(|rollout| rollout.wanted == group.generation) {
                    rollout.launched = true;
                }
                Ok(())
            }
            Resize::GiveUp { from, to, .. } => ensure(to < from, || format!("group {group} gives up from {from} to {to}")),
            Resize::Lower { leave, .. } => {
                ensure(!leave.is_empty(), || format!("group {group} is lowered and nobody is named"))?;
                for key in leave {
                    let here = slots.members.get(key).is_some_and(|member| member.exit != Exit::Gone);
                    ensure(here, || format!("{key} is named to leave group {group} and is not in it"))?;
                }
                let quiet = at >= slots.quiet_until;
                for key in leave {
                    if let Some(member) = slots.members.get_mut(key) {
                        if member.exit == Exit::Named && !member.stays(quiet) {
                            again.insert(key.clone());
                        }
                        let since = member.named.filter(|_| member.exit == Exit::Named);
                        (member.exit, member.named) = (Exit::Named, since.or(Some(at)));
                    }
                }
                Ok(())
            }
        }
    }

    /// Whoever was named and [stays](Member::stays) is as before: from the next call about its group on, or from the end.
    pub(super) fn unname_who_stay(&mut self, at: Timestamp, of: impl Fn(GenerationId, u16) -> bool) {
        for (id, generation) in &mut self.generations {
            for (_, slots) in generation.groups.iter_mut().filter(|(cell, _)| of(*id, **cell)) {
                let quiet = at >= slots.quiet_until;
                for member in slots.members.values_mut().filter(|member| member.stays(quiet)) {
                    (member.exit, member.named) = (Exit::None, Some(at));
                }
            }
        }
    }

    /// Whether a call about all of this generation is owed: its making, its removal, its upkeep.
    fn wholly_busy(&self, generation: GenerationId) -> bool {
        self.owed.values().any(|owed| owed.call.generation() == Some(generation) && owed.call.group().is_none())
    }

    /// What nobody knows is nobody's: no generation is ever made under its number.
    pub(super) fn condemned(&mut self, op: OpId, call: &Call) -> Legal {
        ensure(self.rollout.is_none(), || format!("op {op} is about what is unknown while a rollout runs"))?;
        ensure(op == self.next_op, || format!("op {op} is about what is unknown, the next is {}", self.next_op))?;
        let removes = match call {
            Call::Resize(resize) => !matches!(**resize, Resize::Raise { .. }),
            call => matches!(call, Call::Destroy(_)),
        };
        ensure(removes, || format!("op {op} is about what is unknown, and removes nothing"))?;
        let unknown = call.generation().filter(|id| !self.generations.contains_key(id));
        // It is somebody's until it is the fleet's own.
        let adopting = self.adopting.as_ref().filter(|adopting| unknown == Some(adopting.spec.id));
        ensure(adopting.is_none(), || format!("op {op} is about generation {unknown:?}, which is being adopted"))?;
        let Some(GenerationId(number)) = unknown else {
            return illegal(format!("op {op} is about generation {:?}, which is the fleet's own", call.generation()));
        };
        self.next_generation = self.next_generation.max(number.saturating_add(1));
        self.next_op = OpId(op.0 + 1);
        Ok(())
    }
}
