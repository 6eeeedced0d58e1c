//! Two images on Google Cloud: the first is deployed behind a load balancer, the second replaces it by canaries, and becomes what its family stands for. In the end there is
//! one managed instance group and one instance template, every machine runs the second, and the first is deprecated.
//!
//! ```text
//! cargo run --package immutable-fakes --bin fake-gce -- --port 8080
//! cargo run --features gcp --example gcp_rollout -- --endpoint http://127.0.0.1:8080
//! ```
//!
//! It takes the url map and the backend services that are there, and approves its own plan, which a person or a pipeline would.

mod told;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use backend_gcp::{GceCatalog, Gcp, MANAGED, Machine, MigFleet, MigTemplate, Pool, UrlMapTraffic};
use clap::Parser;
use immutable_core::artifact::{Built, Provenance};
use immutable_core::fleet::POOL_CHECK;
use immutable_core::provider::{Availability, ImageCatalog};
use immutable_core::rollout::{Approve, Percent, Report};
use immutable_core::{
    Artifact, Controller, Error, Fleet, ImageRef, LaunchTemplate, MemoryJournal, Outcome, Place, Provider, Result, Rollout,
    Strategy,
};

/// Deploy an image behind a load balancer, replace it by canaries, and promote what replaced it.
#[derive(Parser)]
struct Args {
    /// Where Compute Engine is called, as `http://127.0.0.1:8080`, and without credentials; without it, where Google's is, with those of the environment.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The project, by its id.
    #[arg(long, value_name = "ID", default_value = "acme")]
    project: String,
    /// The region.
    #[arg(long, value_name = "NAME", default_value = "europe-west1")]
    region: String,
    /// The images, by their names in the project, which end in a version, in the order in which they are deployed.
    #[arg(long = "image", value_name = "NAME", default_values = ["web-1-0-0", "web-1-1-0"])]
    images: Vec<String>,
    /// The family that the last one is promoted to.
    #[arg(long, value_name = "NAME", default_value = "web")]
    family: String,
    /// The url map.
    #[arg(long, value_name = "NAME", default_value = "web")]
    url_map: String,
    /// The backend services that generations take turns in.
    #[arg(long = "service", value_name = "NAME", default_values = ["web-blue", "web-green"])]
    services: Vec<String>,
    /// The fleet's name.
    #[arg(long, value_name = "NAME", default_value = "web")]
    fleet: String,
    /// How many instances the fleet has.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    size: u32,
    /// How long a canary bakes, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    bake: u64,
    /// How long weights and views may lag behind, in seconds: 120 and 5 of Google's, 1 of an emulator's.
    #[arg(long, value_name = "SECONDS")]
    lag: Option<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match walk(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", told::whole(&error));
            ExitCode::FAILURE
        }
    }
}

/// `web-1-1-0` is version 1.1.0.
fn artifact(project: &str, name: &str) -> Result<Artifact> {
    let mut parts: Vec<&str> = name.rsplitn(4, '-').take(3).collect();
    parts.reverse();
    let version = parts
        .join(".")
        .parse()
        .map_err(|_| Error::invalid(format!("the image `{name}` ends in no version; name it as web-1-0-0")))?;
    let id = format!("projects/{project}/global/images/{name}");
    let image = ImageRef::new(Place::new("gcp", project, "global")?, id);
    Artifact::new("acmeinc/web".parse()?, version, Built::new(Provenance::new("gcp_rollout", name)).image(image))
}

async fn walk(args: Args) -> Result<()> {
    let mut gcp = Gcp::builder(&args.project, &args.region);
    if let Some(endpoint) = &args.endpoint {
        gcp = gcp.endpoint(endpoint).anonymous();
    }
    let gcp = gcp.connect().await?;
    println!("in {}", gcp.place());

    let artifacts: Vec<Artifact> = args.images.iter().map(|name| artifact(&args.project, name)).collect::<Result<_>>()?;
    let images = GceCatalog::new(&gcp);

    // The provider: groups, images and the load balancer of one project's region.
    let mut fleets = MigFleet::new(&gcp);
    let mut switch = UrlMapTraffic::new(&gcp).pool(args.fleet.as_str(), Pool::url_map(&args.url_map, &args.services))?;
    let lag = args.lag.or(args.endpoint.is_some().then_some(1));
    if let Some(lag) = lag {
        switch = switch.settle(Duration::from_secs(lag)).lag(Duration::from_secs(lag));
        fleets = fleets.lag(Duration::from_secs(lag));
    }
    let mut provider = Provider::from(&gcp).traffic(Arc::new(switch));
    provider.fleets = Arc::new(fleets);
    let controller = Controller::new(provider, MemoryJournal::new()).poll(Duration::from_secs(lag.unwrap_or(5).clamp(1, 5)));

    let machine = Machine::new("e2-small").startup_script("echo hello");
    let fleet = Fleet::new(args.fleet.as_str(), gcp.place())
        .size(args.size)
        .template(LaunchTemplate::of(&MigTemplate::new(machine).named_port("http", 80))?)
        .required_sources([MANAGED.into()])
        .pool(args.fleet.as_str());

    for (at, artifact) in artifacts.iter().enumerate() {
        controller.registry().publish(artifact, &"gcp_rollout".into()).await?;
        let strategy = match at {
            0 => Strategy::rolling(),
            _ => Strategy::canary([Percent::new(25)?]).bake(Duration::from_secs(args.bake)).gate(Approve::by(["operator"])),
        };
        // The first are attached when they are ready. From then on the pool's own check is asked too: a new generation is attached first, at weight 0.
        let fleet = match at {
            0 => fleet.clone(),
            _ => fleet.clone().required_sources([MANAGED.into(), POOL_CHECK.into()]),
        };
        println!("\n== {artifact}");
        let plan = controller.plan(&fleet, artifact, strategy).await?;
        println!("{plan}\n");
        let operator = async |rollout: &Rollout, report: &Report| {
            if let Some((step, _)) = told::approval(report) {
                println!("        operator: approve");
                rollout.approve(step, "operator").await?;
            }
            Ok(())
        };
        told::expect(told::run(&controller, plan, operator).await?, &Outcome::Succeeded)?;
    }

    // What runs is what the family stands for from now on; what it replaced is passed over, and may still be gone back to.
    if let Some((last, before)) = artifacts.split_last() {
        for image in last.images() {
            images.promote(image, &args.family).await?;
            println!("\n{} is what the family {} stands for", image.id(), args.family);
        }
        for image in before.iter().flat_map(Artifact::images) {
            images.set_stage(image, Availability::Deprecated).await?;
            println!("{} is deprecated", image.id());
        }
    }
    println!("\n{}", controller.explain(fleet.id()).await?);
    Ok(())
}
