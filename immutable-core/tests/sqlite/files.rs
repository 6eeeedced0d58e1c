//! What is opened, and what is refused, with what to do about it.

use std::fs;

use immutable_core::id::{StreamId, StreamVersion, WriteId};
use immutable_core::journal::{After, Appended, Journal as _};
use immutable_core::{Applied, Error, ErrorKind, SqliteJournal};
use rusqlite::Connection;

use super::{Folder, an_append, append, beside, run, write};

fn refused(folder: &Folder) -> Error {
    SqliteJournal::open(folder.file()).expect_err("it must be refused")
}

fn a_journal(folder: &Folder) {
    let journal = SqliteJournal::open(folder.file()).unwrap();
    run(append(&journal, "web", 0, 1, &["a"])).unwrap();
}

#[test]
fn a_file_of_a_newer_schema_is_refused_and_left_alone() {
    let folder = Folder::new();
    a_journal(&folder);
    let newer = Connection::open(folder.file()).unwrap();
    newer.execute_batch("PRAGMA user_version = 9; UPDATE journal SET schema = 9; CREATE TABLE more (x);").unwrap();
    drop(newer);
    let before = fs::read(folder.file()).unwrap();
    let error = refused(&folder);
    assert_eq!((error.kind(), error.applied()), (ErrorKind::Invalid, Applied::No));
    assert!(
        error.to_string().ends_with("is of schema 9, and schema 1 is the newest that this version knows; use a newer version"),
        "{error}"
    );
    assert_eq!(fs::read(folder.file()).unwrap(), before);
}

#[test]
fn a_file_of_schema_1_is_read() {
    let folder = Folder::new();
    Connection::open(folder.file()).unwrap().execute_batch(include_str!("../golden/journal-schema-1.sql")).unwrap();
    let journal = SqliteJournal::open(folder.file()).unwrap();
    let stream = StreamId::new("fleet/web");
    let loaded = run(journal.load(&stream, After::Snapshot)).unwrap();
    assert_eq!(loaded.snapshot.unwrap(), (StreamVersion(2), (*b"[1,2]").into()));
    assert_eq!(loaded.records, [(*b"{\"nth\":3}").into()]);
    assert_eq!(run(journal.wrote(&stream, WriteId([2; 16]))).unwrap(), Some(StreamVersion(3)));
    assert_eq!(run(append(&journal, "fleet/web", 3, 9, &["{}"])).unwrap(), Appended::Done(StreamVersion(4)));
}

#[test]
fn a_journal_that_is_open_stops_when_its_file_becomes_newer() {
    let folder = Folder::new();
    let journal = SqliteJournal::open(folder.file()).unwrap();
    run(append(&journal, "web", 0, 1, &["a"])).unwrap();
    let newer = Connection::open(folder.file()).unwrap();
    newer.execute_batch("UPDATE journal SET schema = 2").unwrap();
    let error = run(append(&journal, "web", 1, 2, &["b"])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let error = run(journal.load(&"web".into(), After::Snapshot)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}

#[test]
fn the_number_of_the_schema_alone_makes_no_file_newer() {
    let folder = Folder::new();
    a_journal(&folder);
    Connection::open(folder.file()).unwrap().pragma_update(None, "user_version", 9).unwrap();
    assert_eq!(refused(&folder).kind(), ErrorKind::Corrupt);
}

#[test]
fn another_applications_file_is_refused_and_left_alone() {
    for sql in [
        "CREATE TABLE t (x)",
        "CREATE TABLE t (x); PRAGMA application_id = 7",
        "PRAGMA application_id = 7; PRAGMA user_version = 1",
    ] {
        let folder = Folder::new();
        Connection::open(folder.file()).unwrap().execute_batch(sql).unwrap();
        let before = fs::read(folder.file()).unwrap();
        let error = refused(&folder);
        assert_eq!(error.kind(), ErrorKind::Taken, "{error}");
        assert_eq!(fs::read(folder.file()).unwrap(), before, "{sql}");
        assert!(!beside(&folder.file(), "-mark").exists());
    }
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let folder = Folder::new();
    fs::write(folder.file(), "a letter to a friend".repeat(500)).unwrap();
    let error = refused(&folder);
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), "a letter to a friend".repeat(500));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = SqliteJournal::open("/no/such/folder/journal.db").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("/no/such/folder/journal.db"), "{error}");
}

#[test]
fn a_file_that_was_removed_is_not_made_again_in_silence() {
    let folder = Folder::new();
    a_journal(&folder);
    fs::remove_file(folder.file()).unwrap();
    let error = refused(&folder);
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("journal.db-mark"), "{error}");
    fs::remove_file(beside(&folder.file(), "-mark")).unwrap();
    fs::remove_file(folder.file()).unwrap_or_default();
    a_journal(&folder);
}

#[test]
fn an_older_backup_is_refused_until_somebody_says_so() {
    let folder = Folder::new();
    a_journal(&folder);
    let backup = fs::read(folder.file()).unwrap();
    let journal = SqliteJournal::open(folder.file()).unwrap();
    for nth in 1..4 {
        run(append(&journal, "web", nth, 10 + nth, &["more"])).unwrap();
    }
    drop(journal);
    fs::write(folder.file(), backup).unwrap();
    let error = refused(&folder);
    assert!(error.to_string().contains("its last 3 commits are gone"), "{error}");
    fs::remove_file(beside(&folder.file(), "-mark")).unwrap();
    let journal = SqliteJournal::open(folder.file()).unwrap();
    assert_eq!(run(journal.load(&"web".into(), After::Snapshot)).unwrap().head, StreamVersion(1));
}

#[test]
fn a_file_that_goes_back_while_it_is_open_is_noticed() {
    let folder = Folder::new();
    let journal = SqliteJournal::open(folder.file()).unwrap();
    run(append(&journal, "web", 0, 1, &["x"])).unwrap();
    let other = Connection::open(folder.file()).unwrap();
    let row = "SELECT commits, sum FROM journal";
    let older: (i64, Vec<u8>) = other.query_one(row, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    run(append(&journal, "api", 0, 2, &["x"])).unwrap();
    other.execute("UPDATE journal SET commits = ?1, sum = ?2, streams = 1", older).unwrap();
    for error in
        [run(journal.load(&"web".into(), After::Snapshot)).unwrap_err(), run(append(&journal, "web", 1, 3, &["x"])).unwrap_err()]
    {
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("its last 1 commits are gone since it was opened"), "{error}");
    }
}

#[test]
fn a_name_is_no_uri_and_no_memory() {
    let folder = Folder::new();
    for name in ["file:journal.db?mode=memory", ":memory:", "a journal.db"] {
        let path = folder.0.join(name);
        drop(SqliteJournal::open(&path).unwrap());
        assert!(path.is_file(), "{name}");
    }
}

#[test]
fn dropping_it_finishes_what_it_was_handed() {
    let folder = Folder::new();
    let journal = SqliteJournal::open(folder.file()).unwrap();
    run(async {
        // Sent, and not waited for.
        let mut sent = (0..50).map(|nth| journal.append(an_append(&format!("s/{nth}"), 0, nth, &["x"]))).collect::<Vec<_>>();
        for one in &mut sent {
            futures_util::future::select(one, futures_util::future::ready(())).await;
        }
    });
    drop(journal);
    assert!(!beside(&folder.file(), "-wal").exists(), "it is closed");
    let journal = SqliteJournal::open(folder.file()).unwrap();
    assert_eq!(run(journal.list("s/", None, 100)).unwrap().len(), 50);
}

#[test]
fn a_full_batch_gives_each_its_own_answer() {
    let folder = Folder::new();
    let journal = SqliteJournal::open(folder.file()).unwrap();
    run(append(&journal, "taken", 0, 1, &["x"])).unwrap();
    let answers = run(futures_util::future::join_all((0..300).map(|nth| {
        let stream = if nth % 3 == 0 { "taken".to_owned() } else { format!("s/{nth}") };
        let journal = &journal;
        async move { append(journal, &stream, 0, 1000 + nth, &["x"]).await.unwrap() }
    })));
    for (nth, answer) in answers.into_iter().enumerate() {
        let wanted = if nth % 3 == 0 { Appended::Conflict(StreamVersion(1)) } else { Appended::Done(StreamVersion(1)) };
        assert_eq!(answer, wanted, "{nth}");
    }
}

#[test]
fn appends_that_come_together_share_commits() {
    let folder = Folder::new();
    let journal = SqliteJournal::open(folder.file()).unwrap();
    let commits = || {
        Connection::open(folder.file()).unwrap().query_one("SELECT commits FROM journal", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    run(futures_util::future::join_all((0..16).map(|fleet| {
        let journal = &journal;
        async move {
            for nth in 0..25 {
                let stream = format!("fleet/{fleet}");
                assert!(matches!(append(journal, &stream, nth, nth, &["x"]).await.unwrap(), Appended::Done(_)));
            }
        }
    })));
    let shared = commits();
    assert!(shared <= 200, "400 appends by 16 at once took {shared} commits");
    for nth in 25..50 {
        run(append(&journal, "fleet/0", nth, nth, &["x"])).unwrap();
    }
    assert_eq!(commits() - shared, 25, "who comes alone waits for nobody");
}

#[test]
fn one_bad_stream_does_not_keep_the_others_from_their_commit() {
    let folder = Folder::new();
    let journal = SqliteJournal::open(folder.file()).unwrap();
    run(append(&journal, "bad", 0, 1, &["x"])).unwrap();
    Connection::open(folder.file()).unwrap().execute_batch("UPDATE streams SET head = 7 WHERE name = 'bad'").unwrap();
    let (bad, good) =
        run(async { futures_util::join!(append(&journal, "bad", 1, 2, &["y"]), append(&journal, "good", 0, 3, &["y"])) });
    let bad = bad.unwrap_err();
    assert_eq!((bad.kind(), bad.applied()), (ErrorKind::Corrupt, Applied::No), "{bad}");
    assert_eq!(good.unwrap(), Appended::Done(StreamVersion(1)));
    let stream = StreamId::new("good");
    assert_eq!(run(journal.wrote(&stream, write(3))).unwrap(), Some(StreamVersion(1)));
}
