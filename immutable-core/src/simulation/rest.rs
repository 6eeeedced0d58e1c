//! After an end: nothing moves, nothing is left over, and what there is is what was said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::oracle::Breach;
use super::play::{End, Play};
use crate::artifact::{Artifact, Digest};
use crate::error::{Error, ErrorKind};
use crate::fleet::{Fleet, GenerationId, GroupId, GroupState, Heals, Life, TrafficSeen};
use crate::id::StreamVersion;
use crate::journal::{After, Journal as _, Record};
use crate::provider::{FleetProvider, TrafficSwitch};
use crate::rollout::{Event, Facts, FleetState, Outcome, Recorded, Seen};
use crate::time::Clock as _;

impl Play<'_> {
    fn pool_seen(&self) -> Option<TrafficSeen> {
        let (pool, _) = self.pool.as_ref()?;
        self.clock.run(TrafficSwitch::observe(&self.cloud, pool)).ok()
    }

    /// Where a rollout stands, and what it waits for.
    pub(super) fn stuck(&self, artifact: &Artifact) -> String {
        let Ok(state) = self.clock.run(self.person.state(&self.fleet)) else { return "its journal cannot be read".to_owned() };
        let Ok(seen) = self.clock.run(FleetProvider::observe(&self.cloud, &self.fleet, &state.known_groups())) else {
            return "the fleet cannot be seen".to_owned();
        };
        let good = self.proven.iter().chain([artifact]).map(Artifact::digest).collect();
        let facts = Facts { as_of: self.now(), good, ..Facts::default() };
        let (pool, switch) = (self.pool_seen(), self.script.cloud.traffic());
        let mut seen = Seen::new(&seen, self.now()).facts(&facts);
        (seen.pool, seen.switch) = (pool.as_ref(), switch.as_ref());
        let decision = (self.simulation.decide)(&state, &seen, self.now());
        let phase = state.rollout().map(|running| format!("{:?}", running.phase)).unwrap_or_default();
        format!("{}: {phase}", decision.report)
    }

    /// After an end nothing moves: what is journaled makes the state, deciding and driving again do nothing, nothing is left over.
    pub(super) fn at_rest(&self, rollout: usize, outcome: &Outcome, artifact: &Artifact, fleet: &Fleet) -> Result<(), Breach> {
        let asks = matches!(outcome, Outcome::Needs(_));
        // What was told to go and has not may be gone any time.
        let goes =
            self.cloud.sizes(&self.fleet).into_keys().any(|group| self.ledger.scene(|scene| scene.is_deleting(group.generation)));
        self.clock.run(async {
            let wrong = |error: Error| self.breach("fixpoint", error.to_string());
            // What has happened since it asked is noted once; and again of what a refusal had left alone for a moment as it asked: it has to be left
            // alone for as long from when somebody looks.
            let mut looks = 0..if asks { 2 } else { 0 };
            while looks.next().is_some()
                && let Some(running) = self.person.rollout(&self.fleet).await.map_err(wrong)?
            {
                let began = self.now();
                running.drive().await.map(drop).map_err(wrong)?;
                let (state, _) = self.ledger.folded().map_err(|illegal| self.breach("fixpoint", illegal))?;
                let groups = state.generations().values().flat_map(|generation| generation.groups.values());
                let quiet = groups.map(|slots| slots.quiet_until).chain(state.pool().map(|pool| pool.quiet_until)).max();
                match quiet.filter(|quiet| *quiet > began) {
                    Some(quiet) => self.clock.sleep_until(quiet).await,
                    None => break,
                }
            }
            let (state, head) = self.ledger.folded().map_err(|illegal| self.breach("fixpoint", illegal))?;
            let kept = self.cloud.journal().load(&self.fleet.stream(), After::Version(StreamVersion(0))).await.map_err(wrong)?;
            if kept.head != head || kept.records.len() as u64 != head.0 {
                return Err(self.breach("fixpoint", format!("of {head} records {} are kept", kept.records.len())));
            }
            if state.rollout().is_some() != asks {
                return Err(self.breach("fixpoint", format!("rollout {rollout} ended as {outcome}, and one runs: {}", !asks)));
            }
            let seen = FleetProvider::observe(&self.cloud, &self.fleet, &state.known_groups()).await.map_err(wrong)?;
            if !asks {
                let decision = (self.simulation.decide)(&state, &Seen::new(&seen, self.now()), self.now());
                if !decision.events.is_empty() {
                    return Err(self.breach("fixpoint", format!("at rest it decides {:?}", decision.events)));
                }
                if state.owed().next().is_some() {
                    return Err(self.breach("fixpoint", "at rest something is owed"));
                }
            }
            let known: BTreeSet<GenerationId> = state.known_groups().into_iter().map(|group| group.generation).collect();
            let there: BTreeSet<_> = self.cloud.sizes(&self.fleet).into_keys().map(|group| group.generation).collect();
            // What is being deleted is there still.
            if !asks && let Some(orphan) = there.iter().find(|generation| !known.contains(generation)) {
                let deleting = self.ledger.scene(|scene| scene.is_deleting(*orphan));
                if !deleting {
                    return Err(self.breach("orphans", format!("generation {orphan} is there, and the journal knows of none")));
                }
            }
            if asks && let Some(running) = self.person.rollout(&self.fleet).await.map_err(wrong)? {
                let calls = self.cloud.calls();
                let again = running.drive().await.map_err(wrong)?;
                if again != *outcome {
                    return Err(self.breach("fixpoint", format!("asked again it ends as {again}, not as {outcome}")));
                }
                if calls != self.cloud.calls() {
                    return Err(self.breach("fixpoint", "driving again made calls"));
                }
            }
            let after = self.cloud.journal().load(&self.fleet.stream(), After::Version(head)).await.map_err(wrong)?;
            // A provider that replaces what is ill makes news all the while, and a call that is still owed may be done any time, as may a removal.
            let noted = |record: &&Record| {
                serde_json::from_slice::<Recorded>(record).is_ok_and(|recorded| matches!(recorded.event, Event::Noted(_)))
            };
            let churns = asks && (self.script.cloud.heals == Heals::Always || goes || state.owed().next().is_some());
            let news = after.records.iter().filter(|_| churns).filter(noted).count();
            let written = after.records.len() - news;
            if written != usize::from(asks) {
                return Err(self.breach("fixpoint", format!("driving again wrote {written} records")));
            }
            Ok(())
        })?;
        self.ends_as_it_says(outcome, artifact, fleet)
    }

    /// Whoever runs is who should.
    fn ends_as_it_says(&self, outcome: &Outcome, artifact: &Artifact, fleet: &Fleet) -> Result<(), Breach> {
        let is = match outcome {
            Outcome::Succeeded => Some(artifact.digest()),
            Outcome::RolledBack => self.proven.as_ref().map(Artifact::digest),
            _ => return Ok(()),
        };
        let journaled = self.ledger.state(|state| state.proven().map(|proven| proven.spec.release.artifact));
        if journaled != is {
            return Err(self.breach("baseline", format!("proven is {journaled:?}, and runs should {is:?}")));
        }
        let others = self.cloud.instances(&self.fleet);
        let other = others.iter().find(|machine| machine.life != Life::Leaving && Some(machine.artifact) != is);
        match other {
            Some(machine) if fleet.desired() > 0 && self.script.undrifted() && !self.script.resizes() => {
                Err(self.breach("same", format!("{} runs {:#}", machine.key, machine.artifact)))
            }
            _ => Ok(()),
        }
    }

    /// What is still on its way arrives, and changes nothing; what leaves is gone.
    pub(super) fn settle(&self) -> Result<(), Breach> {
        let terms = &self.script.cloud;
        self.clock.run(async {
            self.provider.settle().await;
            self.switch.settle().await;
            self.journal.settle().await;
            self.clock
                .sleep_until(
                    self.now()
                        + Duration::from_secs(
                            terms.drain + terms.pool.map_or(0, |pool| pool.settle) + terms.operations_take + 60,
                        ),
                )
                .await;
        });
        self.ledger.breach().map_or(Ok(()), Err)
    }

    /// Of a fleet that is as it should be, the same once more makes no call.
    pub(super) fn again(&self, last: Option<&Outcome>) -> Result<(), Breach> {
        let size = self.ledger.state(|state| Some(state.desired())).unwrap_or(0);
        let whole = |proven: &&Artifact| {
            let all = self.cloud.instances(&self.fleet).len();
            let revoked = self.ledger.scene(|scene| scene.is_revoked(proven.digest()));
            let serve = self.cloud.running().get(&proven.digest()).copied().unwrap_or(0);
            !revoked && !self.drifted() && serve == all && u32::try_from(all) == Ok(size) && self.end().size == size
        };
        let succeeded = last == Some(&Outcome::Succeeded) && size > 0;
        let Some(proven) = self.proven.as_ref().filter(whole).filter(|_| succeeded) else { return Ok(()) };
        let calls = self.cloud.calls();
        self.says.store(size, Ordering::Relaxed);
        self.ledger.tell(&self.person);
        let outcome = self.clock.run(async {
            let mut strategy = self.strategy();
            strategy.steps.retain(|step| !step.is_gate());
            // What was absorbed is of its terms by now.
            let kept = self.ledger.state(|state| state.kept().map(|plan| plan.fleet().clone()));
            let fleet = kept.unwrap_or_else(|| self.fleet(size)).size(size);
            let plan = self.person.plan(&fleet, proven, strategy).await?;
            self.person.run(plan).await
        });
        match outcome {
            Ok(Outcome::Succeeded) if self.cloud.calls() == calls => Ok(()),
            Ok(outcome) => Err(self.breach("fixpoint", format!("the same once more made calls, and ended as {outcome}"))),
            // Whoever says a fleet's size need not ask whether it could be replaced at that.
            Err(error) if self.script.fleet.follows && error.kind() == ErrorKind::Invalid => Ok(()),
            Err(error) => Err(self.breach("fixpoint", format!("the same once more: {error}"))),
        }
    }

    /// Whether somebody has changed weights or upkeep since anybody looked, or bears our mark.
    fn drifted(&self) -> bool {
        let pool = self.pool_seen();
        let weights =
            |state: &FleetState| state.pool().zip(pool.as_ref()).is_some_and(|(known, seen)| known.weights != seen.weights);
        let Some(groups) = self.ledger.state(|state| Some(state.known_groups())) else { return true };
        let Ok(seen) = self.clock.run(FleetProvider::observe(&self.cloud, &self.fleet, &groups)) else { return true };
        let upkeep = |state: &FleetState| {
            seen.groups.iter().any(|seen| match (&seen.state, state.generations().get(&seen.group.generation)) {
                (GroupState::Present { upkeep: Some(upkeep), .. }, Some(known)) => *upkeep != known.upkeep,
                _ => false,
            })
        };
        !seen.strangers.is_empty() || self.ledger.state(|state| Some(weights(state) || upkeep(state))).unwrap_or(true)
    }

    pub(super) fn end(&self) -> End {
        let groups = self.cloud.sizes(&self.fleet);
        let generations: BTreeSet<_> = groups.keys().map(|group| group.generation).collect();
        let mut live = BTreeMap::new();
        for machine in self.cloud.instances(&self.fleet) {
            *live.entry(machine.artifact).or_default() += 1;
        }
        End {
            running: self.cloud.running(),
            live,
            generations: generations.len(),
            groups: groups.len(),
            size: groups.values().sum(),
            proven: self.ledger.scene(|scene| scene.proven()).map(|release| release.artifact),
            launched: self.cloud.launched(),
            traffic: self.traffic(&groups),
        }
    }

    /// Who gets which part of a thousand of the requests.
    fn traffic(&self, groups: &BTreeMap<GroupId, u32>) -> BTreeMap<Digest, u64> {
        let weights = self.pool.as_ref().and_then(|(pool, _)| self.cloud.in_force(pool).ok()).unwrap_or_default();
        let all: u64 = weights.values().map(|weight| u64::from(*weight)).sum();
        let artifact = |id: &GenerationId| self.ledger.state(|state| Some(state.generations().get(id)?.release().artifact));
        let there = weights.iter().filter(|(id, _)| groups.keys().any(|group| group.generation == **id));
        let part = |weight: u16| u64::from(weight) * 1000 / all.max(1);
        there.filter_map(|(id, weight)| Some((artifact(id)?, part(*weight)))).collect()
    }

    pub(super) fn bytes(&self) -> Digest {
        let all = After::Version(StreamVersion(0));
        let loaded = self.clock.run(self.cloud.journal().load(&self.fleet.stream(), all)).unwrap_or_default();
        Digest::of(&loaded.records.concat())
    }
}
