//! The macros that make one `#[test]` of each case. They name nothing but this crate, so a user's `Cargo.toml` needs nothing else.

/// Makes one `#[test]` per line of [`Journal`](crate::journal::Journal)'s contract; see [`conformance`](crate::conformance).
///
/// Takes an `async fn() -> Result<journal::Subject>`, or a closure that returns such a future, and the cases known to fail.
#[macro_export]
macro_rules! journal_conformance {
    ($fresh:expr $(,)?) => { $crate::journal_conformance!($fresh, known: {}); };
    ($fresh:expr, known: { $($case:literal : $why:literal),* $(,)? } $(,)?) => {
        const KNOWN: &[(&str, &str)] = &[$(($case, $why)),*];
        $crate::__journal_cases!([$crate::__conformance_tests] [journal] [$fresh]);
    };
}

/// Makes one `#[test]` per line of [`FleetProvider`](crate::provider::FleetProvider)'s contract; see
/// [`conformance`](crate::conformance).
///
/// Takes an `async fn() -> Result<fleets::Subject>`, or a closure that returns such a future, and the cases known to fail:
/// `fleet_provider_conformance!(super::moto, known: { "a_raise_sent_twice_launches_once": "moto adds" })`.
#[macro_export]
macro_rules! fleet_provider_conformance {
    ($fresh:expr $(,)?) => { $crate::fleet_provider_conformance!($fresh, known: {}); };
    ($fresh:expr, known: { $($case:literal : $why:literal),* $(,)? } $(,)?) => {
        const KNOWN: &[(&str, &str)] = &[$(($case, $why)),*];
        $crate::__fleet_cases!([$crate::__conformance_tests] [fleets] [$fresh]);
    };
}

/// Makes one `#[test]` per line of [`TrafficSwitch`](crate::provider::TrafficSwitch)'s contract; see [`conformance`](crate::conformance).
///
/// Takes an `async fn() -> Result<switch::Subject>`, or a closure that returns such a future, the cases known to fail, and those of what it cannot show:
/// `traffic_switch_conformance!(super::pools, known: {}, cannot: { "a_residue_is_told": "no client sticks" })`.
#[macro_export]
macro_rules! traffic_switch_conformance {
    ($fresh:expr $(,)?) => { $crate::traffic_switch_conformance!($fresh, known: {}, cannot: {}); };
    ($fresh:expr, known: { $($known:tt)* } $(,)?) => {
        $crate::traffic_switch_conformance!($fresh, known: { $($known)* }, cannot: {});
    };
    ($fresh:expr, cannot: { $($cannot:tt)* } $(,)?) => {
        $crate::traffic_switch_conformance!($fresh, known: {}, cannot: { $($cannot)* });
    };
    (
        $fresh:expr,
        known: { $($case:literal : $why:literal),* $(,)? },
        cannot: { $($cannot:literal : $because:literal),* $(,)? } $(,)?
    ) => {
        const KNOWN: &[(&str, &str)] = &[$(($case, $why)),*];
        const CANNOT: &[(&str, &str)] = &[$(($cannot, $because)),*];
        $crate::__switch_cases!([$crate::__excused_tests] [switch] [$fresh]);
    };
}

/// Makes one `#[test]` per line of [`ImageCatalog`](crate::provider::ImageCatalog)'s contract; see [`conformance`](crate::conformance).
///
/// Takes an `async fn() -> Result<catalog::Subject>`, or a closure that returns such a future, the cases known to fail, and those of what it cannot show:
/// `image_catalog_conformance!(super::images, known: {}, cannot: { "a_stage_it_cannot_set_is_invalid": "it can set all" })`.
#[macro_export]
macro_rules! image_catalog_conformance {
    ($fresh:expr $(,)?) => { $crate::image_catalog_conformance!($fresh, known: {}, cannot: {}); };
    ($fresh:expr, known: { $($known:tt)* } $(,)?) => {
        $crate::image_catalog_conformance!($fresh, known: { $($known)* }, cannot: {});
    };
    ($fresh:expr, cannot: { $($cannot:tt)* } $(,)?) => {
        $crate::image_catalog_conformance!($fresh, known: {}, cannot: { $($cannot)* });
    };
    (
        $fresh:expr,
        known: { $($case:literal : $why:literal),* $(,)? },
        cannot: { $($cannot:literal : $because:literal),* $(,)? } $(,)?
    ) => {
        const KNOWN: &[(&str, &str)] = &[$(($case, $why)),*];
        const CANNOT: &[(&str, &str)] = &[$(($cannot, $because)),*];
        $crate::__catalog_cases!([$crate::__excused_tests] [catalog] [$fresh]);
    };
}

/// Of a suite with cases that a subject may not be able to show.
#[doc(hidden)]
#[macro_export]
macro_rules! __excused_tests {
    ([$($case:ident)*] [$suite:ident] [$fresh:expr]) => {
        #[test]
        fn what_is_known_to_fail_is_a_case() -> ::std::result::Result<(), $crate::conformance::Failure> {
            $crate::conformance::$suite::check_known(KNOWN, CANNOT)
        }
        $(
            #[test]
            fn $case() -> ::std::result::Result<(), $crate::conformance::Failure> {
                $crate::conformance::$suite::run(::std::stringify!($case), $fresh, KNOWN, CANNOT)
            }
        )*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ([$($case:ident)*] [$suite:ident] [$fresh:expr]) => {
        #[test]
        fn what_is_known_to_fail_is_a_case() -> ::std::result::Result<(), $crate::conformance::Failure> {
            $crate::conformance::$suite::check_known(KNOWN)
        }
        $(
            #[test]
            fn $case() -> ::std::result::Result<(), $crate::conformance::Failure> {
                $crate::conformance::$suite::run(::std::stringify!($case), $fresh, KNOWN)
            }
        )*
    };
}

/// The cases of a suite, handed to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __journal_cases {
    ([$($then:tt)*] $($with:tt)*) => {
        $($then)*! { [
            a_stream_that_never_was_is_empty
            versions_count_records
            what_was_acknowledged_is_read
            a_conflict_tells_the_head_and_writes_nothing
            the_same_write_again_is_the_same_write
            another_write_at_an_old_version_conflicts
            records_of_one_append_appear_together
            an_empty_append_is_refused
            wrote_knows_what_was_written
            a_dropped_append_sent_again_is_written_once
            one_of_many_appenders_wins_each_version
            appenders_of_two_processes_win_each_version_once
            streams_are_appended_to_at_once
            a_claim_fences_who_claimed_before
            a_lost_reply_is_no_rival
            a_write_sent_again_by_another_process_is_the_same_write
            an_append_overtaken_never_lands
            a_load_after_a_version_gives_the_rest
            large_records_come_back
            odd_bytes_come_back
            many_records_come_back_in_order
            a_load_without_a_snapshot_gives_everything
            a_snapshot_and_what_came_after_it
            a_newer_snapshot_takes_the_place_of_an_older
            an_older_snapshot_changes_nothing
            a_snapshot_beyond_the_head_changes_nothing
            kept_records_stay
            dropped_records_are_all_there_or_not_found
            a_compacted_stream_goes_on
            a_long_stream_is_read_from_its_snapshots
            a_reader_keeps_up_with_compaction
            what_was_written_is_there_when_it_is_opened_again
            a_stream_goes_on_when_it_is_opened_again
            streams_do_not_touch_each_other
            names_that_look_alike_are_told_apart
            a_list_is_ordered_and_limited
            a_list_goes_on_after_a_stream
            a_prefix_is_no_pattern
        ] $($with)* }
    };
}

/// The cases of a suite, handed to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __fleet_cases {
    ([$($then:tt)*] $($with:tt)*) => {
        $($then)*! { [
            capabilities_stay
            a_preflight_only_reads
            an_inspection_only_reads
            a_group_of_others_is_adopted_as_it_is
            what_is_adopted_is_resized_and_removed_as_any_other
            what_is_adopted_again_stays_as_it_is
            what_bears_other_marks_is_not_adopted
            what_is_not_as_it_was_read_is_not_adopted
            ensure_makes_all_groups_at_size_zero
            ensure_launches_nothing
            ensure_sets_upkeep_from_the_first_moment
            ensure_again_finds_ours
            ensure_again_keeps_sizes_and_upkeep
            ensure_of_another_spec_is_taken
            a_taken_name_gets_no_more_groups
            a_raise_launches_exactly_as_many
            a_raise_shows_in_the_next_view
            a_raise_launches_the_pinned_image
            a_raise_sent_twice_launches_once
            two_copies_of_a_raise_at_once_launch_once
            a_raise_sent_again_by_a_new_owner_launches_once
            a_late_copy_of_a_raise_launches_nothing
            a_raise_to_the_size_that_is_changes_nothing
            a_raise_from_another_size_conflicts
            a_lower_terminates_exactly_the_named
            a_lower_sent_twice_terminates_once
            a_lower_already_done_changes_nothing
            a_lower_from_another_size_conflicts
            a_lower_refuses_a_stranger_and_lets_the_others_leave
            a_lower_of_strangers_alone_changes_nothing
            a_give_up_never_takes_a_member
            a_give_up_already_done_changes_nothing
            a_give_up_from_another_size_changes_nothing
            a_resize_of_an_absent_group_makes_nothing
            upkeep_is_set_for_all_groups
            upkeep_set_again_changes_nothing
            a_destroy_with_members_does_nothing
            a_destroy_of_the_empty_ends_absent
            a_destroy_of_the_absent_is_gone
            observe_has_one_entry_for_each_group_known
            what_was_made_and_is_not_known_is_an_orphan
            an_unknown_group_is_absent
            instances_come_in_ascending_order
            what_a_whole_view_leaves_out_is_gone
            an_incarnation_never_comes_back
            members_differ_between_groups
            a_dropped_ensure_sent_again_makes_all_groups
            a_dropped_raise_sent_again_launches_once
            a_dropped_lower_sent_again_terminates_the_named
            a_dropped_destroy_sent_again_ends_absent
            fleets_do_not_touch_each_other
        ] $($with)* }
    };
}

/// The cases of a suite, handed to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __switch_cases {
    ([$($then:tt)*] $($with:tt)*) => {
        $($then)*! { [
            capabilities_stay
            a_pool_without_a_route_is_empty
            a_preflight_finds_that_there_is_no_pool
            an_unknown_pool_is_not_found
            targets_come_in_ascending_order
            pools_do_not_touch_each_other
            a_route_shows_in_the_next_view
            a_route_answers_the_tag_of_the_next_view
            the_members_of_who_is_named_are_attached
            who_is_not_named_is_detached_and_drains
            what_is_not_ours_stays_as_it_is
            the_same_weights_again_change_nothing
            the_same_weights_under_an_old_tag_are_done
            a_route_under_an_old_tag_conflicts
            a_tag_never_comes_back
            a_route_within_the_split_is_done
            a_route_beyond_the_split_is_invalid
            a_route_to_an_unknown_generation_is_not_found
            another_fleets_pool_is_taken
            of_weight_zero_is_attached
            of_weight_zero_is_probed_as_said
            a_route_is_in_force_when_settled
            an_overtaken_route_never_comes_into_force
            a_residue_is_told
            a_residue_ends
            a_route_sent_twice_is_one_route
            two_copies_of_a_route_at_once_are_one_route
            a_route_sent_again_by_a_new_owner_is_one_route
            a_late_copy_of_an_overtaken_route_changes_nothing
            a_dropped_route_sent_again_is_set
            a_drain_of_nobody_is_invalid
            a_drain_takes_exactly_the_named
            a_drain_is_answered_when_it_has_begun
            a_drain_passes_over_who_is_no_target
            a_drain_ends_in_order
            a_drain_again_changes_nothing
            who_was_told_to_drain_gets_nothing_new
            two_copies_of_a_drain_at_once_are_one_drain
            a_dropped_drain_sent_again_drains
        ] $($with)* }
    };
}

/// The cases of a suite, handed to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __catalog_cases {
    ([$($then:tt)*] $($with:tt)*) => {
        $($then)*! { [
            capabilities_stay
            a_base_is_one_exact_image
            a_base_resolved_is_resolved_to_itself
            an_unknown_base_is_not_found
            a_base_of_no_name_is_invalid
            images_are_described_in_the_order_asked
            an_image_of_another_place_is_gone
            an_image_of_another_place_is_left_alone
            what_is_not_ours_is_left_alone
            a_copy_can_be_launched_where_it_was_sent
            a_copy_is_ours
            labels_come_along
            a_copy_leaves_its_source_as_it_is
            a_copy_sent_again_is_one_copy
            two_calls_for_a_copy_at_once_are_one_copy
            a_dropped_copy_sent_again_is_one_copy
            copies_of_two_images_differ
            a_copy_to_its_own_place_is_itself
            a_copy_to_nowhere_is_invalid
            a_copy_of_what_is_gone_is_not_found
            a_copy_of_what_is_disabled_conflicts
            a_copy_outlives_its_source
            a_copy_that_was_deleted_is_made_anew
            a_stage_is_what_was_set_last
            a_stage_again_changes_nothing
            a_stage_keeps_labels_and_other_images
            a_stage_it_cannot_set_is_invalid
            a_stage_of_what_is_gone_is_not_found
            a_stage_leaves_who_runs_alone
            a_moving_name_passes_over_what_is_disabled
            a_dropped_stage_sent_again_is_set
            the_unused_has_no_uses
            uses_name_who_runs
            uses_name_an_empty_generation
            uses_are_of_one_image_alone
            uses_come_in_ascending_order
            uses_end
            a_delete_of_the_unused_ends_gone
            a_delete_again_is_gone
            a_delete_leaves_other_images_alone
            a_delete_of_what_runs_does_nothing
            a_delete_of_what_an_empty_generation_uses_does_nothing
            a_delete_of_what_is_used_no_more_ends_gone
            a_delete_of_what_is_disabled_ends_gone
            a_dropped_delete_sent_again_ends_gone
        ] $($with)* }
    };
}
