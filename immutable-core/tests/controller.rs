//! The controller as its users meet it: plans that are stale, rollouts that are watched, stopped, taken over; and the golden plan and
//! journal of a small one.

use std::path::Path;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::StreamExt;
use immutable_core::id::StreamVersion;
use immutable_core::memory::MemoryOptions;
use immutable_core::registry::Revoke;
use immutable_core::rollout::{AbortTo, Event, Recorded};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Artifact, Controller, ErrorKind, Fleet, MemoryCloud, Outcome, Plan, Result, Strategy, Timestamp};

struct Stage {
    clock: VirtualClock,
    cloud: MemoryCloud,
    fleet: Fleet,
}

impl Stage {
    fn new() -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()).boot(Duration::from_secs(60)));
        let fleet = Fleet::new("web", cloud.place()).size(3);
        Self { clock, cloud, fleet }
    }

    async fn plan(&self, controller: &Controller, artifact: &Artifact) -> Result<Plan> {
        controller.plan(&self.fleet, artifact, Strategy::rolling().max_surge(1)).await
    }

    /// Has the fleet run 1.0.0, and gives 1.1.0.
    async fn deployed(&self) -> Artifact {
        let (first, controller) = (self.cloud.bake("acmeinc/web", "1.0.0").unwrap(), self.cloud.controller());
        let plan = self.plan(&controller, &first).await.unwrap();
        assert_eq!(controller.run(plan).await.unwrap(), Outcome::Succeeded);
        self.cloud.bake("acmeinc/web", "1.1.0").unwrap()
    }

    /// Lets a rollout go on for a while.
    async fn drive_for(&self, rollout: &immutable_core::Rollout, seconds: u64) {
        let until = self.clock.sleep_until(self.clock.now() + Duration::from_secs(seconds));
        if let Either::Left((end, _)) = select(std::pin::pin!(rollout.drive()), until).await {
            panic!("it ended too early: {end:?}");
        }
    }
}

/// Runs a story in virtual time.
fn play<T>(story: impl AsyncFnOnce(&Stage) -> T) -> T {
    let stage = Stage::new();
    let clock = stage.clock.clone();
    clock.run(story(&stage))
}

#[test]
fn a_plan_is_refused_once_the_fleet_is_another() {
    play(async |stage| {
        let (next, controller) = (stage.deployed().await, stage.cloud.controller());
        let [one, other] = [stage.plan(&controller, &next).await.unwrap(), stage.plan(&controller, &next).await.unwrap()];
        let kept = serde_json::to_string(&other).unwrap();
        assert_eq!(controller.run(one).await.unwrap(), Outcome::Succeeded);
        let error = controller.start(serde_json::from_str(&kept).unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stale);
        let fleet = stage.fleet.id();
        assert_eq!(
            error.message(),
            format!("fleet {fleet} has changed since the plan was made: another release is proven; plan again")
        );
    });
}

#[test]
fn what_cannot_be_started_says_why_and_begins_nothing() {
    play(async |stage| {
        let (next, controller) = (stage.deployed().await, stage.cloud.controller());
        let [plan, again] = [stage.plan(&controller, &next).await.unwrap(), stage.plan(&controller, &next).await.unwrap()];
        let name = next.name().clone();
        let rollout = controller.start(plan.clone()).await.unwrap();
        let error = controller.start(again).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert!(error.message().contains("rollout 2 to acmeinc/web 1.1.0 runs in fleet"), "{error}");
        assert_eq!(stage.plan(&controller, &next).await.unwrap_err().kind(), ErrorKind::Busy);
        rollout.abort(AbortTo::Back, "ann").await.unwrap();
        assert_eq!(rollout.drive().await.unwrap(), Outcome::RolledBack);

        let plan = stage.plan(&controller, &next).await.unwrap();
        let revoke = Revoke { name, digest: next.digest(), by: "ann".into(), why: "a hole".into() };
        controller.registry().revoke(revoke).await.unwrap();
        for error in [controller.start(plan).await.unwrap_err(), stage.plan(&controller, &next).await.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Denied);
            assert!(error.message().contains("a hole"), "{error}");
        }
        let elsewhere = Fleet::new("web", "aws/123456789012/us-east-1".parse().unwrap()).size(3);
        let error = controller.plan(&elsewhere, &next, Strategy::rolling()).await.unwrap_err();
        assert!(error.message().contains("does not serve aws/123456789012/us-east-1, it serves memory/local/local"), "{error}");
        assert!(controller.rollout(stage.fleet.id()).await.unwrap().is_none());
    });
}

#[test]
fn a_release_that_is_revoked_on_the_way_goes_back() {
    play(async |stage| {
        let (next, controller) = (stage.deployed().await, stage.cloud.controller());
        let rollout = controller.start(stage.plan(&controller, &next).await.unwrap()).await.unwrap();
        stage.drive_for(&rollout, 100).await;
        let revoke = Revoke { name: next.name().clone(), digest: next.digest(), by: "ann".into(), why: "a hole".into() };
        controller.registry().revoke(revoke).await.unwrap();
        assert_eq!(rollout.drive().await.unwrap(), Outcome::RolledBack);
        assert!(!stage.cloud.running().contains_key(&next.digest()));
    });
}

#[test]
fn anybody_may_stop_a_rollout_that_another_drives() {
    play(async |stage| {
        let (next, driver, other) = (stage.deployed().await, stage.cloud.controller(), stage.cloud.controller());
        let rollout = driver.start(stage.plan(&driver, &next).await.unwrap()).await.unwrap();
        stage.drive_for(&rollout, 100).await;
        let seen = other.rollout(stage.fleet.id()).await.unwrap().unwrap();
        assert_eq!(seen.id(), rollout.id());
        let command = seen.abort(AbortTo::Nothing, "bob").await.unwrap();
        stage.drive_for(&rollout, 10).await;
        let heard = |history: &[(StreamVersion, Recorded)]| {
            history.iter().find_map(|(_, recorded)| match &recorded.event {
                Event::Heard { command: id, by, refused, .. } if *id == command => Some((by.clone(), refused.clone())),
                _ => None,
            })
        };
        let (by, refused) = heard(&driver.history(stage.fleet.id()).await.unwrap()).expect("it was heard");
        assert_eq!(by.as_str(), "bob");
        assert!(refused.unwrap().contains("which this would remove"));
        seen.abort(AbortTo::Mixed, "bob").await.unwrap();
        assert_eq!(rollout.drive().await.unwrap(), Outcome::LeftMixed);
        assert!(seen.abort(AbortTo::Back, "bob").await.is_ok(), "it is written, and nobody hears it");
        assert_eq!(rollout.drive().await.unwrap(), Outcome::LeftMixed, "what has ended stays as it ended");
    });
}

#[test]
fn of_two_that_drive_the_later_one_goes_on() {
    play(async |stage| {
        let (next, first, second) = (stage.deployed().await, stage.cloud.controller(), stage.cloud.controller());
        let rollout = first.start(stage.plan(&first, &next).await.unwrap()).await.unwrap();
        let taken_over = async {
            stage.clock.sleep_until(stage.clock.now() + Duration::from_secs(100)).await;
            second.rollout(stage.fleet.id()).await.unwrap().unwrap().drive().await
        };
        let (fenced, end) = futures_util::future::join(rollout.drive(), taken_over).await;
        assert_eq!(fenced.unwrap_err().kind(), ErrorKind::Fenced);
        assert_eq!(end.unwrap(), Outcome::Succeeded);
        assert_eq!(stage.cloud.running(), [(next.digest(), 3)].into());
    });
}

#[test]
fn events_are_told_to_the_end_and_reports_in_sentences() {
    play(async |stage| {
        let (next, controller) = (stage.deployed().await, stage.cloud.controller());
        let rollout = controller.start(stage.plan(&controller, &next).await.unwrap()).await.unwrap();
        let (events, mut reports) = (rollout.events(StreamVersion(0)), rollout.reports());
        let mut said = Vec::new();
        let listen = async {
            while let Some(report) = reports.next().await {
                said.push(report.to_string());
            }
        };
        let (told, end) = {
            let both = futures_util::future::join(events.collect::<Vec<_>>(), rollout.drive());
            match select(std::pin::pin!(both), std::pin::pin!(listen)).await {
                Either::Left((both, _)) => both,
                Either::Right(_) => panic!("reports ended first"),
            }
        };
        assert_eq!(end.unwrap(), Outcome::Succeeded);
        let told: Vec<_> = told.into_iter().map(Result::unwrap).collect();
        assert_eq!(told, controller.history(stage.fleet.id()).await.unwrap());
        let first = "waiting for the first instance to be ready (boot deadline in 10m); rollback now would be instant";
        assert!(said.iter().any(|said| said == first), "{said:#?}");
        assert!(said.iter().any(|said| said.starts_with("waiting for 2 of 3 to be ready (web-0002-0-000001#")), "{said:#?}");
    });
}

/// The golden files are what users and later versions meet: read their diff before you keep it.
fn golden(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(text, expected, "{name} has changed; if it may: UPDATE_GOLDEN=1 cargo test --workspace --all-features");
}

#[test]
fn the_plan_is_the_golden_one() {
    play(async |stage| {
        let next = stage.deployed().await;
        let plan = stage.plan(&stage.cloud.controller(), &next).await.unwrap();
        golden("plan.txt", &format!("{plan}\n"));
        golden("plan.json", &(serde_json::to_string_pretty(&plan).unwrap() + "\n"));
        let kept: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        assert_eq!(kept, plan);
        let later = serde_json::to_string(&plan).unwrap().replace("\"format\":1", "\"format\":2");
        let error = serde_json::from_str::<Plan>(&later).unwrap_err().to_string();
        assert!(error.contains("a plan of format 2; this version reads format 1"), "{error}");
    });
}

#[test]
fn the_journal_is_the_golden_one() {
    play(async |stage| {
        let (next, controller) = (stage.deployed().await, stage.cloud.controller());
        let plan = stage.plan(&controller, &next).await.unwrap();
        assert_eq!(controller.run(plan).await.unwrap(), Outcome::Succeeded);
        let history = controller.history(stage.fleet.id()).await.unwrap();
        let lines = history.iter().map(|(_, recorded)| serde_json::to_string(recorded).unwrap() + "\n");
        golden("journal.jsonl", &lines.collect::<String>());
    });
}

/// What an earlier build wrote is read for ever.
#[test]
fn the_golden_journal_folds() {
    let text = include_str!("golden/journal.jsonl");
    let mut state = immutable_core::rollout::FleetState::new(Stage::new().fleet.id().clone());
    for line in text.lines() {
        let recorded: Recorded = serde_json::from_str(line).unwrap();
        state.evolve(&recorded).unwrap();
    }
    assert_eq!(state.last().map(|(_, outcome)| outcome.clone()), Some(Outcome::Succeeded));
    assert_eq!(state.proven().map(|proven| proven.instances), Some(3));
    let snapshot = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<immutable_core::rollout::FleetState>(&snapshot).unwrap(), state);
}
