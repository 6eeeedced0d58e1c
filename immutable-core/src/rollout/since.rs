//! Since when what is amiss with a fleet is so: of each cause its own time, and of each that is missing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::keep::Found;
use crate::fleet::GroupId;
use crate::id::{InstanceKey, NativeRef};
use crate::time::Timestamp;

/// Why something is amiss: the same in each look, whatever the words and the numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// No generation of the proven release is there.
    Generation,
    Deleted(GroupId),
    Upkeep(GroupId),
    Size(GroupId),
    /// What should not run does.
    Leftover(GroupId),
    Image(GroupId, InstanceKey),
    Ill(GroupId, InstanceKey),
    Boots(GroupId, InstanceKey),
    /// Its provider works on it.
    Works(GroupId),
    Desired,
    Weights,
    Stranger(NativeRef),
}

/// Of what a look does not tell how it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unsure {
    pub(crate) all: bool,
    pub(crate) groups: BTreeSet<GroupId>,
    pub(crate) instances: BTreeSet<InstanceKey>,
    pub(crate) pool: bool,
    pub(crate) size: bool,
}

impl Unsure {
    fn may_be(&self, cause: &Cause) -> bool {
        let may_be = match cause {
            Cause::Generation => !self.groups.is_empty(),
            Cause::Deleted(group) | Cause::Upkeep(group) | Cause::Size(group) | Cause::Leftover(group) | Cause::Works(group) => {
                self.groups.contains(group)
            }
            Cause::Image(group, key) | Cause::Ill(group, key) | Cause::Boots(group, key) => {
                self.groups.contains(group) || self.instances.contains(key)
            }
            Cause::Desired => self.size,
            Cause::Weights => self.pool,
            Cause::Stranger(_) => false,
        };
        self.all || may_be
    }
}

/// A group that lacks somebody.
#[derive(Clone, Debug)]
pub(crate) struct Short {
    pub(crate) missing: u32,
    pub(crate) there: BTreeSet<InstanceKey>,
    pub(crate) patience: Duration,
}

/// Since when what is amiss is so, by the looks so far.
#[derive(Debug, Default)]
pub(crate) struct Since {
    causes: BTreeMap<Cause, Timestamp>,
    losses: BTreeMap<GroupId, Losses>,
}

/// Who is missing in a group has no name: whoever comes makes up for the one who is missing longest.
#[derive(Debug, Default)]
struct Losses {
    since: VecDeque<Timestamp>,
    there: BTreeSet<InstanceKey>,
}

impl Since {
    /// Takes in a look, and says whether anything of it has been so for long enough: in two looks, and for as long as it may.
    pub(crate) fn is_due(&mut self, found: &Found, at: Timestamp) -> bool {
        let unsure = &found.unsure;
        self.causes.retain(|cause, _| found.causes.contains_key(cause) || unsure.may_be(cause));
        self.losses.retain(|group, _| found.short.contains_key(group) || unsure.all || unsure.groups.contains(group));
        let due = |since: Timestamp, patience: Duration| since < at && at.since(since) >= patience;
        let mut any = false;
        for (cause, patience) in &found.causes {
            let since = *self.causes.entry(cause.clone()).or_insert(at);
            any |= due(since, *patience);
        }
        for (group, short) in &found.short {
            let losses = self.losses.entry(*group).or_default();
            let came = short.there.difference(&losses.there).count();
            let missing = usize::try_from(short.missing).unwrap_or(usize::MAX);
            // Of a group that lacked nobody there is nobody to make up for.
            losses.since.drain(..came.min(losses.since.len()));
            losses.since.drain(..losses.since.len().saturating_sub(missing));
            losses.since.resize(missing, at);
            losses.there.clone_from(&short.there);
            any |= losses.since.front().is_some_and(|since| due(*since, short.patience));
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::GenerationId;

    const GROUP: GroupId = GroupId { generation: GenerationId(1), cell: 0 };

    fn minute(minutes: i64) -> Timestamp {
        Timestamp::from_millis(minutes * 60_000)
    }

    fn ill(names: &[&str]) -> Found {
        let causes = names.iter().map(|name| (Cause::Ill(GROUP, InstanceKey::named(*name)), Duration::from_secs(600)));
        Found { causes: causes.collect(), ..Found::default() }
    }

    fn short(missing: u32, there: &[&str]) -> Found {
        let there = there.iter().map(|name| InstanceKey::named(*name)).collect();
        let short = Short { missing, there, patience: Duration::from_secs(600) };
        Found { short: [(GROUP, short)].into(), ..Found::default() }
    }

    /// Whether anything is due at the last of these looks, each at its minute, and at none before.
    fn is_due(looks: &[(i64, Found)]) -> bool {
        let mut since = Since::default();
        let due: Vec<_> = looks.iter().map(|(at, found)| since.is_due(found, minute(*at))).collect();
        let (last, before) = due.split_last().unwrap();
        assert!(before.iter().all(|due| !due), "{due:?}");
        *last
    }

    #[test]
    fn each_cause_has_its_own_time() {
        assert!(!is_due(&[(0, ill(&["a"])), (9, ill(&["a"]))]));
        assert!(is_due(&[(0, ill(&["a"])), (10, ill(&["a"]))]));
        assert!(!is_due(&[(0, ill(&["a"])), (9, ill(&["a", "b"])), (18, ill(&["b"]))]), "a is well, b is ill for 9 minutes");
        assert!(is_due(&[(0, ill(&["a"])), (9, ill(&["a", "b"])), (19, ill(&["b"]))]));
        assert!(!is_due(&[(0, ill(&["a"])), (5, ill(&[])), (10, ill(&["a"]))]), "it was well between");
        let now = Found { causes: [(Cause::Weights, Duration::ZERO)].into(), ..Found::default() };
        assert!(!is_due(&[(0, now.clone())]), "one look is none");
        assert!(is_due(&[(0, now.clone()), (1, now)]));
    }

    #[test]
    fn what_is_not_seen_is_as_it_was() {
        let key = InstanceKey::named("a");
        for unsure in [
            Unsure { all: true, ..Unsure::default() },
            Unsure { groups: [GROUP].into(), ..Unsure::default() },
            Unsure { instances: [key].into(), ..Unsure::default() },
        ] {
            let unseen = Found { unsure, ..Found::default() };
            assert!(is_due(&[(0, ill(&["a"])), (5, unseen.clone()), (10, ill(&["a"]))]), "{unseen:?}");
            assert!(!is_due(&[(0, ill(&["a"])), (10, unseen)]), "it may be well by now");
        }
        let other = Found { unsure: Unsure { pool: true, size: true, ..Unsure::default() }, ..Found::default() };
        assert!(!is_due(&[(0, ill(&["a"])), (5, other), (10, ill(&["a"]))]));
        let unseen = Found { unsure: Unsure { groups: [GROUP].into(), ..Unsure::default() }, ..Found::default() };
        assert!(is_due(&[(0, short(1, &["a"])), (5, unseen), (10, short(1, &["a"]))]));
    }

    #[test]
    fn a_generation_that_is_not_there_may_be_there_only_where_something_is_not_seen() {
        let none = Found { causes: [(Cause::Generation, Duration::from_secs(600))].into(), ..Found::default() };
        let unseen = Found { unsure: Unsure { groups: [GROUP].into(), ..Unsure::default() }, ..Found::default() };
        assert!(is_due(&[(0, none.clone()), (5, unseen), (10, none.clone())]));
        assert!(!is_due(&[(0, none.clone()), (5, Found::default()), (10, none)]), "it was there between");
    }

    #[test]
    fn whoever_comes_makes_up_for_who_is_missing_longest() {
        assert!(is_due(&[(0, short(1, &["a", "b"])), (10, short(1, &["a", "b"]))]));
        assert!(!is_due(&[(0, short(1, &["a", "b"])), (9, short(1, &["b", "c"])), (18, short(1, &["b", "c"]))]), "another died");
        assert!(is_due(&[(0, short(1, &["a", "b"])), (9, short(1, &["b", "c"])), (19, short(1, &["b", "c"]))]));
        assert!(is_due(&[(0, short(1, &["a", "b"])), (5, short(2, &["a"])), (10, short(2, &["a"]))]));
        let one_came =
            [(0, short(1, &["a", "b"])), (5, short(2, &["a"])), (9, short(1, &["a", "c"])), (14, short(1, &["a", "c"]))];
        assert!(!is_due(&one_came), "who is missing still is for 9 minutes");
        assert!(!is_due(&[(0, short(2, &["a"])), (5, Found::default()), (10, short(2, &["a"]))]));
    }
}
