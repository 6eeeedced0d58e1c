//! What both suites are made of: how a case is run, how it fails, and what is known to fail.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::error::{Applied, Error, ErrorKind, Result};
use crate::time::{Clock, VirtualClock};

/// Why a case failed. Prints as its text, so that a `#[test]` can return it.
pub struct Failure(String);

/// What a case returns.
pub(super) type Verdict<T = ()> = Result<T, Failure>;

impl Failure {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// A call failed that had to succeed.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(source) = cause {
            text.push_str(&format!(": {source}"));
            cause = source.source();
        }
        Self(text)
    }
}

/// Ends a case unless something holds.
macro_rules! require {
    ($holds:expr, $($otherwise:tt)+) => {
        if !$holds {
            return Err($crate::conformance::Failure::new(format!($($otherwise)+)));
        }
    };
}
pub(super) use require;

/// The error of a call that had to be refused for one of these reasons, without having done anything.
pub(super) fn refused<T: fmt::Debug>(what: &str, result: Result<T>, kinds: &[ErrorKind]) -> Verdict<Error> {
    match result {
        Ok(answer) => Err(Failure::new(format!("{what} must be refused as {kinds:?}, and was answered {answer:?}"))),
        Err(error) => {
            require!(kinds.contains(&error.kind()), "{what} must be refused as {kinds:?}, not {:?}: {error}", error.kind());
            require!(error.applied() == Applied::No, "{what} was refused: applied() must be No, not {:?}", error.applied());
            Ok(error)
        }
    }
}

/// What moves a subject's time on.
#[derive(Clone, Debug)]
pub enum Time {
    /// This clock, which jumps whenever nothing else can happen.
    Virtual(VirtualClock),
    /// The tokio runtime, current-thread, that `fresh` and the case run on; the clock is the subject's.
    Runtime(Arc<dyn Clock>),
}

impl Time {
    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        match self {
            Self::Virtual(clock) => Arc::new(clock.clone()),
            Self::Runtime(clock) => clock.clone(),
        }
    }

    /// Runs a future on the runtime, or by the clock alone: inside the runtime's own poll, what tokio counts against its budget would
    /// stop, and no clock would bring it back.
    pub(super) fn run<F: Future>(&self, runtime: &Runtime, future: F) -> F::Output {
        match self {
            Self::Virtual(clock) => {
                let _entered = runtime.enter();
                clock.run(future)
            }
            Self::Runtime(_) => runtime.block_on(future),
        }
    }
}

pub(super) fn runtime() -> Verdict<Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|why| Failure::new(format!("no runtime: {why}")))
}

/// Turns what a case did into what its test says: a case that is known to fail must fail.
pub(super) fn judge(case: &str, known: &[(&str, &str)], verdict: Verdict) -> Verdict {
    let why = known.iter().find_map(|(name, why)| (*name == case).then_some(*why));
    match (verdict, why) {
        (Ok(()), None) | (Err(_), Some(_)) => Ok(()),
        (Ok(()), Some(why)) => Err(Failure::new(format!("{case} passes now; remove it from known (it said: {why})"))),
        (Err(failure), None) => Err(Failure::new(format!("{case}: {failure}"))),
    }
}

/// Whether everything that is said to be known is a case, and has a reason.
pub(super) fn check_known(cases: &[&str], known: &[(&str, &str)]) -> Verdict {
    for (at, (name, why)) in known.iter().enumerate() {
        require!(cases.contains(name), "known: there is no case `{name}`; the cases are {}", cases.join(", "));
        require!(!why.trim().is_empty(), "known: say why `{name}` fails");
        require!(!known.iter().take(at).any(|(other, _)| other == name), "known: `{name}` stands there twice");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[(&str, &str)] = &[("a", "it trims")];

    #[test]
    fn a_known_case_must_fail() {
        let fails = || Err(Failure::new("no"));
        assert!(judge("a", KNOWN, fails()).is_ok());
        let passes = judge("a", KNOWN, Ok(())).unwrap_err().to_string();
        assert_eq!(passes, "a passes now; remove it from known (it said: it trims)");
        assert!(judge("b", KNOWN, Ok(())).is_ok());
        assert_eq!(judge("b", KNOWN, fails()).unwrap_err().to_string(), "b: no");
    }

    #[test]
    fn what_is_known_must_be_a_case_and_have_a_reason() {
        assert!(check_known(&["a", "b"], KNOWN).is_ok());
        let unknown = check_known(&["b"], KNOWN).unwrap_err().to_string();
        assert_eq!(unknown, "known: there is no case `a`; the cases are b");
        assert!(check_known(&["a"], &[("a", " ")]).is_err());
        assert!(check_known(&["a"], &[("a", "x"), ("a", "y")]).is_err());
    }

    #[test]
    fn a_refusal_must_be_of_the_kind_and_certain() {
        let of = |error: Error| refused::<()>("it", Err(error), &[ErrorKind::Conflict]);
        assert!(of(Error::new(ErrorKind::Conflict, "x")).is_ok());
        assert!(of(Error::new(ErrorKind::Taken, "x")).is_err());
        assert!(of(Error::new(ErrorKind::Conflict, "x").with_applied(Applied::Unknown)).is_err());
        assert!(refused("it", Ok(1), &[ErrorKind::Conflict]).is_err());
    }
}
