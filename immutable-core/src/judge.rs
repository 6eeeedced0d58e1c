//! A judge that is judged: whole rollouts in a closed loop over the pure engine and the in-memory cloud, with oracles on the truth. The
//! sound engine keeps every promise; each weakened one is caught.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::artifact::Artifact;
use crate::fleet::{Destroyed, Fleet, GenerationId, Life, Verdict};
use crate::id::{InstanceKey, OwnerId};
use crate::memory::{Cause, Delay, Effect, MemoryCloud, MemoryOptions, What};
use crate::provider::FleetProvider;
use crate::rollout::decide::weakened::Engine;
use crate::rollout::{Budget, Call, Event, Facts, FleetState, OpResult, Outcome, Plan, PlanFor, Recorded, Strategy, settle};
use crate::time::{Clock, Timestamp, VirtualClock};

/// How many worlds the sound engine must survive, and a weakened one must not.
const SEEDS: u64 = 200;

struct World {
    clock: VirtualClock,
    cloud: MemoryCloud,
    fleet: Fleet,
    strategy: Strategy,
    state: FleetState,
    facts: Facts,
    blackout: u64,
    silence: u64,
}

/// A number of 0 to `below` that depends on the seed and what it is for.
fn draw(seed: u64, what: u64, below: u64) -> u64 {
    let mut bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(what.wrapping_mul(0xd1b5_4a32_d192_ed03));
    bits = (bits ^ (bits >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (bits ^ (bits >> 32)) % below
}

impl World {
    fn new(seed: u64) -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let secs = Duration::from_secs;
        let options = MemoryOptions::seeded(seed).clock(clock.clone()).effects(10_000).boot(Delay::Uniform(secs(20), secs(90)));
        let cloud = MemoryCloud::with(options.drain(secs(5 + draw(seed, 1, 60))));
        let zones = ["a", "b", "c"].into_iter().take(usize::try_from(draw(seed, 2, 4)).unwrap_or(0));
        let fleet = Fleet::new("web", cloud.place()).size(2 + u32::try_from(draw(seed, 3, 5)).unwrap_or(0));
        let fleet = fleet.zones(zones.map(Into::into)).min_ready(secs(draw(seed, 4, 20)));
        let (surge, unavailable) = [(1, 0), (2, 0), (0, 1), (1, 1)][usize::try_from(draw(seed, 5, 4)).unwrap_or(0)];
        let state = FleetState::new(fleet.id().clone());
        Self {
            strategy: Strategy::rolling().max_surge(surge).max_unavailable(unavailable),
            blackout: 100 + draw(seed, 6, 200),
            silence: 60 + draw(seed, 7, 200),
            facts: Facts::default(),
            clock,
            cloud,
            fleet,
            state,
        }
    }

    fn apply(&mut self, events: Vec<Event>) -> Result<bool, String> {
        let moved = events.iter().any(|event| matches!(event, Event::Moved { .. }));
        for event in events {
            let recorded = Recorded { v: 1, at: self.clock.now().max(self.state.at()), epoch: self.state.epoch(), event };
            self.state.evolve(&recorded).map_err(|illegal| illegal.to_string())?;
        }
        Ok(moved)
    }

    /// One rollout, a look every 2 s. With trouble: half of the health goes silent for a while, and a zone.
    fn roll(&mut self, engine: &Engine, artifact: &Artifact, trouble: bool) -> Result<Outcome, String> {
        let capabilities = self.cloud.capabilities().clone();
        let wish = PlanFor { fleet: &self.fleet, artifact, strategy: &self.strategy, capabilities: &capabilities };
        let plan = Plan::new(&self.state, wish).map_err(|error| error.to_string())?;
        let rollout = self.state.next_rollout();
        self.facts.good.insert(artifact.digest());
        self.apply(vec![Event::Opened { rollout, plan: Box::new(plan) }])?;
        for tick in 0..2_000 {
            if let Some((_, outcome)) = self.state.last().filter(|(last, _)| *last == rollout) {
                return Ok(outcome.clone());
            }
            if trouble && tick == self.blackout / 2 {
                self.cloud.black_out(Duration::from_secs(90));
            }
            if trouble && tick == self.silence / 2 {
                self.cloud.partial_views("a page is missing", Duration::from_secs(90));
            }
            self.tick(engine)?;
        }
        Err("liveness: it does not end".to_owned())
    }

    fn tick(&mut self, engine: &Engine) -> Result<(), String> {
        let (clock, now) = (self.clock.clone(), self.clock.now());
        self.facts.as_of = now;
        let seen =
            clock.run(self.cloud.observe(self.fleet.id(), &self.state.known_groups())).map_err(|error| error.to_string())?;
        for _ in 0..16 {
            let decision = engine.decide(&self.state, &mut seen.clone(), &self.facts, now);
            assert!(decision.wake_at.is_none_or(|wake| wake > now), "it would wake for what is past");
            if !self.apply(decision.events)? {
                break;
            }
        }
        let owed: Vec<_> = self.state.owed().map(|(id, owed)| (id, owed.call.clone())).collect();
        for (id, call) in owed {
            let result = clock.run(self.send(&self.state.op(id), &call))?;
            let events = settle(&self.state, id, result, clock.now());
            self.apply(events)?;
        }
        clock.run(clock.sleep_until(clock.now() + Duration::from_secs(2)));
        Ok(())
    }

    async fn send(&self, op: &crate::fleet::Op, call: &Call) -> Result<OpResult, String> {
        let done = |size, removed| OpResult::Done { size, refused: Vec::new(), echo_until: None, removed };
        let sent = match call {
            Call::Ensure(spec) => self.cloud.ensure_generation(op, spec).await.map(|_| done(None, None)),
            Call::Resize(resize) => self.cloud.resize(op, resize).await.map(|resized| done(Some(resized.size), None)),
            Call::Upkeep(generation, upkeep) => self.cloud.set_upkeep(op, *generation, *upkeep).await.map(|()| done(None, None)),
            Call::Destroy(generation) => {
                let gone = |destroyed| !matches!(destroyed, Destroyed::StillHas(_));
                self.cloud.destroy_generation(op, *generation).await.map(|destroyed| done(None, Some(gone(destroyed))))
            }
        };
        sent.map_err(|error| format!("a call that the cloud refuses: {error}"))
    }
}

/// What the truth was, effect by effect.
#[derive(Default)]
struct Truth {
    machines: BTreeMap<InstanceKey, (GenerationId, Life, Verdict)>,
    exercised: BTreeSet<GenerationId>,
}

impl Truth {
    fn ready(&self) -> u32 {
        let serves = |machine: &&(GenerationId, Life, Verdict)| machine.1 == Life::Running && machine.2 == Verdict::Healthy;
        u32::try_from(self.machines.values().filter(serves).count()).unwrap_or(u32::MAX)
    }

    /// Takes in one effect, and holds it against what was promised.
    fn take(&mut self, effect: &Effect, budget: Budget, judged: bool) -> Result<(), String> {
        let ours = judged && matches!(effect.by, Cause::Call(_));
        let generation = effect.group.map_or(GenerationId(0), |group| group.generation);
        match &effect.what {
            What::Launched(key) => {
                self.machines.insert(key.clone(), (generation, Life::Requested, Verdict::Starting));
                let live = self.machines.len();
                if ours && live > usize::try_from(budget.ceiling).unwrap_or(usize::MAX) {
                    return Err(format!("ceiling: {live} live, {} may be: {effect}", budget.ceiling));
                }
                let alone = self.machines.values().filter(|machine| machine.0 == generation).count();
                if ours && alone > 1 && !self.exercised.contains(&generation) {
                    return Err(format!("probe: {alone} of a release that never was ready: {effect}"));
                }
            }
            What::Lives(key, Life::Gone) => {
                self.machines.remove(key);
            }
            What::Lives(key, life) => {
                let Some(machine) = self.machines.get_mut(key) else {
                    return Ok(());
                };
                let served = machine.1 == Life::Running && machine.2 == Verdict::Healthy;
                machine.1 = *life;
                if ours && *life == Life::Leaving && served && self.ready() < budget.floor {
                    return Err(format!("floor: {} ready, {} must be: {effect}", self.ready(), budget.floor));
                }
            }
            What::Judged(key, verdict) => {
                if let Some(machine) = self.machines.get_mut(key) {
                    machine.2 = *verdict;
                    if *verdict == Verdict::Healthy {
                        self.exercised.insert(machine.0);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Deploys 1.0.0 by the sound engine, replaces it by the one that is judged, and says which promise was broken.
fn judge(engine: &Engine, seed: u64) -> Result<(), String> {
    let mut world = World::new(seed);
    let bake = |world: &World, version: &str| world.cloud.bake("acmeinc/web", version).map_err(|error| error.to_string());
    let (first, next) = (bake(&world, "1.0.0")?, bake(&world, "1.1.0")?);
    let claimed = Event::Claimed { owner: OwnerId::new("judge"), echo_until: Timestamp::default() };
    let recorded = Recorded { v: 1, at: world.clock.now(), epoch: crate::id::Epoch(1), event: claimed };
    world.state.evolve(&recorded).map_err(|illegal| illegal.to_string())?;
    let budget = world.strategy.budget(world.fleet.desired());
    let mut truth = Truth::default();
    assert_eq!(world.roll(&Engine::sound(), &first, false)?, Outcome::Succeeded);
    world.cloud.take_effects().iter().try_for_each(|effect| truth.take(effect, budget, false))?;

    let end = world.roll(engine, &next, true);
    world.cloud.take_effects().iter().try_for_each(|effect| truth.take(effect, budget, true))?;
    let end = end?;
    let running = world.cloud.running();
    let expected = BTreeMap::from([(next.digest(), usize::try_from(world.fleet.desired()).unwrap_or(0))]);
    if end == Outcome::Succeeded && running != expected {
        return Err(format!("proof: it says that it succeeded, and there run {running:?}"));
    }
    if end != Outcome::Succeeded {
        return Err(format!("outcome: a good release ended as {end}"));
    }
    Ok(())
}

#[test]
fn the_sound_engine_keeps_every_promise() {
    for seed in 0..SEEDS {
        judge(&Engine::sound(), seed).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    }
}

#[test]
fn each_weakened_engine_is_caught() {
    let mut uncaught = Vec::new();
    for (name, promise, engine) in Engine::weakened() {
        let caught =
            (0..SEEDS).find_map(|seed| Some((seed, judge(&engine, seed).err().filter(|broken| broken.starts_with(promise))?)));
        match caught {
            Some((seed, broken)) => println!("{name}: caught at seed {seed}: {broken}"),
            None => uncaught.push(name),
        }
    }
    assert!(uncaught.is_empty(), "in {SEEDS} worlds nobody caught: {uncaught:?}");
}
