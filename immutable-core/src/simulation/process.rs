//! The process that drives a rollout, as seen from its sockets: every call it makes is numbered, and at some of them it dies.

use std::collections::BTreeSet;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;

use super::ledger::Ledger;
use super::mishaps::{Crash, Fate, Mishap, Moment};
use super::script::Script;
use crate::conformance::{self, Fault, Faulty};
use crate::error::Result;
use crate::fleet::{
    Destroyed, Ensured, Finding, FleetCapabilities, FleetId, GenerationId, GenerationSpec, GroupId, Observation, Op, Resize,
    Resized, Route, Routed, Ticket, TicketState, TrafficCapabilities, TrafficSeen, Upkeep,
};
use crate::id::{InstanceKey, NativeRef, PoolId, StreamId, StreamVersion, WriteId};
use crate::journal::{After, Append, Appended, Compact, Journal, Loaded};
use crate::provider::{FleetProvider, TrafficSwitch};
use crate::time::{Clock, Timestamp};

/// What happens to the calls of one rollout, over all the processes that drive it.
#[derive(Clone, Debug)]
pub(super) struct Board(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    calls: Vec<conformance::Call>,
    awaits: u32,
    /// Deaths that are still to come.
    deaths: Vec<Crash>,
    fates: Vec<Fate>,
    /// Of what, once it is dead.
    dead: Option<Crash>,
    waker: Option<Waker>,
}

impl Board {
    pub(super) fn new(script: &Script, rollout: usize) -> Self {
        let deaths = script.crashes.iter().filter(|crash| crash.rollout == rollout).copied();
        let fates = script.fates.iter().filter(|fate| fate.rollout == rollout).copied().collect();
        let deaths = deaths.collect();
        Self(Arc::new(Mutex::new(State { calls: Vec::new(), awaits: 0, deaths, fates, dead: None, waker: None })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a process run until it is done, or dead: then of what.
    pub(super) async fn live<T>(&self, process: impl Future<Output = T>) -> std::result::Result<T, Crash> {
        let mut process = pin!(process);
        poll_fn(|context| {
            // Who was killed by somebody else does nothing more.
            let alive = self.lock().dead.is_none();
            if let Some(Poll::Ready(done)) = alive.then(|| process.as_mut().poll(context)) {
                return Poll::Ready(Ok(done));
            }
            let mut state = self.lock();
            state.awaits += 1;
            let awaits = state.awaits;
            state.die(|at| at == Moment::Await(awaits));
            match state.dead {
                Some(crash) => Poll::Ready(Err(crash)),
                None => {
                    match &mut state.waker {
                        Some(waker) => waker.clone_from(context.waker()),
                        None => state.waker = Some(context.waker().clone()),
                    }
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Which calls were made, in order.
    pub(super) fn calls(&self) -> Vec<conformance::Call> {
        self.lock().calls.clone()
    }

    /// Whether everything that its script says of calls has happened to one.
    pub(super) fn is_spent(&self) -> bool {
        let state = self.lock();
        state.deaths.is_empty() && state.fates.is_empty()
    }

    /// Dies at the times that the script names.
    pub(super) async fn dies_in_time(&self, clock: &dyn Clock, opened: Timestamp) {
        loop {
            let next = self
                .lock()
                .deaths
                .iter()
                .filter_map(|crash| if let Moment::Seconds(at) = crash.at { Some(at) } else { None })
                .min();
            let Some(next) = next else { return pending().await };
            clock.sleep_until(opened + Duration::from_secs(next)).await;
            self.lock().die(|at| at == Moment::Seconds(next));
        }
    }

    /// Another process takes its place.
    pub(super) fn revive(&self) {
        self.lock().dead = None;
    }

    /// Makes a call, unless the process is dead, or dies of it.
    async fn pass<T>(&self, call: conformance::Call, script: impl FnOnce(Fault), send: impl Future<Output = T>) -> T {
        let call = {
            let mut state = self.lock();
            let number = u32::try_from(state.calls.len()).unwrap_or(u32::MAX).saturating_add(1);
            if state.dead.is_none() {
                state.calls.push(call);
                state.die(|at| at == Moment::Before(number));
            }
            let fate = state.fates.iter().position(|fate| fate.call == number && state.dead.is_none());
            let fate = fate.map(|at| state.fates.remove(at).what);
            state.dead.is_none().then_some((number, fate))
        };
        let Some((number, fate)) = call else { return pending().await };
        if let Some(mishap) = fate {
            script(match mishap {
                Mishap::LostRequest => Fault::LostRequest,
                Mishap::LostReply => Fault::LostReply,
                Mishap::Late(seconds) => Fault::Late(Duration::from_secs(seconds)),
                Mishap::Twice(seconds) => Fault::Doubled(Duration::from_secs(seconds)),
            });
        }
        let answer = send.await;
        let dead = {
            let mut state = self.lock();
            state.die(|at| at == Moment::After(number));
            state.dead.is_some()
        };
        if dead { pending().await } else { answer }
    }
}

impl State {
    fn die(&mut self, of: impl Fn(Moment) -> bool) {
        while let Some(at) = self.deaths.iter().position(|crash| of(crash.at)) {
            let crash = self.deaths.remove(at);
            // Who is dead does not die again.
            if self.dead.is_none() {
                self.dead = Some(crash);
                self.waker.take().into_iter().for_each(Waker::wake);
            }
        }
    }
}

/// The sockets of a process to a port.
#[derive(Clone)]
pub(super) struct Socket<P: ?Sized, W: ?Sized> {
    pub(super) board: Board,
    pub(super) ledger: Ledger,
    pub(super) clock: Arc<dyn Clock>,
    /// What is called.
    pub(super) port: Arc<P>,
    /// The wire below it.
    pub(super) wire: Faulty<W>,
}

impl<P: ?Sized, W: ?Sized> Socket<P, W> {
    async fn pass<T>(&self, call: conformance::Call, send: impl Future<Output = T>) -> T {
        let answer = self.board.pass(call, |fault| self.wire.next(call, fault), send).await;
        self.ledger.delivered();
        answer
    }
}

#[async_trait]
impl<P: FleetProvider + ?Sized, W: ?Sized + Send + Sync> FleetProvider for Socket<P, W> {
    fn capabilities(&self) -> &FleetCapabilities {
        self.port.capabilities()
    }

    async fn preflight(&self, spec: &GenerationSpec, most_live: u32) -> Result<Vec<Finding>> {
        self.pass(conformance::Call::Preflight, self.port.preflight(spec, most_live)).await
    }

    async fn inspect(&self, native: &NativeRef) -> Result<GenerationSpec> {
        self.pass(conformance::Call::Inspect, self.port.inspect(native)).await
    }

    async fn adopt(&self, op: &Op, native: &NativeRef, spec: &GenerationSpec) -> Result<()> {
        self.pass(conformance::Call::Adopt, self.port.adopt(op, native, spec)).await
    }

    async fn ensure_generation(&self, op: &Op, spec: &GenerationSpec) -> Result<Ensured> {
        self.pass(conformance::Call::EnsureGeneration, self.port.ensure_generation(op, spec)).await
    }

    async fn resize(&self, op: &Op, resize: &Resize) -> Result<Resized> {
        self.pass(conformance::Call::Resize, self.port.resize(op, resize)).await
    }

    async fn set_upkeep(&self, op: &Op, generation: GenerationId, upkeep: Upkeep) -> Result<()> {
        self.pass(conformance::Call::SetUpkeep, self.port.set_upkeep(op, generation, upkeep)).await
    }

    async fn destroy_generation(&self, op: &Op, generation: GenerationId) -> Result<Destroyed> {
        self.pass(conformance::Call::DestroyGeneration, self.port.destroy_generation(op, generation)).await
    }

    async fn follow(&self, ticket: &Ticket) -> Result<TicketState> {
        self.pass(conformance::Call::Follow, self.port.follow(ticket)).await
    }

    async fn observe(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation> {
        let asked = self.clock.now();
        let seen = self.pass(conformance::Call::Observe, self.port.observe(fleet, known)).await?;
        self.ledger.saw(&seen, asked);
        Ok(seen)
    }
}

#[async_trait]
impl<P: TrafficSwitch + ?Sized, W: ?Sized + Send + Sync> TrafficSwitch for Socket<P, W> {
    fn capabilities(&self) -> &TrafficCapabilities {
        self.port.capabilities()
    }

    async fn preflight(&self, pool: &PoolId) -> Result<Vec<Finding>> {
        self.pass(conformance::Call::PreflightPool, self.port.preflight(pool)).await
    }

    async fn route(&self, op: &Op, route: &Route) -> Result<Routed> {
        self.pass(conformance::Call::Route, self.port.route(op, route)).await
    }

    async fn drain(&self, op: &Op, pool: &PoolId, leaving: &BTreeSet<InstanceKey>) -> Result<()> {
        self.pass(conformance::Call::Drain, self.port.drain(op, pool, leaving)).await
    }

    async fn observe(&self, pool: &PoolId) -> Result<TrafficSeen> {
        let asked = self.clock.now();
        let seen = self.pass(conformance::Call::ObservePool, self.port.observe(pool)).await?;
        self.ledger.saw_pool(&seen, asked);
        Ok(seen)
    }
}

#[async_trait]
impl<P: Journal + ?Sized, W: ?Sized + Send + Sync> Journal for Socket<P, W> {
    async fn load(&self, stream: &StreamId, after: After) -> Result<Loaded> {
        self.pass(conformance::Call::Load, self.port.as_ref().load(stream, after)).await
    }

    async fn append(&self, append: Append) -> Result<Appended> {
        self.pass(conformance::Call::Append, self.port.as_ref().append(append)).await
    }

    async fn wrote(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        self.pass(conformance::Call::Wrote, self.port.as_ref().wrote(stream, write)).await
    }

    async fn compact(&self, compact: Compact) -> Result<()> {
        self.pass(conformance::Call::Compact, self.port.as_ref().compact(compact)).await
    }

    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        self.pass(conformance::Call::List, self.port.as_ref().list(prefix, after, limit)).await
    }
}
