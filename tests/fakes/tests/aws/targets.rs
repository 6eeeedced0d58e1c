//! Targets: registered, healthy, drained.

use crate::wire::Wire;
use immutable_fakes::aws::{Fate, State};

fn health(wire: &Wire, group: &str) -> Vec<String> {
    wire.elb(&format!("Action=DescribeTargetHealth&TargetGroupArn={group}")).ok().all("State")
}

fn change(wire: &Wire, action: &str, group: &str, id: &str) -> crate::wire::Said {
    wire.elb(&format!("Action={action}&TargetGroupArn={group}&Targets.member.1.Id={id}"))
}

#[test]
fn only_who_runs_can_be_registered() {
    let wire = Wire::new();
    let group = wire.target_group("blue");
    let ids = wire.run(1, "");
    assert_eq!(change(&wire, "RegisterTargets", &group, &ids[0]).code(), "InvalidTarget");
    assert_eq!(change(&wire, "RegisterTargets", &group, "i-0123456789abcdef0").code(), "InvalidTarget");
    wire.wait(20);
    change(&wire, "RegisterTargets", &group, &ids[0]).ok();
    change(&wire, "RegisterTargets", &group, &ids[0]).ok();
    assert_eq!(health(&wire, &group).len(), 1);
}

#[test]
fn nobody_is_healthy_in_a_group_that_no_listener_names() {
    let wire = Wire::new();
    let group = wire.target_group("blue");
    let ids = wire.run(1, "");
    wire.wait(20);
    change(&wire, "RegisterTargets", &group, &ids[0]).ok();
    wire.wait(600);
    let said = wire.elb(&format!("Action=DescribeTargetHealth&TargetGroupArn={group}")).ok();
    assert_eq!((said.one("State"), said.one("Reason")), ("unused".into(), "Target.NotInUse".into()));
    // At weight 0 it is.
    wire.listener(&[(&group, 0)]);
    assert_eq!(health(&wire, &group), ["initial"]);
    wire.wait(10);
    assert_eq!(health(&wire, &group), ["healthy"]);
}

#[test]
fn a_target_is_healthy_after_one_check_and_unhealthy_after_two() {
    let wire = Wire::new();
    let group = wire.target_group("blue");
    wire.listener(&[(&group, 1)]);
    let ids = wire.run(1, "");
    wire.wait(20);
    change(&wire, "RegisterTargets", &group, &ids[0]).ok();
    wire.wait(9);
    assert_eq!(health(&wire, &group), ["initial"]);
    wire.wait(1);
    assert_eq!(health(&wire, &group), ["healthy"]);
    wire.fake.application(&ids[0], false);
    wire.wait(19);
    assert_eq!(health(&wire, &group), ["healthy"]);
    wire.wait(1);
    let said = wire.elb(&format!("Action=DescribeTargetHealth&TargetGroupArn={group}")).ok();
    assert_eq!((said.one("State"), said.one("Reason")), ("unhealthy".into(), "Target.FailedHealthChecks".into()));
    wire.fake.application(&ids[0], true);
    wire.wait(49);
    assert_eq!(health(&wire, &group), ["unhealthy"]);
    wire.wait(1);
    assert_eq!(health(&wire, &group), ["healthy"]);
}

#[test]
fn an_images_fate_is_its_instances_health() {
    let wire = Wire::new();
    let group = wire.target_group("blue");
    wire.listener(&[(&group, 1)]);
    let minute = std::time::Duration::from_secs(60);
    for fate in [Fate::Sick, Fate::Sickens(minute), Fate::Slow(minute)] {
        wire.fake.fate(&wire.image, fate);
        let id = &wire.run(1, "")[0];
        wire.wait(20);
        change(&wire, "RegisterTargets", &group, id).ok();
        let of = || wire.fake.truth().target_groups[&group].targets[id];
        wire.wait(30);
        let early = of();
        wire.wait(100);
        let expected = match fate {
            Fate::Sick => ("unhealthy", "unhealthy"),
            Fate::Sickens(_) => ("healthy", "unhealthy"),
            _ => ("unhealthy", "healthy"),
        };
        assert_eq!((early, of()), expected, "{fate:?}");
    }
}

#[test]
fn a_deregistered_target_drains_for_its_delay() {
    let wire = Wire::new();
    let group = wire.target_group("blue");
    wire.listener(&[(&group, 1)]);
    let ids = wire.run(1, "");
    wire.wait(20);
    change(&wire, "RegisterTargets", &group, &ids[0]).ok();
    wire.wait(10);
    change(&wire, "DeregisterTargets", &group, &ids[0]).ok();
    let by_name = || {
        let said = change(&wire, "DescribeTargetHealth", &group, &ids[0]).ok();
        (said.one("State"), said.one("Reason"))
    };
    assert_eq!(by_name(), ("draining".into(), "Target.DeregistrationInProgress".into()));
    wire.wait(299);
    change(&wire, "DeregisterTargets", &group, &ids[0]).ok();
    assert_eq!(health(&wire, &group), ["draining"]);
    wire.wait(1);
    assert!(health(&wire, &group).is_empty());
    assert_eq!(by_name(), ("unused".into(), "Target.NotRegistered".into()));
    // Who is no target leaves without an error.
    change(&wire, "DeregisterTargets", &group, &ids[0]).ok();
}

#[test]
fn a_terminated_target_is_unused_for_a_while() {
    let wire = Wire::new();
    let group = wire.target_group("blue");
    wire.listener(&[(&group, 1)]);
    let ids = wire.run(1, "");
    wire.wait(20);
    change(&wire, "RegisterTargets", &group, &ids[0]).ok();
    wire.fake.kill(&ids[0]);
    assert_eq!(health(&wire, &group), ["unused"]);
    wire.wait(120);
    assert!(health(&wire, &group).is_empty());
}

/// A group of two behind a load balancer, healthy.
fn served(wire: &Wire, more: &str) -> String {
    let blue = wire.target_group("blue");
    wire.listener(&[(&blue, 1)]);
    wire.group("web", 2, &format!("&TargetGroupARNs.member.1={blue}{more}"));
    wire.wait(60);
    assert_eq!(health(wire, &blue), ["healthy", "healthy"]);
    blue
}

#[test]
fn members_are_registered_and_leave_only_when_they_have_drained() {
    let wire = Wire::new();
    let blue = served(&wire, "");
    let member = wire.members("web")[0].clone();
    let form = format!("Action=TerminateInstanceInAutoScalingGroup&InstanceId={member}&ShouldDecrementDesiredCapacity=true");
    let said = wire.asg(&form).ok();
    assert_eq!(said.one("StatusCode"), "WaitingForELBConnectionDraining");
    wire.wait(290);
    let truth = wire.fake.truth();
    assert_eq!((truth.instances[&member].state, truth.instances[&member].targets[&blue]), (State::Running, "draining"));
    wire.wait(60);
    assert_eq!(wire.fake.truth().instances[&member].state, State::Terminated);
    assert_eq!(wire.members("web").len(), 1);
}

#[test]
fn a_group_that_asks_its_load_balancer_replaces_the_sick_after_the_grace() {
    let wire = Wire::new();
    served(&wire, "&HealthCheckType=ELB&HealthCheckGracePeriod=300");
    let members = wire.members("web");
    wire.fake.application(&members[0], false);
    wire.wait(200);
    assert_eq!(wire.members("web"), members);
    wire.wait(700);
    assert!(!wire.members("web").contains(&members[0]));
    assert!(wire.members("web").contains(&members[1]));
}

#[test]
fn a_group_that_does_not_ask_keeps_them() {
    let wire = Wire::new();
    served(&wire, "");
    let members = wire.members("web");
    wire.fake.application(&members[0], false);
    wire.wait(900);
    assert_eq!(wire.members("web"), members);
}

#[test]
fn without_add_to_load_balancer_nobody_new_is_registered() {
    let wire = Wire::new();
    let blue = served(&wire, "");
    wire.asg("Action=SuspendProcesses&AutoScalingGroupName=web&ScalingProcesses.member.1=AddToLoadBalancer").ok();
    wire.asg("Action=SetDesiredCapacity&AutoScalingGroupName=web&DesiredCapacity=3").ok();
    wire.wait(60);
    assert_eq!((wire.members("web").len(), health(&wire, &blue).len()), (3, 2));
    // Nor are they when it is resumed: "instances are not added afterwards".
    wire.asg("Action=ResumeProcesses&AutoScalingGroupName=web").ok();
    wire.wait(60);
    assert_eq!(health(&wire, &blue).len(), 2);
}

#[test]
fn a_detached_target_group_is_drained_and_an_attached_one_filled() {
    let wire = Wire::new();
    let blue = served(&wire, "");
    let green = wire.target_group("green");
    let go =
        |action: &str, arn: &str| wire.asg(&format!("Action={action}&AutoScalingGroupName=web&TargetGroupARNs.member.1={arn}"));
    go("AttachLoadBalancerTargetGroups", &green).ok();
    assert_eq!(health(&wire, &green).len(), 2);
    go("DetachLoadBalancerTargetGroups", &blue).ok();
    assert_eq!(health(&wire, &blue), ["draining", "draining"]);
    wire.wait(300);
    assert!(health(&wire, &blue).is_empty());
}

#[test]
fn a_member_on_standby_gets_no_traffic() {
    let wire = Wire::new();
    let blue = served(&wire, "");
    let member = wire.members("web")[0].clone();
    wire.asg(&format!(
        "Action=EnterStandby&AutoScalingGroupName=web&InstanceIds.member.1={member}&ShouldDecrementDesiredCapacity=true"
    ))
    .ok();
    wire.wait(320);
    assert_eq!(health(&wire, &blue).len(), 1);
    wire.asg(&format!("Action=ExitStandby&AutoScalingGroupName=web&InstanceIds.member.1={member}")).ok();
    wire.wait(60);
    assert_eq!(health(&wire, &blue), ["healthy", "healthy"]);
}

#[test]
fn others_register_and_deregister() {
    let wire = Wire::new();
    let blue = served(&wire, "");
    let stray = wire.fake.meddle_launch(&wire.image, &wire.fake.subnets()[0].0, &[]).unwrap();
    wire.wait(20);
    wire.fake.meddle_register(&blue, &stray);
    wire.fake.meddle_deregister(&blue, &wire.members("web")[0]);
    wire.wait(30);
    let mut states = health(&wire, &blue);
    states.sort();
    assert_eq!(states, ["draining", "healthy", "healthy"]);
}
