//! `decide` over health: when an instance is ready, down or in doubt, to the millisecond, and who is blamed.

use std::time::Duration;

use immutable_core::fleet::{FailureClass, Verdict};
use immutable_core::rollout::Strategy;

use super::kit::{Stage, group, keys};
use super::sight::{look, row};

/// A release on its way, one more at a time: `d` of it is asked for and boots.
fn booting() -> Stage {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    stage.launch(2, "d");
    stage
}

/// As [`booting`], and `d` is ready.
fn ready() -> Stage {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1).max_failed(1));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage
}

fn milliseconds(mut stage: Stage, more: u64) -> Stage {
    stage.now = stage.now + Duration::from_millis(more);
    stage
}

#[test]
fn ready_after_min_ready_to_the_millisecond() {
    let mut stage = booting();
    stage.healthy(2, "d");
    let healthy = look().group(1, 3, "a+ b+ c+").group(2, 1, "d+");
    row("1 ms short", &milliseconds(stage.clone(), 9_999), &healthy, "");
    let decided = "noted exercised 0002 progress 1\nowed 6 lower 0001.0 3 by a";
    row("on it", &milliseconds(stage.clone(), 10_000), &healthy, decided);
    let wake = healthy.decide(&milliseconds(stage.clone(), 9_999)).wake_at;
    assert_eq!(wake, Some(stage.now + Duration::from_secs(10)), "and it wakes for it");
    stage.pass(9);
    let ill = look().group(1, 3, "a+ b+ c+").group(2, 1, "d-");
    row("illness begins it anew", &stage, &ill, "noted unhealthy 0002.0 d");
    let unknown = look().group(1, 3, "a+ b+ c+").group(2, 1, "d?");
    stage.pass(9);
    row("unknown does not count", &stage, &unknown, "");
    row("and takes nothing away", &stage, &healthy, decided);
}

#[test]
fn down_at_its_boot_deadline_to_the_millisecond() {
    let stage = booting();
    row(
        "of one that runs and is not heard nothing is known",
        &milliseconds(stage.clone(), 600_000),
        &look().group(1, 3, "a+ b+ c+").group(2, 1, "d?"),
        "",
    );
    // What does not even run fails whatever is heard of anybody's health.
    for (sign, class) in [("d:", "image"), ("d~", "health"), ("d-", "health")] {
        let look = look().group(1, 3, "a+ b+ c+").group(2, 1, sign);
        row("1 ms before", &milliseconds(stage.clone(), 599_999), &look, "");
        let decided = "moved back to 0001 until +4230s: its first instance failed: it was not healthy by its boot deadline";
        let decided = format!("noted charged 0002.0 d {class}\n{decided}");
        row("on it", &milliseconds(stage.clone(), 600_000), &look, &decided);
    }
    let wake = look().group(1, 3, "a+ b+ c+").group(2, 1, "d:").decide(&stage).wake_at;
    assert_eq!(wake, Some(stage.now + Duration::from_secs(600)));
    let mut flapping = booting();
    flapping.healthy(2, "d");
    let unknown = look().group(1, 3, "a+ b+ c+").group(2, 1, "d?");
    row("who was healthy once is not late", &milliseconds(flapping, 700_000), &unknown, "");
}

#[test]
fn required_sources_are_all_heard() {
    use Verdict::{Healthy, Starting, Unhealthy, Unknown};
    let fleet = Stage::fleet(3).required_sources(["boot".into(), "elb".into()]).min_ready(Duration::ZERO);
    let mut stage = Stage::rolling_of(fleet, Strategy::rolling().max_surge(1));
    stage.launch(2, "d");
    let with = |sources: &[(&str, Verdict)]| look().group(1, 3, "a+ b+ c+").group(2, 1, "d+").says(sources);
    let old = "noted"; // of the old nobody says what is required: they are in doubt
    let _ = old;
    row(
        "both healthy",
        &stage,
        &with(&[("boot", Healthy), ("elb", Healthy)]),
        "noted healthy 0002.0 d exercised 0002 progress 1",
    );
    for (what, sources) in [
        ("one is missing", &[("boot", Healthy), ("consul", Healthy)][..]),
        ("one is unknown", &[("boot", Healthy), ("elb", Unknown)]),
        ("one is starting", &[("boot", Healthy), ("elb", Starting)]),
        ("none speaks", &[]),
    ] {
        row(what, &stage, &with(sources), "");
    }
    let mut well = stage.clone();
    well.healthy(2, "d");
    row("one says ill, whatever is missing", &well, &with(&[("elb", Unhealthy)]), "noted unhealthy 0002.0 d");
    let other = with(&[("boot", Healthy), ("elb", Healthy), ("consul", Unhealthy)]);
    row("who is not required is not heard", &stage, &other, "noted healthy 0002.0 d exercised 0002 progress 1");
}

#[test]
fn another_image_and_a_held_one_are_never_ready() {
    let mut stage = booting();
    stage.healthy(2, "d");
    stage.pass(60);
    row("another image", &stage, &look().group(1, 3, "a+ b+ c+").group(2, 1, "d%"), "owed 6 lower 0002.0 1 by d");
    row("held", &stage, &look().group(1, 3, "a+ b+ c+").group(2, 1, "d="), "");
    row(
        "another image among the old does not count to the floor",
        &ready(),
        &look().group(1, 3, "a% b+ c+").group(2, 1, "d+"),
        "owed 6 lower 0001.0 3 by a",
    );
    row("a held one is not named", &ready(), &look().group(1, 3, "a= b+ c+").group(2, 1, "d+"), "");
}

#[test]
fn black_outs_freeze() {
    row("of all", &ready(), &look().group(1, 3, "a? b? c?").group(2, 1, "d?"), "");
    row("of the old", &ready(), &look().group(1, 3, "a? b? c?").group(2, 1, "d+"), "");
    row("of the new", &ready(), &look().group(1, 3, "a+ b+ c+").group(2, 1, "d?"), "");
    let mut ill = ready();
    ill.note(|noted| {
        noted.unhealthy.insert(group(1), keys("a b c").into_iter().collect());
        noted.unhealthy.insert(group(2), keys("d").into_iter().collect());
    });
    row("old and new ill together: nobody is charged or named", &ill, &look().group(1, 3, "a- b- c-").group(2, 1, "d-"), "");
    let mut new = ready();
    new.note(|noted| drop(noted.unhealthy.insert(group(2), keys("d").into_iter().collect())));
    new.pass(1);
    let alone = look().group(1, 3, "a+ b+ c+").group(2, 1, "d-");
    row("the new alone: it is charged and replaced", &new, &alone, "noted charged 0002.0 d health\nowed 6 lower 0002.0 1 by d");
}

#[test]
fn while_half_of_the_old_are_well_the_new_is_to_blame() {
    let blamed = "noted charged 0002.0 d health\nmoved back to 0001 until +3641s: 1 instances failed, 0 may; the last: it was healthy and is not any more";
    for (size, ill, old, decided) in [(2, "b", "a+ b-", blamed), (3, "c", "a+ b+ c-", blamed), (3, "b c", "a+ b- c-", "")] {
        let mut stage = Stage::rolling_of(Stage::fleet(size), Strategy::rolling().max_surge(1));
        stage.ready(2, "d");
        stage.note(|noted| {
            noted.unhealthy.insert(group(1), keys(ill).into_iter().collect());
            noted.unhealthy.insert(group(2), keys("d").into_iter().collect());
            noted.progress = Some(1);
        });
        stage.pass(1);
        row(old, &stage, &look().group(1, size, old).group(2, 1, "d-"), decided);
    }
}

#[test]
fn while_nothing_can_be_told_of_the_others_nobody_is_charged() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(3));
    stage.ready(2, "d e f");
    stage.note(|noted| {
        noted.unhealthy.insert(group(1), keys("a b c").into_iter().collect());
        noted.unhealthy.insert(group(2), keys("d e f").into_iter().collect());
        noted.progress = Some(3);
    });
    stage.pass(1);
    let one = "noted healthy 0002.0 e,f\nowed 6 lower 0001.0 3 by a";
    row("the old fell, one of the new did", &stage, &look().group(1, 3, "a- b- c-").group(2, 3, "d- e+ f+"), one);
    stage.gone(1, "a b c");
    row("the old have left, all of the new fell", &stage, &look().group(1, 0, "").group(2, 3, "d- e- f-"), "noted size 0001.0 0");
}

#[test]
fn on_probation_one_that_nobody_is_charged_with_stays() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1).probe_attempts(2));
    stage.launch(2, "d");
    stage.note(|noted| drop(noted.unhealthy.insert(group(1), keys("a b c").into_iter().collect())));
    stage.pass(600);
    let with = |old: &str, new: &str| look().group(1, 3, old).group(2, 1, new);
    row("of the health of all nothing can be told", &stage, &with("a- b- c-", "d~"), "");
    let down = "noted charged 0002.0 d image\nowed 6 lower 0002.0 1 by d";
    row("it does not even come up", &stage, &with("a- b- c-", "d:"), down);
    let ill = "noted healthy 0001.0 a,b,c charged 0002.0 d health\nowed 6 lower 0002.0 1 by d";
    row("the old are well", &stage, &with("a+ b+ c+", "d~"), ill);
    stage.apply(with("a- b- c-", "d:").decide(&stage).events[0].clone());
    row("it was charged before", &stage, &with("a- b- c-", "d~"), "owed 6 lower 0002.0 1 by d");
}

#[test]
fn nobody_is_charged_with_what_was_told_of_before_anything_was_launched() {
    let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling().max_surge(1));
    stage.open("1.1.0");
    stage.claim();
    let before = look().group(1, 3, "a+ b+ c+").incident("i-1", 1, None, FailureClass::Image);
    row("it is told of", &stage, &before, "noted told 0001 i-1\nowed 4 ensure 0002 of 1.1.0 heal false");
}

#[test]
fn incidents_are_charged_once() {
    let well = || look().group(1, 3, "a+ b+ c+").group(2, 1, "d+");
    let lower = "owed 6 lower 0001.0 3 by a";
    let told = || well().incident("i-1", 2, None, FailureClass::Image);
    row("told of", &ready(), &told(), &format!("noted charged 0002.0 i-1 image\n{lower}"));
    let named = well().incident("i-1", 2, Some("d"), FailureClass::Image);
    row("told of one that is well", &ready(), &named, &format!("noted charged 0002.0 d image\n{lower}"));
    let mut charged = ready();
    let events = told().decide(&charged).events;
    charged.apply(events[0].clone());
    row("told of again", &charged, &told(), lower);
    let second = told().incident("i-2", 2, None, FailureClass::Image);
    row(
        "one too many",
        &charged,
        &second,
        "noted charged 0002.0 i-2 image\nmoved back to 0001 until +3640s: 2 instances failed, 1 may; the last: in its words",
    );
    let old = well().incident("i-3", 1, None, FailureClass::Image);
    row("of the old, and never charged", &ready(), &old, &format!("noted told 0001 i-3\n{lower}"));
    let capacity = well().incident("i-4", 2, None, FailureClass::Capacity).incident("i-5", 2, None, FailureClass::Platform);
    row(
        "not the release's fault",
        &ready(),
        &capacity.incident("i-6", 2, None, FailureClass::Quota),
        &format!("noted charged 0002.0 i-4 capacity charged 0002.0 i-5 platform charged 0002.0 i-6 quota\n{lower}"),
    );
    let mut late = booting();
    late.pass(600);
    let both = look().group(1, 3, "a+ b+ c+").group(2, 1, "d:").incident("i-7", 2, Some("d"), FailureClass::Image);
    row(
        "an instance and its incident are one",
        &late,
        &both,
        "noted charged 0002.0 d image\nmoved back to 0001 until +4230s: its first instance failed: it was not healthy by its boot deadline",
    );
}

#[test]
fn who_is_gone_before_it_was_healthy_failed() {
    let gone = look().group(1, 3, "a+ b+ c+").group(2, 0, "");
    row(
        "the probe",
        &booting(),
        &gone,
        "noted gone 0002.0 d size 0002.0 0 charged 0002.0 d unknown\nmoved back to 0001 until +3630s: its first instance failed: it was gone before it was healthy",
    );
    row(
        "one that was ready is lost, not failed",
        &ready(),
        &gone,
        "noted gone 0002.0 d size 0002.0 0\nowed 6 raise 0002.0 0 to 1",
    );
    let stale = look().group(1, 3, "a+ b+ c+").group(2, 0, "d+");
    let mut after = ready();
    after.gone(2, "d");
    row("gone is final: a stale view brings nobody back", &after, &stale, "noted size 0002.0 0\nowed 6 raise 0002.0 0 to 1");
    let part = look().group(1, 3, "a+ b+ c+").group(2, 1, "").partly();
    row("absence from a part is not absence", &booting(), &part, "");
}

#[test]
fn in_whatever_order_a_view_comes_each_counts_once() {
    for old in ["a+ b+ c+", "c+ b+ a+", "b+ a+ c+ a+", "a+ a+ b+ c+"] {
        for new in ["d+", "d+ d+"] {
            let look = look().group(1, 3, old).group(2, 1, new);
            row(old, &ready(), &look, "owed 6 lower 0001.0 3 by a");
        }
    }
}

#[test]
fn who_was_gone_before_anybody_saw_them_is_noted_of_the_wanted_alone() {
    let old = look().group(1, 3, "a+ b+ c+ zx").group(2, 1, "d+");
    row("of the old", &ready(), &old, "owed 6 lower 0001.0 3 by a");
    let new = look().group(1, 3, "a+ b+ c+").group(2, 1, "d+ zx");
    let noted = "noted appeared 0002.0 z gone 0002.0 z charged 0002.0 z unknown\nowed 6 lower 0001.0 3 by a";
    row("of the wanted", &ready(), &new, noted);
}

#[test]
fn who_is_protected_and_not_ready_yet_is_a_member() {
    let newcomer = look().group(1, 4, "a+ b+ c+ z*").group(2, 1, "d+");
    let decided = "noted appeared 0001.0 z healthy 0001.0 z size 0001.0 4\nowed 6 lower 0001.0 4 by a";
    row("its slot is not given up", &ready(), &newcomer, decided);
}

#[test]
fn a_failure_says_what_happened() {
    let mut strict = Stage::rolling(Strategy::rolling().max_surge(1));
    strict.ready(2, "d");
    strict.note(|noted| noted.progress = Some(1));
    let failed = |what: &str| {
        let failed = "noted charged 0002.0 d health\nmoved back to 0001 until +3641s: 1 instances failed, 0 may; the last: ";
        format!("{failed}{what}")
    };
    strict.pass(1);
    let with = |new: &str| look().group(1, 3, "a+ b+ c+").group(2, 1, new);
    row("stopped", &strict, &with("d!"), &failed("it stopped"));
    let why = with("d!").because(FailureClass::Health);
    row("and why", &strict, &why, &failed("it stopped: in its words"));
    strict.note(|noted| drop(noted.unhealthy.insert(group(2), keys("d").into_iter().collect())));
    strict.now = strict.now + Duration::from_secs(1);
    let ill = failed("it was healthy and is not any more").replace("3641", "3642");
    row("ill", &strict, &with("d-"), &ill);
}

#[test]
fn who_was_named_and_has_gone_made_room_and_did_not_fail() {
    let mut stage = ready();
    stage.retire(1, "a");
    let left = look().group(1, 2, "b+ c+").group(2, 1, "d+");
    row("of the old", &stage, &left, "noted gone 0001.0 a progress 1\nowed 7 raise 0002.0 1 to 2");
    let mut stage = ready();
    stage.launch(2, "e");
    stage.retire(2, "e");
    let left = look().group(1, 3, "a+ b+ c+").group(2, 1, "d+");
    row("of the new, before it was healthy", &stage, &left, "noted gone 0002.0 e progress 1\nowed 8 lower 0001.0 3 by a");
}

#[test]
fn who_has_failed_goes_also_while_nobodys_health_can_be_told() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(3));
    stage.ready(2, "d e");
    stage.note(|noted| noted.progress = Some(2));
    stage.note(|noted| drop(noted.unhealthy.insert(group(2), keys("e").into_iter().collect())));
    stage.pass(10);
    let fallen = look().group(1, 3, "a- b- c-").group(2, 2, "d+ e-");
    let decided = "noted unhealthy 0001.0 a,b,c\nowed 6 lower 0002.0 2 by e";
    row("what is launched in its place serves, as others of the release do", &stage, &fallen, decided);
}
