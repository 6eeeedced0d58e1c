//! What happens in the world and is not of our calls: how long things take, what runs out, what breaks, and what other people do.
//!
//! Each method acts at the time of the latest call, or of [`FakeAws::advance`], and in the region of its [`FakeAws`].

mod meddling;

use std::time::Duration;

use super::FakeAws;
use super::world::image::Fate;
use super::world::{Region, millis};

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
        self.boot_between(takes, takes);
    }

    /// The same, of each instance another: at least so long, and at the most so much longer.
    pub fn boot_between(&self, least: Duration, most: Duration) {
        self.with(|region| {
            region.settings.boot = millis(least);
            region.settings.boot_spread = millis(most.saturating_sub(least));
        });
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
