//! Switches that break their contract, each in one way, and the case that must see it.

use immutable_core::conformance::switch;
use immutable_core::fleet::Split;
use immutable_core::{Result, traffic_switch_conformance};

use crate::sluice::subject;

const WEIGHTED: Split = Split::Weighted { generations: 3, parts: 100 };

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Flaw {
    AnswersTheTagBefore,
    AttachesTheFirstAlone,
    AttachesWithoutARoute,
    BeginsToDrainLater,
    BlocksAnyPool,
    BringsOvertakenRoutesIntoForce,
    ChangesWhatItCan,
    ComparesTagsFirst,
    CountsEveryRoute,
    CutsDownToItsSplit,
    DetachesAtZero,
    DrainsAllAnew,
    DrainsAllForNobody,
    DrainsAnew,
    DrainsForEver,
    DrainsNobodyGladly,
    DrainsOneMore,
    FindsAResidueInEverything,
    FindsNothingInTheWay,
    ForgetsWhoDrained,
    GuessesWhoIsNotProbed,
    HasOnlyOnePool,
    HashesWeightsIntoItsTag,
    HidesWhatSticks,
    IgnoresTags,
    KeepsTargetsOfTheDetached,
    KeepsWhoIsNotNamed,
    LeavesItUnknownWhetherItConflicted,
    LetsLateCopiesWin,
    MakesPools,
    ProbesOnlyWhoGetsRequests,
    RefusesStrangers,
    RefusesTheLargestWeight,
    RemembersStrangers,
    RemovesWhatIsNotOurs,
    RoutesAgainForANewOwner,
    RoutesAgainOnACopy,
    RoutesToNobody,
    SetsItAndConflicts,
    SetsWhatIsBeyondItsSplit,
    SettlesLater,
    SharesPools,
    ShowsOldViewsAsNew,
    ShowsThemBackwards,
    SticksForEver,
    StopsHalfwayForGood,
    TakesThemBackOnARoute,
    UndoesADrainOnACopy,
    WaitsForTheEndOfADrain,
}
use Flaw::*;

const CAUGHT: &[(Flaw, &str)] = &[
    (ChangesWhatItCan, "capabilities_stay"),
    (AttachesWithoutARoute, "a_pool_without_a_route_is_empty"),
    (BlocksAnyPool, "a_preflight_finds_that_there_is_no_pool"),
    (FindsNothingInTheWay, "a_preflight_finds_that_there_is_no_pool"),
    (MakesPools, "an_unknown_pool_is_not_found"),
    (ShowsThemBackwards, "targets_come_in_ascending_order"),
    (HasOnlyOnePool, "pools_do_not_touch_each_other"),
    (ShowsOldViewsAsNew, "a_route_shows_in_the_next_view"),
    (AnswersTheTagBefore, "a_route_answers_the_tag_of_the_next_view"),
    (AttachesTheFirstAlone, "the_members_of_who_is_named_are_attached"),
    (KeepsWhoIsNotNamed, "who_is_not_named_is_detached_and_drains"),
    (KeepsTargetsOfTheDetached, "who_is_not_named_is_detached_and_drains"),
    (DrainsForEver, "who_is_not_named_is_detached_and_drains"),
    (RemovesWhatIsNotOurs, "what_is_not_ours_stays_as_it_is"),
    (CountsEveryRoute, "the_same_weights_again_change_nothing"),
    (CountsEveryRoute, "the_same_weights_under_an_old_tag_are_done"),
    (ComparesTagsFirst, "the_same_weights_under_an_old_tag_are_done"),
    (IgnoresTags, "a_route_under_an_old_tag_conflicts"),
    (SetsItAndConflicts, "a_route_under_an_old_tag_conflicts"),
    (LeavesItUnknownWhetherItConflicted, "a_route_under_an_old_tag_conflicts"),
    (HashesWeightsIntoItsTag, "a_tag_never_comes_back"),
    (RefusesTheLargestWeight, "a_route_within_the_split_is_done"),
    (CutsDownToItsSplit, "a_route_beyond_the_split_is_invalid"),
    (SetsWhatIsBeyondItsSplit, "a_route_beyond_the_split_is_invalid"),
    (RoutesToNobody, "a_route_to_an_unknown_generation_is_not_found"),
    (SharesPools, "another_fleets_pool_is_taken"),
    (DetachesAtZero, "of_weight_zero_is_attached"),
    (ProbesOnlyWhoGetsRequests, "of_weight_zero_is_probed_as_said"),
    (GuessesWhoIsNotProbed, "of_weight_zero_is_probed_as_said"),
    (SettlesLater, "a_route_is_in_force_when_settled"),
    (BringsOvertakenRoutesIntoForce, "an_overtaken_route_never_comes_into_force"),
    (HidesWhatSticks, "a_residue_is_told"),
    (SticksForEver, "a_residue_ends"),
    (FindsAResidueInEverything, "a_residue_ends"),
    (RoutesAgainOnACopy, "a_route_sent_twice_is_one_route"),
    (RoutesAgainOnACopy, "two_copies_of_a_route_at_once_are_one_route"),
    (RoutesAgainForANewOwner, "a_route_sent_again_by_a_new_owner_is_one_route"),
    (LetsLateCopiesWin, "a_late_copy_of_an_overtaken_route_changes_nothing"),
    (IgnoresTags, "a_late_copy_of_an_overtaken_route_changes_nothing"),
    (StopsHalfwayForGood, "a_dropped_route_sent_again_is_set"),
    (DrainsNobodyGladly, "a_drain_of_nobody_is_invalid"),
    (DrainsAllForNobody, "a_drain_of_nobody_is_invalid"),
    (DrainsOneMore, "a_drain_takes_exactly_the_named"),
    (BeginsToDrainLater, "a_drain_takes_exactly_the_named"),
    (WaitsForTheEndOfADrain, "a_drain_is_answered_when_it_has_begun"),
    (RefusesStrangers, "a_drain_passes_over_who_is_no_target"),
    (RemembersStrangers, "a_drain_passes_over_who_is_no_target"),
    (DrainsAllAnew, "a_drain_ends_in_order"),
    (DrainsForEver, "a_drain_ends_in_order"),
    (DrainsAnew, "a_drain_again_changes_nothing"),
    (TakesThemBackOnARoute, "who_was_told_to_drain_gets_nothing_new"),
    (ForgetsWhoDrained, "who_was_told_to_drain_gets_nothing_new"),
    (UndoesADrainOnACopy, "two_copies_of_a_drain_at_once_are_one_drain"),
    (StopsHalfwayForGood, "a_dropped_drain_sent_again_drains"),
];

async fn sound(split: Split) -> Result<switch::Subject> {
    Ok(subject(split, None))
}

mod a_sluice_by_weights {
    super::traffic_switch_conformance!(|| super::sound(super::WEIGHTED));
}
mod a_sluice_for_one {
    super::traffic_switch_conformance!(|| super::sound(super::Split::Binary));
}
mod a_sluice_for_all {
    super::traffic_switch_conformance!(|| super::sound(super::Split::Pooled), cannot: {
        "of_weight_zero_is_attached": "all get the same",
        "of_weight_zero_is_probed_as_said": "all get the same",
    });
}

#[test]
fn each_flaw_is_caught_by_its_case() {
    for split in [WEIGHTED, Split::Binary, Split::Pooled] {
        let passes = |flaw, case: &str| switch::run(case, async || Ok(subject(split, Some(flaw))), &[], &[]).is_ok();
        let largest = |flaw: Flaw| flaw == RefusesTheLargestWeight && split != WEIGHTED;
        let weightless = |case: &str| case.starts_with("of_weight_zero") && split == Split::Pooled;
        let there = CAUGHT.iter().filter(|(flaw, case)| !largest(*flaw) && !weightless(case));
        let missed: Vec<_> = there.filter(|(flaw, case)| passes(*flaw, case)).collect();
        assert!(missed.is_empty(), "{split:?}: these cases pass over what is broken so: {missed:?}");
    }
}

#[test]
fn each_case_catches_a_flaw() {
    let idle: Vec<_> = switch::cases().filter(|case| CAUGHT.iter().all(|(_, by)| by != case)).collect();
    assert!(idle.is_empty(), "nothing is broken so that these cases see it: {idle:?}");
    let unknown: Vec<_> = CAUGHT.iter().filter(|(_, by)| switch::cases().all(|case| case != *by)).collect();
    assert!(unknown.is_empty(), "there are no such cases: {unknown:?}");
}

#[test]
fn what_a_switch_cannot_show_is_told() {
    let run = |cannot: &[(&str, &str)]| {
        let fresh = async || Ok(subject(Split::Pooled, None));
        switch::run("of_weight_zero_is_attached", fresh, &[], cannot).map_err(|failure| failure.to_string())
    };
    let told = run(&[]).unwrap_err();
    assert!(told.starts_with("of_weight_zero_is_attached: not applicable: a pool in which all get the same"), "{told}");
    assert_eq!(run(&[("of_weight_zero_is_attached", "all get the same")]), Ok(()));
    let fresh = async || Ok(subject(WEIGHTED, None));
    let why = [("of_weight_zero_is_attached", "all get the same")];
    let applies = switch::run("of_weight_zero_is_attached", fresh, &[], &why).unwrap_err().to_string();
    assert_eq!(applies, "of_weight_zero_is_attached applies now; remove it from cannot (it said: all get the same)");
}
