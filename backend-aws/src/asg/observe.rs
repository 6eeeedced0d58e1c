//! What is seen of a fleet: its groups, as Auto Scaling shows them, and its machines, as EC2 does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use immutable_core::Result;
use immutable_core::fleet::{
    Coverage, Evidence, FleetId, GroupId, GroupSeen, GroupState, Health, Held, Incident, Instance, Life, Observation, Stranger,
    Trouble, Verdict, Working,
};
use immutable_core::id::{InstanceKey, NativeRef, SourceId, Zone};

use super::AsgFleet;
use super::seen::{Group, Member};
use crate::instances::{self, Machine};
use crate::{marks, templates, trouble};

/// What a group's activities tell.
#[derive(Debug, Default)]
pub(super) struct Activities {
    /// Whether one goes on.
    pub(super) busy: bool,
    /// Whether the newest one failed: Auto Scaling tries again, now and then, and has nothing under way meanwhile.
    gave_up: bool,
    /// Those that failed: id, what was attempted, and why.
    failed: Vec<(String, Trouble)>,
}

impl AsgFleet {
    pub(super) async fn look(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation> {
        let mut groups: BTreeMap<String, Group> =
            self.tagged(fleet, None).await?.into_iter().map(|group| (group.name.clone(), group)).collect();
        // What the filter does not show, or was never tagged, is asked for by name.
        let unseen: Vec<String> =
            known.iter().map(|group| marks::name(fleet, *group)).filter(|name| !groups.contains_key(name)).collect();
        let mut templates = Vec::new();
        if !unseen.is_empty() {
            groups.extend(self.named(&unseen).await?.into_iter().map(|group| (group.name.clone(), group)));
            templates = templates::tagged(&self.aws, fleet, None).await?;
        }
        let machines = instances::of_fleet(&self.aws, fleet).await?;
        let running: Vec<Arc<str>> =
            machines.values().filter(|machine| machine.life == Life::Running).map(|machine| machine.id.clone()).collect();
        let checks = instances::checks(&self.aws, &running).await?;
        let mut seen = Observation::default();
        let mut shown: BTreeSet<Arc<str>> = BTreeSet::new();
        for id in known {
            let name = marks::name(fleet, *id);
            let of_group = || machines.values().filter(|machine| machine.group.as_deref() == Some(&*name));
            let found = groups.remove(&name).filter(|found| found.mark.group(fleet) == Some(*id));
            let mut coverage = Coverage::Whole;
            let (state, mut all) = match &found {
                Some(found) if found.deleting => (GroupState::Deleting, Vec::new()),
                Some(found) => {
                    // Nothing is asked for, and nobody is there: nothing can be under way.
                    let activities = match found.desired == 0 && found.members.is_empty() {
                        true => Activities::default(),
                        false => self.activities(&name).await?,
                    };
                    let incident =
                        |(activity, trouble)| Incident { id: Arc::from(activity), group: *id, instance: None, trouble };
                    seen.incidents.extend(activities.failed.into_iter().map(incident));
                    let stay = found.staying().filter(|member| member.held != Some(Held::Standby)).count();
                    let comes = stay < usize::try_from(found.desired).unwrap_or(usize::MAX) && !activities.gave_up;
                    let moves = found.members.iter().any(|member| matches!(member.life, Life::Booting | Life::Leaving));
                    let state = GroupState::Present {
                        size: found.desired,
                        working: if activities.busy || comes || moves { Working::Busy } else { Working::Idle },
                        spec: found.mark.spec,
                        upkeep: Some(found.upkeep()),
                    };
                    (state, found.members.iter().map(|member| member_seen(member, machines.get(&*member.id), &checks)).collect())
                }
                // Its template is made before the group and deleted after it: a part of it is there, or it is not shown yet.
                None => match templates.iter().find(|template| template.mark.group(fleet) == Some(*id)) {
                    Some(template) => {
                        let state =
                            GroupState::Present { size: 0, working: Working::Busy, spec: template.mark.spec, upkeep: None };
                        (state, Vec::new())
                    }
                    None => (GroupState::Absent, Vec::new()),
                },
            };
            // Those who are members no more, for as long as EC2 shows them.
            let members: BTreeSet<String> =
                found.iter().flat_map(|found| &found.members).map(|member| member.id.clone()).collect();
            all.extend(of_group().filter(|machine| !members.contains(&*machine.id)).filter_map(former));
            all.sort_by(|one: &Instance, other| one.key.cmp(&other.key));
            if state == GroupState::Absent && all.iter().any(|one| one.life != Life::Gone) {
                coverage = Coverage::Part(format!("{name} is not shown, and machines of it are there").into());
            }
            shown.extend(all.iter().map(|one| Arc::from(one.key.name.as_str())));
            seen.groups.push(GroupSeen { group: *id, age: self.lag, coverage, state, instances: Arc::new(all) });
        }
        let others = groups.into_values().filter(|group| group.is_of(fleet)).map(|group| stranger(fleet, &group));
        seen.strangers.extend(others);
        let loose = machines.values().filter(|machine| machine.life != Life::Gone && machine.life != Life::Leaving);
        let loose = loose.filter(|machine| !shown.contains(&machine.id) && !of_strangers(machine, &seen.strangers));
        let loose: Vec<Stranger> = loose
            .map(|machine| Stranger { what: NativeRef::new(machine.id.clone()), claims: machine.mark.generation, orphan: None })
            .collect();
        seen.strangers.extend(loose);
        Ok(seen)
    }

    pub(super) async fn activities(&self, group: &str) -> Result<Activities> {
        use aws_sdk_autoscaling::types::ScalingActivityStatusCode::{Cancelled, Failed, Successful};
        // The newest come first: what goes on, and what failed lately, is among them.
        let call = self.aws.again().asg.describe_scaling_activities().auto_scaling_group_name(group).max_records(100);
        let answer = self.aws.ask("autoscaling:DescribeScalingActivities", call.send()).await?;
        let gave_up = answer.activities().first().and_then(|newest| newest.status_code()) == Some(&Failed);
        let mut activities = Activities { gave_up, ..Activities::default() };
        for activity in answer.activities() {
            match activity.status_code() {
                Some(Failed) => {
                    let text = activity.status_message().or(activity.description()).unwrap_or_default();
                    activities.failed.extend(activity.activity_id().map(|id| (id.to_owned(), trouble::of_activity(text))));
                }
                Some(Successful | Cancelled) | None => {}
                Some(_) => activities.busy = true,
            }
        }
        Ok(activities)
    }
}

/// A member, with what EC2 knows of it.
fn member_seen(member: &Member, machine: Option<&Machine>, checks: &BTreeMap<String, Verdict>) -> Instance {
    let life = match (member.life, machine.map(|machine| machine.life)) {
        // Who is on the way out of a group is, until the group does not show it any more: before, the group cannot be deleted.
        (Life::Leaving, _) => Life::Leaving,
        (_, Some(life @ (Life::Booting | Life::Stopped | Life::Leaving | Life::Gone | Life::Other))) => life,
        (life, _) => life,
    };
    let group = match (member.healthy, member.in_service) {
        (false, _) => Verdict::Unhealthy,
        (true, true) => Verdict::Healthy,
        (true, false) => Verdict::Starting,
    };
    let ec2 = checks.get(&member.id).copied().unwrap_or(if life == Life::Booting { Verdict::Starting } else { Verdict::Unknown });
    Instance {
        key: InstanceKey::named(&*member.id),
        zone: member.zone.as_deref().map(Zone::new).or_else(|| machine.and_then(|machine| machine.zone.clone())),
        runs: machine.and_then(|machine| machine.image.clone()).map_or(Evidence::None, Evidence::Instance),
        life,
        held: member.held,
        health: Arc::from([
            Health { source: SourceId::new(AUTO_SCALING), verdict: group },
            Health { source: SourceId::new(EC2_CHECKS), verdict: ec2 },
        ]),
        trouble: machine.and_then(trouble::of_machine).map(Arc::new),
    }
}

/// The health source that is Auto Scaling's own word on a member: in service and not marked unhealthy.
pub const AUTO_SCALING: &str = "auto-scaling";
/// The health source that is EC2's checks of a machine and of what it runs on.
pub const EC2_CHECKS: &str = "ec2";

/// Who was a member: on the way out, or gone. Who lives on was detached, and is a stranger.
fn former(machine: &Machine) -> Option<Instance> {
    matches!(machine.life, Life::Leaving | Life::Gone).then(|| Instance {
        key: InstanceKey::named(machine.id.clone()),
        zone: machine.zone.clone(),
        runs: machine.image.clone().map_or(Evidence::None, Evidence::Instance),
        life: machine.life,
        held: None,
        health: Arc::from([]),
        trouble: trouble::of_machine(machine).map(Arc::new),
    })
}

fn stranger(fleet: &FleetId, group: &Group) -> Stranger {
    Stranger {
        what: NativeRef::new(&*group.name),
        claims: group.mark.generation,
        orphan: group.mark.group(fleet).filter(|_| group.mark.spec.is_some()),
    }
}

/// Whether a machine is of a group that is itself told of.
fn of_strangers(machine: &Machine, strangers: &[Stranger]) -> bool {
    machine.group.as_deref().is_some_and(|group| strangers.iter().any(|stranger| stranger.what.as_str() == group))
}
