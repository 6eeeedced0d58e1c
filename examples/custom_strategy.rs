//! A strategy of one's own: a quarter of the new beside the old, 5 % of the requests, a judge; all of the new, half of the requests, an
//! approval; all of them, a bake, and the old kept for a while. What cannot work is refused when it is planned; what can runs, and is paused and
//! resumed on the way. In an in-memory cloud, so it needs nothing but Rust.
//!
//! ```text
//! cargo run --example custom_strategy
//! cargo run --example custom_strategy -- --steps '[{"scale":{"to":"100%"}}, {"bake":{"for":"3m"}}]'
//! ```

mod told;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use immutable_core::analysis::Judgement;
use immutable_core::memory::MemoryOptions;
use immutable_core::provider::judge_fn;
use immutable_core::rollout::{Analyse, Approve, Blocker, Percent, Report, Step};
use immutable_core::{Error, Fleet, MemoryCloud, Outcome, Result, Rollout, Strategy};

/// Replace a fleet by a list of steps of one's own.
#[derive(Parser)]
struct Args {
    /// Other steps, as JSON. The judge `canary` is there, and whoever is named approves.
    #[arg(long, value_name = "JSON")]
    steps: Option<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    told::walk(|time| walk(args, time))
}

async fn walk(args: Args, time: told::Time) -> Result<()> {
    let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(time));
    let fleet = Fleet::new("web", cloud.place()).size(12).pool(cloud.pool("web"));
    let [first, next] = [cloud.bake("acmeinc/web", "1.0.0")?, cloud.bake("acmeinc/web", "1.1.0")?];

    // A judge is any function of what is on trial: who has it, on which instances, since when.
    let canary = judge_fn(|trial| async move {
        Ok(match trial.new.instances.len() {
            0 => Judgement::inconclusive("nobody is there to be judged"),
            there => Judgement::pass(format!("{there} instances answer")),
        })
    });
    let controller = cloud.controller().judge("canary", canary);

    println!("== {first}, the first deployment");
    let plan = controller.plan(&fleet, &first, Strategy::rolling()).await?;
    told::expect(controller.run(plan).await?, &Outcome::Succeeded)?;
    println!("deployed {}", told::proof(&controller, &cloud, &fleet, &first).await?);

    let [few, quarter, half, all] = [Percent::new(5)?, Percent::new(25)?, Percent::new(50)?, Percent::new(100)?];
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let steps = match &args.steps {
        Some(json) => serde_json::from_str(json).map_err(|why| Error::invalid("these are no steps").with_source(why))?,
        None => vec![
            Step::scale_beside(quarter),
            Step::shift(few),
            Analyse::by("canary").lasting(minutes(2)).every(Duration::from_secs(30)).into(),
            Step::scale_beside(all),
            Step::shift(half),
            Approve::by(["ann"]).into(),
            Step::shift(all),
            Step::bake(minutes(2)),
        ],
    };
    let strategy = Strategy::new(steps).max_surge(all);
    // A list that keeps nothing of the old by its last step cannot keep it for longer.
    let strategy = if args.steps.is_none() { strategy.keep_old(minutes(10)) } else { strategy };

    println!("\n== what cannot work is refused when it is planned");
    let beside = || [Step::scale_beside(all), Step::shift(half)];
    for (what, refused) in [
        ("half of it", Strategy::new([Step::scale(half)])),
        ("half of the requests", Strategy::new(beside()).max_surge(all)),
        (
            "both at once, and no surge",
            Strategy::new(beside().into_iter().chain([Step::shift(all)])).max_surge(0).max_unavailable(1),
        ),
        (
            "half of the requests for a quarter of the instances",
            Strategy::new([Step::scale_beside(quarter), Step::shift(half), Step::scale_beside(all), Step::shift(all)])
                .max_surge(all),
        ),
        ("the old retired before the requests are shifted", Strategy::new([Step::scale(all), Step::shift(all)]).max_surge(all)),
        ("a judge that nobody knows", Strategy::rolling().gate(Analyse::by("oracle"))),
        ("an approval by nobody", Strategy::rolling().gate(Approve::by(Vec::<&str>::new()))),
    ] {
        match controller.plan(&fleet, &next, refused).await {
            Ok(plan) => return Err(Error::invalid(format!("{what} was planned: {plan}"))),
            Err(why) => println!("{what}:\n    {}", told::whole(&why)),
        }
    }

    println!("\n== {next} takes its place, and is paused on the way");
    let plan = controller.plan(&fleet, &next, strategy).await?;
    println!("{plan}\n");
    let mut paused = None;
    let people = async |rollout: &Rollout, report: &Report| {
        let waits = |what: fn(&Blocker) -> bool| report.waits.iter().any(what);
        if let Some((step, named)) = told::approval(report) {
            for by in named {
                println!("        {by}: approve");
                rollout.approve(step, by).await?;
            }
        } else if paused.is_none() && report.counts.ready > 3 && waits(|blocker| matches!(blocker, Blocker::Ready { .. })) {
            println!("        bob: pause");
            rollout.pause("bob").await?;
            paused = Some(report.at);
        } else if paused.is_some_and(|at| report.at >= at + minutes(5))
            && waits(|blocker| matches!(blocker, Blocker::Paused { .. }))
        {
            println!("        bob: resume");
            rollout.resume("bob").await?;
        }
        Ok(())
    };
    told::expect(told::run(&controller, plan, people).await?, &Outcome::Succeeded)?;
    println!("replaced by {}", told::proof(&controller, &cloud, &fleet, &next).await?);
    Ok(())
}
