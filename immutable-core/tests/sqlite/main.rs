//! `SqliteJournal`: what a file may be when it is opened, what becomes of a damaged one, many processes, and group commit.

mod damaged;
mod files;
mod processes;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use immutable_core::id::{StreamId, StreamVersion, WriteId};
use immutable_core::journal::{Append, Appended, Journal as _, Record};
use immutable_core::{Result, SqliteJournal};

/// A folder that goes when it is dropped.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sqlite").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("journal.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The file's name with something behind it.
fn beside(file: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", file.display()))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn write(nth: u64) -> WriteId {
    WriteId(u128::from(nth).to_be_bytes())
}

fn an_append(stream: &str, expected: u64, nth: u64, records: &[&str]) -> Append {
    let records = records.iter().map(|text| Record::from(text.as_bytes())).collect();
    Append { stream: StreamId::new(stream), expected: StreamVersion(expected), write: write(nth), records }
}

async fn append(journal: &SqliteJournal, stream: &str, expected: u64, nth: u64, records: &[&str]) -> Result<Appended> {
    journal.append(an_append(stream, expected, nth, records)).await
}
