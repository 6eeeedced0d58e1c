//! Appends a second on a journal in one SQLite file, by one fleet and by sixteen at once, and how many of them share a commit; and how many commits, each of which
//! syncs the file once, a rollout makes for its looks.
//! Figures: `cargo bench --features sqlite --bench sqlite`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use immutable_core::id::{StreamId, StreamVersion, WriteId};
use immutable_core::journal::{After, Append, Appended, Journal as _, Record};
use immutable_core::memory::MemoryOptions;
use immutable_core::time::ScaledClock;
use immutable_core::{Controller, Fleet, MemoryCloud, Outcome, SqliteJournal, Strategy, Timestamp};
use rusqlite::Connection;

/// About what an event of a rollout is.
const BYTES: usize = 512;

/// A folder that goes when it is dropped: on the disk of the build, not in memory.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Appends to one stream, one after the other, as a fleet's driver does.
async fn appends(journal: &SqliteJournal, stream: u64, from: u64, to: u64) {
    let record = Record::from([b'x'; BYTES]);
    for nth in from..to {
        let write = WriteId((u128::from(stream) << 64 | u128::from(nth)).to_be_bytes());
        let (stream, expected) = (StreamId::new(format!("fleet/{stream}")), StreamVersion(nth));
        let append = Append { stream, expected, write, records: vec![record.clone()] };
        assert_eq!(journal.append(append).await.expect("appended"), Appended::Done(StreamVersion(nth + 1)));
    }
}

fn journals(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut group = criterion.benchmark_group("append of 512 bytes, synced");
    group.sample_size(20).measurement_time(Duration::from_secs(8));
    for streams in [1, 16] {
        let folder = Folder::new();
        let path = folder.0.join("journal.db");
        let journal = SqliteJournal::open(&path).expect("opened");
        let mut head = 0;
        group.throughput(Throughput::Elements(streams));
        group.bench_function(format!("{streams} at once"), |bencher| {
            bencher.iter_custom(|times| {
                let begun = Instant::now();
                let all = (0..streams).map(|stream| appends(&journal, stream, head, head + times));
                runtime.block_on(join_all(all));
                head += times;
                begun.elapsed()
            });
        });
        let reader = Connection::open(&path).expect("opened");
        let commits: u64 =
            reader.query_one("SELECT commits FROM journal", [], |row| row.get::<_, i64>(0)).expect("a row").unsigned_abs();
        let appends = head * streams;
        println!("{streams} at once: {appends} appends in {commits} commits, {:.1} a commit", appends as f64 / commits as f64);
    }
    group.finish();
}

/// Opening reads every page once.
fn opening(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let folder = Folder::new();
    let path = folder.0.join("journal.db");
    let journal = SqliteJournal::open(&path).expect("opened");
    let records = vec![Record::from([b'x'; BYTES]); 1_000];
    runtime.block_on(async {
        for nth in 0..100 {
            let (stream, write) = (StreamId::new(format!("fleet/{nth}")), WriteId([nth; 16]));
            let append = Append { stream, expected: StreamVersion(0), write, records: records.clone() };
            journal.append(append).await.expect("appended");
        }
    });
    drop(journal);
    let megabytes = std::fs::metadata(&path).expect("a file").len() >> 20;
    let mut group = criterion.benchmark_group(format!("100000 records of 512 bytes, {megabytes} MB"));
    group.sample_size(10);
    group.bench_function("open", |bencher| bencher.iter(|| SqliteJournal::open(&path).expect("opened")));
    let journal = SqliteJournal::open(&path).expect("opened");
    let stream = StreamId::new("fleet/7");
    group.bench_function("load one of 100 streams", |bencher| {
        bencher.iter(|| runtime.block_on(journal.load(&stream, After::Snapshot)).expect("loaded"));
    });
    group.finish();
}

/// A rollout over a file, a hundred times as fast as it would be.
fn rollouts(_: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    for size in [6, 100, 1000] {
        let folder = Folder::new();
        let path = folder.0.join("journal.db");
        let commits = || {
            let reader = Connection::open(&path).expect("opened");
            reader.query_one("SELECT commits FROM journal", [], |row| row.get::<_, i64>(0)).expect("a row").unsigned_abs()
        };
        runtime.block_on(async {
            let journal = SqliteJournal::open(&path).expect("opened");
            let clock = ScaledClock::new(Timestamp::default(), 100);
            let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()).boot(Duration::from_secs(60)));
            let controller = Controller::new(&cloud, journal).with_clock(Arc::new(clock));
            let fleet = Fleet::new("web", cloud.place()).size(size);
            for version in ["1.0.0", "1.1.0"] {
                let artifact = cloud.bake("acmeinc/web", version).expect("baked");
                let plan = controller.plan(&fleet, &artifact, Strategy::rolling()).await.expect("a plan");
                let (before, looks) = (commits(), cloud.looks());
                assert_eq!(controller.run(plan).await.expect("it ran"), Outcome::Succeeded);
                let (commits, looks) = (commits() - before, cloud.looks() - looks);
                if version == "1.1.0" {
                    println!("{size} replaced: {commits} commits for {looks} looks, {:.2} a look", commits as f64 / looks as f64);
                }
            }
        });
    }
}

criterion_group!(benches, journals, rollouts, opening);
criterion_main!(benches);
