//! Floors of zones: whom they keep though there are more than enough of them, and who holds them up.

use immutable_core::fleet::Split;
use immutable_core::rollout::{Event, Step, Strategy};

use super::zones::{fill, look_of, percent, rolling, routed, routes, see, sizes};

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
