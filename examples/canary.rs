//! A canary: 10 % of the fleet and of its requests, then 50 %, then all; each share is judged by metrics, and approved by somebody. 1.1.0 is as
//! good as 1.0.0; 1.2.0 errs more and goes back; of 1.3.0 nothing is measured, and no data is no pass. In an in-memory cloud, so it needs
//! nothing but Rust.
//!
//! ```text
//! cargo run --example canary
//! cargo run --example canary -- --shares 5%,25%,50%
//! ```

mod told;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use immutable_core::analysis::{Limit, Thresholds};
use immutable_core::memory::{MemoryMetrics, MemoryOptions};
use immutable_core::provider::ThresholdJudge;
use immutable_core::rollout::{AbortTo, Amount, Analyse, Approve, Event, Fate, Percent, Report};
use immutable_core::{Controller, Error, Fleet, MemoryCloud, Outcome, Result, Rollout, Strategy};

/// Replace a fleet share by share, judged by metrics.
#[derive(Parser)]
struct Args {
    /// The shares that the new release gets before it gets everything.
    #[arg(long, value_name = "P%,..", default_value = "10%,50%")]
    shares: String,
}

fn main() -> ExitCode {
    let args = Args::parse();
    told::walk(|time| walk(args, time))
}

async fn walk(args: Args, time: told::Time) -> Result<()> {
    let shares = args.shares.split(',').map(share).collect::<Result<Vec<_>>>()?;
    let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(time));
    let fleet = Fleet::new("web", cloud.place()).size(10).pool(cloud.pool("web"));
    let [first, good, bad, unknown] = [
        cloud.bake("acmeinc/web", "1.0.0")?,
        cloud.bake("acmeinc/web", "1.1.0")?,
        cloud.bake("acmeinc/web", "1.2.0")?,
        cloud.bake("acmeinc/web", "1.3.0")?,
    ];

    // What the instances of each release measure; of 1.3.0 nothing is known.
    let metrics = MemoryMetrics::new();
    for (artifact, errors, latency) in [(&first, 0.001, 300.0), (&good, 0.001, 310.0), (&bad, 0.04, 320.0)] {
        metrics.set(artifact, "error_rate", errors);
        metrics.set(artifact, "latency_p99_ms", latency);
    }
    // What is good enough: at most 1 % errors, and at most a fifth slower than the old ones are in the same minutes; 400 ms will do whatever the
    // old are like, or if there are none.
    let limits = [Limit::at_most("error_rate", 0.01), Limit::at_most_times_old("latency_p99_ms", 1.2).fine_at(400.0)];
    let judge = ThresholdJudge::new(Thresholds::new(limits)?.least_samples(10), Arc::new(metrics));
    let controller = cloud.controller().judge("slo", judge);

    // Each share is judged for three minutes; then ann or bob must say yes.
    let judged = Analyse::by("slo").lasting(Duration::from_secs(180)).every(Duration::from_secs(30));
    let strategy = Strategy::canary(shares).bake(Duration::ZERO).gate(judged).gate(Approve::by(["ann", "bob"]));

    println!("== {first}, the first deployment");
    let plan = controller.plan(&fleet, &first, Strategy::rolling()).await?;
    told::expect(controller.run(plan).await?, &Outcome::Succeeded)?;
    println!("deployed {}", told::proof(&controller, &cloud, &fleet, &first).await?);

    println!("\n== {good}, as good as the old");
    let plan = controller.plan(&fleet, &good, strategy.clone()).await?;
    println!("{plan}\n");
    let rollout = controller.start(plan).await?;
    let (mut hasty, mut approvals) = (Some("sam".into()), Vec::new());
    let mut people = async |rollout: &Rollout, report: &Report| {
        if let Some((step, named)) = told::approval(report) {
            let by = hasty.take().or(named.into_iter().next()).ok_or_else(|| Error::invalid("nobody may approve"))?;
            println!("        {by}: approve");
            approvals.push(rollout.approve(step, by).await?);
        }
        Ok(())
    };
    told::expect(told::drive(&rollout, &mut people).await?, &Outcome::Succeeded)?;
    for approval in approvals {
        // What became of it: it was carried out, or refused, and why.
        if let Some(fate @ Fate::Refused(_)) = rollout.fate(approval).await? {
            println!("{fate}");
        }
    }
    println!("judged: {}", judgement(&controller, &fleet).await?);
    println!("replaced by {}", told::proof(&controller, &cloud, &fleet, &good).await?);

    println!("\n== {bad}, which errs more");
    let plan = controller.plan(&fleet, &bad, strategy.clone()).await?;
    told::expect(told::run(&controller, plan, told::nobody).await?, &Outcome::RolledBack)?;
    println!("judged: {}", judgement(&controller, &fleet).await?);
    println!("stopped: {}", told::why_back(&controller, &fleet).await?);
    println!("rolled back to {}", told::proof(&controller, &cloud, &fleet, &good).await?);

    println!("\n== {unknown}, of which nothing is measured");
    let plan = controller.plan(&fleet, &unknown, strategy).await?;
    let rollout = controller.start(plan).await?;
    let Outcome::Needs(need) = told::drive(&rollout, &mut told::nobody).await? else {
        return Err(Error::invalid("no data was taken for a pass"));
    };
    println!("it asks: {need}");
    println!("ann: abort, back");
    rollout.abort(AbortTo::Back, "ann").await?;
    told::expect(told::drive(&rollout, &mut told::nobody).await?, &Outcome::RolledBack)?;
    println!("rolled back to {}", told::proof(&controller, &cloud, &fleet, &good).await?);
    Ok(())
}

fn share(text: &str) -> Result<Percent> {
    match text.trim().parse()? {
        Amount::Percent(percent) if (1..100).contains(&percent.of_up(100)) => Ok(percent),
        Amount::Percent(percent) => Err(Error::invalid(format!("{percent} is no share to begin with; use 1% to 99%"))),
        Amount::Count(count) => Err(Error::invalid(format!("`{count}` is no share; write a percentage, as in {count}%"))),
    }
}

/// What the judge said last, and by what.
async fn judgement(controller: &Controller, fleet: &Fleet) -> Result<String> {
    let history = controller.history(fleet.id()).await?;
    let last = history.iter().rev().find_map(|(_, recorded)| match &recorded.event {
        Event::Judged { judgement, .. } => Some(judgement),
        _ => None,
    });
    let judgement = last.ok_or_else(|| Error::invalid("the journal does not tell what was judged"))?;
    let evidence: Vec<_> = judgement.evidence.iter().map(|(metric, found)| format!("\n          {metric}: {found}")).collect();
    Ok(format!("{judgement}{}", evidence.concat()))
}
