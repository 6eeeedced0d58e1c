//! A journal in an object store.

mod format;
mod keys;
mod known;
mod objects;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::object_store::ObjectStore;
use async_trait::async_trait;

use self::format::Body;
use self::keys::Snapshot;
use self::known::{Known, Moment, Seen};
use self::objects::{Made, Objects};
use super::{After, Append, Appended, Compact, Journal, Keep, Loaded};
use crate::error::{Applied, Error, ErrorKind, Result};
use crate::id::{StreamId, StreamVersion, WriteId};

/// How often something is looked at anew because it changed between two calls.
const TRIES: usize = 6;
/// How many new objects are found one by one before they are listed.
const ONE_BY_ONE: usize = 8;

/// A journal in S3, Azure Blob, Google Cloud Storage, on a disk or in memory: any store of the crate `object_store` that can make an object
/// only if it is not there. Clones share what they know. Which store it is comes with that crate's features:
/// `object_store = { version = "0.14", features = ["aws"] }`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> immutable_core::Result<()> {
/// use immutable_core::ObjectStoreJournal;
/// use object_store::memory::InMemory;
/// use std::sync::Arc;
///
/// // Or `AmazonS3Builder::from_env().with_bucket_name("acmeinc-journals").build()`.
/// let journal = ObjectStoreJournal::new(Arc::new(InMemory::new()), "production");
/// # use immutable_core::journal::Journal;
/// # assert!(journal.list("", None, 10).await?.is_empty());
/// # Ok(())
/// # }
/// ```
///
/// # Guarantees
/// - Of any number of processes on any number of machines, one writes each version. No clock of theirs is compared, and no lock is held.
/// - A lost reply is no rival: every object says which write made it, and is read back whenever the store says that there is one already. So a store that
///   sends a request twice, or answers 409 for either, is read as what happened.
/// - What is read is what was written, or the error is [`Corrupt`](ErrorKind::Corrupt) and names the object: each has a checksum and its place.
///
/// # Calls
/// An append is one put, of all its records, and each 32nd of a process is a second one, of a bundle that repeats them; a load of what is new is one get,
/// and one for each append it finds. The first load of a stream takes two listings, a get of the newest snapshot, and one for each bundle and each other append
/// after it, sixteen at once.
///
/// # Caveats
/// - What [`Keep::Nothing`] lets go is removed an hour later ([`keep_for`](Self::keep_for)), by the next snapshot.
/// - A store that loses or rolls back its objects is noticed only by a process that has seen them. Keep the store's own versions.
/// - Timeouts and retries are the store's own. A disk is a `LocalFileSystem`, to which `with_fsync(true)` belongs.
#[derive(Clone)]
pub struct ObjectStoreJournal {
    objects: Objects,
    known: Arc<Known>,
    grace: Duration,
}

/// What a stream is, as it was listed.
struct Found {
    seen: Seen,
    snapshots: Vec<Snapshot>,
    /// The objects from the newest snapshot on.
    names: Vec<u64>,
}

/// The objects before this version may be gone.
fn floor(snapshots: &[Snapshot]) -> u64 {
    snapshots.iter().map(|snapshot| snapshot.floor).max().unwrap_or_default()
}

impl ObjectStoreJournal {
    /// In a store, below a prefix, which is the journal's own.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self { objects: Objects::new(store, prefix), known: Arc::default(), grace: Duration::from_secs(3600) }
    }

    /// How long records stay that a snapshot has made needless; an hour, unless said otherwise. All who write to one store must say the same.
    ///
    /// What is known of a stream is good for half as long: after that it is listed again, and an append that took longer is checked.
    #[must_use]
    pub fn keep_for(mut self, time: Duration) -> Self {
        self.grace = time;
        self
    }

    /// What was the head so short a time ago that no object after it can have been removed since.
    fn fresh(&self, seen: &Seen) -> bool {
        seen.at.within(self.grace / 2)
    }

    fn fresh_head(&self, stream: &StreamId) -> Option<Seen> {
        self.known.seen(stream).filter(|seen| self.fresh(seen))
    }

    /// The head and what there is to read, listed.
    async fn find(&self, stream: &StreamId) -> Result<Found> {
        for _ in 0..TRIES {
            let before = self.known.seen(stream).map_or(0, |seen| seen.head);
            let at = Moment::now();
            let snapshots = self.objects.snapshots(stream).await?;
            let (version, begin) = snapshots.last().map_or((0, 0), |newest| (newest.at, newest.begin));
            let names = self.objects.names(stream, begin).await?;
            let head = match names.last() {
                None => begin,
                Some(last) => match self.objects.record(stream, *last).await? {
                    None => continue,
                    Some(body) => body.end(),
                },
            };
            if head >= version.max(before) {
                self.known.see(stream, head, at);
                return Ok(Found { seen: Seen { head, at }, snapshots, names });
            }
        }
        Err(self.gone(stream))
    }

    fn gone(&self, stream: &StreamId) -> Error {
        let folder = self.objects.keys.records(stream);
        let advice = "bring them back, if the store keeps older versions";
        Error::new(
            ErrorKind::Corrupt,
            format!("below {folder} objects are gone that were there, or that others follow; {advice}"),
        )
    }

    /// What came after a version that was the head, object by object; `None` if it is better to list it.
    async fn follow(&self, stream: &StreamId, seen: Seen) -> Result<Option<Vec<Body>>> {
        let (mut bodies, mut head) = (Vec::new(), seen.head);
        for _ in 0..ONE_BY_ONE {
            let at = Moment::now();
            match self.objects.record(stream, head).await? {
                Some(body) => {
                    head = body.end();
                    bodies.push(body);
                }
                // Not there, or not there any more.
                None if !self.fresh(&seen) => return Ok(None),
                None => {
                    self.known.see(stream, head, at);
                    return Ok(Some(bodies));
                }
            }
        }
        Ok(None)
    }

    /// Lists and reads; `None` if something was removed in between.
    async fn look(&self, stream: &StreamId, after: After) -> Result<Option<Loaded>> {
        let before = self.known.seen(stream).map_or(0, |seen| seen.head);
        let at = Moment::now();
        let snapshots = self.objects.snapshots(stream).await?;
        let newest = snapshots.last().copied().filter(|_| after == After::Snapshot);
        let (from, begin) = match (after, newest) {
            (After::Snapshot, None) => (0, 0),
            (After::Snapshot, Some(newest)) => (newest.at, newest.begin),
            (After::Version(StreamVersion(version)), _) => {
                let floor = floor(&snapshots);
                if version < floor {
                    let message = format!("the records of {stream} after {version} are dropped; it begins after {floor}");
                    return Err(Error::new(ErrorKind::NotFound, message));
                }
                (version, snapshots.iter().map(|one| one.begin).filter(|begin| *begin <= version).fold(floor, u64::max))
            }
        };
        let (names, bundles) = self.objects.names_and_bundles(stream, begin).await?;
        if names.first().is_some_and(|first| *first != begin) {
            return Ok(None);
        }
        // The last that begins at or before what is asked for, and all after it.
        let first = names.partition_point(|name| *name <= from).saturating_sub(1);
        let names = names.get(first..).unwrap_or_default();
        let (mut parts, mut covered) = (Vec::new(), 0);
        for name in names {
            if *name >= covered {
                let end = bundles.get(name).copied();
                covered = end.unwrap_or_default();
                parts.push((*name, end));
            }
        }
        let snapshot = async {
            match newest {
                Some(newest) => self.objects.snapshot(stream, newest).await,
                None => Ok(None),
            }
        };
        let (snapshot, bodies) = futures_util::try_join!(snapshot, self.objects.parts(stream, &parts))?;
        let (mut head, mut records) = (names.first().copied().unwrap_or(begin), Vec::new());
        let Some(bodies) = bodies else {
            return Ok(None);
        };
        for body in bodies {
            if body.at != head {
                return Ok(None);
            }
            let skip = usize::try_from(from.saturating_sub(head)).unwrap_or(usize::MAX);
            head = body.end();
            records.extend(body.records.into_iter().skip(skip));
        }
        let snapshot = snapshot.and_then(|body| Some((StreamVersion(body.at), body.records.into_iter().next()?)));
        if snapshot.is_some() != newest.is_some() || head < before || newest.is_some_and(|newest| head < newest.at) {
            return Ok(None);
        }
        self.known.see(stream, head, at);
        Ok(Some(Loaded { snapshot, records, head: StreamVersion(head) }))
    }

    async fn read(&self, stream: &StreamId, after: After) -> Result<Loaded> {
        let seen = self.fresh_head(stream).filter(|seen| after == After::Version(StreamVersion(seen.head)));
        if let Some(seen) = seen
            && let Some(bodies) = self.follow(stream, seen).await?
        {
            let head = bodies.last().map_or(seen.head, Body::end);
            let records = bodies.into_iter().flat_map(|body| body.records).collect();
            return Ok(Loaded { snapshot: None, records, head: StreamVersion(head) });
        }
        for _ in 0..TRIES {
            if let Some(loaded) = self.look(stream, after).await? {
                return Ok(loaded);
            }
        }
        Err(self.gone(stream))
    }

    /// What an append is answered whose version is taken, or never was the head.
    async fn overtaken(&self, append: &Append, found: Option<Found>) -> Result<Appended> {
        let (stream, expected) = (&append.stream, append.expected.0);
        // The version found must be of now: whoever is answered goes on from there.
        let found = match found {
            Some(found) => found,
            None => self.find(stream).await?,
        };
        // What lies before the floor was never read by anyone.
        if expected < found.seen.head && expected >= floor(&found.snapshots) {
            let body = self.objects.record(stream, expected).await?;
            if let Some(body) = body.filter(|body| body.write == Some(append.write)) {
                return Ok(Appended::Done(StreamVersion(body.end())));
            }
        }
        Ok(Appended::Conflict(StreamVersion(found.seen.head)))
    }

    async fn write(&self, append: &Append) -> Result<Appended> {
        let (stream, expected) = (&append.stream, append.expected.0);
        let body = Body { at: expected, write: Some(append.write), records: append.records.clone() };
        let bytes = body.write(stream);
        // Once it was sent, whoever fails to find out what became of it does not know.
        let mut sent = Applied::No;
        for _ in 0..TRIES {
            let unknown = |error: Error| error.with_applied(sent);
            let seen = match self.known.seen(stream) {
                Some(seen) if seen.head > expected => return self.overtaken(append, None).await.map_err(unknown),
                Some(seen) if seen.head == expected && self.fresh(&seen) => seen,
                _ => match self.find(stream).await.map_err(unknown)? {
                    found if found.seen.head == expected => found.seen,
                    found => return self.overtaken(append, Some(found)).await.map_err(unknown),
                },
            };
            let at = Moment::now();
            self.known.sent(stream, append.write, expected);
            let made = self.objects.make(stream, expected, &bytes).await?;
            sent = Applied::Unknown;
            let unknown = |error: Error| error.with_applied(Applied::Unknown);
            let found = match made {
                Made::Yes => Ok(Some(body.write)),
                _ => self.objects.record(stream, expected).await.map(|found| found.map(|found| found.write)),
            };
            match (found, made) {
                (Ok(Some(write)), _) if write == body.write => {
                    // An object of this name may have been there and removed since the head was seen: then this one is nobody's.
                    if !self.fresh(&seen) && floor(&self.objects.snapshots(stream).await.map_err(unknown)?) > expected {
                        drop(self.objects.remove(stream, expected).await);
                        return self.overtaken(append, None).await.map_err(unknown);
                    }
                    self.known.see(stream, body.end(), at);
                    if let Some(bundle) = self.known.wrote(stream, expected, body.end(), bytes) {
                        // It only repeats: without it a load takes more calls.
                        drop(self.objects.put_bundle(stream, bundle).await);
                    }
                    return Ok(Appended::Done(StreamVersion(body.end())));
                }
                (Ok(Some(_)), _) => return self.overtaken(append, None).await.map_err(unknown),
                (_, Made::Unknown(error)) => return Err(error),
                (Err(error), _) => return Err(unknown(error)),
                // Refused by an object that is not there: another is being made at this moment, or was removed long ago.
                (Ok(None), _) => {}
            }
        }
        let message = format!("the store refuses version {expected} of {stream} and shows nobody's; send it again");
        Err(Error::new(ErrorKind::Busy, message).with_applied(Applied::Unknown))
    }

    async fn find_write(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        let by = |body: &Body| body.write == Some(write);
        for _ in 0..TRIES {
            let floor = floor(&self.objects.snapshots(stream).await?);
            if let Some(at) = self.known.sent_at(stream, write) {
                let body = if at < floor { None } else { self.objects.record(stream, at).await? };
                return Ok(body.filter(by).map(|body| StreamVersion(body.end())));
            }
            // The newest first: it is about the last write that one asks.
            let names = self.objects.names(stream, floor).await?;
            let mut whole = true;
            for names in names.rchunks(ONE_BY_ONE) {
                let bodies = self.objects.records(stream, names).await?;
                whole &= bodies.iter().all(Option::is_some);
                if let Some(body) = bodies.into_iter().flatten().find(by) {
                    return Ok(Some(StreamVersion(body.end())));
                }
            }
            if whole {
                return Ok(None);
            }
        }
        Err(self.gone(stream))
    }

    async fn store(&self, compact: &Compact) -> Result<()> {
        let (stream, at) = (&compact.stream, compact.at.0);
        let known = self.known.seen(stream).filter(|seen| seen.head == at);
        let (snapshots, begin) = if known.is_some() {
            (self.objects.snapshots(stream).await?, at)
        } else {
            let found = self.find(stream).await?;
            if at > found.seen.head {
                return Ok(());
            }
            let ends = found.names.iter().copied().chain([found.seen.head]);
            let newest = found.snapshots.last().map_or(0, |newest| newest.begin);
            (found.snapshots, ends.filter(|end| *end <= at).fold(newest.min(at), u64::max))
        };
        if snapshots.last().is_some_and(|newest| newest.at > at) {
            return Ok(());
        }
        let floor = floor(&snapshots).max(if compact.keep == Keep::Nothing { begin } else { 0 });
        let snapshot = Snapshot { at, begin, floor };
        // Of a stream without records there is nothing to say.
        if at == 0 && self.find(stream).await?.seen.head == 0 {
            return Ok(());
        }
        let body = Body { at, write: None, records: vec![compact.snapshot.clone()] };
        self.objects.put_snapshot(stream, snapshot, &body).await?;
        // What is left over is removed by the next.
        if let Err(error) = self.objects.prune(stream, snapshot, &snapshots, self.grace).await {
            tracing::warn!(%stream, %error, "what a snapshot has made needless could not be removed");
        }
        Ok(())
    }
}

impl fmt::Debug for ObjectStoreJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStoreJournal")
            .field("objects", &self.objects)
            .field("keep_for", &self.grace)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Journal for ObjectStoreJournal {
    async fn load(&self, stream: &StreamId, after: After) -> Result<Loaded> {
        let loaded = self.read(stream, after).await;
        loaded.map_err(|error| error.with_operation("load").with_resource(stream.as_str()))
    }

    async fn append(&self, append: Append) -> Result<Appended> {
        let of = |error: Error| error.with_operation("append").with_resource(append.stream.as_str());
        if append.records.is_empty() {
            return Err(of(Error::invalid("an append needs at least one record")));
        }
        self.write(&append).await.map_err(of)
    }

    async fn wrote(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        let found = self.find_write(stream, write).await;
        found.map_err(|error| error.with_operation("wrote").with_resource(stream.as_str()))
    }

    async fn compact(&self, compact: Compact) -> Result<()> {
        let stored = self.store(&compact).await;
        stored.map_err(|error| error.with_operation("compact").with_resource(compact.stream.as_str()))
    }

    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        let mut streams = self.objects.streams().await.map_err(|error| error.with_operation("list"))?;
        streams.retain(|stream| stream.as_str().starts_with(prefix) && after.is_none_or(|after| stream > after));
        streams.sort_unstable();
        streams.truncate(limit);
        Ok(streams)
    }
}
