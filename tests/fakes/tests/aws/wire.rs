//! A client of no intelligence at all: it sends what it is told, at the time it is told.

use std::cell::Cell;

use immutable_fakes::aws::{FakeAws, Outcome, Request, Service};

/// The fake, what was made in it, and the time.
pub(crate) struct Wire {
    pub(crate) fake: FakeAws,
    now: Cell<u64>,
    pub(crate) image: String,
}

pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Wire {
    pub(crate) fn new() -> Self {
        let fake = FakeAws::new("111122223333", "us-east-1");
        fake.advance(1_700_000_000_000);
        let image = fake.image("web-1.0.0");
        Self { fake, now: Cell::new(1_700_000_000_000), image }
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    pub(crate) fn wait(&self, seconds: u64) {
        self.now.set(self.now.get() + seconds * 1000);
        self.fake.advance(self.now.get());
    }

    pub(crate) fn send(&self, request: &Request) -> Outcome {
        self.fake.answer(request, self.now.get())
    }

    fn form(&self, service: Service, form: &str) -> Said {
        match self.send(&Request::form(service, form)) {
            Outcome::Reply(reply) => Said { status: reply.status, body: reply.text() },
            other => panic!("{form}: {other:?}"),
        }
    }

    pub(crate) fn ec2(&self, form: &str) -> Said {
        self.form(Service::Ec2, form)
    }

    pub(crate) fn asg(&self, form: &str) -> Said {
        self.form(Service::AutoScaling, form)
    }

    pub(crate) fn elb(&self, form: &str) -> Said {
        self.form(Service::Elb, form)
    }

    /// Launches some in the first zone; their ids.
    pub(crate) fn run(&self, count: usize, more: &str) -> Vec<String> {
        let image = &self.image;
        self.ec2(&format!("Action=RunInstances&ImageId={image}&InstanceType=t3.micro&MinCount={count}&MaxCount={count}{more}"))
            .ok()
            .all("instanceId")
    }

    /// A launch template of a name; its id.
    pub(crate) fn template(&self, name: &str) -> String {
        let form = format!(
            "Action=CreateLaunchTemplate&LaunchTemplateName={name}&LaunchTemplateData.ImageId={}&LaunchTemplateData.InstanceType=t3.micro",
            self.image
        );
        self.ec2(&form).ok().one("launchTemplateId")
    }

    /// A group of a size in all three zones.
    pub(crate) fn group(&self, name: &str, desired: usize, more: &str) {
        let template = self.template(name);
        let subnets: Vec<_> = self.fake.subnets().into_iter().map(|(id, _)| id).collect();
        self.asg(&format!(
            "Action=CreateAutoScalingGroup&AutoScalingGroupName={name}&MinSize=0&MaxSize=10&DesiredCapacity={desired}\
             &LaunchTemplate.LaunchTemplateId={template}&LaunchTemplate.Version=1&VPCZoneIdentifier={}{more}",
            subnets.join("%2C")
        ))
        .ok();
    }

    pub(crate) fn members(&self, name: &str) -> Vec<String> {
        self.fake.truth().groups[name].members.keys().cloned().collect()
    }

    /// A target group of a name, which checks every 10 s; its ARN.
    pub(crate) fn target_group(&self, name: &str) -> String {
        self.elb(&format!("Action=CreateTargetGroup&Name={name}&Protocol=HTTP&Port=80&HealthCheckIntervalSeconds=10"))
            .ok()
            .one("TargetGroupArn")
    }

    /// A load balancer whose listener forwards to these; the listener's ARN.
    pub(crate) fn listener(&self, weights: &[(&str, u32)]) -> String {
        let subnets = self.fake.subnets();
        let balancer = self
            .elb(&format!(
                "Action=CreateLoadBalancer&Name=web&Subnets.member.1={}&Subnets.member.2={}",
                subnets[0].0, subnets[1].0
            ))
            .ok()
            .one("LoadBalancerArn");
        let forward = forward("DefaultActions", weights);
        self.elb(&format!("Action=CreateListener&LoadBalancerArn={balancer}&Protocol=HTTP&Port=80{forward}"))
            .ok()
            .one("ListenerArn")
    }
}

pub(crate) fn forward(name: &str, weights: &[(&str, u32)]) -> String {
    let mut form = format!("&{name}.member.1.Type=forward");
    for (at, (arn, weight)) in weights.iter().enumerate() {
        let tuple = format!("{name}.member.1.ForwardConfig.TargetGroups.member.{}", at + 1);
        form.push_str(&format!("&{tuple}.TargetGroupArn={arn}&{tuple}.Weight={weight}"));
    }
    form
}

impl Said {
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.body);
        self
    }

    /// The error's code; there must be one.
    pub(crate) fn code(&self) -> String {
        assert_ne!(self.status, 200, "{}", self.body);
        self.one("Code")
    }

    /// The texts of all elements of a name, in their order.
    pub(crate) fn all(&self, element: &str) -> Vec<String> {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        self.body.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap().to_owned()).collect()
    }

    pub(crate) fn one(&self, element: &str) -> String {
        self.all(element).into_iter().next().unwrap_or_else(|| panic!("no {element} in {}", self.body))
    }
}
