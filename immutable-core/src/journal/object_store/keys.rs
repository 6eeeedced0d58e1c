//! What the objects are called.
//!
//! A stream is a folder. `records/` has one object an append, named by the version before it, so that of two appends at one version the
//! store lets one be made; and beside them bundles, named by the versions before and after, which repeat many of them in one. `snapshots/` has one
//! object a snapshot, and its name says all there is to say of it.

use object_store::path::Path;

use crate::id::StreamId;

/// Numbers are written so that their order is that of their text.
const DIGITS: usize = 20;

#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: Path,
}

/// What a snapshot's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Snapshot {
    /// Of which version it is.
    pub(super) at: u64,
    /// Where the object begins that holds the record after it, or will.
    pub(super) begin: u64,
    /// The objects before this version may be gone. An append ended here.
    pub(super) floor: u64,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: Path::from(prefix) }
    }

    pub(super) fn prefix(&self) -> &Path {
        &self.prefix
    }

    fn stream(&self, stream: &StreamId) -> Path {
        self.prefix.clone().join(escape(stream.as_str()))
    }

    pub(super) fn records(&self, stream: &StreamId) -> Path {
        self.stream(stream).join("records")
    }

    pub(super) fn record(&self, stream: &StreamId, after: u64) -> Path {
        self.records(stream).join(format!("{after:0DIGITS$}"))
    }

    pub(super) fn bundle(&self, stream: &StreamId, from: u64, end: u64) -> Path {
        self.records(stream).join(format!("{from:0DIGITS$}-{end:0DIGITS$}"))
    }

    pub(super) fn snapshots(&self, stream: &StreamId) -> Path {
        self.stream(stream).join("snapshots")
    }

    pub(super) fn snapshot(&self, stream: &StreamId, Snapshot { at, begin, floor }: Snapshot) -> Path {
        self.snapshots(stream).join(format!("{at:0DIGITS$}-{begin:0DIGITS$}-{floor:0DIGITS$}"))
    }

    /// Whose folder it is; `None` if it is none of ours.
    pub(super) fn stream_of(&self, folder: &Path) -> Option<StreamId> {
        unescape(folder.filename()?).map(StreamId::new)
    }
}

/// The version before an object's records, and of a bundle the version after them.
pub(super) fn records(object: &Path) -> Option<(u64, Option<u64>)> {
    let name = object.filename()?;
    match name.split_once('-') {
        None => Some((number(name)?, None)),
        Some((from, end)) => Some((number(from)?, Some(number(end)?))),
    }
}

pub(super) fn snapshot(object: &Path) -> Option<Snapshot> {
    let mut numbers = object.filename()?.split('-').map(number);
    let snapshot = Snapshot { at: numbers.next()??, begin: numbers.next()??, floor: numbers.next()?? };
    numbers.next().is_none().then_some(snapshot)
}

fn number(text: &str) -> Option<u64> {
    if text.len() == DIGITS && text.bytes().all(|digit| digit.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// One folder's name for any text, legible where it can be, and different on a disk that folds case or composes accents.
fn escape(text: &str) -> String {
    let plain = |at: usize, byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || (b"-_.".contains(&byte) && at > 0);
    let letter = |(at, byte): (usize, u8)| if plain(at, byte) { char::from(byte).to_string() } else { format!("={byte:02x}") };
    text.bytes().enumerate().map(letter).collect()
}

fn unescape(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'=' => {
                let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit()? << 4 | digit()?
            }
            byte => byte,
        });
    }
    let text = String::from_utf8(bytes).ok()?;
    (escape(&text) == name).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_survives_its_folders_name() {
        let keys = Keys::new("a/b");
        for name in
            ["fleet/aws/123456789012/us-east-1/web", "Web", "web ", "..", ".", "=", "%2F", "wéb", "we\u{301}b", "web//1", "\0"]
        {
            let stream = StreamId::new(name);
            let folder = keys.stream(&stream);
            assert_eq!(keys.stream_of(&folder), Some(stream), "{folder}");
            assert!(folder.as_ref().is_ascii() && folder.as_ref().chars().all(|c| !c.is_ascii_uppercase()), "{folder}");
            assert_eq!(Path::parse(folder.as_ref()).unwrap(), folder);
        }
        assert_eq!(keys.record(&StreamId::new("fleet/web"), 12).as_ref(), "a/b/fleet=2fweb/records/00000000000000000012");
        for foreign in ["a/b/Web", "a/b/x=", "a/b/x=2", "a/b/=zz", "a/b/=61"] {
            assert_eq!(keys.stream_of(&Path::from(foreign)), None, "{foreign}");
        }
    }

    #[test]
    fn a_snapshots_name_says_what_it_is() {
        let keys = Keys::new("");
        let one = Snapshot { at: 7, begin: 5, floor: 0 };
        assert_eq!(snapshot(&keys.snapshot(&StreamId::new("web"), one)), Some(one));
        let stream = StreamId::new("web");
        assert_eq!(records(&keys.record(&stream, u64::MAX)), Some((u64::MAX, None)));
        assert_eq!(records(&keys.bundle(&stream, 7, 9)), Some((7, Some(9))));
        assert_eq!(
            (snapshot(&Path::from("a/7-5-0")), records(&Path::from("a/+7")), records(&Path::from("a/7-"))),
            (None, None, None)
        );
    }
}
