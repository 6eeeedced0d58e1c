//! Streams: apart from each other, and listed.

use super::trial::{Trial, records, version};
use crate::conformance::suite::{Verdict, require};
use crate::id::StreamId;
use crate::journal::{After, Append, Appended, Keep};

fn ids(names: &[&str]) -> Vec<StreamId> {
    names.iter().map(|name| StreamId::from(*name)).collect()
}

async fn make(trial: &Trial, names: &[&str]) -> Verdict {
    for id in ids(names) {
        trial.append(&id, 0, &[&format!("of {id}.")]).await?;
    }
    Ok(())
}

pub(super) async fn streams_do_not_touch_each_other(trial: &Trial) -> Verdict {
    let [web, api] = [StreamId::new("fleet/web"), StreamId::new("fleet/api")];
    trial.append(&web, 0, &["w1", "w2"]).await?;
    let write = trial.write();
    for (stream, expected) in [(&web, 2), (&api, 0)] {
        let append = Append { stream: stream.clone(), expected: version(expected), write, records: records(&["same id"]) };
        let answer = trial.send(&append).await?;
        let head = version(expected + 1);
        require!(answer == Appended::Done(head), "a write id of another stream is another write: Done({head}), not {answer:?}");
    }
    trial.compact(&web, 3, "all", Keep::Nothing).await?;
    trial.holds(&api, &records(&["same id"])).await?;
    let snapshot = trial.load(&api, After::Snapshot).await?.snapshot;
    require!(snapshot.is_none(), "one stream's snapshot is another's: {snapshot:?}");
    Ok(())
}

pub(super) async fn names_that_look_alike_are_told_apart(trial: &Trial) -> Verdict {
    let names =
        ["web", "Web", "web ", "web-2", "web/", "web/1", "web//1", "web%2F1", "web.1", "web_1", "wéb", "we\u{301}b", "../web"];
    make(trial, &names).await?;
    for name in names {
        trial.holds(&StreamId::new(name), &records(&[&format!("of {name}.")])).await?;
    }
    let listed = trial.list("", None, 100).await?;
    require!(listed.len() == names.len(), "{} streams were made, and listed are {listed:?}", names.len());
    Ok(())
}

pub(super) async fn a_list_is_ordered_and_limited(trial: &Trial) -> Verdict {
    make(trial, &["b/2", "a/1", "b/10", "c", "b/1"]).await?;
    for (prefix, limit, wanted) in [
        ("", 100, &["a/1", "b/1", "b/10", "b/2", "c"][..]),
        ("", 2, &["a/1", "b/1"]),
        ("b/", 100, &["b/1", "b/10", "b/2"]),
        ("b/", 1, &["b/1"]),
        ("b/1", 100, &["b/1", "b/10"]),
        ("b/", 0, &[]),
        ("d", 100, &[]),
    ] {
        let listed = trial.list(prefix, None, limit).await?;
        require!(listed == ids(wanted), "the first {limit} of `{prefix}` must be {wanted:?}, not {listed:?}");
    }
    Ok(())
}

pub(super) async fn a_list_goes_on_after_a_stream(trial: &Trial) -> Verdict {
    make(trial, &["a", "b/1", "b/2", "b/3", "c"]).await?;
    for (prefix, after, wanted) in [
        ("", "a", &["b/1", "b/2", "b/3", "c"][..]),
        ("b/", "a", &["b/1", "b/2", "b/3"]),
        ("b/", "b/1", &["b/2", "b/3"]),
        ("b/", "b/11", &["b/2", "b/3"]),
        ("b/", "b/3", &[]),
        ("b/", "c", &[]),
    ] {
        let listed = trial.list(prefix, Some(&after.into()), 100).await?;
        require!(listed == ids(wanted), "`{prefix}` after `{after}` must be {wanted:?}, not {listed:?}");
    }
    Ok(())
}

pub(super) async fn a_prefix_is_no_pattern(trial: &Trial) -> Verdict {
    make(trial, &["a_b", "aXb", "a%b", "a*b", "A_b", "a.b", "a[b"]).await?;
    for (prefix, wanted) in [("a_", "a_b"), ("a%", "a%b"), ("a*", "a*b"), ("A", "A_b"), ("a.", "a.b"), ("a[", "a[b")] {
        let listed = trial.list(prefix, None, 100).await?;
        require!(listed == ids(&[wanted]), "`{prefix}` begins only `{wanted}`, not {listed:?}");
    }
    Ok(())
}
