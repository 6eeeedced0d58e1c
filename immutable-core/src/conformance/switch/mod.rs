//! The suite for implementors of [`TrafficSwitch`]; [`traffic_switch_conformance!`](crate::traffic_switch_conformance) makes tests of it.
//!
//! The targets of a pool are machines: a subject brings the provider that makes them, as for the suite of [`fleets`]. What neither port
//! shows, its [`Console`] does, if it has one.
//!
//! ```
//! # mod example {
//! use immutable_core::conformance::switch::Subject;
//! use immutable_core::conformance::{Time, fleets};
//! use immutable_core::memory::{MemoryCloud, MemoryOptions};
//! use immutable_core::time::VirtualClock;
//! use immutable_core::Result;
//! use std::sync::Arc;
//!
//! async fn fresh() -> Result<Subject> {
//!     let clock = VirtualClock::default();
//!     let cloud = Arc::new(MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone())));
//!     let place = cloud.place();
//!     let image = |version| cloud.bake("acmeinc/web", version).map(|baked| baked.image_in(&place).unwrap().clone());
//!     let machines = fleets::Subject::new(cloud.clone(), Time::Virtual(clock), cloud.place(), [image("1.0.0")?, image("1.1.0")?]);
//!     Ok(Subject::new(cloud.clone(), machines, ["web", "web-2"].map(|name| cloud.pool(name))))
//! }
//!
//! immutable_core::traffic_switch_conformance!(fresh, cannot: {
//!     "a_residue_is_told": "no client sticks",
//!     "what_is_not_ours_stays_as_it_is": "there is no console",
//!     "a_route_is_in_force_when_settled": "there is no console",
//!     "an_overtaken_route_never_comes_into_force": "there is no console",
//! });
//! # }
//! ```

mod again;
mod drain;
mod look;
mod route;
mod split;
mod trial;
mod weight;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::LocalBoxFuture;

use crate::conformance::fleets;
use crate::conformance::suite::{self, Failure, Verdict};
use crate::error::Result;
use crate::fleet::GenerationId;
use crate::id::{NativeRef, PoolId};
use crate::provider::TrafficSwitch;

use again::*;
use drain::*;
use look::*;
use route::*;
use split::*;
use trial::Trial;
use weight::*;

/// A switch to be tried, with two pools that are there and have no route.
#[non_exhaustive]
pub struct Subject {
    /// The switch.
    pub traffic: Arc<dyn TrafficSwitch>,
    /// The provider of the pools' targets, its clock, and its patience: what is made [for a pool](crate::fleet::GenerationSpec::pool) and runs is healthy. A
    /// guard of the switch is its guard.
    pub machines: fleets::Subject,
    /// Two pools. Give each subject its own where several share an account.
    pub pools: [PoolId; 2],
    /// What a person could see and do there.
    pub console: Option<Arc<dyn Console>>,
    /// For how long clients stick to where they were, in both pools, if they do.
    pub sticky: Option<Duration>,
}

impl Subject {
    /// A switch without a console, to whose pools no client sticks.
    pub fn new(traffic: Arc<dyn TrafficSwitch>, machines: fleets::Subject, pools: [PoolId; 2]) -> Self {
        Self { traffic, machines, pools, console: None, sticky: None }
    }

    /// What a person could see and do there.
    #[must_use]
    pub fn console(mut self, console: Arc<dyn Console>) -> Self {
        self.console = Some(console);
        self
    }

    /// For how long clients stick to where they were; some come as soon as a generation gets requests.
    #[must_use]
    pub fn sticky(mut self, duration: Duration) -> Self {
        self.sticky = Some(duration);
        self
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("machines", &self.machines).field("pools", &self.pools).finish_non_exhaustive()
    }
}

/// What a person could see and do beside the port. Cases that need what a console lacks are not applicable.
#[async_trait]
pub trait Console: Send + Sync {
    /// Puts something that is not ours into a pool, under any weight, and returns what the pool calls it; `None` if it cannot.
    async fn join(&self, pool: &PoolId) -> Result<Option<NativeRef>>;

    /// The weights by which a pool divides requests at this moment, whatever was set; `None` if nobody can tell.
    async fn in_force(&self, pool: &PoolId) -> Result<Option<BTreeMap<GenerationId, u16>>>;
}

type Case = for<'a> fn(&'a Trial) -> LocalBoxFuture<'a, Verdict>;

macro_rules! table {
    ([$($case:ident)*]) => { const CASES: &[(&str, Case)] = &[$((stringify!($case), |trial| Box::pin($case(trial)))),*]; };
}
__switch_cases!([table]);

/// The names of all cases.
pub fn cases() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|(name, _)| *name)
}

/// Runs one case on a fresh subject, on a runtime of its own or, if the subject's time is virtual, by its clock.
///
/// # Errors
/// If the case fails and is not `known` to; if it passes and is known to fail; if the subject `cannot` show what it is about and that is not
/// listed, or is listed and not so; if there is no subject; if there is no such case.
pub fn run(
    case: &str,
    fresh: impl AsyncFnOnce() -> Result<Subject>,
    known: &[(&str, &str)],
    cannot: &[(&str, &str)],
) -> Result<(), Failure> {
    let Some((_, body)) = CASES.iter().find(|(name, _)| *name == case) else {
        return Err(Failure::new(format!("there is no case `{case}`")));
    };
    let runtime = suite::runtime()?;
    let trial = Trial::new(runtime.block_on(fresh())?);
    let verdict = trial.time().run(&runtime, body(&trial));
    suite::judge_applicable(case, known, cannot, verdict)
}

/// Whether everything in `known` and `cannot` is a case, has a reason, and stands there once.
///
/// # Errors
/// If not, naming it.
pub fn check_known(known: &[(&str, &str)], cannot: &[(&str, &str)]) -> Result<(), Failure> {
    suite::check_excused(&cases().collect::<Vec<_>>(), known, cannot)
}
