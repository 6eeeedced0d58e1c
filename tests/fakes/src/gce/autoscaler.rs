//! Autoscalers, as far as one must be told to let a group be.

use serde_json::{Map, Value, json};

use super::asked::{Asked, Place, name_of, project_of, text};
use super::error::{Result, exists, in_use, invalid, missing, required};
use super::group::Group;
use super::operation::{Ending, Stage};
use super::world::{World, link, merge, said, time};

/// An autoscaler.
#[derive(Clone, Debug)]
pub(crate) struct Autoscaler {
    pub(crate) id: u64,
    pub(crate) path: String,
    pub(crate) created: u64,
    pub(crate) target: String,
    pub(crate) said: Map<String, Value>,
    /// What it thinks best.
    pub(crate) recommended: usize,
}

impl Autoscaler {
    /// "Defines the operating mode for this policy": ON unless said.
    pub(crate) fn mode(&self) -> &str {
        let mode = self.said.get("autoscalingPolicy").map_or("", |policy| text(policy, "mode"));
        if mode.is_empty() { "ON" } else { mode }
    }

    pub(crate) fn json(&self) -> Value {
        let mut body = self.said.clone();
        let mut set = |field: &str, value: Value| drop(body.insert(field.into(), value));
        set("kind", "compute#autoscaler".into());
        set("id", self.id.to_string().into());
        set("creationTimestamp", time(self.created).into());
        set("name", name_of(&self.path).into());
        set("selfLink", link(&self.path).into());
        set("target", link(&self.target).into());
        set("status", "ACTIVE".into());
        set("recommendedSize", self.recommended.into());
        let place = Place::of(&self.path);
        let field = if matches!(place, Place::Zone(_)) { "zone" } else { "region" };
        set(field, link(&format!("projects/{}/{}", project_of(&self.path), place.path())).into());
        body.into()
    }
}

pub(crate) fn get(world: &World, asked: &Asked) -> Result<Value> {
    let path = asked.path();
    world.autoscalers.get(&path).map(Autoscaler::json).ok_or_else(|| missing(&path))
}

/// A group has one autoscaler at the most ("Autoscaling groups of instances"). What it thinks best at first is the least that it may.
pub(crate) fn insert(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    let path = asked.path();
    if world.autoscalers.contains_key(&path) {
        return Err(exists(&path));
    }
    let target = asked.resolve(text(&asked.body, "target"));
    if !world.groups.contains_key(&target) {
        return Err(missing(&target));
    }
    if let Some(other) = world.autoscalers.values().find(|other| other.target == target) {
        return Err(in_use("instance_group_manager", &target, &other.path));
    }
    if stage == Stage::Due {
        let fields = said(&asked.body, &OUTPUT);
        let least = fields.get("autoscalingPolicy").and_then(|policy| policy.get("minNumReplicas")).and_then(Value::as_u64);
        let recommended = least.and_then(|least| usize::try_from(least).ok()).unwrap_or(2);
        let autoscaler = Autoscaler { id: asked.id, path: path.clone(), created: world.now, target, said: fields, recommended };
        world.autoscalers.insert(path.clone(), autoscaler);
        world.autoscale(&path);
    }
    Ok(Ending::Usual)
}

/// What only the service says, beside what it says of everything.
const OUTPUT: [&str; 4] = ["target", "recommendedSize", "statusDetails", "scalingScheduleStatus"];

pub(crate) fn patch(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    if asked.name.is_empty() {
        return Err(required("autoscaler"));
    }
    let path = asked.path();
    let autoscaler = world.autoscalers.get_mut(&path).ok_or_else(|| missing(&path))?;
    let mode = text(&asked.body, "autoscalingPolicy.mode");
    if !["", "ON", "OFF", "ONLY_UP", "ONLY_SCALE_OUT"].contains(&mode) {
        return Err(invalid("resource.autoscalingPolicy.mode", mode, "It is no mode of an autoscaler."));
    }
    if stage == Stage::Due {
        merge(&mut autoscaler.said, &said(&asked.body, &OUTPUT));
        world.autoscale(&path);
    }
    Ok(Ending::Usual)
}

impl World {
    /// The size that a group's autoscaler gives it, whatever anybody else has said. "ONLY_SCALE_OUT: Restricts the autoscaler to add VM instances
    /// only" (AutoscalingPolicy, `mode`).
    pub(crate) fn autoscaled(&self, group: &Group) -> Option<usize> {
        let autoscaler = self.autoscalers.values().find(|autoscaler| autoscaler.target == group.path)?;
        match autoscaler.mode() {
            "ON" => Some(autoscaler.recommended),
            "OFF" => None,
            _ => Some(autoscaler.recommended.max(group.target)),
        }
    }

    pub(crate) fn autoscale(&mut self, path: &str) {
        if let Some(target) = self.autoscalers.get(path).map(|autoscaler| autoscaler.target.clone()) {
            self.changed(&target);
        }
    }

    pub(crate) fn attach_autoscaler(&mut self, group: &str, mode: &str, recommended: usize) -> String {
        let path = group.replace("/instanceGroupManagers/", "/autoscalers/");
        let mut fields = Map::new();
        let policy = json!({ "mode": mode, "minNumReplicas": 0, "maxNumReplicas": 100, "coolDownPeriodSec": 60 });
        fields.insert("autoscalingPolicy".into(), policy);
        let id = self.id();
        let autoscaler =
            Autoscaler { id, path: path.clone(), created: self.now, target: group.into(), said: fields, recommended };
        self.autoscalers.insert(path.clone(), autoscaler);
        self.autoscale(&path);
        path
    }
}
