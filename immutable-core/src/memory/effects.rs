use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use crate::fleet::{FleetId, GenerationId, GroupId, Life, Upkeep, Verdict};
use crate::id::{ImageId, InstanceKey, OpId, PoolId};
use crate::time::Timestamp;

/// One thing that happened in a [`MemoryCloud`](super::MemoryCloud), at the moment it did. From all of them in order follows the
/// whole truth at every moment, whatever calls were lost or views were wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: Cause,
    /// To whose group or pool.
    pub fleet: FleetId,
    /// To which group; `None` if it was a pool.
    pub group: Option<GroupId>,
    /// What.
    pub what: What,
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A call through a port.
    Call(OpId),
    /// The provider, by itself.
    Provider,
    /// Somebody else, or chance: whatever was scripted.
    Script,
    /// The machine itself.
    Machine,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// The group was made.
    Made,
    /// One that others had made was adopted.
    Adopted,
    /// Its size was set.
    Sized {
        /// What it was.
        from: u32,
        /// What it is.
        to: u32,
    },
    /// What the provider may do to it was set.
    Upkeep(Upkeep),
    /// An instance was asked for.
    Launched(InstanceKey),
    /// An instance went on in its life.
    Lives(InstanceKey, Life),
    /// An instance's health changed.
    Judged(InstanceKey, Verdict),
    /// An instance runs another image from here on.
    Runs(InstanceKey, ImageId),
    /// An incident was opened, of this id.
    Troubled(Arc<str>),
    /// The group is being deleted.
    Deleting,
    /// The group is gone.
    Deleted,
    /// A pool's weights were set.
    Routed(PoolId, BTreeMap<GenerationId, u16>),
    /// A pool's weights are in force.
    InForce(PoolId, BTreeMap<GenerationId, u16>),
    /// A target began to drain.
    Draining(PoolId, InstanceKey),
}

/// `2026-11-21T09:30:00.000Z web 0002.0: launched web-0002-0-000003#17 (op 4)`
impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at, self.fleet.name())?;
        if let Some(group) = self.group {
            write!(f, " {group}")?;
        }
        match &self.what {
            What::Made => f.write_str(": made"),
            What::Adopted => f.write_str(": adopted"),
            What::Sized { from, to } => write!(f, ": size {from} to {to}"),
            What::Upkeep(upkeep) => {
                write!(f, ": upkeep heal {}, rebalance {}, autoscale {}", upkeep.heal, upkeep.rebalance, upkeep.autoscale)
            }
            What::Launched(key) => write!(f, ": launched {key}"),
            What::Lives(key, life) => write!(f, ": {key} {life:?}"),
            What::Judged(key, verdict) => write!(f, ": {key} {verdict:?}"),
            What::Runs(key, image) => write!(f, ": {key} runs {image}"),
            What::Troubled(id) => write!(f, ": incident {id}"),
            What::Deleting => f.write_str(": deleting"),
            What::Deleted => f.write_str(": deleted"),
            What::Routed(pool, weights) => write!(f, ": {pool} set to {weights:?}"),
            What::InForce(pool, weights) => write!(f, ": {pool} is {weights:?}"),
            What::Draining(pool, key) => write!(f, ": {pool} drains {key}"),
        }?;
        match self.by {
            Cause::Call(op) => write!(f, " (op {op})"),
            Cause::Provider => f.write_str(" (provider)"),
            Cause::Script => f.write_str(" (script)"),
            Cause::Machine => Ok(()),
        }
    }
}

/// The last effects, if any are kept.
#[derive(Debug)]
pub(super) struct Log {
    keep: usize,
    effects: VecDeque<Effect>,
}

impl Log {
    pub(super) fn new(keep: usize) -> Self {
        Self { keep, effects: VecDeque::new() }
    }

    /// `effect` is only asked for if it is kept.
    pub(super) fn note(&mut self, effect: impl FnOnce() -> Effect) {
        if self.keep == 0 {
            return;
        }
        if self.effects.len() == self.keep {
            self.effects.pop_front();
        }
        self.effects.push_back(effect());
    }

    pub(super) fn all(&self) -> Vec<Effect> {
        self.effects.iter().cloned().collect()
    }

    pub(super) fn take(&mut self) -> Vec<Effect> {
        self.effects.drain(..).collect()
    }
}
