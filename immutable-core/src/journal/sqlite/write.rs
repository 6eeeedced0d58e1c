//! The thread that writes: whatever has come while the disk was busy goes into one transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};
use tokio::sync::oneshot;

use super::super::sum::Sum;
use super::file::File;
use super::mark::Mark;
use super::raise;
use super::read::{record_sum, snapshot_sum};
use super::schema::{Head, Stream};
use crate::error::{Applied, Error, ErrorKind, Result};
use crate::id::StreamVersion;
use crate::journal::{Append, Appended, Compact, Keep};

/// How many jobs share a transaction.
const TOGETHER: usize = 256;

/// Something to write, and who waits for the answer.
pub(super) enum Job {
    Append(Append, oneshot::Sender<Result<Appended>>),
    Compact(Compact, oneshot::Sender<Result<()>>),
}

/// What a job did, in a transaction that is not committed yet.
enum Answer {
    Appended(Result<Appended>),
    Compacted(Result<()>),
}

impl Job {
    fn answer(self, answer: Answer) {
        // Whoever no longer waits for it has dropped the call.
        match (self, answer) {
            (Self::Append(_, to), Answer::Appended(answer)) => drop(to.send(answer)),
            (Self::Compact(_, to), Answer::Compacted(answer)) => drop(to.send(answer)),
            // Never: each is answered in its kind.
            _ => {}
        }
    }

    fn fail(self, error: &Error) {
        let error = Error::new(error.kind(), error.to_string()).with_applied(error.applied()).with_retry(error.retry());
        match self {
            Self::Append(append, to) => drop(to.send(Err(error.with_operation("append").with_resource(append.stream.as_str())))),
            Self::Compact(compact, to) => {
                drop(to.send(Err(error.with_operation("compact").with_resource(compact.stream.as_str()))))
            }
        }
    }
}

pub(super) struct Writer {
    connection: Connection,
    file: File,
    commits: Arc<AtomicU64>,
    mark: Mark,
}

impl Writer {
    pub(super) fn new(connection: Connection, file: File, commits: Arc<AtomicU64>, mark: Mark) -> Self {
        Self { connection, file, commits, mark }
    }

    /// All jobs in one transaction, each with its own answer; an error is all the jobs'.
    fn commit(&mut self, jobs: &[Job]) -> Result<Vec<Answer>> {
        let floor = self.commits.load(Ordering::Acquire);
        let file = &self.file;
        let failed = |why| file.failed("write", why);
        let mut transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let mut head = Head::read(&transaction, file)?;
        file.went_back(floor, head.commits)?;
        let mut answers = Vec::with_capacity(jobs.len());
        let mut changed = false;
        for job in jobs {
            let savepoint = transaction.savepoint().map_err(failed)?;
            let streams = head.streams;
            let answer = match job {
                Job::Append(append, _) => append_to(&savepoint, file, &mut head, append).map(|(answer, wrote)| {
                    changed |= wrote;
                    Answer::Appended(Ok(answer))
                }),
                Job::Compact(compact, _) => compact_to(&savepoint, file, compact).map(|wrote| {
                    changed |= wrote;
                    Answer::Compacted(Ok(()))
                }),
            };
            let answer = match answer {
                Ok(answer) => {
                    savepoint.commit().map_err(failed)?;
                    answer
                }
                // What it did is undone, and only that; unless SQLite has undone everything.
                Err(error) if savepoint.is_autocommit() => return Err(error),
                Err(error) => {
                    head.streams = streams;
                    savepoint.finish().map_err(failed)?;
                    match job {
                        Job::Append(append, _) => {
                            Answer::Appended(Err(error.with_operation("append").with_resource(append.stream.as_str())))
                        }
                        Job::Compact(compact, _) => {
                            Answer::Compacted(Err(error.with_operation("compact").with_resource(compact.stream.as_str())))
                        }
                    }
                }
            };
            answers.push(answer);
        }
        if changed {
            head.commits += 1;
            head.write(&transaction).map_err(failed)?;
            // A commit that failed may be whole on the disk, and be found there by whoever opens the file next.
            transaction.commit().map_err(|why| match file.failed("write", why) {
                busy if busy.kind() == ErrorKind::Busy => busy,
                error => error.with_applied(Applied::Unknown),
            })?;
            self.mark.set(head.commits);
            raise(&self.commits, head.commits);
        }
        Ok(answers)
    }
}

/// Writes until nobody can hand over anything more, and all that was handed over is written.
pub(super) fn run(mut writer: Writer, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let jobs: Vec<Job> = std::iter::once(first).chain(jobs.try_iter()).take(TOGETHER).collect();
        match writer.commit(&jobs) {
            Ok(answers) => jobs.into_iter().zip(answers).for_each(|(job, answer)| job.answer(answer)),
            Err(error) => jobs.into_iter().for_each(|job| job.fail(&error)),
        }
    }
}

/// The answer, and whether anything was written.
fn append_to(connection: &Connection, file: &File, head: &mut Head, append: &Append) -> Result<(Appended, bool)> {
    let name = append.stream.as_str();
    let failed = |why| file.failed("append", why);
    let found = Stream::find(connection, file, name)?;
    let at = found.map_or(0, |stream| stream.head);
    let expected = append.expected.0;
    if at != expected {
        let after = expected.saturating_add(append.records.len() as u64);
        let ours = match found {
            Some(stream) if after <= at => writes(connection, file, stream, after)? == Some(append.write.0),
            _ => false,
        };
        let answer = if ours { Appended::Done(StreamVersion(after)) } else { Appended::Conflict(StreamVersion(at)) };
        return Ok((answer, false));
    }
    let mut stream = found.unwrap_or(Stream { number: head.streams + 1, head: 0, dropped: 0, snapshot: None });
    let last = append.records.len() - 1;
    let mut insert = connection
        .prepare_cached("INSERT INTO records (stream, version, write, sum, bytes) VALUES (?1, ?2, ?3, ?4, ?5)")
        .map_err(failed)?;
    for (nth, bytes) in append.records.iter().enumerate() {
        stream.head += 1;
        let write = (nth == last).then_some(append.write.0);
        let sum = record_sum(stream.number, stream.head, write, bytes);
        insert.execute((stream.number.cast_signed(), stream.head.cast_signed(), write, sum, &**bytes)).map_err(failed)?;
    }
    let changed = if found.is_some() {
        let sql = "UPDATE streams SET head = ?3, sum = ?4 WHERE name = ?1 AND head = ?2";
        let mut update = connection.prepare_cached(sql).map_err(failed)?;
        update.execute((name, expected.cast_signed(), stream.head.cast_signed(), stream.sum(name)))
    } else {
        head.streams += 1;
        let sql = "INSERT INTO streams (name, number, head, dropped, sum) VALUES (?1, ?2, ?3, 0, ?4)";
        let mut insert = connection.prepare_cached(sql).map_err(failed)?;
        insert.execute((name, stream.number.cast_signed(), stream.head.cast_signed(), stream.sum(name)))
    };
    match changed.map_err(failed)? {
        1 => Ok((Appended::Done(StreamVersion(stream.head)), true)),
        rows => Err(failed(rusqlite::Error::StatementChangedRows(rows))),
    }
}

/// The id of the write that ended with a record, if one did.
fn writes(connection: &Connection, file: &File, stream: Stream, version: u64) -> Result<Option<[u8; 16]>> {
    let read = |connection: &Connection| {
        let mut statement =
            connection.prepare_cached("SELECT write, sum, bytes FROM records WHERE stream = ?1 AND version = ?2")?;
        let row = |row: &rusqlite::Row<'_>| {
            let write: Option<[u8; 16]> = row.get(0)?;
            let sum = record_sum(stream.number, version, write, row.get_ref(2)?.as_blob()?);
            Ok((write, sum == row.get::<_, Sum>(1)?))
        };
        statement.query_row((stream.number.cast_signed(), version.cast_signed()), row).optional()
    };
    match read(connection).map_err(|why| file.failed("append", why))? {
        Some((write, true)) => Ok(write),
        Some((_, false)) => Err(file.corrupt(format_args!("record {version} is not what was written"))),
        None if version <= stream.dropped => Ok(None),
        None => Err(file.corrupt(format_args!("record {version} is gone"))),
    }
}

/// Whether anything was written.
fn compact_to(connection: &Connection, file: &File, compact: &Compact) -> Result<bool> {
    let name = compact.stream.as_str();
    let Some(found) = Stream::find(connection, file, name)? else {
        return Ok(false);
    };
    let at = compact.at.0;
    if at > found.head || found.snapshot.is_some_and(|newer| newer > at) {
        return Ok(false);
    }
    let dropped = if compact.keep == Keep::Nothing { found.dropped.max(at) } else { found.dropped };
    let stream = Stream { snapshot: Some(at), dropped, ..found };
    let [number, version, head] = [stream.number, at, stream.head].map(u64::cast_signed);
    let write = || {
        let sum = snapshot_sum(stream.number, at, &compact.snapshot);
        let sql = "INSERT OR REPLACE INTO snapshots (stream, version, sum, bytes) VALUES (?1, ?2, ?3, ?4)";
        connection.execute(sql, (number, version, sum, &*compact.snapshot))?;
        connection.execute("DELETE FROM records WHERE stream = ?1 AND version <= ?2", (number, dropped.cast_signed()))?;
        let sql = "UPDATE streams SET snapshot = ?3, dropped = ?4, sum = ?5 WHERE name = ?1 AND head = ?2";
        connection.execute(sql, (name, head, version, dropped.cast_signed(), stream.sum(name)))
    };
    match write().map_err(|why| file.failed("compact", why))? {
        1 => Ok(true),
        rows => Err(file.failed("compact", rusqlite::Error::StatementChangedRows(rows))),
    }
}
