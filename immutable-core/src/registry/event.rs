//! What a registry's stream holds: one JSON object a record, `{"v":1,"at":…,"event":{…}}`.

use std::sync::Arc;

use crate::artifact::{Artifact, Digest, ImageRef, Version};
use crate::error::{Error, Result};
use crate::id::Actor;
use crate::journal::Record;
use crate::time::Timestamp;

use super::ChannelName;

/// The format that this version writes, and the only one it reads.
const FORMAT: u32 = 1;

/// A fact about the artifacts of one name.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Event {
    /// A version exists.
    Published { artifact: Artifact, by: Actor },
    /// Copies of its images exist.
    Copied { version: Version, copies: Vec<ImageRef>, by: Actor },
    /// A channel points to another version.
    ChannelMoved { channel: ChannelName, from: Option<Version>, to: Version, by: Actor, why: Arc<str> },
    /// Nothing of this digest may be launched any more.
    Revoked { digest: Digest, by: Actor, why: Arc<str> },
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    v: u32,
    at: Timestamp,
    event: Event,
}

#[derive(serde::Deserialize)]
struct Format {
    v: u32,
}

pub(super) fn encode(at: Timestamp, event: &Event) -> Result<Record> {
    let stored = Stored { v: FORMAT, at, event: event.clone() };
    match serde_json::to_vec(&stored) {
        Ok(bytes) => Ok(bytes.into()),
        Err(source) => Err(Error::invalid("the record has no JSON form").with_source(source)),
    }
}

/// Reads a record, or says what is wrong with it.
pub(super) fn decode(record: &[u8]) -> Result<(Timestamp, Event), String> {
    // The format first: what a later one means by the same fields is not known here.
    let format: Format = serde_json::from_slice(record).map_err(|why| format!("is not a registry's record: {why}"))?;
    if format.v != FORMAT {
        return Err(format!("has format {}; this version reads format {FORMAT}", format.v));
    }
    let stored: Stored = serde_json::from_slice(record).map_err(|why| format!("cannot be read: {why}"))?;
    Ok((stored.at, stored.event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Built, Place, Provenance};

    fn written(event: &Event) -> String {
        let record = encode(Timestamp::from_millis(1_795_233_027_000), event).unwrap();
        assert_eq!(decode(&record).unwrap(), (Timestamp::from_millis(1_795_233_027_000), event.clone()));
        String::from_utf8(record.to_vec()).unwrap()
    }

    #[test]
    fn a_record_is_one_json_object() {
        let place = Place::new("aws", "123456789012", "us-east-1").unwrap();
        let built = Built::new(Provenance::new("amazon-ebs", "run-1")).image(ImageRef::new(place.clone(), "ami-1"));
        let artifact = Artifact::new("acmeinc/web".parse().unwrap(), "1.0.0".parse().unwrap(), built).unwrap();
        let digest = artifact.digest();
        assert_eq!(
            written(&Event::Published { artifact, by: "ci".into() }),
            format!(
                r#"{{"v":1,"at":"2026-11-21T03:50:27.000Z","event":{{"published":{{"artifact":{{"name":"acmeinc/web","version":"1.0.0","digest":"{digest}","provenance":{{"builder":"amazon-ebs","build_id":"run-1"}},"images":[{{"place":"aws/123456789012/us-east-1","id":"ami-1"}}]}},"by":"ci"}}}}}}"#
            )
        );
        let (from, to) = (None, "1.0.0".parse().unwrap());
        assert_eq!(
            written(&Event::ChannelMoved { channel: "stable".parse().unwrap(), from, to, by: "ann".into(), why: "first".into() }),
            r#"{"v":1,"at":"2026-11-21T03:50:27.000Z","event":{"channel_moved":{"channel":"stable","from":null,"to":"1.0.0","by":"ann","why":"first"}}}"#
        );
        written(&Event::Copied {
            version: "1.0.0".parse().unwrap(),
            copies: vec![ImageRef::new(place, "ami-2")],
            by: "ci".into(),
        });
        written(&Event::Revoked { digest, by: "ann".into(), why: "leaks".into() });
    }

    #[test]
    fn what_it_cannot_read_it_names() {
        assert_eq!(
            decode(br#"{"v":2,"at":"later","event":{"archived":{}}}"#).unwrap_err(),
            "has format 2; this version reads format 1"
        );
        assert!(decode(b"[]").unwrap_err().starts_with("is not a registry's record: "));
        let unknown = br#"{"v":1,"at":"2026-11-21T03:50:27Z","event":{"archived":{}}}"#;
        assert!(decode(unknown).unwrap_err().starts_with("cannot be read: unknown variant `archived`"));
    }
}
