//! What anybody may tidy after whoever died: the upkeep that a dead rollout has taken.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use immutable_core::conformance::{Call, Fault, Faults, Faulty};
use immutable_core::controller::Restored;
use immutable_core::fleet::{GenerationId, Heals, Upkeep};
use immutable_core::memory::MemoryOptions;
use immutable_core::provider::Provider;
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Artifact, Controller, Digest, ErrorKind, Fleet, MemoryCloud, Outcome, Rollout, Strategy, Timestamp};

const HEALS: Upkeep = Upkeep { heal: true, rebalance: false, autoscale: false };

struct Stage {
    clock: VirtualClock,
    cloud: MemoryCloud,
    fleet: Fleet,
}

impl Stage {
    fn new() -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let options = MemoryOptions::seeded(7).clock(clock.clone()).boot(Duration::from_secs(60)).heals(Heals::Switchable);
        let cloud = MemoryCloud::with(options.latency(Duration::from_secs(2)));
        let fleet = Fleet::new("web", cloud.place()).size(3);
        Self { clock, cloud, fleet }
    }

    async fn begins(&self, version: &str) -> (Artifact, Rollout) {
        let artifact = self.cloud.bake("acmeinc/web", version).unwrap();
        let controller = self.cloud.controller();
        let plan = controller.plan(&self.fleet, &artifact, Strategy::rolling().max_surge(1)).await.unwrap();
        (artifact, controller.start(plan).await.unwrap())
    }

    async fn proven(&self) -> Artifact {
        let (artifact, rollout) = self.begins("1.0.0").await;
        assert_eq!(rollout.drive().await.unwrap(), Outcome::Succeeded);
        artifact
    }

    async fn pass(&self, seconds: u64) {
        self.clock.sleep_until(self.clock.now() + Duration::from_secs(seconds)).await;
    }

    /// Whoever drives it dies after so many seconds.
    async fn dies(&self, rollout: &Rollout, seconds: u64) -> Option<Outcome> {
        match select(pin!(rollout.drive()), pin!(self.pass(seconds))).await {
            Either::Left((outcome, _)) => Some(outcome.unwrap()),
            Either::Right(_) => None,
        }
    }

    async fn janitor(&self) -> Restored {
        self.cloud.controller().restore_upkeep(self.fleet.id()).await.unwrap()
    }

    fn running(&self, artifact: &Artifact) -> usize {
        let running: BTreeMap<Digest, usize> = self.cloud.running();
        running.get(&artifact.digest()).copied().unwrap_or(0)
    }
}

fn restored(done: &[u32]) -> BTreeMap<GenerationId, Upkeep> {
    done.iter().map(|id| (GenerationId(*id), HEALS)).collect()
}

/// Of two releases, of the new one two of three: how many of those there are some minutes after one of them was killed.
async fn after_a_death(stage: &Stage, old: &Artifact, new: &Artifact) -> usize {
    assert_eq!((stage.running(old), stage.running(new)), (2, 2));
    let machines = stage.cloud.instances(stage.fleet.id());
    let victim = machines.iter().find(|machine| machine.artifact == new.digest()).unwrap();
    stage.cloud.kill(&victim.key.name).unwrap();
    stage.pass(300).await;
    assert_eq!((stage.running(old), stage.cloud.sizes(stage.fleet.id()).len()), (2, 2), "nothing else happens");
    stage.running(new)
}

#[test]
fn what_serves_is_healed_again_where_nobody_drives_any_more() {
    for (is_called, left) in [(false, 1), (true, 2)] {
        let stage = Stage::new();
        stage.clock.run(async {
            let one = stage.proven().await;
            let (two, rollout) = stage.begins("1.1.0").await;
            assert_eq!(stage.dies(&rollout, 100).await, None);
            let died = stage.clock.now();
            if is_called {
                let janitor = stage.janitor().await;
                assert_eq!((janitor.done, janitor.left.len()), (restored(&[2]), 0));
                assert!(stage.clock.now().since(died) >= Duration::from_secs(100), "it is certain that nobody drives it");
            } else {
                stage.pass(120).await;
            }
            assert_eq!(after_a_death(&stage, &one, &two).await, left);
            let rollout = stage.cloud.controller().rollout(stage.fleet.id()).await.unwrap().unwrap();
            assert_eq!(rollout.drive().await.unwrap(), Outcome::Succeeded);
            assert_eq!((stage.running(&one), stage.running(&two)), (0, 3));
        });
    }
}

#[test]
fn whoever_drives_sees_to_it_themselves() {
    let stage = Stage::new();
    stage.clock.run(async {
        stage.proven().await;
        let (_, rollout) = stage.begins("1.1.0").await;
        let elsewhere = async {
            stage.pass(100).await;
            let refused = stage.cloud.controller().restore_upkeep(stage.fleet.id()).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Busy);
            assert!(refused.to_string().contains("drives the rollout of fleet memory/local/local/web"), "{refused}");
        };
        let (outcome, ()) = futures_util::join!(rollout.drive(), elsewhere);
        assert_eq!(outcome.unwrap(), Outcome::Succeeded, "and nobody was fenced");
        assert_eq!(stage.janitor().await, Restored::default(), "no rollout runs");
    });
}

#[test]
fn wherever_a_rollout_died_its_upkeep_is_given_back_and_it_can_be_carried_on() {
    let mut given = 0;
    for seconds in (0..).step_by(5) {
        let stage = Stage::new();
        let ended = stage.clock.run(async {
            stage.proven().await;
            let (two, rollout) = stage.begins("1.1.0").await;
            if stage.dies(&rollout, seconds).await.is_some() {
                return true;
            }
            let Restored { done, left, .. } = stage.janitor().await;
            given += done.len();
            assert!(left.is_empty(), "after {seconds} s: {left:?}");
            assert_eq!(stage.janitor().await, Restored::default(), "after {seconds} s");
            let controller: Controller = stage.cloud.controller();
            let rollout = controller.rollout(stage.fleet.id()).await.unwrap().unwrap();
            assert_eq!(rollout.drive().await.unwrap(), Outcome::Succeeded, "after {seconds} s");
            assert_eq!((stage.cloud.running(), stage.cloud.launched()), ([(two.digest(), 3)].into(), 6), "after {seconds} s");
            assert_eq!(stage.janitor().await, Restored::default());
            false
        });
        if ended {
            assert!(seconds > 200 && given > 20, "{given} given back within {seconds} s");
            return;
        }
    }
}

#[test]
fn what_the_provider_refuses_is_said_and_what_nobody_knows_is_sent_again() {
    for (fault, left) in [
        (Fault::Error(ErrorKind::Denied), Some("refused on the wire")),
        (Fault::Throttled, None),
        (Fault::LostRequest, None),
        (Fault::LostReply, None),
    ] {
        let stage = Stage::new();
        stage.clock.run(async {
            stage.proven().await;
            let (_, rollout) = stage.begins("1.1.0").await;
            assert_eq!(stage.dies(&rollout, 100).await, None);
            let wire = Faulty::new(Arc::new(stage.cloud.clone()), Arc::new(stage.clock.clone()), 7, Faults::none());
            wire.next(Call::SetUpkeep, fault);
            let provider = Provider::new(stage.cloud.place(), Arc::new(wire));
            let janitor = Controller::new(provider, stage.cloud.journal()).with_clock(Arc::new(stage.clock.clone()));
            let restored = janitor.restore_upkeep(stage.fleet.id()).await.unwrap();
            let said = restored.left.get(&GenerationId(2));
            match left {
                Some(why) => assert!(restored.done.is_empty() && said.is_some_and(|said| said.contains(why)), "{restored:?}"),
                None => assert!(restored.done.len() == 1 && said.is_none(), "{restored:?}"),
            }
            assert_eq!(stage.janitor().await.done.len(), usize::from(left.is_some()), "called again it gives back the rest");
        });
    }
}

/// Whoever is asked may take days: until then nobody drives.
#[test]
fn a_rollout_that_asks_a_person_leaves_what_serves_unhealed_no_longer_than_the_janitor_comes() {
    let stage = Stage::new();
    stage.clock.run(async {
        stage.proven().await;
        let (_, rollout) = stage.begins("1.1.0").await;
        let stuck = async {
            stage.pass(100).await;
            stage.cloud.instances(stage.fleet.id()).iter().for_each(|machine| stage.cloud.protect(&machine.key.name).unwrap());
        };
        let (outcome, ()) = futures_util::join!(rollout.drive(), stuck);
        assert!(matches!(outcome.unwrap(), Outcome::Needs(_)));
        let asked = stage.clock.now();
        assert_eq!(stage.janitor().await.done, restored(&[2]));
        assert!(stage.clock.now().since(asked) < Duration::from_secs(100), "who asks is not waited for so long");
        assert_eq!(rollout.drive().await.unwrap().to_string().split(':').next(), Some("needs a decision"), "it asks still");
    });
}
