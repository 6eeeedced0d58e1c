//! What no rollout may break, judged by what really happened: every effect in a cloud in memory, in order. It knows nothing of views,
//! plans or journals, and allows only for what the provider or chance did since the view that a call can have been decided on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use immutable_core::fleet::{FleetId, GenerationId, GroupId, Life, Verdict};
use immutable_core::id::{InstanceKey, OpId};
use immutable_core::memory::{Cause, Effect, What};
use immutable_core::{Digest, Timestamp};

/// A call takes effect on a view at most this old: a view's greatest age, and a call's time to be answered.
const WINDOW: Duration = Duration::from_secs(95);

/// What was promised of one rollout.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) fleet: FleetId,
    pub(super) floor: u32,
    pub(super) ceiling: u32,
    pub(super) min_ready: Duration,
    pub(super) probe_attempts: u32,
    /// Releases that have had a ready instance.
    pub(super) exercised: BTreeSet<Digest>,
    /// What each generation runs.
    pub(super) runs: BTreeMap<GenerationId, Digest>,
}

#[derive(Clone, Debug)]
struct Machine {
    group: GroupId,
    life: Life,
    /// Since when it is truly healthy.
    healthy: Option<Timestamp>,
}

impl Machine {
    fn member(&self) -> bool {
        !matches!(self.life, Life::Leaving | Life::Gone)
    }

    fn ready(&self) -> bool {
        self.life == Life::Running && self.healthy.is_some()
    }
}

/// The truth so far, over all rollouts of a fleet.
#[derive(Clone, Debug, Default)]
pub(super) struct Truth {
    machines: BTreeMap<InstanceKey, Machine>,
    sizes: BTreeMap<GroupId, u32>,
    /// When a machine was launched, or began to leave, by nobody's call.
    added: Vec<Timestamp>,
    /// When a ready machine was lost by nobody's call.
    lost: Vec<Timestamp>,
    launches: BTreeMap<GenerationId, u32>,
    /// How many each op has launched, sent away, and resized.
    by_op: BTreeMap<OpId, [u32; 3]>,
}

impl Truth {
    /// Follows what happened, and says what of it was not allowed.
    pub(super) fn follow(&mut self, effects: &[Effect], promise: &mut Promise) -> Result<(), String> {
        for effect in effects {
            if effect.fleet != promise.fleet {
                match effect.by {
                    Cause::Call(_) => return Err(format!("another fleet was touched: {effect}")),
                    _ => continue,
                }
            }
            self.one(effect, promise).map_err(|why| format!("{why}: {effect}"))?;
        }
        Ok(())
    }

    /// How many launched, sent away and resized each call.
    pub(super) fn ops(&self) -> impl Iterator<Item = (OpId, [u32; 3])> + '_ {
        self.by_op.iter().map(|(op, counts)| (*op, *counts))
    }

    fn one(&mut self, effect: &Effect, promise: &mut Promise) -> Result<(), String> {
        let Some(group) = effect.group else { return Ok(()) };
        let (at, ours) = (effect.at, matches!(effect.by, Cause::Call(_)));
        let mut count = |what: usize| {
            if let Cause::Call(op) = effect.by {
                self.by_op.entry(op).or_default()[what] += 1;
            }
        };
        match &effect.what {
            What::Sized { from, to } => {
                count(2);
                self.sizes.insert(group, *to);
                if !ours && to > from {
                    self.added.extend((*from..*to).map(|_| at));
                }
                if ours && to > from {
                    self.ceiling(at, promise)?;
                    self.probe(at, group.generation, promise)?;
                }
            }
            What::Launched(key) => {
                count(0);
                self.machines.insert(key.clone(), Machine { group, life: Life::Requested, healthy: None });
                if ours {
                    *self.launches.entry(group.generation).or_default() += 1;
                    self.ceiling(at, promise)?;
                }
                self.probe(at, group.generation, promise)?;
            }
            What::Lives(key, life) => {
                let Some(machine) = self.machines.get_mut(key) else { return Err("nobody knows it".to_owned()) };
                let (member, ready) = (machine.member(), machine.ready());
                machine.life = *life;
                let leaves = member && !machine.member();
                if leaves && ours {
                    count(1);
                    if ready {
                        self.floor(at, promise)?;
                    }
                } else if leaves {
                    self.added.push(at);
                    self.lost.extend(ready.then_some(at));
                    if ready && *life == Life::Leaving && effect.by == Cause::Provider {
                        return Err("the provider chose who leaves".to_owned());
                    }
                }
                if leaves {
                    self.well(key, at, promise, false);
                }
            }
            What::Judged(key, verdict) => {
                let healthy = *verdict == Verdict::Healthy;
                let ready = self.machines.get(key).is_some_and(Machine::ready);
                self.well(key, at, promise, healthy);
                self.lost.extend((ready && !healthy).then_some(at));
            }
            What::Deleting | What::Deleted => {
                let here = self.machines.values().filter(|machine| machine.group == group && machine.member()).count();
                if here > 0 && ours {
                    return Err(format!("{here} were still in it"));
                }
                self.sizes.remove(&group);
            }
            _ => {}
        }
        Ok(())
    }

    /// A machine's health begins or ends; a release that was healthy for long enough is exercised.
    fn well(&mut self, key: &InstanceKey, at: Timestamp, promise: &mut Promise, healthy: bool) {
        let Some(machine) = self.machines.get_mut(key) else { return };
        if machine.healthy.is_some_and(|since| at.since(since) >= promise.min_ready) {
            promise.exercised.extend(promise.runs.get(&machine.group.generation));
        }
        machine.healthy = healthy.then(|| machine.healthy.unwrap_or(at));
    }

    /// Everything that exists and everything promised, those on their way out on top.
    fn live(&self) -> u32 {
        let mut groups: BTreeMap<GroupId, (u32, u32)> = BTreeMap::new();
        for machine in self.machines.values() {
            let (members, leaving) = groups.entry(machine.group).or_default();
            *members += u32::from(machine.member());
            *leaving += u32::from(machine.life == Life::Leaving);
        }
        for group in self.sizes.keys() {
            groups.entry(*group).or_default();
        }
        let size = |group| self.sizes.get(group).copied().unwrap_or(0);
        groups.iter().map(|(group, (members, leaving))| size(group).max(*members) + leaving).sum()
    }

    fn slack(&self, of: &[Timestamp], at: Timestamp) -> u32 {
        of.iter().filter(|then| at.since(**then) <= WINDOW).count() as u32
    }

    fn ceiling(&self, at: Timestamp, promise: &Promise) -> Result<(), String> {
        let (live, most) = (self.live(), promise.ceiling + self.slack(&self.added, at));
        if live <= most { Ok(()) } else { Err(format!("ceiling: {live} live, {most} may be")) }
    }

    fn floor(&self, at: Timestamp, promise: &Promise) -> Result<(), String> {
        let ready = self.machines.values().filter(|machine| machine.ready()).count() as u32;
        let least = promise.floor.saturating_sub(self.slack(&self.lost, at));
        if ready >= least { Ok(()) } else { Err(format!("floor: {ready} ready, {least} must be")) }
    }

    fn probe(&mut self, at: Timestamp, generation: GenerationId, promise: &mut Promise) -> Result<(), String> {
        let keys: Vec<_> = self.machines.iter().filter(|(_, machine)| machine.group.generation == generation).collect();
        let well = keys.iter().any(|(_, machine)| machine.healthy.is_some_and(|since| at.since(since) >= promise.min_ready));
        let release = promise.runs.get(&generation).copied();
        if well {
            promise.exercised.extend(release);
        }
        if release.is_some_and(|release| promise.exercised.contains(&release)) {
            return Ok(());
        }
        let there = keys.iter().filter(|(_, machine)| machine.life != Life::Gone).count() as u32;
        let size: u32 = self.sizes.iter().filter(|(group, _)| group.generation == generation).map(|(_, size)| size).sum();
        let launches = self.launches.get(&generation).copied().unwrap_or(0);
        match (there.max(size), launches) {
            (live, _) if live > 1 => Err(format!("probe: {live} of a release that never was ready")),
            (_, tried) if tried > promise.probe_attempts => Err(format!("probe: {tried} were tried")),
            _ => Ok(()),
        }
    }
}
