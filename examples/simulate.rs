//! Plays simulated rollouts, one world a seed, and says which of them broke a promise.
//!
//! ```text
//! cargo run --release --example simulate -- --seeds 20000
//! cargo run --release --example simulate -- --seed 1234 --seeds 1
//! cargo run --release --example simulate -- --sweep --instances 1..6
//! ```

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clap::Parser;
use immutable_core::simulation::{Failure, Patience, Script, Simulation, Swept, Work, outcomes};

/// A simulation is many small pieces of memory, each held for a moment: with the system's allocator it is a tenth slower.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Play simulated rollouts in which everything goes wrong, and check that no promise is broken.
#[derive(Parser)]
struct Args {
    /// How many seeds are played, each with its deadlines and without.
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,
    /// How many instances the fleets have: `6`, or from and to, `0..8`.
    #[arg(long, default_value = "0..8", value_name = "N..M", value_parser = range)]
    instances: RangeInclusive<u32>,
    /// How many seeds are played at once; as many as there are cores, without.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Play this script, as a failed seed has printed it, in place of seeds.
    #[arg(long, value_name = "JSON", value_parser = script, conflicts_with_all = ["seeds", "seed", "instances"])]
    script: Option<Script>,
    /// In place of seeds, play scripts in which nothing goes wrong, once for every call and everything that can happen to it.
    #[arg(long, conflicts_with_all = ["seeds", "seed", "script"])]
    sweep: bool,
    /// Print what failed as it is, without looking for something shorter that fails in the same way.
    #[arg(long)]
    whole: bool,
}

fn script(text: &str) -> Result<Script, String> {
    text.parse::<Script>().map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        format!("{error}{}", cause.unwrap_or_default())
    })
}

fn range(text: &str) -> Result<RangeInclusive<u32>, String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let number = |text: &str| text.trim_start_matches('=').parse::<u32>();
    match (number(from), number(to)) {
        (Ok(from), Ok(to)) if from <= to && to <= 10_000 => Ok(from..=to),
        (Ok(from), Ok(to)) if from > to => Err(format!("{from} is more than {to}; write the smaller first: {to}..{from}")),
        (Ok(_), Ok(_)) => Err("at most 10000 instances".to_owned()),
        _ => Err("write a number, or from and to: 0..8".to_owned()),
    }
}

/// What came of all seeds so far.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: Vec<Failure>,
    outcomes: BTreeMap<&'static str, u64>,
    work: Work,
}

/// After so many failures there is nothing new to learn.
const FAILURES: usize = 10;

fn main() -> ExitCode {
    let args = Args::parse();
    let start = Instant::now();
    let simulation = Simulation::new().instances(args.instances.clone());
    if args.sweep {
        return sweep(&simulation, &args, start);
    }
    let tally = match &args.script {
        Some(script) => play(&simulation, script),
        None => seeds(&simulation, &args),
    };
    for failure in &tally.failed {
        let short = Box::new(failure.clone());
        let short = if args.whole { short } else { simulation.shrink(short) };
        println!("{short}");
    }
    let most = tally.outcomes.values().max().copied().unwrap_or(1);
    for (outcome, count) in &tally.outcomes {
        let bar = "#".repeat(usize::try_from((count * 40).div_ceil(most)).unwrap_or(0));
        println!("{outcome:>30} {count:>8} {bar}");
    }
    let done = tally.work.decisions + tally.work.deliveries;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{} decisions and {} deliveries in {seconds:.1} s, {:.0} a second",
        tally.work.decisions,
        tally.work.deliveries,
        done as f64 / seconds.max(0.001)
    );
    println!("{} passed, {} failed", tally.passed, tally.failed.len());
    if tally.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One script, with its deadlines and without.
fn play(simulation: &Simulation, script: &Script) -> Tally {
    let mut tally = Tally::default();
    for patience in [Patience::Configured, Patience::Infinite] {
        match simulation.play(script, patience) {
            Ok(played) => {
                tally.work += played.work;
                outcomes(&played).into_iter().for_each(|outcome| *tally.outcomes.entry(outcome).or_default() += 1);
            }
            Err(failure) => tally.failed.push(*failure),
        }
    }
    tally.passed = u64::from(tally.failed.is_empty());
    tally
}

/// Every call, and everything that can happen to it.
fn sweep(simulation: &Simulation, args: &Args, start: Instant) -> ExitCode {
    let cases = simulation.cases();
    let (next, total) = (AtomicUsize::new(0), Mutex::new((Swept::default(), Vec::new())));
    std::thread::scope(|scope| {
        for _ in 0..threads(args) {
            scope.spawn(|| {
                while let Some(script) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let swept = simulation.sweep(script);
                    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                    match swept {
                        Ok(swept) => total.0 += swept,
                        Err(failure) => total.1.push(failure),
                    }
                }
            });
        }
    });
    let (swept, failed) = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    for failure in &failed {
        println!("{failure}");
    }
    println!(
        "{} scripts, {} points, {} runs in {:.1} s, {} differ",
        cases.len(),
        swept.points,
        swept.runs,
        start.elapsed().as_secs_f64(),
        failed.len()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn threads(args: &Args) -> usize {
    args.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

fn seeds(simulation: &Simulation, args: &Args) -> Tally {
    let threads = threads(args);
    let (next, tally) = (AtomicU64::new(0), Mutex::new(Tally::default()));
    let shown = std::io::stderr().is_terminal();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let enough = tally.lock().unwrap_or_else(PoisonError::into_inner).failed.len() >= FAILURES;
                    if at >= args.seeds || enough {
                        return;
                    }
                    let played = simulation.seed(args.seed.wrapping_add(at));
                    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                    match played {
                        Ok(runs) => {
                            tally.passed += 1;
                            for played in &runs {
                                tally.work += played.work;
                                outcomes(played).into_iter().for_each(|outcome| *tally.outcomes.entry(outcome).or_default() += 1);
                            }
                        }
                        Err(failure) => tally.failed.push(*failure),
                    }
                    if shown && tally.passed % 1000 == 0 {
                        eprint!("\r{} of {} seeds", tally.passed, args.seeds);
                    }
                }
            });
        }
    });
    if shown {
        eprintln!("\r");
    }
    let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.failed.sort_by_key(|failure| failure.script.seed);
    tally
}
