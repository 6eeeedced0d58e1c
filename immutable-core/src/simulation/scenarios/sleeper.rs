//! A process is frozen between an append and the call that was to follow, and wakes up when another has carried on.

#[path = "../../../tests/worker/kit.rs"]
#[allow(dead_code, reason = "others use the rest")]
mod kit;

use self::kit::Thawed;
use super::*;
use crate::controller::Controller;
use crate::simulation::mishaps::{Crash, Moment, Wire};

/// One after the other is replaced, where nothing compares sizes and the journal's answers are lost; at its nth wait the process is frozen, and five seconds
/// later another carries on.
fn script(release: Release, freezes: u32, sleeps: u64) -> Script {
    let mut script = calm([(4, Release::Good), (4, release)]);
    script.cloud.unguarded = true;
    script.journal = Some(Wire { lost_reply: 700, until: 3600, late_by: 2, ..Wire::default() });
    script.crashes = vec![Crash::new(1, Moment::Await(freezes), 5).sleeps(sleeps)];
    script
}

/// Everywhere where it can be frozen, and what came of it.
fn everywhere(simulation: &Simulation, release: Release) -> impl Iterator<Item = Told> {
    let moments = (1..=80).flat_map(|freezes| [180, 240, 400].map(|sleeps| (freezes, sleeps)));
    moments.map(move |(freezes, sleeps)| play_in(simulation, &script(release, freezes, sleeps), Patience::Configured))
}

/// engine.md 6.2, The sleeper.
#[test]
fn who_wakes_up_looks_at_its_lease_before_it_sends_what_it_was_about_to() {
    for told in everywhere(&Simulation::new(), Release::Good) {
        let played = told.ends(&Outcome::Succeeded);
        assert_eq!((played.end.size, played.end.generations, played.end.launched), (4, 1, 8), "{told}");
    }
}

#[test]
fn who_wakes_up_brings_nothing_back_of_what_was_given_up_meanwhile() {
    for told in everywhere(&Simulation::new(), Release::NeverHealthy) {
        let played = told.ends(&Outcome::RolledBack);
        assert_eq!((played.end.size, played.end.generations), (4, 1), "{told}");
    }
}

#[test]
fn a_worker_that_looks_at_no_lease_does_once_more_what_another_has_undone() {
    let awake = Thawed::after(0, 0, |worker| worker);
    let blind = |worker: Controller| worker.sending(|_, _| true);
    assert_eq!(Thawed::after(0, 0, blind), awake, "it is as good as any while it is awake");
    let mut moments = Thawed::moments();
    let found = moments
        .find_map(|moment| Some((moment, Thawed::after(moment.0, moment.1, blind))).filter(|(_, thawed)| *thawed != awake));
    println!("{found:?} instead of {awake:?}");
    assert!(found.is_some());
}
