//! Appends: compare-and-set, once, all at once.

use super::trial::{Trial, record, records, version, web};
use crate::conformance::suite::{Failure, Verdict, refused, require};
use crate::error::ErrorKind;
use crate::id::StreamId;
use crate::journal::{After, Append, Appended, Record};

pub(super) async fn versions_count_records(trial: &Trial) -> Verdict {
    trial.append(&web(), 0, &["a"]).await?;
    trial.append(&web(), 1, &["b", "c", "d"]).await?;
    trial.append(&web(), 4, &["e"]).await?;
    trial.holds(&web(), &records(&["a", "b", "c", "d", "e"])).await
}

pub(super) async fn what_was_acknowledged_is_read(trial: &Trial) -> Verdict {
    for count in 0..5 {
        trial.append(&web(), count, &[&count.to_string()]).await?;
        let head = trial.load(&web(), After::Snapshot).await?.head;
        require!(head == version(count + 1), "a load after the append of record {} sees only {head}", count + 1);
    }
    Ok(())
}

pub(super) async fn a_conflict_tells_the_head_and_writes_nothing(trial: &Trial) -> Verdict {
    trial.append(&web(), 0, &["a", "b"]).await?;
    for expected in [0, 1, 3, 1000] {
        let append = trial.an_append(&web(), expected, &["never"]);
        let answer = trial.send(&append).await?;
        require!(answer == Appended::Conflict(version(2)), "an append at {expected} of 2 must be Conflict(2), not {answer:?}");
        let wrote = trial.wrote(&web(), append.write).await?;
        require!(wrote.is_none(), "an append that conflicted was written after all, says wrote: {wrote:?}");
    }
    let unborn = StreamId::new("unborn");
    let append = trial.an_append(&unborn, 1, &["never"]);
    let answer = trial.send(&append).await?;
    require!(answer == Appended::Conflict(version(0)), "an append at 1 of 0 must be Conflict(0), not {answer:?}");
    trial.holds(&unborn, &[]).await?;
    trial.holds(&web(), &records(&["a", "b"])).await
}

pub(super) async fn the_same_write_again_is_the_same_write(trial: &Trial) -> Verdict {
    let first = trial.an_append(&web(), 0, &["a", "b"]);
    for again in 0..3 {
        let answer = trial.send(&first).await?;
        require!(
            answer == Appended::Done(version(2)),
            "the same write, sent {} times, must be Done(2), not {answer:?}",
            again + 1
        );
    }
    trial.append(&web(), 2, &["c"]).await?;
    let answer = trial.send(&first).await?;
    require!(answer == Appended::Done(version(2)), "the same write, after another, must still be Done(2), not {answer:?}");
    trial.holds(&web(), &records(&["a", "b", "c"])).await
}

pub(super) async fn another_write_at_an_old_version_conflicts(trial: &Trial) -> Verdict {
    trial.append(&web(), 0, &["a"]).await?;
    let same_text = trial.an_append(&web(), 0, &["a"]);
    let answer = trial.send(&same_text).await?;
    require!(answer == Appended::Conflict(version(1)), "another write of the same records must be Conflict(1), not {answer:?}");
    trial.holds(&web(), &records(&["a"])).await
}

pub(super) async fn records_of_one_append_appear_together(trial: &Trial) -> Verdict {
    const EACH: u64 = 7;
    const APPENDS: u64 = 12;
    let writer = async {
        for nth in 0..APPENDS {
            trial.append(&web(), nth * EACH, &["x"; EACH as usize]).await?;
        }
        Ok(())
    };
    let reader = async {
        let mut newest = 0;
        while newest < EACH * APPENDS {
            let loaded = trial.load(&web(), After::Version(version(0))).await?;
            let seen = loaded.records.len() as u64;
            require!(seen.is_multiple_of(EACH), "{seen} records are seen of appends of {EACH} each");
            require!(seen == loaded.head.0, "{seen} records are seen of a head of {}", loaded.head);
            require!(seen >= newest, "{newest} records were seen, and then {seen}");
            newest = seen;
            trial.patience.pause().await;
        }
        Ok(())
    };
    futures_util::try_join!(writer, reader).map(|_| ())
}

pub(super) async fn an_empty_append_is_refused(trial: &Trial) -> Verdict {
    let empty = trial.an_append(&web(), 0, &[]);
    refused("an append of no records", trial.send(&empty).await, &[ErrorKind::Invalid])?;
    let listed = trial.list("", None, 10).await?;
    require!(listed.is_empty(), "an append of no records made a stream: {listed:?}");
    Ok(())
}

pub(super) async fn wrote_knows_what_was_written(trial: &Trial) -> Verdict {
    let first = trial.an_append(&web(), 0, &["a", "b"]);
    let before = trial.wrote(&web(), first.write).await?;
    require!(before.is_none(), "wrote knows of a write before it was sent: {before:?}");
    trial.send(&first).await?;
    trial.append(&web(), 2, &["c"]).await?;
    let after = trial.wrote(&web(), first.write).await?;
    require!(after == Some(version(2)), "wrote must tell the version after the write, Some(2), not {after:?}");
    let elsewhere = trial.wrote(&StreamId::new("elsewhere"), first.write).await?;
    require!(elsewhere.is_none(), "wrote finds a write in a stream that it was not written to: {elsewhere:?}");
    Ok(())
}

pub(super) async fn a_dropped_append_sent_again_is_written_once(trial: &Trial) -> Verdict {
    let mut expected = Vec::new();
    for nth in 0..5 {
        let append = trial.an_append(&web(), nth.into(), &[&nth.to_string()]);
        let journal = trial.journal();
        trial.patience.abandon(nth, journal.append(append.clone())).await;
        let answer = trial.send(&append).await?;
        let head = version(u64::from(nth) + 1);
        require!(answer == Appended::Done(head), "an append dropped and sent again must be Done({head}), not {answer:?}");
        expected.push(record(&nth.to_string()));
    }
    trial.patience.linger().await;
    trial.holds(&web(), &expected).await
}

pub(super) async fn one_of_many_appenders_wins_each_version(trial: &Trial) -> Verdict {
    const APPENDERS: usize = 8;
    const ROUNDS: usize = 5;
    let appender = async |name: usize| -> Verdict<Vec<(u64, Record)>> {
        let mut won = Vec::new();
        let mut expected = version(0);
        while won.len() < ROUNDS {
            let text = record(&format!("{name}:{}", won.len()));
            let append = Append { stream: web(), expected, write: trial.write(), records: vec![text.clone()] };
            expected = match trial.send(&append).await? {
                Appended::Done(head) => {
                    require!(head.0 == expected.0 + 1, "an append of one record at {expected} was Done({head})");
                    won.push((expected.0, text));
                    head
                }
                Appended::Conflict(head) => {
                    require!(head != expected, "an append at {expected} was answered Conflict({head})");
                    head
                }
            };
        }
        Ok(won)
    };
    let all = futures_util::future::try_join_all((0..APPENDERS).map(appender)).await?;
    let mut won: Vec<_> = all.into_iter().flatten().collect();
    won.sort();
    let versions: Vec<u64> = won.iter().map(|(at, _)| *at).collect();
    require!(
        versions == (0..(APPENDERS * ROUNDS) as u64).collect::<Vec<_>>(),
        "versions were won by none or by two: {versions:?}"
    );
    let texts: Vec<Record> = won.into_iter().map(|(_, text)| text).collect();
    trial.holds(&web(), &texts).await.map_err(|why| Failure::new(format!("what the winners wrote: {why}")))
}
