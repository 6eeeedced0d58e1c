//! What is in an object: a line of JSON that says what follows, and then each record and a line feed, so that a person can read it. A bundle is several
//! such, one after the other.

use std::str;

use super::super::sum::sum;
use crate::id::{StreamId, WriteId, read_hex, write_hex};
use crate::journal::Record;

/// The first line.
#[derive(serde::Serialize, serde::Deserialize)]
struct Head {
    v: u32,
    stream: StreamId,
    /// The version before the records, or of the snapshot.
    at: u64,
    /// Which write made it; a snapshot has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    write: Option<String>,
    /// How long each record is, in bytes.
    lengths: Vec<usize>,
    sum: String,
}

/// What an object holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) at: u64,
    pub(super) write: Option<WriteId>,
    pub(super) records: Vec<Record>,
}

/// Why an object cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is not what was written.
    Damaged,
    /// A newer version wrote it, in this format.
    Newer(u32),
}

struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_hex(f, self.0)
    }
}

impl Body {
    /// The version after its records.
    pub(super) fn end(&self) -> u64 {
        self.at.saturating_add(self.records.len() as u64)
    }

    fn sum(&self, stream: &StreamId) -> String {
        let (at, write) = (self.at.to_be_bytes(), self.write.as_ref().map_or(&[][..], |write| &write.0));
        let mut parts: Vec<&[u8]> = vec![stream.as_str().as_bytes(), &at, write];
        parts.extend(self.records.iter().map(|record| &**record));
        Hex(&sum("object", &parts)).to_string()
    }

    pub(super) fn write(&self, stream: &StreamId) -> Vec<u8> {
        let lengths = self.records.iter().map(|record| record.len()).collect();
        let write = self.write.map(|write| Hex(&write.0).to_string());
        let head = Head { v: 1, stream: stream.clone(), at: self.at, write, lengths, sum: self.sum(stream) };
        let mut bytes = serde_json::to_vec(&head).unwrap_or_default();
        bytes.push(b'\n');
        for record in &self.records {
            bytes.extend_from_slice(record);
            bytes.push(b'\n');
        }
        bytes
    }

    pub(super) fn read(stream: &StreamId, bytes: &[u8]) -> Result<Self, Unreadable> {
        match Self::first(stream, bytes)? {
            (body, []) => Ok(body),
            _ => Err(Unreadable::Damaged),
        }
    }

    /// All that a bundle holds: what came after one version and up to another.
    pub(super) fn read_bundle(stream: &StreamId, mut bytes: &[u8], from: u64, end: u64) -> Result<Vec<Self>, Unreadable> {
        let (mut bodies, mut at) = (Vec::new(), from);
        while !bytes.is_empty() {
            let (body, rest) = Self::first(stream, bytes)?;
            if body.at != at {
                return Err(Unreadable::Damaged);
            }
            (at, bytes) = (body.end(), rest);
            bodies.push(body);
        }
        if at == end { Ok(bodies) } else { Err(Unreadable::Damaged) }
    }

    /// The first of several, and what follows it.
    fn first<'b>(stream: &StreamId, bytes: &'b [u8]) -> Result<(Self, &'b [u8]), Unreadable> {
        /// All that any version can count on.
        #[derive(serde::Deserialize)]
        struct Version {
            v: u32,
        }
        let line = bytes.iter().position(|byte| *byte == b'\n').ok_or(Unreadable::Damaged)?;
        let (line, mut rest) = bytes.split_at_checked(line).ok_or(Unreadable::Damaged)?;
        let Version { v } = serde_json::from_slice(line).map_err(|_| Unreadable::Damaged)?;
        if v != 1 {
            return Err(Unreadable::Newer(v));
        }
        let head: Head = serde_json::from_slice(line).map_err(|_| Unreadable::Damaged)?;
        let mut records = Vec::with_capacity(head.lengths.len());
        for length in head.lengths {
            // Each begins after a line feed, the first after that of the head.
            let record = rest.strip_prefix(b"\n").and_then(|rest| rest.split_at_checked(length)).ok_or(Unreadable::Damaged)?;
            records.push(record.0.into());
            rest = record.1;
        }
        let write = head.write.as_deref().map(|write| read_hex(write).map(WriteId).ok_or(Unreadable::Damaged)).transpose()?;
        let body = Self { at: head.at, write, records };
        let rest = rest.strip_prefix(b"\n").ok_or(Unreadable::Damaged)?;
        if head.stream == *stream && body.sum(stream) == head.sum { Ok((body, rest)) } else { Err(Unreadable::Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Body {
        let records = [&b"{\"a\":1}"[..], b"", b"\n\0\xff"].map(Record::from).to_vec();
        Body { at: 7, write: Some(WriteId([3; 16])), records }
    }

    #[test]
    fn a_body_survives_its_bytes_and_is_read_by_eye() {
        let stream = StreamId::new("fleet/web");
        let bytes = body().write(&stream);
        assert_eq!(Body::read(&stream, &bytes), Ok(body()));
        assert_eq!(body().end(), 10);
        let line = str::from_utf8(&bytes[..bytes.iter().position(|byte| *byte == b'\n').unwrap()]).unwrap();
        assert_eq!(
            line,
            r#"{"v":1,"stream":"fleet/web","at":7,"write":"03030303030303030303030303030303","lengths":[7,0,3],"sum":"1b2927f3bd791009b51776ea4905b866"}"#
        );
    }

    #[test]
    fn a_bundle_is_its_bodies_and_no_gap() {
        let stream = StreamId::new("fleet/web");
        let next = Body { at: 10, ..body() };
        let both = [body().write(&stream), next.write(&stream)].concat();
        assert_eq!(Body::read_bundle(&stream, &both, 7, 13), Ok(vec![body(), next.clone()]));
        assert_eq!(Body::read(&stream, &both), Err(Unreadable::Damaged));
        let gap = [body().write(&stream), Body { at: 11, ..next }.write(&stream)].concat();
        for (bytes, from, end) in [(&both, 7, 12), (&both, 6, 13), (&gap, 7, 14), (&both[1..].to_vec(), 7, 13)] {
            assert_eq!(Body::read_bundle(&stream, bytes, from, end), Err(Unreadable::Damaged));
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let stream = StreamId::new("fleet/web");
        let bytes = body().write(&stream);
        for at in 0..bytes.len() {
            assert!(Body::read(&stream, &bytes[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let read = Body::read(&stream, &flipped);
                assert!(read.is_err() || read == Ok(body()), "{bit} of {at}");
            }
        }
        assert_eq!(Body::read(&StreamId::new("fleet/api"), &bytes), Err(Unreadable::Damaged));
        assert_eq!(Body::read(&stream, b"{\"v\":2,\"other\":true}\nx"), Err(Unreadable::Newer(2)));
    }
}
