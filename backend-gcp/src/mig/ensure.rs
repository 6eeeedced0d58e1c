//! The beginning and the end of a generation, and its upkeep.

use futures_util::future::join_all;
use google_cloud_compute_v1::model::instance_group_manager::ListManagedInstancesResults;
use google_cloud_compute_v1::model::instance_group_manager_instance_lifecycle_policy::DefaultActionOnFailure;
use google_cloud_compute_v1::model::instance_group_manager_update_policy::{
    InstanceRedistributionType, MinimalAction, ReplacementMethod, Type as UpdateType,
};
use google_cloud_compute_v1::model::{
    DistributionPolicy, DistributionPolicyZoneConfiguration, InstanceGroupManager, InstanceGroupManagerAutoHealingPolicy,
    InstanceGroupManagerInstanceLifecyclePolicy, InstanceGroupManagerUpdatePolicy, InstanceGroupManagerVersion, NamedPort,
};
use immutable_core::fleet::{Destroyed, Ensured, GenerationId, GenerationSpec, GroupId, GroupSpec, Op, Placement, Upkeep};
use immutable_core::{Applied, Error, ErrorKind, Result};

use super::calls::At;
use super::seen::Group;
use super::{MigFleet, taken};
use crate::marks::{self, Mark, last};
use crate::operations::{Scope, Stands, request_id, ticket};
use crate::template::MigTemplate;
use crate::templates;
use crate::traffic::release;

impl MigFleet {
    pub(super) async fn ensure(&self, op: &Op, spec: &GenerationSpec) -> Result<Ensured> {
        let template = crate::template::read(&spec.template)?;
        marks::check(spec)?;
        if !spec.image.place().serves(&self.gcp.place()) {
            return Err(Error::invalid(format!("{} is not in {}; copy it there first", spec.image, self.gcp.place())));
        }
        for group in &spec.groups {
            if let Placement::Zone(zone) = &group.placement
                && !self.gcp.has_zone(zone.as_str())
            {
                return Err(Error::invalid(format!("zone {zone} is not in region {}; name one that is", self.gcp.region())));
            }
        }
        let begun = |one: &GroupSpec| {
            (
                At {
                    scope: scope(&one.placement),
                    name: marks::name(&spec.fleet, GroupId { generation: spec.id, cell: one.cell }),
                },
                one.clone(),
            )
        };
        let mut absent = Vec::new();
        // All that is there is looked at before anything is made: a name that is taken gets no more groups.
        for (at, one) in spec.groups.iter().map(begun) {
            match self.gcp.group(&at).await? {
                Some(found) => self.is_this(&Group::read(at, &found), spec, one.cell, &template).await?,
                None => {
                    self.is_free(&at.name, spec).await?;
                    absent.push((at, one));
                }
            }
        }
        if absent.is_empty() {
            return Ok(Ensured::AlreadyOurs);
        }
        // All at once: one after the other, many zones would take longer than anybody waits.
        let made = join_all(absent.iter().map(|(at, one)| self.make(op, spec, &template, at, one))).await;
        let some = made.iter().any(Result::is_ok);
        let made: Result<Vec<Stands>> = made.into_iter().collect();
        let made = made.map_err(|error| self.gcp.half_done(some, error))?;
        Ok(Ensured::Created { echo_until: None, ticket: ticket(&made) })
    }

    /// Whether a group that is there is what would be made.
    async fn is_this(&self, found: &Group, spec: &GenerationSpec, cell: u16, template: &MigTemplate) -> Result<()> {
        let (id, name) = (GroupId { generation: spec.id, cell }, &found.at.name);
        if found.id(&spec.fleet) != Some(id) {
            return Err(taken(name, "it does not bear this fleet's mark"));
        }
        if found.mark().is_none_or(|mark| mark.spec != spec.digest()) {
            return Err(taken(name, "it was made of another spec"));
        }
        let wanted = marks::template_name(spec, id);
        if found.template.as_deref() != Some(&wanted) || found.versions != 1 {
            let of = found.template.as_deref().unwrap_or_default();
            return Err(taken(
                name,
                &format!("it launches from `{of}` in {} versions, and not from `{wanted}` alone", found.versions),
            ));
        }
        let properties = template.machine.properties(self.gcp.project(), self.gcp.region(), &spec.image, marks::labels(spec, id));
        match templates::difference(&self.gcp, &wanted, &properties).await? {
            Some(what) => Err(taken(name, &format!("the {what} of its instance template is another"))),
            None => Ok(()),
        }
    }

    /// A name is one group's in the whole region, though Google would let each zone have one of it: otherwise nobody could tell which of them is meant.
    async fn is_free(&self, name: &str, spec: &GenerationSpec) -> Result<()> {
        let (found, _) = self.gcp.groups_named(name).await?;
        match found.into_iter().find(|(at, _)| at.name == name) {
            None => Ok(()),
            Some((at, group)) => {
                let ours = Group::read(at.clone(), &group).id(&spec.fleet).is_some();
                let why = if ours { "it is in another place than the spec says" } else { "it does not bear this fleet's mark" };
                Err(taken(&at.name, why))
            }
        }
    }

    async fn make(&self, op: &Op, spec: &GenerationSpec, template: &MigTemplate, at: &At, one: &GroupSpec) -> Result<Stands> {
        let id = GroupId { generation: spec.id, cell: one.cell };
        let wanted = marks::template_name(spec, id);
        let labels = marks::labels(spec, id);
        let properties = template.machine.properties(self.gcp.project(), self.gcp.region(), &spec.image, labels);
        let mark = Mark::of(spec, id).write();
        let made =
            templates::ensure(&self.gcp, &wanted, &mark, properties, request_id(op, format!("template {}", one.cell))).await?;
        let group = self.group_of(spec, template, at, &wanted, mark);
        match self.gcp.insert_group(at, group, request_id(op, format!("group {}", one.cell))).await {
            Ok(stands) => {
                self.remember(at);
                Ok(stands)
            }
            // A copy of this call came first, or somebody else did: what is there now tells.
            Err(error) if error.kind() == ErrorKind::Taken => match self.gcp.group(at).await? {
                Some(found) => {
                    self.is_this(&Group::read(at.clone(), &found), spec, one.cell, template).await.map(|()| Stands::Done)
                }
                None => {
                    let what = format!("{} was made already, and is not shown yet", at.name);
                    Err(Error::new(ErrorKind::NotYetVisible, what).with_applied(Applied::Unknown).with_echo_until(self.gcp.now()))
                }
            },
            Err(error) => Err(self.gcp.half_done(made, error)),
        }
    }

    /// What Google is told of a new group.
    fn group_of(
        &self,
        spec: &GenerationSpec,
        template: &MigTemplate,
        at: &At,
        wanted: &str,
        mark: String,
    ) -> InstanceGroupManager {
        let (project, region) = (self.gcp.project(), self.gcp.region());
        let version = InstanceGroupManagerVersion::new()
            .set_instance_template(format!("projects/{project}/regions/{region}/instanceTemplates/{wanted}"));
        let mut update = InstanceGroupManagerUpdatePolicy::new()
            .set_type(UpdateType::Opportunistic)
            .set_minimal_action(MinimalAction::Replace)
            .set_replacement_method(ReplacementMethod::Substitute);
        if at.scope == Scope::Region {
            update = update.set_instance_redistribution_type(redistribution(spec.upkeep));
        }
        let port = |(name, port): (&String, &u16)| NamedPort::new().set_name(name).set_port(i32::from(*port));
        let mut group = InstanceGroupManager::new()
            .set_name(&at.name)
            .set_base_instance_name(&at.name)
            .set_description(mark)
            .set_target_size(0)
            .set_versions([version])
            .set_update_policy(update)
            .set_instance_lifecycle_policy(lifecycle(spec.upkeep))
            .set_list_managed_instances_results(ListManagedInstancesResults::Paginated)
            .set_named_ports(template.named_ports.iter().map(port));
        if let Some(check) = &template.health_check {
            let url = match check.url.contains("projects/") {
                true => check.url.clone(),
                false => format!("projects/{project}/{}", check.url),
            };
            let delay = i32::try_from(check.initial_delay).unwrap_or(i32::MAX);
            let policy = InstanceGroupManagerAutoHealingPolicy::new().set_health_check(url).set_initial_delay_sec(delay);
            group = group.set_auto_healing_policies([policy]);
        }
        if at.scope == Scope::Region && !template.zones.is_empty() {
            let zone =
                |zone: &String| DistributionPolicyZoneConfiguration::new().set_zone(format!("projects/{project}/zones/{zone}"));
            group = group.set_distribution_policy(DistributionPolicy::new().set_zones(template.zones.iter().map(zone)));
        }
        group
    }

    pub(super) async fn keep_up(&self, op: &Op, generation: GenerationId, upkeep: Upkeep) -> Result<()> {
        let groups = self.marked(&op.fleet, generation).await?;
        if groups.is_empty() {
            let what = format!("there is no managed instance group of {}", generation.name(&op.fleet));
            return Err(Error::new(ErrorKind::NotFound, what));
        }
        let mut begun = false;
        for group in &groups {
            begun |= self.keep_group_up(op, group, upkeep).await.map_err(|error| self.gcp.half_done(begun, error))?;
        }
        Ok(())
    }

    /// Sets what differs, and says whether anything did.
    async fn keep_group_up(&self, op: &Op, group: &Group, upkeep: Upkeep) -> Result<bool> {
        let regional = group.at.scope == Scope::Region;
        let (heals, moves) = (group.heal == upkeep.heal, !regional || group.rebalance == upkeep.rebalance);
        let mut changed = false;
        if !heals || !moves {
            let mut change = InstanceGroupManager::new().set_instance_lifecycle_policy(lifecycle(upkeep));
            if regional {
                let policy = InstanceGroupManagerUpdatePolicy::new().set_instance_redistribution_type(redistribution(upkeep));
                // A patch of the policy says its type: its default is another.
                change = change.set_update_policy(policy.set_type(UpdateType::Opportunistic));
            }
            let id = request_id(op, format!("upkeep {}", group.at.name));
            self.finish("instanceGroupManagers.patch", self.gcp.patch_group(&group.at, change, id).await?)?;
            changed = true;
        }
        if let Some(autoscaler) = &group.autoscaler
            && self.gcp.autoscales(&group.at, autoscaler).await? != upkeep.autoscale
        {
            let id = request_id(op, format!("autoscaler {}", group.at.name));
            let stands = self.gcp.set_autoscales(&group.at, autoscaler, upkeep.autoscale, id).await;
            self.finish("autoscalers.patch", stands.map_err(|error| self.gcp.half_done(changed, error))?)?;
            changed = true;
        }
        Ok(changed)
    }

    /// Nothing, if an operation is done; otherwise that it goes on.
    fn finish(&self, method: &str, stands: Stands) -> Result<()> {
        match stands {
            Stands::Done => Ok(()),
            Stands::Running(name) => {
                let what = format!("{method} was accepted, and its operation goes on ({name}); ask again");
                Err(Error::new(ErrorKind::Busy, what).with_applied(Applied::Unknown).with_echo_until(self.gcp.now()))
            }
        }
    }

    pub(super) async fn destroy(&self, op: &Op, generation: GenerationId) -> Result<Destroyed> {
        let groups = self.marked(&op.fleet, generation).await?;
        let mut left = 0_u32;
        for group in &groups {
            // A promise of a machine is one: it may come while the group goes.
            let members = u32::try_from(self.gcp.members(&group.at).await?.len()).unwrap_or(u32::MAX);
            left = left.saturating_add(group.target.max(members));
        }
        if left > 0 {
            return Ok(Destroyed::StillHas(left));
        }
        let mut begun = false;
        for group in &groups {
            self.remove(op, group).await.map_err(|error| self.gcp.half_done(begun, error))?;
            begun = true;
        }
        // Last, so that as long as a template is there something may be left of its group.
        let of = |name: &str, mark: &Mark| {
            mark.group(&op.fleet).is_some_and(|id| id.generation == generation && name.starts_with(&marks::name(&op.fleet, id)))
        };
        for (name, _) in templates::marked(&self.gcp, &format!("{}-", generation.name(&op.fleet)), of).await? {
            let removed = templates::delete(&self.gcp, &name, request_id(op, format!("remove {name}"))).await;
            removed.map_err(|error| self.gcp.half_done(begun, error))?;
            begun = true;
        }
        Ok(Destroyed::Gone)
    }

    /// Removes an empty group, from the load balancers that it is left in first: Google keeps what is in use.
    async fn remove(&self, op: &Op, group: &Group) -> Result<()> {
        let remove = async |round: u8| {
            let id = request_id(op, format!("remove {} {round}", group.at.name));
            self.finish("instanceGroupManagers.delete", self.gcp.delete_group(&group.at, id).await?)
        };
        let answer = match remove(0).await {
            Err(error) if error.kind() == ErrorKind::Busy && error.applied() == Applied::No => match &group.url {
                Some(url) if release(&self.gcp, url).await? => remove(1).await.map_err(|error| self.gcp.half_done(true, error)),
                _ => Err(error),
            },
            other => other,
        };
        match answer {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

pub(super) fn scope(placement: &Placement) -> Scope {
    match placement {
        Placement::Region => Scope::Region,
        Placement::Zone(zone) => Scope::Zone(last(zone.as_str()).to_owned()),
    }
}

fn redistribution(upkeep: Upkeep) -> InstanceRedistributionType {
    if upkeep.rebalance { InstanceRedistributionType::Proactive } else { InstanceRedistributionType::None }
}

fn lifecycle(upkeep: Upkeep) -> InstanceGroupManagerInstanceLifecyclePolicy {
    let action = if upkeep.heal { DefaultActionOnFailure::Repair } else { DefaultActionOnFailure::DoNothing };
    InstanceGroupManagerInstanceLifecyclePolicy::new().set_default_action_on_failure(action)
}
