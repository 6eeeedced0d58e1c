use crate::wire::Wire;
use immutable_fakes::aws::{Outcome, Request, Service};

#[test]
fn a_denied_action_is_named() {
    let wire = Wire::new();
    wire.fake.deny("ec2:RunInstances");
    wire.fake.deny("autoscaling:DescribeAutoScalingGroups");
    let said = wire.ec2(&format!("Action=RunInstances&ImageId={}&MinCount=1&MaxCount=1", wire.image));
    assert_eq!((said.code().as_str(), said.status), ("UnauthorizedOperation", 403));
    assert!(said.one("Message").contains("not authorized to perform: ec2:RunInstances"));
    let said = wire.asg("Action=DescribeAutoScalingGroups");
    assert_eq!((said.code().as_str(), said.status), ("AccessDenied", 403));
    assert!(said.one("Message").contains("autoscaling:DescribeAutoScalingGroups"));
    wire.fake.allow("ec2:RunInstances");
    wire.run(1, "");
}

#[test]
fn a_policy_allows_what_it_lists() {
    let wire = Wire::new();
    wire.fake.allow_only(["ec2:DescribeInstances"]);
    wire.ec2("Action=DescribeInstances").ok();
    assert_eq!(wire.ec2("Action=DescribeImages").code(), "UnauthorizedOperation");
    assert!(
        matches!(wire.send(&Request::form(Service::Sts, "Action=GetCallerIdentity")), Outcome::Reply(reply) if reply.status == 200)
    );
}

#[test]
fn what_a_call_needs_beside_its_own_permission() {
    let wire = Wire::new();
    let tags = "&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=b";
    let run = |more: &str| wire.ec2(&format!("Action=RunInstances&ImageId={}&MinCount=1&MaxCount=1{more}", wire.image));
    wire.fake.deny("ec2:CreateTags");
    wire.fake.deny("iam:PassRole");
    run("").ok();
    assert!(run(tags).one("Message").contains("ec2:CreateTags"));
    assert!(run("&IamInstanceProfile.Name=web").one("Message").contains("iam:PassRole"));
    let template = wire.template("web");
    let group = || {
        wire.asg(&format!(
            "Action=CreateAutoScalingGroup&AutoScalingGroupName=web&MinSize=0&MaxSize=1&LaunchTemplate.LaunchTemplateId={template}\
             &VPCZoneIdentifier={}",
            wire.fake.subnets()[0].0
        ))
    };
    wire.fake.deny("ec2:RunInstances");
    let said = group();
    assert_eq!(said.code(), "AccessDenied");
    assert!(said.one("Message").contains("launch template") && said.one("Message").contains("ec2:RunInstances"));
    wire.fake.allow("ec2:RunInstances");
    group().ok();
    wire.fake.deny("elasticloadbalancing:AddTags");
    let tagged = wire.elb("Action=CreateTargetGroup&Name=blue&Tags.member.1.Key=a&Tags.member.1.Value=b");
    assert_eq!(tagged.code(), "AccessDenied");
    wire.target_group("blue");
}

#[test]
fn expired_credentials_and_skewed_clocks() {
    let wire = Wire::new();
    wire.fake.expire_credentials(true);
    assert_eq!(wire.ec2("Action=DescribeInstances").code(), "RequestExpired");
    assert_eq!(wire.elb("Action=DescribeLoadBalancers").code(), "ExpiredToken");
    wire.fake.expire_credentials(false);
    wire.fake.skew(true);
    let said = wire.asg("Action=DescribeAutoScalingGroups");
    assert_eq!(said.code(), "SignatureDoesNotMatch");
    assert!(said.one("Message").starts_with("Signature expired"));
}

#[test]
fn a_request_signed_long_ago_is_refused_where_clocks_are_looked_at() {
    let wire = Wire::new();
    // 2023-11-14T22:13:20Z is when it all begins.
    let signed = |stamp: &str| {
        let mut request = Request::form(Service::AutoScaling, "Action=DescribeAutoScalingGroups");
        request.headers.push(("X-Amz-Date".into(), stamp.into()));
        matches!(wire.send(&request), Outcome::Reply(reply) if reply.status == 200)
    };
    assert!(signed("20231114T200000Z"));
    wire.fake.check_clocks(true);
    assert!(signed("20231114T221000Z"));
    assert!(!signed("20231114T220000Z"));
    assert!(!signed("20231114T230000Z"));
}
