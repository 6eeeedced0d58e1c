//! A fleet is replaced from real Packer manifests: 1.0.0 is deployed, 1.1.0 takes its place, a bad 1.2.0 is stopped at its first
//! instance and rolled back. In an in-memory cloud, so it needs nothing but Rust.
//!
//! ```text
//! cargo run --example quickstart
//! cargo run --example quickstart -- --manifest path/to/manifest.json
//! ```

mod progress;

use std::error::Error as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use immutable_core::memory::MemoryOptions;
use immutable_core::pipeline::packer;
use immutable_core::time::{Clock, ScaledClock, VirtualClock};
use immutable_core::{Artifact, Controller, Error, Fleet, MemoryCloud, Outcome, Plan, Result, Strategy, Timestamp};

/// Replace a fleet, then try to replace it with something that does not work.
#[derive(Parser)]
struct Args {
    /// A manifest of Packer's `manifest` post-processor, in place of the one of acmeinc/web 1.1.0.
    #[arg(long, value_name = "PATH")]
    manifest: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let start = Timestamp::from_millis(1_795_233_600_000);
    // On a terminal time runs 200 times as fast, so that there is something to watch; elsewhere it takes no time at all.
    let walked = if std::io::stdout().is_terminal() {
        match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime.block_on(async { walk(&args, ScaledClock::new(start, 200)).await }),
            Err(why) => Err(Error::invalid("no runtime could be started").with_source(why)),
        }
    } else {
        let clock = VirtualClock::new(start);
        clock.run(walk(&args, clock.clone()))
    };
    match walked {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("error: {error}");
            let mut cause = error.source();
            while let Some(source) = cause {
                eprint!(": {source}");
                cause = source.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

async fn walk(args: &Args, clock: impl Clock + 'static) -> Result<()> {
    // What Packer built: two AMIs each, in two regions, with name and version in the manifest's custom data.
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    let shipped = |version: &str| read(&manifests.join(format!("acmeinc-web-{version}.json")));
    let first = shipped("1.0.0")?;
    let next = match &args.manifest {
        Some(path) => read(path)?,
        None => shipped("1.1.0")?,
    };
    let bad = shipped("1.2.0")?;
    if [first.digest(), bad.digest()].contains(&next.digest()) {
        return Err(Error::invalid(format!("{next} has a part in this walk already; give the manifest of another build")));
    }

    // A cloud to play in. It takes an image of a known artifact as any other cloud takes a copy: the artifact stays the same.
    let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock));
    let [first, next, bad] = [cloud.import(&first)?, cloud.import(&next)?, cloud.import(&bad)?];
    cloud.never_healthy(&bad);

    // A controller, here with a journal in memory, and the registry that stands on it. What is published never changes.
    let controller = cloud.controller();
    for artifact in [&first, &next, &bad] {
        controller.registry().publish(artifact, &"quickstart".into()).await?;
        println!("published {artifact} ({:#}), built as {}", artifact.digest(), images(artifact));
    }

    // Twelve machines, and how they are replaced: at most three more than that at any time, and never fewer ready.
    let fleet = Fleet::new("web", cloud.place()).size(12).boot_deadline(Duration::from_secs(180));
    let strategy = Strategy::rolling().max_surge(3).progress_deadline(Duration::from_secs(600));

    println!("\n== {first}, the first deployment");
    let plan = controller.plan(&fleet, &first, strategy.clone()).await?;
    expect(run(&controller, plan).await?, &Outcome::Succeeded)?;
    println!("deployed {}", proof(&controller, &cloud, &fleet, &first).await?);

    println!("\n== {next} takes its place");
    let plan = controller.plan(&fleet, &next, strategy.clone()).await?;
    println!("{plan}\n");
    expect(run(&controller, plan).await?, &Outcome::Succeeded)?;
    println!("replaced by {}", proof(&controller, &cloud, &fleet, &next).await?);

    println!("\n== {bad}, which never becomes healthy");
    let plan = controller.plan(&fleet, &bad, strategy).await?;
    println!("{plan}\n");
    expect(run(&controller, plan).await?, &Outcome::RolledBack)?;
    println!("rolled back to {}", proof(&controller, &cloud, &fleet, &next).await?);
    Ok(())
}

fn read(manifest: &Path) -> Result<Artifact> {
    // These manifests are of runs that succeeded: a run that failed still writes the builds that did not.
    packer::read(manifest).succeeded().aws_account("123456789012").gcp_project("acmeinc").artifact()
}

/// Starts a rollout and drives it to its end, showing what the engine says of itself on the way.
async fn run(controller: &Controller, plan: Plan) -> Result<Outcome> {
    let rollout = controller.start(plan).await?;
    let mut progress = progress::Progress::new();
    let mut reports = rollout.reports();
    let mut end = Box::pin(rollout.drive());
    loop {
        match select(reports.next(), end).await {
            Either::Left((Some(report), driving)) => {
                progress.show(&report);
                end = driving;
            }
            Either::Left((None, driving)) => return driving.await,
            Either::Right((outcome, _)) => return outcome,
        }
    }
}

fn expect(outcome: Outcome, expected: &Outcome) -> Result<()> {
    if outcome == *expected {
        Ok(())
    } else {
        Err(Error::invalid(format!("the rollout ended otherwise than it should: {outcome}")))
    }
}

/// What the journal says was proven, held against what really runs.
async fn proof(controller: &Controller, cloud: &MemoryCloud, fleet: &Fleet, artifact: &Artifact) -> Result<String> {
    let state = controller.state(fleet.id()).await?;
    let proven = state.proven().filter(|proven| proven.spec.release.artifact == artifact.digest());
    let proven = proven.map_or(0, |proven| proven.instances);
    let running = cloud.running().get(&artifact.digest()).copied().unwrap_or(0);
    if usize::try_from(proven) != Ok(running) {
        return Err(Error::invalid(format!("{proven} instances of {artifact} are proven, and {running} run")));
    }
    Ok(format!("{artifact}: {proven} of {} proven", fleet.desired()))
}

fn images(artifact: &Artifact) -> String {
    let built = artifact.images().filter(|image| image.place().provider() != "memory");
    built.map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}
