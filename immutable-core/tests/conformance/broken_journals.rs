//! Journals that break their contract, each in one way, and the case that must see it.

use std::collections::BTreeSet;
use std::future::ready;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use immutable_core::conformance::journal::{self, Subject};
use immutable_core::id::{StreamId, StreamVersion, WriteId};
use immutable_core::journal::{After, Append, Appended, Compact, Journal, Keep, Loaded, MemoryJournal};
use immutable_core::{ErrorKind, Result};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    AnswersAConflictWithTheExpectedVersion,
    WritesInSpiteOfAConflict,
    ForgetsWriteIds,
    SharesWriteIdsBetweenStreams,
    SplitsAppends,
    TakesEmptyAppends,
    Trims,
    CutsAtAMegabyte,
    KeepsOnlyAThousand,
    ListsByPattern,
    ListsBackwards,
    ListsFromTheFirstAgain,
    FoldsCase,
    TakesOlderSnapshots,
    TakesSnapshotsOfTheFuture,
    DropsWhatIsKept,
    HidesDroppedRecords,
    BeginsAgainAfterCompaction,
    FailsOnTheUnborn,
    TellsTheFencedThatItIsDone,
    LandsConflictsLater,
    ChecksBeforeItWrites,
    MixesStreamsUp,
    ForgetsOthersWriteIds,
    ForgetsAll,
    ReadsInTwoSteps,
}
use Flaw::*;

const CAUGHT: [(Flaw, &str); 30] = [
    (AnswersAConflictWithTheExpectedVersion, "a_conflict_tells_the_head_and_writes_nothing"),
    (WritesInSpiteOfAConflict, "one_of_many_appenders_wins_each_version"),
    (ForgetsWriteIds, "the_same_write_again_is_the_same_write"),
    (SharesWriteIdsBetweenStreams, "streams_do_not_touch_each_other"),
    (SplitsAppends, "records_of_one_append_appear_together"),
    (TakesEmptyAppends, "an_empty_append_is_refused"),
    (Trims, "odd_bytes_come_back"),
    (CutsAtAMegabyte, "large_records_come_back"),
    (KeepsOnlyAThousand, "many_records_come_back_in_order"),
    (ListsByPattern, "a_prefix_is_no_pattern"),
    (ListsBackwards, "a_list_is_ordered_and_limited"),
    (ListsFromTheFirstAgain, "a_list_goes_on_after_a_stream"),
    (FoldsCase, "names_that_look_alike_are_told_apart"),
    (TakesOlderSnapshots, "an_older_snapshot_changes_nothing"),
    (TakesSnapshotsOfTheFuture, "a_snapshot_beyond_the_head_changes_nothing"),
    (DropsWhatIsKept, "kept_records_stay"),
    (HidesDroppedRecords, "dropped_records_are_all_there_or_not_found"),
    (BeginsAgainAfterCompaction, "a_compacted_stream_goes_on"),
    (FailsOnTheUnborn, "a_stream_that_never_was_is_empty"),
    (TellsTheFencedThatItIsDone, "a_claim_fences_who_claimed_before"),
    (WritesInSpiteOfAConflict, "a_claim_fences_who_claimed_before"),
    (LandsConflictsLater, "an_append_overtaken_never_lands"),
    (ChecksBeforeItWrites, "appenders_of_two_processes_win_each_version_once"),
    (MixesStreamsUp, "streams_are_appended_to_at_once"),
    (ForgetsWriteIds, "a_lost_reply_is_no_rival"),
    (ForgetsOthersWriteIds, "a_write_sent_again_by_another_process_is_the_same_write"),
    (ForgetsOthersWriteIds, "a_stream_goes_on_when_it_is_opened_again"),
    (ForgetsAll, "what_was_written_is_there_when_it_is_opened_again"),
    (KeepsOnlyAThousand, "a_long_stream_is_read_from_its_snapshots"),
    (ReadsInTwoSteps, "a_reader_keeps_up_with_compaction"),
];

struct Broken {
    inner: MemoryJournal,
    flaw: Flaw,
    writes: Mutex<BTreeSet<WriteId>>,
    snapshots: Mutex<Option<Compact>>,
    late: Mutex<Vec<Append>>,
    to: Mutex<Option<StreamId>>,
}

impl Broken {
    fn new(flaw: Flaw) -> Self {
        Self::on(MemoryJournal::new(), flaw)
    }

    fn on(inner: MemoryJournal, flaw: Flaw) -> Self {
        let (writes, snapshots, late, to) = Default::default();
        Self { inner, flaw, writes, snapshots, late, to }
    }

    fn subject(flaw: Flaw) -> Subject {
        let inner = MemoryJournal::new();
        let again = inner.clone();
        let open = move || if flaw == ForgetsAll { Self::new(flaw) } else { Self::on(again.clone(), flaw) };
        Subject::new(Arc::new(Self::on(inner, flaw))).reopen(move || ready(Ok(Arc::new(open()) as Arc<dyn Journal>)))
    }

    fn id(&self, id: &StreamId) -> StreamId {
        if self.flaw == FoldsCase { StreamId::new(id.as_str().to_lowercase()) } else { id.clone() }
    }
}

#[async_trait]
impl Journal for Broken {
    async fn load(&self, stream: &StreamId, after: After) -> Result<Loaded> {
        let stream = &self.id(stream);
        let late = std::mem::take(&mut *self.late.lock().unwrap());
        for append in late {
            let expected = self.inner.load(&append.stream, After::Snapshot).await?.head;
            self.inner.append(Append { expected, ..append }).await?;
        }
        let answer = self.inner.load(stream, after).await;
        if self.flaw == HidesDroppedRecords && answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            let mut rest = self.inner.load(stream, After::Snapshot).await?;
            rest.snapshot = None;
            return Ok(rest);
        }
        let mut loaded = answer?;
        match self.flaw {
            ReadsInTwoSteps if after == After::Snapshot => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                let from = loaded.snapshot.as_ref().map_or_else(Default::default, |(at, _)| *at);
                let rest = self.inner.load(stream, After::Version(from)).await?;
                (loaded.records, loaded.head) = (rest.records, rest.head);
            }
            FailsOnTheUnborn if loaded.head.0 == 0 => {
                return Err(immutable_core::Error::new(ErrorKind::NotFound, "there is no such stream"));
            }
            KeepsOnlyAThousand => loaded.records.truncate(1000),
            BeginsAgainAfterCompaction => {
                if let Some((at, _)) = loaded.snapshot {
                    loaded.head.0 -= at.0;
                }
            }
            TakesOlderSnapshots | TakesSnapshotsOfTheFuture if after == After::Snapshot => {
                if let Some(compact) = &*self.snapshots.lock().unwrap() {
                    loaded.snapshot = Some((compact.at, compact.snapshot.clone()));
                }
            }
            _ => {}
        }
        Ok(loaded)
    }

    async fn append(&self, mut append: Append) -> Result<Appended> {
        append.stream = self.id(&append.stream);
        let head = self.inner.load(&append.stream, After::Snapshot).await?.head;
        match self.flaw {
            TakesEmptyAppends if append.records.is_empty() => return Ok(Appended::Done(append.expected)),
            ForgetsWriteIds if self.inner.wrote(&append.stream, append.write).await?.is_some() => {
                return Ok(Appended::Conflict(head));
            }
            SharesWriteIdsBetweenStreams if !self.writes.lock().unwrap().insert(append.write) => return Ok(Appended::Done(head)),
            WritesInSpiteOfAConflict => append.expected = head,
            ChecksBeforeItWrites if append.expected == head => {
                tokio::task::yield_now().await;
                append.expected = self.inner.load(&append.stream, After::Snapshot).await?.head;
            }
            MixesStreamsUp => {
                *self.to.lock().unwrap() = Some(append.stream.clone());
                tokio::task::yield_now().await;
                append.stream = self.to.lock().unwrap().clone().unwrap_or(append.stream);
            }
            ForgetsOthersWriteIds if append.expected == head => drop(self.writes.lock().unwrap().insert(append.write)),
            ForgetsOthersWriteIds if !self.writes.lock().unwrap().contains(&append.write) => return Ok(Appended::Conflict(head)),
            Trims => {
                let trim = |record: &mut Arc<[u8]>| *record = record.trim_ascii().into();
                append.records.iter_mut().for_each(trim);
            }
            CutsAtAMegabyte => {
                append.records.iter_mut().filter(|one| one.len() >= 1 << 20).for_each(|one| *one = one[1..].into())
            }
            SplitsAppends if append.records.len() > 1 && head == append.expected => {
                let last = append.records.split_off(append.records.len() / 2);
                let other = WriteId(append.write.0.map(|byte| !byte));
                let Appended::Done(middle) = self.inner.append(Append { write: other, ..append.clone() }).await? else {
                    return Ok(Appended::Conflict(head));
                };
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                return self.inner.append(Append { expected: middle, records: last, ..append }).await;
            }
            _ => {}
        }
        let expected = append.expected;
        match self.inner.append(append.clone()).await? {
            Appended::Conflict(head) if self.flaw == TellsTheFencedThatItIsDone => Ok(Appended::Done(head)),
            Appended::Conflict(_) if self.flaw == LandsConflictsLater => {
                self.late.lock().unwrap().push(append);
                Ok(Appended::Conflict(head))
            }
            Appended::Conflict(_) if self.flaw == AnswersAConflictWithTheExpectedVersion => Ok(Appended::Conflict(expected)),
            answer => Ok(answer),
        }
    }

    async fn wrote(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        self.inner.wrote(&self.id(stream), write).await
    }

    async fn compact(&self, mut compact: Compact) -> Result<()> {
        *self.snapshots.lock().unwrap() = Some(compact.clone());
        if self.flaw == DropsWhatIsKept {
            compact.keep = Keep::Nothing;
        }
        self.inner.compact(compact).await
    }

    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        let mut listed = match self.flaw {
            ListsByPattern => {
                let like = |id: &StreamId| {
                    let matches = |(wanted, found): (char, char)| "_%".contains(wanted) || wanted.eq_ignore_ascii_case(&found);
                    prefix.chars().zip(id.as_str().chars()).all(matches)
                };
                self.inner.list("", after, limit).await?.into_iter().filter(like).collect()
            }
            ListsFromTheFirstAgain => self.inner.list(prefix, None, limit).await?,
            _ => self.inner.list(prefix, after, limit).await?,
        };
        if self.flaw == ListsBackwards {
            listed.reverse();
        }
        Ok(listed)
    }
}

#[test]
fn each_flaw_of_a_journal_is_caught_by_its_case() {
    for (flaw, case) in CAUGHT {
        let fresh = async || Ok(Broken::subject(flaw).patience(std::time::Duration::from_secs(2)));
        let caught = journal::run(case, fresh, &[]);
        assert!(caught.is_err(), "{case} passes over a journal that {flaw:?}");
        println!("{flaw:?}: {}", caught.unwrap_err());
    }
}

#[test]
fn a_case_known_to_fail_must_fail() {
    let trims = async || Ok(Broken::subject(Trims));
    let sound = async || Ok(Subject::new(Arc::new(MemoryJournal::new())));
    let known = &[("odd_bytes_come_back", "it trims")];
    assert!(journal::run("odd_bytes_come_back", trims, known).is_ok());
    let passes = journal::run("odd_bytes_come_back", sound, known).unwrap_err().to_string();
    assert!(passes.contains("passes now; remove it from known"), "{passes}");
    let no_case = journal::check_known(&[("odd_bites_come_back", "it trims")]).unwrap_err().to_string();
    assert!(no_case.contains("there is no case `odd_bites_come_back`"), "{no_case}");
    assert!(journal::run("odd_bites_come_back", sound, &[]).is_err());
}

async fn one_that_trims() -> Result<Subject> {
    Ok(Broken::subject(Trims))
}

mod a_journal_that_trims {
    immutable_core::journal_conformance!(super::one_that_trims, known: { "odd_bytes_come_back": "it trims white space" });
}

#[test]
fn what_cannot_be_opened_again_is_not_passed_over() {
    let sound = async || Ok(Subject::new(Arc::new(MemoryJournal::new())));
    let fails = journal::run("a_stream_goes_on_when_it_is_opened_again", sound, &[]).unwrap_err().to_string();
    assert!(fails.contains("give it Subject::reopen"), "{fails}");
}
