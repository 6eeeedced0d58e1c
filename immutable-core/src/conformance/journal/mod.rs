//! The suite for implementors of [`Journal`]; [`journal_conformance!`](crate::journal_conformance) makes tests of it.

mod append;
mod read;
mod snapshots;
mod streams;
mod trial;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::conformance::suite::{self, Failure, Time, Verdict};
use crate::error::Result;
use crate::journal::Journal;
use crate::time::SystemClock;

use append::*;
use read::*;
use snapshots::*;
use streams::*;
use trial::Trial;

/// An empty journal to be tried, with whatever must live as long.
#[non_exhaustive]
pub struct Subject {
    /// The journal; no stream of it has a record.
    pub journal: Arc<dyn Journal>,
    /// What moves its time on.
    pub time: Time,
    /// How long what is in a call's way may take to pass.
    pub patience: Duration,
    /// What must live as long as the journal: a temporary folder, a server.
    pub guard: Box<dyn Any + Send>,
}

impl Subject {
    /// A journal on the runtime, with 30 s of patience.
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        let time = Time::Runtime(Arc::new(SystemClock::new()));
        Self { journal, time, patience: Duration::from_secs(30), guard: Box::new(()) }
    }

    /// What moves its time on.
    #[must_use]
    pub fn time(mut self, time: Time) -> Self {
        self.time = time;
        self
    }

    /// How long what is in a call's way may take to pass.
    #[must_use]
    pub fn patience(mut self, at_most: Duration) -> Self {
        self.patience = at_most;
        self
    }

    /// What must live as long as the journal.
    #[must_use]
    pub fn guard(mut self, guard: impl Any + Send) -> Self {
        self.guard = Box::new(guard);
        self
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("time", &self.time).field("patience", &self.patience).finish_non_exhaustive()
    }
}

type Case = for<'a> fn(&'a Trial) -> LocalBoxFuture<'a, Verdict>;

macro_rules! table {
    ([$($case:ident)*]) => { const CASES: &[(&str, Case)] = &[$((stringify!($case), |trial| Box::pin($case(trial)))),*]; };
}
__journal_cases!([table]);

/// The names of all cases.
pub fn cases() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|(name, _)| *name)
}

/// Runs one case on a fresh subject, on a runtime of its own.
///
/// # Errors
/// If the case fails and is not known to; if it passes and is known to fail; if there is no subject; if there is no such case.
pub fn run(case: &str, fresh: impl AsyncFnOnce() -> Result<Subject>, known: &[(&str, &str)]) -> Result<(), Failure> {
    let Some((_, body)) = CASES.iter().find(|(name, _)| *name == case) else {
        return Err(Failure::new(format!("there is no case `{case}`")));
    };
    let runtime = suite::runtime()?;
    let subject = runtime.block_on(fresh())?;
    let verdict = subject.time.run(&runtime, body(&Trial::new(&subject)));
    suite::judge(case, known, verdict)
}

/// Whether everything in `known` is a case, and has a reason.
///
/// # Errors
/// If not, naming it.
pub fn check_known(known: &[(&str, &str)]) -> Result<(), Failure> {
    suite::check_known(&cases().collect::<Vec<_>>(), known)
}
