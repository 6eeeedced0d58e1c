//! Whole rollouts over zones, in a world where everything works: they get to their end for every size, number of zones and budget; no zone has fewer than
//! its floor meanwhile, none is begun before its turn, and in the end they have as many each as can be.

use std::collections::BTreeMap;

use immutable_core::fleet::{Drains, Resize, Split};
use immutable_core::rollout::{Amount, Call, Event, Percent, Phase, Step, Strategy};

use super::kit::{MINUTE, Stage, done, removed};
use super::sight::{Look, look};

/// What there is, by generation and cell: names, and since how many looks each is there.
#[derive(Default)]
struct World {
    groups: BTreeMap<(u32, u16), BTreeMap<String, u32>>,
    weights: Vec<(u32, u16)>,
    made: u32,
}

impl World {
    fn look(&self, routed: bool) -> Look {
        let spelled = |names: &BTreeMap<String, u32>| names.keys().map(|name| format!("{name}+")).collect::<Vec<_>>().join(" ");
        let groups = self
            .groups
            .iter()
            .fold(look(), |look, ((id, cell), names)| look.group(*id, names.len() as u32, &spelled(names)).cell(*cell));
        let gone = (1..3_u32).flat_map(|id| (0..3).map(move |cell| (id, cell))).filter(|group| !self.groups.contains_key(group));
        let all = gone.fold(groups, |look, (id, cell)| look.absent(id).cell(cell));
        if routed { all.pool(&self.weights) } else { all }
    }

    fn call(&mut self, call: &Call) -> Option<u32> {
        match call {
            Call::Ensure(spec) => self.groups.extend(spec.groups.iter().map(|group| ((spec.id.0, group.cell), BTreeMap::new()))),
            Call::Resize(resize) => {
                let id = resize.group();
                let group = self.groups.get_mut(&(id.generation.0, id.cell)).unwrap();
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
            Call::Destroy(id) => self.groups.retain(|(generation, _), _| *generation != id.0),
            Call::Route(route) => self.weights = route.weights().iter().map(|(id, weight)| (id.0, *weight)).collect(),
            _ => {}
        }
        None
    }

    /// How many of those who get requests are ready in each zone.
    fn serve(&self, zones: u16) -> Vec<u32> {
        let gets = |id: u32| self.weights.is_empty() || self.weights.iter().any(|(other, weight)| *other == id && *weight > 0);
        let ready = |zone: u16| {
            let there = self.groups.iter().filter(|((id, cell), _)| cell % zones == zone && gets(*id));
            there.flat_map(|(_, names)| names.values()).filter(|looks| **looks > 1).count() as u32
        };
        (0..zones).map(ready).collect()
    }

    fn of(&self, generation: u32, zones: u16) -> Vec<usize> {
        (0..zones).map(|zone| self.groups.get(&(generation, zone)).map_or(0, BTreeMap::len)).collect()
    }
}

/// A fleet that is filled, and then replaced.
struct Case {
    size: u32,
    zones: u16,
    strategy: Strategy,
    split: Option<Split>,
    /// How many the first of its zones have, if that is not their part.
    uneven: &'static [u32],
}

impl Case {
    /// Whether it came to its end; what is broken on the way panics.
    fn ends(&self) -> bool {
        let zones = || ["a", "b", "c"].into_iter().take(self.zones.into()).map(Into::into);
        let mut stage = Stage::proven_of(Stage::fleet(0).zones(zones()), Strategy::rolling());
        stage.switch = self.split.map(super::kit::switch);
        if let Some(switch) = &mut stage.switch {
            switch.drains = Drains::Never;
        }
        stage.fleet = Stage::fleet(self.size).zones(zones());
        if self.split.is_some() {
            stage.fleet = stage.fleet.pool("web");
        }
        let mut world = World::default();
        world.groups.extend((0..self.zones).map(|zone| ((1, zone), BTreeMap::new())));
        let wide = |size: u32| Strategy::rolling().max_surge(size.max(1));
        stage.strategy = wide(self.size);
        if !self.rolls(&mut world, &mut stage, "1.0.0") {
            return false;
        }
        self.unbalance(&mut world, &mut stage);
        stage.strategy = self.strategy.clone();
        if !self.rolls(&mut world, &mut stage, "1.1.0") {
            return false;
        }
        // What serves then is resized, down and up.
        for size in [self.size / 2 + 1, self.size + 2] {
            stage.fleet = stage.fleet.clone().size(size);
            stage.strategy = wide(size);
            if !self.rolls(&mut world, &mut stage, "1.1.0") {
                return false;
            }
        }
        true
    }

    /// Goes on to this release, and says whether it got there.
    fn rolls(&self, world: &mut World, stage: &mut Stage, version: &str) -> bool {
        stage.open(version);
        stage.claim();
        let judged = stage.strategy == self.strategy;
        let floor = self.strategy.max_unavailable_per_zone_of(self.size / u32::from(self.zones));
        let steps = stage.state.rollout().unwrap().plan.strategy().steps().to_vec();
        let newest = |world: &World| *world.groups.keys().map(|(id, _)| id).max().unwrap();
        for _ in 0..80 + 14 * self.size {
            let Some(rollout) = stage.state.rollout() else {
                let there = world.of(newest(world), self.zones);
                let spread = there.iter().max().unwrap() - there.iter().min().unwrap();
                assert!(spread <= 1, "{self}: {there:?} in the end");
                assert_eq!(there.iter().sum::<usize>(), stage.fleet.desired() as usize, "{self}");
                return true;
            };
            let phase = rollout.phase.clone();
            stage.pass(10);
            world.groups.values_mut().flat_map(BTreeMap::values_mut).for_each(|looks| *looks += 1);
            let held = |world: &World| world.serve(self.zones).iter().all(|ready| *ready >= floor);
            let before = judged && held(world);
            let old = world.of(1, self.zones);
            for event in world.look(self.split.is_some()).decide(stage).events {
                stage.apply(event.clone());
                if let Event::Owed { call, .. } = event {
                    let size = world.call(&call);
                    let result = if matches!(call, Call::Destroy(_)) { removed() } else { done(size) };
                    stage.settle_last(result);
                }
            }
            assert!(!before || held(world), "{self}: {:?} of {floor} in {phase:?}", world.groups);
            let turns = |step: u16| steps.iter().take(usize::from(step) + 1).rev();
            let turn = |step: u16| turns(step).find_map(|step| if let Step::Zone { nth, .. } = step { Some(*nth) } else { None });
            if let (true, Phase::Stepping { step, .. }) = (judged, &phase) {
                let from = turn(step.0).map_or(3, usize::from);
                assert_eq!(world.of(2, self.zones).iter().skip(from).sum::<usize>(), 0, "{self}: begun before its turn");
                if self.uneven.is_empty() {
                    assert_eq!(world.of(1, self.zones).get(from..), old.get(from..), "{self}: left before its turn");
                }
            }
        }
        false
    }

    /// Somebody has set the sizes otherwise.
    fn unbalance(&self, world: &mut World, stage: &mut Stage) {
        let id = 1;
        for (cell, size) in (0..).zip(self.uneven) {
            let group = world.groups.get_mut(&(id, cell)).unwrap();
            while group.len() > *size as usize {
                group.pop_first();
            }
            while group.len() < *size as usize {
                world.made += 1;
                group.insert(format!("{:04}", world.made), 2);
            }
        }
        stage.pass(120);
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { size, zones, strategy, split, uneven } = self;
        write!(f, "{size} in {zones} {uneven:?} behind {split:?} by {}", serde_json::to_string(strategy).unwrap())
    }
}

/// What of a zone's part must be ready, read from the strategy's JSON.
trait PerZone {
    fn max_unavailable_per_zone_of(&self, part: u32) -> u32;
}

impl PerZone for Strategy {
    fn max_unavailable_per_zone_of(&self, part: u32) -> u32 {
        let json = serde_json::to_value(self).unwrap();
        let amount = json.get("max_unavailable_per_zone").map(|amount| serde_json::from_value::<Amount>(amount.clone()).unwrap());
        amount.map_or(0, |amount| part.saturating_sub(amount.down(part)))
    }
}

fn percent(percent: u32) -> Amount {
    Amount::from(Percent::new(percent).unwrap())
}

/// Surge, unavailable, and unavailable in each zone.
fn budgets() -> Vec<(Amount, Amount, Option<Amount>)> {
    let mut all = Vec::new();
    for (surge, unavailable) in [
        (Amount::Count(1), Amount::Count(0)),
        (Amount::Count(0), Amount::Count(1)),
        (Amount::Count(2), Amount::Count(1)),
        (percent(25), percent(50)),
    ] {
        for zone in [None, Some(Amount::Count(0)), Some(Amount::Count(1)), Some(percent(50))] {
            all.push((surge, unavailable, zone));
        }
    }
    all
}

fn with(strategy: Strategy, (surge, unavailable, zone): (Amount, Amount, Option<Amount>)) -> Strategy {
    let strategy = strategy.max_surge(surge).max_unavailable(unavailable);
    zone.map_or(strategy.clone(), |zone| strategy.max_unavailable_per_zone(zone))
}

/// Runs all that can be planned.
fn all(strategy: &Strategy, zones: std::ops::RangeInclusive<u16>, splits: &[Option<Split>], uneven: &'static [&'static [u32]]) {
    let (mut tried, mut stuck) = (0, Vec::new());
    for zones in zones {
        for size in [1, 2, 3, 5, 6, 12] {
            for budget in budgets() {
                for split in splits {
                    let uneven = uneven.iter().filter(|uneven| uneven.len() == usize::from(zones));
                    for uneven in std::iter::once(&[][..]).chain(uneven.copied()) {
                        if !uneven.is_empty() && uneven.iter().sum::<u32>() != size {
                            continue;
                        }
                        let case = Case { size, zones, strategy: with(strategy.clone(), budget), split: *split, uneven };
                        if !case.can_be_planned() {
                            continue;
                        }
                        tried += 1;
                        if !case.ends() {
                            stuck.push(case.to_string());
                        }
                    }
                }
            }
        }
    }
    assert!(tried > 50, "{tried}");
    assert!(stuck.is_empty(), "{} of {tried}: {:#?}", stuck.len(), &stuck[..stuck.len().min(12)]);
}

impl Case {
    fn can_be_planned(&self) -> bool {
        let stage = Stage::proven_of(Stage::fleet(2), Strategy::rolling());
        let zones = ["a", "b", "c"].into_iter().take(self.zones.into()).map(Into::into);
        let fleet = Stage::fleet(self.size).zones(zones);
        let fleet = if self.split.is_some() { fleet.pool("web") } else { fleet };
        let switch = self.split.map(super::kit::switch);
        let capabilities = super::kit::capabilities(stage.heals);
        let artifact = super::kit::artifact("1.1.0");
        let wish = immutable_core::rollout::PlanFor {
            fleet: &fleet,
            artifact: &artifact,
            strategy: &self.strategy,
            capabilities: &capabilities,
            switch: switch.as_ref(),
        };
        immutable_core::Plan::new(&stage.state, wish).is_ok()
    }
}

const WEIGHTED: Option<Split> = Some(Split::Weighted { generations: 2, parts: 100 });
const UNEVEN: &[&[u32]] = &[&[6, 3, 3], &[3, 3, 6], &[2, 6, 4], &[0, 0, 12], &[12, 0, 0], &[1, 5], &[6, 0], &[0, 6]];

#[test]
fn no_size_zone_or_budget_gets_stuck_where_zones_have_floors() {
    all(&Strategy::rolling(), 1..=3, &[None, Some(Split::Pooled), WEIGHTED], UNEVEN);
}

#[test]
fn nor_zone_by_zone() {
    all(&Strategy::zone_by_zone(MINUTE), 2..=3, &[None, Some(Split::Pooled), WEIGHTED], UNEVEN);
}

#[test]
fn nor_where_all_requests_are_shifted_at_once() {
    let all_at_once = Strategy::blue_green().bake(MINUTE).keep_old(std::time::Duration::ZERO);
    all(&all_at_once, 1..=3, &[Some(Split::Pooled), Some(Split::Binary), WEIGHTED], UNEVEN);
}
