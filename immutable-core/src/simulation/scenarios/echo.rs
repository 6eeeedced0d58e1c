//! An answered call whose first copy is still on its way.

use super::*;
use crate::rollout::decide::naive;

/// A resize to 8 and back to 6, and a rollout; the first copy of the raise arrives after 50 s, where nothing compares sizes.
fn script() -> Script {
    let mut script = calm([(6, Release::Good), (8, Release::Again), (6, Release::Again), (6, Release::Good)]);
    script.cloud.unguarded = true;
    script.cloud.boot = (5, 5);
    script.strategy = script.strategy.max_surge(2);
    let raise = nth_call(&script, 1, Call::Resize, 0);
    script.fates.push(Fate::new(1, raise, Mishap::Late(50)));
    script
}

/// engine.md 6.1, Echo.
#[test]
fn nothing_else_is_written_to_a_group_before_the_last_copy_of_a_call_can_have_arrived() {
    let told = play(&script());
    let played = told.ends(&Outcome::Succeeded);
    assert_eq!((played.end.size, played.end.generations, played.end.launched), (6, 1, 14), "{told}");
    let sent = told.first(Who::Decided, &["Raise", "from: 6, to: 8"]);
    let lowered = told.first(Who::Decided, &["Lower", "from: 8"]);
    assert!(lowered.since(sent) >= Duration::from_secs(50), "{told}");
    assert!(told.opened(2).since(sent) < Duration::from_secs(50), "that is what it waits for\n{told}");
    assert_eq!(told.lines(Who::World, &["size 6 to 8"]).count(), 1, "{told}");
}

#[test]
fn an_engine_to_which_what_is_answered_is_over_finds_its_own_raise_undone_work() {
    play_by(naive::answered_is_over, &script(), Patience::Configured).breaks(&["once"]);
}
