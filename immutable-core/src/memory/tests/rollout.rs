//! Whole replacements: what is left at the end, that the same seed gives the same world, and that a large one costs little.

use super::*;
use crate::provider::TrafficSwitch;

/// Replaces a fleet's first generation by its second in steps, as an engine would, with everything going wrong that can.
fn replace(seed: u64, size: u32) -> Lab {
    let options = MemoryOptions::seeded(seed).effects(1_000_000).latency(crate::memory::Delay::Uniform(seconds(0), seconds(2)));
    let lab = lab_with(options);
    let (old, new) = (GROUP, GroupId { generation: GenerationId(2), cell: 0 });
    lab.ensure(&lab.spec()).unwrap();
    lab.keep(Upkeep::default());
    lab.raise(0, size).unwrap();
    lab.pass(seconds(600));
    let target = lab.cloud.bake("acmeinc/web", "1.1.0").unwrap();
    lab.ensure(&lab.spec_of(&target, 2)).unwrap();
    lab.cloud.deaths(seconds(20_000));
    let pool = lab.cloud.pool("web");
    for round in 1..=200 {
        let seen = lab.observe([old, new]).groups;
        let healthy = |at: usize| {
            let all = seen[at].instances.iter().filter(|seen| seen.life == Life::Running);
            all.filter(|seen| seen.health[0].verdict == Verdict::Healthy).map(|seen| seen.key.clone()).collect::<Vec<_>>()
        };
        let size_of = |at: usize| match seen[at].state {
            GroupState::Present { size, .. } => size,
            _ => 0,
        };
        let (from, ready) = (size_of(1), healthy(1));
        let _ = lab.resize(Resize::Raise { group: new, from, to: (from + size / 4 + 1).min(size) });
        let spare = (ready.len() + healthy(0).len()).saturating_sub(size as usize);
        let leave: BTreeSet<_> = healthy(0).into_iter().take(spare).collect();
        if !leave.is_empty() {
            let _ = lab.resize(Resize::Lower { group: old, from: size_of(0), leave });
        }
        match round {
            3 => lab.cloud.black_out(seconds(30)),
            5 => lab.cloud.capacity(size),
            12 => lab.cloud.capacity(None),
            13 => lab.cloud.set_size(&lab.fleet, old, 1).unwrap(),
            20 => lab.cloud.deaths(None),
            _ => {}
        }
        lab.pass(seconds(30));
    }
    let _ = lab.clock.run(TrafficSwitch::observe(&lab.cloud, &pool));
    assert_eq!(lab.cloud.running(), [(target.digest(), size as usize)].into());
    assert_eq!(lab.cloud.instances(&lab.fleet).len(), size as usize);
    lab
}

fn story(lab: &Lab) -> String {
    lab.cloud.effects().iter().map(|effect| format!("{effect}\n")).collect()
}

#[test]
fn the_same_seed_gives_the_same_world_and_another_another() {
    let story_of = |seed| story(&replace(seed, 12));
    let first = story_of(7);
    assert!(first.lines().count() > 100);
    assert!(first.starts_with("1970-01-01T00:00:0"), "{}", first.lines().next().unwrap());
    assert_eq!(first, story_of(7));
    assert_ne!(first, story_of(8));
}

#[test]
fn what_one_machine_draws_does_not_depend_on_others() {
    let healthy_at = |first: u32| {
        let lab = lab_with(MemoryOptions::seeded(3).effects(1000));
        lab.ensure(&lab.spec()).unwrap();
        lab.ensure(&lab.spec_of(&lab.good, 2)).unwrap();
        lab.resize(Resize::Raise { group: GroupId { generation: GenerationId(2), cell: 0 }, from: 0, to: first }).unwrap();
        lab.raise(0, 3).unwrap();
        lab.pass(seconds(600));
        let effects = lab.cloud.take_effects().into_iter().filter(|effect| effect.group == Some(GROUP));
        assert!(lab.cloud.effects().is_empty());
        let judged = effects.filter(|effect| matches!(effect.what, crate::memory::What::Judged(..)));
        judged.map(|effect| effect.at).collect::<Vec<_>>()
    };
    assert_eq!(healthy_at(1), healthy_at(50));
}

/// The truth at every moment follows from the effects alone.
#[test]
fn the_effects_tell_all_that_is() {
    let lab = replace(11, 9);
    let mut alive = BTreeSet::new();
    let mut sizes = std::collections::BTreeMap::new();
    for effect in lab.cloud.effects() {
        match effect.what {
            crate::memory::What::Launched(key) => assert!(alive.insert(key.clone()), "{key} twice"),
            crate::memory::What::Lives(key, Life::Gone) => assert!(alive.remove(&key), "{key} was not there"),
            crate::memory::What::Sized { to, .. } => {
                sizes.insert(effect.group.unwrap(), to);
            }
            _ => {}
        }
    }
    let there: BTreeSet<_> = lab.cloud.instances(&lab.fleet).into_iter().map(|machine| machine.key).collect();
    assert_eq!(alive, there);
    assert_eq!(sizes, lab.cloud.sizes(&lab.fleet));
}

/// Not a timing: how often a list is copied is what would make a large fleet dear.
#[test]
fn ten_thousand_machines_are_not_copied_at_each_step() {
    let lab = lab_with(MemoryOptions::seeded(1)).stand(10_000);
    lab.pass(seconds(600));
    assert_eq!(lab.running(), 10_000);
    let list = |lab: &Lab| std::sync::Arc::as_ptr(&lab.see().instances);
    let before = list(&lab);
    lab.lower(10_000, &lab.keys()[..5000]).unwrap();
    lab.pass(seconds(10));
    assert_eq!(list(&lab), before, "changed in place, since nobody looks");
    lab.pass(seconds(100));
    assert_eq!((lab.seen().len(), lab.running()), (5000, 5000));
}
