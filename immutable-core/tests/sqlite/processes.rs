//! Many processes, one file.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use immutable_core::SqliteJournal;
use immutable_core::id::StreamVersion;
use immutable_core::journal::{After, Appended, Compact, Journal as _, Keep, Record};

use super::{Folder, append, run};

const PROCESSES: u64 = 4;
const EACH: u64 = 40;

/// One of the processes: appends to the stream that all share until it has won so many versions.
#[test]
#[ignore = "it is a process of the test below"]
fn one_process() {
    let path = std::env::var("JOURNAL").expect("JOURNAL says which file");
    let name: u64 = std::env::var("NAME").unwrap().parse().unwrap();
    let journal = SqliteJournal::open(path).unwrap();
    run(async {
        let (mut won, mut head) = (0, 0);
        while won < EACH {
            let text = format!("{name}:{won}");
            match append(&journal, "shared", head, name << 32 | won << 16 | head, &[&text]).await.unwrap() {
                Appended::Done(StreamVersion(now)) => {
                    assert_eq!(now, head + 1);
                    (won, head) = (won + 1, now);
                }
                Appended::Conflict(StreamVersion(now)) => head = now,
            }
        }
    });
}

/// This binary again, with one test.
fn child(test: &str, file: &Path, name: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("JOURNAL", file)
        .env("NAME", name.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn each_version_is_one_process_s() {
    let folder = Folder::new();
    let children: Vec<_> = (0..PROCESSES).map(|name| child("processes::one_process", &folder.file(), name)).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }
    let journal = SqliteJournal::open(folder.file()).unwrap();
    let loaded = run(journal.load(&"shared".into(), After::Version(StreamVersion(0)))).unwrap();
    assert_eq!(loaded.head, StreamVersion(PROCESSES * EACH));
    let mut next = BTreeMap::new();
    for record in &loaded.records {
        let (name, nth) = std::str::from_utf8(record).unwrap().split_once(':').unwrap();
        let next = next.entry(name.to_owned()).or_insert(0_u64);
        assert_eq!(nth.parse::<u64>().unwrap(), *next, "of process {name}");
        *next += 1;
    }
}

/// Appends for as long as it lives, and says of each append that it was acknowledged; now and then it takes a snapshot.
#[test]
#[ignore = "it is a process of the test below"]
fn one_that_is_killed() {
    let path = std::env::var("JOURNAL").expect("JOURNAL says which file");
    let journal = SqliteJournal::open(path).unwrap();
    let stream = format!("of {}", std::env::var("NAME").unwrap());
    run(async {
        let mut head = journal.load(&stream.as_str().into(), After::Snapshot).await.unwrap().head.0;
        for _ in 0..100_000 {
            let text = format!("{head} of {stream}").repeat(1 + usize::try_from(head % 40).unwrap());
            assert_eq!(append(&journal, &stream, head, head, &[&text]).await.unwrap(), Appended::Done(StreamVersion(head + 1)));
            head += 1;
            // One write, so that what is read is a line or nothing.
            std::io::stdout().write_all(format!("\nacknowledged {head}\n").as_bytes()).unwrap();
            if head.is_multiple_of(50) {
                let snapshot = Record::from(head.to_string().as_bytes());
                let (stream, at) = (stream.as_str().into(), StreamVersion(head));
                journal.compact(Compact { stream, at, snapshot, keep: Keep::Everything }).await.unwrap();
            }
        }
    });
}

/// Two processes write one file and are killed, again and again; whatever either was told is there, and the file is always whole.
#[test]
fn kill_who_writes_and_what_was_acknowledged_is_there() {
    let folder = Folder::new();
    let mut heads = [0, 0];
    for round in 0..15_u64 {
        let mut children = [0, 1].map(|name| child("processes::one_that_is_killed", &folder.file(), name));
        std::thread::sleep(Duration::from_millis(60 + round * 37 % 190));
        // SIGKILL: no destructor runs, nothing is flushed.
        children.iter_mut().for_each(|child| child.kill().unwrap());
        for (child, head) in children.into_iter().zip(&mut heads) {
            let output = child.wait_with_output().unwrap();
            let told = BufReader::new(&*output.stdout).lines().map_while(Result::ok);
            let last = told.filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok()).last();
            assert!(!String::from_utf8_lossy(&output.stdout).contains("FAILED"), "{}", String::from_utf8_lossy(&output.stdout));
            *head = last.unwrap_or(*head).max(*head);
        }
        let journal = SqliteJournal::open(folder.file()).unwrap();
        for (name, head) in heads.iter_mut().enumerate() {
            let stream = format!("of {name}");
            let loaded = run(journal.load(&stream.as_str().into(), After::Version(StreamVersion(0)))).unwrap();
            assert!(loaded.head.0 >= *head, "{head} were acknowledged, and {} are there", loaded.head);
            for (nth, record) in loaded.records.iter().enumerate() {
                assert_eq!(**record, *format!("{nth} of {stream}").repeat(1 + nth % 40).as_bytes());
            }
            *head = loaded.head.0;
        }
    }
    println!("{heads:?} records after 30 kills");
    assert!(heads.iter().all(|head| *head > 100), "{heads:?}");
}
