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
