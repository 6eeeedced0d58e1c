//! Many writers, and replies that never come.

use std::sync::Arc;

use immutable_core::id::StreamId;
use immutable_core::journal::{After, Append, Journal};
use immutable_core::registry::{ImageRegistry, JournalRegistry, Publication};
use immutable_core::time::{Clock, SystemClock};
use immutable_core::{Applied, Artifact, ErrorKind, MemoryJournal};

use super::journals::{Fate, Fated, Shared};
use crate::{artifact, clock, registry, revoke, to, web};

fn stream() -> StreamId {
    StreamId::new("registry/acmeinc/web")
}

/// What another registry would append to a stream that `before` have been published in, to publish `then`.
async fn appends_of(before: &[&Artifact], then: &[&Artifact]) -> Vec<Append> {
    let (clock, journal) = (clock(), MemoryJournal::new());
    let other = registry(journal.clone(), &clock);
    for artifact in before.iter().chain(then) {
        other.publish(artifact, &"other".into()).await.unwrap();
    }
    let loaded = journal.load(&stream(), After::Version(Default::default())).await.unwrap();
    let append = |(index, record)| Append {
        stream: stream(),
        expected: immutable_core::id::StreamVersion(index as u64),
        write: immutable_core::id::WriteId([200 + index as u8; 16]),
        records: vec![record],
    };
    loaded.records.into_iter().enumerate().map(append).skip(before.len()).collect()
}

async fn records(journal: &impl Journal) -> usize {
    journal.load(&stream(), After::Version(Default::default())).await.unwrap().records.len()
}

#[test]
fn a_lost_reply_publishes_once() {
    for (fates, deaf, sent) in [
        (vec![Fate::ReplyLost], false, 1),
        (vec![Fate::ReplyLost], true, 2),
        (vec![Fate::RequestLost], false, 2),
        (vec![Fate::RequestLost, Fate::RequestLost, Fate::ReplyLost], true, 4),
        (vec![Fate::RequestLost, Fate::Throttled], false, 3),
    ] {
        let clock = clock();
        clock.run(async {
            let journal = Shared(Arc::new(Fated { deaf, ..Fated::new(fates) }));
            let registry = registry(journal.clone(), &clock);
            assert_eq!(registry.publish(&artifact("1.0.0", "a"), &"ci".into()).await.unwrap(), Publication::New);
            assert_eq!(records(&journal).await, 1);
            let ids = journal.0.sent.lock().unwrap().clone();
            assert_eq!(ids.len(), sent);
            assert!(ids.iter().all(|id| *id == ids[0]), "sent again under the same id");
        });
    }
}

#[test]
fn what_stays_unknown_is_said_to_be_and_can_be_asked_again() {
    let clock = clock();
    clock.run(async {
        let fates = std::iter::repeat_with(|| Fate::RequestLost).take(5);
        let journal = Shared(Arc::new(Fated::new(fates)));
        let registry = registry(journal.clone(), &clock);
        let web = artifact("1.0.0", "a");
        let began = clock.now();
        let error = registry.publish(&web, &"ci".into()).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Unreachable, Applied::Unknown));
        assert_eq!(journal.0.sent.lock().unwrap().len(), 5);
        assert_eq!(clock.now().since(began).as_millis(), 50 + 100 + 200 + 400, "the pauses grow and end");
        assert_eq!(registry.publish(&web, &"ci".into()).await.unwrap(), Publication::New);
        assert_eq!(records(&journal).await, 1);
    });
}

#[test]
fn what_was_certainly_not_done_is_not_sent_again() {
    let clock = clock();
    clock.run(async {
        let journal = Shared(Arc::new(Fated::new([Fate::Throttled])));
        let error = registry(journal.clone(), &clock).publish(&artifact("1.0.0", "a"), &"ci".into()).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Throttled, Applied::No));
        assert_eq!(journal.0.sent.lock().unwrap().len(), 1);
    });
}

#[test]
fn an_overtaken_write_is_decided_anew() {
    let clock = clock();
    clock.run(async {
        let (mine, same, other) = (artifact("1.0.0", "a"), artifact("1.0.0", "a"), artifact("1.0.0", "b"));
        let elsewhere = artifact("2.0.0", "c");
        for (first, result) in
            [(&elsewhere, Ok(Publication::New)), (&same, Ok(Publication::Known)), (&other, Err(ErrorKind::Conflict))]
        {
            for lost in [false, true] {
                let others = appends_of(&[], &[first]).await;
                let fate = if lost { Fate::LostThenOvertaken(others) } else { Fate::Overtaken(others) };
                let journal = Shared(Arc::new(Fated::new([fate])));
                let registry = registry(journal.clone(), &clock);
                assert_eq!(registry.publish(&mine, &"ci".into()).await.map_err(|error| error.kind()), result, "{first} {lost}");
                let view = registry.view(&web()).await.unwrap();
                assert_eq!(view.version(first.version()).unwrap().artifact.digest(), first.digest());
                assert_eq!(records(&journal).await, if result == Ok(Publication::New) { 2 } else { 1 });
            }
        }
    });
}

/// Eight writers on a journal, all moving one channel from wherever it is; whoever is refused looks again. No move is lost, none is
/// made from a place where the channel was not, and what two of them publish as one version is one of the two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_registries_lose_nothing() {
    const WRITERS: usize = 8;
    const MOVES: usize = 25;
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let registry = JournalRegistry::new(journal.clone(), clock.clone());
        writers.spawn(async move {
            let mine = artifact(&format!("1.0.{writer}"), &format!("{writer}"));
            registry.publish(&mine, &"ci".into()).await.unwrap();
            let shared = registry.publish(&artifact("9.0.0", &format!("{}", writer % 2)), &"ci".into()).await;
            let mut done = 0;
            while done < MOVES {
                let view = registry.view(&web()).await.unwrap();
                let expected = view.channel("stable").map(|channel| channel.current().clone());
                if expected.as_ref() == Some(mine.version()) {
                    tokio::task::yield_now().await;
                    let aside = to("stable", Some(&mine.version().to_string()), "9.0.0");
                    match registry.set_channel(aside).await {
                        Ok(()) => done += 1,
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
                    }
                    continue;
                }
                let mut request = to("stable", None, &mine.version().to_string());
                request.expected = expected;
                match registry.set_channel(request).await {
                    Ok(()) => done += 1,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
                }
            }
            shared.map_err(|error| error.kind())
        });
    }
    let shared = writers.join_all().await;
    let view = JournalRegistry::new(journal, clock).view(&web()).await.unwrap();
    assert_eq!(shared.iter().filter(|result| **result == Ok(Publication::New)).count(), 1, "{shared:?}");
    assert_eq!(shared.iter().filter(|result| **result == Err(ErrorKind::Conflict)).count(), WRITERS / 2, "{shared:?}");
    assert_eq!(view.entries().count(), WRITERS + 1);
    let history = view.channel("stable").unwrap().history();
    assert_eq!(history.len(), WRITERS * MOVES);
    assert!(
        history.iter().zip(history.iter().skip(1)).all(|(one, next)| next.from.as_ref() == Some(&one.to) && next.at >= one.at)
    );
}

#[test]
fn a_revocation_overtakes_a_channel_move() {
    let clock = clock();
    clock.run(async {
        let (old, new) = (artifact("1.0.0", "a"), artifact("1.1.0", "b"));
        let journal = MemoryJournal::new();
        let other = registry(journal.clone(), &clock);
        for artifact in [&old, &new] {
            other.publish(artifact, &"ci".into()).await.unwrap();
        }
        let before = journal.load(&stream(), After::Version(Default::default())).await.unwrap();
        other.revoke(revoke(&new, "it leaks")).await.unwrap();
        let after = journal.load(&stream(), After::Version(before.head)).await.unwrap();

        let fated = Fated::default();
        let append = |expected, write, records| Append { stream: stream(), expected, write, records };
        let first = append(Default::default(), immutable_core::id::WriteId([1; 16]), before.records);
        fated.inner.append(first).await.unwrap();
        let revocation = append(before.head, immutable_core::id::WriteId([2; 16]), after.records);
        fated.fates.lock().unwrap().push_back(Fate::Overtaken(vec![revocation]));
        let error = registry(Shared(Arc::new(fated)), &clock).set_channel(to("stable", None, "1.1.0")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
    });
}
