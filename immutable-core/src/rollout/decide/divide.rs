//! Divides what a switch can divide: whole parts, and no part is lost.

use std::collections::BTreeMap;

use crate::fleet::GenerationId;

/// As many as a switch can divide between: those with least are not named, and what they had goes to the one of the others that has most.
pub(super) fn narrowed(
    mut weights: BTreeMap<GenerationId, u32>,
    wanted: GenerationId,
    most: usize,
) -> BTreeMap<GenerationId, u32> {
    let mut others: Vec<_> = weights.iter().filter(|(id, _)| **id != wanted).map(|(id, weight)| (*weight, *id)).collect();
    others.sort_unstable();
    let beyond = weights.len().saturating_sub(most.max(2));
    for (weight, id) in others.iter().take(beyond) {
        weights.remove(id);
        if let Some(largest) = others.last().and_then(|(_, id)| weights.get_mut(id)) {
            *largest += weight;
        }
    }
    weights
}

/// A share in weight parts, at least one if it is any.
pub(super) fn parts_of(parts: u32, (part, whole): (u32, u32)) -> u32 {
    let rounded = (u64::from(parts) * u64::from(part) + u64::from(whole) / 2) / u64::from(whole.max(1));
    let least = u64::from(part > 0);
    u32::try_from(rounded.max(least)).unwrap_or(u32::MAX).min(parts)
}

/// The largest share that so many may carry: within one part of ready ÷ floor.
pub(super) fn carried(parts: u32, ready: u32, floor: u32) -> u32 {
    match (ready, floor) {
        (0, _) => 0,
        (_, 0) => parts,
        _ => u32::try_from((u64::from(ready) * u64::from(parts)).div_ceil(u64::from(floor))).unwrap_or(u32::MAX).min(parts),
    }
}

/// Divides the rest of the parts among generations of which so many serve, none lost: those that have most keep it as far as they carry it, and whoever is not
/// needed for that gets nothing and may leave. What those can carry who are to stay longest is theirs before.
pub(super) fn spread(
    parts: u32,
    rest: u32,
    floor: u32,
    mut among: Vec<(GenerationId, u32)>,
    has: impl Fn(GenerationId) -> u32,
    stay: impl Fn(GenerationId) -> u32,
) -> BTreeMap<GenerationId, u32> {
    among.sort_by_key(|(id, serve)| (std::cmp::Reverse((has(*id), *serve)), *id));
    let (mut rest, mut weights) = (rest, BTreeMap::new());
    let stayers = among.iter().map(|(id, serve)| (*id, stay(*id).min(*serve)));
    for (id, by) in stayers.chain(among.iter().copied()) {
        let weight = weights.entry(id).or_insert(0);
        let more = rest.min(carried(parts, by, floor).saturating_sub(*weight));
        rest -= more;
        *weight += more;
    }
    // More than they can carry is theirs by how many serve, and what is left of a part is theirs who have most: the same again gives the same.
    let mut left: u64 = among.iter().map(|(_, serve)| u64::from(*serve)).sum();
    for (id, serve) in &among {
        let product = u64::from(rest) * u64::from(*serve);
        let more = if left == 0 { 0 } else { u32::try_from(product.div_ceil(left)).unwrap_or(rest) };
        (rest, left) = (rest - more, left - u64::from(*serve));
        *weights.entry(*id).or_default() += more;
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(of: &[(u32, u32)]) -> BTreeMap<GenerationId, u32> {
        of.iter().map(|(id, weight)| (GenerationId(*id), *weight)).collect()
    }

    #[test]
    fn a_share_is_rounded_to_parts_and_is_at_least_one() {
        for (parts, share, rounded) in [
            (1000, (1, 3), 333),
            (1000, (2, 3), 667),
            (10, (1, 100), 1),
            (10, (0, 100), 0),
            (10, (25, 100), 3),
            (999, (1, 1), 999),
        ] {
            assert_eq!(parts_of(parts, share), rounded, "{share:?} of {parts}");
        }
    }

    #[test]
    fn who_is_ready_carries_its_part_of_the_floor() {
        for (ready, floor, carries) in
            [(0, 10, 0), (0, 0, 0), (1, 0, 100), (1, 10, 10), (1, 3, 34), (2, 3, 67), (3, 3, 100), (4, 3, 100)]
        {
            assert_eq!(carried(100, ready, floor), carries, "{ready} of {floor}");
        }
    }

    #[test]
    fn nothing_is_lost_where_it_is_divided() {
        let of = |among: &[(u32, u32)]| among.iter().map(|(id, ready)| (GenerationId(*id), *ready)).collect::<Vec<_>>();
        let divided = |rest, floor, among: &[(u32, u32)], has: &[(u32, u32)]| {
            let had = of(has);
            let has = |id| had.iter().find(|(one, _)| *one == id).map_or(0, |(_, weight)| *weight);
            spread(100, rest, floor, of(among), has, |_| 0)
        };
        let none = &[];
        assert_eq!(
            divided(100, 3, &[(1, 1), (2, 1), (3, 1)], none),
            weights(&[(1, 34), (2, 34), (3, 32)]),
            "each as far as it carries it"
        );
        assert_eq!(
            divided(100, 1, &[(1, 1), (2, 1)], &[(2, 50)]),
            weights(&[(1, 0), (2, 100)]),
            "who has it keeps it, the other may leave"
        );
        assert_eq!(
            divided(100, 8, &[(1, 3), (2, 0), (3, 1)], none),
            weights(&[(1, 75), (2, 0), (3, 25)]),
            "too few, by how many serve"
        );
    }

    #[test]
    fn who_stays_longest_has_what_it_can_carry_and_the_others_what_is_left() {
        for (rest, floor, stay, divided) in [
            (50, 2, [0, 0], [(1, 0), (2, 50)]),
            (50, 2, [2, 0], [(1, 50), (2, 0)]),
            (100, 2, [1, 0], [(1, 50), (2, 50)]),
            (80, 3, [1, 0], [(1, 34), (2, 46)]),
            (100, 3, [2, 0], [(1, 67), (2, 33)]),
            (100, 3, [1, 1], [(1, 34), (2, 66)]),
            (50, 1, [9, 0], [(1, 50), (2, 0)]),
        ] {
            let among: Vec<_> = [1, 2].map(|id| (GenerationId(id), 2)).into();
            let (has, stays) = (|id| 50 * u32::from(id == GenerationId(2)), |id: GenerationId| stay[id.0 as usize - 1]);
            assert_eq!(
                spread(100, rest, floor, among, has, stays),
                weights(&divided),
                "{rest} of 100, {floor} ready, {stay:?} stay"
            );
        }
    }

    #[test]
    fn divided_again_it_is_the_same() {
        for (parts, floor) in [(999, 3), (10, 4), (100, 7), (1000, 1)] {
            for serves in [[1, 1, 1], [1, 2, 0], [3, 1, 2], [5, 5, 1]] {
                let among: Vec<_> = (1..).map(GenerationId).zip(serves).collect();
                let once = spread(parts, parts, floor, among.clone(), |_| 0, |_| 0);
                let again = spread(parts, parts, floor, among, |id| once[&id], |_| 0);
                assert_eq!(once, again, "{parts} parts, a floor of {floor}, {serves:?}");
                assert_eq!(once.values().sum::<u32>(), parts);
            }
        }
    }

    #[test]
    fn those_with_least_are_not_named_where_not_all_can_be() {
        let four = || weights(&[(1, 20), (2, 30), (3, 10), (4, 40)]);
        let narrow = |most| narrowed(four(), GenerationId(3), most);
        assert_eq!(narrow(4), four());
        assert_eq!(narrow(3), weights(&[(2, 30), (3, 10), (4, 60)]));
        assert_eq!(narrow(2), weights(&[(3, 10), (4, 90)]));
        assert_eq!(narrow(0), narrow(2), "to go from one to another takes two");
    }
}
