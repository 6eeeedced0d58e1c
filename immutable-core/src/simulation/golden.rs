//! Makes the golden journals of this version: as few simulated worlds as hold every kind of fact that happens in them, and a scene for each other.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use super::Simulation;
use super::expect::Patience;
use super::play::Play;
use crate::analysis::Judgement;
use crate::artifact::{Artifact, Built, Provenance};
use crate::conformance::{Call, Fault, Faults, Faulty};
use crate::controller::Controller;
use crate::error::ErrorKind;
use crate::fleet::{Fleet, GenerationId, Op};
use crate::id::{Epoch, OpId, StreamVersion};
use crate::journal::{After, Journal};
use crate::memory::{MemoryCloud, MemoryOptions};
use crate::provider::{FleetProvider, Provider, judge_fn};
use crate::rollout::kinds::{all, folder, of};
use crate::rollout::{AbortTo, Check, FleetState, Outcome, Recorded, Strategy};
use crate::time::{Clock, Timestamp, VirtualClock};

/// So many worlds are looked through: 4 minutes.
const SEEDS: u64 = 4000;

struct Journaled {
    name: String,
    state: FleetState,
    records: Vec<Recorded>,
}

impl Journaled {
    /// What is in a fleet's journal.
    fn read(name: impl Into<String>, clock: &VirtualClock, cloud: &MemoryCloud, state: FleetState) -> Self {
        let after = After::Version(StreamVersion(0));
        let loaded = clock.run(cloud.journal().load(&state.fleet().stream(), after)).unwrap();
        let records = loaded.records.iter().map(|record| Recorded::read(record).unwrap());
        let mut journaled = Self { name: name.into(), state, records: records.collect() };
        let Self { state, records, .. } = &mut journaled;
        records.iter().for_each(|recorded| state.evolve(recorded).unwrap());
        journaled
    }

    /// At the end of a simulated world.
    fn world(seed: u64) -> Self {
        let simulation = Simulation::new().instances(0..=3);
        let script = simulation.script(seed);
        let play = Play::new(&simulation, &script, Patience::Configured, false);
        let (clock, cloud, fleet) = (play.clock.clone(), play.cloud.clone(), play.fleet.clone());
        let _ = play.play();
        Self::read(format!("world-{seed}"), &clock, &cloud, FleetState::new(fleet))
    }

    fn kinds(&self) -> BTreeSet<&'static str> {
        self.records.iter().flat_map(of).collect()
    }

    fn write(&self) {
        let Self { name, state, records } = self;
        let folder = folder().join(env!("CARGO_PKG_VERSION"));
        let lines: String = records.iter().map(|recorded| serde_json::to_string(recorded).unwrap() + "\n").collect();
        fs::write(folder.join(format!("{name}.jsonl")), lines).unwrap();
        let state = serde_json::to_string_pretty(state).unwrap() + "\n";
        fs::write(folder.join(format!("{name}.state.json")), state).unwrap();
    }
}

/// What happens in no world that is drawn.
fn scenes() -> [Journaled; 6] {
    let cloud = || {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()));
        (clock, cloud)
    };
    let plain = Strategy::rolling().max_surge(1);
    [
        {
            let (clock, cloud) = cloud();
            let (fleet, controller) = (Fleet::new("web", cloud.place()).size(2), cloud.controller().owner("deployer"));
            clock.run(async {
                let one = cloud.bake("acmeinc/web", "1.0.0").unwrap();
                let plan = controller.plan(&fleet, &one, plain.clone()).await.unwrap();
                assert_eq!(controller.run(plan).await.unwrap(), Outcome::Succeeded);
                let built = Built::new(Provenance::new("test", "1.1.0")).irreversible("schema 12");
                let two = Artifact::new(one.name().clone(), "1.1.0".parse().unwrap(), built).unwrap();
                let two = cloud.import(&two).unwrap();
                let plan = controller.plan(&fleet, &two, plain.clone()).await.unwrap();
                let rollout = controller.start(plan).await.unwrap();
                rollout.abort(AbortTo::Nothing, "bob").await.unwrap();
                let stopped = async {
                    let mut reports = rollout.reports();
                    while let Some(report) = futures_util::StreamExt::next(&mut reports).await {
                        if report.counts.ready > 0 {
                            rollout.abort(AbortTo::Back, "bob").await.unwrap();
                            break;
                        }
                    }
                };
                let (asks, ()) = futures_util::join!(rollout.drive(), stopped);
                assert!(matches!(asks.unwrap(), Outcome::Needs(_)));
                rollout.retry("ann").await.unwrap();
                assert_eq!(rollout.drive().await.unwrap(), Outcome::Succeeded);
            });
            Journaled::read("irreversible", &clock, &cloud, FleetState::new(fleet.id().clone()))
        },
        {
            let (clock, cloud) = cloud();
            let pool = cloud.pool("web");
            let [api, web] = ["api", "web"].map(|name| Fleet::new(name, cloud.place()).size(2));
            let controller = cloud.controller().owner("deployer");
            clock.run(async {
                let [one, two] = ["1.0.0", "1.1.0"].map(|version| cloud.bake("acmeinc/web", version).unwrap());
                // The pool is the other's, and refuses.
                for (fleet, artifact, asks) in [
                    (api.pool(pool.clone()), &one, false),
                    (web.clone(), &one, false),
                    (web.clone().pool(pool.clone()), &two, true),
                ] {
                    let plan = controller.plan(&fleet, artifact, plain.clone()).await.unwrap();
                    assert_eq!(matches!(controller.run(plan).await.unwrap(), Outcome::Needs(_)), asks);
                }
            });
            Journaled::read("pool-of-another", &clock, &cloud, FleetState::new(web.id().clone()))
        },
        {
            let (clock, cloud) = cloud();
            let (fleet, controller) = (Fleet::new("web", cloud.place()).size(1), cloud.controller().owner("deployer"));
            clock.run(async {
                let one = cloud.bake("acmeinc/web", "1.0.0").unwrap();
                let plan = controller.plan(&fleet, &one, plain.clone()).await.unwrap();
                assert_eq!(controller.run(plan).await.unwrap(), Outcome::Succeeded);
                let state = controller.state(fleet.id()).await.unwrap();
                let mut spec = (*state.generations().values().next().unwrap().spec).clone();
                spec.id = GenerationId(5);
                // Somebody has copied it.
                cloud.ensure_generation(&Op::new(fleet.id(), OpId(99), Epoch(9)), &spec).await.unwrap();
                controller.remove_orphan(&fleet, spec.id, "ann").await.unwrap();
            });
            Journaled::read("orphan", &clock, &cloud, FleetState::new(fleet.id().clone()))
        },
        {
            let (clock, cloud) = cloud();
            let (fleet, unable) = (Fleet::new("web", cloud.place()).size(1), cloud.controller().owner("unable"));
            let begin = async |controller: &Controller, version: &str, strategy: &Strategy| {
                let artifact = cloud.bake("acmeinc/web", version).unwrap();
                let plan = controller.plan(&fleet, &artifact, strategy.clone()).await.unwrap();
                controller.start(plan).await.unwrap()
            };
            clock.run(async {
                let works = unable.work(clock.sleep_until(clock.now() + Duration::from_secs(600)));
                let able = cloud.controller().judge("watch", judge_fn(|_| async { Ok(Judgement::pass("it is well")) }));
                let begins = async {
                    let _ = begin(&cloud.controller(), "1.0.0", &plain).await;
                    clock.sleep_until(clock.now() + Duration::from_secs(300)).await;
                    let checked = Strategy::new([plain.steps().to_vec(), vec![Check::by("watch").into()]].concat());
                    begin(&able, "1.1.0", &checked).await
                };
                let (worked, rollout) = futures_util::join!(works, begins);
                worked.unwrap();
                assert_eq!(rollout.drive().await.unwrap(), Outcome::Succeeded);
            });
            Journaled::read("released", &clock, &cloud, FleetState::new(fleet.id().clone()))
        },
        {
            let (clock, cloud) = cloud();
            let (fleet, controller) = (Fleet::new("web", cloud.place()).size(2), cloud.controller().owner("deployer"));
            clock.run(async {
                let [one, two] = ["1.0.0", "1.1.0"].map(|version| cloud.bake("acmeinc/web", version).unwrap());
                let native = cloud.group_of_others("web-by-hand", &one, 2).unwrap();
                assert_eq!(controller.adopt(&fleet, &native, &one, "ann").await.unwrap().instances, 2);
                let plan = controller.plan(&fleet, &two, plain.clone()).await.unwrap();
                assert_eq!(controller.run(plan).await.unwrap(), Outcome::Succeeded);
            });
            Journaled::read("adopted", &clock, &cloud, FleetState::new(fleet.id().clone()))
        },
        {
            let (clock, cloud) = cloud();
            let wire = Faulty::new(Arc::new(cloud.clone()), Arc::new(clock.clone()), 7, Faults::none());
            let provider = Provider::new(cloud.place(), Arc::new(wire.clone()));
            let controller = Controller::new(provider, cloud.journal()).with_clock(cloud.clock()).owner("deployer");
            let fleet = Fleet::new("web", cloud.place()).size(1);
            clock.run(async {
                let one = cloud.bake("acmeinc/web", "1.0.0").unwrap();
                let plan = controller.plan(&fleet, &one, plain.clone()).await.unwrap();
                let rollout = controller.start(plan).await.unwrap();
                // Nobody may look at it.
                (0..5000).for_each(|_| wire.next(Call::Observe, Fault::Error(ErrorKind::Denied)));
                assert!(matches!(rollout.drive().await.unwrap(), Outcome::Needs(_)));
                wire.calm();
                rollout.retry("ann").await.unwrap();
                assert_eq!(rollout.drive().await.unwrap(), Outcome::Succeeded);
            });
            Journaled::read("unseen", &clock, &cloud, FleetState::new(fleet.id().clone()))
        },
    ]
}

#[test]
#[ignore = "writes the golden journals of a new version; see ARCHITECTURE.md"]
fn golden_journals_of_this_version() {
    let folder = folder().join(env!("CARGO_PKG_VERSION"));
    assert!(!folder.exists(), "{} is there, and what was released is never written again; raise the version", folder.display());
    let (mut missing, mut chosen) = (all(), Vec::from(scenes()));
    chosen.iter().for_each(|scene| missing.retain(|kind| !scene.kinds().contains(kind)));
    let worlds: Vec<_> = (0..SEEDS)
        .map(|seed| {
            let world = Journaled::world(seed);
            (seed, world.records.len(), world.kinds())
        })
        .collect();
    loop {
        // Each holds as much as can be of what is missing, and is short.
        let new = |kinds: &BTreeSet<_>| kinds.intersection(&missing).count();
        let best = worlds.iter().max_by_key(|(_, length, kinds)| (new(kinds), usize::MAX - length));
        let Some((seed, _, kinds)) = best.filter(|(_, _, kinds)| new(kinds) > 0) else { break };
        chosen.push(Journaled::world(*seed));
        missing.retain(|kind| !kinds.contains(kind));
    }
    assert!(missing.is_empty(), "nothing of this happened in {SEEDS} worlds, write a scene: {missing:?}");
    fs::create_dir_all(&folder).unwrap();
    chosen.iter().for_each(Journaled::write);
}
