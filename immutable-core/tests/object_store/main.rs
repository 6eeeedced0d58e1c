//! `ObjectStoreJournal`: how many calls it takes, what it makes of a bad wire, what is removed and when, and what is noticed.

mod wire;

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, TryStreamExt as _};
use immutable_core::conformance::journal::Subject;
use immutable_core::id::{StreamId, StreamVersion, WriteId};
use immutable_core::journal::{After, Append, Appended, Compact, Journal, Keep, Record};
use immutable_core::{Applied, Error, ErrorKind, ObjectStoreJournal, Result};
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};

use wire::{Fate, Wire};

mod behind_a_bad_wire {
    immutable_core::journal_conformance!(|| super::behind(super::Duration::from_secs(3600)));
}
mod behind_a_bad_wire_keeping_nothing {
    immutable_core::journal_conformance!(|| super::behind(super::Duration::ZERO));
}

async fn behind(keep_for: Duration) -> Result<Subject> {
    let wire = Wire::bad(7);
    let open = move || Arc::new(on(&wire).keep_for(keep_for)) as Arc<dyn Journal>;
    // A pause is a hundredth of it, and there are many.
    Ok(Subject::new(open()).reopen(move || ready(Ok(open()))).patience(Duration::from_millis(500)))
}

fn on(wire: &Wire) -> ObjectStoreJournal {
    ObjectStoreJournal::new(Arc::new(wire.clone()), "journals")
}

fn web() -> StreamId {
    StreamId::new("fleet/web")
}

fn an_append(expected: u64, nth: u64, records: &[&str]) -> Append {
    let records = records.iter().map(|text| Record::from(text.as_bytes())).collect();
    Append { stream: web(), expected: StreamVersion(expected), write: WriteId(u128::from(nth).to_be_bytes()), records }
}

async fn append(journal: &ObjectStoreJournal, expected: u64, nth: u64, records: &[&str]) -> Result<Appended> {
    journal.append(an_append(expected, nth, records)).await
}

/// Appends of one record each, from a version to another.
async fn fill(journal: &ObjectStoreJournal, from: u64, to: u64) {
    for nth in from..to {
        assert_eq!(append(journal, nth, 1000 + nth, &[&nth.to_string()]).await.unwrap(), done(nth + 1));
    }
}

async fn snapshot(journal: &ObjectStoreJournal, at: u64, keep: Keep) {
    let compact =
        Compact { stream: web(), at: StreamVersion(at), snapshot: Record::from(format!("up to {at}").as_bytes()), keep };
    journal.compact(compact).await.unwrap();
}

fn done(version: u64) -> Appended {
    Appended::Done(StreamVersion(version))
}

fn conflict(version: u64) -> Appended {
    Appended::Conflict(StreamVersion(version))
}

fn after(version: u64) -> After {
    After::Version(StreamVersion(version))
}

/// The names of all objects, without the folder of the stream.
async fn names(wire: &Wire) -> Vec<String> {
    let all: Vec<_> = wire.store.list(None).try_collect().await.unwrap();
    let mut names: Vec<_> = all.iter().map(|one| one.location.as_ref().replace("journals/fleet=2fweb/", "")).collect();
    names.sort();
    names
}

fn record(after: u64) -> Path {
    Path::from(format!("journals/fleet=2fweb/records/{after:020}"))
}

#[tokio::test]
async fn the_calls_are_few() {
    let wire = Wire::new();
    let journal = on(&wire);
    append(&journal, 0, 1, &["a", "b", "c"]).await.unwrap();
    assert_eq!(wire.calls(), "list 2, put 1", "the first append of a process looks where the stream ends");
    append(&journal, 3, 2, &["d"]).await.unwrap();
    assert_eq!(wire.calls(), "put 1");
    journal.load(&web(), after(4)).await.unwrap();
    assert_eq!(wire.calls(), "get 1", "nothing is new");
    append(&on(&wire), 4, 3, &["e"]).await.unwrap();
    wire.calls();
    assert_eq!(journal.load(&web(), after(4)).await.unwrap().records.len(), 1);
    assert_eq!(wire.calls(), "get 2", "one is new");
    assert_eq!(append(&journal, 3, 4, &["x"]).await.unwrap(), conflict(5));
    assert_eq!(wire.calls(), "get 2, list 2", "a conflict: where the stream ends, and whose its version is");
    assert_eq!(append(&journal, 3, 2, &["d"]).await.unwrap(), done(4));
    wire.calls();
    snapshot(&journal, 5, Keep::Everything).await;
    assert_eq!(wire.calls(), "list 1, put 1");
    fill(&journal, 5, 30).await;
    assert_eq!(wire.calls(), "put 25");
    let loaded = on(&wire).load(&web(), After::Snapshot).await.unwrap();
    assert_eq!((loaded.records.len(), loaded.head), (25, StreamVersion(30)));
    assert_eq!(wire.calls(), "get 26, list 2", "the snapshot, and an object for each append after it");
    assert_eq!(journal.list("fleet/", None, 10).await.unwrap(), [web()]);
    assert_eq!(wire.calls(), "list 1");
}

#[tokio::test]
async fn many_appends_are_read_by_few_calls() {
    let wire = Wire::new();
    let journal = on(&wire);
    fill(&journal, 0, 100).await;
    assert_eq!(wire.calls(), "list 2, put 103", "three bundles of 32");
    let all: Vec<Record> = (0..100).map(|nth: u64| Record::from(nth.to_string().as_bytes())).collect();
    assert_eq!(on(&wire).load(&web(), After::Snapshot).await.unwrap().records, all);
    assert_eq!(wire.calls(), "get 7, list 2", "three bundles and what is in none");
    for from in [1, 31, 32, 33, 70, 96, 100] {
        assert_eq!(on(&wire).load(&web(), after(from)).await.unwrap().records, all[from as usize..], "after {from}");
    }
    // Another goes on, so what the first wrote before is no tail of what it writes after.
    fill(&on(&wire), 100, 110).await;
    fill(&journal, 110, 150).await;
    let loaded = on(&wire).load(&web(), After::Snapshot).await.unwrap();
    assert_eq!((loaded.records.len(), loaded.head), (150, StreamVersion(150)));
    // Bundles go with what they repeat.
    let last = on(&wire).keep_for(Duration::ZERO);
    snapshot(&last, 130, Keep::Nothing).await;
    assert_eq!(names(&wire).await.len(), 21, "{:?}", names(&wire).await);
    for from in [130, 141, 142, 149] {
        assert_eq!(on(&wire).load(&web(), after(from)).await.unwrap().records.len() as u64, 150 - from);
    }
    assert_eq!(on(&wire).load(&web(), After::Snapshot).await.unwrap().records.len(), 20);
}

#[tokio::test]
async fn a_bundle_that_is_damaged_is_named_and_one_that_is_gone_is_missed_by_nobody() {
    let wire = Wire::new();
    fill(&on(&wire), 0, 40).await;
    let bundle = Path::from(format!("journals/fleet=2fweb/records/{:020}-{:020}", 0, 32));
    let mut bytes = wire.store.get(&bundle).await.unwrap().bytes().await.unwrap().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    wire.store.put(&bundle, bytes.into()).await.unwrap();
    let error = on(&wire).load(&web(), After::Snapshot).await.unwrap_err();
    let remove = format!("the object {bundle} is not what was written; remove it: it only repeats what others hold");
    assert!(error.kind() == ErrorKind::Corrupt && error.to_string().ends_with(&remove), "{error}");
    wire.store.delete(&bundle).await.unwrap();
    assert_eq!(on(&wire).load(&web(), After::Snapshot).await.unwrap().records.len(), 40);
}

#[tokio::test]
async fn a_lost_reply_is_read_back() {
    for fate in [Fate::LostReply, Fate::SentTwice] {
        let wire = Wire::new();
        let journal = on(&wire);
        fill(&journal, 0, 1).await;
        wire.next_puts(&[fate]);
        assert_eq!(append(&journal, 1, 7, &["x", "y"]).await.unwrap(), done(3), "{fate:?}");
        assert_eq!(append(&journal, 3, 8, &["z"]).await.unwrap(), done(4));
    }
}

#[tokio::test]
async fn a_409_for_nothing_is_sent_again() {
    let wire = Wire::new();
    let journal = on(&wire);
    wire.next_puts(&[Fate::Busy, Fate::Busy]);
    assert_eq!(append(&journal, 0, 1, &["x"]).await.unwrap(), done(1));
    wire.next_puts(&[Fate::Busy; 20]);
    let error = append(&journal, 1, 2, &["x"]).await.unwrap_err();
    assert_eq!((error.kind(), error.applied()), (ErrorKind::Busy, Applied::Unknown), "{error}");
}

#[tokio::test]
async fn what_a_rival_made_while_the_reply_was_lost_is_a_conflict() {
    let wire = Wire::new();
    let (journal, rival) = (on(&wire), on(&wire));
    fill(&journal, 0, 1).await;
    wire.before_put(move || async move { assert_eq!(append(&rival, 1, 9, &["mine", "too"]).await.unwrap(), done(3)) }.boxed());
    wire.next_puts(&[Fate::Sound, Fate::LostRequest]);
    assert_eq!(append(&journal, 1, 8, &["yours"]).await.unwrap(), conflict(3));
    assert_eq!(journal.wrote(&web(), WriteId(8_u128.to_be_bytes())).await.unwrap(), None);
    assert_eq!(journal.wrote(&web(), WriteId(9_u128.to_be_bytes())).await.unwrap(), Some(StreamVersion(3)));
}

#[tokio::test]
async fn a_lost_request_is_of_unknown_fate_and_one_that_was_refused_is_not() {
    let wire = Wire::new();
    let journal = on(&wire);
    wire.next_puts(&[Fate::LostRequest, Fate::Denied]);
    let error = append(&journal, 0, 1, &["x"]).await.unwrap_err();
    assert_eq!((error.kind(), error.applied()), (ErrorKind::Unreachable, Applied::Unknown), "{error}");
    let error = append(&journal, 0, 1, &["x"]).await.unwrap_err();
    assert_eq!((error.kind(), error.applied()), (ErrorKind::Denied, Applied::No), "{error}");
    assert!(error.to_string().starts_with("append of fleet/web: the object journals/fleet=2fweb/records/"), "{error}");
    assert_eq!(append(&journal, 0, 1, &["x"]).await.unwrap(), done(1));
}

#[tokio::test]
async fn what_is_needless_is_removed_when_it_is_old() {
    let wire = Wire::new();
    let journal = on(&wire).keep_for(Duration::from_secs(1));
    fill(&journal, 0, 4).await;
    append(&journal, 4, 1, &["4", "5"]).await.unwrap();
    snapshot(&journal, 5, Keep::Nothing).await;
    assert_eq!(names(&wire).await.len(), 6, "nothing is old: {:?}", names(&wire).await);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    append(&journal, 6, 2, &["6"]).await.unwrap();
    snapshot(&journal, 6, Keep::Everything).await;
    let number = |version: u64| format!("{version:020}");
    let snapshot = format!("snapshots/{}-{}-{}", number(6), number(6), number(4));
    assert_eq!(names(&wire).await, [format!("records/{}", number(4)), format!("records/{}", number(6)), snapshot]);
    for journal in [journal, on(&wire)] {
        let error = journal.load(&web(), after(3)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert_eq!(journal.load(&web(), after(4)).await.unwrap().records.len(), 3);
        assert_eq!(journal.load(&web(), After::Snapshot).await.unwrap().records.len(), 1);
    }
}

/// The name of an append that was removed is free again. Whoever slept since then must not take it for the end of the stream.
#[tokio::test]
async fn who_slept_for_long_does_not_write_into_the_past() {
    let wire = Wire::new();
    let sleeper = on(&wire).keep_for(Duration::from_millis(20));
    fill(&sleeper, 0, 2).await;
    let other = on(&wire).keep_for(Duration::ZERO);
    fill(&other, 2, 6).await;
    snapshot(&other, 6, Keep::Nothing).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    wire.calls();
    assert_eq!(append(&sleeper, 2, 1, &["never"]).await.unwrap(), conflict(6));
    assert!(!wire.calls().contains("put"), "it looks first");
    assert_eq!(sleeper.load(&web(), after(6)).await.unwrap().head, StreamVersion(6));
    assert_eq!(names(&wire).await.len(), 1, "{:?}", names(&wire).await);
}

/// Six records, of which nothing is left but their snapshot, while somebody falls asleep.
fn six_and_gone(other: ObjectStoreJournal) -> BoxFuture<'static, ()> {
    async move {
        fill(&other, 2, 6).await;
        snapshot(&other, 6, Keep::Nothing).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    .boxed()
}

/// The same, of one that falls asleep between its last look and the put.
#[tokio::test]
async fn a_put_that_arrives_in_the_past_is_taken_back() {
    for fate in [Fate::Sound, Fate::LostReply, Fate::SentTwice] {
        let wire = Wire::new();
        let sleeper = on(&wire).keep_for(Duration::from_millis(20));
        let other = on(&wire).keep_for(Duration::ZERO);
        fill(&other, 0, 2).await;
        sleeper.load(&web(), After::Snapshot).await.unwrap();
        let meanwhile = other.clone();
        wire.before_put(move || six_and_gone(meanwhile));
        // The first five are the other's.
        wire.next_puts(&[Fate::Sound, Fate::Sound, Fate::Sound, Fate::Sound, Fate::Sound, fate]);
        assert_eq!(append(&sleeper, 2, 1, &["never"]).await.unwrap(), conflict(6), "{fate:?}");
        assert_eq!(names(&wire).await.len(), 1, "{:?}", names(&wire).await);
        assert_eq!(append(&sleeper, 2, 1, &["never"]).await.unwrap(), conflict(6));
        assert_eq!(sleeper.wrote(&web(), WriteId(1_u128.to_be_bytes())).await.unwrap(), None);
        assert_eq!(append(&sleeper, 6, 2, &["now"]).await.unwrap(), done(7));
    }
}

/// One that died before it could take it back leaves an object that nobody reads.
#[tokio::test]
async fn what_lies_in_the_past_is_nobodys() {
    let wire = Wire::new();
    let (sleeper, other) = (on(&wire), on(&wire).keep_for(Duration::ZERO));
    fill(&other, 0, 2).await;
    append(&sleeper, 2, 1, &["x"]).await.unwrap();
    let left = wire.store.get(&record(2)).await.unwrap().bytes().await.unwrap();
    fill(&other, 3, 6).await;
    snapshot(&other, 6, Keep::Nothing).await;
    wire.store.put(&record(2), left.into()).await.unwrap();
    for journal in [&sleeper, &on(&wire)] {
        assert_eq!(append(journal, 2, 1, &["x"]).await.unwrap(), conflict(6));
        assert_eq!(journal.wrote(&web(), WriteId(1_u128.to_be_bytes())).await.unwrap(), None);
        assert_eq!(journal.load(&web(), After::Snapshot).await.unwrap().head, StreamVersion(6));
    }
    append(&other, 6, 2, &["y"]).await.unwrap();
    snapshot(&other, 7, Keep::Everything).await;
    assert_eq!(names(&wire).await.len(), 2, "the next snapshot removes it: {:?}", names(&wire).await);
}

#[tokio::test]
async fn a_reader_that_falls_asleep_does_not_take_what_was_removed_for_nothing_new() {
    let wire = Wire::new();
    let sleeper = on(&wire).keep_for(Duration::from_millis(20));
    let other = on(&wire).keep_for(Duration::ZERO);
    fill(&other, 0, 2).await;
    sleeper.load(&web(), After::Snapshot).await.unwrap();
    wire.before_get(move || six_and_gone(other));
    let error = sleeper.load(&web(), after(2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn what_is_removed_between_the_list_and_the_get_is_read_anew() {
    let wire = Wire::new();
    let reader = on(&wire);
    let writer = on(&wire).keep_for(Duration::ZERO);
    fill(&writer, 0, 5).await;
    for (round, from) in [(0, After::Snapshot), (1, after(5))] {
        let begin = 5 + round * 5;
        let writer = writer.clone();
        wire.before_get(move || {
            async move {
                fill(&writer, begin, begin + 5).await;
                snapshot(&writer, begin + 4, Keep::Nothing).await;
            }
            .boxed()
        });
        match reader.load(&web(), from).await {
            Ok(loaded) => {
                assert_eq!(
                    loaded.snapshot,
                    Some((StreamVersion(begin + 4), Record::from(format!("up to {}", begin + 4).as_bytes())))
                );
                assert_eq!((loaded.records.len(), loaded.head), (1, StreamVersion(begin + 5)));
            }
            Err(error) => assert!(error.kind() == ErrorKind::NotFound && round == 1, "{error}"),
        }
    }
}

#[tokio::test]
async fn a_damaged_object_is_named() {
    let wire = Wire::new();
    fill(&on(&wire), 0, 3).await;
    snapshot(&on(&wire), 1, Keep::Everything).await;
    for name in names(&wire).await {
        let path = Path::from(format!("journals/fleet=2fweb/{name}"));
        let sound = wire.store.get(&path).await.unwrap().bytes().await.unwrap();
        let mut damaged = sound.to_vec();
        let middle = damaged.len() - 3;
        damaged[middle] ^= 4;
        wire.store.put(&path, damaged.into()).await.unwrap();
        let error = match on(&wire).load(&web(), after(0)).await {
            Err(error) => error,
            Ok(_) => on(&wire).load(&web(), After::Snapshot).await.unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains(&format!("the object {path} is not what was written")), "{error}");
        let newer = Vec::from(*b"{\"v\":2}\n");
        wire.store.put(&path, newer.into()).await.unwrap();
        let error: Error = match on(&wire).load(&web(), after(0)).await {
            Err(error) => error,
            Ok(_) => on(&wire).load(&web(), After::Snapshot).await.unwrap_err(),
        };
        assert_eq!((error.kind(), error.to_string().contains("use a newer version")), (ErrorKind::Invalid, true), "{error}");
        wire.store.put(&path, sound.into()).await.unwrap();
    }
}

#[tokio::test]
async fn an_object_that_is_gone_is_noticed() {
    let wire = Wire::new();
    let journal = on(&wire);
    fill(&journal, 0, 5).await;
    for gone in [0, 2, 4] {
        let sound = wire.store.get(&record(gone)).await.unwrap().bytes().await.unwrap();
        wire.store.delete(&record(gone)).await.unwrap();
        // Only who has seen the last one can miss it.
        let error = journal.load(&web(), after(0)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert_eq!(on(&wire).load(&web(), after(0)).await.is_err(), gone != 4);
        if gone == 4 {
            assert_eq!(append(&journal, 4, 1, &["x"]).await.unwrap_err().kind(), ErrorKind::Corrupt);
        }
        wire.store.put(&record(gone), sound.into()).await.unwrap();
    }
    assert_eq!(journal.load(&web(), after(0)).await.unwrap().records.len(), 5);
}
