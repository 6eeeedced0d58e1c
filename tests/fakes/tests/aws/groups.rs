//! What can be asked of Auto Scaling groups.

use crate::wire::Wire;
use immutable_fakes::aws::knobs::Lag;
use std::time::Duration;

fn create(wire: &Wire, template: &str, sizes: (usize, usize, usize)) -> crate::wire::Said {
    let (min, desired, max) = sizes;
    wire.asg(&format!(
        "Action=CreateAutoScalingGroup&AutoScalingGroupName=web&MinSize={min}&MaxSize={max}&DesiredCapacity={desired}\
         &LaunchTemplate.LaunchTemplateId={template}&LaunchTemplate.Version=1&VPCZoneIdentifier={}",
        wire.fake.subnets()[0].0
    ))
}

#[test]
fn a_name_is_taken_once() {
    let wire = Wire::new();
    let template = wire.template("web");
    create(&wire, &template, (0, 0, 1)).ok();
    assert_eq!(create(&wire, &template, (0, 0, 1)).code(), "AlreadyExists");
}

#[test]
fn sizes_must_be_in_order() {
    let wire = Wire::new();
    let template = wire.template("web");
    assert_eq!(create(&wire, &template, (2, 1, 3)).code(), "ValidationError");
    assert_eq!(create(&wire, &template, (1, 4, 3)).code(), "ValidationError");
    assert_eq!(create(&wire, &template, (4, 4, 3)).code(), "ValidationError");
    create(&wire, &template, (1, 1, 3)).ok();
    let update = |more: &str| wire.asg(&format!("Action=UpdateAutoScalingGroup&AutoScalingGroupName=web{more}"));
    assert_eq!(update("&DesiredCapacity=4").code(), "ValidationError");
    let sizes = || {
        let group = wire.fake.truth().groups["web"].clone();
        (group.min, group.desired, group.max)
    };
    // The desired capacity follows its bounds.
    update("&MinSize=2").ok();
    assert_eq!(sizes(), (2, 2, 3));
    update("&MinSize=0&MaxSize=1").ok();
    assert_eq!(sizes(), (0, 1, 1));
    let set = |desired: usize| wire.asg(&format!("Action=SetDesiredCapacity&AutoScalingGroupName=web&DesiredCapacity={desired}"));
    assert!(set(2).one("Message").contains("above max value 1"));
    set(0).ok();
}

#[test]
fn what_a_group_launches_must_be_there() {
    let wire = Wire::new();
    let said = create(&wire, "lt-0123456789abcdef0", (0, 0, 1));
    assert_eq!(said.code(), "ValidationError");
    assert!(said.one("Message").contains("does not exist"));
    let template = wire.template("web");
    wire.fake.meddle_deregister_image(&wire.image);
    assert!(create(&wire, &template, (0, 0, 1)).one("Message").contains(&wire.image));
}

#[test]
fn a_group_is_shown_late_but_its_name_is_taken_at_once() {
    let wire = Wire::new();
    wire.fake.lag(Lag::Groups, Duration::from_secs(10));
    let template = wire.template("web");
    create(&wire, &template, (0, 0, 1)).ok();
    let shown =
        || wire.asg("Action=DescribeAutoScalingGroups&AutoScalingGroupNames.member.1=web").ok().all("AutoScalingGroupName").len();
    assert_eq!(create(&wire, &template, (0, 0, 1)).code(), "AlreadyExists");
    assert_eq!(shown(), 0);
    wire.wait(10);
    assert_eq!(shown(), 1);
}

#[test]
fn an_unknown_name_is_an_empty_answer_to_who_looks_and_an_error_to_who_changes() {
    let wire = Wire::new();
    let said = wire.asg("Action=DescribeAutoScalingGroups&AutoScalingGroupNames.member.1=nobody").ok();
    assert!(said.all("member").is_empty());
    for form in [
        "Action=UpdateAutoScalingGroup&AutoScalingGroupName=nobody&MaxSize=1",
        "Action=DeleteAutoScalingGroup&AutoScalingGroupName=nobody",
        "Action=SuspendProcesses&AutoScalingGroupName=nobody",
        "Action=DescribeScalingActivities&AutoScalingGroupName=nobody",
    ] {
        let said = wire.asg(form);
        assert_eq!(said.code(), "ValidationError");
        assert!(said.one("Message").contains("not found"));
    }
}

#[test]
fn groups_are_found_by_tag_and_paged() {
    let wire = Wire::new();
    for name in ["one", "two", "three"] {
        wire.group(name, 0, &format!("&Tags.member.1.Key=app&Tags.member.1.Value={name}&Tags.member.1.PropagateAtLaunch=true"));
    }
    let find = |more: &str| wire.asg(&format!("Action=DescribeAutoScalingGroups{more}"));
    let names = |said: &crate::wire::Said| said.all("AutoScalingGroupName");
    let tagged = find("&Filters.member.1.Name=tag:app&Filters.member.1.Values.member.1=two").ok();
    assert_eq!(names(&tagged), ["two"]);
    assert_eq!(tagged.one("PropagateAtLaunch"), "true");
    assert_eq!(names(&find("&Filters.member.1.Name=tag-key&Filters.member.1.Values.member.1=app").ok()).len(), 3);
    let page = find("&MaxRecords=2").ok();
    assert_eq!(names(&page).len(), 2);
    assert_eq!(names(&find(&format!("&MaxRecords=2&NextToken={}", page.one("NextToken"))).ok()).len(), 1);
    assert_eq!(find("&MaxRecords=101").code(), "ValidationError");
    assert_eq!(find("&NextToken=x").code(), "InvalidNextToken");
}

#[test]
fn a_group_with_instances_is_deleted_by_force_only_and_keeps_its_name_for_a_while() {
    let wire = Wire::new();
    wire.group("web", 1, "");
    wire.wait(60);
    let delete = |more: &str| wire.asg(&format!("Action=DeleteAutoScalingGroup&AutoScalingGroupName=web{more}"));
    assert_eq!(delete("").code(), "ResourceInUse");
    wire.asg("Action=SetDesiredCapacity&AutoScalingGroupName=web&DesiredCapacity=0").ok();
    wire.wait(6);
    assert_eq!(delete("").code(), "ScalingActivityInProgress");
    wire.wait(60);
    delete("").ok();
    let shown = wire.asg("Action=DescribeAutoScalingGroups").ok();
    assert_eq!(shown.one("Status"), "Delete in progress");
    assert_eq!(delete("").code(), "ScalingActivityInProgress");
    let template = wire.fake.truth().templates.keys().next().unwrap().clone();
    assert!(create(&wire, &template, (0, 0, 1)).one("Message").contains("pending delete"));
    assert_ne!(wire.asg("Action=UpdateAutoScalingGroup&AutoScalingGroupName=web&MaxSize=2").status, 200);
    wire.wait(40);
    assert!(wire.fake.truth().groups.is_empty());
    create(&wire, &template, (0, 0, 1)).ok();
}

#[test]
fn by_force_a_group_takes_its_instances_along() {
    let wire = Wire::new();
    wire.group("web", 2, "");
    wire.wait(60);
    wire.asg("Action=DeleteAutoScalingGroup&AutoScalingGroupName=web&ForceDelete=true").ok();
    wire.wait(120);
    let truth = wire.fake.truth();
    assert_eq!((truth.live().count(), truth.groups.len()), (0, 0));
    let past = "Action=DescribeScalingActivities&AutoScalingGroupName=web&IncludeDeletedGroups=true";
    assert_eq!(wire.asg(past).ok().all("ActivityId").len(), 4);
}

#[test]
fn processes_are_suspended_by_name_or_all() {
    let wire = Wire::new();
    wire.group("web", 0, "");
    wire.asg("Action=SuspendProcesses&AutoScalingGroupName=web&ScalingProcesses.member.1=AZRebalance").ok();
    assert_eq!(wire.fake.truth().groups["web"].suspended, ["AZRebalance"]);
    wire.asg("Action=SuspendProcesses&AutoScalingGroupName=web").ok();
    assert_eq!(wire.asg("Action=DescribeAutoScalingGroups").ok().all("ProcessName").len(), 9);
    wire.asg("Action=ResumeProcesses&AutoScalingGroupName=web").ok();
    assert!(wire.fake.truth().groups["web"].suspended.is_empty());
    let said = wire.asg("Action=SuspendProcesses&AutoScalingGroupName=web&ScalingProcesses.member.1=Sleep");
    assert_eq!(said.code(), "ValidationError");
}

#[test]
fn a_target_group_that_is_not_there_cannot_be_attached() {
    let wire = Wire::new();
    wire.group("web", 0, "");
    let arn = wire.target_group("blue");
    let attach = |arn: &str| {
        wire.asg(&format!("Action=AttachLoadBalancerTargetGroups&AutoScalingGroupName=web&TargetGroupARNs.member.1={arn}"))
    };
    assert_eq!(attach("arn:nothing").code(), "ValidationError");
    attach(&arn).ok();
    attach(&arn).ok();
    assert_eq!(wire.asg("Action=DescribeAutoScalingGroups").ok().one("TargetGroupARNs"), format!("<member>{arn}</member>"));
    let detach = format!("Action=DetachLoadBalancerTargetGroups&AutoScalingGroupName=web&TargetGroupARNs.member.1={arn}");
    wire.asg(&detach).ok();
    assert_eq!(wire.asg(&detach).code(), "ValidationError");
}

#[test]
fn a_groups_tags_change_and_are_no_instances() {
    let wire = Wire::new();
    wire.group("web", 1, "");
    wire.wait(60);
    let form = "Action=CreateOrUpdateTags&Tags.member.1.ResourceId=web&Tags.member.1.ResourceType=auto-scaling-group&Tags.member.1.Key=a\
                &Tags.member.1.Value=b&Tags.member.1.PropagateAtLaunch=true";
    wire.asg(form).ok();
    let truth = wire.fake.truth();
    assert_eq!(truth.groups["web"].tags["a"], "b");
    assert!(truth.instances.values().all(|machine| !machine.tags.contains_key("a")));
    assert_eq!(wire.asg(&form.replace("ResourceId=web", "ResourceId=nobody")).code(), "ValidationError");
}

#[test]
fn a_call_names_only_so_many() {
    let wire = Wire::new();
    wire.group("web", 0, "");
    let ids = |count: usize| (1..=count).map(|at| format!("&InstanceIds.member.{at}=i-{at:08x}")).collect::<String>();
    let message = |action: &str, count: usize, more: &str| {
        wire.asg(&format!("Action={action}&AutoScalingGroupName=web{}{more}", ids(count))).one("Message")
    };
    for (action, most, more) in [
        ("EnterStandby", 20, "&ShouldDecrementDesiredCapacity=true"),
        ("ExitStandby", 20, ""),
        ("SetInstanceProtection", 50, "&ProtectedFromScaleIn=true"),
        ("TerminateInstanceInAutoScalingGroup", 100, "&ShouldDecrementDesiredCapacity=true"),
    ] {
        assert!(message(action, most + 1, more).contains(&format!("1 to {most} are possible")), "{action}");
        assert!(!message(action, most, more).contains("are possible"), "{action}");
    }
}

#[test]
fn what_is_not_followed_is_not_accepted() {
    let wire = Wire::new();
    wire.group("web", 0, "");
    let said = wire.asg("Action=UpdateAutoScalingGroup&AutoScalingGroupName=web&TerminationPolicies.member.1=OldestInstance");
    assert_eq!(said.code(), "ValidationError");
    let said = wire.asg("Action=SetDesiredCapacity&AutoScalingGroupName=web&DesiredCapacity=1&HonorCooldown=true");
    assert_eq!(said.code(), "ValidationError");
    let said = wire.asg("Action=UpdateAutoScalingGroup&AutoScalingGroupName=web&CapacityRebalance=true");
    assert_eq!(said.code(), "UnknownParameter");
}
