//! `decide` over capacity: probe, refill, ceiling, floor, views, and slots that nothing fills.

use immutable_core::fleet::FailureClass;
use immutable_core::rollout::{Amount, Ending, Event, OnFirstFailure, OpResult, Outcome, Percent, Phase, Strategy};

use super::kit::{MINUTE, Stage, give_up, group, key, lower, raise};
use super::sight::{Look, look, row};

/// A surge of so many, none fewer.
fn surge(instances: u32) -> Strategy {
    Strategy::rolling().max_surge(instances)
}

/// None more, so many fewer.
fn fewer(instances: u32) -> Strategy {
    Strategy::rolling().max_surge(0).max_unavailable(instances)
}

/// The old ones are all well, and the new group has nothing.
fn fresh() -> Look {
    look().group(1, 3, "a+ b+ c+").group(2, 0, "")
}

#[test]
fn a_release_that_never_ran_gets_one_instance() {
    row("one", &Stage::rolling(surge(1)), &fresh(), "owed 5 raise 0002.0 0 to 1");
    row("one, whatever the room", &Stage::rolling(surge(3)), &fresh(), "owed 5 raise 0002.0 0 to 1");
    row("it needs room, so one leaves", &Stage::rolling(fewer(2)), &fresh(), "owed 5 lower 0001.0 3 by a");

    let mut asked = Stage::rolling(surge(3));
    asked.owe(raise(2, 0, 1));
    row("it is asked for", &asked, &fresh(), "");
    asked.settle(super::kit::done(1));
    row("it is promised", &asked, &fresh().group(2, 1, "").clone(), "");
    asked.appear(2, "d");
    row("it boots", &asked, &look().group(1, 3, "a+ b+ c+").group(2, 1, "d:"), "");

    let mut leaving = Stage::rolling(fewer(2));
    leaving.retire(1, "a");
    row("one is on its way out for it", &leaving, &look().group(1, 2, "a< b+ c+").group(2, 0, ""), "");
    let left = look().group(1, 2, "ax b+ c+").group(2, 0, "");
    row("it has left", &leaving, &left, "noted gone 0001.0 a\nowed 6 raise 0002.0 0 to 1");
    let healed = look().group(1, 3, "a< b+ c+ e:").group(2, 0, "");
    row("no second leaves while one does", &leaving, &healed, "noted appeared 0001.0 e size 0001.0 3");
}

#[test]
fn a_probe_that_came_and_went_between_two_looks_was_tried() {
    let mut stage = Stage::rolling(surge(1));
    stage.owe(raise(2, 0, 1));
    stage.settle(super::kit::done(1));
    let lost = look().group(1, 3, "a+ b+ c+").group(2, 0, "dx").incident("i", 2, Some("d"), FailureClass::Platform);
    let lost = lost.because(FailureClass::Platform);
    let noted = "noted appeared 0002.0 d gone 0002.0 d size 0002.0 0 charged 0002.0 d platform";
    row("lost to the platform it was no try", &stage, &lost, &format!("{noted}\nowed 6 raise 0002.0 0 to 1"));
    let unseen = look().group(1, 3, "a+ b+ c+").group(2, 0, "");
    let tried = "moved back to 0001 until +3630s: its first instance failed: it came and went between two looks";
    row("one that nobody saw was", &stage, &unseen, &format!("noted size 0002.0 0\n{tried}"));
}

#[test]
fn what_somebody_else_made_larger_is_raised_from_there() {
    let mut stage = Stage::rolling(surge(3));
    stage.ready(2, "d");
    // What it is set to is not taken for known as long as its provider works on it.
    let larger = look().group(1, 3, "a+ b+ c+").group(2, 2, "d+ e:").busy();
    let leaves = "noted appeared 0002.0 e progress 1\nowed 6 lower 0001.0 3 by a";
    row("none leaves for it", &stage, &larger, &format!("{leaves}\nowed 7 raise 0002.0 1 to 3"));
}

#[test]
fn nobody_else_is_retired_on_its_account() {
    let stage = Stage::rolling(surge(1).max_unavailable(2));
    row("there is room without", &stage, &fresh(), "owed 5 raise 0002.0 0 to 1");
    let mut boots = stage.clone();
    boots.launch(2, "d");
    row("nor while it boots", &boots, &look().group(1, 3, "a+ b+ c+").group(2, 1, "d:"), "");
}

#[test]
fn a_freed_slot_is_filled_at_once_up_to_the_ceiling() {
    let mut stage = Stage::rolling(surge(1));
    stage.ready(2, "d");
    let one = look().group(1, 3, "a+ b+ c+").group(2, 1, "d+");
    row("as many may leave as are ready beyond the floor", &stage, &one, "noted progress 1\nowed 6 lower 0001.0 3 by a");
    let mut wide = Stage::rolling(surge(3));
    wide.ready(2, "d");
    row("leave and fill together", &wide, &one, "noted progress 1\nowed 6 lower 0001.0 3 by a\nowed 7 raise 0002.0 1 to 3");
    stage.retire(1, "a");
    let leaving = look().group(1, 2, "a< b+ c+").group(2, 1, "d+");
    row("who leaves counts to the ceiling", &stage, &leaving, "noted progress 1");
    let left = look().group(1, 2, "b+ c+").group(2, 1, "d+");
    row("and no longer when gone", &stage, &left, "noted gone 0001.0 a progress 1\nowed 7 raise 0002.0 1 to 2");
    stage.owe(raise(2, 1, 2));
    row("what is asked for is not asked for again", &stage, &left, "noted gone 0001.0 a progress 1");
    stage.settle(super::kit::done(2));
    let promised = look().group(1, 2, "b+ c+").group(2, 2, "d+");
    row("nor what is promised", &stage, &promised, "noted gone 0001.0 a progress 1");
}

#[test]
fn what_others_add_is_no_breach_and_nothing_is_raised_above_it() {
    let mut stage = Stage::rolling(surge(1));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    let more = look().group(1, 5, "a+ b+ c+ e+ f+").group(2, 1, "d+");
    let decided = "noted appeared 0001.0 e,f healthy 0001.0 e,f size 0001.0 5\nowed 6 lower 0001.0 5 by a,e,f";
    row("those in doubt leave first, then one that is ready", &stage, &more, decided);
    let wider = look().group(1, 3, "a+ b+ c+").group(2, 4, "d+");
    row("somebody raised the wanted group", &stage, &wider, "noted size 0002.0 4\nowed 6 lower 0001.0 3 by a");
}

#[test]
fn a_view_of_a_group_from_before_the_last_call_shows_no_room() {
    let mut stage = Stage::rolling(surge(2));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.retire(1, "a");
    let seen = look().group(1, 2, "b+ c+").group(2, 1, "d+");
    row("after it there is room for one", &stage, &seen, "noted gone 0001.0 a progress 1\nowed 7 raise 0002.0 1 to 3");
    let before = look().group(1, 2, "b+ c+").aged(5).group(2, 1, "d+");
    row("before it nobody knows", &stage, &before, "");
}

#[test]
fn a_size_that_others_lowered_under_who_stayed_is_set_to_what_is_there() {
    let mut stage = Stage::rolling_of(Stage::fleet(1), surge(1));
    stage.ready(2, "d");
    stage.retire(1, "a");
    stage.gone(1, "a");
    stage.note(|noted| (noted.progress, noted.sizes) = (Some(1), [(super::kit::group(2), 0)].into()));
    let held = look().group(1, 0, "").group(2, 0, "d*");
    row("it would be removed the moment nothing holds it", &stage, &held, "owed 7 raise 0002.0 0 to 1");
    row("not while the provider works on it", &stage, &held.clone().busy(), "");
    row("nor of what nobody vouches for", &stage, &held.unheard("1.1.0"), "");
}

#[test]
fn the_floor_counts_what_is_ready_alone() {
    let mut stage = Stage::rolling(surge(3).max_unavailable(1));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    let with = |old: &str, size| look().group(1, size, old).group(2, 1, "d+");
    let fill = "owed 7 raise 0002.0 1 to 3";
    let two = format!("owed 6 lower 0001.0 3 by a,b\n{fill}");
    row("four are ready, two must stay", &stage, &with("a+ b+ c+", 3), &two);
    let doubt = format!("owed 6 lower 0001.0 3 by a,c\n{fill}");
    row("of unknown health leaves first, and one ready", &stage, &with("a+ b+ c?", 3), &doubt);
    let down = format!("noted unhealthy 0001.0 a\nowed 6 lower 0001.0 3 by a,b\n{fill}");
    row("one bad look puts it in doubt", &stage, &with("a- b+ c+", 3), &down);
    let mut ill = stage.clone();
    ill.note(|noted| drop(noted.unhealthy.insert(super::kit::group(1), super::kit::keys("a b").into_iter().collect())));
    row("two make it down: down may always leave", &ill, &with("a- b- c+", 3), &format!("owed 6 lower 0001.0 3 by a,b\n{fill}"));
}

#[test]
fn where_the_floor_is_broken_only_what_is_down_may_leave() {
    let mut stage = Stage::rolling(fewer(1));
    let all_down = look().group(1, 3, "a- b- c-").group(2, 0, "");
    row("one bad look is no illness", &stage, &all_down, "noted unhealthy 0001.0 a,b,c");
    stage.note(|noted| drop(noted.unhealthy.insert(super::kit::group(1), super::kit::keys("a b c").into_iter().collect())));
    row("nor is the same look once more", &stage, &all_down, "");
    stage.pass(1);
    row("one goes, for the probe", &stage, &all_down, "owed 5 lower 0001.0 3 by a");
    let unknown = look().group(1, 3, "a? b? c?").group(2, 0, "");
    row("unknown is not down", &Stage::rolling(fewer(1)), &unknown, "");
    let mut going = stage.clone();
    going.retire(1, "a");
    row("one at a time", &going, &look().group(1, 2, "a< b- c-").group(2, 0, ""), "");
    going.gone(1, "a");
    going.ready(2, "d");
    going.note(|noted| noted.progress = Some(1));
    let next = look().group(1, 2, "b- c-").group(2, 1, "d+");
    row("as fast as it is replaced", &going, &next, "owed 7 lower 0001.0 2 by b");
    going.retire(1, "b");
    going.gone(1, "b");
    going.launch(2, "e");
    let booting = look().group(1, 1, "c-").group(2, 2, "d+ e:");
    row("not while its replacement boots", &going, &booting, "");
}

#[test]
fn a_view_in_part_or_too_old_raises_nothing() {
    let mut stage = Stage::rolling(surge(2));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    let part = || look().group(1, 3, "a+").partly();
    let lower = "owed 6 lower 0001.0 3 by a";
    row("the old in part", &stage, &part().group(2, 1, "d+"), "");
    row(
        "unless there was a whole one, which bounds it",
        &stage,
        &part().earlier(1, 3).group(2, 1, "d+"),
        "owed 6 raise 0002.0 1 to 2",
    );
    row("even if that was larger", &stage, &part().earlier(1, 5).group(2, 1, "d+"), "");
    let wanted = |look: Look| look.group(2, 1, "d+").partly();
    row("the wanted in part", &stage, &wanted(look().group(1, 3, "a+ b+ c+")), lower);
    row("the wanted in part, with a whole one before", &stage, &wanted(look().group(1, 3, "a+ b+ c+")).earlier(2, 1), lower);
    let old = look().group(1, 3, "a+ b+ c+").aged(61).group(2, 1, "d+");
    row("too old", &stage, &old, "");
    row(
        "old enough",
        &stage,
        &look().group(1, 3, "a+ b+ c+").aged(1).group(2, 1, "d+"),
        "owed 6 lower 0001.0 3 by a\nowed 7 raise 0002.0 1 to 2",
    );
    let mut written = stage.clone();
    written.retire(1, "a");
    let before = look().group(1, 3, "a+ b+ c+").aged(1).group(2, 1, "d+");
    row("from before our last write", &written, &before, "");
    let silent = look();
    row("nothing at all", &stage, &silent, "");
}

#[test]
fn facts_are_asked_of_each_raise() {
    let stage = Stage::rolling(surge(1));
    row("the registry does not know it", &stage, &fresh().unheard("1.1.0"), "");
    row("nor that it was asked a minute ago", &stage, &fresh().asked(61), "");
}

#[test]
fn slots_that_nothing_fills_are_given_up_when_late_and_idle() {
    let mut stage = Stage::rolling(surge(2));
    stage.ready(2, "d");
    stage.owe(raise(2, 1, 2));
    stage.settle(super::kit::done(2));
    stage.note(|noted| noted.progress = Some(1));
    stage.retire(1, "a");
    stage.gone(1, "a");
    let short = || look().group(1, 2, "b+ c+").group(2, 2, "d+");
    stage.pass(599);
    row("it may still come", &stage, &short(), "owed 8 raise 0002.0 2 to 3");
    stage.pass(1);
    row("late and idle", &stage, &short(), "owed 8 give up 0002.0 2 to 1");
    row("late and busy", &stage, &short().busy(), "owed 8 raise 0002.0 2 to 3");
    row("late and seen in part", &stage, &short().partly().earlier(2, 1), "");
    let mut asked = stage.clone();
    asked.owe(give_up(2, 2, 1));
    row("asked once", &asked, &short(), "");
    asked.settle(super::kit::done(1));
    row("then filled again", &asked, &look().group(1, 2, "b+ c+").group(2, 1, "d+"), "owed 9 raise 0002.0 1 to 3");
    let unwanted = look().group(1, 2, "b+").group(2, 2, "d+");
    row(
        "of what should leave nothing more is awaited",
        &stage,
        &unwanted,
        "noted gone 0001.0 c\nowed 8 give up 0001.0 2 to 1\nowed 9 give up 0002.0 2 to 1",
    );
}

#[test]
fn sizes_are_read_again_when_nothing_is_owed() {
    let mut stage = Stage::rolling(surge(1));
    stage.launch(2, "d");
    let other = || look().group(1, 4, "a+ b+ c+").group(2, 1, "d:");
    row("another's resize", &stage, &other(), "noted size 0001.0 4\nowed 6 give up 0001.0 4 to 3");
    row("not while it works", &stage, &other().busy(), "noted size 0001.0 4\nowed 6 give up 0001.0 4 to 3");
    row("not from a part", &stage, &look().group(1, 4, "a+ b+ c+").partly().group(2, 1, "d:"), "");
    row("not while the provider works on it", &stage, &look().group(1, 4, "a+ b+ c+").busy().group(2, 1, "d:"), "");
    stage.owe(lower(1, 3, "a"));
    row("not while a call is owed", &stage, &other(), "");
}

#[test]
fn of_an_empty_fleet_one_is_tried_if_there_is_room() {
    let empty = |strategy| Stage::first(Stage::fleet(0), strategy);
    let nothing = look().group(1, 0, "");
    row("with a surge", &empty(surge(1)), &nothing, "owed 2 raise 0001.0 0 to 1");
    let percent = Strategy::rolling().max_surge(Amount::from(Percent::new(25).unwrap()));
    let mut untried = empty(percent);
    row("a quarter of nothing is nothing", &untried, &nothing, "owed 2 upkeep 0001 heal true");
    untried.owe(super::kit::upkeep(1));
    untried.settle(super::kit::done(None));
    let filled = look().group(1, 1, "a:").says_decide(&untried);
    assert!(filled.contains("upkeep 0001 heal false"), "what others launch of it is not healed: {filled}");
    let mut early = Stage::rolling(surge(1));
    early.owe(super::kit::upkeep(2));
    early.settle(super::kit::done(None));
    let tried = look().group(1, 3, "a+ b+ c+").group(2, 0, "").says_decide(&early);
    assert!(tried.contains("upkeep 0002 heal false"), "nor what is to be tried: {tried}");
    let mut tried = empty(surge(1).on_first_failure(OnFirstFailure::Hold));
    tried.ready(1, "a");
    let one = look().group(1, 1, "a+");
    row("it is ready", &tried, &one, "noted progress 1\nowed 3 upkeep 0001 heal true");
}

#[test]
fn an_emptied_fleet_lets_all_go_though_nothing_new_was_tried() {
    let mut stage = Stage::proven_of(Stage::fleet(2), fewer(1));
    stage.fleet = Stage::fleet(0);
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    stage.step();
    row("to size 0", &stage, &look().group(1, 2, "a+ b+").group(2, 0, ""), "owed 5 lower 0001.0 2 by a,b");
}

#[test]
fn an_emptied_fleet_of_what_is_proven_tries_nothing() {
    let mut stage = Stage::proven_of(Stage::fleet(2), surge(1));
    stage.fleet = Stage::fleet(0);
    stage.open("1.0.0");
    stage.claim();
    stage.step();
    stage.note(|noted| noted.progress = Some(2));
    row("to size 0", &stage, &look().group(1, 2, "a+ b+"), "owed 4 lower 0001.0 2 by a,b");
}

#[test]
fn what_a_smaller_size_leaves_over_leaves_beside_the_probe() {
    let mut stage = Stage::proven_of(Stage::fleet(3), surge(1));
    stage.fleet = Stage::fleet(1);
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    stage.step();
    let old = || look().group(1, 3, "a+ b+ c+");
    row("two", &stage, &old().group(2, 0, ""), "owed 5 lower 0001.0 3 by a,b");
    row("though the new is seen in part", &stage, &old().group(2, 0, "").partly(), "owed 5 lower 0001.0 3 by a,b");
    let part = || look().group(1, 3, "a+ b+").partly();
    row("in part none but the one in its way", &stage, &part().group(2, 0, ""), "owed 5 lower 0001.0 3 by c");
    stage.launch(2, "d");
    row("and none once it is there", &stage, &part().group(2, 1, "d:"), "");
}

#[test]
fn what_one_group_is_asked_for_is_not_asked_of_another() {
    let mut stage = Stage::rolling_of(Stage::fleet(2).zones(["a".into(), "b".into()]), surge(2));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    let view = || look().group(1, 2, "a+ b+").group(1, 0, "").cell(1).group(2, 1, "d+");
    let new = || view().group(2, 0, "").cell(1);
    row("the empty group first", &stage, &new(), "owed 6 lower 0001.0 2 by a\nowed 7 raise 0002.1 0 to 1");
    let events = new().decide(&stage).events;
    events.into_iter().for_each(|event| stage.apply(event));
    row("while that is owed, no other", &stage, &new(), "");
}

#[test]
fn the_tries_of_an_earlier_rollout_do_not_count() {
    let mut stage = Stage::rolling(surge(1));
    stage.owe(raise(2, 0, 1));
    stage.settle(super::kit::done(1));
    stage.note(|noted| _ = noted.sizes.insert(super::kit::group(2), 0));
    let tried = "moved back to 0001 until +3630s: its first instance failed: it came and went between two looks";
    row("tried", &stage, &fresh(), tried);
    stage.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now });
    stage.apply(Event::Ended { outcome: Outcome::LeftMixed });
    stage.open("1.1.0");
    stage.claim();
    stage.step();
    row("tried anew", &stage, &fresh(), "owed 6 raise 0002.0 0 to 1");
}

#[test]
fn what_another_launches_is_no_try() {
    let another = look().group(1, 4, "a+ b+ c+ e+").group(2, 0, "");
    let tried = "noted appeared 0001.0 e healthy 0001.0 e size 0001.0 4\nowed 5 lower 0001.0 4 by e\nowed 6 raise 0002.0 0 to 1";
    row("another's launch of the old", &Stage::rolling(surge(2)), &another, tried);
    let new = look().group(1, 3, "a+ b+ c+").group(2, 0, "dx").because(FailureClass::Platform);
    let lost = "noted appeared 0002.0 d gone 0002.0 d charged 0002.0 d platform\nowed 5 raise 0002.0 0 to 1";
    row("another's launch of the new, lost to the platform, is none", &Stage::rolling(surge(2)), &new, lost);
}

#[test]
fn a_probe_that_boots_above_the_ceiling_needs_no_room() {
    let mut stage = Stage::rolling(fewer(2));
    stage.launch(2, "d");
    row("nobody leaves for it", &stage, &look().group(1, 3, "a+ b+ c+").group(2, 1, "d:"), "");
}

#[test]
fn of_those_that_may_leave_for_a_probe_the_worst_does_and_no_second() {
    let mut stage = Stage::rolling(fewer(2));
    let new = |old: &str| look().group(1, 3, old).group(2, 0, "");
    row("one in doubt", &stage, &new("a+ b+ c?"), "owed 5 lower 0001.0 3 by c");
    stage.note(|noted| drop(noted.unhealthy.insert(super::kit::group(1), super::kit::keys("b").into_iter().collect())));
    stage.pass(1);
    row("one that is down", &stage, &new("a+ b- c+"), "owed 5 lower 0001.0 3 by b");
}

#[test]
fn while_the_floor_holds_all_that_is_down_leaves_at_once() {
    let mut stage = Stage::rolling_of(Stage::fleet(5), fewer(3));
    stage.ready(2, "f");
    stage.launch(2, "g h");
    stage.note(|noted| noted.progress = Some(1));
    stage.note(|noted| drop(noted.unhealthy.insert(super::kit::group(1), super::kit::keys("a b c d").into_iter().collect())));
    stage.pass(1);
    let floor = look().group(1, 5, "a- b- c- d- e+").group(2, 3, "f+ g: h:");
    row("two are ready, two must stay", &stage, &floor, "owed 7 lower 0001.0 5 by a,b,c,d");
}

#[test]
fn who_leaves_the_old_counts_before_anybody_leaves_the_new() {
    let mut stage = Stage::rolling(surge(2));
    stage.ready(2, "d e f g");
    stage.note(|noted| noted.progress = Some(3));
    stage.retire(1, "b c");
    stage.gone(1, "b c");
    let look = look().group(1, 1, "a+").group(2, 4, "d+ e+ f+ g=");
    row("the floor holds without one, not without two", &stage, &look, "owed 7 lower 0001.0 1 by a");
}

#[test]
fn sizes_beyond_counting_are_as_many_as_can_be_counted() {
    let mut stage = Stage::rolling_of(Stage::fleet(2).zones(["a".into(), "b".into()]), surge(2));
    let old = || look().group(1, u32::MAX, "a+ b+").group(1, u32::MAX, "").cell(1);
    let look = old().group(2, 0, "").group(2, 0, "").cell(1);
    let decided = "noted size 0001.0 4294967295 size 0001.1 4294967295\nowed 5 give up 0001.0 4294967295 to 2\nowed 6 give up 0001.1 4294967295 to 0";
    row("nothing is raised beside them", &stage, &look, decided);
    stage.apply(look.decide(&stage).events[0].clone());
    assert_eq!(stage.state.generations()[&super::kit::group(1).generation].size(), u32::MAX);
}

#[test]
fn who_was_never_healthy_is_down_when_ill_and_not_while_it_boots() {
    let with = |newcomer: &str| look().group(1, 4, &format!("a? b? c? {newcomer}")).group(2, 0, "");
    let ill = "noted appeared 0001.0 z size 0001.0 4\nowed 5 lower 0001.0 4 by z";
    row("ill", &Stage::rolling(fewer(1)), &with("z-"), ill);
    row("booting", &Stage::rolling(fewer(1)), &with("z:"), "noted appeared 0001.0 z size 0001.0 4");
}

#[test]
fn a_group_that_is_certainly_not_there_holds_no_room() {
    let mut stage = Stage::rolling(surge(1));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.owe(lower(1, 3, "a"));
    let echo_until = Some(stage.now + MINUTE);
    stage.settle(OpResult::Done { size: Some(2), refused: Vec::new(), echo_until, removed: None });
    let deleted = look().absent(1).group(2, 1, "d+");
    let decided = "noted gone 0001.0 a,b,c progress 1\nowed 7 raise 0002.0 1 to 3";
    row("though its size may not be read yet", &stage, &deleted, decided);
}

#[test]
fn who_is_leaving_and_not_seen_in_a_part_holds_its_room() {
    let mut stage = Stage::rolling(surge(1));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.retire(1, "a");
    let part = look().group(1, 2, "b+ c+").partly().earlier(1, 2).group(2, 1, "d+");
    row("it may be there still", &stage, &part, "");
}

#[test]
fn of_those_in_doubt_who_boots_goes_before_who_may_serve() {
    let mut stage = Stage::proven_of(Stage::fleet(4), Strategy::rolling());
    stage.fleet = Stage::fleet(3);
    stage.strategy = Strategy::rolling().max_surge(1).max_unavailable(1);
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    stage.step();
    stage.note(|noted| drop(noted.gone.insert(group(1), vec![key("d")])));
    stage.note(|noted| drop(noted.appeared.insert(group(1), vec![key("x")])));
    let doubted = look().group(1, 4, "a? b+ c+ x:").group(2, 0, "");
    row("one too many", &stage, &doubted, "owed 5 lower 0001.0 4 by x");
}

#[test]
fn on_probation_no_size_that_others_have_lowered_is_set_back() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    stage.launch(2, "d");
    let lowered = look().group(1, 3, "a+ b+ c+").group(2, 0, "d:");
    row("it would be another launch", &stage, &lowered, "noted size 0002.0 0");
}
