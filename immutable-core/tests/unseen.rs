//! A provider that refuses to be looked at: whoever watches, explains or is asked is told in its words.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use immutable_core::conformance::{Call, Fault, Faults, Faulty};
use immutable_core::memory::MemoryOptions;
use immutable_core::provider::Provider;
use immutable_core::rollout::{Blocker, Need, Report, Story};
use immutable_core::time::VirtualClock;
use immutable_core::{Artifact, Controller, ErrorKind, Fleet, MemoryCloud, Outcome, Rollout, Strategy, Timestamp};

struct Stage {
    clock: VirtualClock,
    cloud: MemoryCloud,
    wire: Faulty<MemoryCloud>,
    fleet: Fleet,
}

impl Stage {
    fn new() -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()).boot(Duration::from_secs(60)));
        let wire = Faulty::new(Arc::new(cloud.clone()), Arc::new(clock.clone()), 7, Faults::none());
        let fleet = Fleet::new("web", cloud.place()).size(3);
        Self { clock, cloud, wire, fleet }
    }

    fn controller(&self) -> Controller {
        let provider = Provider::new(self.cloud.place(), Arc::new(self.wire.clone()));
        Controller::new(provider, self.cloud.journal()).with_clock(self.cloud.clock()).owner("deployer")
    }

    fn bake(&self, version: &str) -> Artifact {
        self.cloud.bake("acmeinc/web", version).unwrap()
    }

    async fn start(&self, artifact: &Artifact) -> Rollout {
        let plan = self.controller().plan(&self.fleet, artifact, Strategy::rolling().max_surge(1)).await.unwrap();
        self.controller().start(plan).await.unwrap()
    }

    /// From now on nobody may look.
    fn deny(&self) {
        (0..5000).for_each(|_| self.wire.next(Call::Observe, Fault::Error(ErrorKind::Denied)));
    }

    /// Drives until the end, and denies looks as soon as a report is as wanted: how it ended, and the last that was reported.
    async fn denied(&self, rollout: &Rollout, when: impl Fn(&Report) -> bool) -> (Outcome, Arc<Report>) {
        let (mut last, mut reports) = (None, rollout.reports());
        let watched = async {
            let mut open = true;
            while let Some(report) = reports.next().await {
                if open && when(&report) {
                    self.deny();
                    open = false;
                }
                last = Some(report);
            }
        };
        let Either::Left((outcome, _)) = select(pin!(rollout.drive()), pin!(watched)).await else { panic!("it reports no more") };
        (outcome.unwrap(), last.unwrap())
    }
}

const WORDS: &str = "observe: refused on the wire";

/// The views that a report says it waits for.
fn views(report: &Report) -> Vec<&str> {
    let views = report.waits.iter().filter_map(|blocker| match blocker {
        Blocker::View { why } => Some(&**why),
        _ => None,
    });
    views.collect()
}

#[test]
fn who_is_asked_is_told_why_nothing_was_seen() {
    for (proven, ready) in [(false, 0), (false, 1), (true, 0), (true, 1)] {
        let stage = Stage::new();
        stage.clock.clone().run(async {
            if proven {
                assert_eq!(stage.start(&stage.bake("1.0.0")).await.drive().await.unwrap(), Outcome::Succeeded);
            }
            let rollout = stage.start(&stage.bake("1.1.0")).await;
            let (outcome, report) = stage.denied(&rollout, |report| report.counts.ready >= ready).await;
            assert_eq!(outcome, Outcome::Needs(Need::Unseen { why: WORDS.into() }), "{proven} {ready}");
            assert_eq!(views(&report), [WORDS], "{report}");
            let explain = async || stage.controller().explain(stage.fleet.id()).await.unwrap().to_string();
            let said = explain().await;
            assert!(said.contains(&format!("a person is asked: the fleet cannot be seen: {WORDS}")), "{said}");
            assert!(said.contains(&format!("\n  and it cannot be seen now: {WORDS}\n")), "{said}");
            let story = Story::of(&stage.controller().history(stage.fleet.id()).await.unwrap()).to_string();
            assert!(story.contains(&format!("deployer: a person is asked: the fleet cannot be seen: {WORDS}\n")), "{story}");
            // Once the cause is gone.
            stage.wire.calm();
            let said = explain().await;
            assert!(said.contains("a person is asked") && !said.contains("seen now"), "{said}");
            rollout.retry("ann").await.unwrap();
            let mut reports = rollout.reports();
            let (outcome, first) = futures_util::join!(rollout.drive(), reports.next());
            assert_eq!((outcome.unwrap(), views(&first.unwrap())), (Outcome::Succeeded, Vec::new()));
        });
    }
}

#[test]
fn a_way_back_that_nobody_sees_is_told_in_the_providers_words() {
    let stage = Stage::new();
    stage.clock.clone().run(async {
        assert_eq!(stage.start(&stage.bake("1.0.0")).await.drive().await.unwrap(), Outcome::Succeeded);
        let bad = stage.bake("1.1.0");
        stage.cloud.never_healthy(&bad);
        let rollout = stage.start(&bad).await;
        let (outcome, _) = stage.denied(&rollout, |report| report.back.is_some()).await;
        let Outcome::Needs(Need::RollbackDeadline { why }) = outcome else { panic!("{outcome}") };
        assert!(why.contains(&format!("the fleet cannot be seen: {WORDS}")), "{why}");
    });
}
