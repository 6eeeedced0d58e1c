//! Clocks that do not agree: whoever takes over from one that is ahead goes on from there, and loses no time; what it asks others, it asks by its own.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{Either, select};
use immutable_core::analysis::Judgement;
use immutable_core::memory::MemoryOptions;
use immutable_core::provider::judge_fn;
use immutable_core::rollout::{Check, Percent, Step};
use immutable_core::time::{Clock, Sleep, VirtualClock};
use immutable_core::{Controller, Fleet, MemoryCloud, Outcome, Rollout, Strategy, Timestamp};

/// A machine whose clock is so far ahead of the others'.
#[derive(Debug)]
struct Ahead(VirtualClock, Duration);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        self.0.now() + self.1
    }

    fn steady(&self) -> Timestamp {
        self.0.steady()
    }

    fn sleep_until(&self, until: Timestamp) -> Sleep {
        self.0.sleep_until(until - self.1)
    }
}

const DAY: Duration = Duration::from_secs(86_400);

struct Stage {
    clock: VirtualClock,
    cloud: MemoryCloud,
    fleet: Fleet,
}

impl Stage {
    fn new() -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let cloud = MemoryCloud::with(
            MemoryOptions::seeded(7)
                .clock(clock.clone())
                .boot(Duration::from_secs(60))
                .latency(Duration::from_secs(2))
                .unguarded(),
        );
        let fleet = Fleet::new("web", cloud.place()).size(3);
        Self { clock, cloud, fleet }
    }

    fn ahead(&self) -> Controller {
        self.cloud.controller().with_clock(Arc::new(Ahead(self.clock.clone(), DAY))).owner("ahead")
    }

    async fn start(&self, controller: &Controller, version: &str, strategy: Strategy) -> Rollout {
        let artifact = self.cloud.bake("acmeinc/web", version).unwrap();
        let plan = controller.plan(&self.fleet, &artifact, strategy.max_surge(1)).await.unwrap();
        controller.start(plan).await.unwrap()
    }

    async fn pass(&self, seconds: u64) {
        self.clock.sleep_until(self.clock.now() + Duration::from_secs(seconds)).await;
    }

    /// What somebody does within so many seconds, if they have done it by then.
    async fn within<T>(&self, seconds: u64, act: impl Future<Output = T>) -> Option<T> {
        match select(pin!(act), pin!(self.pass(seconds))).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }
}

#[test]
fn whoever_takes_over_from_a_clock_that_is_ahead_loses_no_time() {
    let undisturbed = {
        let stage = Stage::new();
        stage.clock.run(async {
            let begun = stage.clock.now();
            assert_eq!(
                stage.start(&stage.cloud.controller(), "1.0.0", Strategy::rolling()).await.drive().await.unwrap(),
                Outcome::Succeeded
            );
            stage.clock.now().since(begun)
        })
    };
    for seconds in (5..).step_by(5) {
        let stage = Stage::new();
        let ended = stage.clock.run(async {
            let begun = stage.clock.now();
            let rollout = stage.start(&stage.ahead(), "1.0.0", Strategy::rolling()).await;
            if stage.within(seconds, rollout.drive()).await.is_some() {
                return true;
            }
            let rollout = stage.cloud.controller().rollout(stage.fleet.id()).await.unwrap().unwrap();
            let outcome = stage.within(600, rollout.drive()).await.map(Result::unwrap);
            assert_eq!(outcome, Some(Outcome::Succeeded), "after {seconds} s");
            let took = stage.clock.now().since(begun);
            // Who takes over looks first, and what was owed is sent again.
            assert!(took <= undisturbed + Duration::from_secs(30), "after {seconds} s it took {took:?}, not {undisturbed:?}");
            assert_eq!(stage.cloud.launched(), 3);
            false
        });
        if ended {
            return;
        }
    }
}

#[test]
fn what_is_kept_is_looked_after_whatever_the_clock_was_by_which_it_was_proven() {
    let stage = Stage::new();
    stage.clock.run(async {
        assert_eq!(stage.start(&stage.ahead(), "1.0.0", Strategy::rolling()).await.drive().await.unwrap(), Outcome::Succeeded);
        stage.cloud.kill(&stage.cloud.instances(stage.fleet.id())[0].key.name).unwrap();
        let keeps = stage.cloud.controller();
        assert!(stage.within(600, keeps.keep(stage.fleet.id())).await.is_none());
        assert_eq!(stage.cloud.running().values().sum::<usize>(), 3);
    });
}

#[test]
fn a_worker_takes_over_from_one_whose_clock_is_ahead() {
    let stage = Stage::new();
    stage.clock.run(async {
        stage.start(&stage.ahead(), "1.0.0", Strategy::rolling()).await;
        assert!(stage.within(30, stage.ahead().work(std::future::pending())).await.is_none(), "it dies");
        let worker = stage.cloud.controller().owner("true");
        assert!(stage.within(600, worker.work(std::future::pending())).await.is_none());
        let state = stage.cloud.controller().state(stage.fleet.id()).await.unwrap();
        assert_eq!(state.last().map(|(_, outcome)| outcome), Some(&Outcome::Succeeded));
    });
}

#[test]
fn a_judge_is_asked_about_a_time_that_its_own_clock_knows() {
    let stage = Stage::new();
    stage.clock.run(async {
        let asked: Arc<Mutex<Vec<(Timestamp, Timestamp, Timestamp)>>> = Arc::default();
        let (asks, clock) = (asked.clone(), stage.clock.clone());
        let judge = move || {
            let (asks, clock) = (asks.clone(), clock.clone());
            judge_fn(move |trial| {
                let mut asks = asks.lock().unwrap();
                asks.push((trial.since, trial.until, clock.now()));
                let says = if asks.len() > 3 { Judgement::pass("well") } else { Judgement::inconclusive("too early") };
                async { Ok(says) }
            })
        };
        let checked = Strategy::new([Step::scale(Percent::new(100).unwrap()), Check::by("watch").into()]);
        let rollout = stage.start(&stage.ahead().judge("watch", judge()), "1.0.0", checked).await;
        assert!(stage.within(60, rollout.drive()).await.is_none());
        let here = stage.cloud.controller().judge("watch", judge());
        let rollout = here.rollout(stage.fleet.id()).await.unwrap().unwrap();
        assert_eq!(stage.within(900, rollout.drive()).await.unwrap().unwrap(), Outcome::Succeeded);
        for (since, until, now) in &*asked.lock().unwrap() {
            assert!(
                since <= until && until <= now && now.since(*since) < Duration::from_secs(900),
                "{since} to {until}, at {now}"
            );
        }
        assert!(asked.lock().unwrap().len() > 3);
    });
}
