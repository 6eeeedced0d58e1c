//! `decide` over failure: who is given up when, and what follows.

use immutable_core::fleet::Heals;
use immutable_core::id::StepIx;
use immutable_core::rollout::{Call, Event, Hold, Need, OnFirstFailure, Phase, RevertCause, StepState, Strategy};

use super::kit::{MINUTE, Stage, done, group, lower, paused, raise};
use super::sight::{Look, look, row, said};

fn surge(instances: u32) -> Strategy {
    Strategy::rolling().max_surge(instances)
}

/// Going back to generation 1 because somebody asked: `d` of generation 2 is ready, `a` has left.
fn reverting() -> Stage {
    let mut stage = Stage::rolling(surge(1));
    stage.ready(2, "d");
    stage.retire(1, "a");
    stage.gone(1, "a");
    let at = StepState::Moving { give_up_at: stage.now + 60 * MINUTE };
    stage.moved(Phase::Reverting { why: RevertCause::Asked, to: group(1).generation, at });
    stage
}

fn old_and(new: &str, size: u32) -> Look {
    look().group(1, 3, "a+ b+ c+").group(2, size, new)
}

#[test]
fn a_first_deployment_that_fails_is_torn_down_or_asks() {
    let hold = surge(1).on_first_failure(OnFirstFailure::Hold);
    for (what, strategy, decided) in [
        ("torn down", surge(1), "moved finishing with nothing until +4200s"),
        (
            "asks",
            hold,
            "moved held: the release failed (its first instance failed: it was not healthy by its boot deadline) and no release is proven to go back to",
        ),
    ] {
        let mut stage = Stage::first(Stage::fleet(3), strategy);
        stage.launch(1, "a");
        stage.pass(600);
        row(what, &stage, &look().group(1, 1, "a:"), &format!("noted charged 0001.0 a image\n{decided}"));
    }
    let mut going = Stage::first(Stage::fleet(3), surge(1));
    going.ready(1, "a b");
    let give_up_at = going.now + 60 * MINUTE;
    going.moved(Phase::Finishing { ending: immutable_core::rollout::Ending::Nothing, give_up_at });
    row("all of it goes, whatever the floor", &going, &look().group(1, 2, "a+ b+"), "owed 3 lower 0001.0 2 by a,b");
    going.retire(1, "a b");
    row("not removed while some are leaving", &going, &look().group(1, 0, "a< b<"), "");
    row("then removed", &going, &look().group(1, 0, ""), "noted gone 0001.0 a,b\nowed 4 destroy 0001");
}

#[test]
fn a_probe_is_tried_as_often_as_allowed() {
    let mut stage = Stage::rolling(surge(1).probe_attempts(2));
    stage.launch(2, "d");
    stage.pass(600);
    row("the first fails and goes", &stage, &old_and("d:", 1), "noted charged 0002.0 d image\nowed 6 lower 0002.0 1 by d");
    stage.apply(old_and("d:", 1).decide(&stage).events[0].clone());
    stage.retire(2, "d");
    row("not while it leaves", &stage, &old_and("d<", 0), "");
    row("then a second", &stage, &old_and("dx", 0), "noted gone 0002.0 d\nowed 7 raise 0002.0 0 to 1");
    stage.gone(2, "d");
    stage.launch(2, "e");
    stage.pass(600);
    row(
        "and no third",
        &stage,
        &old_and("e:", 1),
        "noted charged 0002.0 e image\nmoved back to 0001 until +4830s: its first 2 instances failed: it was not healthy by its boot deadline",
    );
}

#[test]
fn a_step_without_progress_is_given_up() {
    let mut stage = Stage::rolling(surge(1));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.pass(1199);
    row("just in time", &stage, &old_and("d+", 1), "owed 6 lower 0001.0 3 by a");
    stage.pass(1);
    row("too long", &stage, &old_and("d+", 1), "moved back to 0001 until +4840s: no progress within the deadline");
    let progress = look().group(1, 3, "a+ b+ c+").group(2, 2, "d+ e+");
    let mut more = stage.clone();
    more.pass(0);
    let late = progress.decide(&more).events;
    assert!(!late.is_empty());
    let mut stuck = Stage::rolling(surge(1));
    stuck.ready(2, "d");
    stuck.retire(1, "a");
    stuck.gone(1, "a");
    stuck.ready(2, "e");
    stuck.retire(1, "b");
    stuck.gone(1, "b");
    stuck.ready(2, "f");
    stuck.note(|noted| noted.progress = Some(3));
    stuck.pass(1200);
    row(
        "only the held does not leave",
        &stuck,
        &look().group(1, 1, "c=").group(2, 3, "d+ e+ f+"),
        "moved held: what should be removed does not go: of group 0001.0 on standby: c",
    );
}

#[test]
fn progress_counts_on_the_very_look_that_brings_it() {
    let mut stage = Stage::rolling(surge(2));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.launch(2, "e");
    stage.pass(1100);
    stage.healthy(2, "e");
    stage.pass(100);
    row("progress at the deadline", &stage, &old_and("d+ e+", 2), "noted progress 2\nowed 7 lower 0001.0 3 by a,b");
}

#[test]
fn a_rollback_has_a_deadline_and_then_asks() {
    let mut stage = reverting();
    let look = || look().group(1, 2, "b+ c+").group(2, 1, "d+");
    row("the baseline is filled first", &stage, &look(), "owed 7 raise 0001.0 2 to 3");
    stage.owe(raise(1, 2, 3));
    stage.pass(59);
    row("it waits", &stage, &look(), "");
    stage.pass(60 * 60 - 59);
    let asks = look().decide(&stage).events;
    let why = "2 of 3 of generation 0001 are ready; no answer to call 7, group 0001.0 from 2 to 3, for 1h";
    let late = "moved held: the rollback has taken longer than its deadline:";
    assert_eq!(said(asks.last().unwrap()), format!("{late} {why}"));
    let mut there = reverting();
    there.pass(60 * 60);
    let all = super::sight::look().group(1, 2, "b+ c+").group(2, 1, "d*").busy();
    row(
        "one stays",
        &there,
        &all,
        &format!("{late} 2 of 3 of generation 0001 are ready; of group 0002.0 protected from termination: d"),
    );
}

#[test]
fn a_revoked_release_goes_back_and_a_revoked_baseline_is_not_launched() {
    let mut stage = Stage::rolling(surge(1));
    stage.launch(2, "d");
    row(
        "the wanted",
        &stage,
        &old_and("d:", 1).revoked("1.1.0"),
        "moved back to 0001 until +3630s: the release was revoked: it leaks",
    );
    row("the baseline, while all of it runs", &stage, &old_and("d:", 1).revoked("1.0.0"), "");
    let short = look().group(1, 2, "b+ c+").group(2, 1, "d+").revoked("1.0.0");
    row(
        "the baseline, when it would have to be launched",
        &reverting(),
        &short,
        "moved held: the proven release cannot be launched: it was revoked: it leaks",
    );
    let first = Stage::first(Stage::fleet(3), surge(1));
    row("a first release", &first, &look().group(1, 0, "").revoked("1.0.0"), "moved finishing with nothing until +3600s");
}

#[test]
fn the_very_release_that_is_given_up_is_no_way_back() {
    let mut stage = Stage::proven_of(Stage::fleet(3), surge(1));
    stage.fleet = Stage::fleet(4);
    stage.open("1.0.0");
    stage.claim();
    stage.step();
    let look = || look().group(1, 3, "a+ b+ c+");
    stage.note(|noted| noted.progress = Some(3));
    let asks = "moved held: the proven release cannot be launched: it is the very release that is given up: the release was revoked: it leaks";
    row("revoked", &stage, &look().revoked("1.0.0"), asks);
    let mut deleted = stage.clone();
    deleted.gone(1, "a b c");
    deleted.note(|noted| noted.absent.push(group(1).generation));
    let asks = "moved held: the proven release cannot be launched: it is the very release that is given up: generation 0001 was deleted by \
                someone else";
    row("deleted, and forgotten", &deleted, &super::sight::look(), asks);
    stage.pass(1200);
    row("late", &stage, &look(), "moved back to 0001 until +4830s: no progress within the deadline");
}

#[test]
fn the_way_back_is_a_generation_that_holds_the_fleet() {
    for (size, to) in [(100, "0001"), (101, "0003")] {
        let mut stage = Stage::proven_of(Stage::fleet(3), surge(1));
        stage.fleet = Stage::fleet(size);
        stage.open("1.1.0");
        stage.claim();
        stage.make(2);
        stage.step();
        let back = format!("moved back to {to} until +3630s: the release was revoked: it leaks");
        row(&format!("at {size}"), &stage, &look().group(1, 3, "a+ b+ c+").group(2, 0, "").revoked("1.1.0"), &back);
    }
}

#[test]
fn the_way_back_is_a_generation_of_the_proven_release_however_much_another_has() {
    let mut stage = Stage::rolling(surge(2));
    stage.ready(2, "d e f g");
    stage.moved(Phase::Finishing { ending: immutable_core::rollout::Ending::Mixed, give_up_at: stage.now });
    stage.apply(Event::Ended { outcome: immutable_core::rollout::Outcome::LeftMixed });
    stage.open("1.2.0");
    stage.claim();
    stage.make(3);
    stage.step();
    let revoked = look().group(1, 3, "a+ b+ c+").group(2, 4, "d+ e+ f+ g+").group(3, 0, "").revoked("1.2.0");
    row("the old", &stage, &revoked, "moved back to 0001 until +3640s: the release was revoked: it leaks");
}

#[test]
fn a_revoked_baseline_is_kept_while_it_runs() {
    let mut stage = Stage::rolling(surge(1));
    stage.ready(2, "d");
    let at = StepState::Moving { give_up_at: stage.now + 60 * MINUTE };
    stage.moved(Phase::Reverting { why: RevertCause::Asked, to: group(1).generation, at });
    row("all of it", &stage, &old_and("d+", 1).revoked("1.0.0"), "owed 6 lower 0002.0 1 by d");
}

#[test]
fn what_was_there_before_a_first_release_that_fails_is_not_torn_down() {
    let mut stage = Stage::first(Stage::fleet(3), surge(1));
    stage.moved(Phase::Finishing { ending: immutable_core::rollout::Ending::Mixed, give_up_at: stage.now });
    stage.apply(Event::Ended { outcome: immutable_core::rollout::Outcome::LeftMixed });
    stage.open("1.0.0");
    stage.claim();
    stage.step();
    let asks = "moved held: the release failed (the release was revoked: it leaks) and no release is proven to go back to";
    row("it asks", &stage, &look().group(1, 0, "").revoked("1.0.0"), asks);
}

#[test]
fn what_somebody_else_deleted_is_replaced() {
    let mut stage = Stage::rolling(surge(1));
    stage.ready(2, "d");
    row(
        "the wanted",
        &stage,
        &look().group(1, 3, "a+ b+ c+").absent(2),
        "noted gone 0002.0 d absent 0002\nmoved back to 0001 until +3640s: generation 0002 was deleted by someone else",
    );
    row(
        "the baseline, on the way forward",
        &stage,
        &look().absent(1).group(2, 1, "d+"),
        "noted gone 0001.0 a,b,c absent 0001 progress 1\nowed 6 raise 0002.0 1 to 3",
    );
    let mut without = stage.clone();
    without.gone(1, "a b c");
    without.note(|noted| noted.absent.push(group(1).generation));
    let gone = look().absent(2);
    row(
        "then the wanted: the baseline is made anew",
        &without,
        &gone,
        "noted gone 0002.0 d absent 0002\nmoved back to 0003 until +3640s: generation 0002 was deleted by someone else",
    );
    row(
        "both at once",
        &stage,
        &look().absent(1).absent(2),
        "noted gone 0001.0 a,b,c gone 0002.0 d absent 0001 absent 0002\nmoved back to 0003 until +3640s: generation 0002 was deleted by someone else",
    );
    row(
        "the baseline, on the way back to it",
        &reverting(),
        &look().absent(1).group(2, 1, "d+"),
        "noted gone 0001.0 b,c absent 0001\nmoved back to 0003 until +3640s: asked for",
    );
}

#[test]
fn a_baseline_made_anew_has_its_release_under_a_new_ordinal() {
    let mut stage = Stage::rolling(surge(1));
    stage.ready(2, "d");
    stage.gone(1, "a b c");
    stage.note(|noted| noted.absent.push(group(1).generation));
    let at = StepState::Moving { give_up_at: stage.now + 60 * MINUTE };
    stage.moved(Phase::Reverting { why: RevertCause::Deadline, to: group(3).generation, at });
    let look = || look().group(2, 1, "d+");
    row("it is made", &stage, &look(), "owed 6 ensure 0003 of 1.0.0 heal false");
    let Event::Owed { call: Call::Ensure(spec), .. } = look().decide(&stage).events[0].clone() else { panic!() };
    stage.owe(Call::Ensure(spec));
    stage.settle(done(None));
    row("and launched, under the ceiling", &stage, &look().group(3, 0, ""), "owed 7 raise 0003.0 0 to 3");
}

#[test]
fn a_baseline_made_anew_has_groups_for_the_fleet_as_it_is_now() {
    let mut stage = Stage::proven_of(Stage::fleet(3), surge(1));
    stage.fleet = Stage::fleet(100);
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    stage.step();
    let at = StepState::Moving { give_up_at: stage.now + 60 * MINUTE };
    stage.moved(Phase::Reverting { why: RevertCause::Deadline, to: group(3).generation, at });
    let events = look().group(1, 3, "a+ b+ c+").group(2, 0, "").group(2, 0, "").cell(1).decide(&stage).events;
    let Event::Owed { call: Call::Ensure(spec), .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!(spec.groups.iter().map(|group| group.max).sum::<u32>(), 200, "for 101 at once, 100 in each");
}

#[test]
fn what_is_made_is_launched_into_unless_somebody_deletes_it() {
    let mut stage = Stage::proven_of(Stage::fleet(3), surge(1));
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    let old = || look().group(1, 3, "a+ b+ c+");
    let deleted = "moved finishing refused until +3630s: generation 0002 was deleted by someone else";
    row("it is there", &stage, &old().group(2, 0, ""), "moved step 0 until +1230s");
    row("it is not there any more", &stage, &old().absent(2), &format!("noted absent 0002\n{deleted}"));
    stage.note(|noted| noted.absent.push(group(2).generation));
    row("nor was it at the last look", &stage, &old(), deleted);
}

#[test]
fn what_is_not_made_in_time_is_refused() {
    let mut stage = Stage::proven_of(Stage::fleet(3), surge(1));
    stage.open("1.1.0");
    stage.claim();
    let old = || look().group(1, 3, "a+ b+ c+");
    let Event::Owed { call, .. } = old().decide(&stage).events[0].clone() else { panic!() };
    stage.owe(call);
    stage.pass(1199);
    row("just in time", &stage, &old(), "renewed 4 +1229s");
    stage.pass(1);
    let late = "moved finishing refused until +4830s: the provider has not made the generation within 20m";
    row("too late", &stage, &old(), &format!("renewed 4 +1230s\n{late}"));
}

#[test]
fn a_step_that_is_not_the_first_goes_on_from_the_state_alone() {
    let stage = Stage::rolling(surge(1));
    assert!(matches!(&stage.state.rollout().unwrap().phase, Phase::Stepping { step: StepIx(0), .. }));
    let mut always = Stage::empty(Stage::fleet(3), surge(1));
    always.heals = Heals::Always;
    always.open("1.0.0");
    always.claim();
    row("where healing cannot be switched off it is not asked for", &always, &look(), "owed 1 ensure 0001 of 1.0.0 heal true");
    let mut quiet = Stage::empty(Stage::fleet(3), surge(1));
    quiet.open("1.0.0");
    quiet.claim();
    row("where it can, the wanted does not heal until it is proven", &quiet, &look(), "owed 1 ensure 0001 of 1.0.0 heal false");
}

#[test]
fn who_was_named_by_a_call_that_came_to_nothing_is_named_again_while_the_floor_holds() {
    let mut stage = Stage::rolling(surge(1));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.owe(lower(1, 3, "a"));
    let echo_until = Some(stage.now + 2 * MINUTE);
    let why = immutable_core::rollout::Refused {
        kind: immutable_core::ErrorKind::Throttled,
        retry: immutable_core::error::Retry::Backoff,
        what: "too many".into(),
        found: None,
        echo_until,
    };
    stage.settle(immutable_core::rollout::OpResult::Failed(why));
    let same = || old_and("d+", 1);
    row("a copy may yet arrive: it counts as leaving, and is left alone", &stage, &same(), "");
    stage.pass(120);
    row("none can any more: named again", &stage, &same(), "owed 7 lower 0001.0 3 by a");
    row("a partial view: not named on what is not seen", &stage, &look().group(1, 3, "b+ c+").partly().group(2, 1, "d+"), "");
    let mut lost = stage.clone();
    lost.gone(1, "b");
    let short = || look().group(1, 3, "a+ c+");
    row("another was lost meanwhile: the floor would not hold", &lost, &short().busy().group(2, 1, "d+"), "");
    let idle = short().group(2, 1, "d+");
    row("and of the slots only the one that is empty is given up", &lost, &idle, "owed 7 give up 0001.0 3 to 2");
    lost.note(|noted| drop(noted.unhealthy.insert(group(1), super::kit::keys("a").into_iter().collect())));
    lost.pass(1);
    let down = look().group(1, 3, "a- c+").group(2, 1, "d+");
    row("what is down may go whatever the floor", &lost, &down, "owed 7 lower 0001.0 3 by a");
    let stopped = look().group(1, 3, "a! c+").group(2, 1, "d+");
    row("and what stopped", &lost, &stopped, "owed 7 lower 0001.0 3 by a");
}

#[test]
fn what_could_not_be_made_at_once_is_asked_for_again_as_it_was() {
    let mut stage = Stage::empty(Stage::fleet(3), surge(1));
    stage.heals = Heals::Always;
    stage.open("1.0.0");
    stage.claim();
    let Event::Owed { call, .. } = look().decide(&stage).events[0].clone() else { panic!() };
    stage.owe(call);
    let why = immutable_core::rollout::Refused {
        kind: immutable_core::ErrorKind::Throttled,
        retry: immutable_core::error::Retry::Backoff,
        what: "too many".into(),
        found: None,
        echo_until: None,
    };
    stage.settle(immutable_core::rollout::OpResult::Failed(why));
    row("not before the provider takes calls again", &stage, &look(), "");
    stage.pass(1);
    stage.heals = Heals::Switchable;
    row("though healing could be switched off by now", &stage, &look(), "owed 2 ensure 0001 of 1.0.0 heal true");
}

#[test]
fn a_step_that_is_late_in_the_dark_blames_nobody_and_asks() {
    let mut stage = Stage::rolling(surge(1));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.pass(1200);
    let silent = "moved held: for too long nothing was heard of the fleet's health";
    let late = "moved back to 0001 until +4840s: no progress within the deadline";
    let seen = |old: &str, new: &str| look().group(1, 3, old).group(2, 1, new);
    row("no word on anybody", &stage, &seen("a? b? c?", "d?"), silent);
    row("a word on one", &stage, &seen("a? b? c?", "d~"), late);
    row("a word on the first alone", &stage, &seen("a~ b? c?", "d?"), late);
    row("a group in part", &stage, &look().group(1, 3, "a+ b+").partly().group(2, 1, "d+"), silent);
    let mut nobody = stage.clone();
    nobody.gone(1, "a b c");
    nobody.gone(2, "d");
    let empty = "noted size 0001.0 0 size 0002.0 0\nmoved back to 0001 until +4840s: no progress within the deadline";
    row("nobody there to be heard", &nobody, &look().group(1, 0, "").group(2, 0, ""), empty);
}

#[test]
fn a_step_that_is_late_because_the_old_do_not_make_room_blames_nobody() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(0).max_unavailable(1));
    for (old, new) in [("a", "d"), ("b", "e")] {
        stage.retire(1, old);
        stage.gone(1, old);
        stage.ready(2, new);
    }
    stage.note(|noted| noted.progress = Some(2));
    stage.pass(1200);
    let stuck = |why: &str| format!("moved held: what should be removed does not go: of group 0001.0 {why}");
    let late = "moved back to 0001 until +4850s: no progress within the deadline";
    for (old, new, decided) in [
        ("c=", "d+ e+", stuck("on standby: c")),
        ("c*", "d+ e+", stuck("protected from termination: c")),
        ("c<", "d+ e+", stuck("on their way out, by no call of ours: 1")),
        ("c+", "d+ e+", late.to_owned()),
        ("c=", "d+ e~", late.to_owned()),
        ("c=", "d~ e~", late.to_owned()),
    ] {
        row(&format!("{old} {new}"), &stage, &look().group(1, 1, old).group(2, 2, new), &decided);
    }
}

#[test]
fn a_step_that_is_late_and_has_nothing_blames_the_release_whoever_is_in_the_way() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(0).max_unavailable(1));
    stage.pass(1200);
    row(
        "nothing was asked for",
        &stage,
        &look().group(1, 3, "a= b= c=").group(2, 0, ""),
        "moved back to 0001 until +4830s: no progress within the deadline",
    );
}

#[test]
fn of_a_generation_that_is_being_made_what_is_there_is_counted_and_of_one_refused_only_its_own() {
    let mut stage = Stage::proven_of(Stage::fleet(3), surge(1));
    stage.open("1.1.0");
    stage.claim();
    let look = || look().group(1, 3, "a+ b+ c+");
    let Event::Owed { call, .. } = look().decide(&stage).events[0].clone() else { panic!() };
    stage.owe(call);
    let there = look().group(2, 1, "z+");
    row("being made", &stage, &there, "noted appeared 0002.0 z healthy 0002.0 z");
    let why = immutable_core::rollout::Refused {
        kind: immutable_core::ErrorKind::Taken,
        retry: immutable_core::error::Retry::Never,
        what: "it is another's".into(),
        found: None,
        echo_until: None,
    };
    stage.settle(immutable_core::rollout::OpResult::Failed(why));
    stage.pass(1);
    row("another's", &stage, &there, "noted absent 0002\nmoved finishing refused until +3631s: it is another's");
}

#[test]
fn on_the_way_back_a_few_are_tried_and_then_a_person_is_asked() {
    let mut stage = Stage::rolling(Strategy::rolling().rollback_attempts(2));
    stage.ready(2, "d e f");
    stage.retire(1, "a b");
    stage.gone(1, "a b");
    let at = StepState::Moving { give_up_at: stage.now + 60 * MINUTE };
    let reverting = Phase::Reverting { why: RevertCause::Asked, to: group(1).generation, at };
    stage.moved(reverting.clone());
    let ill = look().group(1, 1, "c!").group(2, 3, "d+ e+ f+");
    row("who was there before is not counted", &stage, &ill, "owed 7 lower 0001.0 1 by c");
    for name in ["x", "y"] {
        stage.launch(1, name);
        let gone = look().group(1, 1, &format!("c+ {name}x")).group(2, 3, "d+ e+ f+");
        let events = gone.decide(&stage).events;
        let charged = said(&events[0]);
        assert!(charged.contains(&format!("charged 0001.0 {name} unknown")), "{charged}");
        if name == "y" {
            let asks = "moved held: the proven release cannot be launched: 2 of its instances failed on the way back, 2 are tried; the last: it \
                        was gone before it was healthy";
            row("the second", &stage, &gone, &format!("{charged}\n{asks}"));
        }
        stage.apply(events[0].clone());
    }
    let held = Phase::Held {
        why: Hold::Needs(Need::BaselineUnlaunchable { why: "2 of its instances failed".into() }),
        resume: Box::new(reverting.clone()),
        since: stage.now,
    };
    stage.moved(held);
    stage.moved(reverting);
    let tried = look().group(1, 1, "c+").group(2, 3, "d+ e+ f+");
    row("who is to try again has them all again", &stage, &tried, "owed 9 lower 0002.0 3 by d");
}

#[test]
fn a_pause_spares_no_probe() {
    let mut stage = Stage::rolling(Strategy::rolling());
    stage.launch(2, "d");
    let stepping = stage.state.rollout().unwrap().phase.clone();
    stage.moved(Phase::Held { why: paused(), resume: Box::new(stepping.clone()), since: stage.now });
    stage.pass(30);
    let gone = look().group(1, 3, "a+ b+ c+").group(2, 0, "dx");
    row("it dies", &stage, &gone, "noted gone 0002.0 d size 0002.0 0 charged 0002.0 d unknown");
    let noted = gone.decide(&stage).events[0].clone();
    stage.apply(noted);
    stage.moved(stepping);
    row(
        "and that is the end when it goes on",
        &stage,
        &look().group(1, 3, "a+ b+ c+").group(2, 0, ""),
        "moved back to 0001 until +3660s: its first instance failed: as noted before",
    );
}
