//! Loads: everything, in order, byte for byte.

use super::trial::{Trial, records, same, version, web};
use crate::conformance::suite::{Verdict, require};
use crate::journal::{After, Append, Appended, Record};

pub(super) async fn a_stream_that_never_was_is_empty(trial: &Trial) -> Verdict {
    for after in [After::Snapshot, After::Version(version(0))] {
        let loaded = trial.load(&web(), after).await?;
        let empty = loaded.records.is_empty() && loaded.snapshot.is_none() && loaded.head == version(0);
        require!(empty, "a stream that never was has records, a snapshot or a head above 0: {loaded:?}");
    }
    let listed = trial.list("", None, 10).await?;
    require!(listed.is_empty(), "a stream that was only read is listed: {listed:?}");
    Ok(())
}

pub(super) async fn a_load_after_a_version_gives_the_rest(trial: &Trial) -> Verdict {
    let all = ["a", "b", "c", "d", "e"];
    trial.append(&web(), 0, &["a", "b", "c"]).await?;
    trial.append(&web(), 3, &["d", "e"]).await?;
    for after in 0..=all.len() {
        let loaded = trial.load(&web(), After::Version(version(after as u64))).await?;
        same(&loaded.records, &records(all.get(after..).unwrap_or_default()))?;
        require!(loaded.head == version(5), "the head is 5 wherever one reads from, not {}", loaded.head);
        require!(loaded.snapshot.is_none(), "a load after a version has no snapshot");
    }
    Ok(())
}

async fn come_back(trial: &Trial, records: Vec<Record>) -> Verdict {
    let append = Append { stream: web(), expected: version(0), write: trial.write(), records: records.clone() };
    let answer = trial.send(&append).await?;
    require!(matches!(answer, Appended::Done(_)), "an append to an empty stream was answered {answer:?}");
    trial.holds(&web(), &records).await
}

pub(super) async fn large_records_come_back(trial: &Trial) -> Verdict {
    let of = |seed: u32| (0..1_u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 24) as u8).collect();
    come_back(trial, vec![of(1), of(2), of(3)]).await
}

pub(super) async fn odd_bytes_come_back(trial: &Trial) -> Verdict {
    let every: Record = (0..=u8::MAX).collect();
    let odd: [&[u8]; 7] = [b"", b"\0", b"\n", b" \r\n\t ", b"{\"a\":1}\n", b"\xff\xfe", b"'; DROP TABLE records; --"];
    come_back(trial, std::iter::once(every).chain(odd.into_iter().map(Into::into)).collect()).await
}

pub(super) async fn many_records_come_back_in_order(trial: &Trial) -> Verdict {
    let texts: Vec<String> = (0..1500).map(|nth| format!("{{\"nth\":{nth}}}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut head = 0;
    for chunk in texts.chunks(123) {
        trial.append(&web(), head, chunk).await?;
        head += chunk.len() as u64;
    }
    trial.holds(&web(), &records(&texts)).await
}
