//! Fleets of Auto Scaling groups: one group and one launch template for each group of a generation, made once, and never changed but for size, traffic and upkeep.

mod ensure;
mod observe;
mod resize;
mod seen;

pub use observe::{AUTO_SCALING, EC2_CHECKS};

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_autoscaling::types::AutoScalingGroup;
use immutable_core::fleet::{
    Destroyed, Ensured, Finding, FleetCapabilities, FleetId, GenerationId, GenerationSpec, GroupId, Heals, Observation, Op,
    Resize, Resized, Ticket, TicketState, Upkeep,
};
use immutable_core::id::NativeRef;
use immutable_core::provider::FleetProvider;
use immutable_core::{Error, ErrorKind, Provider, Result};

use crate::client::Aws;
use crate::images::AmiCatalog;
use crate::traffic::Attachment;
use crate::{errors, preflight};
use seen::Group;

/// Fleets of Auto Scaling groups.
///
/// Each group of a generation is one Auto Scaling group with a launch template of its own, whose name has the digest of all that it launches in it and which only ever
/// has its version 1. It is made at size 0. A fleet's template is an [`AsgTemplate`](crate::AsgTemplate).
///
/// # Guarantees
/// - A size is raised by an absolute number. It is lowered by naming who is terminated, and never by a smaller number: all machines are protected from Auto Scaling's
///   own choice, unless [`Upkeep::autoscale`] is set.
/// - Instance refreshes are suspended for as long as a group exists; rebalancing, healing and policies as its [`Upkeep`] says.
/// - Only what bears the fleet's tags is touched.
///
/// # Caveats
/// - Scale-in protection tells nothing here, since all have it: put who must stay on standby.
/// - Auto Scaling neither compares nor has tokens. A call without an answer may still come for [six minutes](FleetCapabilities::request_lifetime).
#[derive(Clone, Debug)]
pub struct AsgFleet {
    aws: Aws,
    capabilities: FleetCapabilities,
    terminate: Terminate,
    lag: Duration,
}

/// How those who leave are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Terminate {
    /// A call for up to a hundred.
    #[default]
    Batch,
    /// A call for each: all that emulators know.
    One,
}

impl AsgFleet {
    /// The fleets of an account's region.
    pub fn new(aws: &Aws) -> Self {
        let capabilities = FleetCapabilities {
            // Elastic Load Balancing, "Quotas for your Application Load Balancers": targets of one target group.
            group_size_max: 1000,
            zonal: true,
            heals: Heals::Switchable,
            request_lifetime: aws.request_lifetime(),
            adopt: false,
        };
        Self { aws: aws.clone(), capabilities, terminate: Terminate::Batch, lag: Duration::from_secs(5) }
    }

    /// Names those who leave in this way.
    #[must_use]
    pub fn terminate(mut self, how: Terminate) -> Self {
        self.terminate = how;
        self
    }

    /// How long Amazon may take to show what it has done; 5 s if nothing is said. Views are told to be [so old](immutable_core::fleet::GroupSeen::age).
    #[must_use]
    pub fn lag(mut self, at_most: Duration) -> Self {
        self.lag = at_most;
        self
    }

    /// The group, which must be there and ours.
    async fn group(&self, fleet: &FleetId, group: GroupId) -> Result<Group> {
        let name = crate::marks::name(fleet, group);
        let found = self.named(std::slice::from_ref(&name)).await?.into_iter().next();
        let found = found.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("there is no Auto Scaling group {name}")).with_resource(name.clone())
        })?;
        match found.mark.group(fleet) == Some(group) {
            true => Ok(found),
            false => Err(taken(&found, "it does not bear this fleet's tags")),
        }
    }

    /// The groups of these names that are there.
    async fn named(&self, names: &[String]) -> Result<Vec<Group>> {
        let mut found = Vec::new();
        // "DescribeAutoScalingGroups": without a size of its own a page has 50.
        for names in names.chunks(50) {
            let call = self.aws.again().asg.describe_auto_scaling_groups().set_auto_scaling_group_names(Some(names.to_vec()));
            let answer = self.aws.ask("autoscaling:DescribeAutoScalingGroups", call.send()).await?;
            found.extend(answer.auto_scaling_groups().iter().filter(|group| is_one_of(group, names)).map(Group::read));
        }
        Ok(found)
    }

    /// Which target groups each group of a fleet registers its machines with.
    pub(crate) async fn attachments(&self, fleet: &FleetId) -> Result<Vec<Attachment>> {
        let groups = self.tagged(fleet, None).await?.into_iter().filter(|group| !group.deleting);
        let attachment = |group: Group| {
            let generation = group.mark.group(fleet)?.generation;
            let in_service = group.members.iter().filter(|member| member.in_service).map(|member| member.id.clone()).collect();
            Some(Attachment { name: group.name, generation, target_groups: group.target_groups, in_service })
        };
        Ok(groups.filter_map(attachment).collect())
    }

    /// All groups that bear a fleet's tag, or one generation's.
    async fn tagged(&self, fleet: &FleetId, generation: Option<GenerationId>) -> Result<Vec<Group>> {
        use aws_sdk_autoscaling::types::Filter;
        let filter = |key: &str, value: &str| Filter::builder().name(format!("tag:{key}")).values(value).build();
        let mut filters = vec![filter(crate::marks::FLEET, fleet.name())];
        filters.extend(generation.map(|generation| filter(crate::marks::GENERATION, &generation.to_string())));
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let call = self.aws.again().asg.describe_auto_scaling_groups().max_records(100);
            let call = call.set_filters(Some(filters.clone())).set_next_token(next);
            let answer = self.aws.ask("autoscaling:DescribeAutoScalingGroups", call.send()).await?;
            found.extend(answer.auto_scaling_groups().iter().map(Group::read));
            next = answer.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(found);
            }
        }
    }
}

/// An emulator, or a name that is no longer there, may answer with what was not asked for.
fn is_one_of(group: &AutoScalingGroup, names: &[String]) -> bool {
    group.auto_scaling_group_name().is_some_and(|name| names.iter().any(|wanted| wanted == name))
}

fn taken(found: &Group, why: &str) -> Error {
    let what = format!("the name {} belongs to something else: {why}; delete it, or name the fleet otherwise", found.name);
    Error::new(ErrorKind::Taken, what).with_resource(found.name.clone())
}

#[async_trait]
impl FleetProvider for AsgFleet {
    fn capabilities(&self) -> &FleetCapabilities {
        &self.capabilities
    }

    async fn preflight(&self, spec: &GenerationSpec, most_live: u32) -> Result<Vec<Finding>> {
        let template = crate::template::read(&spec.template)?;
        preflight::findings(&self.aws, spec, &template.machine, most_live).await
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
        let named = |error: Error| error.with_operation("resize").with_resource(crate::marks::name(&op.fleet, resize.group()));
        self.change_size(&op.fleet, resize).await.map_err(named)
    }

    async fn set_upkeep(&self, op: &Op, generation: GenerationId, upkeep: Upkeep) -> Result<()> {
        self.keep_up(&op.fleet, generation, upkeep)
            .await
            .map_err(|error| error.with_operation("set_upkeep").with_resource(generation.name(&op.fleet)))
    }

    async fn destroy_generation(&self, op: &Op, generation: GenerationId) -> Result<Destroyed> {
        self.destroy(&op.fleet, generation)
            .await
            .map_err(|error| error.with_operation("destroy").with_resource(generation.name(&op.fleet)))
    }

    /// No call is only accepted, so there is nothing to follow.
    async fn follow(&self, _: &Ticket) -> Result<TicketState> {
        Ok(TicketState::Lost)
    }

    async fn observe(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation> {
        self.look(fleet, known).await.map_err(|error| error.with_operation("observe").with_resource(fleet.name()))
    }
}

/// An account's region with its Auto Scaling groups and its images.
impl From<&Aws> for Provider {
    fn from(aws: &Aws) -> Self {
        Self::new(aws.place(), Arc::new(AsgFleet::new(aws))).images(Arc::new(AmiCatalog::new(aws)))
    }
}
