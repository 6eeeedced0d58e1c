//! Seeing what happens and why: a fleet's events, how it stands, its story; and what is refused that a newer version wrote.

use std::error::Error as _;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use immutable_core::id::{StreamId, StreamVersion, WriteId};
use immutable_core::journal::{After, Append, Appended, Compact, Journal, Keep, Loaded};
use immutable_core::memory::MemoryOptions;
use immutable_core::rollout::{Approve, Event, Explanation, OnFirstFailure, Recorded, Story};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{
    Controller, Error, ErrorKind, Fleet, MemoryCloud, MemoryJournal, Outcome, Plan, Result, Rollout, Strategy, Timestamp,
};

struct Stage {
    clock: VirtualClock,
    cloud: MemoryCloud,
    fleet: Fleet,
}

impl Stage {
    fn new(latency: Duration) -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let options = MemoryOptions::seeded(7).clock(clock.clone()).boot(Duration::from_secs(60)).latency(latency);
        let cloud = MemoryCloud::with(options);
        let fleet = Fleet::new("web", cloud.place()).size(3);
        Self { clock, cloud, fleet }
    }

    fn controller(&self) -> Controller {
        self.cloud.controller().owner("deployer")
    }

    async fn plan(&self, version: &str, strategy: Strategy) -> Plan {
        let artifact = self.cloud.bake("acmeinc/web", version).unwrap();
        self.controller().plan(&self.fleet, &artifact, strategy).await.unwrap()
    }

    async fn deploy(&self, version: &str) {
        let plan = self.plan(version, Strategy::rolling().max_surge(1)).await;
        assert_eq!(self.controller().run(plan).await.unwrap(), Outcome::Succeeded);
    }

    /// Lets somebody act for so long; `None` if that was not enough.
    async fn within<T>(&self, seconds: u64, act: impl Future<Output = T>) -> Option<T> {
        let over = self.clock.sleep_until(self.clock.now() + Duration::from_secs(seconds));
        match select(pin!(act), over).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }

    async fn drive_for(&self, rollout: &Rollout, seconds: u64) {
        assert!(self.within(seconds, rollout.drive()).await.is_none(), "it ended too early");
    }

    async fn explain(&self) -> Explanation {
        let explanation = self.cloud.controller().explain(self.fleet.id()).await.unwrap();
        let json = serde_json::to_string(&explanation).unwrap();
        assert_eq!(serde_json::from_str::<Explanation>(&json).unwrap(), explanation);
        explanation
    }
}

/// Runs a story in virtual time.
fn play<T>(story: impl AsyncFnOnce(&Stage) -> T) -> T {
    play_in(Duration::ZERO, story)
}

/// As [`play`], in a cloud that takes so long for an answer.
fn play_in<T>(latency: Duration, story: impl AsyncFnOnce(&Stage) -> T) -> T {
    let stage = Stage::new(latency);
    let clock = stage.clock.clone();
    clock.run(story(&stage))
}

#[test]
fn a_fleets_events_are_told_in_any_process_over_all_its_rollouts() {
    play(async |stage| {
        let elsewhere = stage.cloud.controller();
        let mut events = elsewhere.events(stage.fleet.id(), StreamVersion(0));
        assert!(stage.within(3600, events.next()).await.is_none(), "of a fleet that never was it waits for the first");
        let told = async {
            let (mut told, mut ended) = (Vec::new(), 0);
            while ended < 2 {
                let event = events.next().await.unwrap().unwrap();
                ended += u32::from(matches!(event.1.event, Event::Ended { .. }));
                told.push((event, stage.clock.now()));
            }
            told
        };
        let deployed = async {
            stage.deploy("1.0.0").await;
            stage.clock.sleep_until(stage.clock.now() + Duration::from_secs(86_400)).await;
            stage.deploy("1.1.0").await;
        };
        let (told, ()) = futures_util::join!(told, deployed);
        assert!(told.iter().all(|((_, recorded), told)| told.since(recorded.at) <= Duration::from_secs(5)), "it is live");
        let history = elsewhere.history(stage.fleet.id()).await.unwrap();
        let told: Vec<_> = told.into_iter().map(|(event, _)| event).collect();
        assert_eq!(told, history);
        assert!(stage.within(3600, events.next()).await.is_none(), "it goes on");
        let mut later = elsewhere.events(stage.fleet.id(), StreamVersion(7));
        assert_eq!(later.next().await.unwrap().unwrap(), history[7], "from any version");
    });
}

/// A journal that cannot be reached for so many reads.
struct Silent(MemoryJournal, AtomicU32);

#[async_trait]
impl Journal for Silent {
    async fn load(&self, stream: &StreamId, after: After) -> Result<Loaded> {
        let silent = self.1.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |times| times.checked_sub(1));
        if silent.is_ok() { Err(Error::new(ErrorKind::Unreachable, "no answer")) } else { self.0.load(stream, after).await }
    }

    async fn append(&self, append: Append) -> Result<Appended> {
        self.0.append(append).await
    }

    async fn wrote(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        self.0.wrote(stream, write).await
    }

    async fn compact(&self, compact: Compact) -> Result<()> {
        self.0.compact(compact).await
    }

    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        self.0.list(prefix, after, limit).await
    }
}

#[test]
fn a_journal_that_is_silent_for_a_while_ends_no_stream() {
    play(async |stage| {
        stage.deploy("1.0.0").await;
        let journal = Silent(stage.cloud.journal(), AtomicU32::new(2));
        let controller = Controller::new(&stage.cloud, journal).with_clock(stage.cloud.clock());
        let mut events = controller.events(stage.fleet.id(), StreamVersion(0));
        for _ in 0..2 {
            assert_eq!(events.next().await.unwrap().unwrap_err().kind(), ErrorKind::Unreachable);
        }
        assert_eq!(events.next().await.unwrap().unwrap().0, StreamVersion(1));
    });
}

/// Writes to the end of a fleet's stream what another version might.
async fn append(stage: &Stage, record: &str) -> StreamVersion {
    let (journal, stream) = (stage.cloud.journal(), stage.fleet.id().stream());
    let expected = journal.load(&stream, After::Snapshot).await.unwrap().head;
    let append = Append { stream, expected, write: WriteId([7; 16]), records: vec![record.as_bytes().into()] };
    assert_eq!(journal.append(append).await.unwrap(), Appended::Done(StreamVersion(expected.0 + 1)));
    StreamVersion(expected.0 + 1)
}

#[test]
fn what_a_newer_version_wrote_is_refused_by_name_and_says_what_to_do() {
    let says = |v: u32, event: &str| format!(r#"{{"v":{v},"at":"2026-11-21T09:30:00.000Z","epoch":1,"event":{event}}}"#);
    for (record, why, source) in [
        (says(1, r#"{"merged":{}}"#), "is of format 1 and says what this version does not know; a newer version", "`merged`"),
        (says(2, r#""watched""#), "is of format 2, and this version reads formats up to 1; a newer version", ""),
        (says(1, r#"{"ended":{"outcome":"lost"}}"#), "is of format 1 and says what this version does not know", "`lost`"),
        ("{".to_owned(), "is damaged; restore the journal from a copy", "EOF"),
    ] {
        play(async |stage| {
            stage.deploy("1.0.0").await;
            let known = stage.controller();
            known.state(stage.fleet.id()).await.unwrap();
            let at = append(stage, &record).await;
            let mut events = known.events(stage.fleet.id(), StreamVersion(at.0 - 1));
            let refused = [
                known.state(stage.fleet.id()).await.unwrap_err(),
                stage.controller().state(stage.fleet.id()).await.unwrap_err(),
                known.history(stage.fleet.id()).await.unwrap_err(),
                known.explain(stage.fleet.id()).await.unwrap_err(),
                events.next().await.unwrap().unwrap_err(),
            ];
            for error in refused {
                assert_eq!(error.kind(), ErrorKind::Corrupt);
                let named = format!("record {at} of fleet/memory/local/local/web: it {why}");
                assert!(error.message().starts_with(&named), "{error}");
                let said = error.source().and_then(|why| why.source().map(ToString::to_string)).unwrap_or_default();
                assert!(said.contains(source), "{said}");
            }
            assert!(events.next().await.is_none(), "what is refused stays so");
        });
    }
}

#[test]
fn a_snapshot_of_a_newer_version_is_refused_by_name_and_says_what_to_do() {
    play(async |stage| {
        stage.deploy("1.0.0").await;
        let (journal, stream) = (stage.cloud.journal(), stage.fleet.id().stream());
        let state = serde_json::to_value(stage.controller().state(stage.fleet.id()).await.unwrap()).unwrap();
        let mut unknown = state.clone();
        unknown["last"][1] = "lost".into();
        let mut other = state.clone();
        other["fleet"] = "memory/local/local/api".into();
        let head = journal.load(&stream, After::Snapshot).await.unwrap().head;
        for (behind, snapshot, why) in [
            (5, serde_json::json!({ "v": 2, "state": state }), "it is of format 2, and this version reads formats up to 1"),
            (4, serde_json::json!({ "v": 3, "sum": {} }), "it is of format 3, and this version reads formats up to 1"),
            (3, serde_json::json!({ "v": 1, "state": unknown }), "it is of format 1 and says what this version does not know"),
            (2, serde_json::json!({ "v": 1, "state": other }), "it is damaged; restore the journal from a copy"),
            (1, serde_json::json!({ "state": state }), "it is damaged; restore the journal from a copy"),
        ] {
            let at = StreamVersion(head.0 - behind);
            let snapshot = serde_json::to_vec(&snapshot).unwrap().into();
            journal.compact(Compact { stream: stream.clone(), at, snapshot, keep: Keep::Everything }).await.unwrap();
            let error = stage.controller().state(stage.fleet.id()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            let named = format!("snapshot at record {at} of fleet/memory/local/local/web: {why}");
            assert!(error.message().starts_with(&named), "{error}");
        }
    });
}

fn lines(explanation: &Explanation) -> Vec<String> {
    explanation.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn a_fleet_says_how_it_stands_and_why() {
    play(async |stage| {
        let never = lines(&stage.explain().await);
        assert_eq!(
            never[1..],
            ["proven: nothing", "no rollout runs, and none ever did", "owned by nobody"],
            "of a fleet that never was"
        );
        stage.deploy("1.0.0").await;
        let rests = lines(&stage.explain().await);
        assert!(rests[1].starts_with("proven: acmeinc/web 1.0.0 in generation 0001 since 2026-11-21T"), "{rests:?}");
        assert!(rests[1].contains("by 3 instances, each ready and of its image (sha256:"), "{rests:?}");
        assert_eq!(rests[2], "no rollout runs; rollout 1, the last, ended: succeeded");
        assert!(rests[3].starts_with("owned by deployer, by claim 1; last written to at 2026-11-21T"), "{rests:?}");

        let begun = stage.clock.now();
        let plan = stage.plan("1.1.0", Strategy::rolling().max_surge(1).gate(Approve::by(["ann", "bob"]))).await;
        let rollout = stage.controller().start(plan).await.unwrap();
        stage.drive_for(&rollout, 30).await;
        let boots = stage.explain().await;
        let said = lines(&boots);
        assert_eq!(said[2], format!("rollout 2 runs since {begun}: acmeinc/web 1.0.0 → acmeinc/web 1.1.0, in 2 steps"));
        assert!(said[3].starts_with("  step 1: on the way to its goal, since 2026-11-21T"), "{said:?}");
        assert!(said[4].starts_with("  waiting for the first instance to be ready (boot deadline in"), "{said:?}");
        assert_eq!(said[5], "  what can be asked of it: abort, back to what is proven; abort, and leave it as it is; pause");

        rollout.pause("ann").await.unwrap();
        stage.drive_for(&rollout, 30).await;
        let paused = lines(&stage.explain().await);
        assert!(paused[3].starts_with("  paused by ann, since 2026-11-21T"), "{paused:?}");
        assert!(paused[5].starts_with("  what can be asked of it: resume; abort, back"), "{paused:?}");
        rollout.resume("ann").await.unwrap();

        stage.drive_for(&rollout, 1200).await;
        let waits = stage.explain().await;
        let said = lines(&waits);
        assert!(said[3].starts_with("  step 2: its gate is waited for, since"), "{said:?}");
        assert!(said[4].starts_with("  waiting for 1 of ann, bob to approve"), "{said:?}");
        assert!(said[5].contains("approve step 2 (by ann); approve step 2 (by bob); promote step 2; abort"), "{said:?}");
        // What is said to be carried out is.
        for (what, by) in waits.rollout.unwrap().may.into_iter().take(1) {
            assert_eq!((what.to_string().as_str(), by.as_ref().map(|by| by.as_str())), ("approve step 2", Some("ann")));
        }
        rollout.approve(immutable_core::id::StepIx(1), "ann").await.unwrap();
        assert_eq!(rollout.drive().await.unwrap(), Outcome::Succeeded);
    });
}

#[test]
fn whoever_is_asked_is_told_what_would_answer() {
    play(async |stage| {
        let artifact = stage.cloud.bake("acmeinc/web", "1.0.0").unwrap();
        stage.cloud.never_healthy(&artifact);
        let strategy = Strategy::rolling().max_surge(1).on_first_failure(OnFirstFailure::Hold);
        let plan = stage.controller().plan(&stage.fleet, &artifact, strategy).await.unwrap();
        let rollout = stage.controller().start(plan).await.unwrap();
        assert!(matches!(rollout.drive().await.unwrap(), Outcome::Needs(_)));
        let asks = stage.explain().await;
        let said = lines(&asks);
        assert!(said[3].starts_with("  a person is asked: the release failed ("), "{said:?}");
        assert_eq!(said[4], "  what answers it: retry; abort, and remove what was launched; abort, and leave it as it is");
        assert!(asks.rollout.unwrap().asks.is_some());
    });
}

#[test]
fn what_is_owed_is_told_and_what_is_not_seen() {
    play_in(Duration::from_secs(10), async |stage| {
        let plan = stage.plan("1.0.0", Strategy::rolling().max_surge(1)).await;
        let rollout = stage.controller().start(plan).await.unwrap();
        let begun = stage.clock.now();
        for (drives, stands) in [(15, "not answered yet"), (5, "nobody knows whether it took effect")] {
            stage.drive_for(&rollout, drives).await;
            let explanation = stage.explain().await;
            assert_eq!(explanation.owed.len(), 1);
            let since = begun + Duration::from_secs(10);
            let said = format!("owed since {since}: call 1, make generation 0001 of acmeinc/web 1.0.0; {stands}");
            assert!(explanation.to_string().contains(&said), "{explanation}");
        }
        // Who does not serve its place knows what is journaled.
        let elsewhere = MemoryCloud::with(MemoryOptions::seeded(1).place("memory/other/other".parse().unwrap()));
        let blind = Controller::new(&elsewhere, stage.cloud.journal()).with_clock(stage.cloud.clock());
        let blind = blind.explain(stage.fleet.id()).await.unwrap();
        assert!(blind.to_string().contains("  what it waits for is not known: this controller does not serve"), "{blind}");
        assert_eq!(blind.owed.len(), 1);
    });
}

#[test]
fn a_story_has_rollouts_as_chapters_and_a_line_for_each_record() {
    play(async |stage| {
        stage.deploy("1.0.0").await;
        stage.deploy("1.1.0").await;
        let history = stage.controller().history(stage.fleet.id()).await.unwrap();
        let story = Story::of(&history).to_string();
        let chapters: Vec<_> = story.lines().filter(|line| line.starts_with("rollout")).collect();
        assert_eq!(
            chapters,
            [
                "rollout 1: acmeinc/web 1.0.0, the first, 3 instances",
                "rollout 2: acmeinc/web 1.0.0 → acmeinc/web 1.1.0, 3 instances"
            ]
        );
        let records: Vec<_> = story.lines().filter(|line| line.starts_with(' ')).collect();
        assert_eq!(records.len(), history.len());
        assert_eq!(
            records[2],
            "     3  2026-11-21T04:00:00.000Z  deployer: call 1 is owed: make generation 0001 of acmeinc/web 1.0.0"
        );
        for (line, (version, Recorded { at, event, .. })) in records.iter().zip(&history).skip(1) {
            let said =
                if let Event::Opened { rollout, .. } = event { format!("rollout {rollout} begins") } else { event.to_string() };
            assert!(line.starts_with(&format!("{version:>6}  {at}  ")) && line.ends_with(&said), "{line}");
        }
    });
}
