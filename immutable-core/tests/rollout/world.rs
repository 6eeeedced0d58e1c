//! Whole rollouts through the public API, in a cloud in memory, on virtual time: scripted, judged by the oracle.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use immutable_core::fleet::{FleetId, GenerationId, Heals, Life, Resize};
use immutable_core::memory::{Delay, MemoryCloud, MemoryOptions};
use immutable_core::rollout::{Amount, Call, Event, FleetState, Need, Percent};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Artifact, Fleet, Outcome, Strategy};

use super::chaos::{drive, fogs, journal_of, kill};
use super::oracle::{Promise, Truth};

/// No rollout may take longer.
const LONG: Duration = Duration::from_secs(12 * 3600);

/// What becomes of a release's machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Good,
    NeverHealthy,
    NeverBoots,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Count(u32),
    Percent(u32),
}

impl Part {
    fn amount(self) -> Amount {
        match self {
            Self::Count(count) => count.into(),
            Self::Percent(percent) => Percent::new(percent).unwrap().into(),
        }
    }
}

/// What is not seen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fog {
    /// Anybody's health.
    Health,
    /// The wanted release's health.
    NewHealth,
    /// Half of each group.
    Half,
    /// A zone.
    Zone,
}

/// When a drive is dropped.
#[derive(Clone, Copy, Debug)]
pub(super) enum Drop {
    Polls(u32),
    Seconds(u32),
}

/// One world, and what is done in it.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) seed: u64,
    pub(super) surge: Part,
    pub(super) unavailable: Part,
    pub(super) zones: usize,
    /// The longest boot in seconds; the shortest is a third of it.
    pub(super) boot: u64,
    pub(super) min_ready: u64,
    pub(super) latency_ms: u64,
    pub(super) operations_take: u64,
    pub(super) heals: Heals,
    /// Rollouts: to how many instances, of which fate.
    pub(super) rollouts: Vec<(u32, Fate)>,
    /// Seconds into each rollout after the first, and which machine dies then.
    pub(super) kills: Vec<(u64, usize)>,
    /// From the second rollout on there are so many machines more than it has or will have, and no more.
    pub(super) spare: Option<u32>,
    /// Of the second rollout's first raise so many never come.
    pub(super) short: u32,
    /// Seconds into each rollout after the first, for how many seconds, what is not seen.
    pub(super) fogs: Vec<(u64, u64, Fog)>,
    /// In each rollout, when drives are dropped and carried on by another controller.
    pub(super) drops: Vec<Drop>,
}

impl Script {
    pub(super) fn strategy(&self) -> Strategy {
        Strategy::rolling().max_surge(self.surge.amount()).max_unavailable(self.unavailable.amount())
    }

    /// Whether this budget can replace anything of this many.
    pub(super) fn works(&self) -> bool {
        let works = |size: u32| {
            let budget = self.strategy().budget(size);
            size == 0 || budget.ceiling > size || budget.floor < size
        };
        self.rollouts.iter().all(|(size, _)| works(*size))
    }

    /// Whether a good release may fail in it: machines die, or there is no room for one more.
    fn hard(&self) -> bool {
        !self.kills.is_empty() || self.spare == Some(0)
    }
}

/// What came of a script.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) launched: u64,
    /// Every stream's records, byte for byte.
    pub(super) journal: Vec<(String, Vec<u8>)>,
}

pub(super) struct World {
    pub(super) clock: VirtualClock,
    pub(super) cloud: MemoryCloud,
    pub(super) fleet: FleetId,
    script: Script,
    truth: Truth,
    exercised: BTreeSet<immutable_core::Digest>,
    proven: Option<Artifact>,
}

impl World {
    pub(super) fn new(script: &Script) -> Self {
        let clock = VirtualClock::new("2026-11-21T09:00:00Z".parse().unwrap());
        let boot = Delay::Uniform(Duration::from_secs(script.boot / 3), Duration::from_secs(script.boot));
        let options = MemoryOptions::seeded(script.seed)
            .clock(clock.clone())
            .boot(boot)
            .latency(Delay::Uniform(Duration::ZERO, Duration::from_millis(script.latency_ms)))
            .heals(script.heals)
            .operations_take(Duration::from_secs(script.operations_take))
            .effects(1_000_000);
        let cloud = MemoryCloud::with(options);
        let fleet = FleetId::new(cloud.place(), "web");
        let (truth, exercised) = Default::default();
        Self { clock, cloud, fleet, script: script.clone(), truth, exercised, proven: None }
    }

    fn fleet(&self, size: u32) -> Fleet {
        let zones = ["a", "b", "c"].into_iter().take(self.script.zones).map(Into::into);
        let min_ready = Duration::from_secs(self.script.min_ready);
        Fleet::new("web", self.cloud.place()).size(size).zones(zones).min_ready(min_ready).boot_deadline(Duration::from_secs(300))
    }

    /// Plays the whole script, judging as it goes.
    pub(super) fn play(mut self) -> Result<Played, String> {
        let mut outcomes = Vec::new();
        for (at, (size, fate)) in self.script.rollouts.clone().into_iter().enumerate() {
            let artifact = self.cloud.bake("acmeinc/web", &format!("1.{at}.0")).unwrap();
            match fate {
                Fate::Good => {}
                Fate::NeverHealthy => self.cloud.never_healthy(&artifact),
                Fate::NeverBoots => self.cloud.never_boots(&artifact),
            }
            let before = self.cloud.launched();
            let outcome = self.roll(at, size, &artifact)?;
            self.judge(at, size, fate, &artifact, &outcome, self.cloud.launched() - before)?;
            let asks = matches!(outcome, Outcome::Needs(_));
            outcomes.push(outcome);
            if asks {
                break;
            }
        }
        let journal = self.clock.run(journal_of(&self.cloud));
        Ok(Played { outcomes, launched: self.cloud.launched(), journal })
    }

    fn roll(&mut self, at: usize, size: u32, artifact: &Artifact) -> Result<Outcome, String> {
        let (cloud, clock, script) = (self.cloud.clone(), self.clock.clone(), self.script.clone());
        let fleet = self.fleet(size);
        let later = at > 0;
        if later {
            let there = cloud.instances(&self.fleet).len() as u32;
            cloud.capacity(script.spare.map(|spare| size.max(there) + spare));
            cloud.launches_come_short(if at == 1 { script.short } else { 0 });
        }
        let outcome = self.clock.run(async {
            let controller = cloud.controller();
            let plan = controller.plan(&fleet, artifact, script.strategy()).await?;
            let rollout = controller.start(plan).await?;
            let kills = kill(&cloud, &clock, fleet.id(), if later { &script.kills } else { &[] });
            let fogs = fogs(&cloud, &clock, artifact, if later { &script.fogs } else { &[] });
            let drive = drive(&cloud, &clock, rollout, &script.drops);
            let (drive, kills, fogs) = (pin!(drive), pin!(kills), pin!(fogs));
            match select(select(drive, select(kills, fogs)), clock.sleep_until(clock.now() + LONG)).await {
                Either::Left((Either::Left((outcome, _)), _)) => outcome,
                _ => Err(immutable_core::Error::invalid("it takes for ever")),
            }
        });
        cloud.capacity(None);
        cloud.launches_come_short(0);
        let outcome = outcome.map_err(|error| format!("rollout {at}: {error}: {:?}", std::error::Error::source(&error)))?;
        let budget = script.strategy().budget(size);
        let torn = outcome == Outcome::TornDown;
        let mut promise = Promise {
            fleet: self.fleet.clone(),
            floor: if torn { 0 } else { budget.floor },
            ceiling: budget.ceiling,
            min_ready: Duration::from_secs(script.min_ready),
            probe_attempts: 1,
            exercised: self.exercised.clone(),
            runs: self.releases(),
        };
        self.truth.follow(&cloud.take_effects(), &mut promise).map_err(|why| format!("rollout {at}: {why}"))?;
        self.exercised = promise.exercised;
        Ok(outcome)
    }

    /// What each generation that ever was runs.
    fn releases(&self) -> BTreeMap<GenerationId, immutable_core::Digest> {
        let history = self.clock.run(self.cloud.controller().history(&self.fleet)).unwrap();
        let specs = history.into_iter().filter_map(|(_, recorded)| match recorded.event {
            Event::Owed { call: Call::Ensure(spec), .. } => Some((spec.id, spec.release.artifact)),
            _ => None,
        });
        specs.collect()
    }

    /// Whether this end is allowed, and whether the fleet is what it says.
    fn judge(
        &mut self,
        at: usize,
        size: u32,
        fate: Fate,
        artifact: &Artifact,
        end: &Outcome,
        launched: u64,
    ) -> Result<(), String> {
        let wrong = |why: String| Err(format!("rollout {at} to {size} of {fate:?} ended as {end}: {why}"));
        let ceiling = self.script.strategy().budget(size).ceiling;
        let never = size == 0 && ceiling == 0;
        let mut allowed = Vec::new();
        match (fate, &self.proven) {
            _ if never => allowed.push(Outcome::Unexercised),
            (Fate::Good, _) => allowed.push(Outcome::Succeeded),
            (_, Some(_)) => allowed.push(Outcome::RolledBack),
            (_, None) => allowed.push(Outcome::TornDown),
        }
        if at > 0 && self.script.hard() && !never {
            allowed.push(if self.proven.is_some() { Outcome::RolledBack } else { Outcome::TornDown });
        }
        if at > 0 && self.script.spare == Some(0) {
            allowed.extend([Outcome::Needs(Need::RollbackDeadline), Outcome::Needs(Need::StuckLeaving)]);
        }
        if !allowed.contains(end) {
            return wrong(format!("allowed were {allowed:?}"));
        }
        if matches!(end, Outcome::Needs(_)) {
            return Ok(());
        }
        let runs = match end {
            Outcome::Succeeded => Some(artifact.clone()),
            Outcome::RolledBack => self.proven.clone(),
            _ => None,
        };
        let expected: BTreeMap<_, _> =
            runs.iter().filter(|_| size > 0).map(|artifact| (artifact.digest(), size as usize)).collect();
        if self.cloud.running() != expected {
            return wrong(format!("there run {:?}, expected {expected:?}", self.cloud.running()));
        }
        let machines = self.cloud.instances(&self.fleet);
        if machines.len() != size as usize * expected.len() || machines.iter().any(|machine| machine.life != Life::Running) {
            return wrong(format!("there are {machines:?}"));
        }
        let generations: BTreeSet<_> = self.cloud.sizes(&self.fleet).into_keys().map(|group| group.generation).collect();
        let shells = match end {
            Outcome::TornDown => 0,
            // Of an empty fleet nothing is proven: what was there stays.
            Outcome::Unexercised => generations.len().max(1),
            _ => 1,
        };
        if generations.len() != shells {
            return wrong(format!("left over are {generations:?}"));
        }
        if matches!(end, Outcome::Succeeded) && (at == 0 || !self.script.hard()) && launched != u64::from(size.max(1)) {
            return wrong(format!("{launched} were launched"));
        }
        if *end == Outcome::Succeeded {
            self.proven = Some(artifact.clone());
        }
        self.at_rest(end, &self.fleet(size), artifact).or_else(wrong)?;
        self.once().or_else(wrong)
    }

    /// The records make the state; driving and planning again changes nothing.
    fn at_rest(&self, end: &Outcome, fleet: &Fleet, artifact: &Artifact) -> Result<(), String> {
        let calls = self.cloud.calls();
        self.clock.run(async {
            let controller = self.cloud.controller();
            let history = controller.history(&self.fleet).await.map_err(|error| error.to_string())?;
            let mut folded = FleetState::new(self.fleet.clone());
            for (_, recorded) in &history {
                folded.evolve(recorded).map_err(|illegal| illegal.to_string())?;
            }
            let state = controller.state(&self.fleet).await.map_err(|error| error.to_string())?;
            if folded != state || state.rollout().is_some() || state.owed().next().is_some() {
                return Err("the records do not make a state at rest".to_owned());
            }
            if state.last().map(|(_, outcome)| outcome) != Some(end) {
                return Err(format!("the journal says {:?}", state.last()));
            }
            let planned = controller.plan(fleet, artifact, self.script.strategy()).await;
            planned.map_err(|error| error.to_string())?;
            let after = controller.history(&self.fleet).await.map_err(|error| error.to_string())?;
            if after != history || self.cloud.calls() != calls {
                return Err("planning again changed something".to_owned());
            }
            Ok(())
        })
    }

    /// Every call was journaled before it took effect, with these parameters, and took effect once.
    fn once(&self) -> Result<(), String> {
        let history = self.clock.run(self.cloud.controller().history(&self.fleet)).unwrap();
        let mut owed: BTreeMap<_, Call> = BTreeMap::new();
        for (_, recorded) in history {
            if let Event::Owed { op, call, .. } = recorded.event {
                owed.insert(op, call);
            }
        }
        for (op, [launched, left, sized]) in self.truth.ops() {
            let most = match owed.get(&op) {
                None => return Err(format!("op {op} was never journaled")),
                Some(Call::Resize(resize)) => match &**resize {
                    // Where launches wait for room, or for a dead one's slot, a raise brings them too.
                    Resize::Raise { .. } if self.script.spare.is_some() || !self.script.kills.is_empty() => [u32::MAX, 0, 1],
                    Resize::Raise { from, to, .. } => [to - from, 0, 1],
                    Resize::Lower { leave, .. } => [0, leave.len() as u32, 1],
                    Resize::GiveUp { .. } => [0, 0, 1],
                },
                Some(_) => [0, 0, 0],
            };
            if launched > most[0] || left > most[1] || sized > most[2] {
                return Err(format!("op {op} took effect more than once: {:?}", [launched, left, sized]));
            }
        }
        Ok(())
    }
}
