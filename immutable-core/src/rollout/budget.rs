//! How many more, and how many fewer, a fleet may have while it is replaced.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result, from_leaf};

/// A whole number of percent, 0 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u16);

impl Percent {
    /// So many percent.
    ///
    /// # Errors
    /// If it is more than 1000.
    pub const fn new(percent: u32) -> Result<Self, PercentError> {
        if percent > 1000 { Err(PercentError { percent }) } else { Ok(Self(percent as u16)) }
    }

    pub(crate) const fn known(percent: u16) -> Self {
        Self(percent)
    }

    /// The number.
    pub(crate) const fn get(self) -> u32 {
        self.0 as u32
    }

    /// Of a number of instances, rounded up.
    pub fn of_up(self, instances: u32) -> u32 {
        u32::try_from((u64::from(instances) * u64::from(self.0)).div_ceil(100)).unwrap_or(u32::MAX)
    }

    /// Of a number of instances, rounded down.
    pub fn of_down(self, instances: u32) -> u32 {
        u32::try_from(u64::from(instances) * u64::from(self.0) / 100).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// `25%`
impl serde::Serialize for Percent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Percent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Amount::deserialize(deserializer)? {
            Amount::Percent(percent) => Ok(percent),
            Amount::Count(count) => {
                Err(serde::de::Error::custom(format!("{count} is not a share; write a percentage, as in 25%")))
            }
        }
    }
}

/// More percent than make sense.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{percent} % is not a share of a fleet; use 0 to 1000")]
pub struct PercentError {
    percent: u32,
}

/// A number of instances: a count, or a percentage of the fleet's size. In text and JSON `3` or `25%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Amount {
    /// So many.
    Count(u32),
    /// That share of the fleet's desired size.
    Percent(Percent),
}

impl Amount {
    pub(crate) const fn percent(percent: u16) -> Self {
        Self::Percent(Percent::known(percent))
    }

    /// For a fleet of this size, a percentage rounded up.
    pub fn up(self, desired: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => percent.of_up(desired),
        }
    }

    /// For a fleet of this size, a percentage rounded down.
    pub fn down(self, desired: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => percent.of_down(desired),
        }
    }
}

impl From<u32> for Amount {
    fn from(count: u32) -> Self {
        Self::Count(count)
    }
}

impl From<Percent> for Amount {
    fn from(percent: Percent) -> Self {
        Self::Percent(percent)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => percent.fmt(f),
        }
    }
}

/// The text was not an amount.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{text}` is not a number of instances; write a count, as in 3, or a percentage up to 1000%, as in 25%")]
pub struct AmountError {
    text: String,
}
from_leaf!(AmountError, PercentError);

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let error = || AmountError { text: text.to_owned() };
        match text.strip_suffix('%') {
            None => text.parse().map(Self::Count).map_err(|_| error()),
            Some(percent) => Percent::new(percent.parse().map_err(|_| error())?).map(Self::Percent).map_err(|_| error()),
        }
    }
}

impl serde::Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => serializer.serialize_u32(*count),
            Self::Percent(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Wire {
            Count(u32),
            Text(String),
        }
        match Wire::deserialize(deserializer)? {
            Wire::Count(count) => Ok(Self::Count(count)),
            Wire::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

/// What a rollout may do to a fleet's size, resolved for a desired size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// How many instances the fleet should have.
    pub desired: u32,
    /// How many must stay ready: desired less what may be unavailable.
    pub floor: u32,
    /// How many may exist, starting and leaving ones included: desired and the surge.
    pub ceiling: u32,
    /// How many may exist besides, each a spare beside one that [boots for too long](crate::Strategy::hedge).
    #[serde(default, skip_serializing_if = "is_none")]
    pub spares: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_none(spares: &u32) -> bool {
    *spares == 0
}

impl Budget {
    /// Surge rounds up, unavailable rounds down.
    pub fn of(desired: u32, max_surge: Amount, max_unavailable: Amount) -> Self {
        Self {
            desired,
            floor: desired.saturating_sub(max_unavailable.down(desired)),
            ceiling: desired.saturating_add(max_surge.up(desired)),
            spares: 0,
        }
    }

    /// How many may exist in all: the ceiling, and the spares.
    pub fn most(&self) -> u32 {
        self.ceiling.saturating_add(self.spares)
    }

    /// How many instances may be neither what was nor ready: the surge and the unavailable.
    pub fn slack(&self) -> u32 {
        self.ceiling - self.floor
    }

    /// Whether anything can be replaced under it.
    pub(crate) fn check(desired: u32, max_surge: Amount, max_unavailable: Amount) -> Result<()> {
        let budget = Self::of(desired, max_surge, max_unavailable);
        if desired == 0 || budget.slack() > 0 {
            return Ok(());
        }
        let rounded = |what: &str, amount: Amount| match amount {
            Amount::Count(count) => format!("{what} {count}"),
            Amount::Percent(_) => format!("{what} {amount} ({} of {desired})", amount.down(desired)),
        };
        Err(Error::invalid(format!(
            "{} and {} cannot replace anything; allow one of them at least 1",
            rounded("max_surge", max_surge),
            rounded("max_unavailable", max_unavailable)
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn surge_rounds_up_and_unavailable_down() {
        for (desired, surge, unavailable, floor, ceiling) in [
            (12, "25%", "0", 12, 15),
            (10, "25%", "25%", 8, 13),
            (1, "25%", "25%", 1, 2),
            (3, "1", "1", 2, 4),
            (0, "25%", "1", 0, 0),
            (4, "200%", "100%", 0, 12),
            (u32::MAX, "1000%", "0", u32::MAX, u32::MAX),
        ] {
            let budget = Budget::of(desired, amount(surge), amount(unavailable));
            assert_eq!((budget.floor, budget.ceiling), (floor, ceiling), "{desired} {surge} {unavailable}");
        }
    }

    #[test]
    fn what_cannot_replace_anything_is_refused_with_what_would() {
        let refused =
            |desired, surge, unavailable| Budget::check(desired, amount(surge), amount(unavailable)).unwrap_err().to_string();
        assert_eq!(
            refused(12, "0", "0"),
            "max_surge 0 and max_unavailable 0 cannot replace anything; allow one of them at least 1"
        );
        assert_eq!(
            refused(3, "0%", "25%"),
            "max_surge 0% (0 of 3) and max_unavailable 25% (0 of 3) cannot replace anything; allow one of them at least 1"
        );
        for (desired, surge, unavailable) in [(0, "0", "0"), (1, "1%", "0"), (4, "0", "25%")] {
            assert!(Budget::check(desired, amount(surge), amount(unavailable)).is_ok());
        }
    }

    #[test]
    fn spares_are_written_where_there_are_any() {
        let none = Budget::of(4, amount("1"), amount("0"));
        for (budget, json) in [
            (none, r#"{"desired":4,"floor":4,"ceiling":5}"#),
            (Budget { spares: 2, ..none }, r#"{"desired":4,"floor":4,"ceiling":5,"spares":2}"#),
        ] {
            assert_eq!(serde_json::to_string(&budget).unwrap(), json);
            assert_eq!(serde_json::from_str::<Budget>(json).unwrap(), budget);
        }
    }

    #[test]
    fn amounts_survive_json() {
        for text in ["3", "\"25%\""] {
            let amount: Amount = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&amount).unwrap(), text);
        }
        for wrong in ["\"a\"", "\"-1\"", "\"1001%\"", "\"%\""] {
            let error = serde_json::from_str::<Amount>(wrong).unwrap_err().to_string();
            assert!(error.contains("is not a number of instances"), "{error}");
        }
    }
}
