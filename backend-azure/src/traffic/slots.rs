//! Whose the slots of a weighted pool are: a slot is a rule of a load balancer behind an endpoint of Traffic Manager.

use std::collections::BTreeMap;

use immutable_core::fleet::{FleetId, GenerationId};
use immutable_core::id::PoolId;
use immutable_core::{Result, Timestamp};

use super::tags::{self, Tags};

/// What stands in the tags of a load balancer for one profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Slots {
    /// The fleet's name: a load balancer has no machines of another region.
    pub(super) fleet: String,
    /// The call that last changed it, so that what stood here never comes back.
    pub(super) op: String,
    /// By rule, in a tag for each.
    #[serde(skip)]
    pub(super) of: BTreeMap<String, Slot>,
}

/// A rule that is, or was, a generation's.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Slot {
    fleet: String,
    pub(super) generation: GenerationId,
    /// Since when it is no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left: Option<i64>,
    /// Since when it is to get less than it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    less: Option<i64>,
}

impl Slot {
    pub(super) fn new(fleet: &FleetId, generation: GenerationId) -> Self {
        Self { fleet: fleet.name().to_owned(), generation, left: None, less: None }
    }

    pub(super) fn left(&self) -> Option<Timestamp> {
        self.left.map(Timestamp::from_millis)
    }

    pub(super) fn less(&self) -> Option<Timestamp> {
        self.less.map(Timestamp::from_millis)
    }

    pub(super) fn leave(&mut self, now: Timestamp) {
        self.left = Some(now.as_millis());
        self.lose(now);
    }

    pub(super) fn lose(&mut self, now: Timestamp) {
        self.less = Some(now.as_millis());
    }

    /// What it has had less of, it has had less of still.
    pub(super) fn keep_less(&mut self, before: &Self) {
        self.less = before.less;
    }

    /// The same without its times, which are told by whichever copy of a call was first.
    pub(super) fn timeless(&self) -> Self {
        Self { left: self.left.map(|_| 0), less: None, ..self.clone() }
    }
}

impl Slots {
    pub(super) fn read(tags: &Tags, profile: &str, rules: impl Iterator<Item = impl AsRef<str>>) -> Result<Self> {
        let mut slots: Self = tags::read(tags, &tag(profile))?.unwrap_or_default();
        for rule in rules {
            if let Some(slot) = tags::read(tags, &slot_tag(rule.as_ref()))? {
                slots.of.insert(rule.as_ref().to_owned(), slot);
            }
        }
        Ok(slots)
    }

    pub(super) fn write(&self, tags: &mut Tags, profile: &str) -> Result<()> {
        tags::write(tags, &tag(profile), self)?;
        self.of.iter().try_for_each(|(rule, slot)| tags::write(tags, &slot_tag(rule), slot))
    }

    /// The rule that is a generation's, or was the last time.
    pub(super) fn rule_of(&self, fleet: &FleetId, generation: GenerationId) -> Option<&String> {
        let of = |slot: &Slot| slot.fleet == fleet.name() && slot.generation == generation;
        self.of.iter().find(|(_, slot)| of(slot)).map(|(rule, _)| rule)
    }

    /// Whether a fleet may change it.
    pub(super) fn ours(&self, pool: &PoolId, fleet: &FleetId, profile: &str) -> Result<()> {
        match self.of.iter().find(|(_, slot)| slot.left.is_none()) {
            None => Ok(()),
            Some((rule, slot)) => tags::not_ours(pool, &slot.fleet, fleet, &format!("{} and {}", tag(profile), slot_tag(rule))),
        }
    }
}

/// Whether a generation, by its name, has left the slot that a rule is.
pub(super) fn was_left(tags: &Tags, rule: &str, fleet: &FleetId, generation: &str) -> Result<bool> {
    let slot: Option<Slot> = tags::read(tags, &slot_tag(rule))?;
    let of = |slot: &Slot| slot.fleet == fleet.name() && slot.generation.name(fleet).eq_ignore_ascii_case(generation);
    Ok(slot.is_some_and(|slot| of(&slot) && slot.left.is_some()))
}

/// The slot that a rule is was nobody's.
pub(super) fn forget(tags: &mut Tags, rule: &str) {
    tags::remove(tags, &slot_tag(rule));
}

fn tag(profile: &str) -> String {
    format!("immutable-profile-{}", profile.to_ascii_lowercase())
}

fn slot_tag(rule: &str) -> String {
    format!("immutable-slot-{}", rule.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use immutable_core::Place;

    #[test]
    fn whose_a_slot_is_stands_in_a_tag_of_its_own() {
        let fleet = FleetId::new(Place::new("azure", "s", "westeurope").unwrap(), "web");
        let now = Timestamp::from_millis(7);
        let mut slots = Slots { fleet: "web".into(), op: "x".into(), of: BTreeMap::new() };
        slots.of.insert("blue".into(), Slot::new(&fleet, GenerationId(1)));
        slots.of.insert("green".into(), Slot::new(&fleet, GenerationId(2)));
        slots.of.get_mut("blue").unwrap().leave(now);
        let mut tags = Tags::new();
        slots.write(&mut tags, "web-tm").unwrap();
        assert_eq!(tags.len(), 3);
        assert_eq!(Slots::read(&tags, "WEB-TM", ["blue", "green"].iter()).unwrap(), slots);
        assert_eq!(slots.rule_of(&fleet, GenerationId(2)).map(String::as_str), Some("green"));
        assert_eq!((slots.of["blue"].left(), slots.of["blue"].less()), (Some(now), Some(now)));
        assert!(was_left(&tags, "Blue", &fleet, "web-0001").unwrap());
        assert!(!was_left(&tags, "green", &fleet, "web-0002").unwrap());
        assert!(!was_left(&tags, "blue", &fleet, "web-0003").unwrap());
        forget(&mut tags, "BLUE");
        assert!(!was_left(&tags, "blue", &fleet, "web-0001").unwrap());
    }
}
