//! What is amiss with a fleet in which no rollout runs.

use std::sync::Arc;
use std::time::Duration;

use immutable_core::error::{ErrorKind, Retry};
use immutable_core::fleet::{
    Drift, Fleet, GenerationId, GroupId, Heals, OnDrift, POOL_CHECK, Placement, Resize, Split, Upkeep, Verdict,
};
use immutable_core::rollout::{
    Amiss, Call, Ending, Event, OpResult, Outcome, Phase, Plan, Refused, RevertCause, Standing, StepState, Strategy, Supersede,
    Wanted,
};
use immutable_core::{Digest, Timestamp};

use super::kit::{MINUTE, Stage, capabilities, done, keys, route, switch};
use super::sight::{Look, look};

/// Generation 1 is proven and has `a b c`, all of them ready; no rollout runs.
fn kept(fleet: Fleet) -> Stage {
    let mut stage = Stage::proven_of(fleet, Strategy::rolling().max_surge(1));
    stage.pass(600);
    stage
}

fn three(spelled: &str, size: u32) -> Look {
    look().group(1, size, spelled)
}

fn amiss(stage: &Stage, look: &Look) -> Option<Amiss> {
    match look.standing(stage) {
        Standing::Amiss(amiss) => Some(*amiss),
        Standing::Well | Standing::Unknown => None,
    }
}

/// What is amiss, how long it may be so in seconds, and the size to be had.
fn is_amiss(stage: &Stage, look: &Look) -> Option<(String, u64, u32)> {
    let amiss = amiss(stage, look)?;
    let what: Vec<_> = amiss.what.iter().map(|what| &**what).collect();
    Some((what.join("; "), amiss.patience.as_secs(), amiss.fleet.desired()))
}

#[track_caller]
fn well(what: &str, stage: &Stage, look: &Look) {
    assert_eq!(look.standing(stage), Standing::Well, "{what}");
}

#[track_caller]
fn unknown(what: &str, stage: &Stage, look: &Look) {
    assert_eq!(look.standing(stage), Standing::Unknown, "{what}");
}

#[track_caller]
fn row(what: &str, stage: &Stage, look: &Look, amiss: Option<(&str, u64, u32)>) {
    assert_eq!(is_amiss(stage, look), amiss.map(|(what, patience, size)| (what.to_owned(), patience, size)), "{what}");
}

#[test]
fn what_is_not_seen_for_certain_is_neither_well_nor_amiss() {
    let stage = kept(Stage::fleet(3));
    for (what, look) in [
        ("all there", three("a+ b+ c+", 3)),
        ("a stranger", three("a+ b+ c+", 3).stranger("web-0009")),
        ("somebody says a size that nobody follows", three("a+ b+ c+", 3).follows(9)),
    ] {
        well(what, &stage, &look);
    }
    for (what, look) in [
        ("of unknown health", three("a? b+ c+", 3)),
        ("not checked any more", three("a+ b~ c:", 3)),
        ("seen in part", three("a+", 3).partly()),
        ("too old", three("a+", 3).aged(61)),
        ("asked too long ago", three("a+", 3).asked(61)),
        ("the provider works on it", three("a+", 5).busy()),
        ("not looked at", look()),
    ] {
        unknown(what, &stage, &look);
    }
    row("just young enough", &stage, &three("a+ b+", 3).aged(60), Some(("of group 0001.0 1 of 3 are missing or ill", 610, 3)));
    let mut running = stage.clone();
    running.open("1.1.0");
    unknown("a rollout runs", &running, &three("a+", 3));
    let empty = Stage::empty(Stage::fleet(3), Strategy::rolling());
    unknown("nothing was rolled out", &empty, &three("a+", 3));
}

/// Generation 1 has two groups, `a b` in zone one and `c` in zone two.
fn in_two_zones() -> Stage {
    let fleet = Stage::fleet(3).zones(["one", "two"].map(Into::into));
    let mut stage = Stage::empty(fleet, Strategy::rolling().max_surge(1));
    stage.open("1.0.0");
    stage.claim();
    stage.make(1);
    stage.step();
    for (cell, size, names) in [(0, 2, "a b"), (1, 1, "c")] {
        let group = GroupId { generation: GenerationId(1), cell };
        stage.owe(Call::Resize(Arc::new(Resize::Raise { group, from: 0, to: size })));
        stage.settle(done(size));
        stage.note(|noted| drop(noted.appeared.insert(group, keys(names).into_iter().collect())));
        stage.note(|noted| drop(noted.healthy.insert(group, keys(names).into_iter().collect())));
    }
    stage.note(|noted| noted.exercised.push(GenerationId(1)));
    stage.owe(Call::Upkeep(GenerationId(1), Upkeep::default()));
    stage.settle(done(None));
    stage.apply(Event::Proven { generation: GenerationId(1), instances: 3, evidence: Digest::of(b"as read") });
    stage.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: stage.now + 60 * MINUTE });
    stage.apply(Event::Ended { outcome: Outcome::Succeeded });
    stage.pass(600);
    stage
}

#[test]
fn a_group_that_is_not_seen_hides_nothing_of_the_others() {
    let stage = in_two_zones();
    let first = |names: &str| look().group(1, 2, names);
    let all = |first: Look| first.group(1, 1, "c+").cell(1);
    well("both", &stage, &all(first("a+ b+")));
    unknown("the first is worked on", &stage, &all(first("a+ b+").busy()));
    unknown("the first in part", &stage, &all(first("a+ b+").partly()));
    unknown("the second not at all", &stage, &first("a+ b+"));
    let missing = Some(("of group 0001.0 1 of 2 are missing or ill", 610, 3));
    let and_busy = "of group 0001.0 1 of 2 are missing or ill; the provider works on group 0001.1";
    row("the second is worked on for ever", &stage, &first("a+").group(1, 1, "").cell(1).busy(), Some((and_busy, 610, 3)));
    row("the second in part", &stage, &first("a+").group(1, 1, "").cell(1).partly(), missing);
}

#[test]
fn a_group_that_somebody_deleted_is_amiss_unless_the_others_make_up_for_it() {
    let stage = in_two_zones();
    let zone_one_gone = look().absent(1);
    let why = Some(("group 0001.0 was deleted by someone else", 0, 3));
    row("one of two", &stage, &zone_one_gone.clone().group(1, 1, "c+").cell(1), why);
    // Its provider would not make it again, so all are in zone two.
    let mut refused = stage.clone();
    refused.open("1.0.0");
    refused.claim();
    refused.not_mended(1);
    refused.step();
    let [first, second] = [0, 1].map(|cell| GroupId { generation: GenerationId(1), cell });
    refused.note(|noted| noted.sizes.extend([(first, 0)]));
    refused.owe(Call::Resize(Arc::new(Resize::Raise { group: second, from: 1, to: 3 })));
    refused.settle(done(3));
    refused.apply(Event::Proven { generation: GenerationId(1), instances: 3, evidence: Digest::of(b"as read") });
    refused.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: refused.now + MINUTE });
    refused.apply(Event::Ended { outcome: Outcome::Succeeded });
    refused.pass(600);
    well("made up for", &refused, &zone_one_gone.group(1, 3, "c+ d+ e+").cell(1));
}

#[test]
fn what_is_all_gone_is_made_anew_where_it_was() {
    let stage = in_two_zones();
    let gone = amiss(&stage, &look().absent(1).absent(1).cell(1)).unwrap();
    let plan = Plan::keeping(&stage.state, &gone, &capabilities(stage.heals), None).unwrap();
    let Wanted::New(spec) = plan.wanted() else { panic!("{plan}") };
    let placed: Vec<_> = spec.groups.iter().map(|group| group.placement.clone()).collect();
    assert_eq!(placed, ["one", "two"].map(|zone| Placement::Zone(zone.into())));
}

/// 1.1.0 was tried as generation 2 and given up. The group is there, or was `refused`: somebody else's has its name.
fn given_up(refused: bool) -> Stage {
    let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling().max_surge(1));
    stage.open("1.1.0");
    stage.claim();
    if refused {
        let Wanted::New(spec) = stage.state.rollout().unwrap().plan.wanted().clone() else { panic!("the plan makes nothing") };
        stage.owe(Call::Ensure(spec));
        let (kind, retry) = (ErrorKind::Taken, Retry::Never);
        stage.settle(OpResult::Failed(Refused { kind, retry, what: "taken".into(), found: None, echo_until: None }));
    } else {
        stage.make(2);
        stage.step();
    }
    let (to, at) = (GenerationId(1), StepState::Moving { give_up_at: stage.now + MINUTE });
    stage.moved(Phase::Reverting { why: RevertCause::Asked, to, at });
    stage.moved(Phase::Finishing { ending: Ending::Back { to }, give_up_at: stage.now + MINUTE });
    stage.apply(Event::Ended { outcome: Outcome::RolledBack });
    stage.pass(600);
    stage
}

#[test]
fn what_runs_of_another_generation_is_amiss_if_it_could_be_removed() {
    let stage = given_up(false);
    let three = || three("a+ b+ c+", 3);
    for (what, look) in [
        ("nobody", three().group(2, 0, "")),
        ("no group", three().absent(2)),
        ("who leaves, and who is gone", three().group(2, 2, "d< ex")),
        ("who is protected, or on standby", three().group(2, 2, "d* e=")),
    ] {
        well(what, &stage, &look);
    }
    let why = Some(("d of generation 0002 runs, which has nothing to run", 0, 3));
    row("two that run", &stage, &three().group(2, 2, "d+ e-"), why);
    row("beside one that is protected", &stage, &three().group(2, 2, "c* d+"), why);
    unknown("it is not seen", &stage, &three());
    unknown("seen in part", &stage, &three().group(2, 0, "").partly());
    well("the group is somebody else's", &given_up(true), &three().group(2, 1, "d+"));
}

#[test]
fn who_is_ready_when_the_pool_says_so_is_ill_when_a_view_that_is_young_enough_says_so() {
    let stage = routed(Stage::fleet(3).required_sources([POOL_CHECK.into()]), Split::Pooled, |_| done(None), 100);
    let says = |of_c| three("a? b? c?", 3).pool(&[(1, 1)]).target("a b", Verdict::Healthy).target("c", of_c);
    let ill = Some(("of group 0001.0 1 of 3 are missing or ill", 610, 3));
    well("all are", &stage, &says(Verdict::Healthy));
    row("one is not", &stage, &says(Verdict::Unhealthy), ill);
    row("by a view that is just young enough", &stage, &says(Verdict::Unhealthy).pool_aged(60), ill);
    unknown("by one that is too old", &stage, &says(Verdict::Unhealthy).pool_aged(61));
}

#[test]
fn who_does_not_come_up_is_amiss_once_their_time_to_boot_is_over() {
    for (heals, patience) in [(Heals::Switchable, 1210), (Heals::Never, 600)] {
        let mut stage = kept(Stage::fleet(3));
        stage.heals = heals;
        let why = "of group 0001.0 1 of 3 are not up yet";
        for look in ["a+ b+ d:", "a+ b+ d~", "a+ b+ d-"] {
            row(look, &stage, &three(look, 3), Some((why, patience, 3)));
        }
        unknown("who was healthy once is not booting", &stage, &three("a+ b+ c~", 3));
        unknown("of whom nothing is heard", &stage, &three("a+ b+ d?", 3));
        well("who is not needed", &stage, &three("a+ b+ c+ d:", 3));
        let both = format!("of group 0001.0 1 of 3 are missing or ill; {why}");
        row("beside one that is ill", &stage, &three("a+ b- d:", 3), Some((&both, patience - 600, 3)));
    }
}

#[test]
fn who_is_held_is_left_as_they_are() {
    let stage = kept(Stage::fleet(3));
    well("on standby", &stage, &three("a+ b+ c=", 3));
    well("on standby, and no longer counted", &stage, &three("a+ b+ c=", 2));
    row(
        "and one fewer than that",
        &stage,
        &three("a+ c=", 1),
        Some(("group 0001.0 has size 1, not 3; of group 0001.0 1 of 3 are missing or ill", 0, 3)),
    );
    well("protected", &stage, &three("a+ b+ c*", 3));
    well("protected, of another image", &stage, &three("a+ b+ c*", 3).runs_in("c", "img-other"));
    well("protected, and ill", &stage, &three("a+ b+ c*", 3).says(&[("check", Verdict::Unhealthy)]));
}

#[test]
fn who_is_missing_or_ill_is_the_providers_for_a_while_where_it_heals() {
    for (heals, patience) in [(Heals::Switchable, 610), (Heals::Always, 610), (Heals::Never, 0)] {
        let mut stage = kept(Stage::fleet(3));
        stage.heals = heals;
        let lacks = |what: &str, look: Look, of: u32| {
            let why = format!("of group 0001.0 {of} of 3 are missing or ill");
            row(what, &stage, &look, Some((&why, patience, 3)));
        };
        lacks("one is missing", three("a+ b+", 3), 1);
        lacks("one is ill", three("a+ b+ c-", 3), 1);
        lacks("one has stopped", three("a+ b+ c!", 3), 1);
        lacks("one leaves, one is gone", three("a+ b< cx", 3), 2);
    }
}

#[test]
fn a_size_that_somebody_set_is_told_and_absorbed_only_where_that_is_said() {
    let restore = kept(Stage::fleet(3));
    row("more", &restore, &three("a+ b+ c+ d+", 4), Some(("group 0001.0 has size 4, not 3", 0, 3)));
    row(
        "fewer",
        &restore,
        &three("a+ b+", 2),
        Some(("group 0001.0 has size 2, not 3; of group 0001.0 1 of 3 are missing or ill", 0, 3)),
    );
    let absorb = kept(Stage::fleet(3).on_drift(Drift::Size, OnDrift::Absorb));
    row("more, absorbed", &absorb, &three("a+ b+ c+ d+", 4), Some(("group 0001.0 has size 4, not 3", 0, 4)));
    row(
        "fewer, absorbed",
        &absorb,
        &three("a+", 1),
        Some(("group 0001.0 has size 1, not 3; of group 0001.0 2 of 3 are missing or ill", 0, 1)),
    );
    let mut never = absorb.clone();
    never.heals = Heals::Never;
    row("a death is no size", &never, &three("a+ b+", 2), Some(("of group 0001.0 1 of 3 are missing or ill", 0, 3)));
    row("more is", &never, &three("a+ b+ c+ d+", 4), Some(("group 0001.0 has size 4, not 3", 0, 4)));
}

#[test]
fn what_should_be_said_of_its_size_is() {
    let follows = kept(Stage::fleet(3).follows("queue", 1..=9));
    well("the same", &follows, &three("a+ b+ c+", 3).follows(3));
    unknown("nothing", &follows, &three("a+ b+ c+", 3));
    row("more", &follows, &three("a+ b+ c+", 3).follows(20), Some(("its size should be 9, and is 3", 0, 9)));
    let mut resized = Stage::rolling(Strategy::rolling().max_surge(1).on_resize(immutable_core::rollout::OnResize::Freeze));
    resized.apply(Event::Resized { desired: 5 });
    let moving = StepState::Moving { give_up_at: resized.now + 60 * MINUTE };
    let to = GenerationId(1);
    resized.moved(Phase::Reverting { why: RevertCause::Asked, to, at: moving });
    resized.moved(Phase::Finishing { ending: Ending::Back { to }, give_up_at: resized.now + MINUTE });
    resized.apply(Event::Ended { outcome: Outcome::RolledBack });
    row(
        "a size held back while it was replaced",
        &resized,
        &three("a+ b+ c+", 3),
        Some(("its size should be 5, and is 3", 0, 5)),
    );
}

#[test]
fn another_image_another_upkeep_and_what_is_gone_are_told() {
    let stage = kept(Stage::fleet(3));
    row("an image", &stage, &three("a+ b+ c%", 3), Some(("c runs another image than its generation's", 0, 3)));
    well("one that leaves", &stage, &three("a+ b+ c+ d<", 3));
    let told = is_amiss(&stage, &three("a+ b+ c+", 3).heals(false)).unwrap();
    assert!(told.0.starts_with("the upkeep of group 0001.0 is Upkeep { heal: false"), "{told:?}");
    assert!(amiss(&stage, &three("a+ b+ c+", 3).heals(false)).unwrap().fleet.specified_upkeep().heal);
    let absorb = kept(Stage::fleet(3).on_drift(Drift::Upkeep, OnDrift::Absorb));
    assert!(!amiss(&absorb, &three("a+ b+ c+", 3).heals(false)).unwrap().fleet.specified_upkeep().heal);
    row("the group", &stage, &look().absent(1), Some(("generation 0001 was deleted by someone else", 0, 3)));
    let asks = kept(Stage::fleet(3).on_drift(Drift::Stranger, OnDrift::Pause));
    let stranger = "\"web-0009\" bears the fleet's mark and is not ours";
    row("a stranger that is to be asked about", &asks, &three("a+ b+ c+", 3).stranger("web-0009"), Some((stranger, 0, 3)));
    let mut gone = stage.clone();
    gone.open("1.0.0");
    gone.note(|noted| noted.absent.push(GenerationId(1)));
    gone.moved(Phase::Finishing { ending: Ending::Refused { why: "it is gone".into() }, give_up_at: gone.now + MINUTE });
    gone.apply(Event::Ended { outcome: Outcome::Refused("it is gone".into()) });
    row("all of it", &gone, &look(), Some(("no generation of acmeinc/web 1.0.0 is there", 0, 3)));
}

/// As [`kept`], behind a pool that was told to give all to generation 1 and has answered so, that many seconds ago.
fn routed(fleet: Fleet, split: Split, answer: impl FnOnce(Timestamp) -> OpResult, seconds: u64) -> Stage {
    let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
    (stage.strategy, stage.switch) = (Strategy::rolling().max_surge(1), Some(switch(split)));
    stage.fleet = fleet.pool("web");
    stage.open("1.0.0");
    stage.claim();
    stage.owe(route(&[(1, 100)]));
    stage.settle(answer(stage.now));
    stage.step();
    stage.apply(Event::Proven { generation: GenerationId(1), instances: 3, evidence: Digest::of(b"as read") });
    stage.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: stage.now + MINUTE });
    stage.apply(Event::Ended { outcome: Outcome::Succeeded });
    stage.pass(seconds);
    stage
}

const WEIGHTED: Split = Split::Weighted { generations: 5, parts: 100 };

#[test]
fn weights_seen_before_the_last_route_or_while_a_copy_of_it_may_arrive_say_nothing() {
    let nothing = || three("a+ b+ c+", 3).pool(&[]);
    let told = Some(("pool web divides its requests as {}", 0, 3));
    let answered = routed(Stage::fleet(3), WEIGHTED, |_| done(None), 30);
    row("after it", &answered, &nothing().pool_aged(30), told);
    unknown("before it", &answered, &nothing().pool_aged(31));
    let echo = |now| OpResult::Done { size: None, refused: Vec::new(), echo_until: Some(now + MINUTE), removed: None };
    let echoes = |seconds| routed(Stage::fleet(3), WEIGHTED, echo, seconds);
    unknown("a copy may arrive", &echoes(59), &nothing());
    row("none can any more", &echoes(60), &nothing(), told);
}

#[test]
fn a_pool_that_does_not_give_all_to_the_one_is_told() {
    let stage = routed(Stage::fleet(3), WEIGHTED, |_| done(None), 100);
    let three = || three("a+ b+ c+", 3);
    let told = |weights: &str| Some((format!("pool web divides its requests as {weights}"), 0, 3));
    well("all of it", &stage, &three().pool(&[(1, 100)]));
    well("all is all", &stage, &three().pool(&[(1, 7)]));
    well("who is attached gets none", &stage, &three().pool(&[(1, 7), (2, 0)]));
    unknown("it is not seen", &stage, &three());
    unknown("in part", &stage, &three().pool(&[]).pool_partly());
    unknown("before the last route", &stage, &three().pool(&[]).pool_aged(101));
    unknown("too old", &stage, &three().pool(&[]).pool_aged(61));
    let missing = Some(("of group 0001.0 1 of 3 are missing or ill".to_owned(), 610, 3));
    assert_eq!(is_amiss(&stage, &look().group(1, 3, "a+ b+").pool(&[]).pool_partly()), missing, "it hides nothing of the groups");
    assert_eq!(is_amiss(&stage, &three().pool(&[])), told("{}"));
    assert_eq!(is_amiss(&stage, &three().pool(&[]).pool_aged(60)), told("{}"));
    assert_eq!(is_amiss(&stage, &three().pool(&[(1, 50), (2, 50)])), told("{GenerationId(1): 50, GenerationId(2): 50}"));
    assert_eq!(is_amiss(&stage, &three().pool(&[(1, 0), (2, 50)])), told("{GenerationId(1): 0, GenerationId(2): 50}"));
}

#[test]
fn a_fleet_is_kept_by_the_terms_of_what_left_it_whole() {
    let stage = kept(Stage::fleet(3));
    assert_eq!(stage.state.kept().map(|plan| plan.to().version.to_string()).as_deref(), Some("1.0.0"));
    let mut mixed = stage.clone();
    mixed.open("1.1.0");
    mixed.claim();
    mixed.make(2);
    mixed.step();
    let mut replaced = mixed.clone();
    mixed.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: mixed.now + MINUTE });
    mixed.apply(Event::Ended { outcome: Outcome::LeftMixed });
    assert_eq!(mixed.state.kept(), None);
    let by = immutable_core::id::RolloutId(3);
    replaced.apply(Event::Ended { outcome: Outcome::Superseded { by } });
    assert!(replaced.state.kept().is_some(), "until the other has ended");
}

#[test]
fn what_keeps_a_fleet_is_as_patient_as_a_way_back_and_takes_nobodys_place() {
    let strategy = Strategy::rolling().max_surge(1).max_failed(0).rollback_attempts(4).supersede(Supersede::Replace).force();
    let mut stage = Stage::proven_of(Stage::fleet(3), strategy);
    stage.pass(600);
    let amiss = amiss(&stage, &three("a+ b+", 3)).unwrap();
    let plan = Plan::keeping(&stage.state, &amiss, &capabilities(stage.heals), None).unwrap();
    let same = Strategy::rolling().max_surge(1).max_failed(3).rollback_attempts(4).supersede(Supersede::Reject);
    assert_eq!(plan.strategy(), &same.keep_old(Duration::ZERO));
}

#[test]
fn a_plan_that_keeps_a_fleet_says_what_it_sets_right() {
    let stage = kept(Stage::fleet(3));
    let amiss = amiss(&stage, &three("a+ b+ c+ d%", 4)).unwrap();
    let what = ["group 0001.0 has size 4, not 3", "d runs another image than its generation's"];
    let plan = Plan::keeping(&stage.state, &amiss, &capabilities(stage.heals), None).unwrap();
    assert_eq!(plan.sets_right().iter().map(|what| &**what).collect::<Vec<_>>(), what);
    let begins = "rollout 2 begins: acmeinc/web 1.0.0 → acmeinc/web 1.0.0, 3 instances";
    let opened = Event::Opened { rollout: stage.state.next_rollout(), plan: Box::new(plan.clone()) };
    assert_eq!(opened.to_string(), format!("{begins}; it sets right: {}; it sets right: {}", what[0], what[1]));
    let lines: String = what.map(|what| format!("\n! {what}: this sets it right")).concat();
    assert!(plan.to_string().contains(&lines), "{plan}");
}
