//! The thread that reads, by a connection of its own: a long read holds up no append.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::super::sum::{Sum, sum};
use super::file::File;
use super::raise;
use super::schema::{Head, Stream};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{StreamId, StreamVersion, WriteId};
use crate::journal::{After, Loaded, Record};

/// Of a record with its place and, if it is the last of an append, the id of the write.
pub(super) fn record_sum(stream: u64, version: u64, write: Option<[u8; 16]>, bytes: &[u8]) -> Sum {
    let write: &[u8] = write.as_ref().map_or(&[], |write| write);
    sum("record", &[&stream.to_be_bytes(), &version.to_be_bytes(), write, bytes])
}

pub(super) fn snapshot_sum(stream: u64, version: u64, bytes: &[u8]) -> Sum {
    sum("snapshot", &[&stream.to_be_bytes(), &version.to_be_bytes(), bytes])
}

pub(super) struct Reader {
    connection: Connection,
    file: File,
    commits: Arc<AtomicU64>,
}

/// Something to read, which answers by itself.
pub(super) type Job = Box<dyn FnOnce(&mut Reader) + Send>;

pub(super) fn run(mut reader: Reader, jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        job(&mut reader);
    }
}

impl Reader {
    pub(super) fn new(connection: Connection, file: File, commits: Arc<AtomicU64>) -> Result<Self> {
        connection.pragma_update(None, "query_only", true).map_err(|why| file.failed("open", why))?;
        Ok(Self { connection, file, commits })
    }

    /// Reads in one transaction, which must not be of an older state than was seen before it.
    fn reading<T>(&mut self, read: impl FnOnce(&Transaction<'_>, &File) -> Result<T>) -> Result<T> {
        let floor = self.commits.load(Ordering::Acquire);
        let transaction = self.connection.transaction().map_err(|why| self.file.failed("read", why))?;
        let head = Head::read(&transaction, &self.file)?;
        self.file.went_back(floor, head.commits)?;
        raise(&self.commits, head.commits);
        read(&transaction, &self.file)
    }

    pub(super) fn load(&mut self, id: &StreamId, after: After) -> Result<Loaded> {
        self.reading(|transaction, file| {
            let Some(stream) = Stream::find(transaction, file, id.as_str())? else {
                return Ok(Loaded::default());
            };
            let snapshot = match (after, stream.snapshot) {
                (After::Snapshot, Some(version)) => {
                    Some((StreamVersion(version), snapshot(transaction, file, id, stream, version)?))
                }
                _ => None,
            };
            let from = match (after, &snapshot) {
                (After::Version(version), _) => version.0.min(stream.head),
                (After::Snapshot, Some((version, _))) => version.0,
                (After::Snapshot, None) => 0,
            };
            if from < stream.dropped {
                let message = format!("the records of {id} after {from} are dropped; it begins after {}", stream.dropped);
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            let mut loaded = Vec::with_capacity(usize::try_from(stream.head - from).unwrap_or_default().min(1 << 16));
            records(transaction, file, id, stream, from, |bytes, _| loaded.push(bytes))?;
            Ok(Loaded { snapshot, records: loaded, head: StreamVersion(stream.head) })
        })
        .map_err(|error| error.with_operation("load").with_resource(id.as_str()))
    }

    pub(super) fn wrote(&mut self, id: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        self.reading(|transaction, file| {
            let Some(stream) = Stream::find(transaction, file, id.as_str())? else {
                return Ok(None);
            };
            let (mut version, mut found) = (stream.dropped, None);
            records(transaction, file, id, stream, stream.dropped, |_, by| {
                version += 1;
                if by == Some(write.0) {
                    found = Some(StreamVersion(version));
                }
            })?;
            Ok(found)
        })
        .map_err(|error| error.with_operation("wrote").with_resource(id.as_str()))
    }

    pub(super) fn list(&mut self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        self.reading(|transaction, file| {
            let mut ids = Vec::new();
            if limit > 0 {
                Stream::names(transaction, file, prefix, after.map(StreamId::as_str), |name| {
                    let begins = name.starts_with(prefix);
                    if begins {
                        ids.push(StreamId::new(name));
                    }
                    begins && ids.len() < limit
                })?;
            }
            Ok(ids)
        })
        .map_err(|error| error.with_operation("list"))
    }
}

fn snapshot(transaction: &Transaction<'_>, file: &File, id: &StreamId, stream: Stream, version: u64) -> Result<Record> {
    let row =
        |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Sum>(1)?, Record::from(row.get_ref(2)?.as_blob()?)));
    let read = |transaction: &Transaction<'_>| {
        let mut statement = transaction.prepare_cached("SELECT version, sum, bytes FROM snapshots WHERE stream = ?1")?;
        statement.query_row([stream.number.cast_signed()], row).optional()
    };
    let found = read(transaction).map_err(|why| file.failed("read", why))?;
    match found {
        Some((at, sum, bytes)) if at.cast_unsigned() == version && snapshot_sum(stream.number, version, &bytes) == sum => {
            Ok(bytes)
        }
        _ => Err(file.corrupt(format_args!("the snapshot of {id} at version {version} is not what was written"))),
    }
}

/// Reads the records after a version, every one of them and each as it was written, with the id of the write that ended with it.
fn records(
    transaction: &Transaction<'_>,
    file: &File,
    id: &StreamId,
    stream: Stream,
    from: u64,
    mut each: impl FnMut(Record, Option<[u8; 16]>),
) -> Result<()> {
    let failed = |why| file.failed("read", why);
    let sql = "SELECT version, write, sum, bytes FROM records WHERE stream = ?1 AND version > ?2 ORDER BY version";
    let mut statement = transaction.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query((stream.number.cast_signed(), from.cast_signed())).map_err(failed)?;
    let mut last = from;
    while let Some(row) = rows.next().map_err(failed)? {
        let version = row.get::<_, i64>(0).map_err(failed)?.cast_unsigned();
        let write: Option<[u8; 16]> = row.get(1).map_err(failed)?;
        let bytes = row.get_ref(3).map_err(failed)?.as_blob().map_err(|why| failed(why.into()))?;
        if version != last + 1 {
            break;
        }
        if record_sum(stream.number, version, write, bytes) != row.get::<_, Sum>(2).map_err(failed)? {
            return Err(file.corrupt(format_args!("record {version} of {id} is not what was written")));
        }
        last = version;
        each(bytes.into(), write);
    }
    if last != stream.head {
        return Err(file.corrupt(format_args!("of {id}, record {} is gone, of {}", last + 1, stream.head)));
    }
    Ok(())
}
