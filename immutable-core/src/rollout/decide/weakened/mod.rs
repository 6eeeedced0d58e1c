//! Engines weakened on purpose, one rule of DESIGN.md §4 or one term of the accounting each: whoever judges engines must catch every one.
//!
//! Two rules have no engine here, since none can be written. Rule 1: no [`Call`](crate::rollout::Call) modifies an instance, and `unmodified` below no
//! longer compiles when there is another call. Rule 14: a call names a generation and a group of its own fleet alone, and `evolve` takes
//! none that the journal does not know; what can be weakened is the provider (`simulation/weakened`).

mod counts;
mod promises;
mod shares;
mod sights;

use super::view::{GroupView, Groups, View};
use super::{Decision, RULES, Rule, decide_by};
use crate::fleet::{GroupId, Observation, TrafficCapabilities, TrafficSeen};
use crate::rollout::event::{Call, Event};
use crate::rollout::seen::{Facts, Seen};
use crate::rollout::state::FleetState;
use crate::time::Timestamp;

/// An engine that breaks a rule, and the word of the oracle that must say so.
pub(crate) struct Weakened {
    pub(crate) name: &'static str,
    pub(crate) rule: u8,
    pub(crate) caught_by: &'static str,
    pub(crate) decide: fn(&FleetState, &Seen<'_>, Timestamp) -> Decision,
}

/// All of them, rule by rule.
pub(crate) fn engines() -> impl Iterator<Item = Weakened> {
    let all = [counts::ENGINES, sights::ENGINES, promises::ENGINES, shares::ENGINES].into_iter().flatten();
    all.map(|(rule, name, caught_by, decide)| Weakened { name, rule: *rule, caught_by, decide: *decide })
}

type Row = (u8, &'static str, &'static str, fn(&FleetState, &Seen<'_>, Timestamp) -> Decision);

/// What of an engine is not as it should be. Each part is given what the sound engine would go by.
struct Engine {
    /// Rules by other functions.
    rules: &'static [(&'static str, Rule)],
    /// What it takes its state for.
    state: fn(&mut FleetState),
    /// What it takes the fleet for.
    sight: fn(&FleetState, &mut Observation),
    /// What it takes the pool for, and what can be done with it.
    pool: fn(&FleetState, &mut TrafficSeen),
    switch: fn(&mut TrafficCapabilities),
    /// What it takes the registry's word for.
    facts: fn(&mut Facts),
    /// What it counts, once that is counted.
    view: for<'v> fn(&mut View<'v>),
    /// What it journals.
    events: fn(&FleetState, &mut Vec<Event>),
}

const SOUND: Engine = Engine {
    rules: &[],
    state: |_| {},
    sight: |_, _| {},
    pool: |_, _| {},
    switch: |_| {},
    facts: |_| {},
    view: |_| {},
    events: |_, _| {},
};

impl Engine {
    fn decide(&self, state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
        let (mut fleet, mut facts, mut believed) = (seen.fleet.clone(), seen.facts.cloned(), state.clone());
        (self.sight)(state, &mut fleet);
        facts.iter_mut().for_each(self.facts);
        (self.state)(&mut believed);
        let rules: Vec<_> = RULES
            .iter()
            .map(|(name, rule)| (*name, self.rules.iter().find(|(other, _)| other == name).map_or(*rule, |(_, other)| *other)))
            .collect();
        let (mut pool, mut switch) = (seen.pool.cloned(), seen.switch.cloned());
        pool.iter_mut().for_each(|pool| (self.pool)(state, pool));
        switch.iter_mut().for_each(self.switch);
        let seen = Seen { fleet: &fleet, facts: facts.as_ref(), pool: pool.as_ref(), switch: switch.as_ref(), ..*seen };
        let mut decision = decide_by(&rules, self.view, &believed, &seen, now);
        (self.events)(state, &mut decision.events);
        decision
    }
}

/// A function that decides by an engine of which some parts are weakened.
macro_rules! engine {
    ($($part:ident: $by:expr),+) => {
        |state, seen, now| Engine { $($part: $by,)+ ..SOUND }.decide(state, seen, now)
    };
}
use engine;

/// Rule 1: what each call does to machines that are there. None has a word for changing one.
#[expect(dead_code, reason = "it is there to be compiled")]
fn unmodified(call: &Call) -> &'static str {
    use crate::fleet::Resize;
    match call {
        Call::Ensure(_) => "there are none yet",
        Call::Resize(resize) => match **resize {
            Resize::Raise { .. } => "more come",
            Resize::Lower { .. } => "the named leave",
            Resize::GiveUp { .. } => "those that never came are not waited for",
        },
        Call::Upkeep(..) => "the provider may replace them, or not",
        Call::Destroy(_) => "there are none left",
        Call::Route(_) | Call::Drain { .. } => "others get their requests",
    }
}

/// Adds a call to what is journaled, under the next number.
fn owe(state: &FleetState, events: &mut Vec<Event>, call: Call, basis: Timestamp) {
    let owed = events.iter().filter(|event| matches!(event, Event::Owed { .. })).count();
    let op = crate::id::OpId(state.next_op.0 + owed as u64);
    // Before the phase moves, if it does.
    let at = events.iter().position(|event| matches!(event, Event::Moved { .. } | Event::Proven { .. } | Event::Ended { .. }));
    events.insert(at.unwrap_or(events.len()), Event::Owed { op, call, basis });
}

impl<'a> Groups<'a> {
    fn iter_mut(&mut self) -> impl Iterator<Item = (&GroupId, &mut GroupView<'a>)> {
        self.0.iter_mut().map(|(id, group)| (&*id, group))
    }

    fn values_mut(&mut self) -> impl Iterator<Item = &mut GroupView<'a>> {
        self.iter_mut().map(|(_, group)| group)
    }
}
