//! A release that is proven, and does not work any more: what its provider replaces over and over fills the ceiling.

use super::*;
use crate::rollout::{Need, decide::naive};
use crate::simulation::script::{Disturbance, Trouble};

/// For how long it goes on before the fix may begin, and how long who leaves takes to go.
const BEFORE: u64 = 7_200;
const DRAIN: u64 = 300;

/// Five, of which each is ill as soon as it has booted and is replaced by its like; a surge of one, and all must be ready.
fn script(heals: Heals) -> Script {
    let mut script = calm([(5, Release::Good), (5, Release::Good)]);
    script.cloud = Cloud { heals, drain: DRAIN, boot: (20, 110), ..script.cloud };
    script.disturbances = vec![Disturbance::new(1, 0, Trouble::Pause(BEFORE)), Disturbance::new(1, 0, Trouble::Rot(10 * BEFORE))];
    script
}

/// engine.md 6.4, Ceiling full of corpses.
#[test]
fn what_is_replaced_over_and_over_leaves_room_for_the_fix() {
    let told = play(&script(Heals::Switchable));
    let played = told.ends(&Outcome::Succeeded);
    assert_eq!((played.end.size, played.end.generations), (5, 1), "{told}");
    let begin = told.opened(1) + Duration::from_secs(BEFORE);
    let corpses = told.lines(Who::World, &["web-0001", "Leaving", "(provider)"]);
    let there = corpses.filter(|line| line.at <= begin && begin.since(line.at) < Duration::from_secs(DRAIN)).count();
    assert!(there >= 2, "{there} are leaving when it may begin\n{told}");
    let off = told.first(Who::World, &["0001.0: upkeep heal false"]);
    let probe = told.first(Who::World, &["launched web-0002"]);
    let named = told.first(Who::Decided, &["Lower", "GenerationId(1)"]);
    assert!(begin <= off && off < probe && probe < named, "healing is off, one is tried, those that are down make room\n{told}");
    assert!(probe.since(off) <= Duration::from_secs(DRAIN + 10), "no longer than the last of them takes to go\n{told}");
}

#[test]
fn an_engine_to_which_who_heals_helps_waits_for_room_until_it_gives_up_the_fix() {
    let told = play_by(naive::who_heals_helps, &script(Heals::Switchable), Patience::Configured);
    let last = told.played.as_ref().ok().and_then(|played| played.outcomes.last());
    assert!(matches!(last, Some(Outcome::Needs(Need::BaselineUnlaunchable { .. }))), "{last:?}\n{told}");
    assert_eq!(told.lines(Who::World, &["launched web-0002"]).count(), 0, "{told}");
}
