//! Whole rollouts, and their parts, through the public API in virtual time. Figures: `cargo bench`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use immutable_core::id::{StreamVersion, WriteId};
use immutable_core::journal::{After, Append, Journal as _};
use immutable_core::memory::MemoryOptions;
use immutable_core::rollout::{Facts, FleetState, Percent, Seen, decide};
use immutable_core::time::{Clock as _, VirtualClock};
use immutable_core::{Artifact, Controller, Fleet, MemoryCloud, MemoryJournal, Outcome, Plan, Strategy, Timestamp};

/// A fleet that runs 1.0.0, and what it takes to replace it.
struct Stage {
    clock: VirtualClock,
    cloud: MemoryCloud,
    controller: Controller,
    fleet: Fleet,
    next: Artifact,
}

impl Stage {
    fn new(instances: u32) -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()));
        let controller = cloud.controller();
        let fleet = Fleet::new("web", cloud.place()).size(instances);
        let bake = |version| cloud.bake("acmeinc/web", version).expect("a version");
        let (first, next) = (bake("1.0.0"), bake("1.1.0"));
        let stage = Self { clock, cloud, controller, fleet, next };
        let plan = stage.plan(&first);
        assert_eq!(stage.run(plan), Outcome::Succeeded);
        stage
    }

    fn plan(&self, artifact: &Artifact) -> Plan {
        let surge = Percent::new(25).expect("a percentage");
        let plan = self.controller.plan(&self.fleet, artifact, Strategy::rolling().max_surge(surge));
        self.clock.run(plan).expect("a plan")
    }

    fn run(&self, plan: Plan) -> Outcome {
        self.clock.run(self.controller.run(plan)).expect("an outcome")
    }

    fn state(&self) -> FleetState {
        self.clock.run(self.controller.state(self.fleet.id())).expect("a state")
    }
}

fn rollouts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rollout, every instance replaced, surge 25 %");
    group.sample_size(10);
    for instances in [100, 1_000, 10_000, 100_000] {
        if instances == 100_000 {
            group.measurement_time(Duration::from_secs(30));
        }
        group.bench_function(format!("{instances} instances"), |bencher| {
            let prepare = || {
                let stage = Stage::new(instances);
                let plan = stage.plan(&stage.next);
                (stage, plan)
            };
            let replace = |(stage, plan): (Stage, Plan)| {
                assert_eq!(stage.run(plan), Outcome::Succeeded);
                stage
            };
            bencher.iter_batched(prepare, replace, BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn plans(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    group.sample_size(10);
    let stage = Stage::new(100_000);
    group.bench_function("100000 instances", |bencher| bencher.iter(|| black_box(stage.plan(&stage.next))));
    group.finish();
}

fn decisions(criterion: &mut Criterion) {
    let stage = Stage::new(100_000);
    let plan = stage.plan(&stage.next);
    let (state, observed, facts) = stage.clock.run(async {
        let rollout = stage.controller.start(plan).await.expect("started");
        // Three minutes are not enough for the whole fleet: this is the middle of it.
        let far = stage.clock.sleep_until(stage.clock.now() + Duration::from_secs(180));
        futures(rollout.drive(), far).await;
        let state = stage.controller.state(stage.fleet.id()).await.expect("a state");
        let provider = immutable_core::Provider::from(&stage.cloud);
        let observed = provider.fleets.observe(stage.fleet.id(), &state.known_groups()).await.expect("a view");
        let facts = Facts { as_of: stage.clock.now(), good: [stage.next.digest()].into(), ..Facts::default() };
        (state, observed, facts)
    });
    assert!(state.rollout().is_some(), "it still runs");
    let now = stage.clock.now();
    let seen = Seen::new(&observed, now).facts(&facts);
    criterion.bench_function("decide, 100000 instances, in the middle of a rollout", |bencher| {
        bencher.iter(|| black_box(decide(&state, &seen, now)));
    });
}

/// How long a rollout takes in virtual time where one boot in fifty hangs for ever, with spares and without, over the lower bound: what its plan says it takes
/// at least without a hedge, `1 + ⌈(n − 1) ÷ surge⌉` rounds of a boot, its check and `min_ready`, which no schedule of `surge` machines at once is below.
fn makespans(criterion: &mut Criterion) {
    let (boot, check) = (Duration::from_secs(60), Duration::from_secs(5));
    let takes = |spares: Option<u32>| {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let options = MemoryOptions::seeded(7).clock(clock.clone()).boot(boot).check(check).drain(Duration::ZERO);
        let cloud = MemoryCloud::with(options);
        let controller = cloud.controller().poll(Duration::from_secs(1));
        let fleet = Fleet::new("web", cloud.place()).size(1_000).typical_boot(boot + check);
        let plan = |version, strategy: Strategy| {
            let artifact = cloud.bake("acmeinc/web", version).expect("a version");
            clock.run(controller.plan(&fleet, &artifact, strategy)).expect("a plan")
        };
        let plain = Strategy::rolling().max_surge(Percent::new(10).expect("a percentage"));
        let first = plan("1.0.0", plain.clone());
        assert_eq!(clock.run(controller.run(first)).expect("an outcome"), Outcome::Succeeded);
        cloud.boots_hang(20);
        let bound = plan("1.1.0", plain.clone()).envelope().takes.least;
        let next = plan("1.2.0", spares.map_or(plain.clone(), |spares| plain.hedge(spares, Duration::from_secs(70))));
        let begun = clock.now();
        assert_eq!(clock.run(controller.run(next)).expect("an outcome"), Outcome::Succeeded);
        clock.now().since(begun).as_secs_f64() / bound.as_secs_f64()
    };
    let mut group = criterion.benchmark_group("rollout of 1000, 2 % of the boots hang, surge 10 %");
    group.sample_size(10);
    for (name, spares, most) in [("no spares", None, f64::MAX), ("30 spares after 70 s", Some(30), 1.2)] {
        let times = takes(spares);
        println!("{name}: {times:.3} of the lower bound");
        assert!(times <= most, "{name}: {times:.3} of the lower bound");
        group.bench_function(name, |bencher| bencher.iter(|| black_box(takes(spares))));
    }
    group.finish();
}

async fn futures(one: impl Future, other: impl Future) {
    let (one, other) = (std::pin::pin!(one), std::pin::pin!(other));
    futures_util::future::select(one, other).await;
}

fn folds(criterion: &mut Criterion) {
    let stage = Stage::new(10_000);
    let plan = stage.plan(&stage.next);
    assert_eq!(stage.run(plan), Outcome::Succeeded);
    let history = stage.clock.run(stage.controller.history(stage.fleet.id())).expect("a history");
    criterion.bench_function(&format!("fold {} records of two rollouts of 10000 instances", history.len()), |bencher| {
        bencher.iter(|| {
            let mut state = FleetState::new(stage.fleet.id().clone());
            history.iter().try_for_each(|(_, recorded)| state.evolve(recorded)).expect("a legal history");
            state
        });
    });
    assert_eq!(stage.state().owed().count(), 0);
}

/// A million events: ten times a fleet's stream of a hundred thousand, of as many rollouts as that takes, from the first record on and without a snapshot.
fn million(criterion: &mut Criterion) {
    const EVENTS: usize = 100_000;
    const TIMES: usize = 10;
    let stage = Stage::new(100);
    let stream = stage.fleet.id().stream();
    let load = || stage.clock.run(stage.cloud.journal().load(&stream, After::Version(StreamVersion(0)))).expect("a stream");
    let mut version = 1;
    while load().head.0 < EVENTS as u64 {
        for _ in 0..50 {
            version += 1;
            let next = stage.cloud.bake("acmeinc/web", &format!("1.{version}.0")).expect("a version");
            assert_eq!(stage.run(stage.plan(&next)), Outcome::Succeeded);
        }
    }
    let mut records = load().records;
    records.truncate(EVENTS);
    let bytes: usize = records.iter().map(|record| record.len()).sum();
    let journal = MemoryJournal::new();
    let append = Append { stream: stream.clone(), expected: StreamVersion(0), write: WriteId([1; 16]), records };
    stage.clock.run(journal.append(append)).expect("written");
    let controller = || Controller::new(&stage.cloud, journal.clone()).with_clock(Arc::new(stage.clock.clone()));
    let history = stage.clock.run(controller().history(stage.fleet.id())).expect("a history");
    let name = format!("{} events, {} bytes each", EVENTS * TIMES, bytes / EVENTS);
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).throughput(Throughput::Elements((EVENTS * TIMES) as u64));
    group.bench_function("folded", |bencher| {
        bencher.iter(|| {
            for _ in 0..TIMES {
                let mut state = FleetState::new(stage.fleet.id().clone());
                history.iter().try_for_each(|(_, recorded)| state.evolve(recorded)).expect("a legal history");
                black_box(&state);
            }
        });
    });
    group.bench_function("read from a journal in memory, and folded", |bencher| {
        bencher.iter(|| {
            for _ in 0..TIMES {
                black_box(stage.clock.run(controller().state(stage.fleet.id())).expect("a state"));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, rollouts, plans, decisions, folds, million, makespans);
criterion_main!(benches);
