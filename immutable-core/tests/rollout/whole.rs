//! Properties of whole rollouts: whatever the fleet, the budget, the releases, the faults and the crashes, the oracle finds nothing, and
//! the end is one that the script allows.

use immutable_core::Outcome;
use immutable_core::fleet::Heals;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::world::{Drop, Fate, Fog, Part, Script, World};

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![(0..4u32).prop_map(Part::Count), (0..=100u32).prop_map(Part::Percent)]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![4 => Just(Fate::Good), 1 => Just(Fate::NeverHealthy), 1 => Just(Fate::NeverBoots)]
}

fn quiet() -> impl Strategy<Value = Script> {
    let world = (
        any::<u64>(),
        0..3usize,
        9..200u64,
        0..40u64,
        prop_oneof![Just(0u64), 1..4000u64],
        prop_oneof![3 => Just(0u64), 1 => 1..90u64],
    );
    let rollouts = proptest::collection::vec((0..8u32, fate()), 1..4);
    (world, part(), part(), rollouts)
        .prop_map(|((seed, zones, boot, min_ready, latency_ms, operations_take), surge, unavailable, rollouts)| Script {
            seed,
            surge,
            unavailable,
            zones: if zones == 1 { 0 } else { zones },
            boot,
            min_ready,
            latency_ms,
            operations_take,
            heals: Heals::Switchable,
            rollouts,
            kills: Vec::new(),
            spare: None,
            short: 0,
            fogs: Vec::new(),
            drops: Vec::new(),
        })
        .prop_filter("the budget can replace nothing", Script::works)
}

fn drops() -> impl Strategy<Value = Vec<Drop>> {
    let drop = prop_oneof![(0..40u32).prop_map(Drop::Polls), (0..300u32).prop_map(Drop::Seconds)];
    proptest::collection::vec(drop, 0..8)
}

fn disturbed() -> impl Strategy<Value = Script> {
    let kills = proptest::collection::vec((0..900u64, 0..16usize), 0..5);
    let fog = prop_oneof![Just(Fog::Health), Just(Fog::NewHealth), Just(Fog::Half), Just(Fog::Zone)];
    let fogs = proptest::collection::vec((0..900u64, 1..200u64, fog), 0..4);
    let heals = prop_oneof![Just(Heals::Never), Just(Heals::Always), Just(Heals::Switchable)];
    (quiet(), heals, kills, proptest::option::of(0..5u32), 0..3u32, fogs, drops())
        .prop_map(|(script, heals, kills, spare, short, fogs, drops)| Script {
            heals,
            kills,
            spare,
            short,
            fogs,
            drops,
            ..script
        })
        // A provider that replaces what is ill faster than it removes what is named can keep a bad release for ever.
        .prop_filter("nothing converges", |script| script.heals != Heals::Always || script.operations_take == 0)
}

fn check(cases: u32, scripts: impl Strategy<Value = Script>, judge: impl Fn(Script) -> Result<(), String>) {
    let cases = std::env::var("CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    let max_shrink_iters = Config::default().max_shrink_iters.min(300);
    let config = Config { cases, failure_persistence: None, max_shrink_iters, ..Config::default() };
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7u8);
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]));
    let result = runner.run(&scripts, |script| judge(script).map_err(TestCaseError::fail));
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn undisturbed_they_end_as_their_releases_deserve() {
    check(150, quiet(), |script| World::new(&script).play().map(drop));
}

#[test]
fn crashed_at_any_await_they_end_the_same() {
    let scripts = (quiet(), drops()).prop_map(|(script, drops)| Script { drops, ..script });
    check(150, scripts, |script| {
        let whole = World::new(&Script { drops: Vec::new(), ..script.clone() }).play()?;
        let crashed = World::new(&script).play()?;
        let same = whole.outcomes == crashed.outcomes;
        let launched = crashed.launched <= whole.launched;
        if same && launched {
            Ok(())
        } else {
            Err(format!("{:?} {} after {:?} {}", crashed.outcomes, crashed.launched, whole.outcomes, whole.launched))
        }
    });
}

#[test]
fn disturbed_they_keep_every_promise_and_end() {
    check(150, disturbed(), |script| World::new(&script).play().map(drop));
}

#[test]
fn the_same_seed_and_script_give_the_same_journal_byte_for_byte() {
    check(20, disturbed(), |script| {
        let (one, other) = (World::new(&script).play()?, World::new(&script).play()?);
        let records: usize = one.journal.iter().map(|(_, bytes)| bytes.len()).sum();
        if one.journal == other.journal && records > 1000 { Ok(()) } else { Err("two journals".to_owned()) }
    });
}

#[test]
fn another_seed_gives_another_journal() {
    let script = |seed| Script { seed, ..example() };
    let journal = |seed| World::new(&script(seed)).play().unwrap().journal;
    assert_ne!(journal(1), journal(2));
}

fn example() -> Script {
    Script {
        seed: 7,
        surge: Part::Count(1),
        unavailable: Part::Count(0),
        zones: 0,
        boot: 90,
        min_ready: 10,
        latency_ms: 300,
        operations_take: 0,
        heals: Heals::Switchable,
        rollouts: vec![(3, Fate::Good), (3, Fate::NeverHealthy), (5, Fate::Good)],
        kills: Vec::new(),
        spare: None,
        short: 0,
        fogs: Vec::new(),
        drops: Vec::new(),
    }
}

#[test]
fn one_by_hand() {
    let played = World::new(&example()).play().unwrap();
    assert_eq!(played.outcomes, [Outcome::Succeeded, Outcome::RolledBack, Outcome::Succeeded]);
}
