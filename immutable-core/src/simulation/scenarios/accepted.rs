//! A raise is accepted and answered, and one of its instances comes only when nobody waits for it any more.

use super::*;
use crate::rollout::decide::naive;
use crate::simulation::script::{Disturbance, Trouble};

/// Four of five are there; the fifth comes between the look at it and the call that gives it up.
fn script() -> Script {
    let mut script = calm([(5, Release::Good), (5, Release::Good)]);
    let calm = play(&script);
    let last = calm.lines(Who::Decided, &["Raise", "GenerationId(2)", "from: 4, to: 5"]).next().unwrap();
    let at = last.at.since(calm.opened(1)).as_secs();
    script.disturbances = vec![Disturbance::new(1, at - 1, Trouble::LaunchesLate(1))];
    script
}

/// engine.md 6.5, Accepted, one short, and late.
#[test]
fn what_arrives_while_it_is_given_up_stays_and_nobody_goes_for_it() {
    let told = play(&script());
    let played = told.ends(&Outcome::Succeeded);
    assert_eq!((played.end.size, played.end.launched), (5, 10), "{told}");
    let given_up = told.first(Who::Decided, &["GiveUp", "from: 5, to: 4"]);
    let refused = told.first(Who::Decided, &["Settled", "Conflict", "found: Some(5)"]);
    let came = told.first(Who::World, &["launched web-0002-0-000004", "(provider)"]);
    assert!(given_up <= came && came <= refused, "{told}");
    assert_eq!(told.lines(Who::World, &["0002.0", "Leaving"]).count(), 0, "{told}");
}

#[test]
fn an_engine_to_which_accepted_is_done_waits_for_ever() {
    play_by(naive::accepted_is_done, &script(), Patience::Infinite).breaks(&["convergence"]);
}

#[test]
fn an_engine_to_which_a_size_is_a_size_has_one_go_that_serves() {
    play_by(naive::a_size_is_a_size, &script(), Patience::Configured).breaks(&["floor"]);
}
