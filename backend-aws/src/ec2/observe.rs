//! What is seen of a fleet: its launch templates, which are its groups, and its machines.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use immutable_core::Result;
use immutable_core::fleet::{
    Coverage, Evidence, FleetId, GroupId, GroupSeen, GroupState, Health, Instance, Life, Observation, Stranger, Verdict, Working,
};
use immutable_core::id::{InstanceKey, NativeRef, SourceId};

use super::{Ec2Fleet, is_member};
use crate::asg::EC2_CHECKS;
use crate::instances::{self, Machine as Seen};
use crate::{marks, templates, trouble};

impl Ec2Fleet {
    pub(super) async fn look(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation> {
        let templates = templates::tagged(&self.aws, fleet, None).await?;
        let machines = self.machines(fleet).await?;
        let running: Vec<Arc<str>> =
            machines.iter().filter(|machine| machine.life == Life::Running).map(|machine| machine.id.clone()).collect();
        let checks = instances::checks(&self.aws, &running).await?;
        let mut seen = Observation::default();
        for id in known {
            let template = templates.iter().find(|template| template.mark.group(fleet) == Some(*id));
            let of_group: Vec<&Seen> = machines.iter().filter(|machine| machine.mark.group(fleet) == Some(*id)).collect();
            let there = of_group.iter().filter(|machine| machine.life != Life::Gone).count();
            let coverage = match template.is_none() && there > 0 {
                true => Coverage::Part(
                    format!("the launch template of {} is not shown, and machines of it are there", marks::name(fleet, *id))
                        .into(),
                ),
                false => Coverage::Whole,
            };
            let moves = of_group.iter().any(|machine| matches!(machine.life, Life::Requested | Life::Booting | Life::Leaving));
            let state = match template {
                Some(template) => GroupState::Present {
                    size: u32::try_from(of_group.iter().filter(|machine| is_member(machine)).count()).unwrap_or(u32::MAX),
                    working: if moves { Working::Busy } else { Working::Idle },
                    spec: template.mark.spec,
                    upkeep: None,
                },
                None => GroupState::Absent,
            };
            let mut all: Vec<Instance> = of_group.into_iter().map(|machine| shown(machine, &checks)).collect();
            all.sort_by(|one, other| one.key.cmp(&other.key));
            seen.groups.push(GroupSeen { group: *id, age: self.lag, coverage, state, instances: Arc::new(all) });
        }
        let unknown = |group: Option<GroupId>| group.is_none_or(|group| !known.contains(&group));
        for template in templates.iter().filter(|template| unknown(template.mark.group(fleet))) {
            let orphan = template.mark.group(fleet).filter(|_| template.mark.spec.is_some());
            seen.strangers.push(Stranger { what: NativeRef::new(&*template.name), claims: template.mark.generation, orphan });
        }
        let of_template =
            |machine: &Seen| templates.iter().any(|template| template.mark.group(fleet) == machine.mark.group(fleet));
        for machine in machines.iter().filter(|machine| is_member(machine)) {
            if unknown(machine.mark.group(fleet)) && !of_template(machine) {
                let what = NativeRef::new(machine.id.clone());
                seen.strangers.push(Stranger { what, claims: machine.mark.generation, orphan: None });
            }
        }
        Ok(seen)
    }
}

fn shown(machine: &Seen, checks: &BTreeMap<String, Verdict>) -> Instance {
    let early = if matches!(machine.life, Life::Booting | Life::Requested) { Verdict::Starting } else { Verdict::Unknown };
    let verdict = checks.get(&*machine.id).copied().unwrap_or(early);
    Instance {
        key: InstanceKey::named(machine.id.clone()),
        zone: machine.zone.clone(),
        runs: machine.image.clone().map_or(Evidence::None, Evidence::Instance),
        life: machine.life,
        held: None,
        health: Arc::from([Health { source: SourceId::new(EC2_CHECKS), verdict }]),
        trouble: trouble::of_machine(machine).map(Arc::new),
    }
}
