//! What the suites are made of: how a case is run, how it fails, and what is known to fail.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::error::{Applied, Error, ErrorKind, Result};
use crate::time::{Clock, VirtualClock};

/// Why a case failed. Prints as its text, so that a `#[test]` can return it.
pub struct Failure {
    text: String,
    /// Whether it only says that the subject cannot show what the case is about.
    inapplicable: bool,
}

/// What a case returns.
pub(super) type Verdict<T = ()> = Result<T, Failure>;

impl Failure {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), inapplicable: false }
    }

    /// The subject cannot show it, for this reason.
    pub(super) fn inapplicable(why: impl fmt::Display) -> Self {
        Self { text: format!("not applicable: {why}"), inapplicable: true }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
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
        Self::new(text)
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

/// As [`judge`], where a case may also be of what the subject cannot show: it must be said so before, and must be so.
pub(super) fn judge_applicable(case: &str, known: &[(&str, &str)], cannot: &[(&str, &str)], verdict: Verdict) -> Verdict {
    let why = cannot.iter().find_map(|(name, why)| (*name == case).then_some(*why));
    match (&verdict, why) {
        (Err(failure), Some(_)) if failure.inapplicable => Ok(()),
        (Err(failure), None) if failure.inapplicable => {
            Err(Failure::new(format!("{case}: {failure}; if it must be so, list it in cannot, with the reason")))
        }
        (_, Some(why)) => Err(Failure::new(format!("{case} applies now; remove it from cannot (it said: {why})"))),
        (_, None) => judge(case, known, verdict),
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

/// Whether everything in both lists is a case, has a reason, and stands there once.
pub(super) fn check_excused(cases: &[&str], known: &[(&str, &str)], cannot: &[(&str, &str)]) -> Verdict {
    check_known(cases, known)?;
    let all: Vec<_> = known.iter().chain(cannot).copied().collect();
    check_known(cases, &all).map_err(|failure| Failure::new(format!("cannot, {failure}")))
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
    fn what_cannot_be_shown_must_be_said_and_be_so() {
        let judge = |case, verdict| judge_applicable(case, KNOWN, &[("c", "no draining")], verdict).map_err(|no| no.to_string());
        let shows_nothing = || Err(Failure::inapplicable("it does not drain"));
        assert!(judge("c", shows_nothing()).is_ok());
        let unsaid = judge("b", shows_nothing()).unwrap_err();
        assert_eq!(unsaid, "b: not applicable: it does not drain; if it must be so, list it in cannot, with the reason");
        assert!(judge("a", shows_nothing()).is_err(), "a case that is known to fail must fail, not be of nothing");
        let now = "c applies now; remove it from cannot (it said: no draining)";
        assert_eq!(judge("c", Ok(())).unwrap_err(), now);
        assert_eq!(judge("c", Err(Failure::new("no"))).unwrap_err(), now);
        assert!(judge("b", Ok(())).is_ok());
        assert!(judge("a", Err(Failure::new("no"))).is_ok());
        assert!(check_excused(&["a", "c"], KNOWN, &[("c", "no draining")]).is_ok());
        assert!(check_excused(&["a"], KNOWN, &[("a", "x")]).is_err(), "it is one or the other");
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
