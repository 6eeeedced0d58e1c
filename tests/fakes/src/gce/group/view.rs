//! A group, as it is shown.

use serde_json::{Value, json};

use super::super::asked::{Asked, Place, project_of, text};
use super::super::error::Result;
use super::super::world::instance::Status;
use super::super::world::{World, link, time};
use super::{Action, Group};

pub(crate) fn get(world: &World, asked: &Asked) -> Result<Value> {
    world.group(asked).map(|group| json(world, group))
}

/// InstanceGroupManager.
pub(crate) fn json(world: &World, group: &Group) -> Value {
    let project = project_of(&group.path);
    let mut body = group.said.clone();
    let mut set = |field: &str, value: Value| drop(body.insert(field.into(), value));
    let target = if world.now < group.shown_target.0 { group.shown_target.1 } else { group.target };
    set("kind", "compute#instanceGroupManager".into());
    set("id", group.id.to_string().into());
    set("creationTimestamp", time(group.created).into());
    set("selfLink", link(&group.path).into());
    set("instanceGroup", link(&group.instance_group()).into());
    set("fingerprint", group.fingerprint().into());
    set("targetSize", target.into());
    set("instanceTemplate", link(&group.template).into());
    set("versions", json!([{ "instanceTemplate": link(&group.template), "targetSize": { "calculated": target } }]));
    match Place::of(&group.path) {
        Place::Zone(zone) => set("zone", link(&format!("projects/{project}/zones/{zone}")).into()),
        Place::Region(region) => {
            set("region", link(&format!("projects/{project}/regions/{region}")).into());
            let zones: Vec<_> =
                group.zones.iter().map(|zone| json!({ "zone": link(&format!("projects/{project}/zones/{zone}")) })).collect();
            let shape = group.said.get("distributionPolicy").map_or("", |policy| text(policy, "targetShape"));
            let shape = if shape.is_empty() { "EVEN" } else { shape };
            set("distributionPolicy", json!({ "zones": zones, "targetShape": shape }));
        }
        Place::Global | Place::Aggregated => {}
    }
    let count = |action: Action| group.members.values().filter(|member| member.action == action).count();
    set(
        "currentActions",
        json!({
            "none": count(Action::None),
            "creating": count(Action::Creating),
            "creatingWithoutRetries": 0,
            "verifying": count(Action::Verifying),
            "recreating": count(Action::Recreating),
            "deleting": count(Action::Deleting),
            "abandoning": 0,
            "refreshing": 0,
            "restarting": 0,
            "resuming": 0,
            "starting": 0,
            "stopping": 0,
            "suspending": 0,
        }),
    );
    let mut status = json!({
        "isStable": stable(world, group),
        // "All instances are in their target version": InstanceGroupManagerStatusVersionTarget.
        "versionTarget": { "isReached": group.members.values().all(|member| member.template == group.template) },
        "stateful": { "hasStatefulConfig": false },
    });
    let autoscaler = world.autoscalers.values().find(|autoscaler| autoscaler.target == group.path);
    if let (Some(autoscaler), Some(status)) = (autoscaler, status.as_object_mut()) {
        status.insert("autoscaler".into(), link(&autoscaler.path).into());
    }
    set("status", status);
    body.into()
}

/// "None of the instances in the managed instance group is currently undergoing any type of change; no future changes are scheduled; and the managed
/// instance group itself is not being modified": InstanceGroupManagerStatus, `isStable`; nor is it "till each managed instance reaches its
/// targetStatus".
fn stable(world: &World, group: &Group) -> bool {
    let modified = world.open_of(&group.path).any(|operation| operation.due <= world.now);
    let still = group.members.values().all(|member| {
        let machine = member.instance.and_then(|id| world.instances.get(&id));
        member.action == Action::None && machine.is_some_and(|machine| machine.status(world.now) == Status::Running)
    });
    still && !modified && !group.deleting && group.members.len() == group.target
}
