//! What the cloud did, held against what the journal says was to be done.

use std::collections::{BTreeMap, BTreeSet};

use immutable_core::Timestamp;
use immutable_core::fleet::{GroupId, Life, Resize, Verdict};
use immutable_core::id::{InstanceKey, OpId};
use immutable_core::memory::{Cause, Effect, What};
use immutable_core::rollout::{Budget, Call, Event, Recorded};

/// What was journaled of a call, and what it did.
#[derive(Debug)]
struct Journaled {
    at: Timestamp,
    call: Call,
    done: BTreeSet<Kind>,
    launched: u32,
}

/// What a call does once at most: to each group, or to each instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Made(GroupId),
    Sized(GroupId),
    Kept(GroupId),
    Deleted(GroupId),
    Left(InstanceKey),
}

/// What is known of one fleet and its cloud, from the first moment on.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// How much of the stream was read.
    read: usize,
    journaled: BTreeMap<OpId, Journaled>,
    alive: BTreeSet<InstanceKey>,
    /// Of those, who leaves, and who is healthy and does not.
    leave: BTreeSet<InstanceKey>,
    serve: BTreeSet<InstanceKey>,
}

impl Truth {
    /// Holds what happened since, under this budget, against the whole stream.
    pub(crate) fn hold(&mut self, effects: &[Effect], stream: &[Recorded], budget: Budget) -> Result<(), String> {
        for Recorded { at, event, .. } in stream.iter().skip(self.read) {
            if let Event::Owed { op, call, .. } = event {
                let owed = Journaled { at: *at, call: call.clone(), done: BTreeSet::new(), launched: 0 };
                if self.journaled.insert(*op, owed).is_some() {
                    return Err(format!("the journal owes op {op} twice"));
                }
            }
        }
        self.read = stream.len();
        effects.iter().try_for_each(|effect| self.happens(effect, budget).map_err(|why| format!("{why}: {effect}")))
    }

    fn happens(&mut self, effect: &Effect, budget: Budget) -> Result<(), String> {
        let served = self.serve.len();
        self.follow(effect);
        if matches!(effect.what, What::Launched(_)) && self.alive.len() > budget.ceiling as usize {
            return Err(format!("above the ceiling of {}", budget.ceiling));
        }
        let Cause::Call(op) = effect.by else { return Ok(()) };
        let owed = self.journaled.get_mut(&op).ok_or("the journal knows of no such op")?;
        if effect.at < owed.at {
            return Err(format!("the journal knows of it since {}, which is later", owed.at));
        }
        owed.takes(op, effect)?;
        if self.serve.len() < served.min(budget.floor as usize) {
            return Err(format!("below the floor of {}", budget.floor));
        }
        Ok(())
    }
    fn follow(&mut self, effect: &Effect) {
        match &effect.what {
            What::Launched(key) => {
                self.alive.insert(key.clone());
            }
            What::Lives(key, Life::Leaving) => {
                self.leave.insert(key.clone());
                self.serve.remove(key);
            }
            What::Lives(key, Life::Gone) => [&mut self.alive, &mut self.leave, &mut self.serve].into_iter().for_each(|set| {
                set.remove(key);
            }),
            What::Judged(key, Verdict::Healthy) if !self.leave.contains(key) => {
                self.serve.insert(key.clone());
            }
            What::Judged(key, _) => {
                self.serve.remove(key);
            }
            _ => {}
        }
    }
}

impl Journaled {
    /// Whether the call asks for this effect, and had not had it.
    fn takes(&mut self, op: OpId, effect: &Effect) -> Result<(), String> {
        let group = effect.group.ok_or("it is about a pool")?;
        let about = self.call.generation() == Some(group.generation) && self.call.group().is_none_or(|other| other == group);
        let kind = match (&effect.what, &self.call) {
            _ if !about => None,
            (What::Made, Call::Ensure(_)) => Some(Kind::Made(group)),
            (What::Upkeep(set), Call::Upkeep(_, asked)) if set == asked => Some(Kind::Kept(group)),
            (What::Deleting | What::Deleted, Call::Destroy(_)) => Some(Kind::Deleted(group)),
            (What::Sized { from, to }, Call::Resize(resize)) => {
                let asked = (*from, *to) == (resize.from(), resize.to());
                // A second time it is that, whatever the size is by then.
                (asked || self.done.contains(&Kind::Sized(group))).then_some(Kind::Sized(group))
            }
            (What::Launched(_), Call::Resize(resize)) if let Resize::Raise { from, to, .. } = **resize => {
                self.launched += 1;
                return if self.launched > to - from { Err(format!("op {op} asked for {}", to - from)) } else { Ok(()) };
            }
            (What::Lives(key, Life::Leaving), Call::Resize(resize)) => match &**resize {
                Resize::Lower { leave, .. } if leave.contains(key) => Some(Kind::Left(key.clone())),
                _ => None,
            },
            _ => None,
        };
        let kind = kind.ok_or_else(|| format!("op {op} did not ask for it"))?;
        let done = matches!(effect.what, What::Deleted) || self.done.insert(kind);
        if done { Ok(()) } else { Err(format!("op {op} took effect twice")) }
    }
}
