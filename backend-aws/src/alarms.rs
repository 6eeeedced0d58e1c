//! CloudWatch alarms as a check of a release.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::{AlarmType, HistoryItemType, ScanBy, StateValue};
use aws_smithy_types::DateTime;
use immutable_core::analysis::Judgement;
use immutable_core::provider::{Judge, Trial};
use immutable_core::{Error, Result, Timestamp};

use crate::client::Aws;

/// Alarms that must not ring while a release is on trial.
///
/// It passes if each of them was `OK` for the whole window, by its history, whenever it is asked; it fails if one was in `ALARM` at any moment of it, also if it rang
/// before. It is inconclusive if one had too little data
/// in some of it, or is not there.
///
/// ```no_run
/// # async fn example(aws: backend_aws::Aws, controller: immutable_core::Controller) -> immutable_core::Result<()> {
/// use backend_aws::CloudWatchAlarms;
///
/// let controller = controller.judge("errors", CloudWatchAlarms::new(&aws, ["web-5xx", "web-latency"])?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CloudWatchAlarms {
    aws: Aws,
    names: Vec<String>,
}

impl CloudWatchAlarms {
    /// These alarms, metric or composite, of an account's region.
    ///
    /// # Errors
    /// [`Invalid`](immutable_core::ErrorKind::Invalid) if there are none, or more than 100.
    pub fn new(aws: &Aws, names: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
        names.sort();
        names.dedup();
        // "DescribeAlarms": at most 100 names.
        if names.is_empty() || names.len() > 100 {
            return Err(Error::invalid(format!("a check has {} alarms; name from 1 to 100", names.len())));
        }
        Ok(Self { aws: aws.clone(), names })
    }

    async fn states(&self) -> Result<Vec<(String, State)>> {
        let call = self.aws.again().cloudwatch.describe_alarms().set_alarm_names(Some(self.names.clone()));
        let call = call.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm).max_records(100);
        let answer = self.aws.ask("cloudwatch:DescribeAlarms", call.send()).await?;
        let metric = answer.metric_alarms().iter().map(|alarm| (alarm.alarm_name(), alarm.state_value()));
        let composite = answer.composite_alarms().iter().map(|alarm| (alarm.alarm_name(), alarm.state_value()));
        let state = |(name, state): (Option<&str>, Option<&StateValue>)| Some((name?.to_owned(), State::of(state?.as_str())));
        Ok(metric.chain(composite).filter_map(state).collect())
    }

    /// What became of an alarm since then, the earliest first.
    async fn changes(&self, name: &str, since: Timestamp) -> Result<Vec<Change>> {
        let (mut changes, mut next) = (Vec::new(), None);
        loop {
            let call = self.aws.again().cloudwatch.describe_alarm_history().alarm_name(name).scan_by(ScanBy::TimestampAscending);
            let call = call.history_item_type(HistoryItemType::StateUpdate).start_date(DateTime::from_millis(since.as_millis()));
            let call = call.end_date(DateTime::from_millis(self.aws.now().as_millis())).max_records(100);
            // Without types only those of metrics are told of.
            let call = call.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
            let answer = self.aws.ask("cloudwatch:DescribeAlarmHistory", call.set_next_token(next).send()).await?;
            let read = |item: &aws_sdk_cloudwatch::types::AlarmHistoryItem| {
                let at = item.timestamp()?.to_millis().ok()?;
                // What cannot be read is no data.
                let unread = Change { at: Timestamp::from_millis(at), from: State::Unknown, to: State::Unknown };
                Some(item.history_data().and_then(|data| Change::read(unread.at, data)).unwrap_or(unread))
            };
            changes.extend(answer.alarm_history_items().iter().filter_map(read));
            next = answer.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                changes.sort_by_key(|change| change.at);
                return Ok(changes);
            }
        }
    }
}

#[async_trait]
impl Judge for CloudWatchAlarms {
    async fn judge(&self, trial: &Trial) -> Result<Judgement> {
        let states = self.states().await?;
        let mut found = Vec::new();
        for name in &self.names {
            let word = match states.iter().find_map(|(known, state)| (known == name).then_some(*state)) {
                None => Word::Missing,
                Some(state) => word(state, &self.changes(name, trial.since).await?, trial.until),
            };
            found.push((name, word));
        }
        let named = |word: Word| {
            found.iter().filter(|(_, found)| *found == word).map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let (rang, missing, silent) = (named(Word::Rang), named(Word::Missing), named(Word::Silent));
        let judgement = match () {
            () if !rang.is_empty() => Judgement::fail(format!("in ALARM within the window: {rang}")),
            () if !missing.is_empty() => Judgement::inconclusive(format!("no such alarm: {missing}")),
            () if !silent.is_empty() => Judgement::inconclusive(format!("too little data: {silent}")),
            () => Judgement::pass(format!("OK for the whole window: {}", self.names.join(", "))),
        };
        Ok(found.iter().fold(judgement, |judgement, (name, word)| judgement.with(name.as_str(), word.to_string())))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ok,
    Alarm,
    /// It has too little data, or is in a state that this crate has no word for.
    Unknown,
}

impl State {
    fn of(text: &str) -> Self {
        match text {
            "OK" => Self::Ok,
            "ALARM" => Self::Alarm,
            _ => Self::Unknown,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    at: Timestamp,
    from: State,
    to: State,
}

impl Change {
    /// Reads an item's data: `{"oldState":{"stateValue":"OK"},"newState":{"stateValue":"ALARM"}}`.
    fn read(at: Timestamp, data: &str) -> Option<Self> {
        let data: serde_json::Value = serde_json::from_str(data).ok()?;
        let state = |which: &str| {
            data.get(which).and_then(|state| state.get("stateValue")).and_then(|value| value.as_str()).map(State::of)
        };
        Some(Self { at, from: state("oldState")?, to: state("newState")? })
    }
}

/// What is said of one alarm over a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Fine,
    Rang,
    Silent,
    Missing,
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fine => "OK",
            Self::Rang => "ALARM",
            Self::Silent => "INSUFFICIENT_DATA",
            Self::Missing => "not there",
        })
    }
}

/// Of an alarm that is in a state now, and has changed so since the window began.
fn word(now: State, changes: &[Change], until: Timestamp) -> Word {
    // What it was when the window began stands in what it changed from; if it never changed, it is what it is.
    let first = changes.first().map_or(now, |change| change.from);
    let within = || changes.iter().filter(|change| change.at <= until);
    if first == State::Alarm || within().any(|change| change.to == State::Alarm) {
        return Word::Rang;
    }
    match first == State::Ok && within().all(|change| change.to == State::Ok) {
        true => Word::Fine,
        false => Word::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64, from: State, to: State) -> Change {
        Change { at: Timestamp::from_millis(second * 1000), from, to }
    }

    #[test]
    fn the_window_counts_and_not_the_moment_of_asking() {
        use State::{Alarm, Ok, Unknown};
        let until = Timestamp::from_millis(60_000);
        assert_eq!(word(Ok, &[], until), Word::Fine);
        assert_eq!(word(Alarm, &[], until), Word::Rang, "it rang all the time");
        assert_eq!(word(Ok, &[at(10, Ok, Alarm), at(20, Alarm, Ok)], until), Word::Rang, "it is fine again, and rang");
        assert_eq!(word(Alarm, &[at(70, Ok, Alarm)], until), Word::Fine, "it rings now, and did not then");
        assert_eq!(word(Ok, &[at(70, Alarm, Ok)], until), Word::Rang, "it rang for the whole window");
        assert_eq!(word(Ok, &[at(70, Unknown, Ok)], until), Word::Silent, "it had no data then");
        assert_eq!(word(Unknown, &[at(50, Ok, Unknown)], until), Word::Silent);
        assert_eq!(word(Ok, &[at(5, Unknown, Ok)], until), Word::Silent, "of the first five seconds nothing is known");
        assert_eq!(word(Ok, &[at(5, Ok, Unknown), at(9, Unknown, Ok)], until), Word::Silent);
    }

    #[test]
    fn history_is_read_as_it_is_written() {
        let data =
            r#"{"version":"1.0","oldState":{"stateValue":"OK"},"newState":{"stateValue":"ALARM","stateReason":"1 datapoint"}}"#;
        let read = Change::read(Timestamp::from_millis(5), data).unwrap();
        assert_eq!((read.from, read.to), (State::Ok, State::Alarm));
        assert!(Change::read(Timestamp::from_millis(5), "{}").is_none());
    }
}
