//! How many worlds can be tried: simulated rollouts under faults, in decisions and deliveries a second on one core. Figures:
//! `cargo bench --bench simulation`.

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use immutable_core::simulation::{Patience, Script, Simulation, Work};

/// A simulation is many small pieces of memory, each held for a moment: with the system's allocator it is a tenth slower.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// So many worlds one after the other, and what was done in them.
fn play(simulation: &Simulation, scripts: &[Script]) -> Work {
    let mut work = Work::default();
    for script in scripts {
        work += simulation.play(black_box(script), Patience::Configured).expect("no promise is broken").work;
    }
    work
}

fn worlds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("simulation, decisions and deliveries");
    group.sample_size(10);
    for (name, sizes) in [("up to 8 instances", 0..=8), ("20 to 40 instances", 20..=40)] {
        let simulation = Simulation::new().instances(sizes);
        let scripts: Vec<_> = (0..100).map(|seed| simulation.script(seed)).collect();
        let start = Instant::now();
        let work = play(&simulation, &scripts);
        let done = work.decisions + work.deliveries;
        let rate = done as f64 / start.elapsed().as_secs_f64();
        println!("{name}: {} decisions and {} deliveries in 100 worlds, {rate:.0} a second", work.decisions, work.deliveries);
        group.throughput(Throughput::Elements(done));
        group.bench_function(name, |bencher| bencher.iter(|| play(&simulation, &scripts)));
    }
    group.finish();
}

criterion_group!(benches, worlds);
criterion_main!(benches);
