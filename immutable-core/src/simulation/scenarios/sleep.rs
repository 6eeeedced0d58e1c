//! A call of which nobody knows what came is owed while its process is dead for an hour, and a zone is lost meanwhile.

use super::*;
use crate::id::Epoch;
use crate::rollout::decide::weakened::engines;
use crate::rollout::{Decision, FleetState, Seen, decide};
use crate::simulation::mishaps::{Crash, Moment};
use crate::simulation::script::{Disturbance, Trouble};

/// The first of the old to make room are named, the request is lost, and so is the process; within the hour, in which its deadline passes, others of the
/// old die.
fn script() -> Script {
    let mut script = calm([(6, Release::Good), (6, Release::Good)]);
    script.strategy = script.strategy.max_surge(0).max_unavailable(3).progress_deadline(Duration::from_secs(1800));
    script.cloud.unguarded = true;
    let calm = play(&script);
    let lower = nth_call(&script, 1, Call::Resize, 2);
    let named = calm.lines(Who::Decided, &["Lower"]).filter(|line| line.at >= calm.opened(1)).nth(1).unwrap().at;
    let at = named.since(calm.opened(1)).as_secs() + 600;
    script.fates = vec![Fate::new(1, lower, Mishap::LostRequest)];
    script.crashes = vec![Crash::new(1, Moment::After(lower), 3600)];
    script.disturbances = [3, 4, 5].map(|machine| Disturbance::new(1, at, Trouble::Kill(machine))).to_vec();
    script
}

/// engine.md 6.9, The long sleep.
#[test]
fn what_was_owed_for_an_hour_is_judged_again_and_a_deadline_that_nobody_watched_is_not_missed() {
    let told = play(&script());
    let played = told.ends(&Outcome::Succeeded);
    assert_eq!((played.end.size, played.end.generations), (6, 1), "{told}");
    assert_eq!(told.lines(Who::Decided, &["Reverting"]).count(), 0, "{told}");
}

#[test]
fn an_engine_that_sends_again_blindly_takes_those_that_are_left() {
    let blind = engines().find(|engine| engine.name == "sends again blindly").unwrap();
    play_by(blind.decide, &script(), Patience::Configured).breaks(&["floor"]);
}

/// For which the hour counts in which nobody watched.
fn unforgiving(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    let mut state = state.clone();
    // The third claim is that of who comes back.
    if state.epoch() > Epoch(2)
        && let Some(ends_at) = state.rollout.as_mut().and_then(|rollout| rollout.phase.ends_at_mut())
    {
        *ends_at = *ends_at - Duration::from_secs(3540);
    }
    decide(&state, seen, now)
}

#[test]
fn an_engine_that_misses_a_deadline_that_nobody_watched_gives_up_a_good_release() {
    let told = play_by(unforgiving, &script(), Patience::Configured);
    assert!(told.lines(Who::Decided, &["Reverting"]).next().is_some(), "{told}");
}
