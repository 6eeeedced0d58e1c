use std::fmt;
use std::sync::Arc;

use super::reading::Number;
use crate::error::{Error, Result};

/// One limit over one metric. Checked when [`Thresholds`](super::Thresholds) are made of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub(super) metric: Arc<str>,
    pub(super) way: Way,
    pub(super) to: To,
    /// A value as good as this is within a relative limit, whatever the old's is.
    pub(super) fine_at: Option<f64>,
}

/// Which side of the limit is good. What is exactly at it is within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    AtMost,
    AtLeast,
}

impl Way {
    pub(super) fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::AtMost => value <= limit,
            Self::AtLeast => value >= limit,
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtMost => "at most",
            Self::AtLeast => "at least",
        })
    }
}

/// What the new generation is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum To {
    Value(f64),
    TimesOld(f64),
}

impl Limit {
    fn new(metric: impl Into<Arc<str>>, way: Way, to: To) -> Self {
        Self { metric: metric.into(), way, to, fine_at: None }
    }

    /// The new generation's value is at most this, in the metric's unit.
    #[must_use]
    pub fn at_most(metric: impl Into<Arc<str>>, value: f64) -> Self {
        Self::new(metric, Way::AtMost, To::Value(value))
    }

    /// The new generation's value is at least this, in the metric's unit.
    #[must_use]
    pub fn at_least(metric: impl Into<Arc<str>>, value: f64) -> Self {
        Self::new(metric, Way::AtLeast, To::Value(value))
    }

    /// The new generation's value is at most this many times the old one's, in the same window: 1.2 allows a fifth more.
    ///
    /// Without an old generation, as in a first deployment, nothing can be told. Where the old one has 0, the new one must have 0:
    /// see [`fine_at`](Self::fine_at).
    #[must_use]
    pub fn at_most_times_old(metric: impl Into<Arc<str>>, factor: f64) -> Self {
        Self::new(metric, Way::AtMost, To::TimesOld(factor))
    }

    /// The new generation's value is at least this many times the old one's, in the same window: 0.9 allows a tenth less.
    ///
    /// Without an old generation, as in a first deployment, nothing can be told.
    #[must_use]
    pub fn at_least_times_old(metric: impl Into<Arc<str>>, factor: f64) -> Self {
        Self::new(metric, Way::AtLeast, To::TimesOld(factor))
    }

    /// Of a limit relative to the old generation: a value as good as this one is within it, whatever the old one's is, also if nothing
    /// is known of that. So one error after an old generation without any is not a failure, and a first deployment can pass.
    #[must_use]
    pub fn fine_at(mut self, value: f64) -> Self {
        self.fine_at = Some(value);
        self
    }

    /// Which metric.
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// Whether the old generation's value is needed to tell.
    pub fn is_relative(&self) -> bool {
        matches!(self.to, To::TimesOld(_))
    }

    /// Whether it can be.
    pub(super) fn check(&self) -> Result<()> {
        if self.metric.trim().is_empty() {
            return Err(Error::invalid(format!("the limit `{self}` names no metric; write it as error_rate at most 0.01")));
        }
        match self.to {
            To::Value(value) if !value.is_finite() => {
                Err(Error::invalid(format!("{self} is no limit; give a finite number, as in {} {} 0.01", self.metric, self.way)))
            }
            To::Value(_) if self.fine_at.is_some() => Err(Error::invalid(format!(
                "{self} is not relative to the old generation; leave fine_at out, or use {}_times_old",
                if self.way == Way::AtMost { "at_most" } else { "at_least" }
            ))),
            To::TimesOld(factor) if !factor.is_finite() || factor <= 0.0 => Err(Error::invalid(format!(
                "{self} is no limit; give a finite factor above 0, as in {}",
                if self.way == Way::AtMost { "1.2" } else { "0.9" }
            ))),
            To::TimesOld(_) if self.fine_at.is_some_and(|value| !value.is_finite()) => {
                Err(Error::invalid(format!("{self} is no limit; give fine_at a finite number, as in 0.001")))
            }
            To::Value(_) | To::TimesOld(_) => Ok(()),
        }
    }
}

/// `latency_p99_ms at most 1.2 times the old generation's`
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.metric, self.way)?;
        match self.to {
            To::Value(value) => write!(f, "{}", Number(value))?,
            To::TimesOld(factor) => write!(f, "{} times the old generation's", Number(factor))?,
        }
        match self.fine_at {
            Some(value) => write!(f, ", or {} {}", self.way, Number(value)),
            None => Ok(()),
        }
    }
}
