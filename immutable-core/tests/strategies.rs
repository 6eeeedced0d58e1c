//! What `docs/strategies` says, run: its programs, and what its tables claim. That they are the same text is checked here too.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use immutable_core::analysis::{Judgement, Limit, Thresholds};
use immutable_core::fleet::{GenerationId, Split};
use immutable_core::id::{Actor, StepIx, StreamVersion};
use immutable_core::memory::{MemoryMetrics, MemoryOptions, What as Happened};
use immutable_core::provider::{ThresholdJudge, judge_fn};
use immutable_core::rollout::{
    AbortTo, Analyse, Approve, Blocker, Command, CommandId, Event, FleetState, OnResize, Percent, Report, Step, What, command,
};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Artifact, Controller, Error, ErrorKind, Fleet, MemoryCloud, Outcome, Result, Rollout, Strategy, Timestamp};

const MINUTE: Duration = Duration::from_secs(60);

/// The programs of the pages.
mod programs {
    use super::*;

    pub(super) async fn rolling(controller: &Controller, fleet: &Fleet, artifact: &Artifact) -> Result<Outcome> {
        // A fleet of 12: at most 15 exist, at least 11 are ready.
        let strategy = Strategy::rolling().max_surge(3).max_unavailable(1);
        let plan = controller.plan(fleet, artifact, strategy).await?;
        controller.run(plan).await
    }

    pub(super) async fn blue_green(controller: &Controller, fleet: &Fleet, artifact: &Artifact) -> Result<Outcome> {
        let strategy = Strategy::blue_green()
            .bake(Duration::from_secs(120)) // with all requests, before it is proven
            .keep_old(Duration::from_secs(600)); // after that
        let plan = controller.plan(fleet, artifact, strategy).await?;
        controller.run(plan).await
    }

    pub(super) fn canary(controller: Controller, metrics: MemoryMetrics) -> Result<(Controller, Strategy)> {
        let limits = Thresholds::new([
            Limit::at_most("error_rate", 0.01),
            Limit::at_most_times_old("latency_p99_ms", 1.2).fine_at(400.0), // whatever the old is like
        ])?;
        let judge = ThresholdJudge::new(limits.least_samples(100), std::sync::Arc::new(metrics));
        let controller = controller.judge("slo", judge);

        let strategy = Strategy::canary([Percent::new(10)?, Percent::new(50)?])
            .bake(Duration::ZERO) // no pause besides the judge's
            .gate(Analyse::by("slo").lasting(Duration::from_secs(300)))
            .gate(Approve::by(["ann", "bob"]));
        Ok((controller, strategy))
    }

    pub(super) async fn recreate(controller: &Controller, fleet: &Fleet, artifact: &Artifact) -> Result<Outcome> {
        let plan = controller.plan(fleet, artifact, Strategy::recreate()).await?;
        controller.run(plan).await
    }

    pub(super) async fn zones(controller: &Controller, fleet: &Fleet, artifact: &Artifact) -> Result<Outcome> {
        // 12 instances in three zones, four in each. The first zone bakes for half an hour, the others for five minutes.
        let strategy = Strategy::zone_by_zone(Duration::from_secs(1800))
            .bake_each_zone(Duration::from_secs(300))
            .max_surge(4) // a zone at once
            .max_unavailable_per_zone(1);
        let fleet = fleet.clone().zones(["a", "b", "c"].map(Into::into));
        let plan = controller.plan(&fleet, artifact, strategy).await?;
        controller.run(plan).await
    }

    pub(super) fn custom() -> Result<Strategy> {
        let [few, quarter, half, all] = [Percent::new(5)?, Percent::new(25)?, Percent::new(50)?, Percent::new(100)?];
        let strategy = Strategy::new([
            Step::scale_beside(quarter),
            Step::shift(few),
            Analyse::by("errors").lasting(Duration::from_secs(300)).into(),
            Step::scale_beside(all),
            Step::shift(half),
            Approve::by(["ann", "bob"]).into(),
            Step::shift(all),
            Step::bake(Duration::from_secs(120)),
        ]);
        Ok(strategy.max_surge(all).keep_old(Duration::from_secs(600)))
    }

    pub(super) async fn beside() -> Result<Strategy> {
        let (tenth, half, all) = (Percent::new(10)?, Percent::new(50)?, Percent::new(100)?);
        let strategy = Strategy::new([
            Step::scale_beside(tenth),
            Step::shift(tenth),
            Step::bake(Duration::from_secs(300)),
            Step::scale_beside(half),
            Step::shift(half),
            Step::bake(Duration::from_secs(300)),
            Step::scale_beside(all),
            Step::shift(all),
        ]);
        Ok(strategy.max_surge(all))
    }

    pub(super) async fn commands(rollout: &Rollout) -> Result<()> {
        rollout.pause("ann").await?;
        rollout.resume("ann").await?;
        rollout.approve(StepIx(2), "bob").await?; // the gate of the third step
        rollout.promote(StepIx(2), "ann").await?; // opens it, whatever it waits for
        rollout.retry("ann").await?;
        rollout.abort(AbortTo::Back, "ann").await?;
        Ok(())
    }
}

/// A fleet of 12 that runs 1.0.0, its cloud, and 1.1.0 to replace it.
struct Stage {
    clock: VirtualClock,
    cloud: MemoryCloud,
    controller: Controller,
    fleet: Fleet,
    next: Artifact,
}

fn percent(percent: u32) -> Percent {
    Percent::new(percent).unwrap()
}

impl Stage {
    fn new(split: impl Into<Option<Split>>) -> Self {
        let split = split.into();
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let options = MemoryOptions::seeded(7).clock(clock.clone()).effects(100_000);
        let cloud = MemoryCloud::with(split.map_or(options.clone(), |split| options.split(split)));
        let fleet = Fleet::new("web", cloud.place()).size(12);
        let fleet = if split.is_some() { fleet.pool(cloud.pool("web")) } else { fleet };
        let [first, next] = ["1.0.0", "1.1.0"].map(|version| cloud.bake("acmeinc/web", version).unwrap());
        let fine = || judge_fn(|_| async { Ok(Judgement::pass("fine")) });
        let controller = cloud.controller().judge("errors", fine());
        let stage = Self { clock, cloud, controller, fleet, next };
        let everything = Strategy::rolling().max_surge(percent(100));
        assert_eq!(stage.run(async |stage| stage.replace(&first, everything).await), Outcome::Succeeded);
        stage
    }

    fn run<T>(&self, act: impl AsyncFnOnce(&Self) -> Result<T>) -> T {
        self.clock.run(act(self)).unwrap()
    }

    async fn replace(&self, artifact: &Artifact, strategy: Strategy) -> Result<Outcome> {
        self.controller.run(self.controller.plan(&self.fleet, artifact, strategy).await?).await
    }

    /// Starts a rollout to 1.1.0 and drives it; at each look somebody sees the report.
    async fn watched(
        &self,
        strategy: Strategy,
        mut somebody: impl AsyncFnMut(&Rollout, &Report) -> Result<()>,
    ) -> Result<Outcome> {
        let rollout = self.controller.start(self.controller.plan(&self.fleet, &self.next, strategy).await?).await?;
        let (mut reports, mut end) = (rollout.reports(), Box::pin(rollout.drive()));
        loop {
            match select(reports.next(), end).await {
                Either::Left((Some(report), driving)) => {
                    somebody(&rollout, &report).await?;
                    end = driving;
                }
                Either::Left((None, driving)) => return driving.await,
                Either::Right((outcome, _)) => return outcome,
            }
        }
    }

    /// Somebody goes back at some moment: how many seconds after that the old have all requests again, and how many were launched.
    fn way_back(&self, strategy: Strategy, at: impl Fn(&Report) -> bool) -> (u64, u64) {
        let mut asked = None;
        let outcome = self.run(async |stage| {
            let somebody = async |rollout: &Rollout, report: &Report| {
                if asked.is_none() && at(report) {
                    asked = Some((report.at, stage.cloud.launched()));
                    rollout.abort(AbortTo::Back, "ann").await?;
                }
                Ok(())
            };
            stage.watched(strategy, somebody).await
        });
        assert_eq!(outcome, Outcome::RolledBack);
        let (asked, launched) = asked.unwrap();
        let back = self.cloud.effects().into_iter().find(|effect| match &effect.what {
            Happened::InForce(_, weights) if effect.at > asked => {
                weights.iter().all(|(id, weight)| (*weight > 0) == (*id == GenerationId(1)))
            }
            _ => false,
        });
        (back.unwrap().at.since(asked).as_secs(), self.cloud.launched() - launched)
    }
}

const WEIGHTED: Split = Split::Weighted { generations: 5, parts: 1000 };

fn waits(report: &Report, what: fn(&Blocker) -> bool) -> bool {
    report.waits.iter().any(what)
}

#[test]
fn the_programs_run() {
    for program in 0..4 {
        let stage = Stage::new(WEIGHTED);
        let outcome = stage.run(async |Stage { controller, fleet, next, .. }| match program {
            0 => programs::rolling(controller, fleet, next).await,
            1 => programs::blue_green(controller, fleet, next).await,
            2 => programs::zones(controller, fleet, next).await,
            _ => programs::recreate(controller, fleet, next).await,
        });
        assert_eq!(outcome, Outcome::Succeeded);
    }
    let stage = Stage::new(WEIGHTED);
    let (controller, strategy) = programs::canary(stage.controller.clone(), MemoryMetrics::new()).unwrap();
    stage.run(async |stage| controller.plan(&stage.fleet, &stage.next, strategy).await);
    for strategy in [programs::custom(), stage.run(async |_| Ok(programs::beside().await))] {
        let stage = Stage::new(WEIGHTED);
        let outcome = stage.run(async |stage| {
            let approves = async |rollout: &Rollout, report: &Report| {
                let asks = |blocker: &Blocker| if let Blocker::Approval { step, .. } = blocker { Some(*step) } else { None };
                if let Some(step) = report.waits.iter().find_map(asks) {
                    assert_eq!(step, StepIx(5));
                    rollout.approve(step, "ann").await?;
                }
                Ok(())
            };
            stage.watched(strategy?, approves).await
        });
        assert_eq!(outcome, Outcome::Succeeded);
    }
}

#[test]
fn the_table_of_ways_back() {
    let half = |report: &Report| waits(report, |blocker| matches!(blocker, Blocker::Bake { .. })) && report.counts.ready >= 6;
    let keeps = |report: &Report| waits(report, |blocker| matches!(blocker, Blocker::KeepsOld { .. }));
    let canary = || Strategy::canary([percent(10), percent(50)]);
    let beside = Stage::new(None).run(async |_| programs::beside().await);
    let rows = [
        ("blue/green, while it keeps the old", Stage::new(WEIGHTED).way_back(Strategy::blue_green(), keeps)),
        ("canary at 50 %, the old beside it", Stage::new(WEIGHTED).way_back(beside, half)),
        ("canary at 50 %", Stage::new(WEIGHTED).way_back(canary(), half)),
        ("canary at 50 %, max_unavailable 50 %", Stage::new(WEIGHTED).way_back(canary().max_unavailable(percent(50)), half)),
        ("rolling, half done", Stage::new(WEIGHTED).way_back(Strategy::rolling(), |report| report.counts.ready >= 6)),
        ("recreate, half done", Stage::new(WEIGHTED).way_back(Strategy::recreate(), |report| report.counts.ready >= 6)),
    ];
    has("README.md", &rows.map(|(name, (seconds, launched))| format!("| {name} | {seconds} s | {launched} |")));
}

#[test]
fn the_table_of_pools() {
    let strategies = [
        ("rolling", Strategy::rolling()),
        ("blue/green", Strategy::blue_green()),
        ("canary", Strategy::canary([percent(10), percent(50)])),
        ("recreate", Strategy::recreate()),
        ("zone by zone", Strategy::zone_by_zone(5 * MINUTE)),
    ];
    let rows = strategies.map(|(name, strategy)| {
        let zones = if name == "zone by zone" { &["a", "b", "c"][..] } else { &[] };
        let fleet = |stage: &Stage| stage.fleet.clone().zones(zones.iter().map(|zone| (*zone).into()));
        let fits = [None, Some(Split::Pooled), Some(Split::Binary), Some(WEIGHTED)].map(|split| {
            let stage = Stage::new(split);
            let planned = stage.clock.run(stage.controller.plan(&fleet(&stage), &stage.next, strategy.clone()));
            if planned.is_ok() { "yes" } else { "no" }
        });
        let plan = Stage::new(WEIGHTED);
        let budget = plan.run(async |stage| stage.controller.plan(&fleet(stage), &stage.next, strategy).await).budget();
        format!("| {name} | {} | {} | {} |", budget.ceiling, budget.floor, fits.join(" | "))
    });
    has("README.md", &rows);
}

/// Tells a phase by what `Debug` prints of it.
type Is = fn(&str) -> bool;

/// Which commands are accepted at which moment of rollouts that were run.
#[test]
fn the_table_of_commands() {
    let phases: [(&str, Is); 9] = [
        ("being made", |phase| phase.starts_with("Preparing")),
        ("on its way", |phase| phase.starts_with("Stepping") && phase.contains("Moving")),
        ("at another gate", |phase| phase.starts_with("Stepping { step: StepIx(1), at: Gating")),
        ("at an approval", |phase| phase.starts_with("Stepping { step: StepIx(2), at: Gating")),
        ("keeping the old", |phase| phase.starts_with("Finishing { ending: Keep")),
        ("going back", |phase| phase.starts_with("Reverting")),
        ("finishing", |phase| phase.starts_with("Finishing { ending: Forward")),
        ("paused there", |phase| phase.starts_with("Held { why: Paused")),
        ("asking for it", |phase| phase.starts_with("Held { why: Needs")),
    ];
    let moments = moments();
    let find = |is: Is| {
        let found = moments.iter().find(|state| state.rollout().is_some_and(|rollout| is(&format!("{:?}", rollout.phase))));
        found.expect("it was there")
    };
    let mut table = vec![format!("| | {} |", phases.map(|(name, _)| name).join(" | "))];
    for (name, what) in [
        ("pause", What::Pause),
        ("resume", What::Resume),
        ("approve", What::Approve(StepIx(2))),
        ("promote", What::Promote(StepIx(0))),
        ("retry", What::Retry),
        ("abort back", What::Abort(AbortTo::Back)),
        ("abort, leave mixed", What::Abort(AbortTo::Mixed)),
    ] {
        let cells = phases.map(|(_, is)| {
            let state = find(is);
            let rollout = state.rollout().expect("one runs");
            // It is about the step that is waited at.
            let what = match (what, format!("{:?}", rollout.phase).contains("step: StepIx(1)")) {
                (What::Promote(_), true) => What::Promote(StepIx(1)),
                // Keeping the old counts as one behind the last.
                (What::Promote(_), false) if format!("{:?}", rollout.phase).contains("Keep") => What::Promote(StepIx(4)),
                (What::Promote(_), false) => What::Promote(StepIx(2)),
                (what, _) => what,
            };
            let asked = Command { id: CommandId::of(name), by: Actor::new("ann"), about: rollout.id, what };
            let inbox = StreamVersion(state.inbox_read().0 + 1);
            let events = command(state, &asked, inbox, state.at());
            let refused = events.iter().any(|event| matches!(event, Event::Heard { refused: Some(_), .. }));
            if refused { "" } else { "yes" }
        });
        table.push(format!("| {name} | {} |", cells.join(" | ")));
    }
    has("README.md", &table);
}

/// Every state that two rollouts went through: one that asks and goes back, one that is paused and keeps the old.
fn moments() -> Vec<FleetState> {
    let gated = |approve: Approve| {
        let all = percent(100);
        let steps = [Step::scale_beside(all), Step::bake(MINUTE), approve.into(), Step::shift(all)];
        Strategy::new(steps).max_surge(all).keep_old(MINUTE)
    };
    let mut states = Vec::new();
    for late in [false, true] {
        let stage = Stage::new(WEIGHTED);
        stage.run(async |stage| {
            let mut paused = false;
            let somebody = async |rollout: &Rollout, report: &Report| {
                let asks = waits(report, |blocker| matches!(blocker, Blocker::Approval { .. })) && !late;
                if asks && !std::mem::replace(&mut paused, true) {
                    rollout.pause("ann").await?;
                } else if asks {
                    rollout.approve(StepIx(2), "ann").await?;
                } else if waits(report, |blocker| matches!(blocker, Blocker::Paused { .. })) {
                    rollout.resume("ann").await?;
                }
                Ok(())
            };
            let approve = Approve::by(["ann"]);
            let outcome = stage.watched(gated(if late { approve.within(MINUTE) } else { approve }), somebody).await?;
            if late {
                assert!(matches!(outcome, Outcome::Needs(_)), "{outcome}");
                let rollout = stage.controller.rollout(stage.fleet.id()).await?.ok_or_else(|| Error::invalid("none runs"))?;
                rollout.abort(AbortTo::Back, "ann").await?;
                assert_eq!(rollout.drive().await?, Outcome::RolledBack);
            } else {
                assert_eq!(outcome, Outcome::Succeeded);
            }
            let mut state = FleetState::new(stage.fleet.id().clone());
            for (_, recorded) in stage.controller.history(stage.fleet.id()).await? {
                state.evolve(&recorded)?;
                // Of the first deployment nothing is said.
                if state.rollout().is_some_and(|rollout| rollout.baseline.is_some()) {
                    states.push(state.clone());
                }
            }
            Ok(())
        });
    }
    states
}

/// Who needs the fleet for something else does not wait until the old have been kept for an hour.
#[test]
fn the_old_that_are_kept_can_be_let_go() {
    let stage = Stage::new(WEIGHTED);
    let mut told = None;
    let outcome = stage.run(async |stage| {
        let somebody = async |rollout: &Rollout, report: &Report| {
            let keeps = |blocker: &Blocker| if let Blocker::KeepsOld { step, .. } = blocker { Some(*step) } else { None };
            if let Some(step) = report.waits.iter().find_map(keeps).filter(|_| told.is_none()) {
                let busy = stage.controller.plan(&stage.fleet, &stage.next, Strategy::rolling()).await.unwrap_err();
                assert_eq!(busy.kind(), ErrorKind::Busy);
                told = Some((report.at, rollout.promote(step, "ann").await?));
                // A report says all of this to other programs, too.
                let json = serde_json::to_string(report).map_err(|_| Error::invalid("it has no JSON form"))?;
                assert!(json.contains(r#""waits":[{"keeps_old":{"step":3,"until":"#), "{json}");
                assert_eq!(serde_json::from_str::<Report>(&json).ok().as_ref(), Some(report));
            }
            Ok(())
        };
        stage.watched(Strategy::blue_green(), somebody).await
    });
    assert_eq!(outcome, Outcome::Succeeded);
    let took = stage.clock.now().since(told.expect("it was kept").0);
    assert!(took < 10 * MINUTE, "{took:?}");
    assert_eq!(stage.cloud.running().values().sum::<usize>(), 12);
}

#[test]
fn commands_may_be_given_by_anybody_at_any_time() {
    let stage = Stage::new(WEIGHTED);
    stage.run(async |stage| {
        let plan = stage.controller.plan(&stage.fleet, &stage.next, Strategy::rolling()).await?;
        let rollout = stage.controller.start(plan).await?;
        programs::commands(&rollout).await?;
        assert_eq!(rollout.drive().await?, Outcome::RolledBack);
        Ok(())
    });
}

#[test]
fn what_the_pages_show_refused_is() {
    let refused_in = |zones: &[&str], name: &str, split: Option<Split>, strategy: Strategy| {
        let stage = Stage::new(split);
        let fleet = stage.fleet.clone().zones(zones.iter().map(|zone| (*zone).into()));
        let why = stage.clock.run(stage.controller.plan(&fleet, &stage.next, strategy)).unwrap_err().to_string();
        let strip = |text: &str| text.split_whitespace().collect::<String>();
        assert!(strip(&page(name)).contains(&strip(&why)), "docs/strategies/{name} should have the words\n{why}");
    };
    let refused = |name: &str, split, strategy| refused_in(&[], name, split, strategy);
    refused("rolling.md", Some(Split::Binary), Strategy::rolling());
    refused("blue_green.md", None, Strategy::blue_green());
    refused("blue_green.md", Some(WEIGHTED), Strategy::blue_green().max_surge(percent(25)));
    refused("recreate.md", None, Strategy::recreate().max_unavailable(3));
    let (zones, by_zone) = (["a", "b", "c"], || Strategy::zone_by_zone(MINUTE));
    refused("zones.md", None, by_zone());
    refused_in(&zones, "zones.md", Some(Split::Binary), by_zone().max_surge(percent(100)));
    refused_in(&zones, "zones.md", None, by_zone().on_resize(OnResize::NewFirst));
    refused_in(&zones, "zones.md", None, by_zone().max_surge(0).max_unavailable(1).max_unavailable_per_zone(0));
}

#[test]
fn what_a_plan_says_of_zones_is_on_the_page() {
    let stage = Stage::new(None);
    let strategy = Strategy::zone_by_zone(30 * MINUTE).bake_each_zone(5 * MINUTE).max_surge(4).max_unavailable_per_zone(1);
    let fleet = stage.fleet.clone().zones(["a", "b", "c"].map(Into::into));
    let plan = stage.run(async |stage| stage.controller.plan(&fleet, &stage.next, strategy).await);
    let printed = plan.to_string();
    let lines: Vec<_> =
        printed.lines().filter(|line| line.contains("step ") || line.contains("of them")).map(str::to_owned).collect();
    assert_eq!(lines.len(), 6, "{printed}");
    has("zones.md", &lines);
}

fn page(name: &str) -> String {
    let path = format!("{}/../docs/strategies/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// Whether a page has this table, however its columns are aligned.
#[track_caller]
fn has(name: &str, table: &[String]) {
    let plain = |line: &str| line.split_whitespace().collect::<String>();
    let page: Vec<String> = page(name).lines().map(plain).collect();
    let there = table.iter().all(|line| page.contains(&plain(line)));
    assert!(there, "docs/strategies/{name} should have the lines\n{}", table.join("\n"));
}

#[test]
fn the_pages_say_the_same() {
    let strip = |text: &str| text.split_whitespace().collect::<String>();
    let here = strip(include_str!("strategies.rs"));
    for name in ["README.md", "rolling.md", "blue_green.md", "canary.md", "recreate.md", "custom.md", "zones.md"] {
        let page = page(name);
        let programs: Vec<_> = page.split("```rust\n").skip(1).filter_map(|block| block.split("```").next()).collect();
        assert!(!programs.is_empty(), "{name} has no program");
        for program in programs {
            assert!(here.contains(&strip(program)), "a program of {name} is not one that is run here:\n{program}");
        }
    }
}
