//! Blue/green: 1.1.0 is launched beside 1.0.0 and gets all requests at once, while 1.0.0 is kept. Then 1.2.0 does, somebody finds a fault in
//! it, and going back is one route. In an in-memory cloud, so it needs nothing but Rust.
//!
//! ```text
//! cargo run --example blue_green
//! cargo run --example blue_green -- --split binary
//! ```

mod told;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use immutable_core::fleet::Split;
use immutable_core::memory::MemoryOptions;
use immutable_core::rollout::{AbortTo, Blocker, Report};
use immutable_core::{Error, Fleet, MemoryCloud, Outcome, Result, Rollout, Strategy};

/// Replace a fleet blue/green, and go back at once.
#[derive(Parser)]
struct Args {
    /// How the load balancer divides requests: `weighted`, `binary` (one release gets all), or `pooled` (all that are in it get the same).
    #[arg(long, value_name = "HOW", default_value = "weighted")]
    split: String,
    /// How many instances the fleet has.
    #[arg(long, value_name = "N", default_value = "12")]
    size: String,
}

fn main() -> ExitCode {
    let args = Args::parse();
    told::walk(|time| walk(args, time))
}

async fn walk(args: Args, time: told::Time) -> Result<()> {
    let split = match &*args.split {
        "weighted" => Split::Weighted { generations: 5, parts: 1000 },
        "binary" => Split::Binary,
        "pooled" => Split::Pooled,
        other => return Err(Error::invalid(format!("`{other}` is no way to divide requests; use weighted, binary or pooled"))),
    };
    let size = match args.size.parse() {
        Ok(size @ 1..=10_000) => size,
        _ => return Err(Error::invalid(format!("`{}` is no size for this walk; use 1 to 10000", args.size))),
    };

    // A cloud with a load balancer, whose pool the fleet gets its requests from. A route is in force ten seconds after it was set.
    let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(time).split(split).settle(Duration::from_secs(10)));
    let fleet = Fleet::new("web", cloud.place()).size(size).pool(cloud.pool("web"));
    let [first, next, faulty] =
        [cloud.bake("acmeinc/web", "1.0.0")?, cloud.bake("acmeinc/web", "1.1.0")?, cloud.bake("acmeinc/web", "1.2.0")?];

    // Twice the machines for a while. What has all requests must bake for two minutes before it is proven, and the old is kept for ten more.
    let strategy = Strategy::blue_green().bake(Duration::from_secs(120)).keep_old(Duration::from_secs(600));
    let controller = cloud.controller();

    println!("== {first}, the first deployment");
    let plan = controller.plan(&fleet, &first, strategy.clone()).await?;
    told::expect(controller.run(plan).await?, &Outcome::Succeeded)?;
    println!("deployed {}", told::proof(&controller, &cloud, &fleet, &first).await?);

    println!("\n== {next} takes its place");
    let plan = controller.plan(&fleet, &next, strategy.clone()).await?;
    println!("{plan}\n");
    told::expect(told::run(&controller, plan, told::nobody).await?, &Outcome::Succeeded)?;
    println!("replaced by {}", told::proof(&controller, &cloud, &fleet, &next).await?);

    println!("\n== {faulty}, in which ann finds a fault while the old is kept");
    let plan = controller.plan(&fleet, &faulty, strategy).await?;
    let (mut asked, mut back) = (None, None);
    let ann = async |rollout: &Rollout, report: &Report| {
        let waits = |what: fn(&Blocker) -> bool| report.waits.iter().any(what);
        match asked {
            None if waits(|blocker| matches!(blocker, Blocker::KeepsOld { .. })) => {
                println!("        ann: abort, back");
                rollout.abort(AbortTo::Back, "ann").await?; // heard at the next look
                asked = Some((report.at, cloud.calls()));
            }
            Some((at, before)) if back.is_none() && returned(report) => {
                let (calls, after) = (cloud.calls(), report.at.since(at).as_secs());
                back = Some((after, calls.route - before.route, calls.raise - before.raise));
            }
            _ => {}
        }
        Ok(())
    };
    told::expect(told::run(&controller, plan, ann).await?, &Outcome::RolledBack)?;
    let Some((seconds, routes, launches)) = back else {
        return Err(Error::invalid("the requests never came back"));
    };
    println!("all requests were back {seconds} s after ann asked: {routes} route set, {launches} launches");
    println!("rolled back to {}", told::proof(&controller, &cloud, &fleet, &next).await?);
    Ok(())
}

/// Whether a release that is gone back to has all requests again, everywhere.
fn returned(report: &Report) -> bool {
    let settles = report.waits.iter().any(|blocker| matches!(blocker, Blocker::Settling { .. }));
    report.back.is_some() && !settles && report.share.is_some_and(|(part, whole)| part == whole)
}
