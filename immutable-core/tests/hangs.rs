//! A journal that does not answer: a call that hangs is given up, and what became of it is found out.

use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use immutable_core::id::{StreamId, StreamVersion, WriteId};
use immutable_core::journal::{After, Append, Appended, Compact, Journal, Loaded, MemoryJournal};
use immutable_core::memory::MemoryOptions;
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Controller, Fleet, MemoryCloud, Outcome, Result, Strategy, Timestamp};

/// Whether a call that hangs is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Done,
    Lost,
}

/// Its call of this number is not answered, ever.
struct Hangs {
    journal: MemoryJournal,
    calls: AtomicUsize,
    nth: usize,
    is: Is,
}

impl Hangs {
    async fn call<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        if self.calls.fetch_add(1, Ordering::Relaxed) != self.nth {
            return call.await;
        }
        if self.is == Is::Done {
            let _ = call.await;
        }
        pending().await
    }
}

#[async_trait::async_trait]
impl Journal for Hangs {
    async fn load(&self, stream: &StreamId, after: After) -> Result<Loaded> {
        self.call(self.journal.load(stream, after)).await
    }

    async fn append(&self, append: Append) -> Result<Appended> {
        self.call(self.journal.append(append)).await
    }

    async fn wrote(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        self.call(self.journal.wrote(stream, write)).await
    }

    async fn compact(&self, compact: Compact) -> Result<()> {
        self.call(self.journal.compact(compact)).await
    }

    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        self.call(self.journal.list(prefix, after, limit)).await
    }
}

struct Stage {
    clock: VirtualClock,
    cloud: MemoryCloud,
    fleet: Fleet,
}

impl Stage {
    fn new() -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()).boot(Duration::from_secs(60)));
        let fleet = Fleet::new("web", cloud.place()).size(2);
        Self { clock, cloud, fleet }
    }

    async fn begin(&self) {
        let web = self.cloud.bake("acmeinc/web", "1.0.0").unwrap();
        let person = self.cloud.controller();
        let plan = person.plan(&self.fleet, &web, Strategy::rolling()).await.unwrap();
        person.start(plan).await.unwrap();
    }

    fn controller(&self, nth: usize, is: Is) -> Controller {
        let journal = Hangs { journal: self.cloud.journal(), calls: AtomicUsize::new(0), nth, is };
        Controller::new(&self.cloud, journal).with_clock(self.cloud.clock()).owner("one")
    }
}

#[test]
fn whoever_drives_goes_on_after_any_call_that_hangs() {
    for is in [Is::Done, Is::Lost] {
        for nth in 0..60 {
            let stage = Stage::new();
            stage.clock.run(async {
                stage.begin().await;
                let controller = stage.controller(nth, is);
                let late = stage.clock.sleep_until(stage.clock.now() + Duration::from_secs(1800));
                let driven = async {
                    // What cannot be read is an error for whoever asks.
                    loop {
                        if let Ok(Some(rollout)) = controller.rollout(stage.fleet.id()).await
                            && let Ok(outcome) = rollout.drive().await
                        {
                            return outcome;
                        }
                    }
                };
                match select(pin!(driven), late).await {
                    Either::Left((outcome, _)) => assert_eq!(outcome, Outcome::Succeeded, "call {nth}, {is:?}"),
                    Either::Right(_) => panic!("call {nth} hangs, {is:?}, and nothing goes on"),
                }
                assert_eq!(stage.cloud.launched(), 2, "call {nth}, {is:?}");
            });
        }
    }
}

#[test]
fn a_worker_goes_on_after_any_call_that_hangs() {
    for is in [Is::Done, Is::Lost] {
        for nth in 0..60 {
            let stage = Stage::new();
            stage.clock.run(async {
                stage.begin().await;
                let half_an_hour = stage.clock.sleep_until(stage.clock.now() + Duration::from_secs(1800));
                stage.controller(nth, is).work(half_an_hour).await.unwrap();
                let state = stage.cloud.controller().state(stage.fleet.id()).await.unwrap();
                assert_eq!(state.last().map(|(_, outcome)| outcome), Some(&Outcome::Succeeded), "call {nth}, {is:?}");
                assert_eq!(stage.cloud.launched(), 2, "call {nth}, {is:?}");
            });
        }
    }
}
