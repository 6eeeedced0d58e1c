//! The beginning and the end of a generation, and its upkeep.

use std::time::Duration;

use aws_sdk_autoscaling::types::{LaunchTemplateSpecification, Tag};
use aws_sdk_ec2::types::{ResourceType, TagSpecification};
use immutable_core::fleet::{
    Destroyed, Ensured, FleetId, GenerationId, GenerationSpec, GroupId, GroupSpec, Op, Placement, Upkeep,
};
use immutable_core::{Applied, Error, ErrorKind, Result};

use super::seen::Group;
use super::{AsgFleet, taken};
use crate::marks;
use crate::template::AsgTemplate;
use crate::templates;

/// How long what was made may take to be shown before the call is answered otherwise.
const SHOWN: Duration = Duration::from_secs(15);

impl AsgFleet {
    pub(super) async fn ensure(&self, op: &Op, spec: &GenerationSpec) -> Result<Ensured> {
        let template = crate::template::read(&spec.template)?;
        if *spec.image.place() != self.aws.place() {
            return Err(Error::invalid(format!("{} is not in {}; copy it there first", spec.image, self.aws.place())));
        }
        let names: Vec<String> = spec.group_ids().map(|group| marks::name(&spec.fleet, group)).collect();
        let found = self.named(&names).await?;
        // All that is there is looked at before anything is made: a name that is taken gets no more groups.
        for group in &found {
            self.is_this(group, spec, &template).await?;
        }
        let mut made = false;
        for (one, name) in spec.groups.iter().zip(&names) {
            let group = GroupId { generation: spec.id, cell: one.cell };
            match found.iter().find(|found| found.name == *name) {
                Some(found) if found.is_complete() => continue,
                Some(_) => {}
                None => self.create_when_shown(op, spec, &template, one, group, name).await?,
            }
            let shown = self.shown(&spec.fleet, group).await?;
            self.set_processes(&shown, spec.upkeep).await?;
            made = true;
        }
        Ok(if made { Ensured::Created { echo_until: None, ticket: None } } else { Ensured::AlreadyOurs })
    }

    /// Whether a group that is there is what would be made.
    async fn is_this(&self, found: &Group, spec: &GenerationSpec, template: &AsgTemplate) -> Result<()> {
        if found.deleting {
            return Err(Error::new(ErrorKind::Busy, format!("{} is being deleted; wait until it is gone", found.name)));
        }
        let Some(group) = found.mark.group(&spec.fleet) else { return Err(taken(found, "it does not bear this fleet's tags")) };
        if found.mark.spec != Some(spec.digest()) {
            return Err(taken(found, "it was made of another spec"));
        }
        let wanted = marks::template_name(spec, group);
        let (name, version) = found.template.as_ref().map_or(("", ""), |(name, version)| (name.as_str(), version.as_str()));
        if (name, version) != (&*wanted, "1") {
            return Err(taken(
                found,
                &format!("it launches from `{name}`, version {version}, and not from `{wanted}`, version 1"),
            ));
        }
        if let Some(subnet) = found.subnets.iter().find(|subnet| !template.machine.subnets.contains(subnet)) {
            return Err(taken(found, &format!("it launches into {subnet}, which is not in the fleet's template")));
        }
        let data = template.machine.data(&spec.image, &marks::tags(spec, group));
        match templates::difference(&self.aws, &wanted, &data).await? {
            Some(what) => Err(taken(found, &format!("the {what} of its launch template is another"))),
            None => Ok(()),
        }
    }

    /// What was just made is not known everywhere at once: a template to groups, a name to those who ask for it.
    async fn create_when_shown(
        &self,
        op: &Op,
        spec: &GenerationSpec,
        template: &AsgTemplate,
        one: &GroupSpec,
        group: GroupId,
        name: &str,
    ) -> Result<()> {
        let deadline = self.aws.now() + SHOWN;
        loop {
            match self.create(op, spec, template, one, group, name).await {
                Err(error) if error.kind() == ErrorKind::NotYetVisible && self.aws.now() < deadline => {
                    self.aws.pause(Duration::from_secs(1)).await;
                }
                other => return other,
            }
        }
    }

    async fn create(
        &self,
        op: &Op,
        spec: &GenerationSpec,
        template: &AsgTemplate,
        one: &GroupSpec,
        group: GroupId,
        name: &str,
    ) -> Result<()> {
        let tags = marks::tags(spec, group);
        let tagged = TagSpecification::builder()
            .resource_type(ResourceType::LaunchTemplate)
            .set_tags(Some(templates::ec2_tags(&tags)))
            .build();
        let wanted = marks::template_name(spec, group);
        let token = format!("{}-{}", op.uuid(), group.cell);
        let id = templates::ensure(&self.aws, &wanted, &token, template.machine.data(&spec.image, &tags), tagged).await?;
        let subnets = match &one.placement {
            Placement::Region => template.machine.subnets.clone(),
            Placement::Zone(zone) => crate::preflight::subnets_in(&self.aws, &template.machine.subnets, zone).await?,
        };
        let tag = |(key, value): (&String, &String)| {
            Tag::builder()
                .resource_type("auto-scaling-group")
                .resource_id(name)
                .key(key)
                .value(value)
                .propagate_at_launch(true)
                .build()
        };
        let call = self
            .aws
            .once()
            .asg
            .create_auto_scaling_group()
            .auto_scaling_group_name(name)
            .launch_template(LaunchTemplateSpecification::builder().launch_template_id(id).version("1").build())
            .min_size(0)
            .desired_capacity(0)
            .max_size(i32::try_from(one.max).unwrap_or(i32::MAX))
            .vpc_zone_identifier(subnets.join(","))
            .health_check_type(if spec.pool.is_some() { "ELB" } else { "EC2" })
            .health_check_grace_period(template.health_check_grace.and_then(|grace| i32::try_from(grace).ok()).unwrap_or(300))
            .new_instances_protected_from_scale_in(!spec.upkeep.autoscale)
            .set_tags(Some(tags.iter().map(tag).collect()));
        match self.aws.order("autoscaling:CreateAutoScalingGroup", call.send()).await {
            Ok(_) => Ok(()),
            // A copy of this call came first, or somebody else did: what is there now tells.
            Err(error) if error.kind() == ErrorKind::Taken => match self.named(&[name.to_owned()]).await?.first() {
                Some(found) => self.is_this(found, spec, template).await,
                None => Err(Error::new(ErrorKind::NotYetVisible, format!("{name} was made already, and is not shown yet"))),
            },
            Err(error) => Err(error),
        }
    }

    /// A group that was made, as soon as it is shown.
    async fn shown(&self, fleet: &FleetId, group: GroupId) -> Result<Group> {
        let deadline = self.aws.now() + SHOWN;
        loop {
            match self.group(fleet, group).await {
                Err(error) if error.kind() == ErrorKind::NotFound && self.aws.now() < deadline => {
                    self.aws.pause(Duration::from_secs(1)).await
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    let what = format!("{} was made, and is not shown yet", marks::name(fleet, group));
                    return Err(Error::new(ErrorKind::NotYetVisible, what).with_applied(Applied::Unknown));
                }
                other => return other,
            }
        }
    }

    /// Suspends and resumes what differs.
    async fn set_processes(&self, group: &Group, upkeep: Upkeep) -> Result<()> {
        let (suspend, resume) = group.changes_to(upkeep);
        if !suspend.is_empty() {
            let call =
                self.aws.once().asg.suspend_processes().auto_scaling_group_name(&group.name).set_scaling_processes(Some(suspend));
            self.aws.order("autoscaling:SuspendProcesses", call.send()).await?;
        }
        if !resume.is_empty() {
            let call =
                self.aws.once().asg.resume_processes().auto_scaling_group_name(&group.name).set_scaling_processes(Some(resume));
            self.aws.order("autoscaling:ResumeProcesses", call.send()).await?;
        }
        Ok(())
    }

    pub(super) async fn keep_up(&self, fleet: &FleetId, generation: GenerationId, upkeep: Upkeep) -> Result<()> {
        let groups = self.tagged(fleet, Some(generation)).await?;
        if groups.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no Auto Scaling group of {}", generation.name(fleet))));
        }
        for group in &groups {
            if group.upkeep().autoscale != upkeep.autoscale {
                self.protect(group, !upkeep.autoscale).await?;
            }
            self.set_processes(group, upkeep).await?;
        }
        Ok(())
    }

    /// Protects a group's machines from Auto Scaling's own choice, or leaves it to it, where policies may lower its size.
    async fn protect(&self, group: &Group, protected: bool) -> Result<()> {
        let call = self.aws.once().asg.update_auto_scaling_group().auto_scaling_group_name(&group.name);
        let call = call.new_instances_protected_from_scale_in(protected);
        self.aws.order("autoscaling:UpdateAutoScalingGroup", call.send()).await?;
        let members: Vec<String> = group.staying().map(|member| member.id.clone()).collect();
        // "SetInstanceProtection": at most 50 at once.
        for members in members.chunks(50) {
            let call = self.aws.once().asg.set_instance_protection().auto_scaling_group_name(&group.name);
            let call = call.set_instance_ids(Some(members.to_vec())).protected_from_scale_in(protected);
            self.aws.order("autoscaling:SetInstanceProtection", call.send()).await?;
        }
        Ok(())
    }

    pub(super) async fn destroy(&self, fleet: &FleetId, generation: GenerationId) -> Result<Destroyed> {
        let groups = self.tagged(fleet, Some(generation)).await?;
        // A promise of a machine is one: it may come while the group goes.
        let of = |group: &Group| group.desired.max(u32::try_from(group.members.len()).unwrap_or(u32::MAX));
        let left: u32 = groups.iter().filter(|group| !group.deleting).map(of).fold(0, u32::saturating_add);
        if left > 0 {
            return Ok(Destroyed::StillHas(left));
        }
        for group in groups.iter().filter(|group| !group.deleting) {
            let call = self.aws.once().asg.delete_auto_scaling_group().auto_scaling_group_name(&group.name).force_delete(false);
            match self.aws.order("autoscaling:DeleteAutoScalingGroup", call.send()).await {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        // Last, so that as long as a template is there something may be left of its group.
        templates::delete(&self.aws, fleet, generation).await?;
        Ok(if self.tagged(fleet, Some(generation)).await?.is_empty() { Destroyed::Gone } else { Destroyed::Going })
    }
}
