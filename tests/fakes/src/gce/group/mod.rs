//! Managed instance groups, zonal and regional.

mod converge;
mod heal;
pub(crate) mod members;
pub(crate) mod view;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::asked::{Asked, Place, list, name_of, project_of, text};
use super::error::{Result, bad, exists, in_use, invalid, missing, required, stale};
use super::operation::{Ending, Stage};
use super::world::{World, check_name, fingerprint, merge, said};

/// What the group does with an instance: ManagedInstance, `currentAction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// `NONE`
    None,
    /// `CREATING`
    Creating,
    /// `VERIFYING`
    Verifying,
    /// `RECREATING`
    Recreating,
    /// `DELETING`
    Deleting,
}

impl Action {
    /// As the API writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Creating => "CREATING",
            Self::Verifying => "VERIFYING",
            Self::Recreating => "RECREATING",
            Self::Deleting => "DELETING",
        }
    }
}

/// A managed instance. It is one before there is a virtual machine.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) zone: String,
    pub(crate) action: Action,
    /// The virtual machine's id, from when it is made until it is gone.
    pub(crate) instance: Option<u64>,
    /// Of what it is to be made.
    pub(crate) template: String,
    /// Not before this is it tried to make it.
    pub(crate) try_at: u64,
    /// Why that failed last: code, message.
    pub(crate) problem: Option<(String, String)>,
    pub(crate) shown_at: u64,
}

/// An error of the group's own doing: InstanceManagedByIgmError.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) at: u64,
    pub(crate) action: Action,
    pub(crate) instance: String,
    pub(crate) template: String,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// A managed instance group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) id: u64,
    pub(crate) path: String,
    pub(crate) created: u64,
    pub(crate) shown_at: u64,
    /// What was said of it, but for its size.
    pub(crate) said: Map<String, Value>,
    pub(crate) target: usize,
    /// What its size was before, shown until then.
    pub(crate) shown_target: (u64, usize),
    /// The template's path.
    pub(crate) template: String,
    pub(crate) zones: Vec<String>,
    pub(crate) members: BTreeMap<String, Member>,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) deleting: bool,
    /// When it looks at itself next.
    pub(crate) next: Option<u64>,
    pub(crate) draws: u64,
}

impl Group {
    pub(crate) fn setting(&self, field: &str) -> &str {
        let (first, rest) = field.split_once('.').unwrap_or((field, ""));
        match self.said.get(first) {
            Some(value) if rest.is_empty() => value.as_str().unwrap_or_default(),
            Some(value) => text(value, rest),
            None => "",
        }
    }

    pub(crate) fn regional(&self) -> bool {
        matches!(Place::of(&self.path), Place::Region(_))
    }

    /// The path of the instance group that a backend service names.
    pub(crate) fn instance_group(&self) -> String {
        self.path.replace("/instanceGroupManagers/", "/instanceGroups/")
    }

    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(&json!([self.said, self.target]))
    }

    /// The health check that heals, and after how many seconds: `autoHealingPolicies`.
    pub(crate) fn healing(&self) -> Option<(&str, u64)> {
        let policy = self.said.get("autoHealingPolicies")?.get(0)?;
        let delay = policy.get("initialDelaySec").and_then(Value::as_u64).unwrap_or(0);
        Some((text(policy, "healthCheck"), delay.saturating_mul(1000))).filter(|(check, _)| !check.is_empty())
    }

    /// It looks at itself at a time, or before.
    pub(crate) fn stir(&mut self, at: u64) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}

impl World {
    /// The group that a request is about.
    pub(crate) fn group(&self, asked: &Asked) -> Result<&Group> {
        let path = asked.path();
        self.groups.get(&path).filter(|group| group.shown_at <= self.now).ok_or_else(|| missing(&path))
    }

    fn group_mut(&mut self, path: &str) -> Result<&mut Group> {
        self.groups.get_mut(path).ok_or_else(|| missing(path))
    }

    /// A group that is being deleted takes no orders.
    pub(crate) fn orders(&self, asked: &Asked) -> Result<&Group> {
        let path = asked.path();
        let group = self.groups.get(&path).ok_or_else(|| missing(&path))?;
        if group.deleting {
            return Err(bad("resourceNotReady", format!("The resource '{path}' is not ready")));
        }
        Ok(group)
    }

    /// Backend services that name a group's instance group, with their drain in milliseconds.
    pub(crate) fn backing(&self, group: &Group) -> Vec<(String, u64)> {
        let instance_group = group.instance_group();
        self.services
            .values()
            .filter(|service| service.names(&instance_group))
            .map(|service| (service.path.clone(), service.drain()))
            .collect()
    }

    /// A group has been changed, and finds out by and by.
    pub(crate) fn changed(&mut self, path: &str) {
        let at = self.now + self.settings.reaction;
        if let Some(group) = self.groups.get_mut(path) {
            group.stir(at);
        }
    }
}

/// The one template of a group, as a path. More versions than one are not spoken here.
fn template_of(asked: &Asked, said: &Map<String, Value>) -> Result<Option<String>> {
    let versions = said.get("versions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let url = match versions {
        [] => said.get("instanceTemplate").and_then(Value::as_str).unwrap_or_default(),
        [one] => text(one, "instanceTemplate"),
        _ => return Err(invalid("resource.versions", &versions.len().to_string(), "The fake knows groups of one version only.")),
    };
    Ok((!url.is_empty()).then(|| asked.resolve(url)))
}

/// What the fields may say.
fn check(world: &World, asked: &Asked, said: &Map<String, Value>) -> Result<String> {
    // hashicorp/terraform#18781 quotes it.
    let template = template_of(asked, said)?.ok_or_else(|| required("resource.instanceTemplate"))?;
    if !template.contains("/instanceTemplates/") {
        // terraform-provider-google#5252 quotes it.
        let kind = template.rsplit('/').nth(1).unwrap_or_default();
        let why = format!("Unexpected resource collection '{kind}'.");
        return Err(bad("invalid", format!("Invalid value for field 'resource.versions[0].instanceTemplate': {why}")));
    }
    if !world.templates.contains_key(&template) {
        return Err(missing(&template));
    }
    let policies = said.get("autoHealingPolicies").and_then(Value::as_array).map_or(0, Vec::len);
    if policies > 1 {
        // "You can specify only one value": InstanceGroupManager, `autoHealingPolicies`.
        return Err(invalid("resource.autoHealingPolicies", &policies.to_string(), "There can be only one."));
    }
    if let Some(zones) = said.get("distributionPolicy") {
        if matches!(asked.place, Place::Zone(_)) {
            return Err(invalid("resource.distributionPolicy", "", "Only regional groups have one."));
        }
        for zone in list(zones, "zones") {
            let zone = text(zone, "zone");
            if !world.zones.iter().any(|known| known == name_of(zone)) {
                return Err(missing(&asked.resolve(zone)));
            }
        }
    }
    if said.get("updatePolicy").is_some_and(|policy| policy.get("instanceRedistributionType").is_some())
        && matches!(asked.place, Place::Zone(_))
    {
        // "The instance redistribution policy for regional managed instance groups": InstanceGroupManagerUpdatePolicy.
        return Err(invalid("resource.updatePolicy.instanceRedistributionType", "", "Only regional groups have one."));
    }
    Ok(template)
}

/// Output-only fields of an InstanceGroupManager, but for those that all have.
const OUTPUT: [&str; 5] = ["currentActions", "instanceGroup", "targetSize", "satisfiesPzi", "satisfiesPzs"];

pub(crate) fn insert(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    let name = text(&asked.body, "name");
    check_name(name)?;
    let path = asked.path();
    if world.groups.contains_key(&path) {
        return Err(exists(&path));
    }
    let Some(target) = asked.body.get("targetSize").and_then(Value::as_u64) else { return Err(required("resource.targetSize")) };
    let mut fields = said(&asked.body, &OUTPUT);
    let base = fields.entry("baseInstanceName").or_insert_with(|| name.into()).as_str().unwrap_or_default().to_owned();
    check_name(&base)?;
    if base.len() > 58 {
        // "The maximum character length is 58": `baseInstanceName`.
        return Err(invalid("resource.baseInstanceName", &base, "It may be of 58 characters at the most."));
    }
    let template = check(world, asked, &fields)?;
    if stage == Stage::Due {
        let zones: Vec<String> = match &asked.place {
            Place::Zone(zone) => vec![zone.clone()],
            _ => {
                let named = fields.get("distributionPolicy").map_or(&[][..], |policy| list(policy, "zones"));
                let named: Vec<String> = named.iter().map(|zone| name_of(text(zone, "zone")).to_owned()).collect();
                if named.is_empty() { world.zones.clone() } else { named }
            }
        };
        let target = usize::try_from(target).unwrap_or(usize::MAX);
        let mut group = Group {
            id: asked.id,
            path: path.clone(),
            created: world.now,
            shown_at: world.now + world.settings.lag_groups,
            said: fields,
            target,
            shown_target: (0, target),
            template,
            zones,
            members: BTreeMap::new(),
            troubles: Vec::new(),
            deleting: false,
            next: None,
            draws: 0,
        };
        group.stir(world.now + world.settings.reaction);
        world.groups.insert(path, group);
    }
    Ok(Ending::Usual)
}

/// "Deletes the specified managed instance group and all of the instances in that group": instanceGroupManagers.delete. It is done when they are
/// gone (terraform-provider-google#6126 waits for it).
pub(crate) fn delete(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    let path = asked.path();
    let group = world.groups.get(&path).ok_or_else(|| missing(&path))?;
    if (stage == Stage::Due || !world.settings.late_use)
        && let Some((service, _)) = world.backing(group).first()
    {
        return Err(in_use("instance_group_manager", &path, service));
    }
    if stage == Stage::Due {
        let now = world.now;
        let group = world.group_mut(&path)?;
        group.deleting = true;
        group.target = 0;
        group.stir(now);
        return Ok(Ending::Open);
    }
    Ok(Ending::Usual)
}

/// A fingerprint is optional, and is that of now if it is there: InstanceGroupManager, `fingerprint`.
pub(crate) fn patch(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    let group = world.orders(asked)?;
    let given = text(&asked.body, "fingerprint");
    if !given.is_empty() && given != group.fingerprint() {
        return Err(stale());
    }
    let target = asked.body.get("targetSize").and_then(Value::as_u64).map(|size| usize::try_from(size).unwrap_or(usize::MAX));
    let mut fields = group.said.clone();
    merge(&mut fields, &said(&asked.body, &OUTPUT));
    let template = check(world, asked, &fields)?;
    if stage == Stage::Due {
        let path = asked.path();
        let group = world.group_mut(&path)?;
        group.said = fields;
        group.template = template;
        if let Some(target) = target {
            world.set_target(&path, target);
        }
        world.changed(&path);
    }
    Ok(Ending::Usual)
}

/// The size is absolute. "The resize operation is marked DONE if the resize request is successful. The underlying actions take additional time."
pub(crate) fn resize(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    let size = asked.query.get("size").ok_or_else(|| bad("required", "Required parameter: size"))?;
    let size: usize = size.parse().map_err(|_| invalid("size", size, "It is no number of instances."))?;
    let path = world.orders(asked)?.path.clone();
    if stage == Stage::Due {
        world.set_target(&path, size);
        world.changed(&path);
    }
    Ok(Ending::Usual)
}

impl World {
    pub(crate) fn set_target(&mut self, path: &str, target: usize) {
        let until = self.now + self.settings.lag_sizes;
        if let Some(group) = self.groups.get_mut(path) {
            group.shown_target = (until, group.target);
            group.target = target;
        }
    }

    /// A whole URL of a group's project and zone.
    pub(crate) fn instance_path(group: &Group, member: &Member) -> String {
        format!("projects/{}/zones/{}/instances/{}", project_of(&group.path), member.zone, member.name)
    }
}
