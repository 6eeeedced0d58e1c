//! Google Compute Engine, v1: instance templates, managed instance groups, images, backend services and url maps, as far as a rollout needs them.
//!
//! [`FakeGce::answer`] takes a request as a client sends it, and the time. [`http::serve`] puts it on a socket by a clock of the caller's choice;
//! `fake-gce` serves it over loopback. What the service does is told by [`FakeGce::truth`]; what happens to it from outside, by the methods of
//! [`knobs`].
//!
//! What is not spoken here is refused: unknown methods with 404, what Google's schema does not know of with 400. Answers are judged by the same schema
//! ([`crate::discovery`]); what it finds is kept in [`FakeGce::violations`].
//!
//! Each rule says where it comes from: the discovery document of compute v1 (by the name of the method or the schema), a page of Google's
//! documentation by its title, or an issue.

mod asked;
mod autoscaler;
mod calls;
mod dispatch;
mod error;
mod filter;
mod group;
pub mod http;
mod image;
pub mod knobs;
mod listing;
mod operation;
mod place;
mod service;
mod template;
pub mod truth;
mod url_map;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use crate::fault::{Ended, Fault, Faults};
pub use crate::wire::{Outcome, Reply, Request};
pub use calls::Call;
pub use group::Action;
pub use image::Fate;
pub use truth::Truth;
pub use world::instance::Status;

use asked::Asked;
use world::World;

/// A project in one of the regions, with one network. Clones share the world.
#[derive(Clone, Debug)]
pub struct FakeGce {
    world: Arc<Mutex<World>>,
    project: String,
}

impl FakeGce {
    /// A project and a region of three zones: a, b and c.
    pub fn new(project: &str, region: &str) -> Self {
        Self { world: Arc::new(Mutex::new(World::new(project, region))), project: project.into() }
    }

    /// The same world, from another project.
    #[must_use]
    pub fn project(&self, name: &str) -> Self {
        self.lock().projects.insert(name.into());
        Self { world: self.world.clone(), project: name.into() }
    }

    /// What comes of a request at a time, in milliseconds since 1970. What was due before it happens first; time does not go back. To wait for an
    /// operation is answered at once, as the documentation of `wait` allows; who serves it asks [`waits`](Self::waits) first.
    pub fn answer(&self, request: &Request, now_ms: u64) -> Outcome {
        let mut world = self.lock();
        world.advance(now_ms);
        dispatch::answer(&mut world, request)
    }

    /// Whether a request is a wait for an operation that is not done at a time.
    pub fn waits(&self, request: &Request, now_ms: u64) -> bool {
        let mut world = self.lock();
        world.advance(now_ms);
        match Asked::read(request) {
            Ok(asked) if asked.verb == "wait" => {
                !world.settings.hasty
                    && world
                        .operations
                        .get(&asked.path())
                        .is_some_and(|operation| operation.ended.is_none_or(|at| at > world.now))
            }
            _ => false,
        }
    }

    /// Which method a request calls, if that changes something.
    pub fn changes(&self, request: &Request) -> Option<String> {
        Asked::read(request).ok().filter(Asked::changes).map(|asked| asked.method)
    }

    /// Lets time pass without a request.
    pub fn advance(&self, now_ms: u64) {
        self.lock().advance(now_ms);
    }

    /// What goes wrong between callers and the service. Methods are named by the discovery document, without `compute.`.
    pub fn faults(&self) -> Faults {
        self.lock().faults.clone()
    }

    /// All that was asked so far, in its order.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// How many calls of a method came.
    pub fn count(&self, method: &str) -> usize {
        self.lock().calls.iter().filter(|call| call.method == method).count()
    }

    /// Everything that Google's schema does not know of, in requests and in this fake's own answers, in its order. There should be nothing.
    pub fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
