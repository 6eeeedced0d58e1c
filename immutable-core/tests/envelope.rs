//! What a plan says that it takes, and what it took: plans run in a cloud whose machines all boot alike, judged by what really happened.

use std::collections::BTreeMap;
use std::time::Duration;

use immutable_core::fleet::{Life, Split, Verdict};
use immutable_core::memory::{Delay, Effect, MemoryOptions, What};
use immutable_core::rollout::{AbortTo, Amount, Envelope, Event, Old, Percent, Phase, Step};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Fleet, MemoryCloud, Outcome, Plan, Strategy, Timestamp};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// From being asked for to running, and then to the first verdict.
const BOOT: Duration = seconds(60);
const CHECK: Duration = seconds(5);

const SPLITS: [Option<Split>; 4] = [None, WEIGHTED, Some(Split::Pooled), Some(Split::Binary)];
const WEIGHTED: Option<Split> = Some(Split::Weighted { generations: 5, parts: 1000 });

fn percent(percent: u32) -> Percent {
    Percent::new(percent).unwrap()
}

/// A fleet that is replaced.
#[derive(Clone)]
struct Row {
    name: &'static str,
    /// How many it has, and is to have.
    sizes: [u32; 2],
    strategy: Strategy,
    split: Option<Split>,
    /// How long a machine takes to finish its requests, and then to go.
    leaves: Duration,
    boot: Delay,
    zones: &'static [&'static str],
    /// The rollout to the same release that was left half done before, if one was, and after how many seconds.
    left_mixed: Option<(Strategy, u64)>,
    /// How long a route takes to be in force.
    settle: Duration,
}

/// What was so during a step, or all along.
#[derive(Clone, Debug, Default)]
struct Took {
    /// How many there were before, and how many of them were ready.
    began: u32,
    began_ready: u32,
    ready: u32,
    live: u32,
    launches: u32,
    terminations: u32,
    routes: u32,
    calls: u64,
    time: Duration,
}

/// Who there is, by what really happened: in the order of time, ready from when they were healthy for `min_ready` until they are named.
fn turns(effects: &[Effect], min_ready: Duration) -> Vec<(Timestamp, i64, i64)> {
    let (mut healthy, mut turns) = (BTreeMap::new(), Vec::new());
    for effect in effects {
        match &effect.what {
            What::Launched(_) => turns.push((effect.at, 0, 1)),
            What::Judged(key, Verdict::Healthy) => drop(healthy.insert(key.clone(), effect.at + min_ready)),
            // Who leaves before has never been ready.
            What::Lives(key, Life::Leaving) | What::Draining(_, key) => {
                let ready = healthy.remove(key).filter(|ready| *ready <= effect.at);
                turns.extend(ready.into_iter().flat_map(|ready| [(ready, 1, 0), (effect.at, -1, 0)]));
            }
            What::Lives(_, Life::Gone) => turns.push((effect.at, 0, -1)),
            _ => {}
        }
    }
    turns.extend(healthy.into_values().map(|ready| (ready, 1, 0)));
    // Of the same moment: who is ready may be the reason for another to leave.
    turns.sort_by_key(|(at, ready, _)| (*at, -*ready));
    turns
}

fn count(effects: &[Effect], what: impl Fn(&What) -> bool) -> u32 {
    u32::try_from(effects.iter().filter(|effect| what(&effect.what)).count()).unwrap()
}

/// What happened from one moment until another.
fn took(effects: &[Effect], min_ready: Duration, from: Timestamp, until: Timestamp) -> Took {
    let (mut ready, mut live) = (0_i64, 0_i64);
    let mut took = Took { time: until.since(from), ..Took::default() };
    let (mut least, mut most, mut began) = (i64::MAX, 0, (0, 0));
    for (at, readier, more) in turns(effects, min_ready) {
        if at >= from && least == i64::MAX {
            (least, most, began) = (ready, live, (ready, live));
        }
        if at >= until {
            break;
        }
        (ready, live) = (ready + readier, live + more);
        if at >= from {
            (least, most) = (least.min(ready), most.max(live));
        }
    }
    if least == i64::MAX {
        (least, most, began) = (ready, live, (ready, live));
    }
    (took.began_ready, took.began) = (u32::try_from(began.0).unwrap(), u32::try_from(began.1).unwrap());
    (took.ready, took.live) = (u32::try_from(least).unwrap(), u32::try_from(most).unwrap());
    let within: Vec<_> = effects.iter().filter(|effect| effect.at >= from && effect.at < until).cloned().collect();
    took.launches = count(&within, |what| matches!(what, What::Launched(_)));
    took.terminations = count(&within, |what| matches!(what, What::Lives(_, Life::Leaving)));
    took.routes = count(&within, |what| matches!(what, What::Routed(..)));
    took
}

impl Row {
    /// Of so many and to be so many, without a pool, zones or a past.
    fn of(name: &'static str, sizes: [u32; 2], strategy: Strategy) -> Self {
        let (leaves, boot, settle) = (seconds(10), Delay::Constant(BOOT), seconds(10));
        Self { name, sizes, strategy, split: None, leaves, boot, zones: &[], left_mixed: None, settle }
    }

    /// Runs it by a plan for a fleet that says how long a boot takes, and looks whether what was planned held.
    fn play(&self) -> (Plan, Vec<Took>, Took) {
        let (plan, steps, all) = self.run(Some(BOOT + CHECK));
        self.holds(&plan, &steps, &all);
        (plan, steps, all)
    }

    /// Runs it, by a plan for a fleet that says how long a boot takes, or does not: the plan, what each step took, and what all of it did.
    fn run(&self, typical: Option<Duration>) -> (Plan, Vec<Took>, Took) {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let options =
            MemoryOptions::seeded(7).clock(clock.clone()).boot(self.boot).check(CHECK).drain(self.leaves).settle(self.settle);
        let options = options.effects(1_000_000);
        let cloud = MemoryCloud::with(self.split.map_or(options.clone(), |split| options.split(split)));
        let fleet = Fleet::new("web", cloud.place()).size(self.sizes[0]).zones(self.zones.iter().map(|zone| (*zone).into()));
        let fleet = if self.split.is_some() { fleet.pool(cloud.pool("web")) } else { fleet };
        let fleet = typical.map_or(fleet.clone(), |typical| fleet.typical_boot(typical));
        let [first, next] = ["1.0.0", "1.1.0"].map(|version| cloud.bake("acmeinc/web", version).unwrap());
        let controller = cloud.controller();
        clock.run(async {
            if self.sizes[0] > 0 {
                let everything = Strategy::rolling().max_surge(percent(100));
                let plan = controller.plan(&fleet, &first, everything).await.unwrap();
                assert_eq!(controller.run(plan).await.unwrap(), Outcome::Succeeded);
            }
            if let Some((strategy, after)) = &self.left_mixed {
                let plan = controller.plan(&fleet, &next, strategy.clone()).await.unwrap();
                let rollout = controller.start(plan).await.unwrap();
                let soon = clock.sleep_until(clock.now() + seconds(*after));
                drop(futures_util::future::select(std::pin::pin!(rollout.drive()), soon).await);
                rollout.abort(AbortTo::Mixed, "ann").await.unwrap();
                assert_eq!(rollout.drive().await.unwrap(), Outcome::LeftMixed);
            }
            // Whoever was leaving is gone.
            clock.sleep_until(clock.now() + seconds(600)).await;
            let fleet = fleet.clone().size(self.sizes[1]);
            let plan = controller.plan(&fleet, &next, self.strategy.clone()).await.unwrap();
            let (begun, calls) = (clock.now(), cloud.calls().total());
            let rollout = controller.start(plan.clone()).await.unwrap();
            let outcome = rollout.drive().await.unwrap();
            let fine = outcome == Outcome::Succeeded || (self.sizes[1] == 0 && outcome == Outcome::Unexercised);
            assert!(fine, "{} {:?}: {outcome}", self.name, self.sizes);
            let ended = clock.now();
            let mut moves: Vec<(Timestamp, Option<usize>)> = Vec::new();
            for (_, recorded) in controller.history(fleet.id()).await.unwrap() {
                let step = match recorded.event {
                    Event::Moved { to: Phase::Stepping { step, .. } } if recorded.at >= begun => Some(usize::from(step.0)),
                    Event::Moved { to: Phase::Finishing { .. } } if recorded.at >= begun => None,
                    _ => continue,
                };
                if moves.last().is_none_or(|(_, last)| *last != step) {
                    moves.push((recorded.at, step));
                }
            }
            let (effects, min_ready) = (cloud.effects(), fleet.health().min_ready);
            let untils = moves.iter().skip(1).map(|(at, _)| *at).chain([ended]);
            let steps = moves.iter().zip(untils).filter(|((_, step), _)| step.is_some());
            let steps: Vec<_> = steps.map(|((from, _), until)| took(&effects, min_ready, *from, until)).collect();
            assert_eq!(steps.len(), plan.steps().len(), "{}", self.name);
            let mut all = took(&effects, min_ready, begun, ended + seconds(1));
            (all.time, all.calls) = (ended.since(begun), cloud.calls().total() - calls);
            (plan, steps, all)
        })
    }

    /// Whether it was within what was planned.
    fn holds(&self, plan: &Plan, steps: &[Took], all: &Took) {
        let planned = plan.steps().iter().map(|step| step.envelope).chain([*plan.envelope()]);
        let (mut named, mut may) = (0, 0);
        for (at, (planned, took)) in planned.zip(steps.iter().chain([all])).enumerate() {
            let Envelope { ready_at_least, live_at_most, headroom, launches, terminations, routes, calls, takes, .. } = planned;
            // Who finishes its requests may do so into the next step.
            (named, may) = (named + took.terminations, may + terminations);
            let within = took.ready.min(plan.budget().desired) >= ready_at_least.min(all.began_ready)
                && took.live <= live_at_most
                && took.live.saturating_sub(all.began) <= headroom
                && (took.launches == launches || (self.left_mixed.is_some() && took.launches < launches))
                && (named <= may || at == steps.len())
                && (took.terminations == terminations
                    || at < steps.len()
                    || (self.left_mixed.is_some() && took.terminations < terminations))
                && took.routes <= routes
                && took.calls <= u64::from(calls)
                && took.time >= takes.least
                && takes.most.is_some_and(|most| took.time <= most);
            assert!(within, "{} {:?} {:?}, step {}: {planned:?}\nwas {took:?}", self.name, self.sizes, self.split, at + 1);
        }
    }
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |name, sizes, strategy, split, leaves| {
        rows.push(Row { split, leaves: seconds(leaves), ..Row::of(name, sizes, strategy) });
    };
    let canary = || Strategy::canary([percent(10), percent(50)]);
    for leaves in [10, 90] {
        let patient = seconds(leaves + 10);
        for size in [1, 3, 12, 40] {
            add("rolling", [size; 2], Strategy::rolling(), None, leaves);
            add("one by one", [size; 2], Strategy::rolling().max_surge(1), None, leaves);
            add("canary", [size; 2], canary(), None, leaves);
            add("recreate", [size; 2], Strategy::recreate(), None, leaves);
            for split in [WEIGHTED, Some(Split::Pooled)] {
                add("rolling", [size; 2], Strategy::rolling().drain_deadline(patient), split, leaves);
                add("canary", [size; 2], canary().drain_deadline(patient), split, leaves);
                add("blue/green", [size; 2], Strategy::blue_green().drain_deadline(patient), split, leaves);
                add("recreate", [size; 2], Strategy::recreate().drain_deadline(patient), split, leaves);
            }
            add("blue/green", [size; 2], Strategy::blue_green().drain_deadline(patient), Some(Split::Binary), leaves);
            let twice = Strategy::rolling().max_surge(percent(100)).drain_deadline(patient);
            add("rolling, all at once", [size; 2], twice, Some(Split::Binary), leaves);
        }
        add("no surge", [12; 2], Strategy::rolling().max_surge(0).max_unavailable(2), None, leaves);
        add("both", [12; 2], Strategy::rolling().max_surge(2).max_unavailable(2), None, leaves);
        add("first", [0, 12], Strategy::rolling(), None, leaves);
        add("first", [0, 12], Strategy::blue_green(), WEIGHTED, leaves);
        add("grows", [3, 12], Strategy::rolling(), None, leaves);
        add("shrinks", [12, 5], Strategy::rolling(), None, leaves);
        add("shrinks", [12, 5], Strategy::rolling().drain_deadline(patient), WEIGHTED, leaves);
    }
    rows
}

#[test]
fn it_holds_zone_by_zone_and_where_zones_have_floors() {
    let patient = seconds(20);
    for sizes in [[12; 2], [13; 2], [5; 2], [2; 2], [12, 20], [12, 6]] {
        for (surge, unavailable, per_zone) in [(3, 0, None), (1, 0, Some(0)), (0, 4, Some(1)), (2, 6, Some(1)), (12, 0, Some(0))]
        {
            // Where nobody need be ready nothing waits for a route.
            let by_zone = [false, true].into_iter().filter(|_| unavailable < sizes[1]);
            for by_zone in by_zone {
                for (zones, split) in [(&["a", "b", "c"][..], None), (&["a", "b"], WEIGHTED), (&["a", "b"], Some(Split::Pooled))]
                {
                    let strategy = if by_zone { Strategy::zone_by_zone(seconds(60)) } else { Strategy::rolling() };
                    let strategy = strategy.max_surge(surge).max_unavailable(unavailable).drain_deadline(patient);
                    let strategy = per_zone.map_or(strategy.clone(), |fewer| strategy.max_unavailable_per_zone(fewer));
                    let name = if by_zone { "zone by zone" } else { "zones" };
                    Row { split, zones, ..Row::of(name, sizes, strategy) }.play();
                }
            }
        }
    }
}

/// How much wider than what really was a bound may be: the time, and what is called.
///
/// That machines leave at once is what the least time supposes, and that they take 90 s the most: each is measured where it is so.
const WIDER: f64 = 1.9;

#[test]
fn what_is_planned_holds_and_is_no_wider_than_it_must_be() {
    for row in rows() {
        let (plan, steps, all) = row.play();
        let (envelope, name) = (plan.envelope(), format!("{} {:?} {:?}", row.name, row.sizes, row.split));
        let exact = (envelope.ready_at_least, envelope.live_at_most);
        assert_eq!(exact, (all.ready.min(row.sizes[1]), all.live), "{name}");
        assert_eq!(envelope.headroom, all.live - all.began, "{name}");
        for (step, took) in plan.steps().iter().zip(&steps).filter(|(step, _)| step.envelope.launches > 0) {
            let exact = (step.envelope.ready_at_least, step.envelope.live_at_most);
            assert_eq!(exact, (took.ready.min(row.sizes[1]), took.live), "{name}: {}", step.step);
        }
        let ratio = |wide: Duration, narrow: Duration| wide.as_secs_f64() / narrow.as_secs_f64();
        let shrinks = row.sizes[0] > row.sizes[1];
        if row.leaves == seconds(10) && !shrinks {
            assert!(ratio(all.time, envelope.takes.least) < WIDER, "{name}: {} took {:?}", envelope.takes, all.time);
        } else if row.leaves == seconds(90) {
            let most = envelope.takes.most.unwrap();
            assert!(ratio(most, all.time) < WIDER, "{name}: {} took {:?}", envelope.takes, all.time);
        }
        for (step, took) in plan.steps().iter().zip(&steps).filter(|(step, _)| step.envelope.launches > 0) {
            let (takes, step) = (step.envelope.takes, &step.step);
            let least = row.leaves == seconds(90) || shrinks || ratio(took.time, takes.least) < WIDER;
            // Whoever is let go by the end of a step need not be gone by then.
            let most = row.leaves == seconds(10) || ratio(takes.most.unwrap(), took.time) < 1.0 + WIDER;
            assert!(least && most, "{name}, {step}: {takes} took {:?}", took.time);
        }
        // Where several go at once they are one call.
        let (slack, calls) = (f64::from(plan.budget().slack().min(row.sizes[1])), f64::from(envelope.calls));
        assert!(calls <= all.calls as f64 * (WIDER - 1.0 + slack).max(WIDER), "{name}: {calls} calls, {} were made", all.calls);
        assert!(
            f64::from(envelope.routes) <= f64::from(all.routes) * slack.max(WIDER + 0.2),
            "{name}: {envelope:?}, was {all:?}"
        );
    }
}

#[test]
fn without_a_typical_boot_it_is_a_range_up_to_the_boot_deadline() {
    for row in rows().into_iter().filter(|row| row.sizes == [12; 2] && row.leaves == seconds(10)) {
        let varies = Row { boot: Delay::LogNormal { median: BOOT, sigma: 0.5 }, ..row.clone() };
        let (plan, steps, all) = varies.run(None);
        varies.holds(&plan, &steps, &all);
        let (told, ..) = row.run(Some(BOOT + CHECK));
        let (wide, narrow) = (plan.envelope().takes, told.envelope().takes);
        assert!(wide.least < narrow.least && wide.most > narrow.most, "{wide}, and {narrow}");
    }
}

#[test]
fn of_an_empty_fleet_one_is_tried_if_there_is_room() {
    for sizes in [[0, 0], [5, 0]] {
        for (surge, split) in [0, 1].into_iter().flat_map(|surge| SPLITS.map(|split| (surge, split))) {
            // All for which there is a pool may also be shifted.
            let shifts = split.map(|_| Strategy::blue_green().bake(seconds(60)).keep_old(Duration::ZERO));
            for strategy in [Strategy::rolling(), Strategy::canary([percent(50)])].into_iter().chain(shifts) {
                let strategy = strategy.max_surge(surge).max_unavailable(percent(100)).drain_deadline(seconds(20));
                let row = Row { split, settle: seconds(60), ..Row::of("empty", sizes, strategy) };
                let (plan, _, all) = row.play();
                assert_eq!(plan.envelope().launches, surge);
                assert!(plan.envelope().routes <= all.routes + 2, "{sizes:?} {split:?}: {plan}\n{all:?}");
            }
        }
    }
}

#[test]
fn it_holds_of_what_was_left_half_done() {
    let (once, twice) = (percent(25), percent(100));
    let all_at_once = || Strategy::rolling().max_surge(twice);
    let canary = |shares: [u32; 2]| Strategy::canary(shares.map(percent));
    let blue_green = || Strategy::blue_green().bake(seconds(60)).keep_old(Duration::ZERO);
    let by_zone = || Strategy::zone_by_zone(seconds(60));
    let (zones, three) = (&["a", "b"][..], &["a", "b", "c"][..]);
    let pooled = Some(Split::Pooled);
    for (name, sizes, strategy, split, zones, [leaves, settle, after]) in [
        // One of them is there, and was not yet ready: the others need not wait for it.
        ("canary", [13; 2], canary([30, 50]), pooled, &[][..], [1, 10, 20]),
        ("canary", [3; 2], canary([25, 30]), None, &[], [1, 10, 20]),
        ("recreate", [12, 5], Strategy::recreate().max_surge(4), pooled, &[], [1, 0, 20]),
        // Of the last step's requests some are taken back, or none.
        ("blue/green", [3; 2], blue_green(), WEIGHTED, &[], [1, 200, 240]),
        ("blue/green", [1; 2], blue_green(), Some(Split::Binary), three, [1, 60, 100]),
        ("blue/green", [13, 20], blue_green(), pooled, &[], [90, 200, 240]),
        ("blue/green", [2, 3], blue_green(), WEIGHTED, zones, [10, 200, 240]),
        ("all at once", [6, 10], all_at_once(), Some(Split::Binary), &[], [1, 200, 240]),
        // Nobody was attached yet, or who is there no more still is.
        ("recreate", [3, 12], Strategy::recreate(), Some(Split::Binary), &[], [1, 10, 20]),
        ("recreate", [1; 2], Strategy::recreate().max_surge(once), pooled, &[], [1, 200, 100]),
        ("recreate", [1, 12], Strategy::recreate(), WEIGHTED, &[], [10, 200, 100]),
        // Who is more than the step says stays, because the floor needs them.
        ("zone by zone", [5; 2], by_zone(), None, three, [90, 10, 400]),
        ("zone by zone", [5; 2], by_zone(), None, three, [90, 10, 20]),
    ] {
        let strategy = strategy.drain_deadline(seconds(leaves + 10));
        let left_mixed = Some((strategy.clone(), after));
        let (leaves, settle) = (seconds(leaves), seconds(settle));
        Row { split, zones, left_mixed, leaves, settle, ..Row::of(name, sizes, strategy) }.play();
    }
}

#[test]
fn who_leaves_may_be_in_the_way_of_the_next_step_and_of_the_end() {
    let scales = |shares: &[u32]| Strategy::new(shares.iter().map(|share| Step::scale(percent(*share))));
    let rolling = || Strategy::rolling().drain_deadline(seconds(100));
    let by_zone = || Strategy::zone_by_zone(seconds(60)).max_unavailable_per_zone(2);
    let baked = || Strategy::new([Step::scale(percent(50)), Step::scale(percent(100)), Step::bake(seconds(60))]);
    let briefly = || Strategy::new([Step::scale(percent(100)), Step::bake(seconds(20)), Step::bake(seconds(1))]);
    let waits = || Strategy::new([Step::bake(seconds(1)), Step::scale(percent(100))]).drain_deadline(seconds(100));
    let shift = |share| [Step::scale(percent(share)), Step::shift(percent(share))];
    let shifts = || Strategy::new([shift(75), shift(100)].concat()).max_surge(0).max_unavailable(3);
    for (name, sizes, strategy, split, zones) in [
        ("rolling", [2, 12], rolling().bake(seconds(60)), Some(Split::Pooled), &[][..]),
        ("rolling", [1, 1], rolling().bake(seconds(60)), WEIGHTED, &[]),
        ("zone by zone", [10; 2], by_zone(), None, &["a", "b", "c"]),
        ("in steps", [12; 2], scales(&[25, 50, 75, 100]), None, &[]),
        ("in steps", [12; 2], baked(), None, &[]),
        ("briefly", [12; 2], briefly().max_surge(12), None, &[]),
        // Those of too many leave while the first step waits.
        ("waits first", [12, 5], waits(), WEIGHTED, &[]),
        // Whoever is left has all before it is shifted.
        ("shifts", [5, 3], shifts().drain_deadline(seconds(100)), WEIGHTED, &[]),
    ] {
        Row { split, zones, leaves: seconds(90), ..Row::of(name, sizes, strategy) }.play();
    }
}

#[test]
fn a_step_takes_no_more_than_what_it_does() {
    let [first, scale] =
        [Old::First, Old::Follow].map(|old| move |share: u32| Step::Scale { to: Amount::Percent(percent(share)), old });
    let play = |steps: &[Step], surge: u32| {
        let strategy = Strategy::new(steps.iter().cloned()).max_surge(surge).max_unavailable(percent(100));
        Row { split: WEIGHTED, ..Row::of("steps", [12; 2], strategy.drain_deadline(seconds(20))) }.play()
    };
    let (plan, _, all) = play(&[first(100), scale(100)], 3);
    assert_eq!(plan.envelope().live_at_most, all.live, "whose step launches nobody needs no room");
    let (plan, steps, _) = play(&[first(0), first(100)], 0);
    let routes = |at: usize| (plan.steps()[at].envelope.routes, steps[at].routes);
    assert_eq!((routes(0), routes(1)), ((3, 3), (0, 0)), "who comes is attached, and gets all, while nobody is left");
    let (plan, ..) = play(&[scale(50), Step::bake(seconds(20)), scale(100)], 3);
    assert_eq!(plan.steps()[1].envelope.takes.most, Some(seconds(20 + 10)), "who leaves is not waited for before the end");
}

#[test]
fn the_new_are_attached_and_who_is_too_many_goes_while_the_first_step_waits() {
    for (sizes, split) in [[3, 3], [13, 1], [3, 0], [0, 3]].into_iter().flat_map(|sizes| SPLITS.map(|split| (sizes, split))) {
        let strategy = Strategy::new([Step::bake(seconds(20)), Step::scale(percent(100))]).drain_deadline(seconds(70));
        let row = Row::of("waits first", sizes, strategy.max_surge(percent(100)));
        let (plan, steps, _) = Row { split, settle: seconds(60), leaves: seconds(60), ..row }.play();
        assert!(plan.steps()[0].envelope.routes <= steps[0].routes + 2, "{sizes:?} {split:?}: {plan}");
    }
}

#[test]
fn a_step_takes_as_many_rounds_as_is_documented() {
    // Where there is room for all, and one or two at a time.
    let rows = [(12, [25, 50, 100]), (1, [10, 50, 100]), (2, [25, 75, 100])];
    for (split, (surge, shares)) in [None, WEIGHTED].into_iter().flat_map(|split| rows.map(|row| (split, row))) {
        let strategy = Strategy::new(shares.map(|share| Step::scale(percent(share)))).max_surge(surge);
        let row = Row::of("rounds", [12; 2], strategy.drain_deadline(seconds(20)));
        let (plan, ..) = Row { split, settle: seconds(200), ..row }.play();
        let (pool, looks) = (split.map_or(0, |_| 4 * 200 + 20), 6 * 5);
        let (round, mut tried) = (BOOT + CHECK + seconds(10 + 90 + pool + looks), 1);
        for step in plan.steps() {
            let Envelope { launches, takes, .. } = step.envelope;
            let rounds = tried + (launches - tried).div_ceil(surge);
            assert!(takes.most.unwrap() <= rounds * round + seconds(looks), "{surge} {split:?}, {}: {takes}", step.step);
            tried = 0;
        }
    }
}

#[test]
fn a_route_that_takes_long_is_waited_for_where_it_must_be() {
    let beside = |share| Step::scale_beside(percent(share));
    let shift = |share| Step::shift(percent(share));
    let halves = || Strategy::new([beside(50), shift(50), beside(100), shift(100)]).max_surge(percent(100));
    let twice = || Strategy::blue_green().bake(seconds(60)).keep_old(Duration::ZERO);
    let first = |share: u32| Step::Scale { to: Amount::Percent(percent(share)), old: Old::First };
    let emptied = || Strategy::new([first(100), shift(100)]).max_surge(1).max_unavailable(percent(100));
    let canary = |shares: [u32; 2]| Strategy::canary(shares.map(percent)).bake(seconds(60));
    let some = || canary([10, 90]).max_surge(percent(100)).max_unavailable(percent(25));
    // As many rounds of 75 s as it launches, what it bakes, and each route that is waited for; and how many routes more than it takes.
    for (name, sizes, strategy, split, least, more) in [
        ("rolling", [1; 2], Strategy::rolling(), WEIGHTED, 75 + 200, 0),
        ("rolling", [3; 2], Strategy::rolling(), WEIGHTED, 3 * 75 + 200, 0),
        ("rolling", [3; 2], Strategy::rolling(), Some(Split::Pooled), 3 * 75, 0),
        ("canary", [10; 2], canary([10, 50]), WEIGHTED, (1 + 2 + 2) * 75 + 3 * 200 + 2 * 60, 7),
        ("blue/green", [3; 2], twice(), WEIGHTED, 2 * 75 + 200 + 60, 0),
        ("blue/green", [3; 2], twice(), Some(Split::Binary), 2 * 75 + 200 + 60, 0),
        ("blue/green", [3; 2], twice(), Some(Split::Pooled), 2 * 75 + 200 + 60, 0),
        ("halves", [4; 2], halves(), WEIGHTED, (2 + 1) * 75 + 2 * 200, 0),
        // Nothing is set before all are there, and by then nobody else has any.
        ("first", [0, 3], Strategy::rolling(), WEIGHTED, 2 * 75, 0),
        ("first", [0, 10], canary([50, 50]), WEIGHTED, (2 + 1) * 75 + 2 * 60, 0),
        ("first", [0, 4], halves(), WEIGHTED, (2 + 1) * 75, 1),
        ("first", [0, 4], twice(), Some(Split::Binary), 2 * 75 + 60, 0),
        // Where fewer may carry all it is set while others boot.
        ("recreate", [2; 2], Strategy::recreate(), WEIGHTED, 2 * 75, 0),
        ("emptied", [5, 2], emptied(), WEIGHTED, 2 * 75, 2),
        ("some fewer", [12, 10], some(), WEIGHTED, (1 + 1 + 1) * 75 + 2 * 60, 8),
    ] {
        let strategy = strategy.drain_deadline(seconds(20));
        let row = Row { split, settle: seconds(200), leaves: seconds(1), ..Row::of(name, sizes, strategy) };
        let (plan, _, all) = row.play();
        let Envelope { routes, takes, .. } = plan.envelope();
        assert_eq!((takes.least, *routes), (seconds(least), all.routes + more), "{name} {sizes:?} {split:?}");
    }
}

#[test]
fn it_holds_in_zones_with_coarse_weights_and_of_what_was_left_half_done() {
    let coarse = Some(Split::Weighted { generations: 5, parts: 10 });
    let (patient, canary) = (seconds(20), Strategy::canary([percent(10), percent(50)]));
    for sizes in [[12; 2], [40; 2], [12, 20], [12, 6]] {
        for strategy in
            [Strategy::rolling(), Strategy::rolling().max_surge(0).max_unavailable(2), canary.clone(), Strategy::recreate()]
        {
            let strategy = strategy.drain_deadline(patient);
            for (zones, split, left_mixed) in
                [(&["a", "b", "c"][..], None, false), (&[], coarse, false), (&[], WEIGHTED, true), (&["a", "b"], None, true)]
            {
                let left_mixed = left_mixed.then(|| (Strategy::rolling(), 240));
                Row { split, zones, left_mixed, ..Row::of("other", sizes, strategy.clone()) }.play();
            }
        }
    }
}
