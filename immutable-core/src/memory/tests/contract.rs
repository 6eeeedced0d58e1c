//! What the ports promise, line by line.

use super::*;
use crate::artifact::Place;
use crate::error::ErrorKind;
use crate::fleet::{Coverage, Destroyed, Evidence, Refusal};
use crate::id::NativeRef;

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

fn resized(size: u32) -> Resized {
    Resized { size, ..Resized::default() }
}

#[test]
fn a_generation_is_made_at_size_zero_with_its_upkeep_and_mark() {
    let lab = lab();
    let spec = lab.spec();
    assert_eq!(lab.ensure(&spec).unwrap(), Ensured::Created { echo_until: None, ticket: None });
    let seen = lab.see();
    let state = GroupState::Present { size: 0, working: Working::Idle, spec: Some(spec.digest()), upkeep: Some(Upkeep::NONE) };
    assert_eq!(seen.state, state);
    assert_eq!((seen.coverage, seen.age, seen.instances.len()), (Coverage::Whole, Duration::ZERO, 0));
    lab.pass(seconds(600));
    assert_eq!(lab.cloud.launched(), 0);
}

#[test]
fn the_same_again_is_ours_and_changes_nothing() {
    let lab = lab().stand(2);
    lab.keep(Upkeep::default());
    assert_eq!(lab.ensure(&lab.spec()).unwrap(), Ensured::AlreadyOurs);
    assert_eq!(lab.size(), 2);
    let GroupState::Present { upkeep, .. } = lab.see().state else { panic!() };
    assert_eq!(upkeep, Some(Upkeep::default()), "found upkeep stays");
    let mut relabelled = lab.spec();
    relabelled.labels.insert("team".into(), "web".into());
    assert_eq!(kind(lab.ensure(&relabelled)), ErrorKind::Taken);
}

#[test]
fn groups_that_lack_are_made() {
    let lab = lab();
    let mut spec = lab.spec();
    spec.groups.push(GroupSpec { cell: 1, placement: Placement::Zone("b".into()), max: 5 });
    lab.ensure(&spec).unwrap();
    let other = GroupId { cell: 1, ..GROUP };
    lab.cloud.delete_group(&lab.fleet, other).unwrap();
    assert_eq!(lab.observe([other]).groups[0].state, GroupState::Absent);
    assert!(matches!(lab.ensure(&spec).unwrap(), Ensured::Created { .. }));
    lab.resize(Resize::Raise { group: other, from: 0, to: 5 }).unwrap();
    let seen = lab.observe([other]);
    assert!(seen.groups[0].instances.iter().all(|seen| seen.zone == Some("b".into())));
    assert_eq!(kind(lab.resize(Resize::Raise { group: other, from: 5, to: 6 })), ErrorKind::Invalid, "above the most");
}

#[test]
fn a_name_that_is_taken_is_never_adopted() {
    let lab = lab();
    lab.cloud.take_name(&lab.fleet, GenerationId(1)).unwrap();
    let error = lab.ensure(&lab.spec()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Taken);
    assert_eq!(
        error.to_string(),
        "ensure_generation of web-0001 in memory/local/local: the name web-0001 belongs to web-0001, which is not ours; use another ordinal"
    );
    let strangers = lab.observe([]).strangers;
    assert_eq!(strangers.len(), 1);
    assert_eq!((&strangers[0].what, strangers[0].claims), (&NativeRef::from("web-0001"), Some(GenerationId(1))));
    assert_eq!(strangers[0].orphan, None, "somebody else has made it");
    assert!(matches!(lab.see().state, GroupState::Present { spec: None, .. }));
    assert_eq!(kind(lab.raise(0, 1)), ErrorKind::Taken);
    assert_eq!(lab.cloud.launched(), 0);
}

#[test]
fn specs_that_cannot_work_are_refused_and_found_before() {
    let lab = lab();
    let wrong = |change: &dyn Fn(&mut GenerationSpec), words: &str| {
        let mut spec = lab.spec();
        change(&mut spec);
        let error = lab.ensure(&spec).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().contains(words), "{error}");
        let findings = lab.clock.run(lab.cloud.preflight(&spec, 1)).unwrap();
        assert!(findings.iter().any(|finding| finding.blocks && finding.what.contains(words)), "{findings:?}");
    };
    wrong(&|spec| spec.template = LaunchTemplate::of(&serde_json::json!({"shpae": "s"})).unwrap(), "unknown field `shpae`");
    wrong(&|spec| spec.groups[0].placement = Placement::Zone("z".into()), "no zone z in memory/local/local; there are a, b, c");
    wrong(&|spec| spec.groups[0].max = 200_000, "divide the generation");
    wrong(&|spec| spec.groups.clear(), "at least one group");
    wrong(&|spec| spec.groups.push(spec.groups[0].clone()), "same cell");
    let aws = Place::new("aws", "1", "us-east-1").unwrap();
    wrong(&|spec| spec.image = crate::artifact::ImageRef::new(aws.clone(), "ami-1"), "import its artifact first");
    assert!(lab.observe([GROUP]).groups[0].state == GroupState::Absent);
}

#[test]
fn preflight_looks_at_image_and_room_and_changes_nothing() {
    let lab = lab();
    let look = || lab.clock.run(lab.cloud.preflight(&lab.spec(), 5)).unwrap();
    assert_eq!(look(), []);
    lab.cloud.capacity(4);
    lab.cloud.disable_image(&lab.good);
    let findings = look();
    assert_eq!(findings.iter().map(|finding| finding.blocks).collect::<Vec<_>>(), [true, false]);
    assert!(findings[0].what.ends_with("is disabled"), "{findings:?}");
    assert_eq!(findings[1].what, "memory/local/local has room for 4 machines, 5 may be needed at once");
    assert_eq!(lab.cloud.calls().total(), 0);
}

#[test]
fn a_raise_launches_and_machines_live_through_their_stages() {
    let lab = lab();
    lab.ensure(&lab.spec()).unwrap();
    assert_eq!(lab.raise(0, 2).unwrap(), resized(2));
    assert_eq!((lab.state(0), lab.working()), ((Life::Requested, Verdict::Starting), Working::Busy));
    lab.pass(seconds(3));
    assert_eq!((lab.state(1), lab.working()), ((Life::Booting, Verdict::Starting), Working::Idle));
    lab.pass(seconds(57));
    assert_eq!(lab.state(0), (Life::Running, Verdict::Starting));
    assert_eq!(lab.running(), 0);
    lab.pass(seconds(5));
    assert_eq!(lab.state(0), (Life::Running, Verdict::Healthy));
    assert_eq!(lab.cloud.running(), [(lab.good.digest(), 2)].into());
    let seen = lab.seen();
    assert_eq!(seen[0].key.to_string(), "web-0001-0-000000#1");
    assert_eq!(seen[0].runs, Evidence::Instance(lab.spec().image.id().clone()));
}

#[test]
fn a_size_that_is_there_already_is_done() {
    let lab = lab().stand(3);
    assert_eq!(lab.raise(1, 3).unwrap(), resized(3));
    let keys = lab.keys();
    lab.lower(3, &keys[..1]).unwrap();
    assert_eq!(lab.lower(3, &keys[..1]).unwrap(), resized(2), "nobody named is still a member");
    assert_eq!(lab.give_up(9, 2).unwrap(), resized(2));
    lab.pass(seconds(60));
    assert_eq!((lab.running(), lab.cloud.launched()), (2, 3));
}

#[test]
fn a_size_that_is_neither_is_a_conflict_and_nothing_changes() {
    let lab = lab().stand(3);
    let keys = lab.keys();
    let attempts = [lab.raise(1, 4), lab.lower(4, &keys[..2]), lab.give_up(5, 2), lab.lower(5, &keys[..2])];
    for attempt in attempts {
        let error = attempt.unwrap_err();
        assert_eq!((error.kind(), error.found()), (ErrorKind::Conflict, Some(3)), "{error}");
    }
    assert_eq!((lab.size(), lab.keys(), lab.running()), (3, keys, 3));
}

#[test]
fn lowering_takes_exactly_the_named() {
    let lab = lab().stand(4);
    let keys = lab.keys();
    assert_eq!(lab.lower(4, [&keys[0], &keys[2]]).unwrap(), resized(2));
    assert_eq!(lab.state(2), (Life::Leaving, Verdict::Healthy));
    assert_eq!(lab.running(), 2);
    lab.pass(seconds(10));
    assert_eq!(lab.state(0), (Life::Gone, Verdict::Unknown));
    assert_eq!(lab.keys(), [keys[1].clone(), keys[3].clone()]);
    lab.pass(seconds(90));
    assert_eq!(lab.seen().len(), 2, "what is gone for long is shown no more");
}

#[test]
fn who_is_held_or_no_member_stays_and_the_size_is_lowered_by_the_others_alone() {
    let lab = lab().stand(3);
    let keys = lab.keys();
    lab.cloud.protect(&keys[0].name).unwrap();
    let stranger = InstanceKey::named("web-0001-0-000001").incarnation("99");
    let done = lab.lower(3, [&keys[0], &stranger, &keys[2]]).unwrap();
    assert_eq!(done.size, 2);
    assert_eq!(done.refused, [(keys[0].clone(), Refusal::Held), (stranger, Refusal::NotMember)]);
    assert_eq!(lab.lower(2, [&keys[0]]).unwrap().size, 2);
    lab.cloud.unprotect(&keys[0].name).unwrap();
    assert_eq!(lab.lower(2, [&keys[0]]).unwrap(), resized(1));
    assert_eq!(kind(lab.lower(1, [])), ErrorKind::Invalid, "nobody is named");
}

#[test]
fn a_raise_may_come_short_and_that_is_final() {
    let lab = lab().stand(1);
    lab.cloud.raises_come_short(2);
    assert_eq!(lab.raise(1, 5).unwrap(), resized(3));
    lab.pass(seconds(600));
    assert_eq!((lab.size(), lab.running()), (3, 3));
    assert_eq!(lab.raise(3, 5).unwrap(), resized(5));
}

#[test]
fn giving_up_needs_an_idle_group_with_few_members() {
    let lab = lab().stand(1);
    lab.cloud.launches_come_short(2);
    assert_eq!(lab.raise(1, 4).unwrap(), resized(4));
    assert_eq!(kind(lab.give_up(4, 2)), ErrorKind::Busy);
    lab.pass(seconds(120));
    assert_eq!((lab.working(), lab.keys().len(), lab.size()), (Working::Idle, 2, 4));
    assert!(lab.observe([GROUP]).incidents.is_empty(), "nothing tells of it");
    let error = lab.give_up(4, 1).unwrap_err();
    assert_eq!((error.kind(), error.found()), (ErrorKind::Conflict, Some(4)));
    assert_eq!(lab.give_up(4, 2).unwrap(), resized(2));
    lab.pass(seconds(600));
    assert_eq!((lab.running(), lab.cloud.launched()), (2, 2));
    assert_eq!(lab.raise(2, 3).unwrap(), resized(3));
    lab.pass(seconds(120));
    assert_eq!(lab.running(), 3, "later raises come in full");
}

#[test]
fn a_group_that_is_not_there_is_not_made() {
    let lab = lab();
    assert_eq!(kind(lab.raise(0, 1)), ErrorKind::NotFound);
    assert_eq!(lab.see().state, GroupState::Absent);
    let keep = lab.clock.run(lab.cloud.set_upkeep(&lab.op(), GenerationId(1), Upkeep::NONE));
    assert_eq!(kind(keep), ErrorKind::NotFound);
}

#[test]
fn destroying_never_forces() {
    let lab = lab().stand(2);
    let destroy = || lab.clock.run(lab.cloud.destroy_generation(&lab.op(), GenerationId(1))).unwrap();
    assert_eq!(destroy(), Destroyed::StillHas(2));
    lab.lower(2, &lab.keys()).unwrap();
    assert_eq!(destroy(), Destroyed::StillHas(2), "they are still leaving");
    lab.pass(seconds(10));
    assert_eq!(destroy(), Destroyed::Gone);
    assert_eq!(lab.see().state, GroupState::Absent);
    assert_eq!(destroy(), Destroyed::Gone, "what is not there is gone");
}

#[test]
fn a_slot_that_nothing_fills_is_a_member_that_may_still_come() {
    let lab = lab();
    lab.ensure(&lab.spec()).unwrap();
    lab.cloud.capacity(0);
    lab.raise(0, 1).unwrap();
    let destroyed = lab.clock.run(lab.cloud.destroy_generation(&lab.op(), GenerationId(1))).unwrap();
    assert_eq!(destroyed, Destroyed::StillHas(1));
}

#[test]
fn every_known_group_has_one_entry_and_the_others_are_strangers() {
    let lab = lab().stand(1);
    lab.ensure(&lab.spec_of(&lab.good, 2)).unwrap();
    let absent = GroupId { generation: GenerationId(9), cell: 3 };
    let seen = lab.observe([absent, GROUP]);
    assert_eq!(seen.groups.iter().map(|seen| seen.group).collect::<Vec<_>>(), [GROUP, absent]);
    assert_eq!(seen.groups[1].state, GroupState::Absent);
    assert_eq!(seen.strangers.len(), 1);
    assert_eq!(seen.strangers[0].claims, Some(GenerationId(2)));
    let other = FleetId::new(lab.cloud.place(), "we");
    let nothing = lab.clock.run(FleetProvider::observe(&lab.cloud, &other, &BTreeSet::new())).unwrap();
    assert!(nothing.strangers.is_empty(), "another fleet's groups are not its own");
}

#[test]
fn instances_are_in_order_of_their_keys_and_spread_over_zones() {
    let lab = lab().stand(7);
    lab.lower(7, &lab.keys()[2..4]).unwrap();
    lab.raise(5, 8).unwrap();
    let seen = lab.seen();
    assert!(seen.windows(2).all(|pair| pair[0].key < pair[1].key));
    let members = seen.iter().filter(|seen| seen.life != Life::Leaving);
    let in_zone = |name: &str| members.clone().filter(|seen| seen.zone == Some(name.into())).count();
    assert_eq!(["a", "b", "c"].map(in_zone).iter().sum::<usize>(), 8);
    assert!(["a", "b", "c"].map(in_zone).iter().all(|count| (2..=3).contains(count)));
}

#[test]
fn a_view_that_nothing_has_changed_is_the_same_list() {
    let lab = lab().stand(3);
    assert!(std::sync::Arc::ptr_eq(&lab.see().instances, &lab.see().instances));
    let before = lab.see();
    lab.cloud.kill(&lab.name(0)).unwrap();
    assert_eq!(before.instances[0].life, Life::Running, "a view that was taken does not change");
}

#[test]
fn what_is_of_nobody_is_not_inspected() {
    let lab = lab();
    assert!(FleetProvider::capabilities(&lab.cloud).adopt);
    assert_eq!(kind(lab.clock.run(lab.cloud.inspect(&"asg-1".into()))), ErrorKind::NotFound);
}
