//! What must not be found, and what must be once a rule is left out.

use super::*;

const WORKERS: World =
    World { works: [true; 2], rules: SOUND, ahead: 0, lifetime: 1, timeout: 1, ticks: 3, calls: 2, claims: 2, mishaps: 0 };

const ALONE_BOTH: World = World { works: [false; 2], ..WORKERS };
const AFTER_A_WORKER: World = World { works: [true, false], claims: 1, ..WORKERS };
const AFTER_ONE_ALONE: World = World { works: [false, true], ticks: 4, ..WORKERS };

/// What is found in a world, told.
fn found(what: &str, world: World) -> Searched {
    let found = world.search();
    let Searched { states, steps, epoch, arrived, breach } = &found;
    println!("{what}: {states} states, {steps} steps, {} claims, {} calls arrived", epoch - 1, arrived.saturating_sub(2));
    if let Some((breach, story)) = breach {
        println!("  {breach}, in {} steps:\n    {}", story.len(), story.join("\n    "));
    }
    found
}

#[track_caller]
fn nothing(what: &str, world: World, states: usize) {
    let found = found(what, world);
    assert_eq!(found.breach, None);
    assert!(found.states >= states, "{}", found.states);
    assert_eq!(
        (found.epoch, found.arrived),
        (1 + world.claims, 2 + world.calls as u64),
        "both have had it, and both calls have arrived"
    );
}

#[track_caller]
fn something(what: &str, world: World, breach: &str) {
    let found = found(what, world);
    assert_eq!(found.breach.map(|(what, _)| what), Some(breach));
}

const SUPERSEDED: &str = "a call takes effect after another was written to its group";
const UNHEARD_OF: &str = "a call that nobody journaled takes effect";

#[test]
fn two_workers_keep_apart() {
    nothing("two workers", World { claims: 1, ..WORKERS }, 100_000);
}

/// The fleet goes back to who had it first.
#[test]
fn two_workers_that_take_it_from_one_another_keep_apart() {
    nothing("two workers, there and back", WORKERS, 1_000_000);
}

#[test]
fn two_workers_to_whom_something_happens_keep_apart() {
    nothing("two workers, and a mishap", World { ticks: 2, claims: 1, mishaps: 1, ..WORKERS }, 100_000);
}

#[test]
fn two_who_drive_alone_keep_apart() {
    nothing("two alone", World { ticks: 4, ..ALONE_BOTH }, 100_000);
}

#[test]
fn a_worker_and_who_drives_alone_keep_apart() {
    nothing("a worker after one alone", AFTER_ONE_ALONE, 10_000);
    nothing("one alone after a worker", AFTER_A_WORKER, 100_000);
}

#[test]
fn who_does_not_look_at_its_lease_before_it_sends_is_found() {
    let rules = Rules { may_send: |_, _| true, ..SOUND };
    something("workers that do not look", World { rules, ..WORKERS }, SUPERSEDED);
    something("alone, and does not look", World { rules, ticks: 5, ..ALONE_BOTH }, SUPERSEDED);
}

#[test]
fn a_new_owner_that_does_not_wait_for_what_is_on_its_way_is_found() {
    let at_once = Rules { claimed: |owner, now, _, _| claimed(owner, now, Duration::ZERO, Duration::ZERO), ..SOUND };
    something("workers that wait for no call", World { rules: at_once, lifetime: 2, ..WORKERS }, SUPERSEDED);
    let lease = Rules { claimed: |owner, now, _, lifetime| claimed(owner, now, Duration::ZERO, lifetime), ..SOUND };
    something("alone, and waits for no lease", World { rules: lease, ..ALONE_BOTH }, SUPERSEDED);
}

#[test]
fn a_challenger_that_does_not_wait_for_the_lease_is_found() {
    let rules = Rules { has_lost: |_, _, _, _, _| true, ..SOUND };
    something("workers that take what they like", World { rules, ..WORKERS }, SUPERSEDED);
}

#[test]
fn a_challenger_that_takes_another_version_than_it_judged_is_found() {
    let rules = Rules { as_judged: |_| true, ..SOUND };
    something("a worker that judges and claims apart", World { rules, ..AFTER_ONE_ALONE }, SUPERSEDED);
}

#[test]
fn a_worker_that_goes_by_its_signs_alone_is_found() {
    let rules = Rules { lasts: ALONE * 9, ..SOUND };
    something("one alone after a worker that lives, and is slow", World { rules, ..AFTER_A_WORKER }, SUPERSEDED);
}

#[test]
fn who_takes_a_conflict_for_done_is_found() {
    let rules = Rules { is_written: |_| true, ..SOUND };
    something("workers that nothing fences", World { rules, ..WORKERS }, UNHEARD_OF);
}
