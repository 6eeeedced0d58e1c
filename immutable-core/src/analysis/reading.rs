use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::time::Timestamp;

/// What a source says of one metric over a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The value, in the metric's own unit. One that is not finite is no data.
    pub value: f64,
    /// How many samples it is made of; of none it is no data.
    pub samples: u64,
    /// When the newest of them was taken; of samples that stand for a period, when that ended.
    pub newest: Timestamp,
}

impl Reading {
    /// A value of so many samples, the newest of this time.
    pub const fn new(value: f64, samples: u64, newest: Timestamp) -> Self {
        Self { value, samples, newest }
    }
}

/// `0.02 of 1200 samples`
impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} sample{}", Number(self.value), self.samples, if self.samples == 1 { "" } else { "s" })
    }
}

/// What was read of a window: of the new generation, and of the old one.
#[derive(Clone, Debug, PartialEq)]
pub struct Readings {
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    pub(super) new: BTreeMap<Arc<str>, Reading>,
    pub(super) old: BTreeMap<Arc<str>, Reading>,
}

impl Readings {
    /// Nothing yet, of this window.
    pub const fn between(since: Timestamp, until: Timestamp) -> Self {
        Self { since, until, new: BTreeMap::new(), old: BTreeMap::new() }
    }

    /// Adds what a metric of the new generation is; `None` is no data.
    #[must_use]
    pub fn of_new(mut self, metric: impl Into<Arc<str>>, reading: impl Into<Option<Reading>>) -> Self {
        if let Some(reading) = reading.into() {
            self.new.insert(metric.into(), reading);
        }
        self
    }

    /// Adds what a metric of the old generation is; `None` is no data.
    #[must_use]
    pub fn of_old(mut self, metric: impl Into<Arc<str>>, reading: impl Into<Option<Reading>>) -> Self {
        if let Some(reading) = reading.into() {
            self.old.insert(metric.into(), reading);
        }
        self
    }
}

/// A number as people write it: without hundreds of zeros.
pub(super) struct Number(pub(super) f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        if size == 0.0 || (1e-6..1e15).contains(&size) || !size.is_finite() {
            write!(f, "{}", self.0)
        } else {
            write!(f, "{:e}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [(0.0, "0"), (0.02, "0.02"), (-1.0, "-1"), (1e-7, "1e-7"), (2.5e300, "2.5e300"), (f64::NAN, "NaN")];
        for (number, text) in cases {
            assert_eq!(Number(number).to_string(), text);
        }
        assert_eq!(Reading::new(0.5, 1, Timestamp::default()).to_string(), "0.5 of 1 sample");
    }
}
