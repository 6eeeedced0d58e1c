//! Everything that happens in a run, in the order in which it does: for the oracles, and for the story that a failure tells.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::oracle::{Breach, Scene};
use crate::controller::Controller;
use crate::error::Result;
use crate::fleet::{Coverage, FleetId, GroupState, Life, Observation, TargetState, TrafficSeen, Verdict};
use crate::id::{StreamId, StreamVersion, WriteId};
use crate::journal::{After, Append, Appended, Compact, Journal, Loaded, MemoryJournal};
use crate::memory::MemoryCloud;
use crate::rollout::{Call, Event, FleetState, Recorded};
use crate::time::{Clock, Timestamp};

/// Who a line of a story is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Who {
    /// What the controller saw.
    Saw,
    /// What it decided: a record of its journal.
    Decided,
    /// What happened in the world.
    World,
    /// What the script did.
    Script,
    /// What an oracle says.
    Oracle,
}

/// One line of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: Who,
    /// What.
    pub what: String,
}

/// `09:30:00.250 saw      0001.0 size 3: 3 healthy`
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.who {
            Who::Saw => "saw",
            Who::Decided => "decided",
            Who::World => "world",
            Who::Script => "script",
            Who::Oracle => "ORACLE",
        };
        let at = self.at.to_string();
        let time = at.split_once('T').map_or(&*at, |(_, time)| time.trim_end_matches('Z'));
        write!(f, "{time} {who:8} {}", self.what)
    }
}

/// How much was done in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Work {
    /// Looks that were decided on.
    pub decisions: u64,
    /// What was delivered: looks, calls, appends, and what happened in the world.
    pub deliveries: u64,
}

impl std::ops::AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.decisions += other.decisions;
        self.deliveries += other.deliveries;
    }
}

/// Shared by everything that reports to it.
#[derive(Clone, Debug)]
pub(super) struct Ledger(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    cloud: MemoryCloud,
    scene: Scene,
    /// What all records amount to, and how many there are.
    folded: FleetState,
    head: StreamVersion,
    /// The first that could not follow.
    illegal: Option<String>,
    work: Work,
    story: Option<Vec<Line>>,
    saw: String,
    saw_pool: String,
}

impl Ledger {
    pub(super) fn new(cloud: MemoryCloud, fleet: FleetId, scene: Scene, tell: bool) -> Self {
        let (story, folded) = (tell.then(Vec::new), FleetState::new(fleet));
        let (head, work, saw, saw_pool) = Default::default();
        Self(Arc::new(Mutex::new(Inner { cloud, scene, folded, head, illegal: None, work, story, saw, saw_pool })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the oracles something, after everything that has happened by now.
    pub(super) fn scene<T>(&self, ask: impl FnOnce(&mut Scene) -> T) -> T {
        let mut inner = self.lock();
        inner.catch_up();
        ask(&mut inner.scene)
    }

    pub(super) fn breach(&self) -> Option<Breach> {
        self.scene(|scene| scene.breach().cloned())
    }

    /// What is journaled, folded from the first record on, and how many records that are.
    pub(super) fn folded(&self) -> std::result::Result<(FleetState, StreamVersion), String> {
        let inner = self.lock();
        match &inner.illegal {
            Some(why) => Err(why.clone()),
            None => Ok((inner.folded.clone(), inner.head)),
        }
    }

    /// Asks something of what is journaled by now; nothing, of a journal in which something could not follow.
    pub(super) fn state<T>(&self, ask: impl FnOnce(&FleetState) -> Option<T>) -> Option<T> {
        let inner = self.lock();
        if inner.illegal.is_none() { ask(&inner.folded) } else { None }
    }

    pub(super) fn work(&self) -> Work {
        self.lock().work
    }

    /// Tells a controller what is journaled by now: it need not read it once more.
    pub(super) fn tell(&self, controller: &Controller) {
        if let Ok((state, head)) = self.folded() {
            controller.hears(state, head);
        }
    }

    pub(super) fn delivered(&self) {
        self.lock().work.deliveries += 1;
    }

    /// The controller has seen this, having asked then.
    pub(super) fn saw(&self, observed: &Observation, asked: Timestamp) {
        let mut inner = self.lock();
        inner.work.decisions += 1;
        inner.work.deliveries += 1;
        if inner.story.is_some() {
            inner.catch_up();
            let what = view(observed);
            if what != inner.saw {
                inner.saw.clone_from(&what);
                inner.tell(asked, Who::Saw, what);
            }
        }
        inner.scene.seen(observed, asked);
    }

    /// The controller has seen this of the pool, having asked then.
    pub(super) fn saw_pool(&self, seen: &TrafficSeen, asked: Timestamp) {
        let mut inner = self.lock();
        inner.work.deliveries += 1;
        if inner.story.is_some() {
            inner.catch_up();
            let what = pool_view(seen);
            if what != inner.saw_pool {
                inner.saw_pool.clone_from(&what);
                inner.tell(asked, Who::Saw, what);
            }
        }
        inner.scene.seen_pool(seen, asked);
    }

    /// The script has done this.
    pub(super) fn script(&self, at: Timestamp, what: impl FnOnce() -> String) {
        let mut inner = self.lock();
        inner.catch_up();
        if inner.story.is_some() {
            inner.tell(at, Who::Script, what());
        }
    }

    /// The story so far, with what the oracles say at its end.
    pub(super) fn story(&self) -> Vec<Line> {
        let mut inner = self.lock();
        inner.catch_up();
        let breach = inner.scene.breach().cloned();
        let mut story = inner.story.take().unwrap_or_default();
        if let Some(breach) = breach {
            // It spoke then, and not at the end.
            let after = story.iter().position(|line| line.at > breach.at).unwrap_or(story.len());
            story.truncate(after);
            story.push(Line { at: breach.at, who: Who::Oracle, what: breach.to_string() });
        }
        story
    }
}

impl Inner {
    /// Hears of everything that has happened in the world.
    fn catch_up(&mut self) {
        for effect in self.cloud.take_effects() {
            self.work.deliveries += 1;
            if self.story.is_some() {
                let text = effect.to_string();
                let what = text.split_once(' ').map_or(&*text, |(_, what)| what).to_owned();
                self.tell(effect.at, Who::World, what);
            }
            self.scene.happened(&effect);
        }
    }

    /// A record has landed.
    fn lands(&mut self, record: &[u8], now: Timestamp) {
        self.work.deliveries += 1;
        self.head.0 += 1;
        // Looked through for bad UTF-8 once, and not string by string.
        let read = std::str::from_utf8(record).map_err(|why| why.to_string());
        let recorded: Recorded = match read.and_then(|text| serde_json::from_str(text).map_err(|why| why.to_string())) {
            Ok(recorded) => recorded,
            Err(why) => return self.scene.broken("once", now, format!("record {} cannot be read: {why}", self.head)),
        };
        if self.story.is_some() {
            self.tell(now, Who::Decided, decided(&recorded.event));
        }
        self.scene.written(&self.folded, &recorded);
        if let Err(illegal) = self.folded.evolve(&recorded) {
            self.illegal.get_or_insert_with(|| format!("record {}: {illegal}", self.head));
        }
    }

    fn tell(&mut self, at: Timestamp, who: Who, what: String) {
        if let Some(story) = &mut self.story {
            story.push(Line { at, who, what });
        }
    }
}

/// A look, group by group.
fn view(observed: &Observation) -> String {
    let mut text = Vec::new();
    for group in &observed.groups {
        let mut said = match &group.state {
            GroupState::Present { size, working, .. } => format!("{} size {size} {working:?}", group.group).to_lowercase(),
            state => format!("{} {state:?}", group.group).to_lowercase(),
        };
        if let Coverage::Part(why) = &group.coverage {
            said += &format!(" in part ({why})");
        }
        if !group.age.is_zero() {
            said += &format!(" {} s old", group.age.as_secs());
        }
        for instance in group.instances.iter() {
            let verdict = instance.health.first().map_or(Verdict::Unknown, |health| health.verdict);
            let how = match instance.life {
                Life::Running => format!("{verdict:?}").to_lowercase(),
                life => format!("{life:?}").to_lowercase(),
            };
            let name = instance.key.name.as_str();
            said += &format!(" {}={how}", name.rsplit('-').next().unwrap_or(name).trim_start_matches("00000"));
        }
        text.push(said);
    }
    text.join("; ")
}

/// A look at the pool.
fn pool_view(seen: &TrafficSeen) -> String {
    let mut said = format!("pool {} {:?}", seen.pool, seen.weights);
    if let Coverage::Part(why) = &seen.coverage {
        said += &format!(" in part ({why})");
    }
    if !seen.age.is_zero() {
        said += &format!(" {} s old", seen.age.as_secs());
    }
    for target in seen.targets.iter().filter(|target| target.state != TargetState::Attached) {
        said += &format!(" {}={:?}", target.key, target.state).to_lowercase();
    }
    said
}

/// What a record says, in a line.
fn decided(event: &Event) -> String {
    match event {
        Event::Owed { op, call, .. } => match call {
            Call::Ensure(spec) => format!("op {op}: make generation {} of {} {}", spec.id, spec.name, spec.version),
            Call::Resize(resize) => format!("op {op}: {resize:?}"),
            Call::Upkeep(generation, upkeep) => format!("op {op}: upkeep of {generation} to {upkeep:?}"),
            Call::Destroy(generation) => format!("op {op}: remove generation {generation}"),
            Call::Route(route) => format!("op {op}: route {:?} of pool {}", route.weights(), route.pool()),
            Call::Drain { group, leaving, .. } => format!("op {op}: drain {leaving:?} of {group}"),
        },
        Event::Opened { rollout, plan } if !plan.sets_right().is_empty() => {
            format!("rollout {rollout} to {} begins: {}", plan.to(), plan.sets_right().join("; "))
        }
        Event::Opened { rollout, plan } => format!("rollout {rollout} to {} begins", plan.to()),
        Event::Proven { generation, instances, .. } => format!("generation {generation} is proven, {instances} instances"),
        Event::Noted(noted) => {
            // Without what is empty.
            serde_json::to_string(noted).map_or_else(|_| format!("{noted:?}"), |json| format!("noted {json}"))
        }
        other => format!("{other:?}"),
    }
}

/// The journal itself, below its wire: what lands in it is heard of the moment it does.
#[derive(Debug)]
pub(super) struct Scribe {
    pub(super) journal: MemoryJournal,
    pub(super) stream: StreamId,
    pub(super) inbox: StreamId,
    pub(super) ledger: Ledger,
    pub(super) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Journal for Scribe {
    async fn load(&self, stream: &StreamId, after: After) -> Result<Loaded> {
        self.journal.load(stream, after).await
    }

    async fn append(&self, append: Append) -> Result<Appended> {
        if append.stream == self.inbox {
            let commands: Vec<_> = append.records.iter().filter_map(|record| serde_json::from_slice(record).ok()).collect();
            let appended = self.journal.append(append).await?;
            if let Appended::Done(_) = &appended {
                commands.into_iter().for_each(|command| self.ledger.lock().scene.asked_for(command));
            }
            return Ok(appended);
        }
        if append.stream != self.stream {
            return self.journal.append(append).await;
        }
        let records = append.records.clone();
        let known = self.journal.wrote(&append.stream, append.write).await?.is_some();
        let appended = self.journal.append(append).await?;
        if let (Appended::Done(_), false) = (&appended, known) {
            let mut inner = self.ledger.lock();
            inner.catch_up();
            records.iter().for_each(|record| inner.lands(record, self.clock.now()));
        }
        Ok(appended)
    }

    async fn wrote(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        self.journal.wrote(stream, write).await
    }

    async fn compact(&self, compact: Compact) -> Result<()> {
        self.journal.compact(compact).await
    }

    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        self.journal.list(prefix, after, limit).await
    }
}
