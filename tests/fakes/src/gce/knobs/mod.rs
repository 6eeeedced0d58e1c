//! What happens in the world and is not of our calls: how long things take, what runs out, what breaks, and what other people do.
//!
//! Each method acts at the time of the latest call, or of [`FakeGce::advance`], and in the project of its [`FakeGce`]. What is in the region or in a
//! zone is named by its path, `projects/P/regions/R/instanceGroupManagers/N`, instances by their numeric id or their name.

mod made;
mod meddling;

use std::time::Duration;

use super::FakeGce;
use super::error::error;
use super::image::Fate;
use super::world::{Settings, World, millis};

pub use super::operation::Busy;

/// What is shown late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// New groups.
    Groups,
    /// New instance templates; groups may be made of them at once.
    Templates,
    /// A group's new target size.
    Sizes,
    /// New managed instances.
    Members,
}

/// How long things take.
impl FakeGce {
    /// From the making of an instance until it runs; 20 s.
    pub fn boot(&self, takes: Duration) {
        self.boot_between(takes, takes);
    }

    /// The same, of each instance another: at least so long, and at the most so much.
    pub fn boot_between(&self, least: Duration, most: Duration) {
        self.set(|settings| {
            settings.boot = millis(least);
            settings.boot_spread = millis(most.saturating_sub(least));
        });
    }

    /// From the deletion of an instance until it is gone, after it has drained; 30 s.
    pub fn shutdown(&self, takes: Duration) {
        self.set(|settings| settings.shutdown = millis(takes));
    }

    /// From the insertion of an image until it is READY; 2 min.
    pub fn imaging(&self, takes: Duration) {
        self.set(|settings| settings.imaging = millis(takes));
    }

    /// Until a changed url map is in force; 10 s.
    pub fn settle(&self, takes: Duration) {
        self.set(|settings| settings.settle = millis(takes));
    }

    /// How long after a change a group looks at itself; 2 s.
    pub fn reaction(&self, takes: Duration) {
        self.set(|settings| settings.reaction = millis(takes));
    }

    /// How long a group waits after an instance could not be made; 60 s.
    pub fn launch_retry(&self, takes: Duration) {
        self.set(|settings| settings.retry = millis(takes).max(1));
    }

    /// How long until a health check has seen what is; 10 s.
    pub fn check(&self, takes: Duration) {
        self.set(|settings| settings.check = millis(takes));
    }

    /// From a request until its operation is DONE; 2 s. What it does is done after half of it.
    pub fn operations_take(&self, takes: Duration) {
        self.set(|settings| settings.operation = millis(takes));
    }

    /// How long an operation is known after it is DONE; 14 days.
    pub fn operations_last(&self, lasts: Duration) {
        self.set(|settings| settings.operation_life = millis(lasts));
    }

    /// What is new is shown only after so long; at once.
    pub fn lag(&self, of: Lag, takes: Duration) {
        self.set(|settings| {
            *match of {
                Lag::Groups => &mut settings.lag_groups,
                Lag::Templates => &mut settings.lag_templates,
                Lag::Sizes => &mut settings.lag_sizes,
                Lag::Members => &mut settings.lag_members,
            } = millis(takes);
        });
    }

    /// Whether `wait` answers at once, as it may.
    pub fn hasty_waits(&self, hasty: bool) {
        self.set(|settings| settings.hasty = hasty);
    }
}

/// How requests are met.
impl FakeGce {
    /// What other requests for a resource are met with while an operation of it is not done.
    pub fn busy(&self, busy: Busy) {
        self.set(|settings| settings.busy = busy);
    }

    /// Whether a deletion of what somebody uses is accepted, and its operation fails (pulumi-gcp#680), or is refused at once
    /// (terraform-provider-google#6277). Both are seen.
    pub fn use_is_seen_late(&self, late: bool) {
        self.set(|settings| settings.late_use = late);
    }

    /// What `Retry-After` says beside 429, 503 and rate limits, in whole seconds.
    pub fn retry_after(&self, after: Option<Duration>) {
        self.set(|settings| settings.retry_after = after);
    }

    /// The next operation of a method is accepted, does nothing, and fails with these causes, each a code and a message.
    pub fn operation_fails(&self, method: &str, status: u16, causes: &[(&str, &str)]) {
        let mut failure = error(status, "internalError", causes.first().map_or("", |(_, message)| *message));
        failure.causes = causes.iter().map(|(code, message)| ((*code).into(), (*message).into())).collect();
        self.lock().failing.push((method.into(), failure));
    }

    /// A zone, or the region, is not shown in lists over all of them.
    pub fn unreachable(&self, place: &str, gone: bool) {
        self.set(|settings| {
            if gone {
                settings.unreachable.insert(place.into());
            } else {
                settings.unreachable.remove(place);
            }
        });
    }

    /// A method is denied: `instanceGroupManagers.insert`.
    pub fn deny(&self, method: &str) {
        self.lock().access.denied.insert(method.into());
    }

    /// It is allowed again.
    pub fn allow(&self, method: &str) {
        self.lock().access.denied.remove(method);
    }

    /// Nothing but these is allowed.
    pub fn allow_only(&self, methods: impl IntoIterator<Item = impl Into<String>>) {
        self.lock().access.only = Some(methods.into_iter().map(Into::into).collect());
    }
}

/// What runs out.
impl FakeGce {
    /// A zone has room for so many instances; without a number for any.
    pub fn capacity(&self, zone: &str, instances: Option<usize>) {
        self.set(|settings| {
            match instances {
                Some(instances) => settings.capacity.insert(zone.into(), instances),
                None => settings.capacity.remove(zone),
            };
        });
    }

    /// There may be so many instances in the region.
    pub fn quota(&self, instances: Option<usize>) {
        self.set(|settings| settings.quota = instances);
    }
}

/// What breaks.
impl FakeGce {
    /// What becomes of an image's instances from now on. The image is named, or whole: `projects/P/global/images/N`.
    pub fn fate(&self, image: &str, fate: Fate) {
        let path = self.image_path(image);
        if let Some(image) = self.lock().images.get_mut(&path) {
            image.fate = fate;
        }
    }

    /// An instance's host fails: it is `TERMINATED`, at once and by nobody.
    pub fn kill(&self, instance: &str) {
        self.with_instance(instance, |world, id| {
            let now = world.now;
            if let Some(machine) = world.instances.get_mut(&id) {
                machine.failed_at = Some(now);
            }
        });
    }

    /// From now on the application of an instance is well or is not; health checks find out by and by.
    pub fn application(&self, instance: &str, well: bool) {
        self.with_instance(instance, |world, id| {
            let now = world.now;
            if let Some(machine) = world.instances.get_mut(&id) {
                machine.health.retain(|(at, _)| *at <= now);
                machine.health.push((now, well));
            }
        });
    }

    /// An instance that hangs runs after all.
    pub fn boots_now(&self, instance: &str) {
        self.with_instance(instance, |world, id| {
            let now = world.now;
            if let Some(machine) = world.instances.get_mut(&id) {
                machine.runs_at = Some(now);
                machine.health = vec![(now, true)];
            }
        });
    }
}

impl FakeGce {
    fn set(&self, act: impl FnOnce(&mut Settings)) {
        act(&mut self.lock().settings);
    }

    /// An image of this project, unless it is named whole.
    fn image_path(&self, image: &str) -> String {
        if image.contains('/') { image.into() } else { format!("projects/{}/global/images/{image}", self.project) }
    }

    /// The group of what has changed is told to look.
    fn with_instance(&self, named: &str, act: impl FnOnce(&mut World, u64)) {
        let mut world = self.lock();
        let now = world.now;
        let there = world.instances.values().filter(|machine| machine.status(now).word().is_some());
        let mut named = there.filter(|machine| machine.id.to_string() == named || machine.name == named);
        let Some((id, group)) = named.next().map(|machine| (machine.id, machine.group.clone())) else { return };
        act(&mut world, id);
        world.changed(&group);
    }
}
