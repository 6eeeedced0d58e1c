//! What is scripted: each shows in the way that it would on a real provider.

use super::*;
use crate::error::ErrorKind;
use crate::fleet::{Coverage, FailureClass, Held};

#[test]
fn a_bad_image_runs_and_is_unhealthy_until_it_is_mended() {
    let lab = lab().stand(1);
    lab.cloud.never_healthy(&lab.good);
    lab.raise(1, 2).unwrap();
    lab.pass(seconds(120));
    assert_eq!(lab.state(0), (Life::Running, Verdict::Healthy), "what is healthy stays so");
    assert_eq!(lab.state(1), (Life::Running, Verdict::Unhealthy));
    assert_eq!(lab.seen()[1].trouble.as_ref().unwrap().class, FailureClass::Health);
    assert_eq!(lab.running(), 1);
    lab.cloud.healthy_again(&lab.good);
    assert_eq!(lab.running(), 2);
    assert_eq!(lab.seen()[1].trouble, None);
}

#[test]
fn an_image_that_never_boots_hangs_until_it_is_mended() {
    let lab = lab();
    lab.cloud.never_boots(&lab.good);
    let lab = lab.stand(1);
    lab.pass(seconds(86_400));
    assert_eq!((lab.state(0), lab.working()), ((Life::Booting, Verdict::Starting), Working::Idle));
    lab.cloud.healthy_again(&lab.good);
    assert_eq!(lab.state(0), (Life::Running, Verdict::Starting));
    lab.pass(seconds(5));
    assert_eq!(lab.running(), 1);
}

#[test]
fn fates_are_the_artifacts_not_the_fleets() {
    let lab = lab();
    let bad = lab.cloud.bake("acmeinc/web", "1.1.0").unwrap();
    lab.cloud.never_healthy(&bad);
    let lab = lab.stand(2);
    lab.ensure(&lab.spec_of(&bad, 2)).unwrap();
    let group = GroupId { generation: GenerationId(2), cell: 0 };
    lab.resize(Resize::Raise { group, from: 0, to: 2 }).unwrap();
    lab.pass(seconds(120));
    assert_eq!(lab.cloud.running(), [(lab.good.digest(), 2)].into());
    lab.cloud.black_out_of(&bad, seconds(60));
    let seen = lab.observe([GROUP, group]).groups;
    assert_eq!(seen[0].instances[0].health[0].verdict, Verdict::Healthy);
    assert_eq!(seen[1].instances[0].health[0].verdict, Verdict::Unknown);
}

#[test]
fn without_healing_the_size_falls_with_the_dead() {
    let lab = lab().stand(3);
    let name = lab.name(1);
    lab.cloud.kill(&name).unwrap();
    assert_eq!((lab.size(), lab.running(), lab.working()), (2, 2, Working::Idle));
    assert_eq!(lab.seen()[1].trouble.as_ref().unwrap().class, FailureClass::Platform);
    let incidents = lab.observe([GROUP]).incidents;
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0].instance.as_ref().unwrap().name, name);
    assert_eq!(lab.cloud.kill(&name).unwrap_err().kind(), ErrorKind::NotFound, "it is dead already");
    lab.pass(seconds(600));
    assert_eq!(lab.cloud.launched(), 3);
}

#[test]
fn without_healing_the_ill_stay_until_they_are_cured() {
    let lab = lab().stand(2);
    lab.cloud.sicken(&lab.name(0)).unwrap();
    lab.pass(seconds(3600));
    assert_eq!((lab.state(0), lab.size()), ((Life::Running, Verdict::Unhealthy), 2));
    lab.cloud.cure(&lab.name(0)).unwrap();
    assert_eq!(lab.running(), 2);
}

#[test]
fn what_is_protected_shows_it() {
    let lab = lab().stand(2);
    lab.cloud.protect(&lab.name(0)).unwrap();
    assert_eq!(lab.seen()[0].held, Some(Held::Protected));
    lab.cloud.set_size(&lab.fleet, GROUP, 0).unwrap();
    lab.pass(seconds(60));
    assert_eq!(lab.cloud.instances(&lab.fleet).len(), 1, "nobody chooses it");
}

#[test]
fn a_black_out_and_a_lie_change_the_view_and_not_the_truth() {
    let lab = lab().stand(2);
    let before = lab.see().instances;
    lab.cloud.black_out(seconds(60));
    assert_eq!(lab.state(0), (Life::Running, Verdict::Unknown));
    lab.pass(seconds(30));
    lab.cloud.lie(Verdict::Unhealthy, seconds(10));
    assert_eq!(lab.state(0), (Life::Running, Verdict::Unhealthy), "the last word counts");
    assert_eq!(lab.running(), 2);
    lab.pass(seconds(10));
    assert_eq!(lab.state(0), (Life::Running, Verdict::Unknown));
    lab.pass(seconds(20));
    assert_eq!(lab.see().instances, before);
}

#[test]
fn partial_views_say_so_and_lack_a_part() {
    let lab = lab().stand(6);
    lab.cloud.partial_views("page 2 of 2 failed", seconds(60));
    let seen = lab.see();
    assert_eq!((seen.coverage, seen.instances.len()), (Coverage::Part("page 2 of 2 failed".into()), 3));
    assert_eq!(lab.size(), 6);
    lab.pass(seconds(60));
    lab.cloud.silence("b", seconds(60)).unwrap();
    let seen = lab.see();
    assert_eq!((seen.coverage, seen.instances.len()), (Coverage::Part("zone b does not answer".into()), 4));
    assert!(seen.instances.iter().all(|seen| seen.zone != Some("b".into())));
    assert!(lab.cloud.silence("z", seconds(60)).is_err());
    lab.cloud.silence("c", seconds(30)).unwrap();
    assert_eq!(
        (lab.see().coverage, lab.see().instances.len()),
        (Coverage::Part("zone b does not answer; zone c does not answer".into()), 2)
    );
    lab.pass(seconds(60));
    assert_eq!((lab.see().coverage, lab.see().instances.len()), (Coverage::Whole, 6));
}

#[test]
fn a_silent_zone_hides_nothing_of_a_group_elsewhere() {
    let lab = lab();
    let mut spec = lab.spec();
    spec.groups[0].placement = Placement::Zone("a".into());
    lab.ensure(&spec).unwrap();
    lab.cloud.silence("b", seconds(60)).unwrap();
    assert_eq!(lab.see().coverage, Coverage::Whole);
    lab.cloud.silence("a", seconds(60)).unwrap();
    assert_ne!(lab.see().coverage, Coverage::Whole);
}

#[test]
fn without_capacity_a_raise_is_accepted_and_tried_again_and_told_of_once() {
    let lab = lab().stand(2);
    lab.cloud.capacity(3);
    assert_eq!(lab.raise(2, 5).unwrap().size, 5);
    lab.pass(seconds(300));
    assert_eq!((lab.keys().len(), lab.working()), (3, Working::Idle));
    let incidents = lab.observe([GROUP]).incidents;
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    assert_eq!((&*incidents[0].id, incidents[0].trouble.class), ("web-0001-0/short-1", FailureClass::Capacity));
    lab.cloud.capacity(None);
    lab.pass(seconds(120));
    assert_eq!(lab.running(), 5);
    lab.cloud.capacity(5);
    lab.raise(5, 6).unwrap();
    assert_eq!(lab.observe([GROUP]).incidents.len(), 2, "another shortfall is another incident");
    lab.give_up(6, 5).unwrap();
    lab.cloud.capacity(None);
    lab.pass(seconds(600));
    assert_eq!((lab.cloud.launched(), lab.running()), (5, 5), "what was given up never comes");
}

#[test]
fn a_full_zone_sends_machines_to_others_and_a_group_of_its_own_nowhere() {
    let lab = lab();
    lab.cloud.zone_capacity("a", 1).unwrap();
    assert!(lab.cloud.zone_capacity("z", 1).is_err());
    let lab = lab.stand(7);
    let zones: Vec<_> = lab.seen().iter().filter_map(|seen| seen.zone.clone()).collect();
    let count = |name: &str| zones.iter().filter(|zone| zone.as_str() == name).count();
    assert_eq!(["a", "b", "c"].map(count), [1, 3, 3]);
    let mut spec = lab.spec_of(&lab.good, 2);
    spec.groups[0].placement = Placement::Zone("a".into());
    lab.ensure(&spec).unwrap();
    let group = GroupId { generation: GenerationId(2), cell: 0 };
    lab.resize(Resize::Raise { group, from: 0, to: 1 }).unwrap();
    let seen = lab.observe([group]);
    assert_eq!((seen.groups[0].instances.len(), seen.incidents.len()), (0, 1));
}

#[test]
fn an_image_that_is_gone_launches_nothing_more() {
    let lab = lab().stand(1);
    lab.cloud.delete_image(&lab.good);
    lab.raise(1, 2).unwrap();
    lab.pass(seconds(300));
    let incidents = lab.observe([GROUP]).incidents;
    assert_eq!((incidents.len(), incidents[0].trouble.class), (1, FailureClass::Image));
    assert_eq!(lab.cloud.running(), [(lab.good.digest(), 1)].into(), "what runs runs on");
    lab.cloud.restore_image(&lab.good);
    lab.pass(seconds(120));
    assert_eq!(lab.running(), 2);
}

#[test]
fn somebody_else_sets_a_size_and_the_provider_picks_the_victims() {
    let victims = |seed: u64| {
        let lab = lab_with(MemoryOptions::seeded(seed).boot(seconds(60))).stand(20);
        lab.cloud.set_size(&lab.fleet, GROUP, 15).unwrap();
        assert_eq!((lab.size(), lab.running()), (15, 15));
        lab.cloud.set_size(&lab.fleet, GROUP, 18).unwrap();
        lab.pass(seconds(120));
        assert_eq!((lab.size(), lab.running(), lab.cloud.launched()), (18, 18, 23));
        lab.cloud.instances(&lab.fleet).into_iter().map(|machine| machine.key).collect::<Vec<_>>()
    };
    assert_eq!(victims(7), victims(7));
    assert_ne!(victims(7), victims(8), "another seed picks others");
}

#[test]
fn somebody_else_deletes_a_group() {
    let lab = lab().stand(2);
    lab.cloud.delete_group(&lab.fleet, GROUP).unwrap();
    assert_eq!((lab.see().state, lab.running()), (GroupState::Deleting, 0));
    assert_eq!(lab.raise(2, 3).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(lab.ensure(&lab.spec()).unwrap_err().kind(), ErrorKind::Busy);
    lab.pass(seconds(10));
    assert_eq!(lab.see().state, GroupState::Absent);
    assert_eq!(lab.raise(2, 3).unwrap_err().kind(), ErrorKind::NotFound);
    lab.ensure(&lab.spec()).unwrap();
    lab.raise(0, 1).unwrap();
    assert_eq!(lab.keys()[0].to_string(), "web-0001-0-000000#3", "an incarnation never comes back");
}

#[test]
fn machines_die_by_chance_as_often_as_asked_for() {
    let lab = lab().stand(1000);
    lab.cloud.deaths(seconds(1000));
    lab.pass(seconds(100));
    lab.cloud.deaths(None);
    let left = lab.running();
    // 1000·e^(−0.1) is 905, the standard deviation 9.
    assert!((860..950).contains(&left), "{left}");
    lab.pass(seconds(1000));
    assert_eq!(lab.running(), left);
}

#[test]
fn a_world_in_which_nothing_takes_time_still_comes_to_an_end() {
    let none = Duration::ZERO;
    let quick = MemoryOptions::seeded(1).boot(none).check(none).drain(none).gone_shown(none);
    let lab = lab_with(quick.heal_after(none).boot_grace(none).capacity_retry(none));
    lab.cloud.never_healthy(&lab.good);
    lab.ensure(&lab.spec()).unwrap();
    lab.keep(Upkeep { rebalance: true, ..Upkeep::default() });
    lab.cloud.deaths(none);
    lab.cloud.capacity(3);
    lab.raise(0, 5).unwrap();
    lab.pass(Duration::from_millis(10));
    assert!((30..=33).contains(&lab.cloud.launched()), "{}", lab.cloud.launched());
    let slow = lab_with(options().gone_shown(none)).stand(1);
    slow.keep(Upkeep::default());
    slow.cloud.kill(&slow.name(0)).unwrap();
    slow.pass(seconds(600));
    assert_eq!(slow.running(), 1);
}

#[test]
fn rebalancing_moves_machines_from_full_zones_to_empty_ones() {
    let lab = lab();
    lab.cloud.zone_capacity("c", 0).unwrap();
    let lab = lab.stand(6);
    lab.cloud.zone_capacity("c", None).unwrap();
    let zones = || {
        let all = lab.cloud.instances(&lab.fleet);
        let members = all.iter().filter(|machine| machine.life == Life::Running);
        ["a", "b", "c"].map(|zone| members.clone().filter(|machine| machine.zone == Some(zone.into())).count())
    };
    lab.pass(seconds(600));
    assert_eq!(zones(), [3, 3, 0], "not unless it is asked to");
    lab.keep(Upkeep { rebalance: true, ..Upkeep::NONE });
    assert_eq!(lab.cloud.instances(&lab.fleet).len(), 7, "launch first");
    lab.pass(seconds(600));
    assert_eq!((zones(), lab.size(), lab.working()), ([2, 2, 2], 6, Working::Idle));
}
