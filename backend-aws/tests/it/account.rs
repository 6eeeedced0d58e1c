//! An account of a fake, and what speaks to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend_aws::{AsgTemplate, Aws, Machine, Pool};
use immutable_core::conformance::switch;
use immutable_core::fleet::GenerationId;
use immutable_core::id::{NativeRef, PoolId};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{ImageRef, LaunchTemplate, Place, Result, Timestamp};
use immutable_fakes::aws::http::Http;
use immutable_fakes::aws::{FakeAws, Outcome, Request, Service};

/// An account, its clock, and a client of it.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) fake: FakeAws,
    pub(crate) clock: VirtualClock,
    pub(crate) aws: Aws,
}

/// When it all begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_233_600_000);

impl Account {
    pub(crate) async fn new() -> Result<Self> {
        let (fake, clock) = (FakeAws::new("123456789012", "us-east-1"), VirtualClock::new(START));
        Self::of(fake, clock).await
    }

    /// Another process in the same account.
    pub(crate) async fn of(fake: FakeAws, clock: VirtualClock) -> Result<Self> {
        fake.advance(u64::try_from(clock.now().as_millis()).unwrap_or_default());
        let http = Http::new(fake.clone(), Arc::new(clock.clone()));
        let aws = Aws::builder().region("us-east-1").account("123456789012").keys("AKIDEXAMPLE", "secret");
        let aws = aws.endpoint("http://aws.test").http_client(http).clock(clock.clone()).connect().await?;
        Ok(Self { fake, clock, aws })
    }

    pub(crate) fn place(&self) -> Place {
        self.aws.place()
    }

    pub(crate) fn image(&self, name: &str) -> ImageRef {
        ImageRef::new(self.place(), self.fake.image(name))
    }

    pub(crate) fn machine(&self) -> Machine {
        Machine::new("t3.micro", self.fake.subnets().into_iter().map(|(id, _)| id))
    }

    /// A load balancer between target groups, and what others may do with it.
    pub(crate) fn pool(&self, name: &str, slots: usize) -> (Pool, Console) {
        let subnets = self.fake.subnets();
        let balancer =
            format!("Action=CreateLoadBalancer&Name={name}&Subnets.member.1={}&Subnets.member.2={}", subnets[0].0, subnets[1].0);
        let balancer = self.elb(&balancer, "LoadBalancerArn");
        let groups: Vec<String> = (0..slots).map(|slot| self.target_group(&format!("{name}-{slot}"))).collect();
        let mut listener = format!(
            "Action=CreateListener&LoadBalancerArn={balancer}&Protocol=HTTP&Port=80&DefaultActions.member.1.Type=forward"
        );
        for (at, arn) in (1..).zip(&groups) {
            let tuple = format!("DefaultActions.member.1.ForwardConfig.TargetGroups.member.{at}");
            listener.push_str(&format!("&{tuple}.TargetGroupArn={arn}&{tuple}.Weight={}", u8::from(at == 1)));
        }
        let listener = self.elb(&listener, "ListenerArn");
        (Pool::listener(&*listener, groups), Console { account: self.clone(), listener, name: name.to_owned() })
    }

    /// Lets clients stay with a target group for so many seconds.
    pub(crate) fn stick(&self, console: &Console, seconds: u32) {
        self.fake.advance(self.now_ms());
        let mut form = format!("Action=ModifyListener&ListenerArn={}&DefaultActions.member.1.Type=forward", console.listener);
        for (at, (arn, weight)) in (1..).zip(&self.fake.truth().routes[&console.listener].said) {
            let tuple = format!("DefaultActions.member.1.ForwardConfig.TargetGroups.member.{at}");
            form.push_str(&format!("&{tuple}.TargetGroupArn={arn}&{tuple}.Weight={weight}"));
        }
        let sticky = "DefaultActions.member.1.ForwardConfig.TargetGroupStickinessConfig";
        self.elb(&format!("{form}&{sticky}.Enabled=true&{sticky}.DurationSeconds={seconds}"), "ListenerArn");
    }

    pub(crate) fn target_group(&self, name: &str) -> String {
        self.elb(
            &format!("Action=CreateTargetGroup&Name={name}&Protocol=HTTP&Port=80&HealthCheckIntervalSeconds=5"),
            "TargetGroupArn",
        )
    }

    /// Asks by hand, and says what the element of this name is.
    pub(crate) fn elb(&self, form: &str, element: &str) -> String {
        self.by_hand(Service::Elb, form, element)
    }

    pub(crate) fn by_hand(&self, service: Service, form: &str, element: &str) -> String {
        let outcome = self.fake.answer(&Request::form(service, form), self.now_ms());
        let Outcome::Reply(reply) = outcome else { panic!("no answer to {form}") };
        let text = reply.text();
        let inside = text.split(&format!("<{element}>")).nth(1).and_then(|rest| rest.split('<').next());
        inside.unwrap_or_else(|| panic!("{form}: {text}")).to_owned()
    }

    pub(crate) async fn wait(&self, duration: Duration) {
        self.clock.sleep_until(self.clock.now() + duration).await;
    }

    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.now().as_millis()).unwrap_or_default()
    }

    pub(crate) fn template(&self) -> LaunchTemplate {
        LaunchTemplate::of(&AsgTemplate::new(self.machine())).unwrap()
    }
}

/// What a person could see and do to a pool.
pub(crate) struct Console {
    account: Account,
    pub(crate) listener: String,
    name: String,
}

impl Console {
    /// By what requests are divided at this moment.
    pub(crate) fn divided(&self) -> BTreeMap<GenerationId, u16> {
        self.account.fake.advance(self.account.now_ms());
        let truth = self.account.fake.truth();
        let of = |arn: &String| {
            let group = truth.groups.values().find(|group| group.target_groups.contains(arn))?;
            group.tags.get("immutable:generation")?.parse().ok().map(GenerationId)
        };
        let route = &truth.routes[&self.listener].in_force;
        route.iter().filter_map(|(arn, weight)| Some((of(arn)?, u16::try_from(*weight).ok()?))).collect()
    }
}

#[async_trait]
impl switch::Console for Console {
    async fn join(&self, _: &PoolId) -> Result<Option<NativeRef>> {
        let seen = self.account.fake.truth().routes[&self.listener].said.clone();
        let joined = self.account.target_group(&format!("{}-theirs-{}", self.name, seen.len()));
        let mut form = format!("Action=ModifyListener&ListenerArn={}&DefaultActions.member.1.Type=forward", self.listener);
        for (at, (arn, weight)) in (1..).zip(seen.iter().chain([(&joined, &7)])) {
            let tuple = format!("DefaultActions.member.1.ForwardConfig.TargetGroups.member.{at}");
            form.push_str(&format!("&{tuple}.TargetGroupArn={arn}&{tuple}.Weight={weight}"));
        }
        self.account.elb(&form, "ListenerArn");
        Ok(Some(NativeRef::new(joined)))
    }

    async fn in_force(&self, _: &PoolId) -> Result<Option<BTreeMap<GenerationId, u16>>> {
        Ok(Some(self.divided()))
    }
}
