//! The calls to the store, and what their errors mean.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};

use super::format::{Body, Unreadable};
use super::keys::{self, Keys, Snapshot};
use super::known::Bundle;
use crate::error::{Applied, Error, ErrorKind, Result};
use crate::id::StreamId;

/// How many objects are asked for at once.
const AT_ONCE: usize = 16;

/// What became of the making of an object.
pub(super) enum Made {
    Yes,
    /// There is one of this name, says the store: another's, or an earlier copy of ours.
    Exists,
    /// No telling, and why.
    Unknown(Error),
}

#[derive(Clone, Debug)]
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    pub(super) keys: Keys,
}

impl Objects {
    pub(super) fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self { store, keys: Keys::new(prefix) }
    }

    async fn bytes(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        let got = match self.store.get(path).await {
            Ok(got) => got.bytes().await,
            Err(why) => Err(why),
        };
        match got {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(why) => Err(failed(path, why).with_applied(Applied::No)),
        }
    }

    async fn body(&self, stream: &StreamId, path: &Path, at: u64) -> Result<Option<Body>> {
        let Some(bytes) = self.bytes(path).await? else {
            return Ok(None);
        };
        match Body::read(stream, &bytes) {
            Ok(body) if body.at == at => Ok(Some(body)),
            Ok(_) => Err(unreadable(path, Unreadable::Damaged, ORIGINAL)),
            Err(why) => Err(unreadable(path, why, ORIGINAL)),
        }
    }

    /// What one object holds, a bundle or another, if it is still there.
    async fn part(&self, stream: &StreamId, from: u64, end: Option<u64>) -> Result<Option<Vec<Body>>> {
        let Some(end) = end else {
            return Ok(self.record(stream, from).await?.map(|body| vec![body]));
        };
        let path = self.keys.bundle(stream, from, end);
        let bytes = self.bytes(&path).await?;
        bytes.map(|bytes| Body::read_bundle(stream, &bytes, from, end).map_err(|why| unreadable(&path, why, BUNDLE))).transpose()
    }

    /// What these objects hold, in order; `None` if one of them is no longer there.
    pub(super) async fn parts(&self, stream: &StreamId, parts: &[(u64, Option<u64>)]) -> Result<Option<Vec<Body>>> {
        let bodies = futures_util::stream::iter(parts.iter().copied()).map(|(from, end)| self.part(stream, from, end));
        let bodies: Vec<Option<Vec<Body>>> = bodies.buffered(AT_ONCE).try_collect().await?;
        Ok(bodies.into_iter().collect::<Option<Vec<_>>>().map(|bodies| bodies.into_iter().flatten().collect()))
    }

    /// The object that begins after a version, if there is one.
    pub(super) async fn record(&self, stream: &StreamId, after: u64) -> Result<Option<Body>> {
        self.body(stream, &self.keys.record(stream, after), after).await
    }

    /// Those of these that are still there, in order.
    pub(super) async fn records(&self, stream: &StreamId, names: &[u64]) -> Result<Vec<Option<Body>>> {
        let bodies = futures_util::stream::iter(names.iter().copied()).map(|after| self.record(stream, after));
        bodies.buffered(AT_ONCE).try_collect().await
    }

    pub(super) async fn snapshot(&self, stream: &StreamId, snapshot: Snapshot) -> Result<Option<Body>> {
        self.body(stream, &self.keys.snapshot(stream, snapshot), snapshot.at).await
    }

    /// Makes an object that must not be there yet.
    pub(super) async fn make(&self, stream: &StreamId, after: u64, bytes: &[u8]) -> Result<Made> {
        let path = self.keys.record(stream, after);
        let made = self.store.put_opts(&path, bytes.to_vec().into(), PutOptions::from(PutMode::Create)).await;
        match made {
            Ok(_) => Ok(Made::Yes),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(Made::Exists),
            Err(why) => match failed(&path, why) {
                unknown if unknown.applied() == Applied::Unknown => Ok(Made::Unknown(unknown)),
                refused => Err(refused),
            },
        }
    }

    pub(super) async fn put_bundle(&self, stream: &StreamId, bundle: Bundle) -> Result<()> {
        let path = self.keys.bundle(stream, bundle.from, bundle.end);
        self.store.put(&path, bundle.bytes.into()).await.map(drop).map_err(|why| failed(&path, why))
    }

    pub(super) async fn put_snapshot(&self, stream: &StreamId, snapshot: Snapshot, body: &Body) -> Result<()> {
        let path = self.keys.snapshot(stream, snapshot);
        self.store.put(&path, body.write(stream).into()).await.map(drop).map_err(|why| failed(&path, why))
    }

    /// The snapshots of a stream, the newest last.
    pub(super) async fn snapshots(&self, stream: &StreamId) -> Result<Vec<Snapshot>> {
        let folder = self.keys.snapshots(stream);
        let listed = self.store.list(Some(&folder)).try_collect::<Vec<_>>().await.map_err(|why| unlisted(&folder, why))?;
        let mut snapshots: Vec<_> = listed.iter().filter_map(|object| keys::snapshot(&object.location)).collect();
        snapshots.sort_unstable();
        Ok(snapshots)
    }

    async fn listed(&self, stream: &StreamId, from: u64) -> Result<Vec<((u64, Option<u64>), ObjectMeta)>> {
        let folder = self.keys.records(stream);
        let listed = match from.checked_sub(1) {
            None => self.store.list(Some(&folder)),
            Some(before) => self.store.list_with_offset(Some(&folder), &self.keys.record(stream, before)),
        };
        let listed: Vec<ObjectMeta> = listed.try_collect().await.map_err(|why| unlisted(&folder, why))?;
        let mut objects: Vec<_> =
            listed.into_iter().filter_map(|object| Some((keys::records(&object.location)?, object))).collect();
        objects.sort_unstable_by_key(|(records, _)| *records);
        Ok(objects)
    }

    /// After which versions an object begins, from one on, in order; and the same of bundles, with where they end.
    pub(super) async fn names_and_bundles(&self, stream: &StreamId, from: u64) -> Result<(Vec<u64>, BTreeMap<u64, u64>)> {
        let (mut names, mut bundles) = (Vec::new(), BTreeMap::new());
        for ((after, end), _) in self.listed(stream, from).await? {
            match end {
                None => names.push(after),
                Some(end) => drop(bundles.insert(after, end)),
            }
        }
        Ok((names, bundles))
    }

    pub(super) async fn names(&self, stream: &StreamId, from: u64) -> Result<Vec<u64>> {
        Ok(self.names_and_bundles(stream, from).await?.0)
    }

    /// All streams, in no order.
    pub(super) async fn streams(&self) -> Result<Vec<StreamId>> {
        let prefix = self.keys.prefix();
        let listed = self.store.list_with_delimiter(Some(prefix)).await.map_err(|why| unlisted(prefix, why))?;
        Ok(listed.common_prefixes.iter().filter_map(|folder| self.keys.stream_of(folder)).collect())
    }

    /// Removes the object that begins after a version, which nobody reads.
    pub(super) async fn remove(&self, stream: &StreamId, after: u64) -> Result<()> {
        let path = self.keys.record(stream, after);
        self.store.delete(&path).await.map_err(|why| failed(&path, why))
    }

    /// Removes older snapshots than one, and the records before its floor that were older than `grace` when it was stored: by the store's own clock,
    /// for both.
    pub(super) async fn prune(
        &self,
        stream: &StreamId,
        newest: Snapshot,
        older: &[Snapshot],
        grace: std::time::Duration,
    ) -> Result<()> {
        // One with a higher floor tells what may be gone.
        let needless = older.iter().filter(|older| older.floor <= newest.floor && **older != newest);
        let mut paths: Vec<Path> = needless.map(|older| self.keys.snapshot(stream, *older)).collect();
        if newest.floor > 0 {
            let path = self.keys.snapshot(stream, newest);
            let now = self.store.head(&path).await.map_err(|why| failed(&path, why))?.last_modified;
            let old = |object: &ObjectMeta| (now - object.last_modified).to_std().is_ok_and(|age| age >= grace);
            let records = self.listed(stream, 0).await?.into_iter();
            paths.extend(
                records.filter(|((after, _), object)| *after < newest.floor && old(object)).map(|(_, object)| object.location),
            );
        }
        if paths.is_empty() {
            return Ok(());
        }
        let paths = futures_util::stream::iter(paths.into_iter().map(Ok)).boxed();
        let mut removed = self.store.delete_stream(paths);
        while let Some(one) = removed.next().await {
            match one {
                // Another prunes too.
                Ok(_) | Err(StoreError::NotFound { .. }) => {}
                Err(why) => return Err(failed(&self.keys.records(stream), why)),
            }
        }
        Ok(())
    }
}

/// What to do with one that is damaged.
const ORIGINAL: &str = "bring back an earlier version of it, if the store keeps them";
const BUNDLE: &str = "remove it: it only repeats what others hold";

fn unreadable(path: &Path, why: Unreadable, advice: &str) -> Error {
    match why {
        Unreadable::Damaged => Error::new(ErrorKind::Corrupt, format!("the object {path} is not what was written; {advice}")),
        Unreadable::Newer(v) => {
            let newest = "format 1 is the newest that this version knows; use a newer version";
            Error::new(ErrorKind::Invalid, format!("the object {path} is of format {v}, and {newest}"))
        }
    }
}

fn unlisted(folder: &Path, why: StoreError) -> Error {
    failed(folder, why).with_applied(Applied::No)
}

/// What an error of the store's means; of a read the caller says that nothing was applied.
fn failed(path: &Path, why: StoreError) -> Error {
    let of = |kind, what: &str| Error::new(kind, format!("the object {path} {what}"));
    let error = match &why {
        StoreError::NotFound { .. } => of(ErrorKind::NotFound, "has no place to be in; make the bucket first"),
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
            of(ErrorKind::Denied, "is not ours to read and write; the journal needs get, put, list and delete below its prefix")
        }
        StoreError::InvalidPath { .. }
        | StoreError::NotSupported { .. }
        | StoreError::NotImplemented { .. }
        | StoreError::UnknownConfigurationKey { .. } => {
            of(ErrorKind::Invalid, "is not possible in this store; it must have conditional puts")
        }
        _ => of(ErrorKind::Unreachable, "could not be read or written"),
    };
    error.with_source(why)
}
