//! The suite for implementors of [`Journal`]; [`journal_conformance!`](crate::journal_conformance) makes tests of it.

mod again;
mod append;
mod many;
mod read;
mod rivals;
mod snapshots;
mod streams;
mod trial;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::conformance::suite::{self, Failure, Time, Verdict};
use crate::error::Result;
use crate::journal::Journal;
use crate::time::SystemClock;

use again::*;
use append::*;
use many::*;
use read::*;
use rivals::*;
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
    /// How its store is opened again, as by another process.
    pub reopen: Option<Reopen>,
    /// What must live as long as the journal: a temporary folder, a server.
    pub guard: Box<dyn Any + Send>,
}

/// Opens the store of a journal once more.
pub type Reopen = Box<dyn Fn() -> LocalBoxFuture<'static, Result<Arc<dyn Journal>>>>;

impl Subject {
    /// A journal on the runtime, with 30 s of patience.
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        let time = Time::Runtime(Arc::new(SystemClock::new()));
        Self { journal, time, patience: Duration::from_secs(30), reopen: None, guard: Box::new(()) }
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

    /// How its store is opened again, as by another process: beside the first, and after the first was closed. Without it, the cases that
    /// open it again fail.
    #[must_use]
    pub fn reopen<F: Future<Output = Result<Arc<dyn Journal>>> + 'static>(mut self, again: impl Fn() -> F + 'static) -> Self {
        self.reopen = Some(Box::new(move || Box::pin(again())));
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
        let again = self.reopen.is_some();
        let mut text = f.debug_struct("Subject");
        text.field("time", &self.time).field("patience", &self.patience).field("reopen", &again).finish_non_exhaustive()
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
    let (trial, time, _guard) = Trial::new(subject);
    let verdict = time.run(&runtime, body(&trial));
    suite::judge(case, known, verdict)
}

/// Whether everything in `known` is a case, and has a reason.
///
/// # Errors
/// If not, naming it.
pub fn check_known(known: &[(&str, &str)]) -> Result<(), Failure> {
    suite::check_known(&cases().collect::<Vec<_>>(), known)
}
