//! Reading what was journaled: records of this format, of older ones, and why one of a newer is refused.

use serde_json::Value;

use crate::rollout::event::Recorded;

/// Makes of a record, as JSON, what it is in the next format; or says why it cannot be one of its format.
type Upcast = fn(Value) -> Result<Value, String>;

/// How each older format becomes the next: the first takes format 1. Whoever changes what a record means adds a line here.
const UPCASTS: &[Upcast] = &[];

/// Why a record cannot be read, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Unreadable {
    pub(crate) what: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Unreadable {
    /// It is not, or no longer, what anybody wrote.
    pub(crate) fn damaged(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { what: "it is damaged; restore the journal from a copy".to_owned(), source: Some(why.into()) }
    }

    /// It says something that is not known here.
    pub(crate) fn unknown(format: u32, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let what = format!(
            "it is of format {format} and says what this version does not know; a newer version of this library wrote it: update"
        );
        Self { what, source: Some(why.into()) }
    }

    /// It is of a format that is not known here.
    pub(crate) fn newer(format: u64, newest: u32) -> Self {
        let what = format!(
            "it is of format {format}, and this version reads formats up to {newest}; a newer version of this library wrote it: update"
        );
        Self { what, source: None }
    }
}

impl Recorded {
    /// The format that this version writes. It reads this and every older one.
    pub const FORMAT: u32 = 1 + UPCASTS.len() as u32;

    /// Reads a record of any format up to this version's.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        read_by(UPCASTS, bytes)
    }
}

fn read_by(upcasts: &[Upcast], bytes: &[u8]) -> Result<Recorded, Unreadable> {
    let newest = (1..).zip(upcasts).map(|(older, _)| older + 1).last().unwrap_or(1);
    // Looked through for bad UTF-8 once, and not string by string.
    let text = std::str::from_utf8(bytes).map_err(Unreadable::damaged)?;
    let read = serde_json::from_str::<Recorded>(text);
    if let Ok(recorded) = read.as_ref()
        && recorded.v == newest
    {
        return read.map_err(Unreadable::damaged);
    }
    let mut value: Value = serde_json::from_str(text).map_err(Unreadable::damaged)?;
    let format = value.get("v").and_then(Value::as_u64).unwrap_or_default();
    let upcasts = match u32::try_from(format) {
        Ok(0) => return Err(Unreadable::damaged("it says no format")),
        Ok(format) if format == newest => {
            return read.map_err(|why| Unreadable::unknown(format, why));
        }
        Ok(format) if format < newest => (1..).zip(upcasts).skip_while(move |(older, _)| *older < format),
        _ => return Err(Unreadable::newer(format, newest)),
    };
    for (older, upcast) in upcasts {
        value = upcast(value).map_err(|why| Unreadable::damaged(format!("it cannot be of format {older}: {why}")))?;
        if let Some(v) = value.get_mut("v") {
            *v = (older + 1).into();
        }
    }
    serde_json::from_value(value).map_err(Unreadable::damaged)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::rollout::event::Event;

    fn record(v: u32, event: &str) -> Vec<u8> {
        format!(r#"{{"v":{v},"at":"2026-11-21T09:30:00.000Z","epoch":3,"event":{event}}}"#).into_bytes()
    }

    /// An older format, in which a size was called so.
    fn sized(mut value: Value) -> Result<Value, String> {
        let event = value.get_mut("event").and_then(Value::as_object_mut).ok_or("it has no event")?;
        if let Some(desired) = event.remove("sized") {
            event.insert("resized".to_owned(), serde_json::json!({ "desired": desired }));
        }
        Ok(value)
    }

    /// One older still: there were only sizes.
    fn only_sizes(mut value: Value) -> Result<Value, String> {
        let size = value.get_mut("event").and_then(|event| event.as_u64()).ok_or("its event is no size")?;
        *value.get_mut("event").ok_or("it has no event")? = serde_json::json!({ "sized": size });
        Ok(value)
    }

    #[test]
    fn what_an_older_version_wrote_is_brought_up_to_date() {
        let resized = Event::Resized { desired: 5 };
        for (v, event) in [(1, "5"), (2, r#"{"sized":5}"#), (3, r#"{"resized":{"desired":5}}"#)] {
            let read = read_by(&[only_sizes, sized], &record(v, event)).unwrap();
            assert_eq!((read.v, &read.event), (3, &resized), "{event}");
        }
        let watched = read_by(&[only_sizes, sized], &record(2, r#""watched""#)).unwrap_err();
        assert!(watched.what.contains("damaged"), "{watched}");
        let none = read_by(&[only_sizes, sized], &record(1, r#""watched""#)).unwrap_err();
        assert_eq!(none.source().unwrap().to_string(), "it cannot be of format 1: its event is no size");
    }

    #[test]
    fn what_a_newer_version_wrote_is_refused_and_says_so() {
        for (what, bytes, why, source) in [
            ("an event", record(1, r#"{"merged":{}}"#), "it is of format 1 and says what this version does not know", "`merged`"),
            (
                "a field",
                record(1, r#"{"resized":{"desired":5,"by":"ann"}}"#),
                "it is of format 1 and says what this version does not know",
                "unknown field `by`",
            ),
            (
                "a field of what was noted",
                record(1, r#"{"noted":{"moved":[]}}"#),
                "it is of format 1 and says what this version does not know",
                "unknown field `moved`",
            ),
            (
                "a value",
                record(1, r#"{"ended":{"outcome":"forgotten"}}"#),
                "it is of format 1 and says what this version does not know",
                "unknown variant `forgotten`",
            ),
            ("a format", record(2, r#""watched""#), "it is of format 2, and this version reads formats up to 1", ""),
            ("a format and an event", record(7, r#"{"merged":{}}"#), "it is of format 7", ""),
        ] {
            let refused = Recorded::read(&bytes).unwrap_err();
            assert!(refused.what.starts_with(why), "{what}: {refused}");
            assert!(refused.what.ends_with("a newer version of this library wrote it: update"), "{what}: {refused}");
            let said = refused.source().map(ToString::to_string).unwrap_or_default();
            assert!(said.contains(source), "{what}: {said}");
        }
    }

    #[test]
    fn a_plan_that_says_more_than_is_known_here_is_not_carried_out() {
        let opened = include_str!("../../tests/golden/journal.jsonl").lines().next().unwrap();
        Recorded::read(opened.as_bytes()).unwrap();
        for (place, more) in [("plan", "\"plan\":{"), ("strategy", "\"strategy\":{"), ("fleet", "\"fleet\":{")] {
            assert!(opened.contains(more), "{opened}");
            let newer = opened.replacen(more, &format!("{more}\"luck\":1,"), 1);
            let refused = Recorded::read(newer.as_bytes()).unwrap_err();
            assert!(refused.source().unwrap().to_string().contains("unknown field `luck`"), "{place}: {refused}");
        }
    }

    #[test]
    fn what_is_damaged_is_told_from_what_is_newer() {
        let [cut, formatless] = [1, 0].map(|v| record(v, r#""watched""#));
        for bytes in [&cut[..cut.len() - 1], &formatless, b"", b"\xff", b"{}", b"[1]", br#"{"v":0}"#, br#"{"v":"1"}"#] {
            let refused = Recorded::read(bytes).unwrap_err();
            assert_eq!(refused.what, "it is damaged; restore the journal from a copy", "{:?}", String::from_utf8_lossy(bytes));
            assert!(refused.source().is_some());
        }
    }
}
