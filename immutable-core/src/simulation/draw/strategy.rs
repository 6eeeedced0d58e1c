//! How a fleet is replaced: budgets, and lists of steps.

use std::time::Duration;

use super::{disturb, lasting, pick};
use crate::memory::Random;
use crate::rollout::{Amount, Old, Percent, Shortage, Step, Strategy};
use crate::simulation::script::{Divides, Pool, Script, Trouble};

/// Step by step as room allows, under a budget of any kind.
pub(super) fn rolling(random: &mut Random) -> Strategy {
    let amount = |random: &mut Random| match random.below(3) {
        0 => Amount::percent(pick(random, &[10, 25, 50, 100])),
        _ => Amount::Count(random.below(4)),
    };
    let minutes = |random: &mut Random, least: u32, more: u32| Duration::from_secs(60 * u64::from(least + random.below(more)));
    Strategy::rolling()
        .max_surge(amount(random))
        .max_unavailable(amount(random))
        .max_failed(pick(random, &[Amount::Count(0), Amount::Count(1), Amount::percent(25)]))
        .probe_attempts(1 + random.below(2))
        .progress_deadline(minutes(random, 12, 30))
        .rollback_deadline(minutes(random, 20, 60))
}

/// A pool, and a strategy that it can carry.
pub(super) fn pool(random: &mut Random, script: &mut Script, own: bool) {
    let parts = pick(random, &[10, 100, 999]);
    let divides = pick(random, &[Divides::Pooled, Divides::Binary, Divides::Weighted(parts), Divides::Weighted(parts)]);
    let before = script.clone();
    script.cloud.pool = Some(Pool::new(divides, pick(random, &[0, 10, 45])));
    let drain_deadline = Duration::from_secs(pick(random, &[30, 300]));
    if !own {
        script.strategy = script.strategy.clone().drain_deadline(drain_deadline);
        if script.check().is_err() {
            script.strategy = script.strategy.clone().max_surge(Percent::known(100));
        }
    }
    if script.check().is_err() {
        *script = before;
    }
}

/// Several steps in place of the one, and a budget that has room for them.
pub(super) fn steps(random: &mut Random, script: &mut Script) {
    let one = script.strategy.clone();
    let pooled = script.cloud.pool.map(|pool| pool.divides);
    let drawn = match random.below(if pooled.is_some() { 10 } else { 6 }) {
        6.. => blue_green(random, one.clone(), matches!(pooled, Some(Divides::Weighted(_)))),
        0 | 1 => canary(random, one.clone()),
        2 => recreate(one.clone()),
        3 => beside(random, one.clone()),
        _ => list(random, one.clone()),
    };
    script.strategy = drawn;
    if script.check().is_err() {
        script.strategy = script.strategy.clone().max_surge(Percent::known(100));
    }
    if script.check().is_err() {
        script.strategy = one;
    }
}

fn share(random: &mut Random) -> Amount {
    match random.below(3) {
        0 => Amount::Count(1 + random.below(3)),
        _ => Amount::percent(pick(random, &[5, 20, 34, 50, 75])),
    }
}

/// Perhaps a bake, which is short.
fn bake(random: &mut Random, steps: &mut Vec<Step>) {
    let lasting = 10 + u64::from(random.below(180));
    if random.below(2) == 0 {
        steps.push(Step::bake(Duration::from_secs(lasting)));
    }
}

fn canary(random: &mut Random, strategy: Strategy) -> Strategy {
    let mut steps = Vec::new();
    for _ in 0..=random.below(2) {
        steps.push(Step::scale(share(random)));
        bake(random, &mut steps);
    }
    steps.push(Step::scale(Percent::known(100)));
    bake(random, &mut steps);
    Strategy { steps, ..strategy }
}

fn recreate(strategy: Strategy) -> Strategy {
    let Strategy { steps, max_unavailable, .. } = Strategy::recreate();
    Strategy { steps, max_unavailable, ..strategy }
}

/// The old ones stay until the new are proven, and perhaps a while longer.
fn beside(random: &mut Random, strategy: Strategy) -> Strategy {
    let mut steps = Vec::new();
    if random.below(2) == 0 {
        steps.push(Step::Scale { to: share(random), old: Old::Keep });
        bake(random, &mut steps);
    }
    steps.push(Step::scale_beside(Percent::known(100)));
    bake(random, &mut steps);
    let keep_old = Duration::from_secs(pick(random, &[0, 30, 300]));
    // Of an empty fleet nothing can be kept, but nothing is wrong with that.
    Strategy { steps, max_surge: Amount::percent(100), keep_old, ..strategy }
}

/// The new ones beside the old, and then their share of the requests.
fn blue_green(random: &mut Random, strategy: Strategy, weighted: bool) -> Strategy {
    let mut steps = vec![Step::scale_beside(Percent::known(100))];
    bake(random, &mut steps);
    for to in [10, 50] {
        if weighted && random.below(2) == 0 {
            steps.push(Step::shift(Percent::known(to)));
            bake(random, &mut steps);
        }
    }
    steps.push(Step::shift(Percent::known(100)));
    bake(random, &mut steps);
    let keep_old = Duration::from_secs(pick(random, &[0, 30, 300]));
    Strategy { steps, max_surge: Amount::percent(100), keep_old, ..strategy }
}

/// More and more, with the old or without.
fn list(random: &mut Random, strategy: Strategy) -> Strategy {
    let mut steps = Vec::new();
    for _ in 0..=random.below(3) {
        let old = pick(random, &[Old::Follow, Old::Follow, Old::Keep]);
        steps.push(Step::Scale { to: share(random), old });
        bake(random, &mut steps);
    }
    steps.push(Step::Scale { to: Amount::percent(100), old: pick(random, &[Old::Follow, Old::Follow, Old::Keep]) });
    bake(random, &mut steps);
    Strategy { steps, ..strategy }
}

/// Spares beside those that boot for too long, and some boots that hang.
pub(super) fn hedge(random: &mut Random, script: &mut Script) {
    let spares = pick(random, &[Amount::Count(1), Amount::Count(1), Amount::Count(2), Amount::percent(25)]);
    let after = Duration::from_secs(20 + u64::from(random.below(160)));
    script.strategy = script.strategy.clone().hedge(spares, after);
    disturb(random, script, 1, |random| Trouble::BootsHang(pick(random, &[100, 300, 600]), lasting(random)));
}

/// A zone has no machines for a while, and they are sought elsewhere, or waited for.
pub(super) fn shortage(random: &mut Random, script: &mut Script) {
    let then = pick(random, &[Shortage::Wait, Shortage::Wait, Shortage::Elsewhere]);
    script.strategy = script.strategy.clone().on_shortage(then);
    script.fleet.zones = script.fleet.zones.max(2);
    disturb(random, script, 1, |random| Trouble::ZoneCapacity(random.below(3), lasting(random)));
}

/// Those that leave and the whole rollout have only so much time, and operations take longer than anybody would think.
pub(super) fn limits(random: &mut Random, script: &mut Script) {
    let minutes = |random: &mut Random, least: u32, more: u32| Duration::from_secs(60 * u64::from(least + random.below(more)));
    script.strategy = script.strategy.clone().leave_deadline(minutes(random, 6, 15));
    if random.below(2) == 0 {
        script.strategy = script.strategy.clone().rollout_deadline(minutes(random, 11, 40));
    }
    if script.cloud.operations_take > 0 {
        disturb(random, script, 1, |random| Trouble::OperationsHang(1 + random.below(2), u64::from(random.below(7200))));
    }
}
