//! Calls and bytes of a rollout on a journal in an object store. Figures: `cargo bench --features object-store --bench object_store`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use futures_util::stream::BoxStream;
use immutable_core::memory::MemoryOptions;
use immutable_core::rollout::Percent;
use immutable_core::time::VirtualClock;
use immutable_core::{Controller, Fleet, MemoryCloud, ObjectStoreJournal, Outcome, Plan, Strategy, Timestamp};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result,
};

/// Calls, and bytes of bodies.
type Counts = BTreeMap<&'static str, (usize, u64)>;

/// A store in memory that counts.
#[derive(Debug, Default)]
struct Counted {
    store: InMemory,
    counts: Mutex<Counts>,
}

impl Counted {
    fn count(&self, call: &'static str, bytes: u64) {
        let mut counts = self.counts.lock().expect("no panic");
        let (calls, all) = counts.entry(call).or_default();
        (*calls, *all) = (*calls + 1, *all + bytes);
    }

    fn take(&self) -> Counts {
        std::mem::take(&mut self.counts.lock().expect("no panic"))
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("counted")
    }
}

#[async_trait]
impl ObjectStore for Counted {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.count("put", payload.content_length() as u64);
        self.store.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let got = self.store.get_opts(path, options).await;
        match &got {
            Ok(got) => self.count("get", got.meta.size),
            Err(_) => self.count("get of nothing", 0),
        }
        got
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.count("delete", 0);
        self.store.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count("list", 0);
        self.store.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count("list", 0);
        self.store.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.count("list", 0);
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

/// A fleet that runs 1.0.0, and a plan to replace it.
struct Stage {
    clock: VirtualClock,
    controller: Controller,
    store: Arc<Counted>,
    fleet: Fleet,
    plan: Plan,
}

impl Stage {
    fn new(instances: u32) -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()));
        let store = Arc::new(Counted::default());
        let controller = Controller::new(&cloud, ObjectStoreJournal::new(store.clone(), "journals")).with_clock(cloud.clock());
        let fleet = Fleet::new("web", cloud.place()).size(instances);
        let plan = |version| {
            let artifact = cloud.bake("acmeinc/web", version).expect("a version");
            let surge = Percent::new(25).expect("a percentage");
            clock.run(controller.plan(&fleet, &artifact, Strategy::rolling().max_surge(surge))).expect("a plan")
        };
        let first = plan("1.0.0");
        assert_eq!(clock.run(controller.run(first)).expect("an outcome"), Outcome::Succeeded);
        let plan = plan("1.1.0");
        store.take();
        Self { clock, controller, store, fleet, plan }
    }

    fn run(self) -> Arc<Counted> {
        assert_eq!(self.clock.run(self.controller.run(self.plan)).expect("an outcome"), Outcome::Succeeded);
        self.store
    }
}

fn rollouts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rollout on an object store in memory, surge 25 %");
    group.sample_size(10);
    for instances in [100, 1_000, 10_000] {
        let stage = Stage::new(instances);
        let (clock, id) = (stage.clock.clone(), stage.fleet.id().clone());
        let store = stage.run();
        let print = |what: &str, counts: Counts| {
            let one = |(call, (calls, bytes)): (&str, (usize, u64))| format!("{call} {calls} ({bytes} bytes)");
            println!("{instances} instances, {what}: {}", counts.into_iter().map(one).collect::<Vec<_>>().join(", "));
        };
        print("the rollout", store.take());
        let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()));
        let another = Controller::new(&cloud, ObjectStoreJournal::new(store.clone(), "journals")).with_clock(cloud.clock());
        clock.run(another.state(&id)).expect("a state");
        print("another process reads the fleet", store.take());
        group.bench_function(format!("{instances} instances"), |bencher| {
            bencher.iter_batched(|| Stage::new(instances), Stage::run, BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, rollouts);
criterion_main!(benches);
