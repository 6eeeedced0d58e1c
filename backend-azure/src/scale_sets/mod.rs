//! Fleets of scale sets: one Flexible scale set for each group of a generation, made once, and never changed but for its size.

mod adopt;
mod baseline;
mod calls;
mod ensure;
mod find;
mod inspect;
mod observe;
mod resize;
mod seen;

pub(crate) use calls::COMPUTE;
pub use observe::{APPLICATION_HEALTH, SCALE_SET};
pub(crate) use seen::{Group, Machine};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use immutable_core::fleet::{
    Destroyed, Ensured, Finding, FleetCapabilities, FleetId, GenerationId, GenerationSpec, GroupId, Heals, Observation, Op,
    Resize, Resized, Ticket, TicketState, Upkeep,
};
use immutable_core::id::{InstanceKey, NativeRef};
use immutable_core::provider::FleetProvider;
use immutable_core::{Error, ErrorKind, Provider, Result};

use crate::client::Azure;
use crate::operations::Operation;
use crate::{marks, preflight};

/// Fleets of scale sets.
///
/// Each group of a generation is one scale set of Flexible orchestration, in a zone, in several, or in the region, whose model names one exact image. It is made at size 0. A fleet's template
/// is a [`VmssTemplate`](crate::VmssTemplate).
///
/// One that others made, Uniform or Flexible, is [adopted](FleetProvider::adopt) as the only group of a generation: it gets the fleet's tags beside its own, and keeps its name, its model and its
/// machines. It can be a baseline if it launches one exact image, and if Azure neither changes nor evicts its machines: no upgrades of images, extensions or applications, no patches by the
/// platform, no Spot.
///
/// # Guarantees
/// - A size is raised by an absolute number, and only if the scale set is what was read (`If-Match`). It is lowered by naming who is deleted, never by a smaller number, by which Azure would
///   choose, and never by naming nobody, by which all would go.
/// - Nothing is upgraded in place: models are not changed, automatic repairs and the rebalancing of zones are off, applications are pinned, and nothing here reimages, restarts or redeploys a
///   machine.
/// - Only what bears the fleet's tags is touched.
///
/// # Caveats
/// - That a size was set does not mean that there will be so many: Azure tells late that it has no room, and then the machines are counted that are there. What it said is an
///   [incident](immutable_core::fleet::Incident) for as long as the process lives that had set the size; of machines that were made and failed, also after that.
/// - What is missing is given up only when Azure works on nothing in the scale set, by a size that is not less than the machines which are listed. A machine that Azure has and does not list at
///   that moment could be deleted by it.
/// - A machine's incarnation is its `vmId`. Somebody who reimages it by hand keeps it.
/// - Machines of a Uniform scale set are deleted by their numbers, and Azure may give a number again. Whoever has it is looked at right before; a deletion without an answer may still come for a
///   minute, which its error says.
#[derive(Clone, Debug)]
pub struct VmssFleet {
    azure: Azure,
    capabilities: FleetCapabilities,
    lag: Duration,
    /// What was begun in each scale set, and how it ended.
    begun: Arc<Mutex<BTreeMap<String, Vec<Begun>>>>,
    /// The names of the groups that others made, by fleet and group, as far as they were seen.
    adopted: Arc<Mutex<BTreeMap<(String, GroupId), String>>>,
}

/// An operation that set a size.
#[derive(Clone, Debug)]
struct Begun {
    operation: Operation,
    /// What went wrong, once it has ended.
    ended: Option<Vec<crate::errors::Fault>>,
    /// The machines that have told of it.
    told: BTreeSet<InstanceKey>,
}

impl VmssFleet {
    /// The fleets of a resource group.
    pub fn new(azure: &Azure) -> Self {
        let capabilities = FleetCapabilities {
            // "Virtual Machine Scale Sets: orchestration modes": at most 1,000 machines, of a managed image as of a gallery's.
            group_size_max: 1000,
            zonal: true,
            heals: Heals::Never,
            // Etags are compared, and the names of machines are never given twice. Where they may be, a deletion says so itself.
            request_lifetime: Duration::ZERO,
            adopt: true,
        };
        Self { azure: azure.clone(), capabilities, lag: Duration::from_secs(5), begun: Arc::default(), adopted: Arc::default() }
    }

    /// How long Azure may take to show in its lists what it has done; 5 s if nothing is said. Views are told to be [so old](immutable_core::fleet::GroupSeen::age).
    #[must_use]
    pub fn lag(mut self, at_most: Duration) -> Self {
        self.lag = at_most;
        self
    }

    /// The group, which must be there and ours.
    async fn group(&self, fleet: &FleetId, id: GroupId) -> Result<Group> {
        match self.find(fleet, id).await? {
            Some(found) if found.id(fleet) == Some(id) => Ok(found),
            Some(found) => Err(crate::errors::taken(&found.name, "it does not bear this fleet's tags")),
            None => {
                let name = self.known(fleet, id).unwrap_or_else(|| marks::name(fleet, id));
                Err(Error::new(ErrorKind::NotFound, format!("there is no scale set {name}")).with_resource(name))
            }
        }
    }

    /// A scale set, or that there is none. After it was made Azure may say for a while that there is none, and then that there is, by turns (azurerm#18268, #25758): it is not there if it was not
    /// several times.
    async fn certainly(&self, name: &str) -> Result<Option<Group>> {
        for turn in 0..LOOKS {
            if turn > 0 {
                self.azure.pause(Duration::from_secs(1)).await;
            }
            if let Some(found) = self.azure.group(name).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// How often in a row something must not be there.
pub(crate) const LOOKS: u32 = 3;

#[async_trait]
impl FleetProvider for VmssFleet {
    fn capabilities(&self) -> &FleetCapabilities {
        &self.capabilities
    }

    async fn preflight(&self, spec: &GenerationSpec, most_live: u32) -> Result<Vec<Finding>> {
        let template = crate::template::read(&spec.template)?;
        preflight::findings(&self.azure, spec, &template, most_live).await
    }

    async fn inspect(&self, native: &NativeRef) -> Result<GenerationSpec> {
        self.look_into(native).await.map_err(|error| error.with_operation("inspect").with_resource(native.as_str()))
    }

    async fn adopt(&self, op: &Op, native: &NativeRef, spec: &GenerationSpec) -> Result<()> {
        let named = |error: Error| error.with_operation("adopt").with_resource(native.as_str());
        self.take_over(op, native, spec).await.map_err(named)
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
        self.azure.follow(ticket).await.map_err(|error| error.with_operation("follow"))
    }

    async fn observe(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation> {
        self.look(fleet, known).await.map_err(|error| error.with_operation("observe").with_resource(fleet.name()))
    }
}

/// A resource group with its scale sets.
impl From<&Azure> for Provider {
    fn from(azure: &Azure) -> Self {
        Self::new(azure.place(), Arc::new(VmssFleet::new(azure)))
    }
}
