//! Whole rollouts, and their parts, through the public API in virtual time. Figures: `cargo bench`.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use immutable_core::memory::MemoryOptions;
use immutable_core::rollout::{Facts, FleetState, Percent, Seen, decide};
use immutable_core::time::{Clock as _, VirtualClock};
use immutable_core::{Artifact, Controller, Fleet, MemoryCloud, Outcome, Plan, Strategy, Timestamp};

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
    for instances in [100_000] {
        let stage = Stage::new(instances);
        group.bench_function(format!("{instances} instances"), |bencher| bencher.iter(|| black_box(stage.plan(&stage.next))));
    }
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

criterion_group!(benches, rollouts, plans, decisions, folds);
criterion_main!(benches);
