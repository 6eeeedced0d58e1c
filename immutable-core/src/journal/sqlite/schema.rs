//! What is in the file: whose it is, of which schema, and whether it is whole.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::super::sum::{Sum, sum};
use super::file::File;
use super::mark::{self, Identity, Mark, Said};
use crate::error::{Error, ErrorKind, Result};

/// `ImmJ`, where SQLite and `file` look for whose a file is.
const APPLICATION: i64 = 0x496d_6d4a;

/// The nth makes schema n of schema n - 1, and stays as it is for ever: files of every age are about.
const MIGRATIONS: &[Migration] = &[
    // The checksums cover each row with its key and, of a record, the id of its write; `write` stands on the last record of each append.
    "CREATE TABLE journal (
        schema INTEGER NOT NULL, identity BLOB NOT NULL, commits INTEGER NOT NULL, streams INTEGER NOT NULL, sum BLOB NOT NULL);
     CREATE TABLE streams (
        name TEXT PRIMARY KEY, number INTEGER NOT NULL, head INTEGER NOT NULL, dropped INTEGER NOT NULL, snapshot INTEGER,
        sum BLOB NOT NULL) WITHOUT ROWID;
     CREATE TABLE records (
        stream INTEGER NOT NULL, version INTEGER NOT NULL, write BLOB, sum BLOB NOT NULL, bytes BLOB NOT NULL,
        PRIMARY KEY (stream, version)) WITHOUT ROWID;
     CREATE TABLE snapshots (
        stream INTEGER PRIMARY KEY, version INTEGER NOT NULL, sum BLOB NOT NULL, bytes BLOB NOT NULL);
     INSERT INTO journal VALUES (0, randomblob(16), 0, 0, x'');",
];

type Migration = &'static str;

/// The one row of `journal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    schema: i64,
    identity: Identity,
    /// How many transactions have changed anything.
    pub(super) commits: u64,
    /// How many streams there are; they are numbered in the order they came.
    pub(super) streams: u64,
}

impl Head {
    fn sum(&self) -> Sum {
        let numbers = [self.schema.to_be_bytes(), self.commits.to_be_bytes(), self.streams.to_be_bytes()];
        sum("journal", &[&self.identity.0, &numbers.concat()])
    }

    /// Reads it, in a transaction that reads or writes more.
    pub(super) fn read(connection: &Connection, file: &File) -> Result<Self> {
        Self::of(connection, file, MIGRATIONS.len() as i64)
    }

    fn of(connection: &Connection, file: &File, schema: i64) -> Result<Self> {
        let row = |row: &rusqlite::Row<'_>| {
            let commits = row.get::<_, i64>(2)?.cast_unsigned();
            let head = Self {
                schema: row.get(0)?,
                identity: Identity(row.get(1)?),
                commits,
                streams: row.get::<_, i64>(3)?.cast_unsigned(),
            };
            Ok((head, row.get::<_, Sum>(4)?))
        };
        let read = |connection: &Connection| {
            let mut statement = connection.prepare_cached("SELECT schema, identity, commits, streams, sum FROM journal")?;
            statement.query_one([], row)
        };
        let (head, sum) = read(connection).map_err(|why| file.failed("open", why))?;
        if head.schema > schema {
            return Err(newer(file, head.schema, schema));
        }
        if head.sum() != sum || head.schema != schema {
            return Err(file.corrupt("the row that counts its commits is not what was written"));
        }
        Ok(head)
    }

    /// Writes it, at the end of a transaction that changed something.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached("UPDATE journal SET schema = ?1, commits = ?2, streams = ?3, sum = ?4")?;
        match statement.execute((self.schema, self.commits.cast_signed(), self.streams.cast_signed(), self.sum()))? {
            1 => Ok(()),
            rows => Err(rusqlite::Error::StatementChangedRows(rows)),
        }
    }
}

/// The row of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) number: u64,
    pub(super) head: u64,
    pub(super) dropped: u64,
    pub(super) snapshot: Option<u64>,
}

impl Stream {
    pub(super) fn sum(&self, name: &str) -> Sum {
        let snapshot = self.snapshot.map_or(0, |version| version + 1);
        let numbers = [self.number, self.head, self.dropped, snapshot].map(u64::to_be_bytes);
        sum("stream", &[name.as_bytes(), &numbers.concat()])
    }

    /// Reads `name, number, head, dropped, snapshot, sum`; `None` if it is not what was written.
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<(String, Option<Self>)> {
        let number = |at| Ok::<_, rusqlite::Error>(row.get::<_, i64>(at)?.cast_unsigned());
        let snapshot = row.get::<_, Option<i64>>(4)?.map(i64::cast_unsigned);
        let stream = Self { number: number(1)?, head: number(2)?, dropped: number(3)?, snapshot };
        let name: String = row.get(0)?;
        let whole = stream.sum(&name) == row.get::<_, Sum>(5)?;
        Ok((name, whole.then_some(stream)))
    }

    /// The row of this name, if there is one.
    pub(super) fn find(connection: &Connection, file: &File, name: &str) -> Result<Option<Self>> {
        let read = |connection: &Connection| {
            let mut statement =
                connection.prepare_cached("SELECT name, number, head, dropped, snapshot, sum FROM streams WHERE name = ?1")?;
            statement.query_row([name], Self::of).optional()
        };
        match read(connection).map_err(|why| file.failed("read", why))? {
            Some((_, None)) => Err(damaged(file, name)),
            Some((_, found)) => Ok(found),
            None => Ok(None),
        }
    }

    /// The names from one on, or of those after one, in order, for as long as they are wanted.
    pub(super) fn names(
        connection: &Connection,
        file: &File,
        from: &str,
        after: Option<&str>,
        mut wanted: impl FnMut(String) -> bool,
    ) -> Result<()> {
        let failed = |why| file.failed("list", why);
        let sql = "SELECT name, number, head, dropped, snapshot, sum FROM streams
                   WHERE name >= ?1 AND (?2 IS NULL OR name > ?2) ORDER BY name";
        let mut statement = connection.prepare_cached(sql).map_err(failed)?;
        for row in statement.query_map((from, after), Self::of).map_err(failed)? {
            match row.map_err(failed)? {
                (name, None) => return Err(damaged(file, &name)),
                (name, Some(_)) if wanted(name.clone()) => {}
                _ => break,
            }
        }
        Ok(())
    }
}

fn damaged(file: &File, name: &str) -> Error {
    file.corrupt(format_args!("the row of stream `{name}` is not what was written"))
}

/// A file that is open, ours, of this schema, and whole.
pub(super) struct Opened {
    pub(super) mark: Mark,
    pub(super) commits: u64,
}

pub(super) fn open(file: &File) -> Result<(Connection, Opened)> {
    open_at(file, MIGRATIONS)
}

fn open_at(file: &File, migrations: &[Migration]) -> Result<(Connection, Opened)> {
    // What it says now, the file must hold now: the file only grows.
    let said = mark::read(file)?;
    let mut connection = file.connect()?;
    let failed = |why| file.failed("open", why);
    let whose = whose(&connection, file)?;
    if whose == Whose::Nobodys && said.is_some() {
        return Err(lost(file, "it is empty"));
    }
    write_ahead(&connection).map_err(failed)?;
    let last = migrations.len() as i64;
    if whose != Whose::Ours(last) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        bring(&transaction, file, migrations)?;
        transaction.commit().map_err(failed)?;
    }
    let transaction = connection.transaction().map_err(failed)?;
    let head = check(&transaction, file, last)?;
    transaction.commit().map_err(failed)?;
    match said {
        Some(Said { identity, .. }) if identity != head.identity => return Err(lost(file, "what it held is another journal's")),
        Some(Said { commits, .. }) if commits > head.commits => {
            return Err(lost(file, format_args!("its last {} commits are gone", commits - head.commits)));
        }
        _ => {}
    }
    let mut mark = Mark::new(file, head.identity);
    mark.set(head.commits);
    Ok((connection, Opened { mark, commits: head.commits }))
}

fn lost(file: &File, what: impl std::fmt::Display) -> Error {
    let mark = file.beside("-mark");
    file.corrupt(format_args!("{what}, and they had been acknowledged; if that is as it should be, remove {}", mark.display()))
}

/// Switches to WAL. Two that do it at once are told at once that they are two: no lock is waited for.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let since = Instant::now();
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0)) {
            Err(rusqlite::Error::SqliteFailure(error, _))
                if error.code == rusqlite::ErrorCode::DatabaseBusy && since.elapsed() < Duration::from_secs(30) =>
            {
                thread::sleep(Duration::from_millis(5));
            }
            mode => return mode.map(drop),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Nobodys,
    /// Ours, of this schema.
    Ours(i64),
}

/// Whose a file is, by its header, which must agree with what is in it.
fn whose(connection: &Connection, file: &File) -> Result<Whose> {
    let read = |sql: &str| connection.query_one(sql, [], |row| row.get::<_, i64>(0)).map_err(|why| file.failed("open", why));
    let application = read("PRAGMA application_id")?;
    let schema = read("PRAGMA user_version")?;
    let tables = read("SELECT count(*) FROM sqlite_schema")?;
    let ours = read("SELECT count(*) FROM sqlite_schema WHERE name IN ('journal', 'streams', 'records', 'snapshots')")? >= 3;
    match (application, schema, tables) {
        (0, 0, 0) => Ok(Whose::Nobodys),
        (APPLICATION, schema, 1..) if schema > 0 => Ok(Whose::Ours(schema)),
        (APPLICATION, ..) => Err(file.corrupt("its tables are gone, or the number of its schema")),
        _ if ours => Err(file.corrupt("its header is not what was written")),
        _ => {
            let message =
                format!("{} is another application's SQLite file; give the journal a file of its own", file.path().display());
            Err(Error::new(ErrorKind::Taken, message).with_operation("open"))
        }
    }
}

/// Makes the tables of a new file, and brings those of an old one up to date.
fn bring(transaction: &Transaction<'_>, file: &File, migrations: &[Migration]) -> Result<()> {
    let failed = |why| file.failed("open", why);
    let last = migrations.len() as i64;
    let schema = match whose(transaction, file)? {
        Whose::Ours(schema) if schema == last => return Ok(()),
        Whose::Ours(schema) if schema > last => {
            // One that was only damaged to look newer is not newer.
            Head::of(transaction, file, last)?;
            return Err(file.corrupt("the number of its schema is not what was written"));
        }
        Whose::Ours(schema) => {
            // Of an old file nothing is changed before it is known to be whole.
            check(transaction, file, schema)?;
            schema
        }
        Whose::Nobodys => 0,
    };
    for migration in migrations.iter().skip(usize::try_from(schema).unwrap_or(usize::MAX)) {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    let head = |row: &rusqlite::Row<'_>| {
        let (commits, streams) = (row.get::<_, i64>(1)?.cast_unsigned(), row.get::<_, i64>(2)?.cast_unsigned());
        Ok(Head { schema: last, identity: Identity(row.get(0)?), commits, streams })
    };
    let head = transaction.query_one("SELECT identity, commits, streams FROM journal", [], head).map_err(failed)?;
    head.write(transaction).map_err(failed)?;
    transaction.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
    transaction.pragma_update(None, "user_version", last).map_err(failed)
}

/// Reads every page once, and the row of every stream: one that cannot be found would be one that never was.
fn check(connection: &Connection, file: &File, schema: i64) -> Result<Head> {
    let quick = connection.query_one("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match quick.map_err(|why| file.failed("open", why))? {
        fine if fine == "ok" => {}
        what => return Err(file.corrupt(what.lines().last().unwrap_or_default())),
    }
    let head = Head::of(connection, file, schema)?;
    let (mut found, mut last) = (0, None);
    let mut ordered = true;
    Stream::names(connection, file, "", None, |name| {
        found += 1;
        ordered &= last.as_ref().is_none_or(|last| *last < name);
        last = Some(name);
        true
    })?;
    if found != head.streams || !ordered {
        return Err(file.corrupt(format_args!("{found} of its {} streams are found", head.streams)));
    }
    Ok(head)
}

fn newer(file: &File, found: i64, known: i64) -> Error {
    let path = file.path().display();
    let message =
        format!("{path} is of schema {found}, and schema {known} is the newest that this version knows; use a newer version");
    Error::new(ErrorKind::Invalid, message).with_operation("open")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{StreamVersion, WriteId};
    use crate::journal::{Append, Appended, Journal as _, SqliteJournal};

    /// What a later version might add.
    const LATER: Migration = "ALTER TABLE streams ADD COLUMN told TEXT NOT NULL DEFAULT 'no'; CREATE TABLE claims (x);";

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("immutable-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[tokio::test]
    async fn an_old_file_is_brought_up_to_date_and_keeps_what_it_holds() {
        let folder = folder("an-old-file");
        let path = folder.join("journal.db");
        let journal = SqliteJournal::open(&path).unwrap();
        let (stream, expected) = ("web".into(), StreamVersion(0));
        let append = Append { stream, expected, write: WriteId([1; 16]), records: vec![(*b"{}").into()] };
        assert_eq!(journal.append(append).await.unwrap(), Appended::Done(StreamVersion(1)));
        drop(journal);

        let file = File::at(&path).unwrap();
        let both: Vec<Migration> = MIGRATIONS.iter().copied().chain([LATER]).collect();
        for _ in 0..2 {
            let (connection, opened) = open_at(&file, &both).unwrap();
            assert_eq!(opened.commits, 1);
            let told: String = connection.query_one("SELECT told FROM streams", [], |row| row.get(0)).unwrap();
            let version: i64 = connection.query_one("PRAGMA user_version", [], |row| row.get(0)).unwrap();
            assert_eq!((told.as_str(), version), ("no", both.len() as i64));
        }
        let refused = SqliteJournal::open(&path).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn an_old_file_that_is_damaged_is_not_touched() {
        let folder = folder("a-damaged-old-file");
        let path = folder.join("journal.db");
        drop(SqliteJournal::open(&path).unwrap());
        let file = File::at(&path).unwrap();
        file.connect().unwrap().execute_batch("INSERT INTO streams VALUES ('x', 1, 1, 0, NULL, zeroblob(16))").unwrap();
        let both: Vec<Migration> = MIGRATIONS.iter().copied().chain([LATER]).collect();
        assert_eq!(open_at(&file, &both).err().unwrap().kind(), ErrorKind::Corrupt);
        let version: i64 = file.connect().unwrap().query_one("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert_eq!(version, MIGRATIONS.len() as i64);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
