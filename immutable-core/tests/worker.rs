//! Workers: each takes the fleets that nobody else has, and what one leaves behind, dead, frozen or on purpose, another carries on.

use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, join_all, select};
use immutable_core::analysis::Judgement;
use immutable_core::id::{StreamId, StreamVersion, WriteId};
use immutable_core::journal::{After, Append, Appended, Compact, Journal, Loaded, MemoryJournal};
use immutable_core::memory::MemoryOptions;
use immutable_core::provider::judge_fn;
use immutable_core::rollout::{Check, Event, Percent, Step};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Artifact, Controller, Fleet, MemoryCloud, Outcome, Strategy, Timestamp};

const SECOND: Duration = Duration::from_secs(1);

struct Stage {
    clock: VirtualClock,
    cloud: MemoryCloud,
    web: Artifact,
}

impl Stage {
    /// Of a provider that compares nothing: what comes late does harm.
    fn new() -> Self {
        Self::booting(60)
    }

    fn booting(seconds: u32) -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let options = MemoryOptions::seeded(7).unguarded().remember(SECOND);
        let cloud = MemoryCloud::with(options.clock(clock.clone()).boot(seconds * SECOND));
        let web = cloud.bake("acmeinc/web", "1.0.0").unwrap();
        Self { clock, cloud, web }
    }

    fn fleet(&self, name: &str) -> Fleet {
        Fleet::new(name, self.cloud.place()).size(3)
    }

    /// Begins a rollout, which nobody drives.
    async fn start(&self, name: &str, artifact: &Artifact) {
        let person = self.cloud.controller();
        let plan = person.plan(&self.fleet(name), artifact, Strategy::rolling().max_surge(1)).await.unwrap();
        person.start(plan).await.unwrap();
    }

    async fn pass(&self, seconds: u64) {
        self.clock.sleep_until(self.clock.now() + Duration::from_secs(seconds)).await;
    }

    fn worker(&self, name: &str) -> Controller {
        self.cloud.controller().owner(name)
    }

    /// One that is told late of what it has written: between that and what it sends then it may be frozen.
    fn slow(&self, name: &str) -> Controller {
        let journal = Slow(self.cloud.journal(), self.clock.clone());
        Controller::new(&self.cloud, journal).with_clock(self.cloud.clock()).owner(name)
    }

    /// How the last rollout of a fleet ended, if it has.
    async fn last(&self, name: &str) -> Option<Outcome> {
        let state = self.cloud.controller().state(self.fleet(name).id()).await.unwrap();
        state.rollout().is_none().then(|| state.last().map(|(_, outcome)| outcome.clone())).flatten()
    }

    /// Who has claimed a fleet, one after the other.
    async fn owners(&self, name: &str) -> Vec<String> {
        let history = self.cloud.controller().history(self.fleet(name).id()).await.unwrap();
        let mut owners: Vec<_> = history
            .iter()
            .filter_map(|(_, recorded)| match &recorded.event {
                Event::Claimed { owner, .. } => owner.to_string().split('.').next().map(str::to_owned),
                _ => None,
            })
            .collect();
        owners.dedup();
        owners
    }

    fn run(&self, artifact: &Artifact) -> usize {
        self.cloud.running().get(&artifact.digest()).copied().unwrap_or(0)
    }
}

/// A journal that answers two seconds after it has written.
struct Slow(MemoryJournal, VirtualClock);

#[async_trait::async_trait]
impl Journal for Slow {
    async fn load(&self, stream: &StreamId, after: After) -> immutable_core::Result<Loaded> {
        self.0.load(stream, after).await
    }

    async fn append(&self, append: Append) -> immutable_core::Result<Appended> {
        let appended = self.0.append(append).await;
        self.1.sleep_until(self.1.now() + 2 * SECOND).await;
        appended
    }

    async fn wrote(&self, stream: &StreamId, write: WriteId) -> immutable_core::Result<Option<StreamVersion>> {
        self.0.wrote(stream, write).await
    }

    async fn compact(&self, compact: Compact) -> immutable_core::Result<()> {
        self.0.compact(compact).await
    }

    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> immutable_core::Result<Vec<StreamId>> {
        self.0.list(prefix, after, limit).await
    }
}

/// A process that can be stopped for a while, as a machine that is moved is, and killed.
struct Process {
    works: Mutex<Option<BoxFuture<'static, immutable_core::Result<()>>>>,
    frozen: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Process {
    fn of(controller: Controller) -> Arc<Self> {
        let works = Box::pin(async move { controller.work(pending()).await });
        Arc::new(Self { works: Mutex::new(Some(works)), frozen: AtomicBool::new(false), waker: Mutex::new(None) })
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<immutable_core::Result<()>> {
        *self.waker.lock().unwrap() = Some(context.waker().clone());
        if self.frozen.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        match &mut *self.works.lock().unwrap() {
            Some(works) => works.as_mut().poll(context),
            None => Poll::Pending,
        }
    }

    async fn lives(&self) -> immutable_core::Result<()> {
        poll_fn(|context| self.poll(context)).await
    }

    fn freeze(&self) {
        self.frozen.store(true, Ordering::Relaxed);
    }

    fn thaw(&self) {
        self.frozen.store(false, Ordering::Relaxed);
        if let Some(waker) = self.waker.lock().unwrap().take() {
            waker.wake();
        }
    }

    fn kill(&self) {
        *self.works.lock().unwrap() = None;
    }
}

/// Lets processes live for as long as a story takes.
async fn beside<T>(processes: &[Arc<Process>], story: impl Future<Output = T>) -> T {
    let lives = pin!(join_all(processes.iter().map(|process| process.lives())));
    match select(lives, pin!(story)).await {
        Either::Left((ended, _)) => panic!("a worker ended: {ended:?}"),
        Either::Right((told, _)) => told,
    }
}

#[test]
fn what_is_begun_is_driven_and_what_is_proven_is_kept() {
    let stage = Stage::new();
    stage.clock.run(async {
        let one = Process::of(stage.worker("one"));
        beside(&[one], async {
            stage.pass(60).await;
            stage.start("web", &stage.web).await;
            stage.pass(900).await;
            assert_eq!(stage.last("web").await, Some(Outcome::Succeeded));
            assert_eq!(stage.run(&stage.web), 3);
            let group = *stage.cloud.sizes(stage.fleet("web").id()).keys().next().unwrap();
            stage.cloud.set_size(stage.fleet("web").id(), group, 1).unwrap();
            stage.pass(900).await;
            assert_eq!(stage.run(&stage.web), 3, "somebody in a console");
        })
        .await;
        assert_eq!(stage.owners("web").await, ["one"]);
    });
}

#[test]
fn while_nothing_is_amiss_only_signs_of_life_are_written() {
    let stage = Stage::new();
    stage.clock.run(async {
        stage.start("web", &stage.web).await;
        beside(&[Process::of(stage.worker("one"))], async {
            stage.pass(900).await;
            let (calls, records) =
                (stage.cloud.calls(), stage.cloud.controller().history(stage.fleet("web").id()).await.unwrap().len());
            stage.pass(6 * 3600).await;
            assert_eq!(stage.cloud.calls(), calls);
            assert_eq!(stage.cloud.controller().history(stage.fleet("web").id()).await.unwrap().len(), records);
        })
        .await;
    });
}

#[test]
fn who_leaves_hands_its_fleets_over_at_once() {
    let stage = Stage::new();
    stage.clock.run(async {
        stage.start("web", &stage.web).await;
        let one = stage.worker("one");
        one.work(stage.clock.sleep_until(stage.clock.now() + 90 * SECOND)).await.unwrap();
        let left = stage.clock.now();
        let state = stage.cloud.controller().state(stage.fleet("web").id()).await.unwrap();
        assert!(state.rollout().is_some());
        beside(&[Process::of(stage.worker("two"))], async {
            stage.pass(6).await;
            assert_eq!(stage.owners("web").await, ["one", "two"], "{left}: nobody waits for a lease");
            stage.pass(900).await;
            assert_eq!(stage.last("web").await, Some(Outcome::Succeeded));
        })
        .await;
    });
}

#[test]
fn who_dies_is_taken_for_dead_once_its_lease_is_over_and_not_before() {
    let stage = Stage::new();
    stage.clock.run(async {
        stage.start("web", &stage.web).await;
        let (one, two) = (Process::of(stage.worker("one")), Process::of(stage.worker("two")));
        beside(&[one.clone(), two], async {
            stage.pass(70).await;
            let [first] = &stage.owners("web").await[..] else { panic!("one has it") };
            assert_eq!(first, "one");
            one.kill();
            stage.pass(15).await;
            assert_eq!(stage.owners("web").await, ["one"], "it may live");
            stage.pass(30).await;
            assert_eq!(stage.owners("web").await, ["one", "two"]);
            stage.pass(900).await;
            assert_eq!(stage.last("web").await, Some(Outcome::Succeeded));
        })
        .await;
    });
}

#[test]
fn who_thaws_does_no_more_than_who_never_slept_wherever_it_froze() {
    let next = |stage: &Stage| stage.cloud.bake("acmeinc/web", "1.1.0").unwrap();
    // Each machine that is launched has the next number.
    let launched = |stage: &Stage| {
        let machines = stage.cloud.instances(stage.fleet("web").id());
        machines.iter().filter_map(|machine| machine.key.incarnation.as_ref()?.as_str().parse::<u32>().ok()).max()
    };
    let alone = {
        let stage = Stage::booting(5);
        stage.clock.run(async {
            stage.start("web", &stage.web).await;
            beside(&[Process::of(stage.worker("one"))], stage.pass(600)).await;
            let next = next(&stage);
            stage.start("web", &next).await;
            beside(&[Process::of(stage.worker("two"))], stage.pass(600)).await;
            assert_eq!(stage.last("web").await, Some(Outcome::Succeeded));
            launched(&stage)
        })
    };
    for froze_after in 0..120 {
        for sleeps in [4, 25, 50, 600] {
            let stage = Stage::booting(5);
            stage.clock.run(async {
                stage.start("web", &stage.web).await;
                beside(&[Process::of(stage.worker("zero"))], stage.pass(600)).await;
                let next = next(&stage);
                stage.start("web", &next).await;
                let one = Process::of(stage.slow("one").lease(6 * SECOND));
                let two = Process::of(stage.worker("two").lease(6 * SECOND));
                beside(&[one.clone(), two], async {
                    stage.pass(froze_after).await;
                    one.freeze();
                    stage.pass(sleeps).await;
                    one.thaw();
                    stage.pass(900).await;
                })
                .await;
                let what = format!("frozen after {froze_after} s for {sleeps} s");
                assert_eq!(stage.last("web").await, Some(Outcome::Succeeded), "{what}");
                assert_eq!(stage.cloud.running(), BTreeMap::from([(next.digest(), 3)]), "{what}");
                assert_eq!(launched(&stage), alone, "{what}");
            });
        }
    }
}

#[test]
fn who_comes_back_under_its_old_name_waits_for_who_went_as_anybody_does() {
    let stage = Stage::new();
    stage.clock.run(async {
        stage.start("web", &stage.web).await;
        let (first, again) = (Process::of(stage.worker("one")), Process::of(stage.worker("one")));
        again.freeze();
        beside(&[first.clone(), again.clone()], async {
            stage.pass(70).await;
            first.kill();
            again.thaw();
            let claims = async || stage.cloud.controller().state(stage.fleet("web").id()).await.unwrap().epoch();
            let before = claims().await;
            stage.pass(15).await;
            assert_eq!(claims().await, before, "who went may only be frozen");
            stage.pass(900).await;
            assert_eq!(stage.last("web").await, Some(Outcome::Succeeded));
        })
        .await;
    });
}

/// Numbers that follow from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn ten_workers_that_die_and_freeze_bring_a_thousand_fleets_to_their_end() {
    let stage = Stage::booting(20);
    let (fleets, mut random) = (1000, Random(7));
    let name = |nth: u64| format!("web-{nth}");
    stage.clock.run(async {
        for nth in 0..fleets {
            stage.start(&name(nth), &stage.web).await;
        }
        let crew: Vec<_> =
            (0..40).map(|nth| Process::of(stage.worker(&format!("worker-{nth}")).at_once(150).poll(15 * SECOND))).collect();
        // Ten at a time: whoever dies is replaced by the next.
        crew[10..].iter().for_each(|process| process.freeze());
        beside(&crew, async {
            let (mut at_work, mut next): (Vec<usize>, usize) = ((0..10).collect(), 10);
            for _ in 0..60 {
                stage.pass(10 + random.below(10)).await;
                let seat = random.below(10) as usize;
                if next < crew.len() && random.below(2) == 0 {
                    crew[at_work[seat]].kill();
                    at_work[seat] = next;
                    crew[next].thaw();
                    next += 1;
                } else {
                    crew[at_work[seat]].freeze();
                    stage.pass(random.below(90)).await;
                    crew[at_work[seat]].thaw();
                }
            }
            assert!(next > 20, "{next} have worked");
            stage.pass(600).await;
        })
        .await;
        for nth in 0..fleets {
            assert_eq!(stage.last(&name(nth)).await, Some(Outcome::Succeeded), "{nth}");
            assert_eq!(stage.cloud.sizes(stage.fleet(&name(nth)).id()).into_values().collect::<Vec<_>>(), [3], "{nth}");
        }
        assert_eq!(stage.run(&stage.web), 3000);
        // Each machine that is launched has the next number: none was launched but these.
        let machines = (0..fleets).flat_map(|nth| stage.cloud.instances(stage.fleet(&name(nth)).id()));
        let last = machines.filter_map(|machine| machine.key.incarnation.as_ref()?.as_str().parse::<u32>().ok()).max();
        assert_eq!(last, Some(3000));
        let mut taken_over = 0;
        for nth in 0..fleets {
            taken_over += stage.owners(&name(nth)).await.len() - 1;
        }
        assert!(taken_over > 500, "{taken_over} times another has taken a fleet");
    });
}

fn percent(percent: u32) -> Percent {
    Percent::new(percent).unwrap()
}

#[test]
fn a_fleet_goes_to_whoever_can_drive_it() {
    let stage = Stage::new();
    let judged = |controller: Controller| controller.judge("watch", judge_fn(|_| async { Ok(Judgement::pass("it is well")) }));
    let workers = [Process::of(stage.worker("unable")), Process::of(judged(stage.worker("able")))];
    stage.clock.run(async {
        stage.start("web", &stage.web).await;
        beside(&workers[..1], stage.pass(300)).await;
        assert_eq!((stage.last("web").await, stage.owners("web").await.len()), (Some(Outcome::Succeeded), 1), "and keeps it");
        beside(&workers, async {
            let next = stage.cloud.bake("acmeinc/web", "1.1.0").unwrap();
            let person = judged(stage.cloud.controller());
            let check = Strategy::new([Step::scale(percent(100)), Check::by("watch").into()]).max_surge(1);
            let plan = person.plan(&stage.fleet("web"), &next, check).await.unwrap();
            person.start(plan).await.unwrap();
            stage.pass(900).await;
            assert_eq!((stage.run(&next), stage.last("web").await), (3, Some(Outcome::Succeeded)));
            assert_eq!(stage.owners("web").await, ["unable", "able"], "who could not has let it go");
        })
        .await;
    });
}

#[test]
fn what_stands_still_holds_up_no_other() {
    let stage = Stage::new();
    stage.clock.run(async {
        let names = ["paused", "bakes", "moves"];
        for name in names {
            stage.start(name, &stage.web).await;
        }
        beside(&[Process::of(stage.worker("one"))], stage.pass(600)).await;
        let (next, person) = (stage.cloud.bake("acmeinc/web", "1.1.0").unwrap(), stage.cloud.controller());
        let bakes = Strategy::new([Step::scale(percent(50)), Step::bake(3600 * SECOND), Step::scale(percent(100))]);
        for (name, strategy) in names.into_iter().zip([Strategy::rolling(), bakes, Strategy::rolling()]) {
            let plan = person.plan(&stage.fleet(name), &next, strategy.max_surge(1)).await.unwrap();
            let rollout = person.start(plan).await.unwrap();
            if name == "paused" {
                rollout.pause("ann").await.unwrap();
            }
        }
        beside(&[Process::of(stage.worker("two").at_once(1))], async {
            stage.pass(1800).await;
            assert_eq!(stage.last("moves").await, Some(Outcome::Succeeded));
            assert_eq!((stage.last("paused").await, stage.last("bakes").await), (None, None));
            stage.pass(3600).await;
            assert_eq!(stage.last("bakes").await, Some(Outcome::Succeeded), "and is driven on in its time");
        })
        .await;
    });
}
