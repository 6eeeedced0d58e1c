//! Sizes: raised by an absolute number under an etag, lowered by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use immutable_core::fleet::{GroupId, Op, Refusal, Resize, Resized};
use immutable_core::id::InstanceKey;
use immutable_core::{Applied, Error, ErrorKind, Result};

use super::seen::{Group, Machine};
use super::{Begun, VmssFleet, observe};
use crate::client::{Answer, Call};
use crate::marks::is_named_by;
use crate::operations::Operation;

/// How long a size that was set may take to be shown.
pub(super) const SHOWN: Duration = Duration::from_secs(10);
/// How long a copy of a deletion may still come, of somebody whose number may be given again: "The instance IDs may be reused for new instances once old instances are deleted"
/// ("Understand names and instance IDs for Azure Virtual Machine Scale Set VMs", of Uniform).
const ECHO: Duration = Duration::from_secs(60);
/// Of how many operations of a scale set is remembered how they ended.
const REMEMBERED: usize = 4;

impl VmssFleet {
    pub(super) async fn change_size(&self, op: &Op, resize: &Resize) -> Result<Resized> {
        let group = self.group(&op.fleet, resize.group()).await?;
        match resize {
            Resize::Raise { from, to, .. } => {
                if group.capacity == *to {
                    return Ok(done(*to));
                }
                expect(&group, *from)?;
                self.launches_as_adopted(&group)?;
                self.set(op, resize.group(), &group, *to).await
            }
            Resize::Lower { from, leave, .. } => self.lower(op, resize.group(), &group, *from, leave).await,
            Resize::GiveUp { from, to, .. } => self.give_up(op, resize.group(), &group, *from, *to).await,
        }
    }

    /// Sets a size, and returns as soon as it is shown: what comes of it takes minutes, in which others are to be able to leave.
    async fn set(&self, op: &Op, id: GroupId, group: &Group, to: u32) -> Result<Resized> {
        let (call, answer) = match self.azure.set_capacity(group, to).await {
            Ok(sent) => sent,
            // It is not what was read. An earlier copy of this call may be why.
            Err(error) if error.kind() == ErrorKind::Conflict && error.applied() == Applied::No => {
                let Ok(now) = self.group(&op.fleet, id).await else { return Err(error) };
                return if now.capacity == to { Ok(done(to)) } else { Err(error.with_found(now.capacity)) };
            }
            Err(error) => return Err(error),
        };
        self.remember(&group.name, &call, &answer);
        self.until(op, id, to, &[]).await.map_err(|error| self.azure.half_done(true, error))?;
        Ok(done(to))
    }

    fn remember(&self, name: &str, call: &Call, answer: &Answer) {
        let Some(operation) = Operation::of(call, answer, false) else { return };
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let known = begun.entry(name.to_owned()).or_default();
        if known.len() == REMEMBERED {
            known.remove(0);
        }
        known.push(Begun { operation, ended: None, told: BTreeSet::new() });
    }

    /// Waits until a group is shown with a size, and none of these as one who stays, so that whoever is answered sees it.
    async fn until(&self, op: &Op, id: GroupId, to: u32, leaving: &[&InstanceKey]) -> Result<()> {
        let deadline = self.azure.now() + SHOWN;
        loop {
            let group = self.group(&op.fleet, id).await?;
            let machines = if leaving.is_empty() { Vec::new() } else { self.azure.machines(&group).await? };
            let still = |machine: &Machine| !machine.leaves() && machine.key().is_some_and(|key| leaving.contains(&&key));
            if group.capacity == to && !machines.iter().any(still) {
                return Ok(());
            }
            if self.azure.now() >= deadline {
                let what = format!("{} was set to {to}, and is shown with {}; look again", group.name, group.capacity);
                let error = Error::new(ErrorKind::NotYetVisible, what).with_applied(Applied::Unknown);
                return Err(error.with_echo_until(self.azure.now()));
            }
            self.azure.pause(Duration::from_secs(1)).await;
        }
    }

    /// A group and its machines, once its size is shown as lower where somebody who was named is on the way out already: an earlier copy of this call has done both.
    async fn of_one_moment(
        &self,
        op: &Op,
        id: GroupId,
        group: &Group,
        from: u32,
        leave: &BTreeSet<InstanceKey>,
    ) -> Result<(Group, Vec<Machine>)> {
        let (mut group, deadline) = (group.clone(), self.azure.now() + SHOWN);
        loop {
            let machines = self.azure.machines(&group).await?;
            let leaves = |machine: &Machine| machine.leaves() && machine.key().is_some_and(|key| leave.contains(&key));
            if group.capacity != from || !machines.iter().any(leaves) || self.azure.now() >= deadline {
                return Ok((group, machines));
            }
            self.azure.pause(Duration::from_secs(1)).await;
            group = self.group(&op.fleet, id).await?;
        }
    }

    async fn lower(&self, op: &Op, id: GroupId, group: &Group, from: u32, leave: &BTreeSet<InstanceKey>) -> Result<Resized> {
        if leave.is_empty() {
            return Err(Error::invalid("a lower names nobody; name who leaves"));
        }
        let (group, machines) = self.of_one_moment(op, id, group, from, leave).await?;
        let here: BTreeMap<InstanceKey, &Machine> =
            machines.iter().filter_map(|machine| Some((machine.key()?, machine))).collect();
        let stays = |key: &&InstanceKey| here.get(*key).is_some_and(|machine| !machine.leaves());
        let stay: Vec<&InstanceKey> = leave.iter().filter(stays).collect();
        // Of those who are members no more, some left by an earlier copy of this call. Who has another group's name was never one.
        let ours = |key: &&InstanceKey| is_named_by(key.name.as_str(), &group.name);
        let (former, strangers): (Vec<&InstanceKey>, Vec<&InstanceKey>) = leave.iter().filter(|key| !stays(key)).partition(ours);
        // Also of what was answered: a copy that was lost may come after a number was given again.
        let echo_until = (!group.flexible).then(|| self.azure.now() + ECHO);
        if stay.is_empty() && group.capacity == from.saturating_sub(count(leave.len())) {
            return Ok(Resized { echo_until, ..done(group.capacity) });
        }
        // So many took their place along: an earlier copy of this call has deleted them. The others went by themselves, and left their place.
        let took =
            from.checked_sub(group.capacity).and_then(|took| usize::try_from(took).ok()).filter(|took| *took <= former.len());
        let Some(took) = took else { return Err(conflict(&group, from)) };
        // Who is still seen to leave is one of those.
        let (leaving, gone): (Vec<&InstanceKey>, Vec<&InstanceKey>) = former.into_iter().partition(|key| here.contains_key(*key));
        let died = leaving.into_iter().chain(gone).skip(took);
        let mut refused: Vec<(InstanceKey, Refusal)> =
            strangers.into_iter().chain(died).map(|key| (key.clone(), Refusal::NotMember)).collect();
        refused.sort_by(|(one, _), (other, _)| one.cmp(other));
        let to = from.saturating_sub(count(leave.len() - refused.len()));
        let names: Vec<&str> = stay.iter().filter_map(|key| here.get(*key).map(|machine| machine.instance.as_str())).collect();
        if !names.is_empty() {
            let deleted = self.azure.delete_machines(&group.name, &names).await;
            deleted.map_err(|error| match (error.applied(), echo_until) {
                (Applied::Unknown, Some(until)) => error.with_echo_until(until),
                _ => error,
            })?;
            self.until(op, id, to, &stay).await.map_err(|error| self.azure.half_done(true, error))?;
        }
        Ok(Resized { size: to, refused, echo_until, ..Resized::default() })
    }

    /// Forgets who was asked for and is not there. Nobody is named, since nobody has a name: by a size that all who are there have room in, once Azure works on nothing.
    async fn give_up(&self, op: &Op, id: GroupId, group: &Group, from: u32, to: u32) -> Result<Resized> {
        let machines = self.azure.machines(group).await?;
        let there = count(machines.iter().filter(|machine| !machine.leaves()).count());
        if group.capacity == to && there <= to {
            return Ok(done(to));
        }
        expect(group, from)?;
        if there > to {
            let what = format!("{} has {there} machines, and none is given up; name who leaves", group.name);
            return Err(Error::new(ErrorKind::Conflict, what).with_found(group.capacity));
        }
        if observe::is_at_work(group, &machines) {
            let what = format!("{} is being changed; what comes may yet be a member", group.name);
            return Err(Error::new(ErrorKind::Busy, what));
        }
        // A list may be late: who was made just before the group became idle may not be on it yet. Whatever comes after this is told by the etag.
        self.azure.pause(self.lag).await;
        let machines = self.azure.machines(group).await?;
        let there = count(machines.iter().filter(|machine| !machine.leaves()).count());
        if there > to {
            let what = format!("{} has {there} machines by now, and none is given up; look again", group.name);
            return Err(Error::new(ErrorKind::Conflict, what).with_found(group.capacity));
        }
        self.set(op, id, group, to).await
    }
}

fn done(size: u32) -> Resized {
    Resized { size, ..Resized::default() }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

fn expect(group: &Group, from: u32) -> Result<()> {
    if group.capacity == from { Ok(()) } else { Err(conflict(group, from)) }
}

fn conflict(group: &Group, from: u32) -> Error {
    let what = format!("{} has size {}, and not {from}; look again", group.name, group.capacity);
    Error::new(ErrorKind::Conflict, what).with_found(group.capacity)
}
