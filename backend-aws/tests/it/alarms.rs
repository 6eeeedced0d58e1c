//! CloudWatch alarms as a check.

use std::time::Duration;

use backend_aws::CloudWatchAlarms;
use immutable_core::analysis::Says;
use immutable_core::fleet::{FleetId, GenerationId};
use immutable_core::id::{InstanceKey, RolloutId, StepIx};
use immutable_core::provider::{Judge as _, Side, Trial};
use immutable_core::time::Clock as _;
use immutable_core::{Digest, ErrorKind, Timestamp};

use crate::account::{Account, START};

fn trial(account: &Account, since: Timestamp, until: Timestamp) -> Trial {
    let new = Side::new(GenerationId(2), "acmeinc/web".parse().unwrap(), "1.1.0".parse().unwrap(), Digest::of(b"web"));
    let fleet = FleetId::new(account.place(), "web");
    Trial::new(fleet, RolloutId(2), StepIx(1), new.instances([InstanceKey::named("i-1")]), since, until)
}

/// What is said of a window of a minute, when both alarms were fine before it and this happened to one of them so many seconds after it began.
fn says(happens: &[(u64, &str)], asked_after: u64) -> (Says, String) {
    let clock = immutable_core::time::VirtualClock::default();
    clock.run(async {
        let account = Account::new().await.unwrap();
        account.fake.alarm("errors", "OK");
        account.fake.composite_alarm("web", "OK");
        let since = START + Duration::from_secs(600);
        for (second, state) in happens {
            account.fake.advance(u64::try_from((since + Duration::from_secs(*second)).as_millis()).unwrap());
            account.fake.alarm("errors", state);
        }
        let asked = since + Duration::from_secs(asked_after);
        let judge = CloudWatchAlarms::new(&account.aws, ["errors", "web"]).unwrap();
        let judgement = account.clock.run(async {
            account.clock.sleep_until(asked).await;
            judge.judge(&trial(&account, since, since + Duration::from_secs(60))).await.unwrap()
        });
        (judgement.says, judgement.why.to_string())
    })
}

#[test]
fn they_are_asked_about_a_window() {
    assert_eq!(says(&[], 60).0, Says::Pass);
    assert_eq!(says(&[(20, "ALARM")], 60), (Says::Fail, "in ALARM within the window: errors".to_owned()));
    assert_eq!(says(&[(20, "ALARM"), (40, "OK")], 60).0, Says::Fail, "it is fine again, and rang");
    assert_eq!(says(&[(90, "ALARM")], 120).0, Says::Pass, "it rang later");
    assert_eq!(says(&[(20, "INSUFFICIENT_DATA")], 60).0, Says::Inconclusive);
    assert_eq!(says(&[(20, "INSUFFICIENT_DATA"), (90, "OK")], 120).0, Says::Inconclusive, "no data came in time");
}

#[test]
fn one_that_is_not_there_is_named_and_nothing_passes() {
    let clock = immutable_core::time::VirtualClock::default();
    clock.run(async {
        let account = Account::new().await.unwrap();
        account.fake.alarm("errors", "OK");
        let judge = CloudWatchAlarms::new(&account.aws, ["errors", "latency"]).unwrap();
        let asked = account.clock.now();
        let judgement = account.clock.run(judge.judge(&trial(&account, asked, asked))).unwrap();
        assert_eq!((judgement.says, &*judgement.why), (Says::Inconclusive, "no such alarm: latency"));
        let none = CloudWatchAlarms::new(&account.aws, [] as [&str; 0]).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::Invalid);
    });
}
