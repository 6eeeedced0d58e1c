//! What is swept: every way for a small fleet to be replaced, each under every budget, in every kind of cloud.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::fleet::Heals;
use crate::rollout::{Amount, Percent, Step, Strategy};
use crate::simulation::script::{Cloud, Divides, FleetTerms, Pool, Release, Script, Wish};

/// What happens to a fleet of at most so many.
const STORIES: &[fn(u32) -> Vec<Wish>] = &[
    |size| vec![Wish::new(size, Release::Good)],
    |size| vec![Wish::new(size, Release::NeverHealthy)],
    |size| vec![Wish::new(size, Release::NeverBoots)],
    |size| vec![Wish::new(size, Release::Good), Wish::new(size, Release::Good)],
    |size| vec![Wish::new(size, Release::Good), Wish::new(size, Release::NeverHealthy)],
    |size| vec![Wish::new(size, Release::Good), Wish::new(size, Release::NeverBoots)],
    |size| vec![Wish::new(size.div_ceil(2), Release::Good), Wish::new(size, Release::Again)],
    |size| vec![Wish::new(size, Release::Good), Wish::new(size / 2, Release::Again)],
    |size| vec![Wish::new(size.div_ceil(2), Release::Good), Wish::new(size, Release::Good)],
    |size| vec![Wish::new(size, Release::Good), Wish::new(size / 2, Release::Good)],
];

/// How many there may be more, and how many less.
const BUDGETS: [(Amount, Amount); 4] = [
    (Amount::Count(1), Amount::Count(0)),
    (Amount::Count(0), Amount::Count(1)),
    (Amount::percent(100), Amount::Count(0)),
    (Amount::Count(1), Amount::Count(1)),
];

/// How long accepted operations take, over how many zones, who heals, how slow calls are.
const CLOUDS: [(u64, usize, Heals, u64); 4] =
    [(0, 0, Heals::Switchable, 0), (10, 0, Heals::Switchable, 0), (0, 3, Heals::Never, 0), (10, 0, Heals::Never, 200)];

/// So many of all pairs of them a story of one size is played in; over six sizes it is played in all.
const PAIRS: usize = 3;

/// The scripts for fleets of these sizes.
pub(crate) fn cases(sizes: RangeInclusive<u32>) -> Vec<Script> {
    let pairs: Vec<_> = CLOUDS.into_iter().flat_map(|cloud| BUDGETS.map(|budget| (budget, cloud))).collect();
    let mut all = Vec::new();
    for size in sizes {
        for (nth, story) in STORIES.iter().enumerate() {
            let first = usize::try_from(size).unwrap_or(0) * PAIRS + nth;
            let turn = pairs.iter().cycle().skip(first % pairs.len()).take(PAIRS);
            all.extend(turn.map(|(budget, cloud)| case(story(size), *budget, *cloud)));
        }
        all.extend(shaped(size));
    }
    all
}

/// How requests are divided, and how the strategy that goes with it is made.
type Shape = (Option<Divides>, fn(Strategy) -> Strategy);

/// Strategies of several steps, behind pools.
const SHAPES: [Shape; 6] = [
    (Some(Divides::Weighted(100)), |strategy| strategy.max_surge(1)),
    (Some(Divides::Pooled), |strategy| strategy.max_surge(1)),
    (Some(Divides::Weighted(100)), blue_green),
    (Some(Divides::Binary), blue_green),
    (Some(Divides::Weighted(10)), canary),
    (None, recreate),
];

/// What happens to fleets with these: they are replaced, and fail to be.
const REPLACED: [fn(u32) -> Vec<Wish>; 2] = [
    |size| vec![Wish::new(size, Release::Good), Wish::new(size, Release::Good)],
    |size| vec![Wish::new(size, Release::Good), Wish::new(size, Release::NeverHealthy)],
];

fn blue_green(strategy: Strategy) -> Strategy {
    let all = Percent::known(100);
    let steps = vec![Step::scale_beside(all), Step::bake(Duration::from_secs(20)), Step::shift(all)];
    Strategy { steps, keep_old: Duration::from_secs(30), ..strategy.max_surge(all) }
}

fn canary(strategy: Strategy) -> Strategy {
    let Strategy { steps, .. } = Strategy::canary([Percent::known(34)]).bake(Duration::from_secs(20));
    Strategy { steps, ..strategy.max_surge(1) }
}

fn recreate(strategy: Strategy) -> Strategy {
    let Strategy { steps, max_surge, max_unavailable, .. } = Strategy::recreate();
    Strategy { steps, max_surge, max_unavailable, ..strategy }
}

/// One of the shapes, in turn, for each size and what happens to it.
fn shaped(size: u32) -> impl Iterator<Item = Script> {
    let first = usize::try_from(size).unwrap_or(0);
    REPLACED.iter().enumerate().filter_map(move |(nth, story)| {
        let (divides, shape) = SHAPES.iter().cycle().nth((first * REPLACED.len() + nth) % SHAPES.len())?;
        let mut script = case(story(size), (Amount::Count(1), Amount::Count(0)), (0, 0, Heals::Switchable, 0));
        script.strategy = shape(script.strategy);
        script.cloud.pool = divides.map(|divides| Pool::new(divides, 10));
        Some(script)
    })
}

fn case(rollouts: Vec<Wish>, budget: (Amount, Amount), cloud: (u64, usize, Heals, u64)) -> Script {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let strategy = Strategy::rolling().max_surge(budget.0).max_unavailable(budget.1);
    let (operations_take, zones, heals, latency_ms) = cloud;
    Script {
        seed: 7,
        cloud: Cloud { boot: (20, 50), drain: 5, latency_ms, operations_take, heals, unguarded: false, pool: None },
        fleet: FleetTerms { zones, min_ready: 10, boot_deadline: 120, poll: 15, ..FleetTerms::default() },
        strategy: strategy.progress_deadline(minutes(20)).rollback_deadline(minutes(30)),
        judge: None,
        rollouts,
        disturbances: Vec::new(),
        wire: None,
        journal: None,
        crashes: Vec::new(),
        fates: Vec::new(),
        kept: None,
    }
}
