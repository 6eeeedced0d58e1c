//! A journal in one SQLite file.

mod file;
mod mark;
mod read;
mod schema;
mod write;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use tokio::sync::oneshot;

use self::file::File;
use self::read::Reader;
use self::write::Writer;
use super::{After, Append, Appended, Compact, Journal, Loaded};
use crate::error::{Applied, Error, ErrorKind, Result, Retry};
use crate::id::{StreamId, StreamVersion, WriteId};

/// A journal in one SQLite file, for any number of processes on one machine. Clones share one connection.
///
/// ```
/// # fn main() -> immutable_core::Result<()> {
/// use immutable_core::SqliteJournal;
///
/// # let folder = std::env::temp_dir().join(format!("immutable-journal-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).expect("a folder");
/// # let path = folder.join("journal.db");
/// let journal = SqliteJournal::open(&path)?; // made, if it is not there
/// # drop(journal);
/// # std::fs::remove_dir_all(&folder).expect("removed");
/// # Ok(())
/// # }
/// ```
///
/// # Guarantees
/// - What was acknowledged is on the disk: the file is in WAL mode with `synchronous=FULL`. Appends that come while the disk is busy
///   share the next commit, and each has its own answer.
/// - What is read is what was written, or the error is [`Corrupt`](ErrorKind::Corrupt) and names the file: every record has a checksum and a
///   place in its stream, and every stream knows how many it has.
/// - A file that lost acknowledged records, with its WAL or in its middle, is not opened. Beside the file and SQLite's own `-wal` and `-shm`
///   lies a `-mark`, which says how many commits there were.
/// - A file of a newer schema is refused, one of an older is migrated, one of another application is left alone.
///
/// # Caveats
/// - The file must be on a disk of this machine: SQLite's locks and shared memory do not work over a network.
/// - It is served by two threads of its own, so its futures need no runtime; but [`VirtualClock`](crate::time::VirtualClock) cannot wait for them.
/// - Dropping the last clone waits until what was handed over is written and the file is closed.
/// - To back it up, use `VACUUM INTO`, or copy it while no process has it open. A backup put back in its place lacks what came after it, and is
///   refused until the `-mark` is removed.
#[derive(Clone)]
pub struct SqliteJournal(Arc<Shared>);

/// The writer is dropped last: whoever closes last empties the WAL into the file.
struct Shared {
    path: PathBuf,
    reader: Worker<read::Job>,
    writer: Worker<write::Job>,
}

impl SqliteJournal {
    /// Opens a file, and makes it if it is not there. Blocks while the file is checked, all of it once.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no such folder; [`Denied`](ErrorKind::Denied) if the file cannot be read and written;
    /// [`Taken`](ErrorKind::Taken) if it is another application's; [`Invalid`](ErrorKind::Invalid) if it is of a newer schema;
    /// [`Corrupt`](ErrorKind::Corrupt) if it is damaged, or lacks what was acknowledged; [`Busy`](ErrorKind::Busy) if others keep it locked
    /// for half a minute.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let file = File::at(path.as_ref())?;
        let (connection, opened) = schema::open(&file)?;
        let commits = Arc::new(AtomicU64::new(opened.commits));
        let reader = Reader::new(file.connect()?, file.clone(), commits.clone())?;
        let writer = Writer::new(connection, file.clone(), commits, opened.mark);
        let path = file.path().to_owned();
        let reader = Worker::start("journal-reader", move |jobs| read::run(reader, &jobs))?;
        let writer = Worker::start("journal-writer", move |jobs| write::run(writer, &jobs))?;
        Ok(Self(Arc::new(Shared { path, reader, writer })))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Has something read in the reader's thread.
    async fn read<T: Send + 'static>(&self, read: impl FnOnce(&mut Reader) -> Result<T> + Send + 'static) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        // Whoever no longer waits for the answer has dropped the call.
        let job = Box::new(move |reader: &mut Reader| drop(answer.send(read(reader))));
        self.0.reader.hand(job)?;
        answered.await.map_err(|_| stopped())?
    }
}

impl fmt::Debug for SqliteJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqliteJournal").field(&self.0.path).finish()
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn load(&self, stream: &StreamId, after: After) -> Result<Loaded> {
        let stream = stream.clone();
        self.read(move |reader| reader.load(&stream, after)).await
    }

    async fn append(&self, append: Append) -> Result<Appended> {
        if append.records.is_empty() {
            return Err(Error::invalid("an append needs at least one record")
                .with_operation("append")
                .with_resource(append.stream.as_str()));
        }
        let (answer, answered) = oneshot::channel();
        self.0.writer.hand(write::Job::Append(append, answer))?;
        answered.await.map_err(|_| stopped())?
    }

    async fn wrote(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        let stream = stream.clone();
        self.read(move |reader| reader.wrote(&stream, write)).await
    }

    async fn compact(&self, compact: Compact) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        self.0.writer.hand(write::Job::Compact(compact, answer))?;
        answered.await.map_err(|_| stopped())?
    }

    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        let (prefix, after) = (prefix.to_owned(), after.cloned());
        self.read(move |reader| reader.list(&prefix, after.as_ref(), limit)).await
    }
}

/// A thread that does what it is handed, one after the other. Dropped, it does what it has, and ends.
struct Worker<J> {
    jobs: Option<mpsc::Sender<J>>,
    thread: Option<JoinHandle<()>>,
}

impl<J: Send + 'static> Worker<J> {
    fn start(name: &str, run: impl FnOnce(mpsc::Receiver<J>) + Send + 'static) -> Result<Self> {
        let (jobs, receiver) = mpsc::channel();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || run(receiver));
        let thread = thread.map_err(|why| {
            let error = Error::new(ErrorKind::Internal, "the journal's thread cannot be started");
            error.with_applied(Applied::No).with_source(why)
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    fn hand(&self, job: J) -> Result<()> {
        let handed = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if handed { Ok(()) } else { Err(stopped().with_applied(Applied::No)) }
    }
}

impl<J> Drop for Worker<J> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It panicked: whoever waited for an answer was told that there is none.
            drop(thread.join());
        }
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Internal, "the journal's thread has ended; open the file again").with_retry(Retry::Never)
}

/// What was read or written last, by any thread of this journal: a file never goes back behind it.
fn raise(commits: &AtomicU64, to: u64) {
    commits.fetch_max(to, Ordering::AcqRel);
}
