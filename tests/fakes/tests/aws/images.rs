use crate::wire::Wire;
use std::time::Duration;

fn run(wire: &Wire, image: &str) -> String {
    wire.ec2(&format!("Action=RunInstances&ImageId={image}&MinCount=1&MaxCount=1")).code()
}

#[test]
fn an_image_that_is_not_available_is_not_launched() {
    let wire = Wire::new();
    assert_eq!(run(&wire, "ami-0123456789abcdef0"), "InvalidAMIID.NotFound");
    wire.fake.image_pending(&wire.image, Duration::from_secs(5));
    assert_eq!(run(&wire, &wire.image), "InvalidAMIID.Unavailable");
    wire.wait(5);
    wire.run(1, "");
    wire.fake.meddle_disable_image(&wire.image, true);
    assert_eq!(run(&wire, &wire.image), "InvalidAMIID.Unavailable");
    let foreign = wire.fake.foreign_image("theirs", "999999999999", false);
    assert_eq!(run(&wire, &foreign), "InvalidAMIID.NotFound");
}

#[test]
fn a_disabled_image_is_hidden_and_comes_back() {
    let wire = Wire::new();
    let found = |more: &str| wire.ec2(&format!("Action=DescribeImages&Owner.1=self{more}")).ok().all("imageState");
    wire.ec2(&format!("Action=DisableImage&ImageId={}", wire.image)).ok();
    assert!(found("").is_empty());
    assert_eq!(found("&IncludeDisabled=true"), ["disabled"]);
    wire.ec2(&format!("Action=EnableImage&ImageId={}", wire.image)).ok();
    assert_eq!(found(""), ["available"]);
}

#[test]
fn deprecation_hides_an_image_from_others_only() {
    let wire = Wire::new();
    let deprecate = |at: &str| wire.ec2(&format!("Action=EnableImageDeprecation&ImageId={}&DeprecateAt={at}", wire.image));
    assert_eq!(deprecate("2001-01-01T00%3A00%3A00Z").code(), "InvalidParameterValue");
    deprecate("2030-01-01T00%3A00%3A00Z").ok();
    let said = wire.ec2("Action=DescribeImages&Owner.1=self").ok();
    assert_eq!(said.one("deprecationTime"), "2030-01-01T00:00:00.000Z");
    wire.ec2(&format!("Action=DisableImageDeprecation&ImageId={}", wire.image)).ok();
    assert!(wire.ec2("Action=DescribeImages&Owner.1=self").ok().all("deprecationTime").is_empty());
    let theirs = wire.fake.foreign_image("base", "999999999999", true);
    assert_eq!(
        wire.ec2(&format!("Action=EnableImageDeprecation&ImageId={theirs}&DeprecateAt=2030-01-01T00%3A00%3A00Z")).code(),
        "AuthFailure"
    );
}

#[test]
fn a_deregistered_image_launches_nothing_and_leaves_what_runs() {
    let wire = Wire::new();
    wire.run(1, "");
    wire.ec2(&format!("Action=DeregisterImage&ImageId={}", wire.image)).ok();
    assert_eq!(wire.ec2(&format!("Action=DeregisterImage&ImageId={}", wire.image)).code(), "InvalidAMIID.Unavailable");
    assert_eq!(wire.ec2(&format!("Action=DescribeImages&ImageId.1={}", wire.image)).code(), "InvalidAMIID.Unavailable");
    assert_eq!(run(&wire, &wire.image), "InvalidAMIID.Unavailable");
    assert_eq!(wire.fake.truth().live().count(), 1);
}

#[test]
fn a_copy_is_another_image_in_another_region_and_takes_its_time() {
    let wire = Wire::new();
    wire.fake.meddle_tag(&wire.image, "version", Some("1.0.0"));
    let there = wire.fake.region("eu-west-1");
    let copy = |more: &str| {
        let form = format!("Action=CopyImage&SourceRegion=us-east-1&SourceImageId={}&Name=web{more}", wire.image);
        let mut request = immutable_fakes::aws::Request::form(immutable_fakes::aws::Service::Ec2, &form);
        // Whom a request is for, its signature says.
        let signature = "AWS4-HMAC-SHA256 Credential=AKID/20261121/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=0";
        request.headers.push(("Authorization".into(), signature.into()));
        match wire.send(&request) {
            immutable_fakes::aws::Outcome::Reply(reply) => crate::wire::Said { status: reply.status, body: reply.text() },
            other => panic!("{other:?}"),
        }
    };
    let id = copy("&ClientToken=t&CopyImageTags=true").ok().one("imageId");
    assert_eq!(copy("&ClientToken=t&CopyImageTags=true").ok().one("imageId"), id);
    assert_eq!(copy("&ClientToken=t").code(), "IdempotentParameterMismatch");
    assert_eq!(copy("&ClientToken=u").code(), "InvalidAMIName.Duplicate");
    assert_ne!(id, wire.image);
    let truth = |id: &str| there.truth().images[id].clone();
    assert_eq!((truth(&id).state, truth(&id).tags["version"].as_str()), ("pending", "1.0.0"));
    assert_eq!(truth(&id).source, Some((wire.image.clone(), "us-east-1".into())));
    wire.wait(300);
    assert_eq!(truth(&id).state, "available");
    assert!(!wire.fake.truth().images.contains_key(&id));
}

#[test]
fn a_copy_has_no_tags_unless_they_are_asked_for() {
    let wire = Wire::new();
    wire.fake.meddle_tag(&wire.image, "version", Some("1.0.0"));
    let form = format!("Action=CopyImage&SourceRegion=us-east-1&SourceImageId={}&Name=copy", wire.image);
    let id = wire.ec2(&form).ok().one("imageId");
    assert!(wire.fake.truth().images[&id].tags.is_empty());
}
