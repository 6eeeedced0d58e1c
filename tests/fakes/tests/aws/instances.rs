use crate::wire::Wire;
use immutable_fakes::aws::knobs::Lag;
use immutable_fakes::aws::{Fate, State};
use std::time::Duration;

#[test]
fn an_instance_boots_runs_and_is_terminated_and_is_shown_for_an_hour_more() {
    let wire = Wire::new();
    let ids = wire.run(1, "");
    let state = || wire.ec2(&format!("Action=DescribeInstances&InstanceId.1={}", ids[0])).ok().one("name");
    assert_eq!(state(), "pending");
    wire.wait(20);
    assert_eq!(state(), "running");
    let said = wire.ec2(&format!("Action=TerminateInstances&InstanceId.1={}", ids[0])).ok();
    assert_eq!(said.all("name"), ["shutting-down", "running"]);
    wire.wait(30);
    assert_eq!(state(), "terminated");
    // Again is no error.
    wire.ec2(&format!("Action=TerminateInstances&InstanceId.1={}", ids[0])).ok();
    wire.wait(3599);
    assert_eq!(state(), "terminated");
    wire.wait(1);
    let said = wire.ec2(&format!("Action=DescribeInstances&InstanceId.1={}", ids[0]));
    assert_eq!(said.code(), "InvalidInstanceID.NotFound");
}

#[test]
fn a_token_launches_once() {
    let wire = Wire::new();
    let first = wire.run(2, "&ClientToken=t");
    assert_eq!(wire.run(2, "&ClientToken=t"), first);
    assert_eq!(wire.fake.truth().instances.len(), 2);
}

#[test]
fn a_token_with_other_parameters_is_refused() {
    let wire = Wire::new();
    wire.run(2, "&ClientToken=t");
    let said = wire.ec2(&format!("Action=RunInstances&ImageId={}&MinCount=1&MaxCount=1&ClientToken=t", wire.image));
    assert_eq!(said.code(), "IdempotentParameterMismatch");
}

#[test]
fn the_same_token_in_another_zone_launches_again() {
    let wire = Wire::new();
    let subnets = wire.fake.subnets();
    for (subnet, _) in &subnets {
        wire.run(1, &format!("&ClientToken=t&SubnetId={subnet}"));
    }
    wire.run(1, &format!("&ClientToken=t&SubnetId={}", subnets[0].0));
    let zones: Vec<_> = wire.fake.truth().instances.into_values().map(|machine| machine.zone).collect();
    assert_eq!(zones.len(), 3);
}

#[test]
fn without_a_zone_a_token_is_the_regions() {
    let wire = Wire::new();
    let first = wire.run(1, "&ClientToken=t");
    assert_ne!(wire.run(1, "&ClientToken=t&Placement.AvailabilityZone=us-east-1a"), first);
    assert_eq!(wire.run(1, "&ClientToken=t"), first);
}

#[test]
fn the_token_of_a_terminated_instance_is_used_up() {
    let wire = Wire::new();
    let ids = wire.run(1, "&ClientToken=t");
    wire.ec2(&format!("Action=TerminateInstances&InstanceId.1={}", ids[0])).ok();
    let form = format!("Action=RunInstances&ImageId={}&InstanceType=t3.micro&MinCount=1&MaxCount=1&ClientToken=t", wire.image);
    assert_eq!(wire.ec2(&form).code(), "IdempotentInstanceTerminated");
}

#[test]
fn a_token_is_forgotten_at_last() {
    let wire = Wire::new();
    wire.fake.token_life(Duration::from_secs(600));
    let first = wire.run(1, "&ClientToken=t");
    wire.wait(600);
    assert_ne!(wire.run(1, "&ClientToken=t"), first);
}

#[test]
fn a_launch_that_failed_leaves_its_token_free() {
    let wire = Wire::new();
    wire.fake.capacity("us-east-1a", Some(0));
    let form = format!("Action=RunInstances&ImageId={}&InstanceType=t3.micro&MinCount=1&MaxCount=1&ClientToken=t", wire.image);
    let said = wire.ec2(&form);
    assert_eq!((said.code().as_str(), said.status), ("InsufficientInstanceCapacity", 500));
    wire.fake.capacity("us-east-1a", None);
    wire.ec2(&form).ok();
}

#[test]
fn between_the_least_and_the_most_there_is_what_there_is_room_for() {
    let wire = Wire::new();
    wire.fake.capacity("us-east-1a", Some(3));
    let run = |least, most| wire.ec2(&format!("Action=RunInstances&ImageId={}&MinCount={least}&MaxCount={most}", wire.image));
    assert_eq!(run(4, 5).code(), "InsufficientInstanceCapacity");
    assert_eq!(run(2, 5).ok().all("instanceId").len(), 3);
    assert_eq!(run(1, 1).code(), "InsufficientInstanceCapacity");
    assert_eq!(run(2, 1).code(), "InvalidParameterValue");
}

#[test]
fn an_account_has_its_limit() {
    let wire = Wire::new();
    wire.fake.instance_limit(Some(2));
    wire.run(1, "");
    let said = wire.ec2(&format!("Action=RunInstances&ImageId={}&MinCount=2&MaxCount=2", wire.image));
    assert_eq!((said.code().as_str(), said.status), ("VcpuLimitExceeded", 400));
}

#[test]
fn what_is_new_is_not_shown_and_one_unknown_id_fails_the_whole_call() {
    let wire = Wire::new();
    let old = wire.run(1, "");
    wire.fake.lag(Lag::Instances, Duration::from_secs(10));
    let new = wire.run(1, "");
    let both = format!("Action=DescribeInstances&InstanceId.1={}&InstanceId.2={}", old[0], new[0]);
    let said = wire.ec2(&both);
    assert_eq!(said.code(), "InvalidInstanceID.NotFound");
    assert!(said.one("Message").contains(&new[0]) && !said.one("Message").contains(&old[0]));
    assert_eq!(wire.ec2("Action=DescribeInstances").ok().all("instanceId"), old);
    wire.wait(10);
    assert_eq!(wire.ec2(&both).ok().all("instanceId").len(), 2);
}

#[test]
fn a_malformed_id_is_told_from_an_unknown_one() {
    let wire = Wire::new();
    assert_eq!(wire.ec2("Action=DescribeInstances&InstanceId.1=web").code(), "InvalidInstanceID.Malformed");
    assert_eq!(wire.ec2("Action=DescribeInstances&InstanceId.1=i-0123456789abcdef0").code(), "InvalidInstanceID.NotFound");
}

#[test]
fn instances_are_paged_by_reservation() {
    let wire = Wire::new();
    for count in [3, 1, 1, 1, 1, 1] {
        wire.run(count, "");
        wire.wait(1);
    }
    let first = wire.ec2("Action=DescribeInstances&MaxResults=5").ok();
    assert_eq!(first.all("instanceId").len(), 7);
    let rest = wire.ec2(&format!("Action=DescribeInstances&MaxResults=5&NextToken={}", first.one("nextToken"))).ok();
    assert_eq!((rest.all("instanceId").len(), rest.all("nextToken").len()), (1, 0));
    assert_eq!(wire.ec2("Action=DescribeInstances&NextToken=x").code(), "InvalidNextToken");
    assert_eq!(wire.ec2("Action=DescribeInstances&MaxResults=4").code(), "InvalidParameterValue");
    let ids = first.all("instanceId");
    let said = wire.ec2(&format!("Action=DescribeInstances&MaxResults=5&InstanceId.1={}", ids[0]));
    assert_eq!(said.code(), "InvalidParameterCombination");
}

#[test]
fn filters_choose_and_unknown_ones_are_refused() {
    let wire = Wire::new();
    let tagged = wire
        .run(1, "&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=app&TagSpecification.1.Tag.1.Value=web");
    wire.run(1, "&ClientToken=other");
    let found = |filter: &str| wire.ec2(&format!("Action=DescribeInstances&{filter}")).ok().all("instanceId");
    assert_eq!(found("Filter.1.Name=tag:app&Filter.1.Value.1=w*"), tagged);
    assert_eq!(found("Filter.1.Name=tag-key&Filter.1.Value.1=app"), tagged);
    assert_eq!(found("Filter.1.Name=client-token&Filter.1.Value.1=other").len(), 1);
    assert!(found("Filter.1.Name=instance-state-name&Filter.1.Value.1=running").is_empty());
    assert_eq!(found("Filter.1.Name=instance-state-name&Filter.1.Value.1=running&Filter.1.Value.2=pending").len(), 2);
    assert_eq!(wire.ec2("Action=DescribeInstances&Filter.1.Name=colour&Filter.1.Value.1=red").code(), "InvalidParameterValue");
}

#[test]
fn new_tags_are_shown_late_and_an_unknown_resource_spoils_them_all() {
    let wire = Wire::new();
    let ids = wire.run(1, "");
    wire.fake.lag(Lag::Tags, Duration::from_secs(5));
    let tag = |more: &str| wire.ec2(&format!("Action=CreateTags&ResourceId.1={}&Tag.1.Key=app&Tag.1.Value=web{more}", ids[0]));
    assert_eq!(tag("&ResourceId.2=i-0123456789abcdef0").code(), "InvalidInstanceID.NotFound");
    assert!(wire.fake.truth().instances[&ids[0]].tags.is_empty());
    tag("").ok();
    let find = || wire.ec2("Action=DescribeInstances&Filter.1.Name=tag:app&Filter.1.Value.1=web").ok().all("instanceId");
    assert!(find().is_empty());
    wire.wait(5);
    assert_eq!(find(), ids);
}

#[test]
fn one_unknown_id_keeps_all_from_being_terminated() {
    let wire = Wire::new();
    let ids = wire.run(1, "");
    let said = wire.ec2(&format!("Action=TerminateInstances&InstanceId.1={}&InstanceId.2=i-0123456789abcdef0", ids[0]));
    assert_eq!(said.code(), "InvalidInstanceID.NotFound");
    assert_eq!(wire.fake.truth().live().count(), 1);
}

#[test]
fn a_protected_instance_saves_its_zone_and_no_other() {
    let wire = Wire::new();
    let subnets = wire.fake.subnets();
    let here = wire.run(2, &format!("&SubnetId={}", subnets[0].0));
    let there = wire.run(1, &format!("&SubnetId={}", subnets[1].0));
    wire.ec2(&format!("Action=ModifyInstanceAttribute&InstanceId={}&DisableApiTermination.Value=true", here[0])).ok();
    let all = format!("Action=TerminateInstances&InstanceId.1={}&InstanceId.2={}&InstanceId.3={}", here[0], here[1], there[0]);
    assert_eq!(wire.ec2(&all).code(), "OperationNotPermitted");
    let truth = wire.fake.truth();
    let live: Vec<_> = truth.live().map(|(id, _)| id).collect();
    assert_eq!(live.len(), 2);
    assert!(!live.contains(&there[0].as_str()));
}

#[test]
fn status_is_of_running_instances_unless_all_are_asked_for() {
    let wire = Wire::new();
    let ids = wire.run(1, "");
    let status = |more: &str| wire.ec2(&format!("Action=DescribeInstanceStatus{more}")).ok().all("status");
    assert!(status("").is_empty());
    assert_eq!(status("&IncludeAllInstances=true"), ["not-applicable", "not-applicable"]);
    wire.wait(20);
    assert_eq!(status(""), ["initializing", "initializing", "initializing", "initializing"]);
    wire.wait(120);
    assert_eq!(status(""), ["ok", "passed", "ok", "passed"]);
    wire.fake.impair(&ids[0], true);
    assert_eq!(status(""), ["ok", "passed", "impaired", "failed"]);
}

#[test]
fn an_image_whose_instances_hang_and_one_whose_instances_die() {
    let wire = Wire::new();
    wire.fake.fate(&wire.image, Fate::Hangs);
    let hangs = wire.run(1, "");
    wire.fake.fate(&wire.image, Fate::Dies);
    let dies = wire.run(1, "");
    wire.wait(3000);
    let truth = wire.fake.truth();
    assert_eq!((truth.instances[&hangs[0]].state, truth.instances[&dies[0]].state), (State::Pending, State::Terminated));
    let said = wire.ec2(&format!("Action=DescribeInstances&InstanceId.1={}", dies[0])).ok();
    assert!(said.one("stateReason").contains("Client.InternalError"));
}

#[test]
fn a_killed_instance_is_gone_and_says_that_it_was_not_its_owner() {
    let wire = Wire::new();
    let ids = wire.run(1, "");
    wire.fake.kill(&ids[0]);
    let said = wire.ec2(&format!("Action=DescribeInstances&InstanceId.1={}", ids[0])).ok();
    assert_eq!(said.one("name"), "terminated");
    assert!(said.one("stateReason").contains("Server.InternalError"));
}

#[test]
fn a_dry_run_does_nothing() {
    let wire = Wire::new();
    let said = wire.ec2(&format!("Action=RunInstances&ImageId={}&MinCount=1&MaxCount=1&DryRun=true", wire.image));
    assert_eq!((said.code().as_str(), said.status), ("DryRunOperation", 412));
    assert!(wire.fake.truth().instances.is_empty());
}

#[test]
fn of_each_instance_the_boot_may_take_another_time() {
    let wire = Wire::new();
    wire.fake.boot_between(Duration::from_secs(10), Duration::from_secs(60));
    wire.run(20, "");
    let running = || wire.fake.truth().instances.values().filter(|machine| machine.state == State::Running).count();
    wire.wait(9);
    assert_eq!(running(), 0);
    wire.wait(26);
    assert!((1..20).contains(&running()));
    wire.wait(25);
    assert_eq!(running(), 20);
}

#[test]
fn a_tag_is_deleted_by_its_key_or_by_key_and_value() {
    let wire = Wire::new();
    let ids = wire.run(1, "");
    wire.ec2(&format!("Action=CreateTags&ResourceId.1={}&Tag.1.Key=a&Tag.1.Value=1&Tag.2.Key=b&Tag.2.Value=2", ids[0])).ok();
    let delete = |tag: &str| wire.ec2(&format!("Action=DeleteTags&ResourceId.1={}&Tag.1.Key={tag}", ids[0]));
    let tags = || wire.fake.truth().instances[&ids[0]].tags.keys().cloned().collect::<String>();
    delete("a&Tag.1.Value=2").ok();
    assert_eq!(tags(), "ab");
    delete("a&Tag.1.Value=1").ok();
    assert_eq!(tags(), "b");
    delete("b").ok();
    assert_eq!(tags(), "");
    assert_eq!(wire.ec2("Action=DeleteTags&ResourceId.1=ami-0123456789abcdef0&Tag.1.Key=a").code(), "InvalidAMIID.NotFound");
}
