//! Whole rollouts behind pools, in a world where everything works: they get to their end for every size, budget and granularity of weights, and at no
//! moment is a generation given more than it can carry.

use std::collections::BTreeMap;

use immutable_core::fleet::{Drains, Split};
use immutable_core::rollout::{Amount, Budget, Call, Event, Percent, Phase, Strategy};

use super::kit::{Stage, done, removed};
use super::sight::{Look, look};

/// What there is, by group: names, and since how many looks each is there.
#[derive(Default)]
struct World {
    groups: BTreeMap<u32, BTreeMap<String, u32>>,
    weights: Vec<(u32, u16)>,
    made: u32,
}

impl World {
    fn look(&self) -> Look {
        let spelled = |names: &BTreeMap<String, u32>| names.keys().map(|name| format!("{name}+")).collect::<Vec<_>>().join(" ");
        let groups = self.groups.iter().fold(look(), |look, (id, names)| look.group(*id, names.len() as u32, &spelled(names)));
        let removed = (1..3).filter(|id| !self.groups.contains_key(id));
        removed.fold(groups, Look::absent).pool(&self.weights)
    }

    fn call(&mut self, call: &Call) -> Option<u32> {
        use immutable_core::fleet::Resize;
        match call {
            Call::Ensure(spec) => drop(self.groups.insert(spec.id.0, BTreeMap::new())),
            Call::Resize(resize) => {
                let group = self.groups.get_mut(&resize.group().generation.0).unwrap();
                match &**resize {
                    Resize::Raise { to, .. } => {
                        while (group.len() as u32) < *to {
                            self.made += 1;
                            group.insert(format!("{:04}", self.made), 0);
                        }
                    }
                    Resize::Lower { leave, .. } => group.retain(|name, _| !leave.iter().any(|key| key.name.as_str() == name)),
                    Resize::GiveUp { .. } => panic!("everybody comes"),
                }
                return Some(group.len() as u32);
            }
            Call::Destroy(id) => drop(self.groups.remove(&id.0)),
            Call::Route(route) => self.weights = route.weights().iter().map(|(id, weight)| (id.0, *weight)).collect(),
            _ => {}
        }
        None
    }

    /// How many of a generation are ready, and how many its share needs, less one part of it where there are parts.
    fn carries(&self, floor: u32, split: Split) -> Vec<(u32, u32)> {
        let total: u64 = self.weights.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let part = if let Split::Weighted { parts, .. } = split { total.div_ceil(u64::from(parts)) } else { 0 };
        let needed = |weight: u16| {
            let share = (u64::from(weight).saturating_sub(part) * u64::from(floor)).div_ceil(total.max(1)) as u32;
            share.max(u32::from(weight > 0 && floor > 0))
        };
        let ready = |id| self.groups.get(id).map_or(0, |names| names.values().filter(|looks| **looks > 1).count() as u32);
        if split == Split::Pooled {
            return vec![(self.weights.iter().map(|(id, _)| ready(id)).sum(), if total > 0 { floor } else { 0 })];
        }
        self.weights.iter().map(|(id, weight)| (ready(id), needed(*weight))).collect()
    }
}

/// Fills a fleet of this size and replaces it, and says whether it came to an end.
fn replaced(size: u32, strategy: &Strategy, split: Split) -> bool {
    let mut stage = Stage::proven_of(Stage::fleet(0), Strategy::rolling());
    (stage.strategy, stage.switch) = (strategy.clone(), Some(super::kit::switch(split)));
    if let Some(switch) = &mut stage.switch {
        switch.drains = Drains::Never;
    }
    stage.fleet = Stage::fleet(size).pool("web");
    let mut world = World::default();
    world.groups.insert(1, BTreeMap::new());
    for version in ["1.0.0", "1.1.0"] {
        stage.open(version);
        stage.claim();
        let mut looks = 0;
        while stage.state.rollout().is_some() {
            stage.pass(10);
            looks += 1;
            if looks > 40 + 12 * size {
                return false;
            }
            world.groups.values_mut().flat_map(BTreeMap::values_mut).for_each(|looks| *looks += 1);
            let decision = world.look().decide(&stage);
            let Budget { floor, .. } = strategy.budget(size);
            let held = |world: &World| world.carries(floor, split).iter().all(|(ready, needed)| ready >= needed);
            let before = version == "1.1.0" && held(&world);
            for event in decision.events {
                stage.apply(event.clone());
                if let Event::Owed { call, .. } = event {
                    let size = world.call(&call);
                    let result = if matches!(call, Call::Destroy(_)) { removed() } else { done(size) };
                    stage.settle_last(result);
                }
            }
            assert!(
                !before || held(&world),
                "{size} {split:?}: {:?} carry {:?} in {:?}",
                world.groups,
                world.weights,
                phase(&stage)
            );
        }
    }
    let routed: Vec<_> = world.weights.iter().map(|(id, _)| id).collect();
    assert_eq!(routed, world.groups.keys().collect::<Vec<_>>(), "one generation is left, and has all the traffic");
    routed.len() == 1
}

fn phase(stage: &Stage) -> Option<&Phase> {
    stage.state.rollout().map(|rollout| &rollout.phase)
}

#[test]
fn no_size_budget_or_granularity_gets_stuck() {
    let percent = |percent| Amount::from(Percent::new(percent).unwrap());
    let budgets =
        [(Amount::Count(1), Amount::Count(0)), (Amount::Count(0), Amount::Count(1)), (Amount::Count(2), Amount::Count(1))];
    let wide = [(percent(25), Amount::Count(0)), (Amount::Count(0), percent(25)), (percent(100), percent(50))];
    let (mut tried, mut stuck) = (0, Vec::new());
    for size in (1..=16).chain([20, 33, 40]) {
        for (surge, unavailable) in budgets.into_iter().chain(wide) {
            for parts in [10, 100, 999, 1000] {
                let strategy = Strategy::rolling().max_surge(surge).max_unavailable(unavailable);
                if strategy.budget(size).slack() == 0 {
                    continue;
                }
                tried += 1;
                if !replaced(size, &strategy, Split::Weighted { generations: 2, parts }) {
                    stuck.push((size, surge, unavailable, parts));
                }
            }
        }
    }
    assert_eq!(stuck, [], "of {tried}");
}

#[test]
fn every_strategy_comes_to_its_end_behind_every_pool_that_takes_it() {
    let percent = |percent| Percent::new(percent).unwrap();
    let weighted = Split::Weighted { generations: 2, parts: 100 };
    for size in [1, 2, 3, 7] {
        for (strategy, splits) in [
            (Strategy::rolling(), &[Split::Pooled, weighted][..]),
            (Strategy::canary([percent(10), percent(50)]).bake(std::time::Duration::from_secs(20)), &[Split::Pooled, weighted]),
            (
                Strategy::blue_green().keep_old(std::time::Duration::ZERO).bake(std::time::Duration::from_secs(20)),
                &[Split::Pooled, Split::Binary, weighted],
            ),
            (Strategy::recreate(), &[Split::Pooled, Split::Binary, weighted]),
            (Strategy::rolling().max_surge(percent(100)), &[Split::Binary]),
        ] {
            for split in splits {
                assert!(replaced(size, &strategy, *split), "{size} by {strategy:?} behind {split:?}");
            }
        }
    }
}
