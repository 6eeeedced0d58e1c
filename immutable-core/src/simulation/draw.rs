//! What a seed means: each kind of trouble is drawn by a generator of its own, from a stream of its own, so that a new kind shifts nothing
//! that others drew.

use std::ops::RangeInclusive;

use super::mishaps::{Crash, Moment, Wire};
use super::script::{Cloud, Disturbance, FleetTerms, Release, Script, Trouble, Wish};
use crate::fleet::Heals;
use crate::memory::Random;
use crate::rollout::{AbortTo, Amount, Strategy};

/// What is not drawn but given.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) instances: RangeInclusive<u32>,
    pub(super) strategy: Option<Strategy>,
}

type Generator = fn(&mut Random, &mut Script);

/// Everything that may go wrong.
const GENERATORS: &[(&str, Generator)] = &[
    ("machines", machines),
    ("capacity", capacity),
    ("sight", sight),
    ("people", people),
    ("wire", wire),
    ("journal", journal),
    ("crashes", crashes),
    ("late", late),
    ("flicker", flicker),
    ("unguarded", unguarded),
];

/// The script of a seed.
pub(super) fn script(seed: u64, given: &Given) -> Script {
    let mut script = calm(seed, given);
    for (name, generator) in GENERATORS {
        generator(&mut Random::named(seed, name), &mut script);
    }
    script
}

/// A world in which nothing goes wrong but releases.
fn calm(seed: u64, given: &Given) -> Script {
    let random = &mut Random::named(seed, "world");
    let boot = 5 + u64::from(random.below(80));
    let cloud = Cloud {
        boot: (boot, boot + u64::from(random.below(120))),
        drain: pick(random, &[0, 5, 20, 90]),
        latency_ms: pick(random, &[0, 0, 200, 3000]),
        operations_take: pick(random, &[0, 0, 0, 10, 70]),
        heals: pick(random, &[Heals::Switchable, Heals::Switchable, Heals::Never, Heals::Always]),
        unguarded: false,
    };
    // A provider that replaces what is ill faster than it removes what is named can keep a bad release for ever.
    let cloud = if cloud.heals == Heals::Always { Cloud { operations_take: 0, ..cloud } } else { cloud };
    let fleet = FleetTerms {
        zones: pick(random, &[0, 0, 2, 3]),
        min_ready: pick(random, &[0, 10, 30]),
        boot_deadline: pick(random, &[240, 300, 600]),
        poll: pick(random, &[2, 5, 5, 15]),
    };
    let sizes = given.instances.clone();
    let size = |random: &mut Random| sizes.start() + random.below(sizes.end().saturating_sub(*sizes.start()).saturating_add(1));
    let first = size(random);
    let mut rollouts = vec![Wish::new(first, Release::Good)];
    if random.below(12) == 0 {
        rollouts = vec![Wish::new(first, pick(random, &[Release::NeverHealthy, Release::NeverBoots]))];
    }
    for _ in 0..1 + random.below(2) {
        let release = pick(
            random,
            &[
                Release::Good,
                Release::Good,
                Release::Good,
                Release::Good,
                Release::NeverHealthy,
                Release::NeverBoots,
                Release::Again,
            ],
        );
        let resized = random.below(3) == 0 || release == Release::Again;
        rollouts.push(Wish::new(if resized { size(random) } else { first }, release));
    }
    let strategy = given.strategy.clone().unwrap_or_else(|| drawn(random));
    let mut script = Script {
        seed,
        cloud,
        fleet,
        strategy,
        rollouts,
        disturbances: Vec::new(),
        wire: None,
        journal: None,
        crashes: Vec::new(),
        fates: Vec::new(),
    };
    // A budget that cannot replace anything is refused when planned; here it gets one more.
    if given.strategy.is_none() && script.check().is_err() {
        script.strategy = script.strategy.max_surge(1);
    }
    script
}

fn drawn(random: &mut Random) -> Strategy {
    let amount = |random: &mut Random| match random.below(3) {
        0 => Amount::percent(pick(random, &[10, 25, 50, 100])),
        _ => Amount::Count(random.below(4)),
    };
    let minutes =
        |random: &mut Random, least: u32, more: u32| std::time::Duration::from_secs(60 * u64::from(least + random.below(more)));
    Strategy::rolling()
        .max_surge(amount(random))
        .max_unavailable(amount(random))
        .max_failed(pick(random, &[Amount::Count(0), Amount::Count(1), Amount::percent(25)]))
        .probe_attempts(1 + random.below(2))
        .progress_deadline(minutes(random, 12, 30))
        .rollback_deadline(minutes(random, 20, 60))
}

fn pick<T: Copy>(random: &mut Random, of: &[T]) -> T {
    let at = random.below(u32::try_from(of.len()).unwrap_or(u32::MAX));
    #[expect(clippy::indexing_slicing, reason = "`below` is below, and nobody picks from nothing")]
    of[usize::try_from(at).unwrap_or(0)]
}

/// Whether a generator has anything to do with this seed.
fn some(random: &mut Random, of: u32) -> bool {
    random.below(of) == 0
}

/// Adds up to `most` disturbances of one kind.
fn disturb(random: &mut Random, script: &mut Script, most: u32, draw: impl Fn(&mut Random) -> Trouble) {
    for _ in 0..=random.below(most) {
        let first = script.first_disturbed();
        let rollout = first + usize::try_from(random.below(2)).unwrap_or(0);
        let rollout = rollout.min(script.rollouts.len().saturating_sub(1));
        let at = u64::from(random.below(900));
        let what = draw(random);
        script.disturbances.push(Disturbance::new(rollout, at, what));
    }
}

fn lasting(random: &mut Random) -> u64 {
    5 + u64::from(match random.below(4) {
        0 => random.below(900),
        _ => random.below(180),
    })
}

fn machines(random: &mut Random, script: &mut Script) {
    if some(random, 3) {
        disturb(random, script, 4, |random| match random.below(6) {
            0 => Trouble::Sicken(random.below(16), lasting(random)),
            1 => Trouble::Swap(random.below(16), lasting(random)),
            2 => Trouble::Protect(random.below(16), lasting(random)),
            _ => Trouble::Kill(random.below(16)),
        });
    }
}

fn capacity(random: &mut Random, script: &mut Script) {
    if some(random, 3) {
        disturb(random, script, 2, |random| match random.below(3) {
            0 => Trouble::Capacity(random.below(3), lasting(random)),
            1 => Trouble::LaunchesShort(1 + random.below(2)),
            _ => Trouble::RaisesShort(1 + random.below(2)),
        });
    }
}

fn sight(random: &mut Random, script: &mut Script) {
    if some(random, 3) {
        disturb(random, script, 3, |random| match random.below(6) {
            0 => Trouble::BlackOutOfNew(lasting(random)),
            1 => Trouble::Lie(lasting(random)),
            2 => Trouble::Partial(lasting(random)),
            3 => Trouble::Silence(lasting(random)),
            _ => Trouble::BlackOut(lasting(random)),
        });
    }
}

fn people(random: &mut Random, script: &mut Script) {
    if some(random, 5) {
        // What somebody makes of a release that never works is replaced faster than slow operations remove it, where the cloud heals.
        let slow = script.cloud.operations_take > 0 && script.cloud.heals != Heals::Never;
        disturb(random, script, 1, |random| match random.below(if slow { 6 } else { 8 }) {
            0 => Trouble::DeleteGroup(random.below(6)),
            1 => Trouble::TakeName,
            2 => Trouble::Revoke,
            3 => Trouble::Abort(AbortTo::Back),
            4 => Trouble::Abort(AbortTo::Mixed),
            5 => Trouble::Abort(AbortTo::Nothing),
            _ => Trouble::SetSize(random.below(6), random.below(8)),
        });
    }
}

fn wire(random: &mut Random, script: &mut Script) {
    if some(random, 2) {
        let mut often = |most: u32| if random.below(2) == 0 { 0 } else { random.below(most) };
        script.wire = Some(Wire {
            error: often(100),
            throttled: often(200),
            lost_request: often(200),
            lost_reply: often(200),
            late: often(200),
            doubled: often(200),
            slow: often(300),
            stale: often(400),
            partial: often(300),
            until: 60 + u64::from(random.below(3000)),
            late_by: pick(random, &[5, 20, 60]),
            stale_by: pick(random, &[10, 60]),
        });
    }
}

fn journal(random: &mut Random, script: &mut Script) {
    if some(random, 4) {
        let mut often = |most: u32| if random.below(2) == 0 { 0 } else { random.below(most) };
        script.journal = Some(Wire {
            error: often(50),
            throttled: often(100),
            lost_request: often(100),
            lost_reply: often(200),
            late: often(200),
            doubled: often(200),
            slow: often(100),
            until: 60 + u64::from(random.below(3000)),
            late_by: pick(random, &[1, 10]),
            ..Wire::default()
        });
    }
}

fn crashes(random: &mut Random, script: &mut Script) {
    if some(random, 2) {
        for _ in 0..=random.below(4) {
            let rollout = script.first_disturbed();
            let at = match random.below(4) {
                0 => Moment::Before(random.below(120)),
                1 => Moment::After(random.below(120)),
                2 => Moment::Await(random.below(200)),
                _ => Moment::Seconds(u64::from(random.below(1200))),
            };
            let down = match random.below(8) {
                0 => u64::from(random.below(4 * 3600)),
                1 | 2 => u64::from(random.below(300)),
                _ => u64::from(random.below(30)),
            };
            script.crashes.push(Crash::new(rollout, at, down));
        }
    }
}

/// Accepted, some short, and late.
fn late(random: &mut Random, script: &mut Script) {
    if some(random, 8) {
        disturb(random, script, 2, |random| Trouble::LaunchesLate(1 + random.below(2)));
    }
}

/// A replica that lags behind.
fn flicker(random: &mut Random, script: &mut Script) {
    if some(random, 8) {
        disturb(random, script, 2, |random| Trouble::Flicker(lasting(random)));
    }
}

/// A provider that neither compares nor remembers.
fn unguarded(random: &mut Random, script: &mut Script) {
    script.cloud.unguarded = some(random, 4) && script.cloud.latency_ms == 0;
}
