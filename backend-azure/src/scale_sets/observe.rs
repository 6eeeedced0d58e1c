//! What is seen of a fleet: its scale sets, their machines, and what went wrong.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use immutable_core::fleet::{
    Coverage, Evidence, FleetId, GroupId, GroupSeen, GroupState, Health, Incident, Instance, Observation, Stranger, Upkeep,
    Working,
};
use immutable_core::id::{ImageId, InstanceKey, NativeRef, SourceId, Zone};
use immutable_core::{ErrorKind, Result};

use super::seen::{Group, Machine};
use super::{Begun, VmssFleet};
use crate::operations::Stands;
use crate::{errors, marks};

/// The health source that is Azure's own word on a machine: it was made, and runs.
pub const SCALE_SET: &str = "scale-set";
/// The health source that is the [health extension](crate::ApplicationHealth) of the fleet's template.
pub const APPLICATION_HEALTH: &str = "application-health";

impl VmssFleet {
    pub(super) async fn look(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation> {
        // One list of scale sets for the whole fleet, and one of the machines of each: reads of single ones are dear (cloud-provider-azure#247).
        let mut groups = self.azure.groups().await?;
        let mut seen = Observation::default();
        for id in known {
            let mark = |group: &Group| group.id(fleet) == Some(*id);
            let found = match groups.iter().position(mark) {
                Some(at) => Some(groups.remove(at)),
                // A list may be late.
                None => self.find(fleet, *id).await?,
            };
            found.iter().for_each(|found| self.know(fleet, found));
            if found.as_ref().is_none_or(|found| !mark(found)) {
                // Whoever has its name is told of by the call that would make it.
                let name = marks::name(fleet, *id);
                groups.retain(|group| !group.name.eq_ignore_ascii_case(&name));
                // Whoever was adopted, and bears the tags no more, is told of here.
                let former = found.as_ref().filter(|found| !found.name.eq_ignore_ascii_case(&name));
                seen.strangers.extend(former.map(|former| claimed(former, *id)));
                // Its machines run still: it is not absent, and nothing of it is known any more.
                if let Some(former) = former {
                    seen.groups.push(untagged(*id, former, self.lag));
                    continue;
                }
            }
            let there = match found.filter(mark) {
                Some(found) => match self.look_at(*id, &found, &mut seen.incidents).await {
                    // It went while it was looked at, if it did.
                    Err(error) if error.kind() == ErrorKind::NotFound => match self.certainly(&found.name).await? {
                        Some(_) => return Err(error),
                        None => None,
                    },
                    other => Some(other?),
                },
                None => None,
            };
            seen.groups.push(there.unwrap_or_else(|| GroupSeen {
                group: *id,
                age: self.lag,
                coverage: Coverage::Whole,
                state: GroupState::Absent,
                instances: Arc::default(),
            }));
        }
        seen.strangers.extend(groups.iter().filter_map(|group| stranger(fleet, group)));
        let absent = seen.groups.iter().filter(|group| group.state == GroupState::Absent).map(|group| group.group);
        let gone: BTreeSet<String> = absent.map(|id| self.forget(fleet, id).unwrap_or_else(|| marks::name(fleet, id))).collect();
        let is_gone = |name: &String| gone.iter().any(|gone| gone.eq_ignore_ascii_case(name));
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| !is_gone(name));
        Ok(seen)
    }

    async fn look_at(&self, id: GroupId, group: &Group, incidents: &mut Vec<Incident>) -> Result<GroupSeen> {
        let machines = self.azure.machines(group).await?;
        let wrong = self.went_wrong(id, group, &machines).await;
        // Machines that failed tell of it themselves.
        if machines.iter().all(|machine| machine.faults().is_empty()) {
            incidents.extend(wrong);
        }
        let mut instances: Vec<Instance> = machines.iter().filter_map(|machine| instance(group, machine)).collect();
        instances.sort_by(|one, other| one.key.cmp(&other.key));
        let working = if is_at_work(group, &machines) { Working::Busy } else { Working::Idle };
        let upkeep = Upkeep { heal: group.repairs, rebalance: group.rebalances, autoscale: false };
        let spec = group.mark().and_then(|mark| mark.spec);
        let state = GroupState::Present { size: group.capacity, working, spec, upkeep: Some(upkeep) };
        Ok(GroupSeen { group: id, age: self.lag, coverage: Coverage::Whole, state, instances: Arc::new(instances) })
    }

    /// What came of the sizes that this process has set. A capacity that there is not is told by the operation alone (autoscaler#8323).
    async fn went_wrong(&self, id: GroupId, group: &Group, machines: &[Machine]) -> Vec<Incident> {
        let open = || {
            let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
            begun.get(&group.name).cloned().unwrap_or_default()
        };
        let mut begun = open();
        if begun.iter().any(|one| one.ended.is_none()) {
            let stands = join_all(begun.iter().map(async |one| match one.ended {
                None => Some(self.azure.stands(&one.operation).await),
                Some(_) => None,
            }))
            .await;
            for (one, stands) in begun.iter_mut().zip(stands) {
                match stands {
                    None | Some(Ok(Stands::Running(_))) => {}
                    Some(Ok(Stands::Failed(faults))) => one.ended = Some(faults),
                    // One that was overtaken is no trouble, and of one that nobody knows any more nothing is to be learnt.
                    Some(Ok(Stands::Done | Stands::Lost)) => one.ended = Some(Vec::new()),
                    // What cannot be learnt now keeps nobody from seeing the machines.
                    Some(Err(error)) => tracing::debug!(group = group.name, %error, "an operation cannot be asked about"),
                }
            }
        }
        told(&mut begun, machines);
        let mut all = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        for known in all.get_mut(&group.name).into_iter().flatten() {
            if let Some(one) = begun.iter().find(|one| one.operation == known.operation) {
                known.clone_from(one);
            }
        }
        drop(all);
        let incident = |one: &Begun| {
            let faults = one.ended.as_ref().filter(|faults| one.told.is_empty() && !faults.is_empty() && !overtaken(faults))?;
            let id_of = format!("{id} {}", one.operation.id());
            Some(Incident { id: id_of.into(), group: id, instance: None, trouble: errors::trouble(faults) })
        };
        begun.iter().filter_map(incident).collect()
    }
}

/// What went wrong with an operation is told by the machines that it has left as failed, also once they are gone. Each of them tells of one.
fn told(begun: &mut [Begun], machines: &[Machine]) {
    let mut spent: BTreeSet<InstanceKey> = begun.iter().flat_map(|one| one.told.iter().cloned()).collect();
    for one in begun.iter_mut().filter(|one| one.told.is_empty()) {
        let codes: BTreeSet<&str> = one.ended.iter().flatten().map(|fault| fault.code.as_str()).collect();
        let of = |machine: &&Machine| machine.faults().iter().any(|fault| codes.contains(fault.code.as_str()));
        let by: BTreeSet<InstanceKey> =
            machines.iter().filter(of).filter_map(Machine::key).filter(|key| !spent.contains(key)).collect();
        spent.extend(by.iter().cloned());
        one.told = by;
    }
}

/// A later change of the same scale set ends an earlier one (autoscaler#3018).
fn overtaken(faults: &[errors::Fault]) -> bool {
    faults.iter().any(|fault| ["OperationPreempted", "Canceled", "OperationCanceled"].contains(&fault.code.as_str()))
}

/// Whether Azure works on a scale set, or on one of its machines.
pub(super) fn is_at_work(group: &Group, machines: &[Machine]) -> bool {
    group.is_at_work() || machines.iter().any(Machine::is_at_work)
}

fn instance(group: &Group, machine: &Machine) -> Option<Instance> {
    let faults = machine.faults();
    let mut health = vec![Health { source: SourceId::new(SCALE_SET), verdict: machine.managed() }];
    if group.body.pointer("/properties/virtualMachineProfile/extensionProfile").is_some() {
        health.push(Health { source: SourceId::new(APPLICATION_HEALTH), verdict: machine.health() });
    }
    Some(Instance {
        key: machine.key()?,
        zone: machine.zone.as_deref().map(Zone::new),
        runs: machine.runs(group.runs.as_deref()).map_or(Evidence::None, |image| Evidence::Instance(ImageId::new(image))),
        life: machine.life(),
        held: None,
        health: health.into(),
        trouble: (!faults.is_empty()).then(|| Arc::new(errors::trouble(&faults))),
    })
}

/// A scale set that was adopted and that bears the tags no more.
fn untagged(id: GroupId, group: &Group, age: Duration) -> GroupSeen {
    let why = format!("{} was adopted as group {id}, and bears the fleet's tags no more; give them back to it", group.name);
    let state = GroupState::Present { size: group.capacity, working: Working::Unsaid, spec: None, upkeep: None };
    GroupSeen { group: id, age, coverage: Coverage::Part(why.into()), state, instances: Arc::default() }
}

/// Whoever bears a fleet's tags, or a name that it would use.
fn stranger(fleet: &FleetId, group: &Group) -> Option<Stranger> {
    // What others made is never removed for the tags that it was given.
    let orphan = group.id(fleet).filter(|_| !group.is_adopted());
    let tagged = group.mark().and_then(|mark| mark.group(fleet));
    let claims = orphan.or(tagged).or(marks::group(fleet, &group.name)).map(|id| id.generation);
    claims.map(|claims| Stranger { what: NativeRef::new(&*group.name), claims: Some(claims), orphan })
}

/// Whoever is taken for a group, and is none.
fn claimed(group: &Group, id: GroupId) -> Stranger {
    Stranger { what: NativeRef::new(&*group.name), claims: Some(id.generation), orphan: None }
}
