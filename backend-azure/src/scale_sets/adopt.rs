//! Scale sets that others made, taken over as baselines.

use std::collections::BTreeMap;

use immutable_core::fleet::{FleetId, GenerationSpec, GroupId, Op};
use immutable_core::id::NativeRef;
use immutable_core::{Applied, Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::VmssFleet;
use super::ensure::difference;
use super::resize::SHOWN;
use super::seen::Group;
use crate::errors::taken;
use crate::marks::{self, same};

impl VmssFleet {
    /// One write under its etag: our tags, and nothing is done by Azure alone any more. Its model and its machines are not touched.
    pub(super) async fn take_over(&self, op: &Op, native: &NativeRef, spec: &GenerationSpec) -> Result<()> {
        let id = whole(spec)?;
        let name = self.named(native)?;
        let found = self.there(name).await?;
        let ours = is_ours(&found, &op.fleet, id, spec);
        if !ours {
            self.is_free(&found, &op.fleet, id).await?;
        }
        self.is_still(&found, spec)?;
        if !ours {
            self.is_of_its_model(&found).await?;
        }
        let change = change(&found, spec, id)?;
        // Also what was switched on again since.
        if !ours || change.get("properties").is_some() {
            // What Azure is at work on may yet be changed, or lose machines that were more than enough.
            if found.is_at_work() {
                let what = format!("{} is being changed; what comes of it is to be seen first", found.name);
                return Err(Error::new(ErrorKind::Busy, what));
            }
            match self.azure.change_group(&found, &change).await {
                Ok(_) => {}
                // It is not what was read. An earlier copy of this call may be why.
                Err(error) if error.kind() == ErrorKind::Conflict && error.applied() == Applied::No => {
                    let now = self.certainly(name).await?;
                    if !now.is_some_and(|now| is_ours(&now, &op.fleet, id, spec)) {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.until_listed(op, id, spec).await.map_err(|error| self.azure.half_done(true, error))
    }

    /// Whether all of its machines are of its model: others would come by a raise. "latestModelApplied", of Uniform alone.
    async fn is_of_its_model(&self, found: &Group) -> Result<()> {
        let machines = self.azure.machines(found).await?;
        match machines.iter().find(|machine| machine.outdated) {
            Some(machine) => {
                let what = format!(
                    "{} cannot be a baseline: {} was made of an older model than it has now; replace it first, or set the model back",
                    found.name, machine.name
                );
                Err(Error::invalid(what))
            }
            None => Ok(()),
        }
    }

    /// Whether what was adopted would launch what it did then, and nothing else. Others may have changed it since.
    pub(super) fn launches_as_adopted(&self, group: &Group) -> Result<()> {
        let Some(model) = group.mark().filter(|_| group.is_adopted()).map(|mark| mark.model) else {
            return Ok(());
        };
        let now = self.spec_of(group)?;
        let other = if model.is_some_and(|model| model != now.template.digest()) {
            "its model is another than when it was adopted"
        } else if overprovisions(group) {
            "it launches more than it is asked for (overprovision)"
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::Conflict, format!("{} is not raised: {other}; set it back", group.name)))
    }

    /// Whether it is nobody's yet, and nothing else is the group.
    async fn is_free(&self, found: &Group, fleet: &FleetId, id: GroupId) -> Result<()> {
        if found.mark().is_some() {
            let why =
                format!("it bears tags of another generation, another fleet or another spec than {}", id.generation.name(fleet));
            return Err(Error::new(ErrorKind::Taken, format!("{} cannot be taken over: {why}; take them away", found.name)));
        }
        let groups = self.azure.groups().await?;
        match groups.iter().find(|group| group.id(fleet).is_some_and(|known| known.generation == id.generation)) {
            Some(other) => Err(taken(&id.generation.name(fleet), &format!("{} is of that generation already", other.name))),
            None => Ok(()),
        }
    }

    /// Whether it is what was read of it.
    fn is_still(&self, found: &Group, spec: &GenerationSpec) -> Result<()> {
        let now = self.spec_of(found)?;
        let (was, is): (Value, Value) = (spec.template.read()?, now.template.read()?);
        let placed = |spec: &GenerationSpec| spec.groups.first().map(|group| group.placement.clone());
        let other = if !same(spec.image.id().as_str(), now.image.id().as_str()) || spec.image.place() != now.image.place() {
            Some("image".to_owned())
        } else if placed(spec) != placed(&now) {
            Some("placement".to_owned())
        } else {
            difference("", &was, &is).or_else(|| difference("", &is, &was))
        };
        match other {
            Some(what) => {
                let what = format!("{} is not what was read of it: its {what} is another; read it again", found.name);
                Err(Error::new(ErrorKind::Conflict, what))
            }
            None => Ok(()),
        }
    }

    /// Waits until whoever looks finds it: another process knows its name by the list alone.
    async fn until_listed(&self, op: &Op, id: GroupId, spec: &GenerationSpec) -> Result<()> {
        let deadline = self.azure.now() + SHOWN;
        loop {
            if let Some(listed) = self.azure.groups().await?.iter().find(|group| is_ours(group, &op.fleet, id, spec)) {
                self.know(&op.fleet, listed);
                break;
            }
            if self.azure.now() >= deadline {
                let what = format!("{} was taken over, and is not listed as such; look again", id.generation.name(&op.fleet));
                let error = Error::new(ErrorKind::NotYetVisible, what).with_applied(Applied::Unknown);
                return Err(error.with_echo_until(self.azure.now()));
            }
            self.azure.pause(std::time::Duration::from_secs(1)).await;
        }
        // Others may be shown an older list for as long.
        self.azure.pause(self.lag).await;
        Ok(())
    }
}

/// The one group of the generation.
fn whole(spec: &GenerationSpec) -> Result<GroupId> {
    if spec.pool.is_some() {
        let what = "a scale set that others made is in the backend pools that they have put it in; adopt it without a pool";
        return Err(Error::invalid(what));
    }
    match spec.groups.as_slice() {
        [one] if one.cell == 0 => Ok(GroupId { generation: spec.id, cell: 0 }),
        groups => Err(Error::invalid(format!("a scale set is one group, and {} has {}", spec.full_name(), groups.len()))),
    }
}

/// "overprovision": of Uniform alone, and on unless it is off. More would be launched than was asked for.
fn overprovisions(found: &Group) -> bool {
    !found.flexible && found.body.pointer("/properties/overprovision").and_then(Value::as_bool) != Some(false)
}

fn is_ours(found: &Group, fleet: &FleetId, id: GroupId, spec: &GenerationSpec) -> bool {
    found.id(fleet) == Some(id) && found.mark().is_some_and(|mark| mark.spec == Some(spec.digest()))
}

/// Ours beside the tags that others gave it, since they are replaced as a whole; and what Azure would do alone is off, as far as it is on.
fn change(found: &Group, spec: &GenerationSpec, id: GroupId) -> Result<Value> {
    let mut ours = marks::tags(spec, id);
    ours.insert(marks::ADOPTED.to_owned(), found.name.clone());
    ours.insert(marks::MODEL.to_owned(), spec.template.digest().to_string());
    let mut tags: BTreeMap<String, String> = found.tags.clone();
    // "Tag names are case-insensitive for operations."
    tags.retain(|name, _| marks::tag(&ours, name).is_none());
    marks::fit(&ours, tags.len())?;
    tags.extend(ours);
    let is_on = |pointer: &str| found.body.pointer(pointer).and_then(Value::as_bool);
    let mut resiliency = serde_json::Map::new();
    let rebalance = spec.upkeep.rebalance && found.zones.len() > 1;
    if found.rebalances != rebalance {
        resiliency.insert("automaticZoneRebalancingPolicy".to_owned(), json!({ "enabled": rebalance }));
    }
    // Whoever could not be made would be made again by Azure alone.
    if is_on("/properties/resiliencyPolicy/resilientVMCreationPolicy/enabled") == Some(true) {
        resiliency.insert("resilientVMCreationPolicy".to_owned(), json!({ "enabled": false }));
    }
    let mut properties = serde_json::Map::new();
    if !resiliency.is_empty() {
        properties.insert("resiliencyPolicy".to_owned(), resiliency.into());
    }
    if found.repairs {
        properties.insert("automaticRepairsPolicy".to_owned(), json!({ "enabled": false }));
    }
    if overprovisions(found) {
        properties.insert("overprovision".to_owned(), false.into());
    }
    let mut change = json!({ "tags": tags });
    if let (false, Some(change)) = (properties.is_empty(), change.as_object_mut()) {
        change.insert("properties".to_owned(), properties.into());
    }
    Ok(change)
}
