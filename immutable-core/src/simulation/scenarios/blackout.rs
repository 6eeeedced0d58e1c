//! Nothing is known of anybody's health; then of the old; then everybody is said to be ill.

use super::*;
use crate::rollout::decide::naive;
use crate::simulation::script::{Disturbance, Trouble};

const DARK: u64 = 300;
const OLD_DARK: u64 = 120;
const LIE: u64 = 30;

/// Twenty, half of them new: dark for 5 min, of the old for 2 more; when all are seen again, a lie about all.
fn script() -> (Script, u64) {
    let mut script = calm([(20, Release::Good), (20, Release::Good)]);
    let tenth = crate::rollout::Amount::percent(10);
    script.strategy = script.strategy.max_surge(tenth).max_unavailable(tenth);
    script.fleet.boot_deadline = 600;
    let calm = play(&script);
    let half = calm.first(Who::Decided, &["noted", "\"progress\":10"]).max(calm.opened(1));
    let half = calm
        .lines(Who::Decided, &["noted", "\"progress\":1"])
        .filter(|line| line.at > calm.opened(1))
        .nth(1)
        .map_or(half, |line| line.at);
    let at = half.since(calm.opened(1)).as_secs();
    script.disturbances = vec![
        Disturbance::new(1, at, Trouble::BlackOut(DARK)),
        Disturbance::new(1, at + DARK, Trouble::BlackOutOfOld(OLD_DARK)),
        Disturbance::new(1, at + DARK + OLD_DARK + 10, Trouble::Lie(LIE)),
    ];
    (script, at)
}

/// engine.md 6.3, Black-out at half-way.
#[test]
fn in_the_dark_it_stands_still_and_a_lie_about_all_is_nobodys_fault() {
    let (script, at) = script();
    let told = play(&script);
    let played = told.ends(&Outcome::Succeeded);
    assert_eq!(played.end.launched, 40, "{told}");
    let begin = told.opened(1) + Duration::from_secs(at + 10);
    let end = told.opened(1) + Duration::from_secs(at + DARK + OLD_DARK);
    let named: Vec<_> = told.lines(Who::Decided, &["Lower"]).filter(|line| begin <= line.at && line.at < end).collect();
    assert!(named.is_empty(), "{named:?}\n{told}");
    assert_eq!(told.lines(Who::Decided, &["charged"]).count(), 0, "{told}");
}

#[test]
fn an_engine_to_which_unknown_is_ill_sends_away_those_who_serve() {
    play_by(naive::unknown_is_ill, &script().0, Patience::Configured).breaks(&["floor", "unknown"]);
}

#[test]
fn an_engine_that_blames_the_new_for_a_lie_about_all_goes_back_from_a_good_release() {
    play_by(naive::the_new_is_to_blame, &script().0, Patience::Configured).ends(&Outcome::RolledBack);
}
