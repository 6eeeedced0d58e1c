//! Three are left of the baseline when the new release fails; and its mirror: a shift that is acknowledged and not in force yet.

use super::*;
use crate::analysis::Says;
use crate::rollout::{Check, Percent, Step, decide::naive};
use crate::simulation::script::{Divides, Judging, Pool};

fn all() -> Percent {
    Percent::new(100).unwrap()
}

/// Ten, behind weights; when seven of them are new, and have their share, their judge says no. All of them are healthy.
fn failing() -> Script {
    let mut script = calm([(10, Release::Good), (10, Release::Good)]);
    script.cloud.pool = Some(Pool::new(Divides::Weighted(100), 10));
    script.strategy.steps = vec![Step::scale(Percent::new(70).unwrap()), Check::by("judge").into(), Step::scale(all())];
    script.strategy = script.strategy.max_surge(2);
    script.judge = Some(Judging::new(1, Says::Fail));
    script
}

/// One after the other, and a share with each, in a data plane that takes its time.
fn unsettled() -> Script {
    let mut script = calm([(3, Release::Good), (3, Release::Good)]);
    script.cloud.pool = Some(Pool::new(Divides::Weighted(100), 45));
    script
}

/// engine.md 6.8, Back onto three.
#[test]
fn those_that_are_left_get_back_no_more_than_they_can_carry() {
    let told = play(&failing());
    let played = told.ends(&Outcome::RolledBack);
    assert_eq!((played.end.size, played.end.generations), (10, 1), "{told}");
    let back = told.first(Who::Decided, &["Reverting"]);
    let set = |words: &[&str]| told.lines(Who::World, words).find(|line| line.at >= back).map(|line| line.at);
    let raised = set(&["0001.0: size 3 to"]).unwrap_or_else(|| panic!("the baseline is raised first\n{told}"));
    let all = set(&["set to {GenerationId(1): 100"]).unwrap_or_else(|| panic!("it gets all in the end\n{told}"));
    assert!(raised < all, "{told}");
    let well = |line: &&Line| line.at >= back && line.what.contains("web-0001-0") && line.what.ends_with("Healthy");
    let came = told.story.iter().filter(|line| line.who == Who::World).filter(well).filter(|line| line.at <= all).count();
    assert_eq!(came, 7, "all are back before they have all requests\n{told}");
    let steps = told.lines(Who::World, &["web set to"]).filter(|line| line.at >= back).count();
    assert!(steps > 3, "the share rises with who is ready\n{told}");
}

#[test]
fn an_engine_to_which_going_back_is_one_switch_gives_three_what_ten_served() {
    play_by(naive::back_is_one_switch, &failing(), Patience::Configured).breaks(&["share"]);
}

#[test]
fn nobody_is_retired_on_the_strength_of_a_route_that_is_not_in_force() {
    let told = play(&unsettled());
    told.ends(&Outcome::Succeeded);
    let leaves: Vec<_> = told.lines(Who::World, &["web drains web-0001"]).map(|line| line.at).collect();
    assert_eq!(leaves.len(), 3, "{told}");
    for leaves in leaves {
        let shifted = told.lines(Who::World, &["web set to"]).filter(|line| line.at < leaves).last();
        assert!(shifted.is_some_and(|line| leaves.since(line.at) >= Duration::from_secs(45)), "{told}");
    }
}

#[test]
fn an_engine_to_which_what_is_acknowledged_is_in_force_retires_who_still_serves() {
    play_by(naive::acknowledged_is_in_force, &unsettled(), Patience::Configured).breaks(&["floor"]);
}
