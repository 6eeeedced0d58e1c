//! What somebody else has changed about a fleet, and what follows.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};

/// What somebody else, or the provider by itself, has changed about a fleet behind its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Drift {
    /// An instance runs another image than its generation's.
    Image,
    /// A group has another size.
    Size,
    /// A generation was deleted.
    Generation,
    /// The pool divides its requests otherwise.
    Weights,
    /// The provider may do something else by itself.
    Upkeep,
    /// Something that is not ours bears the fleet's mark, or a name it would use. It is never touched.
    Stranger,
}

/// One thing that somebody else has changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Drifted {
    /// What kind of thing.
    pub drift: Drift,
    /// What exactly, in words.
    pub what: Arc<str>,
}

/// `group 0002.0 has size 5, not 3`
impl fmt::Display for Drifted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// What follows when somebody else has changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDrift {
    /// Another takes the place of what was changed.
    Replace,
    /// It is set back to what it was.
    Restore,
    /// What was found is what is wanted from then on; of a [stranger](Drift::Stranger), that it may be there. While a rollout runs sizes, weights and upkeep
    /// are the rollout's: there it is set back.
    Absorb,
    /// Nothing moves until a person has decided.
    Pause,
}

impl Drift {
    /// What may follow: the first if nothing is said.
    pub fn choices(self) -> &'static [OnDrift] {
        match self {
            Self::Image | Self::Generation => &[OnDrift::Replace, OnDrift::Pause],
            Self::Size | Self::Upkeep => &[OnDrift::Restore, OnDrift::Absorb, OnDrift::Pause],
            Self::Weights => &[OnDrift::Restore, OnDrift::Pause],
            Self::Stranger => &[OnDrift::Absorb, OnDrift::Pause],
        }
    }

    /// What follows if nothing is said.
    pub(super) fn default_choice(self) -> OnDrift {
        self.choices().first().copied().unwrap_or(OnDrift::Pause)
    }

    /// Whether that may follow.
    pub(super) fn check(self, then: OnDrift) -> Result<()> {
        let choices = self.choices();
        if choices.contains(&then) {
            return Ok(());
        }
        let may: Vec<_> = choices.iter().map(|choice| format!("`{choice:?}`")).collect();
        Err(Error::invalid(format!("`{then:?}` cannot follow when {self}; what can: {}", may.join(", "))))
    }
}

/// `a group has another size`
impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "an instance runs another image",
            Self::Size => "a group has another size",
            Self::Generation => "a generation was deleted",
            Self::Weights => "the pool divides its requests otherwise",
            Self::Upkeep => "the provider may do something else by itself",
            Self::Stranger => "something else bears the fleet's mark",
        })
    }
}
