//! What was once broken: each a whole rollout, by the public API, in a world that showed it.

use std::time::Duration;

use immutable_core::fleet::{GenerationId, GroupId, Heals, Life};
use immutable_core::memory::{Delay, MemoryCloud, MemoryOptions};
use immutable_core::rollout::{AbortTo, Need};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Artifact, Controller, Fleet, Outcome, Strategy, Timestamp};

struct Lab {
    clock: VirtualClock,
    cloud: MemoryCloud,
    controller: Controller,
}

impl Lab {
    fn new(options: impl FnOnce(MemoryOptions) -> MemoryOptions) -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let boot = Delay::from(Duration::from_secs(60));
        let cloud = MemoryCloud::with(options(MemoryOptions::seeded(7).clock(clock.clone()).boot(boot)));
        Self { clock, controller: cloud.controller(), cloud }
    }

    fn bake(&self, version: &str) -> Artifact {
        self.cloud.bake("acmeinc/web", version).unwrap()
    }

    fn fleet(&self, size: u32) -> Fleet {
        Fleet::new("web", self.cloud.place()).size(size)
    }

    fn run(&self, fleet: &Fleet, artifact: &Artifact) -> Outcome {
        self.clock.run(async {
            let plan = self.controller.plan(fleet, artifact, Strategy::rolling().max_surge(1)).await.unwrap();
            self.controller.run(plan).await.unwrap()
        })
    }

    /// Starts a rollout and asks for its end after 400 s.
    fn abort(&self, fleet: &Fleet, artifact: &Artifact, to: AbortTo) -> Outcome {
        self.clock.run(async {
            let plan = self.controller.plan(fleet, artifact, Strategy::rolling().max_surge(1)).await.unwrap();
            let rollout = self.controller.start(plan).await.unwrap();
            let ask = async {
                self.clock.sleep_until(self.clock.now() + Duration::from_secs(400)).await;
                rollout.abort(to, "ann").await.unwrap();
            };
            futures_util::future::join(rollout.drive(), ask).await.0.unwrap()
        })
    }

    fn running(&self, artifact: &Artifact) -> usize {
        self.cloud.running().get(&artifact.digest()).copied().unwrap_or(0)
    }
}

#[test]
fn a_tear_down_leaves_alone_what_it_did_not_launch() {
    let lab = Lab::new(|options| options);
    let (one, bad) = (lab.bake("1.0.0"), lab.bake("1.1.0"));
    let slow = lab.fleet(6).min_ready(Duration::from_secs(200));
    assert_eq!(lab.abort(&slow, &one, AbortTo::Mixed), Outcome::LeftMixed);
    let serving = lab.running(&one);
    assert_eq!(serving, 6);
    lab.cloud.never_healthy(&bad);
    assert_eq!(lab.run(&lab.fleet(6), &bad), Outcome::TornDown);
    assert_eq!((lab.running(&one), lab.running(&bad)), (serving, 0));
}

#[test]
fn a_fleet_is_resized_down_and_up_again_within_a_minute() {
    let lab = Lab::new(|options| options);
    let one = lab.bake("1.0.0");
    for size in [6, 4, 6, 0, 2] {
        assert_eq!(lab.run(&lab.fleet(size), &one), Outcome::Succeeded, "to {size}");
        assert_eq!(lab.running(&one), usize::try_from(size).unwrap());
    }
}

#[test]
fn a_fleet_with_a_sick_machine_can_be_resized() {
    for heals in [Heals::Never, Heals::Switchable] {
        let lab = Lab::new(|options| options.heals(heals));
        let one = lab.bake("1.0.0");
        assert_eq!(lab.run(&lab.fleet(6), &one), Outcome::Succeeded);
        lab.cloud.sicken(&lab.cloud.instances(lab.fleet(6).id())[0].key.name).unwrap();
        assert_eq!(lab.run(&lab.fleet(8), &one), Outcome::Succeeded, "{heals:?}");
        assert_eq!(lab.running(&one), 8);
    }
}

#[test]
fn a_smaller_fleet_gets_its_new_release() {
    for (from, to) in [(12, 3), (100, 30), (5, 0)] {
        let lab = Lab::new(|options| options);
        let (one, two) = (lab.bake("1.0.0"), lab.bake("1.1.0"));
        assert_eq!(lab.run(&lab.fleet(from), &one), Outcome::Succeeded);
        assert_eq!(lab.run(&lab.fleet(to), &two), Outcome::Succeeded, "{from} to {to}");
        assert_eq!((lab.running(&one), lab.running(&two)), (0, usize::try_from(to).unwrap()));
    }
}

#[test]
fn a_resize_that_is_taken_back_keeps_its_machines() {
    let lab = Lab::new(|options| options);
    let one = lab.bake("1.0.0");
    assert_eq!(lab.run(&lab.fleet(6), &one), Outcome::Succeeded);
    let before = lab.cloud.launched();
    let slow = lab.fleet(10).min_ready(Duration::from_secs(500));
    assert_eq!(lab.abort(&slow, &one, AbortTo::Back), Outcome::RolledBack);
    assert_eq!((lab.running(&one), lab.cloud.launched() - before <= 4), (6, true));
    assert_eq!(lab.cloud.sizes(slow.id()).keys().map(|group| group.generation).collect::<Vec<_>>(), [GenerationId(1)]);
}

#[test]
fn a_baseline_that_cannot_hold_the_fleet_is_made_anew() {
    let lab = Lab::new(|options| options.group_size_max(5));
    let (one, bad) = (lab.bake("1.0.0"), lab.bake("1.1.0"));
    assert_eq!(lab.run(&lab.fleet(3), &one), Outcome::Succeeded);
    lab.cloud.never_healthy(&bad);
    assert_eq!(lab.run(&lab.fleet(12), &bad), Outcome::RolledBack);
    assert_eq!(lab.running(&one), 12);
}

#[test]
fn a_full_zone_does_not_stop_a_release() {
    let lab = Lab::new(|options| options);
    let (one, two) = (lab.bake("1.0.0"), lab.bake("1.1.0"));
    let fleet = lab.fleet(6).zones(["a", "b", "c"].map(Into::into)).boot_deadline(Duration::from_secs(200));
    assert_eq!(lab.run(&fleet, &one), Outcome::Succeeded);
    lab.cloud.zone_capacity("a", 2).unwrap();
    assert_eq!(lab.run(&fleet, &two), Outcome::Succeeded);
    assert_eq!(lab.running(&two), 6);
}

#[test]
fn a_protected_machine_serves_and_a_person_is_asked_when_only_it_is_left() {
    let lab = Lab::new(|options| options);
    let (one, two) = (lab.bake("1.0.0"), lab.bake("1.1.0"));
    let fleet = lab.fleet(4);
    assert_eq!(lab.run(&fleet, &one), Outcome::Succeeded);
    let key = lab.cloud.instances(fleet.id())[0].key.clone();
    let name = key.name.clone();
    lab.cloud.protect(&name).unwrap();
    let asked = lab.run(&fleet, &two);
    let Outcome::Needs(Need::StuckLeaving { why }) = &asked else { panic!("{asked}") };
    assert_eq!(**why, *format!("of group 0001.0 protected from termination: {key}"));
    assert_eq!((lab.running(&one), lab.running(&two)), (1, 4));
    // The way on: leave it as it is, take the cause away, and plan the same again.
    let rollout = lab.clock.run(lab.controller.rollout(fleet.id())).unwrap().unwrap();
    let end = lab.clock.run(async {
        rollout.abort(AbortTo::Mixed, "ann").await.unwrap();
        rollout.drive().await.unwrap()
    });
    assert_eq!(end, Outcome::LeftMixed);
    lab.cloud.unprotect(&name).unwrap();
    assert_eq!(lab.run(&fleet, &two), Outcome::Succeeded);
    assert!(
        lab.cloud.instances(fleet.id()).iter().all(|machine| machine.life == Life::Running && machine.artifact == two.digest())
    );
}

#[test]
fn a_group_deleted_by_hand_wedges_nothing() {
    let lab = Lab::new(|options| options);
    let (one, two) = (lab.bake("1.0.0"), lab.bake("1.1.0"));
    let fleet = lab.fleet(6).zones(["a", "b", "c"].map(Into::into));
    assert_eq!(lab.run(&fleet, &one), Outcome::Succeeded);
    lab.cloud.delete_group(fleet.id(), GroupId { generation: GenerationId(1), cell: 1 }).unwrap();
    assert_eq!(lab.run(&fleet, &two), Outcome::Succeeded);
    assert_eq!(lab.running(&two), 6);
}

#[test]
fn monitoring_that_is_silent_for_longer_than_a_boot_is_charged_to_nobody() {
    let lab = Lab::new(|options| options);
    let (one, two) = (lab.bake("1.0.0"), lab.bake("1.1.0"));
    let fleet = lab.fleet(4).boot_deadline(Duration::from_secs(300));
    assert_eq!(lab.run(&fleet, &one), Outcome::Succeeded);
    lab.cloud.black_out(Duration::from_secs(600));
    assert_eq!(lab.run(&fleet, &two), Outcome::Succeeded);
    lab.cloud.black_out(Duration::from_secs(7200));
    let three = lab.bake("1.2.0");
    assert_eq!(lab.run(&fleet, &three), Outcome::Needs(Need::ProviderSilent));
    assert_eq!(lab.running(&two), 4, "nothing was broken by it");
}
