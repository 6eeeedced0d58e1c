//! What groups do by themselves: they launch, look after the health of who is there, drain, terminate and balance their zones.
//!
//! The rules are those of the EC2 Auto Scaling guide: "Instance lifecycle", "Health checks for instances", "Suspend and resume processes",
//! "Availability Zone rebalancing", "Control which instances terminate".

use super::super::ec2::status;
use super::super::error::Result;
use super::super::world::group::{Group, Lifecycle, Member};
use super::super::world::instance::{Launch, State, Wanted};
use super::super::world::{Region, SECOND, scramble};

/// How often a group that wants nothing looks after its members.
const WATCH: u64 = 30 * SECOND;

impl Region {
    /// All groups that are due look at themselves.
    pub(crate) fn tick(&mut self) {
        self.sweep_targets();
        let due: Vec<_> = self
            .groups
            .values()
            .filter(|group| group.wake.is_some_and(|wake| wake <= self.now))
            .map(|group| group.name.clone())
            .collect();
        for name in due {
            if let Some(mut group) = self.groups.remove(&name) {
                group.wake = None;
                if self.converge(&mut group) {
                    self.groups.insert(name, group);
                } else {
                    self.past.extend(group.activities);
                }
            }
        }
    }

    /// `false`: the group is no more.
    fn converge(&mut self, group: &mut Group) -> bool {
        let now = self.now;
        self.arrivals(group);
        self.departures(group);
        self.check_health(group);
        self.resize(group);
        self.rebalance(group);
        if group.deleting.is_some() && group.members.is_empty() {
            let gone_at = *group.gone_at.get_or_insert(now.saturating_add(self.settings.delete));
            if now >= gone_at {
                return false;
            }
            group.stir(gone_at);
        }
        let moving = group.members.values().any(|member| !matches!(member.state, Lifecycle::InService | Lifecycle::Standby));
        let counted = group.counted();
        let differs = (counted < group.desired && group.runs("Launch")) || (counted > group.desired && group.runs("Terminate"));
        if moving || (differs && now >= group.hold_launch) {
            group.stir(now.saturating_add(self.settings.tick));
        } else if differs {
            group.stir(group.hold_launch);
        }
        if !group.members.is_empty() {
            group.stir(now.saturating_add(WATCH));
        }
        true
    }

    /// Who runs comes into service, and into the target groups unless `AddToLoadBalancer` is suspended.
    fn arrivals(&mut self, group: &mut Group) {
        let now = self.now;
        let pending: Vec<_> =
            group.members.iter().filter(|(_, member)| member.state == Lifecycle::Pending).map(|(id, _)| id.clone()).collect();
        for id in pending {
            let state = self.instances.get(&id).map_or(State::Terminated, |instance| instance.state(now));
            let activity = group.members.get(&id).and_then(|member| member.activity);
            match state {
                State::Pending => {}
                State::Running => {
                    group.end(activity, now, "Successful", None);
                    if let Some(member) = group.members.get_mut(&id) {
                        (member.state, member.in_service, member.activity) = (Lifecycle::InService, Some(now), None);
                    }
                    if group.runs("AddToLoadBalancer") {
                        group.target_groups.iter().for_each(|arn| self.register(arn, &id, None));
                    }
                }
                State::ShuttingDown | State::Terminated => {
                    let reason = self
                        .instances
                        .get(&id)
                        .and_then(|instance| instance.stopping.as_ref())
                        .map_or("", |stopping| stopping.message);
                    let message = format!(
                        "Instance became unhealthy while waiting for instance to be in InService state. Termination Reason: {reason}"
                    );
                    group.end(activity, now, "Cancelled", Some(message));
                    group.members.remove(&id);
                    group.hold_launch = now.saturating_add(self.settings.retry);
                }
            }
        }
    }

    /// Who has drained goes on: to standby, or to be terminated; who is terminated is a member no more.
    fn departures(&mut self, group: &mut Group) {
        let now = self.now;
        let ids: Vec<_> = group.members.keys().cloned().collect();
        for id in ids {
            let Some(member) = group.members.get(&id) else { continue };
            let (lifecycle, activity) = (member.state, member.activity);
            if !matches!(lifecycle, Lifecycle::EnteringStandby | Lifecycle::Terminating) || self.drains(&group.target_groups, &id)
            {
                continue;
            }
            if lifecycle == Lifecycle::EnteringStandby {
                group.end(activity, now, "Successful", None);
                if let Some(member) = group.members.get_mut(&id) {
                    (member.state, member.activity) = (Lifecycle::Standby, None);
                }
                continue;
            }
            if let Some(activity) = activity.and_then(|at| group.activities.get_mut(at)) {
                activity.status = "InProgress";
            }
            self.terminate(&id);
            if self.instances.get(&id).is_none_or(|instance| instance.state(now) == State::Terminated) {
                group.end(activity, now, "Successful", None);
                group.members.remove(&id);
            }
        }
    }

    /// Why a member is unhealthy, in the words of an activity's cause.
    fn ailment(&self, group: &Group, id: &str, member: &Member) -> Option<&'static str> {
        let instance = self.instances.get(id);
        let Some(instance) = instance.filter(|instance| instance.state(self.now) <= State::Running) else {
            // "If the instance is in any state other than running, it is unhealthy", in the grace period too.
            return Some(
                "an instance was taken out of service in response to an EC2 health check indicating it has been terminated or stopped.",
            );
        };
        let since = member.in_service.unwrap_or(self.now);
        if self.now < since.saturating_add(group.grace) {
            return None;
        }
        if status::status(instance, self.now) == "impaired" {
            return Some("an instance was taken out of service in response to an EC2 instance status checks failure.");
        }
        let groups = group.target_groups.iter().filter_map(|arn| self.target_groups.get(arn));
        let sick = groups.filter_map(|target_group| self.health(target_group, id)).any(|health| health.state == "unhealthy");
        (group.check_elb && sick)
            .then_some("an instance was taken out of service in response to an ELB system health check failure.")
    }

    fn check_health(&mut self, group: &mut Group) {
        let serving: Vec<_> =
            group.members.iter().filter(|(_, member)| member.state == Lifecycle::InService).map(|(id, _)| id.clone()).collect();
        for id in serving {
            let Some(member) = group.members.get(&id) else { continue };
            let told = "an instance was taken out of service in response to a user health-check.";
            let found = if group.runs("HealthCheck") { self.ailment(group, &id, member) } else { None };
            let cause = found.or(member.unhealthy.then_some(told));
            if let Some(member) = group.members.get_mut(&id) {
                member.unhealthy = cause.is_some();
            }
            // "ReplaceUnhealthy … is not possible while Terminate is suspended."
            if let Some(cause) = cause.filter(|_| group.runs("ReplaceUnhealthy") && group.runs("Terminate")) {
                self.leave(group, &id, cause);
            }
        }
    }

    fn resize(&mut self, group: &mut Group) {
        let now = self.now;
        if group.deleting.is_some() {
            let left: Vec<_> = group
                .members
                .iter()
                .filter(|(_, member)| member.state != Lifecycle::Terminating)
                .map(|(id, _)| id.clone())
                .collect();
            for id in left {
                self.leave(group, &id, "an instance was taken out of service in response to a user request to delete the group.");
            }
            return;
        }
        let counted = group.counted();
        if counted < group.desired && group.runs("Launch") && now >= group.hold_launch {
            for _ in counted..group.desired {
                let before = group.counted();
                let cause = format!(
                    "an instance was started in response to a difference between desired and actual capacity, increasing the capacity from {before} to {}.",
                    before + 1
                );
                if !self.launch_member(group, &cause) {
                    break;
                }
            }
        }
        let pending = group.members.values().any(|member| member.state == Lifecycle::Pending);
        while group.counted() > group.desired && group.runs("Terminate") && !(group.rebalancing && pending) {
            group.rebalancing = false;
            let Some(id) = self.victim(group) else {
                if now >= group.hold_launch {
                    let id = self.hex();
                    let at = group.begin(
                        now,
                        id,
                        "Terminating EC2 instance.".into(),
                        "a difference between desired and actual capacity was noticed.".into(),
                        "{}".into(),
                    );
                    let message =
                        "Could not scale to desired capacity because all remaining instances are protected from scale-in.";
                    group.end(Some(at), now, "Failed", Some(message.into()));
                    group.hold_launch = now.saturating_add(self.settings.retry);
                }
                break;
            };
            let count = group.counted();
            let cause = format!(
                "an instance was taken out of service in response to a difference between desired and actual capacity, shrinking the capacity from \
                 {count} to {}.",
                count - 1
            );
            self.leave(group, &id, &cause);
        }
    }

    /// How many members that count each of a group's subnets has, fewest first.
    fn spread(&self, group: &Group) -> Vec<(usize, String)> {
        let of = |subnet: &String| {
            let here = |id: &&String| self.instances.get(*id).is_some_and(|instance| instance.subnet == *subnet);
            group.members.iter().filter(|(_, member)| member.state.counts()).map(|(id, _)| id).filter(here).count()
        };
        let mut all: Vec<_> = group.subnets.iter().map(|subnet| (of(subnet), subnet.clone())).collect();
        all.sort_by_key(|(count, _)| *count);
        all
    }

    /// Launches one where there are fewest; "if launches fail in one Availability Zone, it tries the others until it succeeds".
    fn launch_member(&mut self, group: &mut Group, cause: &str) -> bool {
        for (_, subnet) in self.spread(group) {
            let zone = self.subnet(&subnet).map(|subnet| subnet.zone.clone()).unwrap_or_default();
            let details = serde_json::json!({ "Subnet ID": subnet, "Availability Zone": zone }).to_string();
            let (now, activity_id) = (self.now, self.hex());
            match self.launch_for(group, &subnet) {
                Ok(id) => {
                    let activity =
                        group.begin(now, activity_id, format!("Launching a new EC2 instance: {id}"), cause.into(), details);
                    let member = Member {
                        state: Lifecycle::Pending,
                        unhealthy: false,
                        protected: group.protect_new,
                        in_service: None,
                        activity: Some(activity),
                    };
                    group.members.insert(id, member);
                    return true;
                }
                Err(error) => {
                    let message = format!("{} Launching EC2 instance failed.", error.message);
                    let description = format!("Launching a new EC2 instance.  Status Reason: {message}");
                    let activity = group.begin(now, activity_id, description, cause.into(), details);
                    group.end(Some(activity), now, "Failed", Some(message));
                    if error.code != "InsufficientInstanceCapacity" {
                        break;
                    }
                }
            }
        }
        group.hold_launch = self.now.saturating_add(self.settings.retry);
        false
    }

    fn launch_for(&mut self, group: &Group, subnet: &str) -> Result<String> {
        let template = self.find_template(Some(&group.template.0), None)?;
        let mut launch = Launch::read(&mut template.data.clone())?;
        launch.subnet = Some(subnet.into());
        launch.zone = None;
        let mut tags = group.tags.all();
        tags.retain(|key, _| group.propagated.contains(key));
        launch.tags.extend(tags);
        for (key, value) in [
            ("aws:autoscaling:groupName", group.name.as_str()),
            ("aws:ec2launchtemplate:id", &group.template.0),
            ("aws:ec2launchtemplate:version", "1"),
        ] {
            launch.tags.push((key.into(), value.into()));
        }
        let ids = self.launch(&launch, &Wanted { least: 1, most: 1, token: String::new() })?;
        Ok(ids.concat())
    }

    /// Who is to go: of the zone that has most, and not protected. Which of these is not promised ("Default termination policy": at random in the
    /// end), and so is drawn.
    fn victim(&mut self, group: &mut Group) -> Option<String> {
        for (_, subnet) in self.spread(group).into_iter().rev() {
            let mut able = group.members.iter().filter(|(id, member)| {
                member.state == Lifecycle::InService
                    && !member.protected
                    && self.instances.get(*id).is_some_and(|instance| instance.subnet == subnet)
            });
            let count = able.clone().count();
            if count > 0 {
                group.draws += 1;
                let draw =
                    scramble(group.draws ^ u64::from(u32::try_from(group.created % 1_000_003).unwrap_or(0))) % count as u64;
                return able.nth(usize::try_from(draw).unwrap_or(0)).map(|(id, _)| id.clone());
            }
        }
        // Of subnets that are the group's no more.
        let others = group.members.iter().find(|(_, member)| member.state == Lifecycle::InService && !member.protected);
        others.map(|(id, _)| id.clone())
    }

    /// A member begins to leave: it drains first.
    pub(crate) fn leave(&mut self, group: &mut Group, id: &str, cause: &str) -> Option<usize> {
        let (now, activity_id) = (self.now, self.hex());
        group.target_groups.iter().for_each(|arn| self.deregister(arn, id));
        let subnet = self.instances.get(id).map(|instance| (instance.subnet.clone(), instance.zone.clone())).unwrap_or_default();
        let details = serde_json::json!({ "Subnet ID": subnet.0, "Availability Zone": subnet.1 }).to_string();
        let drains = self.drains(&group.target_groups, id);
        let member = group.members.get_mut(id)?;
        let unfinished = member.activity.take();
        member.state = Lifecycle::Terminating;
        group.end(unfinished, now, "Cancelled", None);
        let activity = group.begin(now, activity_id, format!("Terminating EC2 instance: {id}"), cause.into(), details);
        if let Some(begun) = group.activities.get_mut(activity).filter(|_| drains) {
            begun.status = "WaitingForELBConnectionDraining";
        }
        if let Some(member) = group.members.get_mut(id) {
            member.activity = Some(activity);
        }
        if !drains {
            self.terminate(id);
        }
        group.stir(now.saturating_add(self.settings.tick));
        Some(activity)
    }

    /// "Amazon EC2 Auto Scaling launches new instances before it terminates the old ones": one more where there are fewest, then one less.
    fn rebalance(&mut self, group: &mut Group) {
        let able = ["AZRebalance", "Launch", "Terminate"].iter().all(|process| group.runs(process)) && group.deleting.is_none();
        let still = group.members.values().all(|member| matches!(member.state, Lifecycle::InService | Lifecycle::Standby));
        if !able || !still || group.counted() != group.desired || self.now < group.hold_launch {
            return;
        }
        let spread = self.spread(group);
        let of = |found: Option<&(usize, String)>| found.map_or(0, |(count, _)| *count);
        if of(spread.last()) >= of(spread.first()) + 2 {
            group.rebalancing = self.launch_member(group, "an instance was launched to aid in balancing the group's zones.");
        }
    }
}
