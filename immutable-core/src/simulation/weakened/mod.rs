//! Each rule weakened on purpose, and caught: the table of what an engine, a provider or a journal may do wrong, and the oracle that says so.

mod ports;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::expect::Patience;
use super::{Breach, Simulation};
use crate::rollout::decide::weakened::engines;

/// In how many seeds one must be caught.
const SEEDS: u64 = 150;

/// A simulation of something that breaks a rule.
struct Weak {
    name: &'static str,
    rule: u8,
    caught_by: &'static str,
    simulation: Simulation,
}

/// What came of it: how many seeds until the oracle spoke that must, or what others said.
struct Outcome {
    caught: Option<(u64, Breach)>,
    others: Vec<(u64, &'static str)>,
}

fn all() -> Vec<Weak> {
    let simulation = || Simulation::new().instances(0..=5);
    let engines = engines().map(|engine| {
        let simulation = Simulation { decide: engine.decide, ..simulation() };
        Weak { name: engine.name, rule: engine.rule, caught_by: engine.caught_by, simulation }
    });
    let mut all: Vec<_> = engines.chain(ports::weakened(simulation)).collect();
    all.sort_by_key(|weak| weak.rule);
    all
}

fn judge(weak: &Weak) -> Outcome {
    let mut others = Vec::new();
    for seed in 0..SEEDS {
        let script = weak.simulation.script(seed);
        for patience in [Patience::Configured, Patience::Infinite] {
            match weak.simulation.breaks(&script, patience) {
                Some(breach) if breach.rule == weak.caught_by => return Outcome { caught: Some((seed + 1, breach)), others },
                Some(breach) if others.iter().all(|(_, rule)| *rule != breach.rule) => others.push((seed + 1, breach.rule)),
                _ => {}
            }
        }
    }
    Outcome { caught: None, others }
}

#[test]
fn each_weakened_rule_is_caught() {
    let all = all();
    let (next, judged) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let only = std::env::var("WEAK").unwrap_or_default();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((at, weak)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, all.get(at)?))) {
                    if !weak.name.contains(&only) {
                        continue;
                    }
                    let begin = std::time::Instant::now();
                    let outcome = judge(weak);
                    println!(
                        "{:2} {:40} {:12} {:?} others {:?} in {:.1?}",
                        weak.rule,
                        weak.name,
                        weak.caught_by,
                        outcome.caught.as_ref().map(|(s, b)| (s, &b.why)),
                        outcome.others,
                        begin.elapsed()
                    );
                    judged.lock().unwrap_or_else(PoisonError::into_inner).push((at, outcome));
                }
            });
        }
    });
    let mut judged = judged.into_inner().unwrap_or_else(PoisonError::into_inner);
    judged.sort_by_key(|(at, _)| *at);
    let mut uncaught = Vec::new();
    for (weak, (_, outcome)) in all.iter().zip(&judged) {
        let caught = outcome.caught.as_ref().map_or_else(|| "-".to_owned(), |(seeds, _)| seeds.to_string());
        println!("{:2}  {:40} {:12} {caught:>5}", weak.rule, weak.name, weak.caught_by);
        if outcome.caught.is_none() {
            uncaught.push(weak.name);
        }
    }
    assert!(uncaught.is_empty(), "nobody caught in {SEEDS} seeds: {uncaught:?}");
}

#[test]
fn every_rule_that_can_be_broken_is() {
    for rule in 2..=14 {
        assert!(all().iter().any(|weak| weak.rule == rule), "rule {rule} is nowhere weakened");
    }
}
