//! A fleet without a rollout is kept at its size and at its proven release, whatever is changed about it from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use immutable_core::artifact::ArtifactName;
use immutable_core::fleet::{Drift, Drifted, Heals, OnDrift, Split, Upkeep};
use immutable_core::id::Zone;
use immutable_core::memory::MemoryOptions;
use immutable_core::provider::size_fn;
use immutable_core::registry::{Ancestor, ImageRegistry, JournalRegistry, Publication, RegistryView, Revoke, SetChannel};
use immutable_core::rollout::{AbortTo, Event, Fate, Need};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Artifact, Controller, Digest, Error, ErrorKind, Fleet, MemoryCloud, Outcome, Result, Strategy, Timestamp};

struct Stage {
    clock: VirtualClock,
    cloud: MemoryCloud,
    fleet: Fleet,
    web: Artifact,
}

impl Stage {
    fn new(heals: Heals) -> Self {
        Self::with(MemoryOptions::seeded(7).heals(heals))
    }

    fn with(options: MemoryOptions) -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let options = options.clock(clock.clone()).boot(Duration::from_secs(60));
        let cloud = MemoryCloud::with(options.split(Split::Binary));
        let web = cloud.bake("acmeinc/web", "1.0.0").unwrap();
        let fleet = Fleet::new("web", cloud.place()).size(3);
        Self { clock, cloud, fleet, web }
    }

    fn strategy() -> Strategy {
        Strategy::rolling().max_surge(1)
    }

    async fn deploy(&self, controller: &Controller) {
        let plan = controller.plan(&self.fleet, &self.web, Self::strategy()).await.unwrap();
        assert_eq!(controller.run(plan).await.unwrap(), Outcome::Succeeded);
    }

    /// Keeps it for so many seconds; what ended that, if something did.
    async fn keep_for(&self, controller: &Controller, seconds: u64) -> Option<Result<Need>> {
        let until = self.clock.sleep_until(self.clock.now() + Duration::from_secs(seconds));
        match select(std::pin::pin!(controller.keep(self.fleet.id())), until).await {
            Either::Left((ended, _)) => Some(ended),
            Either::Right(_) => None,
        }
    }

    async fn kept(&self, controller: &Controller, seconds: u64) {
        let ended = self.keep_for(controller, seconds).await;
        assert!(ended.is_none(), "{ended:?}");
    }

    fn run(&self) -> usize {
        self.cloud.running().get(&self.web.digest()).copied().unwrap_or(0)
    }

    fn sizes(&self) -> Vec<u32> {
        self.cloud.sizes(self.fleet.id()).into_values().collect()
    }

    fn set_size(&self, size: u32) {
        let group = *self.cloud.sizes(self.fleet.id()).keys().next().unwrap();
        self.cloud.set_size(self.fleet.id(), group, size).unwrap();
    }

    /// How many rollouts were begun, and how each ended.
    async fn ends(&self, controller: &Controller) -> Vec<String> {
        let history = controller.history(self.fleet.id()).await.unwrap();
        let ends = history.iter().filter_map(|(_, recorded)| match &recorded.event {
            Event::Ended { outcome } => Some(outcome.to_string()),
            _ => None,
        });
        ends.collect()
    }
}

fn play<T>(stage: &Stage, story: impl AsyncFnOnce(&Stage, Controller) -> T) -> T {
    let clock = stage.clock.clone();
    clock.run(async {
        let controller = stage.cloud.controller();
        stage.deploy(&controller).await;
        story(stage, controller).await
    })
}

#[test]
fn where_nothing_is_amiss_nothing_is_written_or_called() {
    let stage = Stage::new(Heals::Switchable);
    play(&stage, async |stage, controller| {
        let (calls, records) = (stage.cloud.calls(), controller.history(stage.fleet.id()).await.unwrap().len());
        stage.kept(&controller, 6 * 3600).await;
        assert_eq!(stage.cloud.calls(), calls);
        assert_eq!(controller.history(stage.fleet.id()).await.unwrap().len(), records);
    });
}

#[test]
fn what_nobody_heals_is_launched_again_within_a_boot() {
    let stage = Stage::new(Heals::Never);
    play(&stage, async |stage, controller| {
        stage.kept(&controller, 600).await;
        let victims: Vec<_> = stage.cloud.instances(stage.fleet.id()).into_iter().take(2).collect();
        stage.cloud.kill(&victims[0].key.name).unwrap();
        stage.cloud.sicken(&victims[1].key.name).unwrap();
        stage.kept(&controller, 300).await;
        assert_eq!((stage.run(), stage.sizes()), (3, vec![3]));
        let there = stage.cloud.instances(stage.fleet.id());
        assert!(victims.iter().all(|victim| there.iter().all(|instance| instance.key != victim.key)), "the ill one was replaced");
        assert_eq!(stage.ends(&controller).await, ["succeeded"; 2], "one rollout set both right");
    });
}

#[test]
fn a_provider_that_heals_has_its_time_for_it() {
    let stage = Stage::new(Heals::Switchable);
    play(&stage, async |stage, controller| {
        stage.cloud.kill(&stage.cloud.instances(stage.fleet.id())[0].key.name).unwrap();
        stage.kept(&controller, 900).await;
        assert_eq!(stage.run(), 3);
        assert_eq!(stage.ends(&controller).await, ["succeeded"], "it healed by itself");
    });
}

#[test]
fn a_size_set_by_hand_is_set_back_absorbed_or_asked_about() {
    for (then, size, ends) in [(OnDrift::Restore, 3, 2), (OnDrift::Absorb, 5, 2), (OnDrift::Pause, 5, 1)] {
        for heals in [Heals::Switchable, Heals::Never] {
            let mut stage = Stage::new(heals);
            stage.fleet = stage.fleet.on_drift(Drift::Size, then);
            play(&stage, async |stage, controller| {
                stage.set_size(5);
                let ended = stage.keep_for(&controller, 900).await;
                assert_eq!(stage.sizes(), [size], "{then:?}, {heals:?}");
                assert_eq!(stage.ends(&controller).await.len(), ends);
                assert_eq!(
                    controller.state(stage.fleet.id()).await.unwrap().desired(),
                    if then == OnDrift::Absorb { 5 } else { 3 }
                );
                match ended {
                    None => assert_ne!(then, OnDrift::Pause),
                    Some(need) => {
                        let what = "group 0001.0 has size 5, not 3";
                        assert_eq!(need.unwrap(), Need::Drift { found: vec![Drifted { drift: Drift::Size, what: what.into() }] });
                        let rollout = controller.rollout(stage.fleet.id()).await.unwrap().unwrap();
                        rollout.retry("ann").await.unwrap();
                        stage.kept(&controller, 600).await;
                        assert_eq!(stage.sizes(), [3], "tried again, it is set back");
                    }
                }
            });
        }
    }
}

#[test]
fn an_absorbed_size_is_kept_from_then_on() {
    let mut stage = Stage::new(Heals::Never);
    stage.fleet = stage.fleet.on_drift(Drift::Size, OnDrift::Absorb);
    play(&stage, async |stage, controller| {
        stage.set_size(4);
        stage.kept(&controller, 600).await;
        stage.cloud.kill(&stage.cloud.instances(stage.fleet.id())[0].key.name).unwrap();
        stage.kept(&controller, 600).await;
        assert_eq!((stage.run(), stage.sizes()), (4, vec![4]), "a death is no size that somebody set");
    });
}

#[test]
fn who_runs_another_image_is_replaced_or_asked_about() {
    for then in [OnDrift::Replace, OnDrift::Pause] {
        let mut stage = Stage::new(Heals::Switchable);
        stage.fleet = stage.fleet.on_drift(Drift::Image, then);
        play(&stage, async |stage, controller| {
            let foreign = stage.cloud.bake("acmeinc/other", "0.0.1").unwrap();
            let victim = stage.cloud.instances(stage.fleet.id())[0].key.clone();
            stage.cloud.swap(&victim.name, &foreign).unwrap();
            let ended = stage.keep_for(&controller, 900).await;
            if then == OnDrift::Pause {
                let need = ended.expect("it asks").unwrap();
                assert!(matches!(&need, Need::Drift { found } if found[0].drift == Drift::Image), "{need:?}");
                assert_eq!(stage.run(), 2);
                return;
            }
            assert!(ended.is_none(), "{ended:?}");
            assert_eq!((stage.run(), stage.sizes()), (3, vec![3]));
            assert!(!stage.cloud.running().contains_key(&foreign.digest()));
        });
    }
}

#[test]
fn a_generation_deleted_by_hand_is_made_anew() {
    let stage = Stage::new(Heals::Switchable);
    play(&stage, async |stage, controller| {
        let group = *stage.cloud.sizes(stage.fleet.id()).keys().next().unwrap();
        stage.cloud.delete_group(stage.fleet.id(), group).unwrap();
        stage.kept(&controller, 1800).await;
        assert_eq!(stage.run(), 3);
        let groups = stage.cloud.sizes(stage.fleet.id());
        assert_eq!(groups.keys().map(|group| group.generation.0).collect::<Vec<_>>(), [2], "under an ordinal of its own");
        assert_eq!(stage.ends(&controller).await, ["succeeded"; 2], "at once");
    });
}

#[test]
fn a_generation_deleted_by_hand_is_asked_about_where_the_fleet_says_so() {
    let mut stage = Stage::new(Heals::Switchable);
    stage.fleet = stage.fleet.on_drift(Drift::Generation, OnDrift::Pause);
    play(&stage, async |stage, controller| {
        let group = *stage.cloud.sizes(stage.fleet.id()).keys().next().unwrap();
        stage.cloud.delete_group(stage.fleet.id(), group).unwrap();
        let need = stage.keep_for(&controller, 1800).await.expect("it asks").unwrap();
        assert!(matches!(&need, Need::Drift { found } if found[0].drift == Drift::Generation), "{need:?}");
        controller.rollout(stage.fleet.id()).await.unwrap().unwrap().retry("ann").await.unwrap();
        stage.kept(&controller, 1800).await;
        assert_eq!(stage.run(), 3, "tried again, it is made anew");
    });
}

#[test]
fn weights_set_by_hand_are_set_back() {
    let mut stage = Stage::new(Heals::Switchable);
    let pool = stage.cloud.pool("web");
    stage.fleet = stage.fleet.pool(pool.clone());
    play(&stage, async |stage, controller| {
        let weights = stage.cloud.in_force(&pool).unwrap();
        assert_eq!(weights.len(), 1);
        stage.cloud.set_weights(&pool, []).unwrap();
        stage.clock.sleep_until(stage.clock.now() + Duration::from_secs(60)).await;
        assert_ne!(stage.cloud.in_force(&pool).unwrap(), weights);
        stage.kept(&controller, 900).await;
        assert_eq!(stage.cloud.in_force(&pool).unwrap(), weights);
    });
}

#[test]
fn a_fleet_that_follows_somebody_has_the_size_they_say() {
    let mut stage = Stage::new(Heals::Switchable);
    stage.fleet = Fleet::new("web", stage.cloud.place()).follows("queue", 2..=6);
    let says = Arc::new(AtomicU32::new(3));
    let clock = stage.clock.clone();
    clock.run(async {
        let told = says.clone();
        let controller = stage.cloud.controller().sizes(
            "queue",
            size_fn(move |_| {
                let says = told.load(Ordering::Relaxed);
                async move { if says == 99 { Err(Error::new(ErrorKind::Unreachable, "no queue")) } else { Ok(says) } }
            }),
        );
        stage.deploy(&controller).await;
        assert_eq!(stage.run(), 3);
        for (said, size) in [(5, 5), (50, 6), (99, 6), (0, 2), (3, 3)] {
            says.store(said, Ordering::Relaxed);
            stage.kept(&controller, 600).await;
            assert_eq!((stage.run(), stage.sizes()), (size as usize, vec![size]), "it says {said}");
        }
        // While it is replaced too, and nobody else may.
        let next = stage.cloud.bake("acmeinc/web", "1.1.0").unwrap();
        let plan = controller.plan(&stage.fleet, &next, Stage::strategy()).await.unwrap();
        let rollout = controller.start(plan).await.unwrap();
        says.store(4, Ordering::Relaxed);
        let other = stage.cloud.controller().sizes("queue", size_fn(|_| async { Ok(4) }));
        let asked = async {
            let command = rollout.resize(5, "ann").await.unwrap();
            rollout.heard(command).await.unwrap()
        };
        let (outcome, fate) = futures_util::join!(rollout.drive(), asked);
        assert_eq!(outcome.unwrap(), Outcome::Succeeded);
        assert_eq!(fate, Fate::Refused("its size is what `queue` says; have that say 5".into()));
        assert_eq!(stage.cloud.running().get(&next.digest()), Some(&4));
        assert_eq!(other.state(stage.fleet.id()).await.unwrap().desired(), 4);
    });
}

#[test]
fn a_source_that_is_missing_or_silent_is_named() {
    let stage = Stage::new(Heals::Switchable);
    stage.clock.clone().run(async {
        let fleet = stage.fleet.clone().follows("queue", 2..=6);
        let plain = stage.cloud.controller();
        let error = plain.plan(&fleet, &stage.web, Stage::strategy()).await.unwrap_err();
        let named =
            "fleet memory/local/local/web follows `queue`, which this controller does not have; add it with `Controller::sizes`";
        assert!(error.to_string().contains(named), "{error}");
        let silent = plain.sizes("queue", size_fn(|_| async { Err(Error::new(ErrorKind::Unreachable, "no queue")) }));
        let plan = silent.plan(&fleet.clone().size(9), &stage.web, Stage::strategy()).await.unwrap();
        assert_eq!(plan.fleet().desired(), 6, "within its bounds");
        let unsized_fleet = Fleet::new("web", stage.cloud.place()).follows("queue", 2..=6);
        let error = silent.plan(&unsized_fleet, &stage.web, Stage::strategy()).await.unwrap_err();
        assert!(error.to_string().contains("follows `queue`, which is silent: no queue; try again, or say besides"), "{error}");
        let never = stage.cloud.controller().sizes("queue", size_fn(|_| std::future::pending()));
        let error = never.plan(&unsized_fleet, &stage.web, Stage::strategy()).await.unwrap_err();
        assert!(error.to_string().contains("no answer in time"), "{error}");
        let turned = Fleet::new("web", stage.cloud.place()).size(3).follows("queue", std::ops::RangeInclusive::new(6, 2));
        let error = silent.plan(&turned, &stage.web, Stage::strategy()).await.unwrap_err();
        assert!(error.to_string().contains("from 6 to 2 instances, which no size is"), "{error}");
        let odd = stage.fleet.clone().on_drift(Drift::Weights, OnDrift::Absorb);
        let error = silent.plan(&odd, &stage.web, Stage::strategy()).await.unwrap_err();
        assert!(error.to_string().contains("what can: `Restore`, `Pause`"), "{error}");
    });
}

#[test]
fn there_is_nothing_to_keep_of_a_fleet_that_never_was_or_was_left_mixed() {
    let stage = Stage::new(Heals::Switchable);
    stage.clock.clone().run(async {
        let controller = stage.cloud.controller();
        let error = controller.keep(stage.fleet.id()).await.unwrap_err();
        assert!(error.to_string().contains("nothing was rolled out"), "{error}");
        stage.deploy(&controller).await;
        let next = stage.cloud.bake("acmeinc/web", "1.1.0").unwrap();
        let rollout = controller.start(controller.plan(&stage.fleet, &next, Stage::strategy()).await.unwrap()).await.unwrap();
        rollout.abort(AbortTo::Mixed, "ann").await.unwrap();
        let error = controller.keep(stage.fleet.id()).await.unwrap_err();
        assert!(error.to_string().contains("rollout 2 of fleet memory/local/local/web ended as left mixed"), "{error}");
    });
}

#[test]
fn what_runs_is_carried_on_and_what_cannot_be_set_right_is_asked_about() {
    let stage = Stage::new(Heals::Never);
    play(&stage, async |stage, controller| {
        let next = stage.cloud.bake("acmeinc/web", "1.1.0").unwrap();
        controller.start(controller.plan(&stage.fleet, &next, Stage::strategy()).await.unwrap()).await.unwrap();
        stage.kept(&controller, 1800).await;
        assert_eq!(stage.cloud.running().get(&next.digest()), Some(&3));
        stage.cloud.capacity(0);
        stage.cloud.kill(&stage.cloud.instances(stage.fleet.id())[0].key.name).unwrap();
        let need = stage.keep_for(&controller, 4 * 3600).await.expect("nothing comes").unwrap();
        assert!(matches!(need, Need::RollbackDeadline { .. }), "{need:?}");
    });
}

#[test]
fn upkeep_set_by_hand_is_absorbed_where_the_fleet_says_so() {
    for (then, heals) in [(OnDrift::Restore, true), (OnDrift::Absorb, false)] {
        let mut stage = Stage::new(Heals::Switchable);
        stage.fleet = stage.fleet.on_drift(Drift::Upkeep, then);
        play(&stage, async |stage, controller| {
            let group = *stage.cloud.sizes(stage.fleet.id()).keys().next().unwrap();
            stage.cloud.change_upkeep(stage.fleet.id(), group, Upkeep::NONE).unwrap();
            stage.kept(&controller, 600).await;
            let state = controller.state(stage.fleet.id()).await.unwrap();
            let upkeep = state.generations()[&group.generation].upkeep;
            assert_eq!(upkeep.heal, heals, "{then:?}");
            assert_eq!(state.kept().unwrap().fleet().specified_upkeep().heal, heals);
        });
    }
}

#[test]
fn who_never_comes_up_is_replaced_once_their_time_is_over() {
    // A provider that gives whoever boots a day.
    let stage = Stage::with(MemoryOptions::seeded(7).heals(Heals::Always).boot_grace(Duration::from_secs(86_400)));
    play(&stage, async |stage, controller| {
        stage.cloud.boots_hang(1000);
        stage.cloud.kill(&stage.cloud.instances(stage.fleet.id())[0].key.name).unwrap();
        stage.kept(&controller, 600).await;
        stage.cloud.boots_hang(0);
        assert_eq!(stage.ends(&controller).await.len(), 1, "it has its time");
        stage.kept(&controller, 3 * 3600).await;
        assert_eq!((stage.run(), stage.sizes()), (3, vec![3]));
        assert_eq!(stage.ends(&controller).await, ["succeeded"; 2]);
    });
}

#[test]
fn a_protected_instance_is_left_as_it_is() {
    let stage = Stage::new(Heals::Switchable);
    play(&stage, async |stage, controller| {
        let foreign = stage.cloud.bake("acmeinc/other", "0.0.1").unwrap();
        let kept = stage.cloud.instances(stage.fleet.id())[0].key.clone();
        stage.cloud.protect(&kept.name).unwrap();
        stage.cloud.swap(&kept.name, &foreign).unwrap();
        stage.kept(&controller, 4 * 3600).await;
        assert_eq!(stage.ends(&controller).await, ["succeeded"], "no rollout could do anything about it");
        stage.cloud.unprotect(&kept.name).unwrap();
        stage.kept(&controller, 900).await;
        assert_eq!((stage.run(), stage.sizes()), (3, vec![3]));
    });
}

#[test]
fn what_was_revoked_is_kept_until_something_is_amiss_and_then_asked_about() {
    let stage = Stage::new(Heals::Never);
    play(&stage, async |stage, controller| {
        let revoke =
            Revoke { name: stage.web.name().clone(), digest: stage.web.digest(), by: "ann".into(), why: "it leaks".into() };
        controller.registry().revoke(revoke).await.unwrap();
        stage.kept(&controller, 3600).await;
        stage.cloud.kill(&stage.cloud.instances(stage.fleet.id())[0].key.name).unwrap();
        let need = stage.keep_for(&controller, 900).await.expect("it asks").unwrap();
        assert!(matches!(need, Need::BaselineUnlaunchable { .. }), "{need:?}");
        assert!(need.to_string().contains("cannot be launched: acmeinc/web 1.0.0 is revoked"), "{need}");
        assert_eq!(stage.ends(&controller).await, ["succeeded"]);
        // Nothing is in the way of a fix.
        let next = stage.cloud.bake("acmeinc/web", "1.1.0").unwrap();
        let plan = controller.plan(&stage.fleet, &next, Stage::strategy()).await.unwrap();
        assert_eq!(controller.run(plan).await.unwrap(), Outcome::Succeeded);
        stage.kept(&controller, 600).await;
        assert_eq!(stage.cloud.running().get(&next.digest()), Some(&3));
    });
}

/// A registry that can be down.
struct Flaky {
    registry: JournalRegistry,
    down: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl ImageRegistry for Flaky {
    async fn publish(&self, artifact: &Artifact, by: &immutable_core::id::Actor) -> Result<Publication> {
        self.registry.publish(artifact, by).await
    }

    async fn set_channel(&self, request: SetChannel) -> Result<()> {
        self.registry.set_channel(request).await
    }

    async fn revoke(&self, request: Revoke) -> Result<()> {
        self.registry.revoke(request).await
    }

    async fn view(&self, name: &ArtifactName) -> Result<RegistryView> {
        if self.down.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Unreachable, "no registry"));
        }
        self.registry.view(name).await
    }

    async fn names(&self) -> Result<Vec<ArtifactName>> {
        self.registry.names().await
    }

    async fn ancestry(&self, digest: Digest) -> Result<Vec<Ancestor>> {
        self.registry.ancestry(digest).await
    }
}

#[test]
fn a_registry_that_is_down_is_waited_for_and_keeps_nothing_else_from_being_set_right() {
    let stage = Stage::new(Heals::Never);
    let down = Arc::new(AtomicBool::new(false));
    stage.clock.clone().run(async {
        let registry = JournalRegistry::new(Arc::new(stage.cloud.journal()), Arc::new(stage.clock.clone()));
        let controller = stage.cloud.controller().with_registry(Arc::new(Flaky { registry, down: down.clone() }));
        stage.deploy(&controller).await;
        down.store(true, Ordering::Relaxed);
        stage.kept(&controller, 3600).await;
        stage.set_size(5);
        stage.kept(&controller, 600).await;
        assert_eq!((stage.run(), stage.sizes()), (3, vec![3]), "who is too many needs no word of it");
        stage.cloud.kill(&stage.cloud.instances(stage.fleet.id())[0].key.name).unwrap();
        stage.kept(&controller, 900).await;
        assert_eq!(stage.run(), 2, "nothing is launched without its word");
        down.store(false, Ordering::Relaxed);
        stage.kept(&controller, 300).await;
        assert_eq!((stage.run(), stage.sizes()), (3, vec![3]));
    });
}

#[test]
fn who_keeps_a_fleet_stands_by_while_somebody_else_drives_and_takes_over_when_nobody_does() {
    let stage = Stage::new(Heals::Never);
    play(&stage, async |stage, controller| {
        // The same controller, and one in another process.
        for (keeper, takes_over) in [(controller.clone(), 60), (stage.cloud.controller(), 300)] {
            for version in ["1.1.0", "1.2.0"] {
                let version = format!("{version}-{takes_over}");
                let next = stage.cloud.bake("acmeinc/web", &version).unwrap();
                let plan = controller.plan(&stage.fleet, &next, Stage::strategy()).await.unwrap();
                let rollout = controller.start(plan).await.unwrap();
                let dies_at = stage.clock.now() + Duration::from_secs(if version.starts_with("1.1") { 7200 } else { 70 });
                let driven = async {
                    match select(std::pin::pin!(rollout.drive()), stage.clock.sleep_until(dies_at)).await {
                        Either::Left((ended, _)) => assert_eq!(ended.unwrap(), Outcome::Succeeded),
                        Either::Right(_) => assert!(version.starts_with("1.2"), "it is driven to its end"),
                    }
                };
                let (kept, ()) = futures_util::join!(stage.keep_for(&keeper, 130 + takes_over + 300), driven);
                assert!(kept.is_none(), "{kept:?}");
                assert_eq!(stage.cloud.running().get(&next.digest()), Some(&3), "{version}");
            }
        }
    });
}

#[test]
fn two_that_keep_a_fleet_are_as_good_as_one() {
    let stage = Stage::new(Heals::Never);
    play(&stage, async |stage, controller| {
        let other = stage.cloud.controller();
        stage.cloud.kill(&stage.cloud.instances(stage.fleet.id())[0].key.name).unwrap();
        let both = futures_util::join!(stage.keep_for(&controller, 1800), stage.keep_for(&other, 1800));
        assert!(matches!(both, (None, None)), "{both:?}");
        assert_eq!((stage.run(), stage.sizes()), (3, vec![3]));
        assert_eq!(stage.ends(&controller).await, ["succeeded"; 2], "one rollout set it right");
    });
}

#[test]
fn what_was_given_up_elsewhere_leaves_the_fleet_where_it_is_proven() {
    let zones = |names: &[&str]| names.iter().map(|name| Zone::new(*name)).collect::<Vec<_>>();
    for (proven, given_up) in [(zones(&["a", "b"]), zones(&["a", "b", "c"])), (Vec::new(), zones(&["a", "b"]))] {
        let mut stage = Stage::new(Heals::Never);
        stage.fleet = stage.fleet.zones(proven.clone());
        play(&stage, async |stage, controller| {
            let before = stage.cloud.sizes(stage.fleet.id());
            let next = stage.cloud.bake("acmeinc/web", "1.1.0").unwrap();
            stage.cloud.never_healthy(&next);
            let fleet = stage.fleet.clone().zones(given_up.clone());
            let strategy = Stage::strategy().max_unavailable_per_zone(1);
            let plan = controller.plan(&fleet, &next, strategy).await.unwrap();
            assert_eq!(controller.run(plan).await.unwrap(), Outcome::RolledBack);
            stage.cloud.kill(&stage.cloud.instances(stage.fleet.id())[0].key.name).unwrap();
            stage.kept(&controller, 900).await;
            assert_eq!(stage.run(), 3);
            assert!(stage.cloud.sizes(stage.fleet.id()).keys().eq(before.keys()), "{proven:?}");
        });
    }
}

#[test]
fn a_fleet_that_needs_fewer_groups_stays_in_those_it_has() {
    let mut stage = Stage::with(MemoryOptions::seeded(7).heals(Heals::Switchable).group_size_max(4));
    stage.fleet = Fleet::new("web", stage.cloud.place()).size(6).on_drift(Drift::Size, OnDrift::Absorb);
    play(&stage, async |stage, controller| {
        assert_eq!(stage.sizes(), [3, 3]);
        let there = stage.cloud.instances(stage.fleet.id());
        stage.set_size(0);
        stage.kept(&controller, 900).await;
        assert_eq!(controller.state(stage.fleet.id()).await.unwrap().desired(), 3);
        assert_eq!((stage.run(), stage.sizes()), (3, vec![0, 3]));
        let stay = |key: &immutable_core::id::InstanceKey| there.iter().any(|before| before.key == *key);
        assert!(stage.cloud.instances(stage.fleet.id()).iter().all(|instance| stay(&instance.key)), "nobody was replaced");
    });
}

#[test]
fn a_stranger_is_asked_about_once() {
    let mut stage = Stage::new(Heals::Never);
    stage.fleet = stage.fleet.on_drift(Drift::Stranger, OnDrift::Pause);
    play(&stage, async |stage, controller| {
        stage.cloud.take_name(stage.fleet.id(), immutable_core::fleet::GenerationId(9)).unwrap();
        let need = stage.keep_for(&controller, 600).await.expect("it asks").unwrap();
        assert!(matches!(&need, Need::Drift { found } if found[0].drift == Drift::Stranger), "{need:?}");
        controller.rollout(stage.fleet.id()).await.unwrap().unwrap().retry("ann").await.unwrap();
        stage.kept(&controller, 6 * 3600).await;
        assert_eq!(stage.ends(&controller).await.len(), 2);
    });
}

#[test]
fn what_its_provider_never_ends_is_asked_about() {
    let stage = Stage::with(MemoryOptions::seeded(7).heals(Heals::Always).heal_after(Duration::from_secs(10 * 86_400)));
    play(&stage, async |stage, controller| {
        stage.cloud.kill(&stage.cloud.instances(stage.fleet.id())[0].key.name).unwrap();
        let need = stage.keep_for(&controller, 5 * 3600).await;
        assert!(need.is_some() || stage.run() == 3, "{:?}", controller.state(stage.fleet.id()).await.unwrap().rollout());
    });
}

#[test]
fn a_size_that_somebody_says_has_one_owner_and_bounds() {
    let fleet = |size: Option<u32>, source: &str, bounds| {
        let fleet = Fleet::new("web", immutable_core::Place::new("memory", "local", "local").unwrap()).follows(source, bounds);
        size.map_or_else(|| fleet.clone(), |size| fleet.clone().size(size))
    };
    for (fleet, why) in [
        (fleet(Some(3), " ", 2..=6), "follows a source without a name; use the one that it has in `Controller::sizes`"),
        (fleet(Some(9), "queue", 2..=6), "from 2 to 6 instances, and its size meanwhile is 9; say one of those"),
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is wrong")]
        (fleet(Some(3), "queue", 6..=2), "from 6 to 2 instances, which no size is; name the smaller bound first"),
        (
            fleet(Some(3), "queue", 2..=6).on_drift(Drift::Size, OnDrift::Absorb),
            "is what `queue` says, so a size that somebody else sets cannot be absorbed; have it `Restore`d, or `Pause`",
        ),
    ] {
        let error = fleet.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(why), "{error}");
        assert!(error.to_string().contains("fleet web"), "{error}");
    }
    assert!(fleet(Some(2), "queue", 2..=6).check().is_ok());
}
