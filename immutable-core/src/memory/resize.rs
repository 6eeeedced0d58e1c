//! What calls do to generations and groups: checked first, then done whole or not at all.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::MemoryTemplate;
use super::effects::{Cause, What};
use super::group::Group;
use super::world::{Env, World};
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::{
    Destroyed, Ensured, GenerationId, GenerationSpec, GroupId, Op, Placement, Refusal, Resize, Resized, Upkeep, Working,
};
use crate::id::InstanceKey;

/// What a permitted resize has to do.
#[derive(Debug)]
pub(super) enum Todo {
    /// The size is what was asked for already.
    Nothing,
    Raise,
    Lower {
        leave: Vec<usize>,
        refused: Vec<(InstanceKey, Refusal)>,
    },
    GiveUp,
}

/// Whether a generation may be removed.
#[derive(Debug)]
pub(super) enum Removal {
    Answered(Destroyed),
    Possible(Vec<usize>),
}

impl World {
    /// What is wrong with a spec as such, whatever there is in the place.
    pub(super) fn faults(&self, spec: &GenerationSpec) -> Vec<String> {
        let settings = &self.env.settings;
        let mut faults = Vec::new();
        if spec.fleet.place() != &settings.place {
            faults.push(format!("fleet {} is not in {}", spec.fleet, settings.place));
        }
        if spec.image.place() != &settings.place {
            faults.push(format!("image {} is not in {}; import its artifact first", spec.image, settings.place));
        }
        if let Err(why) = spec.template.read::<MemoryTemplate>() {
            faults.push(why.to_string());
        }
        if spec.groups.is_empty() {
            faults.push("a generation needs at least one group".to_owned());
        }
        let cells: BTreeSet<u16> = spec.groups.iter().map(|group| group.cell).collect();
        if cells.len() != spec.groups.len() {
            faults.push("two groups have the same cell; number them from 0".to_owned());
        }
        for group in &spec.groups {
            if group.max > settings.group_size_max {
                faults.push(format!(
                    "group {} may have {} instances, the most is {}; divide the generation into more groups",
                    group.cell, group.max, settings.group_size_max
                ));
            }
            if let Placement::Zone(zone) = &group.placement
                && !settings.zones.contains(zone)
            {
                let zones: Vec<_> = settings.zones.iter().map(ToString::to_string).collect();
                faults.push(format!("there is no zone {zone} in {}; there are {}", settings.place, zones.join(", ")));
            }
        }
        faults
    }

    pub(super) fn ensure(&mut self, op: &Op, spec: &Arc<GenerationSpec>) -> Result<Ensured> {
        let name = spec.full_name();
        if op.fleet != spec.fleet {
            return Err(Error::invalid(format!("op {} is of fleet {}, {name} of {}", op.id, op.fleet, spec.fleet)));
        }
        let taken = |by: &str| Err(Error::new(ErrorKind::Taken, format!("the name {name} belongs to {by}; use another ordinal")));
        if let Some(stranger) = self.strangers.get(&(spec.fleet.clone(), spec.id)) {
            return taken(&format!("{stranger}, which is not ours"));
        }
        let mark = spec.digest();
        let handles = self.generation(&spec.fleet, spec.id);
        for group in handles.iter().filter_map(|handle| self.groups.get(*handle)?.as_ref()) {
            let equal = group.mark == mark && group.spec.image == spec.image && group.spec.template == spec.template;
            if !equal {
                return taken("a generation of another spec");
            }
            if group.deleting || group.operations > 0 {
                return Err(busy(group));
            }
        }
        if let Some(fault) = self.faults(spec).into_iter().next() {
            return Err(Error::invalid(fault));
        }
        let missing: Vec<GroupId> =
            spec.group_ids().filter(|id| !self.handles.get(&spec.fleet).is_some_and(|groups| groups.contains_key(id))).collect();
        if missing.is_empty() {
            return Ok(Ensured::AlreadyOurs);
        }
        for id in missing {
            let handle = self.groups.len();
            let settings = &self.env.settings;
            let mut made = Group::new(handle, spec, mark, id.cell, settings);
            made.since = self.env.now;
            self.groups.push(Some(made));
            self.handles.entry(spec.fleet.clone()).or_default().insert(id, handle);
            self.env.note(Cause::Call(op.id), &spec.fleet, Some(id), || What::Made);
        }
        Ok(Ensured::Created { echo_until: None, ticket: None })
    }

    /// Whether a resize may be done now, and what it has to do. Changes nothing.
    pub(super) fn judge(&self, op: &Op, resize: &Resize) -> Result<(usize, u32, Todo)> {
        let id = resize.group();
        if self.strangers.contains_key(&(op.fleet.clone(), id.generation)) {
            return Err(Error::new(ErrorKind::Taken, "the group of this name is not ours"));
        }
        let Some(group) = self.group(&op.fleet, id) else {
            return Err(Error::new(ErrorKind::NotFound, "there is no such group; ensure its generation first"));
        };
        let (from, to, size) = (resize.from(), resize.to(), group.size);
        let conflict = |why: String| Error::new(ErrorKind::Conflict, why).with_found(size);
        if group.deleting || group.operations > 0 {
            return Err(busy(group));
        }
        let nobody = match resize {
            Resize::Raise { .. } if to < from => {
                return Err(Error::invalid(format!("a raise from {from} to {to} would lower; name who leaves instead")));
            }
            Resize::Raise { .. } if to > group.max => {
                return Err(Error::invalid(format!("the size {to} is above {}, the most this group may have", group.max)));
            }
            Resize::Lower { leave, .. } if leave.is_empty() => {
                return Err(Error::invalid("a size is lowered only by naming who leaves; nobody is named"));
            }
            Resize::GiveUp { .. } if to > from => {
                return Err(Error::invalid(format!("giving up from {from} to {to} would raise")));
            }
            Resize::Lower { leave, .. } => !leave.iter().any(|key| group.locate(key).is_some()),
            _ => true,
        };
        if size == to && nobody {
            return Ok((group.handle, size, Todo::Nothing));
        }
        let guarded = self.env.settings.guarded || matches!(resize, Resize::GiveUp { .. });
        if size != from && guarded {
            return Err(conflict(format!("the size is {size}, expected {from}; look and plan again")));
        }
        let todo = match resize {
            Resize::Raise { .. } => Todo::Raise,
            Resize::Lower { leave, .. } => {
                let (mut victims, mut refused) = (Vec::with_capacity(leave.len()), Vec::new());
                for key in leave {
                    match group.locate(key) {
                        Some(at) if group.is_held(at) => refused.push((key.clone(), Refusal::Held)),
                        Some(at) => victims.push(at),
                        None => refused.push((key.clone(), Refusal::NotMember)),
                    }
                }
                Todo::Lower { leave: victims, refused }
            }
            Resize::GiveUp { .. } if group.working() != Working::Idle => return Err(busy(group)),
            Resize::GiveUp { .. } if group.count.members > to => {
                return Err(conflict(format!("the group has {} members, more than {to}; look again", group.count.members)));
            }
            Resize::GiveUp { .. } => Todo::GiveUp,
        };
        Ok((group.handle, size, todo))
    }

    pub(super) fn resize(&mut self, op: &Op, resize: &Resize) -> Result<Resized> {
        if matches!(resize, Resize::GiveUp { .. }) {
            self.arrive_late(op, resize.group());
        }
        let (handle, size, todo) = self.judge(op, resize)?;
        let by = Cause::Call(op.id);
        let to = resize.to();
        Ok(self.with(handle, |group, env| {
            let refused = match todo {
                Todo::Nothing => return Resized { size, ..Resized::default() },
                // An early copy of it, or somebody else, has set more.
                Todo::Raise if to < size => {
                    group.resize_blindly(env, to, by);
                    Vec::new()
                }
                Todo::Raise => {
                    let short = std::mem::take(&mut env.raises_short).min(to - size);
                    group.set_size(env, to - short, by);
                    let late = std::mem::take(&mut env.launches_late).min(to - short - size);
                    group.late += late;
                    group.short += std::mem::take(&mut env.launches_short).max(late).min(to - short - size);
                    group.fill(env, by);
                    Vec::new()
                }
                Todo::Lower { leave, refused } => {
                    let left = u32::try_from(leave.len()).unwrap_or(u32::MAX);
                    group.set_size(env, size.saturating_sub(left), by);
                    leave.into_iter().for_each(|at| group.leave(env, at, by));
                    group.trim(env, None);
                    refused
                }
                Todo::GiveUp => {
                    group.set_size(env, to, by);
                    group.short = group.short.saturating_sub(size.saturating_sub(to));
                    group.fill(env, by);
                    Vec::new()
                }
            };
            Resized { size: group.size, refused, ticket: None, echo_until: None }
        }))
    }

    /// What is being given up arrives at that very moment, if that is scripted.
    fn arrive_late(&mut self, op: &Op, id: GroupId) {
        if let Some(handle) = self.handles.get(&op.fleet).and_then(|groups| groups.get(&id)).copied() {
            self.with(handle, Group::arrive_late);
        }
    }

    pub(super) fn keep(&mut self, op: &Op, generation: GenerationId, upkeep: Upkeep) -> Result<()> {
        let handles = self.generation(&op.fleet, generation);
        if handles.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "there is no such generation; ensure it first"));
        }
        for handle in handles {
            self.with(handle, |group, env| group.keep(env, upkeep, Cause::Call(op.id)));
        }
        Ok(())
    }

    /// Whether a generation may be removed.
    pub(super) fn removal(&self, op: &Op, generation: GenerationId) -> Removal {
        let handles = self.generation(&op.fleet, generation);
        let groups = || handles.iter().filter_map(|handle| self.groups.get(*handle)?.as_ref());
        // A slot not yet filled is a machine that may still come.
        let members = groups().map(|group| group.existing().max(if group.deleting { 0 } else { group.size })).sum();
        if handles.is_empty() {
            Removal::Answered(Destroyed::Gone)
        } else if groups().all(|group| group.deleting) {
            Removal::Answered(Destroyed::Going)
        } else if members > 0 {
            Removal::Answered(Destroyed::StillHas(members))
        } else {
            Removal::Possible(handles)
        }
    }

    pub(super) fn destroy(&mut self, op: &Op, generation: GenerationId) -> Result<Destroyed> {
        let busy_group = self.groups_of(&op.fleet).find(|group| group.id.generation == generation && group.operations > 0);
        match self.removal(op, generation) {
            Removal::Possible(_) if let Some(group) = busy_group => Err(busy(group)),
            Removal::Answered(destroyed) => Ok(destroyed),
            Removal::Possible(handles) => {
                self.delete(&handles, Cause::Call(op.id));
                Ok(Destroyed::Gone)
            }
        }
    }

    /// Deletes groups with whatever is in them.
    pub(super) fn delete(&mut self, handles: &[usize], by: Cause) {
        for handle in handles {
            self.with(*handle, |group, env| group.delete(env, by));
        }
    }
}

impl Group {
    /// The member of this name and incarnation.
    fn locate(&self, key: &InstanceKey) -> Option<usize> {
        let at = self.named(&key.name)?;
        self.instances.get(at).filter(|instance| instance.key == *key)?;
        self.is_member(at).then_some(at)
    }

    pub(super) fn keep(&mut self, env: &mut Env, upkeep: Upkeep, by: Cause) {
        if std::mem::replace(&mut self.upkeep, upkeep) == upkeep {
            return;
        }
        env.note(by, &self.spec.fleet, Some(self.id), || What::Upkeep(upkeep));
        let ailing: Vec<usize> = (0..self.slots.len()).filter(|at| self.is_member(*at) && self.ails(*at)).collect();
        ailing.into_iter().for_each(|at| self.notice(env, at));
        self.rebalance(env);
    }

    fn delete(&mut self, env: &mut Env, by: Cause) {
        if std::mem::replace(&mut self.deleting, true) {
            return;
        }
        self.since = env.now;
        env.note(by, &self.spec.fleet, Some(self.id), || What::Deleting);
        let members: Vec<usize> = (0..self.slots.len()).filter(|at| self.is_member(*at)).collect();
        members.into_iter().for_each(|at| self.leave(env, at, by));
    }
}

fn busy(group: &Group) -> Error {
    let why = if group.deleting { "is being deleted" } else { "has work under way" };
    Error::new(ErrorKind::Busy, format!("group {} {why}; try again later", group.name))
}
