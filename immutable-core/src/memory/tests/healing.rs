//! Healing: another machine under the same name, for as long as the upkeep allows it.

use super::*;
use crate::fleet::{FailureClass, Heals};

fn healing(size: u32) -> Lab {
    healing_with(options(), size)
}

fn healing_with(options: MemoryOptions, size: u32) -> Lab {
    let lab = lab_with(options).stand(size);
    lab.keep(Upkeep::default());
    lab
}

#[test]
fn the_dead_are_replaced_under_their_names() {
    let lab = healing(3);
    let before = lab.keys();
    lab.cloud.kill(&before[1].name).unwrap();
    assert_eq!((lab.size(), lab.working()), (3, Working::Busy));
    assert_eq!(lab.seen()[1].life, Life::Gone);
    lab.pass(seconds(31));
    let after = lab.keys();
    assert_eq!((after[1].to_string().as_str(), &after[1].name), ("web-0001-0-000001#4", &before[1].name));
    lab.pass(seconds(120));
    assert_eq!((lab.running(), lab.working()), (3, Working::Idle));
}

#[test]
fn the_ill_are_replaced_when_they_stay_ill() {
    let lab = healing(2);
    let before = lab.keys();
    lab.cloud.sicken(&before[0].name).unwrap();
    lab.pass(seconds(29));
    lab.cloud.cure(&before[0].name).unwrap();
    lab.pass(seconds(60));
    assert_eq!(lab.keys(), before, "who is cured in time stays");
    lab.cloud.sicken(&before[0].name).unwrap();
    lab.pass(seconds(30));
    assert_eq!(lab.state(0), (Life::Leaving, Verdict::Unhealthy));
    let incidents = lab.observe([GROUP]).incidents;
    assert_eq!((&*incidents[0].id, incidents[0].trouble.class), ("web-0001-0-000000#1/CheckFailed", FailureClass::Health));
    lab.pass(seconds(200));
    assert_eq!((lab.keys()[0].to_string().as_str(), lab.running()), ("web-0001-0-000000#3", 2));
}

#[test]
fn a_bad_image_is_replaced_without_end_and_each_is_told_of() {
    let lab = lab();
    lab.cloud.never_healthy(&lab.good);
    lab.ensure(&lab.spec()).unwrap();
    lab.keep(Upkeep::default());
    lab.raise(0, 2).unwrap();
    lab.pass(seconds(105 * 5));
    assert_eq!((lab.cloud.launched(), lab.size()), (12, 2));
    assert_eq!(lab.observe([GROUP]).incidents.len(), 10);
    lab.keep(Upkeep::NONE);
    lab.pass(seconds(3600));
    assert_eq!(lab.cloud.launched(), 12, "switched off, the ill stay");
    assert_eq!(lab.state(0), (Life::Running, Verdict::Unhealthy));
    lab.keep(Upkeep::default());
    lab.pass(seconds(41));
    assert_eq!(lab.cloud.launched(), 14, "switched on, they are looked at again");
}

#[test]
fn what_hangs_in_its_boot_is_replaced_after_its_grace() {
    let lab = lab();
    lab.cloud.never_boots(&lab.good);
    lab.ensure(&lab.spec()).unwrap();
    lab.keep(Upkeep::default());
    lab.raise(0, 1).unwrap();
    lab.pass(seconds(659));
    assert_eq!(lab.cloud.launched(), 1);
    lab.pass(seconds(12));
    assert_eq!(lab.cloud.launched(), 2);
    assert_eq!(lab.observe([GROUP]).incidents[0].trouble.class, FailureClass::Image);
}

#[test]
fn healing_switched_off_on_the_way_lets_the_size_fall() {
    let lab = healing(2);
    lab.cloud.kill(&lab.name(0)).unwrap();
    lab.keep(Upkeep::NONE);
    lab.pass(seconds(60));
    assert_eq!((lab.size(), lab.cloud.launched(), lab.working()), (1, 2, Working::Idle));
}

#[test]
fn a_replacement_without_room_is_a_shortfall() {
    let lab = healing(2);
    lab.cloud.capacity(0);
    lab.cloud.kill(&lab.name(0)).unwrap();
    lab.pass(seconds(60));
    assert_eq!((lab.size(), lab.running(), lab.working()), (2, 1, Working::Idle));
    let classes: Vec<_> = lab.observe([GROUP]).incidents.iter().map(|incident| incident.trouble.class).collect();
    assert_eq!(classes, [FailureClass::Platform, FailureClass::Capacity]);
    lab.cloud.capacity(None);
    lab.pass(seconds(120));
    assert_eq!(lab.running(), 2);
}

#[test]
fn who_leaves_by_name_is_not_replaced() {
    let lab = healing(3);
    let keys = lab.keys();
    lab.cloud.sicken(&keys[0].name).unwrap();
    lab.lower(3, &keys[..1]).unwrap();
    lab.pass(seconds(1));
    lab.cloud.kill(&keys[0].name).unwrap();
    lab.pass(seconds(600));
    assert_eq!((lab.size(), lab.running(), lab.cloud.launched()), (2, 2, 3));
}

#[test]
fn somebody_elses_smaller_size_takes_what_was_to_be_replaced_first() {
    let lab = healing(3);
    lab.cloud.kill(&lab.name(1)).unwrap();
    lab.cloud.set_size(&lab.fleet, GROUP, 2).unwrap();
    lab.pass(seconds(600));
    assert_eq!((lab.size(), lab.running(), lab.cloud.launched()), (2, 2, 3));
}

#[test]
fn some_clouds_always_heal_and_some_never() {
    let always = lab_with(options().heals(Heals::Always)).stand(1);
    always.cloud.kill(&always.name(0)).unwrap();
    always.pass(seconds(120));
    assert_eq!((always.running(), always.cloud.launched()), (1, 2), "whatever the upkeep says");
    let never = healing_with(options().heals(Heals::Never), 1);
    never.cloud.kill(&never.name(0)).unwrap();
    never.pass(seconds(120));
    assert_eq!((never.size(), never.cloud.launched()), (0, 1));
    assert_eq!(FleetProvider::capabilities(&never.cloud).heals, Heals::Never);
}
