//! A cloud in memory, with real semantics: to test one's own pipelines and strategies on, and to simulate.
//!
//! A [`MemoryCloud`] has groups with sizes, machines that take their time to boot and to leave, health, zones, limits, pools and
//! images, and it does what real providers do: heals under the same name, chooses victims when nobody names them, accepts
//! launches that never come. Everything is drawn from one seed, and happens when its clock says so: nothing runs in the
//! background, and the same seed with the same calls gives the same world.
//!
//! Other regions of its account, to which images are copied, stand [beside](MemoryOptions::beside) it.
//!
//! What goes wrong in the world is scripted on the cloud ([`never_healthy`](MemoryCloud::never_healthy), [`kill`](MemoryCloud::kill),
//! [`capacity`](MemoryCloud::capacity), [`black_out`](MemoryCloud::black_out), …). What is true is asked of it directly
//! ([`running`](MemoryCloud::running), [`instances`](MemoryCloud::instances), [`effects`](MemoryCloud::effects)), whatever views show.
//!
//! ```
//! use immutable_core::fleet::{FleetId, GenerationId, GenerationSpec, GroupId, GroupSpec, Op, Placement, Release, Resize, Upkeep};
//! use immutable_core::id::{Epoch, OpId};
//! use immutable_core::memory::{MemoryCloud, MemoryOptions};
//! use immutable_core::provider::FleetProvider;
//! use immutable_core::time::{Clock, VirtualClock};
//! use immutable_core::LaunchTemplate;
//! use std::time::Duration;
//!
//! let clock = VirtualClock::default();
//! let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()));
//! let artifact = cloud.bake("acmeinc/web", "1.0.0")?;
//!
//! let fleet = FleetId::new(cloud.place(), "web");
//! let template = LaunchTemplate::default();
//! let spec = GenerationSpec {
//!     fleet: fleet.clone(),
//!     id: GenerationId(1),
//!     name: artifact.name().clone(),
//!     version: artifact.version().clone(),
//!     release: Release { artifact: artifact.digest(), template: template.digest() },
//!     image: artifact.image_in(&cloud.place()).unwrap().clone(),
//!     template,
//!     groups: vec![GroupSpec { cell: 0, placement: Placement::Region, max: 10 }],
//!     pool: None,
//!     upkeep: Upkeep::default(),
//!     labels: Default::default(),
//! };
//! let group = GroupId { generation: GenerationId(1), cell: 0 };
//!
//! clock.run(async {
//!     cloud.ensure_generation(&Op::new(&fleet, OpId(1), Epoch(1)), &spec).await?;
//!     cloud.resize(&Op::new(&fleet, OpId(2), Epoch(1)), &Resize::Raise { group, from: 0, to: 3 }).await?;
//!     clock.sleep_until(clock.now() + Duration::from_secs(600)).await;
//!     Ok::<(), immutable_core::Error>(())
//! })?;
//! assert_eq!(cloud.running(), [(artifact.digest(), 3)].into());
//! # Ok::<(), immutable_core::Error>(())
//! ```

mod adopt;
mod balance;
mod calls;
mod catalog;
mod effects;
mod fleets;
mod group;
mod images;
mod life;
mod metrics;
mod operations;
mod options;
mod random;
mod resize;
mod script;
#[cfg(test)]
mod tests;
mod traffic;
mod truth;
mod view;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::artifact::Place;
use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::{FleetCapabilities, Op, TrafficCapabilities};
use crate::journal::MemoryJournal;
use crate::provider::{CatalogCapabilities, Provider};
use crate::time::{Clock, SystemClock};

pub use calls::Calls;
pub use effects::{Cause, Effect, What};
pub use metrics::MemoryMetrics;
pub use options::{MemoryOptions, MemoryTemplate};
pub use random::Delay;
#[cfg(feature = "simulation")]
pub(crate) use random::Random;
pub use truth::Machine;

use calls::{Answer, Asked, Request};
use world::World;

/// What the cloud's own health verdicts come from.
pub const HEALTH_SOURCE: &str = "check";

/// A cloud in memory. Clones are one cloud.
#[derive(Clone)]
pub struct MemoryCloud(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    place: Place,
    fleets: FleetCapabilities,
    traffic: TrafficCapabilities,
    images: CatalogCapabilities,
    world: Mutex<World>,
    journal: MemoryJournal,
    controllers: AtomicU64,
}

impl MemoryCloud {
    /// As [`seeded`](Self::seeded) with 0.
    pub fn new() -> Self {
        Self::seeded(0)
    }

    /// A cloud with the default [options](MemoryOptions), on the system's clock.
    pub fn seeded(seed: u64) -> Self {
        Self::with(MemoryOptions::seeded(seed))
    }

    /// A cloud with these options.
    pub fn with(options: MemoryOptions) -> Self {
        let MemoryOptions { clock, settings, account } = options;
        let clock = clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        Self(Arc::new(Inner {
            place: settings.place.clone(),
            fleets: settings.fleet_capabilities(),
            traffic: settings.traffic_capabilities(),
            images: settings.catalog_capabilities(),
            world: Mutex::new(World::new(settings, account.unwrap_or_default(), clock.now())),
            clock,
            journal: MemoryJournal::new(),
            controllers: AtomicU64::new(1),
        }))
    }

    /// What tells it the time. Whoever drives its fleets should ask the same.
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.0.clock.clone()
    }

    /// Where it is.
    pub fn place(&self) -> Place {
        self.0.place.clone()
    }

    /// A controller of this cloud, on its clock and its [journal](Self::journal). Each is another owner, as another process would be.
    pub fn controller(&self) -> Controller {
        let number = self.0.controllers.fetch_add(1, Ordering::Relaxed);
        Controller::new(self, self.journal()).with_clock(self.clock()).owner(format!("memory-{number}"))
    }

    /// The journal that all its controllers share.
    pub fn journal(&self) -> MemoryJournal {
        self.0.journal.clone()
    }

    /// The world as it is now: whatever is due has happened.
    fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.0.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance(self.0.clock.now());
        world
    }

    /// Makes a fleet's call.
    async fn call(&self, op: &Op, request: Request) -> Result<Answer> {
        self.send(Asked::Fleet(op.clone(), Arc::new(request))).await
    }

    /// Makes a call. Once this was polled it arrives, also if the future is dropped.
    async fn send(&self, asked: Asked) -> Result<Answer> {
        let (reply, ready) = self.world().submit(asked);
        if self.0.clock.now() < ready {
            self.0.clock.sleep_until(ready).await;
        }
        drop(self.world());
        let answer = reply.lock().unwrap_or_else(PoisonError::into_inner).take();
        answer.unwrap_or_else(|| Err(Error::new(ErrorKind::Internal, "the clock has not reached the time that it slept until")))
    }

    /// Takes as long as a call that only reads takes.
    async fn read_latency(&self) {
        let (now, latency) = {
            let mut world = self.world();
            (world.env.now, world.latency())
        };
        if !latency.is_zero() {
            self.0.clock.sleep_until(now + latency).await;
        }
    }
}

impl Default for MemoryCloud {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryCloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let world = self.world();
        f.debug_struct("MemoryCloud")
            .field("place", &self.0.place)
            .field("now", &world.env.now)
            .field("groups", &world.handles.values().map(BTreeMap::len).sum::<usize>())
            .field("launched", &world.env.launched)
            .finish_non_exhaustive()
    }
}

impl From<&MemoryCloud> for Provider {
    fn from(cloud: &MemoryCloud) -> Self {
        let cloud = Arc::new(cloud.clone());
        Self::new(cloud.place(), cloud.clone()).images(cloud.clone()).traffic(cloud)
    }
}
