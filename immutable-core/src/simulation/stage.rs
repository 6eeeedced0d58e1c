//! What the script does to the world while a rollout runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::ledger::Ledger;
use super::script::{Disturbance, Divides, Trouble};
use crate::artifact::Artifact;
use crate::controller::{Controller, Rollout};
use crate::fleet::{FleetId, GenerationId, Life, Upkeep, Verdict};
use crate::id::{Actor, InstanceKey, PoolId, StepIx};
use crate::memory::{Machine, MemoryCloud};
use crate::registry::Revoke;
use crate::rollout::{FleetState, Hold, Phase, Step, StepState};
use crate::time::{Clock, Timestamp};

/// Where it happens.
pub(super) struct Stage {
    pub(super) cloud: MemoryCloud,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ledger: Ledger,
    pub(super) fleet: FleetId,
    /// Where it gets its requests from.
    pub(super) pool: Option<(PoolId, Divides)>,
    /// What is wanted.
    pub(super) artifact: Artifact,
    /// What is proven, if that is something else.
    pub(super) proven: Option<Artifact>,
    /// A person at a terminal: no wire of theirs is broken.
    pub(super) person: Controller,
    /// What the source says that the fleet follows, if it does.
    pub(super) says: Option<Arc<AtomicU32>>,
    /// What is still to be done.
    pub(super) acts: Mutex<Acts>,
}

/// What is to be done, in the order of its time.
#[derive(Debug, Default)]
pub(super) struct Acts {
    due: BTreeMap<(Timestamp, u64), Act>,
    number: u64,
}

impl Acts {
    /// These troubles, each at its time after the beginning.
    pub(super) fn of(troubles: impl Iterator<Item = Disturbance>, opened: Timestamp) -> Self {
        let mut acts = Self::default();
        for trouble in troubles {
            acts.put(opened + Duration::from_secs(trouble.at), Act::Begin(trouble.what));
        }
        acts
    }

    fn put(&mut self, at: Timestamp, act: Act) {
        self.number += 1;
        self.due.insert((at, self.number), act);
    }

    fn next(&self) -> Option<Timestamp> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// And what is left of these.
    pub(super) fn and(mut self, left: Self) -> Self {
        left.due.into_iter().for_each(|((at, _), act)| self.put(at, act));
        self
    }

    fn take(&mut self) -> Option<Act> {
        self.due.pop_first().map(|(_, act)| act)
    }
}

/// Something to be done at its time.
#[derive(Clone, Debug)]
enum Act {
    Begin(Trouble),
    Cure(InstanceKey),
    Unprotect(InstanceKey),
    Bury(InstanceKey),
    EndOfScarcity,
    EndOfZoneScarcity,
    NoBootHangs,
    Resume,
    Approve(u32),
    Retry,
    EndOfRot,
}

/// Who may approve.
pub(super) const PEOPLE: [&str; 3] = ["ann", "bob", "eve"];

/// How often somebody looks whether they are waited for.
const LOOKS: u64 = 20;

fn person(nth: u32) -> &'static str {
    PEOPLE.iter().cycle().nth(usize::try_from(nth).unwrap_or(0) % PEOPLE.len()).copied().unwrap_or("ann")
}

/// The gate that is waited for.
fn gate(state: &FleetState) -> Option<(StepIx, &Step)> {
    let running = state.rollout()?;
    match running.phase.under() {
        Phase::Stepping { step, at: StepState::Gating { .. } } => {
            running.plan.strategy().steps().get(usize::from(step.0)).map(|gate| (*step, gate))
        }
        _ => None,
    }
}

/// The gate that waits for somebody's approval.
fn gate_of(state: &FleetState, by: &Actor) -> Option<StepIx> {
    let asked = |gate: &Step| matches!(gate, Step::Approve(asked) if asked.people().contains(by));
    let (step, _) = gate(state).filter(|(_, gate)| asked(gate))?;
    (!state.rollout()?.gate.approved.contains(by)).then_some(step)
}

impl Stage {
    /// Does everything at its time, for ever. May be dropped and begun again.
    pub(super) async fn perform(&self) {
        loop {
            let next = self.acts().next();
            let Some(at) = next else { break };
            self.clock.sleep_until(at).await;
            let Some(act) = self.acts().take() else { continue };
            self.ledger.script(at, || format!("{act:?}"));
            if let Some((later, then)) = self.act(act, at).await {
                self.acts().put(at + Duration::from_secs(later), then);
            }
        }
        std::future::pending::<()>().await;
    }

    fn acts(&self) -> MutexGuard<'_, Acts> {
        self.acts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins nothing more, and ends what would otherwise go on after the rollout. Who is to die of what was done to it still does.
    pub(super) fn peace(&self) {
        self.acts().due.retain(|_, act| !matches!(act, Act::Begin(_) | Act::Approve(_) | Act::Retry | Act::Resume));
        self.cloud.capacity(None);
        self.harmless(self.cloud.zone_capacity("a", None));
        self.cloud.boots_hang(0);
        self.cloud.operations_hang(0, Duration::ZERO);
        self.cloud.launches_come_short(0);
        self.cloud.launches_come_late(0);
        self.cloud.raises_come_short(0);
        self.proven.iter().for_each(|proven| self.cloud.healthy_again(proven));
        for machine in self.machines(|machine| machine.protected) {
            self.harmless(self.cloud.unprotect(&machine.key.name));
        }
    }

    fn machines(&self, which: impl Fn(&Machine) -> bool) -> Vec<Machine> {
        self.cloud.instances(&self.fleet).into_iter().filter(which).collect()
    }

    /// Whether that very machine is still there, and not another of its name.
    fn still(&self, key: &InstanceKey) -> bool {
        !self.machines(|machine| machine.key == *key).is_empty()
    }

    /// The nth machine of those, counted round.
    fn nth(&self, nth: u32, which: impl Fn(&Machine) -> bool) -> Option<InstanceKey> {
        let all = self.machines(which);
        let at = usize::try_from(nth).unwrap_or(0).checked_rem(all.len())?;
        all.get(at).map(|machine| machine.key.clone())
    }

    /// Of what is not there any more nothing needs to be done.
    fn harmless<T>(&self, done: crate::error::Result<T>) {
        drop(done);
    }

    /// Approves if that is waited for, once; until then looks again.
    async fn approve(&self, nth: u32) -> Option<(u64, Act)> {
        let by = Actor::new(person(nth));
        let waits = |state: &FleetState| {
            let paused = matches!(state.rollout()?.phase, Phase::Held { why: Hold::Paused { .. }, .. });
            gate_of(state, &by).filter(|_| !paused)
        };
        if let Some(step) = self.ledger.state(waits)
            && let Some(rollout) = self.rollout().await
        {
            self.harmless(rollout.approve(step, by).await);
        }
        Some((LOOKS, Act::Approve(nth)))
    }

    /// Has it try again if somebody is asked; until then looks again.
    async fn retry(&self) -> Option<(u64, Act)> {
        let asks = |state: &FleetState| matches!(state.rollout()?.phase, Phase::Held { why: Hold::Needs(_), .. }).then_some(());
        if self.ledger.state(asks).is_some()
            && let Some(rollout) = self.rollout().await
        {
            self.harmless(rollout.retry("ann").await);
            return None;
        }
        Some((LOOKS, Act::Retry))
    }

    /// When somebody answers what was asked, if somebody will.
    pub(super) fn answer_at(&self) -> Option<Timestamp> {
        let acts = self.acts();
        self.ledger.state(|state| {
            let answer = acts.due.iter().find(|(_, act)| match act {
                Act::Retry | Act::Begin(Trouble::Retry) => true,
                Act::Approve(nth) | Act::Begin(Trouble::Approve(nth)) => gate_of(state, &Actor::new(person(*nth))).is_some(),
                _ => false,
            });
            answer.map(|((at, _), _)| *at)
        })
    }

    /// The rollout that runs, as the person knows it.
    async fn rollout(&self) -> Option<Rollout> {
        self.ledger.tell(&self.person);
        self.person.rollout(&self.fleet).await.ok()?
    }

    fn set_weights(&self, nth: u32, part: u16) {
        let Some((pool, divides)) = &self.pool else { return };
        let there: BTreeSet<_> = self.cloud.sizes(&self.fleet).into_keys().map(|group| group.generation).collect();
        let mut from = there.iter().cycle().skip(usize::try_from(nth).unwrap_or(0)).take(there.len().min(2));
        let (one, next) = (from.next(), from.next());
        let weights: Vec<_> = match divides {
            Divides::Weighted(parts) => {
                let all = |weight: u16| u16::try_from(u32::from(weight) * u32::from(*parts) / 100).unwrap_or(0);
                one.map(|id| (*id, all(part))).into_iter().chain(next.map(|id| (*id, all(100 - part)))).collect()
            }
            Divides::Pooled | Divides::Binary => one.map(|id| (*id, 1)).into_iter().collect(),
        };
        self.harmless(self.cloud.set_weights(pool, weights));
    }

    /// Does it; and what is to be done later because of it.
    async fn act(&self, act: Act, now: Timestamp) -> Option<(u64, Act)> {
        let lasting = Duration::from_secs;
        let cloud = &self.cloud;
        let trouble = match act {
            Act::Begin(trouble) => trouble,
            Act::Cure(key) if !self.still(&key) => return None,
            Act::Cure(key) => {
                self.harmless(cloud.cure(&key.name));
                return None;
            }
            Act::Unprotect(key) => {
                self.harmless(cloud.unprotect(&key.name));
                return None;
            }
            Act::Bury(key) if !self.still(&key) => return None,
            Act::Bury(key) => {
                self.harmless(cloud.kill(&key.name));
                return None;
            }
            Act::EndOfScarcity => {
                cloud.capacity(None);
                return None;
            }
            Act::EndOfZoneScarcity => {
                self.harmless(cloud.zone_capacity("a", None));
                return None;
            }
            Act::NoBootHangs => {
                cloud.boots_hang(0);
                return None;
            }
            Act::Resume => {
                if let Some(rollout) = self.rollout().await {
                    self.harmless(rollout.resume("ann").await);
                }
                return None;
            }
            Act::Approve(nth) => return self.approve(nth).await,
            Act::Retry => return self.retry().await,
            Act::EndOfRot => {
                self.proven.iter().for_each(|proven| cloud.healthy_again(proven));
                return None;
            }
        };
        match trouble {
            Trouble::Kill(nth) => self.harmless(cloud.kill(&self.nth(nth, |_| true)?.name)),
            Trouble::Sicken(nth, seconds) => {
                let key = self.nth(nth, |machine| machine.life == Life::Running && machine.health == Verdict::Healthy)?;
                self.harmless(cloud.sicken(&key.name));
                return Some((seconds, Act::Cure(key)));
            }
            Trouble::Protect(nth, seconds) => {
                let key = self.nth(nth, |machine| machine.life == Life::Running)?;
                self.harmless(cloud.protect(&key.name));
                return Some((seconds, Act::Unprotect(key)));
            }
            Trouble::Swap(nth, seconds) => {
                let key = self.nth(nth, |machine| machine.life == Life::Running)?;
                let foreign = cloud.bake("acmeinc/other", "0.0.1").ok()?;
                self.harmless(cloud.swap(&key.name, &foreign));
                return Some((seconds, Act::Bury(key)));
            }
            Trouble::Capacity(spare, seconds) => {
                let there = u32::try_from(self.machines(|_| true).len()).unwrap_or(u32::MAX);
                cloud.capacity(there.saturating_add(spare));
                return Some((seconds, Act::EndOfScarcity));
            }
            Trouble::BootsHang(of_a_thousand, seconds) => {
                cloud.boots_hang(of_a_thousand);
                return Some((seconds, Act::NoBootHangs));
            }
            Trouble::ZoneCapacity(machines, seconds) => {
                self.harmless(cloud.zone_capacity("a", machines));
                return Some((seconds, Act::EndOfZoneScarcity));
            }
            Trouble::OperationsHang(operations, seconds) => {
                cloud.operations_hang(operations, lasting(seconds));
                self.ledger.scene(|scene| scene.hung(lasting(seconds)));
            }
            Trouble::LaunchesShort(by) => cloud.launches_come_short(by),
            Trouble::LaunchesLate(by) => cloud.launches_come_late(by),
            Trouble::RaisesShort(by) => cloud.raises_come_short(by),
            Trouble::BlackOut(seconds) => cloud.black_out(lasting(seconds)),
            Trouble::BlackOutOfNew(seconds) => cloud.black_out_of(&self.artifact, lasting(seconds)),
            Trouble::BlackOutOfOld(seconds) => cloud.black_out_but(&self.artifact, lasting(seconds)),
            Trouble::Flicker(seconds) => cloud.flicker(lasting(seconds)),
            Trouble::Lie(seconds) => {
                cloud.lie(Verdict::Unhealthy, lasting(seconds));
                self.ledger.scene(|scene| scene.lied(now, lasting(seconds)));
            }
            Trouble::Partial(seconds) => cloud.partial_views("a page is missing", lasting(seconds)),
            Trouble::Silence(seconds) => self.harmless(cloud.silence("b", lasting(seconds))),
            Trouble::SetSize(nth, size) => {
                let groups = cloud.sizes(&self.fleet);
                let at = usize::try_from(nth).unwrap_or(0).checked_rem(groups.len())?;
                self.harmless(cloud.set_size(&self.fleet, *groups.keys().nth(at)?, size));
            }
            Trouble::DeleteGroup(nth) => {
                let groups = cloud.sizes(&self.fleet);
                let at = usize::try_from(nth).unwrap_or(0).checked_rem(groups.len())?;
                self.harmless(cloud.delete_group(&self.fleet, *groups.keys().nth(at)?));
            }
            Trouble::ChangeUpkeep(nth) => {
                let groups = cloud.sizes(&self.fleet);
                let at = usize::try_from(nth).unwrap_or(0).checked_rem(groups.len())?;
                let group = *groups.keys().nth(at)?;
                let heals = self.ledger.state(|state| Some(state.generations().get(&group.generation)?.upkeep.heal))?;
                let upkeep = Upkeep { heal: !heals, ..Upkeep::NONE };
                self.harmless(cloud.change_upkeep(&self.fleet, group, upkeep));
            }
            Trouble::SetWeights(nth, part) => self.set_weights(nth, part),
            Trouble::PartialPool(seconds) => cloud.partial_pool_views("a page is missing", lasting(seconds)),
            Trouble::FlickerPool(seconds) => cloud.flicker_pools(lasting(seconds)),
            Trouble::TakeName => {
                let next = self.ledger.state(|state| Some(state.next_generation))?;
                self.harmless(cloud.take_name(&self.fleet, GenerationId(next)));
            }
            Trouble::Revoke => {
                let (name, digest) = (self.artifact.name().clone(), self.artifact.digest());
                let revoke = Revoke { name, digest, by: Actor::new("eve"), why: "a flaw was found".into() };
                if self.person.registry().revoke(revoke).await.is_ok() {
                    self.ledger.scene(|scene| scene.revoked(self.artifact.digest(), now));
                }
            }
            Trouble::Pause(seconds) => {
                if let Some(rollout) = self.rollout().await {
                    self.harmless(rollout.pause("ann").await);
                }
                return Some((seconds, Act::Resume));
            }
            Trouble::Promote => {
                let step = self.ledger.state(|state| gate(state).map(|(step, _)| step))?;
                self.harmless(self.rollout().await?.promote(step, "ann").await);
            }
            Trouble::Approve(nth) => return self.approve(nth).await,
            Trouble::Retry => return self.retry().await,
            Trouble::Resize(size) if self.says.is_some() => {
                self.says.iter().for_each(|says| says.store(size, Ordering::Relaxed));
            }
            Trouble::Rot(seconds) => {
                let proven = self.proven.as_ref()?;
                cloud.never_healthy(proven);
                let runs = |machine: &Machine| machine.artifact == proven.digest() && machine.life == Life::Running;
                self.machines(runs).iter().for_each(|machine| self.harmless(cloud.sicken(&machine.key.name)));
                return Some((seconds, Act::EndOfRot));
            }
            Trouble::Resize(size) => {
                if let Ok(Some(rollout)) = self.person.rollout(&self.fleet).await {
                    self.harmless(rollout.resize(size, "ann").await);
                }
            }
            Trouble::Abort(to) => {
                if let Some(rollout) = self.rollout().await {
                    self.harmless(rollout.abort(to, "ann").await);
                }
            }
        }
        None
    }
}
