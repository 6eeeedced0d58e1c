//! Auto Scaling groups as they are kept; what they do by themselves is in [`super::super::autoscaling`].

use std::collections::BTreeMap;

use super::{Region, Tags, time};

/// A group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) template: (String, String, String),
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) desired: usize,
    pub(crate) cooldown: u64,
    pub(crate) subnets: Vec<String>,
    pub(crate) check_elb: bool,
    pub(crate) health_check_type: String,
    /// Milliseconds.
    pub(crate) grace: u64,
    pub(crate) warmup: Option<u64>,
    pub(crate) protect_new: bool,
    pub(crate) target_groups: Vec<String>,
    pub(crate) suspended: BTreeMap<String, String>,
    pub(crate) tags: Tags,
    /// Keys of tags that new instances get.
    pub(crate) propagated: Vec<String>,
    pub(crate) created: u64,
    pub(crate) shown_at: u64,
    /// Since when it is being deleted.
    pub(crate) deleting: Option<u64>,
    pub(crate) gone_at: Option<u64>,
    pub(crate) members: BTreeMap<String, Member>,
    pub(crate) activities: Vec<Activity>,
    pub(crate) wake: Option<u64>,
    /// Not before then is a launch tried again.
    pub(crate) hold_launch: u64,
    /// It launched one too many, to be able to give one up elsewhere.
    pub(crate) rebalancing: bool,
    pub(crate) draws: u64,
}

/// A member.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) state: Lifecycle,
    pub(crate) unhealthy: bool,
    pub(crate) protected: bool,
    pub(crate) in_service: Option<u64>,
    /// Index of the activity in progress.
    pub(crate) activity: Option<usize>,
}

/// Where a member stands: EC2 Auto Scaling guide, "Instance lifecycle".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lifecycle {
    /// Launched, or coming back from standby.
    Pending,
    /// Counts.
    InService,
    /// On its way to standby.
    EnteringStandby,
    /// Does not count, gets no traffic.
    Standby,
    /// Drains, or is being terminated.
    Terminating,
}

impl Lifecycle {
    /// As AWS writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InService => "InService",
            Self::EnteringStandby => "EnteringStandby",
            Self::Standby => "Standby",
            Self::Terminating => "Terminating",
        }
    }

    pub(crate) fn counts(self) -> bool {
        matches!(self, Self::Pending | Self::InService)
    }
}

/// An entry of a group's history.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    pub(crate) id: String,
    pub(crate) group: String,
    pub(crate) group_arn: String,
    pub(crate) description: String,
    pub(crate) cause: String,
    pub(crate) start: u64,
    pub(crate) end: Option<u64>,
    pub(crate) status: &'static str,
    pub(crate) message: Option<String>,
    pub(crate) details: String,
}

/// The processes that can be suspended: EC2 Auto Scaling guide, "Suspend and resume processes".
pub(crate) const PROCESSES: [&str; 9] = [
    "Launch",
    "Terminate",
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
];

impl Group {
    pub(crate) fn runs(&self, process: &str) -> bool {
        !self.suspended.contains_key(process)
    }

    pub(crate) fn counted(&self) -> usize {
        self.members.values().filter(|member| member.state.counts()).count()
    }

    pub(crate) fn shown(&self, now: u64) -> bool {
        now >= self.shown_at
    }

    pub(crate) fn status(&self) -> Option<&'static str> {
        self.deleting.map(|_| "Delete in progress")
    }

    /// Asks for a look at it.
    pub(crate) fn stir(&mut self, at: u64) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    pub(crate) fn begin(&mut self, now: u64, id: String, description: String, cause: String, details: String) -> usize {
        let activity = Activity {
            id,
            group: self.name.clone(),
            group_arn: self.arn.clone(),
            description,
            cause: format!("At {} {cause}", time(now)),
            start: now,
            end: None,
            status: "InProgress",
            message: None,
            details,
        };
        self.activities.push(activity);
        self.activities.len() - 1
    }

    pub(crate) fn end(&mut self, activity: Option<usize>, now: u64, status: &'static str, message: Option<String>) {
        if let Some(activity) = activity.and_then(|at| self.activities.get_mut(at)) {
            activity.end = Some(now);
            activity.status = status;
            activity.message = message;
        }
    }
}

impl Region {
    /// When the next group looks at itself.
    pub(crate) fn due(&self) -> Option<u64> {
        self.groups.values().filter_map(|group| group.wake).min()
    }

    /// Something has changed that groups may have to react to.
    pub(crate) fn stir(&mut self) {
        let at = self.now.saturating_add(self.settings.tick);
        self.groups.values_mut().for_each(|group| group.stir(at));
    }
}
