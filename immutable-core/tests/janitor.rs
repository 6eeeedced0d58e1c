//! What anybody may tidy after whoever died: the upkeep that a dead rollout has taken.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use immutable_core::conformance::{Call, Fault, Faults, Faulty};
use immutable_core::controller::Restored;
use immutable_core::fleet::{GenerationId, GroupState, Heals, Op, Upkeep};
use immutable_core::id::{OpId, StreamVersion, WriteId};
use immutable_core::journal::{After, Append, Appended, Journal};
use immutable_core::memory::MemoryOptions;
use immutable_core::provider::{FleetProvider, Provider};
use immutable_core::rollout::{self, Event, Recorded};
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
        Self::with(MemoryOptions::seeded(7))
    }

    fn with(options: MemoryOptions) -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let options = options.clock(clock.clone()).boot(Duration::from_secs(60)).heals(Heals::Switchable);
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

/// What the provider may do to each generation, as it says itself.
async fn upkeep(stage: &Stage) -> BTreeMap<GenerationId, Upkeep> {
    let groups = stage.cloud.sizes(stage.fleet.id()).into_keys().collect();
    let seen = FleetProvider::observe(&stage.cloud, stage.fleet.id(), &groups).await.unwrap();
    let said = seen.groups.into_iter().filter_map(|seen| match seen.state {
        GroupState::Present { upkeep, .. } => Some((seen.group.generation, upkeep?)),
        _ => None,
    });
    said.collect()
}

/// Appended by hand, as an engine writes it that switches off what its corpses leave no room for; nobody hears what came of it.
async fn takes_upkeep(stage: &Stage) -> Op {
    let journal = stage.cloud.journal();
    let (stream, id) = (stage.fleet.id().stream(), stage.fleet.id());
    let loaded = journal.load(&stream, After::Version(StreamVersion(0))).await.unwrap();
    let records: Vec<Recorded> = loaded.records.iter().map(|record| serde_json::from_slice(record).unwrap()).collect();
    let ops = records.iter().filter(|recorded| matches!(recorded.event, Event::Owed { .. })).count() as u64;
    let last = records.last().unwrap();
    let call = rollout::Call::Upkeep(GenerationId(1), Upkeep::NONE);
    let event = Event::Owed { op: OpId(ops + 1), call, basis: last.at };
    let recorded = Recorded { event, ..last.clone() };
    let append = Append {
        stream,
        expected: loaded.head,
        write: WriteId([9; 16]),
        records: vec![serde_json::to_vec(&recorded).unwrap().into()],
    };
    assert!(matches!(journal.append(append).await.unwrap(), Appended::Done(_)));
    Op::new(id, OpId(ops + 1), last.epoch)
}

#[test]
fn what_was_owed_of_upkeep_and_came_to_pass_is_given_back() {
    let stage = Stage::new();
    stage.clock.run(async {
        stage.proven().await;
        let (_, rollout) = stage.begins("1.1.0").await;
        assert_eq!(stage.dies(&rollout, 100).await, None);
        let op = takes_upkeep(&stage).await;
        stage.cloud.set_upkeep(&op, GenerationId(1), Upkeep::NONE).await.unwrap();
        let said = upkeep(&stage).await;
        assert_eq!((said[&GenerationId(1)].heal, said[&GenerationId(2)].heal), (false, false));
        assert_eq!(stage.janitor().await.done, restored(&[1, 2]));
        assert!(upkeep(&stage).await.values().all(|upkeep| *upkeep == HEALS));
        assert_eq!(stage.janitor().await, Restored::default());
    });
}

#[test]
fn nothing_is_sent_while_a_copy_of_what_was_sent_before_may_arrive() {
    // No call is known again by its token.
    let stage = Stage::with(MemoryOptions::seeded(7).unguarded());
    stage.clock.run(async {
        stage.proven().await;
        let (_, rollout) = stage.begins("1.1.0").await;
        assert_eq!(stage.dies(&rollout, 100).await, None);
        let op = takes_upkeep(&stage).await;
        // As long as its requests may live, and as late a copy comes.
        let late_by = Duration::from_secs(400);
        let faults = Faults::none().late(f64::MIN_POSITIVE).late_by(late_by);
        let wire = Faulty::new(Arc::new(stage.cloud.clone()), Arc::new(stage.clock.clone()), 7, faults);
        wire.next(Call::SetUpkeep, Fault::Late(late_by));
        assert!(wire.set_upkeep(&op, GenerationId(1), Upkeep::NONE).await.is_err());
        let provider = Provider::new(stage.cloud.place(), Arc::new(wire.clone()));
        let janitor = Controller::new(provider, stage.cloud.journal()).with_clock(Arc::new(stage.clock.clone()));
        assert_eq!(janitor.restore_upkeep(stage.fleet.id()).await.unwrap().done, restored(&[1, 2]));
        wire.settle().await;
        assert!(upkeep(&stage).await.values().all(|upkeep| *upkeep == HEALS), "the late copy came first");
    });
}

#[test]
fn whoever_carries_on_does_not_wait_for_the_janitor() {
    let stage = Stage::new();
    stage.clock.run(async {
        stage.proven().await;
        let (two, rollout) = stage.begins("1.1.0").await;
        assert_eq!(stage.dies(&rollout, 100).await, None);
        assert_eq!(stage.janitor().await.done, restored(&[2]));
        let state = stage.cloud.controller().state(stage.fleet.id()).await.unwrap();
        assert_eq!(state.owner(), None, "it has let it go");
        let worker = stage.cloud.controller().owner("worker");
        worker.work(stage.pass(20)).await.unwrap();
        let state = stage.cloud.controller().state(stage.fleet.id()).await.unwrap();
        assert!(state.owner().is_some_and(|owner| owner.as_str().starts_with("worker.")));
        worker.work(stage.pass(600)).await.unwrap();
        assert_eq!(stage.running(&two), 3);
    });
}

#[test]
fn what_asks_under_a_worker_is_nobodys_until_somebody_answers() {
    let stage = Stage::new();
    stage.clock.run(async {
        stage.proven().await;
        stage.begins("1.1.0").await;
        let worker = stage.cloud.controller().owner("worker");
        let asks = async {
            stage.pass(100).await;
            let machines = stage.cloud.instances(stage.fleet.id());
            machines.iter().for_each(|machine| stage.cloud.protect(&machine.key.name).unwrap());
            stage.pass(3600).await;
            assert_eq!(stage.janitor().await.done, restored(&[2]));
            assert!(upkeep(&stage).await.values().all(|upkeep| *upkeep == HEALS));
            machines.iter().for_each(|machine| stage.cloud.unprotect(&machine.key.name).unwrap());
            let rollout = stage.cloud.controller().rollout(stage.fleet.id()).await.unwrap().unwrap();
            rollout.retry("ann").await.unwrap();
            stage.pass(900).await;
            let state = stage.cloud.controller().state(stage.fleet.id()).await.unwrap();
            assert_eq!(state.last().map(|(_, outcome)| outcome.clone()), Some(Outcome::Succeeded), "the worker carries it on");
        };
        let ((), worked) = futures_util::join!(asks, worker.work(stage.pass(6000)));
        worked.unwrap();
    });
}
