//! The beginning and the end of a generation, and its upkeep.

use futures_util::future::join_all;
use immutable_core::fleet::{Destroyed, Ensured, GenerationId, GenerationSpec, GroupId, GroupSpec, Op, Upkeep};
use immutable_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::VmssFleet;
use super::seen::Group;
use crate::errors::taken;
use crate::marks;
use crate::operations::{Stands, ticket};
use crate::traffic::pools;

impl VmssFleet {
    pub(super) async fn ensure(&self, op: &Op, spec: &GenerationSpec) -> Result<Ensured> {
        let template = crate::template::read(&spec.template)?;
        marks::check(spec)?;
        if !spec.image.place().serves(&self.azure.place()) {
            return Err(Error::invalid(format!("{} is not in {}; copy it there first", spec.image, self.azure.place())));
        }
        if spec.pool.is_some() && template.load_balancer.is_none() {
            let what = "the fleet has a pool, and its template names no load balancer; name the pool's, with VmssTemplate::load_balancer";
            return Err(Error::invalid(what));
        }
        let pool = template.load_balancer.as_ref().map(|of| pools::id(&self.azure, of, &spec.full_name()));
        let mut absent = Vec::new();
        // All that is there is looked at before anything is made: a name that is taken gets no more groups.
        for one in &spec.groups {
            let wanted = template.scale_set(&self.azure, spec, one, pool.as_deref())?;
            match self.certainly(&name(spec, one)).await? {
                Some(found) => is_this(&found, spec, one, &wanted)?,
                None => absent.push((one, wanted)),
            }
        }
        if absent.is_empty() {
            return Ok(Ensured::AlreadyOurs);
        }
        // One that was adopted has a name of its own.
        let is_it = |group: &&Group| group.id(&spec.fleet).is_some_and(|id| id.generation == spec.id) && group.is_adopted();
        if let Some(adopted) = self.azure.groups().await?.iter().find(is_it) {
            return Err(taken(&spec.full_name(), &format!("{} was adopted as that generation", adopted.name)));
        }
        // Before its members, since a scale set's model names it and never changes.
        if let Some(of) = &template.load_balancer {
            pools::ensure(&self.azure, op, of, &spec.full_name()).await?;
        }
        // All at once: one after the other, many zones would take longer than anybody waits.
        let made = join_all(absent.iter().map(|(one, wanted)| self.make(spec, one, wanted))).await;
        let some = template.load_balancer.is_some() || made.iter().any(Result::is_ok);
        let made: Result<Vec<Stands>> = made.into_iter().collect();
        let made = made.map_err(|error| self.azure.half_done(some, error))?;
        Ok(Ensured::Created { echo_until: None, ticket: ticket(&made) })
    }

    async fn make(&self, spec: &GenerationSpec, one: &GroupSpec, wanted: &Value) -> Result<Stands> {
        let name = name(spec, one);
        match self.azure.make_group(&name, wanted).await {
            // Somebody was quicker: an earlier copy of this call, or a stranger.
            Err(error) if error.kind() == ErrorKind::Conflict => match self.certainly(&name).await? {
                Some(found) => is_this(&found, spec, one, wanted).map(|()| Stands::Done),
                None => Err(error),
            },
            other => other,
        }
    }

    pub(super) async fn keep_up(&self, op: &Op, generation: GenerationId, upkeep: Upkeep) -> Result<()> {
        let groups = self.marked(op, generation).await?;
        if groups.is_empty() {
            let name = generation.name(&op.fleet);
            return Err(Error::new(ErrorKind::NotFound, format!("there is no scale set of {name}")));
        }
        let mut begun = false;
        for group in groups {
            // Only where there are several zones is there anything to balance.
            let rebalance = upkeep.rebalance && group.zones.len() > 1;
            if !group.repairs && group.rebalances == rebalance {
                continue;
            }
            let mut change = json!({ "automaticRepairsPolicy": { "enabled": false } });
            if let (true, Some(change)) = (group.zones.len() > 1, change.as_object_mut()) {
                change
                    .insert("resiliencyPolicy".to_owned(), json!({ "automaticZoneRebalancingPolicy": { "enabled": rebalance } }));
            }
            let changed = self.azure.change_group(&group, &json!({ "properties": change })).await;
            changed.map_err(|error| self.azure.half_done(begun, error))?;
            begun = true;
        }
        Ok(())
    }

    pub(super) async fn destroy(&self, op: &Op, generation: GenerationId) -> Result<Destroyed> {
        let groups = self.marked(op, generation).await?;
        let mut left = 0_u32;
        for group in &groups {
            // A promise of a machine is one: it may come while the scale set goes.
            let machines = u32::try_from(self.azure.machines(group).await?.len()).unwrap_or(u32::MAX);
            left = left.saturating_add(group.capacity.max(machines));
        }
        if left > 0 {
            return Ok(Destroyed::StillHas(left));
        }
        // All at once: one after the other, many zones would take longer than anybody waits.
        let deleted = join_all(groups.iter().map(async |group| match self.azure.delete_group(&group.name).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }))
        .await;
        let begun = deleted.iter().any(Result::is_ok);
        let all: Result<Vec<()>> = deleted.into_iter().collect();
        all.map_err(|error| self.azure.half_done(begun, error))?;
        // Last, so that as long as it is there something may be left of its members.
        let removed = pools::remove(&self.azure, op, &generation.name(&op.fleet)).await;
        removed.map_err(|error| self.azure.half_done(begun, error))?;
        Ok(Destroyed::Gone)
    }

    /// All scale sets of a generation that bear the fleet's tags.
    async fn marked(&self, op: &Op, generation: GenerationId) -> Result<Vec<Group>> {
        let is_of = |group: &Group| group.id(&op.fleet).is_some_and(|id| id.generation == generation);
        let mut ours: Vec<Group> = self.azure.groups().await?.into_iter().filter(is_of).collect();
        ours.iter().for_each(|group| self.know(&op.fleet, group));
        // A list may be late. Cells are counted from 0: one that is not listed may come after those that are.
        let mut cell = 0;
        loop {
            let id = GroupId { generation, cell };
            if !ours.iter().any(|group| group.id(&op.fleet) == Some(id)) {
                match self.find(&op.fleet, id).await?.filter(is_of) {
                    Some(found) => ours.push(found),
                    None if ours.iter().all(|group| group.id(&op.fleet).is_none_or(|known| known.cell < cell)) => break,
                    None => {}
                }
            }
            cell = cell.saturating_add(1);
        }
        // What is listed may be gone already, and has no etag.
        let fresh = join_all(ours.iter().map(|group| self.certainly(&group.name))).await;
        let fresh: Result<Vec<Option<Group>>> = fresh.into_iter().collect();
        Ok(fresh?.into_iter().flatten().filter(is_of).collect())
    }
}

fn name(spec: &GenerationSpec, one: &GroupSpec) -> String {
    marks::name(&spec.fleet, GroupId { generation: spec.id, cell: one.cell })
}

/// Whether a scale set that is there is what would be made.
fn is_this(found: &Group, spec: &GenerationSpec, one: &GroupSpec, wanted: &Value) -> Result<()> {
    let id = GroupId { generation: spec.id, cell: one.cell };
    if found.id(&spec.fleet) != Some(id) {
        return Err(taken(&found.name, "it does not bear this fleet's tags"));
    }
    if found.mark().is_none_or(|mark| mark.spec != Some(spec.digest())) {
        return Err(taken(&found.name, "it was made of another spec"));
    }
    match difference("", wanted, &found.body) {
        Some(what) => Err(taken(&found.name, &format!("its {what} is another"))),
        None => Ok(()),
    }
}

/// What nobody may compare: it changes by itself, or is not shown. The size is the engine's to compare.
const UNTOLD: &[&str] = &[
    "/sku/capacity",
    "/tags",
    "/properties/virtualMachineProfile/osProfile/customData",
    "/properties/automaticRepairsPolicy",
    "/properties/resiliencyPolicy",
];

/// Where what is there is not what is wanted: each value that would be sent must be there, and lists have nothing else in them. What Azure adds by itself is passed over, and the case of
/// words is, as Azure does.
pub(super) fn difference(at: &str, wanted: &Value, found: &Value) -> Option<String> {
    if UNTOLD.contains(&at) {
        return None;
    }
    let here = || Some(at.trim_start_matches('/').to_owned());
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            let mut each = wanted.iter();
            // "Resource names are case-insensitive": identities are keyed by ids.
            each.find_map(|(name, value)| {
                let there =
                    found.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or(&Value::Null, |(_, value)| value);
                difference(&format!("{at}/{name}"), value, there)
            })
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            let mut pairs = wanted.iter().zip(found).enumerate();
            pairs.find_map(|(index, (wanted, found))| difference(&format!("{at}/{index}"), wanted, found))
        }
        (Value::String(wanted), Value::String(found)) if wanted.eq_ignore_ascii_case(found) => None,
        (wanted, found) if wanted == found => None,
        // An identity is named by its key, and has nothing in it when it is asked for.
        (Value::Object(wanted), _) if wanted.is_empty() => None,
        _ => here(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_what_is_launched_is_compared() {
        let wanted = json!({
            "sku": {"name": "Standard_B2s", "capacity": 0},
            "properties": {"virtualMachineProfile": {
                "storageProfile": {"imageReference": {"id": "/a/b"}},
                "applicationProfile": {"galleryApplications": [{"packageReferenceId": "/x"}]},
                "osProfile": {"customData": "aGVsbG8="},
            }},
        });
        let mut found = json!({
            "sku": {"name": "standard_b2s", "tier": "Standard", "capacity": 5},
            "properties": {"uniqueId": "u", "virtualMachineProfile": {
                "storageProfile": {"imageReference": {"id": "/A/B"}, "osDisk": {}},
                "applicationProfile": {"galleryApplications": [{"packageReferenceId": "/x", "order": 1}]},
                "osProfile": {"adminUsername": "a"},
            }},
        });
        assert_eq!(difference("", &wanted, &found), None);
        found["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"]["id"] = json!("/a/c");
        assert_eq!(difference("", &wanted, &found).unwrap(), "properties/virtualMachineProfile/storageProfile/imageReference/id");
        found["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"]["id"] = json!("/a/b");
        found["properties"]["virtualMachineProfile"]["applicationProfile"]["galleryApplications"] =
            json!([{"packageReferenceId": "/x"}, {"packageReferenceId": "/y"}]);
        assert!(difference("", &wanted, &found).unwrap().ends_with("galleryApplications"));
        assert!(difference("", &wanted, &json!({})).is_some());
    }
}
