//! The suite for implementors of [`ImageCatalog`]; [`image_catalog_conformance!`](crate::image_catalog_conformance) makes tests of it.
//!
//! Who uses an image is a machine, or a group that would launch it: a subject brings the provider that makes them, as for the suite of [`fleets`].
//!
//! ```
//! # mod example {
//! use immutable_core::conformance::catalog::Subject;
//! use immutable_core::conformance::{Time, fleets};
//! use immutable_core::memory::{MemoryCloud, MemoryOptions};
//! use immutable_core::time::VirtualClock;
//! use immutable_core::{Place, Result};
//! use std::sync::Arc;
//!
//! async fn fresh() -> Result<Subject> {
//!     let clock = VirtualClock::default();
//!     let cloud = Arc::new(MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone())));
//!     let there = Place::new("memory", "local", "there")?;
//!     let beside = MemoryCloud::with(MemoryOptions::seeded(8).place(there.clone()).beside(&cloud));
//!     cloud.release_base("debian-12");
//!
//!     let place = cloud.place();
//!     let image = |version| cloud.bake("acmeinc/web", version).map(|baked| baked.image_in(&place).unwrap().clone());
//!     let machines = fleets::Subject::new(cloud.clone(), Time::Virtual(clock), cloud.place(), [image("1.0.0")?, image("1.1.0")?]);
//!     Ok(Subject::new(cloud.clone(), machines, "debian-12").beside(there, Arc::new(beside)))
//! }
//!
//! immutable_core::image_catalog_conformance!(fresh, cannot: { "a_stage_it_cannot_set_is_invalid": "it can set all" });
//! # }
//! ```

mod copy;
mod delete;
mod look;
mod stage;
mod trial;
mod uses;

use std::fmt;
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;

use crate::artifact::Place;
use crate::conformance::fleets;
use crate::conformance::suite::{self, Failure, Verdict};
use crate::error::Result;
use crate::id::BaseQuery;
use crate::provider::ImageCatalog;

use copy::*;
use delete::*;
use look::*;
use stage::*;
use trial::Trial;
use uses::*;

/// A catalog to be tried.
#[non_exhaustive]
pub struct Subject {
    /// The catalog.
    pub images: Arc<dyn ImageCatalog>,
    /// The provider that launches from its images, its clock, and its patience, which is also for a copy to be made. Its two images are ours, for use, used by
    /// nobody, and copied nowhere; the cases delete them. A guard of the catalog is its guard.
    pub machines: fleets::Subject,
    /// A name that stands for an image now. Nothing must be of the name that adding `-conformance-nothing` makes of it.
    pub base: BaseQuery,
    /// Another place that images can be copied to, and its catalog.
    pub beside: Option<(Place, Arc<dyn ImageCatalog>)>,
}

impl Subject {
    /// A catalog from which nothing can be copied anywhere.
    pub fn new(images: Arc<dyn ImageCatalog>, machines: fleets::Subject, base: impl Into<BaseQuery>) -> Self {
        Self { images, machines, base: base.into(), beside: None }
    }

    /// Another place that images can be copied to, and its catalog.
    #[must_use]
    pub fn beside(mut self, place: Place, images: Arc<dyn ImageCatalog>) -> Self {
        self.beside = Some((place, images));
        self
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("machines", &self.machines).field("base", &self.base).finish_non_exhaustive()
    }
}

type Case = for<'a> fn(&'a Trial) -> LocalBoxFuture<'a, Verdict>;

macro_rules! table {
    ([$($case:ident)*]) => { const CASES: &[(&str, Case)] = &[$((stringify!($case), |trial| Box::pin($case(trial)))),*]; };
}
__catalog_cases!([table]);

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
    let trial = Trial::new(runtime.block_on(fresh())?)?;
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
