//! Journals that outlive their process, each in a place of its own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[cfg(feature = "sqlite")]
mod sqlite_journal {
    use std::future::ready;
    use std::sync::Arc;

    use immutable_core::conformance::journal::Subject;
    use immutable_core::journal::Journal;
    use immutable_core::{Result, SqliteJournal};

    async fn fresh() -> Result<Subject> {
        let folder = super::Folder::new();
        let path = folder.path().join("journal.db");
        let open = move || SqliteJournal::open(&path).map(|journal| Arc::new(journal) as Arc<dyn Journal>);
        Ok(Subject::new(open()?).reopen(move || ready(open())).guard(folder))
    }

    immutable_core::journal_conformance!(fresh);
}
