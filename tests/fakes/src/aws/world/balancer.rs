//! Load balancers: listeners and rules that divide what comes in, target groups, and how their targets fare.

use std::collections::BTreeMap;

use super::instance::State;
use super::{Region, SECOND, Tags};

/// A load balancer.
#[derive(Clone, Debug)]
pub(crate) struct Balancer {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) scheme: String,
    pub(crate) subnets: Vec<String>,
    pub(crate) security_groups: Vec<String>,
    pub(crate) created: u64,
    pub(crate) tags: Tags,
}

/// A port on which a load balancer listens.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) arn: String,
    pub(crate) balancer: String,
    pub(crate) port: u16,
    pub(crate) protocol: String,
    pub(crate) route: Route,
    pub(crate) tags: Tags,
}

/// A rule of a listener.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) arn: String,
    pub(crate) listener: String,
    pub(crate) priority: u32,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) route: Route,
    pub(crate) tags: Tags,
}

/// When a rule applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) field: String,
    pub(crate) values: Vec<String>,
}

/// What is done with requests: what was said last, and what was before, which holds until then.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) said: Action,
    pub(crate) before: Action,
    pub(crate) from: u64,
}

/// What is done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Forward { weights: Vec<(String, u32)>, sticky: Option<u64> },
    Fixed { status: String, kind: Option<String>, body: Option<String> },
}

impl Action {
    pub(crate) fn weights(&self) -> &[(String, u32)] {
        match self {
            Self::Forward { weights, .. } => weights,
            Self::Fixed { .. } => &[],
        }
    }
}

impl Route {
    pub(crate) fn new(action: Action, now: u64) -> Self {
        Self { before: action.clone(), said: action, from: now }
    }

    pub(crate) fn in_force(&self, now: u64) -> &Action {
        if now >= self.from { &self.said } else { &self.before }
    }

    pub(crate) fn change(&mut self, action: Action, now: u64, settle: u64) {
        self.before = self.in_force(now).clone();
        self.said = action;
        self.from = now.saturating_add(settle);
    }
}

/// A target group.
#[derive(Clone, Debug)]
pub(crate) struct TargetGroup {
    pub(crate) arn: String,
    pub(crate) name: String,
    /// What it was made with, by the names of the API.
    pub(crate) made: BTreeMap<String, String>,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) targets: BTreeMap<String, Target>,
    pub(crate) used_since: Option<u64>,
    pub(crate) tags: Tags,
}

/// An instance in a target group.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) since: u64,
    pub(crate) port: u16,
    /// Since when it is leaving.
    pub(crate) leaving: Option<u64>,
}

/// A target's state: ELBv2 API, TargetHealth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) state: &'static str,
    pub(crate) reason: Option<&'static str>,
    pub(crate) description: Option<&'static str>,
}

impl Health {
    const fn of(state: &'static str, reason: &'static str, description: &'static str) -> Self {
        Self { state, reason: Some(reason), description: Some(description) }
    }

    pub(crate) const NOT_REGISTERED: Self =
        Self::of("unused", "Target.NotRegistered", "Target is not registered to the target group");
}

impl TargetGroup {
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.made.get(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn port(&self) -> u16 {
        u16::try_from(self.number("Port")).unwrap_or(0)
    }

    /// `deregistration_delay.timeout_seconds`: ELBv2 guide, "Deregistration delay"; 300 s unless said.
    pub(crate) fn delay(&self) -> u64 {
        let seconds: u64 =
            self.attributes.get("deregistration_delay.timeout_seconds").and_then(|text| text.parse().ok()).unwrap_or(300);
        seconds.saturating_mul(SECOND)
    }
}

/// How long a terminated instance may still be shown as a target.
const LINGERS: u64 = 2 * super::MINUTE;

impl Region {
    /// The names of all whom a target group gets requests from.
    pub(crate) fn users_of(&self, target_group: &str) -> Vec<String> {
        let uses = |route: &Route| route.said.weights().iter().any(|(arn, _)| arn == target_group);
        let listeners =
            self.listeners.values().filter(|listener| uses(&listener.route)).map(|listener| listener.balancer.clone());
        let rules = self.rules.values().filter(|rule| uses(&rule.route));
        let rules = rules.filter_map(|rule| self.listeners.get(&rule.listener)).map(|listener| listener.balancer.clone());
        let mut all: Vec<_> = listeners.chain(rules).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Health checks begin when a target group comes into use and end with it.
    pub(crate) fn note_use(&mut self) {
        let used: Vec<_> = self.target_groups.keys().map(|arn| (arn.clone(), !self.users_of(arn).is_empty())).collect();
        for (arn, used) in used {
            if let Some(group) = self.target_groups.get_mut(&arn) {
                group.used_since = if used { group.used_since.or(Some(self.now)) } else { None };
            }
        }
    }

    /// ELBv2 guide, "Health checks for your target groups", "Target health status" and its reason codes. `None`: no longer a target.
    pub(crate) fn health(&self, group: &TargetGroup, id: &str) -> Option<Health> {
        let target = group.targets.get(id)?;
        if let Some(leaving) = target.leaving {
            let over = leaving.saturating_add(group.delay());
            let dead = self.instances.get(id).is_none_or(|instance| instance.state(self.now) == State::Terminated);
            // "If a deregistering target has no in-flight requests and no active connections, the load balancer immediately completes": not assumed.
            return (self.now < over && !dead).then_some(Health::of(
                "draining",
                "Target.DeregistrationInProgress",
                "Target deregistration is in progress",
            ));
        }
        let instance = self.instances.get(id);
        let Some(instance) = instance.filter(|instance| instance.state(self.now) == State::Running) else {
            return Some(Health::of("unused", "Target.InvalidState", "Target is in the terminated state"));
        };
        // "The target group is not used by any load balancer": Target.NotInUse. This is why health never comes to a group that is in no rule.
        let Some(used) = group.used_since else {
            return Some(Health::of(
                "unused",
                "Target.NotInUse",
                "Target group is not configured to receive traffic from the load balancer",
            ));
        };
        let start = target.since.max(used).max(instance.runs_at.unwrap_or(self.now));
        let every = group.number("HealthCheckIntervalSeconds").max(1).saturating_mul(SECOND);
        let (up, down) = (group.number("HealthyThresholdCount").max(1), group.number("UnhealthyThresholdCount").max(1));
        let mut reported = None;
        let mut segments: Vec<(u64, bool)> = vec![(start, false)];
        for (at, well) in &instance.health {
            match segments.last_mut().filter(|_| *at <= start) {
                Some(first) => first.1 = *well,
                None => segments.push((*at, *well)),
            }
        }
        for (index, (from, well)) in segments.iter().enumerate() {
            let until = segments.get(index + 1).map_or(self.now, |next| next.0.min(self.now));
            // "After your target is registered, it must pass one health check to be considered healthy."
            let needed = match (well, reported) {
                (true, None) => 1,
                (true, _) => up,
                (false, _) => down,
            };
            if until.saturating_sub(*from) >= every.saturating_mul(needed) {
                reported = Some(*well);
            }
        }
        Some(match reported {
            Some(true) => Health { state: "healthy", reason: None, description: None },
            Some(false) => Health::of("unhealthy", "Target.FailedHealthChecks", "Health checks failed"),
            None if self.now < start.saturating_add(SECOND) => {
                Health::of("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
            }
            None => Health::of("initial", "Elb.InitialHealthChecking", "Initial health checks in progress"),
        })
    }

    /// Adds a target, or takes one back that was leaving.
    pub(crate) fn register(&mut self, arn: &str, id: &str, port: Option<u16>) {
        let now = self.now;
        if let Some(group) = self.target_groups.get_mut(arn) {
            let port = port.unwrap_or_else(|| group.port());
            let known = group.targets.get(id).filter(|target| target.leaving.is_none());
            if known.is_none() {
                group.targets.insert(id.into(), Target { since: now, port, leaving: None });
            }
        }
    }

    /// Begins to drain. "If the specified target does not exist, the action returns successfully": ELBv2 API, DeregisterTargets.
    pub(crate) fn deregister(&mut self, arn: &str, id: &str) {
        let now = self.now;
        let used = self.target_groups.get(arn).is_some_and(|group| group.used_since.is_some());
        let running = self.instances.get(id).is_some_and(|instance| instance.state(now) == State::Running);
        if let Some(group) = self.target_groups.get_mut(arn) {
            if !used || !running {
                group.targets.remove(id);
            } else if let Some(target) = group.targets.get_mut(id) {
                target.leaving = target.leaving.or(Some(now));
            }
        }
    }

    pub(crate) fn drains(&self, arns: &[String], id: &str) -> bool {
        arns.iter()
            .filter_map(|arn| self.target_groups.get(arn))
            .any(|group| self.health(group, id).is_some_and(|health| health.state == "draining"))
    }

    /// Whoever has drained, or is long gone, is no target any more.
    pub(crate) fn sweep_targets(&mut self) {
        let mut gone = Vec::new();
        for group in self.target_groups.values() {
            for id in group.targets.keys() {
                let forgotten = self.instances.get(id).is_none_or(|instance| {
                    instance.stopping.as_ref().is_some_and(|stopping| self.now >= stopping.until.saturating_add(LINGERS))
                });
                if self.health(group, id).is_none() || forgotten {
                    gone.push((group.arn.clone(), id.clone()));
                }
            }
        }
        for (arn, id) in gone {
            if let Some(group) = self.target_groups.get_mut(&arn) {
                group.targets.remove(&id);
            }
        }
    }
}
