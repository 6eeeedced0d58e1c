//! Zones where something is amiss: one that cannot be seen, one that nothing comes in, sizes and routes that others have set.

use immutable_core::fleet::{GenerationId, Split};
use immutable_core::id::StepIx;
use immutable_core::rollout::{Ending, Event, Outcome, Phase, StepState, Strategy};

use super::kit::{MINUTE, Stage, done, route};
use super::sight::{Look, look};
use super::zones::{a_unseen, by_zone, fill, rolling, routed, routes, see, short, sizes, strict};

const WEIGHTED: Split = Split::Weighted { generations: 2, parts: 100 };

/// All of the old are well.
fn two_each() -> Look {
    look().group(1, 2, "a0+ a1+").group(1, 2, "b0+ b1+").cell(1).group(1, 2, "c0+ c1+").cell(2)
}

fn moving(stage: &mut Stage, step: u16) {
    stage.moved(Phase::Stepping { step: StepIx(step), at: StepState::Moving { give_up_at: stage.now + 20 * MINUTE } });
}

#[test]
fn whoever_leaves_makes_their_group_smaller_for_the_next() {
    let mut stage = rolling([3, 3, 0], Strategy::rolling().max_surge(0).max_unavailable(2));
    stage.note(|noted| noted.exercised.push(GenerationId(2)));
    let one_down = look().group(1, 3, "a0+ a1+ a2+").group(1, 3, "b0! b1+ b2+").cell(1).group(1, 0, "").cell(2);
    let one_down = one_down.group(2, 0, "").group(2, 0, "").cell(1).group(2, 0, "").cell(2);
    assert_eq!(sizes(&stage, &one_down), ["lower 0001.0 3 by a0", "lower 0001.1 3 by b0"], "two are left in each");
}

#[test]
fn a_zone_that_cannot_be_seen_is_waited_for_only_while_somebody_is_missing() {
    let mut stage = rolling([2, 2, 2], strict(6));
    fill(&mut stage, 2, 1, 0, 3);
    fill(&mut stage, 2, 2, 0, 3);
    stage.pass(30);
    let said = a_unseen([2, 0, 0], [0, 3, 3]).decide(&stage).report.to_string();
    assert!(!said.contains("of a zone whose part is missing"), "all are elsewhere: {said}");
}

#[test]
fn of_sizes_that_others_have_lowered_no_more_are_set_back_than_are_to_be_there() {
    let mut stage = rolling([0, 0, 0], Strategy::rolling());
    stage.apply(Event::Resized { desired: 6 });
    fill(&mut stage, 2, 0, 0, 2);
    fill(&mut stage, 2, 1, 0, 2);
    fill(&mut stage, 2, 2, 0, 3);
    stage.pass(30);
    let old = (0..3).fold(look(), |look, at| look.group(1, 0, "").cell(at));
    let new = old.group(2, 1, "na0+ na1+").group(2, 1, "nb0+ nb1+").cell(1).group(2, 3, "nc0+ nc1+").cell(2);
    assert_eq!(sizes(&stage, &new), ["raise 0002.0 1 to 2"], "one of the six is on its way");
}

#[test]
fn no_size_is_set_back_in_a_zone_before_its_turn() {
    let mut stage = rolling([2, 2, 2], by_zone(2));
    fill(&mut stage, 2, 0, 0, 1);
    fill(&mut stage, 2, 1, 0, 1);
    stage.pass(30);
    let new = two_each().group(2, 1, "na0+").group(2, 0, "nb0+").cell(1).group(2, 0, "").cell(2);
    let raises: Vec<_> = sizes(&stage, &new).into_iter().filter(|line| line.starts_with("raise")).collect();
    assert_eq!(raises, [""; 0], "who is there beyond it is the provider's to remove");
}

#[test]
fn where_nothing_comes_in_one_zone_the_others_get_their_part_and_no_more() {
    let mut stage = rolling([2, 2, 2], by_zone(6));
    fill(&mut stage, 2, 0, 0, 1);
    stage.moved(Phase::Stepping { step: StepIx(1), at: StepState::Gating { since: stage.now, until: Some(stage.now) } });
    moving(&mut stage, 2);
    stage.pass(30);
    short(&mut stage, 2, 1, 0);
    stage.pass(30);
    let raises: Vec<_> = sizes(&stage, &see([0, 2, 2], [1, 0, 0])).into_iter().filter(|line| line.starts_with("raise")).collect();
    assert_eq!(raises, ["raise 0002.0 1 to 2", "raise 0002.1 0 to 2"]);
}

#[test]
fn what_cannot_be_shifted_for_a_zones_sake_is_not_reached() {
    let strategy = Strategy::blue_green().max_unavailable_per_zone(0);
    let mut stage = routed([3, 2, 1], strategy, Split::Binary);
    moving(&mut stage, 1);
    stage.note(|noted| noted.progress = Some(6));
    short(&mut stage, 2, 2, 1);
    stage.pass(30);
    let all = see([2; 3], [3, 2, 1]).pool(&[(1, 1), (2, 0)]);
    assert_eq!(all.says_decide(&stage), "", "zone c would have one of its two");
}

#[test]
fn beside_what_a_zone_needs_only_those_keep_a_part_who_have_requests() {
    let strategy = || Strategy::rolling().max_surge(6).max_unavailable(2).max_unavailable_per_zone(1);
    // Somebody is to serve in zone c.
    let mut shared = routed([2, 2, 0], strategy(), WEIGHTED);
    shared.owe(route(&[(1, 60), (2, 40)]));
    shared.settle(done(None));
    shared.pass(20);
    let now = see([2; 3], [2, 2, 0]).pool(&[(1, 60), (2, 40)]);
    assert_eq!(routes(&shared, &now), ["0001:25,0002:75"], "what is wanted is not one of the others");
    let mut third = routed([0, 0, 1], strategy(), WEIGHTED);
    third.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: third.now + 60 * MINUTE });
    third.apply(Event::Ended { outcome: Outcome::LeftMixed });
    third.open("1.2.0");
    third.claim();
    third.make(3);
    third.step();
    fill(&mut third, 3, 0, 0, 2);
    fill(&mut third, 3, 1, 0, 2);
    third.pass(30);
    let all = see([2; 3], [0, 0, 1]).group(3, 2, "na0+ na1+").runs("1.2.0").group(3, 2, "nb0+ nb1+").cell(1).runs("1.2.0");
    let all = all.group(3, 0, "").cell(2).good("1.2.0").pool(&[(1, 100), (2, 0)]);
    assert_eq!(routes(&third, &all), ["0001:25,0003:75"], "who has none gets none for it");
}

#[test]
fn whose_zones_wait_for_their_turn_serve_for_those_who_are_to_go_before() {
    let decides = |weights: &[(u32, u16)]| {
        let mut stage = routed([1, 0, 0], by_zone(6).max_unavailable(5), Split::Weighted { generations: 3, parts: 100 });
        stage.retire(1, "a0 a1");
        stage.gone(1, "a0 a1");
        stage.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now + 60 * MINUTE });
        stage.apply(Event::Ended { outcome: Outcome::LeftMixed });
        stage.open("1.2.0");
        stage.claim();
        stage.make(3);
        stage.step();
        stage.ready(3, "x y");
        stage.owe(route(weights));
        stage.settle(done(None));
        stage.pass(60);
        let old = look().group(1, 0, "").group(1, 2, "b0+ b1+").cell(1);
        let old = old.group(1, 2, "c0+ c1+").cell(2).group(2, 1, "na0+").group(2, 0, "").cell(1).group(2, 0, "").cell(2);
        let all = old.group(3, 2, "x+ y+").runs("1.2.0").group(3, 0, "").cell(1).group(3, 0, "").cell(2).good("1.2.0");
        sizes(&stage, &all.pool(weights))
    };
    let given = "route 0001:67,0002:0,0003:33".to_owned();
    assert_eq!(decides(&[(1, 0), (2, 67), (3, 33)]), [given], "two of zones b and c each can carry it");
    assert_eq!(decides(&[(1, 67), (2, 0), (3, 33)]), ["drain 0002.0 na0"], "and then the one of zone a goes");
}
