//! What the engine is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::analysis::Judgement;
use crate::artifact::Digest;
use crate::fleet::{GroupId, Heals, Observation, TrafficCapabilities, TrafficSeen};
use crate::id::{OpId, StepIx};
use crate::time::Timestamp;

/// What was looked at, each with its time.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Seen<'a> {
    /// The fleet.
    pub fleet: &'a Observation,
    /// Why there is nothing in it, of a look that failed: the provider's words.
    pub unseen: Option<&'a str>,
    /// When that look was asked for, by the clock that gives `now`; or, if a call was answered while it was under way, before that.
    pub as_of: Timestamp,
    /// How many there were at the most in each group by the last whole view that this owner had of it (the larger of its members and its
    /// size, and on top those on their way out), and what its size was then.
    pub earlier: Option<&'a BTreeMap<GroupId, (u32, u32)>>,
    /// What the registry says.
    pub facts: Option<&'a Facts>,
    /// Which calls are under way.
    pub in_flight: Option<&'a BTreeSet<OpId>>,
    /// Whether the provider heals by itself.
    pub heals: Heals,
    /// What the fleet's traffic switch can do, if it gets its requests from a pool.
    pub switch: Option<&'a TrafficCapabilities>,
    /// That pool, looked at at the same time as the fleet.
    pub pool: Option<&'a TrafficSeen>,
    /// What the judge of the gate that is waited for said last.
    pub answer: Option<&'a Answer>,
    /// How many instances there should be, by the source that the fleet [follows](crate::Fleet::follows), if it was heard.
    pub size: Option<u32>,
}

/// What a gate's judge said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Of which step's gate.
    pub step: StepIx,
    /// When it was asked.
    pub asked: Timestamp,
    /// What it said.
    pub judgement: Judgement,
}

impl<'a> Seen<'a> {
    /// A look at a fleet, asked for at `as_of`. Without [facts](Seen::facts) nothing is launched.
    pub fn new(fleet: &'a Observation, as_of: Timestamp) -> Self {
        Self {
            fleet,
            unseen: None,
            as_of,
            earlier: None,
            facts: None,
            in_flight: None,
            heals: Heals::Switchable,
            switch: None,
            pool: None,
            answer: None,
            size: None,
        }
    }

    /// With why the look failed, in the provider's words.
    #[must_use]
    pub fn unseen(mut self, why: &'a str) -> Self {
        self.unseen = Some(why);
        self
    }

    /// With what the registry says.
    #[must_use]
    pub fn facts(mut self, facts: &'a Facts) -> Self {
        self.facts = Some(facts);
        self
    }

    /// With how many there were at the most in each group by the last whole view of it, and what its size was.
    #[must_use]
    pub fn earlier(mut self, earlier: &'a BTreeMap<GroupId, (u32, u32)>) -> Self {
        self.earlier = Some(earlier);
        self
    }

    /// With the calls that are under way.
    #[must_use]
    pub fn in_flight(mut self, in_flight: &'a BTreeSet<OpId>) -> Self {
        self.in_flight = Some(in_flight);
        self
    }

    /// With what the traffic switch can do.
    #[must_use]
    pub fn switch(mut self, capabilities: &'a TrafficCapabilities) -> Self {
        self.switch = Some(capabilities);
        self
    }

    /// With a look at the pool.
    #[must_use]
    pub fn pool(mut self, pool: &'a TrafficSeen) -> Self {
        self.pool = Some(pool);
        self
    }

    /// With what the gate's judge said.
    #[must_use]
    pub fn answer(mut self, answer: &'a Answer) -> Self {
        self.answer = Some(answer);
        self
    }

    /// With how many instances there should be, by the source that the fleet follows.
    #[must_use]
    pub fn size(mut self, says: u32) -> Self {
        self.size = Some(says);
        self
    }

    /// With whether the provider heals by itself.
    #[must_use]
    pub fn heals(mut self, heals: Heals) -> Self {
        self.heals = heals;
        self
    }
}

/// What the registry says of artifacts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// When it was asked.
    pub as_of: Timestamp,
    /// The artifacts that are recorded and not revoked.
    pub good: BTreeSet<Digest>,
    /// Those that are revoked, and why.
    pub revoked: BTreeMap<Digest, Arc<str>>,
    /// Those of which no image can be launched any more in this place, and why.
    pub unlaunchable: BTreeMap<Digest, Arc<str>>,
}
