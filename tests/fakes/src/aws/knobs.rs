//! What happens in the world and is not of our calls: how long things take, what runs out, what breaks, and what other people do.
//!
//! Each method acts at the time of the latest call, or of [`FakeAws::advance`], and in the region of its [`FakeAws`].

use std::time::Duration;

use super::FakeAws;
use super::world::group::{Lifecycle, Member};
use super::world::image::Fate;
use super::world::instance::{Launch, Wanted};
use super::world::{Region, Tags};

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What is shown late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// New instances.
    Instances,
    /// New Auto Scaling groups.
    Groups,
    /// New launch templates, for groups and instances too.
    Templates,
    /// Tags set on what is there.
    Tags,
}

/// How long things take.
impl FakeAws {
    /// From launch to `running`; 20 s.
    pub fn boot(&self, takes: Duration) {
        self.with(|region| region.settings.boot = millis(takes));
    }

    /// From `shutting-down` to `terminated`; 30 s.
    pub fn shutdown(&self, takes: Duration) {
        self.with(|region| region.settings.shutdown = millis(takes));
    }

    /// From CopyImage to `available`; 5 min.
    pub fn copying(&self, takes: Duration) {
        self.with(|region| region.settings.copy = millis(takes));
    }

    /// Until a changed weight is in force; 10 s.
    pub fn settle(&self, takes: Duration) {
        self.with(|region| region.settings.settle = millis(takes));
    }

    /// How long after a change a group looks at itself; 5 s.
    pub fn reaction(&self, takes: Duration) {
        self.with(|region| region.settings.tick = millis(takes).max(1));
    }

    /// How long a group waits after a launch that failed; 60 s.
    pub fn launch_retry(&self, takes: Duration) {
        self.with(|region| region.settings.retry = millis(takes).max(1));
    }

    /// How long a deleted group is still there; 30 s.
    pub fn group_deletion(&self, takes: Duration) {
        self.with(|region| region.settings.delete = millis(takes));
    }

    /// For how long client tokens are remembered; a day.
    pub fn token_life(&self, lasts: Duration) {
        self.with(|region| region.settings.token = millis(lasts));
    }

    /// What is new is shown only after so long; at once.
    pub fn lag(&self, of: Lag, takes: Duration) {
        self.with(|region| {
            let settings = &mut region.settings;
            *match of {
                Lag::Instances => &mut settings.lag_instances,
                Lag::Groups => &mut settings.lag_groups,
                Lag::Templates => &mut settings.lag_templates,
                Lag::Tags => &mut settings.lag_tags,
            } = millis(takes);
        });
    }
}

/// What runs out.
impl FakeAws {
    /// A zone (`us-east-1a`) has room for so many instances; without a number for any.
    pub fn capacity(&self, zone: &str, instances: Option<usize>) {
        self.with(|region| {
            match instances {
                Some(instances) => region.settings.capacity.insert(zone.into(), instances),
                None => region.settings.capacity.remove(zone),
            };
        });
    }

    /// The account may have so many instances in the region.
    pub fn instance_limit(&self, instances: Option<usize>) {
        self.with(|region| region.settings.limit = instances);
    }
}

/// What there is.
impl FakeAws {
    /// An image of this account, available at once. Its id.
    pub fn image(&self, name: &str) -> String {
        self.with(|region| region.make_image(name))
    }

    /// An image of somebody else's, public or not shared at all.
    pub fn foreign_image(&self, name: &str, owner: &str, public: bool) -> String {
        self.with(|region| {
            let id = region.make_image(name);
            if let Some(image) = region.images.get_mut(&id) {
                image.owner = owner.into();
                image.public = public;
            }
            id
        })
    }

    /// What becomes of an image's instances from now on.
    pub fn fate(&self, image: &str, fate: Fate) {
        self.with(|region| {
            if let Some(image) = region.images.get_mut(image) {
                image.fate = fate;
            }
        });
    }

    /// An image is still being made, for so long.
    pub fn image_pending(&self, image: &str, takes: Duration) {
        self.with(|region| {
            let now = region.now;
            if let Some(image) = region.images.get_mut(image) {
                image.available_at = now.saturating_add(millis(takes));
            }
        });
    }

    /// An image could not be made.
    pub fn image_failed(&self, image: &str) {
        self.with(|region| {
            if let Some(image) = region.images.get_mut(image) {
                image.failed = true;
            }
        });
    }

    /// A parameter of SSM, such as `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64`. Each change is a new version.
    pub fn parameter(&self, name: &str, value: &str) {
        self.with(|region| {
            let version = region.parameters.get(name).map_or(1, |known| known.version + 1);
            let parameter = super::ssm::Parameter { value: value.into(), version, changed: region.now };
            region.parameters.insert(name.into(), parameter);
        });
    }

    /// A metric alarm's state: `OK`, `ALARM` or `INSUFFICIENT_DATA`. A change is in its history.
    pub fn alarm(&self, name: &str, state: &str) {
        self.with(|region| region.set_alarm(name, state, false));
    }

    /// A composite alarm's state.
    pub fn composite_alarm(&self, name: &str, state: &str) {
        self.with(|region| region.set_alarm(name, state, true));
    }

    /// The ids of the subnets, with their zones.
    pub fn subnets(&self) -> Vec<(String, String)> {
        self.with(|region| region.subnets.iter().map(|subnet| (subnet.id.clone(), subnet.zone.clone())).collect())
    }
}

/// What breaks.
impl FakeAws {
    /// The host fails: the instance is terminated, at once and by nobody.
    pub fn kill(&self, instance: &str) {
        self.with(|region| {
            let now = region.now;
            if let Some(instance) = region.instances.get_mut(instance) {
                instance.stop(now, now, "Server.InternalError", "Server.InternalError: Internal error");
            }
            region.stir();
        });
    }

    /// The instance fails its status check, or passes it again.
    pub fn impair(&self, instance: &str, impaired: bool) {
        self.with(|region| {
            let now = region.now;
            if let Some(instance) = region.instances.get_mut(instance) {
                instance.impaired_since = impaired.then_some(now);
            }
            region.stir();
        });
    }

    /// From now on the application of an instance is well or is not; load balancers find out by and by.
    pub fn application(&self, instance: &str, well: bool) {
        self.with(|region| {
            let now = region.now;
            if let Some(instance) = region.instances.get_mut(instance) {
                instance.health.retain(|(at, _)| *at <= now);
                instance.health.push((now, well));
            }
            region.stir();
        });
    }

    /// An instance that hangs in `pending` runs after all.
    pub fn boots_now(&self, instance: &str) {
        self.with(|region| {
            let now = region.now;
            if let Some(instance) = region.instances.get_mut(instance) {
                instance.runs_at = Some(now);
                instance.health = vec![(now, true)];
            }
            region.stir();
        });
    }
}

/// What other people do.
impl FakeAws {
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

/// Who may do what.
impl FakeAws {
    /// An action is denied: `ec2:RunInstances`.
    pub fn deny(&self, permission: &str) {
        self.lock().access.denied.insert(permission.into());
    }

    /// It is allowed again.
    pub fn allow(&self, permission: &str) {
        self.lock().access.denied.remove(permission);
    }

    /// Nothing but these is allowed, as by a policy.
    pub fn allow_only(&self, permissions: impl IntoIterator<Item = impl Into<String>>) {
        self.lock().access.only = Some(permissions.into_iter().map(Into::into).collect());
    }

    /// The credentials' time is over, or they are new.
    pub fn expire_credentials(&self, expired: bool) {
        self.lock().access.expired = expired;
    }

    /// The caller's clock is an hour behind.
    pub fn skew(&self, skewed: bool) {
        self.lock().access.skewed = skewed;
    }

    /// Requests that say they were signed more than five minutes before or after are refused.
    pub fn check_clocks(&self, check: bool) {
        self.lock().access.check_clocks = check;
    }
}

impl FakeAws {
    fn with<T>(&self, act: impl FnOnce(&mut Region) -> T) -> T {
        act(self.lock().region(&self.region))
    }

    fn with_member(&self, name: &str, instance: &str, act: impl FnOnce(&mut Region, &mut super::world::group::Group)) {
        self.with(|region| {
            if let Some(mut group) = region.groups.remove(name) {
                if region.instances.contains_key(instance) {
                    act(region, &mut group);
                }
                region.groups.insert(name.into(), group);
            }
            region.changed(name);
        });
    }
}
