//! `decide` over traffic: who is attached, who gets which share, who may leave for it, and who finishes their requests first.

use immutable_core::fleet::{Split, TargetState, Verdict};
use immutable_core::id::StepIx;
use immutable_core::rollout::{Amount, Ending, Percent, Phase, RevertCause, Step, StepState, Strategy};

use super::kit::{MINUTE, Stage, done, lower, route};
use super::sight::{Look, look, row, tells};

const WEIGHTED: Split = Split::Weighted { generations: 5, parts: 1000 };

fn surge(instances: u32) -> Strategy {
    Strategy::rolling().max_surge(instances)
}

/// Three of the old, one of the new, all well.
fn one_of_four() -> Look {
    look().group(1, 3, "a+ b+ c+").group(2, 1, "d+")
}

/// Generation 2 has `d`, ready, which is no news; the pool is at these weights.
fn with_one(strategy: Strategy, split: Split, weights: &[(u32, u16)]) -> Stage {
    let mut stage = Stage::routed(3, strategy, split);
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.owe(route(weights));
    stage.settle(done(None));
    stage.pass(10);
    stage
}

#[test]
fn what_is_wanted_is_attached_before_it_serves() {
    let fresh = look().group(1, 3, "a+ b+ c+").group(2, 0, "");
    let stage = Stage::routed(3, surge(1), WEIGHTED);
    let attached = "owed 6 route 0001:1000,0002:0\nowed 7 raise 0002.0 0 to 1";
    row("with weight 0, where there are weights", &stage, &fresh.clone().pool(&[(1, 1000)]), attached);
    let stage = Stage::routed(3, Strategy::blue_green(), Split::Binary);
    let attached = "owed 6 route 0001:1,0002:0\nowed 7 raise 0002.0 0 to 1";
    row("and where one gets all", &stage, &fresh.clone().pool(&[(1, 1)]), attached);
    let stage = Stage::routed(3, surge(1), Split::Pooled);
    let together = "owed 6 route 0001:1,0002:1\nowed 7 raise 0002.0 0 to 1";
    row("in a pool where all get the same it is in it", &stage, &fresh.clone().pool(&[(1, 1)]), together);
    let stage = Stage::routed(3, Strategy::blue_green(), Split::Pooled);
    row("but not before it is shifted to", &stage, &fresh.pool(&[(1, 1)]), "owed 6 raise 0002.0 0 to 1");
}

#[test]
fn the_first_of_all_gets_its_traffic_when_it_is_all_there() {
    let mut stage = Stage::empty(Stage::fleet(2).pool("web"), surge(1));
    stage.switch = Some(super::kit::switch(WEIGHTED));
    stage.open("1.0.0");
    stage.claim();
    stage.make(1);
    stage.step();
    let none = look().group(1, 0, "").pool(&[]);
    row("nobody else could have it meanwhile", &stage, &none, "owed 2 raise 0001.0 0 to 1");
    stage.ready(1, "a");
    stage.note(|noted| noted.progress = Some(1));
    row("nor while it is short", &stage, &look().group(1, 1, "a+").pool(&[]), "owed 3 raise 0001.0 1 to 2");
    stage.ready(1, "b");
    stage.note(|noted| noted.progress = Some(2));
    row("then it is all", &stage, &look().group(1, 2, "a+ b+").pool(&[]), "owed 4 route 0001:1000");
    stage.switch = Some(super::kit::switch(Split::Binary));
    row("in one piece, too", &stage, &look().group(1, 2, "a+ b+").pool(&[]), "owed 4 route 0001:1");
    row("and not before", &stage, &look().group(1, 2, "a+ b?").pool(&[]), "");
}

#[test]
fn traffic_follows_the_instances_where_nothing_else_is_said() {
    let at_0 = with_one(surge(1), WEIGHTED, &[(1, 1000), (2, 0)]);
    // Nobody leaves on the strength of a route that is not in force.
    row("one of three serves a third", &at_0, &one_of_four().pool(&[(1, 1000), (2, 0)]), "owed 8 route 0001:666,0002:334");
    let mut owed = at_0.clone();
    owed.owe(route(&[(1, 666), (2, 334)]));
    row("nor while it is owed", &owed, &one_of_four().pool(&[(1, 1000), (2, 0)]), "");
    row("nor while only the pool says that it was done", &owed, &one_of_four().pool(&[(1, 666), (2, 334)]), "");
    owed.settle(done(None));
    row("nor while it settles", &owed, &one_of_four().pool(&[(1, 666), (2, 334)]), "");
    tells(
        "which is said",
        &owed,
        &one_of_four().pool(&[(1, 666), (2, 334)]),
        "waiting for the route to be in force everywhere (in 10s), 2 of 3 to be ready; rollback now would be instant",
        "+80s",
    );
    owed.pass(10);
    let drains = "owed 9 drain 0001.0 a";
    row("then one finishes its requests", &owed, &one_of_four().pool(&[(1, 666), (2, 334)]), drains);
    let unavailable = with_one(Strategy::rolling().max_surge(0).max_unavailable(1), WEIGHTED, &[(1, 1000), (2, 0)]);
    let two = look().group(1, 2, "b+ c+").group(2, 1, "d+");
    let mut unavailable = unavailable;
    unavailable.retire(1, "a");
    unavailable.gone(1, "a");
    row("of a floor of two it may serve half", &unavailable, &two.pool(&[(1, 1000), (2, 0)]), "owed 9 route 0001:500,0002:500");
}

#[test]
fn a_share_of_a_canary_is_no_more_than_its_step() {
    let strategy = Strategy::canary([Percent::new(25).unwrap()]).max_surge(1);
    let stage = with_one(strategy, WEIGHTED, &[(1, 1000), (2, 0)]);
    row("one of three, rounded", &stage, &one_of_four().pool(&[(1, 1000), (2, 0)]), "owed 8 route 0001:667,0002:333");
    let strategy = Strategy::new([
        Step::scale_beside(Percent::new(100).unwrap()),
        Step::shift(Percent::new(10).unwrap()),
        Step::shift(Percent::new(100).unwrap()),
    ])
    .max_surge(3);
    let mut stage = Stage::routed(3, strategy, WEIGHTED);
    stage.ready(2, "d e f");
    stage.note(|noted| noted.progress = Some(3));
    stage.owe(route(&[(1, 1000), (2, 0)]));
    stage.settle(done(None));
    stage.pass(10);
    let both = || look().group(1, 3, "a+ b+ c+").group(2, 3, "d+ e+ f+");
    row("beside the old it has none", &stage, &both().pool(&[(1, 1000), (2, 0)]), "moved step 1 until +1270s");
    stage.moved(Phase::Stepping { step: StepIx(1), at: StepState::Moving { give_up_at: stage.now + 20 * MINUTE } });
    stage.note(|noted| noted.progress = Some(3));
    row("a tenth", &stage, &both().pool(&[(1, 1000), (2, 0)]), "owed 8 route 0001:900,0002:100");
    stage.owe(route(&[(1, 900), (2, 100)]));
    stage.settle(done(None));
    row("is reached when it is in force", &stage, &both().pool(&[(1, 900), (2, 100)]), "");
    stage.pass(10);
    row("and not before", &stage, &both().pool(&[(1, 900), (2, 100)]), "moved step 2 until +1280s");
}

#[test]
fn blue_green_flips_only_when_full() {
    let stage = |names: &str| {
        let mut stage = Stage::routed(3, Strategy::blue_green(), Split::Binary);
        stage.ready(2, names);
        stage.note(|noted| noted.progress = Some(names.split(' ').count() as u32));
        stage.owe(route(&[(1, 1), (2, 0)]));
        stage.settle(done(None));
        stage.pass(10);
        stage
    };
    let before = [(1, 1), (2, 0)];
    let old = || look().group(1, 3, "a+ b+ c+");
    let filling = old().group(2, 2, "d+ e+").pool(&before);
    row("two of three", &stage("d e"), &filling, "owed 8 raise 0002.0 2 to 3");
    let full = old().group(2, 3, "d+ e+ f+").pool(&before);
    row("all of them, in its own step", &stage("d e f"), &full, "moved step 1 until +1270s");
    let mut shifting = stage("d e f");
    shifting.moved(Phase::Stepping { step: StepIx(1), at: StepState::Moving { give_up_at: shifting.now + 20 * MINUTE } });
    shifting.note(|noted| noted.progress = Some(3));
    row("then all at once", &shifting, &full, "owed 8 route 0001:0,0002:1");
    let one_ill = old().group(2, 3, "d+ e+ f?").pool(&before);
    row("not while one is in doubt", &shifting, &one_ill, "");
    shifting.owe(route(&[(1, 0), (2, 1)]));
    shifting.settle(done(None));
    let flipped = old().group(2, 3, "d+ e+ f+").pool(&[(1, 0), (2, 1)]);
    row("nobody leaves before it is in force", &shifting, &flipped, "");
    let lost = old().group(2, 3, "d+ e+ f?").pool(&[(1, 0), (2, 1)]);
    row("nor is it taken back for one that is in doubt", &shifting, &lost, "");
    shifting.pass(10);
    row("nor then: it bakes", &shifting, &flipped, "moved gate 2 until +380s");
}

#[test]
fn the_way_back_is_as_fast_as_instances_come() {
    let mut stage = Stage::routed(3, surge(1), WEIGHTED);
    stage.ready(2, "d e");
    stage.owe(route(&[(1, 100), (2, 900)]));
    stage.settle(done(None));
    stage.retire(1, "a b");
    stage.gone(1, "a b");
    stage.pass(10);
    let to = immutable_core::fleet::GenerationId(1);
    let at = StepState::Moving { give_up_at: stage.now + 60 * MINUTE };
    stage.moved(Phase::Reverting { why: RevertCause::Asked, to, at });
    let three = look().group(1, 1, "c+").group(2, 2, "d+ e+").pool(&[(1, 100), (2, 900)]);
    row(
        "one of three takes a third, and more are launched",
        &stage,
        &three,
        "owed 9 route 0001:334,0002:666\nowed 10 raise 0001.0 1 to 2",
    );
    let dead = look().group(1, 1, "c+").group(2, 2, "d! e!").pool(&[(1, 100), (2, 900)]);
    row("who has nobody left keeps nothing", &stage, &dead, "owed 9 route 0001:1000,0002:0\nowed 10 raise 0001.0 1 to 2");
}

#[test]
fn all_goes_to_who_is_left_only_if_nobody_else_is() {
    let stage = with_one(surge(1), WEIGHTED, &[(1, 1000), (2, 0)]);
    let before = [(1, 1000), (2, 0)];
    let unseen = look().group(1, 3, "").partly().group(2, 1, "d+").pool(&before);
    row("who is not seen is not gone, and keeps what it may carry", &stage, &unseen, "owed 8 route 0001:666,0002:334");
    let served = with_one(surge(1), WEIGHTED, &[(1, 666), (2, 334)]);
    let unseen = look().group(1, 3, "").partly().group(2, 1, "d+").pool(&[(1, 666), (2, 334)]);
    row("nor if it has a share already", &served, &unseen, "");
    let both = look().group(1, 3, "a! b! c!").group(2, 1, "d?").pool(&before);
    row("who is in doubt is no help", &stage, &both, "");
    let stopped = look().group(1, 3, "a! b! c!").group(2, 1, "d+").pool(&before);
    row("who has stopped is no help", &stage, &stopped, "owed 8 route 0001:0,0002:1000\nowed 9 lower 0001.0 3 by a");
    let deleted = look().absent(1).group(2, 1, "d+").pool(&before);
    row(
        "what somebody has deleted is not named",
        &stage,
        &deleted,
        "noted gone 0001.0 a,b,c absent 0001\nowed 8 route 0002:1000\nowed 9 raise 0002.0 1 to 3",
    );
    let mut one = Stage::routed(3, Strategy::recreate(), Split::Binary);
    let first = look().group(1, 3, "a+ b+ c+").group(2, 0, "").pool(&[(1, 1)]);
    row("nobody is no one to shift to", &one, &first, "owed 6 route 0001:1,0002:0\nowed 7 drain 0001.0 a,b,c");
    one.ready(2, "d");
    one.note(|noted| noted.progress = Some(1));
    one.retire(1, "a b c");
    one.gone(1, "a b c");
    let alone = look().group(1, 0, "").group(2, 1, "d+").pool(&[(1, 1)]);
    row("the first that is there gets it all", &one, &alone, "owed 8 route 0002:1\nowed 9 raise 0002.0 1 to 3");
}

#[test]
fn one_that_gets_all_is_gone_back_to_when_it_is_full() {
    let mut stage = Stage::routed(3, Strategy::blue_green(), Split::Binary);
    stage.ready(2, "d e f");
    stage.owe(route(&[(1, 0), (2, 1)]));
    stage.settle(done(None));
    stage.retire(1, "a");
    stage.gone(1, "a");
    stage.pass(10);
    let to = immutable_core::fleet::GenerationId(1);
    let at = StepState::Moving { give_up_at: stage.now + 60 * MINUTE };
    stage.moved(Phase::Reverting { why: RevertCause::Asked, to, at });
    let now = [(1, 0), (2, 1)];
    let two = look().group(1, 2, "b+ c+").group(2, 3, "d+ e+ f+").pool(&now);
    row("two of three could not carry it", &stage, &two, "owed 9 raise 0001.0 2 to 3");
    let dead = look().group(1, 2, "b+ c+").group(2, 3, "d! e! f!").pool(&now);
    row(
        "unless there is nobody else",
        &stage,
        &dead,
        "owed 9 route 0001:1,0002:0\nowed 10 lower 0002.0 3 by d,e\nowed 11 raise 0001.0 2 to 3",
    );
    stage.ready(1, "g");
    let three = look().group(1, 3, "b+ c+ g+").group(2, 3, "d+ e+ f+").pool(&now);
    row("three can", &stage, &three, "owed 10 route 0001:1,0002:0");
}

#[test]
fn a_weight_that_others_set_counts_from_when_it_is_seen() {
    let stage = with_one(surge(1), WEIGHTED, &[(1, 666), (2, 334)]);
    let foreign = one_of_four().pool(&[(1, 1000), (2, 0)]);
    row(
        "it is noted, nobody leaves on what was set, and no route follows before it is in force",
        &stage,
        &foreign,
        "noted weights 0001:1000,0002:0",
    );
    let partly = one_of_four().pool(&[(1, 666), (2, 334)]).pool_partly();
    row("of a pool that is not wholly seen nobody drains", &stage, &partly, "");
}

#[test]
fn a_view_of_the_pool_from_before_the_route_is_no_view_of_it() {
    let mut stage = with_one(surge(1), WEIGHTED, &[(1, 1000), (2, 0)]);
    stage.owe(route(&[(1, 666), (2, 334)]));
    stage.settle(done(None));
    stage.pass(10);
    let after = one_of_four().pool(&[(1, 666), (2, 334)]);
    row("as old as the route", &stage, &after.clone().pool_aged(10), "owed 9 drain 0001.0 a");
    row("older", &stage, &after.pool_aged(11), "");
}

#[test]
fn who_is_not_in_the_pool_serves_nobody() {
    let mut stage = Stage::routed(3, surge(1), Split::Pooled);
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    row("it comes in first", &stage, &one_of_four().pool(&[(1, 1)]), "owed 7 route 0001:1,0002:1");
    stage.owe(route(&[(1, 1), (2, 1)]));
    stage.settle(done(None));
    row("and is not counted on before that is so everywhere", &stage, &one_of_four().pool(&[(1, 1), (2, 1)]), "");
    stage.pass(10);
    row("then one of the others may go", &stage, &one_of_four().pool(&[(1, 1), (2, 1)]), "owed 8 drain 0001.0 a");
}

#[test]
fn while_nobody_has_any_traffic_all_are_counted_together() {
    let mut stage = with_one(surge(1), WEIGHTED, &[(1, 666), (2, 334)]);
    stage.note(|noted| noted.weights = Some([1, 2].map(|id| (immutable_core::fleet::GenerationId(id), 0)).into()));
    stage.pass(10);
    let doubt = look().group(1, 3, "a+ b+ c+").group(2, 1, "d?").pool(&[(1, 0), (2, 0)]);
    row("somebody took it all away, and nobody leaves for that", &stage, &doubt, "owed 8 route 0001:1000,0002:0");
}

#[test]
fn a_share_is_reached_when_it_is_what_the_step_says() {
    let steps = |to: u32| {
        let all = Percent::new(100).unwrap();
        [Step::scale_beside(all), Step::shift(Percent::new(to).unwrap()), Step::bake(MINUTE), Step::shift(all)]
    };
    let stage = |to: u32, weights: &[(u32, u16)]| {
        let mut stage = Stage::routed(3, Strategy::new(steps(to)).max_surge(3), WEIGHTED);
        stage.ready(2, "d e f");
        stage.owe(route(weights));
        stage.settle(done(None));
        stage.pass(10);
        stage.moved(Phase::Stepping { step: StepIx(1), at: StepState::Moving { give_up_at: stage.now + 20 * MINUTE } });
        stage.note(|noted| noted.progress = Some(3));
        stage
    };
    let both = |weights: &[(u32, u16)]| look().group(1, 3, "a+ b+ c+").group(2, 3, "d+ e+ f+").pool(weights);
    for (to, weights, decided) in [
        (10, [(1, 900), (2, 100)], "moved gate 2 until +130s"),
        (10, [(1, 901), (2, 99)], "owed 8 route 0001:900,0002:100"),
        (10, [(1, 902), (2, 98)], "owed 8 route 0001:900,0002:100"),
        (10, [(1, 0), (2, 1000)], "owed 8 route 0001:900,0002:100"),
        (100, [(1, 1), (2, 999)], "owed 8 route 0001:0,0002:1000"),
    ] {
        row(&format!("{to}% by {weights:?}"), &stage(to, &weights), &both(&weights), decided);
    }
}

#[test]
fn the_first_of_all_passes_its_canary_without_traffic() {
    let mut stage = Stage::empty(Stage::fleet(2).pool("web"), Strategy::canary([Percent::new(50).unwrap()]));
    stage.switch = Some(super::kit::switch(WEIGHTED));
    stage.open("1.0.0");
    stage.claim();
    stage.make(1);
    stage.step();
    stage.ready(1, "a");
    stage.note(|noted| noted.progress = Some(1));
    let nobody = look().group(1, 1, "a+").pool(&[]);
    row("nobody else could have the rest", &stage, &nobody, "moved gate 1 until +310s");
    assert_eq!(nobody.decide(&stage).report.share, None, "of nothing there is no share");
}

#[test]
fn who_serves_finishes_its_requests_and_then_leaves() {
    let mut stage = with_one(surge(1), WEIGHTED, &[(1, 666), (2, 334)]);
    let weights = [(1, 666), (2, 334)];
    row("first it drains", &stage, &one_of_four().pool(&weights), "owed 8 drain 0001.0 a");
    stage.owe(super::kit::drain(1, "a"));
    stage.settle(done(None));
    let draining = || one_of_four().pool(&weights).targets("a", TargetState::Draining);
    row("nobody else until it has", &stage, &draining(), "");
    tells(
        "which is said",
        &stage,
        &draining(),
        "waiting for 1 to finish their requests (at most 5m), 2 of 3 to be ready; rollback now would be partial, 2 of 3 still run",
        "+370s",
    );
    let drained = one_of_four().pool(&weights).targets("a", TargetState::Drained);
    row("then it leaves", &stage, &drained, "owed 9 lower 0001.0 3 by a");
    stage.pass(300);
    row("or when its time is over", &stage, &draining(), "owed 9 lower 0001.0 3 by a");
    let unseen = look().group(1, 3, "b+ c+").partly().group(2, 1, "d+").pool(&weights).target("a", Verdict::Healthy);
    let unseen = unseen.targets("a", TargetState::Draining);
    row("though it is not seen", &stage, &unseen, "owed 9 lower 0001.0 3 by a");
    let mut later = with_one(surge(1), WEIGHTED, &weights);
    later.pass(400);
    later.owe(super::kit::drain(1, "a"));
    later.settle(done(None));
    row("and not before", &later, &unseen, "");
    let down = with_one(surge(1), WEIGHTED, &weights);
    let stopped = look().group(1, 3, "a! b+ c+").group(2, 1, "d+").pool(&weights);
    row("who serves nobody need not", &down, &stopped, "owed 8 lower 0001.0 3 by a");
}

#[test]
fn what_is_left_over_is_detached_before_it_is_removed() {
    let mut stage = Stage::routed(3, surge(3), WEIGHTED);
    stage.ready(2, "d e f");
    stage.owe(route(&[(1, 0), (2, 1000)]));
    stage.settle(done(None));
    stage.retire(1, "a b c");
    stage.gone(1, "a b c");
    stage.owe(immutable_core::rollout::Call::Upkeep(immutable_core::fleet::GenerationId(2), Default::default()));
    stage.settle(done(None));
    stage.pass(10);
    let generation = immutable_core::fleet::GenerationId(2);
    let evidence = immutable_core::Digest::of(b"as read");
    stage.apply(immutable_core::rollout::Event::Proven { generation, instances: 3, evidence });
    stage.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: stage.now + 60 * MINUTE });
    let all = || look().group(1, 0, "").group(2, 3, "d+ e+ f+");
    row("it is in the pool still", &stage, &all().pool(&[(1, 0), (2, 1000)]), "owed 10 route 0002:1000");
    stage.owe(route(&[(2, 1000)]));
    stage.settle(done(None));
    row("it had no requests, so none are on their way", &stage, &all().pool(&[(2, 1000)]), "owed 11 destroy 0001");
    let mut had = stage.clone();
    had.owe(route(&[(1, 1000), (2, 0)]));
    had.settle(done(None));
    had.owe(route(&[(2, 1000)]));
    had.settle(done(None));
    row("otherwise they may be", &had, &all().pool(&[(2, 1000)]), "");
    had.pass(10);
    row("and then are not", &had, &all().pool(&[(2, 1000)]), "owed 13 destroy 0001");
    row("of a pool that is not seen nobody knows: others may have attached it again", &had, &all(), "");
    row("nor of one that is seen in part", &had, &all().pool(&[(2, 1000)]).pool_partly(), "");
}

#[test]
fn the_old_leave_first_where_nothing_may_run_twice() {
    let stage = Stage::rolling(Strategy::recreate());
    let fresh = look().group(1, 3, "a+ b+ c+").group(2, 0, "");
    row("all of them", &stage, &fresh, "owed 5 lower 0001.0 3 by a,b,c");
    let lowered = look().group(1, 2, "a+ b+ c+").group(2, 0, "");
    let all = "noted size 0001.0 2\nowed 5 lower 0001.0 2 by a,b,c";
    row("also who is there beyond a size that others have set", &stage, &lowered, all);
    let mut leaving = stage.clone();
    leaving.retire(1, "a b c");
    let last = look().group(1, 0, "c<").group(2, 0, "");
    row("nothing comes while one is there", &leaving, &last, "noted gone 0001.0 a,b");
    row(
        "then one, to begin with",
        &leaving,
        &look().group(1, 0, "").group(2, 0, ""),
        "noted gone 0001.0 a,b,c\nowed 6 raise 0002.0 0 to 1",
    );
    let kept = Strategy::new([Step::scale_beside(Amount::from(2)), Step::scale(Percent::new(100).unwrap())]).max_surge(2);
    let mut beside = Stage::rolling(kept);
    beside.ready(2, "d e");
    beside.note(|noted| noted.progress = Some(2));
    let both = look().group(1, 3, "a+ b+ c+").group(2, 2, "d+ e+");
    row("and none where they are kept", &beside, &both, "moved step 1 until +1240s");
}

#[test]
fn who_was_to_leave_at_once_and_serves_by_now_finishes_first() {
    let mut stage = with_one(surge(1), Split::Pooled, &[(1, 1), (2, 1)]);
    let pool = || [(1, 1), (2, 1)];
    stage.launch(1, "x");
    stage.pass(20);
    stage.owe(lower(1, 4, "x"));
    stage.pass(70);
    let booting = look().group(1, 4, "a+ b+ c+ x:").group(2, 1, "d+").pool(&pool());
    row("who boots still may go", &stage, &booting.targets("a b c d x", TargetState::Attached), "renewed 9 +160s");
    let withdrawn = "failed Stale found Some(4): withdrawn: it was decided on a view that no longer holds";
    let serves = || look().group(1, 4, "a+ b+ c+ x+").group(2, 1, "d+").pool(&pool());
    let attached = serves().targets("a b c d x", TargetState::Attached);
    row("who serves may not", &stage, &attached, &format!("noted healthy 0001.0 x\nsettled 9 {withdrawn}"));
    row("who has finished may", &stage, &serves().targets("x", TargetState::Drained), "noted healthy 0001.0 x\nrenewed 9 +160s");
    let unseen = |x: &str| look().group(1, 4, &format!("a+ b+ c+ {x}")).group(2, 1, "d+");
    row("where the pool is not seen that is not known", &stage, &unseen("x+"), "noted healthy 0001.0 x");
    row("but of who boots still", &stage, &unseen("x:"), "renewed 9 +160s");
}

#[test]
fn nobody_who_may_serve_leaves_while_the_pool_is_not_seen() {
    let mut stage = with_one(surge(1), Split::Pooled, &[(1, 1), (2, 1)]);
    stage.switch = stage
        .switch
        .map(|switch| immutable_core::fleet::TrafficCapabilities { drains: immutable_core::fleet::Drains::Never, ..switch });
    row("seen", &stage, &one_of_four().pool(&[(1, 1), (2, 1)]), "owed 8 lower 0001.0 3 by a");
    row("unseen", &stage, &one_of_four(), "");
    let said = one_of_four().decide(&stage).report.to_string();
    assert!(
        said.starts_with("waiting for a whole view (of pool web), a whole view (of the pool), 2 of 3 to be ready;"),
        "{said}"
    );
    row("in part", &stage, &one_of_four().pool(&[(1, 1), (2, 1)]).pool_partly(), "");
}

#[test]
fn what_was_in_force_before_others_set_theirs_may_be_still() {
    let mut stage = Stage::routed(3, surge(1), WEIGHTED);
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.owe(route(&[(1, 666), (2, 334)]));
    stage.settle(done(None));
    stage.pass(10);
    let theirs = [(1, 0), (2, 1000)];
    let noted = "noted weights 0001:0,0002:1000";
    row("theirs is seen when ours is in force", &stage, &one_of_four().pool(&theirs), noted);
    stage.note(|noted| noted.weights = Some(theirs.map(|(id, weight)| (immutable_core::fleet::GenerationId(id), weight)).into()));
    stage.pass(9);
    row("and what was before ours counts until theirs is", &stage, &one_of_four().pool(&theirs), "");
}
