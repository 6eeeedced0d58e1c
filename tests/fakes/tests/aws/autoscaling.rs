//! What Auto Scaling groups do by themselves, and with their members.

use crate::wire::Wire;
use immutable_fakes::aws::{Fate, Lifecycle, State};
use std::collections::BTreeMap;

fn zones(wire: &Wire) -> BTreeMap<String, usize> {
    let truth = wire.fake.truth();
    let mut zones = BTreeMap::new();
    for (_, machine) in truth.live().filter(|(_, machine)| machine.group.is_some()) {
        *zones.entry(machine.zone.clone()).or_default() += 1;
    }
    zones
}

fn desire(wire: &Wire, name: &str, desired: usize) {
    wire.asg(&format!("Action=SetDesiredCapacity&AutoScalingGroupName={name}&DesiredCapacity={desired}")).ok();
}

#[test]
fn a_group_grows_to_what_is_desired_evenly_over_its_zones() {
    let wire = Wire::new();
    wire.group(
        "web",
        6,
        "&Tags.member.1.Key=app&Tags.member.1.Value=w&Tags.member.1.PropagateAtLaunch=true&Tags.member.2.Key=own",
    );
    assert_eq!(wire.fake.truth().instances.len(), 0);
    wire.wait(5);
    assert_eq!(zones(&wire).into_values().collect::<Vec<_>>(), [2, 2, 2]);
    let states = || wire.asg("Action=DescribeAutoScalingGroups").ok().all("LifecycleState");
    assert_eq!(states(), ["Pending"; 6]);
    let activities = || wire.asg("Action=DescribeScalingActivities&AutoScalingGroupName=web").ok();
    assert_eq!(activities().all("StatusCode"), ["InProgress"; 6]);
    wire.wait(30);
    assert_eq!(states(), ["InService"; 6]);
    assert_eq!(activities().all("StatusCode"), ["Successful"; 6]);
    assert!(activities().one("Cause").ends_with("increasing the capacity from 5 to 6."));
    let tags = wire.fake.truth().instances.into_values().next().unwrap().tags;
    assert_eq!((tags["app"].as_str(), tags["aws:autoscaling:groupName"].as_str()), ("w", "web"));
    assert!(!tags.contains_key("own"));
}

#[test]
fn a_group_shrinks_by_whom_it_chooses_but_not_by_the_protected() {
    let wire = Wire::new();
    wire.group("web", 3, "&NewInstancesProtectedFromScaleIn=true");
    wire.wait(60);
    desire(&wire, "web", 1);
    wire.wait(60);
    assert_eq!(wire.fake.truth().live().count(), 3);
    let said = wire.asg("Action=DescribeScalingActivities&AutoScalingGroupName=web").ok();
    assert!(said.one("StatusMessage").contains("protected from scale-in"));
    let members = wire.members("web");
    wire.asg(&format!(
        "Action=SetInstanceProtection&AutoScalingGroupName=web&ProtectedFromScaleIn=false&InstanceIds.member.1={}&InstanceIds.member.2={}",
        members[0], members[1]
    ))
    .ok();
    wire.wait(120);
    assert_eq!(wire.members("web"), [members[2].clone()]);
}

#[test]
fn without_launch_nothing_is_launched_and_without_terminate_nothing_leaves() {
    let wire = Wire::new();
    wire.group("web", 0, "");
    wire.asg("Action=SuspendProcesses&AutoScalingGroupName=web&ScalingProcesses.member.1=Launch").ok();
    desire(&wire, "web", 2);
    wire.wait(600);
    assert_eq!(wire.fake.truth().instances.len(), 0);
    wire.asg("Action=ResumeProcesses&AutoScalingGroupName=web&ScalingProcesses.member.1=Launch").ok();
    wire.wait(60);
    assert_eq!(wire.fake.truth().live().count(), 2);
    wire.asg("Action=SuspendProcesses&AutoScalingGroupName=web&ScalingProcesses.member.1=Terminate").ok();
    desire(&wire, "web", 0);
    wire.wait(600);
    assert_eq!(wire.fake.truth().live().count(), 2);
    // By name it goes nevertheless.
    let member = &wire.members("web")[0];
    desire(&wire, "web", 2);
    terminate(&wire, member, true).ok();
    wire.wait(60);
    assert_eq!(wire.fake.truth().live().count(), 1);
}

fn terminate(wire: &Wire, id: &str, decrement: bool) -> crate::wire::Said {
    wire.asg(&format!("Action=TerminateInstanceInAutoScalingGroup&InstanceId={id}&ShouldDecrementDesiredCapacity={decrement}"))
}

#[test]
fn who_is_named_leaves_and_is_replaced_unless_the_group_shrinks_by_it() {
    let wire = Wire::new();
    wire.group("web", 2, "&NewInstancesProtectedFromScaleIn=true");
    wire.wait(60);
    let members = wire.members("web");
    let said = terminate(&wire, &members[0], true).ok();
    assert_eq!(said.all("Description"), [format!("Terminating EC2 instance: {}", members[0])]);
    assert_eq!(terminate(&wire, &members[0], true).code(), "ScalingActivityInProgress");
    wire.wait(60);
    assert_eq!(wire.members("web"), [members[1].clone()]);
    assert_eq!(wire.fake.truth().groups["web"].desired, 1);
    terminate(&wire, &members[1], false).ok();
    wire.wait(60);
    assert_eq!(wire.members("web").len(), 1);
    assert_ne!(wire.members("web"), [members[1].clone()]);
    let said = terminate(&wire, &members[1], true);
    assert_eq!(said.code(), "ValidationError");
    assert!(said.one("Message").contains("No managed instance found"));
}

#[test]
fn a_group_does_not_shrink_below_its_least() {
    let wire = Wire::new();
    wire.group("web", 1, "");
    wire.wait(60);
    wire.asg("Action=UpdateAutoScalingGroup&AutoScalingGroupName=web&MinSize=1").ok();
    let said = terminate(&wire, &wire.members("web")[0], true);
    assert!(said.one("Message").contains("min size constraint"));
    assert_eq!(wire.fake.truth().live().count(), 1);
}

#[test]
fn many_leave_at_once_or_none() {
    let wire = Wire::new();
    wire.group("web", 3, "");
    wire.wait(60);
    let members = wire.members("web");
    let form = |second: &str| {
        format!(
            "Action=TerminateInstanceInAutoScalingGroup&AutoScalingGroupName=web&ShouldDecrementDesiredCapacity=true&InstanceIds.member.1={}\
             &InstanceIds.member.2={second}",
            members[0]
        )
    };
    assert_eq!(wire.asg(&form("i-0123456789abcdef0")).code(), "ValidationError");
    assert_eq!(wire.fake.truth().groups["web"].desired, 3);
    assert_eq!(wire.asg(&form(&members[1])).ok().all("ActivityId").len(), 2);
    wire.wait(60);
    assert_eq!(wire.members("web"), [members[2].clone()]);
}

#[test]
fn without_capacity_an_activity_fails_in_these_words_and_is_tried_again() {
    let wire = Wire::new();
    for zone in ["us-east-1a", "us-east-1b", "us-east-1c"] {
        wire.fake.capacity(zone, Some(0));
    }
    wire.group("web", 1, "");
    wire.wait(10);
    let activities = || wire.asg("Action=DescribeScalingActivities&AutoScalingGroupName=web").ok();
    let said = activities();
    assert_eq!(said.all("StatusCode"), ["Failed"; 3]);
    assert!(
        said.one("StatusMessage")
            .starts_with("We currently do not have sufficient t3.micro capacity in the Availability Zone you requested")
    );
    assert!(said.one("Description").starts_with("Launching a new EC2 instance.  Status Reason: We currently"));
    assert!(said.one("StatusMessage").ends_with("Launching EC2 instance failed."));
    wire.wait(60);
    assert_eq!(activities().all("StatusCode"), ["Failed"; 6]);
    wire.fake.capacity("us-east-1b", Some(1));
    wire.wait(120);
    assert_eq!(zones(&wire), [("us-east-1b".to_owned(), 1)].into());
}

#[test]
fn where_one_zone_is_full_the_others_take_its_part_and_give_it_back_later() {
    let wire = Wire::new();
    wire.fake.capacity("us-east-1a", Some(0));
    wire.group("web", 6, "");
    wire.wait(300);
    assert_eq!(zones(&wire).values().sum::<usize>(), 6);
    assert!(!zones(&wire).contains_key("us-east-1a"));
    wire.fake.capacity("us-east-1a", None);
    let most = (0..200).map(|_| {
        wire.wait(5);
        zones(&wire).values().sum::<usize>()
    });
    // It launches before it terminates.
    assert_eq!(most.max(), Some(7));
    assert_eq!(zones(&wire).into_values().collect::<Vec<_>>(), [2, 2, 2]);
}

#[test]
fn a_group_whose_rebalancing_is_suspended_leaves_its_zones_as_they_are() {
    let wire = Wire::new();
    wire.fake.capacity("us-east-1a", Some(0));
    wire.group("web", 6, "");
    wire.asg("Action=SuspendProcesses&AutoScalingGroupName=web&ScalingProcesses.member.1=AZRebalance").ok();
    wire.wait(300);
    wire.fake.capacity("us-east-1a", None);
    wire.wait(600);
    assert_eq!(zones(&wire).into_values().collect::<Vec<_>>(), [3, 3]);
}

#[test]
fn a_group_whose_image_is_gone_cannot_heal() {
    let wire = Wire::new();
    wire.group("web", 1, "");
    wire.wait(60);
    wire.fake.meddle_deregister_image(&wire.image);
    wire.fake.kill(&wire.members("web")[0]);
    wire.wait(600);
    assert_eq!(wire.fake.truth().live().count(), 0);
    let said = wire.asg("Action=DescribeScalingActivities&AutoScalingGroupName=web").ok();
    assert!(said.one("StatusMessage").contains(&wire.image));
    // Nor could it, of a template that was deleted.
    assert_eq!(said.all("StatusCode")[0], "Failed");
}

#[test]
fn who_dies_is_replaced_and_who_is_impaired_after_the_grace() {
    let wire = Wire::new();
    wire.group("web", 2, "&HealthCheckGracePeriod=300");
    wire.wait(60);
    let members = wire.members("web");
    wire.fake.kill(&members[0]);
    wire.fake.impair(&members[1], true);
    wire.wait(60);
    let now = wire.members("web");
    assert!(!now.contains(&members[0]) && now.contains(&members[1]) && now.len() == 2);
    wire.wait(600);
    assert!(!wire.members("web").contains(&members[1]));
    let causes = wire.asg("Action=DescribeScalingActivities&AutoScalingGroupName=web").ok().all("Cause");
    assert!(causes.iter().any(|cause| cause.contains("EC2 health check indicating it has been terminated or stopped")));
}

#[test]
fn nobody_is_replaced_while_that_is_suspended() {
    let wire = Wire::new();
    wire.group("web", 1, "");
    wire.wait(60);
    wire.asg("Action=SuspendProcesses&AutoScalingGroupName=web&ScalingProcesses.member.1=ReplaceUnhealthy").ok();
    let member = wire.members("web");
    wire.fake.kill(&member[0]);
    wire.wait(600);
    assert_eq!(wire.members("web"), member);
    assert_eq!(wire.asg("Action=DescribeAutoScalingGroups").ok().one("HealthStatus"), "Unhealthy");
}

#[test]
fn an_image_that_dies_at_boot_is_a_cancelled_launch_again_and_again() {
    let wire = Wire::new();
    wire.fake.fate(&wire.image, Fate::Dies);
    wire.group("web", 1, "");
    wire.wait(300);
    let said = wire.asg("Action=DescribeScalingActivities&AutoScalingGroupName=web").ok();
    assert!(said.one("StatusMessage").contains("Client.InternalError"), "{}", said.body);
    assert!(said.all("StatusCode").iter().filter(|status| *status == "Cancelled").count() >= 2);
}

#[test]
fn standby_takes_a_member_out_and_brings_it_back() {
    let wire = Wire::new();
    wire.group("web", 2, "");
    wire.wait(60);
    let member = wire.members("web")[0].clone();
    let go = |action: &str, more: &str| {
        wire.asg(&format!("Action={action}&AutoScalingGroupName=web&InstanceIds.member.1={member}{more}"))
    };
    go("EnterStandby", "&ShouldDecrementDesiredCapacity=true").ok();
    wire.wait(30);
    let lifecycle = || wire.fake.truth().instances[&member].lifecycle;
    assert_eq!((lifecycle(), wire.fake.truth().live().count()), (Some(Lifecycle::Standby), 2));
    assert_eq!(go("EnterStandby", "&ShouldDecrementDesiredCapacity=true").code(), "ValidationError");
    go("ExitStandby", "").ok();
    wire.wait(30);
    assert_eq!((lifecycle(), wire.fake.truth().groups["web"].desired), (Some(Lifecycle::InService), 2));
    // Without shrinking, another takes its place; and the way back may be barred.
    go("EnterStandby", "&ShouldDecrementDesiredCapacity=false").ok();
    wire.wait(60);
    assert_eq!(wire.fake.truth().live().count(), 3);
    wire.asg("Action=UpdateAutoScalingGroup&AutoScalingGroupName=web&MaxSize=2").ok();
    assert!(go("ExitStandby", "").one("Message").contains("max-size=2"));
}

#[test]
fn others_meddle() {
    let wire = Wire::new();
    wire.group("web", 2, "");
    wire.wait(60);
    let members = wire.members("web");
    wire.fake.meddle_process("web", "AZRebalance", true);
    wire.fake.meddle_detach("web", &members[0]);
    let stray = wire.fake.meddle_launch(&wire.image, &wire.fake.subnets()[0].0, &[("who", "them")]).unwrap();
    wire.fake.meddle_attach("web", &stray);
    wire.wait(60);
    let truth = wire.fake.truth();
    assert_eq!(truth.orphans(), [members[0].as_str()]);
    assert_eq!(truth.instances[&stray].lifecycle, Some(Lifecycle::InService));
    wire.fake.meddle_terminate(&stray);
    wire.wait(120);
    assert_eq!(wire.fake.truth().instances[&stray].state, State::Terminated);
    assert_eq!(wire.members("web").len(), 2);
    wire.fake.meddle_desired("web", 12);
    wire.wait(60);
    assert_eq!(wire.members("web").len(), 12);
}

#[test]
fn a_name_may_be_somebody_elses() {
    let wire = Wire::new();
    assert!(wire.fake.meddle_group("web", &wire.image, &[("owner", "them")]));
    assert!(!wire.fake.meddle_group("web", &wire.image, &[]));
    wire.wait(60);
    let truth = wire.fake.truth();
    assert_eq!((truth.groups["web"].tags["owner"].as_str(), wire.members("web").len()), ("them", 1));
    let subnet = &wire.fake.subnets()[0].0;
    let template = wire.template("web");
    let said = wire.asg(&format!(
        "Action=CreateAutoScalingGroup&AutoScalingGroupName=web&MinSize=0&MaxSize=1&LaunchTemplate.LaunchTemplateId={template}\
         &VPCZoneIdentifier={subnet}"
    ));
    assert_eq!(said.code(), "AlreadyExists");
}

#[test]
fn whom_its_owner_calls_ill_is_replaced() {
    let wire = Wire::new();
    wire.group("web", 1, "&HealthCheckGracePeriod=600");
    wire.wait(60);
    let member = wire.members("web")[0].clone();
    let set = |more: &str| wire.asg(&format!("Action=SetInstanceHealth&InstanceId={member}&HealthStatus=Unhealthy{more}")).ok();
    set("");
    wire.wait(60);
    assert!(wire.members("web").contains(&member));
    set("&ShouldRespectGracePeriod=false");
    wire.wait(60);
    assert!(!wire.members("web").contains(&member));
}
