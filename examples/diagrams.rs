//! Draws the diagrams of `docs/strategies`: each strategy replaces a fleet of 12 in an in-memory cloud, and what was true at each moment is
//! drawn over time.
//!
//! ```text
//! cargo run --example diagrams
//! cargo run --example diagrams -- some/folder
//! ```

mod chart;
mod told;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use chart::{Chart, Moment, Rollback};
use clap::Parser;
use immutable_core::analysis::{Limit, Thresholds};
use immutable_core::fleet::{GenerationId, Life, Verdict};
use immutable_core::memory::{Effect, MemoryMetrics, MemoryOptions, What};
use immutable_core::provider::ThresholdJudge;
use immutable_core::rollout::{AbortTo, Analyse, Approve, Blocker, Ending, Event, Feasibility, Percent, Phase, Report, Step};
use immutable_core::time::VirtualClock;
use immutable_core::{Error, Fleet, MemoryCloud, Outcome, Result, Rollout, Strategy, Timestamp};

/// Draw what strategies do, from rollouts that were run.
#[derive(Parser)]
struct Args {
    /// Where the diagrams go.
    #[arg(default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/strategies"))]
    folder: PathBuf,
}

fn main() -> ExitCode {
    let Args { folder } = Args::parse();
    let drawn = scenes().and_then(|scenes| {
        scenes.iter().try_for_each(|scene| {
            let path = folder.join(format!("{}.svg", scene.file));
            let cannot = |why| Error::invalid(format!("{} cannot be written", path.display())).with_source(why);
            std::fs::write(&path, scene.play()?.svg()).map_err(cannot)
        })
    });
    match drawn {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", told::whole(&error));
            ExitCode::FAILURE
        }
    }
}

/// What is drawn.
struct Scene {
    file: &'static str,
    title: &'static str,
    strategy: Strategy,
    trouble: Trouble,
}

/// What happens to it.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    None,
    /// Somebody goes back while the old is kept.
    Regret,
    /// The new release errs when it has half of the requests.
    Errs,
}

fn scenes() -> Result<Vec<Scene>> {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let [few, tenth, quarter, half, all] =
        [Percent::new(5)?, Percent::new(10)?, Percent::new(25)?, Percent::new(50)?, Percent::new(100)?];
    let judged = || Analyse::by("errors").lasting(minutes(3)).every(Duration::from_secs(30));
    let blue_green = Strategy::blue_green().bake(minutes(2)).keep_old(minutes(5));
    let canary = Strategy::canary([tenth, half]).bake(Duration::ZERO).gate(judged());
    let own = Strategy::new([
        Step::scale_beside(quarter),
        Step::shift(few),
        judged().into(),
        Step::scale_beside(all),
        Step::shift(half),
        Approve::by(["ann"]).into(),
        Step::shift(all),
        Step::bake(minutes(2)),
    ]);
    let scene = |file, title, strategy, trouble| Scene { file, title, strategy, trouble };
    Ok(vec![
        scene("rolling", "Rolling, 12 instances, max_surge 3", Strategy::rolling().max_surge(3), Trouble::None),
        scene("blue_green", "Blue/green, 12 instances, bake 2 min, keep_old 5 min", blue_green.clone(), Trouble::None),
        scene("blue_green_back", "Blue/green, and back while the old is kept", blue_green, Trouble::Regret),
        scene("canary", "Canary of 10 % and 50 %, 12 instances, each judged for 3 min", canary.clone(), Trouble::None),
        scene("canary_back", "Canary that errs at 50 %, and goes back", canary, Trouble::Errs),
        scene("recreate", "Recreate, 12 instances", Strategy::recreate(), Trouble::None),
        scene(
            "custom",
            "A list of one's own, 12 instances, keep_old 5 min",
            own.max_surge(all).keep_old(minutes(5)),
            Trouble::None,
        ),
    ])
}

impl Scene {
    fn play(&self) -> Result<Chart> {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        clock.run(self.act(clock.clone()))
    }

    async fn act(&self, clock: VirtualClock) -> Result<Chart> {
        let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock).effects(100_000));
        let fleet = Fleet::new("web", cloud.place()).size(12).pool(cloud.pool("web"));
        let [first, next] = [cloud.bake("acmeinc/web", "1.0.0")?, cloud.bake("acmeinc/web", "1.1.0")?];
        let metrics = MemoryMetrics::new();
        metrics.set(&next, "error_rate", 0.001);
        let limits = Thresholds::new([Limit::at_most("error_rate", 0.01)])?;
        let controller = cloud.controller().judge("errors", ThresholdJudge::new(limits, Arc::new(metrics.clone())));
        told::expect(controller.run(controller.plan(&fleet, &first, Strategy::rolling()).await?).await?, &Outcome::Succeeded)?;

        let plan = controller.plan(&fleet, &next, self.strategy.clone()).await?;
        let (names, budget) = (plan.steps().iter().map(|planned| name(&planned.step)).collect::<Vec<_>>(), plan.budget());
        let rollout = controller.start(plan).await?;
        let mut reports: Vec<(Timestamp, Rollback)> = Vec::new();
        let (mut done, mut asked) = (false, None);
        let people = async |rollout: &Rollout, report: &Report| {
            reports.extend(rollback(report).map(|rollback| (report.at, rollback)));
            let keeps = report.waits.iter().any(|blocker| matches!(blocker, Blocker::KeepsOld { .. }));
            if let Some((step, named)) = told::approval(report) {
                // People take two minutes.
                if report.at >= *asked.get_or_insert(report.at) + Duration::from_secs(120) {
                    for by in named {
                        rollout.approve(step, by).await?;
                    }
                }
            } else if self.trouble == Trouble::Regret && keeps && !done {
                done = true;
                rollout.abort(AbortTo::Back, "ann").await?;
            } else if self.trouble == Trouble::Errs && report.counts.ready >= 6 && !done {
                done = true;
                metrics.set_from(report.at, &next, "error_rate", 0.2);
            }
            Ok(())
        };
        let ended = if self.trouble == Trouble::None { Outcome::Succeeded } else { Outcome::RolledBack };
        told::expect(told::attend(&rollout, people).await?, &ended)?;

        let history = controller.history(fleet.id()).await?;
        let opened = |event: &Event| matches!(event, Event::Opened { rollout: of, .. } if *of == rollout.id());
        let records: Vec<_> = history.iter().skip_while(|(_, recorded)| !opened(&recorded.event)).map(|(_, of)| of).collect();
        let ends = |records: &[&immutable_core::rollout::Recorded]| Some((records.first()?.at, records.last()?.at));
        let (start, end) = ends(&records).ok_or_else(|| Error::invalid("nothing was journaled"))?;
        let since = |at: Timestamp| at.since(start).as_millis() as f64 / 1000.0;
        let mut steps = vec![(0.0, names.first().cloned().unwrap_or_default())];
        for recorded in records {
            let begins = match &recorded.event {
                Event::Moved { to: Phase::Stepping { step, .. } } => names.get(usize::from(step.0)).cloned(),
                Event::Moved { to: Phase::Reverting { .. } } => Some("go back".to_owned()),
                Event::Moved { to: Phase::Finishing { ending: Ending::Keep, .. } } => Some("keep old".to_owned()),
                Event::Moved { to: Phase::Finishing { .. } } => Some("finish".to_owned()),
                _ => None,
            };
            // What comes after its gates is the last step once more.
            if let Some(begins) = begins.filter(|begins| steps.last().is_none_or(|(_, last)| last != begins)) {
                steps.push((since(recorded.at), begins));
            }
        }
        let mut rollback: Vec<(f64, Rollback)> = reports.into_iter().map(|(at, rollback)| (since(at), rollback)).collect();
        rollback.dedup_by_key(|(_, rollback)| *rollback);
        let mut moments: Vec<_> = moments(&cloud.effects(), start).into_iter().map(|(at, moment)| (since(at), moment)).collect();
        if let Some((before, _)) = moments.first_mut() {
            *before = -chart::BEFORE;
        }
        let (title, end) = (self.title.to_owned(), since(end) + 15.0);
        Ok(Chart { title, moments, steps, rollback, floor: budget.floor, ceiling: budget.ceiling, end })
    }
}

fn name(step: &Step) -> String {
    match step {
        Step::Scale { to, .. } => format!("scale {to}"),
        Step::Shift { to } => format!("shift {to}"),
        Step::Bake { .. } => "bake".to_owned(),
        Step::Approve(_) => "approve".to_owned(),
        gate => gate.judge().map_or_else(|| gate.to_string(), |_| "judge".to_owned()),
    }
}

/// What a report says of going back.
fn rollback(report: &Report) -> Option<Rollback> {
    if report.back.is_some() {
        return Some(Rollback::Under);
    }
    match report.rollback {
        Feasibility::Instant => Some(Rollback::Instant),
        Feasibility::Partial { .. } => Some(Rollback::Partial),
        Feasibility::Replace => Some(Rollback::Again),
        _ => None,
    }
}

/// The truth from a time on, from all that happened: the first generation is the old one.
fn moments(effects: &[Effect], start: Timestamp) -> Vec<(Timestamp, Moment)> {
    let mut machines = BTreeMap::new();
    let mut weights: BTreeMap<GenerationId, u16> = BTreeMap::new();
    let mut moments: Vec<(Timestamp, Moment)> = Vec::new();
    for effect in effects {
        let generation = effect.group.map(|group| group.generation);
        match (&effect.what, generation) {
            (What::Launched(key), Some(generation)) => {
                machines.insert(key.clone(), (generation, Life::Requested, Verdict::Starting));
            }
            (What::Lives(key, Life::Gone), _) => {
                machines.remove(key);
            }
            (What::Lives(key, life), _) => {
                machines.entry(key.clone()).and_modify(|(_, is, _)| *is = *life);
            }
            // Who drains gets nothing new: it is as good as gone.
            (What::Draining(_, key), _) => {
                machines.entry(key.clone()).and_modify(|(_, is, _)| *is = Life::Leaving);
            }
            (What::Judged(key, verdict), _) => {
                machines.entry(key.clone()).and_modify(|(.., is)| *is = *verdict);
            }
            (What::InForce(_, set), _) => weights.clone_from(set),
            (What::Deleted, Some(gone)) => machines.retain(|_, (generation, ..)| *generation != gone),
            _ => continue,
        }
        let ready = |of: GenerationId| {
            let serves = |(generation, life, verdict): &&(GenerationId, Life, Verdict)| {
                *generation == of && *life == Life::Running && *verdict == Verdict::Healthy
            };
            u32::try_from(machines.values().filter(serves).count()).unwrap_or(u32::MAX)
        };
        let (old, new) = (ready(GenerationId(1)), ready(GenerationId(2)));
        let all: f64 = weights.values().map(|weight| f64::from(*weight)).sum();
        // A share of which nobody is ready is lost.
        let share = |of: u32, ready: u32| match weights.get(&GenerationId(of)) {
            Some(weight) if ready > 0 && all > 0.0 => f64::from(*weight) / all,
            _ => 0.0,
        };
        let live = u32::try_from(machines.len()).unwrap_or(u32::MAX);
        let moment = Moment { old, new, live, served: (share(1, old), share(2, new)) };
        let at = effect.at.max(start);
        match moments.last_mut() {
            Some((last, was)) if *last == at => *was = moment,
            Some((_, was)) if *was == moment => {}
            _ => moments.push((at, moment)),
        }
    }
    moments
}
