//! A fleet in an in-memory cloud, rollouts of it in virtual time with somebody who watches, and what really happened meanwhile.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use immutable_core::fleet::{GenerationId, GroupId, Life, Split, Verdict};
use immutable_core::id::InstanceName;
use immutable_core::memory::{Cause, Effect, Machine, MemoryOptions, What};
use immutable_core::rollout::{Percent, Report};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Artifact, Controller, Fleet, MemoryCloud, Outcome, Plan, Result, Rollout, Strategy, Timestamp};

pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// A thousand parts of the requests, given to any.
pub(super) const WEIGHTED: Split = Split::Weighted { generations: 5, parts: 1000 };

pub(super) fn percent(percent: u32) -> Percent {
    Percent::new(percent).unwrap()
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Who watches goes on watching, or has the process that drives die.
pub(super) type Then = ControlFlow<()>;
pub(super) const ON: Then = ControlFlow::Continue(());
pub(super) const DIES: Then = ControlFlow::Break(());

/// A cloud whose machines take a minute to boot and ten seconds to leave, and a fleet in it.
pub(super) struct Lab {
    pub(super) clock: VirtualClock,
    pub(super) cloud: MemoryCloud,
    pub(super) controller: Controller,
    pub(super) fleet: Fleet,
}

/// What came of a rollout.
pub(super) struct Told {
    /// How it ended, and those before it that it took the place of; without the last if its process died.
    pub(super) outcomes: Vec<Outcome>,
    /// When it began.
    pub(super) began: Timestamp,
    /// When nobody drove it any more.
    pub(super) ended: Timestamp,
    /// What the engine said, in the order in which it did.
    pub(super) reports: Vec<String>,
    /// How many were ready at least, and how many existed at most with what we had added, at every moment of it.
    pub(super) least: u32,
    pub(super) most: u32,
}

impl Told {
    pub(super) fn outcome(&self) -> &Outcome {
        self.outcomes.last().expect("it has ended")
    }

    /// It ended so, with never fewer ready, nor more in existence.
    #[track_caller]
    pub(super) fn ends(&self, outcome: &Outcome, floor: u32, ceiling: u32) {
        assert_eq!(self.outcome(), outcome, "{self}");
        self.keeps(floor, ceiling);
    }

    #[track_caller]
    pub(super) fn keeps(&self, floor: u32, ceiling: u32) {
        assert!(self.least >= floor, "{} were ready, {floor} must be\n{self}", self.least);
        assert!(self.most <= ceiling, "{} existed, {ceiling} may\n{self}", self.most);
    }

    /// Somewhere the engine said this.
    #[track_caller]
    pub(super) fn said(&self, words: &str) {
        assert!(self.reports.iter().any(|report| report.contains(words)), "nobody says `{words}`\n{self}");
    }

    pub(super) fn took(&self) -> Duration {
        self.ended.since(self.began)
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut reports = self.reports.clone();
        reports.dedup();
        writeln!(f, "{:?} in {:?}; ready at least {}, there at most {}", self.outcomes, self.took(), self.least, self.most)?;
        reports.iter().try_for_each(|report| writeln!(f, "{report}"))
    }
}

impl Lab {
    pub(super) fn new(size: u32) -> Self {
        Self::with(size, |options| options)
    }

    pub(super) fn with(size: u32, options: impl FnOnce(MemoryOptions) -> MemoryOptions) -> Self {
        Self::seeded(7, size, options)
    }

    pub(super) fn seeded(seed: u64, size: u32, options: impl FnOnce(MemoryOptions) -> MemoryOptions) -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let given = MemoryOptions::seeded(seed).clock(clock.clone()).boot(MINUTE).effects(1_000_000);
        let cloud = MemoryCloud::with(options(given));
        let fleet = Fleet::new("web", cloud.place()).size(size).boot_deadline(seconds(300));
        Self { clock, controller: cloud.controller(), cloud, fleet }
    }

    /// The same, behind a pool that divides requests so.
    pub(super) fn behind(size: u32, split: Split, options: impl FnOnce(MemoryOptions) -> MemoryOptions) -> Self {
        let lab = Self::with(size, |given| options(given.split(split)));
        let fleet = lab.fleet.clone().pool(lab.cloud.pool("web"));
        Self { fleet, ..lab }
    }

    pub(super) fn bake(&self, version: &str) -> Artifact {
        self.cloud.bake("acmeinc/web", version).unwrap()
    }

    /// Bakes a release and has the fleet run it.
    pub(super) fn proven(&self, version: &str) -> Artifact {
        let artifact = self.bake(version);
        let told = self.play(&artifact, Strategy::rolling().max_surge(percent(100)));
        assert_eq!(told.outcome(), &Outcome::Succeeded, "{told}");
        artifact
    }

    pub(super) fn plan(&self, artifact: &Artifact, strategy: Strategy) -> Result<Plan> {
        self.clock.run(self.controller.plan(&self.fleet, artifact, strategy))
    }

    /// Why this cannot be planned.
    #[track_caller]
    pub(super) fn refused(&self, artifact: &Artifact, strategy: Strategy) -> String {
        self.plan(artifact, strategy).unwrap_err().to_string()
    }

    /// A rollout to its end.
    pub(super) fn play(&self, artifact: &Artifact, strategy: Strategy) -> Told {
        self.watched(artifact, strategy, async |_, _| ON)
    }

    /// A rollout to its end, or to the death of its process; at each look somebody sees the report and may do something. What takes its place
    /// is driven as well.
    pub(super) fn watched(
        &self,
        artifact: &Artifact,
        strategy: Strategy,
        somebody: impl AsyncFnMut(&Rollout, &Report) -> Then,
    ) -> Told {
        let plan = self.plan(artifact, strategy).unwrap_or_else(|error| panic!("{error}"));
        let rollout = self.clock.run(self.controller.start(plan)).unwrap();
        self.drive(rollout, somebody)
    }

    /// Drives what runs, as another process.
    pub(super) fn carry_on(&self, somebody: impl AsyncFnMut(&Rollout, &Report) -> Then) -> Told {
        let rollout = self.clock.run(self.cloud.controller().rollout(self.fleet.id())).unwrap().expect("one runs");
        self.drive(rollout, somebody)
    }

    fn drive(&self, first: Rollout, mut somebody: impl AsyncFnMut(&Rollout, &Report) -> Then) -> Told {
        let began = self.clock.now();
        let (mut outcomes, mut said) = (Vec::new(), Vec::new());
        self.clock.run(async {
            let mut next = Some(first);
            while let Some(rollout) = next.take() {
                let (mut reports, mut end) = (rollout.reports(), Box::pin(rollout.drive()));
                let outcome = loop {
                    match select(reports.next(), end).await {
                        Either::Left((Some(report), driving)) => {
                            said.push(report.to_string());
                            said.extend(report.back.iter().map(|why| format!("back, since {why}")));
                            if somebody(&rollout, &report).await.is_break() {
                                return;
                            }
                            end = driving;
                        }
                        Either::Left((None, driving)) => break driving.await,
                        Either::Right((outcome, _)) => break outcome,
                    }
                };
                let outcome = outcome.unwrap_or_else(|error| panic!("{error}\n{}", said.join("\n")));
                if let Outcome::Superseded { .. } = outcome {
                    next = self.controller.rollout(self.fleet.id()).await.unwrap();
                }
                outcomes.push(outcome);
            }
        });
        let ended = self.clock.now();
        let (least, most) = self.extremes(began, ended);
        Told { outcomes, began, ended, reports: said, least, most }
    }

    /// Nobody drives for so long.
    pub(super) fn pass(&self, time: Duration) {
        self.clock.run(async { self.clock.sleep_until(self.clock.now() + time).await });
    }

    pub(super) fn running(&self, artifact: &Artifact) -> usize {
        self.cloud.running().get(&artifact.digest()).copied().unwrap_or(0)
    }

    pub(super) fn machines(&self) -> Vec<Machine> {
        self.cloud.instances(self.fleet.id())
    }

    /// The names of those that run an artifact and are not on their way out, in order.
    pub(super) fn names(&self, artifact: &Artifact) -> Vec<InstanceName> {
        let runs = |machine: &Machine| machine.artifact == artifact.digest() && machine.life == Life::Running;
        self.machines().into_iter().filter(runs).map(|machine| machine.key.name).collect()
    }

    /// The fleet is so many of this, all of them ready, in one generation, and nothing else is there.
    #[track_caller]
    pub(super) fn is_all(&self, artifact: &Artifact, size: usize) {
        let machines = self.machines();
        assert!(machines.iter().all(|machine| machine.artifact == artifact.digest()), "{machines:?}");
        let generations: std::collections::BTreeSet<_> =
            self.cloud.sizes(self.fleet.id()).keys().map(|id| id.generation).collect();
        assert_eq!((machines.len(), self.running(artifact), generations.len()), (size, size, 1));
    }

    /// What happened in the world in this time.
    pub(super) fn effects(&self, since: Timestamp) -> impl Iterator<Item = Effect> {
        self.cloud.effects().into_iter().filter(move |effect| effect.at >= since)
    }

    /// How often something happened since then.
    pub(super) fn count(&self, since: Timestamp, what: impl Fn(&Effect) -> bool) -> usize {
        self.effects(since).filter(|effect| what(effect)).count()
    }

    /// How many of a generation were launched since then.
    pub(super) fn launched(&self, since: Timestamp, generation: u32) -> usize {
        let of = |effect: &Effect| effect.group.is_some_and(|group| group.generation == GenerationId(generation));
        self.count(since, |effect| matches!(effect.what, What::Launched(_)) && of(effect))
    }

    /// How many were ready at least, after each thing that happened in this time; and how many existed at most, with each of our own raises: what
    /// others add is no breach of ours, unless we add to it.
    fn extremes(&self, since: Timestamp, until: Timestamp) -> (u32, u32) {
        let mut truth = Truth::default();
        let (mut least, mut most) = (u32::MAX, 0);
        let effects = self.cloud.effects();
        let before = effects.partition_point(|effect| effect.at < since);
        effects[..before].iter().for_each(|effect| truth.follow(effect));
        least = least.min(truth.ready());
        for effect in effects[before..].iter().filter(|effect| effect.at <= until) {
            truth.follow(effect);
            least = least.min(truth.ready());
            if ours(effect) && matches!(effect.what, What::Sized { from, to } if to > from) {
                most = most.max(truth.live());
            }
        }
        (least, most)
    }

    /// What was wrong with who gets requests since then: the first moment at which weights were in force for which too few were ready, by a floor for
    /// all requests, as rule 3 has it.
    pub(super) fn ill_served(&self, since: Timestamp, floor: u32) -> Option<String> {
        let (mut truth, mut in_force) = (Truth::default(), BTreeMap::new());
        for effect in self.cloud.effects() {
            truth.follow(&effect);
            if let What::InForce(_, weights) = &effect.what {
                in_force.clone_from(weights);
            }
            let all: u32 = in_force.values().map(|weight| u32::from(*weight)).sum();
            for (id, weight) in in_force.iter().filter(|(_, weight)| **weight > 0) {
                let needed = (u32::from(*weight) * floor).saturating_sub(floor).div_ceil(all.max(1)).max(1);
                let ready = truth.ready_of(*id);
                if effect.at > since && ready < needed {
                    return Some(format!("{effect}: {weight} of {all} go to generation {id}, {ready} of {needed} are ready"));
                }
            }
        }
        None
    }
}

/// What is really so, followed effect by effect.
#[derive(Default)]
pub(super) struct Truth {
    machines: BTreeMap<immutable_core::id::InstanceKey, (GroupId, Life, bool)>,
    sizes: BTreeMap<GroupId, u32>,
}

impl Truth {
    pub(super) fn follow(&mut self, effect: &Effect) {
        match (&effect.what, effect.group) {
            (What::Sized { to, .. }, Some(group)) => drop(self.sizes.insert(group, *to)),
            (What::Deleting | What::Deleted, Some(group)) => drop(self.sizes.remove(&group)),
            (What::Launched(key), Some(group)) => drop(self.machines.insert(key.clone(), (group, Life::Requested, false))),
            (What::Lives(key, life), _) => {
                if let Some(machine) = self.machines.get_mut(key) {
                    machine.1 = *life;
                }
            }
            (What::Judged(key, verdict), _) => {
                if let Some(machine) = self.machines.get_mut(key) {
                    machine.2 = *verdict == Verdict::Healthy;
                }
            }
            _ => {}
        }
    }

    pub(super) fn ready(&self) -> u32 {
        self.machines.values().filter(|(_, life, healthy)| *life == Life::Running && *healthy).count() as u32
    }

    fn ready_of(&self, generation: GenerationId) -> u32 {
        let of = |machine: &&(GroupId, Life, bool)| machine.0.generation == generation;
        self.machines.values().filter(of).filter(|(_, life, healthy)| *life == Life::Running && *healthy).count() as u32
    }

    /// Everything that exists and everything promised, those on their way out on top.
    pub(super) fn live(&self) -> u32 {
        let mut groups: BTreeMap<GroupId, (u32, u32)> = self.sizes.keys().map(|group| (*group, (0, 0))).collect();
        for (group, life, _) in self.machines.values() {
            let (members, leaving) = groups.entry(*group).or_default();
            match life {
                Life::Gone => {}
                Life::Leaving => *leaving += 1,
                _ => *members += 1,
            }
        }
        groups.iter().map(|(group, (members, leaving))| self.sizes.get(group).copied().unwrap_or(0).max(*members) + leaving).sum()
    }
}

/// Whether an effect is one of our own calls'.
pub(super) fn ours(effect: &Effect) -> bool {
    matches!(effect.by, Cause::Call(_))
}

/// Whether a report waits for something.
pub(super) fn waits(report: &Report, what: impl Fn(&immutable_core::rollout::Blocker) -> bool) -> bool {
    report.waits.iter().any(what)
}

/// Does something once, when it is time.
pub(super) fn once(done: &mut bool, now: bool) -> bool {
    now && !std::mem::replace(done, true)
}

/// A judge that says this, whatever it is asked.
pub(super) fn says(judgement: immutable_core::analysis::Judgement) -> impl immutable_core::provider::Judge {
    let judgement = Arc::new(judgement);
    immutable_core::provider::judge_fn(move |_| {
        let judgement = judgement.clone();
        async move { Ok((*judgement).clone()) }
    })
}
