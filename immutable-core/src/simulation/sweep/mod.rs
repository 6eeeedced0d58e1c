//! Everything that can happen to a call, at every call.

mod cases;

use super::expect::Patience;
use super::mishaps::{Crash, Fate, Mishap, Moment};
use super::play::Played;
use super::script::{Release, Script};
use super::{Breach, Failure, Simulation};
use crate::conformance::Call;
use crate::fleet::Heals;
use crate::rollout::MAX_VIEW_AGE;

pub(super) use cases::cases;

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

/// What may happen at one call: to the call, and to the process that makes it.
#[derive(Clone, Copy, Debug, Default)]
struct What {
    mishap: Option<Mishap>,
    death: Option<Death>,
}

/// When a process dies of a call, and for how many seconds nobody drives.
type Death = (fn(u32) -> Moment, u64);

/// Everything that may happen at a call of this kind. What could only be the same run once more is left out: nothing is done twice by reading
/// twice, it does not matter whether a question or its answer was lost, and who dies of a question and who dies of its answer have done
/// the same, if answers take no time.
fn everything(script: &Script, call: Call) -> Vec<What> {
    let strategy = &script.strategy;
    let view = MAX_VIEW_AGE.as_secs() * 3;
    let deadlines = strategy.progress_deadline.max(strategy.rollback_deadline).as_secs() + 3600;
    let changes = match call {
        Call::EnsureGeneration | Call::Resize | Call::SetUpkeep | Call::DestroyGeneration | Call::Append | Call::Compact => true,
        Call::Preflight | Call::Inspect | Call::Follow | Call::Observe | Call::Load | Call::Wrote | Call::List => false,
        Call::Route | Call::Drain => true,
        Call::PreflightPool | Call::ObservePool => false,
        // No rollout makes them, but for the look, which has no wire here.
        Call::Adopt => return Vec::new(),
        Call::ResolveBase | Call::Describe | Call::Replicate | Call::SetStage | Call::Uses | Call::Delete => return Vec::new(),
    };
    let mut all = Vec::new();
    for down in [1, view, deadlines] {
        all.push(What { death: Some((Moment::Before, down)), ..What::default() });
        if changes || script.cloud.latency_ms > 0 {
            all.push(What { death: Some((Moment::After, down)), ..What::default() });
        }
    }
    let mut happens = |mishap, death| all.push(What { mishap: Some(mishap), death });
    happens(Mishap::LostReply, None);
    if !changes {
        return all;
    }
    happens(Mishap::LostRequest, None);
    // One that is on its way while its sender waits, and while another has taken the place of its sender.
    let dies: [Option<Death>; 2] = [None, Some((Moment::After, 1))];
    for death in dies {
        happens(Mishap::Late(LATE), death);
        // Whose answer cannot say that a copy is on its way is not doubled.
        if call != Call::SetUpkeep {
            happens(Mishap::Twice(0), death);
            happens(Mishap::Twice(LATE), death);
        }
    }
    all
}

impl What {
    /// The script in which this happens at the nth call of a rollout.
    fn at(self, rollout: usize, call: u32, script: &Script) -> Script {
        let mut script = script.clone();
        script.fates.extend(self.mishap.map(|mishap| Fate::new(rollout, call, mishap)));
        script.crashes.extend(self.death.map(|(moment, down)| Crash::new(rollout, moment(call), down)));
        script
    }
}

pub(super) fn sweep(simulation: &Simulation, script: &Script) -> Result<Swept, Box<Failure>> {
    let whole = simulation.play(script, Patience::Configured)?;
    let mut swept = Swept::default();
    for (rollout, calls) in whole.calls.iter().enumerate().skip(script.first_disturbed()) {
        for (call, number) in calls.iter().zip(1..) {
            swept.points += 1;
            for what in everything(script, *call) {
                swept.runs += 1;
                let disturbed = what.at(rollout, number, script);
                let played = simulation.play(&disturbed, Patience::Configured)?;
                if let Some(why) = differs(script, &whole, &played) {
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
fn differs(script: &Script, whole: &Played, played: &Played) -> Option<String> {
    if !played.spent {
        return Some("what was to happen did not".to_owned());
    }
    let (one, other) = (format!("{:?}", whole.outcomes), format!("{:?}", played.outcomes));
    if one != other {
        return Some(format!("undisturbed it ended as {one}, disturbed as {other}"));
    }
    let mut end = played.end.clone();
    // A provider that cannot be kept from healing replaces a release that fails for as long as nobody drives.
    let bad = script.rollouts.iter().any(|wish| matches!(wish.release, Release::NeverBoots | Release::NeverHealthy));
    if bad && script.cloud.heals == Heals::Always {
        end.launched = whole.end.launched;
    }
    (whole.end != end).then(|| format!("undisturbed there are {:?}, disturbed {:?}", whole.end, played.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::{Decision, FleetState, Seen};
    use crate::time::Timestamp;

    /// Never judges again what it owes.
    fn forgetful(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
        let mut decision = crate::rollout::decide(state, seen, now);
        decision.events.retain(|event| !matches!(event, crate::rollout::Event::Renewed { .. }));
        decision
    }

    #[test]
    fn an_engine_that_never_judges_again_what_it_owed_ends_otherwise() {
        let naive = Simulation { decide: forgetful, ..Simulation::new() };
        let script = cases(1..=1).remove(0);
        assert_eq!(naive.breaks(&script, Patience::Configured), None, "undisturbed it does well");
        let failure = naive.sweep(&script).unwrap_err();
        let caught = failure.breach.rule;
        assert!(["sweep", "convergence", "outcome"].contains(&caught), "{failure}");
        assert!(Simulation::new().sweep(&script).is_ok());
    }
}
