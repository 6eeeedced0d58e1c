use crate::wire::Wire;
use immutable_fakes::aws::{Ended, Fault, Outcome, Request, Service};
use std::time::Duration;

fn launch(wire: &Wire) -> Request {
    let form = format!("Action=RunInstances&ImageId={}&MinCount=1&MaxCount=1&ClientToken=t", wire.image);
    Request::form(Service::Ec2, &form)
}

#[test]
fn a_lost_reply_has_had_its_effect_and_a_refused_connection_has_not() {
    let wire = Wire::new();
    wire.fake.faults().next("RunInstances", Fault::Refused).next("RunInstances", Fault::LostReply);
    assert_eq!(wire.send(&launch(&wire)), Outcome::Refused);
    assert!(wire.fake.truth().instances.is_empty());
    assert_eq!(wire.send(&launch(&wire)), Outcome::Reset);
    assert_eq!(wire.fake.truth().instances.len(), 1);
    // Whoever asks again with the token learns what was done.
    assert!(matches!(wire.send(&launch(&wire)), Outcome::Reply(reply) if reply.status == 200));
    assert_eq!(wire.fake.truth().instances.len(), 1);
    let ended: Vec<_> = wire.fake.calls().into_iter().map(|call| call.ended).collect();
    assert_eq!(ended, [Ended::Lost, Ended::Unheard(None), Ended::Done]);
}

#[test]
fn a_late_effect_comes_at_its_time() {
    let wire = Wire::new();
    wire.fake.faults().next("RunInstances", Fault::LateEffect { after: Duration::from_secs(60) });
    assert_eq!(wire.send(&launch(&wire)), Outcome::Reset);
    wire.wait(59);
    assert!(wire.fake.truth().instances.is_empty());
    wire.wait(100);
    let truth = wire.fake.truth();
    let launched: Vec<_> = truth.instances.values().map(|machine| truth.at - machine.launched_at).collect();
    assert_eq!(launched, [99_000]);
    let ended: Vec<_> = wire.fake.calls().into_iter().map(|call| call.ended).collect();
    assert_eq!(ended, [Ended::Later, Ended::Unheard(None)]);
}

#[test]
fn each_service_has_its_own_word_for_too_fast() {
    let wire = Wire::new();
    wire.fake.faults().always("Describe*", Fault::Throttled);
    let said = wire.ec2("Action=DescribeInstances");
    assert_eq!((said.code().as_str(), said.status), ("RequestLimitExceeded", 503));
    let said = wire.asg("Action=DescribeAutoScalingGroups");
    assert_eq!((said.code().as_str(), said.status), ("Throttling", 400));
    wire.fake.faults().clear();
    wire.ec2("Action=DescribeInstances").ok();
}

#[test]
fn a_servers_error_may_come_before_or_after_the_effect() {
    let wire = Wire::new();
    wire.fake.faults().next("RunInstances", Fault::ServerErrorBefore(500)).next("RunInstances", Fault::ServerErrorAfter(503));
    assert!(matches!(wire.send(&launch(&wire)), Outcome::Reply(reply) if reply.status == 500));
    assert!(wire.fake.truth().instances.is_empty());
    assert!(matches!(wire.send(&launch(&wire)), Outcome::Reply(reply) if reply.status == 503));
    assert_eq!(wire.fake.truth().instances.len(), 1);
    assert_eq!(wire.fake.calls()[1].ended, Ended::Mistold);
}

#[test]
fn the_nth_call_and_any_error() {
    let wire = Wire::new();
    wire.fake.faults().nth("DescribeInstances", 2, Fault::Error { code: "InternalError".into(), status: 500 });
    wire.ec2("Action=DescribeInstances").ok();
    assert_eq!(wire.ec2("Action=DescribeInstances").code(), "InternalError");
    wire.ec2("Action=DescribeInstances").ok();
}

#[test]
fn a_bucket_empties_and_fills() {
    let wire = Wire::new();
    wire.fake.faults().bucket("Describe*", 3, 2);
    let good = |calls: usize| (0..calls).filter(|_| wire.ec2("Action=DescribeInstances").status == 200).count();
    assert_eq!(good(10), 3);
    wire.wait(1);
    assert_eq!(good(10), 2);
    wire.wait(600);
    assert_eq!(good(10), 3);
}

#[test]
fn chance_is_drawn_from_the_seed() {
    let play = |seed| {
        let wire = Wire::new();
        wire.fake.faults().seed(seed).sometimes("*", 300, Fault::Throttled);
        (0..100).map(|_| wire.ec2("Action=DescribeInstances").status == 200).collect::<Vec<_>>()
    };
    let good = play(1).iter().filter(|good| **good).count();
    assert!((50..90).contains(&good), "{good}");
    assert_eq!(play(1), play(1));
    assert_ne!(play(1), play(2));
}

#[test]
fn calls_are_logged_with_what_they_said() {
    let wire = Wire::new();
    wire.run(1, "");
    let calls = wire.fake.calls();
    assert_eq!(
        (calls[0].permission().as_str(), calls[0].form["MinCount"].as_str(), calls[0].at),
        ("ec2:RunInstances", "1", wire.now())
    );
    assert_eq!(wire.fake.count("RunInstances"), 1);
}
