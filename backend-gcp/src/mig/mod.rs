//! Fleets of managed instance groups: one group and one instance template for each group of a generation, made once, and never changed but for size and upkeep.

mod calls;
mod ensure;
mod observe;
mod resize;
mod seen;

pub(crate) use calls::At;
pub use observe::{HEALTH_CHECK, MANAGED};
pub(crate) use seen::{Group, key, life};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use immutable_core::fleet::{
    Coverage, Destroyed, Ensured, Finding, FleetCapabilities, FleetId, GenerationId, GenerationSpec, GroupId, Heals, Observation,
    Op, Resize, Resized, Ticket, TicketState, Upkeep,
};
use immutable_core::id::NativeRef;
use immutable_core::provider::FleetProvider;
use immutable_core::{Applied, Error, ErrorKind, Provider, Result};

use crate::client::Gcp;
use crate::images::GceCatalog;
use crate::{marks, preflight};

/// Fleets of managed instance groups.
///
/// Each group of a generation is one managed instance group, of a zone or of the region, with an instance template of its own, whose name has the digest of all that it
/// launches in it. It is made at size 0. A fleet's template is a [`MigTemplate`](crate::MigTemplate).
///
/// # Guarantees
/// - A size is raised by an absolute number. It is lowered by naming who is deleted, and never by a smaller number, by which Google would choose.
/// - A group never rolls by itself: its updates are opportunistic, it has one version, and nothing here recreates, restarts or refreshes an instance.
/// - Every request that changes something bears an id that its call determines, so that of all its copies one takes effect: Google remembers them for an hour.
/// - Only what bears the fleet's mark is touched.
///
/// # Caveats
/// - A machine that a group repairs keeps its name, and has another id, by which it is told apart. Between a look at it and its deletion it may be repaired: then the new
///   one goes.
/// - A group tries for ever to make what it could not make. Where the last try of all that are missing has failed, it is taken to be idle, and what is missing may be
///   given up. Should one of those be made after all at that very moment, it is deleted while it boots: Google has nothing to compare there.
/// - What a machine was launched from is what its template says: Google does not show it of the machine itself.
#[derive(Clone, Debug)]
pub struct MigFleet {
    gcp: Gcp,
    capabilities: FleetCapabilities,
    lag: Duration,
    /// What was found once and never changes: where a group is, and what a template launches.
    known: Arc<Known>,
}

#[derive(Debug, Default)]
struct Known {
    groups: Mutex<BTreeMap<String, At>>,
    images: Mutex<BTreeMap<String, Option<Arc<str>>>>,
}

impl MigFleet {
    /// The fleets of a project's region.
    pub fn new(gcp: &Gcp) -> Self {
        let capabilities = FleetCapabilities {
            // "Managed instance groups": a zonal one has at most 1,000 machines, a regional one 2,000.
            group_size_max: 1000,
            zonal: true,
            heals: Heals::Switchable,
            // Google remembers the ids of requests.
            request_lifetime: Duration::ZERO,
            adopt: false,
        };
        Self { gcp: gcp.clone(), capabilities, lag: Duration::from_secs(5), known: Arc::default() }
    }

    /// How long Google may take to show in its lists what it has done; 5 s if nothing is said. Views are told to be [so old](immutable_core::fleet::GroupSeen::age).
    #[must_use]
    pub fn lag(mut self, at_most: Duration) -> Self {
        self.lag = at_most;
        self
    }

    /// A group of a fleet, wherever in the region it is: of several of its name the one that bears the mark, else any; and whether there could be one that was not seen.
    async fn find(&self, fleet: &FleetId, id: GroupId) -> Result<(Option<Group>, Coverage)> {
        let name = marks::name(fleet, id);
        let known = self.known.groups.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        if let Some(at) = known
            && let Some(group) = self.gcp.group(&at).await?.map(|group| Group::read(at, &group))
            && group.id(fleet) == Some(id)
        {
            return Ok((Some(group), Coverage::Whole));
        }
        let (found, coverage) = self.gcp.groups_named(&name).await?;
        let named = found.into_iter().filter(|(at, _)| at.name == name).map(|(at, group)| Group::read(at, &group));
        let (ours, others): (Vec<Group>, Vec<Group>) = named.partition(|group| group.id(fleet) == Some(id));
        ours.iter().for_each(|group| self.remember(&group.at));
        Ok((ours.into_iter().chain(others).next(), coverage))
    }

    fn remember(&self, at: &At) {
        self.known.groups.lock().unwrap_or_else(PoisonError::into_inner).insert(at.name.clone(), at.clone());
    }

    /// The group, which must be there and ours.
    async fn group(&self, fleet: &FleetId, id: GroupId) -> Result<Group> {
        match self.find(fleet, id).await? {
            (Some(found), _) if found.id(fleet) == Some(id) => Ok(found),
            (_, Coverage::Part(why)) => Err(silent(&why)),
            (Some(found), Coverage::Whole) => Err(taken(&found.at.name, "it does not bear this fleet's mark")),
            (None, Coverage::Whole) => {
                let name = marks::name(fleet, id);
                let what = format!("there is no managed instance group {name}");
                Err(Error::new(ErrorKind::NotFound, what).with_resource(name))
            }
        }
    }

    /// All groups of a generation that bear the fleet's mark. A part of them is no answer: what is done to all of them would be done to some.
    async fn marked(&self, fleet: &FleetId, generation: GenerationId) -> Result<Vec<Group>> {
        let (found, coverage) = self.gcp.groups_named(&format!("{}-", generation.name(fleet))).await?;
        if let Coverage::Part(why) = coverage {
            return Err(silent(&why));
        }
        let groups = found.into_iter().map(|(at, group)| Group::read(at, &group));
        let ours: Vec<Group> = groups.filter(|group| group.id(fleet).is_some_and(|id| id.generation == generation)).collect();
        ours.iter().for_each(|group| self.remember(&group.at));
        Ok(ours)
    }
}

fn silent(why: &str) -> Error {
    Error::new(ErrorKind::Unreachable, format!("not all groups can be seen: {why}; ask again")).with_applied(Applied::No)
}

fn taken(name: &str, why: &str) -> Error {
    let what = format!("the name {name} belongs to something else: {why}; delete it, or name the fleet otherwise");
    Error::new(ErrorKind::Taken, what).with_resource(name.to_owned())
}

#[async_trait]
impl FleetProvider for MigFleet {
    fn capabilities(&self) -> &FleetCapabilities {
        &self.capabilities
    }

    async fn preflight(&self, spec: &GenerationSpec, most_live: u32) -> Result<Vec<Finding>> {
        let template = crate::template::read(&spec.template)?;
        preflight::findings(&self.gcp, spec, &template, most_live).await
    }

    async fn inspect(&self, native: &NativeRef) -> Result<GenerationSpec> {
        Err(not_ours(native).with_operation("inspect"))
    }

    async fn adopt(&self, _: &Op, native: &NativeRef, _: &GenerationSpec) -> Result<()> {
        Err(not_ours(native).with_operation("adopt"))
    }

    async fn ensure_generation(&self, op: &Op, spec: &GenerationSpec) -> Result<Ensured> {
        self.ensure(op, spec).await.map_err(|error| error.with_operation("ensure").with_resource(spec.full_name()))
    }

    async fn resize(&self, op: &Op, resize: &Resize) -> Result<Resized> {
        let named = |error: Error| error.with_operation("resize").with_resource(marks::name(&op.fleet, resize.group()));
        self.change_size(op, resize).await.map_err(named)
    }

    async fn set_upkeep(&self, op: &Op, generation: GenerationId, upkeep: Upkeep) -> Result<()> {
        let named = |error: Error| error.with_operation("set_upkeep").with_resource(generation.name(&op.fleet));
        self.keep_up(op, generation, upkeep).await.map_err(named)
    }

    async fn destroy_generation(&self, op: &Op, generation: GenerationId) -> Result<Destroyed> {
        let named = |error: Error| error.with_operation("destroy").with_resource(generation.name(&op.fleet));
        self.destroy(op, generation).await.map_err(named)
    }

    async fn follow(&self, ticket: &Ticket) -> Result<TicketState> {
        self.gcp.follow(ticket).await.map_err(|error| error.with_operation("follow"))
    }

    async fn observe(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation> {
        self.look(fleet, known).await.map_err(|error| error.with_operation("observe").with_resource(fleet.name()))
    }
}

/// A project's region with its managed instance groups and its images.
impl From<&Gcp> for Provider {
    fn from(gcp: &Gcp) -> Self {
        Self::new(gcp.place(), Arc::new(MigFleet::new(gcp))).images(Arc::new(GceCatalog::new(gcp)))
    }
}

fn not_ours(native: &NativeRef) -> Error {
    Error::invalid(format!(
        "{native} was not made by this library, and a managed instance group cannot be taken over; let a new generation replace it"
    ))
}
