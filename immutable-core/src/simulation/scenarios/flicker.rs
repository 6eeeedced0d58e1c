//! A replica that lags behind answers every other look.

use super::*;
use crate::rollout::decide::naive;
use crate::simulation::script::{Disturbance, Trouble};

/// What is new is not there and there, half of what is there is missing, who was sent away is back; and so to the end.
fn script() -> Script {
    let mut script = calm([(4, Release::Good), (4, Release::Good)]);
    script.cloud.operations_take = 10;
    script.disturbances = vec![Disturbance::new(1, 0, Trouble::Flicker(3600))];
    script
}

/// engine.md 6.10, Flickering world.
#[test]
fn what_a_replica_does_not_show_is_there_and_what_it_brings_back_is_not() {
    let told = play(&script());
    let played = told.ends(&Outcome::Succeeded);
    assert_eq!((played.end.generations, played.end.size, played.end.launched), (1, 4, 8), "{told}");
    let made = told.first(Who::World, &["0002.0: made"]);
    assert!(told.first(Who::Saw, &["0002.0 absent in part"]) > made, "{told}");
    assert!(told.first(Who::Saw, &["0001.0 absent in part"]) >= told.first(Who::World, &["0001.0: deleting"]), "{told}");
    let gone = told.first(Who::World, &["web-0001-0-000000#1 Gone"]);
    let back = told.lines(Who::Saw, &["0001.0 size", "lags behind) 0=healthy"]).any(|line| line.at > gone);
    assert!(back, "{told}");
    assert_eq!(told.lines(Who::World, &[": made"]).count(), 2, "{told}");
}

#[test]
fn an_engine_to_which_a_part_is_the_whole_takes_who_is_not_shown_for_gone() {
    play_by(naive::a_part_is_the_whole, &script(), Patience::Configured).breaks(&["unknown"]);
}

#[test]
fn an_engine_to_which_what_is_not_found_is_deleted_gives_up_what_it_has_just_made() {
    let told = play_by(naive::not_found_is_deleted, &script(), Patience::Configured);
    told.breaks(&["orphans"]);
    assert!(told.lines(Who::Decided, &["deleted by someone else"]).count() > 0, "{told}");
}

#[test]
fn an_engine_to_which_the_seen_are_there_counts_on_those_it_sent_away() {
    play_by(naive::seen_is_there, &script(), Patience::Configured).breaks(&["floor"]);
}
