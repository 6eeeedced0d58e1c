//! The controller as its users meet it, and the golden plan and journal of a small rollout.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use immutable_core::analysis::Judgement;
use immutable_core::id::{StepIx, StreamVersion};
use immutable_core::journal::{After, Compact, Journal, Keep};
use immutable_core::memory::MemoryOptions;
use immutable_core::provider::{Judge, judge_fn};
use immutable_core::registry::Revoke;
use immutable_core::rollout::{
    AbortTo, Analyse, Check, Event, Fate, FleetState, Otherwise, Percent, Phase, Recorded, Step, Supersede,
};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Artifact, Controller, ErrorKind, Fleet, MemoryCloud, Outcome, Plan, Result, Rollout, Strategy, Timestamp};

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

    /// A rollout to 1.1.0 that is begun and not driven, of a fleet that runs 1.0.0.
    async fn begun(&self) -> (Artifact, Controller, Rollout) {
        let (artifact, controller) = (self.deployed().await, self.cloud.controller());
        let plan = self.plan(&controller, &artifact).await.unwrap();
        let rollout = controller.start(plan).await.unwrap();
        (artifact, controller, rollout)
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
fn a_place_that_is_not_served_is_named_with_those_that_are() {
    play(async |stage| {
        let (next, controller) = (stage.deployed().await, stage.cloud.controller());
        let elsewhere = Fleet::new("web", "aws/123456789012/us-east-1".parse().unwrap()).size(3);
        let error = controller.plan(&elsewhere, &next, Strategy::rolling()).await.unwrap_err();
        assert!(error.message().contains("does not serve aws/123456789012/us-east-1, it serves memory/local/local"), "{error}");
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
fn who_asks_for_what_cannot_be_is_told_in_the_journal() {
    play(async |stage| {
        let (next, driver, other) = (stage.deployed().await, stage.cloud.controller(), stage.cloud.controller());
        let rollout = driver.start(stage.plan(&driver, &next).await.unwrap()).await.unwrap();
        stage.drive_for(&rollout, 100).await;
        let seen = other.rollout(stage.fleet.id()).await.unwrap().unwrap();
        assert_eq!(seen.id(), rollout.id());
        let command = seen.abort(AbortTo::Nothing, "bob").await.unwrap();
        assert_eq!(seen.fate(command).await.unwrap(), None, "nobody has heard it");
        stage.drive_for(&rollout, 10).await;
        let heard = |history: &[(StreamVersion, Recorded)]| {
            history.iter().find_map(|(_, recorded)| match &recorded.event {
                Event::Heard { command: id, by, refused, .. } if *id == command => Some((by.clone(), refused.clone())),
                _ => None,
            })
        };
        let (by, refused) = heard(&driver.history(stage.fleet.id()).await.unwrap()).expect("it was heard");
        assert_eq!(by.as_str(), "bob");
        assert!(refused.as_ref().unwrap().contains("which this would remove"));
        let refused = Fate::Refused(refused.unwrap());
        assert_eq!(seen.fate(command).await.unwrap().as_ref(), Some(&refused));
        let waits = async {
            let mixed = seen.abort(AbortTo::Mixed, "bob").await.unwrap();
            (mixed, seen.heard(mixed).await.unwrap())
        };
        let (outcome, (mixed, fate)) = futures_util::join!(rollout.drive(), waits);
        assert_eq!((outcome.unwrap(), fate), (Outcome::LeftMixed, Fate::CarriedOut));
        let late = seen.abort(AbortTo::Back, "bob").await.unwrap();
        assert_eq!(rollout.drive().await.unwrap(), Outcome::LeftMixed, "what has ended stays as it ended");
        for (command, fate) in [(command, refused), (mixed, Fate::CarriedOut), (late, Fate::Unheard)] {
            assert_eq!(rollout.fate(command).await.unwrap().as_ref(), Some(&fate), "of what has ended the history tells");
            assert_eq!(seen.heard(command).await.unwrap(), fate);
        }
        // Who drives the next finds it in the inbox.
        let next = driver.start(stage.plan(&driver, &next).await.unwrap()).await.unwrap();
        stage.drive_for(&next, 10).await;
        let about = Fate::Refused("it is about rollout 2, rollout 3 runs".into());
        assert_eq!(rollout.fate(late).await.unwrap(), Some(about));
    });
}

#[test]
fn a_plan_for_a_pool_that_is_not_there_is_refused() {
    play(async |stage| {
        let (first, controller) = (stage.cloud.bake("acmeinc/web", "1.0.0").unwrap(), stage.cloud.controller());
        let fleet = stage.fleet.clone().pool("front");
        let error = controller.plan(&fleet, &first, Strategy::rolling()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("no pool front"), "{error}");
        stage.cloud.pool("front");
        controller.plan(&fleet, &first, Strategy::rolling()).await.unwrap();
    });
}

/// A judge that takes so long, says this, and counts how often it was asked.
fn slow(clock: &VirtualClock, takes: Duration, says: Judgement) -> (impl Judge + use<>, Arc<AtomicU32>) {
    let (clock, asked) = (clock.clone(), Arc::new(AtomicU32::new(0)));
    let count = asked.clone();
    let judge = judge_fn(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        let (clock, says) = (clock.clone(), says.clone());
        async move {
            clock.sleep_until(clock.now() + takes).await;
            Ok(says)
        }
    });
    (judge, asked)
}

fn why_back(history: &[(StreamVersion, Recorded)]) -> Option<String> {
    history.iter().find_map(|(_, recorded)| match &recorded.event {
        Event::Moved { to: Phase::Reverting { why, .. } } => Some(why.to_string()),
        _ => None,
    })
}

#[test]
fn a_judge_that_hangs_keeps_no_other_from_being_asked() {
    play(async |stage| {
        let next = stage.deployed().await;
        let (hangs, hung) = slow(&stage.clock, Duration::MAX, Judgement::pass("never said"));
        let (errors, asked) = slow(&stage.clock, Duration::ZERO, Judgement::fail("too many"));
        let controller = stage.cloud.controller().judge("hangs", hangs).judge("errors", errors);
        let check = Check::by("hangs").within(Duration::from_secs(3600));
        let analyse = Analyse::by("errors").otherwise(Otherwise::Hold);
        let steps = [Step::scale(1), check.into(), analyse.into(), Step::scale(Percent::new(100).unwrap())];
        let plan = controller.plan(&stage.fleet, &next, Strategy::new(steps)).await.unwrap();
        let rollout = controller.start(plan).await.unwrap();
        let opens = async {
            stage.clock.sleep_until(stage.clock.now() + Duration::from_secs(300)).await;
            rollout.promote(StepIx(1), "ann").await.unwrap();
        };
        let (outcome, ()) = futures_util::join!(rollout.drive(), opens);
        assert_eq!(outcome.unwrap(), Outcome::RolledBack);
        assert_eq!((hung.load(Ordering::Relaxed), asked.load(Ordering::Relaxed)), (1, 1));
        let why = why_back(&controller.history(stage.fleet.id()).await.unwrap());
        assert_eq!(why.as_deref(), Some("`errors` says no: too many"));
    });
}

#[test]
fn a_judge_may_take_longer_than_is_between_two_questions() {
    let gate = || Analyse::by("slo").every(Duration::from_secs(10)).lasting(Duration::from_secs(60));
    for (says, outcome, times) in
        [(Judgement::fail("it is worse"), Outcome::RolledBack, 1), (Judgement::pass("it is fine"), Outcome::Succeeded, 5)]
    {
        play(async |stage| {
            let next = stage.deployed().await;
            let (judge, asked) = slow(&stage.clock, Duration::from_secs(15), says);
            let controller = stage.cloud.controller().judge("slo", judge);
            let strategy = Strategy::rolling().max_surge(1).gate(gate());
            let plan = controller.plan(&stage.fleet, &next, strategy).await.unwrap();
            assert_eq!(controller.run(plan).await.unwrap(), outcome);
            assert_eq!(asked.load(Ordering::Relaxed), times, "one question at a time, and one of the whole at the end");
        });
    }
}

#[test]
fn who_drives_has_the_judges_that_are_still_to_be_asked() {
    play(async |stage| {
        let next = stage.deployed().await;
        let (judge, _) = slow(&stage.clock, Duration::ZERO, Judgement::inconclusive("no data"));
        let (controller, other) = (stage.cloud.controller().judge("slo", judge), stage.cloud.controller());
        let strategy = Strategy::rolling().max_surge(1).gate(Check::by("slo"));
        let rollout = controller.start(controller.plan(&stage.fleet, &next, strategy).await.unwrap()).await.unwrap();
        let elsewhere = other.rollout(stage.fleet.id()).await.unwrap().unwrap();
        let lacks = "the strategy asks judge `slo`, which this controller does not have; add it with `Controller::judge`";
        assert_eq!(elsewhere.drive().await.unwrap_err().message(), lacks);
        assert!(matches!(rollout.drive().await.unwrap(), Outcome::Needs(_)));
        elsewhere.retry("ann").await.unwrap();
        assert_eq!(elsewhere.drive().await.unwrap_err().message(), lacks, "also when the gate is reached");
        elsewhere.abort(AbortTo::Back, "ann").await.unwrap();
        stage.drive_for(&rollout, 10).await;
        assert_eq!(elsewhere.drive().await.unwrap(), Outcome::RolledBack, "to go back nobody is asked");
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
    let mut state = FleetState::new(Stage::new().fleet.id().clone());
    for line in text.lines() {
        let recorded: Recorded = serde_json::from_str(line).unwrap();
        state.evolve(&recorded).unwrap();
    }
    assert_eq!(state.last().map(|(_, outcome)| outcome.clone()), Some(Outcome::Succeeded));
    assert_eq!(state.proven().map(|proven| proven.instances), Some(3));
    let snapshot = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<FleetState>(&snapshot).unwrap(), state);
}

#[test]
fn a_snapshot_is_what_its_records_amount_to() {
    play(async |stage| {
        let (fleet, controller) = (Fleet::new("web", stage.cloud.place()).size(40), stage.cloud.controller());
        for version in 1..9 {
            let artifact = stage.cloud.bake("acmeinc/web", &format!("1.{version}.0")).unwrap();
            let plan = controller.plan(&fleet, &artifact, Strategy::rolling().max_surge(4)).await.unwrap();
            assert_eq!(controller.run(plan).await.unwrap(), Outcome::Succeeded);
        }
        let journal = stage.cloud.journal();
        let loaded = journal.load(&fleet.id().stream(), After::Snapshot).await.unwrap();
        let (at, _) = loaded.snapshot.expect("a long stream has a snapshot");
        assert!(at.0 >= 512 && loaded.records.len() < 512, "{at} and {} records", loaded.records.len());
        let mut folded = FleetState::new(fleet.id().clone());
        let history = controller.history(fleet.id()).await.unwrap();
        assert_eq!(history.len() as u64, loaded.head.0, "the audit trail is whole");
        history.iter().for_each(|(_, recorded)| folded.evolve(recorded).unwrap());
        assert_eq!(controller.state(fleet.id()).await.unwrap(), folded);
        assert_eq!(stage.cloud.controller().state(fleet.id()).await.unwrap(), folded, "and so does who reads the snapshot");
    });
}

#[test]
fn what_others_wrote_is_read_on_top_of_what_is_known() {
    play(async |stage| {
        let (next, driver, other) = (stage.deployed().await, stage.cloud.controller(), stage.cloud.controller());
        let (id, stream) = (stage.fleet.id(), stage.fleet.id().stream());
        let before = other.state(id).await.unwrap();
        assert_eq!(driver.run(stage.plan(&driver, &next).await.unwrap()).await.unwrap(), Outcome::Succeeded);
        let after = other.state(id).await.unwrap();
        assert_ne!(before, after);
        assert_eq!(after, stage.cloud.controller().state(id).await.unwrap());
        // What it knew of is dropped, and something came after that.
        let (third, journal) = (stage.cloud.bake("acmeinc/web", "1.2.0").unwrap(), stage.cloud.journal());
        assert_eq!(driver.run(stage.plan(&driver, &third).await.unwrap()).await.unwrap(), Outcome::Succeeded);
        let now = driver.state(id).await.unwrap();
        let at = journal.load(&stream, After::Snapshot).await.unwrap().head;
        let snapshot = serde_json::to_vec(&serde_json::json!({ "v": 1, "state": now })).unwrap().into();
        journal.compact(Compact { stream, at, snapshot, keep: Keep::Nothing }).await.unwrap();
        assert_eq!(other.state(id).await.unwrap(), now);
    });
}

#[test]
fn deadlines_pass_for_whoever_drives_in_short_slices() {
    let stage = Stage::new();
    stage.clock.clone().run(async {
        let (artifact, _, rollout) = stage.begun().await;
        stage.cloud.never_healthy(&artifact);
        let began = stage.clock.now();
        for _ in 0..20 {
            // As a job that has four minutes, and comes again a minute later.
            let over = Box::pin(stage.clock.sleep_until(stage.clock.now() + Duration::from_secs(4 * 60)));
            if let Either::Left((outcome, _)) = select(Box::pin(rollout.drive()), over).await {
                assert_eq!(outcome.unwrap(), Outcome::RolledBack);
                let took = stage.clock.now().since(began).as_secs();
                assert!((600..1200).contains(&took), "its first instance had ten minutes, watched: {took} s");
                return;
            }
            stage.clock.sleep_until(stage.clock.now() + Duration::from_secs(60)).await;
        }
        panic!("nobody's patience ends");
    });
}

#[test]
fn whoever_drives_the_one_that_is_replaced_is_told_at_once() {
    let stage = Stage::new();
    stage.clock.clone().run(async {
        let (_, controller, rollout) = stage.begun().await;
        let (clock, next) = (&stage.clock, stage.cloud.bake("acmeinc/web", "1.2.0").unwrap());
        let strategy = Strategy::rolling().max_surge(1).supersede(Supersede::Replace);
        let took_place = async {
            clock.sleep_until(clock.now() + Duration::from_secs(100)).await;
            assert!(stage.plan(&controller, &next).await.is_err(), "it must be said");
            let plan = controller.plan(&stage.fleet, &next, strategy).await.unwrap();
            let next = controller.start(plan).await.unwrap();
            (next, clock.now())
        };
        let (ended, (next, begun)) = futures_util::future::join(rollout.drive(), took_place).await;
        assert_eq!(ended.unwrap(), Outcome::Superseded { by: next.id() });
        assert_eq!(clock.now(), begun);
        assert_eq!(rollout.drive().await.unwrap(), Outcome::Superseded { by: next.id() }, "and whoever asks again");
        assert_eq!(next.drive().await.unwrap(), Outcome::Succeeded);
        let proven = controller.state(stage.fleet.id()).await.unwrap().proven().unwrap().spec.version.to_string();
        assert_eq!((proven.as_str(), stage.cloud.sizes(stage.fleet.id()).len()), ("1.2.0", 1), "nothing is left of the other");
    });
}
