//! A worker: it takes the fleets that nobody else has, keeps them, and drives their rollouts.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, FutureExt, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::watch;

use super::Controller;
use super::able::able;
use super::driver::{Hire, Post, fenced};
use super::keep::{Keeper, Kept};
use super::lease::{Lease, Rivals, Signs, named};
use super::load::{self, LoadedState};
use crate::artifact::Place;
use crate::error::{ErrorKind, Result, Retry};
use crate::fleet::FleetId;
use crate::id::{OwnerId, StreamId, StreamVersion};
use crate::journal::{After, Journal};
use crate::rollout::{Event, FleetState, Hold, MAX_VIEW_AGE, Phase, backoff};
use crate::time::Timestamp;

/// How often a fleet in which nothing is amiss is looked at.
const REST: Duration = Duration::from_secs(30);

/// So many streams are listed in one call.
const PAGE: usize = 1000;

impl Controller {
    /// Works until `shutdown` completes: takes every fleet of the places that it serves which no other worker has, drives its rollouts,
    /// and [keeps](Self::keep) it between them. Any number of workers may work on one journal, each in a process of its own or several in one. Its name
    /// ([`owner`](Self::owner)) is for people; in the journal something that no other has follows it.
    ///
    /// A worker says every third of its [lease](Self::lease) that it lives, in one record for all of its fleets. Who does not for the whole of it has lost
    /// them: others have watched its last sign by their own clocks, so no clocks need to agree. It sends nothing after nine tenths of it, whatever it was
    /// about to send; what was owed is judged anew by whoever takes over. A process that is frozen between that check and the socket, and thaws after both its
    /// lease and the time for which a request of its provider lives, is stopped by the provider alone; what it does then is seen, and set back.
    ///
    /// Of two versions of this library the older works no more once the newer does: what that writes it may not be able to read, and of a fleet that it has it
    /// lets nobody else have it.
    ///
    /// What a person must decide stands still until they have, and is then carried on. On `shutdown` nothing new is begun; what was sent is answered, for at most the
    /// [call timeout](Self::call_timeout); and the fleets are free for others at once. Dropped instead, it is as if the process had died.
    ///
    /// ```no_run
    /// # async fn worker(controller: immutable_core::Controller, shutdown: impl Future<Output = ()> + Send) -> immutable_core::Result<()> {
    /// controller.owner("worker-1").work(shutdown).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// None yet: what fails is tried again, and told to `tracing`.
    pub async fn work(&self, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
        // Nobody else is this worker, not even the same process once it has begun anew.
        let controller = self.clone().owner(named(&self.owner).as_str());
        let mut signs = Signs::new(&controller, self.lease);
        let (leaves, left) = watch::channel(false);
        let now = self.clock.now();
        let mut worker = Worker {
            controller,
            lease: signs.lease(),
            leaves: left,
            rivals: Arc::default(),
            fleets: BTreeMap::new(),
            hands: Vec::new(),
            tasks: FuturesUnordered::new(),
            list_at: Some(now),
        };
        {
            // It lives while it waits for what was sent, too, but begins nothing then.
            let mut lives = pin!(signs.go_on());
            {
                let (works, shutdown) = (pin!(worker.run()), pin!(shutdown));
                select(lives.as_mut(), select(works, shutdown)).await;
            }
            let _ = leaves.send(true);
            let until = self.clock.now() + self.call_timeout + Duration::from_secs(5);
            let ends = pin!(async { while worker.tasks.next().await.is_some() {} });
            select(lives, select(ends, self.clock.sleep_until(until))).await;
        }
        drop(worker);
        if let Err(error) = signs.leave().await {
            tracing::warn!(%error, "the fleets could not be handed over; others take them when the lease is over");
        }
        Ok(())
    }
}

/// What a worker does with a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hand {
    Drives,
    Looks,
}

/// A fleet that a worker knows of.
struct Known {
    /// While nobody has it in hand.
    keeper: Option<Keeper>,
    /// When it is to be seen to again.
    due: Timestamp,
    /// When the provider is to be asked again at the latest, of one in which nothing is amiss.
    look_at: Timestamp,
    /// Whether it had a rollout when it was read last.
    hand: Hand,
    /// The worker that had it then: as long as that lives it is read only after a rest.
    other: Option<OwnerId>,
    /// How often in a row that failed.
    failures: u32,
}

/// A fleet in hand.
struct InHand {
    fleet: FleetId,
    hand: Hand,
    /// Whether nothing moves for now: it is held up by nobody's answer, and holds up nobody.
    rests: Arc<AtomicBool>,
}

struct Worker {
    controller: Controller,
    lease: Lease,
    leaves: watch::Receiver<bool>,
    rivals: Arc<Rivals>,
    fleets: BTreeMap<FleetId, Known>,
    /// What is in hand.
    hands: Vec<InHand>,
    tasks: FuturesUnordered<BoxFuture<'static, Done>>,
    /// When the fleets are listed next; nothing while they are.
    list_at: Option<Timestamp>,
}

enum Done {
    Tended(Box<Tended>),
    Listed(Result<Vec<FleetId>>),
}

/// A fleet that was seen to.
struct Tended {
    keeper: Keeper,
    looked: bool,
    ended: Result<Next>,
}

/// When a fleet is to be seen to again.
enum Next {
    Now,
    Soon,
    /// It is read soon, and looked at only after a rest.
    Rests,
    /// Another worker has it.
    Others(OwnerId),
}

impl Worker {
    async fn run(&mut self) -> Infallible {
        loop {
            let clock = self.controller.clock.clone();
            let now = clock.now();
            if self.lease.term().holds(now) {
                if self.list_at.is_some_and(|at| now >= at) {
                    self.list_at = None;
                    let controller = self.controller.clone();
                    self.tasks.push(async move { Done::Listed(list(&controller).await) }.boxed());
                }
                self.begin();
            }
            // Not before the next fleet that is not in hand.
            let due = self.fleets.values().filter(|known| known.keeper.is_some()).map(|known| known.due);
            let next = due.chain(self.list_at).min().unwrap_or(now + MAX_VIEW_AGE).max(now + Duration::from_millis(100));
            let time = clock.sleep_until(next);
            if self.tasks.is_empty() {
                time.await;
                continue;
            }
            if let Either::Left((Some(done), _)) = select(self.tasks.next(), time).await {
                self.take(done);
                while let Some(Some(done)) = self.tasks.next().now_or_never() {
                    self.take(done);
                }
            }
        }
    }

    fn take(&mut self, done: Done) {
        match done {
            Done::Tended(tended) => self.took(*tended),
            Done::Listed(fleets) => {
                let now = self.controller.clock.now();
                self.list_at = Some(now + self.controller.poll);
                match fleets {
                    Ok(fleets) => fleets.into_iter().for_each(|fleet| self.knows(fleet, now)),
                    Err(error) => tracing::warn!(%error, "the fleets could not be listed"),
                }
            }
        }
    }

    fn knows(&mut self, fleet: FleetId, now: Timestamp) {
        if !self.fleets.contains_key(&fleet) {
            let keeper = Some(Keeper::new(&self.controller, &fleet));
            self.fleets.insert(fleet, Known { keeper, due: now, look_at: now, hand: Hand::Looks, other: None, failures: 0 });
        }
    }

    /// Takes in hand who is due, who has waited longest first, as many as may be.
    fn begin(&mut self) {
        let now = self.controller.clock.now();
        let mut due: Vec<_> = self.fleets.iter_mut().filter(|(_, known)| known.keeper.is_some() && known.due <= now).collect();
        if due.is_empty() {
            return;
        }
        due.sort_by_key(|(_, known)| known.due);
        let mut moving: BTreeMap<(Place, Hand), usize> = BTreeMap::new();
        for hand in self.hands.iter().filter(|hand| !hand.rests.load(Ordering::Relaxed)) {
            *moving.entry((hand.fleet.place().clone(), hand.hand)).or_default() += 1;
        }
        for (fleet, known) in due {
            let (hand, looks) = (known.hand, now >= known.look_at);
            let moving = moving.entry((fleet.place().clone(), hand)).or_default();
            if *moving >= self.controller.at_once {
                continue;
            }
            if let Some(keeper) = known.keeper.take() {
                *moving += 1;
                let rests = Arc::new(AtomicBool::new(false));
                self.hands.push(InHand { fleet: fleet.clone(), hand, rests: rests.clone() });
                let (lease, leaves) = (self.lease.term(), self.leaves.clone());
                let hire = Hire { lease, leaves, judged: StreamVersion(0), rests };
                let other = known.other.take().filter(|_| !looks);
                let tended = tend(keeper, hand, looks, other, self.rivals.clone(), hire);
                self.tasks.push(tended.map(|tended| Done::Tended(Box::new(tended))).boxed());
            }
        }
    }

    fn took(&mut self, tended: Tended) {
        let Tended { keeper, looked, ended } = tended;
        let (now, poll) = (self.controller.clock.now(), self.controller.poll);
        let fleet = keeper.fleet().clone();
        self.hands.retain(|other| other.fleet != fleet);
        let Some(known) = self.fleets.get_mut(&fleet) else { return };
        known.keeper = Some(keeper);
        known.failures = if ended.is_ok() { 0 } else { known.failures + 1 };
        match ended {
            Ok(Next::Now) => (known.due, known.look_at, known.hand) = (now, now, Hand::Drives),
            Ok(Next::Soon) => (known.due, known.look_at, known.hand) = (now + poll, now + poll, Hand::Looks),
            Ok(Next::Rests) => {
                (known.due, known.hand) = (now + poll, Hand::Looks);
                if looked {
                    known.look_at = now + REST.max(poll);
                }
            }
            Ok(Next::Others(other)) => {
                (known.due, known.hand, known.other) = (now + poll, Hand::Looks, Some(other));
                if looked {
                    known.look_at = now + REST.max(poll);
                }
            }
            // Somebody was faster.
            Err(error) if error.kind() == ErrorKind::Fenced => (known.due, known.failures) = (now + poll, 0),
            Err(error) => {
                let wait =
                    if error.retry() == Retry::Never { Duration::from_secs(300) } else { backoff(known.failures).max(poll) };
                tracing::warn!(%error, %fleet, "a fleet could not be looked after");
                (known.due, known.look_at, known.hand) = (now + wait, now, Hand::Looks);
            }
        }
    }
}

/// Sees to a fleet once: if nobody else has it, it is claimed, its rollout driven to its end, or looked at.
async fn tend(mut keeper: Keeper, hand: Hand, looks: bool, other: Option<OwnerId>, rivals: Arc<Rivals>, hire: Hire) -> Tended {
    let ended = match other {
        Some(other) if rivals.lives(keeper.controller(), &other).await.is_ok_and(|lives| lives) => Ok(Next::Others(other)),
        _ => tend_to(&mut keeper, hand, looks, &rivals, hire).await,
    };
    Tended { keeper, looked: looks, ended }
}

async fn tend_to(keeper: &mut Keeper, hand: Hand, looks: bool, rivals: &Rivals, hire: Hire) -> Result<Next> {
    let (controller, fleet) = (keeper.controller().clone(), keeper.fleet().clone());
    let mut loaded = controller.load(&fleet).await?;
    let state = &loaded.state;
    let runs = state.rollout().is_some();
    if !runs && (state.kept().is_none() || state.proven().is_none()) {
        return Ok(Next::Rests);
    }
    if controller.news.is_driven(&fleet) {
        return Ok(Next::Rests);
    }
    if !rivals.leave(&controller, &loaded).await? {
        return Ok(state.owner().cloned().map_or(Next::Rests, Next::Others));
    }
    // Another may have what this one lacks.
    if let Err(lacks) = able(&controller, state) {
        if state.owner() == Some(&controller.owner) {
            load::write(&controller, &loaded, Duration::ZERO, vec![Event::Released]).await?;
        }
        return Err(lacks);
    }
    if runs && asks(state) && !is_answered(&controller, state).await? {
        return Ok(Next::Rests);
    }
    // It waits until there is a hand for it.
    if runs && hand == Hand::Looks {
        return Ok(Next::Now);
    }
    // Nothing new is begun by who leaves.
    if *hire.leaves.borrow() {
        return Ok(Next::Rests);
    }
    if !runs {
        if !looks {
            return Ok(Next::Rests);
        }
        if state.owner() != Some(&controller.owner) {
            loaded = claim(&controller, &loaded).await?;
        }
    }
    let hire = Hire { judged: loaded.head, ..hire };
    Ok(match keeper.once(&loaded, Post::Worker(hire)).await? {
        Kept::Well => Next::Rests,
        Kept::Watched => Next::Soon,
        Kept::Ended => Next::Now,
        Kept::Asks(need) => {
            tracing::warn!(%fleet, %need, "a person must decide");
            // That may take days: until then nobody has it.
            let loaded = controller.load(&fleet).await?;
            if loaded.state.owner() == Some(&controller.owner) {
                load::write(&controller, &loaded, Duration::ZERO, vec![Event::Released]).await?;
            }
            Next::Soon
        }
    })
}

/// The fleets of the places that are served.
async fn list(controller: &Controller) -> Result<Vec<FleetId>> {
    let mut fleets = Vec::new();
    for place in controller.providers.keys() {
        let prefix = FleetId::new(place.clone(), "").stream();
        let mut after: Option<StreamId> = None;
        loop {
            let streams = controller.journal.list(prefix.as_str(), after.as_ref(), PAGE).await?;
            let names = streams.iter().filter_map(|stream| stream.as_str().strip_prefix(prefix.as_str()));
            fleets.extend(names.map(|name| FleetId::new(place.clone(), name)));
            match streams.last().filter(|_| streams.len() == PAGE) {
                Some(last) => after = Some(last.clone()),
                None => break,
            }
        }
    }
    Ok(fleets)
}

/// Whether a rollout waits for a person.
fn asks(state: &FleetState) -> bool {
    matches!(state.rollout().map(|running| &running.phase), Some(Phase::Held { why: Hold::Needs(_), .. }))
}

/// Whether there is something in a fleet's inbox.
async fn is_answered(controller: &Controller, state: &FleetState) -> Result<bool> {
    let inbox = state.fleet().inbox();
    Ok(!controller.journal.load(&inbox, After::Version(state.inbox_read())).await?.records.is_empty())
}

/// Claims a fleet in which no rollout runs: nothing of it is owed.
async fn claim(controller: &Controller, loaded: &LoadedState) -> Result<Arc<LoadedState>> {
    let echo_until = controller.clock.now().max(loaded.state.at());
    let claimed = Event::Claimed { owner: controller.owner.clone(), echo_until };
    load::write(controller, loaded, Duration::ZERO, vec![claimed]).await?.ok_or_else(|| fenced(loaded.state.fleet()))
}
