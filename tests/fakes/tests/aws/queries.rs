//! The other services, and what is common to all.

use crate::wire::Wire;
use immutable_fakes::aws::{Outcome, Reply, Request, Service};
use serde_json::json;

fn reply(outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_understood_is_refused() {
    let wire = Wire::new();
    assert_eq!(wire.ec2("Action=StopInstances").code(), "InvalidAction");
    assert_eq!(wire.asg("Action=StartInstanceRefresh").code(), "InvalidAction");
    assert_eq!(wire.ec2("Action=DescribeInstances&Colour=red").code(), "UnknownParameter");
    let said = wire.ec2(&format!("Action=RunInstances&ImageId={}&MinCount=1&MaxCount=1&Hibernation=1", wire.image));
    assert_eq!(said.code(), "UnknownParameter");
    assert!(wire.fake.truth().instances.is_empty());
}

#[test]
fn it_says_who_is_asking() {
    let wire = Wire::new();
    let said = reply(wire.send(&Request::form(Service::Sts, "Action=GetCallerIdentity"))).text();
    assert!(said.contains("<GetCallerIdentityResult>") && said.contains("<Account>111122223333</Account>"), "{said}");
}

#[test]
fn a_subnet_is_described_with_its_zone() {
    let wire = Wire::new();
    let said = wire.ec2("Action=DescribeSubnets").ok();
    assert_eq!(said.all("availabilityZone"), ["us-east-1a", "us-east-1b", "us-east-1c"]);
    let said = wire.ec2("Action=DescribeSubnets&Filter.1.Name=availability-zone&Filter.1.Value.1=us-east-1b").ok();
    assert_eq!(said.all("subnetId"), [wire.fake.subnets()[1].0.clone()]);
    assert_eq!(wire.ec2("Action=DescribeSubnets&SubnetId.1=subnet-1").code(), "InvalidSubnetID.NotFound");
}

#[test]
fn a_parameter_has_versions() {
    let wire = Wire::new();
    let get = |name: &str| reply(wire.send(&Request::ssm("GetParameter", &json!({ "Name": name }))));
    assert!(get("/base").text().contains("ParameterNotFound"));
    wire.fake.parameter("/base", "ami-1");
    wire.fake.parameter("/base", "ami-2");
    let said: serde_json::Value = serde_json::from_slice(&get("/base").body).unwrap();
    assert_eq!((&said["Parameter"]["Value"], &said["Parameter"]["Version"]), (&json!("ami-2"), &json!(2)));
    assert_eq!(get("/base:2").status, 200);
    assert!(get("/base:1").text().contains("ParameterVersionNotFound"));
}

fn cloudwatch(wire: &Wire, action: &str, fields: &[(&str, ciborium::Value)]) -> Reply {
    let body = ciborium::Value::Map(fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect());
    let mut bytes = Vec::new();
    ciborium::into_writer(&body, &mut bytes).unwrap();
    let uri = format!("https://monitoring.us-east-1.amazonaws.com/service/GraniteServiceVersion20100801/operation/{action}");
    reply(wire.send(&Request { method: "POST".into(), uri, headers: Vec::new(), body: bytes }))
}

fn field<'a>(value: &'a ciborium::Value, name: &str) -> &'a ciborium::Value {
    &value.as_map().unwrap().iter().find(|(key, _)| key.as_text() == Some(name)).unwrap().1
}

#[test]
fn alarms_are_described_in_cbor_and_their_changes_are_kept() {
    let wire = Wire::new();
    wire.fake.alarm("errors", "OK");
    wire.wait(60);
    wire.fake.alarm("errors", "ALARM");
    wire.fake.alarm("latency", "OK");
    wire.fake.composite_alarm("all", "OK");
    let said = cloudwatch(&wire, "DescribeAlarms", &[("AlarmNames", ciborium::Value::Array(vec!["errors".into()]))]);
    assert_eq!(said.status, 200);
    let body: ciborium::Value = ciborium::from_reader(said.body.as_slice()).unwrap();
    let alarms = field(&body, "MetricAlarms").as_array().unwrap();
    assert_eq!(alarms.len(), 1);
    assert_eq!(field(&alarms[0], "StateValue").as_text(), Some("ALARM"));
    let said = cloudwatch(&wire, "DescribeAlarmHistory", &[("AlarmName", "errors".into())]);
    let body: ciborium::Value = ciborium::from_reader(said.body.as_slice()).unwrap();
    let history = field(&body, "AlarmHistoryItems").as_array().unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(field(&history[0], "HistorySummary").as_text(), Some("Alarm updated from OK to ALARM"));
    let at = wire.now() as f64 / 1000.0;
    let since =
        |at: f64| cloudwatch(&wire, "DescribeAlarmHistory", &[("StartDate", ciborium::Value::Tag(1, Box::new(at.into())))]);
    let count = |reply: Reply| {
        let body: ciborium::Value = ciborium::from_reader(reply.body.as_slice()).unwrap();
        field(&body, "AlarmHistoryItems").as_array().unwrap().len()
    };
    assert_eq!((count(since(at)), count(since(at + 1.0))), (1, 0));
}

#[test]
fn an_error_in_cbor_has_its_code_in_the_header_too() {
    let wire = Wire::new();
    let said = cloudwatch(&wire, "DescribeAlarms", &[("NextToken", "x".into())]);
    assert_eq!(said.status, 400);
    assert!(said.headers.contains(&("x-amzn-query-error".into(), "InvalidNextToken;Sender".into())));
}
