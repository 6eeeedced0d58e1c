//! Where what a plan launches is put: its groups in their placements, and the pool that it gets its requests from.

use crate::error::{Error, Result};
use crate::fleet::{
    Fleet, FleetCapabilities, GenerationId, GenerationSpec, GroupSpec, POOL_CHECK, Placement, Split, TrafficCapabilities,
};
use crate::id::{PoolId, Zone};
use crate::rollout::event::Call;
use crate::rollout::state::{FleetState, GenerationLife};
use crate::rollout::strategy::Strategy;

/// The pool that the fleet gets its requests from, if it is one that can be used.
pub(super) fn pool<'a>(state: &FleetState, fleet: &'a Fleet, switch: Option<&TrafficCapabilities>) -> Result<Option<&'a PoolId>> {
    let pool = fleet.traffic_pool();
    if let (Some(pool), None) = (pool, switch) {
        return Err(Error::invalid(format!(
            "fleet {} gets its requests from pool {pool}, and its provider has no traffic switch; add one, or leave the pool out",
            fleet.id()
        )));
    }
    match (&state.pool, pool) {
        (Some(known), other) if other != Some(&known.id) && !known.weights.is_empty() => Err(Error::invalid(format!(
            "fleet {} gets its requests from pool {}, to which its generations are attached; another needs another fleet",
            fleet.id(),
            known.id
        ))),
        _ => Ok(pool),
    }
}

/// Whether the pool says who is healthy before it has to, if it is asked.
pub(super) fn checked(
    state: &FleetState,
    fleet: &Fleet,
    strategy: &Strategy,
    switch: Option<&TrafficCapabilities>,
) -> Result<()> {
    if !fleet.health().required_sources.iter().any(|source| source.as_str() == POOL_CHECK) {
        return Ok(());
    }
    let id = fleet.id();
    let Some(switch) = switch else {
        return Err(Error::invalid(format!(
            "an instance of fleet {id} is ready when its pool says so (required source `{POOL_CHECK}`), and it has no pool; name one with `Fleet::pool`, or leave \
             the source out"
        )));
    };
    let together = switch.split == Split::Pooled;
    let attached = state.pool.as_ref().is_some_and(|pool| pool.weights.values().any(|weight| *weight > 0));
    let why = match () {
        () if together && strategy.shifts() => "and is put into it when it gets all the requests",
        // Where all share the requests whoever comes gets some.
        () if together => return Ok(()),
        () if !attached => "and the first that are attached to it are ready",
        () if !switch.probes_unrouted => "and it checks only who gets requests",
        () => return Ok(()),
    };
    Err(Error::invalid(format!(
        "an instance of fleet {id} is ready when its pool says so (required source `{POOL_CHECK}`), {why}: nobody would ever be; require a source that needs no \
         requests, or use a pool in which all share them (`Split::Pooled`), and no shift"
    )))
}

/// Whether a generation is there, and is not about to be removed: the rollout whose place another takes may be doing that.
pub(super) fn stays(state: &FleetState, id: GenerationId) -> bool {
    let there = state.generations.get(&id).is_some_and(|generation| generation.life == GenerationLife::Present);
    there && !state.owed.values().any(|owed| owed.call == Call::Destroy(id))
}

/// The zones that a generation's groups are in, in the order of these.
pub(super) fn zones(spec: &GenerationSpec) -> Vec<Zone> {
    let mut zones: Vec<Zone> = Vec::new();
    for group in &spec.groups {
        match &group.placement {
            Placement::Zone(zone) if !zones.contains(zone) => zones.push(zone.clone()),
            _ => {}
        }
    }
    zones
}

/// Groups enough for the ceiling in each placement, none larger than the provider allows.
pub(super) fn groups(fleet: &Fleet, ceiling: u32, capabilities: &FleetCapabilities) -> Result<Vec<GroupSpec>> {
    let placements = fleet.placements();
    if !capabilities.zonal && placements.iter().any(|placement| matches!(placement, Placement::Zone(_))) {
        return Err(Error::invalid(format!(
            "fleet {} names zones and its provider places groups in a region only; leave the zones out",
            fleet.id()
        )));
    }
    let zones = u32::try_from(placements.len()).unwrap_or(u32::MAX);
    // Any one placement may have to carry more than its share while others are refused, but never more than its groups hold.
    let share = ceiling.div_ceil(zones);
    let max = capabilities.group_size_max.max(1);
    let each = share.div_ceil(max);
    let count = each.checked_mul(zones).and_then(|count| u16::try_from(count).ok()).ok_or_else(|| {
        Error::invalid(format!(
            "fleet {} may come to {ceiling} instances, which are {each} groups of {max} in each of {zones} placements; at most {} groups are possible: \
             give it a smaller size, or follow its source to a smaller one",
            fleet.id(),
            u16::MAX
        ))
    })?;
    let placed = (0..count).map(|cell| {
        let placement = placements.get(usize::from(cell) % placements.len().max(1)).cloned().unwrap_or(Placement::Region);
        GroupSpec { cell, placement, max }
    });
    Ok(placed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::baseline::tests::spec;

    #[test]
    fn each_zone_counts_once_where_it_comes_first() {
        let placed =
            ["b", "", "a", "b", "a"].map(|zone| if zone.is_empty() { Placement::Region } else { Placement::Zone(zone.into()) });
        let groups = (0..).zip(placed).map(|(cell, placement)| GroupSpec { cell, placement, max: 1 }).collect();
        assert_eq!(zones(&GenerationSpec { groups, ..spec() }), ["b", "a"].map(Zone::from));
        assert_eq!(zones(&spec()), []);
    }
}
