//! One group: its size, its instances, and the counts that make every question about them cheap.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::effects::{Cause, What};
use super::options::Settings;
use super::random::Random;
use super::world::{Env, Event};
use crate::artifact::Digest;
use crate::fleet::{
    Evidence, FailureClass, FleetId, GenerationSpec, GroupId, Heals, Held, Incident, Instance, Life, Placement, Trouble, Upkeep,
    Verdict, Working,
};
use crate::id::{ImageId, InstanceKey, InstanceName, Zone};
use crate::time::Timestamp;

#[derive(Debug)]
pub(super) struct Group {
    pub(super) handle: usize,
    pub(super) id: GroupId,
    pub(super) spec: Arc<GenerationSpec>,
    pub(super) mark: Digest,
    /// What the provider calls it: `web-0002-0`.
    pub(super) name: Arc<str>,
    pub(super) max: u32,
    pub(super) upkeep: Upkeep,
    pub(super) size: u32,
    /// Of the size, the slots that were promised and never come.
    pub(super) short: u32,
    /// Of those, the ones that come when they are given up.
    pub(super) late: u32,
    pub(super) deleting: bool,
    /// Since when it is there, or is being deleted.
    pub(super) since: Timestamp,
    /// Accepted operations that have not ended.
    pub(super) operations: u32,
    /// The zones it may use, and its members in each.
    pub(super) zones: Vec<(usize, u32)>,
    /// What the view shows, in order of names: shared with whoever looks, and copied when it changes while they do.
    pub(super) instances: Arc<Vec<Instance>>,
    /// What only the world knows of each of `instances`.
    pub(super) slots: Vec<Slot>,
    next: u32,
    pub(super) count: Count,
    pub(super) random: Random,
    pub(super) picks: u64,
    pub(super) incidents: VecDeque<(Timestamp, Incident)>,
    /// What launches fall short of now, if they do: one episode, one incident.
    pub(super) shortfall: Option<FailureClass>,
    pub(super) shortfalls: u32,
    pub(super) retrying: bool,
    pub(super) sweeping: bool,
    /// The member over its size that a rebalancing has launched.
    pub(super) moving: Option<(u32, u64)>,
}

/// What only the world knows of an instance.
#[derive(Debug)]
pub(super) struct Slot {
    /// Its number in the group, which its name ends in; ascending.
    pub(super) ordinal: u32,
    pub(super) incarnation: u64,
    /// How many of this name came before.
    lives: u32,
    /// An index into the group's zones.
    pub(super) zone: usize,
    pub(super) random: Random,
    /// The truth about its health.
    pub(super) verdict: Verdict,
    pub(super) hangs: bool,
    /// Whether another is launched under its name when it is gone.
    pub(super) replace: bool,
    /// Whether a call named it to leave.
    pub(super) sent_away: bool,
    /// How it was when it was gone.
    pub(super) last: Verdict,
    /// Since when it ails, or is gone.
    pub(super) since: Timestamp,
}

/// How many instances there are of each kind.
#[derive(Debug, Default)]
pub(super) struct Count {
    pub(super) requested: u32,
    pub(super) leaving: u32,
    pub(super) gone: u32,
    /// All that are neither leaving nor gone.
    pub(super) members: u32,
    /// Leaving or gone, and to be replaced under their names.
    pub(super) replacing: u32,
}

/// Names are numbered with six digits; with more they would no longer sort in the order of launches.
const ORDINALS: u32 = 1_000_000;

impl Group {
    pub(super) fn new(handle: usize, spec: &Arc<GenerationSpec>, mark: Digest, cell: u16, settings: &Settings) -> Self {
        let placed = spec.groups.iter().find(|group| group.cell == cell);
        let name: Arc<str> = format!("{}-{cell}", spec.full_name()).into();
        let here = |zone: &Zone| match placed.map(|group| &group.placement) {
            Some(Placement::Zone(only)) => only == zone,
            _ => true,
        };
        Self {
            handle,
            id: GroupId { generation: spec.id, cell },
            mark,
            random: Random::named(settings.seed, &format!("{}/{name}", spec.fleet)),
            name,
            max: placed.map_or(0, |group| group.max),
            upkeep: spec.upkeep,
            spec: spec.clone(),
            size: 0,
            short: 0,
            late: 0,
            deleting: false,
            since: Timestamp::default(),
            operations: 0,
            zones: settings.zones.iter().enumerate().filter(|(_, zone)| here(zone)).map(|(at, _)| (at, 0)).collect(),
            instances: Arc::default(),
            slots: Vec::new(),
            next: 0,
            count: Count::default(),
            picks: 0,
            incidents: VecDeque::new(),
            shortfall: None,
            shortfalls: 0,
            retrying: false,
            sweeping: false,
            moving: None,
        }
    }

    pub(super) fn fleet(&self) -> &FleetId {
        &self.spec.fleet
    }

    pub(super) fn heals(&self, env: &Env) -> bool {
        !self.deleting
            && match env.settings.heals {
                Heals::Never => false,
                Heals::Always => true,
                Heals::Switchable => self.upkeep.heal,
            }
    }

    /// Slots of the size that nothing fills and something still may.
    pub(super) fn missing(&self) -> u32 {
        self.size.saturating_sub(self.count.members + self.count.replacing + self.short)
    }

    /// Members, and others that are still there.
    pub(super) fn existing(&self) -> u32 {
        self.count.members + self.count.leaving
    }

    pub(super) fn is_over(&self) -> bool {
        self.deleting && self.operations == 0 && self.existing() == 0
    }

    /// A machine that boots is the machine's affair; launching, removing and replacing are the provider's.
    pub(super) fn working(&self) -> Working {
        let work = self.operations + self.count.requested + self.count.leaving + self.count.replacing;
        if work > 0 || self.moving.is_some() { Working::Busy } else { Working::Idle }
    }

    pub(super) fn find(&self, ordinal: u32, incarnation: u64) -> Option<usize> {
        let at = self.slots.binary_search_by_key(&ordinal, |slot| slot.ordinal).ok()?;
        self.slots.get(at).filter(|slot| slot.incarnation == incarnation).map(|_| at)
    }

    /// Where the instance of this name is, whatever its incarnation.
    pub(super) fn named(&self, name: &InstanceName) -> Option<usize> {
        let ordinal: u32 = name.as_str().strip_prefix(&*self.name)?.strip_prefix('-')?.parse().ok()?;
        let at = self.slots.binary_search_by_key(&ordinal, |slot| slot.ordinal).ok()?;
        self.instances.get(at).filter(|instance| instance.key.name == *name).map(|_| at)
    }

    pub(super) fn life(&self, at: usize) -> Life {
        self.instances.get(at).map_or(Life::Gone, |instance| instance.life)
    }

    pub(super) fn is_member(&self, at: usize) -> bool {
        is_member(self.life(at))
    }

    pub(super) fn is_moving(&self, at: usize) -> bool {
        self.slots.get(at).is_some_and(|slot| self.moving == Some((slot.ordinal, slot.incarnation)))
    }

    pub(super) fn is_held(&self, at: usize) -> bool {
        self.instances.get(at).is_some_and(|instance| instance.held.is_some())
    }

    /// Adds a machine, at the end: names ascend.
    pub(super) fn launch(&mut self, env: &mut Env, zone: usize, by: Cause) -> Option<(u32, u64)> {
        let ordinal = self.next;
        self.next += 1;
        let (instance, slot) = self.machine(env, ordinal, 0, zone);
        let id = (slot.ordinal, slot.incarnation);
        Arc::make_mut(&mut self.instances).push(instance);
        self.slots.push(slot);
        self.begin(env, self.slots.len() - 1, by);
        Some(id)
    }

    /// Puts a new machine under the name of a gone one.
    pub(super) fn relaunch(&mut self, env: &mut Env, at: usize) {
        let Some((ordinal, lives, zone)) = self.slots.get(at).map(|slot| (slot.ordinal, slot.lives + 1, slot.zone)) else {
            return;
        };
        let (instance, slot) = self.machine(env, ordinal, lives, zone);
        if let (Some(old), Some(old_slot)) = (Arc::make_mut(&mut self.instances).get_mut(at), self.slots.get_mut(at)) {
            *old = instance;
            *old_slot = slot;
        }
        self.count.gone -= 1;
        self.begin(env, at, Cause::Provider);
    }

    fn machine(&self, env: &mut Env, ordinal: u32, lives: u32, zone: usize) -> (Instance, Slot) {
        env.launched += 1;
        let zone_name = self.zones.get(zone).and_then(|(zone, _)| env.settings.zones.get(*zone)).cloned();
        let instance = Instance {
            key: InstanceKey::named(format!("{}-{ordinal:06}", self.name)).incarnation(env.launched.to_string()),
            zone: zone_name,
            runs: Evidence::Instance(self.spec.image.id().clone()),
            life: Life::Requested,
            held: None,
            health: env.words.of(Verdict::Starting),
            trouble: None,
        };
        let slot = Slot {
            ordinal,
            incarnation: env.launched,
            lives,
            zone,
            random: self.random.fork(u64::from(ordinal) << 32 | u64::from(lives)),
            verdict: Verdict::Starting,
            hangs: false,
            replace: false,
            sent_away: false,
            last: Verdict::Starting,
            since: env.now,
        };
        (instance, slot)
    }

    fn begin(&mut self, env: &mut Env, at: usize, by: Cause) {
        self.tally(env, at, None, Life::Requested);
        if let Some(instance) = self.instances.get(at) {
            env.note(by, &self.spec.fleet, Some(self.id), || What::Launched(instance.key.clone()));
        }
        self.boot(env, at);
    }

    pub(super) fn set_life(&mut self, env: &mut Env, at: usize, life: Life, by: Cause) {
        let Some(instance) = Arc::make_mut(&mut self.instances).get_mut(at) else {
            return;
        };
        let was = std::mem::replace(&mut instance.life, life);
        env.note(by, &self.spec.fleet, Some(self.id), || What::Lives(instance.key.clone(), life));
        self.tally(env, at, Some(was), life);
    }

    fn tally(&mut self, env: &mut Env, at: usize, was: Option<Life>, is: Life) {
        let Some(zone) = self.slots.get(at).map(|slot| slot.zone) else {
            return;
        };
        let zone = self.zones.get_mut(zone);
        let count = &mut self.count;
        match was {
            Some(Life::Requested) => count.requested -= 1,
            Some(Life::Leaving) => count.leaving -= 1,
            _ => {}
        }
        match is {
            Life::Requested => count.requested += 1,
            Life::Leaving => count.leaving += 1,
            Life::Gone => count.gone += 1,
            _ => {}
        }
        let (member, exists) = (was.is_some_and(is_member), was.is_some());
        let Some((zone, members)) = zone else {
            return;
        };
        if member && !is_member(is) {
            count.members -= 1;
            *members -= 1;
        } else if !member && is_member(is) {
            count.members += 1;
            *members += 1;
        }
        if !exists {
            env.room.take(*zone);
        } else if is == Life::Gone {
            env.room.give(*zone);
        }
    }

    /// Sets what is true of an instance's health.
    pub(super) fn set_verdict(&mut self, env: &mut Env, at: usize, verdict: Verdict, trouble: Option<Arc<Trouble>>, by: Cause) {
        let (Some(slot), Some(instance)) = (self.slots.get_mut(at), Arc::make_mut(&mut self.instances).get_mut(at)) else {
            return;
        };
        slot.verdict = verdict;
        slot.since = env.now;
        instance.health = env.words.of(verdict);
        instance.trouble = trouble;
        env.note(by, &self.spec.fleet, Some(self.id), || What::Judged(instance.key.clone(), verdict));
    }

    pub(super) fn set_size(&mut self, env: &mut Env, to: u32, by: Cause) {
        let from = std::mem::replace(&mut self.size, to);
        if from != to {
            env.note(by, &self.spec.fleet, Some(self.id), || What::Sized { from, to });
        }
    }

    pub(super) fn run_other(&mut self, env: &mut Env, at: usize, image: ImageId) {
        if let Some(instance) = Arc::make_mut(&mut self.instances).get_mut(at) {
            instance.runs = Evidence::Instance(image.clone());
            env.note(Cause::Script, &self.spec.fleet, Some(self.id), || What::Runs(instance.key.clone(), image));
        }
    }

    pub(super) fn hold(&mut self, at: usize, held: Option<Held>) {
        if let Some(instance) = Arc::make_mut(&mut self.instances).get_mut(at) {
            instance.held = held;
        }
    }

    /// Whether it may ever launch another.
    pub(super) fn has_names(&self) -> bool {
        self.next < ORDINALS
    }

    pub(super) fn sweep(&mut self, env: &mut Env) {
        self.sweeping = false;
        let shown = env.settings.gone_shown;
        let old =
            |slot: &Slot, instance: &Instance| instance.life == Life::Gone && !slot.replace && slot.since + shown <= env.now;
        let keep: Vec<bool> = self.slots.iter().zip(self.instances.iter()).map(|(slot, seen)| !old(slot, seen)).collect();
        let mut each = keep.iter();
        Arc::make_mut(&mut self.instances).retain(|_| each.next().copied().unwrap_or(true));
        let mut each = keep.iter();
        self.slots.retain(|_| each.next().copied().unwrap_or(true));
        let swept = keep.iter().filter(|keep| !**keep).count();
        self.count.gone = self.count.gone.saturating_sub(u32::try_from(swept).unwrap_or(u32::MAX));
        // A sweep passes over the whole group: not once for each instance, but four times in the time that they are shown.
        self.sweep_after(env, (shown / 4).max(Duration::from_secs(1)));
    }

    pub(super) fn sweep_after(&mut self, env: &mut Env, delay: Duration) {
        if self.count.gone > 0 && !self.sweeping {
            self.sweeping = true;
            env.after(delay, Event::Sweep(self.handle));
        }
    }
}

pub(super) fn is_member(life: Life) -> bool {
    !matches!(life, Life::Leaving | Life::Gone)
}
