//! Fleets of plain EC2 instances, for small ones: each raise is one call with a token, and says at once whether there is capacity.

mod observe;
mod resize;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::{ResourceType, TagSpecification};
use immutable_core::fleet::{
    Destroyed, Ensured, Finding, FleetCapabilities, FleetId, GenerationId, GenerationSpec, GroupId, Heals, Life, Observation, Op,
    Placement, Resize, Resized, Ticket, TicketState, Upkeep,
};
use immutable_core::id::NativeRef;
use immutable_core::provider::FleetProvider;
use immutable_core::{Error, ErrorKind, Result, Timestamp};

use crate::client::Aws;
use crate::instances::{self, Machine as Seen};
use crate::template::Machine;
use crate::templates::{self, Template};
use crate::{errors, marks, preflight};

/// Fleets of plain EC2 instances.
///
/// Each group of a generation is a launch template and the instances that were launched from it; its size is how many there are. Nothing heals. A fleet's template is
/// a [`Machine`].
///
/// # Guarantees
/// - A raise is one `RunInstances` in one subnet, under a client token that is a function of the journaled call: sent again, also by another process, it launches
///   nothing twice. Where there is room for some, some come, and [the size](Resized::size) says how many.
/// - Want of capacity is an error of the call itself, of the kind [`Capacity`](ErrorKind::Capacity); the next call may go to another subnet.
/// - Only what bears the fleet's tags is touched, and an instance that is protected from termination stays.
///
/// # Caveats
/// - It gets no requests of a pool: only Auto Scaling registers machines as soon as they can be.
#[derive(Clone, Debug)]
pub struct Ec2Fleet {
    aws: Aws,
    capabilities: FleetCapabilities,
    lag: Duration,
    short: Short,
    /// Who was launched by this process, and is perhaps not shown yet.
    launched: Arc<Mutex<BTreeMap<Arc<str>, Launched>>>,
}

/// What happens where there is room for some of those that are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Short {
    /// Those come, and the size says how many.
    #[default]
    Some,
    /// None comes, and the call fails.
    None,
}

#[derive(Clone, Debug)]
struct Launched {
    fleet: FleetId,
    group: GroupId,
    at: Timestamp,
}

/// For how long EC2 may not show what it has launched. EC2 API, "Eventual consistency": up to five minutes are to be waited.
const UNSHOWN: Duration = Duration::from_secs(5 * 60);

impl Ec2Fleet {
    /// The fleets of an account's region.
    pub fn new(aws: &Aws) -> Self {
        let capabilities = FleetCapabilities {
            // "RunInstances": larger launches are to be made in several calls.
            group_size_max: 500,
            zonal: true,
            heals: Heals::Never,
            request_lifetime: aws.request_lifetime(),
            adopt: false,
        };
        Self { aws: aws.clone(), capabilities, lag: Duration::from_secs(5), short: Short::Some, launched: Arc::default() }
    }

    /// Does this where there is room for some of those that are asked for.
    #[must_use]
    pub fn short(mut self, of_room: Short) -> Self {
        self.short = of_room;
        self
    }

    /// How long Amazon may take to show what it has done; 5 s if nothing is said. Views are told to be [so old](immutable_core::fleet::GroupSeen::age).
    #[must_use]
    pub fn lag(mut self, at_most: Duration) -> Self {
        self.lag = at_most;
        self
    }

    /// The template of a group, which must be there.
    async fn template(&self, fleet: &FleetId, group: GroupId) -> Result<Template> {
        let found = templates::tagged(&self.aws, fleet, Some(group.generation)).await?.into_iter();
        let found = found.into_iter().find(|template| template.mark.group(fleet) == Some(group));
        found.ok_or_else(|| {
            let name = marks::name(fleet, group);
            Error::new(ErrorKind::NotFound, format!("there is no launch template of {name}")).with_resource(name)
        })
    }

    /// All machines of a fleet: those that are shown, and those that this process launched and that are not shown yet.
    async fn machines(&self, fleet: &FleetId) -> Result<Vec<Seen>> {
        let shown = instances::of_fleet(&self.aws, fleet).await?;
        let now = self.aws.now();
        let mut launched = self.launched.lock().unwrap_or_else(PoisonError::into_inner);
        launched.retain(|id, one| !(one.fleet == *fleet && shown.contains_key(id)) && now < one.at + UNSHOWN);
        let unshown = launched.iter().filter(|(_, one)| one.fleet == *fleet).map(|(id, one)| unshown(id, one));
        Ok(shown.values().cloned().chain(unshown).collect())
    }

    async fn ensure(&self, op: &Op, spec: &GenerationSpec) -> Result<Ensured> {
        let machine: Machine = spec.template.read()?;
        machine.check()?;
        if *spec.image.place() != self.aws.place() {
            return Err(Error::invalid(format!("{} is not in {}; copy it there first", spec.image, self.aws.place())));
        }
        if machine.public_address.is_some() {
            return Err(Error::invalid(
                "a fleet of plain instances has public addresses as its subnets say; leave `public_address` out",
            ));
        }
        let found = templates::tagged(&self.aws, &spec.fleet, Some(spec.id)).await?;
        let ours = |template: &&Template| template.mark.spec == Some(spec.digest());
        if let Some(other) = found.iter().find(|template| !ours(template)) {
            let what = format!(
                "launch template {} is of another spec of {}; delete it, or name the fleet otherwise",
                other.name,
                spec.full_name()
            );
            return Err(Error::new(ErrorKind::Taken, what).with_resource(other.name.clone()));
        }
        let mut made = false;
        for one in &spec.groups {
            let group = GroupId { generation: spec.id, cell: one.cell };
            if found.iter().any(|template| template.mark.group(&spec.fleet) == Some(group)) {
                continue;
            }
            let subnets = match &one.placement {
                Placement::Region => machine.subnets.clone(),
                Placement::Zone(zone) => preflight::subnets_in(&self.aws, &machine.subnets, zone).await?,
            };
            let mut tags = marks::tags(spec, group);
            let data = machine.data(&spec.image, &tags);
            tags.insert(marks::SUBNETS.to_owned(), subnets.join(" "));
            let tagged = TagSpecification::builder().resource_type(ResourceType::LaunchTemplate);
            let tagged = tagged.set_tags(Some(templates::ec2_tags(&tags))).build();
            let token = format!("{}-{}", op.uuid(), group.cell);
            templates::ensure(&self.aws, &marks::template_name(spec, group), &token, data, tagged).await?;
            self.shown(&spec.fleet, group).await?;
            made = true;
        }
        Ok(if made { Ensured::Created { echo_until: None, ticket: None } } else { Ensured::AlreadyOurs })
    }

    async fn shown(&self, fleet: &FleetId, group: GroupId) -> Result<()> {
        let deadline = self.aws.now() + Duration::from_secs(15);
        loop {
            match self.template(fleet, group).await {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::NotFound && self.aws.now() < deadline => {
                    self.aws.pause(Duration::from_secs(1)).await
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    let what = format!("the launch template of {} was made, and is not shown yet", marks::name(fleet, group));
                    return Err(Error::new(ErrorKind::NotYetVisible, what));
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn destroy(&self, fleet: &FleetId, generation: GenerationId) -> Result<Destroyed> {
        let of = |machine: &&Seen| machine.mark.generation == Some(generation) && machine.life != Life::Gone;
        let left = self.machines(fleet).await?.iter().filter(of).count();
        if left > 0 {
            return Ok(Destroyed::StillHas(u32::try_from(left).unwrap_or(u32::MAX)));
        }
        templates::delete(&self.aws, fleet, generation).await?;
        Ok(Destroyed::Gone)
    }
}

fn unshown(id: &Arc<str>, one: &Launched) -> Seen {
    let mark = marks::Mark {
        fleet: Some(one.fleet.name().to_owned()),
        generation: Some(one.group.generation),
        cell: Some(one.group.cell),
        spec: None,
    };
    Seen { id: id.clone(), image: None, zone: None, life: Life::Requested, mark, group: None, op: None, reason: None }
}

/// Whether a machine is a member: it neither left nor is leaving.
fn is_member(machine: &Seen) -> bool {
    !matches!(machine.life, Life::Leaving | Life::Gone)
}

#[async_trait]
impl FleetProvider for Ec2Fleet {
    fn capabilities(&self) -> &FleetCapabilities {
        &self.capabilities
    }

    async fn preflight(&self, spec: &GenerationSpec, most_live: u32) -> Result<Vec<Finding>> {
        let machine: Machine = spec.template.read()?;
        machine.check()?;
        let mut findings = preflight::findings(&self.aws, spec, &machine, most_live).await?;
        if let Some(pool) = &spec.pool {
            let what =
                format!("a fleet of plain instances gets no requests of pool {pool}; use Auto Scaling groups (`AsgFleet`)");
            findings.push(Finding { what, blocks: true });
        }
        Ok(findings)
    }

    async fn inspect(&self, native: &NativeRef) -> Result<GenerationSpec> {
        Err(errors::not_ours(native).with_operation("inspect"))
    }

    async fn adopt(&self, _: &Op, native: &NativeRef, _: &GenerationSpec) -> Result<()> {
        Err(errors::not_ours(native).with_operation("adopt"))
    }

    async fn ensure_generation(&self, op: &Op, spec: &GenerationSpec) -> Result<Ensured> {
        self.ensure(op, spec).await.map_err(|error| error.with_operation("ensure").with_resource(spec.full_name()))
    }

    async fn resize(&self, op: &Op, resize: &Resize) -> Result<Resized> {
        let named = |error: Error| error.with_operation("resize").with_resource(marks::name(&op.fleet, resize.group()));
        self.change_size(op, resize).await.map_err(named)
    }

    /// Nothing happens to an instance by itself, whatever is wanted.
    async fn set_upkeep(&self, _: &Op, _: GenerationId, _: Upkeep) -> Result<()> {
        Ok(())
    }

    async fn destroy_generation(&self, op: &Op, generation: GenerationId) -> Result<Destroyed> {
        let named = |error: Error| error.with_operation("destroy").with_resource(generation.name(&op.fleet));
        self.destroy(&op.fleet, generation).await.map_err(named)
    }

    /// No call is only accepted, so there is nothing to follow.
    async fn follow(&self, _: &Ticket) -> Result<TicketState> {
        Ok(TicketState::Lost)
    }

    async fn observe(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation> {
        self.look(fleet, known).await.map_err(|error| error.with_operation("observe").with_resource(fleet.name()))
    }
}
