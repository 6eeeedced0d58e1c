//! The processes that drive a rollout, one after the other, and the rollout that may take its place meanwhile.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, join3, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::mishaps::{Crash, Moment};
use super::play::Play;
use super::process::Board;
use super::stage::Stage;
use crate::artifact::Artifact;
use crate::controller::Controller;
use crate::error::Error;
use crate::fleet::Fleet;
use crate::rollout::{IllegalEvent, Outcome, Supersede};
use crate::time::{Clock, Timestamp};

/// How often a rollout may be taken up again, besides for the crashes of its script: also by a journal that refuses everything for an hour.
const LIVES: u32 = 500;

/// For how long those who are still frozen, or have woken up, are waited for when it has ended.
const LAST_SLEEPER: Duration = Duration::from_secs(600);

impl Play<'_> {
    /// Lets a rollout take the place of the one before it, at its time, if that runs by then.
    pub(super) async fn succeed(
        &self,
        stage: &Stage,
        rollout: usize,
        opened: Timestamp,
        before: usize,
        successor: &Mutex<Option<Artifact>>,
    ) {
        let wish = self.script.rollouts.get(rollout).and_then(|wish| Some((*wish, wish.after?)));
        if let Some((wish, after)) = wish {
            self.clock.sleep_until(opened + Duration::from_secs(after)).await;
            let running = self.ledger.scene(|scene| scene.runs() && scene.opened() == before + 1);
            if let (true, Ok(artifact)) = (running, self.release(rollout, wish.release)) {
                let strategy = self.strategy().supersede(Supersede::Replace);
                let begun = match self.person.plan(&self.fleet(wish.size), &artifact, strategy).await {
                    Ok(plan) => self.person.start(plan).await.map(drop),
                    Err(error) => Err(error),
                };
                self.ledger.script(self.now(), || match &begun {
                    Ok(()) => format!("{artifact} takes its place"),
                    Err(error) => format!("{artifact} does not take its place: {error}"),
                });
                if begun.is_ok() {
                    // What was to be done to the one is not done to the other.
                    stage.peace();
                    *successor.lock().unwrap_or_else(PoisonError::into_inner) = Some(artifact);
                }
            }
        }
        std::future::pending().await
    }

    /// Drives a rollout to its end, in one process after the other.
    pub(super) async fn lives(
        &self,
        board: &Board,
        stage: &Stage,
        fleet: &Fleet,
        artifact: &Artifact,
        mut before: usize,
    ) -> Result<Outcome, String> {
        let lives = LIVES + u32::try_from(self.script.crashes.len()).unwrap_or(0);
        let mut last = String::new();
        // Frozen processes, which wake up and carry on as if nothing had happened.
        let mut sleepers = FuturesUnordered::new();
        for life in 0..lives {
            let controller = self.controller(board, life);
            if life == 0 {
                // It drove the rollout before this one too; whoever takes its place reads all of the journal.
                self.ledger.tell(&controller);
            }
            let mut process = Box::pin(async move { self.drive(&controller, fleet, artifact, before).await });
            match awake(&mut sleepers, board.live(process.as_mut())).await {
                Err(Crash { down, sleeps, at, .. }) => {
                    let freezes = sleeps.filter(|_| matches!(at, Moment::Await(_) | Moment::Seconds(_)));
                    let how = if freezes.is_some() { "is frozen" } else { "dies" };
                    self.ledger.script(self.now(), || format!("the process {how}; nobody drives for {down} s"));
                    if let Some(seconds) = freezes {
                        let thaws = self.clock.sleep_until(self.now() + Duration::from_secs(seconds.max(down + 1)));
                        sleepers.push(async move {
                            thaws.await;
                            self.ledger.script(self.now(), || "the frozen process wakes up".to_owned());
                            process.await
                        });
                    }
                    awake(&mut sleepers, self.pass(Duration::from_secs(down))).await;
                    board.revive();
                }
                Ok(Ok(outcome)) => match stage.answer_at().filter(|_| matches!(outcome, Outcome::Needs(_))) {
                    Some(at) => awake(&mut sleepers, self.pass((at + Duration::from_secs(1)).since(self.now()))).await,
                    None => {
                        // Whoever wakes up later finds out that it is over; whoever lost a call to the journal waits for ever.
                        let mut ends = pin!(async { while sleepers.next().await.is_some() {} });
                        select(ends.as_mut(), self.clock.sleep_until(self.now() + LAST_SLEEPER)).await;
                        // It was answered at the very moment at which it was asked, or while they were waited for.
                        if matches!(outcome, Outcome::Needs(_)) && self.ledger.scene(|scene| scene.is_answered()) {
                            self.pass(Duration::from_secs(1)).await;
                            continue;
                        }
                        let opened = self.ledger.scene(|scene| scene.opened());
                        if opened <= before + 1 || matches!(outcome, Outcome::Superseded { .. }) {
                            return Ok(outcome);
                        }
                        // Another has taken its place while they were waited for; or whoever froze before it had begun the rollout has begun it once
                        // more, in a fleet that is as it was: then how that ends counts.
                        if !matches!(outcome, Outcome::Needs(_)) {
                            before = opened - 1;
                        }
                    }
                },
                Ok(Err(error)) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                    last = format!("{error} {source}");
                    self.ledger.script(self.now(), || format!("the process gives up: {last}"));
                    // Whoever takes its place decides the same.
                    if std::error::Error::source(&error).is_some_and(|source| source.is::<IllegalEvent>()) {
                        self.ledger.scene(|scene| scene.broken("legal", self.now(), last.clone()));
                        return Err(last);
                    }
                    if self.is_refused(artifact, before) {
                        return Err(last);
                    }
                    self.pass(Duration::from_secs(10)).await;
                }
            }
        }
        Err(format!("after {lives} processes: {last}"))
    }

    /// Whether no rollout to this, after so many, can be begun: it was revoked; or the fleet follows somebody, who need not ask whether it could be
    /// replaced at the size that they say.
    pub(super) fn is_refused(&self, artifact: &Artifact, before: usize) -> bool {
        let (revoked, opened) = self.ledger.scene(|scene| (scene.is_revoked(artifact.digest()), scene.opened()));
        let said = || self.script.can_be_planned(self.says.load(Ordering::Relaxed));
        opened == before && (revoked || (self.script.fleet.follows && said().is_err()))
    }

    /// Time passes while nobody drives; what is on its way arrives.
    pub(super) async fn pass(&self, time: Duration) {
        let arrivals = async {
            join3(self.provider.settle(), self.switch.settle(), self.journal.settle()).await;
            std::future::pending::<()>().await;
        };
        select(self.clock.sleep_until(self.now() + time), pin!(arrivals)).await;
    }

    /// What one process does: it takes up the rollout, or begins it.
    async fn drive(&self, controller: &Controller, fleet: &Fleet, artifact: &Artifact, before: usize) -> Result<Outcome, Error> {
        if self.ledger.scene(|scene| scene.opened()) == before {
            let plan = controller.plan(fleet, artifact, self.strategy()).await?;
            return controller.start(plan).await?.drive().await;
        }
        match controller.rollout(&self.fleet).await? {
            // Another has taken its place.
            _ if self.ledger.scene(|scene| scene.opened()) > before + 1 => {
                self.ledger.scene(|scene| scene.last().cloned()).ok_or_else(|| Error::invalid("it has not ended"))
            }
            Some(rollout) => rollout.drive().await,
            // It had just ended.
            None => {
                self.ledger.scene(|scene| scene.last().cloned()).ok_or_else(|| Error::invalid("it neither runs nor has ended"))
            }
        }
    }
}

/// Waits for something while those who were frozen do what they do once they wake up.
async fn awake<T>(sleepers: &mut FuturesUnordered<impl Future>, done: impl Future<Output = T>) -> T {
    let mut done = pin!(done);
    loop {
        if sleepers.is_empty() {
            return done.await;
        }
        match select(done.as_mut(), sleepers.next()).await {
            Either::Left((done, _)) => return done,
            Either::Right(_) => {}
        }
    }
}
