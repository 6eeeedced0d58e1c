//! Workers in virtual time, each a process that can be frozen and killed.

use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, join_all, select};
use immutable_core::id::{StreamId, StreamVersion, WriteId};
use immutable_core::journal::{After, Append, Appended, Compact, Journal, Loaded, MemoryJournal};
use immutable_core::memory::MemoryOptions;
use immutable_core::rollout::Event;
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Artifact, Controller, Digest, Fleet, MemoryCloud, Outcome, Strategy, Timestamp};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) struct Stage {
    pub(crate) clock: VirtualClock,
    pub(crate) cloud: MemoryCloud,
    pub(crate) web: Artifact,
}

impl Stage {
    /// Of a provider that compares nothing: what comes late does harm.
    pub(crate) fn new() -> Self {
        Self::booting(60)
    }

    pub(crate) fn booting(seconds: u32) -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let options = MemoryOptions::seeded(7).unguarded().remember(SECOND);
        let cloud = MemoryCloud::with(options.clock(clock.clone()).boot(seconds * SECOND));
        let web = cloud.bake("acmeinc/web", "1.0.0").unwrap();
        Self { clock, cloud, web }
    }

    pub(crate) fn fleet(&self, name: &str) -> Fleet {
        Fleet::new(name, self.cloud.place()).size(3)
    }

    /// Begins a rollout, which nobody drives.
    pub(crate) async fn start(&self, name: &str, artifact: &Artifact) {
        let person = self.cloud.controller();
        let plan = person.plan(&self.fleet(name), artifact, Strategy::rolling().max_surge(1)).await.unwrap();
        person.start(plan).await.unwrap();
    }

    pub(crate) async fn pass(&self, seconds: u64) {
        self.clock.sleep_until(self.clock.now() + Duration::from_secs(seconds)).await;
    }

    pub(crate) fn worker(&self, name: &str) -> Controller {
        self.cloud.controller().owner(name)
    }

    /// One that is told late of what it has written: between that and what it sends then it may be frozen.
    pub(crate) fn slow(&self, name: &str) -> Controller {
        let journal = Slow(self.cloud.journal(), self.clock.clone());
        Controller::new(&self.cloud, journal).with_clock(self.cloud.clock()).owner(name)
    }

    /// How the last rollout of a fleet ended, if it has.
    pub(crate) async fn last(&self, name: &str) -> Option<Outcome> {
        let state = self.cloud.controller().state(self.fleet(name).id()).await.unwrap();
        state.rollout().is_none().then(|| state.last().map(|(_, outcome)| outcome.clone())).flatten()
    }

    /// Who has claimed a fleet, one after the other.
    pub(crate) async fn owners(&self, name: &str) -> Vec<String> {
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

    pub(crate) fn run(&self, artifact: &Artifact) -> usize {
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
pub(crate) struct Process {
    works: Mutex<Option<BoxFuture<'static, immutable_core::Result<()>>>>,
    frozen: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Process {
    pub(crate) fn of(controller: Controller) -> Arc<Self> {
        let works = Box::pin(async move { controller.work(pending()).await });
        Arc::new(Self { works: Mutex::new(Some(works)), frozen: AtomicBool::new(false), waker: Mutex::new(None) })
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<immutable_core::Result<()>> {
        *self.waker.lock().unwrap() = Some(context.waker().clone());
        if self.frozen.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        match &mut *self.works.lock().unwrap() {
            Some(works) => works.as_mut().poll(context),
            None => Poll::Pending,
        }
    }

    pub(crate) async fn lives(&self) -> immutable_core::Result<()> {
        poll_fn(|context| self.poll(context)).await
    }

    pub(crate) fn freeze(&self) {
        self.frozen.store(true, Ordering::Relaxed);
    }

    pub(crate) fn thaw(&self) {
        self.frozen.store(false, Ordering::Relaxed);
        if let Some(waker) = self.waker.lock().unwrap().take() {
            waker.wake();
        }
    }

    pub(crate) fn kill(&self) {
        *self.works.lock().unwrap() = None;
    }
}

/// Lets processes live for as long as a story takes.
pub(crate) async fn beside<T>(processes: &[Arc<Process>], story: impl Future<Output = T>) -> T {
    let lives = pin!(join_all(processes.iter().map(|process| process.lives())));
    match select(lives, pin!(story)).await {
        Either::Left((ended, _)) => panic!("a worker ended: {ended:?}"),
        Either::Right((told, _)) => told,
    }
}

/// What there is after a worker was frozen while it replaced three machines, and has woken up when another had carried on, perhaps.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Thawed {
    pub(crate) last: Option<Outcome>,
    pub(crate) running: BTreeMap<Digest, usize>,
    /// How many machines were launched in all.
    pub(crate) launched: Option<u32>,
}

impl Thawed {
    /// Frozen after so many seconds, and for so many; nobody is, for none.
    pub(crate) fn after(froze_after: u64, sleeps: u64, worker: fn(Controller) -> Controller) -> Self {
        let stage = Stage::booting(5);
        stage.clock.run(async {
            stage.start("web", &stage.web).await;
            stage.worker("zero").work(stage.clock.sleep_until(stage.clock.now() + 600 * SECOND)).await.unwrap();
            let next = stage.cloud.bake("acmeinc/web", "1.1.0").unwrap();
            stage.start("web", &next).await;
            let one = Process::of(worker(stage.slow("one").lease(6 * SECOND)));
            let two = Process::of(worker(stage.worker("two").lease(6 * SECOND)));
            // The first is to have it, and be slower than the other.
            two.freeze();
            beside(&[one.clone(), two.clone()], async {
                stage.pass(froze_after).await;
                if sleeps > 0 {
                    one.freeze();
                    two.thaw();
                    stage.pass(sleeps).await;
                    one.thaw();
                }
                stage.pass(900).await;
            })
            .await;
            // Each machine that is launched has the next number.
            let machines = stage.cloud.instances(stage.fleet("web").id());
            let launched = machines.iter().filter_map(|machine| machine.key.incarnation.as_ref()?.as_str().parse().ok()).max();
            Self { last: stage.last("web").await, running: stage.cloud.running(), launched }
        })
    }

    /// After how many seconds it freezes, and for how many.
    pub(crate) fn moments() -> impl Iterator<Item = (u64, u64)> {
        (0..120).flat_map(|froze_after| [4, 25, 50, 600].map(|sleeps| (froze_after, sleeps)))
    }
}
