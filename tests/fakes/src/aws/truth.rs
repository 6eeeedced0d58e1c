//! What is really there, for those who judge: nothing late, nothing hidden.

use std::collections::BTreeMap;

use super::FakeAws;
use super::world::Region;
use super::world::balancer::Route;
use super::world::group::Lifecycle;
use super::world::instance::State;

/// A region, as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Milliseconds.
    pub at: u64,
    /// By id; all that there ever were, terminated ones too.
    pub instances: BTreeMap<String, Machine>,
    /// By name.
    pub groups: BTreeMap<String, GroupTruth>,
    /// By id.
    pub templates: BTreeMap<String, TemplateTruth>,
    /// By the ARN of a listener, or of a rule.
    pub routes: BTreeMap<String, RouteTruth>,
    /// By ARN.
    pub target_groups: BTreeMap<String, TargetGroupTruth>,
    /// By id.
    pub images: BTreeMap<String, ImageTruth>,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Of what it was launched.
    pub image: String,
    /// The Auto Scaling group that it is a member of.
    pub group: Option<String>,
    /// Where it stands there.
    pub lifecycle: Option<Lifecycle>,
    /// `us-east-1a`.
    pub zone: String,
    /// Its state.
    pub state: State,
    /// Target groups, by ARN, and its state in each: `healthy`.
    pub targets: BTreeMap<String, &'static str>,
    /// Milliseconds.
    pub launched_at: u64,
    /// When it was, or will be, gone.
    pub ended_at: Option<u64>,
    /// The token that it was launched with, or nothing.
    pub token: String,
    /// All its tags.
    pub tags: BTreeMap<String, String>,
}

/// An Auto Scaling group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTruth {
    /// MinSize.
    pub min: usize,
    /// DesiredCapacity.
    pub desired: usize,
    /// MaxSize.
    pub max: usize,
    /// Suspended processes.
    pub suspended: Vec<String>,
    /// The launch template's id.
    pub template: String,
    /// Target groups, by ARN.
    pub target_groups: Vec<String>,
    /// Its members, and whether each is protected from scale-in.
    pub members: BTreeMap<String, bool>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A launch template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateTruth {
    /// Its name.
    pub name: String,
    /// The image that it launches.
    pub image: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Weights of a listener or a rule, by target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTruth {
    /// What was said last, and Describe calls show.
    pub said: BTreeMap<String, u32>,
    /// What requests are divided by.
    pub in_force: BTreeMap<String, u32>,
    /// Whether clients stay with the target group that they had.
    pub sticky: bool,
}

/// A target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroupTruth {
    /// Its name.
    pub name: String,
    /// Its targets, and the state of each.
    pub targets: BTreeMap<String, &'static str>,
    /// Whether any listener or rule names it.
    pub used: bool,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageTruth {
    /// Its name.
    pub name: String,
    /// `available`.
    pub state: &'static str,
    /// From when on it is deprecated; milliseconds.
    pub deprecate_at: Option<u64>,
    /// What it is a copy of: image, region.
    pub source: Option<(String, String)>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Truth {
    /// Instances that are pending or running.
    pub fn live(&self) -> impl Iterator<Item = (&str, &Machine)> {
        self.instances.iter().filter(|(_, machine)| machine.state <= State::Running).map(|(id, machine)| (id.as_str(), machine))
    }

    /// Live instances that are in no group.
    pub fn orphans(&self) -> Vec<&str> {
        self.live().filter(|(_, machine)| machine.group.is_none()).map(|(id, _)| id).collect()
    }

    /// Launch templates that no group uses.
    pub fn unused_templates(&self) -> Vec<&str> {
        let used = |id: &str| self.groups.values().any(|group| group.template == id);
        self.templates.keys().map(String::as_str).filter(|id| !used(id)).collect()
    }

    /// How many targets of a target group are healthy.
    pub fn healthy(&self, target_group: &str) -> usize {
        let targets = self.target_groups.get(target_group).map(|group| &group.targets);
        targets.map_or(0, |targets| targets.values().filter(|state| **state == "healthy").count())
    }
}

impl FakeAws {
    /// What is there at the time of the latest call, or of [`FakeAws::advance`].
    pub fn truth(&self) -> Truth {
        let mut world = self.lock();
        let region = world.region(&self.region);
        region.sweep_targets();
        truth(region)
    }
}

fn weights(route: &super::world::balancer::Action) -> BTreeMap<String, u32> {
    route.weights().iter().cloned().collect()
}

fn truth(region: &Region) -> Truth {
    let now = region.now;
    let route = |route: &Route| RouteTruth {
        said: weights(&route.said),
        in_force: weights(route.in_force(now)),
        sticky: matches!(route.said, super::world::balancer::Action::Forward { sticky: Some(_), .. }),
    };
    let listeners = region.listeners.values().map(|listener| (listener.arn.clone(), route(&listener.route)));
    let rules = region.rules.values().map(|rule| (rule.arn.clone(), route(&rule.route)));
    let target_groups = region.target_groups.values().map(|group| {
        let targets = group.targets.keys().filter_map(|id| Some((id.clone(), region.health(group, id)?.state))).collect();
        (group.arn.clone(), TargetGroupTruth { name: group.name.clone(), targets, used: group.used_since.is_some() })
    });
    let target_groups: BTreeMap<_, _> = target_groups.collect();
    let machines = region.instances.values().map(|instance| {
        let member = region.groups.values().find_map(|group| Some((group.name.clone(), group.members.get(&instance.id)?.state)));
        let targets = target_groups.iter().filter_map(|(arn, group)| Some((arn.clone(), *group.targets.get(&instance.id)?)));
        let machine = Machine {
            image: instance.image.clone(),
            group: member.as_ref().map(|(name, _)| name.clone()),
            lifecycle: member.map(|(_, lifecycle)| lifecycle),
            zone: instance.zone.clone(),
            state: instance.state(now),
            targets: targets.collect(),
            launched_at: instance.launched,
            ended_at: instance.stopping.as_ref().map(|stopping| stopping.until),
            token: instance.token.clone(),
            tags: instance.tags.all(),
        };
        (instance.id.clone(), machine)
    });
    let groups = region.groups.values().map(|group| {
        let truth = GroupTruth {
            min: group.min,
            desired: group.desired,
            max: group.max,
            suspended: group.suspended.keys().cloned().collect(),
            template: group.template.0.clone(),
            target_groups: group.target_groups.clone(),
            members: group.members.iter().map(|(id, member)| (id.clone(), member.protected)).collect(),
            deleting: group.deleting.is_some(),
            tags: group.tags.all(),
        };
        (group.name.clone(), truth)
    });
    let templates = region.templates.values().map(|template| {
        let image = template.data.all().get("ImageId").cloned();
        (template.id.clone(), TemplateTruth { name: template.name.clone(), image, tags: template.tags.all() })
    });
    let images = region.images.values().map(|image| {
        let truth = ImageTruth {
            name: image.name.clone(),
            state: image.state(now),
            deprecate_at: image.deprecate_at,
            source: image.source.clone(),
            tags: image.tags.all(),
        };
        (image.id.clone(), truth)
    });
    Truth {
        at: now,
        instances: machines.collect(),
        groups: groups.collect(),
        templates: templates.collect(),
        routes: listeners.chain(rules).collect(),
        images: images.collect(),
        target_groups,
    }
}
