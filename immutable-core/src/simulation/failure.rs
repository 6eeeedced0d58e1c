use std::fmt;

use super::expect::Patience;
use super::ledger::Line;
use super::oracle::Breach;
use super::script::Script;

/// How many lines of a story are printed.
const LINES: usize = 100;

/// A promise that was broken, and how it came to that. Its text is for people: what, how to play it again, and the story.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// What was played.
    pub script: Script,
    /// With which deadlines.
    pub patience: Patience,
    /// Which promise was broken.
    pub breach: Breach,
    /// What the controller saw and decided, and what happened.
    pub story: Vec<Line>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { script, patience, breach, story } = self;
        let deadlines = match patience {
            Patience::Configured => "its deadlines",
            Patience::Infinite => "no deadlines",
        };
        writeln!(f, "seed {} with {deadlines}: {breach}", script.seed)?;
        writeln!(f, "play it again: cargo run --release --example simulate -- --script '{script}'")?;
        let before = story.len().saturating_sub(LINES);
        if before > 0 {
            writeln!(f, "({before} lines before)")?;
        }
        for line in story.iter().skip(before) {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
