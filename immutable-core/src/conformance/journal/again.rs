//! A store that is closed and opened again.

use super::trial::{Trial, record, records, version, web};
use crate::conformance::suite::{Verdict, require};
use crate::id::StreamId;
use crate::journal::{After, Appended, Keep};

pub(super) async fn what_was_written_is_there_when_it_is_opened_again(trial: &Trial) -> Verdict {
    let api = StreamId::new("fleet/api");
    trial.append(&web(), 0, &["a", "", "c"]).await?;
    trial.append(&api, 0, &["x"]).await?;
    trial.open_again().await?;
    trial.holds(&web(), &records(&["a", "", "c"])).await?;
    trial.compact(&web(), 2, "ab", Keep::Nothing).await?;
    let last = trial.an_append(&web(), 3, &["d"]);
    trial.send(&last).await?;
    trial.open_again().await?;
    let loaded = trial.load(&web(), After::Snapshot).await?;
    require!(loaded.snapshot == Some((version(2), record("ab"))), "the snapshot is not what it was: {:?}", loaded.snapshot);
    require!(loaded.records == records(&["c", "d"]), "the records after it are not what they were: {:?}", loaded.records);
    trial.holds(&api, &records(&["x"])).await?;
    let listed = trial.list("", None, 10).await?;
    require!(listed == [api, web()], "the streams are not what they were: {listed:?}");
    let wrote = trial.wrote(&web(), last.write).await?;
    require!(wrote == Some(version(4)), "wrote must tell of an earlier process's write, Some(4), not {wrote:?}");
    Ok(())
}

pub(super) async fn a_stream_goes_on_when_it_is_opened_again(trial: &Trial) -> Verdict {
    let mut last = trial.an_append(&web(), 0, &["0"]);
    trial.send(&last).await?;
    for nth in 1..4_u64 {
        trial.open_again().await?;
        let again = trial.send(&last).await?;
        require!(again == Appended::Done(version(nth)), "an earlier process's write must be Done({nth}), not {again:?}");
        let stale = trial.an_append(&web(), nth - 1, &["never"]);
        let answer = trial.send(&stale).await?;
        require!(answer == Appended::Conflict(version(nth)), "an append at {} of {nth} was answered {answer:?}", nth - 1);
        last = trial.an_append(&web(), nth, &[&nth.to_string()]);
        let answer = trial.send(&last).await?;
        require!(answer == Appended::Done(version(nth + 1)), "an append at {nth} of {nth} was answered {answer:?}");
    }
    trial.open_again().await?;
    trial.holds(&web(), &records(&["0", "1", "2", "3"])).await
}
