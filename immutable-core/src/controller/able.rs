//! Whether a controller has what a fleet needs of it: judges, a source of sizes, a switch.

use super::{Controller, judges};
use crate::error::{Error, Result};
use crate::fleet::FleetId;
use crate::id::PoolId;
use crate::rollout::{FleetState, Plan};

/// Whether a controller has whatever is asked while it drives what runs in a fleet, or keeps it.
pub(super) fn able(controller: &Controller, state: &FleetState) -> Result<()> {
    controller.has_judges(judges::ahead(state))?;
    let Some(terms) = state.rollout().map(|running| &*running.plan).or(state.kept()).map(Plan::fleet) else {
        return Ok(());
    };
    controller.has_sizes(terms)?;
    // Without it nobody could tell who serves whom.
    match (terms.traffic_pool(), &controller.provider(state.fleet().place())?.traffic) {
        (Some(pool), None) => Err(lacks_switch(state.fleet(), pool)),
        _ => Ok(()),
    }
}

pub(super) fn lacks_switch(fleet: &FleetId, pool: &PoolId) -> Error {
    let place = fleet.place();
    Error::invalid(format!(
        "fleet {fleet} gets its requests from pool {pool}, and this controller has no traffic switch for {place}; add one"
    ))
}
