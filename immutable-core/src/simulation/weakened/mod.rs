//! Each rule weakened on purpose, and caught: the table of what an engine, a provider or a journal may do wrong, and the oracle that says so.

mod ports;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::expect::Patience;
use super::{Breach, Divides, Pool, Release, Script, Simulation, Wire, Wish};
use crate::fleet::Heals;
use crate::rollout::decide::weakened::engines;

/// In how many seeds one must be caught.
const SEEDS: u64 = 2_000;

/// What is changed in a script after it was drawn.
type Change = fn(&mut Script);

/// A simulation of something that breaks a rule.
struct Weak {
    name: &'static str,
    rule: u8,
    caught_by: &'static str,
    simulation: Simulation,
    change: Change,
}

/// Where a rule that is not broken in any world is broken soonest: the generators that are at work in every seed, and what they cannot draw.
const WEATHER: &[(&str, &[&str], Change)] = &[
    ("forgets what owed calls ask for", &[], requests_are_lost),
    ("forgets the reported size", &["greed"], slowly_zone_by_zone),
    ("raises on partial views", &["dark", "wire"], |_| {}),
    ("forgets the earlier whole view", &["dark", "wire"], |_| {}),
    ("takes unknown for down", &["sight"], |_| {}),
    ("takes a broken floor for none", &["machines", "sight"], |_| {}),
    ("names anybody", &["machines"], |_| {}),
    ("takes any image for its own", &["machines"], |_| {}),
    ("goes back to what was there last", &["mixed"], |_| {}),
    ("sends again blindly", &["outage"], requests_are_lost),
    ("waits for no echo", &[], copies_come_late),
    ("takes a name for a machine", &["machines"], |_| {}),
    ("goes back for as long as it takes", &["stubborn"], |_| {}),
    ("succeeds without reading back", &["wire"], |_| {}),
    ("succeeds on a part", &["wire"], |_| {}),
    ("never gives up a slot", &["capacity"], |_| {}),
    ("lets corpses fill the ceiling", &["rot"], crash_loops),
    ("raises what was revoked", &["revoked"], |_| {}),
    ("forgets the share that was in force", &["pool"], slowly_in_force),
    ("takes a route for settled", &["pool"], slowly_in_force),
    ("counts who is not attached", &["pool", "weights"], pooled),
    ("gives some parts too many", &["pool"], |_| {}),
    ("routes to one with none", &["pool"], |_| {}),
    ("takes weights of others for its own", &["pool", "weights"], |_| {}),
    ("retires without a drain", &["pool"], |_| {}),
    ("opens every gate at once", &["steps"], |_| {}),
    ("bakes on whoever is lost", &["steps", "machines"], |_| {}),
    ("keeps nobody", &["steps"], |_| {}),
    ("launches before the others have left", &["steps"], |_| {}),
    ("counts a hedge twice", &["hedge"], |_| {}),
    ("takes every boot for a slow one", &["hedge"], |_| {}),
    ("hedges the probe", &["hedge"], |_| {}),
    ("goes elsewhere where it is to wait", &["shortage"], |_| {}),
    ("waits for who does not leave", &[], leaving_takes_an_hour),
    ("takes as long as it takes", &[], it_has_less_time_than_it_takes),
    ("forgets the floor of a zone", &["zones"], |_| {}),
    ("routes whatever is left in a zone", &["zones", "pool", "steps"], |_| {}),
    ("launches in every zone at once", &["zones"], |_| {}),
    ("retires before a zone's turn", &["zones"], |_| {}),
];

/// Groups have leavers for long, and not all at the same time.
fn slowly_zone_by_zone(script: &mut Script) {
    (script.fleet.zones, script.cloud.drain) = (2, 90);
    script.strategy = script.strategy.clone().max_surge(1).max_unavailable(1);
    script.rollouts.iter_mut().for_each(|wish| *wish = Wish::new(wish.size.max(4), Release::Good));
}

/// Every other call is done once more, long after it was answered, by a provider that does not compare.
fn copies_come_late(script: &mut Script) {
    (script.cloud.unguarded, script.cloud.latency_ms) = (true, 0);
    script.wire = Some(Wire { late: 250, doubled: 250, until: 3600, late_by: 60, ..Wire::default() });
}

/// Who is sent away is there for longer than is waited for anybody.
fn leaving_takes_an_hour(script: &mut Script) {
    script.cloud.drain = 3600;
    let minutes = |minutes: u64| std::time::Duration::from_secs(60 * minutes);
    script.strategy = script.strategy.clone().progress_deadline(minutes(300)).rollback_deadline(minutes(300));
}

/// It bakes for longer than the whole rollout may take.
fn it_has_less_time_than_it_takes(script: &mut Script) {
    let minutes = |minutes: u64| std::time::Duration::from_secs(60 * minutes);
    script.strategy = script.strategy.clone().bake(minutes(60)).rollout_deadline(minutes(20));
}

/// A route is in force only after a while.
fn slowly_in_force(script: &mut Script) {
    script.cloud.pool.iter_mut().for_each(|pool| pool.settle = 45);
}

/// What does not work is replaced at once, and who leaves takes long to go.
fn crash_loops(script: &mut Script) {
    (script.cloud.heals, script.cloud.boot, script.cloud.drain) = (Heals::Switchable, (10, 60), 300);
    let an_hour = std::time::Duration::from_secs(3600);
    script.strategy = script.strategy.clone().max_surge(1).max_unavailable(0).leave_deadline(an_hour);
    script.rollouts.iter_mut().for_each(|wish| *wish = Wish::new(6, Release::Good));
}

/// Others take generations out of a pool in which all are together.
fn pooled(script: &mut Script) {
    script.cloud.pool = Some(Pool::new(Divides::Pooled, 45));
}

/// A call stays owed for long.
fn requests_are_lost(script: &mut Script) {
    script.wire = Some(Wire { lost_request: 700, until: 3600, late_by: 5, ..Wire::default() });
    (script.cloud.boot, script.cloud.heals, script.fleet.poll) = ((5, 15), Heals::Never, 2);
    (script.fleet.min_ready, script.cloud.operations_take) = (0, 0);
    script.rollouts.iter_mut().for_each(|wish| *wish = Wish::new(6, Release::Good));
}

fn all() -> Vec<Weak> {
    let simulation = || Simulation::new().instances(1..=6);
    let engines = engines().map(|engine| {
        let simulation = Simulation { decide: engine.decide, ..simulation() };
        Weak { name: engine.name, rule: engine.rule, caught_by: engine.caught_by, simulation, change: |_| {} }
    });
    let mut all: Vec<_> = engines.chain(ports::weakened(simulation)).collect();
    for weak in &mut all {
        if let Some((_, always, change)) = WEATHER.iter().find(|(name, ..)| *name == weak.name) {
            (weak.simulation.given.always, weak.change) = (*always, *change);
        }
    }
    all.sort_by_key(|weak| weak.rule);
    all
}

/// How many seeds it took until the oracle spoke that must, and what it said; of the sound engine in the same world nothing is said.
fn caught(weak: &Weak) -> Option<(u64, Breach)> {
    let sound = Simulation::new();
    (0..SEEDS).find_map(|seed| {
        let mut script = weak.simulation.script(seed);
        (weak.change)(&mut script);
        // What is kept afterwards takes long, and shows nothing that a rollout does not.
        script.kept = None;
        [Patience::Configured, Patience::Infinite].into_iter().find_map(|patience| {
            let breach = weak.simulation.breaks(&script, patience).filter(|breach| breach.rule == weak.caught_by)?;
            sound.breaks(&script, patience).is_none().then_some((seed + 1, breach))
        })
    })
}

#[test]
fn each_weakened_rule_is_caught() {
    let all = all();
    let (next, judged) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(weak) = all.get(at) else { return };
                    let caught = caught(weak);
                    judged.lock().unwrap().insert(at, caught);
                }
            });
        }
    });
    let judged = judged.into_inner().unwrap();
    println!("rule  {:40} {:12} seeds", "weakened", "caught by");
    for (weak, caught) in all.iter().zip(judged.values()) {
        let seeds = caught.as_ref().map_or_else(|| "never".to_owned(), |(seeds, breach)| format!("{seeds:5}  {}", breach.why));
        println!("{:4}  {:40} {:12} {seeds}", weak.rule, weak.name, weak.caught_by);
    }
    let uncaught = all.iter().zip(judged.values()).filter(|(_, caught)| caught.is_none());
    let uncaught: Vec<_> = uncaught.map(|(weak, _)| (weak.rule, weak.name, weak.caught_by)).collect();
    assert!(uncaught.is_empty(), "not caught in {SEEDS} seeds: {uncaught:?}");
}

#[test]
fn every_rule_that_can_be_broken_is_and_every_weather_is_somebodys() {
    let all = all();
    for rule in 2..=14 {
        assert!(all.iter().any(|weak| weak.rule == rule), "rule {rule} is nowhere weakened");
    }
    for (name, ..) in WEATHER {
        assert!(all.iter().any(|weak| weak.name == *name), "nothing is called `{name}`");
    }
}
