//! Three releases on Azure, behind Traffic Manager: an image of a gallery is deployed, one that is published from a managed image replaces it by canaries, and then a VM application alone is
//! released on that image: new machines too, and none upgraded in place. In the end there is one scale set, every machine runs the application, and the image under it is its definition's latest.
//!
//! ```text
//! cargo run --package immutable-fakes --bin fake-arm -- --port 8443 --ca ca.pem
//! cargo run --features azure --example azure_rollout -- --endpoint https://127.0.0.1:8443 --ca ca.pem
//! ```
//!
//! With `--adopt legacy` it takes over that scale set instead, which others have made of the managed image, and replaces it by the first image, rolling, without a pool.
//!
//! It takes the gallery, the load balancer and the profile that are there, and approves its own plan, which a person or a pipeline would.

mod told;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use backend_azure::{
    APPLICATION_HEALTH, ApplicationHealth, Azure, GalleryCatalog, Machine, NewVersion, SCALE_SET, TrafficManagerTraffic,
    VmssFleet, VmssTemplate, WeightedPool,
};
use clap::Parser;
use immutable_core::artifact::{Built, Provenance};
use immutable_core::provider::{Availability, ImageCatalog, Replica};
use immutable_core::rollout::{Approve, Percent, Report};
use immutable_core::{
    Artifact, Controller, Error, Fleet, ImageRef, LaunchTemplate, MemoryJournal, Outcome, Provider, Result, Rollout, Strategy,
};

/// Deploy an image, replace it by canaries, and release an application on what replaced it.
#[derive(Parser)]
struct Args {
    /// Where Azure Resource Manager is called, and who gives tokens, as `https://127.0.0.1:8443`; without it, where Azure's are, as whom its command line is signed in.
    #[arg(long, value_name = "URL", requires = "ca")]
    endpoint: Option<String>,
    /// The file of the certificate authority that vouches for the endpoint, in PEM.
    #[arg(long, value_name = "FILE", requires = "endpoint")]
    ca: Option<std::path::PathBuf>,
    /// The tenant, the client and its secret, of an endpoint.
    #[arg(long, value_name = "ID", num_args = 3, default_values = ["11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222", "not-a-secret"])]
    client: Vec<String>,
    /// The subscription, by its id.
    #[arg(long, value_name = "ID", default_value = "00000000-0000-0000-0000-000000000001")]
    subscription: String,
    /// The resource group.
    #[arg(long, value_name = "NAME", default_value = "acme")]
    group: String,
    /// The region.
    #[arg(long, value_name = "NAME", default_value = "westeurope")]
    region: String,
    /// The gallery, in the resource group.
    #[arg(long, value_name = "NAME", default_value = "images")]
    gallery: String,
    /// The image definition, and the version of it that is deployed first.
    #[arg(long, value_name = "NAME/VERSION", default_value = "web/1.0.0")]
    first: String,
    /// The managed image that is published as the next version of it.
    #[arg(long, value_name = "NAME", default_value = "golden")]
    managed_image: String,
    /// That version.
    #[arg(long, value_name = "VERSION", default_value = "1.2.0")]
    next: String,
    /// The VM application that is released in the end, and its version.
    #[arg(long, value_name = "NAME/VERSION", default_value = "web-app/1.1.0")]
    application: String,
    /// The load balancer.
    #[arg(long, value_name = "NAME", default_value = "front")]
    load_balancer: String,
    /// The profile of Traffic Manager. Its endpoints are named as the rules behind them.
    #[arg(long, value_name = "NAME", default_value = "web")]
    profile: String,
    /// The rules that generations take turns in.
    #[arg(long = "rule", value_name = "NAME", default_values = ["blue", "green"])]
    rules: Vec<String>,
    /// The subnet.
    #[arg(long, value_name = "NETWORK/SUBNET", default_value = "net/web")]
    subnet: String,
    /// The fleet's name.
    #[arg(long, value_name = "NAME", default_value = "web")]
    fleet: String,
    /// How many instances the fleet has.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    size: u32,
    /// The scale set of others that is adopted and replaced, instead of all that.
    #[arg(long, value_name = "NAME")]
    adopt: Option<String>,
    /// How long a canary bakes, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    bake: u64,
    /// How long views may lag behind, in seconds: 5 of Azure's, 1 of an emulator's, whose DNS answers live for 5.
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

/// A name and a version, of `web/1.0.0`.
fn named(text: &str) -> Result<(&str, &str)> {
    text.split_once('/').ok_or_else(|| Error::invalid(format!("`{text}` is no name and version; write it as web/1.0.0")))
}

fn artifact(name: &str, version: &str, image: ImageRef) -> Result<Artifact> {
    let version = version.parse().map_err(|_| Error::invalid(format!("`{version}` is no version; write it as 1.0.0")))?;
    Artifact::new(
        format!("acmeinc/{name}").parse()?,
        version,
        Built::new(Provenance::new("azure_rollout", image.id().as_str())).image(image),
    )
}

async fn connect(args: &Args) -> Result<Azure> {
    let mut azure = Azure::builder(&args.subscription, &args.group, &args.region);
    if let (Some(endpoint), Some(file), [tenant, client, secret]) = (&args.endpoint, &args.ca, args.client.as_slice()) {
        let pem =
            std::fs::read_to_string(file).map_err(|why| Error::invalid(format!("{} cannot be read: {why}", file.display())))?;
        azure = azure.endpoint(endpoint).authority(endpoint).certificate_authority(pem).client_secret(tenant, client, secret);
    }
    azure.connect().await
}

fn machine(args: &Args) -> Machine {
    Machine::linux("Standard_B2s", &args.subnet, "azureuser", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA ops@acme")
}

/// What others have made becomes a fleet's baseline, and is replaced.
async fn take_over(azure: &Azure, args: &Args, native: &str, runs: &Artifact, next: &Artifact) -> Result<()> {
    let lag = Duration::from_secs(args.lag.unwrap_or(if args.endpoint.is_some() { 1 } else { 5 }));
    let provider =
        Provider::new(azure.place(), Arc::new(VmssFleet::new(azure).lag(lag))).images(Arc::new(GalleryCatalog::new(azure)));
    let controller =
        Controller::new(provider, MemoryJournal::new()).poll(lag.clamp(Duration::from_secs(1), Duration::from_secs(5)));
    let template = LaunchTemplate::of(&VmssTemplate::new(machine(args)))?;
    // Of what others have made nobody knows whether it asks itself how it is.
    let fleet =
        Fleet::new(args.fleet.as_str(), azure.place()).size(args.size).template(template).required_sources([SCALE_SET.into()]);
    let baseline = controller.adopt(&fleet, &native.into(), runs, "operator").await?;
    println!("\n{native} is generation {} of {}, by {} instances", baseline.spec.id, fleet.id(), baseline.instances);
    println!("\n== {next}");
    let plan = controller.plan(&fleet, next, Strategy::rolling()).await?;
    println!("{plan}\n");
    told::expect(told::run(&controller, plan, async |_: &Rollout, _: &Report| Ok(())).await?, &Outcome::Succeeded)?;
    println!("\n{}", controller.explain(fleet.id()).await?);
    Ok(())
}

async fn walk(args: Args) -> Result<()> {
    let azure = connect(&args).await?;
    println!("in {}", azure.place());
    let within =
        format!("/subscriptions/{}/resourcegroups/{}/providers/microsoft.compute", args.subscription, args.group).to_lowercase();
    let gallery = format!("{within}/galleries/{}", args.gallery.to_lowercase());
    let image = |id: String| ImageRef::new(azure.place(), id);

    let images = GalleryCatalog::new(&azure);
    let (definition, version) = named(&args.first)?;
    let first = image(format!("{gallery}/images/{definition}/versions/{version}"));
    let golden = format!("{within}/images/{}", args.managed_image);
    if let Some(native) = &args.adopt {
        let runs = artifact("web", "0.9.0", image(golden))?;
        return take_over(&azure, &args, native, &runs, &artifact("web", version, first)?).await;
    }
    // What Packer has made is published, and nobody's latest yet.
    let next = images.publish(&NewVersion::new(&args.gallery, definition, &args.next), &golden).await?;
    println!("{} is published", next.id());
    // It is in the region when Azure has copied it there, and can be launched only then.
    loop {
        let copies = images.replicated(&next).await?;
        if copies.iter().all(|copy| matches!(copy, Replica::Ready(_))) {
            break;
        }
        println!("        {copies:?}");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let (application, application_version) = named(&args.application)?;
    let package = image(format!("{gallery}/applications/{application}/versions/{application_version}"));

    // The provider: scale sets, images, and the profile in front of the load balancer.
    let slots = args.rules.iter().map(|rule| (rule.as_str(), rule.as_str()));
    let mut switch = TrafficManagerTraffic::new(&azure)
        .pool(args.fleet.as_str(), WeightedPool::traffic_manager(&args.profile, &args.load_balancer, slots))?;
    let mut fleets = VmssFleet::new(&azure);
    let lag = args.lag.or(args.endpoint.is_some().then_some(1));
    if let Some(lag) = lag {
        let lag = Duration::from_secs(lag);
        switch =
            switch.settle(lag + Duration::from_secs(35)).answers_outlive(lag).lag(lag).drains_for(lag + Duration::from_secs(4));
        fleets = fleets.lag(lag);
    }
    let provider = Provider::new(azure.place(), Arc::new(fleets)).images(Arc::new(images.clone())).traffic(Arc::new(switch));
    let controller = Controller::new(provider, MemoryJournal::new()).poll(Duration::from_secs(lag.unwrap_or(5).clamp(1, 5)));

    let template =
        VmssTemplate::new(machine(&args)).health(ApplicationHealth::http(80, "/health")).load_balancer(&args.load_balancer);
    let of = |template: &VmssTemplate| -> Result<Fleet> {
        let fleet = Fleet::new(args.fleet.as_str(), azure.place()).size(args.size).template(LaunchTemplate::of(template)?);
        Ok(fleet.required_sources([SCALE_SET.into(), APPLICATION_HEALTH.into()]).pool(args.fleet.as_str()))
    };
    let on_next = template.clone().base_image(next.id().as_str());
    let releases = [
        (artifact("web", version, first.clone())?, of(&template)?),
        (artifact("web", &args.next, next.clone())?, of(&template)?),
        // An application alone: the same image, named by the template, and what is installed on it.
        (artifact(application, application_version, package.clone())?, of(&on_next)?),
    ];
    let last = of(&on_next)?;
    for (at, (artifact, fleet)) in releases.iter().enumerate() {
        controller.registry().publish(artifact, &"azure_rollout".into()).await?;
        let strategy = match at {
            0 => Strategy::rolling(),
            _ => Strategy::canary([Percent::new(50)?]).bake(Duration::from_secs(args.bake)).gate(Approve::by(["operator"])),
        };
        println!("\n== {artifact}");
        let plan = controller.plan(fleet, artifact, strategy).await?;
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

    // What runs is what its definition's latest is from now on; what it replaced may still be gone back to.
    for promoted in [&next, &package] {
        images.promote(promoted).await?;
        println!("\n{} is the latest", promoted.id());
    }
    images.set_stage(&first, Availability::Deprecated).await?;
    println!("{} is deprecated", first.id());
    println!("\n{}", controller.explain(last.id()).await?);
    Ok(())
}
