//! How long a rollout takes where one boot in fifty hangs, with spares and without: in virtual time, the same on every machine.

use std::time::Duration;

use immutable_core::memory::{Delay, MemoryCloud, MemoryOptions};
use immutable_core::rollout::Percent;
use immutable_core::time::{Clock as _, VirtualClock};
use immutable_core::{Artifact, Fleet, Outcome, Plan, Strategy, Timestamp};

const BOOT: Duration = Duration::from_secs(60);
const CHECK: Duration = Duration::from_secs(5);

/// How long all are replaced in, and what no schedule is below: `⌈(n − 1) ÷ surge⌉` rounds, and one for the probe, of a boot, its check and `min_ready`.
fn replaced_in(seed: u64, instances: u32, hedge: Option<u32>) -> (Duration, Duration) {
    let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
    let options = MemoryOptions::seeded(seed).clock(clock.clone()).boot(Delay::from(BOOT)).check(CHECK).drain(Duration::ZERO);
    let cloud = MemoryCloud::with(options);
    let controller = cloud.controller().poll(Duration::from_secs(1));
    let fleet = Fleet::new("web", cloud.place()).size(instances).typical_boot(BOOT + CHECK);
    let plain = Strategy::rolling().max_surge(Percent::new(10).unwrap()).max_failed(Percent::new(10).unwrap());
    let strategy = match hedge {
        Some(spares) => plain.clone().hedge(spares, Duration::from_secs(70)),
        None => plain.clone(),
    };
    let plan = |artifact: &Artifact, strategy: &Strategy| clock.run(controller.plan(&fleet, artifact, strategy.clone())).unwrap();
    let run = |plan: Plan| {
        let begun = clock.now();
        assert_eq!(clock.run(controller.run(plan)).unwrap(), Outcome::Succeeded);
        clock.now().since(begun)
    };
    let [first, next] = ["1.0.0", "1.1.0"].map(|version| cloud.bake("acmeinc/web", version).unwrap());
    run(plan(&first, &plain));
    cloud.boots_hang(20);
    let bound = plan(&next, &plain).envelope().takes.least;
    (run(plan(&next, &strategy)), bound)
}

#[test]
fn with_spares_a_boot_that_hangs_costs_little() {
    let mut slow = 0;
    for seed in 1..=6 {
        let (took, bound) = replaced_in(seed, 200, Some(8));
        assert_eq!(bound, 11 * Duration::from_secs(75), "a probe, and ten rounds of twenty");
        assert!(took.as_secs_f64() <= 1.2 * bound.as_secs_f64(), "seed {seed}: {took:?} of {bound:?}");
        let (without, _) = replaced_in(seed, 200, None);
        assert!(without >= took, "seed {seed}: {without:?} without, {took:?} with");
        slow += u32::from(without.as_secs_f64() > 1.2 * bound.as_secs_f64());
    }
    assert!(slow >= 3, "in {slow} of 6 worlds it is slow without");
}
