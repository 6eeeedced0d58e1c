//! Whole rollouts in a closed loop, in virtual time, from one seed each, judged by what really happened.
//!
//! A [`Simulation`] puts a [controller](crate::Controller), a [`MemoryCloud`](crate::MemoryCloud) and a journal together, and lets everything go wrong that a seed
//! says: machines die, capacity runs out, health goes dark or lies, people interfere; calls fail, are lost, come late or twice, views are
//! stale or partial; the process dies at any call, and is away for hours. Oracles know the truth of every moment. They judge each call of
//! ours when it takes effect, and allow for nothing but what others did since the look it was decided on. In the end the rollout must have come to an outcome that
//! its [`Script`] allows, within a time computed from it, and nothing may move any more.
//!
//! ```
//! use immutable_core::simulation::Simulation;
//!
//! let simulation = Simulation::new().instances(1..=4);
//! for seed in 0..20 {
//!     if let Err(failure) = simulation.seed(seed) {
//!         panic!("{}", simulation.shrink(failure));
//!     }
//! }
//! ```
//!
//! # Your own strategy, your own provider
//!
//! A [strategy](Simulation::strategy) takes the place of the drawn ones. A [provider](Simulation::provider) that stands in front of another, to cache, to limit
//! or to translate, is put between the controller and the broken wire to the cloud, and must not break a promise either.
//!
//! # When a seed fails
//!
//! [`Failure`] prints the line that plays it again, its script as one line of JSON, and the story: what the controller saw and decided, what happened,
//! and which oracle spoke. [`Simulation::shrink`] first makes the script as short as it can and still break the same promise.

mod draw;
mod expect;
mod failure;
#[cfg(test)]
mod golden;
mod judge;
mod kept;
mod ledger;
mod lives;
mod mishaps;
mod oracle;
mod play;
mod process;
mod rest;
#[cfg(test)]
mod scenarios;
mod script;
mod shrink;
mod stage;
mod sweep;
#[cfg(test)]
mod weakened;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::controller::{Decide, Lease, MaySend};
use crate::journal::Journal;
use crate::provider::FleetProvider;
use crate::rollout::Strategy;

pub use expect::Patience;
pub use failure::Failure;
pub use ledger::{Line, Who, Work};
pub use mishaps::{Crash, Fate, Mishap, Moment, Wire};
pub use oracle::Breach;
pub use play::{End, Played};
pub use script::{Cloud, Disturbance, Divides, FleetTerms, Judging, Pool, Release, Script, Trouble, Wish};
pub use sweep::Swept;

use draw::Given;
use play::{Broken, Play};

type Around<P> = Arc<dyn Fn(Arc<P>) -> Arc<P> + Send + Sync>;

/// What is simulated: which fleets, strategies and providers. See the [module](self).
#[derive(Clone)]
#[must_use]
pub struct Simulation {
    given: Given,
    provider: Around<dyn FleetProvider>,
    journal: fn(Arc<dyn Journal>) -> Arc<dyn Journal>,
    decide: Decide,
    may_send: MaySend,
}

impl Simulation {
    /// Fleets of up to 8 instances, strategies drawn from the seed.
    pub fn new() -> Self {
        Self {
            given: Given { instances: 0..=8, strategy: None, always: &[] },
            provider: Arc::new(|provider| provider),
            journal: |journal| journal,
            decide: crate::rollout::decide,
            may_send: Lease::holds,
        }
    }

    /// How many instances its fleets have.
    pub fn instances(mut self, instances: RangeInclusive<u32>) -> Self {
        self.given.instances = instances;
        self
    }

    /// Replaces every fleet in this way. Where a fleet of some size cannot be planned with it, its seeds fail and say so.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.given.strategy = Some(strategy);
        self
    }

    /// Puts a provider in front of the simulated one: it is given that, behind its broken wire, once for every process that drives.
    pub fn provider(mut self, around: impl Fn(Arc<dyn FleetProvider>) -> Arc<dyn FleetProvider> + Send + Sync + 'static) -> Self {
        self.provider = Arc::new(around);
        self
    }

    /// What a seed means: the same seed and the same settings, the same script.
    pub fn script(&self, seed: u64) -> Script {
        draw::script(seed, &self.given)
    }

    /// Plays a seed twice: with its deadlines, and with none.
    ///
    /// # Errors
    /// The promise that was broken.
    pub fn seed(&self, seed: u64) -> Result<[Played; 2], Box<Failure>> {
        let script = self.script(seed);
        Ok([self.play(&script, Patience::Configured)?, self.play(&script, Patience::Infinite)?])
    }

    /// Plays a script.
    ///
    /// # Errors
    /// The promise that was broken.
    pub fn play(&self, script: &Script, patience: Patience) -> Result<Played, Box<Failure>> {
        Play::new(self, script, patience, false).play().map_err(|_| self.tell(script, patience))
    }

    /// Plays what has failed once more, to tell its story.
    fn tell(&self, script: &Script, patience: Patience) -> Box<Failure> {
        let play = Play::new(self, script, patience, true);
        let ledger = play.ledger();
        let (breach, story) = match play.play() {
            Err(Broken { breach, story }) => (breach, story),
            // The same script twice, and not the same run; or a run that is compared with another.
            Ok(_) => (
                Breach { rule: "determinism", at: Default::default(), why: "it failed once, and not again".to_owned() },
                ledger.story(),
            ),
        };
        Box::new(Failure { script: script.clone(), patience, breach, story })
    }

    /// The shortest script found that breaks the same promise: fewer instances, less trouble.
    pub fn shrink(&self, failure: Box<Failure>) -> Box<Failure> {
        shrink::shrink(self, failure)
    }

    /// Plays a script once for every call that its disturbed rollouts make and everything that can happen to a call there: the process dies before or
    /// after it, for a moment, for longer than a view lasts or than its deadlines; its request or its reply is lost, it arrives late, twice, or twice and the
    /// second late, to a process that waits for it, or after that has died. Every end must be that of the undisturbed run.
    ///
    /// # Errors
    /// The promise that was broken.
    pub fn sweep(&self, script: &Script) -> Result<Swept, Box<Failure>> {
        sweep::sweep(self, script)
    }

    /// The scripts worth [sweeping](Self::sweep) for fleets of its sizes, 0 left out: first deployments, replacements and resizes, of good releases and bad
    /// ones, under every kind of budget, in clouds that answer at once or later, heal or do not, have zones or none.
    pub fn cases(&self) -> Vec<Script> {
        let mut cases = sweep::cases(*self.given.instances.start().max(&1)..=*self.given.instances.end());
        if let Some(strategy) = &self.given.strategy {
            cases.iter_mut().for_each(|script| script.strategy = strategy.clone());
        }
        cases
    }

    /// Which promises it breaks in so many seeds, for those that are judged themselves.
    #[cfg(test)]
    fn breaks(&self, script: &Script, patience: Patience) -> Option<Breach> {
        Play::new(self, script, patience, false).play().err().map(|broken| broken.breach)
    }
}

impl Default for Simulation {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation").field("given", &self.given).finish_non_exhaustive()
    }
}

/// The outcomes that a rollout can have, in words, for a histogram: one entry for each of those that a run had.
pub fn outcomes(played: &Played) -> BTreeSet<&'static str> {
    played.outcomes.iter().map(expect::label).collect()
}
