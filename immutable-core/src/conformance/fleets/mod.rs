//! The suite for implementors of [`FleetProvider`]; [`fleet_provider_conformance!`](crate::fleet_provider_conformance) makes tests of it.

mod adopt;
mod ensure;
mod interrupted;
mod leave;
mod observe;
mod raise;
mod trial;
mod whole;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::artifact::{ImageRef, Place};
use crate::conformance::suite::{self, Failure, Time, Verdict};
use crate::error::Result;
use crate::fleet::{LaunchTemplate, Placement};
use crate::id::NativeRef;
use crate::provider::FleetProvider;

use adopt::*;
use ensure::*;
use interrupted::*;
use leave::*;
use observe::*;
use raise::*;
use trial::Trial;
pub(super) use trial::{Made, Trial as Machines, of_fleet};
use whole::*;

/// A provider to be tried, in a place where nothing bears the fleet's name, with room for 8 instances.
#[non_exhaustive]
pub struct Subject {
    /// The provider.
    pub fleets: Arc<dyn FleetProvider>,
    /// What moves its time on.
    pub time: Time,
    /// Where it is.
    pub place: Place,
    /// Two images that run.
    pub images: [ImageRef; 2],
    /// The fleet's name; another is made of it by adding `-2`. Give each subject its own where several share an account.
    pub fleet: Arc<str>,
    /// How machines are made there.
    pub template: LaunchTemplate,
    /// Where the two groups of a generation go.
    pub placements: [Placement; 2],
    /// How long a launched instance may take to run, a terminated one to go, a group to be deleted.
    pub patience: Duration,
    /// Of a provider that adopts: who makes a group that is not ours, of so many machines of the first image.
    others: Option<Others>,
    /// What must live as long as the provider: a server, an account's cleaner.
    pub guard: Box<dyn Any + Send>,
}

impl Subject {
    /// A provider whose groups go anywhere in the region, with an empty template, a fleet named `web`, and 10 min of patience.
    pub fn new(fleets: Arc<dyn FleetProvider>, time: Time, place: Place, images: [ImageRef; 2]) -> Self {
        Self {
            fleets,
            time,
            place,
            images,
            fleet: "web".into(),
            template: LaunchTemplate::default(),
            placements: [Placement::Region, Placement::Region],
            patience: Duration::from_secs(600),
            others: None,
            guard: Box::new(()),
        }
    }

    /// The fleet's name.
    #[must_use]
    pub fn fleet(mut self, name: impl Into<Arc<str>>) -> Self {
        self.fleet = name.into();
        self
    }

    /// How machines are made there.
    #[must_use]
    pub fn template(mut self, template: LaunchTemplate) -> Self {
        self.template = template;
        self
    }

    /// Where the two groups of a generation go.
    #[must_use]
    pub fn placements(mut self, placements: [Placement; 2]) -> Self {
        self.placements = placements;
        self
    }

    /// How long a launched instance may take to run, a terminated one to go, a group to be deleted.
    #[must_use]
    pub fn patience(mut self, at_most: Duration) -> Self {
        self.patience = at_most;
        self
    }

    /// Of a provider that [adopts](crate::fleet::FleetCapabilities::adopt): who makes a group that is not ours, of so many machines of the first image, in the first placement.
    #[must_use]
    pub fn others<F: Future<Output = Result<NativeRef>> + 'static>(mut self, make: impl Fn(u32) -> F + 'static) -> Self {
        self.others = Some(Box::new(move |machines| Box::pin(make(machines))));
        self
    }

    /// What must live as long as the provider.
    #[must_use]
    pub fn guard(mut self, guard: impl Any + Send) -> Self {
        self.guard = Box::new(guard);
        self
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("place", &self.place).field("fleet", &self.fleet).finish_non_exhaustive()
    }
}

/// Makes a group that is not ours, of so many machines, and says what it is called.
type Others = Box<dyn Fn(u32) -> LocalBoxFuture<'static, Result<NativeRef>>>;

type Case = for<'a> fn(&'a Trial) -> LocalBoxFuture<'a, Verdict>;

macro_rules! table {
    ([$($case:ident)*]) => { const CASES: &[(&str, Case)] = &[$((stringify!($case), |trial| Box::pin($case(trial)))),*]; };
}
__fleet_cases!([table]);

/// The names of all cases.
pub fn cases() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|(name, _)| *name)
}

/// Runs one case on a fresh subject, on a runtime of its own or, if the subject's time is virtual, by its clock.
///
/// # Errors
/// If the case fails and is not known to; if it passes and is known to fail; if there is no subject; if there is no such case.
pub fn run(case: &str, fresh: impl AsyncFnOnce() -> Result<Subject>, known: &[(&str, &str)]) -> Result<(), Failure> {
    let Some((_, body)) = CASES.iter().find(|(name, _)| *name == case) else {
        return Err(Failure::new(format!("there is no case `{case}`")));
    };
    let runtime = suite::runtime()?;
    let trial = Trial::new(runtime.block_on(fresh())?);
    let verdict = trial.subject.time.run(&runtime, body(&trial));
    suite::judge(case, known, verdict)
}

/// Whether everything in `known` is a case, and has a reason.
///
/// # Errors
/// If not, naming it.
pub fn check_known(known: &[(&str, &str)]) -> Result<(), Failure> {
    suite::check_known(&cases().collect::<Vec<_>>(), known)
}
