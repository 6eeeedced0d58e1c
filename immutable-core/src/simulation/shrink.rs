//! Less of everything, as long as the same promise is broken.

use std::time::Duration;

use super::mishaps::Wire;
use super::script::{Release, Script, Wish};
use super::{Failure, Simulation};
use crate::fleet::Heals;
use crate::rollout::Strategy;

/// How many runs it may take.
const RUNS: usize = 2_000;

pub(super) fn shrink(simulation: &Simulation, failure: Box<Failure>) -> Box<Failure> {
    let mut best = failure;
    let mut runs = 0;
    loop {
        let smaller = candidates(&best.script).into_iter().filter(|script| script.check().is_ok()).find_map(|script| {
            runs += 1;
            let failed = (runs < RUNS).then(|| simulation.play(&script, best.patience).err()).flatten()?;
            (failed.breach.rule == best.breach.rule).then_some(failed)
        });
        match smaller {
            Some(smaller) => best = smaller,
            None => return best,
        }
    }
}

/// Every script that is this one with one thing less, the largest steps first.
fn candidates(script: &Script) -> Vec<Script> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Script)| {
        let mut smaller = script.clone();
        change(&mut smaller);
        if smaller != *script {
            all.push(smaller);
        }
    };
    for keep in 1..script.rollouts.len() {
        with(&|script| script.rollouts.truncate(keep));
    }
    with(&|script| script.disturbances.clear());
    with(&|script| script.crashes.clear());
    with(&|script| script.kept = None);
    with(&|script| script.fleet.follows = false);
    with(&|script| script.fleet.on_drift.clear());
    with(&|script| script.wire = None);
    with(&|script| script.journal = None);
    for at in 0..script.disturbances.len() {
        with(&|script| {
            script.disturbances.remove(at);
        });
    }
    for at in 0..script.crashes.len() {
        with(&|script| {
            script.crashes.remove(at);
        });
    }
    for at in 0..script.fates.len() {
        with(&|script| {
            script.fates.remove(at);
        });
    }
    for clear in QUIETER {
        with(&|script| script.wire.iter_mut().for_each(clear));
        with(&|script| script.journal.iter_mut().for_each(clear));
    }
    with(&|script| script.rollouts.iter_mut().for_each(|wish| wish.size /= 2));
    for at in 0..script.rollouts.len() {
        let change = |script: &mut Script, change: fn(&mut Wish)| script.rollouts.get_mut(at).into_iter().for_each(change);
        with(&|script| change(script, |wish| wish.size = wish.size.saturating_sub(1)));
        with(&|script| change(script, |wish| wish.release = Release::Good));
    }
    for at in 0..script.strategy.steps.len() {
        with(&|script| {
            script.strategy.steps.remove(at);
        });
    }
    with(&|script| script.strategy.steps = Strategy::rolling().steps);
    with(&|script| script.strategy.max_unavailable_per_zone = None);
    with(&|script| script.strategy.keep_old = Duration::ZERO);
    with(&|script| script.judge = None);
    with(&|script| script.cloud.pool = None);
    with(&|script| script.cloud.pool.iter_mut().for_each(|pool| pool.settle = 0));
    with(&|script| script.cloud.latency_ms = 0);
    with(&|script| script.cloud.operations_take = 0);
    with(&|script| script.cloud.drain = 0);
    with(&|script| script.cloud.heals = Heals::Never);
    with(&|script| script.cloud.boot.1 = script.cloud.boot.0);
    with(&|script| script.fleet.zones = 0);
    with(&|script| script.fleet.min_ready = 0);
    with(&|script| script.crashes.iter_mut().for_each(|crash| crash.down /= 2));
    with(&|script| script.wire.iter_mut().chain(&mut script.journal).for_each(|wire| wire.until /= 2));
    all
}

/// Each kind of fault of a wire taken away.
const QUIETER: [fn(&mut Wire); 9] = [
    |wire| wire.error = 0,
    |wire| wire.throttled = 0,
    |wire| wire.lost_request = 0,
    |wire| wire.lost_reply = 0,
    |wire| wire.late = 0,
    |wire| wire.doubled = 0,
    |wire| wire.slow = 0,
    |wire| wire.stale = 0,
    |wire| wire.partial = 0,
];
