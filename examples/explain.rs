//! A fleet that is being replaced says how it stands and why, at any moment and to anybody; in the end its story is told. In an in-memory cloud, so it needs
//! nothing but Rust.
//!
//! ```text
//! cargo run --example explain
//! cargo run --example explain -- --json
//! ```

use std::time::Duration;

use clap::Parser;
use futures_util::future::{Either, select};
use immutable_core::id::StepIx;
use immutable_core::memory::MemoryOptions;
use immutable_core::rollout::{Approve, Story};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Error, Fleet, MemoryCloud, Result, Strategy, Timestamp};

/// Watch a fleet from another process, with nothing but its journal and its provider.
#[derive(Parser)]
struct Args {
    /// For programs instead of people.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
    clock.run(watch(&args, &clock))
}

async fn watch(args: &Args, clock: &VirtualClock) -> Result<()> {
    let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()).boot(Duration::from_secs(60)));
    let fleet = Fleet::new("web", cloud.place()).size(3);
    let driver = cloud.controller().owner("deployer");
    let first = cloud.bake("acmeinc/web", "1.0.0")?;
    let _ = driver.run(driver.plan(&fleet, &first, Strategy::rolling().max_surge(1)).await?).await?;

    // The next waits for somebody's approval. Somebody else asks how it stands, every 3 minutes.
    let next = cloud.bake("acmeinc/web", "1.1.0")?;
    let strategy = Strategy::rolling().max_surge(1).gate(Approve::by(["ann"]));
    let rollout = driver.start(driver.plan(&fleet, &next, strategy).await?).await?;
    let somebody = cloud.controller();
    let mut drive = Box::pin(rollout.drive());
    loop {
        let later = clock.sleep_until(clock.now() + Duration::from_secs(180));
        match select(drive, later).await {
            Either::Left((outcome, _)) => {
                println!("{}\n", outcome?);
                break;
            }
            Either::Right(((), still)) => drive = still,
        }
        let explanation = somebody.explain(fleet.id()).await?;
        if args.json {
            let json = serde_json::to_string_pretty(&explanation);
            println!("{}\n", json.map_err(|why| Error::invalid("it has no JSON form").with_source(why))?);
        } else {
            println!("{explanation}\n");
        }
        if explanation.rollout.is_some_and(|running| running.may.iter().any(|(_, by)| by.is_some())) {
            rollout.approve(StepIx(1), "ann").await?;
        }
    }
    print!("{}", Story::of(&somebody.history(fleet.id()).await?));
    Ok(())
}
