//! AWS: EC2, Auto Scaling, Elastic Load Balancing, STS, the parameters of SSM and the alarms of CloudWatch, as far as a rollout needs them.
//!
//! [`FakeAws::answer`] takes a request as the SDK sends it, and the time. [`http::Http`] puts it under the SDK; `fake-aws` serves it over
//! loopback. What the services do is told by [`FakeAws::truth`]; what happens to them from outside, by the methods of [`knobs`].
//!
//! What is not spoken here is refused: unknown actions with `InvalidAction`, unknown parameters with `UnknownParameter`.

mod access;
mod autoscaling;
mod calls;
mod cloudwatch;
mod dispatch;
mod ec2;
mod elb;
mod error;
pub mod http;
pub mod knobs;
mod params;
mod request;
mod ssm;
mod sts;
pub mod truth;
mod world;
mod xml;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use crate::fault::{Fault, Faults};
pub use calls::{Call, Ended};
pub use request::{Outcome, Reply, Request, Service};
pub use truth::Truth;
pub use world::group::Lifecycle;
pub use world::image::Fate;
pub use world::instance::State;

use world::World;

/// An account, seen from one of its regions. Clones share it.
#[derive(Clone, Debug)]
pub struct FakeAws {
    world: Arc<Mutex<World>>,
    region: String,
}

impl FakeAws {
    /// An account with one network in one region: three subnets, in the zones a, b and c.
    pub fn new(account: &str, region: &str) -> Self {
        let mut world = World::new(account);
        world.region(region);
        Self { world: Arc::new(Mutex::new(world)), region: region.into() }
    }

    /// The same account, in another region.
    #[must_use]
    pub fn region(&self, name: &str) -> Self {
        self.lock().region(name);
        Self { world: self.world.clone(), region: name.into() }
    }

    /// What comes of a request at a time, in milliseconds since 1970. What was due before it happens first; time does not go back. A request
    /// goes to the region that it was signed for, and unsigned ones to this.
    pub fn answer(&self, request: &Request, now_ms: u64) -> Outcome {
        let mut world = self.lock();
        world.advance(now_ms);
        world.regions.values_mut().for_each(world::Region::sweep_targets);
        dispatch::answer(&mut world, &self.region, request)
    }

    /// Lets time pass without a request.
    pub fn advance(&self, now_ms: u64) {
        self.lock().advance(now_ms);
    }

    /// What goes wrong between callers and services.
    pub fn faults(&self) -> Faults {
        self.lock().faults.clone()
    }

    /// All that was asked so far, in its order.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// How many calls of an action came.
    pub fn count(&self, action: &str) -> usize {
        self.lock().calls.iter().filter(|call| call.action == action).count()
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
