//! The nastiest worlds, one file each: what must happen in them, what must not, and what a naive engine makes of them.

mod accepted;
mod back;
mod blackout;
mod corpses;
mod echo;
mod everything;
mod flicker;
mod same_name;
mod sleep;
mod sleeper;
mod stuck;

use std::time::Duration;

use super::expect::Patience;
use super::mishaps::{Fate, Mishap};
use super::play::{Broken, Play, Played};
use super::script::{Cloud, FleetTerms, Release, Script, Wish};
use super::{Breach, Line, Simulation, Who};
use crate::conformance::Call;
use crate::controller::Decide;
use crate::fleet::Heals;
use crate::rollout::{Outcome, Strategy};
use crate::time::Timestamp;

/// What came of a script, and everything that happened.
struct Told {
    played: Result<Played, Breach>,
    story: Vec<Line>,
}

fn play(script: &Script) -> Told {
    play_by(crate::rollout::decide, script, Patience::Configured)
}

fn play_by(decide: Decide, script: &Script, patience: Patience) -> Told {
    play_in(&Simulation { decide, ..Simulation::new() }, script, patience)
}

fn play_in(simulation: &Simulation, script: &Script, patience: Patience) -> Told {
    script.check().unwrap();
    let play = Play::new(simulation, script, patience, true);
    let ledger = play.ledger();
    match play.play() {
        Ok(played) => Told { played: Ok(played), story: ledger.story() },
        Err(Broken { breach, story }) => Told { played: Err(breach), story },
    }
}

impl Told {
    /// The lines of somebody that hold all of these words.
    fn lines<'a>(&'a self, who: Who, words: &'a [&str]) -> impl Iterator<Item = &'a Line> {
        self.story.iter().filter(move |line| line.who == who && words.iter().all(|word| line.what.contains(word)))
    }

    #[track_caller]
    fn first(&self, who: Who, words: &[&str]) -> Timestamp {
        self.lines(who, words).next().unwrap_or_else(|| panic!("nobody says {words:?}:\n{self}")).at
    }

    /// When the nth rollout began.
    #[track_caller]
    fn opened(&self, rollout: usize) -> Timestamp {
        self.first(Who::Decided, &[&format!("rollout {} to", rollout + 1), "begins"])
    }

    #[track_caller]
    fn ends(&self, outcome: &Outcome) -> &Played {
        let played = self.played.as_ref().unwrap_or_else(|breach| panic!("{breach}\n{self}"));
        assert_eq!(played.outcomes.last(), Some(outcome), "{self}");
        played
    }

    /// It broke one of these promises.
    #[track_caller]
    fn breaks(&self, rules: &[&str]) {
        let broken = self.played.as_ref().err().map(|breach| breach.rule);
        assert!(broken.is_some_and(|rule| rules.contains(&rule)), "it broke {broken:?}\n{self}");
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.story.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A world in which nothing goes wrong yet: boots take 20 s, the controller looks every 5 s, all must be ready all the time.
fn calm(rollouts: impl IntoIterator<Item = (u32, Release)>) -> Script {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    Script {
        seed: 1,
        cloud: Cloud {
            boot: (20, 20),
            drain: 5,
            latency_ms: 0,
            operations_take: 0,
            heals: Heals::Never,
            unguarded: false,
            pool: None,
        },
        fleet: FleetTerms { zones: 0, min_ready: 0, boot_deadline: 120, poll: 5, ..FleetTerms::default() },
        strategy: Strategy::rolling().max_surge(1).progress_deadline(minutes(60)).rollback_deadline(minutes(60)),
        judge: None,
        rollouts: rollouts.into_iter().map(|(size, release)| Wish::new(size, release)).collect(),
        disturbances: Vec::new(),
        wire: None,
        journal: None,
        crashes: Vec::new(),
        fates: Vec::new(),
        kept: None,
    }
}

/// The number of the nth call of a kind in a rollout.
#[track_caller]
fn nth_call(script: &Script, rollout: usize, call: Call, nth: usize) -> u32 {
    let played = play(script).played.unwrap();
    let found = played.calls[rollout].iter().enumerate().filter(|(_, made)| **made == call).nth(nth);
    u32::try_from(found.expect("there is such a call").0).unwrap() + 1
}
