//! One run: a script played from its beginning to its end, and judged all along.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};

use super::Simulation;
use super::expect::{Expected, Patience, label};
use super::judge::{JUDGE, Scripted};
use super::kept::Kept;
use super::ledger::{Ledger, Line, Scribe, Work};
use super::mishaps::Wire;
use super::oracle::{Breach, Scene};
use super::process::{Board, Socket};
use super::script::{Divides, Release, Script};
use super::stage::{Acts, Stage};
use crate::artifact::{Artifact, Digest};
use crate::conformance::{Call, Faults, Faulty};
use crate::controller::Controller;
use crate::fleet::{Drift, Fleet, FleetId, OnDrift};
use crate::id::PoolId;
use crate::journal::Journal;
use crate::memory::{Delay, MemoryCloud, MemoryOptions};
use crate::provider::{FleetProvider, Provider, SizeSource, TrafficSwitch, size_fn};
use crate::rollout::{Outcome, Strategy};
use crate::time::{Clock, Timestamp, VirtualClock};

/// When every simulation begins.
const BEGIN: Timestamp = Timestamp::from_millis(1_795_233_600_000);

/// How long a strategy without deadlines waits.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The source that a fleet follows, if it does.
const SOURCE: &str = "source";

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Played {
    /// How each rollout ended; one that could not even begin is not in it.
    pub outcomes: Vec<Outcome>,
    /// What there is at the end, without names and times.
    pub end: End,
    /// Which calls each rollout made, in order.
    pub calls: Vec<Vec<Call>>,
    /// Whether everything that its script says of single calls has happened to one.
    pub spent: bool,
    /// How much was done.
    pub work: Work,
    /// A digest of every record of the journal, byte for byte.
    pub journal: Digest,
}

/// What there is at the end of a run, without names and times: what must be the same whatever was lost on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct End {
    /// How many healthy instances run of each artifact.
    pub running: BTreeMap<Digest, usize>,
    /// How many instances there are of each artifact, whatever their state.
    pub live: BTreeMap<Digest, usize>,
    /// How many generations are left.
    pub generations: usize,
    /// How many groups they have.
    pub groups: usize,
    /// How large these are together: how many are in which zone is nobody's promise.
    pub size: u32,
    /// What is proven.
    pub proven: Option<Digest>,
    /// How many machines were launched in all.
    pub launched: u64,
    /// Which part of a thousand of the requests each artifact gets, of a fleet with a pool.
    pub traffic: BTreeMap<Digest, u64>,
}

/// A run that broke a promise.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    pub(super) breach: Breach,
    pub(super) story: Vec<Line>,
}

pub(super) struct Play<'a> {
    pub(super) simulation: &'a Simulation,
    pub(super) script: &'a Script,
    pub(super) patience: Patience,
    pub(super) clock: VirtualClock,
    pub(super) cloud: MemoryCloud,
    pub(super) fleet: FleetId,
    /// Where it gets its requests from.
    pub(super) pool: Option<(PoolId, Divides)>,
    pub(super) ledger: Ledger,
    pub(super) provider: Faulty<dyn FleetProvider>,
    pub(super) journal: Faulty<dyn Journal>,
    pub(super) switch: Faulty<dyn TrafficSwitch>,
    /// Sees everything as it is.
    pub(super) person: Controller,
    pub(super) proven: Option<Artifact>,
    /// The rollout that has taken the place of the one before it: what it wants, and how many were opened before it.
    successor: Option<(Artifact, usize, Acts)>,
    /// What the source says that the fleet follows.
    pub(super) says: Arc<AtomicU32>,
    /// What was baked for which rollout.
    baked: Mutex<BTreeMap<usize, Artifact>>,
    judge: Scripted,
}

impl<'a> Play<'a> {
    pub(super) fn new(simulation: &'a Simulation, script: &'a Script, patience: Patience, tell: bool) -> Self {
        let clock = VirtualClock::new(BEGIN);
        let seconds = Duration::from_secs;
        let terms = &script.cloud;
        let options = MemoryOptions::seeded(script.seed)
            .clock(clock.clone())
            .boot(Delay::Uniform(seconds(terms.boot.0), seconds(terms.boot.1)))
            .drain(seconds(terms.drain))
            .latency(Delay::Uniform(Duration::ZERO, Duration::from_millis(terms.latency_ms)))
            .operations_take(seconds(terms.operations_take))
            .heals(terms.heals)
            .effects(usize::MAX);
        let options = match terms.traffic() {
            Some(traffic) => options.split(traffic.split).settle(traffic.settle),
            None => options,
        };
        let cloud = MemoryCloud::with(if terms.unguarded { options.unguarded() } else { options });
        let fleet = FleetId::new(cloud.place(), "web");
        let pool = terms.pool.map(|pool| (cloud.pool("web"), pool.divides));
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let (wire, log) = (script.wire.as_ref(), script.journal.as_ref());
        let scripted = script.fates.iter().map(|fate| fate.what.lasts()).max().unwrap_or(0);
        let faults = |wire: Option<&Wire>| {
            wire.map_or(Faults::none().stale_by(Duration::ZERO), Wire::faults).scripted_late_by(seconds(scripted))
        };
        let late = wire.map_or(0, |wire| wire.late_by + 10) + scripted;
        let under_way = seconds(30 + late + terms.operations_take);
        let stale = wire.is_some_and(|wire| wire.stale > 0);
        let scene = Scene::new(fleet.clone(), seconds(script.fleet.min_ready), under_way, terms.heals, stale)
            .unguarded(terms.unguarded)
            .behind(terms);
        let ledger = Ledger::new(cloud.clone(), fleet.clone(), scene, tell);
        let scribe: Arc<dyn Journal> = Arc::new(Scribe {
            journal: cloud.journal(),
            stream: fleet.stream(),
            inbox: fleet.inbox(),
            ledger: ledger.clone(),
            clock: shared.clone(),
        });
        let judge = Scripted::new(script.judge);
        let says = Arc::new(AtomicU32::new(0));
        let person = Controller::new(&cloud, scribe.clone())
            .with_clock(shared.clone())
            .owner("person")
            .judge(JUDGE, judge.clone())
            .sizes(SOURCE, said(says.clone()));
        let provider = Faulty::new(Arc::new(cloud.clone()) as Arc<dyn FleetProvider>, shared.clone(), script.seed, faults(wire));
        let journal = Faulty::new((simulation.journal)(scribe), shared, script.seed ^ 1, faults(log));
        let port = Arc::new(cloud.clone()) as Arc<dyn TrafficSwitch>;
        let switch = Faulty::new(port, Arc::new(clock.clone()), script.seed ^ 2, faults(wire));
        provider.calm();
        journal.calm();
        switch.calm();
        Self {
            simulation,
            script,
            patience,
            clock,
            cloud,
            fleet,
            pool,
            ledger,
            provider,
            journal,
            switch,
            person,
            proven: None,
            successor: None,
            says,
            baked: Mutex::default(),
            judge,
        }
    }

    /// Where everything is written down.
    pub(super) fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }

    /// Plays it all.
    pub(super) fn play(mut self) -> Result<Played, Broken> {
        match self.rollouts() {
            Ok(played) => Ok(played),
            Err(breach) => {
                self.ledger.scene(|scene| scene.broken(breach.rule, breach.at, breach.why.clone()));
                // What an oracle said of a moment comes before what is missed at the end.
                let breach = self.ledger.breach().unwrap_or(breach);
                Err(Broken { breach, story: self.ledger.story() })
            }
        }
    }

    fn rollouts(&mut self) -> Result<Played, Breach> {
        let (mut outcomes, mut calls, mut spent) = (Vec::new(), Vec::new(), true);
        for rollout in 0..self.script.rollouts.len() {
            self.judge.at(rollout);
            if rollout == self.script.first_disturbed() {
                self.trouble_begins();
            }
            let (outcome, board) = self.rollout(rollout)?;
            calls.push(board.calls());
            spent &= board.is_spent();
            let Some(outcome) = outcome else { continue };
            let asks = matches!(outcome, Outcome::Needs(_));
            outcomes.push(outcome);
            if asks {
                break;
            }
        }
        let restored = if let Some(last) = outcomes.last() { self.keep(last)? } else { None };
        self.settle()?;
        self.again(outcomes.last().filter(|_| restored != Some(Kept::Asks)))?;
        Ok(Played { outcomes, end: self.end(), calls, spent, work: self.ledger.work(), journal: self.bytes() })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn breach(&self, rule: &'static str, why: impl Into<String>) -> Breach {
        Breach { rule, at: self.now(), why: why.into() }
    }

    /// From here on the wires are broken, until each is calm for good.
    fn trouble_begins(&self) {
        let until = |wire: &Option<Wire>| self.now() + Duration::from_secs(wire.as_ref().map_or(0, |wire| wire.until));
        // Single calls have fates of their own, which nothing calms.
        let scripted = !self.script.fates.is_empty();
        let until = |wire| if scripted { self.now() + FOR_EVER } else { until(wire) };
        self.provider.calm_from(until(&self.script.wire));
        self.switch.calm_from(until(&self.script.wire));
        self.journal.calm_from(until(&self.script.journal));
    }

    pub(super) fn strategy(&self) -> Strategy {
        match self.patience {
            Patience::Configured => self.script.strategy.clone(),
            Patience::Infinite => {
                let strategy = self.script.strategy.clone().progress_deadline(FOR_EVER).rollback_deadline(FOR_EVER);
                strategy.rollback_attempts(u32::MAX).leave_deadline(FOR_EVER).rollout_deadline(None)
            }
        }
    }

    pub(super) fn fleet(&self, size: u32) -> Fleet {
        let terms = &self.script.fleet;
        let fleet = Fleet::new("web", self.cloud.place()).size(size).zones(self.script.zones());
        let fleet = match &self.pool {
            Some((pool, _)) => fleet.pool(pool.clone()),
            None => fleet,
        };
        let fleet = if terms.follows { fleet.follows(SOURCE, 0..=self.script.instances() + 1) } else { fleet };
        // Who follows somebody has no size of its own that could be absorbed.
        let may_be = |(what, then): &(&Drift, &OnDrift)| !(terms.follows && (**what, **then) == (Drift::Size, OnDrift::Absorb));
        let fleet = terms.on_drift.iter().filter(may_be).fold(fleet, |fleet, (what, then)| fleet.on_drift(*what, *then));
        fleet.min_ready(Duration::from_secs(terms.min_ready)).boot_deadline(Duration::from_secs(terms.boot_deadline))
    }

    /// A controller as a process has one: its calls pass through sockets that may die, and wires that may break.
    pub(super) fn controller(&self, board: &Board, life: u32) -> Controller {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let (board, ledger) = (board.clone(), self.ledger.clone());
        let port = (self.simulation.provider)(Arc::new(self.provider.clone()));
        let fleets =
            Socket { board: board.clone(), ledger: ledger.clone(), clock: clock.clone(), port, wire: self.provider.clone() };
        let port: Arc<dyn TrafficSwitch> = Arc::new(self.switch.clone());
        let traffic =
            Socket { board: board.clone(), ledger: ledger.clone(), clock: clock.clone(), port, wire: self.switch.clone() };
        let log: Arc<dyn Journal> = Arc::new(self.journal.clone());
        let journal = Socket { board, ledger, clock: clock.clone(), port: log, wire: self.journal.clone() };
        let provider = Provider::new(self.cloud.place(), Arc::new(fleets)).images(Arc::new(self.cloud.clone()));
        let provider = if self.pool.is_some() { provider.traffic(Arc::new(traffic)) } else { provider };
        Controller::new(provider, journal)
            .with_clock(clock)
            .poll(Duration::from_secs(self.script.fleet.poll))
            .owner(format!("process-{life}"))
            .judge(JUDGE, self.judge.clone())
            .sizes(SOURCE, said(self.says.clone()))
            .deciding(self.simulation.decide)
            .sending(self.simulation.may_send)
    }

    /// Where a rollout is played, and what is done to it.
    pub(super) fn stage(&self, rollout: usize, artifact: Artifact, left: Acts) -> Stage {
        let troubles = self.script.disturbances.iter().filter(|trouble| trouble.rollout == rollout).copied();
        Stage {
            cloud: self.cloud.clone(),
            clock: Arc::new(self.clock.clone()),
            ledger: self.ledger.clone(),
            fleet: self.fleet.clone(),
            pool: self.pool.clone(),
            proven: self.proven.clone().filter(|proven| proven.digest() != artifact.digest()),
            artifact,
            person: self.person.clone(),
            says: self.script.fleet.follows.then(|| self.says.clone()),
            acts: Mutex::new(Acts::of(troubles, self.now()).and(left)),
        }
    }

    /// One rollout, by as many processes as it takes. `None`: it could not begin, and that is as it should be.
    fn rollout(&mut self, rollout: usize) -> Result<(Option<Outcome>, Board), Breach> {
        let board = Board::new(self.script, rollout);
        let Some(wish) = self.script.rollouts.get(rollout).copied() else { return Ok((None, board)) };
        let (artifact, before, left) = match self.successor.take() {
            Some(begun) => begun,
            None => (self.release(rollout, wish.release)?, self.ledger.scene(|scene| scene.opened()), Acts::default()),
        };
        let baseline = self.proven.is_some();
        // What was wanted before anything was proven is not it.
        let again = self.proven.as_ref().is_some_and(|proven| proven.digest() == artifact.digest());
        let release = if wish.release == Release::Again && !again { Release::Good } else { wish.release };
        let expected = Expected { script: self.script, rollout, patience: self.patience, baseline, release };
        let opened = self.now();
        self.says.store(wish.size, Ordering::Relaxed);
        let stage = self.stage(rollout, artifact.clone(), left);
        let successor = Mutex::new(None);
        let (clock, fleet) = (self.clock.clone(), self.fleet(wish.size));
        let latest = opened + expected.calm_after() + expected.within();
        let ended = clock.run(async {
            let lives = pin!(self.lives(&board, &stage, &fleet, &artifact, before));
            let world = pin!(stage.perform());
            let death = pin!(board.dies_in_time(&clock, opened));
            let succeeds = pin!(self.succeed(&stage, rollout + 1, opened, before, &successor));
            match select(select(lives, select(select(world, death), succeeds)), clock.sleep_until(latest)).await {
                Either::Left((Either::Left((ended, _)), _)) => Some(ended),
                _ => None,
            }
        });
        if let Some(breach) = self.ledger.breach() {
            return Err(breach);
        }
        let Some(ended) = ended else {
            let long = latest.since(opened).as_secs();
            let stuck = self.stuck(&artifact);
            return Err(self.breach("convergence", format!("rollout {rollout} has not ended within {long} s; {stuck}")));
        };
        let outcome = match ended {
            Ok(outcome) => outcome,
            Err(why) => {
                stage.peace();
                return if self.is_refused(&artifact, before) {
                    let over = opened + expected.disturbed_for();
                    self.clock.run(async {
                        select(pin!(stage.perform()), pin!(self.pass(over.since(self.now())))).await;
                    });
                    Ok((None, board))
                } else {
                    Err(self.breach("convergence", format!("rollout {rollout}: {why}")))
                };
            }
        };
        let successor = successor.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(artifact) = successor {
            let left = std::mem::take(&mut *stage.acts.lock().unwrap_or_else(PoisonError::into_inner));
            self.successor = Some((artifact, before + 1, left));
        }
        let allowed = expected.outcomes();
        if !allowed.contains(label(&outcome)) {
            return Err(self.breach("outcome", format!("rollout {rollout} ended as {outcome}; its script allows {allowed:?}")));
        }
        let asks = matches!(outcome, Outcome::Needs(_));
        if !asks && self.successor.is_none() {
            self.at_rest(rollout, &outcome, &artifact, &fleet)?;
        }
        // What goes wrong in the world is over before the next one begins; and before it is looked whether a person is still asked, whatever
        // was under way has come to its end.
        stage.peace();
        let over = (opened + expected.disturbed_for()).max(self.now() + if asks { expected.one() } else { Duration::ZERO });
        let over = if self.successor.is_some() { self.now() } else { over };
        self.clock.run(async {
            select(pin!(stage.perform()), pin!(self.pass(over.since(self.now())))).await;
        });
        if asks {
            self.at_rest(rollout, &outcome, &artifact, &fleet)?;
        }
        // Who leaves the old where they are kept leaves it proven.
        let journaled = self.ledger.scene(|scene| scene.proven()).map(|release| release.artifact);
        let left = matches!(outcome, Outcome::LeftMixed | Outcome::Superseded { .. });
        if outcome == Outcome::Succeeded || (left && journaled == Some(artifact.digest())) {
            self.proven = Some(artifact);
        }
        Ok((Some(outcome), board))
    }

    /// What a rollout wants, baked.
    pub(super) fn release(&self, rollout: usize, release: Release) -> Result<Artifact, Breach> {
        if let (Release::Again, Some(proven)) = (release, &self.proven) {
            return Ok(proven.clone());
        }
        let mut baked = self.baked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(artifact) = baked.get(&rollout) {
            return Ok(artifact.clone());
        }
        let bake = self.cloud.bake("acmeinc/web", &format!("1.{rollout}.0"));
        let artifact = bake.map_err(|error| self.breach("script", error.to_string()))?;
        match release {
            Release::NeverHealthy => self.cloud.never_healthy(&artifact),
            Release::NeverBoots => self.cloud.never_boots(&artifact),
            Release::Good | Release::Again => {}
        }
        baked.insert(rollout, artifact.clone());
        Ok(artifact)
    }
}

/// A source that says what it is told to say.
fn said(says: Arc<AtomicU32>) -> impl SizeSource {
    size_fn(move |_| {
        let says = says.load(Ordering::Relaxed);
        async move { Ok(says) }
    })
}
