use std::sync::Arc;
use std::time::Duration;

use super::limit::{Limit, To, Way};
use super::reading::{Number, Reading, Readings};
use super::{Judgement, Says};
use crate::error::{Error, Result};
use crate::time::Human;

/// Limits over metrics: what the new generation must keep to.
///
/// One limit breached is a failure, and names the metric, its value and the limit. None breached, and one that cannot be told for want of
/// data, is inconclusive. Else it is a pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    limits: Vec<Limit>,
    least_samples: u64,
    max_age: Duration,
}

/// What one limit says.
enum Told {
    Holds,
    Breached(String),
    Unknown(String),
}

impl Thresholds {
    /// These limits, with 1 sample enough and data at most 10 minutes old.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if there is no limit, if one cannot be (no metric, a NaN, a factor of 0 or less), or if
    /// two exclude each other.
    pub fn new(limits: impl IntoIterator<Item = Limit>) -> Result<Self> {
        let limits: Vec<Limit> = limits.into_iter().collect();
        if limits.is_empty() {
            return Err(Error::invalid("thresholds without a limit would let everything pass; give at least one"));
        }
        limits.iter().try_for_each(Limit::check)?;
        for (number, one) in limits.iter().enumerate() {
            if let Some(other) = limits.iter().skip(number + 1).find(|other| exclude(one, other)) {
                return Err(Error::invalid(format!("{one} and {other} exclude each other; nothing could ever pass")));
            }
        }
        Ok(Self { limits, least_samples: 1, max_age: Duration::from_secs(600) })
    }

    /// How many samples a reading needs, of either generation, to be data; 0 is as 1.
    #[must_use]
    pub fn least_samples(mut self, samples: u64) -> Self {
        self.least_samples = samples.max(1);
        self
    }

    /// How long before the window's end the newest sample of a reading may be, for a source that has fallen silent says nothing of now.
    /// Twice the period of a source that samples in periods is a good choice.
    #[must_use]
    pub fn max_age(mut self, at_most: Duration) -> Self {
        self.max_age = at_most;
        self
    }

    /// The limits, in the order given.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// Judges what was read.
    #[must_use]
    pub fn judge(&self, readings: &Readings) -> Judgement {
        let (mut breached, mut unknown) = (Vec::new(), Vec::new());
        for limit in &self.limits {
            let into = match self.tell(limit, readings) {
                Told::Holds => continue,
                Told::Breached(why) => (&mut breached, why),
                Told::Unknown(why) => (&mut unknown, why),
            };
            let (list, why) = into;
            // Two limits over one metric may want for the same data.
            if !list.contains(&why) {
                list.push(why);
            }
        }
        let (says, why) = if !breached.is_empty() {
            (Says::Fail, breached.join("; "))
        } else if !unknown.is_empty() {
            (Says::Inconclusive, unknown.join("; "))
        } else {
            let limits: Vec<String> = self.limits.iter().map(Limit::to_string).collect();
            (Says::Pass, format!("within its limits: {}", limits.join("; ")))
        };
        let evidence = self.limits.iter().map(|limit| (limit.metric.clone(), found(limit.metric(), readings))).collect();
        Judgement { says, why: why.into(), evidence }
    }

    fn tell(&self, limit: &Limit, readings: &Readings) -> Told {
        let Limit { metric, way, to, fine_at } = limit;
        let value = match self.data(metric, readings.new.get(metric), readings) {
            Ok(value) => value,
            Err(why) => return Told::Unknown(why),
        };
        let beyond = if *way == Way::AtMost { "more than" } else { "less than" };
        let factor = match *to {
            To::Value(most) if way.holds(value, most) => return Told::Holds,
            To::Value(most) => return Told::Breached(format!("{metric} is {}, {beyond} {}", Number(value), Number(most))),
            To::TimesOld(_) if fine_at.is_some_and(|fine| way.holds(value, fine)) => return Told::Holds,
            To::TimesOld(factor) => factor,
        };
        let of_old = format!("the old generation's {metric}");
        let old = match self.data(&of_old, readings.old.get(metric), readings) {
            Ok(old) => old,
            Err(why) => return Told::Unknown(why),
        };
        // Below zero a factor above 1 asks for less: it would turn the limit round.
        if old < 0.0 || !(factor * old).is_finite() {
            return Told::Unknown(format!("{of_old} is {}, of which no multiple can be a limit", Number(old)));
        }
        if way.holds(value, factor * old) {
            return Told::Holds;
        }
        let (value, factor, old) = (Number(value), Number(factor), Number(old));
        Told::Breached(format!("{metric} is {value}, {beyond} {factor} times the old generation's {old}"))
    }

    /// A reading's value, or why it is no data.
    fn data(&self, metric: &str, reading: Option<&Reading>, window: &Readings) -> Result<f64, String> {
        let Some(Reading { value, samples, newest }) = reading.copied() else {
            return Err(format!("{metric} has no data"));
        };
        if samples < self.least_samples {
            return Err(format!("{metric} has {samples} samples, {} are needed to tell", self.least_samples));
        }
        if !value.is_finite() {
            return Err(format!("{metric} is {value}, which is no measurement"));
        }
        if newest < window.since {
            return Err(format!("{metric} has no sample since {}, its newest is of {newest}", window.since));
        }
        let age = window.until.since(newest);
        if age > self.max_age {
            return Err(format!("the newest sample of {metric} is {} old, at most {} may be", Human(age), Human(self.max_age)));
        }
        Ok(value)
    }
}

/// Whether no value is within both.
fn exclude(one: &Limit, other: &Limit) -> bool {
    let (To::Value(a), To::Value(b)) = (one.to, other.to) else {
        return false;
    };
    one.metric == other.metric
        && match (one.way, other.way) {
            (Way::AtMost, Way::AtLeast) => a < b,
            (Way::AtLeast, Way::AtMost) => b < a,
            (Way::AtMost, Way::AtMost) | (Way::AtLeast, Way::AtLeast) => false,
        }
}

/// What was found of a metric, in words.
fn found(metric: &str, readings: &Readings) -> Arc<str> {
    let new = readings.new.get(metric).map_or_else(|| "no data".to_owned(), Reading::to_string);
    match readings.old.get(metric) {
        Some(old) => format!("{new}, the old generation's {old}").into(),
        None => new.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    const SINCE: Timestamp = Timestamp::from_millis(1_000_000);
    const UNTIL: Timestamp = Timestamp::from_millis(1_300_000);

    fn of(value: f64) -> Reading {
        Reading::new(value, 100, UNTIL)
    }

    fn read(new: impl Into<Option<Reading>>, old: impl Into<Option<Reading>>) -> Readings {
        Readings::between(SINCE, UNTIL).of_new("m", new).of_old("m", old)
    }

    /// What one limit says of a new and an old reading.
    fn judge(limit: &Limit, new: impl Into<Option<Reading>>, old: impl Into<Option<Reading>>) -> Judgement {
        Thresholds::new([limit.clone()]).unwrap().least_samples(10).judge(&read(new, old))
    }

    #[test]
    fn a_limit_holds_up_to_itself() {
        use Says::{Fail, Pass};
        let cases = [
            (Limit::at_most("m", 0.01), 0.01, 0.0, Pass),
            (Limit::at_most("m", 0.01), 0.0101, 0.0, Fail),
            (Limit::at_most("m", -1.0), -2.0, 0.0, Pass),
            (Limit::at_least("m", 5.0), 5.0, 0.0, Pass),
            (Limit::at_least("m", 5.0), 4.9, 0.0, Fail),
            (Limit::at_most_times_old("m", 1.5), 3.0, 2.0, Pass),
            (Limit::at_most_times_old("m", 1.5), 3.1, 2.0, Fail),
            (Limit::at_most_times_old("m", 1.5), 0.0, 0.0, Pass),
            (Limit::at_most_times_old("m", 1.5), 0.001, 0.0, Fail),
            (Limit::at_most_times_old("m", 1.5).fine_at(0.001), 0.001, 0.0, Pass),
            (Limit::at_most_times_old("m", 1.5).fine_at(0.001), 0.002, 0.0, Fail),
            (Limit::at_most_times_old("m", 1.5).fine_at(0.001), 0.003, 0.002, Pass),
            (Limit::at_least_times_old("m", 0.5), 50.0, 100.0, Pass),
            (Limit::at_least_times_old("m", 0.5), 49.0, 100.0, Fail),
            (Limit::at_least_times_old("m", 0.5).fine_at(40.0), 49.0, 100.0, Pass),
        ];
        for (limit, new, old, says) in cases {
            assert_eq!(judge(&limit, of(new), of(old)).says, says, "{limit}: {new} after {old}");
        }
    }

    #[test]
    fn what_is_no_data_is_never_a_pass() {
        let late = "1970-01-01T00:16:39.999Z";
        let cases = [
            (None, "m has no data".to_owned()),
            (Some(of(f64::NAN)), "m is NaN, which is no measurement".to_owned()),
            (Some(of(f64::INFINITY)), "m is inf, which is no measurement".to_owned()),
            (Some(of(f64::NEG_INFINITY)), "m is -inf, which is no measurement".to_owned()),
            (Some(Reading::new(0.0, 9, UNTIL)), "m has 9 samples, 10 are needed to tell".to_owned()),
            (
                Some(Reading::new(0.0, 100, Timestamp::from_millis(999_999))),
                format!("m has no sample since {SINCE}, its newest is of {late}"),
            ),
        ];
        for (reading, why) in cases {
            // The same of either side, and for limits that would hold and that would not.
            for limit in [Limit::at_most("m", 1.0), Limit::at_least("m", 1.0), Limit::at_most_times_old("m", 1.2)] {
                let judgement = judge(&limit, reading, of(1.0));
                assert_eq!((judgement.says, &*judgement.why), (Says::Inconclusive, &*why), "{limit}");
            }
            let of_old = why.replacen('m', "the old generation's m", 1);
            for limit in [Limit::at_most_times_old("m", 1.2), Limit::at_least_times_old("m", 0.9)] {
                let judgement = judge(&limit, of(1.0), reading);
                assert_eq!((judgement.says, &*judgement.why), (Says::Inconclusive, &*of_old), "{limit}");
            }
            assert_eq!(judge(&Limit::at_most("m", 1.0), of(1.0), reading).says, Says::Pass, "an absolute limit needs no old");
            let fine = Limit::at_most_times_old("m", 1.2).fine_at(1.0);
            assert_eq!(judge(&fine, of(1.0), reading).says, Says::Pass, "what is fine anyway needs no old");
        }
    }

    #[test]
    fn of_an_old_below_zero_or_beyond_all_numbers_nothing_follows() {
        for (old, limit) in [(-10.0, Limit::at_most_times_old("m", 1.2)), (f64::MAX, Limit::at_most_times_old("m", 2.0))] {
            let judgement = judge(&limit, of(1.0), of(old));
            assert_eq!(judgement.says, Says::Inconclusive);
            assert!(judgement.why.contains("no multiple can be a limit"), "{judgement}");
        }
    }

    #[test]
    fn a_source_that_fell_silent_says_nothing_of_now() {
        let until = SINCE + Duration::from_secs(3600);
        let readings =
            |age| Readings::between(SINCE, until).of_new("m", Reading::new(0.0, 100, until - Duration::from_secs(age)));
        let thresholds = Thresholds::new([Limit::at_most("m", 1.0)]).unwrap();
        assert_eq!(thresholds.judge(&readings(600)).says, Says::Pass);
        let judgement = thresholds.judge(&readings(601));
        assert_eq!(judgement.to_string(), "inconclusive: the newest sample of m is 10m 1s old, at most 10m may be");
        assert_eq!(thresholds.clone().max_age(Duration::from_secs(601)).judge(&readings(601)).says, Says::Pass);
        let ahead = Readings::between(SINCE, until).of_new("m", Reading::new(0.0, 1, until + Duration::from_secs(5)));
        assert_eq!(thresholds.judge(&ahead).says, Says::Pass, "a source's clock may be a little ahead");
    }

    #[test]
    fn a_sample_of_the_very_beginning_is_of_the_window() {
        let judgement = judge(&Limit::at_most("m", 1.0), Reading::new(0.0, 100, SINCE), None);
        assert_eq!(judgement.says, Says::Pass, "{judgement}");
    }

    #[test]
    fn no_samples_at_all_are_no_data_whatever_is_asked() {
        let thresholds = Thresholds::new([Limit::at_most("m", 1.0)]).unwrap().least_samples(0);
        assert_eq!(thresholds.judge(&read(Reading::new(0.0, 0, UNTIL), None)).says, Says::Inconclusive);
    }

    #[test]
    fn a_breach_outweighs_what_cannot_be_told() {
        let thresholds = Thresholds::new([
            Limit::at_most("errors", 0.01),
            Limit::at_most("errors", 0.05),
            Limit::at_most_times_old("p99", 1.2),
            Limit::at_least("p99", 0.0),
        ])
        .unwrap();
        let judge = |errors: Option<f64>, p99: Option<f64>, old: Option<f64>| {
            let readings = Readings::between(SINCE, UNTIL).of_new("errors", errors.map(of)).of_new("p99", p99.map(of));
            thresholds.judge(&readings.of_old("p99", old.map(of))).to_string()
        };
        assert_eq!(
            judge(Some(0.1), None, None),
            "fail: errors is 0.1, more than 0.01; errors is 0.1, more than 0.05",
            "every breach, and nothing else"
        );
        assert_eq!(judge(None, Some(400.0), Some(300.0)), "fail: p99 is 400, more than 1.2 times the old generation's 300");
        assert_eq!(judge(None, None, Some(300.0)), "inconclusive: errors has no data; p99 has no data");
        assert_eq!(judge(Some(0.0), Some(300.0), None), "inconclusive: the old generation's p99 has no data");
        assert_eq!(
            judge(Some(0.0), Some(300.0), Some(300.0)),
            "pass: within its limits: errors at most 0.01; errors at most 0.05; p99 at most 1.2 times the old generation's; p99 at least 0"
        );
    }

    #[test]
    fn the_evidence_is_what_was_found_of_each_metric() {
        let thresholds = Thresholds::new([Limit::at_most_times_old("m", 1.2), Limit::at_most("absent", 1.0)]).unwrap();
        let judgement = thresholds.judge(&read(of(1.0), of(2.0)));
        let evidence: Vec<_> = judgement.evidence.iter().map(|(name, found)| format!("{name}: {found}")).collect();
        assert_eq!(evidence, ["absent: no data", "m: 1 of 100 samples, the old generation's 2 of 100 samples"]);
    }

    #[test]
    fn limits_that_cannot_be_are_refused() {
        let refused = |limits: &[Limit]| Thresholds::new(limits.iter().cloned()).unwrap_err().to_string();
        assert_eq!(refused(&[]), "thresholds without a limit would let everything pass; give at least one");
        let cases = [
            (Limit::at_most("", 1.0), "the limit ` at most 1` names no metric; write it as error_rate at most 0.01"),
            (Limit::at_most("m", f64::NAN), "m at most NaN is no limit; give a finite number, as in m at most 0.01"),
            (Limit::at_least("m", f64::INFINITY), "m at least inf is no limit; give a finite number, as in m at least 0.01"),
            (
                Limit::at_most_times_old("m", 0.0),
                "m at most 0 times the old generation's is no limit; give a finite factor above 0, as in 1.2",
            ),
            (
                Limit::at_least_times_old("m", -1.0),
                "m at least -1 times the old generation's is no limit; give a finite factor above 0, as in 0.9",
            ),
            (
                Limit::at_least_times_old("m", f64::NAN),
                "m at least NaN times the old generation's is no limit; give a finite factor above 0, as in 0.9",
            ),
            (
                Limit::at_most_times_old("m", 1.2).fine_at(f64::NAN),
                "m at most 1.2 times the old generation's, or at most NaN is no limit; give fine_at a finite number, as in 0.001",
            ),
            (
                Limit::at_most("m", 1.0).fine_at(0.5),
                "m at most 1, or at most 0.5 is not relative to the old generation; leave fine_at out, or use at_most_times_old",
            ),
        ];
        for (limit, why) in cases {
            assert_eq!(refused(&[Limit::at_most("other", 1.0), limit]), why);
        }
        let (low, high) = (Limit::at_most("m", 1.0), Limit::at_least("m", 2.0));
        assert_eq!(
            refused(&[low.clone(), high.clone()]),
            "m at most 1 and m at least 2 exclude each other; nothing could ever pass"
        );
        assert!(Thresholds::new([high, Limit::at_most("n", 1.0), Limit::at_most("m", 2.0)]).is_ok());
        assert!(refused(&[Limit::at_least("m", 2.0), low.clone()]).contains("exclude each other"));
        let exactly = [low, Limit::at_least("m", 1.0)];
        assert!(Thresholds::new(exactly.clone()).is_ok() && Thresholds::new(exactly.into_iter().rev()).is_ok());
    }
}
