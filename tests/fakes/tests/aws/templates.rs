use crate::wire::Wire;
use immutable_fakes::aws::knobs::Lag;
use std::time::Duration;

#[test]
fn a_template_is_made_once_for_its_token_and_once_for_its_name() {
    let wire = Wire::new();
    let create = |more: &str| {
        wire.ec2(&format!("Action=CreateLaunchTemplate&LaunchTemplateName=web&LaunchTemplateData.ImageId={}{more}", wire.image))
    };
    let id = create("&ClientToken=t").ok().one("launchTemplateId");
    assert_eq!(create("&ClientToken=t").ok().one("launchTemplateId"), id);
    assert_eq!(create("&ClientToken=t&LaunchTemplateData.KeyName=k").code(), "IdempotentParameterMismatch");
    assert_eq!(create("&ClientToken=u").code(), "InvalidLaunchTemplateName.AlreadyExistsException");
    assert_eq!(create("").code(), "InvalidLaunchTemplateName.AlreadyExistsException");
}

#[test]
fn templates_are_found_by_id_name_and_tag() {
    let wire = Wire::new();
    let form = format!(
        "Action=CreateLaunchTemplate&LaunchTemplateName=web&LaunchTemplateData.ImageId={}&TagSpecification.1.ResourceType=launch-template\
         &TagSpecification.1.Tag.1.Key=owner&TagSpecification.1.Tag.1.Value=us",
        wire.image
    );
    let id = wire.ec2(&form).ok().one("launchTemplateId");
    let other = wire.template("other");
    let find = |what: &str| wire.ec2(&format!("Action=DescribeLaunchTemplates&{what}"));
    assert_eq!(find("LaunchTemplateName.1=web").ok().one("launchTemplateId"), id);
    assert_eq!(find(&format!("LaunchTemplateId.1={other}")).ok().all("launchTemplateName"), ["other"]);
    assert_eq!(find("Filter.1.Name=tag:owner&Filter.1.Value.1=us").ok().all("launchTemplateId"), [id]);
    assert_eq!(find("LaunchTemplateName.1=nobody").code(), "InvalidLaunchTemplateName.NotFoundException");
    assert_eq!(find("LaunchTemplateId.1=lt-0123456789abcdef0").code(), "InvalidLaunchTemplateId.NotFound");
}

#[test]
fn a_version_says_what_was_put_in() {
    let wire = Wire::new();
    let form = format!(
        "Action=CreateLaunchTemplate&LaunchTemplateName=web&LaunchTemplateData.ImageId={}&LaunchTemplateData.UserData=aGk%3D\
         &LaunchTemplateData.SecurityGroupId.1=sg-1&LaunchTemplateData.MetadataOptions.HttpTokens=required\
         &LaunchTemplateData.IamInstanceProfile.Name=web&LaunchTemplateData.TagSpecification.1.ResourceType=instance\
         &LaunchTemplateData.TagSpecification.1.Tag.1.Key=app&LaunchTemplateData.TagSpecification.1.Tag.1.Value=w",
        wire.image
    );
    let id = wire.ec2(&form).ok().one("launchTemplateId");
    let said = wire.ec2(&format!("Action=DescribeLaunchTemplateVersions&LaunchTemplateId={id}&LaunchTemplateVersion.1=1")).ok();
    assert_eq!(said.one("imageId"), wire.image);
    assert_eq!(said.one("userData"), "aGk=");
    assert_eq!(said.one("securityGroupIdSet"), "<item>sg-1</item>");
    assert_eq!(said.one("httpTokens"), "required");
    assert_eq!(said.one("iamInstanceProfile"), "<name>web</name>");
    assert_eq!((said.one("key"), said.one("value")), ("app".into(), "w".into()));
    let said = wire.ec2(&format!("Action=DescribeLaunchTemplateVersions&LaunchTemplateId={id}&LaunchTemplateVersion.1=2"));
    assert_eq!(said.code(), "InvalidLaunchTemplateId.VersionNotFound");
}

#[test]
fn what_is_launched_from_a_template_is_as_it_says_unless_the_launch_says_otherwise() {
    let wire = Wire::new();
    let form = format!(
        "Action=CreateLaunchTemplate&LaunchTemplateName=web&LaunchTemplateData.ImageId={}&LaunchTemplateData.InstanceType=t3.micro\
         &LaunchTemplateData.TagSpecification.1.ResourceType=instance&LaunchTemplateData.TagSpecification.1.Tag.1.Key=app\
         &LaunchTemplateData.TagSpecification.1.Tag.1.Value=web",
        wire.image
    );
    let id = wire.ec2(&form).ok().one("launchTemplateId");
    let said = wire
        .ec2(&format!(
            "Action=RunInstances&MinCount=1&MaxCount=1&LaunchTemplate.LaunchTemplateId={id}&LaunchTemplate.Version=1&InstanceType=t3.large\
             &TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=batch&TagSpecification.1.Tag.1.Value=7"
        ))
        .ok();
    assert_eq!((said.one("imageId"), said.one("instanceType")), (wire.image.clone(), "t3.large".into()));
    let tags = &wire.fake.truth().instances[&said.one("instanceId")].tags;
    assert_eq!(
        (tags["app"].as_str(), tags["batch"].as_str(), tags["aws:ec2launchtemplate:id"].as_str()),
        ("web", "7", id.as_str())
    );
}

#[test]
fn a_new_template_is_not_known_to_others_at_once() {
    let wire = Wire::new();
    wire.fake.lag(Lag::Templates, Duration::from_secs(10));
    let id = wire.template("web");
    let create = || {
        wire.asg(&format!(
            "Action=CreateAutoScalingGroup&AutoScalingGroupName=web&MinSize=0&MaxSize=1&LaunchTemplate.LaunchTemplateId={id}\
             &LaunchTemplate.Version=1&VPCZoneIdentifier={}",
            wire.fake.subnets()[0].0
        ))
    };
    let said = create();
    assert_eq!(said.code(), "ValidationError");
    assert!(said.one("Message").starts_with("You must use a valid fully-formed launch template."));
    // But its name is taken.
    let again =
        wire.ec2(&format!("Action=CreateLaunchTemplate&LaunchTemplateName=web&LaunchTemplateData.ImageId={}", wire.image));
    assert_eq!(again.code(), "InvalidLaunchTemplateName.AlreadyExistsException");
    wire.wait(10);
    create().ok();
}

#[test]
fn a_deleted_template_is_gone() {
    let wire = Wire::new();
    let id = wire.template("web");
    wire.ec2(&format!("Action=DeleteLaunchTemplate&LaunchTemplateId={id}")).ok();
    assert_eq!(
        wire.ec2(&format!("Action=DeleteLaunchTemplate&LaunchTemplateId={id}")).code(),
        "InvalidLaunchTemplateId.NotFound"
    );
    wire.template("web");
}

#[test]
fn user_data_has_its_form_and_its_size() {
    let wire = Wire::new();
    let run = |data: &str| wire.ec2(&format!("Action=RunInstances&ImageId={}&MinCount=1&MaxCount=1&UserData={data}", wire.image));
    assert_eq!(run("%23%21sh").code(), "InvalidUserData.Malformed");
    run(&"A".repeat(16 * 1024 / 3 * 4)).ok();
    assert_eq!(run(&"A".repeat(16 * 1024 / 3 * 4 + 8)).code(), "InvalidParameterValue");
}

#[test]
fn who_launches_an_image_is_found_by_it() {
    let wire = Wire::new();
    wire.template("web");
    let find = |image: &str| {
        wire.ec2(&format!(
            "Action=DescribeLaunchTemplateVersions&LaunchTemplateVersion.1=%24Latest&Filter.1.Name=image-id&Filter.1.Value.1={image}"
        ))
        .ok()
        .all("launchTemplateName")
    };
    assert_eq!(find(&wire.image), ["web"]);
    assert!(find("ami-0123456789abcdef0").is_empty());
}

#[test]
fn a_network_interface_has_the_subnet_and_the_security_groups() {
    let wire = Wire::new();
    let subnet = &wire.fake.subnets()[2].0;
    let interface = format!(
        "&NetworkInterface.1.DeviceIndex=0&NetworkInterface.1.SubnetId={subnet}&NetworkInterface.1.SecurityGroupId.1=sg-1"
    );
    wire.run(1, &interface);
    assert_eq!(wire.fake.truth().instances.into_values().next().unwrap().zone, "us-east-1c");
    let said =
        wire.ec2(&format!("Action=RunInstances&ImageId={}&MinCount=1&MaxCount=1&SubnetId={subnet}{interface}", wire.image));
    assert_eq!(said.code(), "InvalidParameterCombination");
}
