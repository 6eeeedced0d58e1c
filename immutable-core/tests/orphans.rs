//! What bears a fleet's mark and is not known to its journal: told, never touched, and removed for whoever asks for that.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use immutable_core::fleet::{GenerationId, GroupId, Op, Resize, Route, RouteTag, Upkeep};
use immutable_core::id::{Epoch, OpId, PoolId};
use immutable_core::journal::MemoryJournal;
use immutable_core::memory::MemoryOptions;
use immutable_core::provider::{FleetProvider, Provider, TrafficSwitch};
use immutable_core::rollout::{AbortTo, Story};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Artifact, Controller, ErrorKind, Fleet, MemoryCloud, Outcome, Result, Strategy, Timestamp};

const LOST: GenerationId = GenerationId(5);

struct Stage {
    clock: VirtualClock,
    cloud: MemoryCloud,
    fleet: Fleet,
    web: Artifact,
}

impl Stage {
    /// Three of 1.0.0, proven, and two of a generation that no journal knows.
    async fn new(clock: &VirtualClock, in_a_pool: bool) -> Self {
        let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()).boot(Duration::from_secs(60)));
        let fleet = Fleet::new("web", cloud.place()).size(3);
        let fleet = if in_a_pool { fleet.pool(cloud.pool("front")) } else { fleet };
        let web = cloud.bake("acmeinc/web", "1.0.0").unwrap();
        let stage = Self { clock: clock.clone(), cloud, fleet, web };
        stage.deploy("1.0.0").await;
        let state = stage.cloud.controller().state(stage.fleet.id()).await.unwrap();
        let mut spec = (*state.generations()[&GenerationId(1)].spec).clone();
        (spec.id, spec.upkeep) = (LOST, Upkeep::default());
        stage.cloud.ensure_generation(&stage.op(1), &spec).await.unwrap();
        let group = GroupId { generation: LOST, cell: 0 };
        stage.cloud.resize(&stage.op(2), &Resize::Raise { group, from: 0, to: 2 }).await.unwrap();
        stage.pass(120).await;
        stage
    }

    /// One of a journal that was lost.
    fn op(&self, nth: u64) -> Op {
        Op::new(self.fleet.id(), OpId(1000 + nth), Epoch(9))
    }

    async fn deploy(&self, version: &str) {
        let artifact = self.cloud.bake("acmeinc/web", version).unwrap_or_else(|_| self.web.clone());
        let controller = self.cloud.controller();
        let plan = controller.plan(&self.fleet, &artifact, Strategy::rolling().max_surge(1)).await.unwrap();
        assert_eq!(controller.run(plan).await.unwrap(), Outcome::Succeeded);
    }

    async fn pass(&self, seconds: u64) {
        self.clock.sleep_until(self.clock.now() + Duration::from_secs(seconds)).await;
    }

    async fn remove(&self, generation: GenerationId) -> Result<()> {
        self.cloud.controller().owner("console").remove_orphan(&self.fleet, generation, "ann").await
    }

    async fn orphans(&self) -> Vec<(GenerationId, usize, u16)> {
        let orphans = self.cloud.controller().orphans(&self.fleet).await.unwrap();
        orphans.into_iter().map(|(id, orphan)| (id, orphan.instances, orphan.weight)).collect()
    }

    fn there(&self) -> usize {
        self.cloud.running().values().sum()
    }
}

fn play(in_a_pool: bool, story: impl AsyncFnOnce(Stage)) {
    let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
    clock.clone().run(async { story(Stage::new(&clock, in_a_pool).await).await });
}

#[track_caller]
fn refused(result: Result<()>, kind: ErrorKind, why: &str) {
    let error = result.unwrap_err();
    assert!(error.kind() == kind && error.to_string().contains(why), "{error}");
}

#[test]
fn an_orphan_is_told_and_goes_when_somebody_asks_for_it() {
    play(false, async |stage| {
        stage.cloud.take_name(stage.fleet.id(), GenerationId(9)).unwrap();
        assert_eq!(stage.orphans().await, [(LOST, 2, 0)], "what another has made is none");
        let keeps = stage.cloud.controller();
        let an_hour = pin!(stage.pass(3600));
        assert!(matches!(select(pin!(keeps.keep(stage.fleet.id())), an_hour).await, Either::Right(_)));
        assert_eq!((stage.there(), stage.orphans().await.len()), (5, 1), "it is let be");

        stage.remove(LOST).await.unwrap();
        assert_eq!((stage.there(), stage.orphans().await.len()), (3, 0));
        let history = stage.cloud.controller().history(stage.fleet.id()).await.unwrap();
        let story = Story::of(&history).to_string();
        let said: Vec<_> = story.lines().filter(|line| line.contains("does not know")).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        for (line, call) in said.iter().zip([
            "ann has call 5 made about what the journal does not know: terminate web-0005-0-000000#4, web-0005-0-000001#5 of group 0005.0",
            "ann has call 6 made about what the journal does not know: remove generation 0005",
        ]) {
            assert!(line.contains(call), "{line}");
        }
        refused(stage.remove(LOST).await, ErrorKind::NotFound, "has no generation 0005");

        stage.deploy("1.1.0").await;
        let state = stage.cloud.controller().state(stage.fleet.id()).await.unwrap();
        assert_eq!(state.generations().keys().copied().collect::<Vec<_>>(), [GenerationId(6)], "its number is nobody's any more");
    });
}

#[test]
fn what_is_the_fleets_own_what_serves_and_what_moves_is_refused() {
    play(true, async |stage| {
        refused(stage.remove(GenerationId(1)).await, ErrorKind::Invalid, "a rollout removes it");
        refused(stage.remove(GenerationId(7)).await, ErrorKind::NotFound, "has no generation 0007");
        let pool: PoolId = stage.cloud.pool("front");
        let seen = TrafficSwitch::observe(&stage.cloud, &pool).await.unwrap();
        let tag: RouteTag = seen.tag;
        let route = Route::new(pool, tag, [(GenerationId(1), 900), (LOST, 100)].into()).unwrap();
        stage.cloud.route(&stage.op(3), &route).await.unwrap();
        assert_eq!(stage.orphans().await, [(LOST, 2, 100)]);
        refused(
            stage.remove(LOST).await,
            ErrorKind::Invalid,
            "gets requests of fleet memory/local/local/web's pool, in 100 parts",
        );
        let artifact = stage.cloud.bake("acmeinc/web", "1.1.0").unwrap();
        let controller = stage.cloud.controller();
        let plan = controller.plan(&stage.fleet, &artifact, Strategy::rolling()).await.unwrap();
        let _ = controller.start(plan).await.unwrap();
        refused(stage.remove(LOST).await, ErrorKind::Busy, "rollout 2 to acmeinc/web 1.1.0 runs");
        assert_eq!(stage.there(), 5);
    });
}

#[test]
fn who_is_held_keeps_an_orphan_and_is_named() {
    play(false, async |stage| {
        let machines = stage.cloud.instances(stage.fleet.id());
        let held = &machines.iter().find(|machine| machine.group.generation == LOST).unwrap().key.name;
        stage.cloud.protect(held).unwrap();
        let asked = stage.clock.now();
        refused(stage.remove(LOST).await, ErrorKind::Unreachable, "may not be terminated; ask again");
        let took = stage.clock.now().since(asked).as_secs();
        assert!((900..1000).contains(&took), "{took}");
        assert_eq!(stage.orphans().await, [(LOST, 1, 0)], "the other is gone");
        stage.cloud.unprotect(held).unwrap();
        stage.remove(LOST).await.unwrap();
        assert_eq!((stage.there(), stage.orphans().await.len()), (3, 0));
    });
}

#[test]
fn slots_that_nobody_fills_are_given_up() {
    play(false, async |stage| {
        stage.cloud.capacity(0);
        let group = GroupId { generation: LOST, cell: 0 };
        stage.cloud.resize(&stage.op(4), &Resize::Raise { group, from: 2, to: 4 }).await.unwrap();
        stage.remove(LOST).await.unwrap();
        assert_eq!((stage.there(), stage.orphans().await.len()), (3, 0));
    });
}

#[test]
fn whoever_removes_one_may_die_at_any_moment_and_another_goes_on() {
    for seconds in (0..).step_by(1) {
        let mut ended = false;
        play(false, async |stage| {
            ended = match select(pin!(stage.remove(LOST)), pin!(stage.pass(seconds))).await {
                Either::Left((removed, _)) => removed.map(|()| true).unwrap(),
                Either::Right(_) => false,
            };
            if !ended && !stage.orphans().await.is_empty() {
                stage.remove(LOST).await.unwrap();
            }
            assert_eq!((stage.there(), stage.orphans().await.len()), (3, 0), "after {seconds} s");
        });
        if ended {
            assert!(seconds > 5, "{seconds}");
            return;
        }
    }
}

#[test]
fn of_a_fleet_whose_journal_was_lost_everything_is_an_orphan() {
    play(false, async |stage| {
        let anew = Controller::new(Provider::from(&stage.cloud), MemoryJournal::new()).with_clock(Arc::new(stage.clock.clone()));
        let orphans = anew.orphans(&stage.fleet).await.unwrap();
        assert_eq!(orphans.keys().copied().collect::<Vec<_>>(), [GenerationId(1), LOST]);
        anew.remove_orphan(&stage.fleet, GenerationId(1), "ann").await.unwrap();
        anew.remove_orphan(&stage.fleet, LOST, "ann").await.unwrap();
        assert_eq!(stage.there(), 0);
        let plan = anew.plan(&stage.fleet, &stage.web, Strategy::rolling()).await.unwrap();
        assert_eq!(plan.wanted().id(), GenerationId(6));
        assert_eq!(anew.run(plan).await.unwrap(), Outcome::Succeeded);
        assert_eq!(stage.there(), 3);
    });
}

/// Nobody knows its pool but who describes it.
#[test]
fn what_serves_of_a_fleet_whose_journal_was_lost_is_refused() {
    play(true, async |stage| {
        let anew = Controller::new(Provider::from(&stage.cloud), MemoryJournal::new()).with_clock(Arc::new(stage.clock.clone()));
        let weights: Vec<_> =
            anew.orphans(&stage.fleet).await.unwrap().into_iter().map(|(id, orphan)| (id, orphan.weight)).collect();
        assert_eq!(weights, [(GenerationId(1), 1000), (LOST, 0)]);
        let serves = anew.remove_orphan(&stage.fleet, GenerationId(1), "ann").await;
        refused(serves, ErrorKind::Invalid, "gets requests of fleet memory/local/local/web's pool, in 1000 parts");
        anew.remove_orphan(&stage.fleet, LOST, "ann").await.unwrap();
        assert_eq!(stage.there(), 3);

        let fleets: Arc<dyn FleetProvider> = Arc::new(stage.cloud.clone());
        let blind = Controller::new(Provider::new(stage.cloud.place(), fleets), MemoryJournal::new());
        let blind = blind.with_clock(Arc::new(stage.clock.clone()));
        let lacks = blind.remove_orphan(&stage.fleet, GenerationId(1), "ann").await;
        refused(lacks, ErrorKind::Invalid, "has no traffic switch for memory/local/local; add one");
    });
}

/// Nothing is kept of it, and its pool is known still.
#[test]
fn what_serves_of_a_fleet_that_was_left_mixed_is_refused() {
    play(true, async |stage| {
        let artifact = stage.cloud.bake("acmeinc/web", "1.1.0").unwrap();
        let controller = stage.cloud.controller();
        let plan = controller.plan(&stage.fleet, &artifact, Strategy::rolling().max_surge(1)).await.unwrap();
        let rollout = controller.start(plan).await.unwrap();
        let stopped = async {
            stage.pass(90).await;
            rollout.abort(AbortTo::Mixed, "ann").await.unwrap();
        };
        let (outcome, _) = futures_util::join!(rollout.drive(), stopped);
        assert_eq!(outcome.unwrap(), Outcome::LeftMixed);
        let pool: PoolId = stage.cloud.pool("front");
        let seen = TrafficSwitch::observe(&stage.cloud, &pool).await.unwrap();
        let weights = seen.weights.keys().map(|id| (*id, 450)).chain([(LOST, 100)]).collect();
        stage.cloud.route(&stage.op(3), &Route::new(pool, seen.tag, weights).unwrap()).await.unwrap();
        let unpooled = Fleet::new("web", stage.cloud.place()).size(3);
        let serves = stage.cloud.controller().remove_orphan(&unpooled, LOST, "ann").await;
        refused(serves, ErrorKind::Invalid, "in 100 parts");
    });
}
