//! Everything that can happen to a call, at every call.

use super::expect::Patience;
use super::play::Played;
use super::script::{Crash, Fate, Mishap, Moment, Script};
use super::{Breach, Failure, Simulation};
use crate::rollout::MAX_VIEW_AGE;

/// How late a late copy comes, in seconds.
const LATE: u64 = 40;

/// How much was swept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Swept {
    /// Calls, each a point at which something happens.
    pub points: u32,
    /// Runs: every point with everything that can happen there.
    pub runs: u32,
}

impl std::ops::AddAssign for Swept {
    fn add_assign(&mut self, other: Self) {
        self.points += other.points;
        self.runs += other.runs;
    }
}

/// What may happen at a call of a rollout.
fn mishaps(script: &Script, rollout: usize, call: u32) -> Vec<Script> {
    let strategy = &script.strategy;
    let view = MAX_VIEW_AGE.as_secs() * 3;
    let deadlines = (strategy.progress_deadline.max(strategy.rollback_deadline)).as_secs() + 3600;
    let mut all = Vec::new();
    for down in [1, view, deadlines] {
        for at in [Moment::Before(call), Moment::After(call)] {
            let mut script = script.clone();
            script.crashes.push(Crash::new(rollout, at, down));
            all.push(script);
        }
    }
    for what in [Mishap::LostReply, Mishap::Late(LATE), Mishap::Twice(0), Mishap::Twice(LATE)] {
        let mut script = script.clone();
        script.fates.push(Fate::new(rollout, call, what));
        all.push(script);
    }
    all
}

pub(super) fn sweep(simulation: &Simulation, script: &Script) -> Result<Swept, Box<Failure>> {
    let whole = simulation.play(script, Patience::Configured)?;
    let mut swept = Swept::default();
    for (rollout, calls) in whole.calls.iter().enumerate() {
        for call in 1..=*calls {
            swept.points += 1;
            for disturbed in mishaps(script, rollout, call) {
                swept.runs += 1;
                let played = simulation.play(&disturbed, Patience::Configured)?;
                if let Some(why) = differs(&whole, &played) {
                    let mut failure = simulation.tell(&disturbed, Patience::Configured);
                    failure.breach = Breach { rule: "sweep", at: failure.breach.at, why };
                    return Err(failure);
                }
            }
        }
    }
    Ok(swept)
}

/// How two runs of one script have ended differently, if they have.
fn differs(whole: &Played, played: &Played) -> Option<String> {
    let (one, other) = (format!("{:?}", whole.outcomes), format!("{:?}", played.outcomes));
    if one != other {
        return Some(format!("undisturbed it ended as {one}, disturbed as {other}"));
    }
    (whole.end != played.end).then(|| format!("undisturbed there are {:?}, disturbed {:?}", whole.end, played.end))
}
