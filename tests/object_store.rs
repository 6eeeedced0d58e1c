//! `ObjectStoreJournal` on a disk passes the journal suite.

use std::future::ready;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use immutable_core::conformance::journal::Subject;
use immutable_core::journal::Journal;
use immutable_core::{ObjectStoreJournal, Result};
use object_store::local::LocalFileSystem;

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("object-store").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

async fn fresh() -> Result<Subject> {
    let folder = Folder::new();
    let path = folder.0.clone();
    let open = move || {
        let disk = LocalFileSystem::new_with_prefix(&path).unwrap().with_fsync(true);
        Arc::new(ObjectStoreJournal::new(Arc::new(disk), "a/prefix")) as Arc<dyn Journal>
    };
    Ok(Subject::new(open()).reopen(move || ready(Ok(open()))).guard(folder))
}

mod on_disk {
    immutable_core::journal_conformance!(super::fresh);
}
