//! Something never comes, or never goes, and nobody says so.

use super::*;
use crate::rollout::Need;
use crate::simulation::script::{Disturbance, Trouble};

const FOR_EVER: u64 = 100_000;

/// What a person is asked about, and how long after the last that was ready.
fn asked(script: &Script, about: &[&str]) -> Duration {
    let told = play(script);
    let outcome = told.played.as_ref().unwrap_or_else(|breach| panic!("{breach}\n{told}")).outcomes.last();
    let Some(Outcome::Needs(Need::StuckLeaving { why })) = outcome else { panic!("{outcome:?}\n{told}") };
    assert!(about.iter().all(|word| why.contains(word)), "{why}\n{told}");
    let asked = told.first(Who::Decided, &["StuckLeaving"]);
    let last = told.lines(Who::Decided, &["progress"]).map(|line| line.at).last().unwrap();
    asked.since(last)
}

#[test]
fn one_that_is_protected_for_ever_is_named_to_a_person_while_everybody_else_is_replaced() {
    let mut script = calm([(3, Release::Good), (3, Release::Good)]);
    script.disturbances = vec![Disturbance::new(1, 0, Trouble::Protect(0, FOR_EVER))];
    let waited = asked(&script, &["of group 0001.0 protected from termination: web-0001-0-00000"]);
    let minutes = Duration::from_secs(15 * 60);
    assert!(waited >= minutes && waited <= minutes + Duration::from_secs(10), "{waited:?}");
}

#[test]
fn a_termination_that_is_accepted_and_never_done_is_named_with_its_call() {
    let mut script = calm([(3, Release::Good), (3, Release::Good)]);
    script.cloud.operations_take = 10;
    let calm = play(&script);
    let lower = calm.first(Who::Decided, &["Lower", "GenerationId(1)"]).since(calm.opened(1)).as_secs();
    script.disturbances = vec![Disturbance::new(1, lower - 1, Trouble::OperationsHang(1, FOR_EVER))];
    asked(&script, &["of group 0001.0 still there 15m", "after they were told to leave: web-0001-0-00000", "no answer to call"]);
}

#[test]
fn a_raise_that_is_accepted_and_never_done_is_gone_back_from_and_then_a_person_is_asked() {
    let mut script = calm([(3, Release::Good), (3, Release::Good)]);
    script.cloud.operations_take = 10;
    let calm = play(&script);
    let raise = calm.first(Who::Decided, &["Raise", "GenerationId(2)", "from: 1"]).since(calm.opened(1)).as_secs();
    script.disturbances = vec![Disturbance::new(1, raise - 1, Trouble::OperationsHang(1, FOR_EVER))];
    let told = play(&script);
    let outcome = told.played.as_ref().unwrap_or_else(|breach| panic!("{breach}\n{told}")).outcomes.last();
    let Some(Outcome::Needs(Need::RollbackDeadline { why })) = outcome else { panic!("{outcome:?}\n{told}") };
    assert!(why.contains("no answer to call") && why.contains("group 0002.0 from 1 to 2, for 2h"), "{why}");
    let back = told.first(Who::Decided, &["Reverting", "Deadline"]);
    assert!(told.first(Who::Decided, &["RollbackDeadline"]) > back, "{told}");
}

/// The second of the new hangs in its boot.
fn hangs() -> Script {
    let mut script = calm([(3, Release::Good), (3, Release::Good)]);
    let calm = play(&script);
    let second = calm.first(Who::World, &["launched web-0002-0-000001"]).since(calm.opened(1)).as_secs();
    script.disturbances = vec![Disturbance::new(1, second + 1, Trouble::BootsHang(1000, 25))];
    script
}

#[test]
fn a_boot_that_hangs_has_a_spare_and_costs_nothing_but_the_wait_for_it() {
    let mut script = hangs();
    // Nobody may fail: without a spare it is gone back from.
    play(&script).ends(&Outcome::RolledBack);
    script.strategy = script.strategy.hedge(1, Duration::from_secs(40));
    let told = play(&script);
    let played = told.ends(&Outcome::Succeeded);
    assert_eq!((played.end.size, played.end.launched), (3, 7), "{told}");
    assert_eq!(told.lines(Who::Decided, &["Lower", "GenerationId(2)", "web-0002-0-000001"]).count(), 1, "{told}");
    assert_eq!(told.lines(Who::Decided, &["charged"]).count(), 0, "{told}");
    let (slow, spare) =
        (told.first(Who::World, &["launched web-0002-0-000001"]), told.first(Who::World, &["launched web-0002-0-000002"]));
    let waited = spare.since(slow).as_secs();
    assert!((40..=50).contains(&waited), "{waited} s\n{told}");
}

#[test]
fn a_zone_without_machines_is_waited_for_or_not() {
    let mut script = calm([(6, Release::Good), (6, Release::Good)]);
    script.fleet.zones = 3;
    let most = |told: &Told| {
        let sizes = told.lines(Who::World, &["0002.", "size 2 to 3"]).count();
        assert!(told.played.is_ok(), "{told}");
        sizes
    };
    script.disturbances = vec![Disturbance::new(1, 0, Trouble::ZoneCapacity(0, 7200))];
    let elsewhere = play(&script);
    elsewhere.ends(&Outcome::Succeeded);
    assert!(most(&elsewhere) > 0, "{elsewhere}");
    script.strategy = script.strategy.on_shortage(crate::rollout::Shortage::Wait);
    let waits = play(&script);
    assert_eq!(most(&waits), 0, "{waits}");
    assert_eq!(waits.played.as_ref().unwrap().outcomes.last(), Some(&Outcome::RolledBack), "{waits}");
}
