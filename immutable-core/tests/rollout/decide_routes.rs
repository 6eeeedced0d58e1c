//! `decide` over routes where something is amiss: nobody can take a share, somebody else has set it, the pool refuses it, or a call about it grew old.

use std::time::Duration;

use immutable_core::ErrorKind;
use immutable_core::error::Retry;
use immutable_core::fleet::{Drains, GenerationId, Split, TargetState, TrafficCapabilities, Verdict};
use immutable_core::id::StepIx;
use immutable_core::rollout::{
    Ending, Event, OpResult, Outcome, Percent, Phase, Refused, RevertCause, Step, StepState, Strategy,
};

use super::kit::{MINUTE, Stage, done, drain, lower, route, upkeep};
use super::sight::{Look, look, row, tells};

const WEIGHTED: Split = Split::Weighted { generations: 5, parts: 1000 };

fn surge(instances: u32) -> Strategy {
    Strategy::rolling().max_surge(instances)
}

fn percent(percent: u32) -> Percent {
    Percent::new(percent).unwrap()
}

/// Generation 2 has those, ready, which is no news; the pool is at these weights, and they are in force.
fn with(names: &str, strategy: Strategy, split: Split, weights: &[(u32, u16)]) -> Stage {
    let mut stage = Stage::routed(3, strategy, split);
    stage.ready(2, names);
    stage.note(|noted| noted.progress = Some(names.split(' ').count() as u32));
    stage.owe(route(weights));
    stage.settle(done(None));
    stage.pass(10);
    stage
}

/// Three of the old, one of the new, all well.
fn one_of_four() -> Look {
    look().group(1, 3, "a+ b+ c+").group(2, 1, "d+")
}

fn others_set(stage: &mut Stage, weights: [(u32, u16); 2]) {
    let weights = weights.map(|(id, weight)| (GenerationId(id), weight)).into();
    stage.note(|noted| noted.weights = Some(weights));
}

/// The last call was not done, and is not to be made again for a minute.
fn fails(stage: &mut Stage) {
    let (kind, retry) = (ErrorKind::Internal, Retry::After(MINUTE));
    stage.settle(OpResult::Failed(Refused { kind, retry, what: "no room".into(), found: None, echo_until: None }));
}

fn routes(stage: &Stage, look: &Look) -> Vec<String> {
    let said = look.says_decide(stage);
    said.lines().filter_map(|line| line.split_once("route ").map(|(_, weights)| weights.to_owned())).collect()
}

fn moving(stage: &mut Stage, step: u16) {
    stage.moved(Phase::Stepping { step: StepIx(step), at: StepState::Moving { give_up_at: stage.now + 20 * MINUTE } });
}

fn back_to_the_first(stage: &mut Stage) {
    let at = StepState::Moving { give_up_at: stage.now + 60 * MINUTE };
    stage.moved(Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at });
}

/// The rollout is left mixed, and the next goes to 1.2.0, as generation 3.
fn next(mut stage: Stage, strategy: Strategy) -> Stage {
    stage.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now + 60 * MINUTE });
    stage.apply(Event::Ended { outcome: Outcome::LeftMixed });
    stage.strategy = strategy;
    stage.open("1.2.0");
    stage.claim();
    stage.make(3);
    stage.step();
    stage.pass(20);
    stage
}

#[test]
fn a_share_that_nobody_could_have_yet_holds_up_no_step() {
    let steps = [Step::shift(percent(10)), Step::scale(percent(100)), Step::shift(percent(100))];
    let mut stage = Stage::routed(3, Strategy::new(steps).max_unavailable(percent(100)), WEIGHTED);
    stage.owe(route(&[(1, 1000), (2, 0)]));
    stage.settle(done(None));
    stage.pass(10);
    let nobody = look().group(1, 3, "a+ b+ c+").group(2, 0, "").pool(&[(1, 1000), (2, 0)]);
    row("they are launched by the next one", &stage, &nobody, "moved step 1 until +1260s");
}

#[test]
fn a_share_that_cannot_be_given_is_not_reached() {
    let shifting = |to: u32, weights: &[(u32, u16)]| {
        let all = percent(100);
        let steps = [Step::scale_beside(all), Step::shift(percent(to)), Step::bake(MINUTE), Step::shift(all)];
        let mut stage = with("d e f", Strategy::new(steps).max_surge(3), WEIGHTED, weights);
        moving(&mut stage, 1);
        stage.note(|noted| noted.progress = Some(3));
        stage
    };
    // Who had it might be there still: nobody takes their requests from them.
    for (to, weights) in [(10, [(1, 1000), (2, 0)]), (100, [(1, 1000), (2, 0)]), (100, [(1, 1), (2, 999)])] {
        let dead = look().group(1, 3, "a! b! c!").partly().group(2, 3, "d+ e+ f+").pool(&weights);
        let stage = shifting(to, &weights);
        let said = dead.decide(&stage).report.to_string();
        row(&format!("{to}% of {weights:?}"), &stage, &dead, "");
        assert!(said.contains("its share of the traffic"), "{said}");
    }
}

#[test]
fn of_a_fleet_that_is_to_be_empty_nobody_need_be_ready_for_the_requests() {
    let mut stage = Stage::routed(0, Strategy::rolling().max_surge(1), WEIGHTED);
    stage.ready(2, "d");
    stage.owe(route(&[(1, 0), (2, 1000)]));
    stage.settle(done(None));
    stage.pass(10);
    back_to_the_first(&mut stage);
    let now = [(1, 0), (2, 1000)];
    let of = |names: &str| look().group(1, 0, "").group(2, 1, names).pool(&now);
    row("who serves them keeps them", &stage, &of("d+"), "owed 7 drain 0002.0 d");
    row("until nobody does", &stage, &of("d!"), "owed 7 route 0001:1000,0002:0\nowed 8 lower 0002.0 1 by d");
    let mut left = stage.clone();
    left.owe(lower(2, 1, "d"));
    left.settle(done(0));
    left.gone(2, "d");
    left.pass(10);
    row("or is there", &left, &look().group(1, 0, "").group(2, 0, "").pool(&now), "owed 8 route 0001:1000");
}

#[test]
fn where_nothing_is_proven_any_other_gets_requests_once_somebody_does() {
    let mut stage = Stage::first(Stage::fleet(2), surge(2));
    stage.ready(1, "a b");
    stage.fleet = Stage::fleet(2).pool("web");
    stage.switch = Some(super::kit::switch(Split::Pooled));
    stage.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now + 60 * MINUTE });
    stage.apply(Event::Ended { outcome: Outcome::LeftMixed });
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    stage.step();
    stage.ready(2, "c");
    stage.pass(20);
    let both = || look().group(1, 2, "a+ b+").group(2, 1, "c+");
    assert_eq!(routes(&stage, &both().pool(&[])), ["0002:1"], "as long as nobody does it begins with what is wanted");
    others_set(&mut stage, [(1, 0), (2, 0)]);
    stage.pass(20);
    let for_nothing = both().pool(&[(1, 0), (2, 0)]);
    assert_eq!(routes(&stage, &for_nothing), ["0002:1"], "to be in the pool for nothing is not to get any");
    others_set(&mut stage, [(1, 1), (2, 0)]);
    let stage = next(stage, surge(2));
    let three = both().group(3, 0, "").good("1.2.0").pool(&[(1, 1), (2, 0)]);
    assert_eq!(routes(&stage, &three), ["0001:1,0002:1,0003:1"], "then each of them may");
}

#[test]
fn who_gets_requests_keeps_them_though_it_is_not_proven() {
    let stage = next(with("d", surge(1), Split::Pooled, &[(1, 1), (2, 1)]), surge(1));
    let three = one_of_four().group(3, 0, "").good("1.2.0").pool(&[(1, 1), (2, 1)]);
    assert_eq!(routes(&stage, &three), ["0001:1,0002:1,0003:1"]);
}

#[test]
fn what_gets_all_is_left_where_it_is_while_nobody_else_is_ready() {
    let mut stage = Stage::routed(3, Strategy::recreate(), Split::Binary);
    stage.owe(route(&[(1, 1), (2, 0)]));
    stage.settle(done(None));
    stage.pass(10);
    let dead = look().group(1, 3, "a! b! c!").group(2, 0, "").pool(&[(1, 1), (2, 0)]);
    row("nobody is no one to shift to", &stage, &dead, "owed 7 lower 0001.0 3 by a,b,c");
}

#[test]
fn what_others_gave_to_those_who_can_carry_it_is_theirs() {
    let mut stage = with("d e f", Strategy::blue_green(), Split::Binary, &[(1, 1), (2, 0)]);
    others_set(&mut stage, [(1, 0), (2, 1)]);
    stage.pass(30);
    let three = look().group(1, 3, "a+ b+ c+").group(2, 3, "d+ e+ f+").pool(&[(1, 0), (2, 1)]);
    row("three of three", &stage, &three, "moved step 1 until +1300s");
}

/// 1.1.0 has the fleet, and all the requests; 1.0.0 is still there.
fn kept() -> Stage {
    let mut stage = with("d e f", Strategy::blue_green(), WEIGHTED, &[(1, 0), (2, 1000)]);
    stage.owe(upkeep(2));
    stage.settle(done(None));
    let evidence = immutable_core::Digest::of(b"as read");
    stage.apply(Event::Proven { generation: GenerationId(2), instances: 3, evidence });
    stage.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: stage.now + 60 * MINUTE });
    stage
}

#[test]
fn at_the_end_those_alone_are_attached_who_get_requests() {
    let now = [(1, 0), (2, 1000)];
    let of = |new: &str| routes(&kept(), &look().group(1, 3, "a+ b+ c+").group(2, 3, new).pool(&now));
    assert_eq!(of("d+ e+ f+"), ["0002:1000"], "who was kept gets none, and is detached");
    assert_eq!(of("d+ e+ f!"), ["0001:333,0002:667"], "unless it is needed again");
}

#[test]
fn what_gets_nothing_is_detached_whoever_is_seen_of_those_who_get_all() {
    let mut stage = kept();
    stage.retire(1, "a b c");
    stage.gone(1, "a b c");
    stage.pass(10);
    let unseen = look().group(1, 0, "").group(2, 3, "").partly().pool(&[(1, 0), (2, 1000)]);
    row("it takes nothing from anybody", &stage, &unseen, "owed 10 route 0002:1000");
}

#[test]
fn who_is_left_gets_all_if_they_are_ready_and_no_more_if_that_is_not_known() {
    let now = [(1, 666), (2, 334)];
    let stage = with("d", surge(1), WEIGHTED, &now);
    let of = |old: &str| routes(&stage, &look().group(1, 3, old).group(2, 1, "").pool(&now));
    assert_eq!(of("a+ b+ c!"), ["0001:1000,0002:0"], "two of three, and nobody else is there");
    assert_eq!(of("a? b? c?"), [""; 0]);
}

#[test]
fn where_somebody_else_has_set_it_that_is_waited_for_and_not_the_pools_refusal() {
    let mut stage = with("d", surge(1), WEIGHTED, &[(1, 1000), (2, 0)]);
    stage.owe(route(&[(1, 666), (2, 334)]));
    fails(&mut stage);
    let refused = one_of_four().pool(&[(1, 1000), (2, 0)]);
    let said = refused.decide(&stage).report.to_string();
    assert!(said.contains("the pool to take its route (again in 1m; it said: no room)"), "{said}");
    stage.pass(60);
    let theirs = one_of_four().pool(&[(1, 900), (2, 100)]);
    row("seen now", &stage, &theirs, "noted weights 0001:900,0002:100");
    let said = theirs.decide(&stage).report.to_string();
    assert!(said.contains("the route to be in force everywhere (in 10s)"), "{said}");
}

#[test]
fn while_nobody_has_any_traffic_and_the_pool_takes_no_route_nobody_leaves_beyond_the_floor() {
    let mut stage = with("d", surge(1), WEIGHTED, &[(1, 666), (2, 334)]);
    others_set(&mut stage, [(1, 0), (2, 0)]);
    stage.pass(10);
    stage.owe(route(&[(1, 666), (2, 334)]));
    fails(&mut stage);
    stage.pass(30);
    let doubt = look().group(1, 3, "a+ b+ c+").group(2, 1, "d?").pool(&[(1, 0), (2, 0)]);
    row("they serve again as soon as it does", &stage, &doubt, "");
}

#[test]
fn who_gets_no_more_requests_is_not_counted_on_though_nobody_has_told_them() {
    let now = [(1, 666), (2, 334)];
    let mut stage = with("d", surge(1), WEIGHTED, &now);
    let of = |names: &str, state| one_of_four().pool(&now).targets(names, state);
    row("all get theirs", &stage, &one_of_four().pool(&now), "owed 8 drain 0001.0 a");
    // The call that told them was done, and its answer was lost.
    row("two are left of the three, and that is what their share needs", &stage, &of("b", TargetState::Draining), "");
    row("they go when they have finished", &stage, &of("b", TargetState::Drained), "owed 8 lower 0001.0 3 by b");
    let all = of("a b c d", TargetState::Draining).decide(&stage).report.counts.available;
    assert_eq!(all, 0, "where nobody gets any more nobody is");
    stage.switch = stage.switch.map(|switch| TrafficCapabilities { drains: Drains::Never, ..switch });
    row("where nobody can be told it says nothing", &stage, &of("b", TargetState::Draining), "owed 8 lower 0001.0 3 by a");
}

/// What becomes of the call that is owed.
fn judged(look: Look, stage: &Stage) -> String {
    let said = look.says_decide(stage);
    said.lines().find(|line| line.starts_with("settled") || line.starts_with("renewed")).unwrap_or_default().to_owned()
}

/// Judged when it is 70 s old: the pool is to give the new one a third, which nobody knows to be done.
fn owed(echo: u64) -> Stage {
    let mut stage = with("d", surge(1), WEIGHTED, &[(1, 1000), (2, 0)]);
    stage.owe(route(&[(1, 666), (2, 334)]));
    stage.settle(OpResult::Unknown { echo_until: Some(stage.now + Duration::from_secs(echo)) });
    stage.pass(70);
    stage
}

#[test]
fn a_route_that_grew_old_stands_while_it_is_what_is_meant() {
    let (before, after) = ([(1, 1000), (2, 0)], [(1, 666), (2, 334)]);
    let withdrawn = "settled 8 failed Stale found None: withdrawn: it was decided on a view that no longer holds";
    let fallen = |weights: &[(u32, u16)]| look().group(1, 3, "a+ b+ c+").group(2, 1, "d!").pool(weights);
    assert_eq!(judged(one_of_four().pool(&before), &owed(70)), "renewed 8 +140s", "it is sent again");
    assert_eq!(judged(one_of_four().pool(&after), &owed(70)), "settled 8 done None", "it was done");
    assert_eq!(judged(one_of_four().pool(&after), &owed(71)), "renewed 8 +140s", "and a copy may arrive still");
    assert_eq!(judged(fallen(&before), &owed(70)), withdrawn, "nobody is left to take a third");
    assert_eq!(judged(fallen(&before), &owed(71)), "", "not while a copy may arrive");
    assert_eq!(judged(fallen(&before).pool_aged(1), &owed(70)), "", "nor by a view from before");
    assert_eq!(judged(fallen(&after), &owed(70)), "settled 8 done None", "nor if it was done");
}

#[test]
fn a_word_to_finish_that_grew_old_stands_while_the_floor_holds_without_them() {
    let now = [(1, 666), (2, 334)];
    let owed = |echo: u64| {
        let mut stage = with("d", surge(1), WEIGHTED, &now);
        stage.owe(drain(1, "a"));
        stage.settle(OpResult::Unknown { echo_until: Some(stage.now + Duration::from_secs(echo)) });
        stage.pass(70);
        stage
    };
    let withdrawn = "settled 8 failed Stale found None: withdrawn: it was decided on a view that no longer holds";
    assert_eq!(judged(one_of_four().pool(&now), &owed(70)), "renewed 8 +140s");
    let short = || look().group(1, 3, "a+ b+ c!").group(2, 1, "d+").pool(&now);
    assert_eq!(judged(short(), &owed(70)), withdrawn, "two are needed, and but one would be left");
    assert_eq!(judged(short(), &owed(71)), "", "not while a copy may arrive");
}

#[test]
fn who_was_to_leave_at_once_and_never_served_may_though_it_is_in_the_pool() {
    let now = [(1, 1), (2, 1)];
    let mut stage = with("d", surge(1), Split::Pooled, &now);
    stage.launch(1, "x");
    stage.pass(20);
    stage.owe(lower(1, 4, "x"));
    stage.pass(70);
    let booting = look().group(1, 4, "a+ b+ c+ x:").group(2, 1, "d+").pool(&now).target("x", Verdict::Unhealthy);
    row("it boots still", &stage, &booting, "renewed 9 +160s");
}

#[test]
fn who_was_detached_with_all_of_its_generation_finishes_its_requests() {
    let both = || look().group(1, 3, "a+ b+ c+").group(2, 3, "d+ e+ f+").pool(&[(2, 1)]);
    let mut stage = Stage::routed(3, Strategy::blue_green(), Split::Pooled);
    stage.ready(2, "d e f");
    stage.owe(upkeep(2));
    stage.settle(done(None));
    let evidence = immutable_core::Digest::of(b"as read");
    stage.apply(Event::Proven { generation: GenerationId(2), instances: 3, evidence });
    stage.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: stage.now + 60 * MINUTE });
    stage.owe(route(&[(2, 1)]));
    stage.settle(done(None));
    stage.pass(299);
    let draining = both().targets("a b c", TargetState::Draining);
    row("as long as it may", &stage, &draining, "");
    let says = "waiting for 3 to finish their requests (at most 1s), 3 to leave; rollback now would be instant";
    tells("which is said", &stage, &draining, says, "+360s");
    stage.pass(1);
    row("and then leaves", &stage, &draining, "owed 9 lower 0001.0 3 by a,b,c");
}
