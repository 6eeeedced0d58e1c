//! A managed instance group, and who it manages, as they were read.

use google_cloud_compute_v1::model::instance_group_manager_instance_lifecycle_policy::DefaultActionOnFailure;
use google_cloud_compute_v1::model::instance_group_manager_update_policy::InstanceRedistributionType;
use google_cloud_compute_v1::model::managed_instance::{CurrentAction, InstanceStatus};
use google_cloud_compute_v1::model::{InstanceGroupManager, ManagedInstance};
use immutable_core::fleet::{FleetId, GroupId, Life};
use immutable_core::id::InstanceKey;

use super::calls::At;
use crate::marks::{Mark, last};
use crate::operations::Scope;

/// A group, as far as it matters here.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) at: At,
    mark: Option<Mark>,
    pub(crate) target: u32,
    /// The URL of its instance group, by which load balancers know it.
    pub(crate) url: Option<String>,
    /// The name of its template.
    pub(super) template: Option<String>,
    pub(super) versions: usize,
    pub(super) heal: bool,
    pub(super) rebalance: bool,
    /// The URL of its autoscaler, if it has one.
    pub(super) autoscaler: Option<String>,
    /// Whether Google says that nothing is under way, and nothing is to be.
    pub(super) stable: bool,
}

impl Group {
    pub(crate) fn read(at: At, group: &InstanceGroupManager) -> Self {
        let status = group.status.as_ref();
        let reached = status.and_then(|status| status.version_target.as_ref()).and_then(|target| target.is_reached);
        let redistribution = group.update_policy.as_ref().and_then(|policy| policy.instance_redistribution_type.clone());
        let on_failure = group.instance_lifecycle_policy.as_ref().and_then(|policy| policy.default_action_on_failure.clone());
        Self {
            mark: Mark::read(group.description.as_ref()),
            target: group.target_size.and_then(|size| u32::try_from(size).ok()).unwrap_or(0),
            url: group.instance_group.clone(),
            template: group
                .versions
                .first()
                .and_then(|version| version.instance_template.as_deref())
                .map(|url| last(url).to_owned()),
            versions: group.versions.len(),
            // "InstanceGroupManagerInstanceLifecyclePolicy": REPAIR is the default.
            heal: on_failure != Some(DefaultActionOnFailure::DoNothing),
            // "InstanceGroupManagerUpdatePolicy": PROACTIVE is the default, and only groups of a region have zones to choose from.
            rebalance: at.scope == Scope::Region && redistribution != Some(InstanceRedistributionType::None),
            autoscaler: status.and_then(|status| status.autoscaler.clone()),
            stable: status.and_then(|status| status.is_stable) == Some(true) && reached != Some(false),
            at,
        }
    }

    /// Which of a fleet's groups it is, by its name and its mark.
    pub(crate) fn id(&self, fleet: &FleetId) -> Option<GroupId> {
        let id = self.mark.as_ref()?.group(fleet)?;
        (crate::marks::name(fleet, id) == self.at.name).then_some(id)
    }

    pub(super) fn mark(&self) -> Option<&Mark> {
        self.mark.as_ref()
    }
}

/// Name and incarnation of who is there; nothing of one that is still to be made, or made again: it has a name, and is nobody yet.
pub(crate) fn key(member: &ManagedInstance) -> Option<InstanceKey> {
    Some(InstanceKey::named(name(member)).incarnation(member.id?.to_string()))
}

pub(super) fn name(member: &ManagedInstance) -> String {
    let url = || member.instance.as_deref().map(|url| last(url).to_owned());
    member.name.clone().or_else(url).unwrap_or_default()
}

/// `europe-west1-b`, of a URL with a zone in it.
pub(super) fn zone(url: &str) -> Option<&str> {
    url.split('/').skip_while(|part| *part != "zones").nth(1)
}

/// Where a machine is in its life. "Instance lifecycle"; what its group does to it comes first.
pub(crate) fn life(member: &ManagedInstance) -> Life {
    match (&member.current_action, &member.instance_status) {
        // One that is repaired by being made anew ends, too.
        (Some(CurrentAction::Deleting | CurrentAction::Recreating | CurrentAction::Abandoning), _) => Life::Leaving,
        (_, Some(InstanceStatus::Running)) => match &member.current_action {
            Some(CurrentAction::Creating | CurrentAction::CreatingWithoutRetries | CurrentAction::Restarting) => Life::Booting,
            _ => Life::Running,
        },
        (_, Some(InstanceStatus::Provisioning | InstanceStatus::Staging | InstanceStatus::Pending)) => Life::Booting,
        (_, Some(InstanceStatus::Deprovisioning)) => Life::Leaving,
        (_, Some(InstanceStatus::Stopping | InstanceStatus::PendingStop | InstanceStatus::Suspending)) => Life::Stopped,
        (_, Some(InstanceStatus::Stopped | InstanceStatus::Terminated | InstanceStatus::Suspended)) => Life::Stopped,
        (Some(CurrentAction::Creating | CurrentAction::CreatingWithoutRetries), None) => Life::Booting,
        _ => Life::Other,
    }
}

/// Whether a member is on its way out of its group for good.
pub(super) fn leaves(member: &ManagedInstance) -> bool {
    matches!(&member.current_action, Some(CurrentAction::Deleting | CurrentAction::Abandoning))
}

/// Whether one that is not there could not be made at the last try, or nobody tries: its machine is gone, and its group repairs none.
pub(super) fn stuck(group: &Group, member: &ManagedInstance) -> bool {
    let nobody_tries = || !group.heal && matches!(&member.current_action, None | Some(CurrentAction::None));
    member.id.is_none() && !leaves(member) && (!errors(member).is_empty() || nobody_tries())
}

/// What went wrong at the last try to make or delete one: codes and words.
pub(super) fn errors(member: &ManagedInstance) -> Vec<(&str, &str)> {
    let errors = member.last_attempt.as_ref().and_then(|attempt| attempt.errors.as_ref());
    let both = errors.map(|errors| errors.errors.as_slice()).unwrap_or_default().iter();
    both.map(|error| (error.code.as_deref().unwrap_or_default(), error.message.as_deref().unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_yet_has_a_name_and_is_nobody() {
        let slot = ManagedInstance::new().set_name("web-0001-0-x7z2").set_current_action(CurrentAction::Creating);
        assert_eq!(key(&slot), None);
        assert_eq!(
            key(&slot.set_id(7_u64)).unwrap().to_string(),
            InstanceKey::named("web-0001-0-x7z2").incarnation("7").to_string()
        );
    }

    #[test]
    fn what_a_group_does_to_a_machine_comes_first() {
        let running = ManagedInstance::new().set_id(7_u64).set_instance_status(InstanceStatus::Running);
        assert_eq!(life(&running.clone().set_current_action(CurrentAction::None)), Life::Running);
        assert_eq!(life(&running.clone().set_current_action(CurrentAction::Verifying)), Life::Running);
        assert_eq!(life(&running.clone().set_current_action(CurrentAction::Creating)), Life::Booting);
        assert_eq!(life(&running.clone().set_current_action(CurrentAction::Deleting)), Life::Leaving);
        assert_eq!(life(&running.set_current_action(CurrentAction::Recreating)), Life::Leaving, "its successor has another id");
    }

    #[test]
    fn a_zone_is_read_from_a_url() {
        let url = "https://www.googleapis.com/compute/v1/projects/acme/zones/europe-west1-b/instances/web-1";
        assert_eq!(zone(url), Some("europe-west1-b"));
        assert_eq!(zone("projects/acme/regions/europe-west1"), None);
    }
}
