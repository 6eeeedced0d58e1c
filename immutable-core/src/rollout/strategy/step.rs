//! Steps: what a strategy is a list of. Some move instances or traffic, the others are gates.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::id::{Actor, Zone};
use crate::rollout::budget::{Amount, Percent};
use crate::time::{Human, Timestamp, human};

/// One step. It is left when what it says is so.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Step {
    /// The wanted release has this share of the fleet's size.
    Scale {
        /// That share; rounded up to whole instances.
        to: Amount,
        /// What becomes of the others.
        #[serde(default, skip_serializing_if = "Old::is_follow")]
        old: Old,
    },
    /// The wanted release gets this share of the traffic, as far as it has instances for it, and the others the rest. In a strategy without any
    /// the traffic follows the instances.
    Shift {
        /// That share; at most 100 %.
        to: Percent,
    },
    /// A gate: for so long nothing goes wrong. If an instance of the wanted release is lost meanwhile, it begins anew once that is replaced.
    Bake {
        /// How long.
        #[serde(rename = "for", with = "human")]
        lasting: Duration,
    },
    /// A gate: somebody's check passes.
    Check(Check),
    /// A gate: measured over some time, the wanted release is not worse. As a bake it begins anew if an instance of it is lost.
    Analyse(Analyse),
    /// A gate: people agree.
    Approve(Approve),
    /// One zone of the fleet after the other is replaced, the one that the fleet names first first. A plan has a [`Zone`](Self::Zone) for each in its place.
    EachZone(EachZone),
    /// One zone of the fleet: what it has of the fleet is of the wanted release, as of the zones before it. Nobody is launched in another, and of
    /// the others nobody leaves another but who is down, or more than its part. Made of an [`EachZone`](Self::EachZone) by a plan.
    Zone {
        /// Which.
        zone: Zone,
        /// Its number among those of the fleet, from 1 on.
        nth: u16,
        /// How many these are.
        of: u16,
    },
}

/// One zone after the other, and what must hold before the next. After the last nothing must: what else is wanted stands behind it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EachZone {
    /// How long it bakes after the first.
    #[serde(default, with = "human", skip_serializing_if = "Duration::is_zero")]
    pub(crate) first_bake: Duration,
    /// How long it bakes after each other but the last.
    #[serde(default, with = "human", skip_serializing_if = "Duration::is_zero")]
    pub(crate) bake: Duration,
    /// What must hold besides after each but the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) gates: Vec<Step>,
}

impl EachZone {
    /// The steps for these zones.
    pub(crate) fn steps(&self, zones: &[Zone]) -> Vec<Step> {
        let of = u16::try_from(zones.len()).unwrap_or(u16::MAX);
        let mut steps = Vec::new();
        for (zone, nth) in zones.iter().zip(1..=of) {
            steps.push(Step::Zone { zone: zone.clone(), nth, of });
            if nth < of {
                let lasting = if nth == 1 { self.first_bake } else { self.bake };
                steps.extend(Some(Step::bake(lasting)).filter(|_| !lasting.is_zero()));
                steps.extend(self.gates.iter().cloned());
            }
        }
        steps
    }
}

/// What becomes of the others while the wanted release grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Old {
    /// They shrink as it grows, so that together they are the fleet.
    #[default]
    Follow,
    /// They stay as they are, until the last step is left: it needs the surge.
    Keep,
    /// They leave first: nothing is launched while one of them is there. The fleet is empty for that time.
    First,
}

impl Old {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_follow(&self) -> bool {
        *self == Self::Follow
    }
}

/// A check by a [judge](crate::provider::Judge): it is asked until it says yes or no.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub(crate) judge: Arc<str>,
    #[serde(with = "human")]
    pub(crate) timeout: Duration,
    pub(crate) otherwise: Otherwise,
}

impl Check {
    /// By the judge of this name, within 10 min; then a person is asked.
    pub fn by(judge: impl Into<Arc<str>>) -> Self {
        Self { judge: judge.into(), timeout: Duration::from_secs(600), otherwise: Otherwise::Hold }
    }

    /// How long it may say neither yes nor no.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// What follows if it has said neither by then.
    #[must_use]
    pub fn otherwise(mut self, then: Otherwise) -> Self {
        self.otherwise = then;
        self
    }
}

/// An analysis by a [judge](crate::provider::Judge), which is asked again and again: no is no at once, yes is yes at the end.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Analyse {
    pub(crate) judge: Arc<str>,
    #[serde(rename = "for", with = "human")]
    pub(crate) lasting: Duration,
    #[serde(with = "human")]
    pub(crate) every: Duration,
    /// How long it goes on if its end is inconclusive.
    #[serde(default, with = "human", skip_serializing_if = "Duration::is_zero")]
    pub(crate) extend: Duration,
    pub(crate) otherwise: Otherwise,
}

impl Analyse {
    /// By the judge of this name: over 10 min, every minute; if it is inconclusive a person is asked.
    pub fn by(judge: impl Into<Arc<str>>) -> Self {
        let (lasting, every) = (Duration::from_secs(600), Duration::from_secs(60));
        Self { judge: judge.into(), lasting, every, extend: Duration::ZERO, otherwise: Otherwise::Hold }
    }

    /// How long it lasts.
    #[must_use]
    pub fn lasting(mut self, lasting: Duration) -> Self {
        self.lasting = lasting;
        self
    }

    /// How often the judge is asked.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// How long it goes on at most if it is inconclusive at its end. Default: it does not. What was asked at the end may be answered a little
    /// later: twice [as long](Self::every) as is between two questions.
    #[must_use]
    pub fn extend(mut self, at_most: Duration) -> Self {
        self.extend = at_most;
        self
    }

    /// What follows if it is inconclusive then.
    #[must_use]
    pub fn otherwise(mut self, then: Otherwise) -> Self {
        self.otherwise = then;
        self
    }

    /// Of one that ends so: until when the last answer is waited for.
    pub(crate) fn last(&self, end: Timestamp) -> Timestamp {
        end + self.extend + self.every.saturating_mul(2)
    }
}

/// An approval by some of those who are named.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    pub(crate) by: BTreeSet<Actor>,
    pub(crate) least: u32,
    #[serde(default, with = "crate::time::human_option", skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<Duration>,
    pub(crate) otherwise: Otherwise,
}

impl Approve {
    /// By one of these people; waited for as long as it takes.
    pub fn by(people: impl IntoIterator<Item = impl Into<Actor>>) -> Self {
        Self { by: people.into_iter().map(Into::into).collect(), least: 1, timeout: None, otherwise: Otherwise::Hold }
    }

    /// How many of them must approve.
    #[must_use]
    pub fn least(mut self, people: u32) -> Self {
        self.least = people;
        self
    }

    /// How long it may take.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// What follows if too few have by then.
    #[must_use]
    pub fn otherwise(mut self, then: Otherwise) -> Self {
        self.otherwise = then;
        self
    }
}

/// What follows from a gate that says neither yes nor no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// It stays as it is, and a person is asked.
    Hold,
    /// It goes back.
    Back,
}

macro_rules! gates {
    ($($gate:ident),*) => { $(
        impl From<$gate> for Step {
            fn from(gate: $gate) -> Self {
                Self::$gate(gate)
            }
        }
    )* };
}
gates!(Check, Analyse, Approve);

impl Step {
    /// The wanted release has this share, the others the rest.
    pub fn scale(to: impl Into<Amount>) -> Self {
        Self::Scale { to: to.into(), old: Old::Follow }
    }

    /// The wanted release has this share, and the others stay.
    pub fn scale_beside(to: impl Into<Amount>) -> Self {
        Self::Scale { to: to.into(), old: Old::Keep }
    }

    /// The wanted release gets this share of the traffic.
    pub fn shift(to: Percent) -> Self {
        Self::Shift { to }
    }

    /// For so long nothing goes wrong.
    pub fn bake(lasting: Duration) -> Self {
        Self::Bake { lasting }
    }

    /// One zone after the other, with a bake after the first; 0 leaves it out.
    pub fn each_zone(first_bake: Duration) -> Self {
        Self::EachZone(EachZone { first_bake, bake: Duration::ZERO, gates: Vec::new() })
    }

    /// Whether it moves nothing.
    pub fn is_gate(&self) -> bool {
        !self.launches() && !matches!(self, Self::Shift { .. })
    }

    /// Whether it moves instances.
    pub(crate) fn launches(&self) -> bool {
        matches!(self, Self::Scale { .. } | Self::EachZone(_) | Self::Zone { .. })
    }

    /// Whether it is a gate that watches: all of its time must be as it is at its beginning.
    pub(crate) fn watches(&self) -> bool {
        matches!(self, Self::Bake { .. } | Self::Analyse(_))
    }

    /// Who judges it, if somebody does.
    pub fn judge(&self) -> Option<&Arc<str>> {
        match self {
            Self::Check(Check { judge, .. }) | Self::Analyse(Analyse { judge, .. }) => Some(judge),
            _ => None,
        }
    }

    /// When it ends by itself, begun now, if it does.
    pub(crate) fn lasts(&self) -> Option<Duration> {
        match self {
            Self::Scale { .. } | Self::Shift { .. } | Self::EachZone(_) | Self::Zone { .. } => None,
            Self::Bake { lasting } | Self::Analyse(Analyse { lasting, .. }) => Some(*lasting),
            Self::Check(check) => Some(check.timeout),
            Self::Approve(approve) => approve.timeout,
        }
    }
}

/// `scale to 25% beside the old`
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let then = |otherwise: &Otherwise| match otherwise {
            Otherwise::Hold => "or it asks",
            Otherwise::Back => "or it goes back",
        };
        match self {
            Self::Scale { to, old: Old::Follow } => write!(f, "scale to {to}"),
            Self::Scale { to, old: Old::Keep } => write!(f, "scale to {to} beside the old"),
            Self::Scale { to, old: Old::First } => write!(f, "scale to {to} once the old are gone"),
            Self::Shift { to } => write!(f, "shift {to} of the traffic"),
            Self::Bake { lasting } => write!(f, "bake for {}", Human(*lasting)),
            Self::Check(Check { judge, timeout, otherwise }) => {
                write!(f, "`{judge}` checks, within {}, {}", Human(*timeout), then(otherwise))
            }
            Self::Analyse(Analyse { judge, lasting, every, extend, otherwise }) => {
                write!(f, "`{judge}` judges every {} for {}", Human(*every), Human(*lasting))?;
                if !extend.is_zero() {
                    write!(f, ", {} longer if need be", Human(*extend))?;
                }
                write!(f, ", {}", then(otherwise))
            }
            Self::Approve(Approve { by, least, timeout, otherwise }) => {
                let by: Vec<_> = by.iter().map(ToString::to_string).collect();
                write!(f, "{least} of {} approve", by.join(", "))?;
                match timeout {
                    Some(timeout) => write!(f, ", within {}, {}", Human(*timeout), then(otherwise)),
                    None => Ok(()),
                }
            }
            Self::EachZone(EachZone { first_bake, bake, gates }) => {
                f.write_str("one zone after the other")?;
                if !first_bake.is_zero() {
                    write!(f, ", bake for {} after the first", Human(*first_bake))?;
                }
                if !bake.is_zero() {
                    write!(f, ", bake for {} after each other", Human(*bake))?;
                }
                gates.iter().try_for_each(|gate| write!(f, ", after each: {gate}"))
            }
            Self::Zone { zone, nth, of } => write!(f, "zone {zone}, {nth} of {of}"),
        }
    }
}

impl Approve {
    /// Who may.
    pub fn people(&self) -> &BTreeSet<Actor> {
        &self.by
    }
}
