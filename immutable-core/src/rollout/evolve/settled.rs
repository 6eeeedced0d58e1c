//! What an answer to a call changes.

use std::time::Duration;

use super::{Legal, illegal};
use crate::error::Retry;
use crate::fleet::{Refusal, Resize, Route};
use crate::id::{InstanceKey, OpId};
use crate::rollout::event::{Call, OpResult, Refused};
use crate::rollout::state::{Exit, FleetState, GenerationLife, Owed, Slots};
use crate::time::Timestamp;

/// The pause after the `n`th failure in a row: 1 s, doubling up to 1 min.
pub(crate) fn backoff(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(6)).min(Duration::from_secs(60))
}

/// How long is waited after a refusal, the nth in a row.
fn pause(retry: Retry, failures: u32) -> Duration {
    match retry {
        Retry::After(pause) => pause,
        Retry::Never | Retry::Backoff => backoff(failures),
    }
}

impl FleetState {
    pub(super) fn settled(&mut self, op: OpId, result: &OpResult, at: Timestamp) -> Legal {
        let Some(owed) = self.owed.get_mut(&op) else {
            return illegal(format!("op {op} is answered and not owed"));
        };
        match result {
            OpResult::Accepted { ticket, echo_until } => {
                owed.ticket = Some(ticket.clone());
                owed.echo_until = owed.echo_until.max(echo_until.unwrap_or_default());
            }
            OpResult::Unknown { echo_until } => {
                owed.uncertain = true;
                owed.ticket = None;
                owed.echo_until = owed.echo_until.max(echo_until.unwrap_or_default());
            }
            OpResult::Done { size, refused, echo_until, removed } => {
                let echo = owed.echo_until.max(echo_until.unwrap_or_default());
                if let Some(Owed { call, .. }) = self.owed.remove(&op) {
                    self.done(&call, *size, refused, *removed, at, echo);
                }
            }
            OpResult::Failed(why) => {
                let echo = owed.echo_until.max(why.echo_until.unwrap_or_default());
                if let Some(owed) = self.owed.remove(&op) {
                    self.failed(&owed, why, at, echo);
                }
            }
        }
        Ok(())
    }

    fn done(
        &mut self,
        call: &Call,
        size: Option<u32>,
        refused: &[(InstanceKey, Refusal)],
        removed: Option<bool>,
        at: Timestamp,
        echo: Timestamp,
    ) {
        match call {
            Call::Route(route) => return self.routed(route, at, echo),
            Call::Drain { group, .. } => {
                if let Some(slots) = self.slots_mut(*group) {
                    (slots.failures, slots.quiet_until) = (0, slots.quiet_until.max(echo));
                }
                return;
            }
            _ => {}
        }
        let Some(generation) = call.generation().and_then(|id| self.generations.get_mut(&id)) else {
            return;
        };
        match call {
            Call::Ensure(_) => generation.life = GenerationLife::Present,
            Call::Upkeep(_, upkeep) => {
                generation.upkeep = *upkeep;
                // Who died before that was replaced by nobody, and may not have been missed yet.
                self.unread.extend(generation.spec.group_ids().filter(|_| upkeep.heal));
            }
            Call::Destroy(_) if removed == Some(true) => generation.life = GenerationLife::Going,
            Call::Destroy(_) | Call::Resize(_) | Call::Route(_) | Call::Drain { .. } => {}
        }
        for (cell, slots) in &mut generation.groups {
            if call.group().is_some_and(|group| group.cell != *cell) {
                continue;
            }
            slots.settled_at = at;
            slots.quiet_until = slots.quiet_until.max(echo);
            let mut lacking = !refused.is_empty();
            if let Call::Resize(resize) = call {
                self.unread.remove(&resize.group());
                slots.size = size.unwrap_or(resize.to());
                let short = matches!(&**resize, Resize::Raise { to, .. } if slots.size < *to);
                lacking |= short;
                slots.short |= short || matches!(**resize, Resize::GiveUp { .. });
                match &**resize {
                    Resize::Raise { from, .. } => {
                        generation.asked = generation.asked.saturating_add(slots.size.saturating_sub(*from));
                        slots.raised_at = at;
                    }
                    Resize::GiveUp { from, .. } => {
                        generation.asked = generation.asked.saturating_sub(from.saturating_sub(slots.size));
                    }
                    Resize::Lower { .. } => {}
                }
                // A copy of it may yet bring what is lacking: until none can, all are counted.
                if short && echo > at {
                    slots.size = resize.to();
                }
                for (key, _) in refused.iter().filter(|(_, why)| *why == Refusal::Held) {
                    unname(slots, key, None);
                }
            }
            // Done, and not all that was asked: to ask at once again would be to ask for ever.
            slots.failures = if lacking { slots.failures + 1 } else { 0 };
            if lacking {
                slots.quiet_until = slots.quiet_until.max(at + backoff(slots.failures));
            }
        }
    }

    fn routed(&mut self, route: &Route, at: Timestamp, echo: Timestamp) {
        if let Some(pool) = &mut self.pool {
            pool.set(route.weights().clone(), at);
            (pool.failures, pool.refused, pool.quiet_until) = (0, None, pool.quiet_until.max(echo));
        }
    }

    fn failed(&mut self, owed: &Owed, why: &Refused, at: Timestamp, echo: Timestamp) {
        let Owed { call, ticket, again, uncertain, .. } = owed;
        let begun = ticket.is_some();
        // What failed may have been done in part, or by an earlier copy.
        let since = (begun || *uncertain).then_some(at);
        if let (Call::Route(_), Some(pool)) = (call, &mut self.pool) {
            pool.failures += 1;
            pool.refused = Some(why.what.clone());
            pool.quiet_until = pool.quiet_until.max(echo).max(at + pause(why.retry, pool.failures));
            return;
        }
        let Some(generation) = call.generation().and_then(|id| self.generations.get_mut(&id)) else {
            return;
        };
        if matches!((call, why.retry), (Call::Ensure(_), Retry::Never)) {
            generation.refused = Some(why.what.clone());
        }
        for (cell, slots) in &mut generation.groups {
            if call.group().is_some_and(|group| group.cell != *cell) {
                continue;
            }
            slots.failures += 1;
            slots.quiet_until = slots.quiet_until.max(echo).max(at + pause(why.retry, slots.failures));
            if let Some(found) = why.found {
                slots.size = found;
                slots.settled_at = at;
            }
            // As long as a copy may arrive the named may yet go, and must not be counted on.
            let resize = match call {
                Call::Resize(resize) => resize,
                Call::Drain { leaving, .. } if echo <= at => {
                    for key in &**leaving {
                        slots.members.get_mut(key).into_iter().for_each(|member| member.draining = None);
                    }
                    continue;
                }
                _ => continue,
            };
            match &**resize {
                Resize::Lower { leave, .. } if echo <= at => leave.difference(again).for_each(|key| unname(slots, key, since)),
                Resize::Lower { leave, .. } if begun => leave.difference(again).for_each(|key| may_stay(slots, key)),
                // An operation that began and failed may have launched some, and so may an earlier copy that can still arrive: until they
                // are read all are counted.
                Resize::Raise { to, .. } if (begun || echo > at) && why.found.is_none() => slots.size = *to,
                _ => {}
            }
        }
    }
}

/// The operation that was to take it failed, and a copy of the call may arrive still: since when it is named is forgotten, by which it
/// [stays](crate::rollout::state::Member::stays) once none can.
fn may_stay(slots: &mut Slots, key: &InstanceKey) {
    if let Some(member) = slots.members.get_mut(key).filter(|member| member.exit == Exit::Named) {
        member.named = None;
    }
}

/// No call is to take it any more: since when, if one may have.
fn unname(slots: &mut Slots, key: &InstanceKey, since: Option<Timestamp>) {
    if let Some(member) = slots.members.get_mut(key).filter(|member| member.exit == Exit::Named) {
        (member.exit, member.named) = (Exit::None, since);
    }
}
