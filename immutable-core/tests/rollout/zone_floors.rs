//! Floors of zones: whom they keep though there are more than enough of them, and who holds them up.

use std::sync::Arc;

use immutable_core::Digest;
use immutable_core::fleet::{GenerationId, Resize, Split};
use immutable_core::id::StepIx;
use immutable_core::rollout::{Call, Ending, Event, Phase, Step, StepState, Strategy};

use super::kit::{MINUTE, Stage, done, keys, paused, removed, route, switch, upkeep};
use super::sight::{Look, look};
use super::zones::{cell, fill, fleet, look_of, percent, rolling, routed, routes, see, short, sizes};

#[test]
fn more_than_the_goal_are_not_waited_for_where_their_zones_need_them() {
    let steps = [Step::scale(percent(50)), Step::scale(percent(100))];
    let strategy = Strategy::new(steps).max_surge(6).max_unavailable(3).max_unavailable_per_zone(0);
    let decides = |old: [u32; 3]| {
        let mut stage = rolling(old, strategy.clone());
        stage.apply(Event::Resized { desired: 6 });
        // Of the new three are wanted, and somebody has made a fourth.
        for (at, size) in [(0, 2), (1, 1), (2, 1)] {
            fill(&mut stage, 2, at, 0, size);
        }
        stage.pass(30);
        let look = see(old, [2, 1, 1]);
        (sizes(&stage, &look), look.says_decide(&stage).contains("moved step 1"))
    };
    assert_eq!(decides([0, 1, 1]), (vec![], true), "each zone has its two, and nobody to spare");
    assert_eq!(decides([1, 1, 1]), (vec!["lower 0002.0 2 by na0".to_owned()], false), "one has three");
}

#[test]
fn who_gets_no_requests_holds_up_no_floor() {
    let leaves = |per_zone: u32| {
        let strategy = Strategy::rolling().max_surge(6).max_unavailable(2).max_unavailable_per_zone(per_zone);
        let stage = routed([1, 1, 1], strategy, Split::Binary);
        let decided = see([2; 3], [1, 1, 1]).pool(&[(1, 1), (2, 0)]).says_decide(&stage);
        decided.lines().filter(|line| line.contains("drain 0001")).count()
    };
    assert_eq!(leaves(0), 0, "two in each zone must serve, and two are all that do");
    assert_eq!(leaves(1), 2, "one in each must, and four in all");
}

#[test]
fn where_nobody_loses_their_requests_too_few_in_a_zone_are_no_hindrance() {
    let strategy = Strategy::rolling().max_surge(6).max_unavailable(2).max_unavailable_per_zone(1);
    let stage = routed([2, 2, 0], strategy, Split::Weighted { generations: 2, parts: 100 });
    let doubted = look_of("a0+ a1+", "b0+ b1+", "c0? c1?").group(2, 2, "na0+ na1+").group(2, 2, "nb0+ nb1+").cell(1);
    let now = doubted.group(2, 0, "").cell(2).pool(&[(1, 100), (2, 0)]);
    assert_eq!(routes(&stage, &now), ["0001:25,0002:75"], "whoever may serve in zone c keeps a share");
}

/// In zone b the old one alone, which can never leave; of the new two in a and one in c.
fn uneven(desired: u32, strategy: Strategy) -> Stage {
    let mut stage = rolling([0, 1, 0], strategy.max_unavailable_per_zone(0));
    stage.apply(Event::Resized { desired });
    fill(&mut stage, 2, 0, 0, 2);
    fill(&mut stage, 2, 2, 0, 1);
    stage.pass(30);
    stage
}

#[test]
fn who_is_too_many_in_one_zone_makes_room_for_one_where_the_floor_needs_it() {
    let stage = || uneven(3, Strategy::rolling().max_surge(1));
    let seen = see([0, 1, 0], [2, 0, 1]);
    assert_eq!(sizes(&stage(), &seen), ["lower 0002.0 2 by na0"]);
    let mut asked = stage();
    short(&mut asked, 2, 1, 0);
    asked.pass(599);
    assert_eq!(sizes(&asked, &seen), [""; 0], "not where the last one did not come");
    asked.pass(1);
    assert_eq!(sizes(&asked, &seen), ["lower 0002.0 2 by na0"], "but after a while");
    let mut gates = stage();
    gates.moved(Phase::Held { why: paused(), resume: Box::new(gates.state.rollout().unwrap().phase.clone()), since: gates.now });
    assert_eq!(sizes(&gates, &seen), [""; 0], "nor while it rests");
    let boots = look().group(1, 0, "").group(1, 1, "b0+").cell(1).group(1, 0, "").cell(2);
    let boots = boots.group(2, 2, "na0+ na1+").group(2, 0, "").cell(1).group(2, 1, "nc0?").cell(2);
    assert_eq!(sizes(&stage(), &boots), [""; 0], "nor while others of the new may come to serve");
    let leaving = look().group(1, 0, "z<").group(1, 1, "b0+").cell(1).group(1, 0, "").cell(2);
    let leaving = leaving.group(2, 2, "na0+ na1+").group(2, 0, "").cell(1).group(2, 1, "nc0+").cell(2);
    assert_eq!(sizes(&stage(), &leaving), [""; 0], "nor while somebody leaves");
    let part = |old: bool, new: bool| {
        let partly = |look: Look, part: bool| if part { look.partly() } else { look };
        let there = partly(look().group(1, 0, ""), old).group(1, 1, "b0+").cell(1).group(1, 0, "").cell(2);
        let there = there.group(2, 2, "na0+ na1+").group(2, 0, "").cell(1);
        sizes(&stage(), &partly(there.group(2, 1, "nc0+").cell(2), new))
    };
    assert_eq!(part(false, true), [""; 0], "nor while others of the new are seen in part");
    assert_eq!(part(true, false), ["lower 0002.0 2 by na0"], "of the old that may be");
    assert_eq!(sizes(&stage(), &see([0, 0, 0], [2, 0, 1])), ["upkeep 0002 heal true"], "nor for the sake of evenness alone");
    let mut last = stage();
    last.note(|noted| drop(noted.gone.insert(cell(1, 1), keys("b0").into_iter().collect())));
    last.apply(Event::Proven { generation: GenerationId(2), instances: 3, evidence: Digest::of(b"as read") });
    last.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: last.now + 60 * MINUTE });
    last.owe(upkeep(2));
    last.settle(done(None));
    assert_eq!(sizes(&last, &see([0, 0, 0], [2, 0, 1])), ["destroy 0001"], "nor at the end");
    last.owe(Call::Destroy(GenerationId(1)));
    last.settle(removed());
    let alone = look().absent(1).absent(1).cell(1).absent(1).cell(2);
    let alone = alone.group(2, 2, "na0+ na1+").group(2, 0, "").cell(1).group(2, 1, "nc0+").cell(2);
    assert_eq!(alone.says_decide(&last), "noted absent 0001\nended succeeded");
    let steps = [Step::scale(percent(100)), Step::bake(MINUTE * 60)];
    let mut bakes = uneven(3, Strategy::new(steps).max_surge(1));
    assert_eq!(sizes(&bakes, &seen), ["lower 0002.0 2 by na0"], "in a step");
    let (since, until) = (bakes.now, Some(bakes.now + 60 * MINUTE));
    bakes.moved(Phase::Stepping { step: StepIx(1), at: StepState::Gating { since, until } });
    assert_eq!(sizes(&bakes, &seen), [""; 0], "and not while it bakes");
    let mut plain = rolling([0, 1, 0], Strategy::rolling().max_surge(1));
    plain.apply(Event::Resized { desired: 3 });
    fill(&mut plain, 2, 0, 0, 2);
    fill(&mut plain, 2, 2, 0, 1);
    plain.pass(30);
    assert_eq!(sizes(&plain, &seen), ["lower 0001.1 1 by b0"]);
}

#[test]
fn room_is_made_for_a_zone_where_all_are_there_and_where_no_more_fit() {
    let decides = |stage: &Stage| sizes(stage, &see([0, 1, 0], [2, 0, 1]));
    let beside = |surge: u32| uneven(3, Strategy::rolling().max_surge(surge));
    assert_eq!(decides(&beside(2)), ["lower 0002.0 2 by na0"], "all are there, and one more would fit");
    let full = uneven(4, Strategy::rolling().max_surge(0).max_unavailable(1));
    assert_eq!(decides(&full), ["lower 0002.0 2 by na0"], "one is missing, and none fits");
    let mut even = uneven(4, Strategy::rolling().max_surge(1));
    fill(&mut even, 2, 2, 1, 2);
    even.pass(30);
    assert_eq!(sizes(&even, &see([0, 1, 0], [2, 0, 2])), ["lower 0002.2 2 by nc0"], "of two that are alike the last makes it");
    short(&mut even, 2, 2, 2);
    assert_eq!(sizes(&even, &see([0, 1, 0], [2, 0, 2])), [""; 0], "and while that may not be called no other makes it");
    even.pass(30);
    assert_eq!(sizes(&even, &see([0, 1, 0], [2, 0, 2])), ["lower 0002.2 2 by nc0"]);
    let mut asked = beside(1);
    asked.owe(Call::Resize(Arc::new(Resize::Raise { group: cell(2, 2), from: 1, to: 2 })));
    assert_eq!(decides(&asked), [""; 0], "not before what was asked for has come");
}

#[test]
fn no_room_is_made_where_no_zone_has_more_than_its_floor() {
    let mut stage = rolling([0, 1, 1], Strategy::rolling().max_surge(1).max_unavailable_per_zone(0));
    stage.apply(Event::Resized { desired: 3 });
    fill(&mut stage, 2, 0, 0, 1);
    fill(&mut stage, 2, 2, 0, 1);
    stage.pass(30);
    let old = look().group(1, 0, "").group(1, 1, "b0+").cell(1).group(1, 1, "c0*").cell(2);
    let all = old.group(2, 1, "na0+").group(2, 0, "").cell(1).group(2, 1, "nc0+").cell(2);
    assert_eq!(sizes(&stage, &all), [""; 0], "somebody protects the old one of zone c");
}

/// As [`uneven`] with so many of the old in zone b, and requests that go by this route.
fn uneven_pool(old: u32, (desired, share): (u32, u32), split: Split, weights: &[(u32, u16)], seconds: u64) -> Stage {
    let mut stage = Stage::proven_of(fleet(0, 3), Strategy::rolling());
    let steps = [share, 100].map(|share| Step::scale(percent(share)));
    let strategy = Strategy::new(steps).max_surge(1).max_unavailable(desired - 3).max_unavailable_per_zone(0);
    (stage.fleet, stage.strategy, stage.switch) = (fleet(desired, 3).pool("web"), strategy, Some(switch(split)));
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    stage.step();
    for (generation, at, size) in [(1, 1, old), (2, 0, 2), (2, 2, 1)] {
        fill(&mut stage, generation, at, 0, size);
    }
    stage.pass(30);
    stage.owe(route(weights));
    stage.settle(done(None));
    stage.pass(seconds);
    stage
}

#[test]
fn room_is_made_by_who_serves_once_the_requests_go_where_they_should() {
    let weights = [(1, 1), (2, 1)];
    let drains = |seconds: u64| {
        let stage = uneven_pool(1, (3, 100), Split::Pooled, &weights, seconds);
        see([0, 1, 0], [2, 0, 1]).pool(&weights).says_decide(&stage).contains("drain 0002.0 na0")
    };
    assert_eq!([9, 10].map(drains), [false, true], "the pool takes ten seconds");
}

#[test]
fn who_is_to_make_room_is_needed_for_no_share() {
    let decides = |old: u32, weights: [(u32, u16); 2], new: &str| {
        let stage = uneven_pool(old, (4, 75), Split::Weighted { generations: 2, parts: 100 }, &weights, 60);
        let there = look().group(1, 0, "").group(1, old, ["b0+", "b0+ b1+"][old as usize - 1]).cell(1).group(1, 0, "").cell(2);
        let look = there.group(2, 2, new).group(2, 0, "").cell(1).group(2, 1, "nc0+").cell(2).pool(&weights);
        (routes(&stage, &look), look.says_decide(&stage).contains("drain 0002.0 na0"))
    };
    let smaller = vec!["0001:33,0002:67".to_owned()];
    assert_eq!(decides(1, [(1, 25), (2, 75)], "na0+ na1+"), (smaller.clone(), false), "two of three carry two thirds");
    assert_eq!(decides(1, [(1, 33), (2, 67)], "na0+ na1+"), (vec![], true), "and then one goes");
    assert_eq!(decides(1, [(1, 25), (2, 75)], "na0* na1*"), (vec![], false), "unless somebody protects them");
    assert_eq!(decides(2, [(1, 25), (2, 75)], "na0+ na1+"), (vec![], false), "one of the old can make room");
    let back = vec!["0001:25,0002:75".to_owned()];
    assert_eq!(decides(1, [(1, 0), (2, 100)], "na0+ na1+"), (back, false), "there is no other share yet to keep one for");
}

#[test]
fn what_is_wanted_keeps_its_share_though_one_who_may_serve_is_not_seen() {
    let weights = [(1, 1), (2, 99)];
    let mut stage = uneven_pool(1, (4, 100), Split::Weighted { generations: 2, parts: 100 }, &weights, 60);
    fill(&mut stage, 2, 0, 2, 3);
    stage.pass(30);
    // The old one of zone b keeps a part of the requests, since nobody else serves there. Three of the four new can carry the others.
    let shares = |new: &str| {
        let old = look().group(1, 0, "").group(1, 1, "b0+").cell(1).group(1, 0, "").cell(2);
        let all = old.group(2, 3, new).partly().group(2, 0, "").cell(1).group(2, 1, "nc0+").cell(2);
        routes(&stage, &all.pool(&weights))
    };
    assert_eq!(shares("na0+ na1+ na2+"), [""; 0]);
    assert_eq!(shares("na0+ na1+"), [""; 0], "not to be seen is not to be gone");
    assert_eq!(shares("na0+ na1+ na2-"), ["0001:33,0002:67"], "two of three carry two thirds");
}

#[test]
fn of_too_many_who_serves_nobody_goes_first_also_where_a_floor_keeps_them_for_now() {
    // Of the old those in zone a never served, and six in zone b do; nobody knows yet whether the new release works.
    let decides = |desired: u32, surge: u32, there: &str| {
        let strategy = Strategy::rolling().max_surge(surge).max_unavailable(5).max_unavailable_per_zone(1 - surge);
        let mut stage = rolling([0, 6, 0], strategy);
        stage.apply(Event::Resized { desired });
        let names: Vec<_> = there.split_whitespace().map(|spelled| &spelled[..2]).collect();
        let size = names.len() as u32;
        stage.owe(Call::Resize(Arc::new(Resize::Raise { group: cell(1, 0), from: 0, to: size })));
        stage.settle(done(size));
        stage.note(|noted| drop(noted.appeared.insert(cell(1, 0), keys(&names.join(" ")).into_iter().collect())));
        let old = look().group(1, size, there).group(1, 6, "b0+ b1+ b2+ b3+ b4+ b5+").cell(1).group(1, 0, "").cell(2);
        sizes(&stage, &old.group(2, 0, "").group(2, 0, "").cell(1).group(2, 0, "").cell(2))
    };
    let all = "a0? a1? a2? a3?";
    assert_eq!(decides(7, 1, all), [""; 0], "three are too many, and four serve nobody");
    assert_eq!(decides(10, 0, all), ["lower 0001.1 6 by b0"], "nobody is too many, and one is to be tried");
    let one = ["lower 0001.0 2 by a0", "lower 0001.1 6 by b0"];
    assert_eq!(decides(5, 1, "a0! a1?"), one, "three are too many: one is down, one is waited for, and one serves");
}
