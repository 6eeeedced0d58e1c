//! What a seed means: each kind of trouble is drawn by a generator of its own, from a stream of its own, so that a new kind shifts nothing
//! that others drew.

mod gates;
mod strategy;
mod zones;

use std::ops::RangeInclusive;

use super::mishaps::{Crash, Moment, Wire};
use super::script::{Cloud, Disturbance, Divides, FleetTerms, Pool, Release, Script, Trouble, Wish};
use crate::fleet::{Drift, Heals};
use crate::memory::Random;
use crate::rollout::{AbortTo, OnFirstFailure, OnResize, Strategy};

/// What is not drawn but given.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) instances: RangeInclusive<u32>,
    pub(super) strategy: Option<Strategy>,
    /// Generators that have something to do in every seed.
    pub(super) always: &'static [&'static str],
}

type Generator = fn(&mut Random, &mut Script);

/// Everything that may go wrong: in one of how many seeds, and what.
const GENERATORS: &[(&str, u32, Generator)] = &[
    ("machines", 3, machines),
    ("capacity", 3, capacity),
    ("sight", 3, sight),
    ("people", 5, people),
    ("wire", 2, wire),
    ("journal", 4, journal),
    ("crashes", 2, crashes),
    ("late", 8, late),
    ("flicker", 8, flicker),
    ("unguarded", 4, unguarded),
    ("stubborn", 20, stubborn),
    ("greed", 15, greed),
    ("dark", 15, dark),
    ("outage", 15, outage),
    ("sleepers", 6, sleepers),
    ("mixed", 25, mixed),
    ("revoked", 25, revoked),
    ("weights", 6, weights),
    ("commands", 6, commands),
    ("successors", 6, successors),
    ("resizes", 6, resizes),
    ("drift", 6, drift),
    ("follows", 12, follows),
    ("kept", 8, kept),
    ("rot", 12, rot),
    ("holds", 6, holds),
    ("hedge", 6, strategy::hedge),
    ("shortage", 8, strategy::shortage),
    ("limits", 8, strategy::limits),
    ("zones", 6, zones::zones),
];

/// The script of a seed.
pub(super) fn script(seed: u64, given: &Given) -> Script {
    let mut script = calm(seed, given);
    let random = &mut Random::named(seed, "pool");
    if random.below(3) == 0 || given.always.contains(&"pool") {
        strategy::pool(random, &mut script, given.strategy.is_some());
    }
    let random = &mut Random::named(seed, "steps");
    let drawn = random.below(3) == 0 || given.always.contains(&"steps");
    if drawn && given.strategy.is_none() {
        strategy::steps(random, &mut script);
    }
    let random = &mut Random::named(seed, "gates");
    if (random.below(4) == 0 || given.always.contains(&"gates")) && given.strategy.is_none() {
        gates::gates(random, &mut script);
    }
    for (name, of, generator) in GENERATORS {
        let random = &mut Random::named(seed, name);
        // Drawn in any case: what is always there is the same as where it is by chance.
        if random.below(*of) == 0 || given.always.contains(name) {
            generator(random, &mut script);
        }
    }
    // A strategy of one's own stays what it is.
    script.strategy = given.strategy.clone().unwrap_or(script.strategy);
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
        pool: None,
    };
    // A provider that replaces what is ill faster than it removes what is named can keep a bad release for ever.
    let cloud = if cloud.heals == Heals::Always { Cloud { operations_take: 0, ..cloud } } else { cloud };
    let fleet = FleetTerms {
        zones: pick(random, &[0, 0, 2, 3]),
        min_ready: pick(random, &[0, 10, 30]),
        boot_deadline: pick(random, &[240, 300, 600]),
        poll: pick(random, &[2, 5, 5, 15]),
        ..FleetTerms::default()
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
    let strategy = given.strategy.clone().unwrap_or_else(|| strategy::rolling(random));
    let mut script = Script {
        seed,
        cloud,
        fleet,
        strategy,
        judge: None,
        rollouts,
        disturbances: Vec::new(),
        wire: None,
        journal: None,
        crashes: Vec::new(),
        fates: Vec::new(),
        kept: None,
    };
    // A strategy of one's own that shifts traffic needs a pool.
    if given.strategy.is_some() && script.strategy.shifts() {
        script.cloud.pool = Some(Pool::new(Divides::Weighted(100), 10));
    }
    // One that is for zones needs some.
    if given.strategy.is_some() && script.fleet.zones < 2 && script.check().is_err() {
        script.fleet.zones = 3;
    }
    // A budget that cannot replace anything is refused when planned; here it gets one more.
    if given.strategy.is_none() && script.check().is_err() {
        script.strategy = script.strategy.max_surge(1);
    }
    script
}

fn pick<T: Copy>(random: &mut Random, of: &[T]) -> T {
    let at = random.below(u32::try_from(of.len()).unwrap_or(u32::MAX));
    #[expect(clippy::indexing_slicing, reason = "`below` is below, and nobody picks from nothing")]
    of[usize::try_from(at).unwrap_or(0)]
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
    disturb(random, script, 4, |random| match random.below(6) {
        0 => Trouble::Sicken(random.below(16), lasting(random)),
        1 => Trouble::Swap(random.below(16), lasting(random)),
        2 => Trouble::Protect(random.below(16), lasting(random)),
        _ => Trouble::Kill(random.below(16)),
    });
}

fn capacity(random: &mut Random, script: &mut Script) {
    disturb(random, script, 2, |random| match random.below(3) {
        0 => Trouble::Capacity(random.below(3), lasting(random)),
        1 => Trouble::LaunchesShort(1 + random.below(2)),
        _ => Trouble::RaisesShort(1 + random.below(2)),
    });
}

fn sight(random: &mut Random, script: &mut Script) {
    disturb(random, script, 3, |random| match random.below(6) {
        0 => Trouble::BlackOutOfNew(lasting(random)),
        1 => Trouble::Lie(lasting(random)),
        2 => Trouble::Partial(lasting(random)),
        3 => Trouble::Silence(lasting(random)),
        _ => Trouble::BlackOut(lasting(random)),
    });
}

fn people(random: &mut Random, script: &mut Script) {
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

fn wire(random: &mut Random, script: &mut Script) {
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

fn journal(random: &mut Random, script: &mut Script) {
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

fn crashes(random: &mut Random, script: &mut Script) {
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

/// Accepted, some short, and late.
fn late(random: &mut Random, script: &mut Script) {
    disturb(random, script, 2, |random| Trouble::LaunchesLate(1 + random.below(2)));
}

/// A replica that lags behind.
fn flicker(random: &mut Random, script: &mut Script) {
    disturb(random, script, 2, |random| Trouble::Flicker(lasting(random)));
}

/// A provider that neither compares nor remembers.
fn unguarded(_: &mut Random, script: &mut Script) {
    script.cloud.unguarded = script.cloud.latency_ms == 0;
}

/// Something that outlasts every deadline.
fn stubborn(random: &mut Random, script: &mut Script) {
    let hours = 3600 * u64::from(1 + random.below(4));
    disturb(random, script, 1, |random| match random.below(5) {
        0 => Trouble::Capacity(0, hours),
        1 => Trouble::BlackOut(hours),
        2 => Trouble::Partial(hours),
        3 => Trouble::Silence(hours),
        _ => Trouble::Protect(random.below(16), hours),
    });
}

/// Somebody wants more than there is.
fn greed(random: &mut Random, script: &mut Script) {
    let (rollout, at) = (script.first_disturbed(), 30 + u64::from(random.below(300)));
    script.disturbances.push(Disturbance::new(rollout, at, Trouble::Capacity(random.below(2), lasting(random))));
    script.disturbances.push(Disturbance::new(rollout, at + 1, Trouble::SetSize(random.below(6), 2 + random.below(7))));
}

/// Machines fall ill, and while they are healed not everybody is seen.
fn dark(random: &mut Random, script: &mut Script) {
    let (rollout, at) = (script.first_disturbed(), u64::from(random.below(200)));
    for nth in 0..=random.below(4) {
        let ill = at + u64::from(20 * nth + random.below(20));
        script.disturbances.push(Disturbance::new(rollout, ill, Trouble::Sicken(random.below(16), lasting(random))));
    }
    let healing = at + 20 + u64::from(random.below(60));
    let what = if random.below(2) == 0 { Trouble::Partial(lasting(random)) } else { Trouble::Silence(lasting(random)) };
    script.disturbances.push(Disturbance::new(rollout, healing, what));
}

/// The process is frozen, another carries on, and the first wakes up.
fn sleepers(random: &mut Random, script: &mut Script) {
    for _ in 0..=random.below(2) {
        let rollout = script.first_disturbed();
        let at = match random.below(2) {
            0 => Moment::Await(random.below(200)),
            _ => Moment::Seconds(u64::from(random.below(900))),
        };
        let down = u64::from(random.below(200));
        script.crashes.push(Crash::new(rollout, at, down).sleeps(down + 1 + u64::from(random.below(200))));
    }
}

/// The process dies, and just before another takes its place machines fall ill.
fn outage(random: &mut Random, script: &mut Script) {
    let (rollout, at) = (script.first_disturbed(), 60 + u64::from(random.below(400)));
    let down = 70 + u64::from(random.below(300));
    script.crashes.push(Crash::new(rollout, Moment::Seconds(at), down));
    for _ in 0..=random.below(3) {
        let ill = at + down - u64::from(random.below(25));
        script.disturbances.push(Disturbance::new(rollout, ill, Trouble::Sicken(random.below(16), lasting(random))));
    }
}

/// A rollout is left half-way, and the next one fails.
fn mixed(random: &mut Random, script: &mut Script) {
    let (rollout, at) = (script.first_disturbed(), 60 + u64::from(random.below(300)));
    script.disturbances.push(Disturbance::new(rollout, at, Trouble::Abort(AbortTo::Mixed)));
    let size = script.rollouts.last().map_or(0, |wish| wish.size);
    let release = pick(random, &[Release::NeverHealthy, Release::NeverBoots]);
    script.rollouts.truncate(rollout + 1);
    script.rollouts.push(Wish::new(size, release));
}

/// Somebody else sets weights, or not all of the pool is seen.
fn weights(random: &mut Random, script: &mut Script) {
    if script.cloud.pool.is_some() {
        disturb(random, script, 2, |random| match random.below(4) {
            0 => Trouble::PartialPool(lasting(random)),
            1 => Trouble::FlickerPool(lasting(random)),
            _ => Trouble::SetWeights(random.below(4), pick(random, &[0, 30, 50, 100])),
        });
    }
}

/// People let it rest, and go on, open gates, and let it try again.
fn commands(random: &mut Random, script: &mut Script) {
    disturb(random, script, 2, |random| match random.below(5) {
        0 | 1 => Trouble::Pause(lasting(random)),
        2 => Trouble::Retry,
        _ => Trouble::Promote,
    });
}

/// What is wanted turns out to be flawed.
fn revoked(random: &mut Random, script: &mut Script) {
    let rollout = script.first_disturbed();
    script.disturbances.push(Disturbance::new(rollout, u64::from(random.below(300)), Trouble::Revoke));
}

/// Rollouts that take the place of those that run.
fn successors(random: &mut Random, script: &mut Script) {
    for wish in script.rollouts.iter_mut().skip(1) {
        let after = u64::from(random.below(500));
        if random.below(2) == 0 {
            *wish = wish.after(after);
        }
    }
}

/// The fleet is resized meanwhile, by one rule or another.
fn resizes(random: &mut Random, script: &mut Script) {
    let then = pick(random, &[OnResize::Proportional, OnResize::NewFirst, OnResize::Freeze]);
    script.strategy = script.strategy.clone().on_resize(then);
    let most = script.instances() + 1;
    disturb(random, script, 2, |random| Trouble::Resize(random.below(most)));
}

/// Somebody changes what is ours, and what follows is one thing or another.
fn drift(random: &mut Random, script: &mut Script) {
    for what in [Drift::Image, Drift::Size, Drift::Generation, Drift::Weights, Drift::Upkeep, Drift::Stranger] {
        if random.below(2) == 0 {
            script.fleet.on_drift.insert(what, pick(random, what.choices()));
        }
    }
    disturb(random, script, 1, changed);
}

fn changed(random: &mut Random) -> Trouble {
    match random.below(5) {
        0 => Trouble::ChangeUpkeep(random.below(6)),
        // One in four is there for longer than a way back may take.
        1 => Trouble::Swap(random.below(16), if random.below(4) == 0 { 9000 } else { lasting(random) }),
        2 => Trouble::SetSize(random.below(6), random.below(8)),
        3 => Trouble::TakeName,
        _ => Trouble::SetWeights(random.below(4), pick(random, &[0, 30, 50, 100])),
    }
}

/// A source says how large the fleet is.
fn follows(random: &mut Random, script: &mut Script) {
    script.fleet.follows = true;
    // Two rollouts at once would each have the source say theirs.
    script.rollouts.iter_mut().for_each(|wish| wish.after = None);
    let most = script.instances() + 1;
    disturb(random, script, 2, |random| Trouble::Resize(random.below(most)));
}

/// After the last rollout it is kept, whatever happens to it.
fn kept(random: &mut Random, script: &mut Script) {
    let (after, most) = (script.rollouts.len(), script.instances() + 1);
    script.kept = Some(u64::from(random.below(1200)));
    for _ in 0..random.below(4) {
        let at = u64::from(random.below(900));
        let what = match random.below(8) {
            0 | 1 => Trouble::Kill(random.below(16)),
            2 => Trouble::Sicken(random.below(16), lasting(random)),
            3 => Trouble::BlackOut(lasting(random)),
            4 => Trouble::Flicker(lasting(random)),
            5 if script.fleet.follows => Trouble::Resize(random.below(most)),
            6 => Trouble::DeleteGroup(random.below(6)),
            _ => changed(random),
        };
        script.disturbances.push(Disturbance::new(after, at, what));
    }
    if random.below(3) == 0 {
        script.crashes.push(Crash::new(after, Moment::Seconds(u64::from(random.below(900))), u64::from(random.below(300))));
    }
}

/// What is proven works no more.
fn rot(random: &mut Random, script: &mut Script) {
    let (rollout, at) = (script.first_disturbed(), u64::from(random.below(300)));
    // What is replaced faster than it can be removed is there for ever.
    script.cloud.operations_take = if script.cloud.heals == Heals::Never { script.cloud.operations_take } else { 0 };
    script.disturbances.push(Disturbance::new(rollout, at, Trouble::Rot(60 + u64::from(random.below(7200)))));
}

/// Of a first release that fails a person is asked.
fn holds(_: &mut Random, script: &mut Script) {
    script.strategy = script.strategy.clone().on_first_failure(OnFirstFailure::Hold);
}
