//! Load balancers, listeners, rules and target groups.

use crate::wire::{Wire, forward};

#[test]
fn weights_are_shown_at_once_and_in_force_later() {
    let wire = Wire::new();
    let (blue, green) = (wire.target_group("blue"), wire.target_group("green"));
    let listener = wire.listener(&[(&blue, 100), (&green, 0)]);
    let modify = forward("DefaultActions", &[(&blue, 90), (&green, 10)]);
    wire.elb(&format!("Action=ModifyListener&ListenerArn={listener}{modify}")).ok();
    let shown = wire.elb(&format!("Action=DescribeListeners&ListenerArns.member.1={listener}")).ok();
    assert_eq!(shown.all("Weight"), ["90", "10"]);
    let route = || wire.fake.truth().routes[&listener].clone();
    assert_eq!((route().said[&green], route().in_force[&green]), (10, 0));
    wire.wait(10);
    assert_eq!(route().in_force[&green], 10);
}

#[test]
fn weights_have_their_limits() {
    let wire = Wire::new();
    let groups: Vec<_> = (0..6).map(|at| wire.target_group(&format!("g{at}"))).collect();
    let listener = wire.listener(&[(&groups[0], 1)]);
    let modify = |weights: &[(&str, u32)]| {
        wire.elb(&format!("Action=ModifyListener&ListenerArn={listener}{}", forward("DefaultActions", weights)))
    };
    modify(&[(&groups[0], 999)]).ok();
    assert_eq!(modify(&[(&groups[0], 1000)]).code(), "ValidationError");
    let six: Vec<_> = groups.iter().map(|arn| (arn.as_str(), 1)).collect();
    assert_eq!(modify(&six).code(), "TooManyTargetGroups");
    assert_eq!(modify(&[("arn:nothing", 1)]).code(), "TargetGroupNotFound");
    assert_eq!(wire.fake.truth().routes[&listener].said.len(), 1);
}

#[test]
fn stickiness_needs_its_duration() {
    let wire = Wire::new();
    let blue = wire.target_group("blue");
    let listener = wire.listener(&[(&blue, 1)]);
    let modify = |more: &str| {
        let sticky = "DefaultActions.member.1.ForwardConfig.TargetGroupStickinessConfig";
        let weights = forward("DefaultActions", &[(&blue, 1)]);
        wire.elb(&format!(
            "Action=ModifyListener&ListenerArn={listener}{weights}&{sticky}.Enabled=true{}",
            more.replace('@', sticky)
        ))
    };
    assert_eq!(modify("").code(), "ValidationError");
    let said = modify("&@.DurationSeconds=60").ok();
    assert_eq!((said.one("Enabled"), said.one("DurationSeconds")), ("true".into(), "60".into()));
    assert!(wire.fake.truth().routes[&listener].sticky);
}

#[test]
fn a_rule_has_weights_of_its_own_and_the_default_comes_last() {
    let wire = Wire::new();
    let (blue, green) = (wire.target_group("blue"), wire.target_group("green"));
    let listener = wire.listener(&[(&blue, 1)]);
    let create = |priority: &str| {
        let actions = forward("Actions", &[(&blue, 50), (&green, 50)]);
        wire.elb(&format!(
            "Action=CreateRule&ListenerArn={listener}&Priority={priority}&Conditions.member.1.Field=path-pattern\
             &Conditions.member.1.Values.member.1=%2Fapi%2F%2A{actions}"
        ))
    };
    let rule = create("7").ok().one("RuleArn");
    assert_eq!(create("7").code(), "PriorityInUse");
    assert_eq!(create("50001").code(), "ValidationError");
    let said = wire.elb(&format!("Action=DescribeRules&ListenerArn={listener}")).ok();
    assert_eq!(
        (said.all("Priority"), said.all("IsDefault")),
        (vec!["7".into(), "default".into()], vec!["false".into(), "true".into()])
    );
    let modify = forward("Actions", &[(&blue, 0), (&green, 100)]);
    let said = wire.elb(&format!("Action=ModifyRule&RuleArn={rule}{modify}")).ok();
    assert_eq!((said.all("Weight"), said.one("Field")), (vec!["0".into(), "100".into()], "path-pattern".into()));
    wire.elb(&format!("Action=DeleteRule&RuleArn={rule}")).ok();
    assert_eq!(wire.elb(&format!("Action=DescribeRules&RuleArns.member.1={rule}")).code(), "RuleNotFound");
}

#[test]
fn what_is_made_again_with_the_same_settings_is_the_same() {
    let wire = Wire::new();
    let blue = wire.target_group("blue");
    assert_eq!(wire.target_group("blue"), blue);
    let said = wire.elb("Action=CreateTargetGroup&Name=blue&Protocol=HTTP&Port=81");
    assert_eq!(said.code(), "DuplicateTargetGroupName");
    let listener = wire.listener(&[(&blue, 1)]);
    assert_eq!(wire.listener(&[(&blue, 1)]), listener);
    let balancer = wire.elb("Action=DescribeLoadBalancers&Names.member.1=web").ok();
    assert_eq!(balancer.one("Code"), "active");
    let other = format!(
        "Action=CreateLoadBalancer&Name=web&Subnets.member.1={}&Subnets.member.2={}",
        wire.fake.subnets()[0].0,
        wire.fake.subnets()[2].0
    );
    assert_eq!(wire.elb(&other).code(), "DuplicateLoadBalancerName");
}

#[test]
fn a_target_group_serves_one_load_balancer() {
    let wire = Wire::new();
    let blue = wire.target_group("blue");
    wire.listener(&[(&blue, 1)]);
    let subnets = wire.fake.subnets();
    let other = wire
        .elb(&format!("Action=CreateLoadBalancer&Name=other&Subnets.member.1={}&Subnets.member.2={}", subnets[0].0, subnets[1].0))
        .ok()
        .one("LoadBalancerArn");
    let said =
        wire.elb(&format!("Action=CreateListener&LoadBalancerArn={other}&Port=80{}", forward("DefaultActions", &[(&blue, 1)])));
    assert_eq!(said.code(), "TargetGroupAssociationLimit");
}

#[test]
fn a_target_group_in_use_is_not_deleted() {
    let wire = Wire::new();
    let blue = wire.target_group("blue");
    let listener = wire.listener(&[(&blue, 1)]);
    let delete = format!("Action=DeleteTargetGroup&TargetGroupArn={blue}");
    assert_eq!(wire.elb(&delete).code(), "ResourceInUse");
    let shown = wire.elb("Action=DescribeTargetGroups&Names.member.1=blue").ok();
    assert!(shown.one("LoadBalancerArns").contains("loadbalancer/app/web/"));
    wire.elb(&format!("Action=DeleteListener&ListenerArn={listener}")).ok();
    wire.elb(&delete).ok();
    assert_eq!(wire.elb("Action=DescribeTargetGroups&Names.member.1=blue").code(), "TargetGroupNotFound");
}

#[test]
fn a_target_groups_attributes() {
    let wire = Wire::new();
    let blue = wire.target_group("blue");
    let modify = |value: &str| {
        wire.elb(&format!(
            "Action=ModifyTargetGroupAttributes&TargetGroupArn={blue}&Attributes.member.1.Key=deregistration_delay.timeout_seconds\
             &Attributes.member.1.Value={value}"
        ))
    };
    let shown = || wire.elb(&format!("Action=DescribeTargetGroupAttributes&TargetGroupArn={blue}")).ok();
    let delay = || {
        let said = shown();
        let at = said.all("Key").iter().position(|key| key == "deregistration_delay.timeout_seconds").unwrap();
        said.all("Value")[at].clone()
    };
    assert_eq!(delay(), "300");
    modify("60").ok();
    assert_eq!(delay(), "60");
    assert_eq!(modify("3601").code(), "ValidationError");
}

#[test]
fn tags_of_load_balancers_and_target_groups() {
    let wire = Wire::new();
    let blue = wire.target_group("blue");
    wire.elb(&format!("Action=AddTags&ResourceArns.member.1={blue}&Tags.member.1.Key=a&Tags.member.1.Value=b")).ok();
    let said = wire.elb(&format!("Action=DescribeTags&ResourceArns.member.1={blue}")).ok();
    assert_eq!((said.one("Key"), said.one("Value")), ("a".into(), "b".into()));
    let missing = blue.replace("blue", "red");
    assert_eq!(wire.elb(&format!("Action=DescribeTags&ResourceArns.member.1={missing}")).code(), "TargetGroupNotFound");
}
