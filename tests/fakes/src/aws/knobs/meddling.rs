//! What other people do.

use super::super::FakeAws;
use super::super::params::Params;
use super::super::world::Tags;
use super::super::world::group::{Lifecycle, Member};
use super::super::world::instance::{Launch, Wanted};

/// What other people do.
impl FakeAws {
    /// Somebody makes an Auto Scaling group of this name, of one instance of an image, with these tags. `false`: the name is taken, or the image is
    /// not there.
    pub fn meddle_group(&self, name: &str, image: &str, tags: &[(&str, &str)]) -> bool {
        self.with(|region| {
            let mut template = Params::default();
            template.set("LaunchTemplateName", &format!("{name}-by-hand"));
            template.set("LaunchTemplateData.ImageId", image);
            let made = super::super::ec2::perform(region, "CreateLaunchTemplate", template);
            let mut group = Params::default();
            for (field, value) in [("AutoScalingGroupName", name), ("MinSize", "1"), ("MaxSize", "1")] {
                group.set(field, value);
            }
            group.set("LaunchTemplate.LaunchTemplateName", &format!("{name}-by-hand"));
            if let Some(subnet) = region.subnets.first() {
                group.set("VPCZoneIdentifier", &subnet.id);
            }
            for (at, (key, value)) in tags.iter().enumerate() {
                group.set(&format!("Tags.member.{}.Key", at + 1), key);
                group.set(&format!("Tags.member.{}.Value", at + 1), value);
            }
            let grouped = super::super::autoscaling::perform(region, "CreateAutoScalingGroup", group);
            made.is_some_and(|made| made.is_ok()) && grouped.is_some_and(|grouped| grouped.is_ok())
        })
    }

    /// Somebody sets a group's desired capacity, and what bounds it if need be.
    pub fn meddle_desired(&self, group: &str, desired: usize) {
        self.with(|region| {
            if let Some(found) = region.groups.get_mut(group) {
                found.desired = desired;
                found.min = found.min.min(desired);
                found.max = found.max.max(desired);
            }
            region.changed(group);
        });
    }

    /// Somebody terminates an instance in the console.
    pub fn meddle_terminate(&self, instance: &str) {
        self.with(|region| {
            region.terminate(instance);
            region.stir();
        });
    }

    /// Somebody puts a member on standby; its group launches no other.
    pub fn meddle_standby(&self, group: &str, instance: &str) {
        self.with_member(group, instance, |region, group| {
            group.target_groups.iter().for_each(|arn| region.deregister(arn, instance));
            if let Some(member) = group.members.get_mut(instance) {
                member.state = Lifecycle::EnteringStandby;
                group.desired = group.desired.saturating_sub(1);
                group.min = group.min.min(group.desired);
            }
        });
    }

    /// Somebody detaches a member: it runs on, and is the group's no more.
    pub fn meddle_detach(&self, group: &str, instance: &str) {
        self.with_member(group, instance, |region, group| {
            group.target_groups.iter().for_each(|arn| region.deregister(arn, instance));
            if group.members.remove(instance).is_some() {
                group.desired = group.desired.saturating_sub(1);
                group.min = group.min.min(group.desired);
            }
        });
    }

    /// Somebody attaches an instance to a group, whose desired capacity grows by it.
    pub fn meddle_attach(&self, group: &str, instance: &str) {
        self.with_member(group, instance, |_, group| {
            let member =
                Member { state: Lifecycle::Pending, unhealthy: false, protected: false, in_service: None, activity: None };
            group.members.insert(instance.into(), member);
            group.desired += 1;
            group.max = group.max.max(group.desired);
        });
    }

    /// Somebody attaches a target group to a group.
    pub fn meddle_target_group(&self, group: &str, target_group: &str) {
        self.with(|region| {
            if let Some(found) = region.groups.get_mut(group) {
                found.target_groups.push(target_group.into());
            }
            region.changed(group);
        });
    }

    /// Somebody protects members from scale-in, or not.
    pub fn meddle_protect(&self, group: &str, instance: &str, protected: bool) {
        self.with_member(group, instance, |_, group| {
            if let Some(member) = group.members.get_mut(instance) {
                member.protected = protected;
            }
        });
    }

    /// Somebody suspends or resumes a process of a group.
    pub fn meddle_process(&self, group: &str, process: &str, suspended: bool) {
        self.with(|region| {
            if let Some(found) = region.groups.get_mut(group) {
                if suspended {
                    found.suspended.insert(process.into(), "User suspended by hand".into());
                } else {
                    found.suspended.remove(process);
                }
            }
            region.changed(group);
        });
    }

    /// Somebody protects an instance from termination by the API.
    pub fn meddle_termination_protection(&self, instance: &str, protected: bool) {
        self.with(|region| {
            if let Some(found) = region.instances.get_mut(instance) {
                found.protected = protected;
            }
        });
    }

    /// Somebody launches an instance of their own, with these tags. Its id; `None` if there is no room.
    pub fn meddle_launch(&self, image: &str, subnet: &str, tags: &[(&str, &str)]) -> Option<String> {
        self.with(|region| {
            let launch = Launch {
                image: image.into(),
                kind: "t3.micro".into(),
                subnet: Some(subnet.into()),
                tags: tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
                ..Launch::default()
            };
            region.launch(&launch, &Wanted { least: 1, most: 1, token: String::new() }).ok().map(|ids| ids.concat())
        })
    }

    /// Somebody registers an instance with a target group.
    pub fn meddle_register(&self, target_group: &str, instance: &str) {
        self.with(|region| region.register(target_group, instance, None));
    }

    /// Somebody deregisters an instance; it drains.
    pub fn meddle_deregister(&self, target_group: &str, instance: &str) {
        self.with(|region| region.deregister(target_group, instance));
    }

    /// Somebody deregisters an image.
    pub fn meddle_deregister_image(&self, image: &str) {
        self.with(|region| {
            if let Some(image) = region.images.get_mut(image) {
                image.deregistered = true;
            }
        });
    }

    /// Somebody disables an image, or enables it.
    pub fn meddle_disable_image(&self, image: &str, disabled: bool) {
        self.with(|region| {
            if let Some(image) = region.images.get_mut(image) {
                image.disabled = disabled;
            }
        });
    }

    /// Somebody sets a tag, or with no value takes it off: of an instance, an image, a launch template, or a group by its name.
    pub fn meddle_tag(&self, resource: &str, key: &str, value: Option<&str>) {
        self.with(|region| {
            let change = |tags: &mut Tags| match value {
                Some(value) => tags.set(key.into(), value.into(), 0),
                None => tags.remove(key),
            };
            if let Some(group) = region.groups.get_mut(resource) {
                change(&mut group.tags);
            } else if let Some(tags) = region.tags_of(resource) {
                change(tags);
            }
        });
    }
}
