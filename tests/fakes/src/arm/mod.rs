//! Azure Resource Manager, as far as a rollout needs it: what is common to all resources (ids, etags, pages, tokens, throttling, long-running
//! operations), scale sets and their virtual machines.
//!
//! [`FakeArm::answer`] takes a request as a client sends it, and the time. [`https::serve`] puts it on a socket by a clock of the caller's choice;
//! `fake-arm` serves it over loopback. What the service does is told by [`FakeArm::truth`]; what happens to it from outside, by the methods of
//! [`knobs`].
//!
//! Calls are named by the groups of operations and the methods of Microsoft's clients: `virtualMachineScaleSets.update`. What is not spoken here is
//! refused with 404, and is kept in [`FakeArm::violations`].
//!
//! Each rule says where it comes from: the docstrings of azure-mgmt-compute 39.0.0 and its sisters (by the name of the call or the model), a page of
//! learn.microsoft.com by its title, or an issue.

mod answer;
mod asked;
mod calls;
mod compute;
mod dispatch;
mod error;
mod gallery;
pub mod https;
mod image;
pub mod knobs;
mod market;
mod metrics;
mod network;
mod operation;
mod resource;
mod table;
mod throttle;
mod token;
mod traffic_manager;
pub mod truth;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use crate::fault::{Ended, Fault, Faults};
pub use crate::wire::{Outcome, Reply, Request};
pub use calls::Call;
pub use compute::Fate;
pub use network::Rival;
pub use network::truth::{BalancerTruth, RuleTruth};
pub use operation::Tracking;
pub use token::Client;
pub use traffic_manager::truth::ProfileTruth;
pub use truth::Truth;

use asked::Asked;
use world::World;

/// A subscription in one of the locations, with a resource group. Clones share the world.
#[derive(Clone, Debug)]
pub struct FakeArm {
    world: Arc<Mutex<World>>,
    subscription: String,
    group: String,
}

impl FakeArm {
    /// A subscription, a resource group, and a location of three zones: 1, 2 and 3.
    pub fn new(subscription: &str, resource_group: &str, location: &str) -> Self {
        let world = World::new(subscription, resource_group, location);
        Self { world: Arc::new(Mutex::new(world)), subscription: subscription.into(), group: resource_group.into() }
    }

    /// What comes of a request at a time, in milliseconds since 1970. What was due before it happens first; time does not go back.
    pub fn answer(&self, request: &Request, now_ms: u64) -> Outcome {
        let mut world = self.lock();
        world.advance(now_ms);
        dispatch::answer(&mut world, request)
    }

    /// Which call a request is, if that changes something.
    pub fn changes(&self, request: &Request) -> Option<String> {
        Asked::read(request).ok().filter(Asked::changes).map(|asked| asked.row.call.into())
    }

    /// Lets time pass without a request.
    pub fn advance(&self, now_ms: u64) {
        self.lock().advance(now_ms);
    }

    /// What goes wrong between callers and the service. Calls are named as the table of them does: `virtualMachineScaleSets.update`.
    pub fn faults(&self) -> Faults {
        self.lock().faults.clone()
    }

    /// All that was asked so far, in its order.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// How many of a call came.
    pub fn count(&self, call: &str) -> usize {
        self.lock().calls.iter().filter(|known| known.method == call).count()
    }

    /// Everything that nobody should have sent, in its order. There should be nothing.
    pub fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// The id of something of this resource group: `id("Microsoft.Compute/virtualMachineScaleSets", "web")`.
    pub fn id(&self, kind: &str, name: &str) -> String {
        let (provider, types) = kind.split_once('/').unwrap_or((kind, ""));
        let mut id = format!("/subscriptions/{}/resourceGroups/{}/providers/{provider}", self.subscription, self.group);
        for (kind, name) in types.split('/').zip(name.split('/')) {
            id.push_str(&format!("/{kind}/{name}"));
        }
        id
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
