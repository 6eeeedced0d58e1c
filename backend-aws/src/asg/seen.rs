//! An Auto Scaling group as it was read.

use aws_sdk_autoscaling::types::{AutoScalingGroup, LifecycleState};
use immutable_core::fleet::{FleetId, Held, Life, Upkeep};

use crate::marks::Mark;

/// What somebody else's instance refresh would be: it is suspended in all that is ours, and last of all when a group is made. Where it is not, the making did not end.
pub(super) const REFRESH: &str = "InstanceRefresh";
const HEAL: &[&str] = &["ReplaceUnhealthy"];
const REBALANCE: &[&str] = &["AZRebalance"];
const AUTOSCALE: &[&str] = &["AlarmNotification", "ScheduledActions"];

/// A group, as far as it matters here.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) mark: Mark,
    pub(super) desired: u32,
    pub(super) max: u32,
    pub(super) deleting: bool,
    pub(super) suspended: Vec<String>,
    /// Whether those to come are protected from Auto Scaling's own choice.
    pub(super) protects: bool,
    /// Name and version of the launch template.
    pub(super) template: Option<(String, String)>,
    pub(super) subnets: Vec<String>,
    /// The target groups that its machines are registered with, by ARN.
    pub(super) target_groups: Vec<String>,
    pub(super) members: Vec<Member>,
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) zone: Option<String>,
    pub(super) life: Life,
    pub(super) held: Option<Held>,
    pub(super) in_service: bool,
    /// Whether Auto Scaling may not choose it.
    pub(super) protected: bool,
    pub(super) healthy: bool,
}

impl Group {
    pub(super) fn read(group: &AutoScalingGroup) -> Self {
        let template = group.launch_template().and_then(|template| {
            Some((template.launch_template_name()?.to_owned(), template.version().unwrap_or("$Default").to_owned()))
        });
        let count = |size: Option<i32>| size.and_then(|size| u32::try_from(size).ok()).unwrap_or(0);
        let subnets = group.vpc_zone_identifier().unwrap_or_default().split(',').map(|subnet| subnet.trim().to_owned());
        Self {
            name: group.auto_scaling_group_name().unwrap_or_default().to_owned(),
            mark: Mark::read(group.tags().iter().map(|tag| (tag.key(), tag.value()))),
            desired: count(group.desired_capacity()),
            max: count(group.max_size()),
            // "AutoScalingGroup": the status is only set while the group is being deleted.
            deleting: group.status().is_some_and(|status| !status.is_empty()),
            protects: group.new_instances_protected_from_scale_in().unwrap_or(false),
            suspended: group.suspended_processes().iter().filter_map(|one| one.process_name().map(str::to_owned)).collect(),
            template,
            subnets: subnets.filter(|subnet| !subnet.is_empty()).collect(),
            target_groups: group.target_group_arns().to_vec(),
            members: group.instances().iter().filter_map(Member::read).collect(),
        }
    }

    /// Those who neither left nor are leaving.
    pub(super) fn staying(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.life != Life::Leaving)
    }

    pub(super) fn is_of(&self, fleet: &FleetId) -> bool {
        self.mark.fleet.as_deref() == Some(fleet.name())
    }

    fn does(&self, processes: &[&str]) -> bool {
        !processes.iter().any(|process| self.suspended.iter().any(|suspended| suspended == process))
    }

    pub(super) fn upkeep(&self) -> Upkeep {
        Upkeep { heal: self.does(HEAL), rebalance: self.does(REBALANCE), autoscale: self.does(AUTOSCALE) }
    }

    /// Whether it was made to the end.
    pub(super) fn is_complete(&self) -> bool {
        !self.does(&[REFRESH])
    }

    /// What is to be suspended, and what resumed, for an upkeep.
    pub(super) fn changes_to(&self, upkeep: Upkeep) -> (Vec<String>, Vec<String>) {
        let (mut suspend, mut resume) = (Vec::new(), Vec::new());
        for (processes, on) in
            [(HEAL, upkeep.heal), (REBALANCE, upkeep.rebalance), (AUTOSCALE, upkeep.autoscale), (&[REFRESH], false)]
        {
            let differ = processes.iter().filter(|process| self.does(&[process]) != on).map(ToString::to_string);
            if on { resume.extend(differ) } else { suspend.extend(differ) }
        }
        (suspend, resume)
    }
}

impl Member {
    /// `None` of those that are no members any more, or not yet: detached, or in a warm pool.
    fn read(instance: &aws_sdk_autoscaling::types::Instance) -> Option<Self> {
        use LifecycleState::*;
        let state = instance.lifecycle_state();
        let (life, held) = match state? {
            InService => (Life::Running, None),
            Pending | PendingProceed => (Life::Booting, None),
            PendingWait => (Life::Booting, Some(Held::Hook)),
            Standby | EnteringStandby => (Life::Running, Some(Held::Standby)),
            Quarantined => (Life::Running, Some(Held::Retained)),
            Terminating | TerminatingProceed | Terminated => (Life::Leaving, None),
            TerminatingWait => (Life::Leaving, Some(Held::Hook)),
            TerminatingRetained => (Life::Leaving, Some(Held::Retained)),
            Detached | Detaching => return None,
            other if other.as_str().starts_with("Warmed") => return None,
            _ => (Life::Other, None),
        };
        Some(Self {
            id: instance.instance_id()?.to_owned(),
            zone: instance.availability_zone().map(str::to_owned),
            life,
            held,
            in_service: state == Some(&InService),
            protected: instance.protected_from_scale_in().unwrap_or(false),
            healthy: instance.health_status().is_none_or(|status| !status.eq_ignore_ascii_case("unhealthy")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_autoscaling::types::SuspendedProcess;

    fn group(suspended: &[&str]) -> Group {
        let suspended = suspended.iter().map(|name| SuspendedProcess::builder().process_name(*name).build()).collect();
        Group::read(&AutoScalingGroup::builder().set_suspended_processes(Some(suspended)).build())
    }

    #[test]
    fn upkeep_is_what_is_not_suspended() {
        assert_eq!(group(&[]).upkeep(), Upkeep { heal: true, rebalance: true, autoscale: true });
        let quiet = group(&["ReplaceUnhealthy", "AZRebalance", "ScheduledActions", "InstanceRefresh"]);
        assert_eq!(quiet.upkeep(), Upkeep::NONE, "half of a policy is none");
        assert!(quiet.is_complete() && !group(&[]).is_complete());
    }

    #[test]
    fn only_what_differs_is_changed() {
        let (suspend, resume) =
            group(&["AZRebalance", "AlarmNotification"]).changes_to(Upkeep { heal: false, rebalance: true, autoscale: false });
        assert_eq!(suspend, ["ReplaceUnhealthy", "ScheduledActions", "InstanceRefresh"]);
        assert_eq!(resume, ["AZRebalance"]);
    }

    #[test]
    fn who_is_detached_or_warm_is_no_member_and_who_waits_is_held() {
        let read = |state: &str| {
            Member::read(
                &aws_sdk_autoscaling::types::Instance::builder()
                    .instance_id("i-1")
                    .lifecycle_state(state.into())
                    .health_status("Healthy")
                    .availability_zone("a")
                    .protected_from_scale_in(true)
                    .build(),
            )
        };
        assert!(read("Detaching").is_none() && read("Warmed:Stopped").is_none());
        assert_eq!(read("Pending:Wait").map(|one| (one.life, one.held)), Some((Life::Booting, Some(Held::Hook))));
        assert_eq!(read("Standby").map(|one| one.held), Some(Some(Held::Standby)));
        assert_eq!(read("SomethingNew").map(|one| one.life), Some(Life::Other));
    }
}
