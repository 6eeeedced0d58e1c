//! Whoever drives is killed, again and again; the next carries on, and every rollout ends right.
//!
//! The cloud is in this process, served over loopback. Whoever drives is another process, this binary again, on a SQLite file. It is killed at any moment, or
//! as one of its calls arrives, and the next is started at once. Then the cloud's own record is held against the journal: nothing took effect that was not
//! journaled before, and nothing did so twice.

mod child;
mod cloud;
#[path = "../../examples/served.rs"]
mod served;
mod truth;
#[path = "../../examples/wire.rs"]
mod wire;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use immutable_core::memory::{Delay, MemoryOptions};
use immutable_core::rollout::{Event, Recorded};
use immutable_core::time::ScaledClock;
use immutable_core::{Artifact, Controller, Fleet, MemoryCloud, Outcome, Plan, SqliteJournal, Strategy, Timestamp};

use child::Broken;
use cloud::Served;
use truth::Truth;

/// How much faster the cloud's time is than ours: a rollout of two minutes takes seconds.
const FACTOR: u32 = 30;

/// After so many kills of one rollout whoever drives is left alone.
const KILLS: u32 = 40;

/// How long one that is left alone may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// More of the cloud's time than any story takes.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// A folder that goes when it is dropped.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kill").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((((bits ^ (bits >> 31)) >> 32) * u64::from(bound)) >> 32).unwrap()
    }

    fn millis(&mut self, range: Range<u32>) -> Duration {
        Duration::from_millis((range.start + self.below(range.end - range.start)).into())
    }
}

/// One cloud, one file, and one fleet that several rollouts change one after the other.
struct Story {
    random: Random,
    clock: ScaledClock,
    cloud: MemoryCloud,
    served: Served,
    folder: Folder,
    broken: Broken,
    truth: Truth,
    processes: u32,
    tally: Tally,
}

/// How often whoever drives was killed, came so far as to claim the fleet, and sent a call that had been sent before.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    kills: u32,
    claims: u64,
    again: u64,
}

impl Story {
    fn new(seed: u64, broken: Broken) -> Self {
        let clock = ScaledClock::new(Timestamp::from_millis(1_795_233_600_000), FACTOR);
        let seconds = Duration::from_secs;
        let options = MemoryOptions::seeded(seed)
            .clock(clock.clone())
            .boot(Delay::Uniform(seconds(1), seconds(3)))
            .check(seconds(1))
            .drain(seconds(2))
            .gone_shown(seconds(20))
            .latency(Delay::Uniform(Duration::from_millis(100), cloud::LATENCY))
            .effects(100_000);
        // Either a copy that is late does harm, or tokens are soon forgotten and operations take their time.
        let options = match seed % 2 {
            0 => options.unguarded(),
            _ => options.remember(seconds(20)).operations_take(seconds(2)),
        };
        let cloud = MemoryCloud::with(options);
        let served = Served::new(&cloud, Random(seed)).unwrap();
        let (folder, truth, random) = (Folder::new(), Truth::default(), Random(seed));
        Self { random, clock, cloud, served, folder, broken, truth, processes: 0, tally: Tally::default() }
    }

    fn file(&self) -> PathBuf {
        self.folder.0.join("journal.db")
    }

    /// A first release; a good one; one that is never healthy, and goes back; another size. The first two show whatever is broken.
    fn play(mut self) -> Result<Tally, String> {
        let (size, next) = (3 + self.random.below(3), 1 + self.random.below(7));
        let [first, good, bad] = ["1.0.0", "1.1.0", "1.2.0"].map(|version| self.cloud.bake("acmeinc/web", version).unwrap());
        self.cloud.never_healthy(&bad);
        self.rollout(&first, size, (&first, size, &Outcome::Succeeded))?;
        self.rollout(&good, size, (&good, size, &Outcome::Succeeded))?;
        if self.broken != Broken::Nothing {
            return Ok(self.tally);
        }
        self.rollout(&bad, size, (&good, size, &Outcome::RolledBack))?;
        self.rollout(&good, next, (&good, next, &Outcome::Succeeded))?;
        Ok(self.tally)
    }

    fn rollout(&mut self, to: &Artifact, size: u32, (runs, of, ends): (&Artifact, u32, &Outcome)) -> Result<(), String> {
        let fleet = Fleet::new("web", self.cloud.place()).size(size).min_ready(Duration::from_secs(1));
        let strategy = Strategy::rolling().max_surge(1 + self.random.below(2)).max_unavailable(self.random.below(2));
        // On a machine that has much else to do, 20 minutes of the cloud's time may pass before one process hears an answer.
        let strategy = strategy.progress_deadline(NEVER).rollback_deadline(NEVER).leave_deadline(NEVER);
        let (plan, rollout) = self.with_controller(async |controller| {
            let plan = controller.plan(&fleet, to, strategy).await.unwrap();
            (plan.clone(), controller.start(plan).await.unwrap().id())
        });
        let driven = self.is_driven(&plan);
        // What is still on its way arrives.
        thread::sleep(cloud::LIFETIME / FACTOR);
        let context = |why| format!("rollout {rollout} to {to} of {size}: {why}");
        // What was done is judged first: it says why.
        let stream = self.with_controller(async |controller| {
            let history = controller.history(fleet.id()).await.unwrap();
            history.into_iter().map(|(_, recorded)| recorded).collect::<Vec<Recorded>>()
        });
        let effects = self.cloud.take_effects();
        self.truth.hold(&effects, &stream, plan.budget()).map_err(context)?;
        driven.map_err(context)?;
        let count = |of: fn(&Event) -> bool| stream.iter().filter(|recorded| of(&recorded.event)).count() as u64;
        self.tally.claims = count(|event| matches!(event, Event::Claimed { .. }));
        self.tally.again = self.cloud.calls().total().saturating_sub(count(|event| matches!(event, Event::Owed { .. })));
        self.has_ended(&fleet, &stream, (runs, of, ends)).map_err(context)
    }

    /// Starts one process after the other, each killed, until one ends by itself.
    fn is_driven(&mut self, plan: &Plan) -> Result<(), String> {
        for nth in 0..=KILLS {
            // Half of them die as a call arrives.
            let (lives, at_a_call) = match self.random.below(2) {
                _ if nth == KILLS => (PATIENCE, false),
                0 => (self.random.millis(0..700), false),
                _ => (Duration::from_secs(2), true),
            };
            while self.served.calls.try_recv().is_ok() {}
            let (mut driver, until) = (self.next_process(plan), Instant::now() + lives);
            while !driver.has_ended() && Instant::now() < until && !(at_a_call && self.served.calls.try_recv().is_ok()) {
                thread::sleep(Duration::from_millis(1));
            }
            if driver.has_ended() {
                return driver.said().map(drop);
            }
            driver.kill();
            self.tally.kills += 1;
        }
        Err(format!("it has not ended {} s after the last kill", PATIENCE.as_secs()))
    }

    fn next_process(&mut self, plan: &Plan) -> child::Driver {
        self.processes += 1;
        child::spawn(&format!("process-{}", self.processes), self.served.at, &self.file(), plan.fleet().id(), self.broken)
    }

    /// Whether it ended as it may, the machines are right, and who drives it again does nothing.
    fn has_ended(
        &mut self,
        fleet: &Fleet,
        stream: &[Recorded],
        (runs, size, ends): (&Artifact, u32, &Outcome),
    ) -> Result<(), String> {
        let calls = self.cloud.calls();
        let end = stream.last().map(|recorded| &recorded.event);
        if !matches!(end, Some(Event::Ended { outcome }) if outcome == ends) {
            return Err(format!("it should have {ends}, and ended so: {end:?}"));
        }
        let running = self.cloud.running();
        let sizes = self.cloud.sizes(fleet.id());
        let there = self.cloud.instances(fleet.id()).len();
        if running != [(runs.digest(), size as usize)].into() || there != size as usize || sizes.values().sum::<u32>() != size {
            return Err(format!("{size} of {runs} should run, and there are {there}: {running:?}, {sizes:?}"));
        }
        let again = self.with_controller(async |controller| controller.rollout(fleet.id()).await.unwrap());
        if again.is_some() {
            return Err("it still runs".to_owned());
        }
        self.processes += 1;
        let name = format!("process-{}", self.processes);
        child::spawn(&name, self.served.at, &self.file(), fleet.id(), Broken::Nothing).said()?;
        let after = self.with_controller(async |controller| controller.history(fleet.id()).await.unwrap().len());
        if (self.cloud.calls(), after) != (calls, stream.len()) {
            return Err(format!("of what has ended something was done: {after} records, were {}", stream.len()));
        }
        Ok(())
    }

    /// Does something in this process, on the file.
    fn with_controller<T>(&self, does: impl AsyncFnOnce(Controller) -> T) -> T {
        let journal = SqliteJournal::open(self.file()).unwrap();
        let controller = Controller::new(&self.cloud, journal).with_clock(Arc::new(self.clock.clone())).owner("who plans");
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(does(controller))
    }
}

fn play(seed: u64, broken: Broken) -> Result<Tally, String> {
    let began = Instant::now();
    let told = Story::new(seed, broken).play().map_err(|why| format!("seed {seed}: {why}"));
    println!("seed {seed}: {told:?} in {} s", began.elapsed().as_secs());
    told
}

/// Plays several stories at once: most of the time all wait.
fn play_all(seeds: impl IntoIterator<Item = u64>, broken: Broken) -> Vec<Result<Tally, String>> {
    thread::scope(|scope| {
        let threads: Vec<_> = seeds.into_iter().map(|seed| scope.spawn(move || play(seed, broken))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn kill_whoever_drives_and_every_rollout_ends_right() {
    let told = play_all(0..8, Broken::Nothing);
    let told: Vec<Tally> = told.into_iter().map(|told| told.unwrap_or_else(|why| panic!("{why}"))).collect();
    let kills: u32 = told.iter().map(|tally| tally.kills).sum();
    let (claims, again) = told.iter().fold((0, 0), |(claims, again), tally| (claims + tally.claims, again + tally.again));
    println!("{kills} kills, {claims} claims, {again} calls sent again");
    assert!(kills >= 200 && claims >= 100 && again >= 20, "that proves little");
}

/// Whether some story in which whoever drives is so broken ends wrong for this reason. It takes a kill at the wrong moment.
fn is_noticed(broken: Broken, why: &str) -> bool {
    // Those in which the cloud compares nothing.
    let seeds: Vec<u64> = (0..72).map(|nth| nth * 2).collect();
    seeds.chunks(6).any(|seeds| {
        let told = play_all(seeds.iter().copied(), broken);
        told.iter().any(|told| told.as_ref().is_err_and(|told| told.contains(why)))
    })
}

#[test]
fn kill_whoever_acknowledges_before_it_writes_and_it_is_noticed() {
    assert!(is_noticed(Broken::Acknowledges, "the journal knows of"));
}

#[test]
fn kill_whoever_forgets_late_calls_and_it_is_noticed() {
    assert!(is_noticed(Broken::Forgets, "took effect twice"));
}
