//! Sizes: raised by an absolute number, lowered by name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use google_cloud_compute_v1::model::ManagedInstance;
use immutable_core::fleet::{GroupId, Op, Refusal, Resize, Resized, Working};
use immutable_core::id::InstanceKey;
use immutable_core::{Applied, Error, ErrorKind, Result};

use super::calls::At;
use super::seen::{self, Group};
use super::{MigFleet, key, observe};
use crate::operations::{Stands, request_id, ticket};

/// How long a size that was set may take to be shown.
const SHOWN: Duration = Duration::from_secs(10);
/// How many are named at once. "instanceGroupManagers.deleteInstances": "a maximum of 1000 instances with this method per request".
const MOST: usize = 1000;

impl MigFleet {
    pub(super) async fn change_size(&self, op: &Op, resize: &Resize) -> Result<Resized> {
        let group = self.group(&op.fleet, resize.group()).await?;
        match resize {
            Resize::Raise { from, to, .. } => {
                if group.target == *to {
                    return Ok(done(*to));
                }
                expect(&group, *from)?;
                let stands = self.gcp.resize_group(&group.at, *to, request_id(op, "resize")).await?;
                self.until(op, resize.group(), std::slice::from_ref(&stands), *to, &[]).await?;
                Ok(Resized { size: *to, ticket: ticket([&stands]), ..Resized::default() })
            }
            Resize::Lower { from, leave, .. } => self.lower(op, resize.group(), &group, *from, leave).await,
            Resize::GiveUp { from, to, .. } => self.give_up(op, resize.group(), &group, *from, *to).await,
        }
    }

    /// Waits until a group is shown with a size, and none of these as one who stays, so that whoever is answered sees it. Of operations that go on, their ticket tells.
    async fn until(&self, op: &Op, id: GroupId, stands: &[Stands], to: u32, leaving: &[&InstanceKey]) -> Result<()> {
        let deadline = self.gcp.now() + SHOWN;
        while stands.iter().all(|stands| *stands == Stands::Done) {
            let group = self.group(&op.fleet, id).await?;
            let members = if leaving.is_empty() { Vec::new() } else { self.gcp.members(&group.at).await? };
            let still =
                |member: &ManagedInstance| !seen::leaves(member) && key(member).is_some_and(|key| leaving.contains(&&key));
            if group.target == to && !members.iter().any(still) {
                break;
            }
            if self.gcp.now() >= deadline {
                let what = format!("{} was set to {to}, and is shown with {}; look again", group.at.name, group.target);
                let error = Error::new(ErrorKind::NotYetVisible, what).with_applied(Applied::Unknown);
                return Err(error.with_echo_until(self.gcp.now()));
            }
            self.gcp.pause(Duration::from_secs(1)).await;
        }
        Ok(())
    }

    /// A group and its members, once its size is shown as lower where somebody who was named is on the way out already: an earlier copy of this call has done both.
    async fn of_one_moment(
        &self,
        op: &Op,
        id: GroupId,
        group: &Group,
        from: u32,
        leave: &BTreeSet<InstanceKey>,
    ) -> Result<(Group, Vec<ManagedInstance>)> {
        let (mut group, deadline) = (group.clone(), self.gcp.now() + SHOWN);
        loop {
            let members = self.gcp.members(&group.at).await?;
            let leaves = |member: &ManagedInstance| seen::leaves(member) && key(member).is_some_and(|key| leave.contains(&key));
            if group.target != from || !members.iter().any(leaves) || self.gcp.now() >= deadline {
                return Ok((group, members));
            }
            self.gcp.pause(Duration::from_secs(1)).await;
            group = self.group(&op.fleet, id).await?;
        }
    }

    async fn lower(&self, op: &Op, id: GroupId, group: &Group, from: u32, leave: &BTreeSet<InstanceKey>) -> Result<Resized> {
        if leave.is_empty() {
            return Err(Error::invalid("a lower names nobody; name who leaves"));
        }
        let (group, members) = self.of_one_moment(op, id, group, from, leave).await?;
        let here: BTreeMap<InstanceKey, &ManagedInstance> =
            members.iter().filter_map(|member| Some((key(member)?, member))).collect();
        let stays = |key: &&InstanceKey| here.get(*key).is_some_and(|member| !seen::leaves(member));
        let stay: Vec<&InstanceKey> = leave.iter().filter(stays).collect();
        // Of those who are members no more, some left by an earlier copy of this call. Who has another group's name was never one.
        let ours = |key: &&InstanceKey| key.name.as_str().strip_prefix(&*group.at.name).is_some_and(|rest| rest.starts_with('-'));
        let (former, strangers): (Vec<&InstanceKey>, Vec<&InstanceKey>) = leave.iter().filter(|key| !stays(key)).partition(ours);
        if stay.is_empty() && group.target == from.saturating_sub(count(leave.len())) {
            return Ok(done(group.target));
        }
        // So many took their place along: an earlier copy of this call has deleted them. The others went by themselves, and their place is filled again.
        let took =
            from.checked_sub(group.target).and_then(|took| usize::try_from(took).ok()).filter(|took| *took <= former.len());
        let Some(took) = took else { return Err(conflict(&group, from)) };
        // Who is still seen to leave is one of those.
        let (leaving, gone): (Vec<&InstanceKey>, Vec<&InstanceKey>) = former.into_iter().partition(|key| here.contains_key(*key));
        let died = leaving.into_iter().chain(gone).skip(took);
        let mut refused: Vec<(InstanceKey, Refusal)> =
            strangers.into_iter().chain(died).map(|key| (key.clone(), Refusal::NotMember)).collect();
        refused.sort_by(|(one, _), (other, _)| one.cmp(other));
        let to = from.saturating_sub(count(leave.len() - refused.len()));
        let urls =
            stay.iter().filter_map(|key| here.get(*key)?.instance.as_deref()).map(|url| crate::marks::relative(url).to_owned());
        let stands = self.delete(op, &group.at, urls.collect()).await?;
        self.until(op, id, &stands, to, &stay).await?;
        Ok(Resized { size: to, refused, ticket: ticket(&stands), echo_until: None })
    }

    /// Has these deleted, and the size lowered by as many. Once some are, what goes wrong with others leaves the call half done: sent again it goes on.
    async fn delete(&self, op: &Op, at: &At, urls: Vec<String>) -> Result<Vec<Stands>> {
        let mut stands = Vec::new();
        for urls in urls.chunks(MOST) {
            // Sent again it may be about fewer, and Google does not look twice at what bears one id.
            let id = request_id(op, format!("delete {}", urls.join(" ")));
            let answer = self.gcp.delete_members(at, urls.to_vec(), id).await;
            stands.push(answer.map_err(|error| self.gcp.half_done(!stands.is_empty(), error))?);
        }
        Ok(stands)
    }

    /// Forgets who was asked for and is not there: by name, since a smaller size would let Google choose.
    async fn give_up(&self, op: &Op, id: GroupId, group: &Group, from: u32, to: u32) -> Result<Resized> {
        let members = self.gcp.members(&group.at).await?;
        let there = count(members.iter().filter(|member| member.id.is_some() && !seen::leaves(member)).count());
        if group.target == to && there <= to {
            return Ok(done(to));
        }
        expect(group, from)?;
        if there > to {
            let what = format!("{} has {there} members, and none is given up; name who leaves", group.at.name);
            return Err(Error::new(ErrorKind::Conflict, what).with_found(group.target));
        }
        let slots: Vec<&ManagedInstance> = members.iter().filter(|member| seen::stuck(group, member)).collect();
        let enough = count(slots.len()) >= from.saturating_sub(to);
        if observe::working(group, &members) != Working::Idle || !enough {
            let what = format!("{} is launching; what comes may yet be a member", group.at.name);
            return Err(Error::new(ErrorKind::Busy, what));
        }
        let wanted = usize::try_from(from.saturating_sub(to)).unwrap_or(usize::MAX);
        let urls = slots.iter().filter_map(|slot| slot.instance.as_deref()).take(wanted);
        let stands = self.delete(op, &group.at, urls.map(|url| crate::marks::relative(url).to_owned()).collect()).await?;
        self.until(op, id, &stands, to, &[]).await?;
        Ok(Resized { size: to, ticket: ticket(&stands), ..Resized::default() })
    }
}

fn done(size: u32) -> Resized {
    Resized { size, ..Resized::default() }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

fn expect(group: &Group, from: u32) -> Result<()> {
    if group.target == from { Ok(()) } else { Err(conflict(group, from)) }
}

fn conflict(group: &Group, from: u32) -> Error {
    let what = format!("{} has size {}, and not {from}; look again", group.at.name, group.target);
    Error::new(ErrorKind::Conflict, what).with_found(group.target)
}
