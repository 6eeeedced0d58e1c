//! One file: its path, a connection to it, and what its errors mean.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::ffi::ErrorCode;
use rusqlite::{Connection, OpenFlags};

use crate::error::{Applied, Error, ErrorKind, Result};

/// How long another process may hold the lock. It holds it for one commit.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub(super) struct File(Arc<Path>);

impl File {
    /// By its one true name: its mark lies beside it, whatever it is called by.
    pub(super) fn at(path: &Path) -> Result<Self> {
        let refused = |why: std::io::Error| {
            let kind = match why.kind() {
                std::io::ErrorKind::NotFound => ErrorKind::NotFound,
                _ => ErrorKind::Denied,
            };
            Error::new(kind, format!("the folder of {} cannot be entered; make it first", path.display())).with_source(why)
        };
        if let Ok(path) = path.canonicalize() {
            return Ok(Self(path.into()));
        }
        let Some(name) = path.file_name() else {
            return Err(Error::invalid(format!("`{}` is no path of a file", path.display())));
        };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self(parent.canonicalize().map_err(refused)?.join(name).into()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The file's name with something behind it.
    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.0.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    }

    /// A connection that changes nothing until it is told to.
    pub(super) fn connect(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let mut connection = Connection::open_with_flags(self.path(), flags)?;
            let mut since = Instant::now();
            connection.busy_handler(Some(move |tries| {
                if tries == 0 {
                    since = Instant::now();
                }
                thread::sleep(Duration::from_millis(if tries < 20 { 1 } else { 5 }));
                since.elapsed() < PATIENCE
            }))?;
            connection.execute_batch("PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;")?;
            Ok(connection)
        };
        open().map_err(|why| self.failed("open", why))
    }

    /// What is wrong with the file, and what to do.
    pub(super) fn corrupt(&self, what: impl std::fmt::Display) -> Error {
        let path = self.0.display();
        let advice = "put a backup in its place, or see what `sqlite3 FILE .recover` still finds in it";
        Error::new(ErrorKind::Corrupt, format!("{path} is damaged: {what}; {advice}"))
    }

    /// A file that was whole, and now says that there were fewer commits, is another, or was cut off.
    pub(super) fn went_back(&self, from: u64, to: u64) -> Result<()> {
        if to >= from {
            return Ok(());
        }
        Err(self.corrupt(format_args!("its last {} commits are gone since it was opened", from - to)))
    }

    /// What an error of SQLite's means. Nothing was applied: of a commit the caller says otherwise.
    pub(super) fn failed(&self, operation: &'static str, why: rusqlite::Error) -> Error {
        use rusqlite::Error as Sqlite;
        let path = self.0.display();
        let code = match &why {
            Sqlite::SqliteFailure(error, _) => Some((error.code, error.extended_code)),
            _ => None,
        };
        let of = |kind, what: &str| Error::new(kind, format!("{path} {what}"));
        let error = match (code, &why) {
            (Some((ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed, _)), _) => {
                of(ErrorKind::Busy, "is locked by another process; end it if it hangs")
            }
            (Some((ErrorCode::NotADatabase, _)), _) => self.corrupt("it is no SQLite file, or its header is not what it was"),
            (Some((ErrorCode::SystemIoFailure, rusqlite::ffi::SQLITE_IOERR_SHORT_READ)), _) => self.corrupt("it is cut off"),
            (Some((ErrorCode::DatabaseCorrupt | ErrorCode::ConstraintViolation, _)), _) => {
                self.corrupt("its pages contradict each other")
            }
            (Some((ErrorCode::DiskFull, _)), _) => of(ErrorKind::Internal, "cannot grow: the disk is full"),
            (Some((ErrorCode::TooBig, _)), _) => of(ErrorKind::Invalid, "cannot hold a record of more than 1 GB"),
            (Some((ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied, _)), _) => {
                of(ErrorKind::Denied, "cannot be written; this process must own the file and its folder")
            }
            (
                None,
                Sqlite::FromSqlConversionFailure(..)
                | Sqlite::IntegralValueOutOfRange(..)
                | Sqlite::Utf8Error(..)
                | Sqlite::InvalidColumnType(..)
                | Sqlite::InvalidColumnName(_)
                | Sqlite::InvalidColumnIndex(_)
                | Sqlite::QueryReturnedNoRows
                | Sqlite::StatementChangedRows(_),
            ) => self.corrupt("a value is not of its kind"),
            // What is asked is always the same, so a name that is not there was damaged.
            (_, Sqlite::SqlInputError { .. }) | (Some((ErrorCode::Unknown, rusqlite::ffi::SQLITE_ERROR)), _) => {
                self.corrupt("its tables are not what they were")
            }
            _ => of(ErrorKind::Internal, "could not be used"),
        };
        error.with_applied(Applied::No).with_operation(operation).with_source(why)
    }
}
