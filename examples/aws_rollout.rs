//! Two images that Packer built, on AWS: the first is deployed behind a load balancer, the second replaces it by canaries. In the end there is one Auto Scaling group
//! and one launch template, and every machine runs the second.
//!
//! ```text
//! packer build -var version=1.0.0 web.json   # with the `manifest` post-processor, and name and version in its custom_data
//! cargo run --features aws --example aws_rollout -- --manifest 1.0.0.json --manifest 1.1.0.json
//! ```
//!
//! It takes the network that is there: the subnets of the default VPC. It makes a load balancer and two target groups, which it leaves with the fleet, and approves its own
//! plan, which a person or a pipeline would. With `--endpoint` it walks over an emulator.

mod told;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_ec2::types::Filter;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, LoadBalancerSchemeEnum, ProtocolEnum, TargetGroupTuple,
};
use backend_aws::{AUTO_SCALING, AlbTraffic, AsgFleet, AsgTemplate, Aws, Machine, Pool, Terminate};
use clap::Parser;
use immutable_core::fleet::POOL_CHECK;
use immutable_core::pipeline::packer;
use immutable_core::rollout::{Approve, Percent, Report};
use immutable_core::{
    Artifact, Controller, Error, Fleet, LaunchTemplate, MemoryJournal, Outcome, Provider, Result, Rollout, Strategy,
};

/// Deploy an image behind a load balancer, and replace it by canaries.
#[derive(Parser)]
struct Args {
    /// Manifests of Packer's `manifest` post-processor, in the order in which their images are deployed; name and version are in their custom data.
    #[arg(long = "manifest", value_name = "PATH", required = true)]
    manifests: Vec<PathBuf>,
    /// Where all services are called, as `http://127.0.0.1:5000`; without it, where Amazon's are.
    #[arg(long, value_name = "URL", value_parser = url)]
    endpoint: Option<String>,
    /// The region; without it, that of the environment.
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// The fleet's name.
    #[arg(long, value_name = "NAME", default_value = "web")]
    fleet: String,
    /// How many instances the fleet has.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    size: u32,
    /// How long a canary bakes, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    bake: u64,
    /// How long weights and views may lag behind, in seconds: 60 and 5 of Amazon's, less of an emulator's.
    #[arg(long, value_name = "SECONDS")]
    lag: Option<u64>,
}

fn url(text: &str) -> std::result::Result<String, String> {
    let begins = ["http://", "https://"].iter().any(|begin| text.len() > begin.len() && text.starts_with(begin));
    if begins { Ok(text.to_owned()) } else { Err("it begins with http:// or https://, and names a host".to_owned()) }
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

async fn walk(args: Args) -> Result<()> {
    let mut config = aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12()).http_client(backend_aws::http_client());
    if let Some(region) = &args.region {
        config = config.region(aws_config::Region::new(region.clone()));
    }
    if let Some(endpoint) = &args.endpoint {
        config = config.endpoint_url(endpoint);
    }
    let config = config.load().await;
    let aws = Aws::builder().sdk_config(config.clone()).connect().await?;
    println!("in {}", aws.place());

    let artifacts: Vec<Artifact> = args
        .manifests
        .iter()
        .map(|path| packer::read(path).expect(["amazon-ebs"]).aws_account(aws.place().scope()).artifact())
        .collect::<Result<_>>()?;

    // Before anything is made: for what cannot be launched here no load balancer is left behind.
    if let Some(elsewhere) = artifacts.iter().find(|artifact| artifact.image_in(&aws.place()).is_none()) {
        return Err(Error::invalid(format!("{elsewhere} has no image in {}; build or copy one there", aws.place())));
    }

    let network = Network::find(&config).await?;
    let front = Front::make(&config, &args.fleet, &network).await?;
    println!("behind {}, between {}", front.listener, front.target_groups.join(" and "));

    // The provider: groups, images and the load balancer of one account's region.
    let mut switch = AlbTraffic::new(&aws).pool(args.fleet.as_str(), Pool::listener(&front.listener, &front.target_groups))?;
    let mut fleets = AsgFleet::new(&aws);
    if args.endpoint.is_some() {
        fleets = fleets.terminate(Terminate::One);
    }
    if let Some(lag) = args.lag {
        switch = switch.settle(Duration::from_secs(lag)).lag(Duration::from_secs(lag));
        fleets = fleets.lag(Duration::from_secs(lag));
    }
    let mut provider = Provider::from(&aws).traffic(Arc::new(switch));
    provider.fleets = Arc::new(fleets);
    let controller = Controller::new(provider, MemoryJournal::new()).poll(Duration::from_secs(args.lag.unwrap_or(5).clamp(1, 5)));

    let machine = Machine::new("t3.micro", network.subnets).security_groups(network.security_group);
    let fleet = Fleet::new(args.fleet.as_str(), aws.place())
        .size(args.size)
        .template(LaunchTemplate::of(&AsgTemplate::new(machine))?)
        .required_sources([AUTO_SCALING.into()])
        .pool(args.fleet.as_str());

    for (at, artifact) in artifacts.iter().enumerate() {
        controller.registry().publish(artifact, &"aws_rollout".into()).await?;
        let strategy = match at {
            0 => Strategy::rolling(),
            _ => Strategy::canary([Percent::new(25)?]).bake(Duration::from_secs(args.bake)).gate(Approve::by(["operator"])),
        };
        // The first are attached when they are ready. From then on the pool's own check is asked too: a new generation is attached first, at weight 0.
        let fleet = match at {
            0 => fleet.clone(),
            _ => fleet.clone().required_sources([AUTO_SCALING.into(), POOL_CHECK.into()]),
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
    println!("\n{}", controller.explain(fleet.id()).await?);
    Ok(())
}

/// What is there: a VPC, its subnets, and the group that all in it are in.
struct Network {
    vpc: String,
    subnets: Vec<String>,
    security_group: Option<String>,
}

impl Network {
    async fn find(config: &SdkConfig) -> Result<Self> {
        let ec2 = aws_sdk_ec2::Client::new(config);
        let is_default = Filter::builder().name("is-default").values("true").build();
        let vpcs = ec2.describe_vpcs().filters(is_default).send().await.map_err(failed)?;
        let vpc = vpcs.vpcs().first().and_then(|vpc| vpc.vpc_id());
        let vpc = vpc.ok_or_else(|| Error::invalid("there is no default VPC; make one, with a subnet in each zone"))?.to_owned();
        let of_vpc = || Filter::builder().name("vpc-id").values(&vpc).build();
        let subnets = ec2.describe_subnets().filters(of_vpc()).send().await.map_err(failed)?;
        // A load balancer has one subnet in a zone, and two are enough.
        let mut zones = std::collections::BTreeMap::new();
        for subnet in subnets.subnets() {
            if let (Some(zone), Some(id)) = (subnet.availability_zone(), subnet.subnet_id()) {
                zones.entry(zone.to_owned()).or_insert_with(|| id.to_owned());
            }
        }
        let subnets: Vec<String> = zones.into_values().take(2).collect();
        if subnets.len() < 2 {
            return Err(Error::invalid(format!("{vpc} has subnets in {} zones, and a load balancer needs two", subnets.len())));
        }
        let default = Filter::builder().name("group-name").values("default").build();
        let groups = ec2.describe_security_groups().filters(of_vpc()).filters(default).send().await.map_err(failed)?;
        let security_group = groups.security_groups().first().and_then(|group| group.group_id()).map(str::to_owned);
        Ok(Self { vpc, subnets, security_group })
    }
}

/// A load balancer: its listener, and the target groups that generations take turns in.
struct Front {
    listener: String,
    target_groups: Vec<String>,
}

impl Front {
    async fn make(config: &SdkConfig, name: &str, network: &Network) -> Result<Self> {
        let elb = aws_sdk_elasticloadbalancingv2::Client::new(config);
        let made = |what: &str| Error::invalid(format!("{what} was made, and has no name"));
        let call = elb.create_load_balancer().name(name).scheme(LoadBalancerSchemeEnum::Internal);
        let balancer = call.set_subnets(Some(network.subnets.clone())).send().await.map_err(failed)?;
        let balancer =
            balancer.load_balancers().first().and_then(|one| one.load_balancer_arn()).ok_or_else(|| made("a load balancer"))?;
        let mut target_groups = Vec::new();
        for slot in ["blue", "green"] {
            let call = elb.create_target_group().name(format!("{name}-{slot}")).protocol(ProtocolEnum::Http).port(80);
            let call = call.vpc_id(&network.vpc).health_check_path("/").health_check_interval_seconds(5);
            let group = call.send().await.map_err(failed)?;
            let arn =
                group.target_groups().first().and_then(|one| one.target_group_arn()).ok_or_else(|| made("a target group"))?;
            target_groups.push(arn.to_owned());
        }
        let tuple =
            |(at, arn): (usize, &String)| TargetGroupTuple::builder().target_group_arn(arn).weight(i32::from(at == 0)).build();
        let tuples = target_groups.iter().enumerate().map(tuple).collect();
        let forward = ForwardActionConfig::builder().set_target_groups(Some(tuples)).build();
        let action = Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward).build();
        let call =
            elb.create_listener().load_balancer_arn(balancer).protocol(ProtocolEnum::Http).port(80).default_actions(action);
        let listener = call.send().await.map_err(failed)?;
        let listener =
            listener.listeners().first().and_then(|one| one.listener_arn()).ok_or_else(|| made("a listener"))?.to_owned();
        Ok(Self { listener, target_groups })
    }
}

/// Of what this walk asks of Amazon by itself.
fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::invalid("what the walk stands on could not be found or made").with_source(error)
}
