//! Fleets over zones that each have a floor, or are replaced one after the other.

use std::time::Duration;

use super::{lasting, pick};
use crate::memory::Random;
use crate::rollout::{Amount, OnResize, Percent, Step, Strategy};
use crate::simulation::script::{Disturbance, Script, Trouble};

/// In two or three zones, under a budget that has room for what is drawn; and once in a while one of them is not seen.
pub(super) fn zones(random: &mut Random, script: &mut Script) {
    let before = script.clone();
    script.fleet.zones = pick(random, &[2, 3]);
    let fewer = pick(random, &[Amount::Count(0), Amount::Count(1), Amount::percent(34), Amount::percent(50)]);
    let (first, each) = (u64::from(random.below(180)), pick(random, &[0, 20]));
    let what = random.below(4);
    if what > 0 {
        script.strategy = script.strategy.clone().max_unavailable_per_zone(fewer);
    }
    if what < 2 {
        script.strategy = by_zone(script, Duration::from_secs(first), Duration::from_secs(each));
    }
    for surge in [Amount::Count(1), Amount::from(Percent::known(100))] {
        if script.check().is_err() {
            script.strategy = script.strategy.clone().max_surge(surge);
        }
    }
    if script.check().is_err() {
        *script = before;
        return;
    }
    let (silent, at, for_so_long) = (random.below(3) == 0, u64::from(random.below(600)), lasting(random));
    if silent {
        script.disturbances.push(Disturbance::new(script.first_disturbed(), at, Trouble::Silence(for_so_long)));
    }
}

/// One zone after the other; what had to be waited for before is waited for after each.
fn by_zone(script: &Script, first: Duration, each: Duration) -> Strategy {
    let mut strategy = script.strategy.clone();
    let gates =
        strategy.steps.iter().filter(|step| step.is_gate() && !matches!(step, Step::Bake { .. })).cloned().collect::<Vec<_>>();
    strategy.steps = Strategy::zone_by_zone(first).bake_each_zone(each).steps;
    if strategy.on_resize == OnResize::NewFirst {
        strategy.on_resize = OnResize::Proportional;
    }
    strategy.keep_old = Duration::ZERO;
    gates.into_iter().fold(strategy, Strategy::gate)
}
