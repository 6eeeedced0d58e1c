//! Many processes, one file.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use immutable_core::SqliteJournal;
use immutable_core::id::StreamVersion;
use immutable_core::journal::{After, Appended, Journal as _};

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

#[test]
fn each_version_is_one_process_s() {
    let folder = Folder::new();
    let children: Vec<_> = (0..PROCESSES)
        .map(|name| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "processes::one_process", "--ignored"])
                .env("JOURNAL", folder.file())
                .env("NAME", name.to_string())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
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
