//! One rollout, driven: look, decide, append, act, until it ends.

mod looked;
mod post;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{AbortHandle, BoxFuture, Either, FutureExt, abortable, select};
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use tokio::sync::watch;
use tracing::Instrument as _;

pub(super) use post::{Hire, Post};

use super::able::able;
use super::execute::execute;
use super::lease::{self, ALONE, Lease};
use super::load::LoadedState;
use super::look::{Look, look};
use super::{Controller, judges, load};
use crate::analysis::Judgement;
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::{Coverage, FleetId, GroupId, GroupSeen, GroupState, Life};
use crate::id::{Actor, OpId, RolloutId, StreamVersion};
use crate::journal::{Append, Appended, Record};
use crate::provider::Provider;
use crate::rollout::{
    Answer, Call, Command, CommandId, Ending, Event, Facts, FleetState, Hold, MAX_VIEW_AGE, OpResult, Outcome, Phase, Recorded,
    Seen, StepState, backoff, command, settle,
};
use crate::time::Timestamp;

/// How soon after an answer the next look is taken: answers that come together are looked at together.
const AFTER_AN_ANSWER: Duration = Duration::from_secs(1);

/// How many phases may follow on one another on one view; more is a bug in the rules.
const PHASES_A_LOOK: usize = 16;

/// Drives a rollout to its end; nothing of that if its worker leaves before.
pub(super) async fn drive(controller: &Controller, fleet: &FleetId, rollout: RolloutId, post: Post) -> Result<Option<Outcome>> {
    let span = tracing::info_span!("rollout", %fleet, %rollout);
    drive_on(controller, fleet, rollout, post).instrument(span).await
}

async fn drive_on(controller: &Controller, fleet: &FleetId, rollout: RolloutId, post: Post) -> Result<Option<Outcome>> {
    let provider = controller.provider(fleet.place())?;
    let LoadedState { state, head, snapshot } = LoadedState::clone(&*controller.load(fleet).await?);
    let now = controller.clock.now().max(state.at());
    let ahead = now.since(controller.clock.now());
    let wrote = Lease::default();
    let (lease, leaves, rests) = match post {
        Post::Alone => (wrote.clone(), None, Arc::default()),
        Post::Worker(hire) if hire.judged != head => return Err(fenced(fleet)),
        Post::Worker(Hire { lease, leaves, rests, .. }) => (lease, Some(leaves), rests),
    };
    let mut driver = Driver {
        controller: controller.clone(),
        ahead,
        lease,
        wrote,
        leaves,
        rests,
        provider,
        rollout,
        state,
        head,
        snapshot,
        pending: Vec::new(),
        calls: FuturesUnordered::new(),
        in_flight: BTreeSet::new(),
        tries: BTreeMap::new(),
        earlier: BTreeMap::new(),
        viewed: BTreeMap::new(),
        claimed_at: now,
        pool_viewed: now,
        facts: None,
        look_at: now,
        looking: false,
        looked: false,
        answered: BTreeSet::new(),
        routed: false,
        failed_looks: 0,
        answer: None,
        gate: None,
        judging: None,
        judge_at: now,
    };
    if let Some(outcome) = driver.over()? {
        return Ok(Some(outcome));
    }
    able(controller, &driver.state)?;
    let ended = match driver.claim().await {
        Ok(()) => driver.run().await,
        Err(error) => Err(error),
    };
    match ended {
        Err(error) if error.kind() == ErrorKind::Fenced => replaced(controller, fleet, rollout).await.map(Some).ok_or(error),
        ended => ended,
    }
}

pub(super) fn fenced(fleet: &FleetId) -> Error {
    Error::new(ErrorKind::Fenced, format!("another controller has claimed fleet {fleet}; it goes on from there"))
}

/// How a rollout ended that another has taken the place of.
async fn replaced(controller: &Controller, fleet: &FleetId, rollout: RolloutId) -> Option<Outcome> {
    let loaded = controller.load(fleet).await.ok()?;
    let (ended, outcome) = loaded.state.last()?;
    (*ended == rollout && matches!(outcome, Outcome::Superseded { .. })).then(|| outcome.clone())
}

struct Driver {
    controller: Controller,
    /// By how much whoever wrote last was ahead of this clock. The fleet's time goes on from there as fast as this one's: nothing stands still until that has
    /// caught up. What is asked of others, and waited for, is by this clock.
    ahead: Duration,
    /// Until when calls may be sent.
    lease: Lease,
    /// The same by its appends: who takes over waits for this long after the last. Whoever drives alone has no other lease.
    wrote: Lease,
    /// Of a worker: whether it leaves.
    leaves: Option<watch::Receiver<bool>>,
    /// Tells its worker whether anything moves.
    rests: Arc<AtomicBool>,
    provider: Provider,
    rollout: RolloutId,
    state: FleetState,
    head: StreamVersion,
    snapshot: StreamVersion,
    /// Applied to the state, and not yet appended. Nothing is sent before it is.
    pending: Vec<Recorded>,
    /// Calls and looks under way. They are owned here, so that a slow one blocks nothing else.
    calls: FuturesUnordered<BoxFuture<'static, Done>>,
    in_flight: BTreeSet<OpId>,
    /// Of calls whose result is unknown: how often they were sent, and when again.
    tries: BTreeMap<OpId, (u32, Timestamp)>,
    /// How many there were at the most in each group's last whole view, and its size.
    earlier: BTreeMap<GroupId, (u32, u32)>,
    /// When it was claimed: what was seen before counts for nothing.
    claimed_at: Timestamp,
    /// The newest view of each group, and its time; and the time of the pool's.
    viewed: BTreeMap<GroupId, (Timestamp, Option<GroupSeen>)>,
    pool_viewed: Timestamp,
    facts: Option<Facts>,
    look_at: Timestamp,
    looking: bool,
    looked: bool,
    /// Groups whose calls were answered while a look was under way: that look may not show it.
    answered: BTreeSet<GroupId>,
    /// Whether a call about the pool was.
    routed: bool,
    failed_looks: u32,
    /// The gate that is waited for, if a judge opens it; what that said last, and when it is asked again.
    gate: Option<judges::Gate>,
    answer: Option<Answer>,
    judge_at: Timestamp,
    /// Drops the question that is under way.
    judging: Option<AbortHandle>,
}

enum Done {
    Called(OpId, Option<OpResult>),
    Looked(Timestamp, Box<Look>),
    /// Of a gate, asked then; nothing of a question that was dropped.
    Judged(judges::Gate, Timestamp, Option<Result<Judgement>>),
}

impl Driver {
    async fn run(mut self) -> Result<Option<Outcome>> {
        let commands = self.controller.news.commands(self.state.fleet());
        let asked = stream::unfold(commands, |mut commands| async move {
            commands.changed().await.ok()?;
            Some(((), commands))
        });
        let leaves = stream::unfold(self.leaves.clone(), |mut leaves| async move {
            leaves.as_mut()?.changed().await.ok()?;
            Some(((), leaves))
        });
        let mut asked = pin!(stream::select(asked, leaves));
        loop {
            self.rests.store(self.is_at_rest(), Ordering::Relaxed);
            if let Some(outcome) = self.over()? {
                // A snapshot only saves time: without it the next to read folds more records.
                let Self { controller, state, head, snapshot, .. } = self;
                let now = LoadedState { state, head, snapshot };
                if let Err(error) = load::snapshot(&controller.journal, &controller.known, now).await {
                    tracing::debug!(%error, "no snapshot was stored");
                }
                return Ok(Some(outcome));
            }
            let may_send = self.controller.may_send;
            if self.lease.is_lost() && !may_send(&self.lease, self.controller.clock.now()) {
                return Err(self.fenced());
            }
            if self.is_leaving() {
                // What is under way is answered, and what is answered is written.
                if self.in_flight.is_empty() {
                    return Ok(None);
                }
            } else {
                self.send();
                if !self.looking && self.now() >= self.look_at {
                    self.look();
                }
                self.judge()?;
            }
            let time = self.controller.clock.sleep_until(self.wake_at() - self.ahead);
            let wake = select(time, asked.next());
            let woken = if self.calls.is_empty() {
                Either::Right(wake.await)
            } else {
                match select(self.calls.next(), wake).await {
                    Either::Left((done, _)) => Either::Left(done),
                    Either::Right((woken, _)) => Either::Right(woken),
                }
            };
            let first = match woken {
                Either::Left(done) => done,
                Either::Right(Either::Left(_)) => continue,
                Either::Right(Either::Right(_)) => {
                    if self.controller.news.head(self.state.fleet()) > self.head {
                        return Err(self.fenced());
                    }
                    // What was asked from here is heard at once.
                    self.look_at = self.now();
                    continue;
                }
            };
            // What is done by now goes into one append.
            let mut done = first;
            while let Some(next) = done {
                self.take(next)?;
                done = self.calls.next().now_or_never().flatten();
            }
            self.commit().await?;
        }
    }

    /// The fleet's time.
    fn now(&self) -> Timestamp {
        (self.controller.clock.now() + self.ahead).max(self.state.at())
    }

    /// Whether nothing moves before a time passes, or somebody says something.
    fn is_at_rest(&self) -> bool {
        let phase = self.state.rollout().map(|rollout| &rollout.phase);
        let waits = match phase {
            Some(Phase::Held { .. } | Phase::Finishing { ending: Ending::Keep, .. }) => true,
            Some(Phase::Stepping { at, .. } | Phase::Reverting { at, .. }) => matches!(at, StepState::Gating { .. }),
            _ => false,
        };
        waits && self.state.owed().next().is_none()
    }

    fn is_leaving(&self) -> bool {
        self.leaves.as_ref().is_some_and(|leaves| *leaves.borrow())
    }

    /// Whether there is nothing left to drive.
    fn over(&self) -> Result<Option<Outcome>> {
        match (self.state.rollout(), self.state.last()) {
            (Some(running), _) if running.id == self.rollout => match &running.phase {
                Phase::Held { why: Hold::Needs(need), .. } if self.in_flight.is_empty() => {
                    // An answer may lie in the inbox: before it asks it has looked.
                    Ok(self.looked.then(|| Outcome::Needs(need.clone())))
                }
                _ => Ok(None),
            },
            (_, Some((id, outcome))) if *id == self.rollout => Ok(Some(outcome.clone())),
            _ => Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "rollout {} of fleet {} is not the one that runs, nor the last; read its end from the history",
                    self.rollout,
                    self.state.fleet()
                ),
            )),
        }
    }

    async fn claim(&mut self) -> Result<()> {
        let now = self.now();
        let traffic = self.provider.traffic.as_ref().map_or(Duration::ZERO, |traffic| traffic.capabilities().request_lifetime);
        // A worker has waited for it.
        let left = match &self.leaves {
            Some(_) => Duration::ZERO,
            None => lease::left_of(&self.controller, &self.state, now).await?,
        };
        let lifetime = self.provider.fleets.capabilities().request_lifetime.max(traffic);
        self.apply([lease::claimed(&self.controller.owner, now, left, lifetime)])?;
        self.commit().await
    }

    /// Sends what is owed, was decided on a view that still holds, and is not under way.
    fn send(&mut self) {
        // While a person is asked nothing is sent: what is owed stays owed. A pause stops no promise.
        if matches!(self.state.rollout().map(|rollout| &rollout.phase), Some(Phase::Held { why: Hold::Needs(_), .. })) {
            return;
        }
        let now = self.now();
        let may_send = self.controller.may_send;
        let (lease, wrote) = (self.lease.clone(), self.wrote.clone());
        let may_send = move |now| may_send(&lease, now) && may_send(&wrote, now);
        if !may_send(self.controller.clock.now()) {
            return;
        }
        let follow = self.controller.poll;
        for (id, owed) in self.state.owed() {
            let waits = self.tries.get(&id).is_some_and(|(_, until)| now < *until);
            let old = now.since(owed.basis) >= MAX_VIEW_AGE && owed.ticket.is_none();
            if waits || old || self.in_flight.contains(&id) {
                continue;
            }
            self.in_flight.insert(id);
            let Controller { clock, call_timeout, .. } = &self.controller;
            let (clock, ticket) = (clock.clone(), owed.ticket.clone());
            let again = ticket.is_some().then(|| clock.now() + follow.min(AFTER_AN_ANSWER));
            let (may_send, op) = (may_send.clone(), self.state.op(id));
            let call = execute(self.provider.clone(), clock.clone(), *call_timeout, may_send, op, owed.call.clone(), ticket);
            self.calls.push(
                async move {
                    if let Some(again) = again {
                        clock.sleep_until(again).await;
                    }
                    Done::Called(id, call.await)
                }
                .boxed(),
            );
        }
    }

    fn look(&mut self) {
        self.looking = true;
        self.answered.clear();
        self.routed = false;
        let asked = self.now();
        let look = look(&self.controller, &self.provider, &self.state, self.facts.as_ref(), asked);
        self.calls.push(look.map(move |look| Done::Looked(asked, Box::new(look))).boxed());
    }

    /// Asks the judge of the gate that is waited for, if it is time to.
    fn judge(&mut self) -> Result<()> {
        let (now, gate) = (self.now(), judges::gate(&self.state));
        if gate != self.gate {
            // Whoever has not answered yet was asked about something else.
            if let Some(question) = self.judging.take() {
                question.abort();
            }
            (self.gate, self.answer, self.judge_at) = (gate, None, judges::first(&self.state, gate, now));
        }
        let Some(gate) = gate.filter(|_| self.may_ask() && now >= self.judge_at) else {
            return Ok(());
        };
        let Some(question) = judges::question(&self.state, self.controller.poll, now) else {
            return Ok(());
        };
        let judge = self.controller.named(&question.judge)?.clone();
        self.judge_at = question.next;
        let (asked, drop) = abortable(judges::ask(question.by(self.ahead), judge, self.controller.clock.clone()));
        self.judging = Some(drop);
        self.calls.push(async move { Done::Judged(gate, now, asked.await.ok()) }.boxed());
        Ok(())
    }

    /// Whether no question is under way, and no answer is still to be looked at.
    fn may_ask(&self) -> bool {
        let heard = self.state.rollout().and_then(|rollout| rollout.gate.judged.as_ref()).map(|(asked, _)| *asked);
        self.judging.is_none() && self.answer.as_ref().is_none_or(|answer| heard >= Some(answer.asked))
    }

    fn take(&mut self, done: Done) -> Result<()> {
        match done {
            Done::Called(op, result) => {
                self.in_flight.remove(&op);
                let Some(result) = result else {
                    return Ok(()); // accepted, and still going on
                };
                let now = self.now();
                if let Some((_, owed)) = self.state.owed().find(|(id, _)| *id == op) {
                    let about = self.state.known_groups().into_iter().filter(|group| {
                        let whole = owed.call.group().is_none_or(|other| other == *group);
                        owed.call.generation() == Some(group.generation) && whole
                    });
                    self.answered.extend(about);
                    self.routed |= matches!(owed.call, Call::Route(_) | Call::Drain { .. });
                }
                self.look_at = self.look_at.min(now + AFTER_AN_ANSWER.min(self.controller.poll));
                let events = settle(&self.state, op, result.later(self.ahead), now);
                self.apply(events)?;
                // What is still owed is sent again, or followed.
                match self.state.owed().find(|(id, _)| *id == op) {
                    Some((_, owed)) if owed.ticket.is_none() => {
                        let (tries, again) = self.tries.entry(op).or_insert((0, now));
                        *tries += 1;
                        *again = now + backoff(*tries);
                    }
                    _ => {
                        self.tries.remove(&op);
                    }
                }
                Ok(())
            }
            Done::Judged(gate, asked, judgement) => {
                let Some(judgement) = judgement.filter(|_| self.gate == Some(gate)) else {
                    return Ok(());
                };
                self.judging = None;
                match judgement {
                    Ok(judgement) => {
                        self.answer = Some(Answer { step: gate.step, asked, judgement });
                        self.look_at = self.look_at.min(self.now());
                    }
                    Err(error) => tracing::debug!(%error, fleet = %self.state.fleet(), "a judge failed"),
                }
                Ok(())
            }
            Done::Looked(asked, look) => {
                self.looking = false;
                self.looked |= look.inbox.is_ok();
                self.decide(asked, *look)
            }
        }
    }

    fn apply(&mut self, events: impl IntoIterator<Item = Event>) -> Result<()> {
        for event in events {
            let claims = matches!(event, Event::Claimed { .. });
            let epoch = crate::id::Epoch(self.state.epoch().0 + u64::from(claims));
            let recorded = Recorded { v: Recorded::FORMAT, at: self.now(), epoch, event };
            self.state.evolve(&recorded).map_err(|illegal| {
                Error::new(ErrorKind::Internal, "the engine decided what cannot follow; please report this").with_source(illegal)
            })?;
            self.pending.push(recorded);
        }
        Ok(())
    }

    /// Appends what was applied. Nothing of it is sent before that.
    async fn commit(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let records = self.pending.iter().map(load::encode).collect::<Result<Vec<Record>>>()?;
        let stream = self.state.fleet().stream();
        let write = load::write_id(&self.controller.owner, &stream, self.head, &records);
        let append = Append { stream, expected: self.head, write, records };
        // From when it was decided: by that others tell until when this one may send.
        let began = self.pending.first().map_or(self.now(), |first| first.at) - self.ahead;
        match load::append(&self.controller.journal, &*self.controller.clock, append).await? {
            Appended::Done(head) => {
                self.wrote.lasts(began + ALONE);
                self.head = head;
                self.pending.clear();
                self.controller.news.post(self.state.fleet(), head);
                Ok(())
            }
            Appended::Conflict(_) => Err(self.fenced()),
        }
    }

    fn fenced(&self) -> Error {
        fenced(self.state.fleet())
    }

    /// When there is something to do besides taking answers.
    fn wake_at(&self) -> Timestamp {
        let far = self.now() + MAX_VIEW_AGE;
        if self.is_leaving() {
            return far;
        }
        let look = if self.looking { far } else { self.look_at };
        let asks = self.may_ask() && judges::gate(&self.state).is_some();
        let look = if asks { look.min(self.judge_at) } else { look };
        let retry = self.state.owed().filter(|(id, _)| !self.in_flight.contains(id));
        let retry =
            retry.filter_map(|(id, _)| self.tries.get(&id).map(|(_, until)| *until)).filter(|until| *until > self.now()).min();
        retry.map_or(look, |retry| retry.min(look))
    }
}
