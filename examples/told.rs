//! What the examples of strategies share: time, a rollout told line by line, errors in one line.
#![allow(dead_code, reason = "no example uses all of it")]

use std::error::Error as _;
use std::future::Future;
use std::io::IsTerminal as _;
use std::mem::{Discriminant, discriminant};
use std::process::ExitCode;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use immutable_core::id::{Actor, StepIx};
use immutable_core::rollout::{Blocker, Event, Phase, Report};
use immutable_core::time::{Clock, ScaledClock, Sleep, VirtualClock};
use immutable_core::{Artifact, Controller, Error, Fleet, MemoryCloud, Outcome, Plan, Result, Rollout, Timestamp};

/// The time of an example, whichever it is.
#[derive(Clone, Debug)]
pub(crate) struct Time(Arc<dyn Clock>);

impl Clock for Time {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn sleep_until(&self, until: Timestamp) -> Sleep {
        self.0.sleep_until(until)
    }
}

/// Runs an example. On a terminal time runs 200 times as fast, so that there is something to watch; elsewhere it takes no time at all.
pub(crate) fn walk<W: Future<Output = Result<()>>>(walk: impl FnOnce(Time) -> W) -> ExitCode {
    let start = Timestamp::from_millis(1_795_233_600_000);
    let walked = if std::io::stdout().is_terminal() {
        match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime.block_on(async { walk(Time(Arc::new(ScaledClock::new(start, 200)))).await }),
            Err(why) => Err(Error::invalid("no runtime could be started").with_source(why)),
        }
    } else {
        let clock = VirtualClock::new(start);
        clock.run(walk(Time(Arc::new(clock.clone()))))
    };
    match walked {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", whole(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with what it comes from, in one line.
pub(crate) fn whole(error: &Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        said = format!("{said}: {source}");
        cause = source.source();
    }
    said
}

/// Starts a rollout and drives it to its end. What the engine says of itself is printed where it changes; at each look the `bystander` sees
/// the report, and may give a command as another process would.
pub(crate) async fn run(
    controller: &Controller,
    plan: Plan,
    mut bystander: impl AsyncFnMut(&Rollout, &Report) -> Result<()>,
) -> Result<Outcome> {
    drive(&controller.start(plan).await?, &mut bystander).await
}

/// Drives one that was started, as [`run`] does.
pub(crate) async fn drive(
    rollout: &Rollout,
    bystander: &mut impl AsyncFnMut(&Rollout, &Report) -> Result<()>,
) -> Result<Outcome> {
    let mut lines = Lines::default();
    let tell = async |rollout: &Rollout, report: &Report| {
        lines.tell(report);
        bystander(rollout, report).await
    };
    attend(rollout, tell).await
}

/// Drives one that was started, and prints nothing.
pub(crate) async fn attend(
    rollout: &Rollout,
    mut bystander: impl AsyncFnMut(&Rollout, &Report) -> Result<()>,
) -> Result<Outcome> {
    let (mut reports, mut end) = (rollout.reports(), Box::pin(rollout.drive()));
    loop {
        match select(reports.next(), end).await {
            Either::Left((Some(report), driving)) => {
                bystander(rollout, &report).await?;
                end = driving;
            }
            Either::Left((None, driving)) => return driving.await,
            Either::Right((outcome, _)) => return outcome,
        }
    }
}

/// Who gives no command.
pub(crate) async fn nobody(_: &Rollout, _: &Report) -> Result<()> {
    Ok(())
}

#[derive(Default)]
struct Lines {
    start: Option<Timestamp>,
    told: Option<Told>,
}

/// What a line is worth: nobody is told of each that leaves.
#[derive(PartialEq)]
struct Told {
    new: u32,
    share: Option<u64>,
    back: bool,
    waits: Vec<Discriminant<Blocker>>,
}

fn passes_by_itself(blocker: &Blocker) -> bool {
    matches!(blocker, Blocker::Settling { .. } | Blocker::Draining { .. } | Blocker::Leaving { .. })
}

impl Lines {
    fn tell(&mut self, report: &Report) {
        let since = report.at.since(*self.start.get_or_insert(report.at));
        let back = report.back.is_some();
        let turns = back && self.told.as_ref().is_none_or(|told| !told.back);
        // What waits for nothing goes on within a second. At the end, when nothing is wanted, what is left over is removed, and all is proven.
        if report.toward.is_none() || (report.waits.is_empty() && !turns) {
            return;
        }
        let (ready, others) = (report.counts.ready, report.counts.available.saturating_sub(report.counts.ready));
        // Going back, the old ones are wanted.
        let (old, new) = if back { (ready, others) } else { (others, ready) };
        let share = report.share.map(|(part, whole)| {
            let wanted = (u64::from(part) * 100 + u64::from(whole) / 2) / u64::from(whole.max(1));
            if back { 100 - wanted.min(100) } else { wanted }
        });
        let waits = report.waits.iter().filter(|blocker| !passes_by_itself(blocker)).map(discriminant).collect();
        let told = Told { new, share, back, waits };
        if self.told.as_ref() == Some(&told) {
            return;
        }
        if self.told.is_none() {
            println!("  time  old  new  share  (how many of each are ready, and what share of the requests the new get)");
        }
        let time = format!("{}:{:02}", since.as_secs() / 60, since.as_secs() % 60);
        let share = share.map_or_else(|| "-".to_owned(), |share| format!("{share}%"));
        println!("{time:>6}{old:>5}{new:>5}{share:>7}  {report}");
        self.told = Some(told);
    }
}

/// Goes on if a rollout ended as it should.
pub(crate) fn expect(outcome: Outcome, expected: &Outcome) -> Result<()> {
    if outcome == *expected {
        Ok(())
    } else {
        Err(Error::invalid(format!("the rollout ended otherwise than it should: {outcome}")))
    }
}

/// Why the last rollout went back, as its journal tells.
pub(crate) async fn why_back(controller: &Controller, fleet: &Fleet) -> Result<String> {
    let history = controller.history(fleet.id()).await?;
    let why = history.iter().rev().find_map(|(_, recorded)| match &recorded.event {
        Event::Moved { to: Phase::Reverting { why, .. } } => Some(why.to_string()),
        _ => None,
    });
    why.ok_or_else(|| Error::invalid("the journal does not tell why the rollout went back"))
}

/// The step that waits for somebody's approval, and who may give it, if one does.
pub(crate) fn approval(report: &Report) -> Option<(StepIx, Vec<Actor>)> {
    report.waits.iter().find_map(|blocker| match blocker {
        Blocker::Approval { step, by, .. } => Some((*step, by.clone())),
        _ => None,
    })
}

/// What the journal says was proven, held against what really runs.
pub(crate) async fn proof(controller: &Controller, cloud: &MemoryCloud, fleet: &Fleet, artifact: &Artifact) -> Result<String> {
    let state = controller.state(fleet.id()).await?;
    let proven = state.proven().filter(|proven| proven.spec.release.artifact == artifact.digest());
    let proven = proven.map_or(0, |proven| proven.instances);
    let running = cloud.running().get(&artifact.digest()).copied().unwrap_or(0);
    if usize::try_from(proven) != Ok(running) {
        return Err(Error::invalid(format!("{proven} instances of {artifact} are proven, and {running} run")));
    }
    Ok(format!("{artifact}: {proven} of {} proven", fleet.desired()))
}
