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

#[cfg(feature = "object-store")]
mod object_store_journal {
    use std::future::ready;
    use std::sync::Arc;
    use std::time::Duration;

    use immutable_core::ObjectStoreJournal;
    use immutable_core::conformance::journal::Subject;
    use immutable_core::journal::Journal;
    use object_store::memory::InMemory;

    fn subject(keep_for: Duration) -> Subject {
        let store = Arc::new(InMemory::new());
        let open = move || {
            let journal = ObjectStoreJournal::new(store.clone(), "a/prefix").keep_for(keep_for);
            Arc::new(journal) as Arc<dyn Journal>
        };
        Subject::new(open()).reopen(move || ready(Ok(open())))
    }

    mod in_memory {
        immutable_core::journal_conformance!(async || Ok(super::subject(super::Duration::from_secs(3600))));
    }
    /// What is needless is removed at once, so nothing that is known is good for any time.
    mod in_memory_keeping_nothing {
        immutable_core::journal_conformance!(async || Ok(super::subject(super::Duration::ZERO)));
    }
}
