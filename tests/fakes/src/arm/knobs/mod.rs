//! What happens in the world and is not of our calls: how long things take, what runs out, what breaks, and what other people do.
//!
//! Each method acts at the time of the latest call, or of [`FakeArm::advance`]. Resources are named by their ids, without case.

mod compute;
mod meddling;
mod network;
mod shelf;

use std::time::Duration;

use super::FakeArm;
use super::asked::key;
use super::error::error;
use super::operation::Tracking;
use super::world::{Settings, millis};

/// How Resource Manager behaves.
impl FakeArm {
    /// How long regions do not agree on what is new and what is gone: it is there and missing by turns, and lists are behind; at once.
    pub fn lag(&self, takes: Duration) {
        self.set(|settings| settings.lag = millis(takes));
    }

    /// How long what a resource was before a change is shown by turns, with the etag that it had; not at all.
    pub fn stale_reads(&self, takes: Duration) {
        self.set(|settings| settings.stale = millis(takes));
    }

    /// How long lists show what a resource was before a change; not at all.
    pub fn late_lists(&self, takes: Duration) {
        self.set(|settings| (settings.late_lists, settings.lists_take_turns) = (millis(takes), false));
    }

    /// The same, in every other list.
    pub fn lists_take_turns(&self, takes: Duration) {
        self.set(|settings| (settings.late_lists, settings.lists_take_turns) = (millis(takes), true));
    }

    /// How many resources are on a page of a list; 100.
    pub fn page_size(&self, resources: usize) {
        self.set(|settings| settings.page = resources.max(1));
    }

    /// How long an operation takes that has nothing to wait for; 5 s.
    pub fn operations_take(&self, takes: Duration) {
        self.set(|settings| settings.operation = millis(takes));
    }

    /// How long an operation is known after it is over; one hour.
    pub fn operations_last(&self, lasts: Duration) {
        self.set(|settings| settings.operation_life = millis(lasts));
    }

    /// No operation that was begun so far can be tracked any more. They go on.
    pub fn forget_operations(&self) {
        let mut world = self.lock();
        let known: Vec<String> = world.operations.keys().cloned().collect();
        world.forgotten.extend(known);
    }

    /// Which headers tell where an operation can be tracked.
    pub fn tracking(&self, tracking: Tracking) {
        self.set(|settings| settings.tracking = tracking);
    }

    /// Whether what is answered with the URL of an operation says already that the resource has succeeded. It is not to: oav#944; and who sees that URL is to go by it
    /// (azure-resource-manager-rpc#114).
    pub fn hasty_state(&self, hasty: bool) {
        self.set(|settings| settings.hasty_state = hasty);
    }

    /// What the status of an operation is that goes on: `InProgress`, or whatever a service may think of ("All other values indicate the operation is still running").
    pub fn running_status(&self, status: &str) {
        self.set(|settings| settings.running = status.into());
    }

    /// What `Retry-After` says beside what goes on, in whole seconds; 10 s.
    pub fn poll_after(&self, after: Option<Duration>) {
        self.set(|settings| settings.poll = after.map(|after| after.as_secs()));
    }

    /// Whether 429 and 503 have a `Retry-After`, and of how many whole seconds, where the service has no reckoning of its own; none.
    pub fn retry_after(&self, after: Option<Duration>) {
        self.set(|settings| settings.retry_after = after.map(|after| after.as_secs()));
    }

    /// Whether the end of an operation gives its resource another etag, since its `provisioningState` is another.
    pub fn restless_etags(&self, restless: bool) {
        self.set(|settings| settings.restless_etags = restless);
    }

    /// How often scale sets may be read in three minutes, and in thirty; as often as one likes.
    pub fn scale_set_reads(&self, allowed: Option<(u64, u64)>) {
        self.lock().throttle.allowed = allowed;
    }

    /// The next operation of a call is accepted, does nothing that takes time, and fails with this code and message.
    pub fn operation_fails(&self, call: &str, code: &str, message: &str) {
        self.lock().failing.push((call.into(), error(409, code, message)));
    }

    /// There is another resource group.
    pub fn resource_group(&self, name: &str) {
        self.lock().groups.insert(key(name));
    }

    /// A call is denied: `virtualMachineScaleSets.update`.
    pub fn deny(&self, call: &str) {
        self.lock().access.denied.insert(call.into());
    }

    /// It is allowed again.
    pub fn allow(&self, call: &str) {
        self.lock().access.denied.remove(call);
    }

    /// Nothing but these is allowed.
    pub fn allow_only(&self, calls: impl IntoIterator<Item = impl Into<String>>) {
        self.lock().access.only = Some(calls.into_iter().map(Into::into).collect());
    }

    fn set(&self, act: impl FnOnce(&mut Settings)) {
        act(&mut self.lock().settings);
    }
}
