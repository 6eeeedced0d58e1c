//! The worker's example as a newcomer meets it: what it tells, held against itself and against the journal; that no process is left over; what it says of
//! wrong input.

mod built;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use built::text;
use immutable_core::rollout::Event;
use immutable_core::{Controller, Fleet, MemoryCloud, Outcome, SqliteJournal};

fn worker() -> Command {
    built::example("worker")
}

/// Runs it to its end.
fn told(args: &[&str]) -> String {
    let Output { status, stdout, stderr } = worker().args(args).stdin(Stdio::null()).output().expect("it runs");
    assert!(status.success(), "{status}: {}\n{}", text(&stderr), text(&stdout));
    assert!(stderr.is_empty(), "{}", text(&stderr));
    text(&stdout)
}

/// What stands between the two, the first time that it does.
#[track_caller]
fn between<'a>(said: &'a str, before: &str, after: &str) -> &'a str {
    let between = said.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    between.unwrap_or_else(|| panic!("nothing stands between `{before}` and `{after}`:\n{said}")).0
}

/// Who was killed, and who took over.
#[track_caller]
fn killed_and_heir(said: &str) -> [&str; 2] {
    let killed = between(said, " s  killed ", " (pid ");
    let (_, later) = said.split_once(" s  killed ").expect("somebody was killed");
    let took_over = later.lines().find(|line| line.contains(" took it over after ")).expect("somebody took over");
    [killed, between(took_over, " s  ", " took it over after ")]
}

/// A path at which nothing is.
fn fresh(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("worker").join(name);
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder.join("journal.db")
}

#[test]
fn one_is_killed_and_the_other_carries_on() {
    let said = told(&[]);
    let (first, second) = said.split_once("\n== acmeinc/web 1.1.0 takes its place").expect("two rollouts");
    assert!(first.contains(" takes the fleet\n") && first.contains("  the rollout ended: succeeded\n"), "{said}");
    let [killed, heir] = killed_and_heir(second);
    assert!([["worker-1", "worker-2"], ["worker-2", "worker-1"]].contains(&[killed, heir]), "{said}");
    // It was killed with a call in hand, half way; the other had the whole rest to do.
    let call = between(second, "whose call ", " has just come: raise group 0002.0 from 2 to 3");
    let [before, after] =
        [" took it over after ", " and the cloud knows it by its token"].map(|what| second.find(what).expect("it is told"));
    assert!(second[before..after].contains(&format!("call {call} comes again")), "{said}");
    let seconds: f64 = between(second, " took it over after ", " s\n").parse().expect("seconds");
    assert!(seconds > 1.0, "its lease was not over yet: {said}");
    assert!(second.contains("\nacmeinc/web 1.1.0: 6 of 6 proven, and nothing else is there\n"), "{said}");
    assert!(second.contains("the cloud launched 12 machines, as many as were needed\n"), "{said}");
    assert_eq!(second.lines().last(), Some(&*format!("{heir} was told to stop, and has left")));
    let journal = Path::new(between(&said, " work on ", "\n"));
    assert!(!journal.parent().expect("a folder").exists(), "{} is left over", journal.display());
}

#[test]
fn the_journal_that_is_kept_tells_the_same() {
    let journal = fresh("kept");
    let said = told(&["--journal", journal.to_str().expect("text"), "--size", "3", "--lease", "3"]);
    let cloud = MemoryCloud::new();
    let fleet = Fleet::new("web", cloud.place());
    let reader = Controller::new(&cloud, SqliteJournal::open(&journal).expect("it is whole"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let history = runtime.block_on(reader.history(fleet.id())).expect("it can be read");
    let (mut owners, mut outcomes, mut raised) = (Vec::new(), Vec::new(), 0);
    for (_, recorded) in &history {
        match &recorded.event {
            Event::Opened { .. } => owners.clear(),
            Event::Claimed { owner, .. } => owners.push(owner.as_str().split('.').next().expect("a name")),
            Event::Ended { outcome } => outcomes.push(outcome.clone()),
            Event::Owed { call, .. } => {
                // `raise group 0002.0 from 2 to 3`
                let call = call.to_string();
                let sizes: Vec<u32> = call.split(' ').filter_map(|word| word.parse().ok()).collect();
                raised += if call.starts_with("raise ") { sizes[1] - sizes[0] } else { 0 };
            }
            _ => {}
        }
    }
    owners.dedup();
    assert!(owners.ends_with(&killed_and_heir(&said)), "{owners:?}: {said}");
    assert_eq!(outcomes, [Outcome::Succeeded, Outcome::Succeeded]);
    assert_eq!(raised, 6);
    assert!(said.contains("the cloud launched 6 machines"), "{said}");
}

#[test]
fn no_worker_outlives_whoever_started_it() {
    let journal = fresh("orphans");
    let mut example = worker();
    example.arg("--journal").arg(&journal).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut example = example.spawn().expect("it runs");
    // The workers have inherited it: it ends when none of them is left.
    let mut told = BufReader::new(example.stdout.take().expect("a pipe"));
    let (mut line, mut pids) = (String::new(), Vec::new());
    while !line.ends_with(" takes the fleet\n") {
        line.clear();
        assert!(told.read_line(&mut line).expect("text") > 0, "it has ended by itself");
        if line.contains(" work on ") {
            pids = line.split("(pid ").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())).collect();
        }
    }
    example.kill().expect("it is killed");
    example.wait().expect("it is dead");
    let (ends, ended) = mpsc::channel();
    thread::spawn(move || ends.send(told.read_to_end(&mut Vec::new())));
    let ended = ended.recv_timeout(Duration::from_secs(40));
    if ended.is_err() {
        // Those are what fails the test; they must not outlive it, too.
        drop(Command::new("kill").arg("-9").args(&pids).status());
    }
    assert!(ended.is_ok_and(|read| read.is_ok()), "a worker still lives, 40 s after whoever started it was killed");
}

#[test]
fn wrong_input_is_refused_with_what_would_be_right() {
    let refused = |args: &[&str], code: i32, why: &str| {
        let Output { status, stdout, stderr } = worker().args(args).stdin(Stdio::null()).output().expect("it runs");
        let said = text(&stderr);
        assert_eq!(status.code(), Some(code), "{args:?}: {said}");
        assert!(said.starts_with("error: ") && said.contains(why), "of {args:?} it said: {said}");
        assert!(code == 2 || said.lines().count() == 1, "{said}");
        assert!(stdout.is_empty(), "it began with {args:?}: {}", text(&stdout));
    };
    refused(&["--jurnal", "web.db"], 2, "a similar argument exists: '--journal'");
    refused(&["worker-3"], 2, "unrecognized subcommand 'worker-3'");
    refused(&["--size", "0"], 1, "`0` is no size for this walk; use 1 to 50");
    refused(&["--size", "many"], 1, "`many` is no size for this walk; use 1 to 50");
    refused(&["--lease", "2"], 1, "`2` is no lease for this walk; use 3 to 20 seconds");
    refused(&["--journal", "no/such/folder/web.db"], 1, "the folder of no/such/folder/web.db cannot be entered; make it first");
    let taken = fresh("taken");
    std::fs::write(&taken, "something else").expect("a file");
    refused(&["--journal", taken.to_str().expect("text")], 1, "is there already");
    assert_eq!(std::fs::read(&taken).expect("a file"), b"something else", "it was written to");
}
