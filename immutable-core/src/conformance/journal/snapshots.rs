//! Snapshots: the newest and what came after it, and what becomes of the records before.

use super::trial::{Trial, record, records, same, version, web};
use crate::conformance::suite::{Verdict, refused, require};
use crate::error::ErrorKind;
use crate::journal::{After, Keep};

/// Five records, `a` to `e`.
async fn five(trial: &Trial) -> Verdict {
    trial.append(&web(), 0, &["a", "b"]).await?;
    trial.append(&web(), 2, &["c", "d", "e"]).await
}

/// A load from the snapshot must give this one and the records after it.
async fn begins_with(trial: &Trial, at: u64, snapshot: &str, rest: &[&str]) -> Verdict {
    let loaded = trial.load(&web(), After::Snapshot).await?;
    let wanted = Some((version(at), record(snapshot)));
    require!(loaded.snapshot == wanted, "the snapshot must be `{snapshot}` of version {at}, not {:?}", loaded.snapshot);
    same(&loaded.records, &records(rest))?;
    let head = version(at + rest.len() as u64);
    require!(loaded.head == head, "the head must be {head}, not {}", loaded.head);
    Ok(())
}

pub(super) async fn a_load_without_a_snapshot_gives_everything(trial: &Trial) -> Verdict {
    five(trial).await?;
    let loaded = trial.load(&web(), After::Snapshot).await?;
    require!(loaded.snapshot.is_none(), "there is a snapshot that nobody stored");
    same(&loaded.records, &records(&["a", "b", "c", "d", "e"]))
}

pub(super) async fn a_snapshot_and_what_came_after_it(trial: &Trial) -> Verdict {
    five(trial).await?;
    trial.compact(&web(), 3, "abc", Keep::Everything).await?;
    begins_with(trial, 3, "abc", &["d", "e"]).await?;
    trial.append(&web(), 5, &["f"]).await?;
    begins_with(trial, 3, "abc", &["d", "e", "f"]).await
}

pub(super) async fn a_newer_snapshot_takes_the_place_of_an_older(trial: &Trial) -> Verdict {
    five(trial).await?;
    trial.compact(&web(), 2, "ab", Keep::Everything).await?;
    trial.compact(&web(), 5, "abcde", Keep::Everything).await?;
    begins_with(trial, 5, "abcde", &[]).await
}

pub(super) async fn an_older_snapshot_changes_nothing(trial: &Trial) -> Verdict {
    five(trial).await?;
    trial.compact(&web(), 4, "abcd", Keep::Everything).await?;
    trial.compact(&web(), 2, "ab", Keep::Nothing).await?;
    begins_with(trial, 4, "abcd", &["e"]).await?;
    trial.holds(&web(), &records(&["a", "b", "c", "d", "e"])).await
}

pub(super) async fn a_snapshot_beyond_the_head_changes_nothing(trial: &Trial) -> Verdict {
    five(trial).await?;
    trial.compact(&web(), 6, "abcdef", Keep::Nothing).await?;
    let loaded = trial.load(&web(), After::Snapshot).await?;
    require!(loaded.snapshot.is_none(), "a snapshot of version 6 of a stream of 5 was stored");
    trial.holds(&web(), &records(&["a", "b", "c", "d", "e"])).await
}

pub(super) async fn kept_records_stay(trial: &Trial) -> Verdict {
    five(trial).await?;
    trial.compact(&web(), 5, "abcde", Keep::Everything).await?;
    trial.holds(&web(), &records(&["a", "b", "c", "d", "e"])).await
}

pub(super) async fn dropped_records_are_all_there_or_not_found(trial: &Trial) -> Verdict {
    five(trial).await?;
    trial.compact(&web(), 3, "abc", Keep::Nothing).await?;
    let all = ["a", "b", "c", "d", "e"];
    for after in 0..3 {
        match trial.load(&web(), After::Version(version(after as u64))).await {
            Ok(loaded) => same(&loaded.records, &records(all.get(after..).unwrap_or_default()))?,
            refusal => drop(refused("a load of dropped records", refusal, &[ErrorKind::NotFound])?),
        }
    }
    for after in 3..=5 {
        let loaded = trial.load(&web(), After::Version(version(after as u64))).await?;
        same(&loaded.records, &records(all.get(after..).unwrap_or_default()))?;
    }
    begins_with(trial, 3, "abc", &["d", "e"]).await
}

pub(super) async fn a_compacted_stream_goes_on(trial: &Trial) -> Verdict {
    five(trial).await?;
    trial.compact(&web(), 5, "abcde", Keep::Nothing).await?;
    trial.append(&web(), 5, &["f"]).await?;
    begins_with(trial, 5, "abcde", &["f"]).await?;
    trial.compact(&web(), 6, "abcdef", Keep::Nothing).await?;
    trial.append(&web(), 6, &["g", "h"]).await?;
    begins_with(trial, 6, "abcdef", &["g", "h"]).await
}
