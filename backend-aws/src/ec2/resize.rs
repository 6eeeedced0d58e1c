//! Sizes: a raise is one tokened launch, a lower names who is terminated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use aws_sdk_ec2::types::{LaunchTemplateSpecification, ResourceType, TagSpecification};
use immutable_core::fleet::{GroupId, Op, Refusal, Resize, Resized};
use immutable_core::id::InstanceKey;
use immutable_core::{Error, ErrorKind, Result};

use super::{Ec2Fleet, Launched, Short, is_member};
use crate::instances::Machine as Seen;
use crate::marks;
use crate::templates::{self, Template};

impl Ec2Fleet {
    pub(super) async fn change_size(&self, op: &Op, resize: &Resize) -> Result<Resized> {
        let group = resize.group();
        let template = self.template(&op.fleet, group).await?;
        let machines = self.machines(&op.fleet).await?;
        let of_group: Vec<&Seen> = machines.iter().filter(|machine| machine.mark.group(&op.fleet) == Some(group)).collect();
        let size = count(of_group.iter().filter(|machine| is_member(machine)).count());
        match resize {
            Resize::Raise { from, to, .. } => {
                // An earlier copy of this call came: its token tells all that it launched, also what is not shown yet.
                let came = of_group.iter().filter(|machine| machine.op.as_deref() == Some(&op.uuid())).count();
                let again = came > 0;
                // All of them are shown, be they gone by now: a token may be forgotten, and is not relied on.
                if count(came) >= to.saturating_sub(*from) || (size == *to && !again) {
                    return Ok(done(size));
                }
                if size != *from && !again {
                    return Err(conflict(group, size, *from));
                }
                self.launch(op, group, &template, to.saturating_sub(*from), size, again).await
            }
            Resize::Lower { from, leave, .. } => self.lower(op, group, *from, leave, &of_group, size).await,
            Resize::GiveUp { from, to, .. } => match size {
                size if size == *to => Ok(done(size)),
                size => Err(conflict(group, size, *from)),
            },
        }
    }

    async fn launch(&self, op: &Op, group: GroupId, template: &Template, more: u32, size: u32, again: bool) -> Result<Resized> {
        let subnets: Vec<&str> = template.tags.get(marks::SUBNETS).map(|text| text.split(' ').collect()).unwrap_or_default();
        // The same for every copy of a call, since a token counts in one zone alone; and another for the next call, should this one be full.
        let [turn, ..] = op.token;
        let subnet = subnets.iter().cycle().nth(usize::from(turn) % subnets.len().max(1));
        let subnet = subnet
            .ok_or_else(|| Error::invalid(format!("launch template {} names no subnet in its tags; delete it", template.name)))?;
        let mut tags: BTreeMap<String, String> = template.tags.clone();
        tags.remove(marks::SUBNETS);
        let volumes = templates::ec2_tags(&tags);
        tags.insert(marks::OP.to_owned(), op.uuid());
        let tagged = |what: ResourceType, tags| TagSpecification::builder().resource_type(what).set_tags(Some(tags)).build();
        let more = i32::try_from(more).unwrap_or(i32::MAX);
        // Once, although it has a token: who has no room now has none in a second, and of two copies the refusal of the second says nothing of the first.
        let call = self
            .aws
            .once()
            .ec2
            .run_instances()
            .launch_template(LaunchTemplateSpecification::builder().launch_template_id(&template.id).version("1").build())
            .subnet_id(*subnet)
            .min_count(if self.short == Short::Some { 1 } else { more })
            .max_count(more)
            .client_token(op.uuid())
            .tag_specifications(tagged(ResourceType::Instance, templates::ec2_tags(&tags)))
            .tag_specifications(tagged(ResourceType::Volume, volumes));
        let answer = match self.aws.order("ec2:RunInstances", call.send()).await {
            Ok(answer) => answer,
            // It was done, and some of them are gone already.
            Err(error) if error.kind() == ErrorKind::TokenSpent && again => return Ok(done(size)),
            // The group is there, since its template is: what is not is the image, or a subnet.
            Err(error) if error.kind() == ErrorKind::NotFound && !error.message().contains("InvalidLaunchTemplate") => {
                return Err(Error::invalid(error.message()).with_place(self.aws.place()).with_source(error));
            }
            Err(error) => return Err(error),
        };
        let ids: Vec<Arc<str>> = answer.instances().iter().filter_map(|one| one.instance_id().map(Arc::from)).collect();
        let at = self.aws.now();
        self.remember(ids.into_iter().map(|id| (id, Launched { fleet: op.fleet.clone(), group, at })));
        let now = self.machines(&op.fleet).await?;
        let members = now.iter().filter(|machine| machine.mark.group(&op.fleet) == Some(group) && is_member(machine)).count();
        Ok(done(count(members)))
    }

    fn remember(&self, launched: impl Iterator<Item = (Arc<str>, Launched)>) {
        self.launched.lock().unwrap_or_else(PoisonError::into_inner).extend(launched);
    }

    async fn lower(
        &self,
        op: &Op,
        group: GroupId,
        from: u32,
        leave: &BTreeSet<InstanceKey>,
        seen: &[&Seen],
        size: u32,
    ) -> Result<Resized> {
        if leave.is_empty() {
            return Err(Error::invalid("a lower names nobody; name who leaves"));
        }
        let of = |key: &InstanceKey| seen.iter().find(|machine| &*machine.id == key.name.as_str()).copied();
        let (mut stay, mut left, mut refused) = (Vec::new(), 0, Vec::new());
        for key in leave {
            match of(key) {
                Some(machine) if is_member(machine) => stay.push(machine),
                Some(_) => left += 1,
                None => refused.push((key.clone(), Refusal::NotMember)),
            }
        }
        if stay.is_empty() && size == from.saturating_sub(count(leave.len())) {
            return Ok(done(size));
        }
        if size != from && size != from.saturating_sub(left) {
            return Err(conflict(group, size, from));
        }
        let mut begun = false;
        for zone in zones(&stay) {
            // "TerminateInstances": 1000 at most, and fewer are advised.
            for machines in zone.chunks(100) {
                refused.extend(self.terminate(machines, &mut begun).await?);
            }
        }
        let gone = |machines: &[Seen]| {
            let still = |machine: &&Seen| is_member(machine) && stay.iter().any(|named| named.id == machine.id);
            !machines.iter().filter(still).any(|machine| !refused.iter().any(|(key, _)| key.name.as_str() == &*machine.id))
        };
        let deadline = self.aws.now() + Duration::from_secs(10);
        let machines = loop {
            let machines = self.machines(&op.fleet).await?;
            if gone(&machines) || self.aws.now() >= deadline {
                break machines;
            }
            self.aws.pause(Duration::from_secs(1)).await;
        };
        let members =
            machines.iter().filter(|machine| machine.mark.group(&op.fleet) == Some(group) && is_member(machine)).count();
        refused.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Resized { size: count(members), refused, ticket: None, echo_until: None })
    }

    /// Terminates machines of one zone. If one of them is protected none is, so then each is asked for alone. Once one is terminated, what goes wrong with another
    /// leaves the call half done: sent again it goes on.
    async fn terminate(&self, machines: &[&Seen], begun: &mut bool) -> Result<Vec<(InstanceKey, Refusal)>> {
        match self.end(machines).await {
            Ok(()) => {
                *begun = true;
                return Ok(Vec::new());
            }
            Err(error) if refusal(&error).is_none() => return Err(self.aws.half_done(*begun, error)),
            Err(_) => {}
        }
        let mut refused = Vec::new();
        for machine in machines {
            match self.end(std::slice::from_ref(machine)).await {
                Ok(()) => *begun = true,
                Err(error) => match refusal(&error) {
                    Some(refusal) => refused.push((InstanceKey::named(machine.id.clone()), refusal)),
                    None => return Err(self.aws.half_done(*begun, error)),
                },
            }
        }
        Ok(refused)
    }

    async fn end(&self, machines: &[&Seen]) -> Result<()> {
        let ids = machines.iter().map(|machine| machine.id.to_string()).collect();
        let call = self.aws.once().ec2.terminate_instances().set_instance_ids(Some(ids));
        self.aws.order("ec2:TerminateInstances", call.send()).await.map(drop)
    }
}

/// Why one stays, if it is refused and nothing else failed.
fn refusal(error: &Error) -> Option<Refusal> {
    match error.kind() {
        ErrorKind::NotFound => Some(Refusal::NotMember),
        ErrorKind::Denied if error.message().contains("OperationNotPermitted") => Some(Refusal::Held),
        _ => None,
    }
}

fn zones<'a>(machines: &[&'a Seen]) -> Vec<Vec<&'a Seen>> {
    let mut zones: BTreeMap<Option<&str>, Vec<&'a Seen>> = BTreeMap::new();
    for machine in machines {
        zones.entry(machine.zone.as_ref().map(|zone| zone.as_str())).or_default().push(machine);
    }
    zones.into_values().collect()
}

fn done(size: u32) -> Resized {
    Resized { size, ..Resized::default() }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

fn conflict(group: GroupId, size: u32, from: u32) -> Error {
    let what = format!("group {group} has {size} instances, and not {from}; look again");
    Error::new(ErrorKind::Conflict, what).with_found(size)
}
