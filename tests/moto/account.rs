//! Accounts at moto: each test has one for itself, so that nobody sees what another has, and no answer grows with what others have done.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::Credentials;
use aws_sdk_ec2::types::InstanceStateName;
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, ForwardActionConfig, ProtocolEnum, TargetGroupTuple};
use backend_aws::{Aws, Machine, Pool};
use immutable_core::conformance::{Time, fleets};
use immutable_core::provider::FleetProvider;
use immutable_core::time::SystemClock;
use immutable_core::{Error, ImageRef, LaunchTemplate, Result};

/// Who asks, and what it is called here.
pub(crate) struct Account {
    pub(crate) aws: Aws,
    pub(crate) config: SdkConfig,
    pub(crate) keys: Credentials,
    /// A name for what is made here.
    pub(crate) name: String,
}

/// Where the server is.
pub(crate) fn endpoint() -> String {
    std::env::var("IMMUTABLE_MOTO_ENDPOINT").expect("IMMUTABLE_MOTO_ENDPOINT says where the server is: run ./tests/run moto")
}

pub(crate) fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::invalid("moto did not do what the test stands on").with_source(error)
}

async fn settings(credentials: Credentials) -> SdkConfig {
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(backend_aws::http_client())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint())
        .credentials_provider(credentials);
    config.load().await
}

impl Account {
    pub(crate) async fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Another for each run, too: a server may outlive one.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let number = format!("1{:07}{count:04}", std::process::id() % 10_000_000);
        let config = settings(Credentials::new("x", "x", None, None, "test")).await;
        let role = format!("arn:aws:iam::{number}:role/test");
        let call = aws_sdk_sts::Client::new(&config).assume_role().role_arn(role).role_session_name("test");
        let keys = call.send().await.map_err(failed)?.credentials.ok_or_else(|| failed("a role without credentials"))?;
        let keys = Credentials::new(keys.access_key_id, keys.secret_access_key, Some(keys.session_token), None, "assumed role");
        let config = settings(keys.clone()).await;
        let aws = Aws::builder().sdk_config(config.clone()).connect().await?;
        assert_eq!(aws.place().scope(), number, "a role is of its account");
        Ok(Self { aws, config, keys, name: format!("t{count}") })
    }

    pub(crate) async fn image(&self, version: &str) -> Result<ImageRef> {
        let ec2 = aws_sdk_ec2::Client::new(&self.config);
        let call = ec2.register_image().name(format!("{}-{version}", self.name)).root_device_name("/dev/xvda");
        let image = call.send().await.map_err(failed)?.image_id;
        Ok(ImageRef::new(self.aws.place(), image.ok_or_else(|| failed("an image without an id"))?))
    }

    pub(crate) async fn subnets(&self) -> Result<Vec<String>> {
        let ec2 = aws_sdk_ec2::Client::new(&self.config);
        let subnets = ec2.describe_subnets().send().await.map_err(failed)?;
        Ok(subnets.subnets().iter().filter_map(|subnet| subnet.subnet_id().map(str::to_owned)).take(2).collect())
    }

    pub(crate) async fn machine(&self) -> Result<Machine> {
        Ok(Machine::new("t3.micro", self.subnets().await?))
    }

    /// A provider to be tried, in real time.
    pub(crate) async fn subject(&self, provider: Arc<dyn FleetProvider>, template: LaunchTemplate) -> Result<fleets::Subject> {
        let images = [self.image("1.0.0").await?, self.image("1.1.0").await?];
        let time = Time::Runtime(Arc::new(SystemClock::new()));
        let subject = fleets::Subject::new(provider, time, self.aws.place(), images);
        Ok(subject.fleet(&*self.name).template(template).patience(Duration::from_secs(10)))
    }

    /// The images of all instances that are not terminated.
    pub(crate) async fn live(&self) -> Result<Vec<String>> {
        let seen = aws_sdk_ec2::Client::new(&self.config).describe_instances().send().await.map_err(failed)?;
        let all = seen.reservations().iter().flat_map(|reservation| reservation.instances());
        let live = all.filter(|one| one.state().and_then(|state| state.name()) != Some(&InstanceStateName::Terminated));
        Ok(live.map(|one| one.image_id().unwrap_or_default().to_owned()).collect())
    }

    /// The names of all Auto Scaling groups.
    pub(crate) async fn groups(&self) -> Result<Vec<String>> {
        let client = aws_sdk_autoscaling::Client::new(&self.config);
        let seen = client.describe_auto_scaling_groups().send().await.map_err(failed)?;
        Ok(seen.auto_scaling_groups().iter().filter_map(|one| one.auto_scaling_group_name().map(str::to_owned)).collect())
    }

    /// The names of all launch templates.
    pub(crate) async fn templates(&self) -> Result<Vec<String>> {
        let seen = aws_sdk_ec2::Client::new(&self.config).describe_launch_templates().send().await.map_err(failed)?;
        Ok(seen.launch_templates().iter().filter_map(|one| one.launch_template_name().map(str::to_owned)).collect())
    }

    /// A load balancer, with a listener between two target groups.
    pub(crate) async fn pool(&self, name: &str) -> Result<Pool> {
        let elb = aws_sdk_elasticloadbalancingv2::Client::new(&self.config);
        let subnets = self.subnets().await?;
        let balancer = elb.create_load_balancer().name(name).set_subnets(Some(subnets)).send().await.map_err(failed)?;
        let balancer =
            balancer.load_balancers().first().and_then(|one| one.load_balancer_arn()).ok_or_else(|| failed("no ARN"))?;
        let vpc = aws_sdk_ec2::Client::new(&self.config).describe_vpcs().send().await.map_err(failed)?;
        let vpc = vpc.vpcs().first().and_then(|vpc| vpc.vpc_id()).ok_or_else(|| failed("no VPC"))?;
        let mut groups = Vec::new();
        for slot in ["blue", "green"] {
            let call = elb.create_target_group().name(format!("{name}-{slot}")).protocol(ProtocolEnum::Http).port(80).vpc_id(vpc);
            let made = call.send().await.map_err(failed)?;
            groups.extend(made.target_groups().iter().filter_map(|one| one.target_group_arn().map(str::to_owned)));
        }
        let tuples = groups.iter().map(|arn| TargetGroupTuple::builder().target_group_arn(arn).weight(0).build()).collect();
        let forward = ForwardActionConfig::builder().set_target_groups(Some(tuples)).build();
        let action = Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward).build();
        let call =
            elb.create_listener().load_balancer_arn(balancer).protocol(ProtocolEnum::Http).port(80).default_actions(action);
        let made = call.send().await.map_err(failed)?;
        let listener = made.listeners().first().and_then(|one| one.listener_arn()).ok_or_else(|| failed("no listener"))?;
        Ok(Pool::listener(listener, groups))
    }
}
