//! The world: what is, and what will happen. No clock and nothing asynchronous in here: it is told the time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use super::calls::{Arrival, Calls, Tokens};
use super::catalog::{Account, Catalog};
use super::effects::{Cause, Effect, Log, What};
use super::group::Group;
use super::life::Step;
use super::operations::Operations;
use super::options::Settings;
use super::random::Random;
use super::traffic::Pools;
use super::view::Distortions;
use crate::fleet::{FailureClass, FleetId, GenerationId, GroupId, Health, Trouble, Verdict};
use crate::id::{ImageId, NativeRef, SourceId};
use crate::time::Timestamp;

/// Everything, driven by [`advance`](World::advance).
#[derive(Debug)]
pub(super) struct World {
    pub(super) env: Env,
    /// Groups by handle; one that was removed leaves `None`, so that handles in queued events never mean another.
    pub(super) groups: Vec<Option<Group>>,
    pub(super) handles: BTreeMap<FleetId, BTreeMap<GroupId, usize>>,
    /// Groups that are not ours and bear a name that ours would.
    pub(super) strangers: BTreeMap<(FleetId, GenerationId), NativeRef>,
    /// Groups that others made, by what they call them, adopted or not.
    pub(super) others: BTreeMap<NativeRef, usize>,
    pub(super) pools: Pools,
    pub(super) tokens: Tokens,
    pub(super) operations: Operations,
    pub(super) calls: Calls,
    /// How many calls were sent, those that only read included.
    pub(super) sent: u64,
    /// What calls draw how long they take from.
    pub(super) latencies: Random,
    pub(super) distortions: Distortions,
}

/// What every group shares: time, limits, images, the log.
#[derive(Debug)]
pub(super) struct Env {
    pub(super) settings: Settings,
    pub(super) now: Timestamp,
    queue: BinaryHeap<Reverse<Queued>>,
    queued: u64,
    pub(super) images: Catalog,
    pub(super) log: Log,
    pub(super) room: Room,
    /// Launches so far, which also number the incarnations.
    pub(super) launched: u64,
    /// The mean time between an instance's deaths, and which setting of it this is.
    pub(super) deaths: Option<Duration>,
    pub(super) deaths_set: u32,
    /// Scripted for the next raise.
    pub(super) launches_short: u32,
    /// Of a thousand boots so many hang.
    pub(super) boots_hang: u32,
    /// So many operations more take so long.
    pub(super) operations_hang: (u32, Duration),
    pub(super) launches_late: u32,
    pub(super) raises_short: u32,
    /// So many copies of images more fail.
    pub(super) copies_fail: u32,
    pub(super) words: Words,
}

/// What there is and what there may be, of machines.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) used: u32,
    pub(super) most: Option<u32>,
    pub(super) zones: Vec<(u32, Option<u32>)>,
}

impl Room {
    pub(super) fn in_all(&self) -> bool {
        self.most.is_none_or(|most| self.used < most)
    }

    pub(super) fn in_zone(&self, zone: usize) -> bool {
        self.zones.get(zone).is_some_and(|(used, most)| most.is_none_or(|most| *used < most))
    }

    pub(super) fn take(&mut self, zone: usize) {
        self.used += 1;
        if let Some((used, _)) = self.zones.get_mut(zone) {
            *used += 1;
        }
    }

    pub(super) fn give(&mut self, zone: usize) {
        self.used = self.used.saturating_sub(1);
        if let Some((used, _)) = self.zones.get_mut(zone) {
            *used = used.saturating_sub(1);
        }
    }
}

/// What is said of every instance, made once.
#[derive(Debug)]
pub(super) struct Words {
    healthy: Arc<[Health]>,
    unhealthy: Arc<[Health]>,
    starting: Arc<[Health]>,
    unknown: Arc<[Health]>,
    pub(super) ill: Arc<Trouble>,
    pub(super) died: Arc<Trouble>,
    pub(super) hangs: Arc<Trouble>,
}

impl Words {
    fn new() -> Self {
        let source = SourceId::from(super::HEALTH_SOURCE);
        let says = |verdict| Arc::from([Health { source: source.clone(), verdict }]);
        let trouble = |class, code: &str, message: &str| Arc::new(Trouble { class, code: code.into(), message: message.into() });
        Self {
            healthy: says(Verdict::Healthy),
            unhealthy: says(Verdict::Unhealthy),
            starting: says(Verdict::Starting),
            unknown: says(Verdict::Unknown),
            ill: trouble(FailureClass::Health, "CheckFailed", "the health check fails"),
            died: trouble(FailureClass::Platform, "MachineDied", "the machine died"),
            hangs: trouble(FailureClass::Image, "BootHangs", "the machine does not come up"),
        }
    }

    pub(super) fn of(&self, verdict: Verdict) -> Arc<[Health]> {
        match verdict {
            Verdict::Healthy => &self.healthy,
            Verdict::Unhealthy => &self.unhealthy,
            Verdict::Starting => &self.starting,
            Verdict::Unknown => &self.unknown,
        }
        .clone()
    }
}

/// Something that will happen.
#[derive(Debug)]
pub(super) enum Event {
    /// A machine goes on in its life.
    Step { group: usize, ordinal: u32, incarnation: u64, step: Step },
    /// Launches that found no room are tried again.
    Retry(usize),
    /// What has been gone for long is shown no more.
    Sweep(usize),
    /// A call reaches the provider.
    Arrive(Box<Arrival>),
    /// An accepted operation ends.
    OperationEnds(u64),
    /// A pool's weights come into force, if they are still those of this route.
    Settle { pool: usize, route: u64 },
}

/// In the order of time, then of asking.
#[derive(Debug)]
struct Queued {
    at: Timestamp,
    turn: u64,
    event: Event,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Queued {}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.turn).cmp(&(other.at, other.turn))
    }
}

impl Env {
    pub(super) fn after(&mut self, delay: Duration, event: Event) {
        self.queued += 1;
        self.queue.push(Reverse(Queued { at: self.now + delay, turn: self.queued, event }));
    }

    pub(super) fn note(&mut self, by: Cause, fleet: &FleetId, group: Option<GroupId>, what: impl FnOnce() -> What) {
        let at = self.now;
        self.log.note(|| Effect { at, by, fleet: fleet.clone(), group, what: what() });
    }

    /// Why an image cannot be launched now, if it cannot.
    pub(super) fn unlaunchable(&self, image: &ImageId) -> Option<Trouble> {
        self.images.unlaunchable(image, self.now)
    }

    fn due(&mut self, now: Timestamp) -> Option<Queued> {
        let Reverse(next) = self.queue.peek()?;
        if next.at > now { None } else { self.queue.pop().map(|Reverse(next)| next) }
    }
}

impl World {
    pub(super) fn new(settings: Settings, account: Account, now: Timestamp) -> Self {
        Self {
            latencies: Random::named(settings.seed, "latency"),
            env: Env {
                now,
                queue: BinaryHeap::new(),
                queued: 0,
                images: Catalog::new(account, &settings.place),
                log: Log::new(settings.effects),
                room: Room { used: 0, most: None, zones: vec![(0, None); settings.zones.len()] },
                launched: 0,
                deaths: None,
                deaths_set: 0,
                launches_short: 0,
                boots_hang: 0,
                operations_hang: (0, Duration::ZERO),
                launches_late: 0,
                raises_short: 0,
                copies_fail: 0,
                words: Words::new(),
                settings,
            },
            groups: Vec::new(),
            handles: BTreeMap::new(),
            strangers: BTreeMap::new(),
            others: BTreeMap::new(),
            pools: Pools::default(),
            tokens: Tokens::default(),
            operations: Operations::default(),
            calls: Calls::default(),
            sent: 0,
            distortions: Distortions::default(),
        }
    }

    /// Lets everything happen that is due by `now`, in order. An earlier `now` than before changes nothing.
    pub(super) fn advance(&mut self, now: Timestamp) {
        while let Some(next) = self.env.due(now) {
            self.env.now = self.env.now.max(next.at);
            self.happen(next.event);
        }
        self.env.now = self.env.now.max(now);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Step { group, ordinal, incarnation, step } => {
                self.with(group, |group, env| group.step(env, ordinal, incarnation, step));
            }
            Event::Retry(group) => self.with(group, Group::retry),
            Event::Sweep(group) => self.with(group, Group::sweep),
            Event::Arrive(arrival) => self.arrive(*arrival),
            Event::OperationEnds(id) => self.operation_ends(id),
            Event::Settle { pool, route } => self.settle(pool, route),
        }
    }

    /// Does something with a group, and removes it if that was the end of it.
    pub(super) fn with<T: Default>(&mut self, handle: usize, act: impl FnOnce(&mut Group, &mut Env) -> T) -> T {
        let Some(Some(group)) = self.groups.get_mut(handle) else {
            return T::default();
        };
        let result = act(group, &mut self.env);
        if group.is_over() {
            self.remove(handle);
        }
        result
    }

    pub(super) fn remove(&mut self, handle: usize) {
        let Some(group) = self.groups.get_mut(handle).and_then(Option::take) else {
            return;
        };
        if let Some(groups) = self.handles.get_mut(group.fleet()) {
            groups.remove(&group.id);
        }
        self.env.note(Cause::Provider, group.fleet(), Some(group.id), || What::Deleted);
        if self.generation(group.fleet(), group.id.generation).is_empty() {
            self.detach(group.fleet(), group.id.generation);
        }
    }

    pub(super) fn group(&self, fleet: &FleetId, group: GroupId) -> Option<&Group> {
        let handle = self.handles.get(fleet)?.get(&group)?;
        self.groups.get(*handle)?.as_ref()
    }

    /// The handles of a generation's groups, in order of their cells.
    pub(super) fn generation(&self, fleet: &FleetId, generation: GenerationId) -> Vec<usize> {
        let of = |cell| GroupId { generation, cell };
        let groups = self.handles.get(fleet).into_iter().flat_map(|groups| groups.range(of(0)..=of(u16::MAX)));
        groups.map(|(_, handle)| *handle).collect()
    }

    /// A fleet's groups, in order.
    pub(super) fn groups_of<'a>(&'a self, fleet: &'a FleetId) -> impl Iterator<Item = &'a Group> {
        let groups = self.handles.get(fleet).into_iter().flat_map(BTreeMap::values);
        groups.filter_map(|handle| self.groups.get(*handle)?.as_ref())
    }
}
