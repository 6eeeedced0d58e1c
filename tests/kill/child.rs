//! The process that is killed: drives whatever rollout runs to its end, on a SQLite file and a cloud elsewhere.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use immutable_core::fleet::FleetId;
use immutable_core::id::{StreamId, StreamVersion, WriteId};
use immutable_core::journal::{After, Append, Appended, Compact, Journal, Loaded};
use immutable_core::{Controller, Provider, Result, SqliteJournal};
use tokio::sync::mpsc;

use super::cloud;

/// What is wrong with whoever drives, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Nothing,
    /// Its journal says that records are on the disk before they are.
    Acknowledges,
    /// Its provider says that no call arrives late, and it takes whoever was killed for itself: it waits for nothing that is on its way.
    Forgets,
}

impl Broken {
    const ALL: [Self; 3] = [Self::Nothing, Self::Acknowledges, Self::Forgets];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|broken| format!("{broken:?}") == name)
    }
}

/// This binary again, as one that drives.
pub(crate) fn spawn(name: &str, cloud: SocketAddr, journal: &Path, fleet: &FleetId, broken: Broken) -> Driver {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child::one_that_drives", "--ignored", "--nocapture"])
        .env("NAME", name)
        .env("CLOUD", cloud.to_string())
        .env("JOURNAL", journal)
        .env("FLEET", fleet.to_string())
        .env("BROKEN", format!("{broken:?}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    Driver(child.unwrap())
}

/// Killed at the latest when it is dropped.
#[derive(Debug)]
pub(crate) struct Driver(Child);

impl Driver {
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// SIGKILL: no destructor runs, nothing is flushed. Returns when it is dead.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// What it said, of one that has ended; an error if it failed.
    pub(crate) fn said(mut self) -> std::result::Result<String, String> {
        let status = self.0.wait().unwrap();
        let read = |from: Option<&mut dyn std::io::Read>| {
            let mut text = Vec::new();
            from.unwrap().read_to_end(&mut text).unwrap();
            String::from_utf8_lossy(&text).into_owned()
        };
        let said = read(self.0.stdout.as_mut().map(|out| out as _)) + &read(self.0.stderr.as_mut().map(|err| err as _));
        if status.success() && said.contains("1 passed") { Ok(said) } else { Err(format!("whoever drove failed: {said}")) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
#[ignore = "it is a process of the tests in main.rs"]
fn one_that_drives() {
    let var = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not said"));
    let journal = SqliteJournal::open(var("JOURNAL")).unwrap();
    let fleet: FleetId = serde_json::from_value(var("FLEET").into()).unwrap();
    let broken = Broken::named(&var("BROKEN")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let driven = runtime.block_on(async {
        let (cloud, clock) = cloud::reach(var("CLOUD").parse().unwrap(), broken).await.unwrap();
        let cloud = Provider::new(fleet.place().clone(), Arc::new(cloud));
        let controller = match broken {
            Broken::Acknowledges => Controller::new(cloud, Early::new(journal)),
            _ => Controller::new(cloud, journal),
        };
        let name = if broken == Broken::Forgets { "the same".to_owned() } else { var("NAME") };
        let controller = controller.with_clock(Arc::new(clock)).owner(name).poll(Duration::from_secs(1));
        let drive = async {
            match controller.rollout(&fleet).await.unwrap() {
                Some(rollout) => println!("it ended: {}", rollout.drive().await.unwrap()),
                None => println!("nothing runs"),
            }
        };
        // Whoever started it may be gone.
        tokio::time::timeout(Duration::from_secs(60), drive).await
    });
    driven.expect("it ends within a minute");
}

/// A journal that acknowledges what it writes a little later.
#[derive(Debug)]
struct Early {
    inner: SqliteJournal,
    writes: mpsc::UnboundedSender<Append>,
}

impl Early {
    fn new(inner: SqliteJournal) -> Self {
        let (writes, mut later) = mpsc::unbounded_channel();
        let journal = inner.clone();
        tokio::spawn(async move {
            while let Some(append) = later.recv().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
                journal.append(append).await.unwrap();
            }
        });
        Self { inner, writes }
    }
}

#[async_trait]
impl Journal for Early {
    async fn load(&self, stream: &StreamId, after: After) -> Result<Loaded> {
        self.inner.load(stream, after).await
    }

    async fn append(&self, append: Append) -> Result<Appended> {
        let head = StreamVersion(append.expected.0 + append.records.len() as u64);
        self.writes.send(append).unwrap();
        Ok(Appended::Done(head))
    }

    async fn wrote(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        self.inner.wrote(stream, write).await
    }

    async fn compact(&self, compact: Compact) -> Result<()> {
        self.inner.compact(compact).await
    }

    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        self.inner.list(prefix, after, limit).await
    }
}
