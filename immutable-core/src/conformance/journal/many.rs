//! Many that write at once, and long streams.

use super::trial::{Trial, record, same, version, web};
use crate::conformance::suite::{Failure, Verdict, require};
use crate::id::StreamId;
use crate::journal::{After, Append, Appended, Keep, Record};

pub(super) async fn appenders_of_two_processes_win_each_version_once(trial: &Trial) -> Verdict {
    const APPENDERS: usize = 3;
    const ROUNDS: usize = 6;
    let other = trial.another().await?;
    let appender = async |door: &Trial, name: String| -> Verdict<Vec<(u64, Record)>> {
        let (mut won, mut expected) = (Vec::new(), version(0));
        while won.len() < ROUNDS {
            let text = record(&format!("{name}:{}", won.len()));
            let append = Append { stream: web(), expected, write: door.write(), records: vec![text.clone()] };
            expected = match door.send(&append).await? {
                Appended::Done(head) => {
                    require!(head.0 == expected.0 + 1, "an append of one record at {expected} was Done({head})");
                    won.push((expected.0, text));
                    head
                }
                Appended::Conflict(head) => {
                    require!(head > expected, "an append at {expected} was answered Conflict({head})");
                    head
                }
            };
        }
        Ok(won)
    };
    let doors = [trial, &other];
    let all = (0..2 * APPENDERS).map(|nth| appender(doors.get(nth % 2).unwrap_or(&trial), format!("{nth}")));
    let mut won: Vec<_> = futures_util::future::try_join_all(all).await?.into_iter().flatten().collect();
    won.sort();
    let versions: Vec<u64> = won.iter().map(|(at, _)| *at).collect();
    let wanted = (0..(2 * APPENDERS * ROUNDS) as u64).collect::<Vec<_>>();
    require!(versions == wanted, "versions were won by none or by two: {versions:?}");
    let texts: Vec<Record> = won.into_iter().map(|(_, text)| text).collect();
    for door in doors {
        door.holds(&web(), &texts).await.map_err(|why| Failure::new(format!("what the winners wrote: {why}")))?;
    }
    Ok(())
}

pub(super) async fn streams_are_appended_to_at_once(trial: &Trial) -> Verdict {
    const STREAMS: u64 = 16;
    const EACH: u64 = 12;
    let text = |stream: u64, nth: u64| format!("{nth} of {stream}");
    let writer = async |stream: u64| -> Verdict {
        let id = StreamId::new(format!("fleet/{stream:02}"));
        for nth in 0..EACH {
            trial.append(&id, nth * 2, &[&text(stream, nth), "and"]).await?;
        }
        Ok(())
    };
    futures_util::future::try_join_all((0..STREAMS).map(writer)).await?;
    for stream in 0..STREAMS {
        let wanted: Vec<Record> = (0..EACH).flat_map(|nth| [record(&text(stream, nth)), record("and")]).collect();
        trial.holds(&StreamId::new(format!("fleet/{stream:02}")), &wanted).await?;
    }
    let listed = trial.list("fleet/", None, 100).await?;
    require!(listed.len() as u64 == STREAMS, "{STREAMS} streams were written at once, and listed are {listed:?}");
    Ok(())
}

/// Thousands of records, a snapshot every so many; the records of the first are dropped.
pub(super) async fn a_long_stream_is_read_from_its_snapshots(trial: &Trial) -> Verdict {
    const RECORDS: u64 = 3_000;
    const EACH: u64 = 20;
    const SNAPSHOT: u64 = 700;
    let all: Vec<String> = (0..RECORDS).map(|nth| format!("{{\"nth\":{nth}}}")).collect();
    let slice = |from: u64, to: u64| {
        let (from, to) = (usize::try_from(from).unwrap_or(usize::MAX), usize::try_from(to).unwrap_or(usize::MAX));
        all.get(from..to).unwrap_or_default()
    };
    let rest = |from: u64, to: u64| slice(from, to).iter().map(|text| record(text)).collect::<Vec<_>>();
    let mut newest = None;
    for at in (0..RECORDS).step_by(EACH as usize) {
        let texts: Vec<&str> = slice(at, at + EACH).iter().map(String::as_str).collect();
        trial.append(&web(), at, &texts).await?;
        let head = at + EACH;
        if head.is_multiple_of(SNAPSHOT) {
            let keep = if newest.is_none() { Keep::Nothing } else { Keep::Everything };
            trial.compact(&web(), head, &format!("up to {head}"), keep).await?;
            newest = Some(head);
        }
    }
    let newest = newest.unwrap_or_default();
    let loaded = trial.load(&web(), After::Snapshot).await?;
    let wanted = Some((version(newest), record(&format!("up to {newest}"))));
    require!(loaded.snapshot == wanted, "the snapshot must be of version {newest}, not {:?}", loaded.snapshot);
    require!(loaded.head == version(RECORDS), "the head must be {RECORDS}, not {}", loaded.head);
    same(&loaded.records, &rest(newest, RECORDS))?;
    for from in [SNAPSHOT, SNAPSHOT + 7, newest - 1, newest, RECORDS - 1, RECORDS] {
        let loaded = trial.load(&web(), After::Version(version(from))).await?;
        same(&loaded.records, &rest(from, RECORDS))?;
    }
    let late = trial.an_append(&web(), newest, &["never"]);
    let answer = trial.send(&late).await?;
    require!(answer == Appended::Conflict(version(RECORDS)), "a late append must be Conflict({RECORDS}), not {answer:?}");
    trial.append(&web(), RECORDS, &["the last"]).await
}

/// One writes, takes snapshots and drops what they cover; another reads all the time, and what it reads always fits together.
pub(super) async fn a_reader_keeps_up_with_compaction(trial: &Trial) -> Verdict {
    const RECORDS: u64 = 60;
    let other = trial.another().await?;
    let writer = async {
        for nth in 0..RECORDS {
            trial.append(&web(), nth, &[&nth.to_string()]).await?;
            if nth % 4 == 3 {
                trial.compact(&web(), nth + 1, &(nth + 1).to_string(), Keep::Nothing).await?;
            }
            trial.patience.moment().await;
        }
        Ok(())
    };
    let reader = async {
        let mut newest = 0;
        while newest < RECORDS {
            let loaded = other.load(&web(), After::Snapshot).await?;
            let from = loaded.snapshot.as_ref().map_or(0, |(at, _)| at.0);
            if let Some((at, text)) = &loaded.snapshot {
                require!(*text == record(&at.to_string()), "the snapshot of version {at} is another's");
            }
            let wanted: Vec<Record> = (from..loaded.head.0).map(|nth| record(&nth.to_string())).collect();
            same(&loaded.records, &wanted)?;
            require!(loaded.head.0 >= newest, "the head was {newest}, and then {}", loaded.head);
            newest = loaded.head.0;
            trial.patience.moment().await;
        }
        Ok(())
    };
    futures_util::try_join!(writer, reader).map(|_| ())
}
