//! After the last rollout the fleet is kept: whatever is done to it, in the end it is what was proven, at its size, and nothing moves any more.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::expect::{Expected, label};
use super::mishaps::Crash;
use super::oracle::Breach;
use super::play::Play;
use super::process::Board;
use super::script::Release;
use super::stage::{Acts, Stage};
use crate::artifact::Artifact;
use crate::rollout::{IllegalEvent, Outcome};
use crate::time::Clock as _;

/// How a time ended in which a fleet was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// As it should be.
    Whole,
    /// Somebody is asked.
    Asks,
}

/// How long everything must stay as it is.
const REST: Duration = Duration::from_secs(300);

/// How many rollouts it may take to set one thing right.
const AGAIN: usize = 4;

impl Play<'_> {
    /// Keeps the fleet for as long as the script says, if it does and the last rollout left it whole, and until all is as it should be.
    pub(super) fn keep(&mut self, last: &Outcome) -> Result<Option<Kept>, Breach> {
        let (Some(kept), Outcome::Succeeded | Outcome::RolledBack) = (self.script.kept, last) else { return Ok(None) };
        let revoked = |proven: &&Artifact| self.ledger.scene(|scene| scene.is_revoked(proven.digest()));
        let Some(proven) = self.proven.clone().filter(|proven| !revoked(&proven)) else { return Ok(None) };
        if !self.ledger.state(|state| state.kept().map(|_| true)).unwrap_or(false) {
            return Ok(None);
        }
        let rollout = self.script.rollouts.len();
        let script = self.script.keeping(self.desired());
        let expected = Expected { script: &script, rollout, patience: self.patience, baseline: true, release: Release::Again };
        let stage = self.stage(rollout, proven.clone(), Acts::default());
        let (board, began) = (Board::new(&script, rollout), self.now());
        let before = self.ledger.scene(|scene| scene.opened());
        // What is set right stays right until something else is wrong.
        let troubles = expected.troubles().count();
        let most = AGAIN * (1 + troubles);
        let calm = began + expected.calm_after().max(Duration::from_secs(kept));
        let ended = self.clock.clone().run(async {
            let keepers = pin!(self.keepers(&board, &stage));
            let world = pin!(stage.perform());
            let death = pin!(board.dies_in_time(&self.clock, began));
            let whole = pin!(async {
                let latest = calm + expected.within();
                let waits = || self.now() < calm || (self.now() < latest && self.lacks(&proven).is_some());
                while waits() && self.begun_since(before) <= most {
                    self.clock.sleep_until(self.now() + Duration::from_secs(30)).await;
                }
                self.clock.sleep_until(self.now() + REST).await;
            });
            match select(select(keepers, select(world, death)), whole).await {
                Either::Left((Either::Left((ended, _)), _)) => Some(ended),
                _ => None,
            }
        });
        stage.peace();
        if let Some(breach) = self.ledger.breach() {
            return Err(breach);
        }
        let begun = self.begun_since(before);
        if begun > most {
            return Err(self.breach("work", format!("{begun} rollouts for {troubles} troubles while it is kept; at most {most}")));
        }
        match ended {
            Some(Err(why)) => Err(self.breach("convergence", format!("the fleet is kept no longer: {why}"))),
            Some(Ok(asks)) => {
                let allowed = expected.outcomes();
                if allowed.contains(label(&asks)) {
                    return Ok(Some(Kept::Asks));
                }
                Err(self.breach("outcome", format!("who keeps it asks: {asks}; its script allows {allowed:?}")))
            }
            None => match self.lacks(&proven) {
                None => Ok(Some(Kept::Whole)),
                Some(lacks) => Err(self.breach("convergence", format!("it is kept, and {lacks}; {}", self.stuck(&proven)))),
            },
        }
    }

    /// How many rollouts were begun, since there were so many.
    fn begun_since(&self, before: usize) -> usize {
        self.ledger.scene(|scene| scene.opened()) - before
    }

    fn desired(&self) -> u32 {
        let says = self.script.fleet.follows.then(|| self.says.load(Ordering::Relaxed));
        says.or_else(|| self.ledger.state(|state| Some(state.desired()))).unwrap_or(0)
    }

    /// What is not as it should be, by the truth.
    fn lacks(&self, proven: &Artifact) -> Option<String> {
        let (desired, end) = (self.desired(), self.end());
        let all = usize::try_from(desired).unwrap_or(usize::MAX);
        let serve = self.cloud.running().get(&proven.digest()).copied().unwrap_or(0);
        let there = self.cloud.instances(&self.fleet).len();
        let runs = self.ledger.state(|state| state.rollout().map(|running| running.id));
        if let Some(id) = runs {
            return Some(format!("rollout {id} runs"));
        }
        let part = end.traffic.get(&proven.digest()).copied().unwrap_or(0);
        let traffic = self.pool.is_none() || desired == 0 || part == 1000;
        let is_so = serve == all && there == all && end.size == desired && traffic;
        (!is_so)
            .then(|| format!("{serve} of {desired} serve, {there} are there, sizes are {}, {part} of 1000 requests", end.size))
    }

    /// Keeps it, by as many processes as it takes, until somebody is asked.
    async fn keepers(&self, board: &Board, stage: &Stage) -> Result<Outcome, String> {
        for life in 0.. {
            let controller = self.controller(board, life);
            match board.live(controller.keep(&self.fleet)).await {
                Err(Crash { down, .. }) => {
                    self.ledger.script(self.now(), || format!("the process dies; nobody keeps it for {down} s"));
                    self.pass(Duration::from_secs(down)).await;
                    board.revive();
                }
                Ok(Ok(need)) => match stage.answer_at() {
                    Some(at) => self.pass((at + Duration::from_secs(1)).since(self.now())).await,
                    None => return Ok(Outcome::Needs(need)),
                },
                Ok(Err(error)) => {
                    if std::error::Error::source(&error).is_some_and(|source| source.is::<IllegalEvent>()) {
                        return Err(error.to_string());
                    }
                    self.ledger.script(self.now(), || format!("the process gives up: {error}"));
                    self.pass(Duration::from_secs(10)).await;
                }
            }
        }
        Err("nobody is left".to_owned())
    }
}
