//! Sizes: raised by an absolute number, lowered by name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_autoscaling::operation::terminate_instance_in_auto_scaling_group::builders::TerminateInstanceInAutoScalingGroupFluentBuilder;
use immutable_core::fleet::{FleetId, GroupId, Life, Refusal, Resize, Resized};
use immutable_core::id::InstanceKey;
use immutable_core::{Error, ErrorKind, Result};

use super::seen::Group;
use super::{AsgFleet, Terminate};
use crate::instances;

/// How long a size that was set may take to be shown.
const SHOWN: Duration = Duration::from_secs(10);

impl AsgFleet {
    pub(super) async fn change_size(&self, fleet: &FleetId, resize: &Resize) -> Result<Resized> {
        let group = self.group(fleet, resize.group()).await?;
        if group.deleting {
            return Err(Error::new(ErrorKind::NotFound, format!("{} is being deleted", group.name)));
        }
        match resize {
            Resize::Raise { from, to, .. } => {
                if group.desired == *to {
                    return Ok(done(*to));
                }
                expect(&group, *from)?;
                self.set_desired(fleet, resize.group(), &group, *to).await
            }
            Resize::GiveUp { from, to, .. } => {
                let members = u32::try_from(group.staying().count()).unwrap_or(u32::MAX);
                if group.desired == *to && members <= *to {
                    return Ok(done(*to));
                }
                expect(&group, *from)?;
                if members > *to {
                    let what = format!("{} has {members} members, and none is given up; name who leaves", group.name);
                    return Err(Error::new(ErrorKind::Conflict, what).with_found(group.desired));
                }
                if self.activities(&group.name).await?.busy {
                    return Err(Error::new(
                        ErrorKind::Busy,
                        format!("{} is launching; what comes may yet be a member", group.name),
                    ));
                }
                // Who comes in between is protected: this size then is less than its members, and nobody is terminated.
                self.set_desired(fleet, resize.group(), &group, *to).await
            }
            Resize::Lower { from, leave, .. } => self.lower(fleet, resize.group(), &group, *from, leave).await,
        }
    }

    async fn set_desired(&self, fleet: &FleetId, id: GroupId, group: &Group, to: u32) -> Result<Resized> {
        let size = |size: u32| i32::try_from(size).unwrap_or(i32::MAX);
        let call =
            self.aws.once().asg.update_auto_scaling_group().auto_scaling_group_name(&group.name).desired_capacity(size(to));
        let call = if to > group.max { call.max_size(size(to)) } else { call };
        self.aws.order("autoscaling:UpdateAutoScalingGroup", call.send()).await?;
        self.until(fleet, id, |group| group.desired == to).await?;
        Ok(done(to))
    }

    /// Waits until a group is shown as it was set, so that whoever is answered sees it.
    async fn until(&self, fleet: &FleetId, id: GroupId, is: impl Fn(&Group) -> bool) -> Result<Group> {
        let deadline = self.aws.now() + SHOWN;
        loop {
            let group = self.group(fleet, id).await?;
            if is(&group) || self.aws.now() >= deadline {
                return Ok(group);
            }
            self.aws.pause(Duration::from_secs(1)).await;
        }
    }

    async fn lower(
        &self,
        fleet: &FleetId,
        id: GroupId,
        group: &Group,
        from: u32,
        leave: &BTreeSet<InstanceKey>,
    ) -> Result<Resized> {
        if leave.is_empty() {
            return Err(Error::invalid("a lower names nobody; name who leaves"));
        }
        let members: BTreeMap<&str, Life> = group.members.iter().map(|member| (&*member.id, member.life)).collect();
        let named = || leave.iter().map(|key| (key, members.get(key.name.as_str())));
        let stay: Vec<&InstanceKey> =
            named().filter(|(_, life)| life.is_some_and(|life| *life != Life::Leaving)).map(|(key, _)| key).collect();
        let absent: Vec<&InstanceKey> = named().filter(|(_, life)| life.is_none()).map(|(key, _)| key).collect();
        // Of those who are no members any more, some left by an earlier copy of this call: what EC2 still shows of them tells. The others were never members.
        let left = instances::once_of(&self.aws, &group.name, &absent).await?;
        let strangers: Vec<&InstanceKey> = absent.into_iter().filter(|key| !left.contains(key.name.as_str())).collect();
        let gone = leave.len().saturating_sub(stay.len() + strangers.len());
        if stay.is_empty() && group.desired == from.saturating_sub(count(leave.len())) {
            return Ok(done(group.desired));
        }
        // So many took their place along: an earlier copy of this call terminated them. The others died by themselves, and their place is to be filled again.
        let took = from.checked_sub(group.desired).and_then(|took| usize::try_from(took).ok()).filter(|took| *took <= gone);
        let Some(took) = took else { return Err(conflict(group, from)) };
        let named_gone = leave.iter().filter(|key| !stay.contains(key) && !strangers.contains(key));
        let died = named_gone.take(gone - took).cloned().collect::<Vec<_>>();
        let refused_now = strangers.into_iter().cloned().chain(died);
        let mut refused: Vec<(InstanceKey, Refusal)> = refused_now.map(|key| (key, Refusal::NotMember)).collect();
        refused.extend(self.terminate_all(&group.name, &stay).await?);
        let to = from.saturating_sub(count(leave.len() - refused.len()));
        let leaving: BTreeSet<&str> =
            stay.iter().filter(|key| !refused.iter().any(|(other, _)| other == **key)).map(|key| key.name.as_str()).collect();
        let none_stays = |group: &Group| !group.staying().any(|member| leaving.contains(&*member.id));
        let group = self.until(fleet, id, |group| group.desired <= to && none_stays(group)).await?;
        refused.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Resized { size: group.desired, refused, ticket: None, echo_until: None })
    }

    /// Has these terminated, and says who is refused. Once one is, what goes wrong with another leaves the call half done: sent again it goes on.
    async fn terminate_all(&self, group: &str, keys: &[&InstanceKey]) -> Result<Vec<(InstanceKey, Refusal)>> {
        let (mut refused, mut begun) = (Vec::new(), false);
        // "TerminateInstanceInAutoScalingGroup": at most 100 at once.
        for keys in keys.chunks(if self.terminate == Terminate::Batch { 100 } else { 1 }) {
            if self.terminate == Terminate::Batch {
                let ids = keys.iter().map(|key| key.name.as_str().to_owned()).collect();
                let call = self.terminating().auto_scaling_group_name(group).set_instance_ids(Some(ids));
                if self.order_out(call).await.map_err(|error| self.aws.half_done(begun, error))?.is_none() {
                    begun = true;
                    continue;
                }
            }
            // One of them has the whole call refused.
            for key in keys {
                let call = self.terminating().instance_id(key.name.as_str());
                match self.order_out(call).await.map_err(|error| self.aws.half_done(begun, error))? {
                    Some(refusal) => refused.push(((*key).clone(), refusal)),
                    None => begun = true,
                }
            }
        }
        Ok(refused)
    }

    fn terminating(&self) -> TerminateInstanceInAutoScalingGroupFluentBuilder {
        self.aws.once().asg.terminate_instance_in_auto_scaling_group().should_decrement_desired_capacity(true)
    }

    /// Has one or more terminated, or says why they stay.
    async fn order_out(&self, call: TerminateInstanceInAutoScalingGroupFluentBuilder) -> Result<Option<Refusal>> {
        match self.aws.order("autoscaling:TerminateInstanceInAutoScalingGroup", call.send()).await {
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Some(Refusal::NotMember)),
            Err(error) if error.kind() == ErrorKind::Denied && error.message().contains("OperationNotPermitted") => {
                Ok(Some(Refusal::Held))
            }
            Err(error) => Err(error),
        }
    }
}

fn done(size: u32) -> Resized {
    Resized { size, ..Resized::default() }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

fn expect(group: &Group, from: u32) -> Result<()> {
    if group.desired == from { Ok(()) } else { Err(conflict(group, from)) }
}

fn conflict(group: &Group, from: u32) -> Error {
    let what = format!("{} has size {}, and not {from}; look again", group.name, group.desired);
    Error::new(ErrorKind::Conflict, what).with_found(group.desired)
}
